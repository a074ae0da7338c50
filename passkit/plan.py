"""One language of a revision, compiled: what is constant is made once, only leaves change per card.

A ``Plan`` belongs to the language whose literals stand in pass.json; the plans of the other languages give the translations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from passkit.apple.barcodes import first_barcode
from passkit.apple.document import FieldOutline, Leaf, Node, Outline
from passkit.apple.values import ABSENT, Shown, presenter
from passkit.errors import Problem, RenderError, Severity, TemplateError
from passkit.expressions import Expression, Expressions, NotAllowed
from passkit.localise import Entry, Tables, assign, tables
from passkit.model import Card, PassField
from passkit.schemacheck import pointer

Names = Mapping[str, Any]
Json = Mapping[str, Any]

MAX_TOTAL = 1_000_000  # characters that all texts of a pass may grow to with the longest data


@dataclass(frozen=True, slots=True)
class FieldPlan:
    """A field in one language; ``constant`` is its JSON when nothing in it changes from card to card."""

    outline: FieldOutline
    present: Callable[[Any], Shown]
    parts: tuple[tuple[str, Node], ...]
    constant: tuple[PassField, Json] | None = None

    def show(self, values: list[Any], ring: frozenset[str] | None) -> tuple[PassField, Json | None] | None:
        """What a person reads; the value's JSON replaces its raw value. None where ``when`` says no."""
        outline = self.outline
        if outline.when is not None and not values[outline.when]:
            return None
        values[outline.value], extra, text = self.present(values[outline.value])
        key = outline.template.key
        rings = text and outline.message is not None and (ring is None or key in ring)
        message = values[outline.message] if rings and outline.message is not None else None
        return PassField(key, outline.zone, values[outline.label], text, message), extra

    def json(self, values: Sequence[Any], extra: Json | None, rings: bool) -> Json:
        """The field's dictionary in pass.json."""
        outline = self.outline
        made = dict(outline.constant)
        if label := values[outline.label]:
            made["label"] = label
        made["value"] = values[outline.value]
        if extra:
            made.update(extra)
        if rings and outline.message is not None:
            made["changeMessage"] = values[outline.message]
        for key, node in self.parts:
            if (part := node.make(values)) is not ABSENT:
                made[key] = part
        return made


