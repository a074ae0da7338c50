"""Opening the port: the application behind its guard, with aiohttp set up to be quiet, plain and bounded."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import sys
from dataclasses import dataclass, replace
from typing import Any, cast

import structlog
from aiohttp import web

from handlers.guard import GUARD, Guard, GuardOptions, IsExempt

log = structlog.get_logger("passbell.http")

BACKLOG = 1024
"""Connections the kernel keeps for us while the event loop is busy."""

SPARE_FILES = 256
"""Open files left for the database, the push connections and the log."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An open port with a guarded application behind it."""

    runner: web.AppRunner
    guard: Guard
    host: str
    port: int

    async def retire(self, seconds: float) -> None:
        """Take no more connections, and give those that are open ``seconds`` to end by themselves.

        A proxy that keeps connections must not meet a closed one with a request that it cannot send twice: it is let to
        close what is idle (its own time is shorter), and each answer until then says ``Connection: close``.
        """
        for site in list(self.runner.sites):
            await site.stop()
        loop = asyncio.get_running_loop()
        ends = loop.time() + seconds
        while len(self.guard) and loop.time() < ends:  # noqa: ASYNC110 - connections come and go thousands a second
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop accepting, let what is being answered finish (``drain_seconds``), close the application."""
        await self.runner.cleanup()
        await self.guard.close()


class _GuardedSite(web.BaseSite):
    """A site whose connections pass the guard first; with a socket that listens already, or one of its own."""

    def __init__(
        self, runner: web.AppRunner, guard: Guard, host: str, port: int, listening: socket.socket | None
    ) -> None:
        super().__init__(runner)
        self._guard, self._host, self.port, self._socket = guard, host, port, listening

    @property
    def name(self) -> str:
        """Where it listens."""
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        """Open the port; port 0 takes a free one."""
        await super().start()
        factory = self._guard.protect(cast(Any, self._runner.server))
        loop = asyncio.get_running_loop()
        if self._socket is not None:
            create: Any = loop.create_unix_server if self._socket.family is socket.AF_UNIX else loop.create_server
            self._server = await create(factory, sock=self._socket, backlog=BACKLOG)
            return
        self._server = server = await loop.create_server(factory, self._host, self.port, backlog=BACKLOG)
        self.port = int(server.sockets[0].getsockname()[1])


async def listen(
    application: web.Application,
    host: str,
    port: int,
    *,
    options: GuardOptions | None = None,
    is_exempt: IsExempt = lambda address: False,
    drain_seconds: float = 25.0,
    listening: socket.socket | None = None,
) -> Listener:
    """Serve the application on a port behind a guard; port 0 takes a free one. Or on a socket that listens already."""
    options = options or GuardOptions()
    options = replace(options, total=min(options.total, max(64, raise_file_limit() - SPARE_FILES)))
    guard = Guard(options, is_exempt)
    application[GUARD] = guard
    runner = web.AppRunner(
        application,
        access_log=None,
        auto_decompress=False,  # bodies with Content-Encoding are refused, never inflated
        handle_signals=False,
        keepalive_timeout=options.idle_seconds,
        logger=_QuietLogger("passbell.http"),
        shutdown_timeout=drain_seconds,
    )
    await runner.setup()
    site = _GuardedSite(runner, guard, host, port, listening)
    await site.start()
    return Listener(runner, guard, host, site.port)


def raise_file_limit() -> int:
    """Lift the soft limit of open files to the hard one (at most 65,536); returns what holds now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(65_536, hard) if hard != resource.RLIM_INFINITY else 65_536
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    return 65_536 if soft == resource.RLIM_INFINITY else soft


class _QuietLogger(logging.Logger):
    """aiohttp's words about bad requests hold parts of the request: only the kind of error is logged."""

    def exception(self, msg: object, *args: object, exc_info: Any = True, **rest: Any) -> None:
        """What failed, by its class."""
        error = exc_info if isinstance(exc_info, BaseException) else sys.exc_info()[1]
        log.warning("connection_error", error=type(error).__name__)
