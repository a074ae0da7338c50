"""The issue desk and the cards in a real browser: two keystrokes to a code, a phone that takes it, and what is said of it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from passkit.apple.signing import Signers
from store import cards, dialect, people
from store.keyring import Keyring
from store.people import COMMAND_LINE, NewOutlet, Role
from tests.handlers.conftest import Card, House, opened
from tests.journeys.chromium import PASSWORD, PHONE, Person
from tests.judges import need

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1"
DEVICE = "ab" * 16


@pytest_asyncio.fixture
async def house(sqlite_url: str, keyring: Keyring, signers: Signers, coffee: dict[str, bytes]) -> AsyncIterator[House]:
    """A web side whose card has a phone, with an admin."""
    db = await dialect.open(sqlite_url, keyring)
    db.public_url = "http://127.0.0.1"
    phone = b'  phone:   {type: phone, label: Phone, default: "", personal: true}\nfields:\n'
    text = (
        coffee["template.yaml"]
        .replace(b"fields:\n", phone, 1)
        .replace(b"{type: integer,", b"{type: integer, owner: backend,", 1)
    )
    async with opened(db, signers, {**coffee, "template.yaml": text}) as made:
        anna = await people.users.add(
            db, email="anna@example.com", name="Anna", password=PASSWORD, now=datetime.now(UTC)
        )
        await people.users.grant(db, anna.id, made.brand_id, Role.ADMIN, COMMAND_LINE, datetime.now(UTC))
        yield made
    await db.close()


async def test_a_card_is_given_out_at_a_tablet_and_the_client_s_phone_takes_it(house: House, chromium: Any) -> None:
    olya = await Person.at(house, chromium, locale="ru-RU", viewport={"width": 1024, "height": 768})
    await at_work(house, olya)
    page = olya.page
    await page.click("text=Подключить экран")
    address = await page.locator("#display-address").input_value()
    client = await Person.at(house, chromium, locale="en-US", viewport=PHONE)
    await client.page.goto(re.sub(r"^https?://[^/]+", "", address))
    await client.says("Ваша карта — в вашем телефоне")

    await page.goto("/studio/desk")
    await page.keyboard.type("8 916 123 45 67")  # the field has the focus
    await page.keyboard.press("Enter")
    await olya.says("Новый клиент", "+7 916 123-45-67")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/codes/**")
    await olya.says("Наведите камеру телефона")
    assert await page.locator("img.code-qr").evaluate("image => image.complete && image.naturalWidth > 100")
    await expect(page.locator("[aria-current=step]")).to_have_text("Ждём")
    await expect(client.page.locator("img.code-qr")).to_be_visible()
    await judged(olya)
    await page.click("summary")
    assert len(await page.locator("#sms-text").input_value()) <= 70

    card = await given_out(house)
    await house.ask("GET", card.install_path, headers={"User-Agent": IPHONE})
    await expect(page.locator("[aria-current=step]")).to_have_text("Открыл")
    await house.ask("GET", f"{card.install_path}/card.pkpass")
    await expect(page.locator("[aria-current=step]")).to_have_text("Скачал")
    assert (await card.register(DEVICE)).status == 201
    await olya.says("Карта на телефоне В Apple Wallet")
    await client.says("Карта на телефоне")
    await expect(client.page.locator("img.code-qr")).to_have_count(0)

    await page.click("text=Следующий клиент")
    await page.fill("#phone", "+7 (916) 123-45-67")
    await page.keyboard.press("Enter")
    await olya.says("У клиента есть карта", "на 1 телефоне")
    await page.click("text=Новый телефон")
    await olya.says("Та же карта для другого телефона, не считается")
    await expect(page.locator("[aria-current=step]")).to_have_text("Ждём")
    await page.goto("/studio/desk/mine")
    await olya.says("ещё нет", "Карта на телефоне и должна там остаться до")
    await olya.fits()
    for person in (olya, client):
        await person.note_violations()
        assert person.complaints == []


async def test_an_admin_finds_a_card_corrects_it_and_voids_it(house: House, chromium: Any) -> None:
    data = {"name": "Мария Ёлкина", "phone": "+79161234567", "points": 100}
    card = await house.issue(external_id="crm-1", data=data)
    await card.register(DEVICE)
    anna = await Person.at(house, chromium)
    page = anna.page
    await page.goto("/studio/cards")
    await anna.sign_in("anna@example.com")
    await second_step(house)
    for text in ("елкина мария", "8 916 123-45-67", "crm-1"):
        await page.goto("/studio/cards")
        await page.fill("#text", text)
        await page.keyboard.press("Enter")
        await anna.says("Мария Ёлкина", "Apple Wallet")
    await page.click("table a")
    await anna.says("Tell the client", "Your card is up to date.")
    background = "getComputedStyle(document.querySelector('.wallet-card .c-face')).backgroundColor"
    assert await page.evaluate(background) == "rgb(58, 42, 30)"
    await page.click("[data-side=back]")
    await expect(page.locator(".wallet-card").first).to_have_class(re.compile("is-turned"))

    await page.click("[data-toggle='#edit-points']")
    await page.fill("#value-points", "many")
    await page.fill("#reason-points", "The till was off")
    await page.click("#edit-points button.primary")
    await anna.says("Write a whole number")
    await page.fill("#value-points", "150")
    await page.click("#edit-points button.primary")
    await anna.says("The phones fetch the card now", "points: 100 → 150")
    await judged(anna)
    await page.click("text=Void the card")
    await page.click("#confirm-answer")
    await anna.says("Voided. The phones fetch the card now.", "Make it valid again")
    assert (await cards.view(house.db, house.brand_id, card.serial)).state == "voided"
    await page.goto("/studio/corrections")
    await anna.says("The till was off")
    await anna.fits()
    await anna.note_violations()
    assert anna.complaints == []


async def at_work(house: House, person: Person) -> None:
    """Somebody at a paired tablet."""
    now = datetime.now(UTC)
    outlet = await people.outlets.add(house.db, house.brand_id, NewOutlet(name="Арбат"), COMMAND_LINE, now)
    await people.workplaces.hire(house.db, house.brand_id, outlet.id, "Оля", "4812", COMMAND_LINE, now)
    _, code = await people.workplaces.add_workplace(house.db, house.brand_id, outlet.id, "Касса", COMMAND_LINE, now)
    await person.page.goto("/studio/place")
    await person.page.fill("#code", code)
    await person.page.keyboard.press("Enter")
    await person.page.fill("#pin", "4812")
    await person.page.keyboard.press("Enter")
    await person.page.wait_for_url("**/studio/desk")


async def given_out(house: House) -> Card:
    """The card that the desk has made, as its phone knows it."""
    (found,) = await cards.by_phone(house.db, house.brand_id, "+79161234567")
    answer = (await house.api("GET", f"/cards/{found.serial_number}")).json
    token = house.db.keyring.authentication_token("pass.com.example.passbell", found.serial_number, 0)
    return Card(house, found.serial_number, token, answer)


async def second_step(house: House) -> None:
    """Everybody has taken it."""
    from sqlalchemy import update

    from store.tables import studio_sessions

    async with house.db.transaction() as conn:
        await conn.execute(update(studio_sessions).values(verified_at=datetime.now(UTC)))


async def judged(person: Person) -> None:
    """axe-core has nothing serious against the page on the screen."""
    await person.page.evaluate((Path(need("axe-core")) / "axe.min.js").read_text(encoding="utf-8"))
    found = await person.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [one["id"] for one in found["violations"] if one["impact"] in ("serious", "critical")]
    assert serious == [], found["violations"]
