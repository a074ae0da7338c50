"""What starting a news now would do: whom it reaches, what their phones say, how long it takes; and whether that still holds."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.audience import NotAnAudience
from passkit.change import compare, ring_order
from passkit.errors import Problem, RenderError
from passkit.masking import masked
from passkit.model import News
from passkit.render import fill
from passkit.schema import Template
from store import livenews, newsaudience, newsrules, newstimer, newswaves, randomness, tables
from store.cardrows import CardRow, card_model
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.newsaudience import Reach
from store.newsviews import needed, refuse_unless, revision_of
from store.newswaves import Wave
from store.tables import news as table

DRIFT = 0.01
"""Share of the audience that may come or go between the dry run and the start."""
PUSHES_A_SECOND = 500
"""A careful guess for the dry run: as fast as the fetches that come back."""
GOOGLE_A_SECOND = 18
SAMPLES = 5
"""Cards that a dry run shows."""


@dataclass(frozen=True, slots=True)
class NewsSample:
    """A real card of the audience, its holder masked: ``lock_screen`` is what an iPhone says, None: it stays silent."""

    number: str
    language: str
    lock_screen: str | None


@dataclass(frozen=True, slots=True)
class DryRun:
    """What starting it now would do; ``plan`` is to be given to ``start``. ``seconds``: about how long it takes."""

    plan: str
    revision: int
    reach: Reach
    google: str  # "message" to everyone, "messages" one by one, "off"
    samples: tuple[NewsSample, ...]
    warnings: tuple[str, ...]
    seconds: int
    waves: tuple[Wave, ...] = ()


async def dry_run(db: Database, brand_id: int, key: str, now: datetime) -> DryRun:
    """What starting it now would do, kept as its plan; Conflict when it has been started."""
    return (await looked_at(db, brand_id, key, now))[0]


async def looked_at(
    db: Database, brand_id: int, key: str, now: datetime, states: tuple[str, ...] = ("draft",)
) -> tuple[DryRun, Any, newsaudience.Found]:
    """The same with the news's row and some of the cards that it would reach.

    One that waits for approval, if ``states`` let it, keeps the plan by which it was asked for.
    """
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        refuse_unless(row, states, "looked at before it is sent")
        _, revision = await revision_of(db, conn, brand_id, row.template_key)
        wanted = await wanted_of(db, conn, row, now)
        way = await _google_way(conn, row)
    found = await newsaudience.look(db, wanted, now)
    reach = found.reach if way != "off" else _without_google(found.reach)
    samples = tuple(_sample(db, card, row, wanted, now) for card in found.samples[:SAMPLES])
    plan = planned(row, reach.cards)
    if row.state == "draft":
        async with db.transaction() as conn:
            kept = update(table).where(table.c.id == row.id, table.c.state == "draft")
            await conn.execute(kept.values(plan=plan, updated_at=now))
    else:
        plan = row.plan or plan
    phones = reach.iphones + reach.other_phones
    seconds = max(1, round(phones / PUSHES_A_SECOND), round(reach.google / GOOGLE_A_SECOND) if way == "messages" else 0)
    waves = (
        newswaves.planned(row, wanted.rules, found.zones, now)
        if newswaves.goes_by_holders(row) and wanted.rules
        else ()
    )
    warnings = tuple(_warnings(row, revision.template, reach, samples, waves))
    return DryRun(str(plan["id"]), row.revision_number, reach, way, samples, warnings, seconds, waves), row, found


def _live(row: Any, now: datetime) -> livenews.Live:
    """As it would be on its template's row if it went live now."""
    shares = tuple(variant["share"] for variant in row.variants)
    return livenews.Live(row.id, row.key, row.stamp, tables.to_micros(now), row.holdout, shares, row.is_listed)


async def wanted_of(db: Database, conn: AsyncConnection, row: Any, now: datetime) -> newsaudience.Wanted:
    """Its audience as if it went live now; Invalid where the template has changed so that it fits no more."""
    try:
        return await newsaudience.wanted(db, conn, row, _live(row, now))
    except NotAnAudience as error:
        problems = [Problem(one.severity, f"/audience{one.pointer}", one.detail, one.fix) for one in error.problems]
        raise Invalid(problems) from None


