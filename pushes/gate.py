"""Where requests to one issuer wait for their turn: the asyncio edge of ``bucket``."""

from __future__ import annotations

import asyncio

from pushes.bucket import RATE, Bucket, Lane, Turnstile

Turn = asyncio.Future[None]


class GateShut(Exception):
    """Nothing new is begun: the worker stops, or the issuer is held. Nothing was sent."""


class Gate:
    """Lets requests through at the issuer's rate, the urgent ones first; must be made inside a running loop.

    Shut, it turns away who has sent nothing yet; what is half done may still finish.
    """

    def __init__(self, rate: float = RATE) -> None:
        self._loop = asyncio.get_running_loop()
        self._bucket = Bucket(rate, now=self._loop.time())
        self._turnstile: Turnstile[Turn] = Turnstile(self._bucket)
        self._first: set[Turn] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_shut = False

    async def turn(self, lane: Lane, *, first: bool = True) -> None:
        """Wait until one request may go; GateShut for the ``first`` of its work while the gate is shut."""
        if first and self._is_shut:
            raise GateShut
        mine: Turn = self._loop.create_future()
        self._turnstile.join(mine, lane)
        if first:
            self._first.add(mine)
        self._call_up()
        try:
            await mine
        finally:
            self._turnstile.leave(mine)
            self._first.discard(mine)

    def rest(self, seconds: float) -> None:
        """Let nothing through for so long: Google said that it was too much."""
        self._bucket.rest(seconds, self._loop.time())

    def shut(self) -> None:
        """Turn away whoever has not begun."""
        self._is_shut = True
        for turn in self._first:
            if not turn.done():
                turn.set_exception(GateShut())

    def open(self) -> None:
        """Let begin again."""
        self._is_shut = False

    def _call_up(self) -> None:
        """Let go whose turn it is, and look again when the next one's comes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._loop.time()
        while (turn := self._turnstile.next(now)) is not None:
            if not turn.done():
                turn.set_result(None)
        wait = self._turnstile.wait(now)
        if wait is not None:
            self._timer = self._loop.call_later(wait, self._call_up)
