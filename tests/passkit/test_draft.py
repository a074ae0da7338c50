"""A draft looked at: what is wrong with it, the fixes a machine can make, and what both wallets show."""

from __future__ import annotations

import dataclasses
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from passkit import draft, edit, fixes, limits, preview
from passkit.draft import Data, Mendable
from passkit.errors import Severity
from passkit.google import pictures as google_pictures
from passkit.model import Brand, CardState
from passkit.schema import parse_template

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ROOT = Path(__file__).parents[2] / "templates" / "passes"
STARTERS = sorted(folder.name for folder in ROOT.iterdir() if (folder / "template.yaml").is_file())


def starter(key: str) -> dict[str, bytes]:
    folder = ROOT / key
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def png(width: int = 300, height: int = 300) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (width, height), "#aa2211").save(content, "PNG")
    return content.getvalue()


CARD = """\
key: probe
style: storeCard
name: Probe
description: Probe
languages: [en]
images: {icon: icon.png, logo: icon.png}
variables:
  name: {type: text, label: Name, default: "", sample: Anna}
  points: {type: integer, label: Points, default: 0, sample: 5}
fields:
  header: [{key: points, label: Points, value: "{{ points }}", change_message: "Now %@"}]
  primary: [{key: name, label: "", value: "{{ name }}"}]
"""


def card(text: str = CARD, **more: bytes) -> dict[str, bytes]:
    return {"template.yaml": text.encode(), "icon.png": png(), **more}


def look(files: dict[str, bytes], brand: Brand, **given: Any) -> draft.Seen:
    asked = {"show": Data.SAMPLE, "state": CardState.ACTIVE, "language": None, "now": NOW, **given}
    return draft.look(files, brand, **asked)


def test_of_the_pictures_that_a_card_may_choose_the_preview_brings_its_own(brand: Brand) -> None:
    seen = look(starter("stamps"), brand)
    assert set(seen.google_pictures) == {"logo", "wide_logo", "hero", "hero_s6"}
    assert seen.google["loyaltyObject"]["heroImage"]["sourceUri"]["uri"] == "/images/hero_s6.png"
    golden = look(starter("retail"), brand)
    assert set(golden.google_pictures) == {"logo", "wide_logo", "hero", "hero_v1"}
    template = parse_template(starter("retail"))
    darker = parse_template(
        {**template.files, "template.yaml": starter("retail")["template.yaml"].replace(b"#14161c", b"#000000")}
    )
    assert draft.keys(darker)[0] == draft.keys(template)[0]
    assert draft.keys(darker)[1] != draft.keys(template)[1], "a transparent picture stands on the variant's colour"


@pytest.mark.parametrize("key", ["coffee", "stamps", "event"])
def test_starters_are_shown_with_any_data_in_any_state_and_language(key: str, brand: Brand) -> None:
    files = starter(key)
    template = parse_template(files)
    drawn = draft.draw(template)
    for show in Data:
        for state in CardState:
            for language in template.languages:
                seen = draft.look(
                    files, brand, show=show, state=state, language=language, now=NOW, drawn=lambda _: drawn
                )
                assert seen.is_built, (show, state, language, seen.problems)
                faces = preview.faces_of(seen.files, language)
                assert faces.voided is (state is not CardState.ACTIVE)


def test_the_preview_shows_what_a_publish_would_build(brand: Brand) -> None:
    """The files of the pass are those of the bundle; Google's pictures have the same pixels."""
    files = starter("coffee")
    seen = look(files, brand, language="ru")
    template = parse_template(files)
    published = google_pictures.pictures(template)
    assert set(seen.google) == {"loyaltyClass", "loyaltyObject"}
    assert set(seen.google_pictures) == set(published)
    for slot, content in draft.draw_google(template).items():
        with Image.open(io.BytesIO(content)) as quick, Image.open(io.BytesIO(published[slot])) as small:
            assert quick.size == small.size
    assert {name for name in seen.files if name.endswith(".png")} >= {"icon@3x.png", "logo@3x.png", "strip@3x.png"}
    assert not [name for name in seen.files if name.endswith("@2x.png")]


def test_long_data_is_longer_than_the_samples_and_empty_data_says_nothing(brand: Brand) -> None:
    files = card()
    shown = {show: preview.faces_of(look(files, brand, show=show, language="en").files, "en").by_key() for show in Data}
    assert shown[Data.SAMPLE]["name"].text == "Anna"
    assert len(shown[Data.LONG]["name"].text) > 40
    assert shown[Data.LONG]["points"].text.replace(",", "") == "9999999"
    assert shown[Data.EMPTY]["name"].text == ""


def test_every_field_that_can_ring_carries_its_message(brand: Brand) -> None:
    faces = preview.faces_of(look(card(), brand).files, "en")
    assert faces.by_key()["points"].change_message == "Now %@"


