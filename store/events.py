"""The backend's webhooks applied: deduplicated, ordered and answered, each in one transaction.

The event's id and its effect are written together: a repetition changes nothing, and a refused event (wrong data) is not
remembered, so that the corrected one works. Order is kept per (card, source, variable), see ``store.ordering``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data
from passkit.change import FieldChange
from passkit.errors import DataError, Problem, Severity
from passkit.model import CardState, Notify
from store import braking, news, ordering, tables, waiting
from store.braking import Sender
from store.cardrows import CardRow
from store.changes import Applied, Change, apply_change
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.finding import CardRef, resolve
from store.held import Event
from store.issuing import ATTEMPTS, issue_in
from store.locks import lock_external_id
from store.newsrequests import NewsRequest
from store.ordering import Moment
from store.requests import CardChanged, CardVoided, asked, card_ref, moved, new_card
from store.upserts import insert_into

NO_CARD, HELD = "no_card", "held"


@dataclass(frozen=True, slots=True)
class HookEvent:
    """A verified event: ``timestamp`` is the one in its body, ``data`` JSON values."""

    id: str
    type: str
    timestamp: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class HookAnswer:
    """``result`` is applied, nothing_visible, duplicate, stale, no_card or held; ``visible`` what people see of it."""

    result: str
    visible: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class _Delivery:
    db: Database
    conn: AsyncConnection
    sender: Sender
    source_name: str
    event: HookEvent
    now: datetime

    @property
    def source_id(self) -> int:
        return self.sender.source_id

    @property
    def brand_id(self) -> int:
        return self.sender.brand_id

    @property
    def origin(self) -> dict[str, Any]:
        """What the card's timeline says of where a change came from."""
        return {"event": self.event.id, "type": self.event.type}


async def deliver(db: Database, source: Any, event: HookEvent, now: datetime) -> HookAnswer:
    """Apply an event of a source (``sources.Source``).

    Invalid with pointers for wrong data, Conflict ``card_ambiguous`` for a word that is different cards' names: then nothing is
    remembered of the event.
    """
    apply = _TYPES.get(event.type)
    if apply is None:
        known = ", ".join(_TYPES)
        raise Invalid([Problem(Severity.ERROR, "/type", f"there is no event {event.type!r}; there are: {known}")])
    for _ in range(ATTEMPTS):
        try:
            async with db.transaction() as conn:
                if not await _is_first(db, conn, source.id, event.id, now):
                    return HookAnswer("duplicate")
                sender = Sender(source.id, source.brand_id, source.brake_at, source.has_held)
                return await apply(_Delivery(db, conn, sender, source.name, event, now))
        except IntegrityError:  # another request has just issued the card, or taken its number
            continue
    raise Conflict("The card was issued by several requests at once; send the event again.")


async def let_through(
    db: Database, conn: AsyncConnection, sender: Sender, source_name: str, event: HookEvent, now: datetime
) -> HookAnswer:
    """Apply an event that was held, in the caller's transaction: what is older than the card by now drops out."""
    return await _TYPES[event.type](_Delivery(db, conn, sender, source_name, event, now))


async def _is_first(db: Database, conn: AsyncConnection, source_id: int, event_id: str, now: datetime) -> bool:
    row = {"source_id": source_id, "event_id": event_id, "received_at": now}
    return bool((await conn.execute(_seen(is_postgresql=db.is_postgresql), row)).rowcount)


@cache
def _seen(*, is_postgresql: bool) -> Any:
    """Made once: making a statement takes longer than running it."""
    return insert_into(tables.seen_events, is_postgresql=is_postgresql).on_conflict_do_nothing()


async def _card_changed(delivery: _Delivery) -> HookAnswer:
    body = asked(CardChanged, delivery.event.data, "/data")
    ref = card_ref(body.card, "/data/card")
    said = Moment(body.version, delivery.event.timestamp)
    cards = await resolve(delivery.db, delivery.conn, delivery.brand_id, ref, lock=True)
    if not cards and ref.waits_as is not None:  # nothing is locked yet: wait for who may be issuing it, and look again
        await lock_external_id(delivery.conn, delivery.brand_id, ref.waits_as)
        cards = await resolve(delivery.db, delivery.conn, delivery.brand_id, ref, lock=True)
    if not cards:
        await _keep_waiting(delivery, ref, body.set, said)
        return HookAnswer(NO_CARD)
    _refuse_misfits(cards, body.set)

    async def work() -> list[Applied | None]:
        return [await _change_one(delivery, card, body, said) for card in cards]

    done = await _guarded(delivery, cards, work)
    if done is None:
        return HookAnswer(HELD)
    for card in cards:
        known = card.revision.template.variables.keys() | card.revision.template.aliases.keys()
        names = (name for name in body.set if name in known)
        delivery.db.uses.note(card.row["template_id"], delivery.source_id, names, delivery.now)
    applied = [one for one in done if one is not None]
    return _answer(applied) if applied or not body.set else HookAnswer("stale")


