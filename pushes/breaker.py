"""When a route's pushes must wait for an operator: our credential, topic or request is wrong.

Pure: verdicts in, a reason to hold out. The vendors' reasons are in ``verdict``; ``KeyRefused`` is our word for a service
account's key that Google takes no more.
"""

from __future__ import annotations

from collections import deque

from pushes.channel import Outcome, Verdict
from pushes.verdict import APNS

AT_ONCE = frozenset(
    {row.reason for row in APNS if row.status == 403}
    | {"TopicDisallowed", "HTTP 401", "HTTP 403", "KeyRefused", "NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED"}
)
"""The answers that speak of the credential itself: one is enough."""
SAMPLE = 20
"""Of answers that do not speak of the credential itself, most of so many must be ours to fix."""


class Breaker:
    """Watches the answers of one route."""

    def __init__(self) -> None:
        self._ours: deque[bool] = deque(maxlen=SAMPLE)

    def note(self, verdict: Verdict, *, suspect: bool = False) -> str | None:
        """Count an answer; the reason to hold when it opens the breaker.

        ``suspect`` marks an answer that blames the token but is not believed (more BadDeviceToken than can be true), or
        that may as well be about us.
        """
        if verdict.outcome is Outcome.OURS and verdict.reason in AT_ONCE:
            return verdict.reason
        if verdict.outcome is Outcome.RETRY:
            return None  # an outage of theirs says nothing about us
        self._ours.append(suspect or verdict.outcome is Outcome.OURS)
        if len(self._ours) == SAMPLE and sum(self._ours) * 2 > SAMPLE:
            self._ours.clear()
            return f"most of the last {SAMPLE} answers are ours to fix, the latest: {verdict.reason}"
        return None
