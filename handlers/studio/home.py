"""Home: cards on phones, what needs attention, and the first steps with whom each waits for."""

from __future__ import annotations

from aiohttp import web
from babel import dates

from handlers.studio import news, page
from handlers.studio.me import Me, database, now
from handlers.studio.texts import TEXTS
from store import home, people
from store.home import Alarm, Step
from store.nextnews import NextNews
from store.people import Member, Role

LEADS = {
    "logo": "/studio/templates",
    "card": "/studio/templates",
    "phone": "/studio/templates",
    "certificate": "/studio/certificates",
    "publish": "/studio/templates",
    "posters": "/studio/links",
}
"""Where a step is taken, once there is such a page."""
NEWS = "/studio/news"
NAMED = 2
"""So many people are named; more are called by their role."""


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/."""
    db = database(request)
    numbers = await home.home(db, me.brand, now(request))
    members = await people.users.members(db, me.brand.id)
    return page.show(
        request,
        me,
        "home.html",
        numbers=numbers,
        alarm_text=lambda alarm: _alarm(me, alarm),
        whom=lambda step: _whom(me, step, members),
        is_mine=lambda step: _is_mine(me, step),
        lead=lambda step: _lead(request, LEADS[step.name]),
        next_news=_next_news(me, numbers.next_news) if numbers.next_news else "",
        news_lead=_lead(request, NEWS),
        mine=await news.waiting(request, me),
        said=news.said,
    )


def _next_news(me: Me, coming: NextNews) -> str:
    """When, and what it says."""
    texts = TEXTS[me.language]
    at = texts["home_news_now"]
    if coming.at is not None:
        at = dates.format_datetime(coming.at.astimezone(page.zone(me)), "d MMM, HH:mm", locale=me.language)
    return page.fill(texts["home_news_line"], at=at, news=coming.said(me.language), template=coming.template)


def _alarm(me: Me, alarm: Alarm) -> str:
    texts = TEXTS[me.language]
    if alarm.kind == "certificate_days":
        return page.counted(me.language, alarm.days, "home_certificate_days")
    if alarm.kind == "held" and alarm.since is not None:
        since = dates.format_datetime(alarm.since.astimezone(page.zone(me)), "d MMM, HH:mm", locale=me.language)
        return page.fill(texts["home_held"], since=since, reason=alarm.reason)
    return page.fill(texts[f"home_{alarm.kind}"], source=alarm.reason)


def _is_mine(me: Me, step: Step) -> bool:
    return me.may(Role(step.waits_for))


def _lead(request: web.Request, path: str) -> str:
    """A page, if this studio has it."""
    return path if path in {resource.canonical for resource in request.app.router.resources()} else ""


def _whom(me: Me, step: Step, members: list[Member]) -> str:
    """You, or those who may by name, or their role."""
    if _is_mine(me, step):
        return TEXTS[me.language]["home_whom_you"]
    able = [one.user.name for one in members if people.may(one.role, Role(step.waits_for))]
    return ", ".join(able) if 0 < len(able) <= NAMED else TEXTS[me.language][f"home_whom_{step.waits_for}"]
