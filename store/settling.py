"""What became of claimed targets, written with what becomes of their intents, in one transaction.

Tokens neither accepted nor gone become device intents of their own, due when the retry policy says. A target whose
answer has not come while the others' have is given an intent of its own, still leased, so that one silent token holds
up nobody; its answer is settled when it comes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import newscounts, newspages, timeline
from store.claims import Intent, Target, device_intent, finish, queue_of
from store.dialect import Database, database_now
from store.fates import Fate, Settled
from store.jobs import insert_into_jobs
from store.locks import lock_devices
from store.platforms import APPLE, Route
from store.registering import drop_devices
from store.tables import ELSEWHERE, cards, devices, registrations

GIVE_UP = timedelta(days=7)
"""An intent that the vendor has not taken for so long, not by our own fault, is dropped: the phone's own polling and the
next change remain."""
TRUST = timedelta(days=1)
"""A 200 on a credential within this time says that a BadDeviceToken is about the token, not about us."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What a prune decision rests on: devices of the route, and whether the vendor took a push within a day."""

    devices: int
    trusted: bool
    day: int = 0  # today's number, by the database's clock


async def fleet(db: Database, *, route: Route) -> Fleet:
    """Count the route's devices and look for a recent acceptance."""
    async with db.reading() as conn:
        now = await database_now(conn)
        mine = and_(devices.c.pass_type_identifier == route.pass_type_identifier, devices.c.platform == route.platform)
        recent = select(devices.c.id).where(mine, devices.c.accepted_at > now - TRUST).limit(1)
        trusted = (await conn.execute(recent)).first() is not None
        return Fleet(await _count(conn, route), trusted, now.toordinal())


async def _count(conn: AsyncConnection, route: Route) -> int:
    """By the indexes alone: Apple's are all but those elsewhere."""
    of_type = devices.c.pass_type_identifier == route.pass_type_identifier
    count = select(func.count()).select_from(devices)
    if route.platform != APPLE:
        mine = count.where(of_type, devices.c.platform == route.platform, ELSEWHERE)
        return int((await conn.execute(mine)).scalar_one())
    total = (await conn.execute(count.where(of_type))).scalar_one()
    return int(total - (await conn.execute(count.where(of_type, ELSEWHERE))).scalar_one())


async def settle(
    db: Database,
    *,
    owner: str,
    route: Route,
    intents: Sequence[Intent],
    settled: Sequence[Settled],
    unanswered: Sequence[Target] = (),
    lease: timedelta = timedelta(0),
) -> tuple[Intent, ...]:
    """Write the fates and finish the intents; returns the leased intents of the unanswered, to be settled later.

    An intent whose lease has passed to another owner is left alone.
    """
    async with db.transaction() as conn:
        now = await database_now(conn)
        told = await newspages.told(conn, intents, settled)
        await _write_devices(conn, settled, unanswered, now)
        await _write_timeline(db, conn, route, settled, now)
        open_ids = await _retry(conn, owner, route, settled, now, told.held_back)
        waiting = await _keep_waiting(conn, owner, route, unanswered, now, now + lease)
        open_ids.update(target.device_id for target in unanswered)
        await finish(conn, owner, route, [intent for intent in intents if intent.device_id not in open_ids], now)
        open_ids |= told.held_back
        await newspages.count(conn, route, told, intents, settled, unanswered, open_ids, now)
        return waiting


async def renew(db: Database, *, owner: str, route: Route, intents: Sequence[Intent], lease: timedelta) -> None:
    """Their answers are still due: nobody else sends them."""
    if not intents:
        return
    queue = queue_of(route)
    async with db.transaction() as conn:
        until = await database_now(conn) + lease
        mine = and_(queue.c.id.in_([intent.id for intent in intents]), queue.c.lease_owner == owner)
        await conn.execute(update(queue).where(mine).values(lease_until=until))


async def _write_devices(
    conn: AsyncConnection, settled: Sequence[Settled], unanswered: Sequence[Target], now: datetime
) -> None:
    """Cards before devices and devices by id, as everybody who locks several of them does."""
    await _prune(conn, [row.target for row in settled if row.fate is Fate.PRUNE])
    accepted = [row.target.device_id for row in settled if row.fate is Fate.ACCEPTED]
    tried = [row.target.device_id for row in settled if row.fate in (Fate.RETRY, Fate.PARK)]
    tried += [target.device_id for target in unanswered]
    await lock_devices(conn, accepted + tried)
    if accepted:
        await conn.execute(update(devices).where(devices.c.id.in_(accepted)).values(pushed_at=now, accepted_at=now))
    if tried:
        await conn.execute(update(devices).where(devices.c.id.in_(tried)).values(pushed_at=now))
    for row in settled:
        if row.fate is Fate.PARK:
            await conn.execute(
                update(devices).where(_same_token(row.target)).values(state="parked", state_reason=row.reason)
            )


