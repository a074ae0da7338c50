"""A poster's link in a real browser on a phone: the form, both consents, the card on a robot phone, consents taken back."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest_asyncio
from PIL import Image

from store import cards, consents, dialect, joinlinks, templates
from store.dialect import Database
from store.joinlinks import NewLink
from store.keyring import Keyring
from store.people import COMMAND_LINE
from tests.handlers.test_join import YAML
from tests.journeys.chromium import PHONE, Person
from tests.journeys.house import SECRET, World
from tests.journeys.test_studio_desk import judged

RU = (
    '"What is your name?": Как вас зовут?\n"Your phone": Ваш телефон\n"Level": Уровень\n"News please.": Хочу новости.\n'
    '"I agree.": Я согласна.\n"Name": Имя\n"Points": Баллы\n"Phone": Телефон\n'
)


@pytest_asyncio.fixture
async def shop(running: World) -> AsyncIterator[Database]:
    """The running world's database, with a poster's link to a template that asks."""
    db = await dialect.open(running.database_url, Keyring.parse(SECRET))
    icon, now = io.BytesIO(), datetime.now(UTC)
    Image.new("RGB", (87, 87), "#1f4d3a").save(icon, "PNG")
    files = {"template.yaml": YAML.encode(), "strings/ru.yaml": RU.encode(), "icon.png": icon.getvalue()}
    await templates.import_files(db, running.brand_id, files, now)
    await templates.publish(db, running.brand_id, "club", now=now)
    given = NewLink(template="club", name="Poster", slug="poster", utm={"source": "poster"})
    await joinlinks.add(db, running.brand_id, given, COMMAND_LINE, now)
    yield db
    await db.close()


async def test_a_passer_by_joins_from_a_poster_and_takes_news_back(
    running: World, shop: Database, chromium: Any
) -> None:
    anna = await Person.at(running, chromium, locale="ru-RU", viewport=PHONE)  # type: ignore[arg-type]
    page = anna.page
    await page.goto("/j/poster")
    await anna.says("Получите карту", "Хочу новости.")
    assert (await page.get_attribute("#data-phone", "placeholder") or "").startswith("+7")
    assert await page.get_attribute("#data-phone", "type") == "tel"
    await looked_at(anna)
    await page.fill("#data-phone", "8 (916) 123-45")
    await page.check("#consent-processing")
    await page.click("button.button")
    await anna.says("Это не полный номер телефона")
    await page.fill("#data-phone", "8 (916) 123-45-67")
    await page.fill("#data-name", "Анна")
    await page.check("#consent-marketing")
    await page.click("button.button")
    await page.wait_for_url("**/i/*")
    await looked_at(anna)

    phone = running.phone(language="ru")
    held = await phone.install(page.url)
    (card,) = await cards.by_phone(shop, running.brand_id, "+79161234567")
    assert held.serial_number == card.serial_number

    await page.click("text=Мои согласия")
    await anna.says("Персональные данные", "Вы согласны", "версия 1")
    await looked_at(anna)
    await page.click("text=Отозвать согласие")
    await anna.says("Вы не согласны")
    known = await consents.of_card(shop, card.card_id)
    assert {kind: one.given for kind, one in known.items()} == {"processing": True, "marketing": False}
    await looked_at(anna)
    assert anna.complaints == []


async def looked_at(person: Person) -> None:
    """The page fits its window, and axe-core has nothing serious against it; what its own policy stops is a complaint."""
    await person.fits()
    await person.note_violations()
    await judged(person)
