"""Triggers: messages that a card's own data set off, each once for its occasion. Written, switched on, paused, switched off.

A trigger is a row and its message a news (``store.firing``): a draft while the trigger was never on, then live as long as it is
on. Other words make a news of their own; the one before stays where it is until its time is over. Who is told when is found
by ``store.triggerdays`` and ``store.triggerevents``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import occasions
from passkit.render import Revision
from passkit.schema import Template
from store import audit, newspushes, newstimer, randomness, triggerfigures
from store.audit import Actor
from store.dialect import Database, database_now
from store.errors import Conflict
from store.googleintents import mark
from store.news import by_id as news_by_id
from store.news import create_in, revision_of, to_state
from store.newsrequests import NewsRequest
from store.requests import asked
from store.tables import news, news_cards, templates, trigger_events, trigger_firings, trigger_runs
from store.tables import triggers as table
from store.triggerrows import (
    OFF,
    ON,
    PAUSED,
    TriggerRequest,
    TriggerSettings,
    TriggerView,
    by_id,
    checked,
    needed,
    next_at,
    problem_of,
    refuse_unless,
    revision,
    rows,
    settings_of,
)

KEY_LENGTH = 10
MOST = 50
MESSAGE = ("text", "title", "url", "kind", "topic")
"""Settings that are the news's."""


async def create(db: Database, brand_id: int, request: TriggerRequest, *, by: Actor, now: datetime) -> TriggerView:
    """Write one, off; Invalid with pointers, Conflict ``not_published`` or where the brand has too many."""
    async with db.joined() as conn:
        held = select(func.count()).where(table.c.brand_id == brand_id)
        if (await conn.execute(held)).scalar_one() >= MOST:
            raise Conflict(f"A brand has at most {MOST} triggers.")
        template, ready = await revision_of(db, conn, brand_id, request.template)
        values = await checked(db, conn, brand_id, ready.template, request.event, request)
        draft = await _message(db, conn, brand_id, request.template, request, by, now)
        values |= {"brand_id": brand_id, "template_id": template.id, "event": request.event, "state": OFF}
        values |= {"key": f"t_{randomness.text(KEY_LENGTH)}", "news_id": draft.id, "created_by": by.name[:200]}
        added = insert(table).values(**values, created_at=now, updated_at=now).returning(table.c.id)
        trigger_id = (await conn.execute(added)).scalar_one()
        await conn.execute(update(news).where(news.c.id == draft.id).values(trigger_id=trigger_id))
        row = await _row(conn, trigger_id)
        await audit.record(db, brand_id, by, "trigger.written", row.key, now=now)
        return await view_of(conn, row)


async def save(
    db: Database, brand_id: int, key: str, settings: TriggerSettings, *, by: Actor, now: datetime
) -> TriggerView:
    """Other settings, those that are given; of one that is on, from now on. Invalid with pointers, Conflict."""
    async with db.joined() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        _, ready = await revision_of(db, conn, brand_id, row.template)
        before = settings_of(row)
        after = before.model_copy(update=settings.model_dump(include=settings.model_fields_set))
        values = await checked(db, conn, brand_id, ready.template, row.event, after)
        if any(getattr(before, name) != getattr(after, name) for name in MESSAGE):
            values["news_id"] = await _reworded(db, conn, row, after, by, now)
        await conn.execute(update(table).where(table.c.id == row.id).values(**values, updated_at=now))
        row = await _row(conn, row.id)
        if row.state != OFF:
            await _refuse_unfit(db, conn, row)
        if row.state == ON:
            await _await(conn, row, keep_day=True)
        await _tell_template(conn, row.template_id)
        await audit.record(db, brand_id, by, "trigger.changed", key, now=now)
        return await view_of(conn, row)


