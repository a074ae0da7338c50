"""The audience of a news as rows of a form: "field - is - value", in groups, joined by AND or OR. Pure.

The form's tree is ``{"join": "all", "groups": [{"join": "any", "rows": [[field, op, text], ...]}]}``; between groups one word,
inside each another. ``empty`` is asked in two ways, ``empty`` and ``filled``. What the API nests deeper has no such tree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from handlers.studio import values
from handlers.studio.texts import TEXTS
from passkit import typed
from passkit.audience import WALLETS
from passkit.schema import Template
from passkit.variables import MAX_YEAR, MIN_YEAR, Variable

JOINS = ("all", "any")
MAX_GROUPS, MAX_ROWS = 10, 40
MAX_DAYS = 36_500
_IS = ("eq", "ne")
_EMPTY = ("empty", "filled")
_DAYS = ("within_days", "older_than_days")
_ORDER = ("gte", "gt", "lte", "lt")
_MOMENT_OPS = (*_DAYS, "gte", "lt")
_CONTAINS = {"text", "phone", "email", "url"}
Tree = Mapping[str, Any]
Errors = dict[str, str]


def fields(template: Template, outlets: Sequence[tuple[str, str]], language: str) -> list[dict[str, Any]]:
    """What may be asked: name, label, ops with their words, the kind of value, and choices where there are some."""
    texts = TEXTS[language]
    found = [_field(f"data.{name}", one.label or name, _ops(one), _input(one), _choices(one, texts), texts)
             for name, one in template.variables.items()]  # fmt: skip
    wallets = [(one, texts[f"news_wallet_{one}"]) for one in WALLETS]
    found.append(_field("tags", texts["news_field_tags"], ("has", *_EMPTY), "text", [], texts))
    if outlets:
        found.append(_field("outlet", texts["news_field_outlet"], (*_IS, *_EMPTY), "choice", outlets, texts))
    found.append(_field("issued_at", texts["news_field_issued_at"], _MOMENT_OPS, "date", [], texts))
    found.append(_field("changed_at", texts["news_field_changed_at"], _MOMENT_OPS, "date", [], texts))
    found.append(_field("wallet", texts["news_field_wallet"], _IS, "choice", wallets, texts))
    return found


def _field(
    name: str, label: str, ops: Sequence[str], kind: str, choices: Sequence[tuple[str, str]], texts: Mapping[str, str]
) -> dict[str, Any]:
    words = [(one, texts[f"news_op_{one}"]) for one in ops]
    return {"name": name, "label": label, "ops": words, "input": kind, "choices": list(choices)}


def _ops(variable: Variable) -> tuple[str, ...]:
    if variable.type == "boolean":
        return ("eq", *_EMPTY)
    if variable.choices:
        return (*_IS, "in", *_EMPTY)
    if variable.type in _CONTAINS:
        return (*_IS, "contains", "in", *_EMPTY)
    return (*_DAYS, *_ORDER, *_EMPTY) if variable.type in ("date", "datetime") else (*_IS, *_ORDER, *_EMPTY)


def _input(variable: Variable) -> str:
    if variable.choices or variable.type == "boolean":
        return "choice"
    if variable.type in ("integer", "money", "decimal"):
        return "number"
    return {"date": "date", "datetime": "datetime-local"}.get(variable.type, "text")


def _choices(variable: Variable, texts: Mapping[str, str]) -> list[tuple[str, str]]:
    if variable.type == "boolean":
        return [("true", texts["news_yes"]), ("false", texts["news_no"])]
    return [(str(one), str(one)) for one in variable.choices]


# From the form.


def read(text: str, template: Template, zone: str, language: str) -> tuple[dict[str, Any] | None, Errors]:
    """The conditions (None: everybody) and what is wrong, by the row's place ``0.1``."""
    try:
        tree = orjson.loads(text or "{}")
        groups = tree.get("groups", [])[:MAX_GROUPS]
        given = [(_join(one), [tuple(map(str, row)) for row in one["rows"]][:MAX_ROWS]) for one in groups]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None, {"": TEXTS[language]["news_audience_broken"]}
    errors: Errors = {}
    made = []
    for at, (join, rows) in enumerate(given):
        parts = []
        for place, row in enumerate(rows):
            field, op, value = (*row, "", "", "")[:3]
            condition, wrong = _condition(field, op, value, template, zone, language)
            if wrong:
                errors[f"{at}.{place}"] = wrong
            elif condition:
                parts.append(condition)
        if parts:
            made.append({join: parts})
    if not made:
        return None, errors
    return (made[0] if len(made) == 1 else {_join(tree): made}), errors


