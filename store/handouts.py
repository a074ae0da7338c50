"""Cards that a person or an outlet gave out: written with the card, judged until it is certain whether they count.

``keep`` writes a line in the transaction that issues a card with ``issued_by`` or ``outlet`` (the desk, a join link, a till's
API call). ``settle`` looks at what is due: when the card came onto a phone, by its timeline, and whether it is still there.
What counts is the brand's to say (``rules``); the judgement itself is ``store.counting``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, tables
from store.audit import Actor
from store.cardrows import CardRow
from store.counting import MAX_DAYS, Judged, Known, Rules, Verdict, Why, judge
from store.dialect import Database
from store.errors import Invalid
from store.problems import problem
from store.tables import counting_rules
from store.tables import handouts as table
from store.upserts import insert_into

AnyRow = Any
"""A row of a SELECT, read by its columns' names."""
PAGE = 200
"""Cards judged in one transaction."""
ROWS = 5_000
"""Lines read in one go for a report."""
COMES = ("registered", "google_saved")


@dataclass(frozen=True, slots=True)
class Handout:
    """A card that somebody gave out, as «My cards» and reports show it."""

    card_id: int
    number: str
    outlet: str | None
    issued_by: str | None
    at: datetime
    installed_at: datetime | None
    wallet: str | None
    verdict: Verdict
    why: Why
    look_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tally:
    """Sums over some cards: given out, seen on a phone, and what of them counts, waits or does not count."""

    issued: int = 0
    installed: int = 0
    counted: int = 0
    waiting: int = 0
    refused: int = 0

    def plus(self, one: Handout) -> Tally:
        """With one more."""
        return Tally(
            self.issued + 1,
            self.installed + (one.installed_at is not None),
            self.counted + (one.verdict is Verdict.COUNTED),
            self.waiting + (one.verdict is Verdict.WAITING),
            self.refused + (one.verdict is Verdict.REFUSED),
        )


async def keep(db: Database, conn: AsyncConnection, card: CardRow, now: datetime) -> None:
    """Write the line of a new card that somebody has given out; its phones are in ``card_phones`` already."""
    row = card.row
    if row["issued_by"] is None and row["outlet"] is None:
        return
    phones, cards = tables.card_phones.c, tables.cards.c
    digests = (await conn.execute(select(phones.digest).where(phones.card_id == card.id))).scalars().all()
    others = exists().where(phones.brand_id == row["brand_id"], phones.digest.in_(digests), phones.card_id != card.id)
    others = others.where(cards.id == phones.card_id, cards.template_id.in_(_real(row["brand_id"])))
    is_known = bool(digests) and bool((await conn.execute(select(others))).scalar_one())
    values = {name: row[name] for name in ("brand_id", "outlet", "issued_by", "channel")}
    values |= {"card_id": card.id, "phone_digest": digests[0] if digests else None, "is_new_client": not is_known}
    await conn.execute(insert(table).values(**values, at=now, verdict=Verdict.WAITING, reason="", look_at=now))


def _real(brand_id: int) -> Any:
    """The templates of the brand without those that are for trying drafts."""
    templates = tables.templates.c
    return select(templates.id).where(templates.brand_id == brand_id, templates.tryout_of.is_(None))


async def rules(db: Database, brand_id: int) -> Rules:
    """What counts in this brand."""
    names = [field.name for field in fields(Rules)]
    async with db.reading() as conn:
        found = await conn.execute(
            select(*(counting_rules.c[name] for name in names)).where(counting_rules.c.brand_id == brand_id)
        )
        row = found.mappings().first()
    return Rules(**row) if row else Rules()


async def set_rules(db: Database, brand_id: int, given: Rules, by: Actor, now: datetime) -> None:
    """Say what counts from now on; what was counted or refused stays so. Invalid for numbers that cannot be."""
    wrong = []
    if not 0 <= given.stays_days <= MAX_DAYS:
        wrong.append(problem("/stays_days", "This is no number of days.", f"From 0 to {MAX_DAYS}."))
    if given.plan is not None and not 0 < given.plan <= 100_000:
        wrong.append(problem("/plan", "This is no plan.", "A number of cards a month, from 1."))
    if given.premium is not None and not 0 <= given.premium <= 10**12:
        wrong.append(problem("/premium", "This is no amount.", "From 0."))
    if wrong:
        raise Invalid(wrong)
    values = {**asdict(given), "updated_at": now}
    keep = insert_into(counting_rules, is_postgresql=db.is_postgresql).values(brand_id=brand_id, **values)
    async with db.joined() as conn:
        await conn.execute(keep.on_conflict_do_update(index_elements=["brand_id"], set_=values))
        waiting = (table.c.brand_id == brand_id, table.c.look_at.is_not(None))
        await conn.execute(update(table).where(*waiting).values(look_at=now))
        told = {name: str(value) for name, value in asdict(given).items() if value is not None}
        await audit.record(db, brand_id, by, "counting.changed", now=now, **told)


