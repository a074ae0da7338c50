"""A brand on Google with cards whose pages were opened, and a wallet that answers as it is told."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson
from PIL import Image
from sqlalchemy import func, select, update

from passkit import images
from pushes.gate import Gate
from pushes.googlebring import lane_of
from store import brands, cards, google, tables, templates
from store.cards import CardView, Change, NewCard
from store.dialect import Database
from store.google import Check, Checked, Outcome, Result, Work
from tests.pushes.wallets import ISSUER, key_file

TEMPLATE = """
key: coffee
style: storeCard
name: Coffee club
organization_name: "{{ brand.name }}"
languages: [en]
colors: {background: "#3a2a1e", foreground: "#ffffff", label: "#e8d5b5"}
images: {icon: icon.png}
variables:
  points: {type: integer, label: Points, default: 0, sample: 120}
fields:
  header: [{key: points, label: Points, value: "{{ points }}", change_message: "You have %@ points"}]
barcode: {format: qr, message: "{{ card.number }}"}
google: {type: loyalty, points: points}
"""
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@cache
def coffee() -> dict[str, bytes]:
    """A template with no more pictures than it must have: making Google's takes most of a publish."""
    icon = io.BytesIO()
    Image.new("RGB", (87, 87), "#aa2211").save(icon, "PNG")
    return {"template.yaml": TEMPLATE.encode(), "icon.png": images.intake("icon.png", icon.getvalue())}


async def brand_on_google(db: Database, *, key: str = "cafe", issuer: str = ISSUER) -> int:
    """A brand with the coffee template published and Google live; returns its id."""
    brand = await brands.add(
        db,
        key=key,
        name="Coffee club",
        pass_type_identifier=f"pass.example.{key}",
        team_identifier="TEAM",
        languages=("en",),
        now=NOW,
    )
    await google.add_key(db, brand.id, orjson.dumps(key_file()), NOW)
    await google.configure(db, key, issuer_id=issuer, mode="live")
    await templates.import_files(db, brand.id, coffee(), NOW)
    await templates.publish(db, brand.id, "coffee", now=NOW)
    return brand.id


async def opened_cards(db: Database, brand_id: int, count: int) -> list[CardView]:
    """So many cards whose pages were opened."""
    made = []
    for number in range(count):
        new = NewCard(template="coffee", external_id=f"c-{number}", data={"points": 0})
        card = (await cards.issue(db, brand_id, new, NOW)).card
        await google.open_object(db, card.card_id, NOW)
        made.append(card)
    return made


async def earn(db: Database, card: CardView, points: int) -> None:
    """A customer's own change."""
    await cards.change(db, card.brand_id, card.serial_number, Change(data={"points": points}), NOW)


async def republish(db: Database, brand_id: int, colour: str) -> None:
    """A publish that changes the class alone: its colour."""
    text = TEMPLATE.replace("#3a2a1e", colour).encode()
    await templates.import_files(db, brand_id, coffee() | {"template.yaml": text}, NOW)
    await templates.publish(db, brand_id, "coffee", now=NOW)


async def due(db: Database) -> int:
    """How many rows have something to do."""
    total = 0
    async with db.reading() as conn:
        for table in (tables.google_classes, tables.google_objects):
            waiting = select(func.count()).select_from(table).where(table.c.due_at.is_not(None))
            total += (await conn.execute(waiting)).scalar_one()
    return total


async def leased(db: Database) -> int:
    """How many objects a worker has."""
    table = tables.google_objects
    async with db.reading() as conn:
        mine = select(func.count()).select_from(table).where(table.c.lease_owner.is_not(None))
        return (await conn.execute(mine)).scalar_one()


async def make_due(db: Database) -> None:
    """Let time pass: whatever waits is due, no lease holds, holds may be tried."""
    async with db.transaction() as conn:
        for table in (tables.google_classes, tables.google_objects):
            waiting = update(table).where(table.c.due_at.is_not(None))
            await conn.execute(waiting.values(due_at=LONG_AGO, lease_until=None, lease_owner=None))
        await conn.execute(update(tables.holds).values(probe_at=LONG_AGO))
        await conn.execute(update(tables.leases).values(until=LONG_AGO))


def accepted(work: Work) -> Result:
    """What Google mostly says."""
    return Result(work, Outcome.ACCEPTED, notified=work.notify_update, message_sent=work.message is not None)


@dataclass
class ScriptedWallet:
    """Answers are a function of the work; silent ones come when ``speak`` is set."""

    answer: Callable[[Work], Result] = accepted
    silent: Callable[[Work], bool] = lambda work: False
    speak: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[Work] = field(default_factory=list)
    asked: list[Check] = field(default_factory=list)
    has_users: bool | None = False

    async def bring(self, work: Work, gate: Gate) -> Result:
        await gate.turn(lane_of(work))
        self.sent.append(work)
        if self.silent(work):
            await self.speak.wait()
        return self.answer(work)

    async def ask(self, check: Check, gate: Gate) -> Checked | None:
        self.asked.append(check)
        return Checked(check, self.has_users)

    def bodies(self, kind: str = "object") -> Sequence[Any]:
        """What was sent of this kind."""
        return [work.body for work in self.sent if work.kind == kind]
