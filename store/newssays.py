"""What an operation on a news does to who has it already: a code for people's words, and how many that are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.newsobjects import BY_OBJECT
from store.tables import google_classes, google_objects, news_counts


@dataclass(frozen=True, slots=True)
class Says:
    """What reached phones will show.

    ``code``: ``nothing_sent`` nobody has it; ``kept`` they keep the text; ``stopped`` the same, and whoever has not fetched it
    sees it at the next fetch, silently; ``reverts`` it leaves; ``corrected`` the new words take its place;
    ``corrected_at_resume`` the same, but only who asks by itself before that; ``withdrawn`` it leaves the history
    too. ``fetched`` are phones that have the text and show the difference at their next fetch, silently, which a push asks for
    at once; ``coming`` were pushed and have not fetched; ``google`` are holders whose message changes with it.
    """

    code: str
    fetched: int = 0
    coming: int = 0
    google: int = 0


async def says(conn: AsyncConnection, row: Any, code: str) -> Says:
    """Counted before the operation."""
    counts = (await conn.execute(select(news_counts).where(news_counts.c.news_id == row.id))).first()
    if counts is None or (row.live_at is None):
        return Says("nothing_sent")
    google = await _on_google(conn, row)
    coming = max(0, counts.accepted - counts.fetched - (row.google_targets if counts.google else 0))
    return Says(code, counts.fetched, coming, google)


async def _on_google(conn: AsyncConnection, row: Any) -> int:
    classes = google_classes.c
    if row.google_state in BY_OBJECT:
        of_class = select(classes.id).where(classes.template_id == row.template_id).scalar_subquery()
        held = cast(google_objects.c.sent_messages, Text).like(f'%"{row.key}%')
        found = select(func.count()).where(google_objects.c.class_row_id == of_class, held)
        return int((await conn.execute(found)).scalar_one())
    sent = select(classes.sent_messages).where(classes.template_id == row.template_id)
    names = (await conn.execute(sent)).scalar_one_or_none() or ()
    return int(row.google_targets) if any(name.startswith(row.key) for name in names) else 0
