"""A stand-in for Google's Wallet API on loopback: every route and body of the discovery document, and what stands beside it.

| what | where |
|---|---|
| the 99 methods | ``/walletobjects/v1/...``, made from the discovery document |
| access tokens | ``POST /token`` |
| root keys of the callbacks | ``GET /gp/m/issuer/keys`` |
| the page behind a save link | ``GET`` looks, ``POST {"account"}`` saves: ``/gp/v/save/{jwt}`` |

A request is judged as at Google: token, 20 requests a second, the schema, permission for the issuer, then what the resource
allows. What it remembers is in ``google_state``; trouble is ordered through ``google_control``.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from sandbox import google_save
from sandbox.google_accounts import Account, Accounts, GrantRefused
from sandbox.google_answers import Refusal, bad_request, not_permitted, too_fast, unknown_field
from sandbox.google_callbacks import CallbackKeys, CallbackSender
from sandbox.google_faults import Fault, Trouble
from sandbox.google_limits import RATE, Rates
from sandbox.google_methods import Method, methods
from sandbox.google_others import Others
from sandbox.google_rules import image_urls, issuer_of
from sandbox.google_schema import errors
from sandbox.google_state import Stored, Wallet, legacy
from sandbox.scripts import Script

HOST = "127.0.0.1"
KEPT_REQUESTS = 100_000
MAX_BODY = 8 * 2**20
IMAGE_TIMEOUT = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and its answer; ``status`` is 0 when it was never answered."""

    number: int
    time: float
    method: str
    resource: str
    body: Any
    account: str
    status: int
    reason: str


