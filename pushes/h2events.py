"""What the connection's core tells its edge. Every ticket is in exactly one of the first four."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pushes.channel import Push
from pushes.h2answer import Headers

Ticket = tuple[Push, Any]
"""A push and whatever its sender wants to find it by; the core never looks at the second."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """Status 200 without a body, for each of these; usually one event for all of a ``receive``."""

    tickets: Sequence[Ticket]


@dataclass(frozen=True, slots=True)
class Answered:
    """Another answer; ``headers`` with names in lower case, ``body`` cut at the core's limit."""

    ticket: Ticket
    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Unprocessed:
    """The peer says that it has not touched this one: it may be sent again at once (RFC 9113, 8.7)."""

    ticket: Ticket
    reason: str


@dataclass(frozen=True, slots=True)
class Broken:
    """Reset, timed out or cut: nobody knows whether the peer took it. ``reason`` is one of a few words of ours."""

    ticket: Ticket
    reason: str


@dataclass(frozen=True, slots=True)
class GoingAway:
    """The peer takes no new streams; ``text`` is what it gave as its reason, Apple's is JSON."""

    code: int
    text: bytes


@dataclass(frozen=True, slots=True)
class Failed:
    """The connection is over; the events of its streams have come before. ``detail`` is for the log."""

    reason: str
    detail: str


Event = Accepted | Answered | Unprocessed | Broken | GoingAway | Failed
