"""How often an address may fail: token buckets in memory, for strangers only.

What counts is a wrong token, key, signature or link, a list for a device we do not know, ``POST /v1/log``, and forms of join
links. A request that proves itself is never limited, whatever its neighbours do: many phones share one address.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from math import ceil

MAX_BUCKETS = 20_000
"""Addresses remembered; past that the longest unseen is forgotten, which gives it a full bucket."""


class Kind(StrEnum):
    """What is counted."""

    FAILURE = "failure"
    UNKNOWN_DEVICE = "unknown_device"
    LOG = "log"
    JOIN = "join"


@dataclass(frozen=True, slots=True)
class Allowance:
    """``burst`` at once, then ``per_second``; ``per_second_for_all`` is the sum over every address, or None."""

    burst: float
    per_second: float
    per_second_for_all: float | None = None


ALLOWANCES = {
    Kind.FAILURE: Allowance(burst=100, per_second=1.0),  # a misconfigured backend retries; a guesser gets nowhere
    Kind.UNKNOWN_DEVICE: Allowance(burst=100, per_second=1.0),  # phones whose last card was removed
    Kind.LOG: Allowance(burst=30, per_second=0.2, per_second_for_all=20.0),  # written to the database, by anybody
    Kind.JOIN: Allowance(burst=40, per_second=0.2, per_second_for_all=50.0),  # a shop's guests share its Wi-Fi
}


class Limiter:
    """The buckets of one process; ``time`` is a monotonic clock in seconds."""

    def __init__(self, time: Callable[[], float]) -> None:
        self._time = time
        self._buckets: OrderedDict[tuple[Kind, str], tuple[float, float]] = OrderedDict()

    def spend(self, kind: Kind, address: str | None) -> int:
        """Count one event: 0 if it is within the allowance, else the seconds until the next one would be."""
        allowance = ALLOWANCES[kind]
        if address is not None:
            wait = self._take((kind, address), allowance.burst, allowance.per_second)
            if wait:
                return wait
        if allowance.per_second_for_all is not None:
            return self._take((kind, ""), 10 * allowance.per_second_for_all, allowance.per_second_for_all)
        return 0

    def _take(self, key: tuple[Kind, str], burst: float, per_second: float) -> int:
        now = self._time()
        level, since = self._buckets.pop(key, (burst, now))
        level = min(burst, level + (now - since) * per_second)
        wait = 0 if level >= 1 else ceil((1 - level) / per_second)
        self._buckets[key] = (level if wait else level - 1, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return wait
