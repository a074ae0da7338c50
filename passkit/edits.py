"""Edits of a template as values, and as the JSON that a page sends. What they do is ``passkit.edit``'s."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from typing import Any

from passkit.errors import PasskitError, Problem, Severity


@dataclass(frozen=True, slots=True)
class Set:
    """Write a value (JSON values) at ``path``; what is missing on the way there is made.

    A text that people read takes its translations along: they are kept under the new wording.
    """

    path: str
    value: Any


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a key or an entry of a list away; what is not there already is no error."""

    path: str


@dataclass(frozen=True, slots=True)
class Insert:
    """Put ``value`` into the list at ``path`` before the entry ``index``; None, or past the end: at the end."""

    path: str
    index: int | None
    value: Any


@dataclass(frozen=True, slots=True)
class Move:
    """Move the entry ``source`` of the list at ``path`` to the place ``target`` of the list ``to`` (None: the same list).

    ``target`` counts after the entry was taken out: moving 0 to 1 swaps the first two.
    """

    path: str
    source: int
    target: int
    to: str | None = None


@dataclass(frozen=True, slots=True)
class Translate:
    """How ``source`` (a text of template.yaml) reads in ``language``; None takes the translation away."""

    language: str
    source: str
    translation: str | None


@dataclass(frozen=True, slots=True)
class AddLanguage:
    """One language more, with an empty table of translations."""

    language: str


@dataclass(frozen=True, slots=True)
class RemoveLanguage:
    """One language less, its translations and its own pictures included; not the last one."""

    language: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Put an upload into a place of ``images`` (or of another mapping of slots, such as ``/variants/0/images``).

    ``slot`` is Apple's name (icon, logo, strip ...); ``file`` the upload's name, made safe and free here; ``content`` as
    ``images.intake`` gives it; ``focus`` what a crop keeps in sight. The file that stood there before leaves the draft when
    nothing else names it.
    """

    slot: str
    file: str
    content: bytes
    focus: tuple[float, float] | None = None
    within: str = "/images"


@dataclass(frozen=True, slots=True)
class RemovePicture:
    """Take the picture of a slot away, and its file when nothing else names it."""

    slot: str
    within: str = "/images"


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Take a file away that nothing names; ``name`` as it lies beside template.yaml."""

    name: str


@dataclass(frozen=True, slots=True)
class RenameVariable:
    """Call a variable otherwise: in its declaration, in every expression and hint.

    The former name becomes an ``alias``, so that sources which use it are still understood.
    """

    name: str
    to: str


Edit = (
    Set
    | Remove
    | Insert
    | Move
    | Translate
    | AddLanguage
    | RemoveLanguage
    | Picture
    | RemovePicture
    | RemoveFile
    | RenameVariable
)

OPERATIONS: Mapping[str, type[Any]] = {
    "set": Set,
    "remove": Remove,
    "insert": Insert,
    "move": Move,
    "translate": Translate,
    "add_language": AddLanguage,
    "remove_language": RemoveLanguage,
    "picture": Picture,
    "remove_picture": RemovePicture,
    "remove_file": RemoveFile,
    "rename_variable": RenameVariable,
}
"""The name of each in JSON."""
MAX_EDITS = 500
"""In one request: an autosave has a handful."""
MAX_DEPTH = 20
MAX_VALUES = 5_000


class EditError(PasskitError):
    """An edit that cannot be made of this draft; the problems' pointers are places of the template, or ``/edits/<n>``."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


def refused(pointer: str, detail: str, fix: str = "") -> EditError:
    """One problem as an EditError."""
    return EditError([Problem(Severity.ERROR, pointer, detail, fix)])


def from_json(rows: Any) -> tuple[Edit, ...]:
    """Edits as a page sends them: ``[{"op": "set", "path": "/name", "value": "Coffee"}, ...]``; EditError by ``/edits/<n>``.

    ``op`` is a key of ``OPERATIONS``; the other keys are the fields of its class, defaults may be left out; ``content`` of a
    picture is base64, ``focus`` a list of two numbers.
    """
    if not isinstance(rows, list) or len(rows) > MAX_EDITS:
        raise refused("/edits", f"the edits are a list of at most {MAX_EDITS}", "Reload the page.")
    return tuple(_edit(f"/edits/{index}", row) for index, row in enumerate(rows))


def to_json(edits: Iterable[Edit]) -> list[dict[str, Any]]:
    """And back, for fixes that a page sends when their button is pressed."""
    names = {kind: name for name, kind in OPERATIONS.items()}
    return [
        {"op": names[type(edit)], **{one.name: _plain(getattr(edit, one.name)) for one in fields(edit)}}
        for edit in edits
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return list(value) if isinstance(value, tuple) else value


def _edit(place: str, row: Any) -> Edit:
    kind = OPERATIONS.get(row.get("op", "")) if isinstance(row, dict) and isinstance(row.get("op"), str) else None
    if kind is None:
        raise refused(f"{place}/op", f"an edit is one of {', '.join(OPERATIONS)}", "Reload the page.")
    given = {name: value for name, value in row.items() if name != "op"}
    declared = {one.name: one for one in fields(kind)}
    for name in given.keys() - declared.keys():
        raise refused(f"{place}/{name}", f"{row['op']} has no `{name}`", "Reload the page.")
    for name, one in declared.items():
        if name not in given and one.default is MISSING:
            raise refused(f"{place}/{name}", f"{row['op']} needs `{name}`", "Reload the page.")
    values = {name: _taken(f"{place}/{name}", str(declared[name].type), value) for name, value in given.items()}
    edit: Edit = kind(**values)
    return edit


def _taken(place: str, kind: str, value: Any) -> Any:
    """A field's value in its type; ``value`` of Set and Insert is any JSON."""
    if kind == "Any":
        return checked_value(place, value)
    if kind.endswith("| None") and value is None:
        return None
    if kind == "bytes":
        return _decoded(place, value)
    if kind.startswith("tuple") and isinstance(value, list) and len(value) == 2 and all(map(_is_share, value)):
        return (float(value[0]), float(value[1]))
    if kind.startswith("int") and isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 100_000:
        return value
    if kind.startswith("str") and isinstance(value, str):
        return checked_value(place, value)
    raise refused(place, "this has the wrong type", "Reload the page.")


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _decoded(place: str, value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (ValueError, TypeError):
        raise refused(place, "the picture is not base64", "Upload it again.") from None


def checked_value(place: str, value: Any) -> Any:
    """JSON values that can stand in YAML: bounded, finite, text that a file can hold; EditError at ``place``."""
    left = [MAX_VALUES]

    def look(one: Any, depth: int) -> None:
        left[0] -= 1
        if depth > MAX_DEPTH or left[0] < 0:
            raise refused(place, "this is nested too deeply or holds too much", "Make it simpler.")
        if isinstance(one, dict):
            for key, below in one.items():
                look(key, depth)
                look(below, depth + 1)
        elif isinstance(one, list):
            for below in one:
                look(below, depth + 1)
        elif isinstance(one, str):
            if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in one):
                raise refused(place, "the text holds characters that no file can hold", "Type it again.")
        elif isinstance(one, float) and not isfinite(one):
            raise refused(place, "this is no number", "Type it again.")
        elif one is not None and not isinstance(one, bool | int | float):
            raise refused(place, "this is no JSON value", "Reload the page.")

    look(value, 0)
    return value
