"""The waves of a news that goes by the holders' clocks, as the review and the page of its way show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import dates

from handlers.studio import page
from handlers.studio.me import Me
from store.newswaves import Wave

MOST_NAMES = 3
"""Zones of a wave that are named; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Line:
    """A wave: what the clocks ``there`` show, and whose they are; ``at`` is the moment."""

    there: str
    places: str
    at: datetime
    cards: int
    missed: bool
    is_live: bool


def lines(me: Me, waves: Sequence[Wave]) -> list[Line]:
    """In the order in which they come, those whose hour has gone by first."""
    return [_line(me, wave) for wave in waves]


def _line(me: Me, wave: Wave) -> Line:
    there = dates.format_datetime(wave.at.astimezone(ZoneInfo(wave.zones[0])), "d MMMM, HH:mm", locale=me.language)
    names = [dates.get_timezone_location(one, locale=me.language, return_city=True) for one in wave.zones]
    places = ", ".join(sorted(names)[:MOST_NAMES])
    if len(names) > MOST_NAMES:
        places = f"{places} {page.counted(me.language, len(names) - MOST_NAMES, 'news_wave_more')}"
    return Line(there, places, wave.at, wave.cards, wave.missed, wave.is_live)
