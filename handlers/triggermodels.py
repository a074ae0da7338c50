"""The shapes of triggers in the REST interface."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from store.triggerrows import Event


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class TriggerOff(BaseModel):
    """Whether texts leave the cards with it; the body may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    take_off: bool = Field(default=False, description="Texts leave now, silently; otherwise when their time is over.")


class TriggerDay(_Answered):
    """A day on which its cards were looked at, or on which nobody was there to look (`missed`). Counts are cards."""

    day: date
    state: Literal["running", "done", "missed", "failed", "stopped"]
    looked_at: int = Field(description="Cards that are in use.")
    due: int = Field(description="Of them, cards whose day it is and whose holder agrees to the message.")
    told: int
    silent: int = Field(description="Of `told`, cards that were rung for as many news as they may be.")
    held_out: int
    too_soon: int = Field(description="Of `due`, cards that were told within `cap_days`.")
    no_consent: int
    no_value: int = Field(description="Cards without a date.")
    reason: str = Field(description="Why it failed.")


class TriggerFigures(_Answered):
    """What it has done. Cards told `today` and in 30 days (`month`, and of these `silent`); phones and Google objects ever."""

    today: int
    month: int
    held_out: int = Field(description="Cards of the last 30 days that were not told, to compare.")
    silent: int
    accepted: int
    gone: int
    failed: int
    waiting: int
    fetched: int = Field(description="Phones that had the text on the card.")


class TriggerAnswer(_Answered):
    """A trigger. `next_at`: when its cards are looked at next; null: it goes by changes, or is not on."""

    id: str
    template: str
    event: Event
    variable: str | None
    days: int | None
    at: str | None = Field(description="In the brand's clock.")
    time_zone: str
    level: str | int | None
    text: dict[str, str]
    title: dict[str, str]
    url: str | None
    kind: str
    topic: str | None
    cap_days: int
    holdout: int
    lasts_hours: int
    state: Literal["off", "on", "paused"]
    next_at: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime
    figures: TriggerFigures
    last: TriggerDay | None


class TriggerListAnswer(_Answered):
    """All triggers of the brand, the oldest first."""

    triggers: list[TriggerAnswer]


class TriggerFiring(_Answered):
    """A card that was told (`silent`: without a ring), or held out."""

    serial_number: str
    number: str
    at: datetime
    outcome: Literal["told", "silent", "held_out"]


class TriggerGroup(_Answered):
    """Cards of the last 30 days."""

    cards: int
    removed: int = Field(description="Cards that left a phone or a Google wallet within 48 hours.")
    changed: int = Field(description="Cards that the backend changed within 14 days.")


class TriggerResult(_Answered):
    """What came of it, told against held out."""

    told: TriggerGroup
    held_out: TriggerGroup


class TriggerHistoryAnswer(_Answered):
    """Its last days and firings, the newest first; `result` is null where nobody is held out."""

    days: list[TriggerDay]
    firings: list[TriggerFiring]
    result: TriggerResult | None


class TriggerTodayAnswer(_Answered):
    """Whom it would tell today, counted as it is now; nothing is told. Of events that come with a change all are 0."""

    looked_at: int
    due: int
    told: int
    silent: int
    held_out: int
    too_soon: int
    no_consent: int
    no_value: int


class TriggerRemoved(_Answered):
    """It is gone."""

    id: str
