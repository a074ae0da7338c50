"""What doctor says of Firebase and of the relays."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from commands import doctor_android
from commands.checks import Check, State
from commands.settings import Settings, parse
from sandbox.fcm import FcmService
from sandbox.relays import RelayService
from store import leases
from store.dialect import Database
from store.platforms import FCM, PASSWALLET, WALLETPASSES, Route
from tests.pushes.fleet import PASS_TYPE, add_holders, seed
from tests.pushes.othervendors import key_file


@pytest.fixture
async def fcm() -> AsyncIterator[FcmService]:
    async with FcmService(key_file=key_file()) as running:
        yield running


@pytest.fixture
def settings(fcm: FcmService, tmp_path: Path) -> Settings:
    path = tmp_path / "firebase.json"
    path.write_text(json.dumps(fcm.key_file))
    return parse({"PASSBELL_FCM_URL": fcm.url, "PASSBELL_FCM_KEY_FILE": str(path)}, lambda path: "")


async def lines(db: Database, settings: Settings, *, reach_out: bool = True) -> dict[str, Check]:
    return {check.what: check async for check in doctor_android.examine(db, settings, reach_out=reach_out)}


async def test_where_nothing_is_set_and_nobody_registered_nothing_is_said(db: Database) -> None:
    await seed(db, 2)
    assert await lines(db, parse({}, lambda path: "")) == {}


@pytest.mark.parametrize("refusal", ["UNREGISTERED", "INVALID_ARGUMENT"])
async def test_a_made_up_app_that_is_refused_proves_the_key(
    db: Database, settings: Settings, fcm: FcmService, refusal: str
) -> None:
    fcm.everything = refusal
    check = (await lines(db, settings))["Firebase"]
    assert check.state is State.OK
    assert f"takes messages for project {fcm.project}" in check.detail


async def test_one_that_takes_a_made_up_app_is_a_stand_in(db: Database, settings: Settings) -> None:
    assert "stand-in" in (await lines(db, settings))["Firebase"].detail


@pytest.mark.parametrize(("refusal", "word"), [("PERMISSION_DENIED", "Enable"), ("NOT_FOUND", "FCM_URL is wrong")])
async def test_what_is_wrong_with_the_project_ends_with_the_fix(
    db: Database, settings: Settings, fcm: FcmService, refusal: str, word: str
) -> None:
    fcm.everything = refusal
    check = (await lines(db, settings))["Firebase"]
    assert (check.state, word in check.fix) == (State.FAIL, True)


async def test_a_revoked_key_is_told(db: Database, settings: Settings, fcm: FcmService) -> None:
    fcm.accounts.revoke(fcm.key_file["client_email"], fcm.key_file["private_key_id"])
    check = (await lines(db, settings))["Firebase"]
    assert (check.state, "new private key" in check.fix) == (State.FAIL, True)


async def test_without_reaching_out_the_file_alone_is_read(db: Database, settings: Settings, fcm: FcmService) -> None:
    check = (await lines(db, settings, reach_out=False))["Firebase"]
    assert (check.state, fcm.grants) == (State.OK, 0)
    assert settings.fcm_key_file is not None
    settings.fcm_key_file.write_text("{}")
    assert (await lines(db, settings, reach_out=False))["Firebase"].state is State.FAIL


async def test_phones_that_wait_for_a_key_or_a_host_are_counted(db: Database) -> None:
    await seed(db, 3, platform=FCM)
    await add_holders(db, 1, 2, platform=PASSWALLET)
    await add_holders(db, 1, 4, platform="Pass2U")
    told = await lines(db, parse({}, lambda path: ""))
    assert told["Firebase"].state is State.FAIL
    assert "3 phones" in told["Firebase"].detail
    assert told["PassWallet's relays"].state is State.WARN
    assert "2 phones" in told["PassWallet's relays"].detail
    assert told["phones that only ask by themselves"].detail == "4 with Pass2U."


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_listed_host_that_is_not_public_is_told(db: Database, host: str) -> None:
    settings = parse({"PASSBELL_RELAY_HOSTS": host}, lambda path: "")
    check = (await lines(db, settings))["PassWallet's relays"]
    assert (check.state, host in check.detail) == (State.FAIL, True)


async def test_walletpasses_relay_is_asked_whether_it_is_there(db: Database) -> None:
    await seed(db, 1, platform=WALLETPASSES)
    nobody: dict[str, Any] = {"PASSBELL_RELAY_WALLETPASSES_URL": "http://127.0.0.1:9/api/v1/push"}
    settings = parse(nobody, lambda path: "")
    assert (await lines(db, settings))["WalletPasses' relay"].state is State.FAIL
    async with RelayService() as relay:
        there = replace(settings, relay_walletpasses_url=relay.walletpasses_url)
        assert (await lines(db, there))["WalletPasses' relay"].state is State.OK
        assert not relay.records


async def test_a_held_route_is_told_with_its_channel(db: Database) -> None:
    await seed(db, 1, platform=FCM)
    held = Route(PASS_TYPE, FCM).hold
    await leases.hold(db, pass_type_identifier=held, reason="KeyRefused", probe_after=timedelta(minutes=1))
    check = (await lines(db, parse({}, lambda path: "")))[f"pushes of {PASS_TYPE} by fcm"]
    assert (check.state, check.detail) == (State.FAIL, "held: KeyRefused.")
