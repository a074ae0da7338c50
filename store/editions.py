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

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
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


async def phones_of(conn: AsyncConnection, card_id: int) -> int:
    """How many phones hold the card."""
    held = select(func.count()).where(tables.registrations.c.card_id == card_id)
    return int((await conn.execute(held)).scalar_one())


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
    if card.edition == card.row["modified_edition"]:
        return card
    before = await livenews.shown_before(conn, card.row)
    await livenews.load(db, conn, before)
    rings, said = await _rings(db, conn, card, before, now)
    values = {
        "ring": list(rings.ring),
        "ring_waiting": list(rings.waiting),
        "ring_text_hash": said,
        "modified_edition": card.edition,
        "last_modified": next_modified(card.row, now),
        "served_edition": None,  # a news that ends brings an older edition back: its downloads count no more
        "served_count": 0,
        **_news_columns(card),
    }
    await conn.execute(update(tables.cards).where(tables.cards.c.id == card.id).values(**values))
    return CardRow({**card.row, **values}, card.revision, card.stored)


def _news_columns(card: CardRow) -> dict[str, Any]:
    """Which news the edition shows; how many phones have fetched it begins anew with another."""
    row, shown = card.row, card.shown
    if shown is None or not shown.id or shown.id == row["news_id"]:
        return {"news_id": shown.id or None if shown else None}
    return {"news_id": shown.id, "news_at": max(shown.at, row["news_at"] or 0), "news_fetched": 0}


async def _rings(
    db: Database, conn: AsyncConnection, card: CardRow, before: Shown | None, now: datetime
) -> tuple[Rings, str | None]:
    """The rings of the edition; ``before`` is the news that the last one showed."""
    row = card.row
    arrives = card.shown is not None and card.shown.at > (row["news_at"] or 0) and not card.shown.is_silent
    if not (row["ring"] or row["revision_rings"] or arrives):
        return Rings(), None
    times = served_times(db, row)
    rings = heard(row, times=times, phones=await phones_of(conn, card.id))
    served = times > 0
    shown = filled(db, card, now, ring=None)
    if _shows(card, before) != row["modified_edition"]:  # the revision or the brand is another, perhaps the news too
        reads = _filled(db, card, before, now) if before != card.shown else shown
        rings = _kept(db, card, rings, reads, served=served)
        if row["revision_rings"]:
            rings = await _published(db, conn, card, rings, before, now, served=served)
    if before != card.shown:
        rings = _with_news(db, card, rings, before, shown, now, arrives=arrives, served=served)
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
    arrives: bool,
    served: bool,
) -> Rings:
    """A news that arrives is a change that rings; one that goes, or returns, takes its own ring along."""
    try:
        difference = compare(_filled(db, card, before, now), shown)
    except RenderError:
        return Rings()
    order = ring_order(shown)
    if arrives:
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


async def _published(
    db: Database,
    conn: AsyncConnection,
    card: CardRow,
    rings: Rings,
    news: Shown | None,
    now: datetime,
    *,
    served: bool,
) -> Rings:
    """A publish that was asked to ring: through what it changed since the revision before it."""
    revisions = tables.revisions.c
    one_before = select(revisions.id).where(
        revisions.template_id == card.row["template_id"], revisions.number == card.row["revision_number"] - 1
    )
    revision_id = (await conn.execute(one_before)).scalar_one_or_none()
    if revision_id is None:
        return rings
    old = await compiled.revision(db, conn, revision_id=revision_id, brand_stamp=card.row["brand_stamp"])
    shown = _filled(db, card, news, now)
    try:
        difference = compare(_filled(db, card, news, now, revision=old), shown)
    except RenderError:  # the publish mends this card: there is nothing it read before
        return rings
    return next_rings(rings, served=served, difference=difference, notify=Notify.RING, order=ring_order(shown))


def _said(key: str, shown: Pass) -> str | None:
    """The text of a field that can ring."""
    return next((field.text for field in shown.fields if field.key == key and field.change_message), None)
