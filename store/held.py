"""Changes kept apart by the brake: whole and encrypted, in the order in which they came, until somebody decides.

A brake is a source and a template. What comes later for a card of whom something is held waits behind it, so that the order
stays. A decision marks the changes up to one; ``store.letting`` applies them, one transaction each, and may stop anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import bindparam, delete, exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit
from store.audit import Actor
from store.dialect import Database
from store.errors import Conflict, NotFound
from store.tables import brakes, held_cards, held_changes, sources, templates
from store.upserts import insert_into

PURPOSE = "held-changes"


class Decision(StrEnum):
    """How a held change is applied: ``RING`` leaves it to the change itself whether it rings."""

    SILENT = "silent"
    RING = "ring"


@dataclass(frozen=True, slots=True)
class Event:
    """A change to keep: ``data`` is the event's, ``card_ids`` whose it is."""

    id: str
    type: str
    said_at: datetime
    data: Any
    card_ids: Sequence[int]


@dataclass(frozen=True, slots=True)
class Brake:
    """A source and a template of whose changes some are held. ``waiting`` changes of ``cards`` cards are undecided.

    ``last`` is the newest of them: a decision goes up to it. ``under_way``: decided, and not applied yet.
    """

    id: int
    brand_id: int
    source: str
    template: str
    template_name: str
    opened_at: datetime
    why: str
    waiting: int
    cards: int
    last: int
    under_way: int


async def behind(conn: AsyncConnection, source_id: int, card_ids: Sequence[int]) -> tuple[str, str | None] | None:
    """Why a change of these cards must wait: ("behind", the decision on what it waits behind), or None."""
    row = (await conn.execute(_BEHIND, {"source": source_id, "cards": list(card_ids)})).first()
    return None if row is None else ("behind", row.decision)


_BEHIND = (
    select(held_changes.c.decision)
    .join(brakes, brakes.c.id == held_changes.c.brake_id)
    .join(held_cards, held_cards.c.held_id == held_changes.c.id)
    .where(brakes.c.source_id == bindparam("source"))
    .where(held_cards.c.card_id.in_(bindparam("cards", expanding=True)))
    .order_by(held_changes.c.id.desc())
    .limit(1)
)


async def keep(
    db: Database,
    conn: AsyncConnection,
    place: tuple[int, int, int],
    event: Event,
    why: str,
    decision: str | None,
    now: datetime,
) -> None:
    """Hold an event in the caller's transaction; ``place`` is (brand id, source id, template id)."""
    brake_id = await _brake(db, conn, place, now)
    body = db.keyring.encrypt(PURPOSE, orjson.dumps(event.data, default=str), event.id.encode())
    values = {
        "brake_id": brake_id, "event_id": event.id, "event_type": event.type, "said_at": event.said_at,
        "body_encrypted": body, "why": why, "held_at": now, "decision": decision,
    }  # fmt: skip
    held_id = (await conn.execute(insert(held_changes).values(values).returning(held_changes.c.id))).scalar_one()
    await conn.execute(insert(held_cards), [{"held_id": held_id, "card_id": one} for one in event.card_ids])


async def _brake(db: Database, conn: AsyncConnection, place: tuple[int, int, int], now: datetime) -> int:
    """The brake of this place. Its row is locked against the deletion of an empty one, and by nobody for long."""
    brand_id, source_id, template_id = place
    mine = select(brakes.c.id).where(brakes.c.source_id == source_id, brakes.c.template_id == template_id)
    mine = mine.with_for_update(read=True, key_share=True)
    while True:
        known: int | None = (await conn.execute(mine)).scalar_one_or_none()
        if known is not None:
            return known
        row = insert_into(brakes, is_postgresql=db.is_postgresql)
        row = row.values(brand_id=brand_id, source_id=source_id, template_id=template_id, opened_at=now)
        await conn.execute(row.on_conflict_do_nothing())