async def settle(
    db: Database, now: datetime, *, brand_id: int | None = None, issued_by: str | None = None, limit: int = PAGE
) -> int:
    """Judge what is due, of one brand or person if given (then also what has not come onto a phone); returns how many."""
    due: Any = and_(table.c.look_at.is_not(None), table.c.look_at <= now)
    if brand_id is not None:
        asked = and_(table.c.look_at.is_not(None), table.c.issued_by == issued_by, table.c.installed_at.is_(None))
        due = and_(table.c.brand_id == brand_id, or_(due, asked) if issued_by else due)
    async with db.transaction() as conn:
        page = select(table).where(due).order_by(table.c.look_at).limit(limit)
        rows = (await conn.execute(page.with_for_update(skip_locked=True))).mappings().all()
        if rows:
            known = await _known(conn, rows)
            for row in rows:
                mine = await _rules(conn, row["brand_id"])
                judged = judge(mine, known[row["card_id"]], now)
                await _write(conn, row, known[row["card_id"]], judged, await _device(conn, row))
    return len(rows)


async def settle_all(db: Database, now: datetime, *, brand_id: int | None = None) -> None:
    """Judge until nothing is due."""
    while await settle(db, now, brand_id=brand_id) == PAGE:
        pass


async def _rules(conn: AsyncConnection, brand_id: int) -> Rules:
    names = [field.name for field in fields(Rules)]
    mine = select(*(counting_rules.c[name] for name in names)).where(counting_rules.c.brand_id == brand_id)
    row = (await conn.execute(mine)).mappings().first()
    return Rules(**row) if row else Rules()


async def _known(conn: AsyncConnection, rows: Sequence[AnyRow]) -> dict[int, Known]:
    ids = [row["card_id"] for row in rows]
    states = await _pairs(conn, select(tables.cards.c.id, tables.cards.c.state).where(tables.cards.c.id.in_(ids)))
    came = await _pairs(conn, _moments(ids))
    held = select(tables.registrations.c.card_id).where(tables.registrations.c.card_id.in_(ids))
    saved = tables.google_objects.c
    on_google = select(saved.card_id).where(saved.card_id.in_(ids), saved.present.is_(True))
    there = {*(await conn.execute(held)).scalars(), *(await conn.execute(on_google)).scalars()}
    found = {}
    for row in rows:
        card_id = row["card_id"]
        found[card_id] = Known(
            at=row["at"],
            is_new_client=row["is_new_client"],
            installed_at=row["installed_at"] or came.get(card_id),
            is_there=card_id in there,
            is_active=states.get(card_id) == "active",
            number_again=await _number_again(conn, row),
            phone_again=await _phone_again(conn, row),
        )
    return found


def _moments(ids: Sequence[int]) -> Any:
    lines = tables.timeline.c
    first = select(lines.card_id, func.min(lines.at)).where(lines.card_id.in_(ids), lines.kind.in_(COMES))
    return first.group_by(lines.card_id)


async def _pairs(conn: AsyncConnection, statement: Any) -> dict[Any, Any]:
    return {row[0]: row[1] for row in await conn.execute(statement)}


async def _number_again(conn: AsyncConnection, row: AnyRow) -> bool:
    """Whether a card was given out for this phone number before, and was not refused itself."""
    if row["phone_digest"] is None:
        return False
    return await _earlier(conn, row, table.c.phone_digest == row["phone_digest"])


async def _phone_again(conn: AsyncConnection, row: AnyRow) -> bool:
    """Whether the phone that holds it had one that was given out before."""
    device = await _device(conn, row)
    return device is not None and await _earlier(conn, row, table.c.device_hash == device[0])


async def _earlier(conn: AsyncConnection, row: AnyRow, same: Any) -> bool:
    earlier = exists().where(same, table.c.brand_id == row["brand_id"], table.c.card_id < row["card_id"])
    return bool((await conn.execute(select(earlier.where(table.c.verdict != Verdict.REFUSED)))).scalar_one())


