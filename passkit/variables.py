"""A template's variables: what a card's data may hold, and how a JSON value becomes a typed one.

================  ======================================================================  =========================
type              accepted                                                                canonical value
================  ======================================================================  =========================
text              a string without control characters but newline                        ``str``
phone email url   the same, and it looks like one                                         ``str``
integer           a JSON integer within +-(2**53 - 1)                                     ``int``
decimal           a JSON number (never by way of a float) or a string like "12.5"         ``Decimal``
money             an integer in minor units, "450.00" in major units, or                  ``int``, minor units
                  ``{"amount": ..., "currency": "RUB"}`` with the same two meanings
boolean           true or false                                                           ``bool``
date              "2026-12-01"                                                            ``date``
datetime          "2026-12-01T18:30:00+03:00", the zone is required                       ``datetime`` in UTC
================  ======================================================================  =========================

A JSON number with a fraction is refused for points and money: one writer's 450.00 is another's 450, which is 4.50.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from babel.numbers import is_currency
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from passkit.model import Value
from passkit.money import MAX_INTEGER, to_minor

TEXT_LENGTH = 500  # characters, unless the template says otherwise
MAX_TEXT_LENGTH = 10_000
MAX_QUESTION = 200  # characters
MAX_ALIASES = 10
MAX_DECIMAL_DIGITS = 15  # what a double, and so every wallet, holds exactly
MIN_YEAR, MAX_YEAR = 1900, 2999

_Day = TypeVar("_Day", date, datetime)

VariableType = Literal["text", "integer", "money", "decimal", "boolean", "date", "datetime", "phone", "email", "url"]
TEXT_TYPES = frozenset({"text", "phone", "email", "url"})

_DECIMAL = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,14})?")
_AMOUNT = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,4})?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?(?:[Zz]|[-+][0-9]{2}:?[0-9]{2})"
)
_SHAPES = {
    "phone": (re.compile(r"\+?[0-9][0-9 ()./-]{2,30}"), "Send a phone number such as +7 916 123-45-67."),
    "email": (re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+"), "Send an address such as anna@example.com."),
    "url": (re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"]+"), "Send a full address such as https://example.com/."),
}


class NotAccepted(ValueError):
    """A value that the variable does not take; ``fix`` says what to send instead, ``below`` where inside the value."""

    def __init__(self, detail: str, fix: str, below: str = "") -> None:
        super().__init__(detail)
        self.fix = fix
        self.below = below


def _asked(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else None
    return {"question": value} if isinstance(value, str) else value


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


class Ask(BaseModel):
    """What a join form asks: ``question`` (else the variable's label) may be translated; ``required``: no card without it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: Annotated[str, Field(min_length=1, max_length=MAX_QUESTION)] | None = None
    required: bool = False


class Variable(BaseModel):
    """One declared piece of a card's data; previews and lint show its ``sample``, logs never a ``personal`` one.

    ``owner: backend``: people read it only, the loyalty system writes it. ``ask``: customers fill it in when they join.
    ``alias``: names it had before, which sources may still use and under which older cards hold it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: VariableType = "text"
    label: str = ""
    default: Any = None
    optional: bool = False
    sample: Any = None
    personal: bool = False
    max_length: Annotated[int, Field(ge=1, le=MAX_TEXT_LENGTH)] = TEXT_LENGTH
    choices: Annotated[tuple[Any, ...], Field(max_length=200)] = ()
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = None
    owner: Literal["backend"] | None = None
    ask: Annotated[Ask | None, BeforeValidator(_asked)] = None
    alias: Annotated[tuple[str, ...], Field(max_length=MAX_ALIASES), BeforeValidator(_listed)] = ()

    @property
    def required(self) -> bool:
        """True when a card cannot be issued without it."""
        return self.default is None and not self.optional

    @property
    def is_text(self) -> bool:
        """True for text and its kinds: phone, email, url."""
        return self.type in TEXT_TYPES


def text_problem(text: str, max_length: int = TEXT_LENGTH) -> str | None:
    """Why this text cannot stand on a card, as one clause, or None. Also for numbers, external ids and news texts."""
    if len(text) > max_length:
        return f"it has {len(text)} characters, more than {max_length}"
    if text.isprintable():
        return None
    for character in text:
        category = unicodedata.category(character)
        if (category == "Cc" and character != "\n") or category == "Cs":
            return f"it holds the control character U+{ord(character):04X}"
    return None


def accept_value(variable: Variable, value: Any) -> Value:
    """The canonical value of what an API client, a hook or a template's ``sample`` gave; raises NotAccepted."""
    accepted = _ACCEPT[variable.type](variable, value)
    if variable.choices and accepted not in {_plain(variable, choice) for choice in variable.choices}:
        allowed = ", ".join(str(choice) for choice in variable.choices)
        raise NotAccepted(f"{value!r} is not one of the choices", f"Send one of: {allowed}.")
    return accepted


def _plain(variable: Variable, value: Any) -> Value:
    return _ACCEPT[variable.type](variable, value)


def _text(variable: Variable, value: Any) -> str:
    if not isinstance(value, str):
        raise NotAccepted(f"expected text, got {_named(value)}", f'Send a string, such as "{_shown(value)}".')
    if detail := text_problem(value, variable.max_length):
        raise NotAccepted(detail, "Shorten it, or remove control characters (a newline may stay).")
    if variable.type in _SHAPES and value:
        shape, fix = _SHAPES[variable.type]
        if not shape.fullmatch(value):
            raise NotAccepted(f"this is not a {variable.type}", fix)
    return value


def _integer(variable: Variable, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotAccepted(f"expected an integer, got {_named(value)}", "Send a whole JSON number, such as 120.")
    return _bounded(value)


def _bounded(value: int) -> int:
    if abs(value) > MAX_INTEGER:
        raise NotAccepted("the number is too large for JSON readers", f"Stay within {MAX_INTEGER} (2**53 - 1).")
    return int(value)


def _decimal(variable: Variable, value: Any) -> Decimal:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(_bounded(value))
    if isinstance(value, Decimal):
        value = format(value, "f")
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise NotAccepted(f"expected a decimal, got {_named(value)}", 'Send a string of digits, such as "12.5".')
    if sum(map(str.isdigit, value)) > MAX_DECIMAL_DIGITS:
        raise NotAccepted("the number has too many digits", f"Send at most {MAX_DECIMAL_DIGITS} digits.")
    return Decimal(value)


def _money(variable: Variable, value: Any) -> int:
    currency = variable.currency or ""
    if isinstance(value, Mapping):
        return _amount(currency, value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        fix = f'Send minor units as an integer (45000), "450.00", or {{"amount": "450.00", "currency": "{currency}"}}.'
        raise NotAccepted(f"expected money, got {_named(value)}", fix)
    return _bounded(value) if isinstance(value, int) else _major(currency, value)


def _amount(currency: str, value: Mapping[str, Any]) -> int:
    fix = f'Send {{"amount": "450.00", "currency": "{currency}"}}.'
    if set(value) != {"amount", "currency"}:
        raise NotAccepted("money as an object has exactly `amount` and `currency`", fix)
    if value["currency"] != currency:
        detail = f"the variable is in {currency}, not in {str(value['currency'])[:20]}"
        raise NotAccepted(detail, fix, "/currency")
    amount = value["amount"]
    if isinstance(amount, bool) or not isinstance(amount, int | str):
        raise NotAccepted(f"expected an amount, got {_named(amount)}", fix, "/amount")
    return _bounded(amount) if isinstance(amount, int) else _major(currency, amount)


def _major(currency: str, text: str) -> int:
    fix = 'Send major units with a point, such as "450.00", or minor units as an integer, such as 45000.'
    if not _AMOUNT.fullmatch(text):
        raise NotAccepted(f"{text[:40]!r} is not an amount", fix)
    try:
        return _bounded(to_minor(text, currency))
    except NotAccepted:
        raise
    except ValueError as error:
        raise NotAccepted(str(error), fix) from error


def _boolean(variable: Variable, value: Any) -> bool:
    if not isinstance(value, bool):
        raise NotAccepted(f"expected true or false, got {_named(value)}", "Send true or false, without quotes.")
    return value


def _date(variable: Variable, value: Any) -> date:
    fix = 'Send a day such as "2026-12-01".'
    if isinstance(value, date) and not isinstance(value, datetime):
        return _years(value, fix)
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise NotAccepted(f"expected a date, got {_named(value)}", fix)
    try:
        return _years(date.fromisoformat(value), fix)
    except NotAccepted:
        raise
    except ValueError:
        raise NotAccepted(f"{value} is not a day of the calendar", fix) from None


def _instant(variable: Variable, value: Any) -> datetime:
    if isinstance(value, str):
        return instant(value)
    fix = 'Send an instant with its zone, such as "2026-12-01T18:30:00+03:00".'
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise NotAccepted(f"expected a date and time with a zone, got {_named(value)}", fix)
    return _years(value.astimezone(UTC), fix)


def instant(text: str) -> datetime:
    """An ISO 8601 text with date, hours, minutes and zone as an aware datetime in UTC; raises NotAccepted."""
    fix = 'Send an instant with its zone, such as "2026-12-01T18:30:00+03:00".'
    if not _INSTANT.fullmatch(text):
        raise NotAccepted(f"{text[:40]!r} is not a date and time with a zone", fix)
    try:
        return _years(datetime.fromisoformat(text.replace(",", ".").upper()).astimezone(UTC), fix)
    except NotAccepted:
        raise
    except (ValueError, OverflowError):
        raise NotAccepted(f"{text} is not a time of the calendar", fix) from None


def _years(value: _Day, fix: str) -> _Day:
    if not MIN_YEAR <= value.year <= MAX_YEAR:
        raise NotAccepted(f"the year {value.year} is out of range", fix)
    return value


def _named(value: Any) -> str:
    names = {str: "a string", bool: "true or false", int: "an integer", list: "a list", dict: "an object"}
    if isinstance(value, float | Decimal):
        return f"the fractional number {value}"
    return names.get(type(value), "null" if value is None else type(value).__name__)


def _shown(value: Any) -> str:
    return str(value)[:40] if isinstance(value, int | float) else "text"


_ACCEPT: dict[str, Callable[[Variable, Any], Value]] = {
    **dict.fromkeys(TEXT_TYPES, _text),
    "integer": _integer,
    "decimal": _decimal,
    "money": _money,
    "boolean": _boolean,
    "date": _date,
    "datetime": _instant,
}


def declaration_problems(variable: Variable) -> list[tuple[str, str, str]]:
    """What is wrong with the declaration itself, as (pointer below the variable, detail, fix)."""
    found = []
    if variable.type == "money" and not (variable.currency and is_currency(variable.currency)):
        found.append(("/currency", "a money variable needs an ISO 4217 currency", "Add `currency: RUB`."))
    elif variable.type != "money" and variable.currency:
        found.append(("/currency", "only money has a currency", "Remove it, or make it `type: money`."))
    else:
        found += _value_problems(variable)
    question = variable.ask.question if variable.ask else None
    if question and ("{{" in question or text_problem(question, MAX_QUESTION)):
        found.append(("/ask", "a question is plain text", "Write it without expressions and control characters."))
    return found


def _value_problems(variable: Variable) -> list[tuple[str, str, str]]:
    places = [(f"/choices/{place}", value) for place, value in enumerate(variable.choices)]
    places += [(f"/{key}", getattr(variable, key)) for key in ("default", "sample")]
    found = []
    for pointer, value in places:
        try:
            if value is not None:
                (_plain if pointer.startswith("/choices") else accept_value)(variable, value)
        except NotAccepted as error:
            found.append((pointer + error.below, str(error), error.fix))
    return found
