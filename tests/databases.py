"""A fresh, migrated database for each test, on SQLite and on PostgreSQL, made cheaply.

The schema is migrated once a session: into a file that is copied, and into a PostgreSQL database that is emptied. What
SQLAlchemy has compiled is kept from test to test, too: a process in earnest opens its database once.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine.base import Engine
from sqlalchemy.util import LRUCache

from store import dialect, migrations
from store.keyring import Keyring
from store.tables import metadata
from tests.judges import need

SECRET = "k1:" + "correct horse battery staple and a donkey"
PUBLIC_URL = "https://cards.example.com"
EMPTIER = "passbell tests"
"""The name of the connection that empties the database between the tests."""
NOBODY_ELSE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)
NO_ROWS = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))  # TRUNCATE takes 0.7 s


def _share_what_is_compiled() -> None:
    """One cache of compiled statements for all engines of a session: their dialects are the same but for identity."""
    statements: LRUCache[object, object] = LRUCache(5000)
    for cls in (PGDialect_asyncpg, SQLiteDialect_aiosqlite):
        cls.__hash__ = lambda self: hash(type(self))
        cls.__eq__ = lambda self, other: type(self) is type(other)
    Engine._compiled_cache = property(lambda engine: statements, lambda engine, own: None)


_share_what_is_compiled()


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """SECRET with one id, the same for all tests."""
    return Keyring.parse(SECRET)


@pytest.fixture(scope="session")
def sqlite_model(tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("model") / "passbell.db"
    asyncio.run(_migrate(f"sqlite:///{path}", keyring))
    return path


@dataclass
class Emptied:
    """This session's migrated PostgreSQL database, emptied over a connection that knows every table already."""

    url: str
    loop: asyncio.AbstractEventLoop
    connection: asyncpg.Connection | None = None

    def again(self) -> str:
        """Its URL, without rows and without whoever a test has left connected."""
        try:
            self.loop.run_until_complete(self._empty())
        except (asyncpg.InterfaceError, asyncpg.PostgresConnectionError):  # a test has cut everybody off, us too
            self.loop.run_until_complete(self._leave())
            self.loop.run_until_complete(self._empty())
        return self.url

    async def _empty(self) -> None:
        if self.connection is None:
            self.connection = await asyncpg.connect(self.url, server_settings={"application_name": EMPTIER})
        await self.connection.execute(NOBODY_ELSE)
        await self.connection.execute(NO_ROWS)

    async def _leave(self) -> None:
        if self.connection is not None:
            self.connection.terminate()
            self.connection = None
            await asyncio.sleep(0)  # the loop lets go of its socket

    def close(self) -> None:
        self.loop.run_until_complete(self._leave())
        self.loop.close()


@pytest.fixture(scope="session")
def postgresql_model(keyring: Keyring) -> Iterator[Emptied]:
    """This session's migrated PostgreSQL database."""
    with postgresql_database() as url:
        asyncio.run(_migrate(url, keyring))
        with closing(Emptied(url, asyncio.new_event_loop())) as emptied:
            yield emptied


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty, migrated database of this test's own."""
    if request.param == "sqlite":
        yield _sqlite_copy(request, tmp_path)
    else:
        yield request.getfixturevalue("postgresql_model").again()


@pytest.fixture
def sqlite_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The same on SQLite alone, for what is about its file."""
    return _sqlite_copy(request, tmp_path)


@pytest.fixture
def postgresql_url(postgresql_model: Emptied) -> str:
    """The same on PostgreSQL alone, for what is about its server."""
    return postgresql_model.again()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        with postgresql_database() as url:
            yield url


@pytest_asyncio.fixture
async def db(database_url: str, keyring: Keyring) -> AsyncIterator[dialect.Database]:
    """An open database, empty and migrated, with a PUBLIC_URL."""
    opened = await dialect.open(database_url, keyring)
    opened.public_url = PUBLIC_URL
    yield opened
    await opened.close()


def _sqlite_copy(request: pytest.FixtureRequest, folder: Path) -> str:
    path = folder / "passbell.db"
    shutil.copy(request.getfixturevalue("sqlite_model"), path)
    return f"sqlite:///{path}"


@contextmanager
def postgresql_database() -> Iterator[str]:
    """A database without any table, dropped at the end."""
    server = need("postgresql")
    name = f"passbell_test_{secrets.token_hex(6)}"
    # no test cuts PostgreSQL's power, so no commit has to wait for the disk
    asyncio.run(_administer(server, f"CREATE DATABASE {name}", f"ALTER DATABASE {name} SET synchronous_commit TO off"))
    yield f"{server.rsplit('/', 1)[0]}/{name}"
    asyncio.run(_administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def _migrate(url: str, keyring: Keyring) -> None:
    opened = await dialect.open(url, keyring)
    await migrations.migrate(opened)
    await opened.close()


async def _administer(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
