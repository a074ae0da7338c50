"""Stand-ins for the push relays of Android wallets, on loopback: WalletPasses' and PassWallet's.

A relay takes a request of many tokens as a whole or refuses it as a whole. Every token is believed, but those in ``bad``. It
keeps what it got, and hands each token to the phone that has subscribed. What it speaks:
``POST /api/v1/push`` of https://walletpasses.io/developer/ and ``POST {base}/v1/pushUpdate[s]`` of
https://github.com/Kwiket/passwallet#push-notifications.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

HOST = "127.0.0.1"
KEPT = 100_000


@dataclass(frozen=True, slots=True)
class RelayRecord:
    """One request as the relay saw it; ``status`` 0: never answered."""

    number: int
    time: float
    path: str
    host: str
    authorization: str | None
    topic: str
    tokens: tuple[str, ...]
    status: int


Deliver = Callable[[RelayRecord], None]


@dataclass
class RelayService:
    """The stand-in: ``async with RelayService() as relay``; with ``context`` it speaks TLS.

    ``status`` answers all requests so, ``is_silent`` none; ``is_cutting`` breaks the connection; ``location`` is where a
    redirect leads; ``key`` is the API key that WalletPasses' relay wants, if any; ``size`` pads the answer's body.
    """

    context: ssl.SSLContext | None = None
    status: int = 200
    is_silent: bool = False
    is_cutting: bool = False
    location: str = ""
    retry_after: int | None = None
    key: str | None = None
    size: int = 0
    bad: set[str] = field(default_factory=set)
    records: deque[RelayRecord] = field(default_factory=lambda: deque(maxlen=KEPT))
    _port: int = 0
    _runner: web.AppRunner | None = None
    _phones: dict[str, Deliver] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """Its address."""
        return f"{'https' if self.context else 'http'}://{HOST}:{self._port}"

    @property
    def walletpasses_url(self) -> str:
        """What stands in for https://walletpasses.appspot.com/api/v1/push."""
        return f"{self.url}/api/v1/push"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application()
        app.add_routes([web.post("/api/v1/push", self._walletpasses), web.post("/{path:.*}", self._passwallet)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0, ssl_context=self.context).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self._ended.set()
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def tokens(self) -> list[str]:
        """Every token that was taken, in the order of the requests."""
        return [token for record in self.records if record.status == 200 for token in record.tokens]

    # Phones.

    def subscribe(self, token: str, deliver: Deliver, *, topic: str | None = None) -> None:
        """A wallet comes online."""
        self._phones[token] = deliver

    def unsubscribe(self, token: str) -> None:
        """A wallet goes offline; what comes meanwhile is lost."""
        self._phones.pop(token, None)

    # Requests.

    async def _walletpasses(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        given = request.headers.get("Authorization")
        status = 401 if given is not None and given != self.key else self.status
        return await self._answer(request, body["passTypeIdentifier"], body["pushTokens"], status)

    async def _passwallet(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if request.path.endswith("/v1/pushUpdates"):
            return await self._answer(request, body["passTypeID"], body["pushTokens"], self.status)
        if request.path.endswith("/v1/pushUpdate"):
            return await self._answer(request, body["passTypeID"], [body["pushToken"]], self.status)
        return web.Response(status=404)

    async def _answer(self, request: web.Request, topic: str, tokens: Sequence[str], status: int) -> web.StreamResponse:
        if status == 200 and self.bad & set(tokens):
            status = 400
        told = 0 if self.is_silent or self.is_cutting else status
        record = RelayRecord(
            next(self._numbers),
            time.time(),
            request.path,
            request.host,
            request.headers.get("Authorization"),
            topic,
            tuple(tokens),
            told,
        )
        self.records.append(record)
        if self.is_silent:
            await self._ended.wait()
        if self.is_silent or self.is_cutting:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        for token in tokens if status == 200 else ():
            if (deliver := self._phones.get(token)) is not None:
                deliver(record)
        return self._told(status)

    def _told(self, status: int) -> web.Response:
        headers: dict[str, str] = {}
        if self.location:
            status, headers = 302, {"Location": self.location}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        body: dict[str, Any] = {"status": "OK" if status == 200 else "error", "padding": " " * self.size}
        return web.json_response(body, status=status, headers=headers)
