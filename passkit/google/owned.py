"""The fields of classes and objects that are ours, by kind: a PATCH clears those that a body does not set.

A subtree stands where Google merges an object of ours key by key; arrays are replaced whole
(developers.google.com/wallet/reference/rest/v1). Nothing is here that others write: ``messages`` come and go by themselves,
``hasUsers`` is Google's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Tree = Mapping[str, Any]
"""Key -> the same below it, or an empty one."""


def _tree(names: Iterable[str], **below: Tree) -> dict[str, Tree]:
    return {**{name: {} for name in names}, **below}


def _twins(*names: str) -> list[str]:
    """Each name and its translations."""
    return [one for name in names for one in (name, f"localized{name[0].upper()}{name[1:]}")]


_TEXT = _tree(["translatedValues"])
_POINTS = _tree(["label", "localizedLabel"], balance=_tree(["int", "double", "string", "money"]))
_TIMES = _tree(["start", "end"])
_CODE = _tree(["renderEncoding", "alternateText"])
_APP = _tree(["androidAppLinkInfo", "webAppLinkInfo"], displayText=_TEXT)

_CLASS = _tree(
    [
        "callbackOptions",
        "classTemplateInfo",
        "enableSmartTap",
        "imageModulesData",
        "linksModuleData",
        "merchantLocations",
        "multipleDevicesAndHoldersAllowedStatus",
        "redemptionIssuers",
        "securityAnimation",
        "textModulesData",
        "viewUnlockRequirement",
    ],
    appLinkData=_APP,
)
_BRANDED = _tree(["heroImage", "hexBackgroundColor", "localizedIssuerName"])
"""Of all classes but the generic one's."""
_OBJECT = _tree(
    [
        "heroImage",
        "linksModuleData",
        "merchantLocations",
        "smartTapRedemptionValue",
        "textModulesData",
    ],
    appLinkData=_APP,
    barcode=_CODE,
    groupingInfo={},
    passConstraints=_tree(["screenshotEligibility", "nfcConstraint"]),
    rotatingBarcode=_tree(["alternateText"]),
    validTimeInterval=_TIMES,
)
_COLOR = _tree(["hexBackgroundColor"])

OWNED: Mapping[str, Tree] = {
    "loyaltyClass": {
        **_CLASS,
        **_BRANDED,
        **_tree(["wideProgramLogo", "localizedProgramName", *_twins("accountNameLabel", "accountIdLabel")]),
    },
    "loyaltyObject": {
        **_OBJECT,
        **_tree(["accountName", "accountId"], loyaltyPoints=_POINTS, secondaryLoyaltyPoints=_POINTS),
    },
    "offerClass": {
        **_CLASS,
        **_BRANDED,
        **_tree(["titleImage", "wideTitleImage", "localizedTitle", "localizedProvider", *_twins("shortTitle")]),
    },
    "offerObject": _OBJECT,
    "giftCardClass": {
        **_CLASS,
        **_BRANDED,
        **_tree(
            [
                "allowBarcodeRedemption",
                "programLogo",
                "wideProgramLogo",
                *_twins("merchantName", "cardNumberLabel", "pinLabel", "eventNumberLabel"),
            ]
        ),
    },
    "giftCardObject": {**_OBJECT, **_tree(["balance", "pin", "eventNumber"])},
    "eventTicketClass": {
        **_CLASS,
        **_BRANDED,
        **_tree(
            ["logo", "wideLogo"],
            eventName=_TEXT,
            venue=_tree([], name=_TEXT, address=_TEXT),
            dateTime=_tree(["start", "end", "doorsOpen"]),
        ),
    },
    "eventTicketObject": {
        **_OBJECT,
        **_COLOR,
        **_tree(
            ["faceValue", "reservationInfo", "ticketHolderName", "ticketNumber"],
            seatInfo=_tree([], seat=_TEXT, row=_TEXT, section=_TEXT, gate=_TEXT),
            ticketType=_TEXT,
        ),
    },
    "genericClass": _CLASS,
    "genericObject": {
        **_OBJECT,
        **_COLOR,
        **_tree(
            ["genericType", "logo", "wideLogo"],
            cardTitle=_TEXT,
            header=_TEXT,
            subheader=_TEXT,
            notifications=_tree(["expiryNotification", "upcomingNotification"]),
        ),
    },
    "flightClass": {
        **_CLASS,
        **_BRANDED,
        **_tree(
            ["localBoardingDateTime", "localScheduledArrivalDateTime"],
            origin=_tree(["terminal", "gate"]),
            destination=_tree(["terminal", "gate"]),
        ),
    },
    "flightObject": {
        **_OBJECT,
        **_COLOR,
        **_tree([], boardingAndSeatingInfo=_tree(["seatNumber", "seatClass", "boardingGroup"])),
    },
    "transitClass": {**_CLASS, **_BRANDED, **_tree(["wideLogo"])},
    "transitObject": {
        **_OBJECT,
        **_COLOR,
        **_tree(
            ["passengerNames", "passengerType", "ticketNumber"],
            ticketLeg=_tree(
                ["departureDateTime", "arrivalDateTime", "platform"],
                originName=_TEXT,
                destinationName=_TEXT,
                ticketSeat=_tree(["seat", "coach"]),
            ),
        ),
    },
}
