"""YAML changed in place: what no edit concerns keeps every byte, comments, order and quoting included.

A ``Document`` is the text with the place of each value. An operation works out what the document should say afterwards, cuts
the change into the text, and reads the result back: a cut that does not say exactly that is not taken. Then more and more of
what stands around is written anew, at last the whole file, so that the answer is always right and nearly always the least.
Paths are keys and indices from the top. ValueError: there is no such place.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import yaml

from passkit import yamlsafe
from passkit.errors import TemplateError

Path = tuple[str | int, ...]

WIDTH = 110  # characters of a line that a collection is written on
STEP = 2  # characters of one level
BOM = "\ufeff"

_PLAIN = re.compile(r"[^\W\d_](?:[\w./()%+-]| (?=[\w./()%+-]))*")
_TAKEN = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
"""Words that are no text in some version of YAML."""
_BETWEEN = re.compile(r"[ \t]*:\s*")
_COMMENTS = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|$)")


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text with the marks of its nodes and what it says."""

    name: str
    text: str
    root: yaml.MappingNode
    value: Mapping[str, Any]

    @property
    def content(self) -> bytes:
        """The file."""
        return self.text.encode()

    @property
    def newline(self) -> str:
        """How its lines end."""
        return "\r\n" if "\r\n" in self.text else "\n"


def parse(name: str, content: bytes) -> Document:
    """The document in a file; TemplateError when it is no YAML of ours."""
    root, value = yamlsafe.read(name, content)
    return Document(name, content.decode("utf-8"), root, value)


def put(document: Document, path: Path, value: Any) -> Document:
    """Write ``value`` at ``path``; what is missing on the way is made, an index past the end of a list appends."""
    known, missing = _deepest(document.value, path)
    nested = _nested(missing[1:], value) if missing else value
    expected = _changed(document.value, known, lambda held: _with(held, missing[0], nested) if missing else nested)

    def cuts(ground: _Ground) -> Iterator[str]:
        if not missing:
            yield ground.replaced(known, nested)
        elif isinstance(_at(document.value, known), list):
            yield ground.inserted(known, len(_at(document.value, known)), nested)
        else:
            yield ground.added(known, str(missing[0]), nested)

    return _first(document, expected, known, cuts)


def remove(document: Document, path: Path) -> Document:
    """Take an entry away."""
    _at(document.value, path)
    expected = _changed(document.value, path[:-1], lambda held: _without(held, path[-1]))
    return _first(document, expected, path[:-1], lambda ground: iter([ground.removed(path)]))


def insert(document: Document, path: Path, index: int, value: Any) -> Document:
    """Put an entry into the list at ``path``."""
    expected = _changed(document.value, path, lambda held: [*held[:index], value, *held[index:]])
    return _first(document, expected, path, lambda ground: iter([ground.inserted(path, index, value)]))


def move(document: Document, path: Path, source: int, target: int) -> Document:
    """Move an entry of the list at ``path``, its own text with it."""

    def ordered(held: list[Any]) -> list[Any]:
        rest = [*held[:source], *held[source + 1 :]]
        return [*rest[:target], held[source], *rest[target:]]

    expected = _changed(document.value, path, ordered)
    order = ordered(list(range(len(_at(document.value, path)))))
    return _first(document, expected, path, lambda ground: iter([ground.permuted(path, order)]))


def rename(document: Document, path: Path, key: str) -> Document:
    """Give an entry of a mapping another key, in its place."""
    _at(document.value, path)
    expected = _changed(
        document.value, path[:-1], lambda held: {key if name == path[-1] else name: one for name, one in held.items()}
    )
    return _first(document, expected, path[:-1], lambda ground: iter([ground.renamed(path, key)]))


def dump(value: Mapping[str, Any], newline: str = "\n") -> str:
    """A document that says ``value``, as the studio writes one."""
    if not value:
        return "{}" + newline
    return "".join(f"{scalar(key)}:{_below(one, STEP, newline)}{newline}" for key, one in value.items())


# What the document should say.


def _at(value: Any, path: Path) -> Any:
    for part in path:
        if isinstance(value, Mapping) and part in value:
            value = value[str(part)]
        elif isinstance(value, list) and isinstance(part, int) and 0 <= part < len(value):
            value = value[part]
        else:
            raise ValueError(f"there is nothing at {part!r}")
    return value


