"""Every route of the studio with every role and with another brand's ids: nobody gets what is not theirs.

A new route is walked by itself. A new name in a path needs a row in ``FOREIGN``: how another brand's row of that kind is
made, and what its page would say.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from handlers.studio.access import Open, Screen
from handlers.studio.routes import SCREENS
from passkit.apple.signing import Signers
from sandbox.google_accounts import new_key_file
from store import (
    alarms,
    brands,
    cards,
    certificates,
    gallery,
    google,
    held,
    joinlinks,
    news,
    newsslots,
    outgoing,
    people,
    reviews,
    showings,
    sources,
    sqlite_library,
    tables,
    templates,
    triggers,
)
from store.dialect import Database
from store.newsrequests import NewsRequest
from store.people import COMMAND_LINE, NewOutlet, Role
from store.triggerrows import TriggerRequest
from tests.handlers.conftest import House, opened
from tests.handlers.studio import Browser, browser_of, text, user

ROLES = (None, *Role)
LOOKS = ("passbell-language", "passbell-theme")
SECRET = "Zanzibar"
"""It is in every row of the other brand, and on no page of ours."""


async def _outlet(house: House, brand_id: int, now: datetime) -> Any:
    found = await people.outlets.listing(house.db, brand_id)
    return (
        found[0] if found else await people.outlets.add(house.db, brand_id, NewOutlet(name=SECRET), COMMAND_LINE, now)
    )


async def _outlet_id(house: House, brand_id: int, now: datetime) -> str:
    return str((await _outlet(house, brand_id, now)).id)


async def _outlet_key(house: House, brand_id: int, now: datetime) -> str:
    return str((await _outlet(house, brand_id, now)).key)


async def _employee(house: House, brand_id: int, now: datetime) -> str:
    outlet = await _outlet(house, brand_id, now)
    return str((await people.workplaces.hire(house.db, brand_id, outlet.id, SECRET, "4812", COMMAND_LINE, now)).id)


async def _workplace(house: House, brand_id: int, now: datetime) -> str:
    outlet = await _outlet(house, brand_id, now)
    made = await people.workplaces.add_workplace(house.db, brand_id, outlet.id, SECRET, COMMAND_LINE, now)
    return str(made[0].id)


async def _user(house: House, brand_id: int, now: datetime) -> str:
    found = await people.users.by_email(house.db, "zanzibar@example.com")
    made = found or await user(house, "zanzibar@example.com", Role.ADMIN, brand_id, name=SECRET)
    return str(made.id)


async def _invitation(house: House, brand_id: int, now: datetime) -> str:
    given = {"email": "invited@example.com", "name": SECRET, "role": Role.VIEWER}
    await people.invitations.invite(house.db, brand_id, **given, by=COMMAND_LINE, now=now)
    return str((await people.invitations.waiting(house.db, brand_id, now))[0].id)


async def _brand_key(house: House, brand_id: int, now: datetime) -> str:
    found = await brands.by_id(house.db, brand_id)
    assert found is not None
    return found.key


async def _template(house: House, brand_id: int, now: datetime) -> str:
    found = await gallery.listing(house.db, brand_id)
    made_up = [one.key for one in found if one.name == SECRET]
    if made_up:
        return made_up[0]
    files = await templates.export_files(house.db, house.brand_id, "coffee")
    return (await gallery.add(house.db, brand_id, files, SECRET, COMMAND_LINE, now)).key


async def _card(house: House, brand_id: int, now: datetime) -> str:
    known = {row.key for row in await templates.listing(house.db, brand_id) if row.published_revision}
    if "coffee" not in known:
        files = await templates.export_files(house.db, house.brand_id, "coffee")
        await templates.import_files(house.db, brand_id, files, now)
        await templates.publish(house.db, brand_id, "coffee", now=now)
    new = cards.NewCard("coffee", external_id=f"{SECRET}-1", data={"name": SECRET}, outlet=SECRET, issued_by=SECRET)
    return (await cards.issue(house.db, brand_id, new, now)).card.serial_number


async def _showing(house: House, brand_id: int, now: datetime) -> str:
    card = await cards.view(house.db, brand_id, await _card(house, brand_id, now))
    async with house.db.transaction() as conn:
        return str(await showings.show(conn, brand_id, card.card_id, "user:1", showings.Kind.NEW))


async def _link(house: House, brand_id: int, now: datetime) -> str:
    await _card(house, brand_id, now)
    found = await joinlinks.listing(house.db, brand_id)
    given = joinlinks.NewLink(template="coffee", name=SECRET)
    return str((found[0] if found else await joinlinks.add(house.db, brand_id, given, COMMAND_LINE, now)).id)


async def _news(house: House, brand_id: int, now: datetime) -> str:
    await _card(house, brand_id, now)
    asked = NewsRequest(template="coffee", text={"en": SECRET})
    return (await news.create(house.db, brand_id, asked, by=SECRET, now=now)).id


async def _trigger(house: House, brand_id: int, now: datetime) -> str:
    await _card(house, brand_id, now)
    asked = TriggerRequest(template="coffee", event="installed", text={"en": SECRET})
    return (await triggers.create(house.db, brand_id, asked, by=COMMAND_LINE, now=now)).id


async def _request(house: House, brand_id: int, now: datetime) -> str:
    brand = await brands.by_id(house.db, brand_id)
    assert brand is not None
    return str((await certificates.new_request(house.db, brand, COMMAND_LINE, now)).id)


async def _google_key(house: House, brand_id: int, now: datetime) -> str:
    if not (keys := await google.keys(house.db, brand_id)):
        account = new_key_file(f"{SECRET}@example.com", "https://oauth2.example/token")
        await google.add_key(house.db, brand_id, json.dumps(account).encode(), now)
        keys = await google.keys(house.db, brand_id)
    return keys[0].fingerprint[:16]


async def _letter(house: House, brand_id: int, now: datetime) -> str:
    return str(await alarms.want_test(house.db, brand_id, outgoing.Channel.MAIL, "z@example.com", "en", now))


async def _nothing(house: House, brand_id: int, now: datetime) -> str:
    return "made-up"


async def _slot(house: House, brand_id: int, now: datetime) -> str:
    await _card(house, brand_id, now)
    found = await newsslots.listing(house.db, brand_id)
    if not found:
        made = await newsslots.add(house.db, brand_id, "coffee", 4, time(14), by=COMMAND_LINE, now=now)
        return (await newsslots.put(house.db, brand_id, made.id, SECRET, by=COMMAND_LINE, now=now)).id
    return found[0].id


async def _slot_text(house: House, brand_id: int, now: datetime) -> str:
    key = await _slot(house, brand_id, now)
    waiting = (await newsslots.view(house.db, brand_id, key)).texts
    by = {"by": COMMAND_LINE, "now": now}
    waiting = waiting or (await newsslots.put(house.db, brand_id, key, SECRET, **by)).texts
    return str(waiting[0].id)


async def _brake(house: House, brand_id: int, now: datetime) -> str:
    if not await held.listing(house.db, brand_id):
        await _card(house, brand_id, now)
        card = (await cards.find(house.db, brand_id, cards.CardRef(external_id=f"{SECRET}-1"))).card_id
        await sources.add(house.db, brand_id, SECRET, now)
        source = await sources.by_name(house.db, SECRET)
        assert source is not None
        (template,) = [row.id for row in await templates.listing(house.db, brand_id) if row.key == "coffee"]
        event = held.Event("evt", "card.changed", now, {"card": f"{SECRET}-1", "set": {"name": SECRET}}, [card])
        async with house.db.transaction() as conn:
            await held.keep(house.db, conn, (brand_id, source.id, template), event, "rings", None, now)
    return str((await held.listing(house.db, brand_id))[0].id)


FOREIGN: dict[str, Callable[[House, int, datetime], Awaitable[str]]] = {
    "brand/{key}": _brand_key,
    "invite/{token}": _nothing,
    "outlets/{outlet}": _outlet_id,
    "employees/{employee}": _employee,
    "workplaces/{workplace}": _workplace,
    "people/{user}": _user,
    "invitations/{invitation}": _invitation,
    "templates/{key}": _template,
    "cards/{serial}": _card,
    "codes/{showing}": _showing,
    "keys/{fingerprint}": _google_key,
    "letters/{letter}": _letter,
    "display/{token}": _nothing,
    "made-up/{code}": _nothing,
    "starters/{starter}": _nothing,
    "links/{link}": _link,
    "slots/{slot}": _slot,
    "texts/{text}": _slot_text,
    "approve/{token}": _nothing,
    "news/{news}": _news,
    "triggers/{trigger}": _trigger,
    "held/{brake}": _brake,
    "certificates/{request}": _request,
}
"""What stands in a path -> how the other brand's is made; the answer is what the path says."""


