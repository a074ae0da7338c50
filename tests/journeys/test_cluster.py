"""Several hosts: NATS hands work to two workers, the database stays the truth; whatever dies, every change arrives."""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from sandbox.phone import Phone
from store import leases
from tests.conftest import PASS_TYPE
from tests.journeys import house
from tests.journeys.house import World, until
from tests.journeys.test_kill import SERVER, let_leases_end, opened
from tests.natsd import cluster

CALM, FAULTS = 5, 5
FAST = 0.4
"""Seconds to Apple in the middle of the calm changes."""
PAUSE = 0.4
"""Seconds before each: the worker has looked again after the one before, and without a ring looks after a second."""


@pytest_asyncio.fixture
async def hosts(postgresql_url: str, tmp_path: Path, certs: Path) -> AsyncIterator[World]:
    """A world on PostgreSQL."""
    async with house.world(postgresql_url, tmp_path, certs) as made:
        yield made


class Host:
    """A worker process and its log."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._log = world.folder / f"worker-{number}.log"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; NATS is there when this returns."""
        environment = {"PATH": os.environ["PATH"]} | self._world.environment
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, str(SERVER), "worker", env=environment, stderr=log, stdout=log
            )
        await until(lambda: b"nats_ready" in self.log, 30)

    async def stop(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    @property
    def log(self) -> bytes:
        """All that it has said."""
        return self._log.read_bytes()


def rung(outcome: str) -> float:
    """How many rings of this process came to this."""
    return REGISTRY.get_sample_value("passbell_nats_rings_total", {"outcome": outcome}) or 0.0


def shown(phone: Phone) -> str:
    """Its one card's points, as the phone shows them."""
    (card,) = phone.cards.values()
    return card.text("points")


class Till:
    """Changes one card after another, each on a phone of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._cards: list[tuple[Phone, str]] = []
        self._changed: list[tuple[Phone, int]] = []

    async def hand_out(self, count: int) -> None:
        """Cards on phones."""
        for _ in range(count):
            self._cards.append(await self._world.holder(data={"points": 0}))

    async def change(self) -> tuple[Phone, int]:
        """The next card gets points."""
        phone, serial = self._cards[len(self._changed)]
        points = 100 + len(self._changed)
        await self._world.change(serial, points=points)
        self._changed.append((phone, points))
        return phone, points

    async def timed(self) -> float:
        """Seconds from the backend's change to Apple's acceptance of the push."""
        await asyncio.sleep(PAUSE)
        before, begun = len(self._world.apns.records), time.monotonic()
        await self.change()
        await until(lambda: len(self._world.apns.records) > before, 10)
        return time.monotonic() - begun

    async def all_shown(self, seconds: float) -> None:
        """Every change is on its phone."""
        for phone, points in self._changed:
            await until(lambda phone=phone, points=points: shown(phone) == str(points), seconds)


@contextlib.asynccontextmanager
async def two_workers(world: World) -> AsyncIterator[list[Host]]:
    hosts = [Host(world, number) for number in range(2)]
    try:
        await asyncio.gather(*(host.start() for host in hosts))
        yield hosts
    finally:
        await asyncio.gather(*(host.stop() for host in hosts))


async def holder_of(world: World, hosts: list[Host]) -> Host:
    """The one that has the lease of Apple's pushes."""
    async with opened(world) as db:
        owner = (await leases.holders(db)).get(f"apns:{PASS_TYPE}", "")
    return next((host for host in hosts if host.process and f"-{host.process.pid}-" in owner), hosts[0])


@pytest.mark.timeout(120)
async def test_nats_hands_work_over_and_whatever_dies_every_change_arrives(hosts: World, tmp_path: Path):
    async with cluster(tmp_path / "nats") as servers:
        hosts.more["NATS_URL"] = ",".join(server.url for server in servers)
        async with hosts.server(with_worker=False), two_workers(hosts) as workers:
            till = Till(hosts)
            await till.hand_out(CALM + FAULTS)
            await until(lambda: REGISTRY.get_sample_value("passbell_nats_connected") == 1, 15)
            await asyncio.sleep(0.5)
            before = rung("sent")
            seconds = [await till.timed() for _ in range(CALM)]
            await until(lambda: rung("sent") - before >= CALM)  # counted when the server has said that it has it
            assert statistics.median(seconds) < FAST, seconds

            await servers[0].kill()
            await till.change()
            await asyncio.gather(servers[0].start(), servers[1].restart(), servers[2].restart())
            await till.change()
            await servers[1].restart(lose_disk=True)
            await till.change()
            await till.all_shown(15)

            killed = await holder_of(hosts, workers)
            await till.change()
            await killed.stop()
            async with opened(hosts) as db:
                await let_leases_end(db)
            await till.change()
            await till.all_shown(15)
