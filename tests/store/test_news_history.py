"""What a card was told stays readable on its back, where the template wants it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from passkit.apple import passjson
from store import brands, cards, newscorrections, newshistory, templates
from store.cards import CardView, NewCard
from store.dialect import Database
from store.newscorrections import NewsCorrection
from tests.store.conftest import NOW, PASS_TYPE
from tests.store.news import end_now, send, with_news
from tests.store.phones import Phone
from tests.store.test_news import held, pushes, rest, shown

Issue = Callable[..., Awaitable[CardView]]
SOON = "2999-01-01T00:00:00Z"


def with_history(icon: bytes) -> dict[str, bytes]:
    files = with_news(icon)
    field = '{key: told, label: Messages, value: "{{ news.history }}"}]\nbarcode:'
    text = (
        files["template.yaml"].decode().replace('change_message: "%@"}]\nbarcode:', 'change_message: "%@"}, ' + field)
    )
    return files | {"template.yaml": text.encode()}


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    return with_history(icon)


async def told(db: Database, serial: str) -> list[str]:
    """The texts on the back, newest first, without their days."""
    import json

    serving = await cards.serve(db, PASS_TYPE, serial, 0, NOW)
    assert serving is not None
    document = json.loads(dict(passjson.files(serving.fill(NOW)))["pass.json"])
    value = next(field["value"] for field in document["storeCard"]["backFields"] if field["key"] == "told")
    return [part.partition("\n")[2] for part in value.split("\n\n") if part]


async def over(db: Database, brand: brands.BrandRow, text: str, **more: object) -> str:
    sent = await send(db, brand.id, text, ends_at=SOON, **more)
    await end_now(db, sent.id)
    return sent.id


async def test_a_card_keeps_what_it_was_told_and_a_later_card_does_not(
    db: Database, issue: Issue, published: brands.BrandRow
) -> None:
    first = await issue(data={"points": 100})
    assert await told(db, first.serial_number) == []
    await over(db, published, "One")
    later = (await cards.issue(db, published.id, NewCard("small", data={"points": 5}), datetime.now(UTC))).card
    rich = {"field": "data.points", "op": "gte", "value": 100}
    await over(db, published, "Two", audience=rich)
    await send(db, published.id, "Three")
    assert await told(db, first.serial_number) == ["Three", "Two", "One"]
    assert await told(db, later.serial_number) == ["Three"]
    for card in (first, later):
        heard = await newshistory.of_card(db, published.id, card.serial_number)
        assert [one.text["en"] for one in heard] == await told(db, card.serial_number)
        assert [one.over_at is None for one in heard] == [True, *[False] * (len(heard) - 1)]


async def test_the_corrected_say_so_and_the_withdrawn_are_gone_silently(
    db: Database, card: CardView, phone: Callable[..., Phone], published: brands.BrandRow
) -> None:
    holder = await held(db, phone, card)
    first, second = await over(db, published, "One"), await over(db, published, "Two")
    await pushes(db)
    await holder.update()
    await newscorrections.correct(db, published.id, first, NewsCorrection(text="Uno"), NOW)
    await rest(db)
    assert await pushes(db) == 1
    assert await holder.update() == (card.serial_number,)
    assert shown(holder, card.serial_number) == ("", [])
    assert await told(db, card.serial_number) == ["Two", "Uno"]
    await newscorrections.withdraw(db, published.id, second)
    assert await holder.update() == (card.serial_number,)
    assert await told(db, card.serial_number) == ["Uno"]


async def test_a_news_rings_on_a_card_with_history_as_on_any_other(
    db: Database, card: CardView, phone: Callable[..., Phone], published: brands.BrandRow
) -> None:
    holder = await held(db, phone, card)
    await over(db, published, "One")
    await holder.update()
    sent = await send(db, published.id, "Two", ends_at=SOON)
    await holder.update()
    assert shown(holder, card.serial_number) == ("Two", ["news"])
    assert await holder.update() == ()
    await end_now(db, sent.id)
    await holder.update()
    assert shown(holder, card.serial_number) == ("", [])


async def test_a_design_that_begins_to_show_it_shows_what_was_before(
    db: Database, card: CardView, published: brands.BrandRow, icon: bytes
) -> None:
    await templates.import_files(db, published.id, with_news(icon), NOW)
    await templates.publish(db, published.id, "small", now=NOW)
    await over(db, published, "One")
    await templates.import_files(db, published.id, with_history(icon), datetime.now(UTC))
    await templates.publish(db, published.id, "small", now=NOW)
    assert await told(db, card.serial_number) == ["One"]


async def test_ten_are_kept(db: Database, card: CardView, published: brands.BrandRow) -> None:
    for number in range(12):
        await over(db, published, f"News {number}")
    assert await told(db, card.serial_number) == [f"News {number}" for number in range(11, 1, -1)]
