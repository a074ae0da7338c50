"""Who has the card in Google Wallet: what Google tells of saves and deletions, and what it answers when asked.

A callback is a hint: it comes late, twice, in any order, or not at all. It is written at once, and ``hasUsers`` of the
object, which Google answers for sure, is asked for soon after, and again from time to time. Deleted means: not present.
The object stays, is updated, and may be saved again
(https://developers.google.com/wallet/generic/use-cases/use-callbacks-for-saves-and-deletions).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.google.callback import Callback, Event
from store import newsobjects, triggerevents
from store.dialect import Database, database_now
from store.googleintents import due_again, mark
from store.googlework import Check, Checked
from store.jobs import Lane
from store.locks import share_cards
from store.tables import EPOCH, brands, cards, google_classes, google_nonces, google_objects, is_storable, templates
from store.timeline import Line, record
from store.upserts import insert_into

SETTLES = timedelta(minutes=1)
"""After a callback: others of the same moment have come by then."""
PRESENT_AGAIN = timedelta(days=7)
"""How long a card that somebody holds is taken to be held."""
ABSENT_AGAIN = timedelta(days=30)
"""How long a card that nobody holds is taken not to be."""
HURRIES = timedelta(seconds=2)
"""How soon after an answer the same is asked again for somebody who waits."""
AnyRow = Any
"""A row of a SELECT, read by its columns' names."""
NONCE_AT_LEAST = timedelta(hours=1)
"""A nonce is kept longer than its message is good for: clocks differ."""


_EVENTS = {Event.SAVE: (True, "google_saved", "saved"), Event.DELETE: (False, "google_deleted", "deleted")}
"""Whether the card is present then, the kind of its line, and our word."""


async def apply_callback(db: Database, brand_key: str, event: Callback, now: datetime) -> str:
    """Write a verified callback, once; says what became of it.

    That is ``saved``, ``deleted``, ``duplicate``, ``unknown_brand``, ``foreign`` or ``unknown_object``. Only one that is
    about an object of ours leaves anything behind.
    """
    if not all(is_storable(text) for text in (brand_key, event.object_id, event.class_id)):
        return "unknown_object"
    async with db.transaction() as conn:
        brand = (await conn.execute(select(brands).where(brands.c.key == brand_key))).mappings().first()
        if brand is None or brand["revoked_at"] is not None or not brand["google_issuer_id"]:
            return "unknown_brand"
        if not all(name.startswith(f"{brand['google_issuer_id']}.") for name in (event.object_id, event.class_id)):
            return "foreign"
        known = await _object(conn, brand["id"], event)
        if known is None:
            return "unknown_object"
        await share_cards(conn, [known["card_id"]])
        if not await _is_first(db, conn, brand["google_issuer_id"], event, now):
            return "duplicate"
        is_saved, kind, told = _EVENTS[event.event]
        at = await database_now(conn)
        values = {"present": is_saved, "present_at": at, "check_at": at + SETTLES}
        await conn.execute(update(google_objects).where(google_objects.c.id == known["id"]).values(**values))
        await record(db, conn, [Line(brand["id"], known["card_id"], kind)], now)
        if is_saved:
            card_id, secret_id = known["card_id"], known["secret_id"]
            await triggerevents.note_installed(db, conn, known["triggers"], card_id, secret_id, now)
        return told


async def want_check(db: Database, card_id: int) -> None:
    """Somebody waits to see the card saved: ask at the next moment, unless it has just been asked or is known."""
    objects = google_objects.c
    async with db.reading() as conn:
        now = await database_now(conn)
        asked = or_(objects.checked_at.is_(None), objects.checked_at < now - HURRIES)
        waits = (objects.accepted_digest.is_not(None), objects.present.is_not(True), asked)
        wanted = select(objects.id).where(objects.card_id == card_id, *waits)
        row_id = (await conn.execute(wanted.where(or_(objects.check_at.is_(None), objects.check_at > EPOCH)))).scalar()
    if row_id is not None:
        async with db.transaction() as conn:
            await conn.execute(update(google_objects).where(objects.id == row_id).values(check_at=EPOCH))


async def is_hurried(db: Database, issuer_id: str) -> bool:
    """Whether somebody waits for an answer about one of the issuer's objects."""
    objects = google_objects.c
    async with db.reading() as conn:
        hurried = select(objects.id).where(objects.issuer_id == issuer_id, objects.check_at <= EPOCH).limit(1)
        return (await conn.execute(hurried)).first() is not None


