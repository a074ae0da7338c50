"""Scripts for the push service: which trouble meets which tokens, and when.

A rule fires for tokens with its prefix, lets ``after`` matching requests through before each firing, and is spent after
``times`` firings. Without rules the service never makes trouble.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.apns_answers import STATUS_BY_REASON, USUAL_REASON, Answer
from sandbox.scripts import from_json


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

    def fits(self, token: str) -> bool:
        """Whether it is about pushes to this token."""
        return token.startswith(self.prefix)


def rule_from_json(given: Mapping[str, Any]) -> Rule:
    """A rule from the control API; ValueError says what is wrong."""
    return from_json(Rule, given, action=Action)
