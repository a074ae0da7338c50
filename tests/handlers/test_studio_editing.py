"""The editor's endpoints: what a module sends and what it is told."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from PIL import Image

from commands.limited import LimitedPool
from passkit.apple.signing import Signers
from store.dialect import Database
from store.people import Role
from tests.handlers.conftest import Answer, House, opened
from tests.handlers.studio import Browser, browser_of, user

DRAFT = "/studio/templates/coffee"
LABEL = "/fields/header/0/label"


@pytest_asyncio.fixture
async def drawing_house(db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    """The web side with a limited process that draws."""
    pool = LimitedPool()
    async with opened(db, signers, lean, renderer=pool) as house:
        yield house
    await pool.close()


@pytest_asyncio.fixture
async def anna(house: House) -> Browser:
    return await browser_of(house, await user(house, "anna@example.com", Role.DESIGNER))


@pytest_asyncio.fixture
async def olga(house: House) -> Browser:
    return await browser_of(house, await user(house, "olga@example.com", Role.DESIGNER))


async def send(who: Browser, what: str, document: Any, **headers: str) -> Answer:
    given = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "Sec-Fetch-Site": "same-origin",
        **headers,
    }
    return await who.ask("POST", f"{DRAFT}/{what}", data=orjson.dumps(document), **given)


async def save(who: Browser, base: int, *edits: dict[str, Any]) -> Answer:
    return await send(who, "edits", {"brand": "coffee", "base": base, "edits": list(edits)})


def png(size: tuple[int, int] = (300, 90)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "#123456").save(content, "PNG")
    return content.getvalue()


async def upload(who: Browser, query: str, content: Any) -> Answer:
    headers = {
        "Content-Type": "application/octet-stream",
        "Accept": "application/json",
        "Sec-Fetch-Site": "same-origin",
    }
    return await who.ask("POST", f"{DRAFT}/pictures?{query}", data=content, **headers)


async def test_an_edit_is_saved_undone_and_done_again(anna: Browser) -> None:
    saved = (await save(anna, 1, {"op": "set", "path": LABEL, "value": "Bonuses"})).json
    assert (saved["number"], saved["can_undo"], saved["can_redo"], saved["is_published"]) == (2, True, False, False)
    undone = (await send(anna, "undo", {"brand": "coffee", "base": 2})).json
    assert undone["template"]["fields"]["header"][0]["label"] == "Points"
    assert undone["is_published"] is True
    again = (await send(anna, "redo", {"brand": "coffee", "base": undone["number"]})).json
    assert again["template"]["fields"]["header"][0]["label"] == "Bonuses"
    assert again["strings"]["ru"]["Bonuses"] == "Баллы"


async def test_two_editors_at_different_places_hear_of_each_other_and_at_one_place_are_asked(
    anna: Browser, olga: Browser
) -> None:
    await save(anna, 1, {"op": "set", "path": LABEL, "value": "Anna's"})
    beside = (await save(olga, 1, {"op": "set", "path": "/name", "value": "Olga's"})).json
    assert [(one["author"], one["touched"]) for one in beside["others"]] == [
        ("Anna", [LABEL, "/strings/ru/Anna's", "/strings/ru/Points"])
    ]
    assert beside["template"]["fields"]["header"][0]["label"] == "Anna's"
    clash = await save(olga, 1, {"op": "set", "path": LABEL, "value": "Olga's"})
    assert clash.status == 409
    overlap = clash.json["overlap"]
    assert (overlap["who"], overlap["theirs"][LABEL]) == ("Anna", "Anna's")
    assert (await save(olga, overlap["number"], {"op": "set", "path": LABEL, "value": "Olga's"})).status == 200


async def test_what_does_not_fit_is_refused_with_place_and_fix(anna: Browser) -> None:
    answer = await save(anna, 1, {"op": "set", "path": "/style", "value": "poster"})
    assert answer.status == 422
    (row,) = answer.json["refused"]
    assert (row["pointer"], bool(row["sentence"]), bool(row["fix"])) == ("/style", True, True)


async def test_a_picture_is_uploaded_seen_and_a_bomb_refused(drawing_house: House) -> None:
    who = await browser_of(drawing_house, await user(drawing_house, "anna@example.com", Role.DESIGNER))
    query = "brand=coffee&base=1&slot=strip&file=a%20b.PNG&x=0.5&y=0.25"
    saved = await upload(who, query, png((1200, 500)))
    assert saved.status == 200
    draft = (await who.get(f"{DRAFT}/draft", Accept="application/json")).json
    assert draft["template"]["images"]["strip"] == "strip.png"
    assert draft["template"]["image_focus"]["strip"] == [0.5, 0.25]
    version = draft["pictures"]["strip.png"]
    picture = await who.get(f"{DRAFT}/file?name=strip.png&v={version}", Accept="image/*")
    assert (picture.headers["Content-Type"], picture.body[:4]) == ("image/png", b"\x89PNG")
    assert "immutable" in picture.headers["Cache-Control"]
    for content in (b"<svg onload=alert(1)>", png((1, 1)).replace(b"\0\0\0\1\0\0\0\1", b"\0\1\0\0\0\1\0\0"), b""):
        refused = await upload(who, query.replace("base=1", "base=2"), content)
        assert (refused.status, refused.json["refused"][0]["pointer"]) == (422, "/images/strip")
    assert (await upload(who, query, io.BytesIO(bytes(5 * 1024 * 1024 + 1)))).status == 413


async def test_problems_come_with_the_edits_that_mend_them(drawing_house: House) -> None:
    who = await browser_of(drawing_house, await user(drawing_house, "anna@example.com", Role.DESIGNER))
    wrong = await save(who, 1, {"op": "set", "path": "/colors/foreground", "value": "#3a2a1f"})
    (problem,) = [one for one in wrong.json["problems"] if one["code"] == "low_contrast"]
    assert (problem["pointer"], problem["severity"]) == ("/colors/foreground", "warning")
    mended = await save(who, wrong.json["number"], *problem["fix_edits"])
    assert "low_contrast" not in [one["code"] for one in mended.json["problems"]]
    broken = await save(who, mended.json["number"], {"op": "set", "path": "/fields/header/0/value", "value": "{{ poi"})
    assert ("/fields/header/0/value", "error") in [(one["pointer"], one["severity"]) for one in broken.json["problems"]]


async def test_the_history_says_who_did_what_where(anna: Browser) -> None:
    await save(anna, 1, {"op": "set", "path": "/name", "value": "New"})
    steps = (await anna.get(f"{DRAFT}/history", Accept="application/json")).json["steps"]
    assert [(step["number"], step["author"], step["touched"]) for step in steps] == [
        (2, "Anna", ["/name"]),
        (1, "", [""]),
    ]


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"base": 1, "edits": []}, 409),
        ({"brand": "other", "base": 1, "edits": []}, 409),
        ({"brand": "coffee", "base": "1", "edits": []}, 400),
        ({"brand": "coffee", "base": True, "edits": []}, 400),
        ({"brand": "coffee", "base": 1, "edits": [{"op": "x"}]}, 422),
        ({"brand": "coffee", "base": 1, "edits": [{"op": "picture", "slot": "a", "file": "b", "content": ""}]}, 422),
        ([], 400),
    ],
)
async def test_a_question_that_cannot_be_read_changes_nothing(anna: Browser, document: Any, status: int) -> None:
    assert (await send(anna, "edits", document)).status == status
    assert (await anna.get(f"{DRAFT}/draft", Accept="application/json")).json["number"] == 1


async def test_a_viewer_sees_and_does_not_write(house: House) -> None:
    viewer = await browser_of(house, await user(house, "vera@example.com", Role.VIEWER))
    assert (await viewer.get(f"{DRAFT}/draft", Accept="application/json")).status == 200
    assert (await save(viewer, 1, {"op": "set", "path": "/name", "value": "x"})).status == 403
    assert (await send(viewer, "undo", {"brand": "coffee", "base": 1})).status == 403


async def test_a_foreign_page_writes_nothing(anna: Browser) -> None:
    edits = {"brand": "coffee", "base": 1, "edits": [{"op": "set", "path": "/name", "value": "x"}]}
    assert (await send(anna, "edits", edits, **{"Sec-Fetch-Site": "cross-site"})).status == 403
    assert (await send(anna, "edits", edits, **{"Content-Type": "text/plain"})).status == 415