def _says(row: Any) -> str:
    """What tells its words, audience and times from others."""
    told = [row.variants, row.audience, row.holdout, row.kind, row.image, _iso(row.starts_at), _iso(row.ends_at)]
    told += [_iso(row.not_later_than)] if row.not_later_than else []
    told += ["holder"] if row.by_holder else []
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def planned(row: Any, cards: int | None) -> dict[str, Any]:
    """What is kept of a plan; ``cards`` None: nobody has counted its audience."""
    return {"id": randomness.plan_id(), "cards": cards, "says": _says(row), "revision_id": row.revision_id}


async def count(db: Database, brand_id: int, key: str, now: datetime) -> int:
    """How many cards its audience has now."""
    async with db.reading() as conn:
        wanted = await wanted_of(db, conn, await needed(conn, brand_id, key), now)
    return (await newsaudience.look(db, wanted, now)).reach.cards


async def refuse_change(db: Database, brand_id: int, key: str, now: datetime) -> None:
    """Conflict ``plan_changed`` when a news is not what its kept plan says; of one without a plan: nothing."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
    seen = row.plan or planned(row, None)
    if seen["says"] != _says(row) or seen["revision_id"] != row.revision_id:
        raise Conflict("Its words or the template's revision are others by now.", code="plan_changed")
    cards = seen["cards"] if seen["cards"] is None else await count(db, brand_id, key, now)
    if cards is not None and abs(cards - seen["cards"]) > DRIFT * max(seen["cards"], 1):
        raise Conflict(f"Its audience is {cards} cards by now, not {seen['cards']}.", code="plan_changed")


async def refuse_drift(db: Database, brand_id: int, key: str, plan: str, now: datetime) -> None:
    """Conflict ``plan_changed`` when this plan of a dry run is not what would happen now; of what is started: nothing."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
    if row.state != "draft":
        return
    if (row.plan or {}).get("id") != plan:
        raise Conflict("This is not the plan of its last dry run.", code="plan_changed")
    await refuse_change(db, brand_id, key, now)


async def _google_way(conn: AsyncConnection, row: Any) -> str:
    if row.google_mode == "off" or row.brand_revoked_at is not None:
        return "off"
    lists = (await newsrules.of_brand(conn, row.brand_id)).caps(row.kind)
    return "message" if newstimer.is_for_everyone(row) and not (lists or row.by_holder) else "messages"


def _without_google(reach: Reach) -> Reach:
    return Reach(
        cards=reach.cards,
        holdout=reach.holdout,
        no_consent=reach.no_consent,
        iphones=reach.iphones,
        other_phones=reach.other_phones,
        parked=reach.parked,
        not_installed=reach.not_installed,
        capped=reach.capped,
        hour_gone=reach.hour_gone,
    )


def _sample(db: Database, card: CardRow, row: Any, wanted: newsaudience.Wanted, now: datetime) -> NewsSample:
    """The lock-screen text on a real card, nobody's name in it."""
    template = card.revision.template
    language = template.language(card.row["language"])
    number = "•••• " + card.row["number"][-4:]
    shown = wanted.live.for_card(card.row["serial_number"])
    said = livenews.news(row.variants[shown.arm if shown else 0])
    model = card_model(db, card, ring=None, values=masked(template, card.given))
    try:
        before = fill(card.revision, model, _shown_now(db, card), card.row["language"], now)
        after = fill(card.revision, model, said, card.row["language"], now)
    except RenderError:
        return NewsSample(number, language, None)
    difference = compare(before, after)
    candidates = set(difference.ring_candidates)
    key = next((one for one in ring_order(after) if one in candidates), None)
    text = next((one.lock_screen for one in difference.fields if one.field == key), None)
    return NewsSample(number, language, text)


def _shown_now(db: Database, card: CardRow) -> News | None:
    return livenews.text(db, card.shown)


def _warnings(
    row: Any, template: Template, reach: Reach, samples: tuple[NewsSample, ...], waves: Sequence[Wave]
) -> list[str]:
    """Codes of what somebody should look at before it goes out."""
    found = []
    if not reach.targets:
        found.append("nobody_reached")
    if samples and not any(sample.lock_screen for sample in samples):
        found.append("silent")  # the text is what the cards show already, or no field has a change message
    missing = [language for language in template.languages if language not in row.variants[0]["text"]]
    if missing:
        found.append("language_missing")
    if reach.google_silent:
        found.append("google_silent")
    if any(wave.missed for wave in waves):
        found.append("hour_gone")
    if row.ends_at is None:
        found.append("no_end")
    return found
