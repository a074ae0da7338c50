"""A draft looked at: what is wrong with it and how it can be mended, and what both wallets would show of it now.

Pure; whoever calls it for text that nobody has checked yet does so in the limited process (``commands.limited``). Pictures take
longer than everything else together and seldom change, so they are drawn apart (``draw``) and kept under their ``keys``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from typing import Any

import orjson

from passkit import data, fixes, limits, yamlsafe
from passkit.apple import passjson
from passkit.edits import Edit
from passkit.errors import Problem, RenderError, Severity, TemplateError
from passkit.google import pictures as google_pictures
from passkit.google.loss import Loss, loss
from passkit.google.objects import Address, GooglePictures, class_body, object_body
from passkit.google.types import type_of
from passkit.limits import Rule
from passkit.limits_reading import Found
from passkit.model import SAMPLE_OUTLET, Brand, Card, CardState, Value
from passkit.pictures import Pictures, prepare_images
from passkit.render import Revision, compile_revision, fill
from passkit.schema import TEMPLATE_FILE, Template, parse_template
from passkit.smallpng import quick_png
from passkit.variables import Variable, accept_value

Files = Mapping[str, bytes]

SERIAL = "Sample00000000000000000000000000"
NUMBER = "1234567812345670"
"""A card number whose check digit holds, like the real ones."""
TOKEN = "SampleTokenOfACardThatNobodyHolds"  # noqa: S105
ISSUER = "3388000000000000000"
PICTURES = "/images/"
LIVES = timedelta(days=365)

LONG_NAME = "Aleksandra-Konstantsiya Preobrazhenskaya-Voskresenskaya"
LONG_NAME_RU = "Александра-Констанция Преображенская-Воскресенская"
LONG_LENGTH = 60  # characters: a long name, or a short sentence
LONG_NUMBER = 9_999_999
LONG_MONEY = 99_999_999_00  # minor units


class Data(StrEnum):
    """Whose data the preview shows: the samples, very long texts and numbers, or a card that says nothing."""

    SAMPLE = "sample"
    LONG = "long"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Mendable:
    """A problem, and the edits that mend it; empty where a person has to decide.

    ``code`` names the rule (``limits``, ``fixes``) or the stage: yaml, form, expression, picture, card.
    """

    problem: Problem
    code: str = "form"
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at a draft gives.

    ``files`` is the unzipped pass, ready for ``passkit.preview.faces_of`` (every picture in its sharpest size only);
    ``google`` the class and the object by their own names (``{"loyaltyClass": {...}, "loyaltyObject": {...}}``), with pictures
    at ``/images/<slot>.png`` that are in ``google_pictures`` by slot. All three are empty while ``problems`` holds an error that
    keeps the pass from being built.
    """

    problems: tuple[Mendable, ...]
    losses: tuple[Loss, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    google: Mapping[str, Any] = field(default_factory=dict, repr=False)
    google_pictures: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def is_built(self) -> bool:
        """Whether there is something to show."""
        return bool(self.files)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draft's pictures: the pass's, and Google's by slot."""

    pictures: Pictures
    google: Mapping[str, bytes]
    """A look's hero is drawn when it is asked for."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A draft without its pictures: parsed, compiled and judged, for any number of looks at it.

    ``template`` is None where its form is wrong, ``revision`` where it cannot be built; ``problems`` then say why.
    """

    template: Template | None
    revision: Revision | None
    problems: tuple[Mendable, ...]


def problems(files: Files, brand: Brand) -> tuple[Mendable, ...]:
    """What is wrong with it, as ``judge`` finds."""
    return judge(files, brand).problems


def judge(files: Files, brand: Brand) -> Judged:
    """Everything that publishing would find but in the pictures' pixels, the worst first, with the fixes a machine can make."""
    try:
        template = parse_template(files)
    except TemplateError as error:
        return Judged(None, None, _mended(files, error.problems))
    return Judged(template, *_compiled(files, template, brand))


def look(
    files: Files,
    brand: Brand,
    *,
    show: Data,
    state: CardState,
    language: str | None,
    now: datetime,
    drawn: Callable[[Template], Drawn] | None = None,
    judged: Judged | None = None,
) -> Seen:
    """The draft as both wallets would show it.

    ``drawn`` gives its pictures where they are kept (``draw``, if not given), ``judged`` is what ``judge`` has made of it.
    """
    known = judged or judge(files, brand)
    template, found = known.template, known.problems
    if template is None:
        return Seen(found)
    try:
        pictures = (drawn or draw)(template)
    except TemplateError as error:
        return Seen(_mended(files, error.problems))
    if known.revision is None:
        return Seen(found)
    revision = replace(known.revision, images=pictures.pictures)
    losses = tuple(loss(template))
    try:
        card = _card(template, show, state, language, now)
        shown = fill(revision, card, None, language, now)
        built = {**passjson.files(shown), **sharpest(shown.images.files)}
        google = _google(revision, card, pictures.google, now)
    except RenderError as error:
        wrong = Problem(Severity.ERROR, error.pointer, error.detail, "Make it work for this card too.")
        return Seen((Mendable(wrong, "card"), *found), losses)
    except TemplateError as error:
        return Seen((*_mended(files, error.problems), *found), losses)
    return Seen(found, losses, built, google, _google_pictures(google, pictures.google))


def draw(template: Template) -> Drawn:
    """Every picture in its exact sizes, for both wallets; raises TemplateError."""
    return Drawn(draw_pass(template), draw_google(template))


def draw_pass(template: Template) -> Pictures:
    """The pass's pictures as a publish would make them, stamps in larger files; raises TemplateError."""
    return prepare_images(template, quick_png)


def draw_google(template: Template) -> Mapping[str, bytes]:
    """Google's pictures, pixel for pixel as a publish would make them, in larger files; raises TemplateError."""
    return google_pictures.Drawings(template, quick_png)


def keys(template: Template) -> tuple[str, str]:
    """(of the pass's, of Google's): the same for two templates whose pictures are the same."""
    parts = template.model_dump(
        mode="json",
        include={"style", "images", "image_focus", "localized_images", "languages", "stamps"},
    )
    parts["stamps"] = parts["stamps"] and {**parts["stamps"], "count": None}
    parts["variants"] = [[one.images, one.image_focus] for one in template.variants]
    digest = hashlib.sha256(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS))
    for name, content in sorted(template.files.items()):
        digest.update(b"%b\0%b" % (name.encode(), hashlib.sha256(content).digest()))
    own = digest.hexdigest()
    grounds = (template.colors.background, *(one.colors.background for one in template.variants))
    return own, " ".join(map(str, (own, *grounds)))


