"""The starter cards: clean, in both languages, with pictures that survive import and export byte for byte."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime

import pytest
from PIL import Image

from passkit import data, images, limits, preview
from passkit.apple.signing import Identity
from passkit.model import Brand, Look
from passkit.render import compile_revision
from passkit.schema import Template
from passkit.variables import Variable
from tests.passkit.building import document, filled
from tests.passkit.judged_styles import STARTERS, STARTERS_FOLDER, build, files_of, template_of

NOW = datetime.now(UTC).replace(microsecond=0)
CYRILLIC = re.compile("[А-Яа-яЁё]")


@pytest.fixture(params=STARTERS)
def starter(request: pytest.FixtureRequest) -> Template:
    return template_of(request.param)


def texts(faces: preview.Faces) -> str:
    return " ".join(f"{field.label} {field.text}" for field in faces.fields)


def test_the_folder_holds_these_starters_and_no_other() -> None:
    assert sorted(path.name for path in STARTERS_FOLDER.iterdir() if (path / "template.yaml").exists()) == sorted(
        STARTERS
    )
    assert all(template_of(name).key == name for name in STARTERS)


def test_coffee_is_the_example_of_the_design() -> None:
    coffee = template_of("coffee")
    assert (coffee.style, coffee.languages) == ("storeCard", ("ru", "en"))
    assert coffee.variables == {
        "name": Variable(type="text", label="Holder", default="", sample="Anna Petrova", personal=True),
        "points": Variable(type="integer", label="Bonus points", default=0, sample=120),
        "balance": Variable(type="money", currency="RUB", label="Deposit", default=0, sample=45000),
        "visit": Variable(type="datetime", label="Next visit", optional=True, sample="2026-12-01T18:30:00+03:00"),
    }
    fields = {
        zone: [(field.key, field.label, field.value) for field in row] for zone, row in coffee.fields.items() if row
    }
    assert fields == {
        "header": [("points", "Points", "{{ points }}")],
        "primary": [("holder", "", "{{ name }}")],
        "secondary": [("balance", "Deposit", "{{ balance }}")],
        "auxiliary": [("visit", "Next visit", "{{ visit }}")],
        "back": [("news", "News", "{{ news.text }}"), ("book", "Book online", "https://example.com/book")],
    }
    messages = {
        field.key: field.change_message for _, row in coffee.fields.items() for field in row if field.change_message
    }
    assert messages == {"points": "You have %@ points now", "news": "%@"}
    assert coffee.barcode[0].message == coffee.barcode[0].alt_text == "{{ card.number }}"
    assert coffee.expires == "{{ card.expires_at }}"
    assert coffee.images == {"icon": "icon.png", "logo": "logo.png", "strip": "strip.jpg"}
    assert coffee.google.model_dump(exclude_unset=True) == {
        "type": "loyalty",
        "points": "points",
        "account_name": "holder",
        "account_id": "card.number",
    }


def test_a_starter_is_clean_under_lint(starter: Template) -> None:
    assert limits.check(starter) == []


def test_a_starter_has_what_a_real_card_has(starter: Template) -> None:
    assert starter.languages == ("ru", "en")
    assert starter.barcode
    assert starter.locations
    assert starter.featured_actions or starter.key == "coffee"
    keys = [field.key for field in starter.fields.back]
    assert "news" in keys
    assert any(field.link for field in starter.fields.back)
    assert len(keys) >= (2 if starter.key == "coffee" else 7)
    assert any(variable.personal for variable in starter.variables.values())


@pytest.mark.parametrize("name", STARTERS)
def test_the_pictures_are_in_their_normal_form(name: str) -> None:
    """So that import and export give back the very files."""
    pictures = {file: content for file, content in files_of(name).items() if not file.endswith(".yaml")}
    assert len(pictures) >= 3
    for file, content in pictures.items():
        assert images.intake(file, content) == content


def test_the_pictures_are_sharp_in_every_slot(starter: Template) -> None:
    chosen = [pair for variant in starter.variants for pair in variant.images.items()]
    for slot, file in (*starter.images.items(), *chosen):
        place = images.slot_of(starter.style, slot)
        assert place is not None
        width, height = images.size(starter.files[file])
        enough = (width >= place.width * 3, height >= place.height * 3)
        assert all(enough) if place.exact else any(enough)
        assert Image.open(io.BytesIO(starter.files[file])).format == ("JPEG" if file.endswith(".jpg") else "PNG")


def test_a_starter_is_light_to_fetch(starter: Template, brand: Brand) -> None:
    revision = compile_revision(starter, brand)
    variants = [None, *range(len(starter.variants))]
    counts = (0, starter.stamps.of) if starter.stamps else (None,)
    for look in (Look(variant, count) for variant in variants for count in counts):
        assert sum(len(content) for content in revision.images.of(look).files.values()) < 380_000


@pytest.mark.parametrize("name", STARTERS)
def test_a_starter_speaks_russian_to_russians_and_english_to_the_others(
    name: str, identity: Identity, brand: Brand
) -> None:
    template = template_of(name)
    pkpass = build(name, identity, brand, NOW)
    russian, english = (preview.faces(pkpass, language) for language in ("ru", "en"))
    labels = [field.label for field in russian.fields if field.label]
    assert labels
    assert all(CYRILLIC.search(label) for label in labels)
    assert not any(CYRILLIC.search(field.label) for field in english.fields)
    sources = {field.label for _, row in template.fields.items() for field in row}
    assert {field.label for field in english.fields} <= sources


def test_every_sample_is_seen_on_the_card(starter: Template, identity: Identity, brand: Brand) -> None:
    faces = preview.faces(build(starter.key, identity, brand, NOW), "ru", time_zone=brand.time_zone)
    shown = texts(faces)
    samples = data.sample(starter)
    for name, variable in starter.variables.items():
        if variable.is_text and not variable.choices:
            assert str(samples[name]) in shown


@pytest.mark.parametrize("name", STARTERS)
def test_a_card_that_says_nothing_yet_is_a_card(name: str, identity: Identity, brand: Brand) -> None:
    template = template_of(name)
    assert all(not variable.required for variable in template.variables.values())


def test_levels_are_seen_in_colour_picture_and_word(brand: Brand) -> None:
    revision = compile_revision(template_of("retail"), brand)
    seen = [filled(revision, {"level": level}, language="ru") for level in ("silver", "gold", "platinum")]
    assert len({document(one)["backgroundColor"] for one in seen}) == 3
    assert len({one.images.entries["strip@2x.png"].sha1 for one in seen}) == 3
    assert [field.text for one in seen for field in one.fields if field.key == "level"] == [
        "Серебро",
        "Золото",
        "Платина",
    ]


def test_each_stamp_is_seen_in_picture_and_words(brand: Brand) -> None:
    revision = compile_revision(template_of("stamps"), brand)
    seen = [filled(revision, {"stamps": count}, language="ru") for count in range(11)]
    assert len({one.images.entries["strip@2x.png"].sha1 for one in seen}) == 11
    words = [{field.key: field.text for field in one.fields} for one in seen]
    assert [one["stamps"] for one in words] == [f"{count} из 10" for count in range(11)]
    assert [words[count].get("left") for count in (0, 8, 9, 10)] == ["10 печатей", "2 печати", "1 печать", None]


def test_a_business_card_s_code_is_a_contact(brand: Brand) -> None:
    template = template_of("business")
    card = document(filled(compile_revision(template, brand), data.sample(template)))
    lines = card["barcodes"][0]["message"].splitlines()
    assert (lines[0], lines[-1]) == ("BEGIN:VCARD", "END:VCARD")
    assert {"VERSION:3.0", "FN:Вера Астахова", "EMAIL:vera@example.com"} <= set(lines)
    assert card["barcodes"][0]["messageEncoding"] == "utf-8"
