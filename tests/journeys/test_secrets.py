"""Nobody learns a secret from a log line or a stolen database (threat model rows 3 and 27)."""

from __future__ import annotations

import asyncio
import io
import json
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from sandbox.phone import Phone
from store import brands, dialect, sources, tables
from store.keyring import Keyring
from tests.commands.processes import Process
from tests.journeys.house import SECRET, SOURCE, World, until

NAME = "Zoë Quillfeather"
TAIL = "visible-only-to-her"


async def live(world: World) -> dict[str, str]:
    """A whole story, with mistakes of every kind; gives what must stay secret, by what it is."""
    card = await world.issue(data={"name": NAME, "points": 1}, external_id="client-of-the-story")
    serial, install_token = card["serial_number"], card["install_url"].rsplit("/", 1)[1]
    phone = world.phone()
    held = await phone.install(card["install_url"])
    await world.change(serial, points=2)
    await until(lambda: held.text("points") == "2")
    await mistakes(world, phone, serial, install_token)
    push_tokens = dict(phone.push_tokens)
    return {
        "the holder's name": NAME,
        "the authentication token": held.opened.authentication_token,
        "the install token": install_token,
        "the device library identifier": phone.device_library_identifier,
        "the push token": next(iter(push_tokens.values())),
        "the API key": world.api_key,
        "the hook secret": world.hook_secret,
        "SECRET": SECRET.partition(":")[2],
    }


async def mistakes(world: World, phone: Phone, serial: str, install_token: str) -> None:
    """Requests that are refused, each with a secret in it."""
    url = world.url
    passes = f"{url}/passkit/v1/passes/pass.com.example.passbell/{serial}"
    for method, address, headers in [
        ("GET", passes, {"Authorization": f"ApplePass {TAIL}"}),
        ("GET", f"{url}/i/{install_token}{TAIL}", {}),
        ("GET", f"{url}/i/{install_token}/nothing?name={TAIL}", {}),
        ("GET", f"{url}/api/v1/cards", {"Authorization": f"Bearer {world.api_key}{TAIL}"}),
        ("POST", f"{url}/hooks/{SOURCE}", {"webhook-signature": TAIL}),
        ("DELETE", f"{url}/passkit/v1/devices/{phone.device_library_identifier}/registrations/x/{serial}", {}),
    ]:
        async with world.session.request(method, address, headers=headers) as answer:
            assert 400 <= answer.status < 500
    await world.api("POST", "/cards", {"template": "coffee", "data": {"name": 7, "colour": TAIL}})
    body = {"logs": [f"[today] Get pass task for {serial} with token {TAIL}"]}
    async with world.session.post(f"{url}/passkit/v1/log", json=body) as answer:
        assert answer.status == 200


def found(secrets: Mapping[str, str], haystack: bytes) -> list[str]:
    """Which secrets stand in these bytes, plain or as another way to write the same."""
    spellings = {what: {secret.encode(), secret.encode().hex().encode()} for what, secret in secrets.items()}
    spellings["the push token"].add(bytes.fromhex(secrets["the push token"]))
    spellings["the device library identifier"].add(bytes.fromhex(secrets["the device library identifier"]))
    spellings["the hook secret"].add(b64decode(secrets["the hook secret"].removeprefix("whsec_")))
    spellings["the authentication token"].add(secrets["the authentication token"].rpartition(".")[2].encode())
    spellings["the holder's name"] |= {b"Quillfeather", json.dumps(NAME)[1:-1].encode()}
    return [what for what, spelled in spellings.items() if any(one in haystack for one in spelled)]


async def test_no_log_line_of_a_whole_story_holds_a_secret_or_a_person(world: World) -> None:
    with Process("serve", "--notice", "0", environ=world.environment) as server:
        await asyncio.to_thread(server.logged, "ready")
        secrets = await live(world)
        assert await asyncio.to_thread(server.stop) == 0
        log = server.output
    assert log.count('"route"') > 10
    assert found(secrets, log.encode()) == []
    assert TAIL not in log
    assert "client-of-the-story" not in log


async def test_a_stolen_database_gives_no_usable_secret(world: World) -> None:
    async with world.server():
        secrets = await live(world)
    key = next((world.folder / "certs").glob("pass.*/*.key")).read_text()
    dump = await dumped(world.database_url)
    assert found(secrets, dump) == []
    assert key.splitlines()[1].encode() not in dump
    assert b"PRIVATE KEY" not in dump
    assert b"client-of-the-story" in dump  # the scan sees what is not encrypted


async def test_the_database_alone_opens_nothing_under_another_secret(world: World) -> None:
    async with world.server():
        await live(world)
    db = await dialect.open(world.database_url, Keyring.parse("k1:another-secret-that-the-thief-has-made-up"))
    try:
        assert [row.private_key_pem for row in await brands.certificates(db)] == [""]
        with pytest.raises(ValueError, match="SECRET"):
            await sources.by_name(db, SOURCE)
    finally:
        await db.close()


async def dumped(database_url: str) -> bytes:
    """Every byte that a thief of the database has."""
    if database_url.startswith("sqlite:///"):
        file = Path(database_url.removeprefix("sqlite:///"))
        return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))
    connection = await asyncpg.connect(database_url)
    try:
        heap = io.BytesIO()
        for table in tables.metadata.sorted_tables:
            for form in ("binary", "text"):
                await connection.copy_from_table(table.name, output=heap, format=form)
        return heap.getvalue()
    finally:
        await connection.close()
