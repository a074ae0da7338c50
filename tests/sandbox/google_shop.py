"""A tiny issuer: an install page, a save link behind it, a picture, and its class and object at Google's stand-in."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer
from google.auth import crypt, jwt

from sandbox.google import GoogleService
from sandbox.google_state import kinds
from tests.sandbox.google_client import (
    CLASS_ID,
    EMAIL,
    ISSUER,
    OBJECT_ID,
    key_file,
    loyalty_class,
    loyalty_object,
    words,
)

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
ROWS = {
    "cardTemplateOverride": {
        "cardRowTemplateInfos": [
            {
                "twoItems": {
                    "startItem": {"firstValue": {"fields": [{"fieldPath": "object.loyaltyPoints.balance"}]}},
                    "endItem": {"firstValue": {"fields": [{"fieldPath": "object.textModulesData['tier']"}]}},
                }
            }
        ]
    }
}


def both(en: str, ru: str) -> dict[str, Any]:
    return words(en) | {"translatedValues": [{"language": "ru", "value": ru}]}


@dataclass
class Shop:
    """An issuer's little server: an install page with a button, a save link behind it, a logo."""

    key: dict[str, str]
    url: str = ""
    agents: list[str] = field(default_factory=list)
    waits: int = 0
    has_button: bool = True

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes(
            [
                web.get("/i/abc", self._page),
                web.get("/i/abc/google", self._link),
                web.get("/logo.png", self._logo),
                web.post("/callback", self._callback),
            ]
        )
        return app

    async def _page(self, request: web.Request) -> web.Response:
        self.agents.append(request.headers["User-Agent"])
        button = '<a href="/i/abc/google">Add</a>' if self.has_button else ""
        return web.Response(text=f"<title>Card</title>{button}", content_type="text/html")

    async def _link(self, _: web.Request) -> web.Response:
        if self.waits:
            self.waits -= 1
            again = '<meta http-equiv="refresh" content="4; url=/i/abc/google?try=1&amp;x=1">'
            return web.Response(status=202, text=again, content_type="text/html")
        raise web.HTTPFound(f"https://pay.google.com/gp/v/save/{self.jwt()}")

    async def _logo(self, _: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    async def _callback(self, _: web.Request) -> web.Response:
        return web.Response()

    def jwt(self) -> str:
        payload = {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]}
        claims = {"iss": EMAIL, "aud": "google", "typ": "savetowallet", "iat": int(time.time()), "payload": payload}
        return jwt.encode(crypt.RSASigner.from_service_account_info(self.key), claims).decode()


@contextlib.asynccontextmanager
async def open_shop(google: GoogleService) -> AsyncIterator[Shop]:
    made = Shop(key_file(google))
    google.enlist(made.key, ISSUER)
    async with TestServer(made.application()) as server:
        made.url = str(server.make_url("")).rstrip("/")
        google.wallet.insert(
            kinds()["loyaltyClass"],
            loyalty_class(
                programLogo={"sourceUri": {"uri": f"{made.url}/logo.png"}},
                heroImage={"sourceUri": {"uri": f"{made.url}/gone.png"}},
                hexBackgroundColor="#3a2a1e",
                localizedIssuerName=both("Coffee", "Кофе"),
                callbackOptions={"url": f"{made.url}/callback"},
                classTemplateInfo=ROWS,
            ),
        )
        google.wallet.insert(
            kinds()["loyaltyObject"],
            loyalty_object(
                textModulesData=[{"id": "tier", "localizedHeader": both("Tier", "Уровень"), "body": "Gold"}]
            ),
        )
        yield made
