"""Whose a route is, and what is held.

A route (a pass type's phones of one platform) is leased to one worker at a time, so that its breaker, its pace and its
connections hold across hosts; a lease that is not renewed ends by the database's clock. A hold is an open breaker: the
intents wait, nothing is deleted, and now and then one push may try whether the cause is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, or_, select, update

from store.clock import NOW
from store.dialect import Database, database_now
from store.platforms import Route, route_of
from store.tables import holds, leases
from store.upserts import insert_into


@dataclass(frozen=True, slots=True)
class Hold:
    """Pushes of this route wait: why, since when, and when one may try again.

    ``pass_type_identifier`` is the route's name as ``Route.hold`` writes it: for Apple's phones the bare pass type.
    """

    pass_type_identifier: str
    reason: str
    since: datetime
    probe_at: datetime

    @property
    def route(self) -> Route:
        """Whose pushes wait."""
        return route_of(self.pass_type_identifier)


async def take(db: Database, *, name: str, owner: str, duration: timedelta) -> bool:
    """Take or renew the lease; False when another owner holds it."""
    async with db.transaction() as conn:
        now = await database_now(conn)
        mine = or_(leases.c.owner == owner, leases.c.until < now)
        values = {"owner": owner, "until": now + duration}
        renewed = await conn.execute(update(leases).where(leases.c.name == name, mine).values(values))
        if renewed.rowcount:
            return True
        row = insert_into(leases, is_postgresql=db.is_postgresql).values(name=name, **values)
        added = await conn.execute(row.on_conflict_do_nothing())
        return bool(added.rowcount)


async def holders(db: Database) -> dict[str, str]:
    """Who holds what now: the name of each lease that has not ended, and its owner."""
    rows = await db.fetch(_HELD.format(now=NOW[db.engine.dialect.name]))
    return {row[0]: row[1] for row in rows}


_HELD = "SELECT l.name, l.owner FROM leases l WHERE l.until >= (SELECT {now})"


async def release(db: Database, *, owner: str) -> None:
    """Give back every lease of this owner, so that the next worker need not wait for their end."""
    async with db.transaction() as conn:
        await conn.execute(delete(leases).where(leases.c.owner == owner))


async def hold(db: Database, *, pass_type_identifier: str, reason: str, probe_after: timedelta) -> None:
    """Hold this route's pushes; held already, the reason and the time of the next probe are renewed."""
    async with db.transaction() as conn:
        now = await database_now(conn)
        renewed = {"reason": reason, "probe_at": now + probe_after}
        row = insert_into(holds, is_postgresql=db.is_postgresql).values(
            pass_type_identifier=pass_type_identifier, since=now, **renewed
        )
        await conn.execute(row.on_conflict_do_update(index_elements=["pass_type_identifier"], set_=renewed))


async def unhold(db: Database, *, pass_type_identifier: str) -> None:
    """The cause is gone: the waiting intents go out."""
    async with db.transaction() as conn:
        await conn.execute(delete(holds).where(holds.c.pass_type_identifier == pass_type_identifier))


async def held(db: Database) -> list[Hold]:
    """Every hold, for doctor, metrics and the studio."""
    async with db.reading() as conn:
        rows = await conn.execute(select(holds).order_by(holds.c.since))
        return [Hold(**row) for row in rows.mappings()]
