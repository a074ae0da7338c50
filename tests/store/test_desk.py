"""The issue desk: one phone, one card, however often the key is pressed; and the steps of the client's phone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import func, select, update

from passkit.model import CardState
from store import cards, desk, google, people, showings, tables, templates
from store.audit import COMMAND_LINE, Actor
from store.brands import BrandRow
from store.cards import CardView, Change, NewCard
from store.desk import Desk
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.people import NewOutlet, Role
from store.showings import Kind, Step
from tests.store.conftest import SMALL
from tests.store.phones import Phone

PHONE = "+79161234567"
ASKED = (
    '  phone:   {type: phone, label: Phone, default: "", personal: true}\n'
    '  birth:   {type: date, label: Birthday, optional: true, personal: true, ask: "When were you born?"}\nfields:\n'
)


@pytest.fixture
def now() -> datetime:
    """The desk lives by the database's clock too."""
    return datetime.now(UTC)


@pytest_asyncio.fixture
async def salon(db: Database, shop: BrandRow, icon: bytes, now: datetime) -> BrandRow:
    files = {"template.yaml": SMALL.replace("fields:\n", ASKED, 1).encode(), "icon.png": icon}
    await templates.import_files(db, shop.id, files, now)
    await templates.publish(db, shop.id, "small", now=now)
    return shop


@pytest.fixture
def here(salon: BrandRow) -> Desk:
    return Desk(salon.id, "workplace:7", "employee:1", "arbat", Actor("Оля", employee_id=1))


@pytest.fixture
def give(db: Database, here: Desk, now: datetime) -> Callable[..., Awaitable[int]]:
    async def given(phone: str = PHONE, at: Desk = here, **data: object) -> int:
        return await desk.give(db, at, "small", phone, data, None, now)

    return given


Give = Callable[..., Awaitable[int]]


async def card_of(db: Database, salon: BrandRow, showing: int) -> CardView:
    shown = await showings.look(db, salon.id, "workplace:7", showing)
    return await cards.view(db, salon.id, shown.serial_number)


async def test_a_new_client_gets_a_card_that_says_who_gave_it_and_where(db: Database, salon: BrandRow, give: Give):
    shown = await showings.look(db, salon.id, "workplace:7", await give(birth="1990-05-01"))
    assert (shown.kind, shown.step, shown.is_over) == (Kind.NEW, Step.WAITING, False)
    assert 50 < shown.seconds <= 60
    card = await cards.view(db, salon.id, shown.serial_number)
    assert (card.outlet, card.issued_by, card.channel) == ("arbat", "employee:1", "desk")
    assert (card.data["phone"], card.data["birth"]) == (PHONE, "1990-05-01")
    assert [line.action for line in await people.lines(db, salon.id, people.Filter())] == ["card.given"]


async def test_a_known_phone_gets_its_card_again_however_it_is_written(db: Database, salon: BrandRow, give: Give):
    first, second = await give(), await give("8 (916) 123-45-67")
    shown = await showings.look(db, salon.id, "workplace:7", second)
    assert shown.kind is Kind.AGAIN
    assert shown.card_id == (await showings.look(db, salon.id, "workplace:7", first)).card_id
    found = await desk.find(db, salon.id, "916 123 45 67")
    assert [(one.serial_number, one.is_active, one.on_phones) for one in found] == [(shown.serial_number, True, 0)]


async def test_a_key_pressed_twice_gives_one_card(db: Database, salon: BrandRow, give: Give):
    await asyncio.gather(*(give() for _ in range(4)))
    async with db.reading() as conn:
        assert (await conn.execute(select(func.count()).select_from(tables.cards))).scalar_one() == 1
        assert (await conn.execute(select(func.count()).select_from(tables.handouts))).scalar_one() == 1


async def test_a_card_that_is_over_is_replaced_and_not_shown(
    db: Database, salon: BrandRow, give: Give, here: Desk, now: datetime
):
    card = await card_of(db, salon, await give())
    await cards.change(db, salon.id, card.serial_number, Change(state=CardState.VOIDED), now)
    with pytest.raises(Conflict):
        await desk.again(db, here, card.serial_number, Kind.AGAIN, now)
    assert (await card_of(db, salon, await give())).serial_number != card.serial_number
    assert [one.is_active for one in await desk.find(db, salon.id, PHONE)] == [True, False]


