"""A card is found by any of its names and by what it is; what a person writes on it is kept apart from a backend's values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from sqlalchemy import update

from passkit.model import CardState, Notify
from store import brands, cards, corrections, google, people, tables, templates
from store.audit import Actor
from store.brands import BrandRow
from store.cardfaces import built
from store.cards import CardView, Change, NewCard
from store.cardsearch import Wanted, outlets, search
from store.corrections import set_values
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound, VersionMismatch
from tests.store.conftest import NOW, SMALL
from tests.store.phones import Phone

WEEK = timedelta(days=7)
ANNA = Actor("Анна", user_id=1)
Give = Callable[..., Awaitable[CardView]]


@pytest_asyncio.fixture
async def salon(db: Database, shop: BrandRow, icon: bytes, now: datetime) -> BrandRow:
    phone = '  phone:   {type: phone, label: Phone, default: "", personal: true}\nfields:\n'
    text = SMALL.replace("fields:\n", phone, 1).replace(
        "default: 0, sample: 120}", "default: 0, sample: 120, owner: backend}"
    )
    await templates.import_files(db, shop.id, {"template.yaml": text.encode(), "icon.png": icon}, now)
    await templates.publish(db, shop.id, "small", now=now)
    return shop


@pytest.fixture
def give(db: Database, salon: BrandRow, now: datetime) -> Give:
    async def given(data: dict[str, object] | None = None, **more: object) -> CardView:
        return (await cards.issue(db, salon.id, NewCard("small", data=data or {}, **more), now)).card

    return given


async def found(db: Database, brand: BrandRow, text: str = "", **more: object) -> list[str]:
    page = await search(db, brand.id, Wanted(text, **more))  # type: ignore[arg-type]
    return [one.card.serial_number for one in page.cards]


async def test_a_card_is_found_by_each_of_its_names(db: Database, salon: BrandRow, give: Give):
    card = await give(
        {"name": "Анна Ёлкина", "phone": "+7 916 123-45-67"}, external_id="crm-1", number="4000123412341234"
    )
    await give({"name": "Борис", "phone": "+79161234568"}, external_id="crm-2")
    for text in (
        "4000 1234 1234 1234",
        "4000123412341234",
        "crm-1",
        card.serial_number,
        "8 916 123 45 67",
        "елкина",
        " анна ЁЛКИНА ",
        "Ёлк",
        "ан елки",
    ):
        assert await found(db, salon, text) == [card.serial_number], text
    for text in ("crm", "лкина", "+7 916 123", "+7 916 123-45-60", "\0", "Анна Борис"):
        assert await found(db, salon, text) == [], text


async def test_a_word_that_is_also_an_external_id_finds_both(db: Database, salon: BrandRow, give: Give):
    named, called = await give({"name": "Anna"}), await give(external_id="Anna")
    assert await found(db, salon, "Anna") == [called.serial_number, named.serial_number]


async def test_cards_are_narrowed_by_template_state_wallet_and_outlet(
    db: Database, salon: BrandRow, give: Give, phone: Callable[..., Phone], now: datetime
):
    one, two, three = await give(outlet="arbat"), await give(), await give()
    await phone("A").register(one.serial_number)
    await cards.change(db, salon.id, two.serial_number, Change(state=CardState.VOIDED), now)
    assert await found(db, salon, wallet="apple") == [one.serial_number]
    assert await found(db, salon, wallet="none") == [three.serial_number, two.serial_number]
    assert await found(db, salon, wallet="google") == await found(db, salon, wallet="other") == []
    assert await found(db, salon, state="voided") == [two.serial_number]
    assert await found(db, salon, outlet="arbat") == [one.serial_number]
    assert await found(db, salon, template="other") == []
    assert await outlets(db, salon.id) == ["arbat"]
    (listed,) = (await search(db, salon.id, Wanted(wallet="apple"))).cards
    assert listed.wallets == ("apple",)


async def test_a_saved_google_card_is_in_that_wallet(db: Database, salon: BrandRow, give: Give, now: datetime):
    card = await give()
    await google.configure(db, salon.key, issuer_id="3388000000000000001", mode="live")
    await google.open_object(db, card.card_id, now)
    async with db.transaction() as conn:
        await conn.execute(update(tables.google_objects).values(present=True))
    assert await found(db, salon, wallet="google") == [card.serial_number]
    assert await found(db, salon, wallet="none") == []


async def test_pages_follow_each_other_and_end(db: Database, salon: BrandRow, give: Give):
    given = [(await give({"name": "Анна"})).serial_number for _ in range(5)]
    wanted, seen = Wanted("анна"), []
    while True:
        page = await search(db, salon.id, wanted, limit=2)
        seen += [one.card.serial_number for one in page.cards]
        if page.before is None:
            break
        wanted = replace(wanted, before=page.before)
    assert seen == given[::-1]
    assert page.cards[0].holder == "Анна"


async def test_another_brand_finds_nothing_and_a_card_of_a_draft_is_not_listed(
    db: Database, salon: BrandRow, give: Give, now: datetime
):
    card = await give({"name": "Анна", "phone": "+79161234567"}, external_id="crm-1")
    given = {"key": "other", "name": "Other", "pass_type_identifier": "pass.other", "team_identifier": "T"}
    other = await brands.add(db, **given, time_zone="Europe/Moscow", now=now)
    for text in (card.serial_number, card.number, "crm-1", "Анна", "+79161234567", ""):
        assert await found(db, other, text) == []
    async with db.transaction() as conn:
        await conn.execute(update(tables.templates).values(tryout_of=1))
    assert await found(db, salon, card.serial_number) == []


async def test_own_values_are_written_at_once_and_leave_no_correction(
    db: Database, salon: BrandRow, give: Give, now: datetime
):
    card = await give({"name": "Анна"})
    given = {"may_correct": False, "by": ANNA, "now": now}
    changed = await set_values(db, salon.id, card.serial_number, {"name": "Анна П."}, **given)
    assert changed.card.data["name"] == "Анна П."
    assert changed.is_visible
    assert all(row.lock_screen is None for row in changed.visible)
    assert await corrections.of_card(db, salon.id, card.card_id) == []
    (line,) = await people.lines(db, salon.id, people.Filter())
    assert (line.actor, line.action, line.subject) == ("Анна", "card.changed", card.number)


async def test_a_backend_s_value_needs_an_admin_and_a_reason_and_is_on_the_list(
    db: Database, salon: BrandRow, give: Give, now: datetime
):
    card = await give({"points": 100})
    given = {"by": ANNA, "now": now}
    with pytest.raises(Conflict) as refused:
        await set_values(db, salon.id, card.serial_number, {"points": 5}, reason="слип", may_correct=False, **given)
    assert refused.value.code == "owned_by_backend"
    with pytest.raises(Invalid) as unreasoned:
        await set_values(db, salon.id, card.serial_number, {"points": 5}, reason=" ", may_correct=True, **given)
    assert unreasoned.value.code == "reason_needed"
    reason = "Касса не ответила"
    await set_values(db, salon.id, card.serial_number, {"points": 150}, reason=reason, may_correct=True, **given)
    (line,) = await corrections.between(db, salon.id, NOW - WEEK, NOW + WEEK)
    assert (line.actor, line.variable, line.before, line.after, line.reason) == ("Анна", "points", "100", "150", reason)
    assert (line.serial_number, line.number) == (card.serial_number, card.number)
    assert await corrections.between(db, salon.id + 1, NOW - WEEK, NOW + WEEK) == []
    assert await corrections.between(db, salon.id, NOW + WEEK, NOW + 2 * WEEK) == []
    async with db.reading() as conn:
        stored = (await conn.execute(tables.corrections.select())).mappings().one()
    assert reason.encode() not in bytes(stored["detail_encrypted"])


async def test_what_does_not_fit_or_comes_too_late_changes_nothing(
    db: Database, salon: BrandRow, give: Give, now: datetime
):
    card = await give({"name": "Анна"})
    given = {"may_correct": True, "reason": "because", "by": ANNA, "now": now}
    with pytest.raises(Invalid):
        await set_values(db, salon.id, card.serial_number, {"points": "many"}, **given)
    with pytest.raises(VersionMismatch):
        await set_values(db, salon.id, card.serial_number, {"name": "B"}, version=7, **given)
    with pytest.raises(NotFound):
        await set_values(db, salon.id + 1, card.serial_number, {"name": "B"}, **given)
    assert await people.lines(db, salon.id, people.Filter()) == []
    assert (await cards.view(db, salon.id, card.serial_number)).version == card.version


async def test_a_correction_rings_only_when_it_is_asked_to(db: Database, salon: BrandRow, give: Give, now: datetime):
    card = await give()
    given = {"may_correct": True, "reason": "because", "by": ANNA, "now": now}
    silent = await set_values(db, salon.id, card.serial_number, {"points": 1}, **given)
    loud = await set_values(db, salon.id, card.serial_number, {"points": 2}, notify=Notify.RING, **given)
    assert [row.lock_screen for row in silent.visible] == [None]
    assert [row.lock_screen for row in loud.visible] == ["You have 2 points"]


async def test_a_card_is_voided_and_comes_back(db: Database, salon: BrandRow, give: Give, now: datetime):
    card = await give()
    assert (await corrections.void(db, salon.id, card.serial_number, ANNA, now)).card.state == "voided"
    assert (await corrections.revive(db, salon.id, card.serial_number, ANNA, now)).card.state == "active"
    assert [line.action for line in await people.lines(db, salon.id, people.Filter())] == [
        "card.revived",
        "card.voided",
    ]


async def test_a_card_is_built_for_both_wallets_and_for_nobody_else(
    db: Database, salon: BrandRow, give: Give, now: datetime
):
    card = await give({"name": "Анна"})
    shown = await built(db, salon.id, card.serial_number, now)
    assert "pass.json" in shown.files
    assert (shown.google, shown.fault) == ({}, "")
    await google.configure(db, salon.key, issuer_id="3388000000000000001", mode="live")
    shown = await built(db, salon.id, card.serial_number, now)
    assert set(shown.google) == {"loyaltyClass", "loyaltyObject"}
    with pytest.raises(NotFound):
        await built(db, salon.id + 1, card.serial_number, now)
