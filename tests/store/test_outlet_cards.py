"""What an outlet says stands on the cards that it gave out, and no phone keeps an older text."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest_asyncio
from sqlalchemy import delete, select, update

from store import cards, people, tables, templates
from store.people import Actor, NewOutlet
from tests.store.phones import Phone

BOSS = Actor("Boss")
FIRST = NewOutlet(
    name="Arbat",
    address="Arbat 1",
    opening="9-21",
    settings={"phone": "+7 495 1", "url": "https://a.example/", "own": 1},
)
LINE = "{{ outlet.name }}|{{ outlet.address }}|{{ outlet.phone }}|{{ outlet.url }}|{{ outlet.hours }}"


@pytest_asyncio.fixture
async def arbat(db, published, small, now):
    """The outlet; the brand's template shows all of it."""
    text = small["template.yaml"].decode() + f'description: "{LINE}"\n'
    await templates.import_files(db, published.id, {**small, "template.yaml": text.encode()}, now)
    await templates.publish(db, published.id, "small", now=now)
    return await people.outlets.add(db, published.id, FIRST, BOSS, now)


async def save(db: Any, outlet: Any, now: Any, **given: Any) -> None:
    await people.outlets.change(db, outlet.brand_id, outlet.id, replace(FIRST, **given), BOSS, now)


def said(phone: Phone, serial: str) -> str:
    return str(json.loads(phone.held[serial].content["pass.json"])["description"])


async def fanouts(db: Any) -> int:
    async with db.reading() as conn:
        return len((await conn.execute(select(tables.jobs.c.id).where(tables.jobs.c.kind == "fanout"))).all())


async def quiet(db: Any) -> None:
    async with db.transaction() as conn:
        await conn.execute(delete(tables.jobs))


async def test_a_card_shows_its_outlet_and_one_without_shows_nothing(arbat, issue, phone):
    mine, none, closed = await issue(outlet=arbat.key), await issue(), await issue(outlet="nowhere")
    holder = phone()
    for card in (mine, none, closed):
        await holder.add(card.serial_number)
    assert said(holder, mine.serial_number) == "Arbat|Arbat 1|+7 495 1|https://a.example/|9-21"
    assert said(holder, none.serial_number) == said(holder, closed.serial_number) == "||||"


async def test_whatever_an_outlet_s_page_changes_is_another_edition_of_its_cards_alone(db, arbat, issue, phone, now):
    mine, other = await issue(outlet=arbat.key), await issue()
    holder, neighbour = phone("A"), phone("B")
    await holder.add(mine.serial_number)
    await neighbour.add(other.serial_number)
    for one in (holder, neighbour):
        await one.list()  # the first list names all
        assert await one.list() == ()
    texts = {
        "name": "Kuskovo",
        "address": "Kuskovo 2",
        "opening": "10-20",
        "phone": "+7 495 2",
        "url": "https://b.example/",
    }
    for at, (name, text) in enumerate(texts.items(), 1):
        await quiet(db)
        changed = {name: text} if name not in ("phone", "url") else {"settings": {**FIRST.settings, name: text}}
        await save(db, arbat, now, **changed)
        assert await fanouts(db) == 1
        holder.now = now + timedelta(seconds=at)
        before = holder.held[mine.serial_number].last_modified
        assert await holder.update() == (mine.serial_number,)
        assert text in said(holder, mine.serial_number)
        assert holder.held[mine.serial_number].last_modified > before
        assert await holder.list() == ()
        assert await neighbour.list() == ()
    async with db.reading() as conn:
        ring = select(tables.cards.c.ring).where(tables.cards.c.serial_number == mine.serial_number)
        assert (await conn.execute(ring)).scalar_one() == []


async def test_a_point_on_the_map_or_the_same_once_more_rings_nobody(db, arbat, issue, phone, now):
    card = await issue(outlet=arbat.key)
    holder = phone()
    await holder.add(card.serial_number)
    await holder.list()
    await quiet(db)
    await save(db, arbat, now)
    await save(db, arbat, now, latitude=55.7, longitude=37.6)
    assert (await fanouts(db), await holder.list()) == (0, ())


async def test_a_brand_whose_cards_show_no_outlet_rings_nobody(db, issue, phone, published, now):
    outlet = await people.outlets.add(db, published.id, FIRST, BOSS, now)
    await phone().add((await issue(outlet=outlet.key)).serial_number)
    await quiet(db)
    await save(db, outlet, now, address="Elsewhere 3")
    assert await fanouts(db) == 0


async def test_an_outlet_of_another_brand_with_the_same_key_shows_nothing_here(db, arbat, issue, phone, now):
    card = await issue(outlet=arbat.key)
    async with db.transaction() as conn:
        brand = (await conn.execute(select(tables.brands).where(tables.brands.c.id == arbat.brand_id))).mappings().one()
        stranger = {**brand, "id": 77, "key": "other", "pass_type_identifier": "pass.other"}
        await conn.execute(tables.brands.insert().values(**stranger))
        mine = tables.outlets.c.id == arbat.id
        await conn.execute(update(tables.outlets).where(mine).values(brand_id=77))
    holder = phone()
    await holder.add(card.serial_number)
    assert said(holder, card.serial_number) == "||||"


async def test_a_push_names_the_edition_that_the_list_will_show(db, arbat, issue, phone, now):
    card = await issue(outlet=arbat.key)
    served = await cards.serve(db, phone().pass_type, card.serial_number, 0, now)
    await save(db, arbat, now, address="Elsewhere 3")
    again = await cards.serve(db, phone().pass_type, card.serial_number, 0, now)
    assert served is not None
    assert again is not None
    assert served.edition != again.edition
    assert served.made_of != again.made_of
