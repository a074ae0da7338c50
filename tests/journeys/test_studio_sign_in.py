"""A marketer's first minutes in a real browser: sign in, the second step, a colleague by invitation, and what each may."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest_asyncio
from sqlalchemy import delete

from passkit.apple.signing import Signers
from store import brands, dialect, people, totp
from store.keyring import Keyring
from store.people import COMMAND_LINE, NewOutlet, Role
from store.tables import failed_sign_ins
from tests.handlers.conftest import House, opened
from tests.journeys.chromium import PASSWORD, PHONE, Person


@pytest_asyncio.fixture
async def house(sqlite_url: str, keyring: Keyring, signers: Signers, coffee: dict[str, bytes]) -> AsyncIterator[House]:
    """A web side on this machine, with an admin."""
    db = await dialect.open(sqlite_url, keyring)
    db.public_url = "http://127.0.0.1"
    async with opened(db, signers, coffee) as made:
        now = datetime.now(UTC)
        anna = await people.users.add(db, email="anna@example.com", name="Anna", password=PASSWORD, now=now)
        other = {"key": "salon", "name": "Салон «Берёза»", "pass_type_identifier": "pass.salon", "team_identifier": "T"}
        salon = await brands.add(db, **other, languages=["ru"], now=now)
        for brand_id in (made.brand_id, salon.id):
            await people.users.grant(db, anna.id, brand_id, Role.ADMIN, COMMAND_LINE, now)
        yield made
    await db.close()


async def test_an_admin_signs_in_sets_the_second_step_up_and_invites_a_colleague(house: House, chromium: Any) -> None:
    anna = await Person.at(house, chromium)
    page = anna.page
    await page.goto("/studio/people")
    for _ in range(4):
        await anna.sign_in("anna@example.com", "wrong password")
        await page.wait_for_selector("[role=alert]")
    await anna.says("Too many tries. Wait 5 seconds and try again")
    await forgive(house)
    await anna.sign_in("anna@example.com")
    await page.wait_for_url("**/studio/people")
    await anna.says("You are alone here")

    await page.goto("/studio/totp")
    assert await page.locator("img.qr").evaluate("image => image.naturalWidth > 0")
    await page.click("summary:has-text('Cannot scan')")
    secret = base64.b32decode((await page.locator(".mono.big").inner_text()).replace(" ", ""))
    await page.fill("#code", totp.code(secret, totp.step_of(datetime.now(UTC))))
    await page.click("text=Turn the second step on")
    await anna.says("The second step is on")
    assert await page.locator(".codes li").count() == 10
    recovery = await page.locator(".codes li").first.inner_text()

    await page.goto("/studio/people")
    await page.click("text=Invite a person")
    await page.fill("#name", "Bob")
    await page.fill("#email", "bob@example.com")
    await page.check("input[value=designer]")
    await page.click("text=Make the link")
    link = urlsplit(await page.locator("#link").input_value()).path

    bob = await Person.at(house, chromium, locale="ru-RU", viewport=PHONE)
    await bob.page.goto(link)
    await bob.says("Anna приглашает вас в Coffee club, роль «Дизайнер»")
    await bob.fits()
    await bob.page.fill("#password", PASSWORD)
    await bob.page.click("main button.primary")
    await bob.says("Карты в телефонах")
    await bob.fits()
    assert not await bob.page.locator("nav a[href='/studio/people']").count()
    await bob.page.goto("/studio/people")
    await bob.says("нужна роль «Администратор»")
    await bob.page.click(".topbar [data-toggle]")
    await bob.page.click("button[name=language][value=en]")
    await bob.says("needs the role")
    await bob.fits()

    await page.goto("/studio/people")
    await page.click("[aria-label='Change: Bob']")
    await page.click("text=Remove from the brand >> nth=-1")
    await anna.says("Bob will see nothing of Coffee club any more")
    await page.click("dialog button[value=no]")
    await page.click("main button.danger")
    await page.click("dialog button[value=yes]")
    await anna.says("Bob is no longer in this brand")
    await bob.page.goto("/studio/")
    await bob.says("Your account has no role in any brand now")

    await page.click("button[title='Sign out']")
    await anna.says("You have signed out")
    await anna.sign_in("anna@example.com")
    await anna.says("type the six digits")
    await page.fill("#code", recovery)
    await page.click("main button.primary")
    await anna.says("Cards on phones")
    assert anna.complaints + bob.complaints == []


async def forgive(house: House) -> None:
    """As if the wait were over."""
    async with house.db.transaction() as conn:
        await conn.execute(delete(failed_sign_ins))


async def test_brands_light_and_language_are_switched_and_every_page_fits(house: House, chromium: Any) -> None:
    now = datetime.now(UTC)
    boss = people.Actor("Anna")
    given = NewOutlet(name="Салон на Большой Никитской", address="Москва, Большая Никитская улица, 24/1, строение 5")
    outlet = await people.outlets.add(house.db, house.brand_id, given, boss, now)
    await people.workplaces.hire(
        house.db, house.brand_id, outlet.id, "Александра Константинопольская", "4812", boss, now
    )
    anna = await Person.at(house, chromium, color_scheme="light")
    page = anna.page
    await page.goto("/studio/")
    await anna.sign_in("anna@example.com")
    await anna.says("Cards on phones")
    assert await page.evaluate("typeof htmx") == "object"
    paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.click("button[name=theme][value=dark]")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != paper
    await page.wait_for_load_state("networkidle")
    await page.reload()
    assert await page.locator("html").get_attribute("data-theme") == "dark"
    await page.click(".brand-menu summary")
    await page.click("text=Салон «Берёза»")
    await anna.says("Салон «Берёза»")
    assert await page.locator(".brand-menu summary .brand-name").inner_text() == "Салон «Берёза»"
    await page.click(".brand-menu summary")
    await page.click(".brand-menu .menu-item:has-text('Coffee club')")
    for language in ("ru", "en"):
        await page.set_viewport_size({"width": 1280, "height": 900})
        await page.click(f"button[name=language][value={language}]")
        await page.wait_for_selector(f"html[lang={language}]")
        for path in ("", "people", "people/invite", "outlets", f"outlets/{outlet.id}", "audit", "account", "patterns"):
            await page.goto(f"/studio/{path}")
            for width in (1280, 390):
                await page.set_viewport_size({"width": width, "height": 844})
                await anna.fits()
    assert anna.complaints == []


async def test_a_tablet_is_paired_and_an_employee_comes_by_pin(house: House, chromium: Any) -> None:
    now = datetime.now(UTC)
    boss = people.Actor("Anna")
    outlet = await people.outlets.add(house.db, house.brand_id, NewOutlet(name="Tverskaya"), boss, now)
    await people.workplaces.hire(house.db, house.brand_id, outlet.id, "Olga", "4812", boss, now)
    anna = await Person.at(house, chromium)
    await anna.page.goto(f"/studio/outlets/{outlet.id}")
    await anna.sign_in("anna@example.com")
    await anna.page.fill("#workplace", "Tablet")
    await anna.page.click("text=Add a workplace")
    code = re.search(r"\w{4}-\w{4}", await anna.page.locator(".figure").inner_text())
    assert code is not None
    tablet = await Person.at(house, chromium, viewport={"width": 820, "height": 1180})
    await tablet.page.goto("/studio/place")
    await tablet.page.fill("#code", code[0].lower())
    await tablet.page.click("main button.primary")
    await tablet.says("Who is here?", "Olga")
    await tablet.page.fill("#pin", "4812")
    await tablet.page.click("main button.primary")
    await tablet.page.wait_for_url("**/studio/desk")
    await tablet.page.goto("/studio/people")
    await tablet.says("needs the role")
    assert anna.complaints + tablet.complaints == []
