"""The asyncio edge of the push connection: one TLS socket that feeds a ``PushCore`` and writes what it gives.

It decides nothing, and works on asyncio's own loop and on uvloop. What came in one go is handed over as one list of
events, and what is to be written goes out in one write.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Protocol, cast

from pushes.channel import Verdict
from pushes.h2core import PushCore
from pushes.h2events import Event, Ticket

BUFFER = 64 * 1024
"""Bytes read at once at most: about as much as a thousand answers."""
MAX_UNWRITTEN = 4 * 1024 * 1024
"""Bytes that wait for a peer which does not read; beyond that it is cut off."""
CLOSE_TIMEOUT = 2.0
"""Seconds for a polite end of TLS."""


class NotHttp2(Exception):
    """The server speaks TLS, but does not agree to HTTP/2: it is not a push service."""


class Owner(Protocol):
    """Who holds the link."""

    def on_events(self, link: Link, events: Sequence[Event]) -> None:
        """Something came; more may be sent."""

    def on_ready(self, link: Link) -> None:
        """More may be sent, though nothing came."""

    def on_lost(self, link: Link, error: Exception | None) -> None:
        """The connection has gone; its last events have come before."""


class Link(asyncio.BufferedProtocol):
    """One connection."""

    def __init__(self, core: PushCore, owner: Owner) -> None:
        self.core = core
        self.is_h2 = False
        self.goodbye: Verdict | None = None
        """What the peer's GOAWAY says about everything that waits, if it does."""
        self.last_words = ""
        """The reason that the peer's GOAWAY gave."""
        self.used_at = 0.0
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(BUFFER))
        self._transport: asyncio.Transport | None = None
        self._is_paused = False
        self._closer: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[None] = self._loop.create_future()

    @property
    def is_usable(self) -> bool:
        """Whether streams can still be opened here, now or once others have ended."""
        return not (self.core.is_leaving or self.core.is_over or self._closer)

    @property
    def is_closing(self) -> bool:
        """Whether we are hanging up."""
        return self._closer is not None

    @property
    def free(self) -> int:
        """How many tickets ``send`` takes now."""
        return 0 if self._is_paused or self._closer else self.core.free

    def send(self, tickets: Sequence[Ticket]) -> None:
        """Open a stream for each."""
        self.used_at = self._loop.time()
        self.core.send(tickets, self.used_at)
        self._flush()

    def tick(self) -> None:
        """Deadlines and signs of life."""
        self._pass_on(self.core.tick(self._loop.time()))

    def close(self) -> None:
        """Say goodbye and hang up; harmless when done twice."""
        if self._transport is None or self._closer:
            return
        self.core.leave()
        self._flush()
        self._transport.close()
        self._closer = self._loop.call_later(CLOSE_TIMEOUT, self._transport.abort)

    def hang_up(self, word: str) -> None:
        """Give up what is under way, say goodbye, close."""
        self.core.leave()
        self._pass_on(self.core.cut(word, "closed by us"))
        self.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TLS stands: say hello if it is HTTP/2 that was agreed on."""
        self._transport = cast("asyncio.Transport", transport)
        session = transport.get_extra_info("ssl_object")
        self.is_h2 = session is not None and session.selected_alpn_protocol() == "h2"
        if not self.is_h2:
            self._transport.abort()
            return
        self.used_at = self._loop.time()
        self.core.start(self.used_at)
        self._flush()

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes came."""
        if self.is_h2:
            self._pass_on(self.core.receive(bytes(self._buffer[:nbytes]), self._loop.time()))

    def pause_writing(self) -> None:
        """The socket is full."""
        self._is_paused = True

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._is_paused = False
        self._owner.on_ready(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone: every stream that was under way gets its event."""
        if self._closer:
            self._closer.cancel()
        self._is_paused = True
        events = self.core.cut("ConnectionLost", str(exc) or "the peer hung up")
        if events:
            self._owner.on_events(self, events)
        self._owner.on_lost(self, exc)
        if not self.lost.done():
            self.lost.set_result(None)

    def _pass_on(self, events: Sequence[Event]) -> None:
        self._flush()
        self._owner.on_events(self, events)
        if self.core.is_over or (self.core.is_leaving and not self.core.open_streams):
            self.close()

    def _flush(self) -> None:
        content = self.core.outgoing()
        if not content or self._transport is None or self._transport.is_closing():
            return
        self._transport.write(content)
        if self._transport.get_write_buffer_size() > MAX_UNWRITTEN:
            self._transport.abort()


async def connect(host: str, port: int, context: ssl.SSLContext, core: PushCore, owner: Owner) -> Link:
    """A new connection, TLS done; raises OSError (ssl.SSLError is one) or NotHttp2."""
    _, link = await asyncio.get_running_loop().create_connection(
        lambda: Link(core, owner), host, port, ssl=context, server_hostname=host, ssl_shutdown_timeout=CLOSE_TIMEOUT
    )
    if not link.is_h2:
        raise NotHttp2(f"{host}:{port} did not agree to HTTP/2")
    return link
