"""What a Google pass shows, read from the class and the object that Google would get. Pure.

The rows are those of ``classTemplateInfo``; a type without one has rows of its own
(https://developers.google.com/wallet/retail/loyalty-cards/resources/template). It is a likeness: Google does not publish
how its app measures and cuts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from passkit.google.types import GoogleType
from passkit.preview import BarcodeFace, Span, picture, spans, value_text

Body = Mapping[str, Any]

_BARCODES = {"QR_CODE": "QR", "PDF_417": "PDF417", "AZTEC": "Aztec", "CODE_128": "Code128"}
_ROWS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "loyalty": (("object.loyaltyPoints.balance", "object.secondaryLoyaltyPoints.balance"), ("object.accountName",)),
    "giftCard": (("object.balance", "object.cardNumber"),),
    "offer": (("object.validTimeInterval.end",),),
    "eventTicket": (("class.venue.name", "class.dateTime.start"), ("object.seatInfo.row", "object.seatInfo.seat")),
    "flight": (("class.origin.airportIataCode", "class.destination.airportIataCode"), ("object.passengerName",)),
    "transit": (("object.ticketLeg.originName", "object.ticketLeg.destinationName"),),
}
_TITLES: Mapping[str, tuple[str, str]] = {
    "loyalty": ("class.programName", ""),
    "offer": ("class.title", "class.provider"),
    "giftCard": ("class.merchantName", ""),
    "eventTicket": ("class.eventName", ""),
    "generic": ("object.header", "object.subheader"),
}
_PICTURES = {
    "logo": ("programLogo", "logo", "titleImage"),
    "wide_logo": ("wideProgramLogo", "wideLogo", "wideTitleImage"),
    "hero": ("heroImage",),
}
_DATES = {
    "DATE_ONLY": ("PKDateStyleMedium", "PKDateStyleNone"),
    "DATE_YEAR": ("PKDateStyleMedium", "PKDateStyleNone"),
    "TIME_ONLY": ("PKDateStyleNone", "PKDateStyleShort"),
}
_BLUE = "#4285f4"
_STEP = re.compile(r"(\w+)(?:\['([^']*)'\])?")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT")
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")


@dataclass(frozen=True, slots=True)
class Line:
    """A label and what stands under it; ``key`` is Google's field path, or the id of a text or link."""

    key: str
    label: str
    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class GoogleFace:
    """Front and details of an object; ``pictures`` are the addresses in it by slot: logo, wide_logo, hero."""

    object_id: str
    issuer: str
    title: str
    subtitle: str
    background: str
    foreground: str
    rows: tuple[tuple[Line, ...], ...]
    details: tuple[Line, ...]
    barcode: BarcodeFace | None
    state: str
    pictures: Mapping[str, str]
    rotates: bool = False
    messages: tuple[Line, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether Google lists it among the passes that count."""
        return self.state == "ACTIVE"


def of(built: Mapping[str, Any], language: str, time_zone: str, words: Mapping[str, str]) -> GoogleFace | None:
    """The face of ``{"loyaltyClass": {...}, "loyaltyObject": {...}}``; ``words``: Google's own labels by the field's name."""
    kind = next((kind for kind in GoogleType if kind.object_kind in built), None)
    if kind is None:
        return None
    read = _Reader(built.get(kind.class_kind, {}), built[kind.object_kind], language, time_zone, words)
    rows = tuple(line for line in read.rows(kind.value) if line)
    shown = {key for row in rows for line in row for key in line.key.split(" / ")}
    background = str(read.obj.get("hexBackgroundColor") or read.cls.get("hexBackgroundColor") or _BLUE)
    title, subtitle = (read.text_at(path) if path else "" for path in _TITLES.get(kind.value, ("", "")))
    return GoogleFace(
        object_id=str(read.obj.get("id", "")),
        issuer=read.text_at("class.issuerName") or read.text_at("object.cardTitle"),
        title=title,
        subtitle=subtitle,
        background=background,
        foreground="#000000" if _is_light(background) else "#ffffff",
        rows=rows,
        details=tuple(read.details(kind.value, shown)),
        barcode=read.barcode(),
        state=str(read.obj.get("state", "ACTIVE")),
        pictures=read.pictures(),
        rotates="rotatingBarcode" in read.obj,
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    cls: Body
    obj: Body
    language: str
    time_zone: str
    words: Mapping[str, str]

    def rows(self, kind: str) -> Iterator[tuple[Line, ...]]:
        override = self.cls.get("classTemplateInfo", {}).get("cardTemplateOverride", {})
        infos = override.get("cardRowTemplateInfos")
        given = (
            [_items(info) for info in infos] if infos else [[[[path]] for path in row] for row in _ROWS.get(kind, ())]
        )
        for row in given:
            yield tuple(line for item in row if (line := self._item(item)) is not None)

    def details(self, kind: str, shown: set[str]) -> Iterator[Line]:
        """What no row shows: the type's own fields, the texts, then the links."""
        usual = [path for row in _ROWS.get(kind, ()) for path in row]
        texts = [
            f"{name}.textModulesData['{module.get('id')}']"
            for name, body in (("object", self.obj), ("class", self.cls))
            for module in body.get("textModulesData", ())
        ]
        for path in (*usual, *texts):
            if path not in shown and (line := self._line(path)) is not None:
                yield line
        for body in (self.obj, self.cls):
            for link in body.get("linksModuleData", {}).get("uris", ()):
                said = self._said(link, "description") or str(link.get("uri", ""))
                yield Line(str(link.get("id", "")), "", said, (Span(said, str(link.get("uri", ""))),))

    def barcode(self) -> BarcodeFace | None:
        given = self.obj.get("barcode") or self.obj.get("rotatingBarcode")
        if not given:
            return None
        kind = _BARCODES.get(str(given.get("type")), str(given.get("type")))
        message = str(given.get("value") or given.get("valuePattern") or "")
        encoding = "utf-8" if given.get("renderEncoding") == "UTF_8" else "iso-8859-1"
        drawn = picture(f"PKBarcodeFormat{kind}", message, encoding)
        return BarcodeFace(kind, message, str(given.get("alternateText", "")), drawn)

    def pictures(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for slot, names in _PICTURES.items():
            images = (body.get(name) for name in names for body in (self.obj, self.cls))
            address = next((image["sourceUri"]["uri"] for image in images if image), None)
            if address:
                found[slot] = str(address)
        return found

    def text_at(self, path: str) -> str:
        """The text at a field path, in the phone's language."""
        *_, parent, name = self._walk(path)
        return self._said(parent, name) if isinstance(parent, Mapping) else ""

    def _item(self, item: Sequence[Sequence[str]]) -> Line | None:
        """An item is one value or two, each the first of its fields that says something."""
        lines = [line for paths in item if (line := self._first(paths)) is not None]
        if len(lines) < 2:
            return lines[0] if lines else None
        key, label, text = (" / ".join(getattr(line, part) for line in lines) for part in ("key", "label", "text"))
        return Line(key, label, text)

    def _first(self, paths: Sequence[str]) -> Line | None:
        return next((line for path in paths if (line := self._line(path)) is not None), None)

    def _line(self, path: str) -> Line | None:
        path, _, style = path.partition("|")
        *_, value, parent, name = [None, *self._walk(path, with_value=True)]
        if isinstance(value, Mapping) and ("body" in value or "localizedBody" in value):
            label, text = self._said(value, "header"), self._said(value, "body")
        elif isinstance(parent, Mapping):
            label, text = self._label(path, parent, name), self._value(value, parent, name, style)
        else:
            return None
        return Line(path, label, text, spans(text, rich=False, detected=True)) if text else None

    def _walk(self, path: str, *, with_value: bool = False) -> tuple[Any, ...]:
        """(value,) parent and last name of a field path such as ``object.textModulesData['news']``."""
        owner, *steps = path.split(".")
        parent: Any = None
        value: Any = self.obj if owner == "object" else self.cls
        name = ""
        for step in steps:
            parent, found = value, _STEP.fullmatch(step)
            name = found[1] if found else step
            value = value.get(name) if isinstance(value, Mapping) else None
            if found and found[2] is not None:
                value = next((one for one in value or () if one.get("id") == found[2]), None)
        return (value, parent, name) if with_value else (parent, name)

    def _label(self, path: str, parent: Body, name: str) -> str:
        if name == "balance":
            return self._said(parent, "label") or self.words.get(path.split(".")[1], self.words.get(name, ""))
        return self._said(self.cls, f"{name}Label") or self.words.get(name, "")

    def _said(self, body: Body, name: str) -> str:
        """A text, or its twin ``localized...`` where that is set."""
        twin = body.get(f"localized{name[:1].upper()}{name[1:]}")
        value = twin if twin is not None else body.get(name)
        if not isinstance(value, Mapping):
            return value if isinstance(value, str) else ""
        for one in value.get("translatedValues", ()):
            if one.get("language", "").split("-")[0] == self.language.split("-")[0]:
                return str(one.get("value", ""))
        return str(value.get("defaultValue", {}).get("value", ""))

    def _value(self, value: Any, parent: Body, name: str, style: str) -> str:
        if isinstance(value, Mapping):
            if "micros" in value:
                amount = int(value["micros"]) / 1_000_000
                return value_text(amount, {"currencyCode": value.get("currencyCode")}, self.language, self.time_zone)
            if "date" in value:
                return self._moment(str(value["date"]), style)
            inner = next((key for key in ("string", "int", "double", "money") if key in value), None)
            return self._value(value[inner], value, inner, style) if inner else self._said(parent, name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value_text(value, {}, self.language, self.time_zone)
        if isinstance(value, str) and _INSTANT.match(value):
            return self._moment(value, style)
        return self._said(parent, name)

    def _moment(self, text: str, style: str) -> str:
        date, time = _DATES.get(style, ("PKDateStyleMedium", "PKDateStyleShort"))
        keys: dict[str, Any] = {"dateStyle": date, "timeStyle": time}
        if not _ZONE.search(text):
            keys["ignoresTimeZone"] = True
            text += "Z"
        return value_text(text, keys, self.language, self.time_zone)


def _items(info: Body) -> list[list[list[str]]]:
    """A row's items: of each its one or two values, of each value the field paths, a date's style behind a bar."""
    row = info.get("oneItem") or info.get("twoItems") or info.get("threeItems") or {}
    items = [row[name] for name in ("item", "startItem", "middleItem", "endItem") if row.get(name)]
    return [
        [
            [f"{field['fieldPath']}|{field.get('dateFormat', '')}" for field in item[value].get("fields", ())]
            for value in ("firstValue", "secondValue")
            if item.get(value)
        ]
        for item in items
    ]


def _is_light(background: str) -> bool:
    digits = background.lstrip("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = bytes.fromhex(digits)
    return 299 * red + 587 * green + 114 * blue > 150_000
