"""The doorbell: a process that puts work into a queue tells the workers of other hosts where to look.

Promises: it is never waited for and never fails a request; it carries names of places (``store.places``), no person and no
secret; a ring that is lost costs the time until the workers' next look at the database, never an update. Whoever hears a
ring looks, and hands it on to the worker that has the place's lease; a ring that reached nobody who can look comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from pushes import metrics
from store import leases, places
from store.dialect import Database
from store.errors import Unavailable

GATHERING = 0.05
"""Seconds between two rings of one place by one process: the later one stands for all in between."""
MOST = 1000
"""Rings on their way; past it they are dropped, and the workers' own looks find the work."""

log = structlog.get_logger("passbell.doorbell")

Wake = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Ear:
    """A worker of this process: under which name it takes leases, which kind of places it works at, how it is woken."""

    owner: str
    kind: str
    wake: Wake


class CarrierAway(Exception):
    """Rings are not carried now; the message says why."""


class Carrier(Protocol):
    """What carries rings between processes (``pushes.nats``)."""

    @property
    def is_well(self) -> bool:
        """Whether rings are carried now."""
        ...

    async def ring(self, place: str) -> bool:
        """Have one of the listeners hear of a place; False when nobody keeps the ring."""
        ...

    async def hand(self, owner: str, place: str) -> bool:
        """Tell the process of this owner; False when it does not answer."""
        ...


class Doorbell:
    """Rings for what this process commits, and answers rings for the workers it has."""

    def __init__(self, db: Database, carrier: Carrier) -> None:
        self._db = db
        self._carrier = carrier
        self._coming: dict[str, asyncio.TimerHandle] = {}
        self._rung_at: dict[str, float] = {}
        self._sending: set[asyncio.Task[None]] = set()

    def ring(self, touched: Collection[str]) -> None:
        """Work was committed at these places: tell whoever listens, soon."""
        loop = asyncio.get_running_loop()
        for place in touched:
            if place in self._coming:
                continue
            if not self._carrier.is_well or len(self._coming) + len(self._sending) >= MOST:
                metrics.nats_rings.labels("dropped").inc()
                continue
            due = self._rung_at.get(place, -GATHERING) + GATHERING
            self._coming[place] = loop.call_at(max(due, loop.time()), self._send, place)

    def is_heard(self) -> bool:
        """Whether other processes' work is told of now."""
        return self._carrier.is_well

    async def hear(self, place: str, ears: Sequence[Ear]) -> bool:
        """Somebody rang: wake who works there, here and elsewhere; False if it must come again."""
        for ear in ears:
            if ear.kind == places.kind(place):
                ear.wake()
        try:
            held = await leases.holders(self._db)
        except Unavailable as error:
            log.warning("ring_put_off", place=place, detail=error.detail)
            return False
        mine = {ear.owner for ear in ears}
        others = {owner for lease, owner in held.items() if places.concerns(place, lease)} - mine
        answers = await asyncio.gather(*(self._carrier.hand(owner, place) for owner in sorted(others)))
        outcome = "here" if not others else "handed" if all(answers) else "again"
        metrics.nats_heard.labels(outcome).inc()
        return all(answers)

    async def aclose(self) -> None:
        """Drop what has not been sent."""
        for timer in self._coming.values():
            timer.cancel()
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)

    def _send(self, place: str) -> None:
        del self._coming[place]
        self._rung_at[place] = asyncio.get_running_loop().time()
        task = asyncio.create_task(self._publish(place))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _publish(self, place: str) -> None:
        is_kept = await self._carrier.ring(place)
        metrics.nats_rings.labels("sent" if is_kept else "failed").inc()
