"""What runs by itself: the daily bounds of every table that grows, and ringing again who did not come.

Rows are counted and deleted a few at a time, so that neither a write nor a phone waits long.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, func, select, text, tuple_, update

from passkit import occasions
from store import assets, audit, backoff, idempotency, jobs, newsalarms, reviews, showings, tables, uses
from store.clock import database_now
from store.dialect import Database

SEEN_EVENTS = timedelta(days=30)
WAITING_CHANGES = timedelta(days=90)
TIMELINE = timedelta(days=180)
NEWS = timedelta(days=400)
FIRINGS, TRIGGER_RUNS = timedelta(days=800), timedelta(days=400)
INVITATIONS = timedelta(days=90)
LINES_A_CARD = 1_000
LETTERS = timedelta(days=30)
JOIN_CODES = timedelta(days=1)
JOBS = timedelta(days=30)
"""An intent that nobody could deliver for so long: the phone's own polling and the next change remain."""
ROWS = 1_000
"""Rows deleted in one transaction."""
CARDS = 200
"""Cards whose timelines are counted at once: on SQLite a statement runs in the event loop, so it must be short."""
LISTS_WITHIN = timedelta(hours=1)
"""How long after its push a phone may take to ask what is new, before it is rung again (at most three times)."""
PHONES = 500
"""Phones rung again in one go."""


async def daily(db: Database, now: datetime) -> dict[str, int]:
    """Bound what grows; returns the rows deleted by table."""
    limits: list[tuple[Table, Any]] = [
        (tables.seen_events, tables.seen_events.c.received_at < now - SEEN_EVENTS),
        (tables.outgoing, (tables.outgoing.c.created_at < now - LETTERS) & tables.outgoing.c.due_at.is_(None)),
        (tables.join_codes, tables.join_codes.c.expires_at < now - JOIN_CODES),
        (tables.waiting_changes, tables.waiting_changes.c.received_at < now - WAITING_CHANGES),
        (tables.idempotency_keys, tables.idempotency_keys.c.created_at < now - idempotency.KEPT),
        (tables.timeline, tables.timeline.c.at < now - TIMELINE),
        (tables.google_nonces, tables.google_nonces.c.expires_at < now),
        (tables.studio_sessions, tables.studio_sessions.c.expires_at < now),
        (tables.failed_sign_ins, tables.failed_sign_ins.c.last_at < now - backoff.FORGOTTEN),
        (tables.invitations, tables.invitations.c.expires_at < now - INVITATIONS),
        (tables.audit, tables.audit.c.at < now - audit.KEPT),
        (tables.corrections, tables.corrections.c.at < now - audit.KEPT),
        (tables.showings, tables.showings.c.at < now - showings.KEPT),
        (tables.plans, reviews.old(now)),
        (tables.news_alarms, tables.news_alarms.c.alarmed_at < now - newsalarms.KEPT),
        (tables.trigger_firings, _of_past_occasions(now)),
        (tables.trigger_runs, tables.trigger_runs.c.started_at < now - TRIGGER_RUNS),
        *((table, _of_old_news(table, now)) for table in _OF_NEWS),
        (tables.variable_uses, uses.old(now)),
        (tables.jobs, _never_sent(tables.jobs, tables.jobs.c.pass_type_identifier, now)),
        (tables.other_jobs, _never_sent(tables.other_jobs, _ROUTE, now)),
    ]
    deleted = {table.name: await _delete(db, table, old) for table, old in limits}
    deleted["timeline"] += await _shorten_timelines(db)
    deleted["assets"] = await assets.sweep(db, now)
    return deleted


_OF_NEWS = (tables.news_cards, tables.news_waiting, tables.news_counts, tables.news_reasons)
_ROUTE = tables.other_jobs.c.platform + ":" + tables.other_jobs.c.pass_type_identifier
"""Its name among the holds."""


def _of_old_news(table: Table, now: datetime) -> Any:
    """What was kept for one card or phone, and the counters, of news that nobody is shown any more."""
    news = tables.news.c
    old = select(news.id).where(news.is_live.is_(False), news.over_at < now - NEWS)
    return table.c.news_id.in_(old)


def _of_past_occasions(now: datetime) -> Any:
    """Those that come with a day; a card's install and its levels are told of once for good."""
    daily = select(tables.triggers.c.id).where(tables.triggers.c.event.in_(occasions.DAILY))
    return (tables.trigger_firings.c.at < now - FIRINGS) & tables.trigger_firings.c.trigger_id.in_(daily)


def _never_sent(queue: Table, route: Any, now: datetime) -> Any:
    """Old intents; those of routes whose pushes wait for an operator are held, not dropped."""
    return (queue.c.wanted_at < now - JOBS) & route.not_in(select(tables.holds.c.pass_type_identifier))


async def ring_again(db: Database, now: datetime | None = None) -> int:
    """Ring phones that have not listed within an hour of their push; returns how many.

    By the database's clock, which the pushes and lists were stamped with; ``now`` is for tests.
    """
    devices = tables.devices
    async with db.transaction() as conn:
        before = (now or await database_now(conn)) - LISTS_WITHIN
        silent = select(devices.c.id, devices.c.brand_id, devices.c.pass_type_identifier, devices.c.platform)
        silent = silent.where(text(tables.UNLISTED.text), devices.c.pushed_at < before)
        for queue in (tables.jobs, tables.other_jobs):  # one that waits, perhaps for a certificate, is no try
            silent = silent.where(~select(queue.c.id).where(queue.c.device_id == devices.c.id).exists())
        rows = (await conn.execute(silent.order_by(devices.c.pushed_at).limit(PHONES))).all()
        for row in rows:
            again = update(devices).where(devices.c.id == row.id)
            await conn.execute(again.values(sweeps=devices.c.sweeps + 1))
            await jobs.want_device(
                conn,
                brand_id=row.brand_id,
                pass_type_identifier=row.pass_type_identifier,
                device_id=row.id,
                platform=row.platform,
            )
        return len(rows)


async def _delete(db: Database, table: Table, old: Any) -> int:
    key = tuple_(*table.primary_key.columns)
    total = 0
    while True:
        async with db.transaction() as conn:
            some = select(*table.primary_key.columns).where(old).limit(ROWS)
            rows = [tuple(row) for row in await conn.execute(some)]
            if rows:
                await conn.execute(delete(table).where(key.in_(rows)))
        total += len(rows)
        if len(rows) < ROWS:
            return total


async def _shorten_timelines(db: Database) -> int:
    """A card that changes every second keeps its newest lines."""
    table = tables.timeline
    async with db.reading() as conn:
        last_card = (await conn.execute(select(func.max(table.c.card_id)))).scalar() or 0
    total = 0
    for first in range(1, last_card + 1, CARDS):
        some = table.c.card_id.between(first, first + CARDS - 1)
        async with db.reading() as conn:
            long = select(table.c.card_id).where(some).group_by(table.c.card_id).having(func.count() > LINES_A_CARD)
            card_ids = (await conn.execute(long)).scalars().all()
        total += await _shorten(db, card_ids)
    return total


async def _shorten(db: Database, card_ids: Sequence[int]) -> int:
    table = tables.timeline
    total = 0
    for card_id in card_ids:
        mine = table.c.card_id == card_id
        async with db.reading() as conn:
            newest = select(table.c.id).where(mine).order_by(table.c.id.desc()).offset(LINES_A_CARD).limit(1)
            last = (await conn.execute(newest)).scalar_one_or_none()
        if last is not None:
            total += await _delete(db, table, mine & (table.c.id <= last))
    return total
