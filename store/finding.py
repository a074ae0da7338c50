"""Finding cards by their names: serial number, external id, number, or a word that may be any of them."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, literal_column, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from store import tables
from store.cardrows import CardRow, CardView, columns, complete, load, view
from store.dialect import Database
from store.errors import Conflict, NotFound, StoreError
from store.tables import is_storable

MAX_LIMIT = 500


@dataclass(frozen=True, slots=True)
class CardRef:
    """A card by name. ``word`` may be any of the three names; ``template`` narrows external id and number."""

    serial_number: str | None = None
    external_id: str | None = None
    number: str | None = None
    template: str | None = None
    word: str | None = None

    @property
    def waits_as(self) -> str | None:
        """The external id under which a change for an unknown card is kept."""
        return self.external_id or self.word


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Which cards a listing shows; None means any."""

    template: str | None = None
    external_id: str | None = None
    number: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class CardPage:
    """A page of cards in the order of their issue; ``next_cursor`` is None on the last."""

    cards: tuple[CardView, ...]
    next_cursor: str | None


async def view_card(db: Database, brand_id: int, serial: str) -> CardView:
    """The brand's card with this serial number; NotFound."""
    return await find(db, brand_id, CardRef(serial_number=serial))


async def find(db: Database, brand_id: int, ref: CardRef | str) -> CardView:
    """The one card of this name; NotFound, or Conflict ``card_ambiguous`` where several fit."""
    ref = CardRef(word=ref) if isinstance(ref, str) else ref
    async with db.reading() as conn:
        cards = await resolve(db, conn, brand_id, ref)
    if not cards:
        raise NotFound("There is no card of this name.", code="card_not_found")
    if len(cards) > 1:
        raise Conflict("Several cards have this name.", code="card_ambiguous")
    return view(db, cards[0])


async def resolve(
    db: Database, conn: AsyncConnection, brand_id: int, ref: CardRef, *, lock: bool = False
) -> list[CardRow]:
    """Every card that the name means, by id: an external id without template means all its cards.

    Conflict ``card_ambiguous`` where a word is different cards' different names, or a number several cards'.
    """
    names = {"serial_number": ref.serial_number, "external_id": ref.external_id, "number": ref.number}
    if ref.word is not None:
        names = dict.fromkeys(names, ref.word)
    given = {name: value for name, value in names.items() if value is not None and is_storable(value)}
    if not given:
        return []
    by_name = _by_names(tuple(given), within_template=ref.template is not None)
    found: dict[str, list[int]] = {}
    for row in await conn.execute(by_name, {"brand": brand_id, "template": ref.template, **given}):
        found.setdefault(row.name, []).append(row.id)
    found = {name: found[name] for name in given if name in found}
    _refuse_ambiguous(found)
    ids = next(iter(found.values()), [])
    return await load(db, conn, tables.cards.c.id.in_(ids), lock=lock) if ids else []


@cache
def _by_names(names: tuple[str, ...], *, within_template: bool) -> Any:
    """One SELECT of (name, id), made once: making it takes longer than running it."""
    cards, templates = tables.cards.c, tables.templates.c
    fits = [
        select(literal_column(f"'{name}'").label("name"), cards.id).where(
            cards.brand_id == bindparam("brand"), cards[name] == bindparam(name)
        )
        for name in names
    ]
    if within_template:
        named = and_(templates.brand_id == bindparam("brand"), templates.key == bindparam("template"))
        fits = [one.where(cards.template_id.in_(select(templates.id).where(named))) for one in fits]
    return union_all(*fits).order_by("id")


def _refuse_ambiguous(found: dict[str, list[int]]) -> None:
    if len({tuple(ids) for ids in found.values()}) > 1:
        names = " and ".join(found)
        raise Conflict(f"Different cards have this as their {names}: say which is meant.", code="card_ambiguous")
    if "external_id" not in found and len(found.get("number", ())) > 1:
        raise Conflict("Cards of several templates have this number: say which template.", code="card_ambiguous")


async def listing(
    db: Database, brand_id: int, *, cursor: str | None = None, limit: int = 100, filters: CardFilter | None = None
) -> CardPage:
    """A page of the brand's cards; StoreError ``bad_cursor`` for a cursor that is not ours."""
    limit = max(1, min(limit, MAX_LIMIT))
    cards = tables.cards.c
    own = tables.templates.c.tryout_of.is_(None)
    wanted = columns().where(cards.brand_id == brand_id, cards.id > _after(cursor), own, *_narrowed(filters))
    async with db.reading() as conn:
        rows = (await conn.execute(wanted.order_by(cards.id).limit(limit + 1))).mappings().all()
        views = [view(db, await complete(db, conn, row)) for row in rows[:limit]]
    return CardPage(tuple(views), _cursor(views[-1].card_id) if len(rows) > limit else None)


def _narrowed(filters: CardFilter | None) -> list[Any]:
    if filters is None:
        return []
    cards = tables.cards.c
    named = {"external_id": filters.external_id, "number": filters.number, "state": filters.state}
    conditions: list[Any] = [cards[name] == value for name, value in named.items() if value is not None]
    if filters.template is not None:
        conditions.append(tables.templates.c.key == filters.template)
    return conditions


def _cursor(card_id: int) -> str:
    return urlsafe_b64encode(f"c{card_id}".encode()).rstrip(b"=").decode()


def _after(cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        text = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        text = ""
    if not (text.startswith("c") and text[1:].isascii() and text[1:].isdigit() and len(text) < 20):
        raise StoreError("This cursor is not one of ours.", code="bad_cursor")
    return int(text[1:])
