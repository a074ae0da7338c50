"""The review of a news, "What people will see": its plan, who is behind each number, and the button that sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from babel import dates

from handlers.studio import faces, forms, newswaves, page
from handlers.studio.editor import face_values
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.news import SEEN, said
from handlers.studio.rendering import brand_model, renderer
from handlers.studio.review import TYPED_FROM, sample_faces, sample_names
from handlers.studio.texts import TEXTS
from handlers.studio.walks import Walk, walks
from store import audit, news, newsdrafts, newspeople, newsreview, newsrules, templates
from store.audit import Actor
from store.effects import Sample
from store.errors import Conflict, Invalid
from store.news import NewsView
from store.newsaudience import Found
from store.newsreview import Review
from store.newsrules import Rules

UNDO_SECONDS = 60
FIGURES = ("iphones", "other_phones", "google", "google_silent", "no_consent", "holdout", "parked", "not_installed")
"""Those that the form carries, so that a difference can be marked."""
MOST_NAMES = 2
"""So many are named on a button; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the check, red or amber, with where it is mended."""

    is_blocking: bool
    sentence: str
    goto: str


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/review?again=: counted anew; says how far it is while it counts."""
    return await _page(request, me)


async def start(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:start: exactly what the plan has shown, with a minute to undo."""
    form = await forms.read(request, me)
    db, key, at = database(request), request.match_info["news"], now(request)
    if form["must_type"] and form["typed"].strip() != form["must_type"]:
        return await _page(request, me, problem="news_not_typed", status=422, before=_figures(form))
    try:
        await news.refuse_drift(db, me.brand.id, key, form["plan"][:64] or "-", at)
        async with db.joined():
            by, user = me.actor.name, me.actor.user_id
            await news.start(db, me.brand.id, key, by=by, by_user=user, undo_seconds=UNDO_SECONDS, now=at)
            await audit.record(db, me.brand.id, me.actor, "news.started", key, now=at, plan=form["plan"][:64])
    except Invalid:
        return await _page(request, me, status=422)
    except Conflict as error:
        if error.code != "plan_changed":
            return page.go(f"/studio/news/{key}")
        return await _page(request, me, problem="news_plan_changed", status=409, before=_figures(form))
    return page.go(f"/studio/news/{key}")


async def people(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/people?group=&after=: the cards behind a number."""
    group, after = request.query.get("group", ""), request.query.get("after", "0")
    if group not in newspeople.GROUPS or not after.isascii() or not after.isdigit() or len(after) > 18:
        raise Refusal("not_found", 404)
    db, key = database(request), request.match_info["news"]
    view = await news.view(db, me.brand.id, key)
    found = await newspeople.members(db, me.brand.id, key, group, after=int(after), now=now(request))
    return page.show(request, me, "news_people.html", news=view, group=group, found=found, said=said)


async def _page(
    request: web.Request,
    me: Me,
    *,
    problem: str = "",
    status: int = 200,
    before: Mapping[str, int] | None = None,
) -> web.StreamResponse:
    db, key = database(request), request.match_info["news"]
    template, view, _ = await newsdrafts.template_of(db, me.brand.id, key)
    if view.state != "draft":
        return page.go(f"/studio/news/{key}")
    walk = await looked(request, me, view, me.actor)
    if not walk.is_done:
        return page.show(request, me, "news_counting.html", news=view, said=said)
    try:
        found: Review = walk.result()
    except Invalid:
        await page.say(request, me, "news_audience_unfit", "wrong")
        return page.go(f"/studio/news/{key}")
    values = await shown(request, me, view, found, template.languages)
    reach = found.run.reach
    return page.show(
        request,
        me,
        "news_review.html",
        status=status,
        before=before or {},
        figures=FIGURES,
        problem=problem,
        must_type=str(reach.targets) if reach.targets >= TYPED_FROM else "",
        ask_names=lambda names: _named(me, names),
        **values,
    )


async def looked(request: web.Request, me: Me, view: NewsView, by: Actor | None) -> Walk:
    """The look at what would be sent; a page that comes ``again`` goes on with the one that was begun."""
    db, at = database(request), now(request)
    name = ("review", str(me.brand.id), view.id, me.actor.name, "" if by else "link")
    if "again" not in request.query:
        walks(request).forget(name)
    return await walks(request).get(
        name, lambda: Walk(newsreview.review(db, me.brand.id, view.id, by=by, now=at), Found())
    )


async def shown(
    request: web.Request, me: Me, view: NewsView, found: Review, languages: Sequence[str]
) -> dict[str, Any]:
    """What the pages of a review show of it."""
    lines = _lines(me, view, found, languages)
    lines += _quiet_line(me, view, await newsrules.of(database(request), me.brand.id), now(request))
    return {
        "news": view,
        "review": found,
        "reach": found.run.reach,
        "lines": lines,
        "may_send": not any(one.is_blocking for one in lines),
        "sentence": _sentence(me, view, found.run.reach.targets),
        "texts": _lock_texts(found),
        "face_values": face_values,
        "waves": newswaves.lines(me, found.run.waves),
        "is_planned": True,
        "said": said,
        **await _faces(request, me, view, found),
    }


async def _faces(request: web.Request, me: Me, view: NewsView, found: Review) -> dict[str, Any]:
    """The cards of the arrows, and the sample card on Google and on the web."""
    db = database(request)
    row = await templates.by_key(db, me.brand.id, view.template)
    files = await templates.export_files(db, me.brand.id, view.template, row.published_revision if row else None)
    look = await renderer(request).look(files, brand_model(request, me), language=me.language, now=now(request))
    google = faces.drawn({}, look.google, look.google_pictures, language=me.language, time_zone=me.brand.time_zone)
    have: set[str] = set(google.pictures)
    real = found.samples
    if not real:
        seen = await newsreview.preview(db, me.brand.id, view.id, arm=0, language=me.language, now=now(request))
        made_up = Sample("typical", None, seen.after, seen.after.language, seen.lock_screen) if seen else None
        return {"google": google, "samples": [sample_faces(made_up, me, have)] if made_up else [], "names": []}
    samples = [sample_faces(one, me, have) for one in real]
    return {"google": google, "samples": samples, "names": sample_names(real, me)}


def _lock_texts(found: Review) -> list[str]:
    """The words on the lock screens of the samples, each once."""
    return list(dict.fromkeys(one.lock_screen for one in found.samples if one.lock_screen))


def _sentence(me: Me, view: NewsView, targets: int) -> str:
    """When, and up to how many."""
    texts = TEXTS[me.language]
    when = texts["news_at_once"]
    if view.starts_at is not None:
        at = view.starts_at.astimezone(page.zone(me))
        when = dates.format_datetime(at, "EEEE, d MMMM, HH:mm", locale=me.language)
        when = when[:1].upper() + when[1:]
        when += f" {texts['news_in_their_time']}" if view.zone == "holder" else ""
    return f"{when}. {page.counted(me.language, targets, 'news_up_to')}" if targets else texts["news_nobody"]


def _lines(me: Me, view: NewsView, found: Review, languages: Sequence[str]) -> list[Line]:
    """What to check, red first."""
    texts = TEXTS[me.language]
    warnings = set(found.run.warnings)
    lines = []
    everything = [view.text, *(one["text"] for one in view.variants)]
    if not all(any(text.strip() for text in one.values()) for one in everything):
        lines.append(Line(True, texts["news_check_no_text"], "text"))
    elif "silent" in warnings:
        lines.append(Line(True, texts["news_check_silent"], "text"))
    if "nobody_reached" in warnings:
        lines.append(Line(True, texts["news_check_nobody"], "audience"))
    if view.starts_at is not None and view.ends_at is not None and view.ends_at <= view.starts_at:
        lines.append(Line(True, texts["news_check_times"], "when"))
    long = max((len(text) for text in _lock_texts(found)), default=0)
    if long > SEEN:
        lines.append(Line(False, texts["news_seen"].format(seen=SEEN, n=long), "text"))
    if "language_missing" in warnings:
        missing = ", ".join(one for one in languages if not view.text.get(one))
        lines.append(Line(False, texts["news_check_language"].format(languages=missing), "text"))
    if "google_silent" in warnings:
        lines.append(
            Line(
                False, page.counted(me.language, found.run.reach.google_silent, "news_check_google_silent"), "audience"
            )
        )
    if gone := sum(one.cards for one in found.run.waves if one.missed):
        lines.append(Line(False, page.counted(me.language, gone, "news_check_hour_gone"), "when"))
    if "no_end" in warnings:
        lines.append(Line(False, texts["news_check_no_end"], "when"))
    return lines


def _quiet_line(me: Me, view: NewsView, rules: Rules, at: datetime) -> list[Line]:
    """When it begins in truth, if its moment falls into quiet hours."""
    if view.zone == "holder":
        return []
    begins = max(view.starts_at or at, at)
    allowed = rules.allowed_from(begins)
    if allowed <= begins:
        return []
    when = dates.format_datetime(allowed.astimezone(rules.zone), "d MMMM, HH:mm", locale=me.language)
    return [Line(False, page.fill(TEXTS[me.language]["news_check_quiet"], when=when), "when")]


def _named(me: Me, names: Sequence[str]) -> str:
    """People on a button: one or two by name, else the first and how many more."""
    if len(names) <= MOST_NAMES:
        return ", ".join(names)
    return f"{names[0]} {page.counted(me.language, len(names) - 1, 'approval_more')}"


def _figures(form: forms.Form) -> dict[str, int]:
    """What the page that was sent had shown."""
    given = {name: form[f"seen_{name}"] for name in FIGURES}
    return {name: int(text) for name, text in given.items() if text.isascii() and text.isdigit() and len(text) < 12}
