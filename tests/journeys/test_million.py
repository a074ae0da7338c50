"""One news to a million phones, on each database: all of them and nobody twice, memory flat; and with forty kills on the way.

The stand-in for Apple's push service lives in the test's process and notes each push; the worker is a process of its own.
TEST_PASSBELL_MILLION is another number of phones, for a look between two changes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from store.dialect import Database
from tests.journeys.house import World, until
from tests.journeys.test_kill import let_leases_end, opened, start_worker
from tests.journeys.test_news import seen, send
from tests.pushes.fleet import add_holders, token

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]
PHONES = int(os.environ.get("TEST_PASSBELL_MILLION", "1000000"))
KILLS, WINDOW = 40, 200
CHUNK = 50_000
SECONDS = 3600.0
GROWTH = 64
"""Megabytes that the worker may gain after its first tenth."""


@dataclass
class Memory:
    """A process' resident megabytes, read once a second, with how many pushes Apple had by then."""

    readings: list[tuple[int, int]]

    def growth(self, total: int) -> int:
        """From the first tenth to the largest."""
        early = [size for done, size in self.readings if done <= total // 10]
        return max(size for _, size in self.readings) - max(early)


def pushed(world: World) -> list[str]:
    """The token of each push from now on: the stand-in itself keeps its newest records only."""
    tokens: list[str] = []
    world.apns.on_record.append(lambda record: tokens.append(record.token))
    return tokens


@contextlib.asynccontextmanager
async def watched(received: list[str], pid: int) -> AsyncIterator[Memory]:
    """The memory of a process for the length of a block."""
    memory = Memory([])

    async def read() -> None:
        while True:
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            found = re.search(r"VmRSS:\s+(\d+) kB", status)
            assert found is not None
            memory.readings.append((len(received), int(found[1]) // 1024))
            await asyncio.sleep(1)

    task = asyncio.create_task(read())
    try:
        yield memory
    finally:
        task.cancel()


async def hand_out(db: Database, world: World) -> None:
    """A million phones, each with a card."""
    for _ in range(0, PHONES, CHUNK):
        await add_holders(db, world.brand_id, min(CHUNK, PHONES))
    if db.is_postgresql:  # what the server does by itself in the minute after, where nobody has switched that off
        async with db.engine.connect() as plain:
            await (await plain.execution_options(isolation_level="AUTOCOMMIT")).execute(text("ANALYZE"))


async def reaches_its_end(world: World, news: str) -> dict[str, Any]:
    """The news when it is done; asked once a second."""
    deadline = time.monotonic() + SECONDS
    while (now := await seen(world, news))["state"] != "done":
        assert time.monotonic() < deadline, now
        await asyncio.sleep(1)
    return now


async def test_one_news_reaches_every_phone_once_in_flat_memory(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(world) as db, world.server(with_worker=False):
        await hand_out(db, world)
        received = pushed(world)
        worker = await start_worker(world)
        await asyncio.sleep(3)
        begin = time.monotonic()
        news = await send(world, "Coffee")
        async with watched(received, worker.pid) as memory:
            done = await reaches_its_end(world, news)
        seconds = time.monotonic() - begin
        worker.terminate()
        assert await worker.wait() == 0
    with capsys.disabled():
        print(
            f"\n{PHONES:,} phones in {seconds / 60:.1f} minutes, {PHONES / seconds:,.0f}/s; {memory.growth(PHONES)} MB more"
        )
    assert len(received) == PHONES
    assert set(received) == {token(number) for number in range(1, PHONES + 1)}
    assert (done["progress"]["targets"], done["progress"]["accepted"]) == (PHONES, PHONES)
    assert memory.growth(PHONES) <= GROWTH


async def test_forty_kills_lose_nobody_and_repeat_at_most_a_window_each(world: World) -> None:
    dice = random.Random(11)
    async with opened(world) as db, world.server(with_worker=False):
        await hand_out(db, world)
        received = pushed(world)
        news = await send(world, "Coffee")
        for goal in sorted(dice.sample(range(PHONES // 100, PHONES - PHONES // 100), KILLS)):
            worker = await start_worker(world)
            await until(lambda goal=goal: len(received) >= goal, SECONDS)
            await asyncio.sleep(dice.random() / 20)
            worker.kill()
            await worker.wait()
            await let_leases_end(db)
        worker = await start_worker(world)
        done = await reaches_its_end(world, news)
        worker.terminate()
        assert await worker.wait() == 0
    assert set(received) == {token(number) for number in range(1, PHONES + 1)}
    assert len(received) - PHONES <= KILLS * WINDOW
    assert (done["progress"]["targets"], done["progress"]["accepted"]) == (PHONES, PHONES)
