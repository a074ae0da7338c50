"""A poster for a join link, A4 at 300 dots an inch: the brand, what one gets, a large QR code, and the address below it.

Drawn with Pillow and segno, the same bytes from the same values. The code has error correction Q, for scratches, and the quiet
zone that scanners need; the smallest of its squares is a millimetre wide or more, which a phone reads from two metres.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import segno
from PIL import Image, ImageColor, ImageDraw, ImageFont

WIDTH, HEIGHT = 2480, 3508  # A4
DPI = 300
MARGIN = 200
BAND = 1050
CODE = 1560
"""Side of the code with its quiet zone, in dots: 13 cm."""
QUIET = 4  # squares, ISO/IEC 18004
INK = "#1c1c1e"
SOFT = "#5f6166"

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {"how": "Point your phone’s camera at the code", "what": "The card opens on your phone. No app, no plastic."},
    "ru": {"how": "Наведите камеру телефона на код", "what": "Карта откроется на телефоне. Без приложений и пластика."},
}


@dataclass(frozen=True, slots=True)
class Poster:
    """What stands on it; colours as CSS writes them, ``logo`` a PNG or nothing."""

    organization: str
    title: str
    address: str
    language: str
    background: str = "#1c1c1e"
    foreground: str = "#ffffff"
    logo: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Fonts:
    """TrueType files with Latin and Cyrillic letters."""

    regular: bytes = field(repr=False)
    bold: bytes = field(repr=False)


def pdf(poster: Poster, fonts: Fonts, made: datetime) -> bytes:
    """The poster as a PDF of one page; ``made`` is the date in its properties."""
    written, stamp = io.BytesIO(), made.utctimetuple()
    draw(poster, fonts).save(
        written,
        "PDF",
        resolution=DPI,
        quality=92,
        title=f"{poster.organization}: {poster.title}",
        creator="Passbell",
        producer="Passbell",
        creationDate=stamp,
        modDate=stamp,
    )
    return written.getvalue()


def png(poster: Poster, fonts: Fonts) -> bytes:
    """The same as a picture."""
    written = io.BytesIO()
    draw(poster, fonts).save(written, "PNG", dpi=(DPI, DPI), optimize=True)
    return written.getvalue()


def draw(poster: Poster, fonts: Fonts) -> Image.Image:
    """The poster's dots."""
    page = Image.new("RGB", (WIDTH, HEIGHT), "#ffffff")
    pen = ImageDraw.Draw(page)
    texts = TEXTS[poster.language if poster.language in TEXTS else "en"]
    pen.rectangle((0, 0, WIDTH, BAND), fill=ImageColor.getrgb(poster.background))
    top = MARGIN
    if poster.logo:
        top += _paste_logo(page, poster.logo, top) + 70
    else:
        top = _text(pen, poster.organization, fonts.regular, 96, top + 130, poster.foreground) + 40
    _text(pen, poster.title, fonts.bold, 190, top, poster.foreground, bottom=BAND - 120)
    code = code_image(poster.address, CODE)
    page.paste(code, ((WIDTH - code.width) // 2, BAND + 190))
    below = _text(pen, texts["how"], fonts.bold, 110, BAND + 190 + code.height + 70, INK)
    below = _text(pen, texts["what"], fonts.regular, 74, below + 20, SOFT)
    _text(pen, poster.address.split("://", 1)[-1], fonts.regular, 64, max(below + 50, HEIGHT - 260), SOFT, lines=1)
    return page


def code_image(address: str, side: int) -> Image.Image:
    """The code as large as fits into ``side`` dots, each of its squares the same whole number of dots."""
    code = segno.make(address, error="q", micro=False)
    squares = code.symbol_size(border=QUIET)[0]
    written = io.BytesIO()
    code.save(written, kind="png", scale=max(1, side // squares), border=QUIET)
    return Image.open(io.BytesIO(written.getvalue())).convert("RGB")


def _paste_logo(page: Image.Image, logo: bytes, top: int) -> int:
    """The logo in the middle, at most 1,400 by 260 dots; its height."""
    picture = Image.open(io.BytesIO(logo)).convert("RGBA")
    scale = min(1400 / picture.width, 260 / picture.height)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    page.paste(picture, ((WIDTH - picture.width) // 2, top), picture)
    return picture.height


def _text(
    pen: ImageDraw.ImageDraw,
    text: str,
    font: bytes,
    size: int,
    top: int,
    color: str,
    *,
    bottom: int = HEIGHT,
    lines: int = 3,
) -> int:
    """A text in the middle of its lines, as large as fits down to ``bottom``; where it ends."""
    while True:
        face = ImageFont.truetype(io.BytesIO(font), size)
        broken = _broken(pen, text, face)
        step = round(size * 1.16)
        if (len(broken) <= lines and top + step * len(broken) <= bottom) or size <= 36:
            break
        size -= 6
    for number, line in enumerate(broken[:lines]):
        pen.text((WIDTH // 2, top + step * number), line, font=face, fill=ImageColor.getrgb(color), anchor="ma")
    return top + step * min(len(broken), lines)


def _broken(pen: ImageDraw.ImageDraw, text: str, face: ImageFont.FreeTypeFont) -> list[str]:
    """Words in lines that fit between the margins; a word that is too long for a line is cut."""
    lines: list[str] = []
    for word in text.split() or [""]:
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and pen.textlength(longer, font=face) <= WIDTH - 2 * MARGIN:
            lines[-1] = longer
        else:
            lines.append(_cut(pen, word, face))
    return lines


def _cut(pen: ImageDraw.ImageDraw, word: str, face: ImageFont.FreeTypeFont) -> str:
    while len(word) > 1 and pen.textlength(word, font=face) > WIDTH - 2 * MARGIN:
        word = word[:-2] + "…"
    return word
