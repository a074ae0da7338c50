"""What a worker decides about a claimed target."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.claims import Target


class Fate(StrEnum):
    """Final, but for ``RETRY``."""

    ACCEPTED = "accepted"
    PRUNE = "prune"
    PARK = "park"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Settled:
    """A target's fate, the vendor's reason and id for the push, and for a retry the delay in seconds."""

    target: Target
    fate: Fate
    reason: str = ""
    vendor_id: str | None = None
    delay: float = 0.0
    is_ours: bool = False  # our fault: it waits for as long as mending it takes
