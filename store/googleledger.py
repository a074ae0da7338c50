"""How often a holder may be notified: three times in 24 hours, for each of the two ways, per object. Pure.

Google counts TEXT_AND_NOTIFY messages and NOTIFY_ON_UPDATE patches apart, three of each per pass in 24 hours
(https://developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications). A ledger is the list
of the moments, microseconds since the epoch. A place is taken when a piece of work is claimed, so that a worker that dies
never makes a fourth; it is given back when Google has not taken the notification.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from store.tables import to_micros

LIMIT = 3
WINDOW = timedelta(hours=24)
KEPT_FOR_CHANGES = 1
"""Of the messages, where a change can notify in no other way: news leave it this many."""


def recent(stamps: Sequence[int], now: datetime) -> list[int]:
    """The moments that still count."""
    since = to_micros(now - WINDOW)
    return [stamp for stamp in stamps if stamp > since]


def is_free(stamps: Sequence[int], now: datetime, *, limit: int = LIMIT) -> bool:
    """Whether one more may notify."""
    return len(recent(stamps, now)) < limit


def full(now: datetime) -> list[int]:
    """The ledger after Google has said 403 quotaExceeded: nothing for a whole window."""
    return [to_micros(now)] * LIMIT


def without(stamps: Sequence[int], stamp: int | None) -> list[int]:
    """The ledger with one place given back."""
    left = list(stamps)
    if stamp in left:
        left.remove(stamp)
    return left
