"""How long whoever failed has to wait: counted in the database, so that every host knows it.

An attempt counts as failed before it is judged, so that a hundred at the same time are a hundred; ``forgive`` takes it
back. The names (an account, an address, a workplace) are stored as HMAC.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sqlalchemy import case, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.dialect import Database
from store.tables import failed_sign_ins as table
from store.upserts import insert_into

FORGOTTEN = timedelta(hours=12)
"""Without another failure the count starts again."""
LONGEST = timedelta(minutes=15)
PURPOSE = "failed-sign-in"


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted: ``free`` failures cost nothing, then each doubles the wait, from 5 seconds to ``LONGEST``."""

    name: str
    free: int


def account(email: str) -> Counted:
    """Whoever tries this account, wherever from."""
    return Counted(f"account:{email}", 4)


def address(client: str | None) -> list[Counted]:
    """Whoever tries from this address; an address that stands for many or for none is not counted."""
    return [] if client is None else [Counted(f"address:{client}", 30)]


def second_step(user_id: int) -> Counted:
    """Whoever has this user's password and tries codes."""
    return Counted(f"code:{user_id}", 4)


def pin(workplace_id: int, employee_id: int) -> Counted:
    """Whoever tries this employee's PIN at this workplace."""
    return Counted(f"pin:{workplace_id}:{employee_id}", 4)


async def begin(db: Database, counted: Sequence[Counted], now: datetime) -> int:
    """Count an attempt: 0 when it may be judged, else the seconds to wait (then it is not counted)."""
    async with db.transaction() as conn:
        for one in sorted(counted, key=lambda one: one.name):
            await conn.execute(
                insert_into(table, is_postgresql=db.is_postgresql)
                .values(name=_name(db, one), failures=0, last_at=now, until=now)
                .on_conflict_do_nothing()
            )
        names = [_name(db, one) for one in counted]
        locked = select(table).where(table.c.name.in_(names)).order_by(table.c.name).with_for_update()
        rows = {row.name: row for row in await conn.execute(locked)}
        wait = max((ceil((row.until - now).total_seconds()) for row in rows.values()), default=0)
        if wait > 0:
            return wait
        for one in counted:
            row = rows[_name(db, one)]
            failures = 1 if now - row.last_at > FORGOTTEN else row.failures + 1
            values = {"failures": failures, "last_at": now, "until": now + _delay(failures - one.free)}
            await conn.execute(update(table).where(table.c.name == row.name).values(**values))
        return 0


async def wait(db: Database, counted: Sequence[Counted], now: datetime) -> int:
    """The seconds until the next attempt would be judged."""
    names = [_name(db, one) for one in counted]
    async with db.reading() as conn:
        until = (await conn.execute(select(table.c.until).where(table.c.name.in_(names)))).scalars().all()
    return max((max(0, ceil((moment - now).total_seconds())) for moment in until), default=0)


async def forgive(conn: AsyncConnection, db: Database, counted: Sequence[Counted], now: datetime) -> None:
    """The attempt was right: the first name starts anew, of the others one failure is taken back."""
    if not counted:
        return
    first, *others = (_name(db, one) for one in counted)
    await conn.execute(delete(table).where(table.c.name == first))
    fewer = case((table.c.failures > 0, table.c.failures - 1), else_=0)
    if others:
        await conn.execute(update(table).where(table.c.name.in_(others)).values(failures=fewer, until=now))


def _delay(failures: int) -> timedelta:
    if failures < 0:
        return timedelta(0)
    return min(LONGEST, timedelta(seconds=5 * 2 ** min(failures, 12)))


def _name(db: Database, one: Counted) -> str:
    return db.keyring.digest(PURPOSE, one.name)
