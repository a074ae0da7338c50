"""The lock screen's rules, each from Apple's documents or from what people saw."""

from __future__ import annotations

import json

import pytest

from passkit.preview import Faces, faces_of
from sandbox.lockscreen import each_field, notification
from tests.sandbox.passes import contents, document


def face(language: str = "en", **changes) -> Faces:
    return faces_of(contents(document(**changes)), language)


def test_a_changed_field_with_a_message_tells_its_new_value():
    told = notification(face(points=120), face(points=150))
    assert told is not None
    assert (told.text, told.fields, told.generic) == ("You have 150 points now", ("points",), False)


def test_the_text_is_in_the_phones_language_and_format():
    told = notification(face("ru", points=1), face("ru", points=2))
    assert told is not None
    assert told.text == "Теперь у вас 2 баллов"
    money = notification(face("ru", balance=450), face("ru", balance=1250))
    assert money is not None
    assert money.text == "Deposit: 1\u00a0250,00\u00a0₽"


def test_several_changed_fields_merge_into_one_generic_text():
    told = notification(face(), face(points=1, balance=1))
    assert told is not None
    assert (told.text, told.fields, told.generic) == ("Store card changed", ("points", "balance"), True)
    russian = notification(face("ru"), face("ru", points=1, balance=1))
    assert russian is not None
    assert russian.text == "Карта магазина изменена"


def test_a_message_without_placeholder_is_generic():
    after = document(points=5)
    after["storeCard"]["headerFields"][0]["changeMessage"] = "Points!"
    told = notification(face(), faces_of({"pass.json": json.dumps(after).encode()}, "en"))
    assert told is not None
    assert (told.text, told.generic) == ("Store card changed", True)


SILENT = {
    "nothing": {},
    "a field without message": {"note": "new"},
    "a colour": {"backgroundColor": "rgb(0, 0, 0)"},
}


@pytest.mark.parametrize("changes", SILENT.values(), ids=SILENT.keys())
def test_other_changes_are_silent(changes):
    assert notification(face(), face(**changes)) is None


def test_the_same_fields_in_another_language_are_not_a_change():
    assert notification(face(points=7), face(points=7)) is None


def test_a_field_that_was_not_there_counts_as_changed():
    before = document()
    before["storeCard"]["headerFields"] = []
    told = notification(faces_of({"pass.json": json.dumps(before).encode()}, "en"), face(points=9))
    assert told is not None
    assert told.text == "You have 9 points now"


def test_fosswallet_tells_each_field_apart():
    told = each_field(face(), face(points=1, balance=1))
    assert [one.text for one in told] == ["You have 1 points now", "Deposit: RUB\u00a01.00"]
