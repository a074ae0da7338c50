"""Who hears of certificates, and by what way, is set and tried from the shell."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from commands.settings import SettingsError, parse
from sandbox.gateway import GatewayService
from sandbox.mail import MailService
from tests.commands.conftest import Shell


@contextmanager
def beside(service: Any) -> Iterator[Any]:
    """A stand-in in a loop of its own, for commands that run a loop here."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(service.__aenter__(), loop).result(10)
    try:
        yield service
    finally:
        asyncio.run_coroutine_threadsafe(service.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def brand(shell: Shell) -> str:
    shell.done("migrate")
    shell.done("brand", "add", "shop", "--name", "Coffee", "--pass-type", "pass.com.example.shop", "--team", "ABCDE12345",
               "--languages", "ru", "--time-zone", "Europe/Moscow")  # fmt: skip
    return "shop"


def test_contacts_are_named_shown_and_taken_back(shell: Shell, brand: str):
    shell.done(
        "brand", "alarms", brand, "--mail", "a@example.com", "--mail", "b@example.com", "--phone", "8 916 1234567"
    )
    assert "a@example.com, b@example.com, +79161234567" in shell.done("brand", "alarms", brand)
    assert "ops@example.com, a@example.com" in shell.done("brand", "alarms", brand, ALARM_MAIL="ops@example.com")
    shell.done("brand", "alarms", brand, "--nobody")
    assert shell.done("brand", "alarms", brand).strip().endswith("its admins.")
    assert "+7 916" in shell.refused("brand", "alarms", brand, "--phone", "12")


def test_a_test_mail_is_sent_now_and_its_failure_told(shell: Shell, brand: str):
    with beside(MailService(answers={"gone@example.com": 550})) as service:
        settings = {"MAIL_URL": service.url, "MAIL_FROM": "Passbell <cards@example.com>"}
        assert "Sent to" in shell.done("brand", "alarms", brand, "--test", "anna@example.com", **settings)
        assert [record.subject for record in service.records] == ["Coffee: проверка"]
        assert "550" in shell.refused("brand", "alarms", brand, "--test", "gone@example.com", **settings)
    assert "MAIL_URL is not set" in shell.refused("brand", "alarms", brand, "--test", "anna@example.com")


def test_a_brand_s_own_gateway_goes_before_the_settings(shell: Shell, brand: str, tmp_path: Path):
    with beside(GatewayService()) as usual, beside(GatewayService(key="k")) as own:
        given = {"url": own.url, "body": {"to": "{phone}", "text": "{text}"}, "headers": {"Authorization": "Bearer k"}}
        file = tmp_path / "gateway.json"
        file.write_text(json.dumps(given))
        settings = {"GATEWAY_URL": usual.url_with_words, "GATEWAY_EXPECT": '"OK"'}
        shell.done("brand", "gateway", brand, "--file", str(file))
        shell.done("brand", "alarms", brand, "--test", "89161234567", **settings)
        shell.done("brand", "gateway", brand, "--none")
        shell.done("brand", "alarms", brand, "--test", "89161234567", **settings)
        assert [(len(service.records), service.records[0].to) for service in (usual, own)] == [(1, "+79161234567")] * 2
        file.write_text('{"url": "https://sms.example.com"}')
        assert "{text}" in shell.refused("brand", "gateway", brand, "--file", str(file))


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"MAIL_URL": "mail.example.com"}, "smtp://"),
        ({"MAIL_FROM": "nobody"}, "cards@example.com"),
        ({"ALARM_MAIL": "a b"}, "separated by commas"),
        ({"ALARM_PHONES": "89161234567"}, "+79161234567"),
    ],
)
def test_a_wrong_setting_says_how_to_write_it(environ: dict[str, str], words: str):
    with pytest.raises(SettingsError, match="PASSBELL_") as refused:
        parse({f"PASSBELL_{name}": value for name, value in environ.items()}, lambda path: "")
    assert words in str(refused.value)


def test_a_way_that_is_half_set_stops_the_start(shell: Shell, brand: str):
    url = {"PUBLIC_URL": "http://127.0.0.1:1"}
    assert "MAIL_FROM is not set" in shell.refused("serve", MAIL_URL="smtp://mail.example.com", **url)
    assert "{text}" in shell.refused("serve", GATEWAY_URL="https://sms.example.com/?key=SESAME", **url)
    assert "SESAME" not in shell.err


def test_doctor_says_when_nobody_would_hear_and_whether_the_server_answers(shell: Shell, brand: str):
    shell("doctor")
    assert "nobody is told when a certificate ends" in shell.out
    with beside(MailService()) as service:
        settings = {"MAIL_URL": service.url, "MAIL_FROM": "cards@example.com"}
        shell("doctor", **settings)
        assert "would reach nobody" in shell.out
        shell("doctor", ALARM_MAIL="ops@example.com", **settings)
        assert "go to 1 addresses" in shell.out
        assert "answers" in shell.out
    shell("doctor", **settings)
    assert "cannot be reached" in shell.out