def _same_token(target: Target) -> Any:
    """The device, unless it has registered another token since the push was claimed."""
    return and_(devices.c.id == target.device_id, devices.c.push_token_at == target.push_token_at)


async def _prune(conn: AsyncConnection, targets: Sequence[Target]) -> None:
    if not targets:
        return
    held = select(registrations.c.card_id).where(registrations.c.device_id.in_([one.device_id for one in targets]))
    locked = select(cards.c.id).where(cards.c.id.in_(held)).order_by(cards.c.id).with_for_update(key_share=True)
    await conn.execute(locked)
    keys = [(target.device_id, target.push_token_at) for target in targets]
    dead = select(devices.c.id).where(tuple_(devices.c.id, devices.c.push_token_at).in_(keys))
    dead = dead.order_by(devices.c.id).with_for_update()  # a phone that registers anew meanwhile is not among them
    ids = list((await conn.execute(dead)).scalars())
    await drop_devices(conn, ids)


async def _write_timeline(
    db: Database, conn: AsyncConnection, route: Route, settled: Sequence[Settled], now: datetime
) -> None:
    """A line on the card that was rung for, or on each card that the phone holds."""
    anonymous = [row.target.device_id for row in settled if not row.target.card_ids]
    held: dict[int, list[int]] = {}
    if anonymous:
        holding = select(registrations.c.device_id, registrations.c.card_id)
        for pair in await conn.execute(holding.where(registrations.c.device_id.in_(anonymous))):
            held.setdefault(pair.device_id, []).append(pair.card_id)
    lines = [
        timeline.Line(row.target.brand_id, card_id, "pushed", _detail(route, row), row.target.device_id)
        for row in settled
        for card_id in row.target.card_ids or held.get(row.target.device_id, ())
    ]
    await timeline.record(db, conn, lines, now)


def _detail(route: Route, row: Settled) -> dict[str, Any]:
    vendor_id = "apns_id" if route.platform == APPLE else "vendor_id"
    detail = {"result": str(row.fate), "channel": route.channel, "reason": row.reason, vendor_id: row.vendor_id}
    return {name: value for name, value in detail.items() if value}


async def _retry(
    conn: AsyncConnection,
    owner: str,
    route: Route,
    settled: Iterable[Settled],
    now: datetime,
    held_back: Collection[int],
) -> set[int]:
    """A device intent for each retry but those of ``held_back``; returns the devices that have one."""
    rows = [
        device_intent(route, row.target.brand_id, row.target.device_id, now, now + timedelta(seconds=row.delay))
        | {"attempts": row.target.attempts + 1, "reason": row.reason[:200], "wanted_at": row.target.wanted_at}
        | {"for_news": row.target.for_news}
        for row in sorted(settled, key=lambda row: row.target.device_id)
        if row.fate is Fate.RETRY and row.target.device_id not in held_back
        if row.is_ours or row.target.wanted_at > now - GIVE_UP
    ]
    if rows:
        queue = queue_of(route)
        insert = insert_into_jobs(conn, queue)
        again: dict[str, Any] = {name: insert.excluded[name] for name in ("due_at", "attempts", "reason")}
        again |= {"lease_owner": None, "lease_until": None, "for_news": newscounts.both(queue, insert.excluded)}
        mine = queue.c.lease_owner == owner  # an intent written meanwhile is due anyway and stays as it is
        await conn.execute(insert.on_conflict_do_update(index_elements=["device_id"], set_=again, where=mine), rows)
    return {row["device_id"] for row in rows}


async def _keep_waiting(
    conn: AsyncConnection, owner: str, route: Route, targets: Sequence[Target], now: datetime, until: datetime
) -> tuple[Intent, ...]:
    if not targets:
        return ()
    rows = [
        device_intent(route, target.brand_id, target.device_id, now, now)
        | {"attempts": target.attempts, "wanted_at": target.wanted_at, "lease_owner": owner, "lease_until": until}
        | {"for_news": target.for_news}
        for target in sorted(targets, key=lambda target: target.device_id)
    ]
    queue = queue_of(route)
    insert = insert_into_jobs(conn, queue)
    mine = queue.c.lease_owner == owner
    keep = insert.on_conflict_do_update(index_elements=["device_id"], set_={"lease_until": until}, where=mine)
    await conn.execute(keep, rows)
    kept = select(queue).where(queue.c.device_id.in_([row["device_id"] for row in rows]), mine)
    return tuple(
        Intent(row.id, row.kind, row.generation, row.attempts, row.wanted_at, row.brand_id, device_id=row.device_id)
        for row in await conn.execute(kept)
    )
