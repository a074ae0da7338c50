"""Phones that hold cards: registering, unregistering, and what a registration's coming and going means for updates.

The push token belongs to (device, pass type): a new one replaces it for all that device's cards. A new registration always
queues one push a few seconds later, because a change may have come between the download and the registration. The token of
the card was checked by its MAC before anything here; the answer for an unknown card and for a wrong token is the same None.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, delete, func, insert, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from store import jobs, tables, triggerevents
from store.dialect import Database
from store.timeline import Line, record
from store.upserts import insert_into

DEVICES_A_CARD = 20
"""Past this the device that was seen longest ago goes: a stolen token must not fill the database."""
FIRST_PUSH_SECONDS = 3.0
"""The phone is still busy adding the card when it registers."""
DEVICE_PURPOSE = "device"
TOKEN_PURPOSE = "push-token"  # noqa: S105 - the name of a key's purpose
TOKEN_HASH_PURPOSE = "push-token-hash"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Registered:
    """201 for ``new``, else 200."""

    new: bool


async def register(
    db: Database,
    *,
    pass_type: str,
    serial: str,
    generation: int,
    device_library_identifier: str,
    push_token: str,
    platform: str,
    now: datetime,
) -> Registered | None:
    """Register a device for a card; None for an unknown card or an old token."""
    async with db.transaction() as conn:
        card = await _card(conn, pass_type, serial, generation)
        if card is None:
            return None
        digests = db.keyring.digests(DEVICE_PURPOSE, device_library_identifier)
        device_id, is_ringable = await _keep_device(db, conn, card, digests, push_token, platform, now)
        new = await _keep_registration(conn, card, device_id, now)
        if new:
            await record(
                db, conn, [Line(card["brand_id"], card["id"], "registered", {"platform": platform}, device_id)], now
            )
            await _evict(db, conn, card, device_id, now)
            await triggerevents.note_installed(db, conn, card["triggers"], card["id"], card["secret_id"], now)
        if new or is_ringable:
            await jobs.want_device(
                conn,
                brand_id=card["brand_id"],
                pass_type_identifier=pass_type,
                device_id=device_id,
                platform=platform,
                delay=FIRST_PUSH_SECONDS,
            )
        return Registered(new)


async def unregister(
    db: Database, *, pass_type: str, serial: str, generation: int, device_library_identifier: str, now: datetime
) -> bool:
    """Forget that the device holds the card; False (401) only for an unknown card or an old token."""
    await db.served.flush()  # its download, if it is not written yet, must be there to be taken off
    async with db.transaction() as conn:
        card = await _card(conn, pass_type, serial, generation)
        if card is None:
            return False
        digests = db.keyring.digests(DEVICE_PURPOSE, device_library_identifier)
        device = await _device(conn, pass_type, digests)
        if device is not None and await _remove(conn, device["id"], card["id"]):
            await record(db, conn, [Line(card["brand_id"], card["id"], "unregistered", {}, device["id"])], now)
        return True


async def drop_devices(conn: AsyncConnection, device_ids: Collection[int]) -> None:
    """Forget devices altogether, as when the vendor says that their tokens are dead."""
    cards, held = tables.cards.c, tables.registrations
    gone = held.c.device_id.in_(device_ids)
    phones = select(func.count()).where(held.c.card_id == cards.id, gone).scalar_subquery()
    left = cards.served_count - phones  # see ``_uncount``
    counted = update(tables.cards).where(cards.id.in_(select(held.c.card_id).where(gone)), cards.served_count > 0)
    await conn.execute(counted.values(served_count=case((left > 0, left), else_=0)))
    await conn.execute(delete(held).where(gone))
    await conn.execute(delete(tables.devices).where(tables.devices.c.id.in_(device_ids)))


async def _card(conn: AsyncConnection, pass_type: str, serial: str, generation: int) -> RowMapping | None:
    """The card, locked against a registration of another device at the same time."""
    cards, brands, templates = tables.cards, tables.brands, tables.templates
    wanted = (
        select(cards.c.id, cards.c.brand_id, cards.c.secret_id, templates.c.triggers)
        .join(brands, brands.c.id == cards.c.brand_id)
        .join(templates, templates.c.id == cards.c.template_id)
        .where(cards.c.serial_number == serial, cards.c.generation == generation)
        .where(brands.c.pass_type_identifier == pass_type, brands.c.revoked_at.is_(None))
        .with_for_update(of=cards, key_share=True)
    )
    return (await conn.execute(wanted)).mappings().first()


async def _device(conn: AsyncConnection, pass_type: str, digests: tuple[str, ...]) -> RowMapping | None:
    devices = tables.devices
    mine = (devices.c.pass_type_identifier == pass_type, devices.c.device_hash.in_(digests))
    return (await conn.execute(select(devices).where(*mine).with_for_update())).mappings().first()


async def _keep_device(
    db: Database,
    conn: AsyncConnection,
    card: RowMapping,
    digests: tuple[str, ...],
    push_token: str,
    platform: str,
    now: datetime,
) -> tuple[int, bool]:
    """The device's id, and whether its token is new or was parked; the row stays locked."""
    pass_type = await _pass_type(conn, card["brand_id"])
    before = await _device(conn, pass_type, digests)
    token_hashes = db.keyring.digests(TOKEN_HASH_PURPOSE, push_token)
    is_same = (
        before is not None
        and before["push_token_hash"] in token_hashes
        and (before["state"], before["platform"]) == ("active", platform)
    )
    values: dict[str, Any] = {
        "device_hash": digests[0],
        "platform": platform,
        "push_token_encrypted": db.keyring.encrypt(TOKEN_PURPOSE, push_token.encode()),
        "push_token_hash": token_hashes[0],
        "push_token_at": now,
        "state": "active",
        "state_reason": None,
        "seen_at": now,
    }
    if before is not None:
        await conn.execute(update(tables.devices).where(tables.devices.c.id == before["id"]).values(**values))
        return before["id"], not is_same
    place = {"brand_id": card["brand_id"], "pass_type_identifier": pass_type, "sweeps": 0, "created_at": now}
    statement = insert_into(tables.devices, is_postgresql=db.is_postgresql).values(**place, **values)
    upsert = statement.on_conflict_do_update(index_elements=["pass_type_identifier", "device_hash"], set_=values)
    return (await conn.execute(upsert.returning(tables.devices.c.id))).scalar_one(), True


