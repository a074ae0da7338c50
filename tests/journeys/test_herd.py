"""A news to 100,000 phones that all come back: two web processes give each its list and its pass, and fail nobody.

The stand-in for Apple's push service and the robots live in the test's process. A robot asks for its list as soon as it is
pushed, fetches what it names, and comes again when it is told to (503 with Retry-After). TEST_PASSBELL_HERD is another number.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select

from store import cards, registrations, tables
from store.cardrows import seal
from store.cards import NewCard
from store.dialect import Database
from store.registering import DEVICE_PURPOSE, TOKEN_HASH_PURPOSE, TOKEN_PURPOSE
from tests.commands.processes import Process
from tests.conftest import PASS_TYPE
from tests.journeys.house import World
from tests.journeys.returning import Client
from tests.journeys.test_kill import opened
from tests.journeys.test_news import seen, send
from tests.pushes.fleet import token

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]
PHONES = int(os.environ.get("TEST_PASSBELL_HERD", "100000"))
CHUNK = 2_000
P99_SECONDS = 2.0
PATIENCE = 3600.0
DATA = {"name": "Anna Petrova", "points": 0}


@dataclass
class Herd:
    """What became of the robots: seconds of each fetch, from asking to the last byte, and answers by status."""

    fetches: list[float] = field(default_factory=list)
    answers: Counter[int] = field(default_factory=Counter)
    told: int = 0
    """503 with Retry-After: the server's choice, and the robot came again."""

    @property
    def p99(self) -> float:
        """Of the fetches."""
        return sorted(self.fetches)[len(self.fetches) * 99 // 100]


def device(number: int) -> str:
    """The device library identifier of a phone."""
    return f"{number:032x}"


async def hand_out(db: Database, world: World) -> dict[str, tuple[int, str]]:
    """A card for each phone, all that a phone can be given; push token -> (number, serial number)."""
    now = datetime.now(UTC)
    first = (await cards.issue(db, world.brand_id, NewCard("coffee", data=DATA), now)).card.serial_number
    await registrations.register(
        db,
        pass_type=PASS_TYPE,
        serial=first,
        generation=0,
        device_library_identifier=device(1),
        push_token=token(1),
        platform="ApplePass",
        now=now,
    )
    rows = [await _first(db, table) for table in (tables.cards, tables.devices, tables.registrations)]
    for begin in range(2, PHONES + 1, CHUNK):
        await _copy(db, rows, range(begin, min(begin + CHUNK, PHONES + 1)))
    async with db.transaction() as conn:
        await conn.execute(delete(tables.jobs))  # that the first phone has registered
    return {token(1): (1, first)} | {token(number): (number, _serial(number)) for number in range(2, PHONES + 1)}


async def _first(db: Database, table: Table) -> dict[str, Any]:
    async with db.reading() as conn:
        return dict((await conn.execute(select(table))).mappings().one())


async def _copy(db: Database, rows: list[dict[str, Any]], numbers: range) -> None:
    card, phone, registration = rows
    made: Mapping[Table, Iterator[dict[str, Any]]] = {
        tables.cards: (card | _card(db, card["id"], number) for number in numbers),
        tables.devices: (phone | _device(db, phone["id"], number) for number in numbers),
        tables.registrations: (
            registration
            | {"id": registration["id"] + number, "card_id": card["id"] + number, "device_id": phone["id"] + number}
            for number in numbers
        ),
    }
    async with db.transaction() as conn:
        for table, copies in made.items():
            await conn.execute(insert(table), list(copies))


def _serial(number: int) -> str:
    return f"herd{number:028d}"


def _card(db: Database, first: int, number: int) -> dict[str, Any]:
    serial = _serial(number)
    return {
        "id": first + number,
        "serial_number": serial,
        "number": serial,
        "external_id": None,
        "data_encrypted": seal(db, DATA, serial),
        "install_hash": hashlib.sha256(serial.encode()).hexdigest(),
    }


def _device(db: Database, first: int, number: int) -> dict[str, Any]:
    return {
        "id": first + number,
        "device_hash": db.keyring.digest(DEVICE_PURPOSE, device(number)),
        "push_token_encrypted": db.keyring.encrypt(TOKEN_PURPOSE, token(number).encode()),
        "push_token_hash": db.keyring.digest(TOKEN_HASH_PURPOSE, token(number)),
    }


class Robots:
    """Phones that come back for what they were pushed for."""

    def __init__(self, world: World, db: Database, phones: Mapping[str, tuple[int, str]]) -> None:
        self._world, self._db, self._phones = world, db, phones
        self._client = Client(world.port)
        self._running: set[asyncio.Task[None]] = set()
        self.herd = Herd()

    async def run(self) -> None:
        """Send each phone on its way when it is pushed; returns when all have come back."""
        deadline, pushed = time.monotonic() + PATIENCE, self._world.apns.records
        while len(self.herd.fetches) < len(self._phones):
            assert time.monotonic() < deadline, (len(self.herd.fetches), self.herd.answers)
            while pushed:
                record = pushed.popleft()
                task = asyncio.create_task(self._come_back(*self._phones[record.token]))
                self._running.add(task)
                task.add_done_callback(self._done)
            await asyncio.sleep(0.02)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        task.result()

    async def _come_back(self, number: int, serial: str) -> None:
        _, listed = await self._get(f"/passkit/v1/devices/{device(number)}/registrations/{PASS_TYPE}")
        assert serial.encode() in listed
        proof = self._db.keyring.authentication_token(PASS_TYPE, serial, 0)
        seconds, body = await self._get(f"/passkit/v1/passes/{PASS_TYPE}/{serial}", f"ApplePass {proof}")
        assert body.startswith(b"PK")
        self.herd.fetches.append(seconds)

    async def _get(self, path: str, proof: str = "") -> tuple[float, bytes]:
        """The body of a 200 and its seconds, however often one is told to come again."""
        while True:
            begin = time.perf_counter()
            answer = await self._client.get(path, proof)
            self.herd.answers[answer.status] += 1
            if answer.status == 200:
                return time.perf_counter() - begin, answer.body
            assert answer.status == 503, answer
            self.herd.told += 1
            await asyncio.sleep(float(answer.headers["retry-after"]))


async def test_a_herd_is_served_as_fast_as_it_is_called(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async with opened(world) as db:
        robots = Robots(world, db, await hand_out(db, world))
        with Process("serve", "--workers", "2", "--notice", "0", environ=world.environment) as server:
            for _ in range(3):  # two web processes and the worker
                await asyncio.to_thread(server.wait_for, '"ready"')
            begin = time.monotonic()
            news = await send(world, "Coffee")
            await robots.run()
            seconds, herd = time.monotonic() - begin, robots.herd
            assert (await seen(world, news))["progress"]["accepted"] >= PHONES * 99 // 100
            await asyncio.to_thread(server.stop)
    with capsys.disabled():
        print(
            f"\n{PHONES:,} phones in {seconds:.0f} s, {PHONES / seconds:,.0f}/s; p99 of a fetch {herd.p99:.2f} s,"
            f" {herd.told} told to come again; answers {dict(herd.answers)}"
        )
    assert set(herd.answers) <= {200, 503}
    assert herd.answers[503] == herd.told
    assert herd.answers[200] == 2 * PHONES
    assert herd.p99 < P99_SECONDS
