"""Values in a text as people see them: a chip with a human name for each expression, braces for nobody.

``{{ points }}`` is the chip “Bonus points”, ``%@`` in a change message the chip “new value”. An expression that is more than a
value and a filter has no name of its own: it is a “formula”, and its words stand in the chip's title.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.studio.texts import TEXTS
from passkit.expressions import NAMESPACES
from passkit.filters import RESULT_KINDS

NEW_VALUE = "%@"
EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_PIECE = re.compile(r"(\{\{.*?\}\}|%@)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.[a-z_]+)?")
_FILTER = re.compile(r"\s*(\w+)\s*(?:\(.*\))?\s*", re.DOTALL)
_FILLED = re.compile(r"\s*\{\{\s*([A-Za-z_]\w*(?:\.[a-z_]+)?)\s*\}\}\s*")
_COMPARED = re.compile(
    r"\s*\{\{\s*([A-Za-z_]\w*)\s*(==|!=|>=|<=|>|<)\s*(?:'([^'{}\\]*)'|\"([^\"{}\\]*)\"|(-?\d+(?:\.\d+)?))\s*\}\}\s*"
)
OFFERED = (
    "card.number",
    "card.expires_at",
    "brand.name",
    "outlet.name",
    "outlet.address",
    "outlet.phone",
    "outlet.url",
    "outlet.hours",
    "news.text",
)
"""Values that every card has, in the order in which the menu offers them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text: plain words, or a chip with its name; ``code`` is what stands in the template."""

    code: str
    name: str = ""
    title: str = ""

    @property
    def is_chip(self) -> bool:
        """Whether it is a value."""
        return bool(self.name)


@dataclass(frozen=True, slots=True)
class Condition:
    """When something is shown: ``kind`` is always, filled (a value says something), compared, or formula."""

    kind: str
    name: str = ""
    operator: str = "=="
    value: str = ""


class Names:
    """What the values of one template are called in the reader's language."""

    def __init__(self, raw: Mapping[str, Any], tables: Mapping[str, Mapping[str, str]], language: str) -> None:
        self._texts = TEXTS[language]
        table = tables.get(language, {})
        declared = raw.get("variables")
        shown = _labels(raw)
        self._variables = {}
        for name, one in declared.items() if isinstance(declared, Mapping) else ():
            label = str(one.get("label") or "") if isinstance(one, Mapping) else ""
            field = table.get(shown.get(str(name), ""))  # its own name is seldom translated, the field's always
            self._variables[str(name)] = table.get(label) or field or label or str(name)

    def __call__(self, expression: str) -> str:
        """The name of an expression: a value's own, with what is done to it; else “formula”."""
        name, *filters = expression.split("|")
        name = name.strip()
        known = self._variables.get(name) or self._texts.get(f"chip_{name.replace('.', '_')}")
        if known is None or not _NAME.fullmatch(name):
            return self._texts["chip_formula"]
        done = [self._filter(one) for one in filters]
        return self._texts["chip_formula"] if None in done else " · ".join((known, *filter(None, done)))

    def pieces(self, text: str) -> list[Piece]:
        """A text as words and chips."""
        return [self._piece(part) for part in _PIECE.split(text) if part]

    def plain(self, text: str) -> str:
        """A text with names in place of its expressions, for one line."""
        return "".join(f"‹{one.name}›" if one.is_chip else one.code for one in self.pieces(text))

    def known(self, texts: Iterable[str]) -> dict[str, str]:
        """The name of every expression in these texts, by the expression as it is written between its braces."""
        found = {match[1].strip() for text in texts for match in EXPRESSION.finditer(text)}
        offered = (*self._variables, *OFFERED)
        return {expression: self(expression) for expression in sorted(found.union(offered))}

    def offered(self) -> list[tuple[str, str]]:
        """(expression, name) for the menu of values: the template's own, then those of every card."""
        return [*self._variables.items(), *((name, self(name)) for name in OFFERED)]

    def _piece(self, part: str) -> Piece:
        if part == NEW_VALUE:
            return Piece(part, self._texts["chip_new"])
        if part.startswith("{{"):
            expression = part[2:-2].strip()
            name = self(expression)
            return Piece(part, name, expression if name == self._texts["chip_formula"] else "")
        return Piece(part)

    def _filter(self, part: str) -> str | None:
        """What a filter does, in words; empty where that goes without saying; None for none of ours."""
        found = _FILTER.fullmatch(part)
        if found is None or found[1] not in {*RESULT_KINDS, "default"}:
            return None
        return self._texts.get(f"filter_{found[1]}", "")


def _labels(raw: Mapping[str, Any]) -> dict[str, str]:
    """Variable -> the label of the first field that shows it alone."""
    zones = raw.get("fields")
    found: dict[str, str] = {}
    for zone in zones.values() if isinstance(zones, Mapping) else ():
        for field in zone if isinstance(zone, list) else ():
            lone = _FILLED.fullmatch(str(field.get("value", ""))) if isinstance(field, Mapping) else None
            if lone and field.get("label"):
                found.setdefault(lone[1], str(field["label"]))
    return found


def condition(text: Any) -> Condition:
    """What a ``when`` asks."""
    if text is None or text == "":
        return Condition("always")
    if found := _FILLED.fullmatch(str(text)):
        return Condition("filled", found[1])
    if found := _COMPARED.fullmatch(str(text)):
        return Condition("compared", found[1], found[2], next(one for one in found.groups()[2:] if one is not None))
    return Condition("formula", value=str(text))


def texts_of(value: Any) -> Iterator[str]:
    """Every text in JSON values, keys of mappings too: a table's are the texts themselves."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield str(key)
            yield from texts_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts_of(one)


def is_value(expression: str) -> bool:
    """Whether this is a value that every card has, such as ``card.number``."""
    space, _, name = expression.partition(".")
    return name in NAMESPACES.get(space, {})