async def _pass_type(conn: AsyncConnection, brand_id: int) -> str:
    brands = tables.brands.c
    found = await conn.execute(select(brands.pass_type_identifier).where(brands.id == brand_id))
    return str(found.scalar_one())


async def _keep_registration(conn: AsyncConnection, card: RowMapping, device_id: int, now: datetime) -> bool:
    table = tables.registrations
    mine = (table.c.device_id == device_id, table.c.card_id == card["id"])
    if (await conn.execute(update(table).where(*mine).values(seen_at=now))).rowcount:
        return False
    values = {"brand_id": card["brand_id"], "device_id": device_id, "card_id": card["id"]}
    await conn.execute(insert(table).values(**values, created_at=now, seen_at=now))
    return True


async def _evict(db: Database, conn: AsyncConnection, card: RowMapping, kept: int, now: datetime) -> None:
    """Let go the devices seen longest ago, past the limit."""
    table, devices = tables.registrations, tables.devices
    count = (await conn.execute(select(func.count()).where(table.c.card_id == card["id"]))).scalar_one()
    if count <= DEVICES_A_CARD:
        return
    longest = (
        select(table.c.device_id)
        .join(devices, devices.c.id == table.c.device_id)
        .where(table.c.card_id == card["id"], table.c.device_id != kept)
        .order_by(devices.c.seen_at, table.c.id)
        .limit(count - DEVICES_A_CARD)
    )
    for device_id in (await conn.execute(longest)).scalars().all():
        locked = select(devices.c.id).where(devices.c.id == device_id).with_for_update()
        if (await conn.execute(locked)).first() is not None:
            await _remove(conn, device_id, card["id"])
            await record(db, conn, [Line(card["brand_id"], card["id"], "evicted", {}, device_id)], now)


async def _remove(conn: AsyncConnection, device_id: int, card_id: int) -> bool:
    """Remove a registration, and the device if it was its last; the caller has locked the device's row.

    The lock and the look for other registrations are two statements, so that one made meanwhile is seen.
    """
    table = tables.registrations
    mine = (table.c.device_id == device_id, table.c.card_id == card_id)
    removed = (await conn.execute(delete(table).where(*mine))).rowcount
    if removed:
        await _uncount(conn, card_id)
    left = select(table.c.id).where(table.c.device_id == device_id).limit(1)
    if (await conn.execute(left)).first() is None:
        await conn.execute(delete(tables.devices).where(tables.devices.c.id == device_id))
    return bool(removed)


async def _uncount(conn: AsyncConnection, card_id: int) -> None:
    """One download of the current edition less: it may have been the one of the phone that goes.

    A card is listed while its edition has had fewer downloads than the card has phones. If a phone that had fetched goes, and
    its download still counted, a phone whose own download broke would be taken for served.
    """
    cards = tables.cards.c
    counted = update(tables.cards).where(cards.id == card_id, cards.served_count > 0)
    await conn.execute(counted.values(served_count=cards.served_count - 1))
