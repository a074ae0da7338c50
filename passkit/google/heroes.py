"""The hero image of each look that a card's data may choose: a variant's picture, the stamps that are drawn into it, or both.

Every object may have a hero of its own, and the class's stands where it has none
(developers.google.com/wallet/reference/rest/v1/loyaltyobject: ``heroImage``). So there is a hero only for looks that are not
the template's own. Stamps are laid out anew in Google's shape: no crop cuts one off.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from PIL import Image, ImageColor

from passkit import stamps
from passkit.errors import ImageError, Problem, Severity, TemplateError
from passkit.images import CENTER, Focus, cropped, opened
from passkit.layout import Slot, Stamps, Variant
from passkit.model import Look
from passkit.schema import Template
from passkit.schemacheck import pointer

HERO = (1032, 336)
HERO_SOURCES: tuple[Slot, ...] = ("strip", "background", "artwork")
"""The slots that a hero may be made from; the first that a card has."""
WHITE = (255, 255, 255)

Color = tuple[int, int, int]


def name(look: Look) -> str:
    """What a look's hero is called: ``hero_v1_s3``, ``hero_v1``, ``hero_s3``."""
    variant = "" if look.variant is None else f"_v{look.variant}"
    return f"hero{variant}" + ("" if look.stamps is None else f"_s{look.stamps}")


def names(look: Look) -> Iterator[str]:
    """Where a look's hero may be, in this order: a variant that changes nothing in the picture has none of its own."""
    yield name(look)
    if look.variant is not None and look.stamps is not None:
        yield name(Look(variant=look.variant))
        yield name(Look(stamps=look.stamps))


def of(look: Look, heroes: Mapping[str, str]) -> str | None:
    """A look's hero among what there is by name; None: the template's own."""
    return next((heroes[one] for one in names(look) if one in heroes), None) if look != Look() else None


def slot(template: Template, variant: Variant | None = None) -> Slot | None:
    """The slot that the hero of a variant's cards, or of the template's own, is made from."""
    there = {*template.images, *(variant.images if variant else ())}
    if template.stamps:
        there.add(template.stamps.slot)
    return next((one for one in HERO_SOURCES if one in there), None)


def is_stamped(template: Template, variant: Variant | None = None) -> bool:
    """Whether the stamps are seen on it."""
    return template.stamps is not None and slot(template, variant) == template.stamps.slot


def ground(template: Template, variant: Variant | None = None) -> Color:
    """A card's background colour; white where it is an expression or not given."""
    own = variant.colors.background if variant else None
    try:
        return ImageColor.getrgb(own or template.colors.background or "white")[:3]
    except ValueError:
        return WHITE


def flat(picture: Image.Image, color: Color) -> Image.Image:
    """What is transparent stands on the colour."""
    if picture.mode != "RGBA":
        return picture
    canvas = Image.new("RGB", picture.size, color)
    canvas.paste(picture, (0, 0), picture)
    return canvas


class _Below(NamedTuple):
    """What a hero is made of but for the stamps: a file, what its crop keeps, the colour, where template.yaml names it."""

    file: str | None
    focus: Focus
    color: Color
    place: str


class Heroes:
    """The heroes of a template's looks, each drawn when it is asked for."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._opened: tuple[str, Image.Image] | None = None
        self._ground: tuple[_Below, Image.Image] | None = None
        self.names = {name(look): look for look in self._looks()}
        """Name -> look."""

    def draw(self, wanted: str) -> Image.Image:
        """A hero by its name; KeyError for one that there is not, TemplateError for an image that cannot be read."""
        look = self.names[wanted]
        below = self._below(self._variant(look.variant))
        if self._ground is None or self._ground[0] != below:
            self._ground = below, self._cropped(below)
        picture = self._ground[1]
        if look.stamps is None or self._stamps is None:
            return picture
        stamped = picture.convert("RGBA")
        stamps.paint(stamped, self._stamps, self._icons, look.stamps)
        return stamped.convert("RGB")

    def _looks(self) -> Iterator[Look]:
        """Those that are not the template's own."""
        template = self._template
        own = self._below(None)
        for place in (None, *range(len(template.variants))):
            variant = self._variant(place)
            differs = place is not None and self._differs(own, self._below(variant))
            if template.stamps and is_stamped(template, variant):
                if place is None or differs:
                    yield from (Look(place, count) for count in range(template.stamps.of + 1))
            elif differs:
                yield Look(place)

    def _variant(self, place: int | None) -> Variant | None:
        return None if place is None else self._template.variants[place]

    def _below(self, variant: Variant | None) -> _Below:
        template = self._template
        found = slot(template, variant)
        color = ground(template, variant)
        if found is None:
            return _Below(None, CENTER, color, "/images")
        if variant and found in variant.images:
            focus = variant.image_focus.get(found) or template.image_focus.get(found, CENTER)
            where = pointer("variants", template.variants.index(variant), "images", found)
            return _Below(variant.images[found], focus, color, where)
        focus = template.image_focus.get(found, CENTER)
        return _Below(template.images.get(found), focus, color, pointer("images", found))

    def _differs(self, one: _Below, other: _Below) -> bool:
        """Whether anybody could see it: the colour is seen where the picture is transparent."""
        if (one.file, one.focus) != (other.file, other.focus):
            return True
        if one.color == other.color:
            return False
        return self._open(one).mode == "RGBA" if one.file else self._template.stamps is not None

    def _cropped(self, below: _Below) -> Image.Image:
        if below.file is None:
            return Image.new("RGB", HERO, below.color)
        return cropped(flat(self._open(below), below.color), HERO, below.focus)

    def _open(self, below: _Below) -> Image.Image:
        if self._opened is None or self._opened[0] != below.file:
            try:
                picture = opened(self._template.files[below.file or ""], HERO)
            except ImageError as error:
                found = Problem(Severity.ERROR, below.place, str(error), "Use another picture.")
                raise TemplateError([found]) from None
            self._opened = below.file or "", picture
        return self._opened[1]

    @cached_property
    def _stamps(self) -> Stamps | None:
        """The stamps as a hero has them: rows are counted for the slot, and only a strip has the hero's shape."""
        found = self._template.stamps
        return found if found is None or found.slot == "strip" else found.model_copy(update={"rows": None})

    @cached_property
    def _icons(self) -> stamps.Icons:
        if self._template.stamps is None:
            raise AssertionError("a look has stamps only where its template has")
        found = stamps.opened(self._template.stamps, self._template.files)
        if found.problems:
            raise TemplateError(found.problems)
        return found.icons
