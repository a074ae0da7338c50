"""What is to be brought to Google: rows of classes and objects made due in the transaction of the change that wants it.

A due row is state, not a message: "Google should hold what this card shows now". Wanted again while it waits, it
coalesces; wanted again while a worker is sending it, its ``generation`` moves, and settling leaves it due. A back-off that
runs is not cut short, and the oldest wish dates it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Table, Text, Update, and_, bindparam, case, null, or_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import dialect, places
from store.dialect import now_micros
from store.jobs import Lane
from store.tables import google_classes, google_objects


async def want_object(
    conn: AsyncConnection,
    card_id: int,
    *,
    lane: Lane = Lane.URGENT,
    update_ring: bool = False,
    message_field: str | None = None,
) -> None:
    """Bring this card's object to Google; the caller has locked the card, and knows that there is an object.

    ``update_ring`` asks for NOTIFY_ON_UPDATE, ``message_field`` for this field's lock-screen text as a message.
    """
    values = {"card": card_id, "rings": update_ring, "field": message_field}
    await conn.execute(_wish(lane), values)
    await mark(conn)


async def want_classes(conn: AsyncConnection, condition: Any) -> None:
    """Bring these classes to Google, and look through their objects for those that the same change has moved."""
    again = due_again(google_classes, Lane.CAMPAIGN) | {"page_position": 0}
    await conn.execute(update(google_classes).where(condition).values(**again))
    await mark(conn)


async def want_brand(conn: AsyncConnection, brand_id: int) -> None:
    """Every class of the brand, and what of their objects differs."""
    await want_classes(conn, google_classes.c.brand_id == brand_id)


async def mark(conn: AsyncConnection) -> None:
    """Wake Google's workers after the commit."""
    await dialect.mark(conn, places.GOOGLE)


def due_again(table: Table, lane: Lane) -> dict[str, Any]:
    """The columns of a row that is wanted once more: at once, unless a back-off runs (``attempts``)."""
    is_timed = and_(table.c.attempts == 0, table.c.due_at > now_micros())
    is_idle = or_(table.c.due_at.is_(None), is_timed)
    sooner = case((table.c.lane < int(lane), table.c.lane), else_=int(lane))
    return {
        "generation": table.c.generation + 1,
        "due_at": case((is_idle, now_micros()), else_=table.c.due_at),
        "wanted_at": case((is_idle, now_micros()), else_=table.c.wanted_at),
        "lane": case((is_idle, int(lane)), else_=sooner),
        "attempts": case((is_idle, 0), else_=table.c.attempts),
        "reason": case((is_idle, null()), else_=table.c.reason),
        "detail": case((is_idle, null()), else_=table.c.detail),
    }


@cache
def _wish(lane: Lane) -> Update:
    """Made once: making it takes longer than running it. A later ring takes the place of one that waits."""
    objects = google_objects.c
    field: ColumnElement[str] = bindparam("field", type_=Text)
    rings: ColumnElement[bool] = bindparam("rings", type_=Boolean)
    wanted = due_again(google_objects, lane)
    wanted["ring_generation"] = case((rings, objects.generation + 1), else_=objects.ring_generation)
    wanted["message_generation"] = case((field.is_not(None), objects.generation + 1), else_=objects.message_generation)
    wanted["message_field"] = case((field.is_not(None), field), else_=objects.message_field)
    return update(google_objects).where(objects.card_id == bindparam("card")).values(**wanted)
