"""Refusing in time: past what this process can answer, new work gets 503 and Retry-After, so that the rest is answered soon.

Two signs. The event loop is late: a tick that should come every ``INTERVAL`` came ``LATE`` late twice in a row (once is a
pause, not a load), and it is asked again in the midst of a turn, because one turn may hold a thousand requests. Or so many
requests are being answered that something behind us must be slow. Either is over only when it has clearly got better
(``CALM``, ``FEWER``), so that it does not flicker.

Only what somebody will send again is refused: a pass that has to be signed (Wallet tries again), webhooks and the backend's
API (senders repeat), install and join pages. Never what is cheap, or says what to do about the load: 304s, passes that are
kept, lists, registrations, health, the studio.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from aiohttp import web

from handlers import metrics
from handlers.errors import ProblemError

INTERVAL = 0.1
LATE, CALM = 0.5, 0.1
"""Seconds by which a tick may be late: above the first it is too much, below the second it is over."""
MOST, FEWER = 512, 384
"""Requests that are being answered: at the first it is too many, below the second it is over."""
RETRY = (3, 15)
"""Seconds in Retry-After, each client others, so that they do not all come back at once."""
REFUSED_SECONDS = 10.0
MOST_FETCHES = 10_000
REFUSABLE = ("/hooks/", "/api/v1/", "/i/", "/j/")


@dataclass(slots=True)
class Load:
    """How this process stands; ``time`` is a monotonic clock in seconds."""

    time: Callable[[], float]
    in_flight: int = 0
    lag: float = 0.0
    """Seconds by which the last tick came late."""
    refused: int = 0
    """Since ``fetched`` was asked last."""
    _fetches: list[float] = field(default_factory=list)
    _due: float | None = None
    _late_once: bool = False
    _is_late: bool = False
    _is_full: bool = False

    def tick(self) -> None:
        """Called every ``INTERVAL``; how late it comes is how late everything is."""
        now = self.time()
        if self._due is not None:
            self.lag = max(0.0, now - self._due)
            self._is_late = self._is_late and self.lag > CALM
            if self.lag > LATE and self._late_once:
                self._is_late = True
            self._late_once = self.lag > LATE
        self._due = now + INTERVAL

    def note_fetch(self, seconds: float) -> None:
        """A pass was given out in so long a time."""
        if len(self._fetches) < MOST_FETCHES:
            self._fetches.append(seconds)

    def fetched(self) -> float | None:
        """The 95th percentile of the fetches since it was asked last, the loop's lateness included; None: there were none.

        Where anybody was refused it is ``REFUSED_SECONDS``: a refusal is quick, and no sign of leisure.
        """
        fetches, self._fetches, refused, self.refused = sorted(self._fetches), [], self.refused, 0
        if refused:
            return REFUSED_SECONDS
        return fetches[len(fetches) * 95 // 100] + self.lag if fetches else None

    def is_too_much(self) -> bool:
        """Whether new work should be refused now."""
        overdue = 0.0 if self._due is None else self.time() - self._due
        if self._late_once and overdue > LATE:
            self._is_late = True
        self._is_full = self.in_flight >= (FEWER if self._is_full else MOST)
        return self._is_late or self._is_full

    def refuse(self) -> None:
        """503 where it is too much."""
        if self.is_too_much():
            metrics.overload.inc()
            self.refused += 1
            wait = random.randint(*RETRY)  # noqa: S311 - no secret, only not the same for all
            raise ProblemError("overloaded", headers={"Retry-After": str(wait)})


LOAD = web.AppKey("load", Load)


async def keep_time(app: web.Application) -> AsyncIterator[None]:
    """Tick as long as the application runs."""
    task = asyncio.create_task(_tick(app[LOAD]))
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _tick(load: Load) -> None:
    while True:
        load.tick()
        metrics.loop_lag.set(load.lag)
        await asyncio.sleep(INTERVAL)


def is_refusable(path: str) -> bool:
    """Whether all of this route is work that somebody will ask for again."""
    return path.startswith(REFUSABLE)
