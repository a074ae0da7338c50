"""News on Google's objects: those that are not the same words for every holder, so that no message of the class says them.

``google_objects.news`` names the news of an object, ``[news id, arm, told]``: told is empty
(``SILENT``: and it is not notified) until Google has the message, then the id of that message, or how it ended without one
(``FAILED``, ``GONE``), or ``LATE``: the object came when others had been told, so that it says the news too, silently and
counted nowhere. The timer puts news on and takes them off page by page (``page``), its place moves in the same transaction.
What is sent is decided at the claim, by the news as it is then: what is paused or over is not sent any more, what was corrected
is sent anew, silently.

An object shows at most eight news, the newest; with a change's message that is nine of Google's ten.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Integer, and_, bindparam, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.arms import arm
from store import googlemessages, newscounts, newsreasons, newsrules, newswaves
from store.dialect import Database, database_now
from store.googleintents import due_again, mark
from store.googlework import ClassMessage, Outcome, Result, Work
from store.jobs import Lane
from store.newscounts import Counts
from store.tables import brands, cards, google_classes, google_objects, news, news_cards

PAGE = 500
"""Objects looked at in one transaction."""
MOST = googlemessages.MOST - 1
"""News on one object; a change's message has a place of its own."""
PREFIX = "n_"
"""Of the ids of messages that are news."""
FAILED, GONE = "failed", "gone"
"""``told`` of an object that was not told in the end, and the column of ``news_counts``."""
SILENT = "silent"
"""``told`` of an object that waits for it and is not to be notified."""
WAITING = ("", SILENT)
LATE = "late"
"""``told`` of an object that Google has taken after the news's pages had passed."""
TELLING, TOLD, LEAVING = "telling", "told", "leaving"
"""``news.google_state`` while objects get the news, when all have, and while it is taken off them."""
BY_OBJECT = (TELLING, TOLD)

Row = Any
"""A row of a SELECT, read by its columns' names."""
Entry = tuple[int, int, str]
"""News id, arm, told."""


@dataclass(frozen=True, slots=True)
class Said:
    """A live news as objects say it; ``may_tell``: who was not told yet is told now."""

    id: int
    message_id: str
    at: datetime
    ends_at: datetime | None
    may_tell: bool
    variants: Sequence[Mapping[str, Any]] = field(repr=False)
    held: frozenset[int] = frozenset()
    """Cards whose holders have quiet hours, of a news that goes by their clocks."""

    def message(self, arm_: int, brand: str) -> ClassMessage:
        """The words of an arm; the brand's name stands in for a title."""
        return message(self.message_id, self.variants[arm_], brand, self.ends_at)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about an object's news now: messages to keep, whether Google holds others, and the next to add."""

    keep: tuple[ClassMessage, ...] = ()
    ended: bool = False
    add: ClassMessage | None = None
    news_id: int | None = None
    entries: tuple[Entry, ...] = ()
    counts: Counts = field(default_factory=dict)


def message(id_: str, variant: Mapping[str, Any], brand: str, ends_at: datetime | None) -> ClassMessage:
    """One of a news's texts as a message of Google's."""
    header = variant["title"] or dict.fromkeys(variant["text"], brand)
    return ClassMessage(id_, header, variant["text"], None, ends_at, notify=True)


def message_id(row: Row) -> str:
    """What Google knows the news's message by: another after a correction, so that the old one leaves."""
    return row.key if row.corrected_at is None else f"{row.key}-{row.stamp[:6]}"


def kept(row: Row) -> tuple[Entry, ...]:
    """The news of an object's row."""
    return tuple((id_, arm_, told) for id_, arm_, told in row["news"] or ())


def has_news(row: Mapping[str, Any]) -> bool:
    """Whether there may be something to do about news on the object."""
    return bool(row["news"]) or any(name.startswith(PREFIX) for name in row["sent_messages"])


def dumped(entries: Iterable[Entry]) -> list[list[Any]] | None:
    """What the column holds."""
    return [list(entry) for entry in entries] or None


async def said(conn: AsyncConnection, rows: Sequence[Row]) -> dict[int, Said]:
    """The live news of these objects, by id."""
    ids = {entry[0] for row in rows for entry in kept(row)}
    if not ids:
        return {}
    found = (await conn.execute(select(news).where(news.c.id.in_(ids), news.c.is_live.is_(True)))).all()
    quiet = await newsrules.quiet_brands(conn, {row.brand_id for row in found})
    now, card_ids = await database_now(conn), [row["card_id"] for row in rows]
    held = {row.id: await newswaves.held_cards(conn, row, card_ids) for row in found if row.waves}
    return {
        row.id: Said(
            row.id,
            message_id(row),
            row.live_at,
            row.ends_at,
            _may_tell(row, quiet, now),
            row.variants,
            held.get(row.id, frozenset()),
        )
        for row in found
    }


