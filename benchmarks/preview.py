"""From an edit to the preview of both wallets: what somebody who types in the editor waits for, database and browser apart.

Each round is another state of the draft: the limited process finds its problems (what a save answers with) and draws it for both
wallets, beside one bare build of the same template in this process (parse, compile, fill, without
pictures). So it is in wall time.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.build_sign import BRAND, template_files
from benchmarks.figure import Figure
from commands.limited import LimitedPool
from passkit import data
from passkit.apple import passjson
from passkit.model import Card
from passkit.pictures import Pictures
from passkit.render import compile_revision, fill
from passkit.schema import TEMPLATE_FILE, parse_template

PASSES = Path(__file__).parent.parent / "templates" / "passes"
STARTERS = ("coffee", "retail")
"""A small one, and the largest: two languages, variants, forty fields and texts."""
ROUNDS = 30
BUDGET, TIMES = 300, 3.0
"""Milliseconds; and how many bare builds it may take."""
BARE = "one bare build"
Files = Mapping[str, bytes]


async def figures() -> list[Figure]:
    """Milliseconds from an edit to its preview, and their ratio to a bare build."""
    pool = LimitedPool()
    await pool.start()
    try:
        return [figure for key in STARTERS for figure in await _measured(pool, key)]
    finally:
        await pool.close()


async def _measured(pool: LimitedPool, key: str) -> list[Figure]:
    files = template_files(PASSES / key)
    files = {name: content for name, content in files.items() if not name.endswith(".py")}
    await pool.look(files, BRAND, now=datetime.now(UTC))  # its pictures are drawn once
    rounds = [await _round(pool, _typed(files, number)) for number in range(ROUNDS)]
    waits, bare = (statistics.median(one) for one in zip(*rounds, strict=True))
    ratio = statistics.median(wait / build for wait, build in rounds)
    return [
        Figure(f"edit to preview, {key}", waits * 1000, "ms", target=BUDGET, at_most=True),
        Figure(f"the same, {key}, to {BARE}", bare * 1000, "ms a build", ratio, BARE, TIMES, at_most=True),
    ]


def _typed(files: Files, number: int) -> Files:
    """The files with another name for the card."""
    text = files[TEMPLATE_FILE].replace(b"name: ", b"name: %d " % number, 1)
    return {**files, TEMPLATE_FILE: text}


async def _round(pool: LimitedPool, files: Files) -> tuple[float, float]:
    now = datetime.now(UTC)
    started = time.perf_counter()
    await pool.problems(files, BRAND)
    seen = await pool.look(files, BRAND, language="ru", now=now)
    drawn = time.perf_counter()
    if not seen.is_built:
        raise RuntimeError(f"not drawn: {seen.problems}")
    _build(files, now)
    return drawn - started, time.perf_counter() - drawn


def _build(files: Files, now: datetime) -> None:
    revision = compile_revision(parse_template(files), BRAND, Pictures({}))
    values = data.sample(revision.template)
    card = Card("0" * 32, "1" * 16, "a" * 43, values, language="ru", created_at=now, ring=None)
    passjson.files(fill(revision, card, None, "ru", now))
