"""What can be wrong, as values and as exceptions.

A ``Problem`` is a value: how bad, where (a JSON pointer into the template or the data), what, and how to mend it.
Exceptions are for callers that cannot go on::

    PasskitError
    ├── TemplateError      a template that cannot become a revision; carries the problems
    ├── DataError          card data that the template does not accept; carries the problems
    ├── RenderError        an expression failed for this card's data; carries the pointer
    ├── ImageError         an upload that is not a picture we take
    ├── CertificateError   a certificate, key or chain that cannot sign; one clear sentence
    └── BundleError        a pkpass or pkpasses that would break Apple's limits
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """``ERROR`` stops a publish; ``WARNING`` and ``NOTE`` are shown."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: ``pointer`` by RFC 6901, ``fix`` says what to do, ``log_line`` what iOS would log."""

    severity: Severity
    pointer: str
    detail: str
    fix: str = ""
    log_line: str | None = None

    def __str__(self) -> str:
        """The problem as one line for a terminal."""
        text = f"{self.severity}: {self.pointer or '/'}: {self.detail}"
        return f"{text} Fix: {self.fix}" if self.fix else text


class PasskitError(Exception):
    """The root of what this room raises."""


class _ProblemsError(PasskitError):
    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class TemplateError(_ProblemsError):
    """The template cannot become a revision."""


class DataError(_ProblemsError):
    """The card data does not fit the template's variables."""


class RenderError(PasskitError):
    """An expression failed on this card's data; ``pointer`` names the leaf in template.yaml."""

    def __init__(self, pointer: str, detail: str) -> None:
        self.pointer = pointer
        self.detail = detail
        super().__init__(f"{pointer}: {detail}")


class ImageError(PasskitError):
    """An upload that is not a picture we take: wrong format, too many pixels or bytes, broken."""


class CertificateError(PasskitError):
    """A certificate, key or chain that cannot sign; the message is one sentence with the fix."""


class BundleError(PasskitError):
    """The bundle would break one of Apple's limits."""
