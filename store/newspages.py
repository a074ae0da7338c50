"""A news's fan-out, where claims and settling meet it: whom a page reaches, and what its pushes count."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Table, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import newscounts, newsrules, newswaves
from store.clock import database_now
from store.fates import Fate, Settled
from store.livenews import live_of
from store.newscounts import Counts
from store.newsrules import Rules
from store.platforms import Route
from store.tables import cards, news, news_cards, news_waiting, registrations

if TYPE_CHECKING:
    from store.claims import Intent, Target

COLUMNS = {Fate.ACCEPTED: "accepted", Fate.PRUNE: "gone", Fate.PARK: "failed", Fate.RETRY: "failed"}
"""Where a final fate counts; a retry is final once it is given up."""


@dataclass(frozen=True, slots=True)
class Told:
    """What settled pushes are to their news: ``pages`` whose pages they are and that count, devices to leave in peace."""

    pages: frozenset[int] = frozenset()
    held_back: frozenset[int] = field(default_factory=frozenset)


async def news_of(conn: AsyncConnection, news_id: int) -> Any:
    """The row of a news that is being sent."""
    return (await conn.execute(select(news).where(news.c.id == news_id))).one()


async def allowed(conn: AsyncConnection, queue: Table, due: Sequence[Any]) -> Sequence[Any]:
    """Of due intents those that may go out now: what rings for live news alone waits for the end of quiet hours."""
    rings = [row for row in due if row.kind == "news" or (row.kind == "device" and row.for_news == 2)]
    asked = await newsrules.with_quiet(conn, {row.brand_id for row in rings})
    rings = [row for row in rings if row.brand_id in asked]
    if not rings:
        return due
    held = await _held(conn, rings, asked)
    for end in set(held.values()):
        mine = update(queue).where(queue.c.id.in_([id_ for id_, until in held.items() if until == end]))
        await conn.execute(mine.values(due_at=end))
    return [row for row in due if row.id not in held]


async def _held(conn: AsyncConnection, rings: Sequence[Any], asked: Mapping[int, Rules]) -> dict[int, datetime]:
    """Intents -> when their quiet hours end: the brand's, or those of the holders' clocks for news that go by them."""
    now = await database_now(conn)
    held_by_rules = and_(news.c.state == "running", news.c.is_test.is_(False))
    pages = [row.news_id for row in rings if row.news_id is not None]
    going = {row.id: row for row in await conn.execute(select(news).where(news.c.id.in_(pages), held_by_rules))}
    waits = select(news_waiting.c.device_id, news.c.id).join(news, news.c.id == news_waiting.c.news_id)
    waits = waits.where(news_waiting.c.device_id.in_([row.device_id for row in rings if row.device_id is not None]))
    waiting = {row.device_id: row.id for row in await conn.execute(waits.where(held_by_rules))}
    others = select(news).where(news.c.id.in_(set(waiting.values()) - set(going)))
    going |= {row.id: row for row in await conn.execute(others)}
    of_devices = await _of_devices(conn, going, waiting, asked)
    held = {}
    for row in rings:
        one = going.get(row.news_id if row.news_id is not None else waiting.get(row.device_id, 0))
        if one is None:
            continue
        rules = asked[row.brand_id]
        end = rules.allowed_from(now)
        if one.waves and row.news_id is not None:
            end = newswaves.quiet_until(one, rules, [one.wave_at], now).get(one.wave_at, now)
        elif one.waves:
            end = of_devices.get(row.device_id, now)
        if end > now:
            held[row.id] = end
    return held


async def _of_devices(
    conn: AsyncConnection, going: Mapping[int, Any], waiting: Mapping[int, int], asked: Mapping[int, Rules]
) -> dict[int, datetime]:
    """Phones that wait for a news of the holders' clocks, and have quiet hours."""
    found: dict[int, datetime] = {}
    for one in going.values():
        mine = [device_id for device_id, news_id in waiting.items() if news_id == one.id]
        if one.waves and mine:
            found |= await newswaves.held_devices(conn, one, asked[one.brand_id], mine)
    return found


