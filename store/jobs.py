"""Push intents: rows written in the transaction of the change that wants them, so neither is without the other.

An intent is state, not a message: "the holders of this card should be rung". Written again while it waits, it
coalesces; written again while a worker is sending it, its ``generation`` moves, and settling leaves the row due. An
intent names

- a ``card``: rung now on every device that holds it,
- a ``device``: one (device, pass type), after a delay (a new registration, a retry, the rest of a burst),
- a ``fanout``: everyone who holds a card of a template, page by page (``store.claims``).

``claims`` takes and settles intents; ``leases`` says whose they are and what is held.
"""

from __future__ import annotations

from enum import IntEnum
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, String, and_, bindparam, case, exists, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialect import INTENTS, now_micros
from store.tables import cards, devices, jobs, registrations
from store.upserts import insert_into

MICROSECONDS = 1_000_000


class Lane(IntEnum):
    """Which intents go first: a customer's own change before a campaign."""

    URGENT = 0
    CAMPAIGN = 1


async def want_card(conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, card_id: int) -> None:
    """Ring every device that holds this card, at once; a card on no phone wants nothing."""
    await _write(conn, "card", brand_id, pass_type_identifier, card_id, Lane.URGENT)


async def want_device(
    conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, device_id: int, delay: float = 0.0
) -> None:
    """Ring one (device, pass type) after ``delay`` seconds by the database's clock."""
    await _write(conn, "device", brand_id, pass_type_identifier, device_id, Lane.URGENT, delay)


async def want_template(conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, template_id: int) -> None:
    """Ring everyone who holds a card of this template, page by page; asked again on the way, it starts over."""
    await _write(conn, "fanout", brand_id, pass_type_identifier, template_id, Lane.CAMPAIGN)


async def _write(
    conn: AsyncConnection,
    kind: str,
    brand_id: int,
    pass_type_identifier: str,
    target: int,
    lane: Lane,
    delay: float = 0.0,
) -> None:
    values = {"brand": brand_id, "pass_type": pass_type_identifier, "target": target}
    values |= {"in_lane": int(lane), "delay": round(delay * MICROSECONDS)}
    await conn.execute(_intent(conn.dialect.name, kind), values)
    (await conn.get_raw_connection()).info[INTENTS] = True


@cache
def _intent(dialect: str, kind: str) -> Any:
    """INSERT INTO jobs where there is somebody to ring, made once: making it takes longer than running it."""
    unique, wanted = _WANTED[kind]
    row: dict[str, ColumnElement[Any]] = {
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
        unique: bindparam("target", type_=BigInteger),
    }
    somebody = exists(select(wanted.table.c.id).where(wanted == bindparam("target", type_=BigInteger)))
    source = select(*(value.label(name) for name, value in row.items())).where(somebody)
    statement = _insert(dialect).from_select(list(row), source)
    again: dict[str, Any] = {"generation": jobs.c.generation + 1, "position": 0}
    if kind == "device":  # asked for by name, it waits for no back-off longer than it was asked to
        is_free = jobs.c.lease_owner.is_(None)
        sooner = and_(is_free, statement.excluded.due_at < jobs.c.due_at)
        again["due_at"] = case((sooner, statement.excluded.due_at), else_=jobs.c.due_at)
        again["attempts"] = case((is_free, 0), else_=jobs.c.attempts)
    return statement.on_conflict_do_update(index_elements=[unique], set_=again)


_WANTED = {
    "card": ("card_id", registrations.c.card_id),
    "device": ("device_id", devices.c.id),
    "fanout": ("template_id", cards.c.template_id),
}
"""The column of ``jobs`` that names whom to ring, unique, and the one where there must be such a row."""


def insert_into_jobs(conn: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    """An INSERT INTO jobs that can say ON CONFLICT, in the connection's dialect."""
    return _insert(conn.dialect.name)


def _insert(dialect: str) -> postgresql.Insert | sqlite.Insert:
    return insert_into(jobs, is_postgresql=dialect == "postgresql")
