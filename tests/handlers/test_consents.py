"""A holder's own consents: seen with words, version and time, taken back and given; and a withdrawal that the brand notes."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from handlers.limits import ALLOWANCES, Kind
from passkit.apple.signing import Signers
from store import cards, consents, people
from store.dialect import Database
from store.people import Role
from tests.handlers.conftest import Answer, Card, House, opened
from tests.handlers.studio import Browser, browser_of, text, user
from tests.handlers.test_install import Page

ASKS = b"consents:\n  processing: {text: I agree., link: 'https://example.com/p'}\n  marketing: News please.\n"


@pytest_asyncio.fixture
async def asking(db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    given = {"trusted_proxies": (ipaddress.ip_network("127.0.0.0/8"),)}
    async with opened(db, signers, {**lean, "template.yaml": lean["template.yaml"] + ASKS}, **given) as house:
        yield house


async def card_id(card: Card) -> int:
    return (await cards.view(card.house.db, card.house.brand_id, card.serial)).card_id


async def send(card: Card, **form: str) -> Answer:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept-Language": "en"}
    headers |= {"X-Forwarded-For": "203.0.113.9"}
    body = "&".join(f"{name.replace('_', '.')}={value}" for name, value in form.items())
    return await card.house.ask("POST", card.install_path + "/consents", data=body, headers=headers)


async def look(card: Card, path: str = "/consents", language: str = "en") -> Page:
    answer = await card.house.ask("GET", card.install_path + path, headers={"Accept-Language": language})
    assert answer.status == 200
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"] or not path
    assert not re.search(rb"<script|<style|\sstyle=|\son\w+=", answer.body)
    return Page(answer.body.decode())


async def test_a_holder_takes_news_back_and_gives_it_again_without_a_script(asking: House):
    card = await asking.issue()
    assert "My consents" not in (await look(card, "")).text, "who has not been asked is asked first"
    await send(card, consent_processing="yes", consent_marketing="yes")
    install = await look(card, "")
    assert card.install_path + "/consents" in [one["href"] for one in install.all("a")]
    page = await look(card)
    for words in ("Personal data", "I agree.", "News please.", "version 1", f"{datetime.now(UTC):%Y}"):
        assert words in page.text
    assert [(one["name"], one["value"]) for one in page.all("button")] == [("given", "no")], (
        "only news can be left here"
    )
    assert (await send(card, change="marketing", given="no")).status == 303
    known = (await consents.of_card(asking.db, await card_id(card)))["marketing"]
    assert (known.given, known.place, known.text) == (False, "page", "News please.")
    page = await look(card)
    assert "You do not agree" in page.text
    assert [(one["name"], one["value"]) for one in page.all("button")] == [("given", "yes")]
    await send(card, change="marketing", given="yes")
    history = await consents.history(asking.db, await card_id(card))
    assert [(one.kind, one.given) for one in history] == [
        ("processing", True), ("marketing", True), ("marketing", False), ("marketing", True),
    ]  # fmt: skip
    await send(card, change="marketing", given="yes")
    assert len(await consents.history(asking.db, await card_id(card))) == 4, "nothing new was said"
    assert "Отозвать согласие" in (await look(card, language="ru")).text


@pytest.mark.parametrize("kind", ["processing", "made-up", ""])
async def test_the_page_changes_nothing_but_news(asking: House, kind: str):
    card = await asking.issue()
    await send(card, consent_processing="yes")
    before = await consents.history(asking.db, await card_id(card))
    assert (await send(card, change=kind, given="no")).status == 404
    assert await consents.history(asking.db, await card_id(card)) == before


async def test_a_stranger_s_link_is_the_one_404_and_presses_are_counted(asking: House):
    card = await asking.issue()
    await send(card, consent_processing="yes", consent_marketing="yes")
    for method in ("GET", "POST"):
        assert (await asking.ask(method, "/i/" + "a" * 28 + "/consents", data={"change": "marketing"})).status == 404
    statuses = []
    while 429 not in statuses and len(statuses) < 2 * ALLOWANCES[Kind.JOIN].burst:
        statuses.append((await send(card, change="made-up", given="no")).status)
    assert statuses[-1] == 429
    assert len(statuses) > ALLOWANCES[Kind.JOIN].burst


async def admin_of(house: House, role: Role = Role.ADMIN) -> Browser:
    return await browser_of(house, await user(house, f"{role}@example.com", role, password=None), verified=True)


async def test_the_brand_notes_a_withdrawal_with_how_it_came(asking: House):
    card = await asking.issue()
    await send(card, consent_processing="yes", consent_marketing="yes")
    publisher = await admin_of(asking, Role.PUBLISHER)
    path = f"/studio/cards/{card.serial}"
    assert "before getting the card" in text(await publisher.get(path))
    short = await publisher.post(f"{path}/consents", {"kind": "marketing", "reason": " x "})
    assert short.status == 422
    answer = await publisher.post(f"{path}/consents", {"kind": "marketing", "reason": "By phone"})
    assert answer.status == 303
    known = await consents.of_card(asking.db, await card_id(card))
    assert (known["marketing"].given, known["marketing"].place, known["processing"].given) == (False, "studio", True)
    (line,) = [
        one
        for one in await people.lines(asking.db, asking.brand_id, people.Filter())
        if one.action == "card.consent_withdrawn"
    ]
    assert (line.subject, line.detail["reason"], line.detail["kind"]) == (
        card.answer["number"],
        "By phone",
        "marketing",
    )
    again = await publisher.post(f"{path}/consents", {"kind": "marketing", "reason": "By phone"})
    assert "not given any more" in text(again)
    assert (await publisher.post(f"{path}/consents", {"kind": "x", "reason": "By phone"})).status == 409
    assert "noted here" in text(await publisher.get(path))
    viewer = await admin_of(asking, Role.VIEWER)
    assert "Note a withdrawal" not in text(await viewer.get(path))
