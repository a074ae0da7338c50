"""What a brand asks of its news: quiet hours, how many may ring a card. Off unless somebody sets it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import schedule
from passkit.schedule import Hours
from store import audit, tables
from store.audit import Actor, Filter, Line
from store.clock import database_now
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.problems import problem
from store.tables import brands
from store.tables import news_rules as table
from store.upserts import insert_into

KINDS = ("service", "marketing")
MOST, MOST_DAYS = 100, 365
MOST_CARDS = 100_000_000
PHONES_PURPOSE = "approver-phones"
CHANGED = "news_rules.changed"
_CAP = ("cap", "cap_days", "cap_kinds")
_KEPT = ("quiet", *_CAP, "approval_above", "deputies")


@dataclass(frozen=True, slots=True)
class Rules:
    """``quiet``: hours in which nobody is rung for a news; ``zone`` is the brand's.

    A card is rung for at most ``cap`` news of ``cap_kinds`` in ``cap_days``; 0: for any number.
    A news to more than ``approval_above`` cards waits for a second person, a publisher or one of ``deputies``; 0: none does.
    """

    zone: ZoneInfo
    quiet: Hours | None = None
    cap: int = 0
    cap_days: int = 0
    cap_kinds: tuple[str, ...] = ()
    approval_above: int = 0
    deputies: frozenset[int] = frozenset()

    def caps(self, kind: str) -> bool:
        """Whether news of this kind are counted, and may be silent."""
        return self.cap > 0 and kind in self.cap_kinds

    @property
    def cap_within(self) -> timedelta:
        """Of the days that count."""
        return timedelta(days=self.cap_days)

    def allowed_from(self, at: datetime) -> datetime:
        """The first moment, not before this one, when somebody may be rung."""
        return schedule.allowed_from(self.quiet, self.zone, at)


async def of(db: Database, brand_id: int) -> Rules:
    """The brand's."""
    async with db.reading() as conn:
        return await of_brand(conn, brand_id)


async def of_brand(conn: AsyncConnection, brand_id: int) -> Rules:
    """The same in a transaction."""
    return (await of_brands(conn, [brand_id]))[brand_id]


async def of_brands(conn: AsyncConnection, brand_ids: Collection[int]) -> dict[int, Rules]:
    """Of several at once."""
    wanted = select(brands.c.id, brands.c.time_zone, table)
    wanted = wanted.outerjoin(table, table.c.brand_id == brands.c.id).where(brands.c.id.in_(brand_ids))
    return {row.id: _rules(row) for row in await conn.execute(wanted)}


async def with_quiet(conn: AsyncConnection, brand_ids: Collection[int]) -> dict[int, Rules]:
    """Those of these brands that ask for quiet hours."""
    asked = select(table.c.brand_id).where(table.c.brand_id.in_(brand_ids), table.c.quiet.is_not(None))
    ids = list((await conn.execute(asked)).scalars()) if brand_ids else []
    return await of_brands(conn, ids) if ids else {}


async def quiet_brands(conn: AsyncConnection, brand_ids: Collection[int]) -> dict[int, datetime]:
    """Those of these brands whose quiet hours it is, and when they end."""
    asked = await with_quiet(conn, brand_ids)
    if not asked:
        return {}
    now = await database_now(conn)
    ends = {id_: rules.allowed_from(now) for id_, rules in asked.items()}
    return {id_: end for id_, end in ends.items() if end > now}


def _rules(row: Any) -> Rules:
    quiet = schedule.hours(row.quiet) if row.quiet else None
    kinds, deputies = tuple((row.cap_kinds or "").split()), frozenset(row.deputies or ())
    zone = ZoneInfo(row.time_zone)
    return Rules(zone, quiet, row.cap or 0, row.cap_days or 0, kinds, row.approval_above or 0, deputies)


async def set_quiet(db: Database, brand_id: int, text: str, *, by: Actor, now: datetime) -> Rules:
    """Quiet hours as ``21:00-09:00`` in the brand's clock, or none where empty; Invalid at ``/quiet``."""
    try:
        quiet = str(schedule.hours(text)) if text else None
    except ValueError:
        wrong = problem("/quiet", "These are no quiet hours.", "Write them like 21:00-09:00.")
        raise Invalid([wrong]) from None
    await _keep(db, brand_id, by, now, {"quiet": quiet})
    return await of(db, brand_id)


