"""A worker killed anywhere loses nothing and repeats at most a window of pushes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import update

from store import dialect, tables
from store.dialect import Database
from store.keyring import Keyring
from tests.conftest import PASS_TYPE
from tests.journeys import nursery
from tests.journeys.house import SECRET, World, until
from tests.pushes.fleet import LONG_AGO, add_holders, pending, publish, token

SERVER = Path(__file__).parent.parent.parent / "server.py"
WINDOW = 200
SIZES = [pytest.param(2_500, 2), pytest.param(20_000, 5, marks=pytest.mark.soak)]
"""(phones, kills)."""


@contextlib.asynccontextmanager
async def opened(world: World) -> AsyncIterator[Database]:
    db = await dialect.open(world.database_url, Keyring.parse(SECRET))
    db.public_url = world.url
    yield db
    await db.close()


async def start_worker(world: World) -> nursery.Worker:
    return nursery.start(["worker"], {"PATH": os.environ["PATH"]} | world.environment)


async def let_leases_end(db: Database) -> None:
    """What the passing of fifteen seconds does."""
    async with db.transaction() as conn:
        for queue in (tables.jobs, tables.other_jobs):
            await conn.execute(update(queue).values(lease_until=LONG_AGO))
        await conn.execute(update(tables.leases).values(until=LONG_AGO))


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("phones", "kills"), SIZES)
async def test_a_worker_killed_again_and_again_loses_nothing(world: World, phones: int, kills: int) -> None:
    dice = random.Random(7)
    async with opened(world) as db:
        template_id = await add_holders(db, world.brand_id, phones)
        await publish(db, template_id, pass_type=PASS_TYPE, brand_id=world.brand_id)
        goals = sorted(dice.sample(range(500, phones - 500), kills))
        for goal in goals:
            worker = await start_worker(world)
            await until(lambda goal=goal: len(world.apns.records) >= goal, 60)
            await asyncio.sleep(dice.random() / 20)
            worker.kill()
            await worker.wait()
            await let_leases_end(db)
        worker = await start_worker(world)
        await until(lambda: _empty(db), 60)
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 30) == 0
    received = Counter(record.token for record in world.apns.records)
    assert set(received) == {token(number) for number in range(1, phones + 1)}
    assert sum(received.values()) - phones <= kills * WINDOW


async def _empty(db: Database) -> bool:
    return await pending(db) == 0
