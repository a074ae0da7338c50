"""Classes and objects taken by a worker: leased, and made into the bodies that Google should hold now.

``claim`` takes at most ``room`` due rows; ``googlesettling.settle`` writes what became of each. A worker that dies between
the two leaves the row due: after the lease another claims the same. What a row would send is made anew at each claim, so
that many changes are one PATCH, and a change that was taken back is none.

A place in a ledger is taken with the claim and remembered in ``reserved``: the claim after a worker's death uses the same
place, and is told that its message may be there already (``Work.again``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, and_, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.google.notify import OBJECT_FIELDS
from store import googleledger as ledger
from store import googlemessages, newscounts, newsobjects
from store.cardrows import CardRow
from store.clock import NOW
from store.dialect import Database, database_now
from store.googlebodies import (
    Shared,
    cards_by_id,
    class_of,
    digest,
    draw,
    lock_screen_text,
    object_of,
    patch_of,
    shared_by_id,
)
from store.googlepages import page
from store.googlework import ClassMessage, Work, lease_name
from store.jobs import Lane
from store.newscounts import Counts
from store.tables import brands, google_classes, google_objects, holds, to_micros

PROBE_AFTER = timedelta(minutes=1)
"""A held issuer lets one piece of work through in this time."""
UNFIT_FOR = timedelta(hours=1)
"""A card or template that cannot be made into a body is looked at again after this, or when it changes."""
ROUNDS = 5
"""Times that a claim looks again when all that was due had nothing to send."""

AnyRow = Any
"""A row of a SELECT, read by its columns' names."""


async def waiting_issuers(db: Database) -> list[str]:
    """Issuers with something to do, of brands whose Google is on, and not held before the next probe.

    A hold is one of ``store.leases`` with the name ``google:{issuer}`` (``lease_name``).
    """
    rows = await db.fetch(_WAITING.format(now=NOW[db.engine.dialect.name]))
    return [row[0] for row in rows]


_WAITING = """
    SELECT DISTINCT b.google_issuer_id
    FROM brands b
    WHERE b.google_mode <> 'off' AND b.revoked_at IS NULL AND b.google_issuer_id IS NOT NULL
      AND NOT EXISTS (
        SELECT 1 FROM holds h
        WHERE h.pass_type_identifier = 'google:' || b.google_issuer_id AND h.probe_at > (SELECT {now}))
      AND (
        EXISTS (
          SELECT 1 FROM google_classes c
          WHERE c.brand_id = b.id AND c.issuer_id = b.google_issuer_id AND (c.page_position IS NOT NULL OR (
            c.due_at <= (SELECT {now}) AND (c.lease_until IS NULL OR c.lease_until < (SELECT {now})))))
        OR (
          SELECT o.id FROM google_objects o
          WHERE o.issuer_id = b.google_issuer_id AND o.due_at <= (SELECT {now})
            AND (o.lease_until IS NULL OR o.lease_until < (SELECT {now}))
            AND (SELECT k.accepted_digest FROM google_classes k WHERE k.id = o.class_row_id) IS NOT NULL
          ORDER BY o.lane, o.due_at LIMIT 1) IS NOT NULL)
    ORDER BY 1
"""
"""Asked several times a second: plain SQL, see ``store.hotreads``. The objects are looked at in the index's order, one by
one until one is due: without statistics PostgreSQL would rather join all of them."""


async def claim(db: Database, *, owner: str, issuer_id: str, room: int, lease: timedelta) -> list[Work]:
    """Lease at most ``room`` due classes and objects, in the order to send them.

    Urgent lane before campaign, in each classes before objects; an object whose class was never accepted waits. A held
    issuer gives one piece of work when its probe is due, else nothing.
    """
    await draw(db, issuer_id)
    for _ in range(ROUNDS):
        paged = await page(db, issuer_id)
        async with db.transaction() as conn:
            taken = await _claim(db, conn, owner, issuer_id, room, lease)
        if taken.works or not (taken.settled or paged):
            return taken.works
    return []


@dataclass(slots=True)
class _Taken:
    works: list[Work] = field(default_factory=list)
    settled: int = 0  # rows that had nothing to send, or could not be made


@dataclass(slots=True)
class _Made:
    """A row's work, or none; ``values`` are what its row is to hold."""

    work: Work | None
    values: dict[str, Any]
    counts: Counts = field(default_factory=dict)  # news that the object is not going to be told


