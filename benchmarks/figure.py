"""What a benchmark answers with, and how two things are timed fairly side by side.

Absolute figures move with the machine and with what else runs on it; ratios within one run hold. So everything is timed
in short interleaved rounds, in CPU time of this process, and the medians are quoted.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure: ``ratio`` is value to ``baseline`` (what it is, in words).

    ``target`` is what the ratio, or the value where there is none, must reach; with ``at_most``, what it must not pass.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    baseline: str | None = None
    target: float | None = None
    at_most: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether the target is met; a figure without a target is only reported."""
        judged = self.value if self.ratio is None else self.ratio
        return self.target is None or (judged <= self.target if self.at_most else judged >= self.target)

    @property
    def goal(self) -> str:
        """The target in words."""
        return "" if self.target is None else f"{'<=' if self.at_most else '>='} {self.target:g}"

    def __str__(self) -> str:
        """One line for a terminal."""
        line = f"{self.name}: {self.value:,.4g} {self.unit}"
        if self.ratio is not None:
            line += f", {self.ratio:.3g} x {self.baseline}"
        if self.target is not None:
            line += f" (target {self.goal}: {'reached' if self.is_reached else 'MISSED'})"
        return line


def settle_memory() -> None:
    """Take what is loaded out of the garbage collector's rounds, as ``serve`` does after its start."""
    gc.collect()
    gc.freeze()


def interleaved(
    functions: Mapping[str, Callable[[], object]], *, rounds: int = 61, calls: int = 20
) -> dict[str, list[float]]:
    """Calls per second of CPU time of each function, one sample per round, the functions taking turns in every round."""
    for function in functions.values():  # caches filled, code warm
        function()
    rates: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            begin = time.process_time()
            for _ in range(calls):
                function()
            rates[name].append(calls / (time.process_time() - begin))
    return rates


def median_ratio(rates: Mapping[str, list[float]], name: str, baseline: str) -> float:
    """The median over the rounds of one rate to another of the same round."""
    return statistics.median(one / other for one, other in zip(rates[name], rates[baseline], strict=True))
