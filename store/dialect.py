"""The two databases behind one face: connections, transactions, the clock, and what their failures mean.

Promises: a write is one transaction (``BEGIN IMMEDIATE`` on SQLite, so that it never fails half-way for want of the
lock); a database that is locked, full, read-only or away raises ``Unavailable`` from whatever was asked, here and
nowhere else, and the next call works as soon as the database does. Timers and leases go by the database's clock
(``now_micros``).

The hot reads (``Database.fetch``) go past SQLAlchemy to the driver: on SQLite a read-only connection in this thread, on
PostgreSQL a pool of asyncpg connections. Their SQL is plain, with parameters ``?1``, ``?2``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar, cast

from sqlalchemy import event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from store import sqlite_inline, sqlite_library
from store.brake import BrakeWindow
from store.clock import database_now, now_micros
from store.errors import Unavailable
from store.failures import translated
from store.hotreads import CONNECT_SECONDS, HotReads, PostgresqlReads, SqliteReads
from store.keyring import Keyring
from store.served import ServedBuffer
from store.uses import UsesBuffer

__all__ = ["Database", "database_now", "now_micros", "open"]

Kept = TypeVar("Kept")
BUSY_SECONDS = 5
"""How long a write waits for another before it is refused with ``Unavailable``."""
POOL_SIZE = 5
COMMAND_SECONDS = 60
"""Past this a statement's PostgreSQL is taken for cut off: ``Unavailable``, not a wait for TCP to give up."""
INTENTS = "intents"
"""In a connection's ``info``: the places (``store.places``) that this transaction has put work into (``mark``)."""
IDLE_SECONDS = 15
"""A transaction whose process says nothing for so long is over: its host may be cut off, and others wait for its locks."""
SILENT_SECONDS = 15
"""A connection whose other side does not answer PostgreSQL for so long is closed there, with the locks it held."""


