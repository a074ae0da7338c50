"""A news's picture: checked and re-encoded as a template's, in the sizes of the slot that it replaces, and Google's hero.

It lies among ``store.assets``; ``news.pictures`` names the files: those of the pass, ``google`` and ``source``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit.errors import ImageError, Problem, Severity
from passkit.google.heroes import HERO, flat, ground
from passkit.images import CENTER, cropped, intake, opened, slot_of, slots
from passkit.model import Picture
from passkit.schema import Template
from passkit.smallpng import smallest_png
from store import assets
from store.errors import Invalid
from store.tables import assets as table

GOOGLE, SOURCE = "google", "source"
PLACES = ("background", "strip", "artwork")
"""Slots that a news's picture may replace: the background where the template has one (Apple then shows no strip)."""


def place(template: Template) -> str | None:
    """The slot of this template that a news's picture replaces; None where its style has no such place."""
    fits = [one for one in PLACES if (found := slot_of(template.style, one)) and template.style in found.styles]
    return next((one for one in fits if one != "background" or one in template.images), None)


async def made(template: Template, content: bytes) -> dict[str, bytes]:
    """The files of an upload, made beside the event loop; Invalid at ``/image``."""
    slot = place(template)
    if slot is None:
        detail = f"a card of the style {template.style} has no strip that a picture could replace"
        fix = "Leave the picture out, or use a template of the style storeCard, coupon, eventTicket or posterGeneric."
        raise Invalid([Problem(Severity.ERROR, "/image", detail, fix)])
    try:
        return await asyncio.to_thread(_made, template, slot, content)
    except ImageError as error:
        raise Invalid([Problem(Severity.ERROR, "/image", str(error), "Use another picture.")]) from None


def _made(template: Template, slot: str, content: bytes) -> dict[str, bytes]:
    source = intake("news.png", content)
    hero = cropped(flat(opened(source, HERO), ground(template)), HERO, CENTER)
    return slots(template.style, slot, source) | {GOOGLE: smallest_png(hero), SOURCE: source}


async def keep(conn: AsyncConnection, files: Mapping[str, bytes], now: datetime) -> dict[str, str]:
    """What ``news.pictures`` holds."""
    return await assets.keep(conn, files, now)


async def read(conn: AsyncConnection, kept: Mapping[str, str] | None) -> Picture | None:
    """The picture as the pass builder takes it; None where there is none."""
    if not kept:
        return None
    names = {name: digest for name, digest in kept.items() if name not in (GOOGLE, SOURCE)}
    rows = await conn.execute(select(table.c.hash, table.c.content).where(table.c.hash.in_(set(names.values()))))
    contents: dict[str, Any] = {row.hash: row.content for row in rows}
    return Picture(kept[SOURCE], {name: contents[digest] for name, digest in names.items()}, kept[GOOGLE])
