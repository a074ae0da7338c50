"""Weekly slots: a queue of texts, one a week; an empty one sends nothing and somebody is reminded."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, update

from store import brands, cards, news, newsalarms, newsslots, tables, templates
from store.alarms import Ways
from store.audit import COMMAND_LINE
from store.cards import NewCard
from store.dialect import Database, database_now
from store.errors import Invalid, NotFound
from store.newsslots import Slot
from tests.store.conftest import NOW, PASS_TYPE
from tests.store.news import send, with_news, work_off

BY: dict[str, Any] = {"by": COMMAND_LINE, "now": NOW}
MOSCOW = ZoneInfo("Europe/Moscow")


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


async def made(db: Database, brand: brands.BrandRow, *texts: str, **given: Any) -> Slot:
    """Every Friday at 14:00, with these texts."""
    slot = await newsslots.add(db, brand.id, "small", 4, time(14), **given, **BY)
    for text in texts:
        slot = await newsslots.put(db, brand.id, slot.id, text, **BY)
    return slot


async def comes(db: Database, slot: Slot, at: datetime | None = None) -> None:
    """Its moment comes, once the day before has been looked at; or it came at that time, and nobody was there."""
    at = at or datetime.now(UTC) - timedelta(seconds=1)  # databases tell milliseconds
    async with db.transaction() as conn:
        mine = update(tables.news_slots).where(tables.news_slots.c.key == slot.id)
        await conn.execute(mine.values(next_at=at, due_at=at))
    await newsslots.turn(db)
    await work_off(db)


async def said(db: Database, brand: brands.BrandRow) -> list[tuple[str, str]]:
    page = await news.listing(db, brand.id)
    return [(one.text["en"], one.state) for one in page.news]


async def test_a_slot_comes_on_its_day_at_its_time_in_the_brands_clock(
    db: Database, published: brands.BrandRow
) -> None:
    slot = await made(db, published)
    local = slot.next_at.astimezone(MOSCOW)
    assert (local.weekday(), local.hour, local.minute, slot.time_zone) == (4, 14, 0, "Europe/Moscow")
    assert timedelta(0) < slot.next_at - datetime.now(UTC) <= timedelta(days=7)


async def test_texts_go_out_one_a_week_in_their_order(db: Database, published: brands.BrandRow) -> None:
    slot = await made(db, published, "First", "Second")
    await comes(db, slot)
    await newsslots.turn(db)
    assert await said(db, published) == [("First", "running")]
    after = await newsslots.view(db, published.id, slot.id)
    assert [one.text["en"] for one in after.texts] == ["Second"]
    assert after.next_at == slot.next_at
    await comes(db, slot)
    assert [text for text, _ in await said(db, published)] == ["Second", "First"]


async def test_an_empty_slot_sends_nothing_and_reminds_the_day_before_once(
    db: Database, published: brands.BrandRow
) -> None:
    slot = await made(db, published)
    async with db.transaction() as conn:
        soon = datetime.now(UTC) + timedelta(hours=20)
        await conn.execute(update(tables.news_slots).values(next_at=soon, due_at=soon - timedelta(days=1)))
    for _ in range(3):
        await newsslots.turn(db)
    assert await newsalarms.raise_alarms(db, Ways(), NOW) == [("slot_empty", slot.id)]
    await comes(db, slot)
    assert await said(db, published) == []


async def test_a_slot_with_a_text_reminds_nobody(db: Database, published: brands.BrandRow) -> None:
    await made(db, published, "First")
    async with db.transaction() as conn:
        soon = datetime.now(UTC) + timedelta(hours=20)
        await conn.execute(update(tables.news_slots).values(next_at=soon, due_at=soon - timedelta(days=1)))
    await newsslots.turn(db)
    assert await newsalarms.raise_alarms(db, Ways(), NOW) == []
    assert await said(db, published) == []


async def test_a_slot_that_was_missed_asks_and_never_catches_up(db: Database, published: brands.BrandRow) -> None:
    slot = await made(db, published, "First", "Second")
    await comes(db, slot, datetime.now(UTC) - timedelta(days=15))
    page = await news.listing(db, published.id)
    assert [(one.text["en"], one.state, one.missed) for one in page.news] == [("First", "scheduled", True)]
    after = await newsslots.view(db, published.id, slot.id)
    assert (after.next_at, len(after.texts)) == (slot.next_at, 1)


async def test_a_text_that_cards_say_already_is_flagged(db: Database, published: brands.BrandRow) -> None:
    await send(db, published.id, "Coffee")
    slot = await made(db, published, "Coffee", "Tea", "Tea", "Coffee")
    assert [one.same_text for one in slot.texts] == [True, False, True, False]


async def test_each_leaves_after_its_hours(db: Database, published: brands.BrandRow) -> None:
    slot = await made(db, published, "First", lasts_hours=72)
    at = datetime.now(UTC) - timedelta(seconds=1)
    await comes(db, slot, at)
    (one,) = (await news.listing(db, published.id)).news
    assert one.ends_at is not None
    assert abs(one.ends_at - at - timedelta(hours=72)) < timedelta(seconds=1)


async def test_a_text_that_fits_no_more_waits_and_somebody_is_told(
    db: Database, published: brands.BrandRow, small: dict[str, bytes], now: datetime
) -> None:
    slot = await made(db, published, "First")
    bare = {**small, "template.yaml": small["template.yaml"].replace(b"{{ news.text }}", b"Hello")}
    await templates.import_files(db, published.id, bare, now)
    await templates.publish(db, published.id, "small", now=now)
    await comes(db, slot)
    assert await said(db, published) == []
    assert len((await newsslots.view(db, published.id, slot.id)).texts) == 1
    assert await newsalarms.raise_alarms(db, Ways(), NOW) == [("slot_failed", slot.id)]


async def test_a_text_is_taken_out_and_a_slot_removed_without_its_news(
    db: Database, published: brands.BrandRow
) -> None:
    slot = await made(db, published, "First", "Second")
    await comes(db, slot)
    (left,) = (await newsslots.view(db, published.id, slot.id)).texts
    assert (await newsslots.take_out(db, published.id, slot.id, left.id, **BY)).texts == ()
    with pytest.raises(NotFound):
        await newsslots.take_out(db, published.id, slot.id, left.id, **BY)
    await newsslots.remove(db, published.id, slot.id, **BY)
    assert await newsslots.listing(db, published.id) == ()
    assert await said(db, published) == [("First", "running")]


@pytest.mark.parametrize(
    ("given", "at"),
    [({"weekday": 7}, "/weekday"), ({"lasts_hours": 0}, "/lasts_hours"), ({"template": "none"}, "/template"),
     ({"kind": "spam"}, "/kind"), ({"audience": {"field": "data.none", "op": "eq", "value": 1}}, "/audience/field")],
)  # fmt: skip
async def test_what_is_no_slot_is_refused(
    db: Database, published: brands.BrandRow, given: dict[str, Any], at: str
) -> None:
    asked: dict[str, Any] = {"template": "small", "weekday": 4, "at": time(14)} | given
    with pytest.raises(Invalid) as refused:
        await newsslots.add(db, published.id, **asked, **BY)
    assert [one.pointer for one in refused.value.problems] == [at]


async def test_an_empty_text_or_anothers_slot_is_refused(db: Database, published: brands.BrandRow) -> None:
    slot = await made(db, published)
    with pytest.raises(Invalid):
        await newsslots.put(db, published.id, slot.id, " ", **BY)
    with pytest.raises(NotFound):
        await newsslots.put(db, published.id + 1, slot.id, "x", **BY)


async def test_a_text_is_moved_rewritten_taken_out_and_put_back_at_its_place(
    db: Database, published: brands.BrandRow
) -> None:
    slot = await made(db, published, "One", "Two", "Three")

    def order(shown: Slot) -> list[str]:
        return [one.text["en"] for one in shown.texts]

    one, two, three = (text.id for text in slot.texts)
    assert order(await newsslots.move(db, published.id, slot.id, three, 0, **BY)) == ["Three", "One", "Two"]
    assert order(await newsslots.move(db, published.id, slot.id, three, 99, **BY)) == ["One", "Two", "Three"]
    assert order(await newsslots.move(db, published.id, slot.id, two, 0, **BY)) == ["Two", "One", "Three"]
    changed = await newsslots.rewrite(db, published.id, slot.id, one, {"en": "First"}, url="https://x.example", **BY)
    assert (order(changed), changed.texts[1].url) == (["Two", "First", "Three"], "https://x.example")
    assert order(await newsslots.take_out(db, published.id, slot.id, one, **BY)) == ["Two", "Three"]
    with pytest.raises(NotFound):
        await newsslots.rewrite(db, published.id, slot.id, one, "Again", **BY)
    assert order(await newsslots.put_back(db, published.id, slot.id, one, **BY)) == ["Two", "First", "Three"]
    assert order(await newsslots.put(db, published.id, slot.id, "Last", **BY)) == ["Two", "First", "Three", "Last"]
    await comes(db, slot)
    assert await said(db, published) == [("Two", "running")]
    with pytest.raises(NotFound):
        await newsslots.move(db, published.id, slot.id, two, 0, **BY)


async def test_what_was_taken_out_is_gone_after_a_day(db: Database, published: brands.BrandRow) -> None:
    slot = await made(db, published, "One", "Two")
    one, two = (text.id for text in slot.texts)
    await newsslots.take_out(db, published.id, slot.id, one, **BY)
    later: dict[str, Any] = {"by": COMMAND_LINE, "now": NOW + newsslots.KEPT + timedelta(minutes=1)}
    with pytest.raises(NotFound):
        await newsslots.put_back(db, published.id, slot.id, one, **later)
    await newsslots.take_out(db, published.id, slot.id, two, **later)
    assert [row[0] for row in await db.fetch("SELECT id FROM news_slot_texts")] == [two]


async def test_by_the_holders_clocks_it_is_made_when_its_hour_comes_somewhere_first(
    db: Database, published: brands.BrandRow
) -> None:
    far = await cards.issue(db, published.id, NewCard("small", time_zone="Pacific/Kiritimati"), NOW)
    near = await cards.issue(db, published.id, NewCard("small", time_zone="America/New_York"), NOW)
    slot = await made(db, published, "First", "Second", lasts_hours=3, zone="holder")
    first = slot.next_at + timedelta(hours=3) - timedelta(hours=14)  # Moscow is three hours ahead of UTC
    async with db.transaction() as conn:
        (due_at,) = (await conn.execute(select(tables.news_slots.c.due_at))).scalars()
        soon = slot.next_at - first - timedelta(minutes=1)
        now = await database_now(conn)
        moved = update(tables.news_slots).values(next_at=now + soon, due_at=now)
        await conn.execute(moved)
    assert due_at == slot.remind_at == first - timedelta(days=1)
    await newsslots.turn(db)
    await work_off(db)
    (one,) = (await news.listing(db, published.id)).news
    assert (one.text["en"], one.state, one.zone, one.starts_at) == ("First", "running", "holder", now + soon)
    assert one.ends_at is not None
    assert one.ends_at > now + soon + timedelta(hours=3 + 7)
    assert [await shows(db, card.card.serial_number) for card in (far, near)] == [True, False]
    after = await newsslots.view(db, published.id, slot.id)
    assert after.next_at > now + soon
    assert [text.text["en"] for text in after.texts] == ["Second"]


async def shows(db: Database, serial: str) -> bool:
    """Whether a phone that asks now is given a news."""
    serving = await cards.serve(db, PASS_TYPE, serial, 0, NOW)
    return serving is not None and serving.has_news
