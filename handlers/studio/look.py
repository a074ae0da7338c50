"""How the page looks, and which brand is on it: language, light, brand."""

from __future__ import annotations

from aiohttp import web

from handlers.studio import cookies, forms, page
from handlers.studio.me import Me, Refusal, database, local_path
from handlers.texts import LANGUAGES
from store import people


async def choose(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/look: language for the person, light for this browser; then back."""
    form = await forms.read(request, me)
    answer = page.go(local_path(form["next"], "/studio/"))
    if form["language"] in LANGUAGES:
        cookies.keep_look(request, answer, cookies.LANGUAGE, form["language"])
        if me.user is not None and me.is_in:
            await people.users.set_language(database(request), me.user.id, form["language"])
    if "theme" in form:
        cookies.keep_look(request, answer, cookies.THEME, form["theme"] if form["theme"] in cookies.THEMES else "")
    return answer


async def switch_brand(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/brand/{key}:switch."""
    if me.session is None or not me.is_in:
        return page.go("/studio/sign-in")
    if not await people.studiosessions.switch_brand(database(request), me.session, request.match_info["key"]):
        raise Refusal("not_found", 404)
    return page.go("/studio/")
