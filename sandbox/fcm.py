"""A stand-in for Firebase Cloud Messaging on loopback: the token grant and ``messages:send`` of the HTTP v1 API.

A message is judged as at Google: access token, project, fields, address. Every address is believed, unless ``answers`` says
what becomes of it. It keeps what it got, hands a message to the phone that has subscribed, and keeps it for one that is off
(the newest hundred, as FCM does). https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from sandbox.google_accounts import Accounts, GrantRefused, new_key_file

HOST = "127.0.0.1"
SCOPES = (
    "https://www.googleapis.com/auth/firebase.messaging",
    "https://www.googleapis.com/auth/cloud-platform",
)
ACCOUNT = "firebase-adminsdk@passbell-demo.iam.gserviceaccount.com"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105  what Google's own library signs, wherever it asks
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
KEPT = 100_000
STORED = 100
"""Messages kept for a phone that is off; with one more FCM drops them all and tells the app so."""
MAX_PAYLOAD = 4096
TARGETS = ("token", "fid", "topic", "condition")
RESERVED = ("from", "message_type", "google.", "gcm.")

ERRORS: Mapping[str, tuple[int, str, str]] = {
    "INVALID_ARGUMENT": (400, "INVALID_ARGUMENT", "The registration token is not a valid FCM registration token"),
    "THIRD_PARTY_AUTH_ERROR": (401, "UNAUTHENTICATED", "Auth error from APNS or Web Push Service"),
    "UNAUTHENTICATED": (401, "UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "PERMISSION_DENIED": (403, "PERMISSION_DENIED", "Permission 'cloudmessaging.messages.create' denied."),
    "SENDER_ID_MISMATCH": (403, "PERMISSION_DENIED", "SenderId mismatch"),
    "NOT_FOUND": (404, "NOT_FOUND", "Requested entity was not found."),
    "UNREGISTERED": (404, "NOT_FOUND", "Requested entity was not found."),
    "QUOTA_EXCEEDED": (429, "RESOURCE_EXHAUSTED", "Quota exceeded for the device."),
    "INTERNAL": (500, "INTERNAL", "Internal error encountered."),
    "UNAVAILABLE": (503, "UNAVAILABLE", "The service is currently unavailable."),
}
"""The error's code, Google's general status and a message, by FCM's errorCode."""
GENERAL = frozenset({"UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "INTERNAL", "UNAVAILABLE"})
"""Those that come without FCM's own detail."""
SILENCE, CUT = "silence", "cut"
"""What else may become of a message: no answer, or a connection that breaks."""


@dataclass(frozen=True, slots=True)
class FcmRecord:
    """One message as the service saw it; ``error`` is FCM's errorCode, or empty."""

    number: int
    time: float
    kind: str
    address: str
    data: Mapping[str, str]
    message: Mapping[str, Any]
    error: str


Deliver = Callable[[FcmRecord], None]


@dataclass
class FcmService:
    """The stand-in: ``async with FcmService() as fcm``.

    ``answers`` is address -> an errorCode, ``SILENCE`` or ``CUT``; ``everything`` is the same for all addresses;
    ``retry_after`` goes with 429 and 503; ``key_file`` is the service account that it trusts, a new one if none is given.
    """

    project: str = "passbell-demo"
    answers: dict[str, str] = field(default_factory=dict)
    everything: str = ""
    retry_after: int | None = None
    records: deque[FcmRecord] = field(default_factory=lambda: deque(maxlen=KEPT))
    accounts: Accounts = field(default_factory=lambda: Accounts(scopes=SCOPES))
    key_file: dict[str, str] = field(default_factory=dict)
    grants: int = 0
    _port: int = 0
    _runner: web.AppRunner | None = None
    _phones: dict[str, Deliver] = field(default_factory=dict)
    _stored: dict[str, deque[FcmRecord]] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """What stands in for https://fcm.googleapis.com."""
        return f"http://{HOST}:{self._port}"

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        app = web.Application()
        app.add_routes([web.post("/token", self._grant), web.post("/v1/projects/{project}/messages:send", self._send)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self._port = self._runner.addresses[0][1]
        key_file = self.key_file or new_key_file(ACCOUNT, "", project=self.project)
        self.key_file = key_file | {"token_uri": f"{self.url}/token", "project_id": self.project}
        self.accounts.trust(self.key_file)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Hang up."""
        self._ended.set()
        if self._runner is not None:
            await self._runner.cleanup()

    # Phones.

    def subscribe(self, token: str, deliver: Deliver, *, topic: str | None = None) -> None:
        """An app comes online: what was kept for it comes at once."""
        self._phones[token] = deliver
        for record in self._stored.pop(token, ()):
            deliver(record)

    def unsubscribe(self, token: str) -> None:
        """An app goes offline."""
        self._phones.pop(token, None)

    # Requests.

    async def _grant(self, request: web.Request) -> web.Response:
        self.grants += 1
        form = {name: str(value) for name, value in (await request.post()).items()}
        try:
            return web.json_response(self.accounts.grant(form, (f"{self.url}/token", TOKEN_URL)))
        except GrantRefused as error:
            answer = {"error": error.error, "error_description": error.description}
            return web.json_response(answer, status=400)

    async def _send(self, request: web.Request) -> web.StreamResponse:
        if self.accounts.account_of(request.headers.get("Authorization", "")) is None:
            return self._refusal("UNAUTHENTICATED")
        if request.match_info["project"] != self.project:
            return self._refusal("NOT_FOUND")
        body = await request.json()
        message = body.get("message", {}) if isinstance(body, dict) else {}
        if (fault := _fault(message)) is not None:
            return self._refusal("INVALID_ARGUMENT", fault)
        kind, address = next((kind, message[kind]) for kind in TARGETS if kind in message)
        error = self.answers.get(address, self.everything)
        data, number = message.get("data", {}), next(self._numbers)
        record = FcmRecord(number, time.time(), kind, address, data, message, error)
        self.records.append(record)
        if error == SILENCE:
            await self._ended.wait()
        if error in (SILENCE, CUT):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if error:
            return self._refusal(error)
        self._deliver(record)
        return web.json_response({"name": f"projects/{self.project}/messages/{number}"})

    def _deliver(self, record: FcmRecord) -> None:
        if (deliver := self._phones.get(record.address)) is not None:
            deliver(record)
        else:
            self._stored.setdefault(record.address, deque(maxlen=STORED)).append(record)

    def _refusal(self, error: str, message: str = "") -> web.Response:
        status, general, usual = ERRORS[error]
        fault: dict[str, Any] = {"code": status, "message": message or usual, "status": general}
        if error not in GENERAL:
            fault["details"] = [{"@type": FCM_ERROR, "errorCode": error}]
        wait = self.retry_after is not None and status in (429, 503)
        headers = {"Retry-After": str(self.retry_after)} if wait else {}
        return web.json_response({"error": fault}, status=status, headers=headers)


def _fault(message: Any) -> str | None:
    """What FCM would have against a message, or None."""
    if not isinstance(message, dict) or sum(target in message for target in TARGETS) != 1:
        return "Exactly one of token, fid, topic or condition must be set."
    data = message.get("data", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        return "Invalid value at 'message.data': a map of strings is expected."
    if any(name.startswith(RESERVED) for name in data):
        return "Invalid data payload key."
    if sum(len(name.encode()) + len(value.encode()) for name, value in data.items()) > MAX_PAYLOAD:
        return "Android message is too big."
    return None
