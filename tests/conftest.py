"""What every test may ask for: look-alike certificates, a brand, the coffee template, a database of each kind."""

from __future__ import annotations

import gc
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from commands import pki as authorities
from passkit.apple.signing import Identity, Signers
from passkit.model import Brand
from tests.databases import (  # noqa: F401 - fixtures
    database_url,
    db,
    empty_url,
    keyring,
    postgresql_model,
    postgresql_url,
    sqlite_model,
    sqlite_url,
)

ROOT = Path(__file__).parent.parent
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 4_000_000_000
"""Bytes free there for the tests' files to lie in memory: no test cuts the power, and a commit to a disk takes milliseconds."""
GARBAGE_OBJECTS = 20_000
"""How many are made before the youngest are looked through: Python's own 700 takes a twentieth of the whole suite."""
PASS_TYPE = authorities.DEFAULT_PASS_TYPE
TEAM = authorities.DEFAULT_TEAM


def pytest_addoption(parser: pytest.Parser) -> None:
    """``make soak`` runs what takes minutes, and only that."""
    parser.addoption("--soak", action="store_true", help="run the long tests, marked soak, instead of the others")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "soak: kills, storms and fault scripts that go on for minutes")
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("--soak")
    others = [item for item in items if (item.get_closest_marker("soak") is not None) != wanted]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


def pytest_collection_finish(session: pytest.Session) -> None:
    """The tests themselves and all that they import are no garbage, however often one looks."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS)


@pytest.fixture(scope="session")
def pki() -> authorities.LookAlike:
    """A look-alike of Apple's certificates: root, WWDR, one pass certificate, the push service's."""
    return authorities.look_alike(now=datetime.now(UTC))


@pytest.fixture(scope="session")
def identity(pki: authorities.LookAlike) -> Identity:
    """What signs passes of the look-alike's pass type."""
    return pki.identity(PASS_TYPE)


@pytest.fixture
def signers(identity: Identity) -> Signers:
    """The look-alike's identity as the set in use."""
    return Signers([identity])


@pytest.fixture(scope="session")
def brand() -> Brand:
    """A brand as the pass builder sees it."""
    return Brand(
        key="coffee",
        name="Coffee club",
        pass_type_identifier=PASS_TYPE,
        team_identifier=TEAM,
        languages=("ru", "en"),
        time_zone="Europe/Moscow",
        web_service_url="https://cards.example.com/passkit",
    )


@pytest.fixture(scope="session")
def coffee() -> dict[str, bytes]:
    """The starter template of the design's example: file name -> content."""
    folder = ROOT / "templates" / "passes" / "coffee"
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
