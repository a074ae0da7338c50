"""One language of a revision, compiled: what is constant is made once, only leaves change per card.

A ``Plan`` belongs to the language whose literals stand in pass.json; the plans of the other languages give the translations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from passkit.apple.barcodes import first_barcode
from passkit.apple.document import FieldOutline, Leaf, Node, Outline, StyleOutline
from passkit.apple.values import ABSENT, Presenter, presenter
from passkit.errors import Problem, RenderError, Severity, TemplateError
from passkit.expressions import Expression, Expressions, NotAllowed
from passkit.localise import Entry, Tables, assign, tables
from passkit.model import Card, PassField
from passkit.schemacheck import pointer

Names = Mapping[str, Any]
Json = Mapping[str, Any]

MAX_TOTAL = 1_000_000  # characters that all texts of a pass may grow to with the longest data


@dataclass(slots=True)
class FieldPlan:
    """A field in one language; ``still`` is its JSON, silent and ringing, when nothing in it changes from card to card."""

    outline: FieldOutline
    presenter: Presenter
    parts: tuple[tuple[str, Node], ...]
    still: tuple[Json | None, Json | None] | None = None

    def is_there(self, values: Sequence[Any]) -> bool:
        """What ``when`` says."""
        when = self.outline.when
        return when is None or bool(values[when])

    def rings(self, value: Any, ring: frozenset[str] | None) -> bool:
        """Whether the field carries its changeMessage; an empty value never does."""
        outline = self.outline
        return outline.message is not None and value != "" and (ring is None or outline.template.key in ring)

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

    def freeze(self, raw: list[Any], placed: Sequence[Any]) -> None:
        """Nothing in this field changes: make its JSON. ``raw``: values as evaluated, ``placed``: with literals in place."""
        if not self.is_there(raw):
            self.still = (None, None)
            return
        value, extra = self.presenter.shape(raw[self.outline.value])
        values = list(placed)
        if placed[self.outline.value] is raw[self.outline.value]:
            values[self.outline.value] = value
        silent = self.json(values, extra, rings=False)
        self.still = (silent, self.json(values, extra, rings=True) if self.rings(value, None) else silent)


class Told(Sequence[PassField]):
    """What a person reads of a filled card, made when somebody asks: a phone is served without it."""

    __slots__ = ("_known", "_tell")

    def __init__(self, tell: Callable[[], tuple[PassField, ...]]) -> None:
        self._tell: Callable[[], tuple[PassField, ...]] | None = tell
        self._known: tuple[PassField, ...] = ()

    def fields(self) -> tuple[PassField, ...]:
        """The fields; raises RenderError where a value cannot be said."""
        if self._tell is not None:
            self._known = self._tell()
            self._tell = None
        return self._known

    def __getitem__(self, index: Any) -> Any:
        """One, or a slice."""
        return self.fields()[index]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.fields())

    def __eq__(self, other: object) -> bool:
        """The same fields in the same order."""
        return self.fields() == (other.fields() if isinstance(other, Told) else other)

    def __hash__(self) -> int:
        """As the tuple of its fields."""
        return hash(self.fields())


class Plan:
    """The leaves of a revision in one language, and pass.json around them."""

    def __init__(
        self, language: str, outline: Outline, expressions: Expressions, checked: Sequence[Expression]
    ) -> None:
        self.language = language
        self.outline = outline
        self.choice = outline.choice
        self.checked = checked
        self._expressions = expressions
        self.fields = [
            FieldPlan(field, presenter(field.template, expressions.written), field.parts) for field in outline.fields
        ]
        self._shape = {field.outline.value: field.presenter.shape for field in self.fields}
        self.static: list[Any] = [None] * len(checked)

    def settle(self, moving: frozenset[int], varying: Sequence[int], names: Names) -> list[Problem]:
        """Evaluate what no card can change; compile the rest.

        ``moving``: leaves that change, ``varying``: by language too, ``names``: what is known of every card.
        """
        still = [leaf for leaf in range(len(self.checked)) if leaf not in moving]
        problems = self._evaluate_still(still, names)
        self.moving = tuple(sorted(moving))
        self.varying = tuple(varying)
        self._converts = [(leaf, self.outline.leaves[leaf].convert) for leaf in self.moving]
        self._evaluate = self._expressions.compile([self.checked[leaf] for leaf in self.moving])
        self._speak = self._expressions.compile([self.checked[leaf] for leaf in self.varying])
        return problems

    def _evaluate_still(self, still: Iterable[int], names: Names) -> list[Problem]:
        problems = []
        for leaf in still:
            try:
                self.static[leaf] = self.evaluate_one(leaf, names)
            except RenderError as error:
                problems.append(Problem(Severity.ERROR, error.pointer, error.detail, "Correct the text."))
        return problems

    def evaluate_one(self, leaf: int, names: Names) -> Any:
        """One leaf by itself: slower, but it knows its name. Raises RenderError."""
        outline = self.outline.leaves[leaf]
        try:
            raw = self._expressions.value(self.checked[leaf], names)
            if leaf in self._shape:
                self._shape[leaf](raw)
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
        if shape := self._shape.get(leaf):
            return shape(raw)[0]
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
        for field in self.fields:
            if still.issuperset(field.outline.leaves()):
                field.freeze(self.static, values)
        self.shaped = [field for field in self.fields if field.still is None]
        self.styles = [self._zones(style) for style in self.outline.styles]
        self.whole_styles = [(style.style, style.constant, style.zones) for style in self.outline.styles]

    def _zones(self, style: StyleOutline) -> tuple[str, Json, list[tuple[str, Sequence[int]]]]:
        """A style's name, what is constant in it, and the zones with a field that changes."""
        constant = dict(style.constant)
        moving: list[tuple[str, Sequence[int]]] = []
        for key, places in style.zones:
            still = [self.fields[place].still for place in places]
            if all(one is not None and one[0] is one[1] for one in still):
                if rows := [one[0] for one in still if one is not None and one[0] is not None]:
                    constant[key] = rows
            else:
                moving.append((key, places))
        return style.style, constant, moving

    def shape(self, values: list[Any]) -> dict[int, Json | None]:
        """Replace the raw values of the fields that change with what pass.json holds; the keys that go with each."""
        extras: dict[int, Json | None] = {}
        for field in self.shaped:
            if field.is_there(values):
                leaf = field.outline.value
                values[leaf], extras[leaf] = field.presenter.shape(values[leaf])
        return extras

    def shape_still(self, placed: list[Any], extras: dict[int, Json | None]) -> None:
        """The same for the fields that do not change, whose JSON is made anew with other literals."""
        for field in self.fields:
            leaf = field.outline.value
            if field.still is not None and field.is_there(self.static):
                value, extras[leaf] = field.presenter.shape(self.static[leaf])
                if placed[leaf] is self.static[leaf]:
                    placed[leaf] = value

    def rows(
        self, values: Sequence[Any], extras: Mapping[int, Json | None], ring: frozenset[str] | None, *, whole: bool
    ) -> list[Json | None]:
        """Each field's JSON, None where it is not there."""
        rows: list[Json | None] = []
        for field in self.fields:
            leaf = field.outline.value
            if field.still is not None and not whole:
                silent, ringing = field.still
                rows.append(silent if silent is ringing or not field.rings(values[leaf], ring) else ringing)
            elif leaf in extras:
                rows.append(field.json(values, extras[leaf], field.rings(values[leaf], ring)))
            else:
                rows.append(None)
        return rows

    def tell(self, raw: Sequence[Any], ring: frozenset[str] | None) -> tuple[PassField, ...]:
        """What a person reads, of a key in both styles the main style's; ``raw``: the values before ``shape``."""
        found: dict[str, PassField] = {}
        for field in self.fields:
            outline, key = field.outline, field.outline.template.key
            if key in found or not field.is_there(raw):
                continue
            text = self._said(field, raw[outline.value])
            rings = field.rings(text, ring) and outline.message is not None
            message = raw[outline.message] if rings and outline.message is not None else None
            found[key] = PassField(key, outline.zone, raw[outline.label], text, message)
        return tuple(found.values())

    def _said(self, field: FieldPlan, raw: Any) -> str:
        try:
            return field.presenter.text(raw)
        except Exception as error:
            raise RenderError(self.outline.leaves[field.outline.value].pointer, sentence(error)) from error

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
        for style, constant, zones in self.whole_styles if whole else self.styles:
            made[style] = part = dict(constant)
            for key, places in zones:
                if rows := [row for place in places if (row := fields[place]) is not None]:
                    part[key] = rows
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
