"""How many news may ring a card: the next ones are shown, silently."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from store import brands, google, news, newsrules, tables
from store.audit import COMMAND_LINE
from store.cards import CardView
from store.dialect import Database
from store.errors import Invalid
from store.news import NewsView
from store.newsrequests import NewsRequest
from tests.store.conftest import NOW
from tests.store.google import ISSUER, Worker
from tests.store.news import end_now, send, with_news, work_off
from tests.store.phones import Phone
from tests.store.test_news import shown

Issue = Callable[..., Awaitable[CardView]]


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


async def cap(db: Database, brand_id: int, most: int = 1, days: int = 7, kinds: Any = newsrules.KINDS) -> None:
    await newsrules.set_cap(db, brand_id, most, days, kinds, by=COMMAND_LINE, now=NOW)


async def older(db: Database, view: NewsView, by: timedelta) -> None:
    """The news went live so much earlier."""
    async with db.transaction() as conn:
        mine = update(tables.news).where(tables.news.c.key == view.id)
        await conn.execute(mine.values(live_at=datetime.now(UTC) - by))


async def test_a_card_over_the_cap_shows_the_news_silently(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    holder = phone()
    await holder.add(card.serial_number)
    await cap(db, published.id)
    first = await send(db, published.id, "First")
    await holder.update()
    assert shown(holder, card.serial_number) == ("First", ["news"])
    assert first.progress.capped == 0
    second = await send(db, published.id, "Second")
    await holder.update()
    assert shown(holder, card.serial_number) == ("Second", [])
    assert (second.progress.capped, second.is_live) == (1, True)


async def test_when_a_silent_news_ends_the_older_one_returns_silently(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    holder = phone()
    await holder.add(card.serial_number)
    await cap(db, published.id)
    await send(db, published.id, "First")
    await holder.update()
    second = await send(db, published.id, "Second")
    await holder.update()
    await end_now(db, second.id)
    await holder.update()
    assert shown(holder, card.serial_number) == ("First", [])


async def test_news_before_the_days_do_not_count(db: Database, published: brands.BrandRow, card: CardView) -> None:
    await cap(db, published.id, days=7)
    await older(db, await send(db, published.id, "First"), timedelta(days=7, minutes=1))
    assert (await send(db, published.id, "Second")).progress.capped == 0
    assert (await send(db, published.id, "Third")).progress.capped == 1


async def test_a_silent_news_does_not_count(db: Database, published: brands.BrandRow, card: CardView) -> None:
    await cap(db, published.id, days=7)
    await older(db, await send(db, published.id, "First"), timedelta(days=6))
    second = await send(db, published.id, "Second")
    await older(db, second, timedelta(days=5))
    await older(db, await _by_text(db, published.id, "First"), timedelta(days=8))
    assert second.progress.capped == 1
    assert (await send(db, published.id, "Third")).progress.capped == 0


async def _by_text(db: Database, brand_id: int, text: str) -> NewsView:
    page = await news.listing(db, brand_id)
    return next(one for one in page.news if one.text["en"] == text)


async def test_news_from_before_the_rule_and_to_everyone_count(
    db: Database, published: brands.BrandRow, card: CardView
) -> None:
    await send(db, published.id, "First")
    await cap(db, published.id)
    assert (await send(db, published.id, "Second")).progress.capped == 1


async def test_who_was_not_told_is_not_over_the_cap(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    rich, poor = await issue(data={"points": 500}), await issue(data={"points": 5})
    await cap(db, published.id)
    await send(db, published.id, "To the rich", audience={"field": "data.points", "op": "gte", "value": 100})
    second = await send(db, published.id, "To all")
    assert second.progress.capped == 1
    async with db.reading() as conn:
        rows = (await conn.execute(tables.news_cards.select())).all()
    assert {row.card_id: row.capped for row in rows if row.capped or row.card_id == poor.card_id} == {
        rich.card_id: True,
        poor.card_id: False,
    }


async def test_a_rule_for_marketing_leaves_service_alone(
    db: Database, published: brands.BrandRow, card: CardView
) -> None:
    await cap(db, published.id, kinds=("marketing",))
    await send(db, published.id, "First")
    draft = await news.create(
        db, published.id, NewsRequest.model_validate({"template": "small", "text": "x"}), by="t", now=NOW
    )
    assert (await news.dry_run(db, published.id, draft.id, datetime.now(UTC))).reach.capped == 0


async def test_the_dry_run_counts_who_stays_silent(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    for points in (1, 2, 3):
        await issue(data={"points": points})
    await cap(db, published.id)
    await send(db, published.id, "First", audience={"field": "data.points", "op": "gte", "value": 2})
    asked = NewsRequest.model_validate({"template": "small", "text": "Second"})
    draft = await news.create(db, published.id, asked, by="t", now=NOW)
    reach = (await news.dry_run(db, published.id, draft.id, datetime.now(UTC))).reach
    assert (reach.cards, reach.capped) == (3, 2)


async def test_an_undone_news_under_the_rule_is_a_draft_to_everyone_again(
    db: Database, published: brands.BrandRow, card: CardView
) -> None:
    await cap(db, published.id)
    asked = NewsRequest.model_validate({"template": "small", "text": "First"})
    draft = await news.create(db, published.id, asked, by="t", now=NOW)
    await news.start(db, published.id, draft.id, by="t", undo_seconds=60, now=NOW)
    await work_off(db)
    assert (await news.cancel(db, published.id, draft.id)).state == "draft"
    await cap(db, published.id, 0)
    await news.start(db, published.id, draft.id, by="t", now=NOW)
    await work_off(db)
    async with db.reading() as conn:
        assert (await conn.execute(tables.news_cards.select())).all() == []
    assert (await news.view(db, published.id, draft.id)).is_live


async def test_google_tells_a_card_over_the_cap_without_a_notification(
    db: Database, published: brands.BrandRow, card: CardView
) -> None:
    worker = Worker(db)
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    await google.open_object(db, card.card_id, NOW)
    await worker.run()
    await cap(db, published.id)
    kinds = []
    for text in ("First", "Second"):
        sent = await send(db, published.id, text)
        kinds += [work.message["messageType"] for work in await worker.run() if work.message]
    assert kinds == ["TEXT_AND_NOTIFY", "TEXT"]
    async with db.transaction() as conn:
        await conn.execute(tables.jobs.delete())
    await work_off(db)
    view = await news.view(db, published.id, sent.id)
    assert (view.state, view.progress.accepted, view.progress.targets) == ("done", 1, 1)


@pytest.mark.parametrize(("most", "days", "kinds", "at"), [(-1, 7, ("service",), "/cap"), (1, 0, ("service",), "/days"),
                                                           (1, 7, ("spam",), "/kinds"), (1, 7, (), "/kinds")])  # fmt: skip
async def test_rules_that_say_nothing_are_refused(
    db: Database, published: brands.BrandRow, most: int, days: int, kinds: Any, at: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await cap(db, published.id, most, days, kinds)
    assert [one.pointer for one in refused.value.problems] == [at]
