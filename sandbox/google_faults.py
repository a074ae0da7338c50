"""Scripts for the stand-in of the Wallet API: which trouble meets which requests, and when.

A rule fires for requests whose method id and resource id begin with its words, lets ``after`` matching requests through
before each firing, and is spent after ``times`` firings. Without rules there is only the trouble that Google's limits make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import count
from typing import Any

from sandbox.google_answers import USUAL_REASON


class Trouble(StrEnum):
    """What meets a request instead of the usual answer."""

    ANSWER = "answer"  # status, reason, message, retry_after, delay
    SILENCE = "silence"  # read, done if `done`, never answered
    CUT = "cut"  # the connection ends without an answer
    SLOW = "slow"  # the usual answer after `delay`


@dataclass(frozen=True, slots=True)
class Fault:
    """One script. ``method`` begins a discovery method id without "walletobjects." ("loyaltyobject.patch"; "token" is the grant).

    ``done`` carries the request out before the trouble, as when an answer is lost on its way.
    """

    trouble: Trouble = Trouble.ANSWER
    method: str = ""
    resource: str = ""
    status: int = 503
    reason: str | None = None
    message: str = "The service is currently unavailable."
    retry_after: int | None = None
    delay: float = 0.0
    done: bool = False
    after: int = 0
    times: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could never fire or never be answered."""
        if self.status not in USUAL_REASON:
            raise ValueError(f"status is one of {', '.join(map(str, USUAL_REASON))}")
        if self.delay < 0 or self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError("delay and after are not negative, times is at least 1")


def fault_from_json(given: Mapping[str, Any]) -> Fault:
    """A rule from the control API; ValueError says what is wrong."""
    unknown = set(given) - {item.name for item in fields(Fault)}
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    values = dict(given)
    if "trouble" in values:
        values["trouble"] = Trouble(values["trouble"])
    try:
        return Fault(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error


@dataclass(slots=True)
class _Running:
    fault: Fault
    passed: int = 0
    fired: int = 0

    def fires(self, method: str, resource: str) -> bool:
        if method == "token" != self.fault.method:
            return False  # a token is refused when it is named
        if not method.startswith(self.fault.method) or not resource.startswith(self.fault.resource):
            return False
        if self.fault.times is not None and self.fired >= self.fault.times:
            return False
        if self.passed < self.fault.after:
            self.passed += 1
            return False
        self.passed = 0
        self.fired += 1
        return True


@dataclass(slots=True)
class Faults:
    """The rules in force, oldest first; the first that fires wins."""

    _rules: dict[int, _Running] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def add(self, fault: Fault) -> int:
        """Put a rule in force and return its number."""
        number = next(self._numbers)
        self._rules[number] = _Running(fault)
        return number

    def remove(self, number: int) -> bool:
        """End one rule; False when there is none with that number."""
        return self._rules.pop(number, None) is not None

    def clear(self) -> None:
        """End all rules."""
        self._rules.clear()

    def rules(self) -> dict[int, Fault]:
        """The rules in force by number."""
        return {number: running.fault for number, running in self._rules.items()}

    def match(self, method: str, resource: str) -> Fault | None:
        """The rule that meets this request now; counts it."""
        return next((it.fault for it in self._rules.values() if it.fires(method, resource)), None)
