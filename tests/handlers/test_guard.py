"""The connection guard, driven by raw sockets that behave badly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from handlers import guard
from handlers.guard import GuardOptions
from handlers.listener import Listener, listen
from tests.handlers.conftest import reset

QUICK = GuardOptions(header_seconds=0.4, idle_seconds=0.6, stall_seconds=0.4, cut_seconds=5.0)
HELLO = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def served(
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]], options: GuardOptions = QUICK
) -> AsyncIterator[Listener]:
    """One handler behind a guard, with the two calls that our middleware makes."""

    @web.middleware
    async def phases(request: web.Request, handler: Callable[..., Awaitable[web.StreamResponse]]) -> web.StreamResponse:
        connection = request.app[guard.GUARD].connection(request)
        assert connection is not None
        connection.began()
        try:
            return await handler(request)
        finally:
            connection.finished(had_body=request.body_exists)

    application = web.Application(middlewares=[phases])
    application.router.add_route("*", "/", answer)
    listener = await listen(application, "127.0.0.1", 0, options=options, drain_seconds=1)
    try:
        yield listener
    finally:
        await listener.close()


async def hello(request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def connect(listener: Listener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", listener.port)


async def ends(reader: asyncio.StreamReader, within: float) -> bytes:
    """Everything until the server ends the connection."""
    async with asyncio.timeout(within):
        try:
            return await reader.read()
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost:", HELLO[:-2]])
async def test_a_request_head_that_does_not_come_ends_the_connection(sent: bytes) -> None:
    async with served(hello) as listener:
        reader, writer = await connect(listener)
        writer.write(sent)
        assert await ends(reader, 2) == b""
        writer.close()
        assert listener.guard.reaped == 1


async def test_bytes_trickling_in_do_not_extend_the_deadline() -> None:
    async with served(hello) as listener:
        reader, writer = await connect(listener)
        end = asyncio.create_task(ends(reader, 2))
        for letter in range(40):
            writer.write(b"GET / HTTP/1.1\r\nX-A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"[letter : letter + 1])
            if (await asyncio.wait([end], timeout=0.05))[0]:
                break
        assert await end == b""
        writer.close()


async def test_a_connection_between_requests_may_rest_a_while_and_is_then_closed() -> None:
    async with served(hello) as listener:
        reader, writer = await connect(listener)
        for _ in range(3):
            writer.write(HELLO)
            assert b"200 OK" in await reader.readuntil(b"hello")
        assert await ends(reader, 3) == b""
        writer.close()


async def test_a_slow_handler_is_not_hurried() -> None:
    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(1.0)  # longer than every deadline of the guard
        return web.Response(text="done")

    async with served(slow) as listener:
        reader, writer = await connect(listener)
        writer.write(HELLO)
        assert b"200 OK" in await reader.readuntil(b"done")
        writer.close()


async def test_a_client_that_reads_nothing_is_cut_off() -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        finally:
            ended.set()

    async with served(endless) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", listener.port))
        await asyncio.get_running_loop().sock_sendall(client, HELLO)
        async with asyncio.timeout(5):
            await ended.wait()
        client.close()


async def test_past_the_limit_of_an_address_the_oldest_waiting_connection_makes_room() -> None:
    options = GuardOptions(per_address=3)
    async with served(hello, options) as listener:
        waiting = [await connect(listener) for _ in range(3)]
        reader, writer = await connect(listener)
        writer.write(HELLO)
        assert b"200 OK" in await reader.readuntil(b"hello")
        assert await ends(waiting[0][0], 2) == b""
        assert listener.guard.evicted == 1
        for _, other in [*waiting, (reader, writer)]:
            other.close()


async def test_a_connection_that_is_being_answered_never_makes_room() -> None:
    release = asyncio.Event()

    async def held(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response(text="done")

    async with served(held, GuardOptions(per_address=2)) as listener:
        busy = [await connect(listener) for _ in range(2)]
        for _, writer in busy:
            writer.write(HELLO)
        while sum(each.phase is guard.Phase.ANSWERING for each in listener.guard._connections) < 2:
            await asyncio.sleep(0.01)
        reader, late = await connect(listener)
        assert await ends(reader, 2) == b""
        release.set()
        for each, writer in busy:
            assert b"200 OK" in await each.readuntil(b"done")
            writer.close()
        late.close()


async def test_exempt_addresses_have_no_limit() -> None:
    application = web.Application()
    application.router.add_get("/", hello)
    options = GuardOptions(per_address=1)
    listener = await listen(application, "127.0.0.1", 0, options=options, is_exempt=lambda address: True)
    connections = [await connect(listener) for _ in range(4)]
    for reader, writer in connections:
        writer.write(HELLO)
        assert b"200 OK" in await reader.readuntil(b"hello")
        writer.close()
    assert listener.guard.evicted == 0
    await listener.close()


class Download:
    """A handler that writes a body and records what became of it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.events: list[str] = []
        self.changed = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        response = web.Response(body=b"x" * self.size)
        await response.prepare(request)
        await response.write_eof()
        guard.when_taken(request, lambda: self.note("taken"), lambda: self.note("cut"))
        return response

    def note(self, event: str) -> None:
        self.events.append(event)
        self.changed.set()

    async def after(self, count: int) -> list[str]:
        async with asyncio.timeout(5):
            while len(self.events) < count:
                self.changed.clear()
                await self.changed.wait()
        return self.events


async def test_a_download_that_is_read_counts_at_once() -> None:
    download = Download(40_000)
    async with served(download.answer) as listener:
        reader, writer = await connect(listener)
        writer.write(HELLO)
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(40_000)
        assert download.events == ["taken"]
        writer.close()
        await writer.wait_closed()
    assert download.events == ["taken"]


async def test_a_download_thrown_away_in_the_middle_is_taken_back() -> None:
    download = Download(40_000)
    async with served(download.answer) as listener:
        reader, writer = await connect(listener)
        writer.write(HELLO)
        await reader.readexactly(1000)
        reset(writer)
        assert await download.after(2) == ["taken", "cut"]


async def test_a_download_that_never_left_does_not_count() -> None:
    download = Download(8_000_000)
    async with served(download.answer, GuardOptions()) as listener:
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(client, ("127.0.0.1", listener.port))
        await loop.sock_sendall(client, HELLO)
        await loop.sock_recv(client, 1000)
        client.close()
        while len(listener.guard):
            await asyncio.sleep(0.01)
    assert download.events == []


async def test_a_download_followed_by_another_request_stays_taken_whatever_comes_later() -> None:
    download = Download(10)
    async with served(download.answer) as listener:
        reader, writer = await connect(listener)
        for _ in range(2):
            writer.write(HELLO)
            await reader.readuntil(b"x" * 10)
        reset(writer)
        while len(listener.guard):
            await asyncio.sleep(0.01)
    assert download.events == ["taken", "taken", "cut"]


async def test_a_client_that_asks_for_closing_the_connection_has_taken_its_answer() -> None:
    download = Download(40_000)
    async with served(download.answer) as listener:
        reader, writer = await connect(listener)
        writer.write(HELLO[:-2] + b"Connection: close\r\n\r\n")
        assert len(await ends(reader, 2)) > 40_000
        writer.close()
        while len(listener.guard):
            await asyncio.sleep(0.01)
    assert download.events == ["taken"]
