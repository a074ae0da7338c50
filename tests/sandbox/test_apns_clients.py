"""Push clients that are not ours believe the stand-in: aioapns (Python) and node-apn (Node)."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aioapns import APNs, NotificationRequest, PushType
from aioapns.common import NotificationResult
from aioapns.connection import APNsProductionClientProtocol

from sandbox.apns import Action, PushService, Rule
from tests.judges import NODE_PROJECT, need
from tests.sandbox.certificates import TOPIC

GOOD, DEAD, BUSY, DOWN, BAD = ("01" * 32, "02" * 32, "03" * 32, "04" * 32, "05" * 32)


@pytest.fixture
async def aioapns_client(push_service: PushService, client_files: Path) -> AsyncIterator[APNs]:
    context = ssl.create_default_context(cafile=str(client_files / "ca.pem"))
    context.set_alpn_protocols(["h2"])
    client = APNs(client_cert=str(client_files / "client.pem"), topic=TOPIC, ssl_context=context, max_connections=1)
    idle = asyncio.Event()

    class Here(APNsProductionClientProtocol):
        APNS_SERVER = "localhost"
        APNS_PORT = push_service.port

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            if not client.pool.connections:
                idle.set()

    client.pool.protocol_class = Here
    yield client
    idle.clear()
    client.pool.close()
    if client.pool.connections:
        await idle.wait()


async def send(client: APNs, token: str) -> NotificationResult:
    request = NotificationRequest(token, {}, time_to_live=3600, priority=5, push_type=PushType.BACKGROUND)
    return await asyncio.wait_for(client.send_notification(request), 5)


async def test_aioapns_understands_each_answer(push_service: PushService, aioapns_client: APNs):
    push_service.add_rule(Rule(prefix="02", status=410, timestamp=1_700_000_000_123))
    push_service.add_rule(Rule(prefix="03", status=429))
    push_service.add_rule(Rule(prefix="04", status=503, retry_after=1))
    results = {token: await send(aioapns_client, token) for token in (GOOD, DEAD, BUSY, DOWN, BAD[:-1])}
    seen = [(result.status, result.description, result.timestamp) for result in results.values()]
    assert seen == [
        ("200", None, None),
        ("410", "Unregistered", 1_700_000_000_123),
        ("429", "TooManyRequests", None),
        ("503", "ServiceUnavailable", None),
        ("400", "BadDeviceToken", None),
    ]
    assert push_service.pushes(GOOD)[0].apns_id == results[GOOD].notification_id
    assert push_service.pushes(GOOD)[0].topic == TOPIC


async def test_aioapns_keeps_to_one_stream(push_service: PushService, aioapns_client: APNs):
    push_service.limit_streams(1)
    push_service.add_rule(Rule(delay=0.01))
    await send(aioapns_client, GOOD)
    results = await asyncio.gather(*(send(aioapns_client, f"{number:064x}") for number in range(20)))
    assert {result.status for result in results} == {"200"}
    assert push_service.stats().connections == 1
    assert push_service.stats().overflows == 0


@pytest.mark.parametrize("action", [Action.GOAWAY, Action.CUT])
async def test_aioapns_tries_again_on_a_new_connection(push_service, aioapns_client, action):
    push_service.add_rule(Rule(action=action, after=2, times=1))
    for number in range(5):
        assert (await send(aioapns_client, f"{number:064x}")).status == "200"
    assert push_service.stats().connections == 2
    assert push_service.stats().tokens == 5


async def node_apn(service: PushService, files: Path, *tokens: str) -> dict:
    need("@parse/node-apn")
    script = Path(__file__).with_name("push_with_node_apn.cjs")
    process = await asyncio.create_subprocess_exec(
        need("node"),
        str(script),
        str(service.port),
        str(files),
        TOPIC,
        *tokens,
        cwd=NODE_PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    return json.loads(output)


async def test_node_apn_understands_each_answer(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(prefix="02", status=410, timestamp=1_700_000_000_123))
    push_service.add_rule(Rule(prefix="03", status=429))
    push_service.add_rule(Rule(prefix="04", status=503, retry_after=0))
    result = await node_apn(push_service, client_files, GOOD, DEAD, BUSY, DOWN, BAD[:-1])
    assert result["sent"] == [GOOD]
    failed = {item["device"]: (item["status"], item["response"]) for item in result["failed"]}
    assert failed == {
        DEAD: (410, {"reason": "Unregistered", "timestamp": 1_700_000_000_123}),
        BUSY: (429, {"reason": "TooManyRequests"}),
        DOWN: (503, {"reason": "ServiceUnavailable"}),
        BAD[:-1]: (400, {"reason": "BadDeviceToken"}),
    }
    assert push_service.accepted_by_token() == {GOOD: 1}
    assert push_service.pushes(GOOD)[0].body == b'{"aps":{}}'


async def test_node_apn_sends_a_thousand_over_a_hundred_streams(push_service: PushService, client_files: Path):
    push_service.limit_streams(100)
    tokens = [f"{number:064x}" for number in range(1000)]
    result = await node_apn(push_service, client_files, *tokens)
    assert (len(result["sent"]), result["failed"]) == (1000, [])
    assert push_service.accepted_by_token() == dict.fromkeys(tokens, 1)
