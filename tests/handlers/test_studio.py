"""The studio through a browser's eyes: signing in, the second step, invitations, workplaces, and what its pages say."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
import pytest_asyncio

from handlers.studio.me import local_path
from handlers.studio.texts import TEXTS
from passkit.apple.signing import Signers
from store import brands, home, people, totp
from store.dialect import Database
from store.people import Filter, NewOutlet, Role
from tests.handlers.conftest import House, opened
from tests.handlers.studio import COOKIE, PASSWORD, PLACE, Browser, browser_of, text, user

ROOT = Path(__file__).parent.parent.parent


@pytest_asyncio.fixture
async def shop(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    """A house with an admin."""
    async with opened(local_db, signers, lean) as house:
        await user(house, "anna@example.com", Role.ADMIN)
        yield house


@pytest_asyncio.fixture
async def admin(shop: House) -> Browser:
    browser = Browser(shop)
    assert (await browser.sign_in("anna@example.com")).status == 303
    return browser


def link_in(page: bytes) -> str:
    found = re.search(rb'value="https://cards\.example\.com(/studio/invite/[^"]+)"', page)
    assert found is not None
    return found[1].decode()


async def test_the_cookie_belongs_to_this_host_alone_and_no_script_reads_it(shop: House) -> None:
    browser = Browser(shop)
    answer = await browser.sign_in("anna@example.com")
    assert (answer.status, answer.headers["Location"]) == (303, "/studio/")
    morsel = browser.set_cookies[COOKIE]
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"], morsel["path"]) == (True, True, "Lax", "/")
    assert not morsel["domain"]
    assert len(morsel.value) >= 43
    page = await browser.get("/studio/")
    assert "Cards on phones" in text(page)
    assert morsel.value not in page.body.decode()


async def test_on_this_machine_over_http_the_cookie_has_a_plain_name(
    local_db: Database, signers: Signers, lean: dict[str, bytes]
) -> None:
    local_db.public_url = "http://127.0.0.1:8080"
    async with opened(local_db, signers, lean) as house:
        await user(house, "anna@example.com", Role.ADMIN)
        browser = Browser(house)
        await browser.sign_in("anna@example.com")
        assert browser.cookies.keys() == {"passbell"}
        assert not browser.set_cookies["passbell"]["secure"]
        assert (await browser.get("/studio/")).status == 200


@pytest.mark.parametrize("email", ["anna@example.com", "nobody@example.com"])
async def test_a_wrong_password_is_told_and_too_many_have_to_wait(shop: House, email: str) -> None:
    browser = Browser(shop)
    answers = [await browser.sign_in(email, "wrong") for _ in range(5)]
    assert [answer.status for answer in answers] == [422, 422, 422, 429, 429]
    assert "do not fit together" in text(answers[0])
    assert "Wait 5 seconds" in text(answers[-1])
    assert answers[-1].headers["Retry-After"] == "5"
    assert "Подождите 5 секунд" in text(await Browser(shop, "ru").sign_in(email, PASSWORD))
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/api",
        "/studio/\n",
        "javascript:alert(1)",
        "/studio/\\x",
    ],
)
def test_after_the_sign_in_the_way_leads_nowhere_else(path: str) -> None:
    assert local_path(path) == "/studio/"


async def test_the_way_goes_on_where_it_was_interrupted(shop: House) -> None:
    browser = Browser(shop)
    first = await browser.get("/studio/audit?actor=Anna&since=2026-01-01")
    assert first.headers["Location"].startswith("/studio/sign-in?next=/studio/audit")
    page = await browser.get(first.headers["Location"])
    found = re.search(r'name="next" value="([^"]+)"', page.body.decode())
    assert found is not None
    answer = await browser.sign_in("anna@example.com", next=unescape(found[1]))
    assert answer.headers["Location"] == "/studio/audit?actor=Anna&since=2026-01-01"


async def test_the_second_step_is_set_up_and_asked_ever_after(shop: House, admin: Browser) -> None:
    page = await admin.get("/studio/totp")
    key = re.search(r'class="mono big">([A-Z2-7 ]+)<', page.body.decode())
    assert key is not None
    assert b"<svg" in (await admin.get("/studio/totp/qr.svg")).body
    secret = _secret(key[1])
    assert "does not fit" in text(await admin.post("/studio/totp", {"code": "000000"}))
    before = admin.cookies[COOKIE]
    codes = await admin.post("/studio/totp", {"code": totp.code(secret, totp.step_of(datetime.now(UTC)))})
    assert len(re.findall(r"<li>\w{5}-\w{5}</li>", codes.body.decode())) == 10
    assert admin.cookies[COOKIE] != before
    assert (await admin.get("/studio/")).status == 200

    again = Browser(shop)
    answer = await again.sign_in("anna@example.com", next="/studio/people")
    assert answer.headers["Location"] == "/studio/totp?next=/studio/people"
    assert (await again.get("/studio/people")).headers["Location"].startswith("/studio/totp")
    recovery = re.search(r"<li>(\w{5}-\w{5})</li>", codes.body.decode())
    assert recovery is not None
    done = await again.post("/studio/totp", {"code": recovery[1], "next": "/studio/people"})
    assert done.headers["Location"] == "/studio/people"
    assert (await again.get("/studio/people")).status == 200
    assert "9 recovery codes left" in text(await again.get("/studio/account"))


def _secret(key: str) -> bytes:
    plain = key.replace(" ", "")
    return base64.b32decode(plain + "=" * (-len(plain) % 8))


async def test_an_invited_person_chooses_a_password_and_gets_the_role(shop: House, admin: Browser) -> None:
    given = {"name": "Bob", "email": "bob@example.com", "role": "designer", "brand": "coffee"}
    link = link_in((await admin.post("/studio/people/invite", given)).body)
    assert "bob@example.com" in text(await admin.get("/studio/people"))
    bob = Browser(shop)
    assert "Anna invites you to Coffee club as “Designer”" in text(await bob.get(link))
    weak = await bob.post(link, {"name": "Bob", "password": "short"})
    assert weak.status == 422
    assert 'aria-invalid="true"' in weak.body.decode()
    assert (await bob.post(link, {"name": "Bob B.", "password": PASSWORD})).headers["Location"] == "/studio/"
    assert "Bob B." in text(await bob.get("/studio/"))
    refused = await bob.get("/studio/people")
    assert refused.status == 403
    assert "needs the role “Admin”" in text(refused)
    assert (await Browser(shop).get(link)).status == 410


async def test_whoever_has_an_account_joins_by_signing_in(shop: House, admin: Browser) -> None:
    other = await brands.add(
        shop.db, key="other", name="Other", pass_type_identifier="pass.o", team_identifier="T", now=datetime.now(UTC)
    )
    await user(shop, "bob@example.com", Role.ADMIN, other.id)
    given = {"name": "Bob", "email": "bob@example.com", "role": "viewer"}
    link = link_in((await admin.post("/studio/people/invite", given)).body)
    assert "you are signed in as anna@example.com" in text(await admin.get(link))
    assert (await admin.post(link, {"password": "another password"})).status == 404
    bob = Browser(shop)
    assert f"/studio/sign-in?next={link}" in (await bob.get(link)).body.decode()
    await bob.sign_in("bob@example.com", next=link)
    assert (await bob.post(link)).headers["Location"] == "/studio/"
    home = text(await bob.get("/studio/"))
    assert "Welcome to Coffee club." in home
    assert "Welcome" not in text(await bob.get("/studio/")), "said once"
    assert (await bob.post("/studio/brand/other:switch")).status == 303
    assert "Other" in text(await bob.get("/studio/"))


async def test_a_reset_ends_everything_and_its_link_sets_a_new_password(shop: House, admin: Browser) -> None:
    bob = await user(shop, "bob@example.com", Role.PUBLISHER)
    theirs = await browser_of(shop, bob)
    link = link_in((await admin.post(f"/studio/people/{bob.id}:reset")).body)
    assert (await theirs.get("/studio/")).status == 303
    assert (await Browser(shop).sign_in("bob@example.com")).status == 422
    assert (await theirs.post(link, {"password": "a whole new password"})).headers["Location"] == "/studio/"
    assert (await Browser(shop).sign_in("bob@example.com", "a whole new password")).status == 303


async def test_an_admin_neither_resets_nor_removes_the_last_admin(shop: House, admin: Browser) -> None:
    anna = await people.users.by_email(shop.db, "anna@example.com")
    assert anna is not None
    assert "last admin" in text(await admin.post(f"/studio/people/{anna.id}:remove"))
    assert "last admin" in text(await admin.post(f"/studio/people/{anna.id}:role", {"role": "viewer"}))
    assert (await admin.post(f"/studio/people/{anna.id}:reset")).status == 409
    assert (await admin.get("/studio/people")).status == 200


async def test_a_form_of_another_brand_is_not_taken(shop: House, admin: Browser) -> None:
    answer = await admin.post("/studio/outlets", {"name": "Here", "brand": "another"})
    assert answer.status == 409
    assert "Coffee club now" in text(answer)
    assert await people.outlets.listing(shop.db, shop.brand_id) == []


async def test_an_outlet_s_phone_and_site_are_kept_and_a_site_that_is_none_is_refused(
    shop: House, admin: Browser
) -> None:
    contacts = {"phone": "+7 495 123-45-67", "url": "https://example.com/here"}
    place = (await admin.post("/studio/outlets", {"name": "Here", **contacts})).headers["Location"]
    (outlet,) = await people.outlets.listing(shop.db, shop.brand_id)
    assert outlet.settings == contacts
    page = await admin.get(place)
    assert all(f'value="{given}"' in unescape(page.body.decode()) for given in contacts.values())
    refused = await admin.post(place, {"name": "Here", **contacts, "url": "javascript:alert(1)"})
    assert refused.status == 422
    assert "begins with https://" in text(refused)
    assert (await people.outlets.listing(shop.db, shop.brand_id))[0].settings == contacts


async def test_an_outlet_is_added_with_a_link_from_a_map(shop: House, admin: Browser) -> None:
    assert "Add your first salon" in text(await admin.get("/studio/outlets"))
    place = "https://yandex.ru/maps/213/moscow/?ll=37.617698%2C55.755864&z=16"
    added = await admin.post("/studio/outlets", {"name": "Tverskaya", "address": "Tverskaya 12", "place": place})
    assert "Tverskaya" in text(await admin.get(added.headers["Location"]))
    (outlet,) = await people.outlets.listing(shop.db, shop.brand_id)
    assert (outlet.latitude, outlet.longitude) == (55.755864, 37.617698)
    wrong = await admin.post(f"/studio/outlets/{outlet.id}", {"name": "Renamed", "place": "round the corner"})
    assert wrong.status == 422
    assert "No point was found" in text(wrong)
    assert 'value="round the corner"' in wrong.body.decode(), "what was typed is still there"


async def test_a_workplace_is_paired_and_people_come_by_pin(shop: House, admin: Browser) -> None:
    now = datetime.now(UTC)
    boss = people.Actor("Anna")
    outlet = await people.outlets.add(shop.db, shop.brand_id, NewOutlet(name="Tverskaya"), boss, now)
    assert (await admin.post(f"/studio/outlets/{outlet.id}/employees", {"name": "Olga", "pin": "4812"})).status == 303
    (olga,) = await people.workplaces.staff(shop.db, shop.brand_id)
    page = await admin.post(f"/studio/outlets/{outlet.id}/workplaces", {"workplace": "Tablet"})
    code = re.search(r"\w{4}-\w{4}", text(page))
    assert code is not None

    tablet = Browser(shop)
    assert "does not fit" in text(await tablet.post("/studio/place:pair", {"code": "AAAA-AAAA"}))
    assert (await tablet.post("/studio/place:pair", {"code": code[0]})).status == 303
    assert int(tablet.set_cookies[PLACE]["max-age"]) > 300 * 24 * 3600
    assert "Olga" in text(await tablet.get("/studio/place"))
    assert (await tablet.get("/studio/desk")).headers["Location"].startswith("/studio/place"), "no password here"
    assert "PIN does not fit" in text(await tablet.post("/studio/place:pin", {"employee": str(olga.id), "pin": "0000"}))
    entered = await tablet.post("/studio/place:pin", {"employee": str(olga.id), "pin": "4812"})
    assert entered.headers["Location"] == "/studio/desk"
    assert "Olga" in text(await tablet.get("/studio/desk"))
    assert (await tablet.get("/studio/")).headers["Location"] == "/studio/desk"
    for path in ("/studio/people", "/studio/outlets", "/studio/audit"):
        assert (await tablet.get(path)).status == 403
    assert (await tablet.get("/studio/account")).status == 403
    assert (await tablet.post("/studio/sign-out")).headers["Location"] == "/studio/place"
    assert (await tablet.get("/studio/desk")).status == 303


XSS = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "' onmouseover='alert(1)", "javascript:alert(1)",
    "{{ 7 * 7 }}", "${7*7}", "</title><svg onload=alert(1)>", "{subject}{0}{x.__class__}",
)  # fmt: skip


async def test_what_people_write_stays_text_on_every_page(shop: House, admin: Browser) -> None:
    now = datetime.now(UTC)
    boss = people.Actor(XSS[0])
    for number, hostile in enumerate(XSS):
        outlet = await people.outlets.add(
            shop.db, shop.brand_id, NewOutlet(name=hostile, address=hostile, opening=hostile), boss, now
        )
        await people.workplaces.hire(shop.db, shop.brand_id, outlet.id, hostile, "4812", boss, now)
        await people.workplaces.add_workplace(shop.db, shop.brand_id, outlet.id, hostile, boss, now)
        given = {"email": f"x{number}@example.com", "name": hostile, "role": "viewer"}
        page = await admin.post("/studio/people/invite", given)
        _inert(page.body.decode())
        _inert((await admin.get(f"/studio/outlets/{outlet.id}")).body.decode())
        _inert((await admin.post("/studio/people/invite", {**given, "email": hostile})).body.decode())
        _inert((await Browser(shop).sign_in(hostile, hostile)).body.decode())
        _inert((await Browser(shop).get("/studio/sign-in?next=" + hostile.replace(" ", "%20"))).body.decode())
    await user(shop, "evil@example.com", Role.VIEWER, name=XSS[0])
    for path in ("/studio/", "/studio/people", "/studio/outlets", "/studio/audit", "/studio/audit?actor=" + XSS[1]):
        page = await admin.get(path)
        assert page.status == 200
        _inert(page.body.decode())
    assert "49" not in text(await admin.get("/studio/outlets"))


class _Tags(HTMLParser):
    """The tags of a page as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def _inert(html: str) -> None:
    for tag, attributes in _Tags(html).found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        assert tag != "script" or (attributes.get("src") or "").startswith("/static/")
        assert tag != "img" or (attributes.get("src") or "").startswith("/studio/")
        assert not (attributes.get("href") or "").startswith("javascript:")


