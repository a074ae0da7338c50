"""What every running process says of itself: which program it is, which certificates it signs with, how loaded it is.

A process that says nothing for a minute is gone. Two that sign with different certificates for longer than it takes to read
a new one (``DIFFER``) are a mistake of somebody's: a host that does not see the same rows, or another program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from store.clock import NOW, database_now
from store.dialect import Database
from store.tables import processes as table
from store.upserts import insert_into

GONE = timedelta(minutes=1)
KEPT = timedelta(minutes=10)
DIFFER = timedelta(minutes=2)
"""Longer than a new certificate takes to every host (30 s), and than a generation to change."""
FRESH_MICROS = 5_000_000
"""A load said longer ago says nothing about now."""


@dataclass(frozen=True, slots=True)
class Process:
    """One of them. ``certificates``: pass type -> fingerprint of the one it signs with; ``since``: both are so.

    ``fetch_ms`` is the 95th percentile of the passes fetched in the last second, None for none; ``cpu_percent`` its share of a
    core.
    """

    name: str
    role: str
    program: str
    certificates: Mapping[str, str] = field(default_factory=dict)
    fetch_ms: int | None = None
    cpu_percent: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A process that is alive, and since when it has been as it is."""

    process: Process
    since: datetime


@dataclass(frozen=True, slots=True)
class Difference:
    """Two processes that have not agreed for longer than they may: ``what`` is a pass type, or empty for the program."""

    what: str
    one: str
    other: str


async def say(db: Database, process: Process) -> None:
    """Write how this process is, and forget those that are long gone."""
    async with db.transaction() as conn:
        now = await database_now(conn)
        values = {name: getattr(process, name) for name in ("role", "program", "fetch_ms", "cpu_percent")}
        values |= {"certificates": dict(process.certificates), "seen_at": now}
        known = (await conn.execute(select(table).where(table.c.name == process.name))).first()
        same = known is not None and (known.program, known.certificates) == (process.program, values["certificates"])
        values["since"] = known.since if known is not None and same else now
        row = insert_into(table, is_postgresql=db.is_postgresql).values(name=process.name, **values)
        await conn.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))
        if known is None:
            await conn.execute(delete(table).where(table.c.seen_at < now - KEPT))


async def leave(db: Database, name: str) -> None:
    """This process ends."""
    async with db.transaction() as conn:
        await conn.execute(delete(table).where(table.c.name == name))


async def alive(db: Database) -> tuple[list[Seen], datetime]:
    """Who has said something within the last minute, and the database's time."""
    async with db.reading() as conn:
        now = await database_now(conn)
        rows = await conn.execute(select(table).where(table.c.seen_at >= now - GONE).order_by(table.c.name))
        return [
            Seen(
                Process(row.name, row.role, row.program, row.certificates, row.fetch_ms, row.cpu_percent),
                row.since,
            )
            for row in rows
        ], now


def differences(seen: Sequence[Seen], now: datetime) -> list[Difference]:
    """Where two processes have not agreed for more than ``DIFFER``; one row for each pass type, and one for the program."""
    settled = [one for one in seen if now - one.since > DIFFER]
    found: dict[str, Difference] = {}
    for number, one in enumerate(settled):
        for other in settled[number + 1 :]:
            mine, theirs = one.process, other.process
            for what in sorted(mine.certificates.keys() | theirs.certificates.keys()):
                if mine.certificates.get(what) != theirs.certificates.get(what):
                    found.setdefault(what, Difference(what, mine.name, theirs.name))
            if mine.program != theirs.program:
                found.setdefault("", Difference("", mine.name, theirs.name))
    return list(found.values())


async def load(db: Database) -> tuple[float, float]:
    """The worst of the web processes that have just said how loaded they are: (p95 of fetches in seconds, share of a core)."""
    sql = _LOAD.format(now=NOW[db.engine.dialect.name])
    (row,) = await db.fetch(sql, FRESH_MICROS)
    return (row[0] or 0) / 1000, (row[1] or 0) / 100


_LOAD = """
    SELECT MAX(p.fetch_ms), MAX(p.cpu_percent) FROM processes p
    WHERE p.role = 'web' AND p.seen_at >= (SELECT {now}) - ?1
"""
