"""A second person for big news: above so many cards a started news waits until somebody else has approved it.

Off unless the brand sets a number, and while fewer than two people could approve. In the database such a news is in the state
``approval``; when nobody has approved it in time it is a draft again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import newsalarms, newsapprovers
from store.clock import database_now
from store.newsrules import Rules
from store.tables import cards, news

SHOWN = "waiting_approval"
"""How answers name the state."""
GOOD_FOR = timedelta(hours=24)
LAPSED = "Nobody approved it in time."


async def is_needed(conn: AsyncConnection, row: Any, rules: Rules, count: int | None) -> bool:
    """Whether a news to so many cards, None: to all of its template, waits for a second person."""
    if not rules.approval_above:
        return False
    if count is None:
        of_template = select(func.count()).select_from(cards).where(cards.c.template_id == row.template_id)
        count = (await conn.execute(of_template)).scalar_one()
    return count > rules.approval_above and len(await newsapprovers.of_brand(conn, row.brand_id, rules)) > 1


async def ask(
    conn: AsyncConnection, row: Any, late_at: datetime, plan: Mapping[str, Any], by: str, user_id: int | None
) -> None:
    """The started news waits; the row is locked. It lapses after a day, or when it would be too late to begin."""
    now = await database_now(conn)
    lapses_at = min(now + GOOD_FOR, late_at)
    values: dict[str, Any] = {
        "state": newsapprovers.STATE,
        "next_at": lapses_at,
        "started_by": by[:200],
        "asked_by": user_id,
        "updated_at": now,
    }
    values |= {"missed": False, "reason": "", "refused_by": None, "plan": dict(plan)}
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))
    await newsalarms.note(conn, row.brand_id, newsalarms.APPROVAL, row.key, now)


async def back(conn: AsyncConnection, row: Any, reason: str, refused_by: str | None = None) -> None:
    """A draft again, and why; the row is locked."""
    values: dict[str, Any] = {"state": "draft", "next_at": None, "started_by": None, "asked_by": None, "plan": None}
    values |= {"reason": reason} | {"refused_by": refused_by, "updated_at": await database_now(conn)}
    await conn.execute(update(news).where(news.c.id == row.id).values(**values))


async def lapse(conn: AsyncConnection, row: Any) -> None:
    """Nobody came; the row is locked."""
    await back(conn, row, LAPSED)
    await newsalarms.note(conn, row.brand_id, newsalarms.LAPSED, row.key, await database_now(conn))
