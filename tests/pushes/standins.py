"""Push services that are not ours, as processes on free ports: nginx, Node's http2, Go's net/http, and a fast one in C."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commands.pki import DEFAULT_PASS_TYPE, LookAlike, Pair
from tests.judges import need

SERVERS = Path(__file__).parent / "servers"

ANSWERS = {
    "4000": (400, '{"reason":"BadDeviceToken"}'),
    "4001": (400, '{"reason":"DeviceTokenNotForTopic"}'),
    "4002": (400, '{"reason":"SomethingNew"}'),
    "4030": (403, '{"reason":"BadCertificate"}'),
    "4100": (410, '{"reason":"Unregistered","timestamp":1730000000000}'),
    "4290": (429, '{"reason":"TooManyRequests"}'),
    "5000": (500, '{"reason":"InternalServerError"}'),
    "5030": (503, '{"reason":"ServiceUnavailable"}'),
}

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
  log_format seen '$request_method $uri $http_apns_topic $http_apns_push_type $http_apns_priority $ssl_client_verify';
  access_log {access}; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e; default_type application/json;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {files}/server.pem; ssl_certificate_key {files}/server.key;
    ssl_client_certificate {files}/clients.pem; ssl_verify_client optional; ssl_verify_depth 3;
    http2_max_concurrent_streams {streams}; keepalive_requests {requests};
    add_header apns-id $http_apns_id always;
    {locations}
    location / {{ return 200; }}
  }}
}}
"""


@dataclass(frozen=True)
class Files:
    """The stand-ins' certificate and the clients they trust, as files; and the pair that our channel shows."""

    folder: Path
    client: tuple[bytes, bytes]
    ca: bytes


def write_files(pki: LookAlike, folder: Path) -> Files:
    (folder / "server.pem").write_bytes(pki.apns.certificate_pem)
    (folder / "server.key").write_bytes(pki.apns.key_pem)
    for name in ("clients.pem", "ca.pem"):
        (folder / name).write_bytes(pki.wwdr.certificate_pem + pki.root.certificate_pem)
    client: Pair = pki.passes[DEFAULT_PASS_TYPE]
    return Files(folder, (client.certificate_pem, client.key_pem), pki.root.certificate_pem)


class Standin:
    """A running push service; ``ask`` is for those that take rules."""

    def __init__(self, port: int, process: asyncio.subprocess.Process) -> None:
        self.port = port
        self.url = f"https://127.0.0.1:{port}"
        self._process = process

    async def ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        answer: dict[str, Any] = json.loads(await self._process.stdout.readline())
        return answer

    async def rule(self, **rules: Any) -> None:
        """From now on it behaves like this, and counts from nothing."""
        await self.ask(set=rules)

    async def stats(self) -> dict[str, Any]:
        return await self.ask(stats=True)

    def pause(self) -> None:
        """Stop the process as it stands: the machine is still there, nobody answers."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def speaking(*command: str | Path) -> AsyncIterator[Standin]:
    """A program that prints its port and then takes rules."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 20
    )
    try:
        assert process.stdout is not None
        port: int = json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["port"]
        yield Standin(port, process)
    finally:
        await _end(process)


@asynccontextmanager
async def node(files: Files) -> AsyncIterator[Standin]:
    folder = files.folder
    program = need("node"), SERVERS / "apns.js", folder / "server.key", folder / "server.pem", folder / "clients.pem"
    async with speaking(*program) as standin:
        yield standin


def build_go(folder: Path) -> Path:
    """The Go server built once a session, from nothing but Go's standard library."""
    program = folder / "apns-go"
    environment = {**os.environ, "GO111MODULE": "off", "CGO_ENABLED": "0"}
    if "HOME" not in environment:
        environment.setdefault("GOCACHE", str(folder / "cache"))
    subprocess.run(
        [need("go"), "build", "-o", program, SERVERS / "apns.go"], check=True, env=environment, capture_output=True
    )
    return program


@asynccontextmanager
async def go(program: Path, files: Files) -> AsyncIterator[Standin]:
    folder = files.folder
    async with speaking(program, folder / "server.key", folder / "server.pem", folder / "clients.pem") as standin:
        yield standin


@asynccontextmanager
async def nginx(
    files: Files, folder: Path, *, streams: int = 128, requests: int = 100_000_000, log: Path | None = None
) -> AsyncIterator[Standin]:
    """The same answers by location; ``requests`` is after how many it says GOAWAY."""
    program, port = need("nginx"), free_port()
    locations = "\n".join(
        f"location /3/device/{prefix} {{ return {status} '{body}'; }}" for prefix, (status, body) in ANSWERS.items()
    )
    facts: Mapping[str, object] = {
        "folder": folder,
        "files": files.folder,
        "port": port,
        "streams": streams,
        "requests": requests,
        "locations": locations,
        "access": f"{log} seen" if log else "off",
    }
    (folder / "nginx.conf").write_text(NGINX.format(**facts))
    process = await asyncio.create_subprocess_exec(program, "-e", "stderr", "-c", str(folder / "nginx.conf"))
    try:
        await listens(port, process)
        yield Standin(port, process)
    finally:
        await _end(process)


@asynccontextmanager
async def fast(files: Files, *options: str) -> AsyncIterator[Standin]:
    """The C stand-in; its rules are command line options and the tokens' first digits."""
    program, port = need("fast-apns"), free_port()
    process = await asyncio.create_subprocess_exec(
        program, "-p", str(port), "-t", str(files.folder), *options, stderr=subprocess.DEVNULL
    )
    try:
        await listens(port, process)
        yield Standin(port, process)
    finally:
        await _end(process)


async def listens(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until it takes connections."""
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, "the stand-in has ended"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.stdin:
        process.stdin.close()
    if process.returncode is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()
