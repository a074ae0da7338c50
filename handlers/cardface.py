"""The picture of a card on its install page: colours, logo and the first fields, read from the built pass.

It is a likeness and not Apple's rendering. What is drawn comes from ``passkit.preview``, so that the page shows what the
phone gets and not what somebody typed.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass

from passkit import preview
from passkit.apple import passjson
from passkit.model import Pass
from passkit.preview import FieldFace

MAX_PICTURE = 400_000
"""Bytes of an image that goes into the picture: a larger one is left out rather than sent twice."""

WIDE = 320
PADDING = 14
LETTER = 7  # pixels that a letter of a row's field takes on average


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
    header: FieldFace | None
    primary: FieldFace | None
    row: tuple[FieldFace, ...]
    height: int

    @property
    def step(self) -> int:
        """Distance from one field of the row to the next."""
        return (WIDE - 2 * PADDING) // max(1, len(self.row))

    @property
    def letters(self) -> int:
        """How many letters of a field fit beside its neighbour."""
        return max(6, self.step // LETTER)


def face(pass_: Pass, language: str, time_zone: str) -> Face:
    """The face of a filled pass, in the language of whoever looks; nothing is signed for it."""
    seen = preview.faces_of({**passjson.files(pass_), **pass_.images.files}, language, time_zone=time_zone)
    shown = [field for field in seen.fields if field.text]
    row = tuple(field for field in shown if field.zone in ("secondary", "auxiliary"))[:3]
    strip = _picture(seen.images.get("strip", b""))
    return Face(
        organization=seen.organization_name,
        description=seen.description,
        background=seen.background,
        foreground=seen.foreground,
        label=seen.label,
        logo_text=seen.logo_text,
        logo=_picture(seen.images.get("logo", b"")),
        strip=strip,
        header=next((field for field in shown if field.zone == "header"), None),
        primary=next((field for field in shown if field.zone == "primary"), None),
        row=row,
        height=60 + (110 if strip else 64) + (64 if row else 10),
    )


def clip(text: str, letters: int) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= letters else line[: letters - 1].rstrip() + "…"


def bytes_of(picture: str) -> bytes:
    """What a data URL of ``face`` holds."""
    return b64decode(picture.partition(",")[2])


def _picture(content: bytes) -> str:
    if not content or len(content) > MAX_PICTURE:
        return ""
    return "data:image/png;base64," + b64encode(content).decode()
