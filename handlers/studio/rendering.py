"""Drafts are drawn elsewhere: in a limited process that server.py hands in, because nobody has checked their text yet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.studio.me import Me, Refusal, now
from passkit.draft import Data, Mendable, Seen
from passkit.errors import ImageError, Problem, Severity
from passkit.model import Brand, CardState
from store import brands


class Renderer(Protocol):
    """What draws drafts; ``commands.limited.LimitedPool`` is one. Broken limits are values, never exceptions."""

    async def look(
        self,
        files: Mapping[str, bytes],
        brand: Brand,
        *,
        show: Data = ...,
        state: CardState = ...,
        language: str | None = ...,
        now: datetime,
    ) -> Seen:
        """``passkit.draft.look``."""
        ...

    async def problems(self, files: Mapping[str, bytes], brand: Brand) -> tuple[Mendable, ...]:
        """``passkit.draft.problems``."""
        ...

    async def picture(self, name: str, content: bytes) -> bytes:
        """An upload as it is kept; raises ImageError."""
        ...

    def warm(self) -> None:
        """Somebody is about to edit: be ready."""
        ...


class NoRenderer:
    """A web side that was not given one: drafts can be edited, and are not drawn."""

    async def look(self, files: Mapping[str, bytes], brand: Brand, **asked: Any) -> Seen:
        """Nothing."""
        return Seen(await self.problems(files, brand))

    async def problems(self, files: Mapping[str, bytes], brand: Brand) -> tuple[Mendable, ...]:
        """That nothing is drawn here."""
        detail = "this server draws no drafts"
        return (Mendable(Problem(Severity.NOTE, "", detail, "Start it with `passbell serve`."), "limit"),)

    async def picture(self, name: str, content: bytes) -> bytes:
        """Nothing."""
        raise ImageError("This server takes no pictures.")

    def warm(self) -> None:
        """Nothing."""


RENDERER = web.AppKey("studio_renderer", Renderer)


def renderer(request: web.Request) -> Renderer:
    """What draws drafts here."""
    return root(request)[RENDERER]


def brand_model(request: web.Request, me: Me) -> Brand:
    """The brand on the screen as its cards show it."""
    return brands.model(me.brand, root(request)[OPTIONS].public_url)


async def seen(request: web.Request, me: Me, files: Mapping[str, bytes]) -> Seen:
    """A look at a draft as the query asks: ``data`` sample, long or empty, ``state`` of the card, ``language`` of the phone."""
    query = request.query
    try:
        show, state = Data(query.get("data", Data.SAMPLE)), CardState(query.get("state", CardState.ACTIVE))
    except ValueError:
        raise Refusal("not_found", 404) from None
    language = query.get("language") or None
    brand = brand_model(request, me)
    return await renderer(request).look(files, brand, show=show, state=state, language=language, now=now(request))
