"""What Google's descriptions say in words and no schema can: a judge of bodies, worked out from the reference alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

SUFFIX = re.compile(r"[A-Za-z0-9._-]+")
MODULE_ID = re.compile(r"[A-Za-z0-9_-]+")
COLOR = re.compile(r"#[0-9a-f]{6}")
OFFSET = re.compile(r"(Z|[+-]\d\d:\d\d)$")
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?")
PATH = re.compile(r"(?P<side>object|class)\.(?P<key>[A-Za-z]+)(\['(?P<id>[A-Za-z0-9_-]+)'\])?(\.[A-Za-z]+)*")
SCHEMES = ("http://", "https://", "tel:", "mailto:", "geo:")
ROTATING = {"QR_CODE", "PDF_417"}
TWINS = re.compile(r"localized([A-Z].*)")


def faults(issuer: str, body: Mapping[str, Any]) -> list[str]:
    """What is wrong with a whole class or object."""
    return [*_ids(issuer, body), *_lists(body), *_codes(body), *_rows(body), *_anywhere("", body)]


def faults_of_pair(klass: Mapping[str, Any], obj: Mapping[str, Any]) -> list[str]:
    """What is wrong between a class and its object: rows that lead nowhere, links that are not there."""
    return [*([] if obj["classId"] == klass["id"] else ["classId"]), *_paths(klass, obj)]


def paths(klass: Mapping[str, Any]) -> list[str]:
    """Every field path of the rows of the front, in order."""
    rows = klass.get("classTemplateInfo", {}).get("cardTemplateOverride", {}).get("cardRowTemplateInfos", [])
    found = []
    for row in rows:
        ((kind, content),) = row.items()
        names = {"oneItem": ["item"], "twoItems": ["startItem", "endItem"]}
        for name in names.get(kind, ["startItem", "middleItem", "endItem"]):
            found += [one["fieldPath"] for one in content[name]["firstValue"]["fields"]]
    return found


def _ids(issuer: str, body: Mapping[str, Any]) -> Iterator[str]:
    for key in ("id", "classId"):
        if key in body and not (body[key].startswith(f"{issuer}.") and SUFFIX.fullmatch(body[key][len(issuer) + 1 :])):
            yield key
    for name in ("textModulesData", "imageModulesData"):
        ids = [one["id"] for one in body.get(name, [])]
        yield from (f"{name} id {one}" for one in ids if not MODULE_ID.fullmatch(one) or ids.count(one) > 1)


def _lists(body: Mapping[str, Any]) -> Iterator[str]:
    counts = {
        "textModulesData": len(body.get("textModulesData", [])),
        "linksModuleData": len(body.get("linksModuleData", {}).get("uris", [])),
        "merchantLocations": len(body.get("merchantLocations", [])),
        "messages": len(body.get("messages", [])),
    }
    yield from (f"{count} {name}" for name, count in counts.items() if count > 10)
    yield from (f"empty {name}" for name in counts if name in body and not counts[name])
    if len(body.get("imageModulesData", [])) > 1:
        yield "imageModulesData"
    for place in body.get("merchantLocations", []):
        if abs(place["latitude"]) > 90 or abs(place["longitude"]) > 180:
            yield "merchantLocations off the globe"
    for deprecated in ("locations", "infoModuleData", "wordMark", "allowMultipleUsersPerObject", "version", "kind"):
        if deprecated in body:
            yield f"{deprecated} is deprecated"


def _codes(body: Mapping[str, Any]) -> Iterator[str]:
    code, rotating = body.get("barcode"), body.get("rotatingBarcode")
    if code is not None and not (code.get("type") and code.get("value")):
        yield "barcode"
    if code and code["type"] in ("EAN_13", "ITF_14") and len(code["value"]) != int(code["type"][-2:]):
        yield "barcode of the wrong length"
    if rotating is not None:
        details = rotating["totpDetails"]
        keys = [one["key"] for one in details["parameters"]]
        if rotating["type"] not in ROTATING or not re.search(
            r"\{totp_(value_\d|timestamp_\w+)\}", rotating["valuePattern"]
        ):
            yield "rotatingBarcode"
        if not all(re.fullmatch(r"([0-9A-F]{2})+", key) for key in keys) or int(details["periodMillis"]) < 1:
            yield "totpDetails"
    if body.get("enableSmartTap") and not body.get("redemptionIssuers"):
        yield "enableSmartTap without redemptionIssuers"


def _rows(body: Mapping[str, Any]) -> Iterator[str]:
    override = body.get("classTemplateInfo", {}).get("cardTemplateOverride", {})
    rows = override.get("cardRowTemplateInfos", [])
    if len(rows) > 3:
        yield "more than three rows"
    yield from ("a row is exactly one of its kinds" for row in rows if len(row) != 1)


def _paths(klass: Mapping[str, Any], obj: Mapping[str, Any]) -> Iterator[str]:
    for path in paths(klass):
        found = PATH.fullmatch(path)
        if not found:
            yield f"{path} is no path"
        elif found["side"] == "class" and found["id"] not in [one["id"] for one in klass.get("textModulesData", [])]:
            yield f"{path} leads nowhere"


def _anywhere(place: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from _object(place, value)
        for key, part in value.items():
            yield from _anywhere(f"{place}/{key}", part)
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _anywhere(f"{place}/{number}", part)
    elif value is None or value == "":
        yield f"{place} is empty"


def _object(place: str, value: Mapping[str, Any]) -> Iterator[str]:
    """Objects that are known by what they hold."""
    key = place.rsplit("/", 1)[-1]
    if not value:
        yield f"{place} is empty"
    if key in ("loyaltyPoints", "secondaryLoyaltyPoints") and len(value.get("balance", {})) != 1:
        yield f"{place}: exactly one kind of balance"
    if ("sourceUri" in value) == ("privateImageId" in value) and key in (
        "heroImage",
        "programLogo",
        "logo",
        "mainImage",
    ):
        yield f"{place}: exactly one source"
    if "sourceUri" in value and not value["sourceUri"]["uri"].startswith("https://"):
        yield f"{place}: public https only"
    if key == "venue" and set(value) != {"name", "address"}:
        yield f"{place}: name and address"
    if key in ("validTimeInterval", "displayInterval"):
        dates = [end["date"] for end in value.values()]
        if not all(map(DATE.fullmatch, dates)) or len({bool(OFFSET.search(one)) for one in dates}) > 1:
            yield f"{place}: both ends with an offset, or both without"
        elif len(dates) == 2 and value["start"]["date"] >= value["end"]["date"]:
            yield f"{place}: it ends before it starts"
    if "defaultValue" in value:
        yield from _localized(place, value)
    yield from _pairs(place, value)
    if "micros" in value and not re.fullmatch(r"[A-Z]{3}", value["currencyCode"]):
        yield f"{place}: currency"
    if "uri" in value and "/uris/" in place and not value["uri"].startswith(SCHEMES):
        yield f"{place}: scheme"
    if "targetUri" in value and not value["targetUri"].get("description"):
        yield f"{place}: a target's description must be set"
    if "hexBackgroundColor" in value and not COLOR.fullmatch(value["hexBackgroundColor"]):
        yield f"{place}: colour"
    if key == "ticketLeg" and "destinationName" in value and "originName" not in value:
        yield f"{place}: no destination without an origin"


def _localized(place: str, value: Mapping[str, Any]) -> Iterator[str]:
    languages = [one["language"] for one in (value["defaultValue"], *value.get("translatedValues", []))]
    if len(set(languages)) != len(languages):
        yield f"{place}: a language twice"


def _pairs(place: str, value: Mapping[str, Any]) -> Iterator[str]:
    """A translation stands beside its plain text and says the same by default."""
    for key, part in value.items():
        if found := TWINS.fullmatch(key):
            plain = found[1][0].lower() + found[1][1:]
            if value.get(plain) != part["defaultValue"]["value"]:
                yield f"{place}/{key}: not what {plain} says"
