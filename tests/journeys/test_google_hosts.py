"""Two hosts, one Google issuer: one sends at a time, the other goes on when it dies, and Google's rate holds over both."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from itertools import groupby
from urllib.parse import urlsplit

import pytest

from pushes.googleworker import GoogleOptions
from sandbox.google import GoogleService
from store.dialect import Database
from tests.journeys.house import World, until
from tests.journeys.nursery import Worker
from tests.journeys.test_cluster import hosts
from tests.journeys.test_google_kill import WINDOW, brought, hold_objects, play
from tests.journeys.test_kill import opened, start_worker
from tests.pushes.googlecards import due

__all__ = ["hosts"]

COUNT, RATE = 500, 18
LEASE = GoogleOptions().lease.total_seconds()
LOOK = 3.0
"""A second until a worker looks, its transaction, and a machine that has other work."""


@dataclass
class Line:
    """One host's way to Google: it notes when each change went out."""

    name: str
    service: GoogleService
    sent: list[float] = field(default_factory=list)
    url: str = ""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Line]:
        """Carry bytes both ways beside the body."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _carry(self, theirs: asyncio.StreamReader, to_them: asyncio.StreamWriter) -> None:
        google = urlsplit(self.service.url)
        ours, to_google = await asyncio.open_connection(google.hostname, google.port)
        await asyncio.gather(self._pass(theirs, to_google, heard=True), self._pass(ours, to_them))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, heard: bool = False) -> None:
        with contextlib.suppress(ConnectionError):  # whoever is killed says no goodbye
            while data := await reader.read(65_536):
                if heard and data.startswith(b"PATCH "):
                    self.sent.append(time.monotonic())
                writer.write(data)
                await writer.drain()
        writer.close()


async def start(world: World, line: Line) -> Worker:
    """A host's worker, which reaches Google by its own line."""
    world.more["GOOGLE_URL"] = line.url
    return await start_worker(world)


async def passed(service: GoogleService, count: int) -> None:
    await until(lambda: len(brought(service)) >= count, 60)


async def finished(db: Database) -> bool:
    return await due(db) == 0


@pytest.mark.soak
@pytest.mark.timeout(300)
async def test_two_hosts_with_one_issuer_send_one_at_a_time_within_its_rate(hosts: World) -> None:
    async with play(hosts, rate=RATE) as service, opened(hosts) as db:
        await hold_objects(db, service, hosts.brand_id, COUNT)
        async with Line("one", service).open() as one, Line("other", service).open() as other:
            workers = {line.name: await start(hosts, line) for line in (one, other)}
            await passed(service, COUNT // 3)
            first, second = (one, other) if one.sent else (other, one)
            assert not second.sent

            workers[first.name].kill()
            killed = time.monotonic()
            await workers[first.name].wait()
            await until(lambda: second.sent, LEASE + LOOK)
            assert second.sent[0] > killed
            workers[first.name] = await start(hosts, first)  # it comes back, and finds its issuer taken
            await passed(service, 2 * COUNT // 3)

            workers[second.name].terminate()  # this one gives its lease back
            assert await asyncio.wait_for(workers[second.name].wait(), 30) == 0
            left = time.monotonic()
            await until(lambda: first.sent[-1] > left, LOOK)
            await until(lambda: finished(db), 60)
            workers[first.name].terminate()
            assert await asyncio.wait_for(workers[first.name].wait(), 30) == 0
    turns = sorted((moment, line.name) for line in (one, other) for moment in line.sent)
    assert [name for name, _ in groupby(name for _, name in turns)] == [first.name, second.name, first.name]
    assert {one.status for one in service.requests} == {200}, "Google's 20 a second were not kept"
    times = brought(service)
    assert len(times) == COUNT
    assert sum(times.values()) - COUNT <= WINDOW
