"""News that are not for everyone, on Google's objects: told once each, behind customers' changes, and taken back silently."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import select, update

from store import brands, cards, google, news, newsobjects, newsrules, newstimer, tables
from store.audit import COMMAND_LINE
from store.cards import CardView, Change
from store.dialect import Database
from store.google import Checked, Outcome, Work
from store.newsrequests import NewsRequest
from tests.store.google import DAY, ISSUER, Worker, objects, pass_time
from tests.store.news import end_now, send, with_news, work_off

Issue = Callable[..., Awaitable[CardView]]
RICH = {"field": "data.points", "op": "gte", "value": 100}
SOON = "2999-01-01T00:00:00Z"


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    return with_news(icon)


@pytest.fixture
def worker(db: Database) -> Worker:
    return Worker(db)


@pytest_asyncio.fixture
async def shop_id(db: Database, published: brands.BrandRow) -> int:
    """The brand, live on Google."""
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    return published.id


@pytest_asyncio.fixture
async def holders(db: Database, shop_id: int, issue: Issue, worker: Worker, now: datetime) -> list[CardView]:
    """Two rich and one poor, all in a Google wallet."""
    issued = [await issue(data={"points": points}) for points in (500, 5, 700)]
    for card in issued:
        await google.open_object(db, card.card_id, now)
    await worker.run()
    return issued


async def progress(db: Database, shop_id: int, key: str) -> news.Progress:
    """After Apple's part, which has nobody to push to."""
    async with db.transaction() as conn:
        await conn.execute(tables.jobs.delete())
        await conn.execute(tables.other_jobs.delete())
    await work_off(db)
    return (await news.view(db, shop_id, key)).progress


def told(works: list[Work]) -> list[tuple[int | None, str | None]]:
    return [(work.card_id, work.message and work.message["messageType"]) for work in works]


async def test_a_segment_is_told_by_its_objects_and_counted_once(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    assert sent.progress == news.Progress(targets=2, waiting=2)
    works = await worker.run()
    assert told(works) == [(card.card_id, "TEXT_AND_NOTIFY") for card in (holders[0], holders[2])]
    assert [(work.lane, work.send_body, work.drop_messages) for work in works] == [(1, False, False)] * 2
    assert works[0].message is not None
    assert works[0].message["body"] == "Coffee is free today"
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=2, accepted=2)
    assert (await news.view(db, shop_id, sent.id)).state == "done"


async def test_its_end_takes_the_message_away_silently(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH, ends_at=SOON)
    await worker.run()
    await end_now(db, sent.id)
    works = await worker.run()
    assert told(works) == [(card.card_id, None) for card in (holders[0], holders[2])]
    assert [work.patch["messages"] for work in works] == [[], []]
    assert [(row["sent_messages"], row["news"], row["due_at"]) for row in await objects(db)] == [([], None, None)] * 3


async def test_an_object_that_comes_after_the_start_says_it_silently_and_counts_nowhere(
    db: Database, shop_id: int, issue: Issue, holders: list[CardView], worker: Worker, now: datetime
) -> None:
    """Its audience was listed at the start: a card of it that is saved to Google later, and one that is not of it."""
    poor, rich = await issue(data={"points": 5}), await issue(data={"points": 900})
    sent = await send(db, shop_id, audience=RICH, ends_at=SOON)
    await worker.run()
    await progress(db, shop_id, sent.id)
    for card in (poor, rich):
        await google.open_object(db, card.card_id, now)
    works = await worker.run()
    assert told(works) == [(poor.card_id, None), (rich.card_id, None), (rich.card_id, "TEXT")]
    assert await worker.run() == []
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=2, accepted=2)
    await end_now(db, sent.id)
    assert (rich.card_id, None) in told(await worker.run())
    assert [(row["sent_messages"], row["news"]) for row in await objects(db)] == [([], None)] * 5


