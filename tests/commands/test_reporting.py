"""What a running house says of itself, and what doctor says where two do not agree."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import update

from commands import certsdev, doctor, reporting
from commands.certsdir import load_directory
from commands.checks import State
from handlers.overload import REFUSED_SECONDS, Load
from passkit.apple.signing import Signers
from store import processes, tables
from store.dialect import Database

PASS_TYPE = "pass.com.example.passbell"


def signers(folder: Path) -> Signers:
    certsdev.dev(folder, [PASS_TYPE], team="PASSBELL01", now=datetime.now(UTC))
    return Signers(load_directory(folder))


async def test_a_process_says_its_certificate_and_load_and_leaves_no_row(db: Database, tmp_path: Path) -> None:
    own, load = signers(tmp_path / "certs"), Load(lambda: 0.0)
    async with reporting.reporting(db, own, "web-a-1", load):
        async with asyncio.timeout(10):
            while not (alive := (await processes.alive(db))[0]):
                await asyncio.sleep(0.02)
        (seen,) = alive
        assert seen.process.certificates == {PASS_TYPE: own.newest(PASS_TYPE, datetime.now(UTC)).fingerprint}
        for _ in range(100):
            load.note_fetch(0.4)
        async with asyncio.timeout(10):
            while (await processes.load(db))[0] != 0.4:
                await asyncio.sleep(0.05)
    assert (await processes.alive(db))[0] == []


async def test_the_processor_time_of_a_process_that_delivers_itself_says_nothing_of_phones(
    db: Database, tmp_path: Path
) -> None:
    own = signers(tmp_path / "certs")
    for delivers in (False, True):
        async with reporting.reporting(db, own, "web-a-1", Load(lambda: 0.0), delivers=delivers):
            async with asyncio.timeout(10):
                while not (alive := (await processes.alive(db))[0]):
                    await asyncio.sleep(0.02)
            assert (alive[0].process.cpu_percent is None) is delivers


async def test_doctor_names_two_that_sign_with_different_certificates(db: Database, tmp_path: Path) -> None:
    async with (
        reporting.reporting(db, signers(tmp_path / "a"), "web-a-1"),
        reporting.reporting(db, signers(tmp_path / "b"), "web-b-1"),
    ):
        async with asyncio.timeout(10):
            while len((await processes.alive(db))[0]) < 2:
                await asyncio.sleep(0.02)
        assert [check.state async for check in doctor._processes(db)] == [State.OK]
        async with db.transaction() as conn:
            ago = datetime.now(UTC) - processes.DIFFER - timedelta(seconds=5)
            await conn.execute(update(tables.processes).values(since=ago))
        checks = [check async for check in doctor._processes(db)]
    assert [check.state for check in checks] == [State.FAIL, State.OK]
    assert "web-a-1 and web-b-1 sign with different certificates" in checks[0].detail


def test_the_load_is_the_95th_percentile_since_it_was_asked_and_a_refusal_is_the_worst() -> None:
    load = Load(lambda: 0.0)
    assert load.fetched() is None
    for number in range(100):
        load.note_fetch(number / 100)
    assert load.fetched() == 0.95
    assert load.fetched() is None
    load.note_fetch(0.001)
    load.refused = 1
    assert load.fetched() == REFUSED_SECONDS
