"""How long phones wait for a card's own change: from its commit to their list, and to their download's last byte.

Read with the notes of what was served (``store.served``), a batch at a time, so that no phone waits for it. A publish or a
news is sent as fast as its pace and says itself how far it is; here are the changes that one customer waits for. A change
counts once a phone: not what a phone lists again, fetches beyond its registrations, or had before it registered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import cards, devices, registrations

OWN_SECONDS = 5
"""An edition whose Last-Modified is further from the card's change came by something else: a publish, a news, the brand."""


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds, one for each phone that had waited."""

    listed: Sequence[float] = ()
    fetched: Sequence[float] = ()


async def listed(conn: AsyncConnection, pairs: Collection[tuple[int, int]], now: datetime) -> list[float]:
    """For (device, card) pairs that a list has named; to be asked before the devices' ``listed_at`` is written."""
    if not pairs:
        return []
    changed = cards.c.updated_at
    first = (devices.c.listed_at.is_(None) | (devices.c.listed_at < changed)) & (registrations.c.created_at < changed)
    rows = (
        select(registrations.c.device_id, cards.c.id, changed, cards.c.last_modified)
        .join(devices, devices.c.id == registrations.c.device_id)
        .join(cards, cards.c.id == registrations.c.card_id)
        .where(registrations.c.device_id.in_({device for device, _ in pairs}), first)
    )
    wanted = set(pairs)
    return [_age(row, now) for row in await conn.execute(rows) if (row[0], row[1]) in wanted and _is_own(row)]


async def fetched(conn: AsyncConnection, counts: Counter[tuple[int, str]], now: datetime) -> list[float]:
    """For (card, edition) that were sent so often; to be asked before the cards' ``served_count`` is written."""
    if not counts:
        return []
    phones = select(func.count()).where(registrations.c.card_id == cards.c.id).scalar_subquery()
    rows = select(
        cards.c.id,
        cards.c.modified_edition,
        cards.c.served_edition,
        cards.c.served_count,
        cards.c.updated_at,
        cards.c.last_modified,
        phones.label("phones"),
    ).where(cards.c.id.in_({card for card, _ in counts}))
    found: list[float] = []
    for row in await conn.execute(rows):
        before = row.served_count if row.served_edition == row.modified_edition else 0
        times = min(counts[row.id, row.modified_edition], row.phones - before)
        if times > 0 and _is_own(row):
            found += [_age(row, now)] * times
    return found


def _is_own(row: Any) -> bool:
    return bool(abs(row.last_modified - row.updated_at.timestamp()) <= OWN_SECONDS)


def _age(row: Any, now: datetime) -> float:
    return max(0.0, float((now - row.updated_at).total_seconds()))
