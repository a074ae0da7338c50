"""Triggers that a change of a card sets off: its first install, a level that it reaches.

The change's own transaction knows from the template's row, which it reads anyway, whether there are such triggers
(``templates.triggers``); only where one is set off it writes one row more. A worker tells the card of it a moment later
(``turn``), or when quiet hours are over. A change that was asked to be silent sets nothing off, and what a card is issued with
is no change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson
from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data, occasions
from passkit.model import Notify
from passkit.variables import NotAccepted, accept_value
from store import consents, firing, newsrules, tables, triggerrows
from store.cardrows import CardRow, load
from store.clock import NOW
from store.dialect import Database, database_now
from store.tables import trigger_events as table

BEHIND = timedelta(seconds=10)
"""A level is told of so long after the change: its own notification is fetched first, and then both are seen."""
AT_ONCE = 100
"""Events of one transaction."""
CAME = ("registered", "google_saved")
"""Kinds of timeline lines of a card that has come onto a phone."""
_DUE = "SELECT id FROM trigger_events WHERE due_at <= (SELECT {now}) LIMIT 1"
"""Asked every second: plain SQL, see ``store.hotreads``."""


class Active(NamedTuple):
    """A trigger that is on, as its template's row has it."""

    id: int
    key: str
    event: str
    variable: str | None
    level: str | int | None


@lru_cache(maxsize=256)
def active(kept: str) -> tuple[Active, ...]:
    """What ``templates.triggers`` says."""
    return tuple(Active(*row) for row in orjson.loads(kept))


async def note_levels(
    db: Database, conn: AsyncConnection, before: CardRow, after: CardRow, notify: Notify, now: datetime
) -> None:
    """Write down the levels that a change has brought a card to, in its transaction."""
    kept = after.row["template_triggers"]
    if kept is None or notify is not Notify.RING:
        return
    found = [(one, name) for one in active(kept) if (name := _reached(one, before, after)) is not None]
    if found:
        rows = [(one.id, after.row["id"], firing.occasion(db, one, after, name)) for one, name in found]
        await _write(conn, rows, now, BEHIND)


def _reached(one: Active, before: CardRow, after: CardRow) -> str | None:
    template = after.revision.template
    variable = None if one.variable is None else template.variables.get(data.name_of(template, one.variable))
    if one.event != occasions.LEVEL or one.variable is None or variable is None:
        return None
    name = data.name_of(template, one.variable)
    try:
        level = None if one.level is None else accept_value(variable, one.level)
    except NotAccepted:
        return None
    return occasions.reached(before.values.get(name), after.values.get(name), level)


async def note_installed(
    db: Database, conn: AsyncConnection, kept: str | None, card_id: int, secret_id: str, now: datetime
) -> None:
    """A phone or a wallet has taken a card; whether it is the first is looked at later. ``kept``: ``templates.triggers``."""
    ids = [one for one in active(kept) if one.event == occasions.INSTALLED] if kept else []
    rows = [(one.id, card_id, installed(db, one.key, secret_id)) for one in ids]
    if rows:
        await _write(conn, rows, now)


def installed(db: Database, key: str, secret_id: str) -> str:
    """The one occasion of an install."""
    return db.keyring.digest(firing.PURPOSE, f"{key}\0{occasions.INSTALLED}", secret_id)


async def note_saved(db: Database, conn: AsyncConnection, card_ids: Collection[int], now: datetime) -> None:
    """The same for cards that Google says are in a wallet, whose templates nobody has read yet."""
    cards, templates = tables.cards, tables.templates
    wanted = select(cards.c.id, cards.c.secret_id, templates.c.triggers)
    wanted = wanted.join(templates, templates.c.id == cards.c.template_id)
    wanted = wanted.where(cards.c.id.in_(card_ids), templates.c.triggers.is_not(None))
    for row in (await conn.execute(wanted)).all() if card_ids else ():
        await note_installed(db, conn, row.triggers, row.id, row.secret_id, now)


async def _write(
    conn: AsyncConnection, found: Sequence[tuple[int, int, str]], now: datetime, behind: timedelta = timedelta(0)
) -> None:
    due_at = await database_now(conn) + behind
    rows = [
        {"trigger_id": trigger_id, "card_id": card_id, "occasion": occasion, "at": now, "due_at": due_at}
        for trigger_id, card_id, occasion in found
    ]
    await conn.execute(insert(table), rows)


async def turn(db: Database, now: datetime | None = None) -> bool:
    """Tell the cards that something has happened to; True when there are more. ``now`` is for tests."""
    if now is None and not await db.fetch(_DUE.format(now=NOW[db.engine.dialect.name])):
        return False
    async with db.transaction() as conn:
        clock = now or await database_now(conn)
        due = select(table).where(table.c.due_at <= clock).order_by(table.c.due_at, table.c.id).limit(AT_ONCE)
        rows = (await conn.execute(due.with_for_update(skip_locked=True))).all()
        for trigger_id in sorted({row.trigger_id for row in rows}):
            await _tell(db, conn, trigger_id, [row for row in rows if row.trigger_id == trigger_id], clock)
    return len(rows) == AT_ONCE


async def _tell(db: Database, conn: AsyncConnection, trigger_id: int, events: Sequence[Any], now: datetime) -> None:
    ids = [event.id for event in events]
    trigger = await triggerrows.by_id(conn, trigger_id, lock=True)
    if trigger is None:
        return  # another has it: these wait
    if trigger.state == triggerrows.ON:
        allowed = (await newsrules.of_brand(conn, trigger.brand_id)).allowed_from(now)
        if allowed > now:
            await conn.execute(update(table).where(table.c.id.in_(ids)).values(due_at=allowed))
            return
        await firing.fire(db, conn, trigger, await _due_cards(db, conn, trigger, events), now)
    await conn.execute(delete(table).where(table.c.id.in_(ids)))


async def _due_cards(
    db: Database, conn: AsyncConnection, trigger: Any, events: Sequence[Any]
) -> list[tuple[CardRow, str]]:
    ids = {event.card_id for event in events}
    cards = {card.id: card for card in await load(db, conn, tables.cards.c.id.in_(ids))}
    active_ = [event for event in events if event.card_id in cards and _is_active(cards[event.card_id])]
    if trigger.event == occasions.INSTALLED:
        active_ = [event for event in active_ if not await _was_installed(conn, event)]
    if trigger.kind == "marketing":
        agreed = await consents.agreed(conn, [event.card_id for event in active_], trigger.topic)
        active_ = [event for event in active_ if event.card_id in agreed]
    return [(cards[event.card_id], event.occasion) for event in active_]


def _is_active(card: CardRow) -> bool:
    return bool(card.row["state"] == "active")


async def _was_installed(conn: AsyncConnection, event: Any) -> bool:
    """Whether the card had come onto a phone before, as far as anybody remembers."""
    lines, held = tables.timeline.c, tables.registrations.c
    before = exists().where(lines.card_id == event.card_id, lines.kind.in_(CAME), lines.at < event.at)
    holds = exists().where(held.card_id == event.card_id, held.created_at < event.at)
    return bool((await conn.execute(select(before | holds))).scalar_one())
