"""When something may go out, in people's own clocks: quiet hours, so much allowed time later, every week at a time. Pure.

Wall clocks go by IANA zones (``zoneinfo``), moments are aware datetimes and answers are in UTC. A time that a change of clocks
skips is as much later, one that comes twice is the first of the two (PEP 495, fold 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of each day, ``since`` in and ``until`` out; where ``until`` is earlier, over midnight."""

    since: time
    until: time

    def __str__(self) -> str:
        return f"{self.since:%H:%M}-{self.until:%H:%M}"

    def hold(self, local: time) -> bool:
        """Whether a wall clock that shows this is in them."""
        if self.since < self.until:
            return self.since <= local < self.until
        return local >= self.since or local < self.until


def hours(text: str) -> Hours:
    """``21:00-09:00`` as a value; ValueError for what is none, or a whole day."""
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError("hours are written as 21:00-09:00")
    first, second, third, fourth = map(int, found.groups())
    since, until = time(first, second), time(third, fourth)
    if since == until:
        raise ValueError("hours that begin when they end are the whole day")
    return Hours(since, until)


def is_quiet(quiet: Hours | None, zone: ZoneInfo, at: datetime) -> bool:
    """Whether nothing may go out at this moment."""
    return quiet is not None and quiet.hold(at.astimezone(zone).time())


def allowed_from(quiet: Hours | None, zone: ZoneInfo, at: datetime) -> datetime:
    """The first moment, not before ``at``, when something may go out."""
    if quiet is None or not is_quiet(quiet, zone, at):
        return at
    return next(one for one in _minutes(at) if not is_quiet(quiet, zone, one))


def later(quiet: Hours | None, zone: ZoneInfo, at: datetime, by: timedelta) -> datetime:
    """So much time after ``at``, of which only the allowed counts, to the minute."""
    if quiet is None:
        return at + by
    left, now = by, allowed_from(quiet, zone, at)
    for one in _minutes(now):
        if not is_quiet(quiet, zone, now):
            if one - now >= left:
                return now + left
            left -= one - now
        now = one
    raise AssertionError("minutes never end")


def weekly(weekday: int, at: time, zone: ZoneInfo, after: datetime) -> datetime:
    """The next time that this weekday (Monday is 0) comes to this time, later than ``after``."""
    today = after.astimezone(zone).date()
    first = today + DAY * ((weekday - today.weekday()) % 7) - 7 * DAY
    return next(found for week in range(4) if (found := moment(first + 7 * DAY * week, at, zone)) > after)


def moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """A wall clock's time as a moment."""
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)


def elsewhere(at: datetime, here: ZoneInfo, there: ZoneInfo, quiet: Hours | None) -> datetime:
    """When another zone's wall clock shows what this one's shows at a moment, or later, out of the hours that are quiet there."""
    local = at.astimezone(here)
    return allowed_from(quiet, there, moment(local.date(), local.time(), there))


def _minutes(at: datetime) -> Iterator[datetime]:
    """The full minutes after a moment: clocks change at them, and hours are written in them."""
    one = at.astimezone(UTC).replace(second=0, microsecond=0)
    while True:
        one += MINUTE
        yield one
