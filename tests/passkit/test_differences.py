"""What differs between two templates, as a person is told."""

from __future__ import annotations

import pytest

from passkit import edit
from passkit.differences import differences
from passkit.edit import AddLanguage, Edit, Insert, Move, Picture, Remove, Set, Translate
from passkit.schema import parse_template
from tests.passkit.test_draft import card, png

Told = tuple[str, str, str | None, str | None]


def told(*edits: Edit) -> list[Told]:
    before = card(**{"strings/en.yaml": b"Points: Points\n"})
    after = edit.apply(before, edits).files
    found = differences(parse_template(before), parse_template(after))
    return [(one.kind, one.pointer, one.before, one.after) for one in found]


def test_the_same_template_does_not_differ() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Set("/name", "New"), ("texts", "/name", "Probe", "New")),
        (Set("/fields/header/0/format", "number"), ("fields", "/fields/header/0/format", None, "number")),
        (Set("/fields/header/0/value", "7"), ("texts", "/fields/header/0/value", "{{ points }}", "7")),
        (Remove("/fields/primary/0"), ("fields", "/fields/primary/0", "{{ name }}", None)),
        (Move("/fields/primary", 0, 0, "/fields/secondary"), ("fields", "/fields/secondary/0", "primary", "secondary")),
        (
            Insert("/fields/back", None, {"key": "x", "label": "X", "value": "y"}),
            ("fields", "/fields/back/0", None, "y"),
        ),
        (Translate("en", "Points", "Bonuses"), ("texts", "/strings/en/Points", "Points", "Bonuses")),
        (Set("/colors/background", "#fff"), ("colors", "/colors/background", None, "#fff")),
        (Picture("strip", "a.png", png()), ("pictures", "/images/strip", None, "strip.png")),
        (AddLanguage("ru"), ("languages", "/languages", "en", "en, ru")),
        (Set("/variables/points/default", 7), None),
        (Remove("/variables/name/sample"), None),
        (Set("/barcode", {"message": "1"}), None),
        (Set("/expires", "{{ card.expires_at }}"), ("other", "/expires", None, "{{ card.expires_at }}")),
    ],
)
def test_a_change_is_one_difference_of_its_kind(change: Edit, expected: Told | None) -> None:
    (only,) = told(change)
    if expected is not None:
        assert only == expected


def test_a_reworded_text_is_told_with_its_translations() -> None:
    found = told(Set("/fields/header/0/label", "Bonuses"))
    assert {one[1] for one in found} == {"/fields/header/0/label", "/strings/en/Points", "/strings/en/Bonuses"}


def test_another_picture_under_the_same_name_is_a_difference() -> None:
    before = card()
    after = {**before, "icon.png": png(200, 200)}
    found = differences(parse_template(before), parse_template(after))
    assert [one.pointer for one in found] == ["/images/icon", "/images/logo"]


def test_fields_in_another_order_are_told_once() -> None:
    added = Insert("/fields/header", None, {"key": "second", "value": "2"})
    before = edit.apply(card(), [added]).files
    after = edit.apply(before, [Move("/fields/header", 0, 1)]).files
    (only,) = differences(parse_template(before), parse_template(after))
    assert (only.kind, only.before, only.after) == ("fields", "points, second", "second, points")
