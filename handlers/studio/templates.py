"""The gallery: the brand's templates, and the starters that a new one begins as."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from handlers.studio import drawing, forms, page, starters
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.rendering import brand_model
from handlers.studio.starters import OCCASIONS, TRADES, Starter
from handlers.studio.texts import TEXTS
from store import gallery, templates
from store.errors import Invalid, NotFound


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates."""
    archived = "archived" in request.query
    rows = await gallery.listing(database(request), me.brand.id, archived=archived)
    put_away = rows if archived else await gallery.listing(database(request), me.brand.id, archived=True)
    return page.show(
        request,
        me,
        "templates.html",
        rows=[replace(row, name=starters.name_of(row.key, row.name, TEXTS[me.language])) for row in rows],
        archived=archived,
        put_away=len(put_away),
        sections=[] if rows or archived else _sections(me),
    )


async def new(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/starters: which starter?"""
    return page.show(request, me, "templates_new.html", sections=_sections(me))


async def add(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates: a template of the brand's own, like a starter."""
    form = await forms.read(request, me)
    starter = starters.every().get(form["starter"])
    if starter is None:
        raise Refusal("not_found", 404)
    name = form["name"] or _name(starter, me.language)
    row = await gallery.add(database(request), me.brand.id, starter.files, name, me.actor, now(request))
    return page.go(f"/studio/templates/{row.key}")


async def copy(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:copy."""
    form = await forms.read(request, me)
    key = request.match_info["key"]
    row = await needed(request, me)
    name = form["name"] or page.fill(TEXTS[me.language]["templates_copy_name"], name=row.name)
    made = await gallery.copy(database(request), me.brand.id, key, name[:200], me.actor, now(request))
    await page.say(request, me, "templates_copied", name=made.name)
    return page.go(f"/studio/templates/{made.key}")


async def rename(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:rename."""
    form = await forms.read(request, me)
    row = await needed(request, me)
    try:
        await gallery.rename(database(request), me.brand.id, row.key, form["name"], me.actor, now(request))
    except Invalid as error:
        await page.say(request, me, "templates_not_renamed", "wrong", words=forms.problems(error, me.language)["name"])
        return page.go(forms.back(form, "/studio/templates"))
    await page.say(request, me, "saved")
    return page.go(forms.back(form, "/studio/templates"))


async def archive(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:archive."""
    await forms.read(request, me)
    name = await gallery.archive(database(request), me.brand.id, request.match_info["key"], me.actor, now(request))
    await page.say(request, me, "templates_archived", name=name)
    return page.go("/studio/templates")


async def restore(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:restore."""
    await forms.read(request, me)
    name = await gallery.restore(database(request), me.brand.id, request.match_info["key"], me.actor, now(request))
    await page.say(request, me, "templates_restored", name=name)
    return page.go("/studio/templates")


async def starter_picture(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/starters/{starter}.svg."""
    starter = starters.every().get(request.match_info["starter"])
    if starter is None:
        raise Refusal("not_found", 404)
    svg = await drawing.of_starter(request, starter, me.language, brand_model(request, me), now(request))
    return drawing.answer(svg, keep=False)


async def picture(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/card.svg: as it is published, else the draft; ``number`` or ``draft`` in the query choose."""
    row = await needed(request, me)
    db, number = database(request), request.query.get("number", "")
    revisions = {one.number: one.id for one in await templates.revisions(db, me.brand.id, row.key)} if number else {}
    chosen = revisions.get(int(number)) if number.isascii() and number.isdigit() else row.published_revision_id
    if number and chosen is None:
        raise Refusal("not_found", 404)
    if chosen is None or "draft" in request.query:
        svg = await drawing.of_draft(request, me, row.key, now(request))
    else:
        revision = await templates.revision(db, None, chosen)
        name = ("revision", str(chosen), me.brand.stamp)
        svg = await drawing.of_revision(request, revision, name, me.language, now(request))
    return drawing.answer(svg, keep="v" in request.query)


async def needed(request: web.Request, me: Me) -> templates.TemplateRow:
    """The template of the path; NotFound for what is not this brand's."""
    key = request.match_info["key"]
    row = await templates.by_key(database(request), me.brand.id, key)
    if row is None:
        raise NotFound(f"There is no template {key!r}.", code="template_not_found")
    return row


def _sections(me: Me) -> list[tuple[str, list[tuple[Starter, str, str]]]]:
    """(heading, starters with name and line) by trade, then by occasion."""
    every = starters.every()
    others = [key for key in every if key not in TRADES and key not in OCCASIONS]
    groups = (("templates_by_trade", TRADES), ("templates_by_occasion", (*OCCASIONS, *others)))
    return [
        (
            heading,
            [(every[key], _name(every[key], me.language), _line(key, me.language)) for key in keys if key in every],
        )
        for heading, keys in groups
    ]


def _name(starter: Starter, language: str) -> str:
    return TEXTS[language].get(f"starter_{starter.key}", starter.name)


def _line(key: str, language: str) -> str:
    return TEXTS[language].get(f"starter_{key}_line", "")
