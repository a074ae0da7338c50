"""How far a news is, counted in the transactions that know: settled pushes, completed downloads.

Counted are (device, pass type) pairs, once each: a page of a fan-out is counted with the move of its position, a phone whose
push waits (a retry, a burst, a late answer) is written down in ``news_waiting`` in that same transaction and counted when its
own intent comes to an end. A worker that is killed repeats pushes, never counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import BigInteger, BindParameter, bindparam, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.tables import cards, news, news_counts, news_reasons, news_waiting, registrations
from store.upserts import insert_into

Counts = dict[int, dict[str, int]]
"""News id -> column of ``news_counts``, or ``because(...)``, -> how many more."""
NEVER = 1_000_000
"""In ``cards.news_fetched``: the card was issued with the news on it, its phones are none of those it was sent to."""
MAX_REASON = 100
PUSHING = ("running", "paused")
"""States in which pushes count for the news: afterwards they only take its text away."""


def because(fate: str, reason: str) -> str:
    """Counts those of a column, ``gone`` or ``failed``, that have this reason."""
    return f"{fate}:{reason[:MAX_REASON]}"


async def add(conn: AsyncConnection, counts: Mapping[int, Mapping[str, int]]) -> None:
    """Add to the counters, by news id, the last thing that a transaction locks."""
    for news_id, more in sorted(counts.items()):
        values = {name: news_counts.c[name] + count for name, count in more.items() if count and ":" not in name}
        if values:
            await conn.execute(update(news_counts).where(news_counts.c.news_id == news_id).values(**values))
        reasons = {name: count for name, count in more.items() if count and ":" in name}
        for name, count in sorted(reasons.items()):
            fate, _, reason = name.partition(":")
            await _add_reason(conn, news_id, fate, reason, count)


async def _add_reason(conn: AsyncConnection, news_id: int, fate: str, reason: str, count: int) -> None:
    row = {"news_id": news_id, "fate": fate, "reason": reason, "count": count}
    insert = insert_into(news_reasons, is_postgresql=conn.dialect.name == "postgresql").values(**row)
    more = {"count": news_reasons.c["count"] + insert.excluded["count"]}
    await conn.execute(insert.on_conflict_do_update(index_elements=["news_id", "fate", "reason"], set_=more))


async def pushing(conn: AsyncConnection, news_ids: Collection[int]) -> frozenset[int]:
    """Those of these news whose pushes count."""
    if not news_ids:
        return frozenset()
    wanted = select(news.c.id).where(news.c.id.in_(list(news_ids)), news.c.state.in_(PUSHING))
    return frozenset((await conn.execute(wanted)).scalars())


async def held_back(conn: AsyncConnection, device_ids: Collection[int], news_ids: Collection[int]) -> frozenset[int]:
    """Devices whose every news is paused, of these: what waits for them (``news_waiting``), and these ``news_ids``."""
    if not device_ids:
        return frozenset()
    mine = select(news_waiting.c.device_id, news.c.state).join(news, news.c.id == news_waiting.c.news_id)
    states: dict[int, set[str]] = {}
    for row in await conn.execute(mine.where(news_waiting.c.device_id.in_(list(device_ids)))):
        states.setdefault(row.device_id, set()).add(row.state)
    now = set()
    if news_ids:
        now = set((await conn.execute(select(news.c.state).where(news.c.id.in_(list(news_ids))))).scalars())
    found = ((device_id, states.get(device_id, set()) | now) for device_id in device_ids)
    return frozenset(device_id for device_id, every in found if every == {"paused"})


async def wait_for(conn: AsyncConnection, rows: Iterable[tuple[int, int]], platform: str, now: Any) -> None:
    """These (news, device) have no verdict yet."""
    values = [
        {"device_id": device_id, "news_id": news_id, "platform": platform, "since": now}
        for news_id, device_id in sorted(set(rows), key=lambda pair: pair[::-1])
    ]
    if values:
        insert = insert_into(news_waiting, is_postgresql=conn.dialect.name == "postgresql")
        await conn.execute(insert.on_conflict_do_nothing(), values)


async def take(conn: AsyncConnection, device_ids: Collection[int]) -> list[tuple[int, int]]:
    """The (news, device) that waited for these devices, and wait no more."""
    if not device_ids:
        return []
    mine = delete(news_waiting).where(news_waiting.c.device_id.in_(list(device_ids)))
    gone = await conn.execute(mine.returning(news_waiting.c.news_id, news_waiting.c.device_id))
    return [(row.news_id, row.device_id) for row in gone]


async def fetched(conn: AsyncConnection, noted: Counter[tuple[int, str]]) -> dict[int, int]:
    """News -> how many more phones have fetched it; of a card never more than hold it."""
    held = select(func.count()).where(registrations.c.card_id == cards.c.id).scalar_subquery()
    wanted = select(cards.c.id, cards.c.modified_edition, cards.c.news_id, cards.c.news_fetched, held.label("held"))
    rows = await conn.execute(wanted.where(cards.c.id.in_({card for card, _ in noted}), cards.c.news_id.is_not(None)))
    more, totals = Counter[int](), list[dict[str, int]]()
    for row in rows.all():
        if row.news_fetched == NEVER:
            continue
        total = min(max(row.news_fetched + noted[row.id, row.modified_edition], 0), row.held)
        if total != row.news_fetched:
            more[row.news_id] += total - row.news_fetched
            totals.append({"card": row.id, "total": total})
    if totals:
        card: BindParameter[int] = bindparam("card", type_=BigInteger)
        await conn.execute(update(cards).where(cards.c.id == card).values(news_fetched=bindparam("total")), totals)
    return dict(more)


def both(queue: Any, excluded: Any) -> Any:
    """``for_news`` of a device's intent that is wanted once more: 0 for no news, 2 for news alone, 1 for both."""
    return case((queue.c.for_news == excluded.for_news, queue.c.for_news), else_=1)


def joined(first: int, second: int) -> int:
    """The same for two wishes in memory."""
    return first if first == second else 1
