"""One suite for both clients of Apple's push service, against servers that are not ours: nginx, Node, Go.

Where aioapns cannot, the test says so: it knows no reset stream, no GOAWAY's resend, no error answer without a body.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands.pki import LookAlike
from pushes.apns import ApnsChannel
from pushes.apns_aioapns import AioapnsChannel
from pushes.channel import Channel, Outcome, Push, Verdict
from pushes.h2pool import Options
from pushes.h2watch import Limits
from tests.pushes import standins
from tests.pushes.standins import Files, Standin

TOPIC = "pass.com.passbell.demo"
EXPIRATION = int(datetime(2026, 12, 22, tzinfo=UTC).timestamp())
QUICK = Options(limits=Limits(deadline=3), connection_interval=0.05, patience=3, grace=1)
PATIENT = Options()

Opener = Callable[..., Channel]


def pushes(count: int, prefix: str = "", start: int = 0) -> list[Push]:
    """Tokens of 64 hex digits that begin with ``prefix`` and end in their number."""
    return [
        Push(number, TOPIC, prefix + f"{number:0{64 - len(prefix)}x}", EXPIRATION)
        for number in range(start, start + count)
    ]


async def send(channel: Channel, wanted: Iterable[Push]) -> dict[Push, Verdict]:
    """Every push with its one verdict; a second verdict for one, or a strange push, fails."""
    given = list(wanted)
    verdicts: dict[Push, Verdict] = {}
    async for push, verdict in channel.send_many(given):
        assert push not in verdicts
        verdicts[push] = verdict
    assert verdicts.keys() == set(given)
    return verdicts


def tally(verdicts: dict[Push, Verdict]) -> Counter[tuple[Outcome, str]]:
    return Counter((verdict.outcome, verdict.reason) for verdict in verdicts.values())


@pytest.fixture(scope="session")
def files(pki: LookAlike, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return standins.write_files(pki, tmp_path_factory.mktemp("standins"))


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standins.build_go(tmp_path_factory.mktemp("go"))


@pytest.fixture(params=["own", "aioapns"])
def opener(request: pytest.FixtureRequest, files: Files) -> Opener:
    """Makes a channel to a stand-in."""
    kind = ApnsChannel if request.param == "own" else AioapnsChannel

    def open_channel(standin: Standin, options: Options = QUICK) -> Channel:
        return kind(standin.url, *files.client, files.ca, options=options)

    return open_channel


@pytest.fixture(params=["nginx", "node", "go"])
async def standin(request: pytest.FixtureRequest, files: Files, tmp_path: Path) -> AsyncIterator[Standin]:
    match request.param:
        case "nginx":
            server = standins.nginx(files, tmp_path)
        case "node":
            server = standins.node(files)
        case _:
            server = standins.go(request.getfixturevalue("go_program"), files)
    async with server as running:
        yield running


@pytest.fixture
async def node(files: Files) -> AsyncIterator[Standin]:
    async with standins.node(files) as running:
        yield running


@asynccontextmanager
async def closing(channel: Channel) -> AsyncIterator[Channel]:
    try:
        yield channel
    finally:
        await channel.aclose()


async def test_every_push_is_accepted(opener: Opener, standin: Standin) -> None:
    async with closing(opener(standin, PATIENT)) as channel:
        assert tally(await send(channel, pushes(1500))) == {(Outcome.DELIVERED, ""): 1500}


async def test_each_answer_becomes_its_verdict(opener: Opener, standin: Standin) -> None:
    expected = {
        "0000": (Outcome.DELIVERED, ""),
        "4000": (Outcome.GONE, "BadDeviceToken"),
        "4001": (Outcome.PARK, "DeviceTokenNotForTopic"),
        "4002": (Outcome.OURS, "SomethingNew"),
        "4030": (Outcome.OURS, "BadCertificate"),
        "4100": (Outcome.GONE, "Unregistered"),
        "4290": (Outcome.RETRY, "TooManyRequests"),
        "5000": (Outcome.RETRY, "InternalServerError"),
        "5030": (Outcome.RETRY, "ServiceUnavailable"),
    }
    mixed = [push for index in range(30) for prefix in expected for push in pushes(1, prefix, start=index)]
    async with closing(opener(standin, PATIENT)) as channel:
        verdicts = await send(channel, mixed)
    for push, verdict in verdicts.items():
        assert (verdict.outcome, verdict.reason) == expected[push.token[:4]]
        if push.token.startswith("4100"):
            assert verdict.gone_since == datetime(2024, 10, 27, 3, 33, 20, tzinfo=UTC)


async def test_the_server_sees_what_apple_asks_for(opener: Opener, node: Standin) -> None:
    async with closing(opener(node)) as channel:
        await send(channel, pushes(3))
        stats = await node.stats()
    headers = stats["headers"]
    assert headers[":method"] == "POST"
    assert headers[":path"] in {f"/3/device/{push.token}" for push in pushes(3)}
    assert headers["apns-topic"] == TOPIC
    assert headers["apns-push-type"] == "background"
    assert headers["apns-priority"] == "5"
    assert abs(int(headers["apns-expiration"]) - EXPIRATION) <= 2
    assert stats["bodies"] == ["{}"]
    assert stats["certificates"] == 1
    assert (stats["requests"], stats["tokens"], stats["repeated"]) == (3, 3, 0)


async def test_several_callers_share_a_channel(opener: Opener, node: Standin) -> None:
    async with closing(opener(node)) as channel:
        results = await asyncio.gather(*(send(channel, pushes(100, f"{one:04x}")) for one in range(8)))
    allowed = {(Outcome.DELIVERED, "")}
    if isinstance(channel, AioapnsChannel):
        # it loses a few when its first connection is crowded, and some answers when the machine is
        allowed |= {(Outcome.RETRY, reason) for reason in ("ConnectionLost", "NoConnection", "NoAnswer")}
    assert set().union(*(tally(verdicts) for verdicts in results)) <= allowed


async def test_two_thousand_dead_tokens_do_not_freeze_it(opener: Opener, node: Standin) -> None:
    async with closing(opener(node, PATIENT)) as channel:
        assert tally(await send(channel, pushes(2000, "4100"))) == {(Outcome.GONE, "Unregistered"): 2000}


async def test_a_silent_token_ends_at_its_deadline_and_the_others_do_not_wait(opener: Opener, node: Standin) -> None:
    async with closing(opener(node)) as channel:
        verdicts = await send(channel, pushes(3, "0511") + pushes(200))
    assert tally(verdicts) == {(Outcome.RETRY, "NoAnswer"): 3, (Outcome.DELIVERED, ""): 200}
    assert [verdict.reason for verdict in verdicts.values()][-3:] == ["NoAnswer"] * 3


async def test_a_server_that_is_not_there_is_a_retry_for_all(opener: Opener, files: Files) -> None:
    nobody = Standin(standins.free_port(), None)  # type: ignore[arg-type]
    async with closing(opener(nobody, Options(patience=0.3))) as channel:
        assert tally(await send(channel, pushes(20))).keys() <= {
            (Outcome.RETRY, "NoConnection"),
            (Outcome.RETRY, "ConnectionLost"),
        }


async def test_a_token_that_is_none_is_parked_without_being_sent(opener: Opener, node: Standin) -> None:
    strange = Push(1, TOPIC, "a/../b", EXPIRATION)
    async with closing(opener(node)) as channel:
        assert (await send(channel, [strange]))[strange].outcome is Outcome.PARK
    assert (await node.stats())["requests"] == 0


async def test_nothing_to_send_is_nothing_to_wait_for(opener: Opener, node: Standin) -> None:
    async with closing(opener(node)) as channel:
        assert await send(channel, []) == {}


async def test_a_closed_channel_still_answers_for_every_push(opener: Opener, node: Standin) -> None:
    channel = opener(node)
    await send(channel, pushes(3))
    await channel.aclose()
    await channel.aclose()
    assert tally(await send(channel, pushes(10))) == {(Outcome.RETRY, "Closed"): 10}


async def test_a_caller_that_goes_away_spoils_nothing_for_the_next(opener: Opener, node: Standin) -> None:
    async with closing(opener(node)) as channel:
        async with aclosing(channel.send_many(pushes(1000))) as answers:  # type: ignore[type-var]
            async for _, verdict in answers:
                assert verdict.outcome is Outcome.DELIVERED
                break
        assert tally(await send(channel, pushes(300, "aaaa"))) == {(Outcome.DELIVERED, ""): 300}
