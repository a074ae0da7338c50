"""Firebase Cloud Messaging over firebase-admin: pushes to the company's own app. The only file that knows the library.

A push is a data message ``{pass_type_identifier, serial_number, edition}``; the app fetches. A Firebase installation id is
addressed as ``fid``, a registration token as ``token``. https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages

What the library does and we work around:

- It takes 500 messages a call and answers when the last is through; so each goes in a call of its own, and has its verdict
  as it comes.
- It gets access tokens with blocking requests from within the event loop; so ours are got beforehand, in a thread, and the
  library is handed a credential that cannot refresh itself.
- It knows no address but Google's; so a service it made is told FCM_URL (``_service``, the one look behind its public face).
- It tries a 500 and a 503 again by itself, up to four times; past ``DEADLINE`` the job's own policy goes on.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import firebase_admin
import httpx
from firebase_admin import credentials, exceptions, messaging

from passkit.apple.webservice import FCM_INSTALLATION, FCM_TOKEN
from pushes import retry, verdict
from pushes.channel import Outcome, Push, Verdict

CONCURRENT = 100
"""Messages under way at once: the library's client keeps so many connections at most."""
DEADLINE = 20.0
"""Seconds that one message may take, the library's own tries included."""
HTTP_SECONDS = 10.0
"""Seconds that one answer, of FCM or of the token endpoint, may take."""
RESPITE = 2.0
"""Seconds in which those who wait for an access token are told what the last one was told."""
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
"""Sending messages and nothing else; by itself the library asks for all of the project."""
DEFAULT_URL = "https://fcm.googleapis.com"


class KeyRefused(Exception):
    """Google gives no access token for this key: revoked, or a clock that is off."""


class FcmChannel:
    """All pushes to the apps of one Firebase project; any number of callers at once.

    Args:
        key: The service account's JSON key; its ``token_uri`` is where access tokens are got.
        url: ``https://host[:port]`` of FCM.
        deadline: Seconds that one message may take.

    Raises ValueError for a key that is none.
    """

    def __init__(self, key: Mapping[str, Any], url: str = DEFAULT_URL, *, deadline: float = DEADLINE) -> None:
        certificate = credentials.Certificate(dict(key))
        if not certificate.project_id:
            raise ValueError("the key names no project_id")
        self.project_id: str = certificate.project_id
        self._access = _Access(certificate.get_credential().with_scopes([SCOPE]))
        self._app = firebase_admin.initialize_app(
            _HandedIn(self._access.bearer),
            {"projectId": self.project_id, "httpTimeout": HTTP_SECONDS},
            name=f"passbell-{secrets.token_hex(8)}",
        )
        self._service = _service(self._app, url, self.project_id)
        self._deadline = deadline
        self._places = asyncio.Semaphore(CONCURRENT)
        self._closed = False

    async def send_many(self, pushes: Sequence[Push]) -> AsyncIterator[tuple[Push, Verdict]]:
        """Send all and yield (push, verdict) in the order of the answers, exactly one for each push."""
        tasks = [asyncio.create_task(self._place(push)) for push in pushes]
        try:
            for answer in asyncio.as_completed(tasks):
                yield await answer
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def check(self) -> None:
        """Get an access token, for ``doctor``; raises KeyRefused, or httpx.HTTPError when nobody answers."""
        await self._access.renew()

    async def aclose(self) -> None:
        """Hang up; what is sent from now on gets a verdict to retry."""
        if self._closed:
            return
        self._closed = True
        await self._service._async_client.aclose()
        await asyncio.to_thread(firebase_admin.delete_app, self._app)  # it ends with an event loop of its own

    async def _place(self, push: Push) -> tuple[Push, Verdict]:
        async with self._places:
            return push, await self._send(push)

    async def _send(self, push: Push) -> Verdict:
        if self._closed:
            return verdict.unknown("Closed")
        kind, _, address = push.token.partition(":")
        if kind not in (FCM_TOKEN, FCM_INSTALLATION) or not address:
            return verdict.NOT_A_TOKEN
        try:
            async with asyncio.timeout(self._deadline):
                await self._access.renew()
                sent = await messaging.send_each_async([_message(push, kind, address)], app=self._app)
        except KeyRefused:
            return Verdict(Outcome.OURS, "KeyRefused")
        except TimeoutError:
            return verdict.unknown("NoAnswer")
        except httpx.HTTPError:
            return verdict.no_connection("NoAccessToken", ours=False)
        except Exception as error:  # whatever a library raises, every push has its verdict
            return verdict.unknown(type(error).__name__)
        judged = _judge(sent.responses[0])
        if judged.reason == "UNAUTHENTICATED":
            self._access.forget()
        return judged


