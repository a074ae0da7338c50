"""Weekly slots and the rules for news, as an admin, a publisher and a viewer meet them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest_asyncio
from sqlalchemy import update

from store import newsrules, newsslots, tables
from store.newsrules import Rules
from store.newsslots import Slot
from store.people import Role
from tests.handlers.conftest import House
from tests.handlers.studio import Browser, browser_of, text, user

HERE = "/studio/news/slots"
RULES = "/studio/news/rules"


@dataclass
class Room:
    """A house with an admin, a publisher and a viewer."""

    house: House
    anna: Browser
    paula: Browser
    vera: Browser

    async def slot(self) -> Slot:
        (found,) = await newsslots.listing(self.house.db, self.house.brand_id)
        return found

    async def made(self, *texts: str) -> str:
        answer = await self.paula.post(HERE, {"template": "coffee", "weekday": "4", "at": "14:00", "lasts": "3"})
        assert answer.status == 303, text(answer)
        here = answer.headers["Location"]
        for one in texts:
            put = await self.paula.post(f"{here}/texts", {"text_en": one})
            assert put.status == 303, text(put)
        return here

    async def said(self) -> list[str]:
        return [one.text["en"] for one in (await self.slot()).texts]

    async def rules(self) -> Rules:
        return await newsrules.of(self.house.db, self.house.brand_id)


@pytest_asyncio.fixture
async def room(small_house: House) -> AsyncIterator[Room]:
    made = []
    for name, role in (("anna", Role.ADMIN), ("paula", Role.PUBLISHER), ("vera", Role.VIEWER)):
        who = await user(small_house, f"{name}@example.com", role, password=None)
        made.append(await browser_of(small_house, who, verified=True))
    yield Room(small_house, *made)


async def test_a_slot_is_made_and_an_empty_one_says_that_nothing_goes(room: Room) -> None:
    assert "No weekly slots yet" in text(await room.vera.get(HERE))
    assert (await room.paula.post(HERE, {"template": "nothing", "weekday": "4", "at": "x", "lasts": "0"})).status == 422
    here = await room.made()
    page = text(await room.paula.get(here))
    assert "Every Friday at 14:00" in page
    assert "nothing will be sent" in page
    assert "admins and contacts" in page
    assert "Each stays for 3 days." in page
    async with room.house.db.transaction() as conn:
        soon, later = (datetime.now(UTC) + timedelta(hours=hours) for hours in (20, 30))
        await conn.execute(update(tables.news_slots).values(next_at=soon))
    assert "admins and contacts are reminded now" in text(await room.paula.get(here))
    async with room.house.db.transaction() as conn:
        await conn.execute(update(tables.news_slots).values(next_at=later))
    assert "admins and contacts get a reminder" in text(await room.paula.get(here))
    slot = await room.slot()
    assert (slot.weekday, slot.lasts_hours, slot.kind) == (4, 72, "service")
    assert "Empty: nothing will be sent" in text(await room.vera.get(HERE))


async def test_the_next_text_stands_beside_the_card_that_says_it(room: Room) -> None:
    here = await room.made("Free coffee on Friday", "Free coffee on Friday")
    page = await room.vera.get(f"{here}?language=en")
    said = text(page)
    assert "this goes out" in said
    assert 'class="banner"' in page.body.decode()
    assert said.count("Cards say this very text by then") == 1
    assert "Add a text" not in said
    assert (await room.vera.post(f"{here}/texts", {"text_en": "x"})).status == 403


async def test_texts_are_ordered_changed_taken_out_and_put_back(room: Room) -> None:
    here = await room.made("One", "Two", "Three")
    ids = [one.id for one in (await room.slot()).texts]
    moved = await room.paula.post(f"{here}/texts/{ids[2]}:move", {"to": "0"})
    assert moved.headers["Location"] == f"{here}?moved={ids[2]}"
    assert await room.said() == ["Three", "One", "Two"]
    form = (await room.paula.get(f"{here}/texts/{ids[0]}")).body.decode()
    assert re.search(r"<textarea[^>]*>One</textarea>", form)
    wrong = await room.paula.post(f"{here}/texts/{ids[0]}", {"text_en": " ", "url": "javascript:1"})
    assert wrong.status == 422
    assert "Begin with https://" in text(wrong)
    await room.paula.post(f"{here}/texts/{ids[0]}", {"text_en": "First", "url": "https://x.example"})
    assert await room.said() == ["Three", "First", "Two"]
    out = (await room.paula.post(f"{here}/texts/{ids[2]}:remove")).headers["Location"]
    assert await room.said() == ["First", "Two"]
    assert "The text is out of the queue." in text(await room.paula.get(out))
    await room.paula.post(f"{here}/texts/{ids[2]}:return")
    assert await room.said() == ["Three", "First", "Two"]
    assert (await room.paula.get(f"{here}/texts/999")).status == 404
    assert (await room.paula.post(f"{here}/texts/x:move", {"to": "0"})).status == 404
    await room.paula.post(f"{here}:remove")
    assert "The slot is gone." in text(await room.paula.get(HERE))


async def test_rules_are_set_by_an_admin_in_numbers_and_undone(room: Room) -> None:
    page = text(await room.vera.get(RULES))
    assert "An admin changes them." in page
    assert "A news may ring at any hour" in page
    assert (await room.paula.post(f"{RULES}/cap", {"on": "1", "most": "3", "days": "7"})).status == 403
    await room.anna.post(f"{RULES}/quiet", {"on": "1", "from": "21:00", "until": "09:00"})
    await room.anna.post(f"{RULES}/cap", {"on": "1", "most": "3", "days": "7", "kinds": "marketing"})
    rules = await room.rules()
    assert (str(rules.quiet), rules.cap, rules.cap_days, rules.cap_kinds) == ("21:00-09:00", 3, 7, ("marketing",))
    answer = await room.anna.get(RULES)
    said = text(answer)
    assert "From 21:00 to 09:00 (Europe/Moscow) nobody is notified" in said
    assert "A card rings for 3 of these news in 7 days at most." in said
    assert "How often: off → 3 in 7 days" in said
    assert re.findall(r'daybar-quiet" x="(\d+)" y="0" width="(\d+)"', answer.body.decode()) == [
        ("0", "540"),
        ("1260", "180"),
    ]
    line = re.search(r'name="line" value="(\d+)"', answer.body.decode())
    assert line is not None
    await room.anna.post(f"{RULES}/undo", {"line": line[1]})
    assert (await room.rules()).cap == 0
    await room.anna.post(f"{RULES}/undo", {"line": line[1]})
    assert "Somebody has changed the rules since." in text(await room.anna.get(RULES))
    await room.anna.post(f"{RULES}/quiet", {"from": "21:00", "until": "09:00"})
    assert (await room.rules()).quiet is None


async def test_what_is_no_rule_is_said_and_what_was_typed_stays(room: Room) -> None:
    for name, form, sentence in (
        ("quiet", {"on": "1", "from": "09:00", "until": "09:00"}, "Choose two different times"),
        ("cap", {"on": "1", "most": "500", "days": "7"}, "From 1 to 100 news"),
        ("cap", {"on": "1", "most": "", "days": "7"}, "From 1 to 100 news"),
        ("approval", {"on": "1", "above": "0"}, "From 1 to 100,000,000 cards"),
    ):
        answer = await room.anna.post(f"{RULES}/{name}", form)
        assert answer.status == 422, name
        assert sentence in text(answer)
    assert await room.rules() == Rules((await room.rules()).zone)


async def test_who_approves_is_told_and_with_one_nobody_is_asked(room: Room) -> None:
    vera = (await newsrules_people(room))["Vera"]
    form = {"on": "1", "above": "20 000", "deputy": str(vera), f"phone_{vera}": "8 916 123-45-67"}
    assert (await room.anna.post(f"{RULES}/approval", form | {f"phone_{vera}": "12"})).status == 422
    await room.anna.post(f"{RULES}/approval", form)
    rules = await room.rules()
    assert (rules.approval_above, rules.deputies) == (20_000, frozenset({vera}))
    page = await room.anna.get(RULES)
    assert "A news to more than 20,000 cards waits until somebody else has approved it." in text(page)
    assert "+7 916 123-45-67" in page.body.decode()
    assert "Now only" not in text(page)
    assert "916" not in (await room.vera.get(RULES)).body.decode()
    await room.anna.post(f"/studio/people/{(await newsrules_people(room))['Paula']}:role", {"role": "viewer"})
    await room.anna.post(f"{RULES}/approval", {"on": "1", "above": "20000"})
    assert "Now only Anna could approve, so nobody is asked" in text(await room.anna.get(RULES))


async def newsrules_people(room: Room) -> dict[str, int]:
    """Name -> id."""
    return {name: id_ for id_, name in await room.house.db.fetch("SELECT id, name FROM users")}
