"""One sentence at the end of a card's timeline: what happened to its last change, and what to tell the client.

A pure table over the timeline's lines and the phones that hold the card: no database, no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.timeline import TimelineEntry


@dataclass(frozen=True, slots=True)
class Holder:
    """A phone that holds the card: since when, whether its token is in use, and what was last heard of it."""

    id: int
    platform: str
    state: str
    state_reason: str | None
    accepted_at: datetime | None
    listed_at: datetime | None
    since: datetime


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``code`` for programs; the sentences for the person on the phone with the client, in both languages."""

    code: str
    en: str
    ru: str
    tell_client_en: str
    tell_client_ru: str


def diagnosis(entries: Sequence[TimelineEntry], holders: Sequence[Holder], now: datetime) -> Diagnosis:
    """The first row of the table that fits."""
    raise NotImplementedError
