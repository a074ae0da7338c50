"""News put right, or taken back as if they had never been, silently: who has them shows it at the next fetch.

A correction is a new stamp: every edition that shows the news is another, and none of them rings, because the news has rung.
Google gets the new words as a message without a notification, and the old one leaves with the same request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, StrictInt
from sqlalchemy import update

from passkit.schema import Template
from store import newspictures, newspushes, newstimer, randomness
from store.dialect import Database, database_now
from store.errors import Conflict, Invalid
from store.googleintents import mark
from store.news import Files, NewsView, by_id, end, needed, pictures_of, revision_of, view_of
from store.newsrequests import MAX_VARIANTS, Image, NewsRequest, Said, Url, checked
from store.newssays import says
from store.problems import problem
from store.tables import news


class CorrectedVariant(BaseModel):
    """Other words of one of a news's texts; what is absent stays, null clears."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Said | None = None
    title: Said | None = None
    url: Url | None = None


class NewsCorrection(CorrectedVariant):
    """What is to be other words; of a news with `variants` it names the `arm`, or has words for all of them."""

    image: Image | None = None
    arm: StrictInt | None = Field(
        default=None,
        ge=0,
        le=MAX_VARIANTS,
        description="Whose words these are: 0 the news's own, 1 the first variant's.",
    )
    variants: list[CorrectedVariant] | None = Field(
        default=None, max_length=MAX_VARIANTS, description="Words of the other texts, one entry for each."
    )

    @property
    def has_words(self) -> bool:
        """Whether it is about more than the picture."""
        return bool({"text", "title", "url"} & self.model_fields_set)


async def correct(db: Database, brand_id: int, key: str, correction: NewsCorrection, now: datetime) -> NewsView:
    """Other words on cards, in Google's message and in the history, without a notification; Invalid with pointers.

    Conflict for a news that is withdrawn or failed.
    """
    files = await _files(db, brand_id, key, correction)
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        if row.withdrawn_at is not None or row.state == "failed":
            raise Conflict("A news that failed or was withdrawn cannot be corrected.")
        _, revision = await revision_of(db, conn, brand_id, row.template_key)
        variants = _corrected(row, correction, revision.template)
        told = await says(conn, row, "corrected_at_resume" if row.state == "paused" else "corrected")
        clock = await database_now(conn)
        values: dict[str, Any] = {"variants": variants, "stamp": randomness.stamp(), "updated_at": clock}
        if "image" in correction.model_fields_set:
            kept = await newspictures.keep(conn, files, now) if files else None
            values |= {"pictures": kept, "image": kept and kept[newspictures.SOURCE]}
        if row.live_at is not None:
            values["corrected_at"] = clock
        await conn.execute(update(news).where(news.c.id == row.id).values(**values))
        after = await by_id(conn, row.id)
        has_history = row.live_at is not None and await newstimer.shown_anew(conn, after)
        if not row.is_live and has_history:
            await newspushes.ring_audience(conn, row)
        if row.is_live:
            await newspushes.corrected(conn, row, after)
            if row.pictures or after.pictures:
                await newstimer.redraw_google(conn, row.template_id)
        await mark(conn)
        return await view_of(conn, after, told)


async def withdraw(db: Database, brand_id: int, key: str) -> NewsView:
    """Over now, and out of the message history too; withdrawn already: nothing happens."""
    async with db.transaction() as conn:
        row = await needed(conn, brand_id, key, lock=True)
        told = await says(conn, row, "withdrawn")
        if row.withdrawn_at is None:
            if row.is_live or row.state in ("draft", "scheduled", "running", "paused"):
                await end(conn, row)
            if await newstimer.forget(conn, row) and not row.is_live and row.live_at is not None:
                await newspushes.ring_audience(conn, row)
            clock = await database_now(conn)
            await conn.execute(update(news).where(news.c.id == row.id).values(withdrawn_at=clock, updated_at=clock))
            await mark(conn)
        return await view_of(conn, await by_id(conn, row.id), told)


async def _files(db: Database, brand_id: int, key: str, correction: NewsCorrection) -> Files:
    if correction.image is None:
        return None
    async with db.reading() as conn:
        row = await needed(conn, brand_id, key)
    request = NewsRequest(template=row.template_key, text="", image=correction.image)
    return await pictures_of(db, brand_id, request)


def _corrected(row: Any, correction: NewsCorrection, template: Template) -> list[dict[str, Any]]:
    """The news's texts with the corrected parts; Invalid with pointers into the correction."""
    variants: list[dict[str, Any]] = list(row.variants)
    for arm, (words, at) in _by_arm(correction, len(variants)).items():
        variants[arm] = {**_checked(row, variants[arm], words, template, at), "share": variants[arm]["share"]}
    return variants


def _by_arm(correction: NewsCorrection, arms: int) -> dict[int, tuple[CorrectedVariant, str]]:
    """Arm -> its words, and where they stand in the correction."""
    others = correction.variants
    if correction.arm is not None and (correction.arm >= arms or others is not None):
        raise Invalid([problem("/arm", "There is no such text, or all are given.", f"This news has {arms}.")])
    if others is not None and len(others) != arms - 1:
        raise Invalid([problem("/variants", "Not one entry for each of the other texts.", f"It has {arms - 1}.")])
    if arms > 1 and correction.has_words and correction.arm is None and others is None:
        fix = "Name one, 0 is the news's own, or give `variants` as well."
        raise Invalid([problem("/arm", f"This news has {arms} texts, and it is not said which is wrong.", fix)])
    found: dict[int, tuple[CorrectedVariant, str]] = {}
    if correction.has_words:
        found[correction.arm or 0] = (correction, "")
    return found | {place: (words, f"/variants/{place - 1}") for place, words in enumerate(others or (), 1)}


def _checked(row: Any, old: Mapping[str, Any], words: CorrectedVariant, template: Template, at: str) -> dict[str, Any]:
    given = words.model_dump(exclude_unset=True)
    said = {name: given.get(name, old[name]) for name in ("text", "title", "url")}
    if said["text"] is None:
        said["text"] = {}
    try:
        return checked(NewsRequest.model_validate({"template": row.template_key, **said}), template)[0]
    except Invalid as error:
        raise Invalid([replace(one, pointer=f"{at}{one.pointer}") for one in error.problems]) from None