async def test_an_object_that_comes_during_a_pause_is_not_rung_at_the_resume(
    db: Database, shop_id: int, issue: Issue, holders: list[CardView], worker: Worker, now: datetime
) -> None:
    sent = await send(db, shop_id, "A", variants=[{"text": "B"}])
    await worker.settle([(await worker.claim(1))[0]])
    await news.pause(db, shop_id, sent.id)
    later = await issue(data={"points": 1})
    await google.open_object(db, later.card_id, now)
    assert told(await worker.run()) == [(later.card_id, None), (later.card_id, "TEXT")]
    await news.resume(db, shop_id, sent.id)
    await work_off(db)
    assert told(await worker.run()) == [(card.card_id, "TEXT_AND_NOTIFY") for card in holders[1:]]
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=3, accepted=3)


async def test_an_object_that_google_has_lost_says_its_news_again_silently(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    await worker.run()
    await pass_time(db, DAY * 2)
    checks = await google.reconcile_claim(db, issuer_id=ISSUER, room=10, lease=DAY)
    await google.reconcile_settle(db, [Checked(one, has_users=None) for one in checks])
    works = await worker.run()
    assert {one for one in told(works) if one[1]} == {(holders[0].card_id, "TEXT"), (holders[2].card_id, "TEXT")}
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=2, accepted=2)


async def test_an_object_that_comes_before_its_page_is_told_by_the_page(
    db: Database, shop_id: int, issue: Issue, holders: list[CardView], worker: Worker, now: datetime
) -> None:
    later = await issue(data={"points": 900})
    draft = await news.create(
        db, shop_id, NewsRequest.model_validate({"template": "small", "text": "A", "audience": RICH}), by="", now=now
    )
    await news.start(db, shop_id, draft.id, now=now)
    async with db.reading() as conn:
        news_id = (await conn.execute(select(tables.news.c.id))).scalar_one()
    while (await news.view(db, shop_id, draft.id)).live_at is None:
        await newstimer._step(db, news_id)  # its moment without its pages
    await google.open_object(db, later.card_id, now)
    assert told(await worker.run()) == [(later.card_id, None)]
    await work_off(db)
    heard = [holders[0].card_id, holders[2].card_id, later.card_id]
    assert told(await worker.run()) == [(card_id, "TEXT_AND_NOTIFY") for card_id in heard]


