"""Texts as Wallet shows them: values formatted for the phone's language, and links in them.

Formatting follows a field's own keys (currencyCode, numberStyle, dateStyle, timeStyle; Apple's PassFieldContent,
https://developer.apple.com/documentation/walletpasses/passfieldcontent) with the CLDR data that iOS formats by too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any, Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time, get_datetime_format, get_timezone
from babel.numbers import format_currency, format_decimal, format_percent, format_scientific

_Style = Literal["full", "long", "medium", "short"]

_STYLES: dict[str, _Style] = {
    "PKDateStyleShort": "short",
    "PKDateStyleMedium": "medium",
    "PKDateStyleLong": "long",
    "PKDateStyleFull": "full",
}

_CODE_BEFORE_DIGIT = re.compile(r"([A-Za-z])(?=-?[0-9])")  # CLDR's currencySpacing, which babel leaves out
_SAFE_LINK = re.compile(r"(https?://|mailto:|tel:)", re.IGNORECASE)
_DETECTED = re.compile(
    r"(?P<link>https?://[^\s<>\"]+[^\s<>\".,;:!?)\]])"
    r"|(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<phone>\+\d[\d ()-]{7,18}\d)"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text, with the link it leads to."""

    text: str
    link: str | None = None


def value_text(value: Any, keys: Mapping[str, Any], language: str, time_zone: str) -> str:
    """A field's value as text; ``keys`` is the field's dictionary. What cannot be formatted is shown as it stands."""
    locale = _locale(language)
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | Decimal | float):
        return _number(Decimal(str(value)), keys, locale)
    text = str(value)
    if "dateStyle" in keys or "timeStyle" in keys:
        return _moment(text, keys, locale, time_zone)
    return text


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en")


def _number(value: Decimal, keys: Mapping[str, Any], locale: Locale) -> str:
    if "currencyCode" in keys:
        text = format_currency(value, str(keys["currencyCode"]), locale=locale)
        return _CODE_BEFORE_DIGIT.sub("\\1\u00a0", text)
    match keys.get("numberStyle"):
        case "PKNumberStyleDecimal":
            return format_decimal(value, locale=locale)
        case "PKNumberStylePercent":
            return format_percent(value, locale=locale)
        case "PKNumberStyleScientific":
            return format_scientific(value, locale=locale)
        case _:
            return format_decimal(value, locale=locale, group_separator=False)


def _moment(text: str, keys: Mapping[str, Any], locale: Locale, time_zone: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    zone = moment.tzinfo if keys.get("ignoresTimeZone") is True else _zone(time_zone)
    moment = moment.astimezone(zone)
    date_style, time_style = (_STYLES.get(keys.get(name, "")) for name in ("dateStyle", "timeStyle"))
    day = format_date(moment, date_style, locale=locale) if date_style else ""
    hour = format_time(moment, time_style, tzinfo=zone, locale=locale) if time_style else ""
    if not (day and hour):
        return day or hour or text
    pattern = str(get_datetime_format(date_style or "medium", locale=locale))
    return pattern.replace("'", "").replace("{0}", hour).replace("{1}", day)


def _zone(name: str) -> tzinfo:
    try:
        return get_timezone(name)
    except LookupError:
        return UTC


# Links.


def spans(text: str, *, rich: bool, detected: bool) -> tuple[Span, ...]:
    """The text cut at its links: ``<a href>`` where it is rich, what data detectors find where they are on."""
    pieces = _anchors(text) if rich else [Span(text)]
    if not detected:
        return tuple(pieces)
    return tuple(found for piece in pieces for found in ([piece] if piece.link else _detect(piece.text)))


def _detect(text: str) -> Iterator[Span]:
    position = 0
    for match in _DETECTED.finditer(text):
        if match.start() > position:
            yield Span(text[position : match.start()])
        prefix = {"link": "", "mail": "mailto:", "phone": "tel:"}[match.lastgroup or "link"]
        target = re.sub(r"[ ()-]", "", match[0]) if prefix == "tel:" else match[0]
        yield Span(match[0], prefix + target)
        position = match.end()
    if position < len(text):
        yield Span(text[position:])


def _anchors(markup: str) -> list[Span]:
    reader = _AnchorReader()
    reader.feed(markup)
    reader.close()
    return reader.spans


class _AnchorReader(HTMLParser):
    """Reads the one tag attributedValue may hold; every other tag vanishes, its text stays."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.spans: list[Span] = []
        self._link: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            target = dict(attrs).get("href") or ""
            self._link = target if _SAFE_LINK.match(target) else None

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._link = None

    def handle_data(self, data: str) -> None:
        self.spans.append(Span(data, self._link))
