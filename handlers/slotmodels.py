"""The shapes of weekly slots, and of a second person's word, in the REST interface."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from handlers.newsmodels import NewsAnswer
from store.newsrequests import Said, Url
from store.newsslots import MOST_HOURS, MOST_TEXTS
from store.requests import Key

Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class SlotRequest(_Asked):
    """A weekly place for news."""

    template: Key = Field(description="The template's key.")
    weekday: StrictInt = Field(ge=0, le=6, description="0 is Monday, 6 is Sunday.")
    at: Clock = Field(description="`14:00`, in the brand's time zone.")
    zone: Literal["brand", "holder"] = Field(
        default="brand", description="`holder`: when it is `at` in each holder's own clock, wave by wave."
    )
    kind: Literal["service", "marketing"] = "service"
    topic: Key | None = None
    audience: dict[str, Any] | None = Field(default=None, description="As of a news; null: everybody.")
    lasts_hours: StrictInt | None = Field(
        default=None, ge=1, le=MOST_HOURS, description="Each leaves after so many hours, silently; null: it stays."
    )


class SlotTextRequest(_Asked):
    """The words of one week, behind those that wait."""

    text: Said = Field(description="The words, or one for each of the template's languages.")
    title: Said | None = None
    url: Url | None = None


class SlotMove(_Asked):
    """Another place in the queue."""

    to: StrictInt = Field(ge=0, lt=MOST_TEXTS, description="0 goes out next.")


class SlotTextAnswer(_Answered):
    """A text that waits."""

    id: int
    text: dict[str, str]
    title: dict[str, str]
    url: str | None
    created_by: str
    same_text: bool = Field(description="Cards will say the very same already, so that nobody would notice.")


class SlotAnswer(_Answered):
    """A weekly slot with its queue, the text that goes out next ahead. An empty one sends nothing."""

    id: str
    template: str
    weekday: int
    at: str = Field(description="`14:00` in this time zone.")
    time_zone: str
    zone: Literal["brand", "holder"] = Field(description="Whose clock `at` goes by.")
    kind: str
    topic: str | None
    audience: dict[str, Any] | None
    lasts_hours: int | None
    next_at: datetime
    texts: list[SlotTextAnswer]


class SlotListAnswer(_Answered):
    """All of the brand's."""

    slots: list[SlotAnswer]


class SlotRemoved(_Answered):
    """It is gone, with what waited in it; news that it has made stay."""

    id: str


class ApprovalListAnswer(_Answered):
    """News that wait for a second person, those that lapse first ahead."""

    news: list[NewsAnswer]


class NewsRefusal(_Asked):
    """Why not: whoever asked reads it."""

    reason: str = Field(default="", max_length=500)
