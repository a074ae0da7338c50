"""Every fault of a push service: each token accounted for exactly once, nothing hangs. Over our own connection."""

from __future__ import annotations

import asyncio
import ssl
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from commands.pki import DEFAULT_PASS_TYPE, LookAlike, look_alike
from pushes.apns import ApnsChannel
from pushes.channel import Outcome, Verdict
from pushes.h2pool import Options
from pushes.h2watch import Limits
from tests.judges import need
from tests.pushes import standins
from tests.pushes.standins import Files, Standin
from tests.pushes.test_push_conformance import closing, pushes, send, tally

ACCEPTED = (Outcome.DELIVERED, "")
QUICK = Options(limits=Limits(deadline=2), connection_interval=0.05, patience=3, grace=1)


@pytest.fixture(scope="session")
def files(pki: LookAlike, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return standins.write_files(pki, tmp_path_factory.mktemp("standins"))


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return standins.build_go(tmp_path_factory.mktemp("go"))


@pytest.fixture
async def node(files: Files) -> AsyncIterator[Standin]:
    async with standins.node(files) as running:
        yield running


async def came(standin: Standin, requests: int) -> None:
    """Wait until so many requests have reached it."""
    async with asyncio.timeout(5):
        while (await standin.stats())["requests"] < requests:
            await asyncio.sleep(0.01)


def channel_to(standin: Standin, files: Files, options: Options = QUICK) -> ApnsChannel:
    return ApnsChannel(standin.url, *files.client, files.ca, options=options)


async def test_ten_thousand_dead_tokens_each_get_their_verdict(node: Standin, files: Files) -> None:
    async with closing(channel_to(node, files)) as channel:
        assert tally(await send(channel, pushes(10_000, "4100"))) == {(Outcome.GONE, "Unregistered"): 10_000}
    assert (await node.stats())["repeated"] == 0


@pytest.mark.parametrize("rules", [{"early": True}, {"trailers": True}, {"early": True, "trailers": True}])
async def test_early_hints_and_trailers_do_not_disturb(node: Standin, files: Files, rules: dict[str, bool]) -> None:
    await node.rule(all="4290", retryAfter="7", **rules)
    async with closing(channel_to(node, files)) as channel:
        verdicts = await send(channel, pushes(200))
    assert tally(verdicts) == {(Outcome.RETRY, "TooManyRequests"): 200}
    assert {verdict.retry_after for verdict in verdicts.values()} == {7.0}
    assert all(verdict.vendor_id for verdict in verdicts.values())


async def test_a_refused_stream_is_sent_again(node: Standin, files: Files) -> None:
    async with closing(channel_to(node, files)) as channel:
        assert tally(await send(channel, pushes(500, "75701") + pushes(500))) == {ACCEPTED: 1000}
    stats = await node.stats()
    assert (stats["requests"], stats["repeated"], stats["connections"]) == (1500, 500, 1)


async def test_a_stream_refused_again_and_again_is_left_to_the_job(node: Standin, files: Files) -> None:
    async with closing(channel_to(node, files)) as channel:
        assert tally(await send(channel, pushes(20, "75700"))) == {(Outcome.RETRY, "REFUSED_STREAM"): 20}
    assert (await node.stats())["requests"] == 200  # ten times each


async def test_another_reset_is_not_sent_again_because_nobody_knows(node: Standin, files: Files) -> None:
    async with closing(channel_to(node, files)) as channel:
        verdicts = await send(channel, pushes(500, "7571") + pushes(500))
    assert tally(verdicts) == {(Outcome.RETRY, "Reset INTERNAL_ERROR"): 500, ACCEPTED: 500}
    assert (await node.stats())["repeated"] == 0


async def test_silence_ends_at_the_deadlines(node: Standin, files: Files) -> None:
    options = replace(QUICK, limits=Limits(streams=200, deadline=0.4))
    async with closing(channel_to(node, files, options)) as channel:
        verdicts = await asyncio.wait_for(send(channel, pushes(800, "0511") + pushes(100)), 20)
    assert tally(verdicts) == {(Outcome.RETRY, "NoAnswer"): 800, ACCEPTED: 100}
    assert (await node.stats())["repeated"] == 0


async def test_a_server_that_stands_still_is_found_by_ping(node: Standin, files: Files) -> None:
    limits = Limits(deadline=30, ping_busy=0.2, ping_timeout=0.3)
    async with closing(channel_to(node, files, replace(QUICK, limits=limits))) as channel:
        await send(channel, pushes(1))
        node.pause()
        try:
            verdicts = await asyncio.wait_for(send(channel, pushes(50, "aaaa")), 15)
        finally:
            node.resume()
        assert tally(verdicts) == {(Outcome.RETRY, "Silence"): 50}
        assert tally(await asyncio.wait_for(send(channel, pushes(50, "bbbb")), 15)) == {ACCEPTED: 50}


async def test_what_goaway_left_untouched_goes_to_the_next_connection(node: Standin, files: Files) -> None:
    await node.rule(goawayAfter=300)
    async with closing(channel_to(node, files)) as channel:
        assert tally(await send(channel, pushes(2000))) == {ACCEPTED: 2000}
    stats = await node.stats()
    assert (stats["requests"], stats["tokens"], stats["repeated"]) == (2000, 2000, 0)
    assert stats["connections"] >= 7


async def test_gos_graceful_goaway_loses_and_repeats_nothing(go_program: Path, files: Files) -> None:
    async with standins.go(go_program, files) as go:
        await go.rule(goawayAfter=400)
        async with closing(channel_to(go, files)) as channel:
            assert tally(await send(channel, pushes(2000))) == {ACCEPTED: 2000}
        stats = await go.stats()
    assert (stats["requests"], stats["tokens"], stats["repeated"]) == (2000, 2000, 0)


async def test_nginxs_limit_of_requests_a_connection_loses_and_repeats_nothing(files: Files, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    server = standins.nginx(files, tmp_path, requests=250, streams=100, log=log)
    async with server as nginx, closing(channel_to(nginx, files)) as channel:
        assert tally(await send(channel, pushes(1000))) == {ACCEPTED: 1000}
    lines = log.read_text().splitlines()
    assert len(lines) == len(set(lines)) == 1000
    assert all(line.endswith(" background 5 SUCCESS") for line in lines)


async def test_the_reason_inside_a_goaway_holds_everything_when_it_is_ours_to_fix(node: Standin, files: Files) -> None:
    await node.rule(goawayAfter=1, goawayReason="BadCertificateEnvironment", delay=50)
    async with closing(channel_to(node, files)) as channel:
        verdicts = await send(channel, pushes(5000))
        assert channel.connections <= 1
    ours = (Outcome.OURS, "BadCertificateEnvironment")
    assert tally(verdicts)[ours] >= 4999
    assert tally(verdicts).keys() <= {ours, ACCEPTED}


@pytest.mark.parametrize("after", [1, 50, 333])
async def test_a_cut_leaves_no_push_without_a_verdict(node: Standin, files: Files, after: int) -> None:
    await node.rule(cutAfter=after)
    options = replace(QUICK, limits=Limits(streams=100, deadline=5))
    async with closing(channel_to(node, files, options)) as channel:
        verdicts = await asyncio.wait_for(send(channel, pushes(600)), 30)
    assert tally(verdicts).keys() <= {ACCEPTED, (Outcome.RETRY, "ConnectionLost")}
    assert (await node.stats())["repeated"] == 0  # what may have been taken is the job's to decide


async def test_a_server_that_cuts_every_connection_is_not_stormed(node: Standin, files: Files) -> None:
    await node.rule(refuseConnections=True)
    options = replace(QUICK, connection_interval=0.2, patience=1.5)
    async with closing(channel_to(node, files, options)) as channel:
        verdicts = await asyncio.wait_for(send(channel, pushes(100)), 20)
    assert tally(verdicts) == {(Outcome.RETRY, "NoConnection"): 100}
    assert (await node.stats())["connections"] <= 8


async def test_there_is_at_most_one_new_connection_a_second(node: Standin, files: Files) -> None:
    await node.rule(goawayAfter=1)
    async with closing(channel_to(node, files, Options())) as channel:
        assert tally(await send(channel, pushes(3))) == {ACCEPTED: 3}
    starts = (await node.stats())["starts"]
    assert len(starts) == 3
    assert all(later - earlier >= 980 for earlier, later in pairwise(starts))


async def test_one_stream_at_a_time_is_obeyed(node: Standin, files: Files) -> None:
    await node.rule(settings={"maxConcurrentStreams": 1})
    async with closing(channel_to(node, files)) as channel:
        await send(channel, pushes(1))  # Node sends these SETTINGS as its second
        await node.rule()
        assert tally(await send(channel, pushes(300))) == {ACCEPTED: 300}
    assert (await node.stats())["mostStreams"] == 1


async def test_a_limit_that_changes_on_the_way_is_obeyed(node: Standin, files: Files) -> None:
    await node.rule(delay=5)
    async with closing(channel_to(node, files, replace(QUICK, max_connections=1))) as channel:
        sending = asyncio.create_task(send(channel, pushes(3000)))
        for streams in (100, 0, 1, 100):
            await node.ask(settings={"maxConcurrentStreams": streams})
            await asyncio.sleep(0.1)
        assert tally(await asyncio.wait_for(sending, 20)) == {ACCEPTED: 3000}
        await node.rule(delay=5)
        assert tally(await send(channel, pushes(500, "aaaa"))) == {ACCEPTED: 500}
    assert (await node.stats())["mostStreams"] <= 100


async def test_a_server_that_allows_no_stream_at_all_is_a_retry_for_all(node: Standin, files: Files) -> None:
    async with closing(channel_to(node, files, replace(QUICK, patience=0.4))) as channel:
        await send(channel, pushes(1))
        await node.ask(settings={"maxConcurrentStreams": 0})
        await asyncio.sleep(0.1)
        assert tally(await send(channel, pushes(50))) == {(Outcome.RETRY, "NoStreams"): 50}
        assert tally(await send(channel, pushes(50))) == {ACCEPTED: 50}  # on a connection that allows some


async def test_a_long_round_trip_gets_more_connections(node: Standin, files: Files) -> None:
    await node.rule(delay=200, settings={"maxConcurrentStreams": 20})
    async with closing(channel_to(node, files, replace(QUICK, max_connections=3))) as channel:
        verdicts = await asyncio.wait_for(send(channel, pushes(700)), 30)
        assert channel.connections == 3
    assert tally(verdicts) == {ACCEPTED: 700}


async def test_a_short_round_trip_stays_on_one_connection(node: Standin, files: Files) -> None:
    async with closing(channel_to(node, files)) as channel:
        for number in range(4):
            await send(channel, pushes(50, f"{number:04x}"))
        assert channel.connections == 1


async def test_closing_waits_for_answers_under_way_and_leaves_no_push_unanswered(node: Standin, files: Files) -> None:
    await node.rule(delay=300)
    channel = channel_to(node, files, replace(QUICK, limits=Limits(streams=50, deadline=5)))
    sending = asyncio.create_task(send(channel, pushes(500)))
    await came(node, 50)
    await channel.aclose()
    verdicts = tally(await asyncio.wait_for(sending, 5))
    assert verdicts == {ACCEPTED: 50, (Outcome.RETRY, "Closed"): 450}


async def test_closing_does_not_wait_for_a_silent_server(node: Standin, files: Files) -> None:
    channel = channel_to(node, files, replace(QUICK, limits=Limits(deadline=60), grace=0.3))
    sending = asyncio.create_task(send(channel, pushes(10, "0511")))
    await came(node, 10)
    await asyncio.wait_for(channel.aclose(), 5)
    assert tally(await sending) == {(Outcome.RETRY, "Closed"): 10}


async def test_a_certificate_of_ours_that_the_server_refuses_is_ours_to_fix(go_program: Path, files: Files) -> None:
    stranger = look_alike(now=datetime.now(UTC)).passes[DEFAULT_PASS_TYPE]
    async with standins.go(go_program, files) as go:
        channel = ApnsChannel(go.url, stranger.certificate_pem, stranger.key_pem, files.ca, options=QUICK)
        async with closing(channel):
            assert tally(await send(channel, pushes(30))) == {(Outcome.OURS, "CertificateRefused"): 30}


async def test_a_server_whose_certificate_we_do_not_trust_is_ours_to_fix(node: Standin, files: Files) -> None:
    channel = ApnsChannel(node.url, *files.client, options=QUICK)  # the machine's roots
    async with closing(channel):
        assert tally(await send(channel, pushes(30))) == {(Outcome.OURS, "CertificateRefused"): 30}
    assert (await node.stats())["requests"] == 0


async def test_a_server_without_http2_is_ours_to_fix(files: Files) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.folder / "server.pem", files.folder / "server.key")
    context.set_alpn_protocols(["http/1.1"])
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=context)
    async with server:
        channel = ApnsChannel(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", *files.client, files.ca)
        async with closing(channel):
            assert tally(await send(channel, pushes(5))) == {(Outcome.OURS, "NotHttp2"): 5}


@pytest.mark.parametrize("url", ["http://api.push.apple.com", "api.push.apple.com", "https://", "https://host/path"])
def test_a_url_that_is_none_is_refused_at_once(url: str, files: Files) -> None:
    with pytest.raises(ValueError, match="is not https://host"):
        ApnsChannel(url, *files.client)


def test_a_key_of_another_certificate_is_refused_at_once(files: Files) -> None:
    stranger = look_alike(now=datetime.now(UTC)).passes[DEFAULT_PASS_TYPE]
    with pytest.raises(ssl.SSLError):
        ApnsChannel("https://127.0.0.1", files.client[0], stranger.key_pem)


def test_uvloop_carries_it_too(files: Files) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> Verdict:
        async with standins.node(files) as node:
            await node.rule(goawayAfter=700)
            async with closing(channel_to(node, files)) as channel:
                verdicts = await send(channel, pushes(2000) + pushes(100, "4100"))
                assert tally(verdicts) == {ACCEPTED: 2000, (Outcome.GONE, "Unregistered"): 100}
                return next(iter(verdicts.values()))

    assert uvloop.run(scenario()).outcome is Outcome.DELIVERED


# The fast stand-in, also not ours.

FAST_FAULTS = {
    "4100": (Outcome.GONE, "Unregistered"),
    "7571": (Outcome.RETRY, "Reset INTERNAL_ERROR"),
    "75701": ACCEPTED,
    "60a01": ACCEPTED,
    "50301": (Outcome.RETRY, "ServiceUnavailable"),
}


@pytest.mark.parametrize("prefix", FAST_FAULTS)
async def test_the_fast_standins_faults_leave_each_token_with_one_verdict(files: Files, prefix: str) -> None:
    count = 8 if prefix == "60a01" else 10_000
    async with standins.fast(files, "-m", "500") as fast, closing(channel_to(fast, files)) as channel:
        verdicts = await asyncio.wait_for(send(channel, pushes(count, prefix) + pushes(1000)), 50)
    assert tally(verdicts) == {FAST_FAULTS[prefix]: count} | {
        ACCEPTED: 1000 + (count if FAST_FAULTS[prefix] == ACCEPTED else 0)
    }


async def test_the_fast_standins_cuts_and_goaways_leave_each_token_with_one_verdict(files: Files) -> None:
    for options in (["-g", "900"], ["-k", "900"], ["-1"], ["-d", "1000"], ["-r"]):
        async with standins.fast(files, *options) as fast, closing(channel_to(fast, files)) as channel:
            verdicts = tally(await asyncio.wait_for(send(channel, pushes(5000)), 30))
        # It resets its socket when it leaves, so that answers on their way may be lost: unknown, and the job's.
        lost = {(Outcome.RETRY, "ConnectionLost"), (Outcome.RETRY, "Shutdown")} if options[0] in ("-g", "-k") else set()
        assert verdicts.keys() <= {ACCEPTED} | lost


async def test_fifty_thousand_pushes_keep_the_memory_of_one_window(files: Files) -> None:
    need("fast-apns")
    wanted = pushes(50_000)
    async with standins.fast(files) as fast, closing(channel_to(fast, files)) as channel:
        await send(channel, wanted[:5000])
        tracemalloc.start()
        try:
            count = 0
            async for _, verdict in channel.send_many(wanted):
                count += verdict.outcome is Outcome.DELIVERED
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert count == 50_000
    assert peak < 8_000_000
