"""What a phone asks, from the real server over kept-alive loopback connections: the pass, the 304, and the list.

The passes asked for are of more cards than the server keeps signed, in turn, so that each is signed; "again" are passes
that it has kept.

The pass stands beside the bare RSA-2048 signature on the server's core, the answers without a signature beside the
smallest handler aiohttp can have, all in turns within one run. "A core" is a second of the server's CPU time, kernel and
network included; four connections ask without a pause, so the server's core is busy all the time.
"""

from __future__ import annotations

import asyncio
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from benchmarks.build_sign import bare_signature
from benchmarks.figure import Figure
from benchmarks.house import (
    CLIENT_CORE,
    ROOT,
    SERVER_CORE,
    House,
    coffee,
    cpu_seconds,
    databases,
    free_port,
    furnish,
    hand_out,
    listens,
    phone,
    pin,
    running,
    wait,
)
from commands.pki import DEFAULT_PASS_TYPE, look_alike
from store import cards

TARGET = 0.6
ROUNDS = 15
CONNECTIONS = 4
CARDS = 100
PASSES = 3_000
"""Cards whose passes are more than ``handlers.signed.KEPT_BYTES``."""
REQUESTS = {"pass": 400, "again": 1200, "304": 1200, "list": 1200, "bare": 2000}
BARE_HANDLER, BARE_SIGNATURE = "bare aiohttp handler", "bare signature, same core"


@dataclass(frozen=True)
class Asked:
    """Requests as bytes, taken in turn, and the status that each must be answered with."""

    port: int
    requests: tuple[bytes, ...]
    status: bytes


def figures() -> list[Figure]:
    """Requests a second of a core's time, on each database, and the ratios."""
    found: list[Figure] = []
    with databases() as urls, TemporaryDirectory() as name:
        for database, url in urls.items():
            house, asked = asyncio.run(_prepare(Path(name), url))
            found += _measured(database, house, asked)
    return found


async def _prepare(folder: Path, url: str) -> tuple[House, dict[str, Asked]]:
    """Cards of a hundred customers on phones that have what is new."""
    house = await furnish(folder, url, coffee())
    now = datetime.now(UTC)
    passes: list[bytes] = []
    unchanged: list[bytes] = []
    lists: list[bytes] = []
    async with house.database() as db:
        for number, serial in enumerate(await hand_out(db, house.brand_id, PASSES)):
            serving = await cards.serve(db, DEFAULT_PASS_TYPE, serial, 0, now)
            assert serving is not None
            cards.note_served(db, serving.card_id, serving.edition)
            token = db.keyring.authentication_token(DEFAULT_PASS_TYPE, serial, 0)
            path = f"/passkit/v1/passes/{DEFAULT_PASS_TYPE}/{serial}"
            when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(serving.last_modified))
            passes.append(request(path, Authorization=f"ApplePass {token}"))
            if number >= CARDS:
                continue
            unchanged.append(request(path, Authorization=f"ApplePass {token}", **{"If-Modified-Since": when}))
            lists.append(
                request(f"/passkit/v1/devices/{phone(number)}/registrations/{DEFAULT_PASS_TYPE}?passesUpdatedSince=old")
            )
    return house, {
        "pass": Asked(house.port, tuple(passes), b"200"),
        "again": Asked(house.port, tuple(passes[:CARDS]), b"200"),
        "304": Asked(house.port, tuple(unchanged), b"304"),
        "list": Asked(house.port, tuple(lists), b"200"),
    }


def request(path: str, **headers: str) -> bytes:
    """A GET of a kept-alive connection."""
    told = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*told, "", ""]).encode()


