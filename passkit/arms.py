"""Who of an audience gets which text, or none: by a stable hash, so that nobody has to be written down.

The same card of the same news always falls to the same arm, on every host; another news deals anew. The holdout is dealt
first: its share is of the whole audience, the arms share what is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

PARTS = 10_000
"""A share is dealt as exactly as this: a hundredth of a percent."""


def arm(news: str, serial_number: str, holdout: int, shares: Sequence[int]) -> int | None:
    """The place of the card's arm among ``shares``; None: it is held out.

    ``holdout`` is a percentage of all; ``shares`` are weights of any size, one for each text.
    """
    if holdout and _part(news, "holdout", serial_number) < holdout * PARTS // 100:
        return None
    if len(shares) < 2:
        return 0
    drawn = _part(news, "arm", serial_number) * sum(shares)
    reached = 0
    for place, share in enumerate(shares):
        reached += share * PARTS
        if drawn < reached:
            return place
    return len(shares) - 1


def _part(*words: str) -> int:
    """0 to PARTS - 1, each alike."""
    digest = sha256("\0".join(words).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8]) % PARTS
