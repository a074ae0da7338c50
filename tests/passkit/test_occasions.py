"""Which day a card's data makes a message of, over years and zones, and which change reaches a level."""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passkit.model import Value
from passkit.occasions import APPOINTMENT, BIRTHDAY, DAYS, EXPIRING, NO_VISIT, celebrated, occasion, reached

DATES = st.dates(date(1900, 1, 1), date(2100, 12, 31))
ZONES = st.sampled_from(
    ["Europe/Moscow", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "America/New_York"]
)
YEARS = {"min_value": datetime(2000, 1, 1), "max_value": datetime(2090, 1, 1)}  # noqa: DTZ001 - hypothesis adds the zone
MOSCOW = ZoneInfo("Europe/Moscow")


def days_of(event: str, value: Value, days: int, first: date, count: int, zone: ZoneInfo = MOSCOW) -> dict[date, str]:
    """Every day in a row that is the card's, with the occasion's name."""
    every = (first + timedelta(days=one) for one in range(count))
    return {day: name for day in every if (name := occasion(event, value, days, day, zone)) is not None}


@given(born=DATES, year=st.integers(1950, 2099), days=st.integers(0, 60))
def test_a_birthday_comes_once_a_year_so_many_days_before(born: date, year: int, days: int) -> None:
    first = date(year, 1, 1) - timedelta(days=days)
    found = days_of(BIRTHDAY, born, days, first, 366 if calendar.isleap(year) else 365)
    ((day, name),) = found.items()
    assert name == str(year)
    comes = day + timedelta(days=days)
    expected = (2, 28) if (born.month, born.day) == (2, 29) and not calendar.isleap(year) else (born.month, born.day)
    assert (comes.month, comes.day) == expected


def test_who_was_born_on_29_february_has_it_then_in_leap_years() -> None:
    born = date(1996, 2, 29)
    assert [celebrated(born, year) for year in (2027, 2028, 2100)] == [
        date(2027, 2, 28), date(2028, 2, 29), date(2100, 2, 28)
    ]  # fmt: skip


@given(value=DATES, days=st.integers(1, 1000))
def test_an_absence_has_one_day_and_a_newer_visit_begins_another(value: date, days: int) -> None:
    around = value + timedelta(days=days - 5)
    assert days_of(NO_VISIT, value, days, around, 10) == {value + timedelta(days=days): value.isoformat()}


@given(event=st.sampled_from([EXPIRING, APPOINTMENT]), value=DATES, days=st.integers(0, 30))
def test_what_expires_and_who_has_an_appointment_has_one_day_before(event: str, value: date, days: int) -> None:
    assert days_of(event, value, days, value - timedelta(days=40), 45) == {
        value - timedelta(days=days): value.isoformat()
    }


@given(at=st.datetimes(timezones=st.just(UTC), **YEARS), zone=ZONES)
def test_a_moment_is_the_day_that_the_brands_clock_shows(at: datetime, zone: str) -> None:
    here = ZoneInfo(zone)
    local = at.astimezone(here).date()
    found = days_of(APPOINTMENT, at, 1, local - timedelta(days=3), 6, here)
    assert found == {local - timedelta(days=1): at.isoformat()}


@pytest.mark.parametrize("value", [None, "", "tomorrow", 5, True, Decimal(3)])
@pytest.mark.parametrize("event", DAYS)
def test_what_is_no_date_is_said_to_be_none(event: str, value: Value) -> None:
    with pytest.raises(ValueError, match="no date"):
        occasion(event, value, 1, date(2026, 5, 1), MOSCOW)


@pytest.mark.parametrize("value", [date(9999, 12, 31), date(1, 1, 1)])
@pytest.mark.parametrize("event", DAYS)
def test_the_ends_of_the_calendar_are_days_like_others(event: str, value: date) -> None:
    assert occasion(event, value, 1, date(2026, 5, 1), MOSCOW) is None


@pytest.mark.parametrize(
    ("before", "after", "level", "name"),
    [("silver", "gold", "gold", "gold"), ("gold", "gold", "gold", None), (None, "gold", "gold", "gold"),
     ("gold", "silver", "gold", None), ("silver", "gold", None, "gold"), ("gold", "", None, None),
     ("gold", None, None, None), (None, "gold", None, "gold"),
     (90, 100, 100, "100"), (100, 120, 100, None), (90, 99, 100, None), (120, 90, 100, None), (None, 100, 100, "100"),
     (Decimal("9.5"), Decimal("10.0"), Decimal(10), "10")],
)  # fmt: skip
def test_a_level_is_reached_by_the_change_that_brings_the_card_to_it(
    before: Value, after: Value, level: Value, name: str | None
) -> None:
    assert reached(before, after, level) == name
