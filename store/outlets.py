"""Outlets: a brand's places, with address, coordinates, opening hours and settings of their own.

``key`` is what ``cards.outlet`` says; it is made from the name and never changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.errors import Problem
from store import audit
from store.audit import Actor
from store.dialect import Database
from store.errors import Invalid, NotFound
from store.fanouts import want_outlets
from store.problems import problem
from store.tables import employees, is_storable, studio_sessions, workplaces
from store.tables import outlets as table
from store.users import checked_name

MAX_TEXT = 500
MAX_SETTINGS = 50
SHOWN = ("name", "address", "opening", "settings")
"""What ``store.outlettexts`` shows on cards; a place on the map is no part of it."""
CONTACTS = ("phone", "url")
"""Settings that cards show."""
_CYRILLIC = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "e", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outlet:
    """A place; coordinates are degrees (WGS 84), both there or neither."""

    id: int
    brand_id: int
    key: str
    name: str
    address: str
    latitude: float | None
    longitude: float | None
    opening: str
    settings: Mapping[str, Any]
    created_at: datetime
    archived_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutlet:
    """What a person writes about a place."""

    name: str
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    opening: str = ""
    settings: Mapping[str, Any] | None = None
    """None: those it has, or none."""


async def add(db: Database, brand_id: int, given: NewOutlet, by: Actor, now: datetime) -> Outlet:
    """A new outlet; Invalid says by pointer what does not fit."""
    values = _checked(given)
    async with db.joined() as conn:
        key = await _free_key(conn, brand_id, slug(values["name"]))
        added = insert(table).values(brand_id=brand_id, key=key, created_at=now, **{"settings": {}, **values})
        added = added.returning(*table.c)
        outlet = Outlet(**(await conn.execute(added)).mappings().one())
        await audit.record(db, brand_id, by, "outlet.added", outlet.name, now=now)
        return outlet


async def change(db: Database, brand_id: int, outlet_id: int, given: NewOutlet, by: Actor, now: datetime) -> Outlet:
    """Write an outlet anew; its key stays. What its cards show of it reaches their phones silently."""
    values = _checked(given)
    async with db.joined() as conn:
        mine = _mine(brand_id, outlet_id)
        before = (await conn.execute(select(table).where(*mine).with_for_update())).mappings().first()
        if before is None:
            raise NotFound("There is no such outlet in this brand.")
        changed = update(table).where(*mine).values(**values).returning(*table.c)
        row = (await conn.execute(changed)).mappings().one()
        if any(row[name] != before[name] for name in SHOWN):
            await want_outlets(conn, brand_id)
        await audit.record(db, brand_id, by, "outlet.changed", row["name"], now=now)
        return Outlet(**row)


async def archive(db: Database, brand_id: int, outlet_id: int, by: Actor, now: datetime) -> None:
    """Offer the outlet no more; cards and numbers that name it stay. Who works there and on what is let go at once."""
    async with db.joined() as conn:
        ended = update(table).where(*_mine(brand_id, outlet_id), table.c.archived_at.is_(None))
        name = (await conn.execute(ended.values(archived_at=now).returning(table.c.name))).scalar_one_or_none()
        if name is None:
            raise NotFound("There is no such outlet in this brand.")
        places = select(workplaces.c.id).where(workplaces.c.outlet_id == outlet_id)
        await conn.execute(delete(studio_sessions).where(studio_sessions.c.workplace_id.in_(places)))
        gone = {"revoked_at": now, "token_hash": None, "code_hash": None}
        await conn.execute(update(workplaces).where(workplaces.c.outlet_id == outlet_id).values(**gone))
        await conn.execute(update(employees).where(employees.c.outlet_id == outlet_id).values(active=False))
        await audit.record(db, brand_id, by, "outlet.archived", name, now=now)


async def get(db: Database, brand_id: int, outlet_id: int) -> Outlet:
    """One outlet of this brand; NotFound for any other."""
    async with db.reading() as conn:
        row = (await conn.execute(select(table).where(*_mine(brand_id, outlet_id)))).mappings().first()
    if row is None:
        raise NotFound("There is no such outlet in this brand.")
    return Outlet(**row)


async def listing(db: Database, brand_id: int, *, archived: bool = False) -> list[Outlet]:
    """The brand's outlets by name."""
    some = select(table).where(table.c.brand_id == brand_id)
    if not archived:
        some = some.where(table.c.archived_at.is_(None))
    async with db.reading() as conn:
        return [
            Outlet(**row)
            for row in (await conn.execute(some.order_by(func.lower(table.c.name), table.c.id))).mappings()
        ]


def slug(name: str) -> str:
    """A key from a name: small Latin letters, digits and hyphens, Russian letters by their sound."""
    plain = "".join(_CYRILLIC.get(character, character) for character in name.lower())
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:48].strip("-") or "outlet"


def _checked(given: NewOutlet) -> dict[str, Any]:
    problems = []
    for pointer, text in (("/address", given.address), ("/opening", given.opening)):
        if len(text) > MAX_TEXT or not is_storable(text):
            problems.append(problem(pointer, "This is too long.", f"At most {MAX_TEXT} characters."))
    if (given.latitude is None) != (given.longitude is None):
        problems.append(problem("/latitude", "Both coordinates are needed, or none.", "Copy both from the map."))
    for pointer, degrees, most in (("/latitude", given.latitude, 90), ("/longitude", given.longitude, 180)):
        if degrees is not None and not (isfinite(degrees) and abs(degrees) <= most):
            problems.append(problem(pointer, "There is no such place on Earth.", f"Between -{most} and {most}."))
    problems += _wrong_settings(given.settings or {})
    if problems:
        raise Invalid(problems)
    values = {
        "name": checked_name(given.name),
        "address": given.address.strip(),
        "latitude": given.latitude,
        "longitude": given.longitude,
        "opening": given.opening.strip(),
    }
    return values if given.settings is None else {**values, "settings": dict(given.settings)}


def _wrong_settings(settings: Mapping[str, Any]) -> Iterator[Problem]:
    if len(settings) > MAX_SETTINGS:
        yield problem("/settings", "These are too many settings.", f"At most {MAX_SETTINGS}.")
    for name in CONTACTS:
        text = settings.get(name, "")
        if not isinstance(text, str) or len(text) > MAX_TEXT or not text.isprintable() or not is_storable(text):
            yield problem(f"/{name}", "This is no single line of text.", f"At most {MAX_TEXT} characters.")
    url = settings.get("url")
    if isinstance(url, str) and url and not url.lower().startswith(("https://", "http://")):
        yield problem("/url", "This is no address of a page.", "Begin with https://.")


async def _free_key(conn: AsyncConnection, brand_id: int, wanted: str) -> str:
    taken = set((await conn.execute(select(table.c.key).where(table.c.brand_id == brand_id))).scalars())
    if wanted not in taken:
        return wanted
    return next(key for number in range(2, len(taken) + 3) if (key := f"{wanted}-{number}") not in taken)


def _mine(brand_id: int, outlet_id: int) -> tuple[Any, Any]:
    return table.c.brand_id == brand_id, table.c.id == outlet_id
