"""A template's pictures as Google wants them: other shapes than Apple's, public, one file each.

``pictures`` makes them from the same stored images, by the same rules: only pixels, same input same bytes. What the
template does not have has no picture. Where a card's data chooses its picture, there is a hero for each look (``heroes``).

https://developers.google.com/wallet/generic/resources/brand-guidelines says of the square logo: PNG, at least 660 x 660,
shown in a circle, so the square is filled to its edges and what matters keeps a margin of 15 %; of the hero image:
1032 x 336. For the wide logo no size could be confirmed; 1280 x 400 is what others use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from PIL import Image

from passkit.errors import ImageError, Problem, Severity, TemplateError
from passkit.google.heroes import HERO, HERO_SOURCES, Color, Heroes, flat, ground
from passkit.images import CENTER, MAX_UPSCALE, Focus, cropped, opened, resized
from passkit.schema import Template
from passkit.schemacheck import pointer
from passkit.smallpng import smallest_png

LOGO = (660, 660)
WIDE_LOGO = (1280, 400)
THUMBNAIL = (660, 660)
SAFE = 0.7
"""The share of the logo's side that the circle never cuts: a margin of 15 % on each side."""
LOGO_INNER = round(LOGO[0] * SAFE)
"""Pixels of a logo's own picture: 462."""
SQUARISH = 1.25
"""How much wider than high a picture may be and still do as a square logo."""
EDGE, EVEN, ROUGH = 64, 12, 0.25
"""A calm border: looked at in 64 steps a side, at most a quarter of them change by more than 12 of 255."""

SOURCES: Mapping[str, tuple[str, ...]] = {
    "logo": ("icon", "logo", "primaryLogo"),
    "wide_logo": ("logo", "primaryLogo"),
    "hero": HERO_SOURCES,
    "thumbnail": ("thumbnail",),
}
"""Google's slot -> Apple's slots it may be made from, the first that fits."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A picture of the template, opened."""

    slot: str
    picture: Image.Image
    focus: Focus

    @property
    def side(self) -> int:
        return min(self.picture.size)

    @property
    def is_squarish(self) -> bool:
        return max(self.picture.size) <= SQUARISH * self.side


Encode = Callable[[Image.Image], bytes]


def pictures(template: Template, encode: Encode = smallest_png) -> dict[str, bytes]:
    """Google's slot (``logo wide_logo hero thumbnail``, and ``heroes.name`` of a look) -> PNG.

    Raises TemplateError for an image that cannot be read.
    """
    return dict(Drawings(template, encode))


class Drawings(Mapping[str, bytes]):
    """The same, but the hero of a look is drawn when somebody asks for it: a preview shows one of them."""

    def __init__(self, template: Template, encode: Encode) -> None:
        self._encode = encode
        self._made = _shared(template, encode)
        self._heroes = Heroes(template)

    def __getitem__(self, slot: str) -> bytes:
        """A PNG."""
        if slot not in self._made:
            self._made[slot] = self._encode(self._heroes.draw(slot))
        return self._made[slot]

    def __iter__(self) -> Iterator[str]:
        """All there are, those too that nobody has asked for."""
        yield from (slot for slot in SOURCES if slot in self._made)
        yield from self._heroes.names

    def __contains__(self, slot: object) -> bool:
        """Without drawing it."""
        return slot in self._made or slot in self._heroes.names

    def __len__(self) -> int:
        """How many."""
        return sum(1 for _ in self)


def _shared(template: Template, encode: Encode) -> dict[str, bytes]:
    """The pictures of a template whose cards all look the same."""
    sources = _Sources(template)
    color = ground(template)
    made: dict[str, Image.Image | None] = {
        "logo": _logo(sources, color),
        "wide_logo": _wide_logo(sources),
        "hero": _filled(sources, "hero", HERO, color),
        "thumbnail": _filled(sources, "thumbnail", THUMBNAIL, color),
    }
    return {slot: encode(picture) for slot, picture in made.items() if picture is not None}


