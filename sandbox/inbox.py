"""Mails and short messages of the demo on one page: what arrived at the mail server and the gateway that the sandbox plays.

``GET /`` is the page, it looks again every few seconds; ``GET /list`` the same as JSON, the newest first.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from sandbox import page_render
from sandbox.gateway import GatewayService
from sandbox.mail import MailService
from sandbox.page_texts import TEXTS, choose

SHOWN = 50

_MAIL: web.AppKey[MailService] = web.AppKey("mail_service", MailService)
_GATEWAY: web.AppKey[GatewayService] = web.AppKey("gateway_service", GatewayService)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Arrived:
    """One message; ``subject`` is empty for a short one."""

    kind: str
    time: float
    to: str
    subject: str
    text: str

    @property
    def clock(self) -> str:
        """The time of day, UTC."""
        return datetime.fromtimestamp(self.time, UTC).strftime("%H:%M:%S")


def application(mail: MailService, gateway: GatewayService) -> web.Application:
    """The page, to be mounted anywhere."""
    app = web.Application()
    app[_MAIL], app[_GATEWAY] = mail, gateway
    app.add_routes([web.get("/", _page), web.get("/list", _list)])
    return app


def arrived(mail: MailService, gateway: GatewayService) -> list[Arrived]:
    """What came, the newest first."""
    mails = [Arrived("mail", it.time, ", ".join(it.recipients), it.subject, it.text) for it in mail.records]
    short = [Arrived("sms", it.time, it.to, "", it.text) for it in gateway.records if it.status == 200]
    return sorted([*mails, *short], key=lambda one: one.time, reverse=True)[:SHOWN]


async def _page(request: web.Request) -> web.Response:
    wanted = request.query.get("lang", "")
    language = wanted if wanted in TEXTS else choose(request.headers.get("Accept-Language", ""))
    found = arrived(request.app[_MAIL], request.app[_GATEWAY])
    return web.Response(text=page_render.inbox(language, found), content_type="text/html", headers=HEADERS)


async def _list(request: web.Request) -> web.Response:
    found = arrived(request.app[_MAIL], request.app[_GATEWAY])
    rows: list[dict[str, Any]] = [
        {"kind": one.kind, "to": one.to, "subject": one.subject, "text": one.text, "time": one.time} for one in found
    ]
    return web.json_response({"messages": rows})
