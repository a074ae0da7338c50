"""What ``doctor`` says of one thing: a line with its state, and the fix where it is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check came out."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    """One line: what was looked at, how it is, and the fix."""

    state: State
    what: str
    detail: str
    fix: str = ""

    def __str__(self) -> str:
        """The line as it is printed."""
        line = f"{self.state:<4} {self.what}: {self.detail}"
        return f"{line} Fix: {self.fix}" if self.fix and self.state is not State.OK else line
