"""Request bodies: plain, bounded in bytes and in time, and JSON that survives a round trip."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import orjson
from aiohttp import web

from handlers.errors import ProblemError
from handlers.keys import OPTIONS, root

KIB = 1024
WALLET_LIMIT = 64 * KIB
LOG_LIMIT = 8 * KIB
API_LIMIT = HOOK_LIMIT = 1024 * KIB
NEWS_LIMIT = 8 * 1024 * KIB
"""With a picture of 5 MB in base64."""
BATCH_LIMIT = 8 * 1024 * KIB
"""Largest bodies: a registration is 100 bytes, a batch of 1,000 cards with Cyrillic escaped to ASCII over a MiB."""

PASSING = (None, "", "identity")


async def read(request: web.Request, limit: int) -> bytes:
    """The body as it came; 413 past ``limit`` bytes, 415 when encoded or multipart, 408 when it does not arrive."""
    _refuse_unsupported(request)
    if (request.content_length or 0) > limit:
        raise _too_large(limit)
    try:
        async with asyncio.timeout(root(request)[OPTIONS].body_seconds):
            return await _collect(request, limit)
    except TimeoutError:
        raise ProblemError("too_slow", headers={"Connection": "close"}) from None
    except web.RequestPayloadError:
        raise ProblemError("bad_request", "The body ended before its announced length.") from None


async def read_json(request: web.Request, limit: int) -> Any:
    """The body as JSON values; numbers with a fraction are ``Decimal``, so that they stay exact."""
    return parse_json(await read(request, limit))


def parse_json(body: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no lone surrogates, bounded depth; ``ProblemError`` bad_json otherwise."""
    try:
        orjson.loads(body)  # the stricter reader of the two: what it takes can be stored and sent again
        return json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise ProblemError("bad_json") from None


async def _collect(request: web.Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        chunks.append(chunk)
    return b"".join(chunks)


def _refuse_unsupported(request: web.Request) -> None:
    encodings = [value.strip().lower() for value in request.headers.getall("Content-Encoding", [])]
    if any(value not in PASSING for value in encodings) or request.content_type.startswith("multipart/"):
        raise ProblemError("unsupported_body", headers={"Accept-Encoding": "identity"})


def _too_large(limit: int) -> ProblemError:
    return ProblemError("body_too_large", f"A body here has at most {limit} bytes.")
