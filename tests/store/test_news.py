"""News on cards: who shows which, what rings, how they end, and how far they are said to be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import update

from passkit.apple import passjson
from store import brands, cards, claims, news, newstimer, settling, tables, templates
from store.cards import CardView, Change
from store.claims import Claim
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.fates import Fate, Settled
from store.news import NewsView
from store.newsrequests import NewsRequest
from store.platforms import Route
from tests.store.conftest import NOW, PASS_TYPE, SMALL
from tests.store.phones import Phone

ROUTE = Route(PASS_TYPE)
LEASE = timedelta(seconds=30)
NEWS_FIELD = '  back: [{key: news, label: News, value: "{{ news.text }}", change_message: "%@"}]\nbarcode:'
SOON = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    text = SMALL.replace("barcode:", NEWS_FIELD).replace("languages: [en]", "languages: [en, ru]")
    return {"template.yaml": text.encode(), "icon.png": icon}


@pytest_asyncio.fixture
async def write(db: Database, published: brands.BrandRow) -> Callable[..., Awaitable[NewsView]]:
    """Write a draft."""

    async def written(text: Any = "Coffee is free today", **given: Any) -> NewsView:
        asked = NewsRequest(template="small", text=text, **given)
        return await news.create(db, published.id, asked, by="test", now=NOW)

    return written


@pytest_asyncio.fixture
async def send(
    db: Database, published: brands.BrandRow, write: Callable[..., Awaitable[NewsView]]
) -> Callable[..., Awaitable[NewsView]]:
    """Write, start, and let the timer make it live."""

    async def sent(text: Any = "Coffee is free today", **given: Any) -> NewsView:
        draft = await write(text, **given)
        await news.start(db, published.id, draft.id, by="test", now=NOW)
        await work_off(db)
        return await news.view(db, published.id, draft.id)

    return sent


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


def shown(phone: Phone, serial: str) -> tuple[str, list[str]]:
    """What the phone holds: the news, and the keys of the fields that ring."""
    import json

    document = json.loads(phone.held[serial].content["pass.json"])
    fields = [field for zone in document["storeCard"].values() for field in zone]
    says = next(field["value"] for field in fields if field["key"] == "news")
    return says, [field["key"] for field in fields if "changeMessage" in field]


async def pushes(db: Database, fate: Fate = Fate.ACCEPTED, room: int = 100) -> int:
    """A worker's rounds until nothing is due; how many pushes it sent."""
    total = 0
    while True:
        claim = await claimed(db, room)
        if claim is None:
            return total
        total += len(claim.targets)
        await answered(db, claim, fate)


async def claimed(db: Database, room: int = 100) -> Claim | None:
    return await claims.claim(db, owner="w", route=ROUTE, room=room, lease=LEASE, probe_after=LEASE)


async def answered(db: Database, claim: Claim, fate: Fate = Fate.ACCEPTED, delay: float = 0.0) -> None:
    settled = [Settled(target, fate, "", None, delay) for target in claim.targets]
    if claim.targets:
        await settling.settle(db, owner="w", route=ROUTE, intents=claim.intents, settled=settled)


async def rest(db: Database) -> None:
    """The five seconds after a push pass."""
    async with db.transaction() as conn:
        await conn.execute(update(tables.devices).values(pushed_at=None))


Write = Callable[..., Awaitable[NewsView]]


async def held(db: Database, phone: Callable[..., Phone], card: CardView, name: str = "A") -> Phone:
    """A phone that holds the card, its first push done."""
    holder = phone(name)
    await holder.add(card.serial_number)
    await holder.update()
    async with db.transaction() as conn:
        await conn.execute(tables.jobs.delete())
    return holder


async def test_a_news_rings_once_with_its_text(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write
) -> None:
    holder = await held(db, phone, card)
    sent = await send()
    assert (sent.state, sent.is_live) == ("running", True)
    assert await holder.update() == (card.serial_number,)
    assert shown(holder, card.serial_number) == ("Coffee is free today", ["news"])
    assert await holder.update() == ()


