"""Triggers: each event tells a card once, by its own data, at its time, and takes its text off again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, update

from passkit import occasions, schedule
from passkit.joinform import Asked
from passkit.model import Notify
from store import (
    brands,
    cards,
    changes,
    consents,
    firing,
    google,
    news,
    newshistory,
    newsrules,
    sweeps,
    tables,
    templates,
    triggerdays,
    triggerevents,
    triggerfigures,
    triggers,
)
from store.audit import COMMAND_LINE
from store.cards import CardView, Change
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.triggerrows import TriggerRequest, TriggerSettings, TriggerView
from tests.store.conftest import NOW, SMALL
from tests.store.google import ISSUER, Worker
from tests.store.news import send, with_news, work_off
from tests.store.phones import Phone
from tests.store.test_news import held, pushes, shown

BY: dict[str, Any] = {"by": COMMAND_LINE, "now": NOW}
MOSCOW = ZoneInfo("Europe/Moscow")
Issue = Callable[..., Awaitable[CardView]]
VARIABLES = """variables:
  born:    {type: date, optional: true, sample: 1990-05-01, personal: true}
  visit:   {type: datetime, optional: true, sample: "2026-12-01T18:30:00+03:00"}
  until:   {type: date, optional: true, sample: 2027-01-01}
  booked:  {type: datetime, optional: true, sample: "2026-12-01T18:30:00+03:00"}
  tier:    {type: text, default: basic, sample: gold}
"""


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news, and variables that set something off."""
    return with_news(icon, SMALL.replace("variables:\n", VARIABLES))


@pytest.fixture
def today() -> date:
    return datetime.now(MOSCOW).date()


def moment(day: date, at: int = 0) -> datetime:
    return schedule.moment(day, time(at), MOSCOW)


async def made(db: Database, brand: brands.BrandRow, event: str, text: Any = "Hello", **given: Any) -> TriggerView:
    """One that is on."""
    variable = {"birthday": "born", "no_visit": "visit", "expiring": "until", "appointment": "booked", "level": "tier"}
    asked = {"template": "small", "event": event, "variable": variable.get(event), "text": text} | given
    if event in occasions.DAILY:
        asked.setdefault("at", "00:00")
    written = await triggers.create(db, brand.id, TriggerRequest.model_validate(asked), **BY)
    return await triggers.switch_on(db, brand.id, written.id, **BY)


async def comes(db: Database, trigger: TriggerView, day: date, at: datetime | None = None) -> datetime:
    """Its hour of that day comes, or the day's moment at which somebody is there again."""
    due = moment(day)
    async with db.transaction() as conn:
        mine = update(tables.triggers).where(tables.triggers.c.key == trigger.id)
        await conn.execute(mine.values(due_at=due))
    now = at or due
    while await triggerdays.turn(db, now):
        pass
    return now


async def look(db: Database) -> None:
    while await triggerevents.turn(db, datetime.now(UTC) + timedelta(minutes=1)):
        pass


async def told(db: Database, brand: brands.BrandRow, trigger: TriggerView) -> list[tuple[str, str]]:
    found = await triggerfigures.firings(db, brand.id, trigger.id)
    return sorted((one.number, one.outcome) for one in found)


def days(day: date, by: int) -> str:
    return (day + timedelta(days=by)).isoformat()


def instant(day: date, by: int, at: str = "18:30") -> str:
    return f"{days(day, by)}T{at}:00+03:00"


async def test_a_birthday_comes_to_the_phone_rings_once_and_leaves_silently(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date
) -> None:
    card = await issue(data={"born": occasions.celebrated(today, 1988).isoformat()})
    holder = await held(db, phone, card)
    trigger = await made(db, published, "birthday", "Happy birthday!", lasts_hours=48)
    now = await comes(db, trigger, today, datetime.now(UTC))
    assert await pushes(db) == 1
    await holder.update()
    assert shown(holder, card.serial_number) == ("Happy birthday!", ["news"])
    figures = (await triggers.view(db, published.id, trigger.id)).figures
    assert (figures.today, figures.month, figures.accepted, figures.waiting) == (1, 1, 1, 0)
    assert not await firing.leave(db, now + timedelta(hours=47))
    assert await holder.list() == ()
    await firing.leave(db, now + timedelta(hours=48))
    await holder.update()
    assert shown(holder, card.serial_number) == ("", [])


