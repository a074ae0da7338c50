"""The hot reads' way to the database: the driver without SQLAlchemy (26 us against 407 us a SELECT).

On SQLite the read runs in the event loop's own thread on a read-only connection: a lookup by index takes less than
handing it to another thread. It never waits there: a database that is locked is asked again from a thread.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

import asyncpg

from store import sqlite_library

SQLITE_LOCKED = (5, 6)
CACHE_KIB = 65_536
"""Pages that a reading connection to SQLite keeps at most: the indexes of some hundred thousand cards."""
CONNECT_SECONDS = 15.0
"""How long a busy PostgreSQL may take to let us in, and to answer a single SELECT."""
POOL_SIZE = 4


SETTINGS = {
    "application_name": "passbell reads",
    "default_transaction_read_only": "on",
    # every hot read is a chain of lookups by index: planned so once, it is as quick in a table that has just grown a
    # thousandfold and has no statistics yet
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "jit": "off",  # a table without a fitting index looks dear then, and compiling such a plan takes 200 ms
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Of the reading connections on PostgreSQL."""


class HotReads(Protocol):
    """One SELECT at a time, each on a snapshot of its own."""

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Every row of the answer."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class SqliteReads:
    """A read-only connection in the loop's thread, and another, which may wait, for when that one meets a lock."""

    def __init__(self, path: str, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._connection: Any = None
        self._library = sqlite_library.library()

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Every row of the answer."""
        try:
            if self._connection is None:
                self._connection = self._connect(0)
            rows: Sequence[Sequence[Any]] = self._connection.execute(sql, parameters).fetchall()
        except self._library.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in SQLITE_LOCKED:
                raise
            return await asyncio.to_thread(self._wait, sql, parameters)
        return rows

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _wait(self, sql: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        connection = self._connect(self._busy_seconds)
        try:
            rows: Sequence[Sequence[Any]] = connection.execute(sql, parameters).fetchall()
            return rows
        finally:
            connection.close()

    def _connect(self, busy_seconds: float) -> Any:
        connection = self._library.connect(self._path, timeout=busy_seconds, isolation_level=None)
        connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
        return connection


class PostgresqlReads:
    """A small pool of asyncpg connections that keep their prepared statements."""

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._translated: dict[str, str] = {}

    async def fetch(self, sql: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """Every row of the answer."""
        statement = self._translated.get(sql)
        if statement is None:
            statement = self._translated[sql] = sql.replace("?", "$")
        pool = self._pool or await self._open()
        for _ in range(POOL_SIZE):  # after a restart of the server each waiting connection is found closed once
            with contextlib.suppress(asyncpg.ConnectionDoesNotExistError, asyncpg.InterfaceError):
                return await self._fetch(pool, statement, parameters)
        return await self._fetch(pool, statement, parameters)

    async def _fetch(self, pool: asyncpg.Pool, statement: str, parameters: Sequence[Any]) -> Sequence[Sequence[Any]]:
        async with pool.acquire(timeout=self._timeout) as connection:
            rows: Sequence[Sequence[Any]] = await connection.fetch(statement, *parameters)
        return rows

    async def close(self) -> None:
        """Close the pool."""
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=1,
                    max_size=POOL_SIZE,
                    timeout=CONNECT_SECONDS,
                    command_timeout=CONNECT_SECONDS,
                    connection_class=_ReadingConnection,
                    server_settings=SETTINGS,
                )
            return self._pool


class _ReadingConnection(asyncpg.Connection):  # type: ignore[misc] # asyncpg has no types
    """Nothing to reset after a single SELECT: that saves a round trip for each."""

    def get_reset_query(self) -> str:
        """No statement at all."""
        return ""
