"""Who we are to Google, and who Google is to us: service accounts of brands, and the root keys that sign callbacks.

A service account's JSON file is kept encrypted under SECRET, so that every host has it. Several of one brand may overlap
while one replaces another. Root keys are public; a worker job reads them, and a callback only ever asks the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from sqlalchemy import Select, delete, insert, select, update

from passkit.errors import Problem, Severity
from passkit.google.callback import RootKey
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.googlework import ServiceAccount
from store.tables import brands, google_keys, google_root_keys
from store.upserts import insert_into

PURPOSE = "google-key"
FIELDS = ("client_email", "private_key", "private_key_id", "token_uri")
MAX_BYTES = 20_000


async def add_key(db: Database, brand_id: int, content: bytes, now: datetime) -> bool:
    """Keep a service account's JSON file, encrypted; False when it is known (also when it was removed by hand).

    Invalid for anything that is no service account key.
    """
    email, fingerprint = read(content)
    known = select(google_keys.c.id).where(google_keys.c.brand_id == brand_id, google_keys.c.fingerprint == fingerprint)
    async with db.reading() as conn:
        if (await conn.execute(known)).first() is not None:
            return False
    values = {
        "brand_id": brand_id,
        "fingerprint": fingerprint,
        "client_email": email,
        "key_encrypted": db.keyring.encrypt(PURPOSE, content),
        "created_at": now,
    }
    async with db.transaction() as conn:
        keep = insert_into(google_keys, is_postgresql=db.is_postgresql).values(**values)
        return bool((await conn.execute(keep.on_conflict_do_nothing())).rowcount)  # another process may be as quick


def read(content: bytes) -> tuple[str, str]:
    """The account's address and its key's fingerprint (SHA-256 of the public key); Invalid."""
    try:
        info = orjson.loads(content)
        if len(content) > MAX_BYTES or not isinstance(info, dict) or info.get("type") != "service_account":
            raise ValueError("it is not of the type service_account")
        missing = [name for name in FIELDS if not isinstance(info.get(name), str)]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        key = load_pem_private_key(info["private_key"].encode(), password=None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("its private key is no RSA key")
    except (ValueError, TypeError) as error:
        reason = str(error) if not isinstance(error, orjson.JSONDecodeError) else "it is not JSON"
        detail = f"This is no service account key ({reason}): download one as JSON from Google Cloud's console."
        raise Invalid([Problem(Severity.ERROR, "", detail)]) from None
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return info["client_email"], hashlib.sha256(public).hexdigest()


async def keys(db: Database, brand_id: int) -> list[ServiceAccount]:
    """The brand's service accounts in use, newest first."""
    async with db.reading() as conn:
        rows = (await conn.execute(_in_use().where(google_keys.c.brand_id == brand_id))).mappings().all()
        return [_account(db, row) for row in rows]


async def remove_key(db: Database, brand_id: int, fingerprint: str, now: datetime) -> None:
    """Use a service account no more; ``fingerprint`` may be its beginning. NotFound; Conflict where that fits several."""
    async with db.transaction() as conn:
        found = (await conn.execute(_in_use().where(google_keys.c.brand_id == brand_id))).mappings().all()
        named = [row["id"] for row in found if fingerprint and row["fingerprint"].startswith(fingerprint)]
        if not named:
            raise NotFound(f"There is no service account in use with the fingerprint {fingerprint}.")
        if len(named) > 1:
            raise Conflict(f"Several service accounts have fingerprints that begin with {fingerprint}: say more of it.")
        await conn.execute(update(google_keys).where(google_keys.c.id == named[0]).values(removed_at=now))


async def credentials(db: Database) -> Mapping[str, list[ServiceAccount]]:
    """By issuer: the readable service accounts of its brands, newest first; of brands neither off nor revoked."""
    on = (brands.c.google_mode != "off", brands.c.revoked_at.is_(None), brands.c.google_issuer_id.is_not(None))
    found: dict[str, list[ServiceAccount]] = {}
    async with db.reading() as conn:
        for row in (await conn.execute(_in_use().where(*on))).mappings().all():
            account = _account(db, row)
            same = found.setdefault(row["google_issuer_id"], [])
            if account.info and account.fingerprint not in {one.fingerprint for one in same}:
                same.append(account)
    return found


async def root_keys(db: Database) -> list[RootKey]:
    """Google's keys as they were last read."""
    async with db.reading() as conn:
        rows = await conn.execute(select(google_root_keys).order_by(google_root_keys.c.key_value))
        return [RootKey(row.key_value, row.protocol_version, row.expires_at) for row in rows]


async def replace_root_keys(db: Database, new: Sequence[RootKey], now: datetime) -> None:
    """What Google publishes now; an empty list is refused with ValueError, so that a bad answer forgets nothing."""
    if not new:
        raise ValueError("A list of no root keys is not Google's: those that are known stay.")
    columns = ("key_value", "protocol_version", "expires_at", "read_at")
    rows = {
        key.key_value: dict(zip(columns, (key.key_value, key.protocol_version, key.expires_at, now), strict=True))
        for key in new
    }
    async with db.transaction() as conn:
        await conn.execute(delete(google_root_keys))
        await conn.execute(insert(google_root_keys), list(rows.values()))


async def root_keys_read_at(db: Database) -> datetime | None:
    """When Google's keys were last read; None: never."""
    async with db.reading() as conn:
        newest = select(google_root_keys.c.read_at).order_by(google_root_keys.c.read_at.desc()).limit(1)
        return (await conn.execute(newest)).scalar_one_or_none()


def _in_use() -> Select[Any]:
    return (
        select(google_keys, brands.c.google_issuer_id)
        .join(brands, brands.c.id == google_keys.c.brand_id)
        .where(google_keys.c.removed_at.is_(None))
        .order_by(google_keys.c.created_at.desc(), google_keys.c.id.desc())
    )


def _account(db: Database, row: Mapping[str, Any]) -> ServiceAccount:
    try:
        info = orjson.loads(db.keyring.decrypt(PURPOSE, row["key_encrypted"]))
    except ValueError:
        info = {}
    return ServiceAccount(
        brand_id=row["brand_id"],
        issuer_id=row["google_issuer_id"],
        client_email=row["client_email"],
        fingerprint=row["fingerprint"],
        created_at=row["created_at"],
        info=info,
    )