async def switch_on(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> TriggerView:
    """From now on; what is true of a card already sets nothing off. On already: nothing happens. Conflict, Invalid."""
    async with db.joined() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state != ON:
            refuse_unless(row, (OFF, PAUSED), "switched on")
            await _refuse_unfit(db, conn, row)
            news_id = await _go_on(conn, row) if row.state == PAUSED else await _stand(db, conn, row, by, now)
            changed = {"state": ON, "news_id": news_id, "updated_at": now}
            await conn.execute(update(table).where(table.c.id == row.id).values(**changed))
            row = await _row(conn, row.id)
            await _await(conn, row, keep_day=True)
            await _tell_template(conn, row.template_id)
            await audit.record(db, brand_id, by, "trigger.on", key, now=now)
        return await view_of(conn, await _row(conn, row.id))


async def pause(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> TriggerView:
    """Tell and ring nobody more until it is switched on again; what happens meanwhile is not made up for."""
    async with db.joined() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state != PAUSED:
            refuse_unless(row, (ON,), "paused")
            message = await news_by_id(conn, row.news_id)
            await to_state(conn, message, "paused")
            await newspushes.stop(conn, message)
            await _rest(conn, row, PAUSED, now)
            await audit.record(db, brand_id, by, "trigger.paused", key, now=now)
        return await view_of(conn, await _row(conn, row.id))


async def switch_off(
    db: Database, brand_id: int, key: str, *, take_off: bool = False, by: Actor, now: datetime
) -> TriggerView:
    """Tell nobody more. Texts stay on cards until their time is over, or leave now, silently, with ``take_off``."""
    async with db.joined() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state != OFF:
            await _rest(conn, row, OFF, now)
            await _stop_day(conn, row)
            await audit.record(db, brand_id, by, "trigger.off", key, now=now, take_off=take_off)
        await _retire(conn, row, at_once=take_off)
        return await view_of(conn, await _row(conn, row.id))


async def remove(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> None:
    """Throw one away that is off, with its history; texts stay on cards until their time is over. Conflict, NotFound."""
    async with db.joined() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        refuse_unless(row, (OFF,), "thrown away")
        await _retire(conn, row, at_once=False)
        for kept in (trigger_events, trigger_firings, trigger_runs):
            await conn.execute(delete(kept).where(kept.c.trigger_id == row.id))
        await conn.execute(delete(table).where(table.c.id == row.id))
        mine = news.c.trigger_id == row.id
        await conn.execute(delete(news).where(mine, news.c.state == "draft"))
        await conn.execute(update(news).where(mine).values(trigger_id=-row.id))  # SQLite gives an id to another one day
        await audit.record(db, brand_id, by, "trigger.removed", key, now=now)


async def listing(db: Database, brand_id: int) -> tuple[TriggerView, ...]:
    """The brand's, the oldest first."""
    async with db.reading() as conn:
        found = (await conn.execute(rows().where(table.c.brand_id == brand_id).order_by(table.c.id))).all()
        return tuple([await view_of(conn, row) for row in found])


async def view(db: Database, brand_id: int, key: str) -> TriggerView:
    """One; NotFound."""
    async with db.reading() as conn:
        return await view_of(conn, await needed(conn, brand_id, key))


async def message_key(db: Database, brand_id: int, key: str) -> str:
    """The name of the news that says it, for a test on people's own phones (``store.newstests``)."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        return str((await news_by_id(conn, row.news_id)).key)


async def of_message(db: Database, brand_id: int, key: str) -> str | None:
    """The trigger that a news belongs to; None: it is one of its own."""
    async with db.reading() as conn:
        mine = select(table.c.key).join(news, news.c.trigger_id == table.c.id)
        mine = mine.where(news.c.brand_id == brand_id, news.c.key == key)
        return (await conn.execute(mine)).scalar_one_or_none()


async def template_of(db: Database, brand_id: int, key: str) -> Template:
    """The published template that its fields are made for; NotFound."""
    async with db.reading() as conn:
        ready: Revision = await revision(db, conn, await needed(conn, brand_id, key))
        return ready.template


async def view_of(conn: AsyncConnection, row: Any) -> TriggerView:
    """The row as answers show it."""
    return await triggerfigures.view_of(conn, row)


async def _row(conn: AsyncConnection, trigger_id: int) -> Any:
    return await by_id(conn, trigger_id)


async def _message(
    db: Database, conn: AsyncConnection, brand_id: int, template: str, given: TriggerSettings, by: Actor, now: datetime
) -> Any:
    """A draft of what it says."""
    said = {"template": template, "text": given.text or {}, "title": given.title, "url": given.url}
    said |= {"kind": given.kind or "service", "topic": given.topic}
    return await create_in(db, conn, brand_id, asked(NewsRequest, said), by=by.name, now=now, is_draft=True)


async def _reworded(
    db: Database, conn: AsyncConnection, row: Any, given: TriggerSettings, by: Actor, now: datetime
) -> int:
    """Other words are a news of their own: what cards show already stays as it is."""
    made = await _message(db, conn, row.brand_id, row.template, given, by, now)
    await conn.execute(update(news).where(news.c.id == made.id).values(trigger_id=row.id))
    before = await news_by_id(conn, row.news_id)
    if row.state == OFF:
        if before.state == "draft":
            moved = update(table).where(table.c.id == row.id).values(news_id=made.id)
            await conn.execute(moved)
            await conn.execute(delete(news).where(news.c.id == before.id))
        return int(made.id)
    _refuse_silence(made)
    await newstimer.stand(conn, made.id)
    if row.state == PAUSED:
        await to_state(conn, made, "paused")
    await _retire(conn, row, at_once=False)
    return int(made.id)


async def _stand(db: Database, conn: AsyncConnection, row: Any, by: Actor, now: datetime) -> int:
    """Its message goes live, or, if it was before, one that says the same."""
    message = await news_by_id(conn, row.news_id)
    if message.state != "draft":
        message = await _message(db, conn, row.brand_id, row.template, settings_of(row), by, now)
        await conn.execute(update(news).where(news.c.id == message.id).values(trigger_id=row.id))
    _refuse_silence(message)
    await newstimer.stand(conn, message.id)
    return int(message.id)


async def _go_on(conn: AsyncConnection, row: Any) -> int:
    message = await news_by_id(conn, row.news_id)
    await to_state(conn, message, "running")
    await newspushes.go_on(conn, message)
    return int(message.id)


def _refuse_silence(message: Any) -> None:
    if not any(text.strip() for text in message.variants[0]["text"].values()):
        raise Conflict("It says nothing yet: give it a text.")


async def _refuse_unfit(db: Database, conn: AsyncConnection, row: Any) -> None:
    """Conflict where the template as it is now, or what is not said yet, lets it tell nobody."""
    wrong = problem_of((await revision(db, conn, row)).template, row)
    if wrong is not None:
        raise Conflict(wrong)


async def _await(conn: AsyncConnection, row: Any, *, keep_day: bool) -> None:
    """When its cards are looked at next: a day that was begun goes on at once."""
    now = await database_now(conn)
    due_at = now if row.day is not None and keep_day else next_at(row, now)
    await conn.execute(update(table).where(table.c.id == row.id).values(due_at=due_at))


async def _rest(conn: AsyncConnection, row: Any, state: str, now: datetime) -> None:
    """On no more: nothing is looked at, and what waits to be told is forgotten."""
    await conn.execute(update(table).where(table.c.id == row.id).values(state=state, due_at=None, updated_at=now))
    await conn.execute(delete(trigger_events).where(trigger_events.c.trigger_id == row.id))
    await _tell_template(conn, row.template_id)


async def _stop_day(conn: AsyncConnection, row: Any) -> None:
    if row.day is None:
        return
    mine = (trigger_runs.c.trigger_id == row.id, trigger_runs.c.day == row.day)
    now = await database_now(conn)
    await conn.execute(update(trigger_runs).where(*mine).values(state="stopped", ended_at=now))
    await conn.execute(update(table).where(table.c.id == row.id).values(day=None, position=0))


async def _retire(conn: AsyncConnection, row: Any, *, at_once: bool) -> None:
    """Its message is over when the last card's time is, or now; the timer takes it off."""
    now = await database_now(conn)
    last = select(func.max(news_cards.c.until)).where(news_cards.c.news_id == row.news_id)
    until = now if at_once else max(now, (await conn.execute(last)).scalar() or now)
    mine = update(news).where(news.c.id == row.news_id, news.c.is_live.is_(True))
    if at_once:
        mine = update(news).where(news.c.trigger_id == row.id, news.c.is_live.is_(True))
    await conn.execute(mine.values(ends_at=until, next_at=until))
    await mark(conn)


async def _tell_template(conn: AsyncConnection, template_id: int) -> None:
    """What a change of a card must know of its template's triggers, on the row that it reads anyway."""
    active = select(table.c.id, table.c.key, table.c.event, table.c.variable, table.c.level)
    active = active.where(table.c.template_id == template_id, table.c.state == ON)
    active = active.where(table.c.event.in_((occasions.INSTALLED, occasions.LEVEL))).order_by(table.c.id)
    found: Sequence[Any] = (await conn.execute(active)).all()
    kept = orjson.dumps([list(row) for row in found]).decode() if found else None
    await conn.execute(update(templates).where(templates.c.id == template_id).values(triggers=kept))
