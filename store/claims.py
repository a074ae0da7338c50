"""Intents taken by a worker: leased, and expanded to targets, one per (device, pass type).

``claim`` takes at most ``room`` targets; ``settling.settle`` writes what became of each and, in the same transaction,
removes the intents or moves a fan-out's position. A worker that dies between the two leaves everything as it was:
after the lease another claims the same, so that nothing is lost and at most ``room`` pushes are sent twice.

A target that was pushed less than ``SPACING`` ago, or whose own intent is a retry or is being sent, is left to that
device intent: a burst on one card or on one phone is at most one push in that time, and the last change is always
sent.

Everything goes by ``Route``: Apple's intents are rows of ``jobs``, the other platforms' of ``other_jobs``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, and_, case, delete, literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import newscounts, newspages
from store.clock import NOW
from store.dialect import Database, database_now
from store.jobs import Lane, insert_into_jobs
from store.keyring import Keyring
from store.naming import Named, names
from store.platforms import APPLE, FCM, Route
from store.tables import ELSEWHERE, Instant, cards, devices, holds, jobs, news_cards, other_jobs, registrations

PAGED = ("fanout", "news")
"""Intents that name so many that they are expanded page by page."""
SPACING = timedelta(seconds=5)
"""At most one push per token in this time."""
AnyRow = Any
"""A row of a SELECT, read by its columns' names."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A claimed row of ``jobs``; ``page_end`` is the last device of a fan-out's page, None for the last page.

    ``left`` are a news's devices of that page that intents of their own will ring.
    """

    id: int
    kind: str
    generation: int
    attempts: int
    wanted_at: datetime
    brand_id: int
    card_id: int | None = None
    device_id: int | None = None
    template_id: int | None = None
    position: int = 0
    page_end: int | None = None
    news_id: int | None = None
    left: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One (device, pass type) to push to; ``attempts`` made in a row, ``card_ids`` whose timelines tell of it.

    ``card`` is the one that the push is about, where the channel names one and it is known. ``news`` are the news whose
    pages it stands on; ``for_news``: 2 if it is rung for news alone, 1 for them and something else, 0 for none.
    """

    device_id: int
    brand_id: int
    push_token: str = field(repr=False)
    push_token_at: datetime
    attempts: int
    wanted_at: datetime
    card_ids: tuple[int, ...] = ()
    card: Named | None = None
    news: tuple[int, ...] = ()
    for_news: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker holds until it settles; ``probe`` says that a hold lets this one through as a trial."""

    route: Route
    intents: tuple[Intent, ...]
    targets: tuple[Target, ...]
    probe: bool = False


@dataclass(slots=True)
class _Expansion:
    keyring: Keyring
    route: Route
    intents: list[Intent] = field(default_factory=list)
    targets: dict[int, Target] = field(default_factory=dict)
    later: dict[int, datetime] = field(default_factory=dict)  # device -> when it may be pushed again
    brands: dict[int, int] = field(default_factory=dict)
    later_for: dict[int, int] = field(default_factory=dict)  # device -> ``for_news`` of what is left for later
    left: dict[int, list[int]] = field(default_factory=dict)  # news -> its devices that are left for later
    unreadable: list[int] = field(default_factory=list)  # devices


async def waiting_routes(db: Database) -> list[Route]:
    """Routes with an intent that is due and not leased, and not held back before the next probe."""
    rows = await db.fetch(_WAITING.format(now=NOW[db.engine.dialect.name]))
    return [Route(row[0], row[1]) for row in rows]


_WAITING = """
    SELECT DISTINCT j.pass_type_identifier, 'ApplePass'
    FROM jobs j
    WHERE j.due_at <= (SELECT {now}) AND (j.lease_until IS NULL OR j.lease_until < (SELECT {now}))
      AND j.pass_type_identifier NOT IN (SELECT h.pass_type_identifier FROM holds h WHERE h.probe_at > (SELECT {now}))
    UNION ALL
    SELECT DISTINCT o.pass_type_identifier, o.platform
    FROM other_jobs o
    WHERE o.due_at <= (SELECT {now}) AND (o.lease_until IS NULL OR o.lease_until < (SELECT {now}))
      AND o.platform || ':' || o.pass_type_identifier
          NOT IN (SELECT h.pass_type_identifier FROM holds h WHERE h.probe_at > (SELECT {now}))
"""  # asked several times a second: plain SQL, see store.hotreads


def queue_of(route: Route) -> Table:
    """Where the route's intents stand."""
    return jobs if route.platform == APPLE else other_jobs


