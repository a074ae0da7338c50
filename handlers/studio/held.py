"""Held changes: what a backend sent that the brake keeps apart, a few of them on real cards, and the decision."""

from __future__ import annotations

from aiohttp import web

from handlers.studio import forms, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.review import TYPED_FROM
from store import held, letting
from store.errors import Conflict
from store.held import Brake, Decision


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/held."""
    return page.show(request, me, "helds.html", rows=await held.listing(database(request), me.brand.id))


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/held/{brake}."""
    return await _page(request, me)


async def apply(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/held/{brake}:apply: a worker does it, in their order."""
    form = await forms.read(request, me)
    return await _decide(request, me, form, Decision.RING if form["ring"] == "1" else Decision.SILENT)


async def discard(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/held/{brake}:discard."""
    return await _decide(request, me, await forms.read(request, me), None)


async def _decide(request: web.Request, me: Me, form: forms.Form, decision: Decision | None) -> web.StreamResponse:
    one = await _needed(request, me)
    last, cards = (_number(form[name]) for name in ("last", "cards"))
    if cards >= TYPED_FROM and form["typed"].strip() != str(cards):
        return await _page(request, me, problem="held_not_typed", status=422)
    try:
        await held.decide(
            database(request), me.brand.id, one.id, decision, last=last, cards=cards, by=me.actor, now=now(request)
        )
    except Conflict:
        return await _page(request, me, problem="held_changed", status=409)
    await page.say(request, me, "held_done_discard" if decision is None else "held_done_apply")
    return page.go("/studio/held")


async def _page(request: web.Request, me: Me, *, problem: str = "", status: int = 200) -> web.StreamResponse:
    one = await _needed(request, me)
    return page.show(
        request,
        me,
        "held.html",
        status=status,
        held=one,
        samples=await letting.samples(database(request), one.id, now(request)),
        problem=problem,
        must_type=one.cards if one.cards >= TYPED_FROM else 0,
    )


async def _needed(request: web.Request, me: Me) -> Brake:
    return await held.needed(database(request), _number(request.match_info["brake"]), me.brand.id)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refusal("not_found", 404)
    return int(text)
