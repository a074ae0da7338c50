"""Alarms of certificates: each once for each certificate and threshold, to whoever is to know, whenever the server looks."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, select

from passkit import letters
from store import alarms, brands, messaging, outgoing, tables
from store.alarms import THRESHOLDS, Ways
from store.brands import BrandRow
from store.dialect import Database
from store.messaging import Contacts
from store.outgoing import Channel

MAIL = Ways(mail=True, contacts=Contacts(("ops@example.com",), ()))
END = timedelta(days=365)


async def certificate(db: Database, brand: BrandRow, begins: datetime, name: str = "a") -> None:
    await brands.add_certificate(
        db,
        brand.id,
        certificate_pem="-",
        private_key_pem="-",
        fingerprint=name * 64,
        not_before=begins,
        not_after=begins + END,
        now=begins,
    )


async def look(db: Database, now: datetime, ways: Ways = MAIL) -> list[int]:
    """What a server does that looks at this moment: the thresholds it raised."""
    due = await alarms.due(db, now)
    return [alarm.days for alarm in due if await alarms.raise_alarm(db, alarm, ways, now)]


async def queued(db: Database) -> list[outgoing.Due]:
    return await outgoing.claim(db, owner="test", room=100, lease=timedelta(minutes=1))


async def test_a_year_of_looking_every_hour_raises_five(db: Database, shop: BrandRow, now: datetime):
    await certificate(db, shop, now)
    raised = {}
    for hour in range(365 * 24 - 70 * 24, 365 * 24 + 48, 6):
        for days in await look(db, now + timedelta(hours=hour)):
            raised[days] = timedelta(hours=hour)
    assert tuple(raised) == THRESHOLDS
    assert all(timedelta(0) <= END - at <= timedelta(days=days) for days, at in raised.items())
    assert all(END - at > timedelta(days=days) - timedelta(hours=7) for days, at in raised.items())
    assert len(await queued(db)) == 5


async def test_who_starts_late_hears_the_most_urgent_alone(db: Database, shop: BrandRow, now: datetime):
    await certificate(db, shop, now)
    assert await look(db, now + END - timedelta(days=9)) == [14]
    assert await look(db, now + END - timedelta(days=8)) == []
    assert await look(db, now + END + timedelta(days=20)) == [1]
    assert "expired" in (await queued(db))[1].subject


async def test_two_servers_that_look_at_once_raise_it_once(db: Database, shop: BrandRow, now: datetime):
    await certificate(db, shop, now)
    at = now + END - timedelta(days=30)
    (alarm,) = await alarms.due(db, at)
    made = await asyncio.gather(*(alarms.raise_alarm(db, alarm, MAIL, at) for _ in range(4)))
    assert sorted(made) == [0, 0, 0, 1]


async def test_a_replaced_certificate_alarms_nobody_and_its_successor_does(db: Database, shop: BrandRow, now: datetime):
    await certificate(db, shop, now)
    await certificate(db, shop, now + timedelta(days=330), "b")
    assert await look(db, now + END) == []
    assert await look(db, now + timedelta(days=330) + END - timedelta(days=7)) == [7]


async def test_a_removed_certificate_and_a_revoked_brand_are_still(db: Database, shop: BrandRow, now: datetime):
    await certificate(db, shop, now)
    await brands.revoke(db, shop.key, now)
    assert await look(db, now + END) == []


async def test_it_reaches_admins_the_brand_s_contacts_and_the_operator_each_once(
    db: Database, shop: BrandRow, now: datetime
):
    await certificate(db, shop, now)
    await messaging.set_contacts(db, shop.id, Contacts(("Ops@example.com", "boss@example.com"), ("+79161234567",)), now)
    async with db.transaction() as conn:
        for name, role in (("admin", "admin"), ("viewer", "viewer"), ("left", "admin")):
            gone = now if name == "left" else None
            row = insert(tables.users).values(email=f"{name}@example.com", name=name, created_at=now, revoked_at=gone)
            user = (await conn.execute(row.returning(tables.users.c.id))).scalar_one()
            role_row = insert(tables.user_roles)
            await conn.execute(role_row.values(user_id=user, brand_id=shop.id, role=role, created_at=now))
    both = Ways(mail=True, gateway=True, contacts=Contacts(("ops@example.com",), ("+79160000000",)))
    assert await look(db, now + END - timedelta(days=30), both) == [30]
    sent = [(letter.channel, letter.to) for letter in await queued(db)]
    assert sent == [
        (Channel.MAIL, "ops@example.com"),
        (Channel.MAIL, "boss@example.com"),
        (Channel.MAIL, "admin@example.com"),
        (Channel.GATEWAY, "+79160000000"),
        (Channel.GATEWAY, "+79161234567"),
    ]


async def test_an_alarm_that_would_reach_nobody_is_raised_once_somebody_can_be_reached(
    db: Database, shop: BrandRow, now: datetime
):
    await certificate(db, shop, now)
    at = now + END - timedelta(days=30)
    assert await look(db, at, Ways()) == []
    assert await look(db, at, MAIL) == [30]


async def test_a_brand_s_own_gateway_is_a_way_and_its_key_is_not_to_be_read_in_the_database(
    db: Database, shop: BrandRow, now: datetime
):
    assert await messaging.gateway(db, shop.id) is None
    await messaging.set_gateway(db, shop.id, {"url": "https://sms.example.com/?key=SESAME&{phone}{text}"}, now)
    assert (await messaging.gateway(db, shop.id) or {})["url"].startswith("https://sms.example.com")
    await certificate(db, shop, now)
    assert await look(db, now + END, Ways(contacts=Contacts((), ("+79161234567",)))) == [1]
    async with db.reading() as conn:
        row = (await conn.execute(select(tables.messaging))).one()
    assert b"SESAME" not in row.gateway_encrypted


async def test_a_test_message_goes_to_whom_it_is_asked_for(db: Database, shop: BrandRow, now: datetime):
    letter = await alarms.want_test(db, shop.id, Channel.MAIL, "anna@example.com", "ru", now)
    (due,) = await queued(db)
    assert (due.id, due.to, due.subject) == (letter, "anna@example.com", "Coffee shop: проверка")


async def test_the_page_is_told_days_left_and_what_was_raised(db: Database, shop: BrandRow, now: datetime):
    await certificate(db, shop, now)
    at = now + END - timedelta(days=6, hours=12)
    await look(db, at)
    (row,) = await alarms.certificates(db, at, shop.id)
    assert (row.days_left, row.ends_within, row.threshold, row.is_newest) == (6, 7, 7, True)
    (raised,) = await alarms.raised(db, shop.id)
    assert (raised["days"], raised["at"]) == (7, at)


def test_both_languages_say_the_same_things():
    assert letters.TEXTS["en"].keys() == letters.TEXTS["ru"].keys()


@pytest.mark.parametrize("language", letters.LANGUAGES)
@pytest.mark.parametrize("brand", ["Кофе", "Сеть салонов красоты и здоровья «Очень длинное название»", "A\r\nBcc: x"])
def test_a_short_message_is_one_sms_and_a_subject_one_line(language: str, brand: str, now: datetime):
    code = letters.code(language, brand=brand, code="123456")
    assert len(code) <= letters.SMS_LENGTH
    assert code.startswith("123456")
    for days in (60, 1, -3):
        words = letters.alarm(
            language, brand=brand, pass_type="pass.com.example.a", not_after=now, days=days, public_url="https://x"
        )
        assert len(words.short) <= letters.SMS_LENGTH
        assert "\n" not in words.subject
        assert "https://x/studio/certificates" in words.text
