"""Many cards in one request: each row stands alone, and one bad row does not spoil the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from store.cardrows import view
from store.changes import Change, Changed, apply_change
from store.dialect import Database
from store.errors import Conflict, NotFound, StoreError, Unavailable
from store.finding import CardRef, resolve
from store.issuing import Issued, NewCard, issue

SQLITE_ROWS = 25
"""Rows in one transaction on SQLite, whose writers wait for each other anyway; on PostgreSQL each row is its own."""


@dataclass(frozen=True, slots=True)
class Patch:
    """A row that changes a card."""

    card: CardRef
    change: Change


Row = NewCard | Patch
Result = Issued | Changed | StoreError


async def batch(db: Database, brand_id: int, rows: Sequence[Row], now: datetime) -> list[Result]:
    """Issue and change in the rows' order; a row's refusal is its result. Raises only ``Unavailable``."""
    size = 1 if db.is_postgresql else SQLITE_ROWS
    results: list[Result] = []
    for start in range(0, len(rows), size):
        async with db.joined():
            results += [await _one(db, brand_id, row, now) for row in rows[start : start + size]]
    return results


async def _one(db: Database, brand_id: int, row: Row, now: datetime) -> Result:
    try:
        if isinstance(row, NewCard):
            return await issue(db, brand_id, row, now)
        return await _patch(db, brand_id, row, now)
    except Unavailable:
        raise
    except StoreError as error:
        return error


async def _patch(db: Database, brand_id: int, row: Patch, now: datetime) -> Changed:
    try:
        async with db.transaction() as conn:
            cards = await resolve(db, conn, brand_id, row.card, lock=True)
            if not cards:
                raise NotFound("There is no card of this name.", code="card_not_found")
            if len(cards) > 1:
                raise Conflict("Several cards have this name: add `template`.", code="card_ambiguous")
            applied = await apply_change(db, conn, cards[0], row.change, now, {"batch": True})
    except IntegrityError:
        raise Conflict("Another card of this template has this external_id.", code="already_exists") from None
    return Changed(view(db, applied.card), applied.visible, applied.is_visible)