@pytest.mark.parametrize(
    ("text", "code", "pointer"),
    [
        (CARD.replace("{{ points }}", "{{ poi"), "expression", "/fields/header/0/value"),
        (CARD.replace("logo: icon.png", "logo: later.png"), "missing_file", "/images/logo"),
        (CARD.replace("style: storeCard", "style: postCard"), "form", "/style"),
        (CARD + "\tx: [", "form", ""),
    ],
)
def test_what_cannot_be_built_is_said_with_its_place(text: str, code: str, pointer: str, brand: Brand) -> None:
    seen = look(card(text), brand)
    assert not seen.is_built
    assert (code, pointer) in [(one.code, one.problem.pointer) for one in seen.problems]


def test_what_fails_for_this_card_alone_is_said_too(brand: Brand) -> None:
    text = CARD.replace('value: "{{ points }}"', 'value: "{{ 100 // (9999999 - points) }}"')
    assert look(card(text), brand).is_built
    seen = look(card(text), brand, show=Data.LONG)
    assert [(one.code, one.problem.pointer) for one in seen.problems][:1] == [("card", "/fields/header/0/value")]


# Fixes: each mends what it is offered for, and the template is as good as before in every other respect.

MENDED = {
    "low_contrast": CARD + 'colors: {background: "#333333", foreground: "#444444", label: "#3a2a1e"}\n',
    "no_icon": CARD.replace("icon: icon.png, ", ""),
    "nothing_at_the_top": CARD.replace(", logo: icon.png", ""),
    "not_drawn": CARD.replace("logo: icon.png", "logo: icon.png, thumbnail: icon.png"),
    "fixed_alignment": CARD.replace('label: "", value', 'label: "", text_alignment: left, value'),
    "detectors_in_front": CARD.replace('label: "", value', 'label: "", data_detectors: [], value'),
    "message_on_a_constant": CARD.replace('value: "{{ name }}"', 'value: Hello, change_message: "%@!"'),
    "keys_of_other_styles": CARD + "grouping_identifier: x\n",
    "missing_file": CARD.replace("logo: icon.png", "logo: gone.png"),
    "message_without_value": CARD.replace("Now %@", "Changed"),
    "row_elsewhere": CARD.replace('label: "", value', 'label: "", row: 1, value'),
    "fallback_elsewhere": CARD + "fallback: {style: generic}\n",
    "empty_variant": CARD + 'variants: [{when: "{{ points > 1 }}"}]\n',
    "language_twice": CARD.replace("[en]", "[en, en]"),
    "barcode_without_words": CARD + 'barcode: {message: "{{ card.number }}"}\n',
}
WITH_FILES = {
    "unused_files": ("", {"old.png": png()}),
    "translations_of_nothing": ("", {"strings/en.yaml": b"Pointz: Points\n"}),
    "unknown_language": ("", {"strings/ru.yaml": "Points: Баллы\n".encode()}),
    "translation_without_value": ("", {"strings/en.yaml": b'"Now %@": "Now you have"\n'}),
}


def found(files: dict[str, bytes], brand: Brand, code: str) -> list[Mendable]:
    return [one for one in draft.problems(files, brand) if one.code == code]


@pytest.mark.parametrize("code", [*MENDED, *WITH_FILES])
def test_a_fix_mends_its_problem_and_brings_no_other(code: str, brand: Brand) -> None:
    files = card(MENDED[code]) if code in MENDED else card(CARD, **WITH_FILES[code][1])
    wrong = found(files, brand, code)
    assert wrong, [one.code for one in draft.problems(files, brand)]
    for one in wrong:
        assert one.edits, one
        files = dict(edit.apply(files, one.edits).files)
    assert found(files, brand, code) == []
    errors = [one for one in draft.problems(files, brand) if one.problem.severity is Severity.ERROR]
    assert errors == []


def test_every_fix_is_for_a_rule_that_exists() -> None:
    assert fixes._RULES.keys() <= {rule.find.__name__ for rule in (*limits.RULES, *draft.HINTS)}


@pytest.mark.parametrize(("ground", "text"), [("#333333", "#444444"), ("#ffffff", "#eeeeee"), ("#888888", "#888888")])
def test_a_mended_colour_is_readable_and_stays_near(ground: str, text: str, brand: Brand) -> None:
    files = card(CARD + f'colors: {{background: "{ground}", foreground: "{text}", label: "{text}"}}\n')
    for one in found(files, brand, "low_contrast"):
        files = dict(edit.apply(files, one.edits).files)
    colors = parse_template(files).colors
    for written in (colors.foreground, colors.label):
        assert fixes.contrast(fixes._rgb(written) or (0, 0, 0), fixes._rgb(ground) or (0, 0, 0)) >= 4.5


def test_pictures_have_the_same_keys_while_they_are_the_same(brand: Brand) -> None:
    before = draft.keys(parse_template(card()))
    assert draft.keys(parse_template(card(CARD.replace("Points", "Bonuses")))) == before
    other = draft.keys(parse_template(card(CARD + 'colors: {background: "#112233"}\n')))
    assert (other[0] == before[0], other[1] == before[1]) == (True, False)
    assert draft.keys(parse_template(card(CARD + "image_focus: {logo: [0, 0]}\n")))[0] != before[0]
    assert draft.keys(parse_template({**card(), "icon.png": png(120, 120)}))[0] != before[0]
    assert dataclasses.is_dataclass(draft.Drawn)
