"""The threat model's rows that meet the web side, each under its number."""

from __future__ import annotations

import asyncio
import gzip
import io
import ipaddress
import json
import secrets
import statistics
import string
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from handlers.guard import GuardOptions
from passkit.apple.signing import Signers
from store import registrations
from store.dialect import Database
from tests.conftest import PASS_TYPE
from tests.handlers.conftest import PUSH_TOKEN, House, event, opened, signed

PROXY = (ipaddress.ip_network("127.0.0.1/32"),)
STRANGER = {"X-Forwarded-For": "203.0.113.7"}


@pytest_asyncio.fixture
async def behind_proxy(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    """A house that believes X-Forwarded-For of loopback, so that strangers can be told apart."""
    async with opened(local_db, signers, lean, trusted_proxies=PROXY) as house:
        yield house


async def raw(house: House, request: bytes) -> bytes:
    """Send bytes as they are and read to the end; the request asks for closing, or the server ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    writer.write(request)
    async with asyncio.timeout(10):
        try:
            answer = await reader.read()
        except ConnectionResetError:
            answer = b""
    writer.close()
    return answer


def random_serial() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(22))


# 1: guessing serial numbers and tokens


async def test_threat_1_every_guess_is_the_same_401(small_house: House) -> None:
    card = await small_house.issue()
    foreign = (await small_house.issue()).token
    guesses = [(random_serial(), card.token) for _ in range(200)] + [(str(n), card.token) for n in range(200)]
    guesses += [(card.serial, secrets.token_urlsafe(32)) for _ in range(200)] + [(card.serial, foreign)]
    answers = set()
    for serial, token in guesses:
        headers = {"Authorization": f"ApplePass {token}"}
        answer = await small_house.ask("GET", f"/passkit/v1/passes/{PASS_TYPE}/{serial}", headers=headers)
        kept = {(name, value) for name, value in answer.headers.items() if name.lower() not in ("date", "x-request-id")}
        answers.add((answer.status, answer.body, frozenset(kept)))
    assert len(answers) == 1
    assert answers.pop()[0] == 401


async def test_threat_1_a_wrong_token_is_refused_before_any_row_is_read(small_house: House) -> None:
    card = await small_house.issue()
    async with small_house.db.transaction() as conn:
        await conn.exec_driver_sql("ALTER TABLE cards RENAME TO away")
    wrong = {"Authorization": "ApplePass k1.0." + "A" * 43}
    for method, path in (("GET", card.path), ("POST", card.registration("d")), ("DELETE", card.registration("d"))):
        assert (await small_house.ask(method, path, headers=wrong, data=b"{}")).status == 401
    assert (await card.fetch()).status >= 500, "the true token does reach the tables"


async def test_threat_1_the_time_of_a_refusal_tells_nothing(small_house: House) -> None:
    card = await small_house.issue()
    headers = {"Authorization": "ApplePass k1.0." + "A" * 43}
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(400):
        known = number % 2 == 0
        path = f"/passkit/v1/passes/{PASS_TYPE}/{card.serial if known else random_serial()}"
        started = time.perf_counter()
        await small_house.ask("GET", path, headers=headers)
        times[known].append(time.perf_counter() - started)
    assert abs(statistics.median(times[True]) - statistics.median(times[False])) < 0.001


# 2: header bytes


async def test_threat_2_no_byte_in_the_authorization_header_is_a_server_error(small_house: House) -> None:
    card = await small_house.issue()
    for byte in range(256):
        for value in (b"ApplePass %c", b"%cApplePass x", b"ApplePass " + card.token.encode() + b"%c"):
            head = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: %s\r\n\r\n"
            answer = await raw(small_house, head % (card.path.encode(), value % byte))
            status = int(answer.split(b" ", 2)[1])
            assert status in (200, 400, 401), (byte, value, answer)
            assert status != 200 or byte in b"\t\r\n ", (byte, value)


# 3: the list, whose only secret is the device library identifier


async def test_threat_3_a_guessed_device_learns_nothing(small_house: House) -> None:
    card = await small_house.issue()
    await card.register(secrets.token_hex(16))
    for device in (secrets.token_hex(16), "a", "x" * 199, "%00", "é", "a b"):
        answer = await card.listed(device)
        assert (answer.status, answer.body) == (204, b"")


async def test_threat_3_strangers_who_guess_devices_are_slowed_and_phones_are_not(behind_proxy: House) -> None:
    card = await behind_proxy.issue()
    await card.register("known-device")
    path = f"/passkit/v1/devices/%s/registrations/{PASS_TYPE}"
    statuses = [(await behind_proxy.ask("GET", path % f"guess{n}", headers=STRANGER)).status for n in range(130)]
    assert statuses[0] == 204
    assert statuses[-1] == 429
    assert (await behind_proxy.ask("GET", path % "known-device", headers=STRANGER)).status == 200
    refused = await behind_proxy.ask("GET", path % "guess", headers=STRANGER)
    assert int(refused.headers["Retry-After"]) >= 1
    assert (await behind_proxy.ask("GET", path % "guess", headers={"X-Forwarded-For": "203.0.113.8"})).status == 204


# 4: registrations


async def test_threat_4_a_card_has_at_most_20_devices_and_a_new_one_still_gets_in(small_house: House) -> None:
    card = await small_house.issue()
    for number in range(60):
        assert (await card.register(f"device-{number}", f"{number:064x}")).status == 201
    async with small_house.db.reading() as conn:
        assert (await conn.exec_driver_sql("SELECT count(*) FROM registrations")).scalar_one() == 20
        assert (await conn.exec_driver_sql("SELECT count(*) FROM devices")).scalar_one() == 20
    assert (await card.listed("device-59")).status == 200
    assert (await card.listed("device-0")).status == 204


async def test_threat_4_a_cards_token_registers_for_no_other_card(small_house: House) -> None:
    mine, theirs = await small_house.issue(), await small_house.issue()
    answer = await small_house.ask(
        "POST", theirs.registration("d"), json={"pushToken": PUSH_TOKEN}, headers=mine.authorization
    )
    assert answer.status == 401


# 5: the log


async def test_threat_5_a_flood_of_logs_is_bounded_and_inert(behind_proxy: House) -> None:
    card = await behind_proxy.issue()
    lines = json.dumps({"logs": ["<script>alert(1)</script>\x1b[31m\r\nforged"] * 50}).encode()
    statuses = [
        (await behind_proxy.ask("POST", "/passkit/v1/log", data=lines, headers=STRANGER)).status for _ in range(200)
    ]
    assert set(statuses) == {200}
    kept = await registrations.recent(behind_proxy.db, limit=10_000)
    assert 20 <= len(kept) <= 40 * 20
    assert not any("\x1b" in message or "\n" in message for _, message in kept)
    assert (await card.fetch(X_Forwarded_For="203.0.113.7")).status == 200
    assert (await behind_proxy.ask("POST", "/passkit/v1/log", data=b"x" * 8193)).status == 413


# 6: personalisation, which would sign what a stranger chose


async def test_threat_6_there_is_no_signing_oracle(small_house: House) -> None:
    card = await small_house.issue()
    body = {"personalizationToken": '{"pass.json":"00"}', "requiredPersonalizationInfo": {}}
    answer = await small_house.ask("POST", card.path + "/personalize", json=body, headers=card.authorization)
    assert answer.status == 404


# 7: connections


async def test_threat_7_two_thousand_half_open_connections_do_not_hinder_an_honest_phone(
    local_db: Database, signers: Signers, lean: dict[str, bytes]
) -> None:
    guard = GuardOptions(header_seconds=3.0, idle_seconds=5.0)
    async with opened(local_db, signers, lean, guard) as house:
        card = await house.issue()
        started = time.monotonic()
        half_open = [await asyncio.open_connection("127.0.0.1", house.listener.port) for _ in range(2000)]
        for number, (_, writer) in enumerate(half_open):
            writer.write((b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\n")[number % 3])
        times = []
        for _ in range(100):
            asked = time.perf_counter()
            assert (await card.fetch()).status == 200
            times.append(time.perf_counter() - asked)
        assert sorted(times)[98] < 1.0
        async with asyncio.timeout(15):
            await asyncio.gather(*(reader.read() for reader, _ in half_open), return_exceptions=True)
        assert time.monotonic() - started < 3.0 + 12.0
        assert house.listener.guard.reaped >= 2000
        for _, writer in half_open:
            writer.close()


async def test_threat_7_a_body_that_does_not_come_is_ended(
    local_db: Database, signers: Signers, lean: dict[str, bytes]
) -> None:
    async with opened(local_db, signers, lean, body_seconds=0.3) as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
        writer.write(b"POST /passkit/v1/log HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()


# 9: bodies


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP"])
async def test_threat_9_an_encoded_body_is_refused_and_never_inflated(small_house: House, encoding: str) -> None:
    card = await small_house.issue()
    bomb = gzip.compress(b"\0" * 50_000_000, 9)
    assert len(bomb) < 64 * 1024
    before = resident()
    headers = {**card.authorization, "Content-Encoding": encoding}
    for path in (card.registration("d"), "/passkit/v1/log", "/hooks/till", "/api/v1/cards"):
        given = {**headers, "Authorization": f"Bearer {small_house.api_key}"} if "/api/" in path else headers
        answer = await small_house.ask("POST", path, data=bomb, headers=given)
        assert (answer.status, answer.json["code"]) in ((415, "unsupported_body"), (413, "body_too_large")), path
    assert resident() - before < 10_000_000


async def test_threat_9_multipart_is_refused_everywhere(small_house: House) -> None:
    card = await small_house.issue()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    for path in (card.registration("d"), "/hooks/till", "/api/v1/cards"):
        given = {"Authorization": f"Bearer {small_house.api_key}"} if "/api/" in path else card.authorization
        answer = await small_house.ask("POST", path, data=b"--x--", headers={**headers, **given})
        assert answer.status == 415


@pytest.mark.parametrize("chunked", [False, True])
async def test_threat_9_every_route_has_its_limit(small_house: House, chunked: bool) -> None:
    card = await small_house.issue()
    bearer = {"Authorization": f"Bearer {small_house.api_key}"}
    limits = {
        card.registration("d"): (64 * 1024, card.authorization),
        "/passkit/v1/log": (8 * 1024, {}),
        "/hooks/till": (1024 * 1024, {}),
        "/api/v1/cards": (1024 * 1024, bearer),
        "/api/v1/cards:batch": (8 * 1024 * 1024, bearer),
    }
    for path, (limit, headers) in limits.items():
        for size in (limit, limit + 1):

            async def chunks(size: int = size) -> AsyncIterator[bytes]:
                for start in range(0, size, 65536):
                    yield b" " * min(65536, size - start)

            body = chunks() if chunked else io.BytesIO(b" " * size)
            answer = await small_house.ask("POST", path, data=body, headers=headers)
            assert (answer.status == 413) == (size > limit), (path, size, answer.status)


# 10: webhooks


async def test_threat_10_forged_replayed_and_reordered_webhooks_leave_the_balance_alone(house: House) -> None:
    card = await house.issue(external_id="c7")
    true = json.dumps(event(card="c7", version=2, set={"balance": 20_000})).encode()
    headers = signed(house.hook_secret, true, "msg_true")
    assert (await house.ask("POST", "/hooks/till", data=true, headers=headers)).json["result"] == "applied"
    forged = true.replace(b"20000", b"99999")
    assert (await house.ask("POST", "/hooks/till", data=forged, headers=headers)).status == 401
    assert (await house.ask("POST", "/hooks/till", data=true, headers=headers)).json["result"] == "duplicate"
    hour_ago = signed(house.hook_secret, true, "msg_old", int(time.time()) - 3600)
    assert (await house.ask("POST", "/hooks/till", data=true, headers=hour_ago)).status == 401
    assert (await house.hook(event(card="c7", version=1, set={"balance": 10_000}))).json["result"] == "stale"
    assert (await house.api("GET", f"/cards/{card.serial}")).json["data"]["balance"] == 20_000


# Limits count failures alone


async def test_an_address_that_keeps_failing_is_limited_and_valid_requests_from_it_are_not(behind_proxy: House) -> None:
    card = await behind_proxy.issue(external_id="c7")
    wrong = {"Authorization": "ApplePass nonsense", **STRANGER}
    statuses = [(await behind_proxy.ask("GET", card.path, headers=wrong)).status for _ in range(130)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    limited = [
        await behind_proxy.ask("GET", card.path, headers=wrong),
        await behind_proxy.ask("GET", "/api/v1/cards", headers={"Authorization": "Bearer x", **STRANGER}),
        await behind_proxy.ask("POST", "/hooks/till", data=b"{}", headers=STRANGER),
        await behind_proxy.ask("GET", "/i/" + "x" * 28, headers=STRANGER),
    ]
    assert [answer.status for answer in limited] == [429] * 4
    assert all(int(answer.headers["Retry-After"]) >= 1 for answer in limited)
    assert (await card.fetch(**{"X-Forwarded-For": "203.0.113.7"})).status == 200
    assert (await behind_proxy.api("GET", "/cards", None, None, **STRANGER)).status == 200
    assert (await behind_proxy.hook(event(card="c7", set={"points": 1}), **STRANGER)).status == 200
    assert (await behind_proxy.ask("GET", card.install_path, headers=STRANGER)).status == 200


async def test_an_address_that_a_stranger_makes_up_is_not_believed(small_house: House) -> None:
    """Without trusted proxies X-Forwarded-For is noise: a thousand made-up addresses fill no thousand buckets."""
    for number in range(5):
        headers = {"X-Forwarded-For": f"203.0.113.{number}", "Authorization": "ApplePass x"}
        assert (await small_house.ask("GET", "/passkit/v1/passes/a/b", headers=headers)).status == 401


# 27: a stolen database


async def test_threat_27_a_stolen_database_holds_no_usable_secret(small_house: House, tmp_path: Path) -> None:
    device, name = secrets.token_hex(16), "Anna Petrova-Vodkina"
    card = await small_house.issue(external_id="c7", data={"name": name})
    await card.register(device)
    await card.fetch()
    await small_house.hook(event(card="c7", set={"name": name + " II"}))
    await small_house.ask("GET", card.install_path)
    log = {"logs": [f"Register task (for device {device}, pass type {PASS_TYPE}) encountered error: {card.token}"]}
    await small_house.ask("POST", "/passkit/v1/log", json=log)
    await small_house.db.served.flush()
    stolen = b"".join(path.read_bytes() for path in tmp_path.glob("passbell.db*"))
    assert card.serial.encode() in stolen, "this is the database"
    secret_things = {
        "authentication token": card.token,
        "install token": card.install_path.removeprefix("/i/"),
        "API key": small_house.api_key,
        "hook secret": small_house.hook_secret.removeprefix("whsec_"),
        "push token": PUSH_TOKEN,
        "device": device,
        "name": name,
        "private key": "PRIVATE KEY",
    }
    assert {what for what, value in secret_things.items() if value.encode() in stolen} == set()


def resident() -> int:
    """This process's memory in bytes; server and test are one process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
