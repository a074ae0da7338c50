"""Counts that must not make anybody wait: kept in memory and written together, by who has the database open.

A count that the database does not take now is kept and written with the next; a crash loses at most an interval's. What phones
were given has a buffer of its own (``store.served``), because there answers depend on what is not written yet.
"""

from __future__ import annotations

import asyncio
import contextlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Hashable
from contextvars import Context
from typing import TYPE_CHECKING, Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from store.errors import Unavailable

if TYPE_CHECKING:
    from store.dialect import Database


K = TypeVar("K", bound=Hashable)


class CountBuffer(ABC, Generic[K]):
    """The counts of one open database that are not written yet, by key; after a change of them ``_schedule`` is called."""

    interval: float
    """Seconds from the first count to the write."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._counts: Counter[K] = Counter()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @abstractmethod
    async def _add(self, conn: AsyncConnection, counts: Counter[K]) -> None:
        """Write these, in the order of their keys, so that two processes that write the same rows do not wait for each other."""

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

    def _schedule(self) -> None:
        if self._counts and self._timer is None and self._task is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self.interval, self._start)

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
            self._schedule()

    async def _write(self) -> None:
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        try:
            async with self._db.transaction() as conn:
                await self._add(conn, counts)
        except BaseException:
            self._counts.update(counts)
            raise
