"""A draft as the form of the editor shows it: every input with its place in template.yaml and what its edit is.

A draft may be half-way wrong, so nothing here expects more than YAML. A text is shown in the language that is being edited:
the language that template.yaml itself is written in sets the text, any other translates it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from handlers.studio.chips import Condition, Names, condition, texts_of
from passkit import images, yamlsafe
from passkit.errors import TemplateError
from passkit.schema import STRINGS_FOLDER, TEMPLATE_FILE
from passkit.schemacheck import pointer

ZONES: Mapping[str, tuple[str, ...]] = {
    "posterGeneric": ("header", "primary", "footer", "back"),
    "boardingPass": ("header", "primary", "auxiliary", "secondary", "back"),
}
USUAL_ZONES = ("header", "primary", "secondary", "auxiliary", "back")
EVERY_ZONE = ("header", "primary", "secondary", "auxiliary", "footer", "additional", "back")
ROOM: Mapping[str, Mapping[str, int]] = {
    "storeCard": {"header": 3, "primary": 1, "secondary": 4, "auxiliary": 4},
    "coupon": {"header": 3, "primary": 1, "secondary": 4, "auxiliary": 4},
    "generic": {"header": 3, "primary": 1, "secondary": 4, "auxiliary": 4},
    "eventTicket": {"header": 3, "primary": 1, "secondary": 4, "auxiliary": 4},
    "boardingPass": {"header": 3, "primary": 2, "auxiliary": 5, "secondary": 4},
    "posterGeneric": {"header": 1, "primary": 4, "footer": 2},
}
"""How many fields a style draws in a zone (passkit/limits_fields.py has the sources)."""
COLORS = ("background", "foreground", "label")
PICTURES = ("logo", "icon", "strip", "background", "artwork", "thumbnail", "primaryLogo", "secondaryLogo", "footer")
NUMBERS = ("integer", "decimal", "money")
BARCODES = ("qr", "code128", "pdf417", "aztec", "ean13", "code39")
FORMATS = ("text", "number", "percent", "money", "date", "time", "datetime")
CONSENTS = ("processing", "marketing")
STAMPS = ("icon", "empty", "last", "last_empty")

_LONE = re.compile(r"\s*\{\{[^{}]*\}\}\s*")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_RGB = re.compile(r"\s*rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)\s*")


@dataclass(frozen=True, slots=True)
class Text:
    """A text at its place. ``source`` is template.yaml's, ``shown`` that of the language being edited.

    ``translates``: the edit is a translation of ``source``; ``is_missing``: this language has none yet.
    """

    path: str
    source: str
    shown: str
    translates: bool = False
    is_missing: bool = False


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a zone."""

    path: str
    key: str
    label: Text
    value: Text
    message: Text
    when: Condition
    format: str
    alignment: str
    link: Text
    date_style: str
    time_style: str
    is_address: bool
    is_date: bool


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone with its fields; ``room``: how many are drawn, None where there is no end."""

    name: str
    path: str
    room: int | None
    fields: tuple[FieldRow, ...]


@dataclass(frozen=True, slots=True)
class Color:
    """A colour; ``hex`` is empty for what no colour picker can show: an expression."""

    name: str
    path: str
    written: str
    hex: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's place; ``file`` is empty while there is none. ``ratio``: of the crop, 0 where the picture fits inside."""

    slot: str
    within: str
    file: str
    version: str
    width: int
    height: int
    is_exact: bool
    focus: tuple[float, float]
    focus_path: str


@dataclass(frozen=True, slots=True)
class VariableRow:
    """A declared value."""

    name: str
    path: str
    label: Text
    type: str
    sample: str
    default: str
    optional: bool
    personal: bool
    backend: bool
    currency: str
    choices: tuple[str, ...]
    asks: bool
    question: Text
    required: bool
    is_used: bool


