"""A second person's word on a news: its page in the studio, and the same by a link that needs no sign-in.

The link names whoever it was made for and is good for that person's one decision (``store.newslinks``). Opening it decides
nothing, because mail programs open links by themselves; the decision is a form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.limits import Kind
from handlers.middleware import spend
from handlers.studio import forms, newsreview, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.news import said
from handlers.studio.newsreview import UNDO_SECONDS
from handlers.studio.sign_in import wait_words
from handlers.studio.texts import TEXTS
from store import newsapproval, newsapproving, newsdrafts, newslinks
from store.audit import Actor
from store.errors import Conflict, Invalid
from store.news import NewsView
from store.newslinks import Opened
from store.people import Session


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/approval: exactly what would be sent."""
    return await _page(request, me)


async def approve(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:approve: it goes as the author wished, with a minute to undo."""
    form = await forms.read(request, me)
    key, plan = request.match_info["news"], form["plan"][:64] or "-"
    try:
        await _approve(request, me.brand.id, key, plan, me.actor)
    except (Conflict, Invalid) as error:
        return await _page(request, me, _problem(error), 409)
    await page.say(request, me, "approval_approved")
    return page.go(f"/studio/news/{key}")


async def refuse(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:refuse: a draft again, and its author reads why."""
    form = await forms.read(request, me)
    key, plan = request.match_info["news"], form["plan"][:64] or "-"
    try:
        await _refuse(request, me.brand.id, key, plan, me.actor, form["reason"])
    except Conflict as error:
        return await _page(request, me, _problem(error), 409)
    await page.say(request, me, "approval_refused")
    return page.go("/studio/news")


async def take_back(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:take-back: nobody is asked any more."""
    await forms.read(request, me)
    key = request.match_info["news"]
    try:
        await newsapproving.take_back(database(request), me.brand.id, key, by=me.actor, now=now(request))
    except Conflict:
        await page.say(request, me, "news_not_now", "wrong")
    else:
        await page.say(request, me, "approval_taken_back")
    return page.go(f"/studio/news/{key}")


async def _approve(request: web.Request, brand_id: int, key: str, plan: str, by: Actor) -> None:
    db, at = database(request), now(request)
    await newsapproving.approve(db, brand_id, key, by=by, plan=plan, undo_seconds=UNDO_SECONDS, now=at)


async def _refuse(request: web.Request, brand_id: int, key: str, plan: str, by: Actor, reason: str) -> None:
    await newsapproving.refuse(database(request), brand_id, key, reason, by=by, plan=plan, now=now(request))


async def _page(request: web.Request, me: Me, problem: str = "", status: int = 200) -> web.StreamResponse:
    db, key = database(request), request.match_info["news"]
    template, view, _ = await newsdrafts.template_of(db, me.brand.id, key)
    if view.state != newsapproval.SHOWN:
        return page.go(f"/studio/news/{key}")
    asked = await newsapproving.asked_of(db, me.brand.id, key)
    walk = await newsreview.looked(request, me, view, me.actor)
    if not walk.is_done:
        return page.show(request, me, "news_counting.html", news=view, said=said, again=f"/studio/news/{key}/approval")
    values = await _seen(request, me, view, walk, template.languages)
    if values is None:
        await page.say(request, me, "news_audience_unfit", "wrong")
        return page.go(f"/studio/news/{key}")
    may_decide = me.actor.user_id in {one.id for one in asked}
    link = await newslinks.mine(db, me.brand.id, key, me.actor.user_id) if may_decide and me.actor.user_id else None
    return page.show(
        request,
        me,
        "news_approval.html",
        status=status,
        problem=problem,
        may_decide=may_decide,
        names_asked=", ".join(one.name for one in asked),
        link=f"{root(request)[OPTIONS].public_url}{link}" if link else "",
        **values,
    )


async def _seen(
    request: web.Request, me: Me, view: NewsView, walk: Any, languages: Sequence[str]
) -> dict[str, Any] | None:
    """What the review's pages show; None where its audience fits the template no more."""
    try:
        return await newsreview.shown(request, me, view, walk.result(), languages)
    except (Invalid, Conflict):
        return None


def _problem(error: Conflict | Invalid) -> str:
    return "approval_changed" if error.code in ("plan_changed", "invalid") else "approval_not_now"


# By a link.


async def by_link(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/approve/{token}: what would be sent, for whoever the link was made for."""
    link = await _link(request)
    return _over(request, me) if link is None else await _link_page(request, _guest(me, link), link)


async def decide(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/approve/{token}: that person's decision; a yes takes the second step too, where there is one."""
    link = await _link(request)
    if link is None:
        return _over(request, me)
    guest, form = _guest(me, link), await forms.read(request, me)
    if form["decision"] not in ("approve", "refuse"):
        return await _link_page(request, guest, link)
    if form["decision"] == "approve" and link.user.has_second_step:
        wait = await newslinks.prove(database(request), link.user, form["code"][:40], now(request))
        if wait is not None:
            return await _link_page(request, guest, link, errors=_wrong_code(guest, wait), status=429 if wait else 422)
    try:
        if form["decision"] == "approve":
            await _approve(request, link.brand.id, link.key, link.plan, link.user.actor)
        else:
            await _refuse(request, link.brand.id, link.key, link.plan, link.user.actor, form["reason"])
    except (Conflict, Invalid) as error:
        if await _link(request) is None:
            return _over(request, me)
        return await _link_page(request, guest, link, problem=_problem(error), status=409)
    done = "approval_approved_link" if form["decision"] == "approve" else "approval_refused"
    return page.show(request, guest, "news_link.html", done=done)


async def _link_page(
    request: web.Request,
    guest: Me,
    link: Opened,
    *,
    problem: str = "",
    errors: Mapping[str, str] | None = None,
    status: int = 200,
) -> web.StreamResponse:
    template, view, _ = await newsdrafts.template_of(database(request), link.brand.id, link.key)
    walk = await newsreview.looked(request, guest, view, None)
    if not walk.is_done:
        return page.show(request, guest, "news_link.html", done="", review=None)
    values = await _seen(request, guest, view, walk, template.languages)
    if values is None:
        return _over(request, guest)
    return page.show(
        request,
        guest,
        "news_link.html",
        status=status,
        done="",
        problem=problem,
        errors=errors or {},
        has_people=False,
        **values,
    )


async def _link(request: web.Request) -> Opened | None:
    """The link, if it is good; one that is not counts as a failure of this address."""
    found = await newslinks.open_link(database(request), request.match_info["token"], now(request))
    if found is None and spend(request, Kind.FAILURE):
        raise Refusal("approval_wait", 429)
    return found


def _guest(me: Me, link: Opened) -> Me:
    """Whoever the link was made for, before this brand and without any right: a session that no cookie leads to."""
    session = Session(
        hash="",
        user=link.user,
        employee=None,
        memberships=(),
        brand=link.brand,
        role=None,
        waits_for_code=False,
        verified_at=None,
        flash=(),
        created_at=link.user.created_at,
    )
    return replace(me, session=session, language=link.user.language or me.language)


def _wrong_code(guest: Me, wait: int) -> dict[str, str]:
    texts = TEXTS[guest.language]
    if not wait:
        return {"code": texts["totp_wrong"]}
    return {"code": page.fill(texts["sign_in_wait"], seconds=wait_words(guest.language, wait))}


def _over(request: web.Request, me: Me) -> web.Response:
    return page.show(request, me, "news_link_over.html", status=410)
