"""News put right, or taken back as if they had never been, silently: who has them shows it at the next fetch.

A correction is a new stamp: every edition that shows the news is another, and none of them rings, because the news has rung.
Google gets the new words as a message without a notification, and the old one leaves with the same request.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import update

from store import newspictures, newspushes, newstimer, randomness
from store.dialect import Database, database_now
from store.errors import Conflict
from store.googleintents import mark
from store.news import Files, NewsView, by_id, end, needed, pictures_of, revision_of, view_of
from store.newsrequests import Image, NewsRequest, Said, Url, checked
from store.newssays import says
from store.tables import news


class NewsCorrection(BaseModel):
    """What is to be other words; what is absent stays, null clears."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Said | None = None
    title: Said | None = None
    url: Url | None = None
    image: Image | None = None


async def correct(db: Database, brand_id: int, key: str, correction: NewsCorrection, now: datetime) -> NewsView:
    """Other words on cards, in Google's message and in the history, without a notification; Invalid with pointers.

    Conflict for a news that is withdrawn or failed.
    """
    files = await _files(db, brand_id, key, correction)
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.withdrawn_at is not None or row.state == "failed":
            raise Conflict("A news that failed or was withdrawn cannot be corrected.")
        _, revision = await revision_of(db, conn, brand_id, row.template_key)
        variants = [*checked(_corrected(row, correction), revision.template)[:1], *row.variants[1:]]
        told = await says(conn, row, "corrected_at_resume" if row.state == "paused" else "corrected")
        clock = await database_now(conn)
        values: dict[str, Any] = {"variants": variants, "stamp": randomness.stamp(), "updated_at": clock}
        if "image" in correction.model_fields_set:
            kept = await newspictures.keep(conn, files, now) if files else None
            values |= {"pictures": kept, "image": kept and kept[newspictures.SOURCE]}
        if row.live_at is not None:
            values["corrected_at"] = clock
        await conn.execute(update(news).where(news.c.id == row.id).values(**values))
        after = await by_id(conn, row.id)
        has_history = row.live_at is not None and await newstimer.shown_anew(conn, after)
        if not row.is_live and has_history:
            await newspushes.ring_audience(conn, row)
        if row.is_live:
            await newspushes.corrected(conn, row, after)
            if row.pictures or after.pictures:
                await newstimer.redraw_google(conn, row.template_id)
        await mark(conn)
        return await view_of(conn, after, told)


async def withdraw(db: Database, brand_id: int, key: str) -> NewsView:
    """Over now, and out of the message history too; withdrawn already: nothing happens."""
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        told = await says(conn, row, "withdrawn")
        if row.withdrawn_at is None:
            if row.is_live or row.state in ("draft", "scheduled", "running", "paused"):
                await end(conn, row)
            if await newstimer.forget(conn, row) and not row.is_live and row.live_at is not None:
                await newspushes.ring_audience(conn, row)
            clock = await database_now(conn)
            await conn.execute(update(news).where(news.c.id == row.id).values(withdrawn_at=clock, updated_at=clock))
            await mark(conn)
        return await view_of(conn, await by_id(conn, row.id), told)


async def _files(db: Database, brand_id: int, key: str, correction: NewsCorrection) -> Files:
    if correction.image is None:
        return None
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
    request = NewsRequest(template=row.template_key, text="", image=correction.image)
    return await pictures_of(db, brand_id, request)


def _corrected(row: Any, correction: NewsCorrection) -> NewsRequest:
    """The news's own text as a request, with the corrected parts."""
    own: Mapping[str, Any] = row.variants[0]
    given = correction.model_dump(exclude_unset=True)
    said = {name: given.get(name, own[name]) for name in ("text", "title", "url")}
    if said["text"] is None:
        said["text"] = {}
    return NewsRequest.model_validate({"template": row.template_key, **said})
