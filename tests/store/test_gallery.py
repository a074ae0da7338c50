"""Templates as people see them: made of others, named, put away, taken back."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
import pytest_asyncio

from passkit.edit import value_at
from store import audit, brands, gallery, templates
from store.audit import Actor, Filter
from store.dialect import Database
from store.errors import Invalid, NotFound

ANNA = Actor("Anna")


@pytest_asyncio.fixture
async def made(db: Database, shop: brands.BrandRow, small: dict[str, bytes], now: datetime) -> int:
    await gallery.add(db, shop.id, small, "Карта гостя", ANNA, now)
    return shop.id


async def test_a_new_template_takes_its_key_from_its_name(db: Database, made: int, small: dict[str, bytes]) -> None:
    (row,) = await gallery.listing(db, made)
    assert (row.key, row.name, row.published_revision, row.has_changes, row.cards) == (
        "karta-gostya", "Карта гостя", None, True, 0,
    )  # fmt: skip
    files = await templates.export_files(db, made, row.key)
    assert (value_at(files, "/key"), value_at(files, "/name")) == ("karta-gostya", "Карта гостя")
    assert files.keys() == small.keys()


async def test_a_name_that_is_taken_gets_a_key_of_its_own(db: Database, made: int, now: datetime) -> None:
    copies = await asyncio.gather(*(gallery.copy(db, made, "karta-gostya", "Карта гостя", ANNA, now) for _ in range(3)))
    assert {one.key for one in copies} == {"karta-gostya-2", "karta-gostya-3", "karta-gostya-4"}


async def test_what_changed_last_stands_first_and_says_whether_it_is_published(
    db: Database, made: int, now: datetime
) -> None:
    later = now + timedelta(minutes=1)
    await templates.publish(db, made, "karta-gostya", now=now)
    await gallery.copy(db, made, "karta-gostya", "Other", ANNA, later)
    other, first = await gallery.listing(db, made)
    assert (other.key, other.published_revision, first.published_revision, first.has_changes) == (
        "other", None, 1, False,
    )  # fmt: skip
    await gallery.rename(db, made, "karta-gostya", "Карта друга", ANNA, later + timedelta(minutes=1))
    renamed = (await gallery.listing(db, made))[0]
    assert (renamed.key, renamed.name, renamed.has_changes) == ("karta-gostya", "Карта друга", True)


async def test_a_template_put_away_comes_back_as_it_was(db: Database, made: int, now: datetime) -> None:
    files = await templates.export_files(db, made, "karta-gostya")
    assert await gallery.archive(db, made, "karta-gostya", ANNA, now) == "Карта гостя"
    assert await gallery.listing(db, made) == []
    assert [one.key for one in await gallery.listing(db, made, archived=True)] == ["karta-gostya"]
    await gallery.restore(db, made, "karta-gostya", ANNA, now)
    assert [one.key for one in await gallery.listing(db, made)] == ["karta-gostya"]
    assert await templates.export_files(db, made, "karta-gostya") == files
    done = [line.action for line in await audit.lines(db, made, Filter(actor="Anna"))]
    assert done == ["template.restored", "template.archived", "template.added"]


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "x" * 201])
async def test_a_name_that_is_none_makes_nothing(db: Database, made: int, now: datetime, name: str) -> None:
    with pytest.raises(Invalid):
        await gallery.copy(db, made, "karta-gostya", name, ANNA, now)
    with pytest.raises(Invalid):
        await gallery.rename(db, made, "karta-gostya", name, ANNA, now)
    assert [one.name for one in await gallery.listing(db, made)] == ["Карта гостя"]


async def test_another_brands_template_is_not_there(db: Database, made: int, now: datetime) -> None:
    given = {"key": "b", "name": "B", "pass_type_identifier": "pass.b", "team_identifier": "T"}
    other = await brands.add(db, **given, now=now)
    for act in (gallery.archive, gallery.restore):
        with pytest.raises(NotFound):
            await act(db, other.id, "karta-gostya", ANNA, now)
    with pytest.raises(NotFound):
        await gallery.copy(db, other.id, "karta-gostya", "Mine", ANNA, now)
