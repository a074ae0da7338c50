"""One publish to 100,000 phones: ``server.py worker`` on one core, the stand-in for Apple's push service on the other.

The worker claims, decrypts the tokens, pushes, and writes every result with the card's timeline, so this is the whole
way and not the connection's speed. The stand-in is nginx, or the faster one that TEST_PASSBELL_FAST_APNS names.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure
from benchmarks.house import House, coffee, databases, furnish, grow, hand_out, memory, publish
from benchmarks.push import FAST, fast, nginx
from store.dialect import Database

COUNT = int(os.environ.get("TEST_PASSBELL_FANOUT", "100000"))
MOST_MEMORY = 64
PATIENCE = 600.0


def figures() -> list[Figure]:
    """The rate, how many were accepted, and what the worker's memory grew by, on each database."""
    found: list[Figure] = []
    with databases() as urls, TemporaryDirectory() as name:
        for database, url in urls.items():
            found += asyncio.run(_measured(database, Path(name), url))
    return found


async def _measured(database: str, folder: Path, url: str) -> list[Figure]:
    house = await furnish(folder, url, coffee())
    async with house.database() as db:
        await hand_out(db, house.brand_id, 1)
        await grow(db, 1, COUNT)
        with _stand_in(folder, house) as port:
            told = House(folder, url, house.port, settings={"APNS_URL": f"https://127.0.0.1:{port}"})
            with told.delivering() as worker:
                before = memory(worker, "VmRSS")
                seconds = await _published(db, house.brand_id)
                grown = memory(worker, "VmHWM") - before
        accepted = (await db.fetch("SELECT count(*) FROM devices WHERE accepted_at IS NOT NULL"))[0][0]
    what = f"publish to {COUNT:,} phones, {database}"
    return [
        Figure(what, COUNT / seconds, "pushes/s"),
        Figure("accepted of these", accepted, "phones", accepted / COUNT, "all", 1.0),
        Figure("the worker's memory grew by", grown, "MB", target=MOST_MEMORY, at_most=True),
    ]


async def _published(db: Database, brand_id: int) -> float:
    """Publish, and wait until no push is left to do; the seconds it took."""
    await publish(db, brand_id, coffee(**{"Loyalty card": "Loyalty card of the house"}))
    begin = time.perf_counter()
    while (await db.fetch("SELECT count(*) FROM jobs"))[0][0]:
        if time.perf_counter() - begin > PATIENCE:
            break
        await asyncio.sleep(0.05)
    return time.perf_counter() - begin


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
