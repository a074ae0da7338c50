"""Whom a news is for: conditions over a card, and the stable hash that deals texts and the holdout."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from passkit.arms import arm
from passkit.audience import Facts, NotAnAudience, parse
from passkit.schema import Template, parse_template

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TEMPLATE = """
key: small
style: storeCard
name: Small
organization_name: Shop
description: Card
languages: [en]
variables:
  points: {type: integer, label: Points, default: 0, sample: 1}
  level: {type: text, label: Level, optional: true, sample: gold}
  born: {type: date, label: Birthday, optional: true, sample: "2000-01-31"}
fields: {header: [{key: points, label: Points, value: "{{ points }}"}]}
images: {icon: icon.png}
"""


@pytest.fixture(scope="module")
def template() -> Template:
    return parse_template({"template.yaml": TEMPLATE.encode(), "icon.png": b""})


def facts(**more: Any) -> Facts:
    given: dict[str, Any] = {
        "data": {"points": 120, "level": "Gold", "born": None},
        "tags": ["vip"],
        "outlet": "north",
        "issued_at": NOW - timedelta(days=10),
        "changed_at": NOW - timedelta(hours=1),
        "wallets": {"apple"},
    }
    return Facts(**(given | more))


@pytest.mark.parametrize(
    ("field", "op", "value", "holds"),
    [
        ("data.points", "gte", 120, True),
        ("data.points", "lt", 120, False),
        ("data.points", "in", [1, 120], True),
        ("data.level", "contains", "gol", True),
        ("data.level", "ne", "Silver", True),
        ("data.born", "empty", True, True),
        ("data.born", "within_days", 7, False),
        ("tags", "has", "vip", True),
        ("tags", "has", "new", False),
        ("tags", "empty", False, True),
        ("outlet", "in", ["south", "north"], True),
        ("outlet", "ne", "north", False),
        ("issued_at", "older_than_days", 9, True),
        ("changed_at", "within_days", 1, True),
        ("issued_at", "gt", "2026-11-20T00:00:00Z", False),
        ("wallet", "eq", "apple", True),
        ("wallet", "ne", "google", True),
        ("wallet", "in", ["google", "none"], False),
    ],
)
def test_a_condition_says_who_fits(template: Template, field: str, op: str, value: Any, holds: bool) -> None:
    audience = parse({"field": field, "op": op, "value": value}, template)
    assert audience.holds(facts(), NOW) is holds


def test_and_and_or_are_nested(template: Template) -> None:
    rich = {"field": "data.points", "op": "gt", "value": 100}
    new = {"field": "tags", "op": "has", "value": "new"}
    assert parse({"any": [rich, new]}, template).holds(facts(), NOW)
    assert not parse({"all": [rich, new]}, template).holds(facts(), NOW)
    assert parse({"all": [rich, {"any": [new, rich]}]}, template).holds(facts(), NOW)


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ("vip", ""),
        ({"all": []}, "/all"),
        ({"all": [{"field": "tags", "op": "eq", "value": "x"}]}, "/all/0/op"),
        ({"field": "data.none", "op": "eq", "value": 1}, "/field"),
        ({"field": "secret", "op": "eq", "value": 1}, "/field"),
        ({"field": "data.points", "op": "gte", "value": "many"}, "/value"),
        ({"field": "data.points", "op": "within_days", "value": 3}, "/value"),
        ({"field": "wallet", "op": "eq", "value": "samsung"}, "/value"),
        ({"field": "issued_at", "op": "gt", "value": "2026-11-20T00:00:00"}, "/value"),
        ({"field": "tags", "op": "has"}, ""),
    ],
)
def test_what_can_never_fit_is_refused_with_its_place(template: Template, document: Any, pointer: str) -> None:
    with pytest.raises(NotAnAudience) as refused:
        parse(document, template)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


def test_shares_are_dealt_as_asked_and_stay() -> None:
    dealt = [arm("n_1", f"card{number}", 10, (3, 1)) for number in range(4_000)]
    count = Counter(dealt)
    assert 320 < count[None] < 480
    assert 2.5 < count[0] / count[1] < 3.6
    assert dealt == [arm("n_1", f"card{number}", 10, (3, 1)) for number in range(4_000)]
    assert dealt != [arm("n_2", f"card{number}", 10, (3, 1)) for number in range(4_000)]
