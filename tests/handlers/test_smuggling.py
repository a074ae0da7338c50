"""Threat 8: requests that two parsers may read differently, straight to us and through nginx.

A desync shows as an answer to the smuggled request: nobody asked for ``/healthz`` in the open, so its ``ok`` must never
come. What is malformed is refused or the connection ended; what is well-formed is answered once.
"""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from passkit.apple.signing import Signers
from store.dialect import Database
from tests.handlers.conftest import House, opened
from tests.judges import need

HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Smuggled: 1\r\n\r\n"
N = str(len(HIDDEN)).encode()
POST = b"POST /passkit/v1/log HTTP/1.1\r\nHost: x\r\n"
CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN)
CHUNKED = b"Transfer-Encoding: chunked\r\n"

MALFORMED = {
    "CL and TE": POST + b"Content-Length: 4\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "TE and CL": POST + CHUNKED + b"Content-Length: " + N + b"\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two CL that differ": POST + b"Content-Length: 0\r\nContent-Length: " + N + b"\r\n\r\n" + HIDDEN,
    "CL as a list": POST + b"Content-Length: 0, " + N + b"\r\n\r\n" + HIDDEN,
    "CL with a plus": POST + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    "CL with a minus": POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    "CL in hex": POST + b"Content-Length: 0x0\r\n\r\n" + HIDDEN,
    "CL with a space inside": POST + b"Content-Length: 0 0\r\n\r\n" + HIDDEN,
    "CL with an underscore": POST + b"Content-Length: 1_0\r\n\r\n" + HIDDEN,
    "CL that is huge": POST + b"Content-Length: 99999999999999999999999\r\n\r\n" + HIDDEN,
    "CL that is empty": POST + b"Content-Length: \r\n\r\n" + HIDDEN,
    "CL that is a fraction": POST + b"Content-Length: 0.0\r\n\r\n" + HIDDEN,
    "CL in other digits": POST + "Content-Length: ٠\r\n\r\n".encode() + HIDDEN,
    "space before the colon": POST + b"Content-Length : 0\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "TE space before the colon": POST + b"Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "TE twice": POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE unknown": POST + b"Transfer-Encoding: xchunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "TE chunked not last": POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n" + HIDDEN,
    "TE with a vertical tab": POST + b"Transfer-Encoding: \x0bchunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "TE with a NUL": POST + b"Transfer-Encoding: chunked\x00\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "a folded header": POST + b"X: a\r\n Content-Length: 0\r\n\tTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "a folded TE": POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    "a bare CR in a header": POST + b"X: a\rContent-Length: 0\r\n" + CHUNKED + b"\r\n0\r\n\r\n\r" + HIDDEN[:0],
    "a NUL in a header": POST + b"X: a\x00b\r\nContent-Length: 0\r\n\r\n" + HIDDEN[:0],
    "a NUL in a name": POST + b"X\x00Y: a\r\nContent-Length: 0\r\n\r\n" + HIDDEN[:0],
    "a header without a name": POST + b": a\r\nContent-Length: 0\r\n\r\n" + HIDDEN[:0],
    "a header without a colon": POST + b"Content-Length 0\r\n\r\n" + HIDDEN,
    "chunk size with 0x": POST + CHUNKED + b"\r\n0x0\r\n\r\n" + HIDDEN,
    "chunk size with a plus": POST + CHUNKED + b"\r\n+0\r\n\r\n" + HIDDEN,
    "chunk size that is negative": POST + CHUNKED + b"\r\n-1\r\n\r\n" + HIDDEN,
    "chunk size that overflows": POST + CHUNKED + b"\r\n10000000000000000\r\n\r\n" + HIDDEN,
    "chunk size with an underscore": POST + CHUNKED + b"\r\n0_0\r\n\r\n" + HIDDEN,
    "chunk size that is empty": POST + CHUNKED + b"\r\n\r\n" + HIDDEN,
    "chunk data that is too long": POST + CHUNKED + b"\r\n1\r\nabc\r\n0\r\n\r\n" + HIDDEN,
    "a chunk ended by LF": POST + CHUNKED + b"\r\n1\na\n0\n\n" + HIDDEN[:0],
    "a version that is none": b"GET / HTTP/1.10\r\nHost: x\r\n\r\n",
    "a version with letters": b"GET / HTTP/1.x\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /nowhere\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a control byte in the target": b"GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a space in the target": b"GET / /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
}
WELL_FORMED = {
    "a body that looks like a request": POST + b"Content-Length: " + N + b"\r\n\r\n" + HIDDEN,
    "a chunk that looks like a request": POST + CHUNKED + b"\r\n" + CHUNK,
    "chunked in capitals": POST + b"Transfer-Encoding: CHUNKED\r\n\r\n" + CHUNK,
    "a chunk extension": POST + CHUNKED + b"\r\n%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
    "leading zeros of a chunk size": POST + CHUNKED + b"\r\n00%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
}


@pytest_asyncio.fixture
async def house(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    async with opened(local_db, signers, lean) as small:
        yield small


@pytest_asyncio.fixture
async def nginx(house: House, tmp_path: Path) -> AsyncIterator[int]:
    """The port of an nginx in front of the house, as the documents tell to run it."""
    program = need("nginx")
    port = free_port()
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"""daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; worker_processes 1;
        events {{ worker_connections 64; }}
        http {{
          access_log off;
          client_body_temp_path {tmp_path}/body; proxy_temp_path {tmp_path}/proxy;
          fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
          upstream passbell {{ server 127.0.0.1:{house.listener.port}; keepalive 4; }}
          server {{
            listen 127.0.0.1:{port};
            location / {{ proxy_pass http://passbell; proxy_http_version 1.1; proxy_set_header Connection ""; }}
          }}
        }}"""
    )
    process = subprocess.Popen([program, "-c", str(configuration), "-e", str(tmp_path / "error.log")])
    try:
        async with asyncio.timeout(10):
            while not await listens(port):
                await asyncio.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def ask(port: int, request: bytes) -> bytes:
    """Everything that comes back until the other side ends it, or is silent for a moment."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = b""
    try:
        while part := await asyncio.wait_for(reader.read(65536), 0.3):
            answer += part
    except (TimeoutError, ConnectionResetError):
        pass  # nothing more comes, which is an answer too
    writer.close()
    return answer


def statuses(answer: bytes) -> list[int]:
    return [int(line.split(b" ")[1]) for line in answer.split(b"\r\n") if line.startswith(b"HTTP/")]


async def test_threat_8_malformed_requests_never_reach_what_is_hidden_in_them(house: House) -> None:
    for name, request in MALFORMED.items():
        answer = await ask(house.listener.port, request)
        assert b"ok\n" not in answer, name
        assert all(status in (400, 404, 408, 413, 414, 501, 505) for status in statuses(answer)), (name, answer)


async def test_threat_8_well_formed_requests_are_answered_once(house: House) -> None:
    for name, request in WELL_FORMED.items():
        answer = await ask(house.listener.port, request)
        assert statuses(answer) == [200], (name, answer)
        assert b"ok\n" not in answer


async def test_threat_8_through_nginx_nothing_hidden_is_answered_either(house: House, nginx: int) -> None:
    for name, request in (MALFORMED | WELL_FORMED).items():
        answer = await ask(nginx, request)
        assert b"ok\n" not in answer, (name, answer)
        assert not {500, 502, 503, 504} & set(statuses(answer)), (name, answer)
    assert statuses(await ask(nginx, b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == [200]


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True
