"""The link to a card goes through the gateway with one button, where there is one; not too often, and not to be seen whole."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from passkit.apple.signing import Signers
from store import messaging, outgoing, people
from store.dialect import Database
from store.people import Role
from tests.handlers.conftest import Card, House, opened
from tests.handlers.studio import Browser, browser_of, text, user

PHONE = "+79161234567"


@pytest_asyncio.fixture
async def club(db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    phone = b'  phone:   {type: phone, label: Phone, default: "", personal: true}\nfields:\n'
    template = lean["template.yaml"].replace(b"fields:\n", phone, 1)
    async with opened(db, signers, {**lean, "template.yaml": template}) as house:
        yield house


async def gateway(house: House) -> None:
    given = {"url": "https://sms.example.com/?to={phone}&text={text}"}
    await messaging.set_gateway(house.db, house.brand_id, given, datetime.now(UTC))


async def publisher(house: House) -> Browser:
    who = await user(house, "p@example.com", Role.PUBLISHER, password=None)
    return await browser_of(house, who, verified=True)


async def settled(house: House, fate: outgoing.Fate) -> outgoing.Due:
    (due,) = await outgoing.claim(house.db, owner="test", room=5, lease=timedelta(minutes=1))
    await outgoing.settle(house.db, owner="test", due=due, fate=fate)
    return due


async def test_a_card_s_link_is_sent_from_its_page_and_the_answer_shown(club: House):
    card: Card = await club.issue(data={"phone": PHONE})
    browser, path = await publisher(club), f"/studio/cards/{card.serial}"
    assert "Send the link to" not in text(await browser.get(path)), "there is no gateway yet"
    assert (await browser.post(f"{path}:send")).status == 409
    await gateway(club)
    page = await browser.get(path)
    assert "Send the link to +7 ••• •••-••-67" in text(page)
    sent = await browser.post(f"{path}:send")
    place = sent.headers["Location"].partition("#")[0]
    assert "On its way" in text(await browser.get(place))
    due = await settled(club, outgoing.Fate(True))
    assert (due.to, due.kind, due.text.endswith(card.install_path)) == (PHONE, "link", True)
    assert "Accepted" in text(await browser.get(place))
    assert (await browser.post(f"{path}:send")).status == 303
    assert (await browser.post(f"{path}:send")).status == 303
    assert "often enough" in text(await browser.post(f"{path}:send"))
    lines = await people.lines(club.db, club.brand_id, people.Filter(action="card.link_sent"))
    assert [line.subject for line in lines] == [card.answer["number"]] * 3


async def test_the_desk_sends_it_too_and_its_page_looks_by_itself(club: House):
    await gateway(club)
    browser = await publisher(club)
    given = await browser.post("/studio/desk:give", {"template": "coffee", "phone": PHONE})
    path = given.headers["Location"]
    assert "Send the link to +7 ••• •••-••-67" in text(await browser.get(path))
    sent = await browser.post(f"{path}:send")
    waiting = (await browser.get(sent.headers["Location"])).body.decode()
    fragment = re.search(r'hx-get="(/studio/desk/letters/\d+)"', waiting)
    assert fragment is not None
    await settled(club, outgoing.Fate(False, "HTTP 400"))
    part = await browser.get(fragment[1], **{"HX-Request": "true"})
    assert "Not sent: HTTP 400." in text(part)
    assert "hx-get" not in part.body.decode(), "it looks no more"


async def test_a_card_without_a_phone_and_one_that_is_over_have_no_button(club: House):
    await gateway(club)
    browser = await publisher(club)
    bare = await club.issue()
    over = await club.issue(data={"phone": PHONE})
    await browser.post(f"/studio/cards/{over.serial}:void")
    for card in (bare, over):
        assert "Send the link to" not in text(await browser.get(f"/studio/cards/{card.serial}"))
        assert (await browser.post(f"/studio/cards/{card.serial}:send")).status == 409
    assert await outgoing.recent(club.db, club.brand_id) == []
