"""A news at an hour of each holder's own clock: every card once, at its own hour, never in its quiet hours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update

from passkit import schedule
from store import (
    brands,
    cards,
    google,
    livenews,
    news,
    newsalarms,
    newshistory,
    newsrules,
    newswaves,
    settling,
    tables,
    zones,
)
from store.alarms import Ways
from store.audit import COMMAND_LINE
from store.cards import CardView, Change
from store.dialect import Database
from store.errors import Invalid
from store.fates import Fate, Settled
from store.news import NewsView
from store.newsrequests import NewsRequest
from store.newsrules import Rules
from tests.store.conftest import NOW
from tests.store.google import ISSUER, Worker
from tests.store.news import with_news, work_off
from tests.store.phones import Phone
from tests.store.test_news import ROUTE, claimed, held, rest, shown

Issue = Callable[..., Awaitable[CardView]]
PhoneOf = Callable[..., Phone]
MOSCOW = ZoneInfo("Europe/Moscow")
HOUR = timedelta(hours=1)
MICRO = timedelta(microseconds=1)
ZONES = (
    *("Asia/Kathmandu", "Australia/Eucla", "Pacific/Chatham", "Asia/Kolkata", "America/St_Johns"),  # :45, :30
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "America/Sao_Paulo"),
    *("Asia/Vladivostok", "Europe/Kaliningrad", "Pacific/Kiritimati", "Etc/GMT+12", "UTC"),
)


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


# When a wave is.

_moments = st.integers(0, 2 * 365 * 24 * 60).map(lambda one: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=one))
_around_changes_of_clocks = st.sampled_from(
    [
        datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),  # that hour is not there
        datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin")),  # and this one twice
        datetime(2026, 3, 8, 2, 15, tzinfo=ZoneInfo("America/New_York")),
        datetime(2026, 4, 5, 1, 45, tzinfo=ZoneInfo("Australia/Lord_Howe")),  # by half an hour
    ]
)
_hours = st.none() | st.sampled_from(["21:00-09:00", "13:00-14:30", "00:00-23:00"])


def row_of(starts_at: datetime, **more: Any) -> Any:
    return SimpleNamespace(**{"starts_at": starts_at, "not_later_than": None} | more)


@given(starts_at=_moments | _around_changes_of_clocks, quiet=_hours, brand=st.sampled_from(ZONES))
def test_a_wave_comes_when_the_holders_clock_shows_the_hour_or_later_where_that_is_quiet(
    starts_at: datetime, quiet: str | None, brand: str
) -> None:
    rules = Rules(ZoneInfo(brand), schedule.hours(quiet) if quiet else None)
    row = row_of(starts_at)
    since = newswaves.earliest(row, rules)
    wanted = starts_at.astimezone(rules.zone).replace(tzinfo=None)
    waves = newswaves.planned(row, rules, {None: 1} | dict.fromkeys(ZONES, 1), since)
    assert sum(wave.cards for wave in waves) == len(ZONES) + 1
    assert not any(wave.missed for wave in waves)
    for wave in waves:
        assert wave.at >= since
        for name in wave.zones:
            local = wave.at.astimezone(ZoneInfo(name)).replace(tzinfo=None)
            is_there = wanted.replace(tzinfo=ZoneInfo(name)).astimezone(UTC).astimezone(ZoneInfo(name))
            delay = local - is_there.replace(tzinfo=None)  # where clocks skip the hour: as much later
            if rules.quiet is None or not rules.quiet.hold(is_there.time()):
                assert delay == timedelta(0)
            else:
                assert not rules.quiet.hold(local.time())
                assert timedelta(0) < delay <= timedelta(hours=25)


def test_an_hour_that_has_gone_by_is_told_within_two_allowed_hours_and_not_at_all_later() -> None:
    rules = Rules(MOSCOW, schedule.hours("21:00-09:00"))
    row = row_of(datetime(2026, 11, 27, 14, tzinfo=MOSCOW))
    now = datetime(2026, 11, 27, 9, 30, tzinfo=MOSCOW)  # 16:30 in Vladivostok, 15:30 in Yakutsk
    zone_of = dict.fromkeys((None, "Asia/Vladivostok", "Asia/Yakutsk", "Asia/Tokyo", "Asia/Kamchatka"), 1)
    missed, at_once, last = newswaves.planned(row, rules, zone_of, now)
    assert (missed.zones, missed.missed) == (("Asia/Kamchatka", "Asia/Vladivostok"), True)
    assert (at_once.zones, at_once.at, at_once.missed) == (("Asia/Tokyo", "Asia/Yakutsk"), now, False)
    assert (last.zones, last.at) == (("Europe/Moscow",), row.starts_at)


def test_a_zone_that_nobody_knows_is_none() -> None:
    assert zones.checked("Asia/Kathmandu") == "Asia/Kathmandu"
    for text in ("Mars/Olympus", "", "../../etc/passwd", "localtime", "Europe/Moscow\0"):
        with pytest.raises(ValueError, match="IANA"):
            zones.checked(text)


# Cards in waves.


async def pass_time(db: Database, by: timedelta) -> None:
    """The clock of the database cannot be turned, so that the news's moments are moved back."""
    micros = by // MICRO
    async with db.transaction() as conn:
        for row in (await conn.execute(select(tables.news).where(tables.news.c.waves.is_not(None)))).all():
            waves = [[at - micros if at > 0 else at + micros, count, names] for at, count, names in row.waves["waves"]]
            values: dict[str, Any] = {"waves": {"since": row.waves["since"] - micros, "waves": waves}}
            values |= {"wave_at": row.wave_at - micros if row.wave_at else None}
            values |= {
                name: getattr(row, name) - by for name in ("starts_at", "next_at", "ends_at") if getattr(row, name)
            }
            await conn.execute(update(tables.news).where(tables.news.c.id == row.id).values(**values))
        listed = tables.news_cards
        await conn.execute(update(listed).values(wave_at=listed.c.wave_at - micros))
        for template in (await conn.execute(select(tables.templates))).all():
            board = livenews.board(template.news, template.past_news)
            live = tuple(
                livenews.Live(one.id, one.key, one.stamp, one.at, one.holdout, one.shares, one.is_listed,
                              wave=one.wave - micros if one.wave else None)
                for one in board.live
            )  # fmt: skip
            mine = update(tables.templates).where(tables.templates.c.id == template.id)
            await conn.execute(mine.values(**livenews.dumped(livenews.Board(live, board.past, board.has_history))))
        await conn.execute(update(tables.devices).values(pushed_at=None))


