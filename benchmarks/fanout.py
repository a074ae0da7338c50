"""One publish to 100,000 phones: ``server.py worker`` on one core, the stand-in for Apple's push service on the other.

The worker claims, decrypts the tokens, pushes, and writes every result with the card's timeline, so this is the whole
way and not the connection's speed. The stand-in is nginx, or the faster one that TEST_PASSBELL_FAST_APNS names.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure
from benchmarks.house import House, coffee, databases, furnish, grow, hand_out, memory, publish
from benchmarks.push import FAST, fast, nginx
from store.dialect import Database
from store.registering import TOKEN_PURPOSE

COUNT = int(os.environ.get("TEST_PASSBELL_FANOUT", "100000"))
MOST_MEMORY = 64
PATIENCE = 3600.0
PAGE = 500


def figures() -> list[Figure]:
    """The rate, how many were accepted, and what the worker's memory grew by, on each database."""
    found: list[Figure] = []
    with databases() as urls, TemporaryDirectory() as name:
        for database, url in urls.items():
            found += asyncio.run(_measured(database, Path(name), url))
    return found


async def _measured(database: str, folder: Path, url: str) -> list[Figure]:
    one = await delivered(folder, url, COUNT, _publish)
    what = f"publish to {COUNT:,} phones, {database}"
    return [
        Figure(what, COUNT / one.seconds, "pushes/s"),
        Figure("accepted of these", one.accepted, "phones", one.accepted / COUNT, "all", 1.0),
        Figure("the worker's memory grew by", one.megabytes, "MB", target=MOST_MEMORY, at_most=True),
    ]


@dataclass(frozen=True, slots=True)
class Delivered:
    """One fan-out: how long, how many were accepted, what the worker's memory grew by, rows read a second without it."""

    seconds: float
    accepted: int
    megabytes: float
    rows: float = 0.0


Begin = Callable[[Database, int], Awaitable[Callable[[], Awaitable[bool]]]]
"""(database, brand) -> begins a fan-out and gives what says whether it is over."""


async def delivered(folder: Path, url: str, count: int, begin: Begin) -> Delivered:
    """A house with ``count`` phones, and a fan-out to all of them by ``server.py worker``."""
    house = await furnish(folder, url, coffee())
    async with house.database() as db:
        await hand_out(db, house.brand_id, 1)
        await grow(db, 1, count)
        rows = await _read(db)
        with _stand_in(folder, house) as port:
            told = House(folder, url, house.port, settings={"APNS_URL": f"https://127.0.0.1:{port}"})
            with told.delivering() as worker:
                before = memory(worker, "VmRSS")
                seconds = await _seconds(db, house.brand_id, begin)
                grown = memory(worker, "VmHWM") - before
        accepted = (await db.fetch("SELECT count(*) FROM devices WHERE accepted_at IS NOT NULL"))[0][0]
    return Delivered(seconds, accepted, grown, count / rows)


async def _seconds(db: Database, brand_id: int, begin: Begin) -> float:
    """From the beginning until nothing is left to do."""
    started = time.perf_counter()
    is_over = await begin(db, brand_id)
    while not await is_over():
        if time.perf_counter() - started > PATIENCE:
            break
        await asyncio.sleep(0.05)
    return time.perf_counter() - started


async def _publish(db: Database, brand_id: int) -> Callable[[], Awaitable[bool]]:
    await publish(db, brand_id, coffee(**{"Loyalty card": "Loyalty card of the house"}))

    async def is_over() -> bool:
        return not (await db.fetch("SELECT count(*) FROM jobs"))[0][0]

    return is_over


async def _read(db: Database) -> float:
    """Seconds in which every phone's row is read by key pages and its token decrypted, and nothing else."""
    started, last = time.perf_counter(), 0
    while rows := await db.fetch(_PAGE, last, PAGE):
        for row in rows:
            db.keyring.decrypt(TOKEN_PURPOSE, row[1])
        last = rows[-1][0]
    return time.perf_counter() - started


_PAGE = "SELECT d.id, d.push_token_encrypted FROM devices d WHERE d.id > ?1 ORDER BY d.id LIMIT ?2"


@contextmanager
def _stand_in(folder: Path, house: House) -> Iterator[int]:
    certs = house.folder / "certs"
    for ours, theirs in (
        ("apns/server.pem", "server.pem"),
        ("apns/server.key", "server.key"),
        ("dev/root.pem", "ca.pem"),
    ):
        shutil.copy(certs / ours, folder / theirs)
    with (fast if os.environ.get(FAST) else nginx)(folder) as port:
        yield port
