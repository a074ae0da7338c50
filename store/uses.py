"""Which source sets which variable, counted per day, so that a publish does not take away what a backend still sends.

A webhook must not wait for a count: counts are kept in memory and written together every few seconds, by who has the database
open. Losing some in a crash loses a count, never a change. ``variable`` is the name that the source used.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from contextvars import Context
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import Unavailable
from store.tables import sources, variable_uses
from store.upserts import insert_into

if TYPE_CHECKING:
    from store.dialect import Database

INTERVAL = 5.0  # seconds
KEPT_AT_MOST = 10_000
"""Different (template, source, variable, day) in memory while the database is away; what comes on top is not counted."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WITHIN = timedelta(days=30)
"""A variable that a source has set within this time is in use."""
DAYS = 60
"""How long the counts are kept."""

Key = tuple[int, int, str, int]


@dataclass(frozen=True, slots=True)
class Use:
    """How often a source has set a variable on one day; ``day`` counts from the epoch."""

    source: str
    variable: str
    day: int
    count: int


class UsesBuffer:
    """The counts of one open database that are not written yet."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._counts: Counter[Key] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def note(self, template_id: int, source_id: int, variables: Iterable[str], now: datetime) -> None:
        """A source has set these variables of a card of this template."""
        day = day_of(now)
        for variable in variables:
            key = (template_id, source_id, variable[:64], day)
            if key in self._counts or len(self._counts) < KEPT_AT_MOST:
                self._counts[key] += 1
        if self._counts and self._timer is None and self._task is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start)

    async def flush(self) -> None:
        """Write what there is; raises ``Unavailable`` and keeps it when the database does not take it."""
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._write()

    async def close(self) -> None:
        """Write what there is and start no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(Unavailable):
            await self.flush()

    def _start(self) -> None:
        self._timer = None
        # a context of its own: inside ``Database.joined`` it would join that transaction
        self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def _run(self) -> None:
        try:
            with contextlib.suppress(Unavailable):  # kept; written with the next
                await self._write()
        finally:
            self._task = None
            if self._counts and not self._closed and self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start)

    async def _write(self) -> None:
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            async with self._db.transaction() as conn:
                await _add(conn, counts)
        except BaseException:
            self._counts.update(counts)
            raise


async def _add(conn: AsyncConnection, counts: Counter[Key]) -> None:
    added = insert_into(variable_uses, is_postgresql=conn.dialect.name == "postgresql")
    added = added.on_conflict_do_update(
        index_elements=list(variable_uses.primary_key.columns),
        set_={"count": variable_uses.c["count"] + added.excluded["count"]},
    )
    names = ("template_id", "source_id", "variable", "day", "count")
    # in the order of their key, so that two processes that write the same rows do not wait for each other
    await conn.execute(added, [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(counts.items())])


def day_of(moment: datetime) -> int:
    """Days since the epoch, UTC."""
    return (moment - EPOCH).days


async def since(conn: AsyncConnection, template_id: int, now: datetime) -> list[Use]:
    """What living sources have set of a template's variables of late, by source, variable and day."""
    uses = variable_uses.c
    wanted = select(sources.c.name, uses.variable, uses.day, uses["count"]).join(
        sources, sources.c.id == uses.source_id
    )
    wanted = wanted.where(uses.template_id == template_id, uses.day > day_of(now - WITHIN))
    alive = sources.c.revoked_at.is_(None) | (sources.c.revoked_at > now)
    rows = await conn.execute(wanted.where(alive).order_by(sources.c.name, uses.variable, uses.day))
    return [Use(*row) for row in rows]


def old(now: datetime) -> Any:
    """The rows that the daily sweep deletes."""
    return variable_uses.c.day < day_of(now - timedelta(days=DAYS))
