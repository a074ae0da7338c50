"""A card is found by the words of its holder's name and by how they begin, and the database alone tells no name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from passkit import names
from passkit.names import starts, words
from store import cards, phones, tables, templates
from store import words as store_words
from store.brands import BrandRow
from store.cards import CardView, Change
from store.dialect import Database

Issue = Callable[..., Awaitable[CardView]]


async def found(db: Database, brand: BrandRow, text: str) -> set[int]:
    condition = store_words.having_all(db, brand.id, text)
    async with db.reading() as conn:
        return set((await conn.execute(select(tables.cards.c.id).where(condition))).scalars())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Анна Петрова", ("анна", "петрова")),
        ("ЁЛКИНА-Петрова Ё.", ("елкина", "петрова")),
        ("Андрей Цой", ("андрей", "цой")),  # й is a letter of its own
        ("José Müller", ("jose", "muller")),
        ("  ", ()),
        ("a b c", ()),
        ("one one", ("one",)),
    ],
)
def test_a_name_is_its_words_without_case_and_accents(text: str, expected: tuple[str, ...]):
    assert words(text) == expected


async def test_a_card_is_found_by_each_word_of_its_name_and_by_all(db: Database, published: BrandRow, issue: Issue):
    anna = await issue(data={"name": "Анна Ёлкина"})
    other = await issue(data={"name": "Анна Петрова"})
    assert await found(db, published, "анна") == {anna.card_id, other.card_id}
    assert await found(db, published, "ЕЛКИНА анна") == {anna.card_id}
    assert await found(db, published, "Анна Сидорова") == set()


async def test_a_beginning_of_a_word_finds_it_and_another_part_does_not(
    db: Database, published: BrandRow, issue: Issue
):
    anna = await issue(data={"name": "Анна Петрова-Водкина"})
    await issue(data={"name": "Анна Сидорова"})
    for text in ("Пе", "петр", "ПЕТРОВ", "вод", "Ан водк", "петрова"):
        assert await found(db, published, text) == {anna.card_id}, text
    for text in ("етрова", "п", "Петрован", "Анна Пр", "!"):
        assert await found(db, published, text) == set(), text


@given(st.text(min_size=2, max_size=60), st.integers(2, 12))
def test_every_beginning_of_two_to_twelve_letters_is_one_of_its_words(text: str, length: int):
    for word in words(text):
        assert word in starts(word)
        assert word[:length] in starts(word)
        assert all(word.startswith(start) for start in starts(word))
        assert len(starts(word)) <= 12, "bounded, however long the word"


async def test_an_index_of_whole_words_is_made_anew_by_itself(
    db: Database, published: BrandRow, issue: Issue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(names, "STARTS", range(0))
    monkeypatch.setattr(store_words, "MADE", "")
    card = await issue(data={"name": "Петрова"})
    while await phones.index_again(db):
        pass
    async with db.transaction() as conn:
        await conn.execute(update(tables.phone_indexes).values(meaning='["","name",null]', position=None))
    monkeypatch.undo()
    assert await found(db, published, "петрова") == {card.card_id}, "by its whole word meanwhile"
    assert await found(db, published, "петр") == set()
    while await phones.index_again(db):
        pass
    assert await found(db, published, "петр") == {card.card_id}
    assert await phones.index_again(db) == 0


async def test_a_new_name_is_found_and_the_old_one_is_not(
    db: Database, published: BrandRow, issue: Issue, now: datetime
):
    card = await issue(data={"name": "Петрова"})
    await cards.change(db, published.id, card.serial_number, Change(data={"name": "Сидорова"}), now)
    assert await found(db, published, "петрова") == set()
    assert await found(db, published, "сидорова") == {card.card_id}
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 5}), now)
    assert await found(db, published, "сидорова") == {card.card_id}


async def test_the_database_has_no_name_and_a_name_is_another_word_in_another_brand(
    db: Database, published: BrandRow, issue: Issue
):
    await issue(data={"name": "Петрова"})
    async with db.reading() as conn:
        kept = set((await conn.execute(select(tables.card_words.c.digest))).scalars())
    assert kept == {store_words.digests(db, published.id, start)[0] for start in starts("петрова")}
    assert not kept & {store_words.digests(db, published.id + 1, start)[0] for start in starts("петрова")}


async def test_cards_from_before_are_found_after_the_sweep(
    db: Database, shop: BrandRow, small: dict[str, bytes], now: datetime
):
    plain = small | {"template.yaml": small["template.yaml"].replace(b", personal: true", b"")}
    await templates.import_files(db, shop.id, plain, now)
    await templates.publish(db, shop.id, "small", now=now)
    card = (await cards.issue(db, shop.id, cards.NewCard("small", data={"name": "Петрова"}), now)).card
    assert await found(db, shop, "петрова") == set()
    await templates.import_files(db, shop.id, small, now)
    await templates.publish(db, shop.id, "small", now=now)
    while await phones.index_again(db):
        pass
    assert await found(db, shop, "петрова") == {card.card_id}
