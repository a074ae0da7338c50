"""Long counts beside the pages that wait for them: a page looks in again, and says meanwhile how far it is."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any

from aiohttp import web

from handlers.keys import root

PATIENCE = 2.0
"""Seconds that a page waits before it says that it is counting."""
KEPT = 50
"""Counts in one process; the oldest is stopped for a new one."""


class Walk:
    """A count that goes on by itself; ``watched`` is what grows meanwhile."""

    def __init__(self, work: Coroutine[Any, Any, Any], watched: Any) -> None:
        self.watched = watched
        self.task = asyncio.create_task(work)
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody may come for it

    @property
    def is_done(self) -> bool:
        """Whether the result, or what it raised, is there."""
        return self.task.done()

    def result(self) -> Any:
        """What came of it; raises what it raised."""
        return self.task.result()


class Walks:
    """By name: of the same name there is one."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], Walk] = OrderedDict()

    async def get(self, name: tuple[str, ...], begin: Callable[[], Walk]) -> Walk:
        """The count of this name, begun if there is none; it is waited for a moment."""
        walk = self._kept.get(name)
        if walk is None:
            walk = self._kept[name] = begin()
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)[1].task.cancel()
        await asyncio.wait([walk.task], timeout=PATIENCE)
        if walk.is_done and self._kept.get(name) is walk:
            del self._kept[name]
        return walk

    def forget(self, name: tuple[str, ...]) -> None:
        """What is asked now is another question."""
        if (walk := self._kept.pop(name, None)) is not None:
            walk.task.cancel()

    async def close(self, app: web.Application) -> None:
        """The process ends."""
        for name in list(self._kept):
            self.forget(name)


WALKS = web.AppKey("studio_walks", Walks)


def walks(request: web.Request) -> Walks:
    """The counts of this process."""
    return root(request)[WALKS]
