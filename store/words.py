"""Finding a card by its holder's name, word by word, without opening what is encrypted (docs/decisions/0008).

``card_words`` holds HMACs under SECRET of brand and word for the personal texts of a card: of each whole word, and of its
beginnings of 2 to 12 letters, so that «Петр» finds «Петров» and «етров» finds nobody. They are written in the transaction that
issues or changes a card, for templates that have such a variable (``passkit.names.of_holder``), and by ``phones.index_again`` for
cards that were there before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, false, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import names
from store import hidden, tables
from store.cardrows import CardRow
from store.dialect import Database
from store.upserts import insert_into

PURPOSE = "card-word"
LENGTH = 32  # hex digits: 128 bits
MADE = "starts"
"""By which ``phones.index_again`` knows an index that has beginnings too; before, it had whole words alone."""


async def keep(db: Database, conn: AsyncConnection, card: CardRow, before: Mapping[str, Any] | None = None) -> None:
    """Write by which words a new or changed card is found; ``before`` is what it stored."""
    variables = names.of_holder(card.revision.template)
    if before is not None and all(before.get(name) == card.stored.get(name) for name in variables):
        return
    if before is not None:
        await conn.execute(delete(tables.card_words).where(tables.card_words.c.card_id == card.id))
    await write(db, conn, rows(db, card))


def rows(db: Database, card: CardRow) -> list[dict[str, Any]]:
    """The rows of ``card_words`` that a card should have."""
    if hidden.is_hidden(card.row["template_key"]):
        return []
    given, brand_id = card.given, int(card.row["brand_id"])
    whole = {
        word for name in names.of_holder(card.revision.template) for word in names.words(str(given.get(name) or ""))
    }
    found = {start for word in whole for start in names.starts(word)}
    return [
        {"card_id": card.id, "brand_id": brand_id, "digest": digests(db, brand_id, word)[0]} for word in sorted(found)
    ]


async def write(db: Database, conn: AsyncConnection, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Those of these rows that are not there yet."""
    if wanted:
        insert = insert_into(tables.card_words, is_postgresql=db.is_postgresql)
        await conn.execute(insert.on_conflict_do_nothing(), wanted)


def digests(db: Database, brand_id: int, word: str) -> tuple[str, ...]:
    """The digests of a word under every SECRET, the current first; brands cannot be compared by them."""
    return tuple(digest[:LENGTH] for digest in db.keyring.digests(PURPOSE, f"{brand_id}:{word}"))


def having_all(db: Database, brand_id: int, text: str) -> Any:
    """The condition on ``cards``: each word of the text begins one of its holder's name; none for a text without words."""
    wanted = names.words(text)
    if not wanted:
        return false()
    table = tables.card_words.c
    return and_(
        *(
            tables.cards.c.id.in_(
                select(table.card_id).where(table.brand_id == brand_id, table.digest.in_(digests(db, brand_id, word)))
            )
            for word in wanted
        )
    )
