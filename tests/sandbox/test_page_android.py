"""Android phones on the phones page: Google's face of the card, in both languages, with their buttons and notifications."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox import page_render
from sandbox.apns import PushService
from sandbox.backend import Starter
from sandbox.google import GoogleService
from sandbox.google_state import kinds
from sandbox.page import Sandbox
from sandbox.page_texts import LANGUAGES, TEXTS
from sandbox.pkpass import BadPass, load_roots
from sandbox.world import ANDROID, Resident
from tests.sandbox.certificates import Authorities
from tests.sandbox.google_client import CLASS_ID, OBJECT_ID
from tests.sandbox.google_shop import PNG, Shop, both, open_shop


@pytest.fixture
async def shop(google: GoogleService) -> AsyncIterator[Shop]:
    async with open_shop(google) as made:
        yield made


@pytest.fixture
async def sandbox(shop: Shop, google: GoogleService, push_service: PushService, authorities: Authorities) -> Sandbox:
    roots = load_roots(authorities.root.pem)
    return Sandbox(
        shop.url,
        push_service,
        roots=roots,
        google=google,
        api_key="key",
        hook_source="shop",
        hook_secret="whsec_c2VjcmV0",
    )


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[TestClient]:
    app = web.Application()
    sandbox.mount(app)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
async def resident(page: TestClient, sandbox: Sandbox, shop: Shop) -> Resident:
    return await sandbox.world.add_phone(f"{shop.url}/i/abc", "en", kind=ANDROID)


async def text_of(page: TestClient, path: str = "/sandbox/?lang=en") -> str:
    answer = await page.get(path)
    assert answer.status == 200
    return await answer.text()


def change(google: GoogleService, **changes: Any) -> None:
    google.wallet.patch(kinds()["loyaltyObject"], OBJECT_ID, changes, google.now())


async def test_googles_face_is_drawn_with_its_rows_pictures_and_code(page: TestClient, resident: Resident):
    html = await text_of(page)
    assert "is-android" in html
    for said in ("Coffee club", "Points", ">120<", "Tier", "Gold"):
        assert said in html
    assert 'data-background="#3a2a1e"' in html
    assert "g-code square" in html
    picture = await page.get("/sandbox/phones/1/images/logo")
    assert (picture.content_type, await picture.read()) == ("image/png", PNG)
    assert (await page.get("/sandbox/phones/1/images/hero")).status == 404


def test_the_form_offers_the_phones_that_there_can_be():
    offered = page_render.page("ru", [], [], [Starter("coffee", "Coffee")], [], ("iphone", "android"))
    assert '<option value="android">Android</option>' in offered
    assert "android" not in page_render.page("ru", [], [], [Starter("coffee", "Coffee")], [])


async def test_the_phones_language_is_its_own(page: TestClient, resident: Resident):
    await page.post("/sandbox/phones/1/language", json={})
    html = await text_of(page, "/sandbox/phones/1?lang=en")
    assert "Уровень" in html
    assert "Кофе" in html


async def test_a_change_and_a_message_are_seen(
    page: TestClient, sandbox: Sandbox, google: GoogleService, resident: Resident
):
    loyalty = {"loyaltyPoints": {"balance": {"int": 150}}}
    change(google, **loyalty, notifyPreference="NOTIFY_ON_UPDATE")
    message = {"id": "n1", "localizedHeader": both("Happy hour", "Счастливый час"), "body": "From five"}
    google.wallet.add_message(kinds()["loyaltyClass"], CLASS_ID, message, google.now())
    await resident.phone.settled()
    html = await text_of(page, "/sandbox/phones/1?lang=en")
    for said in (">150<", "Your pass was updated", "View message", "Happy hour", "From five"):
        assert said in html
    assert {"installed", "shown", "silent"} <= {row.kind for row in sandbox.world.rows}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_pass_that_counts_no_more_says_so(
    page: TestClient, google: GoogleService, resident: Resident, language: str
):
    resident.phone.set_language(language)
    for state in ("EXPIRED", "INACTIVE", "COMPLETED"):
        change(google, state=state)
        await resident.phone.settled()
        assert TEXTS[language][f"state_{state}"] in await text_of(page, "/sandbox/phones/1?lang=en")


async def test_the_buttons_delete_and_save_again(
    page: TestClient, sandbox: Sandbox, google: GoogleService, resident: Resident
):
    assert (await page.post("/sandbox/phones/1/remove-card", json={})).status == 200
    assert google.wallet.find(OBJECT_ID).holders == set()
    assert "No card" in await text_of(page)
    assert (await page.post("/sandbox/phones/1/install-again", json={})).status == 200
    assert len(google.wallet.find(OBJECT_ID).holders) == 1
    await google.callbacks.settled()
    assert [row.detail for row in sandbox.world.rows if row.kind == "called_back"] == [
        "save · 200",
        "del · 200",
        "save · 200",
    ]
    assert (await page.post("/sandbox/phones/1/put-away", json={})).status == 200
    assert not sandbox.world.residents


async def test_what_is_brought_to_google_is_told(
    page: TestClient, sandbox: Sandbox, google: GoogleService, resident: Resident
):
    async with page.session.patch(f"{google.url}/walletobjects/v1/loyaltyObject/{OBJECT_ID}", json={}) as answer:
        assert answer.status == 401
    assert (sandbox.world.rows[-1].kind, sandbox.world.rows[-1].phone) == ("google_refused", "1")
    assert sandbox.world.rows[-1].detail == "loyaltyobject.patch · 401 authError"
    assert "Google refused it" in await text_of(page)


async def test_googles_control_api_is_mounted(page: TestClient, google: GoogleService):
    totals = await (await page.get("/sandbox/google/")).json()
    assert totals["url"] == google.url


async def test_a_link_without_googles_button_leaves_no_phone(sandbox: Sandbox, page: TestClient, shop: Shop):
    shop.has_button = False
    with pytest.raises(BadPass, match="no button"):
        await sandbox.world.add_phone(f"{shop.url}/i/abc", "en", kind=ANDROID)
    assert not sandbox.world.residents
