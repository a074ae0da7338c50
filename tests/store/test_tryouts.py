"""A draft on one's own phone: a real card that no list and no count knows, and that goes away by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from passkit.edit import Set
from store import brands, cards, drafts, home, phones, reviews, tables, templates, tryouts
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database
from store.errors import Invalid, NotFound
from store.tryouts import Tryout
from tests.store.phones import Phone

ANNA, OLGA = Actor("Anna", user_id=1), Actor("Olga", user_id=2)
OVER = tryouts.LIVES + timedelta(minutes=1)


async def change(db: Database, brand: BrandRow, *edits: Any, now: datetime) -> None:
    base = (await drafts.get(db, brand.id, "small")).number
    await drafts.save_edits(db, brand.id, "small", base=base, edits=edits, by=ANNA, now=now)


async def start(db: Database, brand: BrandRow, now: datetime, by: Actor = ANNA, language: str | None = None) -> Tryout:
    return await tryouts.start(db, brand.id, "small", language=language, by=by, now=now)


async def shown(db: Database, token: str, now: datetime) -> dict[str, str]:
    """What the install link's card says."""
    found = await cards.by_install_token(db, token, now)
    assert found is not None
    return {field.key: f"{field.label}: {field.text}" for field in found.fill(now).fields}


async def rows(db: Database, brand_id: int) -> dict[str, int]:
    """How many rows there are of everything that names a card."""
    async with db.reading() as conn:
        named = [one.c.card_id for one in tables.metadata.sorted_tables if "card_id" in one.c]
        named.append(tables.cards.c.id)
        found = {str(one): (await conn.execute(select(func.count(one)))).scalar_one() for one in named}
    return {name: number for name, number in found.items() if number}


async def test_a_draft_that_was_never_published_is_on_a_phone(
    db: Database, shop: BrandRow, small: dict[str, bytes], now: datetime, phone: Callable[..., Phone]
) -> None:
    await templates.import_files(db, shop.id, small, now)
    tried = await start(db, shop, now)
    assert tried.is_new
    assert (await shown(db, tried.install_token, now))["points"] == "Points: 120"
    assert tried.expires_at == now + timedelta(hours=48)
    assert await phone("A").register(tried.serial_number) is True
    status = await tryouts.status(db, shop.id, "small", by=ANNA, now=now)
    assert status is not None
    assert (status.on_phones, status.is_new) == (1, False)


async def test_pressed_again_the_same_card_shows_the_new_draft(
    db: Database, published: BrandRow, now: datetime, phone: Callable[..., Phone]
) -> None:
    first = await start(db, published, now)
    await phone("A").register(first.serial_number)
    await change(db, published, Set("/fields/header/0/label", "Bonuses"), Set("/variables/points/sample", 7), now=now)
    again = await start(db, published, now + timedelta(hours=1))
    assert (again.serial_number, again.install_token, again.is_new) == (first.serial_number, first.install_token, False)
    assert (await shown(db, again.install_token, now))["points"] == "Bonuses: 7"
    assert again.expires_at == now + timedelta(hours=49)
    assert await phone("A").list() == (first.serial_number,)


async def test_each_person_has_a_card_of_their_own_and_both_follow_the_draft(
    db: Database, published: BrandRow, now: datetime
) -> None:
    mine, other = await start(db, published, now), await start(db, published, now, OLGA)
    assert mine.serial_number != other.serial_number
    await change(db, published, Set("/fields/header/0/label", "Bonuses"), now=now)
    await start(db, published, now)
    assert (await shown(db, other.install_token, now))["points"].startswith("Bonuses")


async def test_a_draft_of_another_style_is_another_card(
    db: Database, shop: BrandRow, small: dict[str, bytes], now: datetime
) -> None:
    await templates.import_files(db, shop.id, small, now)
    first = await start(db, shop, now)
    await change(db, shop, Set("/style", "coupon"), now=now)
    second = await start(db, shop, now)
    assert (second.is_new, second.serial_number != first.serial_number) == (True, True)


async def test_no_list_no_count_and_no_audience_knows_it(
    db: Database, published: BrandRow, now: datetime, phone: Callable[..., Phone]
) -> None:
    await change(
        db, published, Set("/variables/phone", {"type": "phone", "label": "P", "sample": "+7 916 123-45-67"}), now=now
    )
    tried = await start(db, published, now)
    await phone("A").register(tried.serial_number)
    assert [row.key for row in await templates.listing(db, published.id)] == ["small"]
    assert (await cards.listing(db, published.id)).cards == ()
    review = await reviews.review(db, published.id, "small", by=ANNA, now=now)
    assert (review.audience.cards, review.audience.iphones) == (0, 0)
    found = await home.home(db, published, now)
    assert (found.apple, found.issued, found.today) == (0, 0, 0)
    assert await phones.index_again(db) >= 0
    async with db.reading() as conn:
        for table in (tables.card_phones, tables.card_words, tables.handouts):
            assert (await conn.execute(select(func.count()).select_from(table))).scalar() == 0


