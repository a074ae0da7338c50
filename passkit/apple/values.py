"""How a typed value stands in pass.json, and what a person then reads.

Dates follow the W3C profile of ISO 8601 with a zone and no fraction, because iOS refuses the whole pass otherwise; money is a
JSON number in major units beside ``currencyCode``; colours are ``rgb(r, g, b)``
(developer.apple.com/documentation/walletpasses/pass and .../passfieldcontent).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

from passkit.formats import Formats, last_second, midnight
from passkit.layout import PassFieldTemplate
from passkit.money import Money, major, to_minor
from passkit.variables import NotAccepted, instant


class Absent:
    """The type of ``ABSENT``: a key that is not written."""


ABSENT: Final = Absent()

Convert = Callable[[Any], Any]
Shaped = tuple[Any, Mapping[str, Any] | None]
"""A field's ``value`` in pass.json, and the keys that go with it."""

_HEX = re.compile(r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_RGB = re.compile(r"rgb\(\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*,\s*([0-9]{1,3})\s*\)")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_DATE_STYLES = {"none": "None", "short": "Short", "medium": "Medium", "long": "Long", "full": "Full"}
_NUMBER_STYLES = {
    "number": "PKNumberStyleDecimal",
    "percent": "PKNumberStylePercent",
    "scientific": "PKNumberStyleScientific",
    "spell_out": "PKNumberStyleSpellOut",
}


def iso(moment: datetime, zone: ZoneInfo) -> str:
    """``2026-12-01T18:30:00+03:00``; in UTC where the zone's offset has seconds (before 1920), which iOS does not read."""
    text = moment.astimezone(zone).isoformat(timespec="seconds")
    return (
        text
        if text[-3] == ":" and text[-6] in "+-"
        else moment.astimezone(ZoneInfo("UTC")).isoformat(timespec="seconds")
    )


def color(raw: Any) -> Any:
    """``#rgb``, ``#rrggbb`` or ``rgb(...)`` as ``rgb(r, g, b)``; nothing where the text is empty."""
    text = "" if raw is None else str(raw).strip()
    if not text:
        return ABSENT
    if found := _HEX.fullmatch(text):
        digits = found[1] if len(found[1]) == 6 else "".join(digit * 2 for digit in found[1])
        parts = [int(digits[place : place + 2], 16) for place in (0, 2, 4)]
    elif found := _RGB.fullmatch(text):
        parts = [int(part) for part in found.groups()]
    else:
        raise ValueError("this is not a colour such as #3a2a1e or rgb(58, 42, 30)")
    if max(parts) > 255:
        raise ValueError("a colour's parts go from 0 to 255")
    return "rgb({}, {}, {})".format(*parts)


def number(raw: Any) -> Any:
    """A number, also out of a text of digits; nothing where it is empty."""
    if raw is None or raw == "":
        return ABSENT
    if isinstance(raw, Money):
        return raw.major
    if isinstance(raw, str) and _NUMBER.fullmatch(raw.strip()):
        return Decimal(raw.strip())
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal):
        raise ValueError("this is not a number")
    return raw


def stamps_of(most: int) -> Convert:
    """How many of ``most`` places are stamped: a number, whole, from nothing to all of them."""

    def convert(raw: Any) -> Any:
        found = number(raw)
        return 0 if found is ABSENT else min(max(int(found), 0), most)

    return convert


def words(raw: Any) -> Any:
    """A text; nothing where it is empty."""
    return raw or ABSENT


def moment_in(zone: ZoneInfo, *, end: bool = False) -> Convert:
    """An instant or a day as ISO 8601; a day is its first moment, or its last second where it is an end."""

    def convert(raw: Any) -> Any:
        found = _moment(raw)
        if found is None:
            return ABSENT
        if not isinstance(found, datetime):
            found = last_second(found, zone) if end else midnight(found, zone)
        return iso(found, zone)

    return convert


def _moment(raw: Any) -> date | None:
    """What a date expression gave: an instant, a day, a text that is one, or nothing."""
    if raw is None or raw == "":
        return None
    if isinstance(raw, str):
        try:
            return date.fromisoformat(raw) if len(raw) == 10 else instant(raw)
        except NotAccepted as error:
            raise ValueError("this is not a date and time with a zone, such as 2026-12-01T18:30:00+03:00") from error
    if not isinstance(raw, date):
        raise ValueError("this is not a date")
    return raw


def plain(zone: ZoneInfo) -> Convert:
    """Any value inside ``semantics``, ``user_info`` or ``apple``: money is text in major units, nothing is left out."""

    def convert(raw: Any) -> Any:
        if raw is None:
            return ABSENT
        if isinstance(raw, Money):
            return format(raw.major, "f")
        if isinstance(raw, datetime):
            return iso(raw, zone)
        return raw.isoformat() if isinstance(raw, date) else raw

    return convert


