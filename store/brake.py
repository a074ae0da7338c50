"""The brake's window: how many cards of a template a source has rung or emptied in ten minutes.

A card counts once in the window, however often it changes: phones hear of one card no more than every few seconds, and a
till that is busy with one customer is no backend gone wild.

A webhook must not wait for a count, and processes must not wait for each other's row: counts are kept in memory, written
together every second by who has the database open, and what others wrote is read at most once a second. So several
processes may let through a second's worth more than one would, and a crash forgets a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.countbuffer import CountBuffer
from store.tables import brake_counts, cards
from store.upserts import insert_into

if TYPE_CHECKING:
    from store.dialect import Database

WINDOW = timedelta(minutes=10)
SLOT = timedelta(seconds=10)
"""The window slides by slots of this length."""
LEAST = 200
"""So many changes pass, however few cards the template has."""
SHARE = 20
"""And one card in so many: 5 %."""
INTERVAL = 1.0  # seconds
SIZE_KEPT = timedelta(minutes=5)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Place = tuple[int, int]
"""(source id, template id)."""
Slot = tuple[int, int, int, str]
"""(source id, template id, slot of time, ``rings`` or ``resets``)."""


@dataclass(frozen=True, slots=True)
class Made:
    """What one event does: the ids of the cards that it rings, and of those that it empties."""

    rings: Collection[int] = ()
    resets: Collection[int] = ()

    def kinds(self) -> tuple[tuple[str, Collection[int]], ...]:
        """The cards of each kind."""
        return ("rings", self.rings), ("resets", self.resets)


@dataclass(frozen=True, slots=True)
class Noted:
    """Cards that were rung and cards that were emptied; ``breaks`` compares sums of it with a limit."""

    rings: int = 0
    resets: int = 0

    def __add__(self, other: Noted) -> Noted:
        return Noted(self.rings + other.rings, self.resets + other.resets)

    def breaks(self, made: Noted, limit: int) -> str:
        """Why a change on top of these sums is one too many: ``resets``, ``rings`` or empty."""
        if made.resets and self.resets + made.resets > limit:
            return "resets"
        return "rings" if made.rings and self.rings + made.rings > limit else ""

    def is_near(self, limit: int, cards: int) -> bool:
        """Whether a change of so many cards could be one too many."""
        return max(self.rings, self.resets) + cards > limit


class BrakeWindow(CountBuffer[Slot]):
    """The window of one open database: what is not written yet, and what the table said a moment ago."""

    interval = INTERVAL

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self._known: dict[Place, tuple[datetime, Noted]] = {}
        self._passed: dict[tuple[int, int, str], int] = {}
        """(source id, card id, kind) -> the slot in which this process counted the card and let it pass."""
        self._sizes: dict[int, tuple[datetime, int]] = {}

    async def sums(self, conn: AsyncConnection, place: Place, now: datetime) -> Noted:
        """What this source did to this template's cards in the last ten minutes."""
        first = slot_of(now - WINDOW)
        known = self._known.get(place)
        if known is None or abs((now - known[0]).total_seconds()) > INTERVAL:
            row = (await conn.execute(_SUMS, {"source": place[0], "template": place[1], "first": first})).one()
            known = (now, Noted(row.rings or 0, row.resets or 0))
            self._known[place] = known
        mine = {"rings": 0, "resets": 0}
        for (source_id, template_id, slot, kind), count in self._counts.items():
            if (source_id, template_id) == place and slot > first:
                mine[kind] += count
        return known[1] + Noted(**mine)

    async def limit(self, conn: AsyncConnection, template_id: int, own: int | None, sums: Noted, now: datetime) -> int:
        """How many may pass: the source's own number, else 200 or 5 % of the template's cards, counted when it matters."""
        if own is not None:
            return own
        if max(sums.rings, sums.resets) < LEAST:
            return LEAST
        known = self._sizes.get(template_id)
        if known is None or abs(now - known[0]) > SIZE_KEPT:
            size = select(func.count()).select_from(cards).where(cards.c.template_id == template_id)
            known = (now, int((await conn.execute(size)).scalar_one()))
            self._sizes[template_id] = known
        return max(LEAST, known[1] // SHARE)

    def fresh(self, place: Place, made: Made, now: datetime) -> Noted:
        """How many of these cards this process has not let pass in the window yet."""
        return Noted(*(len(self._unseen(place, kind, ids, now)) for kind, ids in made.kinds()))

    def note(self, place: Place, made: Made, now: datetime, *, passes: bool) -> None:
        """A source has changed cards of this template, or tried to and was stopped: those count again with each try."""
        for kind, ids in made.kinds():
            unseen = self._unseen(place, kind, ids, now)
            if unseen:
                self._counts[*place, slot_of(now), kind] += len(unseen)
            if passes:
                self._passed.update(((place[0], one, kind), slot_of(now)) for one in unseen)
        self._schedule()

    def _unseen(self, place: Place, kind: str, ids: Collection[int], now: datetime) -> list[int]:
        first = slot_of(now - WINDOW)
        return [one for one in ids if self._passed.get((place[0], one, kind), first) <= first]

    async def _write(self) -> None:
        if not self._counts:
            return
        oldest = max(slot for _, _, slot, _ in self._counts) - WINDOW // SLOT
        self._passed = {card: slot for card, slot in self._passed.items() if slot > oldest}
        try:
            await super()._write()
        finally:
            self._known.clear()

    async def _add(self, conn: AsyncConnection, counts: Counter[Slot]) -> None:
        rows: dict[tuple[int, int, int], dict[str, int]] = {}
        for (source_id, template_id, slot, kind), count in counts.items():
            rows.setdefault((source_id, template_id, slot), {"rings": 0, "resets": 0})[kind] += count
        added = insert_into(brake_counts, is_postgresql=conn.dialect.name == "postgresql")
        added = added.on_conflict_do_update(
            index_elements=list(brake_counts.primary_key.columns),
            set_={name: brake_counts.c[name] + added.excluded[name] for name in ("rings", "resets")},
        )
        names = ("source_id", "template_id", "slot")
        await conn.execute(added, [dict(zip(names, key, strict=True)) | sums for key, sums in sorted(rows.items())])
        oldest = max(slot for _, _, slot in rows) - 2 * (WINDOW // SLOT)
        await conn.execute(delete(brake_counts).where(brake_counts.c.slot < oldest))


def slot_of(moment: datetime) -> int:
    """Tens of seconds since the epoch."""
    return (moment - EPOCH) // SLOT


_SUMS = select(func.sum(brake_counts.c.rings).label("rings"), func.sum(brake_counts.c.resets).label("resets")).where(
    brake_counts.c.source_id == bindparam("source"),
    brake_counts.c.template_id == bindparam("template"),
    brake_counts.c.slot > bindparam("first"),
)
