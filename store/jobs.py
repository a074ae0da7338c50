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
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, exists, literal, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialect import now_micros
from store.tables import cards, devices, jobs, registrations

MICROSECONDS = 1_000_000
INTENTS = "intents"
"""The mark on a connection that says: this transaction has written intents, wake the worker after the commit."""


class Lane(IntEnum):
    """Which intents go first: a customer's own change before a campaign."""

    URGENT = 0
    CAMPAIGN = 1


async def want_card(conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, card_id: int) -> None:
    """Ring every device that holds this card, at once; a card on no phone wants nothing."""
    row = _row("card", brand_id, pass_type_identifier, Lane.URGENT)
    row["card_id"] = literal(card_id, BigInteger)
    held = exists(select(registrations.c.id).where(registrations.c.card_id == card_id))
    await _write(conn, row, "card_id", held)


async def want_device(
    conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, device_id: int, delay: float = 0.0
) -> None:
    """Ring one (device, pass type) after ``delay`` seconds by the database's clock."""
    row = _row("device", brand_id, pass_type_identifier, Lane.URGENT, delay)
    row["device_id"] = literal(device_id, BigInteger)
    await _write(conn, row, "device_id", exists(select(devices.c.id).where(devices.c.id == device_id)))


async def want_template(conn: AsyncConnection, *, brand_id: int, pass_type_identifier: str, template_id: int) -> None:
    """Ring everyone who holds a card of this template, page by page; asked again on the way, it starts over."""
    row = _row("fanout", brand_id, pass_type_identifier, Lane.CAMPAIGN)
    row["template_id"] = literal(template_id, BigInteger)
    await _write(conn, row, "template_id", exists(select(cards.c.id).where(cards.c.template_id == template_id)))


def _row(
    kind: str, brand_id: int, pass_type_identifier: str, lane: Lane, delay: float = 0.0
) -> dict[str, ColumnElement[Any]]:
    return {
        "kind": literal(kind),
        "brand_id": literal(brand_id, BigInteger),
        "pass_type_identifier": literal(pass_type_identifier),
        "lane": literal(int(lane)),
        "position": literal(0),
        "generation": literal(0),
        "attempts": literal(0),
        "due_at": now_micros() + literal(round(delay * MICROSECONDS), BigInteger),
        "wanted_at": now_micros(),
        "created_at": now_micros(),
    }


async def _write(
    conn: AsyncConnection, row: dict[str, ColumnElement[Any]], unique: str, condition: ColumnElement[bool]
) -> None:
    source = select(*(value.label(name) for name, value in row.items())).where(condition)
    statement = insert_into_jobs(conn).from_select(list(row), source)
    again: dict[str, Any] = {"generation": jobs.c.generation + 1, "position": 0}
    if unique == "device_id":  # asked for by name, it waits for no back-off longer than it was asked to
        is_free = jobs.c.lease_owner.is_(None)
        sooner = and_(is_free, statement.excluded.due_at < jobs.c.due_at)
        again["due_at"] = case((sooner, statement.excluded.due_at), else_=jobs.c.due_at)
        again["attempts"] = case((is_free, 0), else_=jobs.c.attempts)
    await conn.execute(statement.on_conflict_do_update(index_elements=[unique], set_=again))
    (await conn.get_raw_connection()).info[INTENTS] = True


def insert_into_jobs(conn: AsyncConnection) -> postgresql.Insert | sqlite.Insert:
    """An INSERT INTO jobs that can say ON CONFLICT, in the connection's dialect."""
    return postgresql.insert(jobs) if conn.dialect.name == "postgresql" else sqlite.insert(jobs)