async def rung(db: Database) -> list[int]:
    """The devices that a worker rings until nothing is due."""
    found: list[int] = []
    while claim := await claimed(db):
        found += [target.device_id for target in claim.targets]
        settled = [Settled(target, Fate.ACCEPTED, "", None) for target in claim.targets]
        await settling.settle(db, owner="w", route=ROUTE, intents=claim.intents, settled=settled)
    return found


async def started(db: Database, brand_id: int, starts_at: datetime, **given: Any) -> NewsView:
    """By the holders' clocks; the brand's is Moscow's."""
    asked = {"template": "small", "text": "Coffee", "zone": "holder", "starts_at": starts_at.isoformat()} | given
    draft = await news.create(db, brand_id, NewsRequest.model_validate(asked), by="test", now=NOW)
    await news.start(db, brand_id, draft.id, by="test", now=NOW)
    await work_off(db)
    return await news.view(db, brand_id, draft.id)


def tomorrow() -> datetime:
    """The hour that it is now, the day after: all waves are to come."""
    return datetime.now(UTC) + 2 * timedelta(days=1)


async def at_zones(
    db: Database, issue: Issue, phone: PhoneOf, *names: str | None
) -> dict[str | None, tuple[CardView, Phone]]:
    holders = {}
    for name in names:
        card = await issue(time_zone=name)
        holders[name] = (card, await held(db, phone, card, str(name)))
    await rest(db)
    return holders


