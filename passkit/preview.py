"""What a card looks like: faces from the built pkpass, never from the form it was made of.

``faces`` reads the bundle as Wallet does (pass.json, the strings table of the phone's language, the sharpest images)
and gives the texts a person sees, zone by zone. It decides nothing about layout; the page that draws it does. It checks
no signature and no hash: that is the phone's work.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from passkit.errors import BundleError
from passkit.preview_barcode import BarcodePicture, picture
from passkit.preview_text import Span, spans, value_text

__all__ = [
    "BarcodeFace",
    "Faces",
    "FieldFace",
    "Span",
    "faces",
    "faces_of",
    "picture",
    "spans",
    "strings_table",
    "unpack",
    "value_text",
]

STYLES = ("posterGeneric", "storeCard", "coupon", "generic", "eventTicket", "boardingPass")
"""In the order a phone of today prefers them when a pass carries two (posterGeneric and its fallback)."""

ZONES = ("header", "primary", "secondary", "auxiliary", "additionalInfo", "footer", "back")

IMAGES = ("icon", "logo", "primaryLogo", "secondaryLogo", "artwork", "background", "strip", "thumbnail", "footer")
"""The slots that a face or its notification shows."""

MAX_FILES = 500
MAX_BYTES = 64 * 1024 * 1024
"""Unpacked; far above any real pass, so that a bomb ends here."""

_TRANSIT = {
    "PKTransitTypeAir": "air",
    "PKTransitTypeBoat": "boat",
    "PKTransitTypeBus": "bus",
    "PKTransitTypeGeneric": "generic",
    "PKTransitTypeTrain": "train",
}
_ALIGNMENT = {
    "PKTextAlignmentLeft": "left",
    "PKTextAlignmentCenter": "center",
    "PKTextAlignmentRight": "right",
}
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)


@dataclass(frozen=True, slots=True)
class FieldFace:
    """One field as a person reads it.

    ``raw`` is the value that Wallet compares (translated, unformatted), ``change_message`` the translated message with
    its ``%@``, ``spans`` the text cut at its links.
    """

    key: str
    zone: str
    label: str
    text: str
    raw: str
    change_message: str | None = None
    alignment: str | None = None
    spans: tuple[Span, ...] = ()
    row: int = 0


@dataclass(frozen=True, slots=True)
class BarcodeFace:
    """The first displayable barcode; ``picture`` is None when it is shown as text."""

    format: str
    message: str
    alt_text: str
    picture: BarcodePicture | None


@dataclass(frozen=True, slots=True)
class Faces:
    """Front and back; colours are CSS colours, ``images`` the bytes of the sharpest PNG per slot."""

    style: str
    language: str
    serial_number: str
    organization_name: str
    description: str
    logo_text: str
    background: str
    foreground: str
    label: str
    fields: tuple[FieldFace, ...]
    images: Mapping[str, bytes] = field(repr=False)
    barcode: BarcodeFace | None = None
    transit: str | None = None
    voided: bool = False
    expiration_date: str | None = None

    def zone(self, name: str) -> tuple[FieldFace, ...]:
        """The fields of one zone, in order."""
        return tuple(item for item in self.fields if item.zone == name)

    def by_key(self) -> dict[str, FieldFace]:
        """The fields by key."""
        return {item.key: item for item in self.fields}


def faces(pkpass: bytes, language: str, *, time_zone: str = "UTC", legacy: bool = False) -> Faces:
    """The faces of a pkpass on a phone set to ``language``; BundleError when it is not a readable pass.

    ``legacy`` draws what an older phone shows of a pass with two styles.
    """
    return faces_of(unpack(pkpass), language, time_zone=time_zone, legacy=legacy)


def unpack(pkpass: bytes) -> dict[str, bytes]:
    """The files of a pkpass; BundleError when it is no zip, or a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(pkpass)) as bundle:
            entries = bundle.infolist()
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise BundleError("The pass unpacks to more than a phone would take.")
            return {entry.filename: bundle.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise BundleError(f"The pass is not a readable zip: {error}") from error


def faces_of(files: Mapping[str, bytes], language: str, *, time_zone: str = "UTC", legacy: bool = False) -> Faces:
    """The faces of an unpacked pass."""
    document = _document(files)
    table = strings_table(files, language)

    def told(text: Any) -> str:
        return table.get(text, text) if isinstance(text, str) else ""

    style = _style(document, legacy)
    background, foreground, label = _colours(document)
    return Faces(
        style=style,
        language=language,
        serial_number=str(document.get("serialNumber", "")),
        organization_name=told(document.get("organizationName")),
        description=told(document.get("description")),
        logo_text=told(document.get("logoText")),
        background=background,
        foreground=foreground,
        label=label,
        fields=_fields(document[style], table, language, time_zone),
        images=_images(files, language),
        barcode=_barcode(document, table),
        transit=_TRANSIT.get(document[style].get("transitType", "")),
        voided=document.get("voided") is True,
        expiration_date=document.get("expirationDate"),
    )


def _document(files: Mapping[str, bytes]) -> dict[str, Any]:
    try:
        document = json.loads(files["pass.json"], parse_float=Decimal)
    except KeyError:
        raise BundleError("The pass has no pass.json.") from None
    except ValueError as error:
        raise BundleError(f"pass.json is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BundleError("pass.json is not an object.")
    return document


def _style(document: Mapping[str, Any], legacy: bool) -> str:
    present = [style for style in STYLES if isinstance(document.get(style), dict)]
    if not present:
        raise BundleError("pass.json has no style dictionary.")
    return present[-1] if legacy else present[0]


# Texts.


def strings_table(files: Mapping[str, bytes], language: str) -> dict[str, str]:
    """The pass.strings that a phone set to ``language`` uses: the exact one, else the bare language's, else none."""
    for folder in _folders(files, language):
        content = files.get(f"{folder}/pass.strings")
        if content is not None:
            return _parse_strings(_decode(content))
    return {}


def _folders(files: Mapping[str, bytes], language: str) -> list[str]:
    wanted = [language.replace("_", "-").lower(), language.replace("_", "-").split("-")[0].lower()]
    present = {name.split("/")[0] for name in files if name.split("/")[0].endswith(".lproj")}
    by_language = {name.removesuffix(".lproj").replace("_", "-").lower(): name for name in present}
    return [by_language[name] for name in dict.fromkeys(wanted) if name in by_language]


def _decode(content: bytes) -> str:
    if content.startswith((b"\xfe\xff", b"\xff\xfe")):
        return content.decode("utf-16")
    return content.decode("utf-8-sig", "replace")


_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_ENTRY = re.compile(rf"/\*.*?\*/|//[^\n]*|{_QUOTED}\s*=\s*{_QUOTED}\s*;", re.DOTALL)
_ESCAPE = re.compile(r"\\(U[0-9a-fA-F]{4}|.)", re.DOTALL)


def _parse_strings(text: str) -> dict[str, str]:
    pairs = (match.groups() for match in _ENTRY.finditer(text))
    return {_unescape(key): _unescape(value) for key, value in pairs if key is not None}


def _unescape(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        code = match[1]
        if code.startswith("U") and len(code) == 5:
            return chr(int(code[1:], 16))
        return {"n": "\n", "t": "\t", "r": "\r"}.get(code, code)

    return _ESCAPE.sub(plain, text)


def _fields(style: Mapping[str, Any], table: Mapping[str, str], language: str, time_zone: str) -> tuple[FieldFace, ...]:
    return tuple(
        _field(zone, given, table, language, time_zone)
        for zone in ZONES
        for given in style.get(f"{zone}Fields", ())
        if isinstance(given, dict)
    )


def _field(zone: str, given: Mapping[str, Any], table: Mapping[str, str], language: str, time_zone: str) -> FieldFace:
    def told(text: Any) -> str:
        return table.get(text, text) if isinstance(text, str) else ""

    value = given.get("value", "")
    value = told(value) if isinstance(value, str) else value
    text = value_text(value, given, language, time_zone)
    rich = told(given.get("attributedValue"))
    detected = zone == "back" and given.get("dataDetectorTypes") != []
    return FieldFace(
        key=str(given.get("key", "")),
        zone=zone,
        label=told(given.get("label")),
        text=text,
        raw=str(value),
        change_message=told(given.get("changeMessage")) or None,
        alignment=_ALIGNMENT.get(given.get("textAlignment", "")),
        spans=spans(rich or text, rich=bool(rich), detected=detected),
        row=1 if given.get("row") == 1 else 0,
    )


# Pictures and colours.


def _images(files: Mapping[str, bytes], language: str) -> dict[str, bytes]:
    """The sharpest file per slot; a top-level image wins over a localised one."""
    found: dict[str, bytes] = {}
    places = ["", *(f"{folder}/" for folder in _folders(files, language))]
    for slot in IMAGES:
        names = (f"{place}{slot}{scale}.png" for place in places for scale in ("@3x", "@2x", ""))
        content = next((files[name] for name in names if name in files), None)
        if content is not None:
            found[slot] = content
    return found


def _barcode(document: Mapping[str, Any], table: Mapping[str, str]) -> BarcodeFace | None:
    given = document.get("barcodes") or ([document["barcode"]] if "barcode" in document else [])
    shown = [_barcode_face(item, table) for item in given if isinstance(item, dict)]
    return next((face for face in shown if face.picture is not None), shown[0] if shown else None)


def _barcode_face(given: Mapping[str, Any], table: Mapping[str, str]) -> BarcodeFace:
    format_, message = str(given.get("format", "")), str(given.get("message", ""))
    alt_text = str(given.get("altText", ""))
    drawn = picture(format_, message, str(given.get("messageEncoding", "iso-8859-1")))
    return BarcodeFace(format_.removeprefix("PKBarcodeFormat"), message, table.get(alt_text, alt_text), drawn)


Colour = tuple[int, int, int]


def _colours(document: Mapping[str, Any]) -> tuple[str, str, str]:
    """Background, foreground and label; what the pass leaves out is chosen to be readable, as Wallet does."""
    background = _colour(document.get("backgroundColor")) or _WHITE
    foreground = _colour(document.get("foregroundColor")) or (_BLACK if _is_light(background) else _WHITE)
    label = _colour(document.get("labelColor")) or _mix(foreground, background)
    return _css(background), _css(foreground), _css(label)


def _colour(given: Any) -> Colour | None:
    if not isinstance(given, str):
        return None
    if parts := re.fullmatch(r"\s*rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)\s*", given):
        return _clamped([int(part) for part in parts.groups()])
    if digits := re.fullmatch(r"#([0-9a-fA-F]{6})", given):
        return _clamped(list(bytes.fromhex(digits[1])))
    return None


def _clamped(parts: Sequence[int]) -> Colour:
    red, green, blue = (min(part, 255) for part in parts)
    return red, green, blue


def _is_light(colour: Colour) -> bool:
    red, green, blue = colour
    return red * 299 + green * 587 + blue * 114 > 128_000


def _mix(colour: Colour, ground: Colour) -> Colour:
    return _clamped([(one * 7 + other * 3) // 10 for one, other in zip(colour, ground, strict=True)])


def _css(colour: Colour) -> str:
    return f"rgb({colour[0]}, {colour[1]}, {colour[2]})"
