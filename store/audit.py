"""The audit trail: who did what, when, to what. Never a customer's data: subjects are our own keys and numbers.

An operation of the store that a person asked for writes its line in its own transaction: ``record`` inside
``db.joined()`` makes any operation and its line one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select

from store.dialect import Database
from store.tables import audit as table

KEPT = timedelta(days=730)
PAGE = 50


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does it: a user, an employee, or a command line (neither)."""

    name: str
    user_id: int | None = None
    employee_id: int | None = None


COMMAND_LINE = Actor("command line")


@dataclass(frozen=True, slots=True)
class Line:
    """One thing done."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which lines; empty means any. ``before`` is the id of the last line of the page before."""

    actor: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


async def record(
    db: Database,
    brand_id: int,
    by: Actor,
    action: str,
    subject: str = "",
    *,
    now: datetime,
    **detail: Any,
) -> None:
    """Write a line; ``action`` is ``thing.done`` with a sentence in handlers/studio/texts/audit.py."""
    values = {"brand_id": brand_id, "at": now, "user_id": by.user_id, "employee_id": by.employee_id}
    async with db.writing() as conn:
        await conn.execute(
            insert(table).values(**values, actor=by.name[:200], action=action, subject=subject[:200], detail=detail)
        )


async def lines(db: Database, brand_id: int, wanted: Filter, limit: int = PAGE) -> list[Line]:
    """A page of the brand's trail, newest first."""
    some = select(table.c.id, table.c.at, table.c.actor, table.c.action, table.c.subject, table.c.detail)
    some = some.where(table.c.brand_id == brand_id)
    if wanted.actor:
        some = some.where(table.c.actor == wanted.actor)
    if wanted.action:
        some = some.where(table.c.action == wanted.action)
    if wanted.since is not None:
        some = some.where(table.c.at >= wanted.since)
    if wanted.until is not None:
        some = some.where(table.c.at < wanted.until)
    if wanted.before is not None:
        some = some.where(table.c.id < wanted.before)
    async with db.reading() as conn:
        return [Line(*row) for row in await conn.execute(some.order_by(table.c.id.desc()).limit(limit))]


async def words(db: Database, brand_id: int) -> tuple[Sequence[str], Sequence[str]]:
    """Every actor and every action in the brand's trail, for the page's filters."""
    mine = table.c.brand_id == brand_id
    async with db.reading() as conn:
        actors = await conn.execute(select(table.c.actor).where(mine).distinct().order_by(table.c.actor).limit(200))
        actions = await conn.execute(select(table.c.action).where(mine).distinct().order_by(table.c.action))
        return actors.scalars().all(), actions.scalars().all()
