"""How a class or an object gets to Google: which request, and which next by the answer. No vendor's library here.

Insert, or PATCH when Google has had it before; each falls back to the other (409, 404). Then the message, which is not
idempotent: whoever does not know whether it arrived looks (GET) before adding it again.
https://developers.google.com/wallet/retail/loyalty-cards/use-cases/updates and .../trigger-push-notifications
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pushes import googleanswer, retry, verdict
from pushes.bucket import Lane
from pushes.googleanswer import Answer
from pushes.verdict import GoogleOutcome
from store.google import Check, Checked, Outcome, Result, Work

NOTIFY = {"notifyPreference": "NOTIFY_ON_UPDATE"}
"""Makes the PATCH that it stands in ring; Google forgets it at once, so it must be in each."""
PATH = "/walletobjects/v1/"
OURS_DELAY = 60.0
"""Seconds until what failed by our fault is tried again, if the hold has not kept it until then."""
NO_CLASS = "classNotFound"
"""Google's reason for an object whose class is not there; the class goes first then."""

Dice = Callable[[], float]


class Caller(Protocol):
    """Sends one request when it is its turn; an answer always comes, if only ``googleanswer.silence``."""

    async def __call__(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Answer:
        """``path`` begins with a slash; ``body`` goes as JSON."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a class or an object lives in the API."""

    kind: str
    id: str

    @property
    def collection(self) -> str:
        """What an insert posts to."""
        return f"{PATH}{self.kind}"

    @property
    def path(self) -> str:
        """Of the thing itself; its id holds letters, digits, ``.``, ``_`` and ``-`` alone."""
        return f"{PATH}{self.kind}/{self.id}"


async def bring(call: Caller, work: Work, dice: Dice) -> Result:
    """Send what the work needs; ``dice`` gives [0, 1) for the delay of a retry."""
    place = _Place(f"{work.type}{'Class' if work.kind == 'class' else 'Object'}", work.id)
    held: frozenset[str] = frozenset()
    kept: list[Any] = []
    if work.message is not None and work.again:  # added before, perhaps, and then nobody wrote it down
        seen = await call("GET", place.path)
        if seen.outcome is not GoogleOutcome.ACCEPTED and not _is_missing(work, seen):
            return _failed(work, seen, dice)
        held = googleanswer.message_ids(seen.body)
        kept = [one for one in seen.body.get("messages") or () if one.get("id") == work.message["id"]]
    if work.send_body or work.drop_messages:
        answer = await _send_body(call, work, place, kept)
        if answer.outcome is not GoogleOutcome.ACCEPTED:
            return _failed(work, answer, dice)
        held |= googleanswer.message_ids(answer.body)
    notified = work.notify_update and work.send_body
    if work.message is None:
        return Result(work, Outcome.ACCEPTED, notified=notified)
    answer = await _add_message(call, work, place, held)
    if answer.outcome is GoogleOutcome.ACCEPTED:
        return Result(work, Outcome.ACCEPTED, notified=notified, message_sent=True)
    return _failed(work, answer, dice, message=work.message, notified=notified)


async def ask(call: Caller, check: Check) -> Checked | None:
    """Whether anybody has the object; None when Google did not say."""
    answer = await call("GET", _Place(f"{check.type}Object", check.id).path)
    if answer.outcome is GoogleOutcome.ACCEPTED:
        return Checked(check, answer.body.get("hasUsers") is True)
    return Checked(check, None) if answer.outcome is GoogleOutcome.MISSING else None


def lane_of(work: Work) -> Lane:
    """The lane at the gate."""
    return Lane.URGENT if work.lane <= Lane.URGENT else Lane.CAMPAIGN


async def _send_body(call: Caller, work: Work, place: _Place, kept: list[Any]) -> Answer:
    """Insert or PATCH, and the other one when Google says so; after both have failed it is tried anew later."""
    patch = dict(work.patch) | (NOTIFY if work.notify_update else {})
    if kept and "messages" in patch:  # the array is replaced: what was added without our knowing must not leave again
        patch["messages"] = [*(patch["messages"] or ()), *kept]
    if not work.known:
        inserted = await _insert(call, work, place)
        if inserted.outcome is not GoogleOutcome.EXISTS:
            return inserted
        return await call("PATCH", place.path, patch)
    patched = await call("PATCH", place.path, patch)
    return await _insert(call, work, place) if _is_missing(work, patched) else patched


def _is_missing(work: Work, answer: Answer) -> bool:
    """Whether Google has no such thing: of a class it says that in the same words as of an object's class."""
    mine = GoogleOutcome.NO_CLASS if work.kind == "class" else GoogleOutcome.MISSING
    return answer.outcome in (GoogleOutcome.MISSING, mine)


async def _insert(call: Caller, work: Work, place: _Place) -> Answer:
    """What an insert does not find is never the thing itself: it is its class, and for a class the issuer."""
    answer = await call("POST", place.collection, work.body)
    if answer.outcome not in (GoogleOutcome.MISSING, GoogleOutcome.NO_CLASS):
        return answer
    row = verdict.google(404, NO_CLASS) if work.kind == "object" else verdict.NO_ISSUER
    return replace(answer, reason=row.reason, row=row)


async def _add_message(call: Caller, work: Work, place: _Place, held: frozenset[str]) -> Answer:
    """Add the message unless it is there; an answer that never came is looked for."""
    message = work.message or {}
    if message["id"] in held:
        return googleanswer.read(200, b"{}")
    answer = await _add(call, place, message)
    if _is_missing(work, answer) and not work.send_body:  # Google has lost what we took for granted
        inserted = await _insert(call, work, place)
        answer = await _add(call, place, message) if inserted.outcome is GoogleOutcome.ACCEPTED else inserted
    return answer


async def _add(call: Caller, place: _Place, message: Mapping[str, Any]) -> Answer:
    answer = await call("POST", f"{place.path}/addMessage", {"message": message})
    if answer.status:
        return answer
    seen = await call("GET", place.path)  # where this look fails too, the next try looks first
    return seen if message["id"] in googleanswer.message_ids(seen.body) else answer


def _failed(
    work: Work, answer: Answer, dice: Dice, *, message: Mapping[str, Any] | None = None, notified: bool = False
) -> Result:
    """What could not be brought, and what becomes of it; with ``message`` the body has arrived and that has not."""
    wait = retry.delay(work.attempts + 1, answer.reason, dice(), answer.retry_after)
    outcome = _OUTCOMES.get(answer.outcome, Outcome.RETRY)
    detail = googleanswer.sentence(answer, message if message is not None else [work.body, work.patch])
    match outcome:
        case Outcome.QUOTA if not _notifies(work, message):
            outcome = Outcome.RETRY  # nothing that could be left out: much later
        case Outcome.QUOTA:
            wait = 0.0  # at once, but without the notification
        case Outcome.DEAD if message is not None and work.send_body:
            outcome, wait = Outcome.ACCEPTED, 0.0  # the body is there; the message alone is tried, and refused, then
        case Outcome.RETRY if message is not None:
            outcome = Outcome.ACCEPTED  # the body is there; the message comes again
        case Outcome.OURS:
            wait = OURS_DELAY * (1 + dice())
            detail = answer.row.fix or detail
    return Result(work, outcome, answer.reason[:200], wait, detail, notified=notified)


def _notifies(work: Work, message: Mapping[str, Any] | None) -> bool:
    """Whether the request that was refused wanted to notify."""
    if message is not None:
        return message.get("messageType") == "TEXT_AND_NOTIFY"
    return work.notify_update


_OUTCOMES = {
    GoogleOutcome.QUOTA: Outcome.QUOTA,
    GoogleOutcome.REFUSED: Outcome.DEAD,
    GoogleOutcome.TOKEN: Outcome.OURS,
    GoogleOutcome.OURS: Outcome.OURS,
}