@dataclass(frozen=True, slots=True)
class VariantRow:
    """Another look on a condition."""

    index: int
    path: str
    name: str
    when: Condition
    colors: tuple[Color, ...]
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class StampsRow:
    """Stamps drawn into a picture."""

    count: Condition
    of: int
    rows: int | None
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class BarcodeRow:
    """A barcode."""

    path: str
    format: str
    message: Text
    alt_text: Text


@dataclass(frozen=True, slots=True)
class PlaceRow:
    """A place that brings the card up; ``is_number``: both coordinates are plain numbers."""

    path: str
    latitude: str
    longitude: str
    text: Text


@dataclass(frozen=True, slots=True)
class ActionRow:
    """A button of the card."""

    path: str
    type: str
    url: Text


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """What somebody who joins agrees to; ``link_path`` is empty while it is words alone."""

    kind: str
    path: str
    text: Text
    link: str
    link_path: str


@dataclass(frozen=True, slots=True)
class Words:
    """A text of the card and how it reads in the language being edited; for the page of translations."""

    source: str
    shown: str
    is_missing: bool


@dataclass(frozen=True, slots=True)
class DraftForm:
    """All that the form shows."""

    key: str
    name: str
    style: str
    language: str
    source_language: str | None
    languages: tuple[str, ...]
    names: Names
    known_names: Mapping[str, str]
    organization: Text
    description: Text
    logo_text: Text
    colors: tuple[Color, ...]
    pictures: tuple[Picture, ...]
    stamps: StampsRow | None
    variants: tuple[VariantRow, ...]
    zones: tuple[Zone, ...]
    variables: tuple[VariableRow, ...]
    consents: tuple[ConsentRow, ...]
    barcodes: tuple[BarcodeRow, ...]
    places: tuple[PlaceRow, ...]
    actions: tuple[ActionRow, ...]
    ends: bool
    dates: tuple[str, ...]
    google_type: str
    google_private: bool
    google_hints: Mapping[str, str]
    words: tuple[Words, ...]
    missing: Mapping[str, int]
    yaml: str
    is_readable: bool


def of(files: Mapping[str, bytes], language: str, reader: str) -> DraftForm:
    """The form of these files: their texts in ``language``, the names of things in the reader's."""
    return _Reader(files, language, reader).form()


