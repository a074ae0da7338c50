"""Whom a news is for: conditions over a card, joined by AND and OR. Pure; ``parse`` refuses what can never fit.

::

    {"all": [{"field": "data.points", "op": "gte", "value": 100},
             {"any": [{"field": "tags", "op": "has", "value": "vip"}, {"field": "wallet", "op": "eq", "value": "google"}]}]}

Fields are ``data.<variable>``, ``tags``, ``outlet``, ``issued_at``, ``changed_at`` and ``wallet`` (apple, google, other, none).
Of money the value is in minor units, as everywhere. Moments are compared with ISO 8601 text, or in days before now.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from passkit.errors import Problem, Severity
from passkit.schema import Template
from passkit.variables import NotAccepted, Variable, accept_value

MAX_CONDITIONS = 50
MAX_DEPTH = 5
MAX_VALUES = 200
WALLETS = ("apple", "google", "other", "none")
MOMENTS = ("issued_at", "changed_at")

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}
_ORDER = ("gt", "gte", "lt", "lte")
_DAYS = ("within_days", "older_than_days")
OPS: Mapping[str, tuple[str, ...]] = {
    "data": (*_COMPARE, "ne", "in", "contains", "empty", *_DAYS),
    "tags": ("has", "empty"),
    "outlet": ("eq", "ne", "in", "empty"),
    "wallet": ("eq", "ne", "in"),
    "issued_at": (*_ORDER, *_DAYS),
    "changed_at": (*_ORDER, *_DAYS),
}
"""What each field can be asked."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What conditions see of a card."""

    data: Mapping[str, Any]
    tags: Collection[str]
    outlet: str | None
    issued_at: datetime
    changed_at: datetime
    wallets: Collection[str]


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison; ``field`` without ``data.``, ``space`` says what kind of field it is."""

    space: str
    field: str
    op: str
    value: Any

    def holds(self, facts: Facts, now: datetime) -> bool:
        """Whether it is true of the card; of a value that is not there only ``empty`` and ``ne`` are."""
        if self.space in ("tags", "wallet"):
            return self._of_several(facts.tags if self.space == "tags" else facts.wallets or ("none",))
        found = facts.data.get(self.field) if self.space == "data" else getattr(facts, self.field)
        if self.op == "empty":
            return (found is None or found == "") is self.value
        if found is None:
            return self.op == "ne"
        if self.op in _DAYS:
            return self._in_days(found, now)
        if self.op == "in":
            return found in self.value
        if self.op == "contains":
            return str(self.value).casefold() in str(found).casefold()
        if self.op == "ne":
            return bool(found != self.value)
        return _COMPARE[self.op](found, self.value)

    def _of_several(self, found: Collection[str]) -> bool:
        if self.op == "empty":
            return (not found) is self.value
        if self.op == "in":
            return any(one in self.value for one in found)
        return (self.value in found) is (self.op != "ne")

    def _in_days(self, found: Any, now: datetime) -> bool:
        """Within: not longer ago than so many days, and not in the future; older: longer ago."""
        age: timedelta = now - found if isinstance(found, datetime) else now.date() - found
        limit = timedelta(days=self.value)
        return timedelta(0) <= age <= limit if self.op == "within_days" else age > limit


@dataclass(frozen=True, slots=True)
class Group:
    """Several conditions, of which all or any must hold."""

    is_all: bool
    parts: tuple[Condition | Group, ...]

    def holds(self, facts: Facts, now: datetime) -> bool:
        """Whether the card is in the audience."""
        return (all if self.is_all else any)(part.holds(facts, now) for part in self.parts)


Audience = Condition | Group


class NotAnAudience(Exception):
    """The conditions do not fit the template; ``problems`` name the places below the audience."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(problem.detail for problem in problems))


def parse(document: Any, template: Template) -> Audience:
    """The conditions as values; raises NotAnAudience."""
    reader = _Reader(template)
    found = reader.read(document, "", 0)
    if reader.problems or found is None:
        raise NotAnAudience(reader.problems)
    return found


