"""The review as a browser meets it: numbers, what would break, and that nothing else is published than what was seen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from passkit.edit import Remove, Set
from store import drafts, templates
from store.people import COMMAND_LINE, Role
from tests.handlers.conftest import House, event
from tests.handlers.studio import Browser, browser_of, text, user

HERE = "/studio/templates/coffee"


@dataclass
class Room:
    """A house and its publisher at a browser."""

    house: House
    browser: Browser

    async def edit(self, *edits: Any) -> None:
        base = (await drafts.get(self.house.db, self.house.brand_id, "coffee")).number
        saved = await drafts.save_edits(
            self.house.db, self.house.brand_id, "coffee", base=base, edits=edits, by=COMMAND_LINE, now=datetime.now(UTC)
        )
        assert isinstance(saved, drafts.Draft)

    async def review(self, query: str = "") -> str:
        return (await self.browser.get(f"{HERE}/review{query}")).body.decode()

    async def publish(self, page: str, **given: str) -> Any:
        fields = dict(re.findall(r'name="(plan|number|must_type)" value="([^"]*)"', page))
        return await self.browser.post(f"{HERE}:publish", {**fields, **given})

    async def number(self) -> int:
        return (await templates.revisions(self.house.db, self.house.brand_id, "coffee"))[0].number


@pytest_asyncio.fixture
async def room(small_house: House) -> AsyncIterator[Room]:
    paula = await user(small_house, "paula@example.com", Role.PUBLISHER)
    yield Room(small_house, await browser_of(small_house, paula, verified=True))


async def test_the_same_as_published_changes_nothing_and_has_its_button_off(room: Room) -> None:
    page = await room.review()
    assert "Nobody will see anything: the card does not change." in page
    assert re.search(r'id="publish-button" disabled', page)


async def test_the_sentence_counts_and_the_samples_are_masked(room: Room) -> None:
    for number in range(3):
        await room.house.issue(data={"name": f"Ivan Kuznetsov {number}", "points": number}, external_id=str(number))
    await room.edit(Set("/fields/header/0/label", "Stars"))
    page = await room.review()
    assert "3 cards change, silently." in page
    assert "Publish: 3 cards" in page
    assert "Kuznetsov" not in page
    assert page.count('data-when="before"') == page.count('data-when="after"') > 0
    assert "Stars" in text_of(page)


async def test_what_was_seen_is_published_with_its_note_and_silently(room: Room) -> None:
    await room.house.issue(data={"points": 1})
    await room.edit(Set("/fields/header/0/label", "Stars"))
    answer = await room.publish(await room.review(), note="New word")
    assert (answer.status, answer.headers["Location"]) == (303, f"{HERE}/revisions")
    (newest, *_) = await templates.revisions(room.house.db, room.house.brand_id, "coffee")
    assert (newest.number, newest.note, newest.author) == (2, "New word", "Paula")
    history = text(await room.browser.get(f"{HERE}/revisions"))
    assert "Revision 2 is published" in history
    assert "New word" in history


async def test_a_draft_that_changed_meanwhile_is_looked_at_again(room: Room) -> None:
    await room.edit(Set("/name", "One"))
    page = await room.review()
    await room.edit(Set("/name", "Two"))
    answer = await room.publish(page)
    assert answer.status == 409
    assert "Somebody has changed the draft since you looked" in text(answer)
    assert await room.number() == 1
    assert (await room.publish(answer.body.decode())).status == 303
    assert await room.number() == 2


async def test_the_way_back_is_a_review_too(room: Room) -> None:
    await room.house.issue(data={"points": 1})
    await room.edit(Set("/fields/header/0/label", "Stars"))
    await room.publish(await room.review())
    page = await room.review("?number=1")
    assert "back to revision 1" in page
    assert "1 card changes, silently." in page
    await room.publish(page)
    assert await room.number() == 3
    draft = await drafts.get(room.house.db, room.house.brand_id, "coffee")
    assert draft.is_published
    assert b"Stars" not in draft.files["template.yaml"]


async def test_a_value_that_a_source_still_sends_stops_with_its_count_and_a_way_out(room: Room) -> None:
    card = await room.house.issue(data={"points": 1}, external_id="c1")
    for points in (5, 6):
        answer = await room.house.hook(event(card={"external_id": "c1"}, set={"points": points}))
        assert answer.status == 200, answer.body
    assert card.serial
    await room.edit(Remove("/fields/header/0"), Remove("/google"), Remove("/variables/points"),
                    Set("/variables/bonus", {"type": "integer", "label": "Bonus", "default": 0}))  # fmt: skip
    page = await room.review()
    assert "is gone from the card, but a source still sends it." in text_of(page)
    assert "till: 2 times in 30 days" in text_of(page)
    assert re.search(r'id="publish-button" disabled', page)
    assert (await room.publish(page)).status in (409, 422)
    assert await room.number() == 1
    await room.browser.post(f"{HERE}:alias", {"name": "points", "candidate": "bonus"})
    again = await room.review()
    assert "still sends it" not in text_of(again)
    assert not re.search(r'id="publish-button" disabled', again)


async def test_a_value_can_just_stay(room: Room) -> None:
    await room.house.issue(data={"points": 1}, external_id="c1")
    await room.house.hook(event(card={"external_id": "c1"}, set={"points": 5}))
    await room.edit(Remove("/fields/header/0"), Remove("/google"), Remove("/variables/points"))
    await room.browser.post(f"{HERE}:alias", {"name": "points", "candidate": ""})
    draft = await drafts.get(room.house.db, room.house.brand_id, "coffee")
    assert b"Bonus points" in draft.files["template.yaml"]
    assert "still sends it" not in text_of(await room.review())


async def test_what_cannot_be_published_is_red_and_leads_to_its_place(room: Room) -> None:
    await room.edit(Set("/fields/header/0/value", "{{ nowhere }}"))
    page = await room.review()
    assert "A value is named here that does not exist." in text_of(page)
    assert f'href="{HERE}#at=/fields/header/0/value"' in page
    assert re.search(r'id="publish-button" disabled', page)


@pytest.mark.parametrize("typed", ["", "5", "1000 "])
async def test_a_large_number_is_typed_as_it_stands(room: Room, typed: str) -> None:
    await room.edit(Set("/name", "One"))
    page = await room.review()
    answer = await room.publish(page, must_type="1001", typed=typed)
    assert answer.status == 422
    assert "The number was not typed as it stands" in text(answer)
    assert await room.number() == 1
    assert (await room.publish(page, must_type="1001", typed="1001")).status == 303


async def test_revisions_are_compared_in_peoples_words(room: Room) -> None:
    await room.edit(Set("/fields/header/0/label", "Stars"), Set("/colors/background", "#112233"))
    page = text(await room.browser.get(f"{HERE}/compare?before=1&after=draft"))
    assert "Points → Stars" in page
    assert "Background #3a2a1e → #112233" in page
    assert "Nothing differs." in text(await room.browser.get(f"{HERE}/compare?before=1&after=1"))
    assert (await room.browser.get(f"{HERE}/compare?before=9&after=1")).status == 404


async def test_the_draft_goes_on_ones_own_phone_and_away_again(room: Room) -> None:
    await room.edit(Set("/fields/header/0/label", "Stars"))
    before = text(await room.browser.get(f"{HERE}/tryout"))
    assert "Can a phone take it?" in before
    assert "Make the card" in before
    answer = await room.browser.post(f"{HERE}:try")
    assert answer.status == 303
    page = (await room.browser.get(f"{HERE}/tryout")).body.decode()
    link = re.search(r'value="(https?://[^"]+/i/[^"]+)"', page)
    assert link
    face = await room.house.ask("GET", "/i/" + link[1].rpartition("/")[2] + "/card.svg")
    assert b"STARS" in face.body
    assert (await room.browser.get(f"{HERE}/tryout/qr.svg")).status == 200
    await room.browser.post(f"{HERE}:end-tryout")
    assert "Make the card" in text(await room.browser.get(f"{HERE}/tryout"))


async def test_a_broken_draft_is_put_on_no_phone_and_says_why(room: Room) -> None:
    await room.edit(Set("/fields/header/0/value", "{{ nowhere }}"))
    answer = await room.browser.post(f"{HERE}:try")
    assert answer.status == 422
    assert "The card cannot be built yet" in text(answer)


def text_of(page: str) -> str:
    from html import unescape

    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page)))
