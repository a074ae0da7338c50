"""News: written, looked at before they are sent, started, paused, taken back, and how far they are.

A news is one row. To everyone on a template it stays one: when it is live its template's row says so, and each card mixes it
in when its phone comes (``store.livenews``). One with conditions, or with marketing, lists its cards first. What happens at a
moment is done by the timer (``store.newstimer``); the operations here only say what is wanted. Nothing here speaks to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.errors import Problem, Severity
from store import (
    newsapproval,
    newsending,
    newspictures,
    newspushes,
    newsrules,
    newsschedule,
    newstimer,
    newswaves,
    randomness,
    tables,
)
from store.dialect import Database, database_now
from store.errors import Conflict, Invalid
from store.googleintents import mark
from store.newsplans import DryRun, NewsSample, count, dry_run, looked_at, planned, refuse_drift, wanted_of
from store.newsrequests import NewsRequest, checked
from store.newssays import Says, says
from store.newsviews import (
    NewsPage,
    NewsView,
    Progress,
    by_id,
    listing,
    needed,
    refuse_unless,
    revision_of,
    view,
    view_of,
)
from store.tables import news as table

__all__ = [
    "KEY_LENGTH",
    "DryRun",
    "Files",
    "NewsPage",
    "NewsSample",
    "NewsView",
    "Progress",
    "Says",
    "by_id",
    "cancel",
    "create",
    "create_in",
    "dry_run",
    "end",
    "listing",
    "looked_at",
    "needed",
    "pause",
    "pictures_of",
    "refuse_drift",
    "resume",
    "revision_of",
    "start",
    "start_in",
    "stop",
    "to_state",
    "view",
    "view_of",
    "wanted_of",
]

KEY_LENGTH = 10
Files = Mapping[str, bytes] | None


async def create(db: Database, brand_id: int, request: NewsRequest, *, by: str, now: datetime) -> NewsView:
    """Write a draft; Invalid with pointers, Conflict ``not_published``."""
    files = await pictures_of(db, brand_id, request)
    async with db.transaction() as conn:
        row = await create_in(db, conn, brand_id, request, by=by, now=now, files=files)
        return await view_of(conn, row)


async def create_in(
    db: Database,
    conn: AsyncConnection,
    brand_id: int,
    request: NewsRequest,
    *,
    by: str,
    now: datetime,
    files: Files = None,
    is_draft: bool = False,
) -> Any:
    """The same in the caller's transaction: the draft's row; ``files`` are what ``pictures_of`` has made of its image.

    ``is_draft``: somebody goes on writing it (``store.newsdrafts``), so that it may say nothing yet.
    """
    template, revision = await revision_of(db, conn, brand_id, request.template)
    if request.ends_at is not None and request.ends_at <= now:
        raise Invalid([Problem(Severity.ERROR, "/ends_at", "it has ended already")])
    if request.not_later_than is not None and request.not_later_than <= now:
        raise Invalid([Problem(Severity.ERROR, "/not_later_than", "that is over already")])
    variants = checked(request, revision.template, is_draft=is_draft)
    if request.image is not None and files is None:
        raise Invalid([Problem(Severity.ERROR, "/image", "a picture cannot come this way", "Send it to /api/v1/news.")])
    kept = await newspictures.keep(conn, files, now) if files else None
    values = {
        "image": kept and kept[newspictures.SOURCE],
        "pictures": kept,
        "brand_id": brand_id,
        "template_id": template.id,
        "key": f"n_{randomness.text(KEY_LENGTH)}",
        "kind": request.kind,
        "topic": request.topic,
        "variants": variants,
        "audience": request.audience,
        "holdout": request.holdout,
        "starts_at": request.starts_at,
        "by_holder": request.zone == "holder",
        "ends_at": request.ends_at,
        "not_later_than": request.not_later_than,
        "state": "draft",
        "stamp": randomness.stamp(),
        "is_listed": request.audience is not None or request.kind == "marketing",
        "created_by": by[:200],
        "created_at": now,
        "updated_at": now,
    }
    added = await conn.execute(insert(table).values(**values).returning(table.c.id))
    return await by_id(conn, added.scalar_one())


async def pictures_of(db: Database, brand_id: int, request: NewsRequest) -> Files:
    """What a request's image becomes, before any transaction: it takes a moment. None without one; Invalid."""
    if request.image is None:
        return None
    async with db.reading() as conn:
        _, revision = await revision_of(db, conn, brand_id, request.template)
    return await newspictures.made(revision.template, request.image)


async def start(
    db: Database,
    brand_id: int,
    key: str,
    *,
    plan: str | None = None,
    by: str = "",
    by_user: int | None = None,
    undo_seconds: int = 0,
    now: datetime,
) -> NewsView:
    """Send it, or a missed one after all, or schedule it for its ``starts_at``, or for ``undo_seconds`` from now.

    Until then a cancel makes it a draft. A big one waits for a second person (``store.newsapproval``), who is not ``by_user``.

    Started already: nothing happens, but what could still be undone goes out now, if ``undo_seconds`` is 0.
    With the ``plan`` of a dry run, Conflict ``plan_changed`` when that is not what would happen now.
    """
    if plan is not None:
        await refuse_drift(db, brand_id, key, plan, now)
    rules = await newsrules.of(db, brand_id)
    cards = await count(db, brand_id, key, now) if rules.approval_above else None
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state == "draft" or row.missed:
            row = await start_in(conn, row, by=by, by_user=by_user, undo_seconds=undo_seconds, cards=cards)
        else:
            refuse_unless(row, ("scheduled", "running"), "started")
            if row.undo_until is not None and not undo_seconds:
                clock = await database_now(conn)
                await to_state(conn, row, row.state, undo_until=None, next_at=clock)
                await mark(conn)
                row = await by_id(conn, row.id)
        return await view_of(conn, row)


