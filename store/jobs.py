"""Push intents: rows written in the transaction of the change that wants them, so neither is without the other.

An intent is state, not a message: "the holders of this card should be rung". Written again while it waits, it
coalesces; written again while a worker is sending it, its ``generation`` moves, and settling leaves the row due. An
intent names

- a ``card``: rung now on every device that holds it,
- a ``device``: one (device, pass type), after a delay (a new registration, a retry, the rest of a burst),
- a ``fanout``: everyone who holds a card of a template, page by page (``store.claims``),
- a ``news``: its audience, the same way; it counts how far it is (``store.newscounts``).

Apple's phones have theirs in ``jobs``; for each other platform that holds the card there is one in ``other_jobs``, so that
what is held for one platform holds up no other. ``claims`` takes and settles intents; ``leases`` says whose they are and
what is held.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    String,
    Table,
    and_,
    bindparam,
    case,
    exists,
    literal,
    select,
    true,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store import places
from store.dialect import mark, now_micros
from store.platforms import APPLE, OTHERS
from store.tables import ELSEWHERE, cards, devices, jobs, news, other_jobs, registrations
from store.upserts import insert_into

MICROSECONDS = 1_000_000


class Lane(IntEnum):
    """Which intents go first: a customer's own change before a campaign."""

    URGENT = 0
    CAMPAIGN = 1


async def want_card(
    conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, card_id: int, elsewhere: bool = True
) -> None:
    """Ring every device that holds this card, at once; a card on no phone wants nothing.

    ``elsewhere`` False says that it is known to be in no other wallet than Apple's.
    """
    values = _values(brand_id, pass_type_identifier, card_id, Lane.URGENT)
    await _write(conn, _intent(conn.dialect.name, "card"), values)
    if elsewhere:
        await _write(conn, _other_intent(conn.dialect.name, "card"), values)


async def want_device(
    conn: AsyncConnection,
    *,
    brand_id: int,
    pass_type_identifier: str,
    device_id: int,
    platform: str = APPLE,
    delay: float = 0.0,
) -> None:
    """Ring one (device, pass type) after ``delay`` seconds by the database's clock."""
    intent = _intent if platform == APPLE else _other_intent
    values = _values(brand_id, pass_type_identifier, device_id, Lane.URGENT, delay)
    await _write(conn, intent(conn.dialect.name, "device"), values)


async def want_template(conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, template_id: int) -> None:
    """Ring everyone who holds a card of this template, page by page; asked again on the way, it starts over."""
    values = _values(brand_id, pass_type_identifier, template_id, Lane.CAMPAIGN)
    await _write(conn, _intent(conn.dialect.name, "fanout"), values)
    await _write(conn, _other_intent(conn.dialect.name, "fanout"), values)


async def want_news(conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, news_id: int) -> None:
    """Ring the audience of a news, page by page; asked again, it starts over."""
    values = _values(brand_id, pass_type_identifier, news_id, Lane.CAMPAIGN)
    await _write(conn, _intent(conn.dialect.name, "news"), values)
    await _write(conn, _other_intent(conn.dialect.name, "news"), values)


def _values(brand_id: int, pass_type_identifier: str, target: int, lane: Lane, delay: float = 0.0) -> dict[str, Any]:
    values = {"brand": brand_id, "pass_type": pass_type_identifier, "target": target}
    return values | {"in_lane": int(lane), "delay": round(delay * MICROSECONDS)}


async def _write(conn: AsyncConnection, intent: Any, values: dict[str, Any]) -> None:
    await conn.execute(intent, values)
    await mark(conn, places.push(values["pass_type"]))


TARGET = bindparam("target", type_=BigInteger)


def _row(kind: str) -> dict[str, ColumnElement[Any]]:
    return {
        "kind": literal(kind),
        "brand_id": bindparam("brand", type_=BigInteger),
        "pass_type_identifier": bindparam("pass_type", type_=String),
        "lane": bindparam("in_lane", type_=Integer),
        "position": literal(0),
        "generation": literal(0),
        "attempts": literal(0),
        "due_at": now_micros() + bindparam("delay", type_=BigInteger),
        "wanted_at": now_micros(),
        "created_at": now_micros(),
        _WANTED[kind][0]: TARGET,
    }