NOTED = ("studio_sessions", "failed_sign_ins")
"""What changes with every click: who was seen when, and what was refused."""


class Rows:
    """Everything that there is but that, so that nothing is done on the way to a refusal."""

    def __init__(self, db: Database) -> None:
        self._connection = sqlite_library.library().connect(db.engine.url.database)
        self._queries = {name: f"SELECT * FROM {name}" for name in tables.metadata.tables if name not in NOTED}
        self._read: tuple[Any, dict[str, list[tuple[Any, ...]]]] = (None, {})

    def now(self) -> dict[str, list[tuple[Any, ...]]]:
        """The rows of each table; read again only when SQLite says that somebody else has written."""
        version = self._connection.execute("PRAGMA data_version").fetchone()
        if version != self._read[0]:
            found = {name: self._connection.execute(query).fetchall() for name, query in self._queries.items()}
            self._read = version, found
        return self._read[1]

    def close(self) -> None:
        self._connection.close()


@dataclass
class Town:
    """A house with two brands, and a browser for each role in the first."""

    house: House
    other: brands.BrandRow
    browsers: dict[Role | None, Browser]
    rows: Rows

    async def path(self, one: Screen, brand_id: int) -> str:
        made = one.path
        for name, make in FOREIGN.items():
            if name in made:
                found = await make(self.house, brand_id, datetime.now(UTC))
                made = made.replace(name, f"{name.split('/')[0]}/{found}")
        assert "{" not in made, f"{one.path}: add a row to FOREIGN"
        return made

    async def ask(self, browser: Browser, one: Screen, path: str, **headers: str) -> Any:
        return await (browser.post(path, **headers) if one.method == "POST" else browser.get(path, **headers))


