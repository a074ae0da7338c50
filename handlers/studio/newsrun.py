"""A news on its way: a minute to undo, figures that count by themselves, and what can still be done about it.

The figures come as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html); where a proxy keeps
them back, or somebody has too many pages open, the page asks again and again instead.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from handlers.keys import root
from handlers.studio import forms, newswaves, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.texts import TEXTS
from passkit.expressions import NEWS_LENGTH
from passkit.variables import text_problem
from store import (
    audit,
    news,
    newsapproval,
    newsapproving,
    newscorrections,
    newsdrafts,
    newsreview,
    newsschedule,
    templates,
)
from store.dialect import Database
from store.errors import Conflict, Invalid
from store.news import NewsView
from store.newscorrections import CorrectedVariant, NewsCorrection
from store.newswaves import PARTLY

EVERY, HEARTBEAT, LONGEST = 1.0, 15.0, 300.0
"""Seconds between two looks, between two signs of life, and until the browser has to come again, with a session that holds."""
AT_ONCE = 3
"""Streams of one person in one process: a browser opens six connections to a host, and pages need some."""
OVER = ("draft", "done", "failed", "cancelled")
REASONS = {
    newsschedule.CUT: "news_reason_cut",
    newsschedule.STOPPED: "news_reason_stopped",
    newsapproval.LAPSED: "news_reason_lapsed",
    PARTLY: "news_reason_partly",
}
"""The store's own sentences in the reader's language."""
BADGES = {
    "waiting_approval": "warn",
    "running": "accent",
    "scheduled": "accent",
    "paused": "warn",
    "failed": "wrong",
    "done": "done",
}


@dataclass(slots=True)
class Streams:
    """Open streams by person; ``closing`` ends them all."""

    of: Counter[str] = field(default_factory=Counter)
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    async def close(self, app: web.Application) -> None:
        """The process ends."""
        self.closing.set()


STREAMS = web.AppKey("studio_streams", Streams)


async def show(request: web.Request, me: Me, view: NewsView) -> web.StreamResponse:
    """The page of a news that is started, or that the reader may not write."""
    db = database(request)
    row = await templates.by_key(db, me.brand.id, view.template)
    template, _, _ = await newsdrafts.template_of(db, me.brand.id, view.id)
    return page.show(
        request,
        me,
        "news_run.html",
        news=view,
        template=row,
        languages=template.languages,
        badges=BADGES,
        says=await newsreview.consequences(db, me.brand.id, view.id),
        asked=await newsapproving.asked_of(db, me.brand.id, view.id),
        is_over=view.state in OVER,
        is_stopped=view.reason == newsschedule.STOPPED,
        reason=TEXTS[me.language][REASONS[view.reason]] if view.reason in REASONS else view.reason,
        waves=newswaves.lines(me, view.waves),
        is_planned=False,
        arms=[view.text, *(one["text"] for one in view.variants)],
        until=datetime.fromisoformat(view.result["until"]) if view.result else None,
        said=lambda one, language: one.text.get(language) or next(iter(one.text.values()), ""),
        **_now(view, request),
    )


def _now(view: NewsView, request: web.Request) -> dict[str, Any]:
    left = 0 if view.undo_until is None else max(0, round((view.undo_until - now(request)).total_seconds()))
    return {"seconds_left": left}


async def progress(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/progress: the figures once, for where no stream gets through."""
    view = await news.view(database(request), me.brand.id, request.match_info["news"])
    return web.Response(body=_event(request, me, view), content_type="application/json", headers=page.HEADERS)


