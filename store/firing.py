"""A trigger tells cards of their occasion: written down, put on the card, and rung for, all in one transaction.

What it says is a news of its own (``news.trigger_id``), live as long as the trigger is on and listed for nobody at first; each
card that is told is listed with a time of its own (``news_cards.at``, ``until``). So cards show it, Google's objects say it,
quiet hours and the cap hold it as any other news, and serving compares no clocks: ``leave`` takes it off when a card's time is
over. That a card was told of an occasion stands in ``trigger_firings``, once: whoever is killed and goes on tells nobody twice.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.arms import arm
from store import newscaps, newscounts, newsobjects, newsrules, places
from store.cardrows import CardRow
from store.claims import device_intent
from store.clock import NOW
from store.dialect import Database, database_now, mark
from store.jobs import Lane, insert_into_jobs
from store.newsviews import by_id
from store.platforms import APPLE, Route
from store.tables import (
    MICROSECOND,
    devices,
    from_micros,
    google_objects,
    jobs,
    news,
    news_cards,
    other_jobs,
    registrations,
    trigger_firings,
)
from store.upserts import insert_into

TOLD, SILENT, HELD_OUT = "told", "silent", "held_out"
PURPOSE = "trigger-occasion"
LEAVING = 200
"""Cards that a text leaves in one transaction."""
_OVER = "SELECT card_id FROM news_cards WHERE until <= (SELECT {now}) LIMIT 1"
"""Asked every second: plain SQL, see ``store.hotreads``."""


@dataclass(slots=True)
class Fired:
    """What became of cards whose occasion it is; ``silent`` are told ones that show it without a ring."""

    told: int = 0
    silent: int = 0
    held_out: int = 0
    too_soon: int = 0


def occasion(db: Database, trigger: Any, card: CardRow, name: str) -> str:
    """An occasion as it is written down: what a card holds must not be read from it."""
    return db.keyring.digest(PURPOSE, f"{trigger.key}\0{name}", card.row["secret_id"])


async def fire(
    db: Database, conn: AsyncConnection, trigger: Any, found: Sequence[tuple[CardRow, str]], now: datetime
) -> Fired:
    """Tell these cards of their occasions, those that were not told yet; the caller has locked the trigger."""
    cards = {card.id: card for card, _ in found}
    recent = await too_soon(conn, trigger, list(cards), now)
    left = {(card.id, name) for card, name in found if card.id not in recent}
    fired = Fired(too_soon=len(recent))
    if not left:
        return fired
    await conn.execute(select(news.c.id).where(news.c.id == trigger.news_id).with_for_update())
    message = await by_id(conn, trigger.news_id)
    held = {id_ for id_, _ in left if is_held_out(trigger, cards[id_])}
    rules = await newsrules.of_brand(conn, trigger.brand_id)
    silent = await newscaps.capped(conn, rules, message, [id_ for id_, _ in left if id_ not in held], now)
    outcomes = {id_: HELD_OUT if id_ in held else SILENT if id_ in silent else TOLD for id_, _ in left}
    new = await _written(db, conn, trigger, left, outcomes, now)
    told = {id_ for id_ in new if id_ not in held}
    await _list(db, conn, trigger, [cards[id_] for id_ in sorted(told)], silent, now)
    await _ring(conn, message, told, now, is_told=True)
    await newsobjects.put(conn, message, told, silent)
    fired.told, fired.silent, fired.held_out = len(told), len(told & silent), len(new & held)
    return fired


def is_held_out(trigger: Any, card: CardRow) -> bool:
    """By a stable hash: whatever the trigger says by and by, the same cards are not told."""
    return arm(trigger.key, card.row["serial_number"], trigger.holdout, (1,)) is None


async def too_soon(conn: AsyncConnection, trigger: Any, card_ids: Sequence[int], now: datetime) -> frozenset[int]:
    """Of these cards those that the trigger has met within its ``cap_days``."""
    if not trigger.cap_days or not card_ids:
        return frozenset()
    table = trigger_firings.c
    met = select(table.card_id).where(table.trigger_id == trigger.id, table.card_id.in_(card_ids))
    return frozenset((await conn.execute(met.where(table.at > now - timedelta(days=trigger.cap_days)))).scalars())


async def _written(
    db: Database,
    conn: AsyncConnection,
    trigger: Any,
    left: Collection[tuple[int, str]],
    outcomes: dict[int, str],
    now: datetime,
) -> set[int]:
    """Write the firings down; the cards of those that were not there yet."""
    rows = [
        {"trigger_id": trigger.id, "card_id": id_, "occasion": name, "outcome": outcomes[id_], "at": now}
        for id_, name in sorted(left)
    ]
    insert = insert_into(trigger_firings, is_postgresql=db.is_postgresql).values(rows).on_conflict_do_nothing()
    return set((await conn.execute(insert.returning(trigger_firings.c.card_id))).scalars())


async def _list(
    db: Database, conn: AsyncConnection, trigger: Any, told: Sequence[CardRow], silent: Collection[int], now: datetime
) -> None:
    if not told:
        return
    rows = [
        {
            "card_id": card.id,
            "news_id": trigger.news_id,
            "capped": card.id in silent,
            "at": max(now, from_micros(card.row["news_at"] or 0) + MICROSECOND),  # it rings where it is the newest
            "until": now + timedelta(hours=trigger.lasts_hours),
            "over_at": None,
        }
        for card in told
    ]
    insert = insert_into(news_cards, is_postgresql=db.is_postgresql).values(rows)
    again = {name: insert.excluded[name] for name in ("capped", "at", "until", "over_at")}
    await conn.execute(insert.on_conflict_do_update(index_elements=["card_id", "news_id"], set_=again))


async def _ring(
    conn: AsyncConnection, message: Any, card_ids: Collection[int], now: datetime, *, is_told: bool
) -> None:
    """Push to the phones of these cards, behind customers' own changes; what ``is_told`` counts for the news."""
    if not card_ids:
        return
    held = select(devices.c.id, devices.c.platform).join(registrations, registrations.c.device_id == devices.c.id)
    held = held.where(registrations.c.card_id.in_(card_ids), devices.c.state == "active").distinct()
    phones: dict[str, list[int]] = {}
    for one in await conn.execute(held.order_by(devices.c.id)):
        phones.setdefault(one.platform, []).append(one.id)
    for platform, ids in phones.items():
        await _want(conn, message, platform, ids, now, is_told=is_told)
        if is_told:
            await newscounts.wait_for(conn, [(message.id, id_) for id_ in ids], platform, now)
    if is_told and phones:
        more = news.c.targets + sum(map(len, phones.values()))
        await conn.execute(update(news).where(news.c.id == message.id).values(targets=more))
    await mark(conn, places.push(message.pass_type_identifier))