@pytest_asyncio.fixture
async def town(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[Town]:
    async with opened(local_db, signers, lean) as house:
        given = {"key": "zanzibar", "name": SECRET, "pass_type_identifier": "pass.other", "team_identifier": "T"}
        other = await brands.add(house.db, **given, now=datetime.now(UTC))
        await user(house, "keeper@example.com", Role.ADMIN, name="Keeper", password=None)
        browsers: dict[Role | None, Browser] = {}
        for role in ROLES:
            who = await user(house, f"{role or 'nobody'}@example.com", role, password=None)
            browsers[role] = await browser_of(house, who, verified=True)
        with closing(Rows(local_db)) as rows:
            yield Town(house, other, browsers, rows)


async def test_a_stranger_is_led_to_the_sign_in_and_changes_nothing(town: Town) -> None:
    for one in SCREENS:
        path = await town.path(one, town.house.brand_id)
        before = town.rows.now()
        stranger = Browser(town.house)
        answer = await town.ask(stranger, one, path)
        assert town.rows.now() == before, one.path
        assert not any("passbell" in name and name not in LOOKS for name in stranger.cookies), one.path
        if one.needs is not Open.ANYBODY:
            assert answer.status == 303, one.path
            assert answer.headers["Location"].split("?")[0] == "/studio/sign-in"


@pytest.mark.parametrize("role", ROLES)
async def test_each_role_gets_what_it_may_and_no_more(town: Town, role: Role | None) -> None:
    for one in SCREENS:
        if not isinstance(one.needs, Role):
            continue
        path = await town.path(one, town.house.brand_id)
        before = town.rows.now()
        answer = await town.ask(town.browsers[role], one, path)
        assert answer.status < 500, one.path
        if people.may(role, one.needs):
            assert answer.status != 403, one.path
        else:
            assert answer.status == 403 or (role, one.path) == (Role.DESK, "/studio/"), one.path
            assert town.rows.now() == before, one.path


async def test_another_brands_row_is_not_there_for_the_admin_of_this(town: Town) -> None:
    browser = town.browsers[Role.ADMIN]
    for one in SCREENS:
        if "{" not in one.path:
            continue
        path = await town.path(one, town.other.id)
        before = town.rows.now()
        answer = await town.ask(browser, one, path)
        made_up = await town.ask(
            browser, one, re.sub(r"/(\d+|zanzibar|[A-Za-z0-9]{22}|[0-9a-f]{16})(?=[/:]|$)", "/999999", path)
        )
        assert answer.status in (404, 410), one.path
        assert (answer.status, text(answer)) == (made_up.status, text(made_up)), one.path
        assert SECRET not in answer.body.decode(), one.path
        assert town.rows.now() == before, one.path


async def test_no_page_shows_anything_of_another_brand(town: Town) -> None:
    for make in FOREIGN.values():
        await make(town.house, town.other.id, datetime.now(UTC))
    for one in SCREENS:
        if one.method == "GET" and "{" not in one.path:
            answer = await town.ask(town.browsers[Role.ADMIN], one, one.path)
            assert SECRET not in answer.body.decode(), one.path


async def test_another_brands_row_is_not_there_in_a_form_or_a_query_either(town: Town) -> None:
    db, other, now = town.house.db, town.other.id, datetime.now(UTC)
    outlet, template, serial = [await make(town.house, other, now) for make in (_outlet_key, _template, _card)]
    employee = int(await _employee(town.house, other, now))
    staff = {one.id: one.key for one in await people.workplaces.staff(db, other)}
    plan = (await reviews.review(db, other, template, by=COMMAND_LINE, now=now)).plan_id
    browser, before = town.browsers[Role.ADMIN], town.rows.now()
    asked: tuple[tuple[str, int, dict[str, str]], ...] = (
        ("/studio/links", 422, {"name": "x", "template": template}),
        ("/studio/desk:give", 404, {"template": template, "phone": "+79161234567"}),
        ("/studio/templates/coffee:publish", 409, {"plan": plan}),
        ("/studio/place:pin", 303, {"employee": str(employee), "pin": "4812"}),
        ("/studio/outlets", 409, {"brand": "zanzibar", "name": "x"}),
    )
    for path, status, form in asked:
        answer = await browser.post(path, form)
        assert answer.status == status, path
        assert SECRET not in answer.body.decode(), path
        assert "passbell" not in "".join(answer.headers.getall("Set-Cookie", [])), path
    after = town.rows.now()
    assert [name for name in after if after[name] != before[name]] == ["plans"]  # the refusal is a review of our own
    queries = (
        f"/studio/cards?text={serial}", f"/studio/cards?outlet={outlet}", f"/studio/cards?template={template}",
        f"/studio/reports?outlet={outlet}", f"/studio/reports?employee={staff[employee]}", f"/studio/reports.csv?outlet={outlet}",
        "/studio/audit?actor=command+line", "/studio/corrections?week=2026-11-16",
        f"/studio/templates/coffee/draft?number={other}", "/studio/templates/coffee/compare?before=1&after=1",
    )  # fmt: skip
    for path in queries:
        answer = await browser.get(path)
        assert answer.status < 500, path
        assert SECRET not in answer.body.decode(), path


async def test_a_foreign_page_can_make_nobody_do_anything(town: Town) -> None:
    browser = town.browsers[Role.ADMIN]
    foreign: tuple[dict[str, str], ...] = (
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
    )
    for one in SCREENS:
        if one.method == "GET":
            continue
        path = await town.path(one, town.house.brand_id)
        before = town.rows.now()
        for headers in foreign:
            answer = await browser.ask(one.method, path, data={}, **headers)
            assert answer.status == 403, one.path
            assert "Set-Cookie" not in answer.headers
        assert town.rows.now() == before, one.path


async def test_a_browser_without_fetch_metadata_is_known_by_its_origin(town: Town) -> None:
    browser = town.browsers[Role.ADMIN]
    answer = await browser.ask("POST", "/studio/look", data={"language": "ru"}, Origin=town.house.options.public_url)
    assert answer.status == 303


async def test_what_reaches_phones_needs_the_second_step(town: Town) -> None:
    async with town.house.db.transaction() as conn:
        await conn.execute(update(tables.studio_sessions).values(verified_at=None))
    for one in SCREENS:
        if isinstance(one.needs, Role):
            path = await town.path(one, town.house.brand_id)
            answer = await town.ask(town.browsers[Role.ADMIN], one, path)
            is_led_there = answer.status == 303 and answer.headers["Location"].startswith("/studio/totp")
            assert is_led_there == one.second_step, one.path


async def test_whoever_owes_the_second_step_sees_nothing_but_it(town: Town) -> None:
    async with town.house.db.transaction() as conn:
        await conn.execute(update(tables.studio_sessions).values(waits_for_code=True))
    for one in SCREENS:
        if isinstance(one.needs, Role) or one.needs is Open.SIGNED_IN:
            answer = await town.ask(town.browsers[Role.ADMIN], one, await town.path(one, town.house.brand_id))
            assert answer.headers["Location"].split("?")[0] == "/studio/totp", one.path


KEPT = (".svg", "/file")
"""Pictures that a browser may keep for its own user; they run and show nothing else."""


async def test_every_page_is_kept_framed_and_scripted_by_nobody(town: Town) -> None:
    for one in SCREENS:
        if one.method != "GET":
            continue
        answer = await town.ask(town.browsers[Role.ADMIN], one, await town.path(one, town.house.brand_id))
        if answer.status == 303:
            continue
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'", one.path
        if one.path.endswith(KEPT):
            assert answer.headers["Cache-Control"].startswith("private,"), one.path
            continue
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'", one.path
        if answer.headers["Content-Type"].startswith("text/event-stream"):
            assert "no-store" in answer.headers["Cache-Control"], one.path
            continue
        for name in ("script-src", "style-src", "form-action", "connect-src"):
            assert policy[name] == "'self'", one.path
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "no-store" in answer.headers["Cache-Control"], one.path
        html = answer.body.decode("utf-8", "replace")
        assert not re.search(r"<[^>]+\sstyle=|<style|<[^>]+\son\w+=|javascript:|<script(?![^>]+src=)", html), one.path
