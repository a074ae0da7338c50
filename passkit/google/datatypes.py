"""Google's shared data types, made from ours: texts in several languages, money, times, colours, pictures.

The shapes are those of developers.google.com/wallet/reference/rest/v1: LocalizedString, Money, DateTime, Image, Uri.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from passkit.apple import values as apple
from passkit.apple.values import ABSENT
from passkit.money import Money, minor_digits

Json = Mapping[str, Any]
Text = str | tuple[str, ...]
"""A text: the same in every language, or one for each of the template's languages in their order."""

MICRO_DIGITS = 6
"""A Money counts millionths of the major unit, whatever the currency's own minor unit is."""
INT32 = 2**31
INT64 = 2**63
_RGB = re.compile(r"rgb\((\d+), (\d+), (\d+)\)")


@dataclass(frozen=True, slots=True)
class Speaker:
    """Says texts in the languages of a template; ``main`` is the place of the one that counts where only one fits."""

    languages: tuple[str, ...]
    main: int = 0

    def plain(self, text: Text) -> str:
        """The text in the main language; where that says nothing, in the first that does."""
        if isinstance(text, str):
            return text
        return text[self.main] or next(filter(None, text), "")

    def localized(self, text: Text) -> dict[str, Any]:
        """A LocalizedString: the main language is the default, the others stand beside it where they differ."""
        if isinstance(text, str):
            return {"defaultValue": {"language": self.languages[self.main], "value": text}}
        main = self.main if text[self.main] else next((place for place, one in enumerate(text) if one), self.main)
        made: dict[str, Any] = {"defaultValue": {"language": self.languages[main], "value": text[main]}}
        if others := list(self._others(text, main)):
            made["translatedValues"] = others
        return made

    def _others(self, text: tuple[str, ...], main: int) -> Iterator[dict[str, str]]:
        for place, one in enumerate(text):
            if one and one != text[main]:
                yield {"language": self.languages[place], "value": one}

    def twin(self, made: dict[str, Any], key: str, text: Text) -> None:
        """Write ``key``, and ``localizedKey`` beside it where the languages differ; nothing for an empty text."""
        plain = self.plain(text)
        if not plain:
            return
        made[key] = plain
        if not isinstance(text, str) and any(one and one != plain for one in text):
            made[f"localized{key[0].upper()}{key[1:]}"] = self.localized(text)


def is_empty(text: Text) -> bool:
    """Whether it says nothing in any language."""
    return not text if isinstance(text, str) else not any(text)


def merged(texts: Sequence[str]) -> Text:
    """One text for all languages where they agree."""
    return texts[0] if all(text == texts[0] for text in texts) else tuple(texts)


def money(minor: int, currency: str) -> dict[str, Any] | None:
    """A Money from minor units: 45000 kopecks are 450,000,000 micros. None for one beyond its 64 bits."""
    micros = minor * 10 ** (MICRO_DIGITS - minor_digits(currency))
    return {"micros": str(micros), "currencyCode": currency} if -INT64 <= micros < INT64 else None


def balance(raw: Any, text: str, currency: str | None) -> dict[str, Any] | None:
    """A LoyaltyPointsBalance, exactly one of its four kinds; ``text`` is what a person reads. None when there is none.

    A number beyond 32 bits is text, because ``int`` holds no more.
    """
    if raw is None or raw == "":
        return None
    written = {"string": text} if text else None
    if isinstance(raw, bool) or not isinstance(raw, int | Decimal | float):
        return written
    if not isinstance(raw, int):
        return {"double": float(raw)}
    if code := raw.currency if isinstance(raw, Money) else currency:
        amount = money(raw, code)
        return {"money": amount} if amount else written
    return {"int": raw} if -INT32 <= raw < INT32 else written


def instant(moment: str) -> dict[str, str]:
    """A DateTime with its offset."""
    return {"date": moment}


def hex_color(raw: Any) -> Any:
    """``#rrggbb`` of what an expression gave, or ABSENT; raises ValueError as pass.json's colours do."""
    written = apple.color(raw)
    if written is ABSENT:
        return ABSENT
    found = _RGB.fullmatch(written)
    return "#{:02x}{:02x}{:02x}".format(*map(int, found.groups())) if found else ABSENT


def image(url: str) -> dict[str, Any]:
    """An Image that Google fetches from a public https address."""
    return {"sourceUri": {"uri": url}}
