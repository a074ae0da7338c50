"""Certificate alarms: which are due, each raised once for each certificate and threshold, and what a brand's page tells.

A certificate that a longer one has replaced alarms nobody. Whoever starts late hears the most urgent alarm alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import letters
from store import messaging, outgoing, tables
from store.dialect import Database
from store.messaging import Contacts
from store.outgoing import Channel, Letter
from store.tables import certificate_alarms as table
from store.upserts import insert_into

THRESHOLDS = (60, 30, 14, 7, 1)
"""Days before the end of a certificate: Apple's own mail comes at 30, and takes one address alone."""
GOOD_FOR = timedelta(days=3)
"""How long an alarm is worth sending."""
TEST_GOOD_FOR = timedelta(minutes=15)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate in use, for people: no key. ``days_left`` are whole ones, as ``certs list`` counts; below 0: it is over."""

    id: int
    brand_id: int
    brand_name: str
    languages: tuple[str, ...]
    pass_type_identifier: str
    fingerprint: str
    not_before: datetime
    not_after: datetime
    days_left: int
    ends_within: int
    """Days, those begun counted too: what an alarm says."""
    is_newest: bool

    @property
    def threshold(self) -> int | None:
        """The most urgent alarm that its end is near enough for."""
        return min((days for days in THRESHOLDS if self.ends_within <= days), default=None)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One to raise: this certificate has come to this threshold."""

    certificate: Certificate
    days: int


@dataclass(frozen=True, slots=True)
class Ways:
    """The ways out that this installation has, and the operator's own addresses."""

    mail: bool = False
    gateway: bool = False
    contacts: Contacts = field(default_factory=Contacts)


async def certificates(db: Database, now: datetime, brand_id: int | None = None) -> list[Certificate]:
    """The certificates in use of one brand or of all, of each pass type the one that lasts longest first."""
    async with db.reading() as conn:
        return await _certificates(conn, now, brand_id)


async def _certificates(conn: AsyncConnection, now: datetime, brand_id: int | None) -> list[Certificate]:
    rows, brands = tables.certificates.c, tables.brands.c
    some = select(
        rows.id, rows.brand_id, brands.name, brands.languages, brands.pass_type_identifier, rows.fingerprint,
        rows.not_before, rows.not_after,
    )  # fmt: skip
    some = some.join(tables.brands, brands.id == rows.brand_id)
    some = some.where(rows.removed_at.is_(None), brands.revoked_at.is_(None))
    if brand_id is not None:
        some = some.where(rows.brand_id == brand_id)
    seen: set[int] = set()
    found = []
    for row in await conn.execute(some.order_by(rows.brand_id, rows.not_after.desc(), rows.id)):
        newest = row.brand_id not in seen
        seen.add(row.brand_id)
        left, begun = (row.not_after - now) // DAY, -((now - row.not_after) // DAY)
        found.append(Certificate(*row[:3], tuple(row.languages), *row[4:], left, begun, newest))
    return found


async def due(db: Database, now: datetime) -> list[Alarm]:
    """The alarms that nobody has raised yet."""
    async with db.reading() as conn:
        near = [
            Alarm(one, one.threshold) for one in await _certificates(conn, now, None) if one.is_newest and one.threshold
        ]
        raised = select(table.c.certificate_id, table.c.days).where(
            table.c.certificate_id.in_([alarm.certificate.id for alarm in near])
        )
        known = {tuple(row) for row in await conn.execute(raised)} if near else set()
    return [alarm for alarm in near if (alarm.certificate.id, alarm.days) not in known]


async def raise_alarm(db: Database, alarm: Alarm, ways: Ways, now: datetime) -> int:
    """Queue an alarm's letters and remember it, once whoever else does the same; returns how many letters.

    Nothing is remembered where it would reach nobody: whoever sets up mail later still hears of it.
    """
    certificate = alarm.certificate
    named = await messaging.contacts(db, certificate.brand_id)
    own_gateway = await messaging.has_gateway(db, certificate.brand_id)
    async with db.transaction() as conn:
        mails = [*ways.contacts.mails, *named.mails, *await messaging.admins(conn, certificate.brand_id)]
        phones = [*ways.contacts.phones, *named.phones]
        letters_ = _letters(db, certificate, mails if ways.mail else [], phones if ways.gateway or own_gateway else [])
        if not letters_:
            return 0
        row = insert_into(table, is_postgresql=db.is_postgresql)
        row = row.values(certificate_id=certificate.id, days=alarm.days, at=now).on_conflict_do_nothing()
        if not (await conn.execute(row)).rowcount:
            return 0
        await outgoing.want(db, conn, certificate.brand_id, letters_, now)
    return len(letters_)


def _letters(db: Database, certificate: Certificate, mails: Sequence[str], phones: Sequence[str]) -> list[Letter]:
    words = letters.alarm(
        letters.language_of(certificate.languages),
        brand=certificate.brand_name,
        pass_type=certificate.pass_type_identifier,
        not_after=certificate.not_after,
        days=certificate.ends_within,
        public_url=db.public_url,
    )
    made = [_mail("alarm", to, words, GOOD_FOR) for to in dict.fromkeys(mail.lower() for mail in mails)]
    return made + [_short("alarm", to, words, GOOD_FOR) for to in dict.fromkeys(phones)]


async def want_test(db: Database, brand_id: int, channel: Channel, to: str, language: str, now: datetime) -> int:
    """Send a test message; ``outgoing.status`` tells what became of the id."""
    async with db.transaction() as conn:
        name = (await conn.execute(select(tables.brands.c.name).where(tables.brands.c.id == brand_id))).scalar_one()
        words = letters.test(language if language in letters.LANGUAGES else "en", brand=name)
        make: Callable[..., Letter] = _mail if channel is Channel.MAIL else _short
        (letter_id,) = await outgoing.want(db, conn, brand_id, [make("test", to, words, TEST_GOOD_FOR)], now)
        return letter_id


def _mail(kind: str, to: str, words: letters.Words, good_for: timedelta) -> Letter:
    return Letter(kind, Channel.MAIL, to, words.text, words.subject, good_for)


def _short(kind: str, to: str, words: letters.Words, good_for: timedelta) -> Letter:
    return Letter(kind, Channel.GATEWAY, to, words.short, good_for=good_for)


async def raised(db: Database, brand_id: int, limit: int = 20) -> list[dict[str, Any]]:
    """The alarms that a brand's certificates have raised, the newest first: ``days``, ``at``, ``fingerprint``."""
    rows = tables.certificates.c
    some = select(table.c.days, table.c.at, rows.fingerprint).join(
        tables.certificates, rows.id == table.c.certificate_id
    )
    async with db.reading() as conn:
        found = await conn.execute(some.where(rows.brand_id == brand_id).order_by(table.c.at.desc()).limit(limit))
        return [dict(row) for row in found.mappings()]
