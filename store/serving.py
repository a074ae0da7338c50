"""What a phone is given: the card's edition, its Last-Modified, and the pass, filled only when it is really sent.

The fetch is a hot read: one plain SELECT by serial number. Only the first fetch of an edition that came by a publish or a
change of the brand writes, to stamp Last-Modified (``store.editions``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import orjson

from passkit.model import Brand, Pass
from store import compiled, livenews, outlettexts, tables
from store.cardrows import CardRow, CardView, columns, complete, edition_of, unseal, view
from store.dialect import Database
from store.editions import filled
from store.firstfetches import FirstFetches
from store.issuing import install_hash
from store.tables import from_micros

MAX_TOKEN = 200
Made = TypeVar("Made", bound="Serving")


@dataclass(frozen=True, slots=True)
class Serving:
    """A card about to be served. ``last_modified`` is epoch seconds; ``fill`` renders, so a 304 never does."""

    db: Database
    source: CardRow

    @property
    def card_id(self) -> int:
        """What ``note_served`` wants."""
        return self.source.id

    @property
    def edition(self) -> str:
        """What ``note_served`` wants too."""
        return str(self.source.row["modified_edition"])

    @property
    def has_news(self) -> bool:
        """Whether this edition shows a news: then ``note_served`` counts who has it."""
        return self.source.row["news_id"] is not None

    @property
    def last_modified(self) -> int:
        """Epoch seconds, strictly later with each edition."""
        return int(self.source.row["last_modified"])

    @property
    def pass_type_identifier(self) -> str:
        """Whose certificate signs it."""
        return str(self.source.row["pass_type_identifier"])

    @property
    def serial_number(self) -> str:
        """The card's."""
        return str(self.source.row["serial_number"])

    @property
    def made_of(self) -> tuple[Any, ...]:
        """Everything that the pass is made of but the moment of signing: as long as it is the same, so are its bytes."""
        return tuple(_frozen(self.source.row[name]) for name in _COLUMNS)

    def fill(self, now: datetime) -> Pass:
        """The pass of this edition, with the changeMessage of the one field that rings; raises RenderError."""
        return filled(self.db, self.source, now, ring=frozenset(self.source.row["ring"]))


@dataclass(frozen=True, slots=True)
class Installation(Serving):
    """The same for who comes with an install link: with the card as pages show it, and its brand."""

    @property
    def card(self) -> CardView:
        """The card's values for the page."""
        return view(self.db, self.source)

    @property
    def brand(self) -> Brand:
        """Name, languages and time zone for the page."""
        return self.source.revision.brand


async def serve(db: Database, pass_type: str, serial: str, generation: int, now: datetime) -> Serving | None:
    """What this card's holder would be given now; None for an unknown card or an old token (its MAC is checked before)."""
    rows = await db.fetch(_SELECT[db.engine.dialect.name], serial, pass_type)
    if not rows or rows[0][0] != generation:
        return None
    row = _mapping(rows[0])
    if edition_of(row) != row["modified_edition"]:
        return await _settled(db, row["id"], now, Serving)
    await livenews.load(db, None, livenews.of_row(row))
    revision = await compiled.revision(db, None, revision_id=row["revision_id"], brand_stamp=row["brand_stamp"])
    return Serving(db, CardRow(row, revision, sealed=partial(unseal, db, row["data_encrypted"], serial)))


async def by_install_token(db: Database, token: str, now: datetime) -> Installation | None:
    """The card that an install link is for; None for anything else."""
    if not token or len(token) > MAX_TOKEN:
        return None
    mine = tables.cards.c.install_hash == install_hash(token)
    async with db.reading() as conn:
        row = (await conn.execute(columns().where(mine))).mappings().first()
        if row is None or row["brand_revoked_at"] is not None:
            return None
        card = await complete(db, conn, row)
    if card.edition != card.row["modified_edition"]:
        return await _settled(db, card.id, now, Installation)
    return Installation(db, card)


def note_served(
    db: Database, card_id: int, edition: str, device_id: int | None = None, *, has_news: bool = False
) -> None:
    """A 200 with this edition has been sent to its last byte; written with others a moment later."""
    db.served.fetched(card_id, edition, device_id, has_news=has_news)


def note_cut(db: Database, card_id: int, edition: str, *, has_news: bool = False) -> None:
    """A 200 that was noted turned out to have been cut off: the connection was reset before it was read."""
    db.served.thrown_away(card_id, edition, has_news=has_news)


async def _settled(db: Database, card_id: int, now: datetime, kind: type[Made]) -> Made | None:
    card = await db.kept(FirstFetches).settled(db, card_id, now)
    return None if card is None else kind(db, card)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _mapping(values: Sequence[Any]) -> dict[str, Any]:
    row = dict(zip(_COLUMNS, values, strict=True))
    row["ring"] = orjson.loads(row["ring"])
    for name in ("expires_at", "created_at"):
        row[name] = None if row[name] is None else from_micros(row[name])
    return row


_COLUMNS = {
    "generation": "c.generation",
    "id": "c.id",
    "serial_number": "c.serial_number",
    "number": "c.number",
    "external_id": "c.external_id",
    "language": "c.language",
    "state": "c.state",
    "data_encrypted": "c.data_encrypted",
    "secret_id": "c.secret_id",
    "stamp": "c.stamp",
    "ring": "c.ring",
    "modified_edition": "c.modified_edition",
    "last_modified": "c.last_modified",
    "news_id": "c.news_id",
    "expires_at": "c.expires_at",
    "created_at": "c.created_at",
    "revision_id": "r.id",
    "revision_stamp": "r.stamp",
    "brand_stamp": "b.stamp",
    "pass_type_identifier": "b.pass_type_identifier",
    "template_news": "t.news",
    "listed_news": "",  # by dialect
    "outlet_text": outlettexts.SQL,
}


def _select(dialect: str) -> str:
    columns = ", ".join((_COLUMNS | {"listed_news": livenews.listed_sql(dialect)}).values())
    return f"""
    SELECT {columns}
    FROM cards c
    JOIN templates t ON t.id = c.template_id
    JOIN revisions r ON r.id = t.published_revision_id
    JOIN brands b ON b.id = c.brand_id
    WHERE c.serial_number = ?1 AND b.pass_type_identifier = ?2 AND b.revoked_at IS NULL
    """  # noqa: S608 - made of the constants above


_SELECT = {dialect: _select(dialect) for dialect in ("sqlite", "postgresql")}
