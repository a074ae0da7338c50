"""A brand on Google without Google: what a worker would do to the rows, and a look into them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from store import google, tables
from store.dialect import Database
from store.google import Callback, Outcome, Result, Work

ISSUER = "3388000000000000001"
LEASE = timedelta(seconds=60)
DAY = timedelta(hours=24)


class Worker:
    """Claims and settles as a worker does; ``sent`` is all that it would have sent."""

    def __init__(self, db: Database, name: str = "A") -> None:
        self.db = db
        self.name = name
        self.sent: list[Work] = []

    async def claim(self, room: int = 50, *, lease: timedelta = LEASE) -> list[Work]:
        return await google.claim(self.db, owner=self.name, issuer_id=ISSUER, room=room, lease=lease)

    async def settle(self, works: Sequence[Work], outcome: Outcome = Outcome.ACCEPTED, **given: Any) -> None:
        await google.settle(self.db, owner=self.name, results=[self.result(work, outcome, **given) for work in works])

    @staticmethod
    def result(work: Work, outcome: Outcome = Outcome.ACCEPTED, **given: Any) -> Result:
        accepted = outcome is Outcome.ACCEPTED
        told = {"notified": accepted and work.notify_update, "message_sent": accepted and work.message is not None}
        return Result(work, outcome, **{**told, **given})

    async def run(self) -> list[Work]:
        """Everything that is due, accepted; what was sent."""
        done: list[Work] = []
        while works := await self.claim():
            await self.settle(works)
            done += works
        self.sent += done
        return done

    async def only(self) -> Work:
        """The one piece of work that is due."""
        works = await self.claim()
        assert len(works) == 1, works
        return works[0]


async def objects(db: Database) -> list[dict[str, Any]]:
    """The rows of objects, by id."""
    return await _rows(db, tables.google_objects)


async def classes(db: Database) -> list[dict[str, Any]]:
    """The rows of classes, by id."""
    return await _rows(db, tables.google_classes)


async def _rows(db: Database, table: Any) -> list[dict[str, Any]]:
    async with db.reading() as conn:
        return [dict(row) for row in (await conn.execute(select(table).order_by(table.c.id))).mappings()]


async def write(db: Database, table: Any, **values: Any) -> None:
    """Every row of the table."""
    async with db.transaction() as conn:
        await conn.execute(update(table).values(**values))


async def pass_time(db: Database, by: timedelta) -> None:
    """The clock of the database cannot be turned, so the past is moved back: whatever was, was longer ago."""
    micros = by // timedelta(microseconds=1)
    for table, rows in ((tables.google_objects, await objects(db)), (tables.google_classes, await classes(db))):
        moments = [column.name for column in table.c if isinstance(column.type, tables.Instant)]
        ledgers = [name for name in ("updates_at", "messages_at") if name in table.c]
        for row in rows:
            moved: dict[str, Any] = {name: row[name] - by for name in moments if row[name] is not None}
            moved |= {name: [stamp - micros for stamp in row[name]] for name in ledgers}
            moved["reserved"] = {
                name: value - micros if name in ("update", "message") else value
                for name, value in row["reserved"].items()
            }
            async with db.transaction() as conn:
                await conn.execute(update(table).where(table.c.id == row["id"]).values(**moved))


def callback(serial: str, class_id: str, event: str = "save", nonce: str = "n1", issuer: str = ISSUER) -> Callback:
    """A verified callback."""
    from passkit.google.callback import Event

    return Callback(class_id, f"{issuer}.{serial}", Event(event), nonce, datetime(2026, 11, 22, 13, tzinfo=UTC))