async def _claim(
    db: Database, conn: AsyncConnection, owner: str, issuer_id: str, room: int, lease: timedelta
) -> _Taken:
    now = await database_now(conn)
    probe = await _probe(conn, issuer_id, now)
    taken = _Taken()
    if probe is None:
        return taken
    due = await _lock_due(conn, issuer_id, now, 1 if probe else room)
    made = await _make(db, conn, due, now)
    counts: Counts = {}
    for (table, row), one in zip(due, made, strict=True):
        values = one.values
        if one.work is None:
            taken.settled += 1
        else:
            taken.works.append(one.work)
            values = values | {"lease_owner": owner, "lease_until": now + lease}
        await conn.execute(update(table).where(table.c.id == row["id"]).values(**values))
        newsobjects.add_up(counts, one.counts)
    await newscounts.add(conn, counts)
    return taken


async def _probe(conn: AsyncConnection, issuer_id: str, now: datetime) -> bool | None:
    """False: not held. True: held, and this claim is the trial (the next is put off). None: held, not yet."""
    mine = holds.c.pass_type_identifier == lease_name(issuer_id)
    row = (await conn.execute(select(holds.c.probe_at).where(mine))).first()
    if row is None:
        return False
    if row.probe_at > now:
        return None
    await conn.execute(update(holds).where(mine).values(probe_at=now + PROBE_AFTER))
    return True


async def _lock_due(conn: AsyncConnection, issuer_id: str, now: datetime, room: int) -> Sequence[tuple[Table, AnyRow]]:
    on = (brands.c.google_mode != "off", brands.c.revoked_at.is_(None), brands.c.google_issuer_id == issuer_id)
    ids = list((await conn.execute(select(brands.c.id).where(*on))).scalars())
    if conn.dialect.name == "postgresql":  # with many due and no statistics it would sort all of them for each claim
        await conn.execute(text("SET LOCAL enable_bitmapscan = off"))
    accepted = select(google_classes.c.accepted_digest).where(google_classes.c.id == google_objects.c.class_row_id)
    ready = accepted.scalar_subquery().is_not(None)
    found = [(google_classes, row) for row in await _due(conn, google_classes, issuer_id, ids, now, room)]
    found += [(google_objects, row) for row in await _due(conn, google_objects, issuer_id, ids, now, room, ready)]
    found.sort(key=lambda one: (one[1]["lane"], one[0] is google_objects))
    return found[:room]


async def _due(
    conn: AsyncConnection,
    table: Table,
    issuer_id: str,
    brand_ids: list[int],
    now: datetime,
    room: int,
    *conditions: Any,
) -> Sequence[AnyRow]:
    """In the order of the index, so that the first are found without looking at the rest."""
    columns = table.c
    is_free = or_(columns.lease_until.is_(None), columns.lease_until < now)
    wanted = select(table).where(columns.issuer_id == issuer_id, columns.due_at <= now, is_free, *conditions)
    wanted = wanted.where(columns.brand_id.in_(brand_ids)).order_by(columns.lane, columns.due_at).limit(room)
    return (await conn.execute(wanted.with_for_update(of=table, skip_locked=True))).mappings().all()


async def _make(db: Database, conn: AsyncConnection, due: Sequence[tuple[Table, AnyRow]], now: datetime) -> list[_Made]:
    of_objects = [row for table, row in due if table is google_objects]
    class_ids = {row["id"] for table, row in due if table is google_classes}
    classes = await shared_by_id(db, conn, class_ids | {row["class_row_id"] for row in of_objects})
    cards = await cards_by_id(db, conn, [row["card_id"] for row in of_objects])
    live = await newsobjects.said(conn, of_objects)
    made = []
    for table, row in due:
        klass = classes[row["id"] if table is google_classes else row["class_row_id"]]
        card = cards[row["card_id"]] if table is google_objects else None
        try:
            if isinstance(klass, Exception):
                raise klass
            if isinstance(card, Exception):
                raise card
            one = _class_work(klass, row, now) if card is None else _object_work(db, card, klass, row, live, now)
        except Exception as error:  # whatever it is about this one, it must not stall the others
            one = _unfit(table, row, error, now)
        made.append(one)
    return made