async def _want(
    conn: AsyncConnection, message: Any, platform: str, ids: Sequence[int], now: datetime, *, is_told: bool
) -> None:
    queue = jobs if platform == APPLE else other_jobs
    route = Route(message.pass_type_identifier, platform)
    kind = {"for_news": 2 if is_told else 0, "lane": int(Lane.CAMPAIGN)}
    rows = [device_intent(route, message.brand_id, id_, now, now) | kind for id_ in ids]
    insert = insert_into_jobs(conn, queue)
    waits = and_(queue.c.lease_owner.is_(None), queue.c.attempts == 0, queue.c.due_at > insert.excluded.due_at)
    again = {
        "generation": queue.c.generation + 1,
        "due_at": case((waits, insert.excluded.due_at), else_=queue.c.due_at),
        "for_news": newscounts.both(queue, insert.excluded),
    }
    await conn.execute(insert.on_conflict_do_update(index_elements=["device_id"], set_=again), rows)


async def leave(db: Database, now: datetime | None = None) -> bool:
    """Take texts off the cards whose time is over, silently; True when there are more. ``now`` is for tests."""
    if now is None and not await db.fetch(_OVER.format(now=NOW[db.engine.dialect.name])):
        return False
    async with db.transaction() as conn:
        clock = now or await database_now(conn)
        due = select(news_cards.c.news_id, news_cards.c.card_id).where(news_cards.c.until <= clock)
        due = due.order_by(news_cards.c.until).limit(LEAVING).with_for_update(skip_locked=True)
        rows = [tuple(row) for row in await conn.execute(due)]
        if not rows:
            return False
        mine = tuple_(news_cards.c.news_id, news_cards.c.card_id).in_(rows)
        await conn.execute(update(news_cards).where(mine).values(until=None, over_at=clock))
        for news_id in sorted({row[0] for row in rows}):
            await _left(conn, news_id, [card_id for one, card_id in rows if one == news_id], clock)
    return len(rows) == LEAVING


async def _left(conn: AsyncConnection, news_id: int, card_ids: Sequence[int], now: datetime) -> None:
    await _ring(conn, await by_id(conn, news_id), card_ids, now, is_told=False)
    saying = select(google_objects.c.card_id).where(google_objects.c.card_id.in_(card_ids))
    saying = saying.where(google_objects.c.news.is_not(None)).order_by(google_objects.c.card_id)
    for card_id in (await conn.execute(saying)).scalars().all():
        await newsobjects.leave_card(conn, card_id, [news_id])
