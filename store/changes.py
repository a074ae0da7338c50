"""Changing a card: what differs, who sees it, what rings, and the push intent, all in one transaction.

A change that no phone would show moves the version and nothing else; one that changes nothing does not even do that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, bindparam, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data
from passkit.change import Difference, FieldChange, Rings, compare, next_rings, ring_order
from passkit.errors import DataError, Problem, RenderError, Severity
from passkit.model import CardState, Notify, Pass
from store import googlechanges, jobs, randomness, tables, triggerevents, words
from store.cardrows import CardRow, CardView, edition_of, load, seal, view
from store.dialect import Database
from store.editions import filled, heard, next_modified, served_times, settle, text_hash
from store.errors import Conflict, Invalid, NotFound, VersionMismatch
from store.phones import keep as keep_phones
from store.timeline import Line, record
from store.wallets import Held, held_by


class Unset(Enum):
    """The absence of a value where None means something."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class Change:
    """A JSON merge patch over a card: what is ``UNSET`` stays, None clears; so does null for a variable in ``data``.

    ``version`` is a guard: another version there is a VersionMismatch.
    """

    data: Mapping[str, Any] = field(default_factory=dict)
    state: CardState | str | None = None
    language: str | Unset | None = UNSET
    external_id: str | Unset | None = UNSET
    expires_at: datetime | Unset | None = UNSET
    tags: tuple[str, ...] | Unset | None = UNSET
    time_zone: str | Unset | None = UNSET
    notify: Notify = Notify.RING
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """The card after a change; ``is_visible`` also when only a barcode or a colour differs and ``visible`` is empty."""

    card: CardView
    visible: tuple[FieldChange, ...] = ()
    is_visible: bool = False


@dataclass(frozen=True, slots=True)
class Applied:
    """The same with the row, for operations made of several changes."""

    card: CardRow
    visible: tuple[FieldChange, ...] = ()
    is_visible: bool = False


async def change(db: Database, brand_id: int, serial: str, patch: Change, now: datetime) -> Changed:
    """Change one card; NotFound, VersionMismatch, Invalid, or Conflict where the external id is another card's."""
    try:
        async with db.transaction() as conn:
            card = await needed(db, conn, brand_id, serial)
            applied = await apply_change(db, conn, card, patch, now)
    except IntegrityError:
        raise Conflict("Another card of this template has this external_id.", code="already_exists") from None
    return Changed(view(db, applied.card), applied.visible, applied.is_visible)


async def void(db: Database, brand_id: int, serial: str, now: datetime, notify: Notify = Notify.SILENT) -> Changed:
    """Void one card; it rings nothing unless asked."""
    return await change(db, brand_id, serial, Change(state=CardState.VOIDED, notify=notify), now)


async def needed(db: Database, conn: AsyncConnection, brand_id: int, serial: str) -> CardRow:
    """The brand's card with this serial number, locked; NotFound."""
    mine = (tables.cards.c.brand_id == brand_id) & (tables.cards.c.serial_number == serial)
    for card in await load(db, conn, mine, lock=True) if tables.is_storable(serial) else ():
        return card
    raise NotFound("There is no card with this serial number.", code="card_not_found")


async def apply_change(
    db: Database,
    conn: AsyncConnection,
    card: CardRow,
    patch: Change,
    now: datetime,
    origin: Mapping[str, Any] | None = None,
) -> Applied:
    """Apply a patch to a card that the caller has locked; ``origin`` goes on its timeline."""
    if patch.version is not None and patch.version != card.row["version"]:
        raise VersionMismatch(f"The card has version {card.row['version']}, not {patch.version}.")
    after = patched(db, card, patch)
    if after.values == card.values and _own(after.row) == _own(card.row):
        return Applied(card)
    card = await settle(db, conn, card, now)
    after = CardRow({**card.row, **_own(after.row)}, after.revision, after.stored)
    shown = _shown(db, after, now)
    difference = _difference(db, card, shown, now)
    google = await googlechanges.moved(db, conn, card, after, difference, patch.notify, now)
    values = {
        **_own(after.row),
        "data_encrypted": seal(db, after.stored, card.row["serial_number"]),
        "version": card.row["version"] + 1,
        "updated_at": now,
    }
    rings, held = Rings(), Held()
    if difference.visible:
        held = await held_by(conn, card.id)
        rings = _next_rings(db, card, difference, patch.notify, shown, held.phones)
        values |= _new_edition(db, card, rings, shown, now)
    await conn.execute(
        _changing(tuple(values)), {f"new_{name}": value for name, value in values.items()} | {"card": card.id}
    )
    after = CardRow({**card.row, **values}, after.revision, after.stored)
    await keep_phones(db, conn, after, card.given)
    await words.keep(db, conn, after, card.stored)
    await triggerevents.note_levels(db, conn, card, after, patch.notify, now)
    visible = difference.rung(rings.ring) if difference.visible else ()
    told = _Told(visible, difference.visible, google, held)
    await _tell(db, conn, after, patch, told, origin or {}, now)
    return Applied(after, visible, told.is_visible)