def _measured(database: str, house: House, asked: dict[str, Asked]) -> list[Figure]:
    pin(CLIENT_CORE)
    port = free_port()
    bare = [sys.executable, "-m", "benchmarks.fetch", str(port)]
    signing = [sys.executable, "-m", "benchmarks.fetch", "sign"]
    asked = asked | {"bare": Asked(port, (request("/"),), b"200")}
    rates: dict[str, list[float]] = {name: [] for name in (*asked, "sign")}
    clock: list[float] = []
    with house.serving("--no-worker") as server, running(bare, SERVER_CORE) as other, lines(signing) as sign:
        wait(other, lambda: listens(port))
        pids = {name: other.pid if name == "bare" else server for name in asked}
        for name, one in asked.items():
            ask(one, REQUESTS[name])
        for turn in range(ROUNDS):
            rates["sign"].append(sign())
            for name, one in asked.items():
                wall, begin = time.perf_counter(), cpu_seconds(pids[name])
                size = ask(one, REQUESTS[name], (turn + 1) * REQUESTS[name])
                rates[name].append(REQUESTS[name] / (cpu_seconds(pids[name]) - begin))
                if name == "pass":
                    clock.append(REQUESTS[name] / (time.perf_counter() - wall))
                    kilobytes = size / 1000
    return _told(database, rates, clock, kilobytes)


def _told(database: str, rates: dict[str, list[float]], clock: list[float], kilobytes: float) -> list[Figure]:
    def figure(what: str, name: str, baseline: str, to: str, target: float | None = None) -> Figure:
        ratio = statistics.median(one / other for one, other in zip(rates[name], rates[to], strict=True))
        return Figure(f"{what}, {database}", statistics.median(rates[name]), "requests/s/core", ratio, baseline, target)

    by_clock = statistics.median(one / other for one, other in zip(clock, rates["sign"], strict=True))
    return [
        figure(f"GET pass, {kilobytes:.0f} KB", "pass", BARE_SIGNATURE, "sign", TARGET),
        Figure("the same by the clock", statistics.median(clock), "requests/s", by_clock, BARE_SIGNATURE),
        figure("GET pass that is kept signed", "again", BARE_SIGNATURE, "sign"),
        figure("unchanged pass, 304", "304", BARE_HANDLER, "bare"),
        figure("list of one changed card", "list", BARE_HANDLER, "bare"),
        Figure(BARE_HANDLER, statistics.median(rates["bare"]), "requests/s/core"),
    ]


def ask(asked: Asked, count: int, first: int = 0, at_once: int = CONNECTIONS) -> int:
    """Send ``count`` requests from the ``first``, one at a time on each connection; returns the size of the last body."""
    size = 0
    connections = [socket.create_connection(("127.0.0.1", asked.port)) for _ in range(at_once)]
    for connection in connections:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for number, connection in enumerate(connections):
        connection.sendall(asked.requests[(first + number) % len(asked.requests)])
    for number in range(count):
        connection = connections[number % at_once]
        size = _answer(connection, asked.status)
        if number + at_once < count:
            connection.sendall(asked.requests[(first + number + at_once) % len(asked.requests)])
    for connection in connections:
        connection.close()
    return size


def _answer(connection: socket.socket, status: bytes) -> int:
    """Read one answer to its end."""
    buffer = bytearray()
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        buffer += connection.recv(262_144)
    head = bytes(buffer[:end])
    assert head.startswith(b"HTTP/1.1 " + status), head
    place = head.lower().find(b"content-length:")
    size = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 and status != b"304" else 0
    left = end + 4 + size - len(buffer)
    while left > 0:
        left -= len(connection.recv(262_144))
    return size


@contextmanager
def lines(command: list[str]) -> Iterator[Callable[[], float]]:
    """A process on the server's core that measures once for each line it is given."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        preexec_fn=lambda: pin(SERVER_CORE),
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def once() -> float:
        print(file=process.stdin, flush=True)
        return float(process.stdout.readline())  # type: ignore[union-attr]

    try:
        yield once
    finally:
        process.stdin.close()
        process.wait(10)


def sign() -> None:
    """For each line of input a line with signatures a second of CPU time."""
    identity = look_alike(now=datetime.now(UTC)).identity(DEFAULT_PASS_TYPE)
    assert isinstance(identity.key, rsa.RSAPrivateKey)
    bare = bare_signature(identity)
    for _ in sys.stdin:
        begin = time.process_time()
        for _ in range(300):
            bare()
        print(300 / (time.process_time() - begin), flush=True)


def bare_handler(port: int) -> None:
    """The least that aiohttp can do, in the event loop of the server."""
    import uvloop

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"{}")

    app = web.Application()
    app.add_routes([web.get("/", answer)])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, loop=uvloop.new_event_loop())


if __name__ == "__main__":
    if sys.argv[1] == "sign":
        sign()
    else:
        bare_handler(int(sys.argv[1]))
