"""Mails and short messages on their way out: the row that is due is the intent, whoever wrote it waits for nobody.

``want`` queues in the caller's transaction; a worker claims with a lease, sends, and settles. A worker that dies between
sending and settling has its message sent once more, after the lease. What was sent is forgotten but for its address
(encrypted) and its fate; a message that is of no use any more (a code) is not sent late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import places
from store.clock import NOW
from store.dialect import Database, database_now, mark
from store.errors import NotFound
from store.tables import IS_WAITING
from store.tables import outgoing as table

PURPOSE = "outgoing"
MAX_REASON = 200


class Channel(StrEnum):
    """How it goes."""

    MAIL = "mail"
    GATEWAY = "gateway"


class State(StrEnum):
    """What became of it; all but ``WAITING`` are final."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Letter:
    """What to send: ``to`` is an e-mail address or a phone in E.164; the gateway has no use for ``subject``."""

    kind: str
    channel: Channel
    to: str
    text: str
    subject: str = ""
    good_for: timedelta = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Due:
    """A letter that was claimed; ``attempts`` counts this one."""

    id: int
    brand_id: int
    kind: str
    channel: Channel
    to: str
    subject: str
    text: str
    attempts: int

    def __repr__(self) -> str:
        return f"Due({self.id}, {self.kind!r}, {self.channel!r})"


@dataclass(frozen=True, slots=True)
class Fate:
    """What a try came to: sent, or not and then tried again after ``delay`` unless that is None; ``reason`` names nobody."""

    is_sent: bool
    reason: str = ""
    delay: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """How far a letter is."""

    state: State
    reason: str
    attempts: int
    created_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A line of what a brand has sent: ``reason`` is of the last try that failed."""

    kind: str
    channel: Channel
    state: State
    reason: str
    at: datetime


async def want(
    db: Database, conn: AsyncConnection, brand_id: int, letters: Sequence[Letter], now: datetime
) -> list[int]:
    """Queue letters in this transaction; their ids."""
    await mark(conn, places.LETTERS)
    clock = await database_now(conn)
    ids = []
    for letter in letters:
        content = orjson.dumps({"subject": letter.subject, "text": letter.text})
        values = {
            "brand_id": brand_id,
            "kind": letter.kind,
            "channel": letter.channel.value,
            "to_encrypted": db.keyring.encrypt(PURPOSE, letter.to.encode()),
            "content_encrypted": db.keyring.encrypt(PURPOSE, content),
            "state": State.WAITING.value,
            "due_at": clock,
            "expires_at": clock + letter.good_for,
            "created_at": now,
        }
        ids.append(int((await conn.execute(insert(table).values(**values).returning(table.c.id))).scalar_one()))
    return ids


async def status(db: Database, brand_id: int, letter_id: int) -> Status:
    """How far a letter of this brand is; NotFound."""
    columns = (table.c.state, table.c.reason, table.c.attempts, table.c.created_at, table.c.settled_at)
    async with db.reading() as conn:
        found = await conn.execute(select(*columns).where(table.c.id == letter_id, table.c.brand_id == brand_id))
        row = found.first()
    if row is None:
        raise NotFound("There is no such message.")
    return Status(State(row.state), *row[1:])


async def recent(db: Database, brand_id: int, limit: int = 10) -> list[Sent]:
    """A brand's newest letters and what became of them; to whom they went is not told."""
    columns = (table.c.kind, table.c.channel, table.c.state, table.c.reason, table.c.created_at)
    some = select(*columns).where(table.c.brand_id == brand_id).order_by(table.c.id.desc()).limit(limit)
    async with db.reading() as conn:
        return [
            Sent(row.kind, Channel(row.channel), State(row.state), row.reason, row.created_at)
            for row in await conn.execute(some)
        ]


async def claim(db: Database, *, owner: str, room: int, lease: timedelta) -> list[Due]:
    """Lease at most ``room`` letters that are due, the oldest first; what has become useless ends here."""
    if not await db.fetch(_DUE.format(now=NOW[db.engine.dialect.name])):
        return []
    async with db.transaction() as conn:
        now = await database_now(conn)
        late = update(table).where(table.c.due_at.is_not(None), table.c.expires_at <= now)
        await conn.execute(late.values(**_final(State.LATE), settled_at=now))
        due = select(table.c.id).where(_is_due(now)).order_by(table.c.due_at).limit(room)
        ids = (await conn.execute(due.with_for_update(skip_locked=True))).scalars().all()
        taken = update(table).where(table.c.id.in_(ids))
        taken = taken.values(lease_owner=owner, lease_until=now + lease, attempts=table.c.attempts + 1)
        rows = (await conn.execute(taken.returning(*table.c))).all() if ids else []
    return [_due(db, row) for row in sorted(rows, key=lambda row: (row.due_at, row.id))]


_DUE = """
    SELECT 1 FROM outgoing
    WHERE due_at IS NOT NULL AND due_at <= (SELECT {now}) AND (lease_until IS NULL OR lease_until <= (SELECT {now}))
    LIMIT 1
"""  # asked after every commit that wakes the workers: plain SQL, see store.hotreads


async def settle(db: Database, *, owner: str, due: Due, fate: Fate) -> None:
    """Write what became of a claimed letter."""
    async with db.transaction() as conn:
        now = await database_now(conn)
        mine = update(table).where(table.c.id == due.id, table.c.lease_owner == owner)
        reason = fate.reason[:MAX_REASON]
        if fate.is_sent or fate.delay is None:
            state = State.SENT if fate.is_sent else State.FAILED
            await conn.execute(mine.values(**_final(state), reason=reason, settled_at=now))
        else:
            await conn.execute(mine.values(due_at=now + fate.delay, reason=reason, lease_owner=None, lease_until=None))


async def release(db: Database, *, owner: str) -> None:
    """Give back what this worker has claimed and not sent; it was no try."""
    async with db.transaction() as conn:
        mine = update(table).where(table.c.due_at.is_not(None), table.c.lease_owner == owner)
        await conn.execute(mine.values(lease_owner=None, lease_until=None, attempts=table.c.attempts - 1))


def _is_due(now: datetime) -> Any:
    free = or_(table.c.lease_until.is_(None), table.c.lease_until <= now)
    return and_(IS_WAITING, table.c.due_at <= now, free)


def _final(state: State) -> dict[str, Any]:
    """Nothing more to send: the words go."""
    return {
        "state": state.value,
        "due_at": None,
        "lease_owner": None,
        "lease_until": None,
        "content_encrypted": b"",
    }


def _due(db: Database, row: Any) -> Due:
    """The letter in the clear; empty where no SECRET opens it, and then nobody can send it."""
    try:
        to = db.keyring.decrypt(PURPOSE, row.to_encrypted).decode()
        content = orjson.loads(db.keyring.decrypt(PURPOSE, row.content_encrypted))
    except ValueError:
        to, content = "", {"subject": "", "text": ""}
    return Due(
        row.id, row.brand_id, row.kind, Channel(row.channel), to, content["subject"], content["text"], row.attempts
    )