class _Reader:
    def __init__(self, files: Mapping[str, bytes], language: str, reader: str) -> None:
        self._files = files
        self.raw, self.is_readable = _load(files, TEMPLATE_FILE)
        tables = {
            name.removeprefix(STRINGS_FOLDER).removesuffix(".yaml"): _load(files, name)[0]
            for name in sorted(files)
            if name.startswith(STRINGS_FOLDER) and name.endswith(".yaml")
        }
        self.tables = {one: {str(key): str(text) for key, text in table.items()} for one, table in tables.items()}
        self.languages = tuple(str(one) for one in _list(self.raw.get("languages"))) or ("en",)
        self.language = language if language in self.languages else self.languages[0]
        self.source_language = self._source_language()
        self.names = Names(self.raw, self.tables, reader)
        self.used = " ".join(texts_of({name: value for name, value in self.raw.items() if name != "variables"}))

    def form(self) -> DraftForm:
        raw, google = self.raw, _map(self.raw.get("google"))
        style = str(raw.get("style", "generic"))
        every = [*texts_of(raw), *texts_of(self.tables)]
        words = tuple(self._words())
        return DraftForm(
            key=str(raw.get("key", "")),
            name=str(raw.get("name", "")),
            style=style,
            language=self.language,
            source_language=self.source_language,
            languages=self.languages,
            names=self.names,
            known_names=self.names.known(every),
            organization=self._text("/organization_name", raw.get("organization_name", "{{ brand.name }}")),
            description=self._text("/description", raw.get("description")),
            logo_text=self._text("/logo_text", raw.get("logo_text")),
            colors=_colors(_map(raw.get("colors")), "/colors"),
            pictures=self._pictures(style, _map(raw.get("images")), _map(raw.get("image_focus")), ""),
            stamps=self._stamps(style),
            variants=tuple(self._variant(style, index, one) for index, one in _rows(raw.get("variants"))),
            zones=tuple(self._zones(style)),
            variables=tuple(self._variable(str(name), _map(one)) for name, one in _map(raw.get("variables")).items()),
            consents=tuple(self._consent(kind, _map(raw.get("consents")).get(kind)) for kind in CONSENTS),
            barcodes=tuple(self._barcode(place, one) for place, one in _lone(raw.get("barcode"), "/barcode")),
            places=tuple(self._place(f"/locations/{index}", one) for index, one in _rows(raw.get("locations"))),
            actions=tuple(self._action(f"/featured_actions/{index}", one) for index, one in _rows(raw.get("featured_actions"))),
            ends=bool(raw.get("expires")),
            dates=tuple(str(one) for one in _list(raw.get("relevant_dates")) if isinstance(one, str)),
            google_type=str(google.get("type", "")),
            google_private=google.get("private") is True,
            google_hints={key: str(one) for key, one in google.items() if isinstance(one, str)},
            words=words,
            missing={one: sum(self._is_missing(text.source, one) for text in words) for one in self.languages},
            yaml=self._files.get(TEMPLATE_FILE, b"").decode("utf-8", "replace"),
            is_readable=self.is_readable,
        )  # fmt: skip

    # Texts.

    def _source_language(self) -> str | None:
        """The language that template.yaml itself is written in: the first that has no table of its own."""
        return next((one for one in self.languages if not self.tables.get(one)), None)

    def _text(self, path: str, value: Any) -> Text:
        source = "" if value is None else str(value)
        if self.language == self.source_language or not source or _LONE.fullmatch(source):
            return Text(path, source, source)
        shown = self.tables.get(self.language, {}).get(source)
        return Text(path, source, source if shown is None else shown, True, self._is_missing(source, self.language))

    def _is_missing(self, source: str, language: str) -> bool:
        if language == self.source_language or source in self.tables.get(language, {}):
            return False
        return any(letter.isalpha() for letter in re.sub(r"\{\{.*?\}\}|%@|https?://\S+", "", source))

    def _words(self) -> Iterator[Words]:
        """Every text that people read, once, in the order of the template."""
        seen = set()
        for text in self._spoken():
            if text in seen or _LONE.fullmatch(text) or not any(letter.isalpha() for letter in text):
                continue
            seen.add(text)
            if any(self._is_missing(text, one) or text in self.tables.get(one, {}) for one in self.languages):
                shown = self.tables.get(self.language, {}).get(text, text)
                yield Words(text, shown, self._is_missing(text, self.language))

    def _spoken(self) -> Iterator[str]:
        raw = self.raw
        for zone in _map(raw.get("fields")).values():
            for _, field in _rows(zone):
                yield from (str(field[key]) for key in ("label", "value", "change_message", "link") if field.get(key))
        yield from (str(raw[key]) for key in ("organization_name", "description", "logo_text") if raw.get(key))
        for _, place in _rows(raw.get("locations")):
            yield str(place.get("text", ""))
        for _, code in _lone(raw.get("barcode"), ""):
            yield str(code.get("alt_text", ""))
        for one in _map(raw.get("variables")).values():
            yield _question(_map(one).get("ask"))
        for one in _map(raw.get("consents")).values():
            yield one if isinstance(one, str) else str(_map(one).get("text") or "")

    # Parts.

    def _zones(self, style: str) -> Iterator[Zone]:
        fields, room = _map(self.raw.get("fields")), ROOM.get(style, {})
        known = ZONES.get(style, USUAL_ZONES)
        for name in (*known, *(one for one in EVERY_ZONE if one not in known and fields.get(one))):
            path = f"/fields/{name}"
            rows = tuple(self._field(f"{path}/{index}", one) for index, one in _rows(fields.get(name)))
            yield Zone(name, path, room.get(name) if name in known else 0, rows)

    def _field(self, path: str, field: Mapping[str, Any]) -> FieldRow:
        value = field.get("value", "")
        declared = _map(_map(self.raw.get("variables")).get(_lone_name(value)))
        format_ = str(field.get("format") or "")
        return FieldRow(
            path=path,
            key=str(field.get("key", "")),
            label=self._text(f"{path}/label", field.get("label")),
            value=self._text(f"{path}/value", value),
            message=self._text(f"{path}/change_message", field.get("change_message")),
            when=condition(field.get("when")),
            format=format_,
            alignment=str(field.get("text_alignment") or ""),
            link=self._text(f"{path}/link", field.get("link")),
            date_style=str(field.get("date_style") or ""),
            time_style=str(field.get("time_style") or ""),
            is_address=str(value).startswith(("http://", "https://", "tel:", "mailto:")) or bool(field.get("link")),
            is_date=(format_ or declared.get("type")) in ("date", "time", "datetime"),
        )

    def _pictures(
        self, style: str, named: Mapping[str, Any], focus: Mapping[str, Any], below: str
    ) -> tuple[Picture, ...]:
        known = [slot for slot in PICTURES if style in images.SLOTS[slot].styles or slot in named]
        return tuple(
            self._picture(
                style, slot, f"{below}/images", named.get(slot), focus.get(slot), f"{below}/image_focus/{slot}"
            )
            for slot in known
        )

    def _picture(self, style: str, slot: str, within: str, file: Any, focus: Any, focus_path: str) -> Picture:
        place = images.slot_of(style, slot)
        width, height = (place.width, place.height) if place else (90, 90)
        content = self._files.get(str(file)) if file else None
        there = isinstance(focus, list) and len(focus) == 2 and all(isinstance(one, int | float) for one in focus)
        return Picture(
            slot=slot,
            within=within,
            file=str(file) if content is not None else "",
            version=hashlib.sha256(content).hexdigest()[:16] if content is not None else "",
            width=width,
            height=height,
            is_exact=place is not None and place.exact,
            focus=(float(focus[0]), float(focus[1])) if there else images.CENTER,
            focus_path=focus_path,
        )

    def _stamps(self, style: str) -> StampsRow | None:
        raw = self.raw.get("stamps")
        if not isinstance(raw, Mapping):
            return None
        of_, rows = raw.get("of"), raw.get("rows")
        return StampsRow(
            count=condition(raw.get("count")),
            of=of_ if isinstance(of_, int) else 10,
            rows=rows if isinstance(rows, int) else None,
            pictures=tuple(self._stamp(style, slot, raw.get(slot)) for slot in STAMPS),
        )

    def _stamp(self, style: str, slot: str, file: Any) -> Picture:
        """A stamp stands whole in its square: nothing is cropped."""
        return replace(self._picture(style, slot, "/stamps", file, None, ""), width=100, height=100, is_exact=False)

    def _variant(self, style: str, index: int, one: Mapping[str, Any]) -> VariantRow:
        path = f"/variants/{index}"
        base = [slot for slot in _map(self.raw.get("images")) if slot in PICTURES and slot != "icon"]
        named, focus = _map(one.get("images")), _map(one.get("image_focus"))
        return VariantRow(
            index=index,
            path=path,
            name=str(one.get("name", "")),
            when=condition(one.get("when")),
            colors=_colors(_map(one.get("colors")), f"{path}/colors"),
            pictures=tuple(
                self._picture(
                    style, slot, f"{path}/images", named.get(slot), focus.get(slot), f"{path}/image_focus/{slot}"
                )
                for slot in dict.fromkeys((*base, *map(str, named)))
            ),
        )

    def _variable(self, name: str, one: Mapping[str, Any]) -> VariableRow:
        path, ask = pointer("variables", name), one.get("ask")
        type_ = str(one.get("type", "text"))
        return VariableRow(
            name=name,
            path=path,
            label=self._text(f"{path}/label", one.get("label")),
            type=type_,
            sample=_written(type_, one.get("sample")),
            default=_written(type_, one.get("default")),
            optional=one.get("optional") is True,
            personal=one.get("personal") is True,
            backend=one.get("owner") == "backend",
            currency=str(one.get("currency") or ""),
            choices=tuple(str(choice) for choice in _list(one.get("choices"))),
            asks=ask is not None and ask is not False,
            question=self._text(f"{path}/ask/question", _question(ask)),
            required=_map(ask).get("required") is True,
            is_used=re.search(rf"\b{re.escape(name)}\b", self.used) is not None,
        )

    def _consent(self, kind: str, given: Any) -> ConsentRow:
        path = f"/consents/{kind}"
        if isinstance(given, Mapping):
            text = self._text(f"{path}/text", given.get("text"))
            return ConsentRow(kind, path, text, str(given.get("link") or ""), f"{path}/link")
        return ConsentRow(kind, path, self._text(path, given), "", "")

    def _barcode(self, path: str, one: Mapping[str, Any]) -> BarcodeRow:
        return BarcodeRow(
            path=path,
            format=str(one.get("format", "qr")),
            message=Text(f"{path}/message", str(one.get("message", "")), str(one.get("message", ""))),
            alt_text=self._text(f"{path}/alt_text", one.get("alt_text")),
        )

    def _place(self, path: str, one: Mapping[str, Any]) -> PlaceRow:
        latitude, longitude = (str(one.get(key, "")) for key in ("latitude", "longitude"))
        return PlaceRow(path, latitude, longitude, self._text(f"{path}/text", one.get("text")))

    def _action(self, path: str, one: Mapping[str, Any]) -> ActionRow:
        url = str(one.get("url") or "")
        return ActionRow(path, str(one.get("type", "")), Text(f"{path}/url", url, url))


