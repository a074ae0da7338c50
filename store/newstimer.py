"""What happens to news at their moments, by the database's clock: listed, live, over, done.

A news goes live or over in one transaction that also writes what its template shows and queues its fan-out: cards never show
what nobody was told, and serving compares no clocks. Each step is a short transaction of its own, so that whoever is killed
is followed by another who goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.audience import NotAnAudience
from store import (
    googletelling,
    jobs,
    livenews,
    newsalarms,
    newsapproval,
    newsapprovers,
    newsaudience,
    newscounts,
    newsending,
    newsobjects,
    newspushes,
    newsrules,
    newsschedule,
    newswaves,
)
from store.cardrows import CardRow
from store.clock import NOW
from store.dialect import Database, database_now
from store.googleintents import want_classes
from store.newsrules import Rules
from store.tables import (
    cards,
    from_micros,
    google_classes,
    google_objects,
    news,
    news_cards,
    news_counts,
    news_waiting,
    to_micros,
)
from store.upserts import insert_into

AT_ONCE = 20
"""News looked at in one turn."""
MICROSECOND = timedelta(microseconds=1)
_DUE = "SELECT id FROM news WHERE next_at <= (SELECT {now}) ORDER BY next_at LIMIT 20"
_RUNNING = """
    SELECT id FROM news
    WHERE state = 'running' AND live_at IS NOT NULL AND (trigger_id IS NULL OR (google_state = 'telling'
      AND google_targets > (SELECT c.google FROM news_counts c WHERE c.news_id = news.id)))
    ORDER BY id LIMIT 200
