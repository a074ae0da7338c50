"""The stand-in answers as Apple documents, judged over the wire with a bare HTTP/2 client."""

from __future__ import annotations

import json
import ssl
import time
import uuid
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from sandbox.apns import PushService
from tests.sandbox.certificates import TOPIC, Authorities, make, name, pass_type_certificate
from tests.sandbox.rawpush import USUAL_HEADERS, RawPush

TOKEN = "ab" * 32


def with_headers(**changed: str | None) -> list[tuple[str, str]]:
    headers = dict(USUAL_HEADERS) | {key.replace("_", "-"): value for key, value in changed.items()}
    return [(key, value) for key, value in headers.items() if value is not None]


async def test_a_push_to_any_64_hex_token_is_accepted_and_recorded(push_service: PushService, client_files: Path):
    before = time.time()
    async with RawPush(push_service, client_files) as client:
        status, headers, body = await client.answer(client.post(TOKEN.upper()))
    assert (status, body) == (200, b"")
    assert uuid.UUID(headers["apns-id"])
    [record] = await push_service.received(TOKEN)
    assert (record.token, record.topic, record.body) == (TOKEN, TOPIC, b"{}")
    assert before <= record.time <= time.time()
    assert ("apns-push-type", "background") in record.headers


async def test_the_apns_id_is_echoed(push_service: PushService, client_files: Path):
    message_id = "123e4567-e89b-12d3-a456-4266554400a0"
    async with RawPush(push_service, client_files) as client:
        _, headers, _ = await client.answer(client.post(TOKEN, headers=with_headers(apns_id=message_id)))
    assert headers["apns-id"] == message_id
    assert push_service.pushes()[0].apns_id == message_id


async def test_the_client_certificate_is_recorded(
    push_service: PushService, client_files: Path, authorities: Authorities
):
    async with RawPush(push_service, client_files) as client:
        await client.answer(client.post(TOKEN))
    identity = push_service.pushes()[0].identity
    assert identity is not None
    assert identity.topic == TOPIC
    assert identity.common_name == f"Pass Type ID: {TOPIC}"
    assert identity.fingerprint == authorities.leaf.certificate.fingerprint(hashes.SHA256()).hex()


async def test_the_topic_of_a_single_topic_certificate_may_be_left_out(push_service: PushService, client_files: Path):
    async with RawPush(push_service, client_files) as client:
        status, _, _ = await client.answer(client.post(TOKEN, headers=with_headers(apns_topic=None)))
    assert status == 200
    assert push_service.pushes()[0].topic == TOPIC


# Apple, "Handling notification responses from APNs": status and reason of each mistake.
MISTAKES = {
    "not hex": ({"path": "/3/device/" + "z" * 64}, 400, "BadDeviceToken"),
    "too short": ({"path": "/3/device/" + "a" * 63}, 400, "BadDeviceToken"),
    "no token": ({"path": "/3/device/"}, 400, "MissingDeviceToken"),
    "another path": ({"path": "/4/device/" + TOKEN}, 404, "BadPath"),
    "GET": ({"method": "GET"}, 405, "MethodNotAllowed"),
    "another topic": ({"headers": with_headers(apns_topic="pass.com.example.tea")}, 400, "TopicDisallowed"),
    "a topic with spaces": ({"headers": with_headers(apns_topic="pass com")}, 400, "BadTopic"),
    "priority 10 in the background": ({"headers": with_headers(apns_priority="10")}, 400, "BadPriority"),
    "priority 7": ({"headers": with_headers(apns_priority="7")}, 400, "BadPriority"),
    "an unknown push type": ({"headers": with_headers(apns_push_type="wallet")}, 400, "InvalidPushType"),
    "an id that is no UUID": ({"headers": with_headers(apns_id="1")}, 400, "BadMessageId"),
    "an expiration that is no number": ({"headers": with_headers(apns_expiration="soon")}, 400, "BadExpirationDate"),
    "a long collapse id": ({"headers": with_headers(apns_collapse_id="c" * 65)}, 400, "BadCollapseId"),
    "a header twice": ({"headers": [*USUAL_HEADERS, ("apns-topic", TOPIC)]}, 400, "DuplicateHeaders"),
    "no body": ({"body": b""}, 400, "PayloadEmpty"),
    "a body that is no dictionary": ({"body": b"[]"}, 400, "PayloadEmpty"),
    "4097 bytes": ({"body": b'{"a":"' + b"x" * 4089 + b'"}'}, 413, "PayloadTooLarge"),
}


@pytest.mark.parametrize(("request_", "status", "reason"), MISTAKES.values(), ids=MISTAKES.keys())
async def test_a_mistake_gets_apples_status_and_reason(push_service, client_files, request_, status, reason):
    async with RawPush(push_service, client_files) as client:
        got, headers, body = await client.answer(client.post(TOKEN, **request_))
    assert (got, json.loads(body)) == (status, {"reason": reason})
    assert headers["content-type"] == "application/json"
    assert "apns-id" in headers
    assert push_service.accepted() == 0
    assert push_service.records[0].reason == reason


async def test_4096_bytes_are_accepted(push_service: PushService, client_files: Path):
    async with RawPush(push_service, client_files) as client:
        status, _, _ = await client.answer(client.post(TOKEN, body=b'{"a":"' + b"x" * 4088 + b'"}'))
    assert status == 200


async def test_an_alert_may_have_priority_10(push_service: PushService, client_files: Path):
    async with RawPush(push_service, client_files) as client:
        headers = with_headers(apns_push_type="alert", apns_priority="10")
        status, _, _ = await client.answer(client.post(TOKEN, headers=headers))
    assert status == 200


async def test_without_a_certificate_a_provider_token_is_missing(push_service: PushService, client_files: Path):
    async with RawPush(push_service, client_files, certificate=None) as client:
        status, _, body = await client.answer(client.post(TOKEN))
        assert (status, json.loads(body)) == (403, {"reason": "MissingProviderToken"})
        headers = [*USUAL_HEADERS, ("authorization", "bearer made.up.token")]
        status, _, body = await client.answer(client.post(TOKEN, headers=headers))
        assert (status, json.loads(body)) == (403, {"reason": "InvalidProviderToken"})


async def test_a_certificate_without_uid_is_bad(push_service, client_files, authorities, tmp_path):
    stranger = make(name(COMMON_NAME="someone"), authorities.wwdr, x509.BasicConstraints(ca=False, path_length=None))
    (tmp_path / "ca.pem").write_bytes(authorities.root.pem)
    (tmp_path / "client.pem").write_bytes(stranger.pem + stranger.key_pem)
    async with RawPush(push_service, tmp_path) as client:
        status, _, body = await client.answer(client.post(TOKEN))
    assert (status, json.loads(body)) == (403, {"reason": "BadCertificate"})


async def test_a_certificate_of_another_authority_does_not_get_in(push_service, client_files, tmp_path, authorities):
    strangers = pass_type_certificate(Authorities().wwdr)
    (tmp_path / "ca.pem").write_bytes(authorities.root.pem)
    (tmp_path / "client.pem").write_bytes(strangers.pem + strangers.key_pem)
    with pytest.raises((ssl.SSLError, ConnectionError), match=r"(?i)unknown.ca|closed"):
        async with RawPush(push_service, tmp_path) as client:
            await client.answer(client.post(TOKEN))
    assert push_service.stats().requests == 0
