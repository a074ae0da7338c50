"""The first fetches of an edition, settled together: after a news thousands of phones ask at once, each for a card of its own.

Settling (``store.editions``) is a write. While one transaction is under way the next cards gather, so that the busier it is
the fewer transactions there are, and a lone phone waits for nobody. A card that another transaction holds is settled by
itself, so that it keeps nobody waiting; where a batch fails it is halved until only the card is left that cannot be settled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from contextvars import Context
from datetime import datetime
from typing import Any

from store import tables
from store.cardrows import CardRow, load
from store.dialect import Database
from store.editions import settle_all
from store.errors import Unavailable

BATCH = 100
"""Cards of one transaction: on SQLite some 30 ms of the event loop."""
Asked = dict[int, asyncio.Future[CardRow | None]]
"""By card, what those who ask for it wait for."""


class FirstFetches:
    """The cards of one open database that wait to be settled."""

    def __init__(self) -> None:
        self._waiting: Asked = {}
        self._running: asyncio.Task[None] | None = None
        self._alone: set[asyncio.Task[None]] = set()

    async def settled(self, db: Database, card_id: int, now: datetime) -> CardRow | None:
        """The card with Last-Modified and rings of its current edition; None: it is gone. Raises ``RenderError``."""
        asked = self._waiting.get(card_id)
        if asked is None:
            asked = self._waiting[card_id] = asyncio.get_running_loop().create_future()
        if self._running is None:
            self._running = _apart(self._run(db, now))
        return await asyncio.shield(asked)

    async def _run(self, db: Database, now: datetime) -> None:
        try:
            while self._waiting:
                ids = list(self._waiting)[:BATCH]
                await self._settle(db, {card_id: self._waiting.pop(card_id) for card_id in ids}, now)
        finally:
            self._running = None

    async def _settle(self, db: Database, asked: Asked, now: datetime) -> None:
        """All of these, or, where one cannot be settled, the others."""
        try:
            found = await _written(db, asked, now, skip_locked=True)
        except Unavailable as error:
            _refuse(asked, error)
        except Exception as error:
            if len(asked) == 1:
                _refuse(asked, error)
                return
            each = list(asked.items())
            for half in (each[: len(each) // 2], each[len(each) // 2 :]):
                await self._settle(db, dict(half), now)
        else:
            self._answer(db, asked, found, now)

    def _answer(self, db: Database, asked: Asked, found: dict[int, CardRow], now: datetime) -> None:
        for card_id, answer in asked.items():
            if card_id in found:
                answer.set_result(found[card_id])
            else:  # another transaction holds it, or it is gone
                alone = _apart(_alone(db, card_id, answer, now))
                self._alone.add(alone)
                alone.add_done_callback(self._alone.discard)


async def _alone(db: Database, card_id: int, answer: asyncio.Future[CardRow | None], now: datetime) -> None:
    try:
        answer.set_result((await _written(db, [card_id], now)).get(card_id))
    except Exception as error:
        answer.set_exception(error)


async def _written(
    db: Database, card_ids: Collection[int], now: datetime, *, skip_locked: bool = False
) -> dict[int, CardRow]:
    async with db.transaction() as conn:
        mine = tables.cards.c.id.in_(card_ids)
        found = await load(db, conn, mine, lock=True, skip_locked=skip_locked)
        return {card.id: card for card in await settle_all(db, conn, found, now)}


def _refuse(asked: Asked, error: Exception) -> None:
    for answer in asked.values():
        answer.set_exception(error)


def _apart(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task with a context of its own: inside ``Database.joined`` it would join that transaction."""
    return asyncio.get_running_loop().create_task(work, context=Context())
