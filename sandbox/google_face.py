"""What Google Wallet shows of a class and an object, in the phone's language. Pure.

Read from the JSON that Google holds, as its app reads it: the rows of ``classTemplateInfo`` with their field paths, else the rows
that a type has by itself (https://developers.google.com/wallet/retail/loyalty-cards/resources/template); what no row shows is
among the details. It is drawn for looks; the app's own drawing differs in places that Google does not publish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from passkit.preview import BarcodeFace, Span, picture, spans, value_text
from sandbox.google_face_texts import LABELS, WORDS

Body = Mapping[str, Any]

BARCODES = {
    "QR_CODE": "PKBarcodeFormatQR",
    "PDF_417": "PKBarcodeFormatPDF417",
    "AZTEC": "PKBarcodeFormatAztec",
    "CODE_128": "PKBarcodeFormatCode128",
}
DATES = {
    "DATE_TIME": ("PKDateStyleMedium", "PKDateStyleShort"),
    "DATE_ONLY": ("PKDateStyleMedium", "PKDateStyleNone"),
    "DATE_YEAR": ("PKDateStyleMedium", "PKDateStyleNone"),
    "TIME_ONLY": ("PKDateStyleNone", "PKDateStyleShort"),
}
USUAL_ROWS: Mapping[str, Sequence[Sequence[str]]] = {
    "loyalty": (
        ("object.loyaltyPoints.balance", "object.secondaryLoyaltyPoints.balance", "class.rewardsTier"),
        ("object.accountName", "object.accountId"),
    ),
    "giftCard": (("object.balance", "object.cardNumber"),),
    "offer": (("object.validTimeInterval.end",),),
    "eventTicket": (
        ("class.venue.name", "class.dateTime.start"),
        ("object.seatInfo.gate", "object.seatInfo.section", "object.seatInfo.row", "object.seatInfo.seat"),
    ),
    "flight": (
        ("class.origin.airportIataCode", "class.destination.airportIataCode"),
        ("class.localScheduledDepartureDateTime", "object.passengerName"),
        ("object.boardingAndSeatingInfo.seatNumber", "object.boardingAndSeatingInfo.boardingGroup"),
    ),
    "transit": (
        ("object.ticketLeg.originName", "object.ticketLeg.destinationName"),
        ("object.ticketLeg.departureDateTime", "object.passengerNames"),
    ),
}
"""Rows of a type without ``classTemplateInfo``; items that say nothing are left out."""

LOGOS = ("programLogo", "logo", "titleImage")
WIDE_LOGOS = ("wideProgramLogo", "wideLogo", "wideTitleImage")
DEFAULT_BACKGROUND = "#4285f4"
_PATH = re.compile(r"([A-Za-z]+)(?:\['([^']*)'\])?")


@dataclass(frozen=True, slots=True)
class Item:
    """A label and its value; ``key`` is the field path."""

    key: str
    label: str
    text: str
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class MessageFace:
    """A message on the card's details."""

    id: str
    header: str
    body: str


@dataclass(frozen=True, slots=True)
class GoogleFace:
    """Front and details; ``pictures`` are addresses by slot: logo, wide_logo, hero."""

    type: str
    language: str
    object_id: str
    class_id: str
    issuer: str
    title: str
    subtitle: str
    background: str
    foreground: str
    rows: tuple[tuple[Item, ...], ...]
    details: tuple[Item, ...]
    messages: tuple[MessageFace, ...]
    barcode: BarcodeFace | None
    state: str
    pictures: Mapping[str, str]
    rotates: bool = False

    @property
    def is_active(self) -> bool:
        """Whether it lies among the passes that count."""
        return self.state == "ACTIVE"

    def by_key(self) -> dict[str, Item]:
        """Everything that is shown by field path."""
        return {item.key: item for item in (*(item for row in self.rows for item in row), *self.details)}


def face(type_: str, class_: Body, object_: Body, language: str, time_zone: str) -> GoogleFace:
    """The face of an object; ``type_`` is Google's: loyalty, offer, giftCard, eventTicket, generic, flight, transit."""
    read = _Reader(type_, class_, object_, language, time_zone)
    rows = read.rows()
    shown = {item.key for row in rows for item in row}
    background = object_.get("hexBackgroundColor") or class_.get("hexBackgroundColor") or DEFAULT_BACKGROUND
    title, subtitle = read.titles()
    return GoogleFace(
        type=type_,
        language=language,
        object_id=str(object_["id"]),
        class_id=str(class_["id"]),
        issuer=read.issuer(),
        title=title,
        subtitle=subtitle,
        background=background,
        foreground=_readable(background),
        rows=rows,
        details=tuple(read.details(shown)),
        messages=tuple(read.messages()),
        barcode=read.barcode(),
        state=str(object_.get("state", "ACTIVE")),
        pictures=read.pictures(),
        rotates="rotatingBarcode" in object_,
    )


