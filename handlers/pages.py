"""Pages for people: the templates, the static files, and the headers that keep them harmless."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from handlers import cardface, texts
from handlers.errors import ProblemError
from handlers.keys import PAGES, STATIC, root

ROOT = Path(__file__).resolve().parent.parent / "templates"
CONTENT_TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".js": "text/javascript"}

PAGE_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "Vary": "Accept-Language, User-Agent",
}
"""A page whose address is a secret: not kept, not indexed, not told to others, and it runs nothing."""

_FOR_PROGRAMS = (
    "/api/v1", "/hooks", "/passkit", "//passkit", "/google/callback", "/images", "/metrics", "/healthz", "/readyz",
)  # fmt: skip


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """The templates, escaping everything (SVG too), failing on what is missing; each is compiled once a process."""
    pages = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROOT / "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.globals["static"] = lambda name: f"/static/{name}?v={_version(static_files()[name][0])}"
    pages.filters["clip"] = cardface.clip
    pages.filters["shape"] = shape
    return pages


@lru_cache(maxsize=1)
def static_files() -> dict[str, tuple[bytes, str]]:
    """Every static file by its name: content and media type. They are few and small, so they stay in memory."""
    files = (path for path in sorted((ROOT / "static").iterdir()) if path.suffix in CONTENT_TYPES)
    return {path.name: (path.read_bytes(), CONTENT_TYPES[path.suffix]) for path in files}


def render(
    request: web.Request,
    name: str,
    language: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> web.Response:
    """A page in one language with the headers of all pages."""
    template = root(request)[PAGES].get_template(name)
    text = template.render(language=language, t=texts.TEXTS[language], **values)
    answer = web.Response(text=text, status=status, content_type="text/html", headers=PAGE_HEADERS)
    answer.headers.update(headers or {})
    answer.headers["Content-Language"] = language
    return answer


def wants_page(request: web.Request) -> bool:
    """Whether a person reads the answer: an install link, or a browser anywhere but on the surfaces for programs."""
    if request.path.startswith(("/i/", "/j/")):
        return not request.path.endswith((".pkpass", ".svg")) or "text/html" in request.headers.get("Accept", "")
    return "text/html" in request.headers.get("Accept", "") and not request.path.startswith(_FOR_PROGRAMS)


def language_of(request: web.Request, *fallbacks: str) -> str:
    """The language to answer this browser in."""
    return texts.choose(",".join(request.headers.getall("Accept-Language", [])), fallbacks)


def error_page(request: web.Request, problem: ProblemError, request_id: str) -> web.Response:
    """The friendly page for a problem."""
    words = {404: "not_found", 429: "rate_limited", 503: "unavailable"}.get(problem.kind.status, "error")
    return render(
        request,
        "error.html",
        language_of(request),
        status=problem.kind.status,
        headers=problem.headers,
        words=words,
        request_id=request_id,
    )


async def static(request: web.Request) -> web.Response:
    """GET /static/{name}: the version in the query makes it safe to keep."""
    found = root(request)[STATIC].get(request.match_info["name"])
    if found is None:
        raise ProblemError("not_found")
    content, media_type = found
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if "v" in request.query else "public, max-age=300"
    }
    return web.Response(body=content, content_type=media_type, headers=headers)


def version(request: web.Request, name: str) -> str:
    """What makes a new address of a static file whose content is new."""
    return _version(root(request)[STATIC][name][0])


def shape(schema: Mapping[str, Any]) -> str:
    """A JSON schema in a few words, for the readable description."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return " or ".join(shape(option) for option in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {shape(schema.get('items', {}))}"
    return str(schema.get("format", schema.get("type", "anything")))


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