class _Sources:
    """The template's images, each opened once."""

    def __init__(self, template: Template) -> None:
        self._contents = {str(slot): template.files[file] for slot, file in template.images.items()}
        self._focus = {str(slot): focus for slot, focus in template.image_focus.items()}
        self._opened: dict[str, _Source] = {}

    def of(self, google_slot: str, cover: tuple[int, int]) -> list[_Source]:
        return [self._one(slot, cover) for slot in SOURCES[google_slot] if slot in self._contents]

    def _one(self, slot: str, cover: tuple[int, int]) -> _Source:
        if slot not in self._opened:
            try:
                picture = opened(self._contents[slot], cover)
            except ImageError as error:
                place = pointer("images", slot)
                raise TemplateError([Problem(Severity.ERROR, place, str(error), "Use another picture.")]) from None
            self._opened[slot] = _Source(slot, picture, self._focus.get(slot, CENTER))
        return self._opened[slot]


def _logo(sources: _Sources, color: Color) -> Image.Image | None:
    """The square that Google cuts a circle from: with a margin, unless it is a photo, which fills the circle."""
    found = [source for source in sources.of("logo", LOGO) if source.slot == "icon" or source.is_squarish]
    if not found:
        return None
    source = max(found, key=lambda source: min(source.side, LOGO[0] * SAFE))  # the icon, unless it is the smaller one
    if source.picture.mode == "RGBA":
        return _centered(source.picture, LOGO, color)
    return _extended(source.picture, LOGO) if _is_calm(source.picture) else cropped(source.picture, LOGO, source.focus)


def _wide_logo(sources: _Sources) -> Image.Image | None:
    """The logo on the left of a transparent strip, as it stands on Apple's card; a square one is no wide logo."""
    source = next((source for source in sources.of("wide_logo", WIDE_LOGO) if not source.is_squarish), None)
    if source is None:
        return None
    width, height = source.picture.size
    ratio = min(WIDE_LOGO[0] / width, WIDE_LOGO[1] / height, MAX_UPSCALE)
    inner = resized(source.picture, (max(1, round(width * ratio)), max(1, round(height * ratio))))
    canvas = Image.new("RGBA", WIDE_LOGO, (0, 0, 0, 0))
    canvas.paste(inner, (0, (WIDE_LOGO[1] - inner.height) // 2))
    return canvas


def _filled(sources: _Sources, slot: str, box: tuple[int, int], color: Color) -> Image.Image | None:
    """The box filled around the focus point; what is transparent stands on the card's colour."""
    source = next(iter(sources.of(slot, box)), None)
    return None if source is None else cropped(flat(source.picture, color), box, source.focus)


def _inner(picture: Image.Image, box: tuple[int, int]) -> tuple[Image.Image, tuple[int, int]]:
    """The picture in the middle of the box, as large as the circle leaves it whole, and where its top left corner is."""
    ratio = min(box) * SAFE / max(picture.size)
    inner = resized(picture, (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))))
    return inner, ((box[0] - inner.width) // 2, (box[1] - inner.height) // 2)


def _centered(picture: Image.Image, box: tuple[int, int], color: Color) -> Image.Image:
    inner, place = _inner(picture, box)
    canvas = Image.new("RGB", box, color)
    canvas.paste(inner, place, inner)
    return canvas


def _extended(picture: Image.Image, box: tuple[int, int]) -> Image.Image:
    """The margin goes on with the colours of the picture's own edge, so that no frame is seen around it."""
    inner, (left, top) = _inner(picture, box)
    width, height = inner.size
    wide = Image.new("RGB", (box[0], height))
    wide.paste(inner.crop((0, 0, 1, height)).resize((left, height)), (0, 0))
    wide.paste(inner.crop((width - 1, 0, width, height)).resize((box[0] - left - width, height)), (left + width, 0))
    wide.paste(inner, (left, 0))
    canvas = Image.new("RGB", box)
    canvas.paste(wide.crop((0, 0, box[0], 1)).resize((box[0], top)), (0, 0))
    canvas.paste(wide.crop((0, height - 1, box[0], height)).resize((box[0], box[1] - top - height)), (0, top + height))
    canvas.paste(wide, (0, top))
    return canvas


def _is_calm(picture: Image.Image) -> bool:
    """Whether the outermost pixels are one colour or change slowly, as a drawing's ground does and a photo's does not."""
    small = resized(picture, (EDGE, EDGE)).convert("RGB")
    pixels: list[Any] = list(small.get_flattened_data())
    rows = [pixels[:EDGE], pixels[-EDGE:], pixels[::EDGE], pixels[EDGE - 1 :: EDGE]]
    steps = [max(abs(a - b) for a, b in zip(*pair, strict=True)) for row in rows for pair in pairwise(row)]
    rough = sum(1 for step in steps if step > EVEN)
    return rough <= len(steps) * ROUGH
