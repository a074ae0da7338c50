"""How Google's Wallet API says no: one value per refusal, and its body in the shape of real ones. Pure.

The shape, and the reasons ``classNotFound``, ``resourceNotFound``, ``invalidResource``, ``permissionDenied`` and
``quotaExceeded``, are those that people have quoted from real answers; the sentences are like them, not the same.
"""

from __future__ import annotations

import http
from typing import Any

DOMAIN = "walletobjects"

STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
USUAL_REASON = {
    400: "invalidResource",
    401: "authError",
    403: "permissionDenied",
    404: "resourceNotFound",
    409: "existingResource",
    429: "rateLimitExceeded",
    500: "backendError",
    502: "backendError",
    503: "backendError",
    504: "backendError",
}


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, code: int, message: str, reason: str | None = None, *, domain: str = DOMAIN) -> None:
        self.code = code
        self.reason = reason or USUAL_REASON[code]
        self.message = message
        self.domain = domain
        super().__init__(f"{code} {self.reason}: {message}")

    def body(self) -> dict[str, Any]:
        """The JSON of the answer."""
        error = {"message": self.message, "domain": self.domain, "reason": self.reason}
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "errors": [error],
                "status": STATUSES.get(self.code, http.HTTPStatus(self.code).name),
            }
        }


def bad_request(message: str, reason: str | None = None) -> Refusal:
    """400: the request itself is wrong, and will be as wrong the next time."""
    return Refusal(400, message, reason)


def unknown_field(message: str) -> Refusal:
    """400 of the parser, before the Wallet API sees anything: "Invalid JSON payload received. Unknown name ..."."""
    return Refusal(400, message, "badRequest", domain="global")


def missing(is_class: bool, resource_id: str) -> Refusal:
    """404."""
    if is_class:
        return Refusal(404, f"Class with id {resource_id} not found.", "classNotFound")
    return Refusal(404, f"Object with id {resource_id} not found.", "resourceNotFound")


def exists(resource_id: str) -> Refusal:
    """409."""
    return Refusal(409, f"An entity with id {resource_id} already exists.")


def not_permitted(issuer: str) -> Refusal:
    """403: the service account is no user of this issuer, or the issuer is none."""
    return Refusal(403, f"Permission denied for issuer ({issuer}): the caller is not an authorized user of it.")


def quota_exceeded(issuer: str, doing: str, resource_id: str) -> Refusal:
    """403 of the three notifications a pass may show in 24 hours."""
    return Refusal(403, f"Quota exceeded for issuer ({issuer}) when {doing} {resource_id}.", "quotaExceeded")


def too_fast(code: int) -> Refusal:
    """429, or 403 as older Google services say it: more than 20 requests in a second."""
    return Refusal(code, "Quota exceeded: too many requests per second.", "rateLimitExceeded", domain="usageLimits")
