"""What a robot phone holds and remembers: cards, their editions, notifications, events, and its mood."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from passkit.preview import Faces
from sandbox.pkpass import OpenedPass

KEPT = 200
"""Events, notifications and editions kept per phone or card."""


class Kind(StrEnum):
    """What can happen to a phone."""

    INSTALLED = "installed"
    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    REMOVED = "removed"
    PUSHED = "pushed"
    LISTED = "listed"
    FETCHED = "fetched"
    UNCHANGED = "unchanged"
    SHOWN = "shown"
    SILENT = "silent"
    FAILED = "failed"
    OFFLINE = "offline"
    ONLINE = "online"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at ``time`` (epoch seconds), to one card or to all of a pass type."""

    time: float
    kind: Kind
    serial_number: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """A notification on the lock screen."""

    time: float
    serial_number: str
    organization_name: str
    text: str
    fields: tuple[str, ...]
    generic: bool


@dataclass(frozen=True, slots=True)
class Edition:
    """One state of a card as this phone got it: texts by field key."""

    time: float
    last_modified: str | None
    texts: dict[str, str]


@dataclass(slots=True)
class HeldCard:
    """A card in this wallet; ``faces`` are in the phone's language."""

    opened: OpenedPass
    faces: Faces
    last_modified: str | None = None
    link: str | None = None
    registered: bool = False
    editions: deque[Edition] = field(default_factory=lambda: deque(maxlen=KEPT))

    @property
    def serial_number(self) -> str:
        """The card's serial number."""
        return self.opened.serial_number

    def text(self, key: str) -> str:
        """What the face says in one field."""
        return self.faces.by_key()[key].text


@dataclass(slots=True)
class Mood:
    """What is wrong with this phone today; ``refused`` and ``cut`` count the fetches it still spoils."""

    wrong_token: bool = False
    stuck_tag: str | None = None
    refused_fetches: int = 0
    cut_fetches: int = 0
