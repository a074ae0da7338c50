"""Keeps the files made from a content for whoever asks for the same again, the latest asked for, up to so many bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping


class KeptFiles:
    """From a content and how it is asked for to the files that were made.

    Safe to ask from several threads, for each step is a single one of a dict: at worst two make the same.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._files: dict[Hashable, Mapping[str, bytes]] = {}

    def files(self, content: bytes, how: Hashable, make: Callable[[], dict[str, bytes]]) -> dict[str, bytes]:
        """What ``make`` has made of the content, or makes now; the dictionary is the caller's own."""
        key = hashlib.sha256(content).digest(), how
        found = self._files.pop(key, None) or make()
        self._files[key] = found
        self._let_go()
        return dict(found)

    def _let_go(self) -> None:
        for longest_unasked in tuple(self._files):
            if sum(sum(map(len, files.values())) for files in tuple(self._files.values())) <= self._most:
                break
            self._files.pop(longest_unasked, None)