async def test_language_and_light_are_kept(shop: House, admin: Browser) -> None:
    await admin.post("/studio/look", {"language": "ru", "next": "/studio/"})
    page = await admin.get("/studio/")
    assert "Карты в телефонах" in text(page)
    assert page.headers["Content-Language"] == "ru"
    elsewhere = Browser(shop)
    await elsewhere.sign_in("anna@example.com")
    assert "Карты в телефонах" in text(await elsewhere.get("/studio/")), "the language is the person's"
    await admin.post("/studio/look", {"theme": "dark", "next": "/studio/"})
    assert '<html lang="ru" data-theme="dark">' in (await admin.get("/studio/")).body.decode()
    await admin.post("/studio/look", {"theme": "", "next": "/studio/"})
    assert '<html lang="ru">' in (await admin.get("/studio/")).body.decode()


async def test_home_counts_cards_on_phones_and_says_whom_each_step_waits_for(shop: House, admin: Browser) -> None:
    designer = await browser_of(shop, await user(shop, "dora@example.com", Role.DESIGNER))
    page = text(await designer.get("/studio/"))
    assert "Apple Wallet 0" in page
    assert "There is no certificate" in page
    assert "Certificate What Apple trusts your cards by waits for Anna" in page
    assert "Logo and pictures A template with your own logo waits for you" in page
    card = await shop.issue()
    await card.register("device-1")
    shop.db.kept(home.Cache).counts.clear()
    page = text(await admin.get("/studio/"))
    assert "Apple Wallet 1" in page
    assert "Installed today 1" in page
    assert "On my phone A card in your own wallet done" in page