def _unfit(table: Table, row: AnyRow, error: Exception, now: datetime) -> _Made:
    """It waits; nobody else does. The reason names no data: a pointer into the template at most."""
    reason = f"{type(error).__name__} {getattr(error, 'pointer', '')}".strip()
    told, counts = newsobjects.unfit(row) if table is google_objects else ({}, {})
    return _Made(None, {"due_at": now + UNFIT_FOR, "reason": reason[:200], "attempts": 0} | told, counts)


def _class_work(klass: Shared, row: AnyRow, now: datetime) -> _Made:
    body = class_of(klass, now)
    work = _work("class", klass, row, body)
    wanted = [googlemessages.from_json(one) for one in row["messages"]]
    plan = googlemessages.plan(wanted, row["sent_messages"], now)
    keep = [googlemessages.resource(one, language=klass.language, notify=False) for one in plan.keep]
    places, stamp = list(row["messages_at"]), None
    if plan.add is not None:
        if plan.add.notify:
            limit = ledger.LIMIT - (0 if klass.type in OBJECT_FIELDS else ledger.KEPT_FOR_CHANGES)
            places, stamp = _place(places, row["reserved"].get("message"), now, limit)
        message = googlemessages.resource(plan.add, language=klass.language, notify=stamp is not None)
        work = replace(work, message=message, again=row["reserved"].get("message_id") == plan.add.id)
    if work.known and not work.send_body and work.message is None and not plan.ended:
        return _Made(None, _done(row, plan.next_at))
    if plan.ended:
        work = replace(work, drop_messages=True, patch={**work.patch, "messages": keep})
    return _Made(work, {"messages_at": places, "reserved": _reserved(None, work.message, stamp)})


def _object_work(
    db: Database, card: CardRow, klass: Shared, row: AnyRow, live: Mapping[int, newsobjects.Said], now: datetime
) -> _Made:
    body = object_of(db, card, klass, row["object_id"], now)
    work = replace(_work("object", klass, row, body), card_id=row["card_id"])
    plan = newsobjects.plan(row, live, klass.revision.brand.name) if work.known else newsobjects.Plan()
    updates, update_stamp = list(row["updates_at"]), None
    is_heard = work.known and row["present"] is not False
    if is_heard and work.send_body and row["ring_generation"] is not None:
        updates, update_stamp = _place(updates, row["reserved"].get("update"), now)
        work = replace(work, notify_update=update_stamp is not None)
    work, messages, message_stamp = _with_message(db, card, klass, row, work, plan, now)
    told = {} if newsobjects.dumped(plan.entries) == row["news"] or not work.known else {"news": _kept(plan)}
    if work.known and not work.send_body and work.message is None and not work.drop_messages:
        quiet = _done(row, None) | {"ring_generation": None, "message_generation": None} | told
        if row["lane"] < Lane.CAMPAIGN and (plan.ended or plan.add):
            quiet |= {"due_at": now, "wanted_at": now, "lane": int(Lane.CAMPAIGN)}
        return _Made(None, quiet, plan.counts)
    if work.drop_messages:
        keep = [googlemessages.resource(one, language=klass.language, notify=False) for one in plan.keep]
        work = replace(work, patch={**work.patch, "messages": keep})
    owed = {"owed": True} if row["reserved"].get("owed") else {}
    reserved = _reserved(update_stamp, work.message, message_stamp) | owed
    return _Made(work, {"updates_at": updates, "messages_at": messages, "reserved": reserved} | told, plan.counts)


def _kept(plan: newsobjects.Plan) -> Any:
    return newsobjects.dumped(plan.entries)


def _with_message(
    db: Database, card: CardRow, klass: Shared, row: AnyRow, work: Work, plan: newsobjects.Plan, now: datetime
) -> tuple[Work, list[int], int | None]:
    """The message that goes with this work, a change's before a news's; the ledger of messages, and its place there."""
    before, messages, stamp = row["reserved"], list(row["messages_at"]), None
    limit = ledger.LIMIT - len(ledger.recent(klass.row["messages_at"], now))  # these may count for each holder too
    is_heard = work.known and row["present"] is not False
    says = row["message_generation"] is not None and not work.notify_update  # one notification for what came together
    if is_heard and says and (work.send_body or before.get("owed")):
        said = lock_screen_text(db, card, row["message_field"], now)
        if said:
            messages, stamp = _place(messages, before.get("message"), now, limit)
            message = _change_message(klass, card, row, said, notify=stamp is not None)
            again = before.get("message_id") == message["id"]
            drops = bool(row["sent_messages"]) and not again
            return replace(work, message=message, again=again, drop_messages=drops), messages, stamp
    is_campaign = row["lane"] >= Lane.CAMPAIGN
    if plan.ended and (is_campaign or work.send_body):
        work = replace(work, drop_messages=True)
    if plan.add is not None and is_campaign:
        if newsobjects.is_first(row, plan.news_id):
            kept_free = 0 if klass.type in OBJECT_FIELDS else ledger.KEPT_FOR_CHANGES
            messages, stamp = _place(messages, before.get("message"), now, limit - kept_free)
        message = googlemessages.resource(plan.add, language=klass.language, notify=stamp is not None)
        again = before.get("message_id") == message["id"]
        work = replace(work, message=message, news_id=plan.news_id, again=again)
    return work, messages, stamp