@dataclass(slots=True)
class _Bearer:
    """What the library takes for its credential: an access token that others renew."""

    token: str = ""
    valid: bool = True

    def before_request(self, request: Any, method: str, url: str, headers: MutableMapping[str, str]) -> None:
        headers["Authorization"] = f"Bearer {self.token}"

    def refresh(self, request: Any) -> None:
        """After a 401; the channel renews before the next message."""


class _HandedIn(credentials.Base):  # type: ignore[misc]
    """The library's own opening for credentials that others make."""

    def __init__(self, bearer: _Bearer) -> None:
        self._bearer = bearer

    def get_credential(self) -> _Bearer:
        return self._bearer


class _Access:
    """Access tokens for a service account, got in a thread, one at a time."""

    def __init__(self, account: Any) -> None:
        self.bearer = _Bearer()
        self._account = account
        self._one = asyncio.Lock()
        self._failure: tuple[float, Exception] | None = None

    async def renew(self) -> None:
        """See that the token is good for some minutes; raises KeyRefused, or httpx.HTTPError when nobody answers."""
        async with self._one:
            if self._account.valid:
                return
            clock = asyncio.get_running_loop().time
            if self._failure is not None and clock() < self._failure[0]:
                raise self._failure[1]
            try:
                await asyncio.to_thread(self._refresh)
            except (KeyRefused, httpx.HTTPError) as error:
                self._failure = (clock() + RESPITE, error)
                raise
            self._failure = None
            self.bearer.token = self._account.token

    def forget(self) -> None:
        """The token was refused: the next message gets another."""
        self._account.token = None

    def _refresh(self) -> None:
        try:
            self._account.refresh(_grant)
        except Exception as error:
            if not hasattr(error, "retryable"):  # what the signing library raises says whether another try is worth it
                raise
            if error.retryable:
                raise httpx.RemoteProtocolError("the token endpoint is out of order") from None
            raise KeyRefused from None


def _grant(url: str, method: str, body: bytes, headers: Mapping[str, str], **_: Any) -> SimpleNamespace:
    """The transport of the signing library, over httpx: one request, its status and bytes."""
    answer = httpx.request(method, url, content=body, headers=dict(headers), timeout=HTTP_SECONDS)
    return SimpleNamespace(status=answer.status_code, headers=answer.headers, data=answer.content)


def _service(app: firebase_admin.App, url: str, project_id: str) -> Any:
    """The library's messaging service, told where FCM is; there is no public way."""
    service = messaging._get_messaging_service(app)
    service._fcm_url = f"{url}/v1/projects/{project_id}/messages:send"
    return service


def _message(push: Push, kind: str, address: str) -> messaging.Message:
    """High priority, because most end in a text on the lock screen; FCM keeps it four weeks for a phone that is off."""
    data = {"pass_type_identifier": push.topic}
    if push.card is not None:
        data |= {"serial_number": push.card.serial_number, "edition": push.card.edition}
    background = messaging.APNSConfig(
        headers={"apns-push-type": "background", "apns-priority": "5"},
        payload=messaging.APNSPayload(aps=messaging.Aps(content_available=True)),
    )
    message = messaging.Message(data=data, android=messaging.AndroidConfig(priority="high"), apns=background)
    setattr(message, kind, address)  # its constructor warns of tokens, which old apps still have
    return message


_WORDS: Mapping[type[Exception], str] = {
    messaging.UnregisteredError: "UNREGISTERED",
    messaging.SenderIdMismatchError: "SENDER_ID_MISMATCH",
    messaging.QuotaExceededError: "QUOTA_EXCEEDED",
    messaging.ThirdPartyAuthError: "THIRD_PARTY_AUTH_ERROR",
}
"""The library's exceptions that are words of FCM's own; the others have Google's general ones."""

_NO_ANSWER = {exceptions.UNAVAILABLE: "NoConnection", exceptions.DEADLINE_EXCEEDED: "NoAnswer"}


def _judge(sent: messaging.SendResponse) -> Verdict:
    if sent.success:
        return verdict.fcm(200, "", vendor_id=sent.message_id)
    error = sent.exception
    answer = getattr(error, "http_response", None)
    if answer is None:
        return verdict.unknown(_NO_ANSWER.get(error.code, "ConnectionLost"))
    word = _WORDS.get(type(error)) or ("" if error.code == exceptions.UNKNOWN else error.code)
    return verdict.fcm(answer.status_code, word, retry_after=retry.seconds(answer.headers.get("retry-after")))
