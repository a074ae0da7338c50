"""Changes that came before their card: the newest state per external id, kept 90 days, applied at issue.

A template named by the change is kept with it; without one the change is for whichever card of that external id comes first
and has the variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import delete, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data
from passkit.errors import DataError
from passkit.model import Value
from passkit.schema import Template
from store import ordering, tables
from store.dialect import Database
from store.ordering import Moment
from store.upserts import insert_into

PURPOSE = "waiting-change"


@dataclass(frozen=True, slots=True)
class Early:
    """What waited for a card: the newest accepted value of each variable, and who said it when, for the versions to go on."""

    values: Mapping[str, Value] = field(default_factory=dict)
    rows: tuple[Mapping[str, Any], ...] = ()


async def keep(
    db: Database,
    conn: AsyncConnection,
    *,
    source_id: int,
    brand_id: int,
    external_id: str,
    template_key: str,
    given: Mapping[str, Any],
    moment: Moment,
    now: datetime,
) -> None:
    """Keep a change for a card to come, variable by variable, where it is newer than what waits already."""
    table = tables.waiting_changes
    place = {"source_id": source_id, "external_id": external_id, "template_key": template_key}
    mine = [table.c[name] == value for name, value in place.items()]
    known = {row.variable: row for row in await conn.execute(select(table).where(*mine))}
    for variable, value in given.items():
        before = known.get(variable)
        if before is not None and not ordering.is_newer(moment, Moment(before.version, before.event_at)):
            continue
        values = {
            "brand_id": brand_id,
            "value_encrypted": db.keyring.encrypt(PURPOSE, orjson.dumps(value)),
            "version": moment.version,
            "event_at": moment.at,
            "received_at": now,
        }
        insert = insert_into(table, is_postgresql=db.is_postgresql)
        keys = [*place, "variable"]
        await conn.execute(
            insert.values(**place, variable=variable, **values).on_conflict_do_update(index_elements=keys, set_=values)
        )


async def take(
    db: Database, conn: AsyncConnection, brand_id: int, external_id: str | None, template_key: str, template: Template
) -> Early:
    """What waits for this card; values that its template does not accept are dropped."""
    if external_id is None:
        return Early()
    table = tables.waiting_changes
    mine = (
        table.c.brand_id == brand_id,
        table.c.external_id == external_id,
        table.c.template_key.in_(["", template_key]),
        or_(table.c.variable.in_([*template.variables, *template.aliases]), table.c.template_key == template_key),
    )
    rows = (await conn.execute(select(table).where(*mine).order_by(table.c.event_at))).mappings().all()
    values: dict[str, Value] = {}
    used = []
    for row in rows:  # oldest first: between sources the newest event wins
        try:
            sealed = orjson.loads(db.keyring.decrypt(PURPOSE, row["value_encrypted"]))
            values |= data.accept(template, {row["variable"]: sealed}, partial=True)
        except DataError:
            continue
        finally:
            used.append(row)
    return Early(values, tuple(dict(row) for row in used))


async def settle(conn: AsyncConnection, card_id: int, early: Early) -> None:
    """The card exists: what waited is gone, and its versions guard the card."""
    if not early.rows:
        return
    table = tables.waiting_changes
    names = ("source_id", "external_id", "template_key", "variable")
    keys = [tuple(row[name] for name in names) for row in early.rows]
    await conn.execute(delete(table).where(tuple_(*(table.c[name] for name in names)).in_(keys)))
    newest: dict[tuple[int, str], Mapping[str, Any]] = {}
    for row in early.rows:
        newest[row["source_id"], row["variable"]] = row
    for (source_id, variable), row in newest.items():
        await ordering.remember(conn, card_id, source_id, [variable], Moment(row["version"], row["event_at"]))