def _deepest(value: Any, path: Path) -> tuple[Path, Path]:
    """The part of the path that leads somewhere, and the rest."""
    for length, part in enumerate(path):
        if value is None and length:
            return path[:length], path[length:]
        is_known = part in value if isinstance(value, Mapping) else isinstance(part, int) and part < len(value)
        if not isinstance(value, Mapping | list) or isinstance(value, list) != isinstance(part, int):
            raise ValueError(f"{part!r} cannot stand below a value")
        if not is_known:
            return path[:length], path[length:]
        value = value[part]  # type: ignore[index]  # a key for a mapping, an index for a list
    return path, ()


def _nested(path: Path, value: Any) -> Any:
    for part in reversed(path):
        value = [value] if isinstance(part, int) else {part: value}
    return value


def _with(held: Any, part: str | int, value: Any) -> Any:
    if isinstance(held, list):
        return [*held, value]
    if isinstance(part, int):
        return [value]
    return {**(held or {}), part: value}


def _without(held: Any, part: str | int) -> Any:
    if isinstance(held, list):
        return [one for index, one in enumerate(held) if index != part]
    return {key: one for key, one in held.items() if key != part}


def _changed(value: Any, path: Path, change: Callable[[Any], Any]) -> Any:
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, Mapping) else list(value)
    copy[path[0]] = _changed(copy[path[0]], path[1:], change)  # type: ignore[index]
    return copy


def _same(one: Any, other: Any) -> bool:
    """Equal in type and order too: 1 is not true, and the first language is another than the second."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


# The cut that says it.


def _first(
    document: Document, expected: Mapping[str, Any], path: Path, cuts: Callable[[_Ground], Iterator[str]]
) -> Document:
    """The first text that says what is expected, the one with the least change before the others."""
    expected = deepcopy(dict(expected))
    if _same(expected, dict(document.value)):
        return document
    for text in _tries(document, expected, path, cuts):
        try:
            after = parse(document.name, text.encode())
        except (TemplateError, UnicodeEncodeError):
            continue
        if _same(dict(after.value), expected):
            return after
    raise ValueError("this value cannot be written as YAML")


def _tries(
    document: Document, expected: Mapping[str, Any], path: Path, cuts: Callable[[_Ground], Iterator[str]]
) -> Iterator[str]:
    ground = _Ground(document)
    with suppress(_Unfit):
        yield from cuts(ground)
    for length in range(len(path), 0, -1):
        try:
            yield ground.replaced(path[:length], _at(expected, path[:length]))
        except (_Unfit, ValueError):
            continue
    yield (BOM if document.text.startswith(BOM) else "") + dump(expected, document.newline)


class _Unfit(Exception):
    """Not written in a way that this cut knows."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A node with what holds it; ``key`` is None in a list; ``flow``: inside brackets."""

    node: yaml.Node
    holder: yaml.CollectionNode
    key: yaml.Node | None
    index: int
    flow: bool


