"""Any bytes from a stranger or a clumsy backend are answered below 500, on both databases."""

from __future__ import annotations

import asyncio
import json
import random
from typing import Any

import pytest

from tests.conftest import PASS_TYPE
from tests.handlers.conftest import House, event, signed

SEGMENTS = [
    b"%00", b"%ff", b"\xff", b"\xc3\xa9", b"%ed%a0%80", b"%F0%9F%98%80", b"..", b"%2e%2e", b"%2F", b"a%0d%0ab", b"%", b"%zz",
    b"%u0000", b"'", b'"', b"a;b", b"a=b", b"{x}", b"+", b"~", b"x" * 3000, b"%C0%80", b"\x80\x81", b"%5C", b"*", b":batch",
]  # fmt: skip
PATHS = [
    (b"GET", b"/passkit/v1/passes/%s/%s"), (b"GET", b"/passkit/v1/devices/%s/registrations/%s"),
    (b"GET", b"/passkit/v1/devices/d/registrations/%s?passesUpdatedSince=%s"),
    (b"POST", b"/passkit/v1/devices/%s/registrations/" + PASS_TYPE.encode() + b"/%s"),
    (b"DELETE", b"/passkit/v1/devices/%s/registrations/" + PASS_TYPE.encode() + b"/%s"),
    (b"GET", b"/i/%s/card.pkpass?%s"), (b"GET", b"/i/%s?%s"), (b"GET", b"/i/%s/qr.svg?%s"), (b"POST", b"/hooks/%s?%s"),
    (b"GET", b"/api/v1/cards/%s?%s"), (b"PATCH", b"/api/v1/cards/%s?%s"), (b"GET", b"/api/v1/cards/%s/timeline?%s"),
    (b"GET", b"/api/v1/cards?external_id=%s&number=%s"), (b"GET", b"/api/v1/cards?template=%s&cursor=%s"),
    (b"GET", b"/static/%s?%s"), (b"GET", b"/%s/%s"),
]  # fmt: skip


async def status_of(house: House, method: bytes, target: bytes, *headers: bytes, body: bytes = b"{}") -> int:
    """The status of a request sent as bytes; 400 where the connection was ended without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    length = b"" if method in (b"GET", b"DELETE") else b"Content-Length: %d\r\n" % len(body)
    lines = b"".join(header + b"\r\n" for header in headers)
    head = b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s%s\r\n" % (method, target, length, lines)
    writer.write(head + (body if length else b""))
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return int(answer.split(b" ", 2)[1]) if answer else 400


async def test_no_bytes_in_a_target_are_a_server_error(house: House) -> None:
    card = await house.issue(external_id="a")
    proven = {
        b"/passkit/": f"Authorization: ApplePass {card.token}".encode(),
        b"/api/": f"Authorization: Bearer {house.api_key}".encode(),
    }
    for method, pattern in PATHS:
        for segment in SEGMENTS:
            for authorization in (b"X: y", *(given for room, given in proven.items() if pattern.startswith(room))):
                target = pattern % (segment, segment)
                status = await status_of(house, method, target, authorization)
                assert status < 500, (method, target, authorization[:20])


@pytest.mark.parametrize("name", ["User-Agent", "Accept-Language", "X-Forwarded-For", "X-Request-Id", "If-Modified-Since",
                                  "Idempotency-Key", "Content-Type", "Accept", "X-Pass-Client", "webhook-id"])  # fmt: skip
async def test_no_bytes_in_a_header_are_a_server_error(small_house: House, name: str) -> None:
    card = await small_house.issue()
    proven = f"Authorization: ApplePass {card.token}".encode()
    paths = ((b"GET", card.path), (b"GET", card.install_path), (b"POST", "/hooks/till"))
    for byte in range(256):
        header = f"{name}: a".encode() + bytes([byte]) * 3
        method, path = paths[byte % len(paths)]
        assert await status_of(small_house, method, path.encode(), proven, header) < 500, (name, byte)


NASTY: list[Any] = [
    None, True, 0, -1, 2**63, -(2**63) - 1, 10**400, 1.5, 1e308, "", "\0", "\u202e", "x" * 5000, "\U0001f600", [], {}, [[]],
    {"": ""}, {"a": None}, "2026-12-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "NaN", "1e999", " ",
    "{{ 7*7 }}", {"amount": "1e400", "currency": "RUB"}, {"amount": None}, {"external_id": "\0"},
    {"serial_number": 5}, "\n", "\x7f",
]  # fmt: skip


async def test_no_json_value_anywhere_is_a_server_error(house: House) -> None:
    card = await house.issue(external_id="a")
    seed = random.Random(7)
    members = [
        "template",
        "external_id",
        "number",
        "language",
        "data",
        "expires_at",
        "tags",
        "outlet",
        "issued_by",
        "channel",
    ]
    variables = ["name", "points", "balance", "visit"]
    documents: list[tuple[str, str, Any]] = []
    for value in NASTY:
        documents += [("POST", "/cards", {"template": "coffee", member: value}) for member in seed.sample(members, 4)]
        documents += [("POST", "/cards", {"template": "coffee", "data": {name: value}}) for name in variables]
        documents += [("PATCH", f"/cards/{card.serial}", {"data": {name: value}}) for name in variables]
        patched = ("state", "language", "external_id", "expires_at", "tags", "notify", "version")
        documents += [("PATCH", f"/cards/{card.serial}", {member: value}) for member in patched]
        rows = [value, {"serial_number": value}, {"external_id": value, "data": value}, {"template": value}]
        documents.append(("POST", "/cards:batch", {"rows": rows}))
    for method, path, document in documents:
        answer = await house.api(method, path, document)
        assert answer.status < 500, (method, document, answer.body)
        if answer.status == 200 and path == "/cards:batch":
            assert all(row["status"] < 500 for row in answer.json["results"]), (document, answer.body)


async def test_no_signed_event_is_a_server_error(house: House) -> None:
    await house.issue(external_id="a")
    for value in NASTY:
        events = [
            event(card=value, set={"points": 1}), event(card="a", set=value), event(card="a", set={"name": value}),
            event(card="a", set={"visit": value}), event(card="a", version=value, set={"points": 1}),
            event(card={"external_id": value}, set={"points": value}), event("card.issued", template="coffee", data=value),
            event("card.issued", template="coffee", expires_at=value), event("card.voided", card=value),
            event("news.published", template=value), {**event(card="a", set={}), "timestamp": value},
            {**event(card="a", set={}), "type": value}, value,
        ]  # fmt: skip
        for document in events:
            body = json.dumps(document).encode()
            headers = signed(house.hook_secret, body, f"msg_{random.getrandbits(60)}")
            answer = await house.ask("POST", "/hooks/till", data=body, headers=headers)
            assert answer.status < 500, (document, answer.body)
