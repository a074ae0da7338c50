"""What the studio's first page says of a brand, in one function: cards on phones, today's installs, alarms, first steps.

Counting a million registrations takes a while, so it is done page by page, between other work, and kept for a minute.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, or_, select

from store import nextnews, tables
from store.brands import BrandRow
from store.dialect import Database
from store.nextnews import NextNews
from store.users import Role

KEPT = timedelta(minutes=1)
ROWS = 20_000
"""Rows counted in one go: some milliseconds of the event loop on SQLite."""
ALARM_DAYS = 60


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that needs a person: ``kind`` is certificate_days, certificate_over, certificate_none, held or changes_held."""

    kind: str
    days: int = 0
    since: datetime | None = None
    reason: str = ""

    @property
    def is_urgent(self) -> bool:
        """Whether clients notice it already, or soon."""
        return self.kind != "certificate_days" or self.days <= 7


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps; ``waits_for`` is a role, or ``apple``."""

    name: str
    is_done: bool
    waits_for: str


@dataclass(frozen=True, slots=True)
class Home:
    """The page's numbers; a card on two phones counts twice."""

    apple: int
    google: int
    others: int
    today: int
    issued: int
    next_news: NextNews | None
    alarms: Sequence[Alarm]
    steps: Sequence[Step]

    @property
    def is_started(self) -> bool:
        """Whether all first steps are done."""
        return all(step.is_done for step in self.steps)


@dataclass(frozen=True, slots=True)
class _Counts:
    apple: int
    google: int
    others: int
    today: int
    issued: int


class Cache:
    """The last counts by brand."""

    def __init__(self) -> None:
        self.counts: dict[int, tuple[datetime, _Counts]] = {}


async def home(db: Database, brand: BrandRow, now: datetime) -> Home:
    """All that the first page shows of a brand."""
    counts = await _counts(db, brand, now)
    alarms, has_certificate = await _alarms(db, brand, now)
    steps = await _steps(db, brand, counts, has_certificate)
    return Home(
        apple=counts.apple,
        google=counts.google,
        others=counts.others,
        today=counts.today,
        issued=counts.issued,
        next_news=await nextnews.of(db, brand.id),
        alarms=alarms,
        steps=steps,
    )


async def _counts(db: Database, brand: BrandRow, now: datetime) -> _Counts:
    cache = db.kept(Cache).counts
    known = cache.get(brand.id)
    if known is not None and timedelta(0) <= now - known[0] < KEPT:
        return known[1]
    zone = ZoneInfo(brand.time_zone)
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    registrations, tried = tables.registrations.c, select(tables.tryouts.c.card_id)
    registered, registered_today = await _paged(
        db, tables.registrations, brand.id, registrations.created_at, midnight, registrations.card_id.not_in(tried)
    )
    saved = tables.google_objects.c
    google, google_today = await _paged(
        db,
        tables.google_objects,
        brand.id,
        saved.present_at,
        midnight,
        saved.present.is_(True),
        saved.card_id.not_in(tried),
    )
    own = tables.cards.c.id.not_in(tried)
    issued, _ = await _paged(db, tables.cards, brand.id, tables.cards.c.created_at, midnight, own)
    others = await _elsewhere(db, brand)
    counts = _Counts(registered - others, google, others, registered_today + google_today, issued)
    cache[brand.id] = (now, counts)
    return counts


async def _paged(
    db: Database, table: Any, brand_id: int, at: Any, since: datetime, *conditions: Any
) -> tuple[int, int]:
    """How many rows of the brand, and how many of them since ``since``; a page of ids at a time."""
    async with db.reading() as conn:
        last = (await conn.execute(select(func.max(table.c.id)))).scalar() or 0
    total = recent = 0
    for first in range(1, last + 1, ROWS):
        page = (table.c.id.between(first, first + ROWS - 1), table.c.brand_id == brand_id, *conditions)
        counted = select(func.count(), func.coalesce(func.sum(case((at >= since, 1), else_=0)), 0)).where(*page)
        async with db.reading() as conn:
            some, new = (await conn.execute(counted.select_from(table))).one()
        total, recent = total + int(some), recent + int(new)
        await asyncio.sleep(0)
    return total, recent


async def _elsewhere(db: Database, brand: BrandRow) -> int:
    """Cards in other wallets than Apple's: few, and their devices have an index of their own."""
    devices, registrations = tables.devices, tables.registrations
    elsewhere = (
        select(func.count())
        .select_from(registrations.join(devices, devices.c.id == registrations.c.device_id))
        .where(devices.c.pass_type_identifier == brand.pass_type_identifier, tables.ELSEWHERE)
        .where(registrations.c.card_id.not_in(select(tables.tryouts.c.card_id)))
    )
    async with db.reading() as conn:
        return int((await conn.execute(elsewhere)).scalar_one())


async def _alarms(db: Database, brand: BrandRow, now: datetime) -> tuple[list[Alarm], bool]:
    certificates, holds = tables.certificates, tables.holds
    ends = select(func.max(certificates.c.not_after)).where(
        certificates.c.brand_id == brand.id, certificates.c.removed_at.is_(None)
    )
    mine = or_(
        holds.c.pass_type_identifier == brand.pass_type_identifier,
        holds.c.pass_type_identifier.like(f"%:{brand.pass_type_identifier}"),
    )
    async with db.reading() as conn:
        not_after: datetime | None = (await conn.execute(ends)).scalar()
        held = (await conn.execute(select(holds.c.since, holds.c.reason).where(mine))).all()
        kept = select(tables.sources.c.name).join(tables.brakes, tables.brakes.c.source_id == tables.sources.c.id)
        kept = kept.where(tables.brakes.c.brand_id == brand.id).distinct()
        names = (await conn.execute(kept)).scalars().all()
    alarms = [Alarm("held", since=row.since, reason=row.reason) for row in held]
    alarms += [Alarm("changes_held", reason=name) for name in names]
    if not_after is None:
        return [Alarm("certificate_none"), *alarms], False
    days = (not_after - now).days
    if not_after <= now:
        return [Alarm("certificate_over"), *alarms], False
    return ([Alarm("certificate_days", days=days)] if days <= ALARM_DAYS else []) + alarms, True


async def _steps(db: Database, brand: BrandRow, counts: _Counts, has_certificate: bool) -> list[Step]:
    table = tables.templates
    some = select(table.c.draft, table.c.published_revision_id)
    some = some.where(and_(table.c.brand_id == brand.id, table.c.archived_at.is_(None)))
    links = select(func.count()).where(
        tables.join_links.c.brand_id == brand.id, tables.join_links.c.archived_at.is_(None)
    )
    async with db.reading() as conn:
        rows = (await conn.execute(some)).all()
        has_link = bool((await conn.execute(links)).scalar_one())
    has_logo = any(name.startswith("logo") for row in rows for name in row.draft)
    is_published = any(row.published_revision_id is not None for row in rows)
    on_phones = counts.apple + counts.google + counts.others > 0
    return [
        Step("logo", has_logo, Role.DESIGNER.value),
        Step("card", bool(rows), Role.DESIGNER.value),
        Step("phone", on_phones, Role.DESIGNER.value),
        Step("certificate", has_certificate, Role.ADMIN.value),
        Step("publish", is_published, Role.PUBLISHER.value),
        Step("posters", has_link, Role.PUBLISHER.value),
    ]