class _Ground:
    """The text of a document, cut by the marks of its nodes."""

    def __init__(self, document: Document) -> None:
        self._text = document.text
        self._shift = 1 if document.text.startswith(BOM) else 0
        self._root = document.root
        self._newline = document.newline

    def replaced(self, path: Path, value: Any) -> str:
        if not path:
            raise _Unfit
        place = self._find(path)
        start, end = self._span(place.node)
        if isinstance(place.node, yaml.ScalarNode) and not isinstance(value, dict | list):
            space = " " if start == end and self._text[start - 1 : start] in (":", "-") else ""
            return self._cut(start, end, space + _scalar_like(place.node, value))
        if place.flow:
            return self._cut(start, end, flow(value))
        if place.key is None:
            column = place.node.start_mark.column
            return self._cut(start, end, _item(value, column, self._newline))
        opening = self._after_colon(place.key, start)
        column = place.key.start_mark.column + STEP
        return self._cut(opening, end, _below(value, column, self._newline))

    def added(self, path: Path, key: str, value: Any) -> str:
        node = self._node(path)
        if not isinstance(node, yaml.MappingNode):
            return self.replaced(path, {key: value})
        entry = scalar(key)
        if not node.value:
            if path:
                return self.replaced(path, {key: value})
            start, end = self._span(node)
            return self._cut(start, end, f"{entry}:{_below(value, STEP, self._newline)}")
        end = self._span(node.value[-1][1])[1]
        if node.flow_style:
            return self._cut(end, end, f", {entry}: {flow(value)}")
        column = node.value[0][0].start_mark.column
        line = f"{' ' * column}{entry}:{_below(value, column + STEP, self._newline)}"
        return self._with_line(end, line)

    def removed(self, path: Path) -> str:
        place = self._find(path)
        entries = [self._entry(place.holder, index) for index in range(len(place.holder.value))]
        if len(entries) == 1:
            return self._emptied(path[:-1], place)
        start, end = entries[place.index]
        if place.holder.flow_style:
            if place.index + 1 < len(entries):
                return self._cut(start, entries[place.index + 1][0], "")
            return self._cut(entries[place.index - 1][1], end, "")
        line = self._line_start(start)
        if self._text[line:start].strip():  # behind a dash
            if place.index:
                raise _Unfit
            return self._cut(start, entries[1][0], "")
        return self._cut(line, self._line_end(end, past=True), "")

    def inserted(self, path: Path, index: int, value: Any) -> str:
        node = self._node(path)
        if not isinstance(node, yaml.SequenceNode):
            return self.replaced(path, [value])
        entries = [self._entry(node, place) for place in range(len(node.value))]
        if not entries:
            return self.replaced(path, [value])
        if node.flow_style:
            if index < len(entries):
                return self._cut(entries[index][0], entries[index][0], flow(value) + ", ")
            return self._cut(entries[-1][1], entries[-1][1], ", " + flow(value))
        column = node.start_mark.column
        line = f"{' ' * column}- {_item(value, column + STEP, self._newline)}"
        if index >= len(entries):
            return self._with_line(entries[-1][1], line)
        start = self._line_start(entries[index][0])
        if self._text[start : entries[index][0]].strip():
            raise _Unfit
        return self._cut(start, start, line + self._newline)

    def permuted(self, path: Path, order: Sequence[int]) -> str:
        """The entries' own texts in another order; what stands between them stays."""
        node = self._node(path)
        if not isinstance(node, yaml.SequenceNode):
            raise _Unfit
        spans = [self._span(one) for one in node.value]
        parts, last = [], 0
        for place, (start, end) in enumerate(spans):
            first, past = spans[order[place]]
            parts += [self._text[last:start], self._text[first:past]]
            last = end
        return "".join(parts) + self._text[last:]

    def renamed(self, path: Path, key: str) -> str:
        place = self._find(path)
        if place.key is None:
            raise _Unfit
        start, end = self._span(place.key)
        return self._cut(start, end, _scalar_like(place.key, key))

    def _emptied(self, path: Path, place: _Place) -> str:
        empty: Any = {} if isinstance(place.holder, yaml.MappingNode) else []
        if path:
            return self.replaced(path, empty)
        start, end = self._entry(place.holder, 0)
        return self._cut(start, end, flow(empty))

    def _find(self, path: Path) -> _Place:
        node: yaml.Node = self._root
        flowing = False
        found: _Place | None = None
        for part in path:
            if not isinstance(node, yaml.CollectionNode):
                raise _Unfit
            flowing = flowing or bool(node.flow_style)
            found = self._step(node, part, flowing)
            node = found.node
        if found is None:
            raise _Unfit
        return found

    @staticmethod
    def _step(holder: yaml.CollectionNode, part: str | int, flowing: bool) -> _Place:
        if isinstance(holder, yaml.SequenceNode) and isinstance(part, int):
            return _Place(holder.value[part], holder, None, part, flowing)
        if isinstance(holder, yaml.MappingNode):
            for index, (key, value) in enumerate(holder.value):
                if key.value == part:
                    return _Place(value, holder, key, index, flowing)
        raise _Unfit

    def _node(self, path: Path) -> yaml.Node:
        return self._find(path).node if path else self._root

    def _span(self, node: yaml.Node) -> tuple[int, int]:
        """Where the node's own text begins and ends; what PyYAML counts of the space behind it is not its own."""
        start = node.start_mark.index + self._shift
        if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
            last = node.value[-1]
            return start, self._span(last[1] if isinstance(last, tuple) else last)[1]
        end = node.end_mark.index + self._shift
        if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
            end = start + len(self._text[start:end].rstrip())
        return start, end

    def _entry(self, holder: yaml.CollectionNode, index: int) -> tuple[int, int]:
        """Where an entry begins, with its key or its dash, and ends."""
        entry = holder.value[index]
        if isinstance(entry, tuple):
            return self._span(entry[0])[0], self._span(entry[1])[1]
        start, end = self._span(entry)
        return (start if holder.flow_style else self._dash(holder, start)), end

    def _dash(self, holder: yaml.CollectionNode, start: int) -> int:
        """The dash of a block's entry: in the column of the first one, on the entry's line or above it."""
        column = holder.start_mark.column
        line = self._line_start(start)
        while self._text[line + column : line + column + 1] != "-" or line + column > start:
            if line == 0:
                raise _Unfit
            line = self._line_start(line - 1)
        return line + column

    def _after_colon(self, key: yaml.Node, start: int) -> int:
        """Behind the key's colon where nothing but space lies before the value."""
        end = self._span(key)[1]
        if not _BETWEEN.fullmatch(self._text[end:start]):
            raise _Unfit
        return self._text.index(":", end) + 1

    def _line_start(self, place: int) -> int:
        return max(self._text.rfind("\n", 0, place) + 1, self._shift)

    def _line_end(self, place: int, *, past: bool = False) -> int:
        """The end of the line, a comment on it included; _Unfit where more than that follows."""
        rest = _COMMENTS.match(self._text, place)
        if rest is None:
            raise _Unfit
        if past:
            return rest.end()
        return place + len(rest.group().rstrip("\r\n"))

    def _with_line(self, end: int, line: str) -> str:
        place = self._line_end(end)
        return self._cut(place, place, self._newline + line)

    def _cut(self, start: int, end: int, text: str) -> str:
        return self._text[:start] + text + self._text[end:]


