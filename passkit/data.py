"""A card's data against its template's variables: from JSON to typed values, to storage and back, and to text.

What a template declares is what is accepted: an unknown variable, a wrong type or a missing required variable is a
problem with its pointer (``/data/points``) and the fix. Nothing is guessed and nothing is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from passkit.errors import DataError, Problem, Severity
from passkit.formats import Formats, formats
from passkit.model import Value
from passkit.money import Money
from passkit.schema import Template
from passkit.schemacheck import pointer
from passkit.variables import NotAccepted, Variable, accept_value, text_problem

__all__ = ["accept", "formatted", "from_json", "name_of", "sample", "text_problem", "to_json", "with_defaults"]

_SAMPLES: dict[str, Value] = {
    "integer": 0,
    "money": 0,
    "decimal": Decimal(0),
    "boolean": False,
    "date": date(2030, 1, 1),
    "datetime": datetime(2030, 1, 1, 12, tzinfo=UTC),
    "phone": "+7 900 000-00-00",
    "email": "name@example.com",
    "url": "https://example.com/",
}


def accept(template: Template, given: Mapping[str, Any], *, partial: bool = False) -> dict[str, Value]:
    """The typed values of what a client gave; raises DataError with every problem.

    Without ``partial`` every required variable must be there; with it (a PATCH, a hook) what is absent stays as it is.
    In both, null clears a variable to its default, or to nothing where it is optional. Only what was given is answered,
    under the names of today: an alias is taken for the variable that it was.
    """
    problems: list[Problem] = []
    accepted: dict[str, Value] = {}
    for name, value in given.items():
        today = name_of(template, name)
        try:
            if today in accepted or (today != name and today in given):
                fix = f"Send `{today}` alone."
                raise NotAccepted(f"`{name}` is another name of `{today}`, which is given too", fix)
            accepted[today] = _accepted(template, today, value)
        except NotAccepted as error:
            place = pointer("data", name) + error.below
            problems.append(Problem(Severity.ERROR, place, str(error), error.fix))
    if not partial:
        named = {name_of(template, name) for name in given}
        problems += [_missing(name, variable) for name, variable in _required(template) if name not in named]
    if problems:
        raise DataError(problems)
    return accepted


def name_of(template: Template, name: str) -> str:
    """The variable that ``name`` means: itself, or the one that was called so before."""
    return name if name in template.variables else template.aliases.get(name, name)


def _accepted(template: Template, name: str, value: Any) -> Value:
    variable = template.variables.get(name)
    if variable is None:
        close = get_close_matches(str(name), template.variables, n=1)
        known = f"Did you mean `{close[0]}`?" if close else f"Declared: {', '.join(template.variables) or 'none'}."
        raise NotAccepted(f"the template has no variable `{str(name)[:64]}`", known)
    if value is not None:
        return accept_value(variable, value)
    if variable.required:
        raise NotAccepted("it is required and cannot be cleared", "Send a value, or leave it out to keep the old one.")
    return _default(variable)


def _default(variable: Variable) -> Value:
    return None if variable.default is None else accept_value(variable, variable.default)


def _required(template: Template) -> list[tuple[str, Variable]]:
    return [(name, variable) for name, variable in template.variables.items() if variable.required]


def _missing(name: str, variable: Variable) -> Problem:
    fix = f"Send `{name}` ({variable.type}), or give it a `default` or `optional: true` in the template."
    return Problem(Severity.ERROR, pointer("data", name), f"`{name}` is required and missing", fix)


def defaults(template: Template) -> dict[str, Value]:
    """What each variable is where a card says nothing: its default, or None."""
    return {name: _default(variable) for name, variable in template.variables.items()}


def with_defaults(template: Template, data: Mapping[str, Value]) -> dict[str, Value]:
    """Every declared variable, with defaults where the card says nothing; others are left out."""
    return {name: data.get(name, default) for name, default in defaults(template).items()}


def to_json(template: Template, data: Mapping[str, Value]) -> dict[str, Any]:
    """Values for storage and for the API's ``data``: instants ISO 8601 in UTC, decimals text, money minor units."""
    return {name: _stored(value) for name, value in data.items() if name in template.variables}


def _stored(value: Value) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value


def from_json(template: Template, stored: Mapping[str, Any]) -> dict[str, Value]:
    """``to_json`` undone. It checks the type only: limits that came later do not spoil cards that exist.

    Variables that the template does not know, or that it declares with another type now, are left out. What a card holds
    under a former name is read where nothing is held under the present one.
    """
    loaded: dict[str, Value] = {}
    for name, value in stored.items():
        variable = template.variables.get(name)
        if variable is not None and (value is None or _fits(variable, value)):
            loaded[name] = _loaded(variable, value)
    for former, name in template.aliases.items():
        if former in stored and name not in stored and name not in loaded:
            variable, value = template.variables[name], stored[former]
            if value is None or _fits(variable, value):
                loaded[name] = _loaded(variable, value)
    return loaded


def _fits(variable: Variable, value: Any) -> bool:
    if variable.type in ("integer", "money"):
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, bool if variable.type == "boolean" else str)


def _loaded(variable: Variable, value: Any) -> Value:
    if value is not None and variable.type == "decimal":
        return Decimal(value)
    if value is not None and variable.type == "date":
        return date.fromisoformat(value)
    if value is not None and variable.type == "datetime":
        return datetime.fromisoformat(value).astimezone(UTC)
    return value  # type: ignore[no-any-return]


def sample(template: Template) -> dict[str, Value]:
    """Data to look at the template with: each variable's sample, else its default, else something of its type."""
    return {name: _sample(name, variable) for name, variable in template.variables.items()}


def _sample(name: str, variable: Variable) -> Value:
    if variable.sample is not None:
        return accept_value(variable, variable.sample)
    if not variable.required:
        return _default(variable)
    if variable.choices:
        return accept_value(variable, variable.choices[0])
    return _SAMPLES.get(variable.type, (variable.label or name)[: variable.max_length])


def formatted(template: Template, data: Mapping[str, Value], language: str, time_zone: str) -> dict[str, str]:
    """Each given variable as a person reads it: "450,00 ₽", so that a slip by a hundred is seen."""
    written = formats(language, time_zone)
    return {
        name: _written(template.variables[name], value, written)
        for name, value in data.items()
        if name in template.variables
    }


def _written(variable: Variable, value: Value, written: Formats) -> str:
    if variable.type == "money" and isinstance(value, int):
        return written.text(Money(value, variable.currency or ""))
    return written.text(value)
