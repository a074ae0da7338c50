"""Hostile texts in every field, in a real browser: nothing runs, strangers are asked nothing, the policy stops nothing.

tests/handlers/test_studio_xss.py tries every text in every field; here all of them are on the pages at once, and the pages' own
modules put them where they belong.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import cycle
from typing import Any

import pytest_asyncio

from commands.limited import LimitedPool
from handlers.studio.routes import SCREENS
from passkit.apple.signing import Signers
from store import dialect
from store.keyring import Keyring
from tests.handlers.conftest import opened
from tests.handlers.hostile import bundles
from tests.handlers.test_studio_xss import LENGTH, QUERIES, Stage, fill, furnished
from tests.journeys.chromium import Person

CANARY = (
    "window.__pwned = []; window.__pwn = () => window.__pwned.push(document.currentScript?.outerHTML ?? 'somewhere');"
)
JUDGE = """
() => {
  const runs = it => [...it.attributes].some(({name, value}) => /^(on|hx-on|srcdoc$)/.test(name) ||
    /^(href|src|action|formaction|xlink:href)$/.test(name) && /^[\\s\\0-\\x1f]*(java|vb)script:|^data:text/i.test(value));
  const wrong = [...document.querySelectorAll("*")].filter(it =>
    runs(it) || it.matches("script:not([src^='/static/']):not([type='application/json']), iframe, base, object, embed"));
  return [...window.__pwned, ...window.__violations, ...wrong.map(it => it.outerHTML.slice(0, 200))];
}
"""
"""What ran, what the policy stopped, what could run at the next click."""


@pytest_asyncio.fixture
async def stage(sqlite_url: str, keyring: Keyring, signers: Signers, coffee: dict[str, bytes]) -> AsyncIterator[Stage]:
    db, pool = await dialect.open(sqlite_url, keyring), LimitedPool()
    db.public_url = "http://127.0.0.1"
    try:
        async with opened(db, signers, coffee, renderer=pool) as house:
            yield await furnished(house, coffee["icon.png"])
    finally:
        await pool.close()
        await db.close()


async def test_nothing_of_it_runs_in_a_browser(stage: Stage, chromium: Any) -> None:
    await fill(stage, cycle(bundles(LENGTH)))
    anna = await Person.at(stage.house, chromium)
    await anna.context.add_init_script(CANARY)
    strangers: list[str] = []
    anna.page.on("request", lambda one: strangers.append(one.url) if not is_ours(one.url, stage.house.url) else None)
    anna.page.on("dialog", lambda one: strangers.append(one.message))
    await anna.carry(stage.reader)
    found, pages = [], await paths(stage)
    assert len(pages) > 20
    for path in pages:
        await anna.page.goto(path)
        if await anna.page.locator("#faces").count():
            await anna.page.wait_for_selector("#faces[aria-busy=false] .wallet-card")
        found += [f"{path}: {one}" for one in await anna.page.evaluate(JUDGE)]
    assert found == []
    assert strangers == []
    assert anna.complaints == []


def is_ours(address: str, url: str) -> bool:
    return address.startswith((f"{url}/", "data:", "blob:"))


async def paths(stage: Stage) -> list[str]:
    """Every page of the studio with this stage's rows, and those that customers see."""
    found = [stage.card.install_path, "/j/hostile"]
    for one in SCREENS:
        if one.method == "GET":
            path = one.path
            for name, value in stage.own.items():
                path = path.replace("{" + name + "}", value)
            path += QUERIES.get(one.path, ("",))[-1].format(**stage.own)
            answer = await stage.reader.get(path)
            if answer.status == 200 and answer.body.lstrip()[:15].lower() == b"<!doctype html>":
                found.append(path)
    return found
