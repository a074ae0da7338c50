"""What phones have just been given, remembered in batches: completed downloads and answered lists.

A fetch or a list must not wait for a write, so these are kept in memory and written together, every quarter of a
second or by 500. Losing some in a crash costs a redundant fetch, never an update. ``pending`` counts what is not yet
written, so that within this process no answer is older than the last download.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable
from contextvars import Context
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import BindParameter, Integer, bindparam, case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import newscounts, tables, waits
from store.clock import database_now
from store.errors import Unavailable
from store.locks import lock_devices
from store.timeline import Line, record
from store.waits import Waits

if TYPE_CHECKING:
    from store.dialect import Database

INTERVAL = 0.25  # seconds
BATCH = 500
KEPT_AT_MOST = 20_000
"""Notes kept while the database is away; later ones are dropped, and cost a redundant fetch each."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A device has asked what is new and was told these cards."""

    device_id: int
    card_ids: tuple[int, ...]


@dataclass(slots=True)
class _Notes:
    fetched: list[tuple[int, int | None]] = field(default_factory=list)  # (card, device)
    cut: list[int] = field(default_factory=list)  # cards
    counts: Counter[tuple[int, str]] = field(default_factory=Counter)
    news: Counter[tuple[int, str]] = field(default_factory=Counter)  # of these, editions that show a news
    listed: list[Listed] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.fetched) + len(self.cut) + len(self.listed)

    def put_back(self, other: _Notes) -> None:
        """Before these, notes that could not be written."""
        self.fetched[:0] = other.fetched
        self.cut[:0] = other.cut
        self.counts.update(other.counts)
        self.news.update(other.news)
        self.listed[:0] = other.listed


class ServedBuffer:
    """The notes of one open database. ``on_waited`` are told how long phones had waited for what was written."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._notes = _Notes()
        self._writing = _Notes()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.on_waited: list[Callable[[Waits], None]] = []
        self.flushes = 0  # how often notes have moved to the database: a read that spans one saw neither

    def fetched(self, card_id: int, edition: str, device_id: int | None = None, *, has_news: bool = False) -> None:
        """A 200 with this edition has been sent to its last byte."""
        if len(self._notes) < KEPT_AT_MOST:
            self._notes.fetched.append((card_id, device_id))
            self._notes.counts[card_id, edition] += 1
            if has_news:
                self._notes.news[card_id, edition] += 1
            self._schedule()

    def thrown_away(self, card_id: int, edition: str, *, has_news: bool = False) -> None:
        """A download that was counted turned out to have been cut off: it counts no more."""
        if len(self._notes) < KEPT_AT_MOST:
            self._notes.cut.append(card_id)
            self._notes.counts[card_id, edition] -= 1
            if has_news:
                self._notes.news[card_id, edition] -= 1
            self._schedule()

    def listed(self, note: Listed) -> None:
        """A list has been answered."""
        if len(self._notes) < KEPT_AT_MOST:
            self._notes.listed.append(note)
            self._schedule()

    def pending(self, card_id: int, edition: str) -> int:
        """Completed downloads of this edition that are not in the database yet."""
        key = (card_id, edition)
        return self._notes.counts.get(key, 0) + self._writing.counts.get(key, 0)

    async def flush(self) -> None:
        """Write what there is; raises ``Unavailable`` and keeps it when the database does not take it."""
        while self._task is not None:
            await asyncio.wait([self._task])
        await self._write()

    async def close(self) -> None:
        """Write what there is and start no more; what is not taken now is lost (a redundant fetch each)."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        with contextlib.suppress(Unavailable):
            await self.flush()

    def _schedule(self) -> None:
        if self._closed or self._task is not None:
            return
        if len(self._notes) >= BATCH:
            self._start()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(INTERVAL, self._start)

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # a context of its own: inside ``Database.joined`` it would join that transaction
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    async def _run(self) -> None:
        failed = False
        try:
            await self._write()
        except Unavailable:
            failed = True  # kept; tried again a second later
        finally:
            self._task = None
            if len(self._notes) and not self._closed and self._timer is None:
                delay = 1.0 if failed else INTERVAL
                self._timer = asyncio.get_running_loop().call_later(delay, self._start)

    async def _write(self) -> None:
        if not len(self._notes):
            return
        self._writing, self._notes = self._notes, _Notes()
        notes = self._writing
        try:
            waited = await write(self._db, notes)
        except BaseException:
            self._notes.put_back(notes)
            raise
        finally:
            self._writing = _Notes()
            self.flushes += 1
        for tell in self.on_waited:
            tell(waited)


async def write(db: Database, notes: _Notes) -> Waits:
    """One transaction: served counts, devices' last list, and their lines on the cards' timelines."""
    async with db.transaction() as conn:
        now = await database_now(conn)
        told = {(note.device_id, card) for note in notes.listed for card in note.card_ids}
        waited = Waits(await waits.listed(conn, told, now), await waits.fetched(conn, notes.counts, now))
        await _count(conn, notes.counts)
        heard = await newscounts.fetched(conn, notes.news) if notes.news else {}
        await _stamp_devices(conn, sorted({note.device_id for note in notes.listed}), now)
        touched = {*(card for card, _ in notes.fetched), *notes.cut}
        touched |= {card for note in notes.listed for card in note.card_ids}
        await record(db, conn, await _lines(conn, notes, touched), now)
        await newscounts.add(conn, {news_id: {"fetched": count} for news_id, count in heard.items()})
    return waited


async def _count(conn: AsyncConnection, counts: Counter[tuple[int, str]]) -> None:
    """An edition is counted while it is the card's newest served one: a late note of an older one changes nothing."""
    cards = tables.cards.c
    same = cards.served_edition == bindparam("edition")
    times: BindParameter[int] = bindparam("times", type_=Integer)
    newest = (cards.id == bindparam("card"), cards.modified_edition == bindparam("edition"))
    more = update(tables.cards).where(*newest)
    more = more.values(
        served_count=case((same, cards.served_count + times), else_=times), served_edition=bindparam("edition")
    )
    fewer = update(tables.cards).where(*newest, same, cards.served_count + times >= 0)
    fewer = fewer.values(served_count=cards.served_count + times)
    noted = [(n, {"card": card, "edition": edition, "times": n}) for (card, edition), n in sorted(counts.items()) if n]
    for statement, is_more in ((more, True), (fewer, False)):
        wanted = [row for n, row in noted if (n > 0) is is_more]
        if wanted:
            await conn.execute(statement, wanted)


async def _stamp_devices(conn: AsyncConnection, device_ids: list[int], now: datetime) -> None:
    if device_ids:
        await lock_devices(conn, device_ids)
        listed = update(tables.devices).where(tables.devices.c.id.in_(device_ids))
        await conn.execute(listed.values(listed_at=now, seen_at=now, sweeps=0))


async def _lines(conn: AsyncConnection, notes: _Notes, touched: set[int]) -> list[Line]:
    cards = tables.cards.c
    rows = await conn.execute(select(cards.id, cards.brand_id).where(cards.id.in_(touched)))
    brands = {row.id: row.brand_id for row in rows}
    lines = [Line(brands[card], card, "listed", {}, n.device_id) for n in notes.listed for card in n.card_ids]
    lines += [Line(brands[card], card, "fetched", {}, device) for card, device in notes.fetched]
    return lines + [Line(brands[card], card, "cut") for card in notes.cut]
