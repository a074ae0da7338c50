"""Google's quotas: 20 requests a second per issuer, and three notifications of each sort per pass in 24 hours. Pure.

https://developers.google.com/wallet/generic/resources/faq and
https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field

RATE = 20.0
"""Requests per second and issuer."""
PER_DAY = 3
DAY = 24 * 3600.0


@dataclass(slots=True)
class Bucket:
    """A second's worth of requests at once, then ``rate`` a second."""

    rate: float
    tokens: float
    at: float

    def take(self, now: float) -> bool:
        """Whether one more request may pass."""
        self.tokens = min(self.rate, self.tokens + (now - self.at) * self.rate)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class Rates:
    """One bucket per issuer; ``rate`` 0 lets everything pass."""

    rate: float = RATE
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def take(self, issuer: str, now: float) -> bool:
        """Whether one more request of this issuer may pass."""
        if not self.rate:
            return True
        bucket = self._buckets.setdefault(issuer, Bucket(self.rate, self.rate, now))
        bucket.rate = self.rate
        return bucket.take(now)


@dataclass(slots=True)
class Ledger:
    """When each pass has shown a notification of one sort; ``most`` in 24 hours."""

    most: int = PER_DAY
    _times: defaultdict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def has_room(self, resource_id: str, now: float) -> bool:
        """Whether one more may be shown."""
        times = self._times[resource_id]
        while times and times[0] <= now - DAY:
            times.popleft()
        return len(times) < self.most

    def write(self, resource_id: str, now: float) -> None:
        """One has been shown."""
        self._times[resource_id].append(now)
