"""The table of sizes in the documents is the simulation's, and the simulation loses nobody."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.sizes import SPREAD, Costs, Use, plan, simulate, table

DOCS = Path(__file__).parent.parent / "docs"
CARDS = st.integers(1, 200_000_000)
USES = st.builds(Use, back=st.integers(1, 100), changes=st.floats(0, 1), minutes=st.integers(10, 240))


def test_operate_quotes_the_table_as_it_comes_out() -> None:
    assert table() in (DOCS / "operate.md").read_text(encoding="utf-8")


def test_the_costs_are_the_measured_ones() -> None:
    page, costs = (DOCS / "performance.md").read_text(encoding="utf-8"), Costs()
    assert f"| the same, PostgreSQL | {costs.pushes:,} /s" in page
    assert f"· {costs.lists:,} /s/core" in _line(page, "| list of one changed card, SQLite · PostgreSQL")
    assert f"| {costs.fetches:,} /s/core" in _line(page, "| `GET` pass, 55 KB, PostgreSQL")
    assert f"· {costs.returning:,} /s/core" in _line(page, "| phones that come back after a news, SQLite · PostgreSQL")


def _line(page: str, begin: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(begin))


@settings(max_examples=40, deadline=None)
@given(CARDS, USES)
def test_nobody_is_lost_and_the_queue_drains_in_time(cards: int, use: Use) -> None:
    order = plan(cards, use=use)
    run = simulate(order, use=use)
    assert order.parts * run.phones >= cards
    assert (run.pushed, run.left) == (run.phones, 0)
    assert run.fetched == run.back == run.phones * use.back // 100
    assert run.seconds <= 60 * use.minutes + 2 * SPREAD
    assert run.longest <= run.back


@settings(max_examples=40, deadline=None)
@given(st.integers(20_000_000, 100_000_000), USES)
def test_twice_the_load_needs_twice_the_machines(cards: int, use: Use) -> None:
    one, two = plan(cards, use=use), plan(2 * cards, use=use)
    for ordered, of_twice in ((one.cores, two.cores), (one.machines, two.machines)):
        assert 2 * ordered - 2 * two.parts <= of_twice <= 2 * ordered + 2 * one.parts + 2 * (two.web + 1)
    assert abs(two.disk - 2 * one.disk) <= 2


def test_slower_cores_than_planned_for_bring_it_later() -> None:
    order = plan(10_000_000)
    slow = simulate(order, Costs(returning=Costs().returning // 4))
    assert slow.seconds > simulate(order).seconds
