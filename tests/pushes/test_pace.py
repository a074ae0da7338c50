"""The pace of a fan-out: up while nobody minds, halved when somebody does, and never outside its bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pushes.pace import BUSY, FIRST, IDLE_SECONDS, LEAST, MOST, PATIENCE, SLOW_SECONDS, STEP, Pace, Pacer

LOADS = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 2)), max_size=200)


def test_it_doubles_until_somebody_has_too_much_then_is_halved_and_grows_by_steps() -> None:
    pace = Pace()
    rates = []
    for fetch, cpu in [(0.1, 0.2), (0.2, 0.5), (1.2, 0.5), (3.0, 0.5), (3.0, 1.0), (0.5, 0.5), (0.5, 0.5)]:
        pace = pace.next(fetch, cpu)
        rates.append(pace.rate)
    top = 4 * FIRST
    assert rates == [2 * FIRST, top, top / 2, top / 2, top / 2, top / 2 + STEP, top / 2 + 2 * STEP]


def test_what_stays_slow_is_halved_again_and_again_but_not_each_second() -> None:
    pace, halvings = Pace(rate=MOST), 0
    for _ in range(4 * (PATIENCE + 1)):
        after = pace.next(SLOW_SECONDS + 0.1, 0.0)
        halvings += after.rate < pace.rate
        pace = after
    assert halvings == 4


@given(LOADS)
def test_it_stays_within_its_bounds_and_only_a_load_slows_it(loads: list[tuple[float, float]]) -> None:
    pace = Pace()
    for fetch, cpu in loads:
        after = pace.next(fetch, cpu)
        assert LEAST <= after.rate <= MOST
        if fetch <= SLOW_SECONDS and cpu <= BUSY:
            assert after.rate >= pace.rate
        else:
            assert after.rate <= pace.rate
            assert not after.is_searching or pace.rest
        pace = after


class Clock:
    now = 50.0

    def __call__(self) -> float:
        return self.now


@given(st.lists(st.tuples(st.floats(0.001, 0.9), st.integers(1, 500)), min_size=1, max_size=100))
def test_no_more_is_pushed_than_the_pace_has_room_for(turns: list[tuple[float, int]]) -> None:
    clock = Clock()
    pacer, sent = Pacer(clock), 0
    for seconds, wanted in turns:
        clock.now += seconds
        count = min(wanted, pacer.room())
        pacer.spend(count)
        sent += count
    assert sent <= FIRST * (clock.now - 50.0) + 1


def test_after_a_pause_the_next_fan_out_begins_anew() -> None:
    clock = Clock()
    pacer = Pacer(clock)
    pacer.hear(9.0, 0.0)
    assert pacer.pace.rate == FIRST / 2
    clock.now += IDLE_SECONDS + 1
    assert pacer.is_due
    pacer.hear(9.0, 0.0)
    assert pacer.pace == Pace()
