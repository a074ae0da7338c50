"""The one catalogue of errors, and how they look: RFC 9457 problems for programs, pages for people.

A code never changes its meaning; docs/errors.md has a heading for each. An exception of the store or of passkit becomes
a row of the catalogue here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from passkit.errors import CertificateError, DataError, ImageError, Problem, RenderError, TemplateError
from store.errors import Invalid, StoreError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 5
"""Seconds: the database is usually back by then, and phones wait longer anyway."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the catalogue: ``sentence`` says what to do, to the person who reads the answer."""

    code: str
    status: int
    title: str
    sentence: str


_ROWS = (
    Kind("bad_request", 400, "Bad request", "The request cannot be read; the detail says why."),
    Kind("bad_json", 400, "Not JSON", "Send one JSON document in UTF-8."),
    Kind("bad_cursor", 400, "Unknown cursor", "Use `next_cursor` of the last answer unchanged, or leave it out."),
    Kind("unauthorized", 401, "Unauthorized", "Send a valid credential in the Authorization header."),
    Kind("webhook_refused", 401, "Webhook refused", "The delivery could not be verified; `hooks log` shows why."),
    Kind("callback_refused", 401, "Callback refused", "Google did not sign this for this issuer; the log says why."),
    Kind("forbidden", 403, "Not allowed", "This key lacks the scope; make one that has it with `key add`."),
    Kind("not_found", 404, "Not found", "There is nothing at this address."),
    Kind("card_not_found", 404, "No such card", "This brand has no card by that name."),
    Kind("news_not_found", 404, "No such news", "This brand has no news by that id."),
    Kind("slot_not_found", 404, "No such weekly slot", "This brand has no weekly slot by that id."),
    Kind("trigger_not_found", 404, "No such trigger", "This brand has no trigger by that id."),
    Kind("template_not_found", 404, "No such template", "This brand has no template with this key."),
    Kind("method_not_allowed", 405, "Method not allowed", "The Allow header names the methods that work here."),
    Kind("too_slow", 408, "Too slow", "The body took too long to arrive; send it again."),
    Kind("conflict", 409, "Conflict", "It exists already, or another change came first; read it and try again."),
    Kind("card_ambiguous", 409, "Several cards fit", "Name the card by `serial_number`, or add `template`."),
    Kind("already_exists", 409, "It exists already", "Choose another name, or change the one that exists."),
    Kind("not_published", 409, "Template not published", "Publish the template before issuing cards of it."),
    Kind("plan_changed", 409, "It is another by now", "What was reviewed has changed: look at the review again."),
    Kind("variable_in_use", 409, "A source still sets it", "Keep the variable, or make it an alias of its successor."),
    Kind(
        "idempotency_running", 409, "Still running", "The first request with this key is not finished; try again soon."
    ),
    Kind("version_mismatch", 412, "Changed meanwhile", "The card has another version; read it and decide again."),
    Kind("body_too_large", 413, "Body too large", "Send less in one request."),
    Kind("unsupported_body", 415, "Body not supported", "Send the body plain: no Content-Encoding, no multipart."),
    Kind("invalid", 422, "Invalid input", "Each of `errors` names the place by a JSON pointer and says what fits."),
    Kind("not_supported", 422, "Not supported here", "This server cannot do that yet; the detail says what."),
    Kind("idempotency_reused", 422, "Key used before", "This Idempotency-Key came with another body; use a new key."),
    Kind("rate_limited", 429, "Too many failures", "Wait as long as Retry-After says."),
    Kind("internal", 500, "Our mistake", "It is logged under the request id; tell it to the operator."),
    Kind(
        "pass_failed", 500, "The pass cannot be made", "The card's data breaks its template; the log names the place."
    ),
    Kind("unavailable", 503, "Not available now", "The database does not answer; the same request may succeed later."),
    Kind("overloaded", 503, "Too busy now", "Send the same request again after the seconds of Retry-After."),
    Kind("callback_keys_missing", 503, "Keys not known yet", "Google's root keys have not been read; send it again."),
    Kind("signing_unavailable", 503, "Signing not available", "No certificate of this pass type is valid now."),
)
CATALOGUE: Mapping[str, Kind] = {row.code: row for row in _ROWS}
"""Every code there is."""


@dataclass(frozen=True, slots=True)
class Place:
    """One thing wrong in the request: ``pointer`` is an RFC 6901 JSON pointer into its body."""

    pointer: str
    detail: str


class ProblemError(Exception):
    """Ends a request with a row of the catalogue; ``headers`` go with the answer."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        errors: Sequence[Place] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.kind = CATALOGUE[code]
        self.detail = detail or self.kind.sentence
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        if self.kind.status == 503:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER))
        super().__init__(f"{code}: {self.detail}")


def document(problem: ProblemError, docs_url: str, request_id: str = "") -> dict[str, Any]:
    """The problem as JSON values; ``type`` is the page that explains it."""
    kind = problem.kind
    body: dict[str, Any] = {
        "type": f"{docs_url}/errors.md#{kind.code}",
        "title": kind.title,
        "status": kind.status,
        "code": kind.code,
        "detail": problem.detail,
    }
    if request_id:
        body["request_id"] = request_id
    if problem.errors:
        body["errors"] = [{"pointer": place.pointer, "detail": place.detail} for place in problem.errors]
    return body


def answer(problem: ProblemError, docs_url: str, request_id: str = "") -> web.Response:
    """The problem as an answer for programs."""
    headers = {"Cache-Control": "no-store", **problem.headers}
    return web.Response(
        body=orjson.dumps(document(problem, docs_url, request_id)),
        status=problem.kind.status,
        content_type=MEDIA_TYPE,
        headers=headers,
    )


def from_exception(error: Exception) -> ProblemError:
    """What an exception means to whoever asked; anything unknown is ``internal``."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, Invalid):
        return ProblemError(_known(error.code, "invalid"), errors=places(error.problems))
    if isinstance(error, StoreError):
        return _from_store(error)
    if isinstance(error, (DataError, TemplateError)):
        return ProblemError("invalid", errors=places(error.problems))
    if isinstance(error, ImageError):
        return ProblemError("invalid", str(error))
    if isinstance(error, RenderError):
        return ProblemError("pass_failed")
    if isinstance(error, CertificateError):
        return ProblemError("signing_unavailable", headers={"Retry-After": "300"})
    if isinstance(error, web.HTTPException):
        return _from_http(error)
    return ProblemError("internal")


def places(problems: Sequence[Problem]) -> tuple[Place, ...]:
    """Problems of passkit and store as places in the request."""
    return tuple(Place(problem.pointer, f"{problem.detail} {problem.fix}".strip()) for problem in problems)


def _from_store(error: StoreError) -> ProblemError:
    """The store's words about the database stay in the log."""
    code = _known(error.code, type(error).code)
    return ProblemError(code, "" if code in ("unavailable", "internal") else error.detail)


def _from_http(error: web.HTTPException) -> ProblemError:
    """Refusals of aiohttp itself: no route, wrong method, a body past its limit."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        return ProblemError("method_not_allowed", headers={"Allow": error.headers.get("Allow", "")})
    by_status = {404: "not_found", 413: "body_too_large", 415: "unsupported_body", 408: "too_slow", 403: "forbidden"}
    fallback = "internal" if error.status >= 500 else "bad_request"
    return ProblemError(by_status.get(error.status, fallback))


def _known(code: str, fallback: str) -> str:
    return code if code in CATALOGUE else fallback
