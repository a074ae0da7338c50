"""The robot phone keeps Apple's protocol, judged by a little web service and real pushes that are not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from sandbox.apns import PushService
from sandbox.phone import Phone
from sandbox.phone_records import Kind
from sandbox.phone_web import FOSSWALLET, WALLETPASSES, WebServiceError
from sandbox.pkpass import BadPass, load_roots
from tests.sandbox.certificates import TOPIC, Authorities
from tests.sandbox.passes import TOKEN
from tests.sandbox.rawpush import RawPush
from tests.sandbox.wallet_server import MEDIA_TYPE, WalletServer


@pytest.fixture
async def server(authorities: Authorities) -> AsyncIterator[WalletServer]:
    wallet = WalletServer(authorities)
    async with TestServer(wallet.application()) as listening:
        wallet.url = str(listening.make_url("")).rstrip("/")
        yield wallet


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as shared:
        yield shared


class Naps:
    """Remembers how long the phone would have slept between retries."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
async def new_phone(session, authorities, push_service, naps) -> AsyncIterator[Callable[..., Phone]]:
    made: list[Phone] = []

    def make(**options) -> Phone:
        usual = {"roots": load_roots(authorities.root.pem), "pushes": push_service, "sleep": naps}
        made.append(Phone(session, **(usual | options)))
        return made[-1]

    yield make
    for phone in made:
        await phone.close()


@pytest.fixture
async def push(push_service: PushService, client_files: Path) -> AsyncIterator[Callable]:
    async with RawPush(push_service, client_files) as client:

        async def send(phone: Phone) -> None:
            status, _, _ = await client.answer(client.post(phone.push_tokens[TOPIC]))
            assert status == 200
            await phone.settled()

        yield send


def kinds(phone: Phone) -> list[Kind]:
    return [event.kind for event in phone.events]


async def test_a_phone_installs_by_link_and_registers(server: WalletServer, new_phone):
    phone = new_phone()
    card = await phone.install(server.issue())
    assert (card.serial_number, card.text("points"), card.registered) == ("S1", "120", True)
    assert server.registrations == {(phone.device_library_identifier, "S1"): phone.push_tokens[TOPIC]}
    method, _, headers = server.requests[-1]
    assert (method, headers["Authorization"]) == ("POST", f"ApplePass {TOKEN}")
    assert len(phone.push_tokens[TOPIC]) == 64
    assert kinds(phone) == [Kind.INSTALLED, Kind.REGISTERED]


async def test_a_push_brings_the_change_to_the_lock_screen(server: WalletServer, new_phone, push):
    phone = new_phone(language="ru")
    card = await phone.install(server.issue())
    server.change(points=150)
    await push(phone)
    assert card.text("points") == "150"
    assert [(shown.text, shown.fields) for shown in phone.notifications] == [
        ("Теперь у вас 150 баллов", ("points",)),
    ]
    assert phone.notifications[0].organization_name == "Coffee club"
    assert kinds(phone)[2:] == [Kind.PUSHED, Kind.LISTED, Kind.FETCHED, Kind.SHOWN]
    assert [edition.texts["points"] for edition in card.editions] == ["120", "150"]


async def test_the_stored_tag_and_date_are_sent_back(server: WalletServer, new_phone, push):
    phone = new_phone()
    await phone.install(server.issue())
    await push(phone)
    assert phone.tags == {TOPIC: "S1.1"}
    await push(phone)
    fetches = [headers for method, path, headers in server.requests if method == "GET" and "/passes/" in path]
    assert [headers.get("If-Modified-Since") for headers in fetches] == [None]
    assert kinds(phone)[-1] is Kind.LISTED
    assert phone.events[-1].detail == "0"
    await phone.refresh(forced=True)
    assert kinds(phone)[-1] is Kind.UNCHANGED


async def test_a_change_without_message_is_silent(server: WalletServer, new_phone, push):
    phone = new_phone()
    await phone.install(server.issue())
    server.change(note="hello")
    await push(phone)
    assert kinds(phone)[-1] is Kind.SILENT
    assert not phone.notifications


