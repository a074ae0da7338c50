"""Google Wallet from the shell: issuer, keys, modes, what Google refused; keys that change; what doctor says of it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from commands import doctor, googlekeys, logs, maintenance, serve
from commands.settings import Settings, parse
from commands.shell import database
from passkit.google.callback import PROTOCOL, RootKey
from pushes.worker import ChannelClosed
from sandbox.apns import PushService
from sandbox.google import GoogleService
from sandbox.google_accounts import new_key_file
from store import brands, google
from store.dialect import Database
from tests.commands.conftest import Shell
from tests.commands.processes import Process, free_port
from tests.pushes.wallets import EMAIL, ISSUER, dead_port, key_file

NEWER = "newer@demo.iam.gserviceaccount.com"


@pytest.fixture(scope="session")
def newer_key() -> dict[str, str]:
    return new_key_file(NEWER, "")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key file as Google Cloud's console gives it."""
    file = tmp_path / "key.json"
    file.write_text(json.dumps(key_file()))
    return file


@pytest_asyncio.fixture
async def service() -> AsyncIterator[GoogleService]:
    async with GoogleService(rate=0) as running:
        running.enlist(key_file(), ISSUER)
        yield running


def urls(service: GoogleService) -> dict[str, str]:
    return {
        "GOOGLE_URL": service.url,
        "GOOGLE_TOKEN_URL": service.token_url,
        "GOOGLE_CALLBACK_KEYS_URL": service.keys_url,
    }


def settings_of(shell: Shell, **more: str) -> Settings:
    environ = shell.environ | {f"PASSBELL_{name}": value for name, value in more.items()}
    return parse(environ, lambda path: Path(path).read_text())


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    logs.silence()
    async with database(settings) as db:
        yield db


# Commands.


def test_a_brand_gets_its_issuer_its_key_and_its_mode(installed: Shell, key: Path):
    said = installed.done("google", "set", "--issuer", ISSUER, "--key", str(key), "--mode", "test", "--tester", "c-1")
    assert "test" in said
    assert f"add {EMAIL} as a user in the Pay & Wallet Console" in said
    listed = installed.done("google", "list")
    for word in (ISSUER, "test", "c-1", EMAIL):
        assert word in listed
    assert "known already" in installed.done("google", "set", "--key", str(key))


