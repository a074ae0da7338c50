"""Phones in the database without the ceremony of registering them, and a channel that answers as it is told."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Executable, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from pushes.channel import Outcome, Push, Verdict
from store import jobs, tables
from store.dialect import Database
from store.errors import Unavailable

PASS_TYPE = "pass.example.coffee"
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
DELIVERED = Verdict(Outcome.DELIVERED, "")


def token(number: int) -> str:
    """The push token of phone ``number``."""
    return hashlib.sha256(b"phone %d" % number).hexdigest()


async def seed(db: Database, phones: int, *, pass_type: str = PASS_TYPE, platform: str = "ApplePass") -> int:
    """A brand with one template and ``phones`` cards, each on its own phone; returns the template's id.

    The ids of brand, template, cards and devices count from 1 in a fresh database.
    """
    async with db.transaction() as conn:
        brand_id = template_id = ((await conn.execute(select(func.max(tables.brands.c.id)))).scalar() or 0) + 1
        brand = {"id": brand_id} | {
            "key": pass_type,
            "name": "Coffee",
            "pass_type_identifier": pass_type,
            "team_identifier": "TEAM",
        }
        brand |= {"languages": ["en"], "time_zone": "UTC", "stamp": "0" * 16, "created_at": LONG_AGO}
        await conn.execute(insert(tables.brands).values(brand))
        template = {
            "id": template_id,
            "brand_id": brand_id,
            "key": "coffee",
            "name": "Coffee",
            "style": "storeCard",
            "draft": {},
        }
        template |= {"created_at": LONG_AGO, "updated_at": LONG_AGO}
        await conn.execute(insert(tables.templates).values(template))
        await _hold(db, conn, phones, brand_id, template_id, pass_type, platform)
    return template_id


async def add_holders(
    db: Database, brand_id: int, phones: int, *, platform: str = "ApplePass", kept: str = "{}"
) -> int:
    """``phones`` more cards of the brand's first template, each on its own phone; returns the template's id.

    ``kept`` is how the platform's push tokens are kept.
    """
    async with db.transaction() as conn:
        pass_type = select(tables.brands.c.pass_type_identifier).where(tables.brands.c.id == brand_id)
        template = select(func.min(tables.templates.c.id)).where(tables.templates.c.brand_id == brand_id)
        template_id = int((await conn.execute(template)).scalar_one())
        pass_type_identifier = (await conn.execute(pass_type)).scalar_one()
        await _hold(db, conn, phones, brand_id, template_id, pass_type_identifier, platform, kept)
    return template_id


async def _hold(
    db: Database,
    conn: AsyncConnection,
    phones: int,
    brand_id: int,
    template_id: int,
    pass_type: str,
    platform: str,
    kept: str = "{}",
) -> None:
    first = ((await conn.execute(select(func.max(tables.cards.c.id)))).scalar() or 0) + 1
    numbers = range(first, first + phones)
    await conn.execute(insert(tables.cards), [_card(brand_id, template_id, n) for n in numbers])
    await conn.execute(insert(tables.devices), [_device(db, brand_id, pass_type, platform, n, kept) for n in numbers])
    ids = {"brand_id": brand_id, "created_at": LONG_AGO, "seen_at": LONG_AGO}
    await conn.execute(insert(tables.registrations), [{"card_id": n, "device_id": n} | ids for n in numbers])


def _card(brand_id: int, template_id: int, number: int) -> dict[str, object]:
    return {
        "id": number,
        "brand_id": brand_id,
        "template_id": template_id,
        "serial_number": f"card{number}",
        "number": f"{number:016d}",
        "state": "active",
        "data_encrypted": b"",
        "secret_id": "k1",
        "install_hash": hashlib.sha256(b"%d" % number).hexdigest(),
        "stamp": "0" * 16,
        "ring": [],
        "ring_waiting": [],
        "modified_edition": "",
        "last_modified": 0,
        "tags": [],
        "created_at": LONG_AGO,
        "updated_at": LONG_AGO,
    }


def _device(db: Database, brand_id: int, pass_type: str, platform: str, number: int, kept: str) -> dict[str, object]:
    return {
        "id": number,
        "brand_id": brand_id,
        "pass_type_identifier": pass_type,
        "device_hash": hashlib.sha256(b"device %d" % number).hexdigest(),
        "platform": platform,
        "push_token_encrypted": db.keyring.encrypt("push-token", kept.format(token(number)).encode()),
        "push_token_hash": token(number),
        "push_token_at": LONG_AGO,
        "created_at": LONG_AGO,
        "seen_at": LONG_AGO,
    }


async def change_card(db: Database, card_id: int, *, pass_type: str = PASS_TYPE, brand_id: int = 1) -> None:
    """The push intent of a change of this card."""
    async with db.transaction() as conn:
        await jobs.want_card(conn, brand_id=brand_id, pass_type_identifier=pass_type, card_id=card_id)


async def publish(db: Database, template_id: int = 1, *, pass_type: str = PASS_TYPE, brand_id: int = 1) -> None:
    """The push intent of a publish of this template."""
    async with db.transaction() as conn:
        await jobs.want_template(conn, brand_id=brand_id, pass_type_identifier=pass_type, template_id=template_id)


async def pending(db: Database) -> int:
    """How many intents there are."""
    async with db.reading() as conn:
        counts = [select(func.count()).select_from(queue) for queue in (tables.jobs, tables.other_jobs)]
        return sum([(await conn.execute(count)).scalar_one() for count in counts])


async def make_due(db: Database) -> None:
    """Let time pass: every intent is due, no lease holds, no push was a moment ago."""
    yesterday = LONG_AGO + timedelta(days=1)
    for later in (
        tables.jobs.update().values(due_at=LONG_AGO, lease_until=None, lease_owner=None),
        tables.other_jobs.update().values(due_at=LONG_AGO, lease_until=None, lease_owner=None),
        tables.devices.update().values(pushed_at=yesterday),
        tables.holds.update().values(probe_at=LONG_AGO),
    ):
        await _insist(db, later)


async def _insist(db: Database, statement: Executable) -> None:
    """Again after a deadlock with the worker, which is at the same rows."""
    for attempt in range(10):
        try:
            async with db.transaction() as conn:
                await conn.execute(statement)
        except Unavailable:
            if attempt == 9:
                raise
        else:
            return


@dataclass
class ScriptedChannel:
    """A channel whose answers are a function of the push; silent ones come when ``speak`` is set."""

    answer: Callable[[Push], Verdict] = lambda push: DELIVERED
    silent: Callable[[Push], bool] = lambda push: False
    speak: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[Push] = field(default_factory=list)

    async def send_many(self, pushes: Sequence[Push]) -> AsyncIterator[tuple[Push, Verdict]]:
        self.sent.extend(pushes)
        for push in pushes:
            if not self.silent(push):
                yield push, self.answer(push)
        late = [push for push in pushes if self.silent(push)]
        if late:
            await self.speak.wait()
        for push in late:
            yield push, self.answer(push)

    async def aclose(self) -> None:
        self.speak.set()
