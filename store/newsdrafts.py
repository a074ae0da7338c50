"""News while they are written: begun from a template, saved as they are typed, copied from an older one, thrown away.

A draft may say nothing yet; ``store.news.start`` refuses it then. Who begins, copies or throws away is on record, not each
letter. Two who write one at the same time do not write over each other: each page that saves says whose saving it has seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.errors import Problem, Severity
from passkit.limits_reading import shows_news
from passkit.schema import Template
from store import audit, compiled, newspictures, randomness, tables
from store.audit import Actor
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.news import KEY_LENGTH, NewsView, by_id, create_in, needed, revision_of, view_of
from store.newsrequests import NewsRequest, checked
from store.tables import brands, consents, news, templates

COPIED = (
    "brand_id",
    "template_id",
    "kind",
    "topic",
    "variants",
    "image",
    "pictures",
    "audience",
    "holdout",
    "is_listed",
)
TOPICS = 100
MARK_LENGTH = 6
"""Of what is random in the mark of a saving, behind its page's name."""
CHANGED = "draft_changed"
"""The code of a saving that would write over somebody else's."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that saves: its own name (12 characters), the mark of the saving that it has ``seen``, and who sits before it."""

    name: str
    seen: str
    by: str


@dataclass(frozen=True, slots=True)
class Saving:
    """The last one of a draft: its mark, who it was, and when; None, where it was never saved by a page."""

    mark: str
    by: str
    at: datetime | None


async def showing(db: Database, brand_id: int) -> dict[str, bool]:
    """Key of each published template -> whether its card has a place for news."""
    wanted = select(templates.c.key, templates.c.published_revision_id, brands.c.stamp)
    wanted = wanted.join(brands, brands.c.id == templates.c.brand_id).where(templates.c.brand_id == brand_id)
    wanted = wanted.where(templates.c.published_revision_id.is_not(None), templates.c.tryout_of.is_(None))
    found = {}
    async with db.reading() as conn:
        for row in (await conn.execute(wanted)).all():
            revision = await compiled.revision(db, conn, revision_id=row.published_revision_id, brand_stamp=row.stamp)
            found[row.key] = shows_news(revision.template)
    return found


async def begin(db: Database, brand_id: int, template: str, *, by: Actor, now: datetime) -> NewsView:
    """An empty draft; Invalid where the card shows no news."""
    async with db.joined() as conn:
        row = await create_in(
            db, conn, brand_id, NewsRequest(template=template, text={}), by=by.name, now=now, is_draft=True
        )
        await audit.record(db, brand_id, by, "news.written", row.key, now=now)
        return await view_of(conn, row)


async def save(
    db: Database, brand_id: int, key: str, request: NewsRequest, *, page: Page | None = None, now: datetime
) -> NewsView:
    """All that the request says, but the picture, which stays; Invalid with pointers, Conflict when it has been started.

    Conflict ``draft_changed`` when the last saving is neither this page's own nor the one that it has seen.
    """
    async with db.transaction() as conn:
        row = await _draft(conn, brand_id, key)
        _, revision = await revision_of(db, conn, brand_id, row.template_key)
        if request.ends_at is not None and request.ends_at <= max(now, request.starts_at or now):
            raise Invalid([Problem(Severity.ERROR, "/ends_at", "it ends before it begins")])
        if request.not_later_than is not None and request.not_later_than <= max(now, request.starts_at or now):
            raise Invalid([Problem(Severity.ERROR, "/not_later_than", "that is over already")])
        values = {
            "kind": request.kind,
            "topic": request.topic,
            "variants": checked(request, revision.template, is_draft=True),
            "audience": request.audience,
            "holdout": request.holdout,
            "starts_at": request.starts_at,
            "by_holder": request.zone == "holder",
            "ends_at": request.ends_at,
            "not_later_than": request.not_later_than,
            "is_listed": request.audience is not None or request.kind == "marketing",
        }
        if page is not None:
            is_same = all(getattr(row, name) == value for name, value in values.items())
            last = row.writer or ""
            if not is_same and last != page.seen and last.rpartition(".")[0] != page.name:
                raise Conflict("Somebody else has saved it meanwhile.", code=CHANGED)
            if not is_same:
                mark = f"{page.name}.{randomness.text(MARK_LENGTH)}"
                values |= {"writer": mark, "written_by": page.by[:200], "written_at": now}
        return await _write(conn, row, values, now)


