"""Codes on the issue desk's screen: what is shown where, how far the client's phone is, and the screen that faces the client.

A showing belongs to a place: a paired workplace (``workplace:5``) or a person's own browser (``user:3``); nobody else sees it.
Its steps are read from what happens anyway: the install page was opened, the card fetched, a wallet has it. Times are the
database's, like the timeline's. The code goes from the screen ``SHOWN`` after the last step, so that the next in the queue
cannot take it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import exists, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import google, tables, tokens
from store.clock import database_now
from store.dialect import Database
from store.errors import NotFound
from store.tables import displays, showings

AnyRow = Any
"""A row of a SELECT, read by its columns' names."""
SHOWN = timedelta(seconds=60)
"""How long a code stays after the last step."""
FOLLOWED = timedelta(minutes=15)
"""How long the steps of a phone that has not come are looked for."""
KEPT = timedelta(days=7)
MAX_DISPLAYS = 5
"""Screens of one place; the oldest goes."""


class Kind(StrEnum):
    """Why a code is shown: a new card, the same once more, or the same for another phone. Only the first is a card given out."""

    NEW = "new"
    AGAIN = "again"
    PHONE = "phone"


class Step(IntEnum):
    """How far the client's phone is."""

    WAITING = 0
    OPENED = 1
    DOWNLOADED = 2
    ON_PHONE = 3


@dataclass(frozen=True, slots=True)
class Showing:
    """A code on a screen. ``seconds``: how long it stays; 0: it is hidden. ``install_token`` goes into the link."""

    id: int
    card_id: int
    serial_number: str
    template_name: str
    kind: Kind
    step: Step
    wallet: str
    seconds: int
    is_over: bool
    """Nothing more is to come: the card is on the phone, or the time has passed."""
    install_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Display:
    """A screen that faces the client."""

    id: int
    brand_id: int
    brand_name: str
    languages: tuple[str, ...]
    place: str


async def show(conn: AsyncConnection, brand_id: int, card_id: int, place: str, kind: Kind) -> int:
    """Put a card's code on a place's screen, in the caller's transaction; what was there before goes."""
    now = await database_now(conn)
    there = (showings.c.place == place, showings.c.hidden_at.is_(None))
    await conn.execute(update(showings).where(*there).values(hidden_at=now))
    lines = tables.timeline.c
    last = (await conn.execute(select(func.max(lines.id)).where(lines.card_id == card_id))).scalar() or 0
    values = {
        "brand_id": brand_id,
        "card_id": card_id,
        "place": place,
        "kind": kind.value,
        "at": now,
        "after_line": last,
    }
    return int((await conn.execute(insert(showings).values(**values).returning(showings.c.id))).scalar_one())


async def hide(db: Database, brand_id: int, place: str, showing_id: int) -> None:
    """Take a code from the screen; NotFound for another place's."""
    async with db.transaction() as conn:
        mine = _mine(brand_id, place, showing_id)
        now = await database_now(conn)
        hidden = update(showings).where(*mine).values(hidden_at=now)
        if not (await conn.execute(hidden)).rowcount:
            raise NotFound("There is no such code on this screen.")


async def look(db: Database, brand_id: int, place: str, showing_id: int) -> Showing:
    """A code with its steps as they are now; Google is asked soon who has the card, while somebody waits for it."""
    async with db.reading() as conn:
        row = await _row(conn, *_mine(brand_id, place, showing_id))
        if row is None:
            raise NotFound("There is no such code on this screen.")
        found = await _showing(db, conn, row)
    if not found.is_over and row["on_google"] and found.step < Step.ON_PHONE:
        await google.want_check(db, found.card_id)
    return found


async def on_screen(db: Database, brand_id: int, place: str) -> Showing | None:
    """What a screen that faces the client shows now."""
    async with db.reading() as conn:
        newest = await _row(conn, showings.c.brand_id == brand_id, showings.c.place == place)
        found = None if newest is None else await _showing(db, conn, newest)
    return found if found is not None and found.seconds > 0 else None


async def note_opened(db: Database, card_id: int) -> None:
    """The install page of a card was opened on a phone: the desk that waits for it sees it."""
    async with db.reading() as conn:
        since = await database_now(conn) - FOLLOWED
        waiting = (showings.c.card_id == card_id, showings.c.opened_at.is_(None), showings.c.at > since)
        ids = (await conn.execute(select(showings.c.id).where(*waiting))).scalars().all()
    if ids:
        async with db.transaction() as conn:
            opened = update(showings).where(showings.c.id.in_(ids), showings.c.opened_at.is_(None))
            await conn.execute(opened.values(opened_at=await database_now(conn)))


async def add_display(db: Database, brand_id: int, place: str, now: datetime) -> str:
    """The token of a new screen for this place, shown once."""
    token = tokens.new()
    async with db.transaction() as conn:
        mine = (displays.c.place == place, displays.c.revoked_at.is_(None))
        kept = select(displays.c.id).where(*mine).order_by(displays.c.id.desc()).offset(MAX_DISPLAYS - 1)
        old = (await conn.execute(kept)).scalars().all()
        if old:
            await conn.execute(update(displays).where(displays.c.id.in_(old)).values(revoked_at=now))
        values = {"brand_id": brand_id, "place": place, "token_hash": tokens.hash_of(token), "created_at": now}
        await conn.execute(insert(displays).values(**values))
    return token


