"""API keys: shown once, kept as a hash, scoped, revoked.

A key is ``pb_live_<id>_<secret>`` with 256 random bits, so SHA-256 is enough of a hash (nothing to guess).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from store import randomness, tables
from store.dialect import Database
from store.errors import Conflict, NotFound

PREFIX = "pb_live_"
ID_LENGTH = 8
SECRET_LENGTH = 43  # characters of 62: 256 bits
MAX_LENGTH = 200
USED_EVERY = timedelta(minutes=1)
"""``last_used_at`` is kept no more exactly than this, so that a request does not cost a write."""
USUAL_SCOPES = ("cards:read", "cards:write", "templates:read", "news:read", "news:write")
"""What a key may do if no scopes are given: all but a second person's word, which has to be given by its name."""
SCOPES = (*USUAL_SCOPES, "news:approve")
"""What a key may be allowed."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key without its secret; ``prefix`` is how a person recognises it."""

    id: int
    brand_id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    def allows(self, scope: str) -> bool:
        """Whether the key has this scope."""
        return scope in self.scopes


async def add(db: Database, brand_id: int, name: str, scopes: Sequence[str], now: datetime) -> str:
    """A new key: its only appearance in the clear. Without scopes it is allowed ``USUAL_SCOPES``."""
    wrong = sorted(set(scopes) - set(SCOPES))
    if wrong:
        raise Conflict(f"There is no scope {wrong[0]!r}; there are: {', '.join(SCOPES)}.")
    prefix = PREFIX + randomness.text(ID_LENGTH)
    secret = f"{prefix}_{randomness.text(SECRET_LENGTH)}"
    values = {
        "brand_id": brand_id,
        "name": name,
        "prefix": prefix,
        "hash": _hash(secret),
        "scopes": list(scopes or USUAL_SCOPES),
        "created_at": now,
    }
    try:
        async with db.transaction() as conn:
            await conn.execute(insert(tables.api_keys).values(**values))
    except IntegrityError:
        raise Conflict(f"There is a key named {name!r} already.", code="already_exists") from None
    return secret


async def authenticate(db: Database, secret: str, now: datetime | None = None) -> ApiKey | None:
    """The living key of a living brand that this secret belongs to; given ``now``, its last use is noted."""
    if not secret.startswith(PREFIX) or len(secret) > MAX_LENGTH:
        return None
    table, brand = tables.api_keys, tables.brands
    found = (
        select(table)
        .join(brand, brand.c.id == table.c.brand_id)
        .where(table.c.hash == _hash(secret), table.c.revoked_at.is_(None), brand.c.revoked_at.is_(None))
    )
    async with db.reading() as conn:
        row = (await conn.execute(found)).mappings().first()
    if row is None:
        return None
    key = _key(row)
    if now is not None and (key.last_used_at is None or now - key.last_used_at >= USED_EVERY):
        async with db.transaction() as conn:
            await conn.execute(update(table).where(table.c.id == key.id).values(last_used_at=now))
    return key


async def listing(db: Database, brand_id: int) -> list[ApiKey]:
    """The brand's keys, revoked ones too, by name."""
    table = tables.api_keys
    async with db.reading() as conn:
        rows = await conn.execute(select(table).where(table.c.brand_id == brand_id).order_by(table.c.name))
        return [_key(row) for row in rows.mappings()]


async def revoke(db: Database, brand_id: int, name: str, now: datetime) -> None:
    """Allow the key nothing more; NotFound when the brand has no living key of this name."""
    table = tables.api_keys
    mine = (table.c.brand_id == brand_id, table.c.name == name, table.c.revoked_at.is_(None))
    async with db.transaction() as conn:
        if not (await conn.execute(update(table).where(*mine).values(revoked_at=now))).rowcount:
            raise NotFound(f"There is no key named {name!r} in use.")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _key(row: Any) -> ApiKey:
    values = {name: row[name] for name in ApiKey.__slots__}
    return ApiKey(**values | {"scopes": tuple(values["scopes"])})
