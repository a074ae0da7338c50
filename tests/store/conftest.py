"""A brand with the coffee template published, cards of it, and phones that register."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from store import brands, cards, sources, templates
from store.cards import CardView, NewCard
from store.dialect import Database
from store.sources import Source
from tests.scenes import laid
from tests.store.phones import Phone

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
PASS_TYPE = "pass.com.example.coffee"

SMALL = """
key: small
style: storeCard
name: Small card
languages: [en]
variables:
  name:    {type: text, label: Holder, default: "", sample: Anna, personal: true}
  points:  {type: integer, label: Points, default: 0, sample: 120}
  balance: {type: money, currency: RUB, label: Deposit, default: 0, sample: 45000}
  memo:    {type: text, label: Memo, optional: true, sample: unseen}
fields:
  header:    [{key: points, label: Points, value: "{{ points }}", change_message: "You have %@ points"}]
  secondary: [{key: balance, label: Deposit, value: "{{ balance }}", format: money, change_message: "Deposit: %@"}]
  auxiliary: [{key: holder, label: Holder, value: "{{ name }}"}]
barcode: {format: qr, message: "{{ card.number }}"}
images: {icon: icon.png}
"""


@pytest.fixture
def now() -> datetime:
    """The domain's time in these tests."""
    return NOW


@pytest.fixture
def small(icon: bytes) -> dict[str, bytes]:
    """A template with two fields that ring, one that does not, and a variable that nobody sees."""
    return {"template.yaml": SMALL.encode(), "icon.png": icon}


@pytest.fixture(scope="session")
def icon() -> bytes:
    """A picture as it is kept: the first normalisation of a red square."""
    import io

    from PIL import Image

    from passkit import images

    content = io.BytesIO()
    Image.new("RGB", (114, 114), "#aa2211").save(content, "PNG")
    return images.intake("icon.png", content.getvalue())


@pytest_asyncio.fixture
async def shop(request: pytest.FixtureRequest, db: Database, now: datetime) -> brands.BrandRow:
    """A brand; with its template where the test asks for ``published``, too."""
    if "published" not in request.fixturenames:
        return await _shop(db, now)
    small = request.getfixturevalue("small")

    async def arranged() -> brands.BrandRow:
        shop = await _shop(db, now)
        await templates.import_files(db, shop.id, small, now)
        await templates.publish(db, shop.id, "small", now=now)
        return shop

    return await laid(db, ("published", now, *small.items()), arranged)


async def _shop(db: Database, now: datetime) -> brands.BrandRow:
    return await brands.add(
        db,
        key="shop",
        name="Coffee shop",
        pass_type_identifier=PASS_TYPE,
        team_identifier="ABCDE12345",
        languages=("en",),
        time_zone="Europe/Moscow",
        now=now,
    )


@pytest.fixture
def published(shop: brands.BrandRow) -> brands.BrandRow:
    """The brand with its small template published."""
    return shop


@pytest_asyncio.fixture
async def issue(db: Database, published: brands.BrandRow, now: datetime) -> Callable[..., Awaitable[CardView]]:
    """Issue a card of the small template."""

    async def issued(**given: Any) -> CardView:
        return (await cards.issue(db, published.id, NewCard(template="small", **given), now)).card

    return issued


@pytest_asyncio.fixture
async def card(issue: Callable[..., Awaitable[CardView]]) -> CardView:
    """A card with 100 points."""
    return await issue(external_id="c-1", data={"points": 100, "name": "Анна"})


@pytest_asyncio.fixture
async def till(db: Database, published: brands.BrandRow, now: datetime) -> Source:
    """A hook source."""
    await sources.add(db, published.id, "till", now)
    found = await sources.by_name(db, "till", now)
    assert found is not None
    return found


@pytest.fixture
def phone(db: Database) -> Callable[..., Phone]:
    """Phones by name; they behave as iOS does, and only through the store's operations."""

    def named(name: str = "A") -> Phone:
        return Phone(db, PASS_TYPE, name)

    return named
