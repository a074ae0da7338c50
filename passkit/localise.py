"""Which literals of pass.json are translated, so that data never is.

A wallet replaces any text of pass.json that is a key of its language's pass.strings. A customer called "Points" must not be
translated, so a literal that needs translating and stands somewhere as data too, or that would need two translations, gets
invisible word joiners (U+2060) until it is unique; every language's table then maps it to its text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

from passkit.filters import WORD_JOINER


class Table(dict[str, str]):
    """One language's table: literal -> text. Shared by all cards it fits, so it remembers its encoded form."""

    __slots__ = ("encoded",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(texts)
        self.encoded: bytes | None = None


Tables = Mapping[str, Table]


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf whose text differs between languages: its place, its literal, and its text in each language."""

    leaf: int
    literal: str
    texts: tuple[str, ...]


def assign(entries: Iterable[Entry], data: Set[str]) -> tuple[dict[int, str], dict[str, tuple[str, ...]]]:
    """Literals by leaf (those that had to change included) and literal -> texts, none of them equal to any data."""
    placed: dict[int, str] = {}
    taken: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        literal = entry.literal or WORD_JOINER
        while literal in data or taken.get(literal, entry.texts) != entry.texts:
            literal += WORD_JOINER
        taken[literal] = entry.texts
        placed[entry.leaf] = literal
    return placed, taken


def tables(languages: Iterable[str], taken: Mapping[str, tuple[str, ...]]) -> dict[str, Table]:
    """One table per language, all with the same keys; no tables where nothing is translated."""
    if not taken:
        return {}
    return {
        language: Table({literal: texts[place] for literal, texts in taken.items()})
        for place, language in enumerate(languages)
    }
