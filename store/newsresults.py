"""What came of a news: who was told against who was held out, counted in one walk over its cards when its time has come.

Counted are kinds and moments of timeline lines, never what stands in them. Three times: when it is done or over, so that there is
something to look at, after 48 hours, and after 14 days, which is final and stays.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.dialect import Database, database_now
from store.livenews import Live, live_of

REMOVED_WITHIN = timedelta(hours=48)
CHANGED_WITHIN = timedelta(days=14)
MOMENTS = (REMOVED_WITHIN, CHANGED_WITHIN)
REMOVALS = ("unregistered", "google_deleted")
PAGE = 2_000
"""Cards looked at in one reading."""


@dataclass(slots=True)
class Group:
    """``removed`` cards left a phone or Google wallet within 48 hours, ``changed`` cards were changed within 14 days."""

    cards: int = 0
    removed: int = 0
    changed: int = 0


async def turn(db: Database) -> int:
    """Count what is due; returns how many news."""
    async with db.reading() as conn:
        due = select(tables.news).where(tables.news.c.result_at <= await database_now(conn))
        rows = (await conn.execute(due.order_by(tables.news.c.result_at).limit(10))).all()
    for row in rows:
        await _count(db, row)
    return len(rows)


async def _count(db: Database, row: Any) -> None:
    told, held = Group(), Group()
    live, after = live_of(row), 0
    async with db.reading() as conn:
        now = await database_now(conn)
    while True:
        async with db.reading() as conn:
            found = await _page(conn, row, after)
            if found:
                await _add(conn, row.live_at, live, found, told, held)
        if len(found) < PAGE:
            break
        after = found[-1].id
        await asyncio.sleep(0)
    next_at = next((row.live_at + one for one in MOMENTS if row.live_at + one > now), None)
    until = now if next_at else row.live_at + CHANGED_WITHIN
    result = {
        "told": asdict(told),
        "holdout": asdict(held) if row.holdout else None,
        "until": until.isoformat(),
        "is_final": next_at is None,
    }
    async with db.transaction() as conn:
        mine = update(tables.news).where(tables.news.c.id == row.id)
        await conn.execute(mine.values(result=result, result_at=next_at))


async def _page(conn: AsyncConnection, row: Any, after: int) -> list[Any]:
    """The next cards that were in its audience when it went live."""
    cards, news_cards = tables.cards.c, tables.news_cards
    wanted = select(cards.id, cards.serial_number)
    wanted = wanted.where(cards.template_id == row.template_id, cards.id > after, cards.created_at < row.live_at)
    if row.is_listed:
        listed = and_(news_cards.c.card_id == cards.id, news_cards.c.news_id == row.id)
        wanted = wanted.join(news_cards, listed)
    return list((await conn.execute(wanted.order_by(cards.id).limit(PAGE))).all())


async def _add(
    conn: AsyncConnection, live_at: datetime, live: Live, found: list[Any], told: Group, held: Group
) -> None:
    removed = await _cards(conn, found, REMOVALS, live_at, REMOVED_WITHIN)
    changed = await _cards(conn, found, ("changed",), live_at, CHANGED_WITHIN)
    for card in found:
        group = held if live.for_card(card.serial_number) is None else told
        group.cards += 1
        group.removed += card.id in removed
        group.changed += card.id in changed


async def _cards(
    conn: AsyncConnection, found: list[Any], kinds: tuple[str, ...], since: datetime, within: timedelta
) -> set[int]:
    lines = tables.timeline.c
    these = lines.card_id.between(found[0].id, found[-1].id)
    wanted = select(func.distinct(lines.card_id)).where(these, lines.kind.in_(kinds))
    return set((await conn.execute(wanted.where(lines.at > since, lines.at <= since + within))).scalars())