def test_two_keys_overlap_until_one_is_revoked(installed: Shell, key: Path, newer_key: dict[str, str]):
    installed.done("google", "set", "--issuer", ISSUER, "--key", str(key), "--mode", "live")
    key.write_text(json.dumps(newer_key))
    installed.done("google", "set", "--key", str(key))
    listed = installed.done("google", "list")
    assert listed.count(ISSUER) == 2
    old = next(line for line in listed.splitlines() if EMAIL in line)
    installed.done("google", "revoke", old.split()[-3][:10])
    assert EMAIL not in installed.done("google", "list")
    assert "no service account" in installed.refused("google", "revoke", "abcdef")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--issuer", "coffee"), "Pay & Wallet Console"),
        (("--key", "/nowhere.json"), "/nowhere.json cannot be read"),
        (("--mode", "live"), "issuer"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(installed: Shell, words: tuple[str, ...], told: str):
    assert told in installed.refused("google", "set", *words)


def test_a_file_that_is_no_key_is_refused_with_where_to_get_one(installed: Shell, key: Path):
    key.write_text("{}")
    assert "Google Cloud" in installed.refused("google", "set", "--key", str(key))


def test_what_google_refused_is_listed_and_tried_once_more(installed: Shell):
    assert installed.done("google", "refused") == "none\n"
    assert installed.done("google", "retry") == "0 are tried once more.\n"


# Keys that change.


async def test_the_settings_seed_the_first_brand_and_switch_nothing_on(installed: Shell, key: Path):
    settings = settings_of(installed, GOOGLE_ISSUER_ID=ISSUER, GOOGLE_KEY_FILE=str(key))
    async with opened(settings) as db:
        for _ in range(2):
            await googlekeys.seed(db, settings)
        (brand,) = await brands.listing(db)
        assert (brand.google_issuer_id, brand.google_mode) == (ISSUER, "off")
        assert [account.client_email for account in await google.keys(db, brand.id)] == [EMAIL]


async def test_a_key_file_that_changes_is_read_again_and_both_keys_are_used(
    installed: Shell, key: Path, newer_key: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(googlekeys, "FILE_SECONDS", 0.02)
    settings = settings_of(installed, GOOGLE_ISSUER_ID=ISSUER, GOOGLE_KEY_FILE=str(key))
    async with opened(settings) as db:
        await googlekeys.seed(db, settings)
        await google.configure(db, "coffee", mode="live")
        watching = asyncio.create_task(googlekeys.watch(db, settings))
        await asyncio.sleep(0.05)
        key.write_text("{half")
        await asyncio.sleep(0.1)
        whole = key.with_suffix(".new")
        whole.write_text(json.dumps(newer_key))
        os.replace(whole, key)
        async with asyncio.timeout(5):
            while len((await google.credentials(db))[ISSUER]) < 2:
                await asyncio.sleep(0.02)
        watching.cancel()
        wallets = googlekeys.Wallets(db, settings)
        wallet = await wallets(ISSUER)
        assert wallet.client_emails == (NEWER, EMAIL)
        assert await wallets(ISSUER) is wallet
        await wallets.aclose()


async def test_a_revoked_key_is_used_no_more_and_none_is_told_with_the_fix(
    installed: Shell, key: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(googlekeys, "ROWS_SECONDS", 0.0)
    installed_settings = settings_of(installed, GOOGLE_ISSUER_ID=ISSUER, GOOGLE_KEY_FILE=str(key))
    async with opened(installed_settings) as db:
        await googlekeys.seed(db, installed_settings)
        await google.configure(db, "coffee", mode="live")
        wallets = googlekeys.Wallets(db, installed_settings)
        await wallets(ISSUER)
        (brand,) = await brands.listing(db)
        (account,) = await google.keys(db, brand.id)
        await google.remove_key(db, brand.id, account.fingerprint, datetime.now(UTC))
        with pytest.raises(ChannelClosed, match="google set --key FILE"):
            await wallets(ISSUER)
        await wallets.aclose()


# Root keys.

AT = datetime(2026, 11, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ends(expires_at: datetime | None) -> list[RootKey]:
    return [RootKey("key", PROTOCOL, expires_at)]


@pytest.mark.parametrize(
    ("known", "read_at", "due"),
    [
        ([], None, True),
        (ends(None), AT - HOUR, False),
        (ends(None), AT - 13 * HOUR, True),
        (ends(AT + 20 * HOUR), AT - HOUR / 2, False),
        (ends(AT + 20 * HOUR), AT - HOUR, True),
        (ends(AT + 30 * HOUR), AT - HOUR, False),
    ],
)
def test_root_keys_are_read_twice_a_day_and_hourly_before_one_expires(
    known: list[RootKey], read_at: datetime | None, due: bool
):
    assert googlekeys.is_due(known, read_at, AT) is due


async def test_root_keys_are_read_for_a_brand_on_google_and_a_bad_answer_forgets_nothing(
    installed: Shell, key: Path, service: GoogleService
):
    settings = settings_of(installed, GOOGLE_ISSUER_ID=ISSUER, GOOGLE_KEY_FILE=str(key), **urls(service))
    async with opened(settings) as db:
        await googlekeys.seed(db, settings)
        await googlekeys.look_after_root_keys(db, settings)
        assert await google.root_keys(db) == []  # nobody is on Google: nobody is asked
        await google.configure(db, "coffee", mode="live")
        await googlekeys.look_after_root_keys(db, settings)
        (known,) = await google.root_keys(db)
        assert known.protocol_version == PROTOCOL
        broken = settings_of(installed, GOOGLE_CALLBACK_KEYS_URL=f"{service.url}/elsewhere")
        with pytest.raises(OSError, match="HTTP 404"):
            await googlekeys.refresh_root_keys(db, broken)
        assert await google.root_keys(db) == [known]


async def test_a_worker_reads_the_root_keys_at_once_after_its_start(
    installed: Shell, key: Path, service: GoogleService
):
    settings = settings_of(installed, GOOGLE_ISSUER_ID=ISSUER, GOOGLE_KEY_FILE=str(key), **urls(service))
    async with opened(settings) as db:
        await googlekeys.seed(db, settings)
        await google.configure(db, "coffee", mode="live")
        async with serve.background(maintenance.look_after_google(db, settings)), asyncio.timeout(5):
            while not await google.root_keys(db):
                await asyncio.sleep(0.01)


# Doctor.


@pytest.fixture(autouse=True)
def impatient_with_apple(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "APNS_SECONDS", 0.2)


async def examined(shell: Shell, *words: str, **extra: str) -> dict[str, str]:
    await asyncio.to_thread(lambda: shell("doctor", *words, **extra))
    lines = [[*line.split(": ", 1)[0].split(None, 1), line] for line in shell.out.splitlines() if ": " in line]
    return {what: line for _, what, line in lines}


@pytest_asyncio.fixture
async def on_google(publishing: Shell, key: Path, service: GoogleService) -> Shell:
    """A published brand whose Google is live."""
    publishing.environ |= {f"PASSBELL_{name}": url for name, url in urls(service).items()}
    publishing.environ["PASSBELL_APNS_URL"] = f"https://127.0.0.1:{await dead_port()}"
    await asyncio.to_thread(publishing.done, "google", "set", "--issuer", ISSUER, "--key", str(key), "--mode", "live")
    return publishing


async def test_doctor_finds_a_healthy_google(on_google: Shell):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    on_google.environ["PASSBELL_PUBLIC_URL"] = url
    on_google.environ["PASSBELL_BIND"] = f"127.0.0.1:{port}"
    certs = on_google.folder / "certs"
    on_google.environ["PASSBELL_APNS_CA"] = str(certs / "dev" / "root.pem")
    async with PushService(
        certificate=(certs / "apns" / "server.pem").read_bytes(),
        key=(certs / "apns" / "server.key").read_bytes(),
        client_ca=(certs / "dev" / "root.pem").read_bytes(),
    ) as apns:
        on_google.environ["PASSBELL_APNS_URL"] = apns.url
        process = await asyncio.to_thread(Process, "serve", environ=on_google.environ)
        with process:
            await asyncio.to_thread(process.logged, "ready")
            await asyncio.to_thread(process.logged, "google_root_keys_read")
            for _ in range(5):
                lines = await examined(on_google, "--google")
                if "answers 404" not in lines["picture for Google, coffee"]:  # they are drawn beside the start
                    break
    google_lines = {what: line for what, line in lines.items() if "oogle" in what or "robots" in what or "save" in what}
    wrong = {what for what, line in google_lines.items() if not line.startswith("OK")}
    assert wrong == {"picture for Google, coffee"}  # over plain http, as it is here
    assert "https alone" in lines["picture for Google, coffee"]
    assert {"Google token of coffee", "Google classes of coffee", "sample save link of coffee", "robots.txt"} <= set(
        lines
    )


async def test_doctor_names_the_step_in_the_console_with_the_account(on_google: Shell, service: GoogleService):
    service.accounts.known[EMAIL].issuers.clear()
    line = (await examined(on_google))["Google classes of coffee"]
    assert line.startswith("FAIL")
    assert "permissionDenied" in line
    assert f"add {EMAIL} as a user" in line.lower()
    assert "Pay & Wallet Console" in line


async def test_doctor_tells_a_key_that_google_no_longer_takes(on_google: Shell, service: GoogleService):
    service.accounts.revoke(EMAIL, key_file()["private_key_id"])
    line = (await examined(on_google))["Google token of coffee"]
    assert line.startswith("FAIL")
    assert "invalid_grant" in line
    assert "google set --key FILE" in line


async def test_doctor_tells_a_google_that_cannot_be_reached(on_google: Shell):
    url = f"http://127.0.0.1:{await dead_port()}"
    line = (await examined(on_google, GOOGLE_URL=url, GOOGLE_TOKEN_URL=f"{url}/token"))["Google token of coffee"]
    assert "NoConnection" in line
    assert "port 443" in line


async def test_doctor_tells_what_is_missing_before_anybody_is_asked(on_google: Shell, service: GoogleService):
    lines = await examined(on_google)
    assert "never read" in lines["Google's root keys"]
    assert lines["robots.txt"].startswith("FAIL")
    await asyncio.to_thread(on_google.done, "google", "set", "--mode", "off")
    lines = await examined(on_google)
    assert "off, though" in lines["Google of coffee"]
    assert "Google token of coffee" not in lines


async def test_doctor_says_nothing_of_google_to_who_has_none(publishing: Shell):
    lines = await examined(publishing, APNS_URL=f"https://127.0.0.1:{await dead_port()}")
    assert not any("oogle" in what for what in lines)
