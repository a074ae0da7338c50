"""The brake itself: a backend that suddenly rings everybody, or empties everybody's card, is stopped and a person asked.

A change counts when it rings (a lock-screen text) or resets (a number to zero, a text to nothing). The first that are more
than the window allows (``store.brake``) and all such after them are held; so is whatever comes for a card behind one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.model import Value
from store import held
from store.brake import Made
from store.cardrows import CardRow
from store.changes import Applied
from store.dialect import Database
from store.held import Event

Work = Callable[[], Awaitable[list[Applied | None]]]
"""Applies an event to each of its cards, None where all of it is stale for one."""


@dataclass(frozen=True, slots=True)
class Sender:
    """Whose change it is. ``brake_at``: None as usual, 0 never; ``has_held``: something of this source is held."""

    source_id: int
    brand_id: int
    brake_at: int | None = None
    has_held: bool = False
    is_let_through: bool = False


async def guarded(
    db: Database,
    conn: AsyncConnection,
    sender: Sender,
    cards: Sequence[CardRow],
    event: Event,
    work: Work,
    now: datetime,
) -> list[Applied | None] | None:
    """Do the work on these locked cards, or hold the event and return None; all in the caller's transaction."""
    if sender.is_let_through or not cards:
        return await work()
    first = cards[0].row["template_id"]
    waits = await held.behind(conn, sender.source_id, event.card_ids) if sender.has_held else None
    if waits is not None:
        await held.keep(db, conn, (sender.brand_id, sender.source_id, first), event, *waits, now)
        return None
    if sender.brake_at == 0:
        return await work()
    return await _counted(db, conn, sender, cards, event, work, now)


async def _counted(
    db: Database,
    conn: AsyncConnection,
    sender: Sender,
    cards: Sequence[CardRow],
    event: Event,
    work: Work,
    now: datetime,
) -> list[Applied | None] | None:
    size: dict[int, int] = {}
    for card in cards:
        size[card.row["template_id"]] = size.get(card.row["template_id"], 0) + 1
    sums = {one: await db.brake.sums(conn, (sender.source_id, one), now) for one in size}
    limits = {one: await db.brake.limit(conn, one, sender.brake_at, sums[one], now) for one in size}
    is_near = any(sums[one].is_near(limits[one], count) for one, count in size.items())
    attempt = await conn.begin_nested() if is_near else None
    done = await work()
    made = {one: _made(cards, done, one) for one in size}
    fresh = {one: db.brake.fresh((sender.source_id, one), told, now) for one, told in made.items()}
    broken = next(((one, why) for one in size if (why := sums[one].breaks(fresh[one], limits[one]))), None)
    for one, told in made.items():
        db.brake.note((sender.source_id, one), told, now, passes=attempt is None or broken is None)
    if attempt is None:
        return done
    if broken is None:
        await attempt.commit()
        return done
    await attempt.rollback()
    template_id, why = broken
    await held.keep(db, conn, (sender.brand_id, sender.source_id, template_id), event, why, None, now)
    return None


def _made(cards: Sequence[CardRow], done: Sequence[Applied | None], template_id: int) -> Made:
    pairs = [
        (card, one)
        for card, one in zip(cards, done, strict=True)
        if one is not None and card.row["template_id"] == template_id
    ]
    rings = [card.id for card, one in pairs if any(row.lock_screen is not None for row in one.visible)]
    return Made(rings, [card.id for card, one in pairs if is_reset(card.values, one.card.values)])


def is_reset(before: Mapping[str, Value], after: Mapping[str, Value]) -> bool:
    """Whether a number became zero or a text nothing."""
    return any(not _is_nothing(value) and _is_nothing(after.get(name)) for name, value in before.items())


def _is_nothing(value: Value) -> bool:
    if isinstance(value, bool):
        return False
    return value is None or value == "" or (isinstance(value, (int, Decimal)) and value == 0)
