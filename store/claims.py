"""Intents taken by a worker: leased, and expanded to targets, one per (device, pass type).

``claim`` takes at most ``room`` targets; ``settling.settle`` writes what became of each and, in the same transaction,
removes the intents or moves a fan-out's position. A worker that dies between the two leaves everything as it was:
after the lease another claims the same, so that nothing is lost and at most ``room`` pushes are sent twice.

A target that was pushed less than ``SPACING`` ago, or whose own intent is a retry or is being sent, is left to that
device intent: a burst on one card or on one phone is at most one push in that time, and the last change is always
sent.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, delete, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store.clock import NOW
from store.dialect import Database, database_now
from store.jobs import Lane, insert_into_jobs
from store.keyring import Keyring
from store.tables import cards, devices, holds, jobs, registrations

SPACING = timedelta(seconds=5)
"""At most one push per token in this time."""
APPLE = "ApplePass"
"""The platform whose tokens belong to APNs; a token of another wallet would come back BadDeviceToken."""

AnyRow = Any
"""A row of a SELECT, read by its columns' names."""


@dataclass(frozen=True, slots=True)
class Intent:
    """A claimed row of ``jobs``; ``page_end`` is the last device of a fan-out's page, None for the last page."""

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


@dataclass(frozen=True, slots=True)
class Target:
    """One (device, pass type) to push to; ``attempts`` made in a row, ``card_ids`` whose timelines tell of it."""

    device_id: int
    brand_id: int
    push_token: str = field(repr=False)
    push_token_at: datetime
    attempts: int
    wanted_at: datetime
    card_ids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker holds until it settles; ``probe`` says that a hold lets this one through as a trial."""

    pass_type_identifier: str
    intents: tuple[Intent, ...]
    targets: tuple[Target, ...]
    probe: bool = False


@dataclass(slots=True)
class _Expansion:
    keyring: Keyring
    intents: list[Intent] = field(default_factory=list)
    targets: dict[int, Target] = field(default_factory=dict)
    later: dict[int, datetime] = field(default_factory=dict)  # device -> when it may be pushed again
    brands: dict[int, int] = field(default_factory=dict)
    unreadable: list[int] = field(default_factory=list)  # devices


async def waiting_pass_types(db: Database) -> list[str]:
    """Pass types with an intent that is due and not leased, and not held back before the next probe."""
    rows = await db.fetch(_WAITING.format(now=NOW[db.engine.dialect.name]))
    return [row[0] for row in rows]


_WAITING = """
    SELECT DISTINCT j.pass_type_identifier
    FROM jobs j
    WHERE j.due_at <= (SELECT {now}) AND (j.lease_until IS NULL OR j.lease_until < (SELECT {now}))
      AND j.pass_type_identifier NOT IN (SELECT h.pass_type_identifier FROM holds h WHERE h.probe_at > (SELECT {now}))
