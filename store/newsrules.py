"""What a brand asks of its news: quiet hours. Off unless somebody sets it, and the brand's own clock goes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import schedule
from passkit.schedule import Hours
from store import audit
from store.audit import Actor
from store.clock import database_now
from store.dialect import Database
from store.errors import Invalid
from store.problems import problem
from store.tables import brands
from store.tables import news_rules as table
from store.upserts import insert_into


@dataclass(frozen=True, slots=True)
class Rules:
    """``quiet``: hours in which nobody is rung for a news; ``zone`` is the brand's."""

    zone: ZoneInfo
    quiet: Hours | None = None

    def allowed_from(self, at: datetime) -> datetime:
        """The first moment, not before this one, when somebody may be rung."""
        return schedule.allowed_from(self.quiet, self.zone, at)


async def of(db: Database, brand_id: int) -> Rules:
    """The brand's."""
    async with db.reading() as conn:
        return await of_brand(conn, brand_id)


async def of_brand(conn: AsyncConnection, brand_id: int) -> Rules:
    """The same in a transaction."""
    return (await of_brands(conn, [brand_id]))[brand_id]


async def of_brands(conn: AsyncConnection, brand_ids: Collection[int]) -> dict[int, Rules]:
    """Of several at once."""
    wanted = select(brands.c.id, brands.c.time_zone, table.c.quiet)
    wanted = wanted.outerjoin(table, table.c.brand_id == brands.c.id).where(brands.c.id.in_(brand_ids))
    return {row.id: _rules(row) for row in await conn.execute(wanted)}


async def quiet_brands(conn: AsyncConnection, brand_ids: Collection[int]) -> dict[int, datetime]:
    """Those of these brands whose quiet hours it is, and when they end."""
    asked = select(table.c.brand_id).where(table.c.brand_id.in_(brand_ids), table.c.quiet.is_not(None))
    ids = list((await conn.execute(asked)).scalars()) if brand_ids else []
    if not ids:
        return {}
    now = await database_now(conn)
    ends = {id_: rules.allowed_from(now) for id_, rules in (await of_brands(conn, ids)).items()}
    return {id_: end for id_, end in ends.items() if end > now}


def _rules(row: Any) -> Rules:
    return Rules(ZoneInfo(row.time_zone), schedule.hours(row.quiet) if row.quiet else None)


async def set_quiet(db: Database, brand_id: int, text: str, *, by: Actor, now: datetime) -> Rules:
    """Quiet hours as ``21:00-09:00`` in the brand's clock, or none where empty; Invalid at ``/quiet``."""
    try:
        quiet = str(schedule.hours(text)) if text else None
    except ValueError:
        wrong = problem("/quiet", "These are no quiet hours.", "Write them like 21:00-09:00.")
        raise Invalid([wrong]) from None
    await _keep(db, brand_id, by, now, {"quiet": quiet})
    return await of(db, brand_id)


async def _keep(db: Database, brand_id: int, by: Actor, now: datetime, values: dict[str, Any]) -> None:
    kept = insert_into(table, is_postgresql=db.is_postgresql).values(brand_id=brand_id, updated_at=now, **values)
    async with db.joined() as conn:
        await conn.execute(kept.on_conflict_do_update(index_elements=["brand_id"], set_={**values, "updated_at": now}))
        await audit.record(db, brand_id, by, "news_rules.changed", now=now, **values)