class GoogleService:
    """The stand-in: ``async with GoogleService() as google``. ``clock`` gives epoch seconds.

    Switches that may be turned at any time: ``rates.rate`` (0 for none), ``too_fast_status``, ``legacy_echo``,
    ``check_images``, ``callbacks.is_silent``, ``callbacks.repeats``. ``changes`` grows whenever something may have changed.
    """

    def __init__(self, *, clock: Callable[[], float] = time.time, rate: float = RATE, port: int = 0) -> None:
        self.wallet = Wallet()
        self.accounts = Accounts(clock)
        self.faults: Script[Fault] = Script()
        self.rates = Rates(rate)
        self.requests: deque[Asked] = deque(maxlen=KEPT_REQUESTS)
        self.on_request: list[Callable[[Asked], None]] = []
        self.too_fast_status = 429
        self.legacy_echo = False
        self.check_images = False
        self.keys = CallbackKeys(clock)
        self.shift = 0.0
        self.changes = 0
        self._others = Others()
        self._clock = clock
        self._port = port
        self._count = 0
        self._ended = asyncio.Event()
        self._session: aiohttp.ClientSession | None = None
        self._callbacks: CallbackSender | None = None
        self._runner: web.AppRunner | None = None

    # Where it is.

    @property
    def url(self) -> str:
        """What stands in for https://walletobjects.googleapis.com, and for https://pay.google.com."""
        return f"http://{HOST}:{self._port}"

    @property
    def token_url(self) -> str:
        """What stands in for https://oauth2.googleapis.com/token."""
        return f"{self.url}/token"

    @property
    def keys_url(self) -> str:
        """What stands in for https://pay.google.com/gp/m/issuer/keys."""
        return f"{self.url}/gp/m/issuer/keys"

    @property
    def callbacks(self) -> CallbackSender:
        """Who posts the callbacks, while the stand-in runs."""
        if self._callbacks is None:
            raise RuntimeError("the stand-in is not running")
        return self._callbacks

    async def __aenter__(self) -> Self:
        self._ended.clear()
        self._session = aiohttp.ClientSession()
        self._callbacks = CallbackSender(self._session, self.keys)
        self._runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        await site.start()
        self._port = int(self._runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._ended.set()
        if self._callbacks is not None:
            await self._callbacks.close()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    # What tests and the demo tell it.

    def enlist(self, key_file: dict[str, str], issuer: str, name: str = "") -> Account:
        """A service account's key becomes known, and its account a Developer in this issuer's console."""
        self.wallet.issuers.setdefault(issuer, name or issuer)
        return self.accounts.trust(key_file, issuer)

    def now(self) -> float:
        """The stand-in's own clock, which ``advance`` moves."""
        return self._clock() + self.shift

    def advance(self, seconds: float) -> None:
        """Let time pass for the quotas, as if a day had gone by."""
        self.shift += seconds

    # What people do; the callbacks of the class are sent.

    def read_link(self, jwt: str) -> list[google_save.Offered]:
        """What a save link offers; Refusal when it is no good."""
        return google_save.read(self.accounts, self.wallet, jwt)

    def save(self, jwt: str, account: str) -> list[Stored]:
        """Save everything a link offers into an account's wallet."""
        self.changes += 1
        saved = google_save.create(self.wallet, self.read_link(jwt))
        for stored in saved:
            self.wallet.save(stored, account)
            self._call_back("save", stored)
        return saved

    def remove(self, object_id: str, account: str) -> None:
        """Delete a pass from an account's wallet; nothing when it is not there."""
        stored = self.wallet.find(object_id)
        if stored is not None and account in stored.holders:
            self.changes += 1
            self.wallet.remove(stored, account)
            self._call_back("del", stored)

    def _call_back(self, event: str, stored: Stored) -> None:
        owner = self.wallet.class_of(stored)
        url = (owner.body.get("callbackOptions") or {}).get("url") if owner else None
        if owner is not None and url:
            self.callbacks.send(event, url, issuer_of(owner.id) or "", owner.id, stored.id)

    # HTTP.

    def application(self) -> web.Application:
        """All routes; those of the API are made from the discovery document."""
        app = web.Application(client_max_size=MAX_BODY)
        for method in methods():
            for path in method.paths:
                app.router.add_route(method.verb, path, self._handler(method))
        app.add_routes(
            [
                web.post("/token", self._token),
                web.get("/gp/m/issuer/keys", self._keys),
                web.get("/gp/v/save/{jwt}", self._save_page),
                web.post("/gp/v/save/{jwt}", self._save),
            ]
        )
        return app

    def _handler(self, method: Method) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            resource = request.match_info.get("resourceId") or _named(raw)
            fault = self.faults.match(lambda it: it.fits(method.id, resource))
            if fault is not None and not fault.done and fault.trouble is not Trouble.SLOW:
                answer: web.Response | None = None
                account = ""
            else:
                answer, account = await self._answered(request, method, raw)
            final = await self._troubled(request, fault, answer)
            self._remember(method.id, resource, raw, account, final)
            return final or web.Response(status=500)

        return handle

    async def _answered(self, request: web.Request, method: Method, raw: bytes) -> tuple[web.Response, str]:
        email = ""
        try:
            account = self.accounts.account_of(request.headers.get("Authorization", ""))
            if account is None:
                raise Refusal(401, "Request had invalid authentication credentials.")
            email = account.email
            return _json(await self._done(request, method, raw, account)), email
        except Refusal as refusal:
            return _refused(refusal), email

    async def _done(self, request: web.Request, method: Method, raw: bytes, account: Account) -> Answer | bytes:
        self.changes += method.verb != "GET"
        body = _parsed(method, request, raw)
        resource = request.match_info.get("resourceId", "")
        issuer = method.issuer(resource, body, dict(request.query))
        if not self.rates.take(issuer or account.email, self.now()):
            raise too_fast(self.too_fast_status)
        _judge(method, body)
        if issuer is None and method.kind is not None:
            raise bad_request(f"Invalid resource ID: {resource or body.get('id')}")
        if method.kind is not None and issuer not in account.issuers:
            raise not_permitted(str(issuer))
        if self.check_images and method.kind is not None and method.request == method.kind.schema:
            await self._fetch_images(image_urls(method.request, body))
        if method.kind is None:
            return self._others.do(self, method, resource, body, raw, account, dict(request.query))
        return self._do(method, resource, body, dict(request.query))

    def _do(self, method: Method, resource: str, body: Answer, query: dict[str, str]) -> Answer:
        kind, now = method.kind, self.now()
        if kind is None:
            raise bad_request("unreachable")
        match method.action:
            case "insert":
                return self._view(self.wallet.insert(kind, body))
            case "get":
                return self._view(self.wallet.get(kind, resource))
            case "patch":
                return self._view(self.wallet.patch(kind, resource, body, now))
            case "update":
                return self._view(self.wallet.update(kind, resource, body, now))
            case "addmessage":
                return {"resource": self._view(self.wallet.add_message(kind, resource, body.get("message") or {}, now))}
            case "list":
                found = self.wallet.listing(kind, issuer=query.get("issuerId"), class_id=query.get("classId"))
                return _page(found, query, self._view)
            case "modifylinkedofferobjects":
                return self._view(self._link_offers(method, resource, body))
            case other:
                raise Refusal(500, f"The stand-in does not know {other}.")

    def _link_offers(self, method: Method, resource: str, body: Answer) -> Stored:
        if method.kind is None:
            raise bad_request("unreachable")
        stored = self.wallet.get(method.kind, resource)
        asked = body.get("linkedOfferObjectIds") or {}
        linked = [
            it for it in stored.body.get("linkedOfferIds", ()) if it not in asked.get("removeLinkedOfferObjectIds", ())
        ]
        linked += [it for it in asked.get("addLinkedOfferObjectIds", ()) if it not in linked]
        return self.wallet.patch(method.kind, resource, {"linkedOfferIds": linked}, self.now())

    def _view(self, stored: Stored) -> Answer:
        body = self.wallet.view(stored)
        return legacy(stored.kind.schema, body) if self.legacy_echo else body

    async def _fetch_images(self, urls: Iterable[str]) -> None:
        """Google fetches every picture itself: public https, no redirects (loopback may be plain, for the demo)."""
        if self._session is None:
            return
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme != "https" and parts.hostname not in LOOPBACK:
                raise bad_request(f"Image cannot be loaded: {url} is not https.")
            try:
                timeout = aiohttp.ClientTimeout(total=IMAGE_TIMEOUT)
                async with self._session.get(url, allow_redirects=False, timeout=timeout) as answer:
                    good = answer.status == 200 and answer.content_type.startswith("image/")
            except (aiohttp.ClientError, TimeoutError):
                good = False
            if not good:
                raise bad_request(f"Image cannot be loaded: {url}")

    async def _troubled(
        self, request: web.Request, fault: Fault | None, answer: web.Response | None
    ) -> web.Response | None:
        """The answer as the fault lets it through; None when the caller gets none."""
        if fault is None:
            return answer
        if fault.delay:
            await asyncio.sleep(fault.delay)
        if fault.trouble is Trouble.SLOW:
            return answer
        if fault.trouble is Trouble.ANSWER:
            headers = {"Retry-After": str(fault.retry_after)} if fault.retry_after is not None else {}
            return _refused(Refusal(fault.status, fault.message, fault.reason), headers)
        if fault.trouble is Trouble.SILENCE:
            await self._ended.wait()
        if request.transport is not None:
            request.transport.abort()
        return None

    def _remember(self, method: str, resource: str, raw: bytes, account: str, answer: web.Response | None) -> None:
        self._count += 1
        reason = ""
        if answer is not None and answer.status >= 400:
            reason = str(json.loads(answer.body)["error"]["errors"][0]["reason"])  # type: ignore[arg-type]
        status = answer.status if answer is not None else 0
        asked = Asked(self._count, self.now(), method, resource, _loaded(raw), account, status, reason)
        self.requests.append(asked)
        for told in self.on_request:
            told(asked)

    # Beside the API.

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = {name: str(value) for name, value in (await request.post()).items()}
        fault = self.faults.match(lambda it: it.fits("token", ""))
        try:
            answer = web.json_response(
                self.accounts.grant(form, (self.token_url, "https://oauth2.googleapis.com/token"))
            )
        except GrantRefused as refusal:
            body = {"error": refusal.error, "error_description": refusal.description}
            answer = web.json_response(body, status=400)
        return await self._troubled(request, fault, answer) or web.Response(status=500)

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response(self.keys.published(), headers={"Cache-Control": "public, max-age=3600"})

    async def _save_page(self, request: web.Request) -> web.Response:
        try:
            found = self.read_link(request.match_info["jwt"])
        except Refusal as refusal:
            return web.Response(status=400, text=google_save.refusal_page(refusal), content_type="text/html")
        ids = [one.body["id"] for one in found if not one.kind.is_class]
        return web.json_response({"objects": ids})

    async def _save(self, request: web.Request) -> web.Response:
        account = (_loaded(await request.read()) or {}).get("account", "")
        try:
            saved = self.save(request.match_info["jwt"], str(account))
        except Refusal as refusal:
            return _refused(refusal)
        return web.json_response({"objects": [stored.id for stored in saved]})


def _parsed(method: Method, request: web.Request, raw: bytes) -> Answer:
    """The JSON object that a method takes; an empty one where it takes none, or a file."""
    if method.request is None or request.path.startswith("/upload/"):
        return {}
    body = _loaded(raw)
    if not isinstance(body, dict):
        raise unknown_field("Invalid JSON payload received. A JSON object is expected.")
    return body


def _judge(method: Method, body: Answer) -> None:
    if method.request is None:
        return
    found = errors(method.request, body, partial=method.is_partial)
    if not found:
        return
    where = ".".join(str(part) for part in found[0].absolute_path)
    place = f" at '{where}'" if where else ""
    if found[0].validator == "additionalProperties":
        unknown = sorted(set(found[0].instance) - set(found[0].schema["properties"]))
        raise unknown_field(f'Invalid JSON payload received. Unknown name "{unknown[0]}"{place}: Cannot find field.')
    if found[0].validator == "required":
        raise bad_request(f"Missing required field{place}: {found[0].message}")
    raise unknown_field(f"Invalid value{place}: {found[0].message}")


def _page(found: list[Stored], query: dict[str, str], view: Callable[[Stored], Answer]) -> Answer:
    """One page of a list; without maxResults all of it."""
    try:
        first, size = int(query.get("token", "0")), int(query.get("maxResults", str(len(found) or 1)))
    except ValueError:
        raise bad_request("maxResults is a number, and token one that we gave.") from None
    chosen = found[first : first + size]
    pagination: Answer = {"resultsPerPage": len(chosen)}
    if first + size < len(found):
        pagination["nextPageToken"] = str(first + size)
    return {"pagination": pagination, "resources": [view(stored) for stored in chosen]}


def _json(content: Answer | bytes) -> web.Response:
    if isinstance(content, bytes):
        return web.Response(body=content, content_type="application/octet-stream")
    return web.json_response(content)


def _refused(refusal: Refusal, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(refusal.body(), status=refusal.code, headers=headers)


def _loaded(raw: bytes) -> Any:
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _named(raw: bytes) -> str:
    body = _loaded(raw)
    return str(body.get("id", "")) if isinstance(body, dict) else ""
