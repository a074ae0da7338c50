"""Automatic messages in the studio as browsers meet them: chosen, written beside the card, counted, switched on and off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from store import news, triggerdays, triggers
from store.people import Role
from store.triggerrows import TriggerView
from tests.handlers.conftest import House
from tests.handlers.studio import browser_of, text, user
from tests.handlers.test_studio_news import Room

NO_VISIT = {
    "text_en": "We miss you",
    "text_ru": "Давно вас не было",
    "variable": "visit",
    "days": "30",
    "at": "00:00",
    "kind": "service",
    "cap_days": "0",
    "holdout": "0",
    "lasts": "7",
}


@pytest_asyncio.fixture
async def room(small_house: House) -> AsyncIterator[Room]:
    dora = await user(small_house, "dora@example.com", Role.DESIGNER, password=None)
    paula = await user(small_house, "paula@example.com", Role.PUBLISHER, password=None)
    yield Room(small_house, await browser_of(small_house, dora), await browser_of(small_house, paula, verified=True))


async def begun(room: Room, event: str = "no_visit") -> str:
    answer = await room.dora.post("/studio/news/triggers", {"template": "coffee", "event": event})
    assert answer.status == 303
    return answer.headers["Location"]


async def view(room: Room, here: str) -> TriggerView:
    return await triggers.view(room.house.db, room.house.brand_id, here.rpartition("/")[2])


async def test_it_is_chosen_written_and_switched_on_by_a_publisher(room: Room) -> None:
    assert "No automatic messages yet" in text(await room.dora.get("/studio/news/triggers"))
    assert "Birthday" in text(await room.dora.get("/studio/news/triggers/new"))
    here = await begun(room)
    early = await room.paula.post(f"{here}:on")
    assert early.headers["Location"] == here
    assert (await view(room, here)).state == "off"
    assert (await room.dora.post(here, NO_VISIT)).status == 303
    assert (await room.dora.post(f"{here}:on")).status == 403
    assert (await room.paula.post(f"{here}:on")).status == 303
    on = await view(room, here)
    assert (on.state, on.days, on.lasts_hours, on.text) == (
        "on", 30, 168, {"en": "We miss you", "ru": "Давно вас не было"}
    )  # fmt: skip
    assert (await room.dora.post(here, NO_VISIT)).status == 409
    assert (await room.dora.post(f"{here}:change", NO_VISIT)).status == 403
    assert (await room.paula.post(f"{here}:change", {**NO_VISIT, "text_en": "Come back"})).status == 303
    assert (await view(room, here)).text["en"] == "Come back"
    listed = text(await room.dora.get("/studio/news/triggers"))
    assert "Come back" in listed
    assert "Next look" in listed
    for name, state in (("pause", "paused"), ("on", "on"), ("off", "off")):
        assert (await room.paula.post(f"{here}:{name}")).status == 303
        assert (await view(room, here)).state == state
    assert (await room.paula.post(f"{here}:remove")).headers["Location"] == "/studio/news/triggers"
    assert (await room.dora.get(here)).status == 404


async def test_what_cannot_be_kept_is_said_beside_its_field_and_nothing_is_lost(room: Room) -> None:
    here = await begun(room)
    wrong = {"days": "0", "at": "noon", "holdout": "51", "lasts": "x", "url": "javascript:1", "text_en": "Kept"}
    answer = await room.dora.post(here, NO_VISIT | wrong)
    assert answer.status == 422
    page = answer.body.decode()
    for name in ("days", "at", "holdout", "lasts", "url"):
        assert f'id="{name}-error"' in page, name
    assert "Kept" in page
    assert (await view(room, here)).text == {}


async def test_the_card_says_the_words_of_the_form_before_they_are_saved(room: Room) -> None:
    here = await begun(room)
    shown = await room.dora.post(f"{here}/preview", {**NO_VISIT, "language": "ru", "have": ""})
    assert "Давно вас не было" in text(shown)
    assert (await view(room, here)).text == {}


async def test_it_is_counted_whom_it_would_tell_today_as_the_form_says(room: Room) -> None:
    ago = datetime.now(UTC) - timedelta(days=30)
    await room.phone("a" * 32, visit=ago.isoformat())
    await room.phone("b" * 32)
    here = await begun(room)
    counted = text(await room.dora.post(f"{here}/count", NO_VISIT))
    assert "Today 1 card would get it" in counted
    assert "1 card has no date" in counted
    assert "Today 0 cards" in text(await room.dora.post(f"{here}/count", {**NO_VISIT, "days": "31"}))
    assert "Choose where the date is" in text(await room.dora.post(f"{here}/count", {**NO_VISIT, "variable": ""}))
    install = await begun(room, "installed")
    assert "as soon as it happens" in text(await room.dora.post(f"{install}/count", NO_VISIT))


async def test_its_page_shows_whom_it_told_and_the_days(room: Room) -> None:
    ago = datetime.now(UTC) - timedelta(days=30)
    await room.phone("a" * 32, visit=ago.isoformat())
    here = await begun(room)
    await room.dora.post(here, {**NO_VISIT, "holdout": "1"})
    await room.paula.post(f"{here}:on")
    tomorrow = (await view(room, here)).next_at
    assert tomorrow is not None
    await triggerdays.turn(room.house.db, tomorrow)
    page = text(await room.dora.get(here))
    assert "Last cards" in page
    assert "Done" in page


async def test_its_message_leads_to_it_and_is_tried_on_ones_own_phone(room: Room) -> None:
    here = await begun(room, "installed")
    assert (await room.dora.post(here, {**NO_VISIT, "variable": ""})).status == 303
    test = (await room.dora.get(f"{here}/test")).headers["Location"]
    assert (await room.dora.get(test)).status == 200
    assert (await room.dora.get(test.removesuffix("/test"))).headers["Location"] == here
    assert (await news.listing(room.house.db, room.house.brand_id)).news == ()


@pytest.mark.parametrize(("event", "template"), [("flood", "coffee"), ("birthday", "none")])
async def test_what_is_no_occasion_or_card_is_refused(room: Room, event: str, template: str) -> None:
    answer = await room.dora.post("/studio/news/triggers", {"template": template, "event": event})
    assert answer.status in (404, 422)
