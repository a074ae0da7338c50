"""The studio's held changes, as a publisher's browser meets them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from handlers.studio import held as screen
from passkit.apple.signing import Signers
from store import held, letting, sources
from store.dialect import Database
from store.people import Role
from tests.handlers.conftest import House, opened
from tests.handlers.studio import Browser, browser_of, text, user

NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def studio(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    async with opened(local_db, signers, lean) as house:
        yield house


@pytest_asyncio.fixture
async def publisher(studio: House) -> Browser:
    return await browser_of(studio, await user(studio, "p@example.com", Role.PUBLISHER, password=None), verified=True)


async def _hold(house: House) -> str:
    """A change of a card with 100 points is held; the page's path."""
    await house.issue(external_id="c6", data={"points": 100})
    await house.issue(external_id="c7", data={"points": 100, "name": "Anna Petrova"})
    await sources.set_brake(house.db, "till", 1)
    for card, points in (("c6", 120), ("c7", 130)):
        event = {"type": "card.changed", "timestamp": datetime.now(UTC).isoformat(), "data": {"card": card}}
        event["data"]["set"] = {"points": points}
        answer = await house.hook(event)
    assert answer.json["result"] == "held"
    (one,) = await held.listing(house.db)
    return f"/studio/held/{one.id}"


async def _points(house: House) -> int:
    answer = await house.api("GET", "/cards?external_id=c7")
    return int(answer.json["cards"][0]["data"]["points"])


def _hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))


async def test_what_is_held_is_shown_without_names_and_applied(studio: House, publisher: Browser) -> None:
    assert "Nothing is held" in text(await publisher.get("/studio/held"))
    path = await _hold(studio)
    assert "too many notifications" in text(await publisher.get("/studio/held"))
    assert "Changes from till are held" in text(await publisher.get("/studio/"))
    page = await publisher.get(path)
    assert "1 change of 1 cards" in text(page)
    assert "100 → 130" in re.sub(r"\s+", " ", text(page))
    assert "Petrova" not in text(page)
    done = await publisher.post(f"{path}:apply", _hidden(page.body.decode()))
    assert (done.status, done.headers["Location"]) == (303, "/studio/held")
    assert await letting.run(studio.db, "w", NOW) == 1
    assert await _points(studio) == 130
    assert (await publisher.get(path)).status == 404


async def test_what_is_discarded_is_gone(studio: House, publisher: Browser) -> None:
    path = await _hold(studio)
    done = await publisher.post(f"{path}:discard", _hidden((await publisher.get(path)).body.decode()))
    assert done.status == 303
    assert await held.listing(studio.db) == []
    assert await _points(studio) == 100


async def test_a_number_is_typed_for_many_cards(
    studio: House, publisher: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(screen, "TYPED_FROM", 1)
    path = await _hold(studio)
    form = _hidden((await publisher.get(path)).body.decode())
    assert (await publisher.post(f"{path}:apply", {**form, "typed": "2"})).status == 422
    assert (await publisher.post(f"{path}:apply", {**form, "typed": "1"})).status == 303


async def test_another_number_than_was_shown_is_refused(studio: House, publisher: Browser) -> None:
    path = await _hold(studio)
    form = _hidden((await publisher.get(path)).body.decode())
    refused = await publisher.post(f"{path}:discard", {**form, "cards": "9"})
    assert refused.status == 409
    assert "Look again" in text(refused)
