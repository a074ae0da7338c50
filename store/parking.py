"""Parked devices: phones whose token the vendor refused in a way that may be our mistake, so that nobody deleted them.

They keep their registrations and may ask what is new; only pushes pass them by. Registering anew unparks a phone by itself;
the rest waits for an operator's word: ``release`` when the cause was ours, ``prune`` when the tokens are really dead.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Select, func, select, update

from store import jobs
from store.dialect import Database
from store.registering import drop_devices
from store.tables import devices

PAGE = 500
"""Devices handled in one transaction."""


@dataclass(frozen=True, slots=True)
class Parked:
    """How many devices of a pass type are parked for a reason."""

    pass_type_identifier: str
    reason: str
    devices: int


async def parked(db: Database) -> list[Parked]:
    """Parked devices, counted by pass type and reason."""
    counted = (
        select(devices.c.pass_type_identifier, devices.c.state_reason, func.count())
        .where(devices.c.state == "parked")
        .group_by(devices.c.pass_type_identifier, devices.c.state_reason)
        .order_by(devices.c.pass_type_identifier, devices.c.state_reason)
    )
    async with db.reading() as conn:
        return [Parked(pass_type, reason or "", count) for pass_type, reason, count in await conn.execute(counted)]


async def release(db: Database, *, pass_type_identifier: str, reason: str) -> int:
    """Push to these devices again, once each at once; returns how many."""
    total = 0
    while rows := await _release_page(db, pass_type_identifier, reason):
        total += rows
    return total


async def prune(db: Database, *, pass_type_identifier: str, reason: str) -> int:
    """Delete these devices with their registrations; returns how many."""
    total = 0
    while True:
        async with db.transaction() as conn:
            page = _page(pass_type_identifier, reason)
            ids = [row.id for row in await conn.execute(page)]
            await drop_devices(conn, ids)
        total += len(ids)
        if len(ids) < PAGE:
            return total


async def _release_page(db: Database, pass_type_identifier: str, reason: str) -> int:
    async with db.transaction() as conn:
        rows = (await conn.execute(_page(pass_type_identifier, reason))).all()
        active = update(devices).where(devices.c.id.in_([row.id for row in rows]))
        await conn.execute(active.values(state="active", state_reason=None))
        for row in rows:
            await jobs.want_device(
                conn,
                brand_id=row.brand_id,
                pass_type_identifier=pass_type_identifier,
                device_id=row.id,
                platform=row.platform,
            )
        return len(rows)


def _page(pass_type_identifier: str, reason: str) -> Select[tuple[int, int, str]]:
    mine = (devices.c.pass_type_identifier == pass_type_identifier, devices.c.state_reason == reason)
    page = select(devices.c.id, devices.c.brand_id, devices.c.platform).where(*mine, devices.c.state == "parked")
    return page.order_by(devices.c.id).limit(PAGE).with_for_update()