def _load(files: Mapping[str, bytes], name: str) -> tuple[Mapping[str, Any], bool]:
    try:
        found = yamlsafe.load(name, files.get(name, b""))
    except TemplateError:
        return {}, False
    return found, True


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def _rows(value: Any) -> list[tuple[int, Mapping[str, Any]]]:
    return [(index, one) for index, one in enumerate(_list(value)) if isinstance(one, Mapping)]


def _lone(value: Any, path: str) -> list[tuple[str, Mapping[str, Any]]]:
    """(pointer, entry) of a list that may be written as its only entry."""
    if isinstance(value, Mapping):
        return [(path, value)]
    return [(f"{path}/{index}", one) for index, one in _rows(value)]


def _lone_name(value: Any) -> str:
    found = re.fullmatch(r"\s*\{\{\s*(\w+)\s*\}\}\s*", str(value))
    return found[1] if found else ""


def _question(ask: Any) -> str:
    return ask if isinstance(ask, str) else str(_map(ask).get("question") or "")


def _colors(written: Mapping[str, Any], path: str) -> tuple[Color, ...]:
    return tuple(
        Color(name, f"{path}/{name}", str(written.get(name) or ""), hex_of(written.get(name))) for name in COLORS
    )


def hex_of(color: Any) -> str:
    """A colour as ``#rrggbb``; empty for an expression or none."""
    text = str(color or "").strip()
    if re.fullmatch(r"#[0-9a-fA-F]{3}", text):
        text = "#" + "".join(2 * digit for digit in text[1:])
    if found := _RGB.fullmatch(text):
        text = "#" + "".join(f"{min(255, int(part)):02x}" for part in found.groups())
    return text.lower() if _HEX.fullmatch(text) else ""


def _written(type_: str, value: Any) -> str:
    """A sample or default as an input shows it: money in major units."""
    if value is None:
        return ""
    if type_ == "money" and isinstance(value, int):
        return f"{value / 100:.2f}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if type_ == "datetime":
        return re.sub(r"^(\S{16}).*$", r"\1", str(value))
    return str(value)
