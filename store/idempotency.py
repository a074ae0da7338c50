"""A POST sent twice: the second gets the first one's answer, and its effect happens once.

The answer is written in the effect's own transaction: inside ``once`` every operation of the store joins that one, so that
a crash leaves both or neither. A request whose effect is too long for one transaction (a batch) takes ``atomic=False``: its
key is claimed first, and a claim that a crash left behind ends after ten minutes.

https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.dialect import Database
from store.errors import Conflict

PURPOSE = "idempotent-answer"
KEPT = timedelta(days=7)
ABANDONED = timedelta(minutes=10)
"""A claim older than this belongs to a process that has died."""
MAX_KEY = 200


@dataclass(frozen=True, slots=True)
class Stored:
    """The first request's answer."""

    status: int
    body: bytes


@dataclass(slots=True)
class Once:
    """``stored`` is there when this is a repetition: send it and do nothing. Else do it, and ``answer`` what was said."""

    stored: Stored | None = None
    said: Stored | None = None

    def answer(self, status: int, body: bytes) -> None:
        """Keep this for repetitions; unsaid (an error), the key stays free."""
        self.said = Stored(status, body)


@dataclass(frozen=True, slots=True)
class _Key:
    api_key_id: int
    route: str
    key: str
    fingerprint: str = field(compare=False)

    @property
    def place(self) -> dict[str, object]:
        return {"api_key_id": self.api_key_id, "route": self.route, "key": self.key}

    @property
    def row(self) -> ColumnElement[bool]:
        return and_(*(tables.idempotency_keys.c[name] == value for name, value in self.place.items()))

    @property
    def lock(self) -> int:
        digest = hashlib.sha256(repr(sorted(self.place.items())).encode()).digest()
        return int.from_bytes(digest[:8], "big", signed=True)


class _Running:
    """The keys whose first request runs in this process."""

    def __init__(self) -> None:
        self.keys: set[_Key] = set()


@contextlib.asynccontextmanager
async def once(
    db: Database, *, api_key_id: int, route: str, key: str, body: bytes, now: datetime, atomic: bool = True
) -> AsyncIterator[Once]:
    """Run the body of the ``async with`` at most once for this key of this route.

    Conflict ``idempotency_running`` (409) while the first is not finished, ``idempotency_reused`` (422) when the key came with
    another body. An exception inside leaves the key free, so that a corrected request may use it.
    """
    mine = _Key(api_key_id, route[:200], key, hashlib.sha256(body).hexdigest())
    running = db.kept(_Running).keys
    if mine in running:
        raise _still_running()
    running.add(mine)
    try:
        async with _together(db, mine, now) if atomic else _claimed(db, mine, now) as found:
            yield found
    finally:
        running.discard(mine)


@contextlib.asynccontextmanager
async def _together(db: Database, mine: _Key, now: datetime) -> AsyncIterator[Once]:
    async with db.joined() as conn:
        await _lock(db, conn, mine)
        found = Once(await _known(db, conn, mine, now))
        yield found
        if found.stored is None and found.said is not None:
            values = _answer(db, found.said) | {"fingerprint": mine.fingerprint, "created_at": now}
            await conn.execute(insert(tables.idempotency_keys).values(**mine.place, **values))


@contextlib.asynccontextmanager
async def _claimed(db: Database, mine: _Key, now: datetime) -> AsyncIterator[Once]:
    found = Once(await _claim(db, mine, now))
    if found.stored is not None:
        yield found
        return
    try:
        yield found
    finally:
        async with db.transaction() as conn:
            table = tables.idempotency_keys
            if found.said is None:
                await conn.execute(delete(table).where(mine.row))
            else:
                await conn.execute(update(table).where(mine.row).values(**_answer(db, found.said)))


async def _claim(db: Database, mine: _Key, now: datetime) -> Stored | None:
    try:
        async with db.transaction() as conn:
            stored = await _known(db, conn, mine, now)
            if stored is None:
                values = {"fingerprint": mine.fingerprint, "created_at": now}
                await conn.execute(insert(tables.idempotency_keys).values(**mine.place, **values))
            return stored
    except IntegrityError:
        raise _still_running() from None


async def _known(db: Database, conn: AsyncConnection, mine: _Key, now: datetime) -> Stored | None:
    """The answer that is kept; None when the key is free (again)."""
    table = tables.idempotency_keys
    old = or_(table.c.created_at < now - KEPT, and_(table.c.status.is_(None), table.c.created_at < now - ABANDONED))
    await conn.execute(delete(table).where(mine.row, old))
    row = (await conn.execute(select(table).where(mine.row))).first()
    if row is None:
        return None
    if row.fingerprint != mine.fingerprint:
        raise Conflict("This Idempotency-Key was used with another body.", code="idempotency_reused")
    if row.status is None:
        raise _still_running()
    return Stored(row.status, db.keyring.decrypt(PURPOSE, row.body_encrypted))


async def _lock(db: Database, conn: AsyncConnection, mine: _Key) -> None:
    """On PostgreSQL another process may run the same key; SQLite has one writer anyway."""
    if db.is_postgresql:
        taken = await conn.execute(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": mine.lock})
        if not taken.scalar_one():
            raise _still_running()


def _answer(db: Database, said: Stored) -> dict[str, object]:
    return {"status": said.status, "body_encrypted": db.keyring.encrypt(PURPOSE, said.body)}


def _still_running() -> Conflict:
    return Conflict("The first request with this key is not finished.", code="idempotency_running")
