"""Scripts for the stand-in of the Wallet API: which trouble meets which requests, and when.

A rule fires for requests whose method id and resource id begin with its words, lets ``after`` matching requests through
before each firing, and is spent after ``times`` firings. Without rules there is only the trouble that Google's limits make.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sandbox.google_answers import USUAL_REASON
from sandbox.scripts import from_json


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

    def fits(self, method: str, resource: str) -> bool:
        """Whether it is about requests of this method for this resource; a token is refused when it is named."""
        if method == "token" != self.method:
            return False
        return method.startswith(self.method) and resource.startswith(self.resource)


def fault_from_json(given: Mapping[str, Any]) -> Fault:
    """A rule from the control API; ValueError says what is wrong."""
    return from_json(Fault, given, trouble=Trouble)
