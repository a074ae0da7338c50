"""Values as a person reads them, in one language and one time zone.

One ``Formats`` per (language, zone), made once by ``formats``. Babel knows the patterns; the common shapes of money and
numbers are spelled here from what Babel says of zero, because Babel takes 20 us for each and a fill has 60 us for all.
"""

from __future__ import annotations

import re
from copy import copy
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Literal, cast
from zoneinfo import ZoneInfo

from babel import dates, numbers

from passkit.model import Value
from passkit.money import Money, minor_digits
from passkit.schema import locale_of

_CODE_BEFORE_DIGIT = re.compile(r"([A-Za-z])(?=-?[0-9])")  # CLDR's currencySpacing, which Babel leaves out

YES_NO = {"en": ("Yes", "No"), "ru": ("Да", "Нет")}
MAX_PATTERN = 40  # characters of a CLDR date pattern in a filter
STYLES = ("short", "medium", "long", "full")

Day = date | datetime
_Style = Literal["short", "medium", "long", "full"]


class Formats:
    """How one language in one time zone writes money, numbers, dates and truth."""

    def __init__(self, language: str, time_zone: str) -> None:
        self.language = language
        self.locale = locale_of(language)
        self.zone = ZoneInfo(time_zone)
        self._shapes: dict[tuple[str, int], tuple[str, str, str, str, str] | None] = {}

    def text(self, value: Value) -> str:
        """Any value as text; nothing for None."""
        if isinstance(value, str):
            return value
        if value is None:
            return ""
        if isinstance(value, bool):
            return self.boolean(value)
        if isinstance(value, Money):
            return self.money(value.major, value.currency)
        if isinstance(value, int):
            return str(value)
        if isinstance(value, Decimal):
            return self.number(value)
        return self.moment(value) if isinstance(value, datetime) else self.date(value)

    def boolean(self, value: bool) -> str:
        """Yes or no."""
        return YES_NO.get(self.locale.language, YES_NO["en"])[0 if value else 1]

    def money(self, amount: Decimal, currency: str, digits: int | None = None) -> str:
        """``amount`` in major units with its currency: "450,00 ₽"."""
        return self._shaped(amount, currency, minor_digits(currency) if digits is None else digits)

    def number(self, value: Decimal | int, digits: int | None = None) -> str:
        """Grouped digits; as many decimals as the number has unless ``digits`` says."""
        number = Decimal(value)
        places = max(0, -int(number.as_tuple().exponent)) if digits is None else digits
        return self._shaped(number, "", places)

    def date(self, value: Day, style: str = "medium") -> str:
        """The day; an instant's day in the zone."""
        return str(dates.format_date(self._local(value), style, self.locale))

    def time(self, value: datetime, style: str = "short") -> str:
        """The time of the day in the zone."""
        return str(dates.format_time(value, style, self.zone, self.locale))

    def moment(self, value: datetime, style: str = "medium") -> str:
        """Day and time in the zone; the time is always short unless ``style`` is a pattern."""
        if style not in STYLES:
            return str(dates.format_datetime(value, style, self.zone, self.locale))
        return self.day_and_time(value, style, "short")

    @lru_cache(maxsize=4096)  # noqa: B019  a Formats lives as long as the process
    def day_and_time(self, value: datetime, date_style: str, time_style: str) -> str:
        """Day and time in two styles, joined as the language does; ``none`` leaves one out."""
        local = value.astimezone(self.zone)
        day = dates.format_date(local, date_style, self.locale) if date_style != "none" else ""
        clock = dates.format_time(local, time_style, self.zone, self.locale) if time_style != "none" else ""
        if not (day and clock):
            return str(day or clock)
        joined = dates.get_datetime_format(cast("_Style", date_style), locale=self.locale)
        return str(joined).replace("{1}", day).replace("{0}", clock).replace("'", "")

    def plural(self, number: int | Decimal) -> str:
        """CLDR's category of a count: one, two, few, many, other, zero."""
        return str(self.locale.plural_form(cast("Decimal", abs(number))))

    def _local(self, value: Day) -> Day:
        return value.astimezone(self.zone) if isinstance(value, datetime) else value

    def _shaped(self, number: Decimal, currency: str, digits: int) -> str:
        rounded = number.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
        key = (currency, digits)
        if key not in self._shapes:
            self._shapes[key] = self._shape(currency, digits)
        if (shape := self._shapes[key]) is None:
            return self._by_babel(rounded, currency, digits)
        before, after, group, point, minus = shape
        whole, _, part = f"{abs(rounded):,f}".partition(".")
        body = f"{before}{whole.replace(',', group)}{point if part else ''}{part}{after}"
        return minus.replace("#", body) if rounded < 0 else body

    def _shape(self, currency: str, digits: int) -> tuple[str, str, str, str, str] | None:
        """(before, after, group, point, negative form) read off Babel's own spelling, or None if it is unusual."""
        million, minus = (self._by_babel(Decimal(number), currency, digits) for number in (1_000_000, -1_000_000))
        group, point = (numbers.get_group_symbol(self.locale), numbers.get_decimal_symbol(self.locale))
        body = f"1{group}000{group}000" + (point + "0" * digits if digits else "")
        before, found, after = million.partition(body)
        if not found or million not in minus:
            return None
        return before, after, group, point, minus.replace(million, "#")

    def _by_babel(self, number: Decimal, currency: str, digits: int) -> str:
        formats = self.locale.currency_formats["standard"] if currency else self.locale.decimal_formats[None]
        pattern = copy(formats)
        pattern.frac_prec = (digits, digits)
        text = str(pattern.apply(number, self.locale, currency=currency or None, currency_digits=False))
        return _CODE_BEFORE_DIGIT.sub("\\1\u00a0", text) if currency else text


@lru_cache(maxsize=512)
def formats(language: str, time_zone: str) -> Formats:
    """The one ``Formats`` of a language and an IANA time zone."""
    return Formats(language, time_zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """A day's first moment in the zone."""
    return datetime.combine(day, time(), zone)


def last_second(day: date, zone: ZoneInfo) -> datetime:
    """A day's last second in the zone: what "valid through" means."""
    return datetime.combine(day, time(23, 59, 59), zone)
