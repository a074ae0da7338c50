"""Whether the database takes a write right now: what ``/readyz`` and ``doctor`` ask."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, cast, insert, update

from store import tables
from store.clock import now_micros
from store.dialect import Database

NAME = "probe"


async def write_probe(db: Database) -> None:
    """Write one row and commit; raises ``Unavailable`` when the database is locked, full, read-only or away."""
    table = tables.facts
    stamp = now_micros()
    async with db.transaction() as conn:
        moved = await conn.execute(update(table).where(table.c.name == NAME).values(value=_text(stamp)))
        if not moved.rowcount:
            await conn.execute(insert(table).values(name=NAME, value=_text(stamp)))


def _text(stamp: now_micros) -> Any:
    return cast(stamp, Text)