async def reconcile_claim(
    db: Database, *, issuer_id: str, room: int, lease: timedelta, hurried: bool = False
) -> list[Check]:
    """Objects with a callback a moment ago, or not checked for long; nobody else is given them before the lease ends.

    ``hurried``: only those that somebody waits for.
    """
    objects, classes = google_objects.c, google_classes.c
    on = select(brands.c.id).where(brands.c.google_mode != "off", brands.c.revoked_at.is_(None))
    async with db.transaction() as conn:
        now = await database_now(conn)
        due = select(google_objects, classes.type).join(google_classes, classes.id == objects.class_row_id)
        until = EPOCH if hurried else now
        due = due.where(objects.issuer_id == issuer_id, objects.check_at <= until, objects.accepted_digest.is_not(None))
        due = due.where(objects.brand_id.in_(on)).order_by(objects.check_at).limit(room)
        rows = (await conn.execute(due.with_for_update(of=google_objects, skip_locked=True))).mappings().all()
        ids = [row["id"] for row in rows]
        if ids:
            await conn.execute(update(google_objects).where(objects.id.in_(ids)).values(check_at=now + lease))
        return [Check(row["id"], row["brand_id"], row["card_id"], row["type"], row["object_id"], now) for row in rows]


async def reconcile_settle(db: Database, checked: Sequence[Checked]) -> None:
    """Write who is present; a callback that came meanwhile wins, and the object is asked for again."""
    if not checked:
        return
    answers = {one.check.row_id: one for one in checked}
    async with db.transaction() as conn:
        now = await database_now(conn)
        await share_cards(conn, [one.check.card_id for one in checked])
        mine = select(google_objects).where(google_objects.c.id.in_(answers)).order_by(google_objects.c.id)
        lines = []
        for row in (await conn.execute(mine.with_for_update())).mappings().all():
            answer = answers[row["id"]]
            if row["present_at"] is not None and row["present_at"] >= answer.check.claimed_at:
                continue  # its callback has set ``check_at``
            same = update(google_objects).where(google_objects.c.id == row["id"])
            await conn.execute(same.values(**_found(row, answer.has_users, now)))
            lines += _lines(row, answer.has_users)
            if answer.has_users is None:
                await mark(conn)
        await record(db, conn, lines, now)
        await triggerevents.note_saved(db, conn, [one.card_id for one in lines if one.kind == "google_saved"], now)


def _found(row: AnyRow, has_users: bool | None, now: datetime) -> dict[str, Any]:
    if has_users is None:  # Google has lost it: as if it had never been accepted
        anew = due_again(google_objects, Lane.CAMPAIGN)
        anew |= {"sent_messages": [], "news": newsobjects.unsaid(row)}
        return anew | {"accepted_digest": None, "present": False, "checked_at": now, "check_at": None}
    again = PRESENT_AGAIN if has_users else ABSENT_AGAIN
    # nobody has saved it yet and nobody has said so: that stays unknown
    present = None if row["present"] is None and not has_users else has_users
    return {"present": present, "checked_at": now, "check_at": now + again}


def _lines(row: AnyRow, has_users: bool | None) -> list[Line]:
    """Only what no callback has told."""
    if bool(row["present"]) == bool(has_users):
        return []
    kind = "google_saved" if has_users else "google_deleted"
    return [Line(row["brand_id"], row["card_id"], kind, {"by": "hasUsers"})]


async def _object(conn: AsyncConnection, brand_id: int, event: Callback) -> AnyRow | None:
    """The brand's object with this id, of the class that is named."""
    objects, classes = google_objects.c, google_classes.c
    known = select(objects.id, objects.card_id, cards.c.secret_id, templates.c.triggers)
    known = known.join(google_classes, classes.id == objects.class_row_id)
    known = known.join(cards, cards.c.id == objects.card_id).join(templates, templates.c.id == classes.template_id)
    known = known.where(
        objects.object_id == event.object_id, objects.brand_id == brand_id, classes.class_id == event.class_id
    )
    return (await conn.execute(known)).mappings().first()


async def _is_first(db: Database, conn: AsyncConnection, issuer_id: str, event: Callback, now: datetime) -> bool:
    name = hashlib.sha256(f"{issuer_id}\0{event.nonce}".encode("utf-8", "surrogatepass")).hexdigest()
    row = insert_into(google_nonces, is_postgresql=db.is_postgresql).values(
        nonce_hash=name, expires_at=max(event.expires_at, now) + NONCE_AT_LEAST
    )
    return bool((await conn.execute(row.on_conflict_do_nothing())).rowcount)
