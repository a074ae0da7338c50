"""A database that was restored or copied sends nothing until a person has seen what would go out and released it.

Two servers that send from copies of one database would ring everybody twice, and an old copy would tell everybody old balances.
The database remembers where it lives: on SQLite the file's inode, on PostgreSQL the server's identifier and the database's id.
Somewhere else it is a copy. A restore says so by itself, and may put it back to the same place.

Nor does it know any more what phones have: they may have been given what the copy has never heard of. So each fetches its
cards once more, silently, when it next asks, and no Last-Modified that was ever told is told again for something else.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialect import Database, database_now
from store.tables import cards, facts, google_classes, google_objects, jobs, leases, news, other_jobs, outgoing
from store.upserts import insert_into

HELD, HOME = "held", "home"
COPIED, RESTORED = "copied", "restored"
AHEAD = timedelta(minutes=1)
"""More than a Last-Modified that was lost can have been ahead of the clock: a second for each change within a second."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What would go out by one channel: ``count`` intents (one may be for several phones) and the oldest of them."""

    channel: str
    count: int
    oldest: datetime | None


async def check(db: Database) -> str | None:
    """Why nothing may leave: ``copied`` or ``restored``; None: all may. A database without a place takes this one."""
    async with db.reading() as conn:
        known = await _facts(conn)
        here = await _place(db, conn)
    if HELD in known:
        return known[HELD]
    if known.get(HOME) == here:
        return None
    why = COPIED if HOME in known else None
    async with db.transaction() as conn:
        await _keep(db, conn, HELD if why else HOME, why or here)
        if why:
            await _forget_phones(conn)
    return why


async def why_held(db: Database) -> str | None:
    """The same without looking where it lives."""
    async with db.reading() as conn:
        return (await _facts(conn)).get(HELD)


async def hold(db: Database, why: str = RESTORED) -> None:
    """Let nothing leave from now on; workers that run already are not stopped."""
    async with db.transaction() as conn:
        await _keep(db, conn, HELD, why)
        await _forget_phones(conn)


async def release(db: Database) -> None:
    """Let everything leave; this place is its home. Whoever had leased something lives elsewhere, or no more."""
    async with db.transaction() as conn:
        await conn.execute(delete(leases))
        for table in (jobs, other_jobs, outgoing, google_classes, google_objects):
            leased = update(table).where(table.c.lease_until.is_not(None))
            await conn.execute(leased.values(lease_owner=None, lease_until=None))
        await conn.execute(delete(facts).where(facts.c.name == HELD))
        await _keep(db, conn, HOME, await _place(db, conn))


async def waiting(db: Database) -> list[Waiting]:
    """What would go out, by channel: apple, each other wallet, google, mail, gateway, news."""
    async with db.reading() as conn:
        found = [await _one(conn, "apple", jobs.c.wanted_at, None)]
        platforms = select(other_jobs.c.platform, func.count(), func.min(other_jobs.c.wanted_at))
        found += [Waiting(*row) for row in await conn.execute(platforms.group_by(other_jobs.c.platform))]
        found.append(await _one(conn, "google", google_objects.c.due_at, google_objects.c.due_at.is_not(None)))
        found.append(await _one(conn, "google classes", google_classes.c.due_at, google_classes.c.due_at.is_not(None)))
        letters = select(outgoing.c.channel, func.count(), func.min(outgoing.c.due_at))
        letters = letters.where(outgoing.c.due_at.is_not(None)).group_by(outgoing.c.channel)
        found += [Waiting(*row) for row in await conn.execute(letters)]
        found.append(await _one(conn, "news", news.c.next_at, news.c.next_at.is_not(None)))
    return [one for one in found if one.count]


async def _forget_phones(conn: AsyncConnection) -> None:
    """No download counts for what the cards show now, nothing of it rings, and no phone can have its Last-Modified."""
    now = int((await database_now(conn)).timestamp())
    later = case((cards.c.last_modified > now, cards.c.last_modified), else_=now) + int(AHEAD.total_seconds())
    unheard: dict[str, Any] = {"ring": [], "ring_waiting": [], "ring_text_hash": None}
    await conn.execute(update(cards).values(served_edition=None, served_count=0, last_modified=later, **unheard))


async def _one(conn: AsyncConnection, channel: str, moment: Any, which: Any) -> Waiting:
    some = select(func.count(), func.min(moment))
    count, oldest = (await conn.execute(some if which is None else some.where(which))).one()
    return Waiting(channel, count, oldest)


async def _facts(conn: AsyncConnection) -> dict[str, str]:
    rows = await conn.execute(select(facts).where(facts.c.name.in_((HELD, HOME))))
    return {row.name: row.value for row in rows}


async def _keep(db: Database, conn: AsyncConnection, name: str, value: str) -> None:
    row = insert_into(facts, is_postgresql=db.is_postgresql).values(name=name, value=value)
    await conn.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


async def _place(db: Database, conn: AsyncConnection) -> str:
    if not db.is_postgresql:
        return f"file {os.stat(db.engine.url.database or '').st_ino}"
    return f"database {(await conn.execute(_POSTGRESQL)).scalar_one()}"


_POSTGRESQL = text(
    "SELECT CASE WHEN has_function_privilege('pg_control_system()', 'execute') "
    "THEN (SELECT system_identifier::text FROM pg_control_system()) ELSE '' END || ' ' || oid "
    "FROM pg_database WHERE datname = current_database()"
)
