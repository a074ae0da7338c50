"""Which news a card shows: the newest that is live on its template and meant for it. Read with the card, no clock.

``templates.news`` is written by the timer (``store.newstimer``) in the transaction that makes a news live or over: a JSON
list, newest first, null where nothing is live. A hot read takes it along with the row; only where one of them is for listed
cards it looks at ``news_cards`` too. What a news says is kept in memory by (id, stamp).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import orjson
from sqlalchemy import BigInteger, ColumnElement, Text, case, cast, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.arms import arm
from passkit.model import News, Picture
from store import newspictures, tables
from store.dialect import Database

KEPT = 4_096
"""Texts of news kept in memory; a news has a few KB at most."""
PICTURED = 32
"""Of them, news with a picture: a few hundred KB each."""
HISTORY, PAST = 10, 20
"""Texts that a card's history shows, and news that a template remembers for it."""
NEWEST = 1 << 62
"""Stands for the id of a card that is being issued."""
LISTED = '"listed"'
"""Stands in ``templates.news`` where one of the news is for listed cards only."""


@dataclass(frozen=True, slots=True)
class Live:
    """A live news as its template's row has it; ``at`` is when it went live, microseconds since the epoch."""

    id: int
    key: str
    stamp: str
    at: int
    holdout: int
    shares: tuple[int, ...]
    is_listed: bool
    last_card: int = 0
    """Of a news that is over: the newest card of its time; 0: it is live."""
    is_silent: bool = False
    """Nobody more is rung for it: a card that has not shown it yet shows it silently."""
    wave: int | None = None
    """At an hour of each holder's clock: the last of its waves that is live (``store.newswaves``)."""

    @property
    def is_for_everyone(self) -> bool:
        """The same words and picture for all holders: Google's class says and shows them."""
        return not self.is_listed and not self.holdout and len(self.shares) == 1

    def for_card(self, serial: str, *, at: int | None = None) -> Shown | None:
        """What it is on this card since ``at``, if that is in its audience; None: held out."""
        chosen = arm(self.key, serial, self.holdout, self.shares)
        since = self.at if at is None else at
        return None if chosen is None else Shown(self.id, since, self.stamp, chosen, is_silent=self.is_silent)

    def listed_for(self, serial: str, listed: Mapping[int, Listed]) -> Shown | None:
        """The same where it may be for listed cards, or for this one only later."""
        if not self.is_listed:
            return self.for_card(serial)
        mine = listed.get(self.id)
        if mine is None or (mine.wave is not None and (self.wave is None or mine.wave > self.wave)):
            return None
        shown_ = self.for_card(serial, at=mine.at or mine.wave)
        return replace(shown_, is_silent=True) if shown_ and mine.is_silent else shown_

    def has_left(self, listed: Mapping[int, Listed]) -> bool:
        """Whether it is over for a card alone (``store.firing``)."""
        mine = listed.get(self.id)
        return mine is not None and mine.is_over


@dataclass(frozen=True, slots=True)
class Listed:
    """A card in a news's list: whether it shows it silently, and its wave, None: with all others.

    ``at``: when it alone was told of it; ``is_over``: and is no more.
    """

    is_silent: bool
    wave: int | None = None
    at: int | None = None
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """The news that a card shows, and which of its texts."""

    id: int
    at: int = field(compare=False)
    stamp: str
    arm: int = 0
    told: tuple[Shown, ...] = ()
    """What the card was told, newest first, where its template shows ``news.history``; id 0: that, and no news now."""
    is_silent: bool = field(default=False, compare=False)
    """It does not ring: the card has had as many as it may be rung for (``store.newscaps``), or the news was stopped."""

    @property
    def edition_stamp(self) -> str:
        """What it adds to the card's edition."""
        return "".join([f"{self.stamp}{self.arm}", *(f",{one.stamp}{one.arm}" for one in self.told)])


@dataclass(frozen=True, slots=True)
class Board:
    """What a template's cards show and were told; ``past`` are the newest that are over, not withdrawn."""

    live: tuple[Live, ...] = ()
    past: tuple[Live, ...] = ()
    has_history: bool = False


def dumped(board: Board) -> dict[str, str | None]:
    """The columns ``news`` and ``past_news`` of a template's row."""
    live, past = _rows(board.live), _rows(board.past)[:PAST]
    shown: Any = {"live": live, "past": past} if board.has_history else live
    return {
        "news": orjson.dumps(shown).decode() if shown else None,
        "past_news": orjson.dumps(past).decode() if past else None,
    }


def _rows(news_: Sequence[Live]) -> list[list[Any]]:
    ordered = sorted(news_, key=lambda one: (one.at, one.id), reverse=True)
    return [_row(one) for one in ordered]


