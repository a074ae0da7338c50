"""Push connections to one host, shared by all who send: who may send next, and when another connection is due.

Promises: one verdict for every push of every caller; pushes that the peer has not touched are sent again; at most one
new connection a second, with back-off and jitter while they fail; a second connection and more only when the round trip
is what limits; what is kept is bounded by ``Options.window`` for each caller.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import ssl
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from pushes.channel import Outcome, Push, Verdict
from pushes.h2batch import Batch
from pushes.h2core import PushCore
from pushes.h2events import Accepted, Answered, Broken, Event, Failed, GoingAway, Ticket, Unprocessed
from pushes.h2push import Link, NotHttp2, connect
from pushes.h2request import RequestEncoder
from pushes.h2watch import Limits

log = structlog.get_logger("passbell.pushes")

BUSY = 0.7
"""Share of a core above which more connections would not help: we are the limit, not the round trip."""


@dataclass(frozen=True, slots=True)
class Options:
    """Seconds, connections and pushes."""

    limits: Limits = field(default_factory=Limits)
    max_connections: int = 4
    connect_timeout: float = 10.0
    connection_interval: float = 1.0
    """Between the beginnings of two connections, at least."""
    max_backoff: float = 60.0
    patience: float = 15.0
    """How long pushes wait when no stream is open and none can be opened."""
    grace: float = 5.0
    """How long ``aclose`` waits for the answers that are under way."""
    idle_close: float = 60.0
    """After so long without work all connections but one are closed."""
    window: int = 4_096
    """Pushes of one caller that are under way or answered and not yet taken."""


class Judge(Protocol):
    """What the vendor's words mean; pure."""

    @property
    def accepted(self) -> Verdict:
        """The verdict of a plain 200."""

    def refuses(self, push: Push) -> Verdict | None:
        """The verdict of a push that must not be sent at all."""

    def answer(self, answered: Answered) -> Verdict:
        """Any answer but a plain 200."""

    def unknown(self, reason: str) -> Verdict:
        """Nobody knows what became of it."""

    def goodbye(self, text: bytes) -> tuple[str, Verdict | None]:
        """A GOAWAY's reason, and the verdict for all that waits if it is final."""

    def no_connection(self, error: Exception) -> Verdict:
        """A connection could not be made, or was refused before its first answer."""


