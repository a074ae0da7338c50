"""What people are asked or told about news by mail and short message: each once, to the operator, contacts and admins.

Noted in the transaction of what happened; whoever looks for what was not told yet sends the letters (``raise_alarms``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import letters
from store import messaging, newslinks, outgoing
from store.alarms import Ways
from store.dialect import Database
from store.outgoing import Channel, Letter
from store.tables import brands
from store.tables import news_alarms as table

GOOD_FOR = timedelta(days=1)
KEPT = timedelta(days=30)
MISSED, CUT = "missed", "cut"
"""A news's moment went by; its time was over before everybody was rung."""
APPROVAL, LAPSED = "approval", "lapsed"
"""A news waits for a second person; nobody came in time."""
SLOT_EMPTY, SLOT_FAILED = "slot_empty", "slot_failed"
"""A weekly slot will send nothing tomorrow; its text could not be sent."""


async def note(conn: AsyncConnection, brand_id: int, kind: str, about: str, now: datetime) -> None:
    """Somebody is to hear of it; ``about`` is the news's or the slot's id."""
    await conn.execute(insert(table).values(brand_id=brand_id, kind=kind, about=about, at=now))


async def raise_alarms(db: Database, ways: Ways, now: datetime) -> list[tuple[str, str]]:
    """Queue the letters that are due; (kind, about) of each alarm. Where letters reach nobody, the caller's log tells."""
    due = select(table, brands.c.name, brands.c.languages).join(brands, brands.c.id == table.c.brand_id)
    async with db.reading() as conn:
        rows = (await conn.execute(due.where(table.c.alarmed_at.is_(None)).order_by(table.c.id).limit(100))).all()
    return [(row.kind, row.about) for row in rows if await _raise(db, row, ways, now)]


async def _raise(db: Database, row: Any, ways: Ways, now: datetime) -> bool:
    named = await messaging.contacts(db, row.brand_id)
    has_gateway = ways.gateway or await messaging.has_gateway(db, row.brand_id)
    language = letters.language_of(tuple(row.languages))
    words = letters.news(language, row.kind, brand=row.name, about=row.about, public_url=db.public_url)
    async with db.transaction() as conn:
        mine = update(table).where(table.c.id == row.id, table.c.alarmed_at.is_(None)).values(alarmed_at=now)
        if not (await conn.execute(mine)).rowcount:
            return False
        mails = [*ways.contacts.mails, *named.mails, *await messaging.admins(conn, row.brand_id)] if ways.mail else []
        phones = [*ways.contacts.phones, *named.phones] if has_gateway else []
        personal = []
        if row.kind == APPROVAL:
            personal = await newslinks.ask_by_letter(
                db, conn, row, row.about, has_mail=ways.mail, has_gateway=has_gateway, now=now
            )
        linked = {one.to.lower() for one in personal}
        mails, phones = [[one for one in some if one.lower() not in linked] for some in (mails, phones)]
        wanted = personal + [
            Letter("news", Channel.MAIL, to, words.text, words.subject, GOOD_FOR)
            for to in dict.fromkeys(one.lower() for one in mails)
        ]
        wanted += [Letter("news", Channel.GATEWAY, to, words.short, good_for=GOOD_FOR) for to in dict.fromkeys(phones)]
        if wanted:
            await outgoing.want(db, conn, row.brand_id, wanted, now)
    return True