async def test_the_newest_news_wins_and_the_older_one_returns_silently(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write
) -> None:
    holder = await held(db, phone, card)
    await send("Older")
    await holder.update()
    newer = await send("Newer", ends_at=SOON)
    await holder.update()
    first = holder.held[card.serial_number].last_modified
    assert shown(holder, card.serial_number) == ("Newer", ["news"])
    await end_now(db, newer.id)
    assert await holder.update() == (card.serial_number,)
    assert shown(holder, card.serial_number) == ("Older", [])
    assert holder.held[card.serial_number].last_modified > first


async def test_a_news_that_ends_leaves_silently(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow
) -> None:
    holder = await held(db, phone, card)
    sent = await send(ends_at=SOON)
    await holder.update()
    await end_now(db, sent.id)
    await holder.update()
    says, rings = shown(holder, card.serial_number)
    assert (says, rings) == ("", [])
    over = await news.view(db, published.id, sent.id)
    assert (over.state, over.is_live) == ("done", False)


async def test_a_news_that_nobody_came_for_leaves_no_trace(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write
) -> None:
    holder = await held(db, phone, card)
    before = holder.held[card.serial_number].last_modified
    sent = await send(ends_at=SOON)
    await end_now(db, sent.id)
    assert await holder.update() == ()
    assert holder.held[card.serial_number].last_modified == before


async def test_a_change_while_a_news_is_live_keeps_its_text_and_rings_for_itself(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow, now: datetime
) -> None:
    holder = await held(db, phone, card)
    await send()
    await holder.update()
    await db.served.flush()
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 150}), now)
    await holder.update()
    assert shown(holder, card.serial_number) == ("Coffee is free today", ["points"])


async def test_each_language_reads_its_own_words(
    db: Database, issue: Callable[..., Awaitable[CardView]], phone: Callable[..., Phone], send: Write
) -> None:
    card = await issue(language="ru")
    holder = await held(db, phone, card)
    await send({"en": "Free coffee", "ru": "Кофе даром"})
    await holder.update()
    assert shown(holder, card.serial_number)[0] == "Кофе даром"


async def test_a_card_issued_later_has_the_news_and_rings_nothing(
    db: Database, issue: Callable[..., Awaitable[CardView]], phone: Callable[..., Phone], send: Write
) -> None:
    await send()
    card = await issue()
    holder = phone()
    await holder.add(card.serial_number)
    assert shown(holder, card.serial_number) == ("Coffee is free today", [])


async def test_the_progress_counts_phones_until_all_have_a_verdict(
    db: Database,
    issue: Callable[..., Awaitable[CardView]],
    phone: Callable[..., Phone],
    send: Write,
    published: brands.BrandRow,
) -> None:
    holders = [await held(db, phone, await issue(), name) for name in "ABC"]
    sent = await send()
    assert (sent.progress.targets, sent.progress.waiting) == (3, 3)
    await answered(db, await claimed(db, 2) or pytest.fail("nothing was due"))
    half = (await news.view(db, published.id, sent.id)).progress
    assert (half.targets, half.accepted, half.waiting) == (3, 2, 1)
    await answered(db, await claimed(db) or pytest.fail("nothing was due"), Fate.PRUNE)
    await holders[0].update()
    await db.served.flush()
    await work_off(db)
    done = await news.view(db, published.id, sent.id)
    assert done.state == "done"
    assert done.is_live
    assert done.progress == news.Progress(targets=3, accepted=2, gone=1, waiting=0, failed=0, fetched=1)


async def test_a_push_that_is_tried_again_is_counted_once(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow
) -> None:
    await held(db, phone, card)
    sent = await send()
    await answered(db, await claimed(db) or pytest.fail("nothing was due"), Fate.RETRY)
    await work_off(db)
    waits = await news.view(db, published.id, sent.id)
    assert (waits.state, waits.progress.waiting, waits.progress.accepted) == ("running", 1, 0)
    await rest(db)
    assert await pushes(db) == 1
    await work_off(db)
    done = await news.view(db, published.id, sent.id)
    assert (done.state, done.progress.accepted, done.progress.targets) == ("done", 1, 1)


