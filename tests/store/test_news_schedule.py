"""When news go out: quiet hours, not later than asked, and what was missed asks a person."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from passkit import schedule
from store import brands, cards, claims, news, newsalarms, newsrules, newsschedule, outgoing, settling, tables
from store.alarms import Ways
from store.audit import COMMAND_LINE
from store.cards import CardView, Change
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.fates import Fate, Settled
from store.messaging import Contacts
from store.news import NewsView
from store.newsrequests import NewsRequest
from store.newsrules import Rules
from store.platforms import Route
from tests.store.conftest import NOW, PASS_TYPE
from tests.store.news import send, with_news, work_off
from tests.store.phones import Phone

ROUTE = Route(PASS_TYPE)
LEASE = timedelta(seconds=30)
HOUR = timedelta(hours=1)
MAIL = Ways(mail=True, contacts=Contacts(("ops@example.com",), ()))


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


async def quiet(db: Database, brand: brands.BrandRow, text: str | None = None) -> None:
    """Quiet hours around this hour, or these."""
    local = datetime.now(ZoneInfo(brand.time_zone)).replace(minute=0)
    around = f"{local - HOUR:%H:%M}-{local + 2 * HOUR:%H:%M}"
    await newsrules.set_quiet(db, brand.id, around if text is None else text, by=COMMAND_LINE, now=NOW)


async def moved(db: Database, view: NewsView, **moments: datetime | None) -> NewsView:
    """The news with other moments, as if time had gone by."""
    async with db.transaction() as conn:
        mine = update(tables.news).where(tables.news.c.key == view.id)
        brand_id = (await conn.execute(select(tables.brands.c.id))).scalar_one()
        await conn.execute(mine.values(**moments))
    await work_off(db)
    return await news.view(db, brand_id, view.id)


async def rung(db: Database) -> int:
    """How many pushes a worker sends until nothing is due."""
    total = 0
    while claim := await claims.claim(db, owner="w", route=ROUTE, room=100, lease=LEASE, probe_after=LEASE):
        total += len(claim.targets)
        settled = [Settled(target, Fate.ACCEPTED, "", None) for target in claim.targets]
        await settling.settle(db, owner="w", route=ROUTE, intents=claim.intents, settled=settled)
    return total


async def rest(db: Database) -> None:
    """Phones that were pushed a moment ago may be pushed again, and nothing waits."""
    async with db.transaction() as conn:
        await conn.execute(tables.jobs.delete())
        await conn.execute(update(tables.devices).values(pushed_at=None))


async def scheduled(db: Database, brand_id: int, **given: Any) -> NewsView:
    asked = NewsRequest.model_validate({"template": "small", "text": "Coffee"} | given)
    draft = await news.create(db, brand_id, asked, by="test", now=NOW)
    return await news.start(db, brand_id, draft.id, by="test", now=NOW)


def soon() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


async def test_a_missed_news_asks_and_goes_only_when_it_is_started_again(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await phone().add(card.serial_number)
    await rest(db)
    view = await scheduled(db, published.id, starts_at=soon())
    gone = datetime.now(UTC) - 3 * HOUR
    view = await moved(db, view, starts_at=gone, next_at=gone, late_at=gone + 2 * HOUR)
    assert (view.state, view.missed, view.is_live, await rung(db)) == ("scheduled", True, False, 0)
    await work_off(db)
    assert await newsalarms.raise_alarms(db, MAIL, NOW) == [("missed", view.id)]
    assert await newsalarms.raise_alarms(db, MAIL, NOW) == []
    (letter,) = await outgoing.claim(db, owner="t", room=9, lease=LEASE)
    assert view.id in letter.text
    again = await news.start(db, published.id, view.id, by="test", now=NOW)
    assert (again.state, again.missed) == ("running", False)
    await work_off(db)
    assert (await news.view(db, published.id, view.id)).is_live
    assert await rung(db) == 1


async def test_a_news_that_is_a_little_late_goes(db: Database, published: brands.BrandRow, card: CardView) -> None:
    view = await scheduled(db, published.id, starts_at=soon())
    gone = datetime.now(UTC) - HOUR
    view = await moved(db, view, starts_at=gone, next_at=gone, late_at=gone + 2 * HOUR)
    assert (view.is_live, view.missed) == (True, False)


async def test_a_missed_news_to_a_segment_lists_its_cards_anew(
    db: Database, published: brands.BrandRow, card: CardView
) -> None:
    audience = {"field": "data.points", "op": "gte", "value": 0}
    view = await scheduled(db, published.id, starts_at=soon(), audience=audience)
    await work_off(db)
    gone = datetime.now(UTC) - 3 * HOUR
    view = await moved(db, view, starts_at=gone, next_at=gone, late_at=gone)
    assert view.missed
    async with db.transaction() as conn:
        await conn.execute(update(tables.cards).values(state="voided"))
    await news.start(db, published.id, view.id, by="test", now=NOW)
    await work_off(db)
    async with db.reading() as conn:
        assert (await conn.execute(select(tables.news_cards))).all() == []


async def test_a_missed_news_is_cancelled(db: Database, published: brands.BrandRow) -> None:
    view = await scheduled(db, published.id, starts_at=soon())
    gone = datetime.now(UTC) - 3 * HOUR
    view = await moved(db, view, starts_at=gone, next_at=gone, late_at=gone)
    left = await news.cancel(db, published.id, view.id)
    assert (left.state, left.missed) == ("cancelled", False)


def test_a_news_may_begin_within_two_allowed_hours() -> None:
    rules = Rules(ZoneInfo("Europe/Moscow"), schedule.hours("21:00-09:00"))
    evening = datetime(2026, 11, 22, 17, tzinfo=UTC)  # 20:00 in Moscow
    assert newsschedule.late_at(rules, evening, None) == datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert newsschedule.late_at(rules, evening, evening + HOUR) == evening + HOUR


@pytest.mark.parametrize("text", ["21-9", "25:00-01:00", "10:00-10:00"])
async def test_what_is_no_quiet_hours_is_refused(db: Database, published: brands.BrandRow, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        await quiet(db, published, text)
    assert refused.value.problems[0].pointer == "/quiet"


async def test_in_quiet_hours_a_news_waits_for_their_end(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await phone().add(card.serial_number)
    await rest(db)
    await quiet(db, published)
    view = await send(db, published.id)
    assert (view.state, view.is_live, await rung(db)) == ("scheduled", False, 0)
    assert view.held_until is not None
    assert HOUR / 2 < view.held_until - datetime.now(UTC) <= 2 * HOUR
    await quiet(db, published, "")
    view = await moved(db, view, next_at=datetime.now(UTC) - HOUR / 4)
    assert (view.state, view.held_until, await rung(db)) == ("running", None, 1)


async def test_a_fan_out_that_meets_quiet_hours_goes_on_after_them(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await phone().add(card.serial_number)
    await rest(db)
    view = await send(db, published.id)
    await quiet(db, published)
    assert await rung(db) == 0
    await work_off(db)
    assert (await news.view(db, published.id, view.id)).state == "running"
    async with db.reading() as conn:
        due = (await conn.execute(select(tables.jobs.c.due_at))).scalar_one()
    assert due > datetime.now(UTC) + HOUR / 2
    await quiet(db, published, "")
    async with db.transaction() as conn:
        await conn.execute(update(tables.jobs).values(due_at=datetime.now(UTC) - HOUR))
    assert await rung(db) == 1
    await work_off(db)
    assert (await news.view(db, published.id, view.id)).state == "done"


async def test_a_customers_own_change_is_never_held(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await phone().add(card.serial_number)
    await rest(db)
    await send(db, published.id)
    await quiet(db, published)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 7}), NOW)
    assert await rung(db) == 1


async def test_the_silent_end_of_a_news_is_not_held(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await phone().add(card.serial_number)
    view = await send(db, published.id)
    await rest(db)
    await quiet(db, published)
    await news.cancel(db, published.id, view.id)
    assert await rung(db) == 1


async def test_nobody_is_rung_later_than_asked_and_the_text_stays(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await phone().add(card.serial_number)
    await rest(db)
    view = await send(db, published.id, not_later_than=soon())
    view = await moved(db, view, not_later_than=datetime.now(UTC) - HOUR)
    assert (view.state, view.is_live, view.reason, await rung(db)) == ("done", True, newsschedule.CUT, 0)
    assert (view.progress.targets, view.progress.waiting) == (0, 0)
    assert await newsalarms.raise_alarms(db, Ways(), NOW) == [("cut", view.id)]


async def test_one_that_may_not_wait_for_the_morning_is_missed(db: Database, published: brands.BrandRow) -> None:
    await quiet(db, published)
    view = await send(db, published.id, not_later_than=(datetime.now(UTC) + HOUR / 4).isoformat())
    assert (view.state, view.missed) == ("scheduled", True)


async def test_a_moment_that_is_over_is_refused(db: Database, published: brands.BrandRow) -> None:
    for given in (
        {"not_later_than": "2020-01-01T00:00:00Z"},
        {"starts_at": soon(), "not_later_than": datetime.now(UTC).isoformat()},
    ):
        with pytest.raises(Invalid) as refused:
            await scheduled(db, published.id, **given)
        assert refused.value.problems[0].pointer == "/not_later_than"
    asked = NewsRequest.model_validate({"template": "small", "text": "x", "not_later_than": soon()})
    draft = await news.create(db, published.id, asked, by="test", now=NOW)
    await moved(db, draft, not_later_than=datetime.now(UTC) - HOUR)
    with pytest.raises(Conflict):
        await news.start(db, published.id, draft.id, by="test", now=NOW)
