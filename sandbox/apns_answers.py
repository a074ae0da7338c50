"""What Apple's push service answers: its status and reason table, and the checks that lead to each row. Pure.

The table is Apple's "Handling notification responses from APNs", the header rules are "Sending notification requests to
APNs" (https://developer.apple.com/documentation/usernotifications). Nothing here knows of connections, rules or phones.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

STATUS_BY_REASON = {
    "BadCollapseId": 400,
    "BadDeviceToken": 400,
    "BadExpirationDate": 400,
    "BadMessageId": 400,
    "BadPriority": 400,
    "BadTopic": 400,
    "DeviceTokenNotForTopic": 400,
    "DuplicateHeaders": 400,
    "IdleTimeout": 400,
    "InvalidPushType": 400,
    "MissingDeviceToken": 400,
    "MissingTopic": 400,
    "PayloadEmpty": 400,
    "TopicDisallowed": 400,
    "BadCertificate": 403,
    "BadCertificateEnvironment": 403,
    "ExpiredProviderToken": 403,
    "Forbidden": 403,
    "InvalidProviderToken": 403,
    "MissingProviderToken": 403,
    "UnrelatedKeyIdInToken": 403,
    "BadPath": 404,
    "MethodNotAllowed": 405,
    "ExpiredToken": 410,
    "Unregistered": 410,
    "PayloadTooLarge": 413,
    "TooManyProviderTokenUpdates": 429,
    "TooManyRequests": 429,
    "InternalServerError": 500,
    "ServiceUnavailable": 503,
    "Shutdown": 503,
}
"""Every reason Apple documents, with the status it comes with."""

USUAL_REASON = {
    400: "BadDeviceToken",
    403: "Forbidden",
    404: "BadPath",
    405: "MethodNotAllowed",
    410: "Unregistered",
    413: "PayloadTooLarge",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}
"""The reason meant when a script names a status only."""

MAX_PAYLOAD = 4096
"""Bytes; Apple's limit for everything but VoIP."""

MAX_COLLAPSE_ID = 64
"""Bytes."""

PUSH_TYPES = frozenset(
    (
        "alert",
        "background",
        "complication",
        "controls",
        "fileprovider",
        "liveactivity",
        "location",
        "mdm",
        "pushtotalk",
        "voip",
        "widgets",
    )
)

_PATH = "/3/device/"
_TOKEN = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """The TLS client certificate of a provider: ``topic`` is its UID, ``fingerprint`` its SHA-256 in hex."""

    topic: str | None
    common_name: str | None
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PushRequest:
    """One request as it came over the wire; header names are lower case, pseudo-headers apart."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    identity: ClientIdentity | None

    def header(self, name: str) -> str | None:
        """The first value of a header, or None."""
        return next((value for key, value in self.headers if key == name), None)

    @property
    def token(self) -> str:
        """The device token of the path in lower case, or the empty text."""
        return self.path.removeprefix(_PATH).lower() if self.path.startswith(_PATH) else ""

    @property
    def topic(self) -> str | None:
        """``apns-topic``; a certificate of one topic stands in for a missing header."""
        return self.header("apns-topic") or (self.identity.topic if self.identity else None)


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and, for a refusal, Apple's reason; ``timestamp`` milliseconds (410), ``retry_after`` seconds."""

    status: int
    reason: str | None = None
    timestamp: int | None = None
    retry_after: int | None = None

    def body(self) -> bytes:
        """The JSON body; empty for 200."""
        if self.status == HTTPStatus.OK:
            return b""
        members: dict[str, str | int] = {"reason": self.reason or USUAL_REASON.get(self.status, "InternalServerError")}
        if self.timestamp is not None:
            members["timestamp"] = self.timestamp
        return json.dumps(members, separators=(",", ":")).encode()


ACCEPTED = Answer(200)


def refusal(reason: str) -> Answer:
    """The answer for one of Apple's reasons."""
    return Answer(STATUS_BY_REASON[reason], reason)


def judge(request: PushRequest) -> Answer:
    """What Apple answers to this request, before any script: 200 for every well-formed push to any 64-hex token."""
    for check in (_route, _credential, _headers, _topic, _payload):
        reason = check(request)
        if reason is not None:
            return refusal(reason)
    return ACCEPTED


def _route(request: PushRequest) -> str | None:
    if request.method != "POST":
        return "MethodNotAllowed"
    if not request.path.startswith(_PATH):
        return "BadPath"
    token = request.path.removeprefix(_PATH)
    if not token:
        return "MissingDeviceToken"
    return None if _TOKEN.fullmatch(token) else "BadDeviceToken"


def _credential(request: PushRequest) -> str | None:
    if request.identity is None:
        return "MissingProviderToken" if request.header("authorization") is None else "InvalidProviderToken"
    return "BadCertificate" if request.identity.topic is None else None


def _headers(request: PushRequest) -> str | None:
    names = [name for name, _ in request.headers if name.startswith("apns-") or name == "authorization"]
    if len(names) != len(set(names)):
        return "DuplicateHeaders"
    return _identifier(request) or _delivery(request)


def _identifier(request: PushRequest) -> str | None:
    message_id = request.header("apns-id")
    if message_id is not None:
        try:
            uuid.UUID(message_id)
        except ValueError:
            return "BadMessageId"
    collapse_id = request.header("apns-collapse-id")
    if collapse_id is not None and not 0 < len(collapse_id.encode()) <= MAX_COLLAPSE_ID:
        return "BadCollapseId"
    return None


def _delivery(request: PushRequest) -> str | None:
    expiration = request.header("apns-expiration")
    if expiration is not None and not re.fullmatch(r"[0-9]{1,19}", expiration):
        return "BadExpirationDate"
    push_type = request.header("apns-push-type")
    if push_type is not None and push_type not in PUSH_TYPES:
        return "InvalidPushType"
    priority = request.header("apns-priority")
    if priority is not None and priority not in _priorities(push_type):
        return "BadPriority"
    return None


def _priorities(push_type: str | None) -> Sequence[str]:
    return ("1", "5") if push_type == "background" else ("1", "5", "10")


def _topic(request: PushRequest) -> str | None:
    topic = request.topic
    if not topic:
        return "MissingTopic"
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,255}", topic):
        return "BadTopic"
    if request.identity is not None and topic != request.identity.topic:
        return "TopicDisallowed"
    return None


def _payload(request: PushRequest) -> str | None:
    if len(request.body) > MAX_PAYLOAD:
        return "PayloadTooLarge"
    try:
        payload = json.loads(request.body)
    except ValueError:
        return "PayloadEmpty"
    return None if isinstance(payload, dict) else "PayloadEmpty"