def _may_tell(row: Row, quiet: Collection[int], now: datetime) -> bool:
    is_over = row.not_later_than is not None and row.not_later_than <= now
    is_quiet = row.brand_id in quiet and not (row.is_test or row.waves)
    return row.state == "running" and not is_quiet and not is_over


async def is_being_told(conn: AsyncConnection, row: Row, now: datetime) -> bool:
    """Whether an object of a news that is told one by one is on its way to Google."""
    if row.google_state != TELLING:
        return False
    of_class = select(google_classes.c.id).where(google_classes.c.template_id == row.template_id).scalar_subquery()
    mine = (google_objects.c.class_row_id == of_class, google_objects.c.news.is_not(None))
    leased = select(google_objects.c.id).where(*mine, google_objects.c.lease_until > now)
    return (await conn.execute(leased.limit(1))).first() is not None


def plan(row: Mapping[str, Any], live: Mapping[int, Said], brand: str) -> Plan:
    """The next step for an object: at most one message is added at a time."""
    entries: list[Entry] = list(kept(row))
    counts: Counts = {}
    if not entries and not has_news(row):
        return Plan()
    newest = sorted((entry for entry in entries if entry[0] in live), key=lambda one: live[one[0]].at, reverse=True)
    shown = newest[:MOST]
    for place, entry in enumerate(entries):
        fate = _lost(entry, row, live, shown)
        if fate:
            entries[place] = (entry[0], entry[1], fate)
            counts[entry[0]] = _ended(fate, newsreasons.NOT_IN_WALLET if fate == GONE else newsreasons.TOO_MANY)
    sent = set(row["sent_messages"])
    keep = [entry for entry in shown if live[entry[0]].message_id in sent]
    waits = [entry for entry in shown[::-1] if entry in entries and _is_due(entry, live[entry[0]], row["card_id"])]
    ours = {name for name in sent if name.startswith(PREFIX)}
    ended = bool(ours - {live[entry[0]].message_id for entry in keep})
    add = waits[0] if waits else None
    return Plan(
        keep=tuple(live[entry[0]].message(entry[1], brand) for entry in keep),
        ended=ended,
        add=live[add[0]].message(add[1], brand) if add else None,
        news_id=add[0] if add else None,
        entries=tuple(entries),
        counts=counts,
    )


def _ended(fate: str, reason: str) -> dict[str, int]:
    """What an object counts that is not told in the end."""
    return {fate: 1, newscounts.because(fate, reason): 1, "google": 1}


def is_first(row: Mapping[str, Any], news_id: int | None) -> bool:
    """Whether the object was told nothing of this news yet: only then it may notify."""
    return any(one == news_id and not told for one, _, told in kept(row))


def _lost(entry: Entry, row: Mapping[str, Any], live: Mapping[int, Said], shown: Sequence[Entry]) -> str | None:
    """How it ends for an object that waits and is not going to be told."""
    if entry[2] not in WAITING or entry[0] not in live:
        return None
    if row["present"] is False:
        return GONE
    return None if entry in shown else FAILED


def _is_due(entry: Entry, one: Said, card_id: int) -> bool:
    told = entry[2]
    if told in (FAILED, GONE):
        return False
    return (one.may_tell and card_id not in one.held) if told in WAITING else told != one.message_id


def settled(row: Mapping[str, Any], result: Result) -> tuple[dict[str, Any], Counts]:
    """The object's news after Google's answer, and what that counts."""
    work, outcome = result.work, Outcome(result.outcome)
    entries = list(kept(row))
    counts: Counts = {}
    is_refused = outcome is Outcome.DEAD
    for place, (news_id, arm_, told) in enumerate(entries):
        was_sent = work.news_id == news_id and work.message is not None and result.message_sent
        if was_sent and work.message is not None:
            entries[place] = (news_id, arm_, work.message["id"])
            if told in WAITING:
                counts[news_id] = {"accepted": 1, "google": 1}
        elif is_refused and (work.news_id == news_id or work.message is None) and told in WAITING:
            entries[place] = (news_id, arm_, FAILED)
            counts[news_id] = _ended(FAILED, result.reason)
        elif (
            is_refused and work.news_id == news_id and work.message is not None
        ):  # a correction: what was said stays away
            entries[place] = (news_id, arm_, work.message["id"])
    return ({} if dumped(entries) == row["news"] else {"news": dumped(entries)}), counts


