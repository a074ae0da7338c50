"""What phones in every mood see of a change."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from itertools import pairwise

import aiohttp
import pytest

from commands.demo import STARTERS
from commands.offline import read_folder
from sandbox.phone import Phone
from sandbox.phone_web import FOSSWALLET
from store import dialect, templates
from store.keyring import Keyring
from tests.journeys.house import SECRET, World, until


async def quiet(world: World, phone: Phone, serial: str) -> None:
    """Wait for the push that every new registration gets, and for what it begins."""
    token = next(iter(phone.push_tokens.values()))
    await world.apns.received(token, count=1, timeout=10)
    await phone.settled()


async def test_a_new_registration_gets_exactly_one_push_a_few_seconds_later(running: World) -> None:
    phone, serial = await running.holder()
    assert running.apns.accepted() == 0
    await quiet(running, phone, serial)
    assert running.apns.accepted() == 1
    assert phone.notifications == type(phone.notifications)()


async def test_a_silent_change_shows_on_the_card_and_rings_nobody(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    status, answer = await running.api("PATCH", f"/cards/{serial}", {"data": {"points": 2}, "notify": "silent"})
    assert status == 200
    assert [row["lock_screen"] for row in answer["visible"]] == [None]
    await until(lambda: phone.cards[serial].text("points") == "2")
    assert not phone.notifications


async def test_a_change_that_nobody_can_see_pushes_nothing(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    await quiet(running, phone, serial)
    status, answer = await running.api("PATCH", f"/cards/{serial}", {"tags": ["regular"]})
    assert (status, answer["visible"]) == (200, [])
    assert (await running.change(serial, points=1))["result"] == "nothing_visible"
    await asyncio.sleep(1)
    assert running.apns.accepted() == 1


async def test_a_card_on_two_phones_rings_on_both(running: World) -> None:
    card = await running.issue(data={"points": 1})
    phones = [running.phone(), running.phone()]
    for phone in phones:
        await phone.install(card["install_url"])
    await running.change(card["serial_number"], points=5)
    await until(lambda: all(phone.notifications for phone in phones))
    assert {phone.cards[card["serial_number"]].text("points") for phone in phones} == {"5"}


async def test_a_fetch_cut_in_the_middle_is_not_forgotten(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    await quiet(running, phone, serial)
    phone.mood.cut_fetches = 4  # every attempt of this round
    await running.change(serial, points=7)
    await until(lambda: phone.mood.cut_fetches == 0)
    await phone.settled()
    assert phone.cards[serial].text("points") == "1"
    await phone.refresh()
    assert phone.cards[serial].text("points") == "7"


async def test_a_phone_that_was_off_gets_the_last_state_when_it_is_back(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    await quiet(running, phone, serial)
    phone.go_offline()
    await running.change(serial, points=10)
    await running.apns.received(next(iter(phone.push_tokens.values())), count=2)
    await phone.go_online()
    await until(lambda: phone.cards[serial].text("points") == "10")


async def test_a_changed_push_token_replaces_the_old_one(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    old = next(iter(phone.push_tokens.values()))
    await phone.change_push_token()
    await running.change(serial, points=2)
    await until(lambda: phone.cards[serial].text("points") == "2")
    assert running.apns.pushes(old) == []


async def test_a_wrong_token_gets_nothing_and_says_so_in_the_log(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    await quiet(running, phone, serial)
    phone.mood.wrong_token = True
    await running.change(serial, points=2)
    await until(lambda: any("Authentication failure" in line for line in phone.log_lines))
    assert phone.cards[serial].text("points") == "1"


async def test_fosswallet_polls_without_ever_registering(running: World) -> None:
    card = await running.issue(data={"points": 1})
    phone = running.phone(profile=FOSSWALLET)
    await phone.install(card["install_url"])
    await running.change(card["serial_number"], points=3)
    await phone.refresh()
    assert phone.cards[card["serial_number"]].text("points") == "3"
    assert not phone.push_tokens


async def test_a_removed_card_is_pushed_no_more(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    await quiet(running, phone, serial)
    await phone.remove(serial)
    before = running.apns.accepted()
    await running.change(serial, points=2)
    await asyncio.sleep(1)
    assert running.apns.accepted() == before


async def test_head_tells_what_get_would(running: World) -> None:
    phone, serial = await running.holder()
    status, headers = await phone.head(serial)
    assert status == 200
    assert headers["Content-Type"] == "application/vnd.apple.pkpass"
    assert "Last-Modified" in headers


async def test_an_unchanged_card_is_304_and_a_changed_one_is_not(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    await quiet(running, phone, serial)
    await phone.refresh(forced=True)
    editions = len(phone.cards[serial].editions)
    await phone.refresh(forced=True)
    assert len(phone.cards[serial].editions) == editions
    await running.change(serial, points=2)
    await phone.settled()
    await phone.refresh(forced=True)
    assert phone.cards[serial].text("points") == "2"


async def test_a_publish_reaches_every_phone_silently(running: World) -> None:
    holders = [await running.holder(data={"points": n}) for n in range(3)]
    for phone, serial in holders:
        await quiet(running, phone, serial)
    files = read_folder(STARTERS / "coffee")
    files["template.yaml"] = files["template.yaml"].replace(b"label: Deposit, value", b"label: On deposit, value")
    db = await dialect.open(running.database_url, Keyring.parse(SECRET))
    db.public_url = running.url
    now = datetime.now(UTC)
    await templates.import_files(db, running.brand_id, files, now=now)
    await templates.publish(db, running.brand_id, "coffee", author="test", note="", now=now)
    await db.close()
    await until(lambda: all(_label(phone, serial) == "On deposit" for phone, serial in holders), 15)
    assert not any(phone.notifications for phone, _ in holders)


def _label(phone: Phone, serial: str) -> str:
    return phone.cards[serial].faces.by_key()["balance"].label


async def test_a_voided_card_is_grey_on_the_phone(running: World) -> None:
    phone, serial = await running.holder()
    status, answer = await running.hook("card.voided", {"card": serial})
    assert (status, answer["result"]) == (200, "applied")
    await until(lambda: phone.cards[serial].opened.document.get("voided") is True)


@pytest.mark.parametrize("changes", [300, pytest.param(1_000, marks=pytest.mark.soak)])
async def test_a_storm_of_changes_is_two_pushes_and_the_last_value(running: World, changes: int) -> None:
    phone, serial = await running.holder(data={"points": 0})
    await quiet(running, phone, serial)
    await asyncio.sleep(5)  # the spacing after the first push
    token = next(iter(phone.push_tokens.values()))
    began = asyncio.get_running_loop().time()
    for number in range(1, changes + 1):
        await running.change(serial, points=number)
        ahead = number / 100 - (asyncio.get_running_loop().time() - began)
        if ahead > 0:
            await asyncio.sleep(ahead)
    await until(lambda: re.sub(r"\D", "", phone.cards[serial].text("points")) == str(changes), 15)
    times = [record.time for record in running.apns.pushes(token)][1:]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(gap >= 4.9 for gap in gaps)
    assert len(times) <= 2 + (times[-1] - times[0]) / 5


async def test_a_change_for_a_card_not_issued_yet_is_on_it_from_the_start(running: World) -> None:
    status, answer = await running.hook("card.changed", {"card": {"external_id": "later"}, "set": {"points": 77}})
    assert (status, answer["result"]) == (202, "no_card")
    card = await running.issue(external_id="later")
    assert card["data"]["points"] == 77


async def test_the_timeline_tells_the_whole_story_and_ends_in_a_sentence(running: World) -> None:
    phone, serial = await running.holder(data={"points": 1})
    await quiet(running, phone, serial)
    await running.change(serial, points=9)
    await until(lambda: phone.notifications)
    await asyncio.sleep(0.3)  # completed answers are written in batches
    status, timeline = await running.api("GET", f"/cards/{serial}/timeline")
    assert status == 200
    kinds = [entry["kind"] for entry in timeline["entries"]]
    for kind in ("issued", "registered", "changed", "pushed", "listed", "fetched"):
        assert kind in kinds, kinds
    assert timeline["diagnosis"]["en"]
    assert timeline["diagnosis"]["ru"]
    assert phone.device_library_identifier not in str(timeline)
    async with aiohttp.ClientSession() as stranger, stranger.get(f"{running.url}/api/v1/cards/{serial}/timeline") as no:
        assert no.status == 401
