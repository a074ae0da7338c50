"""How long a phone waits for its list with 10,000 and with a million registrations in the database.

Each registration is a card on a phone of its own; random phones ask, and what is written of that (``store.served``) is
written meanwhile. The rows are inserted by SQL, a few minutes' work for a million on both databases, so the default is
200,000: TEST_PASSBELL_REGISTRATIONS=1000000 measures the figure of docs/performance.md.
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figure import Figure, settle_memory
from benchmarks.house import coffee, databases, furnish, grow, hand_out, phone
from commands.pki import DEFAULT_PASS_TYPE
from store import registrations
from store.dialect import Database

TARGET = 1.5
FEW = 10_000
MANY = int(os.environ.get("TEST_PASSBELL_REGISTRATIONS", "200000"))
ROUNDS, ASKED = 5, 4_000
MILLISECONDS = 1000


def figures() -> list[Figure]:
    """The 99th percentile of a list, few and many registrations, on each database."""
    found: list[Figure] = []
    with databases() as urls, TemporaryDirectory() as name:
        for database, url in urls.items():
            found += asyncio.run(_measured(database, Path(name), url))
    return found


async def _measured(database: str, folder: Path, url: str) -> list[Figure]:
    house = await furnish(folder, url, coffee())
    found = []
    async with house.database() as db:
        await hand_out(db, house.brand_id, 1)
        few = await _percentiles(db, await grow(db, 1, FEW))
        many = await _percentiles(db, await grow(db, FEW, MANY))
    for count, (middle, slowest), ratio in ((FEW, few, None), (MANY, many, many[1] / few[1])):
        name = f"list among {count:,} registrations, {database}"
        found.append(Figure(f"{name}, median", middle * MILLISECONDS, "ms"))
        to = f"{FEW:,} registrations" if ratio else None
        target = TARGET if ratio else None
        found.append(Figure(f"{name}, p99", slowest * MILLISECONDS, "ms", ratio, to, target, at_most=True))
    return found


async def _percentiles(db: Database, count: int) -> tuple[float, float]:
    """The median and the 99th percentile of a list, seconds: medians over the rounds."""
    dice = random.Random(7)
    settle_memory()
    rounds = [await _round(db, dice, count) for _ in range(ROUNDS + 1)][1:]  # the first warms the caches
    return statistics.median(one[0] for one in rounds), statistics.median(one[1] for one in rounds)


async def _round(db: Database, dice: random.Random, count: int) -> tuple[float, float]:
    waits = []
    for _ in range(ASKED):
        device = phone(dice.randrange(count))
        begin = time.perf_counter()
        listing = await registrations.changed(db, DEFAULT_PASS_TYPE, device, None)
        waits.append(time.perf_counter() - begin)
        assert listing is not None
        assert len(listing.serial_numbers) == 1
        await asyncio.sleep(0)  # the loop's turn, for what is written of the lists before
    await db.served.flush()
    waits.sort()
    return waits[ASKED // 2], waits[ASKED * 99 // 100]