def goes_on(row: Mapping[str, Any], work: Work, now: datetime) -> dict[str, Any]:
    """An object that has more to say, or to take back, is due again, behind the customers' changes."""
    was_looked_at = work.known and work.lane >= Lane.CAMPAIGN  # what it says is looked at once Google has it
    if work.kind != "object" or not has_news(row) or (work.message is None and was_looked_at):
        return {}
    return {"due_at": now, "wanted_at": now, "lane": int(Lane.CAMPAIGN)}


def unfit(row: Mapping[str, Any]) -> tuple[dict[str, Any], Counts]:
    """An object that cannot be made into a body keeps no news waiting."""
    entries = kept(row)
    waits = [entry for entry in entries if entry[2] in WAITING]
    if not waits:
        return {}, {}
    ended = [(news_id, arm_, FAILED if told in WAITING else told) for news_id, arm_, told in entries]
    return {"news": dumped(ended)}, {entry[0]: _ended(FAILED, newsreasons.UNFIT) for entry in waits}


async def page(db: Database, news_id: int) -> bool:
    """Put the news on the next objects of its template, or take it off them; False when there are no more."""
    async with db.transaction() as conn:
        row = await _paged(conn, news_id)
        if row is None:
            return False
        found = await _objects(conn, row)
        entries = [(one["id"], _entries(row, one)) for one in found]
        moved = [(id_, entry) for id_, entry in entries if entry is not None]
        new = sum(1 for one in found if _is_new(row, one))
        await _write(conn, [(id_, entry) for id_, entry in moved])
        is_last = len(found) < PAGE
        values: dict[str, Any] = {"google_position": None if is_last else found[-1]["id"]}
        if row.google_state == TELLING:
            values["google_targets"] = news.c.google_targets + new
        await conn.execute(update(news).where(news.c.id == news_id).values(**values))
        return not is_last


async def _paged(conn: AsyncConnection, news_id: int) -> Row | None:
    wanted = select(news).where(news.c.id == news_id, news.c.google_position.is_not(None))
    row = (await conn.execute(wanted.with_for_update(skip_locked=True))).first()
    if row is None or row.google_state != TELLING:
        return row
    is_quiet = not (row.is_test or row.waves) and row.brand_id in await newsrules.quiet_brands(conn, {row.brand_id})
    return None if row.state == "paused" or is_quiet else row


async def _objects(conn: AsyncConnection, row: Row) -> Sequence[Row]:
    """The next objects, each with its card's serial number and whether the card is in a listed news's audience."""
    of_class = select(google_classes.c.id).where(google_classes.c.template_id == row.template_id).scalar_subquery()
    listed = and_(news_cards.c.card_id == cards.c.id, news_cards.c.news_id == row.id, news_cards.c.over_at.is_(None))
    columns = (news_cards.c.card_id.label("listed"), news_cards.c.capped, news_cards.c.wave_at)
    wanted = select(google_objects, cards.c.serial_number, *columns)
    wanted = wanted.join(cards, cards.c.id == google_objects.c.card_id).outerjoin(news_cards, listed)
    wanted = wanted.where(google_objects.c.class_row_id == of_class, google_objects.c.id > row.google_position)
    wanted = wanted.order_by(google_objects.c.id).limit(PAGE).with_for_update(of=google_objects)
    return (await conn.execute(wanted)).mappings().all()


def _is_new(row: Row, one: Mapping[str, Any]) -> bool:
    """Whether the news belongs on this object, which does not have it yet."""
    if row.google_state != TELLING or any(entry[0] == row.id for entry in kept(one)):
        return False
    is_there = one["accepted_digest"] is not None and one["present"] is not False
    is_later = one["wave_at"] is not None and one["wave_at"] > (row.wave_at or 0)
    return is_there and not (row.is_listed and one["listed"] is None) and not is_later and _arm(row, one) is not None


def _arm(row: Row, one: Mapping[str, Any]) -> int | None:
    shares = tuple(variant.get("share", 1) for variant in row.variants)
    return arm(row.key, one["serial_number"], row.holdout, shares)


def _entries(row: Row, one: Mapping[str, Any]) -> tuple[Entry, ...] | None:
    """The object's news after the page; None: nothing is to be done about it."""
    mine = kept(one)
    if row.google_state == LEAVING:
        left = tuple(entry for entry in mine if entry[0] != row.id)
        return None if left == mine else left
    if _is_new(row, one):
        return (*mine, (row.id, _arm(row, one) or 0, SILENT if one["capped"] else ""))
    return mine if any(entry[0] == row.id and entry[2] not in (FAILED, GONE) for entry in mine) else None


async def _write(conn: AsyncConnection, rows: Sequence[tuple[int, tuple[Entry, ...]]]) -> None:
    if not rows:
        return
    one = update(google_objects).where(google_objects.c.id == bindparam("row_id", type_=Integer))
    one = one.values(news=bindparam("entries", type_=google_objects.c.news.type))
    one = one.values(**due_again(google_objects, Lane.CAMPAIGN))
    await conn.execute(one, [{"row_id": id_, "entries": dumped(entries)} for id_, entries in rows])
    await mark(conn)


