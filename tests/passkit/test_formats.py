"""Money and numbers are written as Babel writes them, in every language it knows; the quick way is only quicker."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from babel.core import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal
from hypothesis import given, settings
from hypothesis import strategies as st

from passkit.formats import formats
from passkit.money import Money, major, to_minor
from passkit.schema import locale_of

LANGUAGES = [
    "ru",
    "en",
    "de",
    "fr",
    "es",
    "pt-BR",
    "pl",
    "tr",
    "uk",
    "kk",
    "hi",
    "ja",
    "zh-Hans",
    "ar",
    "he",
    "de-CH",
    "sv",
    "lv",
]
AMOUNTS = [Decimal(text) for text in ("0", "1", "-1", "450", "1234567.89", "-1234567.89", "999.995", "0.01", "-0.01")]


def plain(text: str) -> str:
    """CLDR puts a space between a currency's letters and the digits; Babel does not."""
    return re.sub(r"(?<=[A-Za-z])\u00a0(?=-?[0-9])", "", text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("currency", ["RUB", "EUR", "USD", "KZT", "BYN"])
def test_money_is_written_as_babel_writes_it(language: str, currency: str) -> None:
    written = formats(language, "UTC")
    for amount in AMOUNTS:
        rounded = amount.quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
        wanted = format_currency(rounded, currency, locale=locale_of(language))
        assert plain(written.money(amount, currency)) == plain(wanted)


@pytest.mark.parametrize("language", LANGUAGES)
def test_numbers_are_written_as_babel_writes_them(language: str) -> None:
    written = formats(language, "UTC")
    for number in (0, 7, 1234, -1234567, Decimal("-0.5"), Decimal("12345.678")):
        assert written.number(number) == format_decimal(number, locale=locale_of(language))


@settings(deadline=None)  # other work on the machine is no failure
@given(st.integers(-(2**53), 2**53))
def test_any_amount_in_russian_is_written_as_babel_writes_it(minor: int) -> None:
    amount = major(minor, "RUB")
    assert formats("ru", "UTC").money(amount, "RUB") == format_currency(amount, "RUB", locale="ru")


@settings(deadline=None)  # other work on the machine is no failure
@given(st.integers(-(2**53), 2**53), st.sampled_from(["RUB", "JPY", "KWD", "CLF"]))
def test_minor_units_survive_the_way_through_major_units(minor: int, currency: str) -> None:
    assert to_minor(major(minor, currency), currency) == minor
    assert Money(minor, currency).major == major(minor, currency)


def test_currencies_have_the_decimals_of_iso_4217() -> None:
    assert major(45000, "RUB") == Decimal("450.00")
    assert major(450, "JPY") == Decimal(450)
    assert major(1500, "KWD") == Decimal("1.500")
    with pytest.raises(ValueError, match="0 decimals"):
        to_minor("1.5", "JPY")


@pytest.mark.parametrize("language", LANGUAGES)
def test_dates_are_written_as_babel_writes_them(language: str) -> None:
    written, day = formats(language, "Europe/Moscow"), date(2026, 12, 1)
    assert written.date(day) == format_date(day, "medium", locale_of(language))
    moment = datetime(2026, 12, 1, 21, 30, tzinfo=UTC)
    assert written.moment(moment, "d MMMM, HH:mm") == format_datetime(
        moment, "d MMMM, HH:mm", tzinfo=written.zone, locale=locale_of(language)
    )
    assert written.date(moment) == format_date(date(2026, 12, 2), "medium", locale_of(language))


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'xx' is not a language"):
        locale_of("xx")
    assert isinstance(locale_of("zh-Hans"), Locale)
