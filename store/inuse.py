"""Variables that sources still set, when a revision would take them away or retype them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from difflib import SequenceMatcher

from passkit import data
from passkit.errors import Problem, Severity
from passkit.schema import Template
from passkit.schemacheck import pointer
from store import publishing
from store.uses import WITHIN, Use, day_of


@dataclass(frozen=True, slots=True)
class InUse:
    """A variable that sources still set and that a revision would take away or retype.

    ``how`` is removed or retyped. ``days``: (source, count per day of the last 30, oldest first). ``candidates``: variables of
    the draft that could take it as an alias (``edit.Insert("/variables/<candidate>/alias", ...)``), likeliest first.
    """

    name: str
    how: str
    days: tuple[tuple[str, tuple[int, ...]], ...]
    candidates: tuple[str, ...]

    @property
    def problem(self) -> Problem:
        """What stops the publish, as one sentence."""
        said = ", ".join(f"{source} {sum(days):,} times" for source, days in self.days)
        verb = "takes it away" if self.how == "removed" else "changes its type"
        detail = f"`{self.name}` is still sent ({said} in the last {WITHIN.days} days), and this draft {verb}"
        fix = "Keep it: what no field shows nobody sees."
        if self.candidates:
            fix = f"Make it an alias of what replaces it (`alias: {self.name}` at `{self.candidates[0]}`), or keep it."
        return Problem(Severity.ERROR, pointer("variables", self.name), detail, fix)


def in_use(uses: Iterable[Use], published: Template, draft: Template, now: datetime) -> tuple[InUse, ...]:
    """The variables that ``draft`` would break for the sources that set them; by name."""
    found: dict[str, list[Use]] = {}
    for use in uses:
        if _how(use.variable, published, draft):
            found.setdefault(use.variable, []).append(use)
    return tuple(
        InUse(name, _how(name, published, draft), _by_day(some, now), _candidates(name, published, draft))
        for name, some in sorted(found.items())
    )


def _how(name: str, published: Template, draft: Template) -> str:
    was = published.variables.get(data.name_of(published, name))
    if was is None:
        return ""
    becomes = draft.variables.get(data.name_of(draft, name))
    if becomes is None:
        return "removed"
    return "" if publishing.compatible(was, becomes) else "retyped"


def _by_day(some: Iterable[Use], now: datetime) -> tuple[tuple[str, tuple[int, ...]], ...]:
    first = day_of(now) - WITHIN.days + 1
    days: dict[str, list[int]] = {}
    for use in some:
        row = days.setdefault(use.source, [0] * WITHIN.days)
        if 0 <= use.day - first < len(row):
            row[use.day - first] += use.count
    return tuple((source, tuple(row)) for source, row in sorted(days.items()))


def _candidates(name: str, published: Template, draft: Template) -> tuple[str, ...]:
    """New variables first, then those that are called alike."""
    was = published.variables[data.name_of(published, name)]
    fits = [other for other, one in draft.variables.items() if other != name and publishing.compatible(was, one)]
    alike = {other: SequenceMatcher(None, name, other).ratio() for other in fits}
    return tuple(sorted(fits, key=lambda other: (other in published.variables, -alike[other], other)))
