"""How many cards were given out and came onto a phone, by day, person and outlet: sums over ``store.handouts``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from store import handouts
from store.dialect import Database
from store.handouts import Tally

MAX_DAYS = 400
"""Of one report."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one person gave out at one outlet on one day; None where a card names none."""

    day: date
    outlet: str | None
    person: str | None
    tally: Tally


@dataclass(frozen=True, slots=True)
class Report:
    """Sums of a time. ``days`` are all of it, also those without a card; the others only what there is, most cards first."""

    total: Tally
    days: Mapping[date, Tally] = field(default_factory=dict)
    people: Mapping[str | None, Tally] = field(default_factory=dict)
    outlets: Mapping[str | None, Tally] = field(default_factory=dict)


async def report(db: Database, brand_id: int, first: date, last: date, zone: ZoneInfo) -> Report:
    """From the beginning of a day to the end of another, in this zone."""
    days = {first + timedelta(days=number): Tally() for number in range(min((last - first).days + 1, MAX_DAYS))}
    people: dict[str | None, Tally] = {}
    outlets: dict[str | None, Tally] = {}
    total = Tally()
    async for one in handouts.between(db, brand_id, *bounds(first, last, zone)):
        day = one.at.astimezone(zone).date()
        total, days[day] = total.plus(one), days.get(day, Tally()).plus(one)
        people[one.issued_by] = people.get(one.issued_by, Tally()).plus(one)
        outlets[one.outlet] = outlets.get(one.outlet, Tally()).plus(one)
    return Report(total, days, _most_first(people), _most_first(outlets))


async def lines(db: Database, brand_id: int, first: date, last: date, zone: ZoneInfo) -> list[Line]:
    """The same as rows of (day, outlet, person), for a table calculation."""
    found: dict[tuple[date, str | None, str | None], Tally] = {}
    async for one in handouts.between(db, brand_id, *bounds(first, last, zone)):
        key = (one.at.astimezone(zone).date(), one.outlet, one.issued_by)
        found[key] = found.get(key, Tally()).plus(one)
    rows = [Line(*key, tally) for key, tally in found.items()]
    return sorted(rows, key=lambda row: (row.day, row.outlet or "", row.person or ""))


def bounds(first: date, last: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The moments from the beginning of a day to the end of another, in this zone."""
    until = last + timedelta(days=1)
    return datetime(first.year, first.month, first.day, tzinfo=zone), datetime(
        until.year, until.month, until.day, tzinfo=zone
    )


def _most_first(found: Mapping[str | None, Tally]) -> dict[str | None, Tally]:
    return dict(sorted(found.items(), key=lambda item: (-item[1].issued, item[0] or "")))
