"""Every element of the studio's pages on one page, to be looked at in both lights and both languages."""

from __future__ import annotations

from aiohttp import web

from handlers.studio import page
from handlers.studio.me import Me


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/patterns."""
    errors = {"patterns_wrong": "—", "": ""} if "errors" in request.query else {}
    return page.show(request, me, "patterns.html", errors=errors)