@cache
def _changing(names: tuple[str, ...]) -> Any:
    """UPDATE of these columns of one card, made once: making it takes longer than running it."""
    columns = tables.cards.c
    news = {name: bindparam(f"new_{name}", type_=columns[name].type) for name in names}
    return update(tables.cards).where(columns.id == bindparam("card", type_=BigInteger)).values(**news)


def patched(db: Database, card: CardRow, patch: Change) -> CardRow:
    """The card as the patch would have it; Invalid with the pointers of what does not fit."""
    template = card.revision.template
    try:
        accepted = data.accept(template, patch.data, partial=True)
    except DataError as error:
        raise Invalid(error.problems) from None
    cleared = {data.name_of(template, name) for name, value in patch.data.items() if value is None}
    former = {name for name, today in template.aliases.items() if today in accepted}
    stored = {name: value for name, value in card.stored.items() if name not in former}
    stored |= data.to_json(template, accepted)
    stored = {name: value for name, value in stored.items() if name not in cleared}
    own = {name: value for name, value in _given(patch).items() if value is not UNSET}
    return CardRow({**card.row, **own}, card.revision, stored)


def _given(patch: Change) -> dict[str, Any]:
    return {
        "state": UNSET if patch.state is None else CardState(patch.state).value,
        "language": patch.language,
        "external_id": patch.external_id,
        "expires_at": patch.expires_at,
        "tags": patch.tags if patch.tags is UNSET else list(patch.tags or ()),
        "time_zone": patch.time_zone,
    }


def _own(row: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a patch may name."""
    return {name: row[name] for name in ("state", "language", "external_id", "expires_at", "tags", "time_zone")}


def _shown(db: Database, after: CardRow, now: datetime) -> Pass:
    """The card as it would be; what the template cannot show is refused, so that no phone is left with nothing."""
    try:
        shown = filled(db, after, now, ring=None)
        return replace(shown, fields=tuple(shown.fields))  # read here, where what cannot be said is refused
    except RenderError as error:
        detail = f"the template's {error.pointer} cannot show this data: {error.detail}"
        raise Invalid([Problem(Severity.ERROR, "/data", detail)]) from None


def _difference(db: Database, card: CardRow, shown: Pass, now: datetime) -> Difference:
    try:
        return compare(filled(db, card, now, ring=None), shown)
    except RenderError:  # the card could not be shown before: the change mends it
        return Difference(visible=True)


def _next_rings(db: Database, card: CardRow, difference: Difference, notify: Notify, shown: Pass, phones: int) -> Rings:
    times = served_times(db, card.row)
    previous = heard(card.row, times=times, phones=phones)
    return next_rings(previous, served=times > 0, difference=difference, notify=notify, order=ring_order(shown))


def _new_edition(db: Database, card: CardRow, rings: Rings, shown: Pass, now: datetime) -> dict[str, Any]:
    stamp = randomness.stamp()
    return {
        "stamp": stamp,
        "ring": list(rings.ring),
        "ring_waiting": list(rings.waiting),
        "ring_text_hash": text_hash(db, card.row, rings, shown),
        "modified_edition": edition_of({**card.row, "stamp": stamp}),
        "last_modified": next_modified(card.row, now),
    }


@dataclass(frozen=True, slots=True)
class _Told:
    """Who will see the change: the pass differs, or Google's object does, or both."""

    fields: tuple[FieldChange, ...]
    on_apple: bool
    google: googlechanges.Moved | None
    held: Held

    @property
    def is_visible(self) -> bool:
        return self.on_apple or self.google is not None


async def _tell(
    db: Database,
    conn: AsyncConnection,
    card: CardRow,
    patch: Change,
    told: _Told,
    origin: Mapping[str, Any],
    now: datetime,
) -> None:
    """The intents, and the lines on the timeline."""
    brand_id = card.row["brand_id"]
    detail = {
        **origin,
        "version": card.row["version"],
        "notify": patch.notify.value,
        "is_visible": told.is_visible,
        "visible": [row.to_json() for row in told.fields],
    }
    if told.is_visible and not told.on_apple:
        detail["only"] = "google"
    if patch.state is not None:
        detail["state"] = card.row["state"]
    lines = [Line(brand_id, card.id, "changed", detail)]
    if told.on_apple:
        await jobs.want_card(
            conn,
            brand_id=brand_id,
            pass_type_identifier=card.row["pass_type_identifier"],
            card_id=card.id,
            elsewhere=told.held.elsewhere,
        )
        phones = told.held.phones
        lines += [Line(brand_id, card.id, "queued", {"phones": phones})] if phones else []
    if told.google is not None:
        lines.append(await googlechanges.want(conn, card, told.google))
    await record(db, conn, lines, now)
