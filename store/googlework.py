"""The values of Google's part of the store: what a worker is given, what it answers, and what others may ask.

Nothing here knows a database. A class is shared by all cards of a template, an object is one card's; both are brought
to Google as whole bodies, never as differences: what is due is a state, and a later state makes an earlier one moot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


def lease_name(issuer_id: str) -> str:
    """The name under which ``store.leases`` leases and holds an issuer."""
    return f"google:{issuer_id}"


class Mode(StrEnum):
    """Whether a brand is on Google: in ``TEST`` only the cards that it names see the button."""

    OFF = "off"
    TEST = "test"
    LIVE = "live"


class Outcome(StrEnum):
    """What became of a piece of work.

    ``ACCEPTED`` Google took the body; ``UNCHANGED`` nothing had to be sent; ``RETRY`` again after ``delay``; ``QUOTA``
    403 quotaExceeded for a notification: again at once, silently; ``DEAD`` refused for good (400): until the next
    change; ``OURS`` a key, a permission or a setting of ours: again after ``delay`` for as long as it takes.
    """

    ACCEPTED = "accepted"
    UNCHANGED = "unchanged"
    RETRY = "retry"
    QUOTA = "quota"
    DEAD = "dead"
    OURS = "ours"


@dataclass(frozen=True, slots=True)
class Work:
    """One class or object to bring to Google, leased to the worker that claimed it."""

    kind: str  # "class" | "object"
    row_id: int
    brand_id: int
    card_id: int | None
    generation: int
    attempts: int
    wanted_at: datetime
    lane: int
    type: str  # loyalty offer giftCard eventTicket generic flight transit
    id: str  # Google's id of it: issuer.suffix
    known: bool  # accepted before: PATCH first, 404 -> insert; else insert first, 409 -> PATCH
    body: Mapping[str, Any] = field(repr=False)  # to insert
    patch: Mapping[str, Any] = field(repr=False)  # to PATCH: nulls for what we own and do not set, messages to keep
    digest: str
    notify_update: bool = False  # this PATCH carries notifyPreference NOTIFY_ON_UPDATE
    message: Mapping[str, Any] | None = field(default=None, repr=False)  # for addMessage afterwards, type chosen
    drop_messages: bool = False  # ``patch`` has ``messages``: ended ones leave before ``message`` is added
    send_body: bool = True  # False: Google has this body; a PATCH only where ``drop_messages``, then the message
    news_id: int | None = None  # of our news that ``message`` is
    again: bool = False  # a worker may have sent ``message`` and died: GET and look for its id before adding it


@dataclass(frozen=True, slots=True)
class Result:
    """What Google answered to a piece of work.

    ``outcome`` is about the body; where that was accepted and the message was not, ``message_sent`` stays False and the
    message comes again after ``delay``. ``reason`` is Google's word, at most 200 characters; ``detail`` says what the
    body has against the schema: both go on the card's timeline, without personal data.
    """

    work: Work
    outcome: Outcome | str
    reason: str = ""
    delay: float = 0.0  # seconds
    detail: str = ""
    notified: bool = False  # the PATCH with notifyPreference was accepted
    message_sent: bool = False


@dataclass(frozen=True, slots=True)
class GoogleStatus:
    """A card on Google as the install page asks: ``inserted`` says that a skinny save link will work.

    ``object_id`` and ``class_id`` are None before the page was first opened; ``refused`` is the reason when Google has
    refused the card or its class for good. ``may_save``: in test only the cards that the brand names.
    """

    issuer_id: str
    type: str
    mode: str
    may_save: bool
    object_id: str | None = None
    class_id: str | None = None
    inserted: bool = False
    present: bool | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Bodies:
    """A card's class and object as they would be inserted now, for a save link that carries them (a fat JWT)."""

    type: str
    class_body: Mapping[str, Any] = field(repr=False)
    object_body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Check:
    """An object whose ``hasUsers`` is to be asked for; ``claimed_at`` by the database's clock."""

    row_id: int
    brand_id: int
    card_id: int
    type: str
    id: str
    claimed_at: datetime


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer: ``has_users`` None when Google does not know the object (404), which is then inserted again."""

    check: Check
    has_users: bool | None


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A brand's service account; ``info`` is its JSON file, empty when no SECRET opens it."""

    brand_id: int
    issuer_id: str | None
    client_email: str
    fingerprint: str
    created_at: datetime
    info: Mapping[str, Any] = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dead:
    """A class or object that Google refused for good; the next change, or ``revive``, tries it again."""

    kind: str
    id: str
    brand_id: int
    card_id: int | None
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class ClassMessage:
    """A message to everyone who holds a card of a template: texts by language, shown between the two moments.

    ``notify``: with a notification, at most three of a class in 24 hours; beyond that it comes silently.
    """

    id: str
    header: Mapping[str, str]
    body: Mapping[str, str]
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    notify: bool = False