async def test_only_listed_cards_are_fetched(server: WalletServer, new_phone, push):
    phone = new_phone()
    for serial in ("S1", "S2", "S3"):
        await phone.install(server.issue(serial))
    await push(phone)
    server.requests.clear()
    server.change("S2", points=5)
    await push(phone)
    assert [path for _, path, _ in server.requests if "/passes/" in path] == [f"/passkit/v1/passes/{TOPIC}/S2"]
    assert [phone.cards[serial].text("points") for serial in ("S1", "S2", "S3")] == ["120", "5", "120"]


async def test_an_offline_phone_catches_up_when_it_is_back(server: WalletServer, new_phone, push):
    phone = new_phone()
    card = await phone.install(server.issue())
    phone.go_offline()
    for points in (1, 2, 3):
        server.change(points=points)
        await push(phone)
    assert card.text("points") == "120"
    with pytest.raises(WebServiceError, match="offline"):
        await phone.install(server.issue("S2"))
    await phone.go_online()
    await phone.settled()
    assert card.text("points") == "3"
    assert kinds(phone).count(Kind.PUSHED) == 1


async def test_a_card_removed_offline_is_unregistered_later(server: WalletServer, new_phone):
    phone = new_phone()
    await phone.install(server.issue())
    phone.go_offline()
    await phone.remove("S1")
    assert server.registrations
    await phone.go_online()
    assert not server.registrations
    assert kinds(phone)[-1] is Kind.UNREGISTERED


async def test_removing_the_last_card_ends_tag_and_pushes(server: WalletServer, new_phone, push_service, push):
    phone = new_phone()
    await phone.install(server.issue())
    await push(phone)
    await phone.remove("S1")
    assert (server.registrations, phone.tags, phone.cards) == ({}, {}, {})
    before = kinds(phone).count(Kind.PUSHED)
    await push(phone)
    assert kinds(phone).count(Kind.PUSHED) == before


async def test_a_new_push_token_is_registered_for_every_card(server: WalletServer, new_phone, push):
    phone = new_phone()
    await phone.install(server.issue("S1"))
    await phone.install(server.issue("S2"))
    old = phone.push_tokens[TOPIC]
    await phone.change_push_token()
    assert phone.push_tokens[TOPIC] != old
    assert set(server.registrations.values()) == {phone.push_tokens[TOPIC]}
    server.change(points=9)
    await push(phone)
    assert phone.cards["S1"].text("points") == "9"


async def test_a_stuck_tag_is_sent_again_and_again(server: WalletServer, new_phone, push):
    phone = new_phone()
    await phone.install(server.issue())
    phone.mood.stuck_tag = "S1.0"
    await push(phone)
    await push(phone)
    assert kinds(phone).count(Kind.FETCHED) == 1
    assert kinds(phone).count(Kind.UNCHANGED) == 1


async def test_a_wrong_token_is_logged_and_not_tried_again(server: WalletServer, new_phone, naps: Naps):
    phone = new_phone()
    await phone.install(server.issue())
    phone.mood.wrong_token = True
    await phone.refresh()
    assert naps.seconds == []
    assert len(server.logs) == 1
    assert server.logs[0].endswith(
        f"Get pass task (pass type {TOPIC}, serial number S1, if-modified-since (None); with web service url "
        f"{server.url}/passkit) encountered error: Authentication failure"
    )


@pytest.mark.parametrize("mood", ["refused_fetches", "cut_fetches"])
async def test_a_fetch_that_fails_after_the_list_is_tried_again_later(server, new_phone, push, naps, mood):
    phone = new_phone(retry_after=(1.0, 5.0))
    card = await phone.install(server.issue())
    setattr(phone.mood, mood, 2)
    server.change(points=7)
    await push(phone)
    assert naps.seconds == [1.0, 5.0]
    assert card.text("points") == "7"
    assert len(server.logs) == 2
    assert "The network connection was lost." in server.logs[0]


async def test_a_phone_gives_up_after_its_last_try_and_keeps_its_card(server, new_phone, push, naps):
    phone = new_phone(retry_after=(1.0, 5.0))
    card = await phone.install(server.issue())
    server.trouble["fetch"] = [503, 500, 503]
    server.change(points=7)
    await push(phone)
    assert naps.seconds == [1.0, 5.0]
    assert card.text("points") == "120"
    assert "Unexpected response code 503" in server.logs[-1]
    assert phone.tags == {TOPIC: "S1.2"}


