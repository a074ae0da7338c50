"""The picture of a card on its install page: colours, logo and the first fields, drawn from the filled pass.

It is a likeness and not Apple's rendering; the real preview is drawn by ``passkit.preview``.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from passkit.model import Pass, PassField

MAX_PICTURE = 400_000
"""Bytes of an image that goes into the picture: a larger one is left out rather than sent twice."""

WIDE = 320
_COLOUR = re.compile(r"rgb\(\s*\d{1,3}\s*,\s*\d{1,3}\s*,\s*\d{1,3}\s*\)")
_SIZES = ("@2x.png", ".png", "@3x.png")


@dataclass(frozen=True, slots=True)
class Face:
    """What the page and its picture show; lengths in CSS pixels, images as data URLs."""

    organization: str
    description: str
    background: str
    foreground: str
    label: str
    logo_text: str
    logo: str
    strip: str
    header: PassField | None
    primary: PassField | None
    row: tuple[PassField, ...]
    height: int

    @property
    def step(self) -> int:
        """Distance from one field of the row to the next."""
        return (WIDE - 28) // max(1, len(self.row))

    @property
    def letters(self) -> int:
        """How many letters of a field fit beside its neighbour."""
        return max(6, self.step // 9)


def face(pass_: Pass, images: Mapping[str, bytes] | None = None) -> Face:
    """The face of a filled pass; without ``images`` there are no pictures, which is all the page itself needs."""
    document = pass_.document
    strip = _picture(images or {}, "strip")
    has_strip = bool(strip) or any(name.endswith("strip.png") for name in pass_.images.names)
    shown = [field for field in pass_.fields if field.text]
    row = [field for field in shown if field.zone in ("secondary", "auxiliary")][:3]
    return Face(
        organization=str(document.get("organizationName", "")),
        description=str(document.get("description", "")),
        background=_colour(document.get("backgroundColor"), "rgb(60, 60, 67)"),
        foreground=_colour(document.get("foregroundColor"), "rgb(255, 255, 255)"),
        label=_colour(document.get("labelColor"), "rgb(255, 255, 255)"),
        logo_text=str(document.get("logoText", "")),
        logo=_picture(images or {}, "logo"),
        strip=strip,
        header=next((field for field in shown if field.zone == "header"), None),
        primary=next((field for field in shown if field.zone == "primary"), None),
        row=tuple(row),
        height=60 + (110 if has_strip else 64) + (64 if row else 10),
    )


def clip(text: str, letters: int) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "…"


def _colour(value: object, fallback: str) -> str:
    return value if isinstance(value, str) and _COLOUR.fullmatch(value) else fallback


def _picture(images: Mapping[str, bytes], slot: str) -> str:
    for size in _SIZES:
        content = images.get(slot + size, b"")
        if content and len(content) <= MAX_PICTURE:
            return "data:image/png;base64," + b64encode(content).decode()
    return ""
