"""A worker killed in the midst of a news on Google's objects: every object says it, and no holder hears it twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from sandbox.google import GoogleService
from sandbox.google_state import Told
from store import google, news
from store.dialect import Database
from store.newsrequests import NewsRequest
from tests.journeys.house import World, until
from tests.journeys.test_google_kill import WINDOW, hold_objects, let_leases_end, play
from tests.journeys.test_kill import opened, start_worker
from tests.pushes.googlecards import NOW, accepted
from tests.pushes.wallets import ISSUER
from tests.store.google import LEASE

FIELD = b'  back: [{key: news, label: News, value: "{{ news.text }}", change_message: "%@"}]\n'
KILLS = 3
OTHERS = 5
"""Holders whom the news is not for."""
SIZES = [
    pytest.param(60, 200),
    pytest.param(300, 50, marks=pytest.mark.soak),
    pytest.param(1_000, 100, marks=pytest.mark.soak),
]
"""(objects, requests a second)."""


async def have_all(db: Database) -> None:
    """Whatever the cards are, Google has it."""
    while works := await google.claim(db, owner="before", issuer_id=ISSUER, room=100, lease=LEASE):
        await google.settle(db, owner="before", results=[accepted(work) for work in works])


def listen(service: GoogleService, object_ids: list[str]) -> Counter[str]:
    """How often each object's holder is notified of a message from now on."""
    rung: Counter[str] = Counter()

    def hear(told: Told) -> None:
        if told.notification == "message":
            rung[told.resource_id] += 1

    for object_id in object_ids:
        service.wallet.listen(object_id, hear)
    return rung


def messages(service: GoogleService, object_id: str) -> list[dict[str, Any]]:
    """What Google shows on the object."""
    stored = service.wallet.find(object_id)
    assert stored is not None
    return list(stored.body.get("messages") or ())


async def send(db: Database, brand_id: int) -> str:
    """A news to the segment, begun; the worker's timer does the rest."""
    audience = {"field": "data.points", "op": "gt", "value": OTHERS}
    asked = NewsRequest.model_validate({"template": "points", "text": "Coffee is free today", "audience": audience})
    draft = await news.create(db, brand_id, asked, by="test", now=NOW)
    await news.start(db, brand_id, draft.id, by="test", now=NOW)
    return draft.id


async def survive(world: World, db: Database, key: str, rung: Counter[str], count: int) -> None:
    """Kills while Google is told, each at another moment of a request."""
    dice = random.Random(11)
    for goal in sorted(dice.sample(range(1, count - count // 5), KILLS)):
        worker = await start_worker(world)
        await until(lambda goal=goal: rung.total() >= goal, 120)
        await asyncio.sleep(dice.random() / 20)
        worker.kill()
        await worker.wait()
        await let_leases_end(db)
    worker = await start_worker(world)

    async def is_done() -> bool:
        return (await news.view(db, world.brand_id, key)).state == "done"

    await until(is_done, 180)
    worker.terminate()
    assert await asyncio.wait_for(worker.wait(), 30) == 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("count", "rate"), SIZES)
async def test_a_worker_killed_again_and_again_tells_each_holder_once(world: World, count: int, rate: int) -> None:
    async with play(world, rate=rate) as service, opened(world) as db:
        cards = await hold_objects(db, service, world.brand_id, OTHERS + count, FIELD)
        await have_all(db)
        ids = [f"{ISSUER}.{card.serial_number}" for card in cards]
        rung = listen(service, ids)
        key = await send(db, world.brand_id)
        await survive(world, db, key, rung, count)
        progress = (await news.view(db, world.brand_id, key)).progress
    assert rung == Counter(ids[OTHERS:])
    assert progress == news.Progress(targets=count, accepted=count)
    held = [messages(service, object_id) for object_id in ids]
    assert [[message["body"] for message in one] for one in held] == [[]] * OTHERS + [["Coffee is free today"]] * count
    assert len({message["id"] for one in held for message in one}) == 1
    asked = Counter((one.method, one.status) for one in service.requests)
    assert asked.pop(("loyaltyobject.addmessage", 200)) == count
    assert asked.pop(("loyaltyobject.get", 200), 0) <= KILLS * WINDOW  # who may have been told is asked before
    assert not asked
