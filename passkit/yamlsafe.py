"""YAML from strangers: the JSON part of YAML 1.2, bounded, without surprises.

Refused with the line: anchors and aliases (the "billion laughs" bomb), duplicate keys, tags, keys that are not text,
more than one document, too many bytes, levels or values. ``no``, ``on``, ``12:30`` and dates stay text, as in YAML 1.2.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any

import yaml

from passkit.errors import Problem, Severity, TemplateError

MAX_BYTES = 256 * 1024  # a generous template is 20 KB
MAX_DEPTH = 24
MAX_VALUES = 20_000


class _Refused(yaml.YAMLError):
    def __init__(self, mark: yaml.Mark, detail: str, fix: str) -> None:
        super().__init__(f"line {mark.line + 1}, column {mark.column + 1}: {detail}")
        self.fix = fix


class _Loader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's idea of what is a number, and the bounds of this module."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's own hook

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        self._refuse(event)
        self._depth += 1
        self._values += 1
        if self._depth > MAX_DEPTH or self._values > MAX_VALUES:
            raise _Refused(event.start_mark, "the file is nested too deeply or holds too much", "Make it simpler.")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    @staticmethod
    def _refuse(event: Any) -> None:
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _Refused(event.start_mark, "anchors and aliases are not allowed", "Write the value out in full.")
        if getattr(event, "tag", None):
            raise _Refused(event.start_mark, f"the tag {event.tag!r} is not allowed", "Remove the tag.")

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        pairs: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise _Refused(key_node.start_mark, f"the key {key!r} is not text", f'Put it in quotes: "{key}".')
            if key in pairs:
                raise _Refused(key_node.start_mark, f"the key {key!r} stands twice", "Keep one of them.")
            pairs[key] = self.construct_object(value_node, deep=True)
        return pairs


def _resolve(tag: str, pattern: str, first: str) -> None:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), list(first))


_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("null", "null|Null|NULL|~|", "nN~")
_Loader.yaml_implicit_resolvers.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile("^$")))
_resolve("int", "-?(?:0|[1-9][0-9]{0,18})", "-0123456789")
_resolve("float", r"-?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,2})?", "-0123456789")


def load(name: str, content: bytes) -> dict[str, Any]:
    """The mapping in file ``name``; raises TemplateError with the place (line and column) and the fix."""
    return read(name, content)[1]


def read(name: str, content: bytes) -> tuple[yaml.MappingNode, dict[str, Any]]:
    """The same with its nodes, whose marks say where in the text each value stands; for who edits the text."""
    if len(content) > MAX_BYTES:
        raise _error(name, f"{name} is {len(content)} bytes, more than {MAX_BYTES}", "Make it smaller.")
    try:
        node, document = _parse(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise _error(name, f"{name} is not UTF-8 (byte {error.start})", "Save it as UTF-8.") from error
    except _Refused as error:
        raise _error(name, f"{name}, {error}", error.fix) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _error(name, f"{name} is not YAML: {_short(error)}", "Check the indentation and the quotes.") from error
    if not isinstance(document, dict) or not isinstance(node, yaml.MappingNode):
        raise _error(name, f"{name} must be a mapping of keys to values", "Write `key: value` lines.")
    return node, document


def _parse(text: str) -> tuple[yaml.Node | None, Any]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _error(name: str, detail: str, fix: str) -> TemplateError:
    pointer = "" if name == "template.yaml" else "/" + name.removesuffix(".yaml")
    return TemplateError([Problem(Severity.ERROR, pointer, detail, fix)])
