"""What counts for whoever gives a card out: the table of verdicts, and the lines it is told from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from sqlalchemy import select

from passkit.model import CardState
from store import cards, handouts, reports, tables, templates
from store.audit import COMMAND_LINE
from store.brands import BrandRow
from store.cards import CardView, Change, NewCard
from store.counting import Known, Rules, Verdict, Why, judge
from store.dialect import Database
from store.errors import Invalid
from store.handouts import Handout, Tally
from tests.store.conftest import NOW, SMALL
from tests.store.phones import Phone

DAY = timedelta(days=1)
WEEK = 7 * DAY
Give = Callable[..., Awaitable[CardView]]


def known(**given: object) -> Known:
    return Known(**{"at": NOW, "is_new_client": True, **given})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rules", "card", "after", "verdict", "why"),
    [
        ({}, {}, DAY, Verdict.WAITING, Why.NOT_ON_PHONE),
        ({}, {}, 90 * DAY, Verdict.REFUSED, Why.NEVER_ON_PHONE),
        ({}, {"installed_at": NOW, "is_there": True}, DAY, Verdict.WAITING, Why.STAYING),
        ({}, {"installed_at": NOW, "is_there": True}, WEEK, Verdict.COUNTED, Why.NONE),
        ({}, {"installed_at": NOW}, DAY, Verdict.WAITING, Why.REMOVED_EARLY),
        ({}, {"installed_at": NOW}, WEEK, Verdict.REFUSED, Why.REMOVED),
        ({}, {"installed_at": NOW, "is_there": True, "is_active": False}, WEEK, Verdict.REFUSED, Why.VOIDED),
        ({}, {"is_new_client": False}, DAY, Verdict.REFUSED, Why.KNOWN_CLIENT),
        ({"new_client": False}, {"is_new_client": False}, DAY, Verdict.WAITING, Why.NOT_ON_PHONE),
        ({}, {"number_again": True}, DAY, Verdict.REFUSED, Why.NUMBER_AGAIN),
        ({}, {"installed_at": NOW, "is_there": True, "phone_again": True}, DAY, Verdict.REFUSED, Why.PHONE_AGAIN),
        (
            {"once": False},
            {"installed_at": NOW, "is_there": True, "phone_again": True, "number_again": True},
            WEEK,
            Verdict.COUNTED,
            Why.NONE,
        ),
        ({"on_phone": False}, {}, DAY, Verdict.COUNTED, Why.NONE),
        ({"stays_days": 0}, {"installed_at": NOW, "is_there": True}, timedelta(0), Verdict.COUNTED, Why.NONE),
    ],
)
def test_a_card_counts_by_the_rules(rules: dict, card: dict, after: timedelta, verdict: Verdict, why: Why):
    judged = judge(Rules(**rules), known(**card), NOW + after)
    assert (judged.verdict, judged.why) == (verdict, why)
    assert (judged.look_at is None) is (verdict is not Verdict.WAITING)


@pytest_asyncio.fixture
async def salon(db: Database, shop: BrandRow, icon: bytes, now: datetime) -> BrandRow:
    phone = '  phone:   {type: phone, label: Phone, default: "", personal: true}\nfields:\n'
    files = {"template.yaml": SMALL.replace("fields:\n", phone, 1).encode(), "icon.png": icon}
    await templates.import_files(db, shop.id, files, now)
    await templates.publish(db, shop.id, "small", now=now)
    return shop


@pytest.fixture
def give(db: Database, salon: BrandRow, now: datetime) -> Give:
    async def given(phone: str = "+79161234567", by: str = "employee:1", at: datetime = now) -> CardView:
        new = NewCard("small", data={"phone": phone}, issued_by=by, outlet="arbat")
        return (await cards.issue(db, salon.id, new, at)).card

    return given


async def put_on(mine: Phone, card: CardView, at: datetime) -> None:
    mine.now = at
    await mine.register(card.serial_number)


async def remove(mine: Phone, card: CardView, at: datetime) -> None:
    mine.now = at
    await mine.unregister(card.serial_number)


async def only(db: Database, brand: BrandRow, card: CardView, at: datetime) -> Handout:
    await handouts.settle_all(db, at)
    found = await handouts.mine(db, brand.id, "employee:1", NOW - DAY)
    return next(one for one in found if one.card_id == card.card_id)


async def test_a_card_counts_when_it_has_stayed_on_a_phone_for_a_week(
    db: Database, salon: BrandRow, give: Give, phone: Callable[..., Phone]
):
    card = await give()
    assert (await only(db, salon, card, NOW)).why is Why.NOT_ON_PHONE
    await put_on(phone("A"), card, NOW + timedelta(hours=1))
    waits = await only(db, salon, card, NOW + timedelta(hours=2))
    assert (waits.why, waits.installed_at, waits.wallet) == (Why.STAYING, NOW + timedelta(hours=1), "apple")
    assert (await only(db, salon, card, NOW + WEEK)).verdict is Verdict.WAITING
    assert (await only(db, salon, card, NOW + WEEK + timedelta(hours=1))).verdict is Verdict.COUNTED


async def test_a_card_that_counts_goes_on_counting_when_it_is_removed_later(
    db: Database, salon: BrandRow, give: Give, phone: Callable[..., Phone]
):
    card, mine = await give(), phone("A")
    await put_on(mine, card, NOW)
    assert (await only(db, salon, card, NOW + WEEK)).verdict is Verdict.COUNTED
    await remove(mine, card, NOW + 2 * WEEK)
    assert (await only(db, salon, card, NOW + 3 * WEEK)).verdict is Verdict.COUNTED


async def test_a_card_that_was_removed_within_the_week_does_not_count(
    db: Database, salon: BrandRow, give: Give, phone: Callable[..., Phone]
):
    card, mine = await give(), phone("A")
    await put_on(mine, card, NOW)
    await remove(mine, card, NOW + DAY)
    assert (await only(db, salon, card, NOW + 2 * DAY)).why is Why.REMOVED_EARLY
    assert (await only(db, salon, card, NOW + WEEK)).why is Why.REMOVED


async def test_one_phone_counts_once_however_many_numbers_it_has(
    db: Database, salon: BrandRow, give: Give, phone: Callable[..., Phone]
):
    mine = phone("A")
    first, second = await give("+79161234567"), await give("+79161234568")
    await put_on(mine, first, NOW)
    await handouts.settle_all(db, NOW)
    await put_on(mine, second, NOW)
    assert (await only(db, salon, second, NOW + WEEK)).why is Why.PHONE_AGAIN
    assert (await only(db, salon, first, NOW + WEEK)).verdict is Verdict.COUNTED


async def test_a_number_that_had_a_card_is_no_new_client(db: Database, salon: BrandRow, give: Give):
    await give()
    second = await give("8 916 123-45-67")
    assert (await only(db, salon, second, NOW)).why is Why.KNOWN_CLIENT


async def test_a_voided_card_does_not_count(db: Database, salon: BrandRow, give: Give):
    card = await give()
    await cards.change(db, salon.id, card.serial_number, Change(state=CardState.VOIDED), NOW)
    assert (await only(db, salon, card, NOW)).why is Why.VOIDED


async def test_other_rules_are_taken_at_once_and_leave_what_is_final(db: Database, salon: BrandRow, give: Give):
    card = await give()
    later = await give()
    assert (await only(db, salon, later, NOW)).why is Why.KNOWN_CLIENT
    await handouts.set_rules(
        db, salon.id, Rules(on_phone=False, plan=40, premium=5000, currency="RUB"), COMMAND_LINE, NOW
    )
    assert (await only(db, salon, card, NOW)).verdict is Verdict.COUNTED
    assert (await only(db, salon, later, NOW)).why is Why.KNOWN_CLIENT
    assert (await handouts.rules(db, salon.id)).plan == 40
    assert await handouts.tally(db, salon.id, "employee:1", NOW - DAY) == Tally(2, 0, 1, 0, 1)


async def test_rules_that_cannot_be_are_refused(db: Database, salon: BrandRow):
    with pytest.raises(Invalid):
        await handouts.set_rules(db, salon.id, Rules(stays_days=-1), COMMAND_LINE, NOW)


async def test_a_report_reads_all_of_a_time_in_pieces(
    db: Database, salon: BrandRow, give: Give, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(handouts, "ROWS", 2)
    for number in range(5):
        await give(f"+7916123450{number}", by=f"employee:{number % 2}")
    found = [one async for one in handouts.between(db, salon.id, NOW, NOW + DAY)]
    assert [one.issued_by for one in found] == [f"employee:{number % 2}" for number in range(5)]
    assert [one async for one in handouts.between(db, salon.id, NOW + DAY, NOW + WEEK)] == []


async def test_a_card_that_nobody_gave_out_has_no_line(db: Database, salon: BrandRow):
    await cards.issue(db, salon.id, NewCard("small"), NOW)
    async with db.reading() as conn:
        assert (await conn.execute(select(tables.handouts))).all() == []


async def test_a_report_sums_by_day_person_and_outlet_in_the_brand_s_zone(db: Database, salon: BrandRow, give: Give):
    moscow = ZoneInfo("Europe/Moscow")
    late = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)  # the 23rd in Moscow
    for number, (by, at) in enumerate((("employee:1", NOW), ("employee:1", late), ("employee:2", late))):
        await give(f"+7916123450{number}", by=by, at=at)
    found = await reports.report(db, salon.id, date(2026, 11, 1), date(2026, 11, 30), moscow)
    assert (found.total.issued, len(found.days)) == (3, 30)
    assert {day.day: tally.issued for day, tally in found.days.items() if tally.issued} == {22: 1, 23: 2}
    assert {key: tally.issued for key, tally in found.people.items()} == {"employee:1": 2, "employee:2": 1}
    assert {key: tally.issued for key, tally in found.outlets.items()} == {"arbat": 3}
    lines = await reports.lines(db, salon.id, date(2026, 11, 23), date(2026, 11, 23), moscow)
    assert [(line.day.day, line.outlet, line.person, line.tally.issued) for line in lines] == [
        (23, "arbat", "employee:1", 1),
        (23, "arbat", "employee:2", 1),
    ]
    assert (await reports.report(db, salon.id + 1, date(2026, 11, 1), date(2026, 11, 30), moscow)).total.issued == 0
