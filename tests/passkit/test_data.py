"""A card's data: what is accepted, what each mistake is answered with, and that storage gives back the same."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passkit import data
from passkit.errors import DataError
from tests.passkit.building import template

EVERY = template(
    variables={
        "name": {"type": "text", "label": "Holder", "default": "", "sample": "Anna"},
        "short": {"type": "text", "max_length": 3, "default": ""},
        "level": {"choices": ["silver", "gold"], "default": "silver"},
        "points": {"type": "integer", "default": 0, "sample": 120},
        "balance": {"type": "money", "currency": "RUB", "default": 0},
        "yen": {"type": "money", "currency": "JPY", "default": 0},
        "dinar": {"type": "money", "currency": "KWD", "default": 0},
        "rate": {"type": "decimal", "default": "0"},
        "vip": {"type": "boolean", "default": False},
        "birthday": {"type": "date", "optional": True},
        "visit": {"type": "datetime", "optional": True},
        "phone": {"type": "phone", "optional": True},
        "email": {"type": "email", "optional": True},
        "site": {"type": "url", "optional": True},
    }
)
STRICT = template(variables={"name": {"type": "text"}, "points": {"type": "integer"}, "note": {"optional": True}})

ACCEPTED = [
    ("name", "Анна\nПетрова", "Анна\nПетрова"),
    ("name", "", ""),
    ("level", "gold", "gold"),
    ("points", -5, -5),
    ("points", 2**53 - 1, 2**53 - 1),
    ("balance", 45000, 45000),
    ("balance", "450.00", 45000),
    ("balance", "450", 45000),
    ("balance", "-0.5", -50),
    ("balance", {"amount": "450.00", "currency": "RUB"}, 45000),
    ("balance", {"amount": 45000, "currency": "RUB"}, 45000),
    ("yen", "450", 450),
    ("dinar", "0.450", 450),
    ("rate", 5, Decimal(5)),
    ("rate", "12.50", Decimal("12.50")),
    ("rate", Decimal("12.50"), Decimal("12.50")),
    ("vip", True, True),
    ("birthday", "1990-02-28", date(1990, 2, 28)),
    ("visit", "2026-12-01T18:30:00+03:00", datetime(2026, 12, 1, 15, 30, tzinfo=UTC)),
    ("visit", "2026-12-01T18:30+0300", datetime(2026, 12, 1, 15, 30, tzinfo=UTC)),
    ("visit", "2026-12-01 15:30:00Z", datetime(2026, 12, 1, 15, 30, tzinfo=UTC)),
    (
        "visit",
        datetime(2026, 12, 1, 18, 30, tzinfo=timezone(timedelta(hours=3))),
        datetime(2026, 12, 1, 15, 30, tzinfo=UTC),
    ),
    ("phone", "+7 (916) 123-45-67", "+7 (916) 123-45-67"),
    ("email", "anna@example.com", "anna@example.com"),
    ("site", "https://example.com/a?b=c", "https://example.com/a?b=c"),
]


@pytest.mark.parametrize(("name", "given", "wanted"), ACCEPTED)
def test_a_value_of_the_declared_type_is_accepted(name: str, given: Any, wanted: Any) -> None:
    assert data.accept(EVERY, {name: given}, partial=True) == {name: wanted}


REFUSED = [
    ("nobody", 1, "/data/nobody", "Declared"),
    ("point", 1, "/data/point", "Did you mean `points`?"),
    ("name", 5, "/data/name", '"5"'),
    ("name", None.__class__, "/data/name", "string"),
    ("name", ["a"], "/data/name", "string"),
    ("name", "a\x00b", "/data/name", "control"),
    ("name", "a\tb", "/data/name", "control"),
    ("name", "a\rb", "/data/name", "control"),
    ("name", "a\x1b[31m", "/data/name", "control"),
    ("name", "a\x85b", "/data/name", "control"),
    ("name", "a\ud800", "/data/name", "control"),
    ("name", "x" * 501, "/data/name", "Shorten"),
    ("short", "long", "/data/short", "Shorten"),
    ("level", "platinum", "/data/level", "silver, gold"),
    ("points", 1.0, "/data/points", "whole"),
    ("points", "120", "/data/points", "whole"),
    ("points", True, "/data/points", "whole"),
    ("points", 2**53, "/data/points", "2**53"),
    ("balance", 450.0, "/data/balance", '"450.00"'),
    ("balance", Decimal("450.00"), "/data/balance", '"450.00"'),
    ("balance", "450,00", "/data/balance", "point"),
    ("balance", "450.005", "/data/balance", "45000"),
    ("balance", "1e5", "/data/balance", "point"),
    ("balance", "NaN", "/data/balance", "point"),
    ("balance", "", "/data/balance", "point"),
    ("balance", True, "/data/balance", "45000"),
    ("balance", {"amount": "450.00", "currency": "USD"}, "/data/balance/currency", "RUB"),
    ("balance", {"amount": 450.0, "currency": "RUB"}, "/data/balance/amount", "450.00"),
    ("balance", {"amount": Decimal("450.00"), "currency": "RUB"}, "/data/balance/amount", "450.00"),
    ("balance", {"amount": "450.00"}, "/data/balance", "currency"),
    ("balance", {"amount": "450.00", "currency": "RUB", "more": 1}, "/data/balance", "currency"),
    ("balance", "99999999999999.99", "/data/balance", "2**53"),
    ("yen", "450.5", "/data/yen", "450"),
    ("rate", 12.5, "/data/rate", '"12.5"'),
    ("rate", "1/2", "/data/rate", "12.5"),
    ("rate", "1234567890.1234567", "/data/rate", "15 digits"),
    ("rate", "Infinity", "/data/rate", "12.5"),
    ("vip", "true", "/data/vip", "without quotes"),
    ("vip", 1, "/data/vip", "without quotes"),
    ("birthday", "2026-02-30", "/data/birthday", "2026-12-01"),
    ("birthday", "01.12.2026", "/data/birthday", "2026-12-01"),
    ("birthday", "0001-01-01", "/data/birthday", "2026-12-01"),
    ("visit", "2026-12-01T18:30:00", "/data/visit", "+03:00"),
    ("visit", "2026-12-01", "/data/visit", "+03:00"),
    ("visit", "2026-12-01T25:30:00Z", "/data/visit", "+03:00"),
    ("visit", "9999-12-31T23:59:59-12:00", "/data/visit", "+03:00"),
    ("visit", 1764603000, "/data/visit", "+03:00"),
    ("visit", datetime(2026, 12, 1, 18, 30), "/data/visit", "+03:00"),  # noqa: DTZ001 - a naive one is the case
    ("phone", "call me", "/data/phone", "+7"),
    ("email", "anna at example", "/data/email", "@"),
    ("site", "example.com", "/data/site", "https://"),
]


@pytest.mark.parametrize(
    ("name", "given", "place", "fix"), REFUSED, ids=[f"{one[0]} {n}" for n, one in enumerate(REFUSED)]
)
def test_any_other_value_is_refused_with_its_place_and_its_fix(name: str, given: Any, place: str, fix: str) -> None:
    with pytest.raises(DataError) as caught:
        data.accept(EVERY, {name: given}, partial=True)
    (problem,) = caught.value.problems
    assert problem.pointer == place
    assert fix in problem.fix


def test_a_card_needs_every_variable_without_default() -> None:
    with pytest.raises(DataError) as caught:
        data.accept(STRICT, {"note": "hi"})
    assert {problem.pointer for problem in caught.value.problems} == {"/data/name", "/data/points"}


def test_a_change_may_leave_variables_out() -> None:
    assert data.accept(STRICT, {"points": 3}, partial=True) == {"points": 3}


@pytest.mark.parametrize("partial", [True, False])
def test_null_clears_to_the_default_or_to_nothing(partial: bool) -> None:
    assert data.accept(EVERY, {"points": None, "level": None, "visit": None}, partial=partial) == {
        "points": 0,
        "level": "silver",
        "visit": None,
    }


def test_null_cannot_clear_what_is_required() -> None:
    with pytest.raises(DataError, match="cannot be cleared"):
        data.accept(STRICT, {"name": None}, partial=True)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(DataError) as caught:
        data.accept(STRICT, {"points": "x", "nobody": 1})
    assert len(caught.value.problems) == 3


def test_a_pointer_is_escaped_as_rfc_6901_says() -> None:
    with pytest.raises(DataError) as caught:
        data.accept(STRICT, {"a/b~c": 1}, partial=True)
    assert caught.value.problems[0].pointer == "/data/a~1b~0c"


def test_defaults_fill_what_a_card_does_not_say() -> None:
    whole = data.with_defaults(EVERY, {"points": 7, "gone": "x"})
    assert (whole["points"], whole["level"], whole["visit"]) == (7, "silver", None)
    assert list(whole) == list(EVERY.variables)


def test_storage_holds_plain_json() -> None:
    given = {"visit": datetime(2026, 12, 1, 15, 30, tzinfo=UTC), "rate": Decimal("0.10"), "birthday": date(1990, 2, 28)}
    assert data.to_json(EVERY, {**given, "balance": 45000, "vip": True}) == {
        "visit": "2026-12-01T15:30:00Z",
        "rate": "0.10",
        "birthday": "1990-02-28",
        "balance": 45000,
        "vip": True,
    }


moments = st.datetimes(min_value=datetime(1900, 1, 2), max_value=datetime(2999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
values = st.fixed_dictionaries(
    {},
    optional={
        "name": st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=100),
        "points": st.integers(-(2**53) + 1, 2**53 - 1),
        "rate": st.decimals(-(10**6), 10**6, places=4),
        "vip": st.booleans(),
        "birthday": st.none() | st.dates(date(1900, 1, 1), date(2999, 12, 31)),
        "visit": st.none() | moments,
    },
)


@settings(deadline=None)  # other work on the machine is no failure
@given(values)
def test_what_was_accepted_comes_back_from_storage_the_same(given: dict[str, Any]) -> None:
    accepted = data.accept(EVERY, given, partial=True)
    stored = json.loads(json.dumps(data.to_json(EVERY, accepted)))
    assert data.from_json(EVERY, stored) == accepted


def test_storage_from_an_older_revision_does_not_spoil_a_card() -> None:
    stored = {"name": "x" * 900, "gone": 1, "points": "text now", "level": "platinum", "vip": None}
    assert data.from_json(EVERY, stored) == {"name": "x" * 900, "level": "platinum", "vip": None}


def test_a_sample_card_has_every_variable_and_is_acceptable() -> None:
    for one in (EVERY, STRICT):
        whole = data.sample(one)
        assert list(whole) == list(one.variables)
        assert data.accept(one, data.to_json(one, whole)) == whole
    assert data.sample(EVERY)["name"] == "Anna"


def test_data_is_written_as_a_person_reads_it() -> None:
    given = {
        "balance": 45000,
        "yen": 450,
        "vip": True,
        "visit": datetime(2026, 12, 1, 15, 30, tzinfo=UTC),
        "rate": Decimal("1.5"),
    }
    russian = data.formatted(EVERY, given, "ru", "Europe/Moscow")
    assert russian["balance"] == "450,00\u00a0₽"
    assert russian["vip"] == "Да"
    assert "18:30" in russian["visit"]
    assert russian["rate"] == "1,5"
    english = data.formatted(EVERY, given, "en", "UTC")
    assert english["yen"] == "¥450"
    assert "3:30" in english["visit"]


RENAMED = template(
    variables={
        "points": {"type": "integer", "alias": ["bonuses", "bonus"]},
        "level": {"default": "silver", "alias": "tier"},
    }
)


def test_a_former_name_is_taken_for_the_variable_that_it_was() -> None:
    assert data.accept(RENAMED, {"bonuses": 5, "tier": "gold"}) == {"points": 5, "level": "gold"}
    assert data.accept(RENAMED, {"tier": None}, partial=True) == {"level": "silver"}


@pytest.mark.parametrize("given", [{"points": 1, "bonus": 2}, {"bonus": 2, "points": 1}, {"bonus": 2, "bonuses": 2}])
def test_a_variable_under_two_of_its_names_is_refused(given: dict[str, int]) -> None:
    with pytest.raises(DataError) as refused:
        data.accept(RENAMED, given)
    (problem,) = refused.value.problems
    assert problem.pointer in ("/data/bonus", "/data/bonuses")
    assert problem.fix == "Send `points` alone."


def test_a_mistake_under_a_former_name_is_told_under_that_name() -> None:
    with pytest.raises(DataError) as refused:
        data.accept(RENAMED, {"bonus": "many"})
    assert [problem.pointer for problem in refused.value.problems] == ["/data/bonus"]


def test_a_card_from_before_the_rename_keeps_what_it_holds() -> None:
    assert data.from_json(RENAMED, {"bonus": 7, "tier": "gold"}) == {"points": 7, "level": "gold"}
    assert data.from_json(RENAMED, {"bonus": 7, "bonuses": 8}) == {"points": 8}
    assert data.from_json(RENAMED, {"bonus": 7, "points": 9}) == {"points": 9}
    assert data.from_json(RENAMED, {"bonus": "seven"}) == {}
