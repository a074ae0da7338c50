"""News put right, withdrawn, and undone: silently, with what that means for who has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from store import brands, google, news, newscorrections, tables
from store.cards import CardView
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.newscorrections import CorrectedVariant, NewsCorrection
from store.newsrequests import NewsRequest
from tests.store.conftest import NOW
from tests.store.google import ISSUER, Worker
from tests.store.news import send, with_news, work_off
from tests.store.phones import Phone
from tests.store.test_news import held, pushes, rest, shown

RICH = {"field": "data.points", "op": "gte", "value": 100}
FIXED = NewsCorrection(text="Coffee is free on Friday")


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    return with_news(icon)


@pytest_asyncio.fixture
async def holder(db: Database, card: CardView, phone: Callable[..., Phone]) -> Phone:
    return await held(db, phone, card)


async def correct(db: Database, brand: brands.BrandRow, key: str, words: NewsCorrection = FIXED) -> news.NewsView:
    return await newscorrections.correct(db, brand.id, key, words, NOW)


async def test_a_correction_changes_the_card_and_rings_nothing(
    db: Database, card: CardView, holder: Phone, published: brands.BrandRow
) -> None:
    sent = await send(db, published.id)
    await pushes(db)
    await holder.update()
    await db.served.flush()
    await work_off(db)
    corrected = await correct(db, published, sent.id)
    assert corrected.says == news.Says("corrected", fetched=1, coming=0, google=0)
    await rest(db)
    assert await pushes(db) == 1  # the phone is asked to come, and comes for other words
    await holder.update()
    assert shown(holder, card.serial_number) == ("Coffee is free on Friday", [])
    progress = (await news.view(db, published.id, sent.id)).progress
    assert (progress.targets, progress.accepted) == (1, 1)


async def test_who_was_not_there_yet_rings_with_the_right_words(
    db: Database, card: CardView, holder: Phone, published: brands.BrandRow
) -> None:
    sent = await send(db, published.id)
    assert (await correct(db, published, sent.id)).says == news.Says("corrected")
    await holder.update()
    assert shown(holder, card.serial_number) == ("Coffee is free on Friday", ["news"])
    assert (await news.view(db, published.id, sent.id)).text == {"en": "Coffee is free on Friday"}


async def test_a_correction_while_it_is_paused_pushes_to_nobody(
    db: Database, holder: Phone, published: brands.BrandRow
) -> None:
    sent = await send(db, published.id)
    await news.pause(db, published.id, sent.id)
    told = (await correct(db, published, sent.id)).says
    assert told is not None
    assert told.code == "corrected_at_resume"
    assert await pushes(db) == 0
    await news.resume(db, published.id, sent.id)
    assert await pushes(db) == 1


@pytest.mark.parametrize("audience", [None, RICH], ids=["everyone", "segment"])
async def test_google_gets_the_new_words_without_a_notification(
    db: Database, card: CardView, published: brands.BrandRow, audience: dict[str, object] | None
) -> None:
    worker = Worker(db)
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    await google.open_object(db, card.card_id, NOW)
    await worker.run()
    sent = await send(db, published.id, audience=audience)
    first = [work.message for work in await worker.run() if work.message]
    assert [one["messageType"] for one in first] == ["TEXT_AND_NOTIFY"]
    await work_off(db)
    corrected = await correct(db, published, sent.id)
    assert corrected.says is not None
    assert (corrected.says.google, corrected.says.coming) == (1, 0)
    await work_off(db)
    works = await worker.run()
    assert [(work.message and work.message["body"], work.patch.get("messages")) for work in works] == [
        ("Coffee is free on Friday", [])
    ]
    assert works[0].message is not None
    assert works[0].message["messageType"] == "TEXT"
    await newscorrections.withdraw(db, published.id, sent.id)
    await work_off(db)
    assert [(work.message, work.patch["messages"]) for work in await worker.run()] == [(None, [])]
    assert (await news.view(db, published.id, sent.id)).progress.accepted == 1


async def test_a_withdrawn_news_is_over(
    db: Database, card: CardView, holder: Phone, published: brands.BrandRow
) -> None:
    sent = await send(db, published.id)
    await holder.update()
    await db.served.flush()
    gone = await newscorrections.withdraw(db, published.id, sent.id)
    assert (gone.state, gone.is_live, gone.withdrawn_at is not None) == ("cancelled", False, True)
    assert gone.says == news.Says("withdrawn", fetched=1)
    await holder.update()
    assert shown(holder, card.serial_number) == ("", [])
    with pytest.raises(Conflict):
        await correct(db, published, sent.id)


async def test_a_correction_is_checked_as_a_news_is(db: Database, published: brands.BrandRow) -> None:
    sent = await send(db, published.id)
    for words, pointer in ((NewsCorrection(text={"fr": "x"}), "/text/fr"), (NewsCorrection(text=" "), "/text")):
        with pytest.raises(Invalid) as refused:
            await correct(db, published, sent.id, words)
        assert [problem.pointer for problem in refused.value.problems] == [pointer]


@pytest.mark.parametrize("audience", [None, RICH], ids=["everyone", "segment"])
async def test_within_its_time_a_start_can_be_undone(
    db: Database, holder: Phone, published: brands.BrandRow, audience: dict[str, object] | None
) -> None:
    asked = NewsRequest(template="small", text="Coffee", audience=audience)
    draft = await news.create(db, published.id, asked, by="test", now=NOW)
    started = await news.start(db, published.id, draft.id, undo_seconds=60, now=NOW)
    assert started.state == "scheduled"
    assert started.undo_until is not None
    assert 50 < (started.undo_until - datetime.now(UTC)).total_seconds() < 70
    await work_off(db)
    assert await pushes(db) == 0
    undone = await news.cancel(db, published.id, draft.id)
    assert (undone.state, undone.undo_until, undone.says) == ("draft", None, news.Says("nothing_sent"))
    await work_off(db)
    assert not (await news.view(db, published.id, draft.id)).is_live
    again = await news.start(db, published.id, draft.id, undo_seconds=60, now=NOW)
    assert (await news.start(db, published.id, draft.id, undo_seconds=60, now=NOW)).undo_until == again.undo_until
    assert (await news.start(db, published.id, draft.id, now=NOW)).undo_until is None
    await work_off(db)
    assert (await news.view(db, published.id, draft.id)).is_live
    assert await pushes(db) == 1


async def test_when_its_time_is_over_it_goes_out(db: Database, holder: Phone, published: brands.BrandRow) -> None:
    draft = await news.create(db, published.id, NewsRequest(template="small", text="x"), by="test", now=NOW)
    await news.start(db, published.id, draft.id, undo_seconds=60, now=NOW)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    async with db.transaction() as conn:
        await conn.execute(update(tables.news).values(undo_until=past, next_at=past))
    await work_off(db)
    live = await news.view(db, published.id, draft.id)
    assert (live.state, live.is_live, live.undo_until) == ("running", True, None)


ARMS = [{"text": "B", "title": "Second", "share": 3}, {"text": "C"}]


def words(view: news.NewsView) -> list[dict[str, str]]:
    return [dict(one) for one in (view.text, *(variant["text"] for variant in view.variants))]


async def test_a_correction_names_the_text_that_is_wrong_or_has_words_for_all(
    db: Database, published: brands.BrandRow
) -> None:
    sent = await send(db, published.id, "A", variants=ARMS)
    second = await correct(db, published, sent.id, NewsCorrection(text="B, put right", arm=1))
    assert words(second) == [{"en": "A"}, {"en": "B, put right"}, {"en": "C"}]
    assert (second.variants[0]["share"], second.variants[0]["title"]) == (3, {"en": "Second"})
    others = [CorrectedVariant(), CorrectedVariant(text="C, put right")]
    every = await correct(db, published, sent.id, NewsCorrection(text="A, put right", variants=others))
    assert words(every) == [{"en": "A, put right"}, {"en": "B, put right"}, {"en": "C, put right"}]


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"text": "x"}, "/arm"),
        ({"text": "x", "arm": 3}, "/arm"),
        ({"text": "x", "arm": 1, "variants": [{}, {}]}, "/arm"),
        ({"text": "x", "variants": [{}]}, "/variants"),
        ({"text": "x", "variants": [{}, {"text": {"fr": "thé"}}]}, "/variants/1/text/fr"),
    ],
)
async def test_a_correction_that_does_not_say_which_text_is_wrong_changes_nothing(
    db: Database, published: brands.BrandRow, given: dict[str, Any], pointer: str
) -> None:
    sent = await send(db, published.id, "A", variants=ARMS)
    with pytest.raises(Invalid) as refused:
        await correct(db, published, sent.id, NewsCorrection.model_validate(given))
    assert refused.value.problems[0].pointer == pointer
    assert words(await news.view(db, published.id, sent.id)) == [{"en": "A"}, {"en": "B"}, {"en": "C"}]
