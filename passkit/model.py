"""The values of the domain: what a brand, a card, a news and a filled pass are.

All frozen; money and points are integers in minor units or ``Decimal``; instants are aware datetimes in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, NewType

if TYPE_CHECKING:
    from passkit.apple.bundle import PreparedFiles

SerialNumber = NewType("SerialNumber", str)
PassTypeIdentifier = NewType("PassTypeIdentifier", str)

Value = str | int | Decimal | bool | datetime | date | None
"""A variable's canonical value: text, integer, money (int, minor units), decimal, boolean, instant, day, or absent."""


class CardState(StrEnum):
    """One state for both wallets; all but ``ACTIVE`` are over."""

    ACTIVE = "active"
    VOIDED = "voided"
    EXPIRED = "expired"
    COMPLETED = "completed"


class Notify(StrEnum):
    """How a change reaches the holder: with a lock-screen text, or silently."""

    RING = "ring"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Brand:
    """An organization, as far as passes show it: ``web_service_url`` is ``{PUBLIC_URL}/passkit``, None offline."""

    key: str
    name: str
    pass_type_identifier: str
    team_identifier: str
    languages: tuple[str, ...] = ("en",)
    time_zone: str = "UTC"
    web_service_url: str | None = None


@dataclass(frozen=True, slots=True)
class Outlet:
    """The place that gave the card out, as cards show it; a card without one shows empty texts."""

    name: str = ""
    address: str = ""
    phone: str = ""
    url: str = ""
    hours: str = ""


NO_OUTLET = Outlet()
SAMPLE_OUTLET = Outlet("Main Street", "1 Main Street", "+1 202 555 0100", "https://example.com/", "Mon-Sun 9:00-21:00")
"""What designs are looked at with."""


@dataclass(frozen=True, slots=True)
class Card:
    """One customer's card as the builder sees it.

    ``ring`` names the only fields that may carry a changeMessage in this edition; None means all of them (a design
    being looked at, not a card on a phone).
    """

    serial_number: str
    number: str
    authentication_token: str
    data: Mapping[str, Value]
    state: CardState = CardState.ACTIVE
    language: str | None = None
    external_id: str | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None
    ring: frozenset[str] | None = frozenset()
    outlet: Outlet = NO_OUTLET


@dataclass(frozen=True, slots=True)
class Picture:
    """What a news shows in place of the strip: files of the pass by name; ``key`` tells it from others."""

    key: str
    files: Mapping[str, bytes] = field(repr=False)
    hero: str | None = None
    """Google's, by its hash."""


@dataclass(frozen=True, slots=True)
class News:
    """A marketer's message that is live on the card: texts by language."""

    text: Mapping[str, str]
    title: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    picture: Picture | None = None
    history: Sequence[tuple[datetime, Mapping[str, str]]] = ()
    """What the card was told and when, newest first, this news among it."""


class Look(NamedTuple):
    """What a card's data has chosen of its template: the place of a variant, and how many stamps are drawn."""

    variant: int | None = None
    stamps: int | None = None


@dataclass(frozen=True, slots=True)
class PassField:
    """A filled field, for comparing two passes: texts are what a person reads, in the card's language."""

    key: str
    zone: str
    label: str
    text: str
    change_message: str | None


@dataclass(frozen=True, slots=True)
class Pass:
    """A card filled into a revision, about to be built.

    ``document`` is pass.json as JSON values; ``strings`` one table per language (literal in pass.json -> translation);
    ``images`` the prepared images of the revision, the same object for all cards of one look; ``signing_time`` the only
    place that ``now`` reaches.
    ``fields`` are in order of importance, most important first; they are made when somebody reads them.
    """

    document: Mapping[str, Any]
    strings: Mapping[str, Mapping[str, str]]
    images: PreparedFiles
    fields: Sequence[PassField]
    language: str
    signing_time: datetime
