"""The editor's engine: small operations on a template's files, each kept as close to what was written as YAML allows.

``apply`` takes the files of a draft (name -> bytes) and edits, and gives the files after them. Comments, order, quoting and
every byte that no edit concerns stay as they are (``passkit.yamledit`` does that). A draft may be half-way wrong, an expression
that does not parse yet or a picture that is still to come; what is no YAML, or has not the form of a template at all, is refused
with ``EditError``: its problems say where and what to do, and nothing is changed.

Places are JSON pointers into template.yaml. In ``Edited.touched``, texts of ``strings/<language>.yaml`` are
``/strings/<language>/<source>`` and pictures' files ``/files/<name>``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from passkit import schemacheck, yamledit
from passkit.editnames import renamed
from passkit.edits import (
    AddLanguage,
    Edit,
    EditError,
    Insert,
    Move,
    Picture,
    Remove,
    RemoveFile,
    RemoveLanguage,
    RemovePicture,
    RenameVariable,
    Set,
    Translate,
    from_json,
    refused,
    to_json,
)
from passkit.errors import TemplateError
from passkit.schema import STRINGS_FOLDER, TEMPLATE_FILE, Template
from passkit.schemacheck import VARIABLE_NAME, pointer
from passkit.yamledit import Document, Path

__all__ = [
    "AddLanguage",
    "Edit",
    "EditError",
    "Edited",
    "Files",
    "Insert",
    "Move",
    "Picture",
    "Places",
    "Remove",
    "RemoveFile",
    "RemoveLanguage",
    "RemovePicture",
    "RenameVariable",
    "Set",
    "Translate",
    "apply",
    "from_json",
    "overlap",
    "refused",
    "to_json",
    "value_at",
]

Files = Mapping[str, bytes]
Places = tuple[str, ...]
"""JSON pointers, sorted, none of them twice and none below another."""

LONE = frozenset({"barcode", "relevant_dates", "alias"})
"""Lists that may be written as their only entry."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_EXTENSIONS = {"jpg": "jpg", "jpeg": "jpg", "webp": "webp"}


@dataclass(frozen=True, slots=True)
class Edited:
    """The files after the edits; ``touched`` says where they differ."""

    files: Mapping[str, bytes]
    touched: Places


def apply(files: Files, edits: Sequence[Edit]) -> Edited:
    """The files after the edits, in their order; EditError where one cannot be made, and then none is."""
    desk = _Desk(files)
    known = desk.misfits()
    for edit in edits:
        _DO[type(edit)](desk, edit)
    wrong = [problem for problem in desk.misfits() if problem.pointer not in {one.pointer for one in known}]
    if wrong:
        raise EditError(wrong)
    after = desk.files()
    changed = {name for name in files.keys() | after.keys() if files.get(name) != after.get(name)}
    return Edited(after, _places(desk.touched) if changed else ())


def overlap(mine: Sequence[str], theirs: Sequence[str]) -> Places:
    """The places of ``mine`` that are also theirs, or lie above or below one of theirs."""
    return tuple(place for place in mine if any(_is_below(place, one) or _is_below(one, place) for one in theirs))


def value_at(files: Files, place: str) -> Any:
    """The value at a place as JSON values; None where there is nothing (for ``/files/<name>`` the SHA-256 in hex)."""
    parts = _parts(place)
    try:
        if parts[:1] == ["files"]:
            return hashlib.sha256(files["/".join(parts[1:])]).hexdigest()
        if parts[:1] == ["strings"] and len(parts) > 1:
            name = _strings_file(parts[1])
            return _value(yamledit.parse(name, files[name]).value, parts[2:])
        return _value(yamledit.parse(TEMPLATE_FILE, files[TEMPLATE_FILE]).value, parts)
    except (KeyError, ValueError, TemplateError):
        return None


