"""Messages to everyone on a template, and what Google has refused: what people ask of classes and objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import googlemessages
from store.dialect import Database
from store.errors import NotFound
from store.googleintents import due_again, mark
from store.googlework import ClassMessage, Dead
from store.jobs import Lane
from store.tables import google_classes, google_objects


async def say(db: Database, template_id: int, message: ClassMessage) -> None:
    """Show a message on the template's class from its start to its end; the same id again replaces what waits.

    NotFound when the template is not on Google.
    """
    async with db.transaction() as conn:
        if not await say_in(conn, template_id, message):
            raise NotFound("The template is not on Google.")


async def say_in(conn: AsyncConnection, template_id: int, message: ClassMessage) -> bool:
    """The same in the caller's transaction; False when the template is not on Google."""
    return await _rewrite(conn, template_id, message.id, [googlemessages.to_json(message)])


async def unsay(db: Database, template_id: int, message_id: str) -> None:
    """Take a message from the template's class; one that Google holds leaves by the next PATCH."""
    async with db.transaction() as conn:
        if not await unsay_in(conn, template_id, message_id):
            raise NotFound("The template is not on Google.")


async def unsay_in(conn: AsyncConnection, template_id: int, message_id: str) -> bool:
    """The same in the caller's transaction; False when the template is not on Google."""
    return await _rewrite(conn, template_id, message_id, [])


async def dead(db: Database, brand_id: int | None = None) -> list[Dead]:
    """What Google refused for good, of one brand or of all; classes first."""
    async with db.reading() as conn:
        return await _dead_classes(conn, brand_id) + await _dead_objects(conn, brand_id)


async def revive(db: Database, brand_id: int) -> int:
    """Try everything of the brand that Google refused once more; returns how many."""
    total = 0
    async with db.transaction() as conn:
        for table in (google_classes, google_objects):
            refused = update(table).where(table.c.brand_id == brand_id, _is_dead(table))
            total += (await conn.execute(refused.values(**due_again(table, Lane.CAMPAIGN)))).rowcount
        await mark(conn)
    return total


async def _rewrite(conn: AsyncConnection, template_id: int, message_id: str, new: Sequence[dict[str, Any]]) -> bool:
    mine = google_classes.c.template_id == template_id
    found = select(google_classes.c.messages).where(mine).with_for_update()
    wanted = (await conn.execute(found)).scalar_one_or_none()
    if wanted is None:
        return False
    messages = [one for one in wanted if one["id"] != message_id] + list(new)
    again = due_again(google_classes, Lane.CAMPAIGN)
    await conn.execute(update(google_classes).where(mine).values(**again, messages=messages))
    await mark(conn)
    return True


async def _dead_classes(conn: AsyncConnection, brand_id: int | None) -> list[Dead]:
    rows = await conn.execute(_listed(google_classes, brand_id))
    return [Dead("class", row.class_id, row.brand_id, None, row.reason, row.detail or "") for row in rows]


async def _dead_objects(conn: AsyncConnection, brand_id: int | None) -> list[Dead]:
    rows = await conn.execute(_listed(google_objects, brand_id))
    return [Dead("object", row.object_id, row.brand_id, row.card_id, row.reason, row.detail or "") for row in rows]


MOST = 1_000
"""Rows that a list of dead letters shows."""


def _listed(table: Any, brand_id: int | None) -> Any:
    rows = select(table).where(_is_dead(table)).order_by(table.c.id).limit(MOST)
    return rows if brand_id is None else rows.where(table.c.brand_id == brand_id)


def _is_dead(table: Any) -> Any:
    return table.c.due_at.is_(None) & table.c.reason.is_not(None)
