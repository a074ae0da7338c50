"""Calling a variable otherwise in a template's expressions, and in nothing else."""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import Environment, TemplateError

_LEXER = Environment(autoescape=False, keep_trailing_newline=True)  # noqa: S701 it only reads, nothing is rendered


def renamed(text: str, name: str, to: str) -> str:
    """The text with the variable's name replaced in its expressions; one that cannot be read stays as it is."""
    if name not in text or "{{" not in text:
        return text
    try:
        tokens = [(kind, value) for _, kind, value in _LEXER.lex(text)]
    except (TemplateError, RecursionError):
        return text
    if "".join(value for _, value in tokens) != text:  # a line break that the lexer writes otherwise
        return text
    return "".join(to if is_name else value for is_name, value in _told(tokens, name))


def _told(tokens: list[tuple[str, str]], name: str) -> Iterator[tuple[bool, str]]:
    """Each token with whether it is the variable: not an attribute, a filter, a test or an argument's name."""
    before = ""
    for place, (kind, value) in enumerate(tokens):
        after = next((other for sort, other in tokens[place + 1 :] if sort != "whitespace"), "")
        is_name = kind == "name" and value == name and before not in (".", "|", "is") and after not in ("=", "(")
        yield is_name, value
        if kind != "whitespace":
            before = value
