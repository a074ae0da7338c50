"""Join links as a browser without scripts meets them: the form, what is wrong with it, the code, the card, and nothing told."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
import pytest_asyncio
from PIL import Image
from structlog.testing import capture_logs

from passkit.apple.signing import Signers
from passkit.joinform import Question
from store import cards, consents, joinlinks, messaging, outgoing, templates
from store.audit import Actor
from store.cards import NewCard
from store.dialect import Database
from store.joinlinks import Link, NewLink
from tests.handlers.conftest import Answer, House, opened
from tests.handlers.test_install import Page

YAML = """
key: club
style: storeCard
name: Club
languages: [ru, en]
colors: {background: "#1f4d3a", foreground: "#ffffff"}
variables:
  name:   {type: text, label: Name, default: "", personal: true, ask: "What is your name?"}
  phone:  {type: phone, label: Phone, default: "", personal: true, ask: {question: Your phone, required: true}}
  level:  {type: text, label: Level, default: basic, choices: [basic, gold], ask: true}
  points: {type: integer, label: Points, default: 0}
fields:
  header: [{key: points, label: Points, value: "{{ points }}"}]
  secondary: [{key: holder, label: Name, value: "{{ name }}"}]
consents:
  processing: {text: I agree., link: "https://example.com/privacy"}
  marketing: News please.
