"""A news at an hour of each holder's own clock: its cards in waves, one for each moment at which that hour comes somewhere.

The plan lists the cards, each with the moment of its wave (``news_cards.wave_at``); cards that know no zone go by the brand's. At
a wave's moment one row says that it is live (``news.wave_at``, and the template's board): its cards show the news and are rung,
those of later waves are not. A wave whose moment was missed is taken out and never catches up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import schedule
from store import newsrules, zones
from store.clock import database_now
from store.newsrules import Rules
from store.tables import from_micros, news_cards, registrations

EARLIEST = timedelta(hours=14)
"""As far ahead of UTC as a clock goes: Kiritimati."""
LATEST = timedelta(hours=12)
"""As far behind it: Baker Island."""
LATE = timedelta(hours=2)
"""Of allowed time: a news, or a wave, that could not begin by then is missed, unless something else was asked."""
PARTLY = "For some holders the hour had gone by."


@dataclass(frozen=True, slots=True)
class Wave:
    """Cards of one moment; ``zones``: their own, or the brand's for those that know none. ``missed``: they are not told."""

    at: datetime
    cards: int
    zones: tuple[str, ...]
    missed: bool = False
    is_live: bool = False


@dataclass(slots=True)
class Waves:
    """Of a news while its cards are listed; ``since`` is the first moment that it may begin, what is due before goes then."""

    since: int
    cards: Counter[int] = field(default_factory=Counter)
    zones: dict[int, set[str]] = field(default_factory=dict)

    def add(self, at: int, zone: str) -> None:
        """A card; ``at`` below 0: the hour had gone by."""
        self.cards[at] += 1
        self.zones.setdefault(at, set()).add(zone)

    def dumped(self) -> dict[str, Any]:
        """What the column holds."""
        rows = [[at, count, sorted(self.zones[at])] for at, count in sorted(self.cards.items())]
        return {"since": self.since, "waves": rows}


def loaded(kept: Mapping[str, Any]) -> Waves:
    """What ``dumped`` made."""
    waves = Waves(kept["since"])
    for at, count, names in kept["waves"]:
        waves.cards[at], waves.zones[at] = count, set(names)
    return waves


class Clock:
    """When a news comes to each zone; asked once for each."""

    def __init__(self, row: Any, rules: Rules, since: datetime) -> None:
        self.row = row
        self.rules = rules
        self.since = since
        self._known: dict[str, tuple[datetime, bool]] = {}

    def name(self, zone: str | None) -> str:
        """A card's zone, the brand's where it knows none."""
        return zone if zone is not None and zones.named(zone) else self.rules.zone.key

    def of(self, zone: str | None) -> tuple[datetime, bool]:
        """The moment, and whether it is too late for it."""
        name = self.name(zone)
        if name not in self._known:
            self._known[name] = self._worked_out(name)
        return self._known[name]

    def _worked_out(self, name: str) -> tuple[datetime, bool]:
        there = zones.named(name) or self.rules.zone
        at = schedule.elsewhere(self.row.starts_at, self.rules.zone, there, self.rules.quiet)
        begins = at if at >= self.since else schedule.allowed_from(self.rules.quiet, there, self.since)
        last = self.row.not_later_than or schedule.later(self.rules.quiet, there, at, LATE)
        return begins, begins > last


def goes_by_holders(row: Any) -> bool:
    """Whether it goes by their clocks; a draft may have no hour yet."""
    return row.by_holder and row.starts_at is not None


def earliest(row: Any, rules: Rules) -> datetime:
    """Before this its hour has come nowhere."""
    return span(row.starts_at, rules.zone)[0]


