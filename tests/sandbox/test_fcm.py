"""The stand-in for Firebase Cloud Messaging, driven by Firebase's own library for servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import aiohttp
import firebase_admin
import pytest
from firebase_admin import credentials, exceptions, messaging

from sandbox.fcm import STORED, FcmRecord, FcmService
from tests.pushes.othervendors import key_file


@pytest.fixture
async def fcm() -> AsyncIterator[FcmService]:
    async with FcmService(key_file=key_file()) as running:
        yield running


@pytest.fixture
def app(fcm: FcmService) -> Iterator[firebase_admin.App]:
    opened = firebase_admin.initialize_app(credentials.Certificate(fcm.key_file), name="judge")
    messaging._get_messaging_service(opened)._fcm_url = f"{fcm.url}/v1/projects/{fcm.project}/messages:send"
    yield opened
    messaging._get_messaging_service(opened)._client.close()
    firebase_admin._apps.pop("judge")


async def sent(app: firebase_admin.App, *messages: messaging.Message) -> list[messaging.SendResponse]:
    return list((await asyncio.to_thread(messaging.send_each, list(messages), app=app)).responses)


async def test_the_official_client_gets_its_token_and_sends(fcm: FcmService, app: firebase_admin.App) -> None:
    answers = await sent(app, messaging.Message(data={"edition": "q1cJ"}, fid="phone-1"))
    assert answers[0].success
    assert answers[0].message_id == f"projects/{fcm.project}/messages/{fcm.records[-1].number}"
    assert (fcm.records[-1].kind, fcm.records[-1].address) == ("fid", "phone-1")
    assert fcm.records[-1].data == {"edition": "q1cJ"}


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        ("UNREGISTERED", messaging.UnregisteredError),
        ("SENDER_ID_MISMATCH", messaging.SenderIdMismatchError),
        ("QUOTA_EXCEEDED", messaging.QuotaExceededError),
        ("THIRD_PARTY_AUTH_ERROR", messaging.ThirdPartyAuthError),
        ("INVALID_ARGUMENT", exceptions.InvalidArgumentError),
        ("PERMISSION_DENIED", exceptions.PermissionDeniedError),
        ("NOT_FOUND", exceptions.NotFoundError),
    ],
)
async def test_the_official_client_knows_every_refusal(
    fcm: FcmService, app: firebase_admin.App, error: str, raised: type[Exception]
) -> None:
    fcm.answers["phone-1"] = error
    bad, good = await sent(app, messaging.Message(fid="phone-1"), messaging.Message(fid="phone-2"))
    assert type(bad.exception) is raised
    assert good.success


async def test_a_message_that_the_official_client_would_not_send_is_refused_too(fcm: FcmService) -> None:
    async with aiohttp.ClientSession() as session:
        for message in (
            {},
            {"token": "a", "fid": "b"},
            {"token": "a", "data": {"n": 1}},
            {"token": "a", "data": {"from": "x"}},
            {"token": "a", "data": {"n": "x" * 5000}},
        ):
            async with session.post(
                f"{fcm.url}/v1/projects/{fcm.project}/messages:send",
                json={"message": message},
                headers={"Authorization": f"Bearer {await _token(session, fcm)}"},
            ) as answer:
                assert (answer.status, (await answer.json())["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def _token(session: aiohttp.ClientSession, fcm: FcmService) -> str:
    account = credentials.Certificate(fcm.key_file).get_credential()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "assertion": account._make_authorization_grant_assertion().decode(),
    }
    async with session.post(f"{fcm.url}/token", data=form) as answer:
        token: str = (await answer.json())["access_token"]
        return token


async def test_without_a_token_nobody_sends(fcm: FcmService) -> None:
    async with aiohttp.ClientSession() as session:
        where = f"{fcm.url}/v1/projects/{fcm.project}/messages:send"
        async with session.post(where, json={"message": {"fid": "phone-1"}}) as answer:
            assert answer.status == 401
    assert not fcm.records


async def test_a_phone_that_was_off_gets_what_was_kept_for_it(fcm: FcmService, app: firebase_admin.App) -> None:
    await sent(app, *(messaging.Message(data={"n": str(number)}, fid="phone-9") for number in range(STORED + 5)))
    got: list[FcmRecord] = []
    fcm.subscribe("phone-9", got.append)
    assert len(got) == STORED
    await sent(app, messaging.Message(data={"n": "now"}, fid="phone-9"))
    assert got[-1].data == {"n": "now"}
    fcm.unsubscribe("phone-9")
