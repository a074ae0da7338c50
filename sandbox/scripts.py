"""Scripts of the stand-ins: rules that meet requests, let some through, and are spent after a while.

A rule is a frozen dataclass with ``after``, how many matching requests it lets through before each firing, and ``times``, after
how many firings it is spent (None: never).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import count
from typing import Any, Generic, Protocol, TypeVar


class Scripted(Protocol):
    """What every rule says of when it fires."""

    @property
    def after(self) -> int:
        """Matching requests that are let through before each firing."""

    @property
    def times(self) -> int | None:
        """Firings after which it is spent."""


R = TypeVar("R", bound=Scripted)
T = TypeVar("T")


@dataclass(slots=True)
class _Running(Generic[R]):
    rule: R
    passed: int = 0
    fired: int = 0

    def fires(self) -> bool:
        """Counts a request that the rule fits."""
        if self.rule.times is not None and self.fired >= self.rule.times:
            return False
        if self.passed < self.rule.after:
            self.passed += 1
            return False
        self.passed = 0
        self.fired += 1
        return True


@dataclass(slots=True)
class Script(Generic[R]):
    """The rules in force, oldest first; the first that fires wins."""

    _rules: dict[int, _Running[R]] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def add(self, rule: R) -> int:
        """Put a rule in force and return its number."""
        number = next(self._numbers)
        self._rules[number] = _Running(rule)
        return number

    def remove(self, number: int) -> bool:
        """End one rule; False when there is none with that number."""
        return self._rules.pop(number, None) is not None

    def clear(self) -> None:
        """End all rules."""
        self._rules.clear()

    def rules(self) -> dict[int, R]:
        """The rules in force by number."""
        return {number: running.rule for number, running in self._rules.items()}

    def match(self, fits: Callable[[R], bool]) -> R | None:
        """The rule that meets a request now, of those that fit it; counts the request."""
        return next((it.rule for it in self._rules.values() if fits(it.rule) and it.fires()), None)


def from_json(kind: type[T], given: Mapping[str, Any], **read: Callable[[Any], Any]) -> T:
    """A rule of this kind from the control API, some members read first; ValueError says what is wrong."""
    unknown = set(given) - {item.name for item in fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    try:
        return kind(**{name: read[name](value) if name in read else value for name, value in given.items()})
    except TypeError as error:
        raise ValueError(str(error)) from error
