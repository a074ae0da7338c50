"""A news on one's own phone first: a test card by a QR code, and this very news on the test cards of whoever is chosen."""

from __future__ import annotations

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.studio import forms, page, tryout
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.news import said
from passkit import links
from store import news, newstests
from store.errors import Conflict


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/test."""
    db, key, at = database(request), request.match_info["news"], now(request)
    view = await news.view(db, me.brand.id, key)
    mine = await newstests.mine(db, me.brand.id, key, by=me.actor, now=at)
    public = root(request)[OPTIONS].public_url
    return page.show(
        request,
        me,
        "news_test.html",
        news=view,
        mine=mine,
        link=links.install_url(public, mine.install_token) if mine else "",
        testers=await newstests.testers(db, me.brand.id, key, at),
        can=[tryout.iphone(request, me, public), tryout.android(me, public)],
        said=said,
    )


async def card(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:test-card: one for whoever asks."""
    await forms.read(request, me)
    key = request.match_info["news"]
    await newstests.card(database(request), me.brand, key, language=me.language, by=me.actor, now=now(request))
    return page.go(f"/studio/news/{key}/test")


async def qr(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/test/qr.svg."""
    key = request.match_info["news"]
    mine = await newstests.mine(database(request), me.brand.id, key, by=me.actor, now=now(request))
    if mine is None:
        raise Refusal("not_found", 404)
    return tryout.drawn(links.install_url(root(request)[OPTIONS].public_url, mine.install_token))


async def send(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:test."""
    form = await forms.read(request, me)
    key = request.match_info["news"]
    chosen = [forms.checked_id(one) for one in form.all("card")]
    arm = 1 if form["arm"] == "1" else 0
    try:
        number = await newstests.send(database(request), me.brand, key, chosen, arm=arm, by=me.actor, now=now(request))
    except Conflict:
        await page.say(request, me, "news_not_tested", "wrong")
        return page.go(f"/studio/news/{key}/test")
    await page.say(request, me, "news_tested", number=number)
    return page.go(f"/studio/news/{key}/test")
