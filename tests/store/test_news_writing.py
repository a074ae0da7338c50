"""A draft that two write at the same time, and what a saving keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store import brands, newsdrafts
from store.audit import COMMAND_LINE
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.news import NewsView
from store.newsdrafts import Page
from store.newsrequests import NewsRequest
from tests.store.conftest import NOW
from tests.store.news import with_news


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


async def begun(db: Database, brand: brands.BrandRow) -> str:
    return (await newsdrafts.begin(db, brand.id, "small", by=COMMAND_LINE, now=NOW)).id


async def save(
    db: Database, brand: brands.BrandRow, key: str, text: str, page: str, seen: str = "", **given: Any
) -> NewsView:
    request = NewsRequest.model_validate({"template": "small", "text": {"en": text}} | given)
    page_of = Page(page, seen, page.title())
    return await newsdrafts.save(db, brand.id, key, request, page=page_of, now=datetime.now(UTC))


async def test_the_second_of_two_pages_is_told_whose_words_are_there(db: Database, published: brands.BrandRow) -> None:
    key = await begun(db, published)
    await save(db, published, key, "Anna's", "anna")
    await save(db, published, key, "Anna's own", "anna")
    with pytest.raises(Conflict) as refused:
        await save(db, published, key, "Boris's", "boris")
    assert refused.value.code == newsdrafts.CHANGED
    last = await newsdrafts.last_saving(db, published.id, key)
    assert (last.mark.rpartition(".")[0], last.by, last.at is not None) == ("anna", "Anna", True)
    assert (await save(db, published, key, "Anna's own", "boris")).text == {"en": "Anna's own"}
    assert await newsdrafts.last_saving(db, published.id, key) == last
    assert (await save(db, published, key, "Boris's", "boris", seen=last.mark)).text == {"en": "Boris's"}
    with pytest.raises(Conflict):
        await save(db, published, key, "Anna's third", "anna", seen=last.mark)


async def test_a_page_that_has_seen_an_earlier_saving_has_not_seen_the_next(
    db: Database, published: brands.BrandRow
) -> None:
    key = await begun(db, published)
    await save(db, published, key, "One", "anna")
    seen = (await newsdrafts.last_saving(db, published.id, key)).mark
    await save(db, published, key, "Two", "anna")
    with pytest.raises(Conflict):
        await save(db, published, key, "Three", "boris", seen=seen)


async def test_not_later_than_stays_and_is_not_before_the_beginning(db: Database, published: brands.BrandRow) -> None:
    key, soon = await begun(db, published), datetime.now(UTC) + timedelta(days=1)
    late = (soon + timedelta(hours=2)).isoformat()
    kept = await save(db, published, key, "x", "a", starts_at=soon.isoformat(), not_later_than=late)
    assert kept.not_later_than is not None
    assert kept.not_later_than.isoformat() == late
    with pytest.raises(Invalid) as refused:
        await save(db, published, key, "x", "a", not_later_than=(soon - timedelta(days=2)).isoformat())
    assert [one.pointer for one in refused.value.problems] == ["/not_later_than"]
