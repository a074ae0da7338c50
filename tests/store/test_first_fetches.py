"""The first fetches of an edition: settled together, and no card stands in another's way."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import select, update

from passkit.apple import passjson
from store import brands, cards, firstfetches, tables
from store.cards import NewCard
from store.dialect import Database
from store.errors import Unavailable
from store.serving import Serving
from tests.store.conftest import NOW, PASS_TYPE
from tests.store.news import send, with_news

MANY = 40


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    return with_news(icon)


async def told(db: Database, published: brands.BrandRow) -> list[str]:
    """The serial numbers of many cards that a news has just reached."""
    new = [NewCard("small", data={"points": number}) for number in range(MANY)]
    serials = [(await cards.issue(db, published.id, one, NOW)).card.serial_number for one in new]
    await send(db, published.id)
    return serials


async def ask(db: Database, serials: list[str]) -> list[Serving | BaseException | None]:
    """All at once."""
    asked = (cards.serve(db, PASS_TYPE, serial, 0, NOW) for serial in serials)
    return await asyncio.gather(*asked, return_exceptions=True)


async def stamps(db: Database) -> dict[str, int]:
    """Last-Modified by serial number, as it is stored."""
    async with db.reading() as conn:
        rows = await conn.execute(select(tables.cards.c.serial_number, tables.cards.c.last_modified))
        return {row.serial_number: row.last_modified for row in rows}


def says(serving: Serving | BaseException | None) -> str:
    """The pass, as text."""
    assert isinstance(serving, Serving)
    return json.dumps(json.loads(dict(passjson.files(serving.fill(NOW)))["pass.json"]), ensure_ascii=False)


@pytest.fixture
def batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many cards each transaction settles."""
    counted: list[int] = []
    written = firstfetches._written

    async def counting(db, card_ids, now, **given):
        counted.append(len(card_ids))
        return await written(db, card_ids, now, **given)

    monkeypatch.setattr(firstfetches, "_written", counting)
    return counted


async def test_many_are_settled_in_few_transactions(db, published, batches) -> None:
    serials = await told(db, published)
    before = await stamps(db)
    served = await ask(db, serials)
    assert all("Coffee is free today" in says(one) for one in served)
    after = await stamps(db)
    assert all(after[serial] > before[serial] for serial in serials)
    assert [one.last_modified for one in served if isinstance(one, Serving)] == [after[serial] for serial in serials]
    assert sum(batches) == MANY
    assert len(batches) <= 4
    assert [says(one) for one in await ask(db, serials)] == [says(one) for one in served]
    assert sum(batches) == MANY


async def test_phones_that_ask_for_the_same_card_get_the_same(db, published, batches) -> None:
    serial = (await told(db, published))[0]
    served = await ask(db, [serial] * 10)
    assert len({one.last_modified for one in served if isinstance(one, Serving)}) == 1
    assert sum(batches) <= 2


async def test_a_card_that_cannot_be_settled_stands_in_nobodys_way(db, published) -> None:
    serials = await told(db, published)
    async with db.transaction() as conn:
        spoilt = update(tables.cards).where(tables.cards.c.serial_number == serials[17])
        await conn.execute(spoilt.values(data_encrypted=b"k1:nothing"))
    served = await ask(db, serials)
    assert [number for number, one in enumerate(served) if isinstance(one, BaseException)] == [17]
    assert "Coffee is free today" in says(served[16])


async def test_a_card_that_somebody_holds_keeps_nobody_waiting(db, published) -> None:
    serials = await told(db, published)
    if not db.is_postgresql:  # holds its one lock for everybody: there is nothing to tell apart
        assert all(isinstance(one, Serving) for one in await ask(db, serials))
        return
    async with db.transaction() as conn:
        held = select(tables.cards.c.id).where(tables.cards.c.serial_number == serials[5]).with_for_update()
        await conn.execute(held)
        waits = asyncio.create_task(cards.serve(db, PASS_TYPE, serials[5], 0, NOW))
        served = await ask(db, [serial for serial in serials if serial != serials[5]])
        assert all(isinstance(one, Serving) for one in served)
        assert not waits.done()
    assert "Coffee is free today" in says(await waits)


async def test_a_database_that_is_away_refuses_all_of_them_and_none_later(db, published, monkeypatch) -> None:
    serials = await told(db, published)

    async def away(*_args: object, **_given: object) -> None:
        raise Unavailable("away")

    with monkeypatch.context() as without:
        without.setattr(firstfetches, "_written", away)
        assert all(isinstance(one, Unavailable) for one in await ask(db, serials))
    assert all(isinstance(one, Serving) for one in await ask(db, serials))


async def test_whoever_gives_up_takes_no_other_along(db, published) -> None:
    serials = await told(db, published)
    gone = [asyncio.create_task(cards.serve(db, PASS_TYPE, serial, 0, NOW)) for serial in serials[:20]]
    stays = asyncio.create_task(ask(db, serials))
    await asyncio.sleep(0)
    for one in gone:
        one.cancel()
    assert all("Coffee is free today" in says(one) for one in await stays)
