"""The shapes of news in the REST interface."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

NewsState = Literal["draft", "waiting_approval", "scheduled", "running", "paused", "done", "failed", "cancelled"]


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class NewsCap(_Answered):
    """At most `news` of these kinds in so many days ring a card; the next are silent."""

    news: int
    days: int
    kinds: list[str]


class NewsRulesAnswer(_Answered):
    """What the brand asks of its news; null: nothing."""

    time_zone: str
    quiet: str | None = Field(description="Hours in which nobody is rung for a news: `21:00-09:00` in this time zone.")
    approval_above: int | None = Field(description="A news to more cards waits for a second person.")
    cap: NewsCap | None = Field(description="How many news may ring a card.")


class NewsStart(BaseModel):
    """The plan of a dry run, if it is to hold; the body may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    plan: str | None = Field(default=None, max_length=20, description="`plan` of the last dry run.")
    undo_seconds: int = Field(
        default=0, strict=True, ge=0, le=600, description="It waits so long, and a cancel makes it a draft again."
    )


class NewsProgress(_Answered):
    """Phones by (device, pass type) and Google objects; `fetched` are phones that have the text on the card."""

    targets: int
    accepted: int
    gone: int
    waiting: int
    failed: int
    fetched: int
    capped: int = Field(description="Cards that show it silently: they were rung for as many news as they may be.")


class NewsReason(_Answered):
    """Why some were not told, or not yet (`waiting`), and what to do about it."""

    fate: Literal["gone", "failed", "waiting"]
    reason: str = Field(description="The vendor's word, or ours.")
    count: int
    code: str = Field(description="What it comes to: removed, token_refused, vendor_busy, ours_to_fix...")
    en: str
    ru: str


class NewsWave(_Answered):
    """Cards that are told at one moment, when it is that hour in these zones."""

    at: datetime
    cards: int
    zones: list[str] = Field(description="The holders' own; cards that know none go by the brand's.")
    missed: bool = Field(description="The hour had gone by: they are not told.")
    is_live: bool


class NewsVariant(_Answered):
    """A text for a share of the audience."""

    share: int
    text: dict[str, str]
    title: dict[str, str]
    url: str | None


class NewsGroup(_Answered):
    """Cards of the audience."""

    cards: int
    removed: int = Field(description="Cards that left a phone or a Google wallet within 48 hours.")
    changed: int = Field(description="Cards that the backend changed within 14 days.")


class NewsResult(_Answered):
    """What came of it, told against held out; counted when it is done, after 48 hours, and after 14 days (`is_final`)."""

    told: NewsGroup
    holdout: NewsGroup | None
    until: datetime = Field(description="What happened later is not counted (yet).")
    is_final: bool


class NewsSays(_Answered):
    """What phones that were reached will show: they fetch it at once if they can, silently."""

    code: Literal["nothing_sent", "kept", "stopped", "reverts", "corrected", "corrected_at_resume", "withdrawn"]
    fetched: int = Field(description="Phones that have the text: they show the difference at their next fetch.")
    coming: int = Field(description="Phones that were pushed and have not fetched yet.")
    google: int = Field(description="Google holders whose message changes with it.")


class NewsAnswer(_Answered):
    """A news. `done`: every push has its final verdict; the text stays (`is_live`) until `ends_at`."""

    id: str
    template: str
    state: NewsState
    approve_by: datetime | None = Field(description="It waits for a second person, and is a draft again then.")
    is_live: bool = Field(description="Cards show it, or will when their phones come.")
    kind: str
    topic: str | None
    text: dict[str, str]
    title: dict[str, str]
    url: str | None
    image: str | None = Field(description="The picture's name: `/images/{image}.png`, as Google shows it.")
    variants: list[NewsVariant]
    audience: dict[str, Any] | None
    holdout: int
    starts_at: datetime | None
    zone: Literal["brand", "holder"] = Field(description="Whose clock `starts_at` goes by.")
    waves: list[NewsWave] = Field(description="Of the holders' clocks: when whose turn is, once it is started.")
    ends_at: datetime | None
    not_later_than: datetime | None = Field(description="Nobody is rung for it later.")
    missed: bool = Field(description="Its moment went by: it goes only when it is started again.")
    held_until: datetime | None = Field(description="Quiet hours hold it so long.")
    live_at: datetime | None
    over_at: datetime | None
    undo_until: datetime | None = Field(description="Until then `:cancel` makes it a draft again.")
    corrected_at: datetime | None
    withdrawn_at: datetime | None
    reason: str = Field(description="Why it failed, or did not reach everybody.")
    refused_by: str | None = Field(description="A draft again: who did not approve it.")
    created_by: str
    started_by: str | None
    created_at: datetime
    updated_at: datetime
    progress: NewsProgress
    reasons: list[NewsReason] = Field(description="Why some are gone, failed or wait, the most first.")
    result: NewsResult | None = Field(description="Null until it is done or over.")
    says: NewsSays | None = Field(description="In the answer to an operation: what phones that have it will show.")


class NewsListAnswer(_Answered):
    """A page of news, newest first; `next_cursor` is null on the last."""

    news: list[NewsAnswer]
    next_cursor: str | None


class NewsReach(_Answered):
    """Whom it finds: pushes to `iphones`, `other_phones` and messages to `google`; the rest says why not."""

    cards: int
    holdout: int
    no_consent: int
    iphones: int
    other_phones: int
    google: int
    google_silent: int = Field(description="Of `google`, those that had their three notifications today.")
    parked: int
    not_installed: int
    capped: int = Field(
        description="Of `cards`, those that show it silently: they had as many news as they may be rung for."
    )
    hour_gone: int = Field(description="Of `cards`, those where the hour has gone by: they are not told.")


class NewsSample(_Answered):
    """A real card of the audience, its holder masked."""

    number: str
    language: str
    lock_screen: str | None = Field(description="What an iPhone says; null: it stays silent.")


class DryRunAnswer(_Answered):
    """What starting it now would do. `warnings` are codes; `seconds` is about how long it takes."""

    plan: str
    revision: int
    reach: NewsReach
    google: Literal["off", "message", "messages"]
    samples: list[NewsSample]
    warnings: list[str]
    seconds: int
    waves: list[NewsWave] = Field(description="Of a news by the holders' clocks: when whose turn would be.")
