"""How fast a fan-out may go: as fast as the phones that come back can be served.

Each push of a news brings a list and a fetch with a signature, which cost a hundred times what the push does. So web
processes say each second how long fetches take and how busy they are, and the pushes of a fan-out follow: more each second
until somebody has too much to do, halved then, and up again by small steps (AIMD, as TCP shares a line). It begins low and
doubles in three seconds only, because a phone comes some seconds after its push: what is too much shows when as much again
is on its way. A customer's own change never waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

FIRST, LEAST, MOST = 100.0, 20.0, 50_000.0
"""Pushes a second: with which a fan-out begins, and its bounds."""
SLOW_SECONDS, EASY_SECONDS = 0.5, 0.15
"""The 95th percentile of fetches above which it is too fast, and below which there is room."""
BUSY, EASY = 0.85, 0.6
"""The share of a core above which a web process has too much to do, and below which there is room."""
GROWTH, STEP = 1.25, 1.05
"""By how much it grows each second: where there is room, and elsewhere."""
PATIENCE = 3
"""Seconds after a halving until it shows: the phones that were rung before still come."""
IDLE_SECONDS = 60.0
"""After so long without a fan-out the next begins anew."""
BURST, CRUMB = 0.25, 0.1
"""Seconds' worth of pushes that may go at once, and below which it is not worth a claim."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Pushes a second; ``rest`` seconds in which it is not halved again."""

    rate: float = FIRST
    rest: int = 0

    def next(self, fetch_seconds: float, cpu: float) -> Pace:
        """A second later, when the worst web process says this."""
        rest = max(0, self.rest - 1)
        if fetch_seconds > SLOW_SECONDS or cpu > BUSY:
            return Pace(self.rate, rest) if self.rest else Pace(max(LEAST, self.rate / 2), PATIENCE)
        has_room = fetch_seconds < EASY_SECONDS and cpu < EASY
        return Pace(min(MOST, self.rate * (GROWTH if has_room else STEP)), rest)


class Pacer:
    """Counts what a fan-out may push now; ``time`` is a monotonic clock in seconds."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self.pace = Pace()
        self._tokens = 0.0
        self._filled_at = self._heard_at = self._used_at = time()

    @property
    def is_due(self) -> bool:
        """Whether a second has passed since the load was last heard."""
        return self._time() - self._heard_at >= 1.0

    def hear(self, fetch_seconds: float, cpu: float) -> None:
        """What the web processes say now."""
        now = self._time()
        self._heard_at = now
        self.pace = Pace() if now - self._used_at > IDLE_SECONDS else self.pace.next(fetch_seconds, cpu)

    def room(self) -> int:
        """How many may be pushed now: none until it is worth a claim, and no burst."""
        now = self._time()
        self._tokens = min(self.pace.rate * BURST, self._tokens + (now - self._filled_at) * self.pace.rate)
        self._filled_at = now
        return int(self._tokens) if self._tokens >= self.pace.rate * CRUMB else 0

    def spend(self, pushes: int) -> None:
        """So many were claimed."""
        if pushes:
            self._tokens -= pushes
            self._used_at = self._time()
