"""The texts and values that a Google pass is made of, compiled once for a revision and evaluated together for a card.

A *text* is said in each of the template's languages, because Google holds all of them in one object. A *fact* (a barcode, an
instant, a number) is asked once, in the card's language. What no card can move is evaluated while compiling, so that the class is
made of it and an object costs one call of each compiled function. Expressions, filters and formats are those of pass.json:
both wallets say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import nodes

from passkit.apple.values import presenter
from passkit.errors import Problem, RenderError, Severity
from passkit.expressions import Expression, Expressions, NotAllowed, Shape
from passkit.formats import formats
from passkit.google.datatypes import merged
from passkit.layout import PassFieldTemplate
from passkit.model import Brand
from passkit.schema import Template
from passkit.schemacheck import pointer

Convert = Callable[[Any], Any]
Names = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Leaf:
    pointer: str
    expressions: tuple[Expression, ...]  # by language
    converts: tuple[Convert | None, ...]
    is_text: bool
    varies: bool

    @property
    def names(self) -> frozenset[str]:
        return frozenset().union(*(one.names for one in self.expressions))


class Leaves:
    """Collects leaves, then evaluates them: ``text``, ``shown`` and ``fact`` give a leaf's number."""

    def __init__(self, template: Template, brand: Brand) -> None:
        self.languages = template.languages
        self.zone = ZoneInfo(brand.time_zone)
        self.problems: list[Problem] = []
        self._spoken = [
            Expressions(template.variables, brand, formats(language, brand.time_zone)) for language in self.languages
        ]
        self._tables = [template.strings.get(language, {}) for language in self.languages]
        self._leaves: list[_Leaf] = []
        self._known: dict[tuple[Any, ...], int] = {}
        self.still: list[Any] = []

    def text(self, place: str, source: str, shape: Shape = Shape.TEXT) -> int:
        """A text in every language, by its translations where it has any."""
        return self._kept(("text", source, shape), lambda: self._localised(place, source, shape, [None] * self._many))

    def shown(self, place: str, field: PassFieldTemplate) -> int:
        """A field's value as a person reads it in every language."""
        source = field.value if isinstance(field.value, str) else f"{{{{ {field.value} }}}}"
        writers: list[Convert | None] = [presenter(field, one.written).text for one in self._spoken]
        return self._kept(("shown", place, source), lambda: self._localised(place, source, Shape.VALUE, writers))

    def fact(self, place: str, source: str, shape: Shape = Shape.RAW, convert: Convert | None = None) -> int:
        """A value asked once."""

        def make() -> _Leaf:
            every = [self._check(one, place, source, language, shape) for one, language in self._pairs]
            return _Leaf(place, tuple(every), (convert,) * self._many, False, False)

        return self._kept(("fact", source, shape, convert), make)

    def names(self, leaf: int) -> frozenset[str]:
        """The names that it reads; none: no card can move it."""
        return self._leaves[leaf].names

    def kind(self, leaf: int) -> str:
        """What it gives, as far as one can tell before any data; ``?`` behind it: or nothing."""
        return self._leaves[leaf].expressions[0].kind

    def varies(self, leaf: int) -> bool:
        """Whether it may read differently in another language."""
        return self._leaves[leaf].varies

    def pointer(self, leaf: int) -> str:
        """Where it stands in template.yaml."""
        return self._leaves[leaf].pointer

    def settle(self) -> None:
        """Compile what moves; afterwards no leaf is added."""
        moving = [place for place, leaf in enumerate(self._leaves) if leaf.names]
        self._varying = [place for place in moving if self._leaves[place].varies]
        self._once = [place for place in moving if not self._leaves[place].varies]
        self._ask = [self._compiled(language, self._once) for language in range(self._many)]
        self._say = [self._compiled(language, self._varying) for language in range(self._many)]
        self._converts = [
            [self._leaves[place].converts[language] for place in self._once] for language in range(self._many)
        ]
        self._writers = [
            [self._leaves[place].converts[language] for place in self._varying] for language in range(self._many)
        ]

    def evaluate(self, names: Sequence[Names], main: int) -> list[Any]:
        """All leaves for one card; ``names`` by language, ``main`` the card's. Raises RenderError with the leaf's place."""
        values = self.still.copy()
        try:
            asked = self._ask[main](names[main]) if self._once else ()
            for place, convert, raw in zip(self._once, self._converts[main], asked, strict=True):
                values[place] = convert(raw) if convert else raw
            if self._varying:
                self._speak(values, names)
        except Exception as error:
            raise self._named(names, error) from error
        return values

    def _speak(self, values: list[Any], names: Sequence[Names]) -> None:
        said = [
            [write(raw) if write else raw for write, raw in zip(writers, say(own), strict=True)]
            for say, writers, own in zip(self._say, self._writers, names, strict=True)
        ]
        for place, texts in zip(self._varying, zip(*said, strict=True), strict=True):
            values[place] = merged(texts)

    @property
    def _many(self) -> int:
        return len(self.languages)

    @property
    def _pairs(self) -> list[tuple[Expressions, int]]:
        return [(one, place) for place, one in enumerate(self._spoken)]

    def _kept(self, key: tuple[Any, ...], make: Callable[[], _Leaf]) -> int:
        if key not in self._known:
            leaf = make()
            self._known[key] = len(self._leaves)
            self._leaves.append(leaf)
            self.still.append(None if leaf.names else self._constant(leaf))
        return self._known[key]

    def _localised(self, place: str, source: str, shape: Shape, converts: Sequence[Convert | None]) -> _Leaf:
        texts = [table.get(source, source) for table in self._tables]
        pairs = zip(self._pairs, texts, strict=True)
        every = [self._check(one, place, text, language, shape, source) for (one, language), text in pairs]
        spoken = shape is Shape.VALUE and any(one.kind != "text" for one in every)
        varies = spoken or len(set(texts)) > 1 or any(one.varies for one in every)
        return _Leaf(place, tuple(every), tuple(converts), True, varies and self._many > 1)

    def _check(
        self, one: Expressions, place: str, text: str, language: int, shape: Shape, source: str | None = None
    ) -> Expression:
        try:
            return one.check(text, shape)
        except NotAllowed as error:
            if source is not None and text != source:
                place = pointer("strings", self.languages[language], source)
            self.problems.append(Problem(Severity.ERROR, place, str(error), error.fix))
            return one.check("", Shape.TEXT)

    def _constant(self, leaf: _Leaf) -> Any:
        try:
            values = [self._one(leaf, language, {}) for language in range(self._many if leaf.varies else 1)]
        except Exception as error:
            self.problems.append(Problem(Severity.ERROR, leaf.pointer, _sentence(error), "Correct the text."))
            return ""
        return merged(values) if leaf.is_text else values[0]

    def _one(self, leaf: _Leaf, language: int, names: Names) -> Any:
        expression = leaf.expressions[language]
        if isinstance(expression.node, nodes.Const):
            raw = expression.node.value
        else:
            expressions = self._spoken[language]
            raw = expressions.compile([expression])(names)[0]
        convert = leaf.converts[language]
        return convert(raw) if convert else raw

    def _compiled(self, language: int, places: Sequence[int]) -> Callable[[Names], tuple[Any, ...]]:
        expressions = self._spoken[language]
        return expressions.compile([self._leaves[place].expressions[language] for place in places])

    def _named(self, names: Sequence[Names], error: Exception) -> RenderError:
        """The error with the place of the leaf that caused it, found one leaf at a time."""
        for leaf in (one for one in self._leaves if one.names):
            for language in range(self._many):
                try:
                    self._one(leaf, language, names[language])
                except Exception as found:
                    return RenderError(leaf.pointer, _sentence(found))
        return RenderError("", _sentence(error))


def _sentence(error: Exception) -> str:
    """Why it failed, in one sentence without the card's data."""
    return f"the expression failed: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