async def test_a_card_whose_day_it_is_not_shows_nothing_and_is_not_listed(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date
) -> None:
    holder, card = phone(), await issue(data={"born": days(today, 1)})
    await holder.add(card.serial_number)
    await holder.update()
    await comes(db, await made(db, published, "birthday"), today)
    assert await holder.list() == ()


@pytest.mark.parametrize(
    ("event", "given", "day_of"),
    [("no_visit", {"days": 30}, lambda today: {"visit": instant(today, -30)}),
     ("expiring", {"days": 7}, lambda today: {"until": days(today, 7)}),
     ("appointment", {}, lambda today: {"booked": instant(today, 1)})],
)  # fmt: skip
async def test_the_other_daily_events_tell_the_card_whose_day_it_is(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date,
    event: str, given: dict[str, Any], day_of: Callable[[date], dict[str, str]],
) -> None:  # fmt: skip
    holder = phone()
    mine = await issue(number="A1", data=day_of(today))
    await issue(number="B2", data=day_of(today + timedelta(days=1)))
    await issue(number="C3", data=day_of(today - timedelta(days=1)))
    await holder.add(mine.serial_number)
    trigger = await made(db, published, event, "For you", **given)
    await comes(db, trigger, today)
    await holder.update()
    assert shown(holder, mine.serial_number) == ("For you", ["news"])
    assert await told(db, published, trigger) == [("A1", "told")]


async def test_a_first_install_is_welcomed_and_a_second_phone_is_not(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    trigger = await made(db, published, "installed", "Welcome!")
    holder, second = phone(), phone("B")
    await holder.add(card.serial_number)
    await look(db)
    await holder.update()
    assert shown(holder, card.serial_number) == ("Welcome!", ["news"])
    await firing.leave(db, datetime.now(UTC) + timedelta(days=4))
    second.now += timedelta(days=4)
    await second.add(card.serial_number)
    await look(db)
    assert await told(db, published, trigger) == [(card.number, "told")]
    await holder.update()
    assert shown(holder, card.serial_number) == ("", [])


async def test_a_card_that_was_on_a_phone_before_it_was_switched_on_is_not_welcomed(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await phone().add(card.serial_number)
    trigger = await made(db, published, "installed", "Welcome!")
    second = phone("B")
    second.now += timedelta(days=1)
    await second.add(card.serial_number)
    await look(db)
    assert await told(db, published, trigger) == []


async def test_a_level_is_told_when_a_change_reaches_it_and_never_twice(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone]
) -> None:
    holder, card, other = phone(), await issue(number="A1"), await issue(number="B2", data={"tier": "gold"})
    await holder.add(card.serial_number)
    trigger = await made(db, published, "level", "You are gold", level="gold")
    for tier in ("gold", "silver", "gold"):
        await cards.change(db, published.id, card.serial_number, Change(data={"tier": tier}), NOW)
        await look(db)
    await cards.change(db, published.id, other.serial_number, Change(data={"points": 3}), NOW)
    await look(db)
    await holder.update()
    assert shown(holder, card.serial_number) == ("You are gold", ["news"])
    assert await told(db, published, trigger) == [("A1", "told")]


async def test_any_other_level_is_told_each_with_its_value(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    card = await issue(number="A1")
    trigger = await made(db, published, "level")
    for tier in ("silver", "gold", "silver"):
        await cards.change(db, published.id, card.serial_number, Change(data={"tier": tier}), NOW)
    await look(db)
    assert await told(db, published, trigger) == [("A1", "told"), ("A1", "told")]


async def test_a_silent_change_sets_nothing_off(db: Database, published: brands.BrandRow, card: CardView) -> None:
    trigger = await made(db, published, "level", variable="points", level=500)
    quiet = Change(data={"points": 900}, notify=Notify.SILENT)
    await cards.change(db, published.id, card.serial_number, quiet, NOW)
    await look(db)
    assert await told(db, published, trigger) == []


async def test_a_change_without_a_trigger_asks_the_database_nothing_more(
    db: Database, published: brands.BrandRow, card: CardView, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[str] = []
    from sqlalchemy import event

    @event.listens_for(db.engine.sync_engine, "before_cursor_execute")
    def count(*args: Any) -> None:
        counted.append(args[2])

    await cards.change(db, published.id, card.serial_number, Change(data={"points": 101}), NOW)
    before = len(counted)
    counted.clear()
    await made(db, published, "level", variable="points", level=5000)
    counted.clear()
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 102}), NOW)
    assert len(counted) == before
    assert not any("trigger_events" in one for one in counted)


