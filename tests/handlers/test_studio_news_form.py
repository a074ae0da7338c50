"""The form of a news: rows of an audience that come back as they went, pictures in both crops, counts that take long."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from handlers.studio import newsaudience, walks
from passkit.apple.signing import Signers
from passkit.audience import parse
from passkit.schema import Template, parse_template
from store import news
from store.dialect import Database
from store.people import Role
from tests.handlers.conftest import House, opened
from tests.handlers.studio import Browser, browser_of, text, user

ZONE = "Europe/Moscow"
DAYS = st.integers(0, 36_500).map(str)
WORDS = st.text("абвxyz 19", min_size=1, max_size=12).map(str.strip).filter(bool)
DATES = st.dates().filter(lambda one: 1950 < one.year < 2100).map(lambda one: one.isoformat())
NAMES = ("outlet", "tags", "wallet", "issued_at", "data.name", "data.points")


@st.composite
def rows(draw: st.DrawFn) -> list[str]:
    field = draw(st.sampled_from(NAMES))
    kind = draw(st.sampled_from(("empty", "value"))) if field not in ("wallet", "issued_at") else "value"
    if kind == "empty":
        return [field, draw(st.sampled_from(("empty", "filled"))), ""]
    if field == "issued_at":
        op = draw(st.sampled_from(("within_days", "older_than_days", "gte", "lt")))
        return [field, op, draw(DAYS if op.endswith("days") else DATES)]
    if field == "data.points":
        return [
            field,
            draw(st.sampled_from(("eq", "ne", "gt", "gte", "lt", "lte"))),
            str(draw(st.integers(-9999, 9999))),
        ]
    if field == "wallet":
        return [field, draw(st.sampled_from(("eq", "ne"))), draw(st.sampled_from(("apple", "google", "none")))]
    return [field, "has" if field == "tags" else draw(st.sampled_from(("eq", "ne"))), draw(WORDS)]


@pytest.fixture(scope="session")
def template(coffee: dict[str, bytes]) -> Template:
    return parse_template(coffee)


JOINS = st.sampled_from(("all", "any"))
GROUPS = st.lists(st.fixed_dictionaries({"join": JOINS, "rows": st.lists(rows(), min_size=1, max_size=4)}), max_size=4)


@given(st.fixed_dictionaries({"join": JOINS, "groups": GROUPS}))
def test_rows_come_back_as_they_went_and_fit_the_template(template: Template, tree: dict[str, Any]) -> None:
    made, errors = newsaudience.read(json.dumps(tree), template, ZONE, "en")
    assert errors == {}
    if made is None:
        assert tree["groups"] == []
        return
    parse(made, template)
    back = newsaudience.written(made, template, ZONE)
    assert back is not None
    assert back["groups"] == tree["groups"]
    assert len(tree["groups"]) < 2 or back["join"] == tree["join"]


@given(st.text(max_size=80) | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(json.dumps))
def test_any_text_in_its_place_is_refused_and_never_breaks(template: Template, given_: str) -> None:
    newsaudience.read(given_, template, ZONE, "ru")


@pytest.mark.parametrize(
    "row",
    [
        ["issued_at", "gte", "0001-01-01"],
        ["issued_at", "within_days", "9" * 5000],
        ["wallet", "eq", ""],
        ["data.points", "gte", "1e9999"],
    ],
)
def test_a_value_that_cannot_be_is_said_beside_its_row(template: Template, row: list[str]) -> None:
    found, errors = newsaudience.read(json.dumps({"groups": [{"join": "all", "rows": [row]}]}), template, ZONE, "en")
    assert (found, list(errors)) == (None, ["0.0"])


def test_what_the_api_nests_deeper_has_no_rows(template: Template) -> None:
    leaf = {"field": "tags", "op": "has", "value": "x"}
    deep = {"all": [{"any": [{"all": [leaf]}, leaf]}]}
    assert newsaudience.written(deep, template, ZONE) is None


@pytest_asyncio.fixture
async def house(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    async with opened(local_db, signers, lean) as made:
        yield made


@pytest_asyncio.fixture
async def dora(house: House) -> Browser:
    return await browser_of(house, await user(house, "dora@example.com", Role.DESIGNER, password=None))


async def begun(dora: Browser) -> str:
    return (await dora.post("/studio/news", {"template": "coffee"})).headers["Location"]


async def test_a_picture_is_cut_for_both_wallets_and_taken_away(house: House, dora: Browser) -> None:
    here = await begun(dora)
    drawn = io.BytesIO()
    Image.new("RGB", (1200, 500), "#aa3311").save(drawn, "PNG")
    sent: dict[str, Any] = {"data": drawn.getvalue(), "Sec-Fetch-Site": "same-origin", "Accept": "application/json"}
    kept = await dora.ask("POST", f"{here}/picture", **sent)
    assert (kept.status, set(kept.json["pictures"])) == (200, {"apple", "google"})
    for address in kept.json["pictures"].values():
        assert Image.open(io.BytesIO((await house.ask("GET", address)).body)).width > 600
    refused = await dora.ask("POST", f"{here}/picture", **{**sent, "data": b"GIF89a"})
    assert (refused.status, list(refused.json["errors"])) == (422, ["picture"])
    assert refused.json["pictures"] == kept.json["pictures"]
    gone = await dora.ask("POST", f"{here}/picture", **{**sent, "data": b""})
    assert gone.json == {"errors": {}, "pictures": {}}


async def test_an_end_before_the_beginning_loses_no_word(house: House, dora: Browser) -> None:
    here = await begun(dora)
    given = {"text_0_en": "Free coffee", "kind": "service", "ends_when": "at", "ends_at": "2020-01-01T10:00"}
    for ends_at in ("2020-01-01T10:00", "0001-01-01T00:00", "9999-12-31T23:59"):
        saved = await dora.post(f"{here}/draft", {**given, "ends_at": ends_at}, Accept="application/json")
        assert (saved.status, len(saved.json["errors"])) == (422, 1), saved.json
        assert set(saved.json["errors"]) <= {"ends_at"}
        view = await news.view(house.db, house.brand_id, here.rpartition("/")[2])
        assert (view.text, view.ends_at) == ({"en": "Free coffee"}, None)
        assert (await dora.get(here)).status == 200
    times = {"starts_when": "at", "starts_at": "2040-05-01T10:00", "ends_at": "2040-05-02T23:59"}
    kept = await dora.post(f"{here}/draft", {**given, **times}, Accept="application/json")
    assert kept.json == {"errors": {}}
    page = (await dora.get(here)).body.decode()
    assert 'value="2040-05-01T10:00"' in page
    assert 'value="2040-05-02T23:59"' in page
    reviewed = text(await dora.get(f"{here}/review"))
    assert "Ends 2 May 2040, 23:59, cards go back silently." in reviewed
    topic = {**given, "kind": "marketing", "topic": "\x01", "ends_when": "never"}
    assert (await dora.post(f"{here}/draft", topic, Accept="application/json")).status < 500


async def test_a_long_count_says_how_far_it_is(house: House, dora: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "PATIENCE", 0.0)
    here = await begun(dora)
    assert "Counting" in text(await dora.get(f"{here}/count"))
    assert "Counting who will see it" in text(await dora.get(f"{here}/review"))
    monkeypatch.setattr(walks, "PATIENCE", 5.0)
    assert "0 cards fit" in text(await dora.get(f"{here}/count?again=1"))
    assert "Nobody gets a notification." in text(await dora.get(f"{here}/review?again=1"))


async def test_a_card_without_a_place_for_news_says_what_is_missing(
    local_db: Database, signers: Signers, lean: dict[str, bytes]
) -> None:
    bare = re.sub(rb"\{\{ ?news\.[^}]*\}\}", b"-", lean["template.yaml"])
    async with opened(local_db, signers, {**lean, "template.yaml": bare}) as house:
        dora = await browser_of(house, await user(house, "dora@example.com", Role.DESIGNER, password=None))
        assert "has no place for news" in text(await dora.get("/studio/news/new"))
        assert (await dora.post("/studio/news", {"template": "coffee"})).status == 422
        assert (await news.listing(house.db, house.brand_id)).news == ()