def _value(value: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        value = (
            value[int(part)] if isinstance(value, list) and part.isdigit() and int(part) < len(value) else value[part]
        )
    return value


def _is_below(place: str, other: str) -> bool:
    return place == other or not other or place.startswith(other + "/")


def _places(touched: Sequence[str]) -> Places:
    every = sorted(set(touched))
    return tuple(place for place in every if not any(other != place and _is_below(place, other) for other in every))


def _parts(place: str) -> list[str]:
    """The parts of a JSON pointer (RFC 6901); EditError when it is none."""
    if place and not place.startswith("/"):
        raise refused(place, "a place begins with /", "Reload the page.")
    return [part.replace("~1", "/").replace("~0", "~") for part in place.split("/")[1:]]


def _strings_file(language: str) -> str:
    return f"{STRINGS_FOLDER}{language}.yaml"


class _Desk:
    """The files being edited; documents are read when they are needed and written once."""

    def __init__(self, files: Files) -> None:
        self._files = dict(files)
        self._documents: dict[str, Document] = {}
        self.touched: list[str] = []

    @property
    def template(self) -> Document:
        return self.document(TEMPLATE_FILE)

    def document(self, name: str) -> Document:
        if name not in self._documents:
            if name not in self._files:
                raise refused("", f"{name} is missing", "Start from another template.")
            try:
                self._documents[name] = yamledit.parse(name, self._files[name])
            except TemplateError as error:
                raise EditError(error.problems) from None
        return self._documents[name]

    def edit(self, name: str, place: str, change: Callable[[Document], Document]) -> None:
        """Change one document and say where."""
        try:
            self._documents[name] = after = change(self.document(name))
        except ValueError as error:
            raise refused(place, str(error), "Reload the page: the card has changed meanwhile.") from None
        self._files[name] = after.content
        self.touched.append(place)

    def write(self, name: str, content: bytes | None) -> None:
        """Put a picture beside template.yaml, or take it away."""
        self._documents.pop(name, None)
        if content is None:
            self._files.pop(name, None)
        else:
            self._files[name] = content
        self.touched.append(pointer("files", name))

    def files(self) -> dict[str, bytes]:
        return dict(self._files)

    def has(self, name: str) -> bool:
        return name in self._files

    def tables(self) -> Iterator[tuple[str, str, Document]]:
        """(language, file, document) of every table of translations."""
        for name in sorted(self._files):
            if name.startswith(STRINGS_FOLDER) and name.endswith(".yaml"):
                language = name.removeprefix(STRINGS_FOLDER).removesuffix(".yaml")
                yield language, name, self.document(name)

    def misfits(self) -> list[Any]:
        """Where template.yaml has not the form of a template."""
        raw = self.template.value
        try:
            Template.model_validate(raw)
        except ValidationError as error:
            return schemacheck.from_pydantic(error, raw, Template)
        return []

    def path(self, place: str) -> Path:
        """A pointer as a path: what stands below a list is an index, ``-`` the one past its end."""
        found: list[str | int] = []
        value: Any = self.template.value
        for part in _parts(place):
            if isinstance(value, list):
                index = len(value) if part == "-" else int(part) if part.isdigit() and len(part) < 6 else -1
                if index < 0:
                    raise refused(place, f"{part!r} is no place in a list", "Reload the page.")
                found.append(index)
                value = value[index] if index < len(value) else None
            else:
                found.append(part)
                value = value.get(part) if isinstance(value, Mapping) else None
        return tuple(found)

    def at(self, path: Path) -> Any:
        """What stands at a path, None for nothing."""
        value: Any = self.template.value
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def texts(self) -> set[str]:
        """Every text of template.yaml that may have a translation; of the variables only the questions have."""
        raw = dict(self.template.value)
        variables = raw.pop("variables", None)
        held = variables.values() if isinstance(variables, Mapping) else ()
        asked = [one.get("ask") for one in held if isinstance(one, Mapping)]
        return {*_texts(raw), *_texts(asked)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(one)


# What each edit does.


def _set(desk: _Desk, edit: Set) -> None:
    path = desk.path(edit.path)
    if not path:
        raise refused("", "the whole template cannot be set at once", "Import it.")
    before = desk.at(path)
    if before == edit.value and type(before) is type(edit.value) and before is not None:
        return
    holder = desk.at(path[:-1])
    place = edit.path
    if isinstance(path[-1], int) and not (isinstance(holder, list) and path[-1] < len(holder)):
        place = edit.path.rpartition("/")[0]
    desk.edit(TEMPLATE_FILE, place, lambda document: yamledit.put(document, path, edit.value))
    if isinstance(before, str) and isinstance(edit.value, str):
        _reword(desk, before, edit.value)


def _reword(desk: _Desk, before: str, after: str) -> None:
    """The translations of a text that stands nowhere any more go on under its new wording."""
    if not before or before in desk.texts():
        return
    for language, name, table in list(desk.tables()):
        if before not in table.value:
            continue
        if after and after not in table.value:
            desk.edit(name, pointer("strings", language, before), lambda one: yamledit.rename(one, (before,), after))
            desk.touched.append(pointer("strings", language, after))
        else:
            desk.edit(name, pointer("strings", language, before), lambda one: yamledit.remove(one, (before,)))


def _remove(desk: _Desk, edit: Remove) -> None:
    path = desk.path(edit.path)
    holder = desk.at(path[:-1])
    if not path or holder is None:
        return
    if isinstance(holder, list) and isinstance(path[-1], int) and path[-1] < len(holder):
        place = edit.path.rpartition("/")[0]
    elif isinstance(holder, Mapping) and path[-1] in holder:
        place = edit.path
    else:
        return
    desk.edit(TEMPLATE_FILE, place, lambda document: yamledit.remove(document, path))


def _insert(desk: _Desk, edit: Insert) -> None:
    path = _listed(desk, edit.path)
    held = desk.at(path)
    if held is None:
        desk.edit(TEMPLATE_FILE, edit.path, lambda document: yamledit.put(document, path, [edit.value]))
        return
    if not isinstance(held, list):
        raise refused(edit.path, "this is no list", "Reload the page.")
    index = len(held) if edit.index is None else min(edit.index, len(held))
    desk.edit(TEMPLATE_FILE, edit.path, lambda document: yamledit.insert(document, path, index, edit.value))


def _listed(desk: _Desk, place: str) -> Path:
    """The path of a list; one that is written as its only entry becomes a list first."""
    path = desk.path(place)
    held = desk.at(path)
    if path and path[-1] in LONE and isinstance(held, str | Mapping):
        desk.edit(TEMPLATE_FILE, place, lambda document: yamledit.put(document, path, [held]))
    return path


def _move(desk: _Desk, edit: Move) -> None:
    path = desk.path(edit.path)
    held = desk.at(path)
    if not isinstance(held, list) or edit.source >= len(held):
        raise refused(edit.path, "the entry to move is not there any more", "Reload the page.")
    if edit.to is None or edit.to == edit.path:
        target = min(edit.target, len(held) - 1)
        if target != edit.source:
            desk.edit(TEMPLATE_FILE, edit.path, lambda one: yamledit.move(one, path, edit.source, target))
        return
    if not isinstance(desk.at(desk.path(edit.to)), list | None):
        raise refused(edit.to, "this is no list", "Reload the page.")
    _insert(desk, Insert(edit.to, edit.target, held[edit.source]))
    desk.edit(TEMPLATE_FILE, edit.path, lambda document: yamledit.remove(document, (*path, edit.source)))


def _translate(desk: _Desk, edit: Translate) -> None:
    name = _strings_file(edit.language)
    place = pointer("strings", edit.language, edit.source)
    if not _LANGUAGE.fullmatch(edit.language):
        raise refused(place, f"{edit.language[:40]!r} is not a language", "Use a code such as ru or en.")
    if not edit.source:
        raise refused(place, "an empty text has no translation", "Write the text first.")
    if not desk.has(name):
        if edit.translation is not None:
            desk.write(name, yamledit.dump({edit.source: edit.translation}).encode())
            desk.touched[-1] = place
        return
    known = desk.document(name).value
    if edit.translation is None and edit.source in known:
        desk.edit(name, place, lambda table: yamledit.remove(table, (edit.source,)))
    elif edit.translation is not None and known.get(edit.source) != edit.translation:
        desk.edit(name, place, lambda table: yamledit.put(table, (edit.source,), edit.translation))


def _add_language(desk: _Desk, edit: AddLanguage) -> None:
    known = desk.template.value.get("languages", ["en"])
    if isinstance(known, list) and edit.language not in known:
        added = [*known, edit.language]
        if "languages" in desk.template.value:
            _insert(desk, Insert("/languages", None, edit.language))
        else:
            _set(desk, Set("/languages", added))


def _remove_language(desk: _Desk, edit: RemoveLanguage) -> None:
    known = desk.template.value.get("languages", ["en"])
    if not isinstance(known, list) or edit.language not in known:
        return
    if len(known) == 1:
        raise refused("/languages", "a card needs one language", "Add another language first.")
    _remove(desk, Remove(f"/languages/{known.index(edit.language)}"))
    if desk.has(_strings_file(edit.language)):
        desk.write(_strings_file(edit.language), None)
        desk.touched[-1] = pointer("strings", edit.language)
    _remove(desk, Remove(pointer("localized_images", edit.language)))


def _picture(desk: _Desk, edit: Picture) -> None:
    place = edit.within + pointer(edit.slot)
    old = desk.at(desk.path(place))
    name = _free_name(desk, edit, old if isinstance(old, str) else None)
    desk.write(name, edit.content)
    _set(desk, Set(place, name))
    if isinstance(old, str):
        _drop_unused(desk, old)
    _focus(desk, edit)


def _free_name(desk: _Desk, edit: Picture, old: str | None) -> str:
    """The slot's own name: that of the picture before where it fits, else one that no other picture has."""
    extension = _EXTENSIONS.get(edit.file.rpartition(".")[2].lower(), "png")
    if old is not None and _uses(desk, old) == 1 and old.lower().rpartition(".")[2] in (extension, extension + "eg"):
        return old
    base = re.sub(r"[^A-Za-z0-9_-]", "", edit.slot) or "picture"
    names = (f"{base}.{extension}" if number == 1 else f"{base}-{number}.{extension}" for number in range(1, 1_000))
    return next(name for name in names if not desk.has(name))


def _uses(desk: _Desk, name: str) -> int:
    return sum(text == name for text in _texts(desk.template.value))


def _drop_unused(desk: _Desk, name: str) -> None:
    if desk.has(name) and not name.endswith(".yaml") and not _uses(desk, name):
        desk.write(name, None)


def _focus(desk: _Desk, edit: Picture | RemovePicture) -> None:
    """A crop's middle belongs to its picture; only slots that are cropped have one."""
    if edit.within != "/images" and not re.fullmatch(r"/variants/\d+/images", edit.within):
        return
    place = edit.within.removesuffix("images") + "image_focus" + pointer(edit.slot)
    focus = edit.focus if isinstance(edit, Picture) else None
    if focus is not None:
        _set(desk, Set(place, list(focus)))
    else:
        _remove(desk, Remove(place))


def _remove_picture(desk: _Desk, edit: RemovePicture) -> None:
    place = edit.within + pointer(edit.slot)
    old = desk.at(desk.path(place))
    _remove(desk, Remove(place))
    _focus(desk, edit)
    if isinstance(old, str):
        _drop_unused(desk, old)


def _remove_file(desk: _Desk, edit: RemoveFile) -> None:
    if edit.name.endswith(".yaml") or _uses(desk, edit.name):
        raise refused(pointer("files", edit.name), f"{edit.name} is in use", "Take it out of the card first.")
    if desk.has(edit.name):
        desk.write(edit.name, None)


def _rename_variable(desk: _Desk, edit: RenameVariable) -> None:
    variables = desk.template.value.get("variables")
    place = pointer("variables", edit.name)
    if not isinstance(variables, Mapping) or edit.name not in variables:
        raise refused(place, f"there is no variable `{edit.name[:64]}`", "Reload the page.")
    if edit.to == edit.name:
        return
    if edit.to in variables or not VARIABLE_NAME.fullmatch(edit.to):
        fix = "Use another name: small Latin letters, digits and _, a letter first."
        raise refused(place, f"`{edit.to[:64]}` cannot be its name", fix)
    desk.edit(TEMPLATE_FILE, place, lambda one: yamledit.rename(one, ("variables", edit.name), edit.to))
    desk.touched.append(pointer("variables", edit.to))
    _remember_name(desk, edit)
    _rename_in_template(desk, edit)
    for language, name, table in list(desk.tables()):
        for source, translation in table.value.items():
            _rename_in_table(desk, edit, language, name, source, translation)


def _remember_name(desk: _Desk, edit: RenameVariable) -> None:
    """The former name stays as an alias; a name that comes back is none any more."""
    place = pointer("variables", edit.to, "alias")
    held = desk.at(("variables", edit.to, "alias"))
    known = [held] if isinstance(held, str) else list(held or ())
    names = [name for name in known if name != edit.to]
    _set(desk, Set(place, [*names, edit.name] if edit.name not in names else names))


def _rename_in_template(desk: _Desk, edit: RenameVariable) -> None:
    keys = {field.get("key") for field in _mappings(desk.template.value.get("fields"))}
    for path, text in list(_leaves(desk.template.value, ())):
        if path[0] == "variables" and "ask" not in path:
            continue
        after = renamed(text, edit.name, edit.to)
        if path[0] == "google" and text == edit.name and edit.name not in keys:  # a hint that is a variable's name
            after = edit.to
        if after != text:
            desk.edit(TEMPLATE_FILE, pointer(*path), lambda one, path=path, to=after: yamledit.put(one, path, to))  # type: ignore[misc]


def _rename_in_table(
    desk: _Desk, edit: RenameVariable, language: str, name: str, source: str, translation: Any
) -> None:
    after, spoken = renamed(source, edit.name, edit.to), translation
    place = pointer("strings", language, source)
    if isinstance(translation, str) and (spoken := renamed(translation, edit.name, edit.to)) != translation:
        desk.edit(name, place, lambda table: yamledit.put(table, (source,), spoken))
    if after != source and after not in desk.document(name).value:
        desk.edit(name, place, lambda table: yamledit.rename(table, (source,), after))
        desk.touched.append(pointer("strings", language, after))


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _leaves(one, (*path, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _leaves(one, (*path, index))


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    if isinstance(value, Mapping | list):
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _mappings(one)


_DO: Mapping[type[Any], Callable[[_Desk, Any], None]] = {
    Set: _set,
    Remove: _remove,
    Insert: _insert,
    Move: _move,
    Translate: _translate,
    AddLanguage: _add_language,
    RemoveLanguage: _remove_language,
    Picture: _picture,
    RemovePicture: _remove_picture,
    RemoveFile: _remove_file,
    RenameVariable: _rename_variable,
}
