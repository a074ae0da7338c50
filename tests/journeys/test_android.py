"""One webhook, and phones in several wallets: each is rung its own way and shows the change."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from commands.channels import Channels
from pushes.channel import Channel
from pushes.worker import Worker, WorkerOptions
from sandbox.fcm import FcmService
from sandbox.phone import Phone
from sandbox.phone_records import Kind
from sandbox.phone_web import OWN_APP, WALLETPASSES, passwallet
from sandbox.relays import RelayService
from store.dialect import Database
from store.platforms import PASSWALLET, Route
from tests.conftest import PASS_TYPE
from tests.journeys.house import World, until
from tests.journeys.test_kill import let_leases_end, opened, start_worker
from tests.pushes import othervendors
from tests.pushes.fleet import add_holders, pending, publish, token
from tests.pushes.othervendors import RELAY, key_file


@dataclass
class Android:
    """A world with the other vendors running."""

    world: World
    fcm: FcmService
    relay: RelayService

    async def holder(self, profile: Any, card: dict[str, Any], pushes: Any) -> Phone:
        phone = self.world.phone(profile=profile, pushes=pushes)
        await phone.install(card["install_url"])
        return phone


@pytest_asyncio.fixture
async def android(world: World, tmp_path: Path) -> AsyncIterator[Android]:
    async with FcmService(key_file=key_file()) as fcm, RelayService() as relay:
        path = tmp_path / "firebase.json"
        path.write_text(json.dumps(fcm.key_file))
        world.more |= {
            "FCM_URL": fcm.url,
            "FCM_KEY_FILE": str(path),
            "RELAY_WALLETPASSES_URL": relay.walletpasses_url,
        }
        yield Android(world, fcm, relay)


def points(phone: Phone) -> list[str]:
    return [card.text("points") for card in phone.cards.values()]


async def test_a_change_shows_in_every_wallet_and_no_token_goes_astray(android: Android) -> None:
    world = android.world
    async with world.server():
        card = await world.issue(data={"points": 1})
        iphone = world.phone()
        await iphone.install(card["install_url"])
        app = await android.holder(OWN_APP, card, android.fcm)
        walletpasses = await android.holder(WALLETPASSES, card, android.relay)
        await world.change(card["serial_number"], points=7)
        for phone in (iphone, app, walletpasses):
            await until(lambda phone=phone: points(phone) == ["7"])
    assert {record.token for record in world.apns.records} == set(iphone.push_tokens.values())
    assert {record.address for record in android.fcm.records} == set(app.push_tokens.values())
    assert set(android.relay.tokens) == set(walletpasses.push_tokens.values())
    assert {record.topic for record in android.relay.records} == {PASS_TYPE}
    named = {record.data.get("serial_number") for record in android.fcm.records}
    assert named == {card["serial_number"]}
    assert [event.serial_number for event in app.events if event.kind is Kind.PUSHED][-1] == card["serial_number"]


async def test_without_a_key_the_apps_pushes_are_held_and_come_when_it_is_there(android: Android) -> None:
    world, path = android.world, Path(android.world.more["FCM_KEY_FILE"])
    key = path.read_text()
    async with world.server(with_worker=False) as house:
        card = await world.issue(data={"points": 1})
        app = await android.holder(OWN_APP, card, android.fcm)
        path.unlink()
        channels = Channels(world.settings, house.keeper.signers)
        async with working(house.db, channels):
            await world.change(card["serial_number"], points=7)
            await until(lambda: _is_held(house.db))
            path.write_text(key)
            await until(lambda: points(app) == ["7"])
            await until(lambda: _is_free(house.db))
        await channels.aclose()


async def _is_held(db: Database) -> bool:
    rows = await db.fetch("SELECT reason FROM holds")
    return ["FCM_KEY_FILE" in row[0] for row in rows] == [True]


async def _is_free(db: Database) -> bool:
    return not list(await db.fetch("SELECT reason FROM holds"))


@contextlib.asynccontextmanager
async def working(db: Database, channels: Any) -> AsyncIterator[None]:
    """A worker with channels of the test's own, which looks often whether a hold is over."""
    worker = Worker(db, channels, owner="test", options=WorkerOptions(probe_after=timedelta(seconds=0.2)))
    db.on_jobs.append(worker.wake)
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        db.on_jobs.remove(worker.wake)
        worker.stop()
        await asyncio.wait_for(task, 10)


