"""What the discovery document says in words only, as rules: exactly one of, both or neither, ten at most. Pure.

``broken`` looks at a whole class or object (after a PATCH: at what became of it). It takes for granted that the body holds
against ``google_schema``. Every sentence that a rule rests on is in the ``description`` of the field it names
(https://developers.google.com/wallet/reference/rest/v1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from sandbox.google_schema import document

MAX_MESSAGES = 10
MAX_LOCATIONS = 10
MAX_ROWS = 3
MAX_MODULES = 15
MAX_LINKED = 50

RESOURCE_ID = re.compile(r"(?P<issuer>[0-9]{1,20})\.[A-Za-z0-9._-]+")
COLOUR = re.compile(r"#(?:[0-9A-Fa-f]{6}|[0-9A-Fa-f]{3})")
ROTATING = {"PDF_417", "pdf417", "QR_CODE", "qrCode"}
BALANCES = ("string", "int", "double", "money")
TICKET_LABELS = ("confirmationCode", "seat", "row", "section", "gate")

Body = Mapping[str, Any]


def broken(schema_name: str, body: Body) -> list[str]:
    """The rules that a class or object breaks, each as ``/pointer: what``."""
    return [
        f"{pointer or '/'}: {what}" for pointer, name, value in nested(schema_name, body) for what in _at(name, value)
    ]


def issuer_of(resource_id: object) -> str | None:
    """The issuer id before the first dot of ``issuer.suffix``; None when it is no such id."""
    found = RESOURCE_ID.fullmatch(resource_id) if isinstance(resource_id, str) else None
    return found["issuer"] if found else None


def nested(schema_name: str, value: Any, pointer: str = "") -> Iterator[tuple[str, str, Body]]:
    """The object itself and every object in it: pointer, the name of its schema, and it."""
    if not isinstance(value, Mapping):
        return
    yield pointer, schema_name, value
    properties = document()["schemas"][schema_name].get("properties", {})
    for name, inner in value.items():
        known = properties.get(name, {})
        if "$ref" in known:
            yield from nested(known["$ref"], inner, f"{pointer}/{name}")
        elif "$ref" in known.get("items", {}) and isinstance(inner, list):
            for number, item in enumerate(inner):
                yield from nested(known["items"]["$ref"], item, f"{pointer}/{name}/{number}")


def image_urls(schema_name: str, body: Body) -> list[str]:
    """Every picture that Google would fetch for this class or object."""
    return [
        str(value["uri"]) for _, name, value in nested(schema_name, body) if name == "ImageUri" and value.get("uri")
    ]


def _at(name: str, value: Body) -> Iterator[str]:
    if name.endswith(("Class", "Object")) and "id" in document()["schemas"][name].get("properties", {}):
        yield from _resource(value)
    yield from _RULES.get(name, _nothing)(value)


def _nothing(_: Body) -> Iterator[str]:
    yield from ()


def _resource(value: Body) -> Iterator[str]:
    for key in ("id", "classId"):
        if key in value and issuer_of(value[key]) is None:
            yield f"Invalid resource ID: {value[key]}"
    for key, most in (("messages", MAX_MESSAGES), ("merchantLocations", MAX_LOCATIONS), ("valueAddedModuleData", MAX_MODULES),
                      ("linkedObjectIds", MAX_LINKED)):  # fmt: skip
        if len(value.get(key) or ()) > most:
            yield f"{key}: at most {most}"
    colour = value.get("hexBackgroundColor")
    if colour and not COLOUR.fullmatch(colour):
        yield "hexBackgroundColor is written as #rrggbb"
    for label in TICKET_LABELS:
        custom = f"custom{label[0].upper()}{label[1:]}Label"
        if value.get(f"{label}Label") and value.get(custom):
            yield f"{label}Label and {custom} may not both be set"


def _one_of(*keys: str) -> Callable[[Body], Iterator[str]]:
    def rule(value: Body) -> Iterator[str]:
        if sum(value.get(key) is not None for key in keys) != 1:
            yield f"exactly one of {', '.join(keys)} must be set"

    return rule


def _all_of(*keys: str) -> Callable[[Body], Iterator[str]]:
    def rule(value: Body) -> Iterator[str]:
        for key in keys:
            if not value.get(key):
                yield f"{key} must be set"

    return rule


def _location(value: Body) -> Iterator[str]:
    for key, most in (("latitude", 90), ("longitude", 180)):
        number = value.get(key)
        if number is None or not -most <= number <= most:
            yield f"{key} is from -{most} to {most}"


def _interval(value: Body) -> Iterator[str]:
    ends = [_moment(value[key].get("date")) for key in ("start", "end") if value.get(key)]
    known = [end for end in ends if end is not None]
    if len({end.tzinfo is None for end in known}) > 1:
        yield "start and end both have an offset, or neither has"
    elif len(known) == 2 and known[0] > known[1]:
        yield "start is after end"


def _date_time(value: Body) -> Iterator[str]:
    if _moment(value.get("date")) is None:
        yield "date is an ISO 8601 date or date and time"


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _balance_time(value: Body) -> Iterator[str]:
    given = value.get("balanceUpdateTime")
    moment = _moment(given.get("date")) if given else None
    if moment is not None and moment.tzinfo is None:
        yield "balanceUpdateTime needs an offset"


def _localized(value: Body) -> Iterator[str]:
    default = value.get("defaultValue")
    if not default or not default.get("language"):
        yield "defaultValue with its language must be set"
    languages = [it.get("language") for it in value.get("translatedValues") or ()]
    if len(set(languages)) != len(languages):
        yield "a language is translated twice"


def _money(value: Body) -> Iterator[str]:
    if not re.fullmatch(r"[A-Z]{3}", value.get("currencyCode") or ""):
        yield "currencyCode is an ISO 4217 code"
    if value.get("micros") is None:
        yield "micros must be set"


def _barcode(value: Body) -> Iterator[str]:
    if value.get("type") in (None, "BARCODE_TYPE_UNSPECIFIED"):
        yield "type must be set"


def _rotating(value: Body) -> Iterator[str]:
    if value.get("type") not in ROTATING:
        yield "a rotating barcode is PDF_417 or QR_CODE"


def _rows(value: Body) -> Iterator[str]:
    if len(value.get("cardRowTemplateInfos") or ()) > MAX_ROWS:
        yield f"cardRowTemplateInfos: at most {MAX_ROWS}"


def _item(value: Body) -> Iterator[str]:
    if (value.get("firstValue") is None) == (value.get("predefinedItem") is None):
        yield "exactly one of firstValue, predefinedItem must be set"


def _text_module(value: Body) -> Iterator[str]:
    if value.get("id") is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", value["id"]):
        yield "id has letters, digits, _ and - only"


def _app_target(value: Body) -> Iterator[str]:
    target = value.get("targetUri")
    if target is not None and not target.get("description"):
        yield "targetUri.description must be set"


_RULES: Mapping[str, Callable[[Body], Iterator[str]]] = {
    "Image": _one_of("sourceUri", "privateImageId"),
    "ImageUri": _all_of("uri"),
    "LoyaltyPoints": _all_of("balance"),
    "LoyaltyPointsBalance": _one_of(*BALANCES),
    "EventVenue": _all_of("name", "address"),
    "MerchantLocation": _location,
    "TimeInterval": _interval,
    "DateTime": _date_time,
    "GiftCardObject": _balance_time,
    "LocalizedString": _localized,
    "Money": _money,
    "Barcode": _barcode,
    "RotatingBarcode": _rotating,
    "CardTemplateOverride": _rows,
    "CardRowTemplateInfo": _one_of("oneItem", "twoItems", "threeItems"),
    "TemplateItem": _item,
    "TextModuleData": _text_module,
    "ValueAddedModuleData": _all_of("header", "uri"),
    "AppLinkDataAppLinkInfoAppTarget": _app_target,
    "FlightHeader": _all_of("carrier", "flightNumber"),
}
