"""Two people who write one draft: the second is told whose words are there, and both texts are kept, one as a new draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from aiohttp import web

from handlers.studio import page
from handlers.studio.me import Me, database, now
from store import newsdrafts
from store.news import NewsView
from store.newsdrafts import Page
from store.newsrequests import NewsRequest


@dataclass(frozen=True, slots=True)
class Differing:
    """A text that the two have written otherwise; ``arm`` 0 is the first."""

    arm: int
    language: str
    theirs: str
    mine: str


async def told(request: web.Request, me: Me, view: NewsView, asked: NewsRequest) -> web.Response:
    """409 with the part of the page that says who has saved what, and asks which is to stay here."""
    last = await newsdrafts.last_saving(database(request), me.brand.id, view.id)
    part = page.part(request, me, "news_conflict.html", last=last, rows=_differing(view, asked))
    answer = {"conflict": part.text, "seen": last.mark}
    return web.Response(body=orjson.dumps(answer), status=409, content_type="application/json", headers=page.HEADERS)


async def settle(request: web.Request, me: Me, key: str, written: Page, choice: str) -> tuple[str, Page]:
    """Keep what is saved here as a copy: where this page's words go now, and as whose saving.

    ``mine``: here, and the copy has theirs; ``theirs``: into the copy.
    """
    db = database(request)
    last = await newsdrafts.last_saving(db, me.brand.id, key)
    made = await newsdrafts.copy(db, me.brand.id, key, by=me.actor, now=now(request))
    await page.say(request, me, f"news_both_{choice}", name=last.by)
    if choice == "mine":
        return key, replace(written, seen=last.mark)
    return made.id, replace(written, seen="")


def _differing(view: NewsView, asked: NewsRequest) -> list[Differing]:
    theirs = [view.text, *(one["text"] for one in view.variants)]
    mine = [_texts(asked.text), *(_texts(one.text) for one in asked.variants)]
    found = []
    for arm in range(max(len(theirs), len(mine))):
        left = theirs[arm] if arm < len(theirs) else {}
        right = mine[arm] if arm < len(mine) else {}
        for language in dict.fromkeys((*left, *right)):
            pair = left.get(language, ""), right.get(language, "")
            if pair[0] != pair[1]:
                found.append(Differing(arm, language, *pair))
    return found


def _texts(said: Any) -> Mapping[str, str]:
    return said if isinstance(said, dict) else {"": said}
