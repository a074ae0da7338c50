"""What an edition that nobody has been served yet needs: its Last-Modified, and which field may ring in it.

A change of the card makes its edition in its own transaction. A publish or a change of the brand moves the editions of all
its cards without touching them; each such card is settled here when it is first asked for or changed. ``modified_edition``
names the edition that ``last_modified`` and the rings belong to, and nothing is ever served of an edition that is not it.

Publishing rings nothing unless asked. The ring of the last change stays for phones that have not fetched it, because for the
others the field then says the same and iOS shows no text; but where the publish rewords that very field, and some phone has
fetched it before, the ring is dropped (``ring_text_hash`` remembers what it said).

A news rings once on each card, when the card first shows it and has not had too many; when it ends, or an older one returns,
nothing does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Update, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.change import Rings, compare, edition, next_rings, ring_order
from passkit.errors import RenderError
from passkit.model import Notify, Pass
from passkit.render import Revision, fill
from store import compiled, livenews, outlettexts, tables
from store.cardrows import CardRow, card_model
from store.dialect import Database
from store.livenews import Shown

RING_PURPOSE = "ring-text"


def served_times(db: Database, row: Mapping[str, Any]) -> int:
    """How often the edition that the rings belong to has been served."""
    written = row["served_count"] if row["served_edition"] == row["modified_edition"] else 0
    return int(written) + db.served.pending(row["id"], row["modified_edition"])


def heard(row: Mapping[str, Any], *, times: int, phones: int) -> Rings:
    """The rings that a later edition still has to mind: none, once every phone that holds the card has been served."""
    if times >= max(phones, 1):
        return Rings()
    return Rings(tuple(row["ring"]), tuple(row["ring_waiting"]))


def next_modified(row: Mapping[str, Any], now: datetime) -> int:
    """Epoch seconds, at least one later than before: HTTP dates tell seconds apart, and clocks step back."""
    return max(int(now.timestamp()), int(row["last_modified"]) + 1)


def filled(
    db: Database, card: CardRow, now: datetime, *, ring: frozenset[str] | None, revision: Revision | None = None
) -> Pass:
    """The card with its news, filled into its revision (or another); raises RenderError."""
    return _filled(db, card, card.shown, now, ring=ring, revision=revision)


def _filled(
    db: Database,
    card: CardRow,
    shown: Shown | None,
    now: datetime,
    *,
    ring: frozenset[str] | None = None,
    revision: Revision | None = None,
) -> Pass:
    model, news = card_model(db, card, ring=ring), livenews.text(db, shown)
    return fill(revision or card.revision, model, news, card.row["language"], now)


def text_hash(db: Database, card: Mapping[str, Any], rings: Rings, shown: Pass) -> str | None:
    """What the ringing field says, as a hash that tells nothing of it."""
    said = _said(rings.ring[0], shown) if rings.ring else None
    return None if said is None else db.keyring.digest(RING_PURPOSE, said, card["secret_id"])


async def settle(db: Database, conn: AsyncConnection, card: CardRow, now: datetime) -> CardRow:
    """The card with its rings and Last-Modified of the current edition, written where they were of an older one."""
    return (await settle_all(db, conn, [card], now))[0]


async def settle_all(db: Database, conn: AsyncConnection, found: Sequence[CardRow], now: datetime) -> list[CardRow]:
    """The same for many that the caller has locked, in as many statements as one takes."""
    stale = [card for card in found if card.edition != card.row["modified_edition"]]
    if not stale:
        return list(found)
    befores = await _befores(db, conn, stale)
    written = {card.id: _settled(db, card, before, now) for card, before in zip(stale, befores, strict=True)}
    await conn.execute(
        _stamping(), [{f"new_{k}": v for k, v in row.items()} | {"card": i} for i, row in written.items()]
    )
    return [
        CardRow({**card.row, **written[card.id]}, card.revision, card.stored) if card.id in written else card
        for card in found
    ]


@dataclass(frozen=True, slots=True)
class _Before:
    """What is read beside a card's row: the news that its last edition showed, and what its rings hang on."""

    news: Shown | None
    phones: int = 0
    revision: Revision | None = None
    """The one before the published one, where the publish was asked to ring."""


async def _befores(db: Database, conn: AsyncConnection, found: Sequence[CardRow]) -> list[_Before]:
    news = await livenews.shown_before(conn, [card.row for card in found])
    for one in set(news):
        await livenews.load(db, conn, one)
    phones = await _phones(conn, [card.id for card in found if _may_ring(card)])
    return [
        _Before(one, phones.get(card.id, 0), await _revision_before(db, conn, card, one))
        for card, one in zip(found, news, strict=True)
    ]


async def _phones(conn: AsyncConnection, card_ids: Collection[int]) -> dict[int, int]:
    """How many phones hold each card."""
    if not card_ids:
        return {}
    held = tables.registrations.c
    counted = (
        select(held.card_id, func.count().label("phones")).where(held.card_id.in_(card_ids)).group_by(held.card_id)
    )
    return {row.card_id: row.phones for row in await conn.execute(counted)}


async def _revision_before(db: Database, conn: AsyncConnection, card: CardRow, news: Shown | None) -> Revision | None:
    row, revisions = card.row, tables.revisions.c
    if not row["revision_rings"] or _shows(card, news) == row["modified_edition"]:
        return None
    one_before = select(revisions.id).where(
        revisions.template_id == row["template_id"], revisions.number == row["revision_number"] - 1
    )
    revision_id = (await conn.execute(one_before)).scalar_one_or_none()
    if revision_id is None:
        return None
    return await compiled.revision(db, conn, revision_id=revision_id, brand_stamp=row["brand_stamp"])


