"""Whether a news is done: every push has its verdict, its time was over, or somebody has stopped it; what came of the pushes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import livenews, newscounts, newsobjects, newsreasons, newsschedule, newswaves
from store.dialect import Database, database_now
from store.tables import brands, devices, google_classes, news, news_counts, news_waiting, other_jobs
from store.tables import jobs as apple_jobs


async def row_of(conn: AsyncConnection, news_id: int, *, lock: bool = False) -> Any | None:
    """A news as the timer looks at it, with what belongs to it; locked, None also where another has it."""
    wanted = select(news, brands.c.pass_type_identifier, brands.c.google_mode, brands.c.revoked_at)
    wanted = wanted.join(brands, brands.c.id == news.c.brand_id).where(news.c.id == news_id)
    if lock:
        wanted = wanted.with_for_update(of=news, skip_locked=True)
    return (await conn.execute(wanted)).first()


def is_on_google(row: Any) -> bool:
    """Whether its brand tells Google anything."""
    return row.google_mode != "off" and row.revoked_at is None


async def is_ringing(conn: AsyncConnection, row: Any) -> bool:
    """Whether pages of its fan-out are left."""
    for queue in (apple_jobs, other_jobs):
        if (await conn.execute(select(queue.c.id).where(queue.c.news_id == row.id).limit(1))).first():
            return True
    return False


async def look_after(db: Database, news_id: int) -> None:
    """Finish a running news that is done, or whose time is over; or note when its objects on Google may be told."""
    async with db.reading() as conn:
        row = await row_of(conn, news_id)
        if row is None or row.state != "running":
            return
        is_over, waits = await newsschedule.is_over(conn, row), await newsschedule.needs_morning(conn, row)
        if not (is_over or waits is not None or (row.trigger_id is None and await _seems_done(conn, row))):
            return
    async with db.transaction() as conn:
        row = await row_of(conn, news_id, lock=True)
        if row is None or row.state != "running":
            return
        if row.trigger_id is None and await _seems_done(conn, row):
            await _finish(conn, row)
        elif is_over:
            await stop(conn, row)
        elif waits is not None:
            await newsschedule.wait_for_morning(conn, row, waits)


async def stop(conn: AsyncConnection, row: Any) -> None:
    """Ring nobody more; who has it keeps it, the others see it when they come, silently. The caller has locked the row.

    It is done now, or when the last push that is on its way has its verdict.
    """
    kept = await livenews.locked(conn, row.template_id)
    live = tuple(replace(one, is_silent=True) if one.id == row.id else one for one in kept.live)
    await livenews.show(conn, row.template_id, replace(kept, live=live))
    if await newsschedule.cut(conn, row):
        await _finish(conn, await row_of(conn, row.id))


async def _seems_done(conn: AsyncConnection, row: Any) -> bool:
    """No page is left, nobody waits with an intent, and Google has answered."""
    if newswaves.following(row) is not None or await is_ringing(conn, row):
        return False
    for queue in (apple_jobs, other_jobs):
        asked = and_(queue.c.device_id == news_waiting.c.device_id, news_waiting.c.news_id == row.id)
        if (await conn.execute(select(queue.c.id).where(asked).limit(1))).first():
            return False
    if row.google_state == newsobjects.TELLING and is_on_google(row):
        counted = select(news_counts.c.google).where(news_counts.c.news_id == row.id)
        return row.google_position is None and (await conn.execute(counted)).scalar_one() >= row.google_targets
    return row.google_state != "waiting" or await google_verdict(conn, row) is not None


async def google_verdict(conn: AsyncConnection, row: Any) -> str | None:
    """What Google said to the class's message; None: nothing yet."""
    wanted = select(google_classes.c.messages, google_classes.c.sent_messages)
    found = (await conn.execute(wanted.where(google_classes.c.template_id == row.template_id))).first()
    mine = newsobjects.message_id(row)
    if found is not None and mine in found.sent_messages:
        return "accepted"
    if found is None or mine not in {one["id"] for one in found.messages}:
        return "failed"
    return None


async def _finish(conn: AsyncConnection, row: Any) -> None:
    """Every push has its verdict. Phones whose intent came to an end without one are gone, or were told by another push."""
    now = await database_now(conn)
    counts: dict[str, int] = {}
    waits = select(news_waiting.c.device_id, news_waiting.c.since, devices.c.id, devices.c.accepted_at)
    waits = waits.outerjoin(devices, devices.c.id == news_waiting.c.device_id)
    for one in await conn.execute(waits.where(news_waiting.c.news_id == row.id)):
        was_told = one.accepted_at is not None and one.accepted_at >= one.since
        fate = "gone" if one.id is None else "accepted" if was_told else "failed"
        counts[fate] = counts.get(fate, 0) + 1
        if fate != "accepted":
            because = newscounts.because(fate, _why(row) if fate == "failed" else newsreasons.LEFT)
            counts[because] = counts.get(because, 0) + 1
    await conn.execute(delete(news_waiting).where(news_waiting.c.news_id == row.id))
    google_state = row.google_state
    if google_state == "waiting":
        google_state = await google_verdict(conn, row) or "failed"
        counts[google_state] = counts.get(google_state, 0) + row.google_targets
        counts["google"] = row.google_targets
        if google_state == "failed":
            because = newscounts.because("failed", _why(row) if row.reason else await _class_reason(conn, row))
            counts[because] = counts.get(because, 0) + row.google_targets
    elif google_state == newsobjects.TELLING:
        left = await _untold(conn, row)
        counts |= {"failed": counts.get("failed", 0) + left, "google": left}
        because = newscounts.because("failed", _why(row) if row.reason else newsreasons.GOOGLE_OFF)
        counts[because] = counts.get(because, 0) + left
        google_state = newsobjects.TOLD
    await newscounts.add(conn, {row.id: counts})
    told = (await conn.execute(select(news_counts).where(news_counts.c.news_id == row.id))).one()
    total = told.accepted + told.gone + told.failed - told.google
    values = {"state": "done", "google_state": google_state, "targets": total, "updated_at": now, "result_at": now}
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))


def _why(row: Any) -> str:
    """The reason for who was not told in the end, and nobody's answer says why."""
    ours = {newsschedule.STOPPED: newsreasons.STOPPED, newsschedule.CUT: newsreasons.TOO_LATE}
    return ours.get(row.reason, newsreasons.GIVEN_UP)


async def _class_reason(conn: AsyncConnection, row: Any) -> str:
    """Google's word about the template's class."""
    said = select(google_classes.c.reason).where(google_classes.c.template_id == row.template_id)
    return (await conn.execute(said)).scalar_one_or_none() or newsreasons.GIVEN_UP


async def _untold(conn: AsyncConnection, row: Any) -> int:
    """Objects that keep their fate for themselves: the brand's Google was switched off."""
    counted = select(news_counts.c.google).where(news_counts.c.news_id == row.id)
    return max(0, int(row.google_targets) - int((await conn.execute(counted)).scalar_one()))
