"""The pictures of a revision: those that all cards share, and those that a card's data chooses.

A template may change pictures by condition (``variants``) and draw a number into one of them (``stamps``). Both are one thing
here: a card has a ``Look``, and every look its prepared files, which all cards of that look share. What is chosen from lies
beside the shared files under names of its own::

    strip@2x.png                       for every card
    variants/1/strip@2x.png            instead of it where the second variant is chosen
    stamps/3/strip@2x.png              instead of it on a card with three stamps
    variants/1/stamps/3/strip@2x.png   the same on the second variant's own picture

``files`` is all of it, to be kept; ``Pictures`` of what was kept makes the same passes without drawing anything again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from passkit import stamps
from passkit.apple.bundle import PreparedFiles, prepare
from passkit.errors import ImageError, Problem, Severity, TemplateError
from passkit.images import CENTER, Encode, Focus, slots
from passkit.model import Look, Picture
from passkit.schema import Template
from passkit.schemacheck import pointer
from passkit.smallpng import smallest_png

PLAIN = Look()
MOST_NEWS = 8
"""Prepared files with a news's picture that are remembered, for each revision."""


class Pictures:
    """A revision's pictures by look; each look is prepared when the first card has it."""

    def __init__(self, files: Mapping[str, bytes], drawing: stamps.Drawing | None = None) -> None:
        self._files = dict(files)
        self._drawing = drawing
        self._prepared: dict[Look, PreparedFiles] = {}
        self._with_news: dict[tuple[Look, str], PreparedFiles] = {}

    @property
    def files(self) -> Mapping[str, bytes]:
        """Every picture, those that a card may choose too; stamps that no card had so far are drawn now."""
        self.draw()
        return self._files

    def draw(self) -> None:
        """Draw all stamps now and not when the first card needs them: a publish does, a preview does not."""
        if self._drawing is not None:
            for ground in self._drawing.grounds:
                for count in range(self._drawing.most + 1):
                    self._drawn(ground, count)
            self._drawing = None

    @cached_property
    def plain(self) -> PreparedFiles:
        """What a card has for which nothing is chosen."""
        return self.of(PLAIN)

    def of(self, look: Look) -> PreparedFiles:
        """The files of one look, the same object for all its cards."""
        prepared = self._prepared.get(look)
        if prepared is None:
            prepared = self._prepared[look] = prepare(self._laid(look))
        return prepared

    def with_news(self, look: Look, picture: Picture) -> PreparedFiles:
        """The look's files with a news's picture in its slot, in every language; what was drawn into the slot is covered."""
        prepared = self._with_news.get((look, picture.key))
        if prepared is None:
            replaced = {_slot(name) for name in picture.files}
            kept = {name: content for name, content in self._laid(look).items() if _slot(name) not in replaced}
            if len(self._with_news) >= MOST_NEWS:
                self._with_news.clear()
            prepared = self._with_news[look, picture.key] = prepare(kept | dict(picture.files))
        return prepared

    def _laid(self, look: Look) -> dict[str, bytes]:
        """The shared files, and over them what the look chooses: a slot is replaced in every language."""
        variant = "" if look.variant is None else f"variants/{look.variant}/"
        chosen = {
            name: content for name, content in self._files.items() if not name.startswith(("variants/", "stamps/"))
        }
        layers = [self._below(variant)] if variant else []
        if look.stamps is not None:
            layers.append(self._drawn(variant, look.stamps) or self._drawn("", look.stamps))
        for layer in layers:
            replaced = {_slot(name) for name in layer}
            chosen = {name: content for name, content in chosen.items() if _slot(name) not in replaced} | layer
        return chosen

    def _below(self, prefix: str) -> dict[str, bytes]:
        below = {name.removeprefix(prefix): part for name, part in self._files.items() if name.startswith(prefix)}
        return {name: content for name, content in below.items() if not name.startswith("stamps/")}

    def _drawn(self, ground: str, count: int) -> dict[str, bytes]:
        prefix = f"{ground}stamps/{count}/"
        if self._drawing is not None and ground in self._drawing.grounds and not self._below(prefix):
            self._files |= {prefix + name: content for name, content in self._drawing.draw(ground, count).items()}
        return self._below(prefix)


def _slot(name: str) -> str:
    """``ru.lproj/strip@2x.png`` -> ``strip``."""
    return name.rpartition("/")[2].split("@")[0].removesuffix(".png")


class _Wanted(NamedTuple):
    """A picture to make: where template.yaml names it, its slot, its file, under which name it goes, what a crop keeps."""

    place: str
    slot: str
    file: str
    prefix: str
    focus: Focus


def prepare_images(template: Template, stamped: Encode = smallest_png) -> Pictures:
    """Every picture in its exact sizes; a localised slot has no copy at the top, as Apple wants.

    Raises TemplateError. Stamps are not drawn yet, but what they are drawn with is opened; ``stamped`` makes their files.
    """
    made: dict[str, bytes] = {}
    grounds: dict[str, stamps.Ground | None] = {}
    problems = []
    for one in _wanted(template):
        try:
            if template.stamps and one.slot == template.stamps.slot:
                grounds[one.prefix] = stamps.Ground.of(template.style, one.slot, template.files[one.file], one.focus)
            else:
                sizes = slots(template.style, one.slot, template.files[one.file], one.focus)
                made |= {one.prefix + name: content for name, content in sizes.items()}
        except ImageError as error:
            problems.append(Problem(Severity.ERROR, one.place, str(error), "Use another picture."))
    drawing = None
    if template.stamps:
        found = stamps.opened(template.stamps, template.files)
        problems += found.problems
        drawing = stamps.Drawing(template.style, template.stamps, found.icons, {"": None, **grounds}, stamped)
    if problems:
        raise TemplateError(problems)
    return Pictures(made, drawing)


def _wanted(template: Template) -> Iterator[_Wanted]:
    localised = {slot for pictures in template.localized_images.values() for slot in pictures}
    for slot, name in template.images.items():
        focus = template.image_focus.get(slot, CENTER)
        for language in template.languages if slot in localised else ("",):
            file = template.localized_images.get(language, {}).get(slot, name)
            place = pointer("images", slot) if file == name else pointer("localized_images", language, slot)
            yield _Wanted(place, slot, file, f"{language}.lproj/" if language else "", focus)
    for index, variant in enumerate(template.variants):
        for slot, file in variant.images.items():
            focus = variant.image_focus.get(slot) or template.image_focus.get(slot, CENTER)
            yield _Wanted(pointer("variants", index, "images", slot), slot, file, f"variants/{index}/", focus)
