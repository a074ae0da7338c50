"""The mail stand-in speaks with Python's own client, and the gateway keeps what it is sent."""

from __future__ import annotations

import asyncio
import smtplib
from email.message import EmailMessage

import aiohttp
import pytest

from sandbox.gateway import ERROR, GatewayService
from sandbox.mail import MailService


def letter(text: str = "Здравствуйте!\n.точка в начале\n") -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "cards@example.com", "anna@example.com", "Карты: 7 дней"
    mail.set_content(text)
    return mail


def send(url: str, mail: EmailMessage, user: tuple[str, str] | None = None) -> None:
    host, port = url.removeprefix("smtp://").split(":")
    with smtplib.SMTP(host, int(port), timeout=10) as client:
        if user:
            client.login(*user)
        client.send_message(mail)


async def test_pythons_client_delivers_a_mail_dots_and_cyrillic_included():
    async with MailService() as service:
        await asyncio.to_thread(send, service.url, letter())
        (record,) = service.records
        assert (record.sender, record.recipients) == ("cards@example.com", ("anna@example.com",))
        assert record.subject == "Карты: 7 дней"
        assert record.text.splitlines() == ["Здравствуйте!", ".точка в начале"]


async def test_it_refuses_whom_it_is_told_to():
    async with MailService(answers={"anna@example.com": 550}) as service:
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            await asyncio.to_thread(send, service.url, letter())
        assert not service.records


async def test_it_asks_for_a_password_where_it_has_users():
    async with MailService(users={"cards": "right"}) as service:
        with pytest.raises(smtplib.SMTPAuthenticationError):
            await asyncio.to_thread(send, service.url, letter(), ("cards", "wrong"))
        with pytest.raises(smtplib.SMTPSenderRefused):
            await asyncio.to_thread(send, service.url, letter())
        await asyncio.to_thread(send, service.url, letter(), ("cards", "right"))
        assert [record.user for record in service.records] == ["cards"]


async def test_the_gateway_keeps_what_it_is_sent_and_answers_as_told():
    async with GatewayService(answers={"+79160000001": 500, "+79160000002": ERROR}, key="k") as gateway:
        headers = {"Authorization": "Bearer k"}
        async with aiohttp.ClientSession() as session:

            async def ask(to: str, **options: object) -> int:
                given = {"to": to, "text": "Код 1"}
                async with session.get(gateway.url, params=given, **options) as answer:
                    return answer.status

            assert await ask("+79161234567", headers=headers) == 200
            assert await ask("+79161234567") == 401
            assert await ask("+79160000001", headers=headers) == 500
            async with session.post(gateway.url, json={"to": "+79160000002", "text": "x"}, headers=headers) as answer:
                assert (answer.status, (await answer.json())["status"]) == (200, "ERROR")
        assert [(record.method, record.to) for record in gateway.records][-1] == ("POST", "+79160000002")
