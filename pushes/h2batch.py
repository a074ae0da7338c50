"""The pushes of one caller on their way: which are unsent, under way, answered and not yet taken. No I/O."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pushes.channel import Push, Verdict
from pushes.h2events import Ticket

if TYPE_CHECKING:
    from pushes.h2pool import Judge

MAX_SENDS = 10
"""How often a push that the peer never touched is sent again before the job has to try later."""


class Batch:
    """One call of ``send_many``; a ticket's second half."""

    def __init__(self, pushes: Sequence[Push], judge: Judge, window: int) -> None:
        self.ready: deque[tuple[Push, Verdict]] = deque()
        self._pushes = pushes
        self._judge = judge
        self._window = window
        self._position = 0
        self._in_flight = 0
        self._again: list[Ticket] = []
        self._over: Verdict | None = None
        self._abandoned = False
        self._change: asyncio.Future[None] | None = None

    @property
    def wants(self) -> bool:
        """Whether there is something to send, and room for its verdict."""
        if self._over or not self._is_unsent:
            return False
        return self._in_flight + len(self.ready) < self._window

    @property
    def _is_unsent(self) -> bool:
        return bool(self._again) or self._position < len(self._pushes)

    @property
    def is_done(self) -> bool:
        """Whether every push has had its verdict taken."""
        return not (self.ready or self._in_flight or self._is_unsent)

    def take(self, room: int) -> list[Ticket]:
        """Up to so many to send now."""
        room = min(room, self._window - self._in_flight - len(self.ready))
        tickets, self._again = self._again[:room], self._again[room:]
        refuses = self._judge.refuses
        pushes = self._pushes[self._position : self._position + room - len(tickets)]
        self._position += len(pushes)
        for push in pushes:
            refusal = refuses(push)
            if refusal is None:
                tickets.append((push, self))
            else:
                self.ready.append((push, refusal))
                self._wake()
        self._in_flight += len(tickets)
        return tickets

    def settle(self, push: Push, verdict: Verdict) -> None:
        """A push under way has its verdict."""
        self._in_flight -= 1
        if self._abandoned:
            return
        self.ready.append((push, verdict))
        if self._change is not None:
            self._wake()

    def send_again(self, push: Push, final: Verdict | None, last: Verdict, sends: int = 1) -> None:
        """The peer has not touched this one: it goes out again, unless ``final`` is the verdict for all that waits.

        ``last`` is its verdict if it has been sent too often already.
        """
        if final or self._over or self._abandoned or sends >= MAX_SENDS:
            self.settle(push, final or self._over or last)
            return
        self._in_flight -= 1
        self._again.append((push, _Resent(self, sends + 1)))

    def give_up(self, verdict: Verdict) -> None:
        """Nothing more is sent; what is unsent gets this verdict, what is under way its own."""
        if self._over is None:
            self._over = verdict
            self._wake()

    def given_up(self) -> Iterator[tuple[Push, Verdict]]:
        """The unsent ones after ``give_up``, one by one so that they cost no memory."""
        if self._over is None:
            return
        again, self._again = self._again, []
        for push, _ in again:
            yield push, self._over
        while self._position < len(self._pushes):
            self._position += 1
            yield self._pushes[self._position - 1], self._over

    def abandon(self) -> None:
        """The caller has gone: verdicts that still come are of no interest."""
        self._abandoned = True
        self._position = len(self._pushes)
        self._again = []
        self.ready.clear()

    async def changed(self) -> None:
        """Wait until there is something to take."""
        if self.ready or self.is_done or (self._over and self._is_unsent):
            return
        self._change = asyncio.get_running_loop().create_future()
        await self._change

    def _wake(self) -> None:
        change, self._change = self._change, None
        if change is not None and not change.done():
            change.set_result(None)


class _Resent:
    """The sender of a push that goes out for the ``sends``-th time."""

    __slots__ = ("_batch", "_sends")

    def __init__(self, batch: Batch, sends: int) -> None:
        self._batch = batch
        self._sends = sends

    def settle(self, push: Push, verdict: Verdict) -> None:
        self._batch.settle(push, verdict)

    def send_again(self, push: Push, final: Verdict | None, last: Verdict) -> None:
        self._batch.send_again(push, final, last, self._sends)