async def reached(conn: AsyncConnection, row: Any, device_ids: Sequence[int]) -> frozenset[int] | None:
    """Of these devices those that hold a card which is not held out; None: all of them."""
    if not row.holdout or not device_ids:
        return None
    held = select(registrations.c.device_id, cards.c.serial_number).join(cards, cards.c.id == registrations.c.card_id)
    held = held.where(registrations.c.device_id.in_(device_ids))
    if row.is_listed:
        held = held.join(news_cards, news_cards.c.card_id == cards.c.id).where(listed(row))
    else:
        held = held.where(cards.c.template_id == row.template_id)
    live = live_of(row)
    return frozenset(one.device_id for one in await conn.execute(held) if live.for_card(one.serial_number))


def listed(row: Any) -> Any:
    """The rows of ``news_cards`` whom its pages are for: of one that goes in waves, and is being sent, the last wave alone."""
    mine = news_cards.c.news_id == row.id
    in_waves = row.wave_at is not None and row.state in newscounts.PUSHING
    return and_(mine, news_cards.c.wave_at == row.wave_at) if in_waves else mine


async def leave(conn: AsyncConnection, route: Route, intents: Sequence[Intent], now: datetime) -> None:
    """A page of which nobody could be rung now: its devices wait."""
    pages = await newscounts.pushing(conn, _paged(intents))
    await newscounts.wait_for(conn, _left(intents, pages), route.platform, now)


async def told(conn: AsyncConnection, intents: Sequence[Intent], settled: Sequence[Settled]) -> Told:
    """Asked before the fates are written; costs nothing where no push is for a news."""
    pages = _paged(intents)
    for_news = [row.target for row in settled if row.fate is Fate.RETRY and row.target.for_news == 2]
    if not pages and not for_news:
        return Told()
    of_them = {one for target in for_news for one in target.news}
    alone = await newscounts.held_back(conn, [target.device_id for target in for_news], of_them)
    return Told(await newscounts.pushing(conn, pages), alone)


async def count(
    conn: AsyncConnection,
    route: Route,
    told: Told,
    intents: Sequence[Intent],
    settled: Sequence[Settled],
    unanswered: Sequence[Target],
    open_ids: Collection[int],
    now: datetime,
) -> None:
    """Count the final fates, and write down who waits; ``open_ids`` are devices with no verdict yet."""
    waits = _left(intents, told.pages)
    waits += [(one, target.device_id) for target in unanswered for one in target.news if one in told.pages]
    counts: Counts = {}
    fates = {row.target.device_id: row for row in settled if row.target.device_id not in open_ids}
    for row in settled:
        for one in row.target.news:
            if one not in told.pages:
                continue
            if row.target.device_id in open_ids:
                waits.append((one, row.target.device_id))
            else:
                _add(counts, one, row)
    late = await newscounts.take(conn, [row.target.device_id for row in settled if _was_waiting(row, fates, told)])
    still = await newscounts.pushing(conn, {one for one, _ in late})
    for one, device_id in late:
        if one in still:
            _add(counts, one, fates[device_id])
    await newscounts.wait_for(conn, waits, route.platform, now)
    await newscounts.add(conn, counts)


def _was_waiting(row: Settled, fates: Collection[int], told: Told) -> bool:
    is_direct = any(one in told.pages for one in row.target.news)
    return row.target.for_news > 0 and row.target.device_id in fates and not is_direct


def _add(counts: Counts, news_id: int, row: Settled) -> None:
    more, column = counts.setdefault(news_id, {}), COLUMNS[row.fate]
    names = [column] if row.fate is Fate.ACCEPTED else [column, newscounts.because(column, row.reason)]
    for name in names:
        more[name] = more.get(name, 0) + 1


def _paged(intents: Sequence[Intent]) -> frozenset[int]:
    return frozenset(intent.news_id for intent in intents if intent.news_id is not None)


def _left(intents: Sequence[Intent], pages: Collection[int]) -> list[tuple[int, int]]:
    return [(id_, device_id) for one in intents if (id_ := one.news_id) in pages and id_ for device_id in one.left]
