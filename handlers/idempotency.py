"""``Idempotency-Key`` on POST: the same key gives the first answer again, and its effect happens once.

https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header; the draft writes the key as a quoted string,
most clients send it bare, both are taken.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from handlers.errors import ProblemError
from handlers.keys import DATABASE, OPTIONS
from handlers.middleware import route_template
from store import idempotency
from store.keys import ApiKey

HEADER = "Idempotency-Key"
_KEY = re.compile(r'"?([\x21\x23-\x7e]{1,200})"?')


async def once(
    request: web.Request,
    key: ApiKey,
    content: bytes,
    run: Callable[[], Awaitable[web.Response]],
    *,
    atomic: bool = True,
) -> web.Response:
    """Run at most once per key; without the header, just run. ``atomic=False`` for what is too long for a transaction."""
    values = request.headers.getall(HEADER, [])
    if not values:
        return await run()
    named = _KEY.fullmatch(values[0]) if len(values) == 1 else None
    if named is None:
        raise ProblemError("bad_request", f"{HEADER} is one text of 1 to 200 visible ASCII characters.")
    async with idempotency.once(
        request.app[DATABASE],
        api_key_id=key.id,
        route=f"{request.method} {route_template(request)}",
        key=named[1],
        body=content,
        now=request.app[OPTIONS].clock(),
        atomic=atomic,
    ) as found:
        if found.stored is not None:
            return _replayed(found.stored)
        answer = await run()
        if isinstance(answer.body, bytes):
            found.answer(answer.status, answer.body)
    return answer


def _replayed(stored: idempotency.Stored) -> web.Response:
    headers = {"Cache-Control": "no-store", "Idempotent-Replayed": "true"}
    return web.Response(body=stored.body, status=stored.status, content_type="application/json", headers=headers)
