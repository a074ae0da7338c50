"""Editions, what a change shows, and what rings: the table of the design, in words."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passkit.apple.bundle import prepare
from passkit.change import Difference, FieldChange, Rings, compare, edition, next_rings, ring_order
from passkit.model import News, Notify, Pass
from tests.passkit.building import filled, revision

VARIABLES = {
    "name": {"default": ""},
    "points": {"type": "integer", "default": 0},
    "balance": {"type": "money", "currency": "RUB", "default": 0},
    "code": {"default": "1"},
    "color": {"default": "#000"},
}
MADE = revision(
    {"ru": {"Points": "Баллы", "You have %@ points": "У вас %@ баллов"}},
    languages=["en", "ru"],
    variables=VARIABLES,
    fields={
        "back": [{"key": "news", "value": "{{ news.text }}", "change_message": "%@"}],
        "primary": [{"key": "holder", "value": "{{ name }}"}],
        "secondary": [
            {"key": "balance", "value": "{{ balance }}", "change_message": "Balance: %@", "when": "{{ balance }}"}
        ],
        "header": [
            {"key": "points", "label": "Points", "value": "{{ points }}", "change_message": "You have %@ points"}
        ],
    },
    barcode={"message": "{{ code }}"},
    colors={"background": "{{ color }}"},
)


def a_pass(live: News | None = None, language: str = "en", **data: Any) -> Pass:
    return filled(MADE, data, live, language=language, ring=None)


def test_a_changed_field_is_told_with_old_new_and_the_lock_screen() -> None:
    found = compare(a_pass(points=120), a_pass(points=150))
    assert found == Difference(
        True, (FieldChange("points", "Points", "120", "150", "You have 150 points"),), ("points",)
    )


def test_the_words_are_in_the_card_s_language() -> None:
    (row,) = compare(a_pass(points=1, language="ru"), a_pass(points=2, language="ru")).fields
    assert (row.label, row.lock_screen) == ("Баллы", "У вас 2 баллов")


def test_a_field_without_message_changes_in_silence() -> None:
    found = compare(a_pass(name="Anna"), a_pass(name="Maria"))
    assert found.fields == (FieldChange("holder", "", "Anna", "Maria", None),)
    assert found.visible
    assert found.ring_candidates == ()


def test_candidates_come_in_the_order_of_zones_whatever_the_template_s_order() -> None:
    found = compare(a_pass(points=1, balance=100), a_pass(News({"en": "Sale"}), points=2, balance=200))
    assert found.ring_candidates == ("points", "balance", "news")


def test_a_field_that_appears_rings_and_one_that_goes_does_not() -> None:
    empty, there = a_pass(), a_pass(balance=45000)
    assert compare(empty, there).fields[0].lock_screen == "Balance: RUB\u00a0450.00"
    gone = compare(there, empty)
    assert gone.fields == (FieldChange("balance", "", "RUB\u00a0450.00", "", None),)
    assert gone.ring_candidates == ()


def test_a_text_that_becomes_empty_never_rings() -> None:
    found = compare(a_pass(News({"en": "Sale"})), a_pass())
    assert found.visible
    assert found.ring_candidates == ()
    assert found.fields[0].lock_screen is None


@pytest.mark.parametrize("data", [{"code": "2"}, {"color": "#fff"}])
def test_a_barcode_or_a_colour_alone_is_visible_without_a_field(data: dict[str, str]) -> None:
    found = compare(a_pass(), a_pass(**data))
    assert (found.visible, found.fields, found.ring_candidates) == (True, (), ())


def test_the_same_card_is_not_visible() -> None:
    assert compare(a_pass(points=5), a_pass(points=5)) == Difference(False)


def test_a_translation_alone_is_visible() -> None:
    one = a_pass(News({"en": "Sale", "ru": "Скидки"}))
    other = a_pass(News({"en": "Sale", "ru": "Распродажа"}))
    found = compare(one, other)
    assert (found.visible, found.fields) == (True, ())


def test_pictures_alone_are_visible() -> None:
    one = a_pass()
    assert compare(one, replace(one, images=prepare({"icon.png": b"another"}))).visible
    assert not compare(one, replace(one, images=prepare(one.images.files))).visible


def test_the_signing_time_is_not_visible() -> None:
    one = a_pass()
    assert not compare(one, replace(one, signing_time=one.signing_time.replace(year=2027))).visible


def test_only_the_field_that_rings_keeps_its_lock_screen_text() -> None:
    found = compare(a_pass(points=1, balance=100), a_pass(points=2, balance=200))
    assert [row.lock_screen for row in found.rung(("points",))] == ["You have 2 points", None]
    assert [row.lock_screen for row in found.rung(())] == [None, None]


def test_a_row_of_the_answer_has_the_contract_s_keys() -> None:
    assert FieldChange("a", "A", "1", "2", None).to_json() == {
        "field": "a",
        "label": "A",
        "old": "1",
        "new": "2",
        "lock_screen": None,
    }


def test_the_order_of_rings_leaves_out_what_cannot_ring_now() -> None:
    assert ring_order(a_pass(points=5)) == ("points",)
    assert ring_order(a_pass(News({"en": "x"}), balance=1)) == ("points", "balance", "news")


ORDER = ("points", "balance", "visit", "news")

# What happened | before: ring, waiting | served since? | changed with a message | changed without | notify | ring, waiting now
TABLE = [
    ("the first change of a new card rings", (), (), False, ["points"], [], "ring", ["points"], ["points"]),
    ("two fields at once: the more important rings",
        (), (), True, ["points", "balance"], [], "ring", ["points"], ["points", "balance"]),
    ("a silent change rings nothing", (), (), True, ["points"], [], "silent", [], []),
    ("a change without a message rings nothing", (), (), True, [], ["holder"], "ring", [], []),
    ("served, then another field: the new one replaces",
        ["points"], ["points"], True, ["visit"], [], "ring", ["visit"], ["visit"]),
    ("served, then the same field again", ["points"], ["points"], True, ["points"], [], "ring", ["points"], ["points"]),
    ("served, then something silent elsewhere: the pick stays for phones that have not fetched",
        ["points"], ["points"], True, ["visit"], [], "silent", ["points"], []),
    ("served, then that very field silently corrected: the pick goes",
        ["points"], ["points"], True, ["points"], [], "silent", [], []),
    ("served, then only a colour: the pick stays", ["points"], ["points"], True, [], [], "ring", ["points"], []),
    ("not served, then a less important field: the more important still rings, both wait",
        ["points"], ["points"], False, ["visit"], [], "ring", ["points"], ["points", "visit"]),
    ("not served, then a more important field: it rings, both wait",
        ["visit"], ["visit"], False, ["points"], [], "ring", ["points"], ["points", "visit"]),
    ("not served, then that very field silently corrected: nobody has heard, it still rings",
        ["points"], ["points"], False, ["points"], [], "silent", ["points"], ["points"]),
    ("not served, then something silent elsewhere: it still rings",
        ["points"], ["points"], False, [], ["holder"], "silent", ["points"], ["points"]),
    ("an old pick kept for late phones gives way to a new ring although unserved",
        ["points"], [], False, ["visit"], [], "ring", ["visit"], ["visit"]),
    ("an old pick kept for late phones goes when silently corrected although unserved",
        ["points"], [], False, ["points"], [], "silent", [], []),
    ("an old pick kept for late phones stays through another silent change",
        ["points"], [], False, [], ["holder"], "silent", ["points"], []),
    ("a waiting field that cannot ring any more is forgotten",
        ["gone"], ["gone", "visit"], False, [], ["holder"], "ring", ["visit"], ["visit"]),
    ("an old pick that cannot ring any more goes", ["gone"], [], True, [], ["holder"], "silent", [], []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ring", "waiting", "served", "loud", "quiet", "notify", "ring_now", "waiting_now"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_what_rings(
    ring: list[str], waiting: list[str], served: bool, loud: list[str], quiet: list[str], notify: str,
    ring_now: list[str], waiting_now: list[str],
) -> None:  # fmt: skip
    rows = tuple(FieldChange(key, key, "old", "new", None) for key in (*loud, *quiet))
    difference = Difference(True, rows, tuple(loud))
    got = next_rings(
        Rings(tuple(ring), tuple(waiting)), served=served, difference=difference, notify=Notify(notify), order=ORDER
    )
    assert got == Rings(tuple(ring_now), tuple(waiting_now))


def test_a_changed_label_does_not_take_a_ring_away() -> None:
    relabelled = Difference(True, (FieldChange("points", "Bonuses", "5", "5", None),))
    got = next_rings(
        Rings(("points",), ("points",)), served=True, difference=relabelled, notify=Notify.SILENT, order=ORDER
    )
    assert got.ring == ("points",)


@settings(deadline=None)  # other work on the machine is no failure
@given(st.lists(st.tuples(st.sets(st.sampled_from(ORDER)), st.booleans(), st.sampled_from(Notify)), max_size=12))
def test_at_most_one_field_rings_and_it_is_the_most_important_of_the_unserved(
    steps: list[tuple[set[str], bool, Notify]],
) -> None:
    rings, unserved = Rings(), set[str]()
    for changed, served, notify in steps:
        unserved = (set() if served else unserved) | (changed if notify is Notify.RING else set())
        rows = tuple(FieldChange(key, key, "old", "new", None) for key in changed)
        candidates = tuple(key for key in ORDER if key in changed)
        rings = next_rings(
            rings, served=served, difference=Difference(True, rows, candidates), notify=notify, order=ORDER
        )
        assert set(rings.waiting) == unserved
        assert len(rings.ring) <= 1
        if unserved:
            assert rings.ring == (min(unserved, key=ORDER.index),)


def test_an_edition_is_22_characters_and_moves_with_every_stamp() -> None:
    stamps = ("r" * 16, "c" * 16, ("n" * 16,), "b" * 16)
    one = edition(*stamps)
    assert len(one) == 22
    assert set(one) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    others = [edition(*stamps[:place], "x" * 16 if place != 2 else (), *stamps[place + 1 :]) for place in range(4)]  # type: ignore[arg-type]
    assert len({one, *others}) == 5
    assert one == edition(*stamps)


def test_no_two_arrangements_of_stamps_make_one_edition() -> None:
    parts = ["a", "b", "ab", ""]
    made = {
        edition(one, two, news, three)
        for one, two, three in permutations(parts, 3)
        for size in range(3)
        for news in combinations(parts, size)
    }
    assert len(made) == 24 * (1 + 4 + 6)