@dataclass(frozen=True, slots=True)
class Presenter:
    """How a field shows whatever its value turns out to be.

    ``shape`` gives its ``value`` in pass.json, and the keys that go with it; ``text`` what a person reads. An empty text
    is an empty ``value``.
    """

    shape: Callable[[Any], Shaped]
    text: Callable[[Any], str]


def presenter(field: PassFieldTemplate, written: Formats) -> Presenter:
    """The presenter of this field.

    ``format`` decides; left out, the value's own type does. Keys such as currencyCode and dateStyle go only with a value of
    their kind: an empty text beside currencyCode is an invalid pass.
    """
    kind = field.format
    if kind == "text":
        return _texts(written)
    if kind in ("date", "time", "datetime"):
        return _dates(field, written, kind)
    if kind in _NUMBER_STYLES:
        return _numbers(written, kind)
    if kind == "money" or field.currency:
        return _money(field, written)
    return _by_type(field, written)


def _by_type(field: PassFieldTemplate, written: Formats) -> Presenter:
    texts, monies = _texts(written), _money(field, written)
    days, moments = _dates(field, written, "date"), _dates(field, written, "datetime")

    def of(raw: Any) -> Presenter | None:
        if raw is None or isinstance(raw, str | bool):
            return texts
        if isinstance(raw, Money):
            return monies
        if isinstance(raw, datetime):
            return moments
        return days if isinstance(raw, date) else None

    def shape(raw: Any) -> Shaped:
        if type(raw) is str or type(raw) is int:
            return raw, None
        if found := of(raw):
            return found.shape(raw)
        return _exact(raw), None

    def text(raw: Any) -> str:
        found = of(raw)
        return found.text(raw) if found else written.text(_exact(raw))

    return Presenter(shape, text)


def _exact(raw: Any) -> Any:
    return Decimal(repr(raw)) if isinstance(raw, float) else raw


def _texts(written: Formats) -> Presenter:
    return Presenter(lambda raw: (written.text(raw), None), written.text)


def _money(field: PassFieldTemplate, written: Formats) -> Presenter:
    def amount(raw: Any) -> tuple[Decimal, str]:
        code = raw.currency if isinstance(raw, Money) else field.currency
        if not code:
            raise ValueError("money needs a currency: use a money variable, or add `currency: RUB` to the field")
        return _amount(raw, code), code

    def shape(raw: Any) -> Shaped:
        if raw is None or raw == "":
            return "", None
        found, code = amount(raw)
        return found, {"currencyCode": code}

    def text(raw: Any) -> str:
        return "" if raw is None or raw == "" else written.money(*amount(raw))

    return Presenter(shape, text)


def _amount(raw: Any, code: str) -> Decimal:
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal | str | float):
        raise ValueError("this is not an amount")
    return major(raw if isinstance(raw, int) else to_minor(str(raw), code), code)


def _numbers(written: Formats, kind: str) -> Presenter:
    style = {"numberStyle": _NUMBER_STYLES[kind]}

    def shape(raw: Any) -> Shaped:
        found = number(raw)
        return ("", None) if found is ABSENT else (_exact(found), style)

    def text(raw: Any) -> str:
        found = _exact(number(raw))
        if found is ABSENT:
            return ""
        return f"{written.number((found * 100).normalize())}%" if kind == "percent" else written.number(found)

    return Presenter(shape, text)


def _dates(field: PassFieldTemplate, written: Formats, kind: str) -> Presenter:
    day = field.date_style or ("none" if kind == "time" else "medium")
    clock = field.time_style or ("none" if kind == "date" else "short")
    keys: dict[str, Any] = {
        "dateStyle": f"PKDateStyle{_DATE_STYLES[day]}",
        "timeStyle": f"PKDateStyle{_DATE_STYLES[clock]}",
    }
    if field.ignores_time_zone is not None:
        keys["ignoresTimeZone"] = field.ignores_time_zone
    if field.relative is not None:
        keys["isRelative"] = field.relative
    day_keys = {"ignoresTimeZone": True, **keys}

    def shape(raw: Any) -> Shaped:
        found = _moment(raw)
        if found is None:
            return "", None
        if isinstance(found, datetime):
            return iso(found, written.zone), keys
        return iso(midnight(found, written.zone), written.zone), day_keys

    def text(raw: Any) -> str:
        found = _moment(raw)
        if found is None:
            return ""
        first = found if isinstance(found, datetime) else midnight(found, written.zone)
        return written.day_and_time(first, day, clock)

    return Presenter(shape, text)
