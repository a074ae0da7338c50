"""News in the studio as browsers meet them: written, looked at, sent with a minute to undo, watched, put right, taken back."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio

from handlers.studio import newsreview, newsrun
from store import claims, news, newsrules, newstimer
from store.audit import COMMAND_LINE
from store.people import Role
from store.platforms import Route
from tests.handlers.conftest import Answer, Card, House
from tests.handlers.studio import Browser, browser_of, text, user

FIELDS = {
    "text_0_en": "Free coffee on Friday",
    "text_0_ru": "Кофе в пятницу даром",
    "kind": "service",
    "starts_when": "now",
    "ends_when": "never",
    "holdout": "0",
}


@dataclass
class Room:
    """A house with a designer and a publisher."""

    house: House
    dora: Browser
    paula: Browser

    async def begun(self) -> str:
        answer = await self.dora.post("/studio/news", {"template": "coffee"})
        assert answer.status == 303
        return answer.headers["Location"]

    async def written(self, **given: str) -> str:
        here = await self.begun()
        saved = await self.save(here, **given)
        assert (saved.status, saved.json) == (200, {"errors": {}})
        return here

    async def save(self, here: str, **given: str) -> Answer:
        return await self.dora.post(f"{here}/draft", {**FIELDS, **given}, Accept="application/json")

    async def send(self, here: str, **given: str) -> Answer:
        page = (await self.paula.get(f"{here}/review")).body.decode()
        return await self.paula.post(f"{here}:start", {**hidden(page), **given})

    async def view(self, here: str) -> news.NewsView:
        return await news.view(self.house.db, self.house.brand_id, here.rpartition("/")[2])

    async def turn(self) -> None:
        while await newstimer.turn(self.house.db):
            pass

    async def phone(self, device: str = "d" * 32, **data: Any) -> None:
        card = await self.house.issue(data={"name": "Ivan Kuznetsov", **data}, external_id=device)
        assert await card.register(device, device[:2] * 32)


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


def tree(*rows: list[str], join: str = "all") -> str:
    return json.dumps({"join": "all", "groups": [{"join": join, "rows": rows}]})


@pytest_asyncio.fixture
async def room(small_house: House) -> AsyncIterator[Room]:
    dora = await user(small_house, "dora@example.com", Role.DESIGNER, password=None)
    paula = await user(small_house, "paula@example.com", Role.PUBLISHER, password=None)
    yield Room(small_house, await browser_of(small_house, dora), await browser_of(small_house, paula, verified=True))


async def test_the_empty_list_says_the_next_step_and_the_form_saves_what_it_can(room: Room) -> None:
    assert "No news yet" in text(await room.dora.get("/studio/news"))
    assert "On which card?" in text(await room.dora.get("/studio/news/new"))
    here = await room.begun()
    page = (await room.dora.get(here)).body.decode()
    assert 'name="text_0_ru"' in page
    partly = await room.save(
        here, url="javascript:1", starts_when="at", starts_at="", audience=tree(["data.points", "gte", "x"])
    )
    assert partly.status == 422
    assert set(partly.json["errors"]) == {"url", "starts_at", "audience_0.0"}
    view = await room.view(here)
    assert (view.text["en"], view.url, view.starts_at, view.audience) == (FIELDS["text_0_en"], None, None, None)
    assert "Free coffee on Friday" in text(await room.dora.get("/studio/news"))


async def test_an_audience_goes_there_and_back_and_is_counted_and_masked(room: Room) -> None:
    await room.phone("a" * 32, points=5)
    await room.phone("b" * 32, points=500)
    given = {"join": "any", "groups": [{"join": "all", "rows": [["data.points", "gte", "100"], ["wallet", "eq", "apple"]]},
                                       {"join": "any", "rows": [["tags", "filled", ""]]}]}  # fmt: skip
    here = await room.written(audience=json.dumps(given))
    assert (await room.view(here)).audience == {"any": [
        {"all": [{"field": "data.points", "op": "gte", "value": 100}, {"field": "wallet", "op": "eq", "value": "apple"}]},
        {"any": [{"field": "tags", "op": "empty", "value": False}]}]}  # fmt: skip
    page = (await room.dora.get(here)).body.decode()
    settings = re.search(r"data-settings='([^']*)'", page)
    assert settings is not None
    assert json.loads(settings[1].replace("&#34;", '"'))["tree"] == given
    counted = text(await room.dora.get(f"{here}/count"))
    assert "1 card fits" in counted
    assert "iPhone 1" in counted
    assert "Kuznetsov" not in counted
    listed = text(await room.dora.get(f"{here}/people?group=iphones"))
    assert "••••" in listed
    assert "Kuznetsov" not in listed
    assert "Nobody." in text(await room.dora.get(f"{here}/people?group=not_installed"))
    assert (await room.dora.get(f"{here}/people?group=everything")).status == 404


async def test_a_second_text_and_a_held_out_share_are_kept(room: Room) -> None:
    here = await room.written(ab="1", text_1_en="Tea?", text_1_ru="Чай?", share_1="3", holdout="99")
    view = await room.view(here)
    assert (view.variants[0]["share"], view.variants[0]["text"]["en"], view.holdout) == (3, "Tea?", 50)
    assert "Tea?" in text(await room.dora.get(f"{here}/preview?arm=1&language=en"))


async def test_a_text_like_the_cards_is_red_and_its_button_off(room: Room) -> None:
    await room.phone()
    await room.send(await room.written())
    first = (await news.listing(room.house.db, room.house.brand_id)).news[0].id
    await room.paula.post(f"/studio/news/{first}:now")
    await room.turn()
    here = await room.written()
    assert "The card says the very same now" in text(await room.dora.get(f"{here}/preview?language=en"))
    page = (await room.paula.get(f"{here}/review")).body.decode()
    assert "Same text as on the card: iPhones stay silent." in page
    assert re.search(r'id="send-button" disabled', page)


async def test_what_was_seen_is_sent_after_a_minute_that_undoes_it(room: Room) -> None:
    await room.phone()
    here = await room.written()
    page = await room.paula.get(f"{here}/review")
    said = text(page)
    assert "Up to 1 person gets a notification." in said
    assert "«Free coffee on Friday»" in said or "«Кофе в пятницу даром»" in said
    assert "Kuznetsov" not in page.body.decode()
    assert "Send: 1 person" in said
    assert (await room.send(here)).headers["Location"] == here
    assert "Starts in " in text(await room.paula.get(here))
    await room.paula.post(f"{here}:undo")
    assert (await room.view(here)).state == "draft"
    await room.send(here)
    await room.paula.post(f"{here}:now")
    await room.turn()
    assert (await room.view(here)).is_live
    assert "Accepted by Apple and Google" in text(await room.paula.get(here))
    trail = await room.house.db.fetch("SELECT action, actor FROM audit ORDER BY id")
    assert [one for one, _ in trail if one.startswith("news.")] == [
        "news.written", "news.reviewed", "news.reviewed", "news.started", "news.undone",
        "news.reviewed", "news.started", "news.hastened",
    ]  # fmt: skip
    assert {"Dora", "Paula"} <= {actor for _, actor in trail}


async def test_another_audience_than_was_seen_comes_back_with_the_difference_marked(room: Room) -> None:
    await room.phone("a" * 32)
    here = await room.written()
    seen = hidden((await room.paula.get(f"{here}/review")).body.decode())
    await room.phone("b" * 32)
    answer = await room.paula.post(f"{here}:start", seen)
    assert answer.status == 409
    assert "was 1" in text(answer)
    assert (await room.view(here)).state == "draft"
    assert (await room.paula.post(f"{here}:start", hidden(answer.body.decode()))).status == 303


async def test_the_number_is_typed_for_many(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newsreview, "TYPED_FROM", 1)
    await room.phone()
    here = await room.written()
    assert (await room.send(here, typed="2")).status == 422
    assert (await room.view(here)).state == "draft"
    assert (await room.send(here, typed="1")).status == 303


async def test_a_designer_writes_and_looks_but_does_not_send(room: Room) -> None:
    here = await room.written()
    page = (await room.dora.get(f"{here}/review")).body.decode()
    assert "A publisher sends it." in page
    assert (await room.dora.post(f"{here}:start", hidden(page))).status == 403


async def test_an_empty_news_cannot_be_sent_by_any_way(room: Room) -> None:
    await room.phone()
    here = await room.begun()
    page = (await room.paula.get(f"{here}/review")).body.decode()
    assert "There is no text yet." in page
    await room.paula.post(f"{here}:start", hidden(page))
    refused = await room.house.api("POST", f"/news/{here.rpartition('/')[2]}:start")
    assert (refused.status, (await room.view(here)).state) == (409, "draft")


async def test_it_is_paused_corrected_stopped_and_withdrawn_with_the_engine_s_words(room: Room) -> None:
    await room.phone()
    here = await room.written()
    await room.send(here)
    await room.paula.post(f"{here}:now")
    await room.turn()
    for operation, state, sentence in (
        ("pause", "paused", "Paused."),
        ("resume", "running", "It goes on."),
        ("correct", "running", "Corrected, silently."),
        ("stop", "done", "Who has it keeps it"),
        ("cancel", "cancelled", "Taken off the cards."),
        ("withdraw", "cancelled", "Withdrawn, silently."),
    ):
        await room.paula.post(f"{here}:{operation}", {"text_0_en": "Free tea", "text_0_ru": "Чай даром"})
        assert sentence in text(await room.paula.get(here))
        assert (await room.view(here)).state == state
    view = await room.view(here)
    assert (view.text["en"], view.withdrawn_at is not None) == ("Free tea", True)
    await room.paula.post(f"{here}:resume")
    assert "That cannot be done any more" in text(await room.paula.get(here))


async def test_a_correction_shows_each_of_two_texts_and_changes_both(room: Room) -> None:
    await room.phone()
    here = await room.written(ab="1", text_1_en="Free cake on Friday", text_1_ru="Пирог в пятницу даром", share_1="2")
    await room.send(here)
    await room.paula.post(f"{here}:now")
    await room.turn()
    page = (await room.paula.get(here)).body.decode()
    assert re.findall(r'name="(text_\d_en)"[^>]*>([^<]*)<', page) == [
        ("text_0_en", "Free coffee on Friday"),
        ("text_1_en", "Free cake on Friday"),
    ]
    await room.paula.post(f"{here}:correct", {"text_0_en": "Free coffee on Monday"})  # the second is missing
    assert (await room.view(here)).text["en"] == "Free coffee on Friday"
    await room.paula.post(f"{here}:correct", {"text_0_en": "Free coffee on Monday", "text_1_en": "Free cake on Monday"})
    view = await room.view(here)
    assert (view.text["en"], view.variants[0]["text"]["en"]) == ("Free coffee on Monday", "Free cake on Monday")


async def test_a_news_by_the_holders_clocks_shows_its_waves_before_and_on_its_way(room: Room) -> None:
    await room.phone()
    there = await room.house.issue(data={"points": 5})
    await room.house.api("PATCH", f"/cards/{there.serial}", {"time_zone": "Asia/Vladivostok"})
    at = datetime.now(ZoneInfo("Europe/Moscow")) + timedelta(days=2)
    here = await room.written(starts_when="at", starts_at=f"{at:%Y-%m-%dT%H:%M}", by_holder="1")
    assert 'name="by_holder" value="1" role="switch" checked' in (await room.dora.get(here)).body.decode()
    page = (await room.paula.get(f"{here}/review")).body.decode()
    there_at = f"{at - timedelta(hours=7):%H:%M}"
    for words in ("in each holder&#39;s own time", "Vladivostok", there_at, "Moscow"):
        assert words in page
    assert (await room.paula.post(f"{here}:start", hidden(page))).status == 303
    await room.turn()
    said = text(await room.paula.get(here))
    assert "Vladivostok" in said
    assert said.count("Waits") == 2


async def test_a_copy_is_a_draft_and_a_draft_is_thrown_away(room: Room) -> None:
    here = await room.written(holdout="10")
    copied = (await room.dora.post(f"{here}:copy")).headers["Location"]
    assert copied != here
    assert ((await room.view(copied)).holdout, (await room.view(copied)).text) == (10, (await room.view(here)).text)
    await room.dora.post(f"{copied}:discard")
    assert (await room.dora.get(copied)).status == 404
    await room.send(here)
    await room.dora.post(f"{here}:discard")
    assert (await room.view(here)).state == "scheduled"
    assert (await room.save(here)).json["errors"][""]


async def test_figures_come_as_events_and_the_stream_ends_with_the_news(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newsrun, "EVERY", 0.05)
    monkeypatch.setattr(newsrun, "HEARTBEAT", 0.1)
    await room.phone()
    here = await room.written()
    await room.send(here)
    await room.paula.post(f"{here}:now")
    await room.turn()
    cookie = "; ".join(f"{name}={value}" for name, value in room.paula.cookies.items())
    address = f"{room.house.url}{here}/events"
    async with room.house.session.get(address, headers={"Cookie": cookie, "Accept": "text/event-stream"}) as stream:
        assert stream.content_type == "text/event-stream"
        assert stream.headers["X-Accel-Buffering"] == "no"
        assert json.loads((await event(stream)).removeprefix("data: "))["state"] == "running"
        assert await event(stream) == ": here"
        await room.paula.post(f"{here}:cancel")
        last = await event(stream)
        while last == ": here":
            last = await event(stream)
        assert json.loads(last.removeprefix("data: "))["over"] is True
        assert await stream.content.read() == b""
    polled = await room.paula.get(f"{here}/progress", Accept="application/json")
    assert polled.json["state"] == "cancelled"


async def event(stream: aiohttp.ClientResponse) -> str:
    line = (await stream.content.readline()).decode().strip()
    assert (await stream.content.readline()) == b"\n"
    return line


async def test_one_person_has_few_streams_open(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newsrun, "EVERY", 0.05)
    await room.phone()
    here = await room.written()
    await room.send(here)
    await room.paula.post(f"{here}:now")
    await room.turn()
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in room.paula.cookies.items())}
    open_ = [
        await room.house.session.get(f"{room.house.url}{here}/events", headers=cookie) for _ in range(newsrun.AT_ONCE)
    ]
    assert [one.status for one in open_] == [200] * newsrun.AT_ONCE
    assert (await room.paula.get(f"{here}/events")).status == 429
    for one in open_:
        one.close()  # as a page does that is left
    await asyncio.sleep(0.3)
    again = await room.house.session.get(f"{room.house.url}{here}/events", headers=cookie)
    assert again.status == 200
    again.close()


async def no_rings(room: Room) -> None:
    """Rules that hold every news of the brand."""
    local = datetime.now(ZoneInfo("Europe/Moscow"))
    brand_id = room.house.brand_id
    around = f"{local - timedelta(hours=2):%H:%M}-{local + timedelta(hours=2):%H:%M}"
    await newsrules.set_quiet(room.house.db, brand_id, around, by=COMMAND_LINE, now=local)
    await newsrules.set_cap(room.house.db, brand_id, 1, 365, by=COMMAND_LINE, now=local)


async def test_a_test_rings_the_chosen_test_cards_alone_whatever_holds_others_and_is_in_no_count(room: Room) -> None:
    await room.phone()
    await no_rings(room)
    here = await room.written()
    assert "Make my test card" in text(await room.dora.get(f"{here}/test"))
    for tester in (room.dora, room.paula):
        await tester.post(f"{here}:test-card")
    page = (await room.dora.get(f"{here}/test")).body.decode()
    link = re.search(r'id="link"[^>]*value="[^"]*(/i/[^"]+)"', page)
    assert link is not None
    installed = await room.house.ask("GET", f"{link[1]}/card.pkpass")
    assert installed.status == 200
    packed = json.loads(zipfile.ZipFile(io.BytesIO(installed.body)).read("pass.json"))
    card = Card(room.house, packed["serialNumber"], packed["authenticationToken"], {})
    assert (await card.register("e" * 32, "ee" * 32)).status == 201
    page = (await room.dora.get(f"{here}/test")).body.decode()
    (chosen,) = re.findall(r'name="card" value="(\d+)" checked', page)
    before = await room.house.db.fetch("SELECT count(*) FROM jobs WHERE kind = 'fanout' OR kind = 'news'")
    await room.dora.post(f"{here}:test", {"card": chosen})
    assert "The test is on its way: 1." in text(await room.dora.get(f"{here}/test"))
    await room.turn()
    after = await room.house.db.fetch("SELECT count(*) FROM jobs WHERE kind = 'fanout' OR kind = 'news'")
    assert after[0][0] == before[0][0] + 1
    route, lease = Route(packed["passTypeIdentifier"]), timedelta(seconds=30)
    claim = await claims.claim(room.house.db, owner="w", route=route, room=9, lease=lease, probe_after=lease)
    assert claim is not None
    assert [intent.kind for intent in claim.intents if intent.kind == "news"] == ["news"]
    fetched = json.loads(zipfile.ZipFile(io.BytesIO((await card.fetch()).body)).read("pass.json"))
    assert "Free coffee on Friday" in json.dumps(fetched) or "\\u041a\\u043e\\u0444\\u0435" in json.dumps(fetched)
    found = (await news.listing(room.house.db, room.house.brand_id)).news
    assert [(one.id, one.state) for one in found] == [(here.rpartition("/")[2], "draft")]
    assert "1 card fits" in text(await room.dora.get(f"{here}/count"))
    assert "Nothing was sent" in text(await refused(room, here))


async def refused(room: Room, here: str) -> Answer:
    await room.dora.post(f"{here}:test", {"card": "999999"})
    return await room.dora.get(f"{here}/test")
