"""SQLite without a thread for each statement.

aiosqlite hands every call to a thread of its own and waits for the loop to hear of it: 100 to 200 microseconds for a
statement that takes ten, and a transaction is thirty of them. Here statements run where they are asked for; only what may
wait for the disk (COMMIT, opening and closing) goes to the thread, and BEGIN IMMEDIATE where another process has the lock,
so that nothing but computing holds up the event loop. It needs the write-ahead log, in which a reader waits for nobody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from store import sqlite_library  # before aiosqlite: it chooses the library that aiosqlite runs on

import aiosqlite  # isort: skip

BEGIN = "BEGIN IMMEDIATE"
MAY_WAIT = ("COMMIT", "PRAGMA", "VACUUM")
"""Statements that go to the thread: they write to the disk."""
POLL = 0.002
"""Seconds between two tries to take the lock. SQLite itself would wait up to 0.1: whoever writes much would always be first."""
LOCKED = (5, 6)
"""SQLITE_BUSY and SQLITE_LOCKED."""


class InlineConnection(aiosqlite.Connection):
    """An aiosqlite connection whose statements run in the caller's thread."""

    _stopped: asyncio.Future[Any] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        """Stop the thread; remembered, so that a connection that could not be opened waits for its end."""
        self._stopped = super().stop()
        return self._stopped

    async def _connect(self) -> aiosqlite.Connection:
        try:
            return await super()._connect()
        except BaseException:
            if self._stopped is not None:
                await self._stopped  # else the thread may speak to a loop that is closed by then
            raise

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._may_wait(fn, args):
            return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        if not self._running or not self._connection:
            raise ValueError("Connection closed")
        if args and args[0] == BEGIN:
            return await self._begin(fn, *args, **kwargs)
        return fn(*args, **kwargs)

    async def _begin(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Take the lock at once if it is free, else wait for it in the thread."""
        (patience,) = self._conn.execute("PRAGMA busy_timeout").fetchone()
        self._conn.execute("PRAGMA busy_timeout=0")
        begin = partial(fn, *args, **kwargs)
        try:
            return begin()
        except sqlite_library.library().OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in LOCKED:
                raise
            return await super()._execute(partial(_wait, begin, patience / 1000))  # type: ignore[no-untyped-call]
        finally:
            self._conn.execute(f"PRAGMA busy_timeout={patience}")

    def _may_wait(self, fn: Callable[..., Any], args: tuple[Any, ...]) -> bool:
        if args and isinstance(args[0], str):
            return args[0].startswith(MAY_WAIT)
        return fn in (self._conn.commit, self._conn.close)


def _wait(begin: Callable[[], Any], patience: float) -> Any:
    """Ask for the lock until it is free; the driver's error when it is not within ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return begin()
        except sqlite_library.library().OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in LOCKED or time.monotonic() > deadline:
                raise
        time.sleep(POLL)


def connect(database: str, **options: Any) -> InlineConnection:
    """Open a file, as SQLAlchemy's ``async_creator_fn``."""
    opened = partial(sqlite_library.library().connect, database, **options | {"check_same_thread": False})
    connection = InlineConnection(opened, iter_chunk_size=64)
    connection._thread.daemon = True  # SQLAlchemy asks the same of aiosqlite's own
    return connection
