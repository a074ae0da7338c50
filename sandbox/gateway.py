"""A message gateway on loopback that keeps what it gets: GET or POST at ``/send``, as an SMS provider of the common kind.

``to`` and ``text`` come in the query or in a JSON body, with the key in the header ``Authorization``. ``answers`` says what
becomes of a phone (an HTTP status, or ``ERROR``: 200 with a refusal in the body, as many providers do).
"""

from __future__ import annotations

import json
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

HOST = "127.0.0.1"
KEPT = 1000
ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One message as it came; ``status`` is what was answered."""

    number: int
    time: float
    method: str
    to: str
    text: str
    status: int
    headers: dict[str, str]


@dataclass
class GatewayService:
    """The stand-in: ``async with GatewayService() as gateway``; ``key``, where there is one, must be the Bearer's."""

    answers: dict[str, int | str] = field(default_factory=dict)
    everything: int | str = 200
    key: str = ""
    records: deque[MessageRecord] = field(default_factory=lambda: deque(maxlen=KEPT))
    _runner: web.AppRunner | None = None
    _port: int = 0
    _count: int = 0

    @property
    def url(self) -> str:
        """Its address, without the words."""
        return f"http://{HOST}:{self._port}/send"

    @property
    def url_with_words(self) -> str:
        """What a setting names."""
        return f"{self.url}?to={{phone}}&text={{text}}"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application()
        app.add_routes([web.get("/send", self._send), web.post("/send", self._send)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _send(self, request: web.Request) -> web.Response:
        given: dict[str, Any] = dict(request.query)
        if request.method == "POST":
            try:
                given = await request.json()
            except json.JSONDecodeError:
                return web.json_response({"status": ERROR}, status=400)
        to, text = str(given.get("to", "")), str(given.get("text", ""))
        answer = self.answers.get(to, self.everything)
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            answer = 401
        status = 200 if answer == ERROR else int(answer)
        self._count += 1
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.records.append(MessageRecord(self._count, time.time(), request.method, to, text, status, headers))
        return web.json_response({"status": "OK" if answer == 200 else ERROR, "id": self._count}, status=status)