async def test_a_cancel_before_the_message_was_sent_sends_nothing(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    await news.cancel(db, shop_id, sent.id)  # no page has taken it off yet: the claim knows
    assert await worker.run() == []
    await work_off(db)
    assert await worker.run() == []
    assert [row["news"] for row in await objects(db)] == [None] * 3


async def test_a_pause_stops_messages_and_a_resume_goes_on(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    await worker.settle([(await worker.claim(1))[0]])
    await news.pause(db, shop_id, sent.id)
    assert await worker.run() == []
    assert (await progress(db, shop_id, sent.id)).waiting == 1
    await news.resume(db, shop_id, sent.id)
    await work_off(db)
    assert told(await worker.run()) == [(holders[2].card_id, "TEXT_AND_NOTIFY")]
    assert (await progress(db, shop_id, sent.id)).accepted == 2


async def test_the_held_out_hear_nothing_and_the_arms_hear_their_own(
    db: Database, shop_id: int, issue: Issue, worker: Worker, now: datetime
) -> None:
    issued = [await issue() for _ in range(30)]
    for card in issued:
        await google.open_object(db, card.card_id, now)
    await worker.run()
    sent = await send(db, shop_id, "A", variants=[{"text": "B"}], holdout=30)
    heard = [work.message["body"] for work in await worker.run() if work.message]
    assert set(heard) == {"A", "B"}
    assert 0 < len(heard) < 30
    assert (await progress(db, shop_id, sent.id)).accepted == len(heard)


async def test_a_customers_change_goes_first_and_the_news_behind_it(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker, now: datetime
) -> None:
    await send(db, shop_id, audience=RICH)
    await cards.change(db, shop_id, holders[2].serial_number, Change(data={"points": 701}), now)
    works = await worker.run()
    assert [(work.card_id, work.lane, work.message is None) for work in works] == [
        (holders[2].card_id, 0, True),
        (holders[0].card_id, 1, False),
        (holders[2].card_id, 1, False),
    ]


async def test_over_three_a_day_it_comes_silently(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    for number in range(4):
        await send(db, shop_id, f"News {number}", audience=RICH)
        kinds = {kind for _, kind in told(await worker.run())}
        assert kinds == {"TEXT_AND_NOTIFY" if number < 3 else "TEXT"}
    await pass_time(db, DAY)
    await send(db, shop_id, "Tomorrow", audience=RICH)
    assert {kind for _, kind in told(await worker.run())} == {"TEXT_AND_NOTIFY"}


async def test_an_object_never_holds_more_than_nine(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    for number in range(11):
        last = await send(db, shop_id, f"News {number}", audience=RICH)
        await worker.run()
        assert all(len(row["sent_messages"]) <= newsobjects.MOST for row in await objects(db))
    rows = [row for row in await objects(db) if row["news"]]
    assert all(row["sent_messages"][-1] == last.id for row in rows)


async def test_killed_between_claim_and_answer_it_is_looked_for_and_counted_once(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    first = await worker.claim()
    async with db.transaction() as conn:
        await conn.execute(update(tables.google_objects).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))
    again = await Worker(db, "B").run()
    assert [work.again for work in again] == [True, True]
    await worker.settle(first)  # the dead one's late answer
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=2, accepted=2)


async def test_a_refused_object_and_one_that_was_removed_end_too(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    removed = update(tables.google_objects).where(tables.google_objects.c.card_id == holders[2].card_id)
    async with db.transaction() as conn:
        await conn.execute(removed.values(present=False))
    await worker.settle(await worker.claim(), Outcome.DEAD, reason="invalid")
    assert await worker.run() == []
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=2, gone=1, failed=1)


async def test_pages_go_on_where_they_stopped(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(newsobjects, "PAGE", 1)
    asked: list[Any] = []
    page = newsobjects._objects

    async def dies_once(conn: Any, row: Any) -> Any:
        asked.append(row.google_position)
        if len(asked) == 2:
            raise RuntimeError("killed")
        return await page(conn, row)

    monkeypatch.setattr(newsobjects, "_objects", dies_once)
    with pytest.raises(RuntimeError):
        await send(db, shop_id, holdout=1)
    await work_off(db)
    assert len(asked) == 5  # three objects, the one that died, and the empty last
    assert asked[1] == asked[2]
    assert len(await worker.run()) == len({row["card_id"] for row in await objects(db) if row["news"]})


async def test_who_takes_the_consent_back_loses_the_message(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker, now: datetime
) -> None:
    from passkit.joinform import Asked
    from store import consents

    asked = [Asked("marketing", "May we write?", None, "en")]
    for card in holders:
        await consents.answer(db, shop_id, card.card_id, asked, {"marketing"}, "desk", now)
    sent = await send(db, shop_id, kind="marketing")
    await worker.settle([(await worker.claim(1))[0]])
    for card in holders[:2]:
        await consents.answer(db, shop_id, card.card_id, asked, (), "desk", now)
    works = await worker.run()
    assert {(work.card_id, work.message is None, work.drop_messages) for work in works} == {
        (holders[2].card_id, False, False),
        (holders[0].card_id, True, True),
    }
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=2, accepted=2)


async def test_google_switched_off_keeps_no_news_running(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    await google.configure(db, "shop", mode="off")
    assert (await progress(db, shop_id, sent.id)).failed == 2
    assert not await newstimer.turn(db)


async def test_in_quiet_hours_objects_are_told_nothing_and_all_in_the_morning(
    db: Database, shop_id: int, holders: list[CardView], worker: Worker, now: datetime
) -> None:
    sent = await send(db, shop_id, audience=RICH)
    await worker.settle([(await worker.claim(1))[0]])
    minute = datetime.now(ZoneInfo("Europe/Moscow")).replace(minute=0)
    night = f"{minute - timedelta(hours=1):%H:%M}-{minute + timedelta(hours=2):%H:%M}"
    await newsrules.set_quiet(db, shop_id, night, by=COMMAND_LINE, now=now)
    assert await worker.run() == []
    assert (await progress(db, shop_id, sent.id)).waiting == 1
    assert not await newstimer.turn(db)
    await newsrules.set_quiet(db, shop_id, "", by=COMMAND_LINE, now=now)
    await work_off(db)
    assert told(await worker.run()) == [(holders[2].card_id, "TEXT_AND_NOTIFY")]
    assert await progress(db, shop_id, sent.id) == news.Progress(targets=2, accepted=2)
