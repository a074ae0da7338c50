"""An alarm about the certificate rings the phone of the admin who has put it there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from handlers.studio.certificates import operator_files
from passkit import links
from sandbox.phone import Phone
from store import brands, operatorcards, tables, users
from store.audit import COMMAND_LINE, Actor
from store.dialect import Database
from store.users import Role
from tests.journeys.house import World, until
from tests.journeys.test_kill import opened


async def ends_in(db: Database, days: int) -> None:
    """What the sweep does a minute after the certificate has become another one."""
    at = datetime.now(UTC)
    async with db.transaction() as conn:
        await conn.execute(update(tables.certificates).values(not_after=at + timedelta(days=days, hours=1)))
    await operatorcards.refresh(db, at)


def rung(phone: Phone) -> list[str]:
    return [shown.text for shown in phone.notifications]


async def test_an_alarm_rings_the_operators_phone_and_so_does_its_end(world: World) -> None:
    async with world.server(), opened(world) as db:
        now = datetime.now(UTC)
        user = await users.add(db, email="anna@example.com", name="Anna", password="correct horse battery", now=now)
        await users.grant(db, user.id, world.brand_id, Role.ADMIN, COMMAND_LINE, now)
        (brand,) = await brands.listing(db)
        anna = Actor("Anna", user_id=user.id)
        made = await operatorcards.start(db, brand, operator_files(), language="ru", by=anna, now=now)
        phone = world.phone()
        await phone.install(links.install_url(world.url, made.install_token))
        (card,) = phone.cards.values()
        assert card.text("alarm") == "Всё хорошо"
        await ends_in(db, 25)
        await until(lambda: rung(phone) == ["Сертификат кончается: осталось меньше 30 дн."], 20)
        await ends_in(db, 24)
        await until(lambda: next(iter(phone.cards.values())).text("days") == "24", 20)
        await ends_in(db, 390)
        await until(lambda: len(rung(phone)) == 2, 20)
        assert rung(phone)[-1] == "Всё хорошо"
        assert next(iter(phone.cards.values())).text("days") == "390"