"""
_PAGED = "SELECT id FROM news WHERE google_position IS NOT NULL ORDER BY id LIMIT 20"
"""Asked twice a second: plain SQL, see ``store.hotreads``."""


async def turn(db: Database) -> bool:
    """Do what is due, and see which running news are done; True when there is more to do at once."""
    more = False
    for (news_id,) in await db.fetch(_DUE.format(now=NOW[db.engine.dialect.name])):
        more |= await _step(db, news_id)
    for (news_id,) in await db.fetch(_PAGED):
        more |= await newsobjects.page(db, news_id)
    for (news_id,) in await db.fetch(_RUNNING):
        await newsending.look_after(db, news_id)
    return more


async def _step(db: Database, news_id: int) -> bool:
    async with db.reading() as conn:
        row = await newsending.row_of(conn, news_id)
        if row is None:
            return False
        now = await database_now(conn)
        wanted = await _wanted(db, conn, row, now) if not row.is_live and row.over_at is None else None
    if row.state == newsapprovers.STATE:
        await _lapse(db, news_id)
        return False
    if isinstance(wanted, NotAnAudience):
        async with db.transaction() as conn:
            await _fail(conn, row, "; ".join(problem.detail for problem in wanted.problems))
        return False
    if wanted is not None and row.list_position is not None:
        return await _list_page(db, row, wanted)
    phones = 0
    if wanted is not None and row.live_at is None:
        if (begins := _begins(row, now)) > now:
            await _put_off(db, row, begins)
            return False
        if row.waves and await _skips_wave(db, news_id):
            return True
        if await _is_held(db, news_id):
            return False
        phones = await newsaudience.count_devices(db, wanted, row.pass_type_identifier, now)
    async with db.transaction() as conn:
        row = await newsending.row_of(conn, news_id, lock=True)
        if row is None or row.next_at is None or row.next_at > await database_now(conn):
            return False
        if row.is_live and row.waves and (row.ends_at is None or row.ends_at > await database_now(conn)):
            return await _go_on(conn, row)
        if row.is_live:
            await over(conn, row)
        elif row.state in ("scheduled", "running", "paused"):
            await _go_live(conn, row, phones)
    return True


async def _lapse(db: Database, news_id: int) -> None:
    async with db.transaction() as conn:
        row = await newsending.row_of(conn, news_id, lock=True)
        if row is not None and row.state == newsapprovers.STATE and row.next_at <= await database_now(conn):
            await newsapproval.lapse(conn, row)


async def _put_off(db: Database, row: Any, until: datetime) -> None:
    """It has been looked at too early; who asks for another moment meanwhile is heard."""
    async with db.transaction() as conn:
        mine = update(news).where(news.c.id == row.id, news.c.next_at == row.next_at)
        await conn.execute(mine.values(next_at=until))


async def _is_held(db: Database, news_id: int) -> bool:
    async with db.transaction() as conn:
        row = await newsending.row_of(conn, news_id, lock=True)
        if row is None or row.live_at is not None or row.state not in ("scheduled", "running", "paused"):
            return True
        return await newsschedule.is_held(conn, row)


async def _wanted(db: Database, conn: AsyncConnection, row: Any, now: datetime) -> newsaudience.Wanted | NotAnAudience:
    shares = tuple(variant["share"] for variant in row.variants)
    live = livenews.Live(row.id, row.key, row.stamp, to_micros(now), row.holdout, shares, row.is_listed)
    try:
        return await newsaudience.wanted(db, conn, row, live)
    except NotAnAudience as error:
        return error


def _begins(row: Any, now: datetime, waves: Mapping[str, Any] | None = None) -> datetime:
    first = newswaves.first(waves or row.waves)
    starts_at = row.starts_at if first is None else from_micros(first)
    return max(starts_at or now, row.undo_until or now, now)


async def _list_page(db: Database, row: Any, wanted: newsaudience.Wanted) -> bool:
    """Write down the next cards of a segment; its position moves in the same transaction."""
    async with db.transaction() as conn:
        now = await database_now(conn)
        mine = select(news.c.list_position, news.c.waves).where(news.c.id == row.id).with_for_update()
        kept = (await conn.execute(mine)).one()
        if kept.list_position is None:
            return True
        page = await newsaudience.candidates(db, conn, row.template_id, kept.list_position)
        found = await newsaudience.fitting(conn, wanted, page, now)
        silent = await newsaudience.capped(conn, wanted, found, now) if found else frozenset()
        rows = [{"card_id": one.id, "news_id": row.id, "capped": one.id in silent} for one in found]
        is_last = len(page) < newsaudience.PAGE
        values: dict[str, Any] = {"list_position": None if is_last else page[-1].id}
        if row.by_holder and wanted.rules is not None:
            rows, values["waves"] = _in_waves(row, wanted.rules, rows, found, kept.waves, now)
        if rows:
            await conn.execute(insert_into(news_cards, is_postgresql=db.is_postgresql).on_conflict_do_nothing(), rows)
        if is_last:
            values["next_at"] = _begins(row, now, values.get("waves"))
            listed = select(func.count()).where(news_cards.c.news_id == row.id)
            values["cards"] = listed.scalar_subquery()
            values["capped"] = listed.where(news_cards.c.capped).scalar_subquery()
        await conn.execute(update(news).where(news.c.id == row.id).values(**values))
    return True


def _in_waves(
    row: Any, rules: Rules, rows: list[dict[str, Any]], found: Sequence[CardRow], kept: Any, now: datetime
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The rows of a page with their waves, without those whose hour has gone by, and the waves so far."""
    waves = newswaves.loaded(kept) if kept else newswaves.Waves(to_micros(max(row.undo_until or now, now)))
    clock = newswaves.Clock(row, rules, from_micros(waves.since))
    listed = []
    for values, card in zip(rows, found, strict=True):
        zone = card.row["time_zone"]
        at, missed = clock.of(zone)
        waves.add(-to_micros(at) if missed else to_micros(at), clock.name(zone))
        if not missed:
            listed.append({**values, "wave_at": to_micros(at)})
    return listed, waves.dumped()


async def _go_live(conn: AsyncConnection, row: Any, phones: int) -> None:
    kept = await livenews.locked(conn, row.template_id)
    now = await database_now(conn)
    newest = max((one.at for one in kept.live), default=0)
    live_at = now if to_micros(now) > newest else now + MICROSECOND * (newest - to_micros(now) + 1)
    shares = tuple(variant["share"] for variant in row.variants)
    wave = newswaves.following(row)
    mine = livenews.Live(row.id, row.key, row.stamp, to_micros(live_at), row.holdout, shares, row.is_listed, wave=wave)
    await livenews.show(conn, row.template_id, replace(kept, live=(*kept.live, mine)))
    google, google_state = await _tell_google(conn, row)
    values = {
        "state": "paused" if row.state == "paused" else "running",
        "is_live": True,
        "live_at": live_at,
        "next_at": newswaves.next_at(row, wave),
        "wave_at": wave,
        "targets": phones,
        "google_targets": google,
        "google_state": google_state,
        "undo_until": None,
        "google_position": 0 if google_state == newsobjects.TELLING else None,
        "updated_at": now,
    }
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))
    if row.pictures:
        await redraw_google(conn, row.template_id)
    counts = insert_into(news_counts, is_postgresql=conn.dialect.name == "postgresql").values(news_id=row.id)
    await conn.execute(counts.on_conflict_do_nothing())
    await _ring(conn, row)
    if row.state == "paused":
        await newspushes.stop(conn, (await newsending.row_of(conn, row.id)))


