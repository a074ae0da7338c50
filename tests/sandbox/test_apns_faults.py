"""Every trouble the stand-in can make, seen frame by frame, and ordered in code and over its control API."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import h2.events
import pytest
from aiohttp.test_utils import TestClient, TestServer
from hyperframe.frame import GoAwayFrame

from sandbox.apns import Action, PushRecord, PushService, Rule
from sandbox.apns_answers import ClientIdentity, PushRequest
from sandbox.apns_control import control
from tests.sandbox.certificates import TOPIC
from tests.sandbox.rawpush import USUAL_HEADERS, RawPush

TOKEN = "ab" * 32
OTHER = "cd" * 32


def expiring(at: int) -> list[tuple[str, str]]:
    return [*USUAL_HEADERS, ("apns-expiration", str(at))]


async def test_a_prefix_meets_its_rule_and_other_tokens_do_not(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(prefix="ab", status=410, timestamp=1_700_000_000_000))
    async with RawPush(push_service, client_files) as client:
        status, _, body = await client.answer(client.post(TOKEN))
        assert (status, json.loads(body)) == (410, {"reason": "Unregistered", "timestamp": 1_700_000_000_000})
        status, _, _ = await client.answer(client.post(OTHER))
        assert status == 200
    assert push_service.accepted_by_token() == {OTHER: 1}


async def test_503_carries_retry_after(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(status=503, retry_after=7, times=1))
    async with RawPush(push_service, client_files) as client:
        status, headers, body = await client.answer(client.post(TOKEN))
        assert (status, headers["retry-after"], json.loads(body)) == (503, "7", {"reason": "ServiceUnavailable"})
        status, _, _ = await client.answer(client.post(TOKEN))
        assert status == 200


async def test_a_rule_lets_some_through_and_fires_so_often(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(reason="TooManyRequests", after=2, times=2))
    async with RawPush(push_service, client_files) as client:
        answers = [(await client.answer(client.post(TOKEN)))[0] for _ in range(8)]
    assert answers == [200, 200, 429, 200, 200, 429, 200, 200]


@pytest.mark.parametrize(("error", "code"), [("REFUSED_STREAM", 0x7), ("INTERNAL_ERROR", 0x2)])
async def test_a_stream_is_reset_and_the_connection_goes_on(push_service, client_files, error, code):
    push_service.add_rule(Rule(action=Action.RESET, error=error, times=1))
    async with RawPush(push_service, client_files) as client:
        reset = await client.until(h2.events.StreamReset, stream=client.post(TOKEN))
        assert reset.error_code == code
        assert (await client.answer(client.post(TOKEN)))[0] == 200
    assert [record.status for record in push_service.records] == [None, 200]


async def test_goaway_names_the_last_stream_answered_and_ignores_the_rest(push_service, client_files):
    push_service.add_rule(Rule(action=Action.GOAWAY, after=2, times=1))
    async with RawPush(push_service, client_files) as client:
        first, second, third, fourth = (client.post(token * 32) for token in ("01", "02", "03", "04"))
        end = await client.until(h2.events.ConnectionTerminated)
        assert (end.error_code, end.last_stream_id) == (0, second)
        assert json.loads(end.additional_data) == {"reason": "Shutdown"}
        assert (await client.answer(first))[0] == (await client.answer(second))[0] == 200
        while await client.read():
            pass
        ended = {event.stream_id for event in client.events if isinstance(event, h2.events.StreamEnded)}
    assert {third, fourth}.isdisjoint(ended)
    assert set(push_service.accepted_by_token()) == {"01" * 32, "02" * 32}


async def test_goaway_lets_a_slow_answer_finish(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(prefix="ab", delay=0.2))
    async with RawPush(push_service, client_files) as client:
        slow = client.post(TOKEN)
        await push_service.received(TOKEN)
        push_service.go_away()
        frames = await client.last_words()
    kinds = [type(frame).__name__ for frame in frames if frame.stream_id == slow or isinstance(frame, GoAwayFrame)]
    assert kinds == ["GoAwayFrame", "HeadersFrame"]
    assert "END_STREAM" in frames[-1].flags


async def test_a_cut_connection_just_ends(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(action=Action.CUT, after=1, times=1))
    async with RawPush(push_service, client_files) as client:
        assert (await client.answer(client.post(TOKEN)))[0] == 200
        client.post(TOKEN)
        while await client.read():
            pass
        assert not any(isinstance(event, h2.events.ConnectionTerminated) for event in client.events)
    assert [record.status for record in push_service.records] == [200, None]


async def test_a_silent_token_holds_up_nobody_else(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(action=Action.SILENCE, prefix="ab"))
    async with RawPush(push_service, client_files) as client:
        silent = client.post(TOKEN)
        assert (await client.answer(client.post(OTHER)))[0] == 200
        assert not any(isinstance(e, h2.events.StreamEnded) and e.stream_id == silent for e in client.events)
    assert push_service.records[0].status is None


async def test_streams_beyond_the_announced_limit_are_refused(authorities, client_files: Path):
    service = PushService(
        certificate=authorities.server.pem,
        key=authorities.server.key_pem,
        client_ca=authorities.bundle,
        max_streams=1,
    )
    service.add_rule(Rule(delay=0.1))
    async with service, RawPush(service, client_files) as client:
        assert client.h2.remote_settings.max_concurrent_streams == 1
        first = client.post(TOKEN)
        client.h2.remote_settings.max_concurrent_streams = 100
        client.h2.remote_settings.acknowledge()
        reset = await client.until(h2.events.StreamReset, stream=client.post(OTHER))
        assert reset.error_code == 0x7
        assert (await client.answer(first))[0] == 200
        assert service.stats().overflows == 1


async def test_a_changed_limit_is_announced_to_who_is_connected(push_service: PushService, client_files: Path):
    async with RawPush(push_service, client_files) as client:
        assert client.h2.remote_settings.max_concurrent_streams == 1000
        push_service.limit_streams(100)
        client.events.clear()
        await client.until(h2.events.RemoteSettingsChanged)
        assert client.h2.remote_settings.max_concurrent_streams == 100


async def test_refusals_wait_for_a_client_that_does_not_open_its_window(push_service, client_files):
    push_service.add_rule(Rule(status=410, timestamp=1_700_000_000_000))
    size = len(b'{"reason":"Unregistered","timestamp":1700000000000}')
    fitting = 65_535 // size
    async with RawPush(push_service, client_files) as client:
        for start in range(0, fitting + 1, 500):
            streams = [client.post(TOKEN) for _ in range(min(500, fitting + 1 - start))]
            for stream in streams:
                if start + streams.index(stream) < fitting:
                    await client.answer(stream)
        with pytest.raises(TimeoutError):
            await client.until(h2.events.StreamEnded, stream=streams[-1], seconds=0.2)
        client.acknowledge(size)
        assert (await client.answer(streams[-1]))[0] == 410


async def test_a_client_may_give_up_a_slow_stream(push_service: PushService, client_files: Path):
    push_service.add_rule(Rule(prefix="ab", delay=0.05))
    async with RawPush(push_service, client_files) as client:
        given_up = client.post(TOKEN)
        client.cancel(given_up)
        patient = client.post(TOKEN)
        assert (await client.answer(patient))[0] == 200
        assert not any(isinstance(e, h2.events.StreamEnded) and e.stream_id == given_up for e in client.events)


async def test_a_client_that_speaks_no_http2_is_hung_up_on(push_service: PushService, client_files: Path):
    client = RawPush(push_service, client_files)
    client._context.set_alpn_protocols(["http/1.1"])
    with pytest.raises((ConnectionError, OSError)):
        await client.__aenter__()
    assert push_service.stats().open_connections == 0


async def test_an_offline_phone_gets_only_the_newest_push_until_it_expires(authorities, client_files):
    now = [1000.0]
    service = PushService(
        certificate=authorities.server.pem,
        key=authorities.server.key_pem,
        client_ca=authorities.bundle,
        clock=lambda: now[0],
    )
    delivered: list[PushRecord] = []
    async with service, RawPush(service, client_files) as client:
        for at in (2000, 2001):
            await client.answer(client.post(TOKEN, headers=expiring(at)))
        await client.answer(client.post(OTHER, headers=expiring(1500)))
        await client.answer(client.post("ef" * 32, headers=expiring(0)))
        now[0] = 1600.0
        for token in (TOKEN, OTHER, "ef" * 32):
            service.subscribe(token, delivered.append)
        assert [(record.token, record.expiration) for record in delivered] == [(TOKEN, 2001)]
        await client.answer(client.post(TOKEN, headers=expiring(0)))
        assert len(delivered) == 2
        service.unsubscribe(TOKEN)
        await client.answer(client.post(TOKEN, headers=expiring(9000)))
        assert len(delivered) == 2


async def test_a_token_of_another_topic_is_told_so(push_service: PushService, client_files: Path):
    push_service.subscribe(TOKEN, lambda record: None, topic="pass.com.example.tea")
    async with RawPush(push_service, client_files) as client:
        status, _, body = await client.answer(client.post(TOKEN))
    assert (status, json.loads(body)) == (400, {"reason": "DeviceTokenNotForTopic"})


async def test_waiting_for_pushes_ends_with_how_far_it_got(push_service: PushService, client_files: Path):
    async with RawPush(push_service, client_files) as client:
        waiting = asyncio.create_task(push_service.received(count=2))
        await client.answer(client.post(TOKEN))
        assert not waiting.done()
        await client.answer(client.post(OTHER))
        assert [record.token for record in await waiting] == [TOKEN, OTHER]
    with pytest.raises(TimeoutError, match="1 of 3 pushes"):
        await push_service.received(TOKEN, count=3, timeout=0.05)


async def test_two_thousand_pushes_are_counted_one_by_one(push_service: PushService, client_files: Path):
    async with RawPush(push_service, client_files) as client:
        for start in range(0, 2_000, 500):
            streams = [client.post(f"{number:064x}") for number in range(start, start + 500)]
            await client.until(h2.events.StreamEnded, stream=streams[-1])
            client.events.clear()
    stats = push_service.stats()
    assert (stats.requests, stats.accepted, stats.tokens, stats.repeated) == (2_000, 2_000, 2_000, 0)
    assert push_service.accepted(f"{1_999:064x}") == 1


async def test_a_hundred_thousand_records_stay_countable_while_somebody_waits(push_service: PushService):
    identity = ClientIdentity(TOPIC, None, "00" * 32)
    waiting = asyncio.create_task(push_service.received(f"{49_999:064x}", count=2, timeout=30))
    await asyncio.sleep(0)
    for number in range(100_000):
        path = f"/3/device/{number % 50_000:064x}"
        push_service.decide(PushRequest("POST", path, USUAL_HEADERS, b"{}", identity), 1)
    assert len(await waiting) == 2
    stats = push_service.stats()
    assert (stats.accepted, stats.tokens, stats.repeated) == (100_000, 50_000, 50_000)


async def test_the_control_api_orders_trouble_and_tells_what_arrived(push_service, client_files):
    async with TestClient(TestServer(control(push_service))) as api, RawPush(push_service, client_files) as client:
        made = await api.post("/rules", json={"prefix": "ab", "status": 410, "timestamp": 5, "times": 1})
        assert made.status == 201
        assert (await client.answer(client.post(TOKEN)))[0] == 410
        assert (await client.answer(client.post(TOKEN)))[0] == 200
        listed = (await (await api.get("/pushes", params={"token": TOKEN})).json())["pushes"]
        assert [push["status"] for push in listed] == [410, 200]
        rest = await (await api.get("/pushes", params={"after": listed[0]["number"], "limit": 1})).json()
        assert [push["number"] for push in rest["pushes"]] == [listed[1]["number"]]
        totals = await (await api.get("/")).json()
        assert (totals["requests"], totals["accepted"], totals["url"]) == (2, 1, push_service.url)
        assert (await api.put("/streams", json={"max": 3})).status == 204
        assert push_service.max_streams == 3
        number = (await made.json())["number"]
        assert (await api.delete(f"/rules/{number}")).status == 204
        assert (await api.delete(f"/rules/{number}")).status == 404
        assert (await api.post("/forget")).status == 204
        assert push_service.stats().requests == 0
        assert (await api.post("/goaway")).status == 204
        await client.until(h2.events.ConnectionTerminated)


WRONG_RULES = {
    "unknown member": {"prefx": "ab"},
    "prefix not hex": {"prefix": "xy"},
    "unknown action": {"action": "explode"},
    "unknown status": {"status": 418},
    "unknown reason": {"reason": "Because"},
    "unknown error": {"error": "WHATEVER"},
    "negative": {"after": -1},
    "never": {"times": 0},
    "of another type": {"prefix": 5},
}


@pytest.mark.parametrize("rule", WRONG_RULES.values(), ids=WRONG_RULES.keys())
async def test_a_wrong_rule_is_refused_with_a_reason(push_service, rule):
    async with TestClient(TestServer(control(push_service))) as api:
        answer = await api.post("/rules", json=rule)
        assert answer.status == 400
        assert (await answer.json())["detail"]
        assert (await (await api.get("/rules")).json()) == {"rules": []}
