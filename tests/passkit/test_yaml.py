"""template.yaml from strangers: bounded, JSON-like, and every refusal names its line."""

from __future__ import annotations

import pytest

from passkit import yamlsafe
from passkit.errors import TemplateError


def refusal(content: bytes) -> str:
    with pytest.raises(TemplateError) as caught:
        yamlsafe.load("template.yaml", content)
    (problem,) = caught.value.problems
    assert problem.fix
    return problem.detail


def test_values_are_those_of_json() -> None:
    content = b"text: a\nnumber: 12\nfraction: 55.75\ntruth: true\nnothing: null\nlist: [1, -2]\nmapping: {a: b}\n"
    assert yamlsafe.load("template.yaml", content) == {
        "text": "a",
        "number": 12,
        "fraction": 55.75,
        "truth": True,
        "nothing": None,
        "list": [1, -2],
        "mapping": {"a": "b"},
    }


@pytest.mark.parametrize(
    "text", ["no", "NO", "on", "off", "yes", "12:30", "12:30:00", "2026-12-01", "0x1F", "007", "1_000", ".inf"]
)
def test_what_only_yaml_1_1_would_turn_into_something_else_stays_text(text: str) -> None:
    assert yamlsafe.load("template.yaml", f"value: {text}".encode()) == {"value": text}


def test_a_bomb_of_aliases_is_refused_at_its_first_anchor() -> None:
    bomb = b"a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    assert "line 1" in refusal(bomb)
    assert "anchors" in refusal(bomb)


def test_a_key_that_stands_twice_is_refused_with_its_line() -> None:
    assert "line 3, column 1: the key 'style' stands twice" in refusal(b"style: coupon\nname: x\nstyle: generic\n")


@pytest.mark.parametrize(
    "content", [b"a: !!python/object/apply:os.system ['id']", b"a: !ruby/object {}", b"a: !!binary aGk="]
)
def test_tags_are_refused(content: bytes) -> None:
    assert "tag" in refusal(content)


def test_a_key_that_is_not_text_is_refused() -> None:
    assert "is not text" in refusal(b"variables: {1: {type: text}}")
    assert "is not text" in refusal(b"? [a, b]\n: 1")


def test_deep_nesting_and_too_many_values_are_refused() -> None:
    assert "nested too deeply" in refusal(b"a: " + b"[" * 5000)
    assert "holds too much" in refusal(b"a: [" + b"x, " * 30_000 + b"x]")


def test_a_large_file_is_refused_before_it_is_parsed() -> None:
    assert "bytes, more than" in refusal(b"#" * 300_000)


@pytest.mark.parametrize("content", [b"a: [1", b"a: 1\n---\nb: 2", b"\ta: 1", b"a: \x01", b"a: 'x", b"a: b: c"])
def test_what_is_not_yaml_is_a_problem_and_not_a_crash(content: bytes) -> None:
    assert "not YAML" in refusal(content)


@pytest.mark.parametrize("content", [b"", b"- a\n- b", b"just text", b"12"])
def test_a_file_must_be_a_mapping(content: bytes) -> None:
    assert "must be a mapping" in refusal(content)


def test_bytes_that_are_not_utf_8_are_refused() -> None:
    assert "not UTF-8" in refusal("имя: Кофе".encode("cp1251"))


def test_a_byte_order_mark_is_no_harm() -> None:
    assert yamlsafe.load("template.yaml", b"\xef\xbb\xbfname: x") == {"name": "x"}


def test_a_problem_in_a_table_of_strings_points_to_the_table() -> None:
    with pytest.raises(TemplateError) as caught:
        yamlsafe.load("strings/ru.yaml", b"a: 1\na: 2")
    assert caught.value.problems[0].pointer == "/strings/ru"
