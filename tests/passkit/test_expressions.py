"""What a template's author can write, and what it gives."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from passkit.errors import RenderError
from passkit.model import CardState, News
from tests.passkit.building import card, document, fill_as, filled, problems, revision

VARIABLES = {
    "name": {"default": "", "sample": "anna"},
    "points": {"type": "integer", "default": 0},
    "balance": {"type": "money", "currency": "RUB", "default": 0},
    "rate": {"type": "decimal", "default": "0"},
    "vip": {"type": "boolean", "default": False},
    "birthday": {"type": "date", "optional": True},
    "visit": {"type": "datetime", "optional": True},
    "note": {"optional": True},
}
DATA = {
    "name": "анна петрова",
    "points": 21,
    "balance": 1234500,
    "rate": Decimal("1.50"),
    "vip": True,
    "birthday": date(1990, 2, 28),
    "visit": datetime(2026, 12, 1, 15, 30, tzinfo=UTC),
    "note": None,
}
NBSP = "\u00a0"

GIVES = [
    ("plain text", "plain text"),
    ("{ not an expression }", "{ not an expression }"),
    ("100%", "100%"),
    ("{{ points }}", 21),
    ("  {{ points }}\n", 21),
    ("{{ name }}", "анна петрова"),
    ("{{ note }}", ""),
    ("{{ rate }}", 1.5),
    ("{{ vip }}", "Да"),
    ("{{ '123' }}", "123"),
    ("{{ 123 }}", 123),
    ("Баллов: {{ points }}", "Баллов: 21"),
    ("{{ points }}{{ points }}", "2121"),
    ("{{ points + 1 }}", 22),
    ("{{ points - 22 }}", -1),
    ("{{ -points }}", -21),
    ("{{ points * 2 }}", 42),
    ("{{ points / 2 }}", 10.5),
    ("{{ points / 3 * 3 == 21 }}", "Да"),
    ("{{ points // 2 }}", 10),
    ("{{ points * 0.1 }}", 2.1),
    ("{{ 0.1 + 0.2 }}", 0.3),
    ("{{ name ~ ', ' ~ points }}", "анна петрова, 21"),
    ("{{ 'много' if points > 20 else 'мало' }}", "много"),
    ("{{ 'мало' if points < 20 }}", ""),
    ("{{ points > 1 and vip }}", "Да"),
    ("{{ not vip }}", "Нет"),
    ("{{ note or 'нет' }}", "нет"),
    ("{{ note | default('нет') }}", "нет"),
    ("{{ note | default('нет', true) }}", "нет"),
    ("{{ 0 | default('ничего') }}", 0),
    ("{{ 0 | default('ничего', true) }}", "ничего"),
    ("{{ (note or 'пусто') | upper }}", "ПУСТО"),
    ("{{ 'анна' in name }}", "Да"),
    ("{{ visit is none }}", "Нет"),
    ("{{ note is defined }}", "Нет"),
    ("{{ points is odd }}", "Да"),
    ("{{ points is even }}", "Нет"),
    ("{{ name | title }}", "Анна Петрова"),
    ("{{ name | capitalize }}", "Анна петрова"),
    ("{{ name | upper | truncate(5) }}", "АННА…"),
    ("{{ name | truncate(100) }}", "анна петрова"),
    ("{{ name | truncate(8, '...') }}", "анна..."),
    ("{{ name | truncate(8, true, '...') }}", "анна..."),
    ("{{ name | length }}", 12),
    ("{{ '  x ' | trim }}", "x"),
    ("{{ balance | money }}", f"12{NBSP}345,00{NBSP}₽"),
    ("{{ balance | money(digits=0) }}", f"12{NBSP}345{NBSP}₽"),
    ("{{ 500 | money('USD') }}", f"5,00{NBSP}$"),
    ("На счёте {{ balance }}", f"На счёте 12{NBSP}345,00{NBSP}₽"),
    ("{{ (balance * 2) | money }}", f"24{NBSP}690,00{NBSP}₽"),
    ("{{ (balance - 100) | money }}", f"12{NBSP}344,00{NBSP}₽"),
    ("{{ balance / (balance or 1) }}", 1),
    ("{{ balance > 1000 }}", "Да"),
    ("{{ 1234567 | number }}", f"1{NBSP}234{NBSP}567"),
    ("{{ rate | number(3) }}", "1,500"),
    ("{{ rate | round }}", 2),
    ("{{ (points / 9) | round(2) }}", 2.33),
    ("{{ -5 | abs }}", 5),
    ("{{ (points - 30) | abs }}", 9),
    ("{{ visit | date('d MMMM') }}", "1 декабря"),
    ("{{ visit | time }}", "18:30"),
    ("{{ visit | datetime('d.MM HH:mm') }}", "1.12 18:30"),
    ("{{ birthday | date('d MMMM') }}", "28 февраля"),
    ("{{ note | date }}", ""),
    ("{{ '4111111111111111' | mask }}", "••••••••••••1111"),
    ("{{ '123' | mask(4, '*') }}", "123"),
    ("{{ '89161234567' | phone }}", "+7 916 123-45-67"),
    ("{{ '+14155550123' | phone }}", "+1 415 555-0123"),
    ("{{ '+44 20 7946 0958' | phone }}", "+44 20 7946 0958"),
    ("{{ card.number }}", "1234567897"),
    ("{{ card.serial_number }}", "S3rial"),
    ("{{ card.external_id }}", ""),
    ("{{ card.state }}", "active"),
    ("{{ brand.name }} {{ brand.key }}", "Demo & Sons demo"),
    ("{{ news.text }}{{ news.title }}{{ news.url }}", ""),
    ("{% raw %}{{ name }}{% endraw %}", "{{ name }}"),
    ("{{ '{{ name }}' }}", "{{ name }}"),
]


def value(
    expression: str, data: dict[str, Any] | None = None, languages: tuple[str, ...] = ("ru",), **more: Any
) -> Any:
    made = revision(
        variables=VARIABLES, languages=list(languages), fields={"back": [{"key": "it", "value": expression}]}
    )
    return document(filled(made, DATA if data is None else data, **more))["storeCard"]["backFields"][0]["value"]


@pytest.mark.parametrize(("expression", "wanted"), GIVES)
def test_an_expression_gives(expression: str, wanted: Any) -> None:
    got = value(expression)
    assert got == wanted
    assert isinstance(got, str) is isinstance(wanted, str)


@pytest.mark.parametrize(
    ("count", "wanted"),
    [
        (0, "баллов"), (1, "балл"), (2, "балла"), (4, "балла"), (5, "баллов"), (11, "баллов"), (12, "баллов"), (14, "баллов"),
        (21, "балл"), (22, "балла"), (25, "баллов"), (101, "балл"), (111, "баллов"), (112, "баллов"), (1_000_001, "балл"),
    ],
)  # fmt: skip
def test_russian_counts_have_three_forms(count: int, wanted: str) -> None:
    assert value("{{ points | plural('балл', 'балла', 'баллов') }}", {"points": count}) == wanted
    assert value("{{ points | plural(one='балл', few='балла', many='баллов') }}", {"points": count}) == wanted


@pytest.mark.parametrize(("count", "wanted"), [(0, "points"), (1, "point"), (2, "points"), (21, "points")])
def test_english_counts_have_two_forms_also_on_a_russian_card(count: int, wanted: str) -> None:
    for languages in (("en",), ("ru",)):
        assert value("{{ points | plural('point', 'points') }}", {"points": count}, languages) == wanted


def test_a_fraction_takes_the_form_of_a_few() -> None:
    assert value("{{ rate | plural('час', 'часа', 'часов') }}", {"rate": Decimal("1.5")}) == "часа"


def test_the_card_s_own_names_are_there() -> None:
    expires = datetime(2027, 1, 1, tzinfo=UTC)
    assert value("{{ card.expires_at | date('yyyy') }}", expires_at=expires) == "2027"
    assert value("{{ 'over' if card.state != 'active' }}", state=CardState.VOIDED) == "over"
    assert value("{{ card.external_id }}", external_id="crm-1") == "crm-1"


def test_filters_speak_the_language_of_each_table() -> None:
    field = {"key": "it", "value": "{{ balance | money }}"}
    made = revision(variables=VARIABLES, languages=["ru", "en", "de"], fields={"back": [field]})
    got = fill_as(made, card(DATA))
    assert json.loads(got["pass.json"])["storeCard"]["backFields"][0]["value"] == f"12{NBSP}345,00{NBSP}₽"
    assert f'"12{NBSP}345,00{NBSP}₽" = "RUB{NBSP}12,345.00";' in got["en.lproj/pass.strings"].decode()
    assert f'"12{NBSP}345,00{NBSP}₽" = "12.345,00{NBSP}RUB";' in got["de.lproj/pass.strings"].decode()


def test_times_are_in_the_brand_s_zone() -> None:
    assert value("{{ visit | time }}") == "18:30"


def test_news_are_told_in_the_card_s_language() -> None:
    field = {"key": "news", "value": "{{ news.title }}: {{ news.text }} {{ news.url }}"}
    made = revision(languages=["ru", "en"], fields={"back": [field]})
    live = News({"ru": "Новый сорт", "en": "New beans"}, {"en": "Hot"}, "https://example.com/n")
    got = document(filled(made, news=live, language="en"))["storeCard"]["backFields"][0]["value"]
    assert got == "Hot: New beans https://example.com/n"


REFUSED = [
    ("{{ nobody }}", "there is no variable"),
    ("{{ card }}", "alone is not a value"),
    ("{{ card.secret }}", "there is no `card.secret`"),
    ("{{ card['number'] }}", "subscript"),
    ("{{ name.upper() }}", "call"),
    ("{{ name.upper }}", "a dot"),
    ("{{ name | center(10) }}", "no filter"),
    ("{{ 'a' + 'b' }}", "numbers only"),
    ("{{ name + points }}", "numbers only"),
    ("{{ name * 3 }}", "numbers only"),
    ("{{ -name }}", "numbers only"),
    ("{{ points % 2 }}", "`%`"),
    ("{{ points ** 2 }}", "`**`"),
    ("{{ [1, 2] }}", "list"),
    ("{{ (1, 2) }}", "tuple"),
    ("{{ {'a': 1} }}", "dictionary"),
    ("{% if vip %}a{% endif %}", "`{% if %}`"),
    ("{% set x = 1 %}", "`{% assign %}`"),
    ("{{ name", "not an expression"),
    ("{{ }}", "not an expression"),
    ("{# open", "not an expression"),
    ("{{ points is divisibleby(2) }}", "is divisibleby"),
    ("{{ 9007199254740993 }}", "too large"),
    ("{{ 1e300 }}", "too large"),
    ("{{ 1 / 0 }}", "division by zero"),
    ("{{ points | number(99) }}", "from 0 to 9"),
    ("{{ name | truncate(100000) }}", "from 1 to 1000"),
    ("{{ points | plural('a') }}", "two or three forms"),
    ("{{ points | money }}", "needs a currency"),
    ("{{ name | number }}", "needs a number"),
    ("{{ points | date }}", "needs a date"),
    ("{{ visit | date('" + "y" * 41 + "') }}", "pattern"),
]


@pytest.mark.parametrize(("expression", "detail"), REFUSED)
def test_what_is_not_allowed_or_cannot_work_is_refused_before_publishing(expression: str, detail: str) -> None:
    given = {**VARIABLES, "name": {"sample": "anna"}}
    found = problems(variables=given, fields={"back": [{"key": "it", "value": expression}]})
    assert detail in found["/fields/back/0/value"].detail
    assert found["/fields/back/0/value"].fix


def test_a_failure_on_one_card_s_data_names_the_leaf_and_never_quotes_the_data() -> None:
    fields = [{"key": "a", "value": "{{ name }}"}, {"key": "b", "value": "{{ 1000 / points }}"}]
    made = revision(variables={**VARIABLES, "points": {"type": "integer", "default": 7}}, fields={"back": fields})
    with pytest.raises(RenderError) as caught:
        filled(made, {"points": 0, "name": "Secret Person"})
    assert caught.value.pointer == "/fields/back/1/value"
    assert "division by zero" in caught.value.detail
    assert "Secret" not in str(caught.value)


def test_data_of_a_wrong_type_is_a_render_error_and_not_a_crash() -> None:
    made = revision(variables=VARIABLES, fields={"back": [{"key": "a", "value": "{{ balance }}"}]})
    with pytest.raises(RenderError):
        filled(made, {"balance": "not money"})


def test_results_stay_numbers_that_every_reader_holds() -> None:
    fields = [{"key": "a", "value": "{{ points * points }}"}]
    made = revision(variables=VARIABLES, fields={"back": fields})
    with pytest.raises(RenderError, match="too large"):
        filled(made, {"points": 2**53 - 1})