def _settled(db: Database, card: CardRow, before: _Before, now: datetime) -> dict[str, Any]:
    """The columns of a card that has a new edition."""
    rings, said = _rings(db, card, before, now)
    return {
        "ring": list(rings.ring),
        "ring_waiting": list(rings.waiting),
        "ring_text_hash": said,
        "modified_edition": card.edition,
        "last_modified": next_modified(card.row, now),
        "served_edition": None,  # a news that ends brings an older edition back: its downloads count no more
        "served_count": 0,
        **_news_columns(card),
    }


@cache
def _stamping() -> Update:
    """UPDATE of ``_settled``'s columns, made once."""
    columns = tables.cards.c
    rings = ("ring", "ring_waiting", "ring_text_hash")
    served = (
        "modified_edition",
        "last_modified",
        "served_edition",
        "served_count",
        "news_id",
        "news_at",
        "news_fetched",
    )
    values = {name: bindparam(f"new_{name}", type_=columns[name].type) for name in rings + served}
    return update(tables.cards).where(columns.id == bindparam("card", type_=BigInteger)).values(**values)


def _news_columns(card: CardRow) -> dict[str, Any]:
    """Which news the edition shows; how many phones have fetched it begins anew with another."""
    row, shown = card.row, card.shown
    if shown is None or not shown.id or (shown.id == row["news_id"] and shown.at <= (row["news_at"] or 0)):
        news_id = shown.id or None if shown else None
        return {"news_id": news_id, "news_at": row["news_at"], "news_fetched": row["news_fetched"]}
    return {"news_id": shown.id, "news_at": max(shown.at, row["news_at"] or 0), "news_fetched": 0}


def _arrives(card: CardRow) -> bool:
    """Whether the edition shows a news that the card has not shown yet, and aloud."""
    shown = card.shown
    return shown is not None and shown.at > (card.row["news_at"] or 0) and not shown.is_silent


def _may_ring(card: CardRow) -> bool:
    return bool(card.row["ring"] or card.row["revision_rings"] or _arrives(card))


def _rings(db: Database, card: CardRow, before: _Before, now: datetime) -> tuple[Rings, str | None]:
    """The rings of the edition, and what the ringing field says."""
    row = card.row
    if not _may_ring(card):
        return Rings(), None
    times = served_times(db, row)
    rings = heard(row, times=times, phones=before.phones)
    served = times > 0
    shown = filled(db, card, now, ring=None)
    if (
        _shows(card, before.news) != row["modified_edition"]
    ):  # the revision or the brand is another, perhaps the news too
        reads = _filled(db, card, before.news, now) if before.news != card.shown else shown
        rings = _kept(db, card, rings, reads, served=served)
        if before.revision is not None:
            rings = _published(db, card, rings, before.revision, before.news, now, served=served)
    if before.news != card.shown:
        rings = _with_news(db, card, rings, before.news, shown, now, served=served)
    return rings, text_hash(db, row, rings, shown)


def _shows(card: CardRow, news: Shown | None) -> str:
    """The edition that the card would be with this news and the rest as it is."""
    row = card.row
    more = (*livenews.stamps(news), *outlettexts.stamps(row))
    return edition(row["revision_stamp"], row["stamp"], more, row["brand_stamp"])


def _with_news(
    db: Database,
    card: CardRow,
    rings: Rings,
    before: Shown | None,
    shown: Pass,
    now: datetime,
    *,
    served: bool,
) -> Rings:
    """A news that arrives is a change that rings; one that goes, or returns, takes its own ring along."""
    try:
        difference = compare(_filled(db, card, before, now), shown)
    except RenderError:
        return Rings()
    order = ring_order(shown)
    if _arrives(card):
        return next_rings(rings, served=served, difference=difference, notify=Notify.RING, order=order)
    touched = {row.field for row in difference.fields if row.old != row.new}
    left = [key for key in order if key not in touched]
    return Rings(tuple(key for key in rings.ring if key in left), tuple(key for key in rings.waiting if key in left))


def _kept(db: Database, card: CardRow, before: Rings, shown: Pass, *, served: bool) -> Rings:
    """The last change's rings in the new edition."""
    if not served:
        can_ring = ring_order(shown)
        return Rings(
            tuple(key for key in before.ring if key in can_ring),
            tuple(key for key in before.waiting if key in can_ring),
        )
    same = text_hash(db, card.row, before, shown) == card.row["ring_text_hash"]
    return Rings(before.ring if same else ())


def _published(
    db: Database, card: CardRow, rings: Rings, old: Revision, news: Shown | None, now: datetime, *, served: bool
) -> Rings:
    """A publish that was asked to ring: through what it changed since the revision before it."""
    shown = _filled(db, card, news, now)
    try:
        difference = compare(_filled(db, card, news, now, revision=old), shown)
    except RenderError:  # the publish mends this card: there is nothing it read before
        return rings
    return next_rings(rings, served=served, difference=difference, notify=Notify.RING, order=ring_order(shown))


def _said(key: str, shown: Pass) -> str | None:
    """The text of a field that can ring."""
    return next((field.text for field in shown.fields if field.key == key and field.change_message), None)
