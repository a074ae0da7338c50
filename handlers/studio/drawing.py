"""Pictures of cards for lists: of a starter, of a template's published revision or of its draft.

What was drawn is kept for a while: a gallery is looked at more often than it changes.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

import jinja2
from aiohttp import web

from handlers.keys import PAGES, root
from handlers.studio import faces
from handlers.studio.me import Me, database
from handlers.studio.rendering import brand_model, renderer
from handlers.studio.starters import Starter
from passkit import data
from passkit.apple import passjson
from passkit.model import SAMPLE_OUTLET, Brand, Card
from passkit.render import Revision, compile_revision, fill
from passkit.schema import parse_template
from store import drafts

KEPT = 200
"""Pictures; one is about 150 KB."""
SERIAL, NUMBER, TOKEN = "Sample00000000000000000000000000", "1234567812345670", "SampleTokenOfACardThatNobodyHolds"
"""A card that nobody has; the number's check digit holds."""
EMPTY = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 404">'
    '<rect width="320" height="404" rx="12" fill="#8883"/></svg>'
)
"""A draft that cannot be built."""

HEADERS = {
    "Cache-Control": "private, max-age=3600",
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Robots-Tag": "noindex, nofollow",
}


class Drawings:
    """SVGs by what they show; two who want the same one wait for one drawing."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, ...], str] = OrderedDict()
        self._lock = asyncio.Lock()

    async def get(self, name: tuple[str, ...], draw: Callable[[], Awaitable[str]]) -> str:
        """The drawing of this name; ``draw`` makes it if it is not kept."""
        async with self._lock:  # one after another: a gallery asks for ten at once, and a core has other work
            if name not in self._kept:
                self._kept[name] = await draw()
            self._kept.move_to_end(name)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return self._kept[name]


DRAWINGS = web.AppKey("studio_drawings", Drawings)


async def of_starter(request: web.Request, starter: Starter, language: str, brand: Brand, now: datetime) -> str:
    """A starter with its samples, under the brand's name."""
    pages = root(request)[PAGES]

    async def draw() -> str:
        return await asyncio.to_thread(_starter, pages, starter.files, language, brand, now)

    return await root(request)[DRAWINGS].get(("starter", starter.key, language, brand.name), draw)


async def of_revision(
    request: web.Request, revision: Revision, name: tuple[str, ...], language: str, now: datetime
) -> str:
    """A published revision with its samples; ``name`` tells it from all others."""
    pages = root(request)[PAGES]

    async def draw() -> str:
        return await asyncio.to_thread(_svg, pages, revision, language, now)

    return await root(request)[DRAWINGS].get((*name, language), draw)


async def of_draft(request: web.Request, me: Me, key: str, now: datetime) -> str:
    """A draft with its samples; an empty card while it cannot be built."""
    draft = await drafts.get(database(request), me.brand.id, key)
    pages, brand = root(request)[PAGES], brand_model(request, me)

    async def draw() -> str:
        seen = await renderer(request).look(draft.files, brand, language=me.language, now=now)
        if not seen.is_built:
            return EMPTY
        return await asyncio.to_thread(faces.svg, pages, seen.files, language=me.language, time_zone=brand.time_zone)

    return await root(request)[DRAWINGS].get(("draft", str(draft.template_id), str(draft.number), me.language), draw)


def _starter(pages: jinja2.Environment, files: Mapping[str, bytes], language: str, brand: Brand, now: datetime) -> str:
    return _svg(pages, compile_revision(parse_template(files), brand), language, now)


def _svg(pages: jinja2.Environment, revision: Revision, language: str, now: datetime) -> str:
    values = data.sample(revision.template)
    card = Card(SERIAL, NUMBER, TOKEN, values, language=language, created_at=now, ring=None, outlet=SAMPLE_OUTLET)
    filled = fill(revision, card, None, language, now)
    files = {**passjson.files(filled), **filled.images.files}
    return faces.svg(pages, files, language=filled.language, time_zone=revision.brand.time_zone)


def answer(svg: str, *, keep: bool) -> web.Response:
    """The picture as an answer; ``keep``: its address changes when it does."""
    headers = dict(HEADERS)
    if keep:
        headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return web.Response(text=svg, content_type="image/svg+xml", headers=headers)
