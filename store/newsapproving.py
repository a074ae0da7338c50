"""The second person's word on a news that waits for it: approved, if it is still what was asked for, or refused."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, newsapproval, newsapprovers, newsrules
from store.audit import Actor
from store.dialect import Database
from store.errors import Conflict
from store.news import NewsView, by_id, needed, start_in, view_of
from store.newsapprovers import Approver
from store.newsplans import refuse_change
from store.tables import news

MOST = 100
"""News that are listed as waiting."""


async def waiting(db: Database, brand_id: int, user_id: int | None = None) -> tuple[NewsView, ...]:
    """News that wait for a second person, those that lapse first ahead; with ``user_id`` those that this user may decide."""
    wanted = select(news.c.id).where(news.c.brand_id == brand_id, news.c.state == newsapprovers.STATE)
    async with db.reading() as conn:
        ids = (await conn.execute(wanted.order_by(news.c.next_at).limit(MOST))).scalars().all()
        rows = [await by_id(conn, one) for one in ids]
        if rows and user_id is not None:
            rows = [row for row in rows if user_id in {one.id for one in await deciders(conn, row)}]
        return tuple([await view_of(conn, row) for row in rows])


async def asked_of(db: Database, brand_id: int, key: str) -> tuple[Approver, ...]:
    """Those whose word a news waits for; nobody's where it does not wait."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        return await deciders(conn, row) if row.state == newsapprovers.STATE else ()


async def deciders(conn: AsyncConnection, row: Any) -> tuple[Approver, ...]:
    """All who may approve, but the author."""
    rules = await newsrules.of_brand(conn, row.brand_id)
    return tuple(await newsapprovers.others(conn, row.brand_id, rules, row.asked_by, row.started_by))


async def approve(
    db: Database,
    brand_id: int,
    key: str,
    *,
    by: Actor,
    plan: str | None = None,
    is_key: bool = False,
    undo_seconds: int = 0,
    now: datetime,
) -> NewsView:
    """It is sent, or scheduled, as whoever started it wished; ``undo_seconds`` as of a start.

    Conflict for its author and for who may not approve, ``plan_changed`` when it would be another now, or was asked for
    again since ``plan``. ``is_key``: an API key that may approve; its author is the key of the same name.
    """
    await refuse_change(db, brand_id, key, now)
    async with db.joined() as conn:
        row = await _waiting(conn, brand_id, key, by, plan, is_key=is_key)
        row = await start_in(conn, row, by=row.started_by or "", is_approved=True, undo_seconds=undo_seconds)
        await audit.record(db, brand_id, by, "news.approved", key, now=now)
        return await view_of(conn, await by_id(conn, row.id))


async def refuse(
    db: Database,
    brand_id: int,
    key: str,
    reason: str = "",
    *,
    by: Actor,
    plan: str | None = None,
    is_key: bool = False,
    now: datetime,
) -> NewsView:
    """It is a draft again, with the reason."""
    async with db.joined() as conn:
        row = await _waiting(conn, brand_id, key, by, plan, is_key=is_key)
        said = " ".join(reason.split())[:500]
        await newsapproval.back(conn, row, said or f"{by.name} did not approve it.", by.name[:200])
        await audit.record(db, brand_id, by, "news.refused", key, now=now)
        return await view_of(conn, await by_id(conn, row.id))


async def take_back(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> NewsView:
    """Nobody is asked any more: it is a draft again. Conflict where nobody is."""
    async with db.joined() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        _refuse_other(row, None)
        await newsapproval.back(conn, row, "")
        await audit.record(db, brand_id, by, "news.taken_back", key, now=now)
        return await view_of(conn, await by_id(conn, row.id))


async def _waiting(conn: AsyncConnection, brand_id: int, key: str, by: Actor, plan: str | None, *, is_key: bool) -> Any:
    row = await needed(conn, brand_id, key, lock=True)
    _refuse_other(row, plan)
    is_own = by.user_id == row.asked_by if row.asked_by is not None else by.name == row.started_by
    may = is_key or by.user_id in {one.id for one in await deciders(conn, row)}
    is_operator = by.user_id is None and by.employee_id is None and by == audit.COMMAND_LINE
    if is_own or not (may or is_operator):
        raise Conflict("Another publisher or a deputy approves it, not its author.")
    return row


def _refuse_other(row: Any, plan: str | None) -> None:
    if row.state != newsapprovers.STATE:
        raise Conflict("This news does not wait for anybody's approval.")
    if plan is not None and (row.plan or {}).get("id") != plan:
        raise Conflict("It was asked for again meanwhile.", code="plan_changed")