def _of(route: Route) -> Any:
    queue = queue_of(route)
    same = queue.c.pass_type_identifier == route.pass_type_identifier
    return same if queue is jobs else and_(same, queue.c.platform == route.platform)


async def claim(
    db: Database,
    *,
    owner: str,
    route: Route,
    room: int,
    lease: timedelta,
    probe_after: timedelta,
    pages: int | None = None,
) -> Claim | None:
    """Lease due intents of one route and expand them to at most ``room`` targets (a single card may exceed it).

    At most ``pages`` of them from fan-outs, if it is given.

    None when nothing is due or the route is held. A held route whose probe is due gives one target.
    """
    async with db.transaction() as conn:
        now = await database_now(conn)
        probe = await _probe(conn, route, now, probe_after)
        if probe is None:
            return None
        due = await _lock_due(conn, route, now, 1 if probe else room, with_pages=pages != 0)
        due = await newspages.allowed(conn, queue_of(route), due)
        if not due:
            return None
        found = _Expansion(db.keyring, route)
        await _expand(conn, found, due, 1 if probe else room, now, pages)
        await _leave_to_devices(conn, found, now)
        await _park(conn, found.unreadable)
        await _lease(conn, route, [intent.id for intent in found.intents], owner, now + lease)
        if route.platform == FCM:
            await _name(conn, found)
        if not found.targets:  # the phones are gone, or have an intent of their own
            await newspages.leave(conn, route, found.intents, now)
            await finish(conn, owner, route, found.intents, now)
        return Claim(route, tuple(found.intents), tuple(found.targets.values()), probe)


def _due(queue: Table, now: datetime) -> Any:
    return and_(queue.c.due_at <= now, or_(queue.c.lease_until.is_(None), queue.c.lease_until < now))


async def _probe(conn: AsyncConnection, route: Route, now: datetime, probe_after: timedelta) -> bool | None:
    """False: not held. True: held, and this claim is the trial (the next is put off). None: held, not yet."""
    row = (await conn.execute(select(holds.c.probe_at).where(holds.c.pass_type_identifier == route.hold))).first()
    if row is None:
        return False
    if row.probe_at > now:
        return None
    held = update(holds).where(holds.c.pass_type_identifier == route.hold)
    await conn.execute(held.values(probe_at=now + probe_after))
    return True


async def _lock_due(
    conn: AsyncConnection, route: Route, now: datetime, limit: int, *, with_pages: bool
) -> Sequence[AnyRow]:
    queue = queue_of(route)
    due = select(queue).where(_of(route), _due(queue, now))
    if not with_pages:
        due = due.where(queue.c.kind.not_in(PAGED))
    due = due.order_by(queue.c.lane, queue.c.due_at, queue.c.id).limit(limit).with_for_update(skip_locked=True)
    return (await conn.execute(due)).all()


async def _expand(
    conn: AsyncConnection, found: _Expansion, due: Sequence[AnyRow], room: int, now: datetime, pages: int | None
) -> None:
    urgent = [row for row in due if row.kind not in PAGED]
    route = found.route
    holders = await _holders(conn, route, now, [row.card_id for row in urgent if row.kind == "card"])
    single = await _devices(conn, route, now, [row.device_id for row in urgent if row.kind == "device"])
    claimed = {row.device_id for row in urgent if row.kind == "device"}
    for row in urgent:
        if len(found.targets) >= room:
            return
        for device in holders.get(row.card_id, ()) if row.kind == "card" else single.get(row.device_id, ()):
            _aim(found, device, row, claimed, now)
        if row.kind == "card" or row.device_id not in found.later:  # a device intent put off is not claimed
            found.intents.append(_intent(row))
    if pages is not None:
        room = min(room, len(found.targets) + pages)
    for row in due:
        if row.kind in PAGED and len(found.targets) < room:
            await _expand_page(conn, found, row, room - len(found.targets), claimed, now)


async def _expand_page(
    conn: AsyncConnection, found: _Expansion, row: AnyRow, room: int, claimed: set[int], now: datetime
) -> None:
    news = await newspages.news_of(conn, row.news_id) if row.kind == "news" else None
    page = await _page(conn, found.route, now, row, news, room)
    reached = None if news is None else await newspages.reached(conn, news, [device.id for device in page])
    for device in page:
        if reached is None or device.id in reached:
            _aim(found, device, row, claimed, now)
    left = tuple(found.left.pop(row.news_id, ())) if row.news_id else ()
    found.intents.append(replace(_intent(row, page[-1].id if len(page) == room else None), left=left))