async def test_after_48_hours_it_is_voided_and_a_week_later_nothing_is_left(
    db: Database, published: BrandRow, now: datetime, phone: Callable[..., Phone]
) -> None:
    kept = await rows(db, published.id)
    tried = await start(db, published, now)
    await phone("A").register(tried.serial_number)
    assert await tryouts.sweep(db, now + timedelta(hours=47)) == {"voided": 0, "deleted": 0}
    assert await tryouts.sweep(db, now + OVER) == {"voided": 1, "deleted": 0}
    assert await tryouts.status(db, published.id, "small", by=ANNA, now=now + OVER) is None
    found = await cards.by_install_token(db, tried.install_token, now + OVER)
    assert found is not None
    assert found.card.state == "voided"
    assert await tryouts.sweep(db, now + OVER) == {"voided": 0, "deleted": 0}
    assert await tryouts.sweep(db, now + OVER + tryouts.KEPT) == {"voided": 0, "deleted": 1}
    assert await cards.by_install_token(db, tried.install_token, now) is None
    assert await rows(db, published.id) == kept
    async with db.reading() as conn:
        assert (await conn.execute(select(func.count()).select_from(tables.devices))).scalar() == 0


async def test_a_phone_that_holds_a_real_card_too_stays_known(
    db: Database, published: BrandRow, now: datetime, phone: Callable[..., Phone]
) -> None:
    real = (await cards.issue(db, published.id, cards.NewCard(template="small"), now)).card
    tried = await start(db, published, now)
    await phone("A").register(real.serial_number)
    await phone("A").register(tried.serial_number)
    await tryouts.sweep(db, now + OVER)
    await tryouts.sweep(db, now + OVER + tryouts.KEPT)
    assert await phone("A").list() == (real.serial_number,)


async def test_it_can_be_ended_by_hand_and_begun_anew(db: Database, published: BrandRow, now: datetime) -> None:
    first = await start(db, published, now)
    await tryouts.end(db, published.id, "small", by=ANNA, now=now)
    assert await tryouts.status(db, published.id, "small", by=ANNA, now=now) is None
    again = await start(db, published, now + timedelta(minutes=1))
    assert again.is_new
    assert again.serial_number != first.serial_number


async def test_a_draft_that_cannot_be_built_is_refused(db: Database, published: BrandRow, now: datetime) -> None:
    await change(db, published, Set("/fields/header/0/value", "{{ poi"), now=now)
    with pytest.raises(Invalid) as refused:
        await start(db, published, now)
    assert [problem.pointer for problem in refused.value.problems] == ["/fields/header/0/value"]


async def test_another_brand_tries_nothing_of_ours(db: Database, published: BrandRow, now: datetime) -> None:
    given = {"key": "b", "name": "B", "pass_type_identifier": "pass.b", "team_identifier": "ABCDE12345"}
    other = await brands.add(db, **given, now=now)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        await start(db, other, now)


async def test_the_twin_is_no_template_of_its_own(db: Database, published: BrandRow, now: datetime) -> None:
    await start(db, published, now)
    async with db.reading() as conn:
        hidden = tables.templates.c.tryout_of.is_not(None)
        key = (await conn.execute(select(tables.templates.c.key).where(hidden))).scalar_one()
    for operation in (drafts.get(db, published.id, key), drafts.history(db, published.id, key)):
        with pytest.raises(NotFound):
            await operation
    with pytest.raises(NotFound):
        await reviews.review(db, published.id, key, by=ANNA, now=now)
    with pytest.raises(NotFound):
        await tryouts.start(db, published.id, key, by=ANNA, now=now)


async def test_pressed_a_hundred_times_it_keeps_one_revision(db: Database, published: BrandRow, now: datetime) -> None:
    for turn in range(4):
        await change(db, published, Set("/name", f"Card {turn}"), now=now)
        await start(db, published, now)
    async with db.reading() as conn:
        count = select(func.count()).select_from(tables.revisions)
        assert (await conn.execute(count)).scalar() == 2  # the published one and the twin's
