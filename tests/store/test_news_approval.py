"""A second person for big news: who may approve, what of, and what becomes of it when nobody comes."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from store import brands, news, newsalarms, newsapproval, newsapproving, newsrules, tables, users
from store.alarms import Ways
from store.audit import COMMAND_LINE, Actor
from store.cards import CardView
from store.dialect import Database
from store.errors import Conflict
from store.news import NewsView
from store.newsrequests import NewsRequest
from store.users import Role, User
from tests.store.conftest import NOW
from tests.store.news import with_news, work_off

Issue = Callable[..., Awaitable[CardView]]
RICH = {"field": "data.points", "op": "gte", "value": 100}


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


async def person(db: Database, brand: brands.BrandRow, name: str, role: Role = Role.PUBLISHER) -> User:
    user = await users.add(db, email=f"{name.lower()}@example.com", name=name, password=None, now=NOW)
    await users.grant(db, user.id, brand.id, role, COMMAND_LINE, NOW)
    return user


async def asked(db: Database, brand: brands.BrandRow, by: User, **given: Any) -> NewsView:
    """Started by this person."""
    request = NewsRequest.model_validate({"template": "small", "text": "Coffee"} | given)
    draft = await news.create(db, brand.id, request, by=by.name, now=NOW)
    return await news.start(db, brand.id, draft.id, by=by.name, by_user=by.id, now=NOW)


async def above(db: Database, brand: brands.BrandRow, cards: int, deputies: tuple[int, ...] = ()) -> None:
    await newsrules.set_approval(db, brand.id, cards, deputies, by=COMMAND_LINE, now=NOW)


async def approve(db: Database, brand: brands.BrandRow, view: NewsView, by: Actor) -> NewsView:
    return await newsapproving.approve(db, brand.id, view.id, by=by, now=NOW)


async def test_above_the_number_another_publisher_approves_and_it_goes(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, boris = await person(db, published, "Anna"), await person(db, published, "Boris")
    for points in (1, 500):
        await issue(data={"points": points})
    await above(db, published, 1)
    view = await asked(db, published, anna)
    await work_off(db)
    assert (view.state, view.is_live) == ("waiting_approval", False)
    assert view.approve_by is not None
    assert timedelta(minutes=110) < view.approve_by - datetime.now(UTC) <= timedelta(hours=2)
    assert await newsalarms.raise_alarms(db, Ways(), NOW) == [("approval", view.id)]
    with pytest.raises(Conflict):
        await approve(db, published, view, anna.actor)
    assert (await approve(db, published, view, boris.actor)).state == "running"
    await work_off(db)
    assert (await news.view(db, published.id, view.id)).is_live


async def test_a_smaller_audience_needs_nobody(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    anna, _ = await person(db, published, "Anna"), await person(db, published, "Boris")
    for points in (1, 500):
        await issue(data={"points": points})
    await above(db, published, 1)
    assert (await asked(db, published, anna, audience=RICH)).state == "running"


async def test_it_is_off_with_one_publisher(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    anna, clerk = await person(db, published, "Anna"), await person(db, published, "Clara", Role.DESIGNER)
    for _ in range(2):
        await issue()
    await above(db, published, 1)
    assert (await asked(db, published, anna)).state == "running"
    await above(db, published, 1, (clerk.id,))
    view = await asked(db, published, anna)
    assert view.state == "waiting_approval"
    assert (await approve(db, published, view, clerk.actor)).state == "running"


async def test_who_may_not_publish_may_not_approve(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    anna, clerk = await person(db, published, "Anna"), await person(db, published, "Clara", Role.DESIGNER)
    await person(db, published, "Boris")
    for _ in range(2):
        await issue()
    await above(db, published, 1)
    view = await asked(db, published, anna)
    for by in (clerk.actor, Actor("Nobody"), Actor("key till"), Actor("Anna")):
        with pytest.raises(Conflict):
            await approve(db, published, view, by)


async def test_the_author_by_name_is_the_author_too(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    anna, _ = await person(db, published, "Anna"), await person(db, published, "Boris")
    for _ in range(2):
        await issue()
    await above(db, published, 1)
    request = NewsRequest.model_validate({"template": "small", "text": "Coffee"})
    draft = await news.create(db, published.id, request, by="Anna", now=NOW)
    view = await news.start(db, published.id, draft.id, by="Anna", now=NOW)
    with pytest.raises(Conflict):
        await approve(db, published, view, anna.actor)


async def test_an_audience_that_has_grown_meanwhile_is_not_approved(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, boris = await person(db, published, "Anna"), await person(db, published, "Boris")
    for _ in range(2):
        await issue()
    await above(db, published, 1)
    view = await asked(db, published, anna)
    await issue()
    with pytest.raises(Conflict) as refused:
        await approve(db, published, view, boris.actor)
    assert refused.value.code == "plan_changed"
    back = await newsapproving.refuse(db, published.id, view.id, "Count again", by=boris.actor, now=NOW)
    assert (back.state, back.reason) == ("draft", "Count again")


async def test_what_nobody_approves_is_a_draft_again_and_somebody_is_told(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, _ = await person(db, published, "Anna"), await person(db, published, "Boris")
    for _ in range(2):
        await issue()
    await above(db, published, 1)
    view = await asked(db, published, anna)
    async with db.transaction() as conn:
        await conn.execute(update(tables.news).values(next_at=datetime.now(UTC) - timedelta(minutes=1)))
    await work_off(db)
    view = await news.view(db, published.id, view.id)
    assert (view.state, view.reason, view.approve_by) == ("draft", newsapproval.LAPSED, None)
    assert ("lapsed", view.id) in await newsalarms.raise_alarms(db, Ways(), NOW)


async def test_a_scheduled_one_lapses_after_a_day_and_keeps_its_time(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, boris = await person(db, published, "Anna"), await person(db, published, "Boris")
    for _ in range(2):
        await issue()
    await above(db, published, 1)
    starts_at = datetime.now(UTC) + timedelta(days=3)
    view = await asked(db, published, anna, starts_at=starts_at.isoformat())
    assert view.approve_by is not None
    assert timedelta(hours=23) < view.approve_by - datetime.now(UTC) <= timedelta(hours=24)
    view = await approve(db, published, view, boris.actor)
    assert (view.state, view.starts_at) == ("scheduled", starts_at)


async def test_one_that_waits_is_cancelled(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    anna, boris = await person(db, published, "Anna"), await person(db, published, "Boris")
    for _ in range(2):
        await issue()
    await above(db, published, 1)
    view = await asked(db, published, anna)
    assert (await news.cancel(db, published.id, view.id)).state == "cancelled"
    with pytest.raises(Conflict):
        await approve(db, published, view, boris.actor)


async def big(db: Database, brand: brands.BrandRow, issue: Issue) -> tuple[User, User]:
    """Two publishers, and a rule that two cards are too many for one."""
    people = await person(db, brand, "Anna"), await person(db, brand, "Boris")
    for _ in range(2):
        await issue()
    await above(db, brand, 1)
    return people


async def test_it_is_listed_for_who_may_decide_and_goes_back_with_who_refused(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, boris = await big(db, published, issue)
    view = await asked(db, published, anna)
    ids = [
        [one.id for one in await newsapproving.waiting(db, published.id, user_id)]
        for user_id in (None, anna.id, boris.id)
    ]
    assert ids == [[view.id], [], [view.id]]
    assert [one.name for one in await newsapproving.asked_of(db, published.id, view.id)] == ["Boris"]
    back = await newsapproving.refuse(db, published.id, view.id, "Wrong day", by=boris.actor, now=NOW)
    assert (back.state, back.reason, back.refused_by) == ("draft", "Wrong day", "Boris")
    again = await news.start(db, published.id, view.id, by=anna.name, by_user=anna.id, now=NOW)
    assert (again.state, again.reason, again.refused_by) == ("waiting_approval", "", None)
    taken = await newsapproving.take_back(db, published.id, view.id, by=anna.actor, now=NOW)
    assert (taken.state, taken.started_by) == ("draft", None)
    with pytest.raises(Conflict):
        await newsapproving.take_back(db, published.id, view.id, by=anna.actor, now=NOW)


async def test_a_word_on_an_older_request_is_none(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    anna, boris = await big(db, published, issue)
    view = await asked(db, published, anna)
    ((plan,),) = await db.fetch("SELECT plan FROM news")
    old = (plan if isinstance(plan, dict) else json.loads(plan))["id"]
    await newsapproving.take_back(db, published.id, view.id, by=anna.actor, now=NOW)
    await news.start(db, published.id, view.id, by=anna.name, by_user=anna.id, now=NOW)
    for decide in (newsapproving.approve, newsapproving.refuse):
        with pytest.raises(Conflict) as refused:
            await decide(db, published.id, view.id, by=boris.actor, plan=old, now=NOW)
        assert refused.value.code == "plan_changed"


async def test_a_key_is_a_second_person_only_to_what_another_has_started(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, _ = await big(db, published, issue)
    request = NewsRequest.model_validate({"template": "small", "text": "Coffee"})
    own = await news.create(db, published.id, request, by="key till", now=NOW)
    await news.start(db, published.id, own.id, by="key till", now=NOW)
    for decide in (newsapproving.approve, newsapproving.refuse):
        with pytest.raises(Conflict):
            await decide(db, published.id, own.id, by=Actor("key till"), is_key=True, now=NOW)
    other = Actor("key office")
    assert (
        await newsapproving.approve(db, published.id, own.id, by=other, is_key=True, undo_seconds=60, now=NOW)
    ).undo_until
    hers = await asked(db, published, anna)
    assert (await newsapproving.approve(db, published.id, hers.id, by=other, is_key=True, now=NOW)).state == "running"
