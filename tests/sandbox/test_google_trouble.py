"""Google's stand-in makes the trouble it is told to make, gives tokens to the right ones only, and obeys its control API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from google.auth import crypt, jwt

from sandbox.google import GoogleService
from sandbox.google_accounts import GRANT, SCOPE
from sandbox.google_control import control
from sandbox.google_faults import Fault, Trouble
from tests.sandbox.google_client import CLASS_ID, EMAIL, ISSUER, key_file, loyalty_class

INSERT = "/walletobjects/v1/loyaltyClass"


@pytest.fixture
async def key(google: GoogleService) -> dict[str, str]:
    file = key_file(google)
    google.enlist(file, ISSUER)
    return file


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as made:
        yield made


def assertion(google: GoogleService, key: dict[str, str], **claims: Any) -> str:
    now = int(time.time())
    usual = {"iss": EMAIL, "scope": SCOPE, "aud": google.token_url, "iat": now, "exp": now + 3600}
    signer = crypt.RSASigner.from_service_account_info(key)
    return jwt.encode(signer, usual | claims).decode()


async def grant(
    google: GoogleService, session: aiohttp.ClientSession, token: str, kind: str = GRANT
) -> tuple[int, dict]:
    async with session.post(google.token_url, data={"grant_type": kind, "assertion": token}) as answer:
        return answer.status, await answer.json()


@pytest.fixture
async def bearer(google: GoogleService, session: aiohttp.ClientSession, key: dict[str, str]) -> dict[str, str]:
    status, body = await grant(google, session, assertion(google, key))
    assert (status, body["token_type"]) == (200, "Bearer")
    assert 0 < body["expires_in"] <= 3600
    return {"Authorization": f"Bearer {body['access_token']}"}


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"iss": "nobody@example.com"}, "invalid_grant"),
        ({"aud": "https://example.com/token"}, "invalid_grant"),
        ({"exp": 0}, "invalid_grant"),
        ({"iat": 0}, "invalid_grant"),
        ({"iat": "now"}, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, "invalid_scope"),
    ],
)
async def test_a_wrong_assertion_gets_no_token(
    google: GoogleService, session: aiohttp.ClientSession, key: dict[str, str], claims: dict, error: str
):
    status, body = await grant(google, session, assertion(google, key, **claims))
    assert (status, body["error"]) == (400, error)
    assert body["error_description"]


async def test_a_foreign_key_a_revoked_key_and_another_grant_get_no_token(
    google: GoogleService, session: aiohttp.ClientSession, key: dict[str, str]
):
    foreign = key_file(google)
    assert (await grant(google, session, assertion(google, foreign)))[0] == 400
    assert (await grant(google, session, assertion(google, foreign | {"private_key_id": key["private_key_id"]})))[
        0
    ] == 400
    assert (await grant(google, session, assertion(google, key), "refresh_token"))[1][
        "error"
    ] == "unsupported_grant_type"
    assert (await grant(google, session, "a.b"))[0] == 400
    google.accounts.revoke(EMAIL, key["private_key_id"])
    assert (await grant(google, session, assertion(google, key)))[0] == 400


async def test_two_keys_of_one_account_overlap(
    google: GoogleService, session: aiohttp.ClientSession, key: dict[str, str]
):
    second = key_file(google)
    google.enlist(second, ISSUER)
    assert [(await grant(google, session, assertion(google, one)))[0] for one in (key, second)] == [200, 200]


async def test_without_a_good_token_nothing_is_done(
    google: GoogleService, session: aiohttp.ClientSession, bearer: dict
):
    url = f"{google.url}{INSERT}/{CLASS_ID}"
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": bearer["Authorization"][7:]}):
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 401
            assert (await answer.json())["error"]["errors"][0]["reason"] == "authError"
    google.accounts.forget_tokens()
    async with session.get(url, headers=bearer) as answer:
        assert answer.status == 401


async def test_what_is_no_json_object_is_400(google: GoogleService, session: aiohttp.ClientSession, bearer: dict):
    for raw in (b"", b"{", b"[]", b'"text"'):
        async with session.post(f"{google.url}{INSERT}", data=raw, headers=bearer) as answer:
            assert answer.status == 400
            assert "Invalid JSON payload" in (await answer.json())["error"]["message"]


async def insert(google: GoogleService, session: aiohttp.ClientSession, bearer: dict, **timeout: float) -> int:
    how: dict[str, Any] = {"timeout": aiohttp.ClientTimeout(**timeout)} if timeout else {}
    async with session.post(f"{google.url}{INSERT}", json=loyalty_class(), headers=bearer, **how) as answer:
        return answer.status


async def test_faults_meet_the_requests_they_name_and_end(
    google: GoogleService, session: aiohttp.ClientSession, bearer: dict
):
    google.faults.add(Fault(method="loyaltyobject"))
    google.faults.add(Fault(Trouble.ANSWER, method="loyaltyclass.insert", resource=CLASS_ID, status=429, times=1))
    google.faults.add(Fault(Trouble.CUT, method="loyaltyclass.insert", times=1))
    google.faults.add(Fault(Trouble.SILENCE, method="loyaltyclass.insert", times=1))
    assert await insert(google, session, bearer) == 429
    with pytest.raises(aiohttp.ClientConnectionError):
        await insert(google, session, bearer)
    with pytest.raises(TimeoutError):
        await insert(google, session, bearer, total=0.2)
    assert google.wallet.find(CLASS_ID, is_class=True) is None
    assert await insert(google, session, bearer) == 200


async def test_an_answer_can_be_lost_after_the_work_is_done(
    google: GoogleService, session: aiohttp.ClientSession, bearer: dict
):
    google.faults.add(Fault(Trouble.CUT, done=True, times=1))
    with pytest.raises(aiohttp.ClientConnectionError):
        await insert(google, session, bearer)
    assert await insert(google, session, bearer) == 409
    assert [asked.status for asked in google.requests] == [0, 409]


async def test_a_retry_after_is_sent_and_the_token_may_be_refused_too(
    google: GoogleService, session: aiohttp.ClientSession, bearer: dict, key: dict[str, str]
):
    google.faults.add(Fault(method="loyaltyclass", status=503, retry_after=7, times=1))
    async with session.post(f"{google.url}{INSERT}", json=loyalty_class(), headers=bearer) as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
    google.faults.add(Fault(method="token", status=500, times=1))
    assert (await grant(google, session, assertion(google, key)))[0] == 500
    assert (await grant(google, session, assertion(google, key)))[0] == 200


@pytest.fixture
async def pictures() -> AsyncIterator[Callable[[str], str]]:
    async def picture(_: web.Request) -> web.Response:
        return web.Response(body=b"PNG", content_type="image/png")

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/logo.png")

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<p>", content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/logo.png", picture), web.get("/moved.png", moved), web.get("/page.png", page)])
    async with TestServer(app) as server:
        yield lambda path: str(server.make_url(path))


async def test_pictures_that_google_cannot_fetch_are_refused(
    google: GoogleService, session: aiohttp.ClientSession, bearer: dict, pictures: Callable[[str], str]
):
    google.check_images = True
    statuses = {}
    for path in ("/gone.png", "/moved.png", "/page.png", "/logo.png"):
        body = loyalty_class(programLogo={"sourceUri": {"uri": pictures(path)}})
        async with session.post(f"{google.url}{INSERT}", json=body, headers=bearer) as answer:
            statuses[path] = answer.status
    assert statuses == {"/gone.png": 400, "/moved.png": 400, "/page.png": 400, "/logo.png": 200}


async def test_the_control_api_shows_and_switches(google: GoogleService, session: aiohttp.ClientSession, bearer: dict):
    await insert(google, session, bearer)
    async with TestClient(TestServer(control(google))) as desk:
        requests = (await (await desk.get("/requests?method=loyaltyclass")).json())["requests"]
        assert [(one["method"], one["resource"], one["status"]) for one in requests] == [
            ("loyaltyclass.insert", CLASS_ID, 200)
        ]
        assert requests[0]["body"] == loyalty_class()
        kept = await (await desk.get(f"/classes/{CLASS_ID}")).json()
        assert kept["body"]["reviewStatus"] == "APPROVED"
        assert (await desk.get("/resources/1.none")).status == 404
        fault = await desk.post("/faults", json={"trouble": "answer", "status": 500, "times": 1})
        assert fault.status == 201
        assert await insert(google, session, bearer) == 500
        assert (await desk.post("/faults", json={"status": 204})).status == 400
        assert (await desk.post("/faults", json={"colour": "red"})).status == 400
        assert (await desk.delete(f"/faults/{(await fault.json())['number']}")).status == 204
        assert (await desk.put("/switches", json={"legacy_echo": True, "rate": 20})).status == 204
        assert (await desk.put("/switches", json={"legacy_echo": "yes"})).status == 400
        assert (await desk.put("/switches", json={"nonsense": 1})).status == 400
        assert (await (await desk.post("/clock", json={"advance": 60})).json()) == {"shift": 60}
        totals = await (await desk.get("/")).json()
        assert totals["switches"] == {
            "rate": 20,
            "too_fast_status": 429,
            "legacy_echo": True,
            "check_images": False,
            "callbacks_silent": False,
            "callback_repeats": 1,
        }
        assert (await desk.post("/forget")).status == 204
        assert (await (await desk.get("/requests")).json())["requests"] == []
    assert await insert(google, session, bearer) == 401
