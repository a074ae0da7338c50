"""The alarm of the brake: each time it begins to hold, once, to the operator, the brand's contacts and its admins."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update

from passkit import letters
from store import messaging, outgoing
from store.alarms import Ways
from store.dialect import Database
from store.outgoing import Channel, Letter
from store.tables import brakes, brands, held_changes, sources

GOOD_FOR = timedelta(days=1)


async def raise_alarms(db: Database, ways: Ways, now: datetime) -> list[str]:
    """Queue the letters of brakes that nobody was told of; returns the names of their sources.

    Where letters reach nobody, the brake is told of in the log alone.
    """
    count = select(func.count()).where(held_changes.c.brake_id == brakes.c.id).scalar_subquery()
    due = (
        select(brakes.c.id, brakes.c.brand_id, sources.c.name.label("source"), brands.c.name, brands.c.languages)
        .add_columns(count.label("changes"))
        .join(sources, sources.c.id == brakes.c.source_id)
        .join(brands, brands.c.id == brakes.c.brand_id)
        .where(brakes.c.alarmed_at.is_(None))
        .order_by(brakes.c.id)
    )
    async with db.reading() as conn:
        rows = (await conn.execute(due)).all()
    return [row.source for row in rows if await _raise(db, row, ways, now)]


async def _raise(db: Database, row: Any, ways: Ways, now: datetime) -> bool:
    named = await messaging.contacts(db, row.brand_id)
    has_gateway = ways.gateway or await messaging.has_gateway(db, row.brand_id)
    words = letters.held(
        letters.language_of(tuple(row.languages)),
        brand=row.name,
        source=row.source,
        changes=row.changes,
        public_url=db.public_url,
    )
    async with db.transaction() as conn:
        mine = update(brakes).where(brakes.c.id == row.id, brakes.c.alarmed_at.is_(None)).values(alarmed_at=now)
        if not (await conn.execute(mine)).rowcount:
            return False
        mails = [*ways.contacts.mails, *named.mails, *await messaging.admins(conn, row.brand_id)] if ways.mail else []
        phones = [*ways.contacts.phones, *named.phones] if has_gateway else []
        wanted = [
            Letter("held", Channel.MAIL, to, words.text, words.subject, GOOD_FOR)
            for to in dict.fromkeys(one.lower() for one in mails)
        ]
        wanted += [Letter("held", Channel.GATEWAY, to, words.short, good_for=GOOD_FOR) for to in dict.fromkeys(phones)]
        if wanted:
            await outgoing.want(db, conn, row.brand_id, wanted, now)
    return True