async def test_a_phone_that_was_just_pushed_waits_and_is_counted(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow, now: datetime
) -> None:
    await held(db, phone, card)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 150}), now)
    await pushes(db)
    sent = await send()
    assert await pushes(db) == 0
    await work_off(db)
    assert (await news.view(db, published.id, sent.id)).progress.waiting == 1
    await rest(db)
    async with db.transaction() as conn:
        await conn.execute(update(tables.jobs).values(due_at=datetime(2020, 1, 1, tzinfo=UTC)))
    assert await pushes(db) == 1
    await work_off(db)
    done = await news.view(db, published.id, sent.id)
    assert (done.state, done.progress.accepted) == ("done", 1)


async def test_a_worker_that_dies_repeats_pushes_and_no_counts(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow
) -> None:
    await held(db, phone, card)
    sent = await send()
    assert await claimed(db) is not None  # sent, and then the worker dies
    async with db.transaction() as conn:
        await conn.execute(update(tables.jobs).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))
    assert await pushes(db) == 1
    await work_off(db)
    done = await news.view(db, published.id, sent.id)
    assert (done.state, done.progress.targets, done.progress.accepted) == ("done", 1, 1)


async def test_a_pause_stops_pushes_and_a_resume_goes_on(
    db: Database,
    issue: Callable[..., Awaitable[CardView]],
    phone: Callable[..., Phone],
    send: Write,
    published: brands.BrandRow,
) -> None:
    issued = [await issue() for _ in range(3)]
    holders = [await held(db, phone, card, name) for card, name in zip(issued, "ABC", strict=True)]
    sent = await send()
    await answered(db, await claimed(db, 1) or pytest.fail("nothing was due"))
    assert (await news.pause(db, published.id, sent.id)).state == "paused"
    assert await pushes(db) == 0
    assert await holders[2].update() == (issued[2].serial_number,)  # asking by itself it gets the text
    assert (await news.resume(db, published.id, sent.id)).state == "running"
    assert await pushes(db) == 2
    await work_off(db)
    assert (await news.view(db, published.id, sent.id)).state == "done"


async def test_a_pause_stops_second_tries_too(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow, now: datetime
) -> None:
    await held(db, phone, card)
    sent = await send()
    claim = await claimed(db)
    await news.pause(db, published.id, sent.id)
    await answered(db, claim or pytest.fail("nothing was due"), Fate.RETRY)
    await rest(db)
    assert await pushes(db) == 0
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 150}), now)
    assert await pushes(db) == 1  # a customer's own change is not paused
    await rest(db)
    await news.resume(db, published.id, sent.id)
    assert await pushes(db) == 1
    await work_off(db)
    assert (await news.view(db, published.id, sent.id)).progress.accepted == 1


async def test_an_edition_that_a_cancel_brings_back_is_not_had_by_who_fetched_the_news(
    db: Database, send: Callable[..., Awaitable[NewsView]], published: brands.BrandRow, card: CardView
) -> None:
    """Both had the card before the news; who then saw the news must come again, though the first fetch of it fails."""
    alice, bob = Phone(db, PASS_TYPE, "A"), Phone(db, PASS_TYPE, "B")
    for phone in (alice, bob):
        await phone.add(card.serial_number)
    await db.served.flush()
    sent = await send()
    assert await bob.update() == (card.serial_number,)
    await news.cancel(db, published.id, sent.id)
    await alice.download(card.serial_number)  # what bob has fetched is not written yet, and now is of an older edition
    await db.served.flush()
    assert await bob.update(cut=True) == (card.serial_number,)
    assert await bob.update() == (card.serial_number,)


async def test_a_cancelled_news_is_over_now_and_silently(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow
) -> None:
    holder = await held(db, phone, card)
    sent = await send()
    await pushes(db)
    await holder.update()
    cancelled = await news.cancel(db, published.id, sent.id)
    assert (cancelled.state, cancelled.is_live) == ("cancelled", False)
    await rest(db)
    assert await pushes(db) == 1
    await holder.update()
    assert shown(holder, card.serial_number) == ("", [])
    with pytest.raises(Conflict):
        await news.resume(db, published.id, sent.id)


