"""Around every request: an id, the guard's deadlines, one log line, one measurement, exceptions turned into answers.

A log line holds method, route template, status, milliseconds and request id: no path, no query, no address, no header,
so that no token, device or person can reach the log.
"""

from __future__ import annotations

import re
import secrets
import time
from functools import lru_cache

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import Histogram

from handlers import addresses, errors, metrics, pages
from handlers.errors import ProblemError
from handlers.guard import GUARD, Connection
from handlers.keys import LIFECYCLE, LIMITER, LOG, OPTIONS, REQUEST_ID, root
from handlers.limits import Kind
from handlers.overload import LOAD, is_refusable

log = structlog.get_logger("passbell.http")

CLIENT_GONE = 499
"""What the log says when the client left before its answer: nginx's number."""

FETCH = "/passes/{pass_type}/{serial}"
"""How the route ends by which phones come for a pass: its times say how loaded this process is."""

PLACES = 5
"""How much of a traceback is told: enough to find the mistake."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_SLASHES = re.compile(r"\{slash\d+\}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})


@web.middleware
async def observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Measure and log one request; outermost, so that whatever happens inside has an end."""
    connection = _guarded(request)
    had_body = request.body_exists
    if connection is not None:
        connection.began()
    request[REQUEST_ID] = request_id(request)
    load = root(request)[LOAD]
    load.in_flight += 1
    started, status = time.perf_counter(), CLIENT_GONE
    try:
        response = await handler(request)
        status = response.status
        return response
    except web.HTTPException as redirect:
        status = redirect.status
        raise
    finally:
        load.in_flight -= 1
        if connection is not None:
            connection.finished(had_body=had_body)
        _tell(request, status, time.perf_counter() - started)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every exception as an answer of the catalogue; a page where a person reads it."""
    try:
        if is_refusable(request.path):
            root(request)[LOAD].refuse()
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        problem = errors.from_exception(error)
    except ConnectionError:
        raise  # the client is gone: there is nobody to answer
    except Exception as error:
        problem = errors.from_exception(error)
        _report(request, problem, error)
    return _answer(request, problem)


async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
    """Headers that every answer has."""
    response.headers["Server"] = "passbell"
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if REQUEST_ID in request:
        response.headers["X-Request-Id"] = request[REQUEST_ID]
    if root(request)[LIFECYCLE].leaving:
        response.force_close()
        response.headers["Connection"] = "close"


def request_id(request: web.Request) -> str:
    """The trusted proxy's X-Request-Id, else one of our own."""
    given = request.headers.get("X-Request-Id")
    if given is None or _REQUEST_ID.fullmatch(given) is None:
        return secrets.token_hex(8)
    is_trusted = addresses.is_trusted(request.remote, root(request)[OPTIONS].trusted_proxies)
    return given if is_trusted else secrets.token_hex(8)


def spend(request: web.Request, kind: Kind) -> int:
    """Count a failure of this client; the seconds it has to wait, 0 while it is within its allowance."""
    proxies = root(request)[OPTIONS].trusted_proxies
    client = addresses.client(request.remote, request.headers.getall("X-Forwarded-For", []), proxies)
    wait = root(request)[LIMITER].spend(kind, client)
    if wait:
        metrics.limited.labels(kind).inc()
    return wait


def refuse(request: web.Request, surface: str, problem: ProblemError) -> ProblemError:
    """Count a request that did not prove itself: ``problem``, or 429 for a client that fails too often."""
    metrics.refused.labels(surface).inc()
    wait = spend(request, Kind.FAILURE)
    return ProblemError("rate_limited", headers={"Retry-After": str(wait)}) if wait else problem


def route_template(request: web.Request) -> str:
    """The pattern that matched, as routes.py names it."""
    resource = request.match_info.route.resource
    return _readable(resource.canonical) if resource is not None else "unmatched"


@lru_cache(maxsize=256)
def _readable(canonical: str) -> str:
    return _SLASHES.sub("", canonical)


def _guarded(request: web.Request) -> Connection | None:
    guard = root(request).get(GUARD)
    return guard.connection(request) if guard is not None else None


def _tell(request: web.Request, status: int, seconds: float) -> None:
    route = route_template(request)
    method = request.method if request.method in _METHODS else "other"
    if status == 200 and route.endswith(FETCH):
        root(request)[LOAD].note_fetch(seconds)
    _measure(route, method, status // 100).observe(seconds)
    root(request)[LOG].info(
        "request",
        method=method,
        route=route,
        status=status,
        ms=round(seconds * 1000, 1),
        request_id=request[REQUEST_ID],
    )


@lru_cache(maxsize=1024)
def _measure(route: str, method: str, hundreds: int) -> Histogram:
    """The measurement of these labels, found once."""
    return metrics.request_seconds.labels(route, method, f"{hundreds}xx")


def _report(request: web.Request, problem: ProblemError, error: Exception) -> None:
    """What a person has to look at; the exception's text may hold a customer's data: only kind and place are told."""
    if problem.kind.status < 500:
        return
    place = _place(error)
    log.error(
        problem.kind.code,
        error=type(error).__name__,
        place=place,
        pointer=getattr(error, "pointer", None),
        route=route_template(request),
        request_id=request[REQUEST_ID],
    )


def _place(error: Exception) -> str:
    """The innermost lines of the traceback that are ours, the innermost first: file, line and function."""
    places: list[str] = []
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        if "site-packages" not in code.co_filename:
            places.append(f"{'/'.join(code.co_filename.split('/')[-2:])}:{step.tb_lineno} {code.co_name}")
        step = step.tb_next
    return " < ".join(reversed(places[-PLACES:]))


def _answer(request: web.Request, problem: ProblemError) -> web.Response:
    shown = request[REQUEST_ID] if problem.kind.status >= 500 else ""
    if pages.wants_page(request):
        return pages.error_page(request, problem, shown)
    return errors.answer(problem, root(request)[OPTIONS].docs_url, shown)
