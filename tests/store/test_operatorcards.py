"""The operator's own card: it says what the alarms say, rings once for each, and ends with its holder's rights."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select, update

from handlers.studio.certificates import operator_files
from passkit import operatorcard
from store import cards, gallery, home, operatorcards, tables, tryouts, users
from store.audit import COMMAND_LINE, Actor
from store.brands import BrandRow
from store.dialect import Database
from store.users import Role

DAY = timedelta(days=1)


async def admin(db: Database, brand: BrandRow, email: str, now: datetime) -> Actor:
    user = await users.add(db, email=email, name=email.split("@")[0], password="correct horse battery", now=now)
    await users.grant(db, user.id, brand.id, Role.ADMIN, COMMAND_LINE, now)
    return Actor(user.name, user_id=user.id)


async def certificate(db: Database, brand: BrandRow, ends: datetime) -> None:
    async with db.transaction() as conn:
        if (await conn.execute(update(tables.certificates).values(not_after=ends))).rowcount:
            return
        values = {"brand_id": brand.id, "fingerprint": "f" * 64, "certificate_pem": "", "private_key_encrypted": b""}
        values |= {"not_before": ends - 400 * DAY, "not_after": ends, "created_at": ends}
        await conn.execute(insert(tables.certificates).values(**values))


async def says(db: Database, token: str, now: datetime) -> dict[str, str]:
    found = await cards.by_install_token(db, token, now)
    assert found is not None
    return {field.key: str(field.text) for field in found.fill(now).fields}


@pytest.mark.parametrize(
    ("ends", "threshold", "alarm", "days"),
    [
        (100, None, "Всё хорошо", "100"),
        (29, 30, "Сертификат кончается: осталось меньше 30 дн.", "29"),
        (0.5, 1, "Сертификат кончается: остались сутки", "0"),
        (-1, 1, "Сертификат кончился: карты не меняются", "0"),
        (None, None, "Сертификата нет", ""),
    ],
)
def test_what_it_says(ends: float | None, threshold: int | None, alarm: str, days: str, now: datetime):
    at = None if ends is None else now + ends * DAY
    said = operatorcard.values("ru", at, now, threshold)
    assert (said["alarm"], said["days"]) == (alarm, days)
    assert set(operatorcard.WORDS["ru"]) == set(operatorcard.WORDS["en"])


async def test_an_alarm_changes_the_card_and_nobody_counts_it(db: Database, shop: BrandRow, now: datetime):
    anna = await admin(db, shop, "anna@example.com", now)
    await certificate(db, shop, now + 100 * DAY)
    made = await operatorcards.start(db, shop, operator_files(), language="ru", by=anna, now=now)
    assert made.is_new
    again = await operatorcards.start(db, shop, operator_files(), language="ru", by=anna, now=now)
    assert (again.card_id, again.is_new) == (made.card_id, False)
    assert (await says(db, made.install_token, now))["alarm"] == "Всё хорошо"
    assert await operatorcards.refresh(db, now) == 0
    assert await operatorcards.refresh(db, now + 80 * DAY) == 1
    assert (await says(db, made.install_token, now))["alarm"] == "Сертификат кончается: осталось меньше 30 дн."
    await certificate(db, shop, now + 500 * DAY)
    assert await operatorcards.refresh(db, now + 81 * DAY) == 1
    assert (await says(db, made.install_token, now))["alarm"] == "Всё хорошо"
    assert await gallery.listing(db, shop.id) == []
    numbers = await home.home(db, shop, now)
    assert (numbers.issued, numbers.today) == (0, 0)
    assert (await cards.listing(db, shop.id)).cards == ()


async def test_it_is_void_when_its_holder_is_no_admin_any_more(db: Database, shop: BrandRow, now: datetime):
    anna, olga = [await admin(db, shop, f"{name}@example.com", now) for name in ("anna", "olga")]
    await certificate(db, shop, now + 100 * DAY)
    for who in (anna, olga):
        await operatorcards.start(db, shop, operator_files(), language="en", by=who, now=now)
    async with db.transaction() as conn:
        mine = tables.user_roles.c.user_id == anna.user_id
        await conn.execute(update(tables.user_roles).where(mine).values(role=Role.DESIGNER.value))
    assert await operatorcards.refresh(db, now) == 1
    assert await operatorcards.status(db, shop.id, by=anna, now=now) is None
    assert await operatorcards.status(db, shop.id, by=olga, now=now) is not None
    await operatorcards.end(db, shop.id, by=olga, now=now)
    assert await operatorcards.status(db, shop.id, by=olga, now=now) is None
    async with db.reading() as conn:
        states = (await conn.execute(select(tables.cards.c.state))).scalars().all()
    assert set(states) == {"voided"}
    assert (await tryouts.sweep(db, now + tryouts.KEPT + DAY))["deleted"] == 2
