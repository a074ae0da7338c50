"""News for the backend: ``/api/v1/news``. Each handler reads the request, calls one thing, writes the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from aiohttp import web

from handlers import body, idempotency, models, newsmodels
from handlers.api import authorized, respond
from handlers.errors import Place, ProblemError
from handlers.keys import DATABASE, OPTIONS
from store import news, newscorrections, newsrules
from store.keys import ApiKey
from store.news import NewsView
from store.newscorrections import NewsCorrection
from store.newsrequests import NewsRequest


async def create(request: web.Request) -> web.Response:
    """POST /api/v1/news: 201 with a draft."""
    key = await authorized(request, "news:write")
    content = await body.read(request, body.NEWS_LIMIT)
    return await idempotency.once(request, key, content, lambda: _create(request, key, content))


async def listing(request: web.Request) -> web.Response:
    """GET /api/v1/news: newest first."""
    key = await authorized(request, "news:read")
    template, cursor, limit = _query(request)
    page = await news.listing(request.app[DATABASE], key.brand_id, template=template, cursor=cursor, limit=limit)
    shown = [answer(one) for one in page.news]
    return respond(newsmodels.NewsListAnswer(news=shown, next_cursor=page.next_cursor))


async def show(request: web.Request) -> web.Response:
    """GET /api/v1/news/{id}: with its progress."""
    key = await authorized(request, "news:read")
    return respond(answer(await news.view(request.app[DATABASE], key.brand_id, request.match_info["id"])))


async def dry_run(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:dry-run: what starting it would do, and the plan for it."""
    key = await authorized(request, "news:write")
    now = request.app[OPTIONS].clock()
    seen = await news.dry_run(request.app[DATABASE], key.brand_id, request.match_info["id"], now)
    return respond(
        newsmodels.DryRunAnswer(
            plan=seen.plan,
            revision=seen.revision,
            reach=newsmodels.NewsReach(**asdict(seen.reach)),
            google=seen.google,
            samples=[newsmodels.NewsSample(**asdict(one)) for one in seen.samples],
            warnings=list(seen.warnings),
            seconds=seen.seconds,
            waves=[newsmodels.NewsWave.model_validate(asdict(one)) for one in seen.waves],
        )
    )


async def start(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:start: send it, or schedule it for its ``starts_at``."""
    key = await authorized(request, "news:write")
    content = await body.read(request, body.API_LIMIT)

    async def run() -> web.Response:
        asked = models.accept(newsmodels.NewsStart, body.parse_json(content) if content.strip() else {})
        now = request.app[OPTIONS].clock()
        db, id_ = request.app[DATABASE], request.match_info["id"]
        wait = asked.undo_seconds
        started = await news.start(db, key.brand_id, id_, plan=asked.plan, by=by(key), undo_seconds=wait, now=now)
        return respond(answer(started))

    return await idempotency.once(request, key, _named(request, content), run)


async def pause(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:pause: push to nobody more."""
    return await _operate(request, news.pause)


async def resume(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:resume: go on."""
    return await _operate(request, news.resume)


async def stop(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:stop: ring nobody more; who has it keeps it."""
    return await _operate(request, news.stop)


async def cancel(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:cancel: over now, silently."""
    return await _operate(request, news.cancel)


async def correct(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:correct: other words, silently."""
    key = await authorized(request, "news:write")
    asked = models.accept(NewsCorrection, body.parse_json(await body.read(request, body.NEWS_LIMIT)))
    db, id_ = request.app[DATABASE], request.match_info["id"]
    return respond(answer(await newscorrections.correct(db, key.brand_id, id_, asked, request.app[OPTIONS].clock())))


async def withdraw(request: web.Request) -> web.Response:
    """POST /api/v1/news/{id}:withdraw: over now, silently, and out of the history."""
    return await _operate(request, newscorrections.withdraw)


async def rules(request: web.Request) -> web.Response:
    """GET /api/v1/news-rules: quiet hours, and how many news may ring a card."""
    key = await authorized(request, "news:read")
    found = await newsrules.of(request.app[DATABASE], key.brand_id)
    quiet = str(found.quiet) if found.quiet else None
    cap = newsmodels.NewsCap(news=found.cap, days=found.cap_days, kinds=list(found.cap_kinds)) if found.cap else None
    above = found.approval_above or None
    return respond(newsmodels.NewsRulesAnswer(time_zone=found.zone.key, quiet=quiet, cap=cap, approval_above=above))


async def _operate(request: web.Request, run: Callable[..., Awaitable[NewsView]]) -> web.Response:
    key = await authorized(request, "news:write")
    return respond(answer(await run(request.app[DATABASE], key.brand_id, request.match_info["id"])))


async def _create(request: web.Request, key: ApiKey, content: bytes) -> web.Response:
    asked = models.accept(NewsRequest, body.parse_json(content))
    now = request.app[OPTIONS].clock()
    made = await news.create(request.app[DATABASE], key.brand_id, asked, by=by(key), now=now)
    return respond(answer(made), 201)


def by(key: ApiKey) -> str:
    """Who it is on record."""
    return f"key {key.name}"


def answer(one: NewsView) -> newsmodels.NewsAnswer:
    """A news as every answer shows it."""
    return newsmodels.NewsAnswer.model_validate(asdict(one))


def _named(request: web.Request, content: bytes) -> bytes:
    """The same key for another news is another request."""
    return request.match_info["id"].encode("utf-8", "surrogatepass") + b"\0" + content


def _query(request: web.Request) -> tuple[str | None, str | None, int]:
    query = request.query
    misfits = [
        Place(f"/{name}", "There is no such parameter.")
        for name in query
        if name not in ("template", "cursor", "limit")
    ]
    limit = query.get("limit", str(models.DEFAULT_LIMIT))
    if not (limit.isascii() and limit.isdigit() and len(limit) < 5 and 1 <= int(limit) <= models.MAX_LIMIT):
        misfits.append(Place("/limit", f"A whole number from 1 to {models.MAX_LIMIT}."))
    if "\0" in query.get("template", ""):
        misfits.append(Place("/template", "This cannot be in a name."))
    if misfits:
        raise ProblemError("invalid", errors=misfits)
    return query.get("template"), query.get("cursor"), int(limit)