async def late(conn: AsyncConnection, row: Row, now: datetime) -> dict[str, Any]:
    """An object that Google has just taken for the first time: the live news whose pages will not come to it (any more)."""
    mine = select(cards.c.serial_number, cards.c.template_id).where(cards.c.id == row["card_id"])
    card = (await conn.execute(mine)).one()
    passed = or_(news.c.google_position.is_(None), news.c.google_position >= row["id"])
    listed = and_(news_cards.c.news_id == news.c.id, news_cards.c.card_id == row["card_id"])
    listed = and_(listed, news_cards.c.over_at.is_(None))
    wanted = select(news, news_cards.c.card_id.label("listed"), news_cards.c.wave_at.label("wave"))
    wanted = wanted.outerjoin(news_cards, listed)
    wanted = wanted.where(news.c.template_id == card.template_id, news.c.is_live.is_(True), passed)
    wanted = wanted.where(news.c.google_state.in_(BY_OBJECT)).order_by(news.c.id)
    entries = list(kept(row))
    known = {entry[0] for entry in entries}
    for one in await conn.execute(wanted):
        is_later = one.wave is not None and one.wave > (one.wave_at or 0)
        is_not_his = is_later or (one.is_listed and one.listed is None)
        chosen = None if is_not_his else _arm(one, {"serial_number": card.serial_number})
        if chosen is not None and one.id not in known:
            entries.append((one.id, chosen, LATE))
    if len(entries) == len(known):
        return {}
    return {"news": dumped(entries), "due_at": now, "wanted_at": now, "lane": int(Lane.CAMPAIGN)}


def unsaid(row: Mapping[str, Any]) -> list[list[Any]] | None:
    """The news of an object that Google has lost: what it said is said again, silently."""
    stays = (*WAITING, FAILED, GONE)
    return dumped((id_, arm_, told if told in stays else LATE) for id_, arm_, told in kept(row))


async def put(conn: AsyncConnection, row: Row, card_ids: Collection[int], silent: Collection[int]) -> None:
    """A listed news that is live comes onto the objects of these cards; the caller has locked its row."""
    if row.google_state not in BY_OBJECT or not card_ids:
        return
    is_there = (google_objects.c.accepted_digest.is_not(None), google_objects.c.present.is_not(False))
    wanted = select(google_objects).where(google_objects.c.card_id.in_(card_ids), *is_there)
    wanted = wanted.order_by(google_objects.c.id).with_for_update()
    new = []
    for one in (await conn.execute(wanted)).mappings().all():
        mine = kept(one)
        if any(entry[0] == row.id and entry[2] not in (FAILED, GONE) for entry in mine):
            continue  # it says so already
        others = tuple(entry for entry in mine if entry[0] != row.id)
        new.append((one["id"], (*others, (row.id, 0, SILENT if one["card_id"] in silent else ""))))
    await _write(conn, new)
    if new:
        more = news.c.google_targets + len(new)
        await conn.execute(update(news).where(news.c.id == row.id).values(google_targets=more))


async def leave_card(conn: AsyncConnection, card_id: int, news_ids: Collection[int]) -> None:
    """The news are for this card no more: their messages leave its object, silently; who waits is counted no more."""
    locked = select(news.c.id).where(news.c.id.in_(news_ids)).order_by(news.c.id)  # news before objects, as a page does
    await conn.execute(locked.with_for_update())
    wanted = select(google_objects).where(google_objects.c.card_id == card_id, google_objects.c.news.is_not(None))
    row = (await conn.execute(wanted.with_for_update())).mappings().first()
    if row is None or not any(entry[0] in news_ids for entry in kept(row)):
        return
    await _write(conn, [(row["id"], tuple(entry for entry in kept(row) if entry[0] not in news_ids))])
    for news_id, _, told in sorted(kept(row)):
        if news_id in news_ids and told in WAITING:
            less = update(news).where(news.c.id == news_id).values(google_targets=news.c.google_targets - 1)
            await conn.execute(less)


async def brand_name(conn: AsyncConnection, brand_id: int) -> str:
    """What stands above a message without a title."""
    return str((await conn.execute(select(brands.c.name).where(brands.c.id == brand_id))).scalar_one())


def add_up(total: Counts, more: Mapping[int, Mapping[str, int]]) -> None:
    """Counts of one row to those of a transaction."""
    for news_id, columns in more.items():
        mine = total.setdefault(news_id, {})
        for name, count in columns.items():
            mine[name] = mine.get(name, 0) + count
