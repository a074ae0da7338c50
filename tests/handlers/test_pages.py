"""Every page that the server answers with, to whomever and whatever is wrong: nothing inline, and a policy that stops what is.

The pages come from the router, so a new one is judged by itself; a new name in a path needs a row in ``OWN``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text as sql

from handlers.routes import application
from handlers.studio.routes import SCREENS
from passkit.apple.signing import Signers
from passkit.joinform import Question
from store import brands, joinlinks
from store.audit import Actor
from store.dialect import Database
from store.joinlinks import NewLink
from store.people import Role
from tests.handlers.conftest import Answer, House, opened
from tests.handlers.documents import faults
from tests.handlers.studio import Browser, browser_of, user
from tests.handlers.test_install import ANDROID, DESKTOP, IPHONE
from tests.handlers.test_studio_access import Rows, Town

POLICY = {
    "default-src": {"'none'"},
    "script-src": {"'self'", None},
    "style-src": {"'self'"},
    "img-src": {"'self'", "'self' data:", "'self' data: blob:"},
    "connect-src": {"'self'", None},
    "form-action": {"'none'", "'self'"},
    "frame-ancestors": {"'none'"},
    "base-uri": {"'none'"},
}
"""What a page may ask for, by directive; None: the directive is not there and ``default-src`` stands."""


@dataclass
class Street:
    """A house, an admin's browser, and what stands in the paths of its routes."""

    house: House
    admin: Browser
    own: dict[str, str]
    routes: list[tuple[str, str]]

    def path(self, canonical: str) -> str:
        made = re.sub(r"\{slash\d+\}", "", canonical)
        for name, value in self.own.items():
            made = made.replace(name, value)
        assert "{" not in made, f"{canonical}: add a row to OWN"
        return made


async def _install(house: House, **card: Any) -> str:
    return (await house.issue(**card)).install_path.removeprefix("/")


async def _join(house: House) -> str:
    given = NewLink(
        template="coffee",
        name="Poster",
        slug="poster",
        questions=(Question("wish", "text", {"en": "A wish?"}, required=True),),
    )
    await joinlinks.add(house.db, house.brand_id, given, Actor("test"), datetime.now(UTC))
    return "j/poster"


OWN: dict[str, Callable[[House], Awaitable[str]]] = {"i/{token}": _install, "j/{slug}": _join}
"""What stands in a path -> how this brand's is made; the rest is made up."""
MADE_UP = {
    "{device}": "dev-1",
    "{pass_type}": "pass.made.up",
    "{serial}": "made-up",
    "{brand}": "made-up",
    "{source}": "made-up",
    "{id}": "made-up",
    "{hash}": "00",
    "{key}": "made-up",
    "{name}": "made-up",
    "{colors}": "made-up",
    "{text}": "1",
}