"""  # asked several times a second: plain SQL, see store.hotreads


async def claim(
    db: Database, *, owner: str, pass_type_identifier: str, room: int, lease: timedelta, probe_after: timedelta
) -> Claim | None:
    """Lease due intents of one pass type and expand them to at most ``room`` targets (a single card may exceed it).

    None when nothing is due or the pass type is held. A held pass type whose probe is due gives one target.
    """
    async with db.transaction() as conn:
        now = await database_now(conn)
        probe = await _probe(conn, pass_type_identifier, now, probe_after)
        if probe is None:
            return None
        due = await _lock_due(conn, pass_type_identifier, now, 1 if probe else room)
        if not due:
            return None
        found = _Expansion(db.keyring)
        await _expand(conn, found, due, 1 if probe else room, now)
        await _leave_to_devices(conn, pass_type_identifier, found, now)
        await _park(conn, found.unreadable)
        await _lease(conn, [intent.id for intent in found.intents], owner, now + lease)
        if not found.targets:  # the phones are gone, or have an intent of their own
            await finish(conn, owner, found.intents, now)
        return Claim(pass_type_identifier, tuple(found.intents), tuple(found.targets.values()), probe)


def _due(now: datetime) -> Any:
    return and_(jobs.c.due_at <= now, or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < now))


async def _probe(conn: AsyncConnection, pass_type: str, now: datetime, probe_after: timedelta) -> bool | None:
    """False: not held. True: held, and this claim is the trial (the next is put off). None: held, not yet."""
    row = (await conn.execute(select(holds.c.probe_at).where(holds.c.pass_type_identifier == pass_type))).first()
    if row is None:
        return False
    if row.probe_at > now:
        return None
    held = update(holds).where(holds.c.pass_type_identifier == pass_type)
    await conn.execute(held.values(probe_at=now + probe_after))
    return True


async def _lock_due(conn: AsyncConnection, pass_type: str, now: datetime, limit: int) -> Sequence[AnyRow]:
    due = select(jobs).where(jobs.c.pass_type_identifier == pass_type, _due(now))
    due = due.order_by(jobs.c.lane, jobs.c.due_at, jobs.c.id).limit(limit).with_for_update(skip_locked=True)
    return (await conn.execute(due)).all()


async def _expand(conn: AsyncConnection, found: _Expansion, due: Sequence[AnyRow], room: int, now: datetime) -> None:
    urgent = [row for row in due if row.kind != "fanout"]
    holders = await _holders(conn, now, [row.card_id for row in urgent if row.kind == "card"])
    single = await _devices(conn, now, [row.device_id for row in urgent if row.kind == "device"])
    claimed = {row.device_id for row in urgent if row.kind == "device"}
    for row in urgent:
        if len(found.targets) >= room:
            return
        for device in holders.get(row.card_id, ()) if row.kind == "card" else single.get(row.device_id, ()):
            _aim(found, device, row, claimed, now)
        if row.kind == "card" or row.device_id not in found.later:  # a device intent put off is not claimed
            found.intents.append(_intent(row))
    for row in due:
        if row.kind == "fanout" and len(found.targets) < room:
            await _expand_page(conn, found, row, room - len(found.targets), claimed, now)


async def _expand_page(
    conn: AsyncConnection, found: _Expansion, row: AnyRow, room: int, claimed: set[int], now: datetime
) -> None:
    page = await _page(conn, now, row, room)
    found.intents.append(_intent(row, page[-1].id if len(page) == room else None))
    for device in page:
        _aim(found, device, row, claimed, now)


def _aim(found: _Expansion, device: AnyRow, row: AnyRow, claimed: Collection[int], now: datetime) -> None:
    """Push to this device now, or leave it to an intent of its own when it was pushed a moment ago."""
    free_at = device.pushed_at + SPACING if device.pushed_at else None
    waiting = device.waiting_until if device.id not in claimed else None
    later = max((moment for moment in (free_at, waiting) if moment), default=None)
    found.brands[device.id] = device.brand_id
    if waiting or (later and later > now):
        found.later[device.id] = later or now
        return
    known = found.targets.get(device.id)
    attempts = row.attempts if row.kind == "device" else 0
    card_ids = (row.card_id,) if row.card_id else ()
    if known:
        attempts, card_ids = max(attempts, known.attempts), known.card_ids + card_ids
    wanted_at = min(row.wanted_at, known.wanted_at) if known else row.wanted_at
    try:
        token = found.keyring.decrypt("push-token", device.push_token_encrypted).decode()
    except ValueError:
        found.unreadable.append(device.id)
        return
    found.targets[device.id] = Target(
        device.id, device.brand_id, token, device.push_token_at, attempts, wanted_at, card_ids
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
    )


_reachable = and_(devices.c.state == "active", devices.c.platform == APPLE)


def _device_columns(now: datetime) -> tuple[Any, ...]:
    """A device's columns; ``waiting_until`` is when its own intent, a retry or one being sent, comes round."""
    backs_off = or_(jobs.c.attempts > 0, jobs.c.lease_until > now)
    waiting_until = select(jobs.c.due_at).where(jobs.c.device_id == devices.c.id, backs_off).scalar_subquery()
    device = devices.c
    columns = (device.id, device.brand_id, device.push_token_encrypted, device.push_token_at, device.pushed_at)
    return (*columns, waiting_until.label("waiting_until"))


async def _holders(conn: AsyncConnection, now: datetime, card_ids: Collection[int]) -> dict[int, list[AnyRow]]:
    if not card_ids:
        return {}
    holding = select(registrations.c.card_id, *_device_columns(now)).join(
        devices, devices.c.id == registrations.c.device_id
    )
    found: dict[int, list[AnyRow]] = {}
    for row in await conn.execute(holding.where(registrations.c.card_id.in_(card_ids), _reachable)):
        found.setdefault(row.card_id, []).append(row)
    return found


