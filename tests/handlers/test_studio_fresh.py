"""Who changes access proves again who they are: ten minutes after the password or the second step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from store import people
from store.people import Role
from store.tables import studio_sessions, users
from tests.handlers.conftest import House
from tests.handlers.studio import PASSWORD, Browser, browser_of, text, user

OLD = timedelta(minutes=11)


async def anna_of(house: House, *, verified: bool = False) -> Browser:
    return await browser_of(house, await user(house, "anna@example.com", Role.ADMIN), verified=verified)


async def age(house: House) -> None:
    """Every session began, and was verified, eleven minutes ago."""
    at = datetime.now(UTC) - OLD
    async with house.db.transaction() as conn:
        await conn.execute(update(studio_sessions).values(created_at=at))
        verified = update(studio_sessions).where(studio_sessions.c.verified_at.is_not(None))
        await conn.execute(verified.values(verified_at=at))


@pytest.mark.parametrize("action", ["role", "reset", "remove"])
async def test_a_stale_session_changes_nobody_until_the_password_is_typed(small_house: House, action: str):
    anna = await anna_of(small_house)
    boris = await user(small_house, "boris@example.com", Role.VIEWER, password=None)
    await age(small_house)
    led = await anna.post(f"/studio/people/{boris.id}:{action}", {"role": "admin"})
    assert (led.status, led.headers["Location"]) == (303, f"/studio/prove?next=/studio/people/{boris.id}")
    member = await people.users.member(small_house.db, small_house.brand_id, boris.id)
    assert member.role is Role.VIEWER
    assert "Type your password once more" in text(await anna.get(led.headers["Location"]))
    before = dict(anna.cookies)
    wrong = await anna.post("/studio/prove", {"password": "wrong wrong wrong", "next": "/studio/people"})
    assert "This password is not right" in text(wrong)
    assert anna.cookies == before
    right = await anna.post("/studio/prove", {"password": PASSWORD, "next": "//evil.example"})
    assert right.headers["Location"] == "/studio/"
    assert anna.cookies != before, "the old token is good for nothing"
    assert (await Browser(small_house, cookies=before).get("/studio/people")).status == 303
    done = await anna.post(f"/studio/people/{boris.id}:{action}", {"role": "designer"})
    assert done.status == (200 if action == "reset" else 303)
    assert "/prove" not in done.headers.get("Location", "")


async def test_the_password_cannot_be_guessed_there(small_house: House):
    anna = await anna_of(small_house)
    statuses = [(await anna.post("/studio/prove", {"password": f"guess {n} guess"})).status for n in range(12)]
    assert statuses[-1] == 429


async def test_whoever_has_a_second_step_is_asked_for_a_code(small_house: House):
    anna = await anna_of(small_house, verified=True)
    async with small_house.db.transaction() as conn:
        await conn.execute(update(users).values(totp_encrypted=b"x"))
    boris = await user(small_house, "boris@example.com", Role.VIEWER, password=None)
    assert (await anna.post(f"/studio/people/{boris.id}:role", {"role": "designer"})).headers[
        "Location"
    ] == "/studio/people"
    await age(small_house)
    led = await anna.post(f"/studio/people/{boris.id}:role", {"role": "admin"})
    page = await anna.get(led.headers["Location"])
    assert "Code from the app" in text(page)
    assert f'value="/studio/people/{boris.id}"' in page.body.decode()


async def test_a_stale_session_sets_no_second_step_up(small_house: House):
    anna = await anna_of(small_house)
    await age(small_house)
    led = await anna.get("/studio/totp?next=/studio/links")
    assert led.headers["Location"] == "/studio/prove?next=/studio/totp%3Fnext%3D/studio/links"
    assert (await anna.get("/studio/totp/qr.svg")).status == 404
    assert (await anna.post("/studio/totp", {"code": "000000"})).headers["Location"].startswith("/studio/prove")
    answer = await anna.post("/studio/prove", {"password": PASSWORD, "next": "/studio/totp?next=/studio/links"})
    page = await anna.get(answer.headers["Location"])
    assert "Scan this code with it" in text(page)
    assert (await anna.get("/studio/totp/qr.svg")).status == 200