# How values are written.


def scalar(value: Any) -> str:
    """A scalar in YAML, text without quotes where every reader takes it for text."""
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value.lower() not in _TAKEN and len(value) < WIDTH
        return value if is_plain else _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def flow(value: Any) -> str:
    """A value on one line, in brackets where it is a collection."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {flow(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    return scalar(value)


def _quoted(text: str) -> str:
    """In double quotes; JSON's escapes are YAML's, and what a YAML reader takes for a line break is escaped too."""
    written = json.dumps(text, ensure_ascii=False)
    return "".join(one if one.isprintable() else _escaped(one) for one in written)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def _scalar_like(node: yaml.Node, value: Any) -> str:
    """In the quotes that were there."""
    if isinstance(value, str) and isinstance(node, yaml.ScalarNode):
        if node.style == '"':
            return _quoted(value)
        if node.style == "'" and value.isprintable():
            return "'" + value.replace("'", "''") + "'"
    return scalar(value)


def _below(value: Any, column: int, newline: str) -> str:
    """What follows ``key:`` in a block: on the same line where it is short, else indented by ``column``."""
    if not isinstance(value, Mapping | list | tuple) or not value:
        return " " + flow(value)
    line = flow(value)
    is_simple = isinstance(value, list | tuple) or not any(isinstance(one, Mapping) for one in value.values())
    if is_simple and len(line) + column + STEP <= WIDTH:
        return " " + line
    if isinstance(value, Mapping):
        rows = [f"{scalar(key)}:{_below(one, column + STEP, newline)}" for key, one in value.items()]
    else:
        rows = [f"- {_item(one, column + STEP, newline)}" for one in value]
    return "".join(f"{newline}{' ' * column}{row}" for row in rows)


def _item(value: Any, column: int, newline: str) -> str:
    """What follows a dash, its further lines indented by ``column``."""
    line = flow(value)
    if not isinstance(value, Mapping) or not value or len(line) + column <= WIDTH:
        return line
    rows = [f"{scalar(key)}:{_below(one, column + STEP, newline)}" for key, one in value.items()]
    return f"{newline}{' ' * column}".join(rows)
