"""Which day a card's own data makes a message of, and whether a change has brought it to a level. Pure.

A message is set off by an event of a card. Four kinds are looked at once a day, in the brand's zone: a birthday, so many days
without a visit, something that expires, an appointment. Two come with a change: the card is on a phone for the first time, a
level is reached. Each occasion has a name, the same however often it is looked at, so that a card is told of it once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from passkit.model import Value

BIRTHDAY, NO_VISIT, EXPIRING, APPOINTMENT = "birthday", "no_visit", "expiring", "appointment"
INSTALLED, LEVEL = "installed", "level"
DAILY = (BIRTHDAY, NO_VISIT, EXPIRING, APPOINTMENT)
EVENTS = (*DAILY, INSTALLED, LEVEL)
DATES = ("date", "datetime")
NUMBERS = ("integer", "money", "decimal")
TYPES: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(DAILY, DATES),
    INSTALLED: (),
    LEVEL: ("text", *NUMBERS),
}
"""What a variable's type may be; nothing: the event asks for none."""
DAYS: Mapping[str, tuple[int, int, int]] = {
    BIRTHDAY: (0, 60, 0),
    NO_VISIT: (1, 1000, 60),
    EXPIRING: (0, 365, 7),
    APPOINTMENT: (0, 30, 1),
}
"""Least, most and usual number of days: after the visit, before the others."""


def occasion(event: str, value: Value, days: int, today: date, zone: ZoneInfo) -> str | None:
    """The name of what this day is to a card with this value; None: nothing. ValueError for a value that is no date."""
    if not isinstance(value, date):
        raise ValueError("this is no date")
    day = value.astimezone(zone).date() if isinstance(value, datetime) else value
    try:
        if event == BIRTHDAY:
            comes = today + timedelta(days=days)
            return str(comes.year) if celebrated(day, comes.year) == comes else None
        if event == NO_VISIT:
            return day.isoformat() if day + timedelta(days=days) == today else None
        is_due = day - timedelta(days=days) == today
    except OverflowError:  # the last days of the calendar
        return None
    return _named(value) if is_due else None


def celebrated(born: date, year: int) -> date:
    """The birthday in a year: who was born on 29 February has it on the 28th of the others."""
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


def reached(before: Value, after: Value, level: Value) -> str | None:
    """The name of the level that a change has brought a card to; None: none. ``level`` None: any other text."""
    if after == before or after is None or after == "":
        return None
    if level is None:
        return str(after)
    if isinstance(after, str):
        return after if after == level else None
    least = _number(level)
    return str(least) if _number(before) < least <= _number(after) else None


def _number(value: Value) -> Decimal:
    """A number to compare; less than any other for none."""
    return Decimal(value) if isinstance(value, int | Decimal) else Decimal("-Infinity")


def _named(value: date) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value.isoformat()
