"""Worlds to live in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.journeys import house
from tests.journeys.chromium import launched

SMALL = (
    "test_android.py",
    "test_google.py",
    "test_google_kill.py",
    "test_google_news_kill.py",
    "test_operator_card.py",
    "test_phones.py",
    "test_secrets.py",
)
"""Journeys whose every query ``tests/store`` asks on both databases: in ``make test`` they are made on SQLite alone."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """On PostgreSQL the small journeys are for ``make soak``."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.path.name in SMALL and "postgresql" in item.name:
            item.add_marker("soak")


@pytest.fixture(scope="session")
def certs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CERTS_DIR of look-alikes, made once."""
    return house.make_certificates(tmp_path_factory.mktemp("certs"))


@pytest_asyncio.fixture
async def world(database_url: str, tmp_path: Path, certs: Path) -> AsyncIterator[house.World]:
    """A world on each database; the server does not run yet."""
    async with house.world(database_url, tmp_path, certs) as made:
        yield made


@pytest_asyncio.fixture
async def running(world: house.World) -> AsyncIterator[house.World]:
    """The same with the server and its worker running."""
    async with world.server():
        yield world


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Any]:
    """A browser; ``Person.at`` opens somebody's window in it."""
    async with launched() as browser:
        yield browser
