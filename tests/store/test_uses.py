"""Which source sets which variable, counted beside the webhooks, and the publish that must not break it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from passkit.edit import RenameVariable
from store import cards, drafts, sources, templates, uses
from store.audit import Actor
from store.brands import BrandRow
from store.cards import CardView
from store.dialect import Database
from store.errors import Invalid
from store.sources import HookEvent, Source
from store.tables import templates as table
from store.tables import variable_uses
from store.uses import Use

Post = Callable[..., Awaitable[Any]]


@pytest.fixture
def post(db: Database, till: Source, card: CardView, now: datetime) -> Post:
    numbers = iter(range(1000))

    async def sent(given: Mapping[str, Any], *, at: datetime = now, source: Source = till) -> Any:
        data = {"card": card.serial_number, "set": dict(given)}
        return await sources.deliver(db, source, HookEvent(f"e{next(numbers)}", "card.changed", at, data), at)

    return sent


async def counted(db: Database, key: str, now: datetime) -> list[Use]:
    await db.uses.flush()
    async with db.reading() as conn:
        template_id = (await conn.execute(select(table.c.id).where(table.c.key == key))).scalar_one()
        return await uses.since(conn, template_id, now)


def without(small: Mapping[str, bytes], *names: str) -> dict[str, bytes]:
    """The template without the lines that name these."""
    lines = small["template.yaml"].decode().splitlines(keepends=True)
    kept = [line for line in lines if not any(name in line for name in names)]
    return {**small, "template.yaml": "".join(kept).encode()}


async def test_what_a_source_sets_is_counted_by_day(db: Database, post: Post, now: datetime) -> None:
    for points in (1, 2, 3):
        await post({"points": points, "balance": 100 * points})
    await post({"points": 4}, at=now + timedelta(days=1))
    day = uses.day_of(now)
    assert await counted(db, "small", now + timedelta(days=1)) == [
        Use("till", "balance", day, 3),
        Use("till", "points", day, 3),
        Use("till", "points", day + 1, 1),
    ]


async def test_counts_add_up_over_several_writes(db: Database, post: Post, now: datetime) -> None:
    for points in (1, 2):
        await post({"points": points})
        await db.uses.flush()
    assert [use.count for use in await counted(db, "small", now)] == [2]


async def test_counts_older_than_thirty_days_do_not_matter(db: Database, post: Post, now: datetime) -> None:
    await post({"points": 1})
    assert len(await counted(db, "small", now + timedelta(days=29))) == 1
    assert await counted(db, "small", now + timedelta(days=30)) == []


async def test_a_refused_event_counts_nothing(db: Database, post: Post, now: datetime) -> None:
    with pytest.raises(Invalid):
        await post({"points": "many"})
    assert await counted(db, "small", now) == []


async def test_a_publish_that_takes_away_what_a_source_sets_is_refused_with_its_count(
    db: Database, published: BrandRow, post: Post, small: dict[str, bytes], now: datetime
) -> None:
    for cents in (1, 2):
        await post({"balance": cents})
    await templates.import_files(db, published.id, without(small, "balance"), now)
    with pytest.raises(Invalid) as refused:
        await templates.publish(db, published.id, "small", now=now)
    assert refused.value.code == "variable_in_use"
    (problem,) = refused.value.problems
    assert (problem.pointer, "till 2 times" in problem.detail) == ("/variables/balance", True)


async def test_what_no_source_sets_may_go(
    db: Database, published: BrandRow, post: Post, small: dict[str, bytes], now: datetime
) -> None:
    await post({"points": 1})
    await templates.import_files(db, published.id, without(small, "balance"), now)
    assert (await templates.publish(db, published.id, "small", now=now)).number == 2


async def test_a_revoked_source_is_in_nobodys_way(
    db: Database, published: BrandRow, post: Post, small: dict[str, bytes], now: datetime
) -> None:
    await post({"balance": 1})
    await sources.revoke(db, "till", now)
    await templates.import_files(db, published.id, without(small, "balance"), now)
    assert (await templates.publish(db, published.id, "small", now=now + timedelta(seconds=1))).number == 2


async def test_a_renamed_variable_may_be_published_and_its_alias_may_not_go_while_it_is_used(
    db: Database, published: BrandRow, post: Post, card: CardView, now: datetime
) -> None:
    await post({"balance": 700})
    anna = Actor("Anna")
    rename = [RenameVariable("balance", "deposit")]
    await drafts.save_edits(db, published.id, "small", base=1, edits=rename, by=anna, now=now)
    await templates.publish(db, published.id, "small", now=now)
    await post({"balance": 900}, at=now + timedelta(minutes=1))
    found = await cards.view(db, published.id, card.serial_number)
    assert found.data["deposit"] == 900
    files = await templates.export_files(db, published.id, "small")
    bare = files["template.yaml"].replace(b", alias: [balance]", b"")
    assert bare != files["template.yaml"]
    await templates.import_files(db, published.id, {**files, "template.yaml": bare}, now)
    with pytest.raises(Invalid) as refused:
        await templates.publish(db, published.id, "small", now=now + timedelta(minutes=2))
    assert refused.value.code == "variable_in_use"
    assert "`deposit`" in refused.value.problems[0].fix


async def test_what_a_source_issues_cards_with_is_counted_too(db: Database, till: Source, now: datetime) -> None:
    body = {"template": "small", "external_id": "new", "data": {"points": 3, "name": "Anna"}}
    await sources.deliver(db, till, HookEvent("i1", "card.issued", now, body), now)
    assert [use.variable for use in await counted(db, "small", now)] == ["name", "points"]


async def test_a_webhook_writes_no_count_of_its_own(db: Database, post: Post, now: datetime) -> None:
    await post({"points": 1})
    async with db.reading() as conn:
        assert (await conn.execute(select(func.count()).select_from(variable_uses))).scalar() == 0
