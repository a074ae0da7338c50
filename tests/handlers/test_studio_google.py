"""Google Wallet's page: who the brand is to Google, who sees the button; and the banner before a certificate ends."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from passkit.apple.signing import Identity, Signers
from sandbox.google_accounts import new_key_file
from store import brands, google, people
from store.dialect import Database
from store.people import Role
from tests.handlers.conftest import House, opened
from tests.handlers.studio import COOKIE, Browser, browser_of, text, user

ISSUER = "3388000000012345678"


async def admin_of(house: House) -> Browser:
    return await browser_of(house, await user(house, "a@example.com", Role.ADMIN, password=None), verified=True)


async def brand_of(house: House) -> brands.BrandRow:
    found = await brands.by_id(house.db, house.brand_id)
    assert found is not None
    return found


async def test_a_brand_is_put_on_google_step_by_step(small_house: House):
    admin = await admin_of(small_house)
    page = text(await admin.get("/studio/google"))
    assert "No issuer id yet" in page
    assert "No service account yet" in page
    refused = await admin.post("/studio/google", {"issuer": "", "mode": "live"})
    assert "Google needs the issuer id first" in text(refused)
    assert (
        await admin.post("/studio/google", {"issuer": ISSUER, "mode": "test", "testers": "crm-1\n\n crm-2 "})
    ).status == 303
    brand = await brand_of(small_house)
    assert (brand.google_issuer_id, brand.google_mode, brand.google_testers) == (ISSUER, "test", ["crm-1", "crm-2"])
    (line,) = [
        line for line in await people.lines(small_house.db, brand.id, people.Filter()) if "google" in line.action
    ]
    assert (line.action, line.detail["mode"]) == ("google.changed", "test")
    page = text(await admin.get("/studio/google"))
    assert "In test: only the cards named see the button." in page
    assert "Google's root keys have not been read" in page
    assert "Google does not have these templates yet: coffee" in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"issuer": "issuer", "mode": "off"}, "The issuer id is a number"),
        ({"issuer": ISSUER, "mode": "off", "testers": "x\n" * 201}, "At most 200 cards"),
    ],
)
async def test_what_cannot_be_is_said_and_changes_nothing(small_house: House, form: dict[str, str], words: str):
    admin = await admin_of(small_house)
    before = await brand_of(small_house)
    answer = await admin.post("/studio/google", form)
    assert answer.status == 422
    assert words in text(answer)
    assert (await admin.post("/studio/google", {**form, "issuer": ISSUER, "testers": "", "mode": "loud"})).status == 422
    assert await brand_of(small_house) == before


async def test_a_key_is_taken_kept_to_itself_and_removed(small_house: House):
    admin = await admin_of(small_house)
    account = new_key_file("wallet@example.iam.gserviceaccount.com", "https://oauth2.example/token")
    assert (await admin.post("/studio/google/keys", {"key": json.dumps(account)})).status == 303
    page = await admin.get("/studio/google")
    assert "invite this address as a user" in text(page)
    assert account["private_key"][60:100] not in page.body.decode()
    (key,) = await google.keys(small_house.db, small_house.brand_id)
    await admin.post("/studio/google/keys", {"key": json.dumps(account)})
    assert "is here already" in text(await admin.get("/studio/google"))
    wrong = await admin.post("/studio/google/keys", {"key": '{"type": "authorized_user"}'})
    assert wrong.status == 422
    assert "This is no key of a service account" in text(wrong)
    assert (await admin.post(f"/studio/google/keys/{key.fingerprint[:4]}:remove")).status == 404
    assert (await admin.post(f"/studio/google/keys/{key.fingerprint[:16]}:remove")).status == 303
    assert await google.keys(small_house.db, small_house.brand_id) == []


@pytest.mark.parametrize(
    ("before", "role", "said"),
    [
        (timedelta(days=40), Role.ADMIN, None),
        (timedelta(days=12, hours=1), Role.ADMIN, "The cards' certificate ends in 12 days"),
        (timedelta(days=12, hours=1), Role.VIEWER, "Tell an admin of the brand."),
        (timedelta(days=-1), Role.DESK, "The cards' certificate has ended"),
    ],
)
async def test_everybody_sees_that_the_certificate_ends(
    local_db: Database,
    signers: Signers,
    identity: Identity,
    lean: dict,
    before: timedelta,
    role: Role,
    said: str | None,
):
    at = identity.not_after - before
    async with opened(local_db, signers, lean, clock=lambda: at) as house:
        who = await user(house, "who@example.com", role, password=None)
        async with house.db.joined() as conn:
            token = (await people.studiosessions.begin(house.db, conn, who, at)).token
        page = await Browser(house, cookies={COOKIE: token}).get(
            "/studio/desk" if role is Role.DESK else "/studio/outlets"
        )
        assert page.status == 200
        assert said in text(page) if said else "cards' certificate" not in text(page)