def span(at: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From when to when the hour that it is at that moment in this zone comes somewhere."""
    in_utc = at + (at.astimezone(zone).utcoffset() or timedelta(0))
    return min(at, in_utc - EARLIEST), max(at, in_utc + LATEST)


def planned(row: Any, rules: Rules, cards: Mapping[str | None, int], now: datetime) -> tuple[Wave, ...]:
    """The waves as they would be if it were started now: the missed first, then by their moments."""
    clock = Clock(row, rules, now)
    found: dict[tuple[datetime, bool], tuple[int, set[str]]] = {}
    for zone, count in cards.items():
        at, missed = clock.of(zone)
        so_far, names = found.get((at, missed), (0, set()))
        found[at, missed] = (so_far + count, names | {clock.name(zone)})
    waves = (Wave(at, count, tuple(sorted(names)), missed) for (at, missed), (count, names) in found.items())
    return tuple(sorted(waves, key=lambda one: (not one.missed, one.at)))


def of_row(row: Any) -> tuple[Wave, ...]:
    """Those of a news that is started, the missed first."""
    if not row.waves:
        return ()
    waves = loaded(row.waves)
    reached = row.wave_at if row.wave_at is not None else -1
    return tuple(
        Wave(from_micros(abs(at)), waves.cards[at], tuple(sorted(waves.zones[at])), at < 0, 0 <= at <= reached)
        for at in sorted(waves.cards)
    )


def first(kept: Mapping[str, Any] | None, after: int | None = None) -> int | None:
    """The first wave behind another; None: there is none."""
    reached = -1 if after is None else after
    return min((at for at, _, _ in kept["waves"] if at > reached), default=None) if kept else None


def following(row: Any) -> int | None:
    """The next wave of a news, None: all are live, or it has none."""
    return first(row.waves, row.wave_at)


def next_at(row: Any, reached: int | None) -> datetime | None:
    """When the timer has something to do about a live news of which this wave is live."""
    later = [from_micros(at) for at, _, _ in (row.waves or {}).get("waves", ()) if reached is not None and at > reached]
    return min([*later, *([row.ends_at] if row.ends_at is not None else [])], default=None)


def is_missed(row: Any, rules: Rules, wave: int, now: datetime) -> bool:
    """Whether it is too late for a wave that is due."""
    there = [zones.named(name) or rules.zone for name in loaded(row.waves).zones[wave]]
    return all(schedule.allowed_from(rules.quiet, zone, now) > _last(row, rules, zone, wave) for zone in there)


def _last(row: Any, rules: Rules, there: ZoneInfo, wave: int) -> datetime:
    by_itself = schedule.later(rules.quiet, there, from_micros(wave), LATE)
    return by_itself if row.not_later_than is None else min(by_itself, row.not_later_than)


def without(row: Any, wave: int) -> dict[str, Any]:
    """The waves of which this one was missed."""
    waves = loaded(row.waves)
    waves.cards[-wave], waves.zones[-wave] = waves.cards.pop(wave), waves.zones.pop(wave)
    return waves.dumped()


# Quiet hours, by the clocks of the holders.


def quiet_until(row: Any, rules: Rules, waves: Collection[int], now: datetime) -> dict[int, datetime]:
    """Those of these waves in whose zones it is quiet now, and when that ends."""
    kept = loaded(row.waves).zones
    ends = {}
    for wave in waves:
        names = kept.get(wave, ())
        end = max(
            (schedule.allowed_from(rules.quiet, zones.named(one) or rules.zone, now) for one in names), default=now
        )
        if end > now:
            ends[wave] = end
    return ends


def morning(row: Any, rules: Rules, now: datetime) -> datetime | None:
    """When quiet hours end first for a wave that is live and has them now."""
    reached = [at for at in loaded(row.waves).cards if 0 <= at <= (row.wave_at or 0)]
    return min(quiet_until(row, rules, reached, now).values(), default=None)


async def held_cards(conn: AsyncConnection, row: Any, card_ids: Collection[int]) -> frozenset[int]:
    """Of these cards those whose holders have quiet hours now."""
    rules = await newsrules.of_brand(conn, row.brand_id)
    if rules.quiet is None or not card_ids:
        return frozenset()
    listed = select(news_cards.c.card_id, news_cards.c.wave_at).where(news_cards.c.news_id == row.id)
    of = {one.card_id: one.wave_at for one in await conn.execute(listed.where(news_cards.c.card_id.in_(card_ids)))}
    ends = quiet_until(row, rules, {at for at in of.values() if at is not None}, await database_now(conn))
    return frozenset(card_id for card_id, at in of.items() if at in ends)


async def held_devices(conn: AsyncConnection, row: Any, rules: Rules, device_ids: Sequence[int]) -> dict[int, datetime]:
    """Of these phones those whose holders have quiet hours now, and when they end."""
    held = select(registrations.c.device_id, news_cards.c.wave_at)
    held = held.join(news_cards, news_cards.c.card_id == registrations.c.card_id)
    mine = held.where(news_cards.c.news_id == row.id, registrations.c.device_id.in_(device_ids))
    found = (await conn.execute(mine)).all()
    ends = quiet_until(row, rules, {one.wave_at for one in found if one.wave_at}, await database_now(conn))
    return {one.device_id: ends[one.wave_at] for one in found if one.wave_at in ends}
