"""How many requests a second an issuer may have, and who goes first. Pure; the clock is an argument, in seconds.

Google allows 20 requests a second (https://developers.google.com/wallet/generic/resources/faq) and says nothing in its
answers about how many are left, so we count ourselves: the rate and the burst together stay at 20 in any second.
"""

from __future__ import annotations

from collections import deque
from enum import IntEnum
from typing import Generic, TypeVar

RATE = 18.0
"""Requests a second, for each issuer."""
BURST_SECONDS = 1 / 9
"""How much of a second's rate may be saved up: 2 requests at 18/s."""
ROUNDING = 1e-9
"""Of a token: what adding up fractions may lose."""

Who = TypeVar("Who")


class Lane(IntEnum):
    """Who goes first: a customer's own change, then a campaign, then our own looking after."""

    URGENT = 0
    CAMPAIGN = 1
    IDLE = 2


class Bucket:
    """A token bucket: a request takes a token, tokens come back at ``rate`` a second, few are saved up."""

    def __init__(self, rate: float = RATE, *, now: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate * BURST_SECONDS)
        self._tokens = self._most
        self._at = now
        self._rests_until = now

    def take(self, now: float) -> bool:
        """Take a token; False when there is none yet."""
        if self.wait(now) > 0.0:
            return False
        self._tokens -= 1.0
        return True

    def wait(self, now: float) -> float:
        """Seconds until there is a token, 0 when there is one."""
        self._tokens = min(self._most, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = max(self._at, now)
        missing = 1.0 - self._tokens
        return max(0.0, self._rests_until - now, missing / self._rate if missing > ROUNDING else 0.0)

    def rest(self, seconds: float, now: float) -> None:
        """Google said "too many": nothing goes for so long."""
        self._rests_until = max(self._rests_until, now + seconds)


class Turnstile(Generic[Who]):
    """Whoever waits for a token, by lane, and within a lane in the order of coming."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._lanes: dict[Lane, deque[Who]] = {lane: deque() for lane in Lane}

    def __len__(self) -> int:
        return sum(len(lane) for lane in self._lanes.values())

    def join(self, who: Who, lane: Lane) -> None:
        """Wait for a turn."""
        self._lanes[lane].append(who)

    def leave(self, who: Who) -> None:
        """Wait no more; nothing happens to who is not waiting."""
        for lane in self._lanes.values():
            if who in lane:
                lane.remove(who)

    def next(self, now: float) -> Who | None:
        """Whose turn it is, with the token taken; None when nobody waits or no token is there."""
        lane = next((lane for lane in self._lanes.values() if lane), None)
        return lane.popleft() if lane and self._bucket.take(now) else None

    def wait(self, now: float) -> float | None:
        """Seconds until somebody's turn; None when nobody waits."""
        return self._bucket.wait(now) if len(self) else None
