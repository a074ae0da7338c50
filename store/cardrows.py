"""Cards as rows, as the pass builder sees them, and as answers show them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, partial
from typing import Any

import orjson
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import change, data
from passkit.model import Card, CardState, Value
from passkit.render import Revision
from store import compiled, livenews, outlettexts, tables
from store.dialect import Database
from store.livenews import Shown

DATA_PURPOSE = "card-data"


@dataclass(frozen=True, slots=True)
class CardView:
    """A card as answers show it: ``template`` and ``revision`` are key and number, ``data`` JSON values with defaults.

    ``formatted`` are the same values as a person reads them ("450,00 ₽"); ``install_token`` goes into the install URL;
    ``google_mode`` is the brand's: off, test or live.
    """

    card_id: int
    brand_id: int
    serial_number: str
    template: str
    template_name: str
    revision: int
    number: str
    external_id: str | None
    version: int
    state: str
    language: str | None
    data: Mapping[str, Any]
    formatted: Mapping[str, str]
    expires_at: datetime | None
    tags: tuple[str, ...]
    outlet: str | None
    issued_by: str | None
    channel: str | None
    time_zone: str | None
    created_at: datetime
    updated_at: datetime
    google_mode: str
    install_token: str = field(repr=False)


class CardRow:
    """A card with what its passes are made of: the row, its brand's and template's part, and the compiled revision.

    ``stored`` is the data as it is stored, with variables that the template no longer has; ``sealed`` is decrypted when it is
    first asked for.
    """

    __slots__ = ("_open", "_stored", "revision", "row")

    def __init__(
        self,
        row: Mapping[str, Any],
        revision: Revision,
        stored: Mapping[str, Any] | None = None,
        sealed: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.row = row
        self.revision = revision
        self._stored = stored
        self._open = sealed

    @property
    def stored(self) -> Mapping[str, Any]:
        """JSON values by variable."""
        if self._stored is None:
            self._stored = self._open()
        return self._stored

    @property
    def id(self) -> int:
        """Our number of the card."""
        return int(self.row["id"])

    @property
    def edition(self) -> str:
        """What a phone would be served now."""
        return edition_of(self.row)

    @property
    def shown(self) -> Shown | None:
        """The news that a phone would be shown now."""
        return livenews.of_row(self.row)

    @property
    def values(self) -> dict[str, Value]:
        """The data, typed, with defaults."""
        return data.with_defaults(self.revision.template, self.given)

    @property
    def given(self) -> dict[str, Value]:
        """The data, typed, as far as the card says anything; a revision knows the defaults itself."""
        return data.from_json(self.revision.template, self.stored)


def edition_of(row: Mapping[str, Any]) -> str:
    """The edition of a row with the three stamps and what is live on its template."""
    news = livenews.stamps(livenews.of_row(row))
    return change.edition(row["revision_stamp"], row["stamp"], (*news, *outlettexts.stamps(row)), row["brand_stamp"])


TEMPLATE_PART = (
    tables.templates.c.key.label("template_key"),
    tables.templates.c.name.label("template_name"),
    tables.templates.c.news.label("template_news"),
    tables.templates.c.triggers.label("template_triggers"),
    tables.revisions.c.id.label("revision_id"),
    tables.revisions.c.number.label("revision_number"),
    tables.revisions.c.stamp.label("revision_stamp"),
    tables.revisions.c.rings.label("revision_rings"),
    tables.brands.c.stamp.label("brand_stamp"),
    tables.brands.c.pass_type_identifier,
    tables.brands.c.revoked_at.label("brand_revoked_at"),
    tables.brands.c.google_mode,
)
"""What a card's row has of its template, published revision and brand."""


@cache
def columns() -> Select[Any]:
    """A card with its template's, revision's and brand's columns, to be narrowed by a WHERE."""
    cards, templates, revisions, brands = tables.cards, tables.templates, tables.revisions, tables.brands
    return (
        select(cards, *TEMPLATE_PART, livenews.listed_column(), outlettexts.column())
        .join(templates, templates.c.id == cards.c.template_id)
        .join(revisions, revisions.c.id == templates.c.published_revision_id)
        .join(brands, brands.c.id == cards.c.brand_id)
    )


async def load(
    db: Database,
    conn: AsyncConnection,
    condition: Any,
    *,
    lock: bool = False,
    skip_locked: bool = False,
    limit: int | None = None,
    newest: bool = False,
) -> list[CardRow]:
    """The cards that fit, by id (``newest``: from the last one); ``lock`` keeps other writers off them until the end.

    ``skip_locked`` leaves out those that another transaction keeps.
    """
    id_ = tables.cards.c.id
    wanted = columns().where(condition).order_by(id_.desc() if newest else id_)
    if limit is not None:
        wanted = wanted.limit(limit)
    if lock:
        wanted = wanted.with_for_update(of=tables.cards, key_share=True, skip_locked=skip_locked)
    return [await complete(db, conn, row) for row in (await conn.execute(wanted)).mappings().all()]


async def complete(db: Database, conn: AsyncConnection | None, row: Mapping[str, Any]) -> CardRow:
    """The row with its compiled revision, the text of its news, and its data in the clear."""
    await livenews.load(db, conn, livenews.of_row(row))
    revision = await compiled.revision(db, conn, revision_id=row["revision_id"], brand_stamp=row["brand_stamp"])
    return CardRow(row, revision, sealed=partial(unseal, db, row["data_encrypted"], row["serial_number"]))


def seal(db: Database, stored: Mapping[str, Any], serial: str) -> bytes:
    """A card's data as one encrypted blob, tied to its card."""
    return db.keyring.encrypt(DATA_PURPOSE, orjson.dumps(dict(stored), option=orjson.OPT_SORT_KEYS), serial.encode())


def unseal(db: Database, sealed: bytes, serial: str) -> dict[str, Any]:
    """What ``seal`` made."""
    stored: dict[str, Any] = orjson.loads(db.keyring.decrypt(DATA_PURPOSE, sealed, serial.encode()))
    return stored


def card_model(
    db: Database, card: CardRow, *, ring: frozenset[str] | None, values: Mapping[str, Value] | None = None
) -> Card:
    """The card as the pass builder sees it; ``values`` instead of its own data."""
    row = card.row
    token = db.keyring.authentication_token(
        row["pass_type_identifier"], row["serial_number"], row["generation"], row["secret_id"]
    )
    return Card(
        serial_number=row["serial_number"],
        number=row["number"],
        authentication_token=token,
        data=card.given if values is None else values,
        state=CardState(row["state"]),
        language=row["language"],
        external_id=row["external_id"],
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        ring=ring,
        outlet=outlettexts.model(row),
    )


def view(db: Database, card: CardRow) -> CardView:
    """The card as answers show it."""
    row, template = card.row, card.revision.template
    values = card.values
    language = template.language(row["language"])
    return CardView(
        card_id=row["id"],
        brand_id=row["brand_id"],
        serial_number=row["serial_number"],
        template=row["template_key"],
        template_name=row["template_name"],
        revision=row["revision_number"],
        number=row["number"],
        external_id=row["external_id"],
        version=row["version"],
        state=row["state"],
        language=row["language"],
        data=data.to_json(template, values),
        formatted=data.formatted(template, values, language, card.revision.brand.time_zone),
        expires_at=row["expires_at"],
        tags=tuple(row["tags"]),
        outlet=row["outlet"],
        issued_by=row["issued_by"],
        channel=row["channel"],
        time_zone=row["time_zone"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        google_mode=row["google_mode"],
        install_token=db.keyring.install_token(row["serial_number"], row["generation"], row["secret_id"]),
    )