async def test_the_audit_trail_reads_as_sentences_and_is_filtered(shop: House, admin: Browser) -> None:
    await admin.post("/studio/outlets", {"name": "Tverskaya"})
    page = text(await admin.get("/studio/audit"))
    assert "Added the outlet Tverskaya" in page
    assert "Operator, by a command" in page
    only = text(await admin.get("/studio/audit?action=outlet.added&actor=Anna"))
    assert "Signed in" not in only.split("When Who What")[1]
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert "Nothing to show" in text(await admin.get(f"/studio/audit?since={tomorrow}"))
    assert (await admin.get("/studio/audit?since=no&before=x&until=9999-99-99")).status == 200


def test_every_action_that_is_recorded_has_its_sentences() -> None:
    sources = [
        path.read_text(encoding="utf-8") for room in ("store", "handlers") for path in (ROOT / room).rglob("*.py")
    ]
    actions = {
        action
        for source in sources
        for said in re.findall(r"(?s:(?:audit|people)\.record\(.*?now=)|\b(?:action|done) = .*", source)
        for action in re.findall(r'"([a-z_]+\.[a-z_]+)"', said)
    }
    assert {"role.changed", "outlet.added", "person.invited", "template.archived"} <= actions
    for action in actions:
        key = f"audit_{action.replace('.', '_')}"
        assert {key, f"{key}_short"} <= TEXTS["en"].keys(), action


