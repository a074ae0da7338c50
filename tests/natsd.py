"""NATS servers of a test's own: one, or a cluster of three, each with a disk that can be lost."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.judges import need

CONFIG = """
server_name: {name}
listen: {host}:{port}
jetstream {{ store_dir: "{disk}", sync_interval: always, max_file_store: 64MB, max_memory_store: 16MB }}
{more}
"""
CLUSTER = "cluster {{ name: passbell, listen: {host}:{port}, routes: [{routes}] }}"


@dataclass
class Server:
    """One of them."""

    name: str
    host: str
    port: int
    folder: Path
    more: str = ""  # of its configuration
    prefix: tuple[str, ...] = ()  # how it is started in another network namespace
    process: asyncio.subprocess.Process | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        """For NATS_URL."""
        return f"nats://{self.host}:{self.port}"

    @property
    def disk(self) -> Path:
        """What it keeps."""
        return self.folder / self.name

    async def start(self) -> None:
        """Start it; it listens when this returns (where its network is ours)."""
        self.disk.mkdir(parents=True, exist_ok=True)
        config = self.folder / f"{self.name}.conf"
        config.write_text(CONFIG.format(name=self.name, host=self.host, port=self.port, disk=self.disk, more=self.more))
        log = self.folder / f"{self.name}.log"
        arguments = (*self.prefix, need("nats-server"), "-c", str(config), "-l", str(log))
        quiet = asyncio.subprocess.DEVNULL
        self.process = await asyncio.create_subprocess_exec(*arguments, stdout=quiet, stderr=quiet)
        while not self.prefix and not _listens(self.host, self.port):
            assert self.process.returncode is None, log.read_text()
            await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()

    async def restart(self, *, lose_disk: bool = False) -> None:
        """Kill it, take its disk away if asked to, start it again."""
        await self.kill()
        if lose_disk:
            shutil.rmtree(self.disk)
        await self.start()


@contextlib.asynccontextmanager
async def single(folder: Path, more: str = "") -> AsyncIterator[Server]:
    """A server for itself."""
    server = Server("n1", "127.0.0.1", free_port(), folder, more)
    await server.start()
    try:
        yield server
    finally:
        await server.kill()


@contextlib.asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[list[Server]]:
    """Three that keep everything three times, as docs/operate.md sets them up."""
    routes = [free_port() for _ in range(3)]
    text = ", ".join(f"nats://127.0.0.1:{port}" for port in routes)
    made = [
        Server(
            f"n{number}",
            "127.0.0.1",
            free_port(),
            folder,
            CLUSTER.format(host="127.0.0.1", port=routes[number], routes=text),
        )
        for number in range(3)
    ]
    try:
        await asyncio.gather(*(server.start() for server in made))
        yield made
    finally:
        await asyncio.gather(*(server.kill() for server in made))


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False