class PushPool:
    """All connections to one host with one credential."""

    def __init__(
        self,
        host: str,
        port: int,
        context: ssl.SSLContext,
        encoder: Callable[[], RequestEncoder],
        judge: Judge,
        options: Options | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        self.options = options or Options()
        self._host, self._port, self._context = host, port, context
        self._encoder = encoder
        self._judge = judge
        self._dice = dice
        self._links: list[Link] = []
        self._batches: deque[Batch] = deque()
        self._connecting: asyncio.Task[None] | None = None
        self._next_connect = 0.0
        self._failures = 0
        self._last_failure: Verdict | None = None
        self._progress = 0.0
        self._starved = False
        self._load = (0.0, 0.0)
        self._timer: asyncio.TimerHandle | None = None
        self._quiet: asyncio.Event = asyncio.Event()
        self._closed = False

    @property
    def connections(self) -> int:
        """Connections that stand."""
        return len(self._links)

    async def send_many(self, pushes: Sequence[Push]) -> AsyncIterator[tuple[Push, Verdict]]:
        """Yield (push, verdict) for each in the order of the answers."""
        batch = Batch(pushes, self._judge, self.options.window)
        if self._closed:
            batch.give_up(self._judge.unknown("Closed"))
        elif not self._waiting():
            self._progress = _now()
            self._load = (_now(), time.thread_time())
        self._batches.append(batch)
        try:
            self._keep_ticking()
            self._pump()
            while not batch.is_done:
                while batch.ready:
                    yield batch.ready.popleft()
                for left in batch.given_up():
                    yield left
                self._pump()
                await batch.changed()
        finally:
            batch.abandon()
            self._batches.remove(batch)

    async def aclose(self) -> None:
        """Take nothing new, wait a little for the answers under way, hang up."""
        self._closed = True
        self._give_up(self._judge.unknown("Closed"))
        if self._connecting:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._in_flight():
            self._quiet.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), self.options.grace)
        links = list(self._links)
        for link in links:
            link.hang_up("Closed")
        if links:
            await asyncio.wait([link.lost for link in links], timeout=2 * self.options.grace)
        if self._timer:
            self._timer.cancel()

    # What the links say.

    def on_events(self, link: Link, events: Sequence[Event]) -> None:
        """Settle what has come, then fill the streams that are free."""
        for event in events:
            match event:
                case Accepted(tickets):
                    accepted = self._judge.accepted
                    for push, sender in tickets:
                        sender.settle(push, accepted)
                case Answered((push, sender)):
                    sender.settle(push, self._judge.answer(event))
                case Unprocessed((push, sender), reason):
                    sender.send_again(push, link.goodbye, self._judge.unknown(link.last_words or reason))
                case Broken((push, sender), reason):
                    sender.settle(push, link.goodbye or self._judge.unknown(link.last_words or reason))
                case GoingAway(code, text):
                    self._on_goodbye(link, code, text)
                case Failed(reason, detail):
                    log.info("push_connection_over", host=self._host, reason=reason, detail=detail)
        if not self._in_flight():
            self._quiet.set()
        self._pump()

    def on_ready(self, link: Link) -> None:
        """A socket takes more."""
        self._pump()

    def on_lost(self, link: Link, error: Exception | None) -> None:
        """A connection has gone; without a single answer that counts as a failure to connect."""
        if link not in self._links:
            return
        self._links.remove(link)
        if link.core.has_answered:
            self._failures = 0
            self._last_failure = None
        elif not self._closed and not link.is_closing:
            self._note_failure(error or ConnectionError("the server hung up before it answered anything"))
        self._pump()

    def _on_goodbye(self, link: Link, code: int, text: bytes) -> None:
        link.last_words, link.goodbye = self._judge.goodbye(text)
        log.info("push_connection_goaway", host=self._host, code=code, reason=link.last_words)
        if link.goodbye:
            self._give_up(link.goodbye)

    # Who sends next.

    def _pump(self) -> None:
        """Fill every free stream with what waits."""
        for link in self._links:
            free = link.free
            if not free:
                continue
            tickets = self._take(free)
            if not tickets:
                return
            self._progress = _now()
            link.send(tickets)
        if self._waiting():
            self._starved = True
            if not any(link.is_usable for link in self._links):
                self._want_connection()

    def _take(self, room: int) -> list[Ticket]:
        """Up to ``room`` pushes, the callers in turn and with equal shares."""
        tickets: list[Ticket] = []
        while room > len(tickets):
            waiting = self._waiting()
            if not waiting:
                break
            share = max(1, (room - len(tickets)) // len(waiting))
            for batch in waiting:
                tickets += batch.take(min(share, room - len(tickets)))
        self._batches.rotate(-1)
        return tickets

    def _waiting(self) -> list[Batch]:
        return [batch for batch in self._batches if batch.wants]

    def _in_flight(self) -> int:
        return sum(link.core.open_streams for link in self._links)

    def _give_up(self, verdict: Verdict) -> None:
        for batch in self._batches:
            batch.give_up(verdict)

    # When a connection is due.

    def _want_connection(self) -> None:
        if self._connecting is None and not self._closed and len(self._links) < self.options.max_connections:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._on_connected)

    def _on_connected(self, task: asyncio.Task[None]) -> None:
        self._connecting = None
        if not task.cancelled():
            task.result()
            self._pump()

    async def _connect(self) -> None:
        """One attempt, at its time; whether another is due is seen by the pump."""
        await asyncio.sleep(self._next_connect - _now())
        if not self._waiting():
            return
        self._next_connect = _now() + self.options.connection_interval
        core = PushCore(self._encoder(), self.options.limits)
        try:
            async with asyncio.timeout(self.options.connect_timeout):
                link = await connect(self._host, self._port, self._context, core, self)
        except (OSError, NotHttp2) as error:
            self._note_failure(error)
            return
        if link.lost.done():
            self._note_failure(ConnectionError("the server hung up at once"))
            return
        self._links.append(link)
        log.info("push_connection_made", host=self._host, connections=len(self._links))

    def _note_failure(self, error: Exception) -> None:
        self._failures += 1
        options = self.options
        widest = min(options.max_backoff, options.connection_interval * 2.0 ** min(self._failures, 16))
        wait = max(options.connection_interval, widest * self._dice())
        self._next_connect = max(self._next_connect, _now() + wait)
        self._last_failure = self._judge.no_connection(error)
        log.warning("push_connection_failed", host=self._host, error=str(error) or type(error).__name__, wait=wait)
        if self._last_failure.outcome is Outcome.OURS:
            self._give_up(self._last_failure)

    # Time.

    def _keep_ticking(self) -> None:
        if self._timer is None:
            deadline = self.options.limits.deadline
            self._timer = asyncio.get_running_loop().call_later(max(0.02, min(1.0, deadline / 4)), self._tick)

    def _tick(self) -> None:
        self._timer = None
        for link in list(self._links):
            link.tick()
        now = _now()
        if self._in_flight() or not self._waiting():
            self._progress = now
        elif now - self._progress >= self.options.patience:
            self._lose_patience()
        self._grow_or_shrink(now)
        if self._links or self._batches:
            self._keep_ticking()

    def _lose_patience(self) -> None:
        """No stream can be opened, nothing is under way. Connections that allow none are closed, to be replaced."""
        for link in self._links:
            link.close()
        self._give_up(self._last_failure or self._judge.unknown("NoStreams"))

    def _grow_or_shrink(self, now: float) -> None:
        since, used = self._load
        if now - since < 1.0:
            return
        share = (time.thread_time() - used) / (now - since)
        self._load = (now, time.thread_time())
        starved, self._starved = self._starved, False
        if (
            starved
            and share < BUSY
            and self._links
            and all(link.is_usable and link.core.capacity for link in self._links)
        ):
            self._want_connection()
        idle = [link for link in self._links if not link.core.open_streams]
        for link in idle[: len(self._links) - 1]:
            if now - link.used_at > self.options.idle_close:
                link.close()


def _now() -> float:
    return asyncio.get_running_loop().time()