async def test_what_is_no_phone_no_template_or_no_date_is_refused(db: Database, here: Desk, give: Give, now: datetime):
    with pytest.raises(Invalid):
        await give("Anna")
    with pytest.raises(Invalid):
        await give(birth="tomorrow")
    with pytest.raises(NotFound):
        await desk.give(db, here, "other", PHONE, {}, None, now)


async def test_what_nobody_asked_for_is_not_written(db: Database, salon: BrandRow, give: Give):
    card = await card_of(db, salon, await give(points=1000, name="Анна"))
    assert (card.data["points"], card.data["name"]) == (0, "")


async def test_the_steps_of_an_iphone(
    db: Database, salon: BrandRow, give: Give, phone: Callable[..., Phone], now: datetime
):
    showing = await give()
    card = await card_of(db, salon, showing)
    seen = [(await showings.look(db, salon.id, "workplace:7", showing)).step]
    await showings.note_opened(db, card.card_id)
    seen.append((await showings.look(db, salon.id, "workplace:7", showing)).step)
    mine = phone("A")
    mine.now = datetime.now(UTC)
    assert await mine.download(card.serial_number) == "ok"
    await db.served.flush()
    seen.append((await showings.look(db, salon.id, "workplace:7", showing)).step)
    await mine.register(card.serial_number)
    shown = await showings.look(db, salon.id, "workplace:7", showing)
    assert [*seen, shown.step] == list(Step)
    assert (shown.wallet, shown.is_over) == ("apple", True)
    assert (await desk.find(db, salon.id, PHONE))[0].on_phones == 1


async def test_another_phone_starts_at_the_beginning(
    db: Database, salon: BrandRow, give: Give, here: Desk, phone: Callable[..., Phone], now: datetime
):
    card = await card_of(db, salon, await give())
    first = phone("A")
    first.now = now - timedelta(hours=1)
    await first.register(card.serial_number)
    again = await desk.again(db, here, card.serial_number, Kind.PHONE, now)
    assert (await showings.look(db, salon.id, "workplace:7", again)).step is Step.WAITING
    second = phone("B")
    second.now = datetime.now(UTC)
    await second.register(card.serial_number)
    assert (await showings.look(db, salon.id, "workplace:7", again)).step is Step.ON_PHONE


async def test_the_code_goes_a_minute_after_the_last_step_and_when_it_is_hidden(
    db: Database, salon: BrandRow, give: Give, here: Desk, now: datetime
):
    showing = await give()
    await showings.hide(db, salon.id, "workplace:7", showing)
    assert (await showings.look(db, salon.id, "workplace:7", showing)).seconds == 0
    card = await card_of(db, salon, showing)
    again = await desk.again(db, here, card.serial_number, Kind.AGAIN, now)
    assert (await showings.look(db, salon.id, "workplace:7", again)).seconds > 0
    async with db.transaction() as conn:
        await conn.execute(update(tables.showings).values(at=now - timedelta(seconds=61)))
    assert (await showings.look(db, salon.id, "workplace:7", again)).seconds == 0
    async with db.transaction() as conn:
        await conn.execute(update(tables.showings).values(at=now - timedelta(minutes=16)))
    assert (await showings.look(db, salon.id, "workplace:7", again)).is_over


async def test_a_code_is_seen_at_its_own_place_alone(db: Database, salon: BrandRow, give: Give):
    showing = await give()
    for brand_id, place in ((salon.id, "workplace:8"), (salon.id, "user:7"), (salon.id + 1, "workplace:7")):
        with pytest.raises(NotFound):
            await showings.look(db, brand_id, place, showing)
        with pytest.raises(NotFound):
            await showings.hide(db, brand_id, place, showing)


async def test_the_client_s_screen_shows_what_its_workplace_shows(
    db: Database, salon: BrandRow, give: Give, here: Desk, now: datetime
):
    outlet = await people.outlets.add(db, salon.id, NewOutlet(name="Arbat"), COMMAND_LINE, now)
    place, _ = await people.workplaces.add_workplace(db, salon.id, outlet.id, "Tablet", COMMAND_LINE, now)
    at = Desk(salon.id, f"workplace:{place.id}", "employee:1", "arbat", here.actor)
    token = await showings.add_display(db, salon.id, at.place, now)
    screen = await showings.display(db, token)
    assert screen is not None
    assert screen.place == at.place
    assert await showings.on_screen(db, salon.id, screen.place) is None
    showing = await give(at=at)
    shown = await showings.on_screen(db, salon.id, screen.place)
    assert shown is not None
    assert shown.id == showing
    await people.workplaces.unpair(db, salon.id, place.id, COMMAND_LINE, now)
    assert await showings.display(db, token) is None
    assert await showings.display(db, "made up") is None


