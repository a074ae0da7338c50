"""Pushes a second from one core: our connection beside plain aioapns on the same nginx, and h2load as the server's limit.

The client has core 0, the server core 1 (on a machine of one core they share it). Each client runs as a process of its
own, in turns; the medians over the rounds are quoted. "A core" is a second of the client's CPU time: nginx is slower
than our connection, which waits for it, while aioapns keeps its core busy. The rate by the clock stands beside it, with
h2load's, which is nginx's limit. TEST_PASSBELL_FAST_APNS names a faster server than nginx, if there is one.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aioapns import APNs, NotificationRequest, PushType
from aioapns.connection import APNsTLSClientProtocol

from benchmarks.figure import Figure
from commands.pki import DEFAULT_PASS_TYPE, look_alike
from pushes.apns import ApnsChannel
from pushes.channel import Outcome, Push

TARGET = 20
ROUNDS = 5
PUSHES = {"own": 100_000, "aioapns": 5_000, "h2load": 100_000}
AIOAPNS_AT_ONCE = 500
CLIENT_CORE, SERVER_CORE = 0, 1
FAST = "TEST_PASSBELL_FAST_APNS"

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port} ssl http2; ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.key;
    http2_max_concurrent_streams 1000; keepalive_requests 1000000000;
    location / {{ add_header apns-id $http_apns_id; return 200; }}
  }}
}}
"""


def figures() -> list[Figure]:
    """Pushes a second of ours to those of aioapns, its CPU cost, and h2load's rate; without nginx there are none."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_certificates(folder)
        found = _against_nginx(folder) if _program("nginx") else []
        return found + (_against_fast(folder) if os.environ.get(FAST) else [])


def _against_nginx(folder: Path) -> list[Figure]:
    clients = ["own", "aioapns"] + (["h2load"] if _program("h2load") else [])
    with nginx(folder) as port:
        rounds = [{client: measure(client, port, folder) for client in clients} for _ in range(ROUNDS)]
    own, aioapns = _median(rounds, "own"), _median(rounds, "aioapns")
    by_core = statistics.median(one["aioapns"]["cpu"] / one["own"]["cpu"] for one in rounds)
    by_clock = statistics.median(one["own"]["rate"] / one["aioapns"]["rate"] for one in rounds)
    found = [
        Figure("APNs pushes, nginx", 1e6 / own["cpu"], "pushes/s/core", by_core, "plain aioapns, same nginx", TARGET),
        Figure("the same by the clock, nginx being the limit", own["rate"], "pushes/s", by_clock, "plain aioapns"),
        Figure("plain aioapns, nginx", 1e6 / aioapns["cpu"], "pushes/s/core"),
    ]
    if "h2load" in clients:
        load = _median(rounds, "h2load")["rate"]
        found.append(Figure("h2load, nginx", load, "requests/s", load / own["rate"], "ours by the clock"))
    return found


def _against_fast(folder: Path) -> list[Figure]:
    with fast(folder) as port:
        rounds = [{"own": measure("own", port, folder)} for _ in range(ROUNDS)]
    own = _median(rounds, "own")
    return [
        Figure("APNs pushes, fast stand-in", 1e6 / own["cpu"], "pushes/s/core"),
        Figure("the same by the clock", own["rate"], "pushes/s"),
    ]


def _median(rounds: list[dict[str, dict[str, float]]], client: str) -> dict[str, float]:
    return {key: statistics.median(one[client][key] for one in rounds) for key in ("rate", "cpu")}


def measure(client: str, port: int, folder: Path) -> dict[str, float]:
    """One client's round in a process of its own: ``rate`` pushes a second, ``cpu`` microseconds a push."""
    count = PUSHES[client]
    if client == "h2load":
        return _h2load(port, count, folder)
    command = [sys.executable, "-m", "benchmarks.push", client, str(port), str(count), str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, preexec_fn=_on_client_core)
    answer: dict[str, float] = json.loads(next(line for line in done.stdout.splitlines() if line.startswith(b"{")))
    return answer


