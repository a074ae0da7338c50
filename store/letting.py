"""Held changes that somebody let go, applied in their order, one transaction each: killed anywhere, the next one goes on there.

Who holds the lease does it, so that the order stays. A change that is older than what its card has by now drops out, as does
one that no longer fits its template.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, select

from passkit.change import compare
from passkit.errors import RenderError
from passkit.model import CardState, Notify
from passkit.render import fill
from store import effects, events, leases, sources, tables
from store.braking import Sender
from store.cardrows import CardRow, load
from store.changes import Change, patched
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.events import HookEvent
from store.held import PURPOSE, Decision, close_empty
from store.tables import brakes, held_cards, held_changes
from store.tables import sources as table

LEASE = "held-changes"
LEASE_FOR = timedelta(seconds=30)
EVERY = 100
"""Changes between two looks at the lease."""
SAMPLES = 5


async def run(db: Database, owner: str, now: datetime) -> int:
    """Apply up to a hundred changes that were let go; returns how many, 0 also while somebody else does it."""
    async with db.reading() as conn:
        if (await conn.execute(_NEXT.with_only_columns(held_changes.c.id))).first() is None:
            return 0
    if not await leases.take(db, name=LEASE, owner=owner, duration=LEASE_FOR):
        return 0
    for count in range(EVERY):
        if not await _one(db, now):
            return count
    return EVERY


async def _one(db: Database, now: datetime) -> bool:
    """The oldest change that was let go; False: there is none."""
    async with db.joined() as conn:
        row = (await conn.execute(_NEXT)).first()
        if row is None:
            return False
        await conn.execute(delete(held_changes).where(held_changes.c.id == row.id))
        event = _event(db, row)
        if row.decision == Decision.SILENT:
            event = replace(event, data={**event.data, "notify": Notify.SILENT.value})
        sender = Sender(row.source_id, row.brand_id, is_let_through=True)
        try:
            async with conn.begin_nested():
                result, reason = (await events.let_through(db, conn, sender, row.name, event, now)).result, ""
        except (Invalid, Conflict) as error:
            result, reason = "refused", error.detail
        given = {"source": row.name, "event_id": event.id, "result": result, "reason": f"was held. {reason}".strip()}
        await sources.record_delivery(db, **given, status=200, now=now)
        await close_empty(conn, row.brake_id)
    return True


def _event(db: Database, row: Any) -> HookEvent:
    body = db.keyring.decrypt(PURPOSE, row.body_encrypted, row.event_id.encode())
    return HookEvent(row.event_id, row.event_type, row.said_at, orjson.loads(body))


_EVENTS = (
    select(held_changes, brakes.c.source_id, brakes.c.brand_id, table.c.name)
    .join(brakes, brakes.c.id == held_changes.c.brake_id)
    .join(table, table.c.id == brakes.c.source_id)
    .order_by(held_changes.c.id)
)
_NEXT = _EVENTS.where(held_changes.c.decision.is_not(None)).limit(1)


@dataclass(frozen=True, slots=True)
class HeldSample:
    """A held change on its real card, nobody's name in it. ``rows``: (label, before, after) as people read them.

    ``lock_screen``: what the phone would say if it rings; None: it stays silent. ``number``: the last digits of the card's.
    """

    number: str
    language: str
    state: str | None
    rows: tuple[tuple[str, str, str], ...]
    lock_screen: str | None


async def samples(db: Database, brake_id: int, now: datetime, limit: int = SAMPLES) -> list[HeldSample]:
    """What some of the undecided changes would do to their cards now."""
    some = _EVENTS.add_columns(held_cards.c.card_id).join(held_cards, held_cards.c.held_id == held_changes.c.id)
    some = some.where(held_changes.c.brake_id == brake_id, held_changes.c.decision.is_(None)).limit(limit)
    found: list[HeldSample] = []
    async with db.reading() as conn:
        for row in (await conn.execute(some)).all():
            mine = await load(db, conn, tables.cards.c.id == row.card_id)
            found += [_sample(db, card, _event(db, row), now) for card in mine]
    return found


def _sample(db: Database, card: CardRow, event: HookEvent, now: datetime) -> HeldSample:
    template = card.revision.template
    known = template.variables.keys() | template.aliases.keys()
    given = {name: value for name, value in event.data.get("set", {}).items() if name in known}
    state = CardState.VOIDED.value if event.type == "card.voided" else None
    language = template.language(card.row["language"])
    number = "•••• " + card.row["number"][-4:]
    try:
        after = patched(db, card, Change(data=given))
        pair = [
            fill(card.revision, effects.masked_model(db, one, template), None, language, now) for one in (card, after)
        ]
    except (Invalid, RenderError):
        return HeldSample(number, language, state, (), None)
    difference = compare(*pair)
    ringing = effects.ringing(difference, pair[1])
    rows = tuple((row.label, row.old, row.new) for row in difference.fields)
    rings = ringing is not None and event.data.get("notify") != Notify.SILENT.value
    return HeldSample(number, language, state, rows, ringing[1] if rings and ringing else None)