async def _device(conn: AsyncConnection, row: AnyRow) -> tuple[str, str] | None:
    """Hash and platform of the phone that has held it longest."""
    if row["device_hash"] is not None:
        return row["device_hash"], row["wallet"]
    device, held = tables.devices.c, tables.registrations.c
    first = select(device.device_hash, device.platform).join(tables.registrations, held.device_id == device.id)
    found = (await conn.execute(first.where(held.card_id == row["card_id"]).order_by(held.id).limit(1))).first()
    return (found.device_hash, "apple" if found.platform == "ApplePass" else "other") if found else None


async def _write(
    conn: AsyncConnection,
    row: AnyRow,
    known: Known,
    judged: Judged,
    device: tuple[str, str] | None,
) -> None:
    wallet = device[1] if device else "google" if known.installed_at is not None else None
    values = {
        "verdict": judged.verdict.value,
        "reason": judged.why.value,
        "look_at": judged.look_at,
        "installed_at": known.installed_at,
        "wallet": row["wallet"] or wallet,
        "device_hash": device[0] if device else row["device_hash"],
    }
    await conn.execute(update(table).where(table.c.card_id == row["card_id"]).values(**values))


async def mine(db: Database, brand_id: int, issued_by: str, since: datetime, limit: int = 200) -> list[Handout]:
    """What one person gave out since a moment, the newest first."""
    wanted = (table.c.brand_id == brand_id, table.c.issued_by == issued_by, table.c.at >= since)
    newest = _columns().where(*wanted).order_by(table.c.at.desc(), table.c.card_id.desc()).limit(limit)
    async with db.reading() as conn:
        return [_handout(row) for row in (await conn.execute(newest)).mappings()]


async def of_card(db: Database, brand_id: int, card_id: int) -> Handout | None:
    """The line of one card; None where nobody gave it out."""
    async with db.reading() as conn:
        found = await conn.execute(_columns().where(table.c.brand_id == brand_id, table.c.card_id == card_id))
        row = found.mappings().first()
    return _handout(row) if row else None


async def last_template(db: Database, brand_id: int, issued_by: str) -> str:
    """The key of the template that this person gave out last, or nothing."""
    templates, cards = tables.templates, tables.cards
    wanted = (table.c.brand_id == brand_id, table.c.issued_by == issued_by)
    last = select(templates.c.key).join(cards, cards.c.template_id == templates.c.id)
    last = last.join(table, table.c.card_id == cards.c.id).where(*wanted).order_by(table.c.at.desc()).limit(1)
    async with db.reading() as conn:
        return str((await conn.execute(last)).scalar_one_or_none() or "")


async def tally(db: Database, brand_id: int, issued_by: str, since: datetime) -> Tally:
    """The sums of one person since a moment."""
    wanted = (table.c.brand_id == brand_id, table.c.issued_by == issued_by, table.c.at >= since)
    counted = select(table.c.verdict, func.count(), func.count(table.c.installed_at)).where(*wanted)
    async with db.reading() as conn:
        rows = (await conn.execute(counted.group_by(table.c.verdict))).all()
    by = {row[0]: row[1] for row in rows}
    return Tally(sum(by.values()), sum(row[2] for row in rows), *(by.get(one.value, 0) for one in _ORDER))


_ORDER = (Verdict.COUNTED, Verdict.WAITING, Verdict.REFUSED)


async def between(db: Database, brand_id: int, since: datetime, until: datetime) -> AsyncIterator[Handout]:
    """Everything given out in a time, in its order, read piece by piece."""
    last: tuple[datetime, int] = (since, 0)
    while True:
        after = or_(table.c.at > last[0], and_(table.c.at == last[0], table.c.card_id > last[1]))
        page = _columns().where(table.c.brand_id == brand_id, table.c.at >= since, table.c.at < until, after)
        async with db.reading() as conn:
            rows = (await conn.execute(page.order_by(table.c.at, table.c.card_id).limit(ROWS))).mappings().all()
        for row in rows:
            yield _handout(row)
        if len(rows) < ROWS:
            return
        last = (rows[-1]["at"], rows[-1]["card_id"])


def _columns() -> Any:
    names = ("card_id", "outlet", "issued_by", "at", "installed_at", "wallet", "verdict", "reason", "look_at")
    cards = tables.cards
    return select(*(table.c[name] for name in names), cards.c.number).join(cards, cards.c.id == table.c.card_id)


def _handout(row: AnyRow) -> Handout:
    values = {name: value for name, value in row.items() if name not in ("verdict", "reason")}
    return Handout(**values, verdict=Verdict(row["verdict"]), why=Why(row["reason"]))