async def end_displays(db: Database, brand_id: int, place: str, now: datetime) -> int:
    """Every screen of this place shows nothing more; returns how many there were."""
    mine = (displays.c.brand_id == brand_id, displays.c.place == place, displays.c.revoked_at.is_(None))
    async with db.transaction() as conn:
        return (await conn.execute(update(displays).where(*mine).values(revoked_at=now))).rowcount


async def display(db: Database, token: str) -> Display | None:
    """The screen of a token, while its place is still one of the brand's."""
    if not token or len(token) > tokens.MAX_LENGTH:
        return None
    brands = tables.brands.c
    living = (displays.c.token_hash == tokens.hash_of(token), displays.c.revoked_at.is_(None))
    found = select(displays.c.id, displays.c.brand_id, displays.c.place, brands.name, brands.languages)
    found = found.join(tables.brands, brands.id == displays.c.brand_id).where(*living, brands.revoked_at.is_(None))
    async with db.reading() as conn:
        row = (await conn.execute(found)).first()
        if row is None or not await _is_living(conn, row.brand_id, row.place):
            return None
    return Display(row.id, row.brand_id, row.name, tuple(row.languages), row.place)


async def _is_living(conn: AsyncConnection, brand_id: int, place: str) -> bool:
    kind, _, number = place.partition(":")
    places, roles, users = tables.workplaces.c, tables.user_roles.c, tables.users.c
    if kind == "workplace":
        there = exists().where(places.id == int(number), places.brand_id == brand_id, places.revoked_at.is_(None))
    else:
        there = exists().where(roles.user_id == int(number), roles.brand_id == brand_id)
        there = there.where(users.id == roles.user_id, users.revoked_at.is_(None))
    return bool((await conn.execute(select(there))).scalar_one())


def _mine(brand_id: int, place: str, showing_id: int) -> tuple[Any, ...]:
    return showings.c.brand_id == brand_id, showings.c.place == place, showings.c.id == showing_id


async def _row(conn: AsyncConnection, *condition: Any) -> AnyRow | None:
    cards, templates = tables.cards.c, tables.templates.c
    wanted = (
        select(showings, cards.serial_number, cards.generation, cards.secret_id, cards.on_google)
        .add_columns(templates.name.label("template_name"))
        .join(tables.cards, cards.id == showings.c.card_id)
        .join(tables.templates, templates.id == cards.template_id)
        .where(*condition)
        .order_by(showings.c.id.desc())
        .limit(1)
    )
    return (await conn.execute(wanted)).mappings().first()


async def _showing(db: Database, conn: AsyncConnection, row: AnyRow) -> Showing:
    now = await database_now(conn)
    step, wallet, moved_at = await _progress(db, conn, row, now)
    left = SHOWN - (now - moved_at) if row["hidden_at"] is None else timedelta(0)
    return Showing(
        id=row["id"],
        card_id=row["card_id"],
        serial_number=row["serial_number"],
        template_name=row["template_name"],
        kind=Kind(row["kind"]),
        step=step,
        wallet=wallet,
        seconds=max(0, int(left.total_seconds())),
        is_over=step is Step.ON_PHONE or now - row["at"] > FOLLOWED,
        install_token=db.keyring.install_token(row["serial_number"], row["generation"], row["secret_id"]),
    )


async def _progress(db: Database, conn: AsyncConnection, row: AnyRow, now: datetime) -> tuple[Step, str, datetime]:
    """The step, the wallet that has the card, and when that was."""
    came = await _came(conn, row)
    if came is not None:
        return Step.ON_PHONE, came[0], min(came[1], now)
    lines = tables.timeline.c
    first = select(func.min(lines.at)).where(lines.card_id == row["card_id"], lines.id > row["after_line"])
    fetched = (await conn.execute(first.where(lines.kind == "fetched"))).scalar()
    if fetched is not None:
        return Step.DOWNLOADED, "", min(fetched, now)
    if row["opened_at"] is not None:
        return Step.OPENED, "", row["opened_at"]
    return Step.WAITING, "", row["at"]


async def _came(conn: AsyncConnection, shown: AnyRow) -> tuple[str, datetime] | None:
    """Wallet and moment of a phone that has taken the card since it is shown."""
    lines = tables.timeline.c
    wanted = select(lines.kind, lines.at, lines.device_id).where(lines.card_id == shown["card_id"])
    wanted = wanted.where(lines.kind.in_(("registered", "google_saved")), lines.id > shown["after_line"])
    row = (await conn.execute(wanted.order_by(lines.id.desc()).limit(1))).first()
    if row is None:
        return None
    if row.kind == "google_saved":
        return "google", row.at
    device = tables.devices.c
    platform = (await conn.execute(select(device.platform).where(device.id == row.device_id))).scalar_one_or_none()
    return "apple" if platform in (None, "ApplePass") else "other", row.at
