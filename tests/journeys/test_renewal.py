"""``serve --workers 2`` behind the shipped nginx configuration, while generations change: not one request fails."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.commands.processes import Process, free_port
from tests.journeys import house
from tests.judges import need

CONFIGURATION = Path(__file__).parent.parent.parent / "deploy" / "nginx.conf"


@contextlib.asynccontextmanager
async def nginx(folder: Path, port: int, behind: int) -> AsyncIterator[None]:
    """nginx with the configuration that we ship, in plain HTTP; idle connections end sooner, to be quick."""
    shipped = CONFIGURATION.read_text(encoding="utf-8").replace("keepalive_timeout 4s", "keepalive_timeout 1s")
    shipped = re.sub(r"^ *ssl_certificate.*$", "", shipped, flags=re.MULTILINE)
    shipped = shipped.replace("listen 443 ssl http2;", f"listen 127.0.0.1:{port};").replace(
        "server 127.0.0.1:8080", f"server 127.0.0.1:{behind}"
    )
    assert f"127.0.0.1:{port};" in shipped
    assert f"server 127.0.0.1:{behind} " in shipped
    folders = "".join(
        f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    conf = folder / "nginx.conf"
    conf.write_text(
        f"daemon off; pid {folder}/nginx.pid; worker_processes 1; events {{ worker_connections 256; }}\n"
        f"http {{ access_log off; {folders}\n{shipped}\n}}"
    )
    process = subprocess.Popen([need("nginx"), "-c", str(conf), "-e", str(folder / "nginx.log")])
    try:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                await asyncio.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(10)


class Robots:
    """A phone and a backend that ask without a pause, and count what they are answered."""

    def __init__(self, world: house.World) -> None:
        self.world = world
        self.answers: Counter[str] = Counter()
        self._numbers = itertools.count(1)

    async def fetch(self, url: str) -> None:
        while True:
            async with self.world.session.get(url) as answer:
                await answer.read()
                self.answers[f"pass {answer.status}"] += 1

    async def tell(self, card: str) -> None:
        while True:
            status, _ = await self.world.hook("card.changed", {"card": card, "set": {"points": next(self._numbers)}})
            self.answers[f"hook {status}"] += 1
            await asyncio.sleep(0.02)


def children(process: Process) -> set[str]:
    return set(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())


@pytest.mark.parametrize("generations", [1, pytest.param(3, marks=pytest.mark.soak)])
async def test_generations_come_and_go_and_no_request_fails(tmp_path: Path, certs: Path, generations: int) -> None:
    need("nginx")
    behind = free_port()
    async with house.world(f"sqlite:///{tmp_path}/passbell.db", tmp_path, certs) as world:
        world.more["BIND"] = f"127.0.0.1:{behind}"
        with Process("serve", "--workers", "2", "--no-worker", "--notice", "0", environ=world.environment) as process:
            await asyncio.to_thread(process.wait_for, '"role":"supervisor"')
            async with nginx(tmp_path, world.port, behind):
                card = await world.issue()
                robots = Robots(world)
                work = [
                    robots.fetch(card["apple_url"]),
                    robots.fetch(card["apple_url"]),
                    robots.tell(card["external_id"]),
                    robots.tell(card["external_id"]),
                ]
                tasks = [asyncio.create_task(each) for each in work]
                old: set[str] = set()
                for _ in range(generations):  # the first may be finishing while the third begins
                    old |= children(process)
                    process.signal(signal.SIGHUP)
                    await asyncio.to_thread(process.logged, "renewed")
                async with asyncio.timeout(20):
                    while children(process) & old:
                        await asyncio.sleep(0.05)
                assert len(children(process)) == 2
                assert not [task for task in tasks if task.done()]
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                assert {answer for answer in robots.answers if not answer.endswith((" 200", " 202"))} == set(), (
                    robots.answers
                )
                assert robots.answers["pass 200"] > 100
            assert await asyncio.to_thread(process.stop) == 0
            assert "Traceback" not in process.output
