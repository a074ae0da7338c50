"""What a template looks like to Google before any card: whether its hints work, and a class and an object with its samples."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from passkit import data
from passkit.errors import Problem, RenderError, Severity
from passkit.expressions import NAMESPACES
from passkit.google.kinds import plan_of
from passkit.google.plan import Plan
from passkit.model import SAMPLE_OUTLET, Brand, Value
from passkit.money import Money
from passkit.schema import Template

_BRAND = Brand("sample", "Sample", "pass.com.example.sample", "SAMPLE0001")
_TIME = datetime(2030, 1, 1, 12, tzinfo=UTC)


def plan(template: Template) -> Plan:
    """The template's plan with a brand that stands for any; a template remembers it."""
    if template._google_plan is None:
        template._google_plan = plan_of(template, _BRAND)
    made: Plan = template._google_plan
    return made


def problems(template: Template) -> Iterator[Problem]:
    """Expressions of the hints that do not work, or fail for the samples or for a card that says nothing."""
    made = plan(template)
    if made.leaves.problems:
        yield from dict.fromkeys(made.leaves.problems)
        return
    full = data.sample(template)
    bare = {**data.defaults(template), **{key: full[key] for key, one in template.variables.items() if one.required}}
    for values, expires in ((full, _TIME), (bare, None)):
        names = _names(template, values, expires)
        for place in range(len(template.languages)):
            try:
                made.leaves.evaluate([names] * len(template.languages), place)
            except RenderError as error:
                fix = "Make it work for the samples and for a card without optional data."
                yield Problem(Severity.ERROR, error.pointer, error.detail, fix)


def _names(template: Template, values: dict[str, Value], expires: datetime | None) -> dict[str, object]:
    names: dict[str, object] = dict(values)
    for name, variable in template.variables.items():
        value = values[name]
        if variable.type == "money" and isinstance(value, int) and variable.currency:
            names[name] = Money(value, variable.currency)
    card = {"number": "1234567890", "serial_number": "sample", "external_id": "", "state": "active"}
    names |= {f"_card_{key}": value for key, value in card.items()}
    names |= {"_card_expires_at": expires, "_card_created_at": _TIME}
    names |= {f"_outlet_{key}": getattr(SAMPLE_OUTLET, key) for key in NAMESPACES["outlet"]}
    return names | {f"_news_{key}": "" for key in NAMESPACES["news"]}
