"""A database that is locked, full, read-only or away: a clear refusal, nothing half-done, and it recovers by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio

from store import cards, dialect, registrations, sqlite_library
from store.cards import Change
from store.errors import Unavailable
from store.keyring import Keyring
from tests.store.conftest import PASS_TYPE

PATIENCE = 0.2  # seconds that a write waits here


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """These tests are about SQLite's file, unless they ask for PostgreSQL."""
    return sqlite_url


@pytest_asyncio.fixture
async def db(database_url: str, keyring: Keyring) -> AsyncIterator[dialect.Database]:
    """A database that waits for a lock a fraction of a second, not five."""
    opened = await dialect.open(database_url, keyring, busy_seconds=PATIENCE)
    yield opened
    await opened.close()


@pytest.fixture
def file(db) -> Path:
    return Path(db.engine.url.database)


async def test_a_locked_database_refuses_a_write_and_takes_it_when_the_lock_is_gone(
    db, published, card, file, now
) -> None:
    other = sqlite_library.library().connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)
    assert (await cards.view(db, published.id, card.serial_number)).data["points"] == 100
    other.execute("ROLLBACK")
    other.close()
    done = await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)
    assert done.card.data["points"] == 1


async def test_a_write_given_up_while_it_waits_for_the_lock_leaves_nothing_locked(
    db, published, card, file, now
) -> None:
    other = sqlite_library.library().connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    given_up = asyncio.create_task(cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now))
    await asyncio.wait([given_up], timeout=PATIENCE / 4)
    given_up.cancel()
    other.execute("ROLLBACK")
    with pytest.raises((asyncio.CancelledError, Unavailable)):
        await given_up
    done = await cards.change(db, published.id, card.serial_number, Change(data={"points": 2}), now)
    assert (done.card.version, done.card.data["points"]) == (2, 2)
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")
    other.close()


async def test_reads_go_on_while_another_process_writes(db, published, card, phone, file) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await db.served.flush()
    other = sqlite_library.library().connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("UPDATE cards SET version = 99")
    assert await alice.list() == (card.serial_number,)
    assert await alice.download(card.serial_number) == "ok"
    other.execute("ROLLBACK")
    other.close()


async def test_downloads_that_could_not_be_counted_are_counted_later(db, published, card, phone, file) -> None:
    alice = phone()
    other = sqlite_library.library().connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await alice.download(card.serial_number)
    with pytest.raises(Unavailable):
        await db.served.flush()
    other.execute("ROLLBACK")
    other.close()
    await db.served.flush()
    assert tuple((await db.fetch("SELECT served_count FROM cards"))[0]) == (1,)


async def test_a_database_that_is_read_only_refuses_writes_and_serves_reads(db, published, card, now) -> None:
    async with db.transaction() as conn:
        await conn.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(Unavailable):
        await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)
    assert (await cards.view(db, published.id, card.serial_number)).version == 1


def fill(folder: Path) -> Path:
    """A file that takes what room there is."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as content, contextlib.suppress(OSError):
        while content.write(b"x" * 65536):
            continue
    return filler


async def write_much(db: dialect.Database, now: datetime) -> None:
    for _ in range(200):
        await registrations.log(db, ["x" * 400] * 20, now)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root: run the tests as root")
async def test_a_full_disk_refuses_writes_keeps_what_there_is_and_recovers(
    tmp_path, sqlite_model, keyring, now
) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a tmpfs cannot be mounted here: run the tests where it can")
    try:
        shutil.copy(sqlite_model, folder / "passbell.db")
        db = await dialect.open(f"sqlite:///{folder / 'passbell.db'}", keyring)
        await registrations.log(db, ["before"], now)
        filler = fill(folder)
        with pytest.raises(Unavailable):
            await write_much(db, now)
        assert "before" in [message for _, message in await registrations.recent(db, 10_000)]
        filler.unlink()
        await registrations.log(db, ["after"], now)
        assert (await registrations.recent(db, 1))[0][1] == "after"
        assert (await db.fetch("PRAGMA integrity_check"))[0][0] == "ok"
        await db.close()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


async def test_a_folder_that_is_not_there_is_a_clear_refusal(tmp_path, keyring) -> None:
    db = await dialect.open(f"sqlite:///{tmp_path / 'nowhere' / 'passbell.db'}", keyring)
    with pytest.raises(Unavailable):
        async with db.reading() as conn:
            await conn.exec_driver_sql("SELECT 1")
    await db.close()


async def test_wrong_sql_is_not_taken_for_a_database_that_is_away(db) -> None:
    with pytest.raises(Exception, match="nowhere") as raised:
        await db.fetch("SELECT * FROM nowhere")
    assert not isinstance(raised.value, Unavailable)


@pytest.mark.parametrize("url", ["mysql://x/y", "sqlite://", "sqlite:///:memory:", "redis://x"])
async def test_another_database_is_refused_with_what_to_write(url: str, keyring) -> None:
    with pytest.raises(ValueError, match="DATABASE_URL"):
        await dialect.open(url, keyring)


class TestPostgresql:
    """The server cuts us off; the next call is answered."""

    @pytest.fixture
    def database_url(self, postgresql_url: str) -> str:
        return postgresql_url

    @staticmethod
    async def cut_off(url: str) -> None:
        administrator = await asyncpg.connect(url)
        await administrator.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await administrator.close()

    async def cut_off_inside(self, db: dialect.Database, url: str) -> None:
        async with db.transaction() as conn:
            await conn.exec_driver_sql("UPDATE cards SET version = 99")
            await self.cut_off(url)
            await conn.exec_driver_sql("SELECT 1")

    async def test_a_connection_cut_inside_a_transaction_is_unavailable_and_the_next_call_works(
        self, db, database_url, published, card, phone, now
    ) -> None:
        alice = phone()
        await alice.add(card.serial_number)
        with pytest.raises(Unavailable):
            await self.cut_off_inside(db, database_url)
        assert (await cards.view(db, published.id, card.serial_number)).version == 1
        done = await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)
        assert done.card.version == 2

    async def test_hot_reads_recover_from_a_restart(self, db, database_url, published, card, phone) -> None:
        alice = phone()
        await alice.add(card.serial_number)
        assert await alice.list() == (card.serial_number,)
        await self.cut_off(database_url)
        for _ in range(3):
            try:
                await alice.download(card.serial_number)
                break
            except Unavailable:
                continue
        assert await alice.download(card.serial_number) == "ok"

    async def test_a_server_that_is_not_there_is_unavailable(self, keyring) -> None:
        away = await dialect.open("postgresql://postgres@127.0.0.1:1/nothing", keyring)
        for call in (cards.serve(away, PASS_TYPE, "x", 0, None), registrations.changed(away, PASS_TYPE, "x", None)):
            with pytest.raises(Unavailable):
                await call
        with pytest.raises(Unavailable):
            async with away.transaction():
                pass
        await away.close()

    async def test_a_lock_held_too_long_is_unavailable(self, db, database_url, published, card, now) -> None:
        other = await asyncpg.connect(database_url)
        holding = other.transaction()
        await holding.start()
        await other.execute("SELECT * FROM cards FOR UPDATE")
        with pytest.raises(Unavailable):
            await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)
        await holding.rollback()
        await other.close()
        assert (await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)).is_visible
