"""Google's seven kinds of pass, by their own names, and which one a template becomes.

The values are those of the template's ``google: {type: ...}`` and, with ``Class`` and ``Object`` behind them, the path segments
and keys of the Wallet API, always lowerCamelCase (developers.google.com/wallet/reference/rest).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from passkit.schema import Template


class GoogleType(StrEnum):
    """A kind of pass; its class says what all share, its objects what is one holder's."""

    LOYALTY = "loyalty"
    OFFER = "offer"
    GIFT_CARD = "giftCard"
    EVENT_TICKET = "eventTicket"
    GENERIC = "generic"
    FLIGHT = "flight"
    TRANSIT = "transit"

    @property
    def class_kind(self) -> str:
        """``loyaltyClass``: the path segment of its classes."""
        return f"{self.value}Class"

    @property
    def object_kind(self) -> str:
        """``loyaltyObject``: the path segment of its objects."""
        return f"{self.value}Object"

    @property
    def class_key(self) -> str:
        """``loyaltyClasses``: the key of a save link's payload."""
        return f"{self.value}Classes"

    @property
    def object_key(self) -> str:
        """``loyaltyObjects``: the key of a save link's payload."""
        return f"{self.value}Objects"

    @property
    def class_schema(self) -> str:
        """``LoyaltyClass``: its name in Google's documents."""
        return f"{self.value[0].upper()}{self.value[1:]}Class"

    @property
    def object_schema(self) -> str:
        """``LoyaltyObject``: its name in Google's documents."""
        return f"{self.value[0].upper()}{self.value[1:]}Object"

    @property
    def has_notify_preference(self) -> bool:
        """Whether a PATCH may carry ``notifyPreference``; generic passes have no such field."""
        return self is not GoogleType.GENERIC


BY_STYLE = {
    "storeCard": GoogleType.LOYALTY,
    "coupon": GoogleType.OFFER,
    "eventTicket": GoogleType.EVENT_TICKET,
    "generic": GoogleType.GENERIC,
    "posterGeneric": GoogleType.GENERIC,
}


def type_of(template: Template) -> GoogleType:
    """What the template is for Google: its ``google.type``, else by its style.

    A boarding pass is a transit ticket, and a flight where it goes by air and ``google.flight`` says which one it is: Google
    takes no flight without its number and airports. An air boarding pass without them is a generic pass.
    """
    if template.google.type is not None:
        return GoogleType(template.google.type)
    if template.style != "boardingPass":
        return BY_STYLE[template.style]
    if template.transit_type != "air":
        return GoogleType.TRANSIT
    return GoogleType.FLIGHT if template.google.flight is not None else GoogleType.GENERIC
