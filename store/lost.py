"""Cards that phones hold and this database lacks: issued after the backup that it was restored from.

A true token names such a card's serial number and generation, and nobody but us can make one; what was on the card is lost until
the backend says it again. A card that was deleted here on purpose (a tryout) is met the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select

from store import issuing, tables
from store.dialect import Database
from store.issuing import Again, NewCard
from store.tables import lost_cards as table
from store.upserts import insert_into

MOST = 100_000
"""So many are kept; what comes on top is met again when its phone comes again."""


@dataclass(frozen=True, slots=True)
class Lost:
    """One of them, as its token says."""

    pass_type_identifier: str
    serial_number: str
    generation: int
    secret_id: str
    seen_at: datetime


async def note(db: Database, pass_type: str, serial: str, generation: int, secret_id: str, now: datetime) -> bool:
    """A true token came for a serial number: keep it if there is no such card. True: it is lost."""
    known = await db.fetch("SELECT 1 FROM cards WHERE serial_number = ?1", serial)
    mine = await db.fetch("SELECT 1 FROM brands WHERE pass_type_identifier = ?1 AND revoked_at IS NULL", pass_type)
    if known or not mine:
        return False
    values = {"pass_type_identifier": pass_type, "serial_number": serial, "generation": generation}
    async with db.transaction() as conn:
        if int((await conn.execute(select(func.count()).select_from(table))).scalar_one()) < MOST:
            row = insert_into(table, is_postgresql=db.is_postgresql)
            row = row.values(**values, secret_id=secret_id, seen_at=now)
            last = {"generation": row.excluded.generation, "secret_id": row.excluded.secret_id, "seen_at": now}
            await conn.execute(row.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=last))
    return True


async def count(db: Database) -> int:
    """How many are known."""
    async with db.reading() as conn:
        return int((await conn.execute(select(func.count()).select_from(table))).scalar_one())


async def listing(db: Database, pass_type: str) -> Sequence[Lost]:
    """Those of a pass type, the first met first."""
    some = select(table).where(table.c.pass_type_identifier == pass_type).order_by(table.c.seen_at)
    async with db.reading() as conn:
        return [Lost(**row) for row in (await conn.execute(some)).mappings()]


async def readopt(
    db: Database, brand_id: int, lost: Lost, template: str, data: Mapping[str, Any], now: datetime
) -> None:
    """Make the card anew under its own serial number and token; its phones register when they come next.

    Invalid where the template needs data that is not given, or a SECRET id is gone.
    """
    again = Again(lost.serial_number, lost.generation, lost.secret_id)
    async with db.transaction() as conn:
        there = select(tables.cards.c.id).where(tables.cards.c.serial_number == lost.serial_number)
        if (await conn.execute(there)).first() is None:
            new = NewCard(template, data=data, channel="readopted")
            await issuing.issue_in(db, conn, brand_id, new, now, again=again)
        await conn.execute(delete(table).where(table.c.serial_number == lost.serial_number))