def localized(value: Any, language: str) -> str:
    """The text of a LocalizedString in a language, else in its default one; a plain string is itself."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return ""
    for translated in value.get("translatedValues") or ():
        if _same(str(translated.get("language", "")), language):
            return str(translated.get("value", ""))
    return str((value.get("defaultValue") or {}).get("value", ""))


def twin(body: Body, key: str, language: str) -> str:
    """A plain field with its ``localized...`` twin, which wins where it is set."""
    said = localized(body.get(f"localized{key[0].upper()}{key[1:]}"), language)
    return said or localized(body.get(key), language)


@dataclass(frozen=True, slots=True)
class _Reader:
    type: str
    cls: Body
    obj: Body
    language: str
    time_zone: str

    def issuer(self) -> str:
        return twin(self.cls, "issuerName", self.language) or localized(self.obj.get("cardTitle"), self.language)

    def titles(self) -> tuple[str, str]:
        """The large line, and the small one over it."""
        language = self.language
        match self.type:
            case "loyalty":
                return twin(self.cls, "programName", language), ""
            case "offer":
                return twin(self.cls, "title", language), twin(self.cls, "provider", language)
            case "giftCard":
                return twin(self.cls, "merchantName", language) or self.issuer(), ""
            case "eventTicket":
                return localized(self.cls.get("eventName"), language), ""
            case "generic":
                return localized(self.obj.get("header"), language), localized(self.obj.get("subheader"), language)
        return "", ""

    def rows(self) -> tuple[tuple[Item, ...], ...]:
        template = (self.cls.get("classTemplateInfo") or {}).get("cardTemplateOverride") or {}
        given = template.get("cardRowTemplateInfos")
        found = [_row_paths(row) for row in given] if given else [_usual(row) for row in USUAL_ROWS.get(self.type, ())]
        rows = [tuple(item for paths in row if (item := self._joined(paths)) is not None) for row in found]
        return tuple(row for row in rows if row)

    def details(self, shown: set[str]) -> Iterator[Item]:
        """Text modules that no row shows, account and tier likewise, then the links."""
        usual = [path for row in USUAL_ROWS.get(self.type, ()) for path in row]
        for path in (*usual, *self._module_paths()):
            item = self._item({"fieldPath": path})
            if item is not None and not any(path in key.split(" / ") for key in shown):
                yield item
        for owner in (self.obj, self.cls):
            for number, link in enumerate((owner.get("linksModuleData") or {}).get("uris") or ()):
                text = twin(link, "description", self.language) or str(link.get("uri"))
                yield Item(f"link.{link.get('id', number)}", "", text, (Span(text, str(link.get("uri"))),))

    def messages(self) -> Iterator[MessageFace]:
        """Of the object and of the class, the newest first."""
        for owner in (self.obj, self.cls):
            for message in reversed(owner.get("messages") or ()):
                header, body = (twin(message, key, self.language) for key in ("header", "body"))
                yield MessageFace(str(message.get("id", "")), header, body)

    def barcode(self) -> BarcodeFace | None:
        given = self.obj.get("barcode") or self.obj.get("rotatingBarcode")
        if not given:
            return None
        type_ = str(given.get("type", ""))
        message = str(given.get("value") or given.get("valuePattern") or "")
        encoding = "utf-8" if given.get("renderEncoding") == "UTF_8" else "iso-8859-1"
        drawn = picture(BARCODES.get(type_, type_), message, encoding)
        return BarcodeFace(type_, message, str(given.get("alternateText") or ""), drawn)

    def pictures(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for slot, keys in (("logo", LOGOS), ("wide_logo", WIDE_LOGOS), ("hero", ("heroImage",))):
            for owner in (self.obj, self.cls):
                urls = [_url(owner.get(key)) for key in keys if _url(owner.get(key))]
                if urls:
                    found.setdefault(slot, urls[0])
        return found

    def _module_paths(self) -> Iterator[str]:
        for name, owner in (("object", self.obj), ("class", self.cls)):
            for module in owner.get("textModulesData") or ():
                yield f"{name}.textModulesData['{module.get('id', '')}']"

    def _joined(self, selectors: Sequence[Sequence[Body]]) -> Item | None:
        """First and second value of an item, as "A / B"; of each the first field that says something."""
        items = [found for fields in selectors if (found := self._first(fields)) is not None]
        if not items:
            return None
        label, text = (" / ".join(getattr(item, part) for item in items) for part in ("label", "text"))
        return Item(" / ".join(item.key for item in items), label, text)

    def _first(self, fields: Sequence[Body]) -> Item | None:
        return next((item for reference in fields if (item := self._item(reference)) is not None), None)

    def _item(self, reference: Body) -> Item | None:
        path = str(reference.get("fieldPath", ""))
        owner, _, rest = path.partition(".")
        body: Any = {"object": self.obj, "class": self.cls}.get(owner)
        parents: list[Any] = []
        for part in rest.split("."):
            parents.append(body)
            body = _step(body, part)
        label, text = self._label(path, parents), ""
        if isinstance(body, Mapping) and ("header" in body or "body" in body or "localizedBody" in body):
            label, text = twin(body, "header", self.language), twin(body, "body", self.language)
        elif isinstance(parents[-1], Mapping):
            text = self._value(body, parents[-1], rest.rpartition(".")[2], reference)
        return Item(path, label, text, spans(text, rich=False, detected=True)) if text else None

    def _label(self, path: str, parents: Sequence[Any]) -> str:
        """The pass's own label for a field, else Google's."""
        name = path.rpartition(".")[2]
        if name == "balance" and isinstance(parents[-1], Mapping):
            own = twin(parents[-1], "label", self.language)
        else:
            own = twin(self.cls, f"{name}Label", self.language)
        labels = LABELS.get(self.language.split("-")[0], LABELS["en"])
        return own or labels.get(name, labels.get(path.split(".")[1], ""))

    def _value(self, value: Any, parent: Body, name: str, reference: Body) -> str:
        if isinstance(value, Mapping):
            if "micros" in value:
                return self._money(value)
            if "date" in value:
                return self._moment(str(value["date"]), reference)
            if "defaultValue" in value:
                return localized(value, self.language)
            return next((self._value(value[key], value, key, reference) for key in ("string", "int", "double", "money")
                         if key in value), "")  # fmt: skip
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value_text(value, {}, self.language, self.time_zone)
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT.*", value):
            return self._moment(value, reference)
        return twin(parent, name, self.language)

    def _money(self, value: Body) -> str:
        amount = int(value["micros"]) / 1_000_000
        return value_text(amount, {"currencyCode": value.get("currencyCode", "")}, self.language, self.time_zone)

    def _moment(self, text: str, reference: Body) -> str:
        usual = "DATE_TIME" if "T" in text else "DATE_ONLY"
        date, time = DATES.get(str(reference.get("dateFormat", "")), DATES[usual])
        keys: dict[str, Any] = {"dateStyle": date, "timeStyle": time}
        if not re.search(r"(Z|[+-]\d\d:?\d\d)$", text):
            keys["ignoresTimeZone"] = True
            text = f"{text}Z" if "T" in text else f"{text}T00:00:00Z"
        return value_text(text, keys, self.language, self.time_zone)


def _row_paths(row: Body) -> list[list[Sequence[Body]]]:
    """The items of a row, each as its first and second value, each as a list of field references."""
    inner = row.get("oneItem") or row.get("twoItems") or row.get("threeItems") or {}
    items = [inner[key] for key in ("item", "startItem", "middleItem", "endItem") if inner.get(key)]
    return [[(item[value] or {}).get("fields") or () for value in ("firstValue", "secondValue") if item.get(value)]
            for item in items]  # fmt: skip


def _usual(paths: Sequence[str]) -> list[list[Sequence[Body]]]:
    return [[[{"fieldPath": path}]] for path in paths]


def _step(body: Any, part: str) -> Any:
    """One step of a field path: a property, or the member of a list that has this id."""
    found = _PATH.fullmatch(part)
    if found is None or not isinstance(body, Mapping):
        return None
    value = body.get(found[1])
    if found[2] is not None:
        members = value if isinstance(value, list) else ()
        return next((member for member in members if member.get("id") == found[2]), None)
    return value


def _url(image: Any) -> str:
    return str(((image or {}).get("sourceUri") or {}).get("uri") or "")


def _same(one: str, other: str) -> bool:
    return one.split("-")[0].lower() == other.split("-")[0].lower()


def _readable(background: str) -> str:
    """Black or white, whichever reads better: Google chooses the text's colour."""
    digits = background.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    red, green, blue = bytes.fromhex(digits)
    return "#000000" if 299 * red + 587 * green + 114 * blue > 150_000 else "#ffffff"


def words(kind: str, language: str) -> str:
    """A sentence of Google's own on the lock screen: ``message`` or ``update``."""
    return WORDS.get(language.split("-")[0], WORDS["en"])[kind]
