"""What an operation of the store refuses, each with the code of the error catalogue (``handlers/errors.py``).

::

    StoreError(code)
    ├── NotFound        no such thing in this brand
    ├── Conflict        it exists already, or fits several
    ├── VersionMismatch the guard does not hold
    ├── Invalid         the input does not fit; carries problems with JSON pointers
    └── Unavailable     the database is locked, full or away: 503, try again
"""

from __future__ import annotations

from collections.abc import Sequence

from passkit.errors import Problem


class StoreError(Exception):
    """The root: ``code`` names the row of the error catalogue, ``detail`` is for a person."""

    code = "internal"

    def __init__(self, detail: str = "", *, code: str | None = None) -> None:
        self.detail = detail
        if code is not None:
            self.code = code
        super().__init__(detail or self.code)


class NotFound(StoreError):
    """No such thing in this brand."""

    code = "not_found"


class Conflict(StoreError):
    """It exists already, or the name fits several."""

    code = "conflict"


class VersionMismatch(StoreError):
    """The ``version`` guard does not hold."""

    code = "version_mismatch"


class Invalid(StoreError):
    """The input does not fit; ``problems`` say where and how to mend it."""

    code = "invalid"

    def __init__(self, problems: Sequence[Problem], *, code: str | None = None) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problem.detail for problem in self.problems), code=code)


class Unavailable(StoreError):
    """The database is locked, full or away; the same request may succeed later."""

    code = "unavailable"
