"""Draws n of m stamps into a picture of the card: the places in rows, so many of them stamped.

A drawing is made at @3x and scaled down like every picture of a pass. Where the template has no picture for the slot, the
stamps stand on the card's own colour: the rest of the picture is transparent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from PIL import Image

from passkit.errors import ImageError, Problem, Severity
from passkit.images import Encode, Focus, exact_box, fitted_in, placed, sizes
from passkit.images import opened as opened_picture
from passkit.layout import Stamps
from passkit.schemacheck import pointer
from passkit.smallpng import smallest_png

AREA = (0.05, 0.09, 0.95, 0.91)
"""The part of the picture that the stamps fill: left, top, right, bottom."""
FILLED = 0.86
"""How much of its place a stamp takes; the rest is the gap."""
FAINT = 0.28
"""How much is seen of a place that is not stamped yet and has no picture of its own."""
MAX_ROWS = 5
ICON_SIZE = (300, 300)
"""What a stamp's picture is opened for, in pixels: the largest place that there can be."""

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Ground:
    """The picture below the stamps, at @3x."""

    picture: Image.Image

    @classmethod
    def of(cls, style: str, slot: str, content: bytes, focus: Focus) -> Ground:
        """The template's picture for the slot; raises ImageError."""
        return cls(placed(style, slot, content, focus))


@dataclass(frozen=True, slots=True)
class Icons:
    """What is drawn: stamped and not, and the same for the last place."""

    full: Image.Image
    empty: Image.Image
    last: Image.Image
    last_empty: Image.Image

    def of(self, *, stamped: bool, is_last: bool) -> Image.Image:
        """The one for a place."""
        if is_last:
            return self.last if stamped else self.last_empty
        return self.full if stamped else self.empty


@dataclass(frozen=True, slots=True)
class Opened:
    """The icons, or what is wrong with their files."""

    icons: Icons
    problems: list[Problem] = field(default_factory=list)


def opened(stamps: Stamps, files: Mapping[str, bytes]) -> Opened:
    """The pictures that ``stamps`` names."""
    problems = []
    found: dict[str, Image.Image] = {}
    for key in ("icon", "empty", "last", "last_empty"):
        name = getattr(stamps, key)
        if name is None:
            continue
        try:
            found[key] = opened_picture(files[name], ICON_SIZE).convert("RGBA")
        except ImageError as error:
            problems.append(Problem(Severity.ERROR, pointer("stamps", key), str(error), "Use another picture."))
    full = found.get("icon") or Image.new("RGBA", (1, 1))
    empty = found.get("empty") or _faint(full)
    last = found.get("last") or full
    last_empty = found.get("last_empty") or (_faint(last) if "last" in found else empty)
    return Opened(Icons(full, empty, last, last_empty), problems)


def _faint(picture: Image.Image) -> Image.Image:
    faint = picture.copy()
    faint.putalpha(picture.getchannel("A").point([round(value * FAINT) for value in range(256)]))
    return faint


@dataclass(frozen=True)
class Drawing:
    """All that the pictures of a template's stamps are made of; ``grounds`` by the prefix of their names.

    ``encode`` makes the files: a publish takes its time to make them small, a preview shows one of them once.
    """

    style: str
    stamps: Stamps
    icons: Icons
    grounds: Mapping[str, Ground | None]
    encode: Encode = smallest_png

    @property
    def most(self) -> int:
        """The number of places."""
        return self.stamps.of

    def draw(self, ground: str, count: int) -> dict[str, bytes]:
        """The slot's files with ``count`` places stamped: ``{"strip.png": ..., "strip@2x.png": ..., "strip@3x.png": ...}``."""
        below = self.grounds[ground]
        size = exact_box(self.style, self.stamps.slot)
        picture = below.picture.convert("RGBA") if below else Image.new("RGBA", size, (0, 0, 0, 0))
        paint(picture, self.stamps, self.icons, count)
        if below is not None and below.picture.mode == "RGB":
            picture = picture.convert("RGB")
        return sizes(self.style, self.stamps.slot, picture, self.encode)


def paint(picture: Image.Image, stamps: Stamps, icons: Icons, count: int) -> None:
    """Draw ``count`` of the stamps into an RGBA picture of any size."""
    for place, box in enumerate(places(stamps, picture.size)):
        icon = icons.of(stamped=place < count, is_last=place == stamps.of - 1)
        picture.alpha_composite(*_in_box(icon, box))


def _in_box(icon: Image.Image, box: Box) -> tuple[Image.Image, tuple[int, int]]:
    """The icon as large as the box takes it, and its top left corner."""
    left, top, right, bottom = box
    drawn = fitted_in(icon, (right - left, bottom - top))
    return drawn, (left + (right - left - drawn.width) // 2, top + (bottom - top - drawn.height) // 2)


def places(stamps: Stamps, size: tuple[int, int]) -> list[Box]:
    """The square of each stamp in a picture of this size, row by row, the rows as even as can be and in the middle."""
    left, top, right, bottom = stamps.area or AREA
    width, height = (right - left) * size[0], (bottom - top) * size[1]
    rows = _rows(stamps, width, height)
    columns = max(rows)
    pitch = width / columns, height / len(rows)
    side = round(min(pitch) * FILLED)
    step = min(pitch[0], min(pitch) * 1.35)
    found = []
    for row, many in enumerate(rows):
        middle = top * size[1] + (row + 0.5) * pitch[1]
        start = left * size[0] + (width - many * step) / 2
        for column in range(many):
            x, y = start + (column + 0.5) * step, middle
            corner = round(x - side / 2), round(y - side / 2)
            found.append((*corner, corner[0] + side, corner[1] + side))
    return found


def _rows(stamps: Stamps, width: float, height: float) -> Sequence[int]:
    """How many stamps each row has; without ``rows`` as many rows as give the largest stamps."""

    def side(rows: int) -> float:
        return min(width / -(-stamps.of // rows), height / rows)

    rows = min(stamps.rows or max(range(1, MAX_ROWS + 1), key=side), stamps.of)
    short, more = divmod(stamps.of, rows)
    return [short + (row < more) for row in range(rows)]
