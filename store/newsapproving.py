"""The second person's word on a news that waits for it: approved, if it is still what was asked for, or refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, newsapproval, newsrules
from store.audit import Actor
from store.dialect import Database
from store.errors import Conflict
from store.news import NewsView, by_id, needed, start_in, view_of
from store.newsplans import refuse_change


async def approve(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> NewsView:
    """It is sent, or scheduled, as whoever started it wished.

    Conflict for its author and for who may not approve, ``plan_changed`` when it would be another now.
    """
    await refuse_change(db, brand_id, key, now)
    async with db.joined() as conn:
        row = await _waiting(conn, brand_id, key, by)
        row = await start_in(conn, row, by=row.started_by or "", is_approved=True)
        await audit.record(db, brand_id, by, "news.approved", key, now=now)
        return await view_of(conn, await by_id(conn, row.id))


async def refuse(db: Database, brand_id: int, key: str, reason: str = "", *, by: Actor, now: datetime) -> NewsView:
    """It is a draft again, with the reason."""
    async with db.joined() as conn:
        row = await _waiting(conn, brand_id, key, by)
        await newsapproval.back(conn, row, " ".join(reason.split())[:500] or f"{by.name} did not approve it.")
        await audit.record(db, brand_id, by, "news.refused", key, now=now)
        return await view_of(conn, await by_id(conn, row.id))


async def _waiting(conn: AsyncConnection, brand_id: int, key: str, by: Actor) -> Any:
    row = await needed(conn, brand_id, key, lock=True)
    if row.state != newsapproval.STATE:
        raise Conflict("This news does not wait for anybody's approval.")
    is_own = by.user_id == row.asked_by if row.asked_by is not None else by.name == row.started_by
    may = by.user_id in await newsapproval.approvers(conn, brand_id, await newsrules.of_brand(conn, brand_id))
    is_operator = by.user_id is None and by.employee_id is None and by == audit.COMMAND_LINE
    if is_own or not (may or is_operator):
        raise Conflict("Another publisher or a deputy approves it, not its author.")
    return row
