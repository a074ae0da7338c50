"""Words of a holder's name, in one form that can be compared: ``Ёлкина-Петрова`` and ``елкина`` meet in a word."""

from __future__ import annotations

import re
import unicodedata

from passkit.schema import Template

MAX_WORDS = 8
"""Words of one text that a card is found by: a name has few, and a whole letter is no name."""
MAX_WORD = 40
"""Characters of a word that count."""
STARTS = range(2, 13)
"""Lengths of beginnings that a word is found by, besides the whole of it."""
_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> tuple[str, ...]:
    """The text's words, each once, folded: no case, no accents, ``ё`` is ``е``; single letters are left out."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    letters = "".join(character for character in plain if not unicodedata.combining(character) or character == "\u0306")
    composed = unicodedata.normalize("NFC", letters)  # й stays й: its breve is no accent
    found = (word[:MAX_WORD] for word in _WORD.findall(composed) if len(word) > 1)
    return tuple(dict.fromkeys(found))[:MAX_WORDS]


def starts(word: str) -> tuple[str, ...]:
    """What a word is found by: its beginnings, and itself."""
    return (*(word[:length] for length in STARTS if length < len(word)), word)


def of_holder(template: Template) -> tuple[str, ...]:
    """The variables by whose words a card is found: texts that are somebody's own (``type: text``, ``personal: true``)."""
    return tuple(name for name, it in template.variables.items() if it.type == "text" and it.personal)