def _row(one: Live) -> list[Any]:
    listed = "listed" if one.is_listed else ""
    row: list[Any] = [one.id, one.key, one.stamp, one.at, one.holdout, one.shares, listed, one.last_card]
    return [*row, one.is_silent, one.wave] if one.is_silent or one.wave is not None else row


def board(kept: str | None, past: str | None) -> Board:
    """What ``dumped`` made."""
    shown_ = parsed(kept) if kept else Board()
    return Board(shown_.live, _lives(orjson.loads(past)) if past else (), shown_.has_history)


async def locked(conn: AsyncConnection, template_id: int) -> Board:
    """What the template's cards show and were told, kept from others until the end of the transaction."""
    templates = tables.templates.c
    wanted = select(templates.news, templates.past_news).where(templates.id == template_id).with_for_update()
    row = (await conn.execute(wanted)).one()
    return board(row.news, row.past_news)


async def show(conn: AsyncConnection, template_id: int, shown_: Board) -> None:
    """Write what ``locked`` has read and the caller has changed."""
    await conn.execute(update(tables.templates).where(tables.templates.c.id == template_id).values(**dumped(shown_)))


@lru_cache(maxsize=256)
def parsed(kept: str) -> Board:
    """What a card's row has of it: the past only where it is shown."""
    rows = orjson.loads(kept)
    if isinstance(rows, dict):
        return Board(_lives(rows["live"]), _lives(rows["past"]), has_history=True)
    return Board(_lives(rows))


def _lives(rows: Sequence[Sequence[Any]]) -> tuple[Live, ...]:
    return tuple(
        Live(id_, key, stamp, at, held, tuple(shares), bool(mark), *more)
        for id_, key, stamp, at, held, shares, mark, *more in rows
    )


def shown(kept: str | None, listed: str | None, serial: str, card_id: int) -> Shown | None:
    """The news that a card shows; ``listed`` are the news that list it, comma between them: ``listed_column``."""
    if kept is None:
        return None
    found, mine = parsed(kept), _listed(listed) if listed else {}
    lives = (live.listed_for(serial, mine) for live in found.live if not live.has_left(mine))
    now = [one for one in lives if one is not None]
    if any(one.wave is not None for one in found.live) or any(one.at is not None for one in mine.values()):
        now.sort(key=lambda one: -one.at)
    if not found.has_history:
        return now[0] if now else None
    past = [one for one in found.past if card_id <= one.last_card] + [one for one in found.live if one.has_left(mine)]
    before = (one.listed_for(serial, mine) for one in past)
    told = sorted([*now, *filter(None, before)], key=lambda one: -one.at)[:HISTORY]
    if not told:
        return None
    return replace(now[0] if now else Shown(0, 0, ""), told=tuple(told))


def _listed(text: str) -> dict[int, Listed]:
    """``12,-13,14@1795600000000000,15~1795600000000000!``: below 0 silently, behind @ the wave.

    Behind ~ stands when this card alone was told, with ! it has left it again.
    """
    found = {}
    for one in text.split(","):
        named, _, at = one.partition("~")
        marked, _, wave = named.partition("@")
        told = int(at.rstrip("!")) if at else None
        found[abs(int(marked))] = Listed(int(marked) < 0, int(wave) if wave else None, told, at.endswith("!"))
    return found


def of_class(kept: str | None) -> Shown | None:
    """The news that every card of the template shows, if the newest is for all."""
    newest = next(iter(parsed(kept).live), None) if kept else None
    return newest.for_card("") if newest is not None and newest.is_for_everyone else None


def of_row(row: Mapping[str, Any]) -> Shown | None:
    """The same for a card's row with ``template_news`` and ``listed_news``."""
    kept = row["template_news"]
    return None if kept is None else shown(kept, row.get("listed_news"), row["serial_number"], row.get("id") or NEWEST)


def stamps(one: Shown | None) -> tuple[str, ...]:
    """For ``passkit.change.edition``."""
    return () if one is None else (one.edition_stamp,)


def listed_column() -> ColumnElement[str]:
    """``listed_news`` of a card's row: read only where its template has a news for listed cards."""
    news_cards, templates = tables.news_cards.c, tables.templates.c
    marked = cast(case((news_cards.capped, -news_cards.news_id), else_=news_cards.news_id), Text)
    wave = case((news_cards.wave_at.is_(None), ""), else_=literal("@").concat(cast(news_cards.wave_at, Text)))
    at = case(
        (news_cards.at.is_(None), ""), else_=literal("~", Text).concat(cast(cast(news_cards.at, BigInteger), Text))
    )
    left = case((news_cards.over_at.is_(None), ""), else_="!")
    ids = select(func.aggregate_strings(marked.concat(wave).concat(at).concat(left), ","))
    mine = ids.where(news_cards.card_id == tables.cards.c.id).correlate(tables.cards).scalar_subquery()
    return case((templates.news.like(f"%{LISTED}%"), mine)).label("listed_news")


