"""Each limit: a template that passes it is told so at the right place, one that keeps it is left alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from passkit import limits
from passkit.errors import Problem, Severity, TemplateError
from passkit.limits_fields import ROOMS
from passkit.schema import Template
from tests.passkit.limit_cases import CASES, DELETE, POINTS, POSTER, Change, many, template


def found(rule: str, problems: list[Problem]) -> list[Problem]:
    """The problems that one rule found: rules are told apart by their severity and source, then by what they find."""
    row = next(one for one in limits.RULES if one.find.__name__ == rule)
    return [problem for problem in problems if problem.severity is row.severity and problem.log_line == row.log_line]


def named(find: str, judged: Template) -> list[str]:
    row = next(one for one in limits.RULES if one.find.__name__ == find)
    return [pointer for pointer, _, _ in row.find(judged)]


@pytest.mark.parametrize(("rule", "pointer", "wrong", "right"), CASES, ids=[f"{case[0]}{case[1]}" for case in CASES])
def test_a_template_past_a_limit_is_told_where(rule: str, pointer: str, wrong: Change, right: Change) -> None:
    judged = template(wrong)
    assert pointer in named(rule, judged)
    told = [problem for problem in limits.check(judged) if problem.pointer == pointer]
    assert any(problem in found(rule, told) for problem in told)
    assert all(problem.detail and problem.fix.endswith((".", "?", "`")) for problem in told), told
    assert named(rule, template(right)) == []


def test_a_clean_template_has_no_problems() -> None:
    assert limits.check(template({})) == []
    assert limits.check(template({**POSTER, "fallback": {"style": "generic"}})) == []


def test_every_rule_has_a_case_and_a_source() -> None:
    texts = {
        "no_table",
        "untranslated",
        "translations_of_nothing",
        "unused_files",
    }  # these have tests of their own below
    assert {rule.find.__name__ for rule in limits.RULES} == {case[0] for case in CASES} | texts
    assert all(rule.source.startswith(("https://", limits.OURS)) for rule in limits.RULES)


def test_the_worst_comes_first() -> None:
    problems = limits.check(template({"images": {}, "fields": {"primary": many(2)}, "expires": "soon"}))
    order = [list(Severity).index(problem.severity) for problem in problems]
    assert order == sorted(order)
    assert problems[0].severity is Severity.ERROR


def test_a_date_that_ios_refuses_names_the_line_it_would_log() -> None:
    (problem,) = [one for one in limits.check(template({"expires": "2020-02-01T08:00"})) if one.pointer == "/expires"]
    assert problem.severity is Severity.ERROR
    assert problem.log_line is not None
    assert problem.log_line.startswith("Unable to parse expirationDate")


@pytest.mark.parametrize("room", ROOMS, ids=[f"{room.style}-{'+'.join(room.zones)}-{room.row}" for room in ROOMS])
def test_each_room_of_each_style_takes_what_it_draws_and_no_more(room: Any) -> None:
    base: dict[str, Any] = {"style": room.style}
    if room.style == "boardingPass":
        base["transit_type"] = "air"
    if room.style == "posterGeneric":
        base |= {**POSTER, "fallback": DELETE}
    row = {} if room.row is None else {"row": room.row}
    place = f"/fields/{room.zones[-1]}"
    full = template({**base, "fields": {room.zones[-1]: many(room.drawn, **row)}})
    over = template({**base, "fields": {room.zones[-1]: many(room.drawn + 1, **row)}})
    assert place not in named("too_many", full)
    assert place in named("too_many", over)


def test_the_fallback_of_a_poster_is_judged_as_its_own_style() -> None:
    fields = {"primary": many(2)}
    judged = template(
        {**POSTER, "fallback": {"style": "storeCard", "fields": fields | {"secondary": [{"key": "s", "value": "1"}]}}}
    )
    assert "/fallback/fields/primary" in named("too_many", judged)
    assert named("dropped_zones", judged) == []


def test_fields_that_only_the_fallback_shows_are_no_loss() -> None:
    judged = template(
        {**POSTER, "fields": {"header": [POINTS]}, "fallback": {"style": "generic", "fields": {"secondary": many(2)}}}
    )
    assert named("dropped_zones", judged) == []


# --- translations ----------------------------------------------------------------------------------------------------

RU = {"Loyalty card": "Карта", "Points": "Баллы", "%@ points": "%@ баллов"}


def test_one_language_may_go_without_a_table_because_the_template_is_written_in_it() -> None:
    assert limits.check(template({"languages": ["ru", "en"]}, {"ru": RU})) == []


def test_a_language_without_a_table_is_missing() -> None:
    assert named("no_table", template({"languages": ["ru", "en", "de"]}, {"ru": RU})) == ["/languages/2"]
    assert named("no_table", template({"languages": ["ru", "en"]})) == ["/languages/1"]


def test_a_text_that_one_table_lacks_is_named_with_its_place() -> None:
    less = {text: translation for text, translation in RU.items() if text != "Points"}
    judged = template({"languages": ["ru", "en"]}, {"ru": less})
    assert named("untranslated", judged) == ["/fields/header/0/label"]
    assert "strings/ru.yaml" in limits.check(judged)[0].fix


def test_addresses_numbers_and_expressions_need_no_translation() -> None:
    field = {"key": "link", "label": "", "value": "https://example.com/book", "attributed_value": "{{ points }} %"}
    change = {"languages": ["ru", "en"], "fields": {"header": [POINTS], "back": [field]}}
    assert named("untranslated", template(change, {"ru": RU})) == []


def test_where_every_language_has_a_table_only_half_translated_texts_are_missing() -> None:
    judged = template({"languages": ["ru", "en"]}, {"ru": RU, "en": {"Points": "Stars"}})
    assert sorted(named("untranslated", judged)) == ["/description", "/fields/header/0/change_message"]


def test_an_old_wording_in_a_table_is_found() -> None:
    judged = template({"languages": ["ru", "en"]}, {"ru": {**RU, "Your points/score": "Очки"}})
    assert named("translations_of_nothing", judged) == ["/strings/ru/Your points~1score"]


def test_a_long_translation_counts_though_the_source_is_short() -> None:
    judged = template({"languages": ["ru", "en"]}, {"ru": {**RU, "Points": "Накопленные баллы клуба"}})
    assert named("long_labels", judged) == ["/fields/header/0/label"]


def test_a_picture_that_no_slot_names_is_found() -> None:
    assert named("unused_files", template({}, spare="strip.png")) == ["/images"]


# --- never raises ----------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=30)
TEXTS = WORDS | st.sampled_from(
    ["{{ points }}", "{{", "{% if %}", "{{ a.b.c }} x", "#fff", "rgb(1,2,999)", "2026-13-40"]
)


@settings(max_examples=150, deadline=None)
@given(
    style=st.sampled_from(["storeCard", "coupon", "generic", "eventTicket", "posterGeneric"]),
    zone=st.sampled_from(["header", "primary", "back", "footer", "additional"]),
    text=TEXTS,
    message=TEXTS,
    color=TEXTS,
    google=st.dictionaries(
        st.sampled_from(["points", "title", "header", "account_name", "valid_from"]), TEXTS.filter(bool)
    ),
)
def test_check_answers_for_any_template_that_can_be_parsed(
    style: str, zone: str, text: str, message: str, color: str, google: Any
) -> None:
    change = {
        "style": style,
        "fields": {zone: [{"key": "one", "label": text, "value": message, "change_message": message + "%@"}]},
        "colors": {"background": color, "label": text},
        "barcode": [{"format": "code39", "message": message}],
        "expires": text,
        "google": google,
    }
    try:
        judged = template(change)
    except TemplateError:
        assume(False)
    problems = limits.check(judged)
    assert not [problem for problem in problems if "could not judge" in problem.detail]


def test_a_rule_that_trips_is_reported_and_stops_no_other(broken_rule: Callable[[Template], list[Problem]]) -> None:
    problems = broken_rule(template({"images": {"logo": "logo.png"}}))
    assert [problem.severity for problem in problems] == [Severity.NOTE]
    assert "could not judge" in problems[0].detail


@pytest.fixture
def broken_rule() -> Callable[[Template], list[Problem]]:
    def trips(_: Template) -> Any:
        raise ZeroDivisionError("a slip")

    rule = limits.Rule(Severity.ERROR, "https://example.com", trips)
    return lambda judged: list(limits.judged(rule, judged))
