"""Which wallets phones hold cards in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialect import Database
from store.platforms import APPLE
from store.tables import ELSEWHERE, devices, registrations


@dataclass(frozen=True, slots=True)
class Held:
    """Who holds a card: how many phones, and whether any of them in another wallet than Apple's."""

    phones: int = 0
    elsewhere: bool = False


async def held_by(conn: AsyncConnection, card_id: int) -> Held:
    """Who holds this card; what every change asks, so that the statement is made once."""
    phones, apples = (await conn.execute(_HELD_BY, {"card": card_id})).one()
    return Held(int(phones), phones > apples)


async def holding(db: Database, card_id: int) -> Held:
    """The same for a page that is looked at."""
    async with db.reading() as conn:
        return await held_by(conn, card_id)


def _held_by() -> Any:
    apples = func.count().filter(devices.c.platform == APPLE)
    held = select(func.count(), apples).select_from(registrations)
    held = held.join(devices, devices.c.id == registrations.c.device_id)
    return held.where(registrations.c.card_id == bindparam("card", type_=BigInteger))


_HELD_BY = _held_by()


async def elsewhere(db: Database) -> Mapping[str, int]:
    """Platform -> phones, of all wallets but Apple's, for ``doctor``; by their own index, which is small."""
    counted = select(devices.c.platform, func.count()).where(ELSEWHERE).group_by(devices.c.platform)
    async with db.reading() as conn:
        return {row[0]: row[1] for row in await conn.execute(counted)}
