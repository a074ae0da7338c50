"""Every page of the studio in a real browser: axe-core finds nothing serious, nothing is too wide, nobody complains.

The pages come from the routes, so a new one is looked at by itself. Each is opened in both languages, on a desktop in one
light and on a telephone in the other. axe-core, which takes the most time, looks at it once, by turns in another language, light
and window: structure and colours are the same in all; what is too wide and what the browser complains about is not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest_asyncio

from commands.limited import LimitedPool
from handlers.studio.access import Open, Screen
from handlers.studio.routes import SCREENS
from passkit.apple.signing import Signers
from store import dialect, people
from store.keyring import Keyring
from store.people import NewOutlet, Role
from tests.handlers.conftest import House, opened
from tests.handlers.studio import browser_of, user
from tests.handlers.test_studio_access import FOREIGN
from tests.journeys.chromium import DESKTOP, PHONE, Person
from tests.judges import need

SERIOUS = ("serious", "critical")
RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
LANGUAGES = ("ru", "en")
LOOKS = {"ru": (("light", DESKTOP), ("dark", PHONE)), "en": (("dark", DESKTOP), ("light", PHONE))}
MORE = ("/studio/templates?archived", "/studio/nowhere")
"""Pages that are no route of their own."""
LONG = "Александра Константинопольская-Преображенская"


@dataclass
class Walk:
    """A furnished house, and where to go in it: (path, whether somebody is signed in)."""

    house: House
    paths: list[tuple[str, bool]]
    admins: dict[str, people.User]


@pytest_asyncio.fixture
async def walk(sqlite_url: str, keyring: Keyring, signers: Signers, coffee: dict[str, bytes]) -> AsyncIterator[Walk]:
    db = await dialect.open(sqlite_url, keyring)
    db.public_url = "http://127.0.0.1"
    pool = LimitedPool()
    async with opened(db, signers, coffee, renderer=pool) as house:
        admins = {
            language: await user(house, f"{language}@example.com", Role.ADMIN, name=LONG, password=None)
            for language in LOOKS
        }
        await furnish(house, people.Actor(LONG))
        pages = [one for one in SCREENS if one.method == "GET"]
        paths = [(await path_of(house, one), one.needs is not Open.ANYBODY) for one in pages]
        yield Walk(house, [*paths, *((path, True) for path in MORE)], admins)
    await pool.close()
    await db.close()


async def furnish(house: House, boss: people.Actor) -> None:
    """Rows with names as long as people give them."""
    now = datetime.now(UTC)
    given = NewOutlet(
        name="Салон красоты «Берёза» на Большой Никитской", address="Москва, Большая Никитская, 24/1, стр. 5"
    )
    outlet = await people.outlets.add(house.db, house.brand_id, given, boss, now)
    await people.workplaces.hire(house.db, house.brand_id, outlet.id, LONG, "4812", boss, now)
    await house.issue(data={"name": LONG, "points": 120, "balance": 4_500_000}, number="8800-555-35-35-8800-555-35-35")


async def path_of(house: House, one: Screen) -> str:
    """The page's path with this brand's rows in it."""
    made = one.path
    for name, make in FOREIGN.items():
        if name in made:
            made = made.replace(name, f"{name.split('/')[0]}/{await make(house, house.brand_id, datetime.now(UTC))}")
    assert "{" not in made, f"{one.path}: add a row to FOREIGN"
    return made


async def test_every_page_can_be_used_by_everybody(walk: Walk, chromium: Any) -> None:
    found = await asyncio.gather(*(look_around(walk, chromium, language) for language in LOOKS))
    assert [*found[0], *found[1]] == []


async def test_the_judges_see_what_is_wrong(chromium: Any) -> None:
    page = await chromium.new_page(viewport=PHONE)
    await page.set_content(
        '<html lang="en"><title>x</title><main><img src="data:,"><table width="900"><td>wide</table></main>'
    )
    await page.evaluate(axe())
    found = await judged(page)
    assert found[0].startswith("image-alt (critical)")
    assert "px wide: <table" in found[1]


def axe() -> str:
    """The judge's own script."""
    return (Path(need("axe-core")) / "axe.min.js").read_text(encoding="utf-8")


async def look_around(walk: Walk, chromium: Any, language: str) -> list[str]:
    """All pages in one language; what is wrong with them."""
    judge = axe()
    found: list[str] = []
    given = {"locale": language, "reduced_motion": "reduce"}
    signed_in = await Person.at(walk.house, chromium, **given)
    stranger = await Person.at(walk.house, chromium, **given)
    await signed_in.carry(await browser_of(walk.house, walk.admins[language], verified=True))
    pages = [(path, signed_in if inside else stranger) for path, inside in walk.paths]
    pages = [(path, person) for path, person in pages if await is_page(person, path)]
    assert len(pages) > len(walk.paths) // 2
    for at, (path, person) in enumerate(pages):
        await person.page.goto(path)
        assert await person.page.get_attribute("html", "lang") == language, path
        await person.page.evaluate(judge)
        for number, (light, window) in enumerate(LOOKS[language]):
            is_turn = at % 4 == 2 * LANGUAGES.index(language) + number
            await person.page.emulate_media(color_scheme=light)
            await person.page.set_viewport_size(window)
            where = f"{path} {language} {light} {window['width']}"
            found += [f"{where}: {one}" for one in await judged(person.page, with_axe=is_turn)]
            for tab in await person.page.query_selector_all("main [role=tab]"):
                await tab.evaluate("it => it.click()")
                found += [
                    f"{where} {await tab.inner_text()}: {one}" for one in await judged(person.page, with_axe=is_turn)
                ]
            await person.page.evaluate(OPEN)
        await person.note_violations()
    return [*found, *signed_in.complaints, *stranger.complaints]


async def is_page(person: Person, path: str) -> bool:
    """Whether the answer is a page to look at: no picture, no part of a page, no JSON for a module, and not another page."""
    headers = {"Accept": "text/html"}
    answer = await person.context.request.get(
        path, max_redirects=0, max_retries=2, headers=headers
    )  # of a reset connection
    is_its_own = answer.status not in (303, 404) or path in MORE
    return is_its_own and (await answer.body()).lstrip()[:15].lower() == b"<!doctype html>"


async def judged(page: Any, *, with_axe: bool = True) -> list[str]:
    """What axe-core finds serious, and what is wider than the window."""
    return list(await page.evaluate(JUDGE, [RULES, SERIOUS, with_axe]))


OPEN = "document.querySelectorAll('main details').forEach(it => { it.open = true; })"
"""So that the second look sees what is folded up, menus too."""
JUDGE = """
async ([rules, serious, withAxe]) => {
  const seen = withAxe ? (await axe.run(document, rules)).violations : [];
  const found = seen.filter(it => serious.includes(it.impact)).map(it =>
    `${it.id} (${it.impact}): ${it.nodes[0].html.slice(0, 200)} ${it.nodes[0].failureSummary.slice(0, 300)}`);
  const width = document.documentElement.scrollWidth;
  const wide = [...document.querySelectorAll("body *")].filter(it => it.getBoundingClientRect().right > innerWidth + 1);
  if (width > innerWidth) found.push(`${width} px wide: ${wide.slice(0, 3).map(it => it.outerHTML.slice(0, 120))}`);
  return found;
}
"""