async def test_passwallet_is_rung_through_the_relay_that_it_named(android: Android, pki: Any, tmp_path: Path) -> None:
    world = android.world
    async with (
        world.server(with_worker=False) as house,
        RelayService(context=othervendors.server_context(pki, tmp_path)) as relay,
    ):
        channel = othervendors.passwallet(relay, pki)
        usual = Channels(world.settings, house.keeper.signers)

        async def channels(route: Route) -> Channel:
            return channel if route.platform == PASSWALLET else await usual(route)

        async with working(house.db, channels):
            card = await world.issue(data={"points": 1})
            phone = await android.holder(passwallet(RELAY), card, relay)
            await world.change(card["serial_number"], points=7)
            await until(lambda: points(phone) == ["7"])
            await phone.remove(card["serial_number"])
        await channel.aclose()
        await usual.aclose()
    assert {record.path for record in relay.records} == {"/PassWallet/v1/pushUpdates"}
    assert set(relay.tokens) == set(phone.push_tokens.values())
    assert not world.apns.records


async def test_a_passwallet_whose_relay_is_not_listed_is_parked_and_the_timeline_says_so(android: Android) -> None:
    world = android.world
    async with world.server():
        card = await world.issue(data={"points": 1})
        phone = await android.holder(passwallet("https://169.254.169.254/latest"), card, android.relay)
        await until(lambda: _has(world, card, "fetched"))
        await world.change(card["serial_number"], points=7)
        await until(lambda: _has(world, card, "pushed"))
        told = await _timeline(world, card)
        assert told["diagnosis"]["code"] == "relay_not_allowed"
        assert "RelayNotAllowed" in told["diagnosis"]["en"]
        pushed = [entry["detail"] for entry in told["entries"] if entry["kind"] == "pushed"]
        assert {(detail["channel"], detail["reason"]) for detail in pushed} == {("passwallet", "RelayNotAllowed")}
        await phone.refresh()
        assert points(phone) == ["7"]
    assert not android.relay.records


async def _timeline(world: World, card: dict[str, Any]) -> dict[str, Any]:
    _, told = await world.api("GET", f"/cards/{card['serial_number']}/timeline")
    return dict(told)


async def _has(world: World, card: dict[str, Any], kind: str) -> bool:
    return any(entry["kind"] == kind for entry in (await _timeline(world, card))["entries"])


async def test_a_fan_out_to_the_app_killed_on_its_way_loses_nothing(android: Android) -> None:
    """Also of its own way: what is asked of Apple's phones in test_kill."""
    await killed(android, phones=600, kills=1)


@pytest.mark.soak
@pytest.mark.timeout(600)
async def test_a_long_fan_out_to_the_app_killed_again_and_again_loses_nothing(android: Android) -> None:
    await killed(android, phones=10_000, kills=5)


async def killed(android: Android, *, phones: int, kills: int) -> None:
    world = android.world
    async with opened(world) as db:
        template_id = await add_holders(db, world.brand_id, phones, platform="fcm", kept="fid:{}")
        await publish(db, template_id, pass_type=PASS_TYPE, brand_id=world.brand_id)
        for number in range(kills):
            worker = await start_worker(world)
            await until(lambda goal=phones * (number + 1) // (kills + 1): len(android.fcm.records) >= goal, 60)
            worker.kill()
            await worker.wait()
            await let_leases_end(db)
        worker = await start_worker(world)

        async def empty() -> bool:
            return await pending(db) == 0

        await until(empty, 120)
        worker.terminate()
        assert await asyncio.wait_for(worker.wait(), 30) == 0
    received = Counter(record.address for record in android.fcm.records)
    assert set(received) == {token(number) for number in range(1, phones + 1)}
    assert sum(received.values()) - phones <= kills * 200
