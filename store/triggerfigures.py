"""What triggers have done: figures beside each, whom the last firings told, and what came of it against who was held out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import schedule
from store.clock import database_now
from store.dialect import Database
from store.firing import HELD_OUT, SILENT, TOLD
from store.newsresults import CHANGED_WITHIN, REMOVALS, REMOVED_WITHIN, Group
from store.tables import cards, news, news_counts, news_waiting, timeline, trigger_firings, trigger_runs
from store.triggerrows import Figures, Run, TriggerView, needed

MONTH = timedelta(days=30)
LAST = 50
"""Firings and days that a page shows."""
PAGE = 2_000
"""Firings looked at in one reading."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A card that was told, or held out: ``outcome`` is told, silent or held_out."""

    serial_number: str
    number: str
    at: datetime
    outcome: str


@dataclass(frozen=True, slots=True)
class Result:
    """Cards told in the last 30 days against those held out."""

    told: Group = field(default_factory=Group)
    held_out: Group = field(default_factory=Group)


async def view_of(conn: AsyncConnection, row: Any) -> TriggerView:
    """The row as answers show it."""
    own = row.variants[0]
    runs = await _runs(conn, row.id, 1)
    return TriggerView(
        id=row.key,
        template=row.template,
        event=row.event,
        variable=row.variable,
        days=row.days,
        at=None if row.at is None else time.fromisoformat(row.at),
        time_zone=row.time_zone,
        level=row.level,
        text=own["text"],
        title=own["title"],
        url=own["url"],
        kind=row.kind,
        topic=row.topic,
        cap_days=row.cap_days,
        holdout=row.holdout,
        lasts_hours=row.lasts_hours,
        state=row.state,
        next_at=row.due_at,
        created_by=row.created_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        figures=await _figures(conn, row),
        last=runs[0] if runs else None,
    )


async def _figures(conn: AsyncConnection, row: Any) -> Figures:
    now = await database_now(conn)
    zone = ZoneInfo(row.time_zone)
    today = schedule.moment(now.astimezone(zone).date(), time(0), zone)
    fired = trigger_firings.c
    rang = fired.outcome.in_((TOLD, SILENT))
    some = select(
        func.coalesce(func.sum(case((and_(rang, fired.at >= today), 1), else_=0)), 0),
        func.coalesce(func.sum(case((rang, 1), else_=0)), 0),
        func.coalesce(func.sum(case((fired.outcome == HELD_OUT, 1), else_=0)), 0),
        func.coalesce(func.sum(case((fired.outcome == SILENT, 1), else_=0)), 0),
    )
    counted = (await conn.execute(some.where(fired.trigger_id == row.id, fired.at >= now - MONTH))).one()
    names = ("accepted", "gone", "failed", "fetched")
    sums = select(*(func.coalesce(func.sum(news_counts.c[name]), 0) for name in names))
    sums = sums.join(news, news.c.id == news_counts.c.news_id).where(news.c.trigger_id == row.id)
    accepted, gone, failed, fetched = (int(one) for one in (await conn.execute(sums)).one())
    waits = select(func.count()).select_from(news_waiting).join(news, news.c.id == news_waiting.c.news_id)
    waiting = int((await conn.execute(waits.where(news.c.trigger_id == row.id))).scalar_one())
    today_, month, held_out, silent = (int(one) for one in counted)
    return Figures(today_, month, held_out, silent, accepted, gone, failed, waiting, fetched)


async def runs(db: Database, brand_id: int, key: str) -> list[Run]:
    """Its last days, the newest first; NotFound."""
    async with db.reading() as conn:
        return await _runs(conn, (await needed(conn, brand_id, key)).id, LAST)


async def _runs(conn: AsyncConnection, trigger_id: int, limit: int) -> list[Run]:
    wanted = select(trigger_runs).where(trigger_runs.c.trigger_id == trigger_id)
    found = (await conn.execute(wanted.order_by(trigger_runs.c.day.desc()).limit(limit))).mappings()
    names = ("state", "looked_at", "due", "told", "silent", "held_out", "too_soon", "no_consent", "no_value", "reason")
    return [Run(date.fromisoformat(row["day"]), *(row[name] for name in names)) for row in found]


async def firings(db: Database, brand_id: int, key: str) -> list[Firing]:
    """The last that were told or held out, the newest first; NotFound."""
    fired = trigger_firings.c
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        wanted = select(cards.c.serial_number, cards.c.number, fired.at, fired.outcome)
        wanted = wanted.join(cards, cards.c.id == fired.card_id).where(fired.trigger_id == row.id)
        found = await conn.execute(wanted.order_by(fired.at.desc(), fired.card_id.desc()).limit(LAST))
        return [Firing(*one) for one in found]


async def result(db: Database, brand_id: int, key: str) -> Result | None:
    """What came of the last 30 days, told against held out; None where nobody is held out. NotFound."""
    found, after = Result(), (0, "")
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        since = await database_now(conn) - MONTH
    if not row.holdout:
        return None
    while True:
        async with db.reading() as conn:
            page = await _page(conn, row.id, since, after)
            await _add(conn, page, found)
        if len(page) < PAGE:
            return found
        after = (page[-1].card_id, page[-1].occasion)
        await asyncio.sleep(0)


async def _page(conn: AsyncConnection, trigger_id: int, since: datetime, after: tuple[int, str]) -> Sequence[Any]:
    fired = trigger_firings.c
    wanted = select(fired.card_id, fired.occasion, fired.outcome, fired.at)
    later = (fired.card_id > after[0]) | and_(fired.card_id == after[0], fired.occasion > after[1])
    wanted = wanted.where(fired.trigger_id == trigger_id, fired.at >= since, later)
    return (await conn.execute(wanted.order_by(fired.card_id, fired.occasion).limit(PAGE))).all()


async def _add(conn: AsyncConnection, page: Sequence[Any], found: Result) -> None:
    """Kinds and moments of timeline lines, never what stands in them."""
    if not page:
        return
    lines = timeline.c
    wanted = select(lines.card_id, lines.kind, lines.at).where(
        lines.card_id.between(page[0].card_id, page[-1].card_id), lines.kind.in_((*REMOVALS, "changed"))
    )
    happened: dict[int, list[tuple[str, datetime]]] = {}
    for line in await conn.execute(wanted.where(lines.at > min(one.at for one in page))):
        happened.setdefault(line.card_id, []).append((line.kind, line.at))
    for one in page:
        group = found.held_out if one.outcome == HELD_OUT else found.told
        group.cards += 1
        mine = happened.get(one.card_id, ())
        group.removed += any(kind in REMOVALS and one.at < at <= one.at + REMOVED_WITHIN for kind, at in mine)
        group.changed += any(kind == "changed" and one.at < at <= one.at + CHANGED_WITHIN for kind, at in mine)