async def test_each_card_shows_it_and_rings_once_at_its_own_hour(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    zone_names = ("Asia/Vladivostok", "Asia/Kathmandu", None, "America/New_York")
    holders = await at_zones(db, issue, phone, *zone_names)
    view = await started(db, published.id, tomorrow())
    assert (view.state, view.is_live, len(view.waves)) == ("scheduled", False, 4)
    assert [wave.zones[0] for wave in view.waves] == [name or published.time_zone for name in zone_names]
    heard: list[int] = []
    for number, name in enumerate(zone_names):
        wave = (await news.view(db, published.id, view.id)).waves[number]
        await pass_time(db, wave.at - datetime.now(UTC) + timedelta(seconds=1))
        await work_off(db)
        live = [one.is_live for one in (await news.view(db, published.id, view.id)).waves]
        assert live == [place <= number for place in range(4)]
        now = await rung(db)
        assert len(now) == 1
        heard += now
        for later, (card, holder) in holders.items():
            await holder.update()
            has_it = zone_names.index(later) <= number
            said, rings = shown(holder, card.serial_number)
            assert said == ("Coffee" if has_it else "")
            assert rings == (["news"] if has_it else [])
        assert len(await newshistory.of_card(db, published.id, holders[name][0].serial_number)) == 1
    await work_off(db)
    done = await news.view(db, published.id, view.id)
    assert (done.state, done.progress.targets, done.progress.accepted) == ("done", 4, 4)
    assert len(set(heard)) == 4
    await rest(db)
    assert await rung(db) == []


async def test_a_stop_between_waves_leaves_the_later_ones_alone(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    holders = await at_zones(db, issue, phone, "Asia/Vladivostok", None)
    view = await started(db, published.id, tomorrow())
    await pass_time(db, view.waves[0].at - datetime.now(UTC) + timedelta(seconds=1))
    await work_off(db)
    assert len(await rung(db)) == 1
    stopped = await news.stop(db, published.id, view.id)
    assert (stopped.state, stopped.progress.accepted) == ("done", 1)
    await pass_time(db, timedelta(days=2))
    await work_off(db)
    assert await rung(db) == []
    card, holder = holders[None]
    await holder.update()
    assert shown(holder, card.serial_number) == ("", [])


async def test_a_wave_whose_hour_was_missed_never_catches_up_and_the_next_ones_go(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    await at_zones(db, issue, phone, "Asia/Vladivostok", None)
    view = await started(db, published.id, tomorrow())
    first, second = view.waves
    await pass_time(db, second.at - datetime.now(UTC) + HOUR)  # the server was down: 7 hours in Vladivostok, one here
    await work_off(db)
    assert len(await rung(db)) == 1
    await work_off(db)
    done = await news.view(db, published.id, view.id)
    assert (done.state, done.reason) == ("done", newswaves.PARTLY)
    assert [(wave.zones, wave.missed, wave.is_live) for wave in done.waves] == [
        (first.zones, True, False),
        (second.zones, False, True),
    ]
    assert await newsalarms.raise_alarms(db, Ways(), NOW) == [("cut", view.id)]


async def test_a_pause_holds_the_waves_and_a_fan_out_is_finished_before_the_next(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    await at_zones(db, issue, phone, "Europe/Samara", None)
    view = await started(db, published.id, tomorrow())
    await pass_time(db, view.waves[1].at - datetime.now(UTC) + timedelta(seconds=1))  # both are due
    await work_off(db)
    assert [wave.is_live for wave in (await news.view(db, published.id, view.id)).waves] == [True, False]
    await news.pause(db, published.id, view.id)
    assert await rung(db) == []
    await work_off(db)
    await news.resume(db, published.id, view.id)
    assert len(await rung(db)) == 1
    await work_off(db)
    assert len(await rung(db)) == 1


async def test_a_fan_out_that_meets_a_holders_quiet_hours_goes_on_after_them(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    """It is quiet for the holder alone: neither now for the brand, nor for the phones of the other wave."""
    await at_zones(db, issue, phone, "Asia/Vladivostok", None)
    view = await started(db, published.id, tomorrow())
    await pass_time(db, view.waves[0].at - datetime.now(UTC) + timedelta(seconds=1))
    await work_off(db)
    local = datetime.now(ZoneInfo("Asia/Vladivostok"))
    around = f"{local - HOUR:%H:%M}-{local + HOUR:%H:%M}"
    await newsrules.set_quiet(db, published.id, around, by=COMMAND_LINE, now=NOW)
    assert await rung(db) == []
    async with db.reading() as conn:
        due_at = (await conn.execute(select(tables.jobs.c.due_at).where(tables.jobs.c.kind == "news"))).scalar_one()
    assert due_at > datetime.now(UTC) + HOUR / 2
    await newsrules.set_quiet(db, published.id, "", by=COMMAND_LINE, now=NOW)
    async with db.transaction() as conn:
        await conn.execute(update(tables.jobs).values(due_at=NOW))
    claim = await claimed(db)
    assert claim is not None
    settled = [Settled(target, Fate.RETRY, "TooManyRequests", None) for target in claim.targets]
    await settling.settle(db, owner="w", route=ROUTE, intents=claim.intents, settled=settled)
    await rest(db)
    await newsrules.set_quiet(db, published.id, around, by=COMMAND_LINE, now=NOW)
    assert await rung(db) == []  # nor its second try


async def test_in_the_brands_quiet_hours_a_holder_whose_day_it_is_hears_it(
    db: Database, published: brands.BrandRow, issue: Issue, phone: PhoneOf
) -> None:
    await at_zones(db, issue, phone, "Asia/Vladivostok")
    view = await started(db, published.id, tomorrow())
    local = datetime.now(ZoneInfo(published.time_zone))
    around = f"{local - HOUR:%H:%M}-{local + HOUR:%H:%M}"
    await newsrules.set_quiet(db, published.id, around, by=COMMAND_LINE, now=NOW)
    await pass_time(db, view.waves[0].at - datetime.now(UTC) + timedelta(seconds=1))
    await work_off(db)
    assert len(await rung(db)) == 1


async def test_googles_objects_are_told_wave_by_wave(
    db: Database, published: brands.BrandRow, issue: Issue, now: datetime
) -> None:
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    worker = Worker(db)
    east, here = await issue(time_zone="Asia/Vladivostok"), await issue()
    for card in (east, here):
        await google.open_object(db, card.card_id, now)
    await worker.run()
    view = await started(db, published.id, tomorrow())
    for number, card in enumerate((east, here)):
        wave = (await news.view(db, published.id, view.id)).waves[number]
        await pass_time(db, wave.at - datetime.now(UTC) + timedelta(seconds=1))
        await work_off(db)
        assert [work.card_id for work in await worker.run() if work.message] == [card.card_id]
        assert await rung(db) == []
    await work_off(db)
    done = await news.view(db, published.id, view.id)
    assert (done.state, done.progress.targets, done.progress.accepted) == ("done", 2, 2)


async def test_the_dry_run_shows_the_waves_and_what_has_gone_by(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    for name in ("Asia/Vladivostok", "Asia/Vladivostok", None):
        await issue(time_zone=name)
    at = datetime.now(UTC) + HOUR
    asked = {"template": "small", "text": "Coffee", "zone": "holder", "starts_at": at.isoformat()}
    draft = await news.create(db, published.id, NewsRequest.model_validate(asked), by="test", now=NOW)
    seen = await news.dry_run(db, published.id, draft.id, datetime.now(UTC))
    assert [(wave.zones, wave.cards, wave.missed) for wave in seen.waves] == [
        (("Asia/Vladivostok",), 2, True),
        ((published.time_zone,), 1, False),
    ]
    assert "hour_gone" in seen.warnings
    assert (seen.reach.cards, seen.reach.hour_gone, seen.reach.not_installed) == (3, 2, 1)
    started_ = await news.start(db, published.id, draft.id, plan=seen.plan, by="test", now=datetime.now(UTC))
    await work_off(db)
    assert started_.state == "scheduled"
    async with db.reading() as conn:
        assert len((await conn.execute(select(tables.news_cards))).all()) == 1


async def test_the_holders_hour_needs_a_time(db: Database, published: brands.BrandRow) -> None:
    asked = NewsRequest.model_validate({"template": "small", "text": "Coffee", "zone": "holder"})
    with pytest.raises(Invalid) as refused:
        await news.create(db, published.id, asked, by="test", now=NOW)
    assert refused.value.problems[0].pointer == "/starts_at"


async def test_a_card_learns_its_holders_zone_without_another_edition(
    db: Database, published: brands.BrandRow, card: CardView, phone: PhoneOf
) -> None:
    holder = await held(db, phone, card)
    changed = await cards.change(db, published.id, card.serial_number, Change(time_zone="Asia/Kathmandu"), NOW)
    assert (changed.card.time_zone, changed.is_visible) == ("Asia/Kathmandu", False)
    assert await holder.update() == ()
    assert not await zones.note(db, card.card_id, "Europe/Moscow")  # somebody has said it already
    await cards.change(db, published.id, card.serial_number, Change(time_zone=None), NOW)
    assert await zones.note(db, card.card_id, "Europe/Moscow")
    assert (await cards.find(db, published.id, card.serial_number)).time_zone == "Europe/Moscow"