def listed_sql(dialect: str) -> str:
    """The same in plain SQL, for cards ``c`` and templates ``t``."""
    marked = "CAST(CASE WHEN n.capped THEN -n.news_id ELSE n.news_id END AS TEXT)"
    marked += " || CASE WHEN n.wave_at IS NULL THEN '' ELSE '@' || CAST(n.wave_at AS TEXT) END"
    marked += " || CASE WHEN n.at IS NULL THEN '' ELSE '~' || CAST(n.at AS TEXT) END"
    marked += " || CASE WHEN n.over_at IS NULL THEN '' ELSE '!' END"
    joined = {"sqlite": f"group_concat({marked})", "postgresql": f"string_agg({marked}, ',')"}
    ids = f"SELECT {joined[dialect]} FROM news_cards n WHERE n.card_id = c.id"  # noqa: S608 - made of constants
    return f"CASE WHEN t.news LIKE '%{LISTED}%' THEN ({ids}) END"


class Texts:
    """What news say, by (id, stamp); the least recently read go first."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str], tuple[News, ...]] = OrderedDict()

    def get(self, one: Shown) -> News | None:
        """The text of the card's arm, if it has been read."""
        texts = self._kept.get((one.id, one.stamp))
        if texts is None:
            return None
        self._kept.move_to_end((one.id, one.stamp))
        return texts[one.arm]

    def put(self, id_: int, stamp: str, texts: tuple[News, ...]) -> None:
        """Keep what was read."""
        self._kept[id_, stamp] = texts
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        pictured = [key for key, kept in self._kept.items() if kept[0].picture is not None]
        for key in pictured[:-PICTURED]:
            del self._kept[key]


def text(db: Database, one: Shown | None) -> News | None:
    """What it says, with the card's history; ``load`` was called before."""
    if one is None:
        return None
    found = _text(db, one) if one.id else News({})
    if not one.told:
        return found
    return replace(found, history=tuple((tables.from_micros(past.at), _text(db, past).text) for past in one.told))


def _text(db: Database, one: Shown) -> News:
    found = db.kept(Texts).get(one)
    if found is None:
        raise LookupError("the news was not loaded before the card was filled")
    return found


async def load(db: Database, conn: AsyncConnection | None, one: Shown | None) -> None:
    """Read what it says, once per process; ``conn`` is the caller's transaction, None for a reading of its own."""
    if one is None:
        return
    for past in one.told:
        if past.id != one.id:
            await load(db, conn, past)
    if not one.id or db.kept(Texts).get(one) is not None:
        return
    if conn is None:
        async with db.reading() as reading:
            await load(db, reading, one)
        return
    table = tables.news.c
    row = (await conn.execute(select(table.variants, table.pictures).where(table.id == one.id))).first()
    if row is not None:  # a stamp that is another by now was of other words: they are of no use to anybody any more
        picture = await newspictures.read(conn, row.pictures)
        db.kept(Texts).put(one.id, one.stamp, tuple(news(variant, picture) for variant in row.variants))


def news(variant: Mapping[str, Any], picture: Picture | None = None) -> News:
    """One of a news's texts as the pass builder takes it."""
    return News(variant["text"], variant.get("title") or {}, variant.get("url"), picture)


async def shown_before(conn: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> list[Shown | None]:
    """The news that each card's ``modified_edition`` shows, whether it is live still or not; its history is today's."""
    table, ids = tables.news.c, {row["news_id"] for row in rows if row["news_id"] is not None}
    found: dict[int, Live] = {}
    if ids:
        wanted = select(table.id, table.key, table.stamp, table.live_at, table.holdout, table.variants, table.is_listed)
        found = {row.id: live_of(row) for row in await conn.execute(wanted.where(table.id.in_(ids)))}
    return [_shown_before(row, found) for row in rows]


def _shown_before(row: Mapping[str, Any], found: Mapping[int, Live]) -> Shown | None:
    is_now = of_row(row)
    told = is_now.told if is_now else ()
    if row["news_id"] is None:
        return Shown(0, 0, "", told=told) if told else None
    live = found.get(row["news_id"])
    before = None if live is None else live.for_card(row["serial_number"])
    if before is None:
        return None
    at = is_now.at if is_now is not None and is_now.id == before.id else before.at
    return replace(before, at=at, told=told)


def live_of(row: Any) -> Live:
    """A row of ``news`` that is live as its template's row has it."""
    at = tables.to_micros(row.live_at)
    shares = tuple(variant.get("share", 1) for variant in row.variants)
    return Live(row.id, row.key, row.stamp, at, row.holdout, shares, row.is_listed)