async def test_whoever_is_killed_on_the_way_is_followed_and_nobody_is_told_twice(
    db: Database, published: brands.BrandRow, issue: Issue, today: date, monkeypatch: pytest.MonkeyPatch
) -> None:
    from store import newsaudience

    monkeypatch.setattr(newsaudience, "PAGE", 2)
    every = [await issue(data={"until": days(today, 7)}) for _ in range(5)]
    trigger = await made(db, published, "expiring")
    fire = firing.fire
    rounds = 0

    async def killed(*args: Any) -> Any:
        nonlocal rounds
        rounds += 1
        fired = await fire(*args)
        if rounds % 2:
            raise KeyboardInterrupt
        return fired

    monkeypatch.setattr(firing, "fire", killed)
    for _ in range(10):
        try:
            await comes(db, trigger, today)
        except KeyboardInterrupt:
            continue
    assert len(await told(db, published, trigger)) == len(every)
    (run,) = await triggerfigures.runs(db, published.id, trigger.id)
    assert (run.state, run.looked_at, run.due, run.told) == ("done", 5, 5, 5)


async def test_two_workers_at_once_tell_each_card_once(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    card = await issue(data={"until": days(today, 7)})
    daily, level = await made(db, published, "expiring"), await made(db, published, "level")
    await cards.change(db, published.id, card.serial_number, Change(data={"tier": "gold"}), NOW)
    async with db.transaction() as conn:
        await conn.execute(
            update(tables.triggers).where(tables.triggers.c.key == daily.id).values(due_at=moment(today))
        )
    soon = datetime.now(UTC) + timedelta(minutes=1)
    turns = [turn(db, soon) for turn in (triggerdays.turn, triggerevents.turn) for _ in range(3)]
    await asyncio.gather(*turns)
    for trigger in (daily, level):
        assert await told(db, published, trigger) == [(card.number, "told")]
    (run,) = await triggerfigures.runs(db, published.id, daily.id)
    assert (run.looked_at, run.told) == (1, 1)


async def test_the_same_day_is_looked_at_once_however_often_its_hour_comes(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    await issue(data={"until": days(today, 7)})
    trigger = await made(db, published, "expiring")
    for _ in range(3):
        await comes(db, trigger, today)
    await triggers.save(db, published.id, trigger.id, TriggerSettings(at="11:00"), **BY)
    await comes(db, trigger, today, moment(today, 12))
    (run,) = await triggerfigures.runs(db, published.id, trigger.id)
    assert (run.told, run.looked_at) == (1, 1)
    async with db.reading() as conn:
        assert (await conn.execute(select(func.count()).select_from(tables.news_waiting))).scalar_one() == 0


async def test_a_late_start_on_the_same_day_still_tells_and_days_that_are_over_are_missed(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    await issue(number="A1", data={"until": days(today, 7)})
    await issue(number="B2", data={"until": days(today, 6)})
    trigger = await made(db, published, "expiring")
    await comes(db, trigger, today - timedelta(days=2), moment(today, 23))
    assert await told(db, published, trigger) == [("A1", "told")]
    found = await triggerfigures.runs(db, published.id, trigger.id)
    assert [(one.day, one.state) for one in found] == [
        (today, "done"), (today - timedelta(days=1), "missed"), (today - timedelta(days=2), "missed")
    ]  # fmt: skip
    after = await triggers.view(db, published.id, trigger.id)
    assert after.next_at == moment(today + timedelta(days=1))
    assert after.last is not None
    assert after.last.state == "done"


async def test_cards_without_a_date_are_counted_and_nobody_is_told(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    for given in ({}, {}, {"born": today.isoformat()}, {"born": days(today, 3)}):
        await issue(data=given)
    voided = await issue(data={"born": today.isoformat()})
    await changes.void(db, published.id, voided.serial_number, NOW)
    trigger = await made(db, published, "birthday", holdout=0)
    seen = await triggerdays.today(db, published.id, trigger.id, moment(today))
    assert seen == triggerdays.Today(looked_at=4, due=1, told=1, no_value=2)
    await comes(db, trigger, today)
    (run,) = await triggerfigures.runs(db, published.id, trigger.id)
    assert (run.looked_at, run.due, run.told, run.no_value) == (4, 1, 1, 2)


async def test_a_birthday_that_is_put_right_in_the_same_year_is_no_second_one(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    card = await issue(number="A1", data={"born": today.isoformat()})
    trigger = await made(db, published, "birthday")
    await comes(db, trigger, today)
    later = today + timedelta(days=20)
    await cards.change(db, published.id, card.serial_number, Change(data={"born": later.isoformat()}), NOW)
    await comes(db, trigger, later)
    assert await told(db, published, trigger) == [("A1", "told")]


async def test_the_held_out_are_the_same_cards_whatever_it_says_and_are_not_told(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    for number in range(20):
        await issue(number=f"N{number:02}", data={"until": days(today, 7)})
    trigger = await made(db, published, "expiring", holdout=50)
    seen = await triggerdays.today(db, published.id, trigger.id, moment(today))
    await comes(db, trigger, today)
    outcomes = dict(await told(db, published, trigger))
    held = {number for number, outcome in outcomes.items() if outcome == "held_out"}
    assert 0 < len(held) < 20
    assert (seen.held_out, seen.told, seen.due) == (len(held), 20 - len(held), 20)
    await triggers.save(db, published.id, trigger.id, TriggerSettings(text="Other words"), **BY)
    async with db.transaction() as conn:
        await conn.execute(tables.trigger_firings.delete())
        await conn.execute(tables.trigger_runs.delete())
    await comes(db, trigger, today)
    again = dict(await told(db, published, trigger))
    assert {number for number, outcome in again.items() if outcome == "held_out"} == held
    result = await triggerfigures.result(db, published.id, trigger.id)
    assert result is not None
    assert (result.told.cards, result.held_out.cards) == (20 - len(held), len(held))


async def test_marketing_reaches_only_who_agreed(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    for number in ("A1", "B2"):
        await issue(number=number, data={"until": days(today, 7)})
    agreed = (await cards.issue(db, published.id, cards.NewCard(template="small", number="C3",
              data={"until": days(today, 7)}), NOW)).card  # fmt: skip
    asked = Asked("marketing", "May we write?", None, "en")
    await consents.answer(db, published.id, agreed.card_id, [asked], ["marketing"], "join", NOW)
    trigger = await made(db, published, "expiring", kind="marketing")
    await comes(db, trigger, today)
    assert await told(db, published, trigger) == [("C3", "told")]
    (run,) = await triggerfigures.runs(db, published.id, trigger.id)
    assert (run.due, run.no_consent) == (1, 2)


async def test_the_cap_of_the_brand_counts_triggers_and_news_together(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date
) -> None:
    holder, card = phone(), await issue(number="A1", data={"until": days(today, 7), "born": today.isoformat()})
    await holder.add(card.serial_number)
    await newsrules.set_cap(db, published.id, 1, 7, **BY)
    first, second = await made(db, published, "expiring", "First"), await made(db, published, "birthday", "Second")
    await comes(db, first, today, datetime.now(UTC))
    await comes(db, second, today, datetime.now(UTC))
    await holder.update()
    assert shown(holder, card.serial_number) == ("Second", [])
    assert await told(db, published, second) == [("A1", "silent")]
    assert (await send(db, published.id, "Third")).progress.capped == 1


async def test_quiet_hours_keep_what_a_change_sets_off_until_they_are_over(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    hour = datetime.now(MOSCOW).hour
    quiet = f"{hour:02}:00-{(hour + 2) % 24:02}:00"
    await newsrules.set_quiet(db, published.id, quiet, **BY)
    trigger = await made(db, published, "installed")
    await phone().add(card.serial_number)
    await look(db)
    assert await told(db, published, trigger) == []
    await triggerevents.turn(db, datetime.now(UTC) + timedelta(hours=2, minutes=1))
    assert await told(db, published, trigger) == [(card.number, "told")]


async def test_paused_it_tells_nobody_and_what_happened_meanwhile_is_not_made_up_for(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    first, second = await issue(number="A1"), await issue(number="B2")
    trigger = await made(db, published, "level", level="gold")
    assert (await triggers.pause(db, published.id, trigger.id, **BY)).state == "paused"
    await cards.change(db, published.id, first.serial_number, Change(data={"tier": "gold"}), NOW)
    await triggers.switch_on(db, published.id, trigger.id, **BY)
    await cards.change(db, published.id, second.serial_number, Change(data={"tier": "gold"}), NOW)
    await look(db)
    assert await told(db, published, trigger) == [("B2", "told")]


async def test_paused_phones_that_were_not_rung_wait_and_ring_when_it_goes_on(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date
) -> None:
    card = await issue(data={"until": days(today, 7)})
    await held(db, phone, card)
    trigger = await made(db, published, "expiring")
    await comes(db, trigger, today, datetime.now(UTC))
    await triggers.pause(db, published.id, trigger.id, **BY)
    assert await pushes(db) == 0
    await triggers.switch_on(db, published.id, trigger.id, **BY)
    assert await pushes(db) == 1
    assert (await triggers.view(db, published.id, trigger.id)).figures.accepted == 1


@pytest.mark.parametrize("take_off", [False, True])
async def test_switched_off_texts_stay_until_their_end_unless_they_are_taken_off(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date, take_off: bool
) -> None:
    holder, card = phone(), await issue(data={"until": days(today, 7)})
    await holder.add(card.serial_number)
    trigger = await made(db, published, "expiring", lasts_hours=24)
    now = await comes(db, trigger, today, datetime.now(UTC))
    await holder.update()
    off = await triggers.switch_off(db, published.id, trigger.id, take_off=take_off, **BY)
    assert (off.state, off.next_at) == ("off", None)
    await work_off(db)
    await holder.update()
    assert shown(holder, card.serial_number) == (("", []) if take_off else ("Hello", ["news"]))
    await firing.leave(db, now + timedelta(hours=24))
    async with db.transaction() as conn:
        past = update(tables.news).where(tables.news.c.next_at.is_not(None))
        await conn.execute(past.values(next_at=datetime(2020, 1, 1, tzinfo=UTC)))
    await work_off(db)
    await holder.update()
    assert shown(holder, card.serial_number) == ("", [])
    async with db.reading() as conn:
        live = (await conn.execute(select(tables.templates.c.news, tables.templates.c.triggers))).one()
    assert tuple(live) == (None, None)


async def test_switched_on_again_it_tells_new_occasions_only(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    await issue(number="A1", data={"until": days(today, 7)})
    trigger = await made(db, published, "expiring")
    await comes(db, trigger, today)
    await triggers.switch_off(db, published.id, trigger.id, **BY)
    await triggers.switch_on(db, published.id, trigger.id, **BY)
    async with db.transaction() as conn:
        await conn.execute(tables.trigger_runs.delete())
    await comes(db, trigger, today)
    assert await told(db, published, trigger) == [("A1", "told")]


async def test_other_words_are_for_those_who_are_told_next(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone]
) -> None:
    holders = []
    for name in ("A", "B"):
        card = await issue()
        holder = phone(name)
        await holder.add(card.serial_number)
        holders.append((holder, card.serial_number))
    trigger = await made(db, published, "level", "Gold", level="gold")
    await cards.change(db, published.id, holders[0][1], Change(data={"tier": "gold"}), NOW)
    await look(db)
    changed = await triggers.save(db, published.id, trigger.id, TriggerSettings(text="Golden"), **BY)
    assert changed.text == {"en": "Golden"}
    await cards.change(db, published.id, holders[1][1], Change(data={"tier": "gold"}), NOW)
    await look(db)
    await work_off(db)
    for holder, _ in holders:
        await holder.update()
    assert [shown(holder, serial)[0] for holder, serial in holders] == ["Gold", "Golden"]


async def test_a_news_and_a_trigger_on_one_card_the_newest_is_shown(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date
) -> None:
    holder, card = phone(), await issue(data={"until": days(today, 7)})
    await holder.add(card.serial_number)
    trigger = await made(db, published, "expiring", "Trigger", lasts_hours=24)
    await send(db, published.id, "News")
    await holder.update()
    assert shown(holder, card.serial_number) == ("News", ["news"])
    now = await comes(db, trigger, today, datetime.now(UTC))
    await holder.update()
    assert shown(holder, card.serial_number) == ("Trigger", ["news"])
    await firing.leave(db, now + timedelta(hours=24))
    await holder.update()
    assert shown(holder, card.serial_number) == ("News", [])
    history = await newshistory.of_card(db, published.id, card.serial_number)
    assert [(one.text["en"], one.over_at is None) for one in history] == [("Trigger", False), ("News", True)]


async def test_a_next_occasion_rings_anew_with_the_same_words(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date
) -> None:
    holder, card = phone(), await issue(data={"until": days(today, 7)})
    await holder.add(card.serial_number)
    trigger = await made(db, published, "expiring", lasts_hours=24)
    now = await comes(db, trigger, today, datetime.now(UTC))
    await holder.update()
    await firing.leave(db, now + timedelta(hours=24))
    await holder.update()
    later = today + timedelta(days=100)
    await cards.change(db, published.id, card.serial_number, Change(data={"until": days(later, 7)}), NOW)
    await comes(db, trigger, later)
    await holder.update()
    assert shown(holder, card.serial_number) == ("Hello", ["news"])


async def test_google_holders_are_told_by_a_message_that_leaves_with_the_text(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    worker = Worker(db)
    mine, other = await issue(data={"until": days(today, 7)}), await issue(data={})
    for card in (mine, other):
        await google.open_object(db, card.card_id, NOW)
    await worker.run()
    trigger = await made(db, published, "expiring", lasts_hours=24)
    now = await comes(db, trigger, today, datetime.now(UTC))
    (work,) = await worker.run()
    assert (work.card_id, work.message and work.message["messageType"]) == (mine.card_id, "TEXT_AND_NOTIFY")
    assert (await triggers.view(db, published.id, trigger.id)).figures.accepted == 1
    await firing.leave(db, now + timedelta(hours=24))
    (gone,) = await worker.run()
    assert (gone.card_id, gone.drop_messages, gone.message) == (mine.card_id, True, None)


async def test_a_template_that_lost_the_variable_says_so_and_the_next_day_tries_again(
    db: Database, published: brands.BrandRow, issue: Issue, small: dict[str, bytes], today: date
) -> None:
    await issue()
    trigger = await made(db, published, "expiring")
    bare = small["template.yaml"].replace(b"  until:   {type: date, optional: true, sample: 2027-01-01}\n", b"")
    await templates.import_files(db, published.id, {**small, "template.yaml": bare}, NOW)
    await templates.publish(db, published.id, "small", now=NOW)
    await comes(db, trigger, today)
    (run,) = await triggerfigures.runs(db, published.id, trigger.id)
    assert (run.state, "until" in run.reason) == ("failed", True)
    after = await triggers.view(db, published.id, trigger.id)
    assert after.next_at == moment(today + timedelta(days=1))


async def test_it_is_no_news_and_is_not_driven_as_one(db: Database, published: brands.BrandRow) -> None:
    trigger = await made(db, published, "installed")
    assert (await news.listing(db, published.id)).news == ()
    key = await triggers.message_key(db, published.id, trigger.id)
    for drive in (news.cancel, news.pause):
        with pytest.raises(Conflict):
            await drive(db, published.id, key)


@pytest.mark.parametrize(
    ("given", "at"),
    [({"variable": "tier"}, "/variable"), ({"variable": "none"}, "/variable"), ({"days": 61}, "/days"),
     ({"level": "gold"}, "/level"), ({"template": "none"}, "/template"), ({"text": {"fr": "x"}}, "/text/fr"),
     ({"event": "installed", "variable": None, "days": 3}, "/days"),
     ({"event": "level", "variable": "points", "level": "many"}, "/level")],
)  # fmt: skip
async def test_what_is_no_trigger_is_refused(
    db: Database, published: brands.BrandRow, given: dict[str, Any], at: str
) -> None:
    asked = {"template": "small", "event": "birthday", "variable": "born", "text": "x"} | given
    with pytest.raises(Invalid) as refused:
        await triggers.create(db, published.id, TriggerRequest.model_validate(asked), **BY)
    assert [one.pointer for one in refused.value.problems] == [at]


async def test_an_hour_in_quiet_hours_is_refused(db: Database, published: brands.BrandRow) -> None:
    await newsrules.set_quiet(db, published.id, "21:00-09:00", **BY)
    with pytest.raises(Invalid) as refused:
        await made(db, published, "birthday", at="22:00")
    assert [one.pointer for one in refused.value.problems] == ["/at"]


@pytest.mark.parametrize("given", [{"text": ""}, {"variable": None}, {"event": "level", "variable": "points"}])
async def test_what_is_not_finished_is_not_switched_on(
    db: Database, published: brands.BrandRow, given: dict[str, Any]
) -> None:
    asked = {"template": "small", "event": "birthday", "variable": "born", "text": "x"} | given
    written = await triggers.create(db, published.id, TriggerRequest.model_validate(asked), **BY)
    with pytest.raises(Conflict):
        await triggers.switch_on(db, published.id, written.id, **BY)


async def test_it_is_thrown_away_only_when_it_is_off_and_anothers_is_not_found(
    db: Database, published: brands.BrandRow
) -> None:
    trigger = await made(db, published, "birthday")
    with pytest.raises(Conflict):
        await triggers.remove(db, published.id, trigger.id, **BY)
    await triggers.switch_off(db, published.id, trigger.id, **BY)
    with pytest.raises(NotFound):
        await triggers.remove(db, published.id + 1, trigger.id, **BY)
    await triggers.remove(db, published.id, trigger.id, **BY)
    assert await triggers.listing(db, published.id) == ()


async def test_what_one_has_done_that_was_thrown_away_is_not_the_nexts(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone], today: date
) -> None:
    card = await issue(data={"until": days(today, 7)})
    holder = await held(db, phone, card)
    first = await made(db, published, "expiring", "First")
    await comes(db, first, today, datetime.now(UTC))
    await pushes(db)
    await triggers.switch_off(db, published.id, first.id, **BY)
    await triggers.remove(db, published.id, first.id, **BY)
    await work_off(db)
    await holder.update()
    assert shown(holder, card.serial_number)[0] == "First"
    second = await made(db, published, "expiring", "Second")
    assert second.figures.accepted == 0
    assert (await news.listing(db, published.id)).news == ()


async def test_old_occasions_are_forgotten_but_installs_and_levels_are_not(
    db: Database, published: brands.BrandRow, issue: Issue, today: date
) -> None:
    card = await issue(data={"until": days(today, 7)})
    daily, level = await made(db, published, "expiring"), await made(db, published, "level")
    await comes(db, daily, today)
    await cards.change(db, published.id, card.serial_number, Change(data={"tier": "gold"}), NOW)
    await look(db)
    await sweeps.daily(db, datetime.now(UTC) + timedelta(days=801))
    assert (len(await told(db, published, daily)), len(await told(db, published, level))) == (0, 1)