async def start_in(
    conn: AsyncConnection,
    row: Any,
    *,
    by: str,
    by_user: int | None = None,
    undo_seconds: int = 0,
    cards: int | None = None,
    is_approved: bool = False,
) -> Any:
    """The same in the caller's transaction, for a draft or a missed one that it has just written or locked.

    ``cards`` are in its audience, None: nobody has counted.
    """
    if not all(any(text.strip() for text in variant["text"].values()) for variant in row.variants):
        raise Conflict("It says nothing yet: give it a text.")
    clock = await database_now(conn)
    if row.ends_at is not None and row.ends_at <= clock:
        raise Conflict("It would have ended already: give it another end.")
    not_later_than = None if row.missed else row.not_later_than
    if not_later_than is not None and not_later_than <= clock:
        raise Conflict("It would be later than it may: give it another time.")
    if row.by_holder and row.starts_at is None:
        raise Conflict("An hour of the holders' clocks needs a time.")
    rules = await newsrules.of_brand(conn, row.brand_id)
    begins = newswaves.earliest(row, rules) if row.by_holder else row.starts_at
    is_later = begins is not None and begins > clock
    undo_until = clock + timedelta(seconds=undo_seconds) if undo_seconds and not is_later else None
    at = row.starts_at if is_later or row.by_holder else undo_until or clock
    late_at = newsschedule.late_at(rules, at, not_later_than)
    if not (is_approved or row.is_test) and await newsapproval.is_needed(conn, row, rules, cards):
        await newsapproval.ask(conn, row, late_at, planned(row, cards), by, by_user)
        await mark(conn)
        return await by_id(conn, row.id)
    is_listed = row.audience is not None or row.kind == "marketing" or rules.caps(row.kind) or row.by_holder
    values = {
        "is_listed": is_listed,
        "state": "scheduled" if is_later or undo_until or row.by_holder else "running",
        "waves": None,
        "wave_at": None,
        "starts_at": clock if row.missed else row.starts_at,
        "not_later_than": not_later_than,
        "late_at": late_at,
        "missed": False,
        "reason": "",
        "refused_by": None,
        "next_at": clock if is_listed else at,
        "undo_until": undo_until,
        "list_position": 0 if is_listed else None,
        "started_by": by[:200],
        "updated_at": clock,
    }
    if row.missed or is_approved:
        await conn.execute(delete(tables.news_cards).where(tables.news_cards.c.news_id == row.id))
    await conn.execute(update(table).where(table.c.id == row.id).values(**values))
    await mark(conn)
    return await by_id(conn, row.id)


async def pause(db: Database, brand_id: int, key: str) -> NewsView:
    """Push to nobody more; who has it keeps it, and a phone that asks by itself gets it. Paused already: nothing happens."""
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state != "paused":
            refuse_unless(row, ("running",), "paused")
            if row.reason == newsschedule.STOPPED:
                raise Conflict("A news that was stopped cannot be paused.")
            await to_state(conn, row, "paused")
            await newspushes.stop(conn, row)
        return await view_of(conn, await by_id(conn, row.id), await says(conn, row, "kept"))


async def resume(db: Database, brand_id: int, key: str) -> NewsView:
    """Go on where it was paused."""
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.state != "running":
            refuse_unless(row, ("paused",), "resumed")
            await to_state(conn, row, "running")
            await newspushes.go_on(conn, row)
        return await view_of(conn, await by_id(conn, row.id), await says(conn, row, "kept"))


async def stop(db: Database, brand_id: int, key: str) -> NewsView:
    """Ring nobody more; who has it keeps it until its end, and the others see it when they come, silently.

    Before anybody could have it, that is a cancel. Stopped already: nothing happens.
    """
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        told = await says(conn, row, "stopped")
        if row.reason != newsschedule.STOPPED:
            refuse_unless(row, ("running", "paused"), "stopped")
            if row.is_live:
                clock = await database_now(conn)
                await to_state(conn, row, "running", not_later_than=clock, reason=newsschedule.STOPPED)
                await newsending.stop(conn, await by_id(conn, row.id))
            else:
                await end(conn, row)
        return await view_of(conn, await by_id(conn, row.id), told)


async def cancel(db: Database, brand_id: int, key: str) -> NewsView:
    """Over now, silently: cards go back to what they showed, Google's message leaves. Cancelled already: nothing happens.

    Within its time to undo it becomes a draft again, and nobody is told anything.
    """
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        told = await says(conn, row, "reverts")
        if row.state == "scheduled" and row.undo_until is not None:
            await conn.execute(delete(tables.news_cards).where(tables.news_cards.c.news_id == row.id))
            nothing = {
                "next_at": None,
                "list_position": None,
                "undo_until": None,
                "started_by": None,
                "plan": None,
                "waves": None,
            }
            await to_state(conn, row, "draft", **nothing)
        elif row.state != "cancelled":
            if row.state in ("done", "failed") and not row.is_live:
                raise Conflict(f"A news that is {row.state} and shown no more cannot be cancelled.")
            await end(conn, row)
        return await view_of(conn, await by_id(conn, row.id), told)


async def end(conn: AsyncConnection, row: Any) -> None:
    """Cancelled, in the transaction that has locked the row."""
    if row.is_live:
        await newstimer.over(conn, row, state="cancelled")
    else:
        await to_state(conn, row, "cancelled", next_at=None, list_position=None, undo_until=None, missed=False)


async def to_state(conn: AsyncConnection, row: Any, state: str, **more: Any) -> None:
    """Another state, and what goes with it."""
    values = {"state": state, "updated_at": await database_now(conn), **more}
    await conn.execute(update(table).where(table.c.id == row.id).values(**values))