async def test_a_scheduled_news_waits_for_its_moment(
    db: Database, card: CardView, phone: Callable[..., Phone], send: Write, published: brands.BrandRow
) -> None:
    holder = await held(db, phone, card)
    sent = await send(starts_at=SOON)
    assert (sent.state, sent.is_live) == ("scheduled", False)
    assert await holder.update() == ()
    async with db.transaction() as conn:
        past = datetime(2020, 1, 1, tzinfo=UTC)
        await conn.execute(update(tables.news).values(starts_at=past, next_at=past))
    await work_off(db)
    assert (await news.view(db, published.id, sent.id)).is_live
    assert await holder.update() == (card.serial_number,)


async def test_a_segment_shows_it_and_the_others_do_not(
    db: Database,
    issue: Callable[..., Awaitable[CardView]],
    phone: Callable[..., Phone],
    send: Write,
    published: brands.BrandRow,
) -> None:
    rich, poor = await issue(data={"points": 500}), await issue(data={"points": 5})
    of_rich, of_poor = await held(db, phone, rich, "rich"), await held(db, phone, poor, "poor")
    sent = await send(audience={"field": "data.points", "op": "gte", "value": 100})
    assert sent.progress.targets == 1
    assert await of_rich.update() == (rich.serial_number,)
    assert await of_poor.update() == ()
    assert shown(of_rich, rich.serial_number) == ("Coffee is free today", ["news"])
    assert await pushes(db) == 1
    await work_off(db)
    assert (await news.view(db, published.id, sent.id)).state == "done"


async def test_the_held_out_are_not_told_and_the_arms_read_their_own_text(
    db: Database, issue: Callable[..., Awaitable[CardView]], phone: Callable[..., Phone], send: Write
) -> None:
    issued = [await issue() for _ in range(40)]  # so many that chance leaves no arm empty
    holders = [await held(db, phone, card, str(place)) for place, card in enumerate(issued)]
    sent = await send("A", variants=[{"text": "B"}], holdout=50)
    for holder in holders:
        await holder.update()
    texts = [shown(holder, card.serial_number)[0] for holder, card in zip(holders, issued, strict=True)]
    told = [text for text in texts if text]
    assert set(told) == {"A", "B"}
    assert 0 < len(told) < len(issued)
    assert sent.progress.targets == await pushes(db) == len(told)


async def test_marketing_reaches_only_who_agreed(
    db: Database,
    issue: Callable[..., Awaitable[CardView]],
    phone: Callable[..., Phone],
    send: Write,
    published: brands.BrandRow,
    now: datetime,
) -> None:
    from passkit.joinform import Asked
    from store import consents

    yes, no = await issue(), await issue()
    asked = [Asked("marketing", "May we write?", None, "en")]
    await consents.answer(db, published.id, yes.card_id, asked, {"marketing"}, "desk", now)
    await consents.answer(db, published.id, no.card_id, asked, (), "desk", now)
    agreed, refused = await held(db, phone, yes, "yes"), await held(db, phone, no, "no")
    await send(kind="marketing")
    assert await agreed.update() == (yes.serial_number,)
    assert await refused.update() == ()
    await consents.answer(db, published.id, yes.card_id, asked, (), "desk", now)
    await agreed.update()
    assert shown(agreed, yes.serial_number) == ("", [])


