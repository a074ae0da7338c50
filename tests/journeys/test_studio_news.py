"""News in a real browser: written without a button to save, looked at, sent, undone, sent again, stopped while it counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from playwright.async_api import expect

from passkit.apple.signing import Signers
from store import dialect, news, newstimer
from store.keyring import Keyring
from store.people import Role
from tests.handlers.conftest import House, opened
from tests.handlers.studio import browser_of, user
from tests.journeys.chromium import DESKTOP, PHONE, Person
from tests.journeys.test_studio_desk import judged

TEXT = "On Friday black coffee is half the price, and with any cake the second cappuccino is on us."


@pytest_asyncio.fixture
async def house(sqlite_url: str, keyring: Keyring, signers: Signers, coffee: dict[str, bytes]) -> AsyncIterator[House]:
    """A web side with two cards on phones."""
    db = await dialect.open(sqlite_url, keyring)
    db.public_url = "http://127.0.0.1"
    async with opened(db, signers, coffee) as made:
        for device, points in (("a" * 32, 10), ("b" * 32, 900)):
            card = await made.issue(data={"name": "Ivan Kuznetsov", "points": points}, external_id=device)
            await card.register(device, device[:2] * 32)
        yield made
    await db.close()


async def test_a_news_is_written_looked_at_sent_undone_and_stopped(house: House, chromium: Any) -> None:
    paula = await Person.at(house, chromium, viewport=DESKTOP)
    who = await user(house, "paula@example.com", Role.PUBLISHER, password=None)
    await paula.carry(await browser_of(house, who, verified=True))
    page = paula.page
    await page.goto("/studio/news")
    await paula.says("No news yet")
    await page.click("main a.primary")
    await page.click("text=Write")
    await page.wait_for_url("**/studio/news/n_*")
    here = page.url.removeprefix(house.url)
    await page.fill("#text_0_en", TEXT)
    await page.fill("#text_0_ru", "Кофе в пятницу")
    await paula.says(f"About 60 of {len(TEXT)} characters are seen.")
    await expect(page.locator("#saved")).to_have_text("Saved")
    await expect(page.locator("#stage .banner")).to_contain_text("Кофе в пятницу")
    await page.click("[data-language=en]")
    await expect(page.locator("#stage .banner")).to_contain_text("half the price")
    await paula.says("2 cards fit")

    await page.click("[data-add-row]")
    row = page.locator(".news-row")
    await row.locator("[data-field]").select_option("data.points")
    await row.locator("[data-op]").select_option("gte")
    await row.locator("[data-value] input").fill("100")
    await paula.says("1 card fits")
    await page.reload()
    await expect(page.locator(".news-row [data-value] input")).to_have_value("100")
    await expect(page.locator("#text_0_en")).to_have_value(TEXT)
    await paula.fits()
    await judged(paula)
    await paula.note_violations()

    await page.click("#go-review")
    await paula.says("At once. Up to 1 person gets a notification.", "Send: 1 person")
    await expect(page.locator("#stage .face:not([hidden]) .banner")).to_contain_text("Кофе в пятницу")
    await expect(page.locator("#stage")).not_to_contain_text("Kuznetsov")
    await judged(paula)
    await paula.note_violations()
    await page.click("text=Send: 1 person")
    await paula.says("Starts in ")
    await page.click("text=Undo")
    await paula.says("Nothing was sent.")

    await page.goto(f"{here}/review")
    await page.click("#send-button")
    await page.click("text=Start now")
    await paula.says("It goes out now.")
    while await newstimer.turn(house.db):
        pass
    await expect(page.locator("#progress")).to_contain_text("Waiting 1")  # it came by itself
    await expect(page.locator("#progress")).to_contain_text("of 1")
    telephone = await Person.at(house, chromium, viewport=PHONE, locale="ru-RU")
    await telephone.carry(await browser_of(house, who, verified=True))
    await telephone.page.goto(here)
    await telephone.says("Что можно сделать", "Отозвать без звука")
    await telephone.fits()
    await judged(telephone)
    await telephone.note_violations()
    await page.locator("form[action$=':cancel'] button").click()
    await page.click("#confirm-answer")
    await paula.says("Taken off the cards.")
    await telephone.says("Снята")
    view = await news.view(house.db, house.brand_id, here.rpartition("/")[2])
    assert (view.state, view.started_by) == ("cancelled", "Paula")
    assert not paula.complaints + telephone.complaints


async def test_what_is_typed_without_a_connection_is_saved_when_it_is_back(house: House, chromium: Any) -> None:
    dora = await Person.at(house, chromium, viewport=PHONE)
    await dora.carry(await browser_of(house, await user(house, "dora@example.com", Role.DESIGNER, password=None)))
    await dora.page.goto("/studio/news/new")
    await dora.page.click("text=Write")
    await dora.page.wait_for_url("**/studio/news/n_*")
    await dora.context.set_offline(True)
    await dora.page.fill("#text_0_en", "Free coffee")
    await dora.says("Not saved: the connection is gone.")
    await dora.context.set_offline(False)
    await expect(dora.page.locator("#saved")).to_have_text("Saved", timeout=10_000)
    (saved,) = (await news.listing(house.db, house.brand_id)).news
    assert saved.text["en"] == "Free coffee"
    await dora.fits()
