"""What every channel promises, held against the channels of Firebase and of the relays: one verdict for each push, whatever
happens on the way, and in the end none of them in a log."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from commands.pki import LookAlike
from pushes.channel import Channel, Outcome, Push, Verdict
from tests.pushes import othervendors
from tests.pushes.othervendors import Vendor


@pytest.fixture(params=["fcm", "walletpasses", "passwallet"])
async def vendor(request: pytest.FixtureRequest, pki: LookAlike, tmp_path: Path) -> AsyncIterator[Vendor]:
    async with othervendors.vendor(request.param, pki, tmp_path) as running:
        yield running


@asynccontextmanager
async def closing(channel: Channel) -> AsyncIterator[Channel]:
    try:
        yield channel
    finally:
        await channel.aclose()


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


async def test_every_push_is_accepted_and_arrives_once(vendor: Vendor) -> None:
    async with closing(vendor.open()) as channel:
        verdicts = await send(channel, [vendor.push(number) for number in range(250)])
    assert tally(verdicts) == {(Outcome.DELIVERED, ""): 250}
    assert Counter(vendor.received) == Counter(vendor.token(number) for number in range(250))


async def test_nothing_to_send_is_nothing_to_wait_for(vendor: Vendor) -> None:
    async with closing(vendor.open()) as channel:
        assert await send(channel, []) == {}


async def test_several_callers_share_a_channel(vendor: Vendor) -> None:
    async with closing(vendor.open()) as channel:
        groups = [[vendor.push(first + number) for number in range(20)] for first in range(0, 160, 20)]
        results = await asyncio.gather(*(send(channel, group) for group in groups))
    assert sum((tally(verdicts) for verdicts in results), Counter()) == {(Outcome.DELIVERED, ""): 160}


async def test_too_many_is_a_retry_that_minds_what_the_vendor_says(vendor: Vendor) -> None:
    vendor.answers(429)
    vendor.service.retry_after = 90
    async with closing(vendor.open()) as channel:
        verdicts = await send(channel, [vendor.push(1), vendor.push(2)])
    assert {(verdict.outcome, verdict.retry_after) for verdict in verdicts.values()} == {(Outcome.RETRY, 90.0)}


async def test_an_outage_is_a_retry(vendor: Vendor) -> None:
    vendor.answers(503)
    async with closing(vendor.open(deadline=1)) as channel:  # Firebase's library would try for seven seconds
        verdicts = await send(channel, [vendor.push(1)])
    assert [verdict.outcome for verdict in verdicts.values()] == [Outcome.RETRY]


async def test_silence_ends_at_the_deadline(vendor: Vendor) -> None:
    vendor.is_silent()
    async with closing(vendor.open(deadline=0.3)) as channel:
        verdicts = await send(channel, [vendor.push(number) for number in range(5)])
    assert tally(verdicts) == {(Outcome.RETRY, "NoAnswer"): 5}


async def test_a_cut_is_a_retry(vendor: Vendor) -> None:
    vendor.cuts()
    async with closing(vendor.open()) as channel:
        verdicts = await send(channel, [vendor.push(number) for number in range(5)])
    assert tally(verdicts) == {(Outcome.RETRY, "ConnectionLost"): 5}


async def test_a_vendor_that_is_not_there_is_a_retry_for_all(vendor: Vendor) -> None:
    channel = vendor.open(deadline=2)
    await vendor.service.__aexit__()
    async with closing(channel):
        verdicts = await send(channel, [vendor.push(number) for number in range(5)])
    assert {verdict.outcome for verdict in verdicts.values()} == {Outcome.RETRY}
    assert {verdict.reason for verdict in verdicts.values()} <= {"NoConnection", "NoAccessToken"}


async def test_a_closed_channel_still_answers_for_every_push(vendor: Vendor) -> None:
    channel = vendor.open()
    await send(channel, [vendor.push(1)])
    await channel.aclose()
    await channel.aclose()
    assert tally(await send(channel, [vendor.push(number) for number in range(4)])) == {(Outcome.RETRY, "Closed"): 4}


async def test_a_caller_that_goes_away_spoils_nothing_for_the_next(vendor: Vendor) -> None:
    async with closing(vendor.open()) as channel:
        async with aclosing(channel.send_many([vendor.push(number) for number in range(300)])) as answers:  # type: ignore[type-var]
            async for _, verdict in answers:
                assert verdict.outcome is Outcome.DELIVERED
                break
        verdicts = await send(channel, [vendor.push(number) for number in range(1000, 1050)])
    assert tally(verdicts) == {(Outcome.DELIVERED, ""): 50}


async def test_no_log_line_holds_a_token(vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with capture_logs() as told:
        async with closing(vendor.open(deadline=0.3)) as channel:
            await send(channel, [vendor.push(1)])
            vendor.answers(429)
            await send(channel, [vendor.push(1)])
            vendor.is_silent()
            await send(channel, [vendor.push(1)])
    lines = [record.getMessage() for record in caplog.records] + [str(line) for line in told]
    assert [line for line in lines if vendor.token(1) in line] == []
