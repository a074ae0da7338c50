"""Scripts for the push service: which trouble meets which tokens, and when.

A rule fires for tokens with its prefix, lets ``after`` matching requests through before each firing, and is spent after
``times`` firings. Without rules the service never makes trouble.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from itertools import count
from typing import Any

from sandbox.apns_answers import STATUS_BY_REASON, USUAL_REASON, Answer


class Action(StrEnum):
    """What meets a request instead of Apple's usual answer."""

    ANSWER = "answer"  # status, reason, timestamp, retry_after, delay
    RESET = "reset"  # RST_STREAM with `error`
    GOAWAY = "goaway"  # GOAWAY naming the last stream answered; later ones are ignored, the connection ends
    CUT = "cut"  # the TCP connection is gone
    SILENCE = "silence"  # read, never answered


ERRORS = {"REFUSED_STREAM": 0x7, "INTERNAL_ERROR": 0x2, "CANCEL": 0x8, "ENHANCE_YOUR_CALM": 0xB}
"""The error codes of RFC 9113 section 7 that a reset may carry."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One script. ``status`` 200 with ``delay`` seconds is a slow success; ``timestamp`` is in milliseconds."""

    action: Action = Action.ANSWER
    prefix: str = ""
    status: int = 200
    reason: str | None = None
    timestamp: int | None = None
    retry_after: int | None = None
    error: str = "REFUSED_STREAM"
    delay: float = 0.0
    after: int = 0
    times: int | None = None

    def __post_init__(self) -> None:
        """Refuse what could never fire or never be answered."""
        if not re.fullmatch(r"[0-9a-f]{0,64}", self.prefix):
            raise ValueError("prefix is up to 64 lower-case hex digits")
        if self.error not in ERRORS:
            raise ValueError(f"error is one of {', '.join(ERRORS)}")
        if self.status != 200 and self.status not in USUAL_REASON:
            raise ValueError(f"status is 200 or one of {', '.join(map(str, USUAL_REASON))}")
        if self.reason is not None and self.reason not in STATUS_BY_REASON:
            raise ValueError(f"reason is one of {', '.join(STATUS_BY_REASON)}")
        if self.delay < 0 or self.after < 0 or (self.times is not None and self.times < 1):
            raise ValueError("delay and after are not negative, times is at least 1")

    def answer(self) -> Answer:
        """The answer of an ``ANSWER`` rule; a bare reason brings its status, a bare status its usual reason."""
        status = self.status if self.status != 200 or self.reason is None else STATUS_BY_REASON[self.reason]
        reason = self.reason or USUAL_REASON.get(status)
        return Answer(status, reason if status != 200 else None, self.timestamp, self.retry_after)


def rule_from_json(given: Mapping[str, Any]) -> Rule:
    """A rule from the control API; ValueError says what is wrong."""
    known = {item.name: item for item in fields(Rule)}
    unknown = set(given) - set(known)
    if unknown:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    values = dict(given)
    if "action" in values:
        values["action"] = Action(values["action"])
    try:
        return Rule(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error


@dataclass(slots=True)
class _Running:
    rule: Rule
    passed: int = 0
    fired: int = 0

    def fires(self, token: str) -> bool:
        if not token.startswith(self.rule.prefix):
            return False
        if self.rule.times is not None and self.fired >= self.rule.times:
            return False
        if self.passed < self.rule.after:
            self.passed += 1
            return False
        self.passed = 0
        self.fired += 1
        return True


@dataclass(slots=True)
class Script:
    """The rules in force, oldest first; the first that fires wins."""

    _rules: dict[int, _Running] = field(default_factory=dict)
    _numbers: count[int] = field(default_factory=lambda: count(1))

    def add(self, rule: Rule) -> int:
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

    def rules(self) -> dict[int, Rule]:
        """The rules in force by number."""
        return {number: running.rule for number, running in self._rules.items()}

    def match(self, token: str) -> Rule | None:
        """The rule that meets a push to this token now; counts it."""
        return next((running.rule for running in self._rules.values() if running.fires(token)), None)
