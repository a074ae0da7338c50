"""A worker killed anywhere on the way to Google loses no change and repeats none more than once per kill."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest
from sqlalchemy import update

from sandbox.google import GoogleService
from sandbox.google_state import Kind
from store import cards, google, tables, templates
from store.cards import CardView, Change, NewCard
from store.dialect import Database
from tests.journeys.house import World, until
from tests.journeys.test_kill import opened, start_worker
from tests.pushes.googlecards import LONG_AGO, NOW, coffee, due
from tests.pushes.wallets import ISSUER, key_file

WINDOW = 20


@asynccontextmanager
async def play(world: World, *, rate: int) -> AsyncIterator[GoogleService]:
    """The stand-in, and the settings that lead to it; it allows what Google would at this rate."""
    async with GoogleService(rate=rate * 20 / 18) as service:
        service.enlist(key_file(), ISSUER)
        world.more = {
            "GOOGLE_URL": service.url,
            "GOOGLE_TOKEN_URL": service.token_url,
            "GOOGLE_CALLBACK_KEYS_URL": service.keys_url,
            "GOOGLE_RATE": str(rate),
            "PUSH_WINDOW": str(WINDOW),
        }
        yield service


async def hold_objects(
    db: Database, service: GoogleService, brand_id: int, count: int, more: bytes = b""
) -> list[CardView]:
    """So many cards whose objects Google has, each with a change of its own to bring; ``more`` fields of their template."""
    await google.add_key(db, brand_id, orjson.dumps(key_file()), NOW)
    await google.configure(db, "cafe", issuer_id=ISSUER, mode="live")
    files = {
        name: content.replace(b"key: coffee", b"key: points").replace(b"barcode:", more + b"barcode:")
        for name, content in coffee().items()
    }
    await templates.import_files(db, brand_id, files, NOW)
    await templates.publish(db, brand_id, "points", now=NOW)
    made = []
    for number in range(count):
        new = NewCard(template="points", external_id=f"g-{number}", data={"points": 0})
        made.append((await cards.issue(db, brand_id, new, NOW)).card)
        await google.open_object(db, made[-1].card_id, NOW)
        bodies = await google.bodies(db, made[-1].card_id, NOW)
        assert bodies is not None
        if number == 0:
            service.wallet.insert(Kind("loyaltyClass"), dict(bodies.class_body))
        service.wallet.insert(Kind("loyaltyObject"), dict(bodies.object_body))
    async with db.transaction() as conn:
        for table in (tables.google_classes, tables.google_objects):
            await conn.execute(update(table).values(accepted_digest="before", due_at=None))
    for number, card in enumerate(made, 1):
        await cards.change(db, brand_id, card.serial_number, Change(data={"points": number}), NOW)
    return made


async def let_leases_end(db: Database) -> None:
    """What the passing of fifteen seconds does."""
    async with db.transaction() as conn:
        for table in (tables.google_classes, tables.google_objects):
            await conn.execute(update(table).where(table.c.lease_owner.is_not(None)).values(lease_until=LONG_AGO))
        await conn.execute(update(tables.leases).values(until=LONG_AGO))


def brought(service: GoogleService) -> Counter[str]:
    """How often Google has taken each object's body."""
    done = [one for one in service.requests if one.status == 200 and one.method.startswith("loyaltyobject")]
    return Counter(one.resource for one in done)


async def survive(world: World, service: GoogleService, db: Database, count: int, kills: int, seconds: float) -> None:
    dice = random.Random(7)
    for goal in sorted(dice.sample(range(count // 10, count - count // 10), kills)):
        worker = await start_worker(world)
        await until(lambda goal=goal: len(brought(service)) >= goal, seconds)
        await asyncio.sleep(dice.random() / 20)
        worker.kill()
        await worker.wait()
        await let_leases_end(db)
    worker = await start_worker(world)

    async def finished() -> bool:
        return await due(db) == 0

    await until(finished, seconds)
    worker.terminate()
    assert await asyncio.wait_for(worker.wait(), 30) == 0


def judge(service: GoogleService, count: int, kills: int) -> None:
    """None lost, none repeated more than once per kill, and the last word of each is the card's."""
    times = brought(service)
    assert len(times) == count
    assert max(times.values()) <= 1 + kills
    assert sum(times.values()) - count <= kills * WINDOW
    points = sorted(
        int(stored.body["loyaltyPoints"]["balance"]["int"])
        for stored in (service.wallet.find(object_id) for object_id in times)
        if stored is not None
    )
    assert points == list(range(1, count + 1))
    assert {(one.method, one.status) for one in service.requests} == {("loyaltyobject.patch", 200)}


@pytest.mark.timeout(300)
async def test_a_worker_killed_again_and_again_brings_every_change_to_google(world: World) -> None:
    count = 150
    async with play(world, rate=200) as service, opened(world) as db:
        await hold_objects(db, service, world.brand_id, count)
        await survive(world, service, db, count, 2, 60)
        judge(service, count, 2)


@pytest.mark.soak
@pytest.mark.timeout(3600)
async def test_ten_thousand_changes_at_googles_own_pace_survive_kills(world: World) -> None:
    count = 10_000
    async with play(world, rate=18) as service, opened(world) as db:
        await hold_objects(db, service, world.brand_id, count)
        begin = asyncio.get_running_loop().time()
        await survive(world, service, db, count, 3, 1500)
        judge(service, count, 3)
        assert asyncio.get_running_loop().time() - begin >= (count + 1) / 20
