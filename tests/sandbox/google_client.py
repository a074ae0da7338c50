"""Google's own client library, pointed at the stand-in, and bodies like those of Google's pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from google.oauth2 import service_account
from googleapiclient.discovery import Resource, build_from_document
from googleapiclient.errors import HttpError

from sandbox.google import GoogleService
from sandbox.google_accounts import SCOPE, new_key_file
from sandbox.google_schema import document

ISSUER = "3388000000012345678"
EMAIL = "wallet@passbell-demo.iam.gserviceaccount.com"
CLASS_ID = f"{ISSUER}.coffee"
OBJECT_ID = f"{ISSUER}.card-1"


def client(google: GoogleService, key_file: dict[str, str]) -> Resource:
    """A client as an integrator builds it; only the root URL is another one. It blocks: use it in a thread."""
    credentials = service_account.Credentials.from_service_account_info(key_file, scopes=[SCOPE])
    moved = json.loads(json.dumps(document())) | {"rootUrl": f"{google.url}/", "baseUrl": f"{google.url}/"}
    return build_from_document(moved, credentials=credentials)


async def in_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.to_thread(work)


async def refused(work: Callable[[], Any]) -> tuple[int, str, dict[str, Any]]:
    """Status, reason and error object of a call that must fail."""
    try:
        await asyncio.to_thread(work)
    except HttpError as error:
        body = json.loads(error.content)["error"]
        return error.resp.status, body["errors"][0]["reason"], body
    raise AssertionError("the call was accepted")


def words(text: str) -> dict[str, Any]:
    return {"defaultValue": {"language": "en", "value": text}}


def loyalty_class(**more: Any) -> dict[str, Any]:
    return {
        "id": CLASS_ID,
        "issuerName": "Coffee",
        "programName": "Coffee club",
        "programLogo": {"sourceUri": {"uri": "https://example.com/logo.png"}},
        "reviewStatus": "UNDER_REVIEW",
    } | more


def loyalty_object(**more: Any) -> dict[str, Any]:
    return {
        "id": OBJECT_ID,
        "classId": CLASS_ID,
        "state": "ACTIVE",
        "accountName": "Anna",
        "loyaltyPoints": {"label": "Points", "balance": {"int": 120}},
        "barcode": {"type": "QR_CODE", "value": "1"},
    } | more


def key_file(google: GoogleService, email: str = EMAIL) -> dict[str, str]:
    return new_key_file(email, google.token_url)
