"""Hook sources: the backends that may tell us changes, their secrets with overlap, and their last deliveries.

``deliver`` (``store.events``) applies an event. A source's name is part of its URL and so unique over all brands.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from passkit.hooks import new_secret
from store import tables
from store.clock import NOW
from store.dialect import Database
from store.errors import Conflict, NotFound
from store.events import HookAnswer, HookEvent, deliver
from store.tables import from_micros, to_micros

__all__ = [
    "Delivery",
    "HookAnswer",
    "HookEvent",
    "Source",
    "SourceRow",
    "add",
    "by_name",
    "deliver",
    "deliveries",
    "listing",
    "record_delivery",
    "revoke",
    "rotate",
    "set_brake",
]

PURPOSE = "hook-secrets"
SECRET_BYTES = 32
KEPT_DELIVERIES = 1_000
"""``hooks log`` shows the last 200; a burst of refusals from one sender must not push the others' out at once."""
OVERLAP = timedelta(days=1)
"""How long the old secret still works after a rotation."""
MAX_REASON = 500


@dataclass(frozen=True, slots=True)
class Source:
    """A living source with its secrets in the clear, the newest first.

    ``brake_at``: so many rings or resets in ten minutes pass the brake, None as usual, 0 any number; ``has_held``: some are held.
    """

    id: int
    brand_id: int
    name: str
    secrets: tuple[str, ...] = field(repr=False)
    brake_at: int | None = None
    has_held: bool = False


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source without its secrets."""

    id: int
    brand_id: int
    name: str
    created_at: datetime
    revoked_at: datetime | None
    brake_at: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook delivery: ``reason`` is the true one, which the sender is not told."""

    source: str
    event_id: str
    at: datetime
    status: int
    result: str
    reason: str


async def add(db: Database, brand_id: int, name: str, now: datetime) -> str:
    """A new source; returns its secret ``whsec_...``."""
    secret = new_secret(os.urandom(SECRET_BYTES))
    sealed = _seal(db, [{"secret": secret, "until": None}])
    values = {"brand_id": brand_id, "name": name, "secrets_encrypted": sealed, "created_at": now}
    try:
        async with db.transaction() as conn:
            await conn.execute(insert(tables.sources).values(**values))
    except IntegrityError:
        raise Conflict(f"There is a hook source named {name!r} already.", code="already_exists") from None
    return secret


async def rotate(db: Database, name: str, overlap: timedelta, now: datetime) -> str:
    """A new secret; the old ones work until ``overlap`` from now."""
    table = tables.sources
    secret = new_secret(os.urandom(SECRET_BYTES))
    async with db.transaction() as conn:
        row = (await conn.execute(_living(name).with_for_update())).mappings().first()
        if row is None:
            raise NotFound(f"There is no hook source {name!r} in use.")
        ends = to_micros(now + overlap)
        old = [
            entry | {"until": min(entry["until"] or ends, ends)}
            for entry in _valid(_open(db, row["secrets_encrypted"]), now)
        ]
        sealed = _seal(db, [{"secret": secret, "until": None}, *old])
        await conn.execute(update(table).where(table.c.id == row["id"]).values(secrets_encrypted=sealed))
    return secret


async def listing(db: Database, brand_id: int) -> list[SourceRow]:
    """The brand's sources, revoked ones too, by name."""
    table = tables.sources
    columns = (table.c[name] for name in SourceRow.__slots__)
    async with db.reading() as conn:
        rows = await conn.execute(select(*columns).where(table.c.brand_id == brand_id).order_by(table.c.name))
        return [SourceRow(**row) for row in rows.mappings()]


async def revoke(db: Database, name: str, now: datetime) -> None:
    """Believe the source no more; NotFound when none of this name is in use."""
    table = tables.sources
    async with db.transaction() as conn:
        living = (table.c.name == name, table.c.revoked_at.is_(None))
        if not (await conn.execute(update(table).where(*living).values(revoked_at=now))).rowcount:
            raise NotFound(f"There is no hook source {name!r} in use.")


async def set_brake(db: Database, name: str, at: int | None) -> None:
    """How many rings or resets in ten minutes pass; None: 200 or 5 % of the template's cards, 0: any number."""
    table = tables.sources
    async with db.transaction() as conn:
        living = (table.c.name == name, table.c.revoked_at.is_(None))
        if not (await conn.execute(update(table).where(*living).values(brake_at=at))).rowcount:
            raise NotFound(f"There is no hook source {name!r} in use.")


async def by_name(db: Database, name: str, now: datetime | None = None) -> Source | None:
    """A living source of a living brand with the secrets that are still good (by the database's clock unless given)."""
    rows = await db.fetch(_BY_NAME.format(now=NOW[db.engine.dialect.name]), name)
    if not rows:
        return None
    source_id, brand_id, sealed, clock, brake_at, has_held = rows[0]
    secrets = tuple(entry["secret"] for entry in _valid(_open(db, sealed), now or from_micros(clock)))
    return Source(source_id, brand_id, name, secrets, brake_at, bool(has_held))


_BY_NAME = """
    SELECT s.id, s.brand_id, s.secrets_encrypted, {now}, s.brake_at,
        EXISTS (SELECT 1 FROM brakes k WHERE k.source_id = s.id)
    FROM sources s JOIN brands b ON b.id = s.brand_id
    WHERE s.name = ?1 AND s.revoked_at IS NULL AND b.revoked_at IS NULL
"""  # each webhook asks: plain SQL, see store.hotreads


async def record_delivery(
    db: Database, *, source: str, event_id: str, status: int, result: str, reason: str = "", now: datetime
) -> None:
    """Keep what became of a delivery, without its body; the oldest go."""
    table = tables.deliveries
    values = {"source_name": source[:64], "event_id": event_id[:128], "at": now, "status": status}
    async with db.writing() as conn:
        added = await conn.execute(_DELIVERED, values | {"result": result[:40], "reason": reason[:MAX_REASON]})
        newest = added.scalar_one()
        if newest % 50 == 0:
            await conn.execute(delete(table).where(table.c.id <= newest - KEPT_DELIVERIES))


_DELIVERED = insert(tables.deliveries).returning(tables.deliveries.c.id)


async def deliveries(db: Database, limit: int = 200) -> list[Delivery]:
    """The last deliveries, newest first."""
    table = tables.deliveries
    async with db.reading() as conn:
        rows = await conn.execute(select(table).order_by(table.c.id.desc()).limit(limit))
        return [Delivery(row.source_name, row.event_id, row.at, row.status, row.result, row.reason) for row in rows]


def _living(name: str) -> Any:
    table, brand = tables.sources, tables.brands
    living = (table.c.name == name, table.c.revoked_at.is_(None), brand.c.revoked_at.is_(None))
    return select(table).join(brand, brand.c.id == table.c.brand_id).where(*living)


def _valid(entries: list[dict[str, Any]], now: datetime) -> list[dict[str, Any]]:
    return [entry for entry in entries if entry["until"] is None or from_micros(entry["until"]) > now]


def _seal(db: Database, entries: list[dict[str, Any]]) -> bytes:
    return db.keyring.encrypt(PURPOSE, orjson.dumps(entries))


def _open(db: Database, sealed: bytes) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = orjson.loads(db.keyring.decrypt(PURPOSE, sealed))
    return entries
