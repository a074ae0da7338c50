"""After a restore nobody knows what phones have: each fetches once more, silently, and none is left behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select, update

from store import brands, cards, holding, tables
from store.cards import CardView, Change
from store.dialect import Database
from tests.store.phones import Phone
from tests.store.test_updates import rings, shown

Phones = Callable[..., Phone]


async def _kept(db: Database) -> dict[str, Any]:
    """The only card's row."""
    await db.served.flush()
    async with db.reading() as conn:
        return dict((await conn.execute(select(tables.cards))).mappings().one())


async def _put_back(db: Database, row: dict[str, Any]) -> None:
    """As `restore` leaves it."""
    await db.served.flush()
    async with db.transaction() as conn:
        await conn.execute(update(tables.cards).values(**row))
    await holding.hold(db)


async def test_what_was_lost_in_a_burst_is_not_what_a_phone_goes_on_showing(
    db: Database, published: brands.BrandRow, card: CardView, phone: Phones, now: Any
) -> None:
    """Changes within one second have Last-Modified ahead of the clock, which a restore must not tell again."""
    alice, bob = phone("A"), phone("B")
    for one in (alice, bob):
        await one.add(card.serial_number)
    backup = await _kept(db)
    for points in range(5):
        await cards.change(db, published.id, card.serial_number, Change(data={"points": points}), now)
    await alice.update()
    await bob.update()
    await _put_back(db, backup)
    for points in range(5):
        await cards.change(db, published.id, card.serial_number, Change(data={"points": 50 + points}), now)
    for one in (alice, bob):
        await one.update()
        assert shown(one, card.serial_number, "points") == 54


async def test_a_fetch_that_fails_after_a_restore_is_not_forgotten(
    db: Database, published: brands.BrandRow, card: CardView, phone: Phones, now: Any
) -> None:
    """The copy's downloads were of phones that have fetched something else since."""
    alice = phone("A")
    await alice.add(card.serial_number)
    backup = await _kept(db)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 7}), now)
    await alice.update()
    await _put_back(db, backup)
    assert await alice.update(cut=True) == (card.serial_number,)
    assert await alice.update() == (card.serial_number,)
    assert shown(alice, card.serial_number, "points") == 100
    assert await alice.update() == ()


async def test_the_old_values_come_back_without_a_lock_screen_text(
    db: Database, published: brands.BrandRow, card: CardView, phone: Phones, now: Any
) -> None:
    alice = phone("A")
    await alice.add(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 7}), now)
    backup = await _kept(db)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 8}), now)
    await alice.update()
    assert rings(alice, card.serial_number) == ["points"]
    await _put_back(db, backup)
    await alice.update()
    assert (shown(alice, card.serial_number, "points"), rings(alice, card.serial_number)) == (7, [])
    await cards.change(db, published.id, card.serial_number, Change(data={"balance": "5.00"}), now)
    await alice.update()
    assert rings(alice, card.serial_number) == ["balance"]
