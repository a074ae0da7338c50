"""Real cards shown to who need not know whose they are: lengths and shapes stay, so that a long name still is one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from passkit import data
from passkit.model import Value
from passkit.schema import Template
from passkit.variables import Variable

DOT = "•"
KEPT_DIGITS = 4
"""The last digits of a number, as receipts show them."""


def masked(template: Template, values: Mapping[str, Value]) -> dict[str, Value]:
    """The values with personal ones masked; what has no letters (a date, a number) becomes the sample."""
    samples = data.sample(template)
    return {
        name: _masked(template.variables[name], value, samples[name]) if template.variables[name].personal else value
        for name, value in values.items()
    }


def masked_text(text: str) -> str:
    """Of each word the first letter: ``Anna Petrova`` -> ``A••• P••••••``."""
    return re.sub(r"(?<=\w)\w", DOT, text)


def masked_number(number: str) -> str:
    """A card's number or external id with its last four characters: what it is made of stays, so that a barcode can be drawn."""
    hidden = re.sub(r"[^\W\d_]", "x", re.sub(r"\d", "0", number[:-KEPT_DIGITS]))
    return hidden + number[-KEPT_DIGITS:] if len(number) > KEPT_DIGITS else number


def _masked(variable: Variable, value: Value, sample: Value) -> Value:
    if value is None or value == "":
        return value
    if not isinstance(value, str):
        return sample
    if variable.choices:
        return sample
    if variable.type == "phone":
        return re.sub(r"\d(?=(?:\D*\d){2})", DOT, value)
    if variable.type == "email":
        return value[:1] + DOT * 3 + "@" + DOT * 3
    if variable.type == "url":
        return "https://example.com/"
    return masked_text(value)