async def listing(db: Database, brand_id: int | None = None) -> list[Brake]:
    """The brakes with something held, the oldest first, of one brand or of all."""
    waiting = held_changes.c.decision.is_(None)
    some = (
        select(
            brakes.c.id, brakes.c.brand_id, sources.c.name, templates.c.key, templates.c.name, brakes.c.opened_at,
            func.min(held_changes.c.why).filter(held_changes.c.why != "behind"),
            func.count(held_changes.c.id).filter(waiting), func.max(held_changes.c.id).filter(waiting),
            func.count(held_changes.c.id).filter(~waiting),
        )
        .join(sources, sources.c.id == brakes.c.source_id)
        .join(templates, templates.c.id == brakes.c.template_id)
        .join(held_changes, held_changes.c.brake_id == brakes.c.id)
        .group_by(brakes.c.id, brakes.c.brand_id, sources.c.name, templates.c.key, templates.c.name, brakes.c.opened_at)
        .order_by(brakes.c.id)
    )  # fmt: skip
    if brand_id is not None:
        some = some.where(brakes.c.brand_id == brand_id)
    async with db.reading() as conn:
        found = []
        for row in (await conn.execute(some)).all():
            number, brand, source, template, name, opened, why, count, last, under_way = row
            cards = await _cards(conn, number)
            found.append(
                Brake(
                    number, brand, source, template, name, opened, why or "behind", count, cards, last or 0, under_way
                )
            )
        return found


async def _cards(conn: AsyncConnection, brake_id: int) -> int:
    mine = select(func.count(held_cards.c.card_id.distinct())).join(
        held_changes, held_changes.c.id == held_cards.c.held_id
    )
    mine = mine.where(held_changes.c.brake_id == brake_id, held_changes.c.decision.is_(None))
    return int((await conn.execute(mine)).scalar_one())


async def needed(db: Database, brake_id: int, brand_id: int | None = None) -> Brake:
    """One brake; NotFound when nothing of it is held any more."""
    for one in await listing(db, brand_id):
        if one.id == brake_id:
            return one
    raise NotFound("Nothing is held under this number.")


async def decide(
    db: Database, brand_id: int, brake_id: int, decision: Decision | None, *, last: int, cards: int, by: Actor, now: Any
) -> int:
    """Apply, or with None discard, what was held up to ``last``; returns how many changes.

    Conflict when there are not ``cards`` cards up to there any more: somebody else has decided.
    """
    async with db.joined() as conn:
        mine = (held_changes.c.brake_id == brake_id) & (held_changes.c.id <= last) & held_changes.c.decision.is_(None)
        brake = (await conn.execute(_NAMED, {"brake": brake_id, "brand": brand_id})).first()
        if brake is None:
            raise NotFound("Nothing is held under this number.")
        those = select(func.count(held_cards.c.card_id.distinct())).join(
            held_changes, held_changes.c.id == held_cards.c.held_id
        )
        if int((await conn.execute(those.where(mine))).scalar_one()) != cards:
            raise Conflict("What is held has changed meanwhile: look again.", code="plan_changed")
        done = (
            delete(held_changes).where(mine)
            if decision is None
            else update(held_changes).where(mine).values(decision=decision.value)
        )
        count = int((await conn.execute(done)).rowcount)
        if decision is None:
            await close_empty(conn, brake_id)
        action = "held.discarded" if decision is None else "held.applied"
        detail = {"template": brake.key, "changes": count, "cards": cards, "rings": decision is Decision.RING}
        await audit.record(db, brand_id, by, action, brake.name, now=now, **detail)
    return count


_NAMED = (
    select(sources.c.name, templates.c.key)
    .select_from(brakes)
    .join(sources, sources.c.id == brakes.c.source_id)
    .join(templates, templates.c.id == brakes.c.template_id)
    .where(brakes.c.id == bindparam("brake"), brakes.c.brand_id == bindparam("brand"))
)


async def close_empty(conn: AsyncConnection, brake_id: int) -> None:
    """Forget a brake of which nothing is held: the next one alarms anew."""
    locked = select(brakes.c.id).where(brakes.c.id == brake_id).with_for_update()
    await conn.execute(locked)  # whoever is about to hold one more has locked it too
    empty = ~exists(select(held_changes.c.id).where(held_changes.c.brake_id == brake_id))
    await conn.execute(delete(brakes).where(brakes.c.id == brake_id, empty))
