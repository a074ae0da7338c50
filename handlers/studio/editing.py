"""The editor's endpoints for its modules: JSON in, JSON out. Pages are others' work.

Every answer about a draft has the same shape::

    {"number": 7, "can_undo": true, "can_redo": false, "is_published": false, "author": "Anna", "at": "...",
     "whose": "", "others": [{"number": 6, "author": "Olga", "at": "...", "touched": ["/name"]}],
     "problems": [{"pointer", "severity", "code", "sentence", "fix", "fix_edits"}]}

409 ``{"overlap": {"who", "at", "number", "pointers", "theirs"}}``: somebody else was at the same place; nothing is saved.
422 ``{"refused": [{"pointer", "sentence", "fix"}]}``: an edit cannot be made; nothing is saved. Each body names the ``brand`` it
was made for, so that a tab whose brand was switched in another one cannot write into the wrong template.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from handlers import body
from handlers.errors import ProblemError
from handlers.studio import page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.problems import problem_words
from handlers.studio.rendering import brand_model, renderer
from passkit import edit, images, yamlsafe
from passkit.draft import Mendable
from passkit.edit import Edit, EditError, Picture
from passkit.errors import ImageError, Problem, TemplateError
from passkit.schema import STRINGS_FOLDER, TEMPLATE_FILE
from store import drafts, templates
from store.drafts import Draft, Overlap, Step
from store.errors import Invalid, NotFound

EDITS_LIMIT = 512 * body.KIB
PICTURE_LIMIT = images.MAX_BYTES
CONTENT_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}

HARMLESS = frozenset({"translations_of_nothing"})
"""What needs nobody's attention: the translations of a removed field wait for its return."""

Json = dict[str, Any]


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/draft: all of it as JSON, pictures by digest; ``number`` for a kept state."""
    renderer(request).warm()
    number = request.query.get("number", "")
    draft = await drafts.get(database(request), me.brand.id, _key(request), int(number) if number.isdigit() else None)
    return _answer({**await told(request, me, draft), **contents(draft.files)})


async def save(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}/edits: ``{"brand", "base", "edits": [...]}``."""
    asked = await _asked(request, me)
    try:
        edits = edit.from_json(asked.get("edits"))
    except EditError as error:
        return _refused(me, error.problems)
    if any(isinstance(one, Picture) for one in edits):
        return _refused(me, edit.refused("/edits", "pictures have an address of their own").problems)
    return await _save(request, me, _base(asked), edits)


async def upload(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}/pictures?brand=&base=&slot=&within=&file=&x=&y=: the body is the picture."""
    query = request.query
    await _needed(request, me)
    same_brand(me, query.get("brand"))
    base = query.get("base", "")
    if not base.isdigit() or not query.get("slot"):
        raise ProblemError("bad_request")
    content = await body.read(request, PICTURE_LIMIT)
    name = query.get("file", "picture.png")[:200]
    place = f"{query.get('within', '/images')}/{query['slot']}"
    try:
        kept = await renderer(request).picture(name, content)
    except ImageError as error:
        return _refused(me, edit.refused(place, str(error), "Choose another picture.").problems)
    picture = Picture(query["slot"], name, kept, _focus(query), query.get("within", "/images"))
    return await _save(request, me, int(base), [picture])


async def undo(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}/undo: ``{"brand", "base"}``."""
    base = _base(await _asked(request, me))
    db, at = database(request), now(request)
    found = await drafts.undo(db, me.brand.id, _key(request), base=base, by=me.actor, now=at)
    return await _outcome(request, me, found, whole=True)


async def redo(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}/redo: ``{"brand", "base"}``."""
    base = _base(await _asked(request, me))
    db, at = database(request), now(request)
    found = await drafts.redo(db, me.brand.id, _key(request), base=base, by=me.actor, now=at)
    return await _outcome(request, me, found, whole=True)


async def history(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/history: the kept states, newest first."""
    steps = await drafts.history(database(request), me.brand.id, _key(request))
    return _answer({"steps": [step_to_json(step) for step in steps]})