class _Reader:
    def __init__(self, template: Template) -> None:
        self.template = template
        self.problems: list[Problem] = []
        self.count = 0

    def read(self, document: Any, at: str, depth: int) -> Audience | None:
        if not isinstance(document, Mapping):
            return self._refuse(at, "a condition is an object", '{"field": "tags", "op": "has", "value": "vip"}')
        for name in ("all", "any"):
            if name in document:
                return self._group(document, name, at, depth)
        return self._condition(document, at)

    def _group(self, document: Mapping[str, Any], name: str, at: str, depth: int) -> Audience | None:
        parts = document[name]
        if len(document) != 1 or not isinstance(parts, list) or not parts:
            return self._refuse(f"{at}/{name}", f"`{name}` stands alone and holds a list of conditions", "")
        if depth >= MAX_DEPTH:
            return self._refuse(at, f"conditions are nested deeper than {MAX_DEPTH}", "Write them flatter.")
        read = [self.read(part, f"{at}/{name}/{place}", depth + 1) for place, part in enumerate(parts)]
        return Group(name == "all", tuple(part for part in read if part is not None))

    def _condition(self, document: Mapping[str, Any], at: str) -> Audience | None:
        self.count += 1
        if self.count > MAX_CONDITIONS:
            return self._refuse(at, f"there are more than {MAX_CONDITIONS} conditions", "")
        if set(document) != {"field", "op", "value"}:
            return self._refuse(at, "a condition has `field`, `op` and `value`, nothing else", "")
        field, op, value = document["field"], document["op"], document["value"]
        space = "data" if isinstance(field, str) and field.startswith("data.") else field
        if not isinstance(space, str) or space not in OPS or field == "data":
            return self._refuse(f"{at}/field", "there is no such field", f"One of data.NAME, {', '.join(OPS)}.")
        if op not in OPS[space]:
            return self._refuse(f"{at}/op", f"`{field}` cannot be asked that", f"One of {', '.join(OPS[space])}.")
        name = field.removeprefix("data.")
        variable = None
        if space == "data":
            variable = self.template.variables.get(self.template.aliases.get(name, name))
            if variable is None:
                return self._refuse(f"{at}/field", f"the template has no variable `{name}`", "")
            name = self.template.aliases.get(name, name)
        try:
            return Condition(space, name, op, _value(space, op, value, variable))
        except (NotAccepted, ValueError, TypeError) as error:
            return self._refuse(f"{at}/value", str(error), "")

    def _refuse(self, at: str, detail: str, fix: str) -> Audience | None:
        self.problems.append(Problem(Severity.ERROR, at, detail, fix))
        return None


def _value(space: str, op: str, value: Any, variable: Variable | None) -> Any:
    """The value as it is compared; raises ValueError or NotAccepted."""
    if op == "empty":
        if not isinstance(value, bool):
            raise ValueError("`empty` is true or false")
        return value
    if op in _DAYS:
        if variable is not None and variable.type not in ("date", "datetime"):
            raise ValueError("only dates and times have days")
        if type(value) is not int or not 0 <= value <= 36_500:
            raise ValueError("days are a whole number from 0 to 36500")
        return value
    if op == "in":
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_VALUES:
            raise ValueError(f"`in` needs a list of 1 to {MAX_VALUES} values")
        return tuple(_one(space, op, one, variable) for one in value)
    return _one(space, op, value, variable)


def _one(space: str, op: str, value: Any, variable: Variable | None) -> Any:
    if variable is not None and op != "contains":
        found = accept_value(variable, value)
        if op in _ORDER and isinstance(found, bool | str):
            raise ValueError("this variable has no order")
        return found
    if space in MOMENTS:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return moment
    if not isinstance(value, str) or not value or len(value) > 200:
        raise ValueError("this is a text of 1 to 200 characters")
    if space == "wallet" and value not in WALLETS:
        raise ValueError(f"a wallet is one of {', '.join(WALLETS)}")
    return value
