"""Signed passes kept for whoever asks again: the least recently asked for go first, when their bytes are too many.

A pass is found by everything that its bytes are made of (``Serving.made_of`` and the certificate), so that what has changed
is another pass, and nothing ever has to be thrown away for being stale. Building is one step of the event loop: of several
that ask for the same pass at once the first signs it and the others find it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable

from aiohttp import web

KEPT_BYTES = 64 * 1024**2
"""Of each web process: 1,600 passes of 40 KB."""


class Signed:
    """Bytes by what they are made of, at most ``limit`` bytes in all."""

    def __init__(self, limit: int = KEPT_BYTES) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """What is kept, else what ``make`` makes now; an exception of its is the caller's, and nothing is kept."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        made = make()
        if len(made) <= self._limit:
            self._kept[key] = made
            self.size += len(made)
            while self.size > self._limit:
                self.size -= len(self._kept.popitem(last=False)[1])
        return made


SIGNED = web.AppKey("signed", Signed)
