"""Phone numbers, judged by the numbering plans of Russia, Kazakhstan and others as their regulators and ITU publish them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passkit import phones
from passkit.schema import parse_template


@pytest.mark.parametrize(
    "text",
    [
        "8 916 123-45-67",
        "+7 (916) 123-45-67",
        "9161234567",
        "89161234567",
        "79161234567",
        "007 916 1234567",
        "  +7.916.123.45.67 ",
        "+7 916 123-45-67 доб. 5",
        "８９１６１２３４５６７",
    ],
)
def test_whatever_way_a_russian_number_is_typed_it_is_one(text: str) -> None:
    assert phones.e164(text, "RU") == "+79161234567"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("8 701 123 45 67", "KZ", "+77011234567"),
        ("0171 1234567", "DE", "+491711234567"),
        ("+380 50 123 45 67", "RU", "+380501234567"),
        ("+7 916 123-45-67", None, "+79161234567"),
        ("(650) 253-0000", "US", "+16502530000"),
    ],
)
def test_each_country_has_its_way_of_writing(text: str, region: str | None, number: str) -> None:
    assert phones.e164(text, region) == number


@pytest.mark.parametrize("text", ["", "123", "8 916 123", "Анна", "+", "+999 123456789", "9" * 300, "anna@example.com"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert phones.e164(text, "RU") is None


def test_a_lost_digit_is_noticed_where_a_person_types_it() -> None:
    assert phones.e164("8-916-123-45-6", "RU", strict=True) is None
    assert phones.e164("8-916-123-45-67", "RU", strict=True) == "+79161234567"


def test_without_a_country_a_national_number_means_nothing() -> None:
    assert phones.e164("8 916 123-45-67", None) is None


@pytest.mark.parametrize(
    ("zone", "languages", "region"),
    [
        ("Europe/Moscow", ["en"], "RU"),
        ("Asia/Almaty", ["ru"], "KZ"),
        ("Asia/Yekaterinburg", [], "RU"),
        ("UTC", ["ru", "en"], "RU"),
        ("UTC", ["kk"], "KZ"),
        ("UTC", [], None),
        ("Nowhere/Else", ["xx"], None),
    ],
)
def test_a_brand_s_country_is_that_of_its_clock(zone: str, languages: list[str], region: str | None) -> None:
    assert phones.region_of(zone, languages) == region


def test_a_number_is_read_by_people_and_hidden_from_others() -> None:
    assert phones.shown("+79161234567") == "+7 916 123-45-67"
    assert phones.masked("+79161234567") == "+7 ••• •••-••-67"
    assert phones.example("RU").startswith("+7 9")
    assert phones.example(None) == ""


@given(st.text(max_size=60), st.sampled_from(["RU", "US", "DE", None]))
def test_any_text_is_a_number_that_means_itself_or_none(text: str, region: str | None) -> None:
    number = phones.e164(text, region)
    if number is not None:
        assert number.startswith("+")
        assert number[1:].isascii()
        assert number[1:].isdigit()
        assert phones.e164(number, None) == number


def test_a_card_is_found_by_the_phone_that_is_its_holder_s() -> None:
    template = parse_template(
        {
            "template.yaml": b"""
key: small
style: generic
name: Small
variables:
  phone: {type: phone, personal: true, default: ""}
  desk:  {type: phone, default: "+7 495 765-43-21"}
  name:  {type: text, personal: true, default: ""}
"""
        }
    )
    assert phones.of_holder(template) == ("phone",)