images: {icon: icon.png}
"""
RU = '"What is your name?": Как вас зовут?\nI agree.: Я согласна.\n'
FORM = {"data.phone": "8 916 123-45-67", "data.name": "Анна", "consent.processing": "yes"}
PHONE = "+79161234567"


@pytest_asyncio.fixture
async def club(db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    """A brand with a second template that has a form."""
    async with opened(db, signers, lean) as house:
        icon = io.BytesIO()
        Image.new("RGB", (87, 87), "#1f4d3a").save(icon, "PNG")
        files = {"template.yaml": YAML.encode(), "strings/ru.yaml": RU.encode(), "icon.png": icon.getvalue()}
        now = datetime.now(UTC)
        await templates.import_files(db, house.brand_id, files, now)
        await templates.publish(db, house.brand_id, "club", now=now)
        yield house


@pytest_asyncio.fixture
async def link(club: House) -> Link:
    given = NewLink(
        template="club", name="Poster", slug="poster", questions=(Question("wish", "text", {"en": "A wish?"}),)
    )
    return await joinlinks.add(club.db, club.brand_id, given, Actor("test"), datetime.now(UTC))


async def gateway(club: House) -> None:
    given = {"url": "https://sms.example.com/?to={phone}&text={text}"}
    await messaging.set_gateway(club.db, club.brand_id, given, datetime.now(UTC))


async def sent(club: House, given: Mapping[str, str], path: str = "/j/poster", language: str = "en") -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": language}
    return await club.ask("POST", path, data=urlencode(given), headers=headers)


async def look(club: House, path: str, language: str = "en") -> tuple[Answer, Page]:
    answer = await club.ask("GET", path, headers={"Accept-Language": language})
    return answer, Page(answer.body.decode())


def fields(page: Page) -> dict[str, str]:
    return {str(one["name"]): one.get("value") or "" for one in page.all("input") if one.get("type") == "hidden"}


async def code_sent(club: House) -> str:
    (due,) = await outgoing.claim(club.db, owner="test", room=5, lease=timedelta(minutes=1))
    await outgoing.settle(club.db, owner="test", due=due, fate=outgoing.Fate(True))
    assert due.to == PHONE
    found = re.search(r"\d{6}", due.text)
    assert found is not None
    return found[0]


async def test_the_form_asks_what_the_template_marks_in_both_languages_and_nothing_is_ticked(club: House, link: Link):
    answer, page = await look(club, "/j/poster")
    assert answer.status == 200
    names = [one["name"] for one in [*page.all("input"), *page.all("select")]]
    assert set(names) == {
        "form", "data.name", "data.phone", "data.level", "own.wish", "consent.processing", "consent.marketing",
    }  # fmt: skip
    assert "What is your name?" in page.text
    assert not any("checked" in one for one in page.all("input"))
    assert [one["href"] for one in page.all("a")] == ["https://example.com/privacy"]
    _, russian = await look(club, "/j/poster", "ru")
    assert "Как вас зовут?" in russian.text
    assert "Я согласна." in russian.text
    assert "Получить карту" in russian.text


async def test_every_field_has_a_label_and_no_script_or_style_of_the_page_s_own(club: House, link: Link):
    answer, page = await look(club, "/j/poster")
    labels = {one["for"] for one in page.all("label")}
    visible = [one for one in page.all("input") if one.get("type") != "hidden"] + page.all("select")
    assert {one["id"] for one in visible} == labels
    html = answer.body.decode()
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", html)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "Set-Cookie" not in answer.headers
    for address in [one["href"] for one in page.all("link")] + [one["src"] for one in page.all("img")]:
        assert (await club.ask("GET", str(address))).status == 200, address


async def test_a_filled_form_leads_to_the_card_with_what_it_said(club: House, link: Link):
    answer = await sent(club, {**FORM, "data.level": "gold", "own.wish": "Чай", "consent.marketing": "yes"})
    assert answer.status == 303
    place = answer.headers["Location"]
    assert re.fullmatch(r"/i/[A-Za-z0-9_-]{28}", place)
    (card,) = (await cards.listing(club.db, club.brand_id)).cards
    assert (card.data["name"], card.data["phone"], card.data["level"]) == ("Анна", PHONE, "gold")
    assert (card.language, card.channel) == ("en", "join")
    assert {one.kind: one.given for one in (await consents.of_card(club.db, card.card_id)).values()} == {
        "processing": True,
        "marketing": True,
    }
    page = (await club.ask("GET", place)).body.decode()
    assert "consent." not in page, "who has agreed is not asked again"


async def test_a_wrong_form_comes_back_with_what_was_typed_and_what_to_mend(club: House, link: Link):
    given = {"data.phone": "8 916", "data.name": "<b>Анна", "own.wish": "\x00", "form": "same-form"}
    answer = await sent(club, given)
    page = Page(answer.body.decode())
    assert answer.status == 422
    by_name = {one.get("name"): one for one in page.all("input")}
    assert by_name["data.name"]["value"] == "<b>Анна"
    assert by_name["data.phone"]["aria-invalid"] == "true"
    assert "no complete phone number" in page.text
    assert "without it there is no card" in page.text
    assert by_name["form"]["value"] == "same-form"
    assert "<b>" not in answer.body.decode()
    assert (await cards.listing(club.db, club.brand_id)).cards == ()


async def test_a_form_pressed_twice_gives_one_card(club: House, link: Link):
    _, page = await look(club, "/j/poster")
    given = {**FORM, **fields(page)}
    first, second = await sent(club, given), await sent(club, given)
    assert first.headers["Location"] == second.headers["Location"]
    assert len((await cards.listing(club.db, club.brand_id)).cards) == 1


async def test_without_a_gateway_a_known_phone_looks_like_any_other(club: House, link: Link):
    new = NewCard(template="club", data={"phone": PHONE, "points": 500, "name": "Anna"})
    known = (await cards.issue(club.db, club.brand_id, new, datetime.now(UTC))).card
    answers = [await sent(club, FORM), await sent(club, {**FORM, "data.phone": "8 916 000-00-01"})]
    assert [answer.status for answer in answers] == [303, 303]
    assert len({tuple(sorted(set(answer.headers) - {"Date"})) for answer in answers}) == 1
    places = {answer.headers["Location"] for answer in answers}
    assert len(places) == 2
    assert f"/i/{known.install_token}" not in places
    page = (await club.ask("GET", answers[0].headers["Location"] + "/card.svg")).body.decode()
    assert "500" not in page


async def test_with_a_gateway_a_known_phone_proves_itself_by_a_code(club: House, link: Link):
    await gateway(club)
    new = NewCard(template="club", data={"phone": PHONE, "points": 500, "name": "Anna"})
    known = (await cards.issue(club.db, club.brand_id, new, datetime.now(UTC))).card
    answer = await sent(club, FORM)
    page = Page(answer.body.decode())
    assert answer.status == 200
    assert "+7 ••• •••-••-67" in page.text.replace("\u00a0", " ")
    assert "Anna" not in page.text
    hidden = fields(page)
    code = await code_sent(club)
    wrong = await sent(club, {**hidden, "again": "", "code": "x" + code}, "/j/poster/code")
    assert wrong.status == 422
    assert "Tries left: 4" in Page(wrong.body.decode()).text
    soon = await sent(club, {"token": hidden["token"], "again": "1"}, "/j/poster/code")
    assert soon.status == 429
    right = await sent(club, {"token": hidden["token"], "code": f"{code[:3]} {code[3:]}"}, "/j/poster/code")
    assert (right.status, right.headers["Location"]) == (303, f"/i/{known.install_token}")
    over = await sent(club, {"token": hidden["token"], "code": code}, "/j/poster/code")
    assert over.status == 410
    assert any(one["href"] == "/j/poster" for one in Page(over.body.decode()).all("a"))


async def test_a_link_that_is_no_more_says_so_kindly(club: House, link: Link):
    await joinlinks.archive(club.db, club.brand_id, link.id, Actor("test"), datetime.now(UTC))
    for path in ("/j/poster", "/j/unknown", "/j/..%2f", "/j/%00"):
        answer, page = await look(club, path, "ru")
        assert answer.status == 404
        assert "Эта ссылка больше не работает" in page.text, path
    assert (await sent(club, FORM)).status == 404
    assert (await club.ask("GET", "/j/poster/card.svg")).status == 404


async def test_an_address_sends_only_so_many_forms(club: House, link: Link, monkeypatch: pytest.MonkeyPatch):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "X-Forwarded-For": "203.0.113.9"}
    from handlers import addresses

    monkeypatch.setattr(addresses, "client", lambda *_: "203.0.113.9")
    answers = [await club.ask("POST", "/j/poster", data="data.name=x", headers=headers) for _ in range(42)]
    assert [answer.status for answer in answers[:40]] == [422] * 40
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert "Please wait" in answers[-1].body.decode()


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"data.phone=%FF", b"x" * 40_000, b"&".join(b"a%d=1" % n for n in range(600)), b""]
)
async def test_what_is_no_form_is_refused_and_breaks_nothing(club: House, link: Link, body: bytes):
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}
    answer = await club.ask("POST", "/j/poster", data=body, headers=headers)
    assert answer.status in (400, 413, 422)


async def test_nothing_of_a_person_is_in_an_address_or_a_log_line(club: House, link: Link):
    await gateway(club)
    with capture_logs() as lines:
        answer = await sent(club, {**FORM, "own.wish": "SECRETWISH"})
        await sent(club, {"token": "TOKEN" * 5, "code": "123456"}, "/j/poster/code")
    assert [line["route"] for line in lines] == ["/j/{slug}", "/j/{slug}/code"]
    for word in ("Анна", "9161234567", "123-45-67", "SECRETWISH", "TOKENTOKEN", "poster", answer.headers["Location"]):
        assert word not in str(lines)


async def test_colours_are_in_the_style_sheet_s_address_and_nothing_else_can_be(club: House, link: Link):
    _, page = await look(club, "/j/poster")
    (sheet,) = (str(one["href"]) for one in page.all("link"))
    assert sheet.startswith("/look/1f4d3a-ffffff.css?v=")
    answer = await club.ask("GET", sheet)
    assert answer.headers["Content-Type"].startswith("text/css")
    assert "--brand: #1f4d3a; --brand-ink: #ffffff;" in answer.body.decode()
    assert "@import" not in answer.body.decode()
    assert "url(" not in answer.body.decode()
    pale = (await club.ask("GET", "/look/ffeecc-ffffff.css")).body.decode()
    assert "--brand-ink: #000000" in pale, "white on cream cannot be read"
    for wrong in ("red-blue.css", "1f4d3a-ffffff", "1F4D3A-ffffff.css", "1f4d3a-ffffff.css%7D"):
        assert (await club.ask("GET", f"/look/{wrong}")).status == 404
