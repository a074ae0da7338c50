"""Revisions of a template: who published what and why, any two side by side, and the way back."""

from __future__ import annotations

from aiohttp import web

from handlers.studio import draftform, page, review
from handlers.studio.faces import data_url
from handlers.studio.me import Me, Refusal, database
from handlers.studio.templates import needed
from store import drafts, reviews, templates
from store.errors import Invalid


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/revisions."""
    row = await needed(request, me)
    db = database(request)
    draft = await drafts.get(db, me.brand.id, row.key)
    found = await templates.revisions(db, me.brand.id, row.key)
    return page.show(request, me, "revisions.html", row=row, draft=draft, revisions=found)


async def compare(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/compare?before=&after=: two revisions by number, the draft without one."""
    row = await needed(request, me)
    db = database(request)
    before, after = (_number(request.query.get(name, "")) for name in ("before", "after"))
    revisions = await templates.revisions(db, me.brand.id, row.key)
    try:
        found = await reviews.compare(db, me.brand.id, row.key, before, after)
    except Invalid:
        await page.say(request, me, "compare_broken", "wrong")
        return page.go(f"/studio/templates/{row.key}")
    files = await templates.export_files(db, me.brand.id, row.key, after)
    shown = draftform.of(files, me.language, me.language)
    return page.show(
        request,
        me,
        "compare.html",
        row=row,
        before=before,
        after=after,
        revisions=revisions,
        changes=review.changes_of(found, shown),
        pictures=_pictures(found),
    )


def _pictures(found: reviews.Comparison) -> list[tuple[str, str, str]]:
    """(file, before, after) as addresses that hold the picture; empty where there is none."""
    return [
        (name, data_url(before) if before else "", data_url(after) if after else "")
        for name, (before, after) in found.pictures.items()
    ]


def _number(text: str) -> int | None:
    if text in ("", "draft"):
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refusal("not_found", 404)
    return int(text)
