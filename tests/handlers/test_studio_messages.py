"""Messages: contacts with a way back, a gateway that nobody can read again, and a test whose real answer is shown."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from handlers.keys import MessageWays
from passkit.apple.signing import Signers
from store import messaging, outgoing, people
from store.dialect import Database
from store.messaging import Contacts
from store.people import Role
from tests.handlers.conftest import House, opened
from tests.handlers.studio import Browser, browser_of, text, user

KEY = "SESAME-17"
URL = f"https://sms.example.com/send?key={KEY}&to={{phone}}&text={{text}}"


@pytest_asyncio.fixture
async def studio(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    ways = MessageWays(mail_server="mail.example.com", mail_from="cards@example.com", mails=("ops@example.com",))
    async with opened(local_db, signers, lean, messages=ways) as house:
        yield house


@pytest_asyncio.fixture
async def admin(studio: House) -> Browser:
    who = await user(studio, "admin@example.com", Role.ADMIN, password=None)
    return await browser_of(studio, who, verified=True)


async def actions(house: House) -> list[tuple[str, str]]:
    lines = await people.lines(house.db, house.brand_id, people.Filter())
    return [(line.action, line.subject) for line in reversed(lines) if line.action.startswith("messages.")]


async def test_contacts_come_and_go_and_come_back(studio: House, admin: Browser):
    for to in ("anna@example.com", "8 916 123-45-67", "anna@example.com"):
        assert (await admin.post("/studio/messages/contacts", {"to": to})).status == 303
    assert await messaging.contacts(studio.db, studio.brand_id) == Contacts(("anna@example.com",), ("+79161234567",))
    page = text(await admin.get("/studio/messages"))
    for words in ("admin@example.com", "ops@example.com", "anna@example.com", "+7 916 123-45-67", "mail.example.com"):
        assert words in page
    removed = await admin.post("/studio/messages/contacts:remove", {"to": "+79161234567"})
    assert "+7 916 123-45-67 hears of alarms no more" in text(removed)
    assert 'value="+79161234567"' in removed.body.decode(), "the button that undoes it"
    assert (await messaging.contacts(studio.db, studio.brand_id)).phones == ()
    await admin.post("/studio/messages/contacts", {"to": "+79161234567"})
    assert (await messaging.contacts(studio.db, studio.brand_id)).phones == ("+79161234567",)
    assert (await admin.post("/studio/messages/contacts:remove", {"to": "nobody@example.com"})).status == 404
    told = await actions(studio)
    assert [action for action, _ in told].count("messages.contact_removed") == 1
    assert not any("123" in subject for _, subject in told), "a phone is whole in no trail"


@pytest.mark.parametrize("to", ["", "anna", "8 916 12", "@example.com", "a@b@example.com", "anna@example", "a b@c.de"])
async def test_what_is_no_address_is_refused(studio: House, admin: Browser, to: str):
    for path in ("/studio/messages/contacts", "/studio/messages:test"):
        answer = await admin.post(path, {"to": to})
        assert answer.status == 422
        assert "Write an e-mail address" in text(answer)
    assert await messaging.contacts(studio.db, studio.brand_id) == Contacts()


async def test_there_is_an_end_to_contacts(studio: House, admin: Browser):
    full = Contacts(tuple(f"a{number}@example.com" for number in range(messaging.MAX_CONTACTS)))
    await messaging.set_contacts(studio.db, studio.brand_id, full, datetime.now(UTC))
    answer = await admin.post("/studio/messages/contacts", {"to": "one@example.com"})
    assert "At most 20 contacts" in text(answer)
    assert await messaging.contacts(studio.db, studio.brand_id) == full


async def test_a_gateway_is_written_and_read_by_nobody(studio: House, admin: Browser):
    assert "There is no gateway" in text(await admin.get("/studio/messages"))
    headers = json.dumps({"Authorization": f"Bearer {KEY}"})
    kept = await admin.post("/studio/messages/gateway", {"url": URL, "headers": headers, "expect": "OK"})
    assert kept.status == 303
    own = await messaging.gateway(studio.db, studio.brand_id) or {}
    assert (own["url"], own["public"], own["expect"]) == (URL, True, "OK")
    page = await admin.get("/studio/messages")
    assert "The brand's own gateway: sms.example.com" in text(page)
    assert "with headers, checks the answer" in text(page)
    assert KEY not in page.body.decode()
    assert (await admin.post("/studio/messages/gateway:remove")).status == 303
    assert await messaging.gateway(studio.db, studio.brand_id) is None
    assert await actions(studio) == [("messages.gateway_set", "sms.example.com"), ("messages.gateway_removed", "")]


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"url": "sms.example.com"}, "Write it as https"),
        ({"url": "http://sms.example.com/?{phone}{text}"}, "begins with https"),
        ({"url": "https://10.0.0.1/?{phone}{text}"}, "name on the internet"),
        ({"url": "https://sms.example.com/?{phone}"}, "must stand in the address"),
        ({"url": URL, "body": "{"}, "This is no JSON"),
        ({"url": URL, "headers": "[1]"}, "JSON object of texts"),
    ],
)
async def test_a_gateway_that_cannot_work_is_refused_and_not_echoed(
    studio: House, admin: Browser, form: dict[str, str], words: str
):
    answer = await admin.post("/studio/messages/gateway", form)
    assert answer.status == 422
    assert words in text(answer)
    assert KEY not in answer.body.decode()
    assert await messaging.gateway(studio.db, studio.brand_id) is None


async def test_a_test_message_is_queued_and_its_fate_is_told(studio: House, admin: Browser):
    sent = await admin.post("/studio/messages:test", {"to": "admin@example.com"})
    place = sent.headers["Location"].partition("#")[0]
    waiting = await admin.get(place)
    assert "On its way" in text(waiting)
    assert 'http-equiv="refresh"' in waiting.body.decode()
    (due,) = await outgoing.claim(studio.db, owner="t", room=5, lease=timedelta(minutes=1))
    assert (due.to, due.subject) == ("admin@example.com", "Coffee club: a test message")
    later = outgoing.Fate(False, "HTTP 503", timedelta(0))
    await outgoing.settle(studio.db, owner="t", due=due, fate=later)
    assert "Not yet: HTTP 503" in text(await admin.get(place))
    (due,) = await outgoing.claim(studio.db, owner="t", room=5, lease=timedelta(minutes=1))
    await outgoing.settle(studio.db, owner="t", due=due, fate=outgoing.Fate(False, "MAIL_URL is not set"))
    told = text(await admin.get(place))
    assert "Not sent: MAIL_URL is not set." in told
    assert "Test" in told.partition("The last ones")[2]
    assert "http-equiv" not in (await admin.get(place)).body.decode()