async def test_a_person_s_screen_ends_with_the_person_s_role(db: Database, salon: BrandRow, now: datetime):
    user = await people.users.add(db, email="a@example.com", name="A", password=None, now=now)
    await people.users.grant(db, user.id, salon.id, Role.DESK, COMMAND_LINE, now)
    token = await showings.add_display(db, salon.id, f"user:{user.id}", now)
    assert await showings.display(db, token) is not None
    await people.users.dismiss(db, user.id, salon.id, COMMAND_LINE, now)
    assert await showings.display(db, token) is None


async def test_a_place_has_a_few_screens_and_ends_them_together(db: Database, salon: BrandRow, now: datetime):
    user = await people.users.add(db, email="a@example.com", name="A", password=None, now=now)
    await people.users.grant(db, user.id, salon.id, Role.DESK, COMMAND_LINE, now)
    tokens = [await showings.add_display(db, salon.id, f"user:{user.id}", now) for _ in range(7)]
    living = [await showings.display(db, token) is not None for token in tokens]
    assert living == [False] * 2 + [True] * 5
    assert await showings.end_displays(db, salon.id, f"user:{user.id}", now) == 5
    assert await showings.display(db, tokens[-1]) is None


async def test_a_template_without_a_phone_is_not_offered_and_one_that_needs_more_says_what(
    db: Database, shop: BrandRow, small: dict[str, bytes], icon: bytes, now: datetime
):
    await templates.import_files(db, shop.id, small, now)
    await templates.publish(db, shop.id, "small", now=now)
    assert await desk.templates(db, shop.id, "en") == []
    needs = SMALL.replace("key: small", "key: big").replace(
        "fields:\n", ASKED.replace("fields:", "  room: {type: text, label: Room, sample: A}\nfields:"), 1
    )
    await templates.import_files(db, shop.id, {"template.yaml": needs.encode(), "icon.png": icon}, now)
    await templates.publish(db, shop.id, "big", now=now)
    (offered,) = await desk.templates(db, shop.id, "en")
    assert (offered.missing, [one.question for one in offered.asks]) == (("Room",), ["When were you born?"])


async def test_google_is_asked_at_once_while_somebody_waits(db: Database, salon: BrandRow, give: Give, now: datetime):
    await google.configure(db, salon.key, issuer_id="3388000000000000001", mode="live")
    showing = await give()
    card = await card_of(db, salon, showing)
    await google.open_object(db, card.card_id, now)
    objects = tables.google_objects
    later = datetime.now(UTC) + timedelta(days=30)
    async with db.transaction() as conn:
        await conn.execute(update(objects).values(accepted_digest="x", check_at=later))
    assert not await google.is_hurried(db, "3388000000000000001")
    await showings.look(db, salon.id, "workplace:7", showing)
    assert await google.is_hurried(db, "3388000000000000001")
    ask = {"issuer_id": "3388000000000000001", "room": 5, "lease": timedelta(minutes=1)}
    (check,) = await google.reconcile_claim(db, **ask, hurried=True)
    assert await google.reconcile_claim(db, **ask, hurried=True) == []
    await google.reconcile_settle(db, [google.Checked(check, True)])
    shown = await showings.look(db, salon.id, "workplace:7", showing)
    assert (shown.step, shown.wallet) == (Step.ON_PHONE, "google")
    assert not await google.is_hurried(db, "3388000000000000001")


async def test_a_number_is_given_to_the_messenger_and_nothing_else(
    db: Database, salon: BrandRow, give: Give, now: datetime
):
    card = await card_of(db, salon, await give())
    assert await desk.phone_of(db, salon.id, card.card_id) == PHONE
    other = (await cards.issue(db, salon.id, NewCard("small"), now)).card
    assert await desk.phone_of(db, salon.id, other.card_id) == ""
