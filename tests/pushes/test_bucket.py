"""The pace of an issuer: never more than Google allows, never idle while somebody waits, customers before campaigns."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from pushes.bucket import RATE, Bucket, Lane, Turnstile
from pushes.gate import Gate

GOOGLES_LIMIT = 20  # requests in a second, https://developers.google.com/wallet/generic/resources/faq
LANES = st.sampled_from(list(Lane))


@dataclass(frozen=True)
class Request:
    number: int
    lane: Lane


def granted(turnstile: Turnstile[Request], now: float) -> list[Request]:
    found = []
    while (who := turnstile.next(now)) is not None:
        found.append(who)
    return found


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=200))
def test_no_second_ever_sees_more_than_google_allows(pauses: list[float]) -> None:
    bucket, now, times = Bucket(now=0.0), 0.0, []
    for pause in pauses:
        now += pause
        while bucket.take(now):
            times.append(now)
    for first in times:
        assert sum(first <= other <= first + 1 for other in times) <= GOOGLES_LIMIT


@given(st.lists(LANES, min_size=1, max_size=60), st.floats(1, 500))
def test_everybody_gets_a_turn_in_the_time_that_the_rate_needs(lanes: list[Lane], rate: float) -> None:
    turnstile: Turnstile[Request] = Turnstile(Bucket(rate, now=0.0))
    waiting = [Request(number, lane) for number, lane in enumerate(lanes)]
    for request in waiting:
        turnstile.join(request, request.lane)
    now, done = 0.0, granted(turnstile, 0.0)
    while (wait := turnstile.wait(now)) is not None:
        now += wait
        done += granted(turnstile, now)
    assert done == sorted(waiting, key=lambda request: (request.lane, request.number))
    assert now <= len(lanes) / rate + 1e-6


@given(st.lists(st.tuples(LANES, st.floats(0, 0.2)), min_size=1, max_size=100))
def test_nobody_is_passed_by_a_lower_lane(arrivals: list[tuple[Lane, float]]) -> None:
    turnstile: Turnstile[Request] = Turnstile(Bucket(now=0.0))
    waiting: set[Request] = set()
    now = 0.0
    for number, (lane, pause) in enumerate(arrivals):
        now += pause
        request = Request(number, lane)
        waiting.add(request)
        turnstile.join(request, lane)
        for who in granted(turnstile, now):
            assert who.lane == min(other.lane for other in waiting)
            waiting.remove(who)
    assert len(turnstile) == len(waiting)


def test_who_leaves_takes_no_turn() -> None:
    turnstile: Turnstile[Request] = Turnstile(Bucket(now=0.0))
    gone, stays = Request(1, Lane.URGENT), Request(2, Lane.CAMPAIGN)
    turnstile.join(gone, Lane.URGENT)
    turnstile.join(stays, Lane.CAMPAIGN)
    turnstile.leave(gone)
    assert granted(turnstile, 0.0) == [stays]
    assert turnstile.wait(0.0) is None


def test_after_too_many_nothing_goes_for_a_while() -> None:
    bucket = Bucket(now=0.0)
    bucket.rest(30, 10.0)
    assert not bucket.take(39.9)
    assert bucket.wait(20.0) == 20.0
    bucket.rest(1, 15.0)  # a shorter one does not shorten it
    assert not bucket.take(39.9)
    assert bucket.take(40.0)


async def test_the_gate_lets_through_at_its_rate_and_urgent_ones_first() -> None:
    gate, loop, order = Gate(200), asyncio.get_running_loop(), []

    async def pass_through(name: str, lane: Lane) -> None:
        await gate.turn(lane)
        order.append(name)

    begin = loop.time()
    campaign = [asyncio.create_task(pass_through(f"campaign {n}", Lane.CAMPAIGN)) for n in range(60)]
    await asyncio.sleep(0)
    await asyncio.gather(pass_through("urgent", Lane.URGENT), *campaign)
    assert loop.time() - begin >= (61 - 200 / 9 - 1) / 200
    assert order.index("urgent") <= 200 / 9 + 1  # only those were before it who had passed when it came


async def test_who_gives_up_waiting_leaves_no_gap() -> None:
    gate = Gate(9)  # one at a time
    await gate.turn(Lane.URGENT)
    given_up = asyncio.create_task(gate.turn(Lane.URGENT))
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait_for(gate.turn(Lane.URGENT), 1 / 9 + 0.5)
    assert given_up.cancelled()


def test_the_rate_leaves_room_under_googles_limit() -> None:
    assert RATE + RATE / 9 <= GOOGLES_LIMIT
