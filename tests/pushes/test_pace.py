"""The pace of a fan-out: up while nobody minds, halved when somebody does, and never outside its bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pushes.pace import BUSY, FIRST, GROWTH, IDLE_SECONDS, LEAST, MOST, PATIENCE, SLOW_SECONDS, STEP, Pace, Pacer

LOADS = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 2)), max_size=200)


def test_it_grows_until_somebody_has_too_much_is_halved_and_grows_by_steps_where_there_is_little_room() -> None:
    pace = Pace()
    rates = []
    for fetch, cpu in [(0.1, 0.2), (0.1, 0.5), (0.6, 0.5), (3.0, 0.5), (3.0, 1.0), (0.4, 0.5), (0.1, 0.7), (0.1, 0.5)]:
        pace = pace.next(fetch, cpu)
        rates.append(pace.rate)
    top = FIRST * GROWTH**2
    slow = [top / 2] * 3 + [top / 2 * STEP, top / 2 * STEP * STEP, top / 2 * STEP * STEP * GROWTH]
    assert rates == [GROWTH * FIRST, top, *slow]


def test_while_phones_come_back_some_seconds_late_it_does_not_run_far_past_what_they_need() -> None:
    """Phones that come three seconds after their push, to web processes that serve a thousand a second."""
    pace, pushed, backlog, longest = Pace(), [0.0] * 3, 0.0, 0.0
    for _ in range(600):
        pushed.append(pace.rate)
        backlog = max(0.0, backlog + pushed[-4] - 1_000)
        longest = max(longest, backlog / 1_000)
        pace = pace.next(0.05 + backlog / 1_000, min(1.0, pushed[-4] / 1_000))
    assert longest < 2.0
    assert sum(pushed[-300:]) / 300 > 500


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
