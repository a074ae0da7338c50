"""Why phones and Google's objects were not told of a news, counted by the vendor's word, each with what to do about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import pytest

from pushes import verdict
from pushes.channel import Outcome
from store import brands, claims, google, news, newsreasons, settling, sweeps, tables
from store.cards import CardView
from store.dialect import Database
from store.fates import Fate, Settled
from store.news import NewsView
from tests.store.conftest import NOW
from tests.store.google import ISSUER, Worker
from tests.store.news import send, with_news, work_off
from tests.store.phones import Phone
from tests.store.test_news import ROUTE, claimed, held

Issue = Callable[..., Awaitable[CardView]]
EVERYBODY = {"field": "data.points", "op": "gte", "value": 0}


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


def counted(view: NewsView) -> list[tuple[str, str, int, str]]:
    return [(one.fate, one.reason, one.count, one.code) for one in view.reasons]


async def answer(db: Database, claim: claims.Claim | None, *fates: tuple[Fate, str]) -> None:
    assert claim is not None
    pairs = zip(claim.targets, fates, strict=True)
    settled = [Settled(target, fate, reason, None, 600) for target, (fate, reason) in pairs]
    await settling.settle(db, owner="w", route=ROUTE, intents=claim.intents, settled=settled)


async def test_phones_are_counted_by_the_vendors_word(
    db: Database, published: brands.BrandRow, issue: Issue, phone: Callable[..., Phone]
) -> None:
    for name in "ABCDEF":
        await held(db, phone, await issue(), name)
    sent = await send(db, published.id)
    await answer(
        db,
        await claimed(db),
        (Fate.ACCEPTED, ""),
        (Fate.PRUNE, "Unregistered"),
        (Fate.PARK, "DeviceTokenNotForTopic"),
        (Fate.PARK, "DeviceTokenNotForTopic"),
        (Fate.RETRY, "TooManyRequests"),
        (Fate.ACCEPTED, ""),
    )
    on_its_way = await news.view(db, published.id, sent.id)
    assert counted(on_its_way) == [
        ("failed", "DeviceTokenNotForTopic", 2, "token_refused"),
        ("gone", "Unregistered", 1, "removed"),
        ("waiting", "TooManyRequests", 1, "vendor_busy"),
    ]
    stopped = await news.stop(db, published.id, sent.id)
    assert stopped.state == "done"
    assert counted(stopped)[1:] == [("failed", "Stopped", 1, "stopped"), ("gone", "Unregistered", 1, "removed")]
    assert sum(one.count for one in stopped.reasons) == stopped.progress.failed + stopped.progress.gone


async def test_what_is_held_says_why_all_of_them_wait(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone]
) -> None:
    await held(db, phone, card)
    async with db.transaction() as conn:
        row = {"pass_type_identifier": published.pass_type_identifier, "reason": "BadCertificate: it has expired"}
        await conn.execute(tables.holds.insert().values(**row, since=NOW, probe_at=NOW))
    assert counted(await send(db, published.id)) == [("waiting", "BadCertificate", 1, "ours_to_fix")]


async def test_googles_objects_are_counted_by_googles_word(
    db: Database, published: brands.BrandRow, issue: Issue, now: datetime
) -> None:
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    worker = Worker(db)
    for card in [await issue() for _ in range(2)]:
        await google.open_object(db, card.card_id, now)
    await worker.run()
    sent = await send(db, published.id, audience=EVERYBODY)
    first, second = await worker.claim(2)
    await worker.settle([first], google.Outcome.DEAD, reason="invalidValue")
    await worker.settle([second])
    async with db.transaction() as conn:
        await conn.execute(tables.jobs.delete())
    await work_off(db)
    done = await news.view(db, published.id, sent.id)
    assert (done.state, counted(done)) == ("done", [("failed", "invalidValue", 1, "google_refused")])


SENTENCES = {
    Outcome.GONE: ("gone", {"removed", "token_refused"}),
    Outcome.PARK: ("failed", {"token_refused"}),
    Outcome.RETRY: ("waiting", {"vendor_busy"}),
    Outcome.OURS: ("waiting", {"ours_to_fix"}),
}
REFUSALS = [row for row in (*verdict.APNS, *verdict.FCM) if row.outcome in SENTENCES]


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: row.reason)
def test_every_word_of_a_vendor_has_its_sentence(row: verdict.Row) -> None:
    """By what the verdict tables make of it: nobody is told to mend what mends itself, nor to wait for what does not."""
    fate, codes = SENTENCES[row.outcome]
    assert newsreasons.told(fate, row.reason).code in codes


async def test_reasons_go_with_the_counters_of_old_news(
    db: Database, published: brands.BrandRow, card: CardView, phone: Callable[..., Phone], now: datetime
) -> None:
    await held(db, phone, card)
    sent = await send(db, published.id)
    await answer(db, await claimed(db), (Fate.PRUNE, "Unregistered"))
    await news.cancel(db, published.id, sent.id)
    assert (await sweeps.daily(db, now + sweeps.NEWS * 2))["news_reasons"] == 1
