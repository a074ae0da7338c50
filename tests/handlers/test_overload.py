"""503 in time: when it begins and ends, by a clock of the test's own, and whom it never hits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.errors import ProblemError
from handlers.overload import CALM, FEWER, INTERVAL, LATE, LOAD, MOST, RETRY, Load
from tests.handlers.conftest import House


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Ticking:
    """A load whose ticks come as late as the test says."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.load = Load(self.clock)
        self.load.tick()

    def late(self, seconds: float) -> bool:
        self.clock.now += INTERVAL + seconds
        self.load.tick()
        return self.load.is_too_much()


def test_one_pause_is_no_load_two_in_a_row_are_until_it_is_calm_again() -> None:
    loop = Ticking()
    assert [loop.late(2 * LATE), loop.late(0), loop.late(2 * LATE)] == [False] * 3
    assert loop.late(LATE + 0.01) is True
    between = (LATE + CALM) / 2
    assert [loop.late(between) for _ in range(20)] == [True] * 20
    assert [loop.late(CALM / 2), loop.late(between)] == [False] * 2


def test_a_turn_of_the_loop_that_is_too_long_is_seen_from_within() -> None:
    loop = Ticking()
    assert loop.late(2 * LATE) is False
    loop.clock.now += INTERVAL + LATE - 0.01
    assert loop.load.is_too_much() is False
    loop.clock.now += 0.02
    assert loop.load.is_too_much() is True


def test_too_many_at_once_until_they_are_clearly_fewer() -> None:
    load = Ticking().load
    for count, expected in ((MOST - 1, False), (MOST, True), (FEWER, True), (FEWER - 1, False), (MOST - 1, False)):
        load.in_flight = count
        assert load.is_too_much() is expected, count


@given(st.lists(st.floats(0, CALM), max_size=50))
def test_a_loop_that_is_never_late_refuses_nobody(lags: list[float]) -> None:
    loop = Ticking()
    assert not any(loop.late(lag) for lag in lags)


def test_each_client_waits_another_time() -> None:
    load = Ticking().load
    load.in_flight = MOST
    waits = set()
    for _ in range(200):
        with pytest.raises(ProblemError) as refused:
            load.refuse()
        waits.add(int(refused.value.headers["Retry-After"]))
    assert waits == set(range(RETRY[0], RETRY[1] + 1))


async def test_work_that_is_asked_for_again_is_refused_and_what_is_cheap_never(small_house: House) -> None:
    house = small_house
    kept, other = await house.issue(external_id="a"), await house.issue(external_id="b")
    first = await kept.fetch()
    load = house.listener.runner.app[LOAD]
    assert load.in_flight == 0
    load.in_flight = MOST
    try:
        refused = [
            await other.fetch(),
            await house.hook({"type": "card.changed", "data": {"card": "a", "set": {"points": 1}}}),
            await house.api("GET", f"/cards/{kept.serial}"),
            await house.ask("GET", kept.install_path),
        ]
        assert [answer.status for answer in refused] == [503] * 4
        assert all(RETRY[0] <= int(answer.headers["Retry-After"]) <= RETRY[1] for answer in refused)
        assert refused[1].json["code"] == "overloaded"
        assert (await kept.fetch()).body == first.body
        assert (await kept.fetch(If_Modified_Since=first.headers["Last-Modified"])).status == 304
        assert (await kept.register("device-1")).status == 201
        assert (await kept.listed("device-1")).status in (200, 204)
        for path in ("/healthz", "/readyz", "/metrics", "/studio/sign-in"):
            assert (await house.ask("GET", path)).status == 200, path
    finally:
        load.in_flight = 0
    assert (await other.fetch()).status == 200