async def test_registration_is_tried_again(server: WalletServer, new_phone, naps: Naps):
    server.trouble["register"] = [503]
    phone = new_phone()
    card = await phone.install(server.issue())
    assert (card.registered, naps.seconds) == (True, [1.0])
    assert f"Register task (for device {phone.device_library_identifier}, pass type {TOPIC}" in server.logs[0]


MALFORMED = {
    "a number as tag": {"text": '{"serialNumbers": ["S1"], "lastUpdated": 5}'},
    "no tag": {"text": '{"serialNumbers": ["S1"]}'},
    "no JSON": {"text": "<html>"},
}


@pytest.mark.parametrize("answer", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_list_is_logged_as_ios_does(server: WalletServer, new_phone, push, answer):
    phone = new_phone()
    await phone.install(server.issue())
    server.answers["list"] = web.Response(content_type="application/json", **answer)
    await push(phone)
    assert "Get serial #s task" in server.logs[0]
    assert "Server response was malformed" in server.logs[0]
    assert phone.tags == {}


UNUSABLE = {
    "an error page": {"text": "<html>", "content_type": "text/html"},
    "not a zip": {"body": b"nothing", "content_type": MEDIA_TYPE},
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE.keys())
async def test_a_bad_pass_is_logged_and_the_old_one_stays(server: WalletServer, new_phone, push, answer):
    phone = new_phone()
    card = await phone.install(server.issue())
    server.answers["fetch"] = web.Response(**answer)
    await push(phone)
    assert "Received invalid pass data" in server.logs[0]
    assert card.text("points") == "120"


async def test_an_update_may_not_change_its_token(server: WalletServer, new_phone, push):
    phone = new_phone()
    await phone.install(server.issue())
    server.change(authenticationToken="another-token-of-this-pass")
    await push(phone)
    assert "authenticationToken cannot be changed" in server.logs[0]


async def test_a_link_without_pass_is_a_clear_error(server: WalletServer, new_phone):
    phone = new_phone()
    with pytest.raises(BadPass, match="Safari cannot download this file: 404"):
        await phone.install(f"{server.url}/nowhere")
    assert not phone.cards


async def test_a_head_request_gives_the_headers(server: WalletServer, new_phone):
    phone = new_phone()
    await phone.install(server.issue())
    status, headers = await phone.head("S1")
    assert status == 200
    assert headers["Last-Modified"] == "Sun, 22 Nov 2026 10:00:01 GMT"


async def test_fosswallet_polls_without_registering_and_tells_each_field(server: WalletServer, new_phone):
    phone = new_phone(profile=FOSSWALLET)
    await phone.add(server.pkpass(server.issue().rsplit("/", 1)[1]))
    server.change(points=1, balance=2)
    await phone.refresh()
    assert not server.registrations
    assert [shown.text for shown in phone.notifications] == ["You have 1 points now", "Deposit: RUB\u00a02.00"]
    await phone.refresh()
    headers = server.requests[-1][2]
    assert "If-Modified-Since" not in headers
    assert headers["User-Agent"].startswith("okhttp")


async def test_walletpasses_registers_with_its_own_scheme_and_token(server: WalletServer, new_phone):
    phone = new_phone(profile=WALLETPASSES)
    await phone.add(server.pkpass(server.issue().rsplit("/", 1)[1]))
    assert server.requests[-1][2]["Authorization"] == f"AndroidPass {TOKEN}"
    assert phone.push_tokens[TOPIC].startswith("android:")


async def test_two_hundred_phones_hear_of_their_changes(server: WalletServer, new_phone, push_service, client_files):
    phones = [new_phone(verify=False) for _ in range(200)]
    links = [server.issue(f"S{number}") for number in range(200)]
    await asyncio.gather(*(phone.install(link) for phone, link in zip(phones, links, strict=True)))
    for number in range(200):
        server.change(f"S{number}", points=number)
    async with RawPush(push_service, client_files) as client:
        streams = [client.post(phone.push_tokens[TOPIC]) for phone in phones]
        for stream in streams:
            await client.answer(stream)
    await asyncio.gather(*(phone.settled() for phone in phones))
    assert [phone.cards[f"S{number}"].text("points") for number, phone in enumerate(phones)] == [
        str(number) for number in range(200)
    ]
