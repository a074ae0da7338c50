"""What became of claimed classes and objects, written with their places in the ledgers and the cards' timelines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import googleledger as ledger
from store import googlemessages, newscounts, newsobjects
from store.dialect import Database, database_now
from store.googleintents import mark
from store.googlework import Outcome, Result, Work
from store.locks import share_cards
from store.newscounts import Counts
from store.tables import google_classes, google_objects
from store.timeline import Line, record

NO_CLASS = "classNotFound"
"""Google's reason for an object whose class it does not know: the class is inserted anew, the object waits for it."""
QUOTA_AGAIN = timedelta(hours=1)
"""A quotaExceeded that no notification of ours explains."""
FIRST_CHECK = timedelta(days=1)
"""When ``hasUsers`` is asked for after the first insert, in case that no callback comes."""
MAX_REASON = 200
MAX_DETAIL = 2_000

Values = dict[str, Any]
Row = Any
"""A row of a SELECT, read by its columns' names."""


async def settle(db: Database, *, owner: str, results: Sequence[Result]) -> None:
    """Write what Google answered; a row whose lease has passed to another owner is left alone.

    What was wanted anew meanwhile (its generation moved) stays due.
    """
    if not results:
        return
    async with db.transaction() as conn:
        now = await database_now(conn)
        await share_cards(conn, [one.work.card_id for one in results if one.work.card_id is not None])
        await _lose_classes(conn, results, now)
        lines: list[Line] = []
        counts: Counts = {}
        for table, kind in ((google_classes, "class"), (google_objects, "object")):
            ours = {result.work.row_id: result for result in results if result.work.kind == kind}
            for row in await _mine(conn, table, owner, list(ours)):
                result = ours[row["id"]]
                values = _settled(row, result, now)
                if kind == "object" and row["news"]:
                    told, more = newsobjects.settled(row, result)
                    values |= told
                    newsobjects.add_up(counts, more)
                if kind == "object" and row["accepted_digest"] is None and "accepted_digest" in values:
                    values |= await newsobjects.late(conn, {**row, **values}, now)
                await conn.execute(update(table).where(table.c.id == row["id"]).values(**values))
                lines += _lines(row, result)
                if kind == "class" and row["accepted_digest"] is None:
                    await mark(conn)  # its objects have waited for it
        await record(db, conn, lines, now)
        await newscounts.add(conn, counts)


async def _mine(conn: AsyncConnection, table: Table, owner: str, ids: Sequence[int]) -> Sequence[Row]:
    if not ids:
        return ()
    mine = select(table).where(and_(table.c.id.in_(ids), table.c.lease_owner == owner))
    return (await conn.execute(mine.order_by(table.c.id).with_for_update())).mappings().all()


def _settled(row: Row, result: Result, now: datetime) -> Values:
    """The row after the answer; what was wanted anew is due at once, unless Google asked us to wait."""
    outcome = Outcome(result.outcome)
    values: Values = {"lease_owner": None, "lease_until": None}
    if outcome in (Outcome.ACCEPTED, Outcome.UNCHANGED):
        values |= _accepted(row, result, now)
    elif outcome is Outcome.QUOTA:
        values |= _over_quota(row, result, now)
    elif outcome is Outcome.DEAD:
        values |= _refused(row, result, now)
    else:
        values |= _waits(row, result, now)
    if row["generation"] != result.work.generation and outcome not in (Outcome.RETRY, Outcome.OURS):
        values |= {"due_at": now, "wanted_at": now, "attempts": 0, "reason": None, "detail": None}
    return values


def _accepted(row: Row, result: Result, now: datetime) -> Values:
    work = result.work
    values: Values = _body_is_there(row, work, now) | {"due_at": None, "attempts": 0, "reason": None, "detail": None}
    values |= _heard(row, work) | _messages(row, work, sent=result.message_sent)
    values |= _ledgers(row, result)
    if work.message is not None and not result.message_sent:
        owed = {"owed": True, "message_id": work.message["id"]}
        again = {"due_at": now + timedelta(seconds=result.delay), "attempts": work.attempts + 1}
        return values | again | {"reserved": owed, "reason": result.reason[:MAX_REASON] or None}
    if work.kind == "class":
        wanted = [googlemessages.from_json(one) for one in row["messages"]]
        next_at = googlemessages.plan(wanted, values.get("sent_messages", row["sent_messages"]), now).next_at
        values |= {"due_at": next_at, "wanted_at": next_at} if next_at else {}
    return values | _message_done(row, work) | newsobjects.goes_on({**row, **values}, work, now)


def _body_is_there(row: Row, work: Work, now: datetime) -> Values:
    values: Values = {"accepted_digest": work.digest, "accepted_at": now}
    if work.kind == "object" and row["check_at"] is None:
        values["check_at"] = now + FIRST_CHECK
    return values