async def _devices(conn: AsyncConnection, now: datetime, device_ids: Collection[int]) -> dict[int, list[AnyRow]]:
    if not device_ids:
        return {}
    rows = await conn.execute(select(*_device_columns(now)).where(devices.c.id.in_(device_ids), _reachable))
    return {row.id: [row] for row in rows}


async def _page(conn: AsyncConnection, now: datetime, fanout: AnyRow, size: int) -> Sequence[AnyRow]:
    """The next devices, by id, that hold a card of the template."""
    # The template is looked up card by card: joined, PostgreSQL without statistics walks all of its cards for each device.
    template_of = select(cards.c.template_id).where(cards.c.id == registrations.c.card_id).scalar_subquery()
    of_template = and_(registrations.c.device_id == devices.c.id, template_of == fanout.template_id)
    holds_one = select(registrations.c.id).where(of_template).exists()
    after = and_(devices.c.pass_type_identifier == fanout.pass_type_identifier, devices.c.id > fanout.position)
    page = select(*_device_columns(now)).where(after, _reachable, holds_one).order_by(devices.c.id).limit(size)
    return (await conn.execute(page)).all()


async def _leave_to_devices(conn: AsyncConnection, pass_type: str, found: _Expansion, now: datetime) -> None:
    """A device intent for each target left for later; one that waits, or is being sent, learns that more is wanted."""
    rows = [
        device_intent(pass_type, found.brands[device_id], device_id, now, due_at)
        for device_id, due_at in sorted(found.later.items())
        if device_id not in found.targets
    ]
    if not rows:
        return
    insert = insert_into_jobs(conn)
    free = or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < now)
    more = {"generation": jobs.c.generation + 1, "due_at": case((free, insert.excluded.due_at), else_=jobs.c.due_at)}
    await conn.execute(insert.on_conflict_do_update(index_elements=["device_id"], set_=more), rows)


def device_intent(pass_type: str, brand_id: int, device_id: int, now: datetime, due_at: datetime) -> dict[str, Any]:
    """A row of ``jobs`` that rings one (device, pass type) at ``due_at``."""
    return {
        "kind": "device",
        "brand_id": brand_id,
        "pass_type_identifier": pass_type,
        "lane": int(Lane.URGENT),
        "device_id": device_id,
        "position": 0,
        "generation": 0,
        "attempts": 0,
        "due_at": due_at,
        "wanted_at": now,
        "created_at": now,
    }


async def _park(conn: AsyncConnection, unreadable: Sequence[int]) -> None:
    """Devices whose token no SECRET opens are left alone until they register anew; they must not stall the others."""
    if unreadable:
        parked = {"state": "parked", "state_reason": "TokenUnreadable"}
        await conn.execute(update(devices).where(devices.c.id.in_(unreadable)).values(**parked))


async def _lease(conn: AsyncConnection, ids: Sequence[int], owner: str, until: datetime) -> None:
    await conn.execute(update(jobs).where(jobs.c.id.in_(ids)).values(lease_owner=owner, lease_until=until))


async def finish(conn: AsyncConnection, owner: str, intents: Sequence[Intent], now: datetime) -> None:
    """Remove what is done; what was wanted again meanwhile (its generation moved) stays, due now."""
    if not intents:
        return
    paged = [intent for intent in intents if intent.page_end is not None]
    done = [intent for intent in intents if intent.page_end is None]
    for intent in paged:
        unmoved = and_(jobs.c.id == intent.id, jobs.c.generation == intent.generation, jobs.c.lease_owner == owner)
        await conn.execute(update(jobs).where(unmoved).values(position=intent.page_end))
    if done:
        keys = [(intent.id, intent.generation) for intent in done]
        same = tuple_(jobs.c.id, jobs.c.generation).in_(keys)
        await conn.execute(delete(jobs).where(same, jobs.c.lease_owner == owner))
    left = and_(jobs.c.id.in_([intent.id for intent in intents]), jobs.c.lease_owner == owner)
    freed = {"lease_owner": None, "lease_until": None, "attempts": 0, "due_at": now}
    await conn.execute(update(jobs).where(left).values(**freed))


async def give_back(db: Database, *, owner: str, intents: Sequence[Intent]) -> None:
    """Nothing was sent: the intents are due again as they were."""
    async with db.transaction() as conn:
        mine = and_(jobs.c.id.in_([intent.id for intent in intents]), jobs.c.lease_owner == owner)
        await conn.execute(update(jobs).where(mine).values(lease_owner=None, lease_until=None))
