"""News: the list, a new one, and the page where it is written; what is typed is saved by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from handlers import body
from handlers.studio import editor, faces, forms, newsaudience, newsconflict, newsform, newsrun, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.problems import problem_words
from handlers.studio.texts import TEXTS
from handlers.studio.walks import Walk, walks
from passkit import images
from passkit.apple import passjson
from passkit.draft import sharpest
from store import (
    gallery,
    news,
    newsapproval,
    newsapproving,
    newsdrafts,
    newspictures,
    newsreview,
    people,
    randomness,
    templates,
    triggers,
)
from store.errors import Conflict, Invalid
from store.news import NewsView
from store.newsaudience import Found
from store.newsdrafts import Page
from store.people import Role

SEEN = 60
"""Characters that a lock screen shows, about: iOS cuts two lines on its narrowest phone."""
SAMPLES = 5
NUMBER = 50


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news?cursor=: newest first."""
    db, cursor = database(request), request.query.get("cursor") or None
    found = await news.listing(db, me.brand.id, cursor=cursor, limit=NUMBER)
    names = {row.key: row.name for row in await templates.listing(db, me.brand.id)}
    return page.show(
        request,
        me,
        "news.html",
        news=found.news,
        older=found.next_cursor,
        names=names,
        said=said,
        badges=newsrun.BADGES,
        mine=await waiting(request, me),
    )


async def waiting(request: web.Request, me: Me) -> Sequence[NewsView]:
    """News that wait for this person's word."""
    user_id = me.actor.user_id
    return () if user_id is None else await newsapproving.waiting(database(request), me.brand.id, user_id)


def said(one: NewsView, language: str) -> str:
    """Its words in a language, else in the first that it has."""
    return one.text.get(language) or next(iter(one.text.values()), "")


