"""The review: what people will see before anything reaches them. Every publish and every roll-back goes through it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from aiohttp import web

from handlers.studio import draftform, editor, faces, forms, page
from handlers.studio.draftform import DraftForm
from handlers.studio.editing import HARMLESS
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.problems import problem_words
from handlers.studio.rendering import brand_model, renderer
from handlers.studio.templates import needed
from handlers.studio.texts import TEXTS
from passkit import edit
from passkit.apple import passjson
from passkit.draft import Mendable, sharpest
from passkit.edit import Insert, Set
from passkit.errors import Problem, Severity
from passkit.model import Pass
from store import drafts, reviews, templates
from store.drafts import Draft
from store.errors import Conflict, Invalid
from store.reviews import Difference, InUse, Review, Sample

TYPED_FROM = 1_000
"""From so many cards on, the number is typed before the button works."""
CHANGED = {
    "This review is not kept any more.": "review_changed_old",
    "Another revision has been published meanwhile.": "review_changed_revision",
    "The draft has changed meanwhile.": "review_changed_draft",
}
"""Why a plan is refused -> our sentence; anything else is an audience that has drifted."""
KINDS = ("fields", "texts", "colors", "pictures", "variables", "barcode", "languages", "other")


@dataclass(frozen=True, slots=True)
class Seen:
    """A sample on the page: its faces now and after, the same pictures only once."""

    kind: str
    language: str
    lock_screen: str | None
    before: faces.Drawn | None
    after: faces.Drawn


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the check, red or amber; ``goto`` leads to its place in the editor."""

    is_blocking: bool
    sentence: str
    fix: str
    goto: str


@dataclass(frozen=True, slots=True)
class Change:
    """One difference in people's words: pieces of text and chips."""

    name: str
    before: Sequence[Any]
    after: Sequence[Any]
    colors: tuple[str, str] | None = None


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/review?number=: of the draft, or of a revision to go back to."""
    return await _page(request, me, _number(request.query.get("number", "")))


async def publish(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:publish: exactly what the plan has shown."""
    form = await forms.read(request, me)
    row = await needed(request, me)
    number = _number(form["number"])
    if form["must_type"] and form["typed"].strip() != form["must_type"]:
        return await _page(request, me, number, problem="review_not_typed", status=422)
    try:
        revision = await reviews.publish(
            database(request),
            me.brand.id,
            row.key,
            plan_id=form["plan"][:64],
            note=form["note"].strip()[:1000],
            ring=form["ring"] == "1",
            by=me.actor,
            now=now(request),
        )
    except Conflict as error:
        if error.code != "plan_changed":
            raise
        if error.detail == "This review has been published already.":
            return page.go(f"/studio/templates/{row.key}/revisions")
        return await _page(
            request, me, number, problem=CHANGED.get(error.detail, "review_changed_audience"), status=409
        )
    except Invalid:
        return await _page(request, me, number, status=422)
    await page.say(request, me, "review_done_back" if number else "review_done", number=revision.number)
    return page.go(f"/studio/templates/{row.key}/revisions")