@cache
def _intent(dialect: str, kind: str) -> Any:
    """INSERT INTO jobs where there is somebody to ring, made once: making it takes longer than running it."""
    unique, wanted = _WANTED[kind]
    row = _row(kind)
    somebody = exists(select(literal(1)).select_from(wanted.table).where(wanted == TARGET))
    return _upsert(dialect, jobs, row, select(*_labelled(row)).where(somebody), [unique], kind)


@cache
def _other_intent(dialect: str, kind: str) -> Any:
    """INSERT INTO other_jobs, a row for each platform that has somebody to ring."""
    platforms = _OTHERS[kind]().subquery()  # distinct before the clock is read, which ticks within a statement
    row = _row(kind) | {"platform": platforms.c.platform}
    source = select(*_labelled(row)).select_from(platforms).where(true())  # SQLite needs a WHERE before ON CONFLICT
    unique = [_WANTED[kind][0]] if kind == "device" else [_WANTED[kind][0], "platform"]
    return _upsert(dialect, other_jobs, row, source, unique, kind)


def _labelled(row: dict[str, ColumnElement[Any]]) -> list[Any]:
    return [value.label(name) for name, value in row.items()]


def _upsert(
    dialect: str, queue: Table, row: dict[str, ColumnElement[Any]], source: Select[Any], unique: list[str], kind: str
) -> Any:
    statement = insert_into(queue, is_postgresql=dialect == "postgresql").from_select(list(row), source)
    again: dict[str, Any] = {"generation": queue.c.generation + 1, "position": 0}
    if kind == "news":
        again["due_at"] = statement.excluded.due_at  # it may have been paused
    if kind == "device":  # asked for by name, it waits for no back-off longer than it was asked to
        is_free = queue.c.lease_owner.is_(None)
        sooner = and_(is_free, statement.excluded.due_at < queue.c.due_at)
        again["due_at"] = case((sooner, statement.excluded.due_at), else_=queue.c.due_at)
        again["attempts"] = case((is_free, 0), else_=queue.c.attempts)
        again["for_news"] = case((queue.c.for_news == 0, 0), else_=1)
    if "platform" in row:
        again["platform"] = statement.excluded.platform
    return statement.on_conflict_do_update(index_elements=unique, set_=again)


_WANTED = {
    "card": ("card_id", registrations.c.card_id),
    "device": ("device_id", devices.c.id),
    "fanout": ("template_id", cards.c.template_id),
    "news": ("news_id", news.c.id),
}
"""The column of an intent that names whom to ring, unique, and the one where there must be such a row."""


def _holding() -> Select[tuple[str]]:
    held = registrations.join(devices, devices.c.id == registrations.c.device_id)
    found = select(devices.c.platform).select_from(held).where(registrations.c.card_id == TARGET)
    return found.where(devices.c.platform.in_(OTHERS)).distinct()


def _named() -> Select[tuple[str]]:
    return select(devices.c.platform).where(devices.c.id == TARGET, devices.c.platform.in_(OTHERS))


def _elsewhere() -> Select[tuple[str]]:
    """The platforms that the pass type has any phone of: one look at the index for each."""
    platforms = union_all(*(select(literal(platform).label("platform")) for platform in OTHERS)).subquery()
    phone = select(devices.c.id).where(
        devices.c.pass_type_identifier == bindparam("pass_type", type_=String),
        devices.c.platform == platforms.c.platform,
        ELSEWHERE,
    )
    return select(platforms.c.platform).where(exists(phone))


def _everybody() -> Select[tuple[str]]:
    """The same where anybody holds a card of the template."""
    return _elsewhere().where(exists(select(cards.c.id).where(cards.c.template_id == TARGET)))


_OTHERS = {"card": _holding, "device": _named, "fanout": _everybody, "news": _elsewhere}
"""The platforms, other than Apple's, that there is somebody to ring on."""


def insert_into_jobs(conn: AsyncConnection, queue: Table = jobs) -> postgresql.Insert | sqlite.Insert:
    """An INSERT INTO a queue that can say ON CONFLICT, in the connection's dialect."""
    return insert_into(queue, is_postgresql=conn.dialect.name == "postgresql")
