"""The first page's news: what goes out now, else what comes next; of this brand alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from store import brands, news, nextnews, tables
from store.dialect import Database
from store.newsrequests import NewsRequest
from tests.store.conftest import NOW, SMALL

NEWS_FIELD = '  back: [{key: news, label: News, value: "{{ news.text }}", change_message: "%@"}]\nbarcode:'
SOON = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return {"template.yaml": SMALL.replace("barcode:", NEWS_FIELD).encode(), "icon.png": icon}


async def written(db: Database, brand_id: int, text: str, state: str, starts_at: datetime | None) -> None:
    view = await news.create(db, brand_id, NewsRequest(template="small", text=text), by="test", now=NOW)
    async with db.transaction() as conn:
        mine = update(tables.news).where(tables.news.c.key == view.id)
        await conn.execute(mine.values(state=state, starts_at=starts_at))


async def test_the_soonest_planned_news_and_before_it_the_one_that_goes_out(
    db: Database, published: brands.BrandRow, icon: bytes
):
    assert await nextnews.of(db, published.id) is None
    await written(db, published.id, "A draft", "draft", None)
    await written(db, published.id, "Over", "done", SOON)
    assert await nextnews.of(db, published.id) is None
    await written(db, published.id, "Later", "scheduled", SOON + timedelta(days=1))
    await written(db, published.id, "Soon", "scheduled", SOON)
    found = await nextnews.of(db, published.id)
    assert found is not None
    assert (found.said("ru"), found.at, found.template) == ("Soon", SOON, "Small card")
    await written(db, published.id, "Now", "running", SOON - timedelta(days=2))
    found = await nextnews.of(db, published.id)
    assert found is not None
    assert (found.said("en"), found.at) == ("Now", None)
    assert await nextnews.of(db, published.id + 1) is None
