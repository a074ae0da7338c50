"""Two hundred template injections on their way through the studio: draft, preview, publish. Each ends as an error, soon.

``tests/passkit/test_injection.py`` has the list and judges the engine, ``tests/commands/test_looks.py`` the limited process; here
the server is asked as a browser asks it (a third of them, in ``make soak`` all), and stays alive and slender.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from commands.limited import LimitedPool
from passkit.apple.signing import Signers
from store import dialect, templates
from store.errors import Invalid
from store.keyring import Keyring
from store.people import Role
from tests.databases import PUBLIC_URL
from tests.handlers.conftest import Answer, House, opened
from tests.handlers.studio import Browser, browser_of, user
from tests.passkit.test_injection import EATING, GENERATED, READING

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAYLOADS = [*READING.strip().splitlines(), *EATING.strip().splitlines(), *GENERATED]
PLACES = {
    "/fields/back/0/value": "{{ news.text }}",
    "/fields/back/0/when": "{{ name }}",
    "/fields/back/0/link": "News",
    "/fields/primary/0/value": "{{ name }}",
    "/organization_name": "{{ brand.name }}",
    "/description": "Loyalty card",
    "/colors/label": "#e8d5b5",
    "/barcode/message": "{{ card.number }}",
    "/locations/0/text": "Coffee is near",
    "/expires": "{{ card.expires_at }}",
}
"""Where they stand in turn, and what honest people write there."""
SECONDS = 1.0
OURS, CHILDS = 96, 768
"""Megabytes: how much this process may grow by all of them, and how large a limited one may ever have been."""


@dataclass
class Editor:
    """A designer with a draft open, who notes how long each answer took."""

    house: House
    browser: Browser
    number: int = 0
    slow: list[str] = field(default_factory=list)

    async def save(self, edits: list[dict[str, Any]]) -> Answer:
        asked = {"brand": "coffee", "base": self.number, "edits": edits}
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Sec-Fetch-Site": "same-origin"}
        answer = await self.browser.ask("POST", "/studio/templates/coffee/edits", json.dumps(asked), **headers)
        self.number = answer.json.get("number", self.number)
        return answer

    async def look(self) -> Answer:
        return await self.browser.get(f"/studio/templates/coffee/preview?number={self.number}")

    async def publish(self) -> bool:
        try:
            await templates.publish(self.house.db, self.house.brand_id, "coffee", now=datetime.now(UTC))
        except Invalid:
            return False
        return True


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(
    tmp_path_factory: pytest.TempPathFactory,
    sqlite_model: Path,
    keyring: Keyring,
    identity: Any,
    lean: dict[str, bytes],
) -> AsyncIterator[Editor]:
    path = tmp_path_factory.mktemp("payloads") / "passbell.db"
    path.write_bytes(sqlite_model.read_bytes())
    db, pool = await dialect.open(f"sqlite:///{path}", keyring), LimitedPool()
    db.public_url = PUBLIC_URL
    try:
        await pool.start()
        async with opened(db, Signers([identity]), lean, renderer=pool) as house:
            dora = await user(house, "dora@example.com", Role.DESIGNER, password=None)
            made = Editor(house, await browser_of(house, dora))
            made.number = (await made.browser.get("/studio/templates/coffee/draft")).json["number"]
            assert (await made.look()).status == 200
            yield made
    finally:
        await pool.close()
        await db.close()


@pytest.mark.parametrize(
    "payloads", [PAYLOADS[::6], pytest.param(PAYLOADS, marks=pytest.mark.soak)], ids=["some", "all"]
)
async def test_each_ends_as_an_error_within_a_second(editor: Editor, payloads: Sequence[str]) -> None:
    before, rows = size("self", "VmRSS"), 0
    waiting = [dict(zip(PLACES, row, strict=False)) for row in batched(payloads, len(PLACES))]
    while waiting:
        written, rows = waiting.pop(0), rows + 1
        told = await tried(editor, written)
        missed = {
            place: payload for place, payload in written.items() if not any(one.startswith(place) for one in told)
        }
        assert told, written
        if len(written) == 1:
            continue  # an error, wherever it is told
        waiting += [{place: payload} for place, payload in missed.items()]
    assert len(PAYLOADS) >= 200
    assert rows < len(payloads) / 2  # most are told where they stand
    assert editor.slow == []
    assert size("self", "VmRSS") - before < OURS
    assert max(size(child, "VmHWM") for child in children()) < CHILDS
    await tried(editor, PLACES, honest=True)


async def tried(editor: Editor, written: Mapping[str, str], *, honest: bool = False) -> list[str]:
    """Save, look and publish with these texts at their places; where errors are told."""
    texts = {**PLACES, **written}
    saved = await timed(editor, editor.save([{"op": "set", "path": at, "value": it} for at, it in texts.items()]))
    if saved.status == 422:
        return [one["pointer"] for one in saved.json["refused"]]
    assert saved.status == 200, saved.body[:300]
    told = [one["pointer"] for one in saved.json["problems"] if one["severity"] == "error"]
    page = await timed(editor, editor.look())
    assert page.status == 200
    is_published = await timed(editor, editor.publish())
    assert is_published is honest is not bool(told), written
    return told


async def timed(editor: Editor, asked: Awaitable[Any]) -> Any:
    """The answer; one that cost more than a second of processor time, ours and the limited process's, is noted."""
    before = spent()
    answer = await asked
    if spent() - before > SECONDS:
        editor.slow.append(str(answer)[:200])
    return answer


def spent() -> float:
    """Seconds of processor time, so that a busy machine judges nobody."""
    ticks = [
        Path(f"/proc/{child}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[11:13] for child in children()
    ]
    return time.process_time() + sum(int(one) for pair in ticks for one in pair) / os.sysconf("SC_CLK_TCK")


def batched(every: Sequence[str], count: int) -> Iterator[Sequence[str]]:
    return (every[at : at + count] for at in range(0, len(every), count))


def size(process: str, name: str) -> int:
    """Megabytes of a process now, or at its largest."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) // 1024


def children() -> list[str]:
    return [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