class Plan:
    """The leaves of a revision in one language, and pass.json around them."""

    def __init__(
        self, language: str, outline: Outline, expressions: Expressions, checked: Sequence[Expression]
    ) -> None:
        self.language = language
        self.outline = outline
        self.checked = checked
        self._expressions = expressions
        self.fields = [
            FieldPlan(field, presenter(field.template, expressions.written), field.parts) for field in outline.fields
        ]
        self._present = {field.outline.value: field.present for field in self.fields}
        self.static: list[Any] = [None] * len(checked)

    def settle(self, moving: frozenset[int], varying: Sequence[int]) -> list[Problem]:
        """Evaluate what no card can change; compile the rest. ``moving``: leaves that change, ``varying``: by language too."""
        still = [leaf for leaf in range(len(self.checked)) if leaf not in moving]
        problems = self._evaluate_still(still)
        self.moving = tuple(sorted(moving))
        self.varying = tuple(varying)
        self._converts = [(leaf, self.outline.leaves[leaf].convert) for leaf in self.moving]
        self._evaluate = self._expressions.compile([self.checked[leaf] for leaf in self.moving])
        self._speak = self._expressions.compile([self.checked[leaf] for leaf in self.varying])
        return problems

    def _evaluate_still(self, still: Iterable[int]) -> list[Problem]:
        problems = []
        for leaf in still:
            try:
                self.static[leaf] = self.evaluate_one(leaf, {})
            except RenderError as error:
                problems.append(Problem(Severity.ERROR, error.pointer, error.detail, "Correct the text."))
        return problems

    def evaluate_one(self, leaf: int, names: Names) -> Any:
        """One leaf by itself: slower, but it knows its name. Raises RenderError."""
        outline = self.outline.leaves[leaf]
        try:
            raw = self._expressions.compile([self.checked[leaf]])(names)[0]
            if leaf in self._present:
                self._present[leaf](raw)
                return raw
            return outline.convert(raw) if outline.convert else raw
        except Exception as error:
            raise RenderError(outline.pointer, sentence(error)) from error

    def values(self, names: Names) -> list[Any]:
        """All leaves' values for one card; fields' values are still raw."""
        values = self.static.copy()
        for (leaf, convert), raw in zip(self._converts, self._evaluate(names), strict=True):
            values[leaf] = convert(raw) if convert else raw
        return values

    def own_spoken(self, values: Sequence[Any]) -> list[Any]:
        """The varying leaves as JSON from what ``values`` gave; before fields are shown, which replaces their values."""
        return [self._spoken(leaf, values[leaf], converted=True) for leaf in self.varying]

    def spoken(self, names: Names) -> list[Any]:
        """The varying leaves as this language says them, as JSON."""
        return [self._spoken(leaf, raw) for leaf, raw in zip(self.varying, self._speak(names), strict=True)]

    def still_spoken(self, leaf: int) -> Any:
        """A constant leaf as JSON."""
        return self._spoken(leaf, self.static[leaf], converted=True)

    def _spoken(self, leaf: int, raw: Any, *, converted: bool = False) -> Any:
        if present := self._present.get(leaf):
            return present(raw)[0]
        convert = self.outline.leaves[leaf].convert
        return convert(raw) if convert and not converted else raw

    def prepare(self, languages: Sequence[str], entries: Sequence[Entry]) -> None:
        """Place the constant translations and make the constant parts of pass.json."""
        self.entries = tuple(entries)
        translated = {entry.leaf for entry in entries}
        still = set(range(len(self.checked))) - set(self.moving)
        spoken = (self.still_spoken(leaf) for leaf in still - translated)
        self.data = frozenset(text for text in spoken if isinstance(text, str))
        placed, taken = assign(entries, self.data)
        self.literals = frozenset(taken)
        self.tables = tables(languages, taken)
        self.extended: dict[tuple[Entry, ...], Tables] = {}
        values = self.static.copy()
        for leaf, literal in placed.items():
            values[leaf] = literal
        self._freeze(values, still)

    def _freeze(self, values: list[Any], still: set[int]) -> None:
        self.constant: dict[str, Any] = {}
        self.open: list[tuple[str, Node]] = []
        for key, node in self.outline.nodes.items():
            if set(node.leaves()) <= still:
                self.constant[key] = node.make(values)
            else:
                self.open.append((key, node))
        self.constant = {key: value for key, value in self.constant.items() if value is not ABSENT}
        self.moved = {leaf: text for leaf, text in enumerate(values) if leaf in still and text is not self.static[leaf]}
        self.spare = [leaf for leaf in self.moving if leaf not in self.varying]

    def document(
        self, values: Sequence[Any], fields: Sequence[Json | None], card: Card, *, whole: bool = False
    ) -> Json:
        """pass.json: the constant part (rebuilt where ``whole``: literals had to change) and what changes."""
        made = {} if whole else self.constant.copy()
        for key, node in self.outline.nodes.items() if whole else self.open:
            if (part := node.make(values)) is not ABSENT:
                made[key] = part
        made["serialNumber"] = card.serial_number
        if "webServiceURL" in made:
            made["authenticationToken"] = card.authentication_token
        if card.state != "active":
            made["voided"] = True
        if barcodes := made.get("barcodes"):
            made["barcode"] = first_barcode(barcodes)
        for style in self.outline.styles:
            zones = {
                key: [row for place in places if (row := fields[place]) is not None] for key, places in style.zones
            }
            made[style.style] = {**style.constant, **{key: rows for key, rows in zones.items() if rows}}
        return made


def check_leaf(
    expressions: Expressions, leaf: Leaf, language: str, translations: Mapping[str, str]
) -> Expression | Problem:
    """A leaf's text, or its translation, as a checked expression; or what is wrong with it and where."""
    source = translations.get(leaf.source, leaf.source) if leaf.localizable else leaf.source
    place = leaf.pointer if source == leaf.source else pointer("strings", language, leaf.source)
    try:
        if leaf.words is not None:
            return expressions.link(source, translations.get(leaf.words, leaf.words))
        return expressions.check(source, leaf.shape)
    except NotAllowed as error:
        return Problem(Severity.ERROR, place, str(error), error.fix)


def too_large(checked: Iterable[Expression]) -> list[Problem]:
    """A problem when all texts together could grow out of hand."""
    if (total := sum(expression.size for expression in checked)) <= MAX_TOTAL:
        return []
    fix = "Show long variables in fewer places, or lower their max_length."
    return [Problem(Severity.ERROR, "", f"the texts of a pass could grow to {total} characters", fix)]


def sentence(error: Exception) -> str:
    """Why an expression failed, in one sentence without the card's data."""
    text = str(error).split("\n", 1)[0]
    if isinstance(error, TypeError) and ("positional argument" in text or "keyword argument" in text):
        return "the expression failed: a filter does not take these arguments"
    if isinstance(error, TypeError):
        return f"the expression failed: {text}; an optional variable may be empty, write ({{{{ (points or 0) > 5 }}}})"
    return f"the expression failed: {text}"


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise TemplateError when there are any."""
    if problems:
        raise TemplateError(problems)
