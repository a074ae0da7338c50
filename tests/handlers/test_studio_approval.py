"""A second person's word on a news in the studio and by a link; and two people who write one draft."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Any

import pytest_asyncio

from passkit.apple.signing import Signers
from store import news, newsdrafts, newslinks, newsrules, secondstep, totp
from store.audit import COMMAND_LINE
from store.dialect import Database
from store.news import NewsView
from store.people import Role, User
from tests.handlers.conftest import Answer, House, opened
from tests.handlers.documents import faults
from tests.handlers.studio import Browser, browser_of, text, user
from tests.handlers.test_studio_news import FIELDS, hidden


@dataclass
class Room:
    """A house where one card is too many for one: Paula asks, Boris decides, Vera is a deputy, Dora none."""

    house: House
    paula: Browser
    boris: Browser
    vera: Browser
    dora: Browser
    people: dict[str, User]

    async def asked(self, **given: str) -> str:
        here = await self.written(**given)
        page = (await self.paula.get(f"{here}/review")).body.decode()
        assert "Ask for approval: Boris, Vera" in page
        assert (await self.paula.post(f"{here}:start", hidden(page))).headers["Location"] == here
        return here

    async def written(self, **given: str) -> str:
        here = (await self.paula.post("/studio/news", {"template": "coffee"})).headers["Location"]
        saved = await self.paula.post(f"{here}/draft", {**FIELDS, **given}, Accept="application/json")
        assert saved.status == 200, saved.body
        return str(here)

    async def view(self, here: str) -> NewsView:
        return await news.view(self.house.db, self.house.brand_id, here.rpartition("/")[2])

    async def link(self, here: str, name: str = "Boris") -> str:
        key = here.rpartition("/")[2]
        found = await newslinks.mine(self.house.db, self.house.brand_id, key, self.people[name].id)
        assert found is not None
        return found

    async def by_link(self, link: str, **form: str) -> Answer:
        return await Browser(self.house).post(link, form)


@pytest_asyncio.fixture
async def room(small_house: House) -> AsyncIterator[Room]:
    browsers, people = [], {}
    roles = {"Paula": Role.PUBLISHER, "Boris": Role.PUBLISHER, "Vera": Role.VIEWER, "Dora": Role.DESIGNER}
    for name, role in roles.items():
        people[name] = await user(small_house, f"{name.lower()}@example.com", role, password=None)
        browsers.append(await browser_of(small_house, people[name], verified=True))
    for device in ("a", "b"):
        card = await small_house.issue(data={"name": "Ivan Kuznetsov"}, external_id=device)
        assert await card.register(device * 32, device * 64)
    given: dict[str, Any] = {"by": COMMAND_LINE, "now": datetime.now(UTC)}
    await newsrules.set_approval(small_house.db, small_house.brand_id, 1, (people["Vera"].id,), **given)
    yield Room(small_house, *browsers, people)


async def test_one_asks_and_another_sees_exactly_what_would_be_sent_and_approves(room: Room) -> None:
    here = await room.asked()
    assert (await room.view(here)).state == "waiting_approval"
    assert "Boris, Vera can approve." in text(await room.paula.get(here))
    own = await room.paula.get(f"{here}/approval")
    assert f'action="{here}:approve"' not in own.body.decode()
    assert "/studio/approve/" not in own.body.decode()
    assert (await room.paula.post(f"{here}:approve", {"plan": "x"})).status == 409
    for browser, page in ((room.boris, "/studio/"), (room.boris, "/studio/news"), (room.vera, "/studio/news")):
        assert "1 news waits for your approval" in text(await browser.get(page))
    assert "waits for your approval" not in text(await room.paula.get("/studio/news"))
    seen = await room.vera.get(f"{here}/approval")
    said = text(seen)
    for words in ("Free coffee on Friday", "Кофе в пятницу даром", "Up to 2 people get a notification.", "Paula asks"):
        assert words in said
    assert "Kuznetsov" not in said
    assert (await room.vera.post(f"{here}:approve", hidden(seen.body.decode()))).headers["Location"] == here
    view = await room.view(here)
    assert (view.state, view.undo_until is not None, view.started_by) == ("scheduled", True, "Paula")
    assert (await room.boris.get(f"{here}/approval")).headers["Location"] == here


async def test_the_author_reads_why_not_beside_the_draft(room: Room) -> None:
    here = await room.asked()
    assert (await room.dora.post(f"{here}:refuse", {"plan": "x", "reason": "no"})).status == 409
    page = (await room.boris.get(f"{here}/approval")).body.decode()
    await room.boris.post(f"{here}:refuse", {**hidden(page), "reason": "Not on a holiday"})
    draft = text(await room.paula.get(here))
    assert "Boris did not approve it" in draft
    assert "Not on a holiday" in draft
    assert (await room.view(here)).state == "draft"


async def test_a_request_is_taken_back_and_an_old_page_decides_nothing(room: Room) -> None:
    here = await room.asked()
    page = (await room.boris.get(f"{here}/approval")).body.decode()
    await room.paula.post(f"{here}:take-back")
    assert (await room.view(here)).state == "draft"
    again = (await room.paula.get(f"{here}/review")).body.decode()
    await room.paula.post(f"{here}:start", hidden(again))
    late = await room.boris.post(f"{here}:approve", hidden(page))
    assert late.status == 409
    assert "Something has changed since you were asked" in text(late)
    assert (await room.view(here)).state == "waiting_approval"


async def test_what_has_grown_since_cannot_be_approved(room: Room) -> None:
    here = await room.asked()
    await room.house.issue(external_id="c")
    link = await room.link(here)
    answer = await room.by_link(link, decision="approve")
    assert answer.status == 409
    assert "Refuse it, and the author asks again." in text(answer)


async def test_a_link_shows_the_review_without_a_session_and_decides_once_by_a_form(room: Room) -> None:
    here = await room.asked()
    link = await room.link(here)
    trail = "SELECT count(*) FROM audit"
    before = await room.house.db.fetch(trail)
    for _ in range(2):
        opened = await Browser(room.house).get(link)
        assert opened.status == 200
    assert await room.house.db.fetch(trail) == before
    assert (await room.view(here)).state == "waiting_approval"
    said = text(opened)
    for words in ("Boris, this is for you alone.", "Free coffee on Friday", "Кофе в пятницу даром", "Up to 2 people"):
        assert words in said
    html = opened.body.decode()
    assert "/studio/people" not in html
    assert "?group=" not in html
    assert "Set-Cookie" not in opened.headers
    assert (await room.by_link(link)).status == 200
    foreign = await Browser(room.house).post(link, {"decision": "approve"}, **{"Sec-Fetch-Site": "cross-site"})
    assert foreign.status == 403
    assert (await room.view(here)).state == "waiting_approval"
    assert "Approved." in text(await room.by_link(link, decision="approve"))
    ((actor,),) = await room.house.db.fetch("SELECT actor FROM audit WHERE action = 'news.approved'")
    assert actor == "Boris"
    for answer in (await Browser(room.house).get(link), await room.by_link(link, decision="refuse")):
        assert answer.status == 410
    assert (await room.view(here)).state == "scheduled"


async def test_hostile_words_stay_words_for_whoever_decides_and_for_whoever_asked(room: Room) -> None:
    evil = '"><img src=x onerror=alert(1)>{{ 7*7 }}'
    here = await room.asked(text_0_en=evil, text_0_ru=evil, title_en=evil[:40])
    link = await room.link(here)
    for answer in (await room.boris.get(f"{here}/approval"), await Browser(room.house).get(link)):
        assert faults(answer.body.decode()) == []
        assert evil in text(answer)
    await room.by_link(link, decision="refuse", reason=evil)
    draft = await room.paula.get(here)
    assert faults(draft.body.decode()) == []
    assert evil in text(draft)


async def test_a_link_refuses_with_a_reason(room: Room) -> None:
    here = await room.asked()
    link = await room.link(here, "Vera")
    assert "Not approved." in text(await room.by_link(link, decision="refuse", reason="Typo"))
    view = await room.view(here)
    assert (view.state, view.reason, view.refused_by) == ("draft", "Typo", "Vera")


async def test_whoever_has_a_second_step_takes_it_for_a_yes(room: Room) -> None:
    here = await room.asked()
    secret, boris = secondstep.new_secret(), room.people["Boris"].id
    async with room.house.db.joined() as conn:
        sealed, first = secondstep.sealed(room.house.db, secret), code(secret, -60)
        at = datetime.fromtimestamp(time.time() - 60, UTC)
        assert await secondstep.keep(room.house.db, conn, boris, sealed, first, at)
    link = await room.link(here)
    for given in ("", "000000"):
        wrong = await room.by_link(link, decision="approve", code=given)
        assert wrong.status == 422
    assert (await room.view(here)).state == "waiting_approval"
    assert "Approved." in text(await room.by_link(link, decision="approve", code=code(secret)))


def code(secret: bytes, later: int = 0) -> str:
    return totp.code(secret, int((time.time() + later) // totp.PERIOD))


async def test_guessing_links_is_slowed_down(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> None:
    proxies = (ip_network("127.0.0.1/32"),)
    async with opened(local_db, signers, lean, trusted_proxies=proxies) as house:
        link, stranger = f"/studio/approve/n_nothing.1.{'A' * 22}", {"X-Forwarded-For": "203.0.113.7"}
        statuses = [(await Browser(house).get(link, **stranger)).status for _ in range(105)]
    assert (statuses[0], statuses[-1]) == (410, 429)


async def test_the_second_of_two_who_write_chooses_and_both_texts_stay(room: Room) -> None:
    here = await room.written(page="paulapage", seen="")
    mark = (await newsdrafts.last_saving(room.house.db, room.house.brand_id, here.rpartition("/")[2])).mark
    theirs = {**FIELDS, "text_0_en": "Free tea", "page": "dorapage", "seen": ""}
    told = await room.dora.post(f"{here}/draft", theirs, Accept="application/json")
    assert (told.status, told.json["seen"]) == (409, mark)
    for words in ("Paula has changed this draft", "Free coffee on Friday", "Free tea"):
        assert words in told.json["conflict"]
    assert (await room.view(here)).text["en"] == "Free coffee on Friday"
    chosen = {**theirs, "seen": mark, "choice": "mine"}
    assert (await room.dora.post(f"{here}/draft", chosen, Accept="application/json")).status == 200
    assert await texts(room) == ["Free coffee on Friday", "Free tea"]
    assert (await room.view(here)).text["en"] == "Free tea"
    late = {**FIELDS, "text_0_en": "Free cake", "page": "paulapage", "seen": "", "choice": "theirs"}
    assert (await room.paula.post(f"{here}/draft", late, Accept="application/json")).status == 200
    assert await texts(room) == ["Free cake", "Free coffee on Friday", "Free tea"]
    assert (await room.view(here)).text["en"] == "Free tea"


async def texts(room: Room) -> list[str]:
    page = await news.listing(room.house.db, room.house.brand_id)
    return [one.text["en"] for one in page.news]


async def test_not_later_than_stays_when_the_form_is_saved(room: Room) -> None:
    here = await room.written(late_when="at", late_at="2099-12-01T14:00")
    page = (await room.paula.get(here)).body.decode()
    assert re.search(r'name="late_at" value="2099-12-01T14:00"', page)
    await room.paula.post(f"{here}/draft", FIELDS, Accept="application/json")
    assert (await room.view(here)).not_later_than is not None
    wrong = await room.paula.post(
        f"{here}/draft", FIELDS | {"late_when": "at", "late_at": ""}, Accept="application/json"
    )
    assert wrong.json["errors"].keys() == {"late_at"}
    past = FIELDS | {"late_when": "at", "late_at": "2001-01-01T10:00"}
    refused = await room.paula.post(f"{here}/draft", past, Accept="application/json")
    assert refused.json["errors"]["not_later_than"].startswith("That is over already")
    await room.paula.post(f"{here}/draft", FIELDS | {"late_when": "usual"}, Accept="application/json")
    assert (await room.view(here)).not_later_than is None
