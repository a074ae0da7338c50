"""Whose change Google may announce by itself: the fields on its allow-list, in one table that is easy to change.

A PATCH with ``notifyPreference: NOTIFY_ON_UPDATE`` notifies only where such a field has changed; every other change needs a
message (developers.google.com/wallet/retail/loyalty-cards/use-cases/trigger-push-notifications). Google's pages name the
loyalty fields; of events and flights they say "event details or seat information" and no more, so those rows are a reading.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from passkit.google.types import GoogleType


@dataclass(frozen=True, slots=True)
class Listed:
    """A field by its path; ``is_certain``: Google's page names it."""

    path: tuple[str, ...]
    is_certain: bool = True


OBJECT_FIELDS: Mapping[GoogleType, tuple[Listed, ...]] = {
    GoogleType.LOYALTY: (Listed(("loyaltyPoints", "balance")), Listed(("secondaryLoyaltyPoints", "balance"))),
    GoogleType.EVENT_TICKET: (Listed(("seatInfo",), is_certain=False),),
    GoogleType.FLIGHT: (Listed(("boardingAndSeatingInfo",), is_certain=False),),
}
CLASS_FIELDS: Mapping[GoogleType, tuple[Listed, ...]] = {
    GoogleType.LOYALTY: (
        Listed(("programName",)),
        Listed(("rewardsTier",)),
        Listed(("secondaryRewardsTier",)),
    ),
    GoogleType.EVENT_TICKET: (Listed(("dateTime",), is_certain=False), Listed(("venue",), is_certain=False)),
    GoogleType.FLIGHT: (
        Listed(("localBoardingDateTime",), is_certain=False),
        Listed(("origin", "gate"), is_certain=False),
        Listed(("origin", "terminal"), is_certain=False),
    ),
}


def listed_fields(type_: GoogleType, body: Mapping[str, Any]) -> tuple[Listed, ...]:
    """Those of the type's allow-list that this class or object shows; none: its changes need messages."""
    table = OBJECT_FIELDS if "classId" in body else CLASS_FIELDS
    return tuple(one for one in table.get(type_, ()) if _at(body, one.path) is not None)


def notifiable(type_: GoogleType, before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Whether going from one body to the other changes what Google may announce; what is new to Google announces nothing."""
    if before is None:
        return False
    return any(_at(before, one.path) != _at(after, one.path) for one in listed_fields(type_, after))


def _at(body: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body