async def _skips_wave(db: Database, news_id: int) -> bool:
    """Whether the next wave of a news was missed, or waits for the end of quiet hours."""
    async with db.transaction() as conn:
        row = await newsending.row_of(conn, news_id, lock=True)
        return row is None or not row.waves or await _is_skipped(conn, row)


async def _is_skipped(conn: AsyncConnection, row: Any) -> bool:
    """The same for a row that is locked: a wave that was missed is taken out, its cards are not told."""
    wave, now = newswaves.following(row), await database_now(conn)
    if wave is None:
        return False
    rules = await newsrules.of_brand(conn, row.brand_id)
    if newswaves.is_missed(row, rules, wave, now):
        mine = (news_cards.c.news_id == row.id, news_cards.c.wave_at == wave)
        await conn.execute(delete(news_cards).where(*mine))
        await newsalarms.note(conn, row.brand_id, newsalarms.CUT, row.key, now)
        values = {"waves": newswaves.without(row, wave), "reason": newswaves.PARTLY, "updated_at": now}
    elif ends := newswaves.quiet_until(row, rules, [wave], now):
        values = {"next_at": min(ends[wave], row.ends_at or ends[wave])}
    else:
        return False
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))
    return True


async def _go_on(conn: AsyncConnection, row: Any) -> bool:
    """The next wave of a live news, or the morning of an earlier one, for objects of Google's. The row is locked."""
    now, wave = await database_now(conn), newswaves.following(row)
    if row.state not in newscounts.PUSHING or wave is None or from_micros(wave) > now:
        again = {"google_position": 0} if row.google_state == newsobjects.TELLING else {}
        values = {"next_at": newswaves.next_at(row, row.wave_at) if row.state in newscounts.PUSHING else row.ends_at}
        await conn.execute(update(news).where(news.c.id == row.id).values(**values, **again))
        return False
    if row.state == "paused" or await newsending.is_ringing(conn, row):
        return False
    if await _is_skipped(conn, row):
        return True
    kept = await livenews.locked(conn, row.template_id)
    live = tuple(replace(one, wave=wave) if one.id == row.id else one for one in kept.live)
    await livenews.show(conn, row.template_id, replace(kept, live=live))
    values = {"wave_at": wave, "next_at": newswaves.next_at(row, wave), "updated_at": now}
    if row.google_state == newsobjects.TELLING:
        values["google_position"] = 0
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))
    await _ring(conn, row)
    return True


async def over(conn: AsyncConnection, row: Any, state: str = "done") -> None:
    """Its end: cards go back, silently. The caller has locked the row. What was not pushed yet is pushed for it no more."""
    kept = await livenews.locked(conn, row.template_id)
    now = await database_now(conn)
    last = select(func.max(cards.c.id)).where(cards.c.template_id == row.template_id)
    last_card = (await conn.execute(last)).scalar_one() or 0
    past = tuple(replace(one, last_card=last_card) for one in kept.live if one.id == row.id and last_card)
    left = tuple(one for one in kept.live if one.id != row.id)
    await livenews.show(conn, row.template_id, replace(kept, live=left, past=past + kept.past))
    ends = {"is_live": False, "over_at": now, "next_at": None, "updated_at": now, "state": state, "result_at": now}
    if row.trigger_id is not None:  # its cards had times of their own, and so has what came of it
        ends["result_at"] = None
        await conn.execute(update(news_cards).where(news_cards.c.news_id == row.id).values(until=None))
    if row.google_state in newsobjects.BY_OBJECT:
        ends |= {"google_state": newsobjects.LEAVING, "google_position": 0}
    await conn.execute(update(news).where(news.c.id == row.id).values(**ends))
    await conn.execute(delete(news_waiting).where(news_waiting.c.news_id == row.id))
    was_said = row.google_state == "waiting" and await newsending.google_verdict(conn, row) == "accepted"
    await googletelling.unsay_in(conn, row.template_id, newsobjects.message_id(row))
    if row.pictures:
        await redraw_google(conn, row.template_id)
    await _ring(conn, row)
    if was_said:  # Google's answer came before its end did, and nobody has counted it
        await newscounts.add(conn, {row.id: {"accepted": row.google_targets, "google": row.google_targets}})