def _work(kind: str, klass: Shared, row: AnyRow, body: dict[str, Any]) -> Work:
    print_ = digest(body)
    return Work(
        kind=kind,
        row_id=row["id"],
        brand_id=row["brand_id"],
        card_id=None,
        generation=row["generation"],
        attempts=row["attempts"],
        wanted_at=row["wanted_at"],
        lane=row["lane"],
        type=klass.type.value,
        id=row["class_id"] if kind == "class" else row["object_id"],
        known=row["accepted_digest"] is not None,
        body=body,
        patch=patch_of(klass.type, kind, body),
        digest=print_,
        send_body=print_ != row["accepted_digest"],
    )


def _change_message(klass: Shared, card: CardRow, row: AnyRow, said: str, *, notify: bool) -> dict[str, Any]:
    language = card.revision.template.language(card.row["language"])
    name = f"change-{row['message_generation']}"
    message = ClassMessage(name, {language: klass.revision.brand.name}, {language: said})
    return googlemessages.resource(message, language=language, notify=notify)


def _place(
    stamps: list[int], before: int | None, now: datetime, limit: int = ledger.LIMIT
) -> tuple[list[int], int | None]:
    """The ledger with a place taken, and which; None when there is none. The place of a dead worker's claim is used again."""
    counting = ledger.recent(stamps, now)
    if before in counting:
        return counting, before
    if not ledger.is_free(counting, now, limit=limit):
        return counting, None
    stamp = to_micros(now)
    return [*counting, stamp], stamp


def _reserved(update_stamp: int | None, message: Mapping[str, Any] | None, stamp: int | None) -> dict[str, Any]:
    reserved: dict[str, Any] = {"update": update_stamp, "message": stamp, "message_id": message and message["id"]}
    return {name: value for name, value in reserved.items() if value is not None}


def _done(row: AnyRow, next_at: datetime | None) -> dict[str, Any]:
    """Google has it all: nothing to do before ``next_at``."""
    values = {"due_at": next_at, "attempts": 0, "reason": None, "detail": None, "reserved": {}} | _unleased()
    return values | ({"wanted_at": next_at} if next_at else {})


def _unleased() -> dict[str, Any]:
    return {"lease_owner": None, "lease_until": None}


async def give_back(db: Database, *, owner: str, works: Sequence[Work]) -> None:
    """Nothing was sent: they are due again as they were."""
    await _update_mine(db, owner, works, _unleased())


async def renew(db: Database, *, owner: str, works: Sequence[Work], lease: timedelta) -> None:
    """Their answers are still due: nobody else sends them."""
    if works:
        async with db.transaction() as conn:
            until = await database_now(conn) + lease
            for table, ids in _ids(works):
                mine = and_(table.c.id.in_(ids), table.c.lease_owner == owner)
                await conn.execute(update(table).where(mine).values(lease_until=until))


async def _update_mine(db: Database, owner: str, works: Sequence[Work], values: dict[str, Any]) -> None:
    if works:
        async with db.transaction() as conn:
            for table, ids in _ids(works):
                mine = and_(table.c.id.in_(ids), table.c.lease_owner == owner)
                await conn.execute(update(table).where(mine).values(**values))


def _ids(works: Sequence[Work]) -> list[tuple[Table, list[int]]]:
    """Classes before objects, each by id, as everybody locks them."""
    by_kind = ((google_classes, "class"), (google_objects, "object"))
    found = [(table, sorted(work.row_id for work in works if work.kind == kind)) for table, kind in by_kind]
    return [(table, ids) for table, ids in found if ids]
