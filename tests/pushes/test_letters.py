"""Mails and short messages reach the stand-ins as written, are tried again as the answer says, and nothing of them is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from passkit import gateways
from passkit.gateways import Gateway
from pushes import mail
from pushes.gateway import GatewaySender
from pushes.letters import LetterWorker, NotConfigured, Sender, wait
from pushes.mail import MailSender
from sandbox.gateway import ERROR, GatewayService
from sandbox.mail import MailService
from store import brands, outgoing, tables
from store.dialect import Database
from store.outgoing import Channel, Due, Fate, Letter, State
from tests.conftest import PASS_TYPE, TEAM

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
EVIL = "Привет & to=+1900 \r\n.\r\nQUIT {phone} \" ' \\ %00"


def due(text: str = "Hello\n", to: str = "anna@example.com", channel: Channel = Channel.MAIL) -> Due:
    return Due(7, 1, "test", channel, to, "Проверка: карты", text, 1)


def sender(url: str, name: str = "Passbell <cards@example.com>") -> MailSender:
    return MailSender(mail.server_of(url), name, now=lambda: NOW)


async def test_a_mail_arrives_as_it_was_written():
    async with MailService() as service:
        text = "Сертификат заканчивается.\n.dot\n" + "x" * 3000 + "\n"
        assert (await sender(service.url).send(due(text))).is_sent
        (record,) = service.records
        assert record.subject == "Проверка: карты"
        assert record.text.splitlines() == text.splitlines()
        assert record.message["Date"] == "Sun, 22 Nov 2026 12:00:00 +0000"
        assert record.message["Message-ID"] == "<passbell-7@example.com>"
        assert record.recipients == ("anna@example.com",)


@pytest.mark.parametrize(("code", "is_final"), [(550, True), (451, False)])
async def test_a_refused_address_is_final_or_tried_again_and_not_named(code: int, is_final: bool):
    async with MailService(answers={"anna@example.com": code}) as service:
        sent = await sender(service.url).send(due())
        assert (sent.is_sent, sent.is_final) == (False, is_final)
        assert str(code) in sent.reason
        assert "anna" not in sent.reason


async def test_a_wrong_password_is_ours_to_mend_and_a_right_one_works():
    async with MailService(users={"cards": "p:ss@word"}) as service:
        wrong = await sender(service.url.replace("smtp://", "smtp://cards:wrong@")).send(due())
        assert (wrong.is_sent, wrong.is_final) == (False, False)
        assert "535" in wrong.reason
        right = await sender(service.url.replace("smtp://", "smtp://cards:p%3Ass%40word@")).send(due())
        assert right.is_sent


async def test_a_password_does_not_go_in_the_clear_to_another_machine():
    server = mail.server_of("smtp://cards:secret@mail.example.com")
    assert (server.port, server.must_encrypt) == (587, True)
    assert mail.server_of("smtps://cards:secret@mail.example.com").port == 465
    assert "secret" not in repr(server)
    assert not mail.server_of("smtp://mail.example.com").must_encrypt


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "smtp://host/path", "mail.example.com"])
def test_what_is_no_mail_server_is_refused(url: str):
    with pytest.raises(ValueError, match="smtp://"):
        mail.server_of(url)


async def test_a_server_that_is_away_or_hangs_up_is_tried_again():
    async with MailService(greeting=421) as service:
        sent = await sender(service.url).send(due())
    gone = await sender(service.url).send(due())
    assert [(one.is_sent, one.is_final) for one in (sent, gone)] == [(False, False)] * 2


async def test_a_message_can_be_nothing_but_itself_in_an_address_and_in_a_body():
    async with GatewayService(key="k") as service:
        headers = json.dumps({"Authorization": "Bearer k"})
        by_address = gateways.checked(service.url_with_words, None, headers, '"OK"')
        body = '{"to": "{phone}", "text": "{text}", "list": [{"n": 1}]}'
        by_body = gateways.checked(service.url, body, headers)
        for one in (by_address, by_body):
            way = GatewaySender(one)
            assert (await way.send(due(EVIL, "+79161234567", Channel.GATEWAY))).is_sent
            await way.aclose()
        assert [record.method for record in service.records] == ["GET", "POST"]
        assert {(record.to, record.text) for record in service.records} == {("+79161234567", EVIL)}


@pytest.mark.parametrize(
    ("answer", "expect", "is_sent", "is_final"),
    [
        (200, "", True, False),
        (ERROR, "", True, False),
        (ERROR, '"OK"', False, True),
        (400, "", False, True),
        (401, "", False, False),
        (429, "", False, False),
        (503, "", False, False),
        (302, "", False, False),
    ],
)
async def test_a_gateway_s_answer_is_judged(answer: int | str, expect: str, is_sent: bool, is_final: bool):
    async with GatewayService(everything=answer) as service:
        way = GatewaySender(gateways.checked(service.url_with_words, None, None, expect))
        sent = await way.send(due("x", "+79161234567", Channel.GATEWAY))
        await way.aclose()
        assert (sent.is_sent, sent.is_final) == (is_sent, is_final)


@pytest.mark.parametrize(
    ("url", "body", "headers"),
    [
        ("http://sms.example.com/?to={phone}&text={text}", None, None),
        ("https://{phone}.example.com/?text={text}", None, None),
        ("https://sms.example.com/?to={phone}", None, None),
        ("https://sms.example.com/", '{"text": "{text}"}', None),
        ("https://sms.example.com/", "{text} {phone}", None),
        ("https://sms.example.com/?to={digits}&text={text}", None, '["x"]'),
        ("ftp://sms.example.com/?to={digits}&text={text}", None, None),
    ],
)
def test_a_gateway_that_cannot_work_is_refused(url: str, body: str | None, headers: str | None):
    with pytest.raises(ValueError, match=r"\w"):
        gateways.checked(url, body, headers)


PUBLIC = "https://sms.example.com/?to={phone}&text={text}"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/?to={phone}&text={text}",
        "https://127.0.0.1/?to={phone}&text={text}",
        "https://[::1]/?to={phone}&text={text}",
        "https://localhost/?to={phone}&text={text}",
        "https://0x7f.1/?to={phone}&text={text}",
        "https://till/?to={phone}&text={text}",
    ],
)
def test_a_brand_s_admin_cannot_name_a_machine_of_the_house(url: str):
    with pytest.raises(ValueError, match=r"https|internet"):
        gateways.checked(url, None, None, public=True)


@pytest.mark.parametrize("found", [[], ["127.0.0.1"], ["10.0.0.1", "93.184.216.34"], ["::ffff:127.0.0.1"]])
async def test_a_name_that_leads_into_the_house_is_not_called(found: list[str]):
    async def look_up(host: str) -> list[tuple[str, int]]:
        assert host == "sms.example.com"
        return [(address, 443) for address in found]

    way = GatewaySender(gateways.of_brand(gateways.stored(gateways.checked(PUBLIC, None, None, public=True))), look_up)
    sent = await way.send(due("x", "+79161234567", Channel.GATEWAY))
    await way.aclose()
    assert (sent.is_sent, sent.is_final) == (False, True)
    assert "public" in sent.reason


async def test_a_public_gateway_is_called_where_it_was_looked_up_and_in_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pushes.gateway.is_public", lambda address: True)

    async def look_up(host: str) -> list[tuple[str, int]]:
        return [("127.0.0.1", 443)]

    async with GatewayService() as service:
        url = service.url_with_words.replace("127.0.0.1", "sms.example.com")
        assert "sms.example.com" in url
        way = GatewaySender(Gateway(url, is_public=True), look_up)
        assert (await way.send(due(EVIL, "+79161234567", Channel.GATEWAY))).is_sent
        await way.aclose()
        assert [(record.to, record.text) for record in service.records] == [("+79161234567", EVIL)]


# The queue and its worker.


@pytest_asyncio.fixture
async def brand_id(db: Database) -> int:
    row = await brands.add(
        db, key="shop", name="Shop", pass_type_identifier=PASS_TYPE, team_identifier=TEAM, now=NOW, languages=["ru"]
    )
    return row.id


Queue = Callable[..., Awaitable[int]]


@pytest.fixture
def queue(db: Database, brand_id: int) -> Queue:
    async def queued(to: str = "anna@example.com", good_for: timedelta = timedelta(hours=1)) -> int:
        async with db.transaction() as conn:
            letter = Letter("test", Channel.MAIL, to, "Words", "Subject", good_for)
            return (await outgoing.want(db, conn, brand_id, [letter], NOW))[0]

    return queued


def worker(db: Database, way: Sender | None, owner: str = "w") -> LetterWorker:
    async def sender_for(letter: Due) -> Sender:
        if way is None:
            raise NotConfigured("MAIL_URL is not set")
        return way

    return LetterWorker(db, sender_for, owner=owner)


async def test_what_is_queued_is_sent_once_and_its_words_are_forgotten(db: Database, brand_id: int, queue: Queue):
    letter = await queue()
    async with MailService() as service:
        one, other = worker(db, sender(service.url), "one"), worker(db, sender(service.url), "other")
        assert sum(await asyncio.gather(one.send_due(), other.send_due())) == 1
        assert await one.send_due() == 0
        assert len(service.records) == 1
    status = await outgoing.status(db, brand_id, letter)
    assert (status.state, status.attempts) == (State.SENT, 1)
    async with db.reading() as conn:
        row = (await conn.execute(select(tables.outgoing))).one()
    assert row.content_encrypted == b""
    assert b"anna" not in row.to_encrypted


async def test_a_refusal_is_told_and_a_fault_is_tried_again_later(db: Database, brand_id: int, queue: Queue):
    refused, put_off = await queue("gone@example.com"), await queue("slow@example.com")
    async with MailService(answers={"gone@example.com": 550, "slow@example.com": 451}) as service:
        assert await worker(db, sender(service.url)).send_due() == 2
        assert await worker(db, sender(service.url)).send_due() == 0
    assert (await outgoing.status(db, brand_id, refused)).state is State.FAILED
    assert (await outgoing.status(db, brand_id, put_off)).state is State.WAITING


async def test_without_a_way_out_it_says_which_setting_makes_one(db: Database, brand_id: int, queue: Queue):
    letter = await queue()
    await worker(db, None).send_due()
    status = await outgoing.status(db, brand_id, letter)
    assert (status.state, status.reason) == (State.FAILED, "MAIL_URL is not set")


async def test_a_dead_worker_s_letter_is_another_s_after_its_lease(db: Database, brand_id: int, queue: Queue):
    await queue()
    (claimed,) = await outgoing.claim(db, owner="dead", room=5, lease=timedelta(seconds=-1))
    (again,) = await outgoing.claim(db, owner="alive", room=5, lease=timedelta(minutes=1))
    assert (again.id, again.attempts) == (claimed.id, 2)
    await outgoing.settle(db, owner="dead", due=claimed, fate=Fate(True))
    assert (await outgoing.status(db, brand_id, claimed.id)).state is State.WAITING


async def test_a_letter_that_is_of_no_use_any_more_is_not_sent(db: Database, brand_id: int, queue: Queue):
    letter = await queue(good_for=timedelta(seconds=-1))
    async with MailService() as service:
        assert await worker(db, sender(service.url)).send_due() == 0
        assert not service.records
    assert (await outgoing.status(db, brand_id, letter)).state is State.LATE


async def test_the_worker_wakes_at_once_and_ends_when_told(db: Database, queue: Queue):
    async with MailService() as service:
        letters = worker(db, sender(service.url))
        db.on_jobs.append(letters.wake)
        running = asyncio.create_task(letters.run())
        await queue()
        async with asyncio.timeout(10):
            while not service.records:
                await asyncio.sleep(0.01)
        letters.stop()
        async with asyncio.timeout(10):
            await running


def test_waits_grow_and_stay_within_half_an_hour():
    waits = [wait(attempts, 0.5).total_seconds() for attempts in range(1, 40)]
    assert waits == sorted(waits)
    assert 2 <= waits[0] <= 5
    assert waits[-1] <= 1800
