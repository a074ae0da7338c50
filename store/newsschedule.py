"""Whether a news may go out now: not in its brand's quiet hours, and not later than was asked.

What was missed asks a person and never catches up by itself: it stays ``scheduled``, ``missed``, and goes when it is started
again. Asked twice a second by the timer (``store.newstimer``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import schedule
from store import newsalarms, newsobjects, newspushes, newsrules, newswaves
from store.clock import database_now
from store.newsrules import Rules
from store.newswaves import LATE
from store.tables import jobs, news, news_counts, news_waiting, other_jobs

CUT = "Its time was over before everybody was rung."
STOPPED = "It was stopped before everybody was rung."


def late_at(rules: Rules, begins: datetime, not_later_than: datetime | None) -> datetime:
    """When it is too late to begin by itself."""
    return not_later_than or schedule.later(rules.quiet, rules.zone, begins, LATE)


async def is_held(conn: AsyncConnection, row: Any) -> bool:
    """Whether a news that is due must wait, or was missed; the caller has locked its row and it is not live."""
    if row.is_test or row.waves:  # waves know their own quiet hours and what is too late
        return False
    now = await database_now(conn)
    at = (await newsrules.of_brand(conn, row.brand_id)).allowed_from(now)
    if row.late_at is not None and at > row.late_at:
        values = {"state": "scheduled", "missed": True, "next_at": None, "undo_until": None, "updated_at": now}
        await newsalarms.note(conn, row.brand_id, newsalarms.MISSED, row.key, now)
    elif at > now:
        state = "paused" if row.state == "paused" else "scheduled"
        values = {"state": state, "next_at": at, "undo_until": None, "updated_at": now}
    else:
        return False
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))
    return True


async def is_over(conn: AsyncConnection, row: Any) -> bool:
    """Whether nobody more may be rung for a live news: it may go on only after ``not_later_than``, or never."""
    if row.not_later_than is None:
        return False
    if row.waves:
        return bool(await database_now(conn) > row.not_later_than)
    rules = await newsrules.of_brand(conn, row.brand_id)
    return bool(rules.allowed_from(await database_now(conn)) > row.not_later_than)


async def cut(conn: AsyncConnection, row: Any) -> bool:
    """Take back what has not been sent; the text stays. False while a push is on its way. The row is locked.

    Where nobody has asked for it (``STOPPED``), somebody is told.
    """
    now = await database_now(conn)
    await newspushes.stop(conn, row)
    for queue in (jobs, other_jobs):
        free = or_(queue.c.lease_until.is_(None), queue.c.lease_until < now)
        await conn.execute(delete(queue).where(queue.c.news_id == row.id, free))
        if await _is_being_sent(conn, queue, row.id, now):
            return False
    await conn.execute(update(news).where(news.c.id == row.id).values(reason=row.reason or CUT, google_position=None))
    if await newsobjects.is_being_told(conn, row, now):
        return False
    if row.reason != STOPPED:
        await newsalarms.note(conn, row.brand_id, newsalarms.CUT, row.key, now)
    return True


async def _is_being_sent(conn: AsyncConnection, queue: Table, news_id: int, now: datetime) -> bool:
    """Whether a page, or somebody's second try, is on its way."""
    mine = select(news_waiting.c.device_id).where(news_waiting.c.news_id == news_id)
    theirs = and_(queue.c.device_id.in_(mine), queue.c.lease_until >= now)
    found = select(queue.c.id).where(or_(queue.c.news_id == news_id, theirs)).limit(1)
    return (await conn.execute(found)).first() is not None


async def needs_morning(conn: AsyncConnection, row: Any) -> datetime | None:
    """When objects of Google's that are still to be told, and wait for the end of quiet hours, may be; None: nothing waits."""
    if row.google_state != newsobjects.TELLING or row.google_position is not None or row.is_test:
        return None
    counted = select(news_counts.c.google).where(news_counts.c.news_id == row.id)
    if (await conn.execute(counted)).scalar_one() >= row.google_targets:
        return None
    now, rules = await database_now(conn), await newsrules.of_brand(conn, row.brand_id)
    if row.waves:
        ends = newswaves.morning(row, rules, now)
        return ends if ends is not None and (row.next_at is None or ends < row.next_at) else None
    ends = rules.allowed_from(now)
    return ends if ends > now else None


async def wait_for_morning(conn: AsyncConnection, row: Any, ends: datetime) -> None:
    """Its objects are gone through once more when quiet hours are over."""
    values = {"next_at": ends} if row.waves else {"google_position": 0}
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))
