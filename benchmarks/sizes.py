"""``python -m benchmarks.sizes``: machines, minutes and disks from one machine to 100 million cards, out of measured costs.

A small simulation, second by second and without chance: a news to everyone is pushed at the pace that the web processes
bear, some of the phones come back, ask for their list and fetch, and webhooks go on meanwhile. What is put in is ``Costs``,
each from docs/performance.md; what comes out is the table of docs/operate.md. It says what to order and how things grow, not
what your machine does: measure that with ``make bench`` and put it in.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

SIZES = (10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)
SPREAD = 30
"""Seconds over which phones come back after their push, evenly."""
DAY, MONTHS_KEPT = 86_400, 6
MACHINE = 4
"""Cores of a web machine in the table."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What one core does in a second, on PostgreSQL, and what one thing takes on the disk (bytes, with indexes)."""

    pushes: int = 3_005
    lists: int = 5_523
    fetches: int = 1_811
    returning: int = 449
    """Phones that come back after a news: a list and a first fetch, which writes."""
    webhooks: int = 100
    card_bytes: int = 1_750
    line_bytes: int = 190
    busy: float = 0.85
    """The share of a core up to which the pace goes."""
    spare: float = 1.5
    """What dead rows, logs of the database and other tables add to the disk."""
    connections: int = 14
    """To the database, by process, at most."""


@dataclass(frozen=True, slots=True)
class Use:
    """How cards are used. ``back``: percent of the pushed phones that come back soon; ``changes`` a card and day."""

    back: int = 70
    changes: float = 0.1
    peak: float = 3.0
    """The busiest hour's share against the day's mean."""
    lines: int = 6
    """Of the timeline, for each change."""
    minutes: int = 60
    """In which a news is to be with everyone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to order. ``parts`` are installations, each with a database, a worker and ``web`` cores."""

    cards: int
    parts: int
    web: int
    pace: int
    disk: int
    connections: int

    @property
    def cores(self) -> int:
        """Of all web processes."""
        return self.parts * self.web

    @property
    def machines(self) -> int:
        """One does everything while a core of four is enough; else web machines, and one for each database with its worker."""
        if self.web == 1 and self.parts == 1:
            return 1
        return self.parts * (math.ceil(self.web / MACHINE) + 1)


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a news to one part: phones by what they did, and the seconds until the last of them was done."""

    phones: int
    pushed: int
    back: int
    fetched: int
    left: int
    seconds: int
    longest: int
    """The most phones that waited at once."""


def plan(cards: int, costs: Costs | None = None, use: Use | None = None) -> Plan:
    """The least that brings a news to everyone in time while the busiest hour's changes go on."""
    costs, use = costs or Costs(), use or Use()
    seconds = 60 * use.minutes - SPREAD
    parts = math.ceil(cards / (costs.pushes * seconds))
    mine = math.ceil(cards / parts)
    pace = math.ceil(mine / seconds)
    news = pace * use.back / 100 / costs.returning
    web = math.ceil((news + _hooks(mine, use) * _hook(costs)) / costs.busy)
    lines = cards * use.changes * use.lines * 30 * MONTHS_KEPT
    disk = math.ceil((cards * costs.card_bytes + lines * costs.line_bytes) * costs.spare)
    return Plan(cards, parts, web, pace, disk, parts * (web + 1) * costs.connections)


def simulate(order: Plan, costs: Costs | None = None, use: Use | None = None) -> Run:
    """A news to one part's phones in the busiest hour, with the ordered cores."""
    costs, use = costs or Costs(), use or Use()
    phones = math.ceil(order.cards / order.parts)
    room = order.web * costs.busy - _hooks(phones, use) * _hook(costs)
    a_second = room * costs.returning
    pace = min(costs.pushes, max(order.pace, int(100 * a_second / use.back)))
    coming: deque[int] = deque([0] * SPREAD)
    pushed = back = fetched = waiting = longest = seconds = 0
    credit = 0.0
    while pushed < phones or fetched < back or any(coming):
        batch = min(pace, phones - pushed)
        returning = (pushed + batch) * use.back // 100 - pushed * use.back // 100
        pushed, back = pushed + batch, back + returning
        for place in range(SPREAD):
            coming[place] += returning * (place + 1) // SPREAD - returning * place // SPREAD
        waiting += coming.popleft()
        coming.append(0)
        longest = max(longest, waiting)
        credit = min(credit, 1.0) + a_second
        served = min(waiting, int(credit))
        credit -= served
        waiting, fetched, seconds = waiting - served, fetched + served, seconds + 1
    return Run(phones, pushed, back, fetched, waiting + sum(coming), seconds, longest)


def _hooks(cards: int, use: Use) -> float:
    """Changes a second in the busiest hour."""
    return cards * use.changes * use.peak / DAY


def _hook(costs: Costs) -> float:
    """Core seconds of a change: the webhook, its list and its fetch."""
    return 1 / costs.webhooks + 1 / costs.lists + 1 / costs.fetches


def table(sizes: Sequence[int] = SIZES) -> str:
    """The table of docs/operate.md."""
    lines = [
        "| cards | parts | web cores | machines | news to all | pushes a second | busiest hour's changes | disk | connections |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for cards in sizes:
        order = plan(cards)
        run = simulate(order)
        minutes = max(1, math.ceil(run.seconds / 60))
        changes = math.ceil(_hooks(cards, Use()))
        speed = math.ceil(order.parts * run.phones / max(1, run.seconds - SPREAD))
        lines.append(
            f"| {cards:,} | {order.parts} | {order.cores} | {order.machines} | {minutes} min | {speed:,} "
            f"| {changes:,}/s | {_size(order.disk)} | {order.connections} |"
        )
    return "\n".join(lines)


def _size(count: int) -> str:
    return f"{count / 1e9:,.1f} GB" if count < 10e9 else f"{count / 1e9:,.0f} GB"


if __name__ == "__main__":
    print(table())
