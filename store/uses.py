"""Which source sets which variable, counted per day, so that a publish does not take away what a backend still sends.

A webhook must not wait for a count (``store.countbuffer``). Losing some in a crash loses a count, never a change. ``variable`` is
the name that the source used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.countbuffer import CountBuffer
from store.tables import sources, variable_uses
from store.upserts import insert_into

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


class UsesBuffer(CountBuffer[Key]):
    """The counts of one open database that are not written yet."""

    interval = INTERVAL

    def note(self, template_id: int, source_id: int, variables: Iterable[str], now: datetime) -> None:
        """A source has set these variables of a card of this template."""
        day = day_of(now)
        for variable in variables:
            key = (template_id, source_id, variable[:64], day)
            if key in self._counts or len(self._counts) < KEPT_AT_MOST:
                self._counts[key] += 1
        self._schedule()

    async def _add(self, conn: AsyncConnection, counts: Counter[Key]) -> None:
        added = insert_into(variable_uses, is_postgresql=conn.dialect.name == "postgresql")
        added = added.on_conflict_do_update(
            index_elements=list(variable_uses.primary_key.columns),
            set_={"count": variable_uses.c["count"] + added.excluded["count"]},
        )
        names = ("template_id", "source_id", "variable", "day", "count")
        rows = [dict(zip(names, (*key, count), strict=True)) for key, count in sorted(counts.items())]
        await conn.execute(added, rows)


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
