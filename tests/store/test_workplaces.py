"""Outlets, employees and workplaces: paired once, switched by PIN, each brand for itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
import pytest_asyncio
from sqlalchemy import select

from store import brands, people, tables
from store.errors import Invalid, NotFound
from store.people import Actor, NewOutlet, Role

BOSS = Actor("Boss")


@pytest_asyncio.fixture
async def other(db, now):
    return await brands.add(
        db, key="other", name="Other", pass_type_identifier="pass.other", team_identifier="T", now=now
    )


@pytest_asyncio.fixture
async def outlet(db, shop, now):
    given = NewOutlet(name="Салон на Тверской", address="Tverskaya 12", latitude=55.76, longitude=37.61, opening="9-21")
    return await people.outlets.add(db, shop.id, given, BOSS, now)


@pytest_asyncio.fixture
async def olga(db, shop, outlet, now):
    return await people.workplaces.hire(db, shop.id, outlet.id, "Olga", "4812", BOSS, now)


@pytest_asyncio.fixture
async def tablet(db, shop, outlet, now):
    """A paired workplace: (workplace, cookie)."""
    _, code = await people.workplaces.add_workplace(db, shop.id, outlet.id, "Tablet", BOSS, now)
    token = await people.workplaces.pair(db, code.lower().replace("-", " "), None, now)
    assert isinstance(token, str)
    found = await people.workplaces.by_token(db, token, now)
    assert found is not None
    return found[0], token


async def test_an_outlet_is_kept_changed_and_closed(db, shop, outlet, now) -> None:
    assert outlet.key == "salon-na-tverskoy"
    again = await people.outlets.add(db, shop.id, NewOutlet(name="Салон на Тверской", settings={"x": 1}), BOSS, now)
    assert (again.key, again.settings) == ("salon-na-tverskoy-2", {"x": 1})
    changed = await people.outlets.change(db, shop.id, again.id, NewOutlet(name="Renamed"), BOSS, now)
    assert (changed.key, changed.name, changed.settings) == ("salon-na-tverskoy-2", "Renamed", {"x": 1})
    await people.outlets.archive(db, shop.id, again.id, BOSS, now)
    assert [one.id for one in await people.outlets.listing(db, shop.id)] == [outlet.id]
    assert len(await people.outlets.listing(db, shop.id, archived=True)) == 2


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"name": " "}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"name": "x", "address": "y" * 501}, "/address"),
        ({"name": "x", "latitude": 55.0}, "/latitude"),
        ({"name": "x", "latitude": 91.0, "longitude": 0.0}, "/latitude"),
        ({"name": "x", "latitude": float("nan"), "longitude": 0.0}, "/latitude"),
        ({"name": "x", "opening": "\0"}, "/opening"),
    ],
)
async def test_an_outlet_that_cannot_be_is_refused_by_its_place(db, shop, now, given, pointer) -> None:
    with pytest.raises(Invalid) as refused:
        await people.outlets.add(db, shop.id, NewOutlet(**given), BOSS, now)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


async def test_an_employee_comes_by_pin_at_a_paired_workplace(db, shop, olga, tablet, now) -> None:
    workplace, token = tablet
    session_token = await people.workplaces.switch(db, workplace, olga.id, "4812", now)
    session = await people.studiosessions.find(db, session_token, now)
    assert (session.employee.name, session.role, session.brand.id, session.user) == ("Olga", Role.DESK, shop.id, None)
    assert session.actor == Actor("Olga", employee_id=olga.id)
    assert await people.studiosessions.find(db, session_token, now + timedelta(minutes=31)) is None
    async with db.reading() as conn:
        stored = str((await conn.execute(select(tables.employees))).mappings().one())
        assert token not in str((await conn.execute(select(tables.workplaces))).mappings().one())
    assert "4812" not in stored


async def test_whoever_comes_ends_the_session_of_whoever_was_there(db, shop, outlet, olga, tablet, now) -> None:
    sveta = await people.workplaces.hire(db, shop.id, outlet.id, "Sveta", "9036", BOSS, now)
    first = await people.workplaces.switch(db, tablet[0], olga.id, "4812", now)
    await people.workplaces.switch(db, tablet[0], sveta.id, "9036", now)
    assert await people.studiosessions.find(db, first, now) is None


async def test_pins_cannot_be_tried_in_peace(db, olga, tablet, now) -> None:
    switch = people.workplaces.switch
    outcomes = [await switch(db, tablet[0], olga.id, f"{n:04}", now) for n in range(5)]
    assert outcomes == [None, None, None, None, 5]


async def test_a_pairing_code_is_good_once_and_for_ten_minutes(db, shop, outlet, tablet, now) -> None:
    pair = people.workplaces.pair
    workplace, code = await people.workplaces.new_code(db, shop.id, tablet[0].id, BOSS, now)
    assert await people.workplaces.by_token(db, tablet[1], now) is not None, "paired until the code is used"
    assert await pair(db, code, None, now + timedelta(minutes=11)) is None
    token = await pair(db, code, None, now)
    assert isinstance(token, str)
    assert await pair(db, code, None, now) is None
    assert await people.workplaces.by_token(db, tablet[1], now) is None
    assert (await people.workplaces.by_token(db, token, now))[0].id == workplace.id


async def test_what_an_admin_ends_is_over_at_once(db, shop, outlet, olga, tablet, now) -> None:
    workplace, token = tablet

    async def come() -> str:
        found = await people.workplaces.switch(db, workplace, olga.id, "4812", now)
        assert isinstance(found, str)
        return found

    session = await come()
    await people.workplaces.change_employee(db, shop.id, olga.id, BOSS, now, active=False)
    assert await people.studiosessions.find(db, session, now) is None
    assert await people.workplaces.switch(db, workplace, olga.id, "4812", now) is None
    await people.workplaces.change_employee(db, shop.id, olga.id, BOSS, now, active=True)
    session = await come()
    await people.workplaces.unpair(db, shop.id, workplace.id, BOSS, now)
    assert await people.studiosessions.find(db, session, now) is None
    assert await people.workplaces.by_token(db, token, now) is None


async def test_a_closed_outlet_lets_everybody_go(db, shop, outlet, olga, tablet, now) -> None:
    session = await people.workplaces.switch(db, tablet[0], olga.id, "4812", now)
    await people.outlets.archive(db, shop.id, outlet.id, BOSS, now)
    assert await people.studiosessions.find(db, session, now) is None
    assert await people.workplaces.by_token(db, tablet[1], now) is None
    assert await people.workplaces.staff(db, shop.id) == []


@pytest.mark.parametrize(
    ("pin", "code"),
    [("123", "bad_pin"), ("1234567", "bad_pin"), ("12a4", "bad_pin"), ("1111", "weak_pin"), ("4321", "weak_pin")],
)
async def test_a_pin_that_anybody_guesses_is_refused(db, shop, outlet, now, pin, code) -> None:
    with pytest.raises(Invalid) as refused:
        await people.workplaces.hire(db, shop.id, outlet.id, "Olga", pin, BOSS, now)
    assert refused.value.code == code


async def test_another_brand_finds_nothing_of_this(db, shop, other, outlet, olga, tablet, now) -> None:
    places = people.workplaces
    attempts = [
        people.outlets.get(db, other.id, outlet.id),
        people.outlets.change(db, other.id, outlet.id, NewOutlet(name="x"), BOSS, now),
        people.outlets.archive(db, other.id, outlet.id, BOSS, now),
        places.hire(db, other.id, outlet.id, "Eve", "4812", BOSS, now),
        places.change_employee(db, other.id, olga.id, BOSS, now, pin="9036"),
        places.add_workplace(db, other.id, outlet.id, "x", BOSS, now),
        places.new_code(db, other.id, tablet[0].id, BOSS, now),
        places.unpair(db, other.id, tablet[0].id, BOSS, now),
    ]
    for attempt in attempts:
        with pytest.raises(NotFound):
            await attempt
    assert await people.outlets.listing(db, other.id) == []
    assert await places.staff(db, other.id) == []
    assert await places.listing(db, other.id) == []


async def test_an_employee_of_another_outlet_does_not_come_in_here(db, shop, olga, tablet, now) -> None:
    elsewhere = await people.outlets.add(db, shop.id, NewOutlet(name="Elsewhere"), BOSS, now)
    sveta = await people.workplaces.hire(db, shop.id, elsewhere.id, "Sveta", "9036", BOSS, now)
    assert await people.workplaces.switch(db, tablet[0], sveta.id, "9036", now) is None
