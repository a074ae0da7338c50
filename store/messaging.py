"""Who of a brand is told of alarms, and its own gateway for short messages: encrypted, for they name people and keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.dialect import Database
from store.errors import Conflict, NotFound
from store.locks import lock_external_id
from store.tables import messaging as table
from store.upserts import insert_into
from store.users import Role

GATEWAY_PURPOSE, CONTACTS_PURPOSE = "message-gateway", "alarm-contacts"
MAX_CONTACTS = 20


@dataclass(frozen=True, slots=True)
class Contacts:
    """Addresses that alarms go to, besides the brand's admins: e-mails, and phones in E.164."""

    mails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


async def gateway(db: Database, brand_id: int) -> Mapping[str, Any] | None:
    """The brand's own gateway as ``set_gateway`` took it, or None: then the settings' is used."""
    sealed = await _sealed(db, brand_id, "gateway_encrypted")
    return None if sealed is None else dict(orjson.loads(db.keyring.decrypt(GATEWAY_PURPOSE, sealed)))


async def has_gateway(db: Database, brand_id: int) -> bool:
    """Whether the brand has one of its own."""
    return await _sealed(db, brand_id, "gateway_encrypted") is not None


async def set_gateway(db: Database, brand_id: int, given: Mapping[str, Any] | None, now: datetime) -> None:
    """Give the brand a gateway of its own (``url``, ``body``, ``headers``, ``expect``), or None to use the settings'."""
    sealed = None if given is None else db.keyring.encrypt(GATEWAY_PURPOSE, orjson.dumps(dict(given)))
    await _keep(db, brand_id, now, gateway_encrypted=sealed)


async def contacts(db: Database, brand_id: int) -> Contacts:
    """Whom the brand has named."""
    sealed = await _sealed(db, brand_id, "contacts_encrypted")
    if sealed is None:
        return Contacts()
    given = orjson.loads(db.keyring.decrypt(CONTACTS_PURPOSE, sealed))
    return Contacts(tuple(given["mails"]), tuple(given["phones"]))


async def set_contacts(db: Database, brand_id: int, given: Contacts, now: datetime) -> None:
    """Name others than before."""
    content = orjson.dumps({"mails": list(given.mails), "phones": list(given.phones)})
    await _keep(db, brand_id, now, contacts_encrypted=db.keyring.encrypt(CONTACTS_PURPOSE, content))


async def add_contact(db: Database, brand_id: int, to: str, now: datetime) -> None:
    """Name one more, an e-mail or a phone in E.164; Conflict past ``MAX_CONTACTS``. One who is named stays so."""
    async with db.writing() as conn:
        await lock_external_id(conn, brand_id, "alarm contacts")
        known = await contacts(db, brand_id)
        if len(known.mails) + len(known.phones) >= MAX_CONTACTS:
            raise Conflict(f"At most {MAX_CONTACTS} are told of alarms.", code="too_many_contacts")
        mails, phones = ((to,), ()) if "@" in to else ((), (to,))
        more = Contacts(tuple(dict.fromkeys(known.mails + mails)), tuple(dict.fromkeys(known.phones + phones)))
        await set_contacts(db, brand_id, more, now)


async def remove_contact(db: Database, brand_id: int, to: str, now: datetime) -> None:
    """Name one less; NotFound."""
    async with db.writing() as conn:
        await lock_external_id(conn, brand_id, "alarm contacts")
        known = await contacts(db, brand_id)
        if to not in (*known.mails, *known.phones):
            raise NotFound("Nobody of this address is told of alarms.")
        mails = tuple(one for one in known.mails if one != to)
        await set_contacts(db, brand_id, Contacts(mails, tuple(one for one in known.phones if one != to)), now)


async def admins(conn: AsyncConnection, brand_id: int) -> list[str]:
    """The e-mails of the brand's admins."""
    users, roles = tables.users.c, tables.user_roles.c
    some = select(users.email).join(tables.user_roles, roles.user_id == users.id)
    some = some.where(roles.brand_id == brand_id, roles.role == Role.ADMIN.value, users.revoked_at.is_(None))
    return list((await conn.execute(some.order_by(users.id))).scalars().all())


async def _sealed(db: Database, brand_id: int, column: str) -> bytes | None:
    async with db.reading() as conn:
        found = await conn.execute(select(table.c[column]).where(table.c.brand_id == brand_id))
        return found.scalar_one_or_none()


async def _keep(db: Database, brand_id: int, now: datetime, **values: bytes | None) -> None:
    values |= {"updated_at": now}  # type: ignore[dict-item]
    keep = insert_into(table, is_postgresql=db.is_postgresql).values(brand_id=brand_id, **values)
    async with db.transaction() as conn:
        await conn.execute(keep.on_conflict_do_update(index_elements=["brand_id"], set_=values))
