"""A join form: what it asks in each language, what answers mean, and what is told of wrong ones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passkit import data, joinform
from passkit.joinform import Question
from tests.passkit import building

VARIABLES = {
    "name": {"type": "text", "default": "", "label": "Name", "personal": True, "max_length": 40, "ask": "Your name?"},
    "phone": {"type": "phone", "default": "", "personal": True, "ask": {"required": True}, "label": "Phone"},
    "born": {"type": "date", "optional": True, "label": "Born", "ask": True},
    "size": {"type": "text", "optional": True, "choices": ["S", "M"], "ask": True, "label": "Size"},
    "pets": {"type": "integer", "optional": True, "ask": True, "label": "Pets"},
    "gift": {"type": "money", "currency": "RUB", "default": 0, "ask": True, "label": "Gift"},
    "at": {"type": "datetime", "optional": True, "ask": True, "label": "At"},
    "tea": {"type": "boolean", "default": False, "ask": True, "label": "Tea"},
    "points": {"type": "integer", "default": 0},
}
CONSENTS = {"processing": {"text": "I agree.", "link": "https://example.com/privacy"}, "marketing": "News, please."}
RUSSIAN = {"Your name?": "Как вас зовут?", "I agree.": "Согласна.", "S": "Эс"}
OWN = (
    Question(
        "source", "choice", {"en": "From where?", "ru": "Откуда?"}, ({"en": "Friends", "ru": "Друзья"}, {"en": "Ads"})
    ),
    Question("wish", "text", {"ru": "Пожелания?"}, required=True),
)
GOOD = {"data.phone": "8 916 123-45-67", "consent.processing": "yes", "own.wish": "Чай"}


@pytest.fixture(scope="module")
def template():
    return building.template({"ru": RUSSIAN}, variables=VARIABLES, consents=CONSENTS, languages=["en", "ru"])


def read(template, **more):
    return joinform.read(template, OWN, {**GOOD, **more}, "RU", "Europe/Moscow")


def test_it_asks_what_is_marked_and_its_own_in_the_reader_s_language(template):
    asked = joinform.fields(template, OWN, "ru", "RU")
    assert [one.name for one in asked] == [
        "data.name", "data.phone", "data.born", "data.size", "data.pets", "data.gift", "data.at", "data.tea",
        "own.source", "own.wish",
    ]  # fmt: skip
    by_name = {one.name: one for one in asked}
    assert by_name["data.name"].label == "Как вас зовут?"
    assert by_name["data.size"].choices == (("S", "Эс"), ("M", "M"))
    assert by_name["own.source"].choices == (("0", "Друзья"), ("1", "Ads"))
    assert (by_name["data.phone"].input, by_name["data.phone"].autocomplete) == ("tel", "tel")
    assert by_name["data.phone"].placeholder.startswith("+7 9")
    assert (by_name["data.phone"].required, by_name["data.name"].required) == (True, False)
    assert joinform.fields(template, OWN, "de", "RU")[0].label == "Your name?"


def test_consents_are_two_in_the_reader_s_words_and_one_is_free(template):
    processing, marketing = joinform.consents(template, "ru")
    assert (processing.text, processing.link, processing.required) == ("Согласна.", "https://example.com/privacy", True)
    assert (marketing.text, marketing.language, marketing.required) == ("News, please.", "ru", False)


def test_answers_become_what_the_api_takes(template):
    answers = read(
        template,
        **{
            "data.name": " Anna ",
            "data.born": "1990-05-14",
            "data.size": "M",
            "data.pets": "2",
            "data.gift": "1 450,50",
            "data.at": "2026-12-01T18:30",
            "data.tea": "yes",
            "own.source": "1",
            "consent.marketing": "yes",
        },
    )
    assert answers.errors == {}
    typed = data.accept(template, answers.data)
    assert typed["gift"] == 145050
    assert typed["at"].isoformat() == "2026-12-01T15:30:00+00:00"
    assert (typed["name"], typed["tea"], typed["pets"]) == ("Anna", True, 2)
    assert (answers.phone, typed["phone"]) == ("+79161234567", "+79161234567")
    assert answers.own == {"source": "1", "wish": "Чай"}
    assert answers.consents == ("processing", "marketing")


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("data.phone", "", "join_required"),
        ("data.phone", "8 916 123-45-6", "join_phone"),
        ("data.name", "x" * 41, "join_long"),
        ("data.name", "a\x07b", "join_long"),
        ("data.born", "14.05.1990", "join_date"),
        ("data.at", "tomorrow", "join_date"),
        ("data.size", "XL", "join_choice"),
        ("data.pets", "two", "join_number"),
        ("data.gift", "much", "join_number"),
        ("own.wish", "", "join_required"),
        ("own.source", "7", "join_choice"),
        ("consent.processing", "", "join_consent"),
        ("consent.processing", "on", "join_consent"),
    ],
)
def test_a_wrong_answer_is_told_at_its_field_alone(template, field, text, told):
    assert read(template, **{field: text}).errors == {field: told}


@given(st.dictionaries(st.sampled_from([f"data.{name}" for name in VARIABLES] + ["own.wish"]), st.text(max_size=60)))
def test_whatever_is_typed_is_taken_or_told(given_):
    made = building.template(variables=VARIABLES)
    answers = joinform.read(made, OWN, {**GOOD, **given_}, "RU", "Europe/Moscow")
    if not answers.errors:
        data.accept(made, answers.data)
    assert "points" not in answers.data


def test_a_template_that_needs_what_nobody_is_asked_has_no_form():
    made = building.template(variables={"code": {"type": "text"}, "name": {"type": "text", "ask": True}})
    assert joinform.missing(made) == ["code"]