def _heard(row: Row, work: Work) -> Values:
    """The ring that this body carried, or could not carry, is over; one of a later change is not."""
    if work.kind == "object" and (row["ring_generation"] or 0) <= work.generation:
        return {"ring_generation": None}
    return {}


def _message_done(row: Row, work: Work) -> Values:
    if work.kind == "object" and (row["message_generation"] or 0) <= work.generation:
        return {"message_generation": None, "message_field": None}
    return {}


def _messages(row: Row, work: Work, *, sent: bool) -> Values:
    """The ids that Google holds after this."""
    held = list(row["sent_messages"])
    if work.drop_messages:
        kept = {message["id"] for message in work.patch["messages"]}
        held = [name for name in held if name in kept]
    if sent and work.message is not None and work.message["id"] not in held:
        held.append(work.message["id"])
    return {} if held == row["sent_messages"] else {"sent_messages": held}


def _ledgers(row: Row, result: Result) -> Values:
    """Places that Google has not used are given back; none is remembered any more."""
    values: Values = {"reserved": {}}
    if result.work.notify_update and not result.notified:
        values["updates_at"] = ledger.without(row["updates_at"], row["reserved"].get("update"))
    if result.work.message is not None and not result.message_sent:
        values["messages_at"] = ledger.without(row["messages_at"], row["reserved"].get("message"))
    return values


def _over_quota(row: Row, result: Result, now: datetime) -> Values:
    """Google counts more notifications than we do: none for a day, and the same again without one, at once."""
    work = result.work
    values: Values = {"due_at": now, "reason": result.reason[:MAX_REASON], "attempts": 0, "reserved": {}}
    if work.notify_update and not result.notified:
        return values | {"updates_at": ledger.full(now)} | _heard(row, work)
    if work.message is not None and not result.message_sent:
        values |= _body_is_there(row, work, now) | _heard(row, work) | _messages(row, work, sent=False)
        return values | {"messages_at": ledger.full(now), "reserved": {"owed": True}}
    later = max(QUOTA_AGAIN, timedelta(seconds=result.delay))
    return values | {"due_at": now + later, "attempts": work.attempts + 1}


def _refused(row: Row, result: Result, now: datetime) -> Values:
    """A dead letter: until the next change, or an operator's ``revive``."""
    work = result.work
    values: Values = {"due_at": None, "attempts": 0, "reserved": {}}
    values |= {"reason": result.reason[:MAX_REASON] or "refused", "detail": result.detail[:MAX_DETAIL] or None}
    if work.message is not None:  # without it: then the next answer is about the body alone
        values |= _message_done(row, work) | {"due_at": now}
        if work.kind == "class":
            values["messages"] = [one for one in row["messages"] if one["id"] != work.message["id"]]
        return values
    return values | _heard(row, work) | _message_done(row, work)


def _waits(row: Row, result: Result, now: datetime) -> Values:
    """What the claim reserved stays reserved: nobody knows what Google has done."""
    return {
        "due_at": now + timedelta(seconds=result.delay),
        "attempts": result.work.attempts + 1,
        "reason": result.reason[:MAX_REASON] or None,
    }


async def _lose_classes(conn: AsyncConnection, results: Sequence[Result], now: datetime) -> None:
    """Classes that Google does not know (any more) are inserted anew, before their objects."""
    ids = [one.work.row_id for one in results if one.work.kind == "object" and one.reason == NO_CLASS]
    if ids:
        classes = google_classes.c
        of_these = select(google_objects.c.class_row_id).where(google_objects.c.id.in_(ids))
        lost = update(google_classes).where(classes.id.in_(of_these), classes.accepted_digest.is_not(None))
        anew: Values = {"accepted_digest": None, "sent_messages": [], "due_at": now, "lane": 0, "attempts": 0}
        await conn.execute(lost.values(**anew, generation=classes.generation + 1))
        await mark(conn)


def _lines(row: Row, result: Result) -> list[Line]:
    """On the card's timeline: what Google said, in its words, and whether the holder was told."""
    work, outcome = result.work, Outcome(result.outcome)
    if work.card_id is None or (outcome in (Outcome.RETRY, Outcome.OURS) and row["reason"] == result.reason):
        return []  # the same hindrance again
    kind = _KINDS[outcome]
    detail: Values = {"reason": result.reason, "detail": result.detail}
    if outcome is Outcome.ACCEPTED:
        detail |= {"first": row["accepted_digest"] is None, "notified": result.notified}
        if result.message_sent and work.message is not None:
            detail["message"] = work.message.get("messageType")
    return [Line(work.brand_id, work.card_id, kind, {name: value for name, value in detail.items() if value})]


_KINDS = {
    Outcome.ACCEPTED: "google_accepted",
    Outcome.UNCHANGED: "google_accepted",
    Outcome.RETRY: "google_waits",
    Outcome.OURS: "google_waits",
    Outcome.QUOTA: "google_waits",
    Outcome.DEAD: "google_refused",
}
