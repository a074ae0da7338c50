"""One news to everyone through ``server.py worker``: beside the bare push connection, beside reading the rows, and at two sizes.

The bare connection pushes the same number of times to the same stand-in without a database; the rows are read by key pages
and their tokens decrypted without a push. Both say how far the whole way is from what it is made of. A fan-out begins at its
first pace (``pushes.pace``), which a small one never leaves: the slope compares the sizes with that in it.

TEST_PASSBELL_NEWS names other sizes (``10000,100000``); TEST_PASSBELL_MILLION, when set, adds a third of that many.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import push
from benchmarks.fanout import MOST_MEMORY, Delivered, delivered
from benchmarks.figure import Figure
from benchmarks.house import databases
from store import news
from store.dialect import Database
from store.newsrequests import NewsRequest

SIZES = [int(size) for size in os.environ.get("TEST_PASSBELL_NEWS", "10000,100000").split(",")]
MILLION = os.environ.get("TEST_PASSBELL_MILLION")


def figures() -> list[Figure]:
    """The rates on each database with their ratios, and how the last size's time grew against the first's."""
    sizes = [*SIZES, int(MILLION)] if MILLION else SIZES
    bare = _bare()
    found: list[Figure] = []
    for size in sizes:
        with databases() as urls:
            for database, url in urls.items():
                with TemporaryDirectory() as name:
                    one = asyncio.run(delivered(Path(name), url, size, _send))
                found += _told(database, size, one, bare)
    return found + _slopes(found, sizes)


def _bare() -> float:
    """Pushes a second of our connection without anything else, by the clock."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        push.write_certificates(folder)
        with (push.fast if os.environ.get(push.FAST) else push.nginx)(folder) as port:
            return push.measure("own", port, folder)["rate"]


def _told(database: str, size: int, one: Delivered, bare: float) -> list[Figure]:
    rate = size / one.seconds
    return [
        Figure(_name(database, size), rate, "pushes/s", rate / bare, "the bare connection"),
        Figure("the same beside reading the rows", one.rows, "rows/s", rate / one.rows, "reading and decrypting"),
        Figure("accepted of these", one.accepted, "phones", one.accepted / size, "all", 1.0),
        Figure("the worker's memory grew by", one.megabytes, "MB", target=MOST_MEMORY, at_most=True),
    ]


def _slopes(found: list[Figure], sizes: list[int]) -> list[Figure]:
    """Seconds a phone of each size to those of the first: 1 is linear, below it the first pays for beginning."""
    rates = {figure.name: figure.value for figure in found}
    slopes = []
    for database in ("SQLite", "PostgreSQL"):
        first = rates.get(_name(database, sizes[0]))
        for size in sizes[1:] if first is not None else ():
            slope = first / rates[_name(database, size)] if first is not None else 0.0
            slopes.append(Figure(f"a phone of {size:,} to one of {sizes[0]:,}, {database}", slope, "x"))
    return slopes


def _name(database: str, size: int) -> str:
    return f"news to {size:,} phones, {database}"


async def _send(db: Database, brand_id: int) -> Callable[[], Awaitable[bool]]:
    now = datetime.now(UTC)
    written = await news.create(db, brand_id, NewsRequest(template="coffee", text="Coffee"), by="benchmark", now=now)
    await news.start(db, brand_id, written.id, now=now)

    async def is_over() -> bool:
        return bool((await db.fetch("SELECT state FROM news"))[0][0] == "done")

    return is_over


if __name__ == "__main__":
    for figure in figures():
        print(figure)
