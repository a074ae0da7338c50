"""Approval by a link: whose it is, until when, and what it is not."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from store import brands, news, newsalarms, newsapproving, newslinks, newsrules, outgoing, tables, users
from store.alarms import Ways
from store.audit import COMMAND_LINE
from store.dialect import Database
from store.newslinks import Opened
from store.users import Role
from tests.store.conftest import NOW
from tests.store.news import with_news
from tests.store.test_news_approval import Issue, asked, big, person


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """The small template with a field for news."""
    return with_news(icon)


async def opened(db: Database, path: str | None, now: datetime | None = None) -> Opened | None:
    return await newslinks.open_link(db, (path or "").rpartition("/")[2], now or datetime.now(UTC))


async def test_each_who_may_decide_has_a_link_of_their_own_and_nobody_else(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, boris = await big(db, published, issue)
    clara = await person(db, published, "Clara", Role.DESIGNER)
    view = await asked(db, published, anna)
    assert await newslinks.mine(db, published.id, view.id, anna.id) is None
    assert await newslinks.mine(db, published.id, view.id, clara.id) is None
    path = await newslinks.mine(db, published.id, view.id, boris.id)
    found = await opened(db, path)
    assert found is not None
    assert (found.user.id, found.key, found.brand.id) == (boris.id, view.id, published.id)
    assert path is not None
    for other in (
        path.replace(f".{boris.id}.", f".{anna.id}."),
        path[:-1] + ("A" if path[-1] != "A" else "B"),
        path + "x",
    ):
        assert await opened(db, other) is None
    for made_up in ("", "n_x.1.a", "n_\u0660.1." + "A" * 22, f"n_nothing.1.{'A' * 22}"):
        assert await opened(db, made_up) is None


async def test_a_link_ends_with_the_decision_the_right_and_the_time(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, boris = await big(db, published, issue)
    vera = await person(db, published, "Vera")
    view = await asked(db, published, anna)
    paths = [await newslinks.mine(db, published.id, view.id, one.id) for one in (boris, vera)]
    assert await opened(db, paths[1]) is not None
    assert view.approve_by is not None
    assert await opened(db, paths[0], view.approve_by) is None
    await users.grant(db, vera.id, published.id, Role.DESIGNER, COMMAND_LINE, NOW)
    assert await opened(db, paths[1]) is None
    await newsapproving.refuse(db, published.id, view.id, by=boris.actor, now=NOW)
    assert await opened(db, paths[0]) is None
    again = await asked_again(db, published, view.id, anna)
    assert again != paths[0]
    assert await opened(db, paths[0]) is None


async def asked_again(db: Database, brand: brands.BrandRow, key: str, by: users.User) -> str | None:
    """Asked for once more: Boris's new link."""
    await news.start(db, brand.id, key, by=by.name, by_user=by.id, now=NOW)
    (boris,) = await newsapproving.asked_of(db, brand.id, key)
    return await newslinks.mine(db, brand.id, key, boris.id)


async def letters_of(db: Database) -> list[tuple[str, str, str]]:
    """(channel, to, text) of what waits to be sent."""
    async with db.reading() as conn:
        rows = (await conn.execute(select(tables.outgoing).order_by(tables.outgoing.c.id))).all()

    def read(sealed: bytes) -> bytes:
        return db.keyring.decrypt(outgoing.PURPOSE, sealed)

    return [
        (row.channel, read(row.to_encrypted).decode(), orjson.loads(read(row.content_encrypted))["text"])
        for row in rows
    ]


async def test_links_go_by_mail_and_to_the_phones_of_the_rules(
    db: Database, published: brands.BrandRow, issue: Issue
) -> None:
    anna, boris = await big(db, published, issue)
    phones = {anna.id: "+79161234567", boris.id: "+79160000000"}
    await newsrules.set_phones(db, published.id, phones, by=COMMAND_LINE, now=NOW)
    view = await asked(db, published, anna)
    now = datetime.now(UTC)
    await newsalarms.raise_alarms(db, Ways(mail=True, gateway=True), now)
    sent = await letters_of(db)
    assert [(channel, to) for channel, to, _ in sent if "/studio/approve/" in _] == [
        ("mail", "boris@example.com"),
        ("gateway", "+79160000000"),
    ]
    links = [re.search(r"/studio/approve/\S+", text) for _, _, text in sent]
    for link in filter(None, links):
        found = await opened(db, link[0])
        assert found is not None
        assert found.user.id == boris.id
    assert not any("boris" in to for _, to, text in sent if "/studio/approve/" not in text)
    lines = [str(row) for row in await db.fetch("SELECT detail FROM audit")]
    assert not any("7916" in line for line in lines)
    assert view.approve_by is not None


async def test_rules_are_undone_while_they_are_the_newest(db: Database, published: brands.BrandRow) -> None:
    by: dict[str, Any] = {"by": COMMAND_LINE, "now": NOW}
    await newsrules.set_quiet(db, published.id, "21:00-09:00", **by)
    await newsrules.set_quiet(db, published.id, "21:00-09:00", **by)
    await newsrules.set_cap(db, published.id, 3, 7, ("marketing",), **by)
    cap, quiet = await newsrules.changes(db, published.id)
    with pytest.raises(newsrules.Conflict):
        await newsrules.undo(db, published.id, quiet.id, **by)
    rules = await newsrules.undo(db, published.id, cap.id, **by)
    assert (rules.cap, str(rules.quiet)) == (0, "21:00-09:00")
    newest = (await newsrules.changes(db, published.id))[0]
    assert (await newsrules.undo(db, published.id, newest.id, **by)).cap == 3
    with pytest.raises(newsrules.Invalid):
        await newsrules.set_approval(db, published.id, 10, (999,), **by)


async def test_the_code_of_a_link_counts_its_failures(db: Database, published: brands.BrandRow, issue: Issue) -> None:
    _, boris = await big(db, published, issue)
    now = datetime.now(UTC)
    waits = [await newslinks.prove(db, boris, "000000", now) for _ in range(6)]
    assert waits[0] == 0
    assert waits[-1] is not None
    assert waits[-1] > 0
    assert await newslinks.prove(db, boris, "000000", now + timedelta(hours=1)) is not None