async def last_saving(db: Database, brand_id: int, key: str) -> Saving:
    """Whose words a draft has now."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        return Saving(row.writer or "", row.written_by or row.created_by, row.written_at)


async def set_picture(db: Database, brand_id: int, key: str, content: bytes | None, *, now: datetime) -> NewsView:
    """Another picture, or none; Invalid at ``/image``."""
    files = None
    if content is not None:
        async with db.reading() as conn:
            row = await _draft(conn, brand_id, key, lock=False)
            _, revision = await revision_of(db, conn, brand_id, row.template_key)
        files = await newspictures.made(revision.template, content)
    async with db.transaction() as conn:
        row = await _draft(conn, brand_id, key)
        kept = await newspictures.keep(conn, files, now) if files else None
        return await _write(conn, row, {"pictures": kept, "image": kept and kept[newspictures.SOURCE]}, now)


async def copy(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> NewsView:
    """A draft that says the same to the same people, without its times."""
    async with db.joined() as conn:
        row = await needed(conn, brand_id, key)
        values = {name: getattr(row, name) for name in COPIED}
        values |= {
            "key": f"n_{randomness.text(KEY_LENGTH)}",
            "state": "draft",
            "stamp": randomness.stamp(),
            "created_by": by.name[:200],
            "created_at": now,
            "updated_at": now,
        }
        made = (await conn.execute(insert(news).values(**values).returning(news.c.id))).scalar_one()
        copied = await by_id(conn, made)
        await audit.record(db, brand_id, by, "news.copied", copied.key, now=now, of=key)
        return await view_of(conn, copied)


async def discard(db: Database, brand_id: int, key: str, *, by: Actor, now: datetime) -> None:
    """Throw a draft away; Conflict when it has been started."""
    async with db.joined() as conn:
        row = await _draft(conn, brand_id, key)
        for table in (tables.news_cards, tables.news_waiting, tables.news_counts, tables.news_reasons):
            await conn.execute(delete(table).where(table.c.news_id == row.id))
        await conn.execute(delete(news).where(news.c.id == row.id))
        await audit.record(db, brand_id, by, "news.discarded", key, now=now)


async def template_of(db: Database, brand_id: int, key: str) -> tuple[Template, NewsView, dict[str, str]]:
    """What a draft's fields are made for: the published template, the news, and its pictures' files by slot."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        _, revision = await revision_of(db, conn, brand_id, row.template_key)
        return revision.template, await view_of(conn, row), dict(row.pictures or {})


async def published(db: Database, brand_id: int, template: str) -> Template:
    """What a text of a weekly slot is written for; Conflict ``not_published``."""
    async with db.reading() as conn:
        return (await revision_of(db, conn, brand_id, template))[1].template  # type: ignore[no-any-return]


async def topics(db: Database, brand_id: int) -> Sequence[str]:
    """Topics that holders have chosen or news had, by name."""
    found: set[str] = set()
    async with db.reading() as conn:
        for table in (consents, news):
            some = select(table.c.topic).where(table.c.brand_id == brand_id, table.c.topic.is_not(None)).distinct()
            found |= set((await conn.execute(some.limit(TOPICS))).scalars())
    return sorted(found)


async def _draft(conn: AsyncConnection, brand_id: int, key: str, *, lock: bool = True) -> Any:
    row = await needed(conn, brand_id, key, lock=lock)
    if row.state != "draft":
        raise Conflict(f"A news that is {row.state} is written no more.")
    return row


async def _write(conn: AsyncConnection, row: Any, values: dict[str, Any], now: datetime) -> NewsView:
    await conn.execute(update(news).where(news.c.id == row.id).values(**values, updated_at=now))
    return await view_of(conn, await by_id(conn, row.id))