def _join(one: Mapping[str, Any]) -> str:
    return one["join"] if one.get("join") in JOINS else JOINS[0]


def _condition(
    field: str, op: str, text: str, template: Template, zone: str, language: str
) -> tuple[dict[str, Any] | None, str]:
    if op in _EMPTY:
        return {"field": field, "op": "empty", "value": op == "empty"}, ""
    if not text.strip():
        return None, TEXTS[language]["news_value_missing"]
    if op in _DAYS:
        days = text.strip()
        if not days.isascii() or not days.isdigit() or len(days) > 5 or int(days) > MAX_DAYS:
            return None, TEXTS[language]["news_value_days"]
        return {"field": field, "op": op, "value": int(days)}, ""
    value, wrong = _value(field, op, text, template, zone, language)
    return ({"field": field, "op": op, "value": value} if not wrong else None), wrong


def _value(field: str, op: str, text: str, template: Template, zone: str, language: str) -> tuple[Any, str]:
    variable = template.variables.get(field.removeprefix("data.")) if field.startswith("data.") else None
    if field in ("issued_at", "changed_at"):
        try:
            day = date.fromisoformat(text.strip())
        except ValueError:
            return None, TEXTS[language]["value_bad_date"]
        if not MIN_YEAR <= day.year <= MAX_YEAR:
            return None, TEXTS[language]["value_bad_date"]
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).isoformat(), ""
    if variable is None or op == "contains":
        return text.strip(), ""
    if op != "in":
        return values.read(variable, text, zone, language)
    found = []
    for one in filter(None, map(str.strip, text.split(","))):
        value, wrong = values.read(variable, one, zone, language)
        if wrong:
            return None, wrong
        found.append(value)
    return found, ""


# To the form.


def written(audience: Mapping[str, Any] | None, template: Template, zone: str) -> Tree | None:
    """The tree that shows these conditions; None for one that rows cannot show."""
    if audience is None:
        return {"join": "all", "groups": []}
    join, parts = _parts(audience)
    if all("field" in part for part in parts):
        return {"join": "all", "groups": [{"join": join, "rows": [_row(part, template, zone) for part in parts]}]}
    groups = []
    for part in parts:
        inner, rows = _parts(part)
        if not all("field" in row for row in rows):
            return None
        groups.append({"join": inner, "rows": [_row(row, template, zone) for row in rows]})
    return {"join": join, "groups": groups}


def _parts(one: Mapping[str, Any]) -> tuple[str, Sequence[Mapping[str, Any]]]:
    if "field" in one:
        return "all", [one]
    join = "all" if "all" in one else "any"
    return join, one[join]


def _row(one: Mapping[str, Any], template: Template, zone: str) -> list[str]:
    field, op, value = str(one["field"]), str(one["op"]), one["value"]
    if op == "empty":
        return [field, "empty" if value else "filled", ""]
    if isinstance(value, list):
        return [field, op, ", ".join(_text(field, op, each, template, zone) for each in value)]
    return [field, op, _text(field, op, value, template, zone)]


def _text(field: str, op: str, value: Any, template: Template, zone: str) -> str:
    if field in ("issued_at", "changed_at") and op not in _DAYS:
        return datetime.fromisoformat(value).astimezone(ZoneInfo(zone)).date().isoformat()
    name = field.removeprefix("data.")
    variable = template.variables.get(template.aliases.get(name, name)) if field.startswith("data.") else None
    if variable is None or op in _DAYS or op == "contains":
        return str(value)
    return typed.write(variable, value, zone)