def _aim(found: _Expansion, device: AnyRow, row: AnyRow, claimed: Collection[int], now: datetime) -> None:
    """Push to this device now, or leave it to an intent of its own when it was pushed a moment ago."""
    free_at = device.pushed_at + SPACING if device.pushed_at else None
    waiting = device.waiting_until if device.id not in claimed else None
    later = max((moment for moment in (free_at, waiting) if moment), default=None)
    found.brands[device.id] = device.brand_id
    for_news = {"news": 2, "device": row.for_news}.get(row.kind, 0)
    if waiting or (later and later > now):
        found.later[device.id] = later or now
        found.later_for[device.id] = newscounts.joined(found.later_for.get(device.id, for_news), for_news)
        if row.kind == "news":
            found.left.setdefault(row.news_id, []).append(device.id)
        return
    known = found.targets.get(device.id)
    attempts = row.attempts if row.kind == "device" else 0
    card_ids = (row.card_id,) if row.card_id else ()
    news = (row.news_id,) if row.kind == "news" else ()
    if known:
        attempts, card_ids = max(attempts, known.attempts), known.card_ids + card_ids
        news, for_news = known.news + news, newscounts.joined(known.for_news, for_news)
    wanted_at = min(row.wanted_at, known.wanted_at) if known else row.wanted_at
    try:
        token = found.keyring.decrypt("push-token", device.push_token_encrypted).decode()
    except ValueError:
        found.unreadable.append(device.id)
        return
    found.targets[device.id] = Target(
        device.id,
        device.brand_id,
        token,
        device.push_token_at,
        attempts,
        wanted_at,
        card_ids,
        news=news,
        for_news=for_news,
    )


def _intent(row: AnyRow, page_end: int | None = None) -> Intent:
    return Intent(
        row.id,
        row.kind,
        row.generation,
        row.attempts,
        row.wanted_at,
        row.brand_id,
        row.card_id,
        row.device_id,
        row.template_id,
        row.position,
        page_end,
        row.news_id,
    )


def _reachable(route: Route) -> Any:
    mine = and_(devices.c.state == "active", devices.c.platform == route.platform)
    return mine if route.platform == APPLE else and_(mine, ELSEWHERE)  # said in words, so that its index is used


def _device_columns(route: Route, now: datetime) -> tuple[Any, ...]:
    """A device's columns; ``waiting_until`` is when its own intent, a retry or one being sent, comes round."""
    queue = queue_of(route)
    backs_off = or_(queue.c.attempts > 0, queue.c.lease_until > now)
    waiting_until = select(queue.c.due_at).where(queue.c.device_id == devices.c.id, backs_off).scalar_subquery()
    device = devices.c
    columns = (device.id, device.brand_id, device.push_token_encrypted, device.push_token_at, device.pushed_at)
    return (*columns, waiting_until.label("waiting_until"))


async def _holders(
    conn: AsyncConnection, route: Route, now: datetime, card_ids: Collection[int]
) -> dict[int, list[AnyRow]]:
    if not card_ids:
        return {}
    holding = select(registrations.c.card_id, *_device_columns(route, now)).join(
        devices, devices.c.id == registrations.c.device_id
    )
    found: dict[int, list[AnyRow]] = {}
    for row in await conn.execute(holding.where(registrations.c.card_id.in_(card_ids), _reachable(route))):
        found.setdefault(row.card_id, []).append(row)
    return found


async def _devices(
    conn: AsyncConnection, route: Route, now: datetime, device_ids: Collection[int]
) -> dict[int, list[AnyRow]]:
    if not device_ids:
        return {}
    named = select(*_device_columns(route, now)).where(devices.c.id.in_(device_ids), _reachable(route))
    rows = await conn.execute(named)
    return {row.id: [row] for row in rows}


async def _page(
    conn: AsyncConnection, route: Route, now: datetime, fanout: AnyRow, news: AnyRow | None, size: int
) -> Sequence[AnyRow]:
    """The next devices, by id, that hold a card of the template, or one that the news lists."""
    if news is not None and news.is_listed:
        listed = and_(news_cards.c.card_id == registrations.c.card_id, newspages.listed(news))
        of_audience = select(news_cards.c.card_id).where(listed, news_cards.c.over_at.is_(None)).exists()
    else:
        # The template is looked up card by card: joined, PostgreSQL without statistics walks all of its cards for each device.
        template_of = select(cards.c.template_id).where(cards.c.id == registrations.c.card_id).scalar_subquery()
        of_audience = template_of == (fanout.template_id if news is None else news.template_id)
    holds_one = select(registrations.c.id).where(registrations.c.device_id == devices.c.id, of_audience).exists()
    after = and_(devices.c.pass_type_identifier == fanout.pass_type_identifier, devices.c.id > fanout.position)
    page = (
        select(*_device_columns(route, now))
        .where(after, _reachable(route), holds_one)
        .order_by(devices.c.id)
        .limit(size)
    )
    return (await conn.execute(page)).all()


