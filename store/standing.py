"""How the whole installation stands, for ``/metrics``: what waits and since when, what is held, what nobody could deliver.

Read when somebody asks, never on a phone's way: a handful of SELECTs over queues, which are short, and small tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import processes
from store.clock import database_now
from store.dialect import Database
from store.platforms import APPLE, OTHERS, WAYS, route_of
from store.tables import (
    facts,
    from_micros,
    google_classes,
    google_objects,
    held_changes,
    holds,
    jobs,
    news,
    other_jobs,
    outgoing,
    to_micros,
)
from store.upserts import insert_into

BACKUP = "backup_at"
"""The fact that says when ``backup`` last wrote a file, in microseconds since the epoch."""
LETTERS = ("mail", "gateway")
CHANNELS = (*(way.channel for way in WAYS.values()), "google", *LETTERS)
SOON = timedelta(hours=1)
"""Past the longest pause between two tries."""
WAITING_NEWS = ("scheduled", "running", "paused")


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of things. ``oldest`` is each channel's oldest intent in seconds, 0 where nothing waits.

    ``news`` counts by state, ``breakers`` open ones by channel, ``dead`` what was given up by channel, kept 30 days.
    ``differences``: in how many things running processes do not agree. ``backup_at``: the last backup, None for none known.
    """

    oldest: Mapping[str, float]
    waiting: Mapping[str, int]
    breakers: Mapping[str, int]
    news: Mapping[str, int]
    held_changes: int
    dead: Mapping[str, int]
    differences: int
    backup_at: datetime | None


async def standing(db: Database) -> Standing:
    """Everything at once; raises ``Unavailable``."""
    differences = processes.differences(*await processes.alive(db))
    async with db.reading() as conn:
        now = await database_now(conn)
        queues = await _queues(conn, now)
        oldest = {name: 0.0 if since is None else _seconds(now - since) for name, (_, since) in queues.items()}
        return Standing(
            oldest=oldest,
            waiting={name: count for name, (count, _) in queues.items()},
            breakers=await _breakers(conn),
            news=dict.fromkeys(WAITING_NEWS, 0) | await _counted(conn, news.c.state, _WAITS),
            held_changes=(await conn.execute(_UNDECIDED)).scalar_one(),
            dead=dict.fromkeys(LETTERS, 0) | await _counted(conn, outgoing.c.channel, outgoing.c.state.in_(_DEAD)),
            differences=len(differences),
            backup_at=await _backup(conn),
        )


async def note_backup(db: Database, at: datetime) -> None:
    """A backup has been written; raises ``Unavailable``."""
    row = insert_into(facts, is_postgresql=db.is_postgresql).values(name=BACKUP, value=str(to_micros(at)))
    async with db.transaction() as conn:
        await conn.execute(row.on_conflict_do_update(index_elements=["name"], set_={"value": row.excluded.value}))


async def _queues(conn: AsyncConnection, now: datetime) -> dict[str, tuple[int, datetime | None]]:
    """How many intents wait in each channel, and since when the oldest; without what is due much later: paused, quiet hours."""
    soon = now + SOON
    found: dict[str, tuple[int, datetime | None]] = dict.fromkeys(CHANNELS, (0, None))
    apple = (await conn.execute(select(func.count(), func.min(jobs.c.wanted_at)).where(jobs.c.due_at <= soon))).one()
    found[WAYS[APPLE].channel] = (apple[0], apple[1])
    others = select(other_jobs.c.platform, func.count(), func.min(other_jobs.c.wanted_at))
    others = others.where(other_jobs.c.due_at <= soon)
    for platform, count, since in await conn.execute(others.group_by(other_jobs.c.platform)):
        if platform in OTHERS:
            found[WAYS[platform].channel] = (count, since)
    for table in (google_classes, google_objects):
        some = select(func.count(), func.min(table.c.wanted_at)).where(
            table.c.due_at.is_not(None), table.c.due_at <= soon
        )
        count, since = (await conn.execute(some)).one()
        before = found["google"]
        found["google"] = (before[0] + count, min(filter(None, (before[1], since)), default=None))
    letters = select(outgoing.c.channel, func.count(), func.min(outgoing.c.created_at))
    letters = letters.where(outgoing.c.due_at.is_not(None)).group_by(outgoing.c.channel)
    return found | {channel: (count, since) for channel, count, since in await conn.execute(letters)}


async def _breakers(conn: AsyncConnection) -> dict[str, int]:
    found = dict.fromkeys((*(way.channel for way in WAYS.values()), "google"), 0)
    for name in (await conn.execute(select(holds.c.pass_type_identifier))).scalars():
        channel = route_of(name).channel
        found[channel] = found.get(channel, 0) + 1
    return found


_WAITS = and_(news.c.state.in_(WAITING_NEWS), news.c.trigger_id.is_(None))
"""A trigger's message runs as long as the trigger is on."""


async def _counted(conn: AsyncConnection, by: Any, which: Any) -> dict[str, int]:
    rows = await conn.execute(select(by, func.count()).where(which).group_by(by))
    return {str(name): int(count) for name, count in rows}


async def _backup(conn: AsyncConnection) -> datetime | None:
    value = (await conn.execute(select(facts.c.value).where(facts.c.name == BACKUP))).scalar()
    return None if value is None else from_micros(int(value))


def _seconds(age: timedelta) -> float:
    return max(0.0, age.total_seconds())


_DEAD = ("failed", "late")
_UNDECIDED = select(func.count()).select_from(held_changes).where(held_changes.c.decision.is_(None))
