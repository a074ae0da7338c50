"""One card in both wallets: the real server and its workers, stand-ins for Apple and Google, an iPhone and an Android phone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest_asyncio
from sqlalchemy import select

from sandbox.android import AndroidPhone, HeldPass
from sandbox.google import GoogleService
from sandbox.google_faults import Fault, Trouble
from sandbox.google_state import kinds
from sandbox.phone import Phone
from sandbox.phone_records import Kind
from store import google as store_google
from store import tables
from tests.journeys.house import World, until
from tests.journeys.test_google_kill import play
from tests.journeys.test_kill import opened
from tests.pushes.wallets import ISSUER, key_file

FEW_HUNDRED = 400  # requests a second: the pace is judged elsewhere


@dataclass
class Wallets:
    """The world with Google in it; the server runs."""

    world: World
    google: GoogleService

    def android(self, language: str = "ru", account: str = "anna@example.com") -> AndroidPhone:
        return AndroidPhone(self.world.session, self.google, language=language, account=account)

    async def holders(self, **data: Any) -> tuple[Phone, AndroidPhone, HeldPass]:
        """A customer who took one card on an iPhone and on an Android phone."""
        card = await self.world.issue(data=data)
        iphone, android = self.world.phone(), self.android()
        await iphone.install(card["install_url"])
        held = await android.install(card["install_url"])
        return iphone, android, held

    async def present(self, serial: str) -> bool | None:
        """What the server knows of the card's being in a Google wallet."""
        async with opened(self.world) as db, db.reading() as conn:
            found = await conn.execute(select(tables.cards.c.id).where(tables.cards.c.serial_number == serial))
            status = await store_google.status(db, int(found.scalar_one()))
        assert status is not None
        return status.present


@pytest_asyncio.fixture
async def wallets(world: World) -> AsyncIterator[Wallets]:
    async with play(world, rate=FEW_HUNDRED) as google:
        async with opened(world) as db:
            await store_google.add_key(db, world.brand_id, orjson.dumps(key_file()), datetime.now(UTC))
            await store_google.configure(db, "cafe", issuer_id=ISSUER, mode="live")
        async with world.server():
            yield Wallets(world, google)


async def test_one_webhook_changes_the_card_in_both_wallets_and_rings_on_both(wallets: Wallets) -> None:
    iphone, android, held = await wallets.holders(name="Anna Petrova", points=120)
    assert held.text("loyaltyPoints.balance") == "120"
    await wallets.world.change(held.serial_number, points=150)
    await until(lambda: iphone.notifications and android.notifications)
    assert iphone.cards[held.serial_number].text("points") == "150"
    assert held.text("loyaltyPoints.balance") == "150"
    assert "150" in iphone.notifications[-1].text
    assert android.notifications[-1].text == "Ваша карта обновлена"
    assert len(android.notifications) == len(iphone.notifications) == 1
    assert {one.status for one in wallets.google.requests} == {200}


async def test_a_saved_card_looks_like_the_apple_one(wallets: Wallets) -> None:
    iphone, _, held = await wallets.holders(name="Анна Петрова", points=7, balance=45000)
    apple = iphone.cards[held.serial_number]
    said = {item.text for item in held.face.by_key().values()}
    for key in ("points", "holder", "balance"):
        assert apple.text(key) in said
    assert held.face.barcode is not None
    assert apple.faces.barcode is not None
    assert held.face.barcode.message == apple.faces.barcode.message
    assert set(held.pictures) >= {"logo", "hero"}
    assert not [event for event in iphone.events if event.kind is Kind.FAILED]


async def test_a_second_visit_to_the_link_saves_the_same_object(wallets: Wallets) -> None:
    card = await wallets.world.issue(data={"points": 1})
    for account in ("anna@example.com", "anna@example.com"):
        phone = wallets.android(account=account)
        held = await phone.install(card["install_url"])
        await phone.close()
    inserts = [one for one in wallets.google.requests if one.method == "loyaltyobject.insert" and one.status == 200]
    assert [one.resource for one in inserts] == [held.object_id]


async def test_deleting_and_saving_again_is_known_by_googles_callbacks(wallets: Wallets) -> None:
    _, android, held = await wallets.holders(points=1)
    serial = held.serial_number

    async def known(value: bool) -> None:
        async def holds() -> bool:
            return await wallets.present(serial) is value

        await until(holds)

    await known(True)
    link = held.link or ""
    await android.remove(serial)
    await known(False)
    stored = wallets.google.wallet.find(held.object_id)
    assert stored is not None
    assert stored.body["state"] == "ACTIVE"
    await android.install(link)
    await known(True)


async def test_a_voided_card_counts_in_neither_wallet(wallets: Wallets) -> None:
    iphone, android, held = await wallets.holders(points=1)
    status, _ = await wallets.world.api("PATCH", f"/cards/{held.serial_number}", {"state": "voided"})
    assert status == 200
    await until(lambda: not held.face.is_active and iphone.cards[held.serial_number].faces.voided)
    assert held.face.state == "INACTIVE"
    assert not android.notifications


async def test_what_google_refused_to_hear_for_a_while_arrives_later(wallets: Wallets) -> None:
    _, android, held = await wallets.holders(points=1)
    wallets.google.faults.add(Fault(Trouble.ANSWER, method="loyaltyobject", status=503, times=2))
    wallets.google.faults.add(Fault(Trouble.CUT, method="loyaltyobject", done=True, times=1))
    await wallets.world.change(held.serial_number, points=2)
    await until(lambda: held.text("loyaltyPoints.balance") == "2", 60)
    await android.settled()
    assert len(android.notifications) == 1


async def test_an_object_that_google_has_lost_is_made_again(wallets: Wallets) -> None:
    _, _, held = await wallets.holders(points=1)
    wallet = wallets.google.wallet
    classes = wallet.listing(kinds()["loyaltyClass"])
    wallet.restore([])
    await wallets.world.change(held.serial_number, points=2)

    def brought() -> bool:
        stored = wallet.find(held.object_id)
        return stored is not None and stored.body["loyaltyPoints"]["balance"] == {"int": 2}

    await until(brought, 30)
    assert wallet.find(classes[0].id, is_class=True) is not None


async def test_the_fourth_ringing_change_of_a_day_is_shown_without_a_sound(wallets: Wallets) -> None:
    iphone, android, held = await wallets.holders(points=0)
    for number in range(1, 6):
        await wallets.world.change(held.serial_number, points=number)
        await until(lambda number=number: held.text("loyaltyPoints.balance") == str(number), 20)
    await android.settled()
    assert len(android.notifications) == 3
    assert "quotaExceeded" not in {one.reason for one in wallets.google.requests}
    await until(lambda: iphone.cards[held.serial_number].text("points") == "5", 20)