async def test_the_trail_of_a_session_names_the_person(shop: House, admin: Browser) -> None:
    await admin.post("/studio/outlets", {"name": "Tverskaya"})
    (line,) = await people.lines(shop.db, shop.brand_id, Filter(action="outlet.added"))
    assert (line.actor, line.subject) == ("Anna", "Tverskaya")


async def test_htmx_and_modules_are_told_in_their_own_way(shop: House) -> None:
    browser = Browser(shop)
    part = await browser.get("/studio/", **{"HX-Request": "true"})
    assert (part.status, part.headers["HX-Redirect"]) == (401, "/studio/sign-in")
    module = await browser.ask("GET", "/studio/", Accept="application/json")
    assert (module.status, module.json["code"]) == (401, "unauthorized")
    dora = await browser_of(shop, await user(shop, "dora@example.com", Role.DESIGNER))
    toast = await dora.get("/studio/people", **{"HX-Request": "true"})
    assert (toast.status, toast.headers["HX-Retarget"]) == (403, "#toasts")
    refused = await dora.ask("GET", "/studio/people", Accept="application/json")
    assert (refused.status, refused.json["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"a=1&" * 600, "application/x-www-form-urlencoded"),
        (b"name=%00", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"x" * 70_000, "application/x-www-form-urlencoded"),
    ],
)
async def test_a_form_that_is_none_is_a_clear_answer(shop: House, admin: Browser, body: bytes, kind: str) -> None:
    answer = await admin.ask(
        "POST", "/studio/outlets", data=body, **{"Content-Type": kind, "Sec-Fetch-Site": "same-origin"}
    )
    assert 400 <= answer.status < 500
    assert "This does not work" in text(answer)


async def test_what_is_not_there_is_a_page_of_the_studio(shop: House, admin: Browser) -> None:
    page = await admin.get("/studio/nothing/here")
    assert page.status == 404
    assert "There is nothing here" in text(page)
    assert "Audit trail" in text(page)
    assert (await Browser(shop).get("/studio/nothing")).status == 404
    assert (await admin.get("/studio")).headers["Location"] == "/studio/"


async def test_an_id_that_is_none_is_found_nowhere(admin: Browser) -> None:
    for number in ("0", "-1", "1e9", "9" * 30, "%00", "１"):
        assert (await admin.get(f"/studio/people/{number}")).status == 404
