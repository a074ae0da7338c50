"""What a card shows of the outlet that gave it out, read with the card's own row.

``outlet_text`` is one column of every row that an edition is made of: all that the outlet says, in one text, by one look at
the index of outlets; NULL for a card without an outlet. It goes into the edition, so that whatever an outlet's page changes
is another edition of exactly its cards, and text and edition can never be of two moments.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Text, cast, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.model import NO_OUTLET, Outlet
from store import tables

SEPARATOR = "\x1f"
"""Between the parts: a character that nobody types."""
KEPT = 1024
"""Outlets whose text is kept read."""


def column() -> ColumnElement[str]:
    """``outlet_text`` of a card's row."""
    cards, table = tables.cards.c, tables.outlets.c
    mine = select(_text()).where(table.brand_id == cards.brand_id, table.key == cards.outlet)
    return mine.correlate(tables.cards).scalar_subquery().label("outlet_text")


SQL = f"""(
    SELECT o.name || '{SEPARATOR}' || o.address || '{SEPARATOR}' || o.opening || '{SEPARATOR}' || CAST(o.settings AS TEXT)
    FROM outlets o WHERE o.brand_id = c.brand_id AND o.key = c.outlet)"""  # noqa: S608 - made of constants
"""The same in plain SQL, for cards ``c``."""


async def of_key(conn: AsyncConnection, brand_id: int, key: str | None) -> str | None:
    """The same for a card that is not a row yet."""
    if key is None:
        return None
    table = tables.outlets.c
    return (
        await conn.execute(select(_text()).where(table.brand_id == brand_id, table.key == key))
    ).scalar_one_or_none()


def stamps(row: Mapping[str, Any]) -> tuple[str, ...]:
    """For ``passkit.change.edition``; a card without an outlet has the edition that it had before there were any."""
    text = row["outlet_text"]
    return () if text is None else (f"outlet{SEPARATOR}{text}",)


def model(row: Mapping[str, Any]) -> Outlet:
    """The outlet as the pass builder sees it."""
    text = row["outlet_text"]
    return NO_OUTLET if text is None else _read(text)


@lru_cache(KEPT)
def _read(text: str) -> Outlet:
    name, _, rest = text.partition(SEPARATOR)
    rest, _, kept = rest.rpartition(SEPARATOR)
    address, _, opening = rest.partition(SEPARATOR)
    settings = orjson.loads(kept)
    return Outlet(name, address, str(settings.get("phone") or ""), str(settings.get("url") or ""), opening)


def _text() -> ColumnElement[str]:
    table = tables.outlets.c
    gap = literal(SEPARATOR)
    text: ColumnElement[str] = table.name + gap + table.address + gap + table.opening + gap + cast(table.settings, Text)
    return text
