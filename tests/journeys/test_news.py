"""One news from a marketer's hand to every phone, and off again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.phone import Phone
from tests.journeys.house import World, until
from tests.journeys.test_google import Wallets, wallets
from tests.journeys.test_kill import let_leases_end, opened, start_worker
from tests.pushes.fleet import add_holders, token

__all__ = ["wallets"]


async def send(world: World, text: str, **more: Any) -> str:
    status, draft = await world.api("POST", "/news", {"template": "coffee", "text": {"ru": text, "en": text}} | more)
    assert (status, draft["state"]) == (201, "draft"), draft
    assert (await world.api("POST", f"/news/{draft['id']}:start"))[0] == 200
    return str(draft["id"])


async def seen(world: World, news: str) -> dict[str, Any]:
    return dict((await world.api("GET", f"/news/{news}"))[1])


async def reaches(world: World, news: str, state: str, seconds: float = 20) -> dict[str, Any]:
    async def is_there() -> bool:
        return bool((await seen(world, news))["state"] == state)

    await until(is_there, seconds)
    return await seen(world, news)


def says(phone: Phone) -> list[str]:
    return [card.text("news") for card in phone.cards.values()]


def rung(phone: Phone) -> list[str]:
    return [shown.text for shown in phone.notifications]


async def test_one_news_rings_every_phone_once_and_the_older_one_returns_silently(wallets: Wallets) -> None:
    world = wallets.world
    iphone, android, held = await wallets.holders(points=1)
    phones = [iphone, *[(await world.holder())[0] for _ in range(2)]]
    older = await send(world, "Older")
    for phone in phones:
        await until(lambda phone=phone: says(phone) == ["Older"])
    await until(lambda: android.notifications)
    await reaches(world, older, "done")

    async def has_counted() -> bool:  # downloads are written in batches
        return bool((await seen(world, older))["progress"]["fetched"] == 3)

    await until(has_counted)
    assert (await seen(world, older))["progress"] == {
        "targets": 4,
        "accepted": 4,
        "gone": 0,
        "waiting": 0,
        "failed": 0,
        "fetched": 3,
        "capped": 0,
    }
    ends = (datetime.now(UTC) + timedelta(seconds=8)).isoformat()
    await send(world, "Newer", ends_at=ends)
    for phone in phones:
        await until(lambda phone=phone: says(phone) == ["Newer"], 20)
    for phone in phones:
        await until(lambda phone=phone: says(phone) == ["Older"], 30)
    assert [rung(phone) for phone in phones] == [["Older", "Newer"]] * 3
    stored = wallets.google.wallet.find(held.object_id)
    assert stored is not None
    assert len(android.notifications) == 2


def on_google(wallets: Wallets, object_id: str) -> list[str]:
    stored = wallets.google.wallet.find(object_id)
    assert stored is not None
    return [message["body"] for message in stored.body.get("messages") or ()]


async def test_a_segment_is_told_on_google_too_and_a_cancel_takes_the_message_off(wallets: Wallets) -> None:
    world = wallets.world
    _, rich, of_rich = await wallets.holders(points=500)
    _, poor, of_poor = await wallets.holders(points=5)
    news = await send(world, "For you", audience={"field": "data.points", "op": "gte", "value": 100})
    await until(lambda: rich.notifications, 20)
    done = await reaches(world, news, "done")
    assert (done["progress"]["targets"], done["progress"]["accepted"], done["progress"]["failed"]) == (2, 2, 0)
    assert on_google(wallets, of_rich.object_id) == ["For you"]
    assert on_google(wallets, of_poor.object_id) == []
    assert (await world.api("POST", f"/news/{news}:cancel"))[0] == 200
    await until(lambda: on_google(wallets, of_rich.object_id) == [], 20)
    assert (len(rich.notifications), len(poor.notifications)) == (1, 0)


async def test_a_pause_stops_pushes_and_a_cancel_takes_the_text_away(running: World) -> None:
    phone, serial = await running.holder()
    news = await send(running, "Coffee")
    await until(lambda: says(phone) == ["Coffee"])
    assert rung(phone) == ["Coffee"]
    status, _ = await running.api("POST", f"/news/{news}:cancel")
    assert status == 200
    await until(lambda: says(phone) == [""], 20)
    assert rung(phone) == ["Coffee"]
    assert (await seen(running, news))["state"] == "cancelled"
    assert phone.cards[serial].text("points") is not None


PHONES, WINDOW = 3_000, 200


@pytest.mark.timeout(200)
async def test_workers_killed_and_a_pause_lose_no_phone_and_count_each_once(world: World) -> None:
    async with opened(world) as db:
        await add_holders(db, world.brand_id, PHONES)
        async with world.server(with_worker=False):
            news = await send(world, "Coffee")
            for goal in (500, 1500):
                worker = await start_worker(world)
                await until(lambda goal=goal: len(world.apns.records) >= goal, 60)
                worker.kill()
                await worker.wait()
                await let_leases_end(db)
            assert (await world.api("POST", f"/news/{news}:pause"))[0] == 200
            before = len(world.apns.records)
            worker = await start_worker(world)
            await asyncio.sleep(1.5)  # a worker that did not know of the pause would be through by now
            assert (await seen(world, news))["progress"]["waiting"] > 0
            assert len(world.apns.records) == before
            assert (await world.api("POST", f"/news/{news}:resume"))[0] == 200
            done = await reaches(world, news, "done", 90)
            worker.terminate()
            await worker.wait()
    assert {record.token for record in world.apns.records} == {token(number) for number in range(1, PHONES + 1)}
    assert len(world.apns.records) - PHONES <= 2 * WINDOW
    assert (done["progress"]["targets"], done["progress"]["accepted"]) == (PHONES, PHONES)
