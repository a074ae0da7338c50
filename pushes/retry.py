"""When to try again: one policy for all channels. Pure; the dice are an argument.

Exponential with full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): the n-th wait
lies anywhere between a floor and ``base * 2**n``, so that what failed together does not come back together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: the shortest wait, the widest first one, and the widest of all."""

    floor: float
    base: float
    cap: float


USUAL = Pace(floor=0.5, base=2, cap=15 * 60)
"""Cuts, silence, 5xx. Apple asks for full retries after 15 minutes; shorter first ones catch a passing fault."""

PER_TOKEN = Pace(floor=10, base=60, cap=60 * 60)
"""429: this one token had too many; only this token waits."""

PER_PROJECT = Pace(floor=60, base=60, cap=60 * 60)
"""FCM's quota: "exponential backoff with a minimum initial delay of 1 minute",
https://firebase.google.com/docs/cloud-messaging/error-codes."""

PACES: Mapping[str, Pace] = MappingProxyType(
    {
        "HTTP 429": PER_TOKEN,
        "QUOTA_EXCEEDED": PER_PROJECT,
        "RESOURCE_EXHAUSTED": PER_PROJECT,
        "TooManyProviderTokenUpdates": Pace(floor=20 * 60, base=20 * 60, cap=60 * 60),
        "TooManyRequests": PER_TOKEN,
        "quotaExceeded": Pace(floor=15 * 60, base=60 * 60, cap=6 * 60 * 60),  # Google's 3 notifications in 24 hours
    }
)
"""Reasons that do not go at the usual pace."""


def seconds(retry_after: str | None) -> float | None:
    """A Retry-After in seconds, a day at most; its other form, a date, goes by our own policy."""
    if retry_after is None or not (retry_after.isascii() and retry_after.isdigit()) or len(retry_after) > 9:
        return None
    return float(min(int(retry_after), 86_400))


def delay(attempts: int, reason: str, random: float, retry_after: float | None = None) -> float:
    """Seconds until the next try.

    Args:
        attempts: How many tries there have been, from 1.
        reason: The last verdict's reason.
        random: Evenly from [0, 1).
        retry_after: The last verdict's; never earlier than that, and up to a quarter later.
    """
    pace = PACES.get(reason, USUAL)
    widest = min(pace.cap, pace.base * 2.0 ** min(max(attempts, 1) - 1, 32))
    wait = max(pace.floor, widest * random)
    return wait if retry_after is None else max(wait, retry_after * (1 + random / 4))
