"""The faces of a card in both wallets, drawn from what was built of it: for the editor, the review and the gallery.

Pictures travel once: a page keeps those it has by their digest and says which (``have``), the answer brings the others.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2

from handlers.studio import googleface
from handlers.studio.googleface import GoogleFace
from handlers.studio.texts import TEXTS
from passkit import preview
from passkit.preview import Faces, FieldFace

WORDS = "google_label_"


@dataclass(frozen=True, slots=True)
class Ring:
    """What a phone with an iPhone's manners would say when this field changes."""

    key: str
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A card to be drawn: pictures by slot as digests, and ``pictures``, digest -> data URL, of those that the page lacks."""

    apple: Faces | None
    google: GoogleFace | None
    images: Mapping[str, str] = field(default_factory=dict)
    google_images: Mapping[str, str] = field(default_factory=dict)
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def rings(self) -> tuple[Ring, ...]:
        """Every lock-screen text that the card has, most important first."""
        return rings(self.apple) if self.apple else ()


def drawn(
    files: Mapping[str, bytes],
    google: Mapping[str, Any],
    google_pictures: Mapping[str, bytes],
    *,
    language: str,
    time_zone: str,
    have: Collection[str] = (),
) -> Drawn:
    """The faces of an unzipped pass and of a class with its object, on a phone set to ``language``."""
    apple = preview.faces_of(files, language, time_zone=time_zone) if files else None
    other = googleface.of(google, language, time_zone, labels(language)) if google else None
    images = {slot: digest(content) for slot, content in apple.images.items()} if apple else {}
    shown = {slot: google_pictures.get(_name(address)) for slot, address in other.pictures.items()} if other else {}
    google_images = {slot: digest(content) for slot, content in shown.items() if content}
    contents = [*(apple.images.values() if apple else ()), *(content for content in shown.values() if content)]
    pictures = {digest(content): data_url(content) for content in contents if digest(content) not in have}
    return Drawn(apple, other, images, google_images, pictures)


def _name(address: str) -> str:
    """``/images/wide_logo.png`` -> ``wide_logo``."""
    return address.rpartition("/")[2].removesuffix(".png")


def rings(face: Faces) -> tuple[Ring, ...]:
    """A text for each field that can ring and says something."""
    return tuple(
        Ring(one.key, one.label, one.change_message.replace("%@", one.text))
        for one in face.fields
        if one.change_message and one.text
    )


def labels(language: str) -> Mapping[str, str]:
    """Google's own labels in a language."""
    texts = TEXTS.get(language.split("-")[0], TEXTS["en"])
    return {key.removeprefix(WORDS): text for key, text in texts.items() if key.startswith(WORDS)}


def digest(content: bytes) -> str:
    """A picture's name on the page."""
    return hashlib.sha256(content).hexdigest()[:16]


def data_url(content: bytes) -> str:
    """A picture as an address that holds it."""
    kind = "jpeg" if content.startswith(b"\xff\xd8") else "webp" if content[8:12] == b"WEBP" else "png"
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


# The card as one picture.

BAND, BAND_LOW = 118, 88
ROW = 46
LOWEST = 404
"""Cards in a list are of one height, as on a phone."""
CODE_SQUARE, CODE_WIDE = (92, 92), (240, 52)
SHARP = "@3x."
"""A picture in a list is drawn at two pixels a point."""


def svg(pages: jinja2.Environment, files: Mapping[str, bytes], *, language: str, time_zone: str) -> str:
    """The front of an unzipped pass as an SVG, its pictures in it."""
    light = {name: content for name, content in files.items() if SHARP not in name or _is_only(files, name)}
    face = preview.faces_of(light, language, time_zone=time_zone)
    shown = [one for one in face.fields if one.text]
    zones = {zone: [one for one in shown if one.zone == zone] for zone in preview.ZONES}
    rows = _rows(face.style, zones)
    band = BAND_LOW if face.style == "eventTicket" else BAND
    rows_from = 54 + (band + 20 if "strip" in face.images else 100 if face.images or zones["primary"] else 24)
    code = face.barcode.picture if face.barcode else None
    code_width, code_height = (CODE_SQUARE if code.square else CODE_WIDE) if code else (0, 0)
    height = max(LOWEST, rows_from + len(rows) * ROW + (code_height + 40 if code else 12))
    return pages.get_template("studio/card.svg").render(
        face=face,
        images=dict.fromkeys(preview.IMAGES, "") | {slot: data_url(one) for slot, one in face.images.items()},
        header=zones["header"][:2],
        primary=zones["primary"][:2],
        rows=rows,
        band=band,
        rows_from=rows_from,
        height=height,
        code=f"data:image/svg+xml;base64,{b64encode(code.svg.encode()).decode()}" if code else "",
        code_width=code_width,
        code_height=code_height,
    )


def _rows(style: str, zones: Mapping[str, list[FieldFace]]) -> list[list[FieldFace]]:
    """The rows below the primary field: a store card puts secondary and auxiliary into one."""
    if style in ("storeCard", "coupon"):
        found = [(zones["secondary"] + zones["auxiliary"])[:4]]
    elif style == "boardingPass":
        found = [zones["auxiliary"][:5], zones["secondary"][:4]]
    else:
        found = [zones["secondary"][:4], zones["auxiliary"][:4], zones["footer"][:2]]
    return [row for row in found if row]


def _is_only(files: Mapping[str, bytes], name: str) -> bool:
    return name.replace("@3x", "@2x") not in files
