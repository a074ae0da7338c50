"""A news stopped on its way: who has it keeps it, and nobody more is notified, by no push and no later fetch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from store import brands, cards, google, news, newsalarms, newsschedule, tables
from store.alarms import Ways
from store.cards import CardView, Change
from store.dialect import Database
from store.errors import Conflict
from store.fates import Fate
from store.newsrequests import NewsRequest
from tests.store.conftest import NOW
from tests.store.google import ISSUER, Worker
from tests.store.news import end_now, send, with_news, work_off
from tests.store.phones import Phone
from tests.store.test_news import answered, claimed, held, pushes, rest, shown

Issue = Callable[..., Awaitable[CardView]]
PhoneOf = Callable[..., Phone]
TEXT = "Coffee is free today"
SOON = "2999-01-01T00:00:00Z"


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


async def test_who_has_it_keeps_it_until_its_end_and_the_others_see_it_silently(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    issued = [await issue() for _ in range(3)]
    holders = [await held(db, phone, card, name) for card, name in zip(issued, "ABC", strict=True)]
    sent = await send(db, published.id, TEXT, ends_at=SOON)
    await answered(db, await claimed(db, 1) or pytest.fail("nothing was due"))
    await holders[0].update()
    await db.served.flush()
    stopped = await news.stop(db, published.id, sent.id)
    assert (stopped.state, stopped.is_live, stopped.reason) == ("done", True, newsschedule.STOPPED)
    assert stopped.says == news.Says("stopped", fetched=1)
    assert (stopped.progress.accepted, stopped.progress.waiting, stopped.progress.targets) == (1, 0, 1)
    assert await pushes(db) == 0
    assert shown(holders[0], issued[0].serial_number) == (TEXT, ["news"])
    assert await holders[1].update() == (issued[1].serial_number,)  # asking by itself
    assert shown(holders[1], issued[1].serial_number) == (TEXT, [])
    await cards.change(db, published.id, issued[2].serial_number, Change(data={"points": 7}), NOW)
    await holders[2].update()  # its own change rings, the news does not
    text, rings = shown(holders[2], issued[2].serial_number)
    assert (text, "news" in rings) == (TEXT, False)
    again = await news.stop(db, published.id, sent.id)
    assert (again.state, again.reason) == ("done", newsschedule.STOPPED)
    assert await newsalarms.raise_alarms(db, Ways(), NOW) == []  # somebody has asked for it
    await end_now(db, sent.id)
    for holder, card in zip(holders, issued, strict=True):
        await holder.update()
        assert shown(holder, card.serial_number)[0] == ""


async def test_a_stop_takes_back_second_tries_and_waits_for_what_is_on_its_way(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    issued = [await issue() for _ in range(2)]
    for card, name in zip(issued, "AB", strict=True):
        await held(db, phone, card, name)
    sent = await send(db, published.id)
    await answered(db, await claimed(db, 1) or pytest.fail("nothing was due"), Fate.RETRY, delay=600)
    on_its_way = await claimed(db, 1)
    stopped = await news.stop(db, published.id, sent.id)
    assert stopped.state == "running"
    with pytest.raises(Conflict):
        await news.pause(db, published.id, sent.id)
    await answered(db, on_its_way or pytest.fail("nothing was due"))
    await work_off(db)
    done = await news.view(db, published.id, sent.id)
    assert (done.state, done.progress) == ("done", news.Progress(targets=2, accepted=1, failed=1))
    await rest(db)
    async with db.transaction() as conn:
        await conn.execute(update(tables.jobs).values(due_at=NOW))
    assert await pushes(db) == 0


async def test_a_retry_of_what_was_on_its_way_is_taken_back_too(
    db: Database, published: brands.BrandRow, card: CardView, phone: PhoneOf
) -> None:
    await held(db, phone, card)
    sent = await send(db, published.id)
    for _ in range(2):  # the page, then its second try
        on_its_way = await claimed(db)
        await answered(db, on_its_way or pytest.fail("nothing was due"), Fate.RETRY)
        await rest(db)
    on_its_way = await claimed(db)
    assert (await news.stop(db, published.id, sent.id)).state == "running"
    await answered(db, on_its_way or pytest.fail("nothing was due"), Fate.RETRY)
    await work_off(db)
    assert (await news.view(db, published.id, sent.id)).state == "done"
    await rest(db)
    assert await pushes(db) == 0


async def test_second_tries_of_one_that_ran_out_of_time_are_taken_back(
    db: Database, published: brands.BrandRow, card: CardView, phone: PhoneOf
) -> None:
    await held(db, phone, card)
    sent = await send(db, published.id, not_later_than=SOON)
    await answered(db, await claimed(db) or pytest.fail("nothing was due"), Fate.RETRY)
    async with db.transaction() as conn:
        await conn.execute(update(tables.news).values(not_later_than=datetime.now(UTC) - timedelta(hours=1)))
    await work_off(db)
    assert (await news.view(db, published.id, sent.id)).reason == newsschedule.CUT
    await rest(db)
    assert await pushes(db) == 0


@pytest.mark.parametrize("operation", [news.resume, news.pause])
async def test_a_stopped_news_stays_stopped(
    db: Database, published: brands.BrandRow, card: CardView, operation: Any
) -> None:
    sent = await send(db, published.id)
    await news.pause(db, published.id, sent.id)
    await news.stop(db, published.id, sent.id)
    with pytest.raises(Conflict):
        await operation(db, published.id, sent.id)


async def test_one_that_nobody_has_yet_is_cancelled_and_one_that_is_done_cannot_be_stopped(
    db: Database, published: brands.BrandRow, card: CardView
) -> None:
    asked = NewsRequest(template="small", text=TEXT)
    draft = await news.create(db, published.id, asked, by="test", now=NOW)
    await news.start(db, published.id, draft.id, by="test", now=NOW)
    gone = await news.stop(db, published.id, draft.id)
    assert (gone.state, gone.is_live, gone.says) == ("cancelled", False, news.Says("nothing_sent"))
    sent = await send(db, published.id)
    assert await pushes(db) == 0
    await work_off(db)
    with pytest.raises(Conflict):
        await news.stop(db, published.id, sent.id)


async def test_googles_message_to_all_that_was_not_sent_is_not_sent(
    db: Database, published: brands.BrandRow, issue: Issue, now: datetime
) -> None:
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    worker = Worker(db)
    await google.open_object(db, (await issue()).card_id, now)
    await worker.run()
    first = await send(db, published.id)
    assert [work.message["id"] for work in await worker.run() if work.message] == [first.id]
    second = await send(db, published.id, "Tea")
    await news.stop(db, published.id, second.id)
    assert [work.message for work in await worker.run() if work.message] == []
    await news.stop(db, published.id, first.id)
    assert await worker.run() == []  # what Google holds it keeps
    async with db.reading() as conn:
        assert (await conn.execute(select(tables.google_classes.c.sent_messages))).scalar_one() == [first.id]


async def test_objects_of_googles_that_were_not_told_are_not_told(
    db: Database, published: brands.BrandRow, issue: Issue, now: datetime
) -> None:
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    worker = Worker(db)
    for card in [await issue() for _ in range(3)]:
        await google.open_object(db, card.card_id, now)
    await worker.run()
    sent = await send(db, published.id, audience={"field": "data.points", "op": "gte", "value": 0})
    on_its_way = await worker.claim(1)
    stopped = await news.stop(db, published.id, sent.id)
    assert stopped.state == "running"
    await worker.settle(on_its_way)
    await work_off(db)
    done = await news.view(db, published.id, sent.id)
    assert (done.state, done.progress) == ("done", news.Progress(targets=3, accepted=1, failed=2))
    assert [work for work in await worker.run() if work.message] == []
