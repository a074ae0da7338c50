"""Which of two changes is newer: per (card, source, variable), by the backend's version, else by the event's timestamp."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.upserts import insert_into


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
    rows = await conn.execute(_BEFORE, {"card": card_id, "source": source_id, "variables": list(variables)})
    before = {row.variable: Moment(row.version, row.event_at) for row in rows}
    return [name for name in variables if name not in before or is_newer(said, before[name])]


async def remember(conn: AsyncConnection, card_id: int, source_id: int, variables: Sequence[str], said: Moment) -> None:
    """These variables of the card were last set by this source at this moment."""
    if not variables:
        return
    place = {"card_id": card_id, "source_id": source_id, "version": said.version, "event_at": said.at}
    await conn.execute(_remembering(conn.dialect.name), [place | {"variable": name} for name in variables])


_TABLE = tables.applied_versions
_BEFORE = select(_TABLE).where(
    _TABLE.c.card_id == bindparam("card"),
    _TABLE.c.source_id == bindparam("source"),
    _TABLE.c.variable.in_(bindparam("variables", expanding=True)),
)


@cache
def _remembering(dialect: str) -> Any:
    insert = insert_into(_TABLE, is_postgresql=dialect == "postgresql")
    last = {"version": insert.excluded.version, "event_at": insert.excluded.event_at}
    return insert.on_conflict_do_update(index_elements=["card_id", "source_id", "variable"], set_=last)
