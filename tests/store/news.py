"""A marketer's side of the store's tests: news written, started, and made live by the timer."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update

from store import news, newstimer, tables
from store.dialect import Database
from store.news import NewsView
from store.newsrequests import NewsRequest
from tests.store.conftest import NOW, SMALL

NEWS_FIELD = '  back: [{key: news, label: News, value: "{{ news.text }}", change_message: "%@"}]\nbarcode:'


def with_news(icon: bytes, text: str = SMALL) -> dict[str, bytes]:
    """The small template with a field for news, in two languages."""
    text = text.replace("barcode:", NEWS_FIELD).replace("languages: [en]", "languages: [en, ru]")
    return {"template.yaml": text.encode(), "icon.png": icon}


async def send(db: Database, brand_id: int, text: Any = "Coffee is free today", **given: Any) -> NewsView:
    """Write, start, and let the timer do what is due."""
    asked = NewsRequest.model_validate({"template": "small", "text": text} | given)
    draft = await news.create(db, brand_id, asked, by="test", now=NOW)
    await news.start(db, brand_id, draft.id, by="test", now=NOW)
    await work_off(db)
    return await news.view(db, brand_id, draft.id)


async def work_off(db: Database) -> None:
    """What the timer does until nothing is due."""
    while await newstimer.turn(db):
        pass


async def end_now(db: Database, key: str) -> None:
    """Let the time of its end come."""
    async with db.transaction() as conn:
        past = datetime(2020, 1, 1, tzinfo=UTC)
        await conn.execute(update(tables.news).where(tables.news.c.key == key).values(ends_at=past, next_at=past))
    await work_off(db)
