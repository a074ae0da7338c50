"""What does not fit in what a person wrote, as passkit's ``Problem``: where, why, and how to mend it."""

from __future__ import annotations

from passkit.errors import Problem, Severity


def problem(pointer: str, detail: str, fix: str = "") -> Problem:
    """One thing that does not fit; ``pointer`` is ``/`` and the field's name."""
    return Problem(Severity.ERROR, pointer, detail, fix)