async def new(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/new: which card, the one that most people have first."""
    db = database(request)
    shows = await newsdrafts.showing(db, me.brand.id)
    rows = [row for row in await gallery.listing(db, me.brand.id) if row.key in shows]
    rows.sort(key=lambda row: row.cards, reverse=True)
    return page.show(request, me, "news_new.html", rows=rows, shows=shows)


async def add(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news."""
    form = await forms.read(request, me)
    db, template = database(request), form["template"]
    if not (await newsdrafts.showing(db, me.brand.id)).get(template):
        raise Refusal("news_no_template", 422)
    made = await newsdrafts.begin(db, me.brand.id, template, by=me.actor, now=now(request))
    return page.go(f"/studio/news/{made.id}")


async def copy(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:copy."""
    await forms.read(request, me)
    made = await newsdrafts.copy(database(request), me.brand.id, _key(request), by=me.actor, now=now(request))
    await page.say(request, me, "news_copied")
    return page.go(f"/studio/news/{made.id}")


async def discard(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:discard."""
    await forms.read(request, me)
    await newsdrafts.discard(database(request), me.brand.id, _key(request), by=me.actor, now=now(request))
    await page.say(request, me, "news_discarded")
    return page.go("/studio/news")


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}: while it is a draft the page to write it, then how far it is."""
    db = database(request)
    template, view, pictures = await newsdrafts.template_of(db, me.brand.id, _key(request))
    if (trigger := await triggers.of_message(db, me.brand.id, view.id)) is not None:
        return page.go(f"/studio/news/triggers/{trigger}")
    if view.state != "draft" or not me.may(Role.DESIGNER):
        return await newsrun.show(request, me, view)
    outlets = [(one.key, one.name) for one in await people.outlets.listing(db, me.brand.id)]
    tree = newsaudience.written(view.audience, template, me.brand.time_zone)
    settings = {
        "key": view.id,
        "brand": me.brand.key,
        "fields": newsaudience.fields(template, outlets, me.language),
        "tree": tree,
    }
    row = await templates.by_key(db, me.brand.id, view.template)
    return page.show(
        request,
        me,
        "news_form.html",
        news=view,
        template=row,
        languages=template.languages,
        arms=newsform.arms_of(view),
        settings=orjson.dumps(settings).decode(),
        is_plain=tree is not None,
        topics=await newsdrafts.topics(db, me.brand.id),
        lapsed=view.reason == newsapproval.LAPSED,
        page_name=randomness.text(12),
        saving=await newsdrafts.last_saving(db, me.brand.id, view.id),
        latest=newsform.local(view.not_later_than, me.brand.time_zone),
        starts=newsform.local(view.starts_at, me.brand.time_zone),
        ends=newsform.local(view.ends_at, me.brand.time_zone),
        pictures=_crops(pictures),
        takes_picture=newspictures.place(template) is not None,
        seen=SEEN,
    )


async def save(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}/draft: all that can be kept is kept, the rest is said beside its field."""
    form = await forms.read(request, me)
    db = database(request)
    template, view, _ = await newsdrafts.template_of(db, me.brand.id, _key(request))
    asked, errors = newsform.asked(form, view, template, me)
    key, written = view.id, Page(form["page"][:12], form["seen"][:20], me.actor.name) if form["page"] else None
    if written is not None and form["choice"] in ("mine", "theirs") and view.state == "draft":
        key, written = await newsconflict.settle(request, me, view.id, written, form["choice"])
    try:
        try:
            await newsdrafts.save(db, me.brand.id, key, asked, page=written, now=now(request))
        except Invalid as error:
            errors |= _refused(error, me)
            rest = asked.model_copy(
                update={"audience": view.audience, "ends_at": None, "not_later_than": None}
            )  # the words are kept all the same
            await newsdrafts.save(db, me.brand.id, key, rest, page=written, now=now(request))
    except Invalid as error:
        errors |= _refused(error, me)
    except Conflict as error:
        if error.code == newsdrafts.CHANGED:
            return await newsconflict.told(request, me, view, asked)
        errors[""] = TEXTS[me.language]["news_started_meanwhile"]
    return answer({"errors": errors}, 422 if errors else 200)


async def upload(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}/picture: the body is the picture; an empty one takes it away."""
    content = await body.read(request, images.MAX_BYTES)
    db, errors = database(request), {}
    try:
        await newsdrafts.set_picture(db, me.brand.id, _key(request), content or None, now=now(request))
    except Invalid as error:
        errors = {"picture": " ".join(problem_words(error.problems[0], me.language)).strip()}
    _, _, pictures = await newsdrafts.template_of(db, me.brand.id, _key(request))
    return answer({"errors": errors, "pictures": _crops(pictures)}, 422 if errors else 200)


async def preview(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/preview?language=&arm=: the sample card in both wallets, built as a phone gets it."""
    db, query = database(request), request.query
    arm = query.get("arm", "0")
    language = query.get("language") or me.language
    seen = await newsreview.preview(
        db,
        me.brand.id,
        _key(request),
        arm=int(arm) if arm.isascii() and arm.isdigit() and len(arm) < 3 else 0,
        language=language,
        now=now(request),
    )
    drawn = None
    if seen is not None:
        files = {**passjson.files(seen.after), **sharpest(seen.after.images.files)}
        have = set(query.get("have", "").split(","))
        drawn = faces.drawn(files, {}, {}, language=language, time_zone=me.brand.time_zone, have=have)
    values = editor.face_values(drawn, me.language) if drawn else {}
    return page.part(request, me, "news_preview.html", seen=seen, drawn=drawn, **values)


async def count(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/count?again=: who would be reached by what is saved; says how far it is while it counts."""
    db, key, at = database(request), _key(request), now(request)
    name = ("count", str(me.brand.id), key)
    if "again" not in request.query:
        walks(request).forget(name)
    view = await news.view(db, me.brand.id, key)

    def begin() -> Walk:
        found = Found()
        return Walk(newsreview.count(db, me.brand.id, view.id, found, at), found)

    walk = await walks(request).get(name, begin)
    try:
        done = walk.result() if walk.is_done else None
    except (Invalid, Conflict):
        return page.part(request, me, "news_count.html", problem=True, news=view)
    found: Found = done or walk.watched
    values: dict[str, Any] = {"reach": found.reach, "is_done": done is not None, "news": view, "problem": False}
    members = [("•••• " + one.row["number"][-4:], one.row["language"] or "", one.row["created_at"])
               for one in found.samples[:SAMPLES]]  # fmt: skip
    return page.part(request, me, "news_count.html", members=members, **values)


def answer(value: dict[str, Any], status: int = 200) -> web.Response:
    """For the page's module."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=page.HEADERS)


def _crops(pictures: dict[str, str]) -> dict[str, str]:
    """The picture as an iPhone cuts it, at its largest, and as Google does."""
    passes = [name for name in pictures if name not in (newspictures.GOOGLE, newspictures.SOURCE)]
    largest = max(passes, key=lambda one: ("@3x" in one, "@2x" in one), default=None)
    found = {"apple": pictures.get(largest or ""), "google": pictures.get(newspictures.GOOGLE)}
    return {name: f"/images/{digest}.png" for name, digest in found.items() if digest}


def _refused(error: Invalid, me: Me) -> dict[str, str]:
    found = {_name(one.pointer): " ".join(problem_words(one, me.language)).strip() for one in error.problems}
    return found | ({"not_later_than": TEXTS[me.language]["news_late_over"]} if "not_later_than" in found else {})


def _name(pointer: str) -> str:
    """``/variants/0/text/ru`` -> the field of the form."""
    parts = pointer.strip("/").split("/")
    arm = 0
    if parts[0] == "variants" and len(parts) > 2:
        arm, parts = int(parts[1]) + 1, parts[2:]
    if parts[0] in ("text", "title") and len(parts) > 1:
        return f"{parts[0]}_{arm}_{parts[1]}" if parts[0] == "text" else f"title_{parts[1]}"
    return parts[0]


def _key(request: web.Request) -> str:
    return request.match_info["news"]
