"""The connection guard: deadlines and limits that aiohttp lacks.

aiohttp keeps a silent, half-sent or stalled connection open for as long as its client likes. The guard stands between
the socket and aiohttp's protocol, looks at no byte, and gives every connection

- ``header_seconds`` from its first byte (or from its opening) to a complete request head,
- ``idle_seconds`` between requests,
- ``stall_seconds`` in which a client that is being answered must take at least something.

One address holds at most ``per_address`` connections and all together at most ``total``. Past that the oldest
connection that is *waiting* goes, never one that is being answered: 2,000 half-open sockets make room for an honest
phone. Trusted proxies and this machine itself have no limit per address.

It also knows when an answer has been taken (``when_taken``): written to the last byte, and not thrown away by a reset
right after. That is what "served" means for a pass.
"""

from __future__ import annotations

import asyncio
import enum
import fcntl
import struct
import termios
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import cast

from aiohttp import web

Callback = Callable[[], None]
IsExempt = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardOptions:
    """Deadlines in seconds and limits in connections."""

    header_seconds: float = 10.0
    idle_seconds: float = 75.0
    stall_seconds: float = 30.0
    per_address: int = 256
    total: int = 10_000
    cut_seconds: float = 5.0
    """How long after an answer a reset still says that nobody read it to the end."""


class Phase(enum.Enum):
    """What a connection is doing: sending a request head, being answered, or nothing."""

    HEAD = "head"
    ANSWERING = "answering"
    IDLE = "idle"


class Connection(asyncio.Protocol):
    """One guarded connection: passes everything on to aiohttp's protocol and keeps its deadline."""

    __slots__ = (
        "_early", "_guard", "_progress_at", "_taken", "_unsent",
        "address", "deadline", "inner", "is_admitted", "phase", "transport",
    )  # fmt: skip

    def __init__(self, guard: Guard, inner: web.RequestHandler) -> None:
        self._guard = guard
        self.inner = inner
        self.phase = Phase.HEAD
        self.deadline = inf
        self.address: str | None = None
        self.is_admitted = False
        self.transport: asyncio.Transport | None = None
        self._early = False  # bytes of the next request came while this one was answered
        self._unsent, self._progress_at = 0, 0.0
        self._taken: Taken | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; where no room can be made, it is let go at once."""
        self.transport = cast(asyncio.Transport, transport)
        self._wait(Phase.HEAD)
        self.is_admitted = self._guard.admit(self)
        if self.is_admitted:
            self.inner.connection_made(transport)
        else:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes came: the head of a request, a body, or the next request before its turn."""
        if self._taken is not None:
            self._taken.evidence()
        if self.phase is Phase.IDLE:
            self._wait(Phase.HEAD)
        elif self.phase is Phase.ANSWERING:
            self._early = True
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        """The client has nothing more to say."""
        if self._taken is not None:
            self._taken.evidence()
        self.inner.eof_received()
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone; ``exc`` says whether it was cut."""
        if self._taken is not None:
            self._taken.lost(is_reset=exc is not None)
        self._guard.forget(self)
        if self.is_admitted:
            self.inner.connection_lost(exc)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.inner.resume_writing()

    def began(self) -> None:
        """A request head is complete: the answer takes the time it takes."""
        self.phase, self.deadline, self._early = Phase.ANSWERING, inf, False

    def finished(self, *, had_body: bool) -> None:
        """The answer is made; what follows is the next request or a pause."""
        self._wait(Phase.HEAD if self._early and not had_body else Phase.IDLE)

    def watch(self, taken: Taken) -> None:
        """Look after the answer just written."""
        self._taken = taken

    def unwatch(self) -> None:
        """The last answer needs no more looking after."""
        self._taken = None

    def is_writing(self) -> bool:
        """Whether bytes of an answer wait for the kernel to take them."""
        return self.transport is not None and self.transport.get_write_buffer_size() > 0

    def unacknowledged(self) -> bool:
        """Whether bytes of an answer are on the way: the other side's kernel has not confirmed them."""
        return self.is_writing() or (self.transport is not None and _in_flight(self.transport) > 0)

    def expire(self, now: float) -> None:
        """Let the connection go if its time is over."""
        if self.transport is None or self.transport.is_closing():
            return
        unsent = self.transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:
            self._progress_at = now
        self._unsent = unsent
        stalled = unsent and now - self._progress_at > self._guard.options.stall_seconds
        if stalled or (not unsent and now >= self.deadline):
            self._guard.reaped += 1
            self.cut()

    def cut(self) -> None:
        """End the connection now; what is still on the way counts as not taken."""
        if self._taken is not None:
            self._taken.given_up()
        if self.transport is not None:
            self.transport.abort()

    def _wait(self, phase: Phase) -> None:
        options = self._guard.options
        self.phase = phase
        self.deadline = self._guard.time() + (options.header_seconds if phase is Phase.HEAD else options.idle_seconds)


