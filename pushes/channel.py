"""What every delivery channel promises: pushes in, one verdict for each, as they come.

A channel never drops a push and never yields two verdicts for one; it does not retry across calls, it does not know
jobs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from store.naming import Named


class Outcome(StrEnum):
    """What became of a push, and so what to do next."""

    DELIVERED = "delivered"  # the vendor has accepted it
    GONE = "gone"  # the token is dead for this topic
    RETRY = "retry"  # nobody's fault: try again at or after a time
    PARK = "park"  # leave this token alone until it registers anew or an operator looks
    OURS = "ours"  # our credential, topic or request is wrong: hold the queue, delete nothing


@dataclass(frozen=True, slots=True)
class Push:
    """One push to one (device, pass type): our row, the vendor's token, and until when it is kept (epoch seconds).

    ``card`` is the one that it is about, for channels whose message names a card, if it is about one.
    """

    device_id: int
    topic: str
    token: str = field(repr=False)
    expiration: int
    card: Named | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The vendor's answer as a value: ``reason`` in its word, ``retry_after`` seconds, ``gone_since`` from a 410.

    ``is_suspect``: it blames the token, and may as well be about our key or our request.
    """

    outcome: Outcome
    reason: str
    retry_after: float | None = None
    gone_since: datetime | None = None
    vendor_id: str | None = None
    is_suspect: bool = False


class Channel(Protocol):
    """One vendor's way to phones."""

    def send_many(self, pushes: Sequence[Push]) -> AsyncIterator[tuple[Push, Verdict]]:
        """Send all and yield (push, verdict) in the order of the answers, exactly one for each push."""
        ...

    async def aclose(self) -> None:
        """Finish what is under way and close the connections."""
        ...
