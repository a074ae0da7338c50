"""The drill: a backup under load, put back elsewhere, held, released, and every phone shows the truth in the end."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import commands.cards
from commands import backup
from commands.settings import Settings
from commands.shell import CommandError
from sandbox.phone import Phone
from store import dialect, holding, lost
from store.keyring import Keyring
from tests.databases import postgresql_database
from tests.journeys.house import SECRET, World, until

PHRASE = "a passphrase of a drill"


@pytest.fixture
def elsewhere(database_url: str, tmp_path: Path) -> Iterator[str]:
    """An empty database of the same kind as the world's."""
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'restored.db'}"
    else:
        with postgresql_database() as url:
            yield url


def points(phone: Phone, serial: str) -> str:
    return phone.cards[serial].text("points")


async def _load(world: World, cards: list[str], stop: asyncio.Event) -> int:
    """A backend that goes on changing; returns the last number it sent to each."""
    number = 100
    while not stop.is_set():
        number += 1
        for card in cards:
            await world.change(card, points=number)
        await asyncio.sleep(0.02)
    return number


async def test_restored_under_load_nothing_leaves_before_the_release_and_phones_converge(
    world: World, elsewhere: str, tmp_path: Path
) -> None:
    world.more = {"BACKUP_PASSPHRASE": PHRASE}
    out, stop = tmp_path / "drill.backup", asyncio.Event()
    async with world.server():
        holders = [await world.holder() for _ in range(4)]
        cards = [serial for _, serial in holders]
        load = asyncio.create_task(_load(world, cards, stop))
        await asyncio.sleep(0.3)
        assert await backup.run_backup(argparse.Namespace(out=out), world.settings) == 0
        await asyncio.sleep(0.3)
        stop.set()
        assert await load > 101
        late, late_card = await world.holder()

    certs = tmp_path / "restored-certs"
    target = replace(world.settings, database_url=elsewhere, certs_dir=certs)
    args = argparse.Namespace(file=out, force=False, check=False)
    assert await backup.run_restore(args, target) == 0
    with pytest.raises(CommandError, match="--force"):
        await backup.run_restore(args, target)
    assert (certs / "dev" / "root.pem").read_bytes() == (world.folder / "certs" / "dev" / "root.pem").read_bytes()
    world.database_url = elsewhere
    await _held_then_released(world, holders, target)
    await _adopted(world, late, late_card, target)


async def _held_then_released(world: World, holders: list[tuple[Phone, str]], target: Settings) -> None:
    before = world.apns.accepted()
    async with world.server():
        for _, serial in holders:
            await world.change(serial, points=777)
        await asyncio.sleep(1.2)
        assert world.apns.accepted() == before, "a held database sends nothing"
        db = await dialect.open(world.database_url, Keyring.parse(SECRET))
        (apple,) = [one for one in await holding.waiting(db) if one.channel == "apple"]
        total = sum(one.count for one in await holding.waiting(db))
        await db.close()
        assert apple.count >= len(holders)
        with pytest.raises(CommandError, match="nothing is done"):
            await backup.run_release(argparse.Namespace(yes=total + 1), target)
        assert await backup.run_release(argparse.Namespace(yes=total), target) == 0
        for phone, serial in holders:
            await until(lambda phone=phone, serial=serial: "777" in points(phone, serial))


async def _adopted(world: World, phone: Phone, serial: str, target: Settings) -> None:
    """A card that was issued after the backup comes back under its serial number, and then hears of changes."""
    async with world.server():
        await phone.refresh(forced=True)
        db = await dialect.open(world.database_url, Keyring.parse(SECRET))
        assert await lost.count(db) == 1
        await db.close()
        args = argparse.Namespace(template="coffee", serial=None, data=None, brand=None)
        assert await commands.cards.run_readopt(args, target) == 0
        await world.change(serial, points=888)
        await phone.refresh(forced=True)
        assert "888" in points(phone, serial)
