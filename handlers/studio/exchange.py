"""Templates as files: a zip out and in, byte for byte, and the expert's text box."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import orjson
from aiohttp import web

from handlers import body
from handlers.errors import ProblemError
from handlers.studio import editing, page
from handlers.studio.me import Me, database, now
from handlers.studio.rendering import renderer
from handlers.studio.templates import needed
from passkit import preview
from passkit.errors import BundleError, ImageError, Problem, Severity
from passkit.places import coordinates
from passkit.schema import TEMPLATE_FILE
from passkit.schemacheck import pointer
from store import drafts, gallery, templates
from store.errors import Conflict, Invalid

ZIP_LIMIT = 32 * 1024 * body.KIB
YAML_LIMIT = 512 * body.KIB
STAMP = (2026, 1, 1, 0, 0, 0)
"""Every entry's time: the same template is the same file."""

Json = dict[str, Any]


async def export(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/export.zip: the draft as a folder in a zip; ``number`` for a published revision."""
    key, number = request.match_info["key"], request.query.get("number", "")
    wanted = int(number) if number.isdigit() and len(number) < 10 else None
    files = await templates.export_files(database(request), me.brand.id, key, wanted)
    name = f"{key}.zip" if wanted is None else f"{key}-{wanted}.zip"
    headers = {**page.HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=packed(files), content_type="application/zip", headers=headers)


async def take_in(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/starters:import?brand=: the body is a zip; answers where the new template is."""
    editing.same_brand(me, request.query.get("brand"))
    found = await _unpacked(request)
    if isinstance(found, list):
        return _refused(me, found)
    try:
        row = await gallery.take_in(database(request), me.brand.id, found, me.actor, now(request))
    except Invalid as error:
        return _refused(me, error.problems)
    return _json({"location": f"/studio/templates/{row.key}"})


async def replace(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}:replace?brand=&base=: a zip becomes the draft, as one step."""
    await needed(request, me)
    editing.same_brand(me, request.query.get("brand"))
    base = request.query.get("base", "")
    if not base.isdigit():
        raise ProblemError("bad_request")
    found = await _unpacked(request)
    return _refused(me, found) if isinstance(found, list) else await _replace(request, me, found, int(base))


async def yaml(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/templates/{key}/yaml: ``{"brand", "base", "text"}``, template.yaml as the expert has written it."""
    await needed(request, me)
    asked = body.parse_json(await body.read(request, YAML_LIMIT))
    if not isinstance(asked, dict) or not isinstance(asked.get("text"), str) or not isinstance(asked.get("base"), int):
        raise ProblemError("bad_request")
    editing.same_brand(me, asked.get("brand"))
    draft = await drafts.get(database(request), me.brand.id, request.match_info["key"])
    files = {**draft.files, TEMPLATE_FILE: asked["text"].replace("\r\n", "\n").encode()}
    return await _replace(request, me, files, asked["base"])


async def point(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/points?text=: the coordinates in a link or in two numbers."""
    found = coordinates(request.query.get("text", ""))
    return _json({} if found is None else {"latitude": found[0], "longitude": found[1]})


def packed(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip, in their order."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
    return content.getvalue()


def folder(entries: Mapping[str, bytes]) -> dict[str, bytes] | None:
    """The template's files in a zip, wherever its folder lies; None when there is none. What systems add is left out."""
    paths = {PurePosixPath(name): data for name, data in entries.items() if not name.endswith("/")}
    roots = sorted((path.parent for path in paths if path.name == TEMPLATE_FILE), key=lambda one: len(one.parts))
    roots = [root for root in roots if "__MACOSX" not in root.parts]
    if not roots:
        return None
    inside = {path.relative_to(roots[0]): data for path, data in paths.items() if path.is_relative_to(roots[0])}
    return {
        str(path): data for path, data in inside.items() if not any(part.startswith((".", "__")) for part in path.parts)
    }


async def _unpacked(request: web.Request) -> dict[str, bytes] | list[Problem]:
    """The template in the body, its pictures as they are kept; or what is wrong with it."""
    content = await body.read(request, ZIP_LIMIT)
    try:
        files = folder(preview.unpack(content))
    except BundleError:
        return [_problem("", "This is not a zip file that can be read.", "Export it again, or pack the folder anew.")]
    if files is None:
        return [_problem("", "There is no template.yaml in it.", "Pack the template's folder with everything in it.")]
    if len(files) > templates.MAX_FILES:
        return [_problem("", f"A template has at most {templates.MAX_FILES} files.", "Remove what it does not use.")]
    problems, kept = [], {}
    for name, data in files.items():
        try:
            kept[name] = data if name.endswith(templates.TEXTS) else await renderer(request).picture(name, data)
        except ImageError as error:
            problems.append(_problem(pointer("files", name), str(error), "Choose another picture."))
    return problems or kept


async def _replace(request: web.Request, me: Me, files: Mapping[str, bytes], base: int) -> web.StreamResponse:
    key = request.match_info["key"]
    try:
        draft = await gallery.replace(
            database(request), me.brand.id, key, files, base=base, by=me.actor, now=now(request)
        )
    except Invalid as error:
        return _refused(me, error.problems)
    except Conflict:
        return _refused(
            me, [_problem("", "Somebody else has saved meanwhile.", "Reload the page and look at it first.")]
        )
    return _json(await editing.told(request, me, draft))


def _problem(place: str, detail: str, fix: str) -> Problem:
    return Problem(Severity.ERROR, place, detail, fix)


def _refused(me: Me, problems: Sequence[Problem]) -> web.Response:
    return _json({"refused": editing.refusals(problems, me.language)}, 422)


def _json(value: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=page.HEADERS)
