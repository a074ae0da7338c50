"""Phones that come back by the thousand: a small HTTP/1.1 client, so that who is measured is the server.

A hundred thousand robots are one process beside the server on the same two cores. What aiohttp's client does for each request
costs as much as the server's answer, so this one writes bytes on kept-alive connections and reads to Content-Length, no more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What came back; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection(asyncio.Protocol):
    """One kept-alive connection: a request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._head: tuple[int, dict[str, str], int] | None = None
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server is there."""
        assert isinstance(transport, asyncio.Transport)
        self._transport, self.is_open = transport, True

    async def ask(self, request: bytes) -> Answer:
        """Send, and wait for the whole answer; ConnectionError when it is cut."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer, in whatever pieces they come."""
        self._buffer += data
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            del self._buffer[: end + 4]
            self._head = int(first.split(" ", 2)[1]), headers, int(headers.get("content-length", "0"))
        status, headers, size = self._head
        if len(self._buffer) < size:
            return
        body = bytes(self._buffer[:size])
        del self._buffer[:size]
        answered, self._head, self._answer = self._answer, None, None
        if headers.get("connection") == "close":
            self.is_open = False
        if answered is not None and not answered.done():
            answered.set_result(Answer(status, headers, body))

    def connection_lost(self, _error: Exception | None) -> None:
        """The server has closed it."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(
                ConnectionResetError("the server closed the connection in the midst of an answer")
            )


class Client:
    """Connections to one port, as many as there are requests at once."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: deque[Connection] = deque()

    async def get(self, path: str, proof: str = "") -> Answer:
        """One GET, on a connection that is free or a new one."""
        proved = f"Authorization: {proof}\r\n" if proof else ""
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{proved}\r\n".encode()
        connection = await self._connection()
        answer = await connection.ask(request)
        if connection.is_open:
            self._free.append(connection)
        return answer

    async def _connection(self) -> Connection:
        while self._free:
            connection = self._free.pop()
            if connection.is_open:
                return connection
        loop = asyncio.get_running_loop()
        return (await loop.create_connection(Connection, "127.0.0.1", self._port))[1]
