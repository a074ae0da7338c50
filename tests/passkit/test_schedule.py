"""Quiet hours and weekly times, through every change of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passkit import schedule
from passkit.schedule import Hours

ZONES = [ZoneInfo(name) for name in (
    "UTC", "Europe/Moscow", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
    "Africa/Cairo", "America/St_Johns",
)]  # fmt: skip
BERLIN = ZoneInfo("Europe/Berlin")
zones = st.sampled_from(ZONES)
moments = st.integers(0, 4 * 365 * 86_400).map(lambda one: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=one))
times = st.times().map(lambda one: one.replace(second=0, microsecond=0))
quiet_hours = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: Hours(*pair))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(quiet_hours)
def test_hours_are_read_as_they_are_written(hours: Hours):
    assert schedule.hours(str(hours)) == hours


@pytest.mark.parametrize(
    "text", ["", "21-9", "21:00-21:00", "24:00-09:00", "21:60-09:00", "21:00-09:00 ", "9:00-10:00"]
)
def test_what_is_no_hours_is_refused(text: str):
    with pytest.raises(ValueError, match="hours"):
        schedule.hours(text)


@given(quiet_hours, zones, moments)
def test_the_end_of_quiet_hours_is_the_first_allowed_minute(hours: Hours, zone: ZoneInfo, at: datetime):
    found = schedule.allowed_from(hours, zone, at)
    assert not schedule.is_quiet(hours, zone, found)
    assert timedelta(0) <= found - at <= timedelta(hours=25)
    if found > at:
        assert schedule.is_quiet(hours, zone, at)
        assert schedule.is_quiet(hours, zone, found - timedelta(microseconds=1))
        assert found.second == found.microsecond == 0


@pytest.mark.parametrize(
    ("at", "until"),
    [
        ("2026-11-22T19:59:59", "2026-11-22T19:59:59"),  # 20:59 in Berlin
        ("2026-11-22T20:00:00", "2026-11-23T08:00:00"),
        ("2026-03-28T22:00:00", "2026-03-29T07:00:00"),  # the night that is an hour shorter
        ("2026-10-24T22:00:00", "2026-10-25T08:00:00"),  # and the one that is longer
    ],
)
def test_a_night_in_berlin(at: str, until: str):
    assert schedule.allowed_from(schedule.hours("21:00-09:00"), BERLIN, utc(at)) == utc(until)


def test_quiet_hours_that_end_in_the_hour_that_comes_twice_end_once_for_each():
    night = schedule.hours("01:00-02:30")  # Berlin, 25 October 2026: 02:00 to 03:00 comes twice
    assert schedule.allowed_from(night, BERLIN, utc("2026-10-24T23:30:00")) == utc("2026-10-25T00:30:00")
    assert schedule.allowed_from(night, BERLIN, utc("2026-10-25T01:10:00")) == utc("2026-10-25T01:30:00")


def test_quiet_hours_that_end_in_the_hour_that_is_skipped_end_with_it():
    night = schedule.hours("01:00-02:30")  # Berlin, 29 March 2026: 02:00 to 03:00 does not come
    assert schedule.allowed_from(night, BERLIN, utc("2026-03-29T00:30:00")) == utc("2026-03-29T01:00:00")


@given(quiet_hours, zones, moments, st.integers(0, 300).map(lambda minutes: timedelta(minutes=minutes)))
def test_so_much_allowed_time_later_is_just_so_much(hours: Hours, zone: ZoneInfo, at: datetime, by: timedelta):
    at = at.replace(second=0, microsecond=0)
    found = schedule.later(hours, zone, at, by)
    begins = schedule.allowed_from(hours, zone, at)
    minutes = (found - begins) // timedelta(minutes=1)
    passed = [begins + timedelta(minutes=one) for one in range(minutes)]
    assert timedelta(minutes=sum(not schedule.is_quiet(hours, zone, one) for one in passed)) == by


def test_two_hours_later_without_quiet_hours_are_two_hours():
    assert schedule.later(None, BERLIN, utc("2026-11-22T20:30:10"), timedelta(hours=2)) == utc("2026-11-22T22:30:10")
    night = schedule.hours("21:00-09:00")  # 19:30 in Berlin, and an hour and a half before the night
    assert schedule.later(night, BERLIN, utc("2026-11-22T18:30:00"), timedelta(hours=2)) == utc("2026-11-23T08:30:00")


@given(st.integers(0, 6), times, zones, moments)
def test_a_weekly_time_comes_within_the_week_on_its_day_and_at_its_time(
    weekday: int, at: time, zone: ZoneInfo, after: datetime
):
    found = schedule.weekly(weekday, at, zone, after)
    local = found.astimezone(zone)
    assert timedelta(0) < found - after <= timedelta(days=7, hours=2)
    gap = timedelta(hours=2) if zone.key != "Pacific/Apia" else timedelta(days=1)
    wanted = datetime.combine(local.date(), at)
    assert local.weekday() == weekday or local.replace(tzinfo=None) - wanted <= gap
    naive = local.replace(tzinfo=None)
    assert naive.time() == at or timedelta(0) < (naive - wanted) % timedelta(days=1) <= gap  # skipped by the clocks


@given(st.integers(0, 6), times, zones, moments)
def test_weekly_times_follow_one_another_without_a_gap(weekday: int, at: time, zone: ZoneInfo, after: datetime):
    first = schedule.weekly(weekday, at, zone, after)
    second = schedule.weekly(weekday, at, zone, first)
    assert timedelta(days=6, hours=22) <= second - first <= timedelta(days=7, hours=2)
    assert schedule.weekly(weekday, at, zone, second - timedelta(microseconds=1)) == second


@pytest.mark.parametrize(
    ("after", "found"),
    [
        ("2026-11-22T12:00:00", "2026-11-27T13:00:00"),
        ("2026-11-27T12:59:59", "2026-11-27T13:00:00"),
        ("2026-11-27T13:00:00", "2026-12-04T13:00:00"),
        ("2026-03-27T13:00:00", "2026-04-03T12:00:00"),  # summer time has begun
    ],
)
def test_every_friday_at_two_in_berlin(after: str, found: str):
    assert schedule.weekly(4, time(14), BERLIN, utc(after)) == utc(found)