async def test_a_topic_is_left_alone_and_the_others_go_on(
    db: Database,
    card: CardView,
    phone: Callable[..., Phone],
    send: Write,
    published: brands.BrandRow,
    now: datetime,
) -> None:
    from passkit.joinform import Asked
    from store import consents

    holder, mine = await held(db, phone, card), card.serial_number
    asked = [Asked("marketing", "May we write?", None, "en")]
    await consents.answer(db, published.id, card.card_id, asked, {"marketing"}, "desk", now)

    async def topic(*, given: bool) -> None:
        await consents.choose_topic(db, published.id, card.card_id, "tea", given=given, place="desk", now=now)

    await send("About tea", kind="marketing", topic="tea")
    await holder.update()
    assert shown(holder, mine)[0] == "About tea"
    await pushes(db)
    await rest(db)
    await topic(given=False)
    assert await pushes(db) == 1  # the phone is asked to come
    await holder.update()
    assert shown(holder, mine) == ("", [])
    assert (await send("More tea", kind="marketing", topic="tea")).progress.targets == 0
    assert (await send("About coffee", kind="marketing", topic="coffee")).progress.targets == 1
    await topic(given=True)
    assert (await send("Tea again", kind="marketing", topic="tea")).progress.targets == 1
    await consents.answer(db, published.id, card.card_id, asked, (), "desk", now)
    assert (await send("Tea, still", kind="marketing", topic="tea")).progress.targets == 0
    assert await consents.of_card(db, card.card_id)


async def test_a_dry_run_counts_and_its_plan_is_what_runs(
    db: Database,
    issue: Callable[..., Awaitable[CardView]],
    phone: Callable[..., Phone],
    write: Write,
    published: brands.BrandRow,
    now: datetime,
) -> None:
    await held(db, phone, await issue(data={"name": "Anna Petrova"}))
    await issue()
    draft = await write()
    seen = await news.dry_run(db, published.id, draft.id, now)
    assert (seen.reach.cards, seen.reach.iphones, seen.reach.not_installed) == (2, 1, 1)
    assert {sample.lock_screen for sample in seen.samples} == {"Coffee is free today"}
    assert "Anna" not in str(seen)
    await issue()
    with pytest.raises(Conflict) as refused:
        await news.start(db, published.id, draft.id, plan=seen.plan, now=now)
    assert refused.value.code == "plan_changed"
    again = await news.dry_run(db, published.id, draft.id, now)
    assert (await news.start(db, published.id, draft.id, plan=again.plan, now=now)).state == "running"


async def test_what_fits_no_template_is_refused_with_its_place(
    db: Database, write: Write, published: brands.BrandRow, icon: bytes, now: datetime
) -> None:
    plain = {"template.yaml": SMALL.replace("key: small", "key: plain").encode(), "icon.png": icon}
    await templates.import_files(db, published.id, plain, now)
    await templates.publish(db, published.id, "plain", now=now)
    refusals = {
        "/template": {"template": "plain", "text": "x"},
        "/text/fr": {"template": "small", "text": {"fr": "x"}},
        "/text": {"template": "small", "text": "  "},
        "/audience/field": {"template": "small", "text": "x", "audience": {"field": "data.no", "op": "eq", "value": 1}},
        "/ends_at": {"template": "small", "text": "x", "ends_at": "2020-01-01T00:00:00Z"},
    }
    for pointer, given in refusals.items():
        with pytest.raises(Invalid) as refused:
            await news.create(db, published.id, NewsRequest.model_validate(given), by="test", now=now)
        assert [problem.pointer for problem in refused.value.problems] == [pointer]
    with pytest.raises(NotFound):
        await news.view(db, published.id, "n_unknown")


async def test_news_are_listed_newest_first(db: Database, write: Write, published: brands.BrandRow) -> None:
    written = [(await write(f"News {number}")).id for number in range(3)]
    first = await news.listing(db, published.id, limit=2)
    rest_ = await news.listing(db, published.id, cursor=first.next_cursor, limit=2)
    assert [one.id for one in (*first.news, *rest_.news)] == written[::-1]
    assert rest_.next_cursor is None


async def test_a_template_without_news_is_read_by_the_same_single_select(
    db: Database, card: CardView, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    asked: list[str] = []
    fetch = db.fetch

    async def counted(sql: str, *parameters: Any) -> Any:
        asked.append(sql)
        return await fetch(sql, *parameters)

    monkeypatch.setattr(db, "fetch", counted)
    serving = await cards.serve(db, PASS_TYPE, card.serial_number, 0, now)
    assert serving is not None
    assert len(asked) == 1
    assert dict(passjson.files(serving.fill(now)))