async def alias(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:alias: a source may go on using the old name, or the value stays."""
    form = await forms.read(request, me)
    row = await needed(request, me)
    db = database(request)
    draft = await drafts.get(db, me.brand.id, row.key)
    name, candidate = form["name"], form["candidate"]
    if candidate:
        change: Insert | Set = Insert(f"/variables/{candidate}/alias", None, name)
    else:
        published = await templates.export_files(db, me.brand.id, row.key, row.published_revision)
        change = Set(f"/variables/{name}", edit.value_at(published, f"/variables/{name}"))
    saved = await drafts.save_edits(
        db, me.brand.id, row.key, base=draft.number, edits=[change], by=me.actor, now=now(request)
    )
    if not isinstance(saved, Draft):
        raise Refusal("other", 409)
    await page.say(request, me, "review_alias_kept" if not candidate else "review_alias_made", name=name)
    return page.go(f"/studio/templates/{row.key}/review")


async def _page(
    request: web.Request, me: Me, number: int | None, *, problem: str = "", status: int = 200
) -> web.StreamResponse:
    row = await needed(request, me)
    db = database(request)
    draft = await drafts.get(db, me.brand.id, row.key)
    files = draft.files if number is None else await templates.export_files(db, me.brand.id, row.key, number)
    problems = await renderer(request).problems(files, brand_model(request, me))
    stopped = [one for one in problems if one.code == "limit" and one.problem.severity is Severity.ERROR]
    harmless = [one.problem for one in problems if one.code in HARMLESS]
    shown = draftform.of(files, me.language, me.language)
    look = await renderer(request).look(files, brand_model(request, me), language=me.language, now=now(request))
    if stopped:  # nothing is compiled here that the limited process has not survived
        return page.show(
            request, me, "review_stopped.html", status=422, form=shown, rows=_rows(stopped, [], shown, me, row.key)
        )
    found = await reviews.review(db, me.brand.id, row.key, number=number, by=me.actor, now=now(request))
    have: set[str] = set()
    google = faces.drawn({}, look.google, look.google_pictures, language=me.language, time_zone=me.brand.time_zone)
    have |= google.pictures.keys()
    is_same = number is None and draft.is_published
    blocking = [Mendable(one) for one in found.blocking if not _is_use(one, found.in_use)]
    return page.show(
        request,
        me,
        "review.html",
        status=status,
        form=shown,
        review=found,
        samples=[sample_faces(one, me, have) for one in found.samples],
        plain=faces.drawn(look.files, {}, {}, language=me.language, time_zone=me.brand.time_zone, have=have),
        google=google,
        rows=_rows(blocking, [one for one in found.warnings if one not in harmless], shown, me, row.key),
        changes=_changes(found.differences, shown),
        problem=problem,
        is_same=is_same,
        may_publish=not found.blocking and not is_same,
        must_type=str(found.effect.changed) if found.effect.changed >= TYPED_FROM else "",
        face_values=editor.face_values,
        names=sample_names(found.samples, me),
    )


def sample_names(samples: Sequence[Sample], me: Me) -> list[str]:
    """Whose card each is, for the arrows."""
    texts = TEXTS[me.language]
    return [
        f"{texts[f'review_sample_{one.kind}']} · " + page.fill(texts["review_sample_of"], n=number, count=len(samples))
        for number, one in enumerate(samples, 1)
    ]


def sample_faces(one: Sample, me: Me, have: set[str]) -> Seen:
    """Both faces of a sample; ``have`` grows by the pictures that are on the page now."""
    zone = me.brand.time_zone
    drawn: list[faces.Drawn | None] = []
    for side in (one.after, one.before):
        made = faces.drawn(_files(side), {}, {}, language=one.language, time_zone=zone, have=have) if side else None
        have |= made.pictures.keys() if made else set()
        drawn.append(made)
    after, before = drawn
    if after is None:
        raise RuntimeError("a sample has a face")
    return Seen(one.kind, one.language, one.lock_screen, before, after)


def _files(side: Pass) -> dict[str, bytes]:
    return {**passjson.files(side), **sharpest(side.images.files)}


def _is_use(problem: Problem, in_use: Sequence[InUse]) -> bool:
    return any(problem == one.problem for one in in_use)


def _rows(blocking: Sequence[Mendable], warnings: Sequence[Problem], shown: DraftForm, me: Me, key: str) -> list[Row]:
    """What to check, red first."""
    rows = [(True, one) for one in blocking] + [(False, Mendable(one)) for one in warnings]
    return [
        Row(is_blocking, *_named(one, shown, me), f"/studio/templates/{key}#at={quote(one.problem.pointer)}")
        for is_blocking, one in rows
    ]


def _named(one: Mendable, shown: DraftForm, me: Me) -> tuple[str, str]:
    """The sentence begins with the name of its place."""
    sentence, fix = problem_words(one.problem, me.language)
    name = editor.place_name(one.problem.pointer, shown, me.language)
    return f"{name}: {sentence}" if one.problem.pointer else sentence, fix


def _changes(differences: Sequence[Difference], shown: DraftForm) -> list[tuple[str, list[Change]]]:
    """By kind, in the order in which people think of them."""
    ordered = sorted(differences, key=lambda one: KINDS.index(one.kind))
    return [(kind, [_change(one, shown) for one in some]) for kind, some in groupby(ordered, key=lambda one: one.kind)]


def _change(one: Difference, shown: DraftForm) -> Change:
    sides = [shown.names.pieces(side or "") for side in (one.before, one.after)]
    colors = None
    if one.kind == "colors":
        pair = tuple(draftform.hex_of(side) for side in (one.before, one.after))
        colors = (pair[0], pair[1]) if any(pair) else None
    return Change(shown.names.plain(one.label), sides[0], sides[1], colors)


def _number(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refusal("not_found", 404)
    return int(text)


def changes_of(comparison: reviews.Comparison, shown: DraftForm) -> list[tuple[str, list[Change]]]:
    """The differences of two revisions in people's words."""
    return _changes(comparison.differences, shown)


__all__ = ["Review", "alias", "changes_of", "publish", "show"]