def sharpest(images: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of each picture its largest size."""
    best: dict[str, str] = {}
    for name in images:
        slot = name.removesuffix(".png").removesuffix("@2x").removesuffix("@3x")
        best[slot] = max(best.get(slot, name), name, key=lambda one: ("@3x" in one, "@2x" in one))
    return {name: images[name] for name in best.values()}


# What is wrong.


def barcode_without_words(template: Template) -> Iterator[Found]:
    """Where no scanner works, somebody reads the number aloud."""
    for index, code in enumerate(template.barcode):
        if "card.number" in code.message and not code.alt_text and "altText" not in code.apple:
            detail = "nothing is written under the barcode: where it cannot be scanned nobody can type it in"
            yield template.place("barcode", index), detail, 'Add `alt_text: "{{ card.number }}"`.'


HINTS = (Rule(Severity.NOTE, limits.OURS + "a till without a scanner", barcode_without_words),)
"""What the studio says besides the limits."""


def _compiled(files: Files, template: Template, brand: Brand) -> tuple[Revision | None, tuple[Mendable, ...]]:
    """The revision, None where it cannot be built, and all problems."""
    raw = cache(lambda: _raw(files))  # read again only for a fix: half of a parse's time
    found = [
        Mendable(problem, rule.find.__name__, fixes.by_rule(rule.find.__name__, raw(), problem))
        for rule in (*limits.RULES, *HINTS)
        for problem in limits.judged(rule, template)
    ]
    revision = None
    try:
        revision = compile_revision(template, brand, Pictures({}))
    except TemplateError as error:
        found += [Mendable(problem, "expression") for problem in error.problems]
    order = list(Severity)
    return revision, tuple(sorted(dict.fromkeys(found), key=lambda one: order.index(one.problem.severity)))


def _mended(files: Files, found: tuple[Problem, ...]) -> tuple[Mendable, ...]:
    raw = _raw(files)
    return tuple(Mendable(problem, *fixes.of_form(raw, problem)) for problem in found)


def _raw(files: Files) -> Mapping[str, Any]:
    try:
        return yamlsafe.load(TEMPLATE_FILE, files.get(TEMPLATE_FILE, b""))
    except TemplateError:
        return {}


# Whose card.


def _card(template: Template, show: Data, state: CardState, language: str | None, now: datetime) -> Card:
    ends = now - timedelta(days=1) if state is CardState.EXPIRED else now + LIVES
    values = sample_data(template, show, language)
    return Card(SERIAL, NUMBER, TOKEN, values, state, language, None, ends, now, None, SAMPLE_OUTLET)


def sample_data(template: Template, show: Data, language: str | None = None) -> dict[str, Value]:
    """The samples, the longest that each variable may be said to hold, or what a card cannot be without."""
    values = data.sample(template)
    if show is Data.EMPTY:
        return {name: values[name] for name, variable in template.variables.items() if variable.required}
    if show is Data.LONG:
        return {name: _long(variable, values[name], language) for name, variable in template.variables.items()}
    return values


def _long(variable: Variable, sample: Value, language: str | None) -> Value:
    if variable.choices:
        return max((accept_value(variable, one) for one in variable.choices), key=lambda one: len(str(one)))
    if variable.type == "text":
        text = LONG_NAME_RU if (language or "").startswith("ru") else LONG_NAME
        return text[: min(variable.max_length, LONG_LENGTH)]
    longest: Mapping[str, Value] = {
        "integer": LONG_NUMBER,
        "money": LONG_MONEY,
        "decimal": Decimal("99999.99"),
        "boolean": True,
    }
    return longest.get(variable.type, sample)


def _google(revision: Revision, card: Card, made: Mapping[str, bytes], now: datetime) -> dict[str, Any]:
    kind = type_of(revision.template)
    address = Address(ISSUER, f"{ISSUER}.{revision.template.key}", "https://cards.invalid")
    shown = GooglePictures.of({slot: f"{PICTURES}{slot}.png" for slot in made})
    object_id = f"{ISSUER}.{card.serial_number}"
    bare = replace(card, ring=frozenset())
    return {
        kind.class_kind: class_body(revision, address, shown, now),
        kind.object_kind: object_body(revision, bare, None, address, object_id, shown, now),
    }


def _google_pictures(google: Mapping[str, Any], made: Mapping[str, bytes]) -> dict[str, bytes]:
    """The pictures that the class and the object show; of heroes only this card's."""
    heroes = [body["heroImage"]["sourceUri"]["uri"] for body in google.values() if "heroImage" in body]
    shown = {uri.removeprefix(PICTURES).removesuffix(".png") for uri in heroes}
    return {slot: made[slot] for slot in made if slot in google_pictures.SOURCES or slot in shown}