@pytest_asyncio.fixture
async def street(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[Street]:
    async with opened(local_db, signers, lean) as house:
        admin = await browser_of(house, await user(house, "anna@example.com", Role.ADMIN), verified=True)
        own = {name: await make(house) for name, make in OWN.items()} | MADE_UP
        routes = application(house.db, signers, house.options).router.routes()
        plain = {(one.method, one.resource.canonical) for one in routes if one.resource is not None}
        street = Street(house, admin, own, sorted(one for one in plain if not one[1].startswith("/studio")))
        yield street


def judge(answer: Answer, where: str) -> bool:
    """Whether it was a page; then nothing is wrong with it."""
    if not answer.headers.get("Content-Type", "").startswith("text/html"):
        return False
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    for name, allowed in POLICY.items():
        assert policy.pop(name, None) in allowed, (where, name)
    assert policy == {}, where
    assert answer.headers["X-Content-Type-Options"] == "nosniff", where
    assert answer.headers["Referrer-Policy"] in ("no-referrer", "same-origin"), where
    assert "noindex" in answer.headers["X-Robots-Tag"], where
    assert answer.headers["Cache-Control"] in ("private, no-store", "no-store"), where
    assert "Access-Control-Allow-Origin" not in answer.headers, where
    assert faults(answer.body.decode()) == [], where
    return True


@pytest.mark.parametrize("agent", [IPHONE, ANDROID, DESKTOP], ids=["iphone", "android", "desktop"])
async def test_every_answer_to_a_browser_that_is_a_page_runs_nothing_of_its_own(street: Street, agent: str) -> None:
    seen = set()
    for method, canonical in street.routes:
        for asked in dict.fromkeys((method.replace("*", "GET"), "GET", "POST")):
            headers = {"Accept": "text/html", "User-Agent": agent, "Accept-Language": "ru"}
            answer = await street.house.ask(asked, street.path(canonical), headers=headers)
            if judge(answer, f"{asked} {canonical}"):
                seen.add((canonical, answer.status))
    assert {
        ("/i/{token}", 200),
        ("/j/{slug}", 200),
        ("/j/{slug}", 422),
        ("/api", 200),
        ("/static/{name}", 404),
        ("/i/{token}", 405),
    } <= seen


async def test_every_page_of_the_studio_runs_nothing_of_its_own(town: Town) -> None:
    pages = 0
    for one in SCREENS:
        if one.method == "GET":
            path = await town.path(one, town.house.brand_id)
            for browser in (town.browsers[Role.ADMIN], Browser(town.house, "ru")):
                pages += judge(await browser.get(path), path)
    assert pages > len(SCREENS) // 4


async def test_what_the_studio_answers_to_forms_is_no_less_strict(town: Town) -> None:
    """Each form empty, and as nonsense: the page with its errors, the refusal, the toast for htmx."""
    nonsense = dict.fromkeys(("name", "email", "code", "key", "pin", "next", "back"), "<img src=x onerror=alert(1)>")
    pages = 0
    for one in SCREENS:
        if one.method == "GET" or one.path == "/studio/sign-out":
            continue
        path = await town.path(one, town.house.brand_id)
        for form in ({}, {"brand": "coffee", **nonsense}):
            for headers in ({}, {"HX-Request": "true"}, {"Sec-Fetch-Site": "cross-site"}):
                answer = await town.browsers[Role.ADMIN].post(path, form, **headers)
                assert answer.status < 500, one.path
                pages += judge(answer, f"{one.path} {form} {headers}")
    assert pages > 2 * len(SCREENS)


async def test_pages_of_cards_that_are_over_and_of_addresses_that_are_none(street: Street) -> None:
    past = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    over, voided = await street.house.issue(expires_at=past), await street.house.issue()
    await street.house.api("PATCH", f"/cards/{voided.serial}", {"state": "voided"})
    paths = [
        over.install_path,
        voided.install_path,
        f"{over.install_path}/google",
        "/i/none",
        "/nowhere",
        "/studio/nowhere",
    ]
    for path in [*paths, "/i/%3Cscript%3E", "/%00", "/" + "a" * 4000, "/studio/%22onload=x"]:
        for language in ("ru", "en"):
            answer = await street.house.ask("GET", path, headers={"Accept": "text/html", "Accept-Language": language})
            assert judge(answer, path) or answer.status == 303, path


async def test_a_page_about_our_own_mistake_is_no_less_strict(street: Street) -> None:
    async with street.house.db.transaction() as conn:
        await conn.execute(sql("DROP TABLE registrations"))
        await conn.execute(sql("DROP TABLE studio_sessions"))
    statuses = []
    for path in ("/studio/", street.path("/i/{token}"), street.path("/i/{token}/google")):
        answer = await street.admin.get(path)
        statuses.append(answer.status)
        assert judge(answer, path), path
    assert max(statuses) >= 500


@pytest_asyncio.fixture
async def town(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[Town]:
    """A house with an admin; the other brand is of no use here."""
    async with opened(local_db, signers, lean) as house:
        given = {"key": "other", "name": "Other", "pass_type_identifier": "pass.other", "team_identifier": "T"}
        other = await brands.add(house.db, **given, now=datetime.now(UTC))
        await user(house, "keeper@example.com", Role.ADMIN, password=None)
        anna = await user(house, "anna@example.com", Role.ADMIN)
        with closing(Rows(local_db)) as rows:
            yield Town(house, other, {Role.ADMIN: await browser_of(house, anna, verified=True)}, rows)


@pytest.mark.parametrize(
    "html",
    [
        "<p onclick=x>",
        "<p style='color:red'>",
        "<style>p{}</style>",
        "<script>1</script>",
        "<script src=//evil.example/x.js></script>",
        "<script src=/static/a.js>1</script>",
        "<a href='java\nscript:alert(1)'>",
        "<a href=' javascript:alert(1)'>",
        "<a href='data:text/html,x'>",
        "<form><button formaction='vbscript:x'>",
        "<svg><animate attributeName=href values=javascript:1 /></svg>",
        "<svg><a xlink:href='javascript:1'></a></svg>",
        "<meta http-equiv=refresh content='0; url=//evil.example'>",
        "<meta http-equiv=Content-Security-Policy content=''>",
        "<iframe srcdoc=x></iframe>",
        "<base href=//evil.example>",
        "<p hx-on:click=x>",
        "<template><img src=x onerror=1></template>",
        "<noscript><style>p{}</style></noscript>",
    ],
)
def test_the_judge_knows_what_runs(html: str) -> None:
    assert faults(html)


def test_the_judge_lets_pass_what_is_ours() -> None:
    assert (
        faults(
            '<script src="/static/a.js?v=1f" type=module></script><a href="/studio/#x">x</a><img src="data:image/png;base64,">'
        )
        == []
    )
