"""Phones that nobody deletes without an operator's yes."""

from __future__ import annotations

from sqlalchemy import select

from store import parking, tables
from store.dialect import Database
from store.parking import Parked
from tests.pushes.fleet import PASS_TYPE, pending, seed


async def park(db: Database, phones: int, reason: str) -> None:
    async with db.transaction() as conn:
        some = tables.devices.update().where(tables.devices.c.id <= phones)
        await conn.execute(some.values(state="parked", state_reason=reason))


async def states(db: Database) -> list[str]:
    async with db.reading() as conn:
        return list((await conn.execute(select(tables.devices.c.state).order_by(tables.devices.c.id))).scalars())


async def test_parked_phones_are_counted_by_reason(db: Database) -> None:
    await seed(db, 5)
    await park(db, 5, "BadDeviceToken")
    await park(db, 2, "DeviceTokenNotForTopic")
    assert await parking.parked(db) == [
        Parked(PASS_TYPE, "BadDeviceToken", 3),
        Parked(PASS_TYPE, "DeviceTokenNotForTopic", 2),
    ]


async def test_released_phones_are_rung_once_each(db: Database) -> None:
    await seed(db, 600)
    await park(db, 510, "BadDeviceToken")
    assert await parking.release(db, pass_type_identifier=PASS_TYPE, reason="BadDeviceToken") == 510
    assert set(await states(db)) == {"active"}
    assert await pending(db) == 510


async def test_pruned_phones_go_with_their_registrations_and_no_others(db: Database) -> None:
    await seed(db, 5)
    await park(db, 3, "BadDeviceToken")
    assert await parking.prune(db, pass_type_identifier=PASS_TYPE, reason="Other") == 0
    assert await parking.prune(db, pass_type_identifier=PASS_TYPE, reason="BadDeviceToken") == 3
    assert await states(db) == ["active", "active"]
    async with db.reading() as conn:
        assert sorted((await conn.execute(select(tables.registrations.c.device_id))).scalars()) == [4, 5]