def _h2load(port: int, count: int, folder: Path) -> dict[str, float]:
    (folder / "body").write_bytes(b"{}")
    headers = [f"apns-topic: {DEFAULT_PASS_TYPE}", "apns-push-type: background", "apns-priority: 5"]
    command = [_program("h2load") or "", "-n", str(count), "-c", "1", "-m", "1000", "-d", str(folder / "body")]
    command += [part for header in headers for part in ("-H", header)]
    url = f"https://127.0.0.1:{port}/3/device/{0:064x}"
    done = subprocess.run([*command, url], check=True, capture_output=True, text=True, preexec_fn=_on_client_core)
    rate = re.search(r"([\d.]+) req/s", done.stdout)
    assert rate is not None, done.stdout
    return {"rate": float(rate[1]), "cpu": 0.0}


async def own(port: int, count: int, folder: Path) -> None:
    channel = ApnsChannel(
        f"https://127.0.0.1:{port}",
        (folder / "client.pem").read_bytes(),
        (folder / "client.key").read_bytes(),
        (folder / "ca.pem").read_bytes(),
    )
    expiration = int(time.time()) + 86_400
    pushes = [Push(number, DEFAULT_PASS_TYPE, f"{number:064x}", expiration) for number in range(count)]
    async for _ in channel.send_many(pushes[:100]):
        pass
    with _timed(count):
        accepted = 0
        async for _, verdict in channel.send_many(pushes):
            accepted += verdict.outcome is Outcome.DELIVERED
    assert accepted == count
    await channel.aclose()


async def plain_aioapns(port: int, count: int, folder: Path) -> None:
    class Protocol(APNsTLSClientProtocol):
        APNS_SERVER = "127.0.0.1"
        APNS_PORT = port

    context = ssl.create_default_context(cafile=folder / "ca.pem")
    context.set_alpn_protocols(["h2"])
    client = APNs(client_cert=str(folder / "both.pem"), topic=DEFAULT_PASS_TYPE, ssl_context=context)
    client.pool.protocol_class = Protocol
    numbers = iter(range(count))
    accepted = 0

    async def work() -> None:
        nonlocal accepted
        for number in numbers:
            request = NotificationRequest(
                f"{number:064x}", {}, time_to_live=86_400, priority=5, push_type=PushType.BACKGROUND
            )
            result = await client.send_notification(request)
            accepted += result.is_successful

    with _timed(count):
        await asyncio.gather(*(work() for _ in range(AIOAPNS_AT_ONCE)))
    assert accepted == count
    client.pool.close()


@contextmanager
def _timed(count: int) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    rate = count / (time.perf_counter() - wall)
    print(json.dumps({"rate": rate, "cpu": (time.process_time() - cpu) / count * 1e6}))


def write_certificates(folder: Path) -> None:
    """The server's pair, the client's pair, and the authorities of both."""
    pki = look_alike(now=datetime.now(UTC))
    client = pki.passes[DEFAULT_PASS_TYPE]
    (folder / "server.pem").write_bytes(pki.apns.certificate_pem)
    (folder / "server.key").write_bytes(pki.apns.key_pem)
    (folder / "client.pem").write_bytes(client.certificate_pem)
    (folder / "client.key").write_bytes(client.key_pem)
    (folder / "both.pem").write_bytes(client.certificate_pem + client.key_pem)
    (folder / "ca.pem").write_bytes(pki.wwdr.certificate_pem + pki.root.certificate_pem)


@contextmanager
def nginx(folder: Path) -> Iterator[int]:
    """A plain nginx that accepts every push; yields its port."""
    port = _free_port()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    command = [_program("nginx") or "", "-e", "stderr", "-c", str(folder / "nginx.conf")]
    with _running(command, port):
        yield port


@contextmanager
def fast(folder: Path) -> Iterator[int]:
    """The stand-in that TEST_PASSBELL_FAST_APNS names; yields its port."""
    port = _free_port()
    with _running([os.environ[FAST], "-p", str(port), "-t", str(folder)], port):
        yield port


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=_on_server_core)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _on_client_core() -> None:
    _pin(CLIENT_CORE)


def _on_server_core() -> None:
    _pin(SERVER_CORE)


def _pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {core})


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"]))


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def main() -> None:
    """``own`` or ``aioapns`` with PORT COUNT FOLDER is one round of that client; without arguments, the figures."""
    if len(sys.argv) > 1:
        client, port, count, folder = sys.argv[1:]
        scenario = own if client == "own" else plain_aioapns
        asyncio.run(scenario(int(port), int(count), Path(folder)))
        return
    for figure in figures():
        print(figure)


if __name__ == "__main__":
    main()