async def events(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/{news}/events: the figures whenever they are others, until it is done."""
    db, key = database(request), request.match_info["news"]
    view = await news.view(db, me.brand.id, key)
    streams, who = root(request)[STREAMS], f"{me.actor.user_id or ''}/{me.actor.name}"
    if streams.of[who] >= AT_ONCE:
        raise Refusal("news_streams", 429)
    streams.of[who] += 1
    try:
        headers = {**page.HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        await _stream(response, request, me, view)
        return response
    finally:
        streams.of[who] -= 1


async def _stream(response: web.StreamResponse, request: web.Request, me: Me, view: NewsView) -> None:
    db, closing = database(request), root(request)[STREAMS].closing
    clock = asyncio.get_running_loop().time
    began = said_at = clock()
    last = b""
    while not closing.is_set() and clock() - began < LONGEST:
        if request.transport is None or request.transport.is_closing():  # the page was closed
            return
        event = _event(request, me, view)
        try:
            if event != last:
                await response.write(b"data: " + event + b"\n\n")
                last, said_at = event, clock()
            elif clock() - said_at >= HEARTBEAT:
                await response.write(b": here\n\n")
                said_at = clock()
        except ConnectionError:
            return
        if view.state in OVER:
            return
        try:
            await asyncio.wait_for(closing.wait(), EVERY)
        except TimeoutError:
            view = await news.view(db, me.brand.id, view.id)


def _event(request: web.Request, me: Me, view: NewsView) -> bytes:
    """The state, and the figures as they stand on the page."""
    part = page.part(request, me, "news_progress.html", news=view, **_now(view, request))
    undoing = view.undo_until is not None
    return orjson.dumps(
        {"state": f"{view.state}{'-undo' if undoing else ''}", "html": part.text, "over": view.state in OVER}
    )


# What can be done about it.


async def undo(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:undo: within its minute a draft again."""
    await forms.read(request, me)
    db, key = database(request), request.match_info["news"]
    if (await news.view(db, me.brand.id, key)).undo_until is None:
        await page.say(request, me, "news_too_late", "wrong")
        return page.go(f"/studio/news/{key}")
    return await _operate(request, me, "undone", news.cancel)


async def at_once(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:now: the minute is not waited for."""

    async def run(db: Database, brand_id: int, key: str) -> NewsView:
        return await news.start(db, brand_id, key, by=me.actor.name, now=now(request))

    await forms.read(request, me)
    if (await news.view(database(request), me.brand.id, request.match_info["news"])).state == "draft":
        return page.go(f"/studio/news/{request.match_info['news']}/review")
    return await _operate(request, me, "hastened", run)


async def pause(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:pause."""
    await forms.read(request, me)
    return await _operate(request, me, "paused", news.pause)


async def resume(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:resume."""
    await forms.read(request, me)
    return await _operate(request, me, "resumed", news.resume)


async def stop(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:stop."""
    await forms.read(request, me)
    return await _operate(request, me, "stopped", news.stop)


async def cancel(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:cancel."""
    await forms.read(request, me)
    return await _operate(request, me, "cancelled", news.cancel)


async def withdraw(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:withdraw."""
    await forms.read(request, me)
    return await _operate(request, me, "withdrawn", newscorrections.withdraw)


async def correct(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/{news}:correct: other words, without a sound."""
    form = await forms.read(request, me)
    db, key = database(request), request.match_info["news"]
    view = await news.view(db, me.brand.id, key)
    texts = [_words(form, f"text_{arm}_") for arm in range(1 + len(view.variants))]
    if not all(texts) or any(text_problem(words, NEWS_LENGTH) for text in texts for words in text.values()):
        await page.say(request, me, "news_not_corrected", "wrong")
        return page.go(f"/studio/news/{view.id}")
    others = [CorrectedVariant(text=text) for text in texts[1:]]
    correction = NewsCorrection(text=texts[0], variants=others)

    async def run(db: Database, brand_id: int, key: str) -> NewsView:
        return await newscorrections.correct(db, brand_id, key, correction, now(request))

    return await _operate(request, me, "corrected", run)


def _words(form: forms.Form, start: str) -> dict[str, str]:
    """What was typed for one of the texts, by language."""
    given = {name.removeprefix(start): form[name].strip() for name in form.fields if name.startswith(start)}
    return {language: words for language, words in given.items() if words}


async def _operate(
    request: web.Request, me: Me, done: str, run: Callable[[Database, int, str], Awaitable[NewsView]]
) -> web.StreamResponse:
    """Do it and write it down, or neither; the next page says what those who have it will show."""
    db, key = database(request), request.match_info["news"]
    try:
        async with db.joined():
            view = await run(db, me.brand.id, key)
            await audit.record(db, me.brand.id, me.actor, f"news.{done}", key, now=now(request))
    except (Conflict, Invalid):
        await page.say(request, me, "news_not_now", "wrong")
        return page.go(f"/studio/news/{key}")
    await page.say(request, me, f"news_said_{done}", consequence=consequence(me, view))
    return page.go(f"/studio/news/{key}")


def consequence(me: Me, view: NewsView) -> str:
    """The engine's word on what phones will show, as a sentence."""
    if view.says is None:
        return ""
    return page.counted(me.language, view.says.fetched + view.says.google, f"news_says_{view.says.code}")