async def stand(conn: AsyncConnection, news_id: int) -> None:
    """The message of a trigger goes live for nobody yet: its cards are listed one by one (``store.firing``)."""
    row = await newsending.row_of(conn, news_id, lock=True)
    if row is None:
        raise LookupError("the message of a trigger is not there")
    kept = await livenews.locked(conn, row.template_id)
    mine = livenews.Live(row.id, row.key, row.stamp, 0, 0, (1,), is_listed=True)  # each card knows when it was told
    await livenews.show(conn, row.template_id, replace(kept, live=(*kept.live, mine)))
    now = await database_now(conn)
    google_state = newsobjects.TELLING if newsending.is_on_google(row) else ""
    values = {"state": "running", "is_live": True, "is_listed": True, "live_at": now, "google_state": google_state}
    await conn.execute(update(news).where(news.c.id == news_id).values(**values, updated_at=now))
    counts = insert_into(news_counts, is_postgresql=conn.dialect.name == "postgresql").values(news_id=news_id)
    await conn.execute(counts.on_conflict_do_nothing())


async def redraw_google(conn: AsyncConnection, template_id: int) -> None:
    """A picture comes or goes: the class, and page by page the objects that show it themselves, are compared with Google's."""
    await want_classes(conn, google_classes.c.template_id == template_id)


async def shown_anew(conn: AsyncConnection, row: Any) -> bool:
    """A news with another stamp: every card that shows it, or has it in its history, has another edition.

    True where the cards show their history.
    """
    kept = await livenews.locked(conn, row.template_id)
    live = tuple(replace(one, stamp=row.stamp) if one.id == row.id else one for one in kept.live)
    past = tuple(replace(one, stamp=row.stamp) if one.id == row.id else one for one in kept.past)
    await livenews.show(conn, row.template_id, replace(kept, live=live, past=past))
    return kept.has_history


async def forget(conn: AsyncConnection, row: Any) -> bool:
    """Out of the history; True where cards have shown it there."""
    kept = await livenews.locked(conn, row.template_id)
    await livenews.show(conn, row.template_id, replace(kept, past=tuple(one for one in kept.past if one.id != row.id)))
    return kept.has_history


async def show_history(conn: AsyncConnection, template_id: int, *, wanted: bool) -> None:
    """A publish: whether the cards of the template show what they were told."""
    kept = await livenews.locked(conn, template_id)
    if kept.has_history is not wanted:
        await livenews.show(conn, template_id, replace(kept, has_history=wanted))


def is_for_everyone(row: Any) -> bool:
    """Whether one message on Google's class says it: the same words to all holders."""
    return not row.is_listed and not row.holdout and len(row.variants) == 1


async def _ring(conn: AsyncConnection, row: Any) -> None:
    await jobs.want_news(conn, brand_id=row.brand_id, pass_type_identifier=row.pass_type_identifier, news_id=row.id)


async def _tell_google(conn: AsyncConnection, row: Any) -> tuple[int, str]:
    """(objects, state): the message goes onto the class, or page by page onto objects; not at all without Google."""
    if not newsending.is_on_google(row):
        return 0, ""
    if not is_for_everyone(row):
        return 0, newsobjects.TELLING
    mine = select(google_classes.c.id).where(google_classes.c.template_id == row.template_id)
    held = select(func.count()).where(
        google_objects.c.class_row_id.in_(mine),
        google_objects.c.accepted_digest.is_not(None),
        google_objects.c.present.is_not(False),
    )
    objects = int((await conn.execute(held)).scalar_one())
    if not await newspushes.say(conn, row):
        return 0, ""
    return objects, "waiting" if objects else ""


async def _fail(conn: AsyncConnection, row: Any, reason: str) -> None:
    values = {"state": "failed", "reason": reason, "next_at": None, "updated_at": await database_now(conn)}
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))
