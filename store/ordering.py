"""Which of two changes is newer: per (card, source, variable), by the backend's version, else by the event's timestamp."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables


@dataclass(frozen=True, slots=True)
class Moment:
    """When a source said something: its own version, if it counts, and the event's timestamp."""

    version: int | None
    at: datetime


def is_newer(said: Moment, before: Moment) -> bool:
    """Whether ``said`` replaces what was said ``before`` by the same source about the same variable.

    Two versions are compared strictly: the same version is no news. Where one of them has none, the timestamps decide, and
    another event of the same instant is applied.
    """
    if said.version is not None and before.version is not None:
        return said.version > before.version
    return said.at >= before.at


async def newer(
    conn: AsyncConnection, card_id: int, source_id: int, variables: Collection[str], said: Moment
) -> list[str]:
    """Those of the variables that this source has not set on this card at a later moment."""
    table = tables.applied_versions
    mine = (table.c.card_id == card_id, table.c.source_id == source_id, table.c.variable.in_(list(variables)))
    before = {row.variable: Moment(row.version, row.event_at) for row in await conn.execute(select(table).where(*mine))}
    return [name for name in variables if name not in before or is_newer(said, before[name])]


async def remember(conn: AsyncConnection, card_id: int, source_id: int, variables: Sequence[str], said: Moment) -> None:
    """These variables of the card were last set by this source at this moment."""
    if not variables:
        return
    table = tables.applied_versions
    insert = (postgresql.insert if conn.dialect.name == "postgresql" else sqlite.insert)(table)
    last = {"version": insert.excluded.version, "event_at": insert.excluded.event_at}
    statement = insert.on_conflict_do_update(index_elements=["card_id", "source_id", "variable"], set_=last)
    place = {"card_id": card_id, "source_id": source_id, "version": said.version, "event_at": said.at}
    await conn.execute(statement, [place | {"variable": name} for name in variables])
