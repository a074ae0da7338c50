"""The filters and the arithmetic of expressions: all that a template's author can call.

Every filter's work is bounded by the length of its input and of the expression: nothing pads, repeats or expands to a width.
A filter raises ValueError with one sentence that never quotes the card's data.
"""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from html import escape
from typing import Any

from passkit.formats import MAX_PATTERN, STYLES, Formats
from passkit.model import Value
from passkit.money import MAX_INTEGER, Money, major, to_minor

Filter = Callable[..., Value]

MAX_DIGITS = 9  # decimals that number and round may ask for
MAX_CUT = 1000  # characters that truncate may leave
WORD_JOINER = "\u2060"  # draws nothing, breaks nothing

# 18 digits hold every amount we take; more would be an expression that multiplies for its own sake.
_EXACT = decimal.Context(
    prec=18, Emin=-18, Emax=18, traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
)

RESULT_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("upper", "lower", "capitalize", "title", "trim", "truncate", "mask", "phone", "plural"), "text"),
    **dict.fromkeys(("money", "number", "date", "time", "datetime", "text"), "text"),
    **dict.fromkeys(("_html", "_percent"), "text"),
    "length": "integer",
    "round": "number",
    "abs": "number",
}
"""What a filter gives, for checks before any data is known; ``default`` gives what it is given."""

SPOKEN = frozenset({"money", "number", "date", "time", "datetime", "plural"})
"""Filters whose text depends on the language."""


def number_of(value: Any, what: str) -> int | Decimal:
    """A number, or ValueError: text and truth are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | float):
        kind = "nothing" if value is None else "text" if isinstance(value, str) else type(value).__name__
        raise ValueError(f"{what} needs a number, got {kind}")
    return Decimal(repr(value)) if isinstance(value, float) else value


def calculate(operator: str, left: Any, right: Any) -> int | Decimal:
    """``+ - * / //`` on numbers, exactly; money keeps its currency; too large a result is a ValueError."""
    one, two = number_of(left, f"`{operator}`"), number_of(right, f"`{operator}`")
    try:
        result = _EXACT_OPERATORS[operator](Decimal(one), Decimal(two))
    except ArithmeticError as error:
        raise ValueError("division by zero" if not two else "the result is too large") from error
    if abs(result) > MAX_INTEGER:
        raise ValueError("the result is too large")
    return _typed(operator, one, two, result)


def _typed(operator: str, one: int | Decimal, two: int | Decimal, result: Decimal) -> int | Decimal:
    monies = [side.currency for side in (one, two) if isinstance(side, Money)]
    if len(set(monies)) > 1:
        raise ValueError("two currencies do not add up")
    if monies and not (len(monies) == 2 and operator in ("/", "//")):
        return Money(int(result.quantize(Decimal(1), rounding=ROUND_HALF_UP)), monies[0])
    whole = isinstance(one, int) and isinstance(two, int) and result == result.to_integral_value()
    return int(result) if whole else result


def _floor(one: Decimal, two: Decimal) -> Decimal:
    return _EXACT.divide(one, two).to_integral_value(rounding=decimal.ROUND_FLOOR)


_EXACT_OPERATORS: Mapping[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _EXACT.add,
    "-": _EXACT.subtract,
    "*": _EXACT.multiply,
    "/": _EXACT.divide,
    "//": _floor,
}


def negate(operator: str, value: Any) -> int | Decimal:
    """Unary minus and plus on numbers."""
    number = number_of(value, f"`{operator}`")
    if operator == "+":
        return number
    return Money(-int(number), number.currency) if isinstance(number, Money) else -number


def filters(written: Formats) -> dict[str, Filter]:
    """All filters by name, speaking one language."""
    return {
        **_text_filters(written),
        **_number_filters(written),
        **_date_filters(written),
        "default": _default,
        "_html": lambda value: escape(written.text(value)),
        "_percent": lambda value: written.text(value).replace("%", "%" + WORD_JOINER),
    }


def _text_filters(written: Formats) -> dict[str, Filter]:
    text = written.text
    return {
        "text": text,
        "upper": lambda value: text(value).upper(),
        "lower": lambda value: text(value).lower(),
        "capitalize": lambda value: text(value).capitalize(),
        "title": lambda value: text(value).title(),
        "trim": lambda value: text(value).strip(),
        "length": lambda value: len(text(value)),
        "truncate": lambda value, length=50, *end: _truncate(text(value), length, *end),
        "mask": lambda value, visible=4, character="•": _mask(text(value), visible, character),
        "phone": lambda value: _phone(text(value)),
    }


