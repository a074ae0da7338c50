"""News as answers show them: the row with what belongs to it, how far it is, a page of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.errors import Problem, Severity
from store import compiled, newsapproval, newsapprovers, newspictures, newsreasons, newswaves, tables
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound, StoreError
from store.newsreasons import Reason
from store.newssays import Says
from store.newswaves import Wave
from store.tables import brands, news_counts, news_waiting, templates
from store.tables import news as table

MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, in (device, pass type) pairs and Google objects; ``fetched`` have the text on the card.

    ``targets`` were counted when it went live, and are exact when it is done; ``waiting`` have no verdict yet.
    ``capped`` are cards that show it silently, because they were rung for as many as they may be.
    """

    targets: int = 0
    accepted: int = 0
    gone: int = 0
    waiting: int = 0
    failed: int = 0
    fetched: int = 0
    capped: int = 0


@dataclass(frozen=True, slots=True)
class NewsView:
    """A news as answers show it. ``is_live``: cards show it, or will when their phones come.

    ``missed``: its moment went by, and it goes when it is started again; ``held_until``: quiet hours hold it so long.
    ``reasons``: why phones and objects were not told, or not yet.
    ``approve_by``: it waits for a second person, and is a draft again then; ``refused_by`` did not approve it.
    """

    id: str
    template: str
    state: str
    approve_by: datetime | None
    is_live: bool
    kind: str
    topic: str | None
    text: Mapping[str, str]
    title: Mapping[str, str]
    url: str | None
    image: str | None
    variants: tuple[Mapping[str, Any], ...]
    audience: Mapping[str, Any] | None
    holdout: int
    starts_at: datetime | None
    zone: str
    waves: tuple[Wave, ...]
    ends_at: datetime | None
    not_later_than: datetime | None
    missed: bool
    held_until: datetime | None
    live_at: datetime | None
    over_at: datetime | None
    undo_until: datetime | None
    corrected_at: datetime | None
    withdrawn_at: datetime | None
    reason: str
    refused_by: str | None
    created_by: str
    started_by: str | None
    created_at: datetime
    updated_at: datetime
    progress: Progress
    reasons: tuple[Reason, ...]
    result: Mapping[str, Any] | None
    says: Says | None = None


@dataclass(frozen=True, slots=True)
class NewsPage:
    """A page of news, newest first; ``next_cursor`` is None on the last."""

    news: tuple[NewsView, ...]
    next_cursor: str | None


async def view(db: Database, brand_id: int, key: str) -> NewsView:
    """One news; NotFound."""
    async with db.reading() as conn:
        return await view_of(conn, await needed(conn, brand_id, key))


async def listing(
    db: Database, brand_id: int, *, template: str | None = None, cursor: str | None = None, limit: int = 100
) -> NewsPage:
    """The brand's news, newest first, but tests on phones and triggers' own; StoreError ``bad_cursor`` for a cursor not ours."""
    limit = max(1, min(limit, MAX_LIMIT))
    wanted = _rows().where(table.c.brand_id == brand_id, templates.c.tryout_of.is_(None), table.c.trigger_id.is_(None))
    if template is not None:
        wanted = wanted.where(templates.c.key == template)
    if cursor is not None:
        mine = select(table.c.id).where(table.c.brand_id == brand_id, table.c.key == cursor).scalar_subquery()
        wanted = wanted.where(table.c.id < mine)
    async with db.reading() as conn:
        if cursor is not None and not (tables.is_storable(cursor) and await find(conn, brand_id, cursor)):
            raise StoreError("This cursor is not one of ours.", code="bad_cursor")
        rows = (await conn.execute(wanted.order_by(table.c.id.desc()).limit(limit + 1))).all()
        views = [await view_of(conn, row) for row in rows[:limit]]
    return NewsPage(tuple(views), views[-1].id if len(rows) > limit else None)


def _rows() -> Any:
    rows = select(
        table,
        templates.c.key.label("template_key"),
        templates.c.published_revision_id.label("revision_id"),
        tables.revisions.c.number.label("revision_number"),
        brands.c.pass_type_identifier,
        brands.c.google_mode,
        brands.c.revoked_at.label("brand_revoked_at"),
    )
    rows = rows.join(templates, templates.c.id == table.c.template_id).join(brands, brands.c.id == table.c.brand_id)
    return rows.outerjoin(tables.revisions, tables.revisions.c.id == templates.c.published_revision_id)


async def by_id(conn: AsyncConnection, news_id: int) -> Any:
    """Its row with what belongs to it."""
    return (await conn.execute(_rows().where(table.c.id == news_id))).one()