async def file(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/file?name=&v=: a picture of the draft, to crop it; ``v``, its digest, makes it safe to keep."""
    name = request.query.get("name", "")
    kind = CONTENT_TYPES.get(name.rpartition(".")[2].lower())
    draft = await drafts.get(database(request), me.brand.id, _key(request))
    content = draft.files.get(name)
    if kind is None or content is None:
        raise Refusal("not_found", 404)
    fits = request.query.get("v") == digest(content)
    keep = "private, max-age=31536000, immutable" if fits else "private, no-store"
    headers = {**page.HEADERS, "Cache-Control": keep, "X-Content-Type-Options": "nosniff"}
    return web.Response(body=content, content_type=kind, headers=headers)


# Answers.


def contents(files: Mapping[str, bytes]) -> Json:
    """A draft's files as values: ``template``, ``strings`` by language, ``pictures``: name -> digest."""
    return {
        "template": _values(files, TEMPLATE_FILE),
        "strings": {
            name.removeprefix(STRINGS_FOLDER).removesuffix(".yaml"): _values(files, name)
            for name in sorted(files)
            if name.startswith(STRINGS_FOLDER)
        },
        "pictures": {name: digest(content) for name, content in files.items() if not name.endswith(".yaml")},
    }


def digest(content: bytes) -> str:
    """A picture's name for a browser's cache."""
    return hashlib.sha256(content).hexdigest()[:16]


def draft_to_json(draft: Draft) -> Json:
    """Where a draft stands."""
    return {
        "number": draft.number,
        "can_undo": draft.can_undo,
        "can_redo": draft.can_redo,
        "is_published": draft.is_published,
        "author": draft.author,
        "at": draft.at.isoformat(),
        "whose": draft.whose,
        "others": [step_to_json(step) for step in draft.others],
    }


def step_to_json(step: Step) -> Json:
    """One state of the history."""
    return {"number": step.number, "author": step.author, "at": step.at.isoformat(), "touched": list(step.touched)}


def problem_to_json(one: Mendable, language: str) -> Json:
    """A problem beside its field, with what its button sends."""
    problem = one.problem
    sentence, fix = problem_words(problem, language)
    return {
        "pointer": problem.pointer,
        "severity": problem.severity.value,
        "code": one.code,
        "sentence": sentence,
        "fix": fix,
        "fix_edits": edit.to_json(one.edits),
    }


async def _save(request: web.Request, me: Me, base: int, edits: Sequence[Edit]) -> web.StreamResponse:
    try:
        found = await drafts.save_edits(
            database(request), me.brand.id, _key(request), base=base, edits=edits, by=me.actor, now=now(request)
        )
    except Invalid as error:
        return _refused(me, error.problems)
    return await _outcome(request, me, found)


async def _outcome(request: web.Request, me: Me, found: Draft | Overlap, *, whole: bool = False) -> web.StreamResponse:
    """``whole``: the page must be drawn anew, so all that the draft says comes with it."""
    if isinstance(found, Overlap):
        overlap = {
            "who": found.who,
            "at": found.at.isoformat(),
            "number": found.number,
            "pointers": list(found.pointers),
            "theirs": dict(found.theirs),
        }
        return _answer({"overlap": overlap}, status=409)
    answer = await told(request, me, found)
    return _answer({**answer, **contents(found.files)} if whole or found.others else answer)


async def told(request: web.Request, me: Me, draft: Draft) -> Json:
    """Where a draft stands and what is wrong with it."""
    found = await renderer(request).problems(draft.files, brand_model(request, me))
    shown = [problem_to_json(one, me.language) for one in found if one.code not in HARMLESS]
    return {**draft_to_json(draft), "problems": shown}


def _refused(me: Me, problems: Sequence[Problem]) -> web.Response:
    return _answer({"refused": refusals(problems, me.language)}, status=422)


def refusals(problems: Sequence[Problem], language: str) -> list[Json]:
    """What could not be done, in the reader's words."""
    rows = [(one.pointer, *problem_words(one, language)) for one in problems]
    return [{"pointer": pointer, "sentence": sentence, "fix": fix} for pointer, sentence, fix in rows]


def _answer(value: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=page.HEADERS)


# Questions.


async def _asked(request: web.Request, me: Me) -> Json:
    """The body as JSON; NotFound first, where the template is not this brand's."""
    await _needed(request, me)
    content = await body.read(request, EDITS_LIMIT)
    if request.content_type != "application/json":
        raise ProblemError("unsupported_body")
    try:
        asked = orjson.loads(content)
    except ValueError:
        raise ProblemError("bad_json") from None
    if not isinstance(asked, dict):
        raise ProblemError("bad_request")
    same_brand(me, asked.get("brand"))
    return asked


async def _needed(request: web.Request, me: Me) -> None:
    if await templates.by_key(database(request), me.brand.id, _key(request)) is None:
        raise NotFound("There is no such template.", code="template_not_found")


def same_brand(me: Me, key: object) -> None:
    """Refusal when the page was made for another brand than the one on the screen."""
    if key != me.brand.key:
        raise Refusal("other_brand", 409, brand=me.brand.name)


def _base(asked: Json) -> int:
    base = asked.get("base")
    if not isinstance(base, int) or isinstance(base, bool) or not 0 <= base < 2**31:
        raise ProblemError("bad_request")
    return base


def _focus(query: Mapping[str, str]) -> tuple[float, float] | None:
    try:
        x, y = float(query["x"]), float(query["y"])
    except (KeyError, ValueError):
        return None
    return (x, y) if 0 <= x <= 1 and 0 <= y <= 1 else None


def _key(request: web.Request) -> str:
    return request.match_info["key"]


def _values(files: Mapping[str, bytes], name: str) -> Json:
    try:
        return yamlsafe.load(name, files[name])
    except TemplateError:
        return {}
