"""What a person types into a form, as the JSON value that a variable accepts, and back. Pure.

A form knows texts alone: "450,00" is money, "2026-12-01T18:30" a time in the brand's zone. Whether the value fits the variable is
``passkit.variables``' to say.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from passkit.money import major
from passkit.variables import NotAccepted, Variable

INPUTS = {
    "phone": "tel",
    "email": "email",
    "url": "url",
    "date": "date",
    "datetime": "datetime-local",
}
"""Type of a variable -> type of its field on a page; others are ``text``."""
_SPACES = re.compile(r"[\s\u00a0\u202f]")


def read(variable: Variable, text: str, zone: str) -> Any:
    """The JSON value, None for nothing typed; NotAccepted for what cannot be one."""
    plain = text.strip()
    if not plain:
        return None
    if variable.type == "boolean":
        return plain == "true"
    if variable.type in ("integer", "money", "decimal"):
        return _number(variable, _SPACES.sub("", plain).replace(",", "."))
    if variable.type == "datetime":
        return _moment(plain, zone)
    return plain


def write(variable: Variable, value: Any, zone: str) -> str:
    """A stored value as the form shows it."""
    if value is None:
        return ""
    if variable.type == "boolean":
        return "true" if value else "false"
    if variable.type == "money":
        return format(major(int(value), variable.currency or ""), "f")
    if variable.type == "datetime":
        return datetime.fromisoformat(str(value)).astimezone(ZoneInfo(zone)).strftime("%Y-%m-%dT%H:%M")
    return str(value)


def _number(variable: Variable, plain: str) -> Any:
    if variable.type != "integer":
        return plain
    if not re.fullmatch(r"[-+]?[0-9]{1,18}", plain):
        raise NotAccepted("this is no whole number", "Write a whole number, such as 120.")
    return int(plain)


def _moment(plain: str, zone: str) -> str:
    try:
        at = datetime.fromisoformat(plain)
    except ValueError:
        raise NotAccepted("this is no date and time", "Choose a day and a time.") from None
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).isoformat(timespec="minutes")
