"""Hosts in network namespaces, each on two wires: one to our database and NATS, which can be cut, one to the world outside."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.judges import need

RELAY = Path(__file__).parent / "relay.py"


@dataclass(frozen=True)
class Host:
    """A namespace; ``inner`` and ``outer`` are our addresses on its two wires."""

    name: str
    inner: str
    outer: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command is started with to run there."""
        return (need("ip"), "netns", "exec", self.name)

    @property
    def wire(self) -> str:
        """Our end of the inner wire."""
        return f"{self.name}i"

    def cut(self) -> None:
        """Nothing comes through to the database and NATS any more, and nothing is told so."""
        _ip("link", "set", self.wire, "down")

    def mend(self) -> None:
        """The wire is whole again."""
        _ip("link", "set", self.wire, "up")

    async def run(self, *command: str, environment: dict[str, str], log: Path) -> asyncio.subprocess.Process:
        """Start a program there."""
        with log.open("ab") as file:
            path = {"PATH": os.environ["PATH"]}
            return await asyncio.create_subprocess_exec(
                *self.prefix, *command, env=path | environment, stdout=file, stderr=file
            )


@contextlib.asynccontextmanager
async def hosts(count: int) -> AsyncIterator[list[Host]]:
    """So many of them; they and their wires go away at the end."""
    mark, net = secrets.token_hex(3), secrets.randbelow(200)
    need("ip")
    made = []
    try:
        for number in range(count):
            host = Host(f"pb{mark}{number}", f"10.213.{net}.{8 * number + 1}", f"10.213.{net}.{8 * number + 5}")
            _ip("netns", "add", host.name)
            made.append(host)
            _wire(host, host.wire, host.inner)
            _wire(host, f"{host.name}o", host.outer)
            _ip("-n", host.name, "link", "set", "lo", "up")
        yield made
    finally:
        for host in made:
            _ip("netns", "del", host.name)


def _wire(host: Host, name: str, ours: str) -> None:
    net, _, last = ours.rpartition(".")
    _ip("link", "add", name, "type", "veth", "peer", "name", f"{name}p", "netns", host.name)
    _ip("address", "add", f"{ours}/30", "dev", name)
    _ip("link", "set", name, "up")
    _ip("-n", host.name, "address", "add", f"{net}.{int(last) + 1}/30", "dev", f"{name}p")
    _ip("-n", host.name, "link", "set", f"{name}p", "up")


def _ip(*arguments: str) -> None:
    subprocess.run([need("ip"), *arguments], check=True, capture_output=True, timeout=20)


@contextlib.asynccontextmanager
async def relayed(listen: tuple[str, int], to: tuple[str, int], host: Host | None = None) -> AsyncIterator[None]:
    """Whoever connects to ``listen`` (in the namespace, if one is given) reaches ``to``."""
    prefix = () if host is None else host.prefix
    arguments = [str(part) for part in (*listen, *to)]
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, str(RELAY), *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        await process.communicate()
