"""Google's stand-in with an issuer that trusts our service account, and pieces of work as the store would claim them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pushes.gate import Gate
from pushes.google import GoogleWallet, Options
from sandbox.google import GoogleService
from sandbox.google_accounts import new_key_file
from store.google import Result, ServiceAccount, Work

ISSUER = "3388000000022141777"
CLASS_ID, OBJECT_ID = f"{ISSUER}.coffee", f"{ISSUER}.card1"
EMAIL = "passbell@demo.iam.gserviceaccount.com"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
QUICK = Options(connect=1, read=0.3, whole=0.5)
PLENTY = 20_000.0  # requests a second: no test waits for its turn unless it is about that

CLASS = {
    "id": CLASS_ID,
    "issuerName": "Coffee",
    "programName": "Coffee club",
    "programLogo": {"sourceUri": {"uri": "https://cards.example.com/images/logo.png"}},
    "reviewStatus": "UNDER_REVIEW",
}


def points(balance: int) -> dict[str, Any]:
    """The object of a card with so many points."""
    return {
        "id": OBJECT_ID,
        "classId": CLASS_ID,
        "state": "ACTIVE",
        "accountName": "Anna Petrova",
        "loyaltyPoints": {"label": "Points", "balance": {"int": balance}},
    }


def text(name: str, *, notify: bool = True) -> dict[str, Any]:
    """A message as it goes to addMessage."""
    kind = "TEXT_AND_NOTIFY" if notify else "TEXT"
    return {"id": name, "header": "Coffee club", "body": f"News {name}", "messageType": kind}


def of_object(balance: int = 1, *, known: bool = False, **more: Any) -> Work:
    """The object to bring."""
    body = points(balance)
    patch = {name: value for name, value in body.items() if name != "id"}
    work = Work("object", 1, 1, 1, 1, 0, NOW, 0, "loyalty", OBJECT_ID, known, body, patch, "digest")
    return replace(work, **more)


def of_class(*, known: bool = False, **more: Any) -> Work:
    """The class to bring."""
    work = Work("class", 1, 1, None, 1, 0, NOW, 1, "loyalty", CLASS_ID, known, CLASS, CLASS, "digest")
    return replace(work, **more)


@cache
def key_file() -> dict[str, str]:
    """A key of the service account, the same in all tests: making one takes a while."""
    return new_key_file(EMAIL, "")


def account(key: dict[str, str] | None = None) -> ServiceAccount:
    """The key as the store gives it."""
    key = key or key_file()
    return ServiceAccount(1, ISSUER, key["client_email"], key["private_key_id"], NOW, key)


def wallet_of(google: GoogleService, accounts: Sequence[ServiceAccount] = (), options: Options = QUICK) -> GoogleWallet:
    """A way to the stand-in."""
    return GoogleWallet(
        accounts or [account()], api_url=google.url, token_url=google.token_url, options=options, dice=lambda: 0.5
    )


async def brought(wallet: GoogleWallet, *works: Work) -> list[Result]:
    """Bring one after the other."""
    gate = Gate(PLENTY)
    return [await wallet.bring(work, gate) for work in works]


def asked(google: GoogleService) -> list[tuple[str, int]]:
    """Method and status of every request so far, without the kind: ``("patch", 200)``."""
    return [(one.method.rpartition(".")[2], one.status) for one in google.requests]


async def dead_port() -> int:
    """A port where nobody listens."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port