async def _leave_to_devices(conn: AsyncConnection, found: _Expansion, now: datetime) -> None:
    """A device intent for each target left for later; one that waits, or is being sent, learns that more is wanted."""
    rows = [
        device_intent(found.route, found.brands[device_id], device_id, now, due_at)
        | {"for_news": found.later_for[device_id]}
        for device_id, due_at in sorted(found.later.items())
        if device_id not in found.targets
    ]
    if not rows:
        return
    queue = queue_of(found.route)
    insert = insert_into_jobs(conn, queue)
    free = or_(queue.c.lease_until.is_(None), queue.c.lease_until < now)
    more = {"generation": queue.c.generation + 1, "due_at": case((free, insert.excluded.due_at), else_=queue.c.due_at)}
    more["for_news"] = newscounts.both(queue, insert.excluded)
    await conn.execute(insert.on_conflict_do_update(index_elements=["device_id"], set_=more), rows)


def device_intent(route: Route, brand_id: int, device_id: int, now: datetime, due_at: datetime) -> dict[str, Any]:
    """A row of the route's queue that rings one (device, pass type) at ``due_at``."""
    row = {
        "kind": "device",
        "brand_id": brand_id,
        "pass_type_identifier": route.pass_type_identifier,
        "lane": int(Lane.URGENT),
        "device_id": device_id,
        "for_news": 0,
        "position": 0,
        "generation": 0,
        "attempts": 0,
        "due_at": due_at,
        "wanted_at": now,
        "created_at": now,
    }
    return row if route.platform == APPLE else row | {"platform": route.platform}


async def _name(conn: AsyncConnection, found: _Expansion) -> None:
    """Write on each target which card its push is about, if it is about one."""
    named = await names(conn, {target.device_id: target.card_ids for target in found.targets.values()})
    for device_id, card in named.items():
        found.targets[device_id] = replace(found.targets[device_id], card=card)


async def _park(conn: AsyncConnection, unreadable: Sequence[int]) -> None:
    """Devices whose token no SECRET opens are left alone until they register anew; they must not stall the others."""
    if unreadable:
        parked = {"state": "parked", "state_reason": "TokenUnreadable"}
        await conn.execute(update(devices).where(devices.c.id.in_(unreadable)).values(**parked))


async def _lease(conn: AsyncConnection, route: Route, ids: Sequence[int], owner: str, until: datetime) -> None:
    queue = queue_of(route)
    await conn.execute(update(queue).where(queue.c.id.in_(ids)).values(lease_owner=owner, lease_until=until))


async def finish(conn: AsyncConnection, owner: str, route: Route, intents: Sequence[Intent], now: datetime) -> None:
    """Remove what is done; what was wanted again meanwhile (its generation moved) stays, due now."""
    if not intents:
        return
    queue = queue_of(route)
    paged = [intent for intent in intents if intent.page_end is not None]
    done = [intent for intent in intents if intent.page_end is None]
    for intent in paged:
        unmoved = and_(queue.c.id == intent.id, queue.c.generation == intent.generation, queue.c.lease_owner == owner)
        await conn.execute(update(queue).where(unmoved).values(position=intent.page_end))
    if done:
        keys = [(intent.id, intent.generation) for intent in done]
        same = tuple_(queue.c.id, queue.c.generation).in_(keys)
        await conn.execute(delete(queue).where(same, queue.c.lease_owner == owner))
    left = and_(queue.c.id.in_([intent.id for intent in intents]), queue.c.lease_owner == owner)
    now_or_later = case((queue.c.due_at > now, queue.c.due_at), else_=literal(now, Instant()))  # later: it was paused
    freed = {"lease_owner": None, "lease_until": None, "attempts": 0, "due_at": now_or_later}
    await conn.execute(update(queue).where(left).values(**freed))


async def give_back(db: Database, *, owner: str, route: Route, intents: Sequence[Intent]) -> None:
    """Nothing was sent: the intents are due again as they were."""
    queue = queue_of(route)
    async with db.transaction() as conn:
        mine = and_(queue.c.id.in_([intent.id for intent in intents]), queue.c.lease_owner == owner)
        await conn.execute(update(queue).where(mine).values(lease_owner=None, lease_until=None))
