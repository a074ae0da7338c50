"""The review of a news: the plan of a dry run, and a few real cards as they will be, their holders masked.

While it is written the same is shown on the template's sample card, which is nobody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import data
from passkit.change import compare
from passkit.errors import RenderError
from passkit.model import Card, News, Pass
from passkit.render import Revision, fill
from store import audit, effects, livenews, newsapproval, newsapprovers, newsaudience, newspictures, newsrules
from store.audit import Actor
from store.cardrows import CardRow
from store.dialect import Database
from store.effects import Sample
from store.news import DryRun, looked_at, needed, revision_of, wanted_of
from store.newsaudience import Found
from store.newssays import Says, says
from store.tables import templates

SERIAL, NUMBER, TOKEN = "Sample00000000000000000000000000", "1234567812345670", "SampleTokenOfACardThatNobodyHolds"
"""A card that nobody has."""


@dataclass(frozen=True, slots=True)
class Review:
    """What starting it now would do; ``samples`` are the cards of the arrows.

    ``asks``: who would be asked for approval first, by name; nobody: it goes at once.
    """

    run: DryRun
    samples: tuple[Sample, ...]
    asks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """The sample card with the news on it; ``lock_screen`` None: an iPhone would stay silent.

    ``is_shown_already``: the card says the very same now.
    """

    after: Pass
    lock_screen: str | None
    is_shown_already: bool


async def review(db: Database, brand_id: int, key: str, *, by: Actor | None, now: datetime) -> Review:
    """Look at a draft before it is sent, or at one that waits for approval; Conflict when it is neither.

    Who looked at which plan is on record; ``by`` None: nobody has proved who looks.
    """
    run, row, found = await looked_at(db, brand_id, key, now, ("draft", newsapprovers.STATE))
    async with db.reading() as conn:
        picture = await newspictures.read(conn, row.pictures)
        wanted = await wanted_of(db, conn, row, now)
        asks = await _asks(conn, row, run.reach.cards, by)
    said = [livenews.news(variant, picture) for variant in row.variants]
    samples = await asyncio.to_thread(_samples, db, found, wanted, said, now)
    if by is not None:
        await audit.record(db, brand_id, by, "news.reviewed", key, now=now, plan=run.plan, cards=run.reach.targets)
    return Review(run, samples, asks)


async def _asks(conn: AsyncConnection, row: Any, cards: int, by: Actor | None) -> tuple[str, ...]:
    rules = await newsrules.of_brand(conn, row.brand_id)
    if row.state != "draft" or by is None or not await newsapproval.is_needed(conn, row, rules, cards):
        return ()
    return tuple(one.name for one in await newsapprovers.others(conn, row.brand_id, rules, by.user_id, by.name))


def _samples(
    db: Database, found: Found, wanted: newsaudience.Wanted, said: list[News], now: datetime
) -> tuple[Sample, ...]:
    if not found.samples:
        return ()
    template = found.samples[0].revision.template
    made = (_sample(db, kind, card, wanted, said, now) for kind, card in effects.chosen(found.samples, template))
    return tuple(one for one in made if one is not None)


def _sample(
    db: Database, kind: str, card: CardRow, wanted: newsaudience.Wanted, said: list[News], now: datetime
) -> Sample | None:
    shown = wanted.live.for_card(card.row["serial_number"])
    model = effects.masked_model(db, card, card.revision.template)
    try:
        before = fill(card.revision, model, livenews.text(db, card.shown), None, now)
        after = fill(card.revision, model, said[shown.arm if shown else 0], None, now)
    except RenderError:
        return None
    rings = effects.ringing(compare(before, after), after)
    return Sample(kind, before, after, after.language, rings[1] if rings else None)


async def count(db: Database, brand_id: int, key: str, found: Found, now: datetime) -> Found:
    """Count the audience of a draft as it is saved; ``found`` grows meanwhile."""
    async with db.reading() as conn:
        wanted = await wanted_of(db, conn, await needed(conn, brand_id, key), now)
    return await newsaudience.look(db, wanted, now, found)


async def consequences(db: Database, brand_id: int, key: str) -> Mapping[str, Says]:
    """What each operation would do to whoever has the news."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        correct = "corrected_at_resume" if row.state == "paused" else "corrected"
        codes = {"pause": "kept", "resume": "kept", "stop": "stopped", "cancel": "reverts"}
        codes |= {"correct": correct, "withdraw": "withdrawn"}
        return {name: await says(conn, row, code) for name, code in codes.items()}


async def preview(
    db: Database, brand_id: int, key: str, *, arm: int, language: str | None, now: datetime
) -> Preview | None:
    """The draft as it is saved, on the sample card; None where that cannot be filled."""
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
        template, revision = await revision_of(db, conn, brand_id, row.template_key)
        picture = await newspictures.read(conn, row.pictures)
        current = await _current(db, conn, template.id)
    variant = row.variants[min(arm, len(row.variants) - 1)]
    return await asyncio.to_thread(_preview, revision, livenews.news(variant, picture), current, language, now)


async def preview_text(
    db: Database,
    brand_id: int,
    template: str,
    said: Mapping[str, Any],
    *,
    language: str | None,
    before: Mapping[str, Any] | None = None,
    now: datetime,
) -> Preview | None:
    """Words that are no news yet (text, title, url), on the sample card; ``before`` are shown then, None: what is shown now."""
    async with db.reading() as conn:
        found, revision = await revision_of(db, conn, brand_id, template)
        current = livenews.news(before) if before else await _current(db, conn, found.id)
    return await asyncio.to_thread(_preview, revision, livenews.news(said), current, language, now)


async def _current(db: Database, conn: AsyncConnection, template_id: int) -> News | None:
    """What every card of the template is told now."""
    kept = (await conn.execute(select(templates.c.news).where(templates.c.id == template_id))).scalar_one()
    shown = livenews.of_class(kept)
    await livenews.load(db, conn, shown)
    return livenews.text(db, shown)


def _preview(
    revision: Revision, said: News, current: News | None, language: str | None, now: datetime
) -> Preview | None:
    values: Mapping[str, Any] = data.sample(revision.template)
    card = Card(SERIAL, NUMBER, TOKEN, values, language=language, created_at=now, ring=None)
    try:
        before, after = fill(revision, card, current, language, now), fill(revision, card, said, language, now)
    except RenderError:
        return None
    rings = effects.ringing(compare(before, after), after)
    is_same = current is not None and bool(said.text) and dict(current.text) == dict(said.text)
    return Preview(after, rings[1] if rings else None, is_same)
