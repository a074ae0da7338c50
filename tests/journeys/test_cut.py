"""Two hosts in network namespaces: one is cut off from the database and NATS in the middle of its work, and comes back.

It still reaches Apple, so what it had claimed it may finish sending; that, a window at most, is all that is sent twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from sqlalchemy import func, select

from sandbox.apns_rules import Rule
from store import leases, tables
from store.dialect import Database
from store.errors import Unavailable
from tests.conftest import PASS_TYPE
from tests.journeys import house
from tests.journeys.house import World, until
from tests.journeys.test_kill import SERVER, WINDOW, let_leases_end, opened
from tests.natsd import Server, free_port
from tests.netns import Host, hosts, relayed
from tests.pushes.fleet import add_holders, change_card, make_due, pending, publish, token

PHONES = 300
LATE = 2.0
"""Seconds that Apple takes to answer: what is claimed is under way when the wire is cut."""
PATIENCE = [pytest.param(False), pytest.param(True, marks=pytest.mark.soak)]
"""Whether the lease is waited for, or ended as the passing of fifteen seconds would."""


@pytest_asyncio.fixture
async def world(postgresql_url: str, tmp_path: Path, certs: Path) -> AsyncIterator[World]:
    """A world on PostgreSQL."""
    async with house.world(postgresql_url, tmp_path, certs) as made:
        yield made


@contextlib.asynccontextmanager
async def nats_server(folder: Path) -> AsyncIterator[Server]:
    server = Server("n1", "0.0.0.0", free_port(), folder)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@contextlib.asynccontextmanager
async def working(world: World, host: Host, nats_port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker on this host, which reaches all it needs."""
    database = urlsplit(world.database_url)
    at, port = (database.hostname or "", database.port or 5432), free_port()
    apple = int(world.apns.url.rpartition(":")[2])
    user, _, _ = database.netloc.rpartition("@")
    environment = world.environment | {
        "PASSBELL_DATABASE_URL": f"postgresql://{user}@{host.inner}:{port}{database.path}",
        "PASSBELL_NATS_URL": f"nats://{host.inner}:{nats_port}",
    }
    async with (
        relayed((host.inner, port), at),
        relayed((host.outer, apple), ("127.0.0.1", apple)),
        relayed(("127.0.0.1", apple), (host.outer, apple), host),
    ):
        log = world.folder / f"{host.name}.log"
        process = await host.run(sys.executable, str(SERVER), "worker", environment=environment, log=log)
        try:
            await until(lambda: b"nats_ready" in log.read_bytes(), 30)
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def claimed(db: Database) -> int:
    """How many pushes somebody is sending."""
    async with db.reading() as conn:
        leased = select(func.count()).select_from(tables.jobs).where(tables.jobs.c.lease_owner.is_not(None))
        return (await conn.execute(leased)).scalar_one()


async def has_ended(db: Database, *, really: bool, owner: str) -> None:
    """The lease of the host that was cut off is over."""
    while not really:
        try:
            await let_leases_end(db)
        except Unavailable:  # it was cut off in a transaction, whose locks PostgreSQL lets go after a while
            continue
        break
    await until(lambda: _is_anothers(db, owner), 40)


async def _is_anothers(db: Database, owner: str) -> bool:
    return await _owner(db) not in ("", owner)


async def _owner(db: Database) -> str:
    return (await leases.holders(db)).get(f"apns:{PASS_TYPE}", "")


async def _is_done(db: Database) -> bool:
    return await pending(db) == 0


@contextlib.asynccontextmanager
async def both_working(
    world: World, db: Database, template_id: int, nats_port: int
) -> AsyncIterator[tuple[str, Host, asyncio.subprocess.Process]]:
    """Two hosts at a fan-out: the name under which one of them has the lease, that host, and the other's worker."""
    async with hosts(2) as both, contextlib.AsyncExitStack() as stack:
        entering = (stack.enter_async_context(working(world, host, nats_port)) for host in both)
        workers = await asyncio.gather(*entering)
        await publish(db, template_id, pass_type=PASS_TYPE, brand_id=world.brand_id)
        await until(lambda: claimed(db), 20)
        owner = await _owner(db)
        first = next(number for number, worker in enumerate(workers) if f"-{worker.pid}-" in owner)
        yield owner, both[first], workers[1 - first]


@pytest.mark.timeout(150)
@pytest.mark.parametrize("really", PATIENCE)
async def test_a_host_that_is_cut_off_loses_nothing_and_writes_over_nothing(world: World, tmp_path: Path, really: bool):
    async with nats_server(tmp_path / "nats") as nats, opened(world) as db:
        template_id = await add_holders(db, world.brand_id, PHONES)
        slow = world.apns.add_rule(Rule(delay=LATE))
        async with both_working(world, db, template_id, nats.port) as (owner, host, survivor):
            await asyncio.sleep(0.5)
            host.cut()
            await has_ended(db, really=really, owner=owner)
            host.mend()  # it writes what it has heard from Apple meanwhile, while the other is at the same rows
            world.apns.script.remove(slow)
            await until(lambda: _is_done(db), 40)
            received = Counter(record.token for record in world.apns.records)
            assert set(received) == {token(number) for number in range(1, PHONES + 1)}
            assert sum(received.values()) - PHONES <= WINDOW

            survivor.kill()
            await survivor.wait()
            await let_leases_end(db)
            await make_due(db)
            async with db.reading() as conn:
                card = (await conn.execute(select(func.min(tables.cards.c.id)))).scalar_one()
            await change_card(db, card, pass_type=PASS_TYPE, brand_id=world.brand_id)
            await until(lambda: world.apns.accepted(token(card)) > received[token(card)], 30)
