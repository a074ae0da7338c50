"""METRICS_BIND: what a worker that stands alone tells, and to whom."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from commands import metricsport
from commands.settings import Settings, parse
from commands.shell import CommandError
from handlers import multiprocess
from passkit.apple.signing import Signers
from pushes import metrics
from store import dialect
from store.dialect import Database
from store.keyring import Keyring
from tests.commands.conftest import SECRET


def settings(bind: str) -> Settings:
    wanted = {"PUBLIC_URL": "https://cards.example.com", "SECRET": SECRET, "METRICS_BIND": bind}
    return parse({f"PASSBELL_{name}": value for name, value in wanted.items()}, str)


@pytest_asyncio.fixture
async def local_db(sqlite_url: str, keyring: Keyring) -> AsyncIterator[Database]:
    """SQLite alone: these look at the port."""
    db = await dialect.open(sqlite_url, keyring)
    yield db
    await db.close()


async def test_a_worker_tells_its_own_counts_and_how_the_queues_stand(db: Database, signers: Signers) -> None:
    metrics.attempts.labels("apns", "accepted", "").inc(7)
    counted = metrics.attempts.labels("apns", "accepted", "")._value.get()
    async with (
        metricsport.answering(db, signers, settings(":0"), {}) as url,
        aiohttp.ClientSession() as session,
        session.get(f"{url}/metrics") as answer,
    ):
        assert answer.status == 200
        lines = (await answer.text()).splitlines()
    assert f'passbell_push_attempts_total{{channel="apns",outcome="accepted",reason=""}} {counted}' in lines
    assert 'passbell_push_waiting{channel="apns"} 0.0' in lines
    assert "passbell_backup_age_seconds +Inf" in lines  # there never was one
    assert any(line.startswith("passbell_certificate_expiry_timestamp_seconds{") for line in lines)


async def test_nothing_else_is_answered_there_and_the_port_ends_with_it(local_db: Database, signers: Signers) -> None:
    async with aiohttp.ClientSession() as session:
        async with metricsport.answering(local_db, signers, settings(":0"), {}) as url:
            assert url is not None
            assert url.startswith("http://127.0.0.1:")
            for path, status in (("/healthz", 200), ("/readyz", 404), ("/api/v1/cards", 404), ("/studio", 404)):
                async with session.get(url + path, headers={"Accept": "text/html"}) as answer:
                    assert answer.status == status, path
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"{url}/healthz")


async def test_nobody_listens_unless_asked_or_where_a_parent_tells_the_sum(
    local_db: Database, signers: Signers
) -> None:
    async with metricsport.answering(local_db, signers, settings(""), {}) as url:
        assert url is None
    async with metricsport.answering(local_db, signers, settings(":0"), {multiprocess.VARIABLE: "/tmp/x"}) as url:
        assert url is None


async def test_a_taken_port_is_one_clear_line(local_db: Database, signers: Signers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CommandError, match="Choose another METRICS_BIND"):
            async with metricsport.answering(local_db, signers, settings(bind), {}):
                raise AssertionError
