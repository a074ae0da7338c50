"""A person changes a card's values: their own at once, a backend's only as an admin and with a reason, which a weekly list keeps.

A variable marked ``owner: backend`` belongs to the loyalty system: what a person writes there is overwritten by its next event,
so it is a correction and not an edit. Values and reason are encrypted; corrections are kept two years, like the audit trail.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data
from passkit.model import CardState, Notify
from store import audit, tables
from store.audit import Actor
from store.cardrows import CardRow, view
from store.changes import Change, Changed, apply_change, needed
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.problems import problem
from store.tables import corrections as table

PURPOSE = "correction"
MAX_REASON = 500
PAGE = 500


@dataclass(frozen=True, slots=True)
class Correction:
    """One value that an admin has changed: as people read it, before and after."""

    at: datetime
    actor: str
    serial_number: str
    number: str
    template: str
    variable: str
    before: str
    after: str
    reason: str


async def set_values(
    db: Database,
    brand_id: int,
    serial: str,
    values: Mapping[str, Any],
    *,
    reason: str = "",
    may_correct: bool,
    notify: Notify = Notify.SILENT,
    version: int | None = None,
    by: Actor,
    now: datetime,
) -> Changed:
    """Write these values; the card as it is then.

    Conflict ``owned_by_backend`` for a backend's variable without ``may_correct``, Invalid ``reason_needed`` for one without a
    reason, Invalid for what does not fit, VersionMismatch when somebody else was quicker.
    """
    reason = " ".join(reason.split())
    async with db.joined() as conn:
        card = await needed(db, conn, brand_id, serial)
        owned = [name for name in values if _is_owned(card, name)]
        if owned and not may_correct:
            raise Conflict("The loyalty system owns this value.", code="owned_by_backend")
        if owned and not 3 <= len(reason) <= MAX_REASON:
            raise Invalid([problem("/reason", "A correction needs a reason.", "In a few words.")], code="reason_needed")
        before = _words(card)
        origin = {"by": by.name, **({"correction": True} if owned else {})}
        change = Change(data=dict(values), notify=notify, version=version)
        applied = await apply_change(db, conn, card, change, now, origin)
        after = _words(applied.card)
        moved = [name for name in owned if before.get(name) != after.get(name)]
        for name in moved:
            told = {"before": before.get(name, ""), "after": after.get(name, ""), "reason": reason}
            await _keep(db, conn, card, name, told, by, now)
        await audit.record(db, brand_id, by, "card.corrected" if moved else "card.changed", card.row["number"], now=now)
    return Changed(view(db, applied.card), applied.visible, applied.is_visible)


async def void(db: Database, brand_id: int, serial: str, by: Actor, now: datetime) -> Changed:
    """Void a card, silently; its phones show it as not valid."""
    async with db.joined() as conn:
        card = await needed(db, conn, brand_id, serial)
        change = Change(state=CardState.VOIDED, notify=Notify.SILENT)
        applied = await apply_change(db, conn, card, change, now, {"by": by.name})
        await audit.record(db, brand_id, by, "card.voided", card.row["number"], now=now)
    return Changed(view(db, applied.card), applied.visible, applied.is_visible)


async def revive(db: Database, brand_id: int, serial: str, by: Actor, now: datetime) -> Changed:
    """Take a voiding back, silently."""
    async with db.joined() as conn:
        card = await needed(db, conn, brand_id, serial)
        change = Change(state=CardState.ACTIVE, notify=Notify.SILENT)
        applied = await apply_change(db, conn, card, change, now, {"by": by.name})
        await audit.record(db, brand_id, by, "card.revived", card.row["number"], now=now)
    return Changed(view(db, applied.card), applied.visible, applied.is_visible)


async def between(db: Database, brand_id: int, since: datetime, until: datetime) -> list[Correction]:
    """The corrections of a time, the newest first."""
    wanted = (table.c.brand_id == brand_id, table.c.at >= since, table.c.at < until)
    return await _read(db, *wanted)


async def of_card(db: Database, brand_id: int, card_id: int) -> list[Correction]:
    """The corrections of one card, the newest first."""
    return await _read(db, table.c.brand_id == brand_id, table.c.card_id == card_id)


async def _read(db: Database, *condition: Any) -> list[Correction]:
    cards, templates = tables.cards.c, tables.templates.c
    some = (
        select(table, cards.serial_number, cards.number, templates.name.label("template"))
        .join(tables.cards, cards.id == table.c.card_id)
        .join(tables.templates, templates.id == cards.template_id)
        .where(*condition)
        .order_by(table.c.id.desc())
        .limit(PAGE)
    )
    async with db.reading() as conn:
        rows = (await conn.execute(some)).all()
    return [
        Correction(row.at, row.actor, row.serial_number, row.number, row.template, row.variable, **_opened(db, row))
        for row in rows
    ]


def _opened(db: Database, row: Any) -> dict[str, str]:
    """What it says; a dash where no SECRET opens it."""
    try:
        found: dict[str, str] = orjson.loads(db.keyring.decrypt(PURPOSE, row.detail_encrypted))
    except ValueError:
        return {"before": "—", "after": "—", "reason": "—"}
    return found


async def _keep(
    db: Database,
    conn: AsyncConnection,
    card: CardRow,
    variable: str,
    told: Mapping[str, str],
    by: Actor,
    now: datetime,
) -> None:
    values = {"brand_id": card.row["brand_id"], "card_id": card.id, "user_id": by.user_id, "actor": by.name[:200]}
    sealed = db.keyring.encrypt(PURPOSE, orjson.dumps(dict(told)))
    await conn.execute(insert(table).values(**values, variable=variable, detail_encrypted=sealed, at=now))


def _is_owned(card: CardRow, name: str) -> bool:
    variable = card.revision.template.variables.get(data.name_of(card.revision.template, name))
    return variable is not None and variable.owner == "backend"


def _words(card: CardRow) -> dict[str, str]:
    """Each value as a person reads it."""
    template = card.revision.template
    return data.formatted(template, card.values, template.language(card.row["language"]), card.revision.brand.time_zone)
