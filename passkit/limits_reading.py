"""How the limits read a template: its texts with their places, what in them is fixed, and their names.

An expression is recognised by its marks; one that does not parse counts as reading nothing (``render`` says what is wrong).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from jinja2 import Environment, TemplateError, meta
from pydantic import BaseModel

from passkit.layout import PassFieldTemplate
from passkit.schema import Template
from passkit.schemacheck import pointer

Found = tuple[str, str, str]
"""What a rule finds: JSON pointer, one clause, the fix."""

EXPRESSION = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+|\S+@\S+\.\S+|%@")
_ENVIRONMENT = Environment(autoescape=False)  # noqa: S701 it only parses, nothing is rendered


def is_constant(text: Any) -> bool:
    """Whether nothing of it is computed."""
    return not isinstance(text, str) or not EXPRESSION.search(text)


def fixed(text: str) -> str:
    """What stands around the expressions."""
    return EXPRESSION.sub("", text)


_HISTORY = re.compile(r"\bnews\s*\.\s*history\b")


def needs_words(text: str) -> bool:
    """Whether a translator has something to do: letters outside expressions and addresses."""
    return any(letter.isalpha() for letter in _ADDRESS.sub("", fixed(text)))


def names_in(text: str) -> frozenset[str]:
    """The names that the expressions of ``text`` read, ``card``, ``brand`` and ``news`` included."""
    if is_constant(text):
        return frozenset()
    try:
        return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(text)))
    except (TemplateError, RecursionError, ValueError, OverflowError):
        return frozenset()


def shows_news(template: Template) -> bool:
    """Whether a card has a place for news: any text reads ``news.text``, ``news.title`` or ``news.url``."""
    return any("news" in names_in(text) for text in written_texts(template))


def shows_history(template: Template) -> bool:
    """Whether any text reads ``news.history``."""
    return any(_HISTORY.search(text) for text in written_texts(template) if "history" in text)


def written_texts(template: Template) -> Iterator[str]:
    """Every text of template.yaml but the names of its parts and of its variables only the questions."""
    for name in type(template).model_fields:
        if name != "variables":
            yield from _texts(getattr(template, name))
    for variable in template.variables.values():
        if variable.ask and variable.ask.question:
            yield variable.ask.question


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseModel):
        yield from _texts({name: getattr(value, name) for name in type(value).model_fields})
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, Sequence):
        for part in value:
            yield from _texts(part)


def every_field(template: Template) -> Iterator[tuple[str, str, str, PassFieldTemplate]]:
    """(JSON pointer, style, zone, field), the fallback's too."""
    fallback = template.fallback.style if template.fallback else template.style
    for place, zone, fields in template.zones():
        style = fallback if place.startswith("/fallback") else template.style
        for index, field in enumerate(fields):
            yield f"{place}/{index}", style, zone, field


def spoken_texts(template: Template) -> Iterator[tuple[str, str]]:
    """(JSON pointer, text) of all that a person reads and that may differ between languages."""
    for key in ("organization_name", "description", "logo_text", "event_logo_text"):
        if text := getattr(template, key):
            yield pointer(key), text
    for place, _, _, field in every_field(template):
        for key in ("label", "value", "change_message", "link", "attributed_value"):
            text = getattr(field, key)
            if isinstance(text, str) and text:
                yield f"{place}/{key}", text
    for index, code in enumerate(template.barcode):
        if code.alt_text:
            yield f"{template.place('barcode', index)}/alt_text", code.alt_text
    for name, variable in template.variables.items():
        if variable.ask and variable.ask.question:
            yield pointer("variables", name, "ask"), variable.ask.question
    for kind in ("processing", "marketing"):
        if consent := getattr(template.consents, kind):
            yield pointer("consents", kind), consent.text
    yield from ((f"/locations/{index}/text", one.text) for index, one in enumerate(template.locations) if one.text)
    yield from ((f"/beacons/{index}/text", one.text) for index, one in enumerate(template.beacons) if one.text)


def in_each_language(template: Template, text: str) -> Iterator[str]:
    """``text`` and its translations."""
    yield text
    for table in template.strings.values():
        if text in table:
            yield table[text]


def shown_style(template: Template) -> frozenset[str]:
    """The styles whose pictures are drawn: the template's and its fallback's."""
    return frozenset({template.style} | ({template.fallback.style} if template.fallback else set()))
