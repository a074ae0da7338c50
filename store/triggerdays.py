"""Daily triggers: once a brand's day, at their hour, all cards are looked at, page by page.

A page is a transaction: what it finds is told (``store.firing``) and its place moves with it, so that whoever is killed is
followed by another who goes on, and nobody is told twice. A day at whose hour nobody was there is made up for as long as it is
the same day in the brand's zone; afterwards it is written down as missed and never caught up. By the database's clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data, occasions, schedule
from passkit.errors import PasskitError
from store import consents, firing, newsaudience, newscaps, newsrules, triggerrows
from store.cardrows import CardRow
from store.clock import NOW
from store.dialect import Database, database_now
from store.errors import StoreError
from store.newsviews import by_id as news_by_id
from store.tables import trigger_runs, triggers
from store.triggerrows import TriggerSettings
from store.upserts import insert_into

MOST_MISSED = 31
"""Days that are written down one by one."""
_DUE = "SELECT id FROM triggers WHERE due_at <= (SELECT {now}) ORDER BY due_at LIMIT 20"
"""Asked every second: plain SQL, see ``store.hotreads``."""


@dataclass(slots=True)
class Found:
    """Cards of a page, or of all: ``due`` with the names of their occasions; ``looked_at`` are those in use."""

    looked_at: int = 0
    no_value: int = 0
    no_consent: int = 0
    due: list[tuple[CardRow, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Today:
    """Whom a trigger would tell if it looked now. ``told`` of ``due``; the rest says why the others would not be."""

    looked_at: int = 0
    due: int = 0
    told: int = 0
    silent: int = 0
    held_out: int = 0
    too_soon: int = 0
    no_consent: int = 0
    no_value: int = 0


@dataclass(slots=True)
class Counting:
    """How far a count is, for who watches it."""

    so_far: Today = field(default_factory=Today)


async def turn(db: Database, now: datetime | None = None) -> bool:
    """Look at the next page of each trigger whose hour has come; True when there is more. ``now`` is for tests."""
    more = False
    for trigger_id in await _due(db, now):
        try:
            more |= await _step(db, trigger_id, now)
        except (PasskitError, StoreError) as error:
            await _fail(db, trigger_id, str(error), now)
    return more


async def _due(db: Database, now: datetime | None) -> list[int]:
    if now is None:
        return [row[0] for row in await db.fetch(_DUE.format(now=NOW[db.engine.dialect.name]))]
    async with db.reading() as conn:
        due = triggers.select().where(triggers.c.due_at <= now).order_by(triggers.c.due_at)
        return [row.id for row in await conn.execute(due)]


async def _step(db: Database, trigger_id: int, at: datetime | None) -> bool:
    async with db.transaction() as conn:
        row = await triggerrows.by_id(conn, trigger_id, lock=True)
        now = at or await database_now(conn)
        if row is None or row.state != triggerrows.ON or row.due_at is None or row.due_at > now:
            return False
        if not await _is_its_day(conn, row, now):
            return False
        row = await triggerrows.by_id(conn, trigger_id) if row.day is None else row
        return await _page(db, conn, row, now)


async def _is_its_day(conn: AsyncConnection, row: Any, now: datetime) -> bool:
    """Begin the day, or go on with it, if it is today; days that are over were missed. False: not now."""
    zone = ZoneInfo(row.time_zone)
    today = now.astimezone(zone).date()
    day = row.due_at.astimezone(zone).date() if row.day is None else date.fromisoformat(row.day)
    if day < today:
        await _miss(conn, row, day, today, now)
    begins = schedule.moment(today, time.fromisoformat(row.at), zone)
    if begins > now:
        await _put_off(conn, row, begins)
        return False
    if row.day == today.isoformat():
        return True
    values = {"trigger_id": row.id, "day": today.isoformat(), "state": "running", "reason": "", "started_at": now}
    insert = insert_into(trigger_runs, is_postgresql=conn.dialect.name == "postgresql").values(**values)
    if not (await conn.execute(insert.on_conflict_do_nothing())).rowcount:  # its hour was moved, after it had run
        await _put_off(conn, row, _tomorrow(row, today))
        return False
    await conn.execute(update(triggers).where(triggers.c.id == row.id).values(day=today.isoformat(), position=0))
    return True


async def _miss(conn: AsyncConnection, row: Any, day: date, today: date, now: datetime) -> None:
    """The days before today: what was not looked at is not made up for."""
    days = [one.isoformat() for one in _days(max(day, today - MOST_MISSED * schedule.DAY), today)]
    values = {"trigger_id": row.id, "state": "missed", "reason": "", "started_at": now, "ended_at": now}
    insert = insert_into(trigger_runs, is_postgresql=conn.dialect.name == "postgresql")
    await conn.execute(insert.on_conflict_do_nothing(), [values | {"day": one} for one in days])
    begun = (trigger_runs.c.trigger_id == row.id, trigger_runs.c.state == "running")
    await conn.execute(update(trigger_runs).where(*begun).values(state="missed", ended_at=now))
    await conn.execute(update(triggers).where(triggers.c.id == row.id).values(day=None, position=0))


def _days(first: date, end: date) -> Iterator[date]:
    while first < end:
        yield first
        first += schedule.DAY


def _tomorrow(row: Any, today: date) -> datetime:
    return schedule.moment(today + schedule.DAY, time.fromisoformat(row.at), ZoneInfo(row.time_zone))


async def _put_off(conn: AsyncConnection, row: Any, until: datetime) -> None:
    await conn.execute(update(triggers).where(triggers.c.id == row.id).values(due_at=until))


async def _page(db: Database, conn: AsyncConnection, row: Any, now: datetime) -> bool:
    """Tell the next cards whose day it is; True when there are more."""
    rules = await newsrules.of_brand(conn, row.brand_id)
    if (allowed := rules.allowed_from(now)) > now:  # quiet hours were set since: later today, or it is missed
        await _put_off(conn, row, allowed)
        return False
    page = await newsaudience.candidates(db, conn, row.template_id, row.position)
    found = await _look(conn, row, page, date.fromisoformat(row.day))
    fired = await firing.fire(db, conn, row, found.due, now)
    is_last = len(page) < newsaudience.PAGE
    run, more = trigger_runs.c, {"looked_at": found.looked_at, "due": len(found.due)}
    more |= {"no_value": found.no_value, "no_consent": found.no_consent}
    more |= {name: getattr(fired, name) for name in ("told", "silent", "held_out", "too_soon")}
    values: dict[str, Any] = {name: run[name] + count for name, count in more.items() if count}
    if is_last:
        values |= {"state": "done", "ended_at": now}
    if values:
        mine = (run.trigger_id == row.id, run.day == row.day)
        await conn.execute(update(trigger_runs).where(*mine).values(**values))
    place: dict[str, Any] = {"position": 0 if is_last else page[-1].id}
    if is_last:
        place |= {"day": None, "due_at": _tomorrow(row, date.fromisoformat(row.day))}
    await conn.execute(update(triggers).where(triggers.c.id == row.id).values(**place))
    return not is_last


async def _look(conn: AsyncConnection, row: Any, page: Sequence[CardRow], day: date) -> Found:
    """Of a page of cards those whose day it is, and who agree to it; StoreError where the template fits no more."""
    active = [card for card in page if card.row["state"] == "active"]
    found = Found(looked_at=len(active))
    if not active:
        return found
    template, zone = active[0].revision.template, ZoneInfo(row.time_zone)
    if wrong := triggerrows.problem_of(template, row):
        raise StoreError(wrong)
    variable = data.name_of(template, row.variable)
    for card in active:
        try:
            name = occasions.occasion(row.event, card.values.get(variable), row.days, day, zone)
        except ValueError:  # nothing there, or nothing that can be read
            found.no_value += 1
            continue
        if name is not None:
            found.due.append((card, name))
    if row.kind == "marketing" and found.due:
        agreed = await consents.agreed(conn, [card.id for card, _ in found.due], row.topic)
        found.no_consent = len(found.due) - len(agreed)
        found.due = [(card, name) for card, name in found.due if card.id in agreed]
    return found


async def _fail(db: Database, trigger_id: int, reason: str, at: datetime | None) -> None:
    """The template fits it no more: the day says so, and the next one tries again."""
    async with db.transaction() as conn:
        row = await triggerrows.by_id(conn, trigger_id, lock=True)
        if row is None or row.due_at is None:
            return
        now = at or await database_now(conn)
        today = now.astimezone(ZoneInfo(row.time_zone)).date()
        values = {"state": "failed", "reason": reason[:500], "ended_at": now}
        insert = insert_into(trigger_runs, is_postgresql=db.is_postgresql)
        insert = insert.values(trigger_id=row.id, day=today.isoformat(), started_at=now, **values)
        await conn.execute(insert.on_conflict_do_update(index_elements=["trigger_id", "day"], set_=values))
        ended = update(triggers).where(triggers.c.id == row.id)
        await conn.execute(ended.values(day=None, position=0, due_at=_tomorrow(row, today)))


async def today(
    db: Database,
    brand_id: int,
    key: str,
    now: datetime,
    settings: TriggerSettings | None = None,
    counting: Counting | None = None,
) -> Today:
    """Whom it would tell today, counted as it is now: nothing is told. NotFound; StoreError where it fits no more.

    With ``settings`` as if it had those.
    """
    async with db.reading() as conn:
        row = await triggerrows.needed(conn, brand_id, key)
        day = now.astimezone(ZoneInfo(row.time_zone)).date()
    if settings is not None:
        row = SimpleNamespace(**dict(row._mapping) | settings.model_dump(include=settings.model_fields_set))
    if row.event not in occasions.DAILY or row.variable is None:
        return Today()
    total, after = Today(), 0
    while True:
        async with db.reading() as conn:
            page = await newsaudience.candidates(db, conn, row.template_id, after)
            total = _sum(total, await _counted(conn, row, await _look(conn, row, page, day), now))
        if counting is not None:
            counting.so_far = total
        if len(page) < newsaudience.PAGE:
            return total
        after = page[-1].id
        await asyncio.sleep(0)


async def _counted(conn: AsyncConnection, row: Any, found: Found, now: datetime) -> Today:
    ids = [card.id for card, _ in found.due]
    recent = await firing.too_soon(conn, row, ids, now)
    left = [card for card, _ in found.due if card.id not in recent]
    held = sum(firing.is_held_out(row, card) for card in left)
    told = [card.id for card in left if not firing.is_held_out(row, card)]
    rules, message = await newsrules.of_brand(conn, row.brand_id), await news_by_id(conn, row.news_id)
    as_kind = SimpleNamespace(**dict(message._mapping) | {"kind": row.kind})
    silent = len(await newscaps.capped(conn, rules, as_kind, told, now))
    return Today(
        looked_at=found.looked_at,
        due=len(found.due),
        told=len(told),
        silent=silent,
        held_out=held,
        too_soon=len(recent),
        no_consent=found.no_consent,
        no_value=found.no_value,
    )


def _sum(one: Today, other: Today) -> Today:
    return Today(*(getattr(one, name) + getattr(other, name) for name in Today.__slots__))
