"""Automatic messages: the list, a new one, and the page of each with the card that says it and whom it would tell today."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson
from aiohttp import web

from handlers.studio import editor, faces, forms, page, triggerform
from handlers.studio.forms import Form
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.news import SEEN
from handlers.studio.texts import TEXTS
from handlers.studio.walks import Walk, walks
from passkit import occasions
from passkit.apple import passjson
from passkit.draft import sharpest
from passkit.schema import Template
from store import gallery, newsdrafts, newsreview, templates, triggerdays, triggerfigures, triggers
from store.errors import Conflict, Invalid, StoreError
from store.triggerdays import Counting
from store.triggerrows import OFF, TriggerRequest, TriggerView, fitting

HERE = "/studio/news/triggers"
BADGES = {"on": "accent", "paused": "warn"}
RUNS = {"missed": "warn", "failed": "wrong", "running": "accent", "done": "done"}


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/triggers."""
    db = database(request)
    found = await triggers.listing(db, me.brand.id)
    names = {row.key: row.name for row in await templates.listing(db, me.brand.id)}
    return page.show(request, me, "triggers.html", triggers=found, names=names, said=_said, badges=BADGES)


async def new(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/triggers/new: which card, and what about."""
    db = database(request)
    shows = await newsdrafts.showing(db, me.brand.id)
    rows = [row for row in await gallery.listing(db, me.brand.id) if shows.get(row.key)]
    rows.sort(key=lambda row: row.cards, reverse=True)
    return page.show(request, me, "trigger_new.html", rows=rows, events=occasions.EVENTS)


async def add(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers."""
    form, db = await forms.read(request, me), database(request)
    if not (await newsdrafts.showing(db, me.brand.id)).get(form["template"]):
        raise Refusal("news_no_template", 422)
    if form["event"] not in occasions.EVENTS:
        raise Refusal("not_found", 404)
    asked = TriggerRequest.model_validate({"template": form["template"], "event": form["event"]})
    made = await triggers.create(db, me.brand.id, asked, by=me.actor, now=now(request))
    return page.go(f"{HERE}/{made.id}")


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/triggers/{trigger}?language=."""
    return await _page(request, me, await _view(request, me))


async def save(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}: of one that is off."""
    view = await _view(request, me)
    if view.state != OFF:
        raise Refusal("other", 409)
    return await _save(request, me, view)


async def change(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}:change: of one that tells people."""
    return await _save(request, me, await _view(request, me))


async def switch_on(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}:on."""
    await forms.read(request, me)
    try:
        await triggers.switch_on(database(request), me.brand.id, _key(request), by=me.actor, now=now(request))
    except Conflict:
        await page.say(request, me, "triggers_not_ready", "wrong")
        return page.go(f"{HERE}/{_key(request)}")
    await page.say(request, me, "triggers_is_on")
    return page.go(f"{HERE}/{_key(request)}")


async def pause(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}:pause."""
    await forms.read(request, me)
    await triggers.pause(database(request), me.brand.id, _key(request), by=me.actor, now=now(request))
    await page.say(request, me, "triggers_is_paused")
    return page.go(f"{HERE}/{_key(request)}")


async def switch_off(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}:off; with ``take_off`` its texts leave the cards now."""
    form, db = await forms.read(request, me), database(request)
    take_off = form["take_off"] == "1"
    await triggers.switch_off(db, me.brand.id, _key(request), take_off=take_off, by=me.actor, now=now(request))
    await page.say(request, me, "triggers_is_off")
    return page.go(f"{HERE}/{_key(request)}")


async def remove(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}:remove."""
    await forms.read(request, me)
    await triggers.remove(database(request), me.brand.id, _key(request), by=me.actor, now=now(request))
    await page.say(request, me, "triggers_removed")
    return page.go(HERE)


async def test(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/triggers/{trigger}/test: what it says now, on people's own phones."""
    key = await triggers.message_key(database(request), me.brand.id, _key(request))
    return page.go(f"/studio/news/{key}/test")


async def preview(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}/preview: the sample card with the words of the form, built as a phone gets it."""
    form, view = await forms.read(request, me), await _view(request, me)
    template = await _template(request, me, view)
    language = _language(form["language"], template, me)
    have = set(form["have"].split(","))
    values = await _face(request, me, view, triggerform.words(form, template), language, have)
    return page.part(request, me, "news_preview.html", **values)


async def count(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/triggers/{trigger}/count: whom it would tell today, as the form says; how far it is meanwhile."""
    form, view, db = await forms.read(request, me), await _view(request, me), database(request)
    template = await _template(request, me, view)
    asked = triggerform.settings(form, view, template, me)
    if asked.errors or not asked.settings["variable"]:
        return page.part(request, me, "trigger_count.html", trigger=view, today=None)
    at, settings = now(request), asked.valid
    digest = sha256(orjson.dumps(asked.settings)).hexdigest()[:16]

    def begin() -> Walk:
        counting = Counting()
        return Walk(triggerdays.today(db, me.brand.id, view.id, at, settings, counting), counting)

    walk = await walks(request).get(("trigger", str(me.brand.id), view.id, digest), begin)
    try:
        done = walk.result() if walk.is_done else None
    except StoreError:
        return page.part(request, me, "trigger_count.html", trigger=view, today=None)
    found = done or walk.watched.so_far
    return page.part(request, me, "trigger_count.html", trigger=view, today=found, is_done=done is not None)


async def _save(request: web.Request, me: Me, view: TriggerView) -> web.StreamResponse:
    form, db = await forms.read(request, me), database(request)
    template = await _template(request, me, view)
    asked = triggerform.read(form, view, template, me)
    if not asked.errors:
        try:
            await triggers.save(db, me.brand.id, view.id, asked.valid, by=me.actor, now=now(request))
        except Invalid as error:
            asked.errors |= triggerform.refused(forms.problems(error, me.language), me)
        except Conflict:
            asked.errors[""] = TEXTS[me.language]["triggers_not_ready"]
    if asked.errors:
        return await _page(request, me, view, asked.errors, form)
    await page.say(request, me, "saved")
    return page.go(f"{HERE}/{view.id}")


async def _page(
    request: web.Request,
    me: Me,
    view: TriggerView,
    errors: Mapping[str, str] | None = None,
    form: Form | None = None,
) -> web.StreamResponse:
    db, template = database(request), await _template(request, me, view)
    language = _language(request.query.get("language", ""), template, me)
    shown = form or triggerform.fields(view, template, me.brand.time_zone)
    variables = [(name, template.variables[name].label or name) for name in fitting(template, view.event)]
    is_number = {name for name in fitting(template, view.event) if template.variables[name].type in occasions.NUMBERS}
    return page.show(
        request,
        me,
        "trigger.html",
        status=422 if errors else 200,
        trigger=view,
        template=await templates.by_key(db, me.brand.id, view.template),
        languages=template.languages,
        shown_language=language,
        form=shown,
        errors=errors or {},
        variables=variables,
        numbers=sorted(is_number),
        is_daily=view.event in occasions.DAILY,
        bounds=occasions.DAYS.get(view.event),
        topics=await newsdrafts.topics(db, me.brand.id),
        seen_characters=SEEN,
        is_ready=_is_ready(view, is_number),
        runs=await triggerfigures.runs(db, me.brand.id, view.id),
        firings=await triggerfigures.firings(db, me.brand.id, view.id),
        result=await triggerfigures.result(db, me.brand.id, view.id),
        badges=BADGES,
        run_badges=RUNS,
        **await _face(request, me, view, triggerform.words(shown, template), language, set()),
    )


def _is_ready(view: TriggerView, numbers: set[str]) -> bool:
    """Whether it can be switched on, as far as the page can tell."""
    has_text = any(text.strip() for text in view.text.values())
    is_chosen = view.variable is not None or view.event == occasions.INSTALLED
    return has_text and is_chosen and (view.level is not None or view.variable not in numbers)


async def _face(
    request: web.Request, me: Me, view: TriggerView, words: Mapping[str, Any], language: str, have: set[str]
) -> dict[str, Any]:
    """The sample card with these words."""
    db, at = database(request), now(request)
    seen = await newsreview.preview_text(db, me.brand.id, view.template, words, language=language, now=at)
    if seen is None:
        return {"seen": None, "drawn": None}
    files = {**passjson.files(seen.after), **sharpest(seen.after.images.files)}
    drawn = faces.drawn(files, {}, {}, language=language, time_zone=me.brand.time_zone, have=have)
    return {"seen": seen, "drawn": drawn, **editor.face_values(drawn, me.language)}


async def _template(request: web.Request, me: Me, view: TriggerView) -> Template:
    """As it is published."""
    return await triggers.template_of(database(request), me.brand.id, view.id)


async def _view(request: web.Request, me: Me) -> TriggerView:
    return await triggers.view(database(request), me.brand.id, _key(request))


def _language(given: str, template: Template, me: Me) -> str:
    return given if given in template.languages else template.language(me.language)


def _said(one: TriggerView, language: str) -> str:
    return one.text.get(language) or next(iter(one.text.values()), "")


def _key(request: web.Request) -> str:
    return request.match_info["trigger"]
