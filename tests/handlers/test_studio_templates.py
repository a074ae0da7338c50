"""The gallery as a browser meets it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from handlers.studio import starters
from handlers.studio.texts import TEXTS
from store import gallery, news
from store.newsrequests import NewsRequest
from store.people import Role
from tests.handlers.conftest import House
from tests.handlers.studio import Browser, browser_of, text, user

SOON = datetime.now(UTC) + timedelta(days=20)


@pytest_asyncio.fixture
async def designer(small_house: House) -> AsyncIterator[Browser]:
    yield await browser_of(small_house, await user(small_house, "dora@example.com", Role.DESIGNER))


async def test_a_starter_becomes_a_draft_of_ones_own(small_house: House, designer: Browser) -> None:
    gallery_page = (await designer.get("/studio/starters")).body.decode()
    offered = re.findall(r'name="starter" value="([\w-]+)"', gallery_page)
    assert set(offered) == set(starters.every())
    answer = await designer.post("/studio/templates", {"starter": "salon"})
    assert (answer.status, answer.headers["Location"]) == (303, "/studio/templates/beauty-salon")
    page = text(await designer.get("/studio/templates"))
    assert "Beauty salon" in page
    assert "Draft" in page


@pytest.mark.parametrize("key", ["business", "event"])
async def test_a_starter_is_drawn_as_a_card(designer: Browser, key: str) -> None:
    answer = await designer.get(f"/studio/starters/{key}.svg")
    assert answer.headers["Content-Type"].startswith("image/svg+xml")
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    texts = [element.text for element in ET.fromstring(answer.body).iter("{http://www.w3.org/2000/svg}text")]
    assert {"business": "Вера Астахова", "event": "Jazz under the stars"}[key] in texts


async def test_a_template_is_drawn_as_it_is_published_and_a_draft_as_it_is(designer: Browser) -> None:
    for key in ("coffee", (await designer.post("/studio/templates/coffee:copy")).headers["Location"].split("/")[-1]):
        picture = await designer.get(f"/studio/templates/{key}/card.svg?v=1")
        assert "Anna Petrova" in picture.body.decode()
        assert "immutable" in picture.headers["Cache-Control"]


async def test_rename_copy_put_away_and_take_back(small_house: House, designer: Browser) -> None:
    await designer.post("/studio/templates/coffee:rename", {"name": "Guests"})
    assert "Guests" in text(await designer.get("/studio/templates"))
    copied = await designer.post("/studio/templates/coffee:copy")
    assert copied.headers["Location"] == "/studio/templates/guests-a-copy"
    await designer.post("/studio/templates/coffee:archive")
    assert [one.name for one in await gallery.listing(small_house.db, small_house.brand_id)] == ["Guests, a copy"]
    assert "1 put away" in text(await designer.get("/studio/templates"))
    assert "Guests" in text(await designer.get("/studio/templates?archived"))
    await designer.post("/studio/templates/coffee:restore")
    assert len(await gallery.listing(small_house.db, small_house.brand_id)) == 2


async def test_an_empty_gallery_begins_with_the_starters(small_house: House, designer: Browser) -> None:
    await designer.post("/studio/templates/coffee:archive")
    page = (await designer.get("/studio/templates")).body.decode()
    assert 'value="salon"' in page


async def test_a_name_that_is_none_is_refused_in_words(designer: Browser) -> None:
    await designer.post("/studio/templates/coffee:rename", {"name": " "})
    assert "The name stayed as it was" in text(await designer.get("/studio/templates"))


async def test_a_starters_name_is_the_readers_until_somebody_gives_another() -> None:
    for one in starters.every().values():
        for texts in TEXTS.values():
            assert starters.name_of(one.key, one.name, texts) == texts[f"starter_{one.key}"]
            assert starters.name_of(one.key, "Guests", texts) == "Guests"
    assert starters.name_of("mine", "Mine", TEXTS["ru"]) == "Mine"


async def test_the_first_page_tells_of_the_next_news(small_house: House, designer: Browser) -> None:
    db, brand_id = small_house.db, small_house.brand_id
    assert "Nothing is planned." in text(await designer.get("/studio/"))
    asked = NewsRequest(
        template="coffee", text={"en": "Free refills", "ru": "Вторая чашка"}, starts_at=SOON.isoformat()
    )
    view = await news.create(db, brand_id, asked, by="test", now=datetime.now(UTC))
    await news.start(db, brand_id, view.id, by="test", now=datetime.now(UTC))
    shown = text(await designer.get("/studio/"))
    assert "“Free refills”" in shown
    assert f"{SOON.astimezone(ZoneInfo('Europe/Moscow')).day} " in shown  # the brand's