class Taken:
    """Follows one answer until it is known whether it was taken.

    ``taken`` is called at most once, when the kernel has every byte; at once, for an ordinary pass. ``cut`` is called at
    most once and only after ``taken``: when the connection is reset within ``patience`` seconds with no other sign of
    life, or when it has to be ended while bytes are still unacknowledged (a phone that went into a tunnel).
    """

    __slots__ = ("_connection", "_cut", "_delay", "_handle", "_patience", "_taken", "_taken_at", "_time")

    def __init__(self, connection: Connection, taken: Callback, cut: Callback, patience: float) -> None:
        self._connection, self._taken, self._cut, self._patience = connection, taken, cut, patience
        self._time = asyncio.get_running_loop().time
        self._taken_at: float | None = None
        self._delay = 0.01
        self._handle: asyncio.TimerHandle | None = None
        connection.watch(self)
        self._look()

    def evidence(self) -> None:
        """The client asks for more, or has closed its side in order: then it has what was acknowledged."""
        if self._taken_at is not None and not self._connection.unacknowledged():
            self._end()

    def lost(self, *, is_reset: bool) -> None:
        """The connection is gone: a reset right after the answer says that the client threw away what it had."""
        self._end()
        if self._taken_at is None:
            if not is_reset:  # closed by us, and closing writes what is left
                self._taken()
        elif is_reset and self._time() - self._taken_at < self._patience:
            self._cut()

    def given_up(self) -> None:
        """We end the connection: what the other side has not acknowledged it does not have."""
        self._end()
        if self._taken_at is not None and self._connection.unacknowledged():
            self._cut()

    def _look(self) -> None:
        if self._connection.is_writing():
            self._handle = asyncio.get_running_loop().call_later(self._delay, self._look)
            self._delay = min(2 * self._delay, 1.0)
            return
        self._taken_at = self._time()
        self._taken()

    def _end(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._connection.unwatch()


class Guard:
    """All guarded connections of one listener, and the sweep that ends those whose time is over."""

    def __init__(self, options: GuardOptions, is_exempt: IsExempt = lambda address: False) -> None:
        self.options = options
        self.reaped = 0
        self.evicted = 0
        self._is_exempt = is_exempt
        self._connections: dict[Connection, None] = {}
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._by_inner: dict[web.RequestHandler, Connection] = {}
        self._sweeper: asyncio.Task[None] | None = None
        self.time: Callable[[], float] = asyncio.get_running_loop().time

    def __len__(self) -> int:
        return len(self._connections)

    def protect(self, server: Callable[[], web.RequestHandler]) -> Callable[[], Connection]:
        """The protocol factory for ``loop.create_server``; ``server`` is the runner's."""
        self._sweeper = self._sweeper or asyncio.get_running_loop().create_task(self._sweep())
        return lambda: Connection(self, server())

    def connection(self, request: web.BaseRequest) -> Connection | None:
        """The guarded connection of a request; None where the application runs without guard."""
        return self._by_inner.get(request.protocol)

    def admit(self, connection: Connection) -> bool:
        """Make room for a new connection, at the cost of the oldest that waits; False where all are being answered."""
        peer = cast(asyncio.Transport, connection.transport).get_extra_info("peername")
        host = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        neighbours = {} if not host or self._is_exempt(host) else self._by_address.get(host, {})
        if len(neighbours) >= self.options.per_address and not self._evict(neighbours):
            return False
        if len(self._connections) >= self.options.total and not self._evict(self._connections):
            return False
        if host and not self._is_exempt(host):
            connection.address = host
            self._by_address.setdefault(host, {})[connection] = None
        self._connections[connection] = None
        self._by_inner[connection.inner] = connection
        return True

    def forget(self, connection: Connection) -> None:
        """Strike a connection off; once or again."""
        self._by_inner.pop(connection.inner, None)
        self._connections.pop(connection, None)
        address = connection.address or ""
        neighbours = self._by_address.get(address, {})
        neighbours.pop(connection, None)
        if not neighbours:
            self._by_address.pop(address, None)

    async def close(self) -> None:
        """Stop the sweep."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)

    def _evict(self, connections: dict[Connection, None]) -> bool:
        """End the oldest connection that has not yet sent a request, else the oldest that is idle."""
        for phase in (Phase.HEAD, Phase.IDLE):
            oldest = next((each for each in connections if each.phase is phase), None)
            if oldest is not None:
                self.evicted += 1
                oldest.cut()
                self.forget(oldest)
                return True
        return False

    async def _sweep(self) -> None:
        options = self.options
        interval = min(1.0, options.header_seconds / 4, options.idle_seconds / 4, options.stall_seconds / 4)
        while True:
            await asyncio.sleep(interval)
            now = self.time()
            for connection in list(self._connections):
                connection.expire(now)


def _in_flight(transport: asyncio.Transport) -> int:
    """Bytes in the kernel's send queue that the peer has not acknowledged; 0 where the system does not tell."""
    socket = transport.get_extra_info("socket")
    if socket is None or transport.is_closing():
        return 0
    try:
        answer = fcntl.ioctl(socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    except OSError:
        return 0
    return int(struct.unpack("i", answer)[0])


GUARD = web.AppKey("guard", Guard)


def when_taken(request: web.Request, taken: Callback, cut: Callback) -> None:
    """Call ``taken`` once the answer just written has been taken, and ``cut`` if it turns out that it was not read.

    Without a guard (an application run by somebody else) what is written counts as taken.
    """
    guard = request.match_info.apps[0].get(GUARD)
    connection = guard.connection(request) if guard is not None else None
    if guard is None or connection is None:
        taken()
    else:
        Taken(connection, taken, cut, guard.options.cut_seconds)