async def find(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> Any | None:
    """The same by its name outside, None: this brand has none such."""
    wanted = _rows().where(table.c.brand_id == brand_id, table.c.key == key)
    if lock:
        wanted = wanted.with_for_update(of=table)
    return (await conn.execute(wanted)).first()


async def needed(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = False) -> Any:
    """The row of a brand's news; NotFound."""
    row = await find(conn, brand_id, key, lock=lock) if tables.is_storable(key) else None
    if row is None:
        raise NotFound("This brand has no news by that id.", code="news_not_found")
    if lock and row.trigger_id is not None:
        raise Conflict("It is the message of a trigger: that one is switched on and off.")
    return row


def state_of(row: Any) -> str:
    """Its state as answers name it."""
    return newsapproval.SHOWN if row.state == newsapprovers.STATE else str(row.state)


def refuse_unless(row: Any, states: tuple[str, ...], done: str) -> None:
    """Conflict for what does not fit the state."""
    if row.state not in states:
        raise Conflict(f"A news that is {state_of(row)} cannot be {done}.")


async def revision_of(db: Database, conn: AsyncConnection, brand_id: int, key: str) -> tuple[Any, Any]:
    """The template's row and its published revision."""
    wanted = select(templates.c.id, templates.c.published_revision_id, brands.c.stamp)
    wanted = wanted.join(brands, brands.c.id == templates.c.brand_id)
    row = (await conn.execute(wanted.where(templates.c.brand_id == brand_id, templates.c.key == key))).first()
    if row is None:
        raise Invalid([Problem(Severity.ERROR, "/template", f"there is no template {key!r}")])
    if row.published_revision_id is None:
        raise Conflict(f"The template {key!r} has not been published yet.", code="not_published")
    return row, await compiled.revision(db, conn, revision_id=row.published_revision_id, brand_stamp=row.stamp)


async def view_of(conn: AsyncConnection, row: Any, says: Says | None = None) -> NewsView:
    """The row as answers show it; ``says`` after an operation."""
    own, progress = row.variants[0], await _progress(conn, row)
    has_reasons = progress.gone or progress.failed or progress.waiting
    return NewsView(
        id=row.key,
        template=row.template_key,
        state=state_of(row),
        approve_by=row.next_at if row.state == newsapprovers.STATE else None,
        is_live=row.is_live,
        kind=row.kind,
        topic=row.topic,
        text=own["text"],
        title=own["title"],
        url=own["url"],
        image=row.pictures and row.pictures[newspictures.GOOGLE],
        variants=tuple(row.variants[1:]),
        audience=row.audience,
        holdout=row.holdout,
        starts_at=row.starts_at,
        zone="holder" if row.by_holder else "brand",
        waves=newswaves.of_row(row),
        ends_at=row.ends_at,
        not_later_than=row.not_later_than,
        missed=row.missed,
        held_until=_held_until(row),
        live_at=row.live_at,
        over_at=row.over_at,
        undo_until=row.undo_until,
        corrected_at=row.corrected_at,
        withdrawn_at=row.withdrawn_at,
        reason=row.reason,
        refused_by=row.refused_by,
        created_by=row.created_by,
        started_by=row.started_by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        progress=progress,
        reasons=await newsreasons.of(conn, row, progress.waiting) if has_reasons else (),
        result=row.result,
        says=says,
    )


def _held_until(row: Any) -> datetime | None:
    """Its next moment, where it could have begun before that."""
    if row.by_holder:
        return None
    begins = max((one for one in (row.starts_at, row.undo_until) if one is not None), default=None)
    is_held = row.state == "scheduled" and row.next_at is not None and (begins is None or row.next_at > begins)
    return row.next_at if is_held and row.list_position is None else None


async def _progress(conn: AsyncConnection, row: Any) -> Progress:
    counts = (await conn.execute(select(news_counts).where(news_counts.c.news_id == row.id))).first()
    if counts is None:
        return Progress(capped=row.capped)
    told = counts.accepted + counts.gone + counts.failed
    targets, waiting = row.targets + row.google_targets, 0
    if row.state in ("running", "paused"):
        waits = select(news_waiting.c.device_id).where(news_waiting.c.news_id == row.id)
        written_down = len((await conn.execute(waits.limit(1000))).all())
        waiting = max(targets - told, written_down)
        targets = told + waiting
    return Progress(targets, counts.accepted, counts.gone, waiting, counts.failed, counts.fetched, row.capped)
