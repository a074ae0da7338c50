"""Firebase's channel: what it says, how each answer is taken, and where its access tokens come from."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from pushes import verdict
from pushes.channel import Outcome, Push, Verdict
from pushes.fcm import FcmChannel, KeyRefused
from sandbox.fcm import ERRORS, FcmService
from store.naming import Named
from tests.pushes.othervendors import key_file
from tests.pushes.test_other_vendors import closing, send

TOPIC = "pass.com.example.coffee"


@pytest.fixture
async def fcm() -> AsyncIterator[FcmService]:
    async with FcmService(key_file=key_file()) as running:
        yield running


@pytest.fixture
async def channel(fcm: FcmService) -> AsyncIterator[FcmChannel]:
    async with closing(FcmChannel(fcm.key_file, fcm.url)) as opened:
        assert isinstance(opened, FcmChannel)
        yield opened


def push(address: str = "fid:phone-000000001", card: Named | None = None) -> Push:
    return Push(1, TOPIC, address, 0, card)


async def answer(channel: FcmChannel, address: str = "fid:phone-000000001") -> Verdict:
    return next(iter((await send(channel, [push(address)])).values()))


async def test_a_message_is_data_that_names_the_card_and_its_edition(fcm: FcmService, channel: FcmChannel) -> None:
    await send(channel, [push(card=Named("VbUVw", "q1cJ"))])
    record = fcm.records[-1]
    assert record.data == {"pass_type_identifier": TOPIC, "serial_number": "VbUVw", "edition": "q1cJ"}
    assert record.message["android"] == {"priority": "high"}
    assert record.message["apns"]["payload"] == {"aps": {"content-available": 1}}
    assert "notification" not in record.message


async def test_a_message_about_no_one_card_names_none(fcm: FcmService, channel: FcmChannel) -> None:
    await send(channel, [push()])
    assert fcm.records[-1].data == {"pass_type_identifier": TOPIC}


@pytest.mark.parametrize(
    ("kept", "kind", "address"),
    [("fid:fJ0pYyQRS8m", "fid", "fJ0pYyQRS8m"), ("token:fJ0p:APA91b", "token", "fJ0p:APA91b")],
)
async def test_a_token_and_an_installation_are_addressed_each_its_own_way(
    fcm: FcmService, channel: FcmChannel, kept: str, kind: str, address: str
) -> None:
    verdict = await answer(channel, kept)
    assert (fcm.records[-1].kind, fcm.records[-1].address) == (kind, address)
    assert verdict.vendor_id == f"projects/{fcm.project}/messages/{fcm.records[-1].number}"


@pytest.mark.parametrize("kept", ["ab" * 32, "topic:everybody", "fid:", ""])
async def test_what_is_no_address_of_firebase_is_parked_without_being_sent(
    fcm: FcmService, channel: FcmChannel, kept: str
) -> None:
    assert (await answer(channel, kept)) == verdict.NOT_A_TOKEN
    assert not fcm.records


OUTCOMES = {
    "INVALID_ARGUMENT": Outcome.PARK,
    "THIRD_PARTY_AUTH_ERROR": Outcome.OURS,
    "PERMISSION_DENIED": Outcome.OURS,
    "SENDER_ID_MISMATCH": Outcome.PARK,
    "NOT_FOUND": Outcome.OURS,
    "UNREGISTERED": Outcome.GONE,
    "QUOTA_EXCEEDED": Outcome.RETRY,
}


@pytest.mark.parametrize(("error", "outcome"), OUTCOMES.items())
async def test_each_answer_becomes_its_verdict(
    fcm: FcmService, channel: FcmChannel, error: str, outcome: Outcome
) -> None:
    fcm.answers["phone-000000001"] = error
    told = await answer(channel)
    assert (told.outcome, told.reason) == (outcome, error)
    assert told.is_suspect is (outcome is Outcome.PARK)


def test_every_error_of_the_stand_in_is_a_row_of_ours_with_a_link() -> None:
    rows = {row.reason: row for row in verdict.FCM if row.reason}
    assert set(ERRORS) <= set(rows)
    assert all(row.link.startswith("https://firebase.google.com/docs/") for row in verdict.FCM)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Outcome.OURS) for status in (400, 403, 404, 410)),
        *((status, Outcome.RETRY) for status in (429, 500, 502, 599)),
        (200, Outcome.DELIVERED),
    ],
)
def test_an_answer_that_nobody_documents_goes_by_its_class_and_deletes_nothing(status: int, outcome: Outcome) -> None:
    assert verdict.fcm(status, "").outcome is outcome
    assert verdict.fcm(status, "SOMETHING_NEW").outcome is outcome


# Access tokens.


async def test_one_access_token_serves_many_messages(fcm: FcmService, channel: FcmChannel) -> None:
    await send(channel, [Push(number, TOPIC, f"fid:phone-{number:09d}", 0) for number in range(60)])
    assert fcm.grants == 1


async def test_a_token_that_google_has_forgotten_is_replaced(fcm: FcmService, channel: FcmChannel) -> None:
    await answer(channel)
    fcm.accounts.forget_tokens()
    refused = await answer(channel)
    assert (refused.outcome, refused.reason) == (Outcome.OURS, "UNAUTHENTICATED")
    assert (await answer(channel)).outcome is Outcome.DELIVERED
    assert fcm.grants == 2


async def test_a_revoked_key_is_ours_to_mend_and_is_not_asked_for_again_and_again(
    fcm: FcmService, channel: FcmChannel
) -> None:
    fcm.accounts.revoke(fcm.key_file["client_email"], fcm.key_file["private_key_id"])
    verdicts = await send(channel, [Push(number, TOPIC, f"fid:phone-{number:09d}", 0) for number in range(30)])
    assert {(told.outcome, told.reason) for told in verdicts.values()} == {(Outcome.OURS, "KeyRefused")}
    assert fcm.grants == 1
    with pytest.raises(KeyRefused):
        await channel.check()


async def test_a_slow_token_endpoint_holds_up_nothing_else(fcm: FcmService) -> None:
    with _SilentEndpoint() as url:
        slow = FcmChannel({**fcm.key_file, "token_uri": url}, fcm.url, deadline=0.6)
        begun = time.monotonic()
        sending = asyncio.create_task(send(slow, [push()]))
        longest = 0.0
        while not sending.done():
            before = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - before)
        assert [told.reason for told in sending.result().values()] == ["NoAnswer"]
        assert time.monotonic() - begun < 5
        assert longest < 0.4
        await slow.aclose()


class _SilentEndpoint:
    """Takes connections and says nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> str:
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/token"

    def __exit__(self, *_: object) -> None:
        self._socket.close()


async def test_doctors_check_tells_a_good_key_from_a_host_that_is_not_there(fcm: FcmService) -> None:
    async with closing(FcmChannel(fcm.key_file, fcm.url)) as good:
        assert isinstance(good, FcmChannel)
        await good.check()
    nobody = FcmChannel({**fcm.key_file, "token_uri": "http://127.0.0.1:9/token"}, fcm.url)
    with pytest.raises(httpx.HTTPError):
        await nobody.check()
    await nobody.aclose()


@pytest.mark.parametrize("changed", [{"private_key": "no key"}, {"type": "user"}, {"project_id": ""}])
def test_a_key_that_is_none_is_refused_at_once(changed: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        FcmChannel(key_file() | {"token_uri": "http://127.0.0.1:9/token"} | changed)


async def test_an_answer_that_is_a_web_page_is_an_outage_or_a_wrong_url(fcm: FcmService) -> None:
    async with closing(FcmChannel(fcm.key_file, f"{fcm.url}/elsewhere")) as lost:
        assert isinstance(lost, FcmChannel)
        told = await answer(lost)
    assert (told.outcome, told.reason) == (Outcome.OURS, "NOT_FOUND")