class Database:
    """An open database; made by ``open``, closed once.

    ``public_url`` is PASSBELL_PUBLIC_URL, set by who opens it: it reaches every pass. ``on_jobs`` are called after
    each commit that put work into a queue, ``on_places`` then too, with the places (``store.places``). ``sqlite_note`` is a
    sentence for the start, empty on PostgreSQL.
    """

    def __init__(
        self, engine: AsyncEngine, writer: AsyncEngine, hot: HotReads, keyring: Keyring, busy_seconds: float
    ) -> None:
        self.engine = engine
        self.keyring = keyring
        self.public_url = ""
        self.is_postgresql = engine.dialect.name == "postgresql"
        self.sqlite_note = "" if self.is_postgresql else sqlite_library.note()
        self.on_jobs: list[Callable[[], None]] = []
        self.on_places: list[Callable[[Collection[str]], None]] = []
        self.served = ServedBuffer(self)
        self.uses = UsesBuffer(self)
        self.brake = BrakeWindow(self)
        self._kept: dict[type[Any], Any] = {}
        self._busy_seconds = busy_seconds
        self._writer = writer
        self._hot = hot
        self._lock = asyncio.Lock()
        self._ambient: ContextVar[AsyncConnection | None] = ContextVar("ambient", default=None)

    @contextlib.asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """A write transaction, committed at the end; inside ``joined`` a savepoint of that one."""
        ambient = self._ambient.get()
        if ambient is not None:
            with translated():
                async with ambient.begin_nested():
                    yield ambient
            return
        async with self._turn():
            with translated():
                async with self._writer.begin() as conn:
                    info = (await conn.get_raw_connection()).info
                    info.pop(INTENTS, None)
                    yield conn
        if places := info.pop(INTENTS, None):
            for wake in self.on_jobs:
                wake()
            for tell in self.on_places:
                tell(places)

    @contextlib.asynccontextmanager
    async def joined(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that every operation called inside joins: all of them happen, or none."""
        async with self.transaction() as conn:
            token = self._ambient.set(conn)
            try:
                yield conn
            finally:
                self._ambient.reset(token)

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """The transaction that ``joined`` has begun, or one of its own: for a write without which the rest must not be."""
        ambient = self._ambient.get()
        if ambient is None:
            async with self.transaction() as conn:
                yield conn
        else:
            with translated():
                yield ambient

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from, one snapshot on SQLite; inside ``joined`` that transaction."""
        ambient = self._ambient.get()
        with translated():
            if ambient is not None:
                yield ambient
                return
            async with self.engine.connect() as conn:
                yield conn

    async def fetch(self, sql: str, *parameters: Any) -> Sequence[Sequence[Any]]:
        """One plain SELECT on the driver's own connection; parameters are ``?1``, ``?2``."""
        with translated():
            return await self._hot.fetch(sql, parameters)

    def kept(self, kind: type[Kept]) -> Kept:
        """The one ``kind()`` that lives as long as this database is open: caches and the like of other modules."""
        if kind not in self._kept:
            self._kept[kind] = kind()
        return cast(Kept, self._kept[kind])

    async def close(self) -> None:
        """Write what is buffered and close every connection."""
        try:
            await self.served.close()
            await self.uses.close()
            await self.brake.close()
        finally:
            await self._hot.close()
            await self.engine.dispose()
            if self._writer is not self.engine:
                await self._writer.dispose()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Writers of one process in turn on SQLite, so that they do not poll each other for its lock."""
        if self.is_postgresql:
            yield
            return
        try:
            async with asyncio.timeout(self._busy_seconds):
                await self._lock.acquire()
        except TimeoutError:
            raise Unavailable("The database is busy: another write takes too long.") from None
        try:
            yield
        finally:
            self._lock.release()


async def mark(conn: AsyncConnection, place: str) -> None:
    """This transaction puts work into a queue: whoever works there is woken when it is committed."""
    (await conn.get_raw_connection()).info.setdefault(INTENTS, set()).add(place)


async def open(url: str, keyring: Keyring, *, busy_seconds: float = BUSY_SECONDS) -> Database:
    """Open ``sqlite:///path`` or ``postgresql://...``; ValueError for another scheme.

    A write waits ``busy_seconds`` for another one; nothing is connected before it is needed.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _open_sqlite(parsed, keyring, busy_seconds)
    if backend in ("postgresql", "postgres"):
        return _open_postgresql(parsed, keyring, busy_seconds)
    raise ValueError(f"DATABASE_URL must begin with sqlite:/// or postgresql://, not {parsed.drivername}://")


def _open_sqlite(url: URL, keyring: Keyring, busy: float) -> Database:
    if not url.database or url.database == ":memory:":
        raise ValueError("DATABASE_URL names no file: write sqlite:///path/to/passbell.db")
    driver = URL.create("sqlite+aiosqlite", database=url.database)
    common: dict[str, Any] = {"module": _aiosqlite_module(), "max_overflow": 0, "pool_timeout": busy}
    common["hide_parameters"] = True  # an error's text may reach the log, a person's data may not
    if sqlite_library.is_safe_wal():
        common["connect_args"] = {"async_creator_fn": sqlite_inline.connect}
    readers = create_async_engine(driver, pool_size=POOL_SIZE, **common)
    writer = create_async_engine(driver, pool_size=1, **common)
    for engine, begin in ((readers, "BEGIN"), (writer, "BEGIN IMMEDIATE")):
        event.listen(engine.sync_engine, "connect", _preparing_sqlite(busy))
        event.listen(engine.sync_engine, "begin", _begin_with(begin))
    return Database(readers, writer, SqliteReads(url.database, busy), keyring, busy)


def _aiosqlite_module() -> Any:
    import aiosqlite
    from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi

    return AsyncAdapt_aiosqlite_dbapi(aiosqlite, sqlite_library.library())


def _preparing_sqlite(busy: float) -> Callable[[Any, Any], None]:
    journal = "WAL" if sqlite_library.is_safe_wal() else "TRUNCATE"
    pragmas = (f"busy_timeout={int(busy * 1000)}", f"journal_mode={journal}", "synchronous=FULL", "foreign_keys=ON")

    def prepare(connection: Any, record: Any) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself: _begin_with does
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return prepare


def _begin_with(statement: str) -> Callable[[Any], None]:
    def begin(connection: Any) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _open_postgresql(url: URL, keyring: Keyring, busy: float) -> Database:
    plain = url.set(drivername="postgresql")
    settings = {"application_name": "passbell", "lock_timeout": f"{int(busy * 1000)}ms"}
    settings["idle_in_transaction_session_timeout"] = f"{IDLE_SECONDS}s"
    settings |= {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "2"}
    settings["tcp_user_timeout"] = str(1000 * SILENT_SECONDS)
    engine = create_async_engine(
        plain.set(drivername="postgresql+asyncpg"),
        pool_size=POOL_SIZE,
        max_overflow=POOL_SIZE,
        hide_parameters=True,
        pool_timeout=busy,
        pool_pre_ping=True,  # a restarted server is met by a new connection, not by an error
        connect_args={"server_settings": settings, "timeout": CONNECT_SECONDS, "command_timeout": COMMAND_SECONDS},
    )
    hot = PostgresqlReads(plain.render_as_string(hide_password=False), busy)
    return Database(engine, engine, hot, keyring, busy)
