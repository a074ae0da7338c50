"""A card is found by its holder's phone, however it is written, and by nobody else's; the database alone tells no number."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import select

from store import brands, cards, dialect, phones, tables, templates
from store.brands import BrandRow
from store.cards import CardView, Change, NewCard
from store.dialect import Database
from store.errors import Invalid
from store.keyring import Keyring
from tests.databases import SECRET
from tests.store.conftest import SMALL

Issue = Callable[..., Awaitable[CardView]]
PHONE = '  phone:   {type: phone, label: Phone, default: "", personal: true}\n'


def files(icon: bytes, phone: str = PHONE) -> dict[str, bytes]:
    return {"template.yaml": SMALL.replace("fields:\n", phone + "fields:\n", 1).encode(), "icon.png": icon}


@pytest_asyncio.fixture
async def salon(db: Database, shop: BrandRow, icon: bytes, now: datetime) -> BrandRow:
    await templates.import_files(db, shop.id, files(icon), now)
    await templates.publish(db, shop.id, "small", now=now)
    return shop


@pytest.fixture
def give(db: Database, salon: BrandRow, now: datetime) -> Issue:
    async def given(**data: object) -> CardView:
        return (await cards.issue(db, salon.id, NewCard(template="small", data=data), now)).card

    return given


async def found(db: Database, brand: BrandRow, text: str) -> list[str]:
    return [card.serial_number for card in await cards.by_phone(db, brand.id, text)]


@pytest.mark.parametrize("typed", ["8 916 123-45-67", "+7 916 1234567", "9161234567"])
async def test_a_card_is_found_however_its_phone_is_written(db: Database, salon: BrandRow, give: Issue, typed: str):
    card = await give(phone="+7 (916) 123-45-67")
    await give(phone="+7 916 123-45-68")
    await give(name="Anna")
    assert await found(db, salon, typed) == [card.serial_number]


async def test_cards_of_one_phone_come_newest_first(db: Database, salon: BrandRow, give: Issue):
    first, second = await give(phone="+79161234567"), await give(phone="8 916 123 45 67")
    assert await found(db, salon, "+79161234567") == [second.serial_number, first.serial_number]


async def test_a_changed_phone_finds_the_card_and_the_old_one_does_not(
    db: Database, salon: BrandRow, give: Issue, now: datetime
):
    card = await give(phone="+79161234567")
    await cards.change(db, salon.id, card.serial_number, Change(data={"points": 5}), now)
    assert await found(db, salon, "+79161234567") == [card.serial_number]
    await cards.change(db, salon.id, card.serial_number, Change(data={"phone": "+79160000001"}), now)
    assert await found(db, salon, "+79161234567") == []
    assert await found(db, salon, "+79160000001") == [card.serial_number]
    await cards.change(db, salon.id, card.serial_number, Change(data={"phone": None}), now)
    assert await found(db, salon, "+79160000001") == []


async def test_another_brand_does_not_find_it_and_its_digest_is_another(
    db: Database, salon: BrandRow, give: Issue, icon: bytes, now: datetime
):
    await give(phone="+79161234567")
    other = await brands.add(
        db,
        key="other",
        name="Other",
        pass_type_identifier="pass.com.example.other",
        team_identifier="ABCDE12345",
        time_zone="Europe/Moscow",
        now=now,
    )
    assert await found(db, other, "+79161234567") == []
    await templates.import_files(db, other.id, files(icon), now)
    await templates.publish(db, other.id, "small", now=now)
    await cards.issue(db, other.id, NewCard(template="small", data={"phone": "+79161234567"}), now)
    async with db.reading() as conn:
        rows = (await conn.execute(select(tables.card_phones.c.digest))).scalars().all()
    assert len(set(rows)) == 2
    assert not any("9161234567" in digest for digest in rows)


async def test_what_is_no_phone_is_refused_with_what_to_write(db: Database, salon: BrandRow):
    with pytest.raises(Invalid) as refused:
        await cards.by_phone(db, salon.id, "Anna")
    assert refused.value.code == "bad_phone"
    assert "+7" in refused.value.problems[0].fix


async def test_a_template_without_a_phone_writes_nothing(db: Database, issue: Issue):
    await issue(external_id="c-1", data={"name": "+79161234567"})
    assert await phones.index_again(db) == 1  # for the words of its name
    assert await phones.index_again(db) == 0
    async with db.reading() as conn:
        assert (await conn.execute(select(tables.card_phones))).all() == []
    assert await phones.index_again(db) == 0


async def test_cards_from_before_are_found_once_they_were_gone_through(
    db: Database, shop: BrandRow, icon: bytes, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    text = PHONE.replace("type: phone", "type: text")
    await templates.import_files(db, shop.id, files(icon, text), now)
    await templates.publish(db, shop.id, "small", now=now)
    monkeypatch.setattr(phones, "PAGE", 2)
    serials = [
        (
            await cards.issue(db, shop.id, NewCard(template="small", data={"phone": f"8916123450{n}"}), now)
        ).card.serial_number
        for n in range(5)
    ]
    assert await found(db, shop, "+79161234503") == []
    await templates.import_files(db, shop.id, files(icon), now)
    await templates.publish(db, shop.id, "small", now=now)
    pages = [await phones.index_again(db) for _ in range(5)]
    assert sum(pages) == 5
    assert pages[-1] == 0
    for number, serial in enumerate(serials):
        assert await found(db, shop, f"+7916123450{number}") == [serial]
    await templates.import_files(db, shop.id, files(icon, text), now)
    await templates.publish(db, shop.id, "small", now=now)
    while await phones.index_again(db):
        pass
    assert await found(db, shop, "+79161234503") == []


async def test_after_a_move_to_another_country_national_numbers_mean_that_one(
    db: Database, salon: BrandRow, give: Issue
):
    card = await give(phone="0171 1234567")
    assert await found(db, salon, "+49 171 1234567") == []
    await brands.change(db, salon.key, time_zone="Europe/Berlin")
    while await phones.index_again(db):
        pass
    assert await found(db, salon, "0171 1234567") == [card.serial_number]


async def test_a_new_secret_finds_what_the_old_one_wrote_and_then_does_without_it(
    sqlite_url: str, icon: bytes, now: datetime, tmp_path: Path
):
    new = "k2:" + "another horse battery staple and a mule!"
    serial = ""
    for secret in (SECRET, f"{new},{SECRET}"):
        db = await dialect.open(sqlite_url, Keyring.parse(secret))
        if not serial:
            brand = await brands.add(
                db,
                key="shop",
                name="Shop",
                pass_type_identifier="pass.com.example.coffee",
                team_identifier="ABCDE12345",
                time_zone="Europe/Moscow",
                now=now,
            )
            await templates.import_files(db, brand.id, files(icon), now)
            await templates.publish(db, brand.id, "small", now=now)
            given = NewCard(template="small", data={"phone": "+79161234567"})
            serial = (await cards.issue(db, brand.id, given, now)).card.serial_number
        assert await found(db, brand, "89161234567") == [serial]
        while await phones.index_again(db):
            pass
        digest = phones.digests(db, brand.id, "+79161234567")[0]
        async with db.reading() as conn:
            assert (await conn.execute(select(tables.card_phones.c.digest))).scalars().all() == [digest]
        await db.close()