async def _change_one(delivery: _Delivery, card: CardRow, body: CardChanged, said: Moment) -> Applied | None:
    """Apply to one card what is newer than what it has of this source; None when all of it is stale.

    What was said of a variable under a former name counts as said of it.
    """
    template = card.revision.template
    own = {
        today: value
        for name, value in body.set.items()
        if (today := data.name_of(template, name)) in template.variables
    }
    names = {name: (name, *template.variables[name].alias) for name in own}
    every = [one for each in names.values() for one in each]
    newer = set(await ordering.newer(delivery.conn, card.id, delivery.source_id, every, said))
    fresh = [name for name in own if newer.issuperset(names[name])]
    if not fresh:
        return None
    patch = Change(data={name: own[name] for name in fresh}, notify=body.notify)
    applied = await apply_change(delivery.db, delivery.conn, card, patch, delivery.now, delivery.origin)
    await ordering.remember(delivery.conn, card.id, delivery.source_id, fresh, said)
    return applied


def _refuse_misfits(cards: list[CardRow], given: Mapping[str, Any]) -> None:
    """Every variable must be declared by one of the cards' templates, and fit each that declares it."""
    problems: dict[str, Problem] = {}
    unknown = set(given)
    for card in cards:
        template = card.revision.template
        known = set(template.variables) | set(template.aliases)
        own = {name: value for name, value in given.items() if name in known or len(cards) == 1}
        unknown -= known
        try:
            data.accept(template, own, partial=True)
        except DataError as error:
            problems |= {problem.pointer: problem for problem in error.problems}
    if not problems and unknown:
        name = min(unknown)
        problems[name] = Problem(Severity.ERROR, f"/data/{name}", f"no card of this name has the variable `{name}`")
    if problems:
        raise moved(Invalid(list(problems.values())), "/data", "/data/set")


async def _keep_waiting(delivery: _Delivery, ref: CardRef, given: Mapping[str, Any], said: Moment) -> None:
    if ref.waits_as is None:
        return
    await waiting.keep(
        delivery.db,
        delivery.conn,
        source_id=delivery.source_id,
        brand_id=delivery.brand_id,
        external_id=ref.waits_as,
        template_key=ref.template or "",
        given=given,
        moment=said,
        now=delivery.now,
    )


async def _card_issued(delivery: _Delivery) -> HookAnswer:
    new = new_card(delivery.event.data, "/data")
    try:
        issued = await issue_in(delivery.db, delivery.conn, delivery.brand_id, new, delivery.now)
    except Invalid as error:
        raise moved(error, "", "/data") from None
    if new.data:
        templates = tables.templates.c
        mine = select(templates.id).where(templates.brand_id == delivery.brand_id, templates.key == new.template)
        template_id = (await delivery.conn.execute(mine)).scalar_one()
        delivery.db.uses.note(template_id, delivery.source_id, new.data, delivery.now)
    return HookAnswer("applied" if issued.created else "nothing_visible")


async def _card_voided(delivery: _Delivery) -> HookAnswer:
    body = asked(CardVoided, delivery.event.data, "/data")
    ref = card_ref(body.card, "/data/card")
    cards = await resolve(delivery.db, delivery.conn, delivery.brand_id, ref, lock=True)
    if not cards:
        return HookAnswer(NO_CARD)
    patch = Change(state=CardState.VOIDED, notify=Notify(body.notify))

    async def work() -> list[Applied | None]:
        changing = (delivery.db, delivery.conn)
        return [await apply_change(*changing, card, patch, delivery.now, delivery.origin) for card in cards]

    done = await _guarded(delivery, cards, work)
    return HookAnswer(HELD) if done is None else _answer([one for one in done if one is not None])


async def _guarded(delivery: _Delivery, cards: list[CardRow], work: braking.Work) -> list[Applied | None] | None:
    event = delivery.event
    kept = Event(event.id, event.type, event.timestamp, event.data, [card.id for card in cards])
    return await braking.guarded(delivery.db, delivery.conn, delivery.sender, cards, kept, work, delivery.now)


async def _news_published(delivery: _Delivery) -> HookAnswer:
    """Written and started at once; it goes live at its ``starts_at``, or now."""
    request = asked(NewsRequest, delivery.event.data, "/data")
    by = f"hook {delivery.source_name}"
    try:
        row = await news.create_in(delivery.db, delivery.conn, delivery.brand_id, request, by=by, now=delivery.now)
    except Invalid as error:
        raise moved(error, "", "/data") from None
    await news.start_in(delivery.conn, row, by=by)
    return HookAnswer("applied")


def _answer(applied: list[Applied]) -> HookAnswer:
    visible = tuple(row for one in applied for row in one.visible)
    return HookAnswer("applied" if any(one.is_visible for one in applied) else "nothing_visible", visible)


_TYPES = {
    "card.changed": _card_changed,
    "card.issued": _card_issued,
    "card.voided": _card_voided,
    "news.published": _news_published,
}