async def set_cap(
    db: Database, brand_id: int, most: int, days: int, kinds: Sequence[str] = KINDS, *, by: Actor, now: datetime
) -> Rules:
    """At most so many news of these kinds ring a card in so many days; 0: any number. Invalid at ``/cap`` or ``/days``."""
    wrong = [] if 0 <= most <= MOST else [problem("/cap", "This is no number of news.", f"From 0 to {MOST}; 0: any.")]
    if most and not 1 <= days <= MOST_DAYS:
        wrong.append(problem("/days", "This is no number of days.", f"From 1 to {MOST_DAYS}."))
    if not kinds or not set(kinds) <= set(KINDS):
        wrong.append(problem("/kinds", "There is no such kind of news.", "Name service, marketing, or both."))
    if wrong:
        raise Invalid(wrong)
    values = {"cap": most, "cap_days": days, "cap_kinds": " ".join(sorted(kinds))} if most else dict.fromkeys(_CAP)
    await _keep(db, brand_id, by, now, values)
    return await of(db, brand_id)


async def set_approval(
    db: Database, brand_id: int, above: int, deputies: Collection[int] = (), *, by: Actor, now: datetime
) -> Rules:
    """News to more cards wait for a second person; 0: none does. ``deputies``: users who may approve besides publishers."""
    if not 0 <= above <= MOST_CARDS:
        raise Invalid([problem("/approval_above", "This is no number of cards.", "0: nobody is asked.")])
    members = select(tables.user_roles.c.user_id).where(tables.user_roles.c.brand_id == brand_id)
    async with db.reading() as conn:
        if not set(deputies) <= set((await conn.execute(members)).scalars()):
            raise Invalid([problem("/deputies", "There is no such person in this brand.", "")])
    values = {"approval_above": above or None, "deputies": sorted(deputies) or None}
    await _keep(db, brand_id, by, now, values)
    return await of(db, brand_id)


async def phones(db: Database, conn: AsyncConnection, brand_id: int) -> Mapping[int, str]:
    """User id -> the phone, E.164, to which a link to approve by goes."""
    sealed = (await conn.execute(select(table.c.phones_encrypted).where(table.c.brand_id == brand_id))).scalar()
    if sealed is None:
        return {}
    return {int(id_): phone for id_, phone in orjson.loads(db.keyring.decrypt(PHONES_PURPOSE, sealed)).items()}


async def set_phones(db: Database, brand_id: int, given: Mapping[int, str], *, by: Actor, now: datetime) -> None:
    """Other phones than before, each E.164; whose they are is on record, the numbers are not."""
    content = orjson.dumps({str(id_): phone for id_, phone in given.items()})
    sealed = db.keyring.encrypt(PHONES_PURPOSE, content) if given else None
    async with db.joined() as conn:
        if dict(given) == dict(await phones(db, conn, brand_id)):
            return
        await _write(db, conn, brand_id, now, {"phones_encrypted": sealed})
        await audit.record(db, brand_id, by, "news_rules.phones_changed", now=now, users=sorted(given))


async def changes(db: Database, brand_id: int, limit: int = 5) -> list[Line]:
    """The newest changes, each with what was ``before``."""
    return await audit.lines(db, brand_id, Filter(action=CHANGED), limit)


async def undo(db: Database, brand_id: int, line_id: int, *, by: Actor, now: datetime) -> Rules:
    """As it was before this change, which is the newest; else Conflict."""
    async with db.joined():
        newest = next(iter(await changes(db, brand_id, 1)), None)
        if newest is None or newest.id != line_id or "before" not in newest.detail:
            raise Conflict("The rules have changed since.")
        before = {name: value for name, value in newest.detail["before"].items() if name in _KEPT}
        await _keep(db, brand_id, by, now, before)
    return await of(db, brand_id)


async def _keep(db: Database, brand_id: int, by: Actor, now: datetime, values: dict[str, Any]) -> None:
    async with db.joined() as conn:
        await conn.execute(select(brands.c.id).where(brands.c.id == brand_id).with_for_update())
        row = (await conn.execute(select(table).where(table.c.brand_id == brand_id))).mappings().first()
        before = {name: row[name] if row else None for name in values}
        if before == values:
            return
        await _write(db, conn, brand_id, now, values)
        await audit.record(db, brand_id, by, CHANGED, now=now, **values, before=before)


async def _write(db: Database, conn: AsyncConnection, brand_id: int, now: datetime, values: dict[str, Any]) -> None:
    kept = insert_into(table, is_postgresql=db.is_postgresql).values(brand_id=brand_id, updated_at=now, **values)
    await conn.execute(kept.on_conflict_do_update(index_elements=["brand_id"], set_={**values, "updated_at": now}))
