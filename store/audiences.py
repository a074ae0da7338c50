"""Who has a template's cards: counted page by page, so that a million does not stop the others' work."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, case, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialect import Database
from store.googleledger import LIMIT, recent
from store.tables import cards, devices, google_objects, registrations

ROWS = 20_000
"""Ids counted in one go: some milliseconds of the event loop on SQLite."""
APPLE = "ApplePass"
NOTHING = "[]"
"""How a ledger without a moment is stored."""


@dataclass(frozen=True, slots=True)
class Audience:
    """Who has the cards. ``cards``: all that will follow the revision; ``active`` of them are not over.

    ``iphones`` and ``other_phones`` are phones that hold one, ``google`` Google objects in a wallet, ``on_no_phone`` active cards
    that nobody has installed. ``google_used_up``: of ``google``, those whose three notifications a day are used.
    """

    cards: int = 0
    active: int = 0
    iphones: int = 0
    other_phones: int = 0
    google: int = 0
    google_used_up: int = 0
    on_no_phone: int = 0

    def __add__(self, other: Audience) -> Audience:
        """Two parts of one audience."""
        return Audience(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))

    @property
    def seconds(self) -> int:
        """About how long it takes until all have been told, at the pace of Google's 18 a second and phones' own fetches."""
        return max(1, round((self.iphones + self.other_phones) / 500), round(self.google / 18))


async def count(db: Database, template_id: int, now: datetime) -> Audience:
    """The whole audience of a template."""
    total = Audience()
    async with db.reading() as conn:
        first, last = await ends(conn, template_id)
    for start in range(first, last + 1, ROWS):
        page = (cards.c.template_id == template_id) & cards.c.id.between(start, start + ROWS - 1)
        async with db.reading() as conn:
            total += await _page(conn, page, now)
        await asyncio.sleep(0)
    return total


async def ends(conn: AsyncConnection, template_id: int) -> tuple[int, int]:
    """The first and the last id of a template's cards; (1, 0) for none."""
    found = await conn.execute(
        select(func.min(cards.c.id), func.max(cards.c.id)).where(cards.c.template_id == template_id)
    )
    first, last = found.one()
    return (1, 0) if first is None else (first, last)


async def _page(conn: AsyncConnection, page: Any, now: datetime) -> Audience:
    registered = exists().where(registrations.c.card_id == cards.c.id)
    saved = exists().where(google_objects.c.card_id == cards.c.id, google_objects.c.present.is_(True))
    is_active = cards.c.state == "active"
    counted = select(
        func.count(),
        func.coalesce(func.sum(case((is_active, 1), else_=0)), 0),
        func.coalesce(func.sum(case((and_(is_active, ~registered, ~saved), 1), else_=0)), 0),
    )
    every, active, nowhere = (await conn.execute(counted.where(page))).one()
    held = select(devices.c.platform, func.count()).join(registrations, registrations.c.device_id == devices.c.id)
    held = held.join(cards, cards.c.id == registrations.c.card_id).where(page).group_by(devices.c.platform)
    phones = {platform: int(number) for platform, number in await conn.execute(held)}
    google, used_up = await _google(conn, page, now)
    apple = phones.pop(APPLE, 0)
    return Audience(int(every), int(active), apple, sum(phones.values()), google, used_up, int(nowhere))


async def _google(conn: AsyncConnection, page: Any, now: datetime) -> tuple[int, int]:
    """Objects in a wallet, and those that may not be notified again today."""
    objects = google_objects.c
    mine = google_objects.join(cards, cards.c.id == objects.card_id)
    present = select(func.count()).select_from(mine).where(page, objects.present.is_(True))
    number = int((await conn.execute(present)).scalar_one())
    if not number:
        return 0, 0
    ledgers = select(objects.updates_at).select_from(mine).where(page, objects.present.is_(True))
    rows = (await conn.execute(ledgers)).scalars()
    return number, sum(1 for moments in rows if len(recent(moments or (), now)) >= LIMIT)
