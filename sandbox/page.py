"""The phones page of the demo: robot phones you can look at, and the loyalty backend's button.

``Sandbox`` is mounted into the server's application at ``/sandbox/``; it talks to the server over HTTP like everybody else.
The page runs under a strict content security policy (no inline script or style), lives by server-sent events, and takes
orders only from its own pages (``Sec-Fetch-Site``, JSON bodies).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import aiohttp
from aiohttp import web
from cryptography import x509

from sandbox import inbox, page_render
from sandbox.apns import PushService
from sandbox.apns_control import control
from sandbox.backend import Backend, BackendError, Exchange, Starter
from sandbox.gateway import GatewayService
from sandbox.google import GoogleService
from sandbox.google_control import control as google_control
from sandbox.mail import MailService
from sandbox.page_texts import LANGUAGES, TEXTS, choose
from sandbox.phone_web import WebServiceError
from sandbox.pkpass import BadPass
from sandbox.world import ANDROID, IPHONE, Watcher, World, WorldError

PREFIX = "/sandbox/"

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

HEARTBEAT = 15.0
"""Seconds between comments on an idle event stream, so that proxies keep it open."""

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Sandbox:
    """The page with its phones; ``url`` is where the server answers."""

    def __init__(
        self,
        url: str,
        push_service: PushService,
        *,
        roots: Sequence[x509.Certificate],
        api_key: str,
        hook_source: str,
        hook_secret: str,
        google: GoogleService | None = None,
        mail: MailService | None = None,
        gateway: GatewayService | None = None,
        starters: Sequence[Starter] = (),
        time_zone: str = "Europe/Moscow",
    ) -> None:
        self._url = url
        self._push_service = push_service
        self._google = google
        self._mail, self._gateway = mail, gateway
        self._roots = tuple(roots)
        self._api_key, self._hook_source, self._hook_secret = api_key, hook_source, hook_secret
        self._starters = tuple(starters)
        self._time_zone = time_zone
        self._closing = False
        self._world: World | None = None
        self._backend: Backend | None = None

    def mount(self, app: web.Application) -> None:
        """Become a part of the server's application."""
        app.add_subapp(PREFIX, self.application())

    def application(self) -> web.Application:
        """The page alone."""
        app = web.Application(middlewares=[_sentences])
        app.cleanup_ctx.append(self._life)
        app.on_shutdown.append(self._end_streams)
        app.add_routes(
            [
                web.get("", _with_slash),
                web.get("/", self._page),
                web.get("/static/{name}", self._static),
                web.get("/events", self._events),
                web.get("/phones/{number:[0-9]+}", self._phone),
                web.get("/phones/{number:[0-9]+}/images/{slot}", self._image),
                web.get("/phones/{number:[0-9]+}/form", self._form),
                web.post("/phones", self._add),
                web.post("/phones/{number:[0-9]+}/change", self._change),
                web.post("/phones/{number:[0-9]+}/{action}", self._act),
            ]
        )
        app.add_subapp("/apns/", control(self._push_service))
        if self._google is not None:
            app.add_subapp("/google/", google_control(self._google))
        if self._mail is not None and self._gateway is not None:
            app.add_subapp("/messages/", inbox.application(self._mail, self._gateway))
        return app

    async def add_card(self, link: str, languages: Sequence[str] = ("en", "ru")) -> None:
        """One card on several phones, one in each language; for the first look, after the server listens.

        These phones are the same ones after a restart: the server knows their registrations again.
        """
        for language in languages:
            await self.world.add_phone(link, language, _steady_bytes(f"{self._api_key}/{language}"))
        if ANDROID in self.world.kinds:
            await self._add_android(link, languages[0])

    async def _add_android(self, link: str, language: str) -> None:
        """An Android phone with the same card; the page opens without it when Google is not reached."""
        try:
            await self.world.add_phone(link, language, _steady_bytes(f"{self._api_key}/android"), ANDROID)
        except (BadPass, WebServiceError) as error:
            self.world.tell("failed", detail=str(error))

    @property
    def world(self) -> World:
        """The phones; there are some only while the application runs."""
        if self._world is None:
            raise RuntimeError("the sandbox's application is not running")
        return self._world

    @property
    def backend(self) -> Backend:
        """The loyalty backend."""
        if self._backend is None:
            raise RuntimeError("the sandbox's application is not running")
        return self._backend

    async def _life(self, _: web.Application) -> AsyncIterator[None]:
        async with aiohttp.ClientSession() as session:
            self._closing = False
            self._world = World(
                session, self._push_service, roots=self._roots, google=self._google, time_zone=self._time_zone
            )
            self._backend = Backend(
                session,
                self._url,
                api_key=self._api_key,
                hook_source=self._hook_source,
                hook_secret=self._hook_secret,
                starters=self._starters,
                zone=self._time_zone,
            )
            yield
            await self._world.close()

    async def _end_streams(self, _: web.Application) -> None:
        self._closing = True
        self.world.wake_watchers()

    # Looking.

    async def _page(self, request: web.Request) -> web.Response:
        language = _language(request)
        residents = list(self.world.residents.values())
        starters = await self._or_nothing(self.backend.templates())
        held = next((one.card for one in residents if one.card is not None), None)
        changeable = await self._or_nothing(self.backend.changeable(held.serial_number)) if held else []
        rows = list(self.world.rows)[::-1]
        text = page_render.page(language, residents, rows, starters, changeable, self.world.kinds)
        return _html(text)

    async def _or_nothing(self, work: Awaitable[list[Any]]) -> list[Any]:
        """The page opens even when the server is away."""
        try:
            return await work
        except BackendError:
            return []

    async def _phone(self, request: web.Request) -> web.Response:
        return _html(page_render.phone(_language(request), self.world.resident(_number(request))))

    async def _form(self, request: web.Request) -> web.Response:
        card = self.world.card_of(_number(request))
        return _html(page_render.form(_language(request), await self.backend.changeable(card.serial_number)))

    async def _image(self, request: web.Request) -> web.Response:
        content = self.world.resident(_number(request)).pictures().get(request.match_info["slot"])
        if content is None:
            return _json({"detail": "no such image"}, 404)
        headers = HEADERS | {"Cache-Control": "private, max-age=86400, immutable"}
        return web.Response(body=content, content_type="image/png", headers=headers)

    async def _static(self, request: web.Request) -> web.Response:
        found = page_render.static_file(request.match_info["name"])
        if found is None:
            return _json({"detail": "no such file"}, 404)
        headers = HEADERS | {"Cache-Control": "private, max-age=86400" if "v" in request.query else "no-cache"}
        return web.Response(body=found[0], content_type=found[1], charset="utf-8", headers=headers)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers=HEADERS | {"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        with self.world.watching() as watcher, contextlib.suppress(ConnectionError):  # the page was closed
            await stream.write(_event("phones", {"numbers": list(self.world.residents)}))
            while not self._closing:
                await stream.write(await self._news(watcher, _language(request)))
        return stream

    async def _news(self, watcher: Watcher, language: str) -> bytes:
        """What a page has to draw again, as soon as there is something."""
        try:
            await asyncio.wait_for(watcher.bell.wait(), HEARTBEAT)
        except TimeoutError:
            return b": still here\n\n"
        changed, gone, rows = watcher.take()
        events = [_event("row", {"html": page_render.row(language, row)}) for row in rows]
        for number in changed:
            resident = self.world.residents.get(number)
            if resident is not None:
                events.append(_event("phone", {"number": number, "html": page_render.phone(language, resident)}))
        events += [_event("gone", {"number": number}) for number in gone]
        return b"".join(events)

    # Doing.

    async def _add(self, request: web.Request) -> web.Response:
        asked = await _order(request)
        wanted = asked.get("language")
        language = str(wanted) if wanted in LANGUAGES else _language(request)
        link = await self.backend.issue(str(asked.get("template", "")), language)
        resident = await self.world.add_phone(link, language, kind=str(asked.get("kind", IPHONE)))
        return _json({"number": resident.number}, 201)

    async def _change(self, request: web.Request) -> web.Response:
        asked = await _order(request)
        card = self.world.card_of(_number(request))
        name, type_, text = (str(asked.get(key, "")) for key in ("variable", "type", "value"))
        self.world.webhook_sent(f"{name} = {text or 'null'}")
        sent = await self.backend.send_change(card.serial_number, name, type_, text, silent=asked.get("silent") is True)
        self.world.tell("answered", detail=_result(sent))
        return _json({"request": _as_text(sent), "status": sent.status, "answer": sent.answer})

    async def _act(self, request: web.Request) -> web.Response:
        asked = await _order(request)
        number, world = _number(request), self.world
        match request.match_info["action"]:
            case "remove-card":
                await world.remove_card(number)
            case "install-again":
                await world.install_again(number)
            case "network":
                await world.set_offline(number, asked.get("offline") is True)
            case "language":
                world.set_language(number, "ru" if world.resident(number).phone.language != "ru" else "en")
            case "put-away":
                await world.put_away(number)
            case _:
                return _json({"detail": "no such action"}, 404)
        return _json({})


@web.middleware
async def _sentences(request: web.Request, handler: Answer) -> web.StreamResponse:
    """What went wrong as a sentence for the page."""
    texts = TEXTS[_language(request)]
    try:
        return await handler(request)
    except WorldError as error:
        return _json({"detail": texts.get(error.code, error.code)}, 409)
    except (BackendError, BadPass, WebServiceError) as error:
        return _json({"detail": str(error)}, 502)


async def _with_slash(_: web.Request) -> web.Response:
    raise web.HTTPFound(PREFIX)


def _steady_bytes(seed: str) -> Callable[[int], bytes]:
    """Bytes that look random and come again in the same order for the same seed."""
    numbers = itertools.count()
    return lambda size: hashlib.shake_256(f"{seed}/{next(numbers)}".encode()).digest(size)


def _language(request: web.Request) -> str:
    wanted = request.query.get("lang", "")
    return wanted if wanted in LANGUAGES else choose(request.headers.get("Accept-Language", ""))


def _number(request: web.Request) -> int:
    return int(request.match_info["number"])


async def _order(request: web.Request) -> dict[str, Any]:
    """The JSON body of an order, from our own page only: another site can send neither this type nor this header."""
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    if site not in ("same-origin", "none") or request.content_type != "application/json":
        raise WorldError("bad_request")
    try:
        asked = json.loads(await request.read() or b"{}")
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise WorldError("bad_request")
    return asked


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html", headers=HEADERS)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.json_response(value, status=status, headers=HEADERS)


def _event(name: str, value: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


def _result(sent: Exchange) -> str:
    """The hook's own word for what became of it, else the status."""
    try:
        return str(json.loads(sent.answer)["result"])
    except (ValueError, KeyError, TypeError):
        return str(sent.status)


def _as_text(sent: Exchange) -> str:
    headers = "\n".join(f"{name}: {value}" for name, value in sent.headers.items())
    return f"{sent.method} {sent.url}\n{headers}\n\n{sent.body}"