def _number_filters(written: Formats) -> dict[str, Filter]:
    def money(value: Any, currency: str | None = None, digits: int | None = None) -> str:
        places = _digits(digits)
        return "" if value is None or value == "" else _money(written, value, currency, places)

    def number(value: Any, digits: int | None = None) -> str:
        places = _digits(digits)
        return "" if value is None else written.number(number_of(value, "number"), places)

    def plural(value: Any, *forms: str, **named: str) -> str:
        return _plural(written, number_of(0 if value is None else value, "plural"), forms, named)

    return {
        "money": money,
        "number": number,
        "plural": plural,
        "abs": lambda value: negate("-", value) if number_of(value, "abs") < 0 else number_of(value, "abs"),
        "round": lambda value, digits=0: _round(number_of(value, "round"), _digits(digits) or 0),
    }


def _date_filters(written: Formats) -> dict[str, Filter]:
    def speaking(say: Callable[[Any, str], str], kind: type, what: str, usual: str) -> Filter:
        def said(value: Any, style: str = usual) -> str:
            wanted = _style(style)
            return "" if value is None or value == "" else say(_moment(value, kind, what), wanted)

        return said

    return {
        "date": speaking(written.date, date, "date", "medium"),
        "time": speaking(written.time, datetime, "time", "short"),
        "datetime": speaking(written.moment, datetime, "datetime", "medium"),
    }


def _money(written: Formats, value: Any, currency: str | None, digits: int | None) -> str:
    number = number_of(value, "money")
    code = number.currency if isinstance(number, Money) else currency
    if not code:
        raise ValueError('money needs a currency here: `| money("RUB")`')
    if isinstance(number, int):
        return written.money(major(number, code), code, digits)
    return written.money(major(to_minor(number, code), code), code, digits)


def _digits(digits: Any) -> int | None:
    if digits is None:
        return None
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= MAX_DIGITS:
        raise ValueError(f"digits must be from 0 to {MAX_DIGITS}")
    return digits


def _round(number: int | Decimal, digits: int) -> int | Decimal:
    if isinstance(number, int):
        return number
    rounded = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    return rounded if digits else int(rounded)


def _style(style: Any) -> str:
    if style in STYLES:
        return str(style)
    if not isinstance(style, str) or not 0 < len(style) <= MAX_PATTERN:
        raise ValueError("the style is short, medium, long, full or a pattern such as d MMMM")
    return style


def _moment(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"{what} needs a date{' and time' if kind is datetime else ''}")
    return value


def _default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    """Jinja's filter; an empty text is nothing here, ``boolean`` makes nothing of zero too."""
    return fallback if value is None or value == "" or (boolean and not value) else value


def _truncate(text: str, length: Any, *more: Any) -> str:
    """``truncate(20)`` or ``truncate(20, "...")``; before the end Jinja's second argument may stand, it says nothing here."""
    end = more[-1] if more and not isinstance(more[-1], bool) else "…"
    if (
        isinstance(length, bool)
        or not isinstance(length, int)
        or not 1 <= length <= MAX_CUT
        or not isinstance(end, str)
        or len(more) > 2
    ):
        raise ValueError(f"truncate takes a length from 1 to {MAX_CUT}")
    return text if len(text) <= length else text[: max(0, length - len(end))].rstrip() + end[:length]


def _mask(text: str, visible: Any, character: Any) -> str:
    if isinstance(visible, bool) or not isinstance(visible, int) or visible < 0 or not isinstance(character, str):
        raise ValueError("mask takes how many last characters to show")
    hidden = max(0, len(text) - visible)
    return character[:1] * hidden + text[hidden:]


def _phone(text: str) -> str:
    """Russian and North American numbers in their usual groups; others as they are."""
    digits = "".join(filter(str.isdecimal, text))
    if len(digits) == 11 and digits[0] in "78" and not text.startswith("+8"):
        return f"+7 {digits[1:4]} {digits[4:7]}-{digits[7:9]}-{digits[9:]}"
    if len(digits) == 11 and digits[0] == "1":
        return f"+1 {digits[1:4]} {digits[4:7]}-{digits[7:]}"
    return text


def _plural(written: Formats, number: int | Decimal, forms: tuple[Any, ...], named: Mapping[str, Any]) -> str:
    """The form that goes with a count: by CLDR's names, or by position.

    Three forms by position are one, few and many (Slavic), two are one and other (English), so that a text that nobody has
    translated is still right in its own language.
    """
    if named:
        category = written.plural(number)
        form = named.get(category, named.get("other", named.get("many")))
        if form is None or forms:
            raise ValueError(f"plural needs the form `{category}`")
        return written.text(form)
    if len(forms) == 3:
        return written.text(forms[_slavic(number)])
    if len(forms) == 2:
        return written.text(forms[0 if abs(number) == 1 else 1])
    raise ValueError('plural takes two or three forms, such as plural("балл", "балла", "баллов")')


def _slavic(number: int | Decimal) -> int:
    """0 one, 1 few, 2 many, as CLDR says for Russian; a fraction takes the form of a few (1,5 балла)."""
    if number != int(number):
        return 1
    last, tens = abs(int(number)) % 10, abs(int(number)) % 100
    if last == 1 and tens != 11:
        return 0
    return 1 if 2 <= last <= 4 and not 12 <= tens <= 14 else 2
