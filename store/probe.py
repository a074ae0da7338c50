"""Whether the database takes a write right now: what ``/readyz`` and ``doctor`` ask."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Text, cast

from store import tables
from store.clock import now_micros
from store.dialect import Database
from store.upserts import insert_into

NAME = "probe"


async def write_probe(db: Database) -> None:
    """Write one row and commit; raises ``Unavailable`` when the database is locked, full, read-only or away."""
    table = tables.facts
    stamp = now_micros()
    async with db.transaction() as conn:
        row = insert_into(table, is_postgresql=db.is_postgresql).values(name=NAME, value=_text(stamp))
        await conn.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": _text(stamp)}))


def _text(stamp: now_micros) -> Any:
    return cast(stamp, Text)
