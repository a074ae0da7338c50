"""The editor's pages: what the form shows of a draft, what the preview draws, and files out and in."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from commands.limited import LimitedPool
from handlers.studio import draftform, exchange, starters
from handlers.studio.chips import Names, condition
from passkit.edit import Insert, Set, apply
from passkit.model import Brand
from store import drafts, templates
from store.people import COMMAND_LINE, Role
from tests.handlers.conftest import House
from tests.handlers.studio import Browser, browser_of, text, user


@pytest_asyncio.fixture
async def designer(small_house: House) -> AsyncIterator[Browser]:
    yield await browser_of(small_house, await user(small_house, "dora@example.com", Role.DESIGNER))


# What the form shows.


def form(coffee: Mapping[str, bytes], *edits: Any, language: str = "en", reader: str = "en") -> draftform.DraftForm:
    return draftform.of(apply(coffee, edits).files, language, reader)


def test_a_text_is_a_translation_in_every_language_but_the_originals(coffee: dict[str, bytes]) -> None:
    russian, english = form(coffee, language="ru"), form(coffee, language="en")
    assert english.source_language == russian.source_language == "en"
    points, balls = (one.zones[0].fields[0].label for one in (english, russian))
    assert (points.shown, points.translates) == ("Points", False)
    assert (balls.shown, balls.source, balls.translates, balls.is_missing) == ("Баллы", "Points", True, False)
    renamed = form(
        coffee, Insert("/fields/back", None, {"key": "new", "label": "Brand new", "value": "1"}), language="ru"
    )
    assert renamed.zones[-1].fields[-1].label.is_missing
    assert renamed.missing == {"ru": 1, "en": 0}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{ points }}", ["Bonus points"]),
        ("Hello, {{ name | upper }}!", ["Hello, ", "Holder · CAPITALS", "!"]),
        ("{{ card.number }} / {{ news.text }}", ["Card number", " / ", "Text of the news"]),
        ("You have %@ now", ["You have ", "new value", " now"]),
        ("{{ (points + 1) | plural('a', 'b') }}", ["Formula"]),
        ("{{ nowhere }}", ["Formula"]),
    ],
)
def test_values_are_chips_with_names_of_people(text: str, names: list[str]) -> None:
    raw = {"variables": {"points": {"label": "Bonus points"}, "name": {"label": "Holder"}}}
    pieces = Names(raw, {}, "en").pieces(text)
    assert [one.name or one.code for one in pieces] == names
    assert "".join(one.code for one in pieces) == text


def test_a_condition_is_read_as_it_was_chosen() -> None:
    assert condition(None).kind == "always"
    assert (condition("{{ visit }}").kind, condition("{{ visit }}").name) == ("filled", "visit")
    gold = condition("{{ level == 'gold' }}")
    assert (gold.kind, gold.name, gold.operator, gold.value) == ("compared", "level", "==", "gold")
    assert (condition("{{ points >= 100 }}").operator, condition("{{ points >= 100 }}").value) == (">=", "100")
    assert condition("{{ a and b }}").kind == "formula"


@pytest.mark.parametrize(
    "edit",
    [
        Set("/colors", {"background": "{{ x"}),
        Set("/variables", {"a": {"type": "integer", "sample": "no number"}}),
        Set("/languages", ["ru", "en", "de"]),
        Set("/barcode", [{"format": "qr", "message": "1"}, {"format": "aztec", "message": "2"}]),
    ],
)
def test_a_draft_that_is_half_way_wrong_is_still_shown(coffee: dict[str, bytes], edit: Any) -> None:
    assert form(coffee, edit).name == "Coffee club"


def test_a_file_that_cannot_be_read_says_so() -> None:
    shown = draftform.of({"template.yaml": b"a: [1"}, "en", "en")
    assert not shown.is_readable
    assert shown.yaml == "a: [1"


# Pages.


async def test_the_form_has_every_place_of_the_template(designer: Browser) -> None:
    page = (await designer.get("/studio/templates/coffee")).body.decode()
    paths = set(re.findall(r'data-path="([^"]+)"', page))
    assert {"/name", "/colors/background", "/fields/header/0/label", "/fields/header/0/change_message",
            "/variables/points/sample", "/barcode/message", "/locations/0/latitude", "/google/points"} <= paths  # fmt: skip
    assert "{{" not in re.sub(r"(?s)<textarea.*?</textarea>|\s[a-z-]+=(\"[^\"]*\"|'[^']*')", "", page)
    assert 'data-code="{{ points }}">Bonus points</span>' in page


async def test_a_viewer_sees_the_card_and_no_form(small_house: House) -> None:
    viewer = await browser_of(small_house, await user(small_house, "vera@example.com", Role.VIEWER))
    page = (await viewer.get("/studio/templates/coffee")).body.decode()
    assert "data-path" not in page
    assert (await viewer.get("/studio/templates/coffee/form")).status == 403


async def test_the_preview_draws_both_wallets_from_what_was_built(designer: Browser) -> None:
    page = text(await designer.get("/studio/templates/coffee/preview?language=ru"))
    assert "Anna Petrova" in page
    assert "Баллы" in page
    assert "Google Wallet" in page
    empty = text(await designer.get("/studio/templates/coffee/preview?language=en&data=empty"))
    assert "Anna Petrova" not in empty
    voided = await designer.get("/studio/templates/coffee/preview?state=voided")
    assert "is-voided" in voided.body.decode()


async def test_a_picture_comes_once(designer: Browser) -> None:
    first = (await designer.get("/studio/templates/coffee/preview")).body.decode()
    digests = re.findall(r'data-picture="(\w+)"', first)
    assert digests
    again = (await designer.get(f"/studio/templates/coffee/preview?have={','.join(digests)}")).body.decode()
    assert "data-picture" not in again
    assert f"cached:{digests[0]}" in again


async def test_what_cannot_be_built_says_so_and_is_no_error(small_house: House, designer: Browser) -> None:
    await edited(small_house, Set("/fields/header/0/value", "{{ points"))
    answer = await designer.get("/studio/templates/coffee/preview")
    assert (answer.status, 'data-built="no"' in answer.body.decode()) == (200, True)


async def edited(house: House, *edits: Any) -> drafts.Draft:
    base = (await drafts.get(house.db, house.brand_id, "coffee")).number
    saved = await drafts.save_edits(
        house.db, house.brand_id, "coffee", base=base, edits=edits, by=COMMAND_LINE, now=datetime.now(UTC)
    )
    assert isinstance(saved, drafts.Draft)
    return saved


@pytest.mark.parametrize("key", ["stamps", "retail"])
async def test_what_a_cards_data_chooses_is_drawn_within_the_limits_of_a_preview(key: str) -> None:
    pool = LimitedPool()
    files = starters.every()[key].files
    brand = Brand("b", "B", "pass.b", "T", ("ru", "en"))
    seen = await pool.look(files, brand, language="ru", now=datetime.now(UTC))
    await pool.close()
    assert seen.is_built


# Files.


def entries(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


async def send(browser: Browser, path: str, content: bytes, **headers: str) -> Any:
    given = {
        "Accept": "application/json",
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/zip",
        **headers,
    }
    return await browser.ask("POST", path, data=content, **given)


async def test_a_template_goes_out_and_in_byte_for_byte(small_house: House, designer: Browser) -> None:
    answer = await designer.get("/studio/templates/coffee/export.zip")
    files = await templates.export_files(small_house.db, small_house.brand_id, "coffee")
    assert entries(answer.body) == files
    assert 'filename="coffee.zip"' in answer.headers["Content-Disposition"]
    copied = await send(designer, "/studio/starters:import?brand=coffee", answer.body)
    key = copied.json["location"].rpartition("/")[2]
    assert key == "coffee-club"
    assert (await templates.export_files(small_house.db, small_house.brand_id, key)).keys() == files.keys()
    replaced = await send(designer, "/studio/templates/coffee:replace?brand=coffee&base=1", answer.body)
    assert (replaced.json["number"], replaced.json["is_published"]) == (1, True)
    assert await templates.export_files(small_house.db, small_house.brand_id, "coffee") == files


async def test_a_packed_folder_is_found_wherever_it_lies(lean: dict[str, bytes]) -> None:
    packed = {f"my cards/coffee/{name}": content for name, content in lean.items()}
    packed |= {"__MACOSX/my cards/coffee/._template.yaml": b"x", "my cards/coffee/.DS_Store": b"x"}
    assert exchange.folder(packed) == lean
    assert exchange.folder({"readme.txt": b""}) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no zip", "not a zip"),
        (exchange.packed({"a.png": b""}), "no template.yaml"),
        (exchange.packed({"template.yaml": b"key: x\nname: X", "a.png": b"no picture"}), "PNG"),
        (exchange.packed({"template.yaml": b"key: x\nname: X"}), "style"),
    ],
)
async def test_what_is_no_template_is_refused_in_words(designer: Browser, content: bytes, said: str) -> None:
    answer = await send(designer, "/studio/starters:import?brand=coffee", content)
    assert answer.status == 422
    assert said in json.dumps(answer.json)


async def test_the_experts_file_is_one_step(small_house: House, designer: Browser) -> None:
    draft = await drafts.get(small_house.db, small_house.brand_id, "coffee")
    text_ = draft.files["template.yaml"].decode().replace("Coffee club", "Tea club")
    body = {"brand": "coffee", "base": draft.number, "text": text_}
    answer = await send(
        designer, "/studio/templates/coffee/yaml", json.dumps(body).encode(), **{"Content-Type": "application/json"}
    )
    assert (answer.json["number"], answer.json["can_undo"]) == (draft.number + 1, True)
    body |= {"text": "key: coffee\nname: [", "base": draft.number + 1}
    refused = await send(
        designer, "/studio/templates/coffee/yaml", json.dumps(body).encode(), **{"Content-Type": "application/json"}
    )
    assert refused.status == 422
    assert "line" in refused.json["refused"][0]["sentence"]


async def test_a_place_is_read_out_of_a_link(designer: Browser) -> None:
    answer = await designer.get("/studio/points?text=https://yandex.ru/maps/?pt=37.6173,55.7558")
    assert answer.json == {"latitude": 55.7558, "longitude": 37.6173}
    assert (await designer.get("/studio/points?text=Moscow")).json == {}
