"""What a finished news shows: told against held out, first so far, then for good; and how long its rows stay."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from store import brands, cards, news, newsresults, sweeps, tables
from store.cards import CardView, Change
from store.dialect import Database
from tests.store.conftest import NOW
from tests.store.news import end_now, send, with_news, work_off
from tests.store.phones import Phone
from tests.store.test_news import held, pushes


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    return with_news(icon)


async def went_live(db: Database, at: datetime) -> None:
    async with db.transaction() as conn:
        await conn.execute(update(tables.news).values(live_at=at, result_at=at))


async def test_who_removed_and_who_changed_is_counted_by_group(
    db: Database,
    issue: Callable[..., Awaitable[CardView]],
    phone: Callable[..., Phone],
    published: brands.BrandRow,
) -> None:
    issued = [await issue() for _ in range(8)]
    holders = [await held(db, phone, card, str(place)) for place, card in enumerate(issued)]
    sent = await send(db, published.id, holdout=50)
    await pushes(db)
    await work_off(db)
    clock = datetime.now(UTC)
    live_at = NOW + timedelta(minutes=1)
    await went_live(db, live_at)
    for holder, card in zip(holders[:5], issued, strict=False):
        await holder.unregister(card.serial_number)
    for card in issued[3:]:
        await cards.change(
            db, published.id, card.serial_number, Change(data={"points": 7}), live_at + timedelta(days=1)
        )
    async with db.transaction() as conn:
        lines = tables.timeline.c
        removed = update(tables.timeline).where(lines.kind == "unregistered")
        await conn.execute(removed.values(at=live_at + timedelta(hours=47)))
        late = removed.where(lines.card_id == issued[0].card_id)
        await conn.execute(late.values(at=live_at + timedelta(hours=49)))
    await newsresults.turn(db)
    result = (await news.view(db, published.id, sent.id)).result
    assert result is not None
    told, kept = result["told"], result["holdout"]
    assert (told["cards"] + kept["cards"], told["removed"] + kept["removed"]) == (8, 4)
    assert told["changed"] + kept["changed"] == 5
    assert told["cards"] == sent.progress.targets
    assert result["is_final"] is (clock > live_at + timedelta(days=14))


async def test_it_is_counted_until_it_is_final(db: Database, card: CardView, published: brands.BrandRow) -> None:
    sent = await send(db, published.id, ends_at="2999-01-01T00:00:00Z")
    assert (await news.view(db, published.id, sent.id)).result is None
    await end_now(db, sent.id)
    finals = []
    for days in (0, 3, 15):
        async with db.transaction() as conn:
            at = datetime.now(UTC) - timedelta(days=days, seconds=1)  # databases tell milliseconds
            await conn.execute(update(tables.news).values(live_at=at, result_at=at))
        assert await newsresults.turn(db) == 1
        result = (await news.view(db, published.id, sent.id)).result
        assert result is not None
        finals.append(result["is_final"])
    assert finals == [False, False, True]
    assert await newsresults.turn(db) == 0


async def test_old_news_leave_no_rows_behind(db: Database, card: CardView, published: brands.BrandRow) -> None:
    audience = {"field": "data.points", "op": "gte", "value": 1}
    kept = await send(db, published.id, audience=audience)
    old = await send(db, published.id, audience=audience, ends_at="2999-01-01T00:00:00Z")
    await end_now(db, old.id)
    for days, rows in ((399, 2), (401, 1)):
        await sweeps.daily(db, datetime.now(UTC) + timedelta(days=days))
        async with db.reading() as conn:
            for table in (tables.news_cards, tables.news_counts):
                assert (await conn.execute(select(func.count()).select_from(table))).scalar_one() == rows
    assert (await news.view(db, published.id, kept.id)).is_live
