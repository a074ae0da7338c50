"""Signing in and out. Whatever is wrong with an attempt, the answer is the same."""

from __future__ import annotations

from aiohttp import web

from handlers.studio import cookies, forms, page
from handlers.studio.me import Me, client, database, local_path, now
from handlers.studio.texts import TEXTS
from store import people
from store.people import Refused


async def form(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/sign-in; whoever is in goes on."""
    next_path = local_path(request.query.get("next", ""))
    if me.is_in:
        return page.go(next_path)
    done = TEXTS[me.language]["signed_out"] if "out" in request.query else ""
    return page.show(request, me, "sign_in.html", next=next_path, email="", wrong="", done=done)


async def enter(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/sign-in."""
    given = await forms.read(request, me)
    db, next_path = database(request), local_path(given["next"])
    outcome = await people.studiosessions.sign_in(db, given["email"], given["password"], client(request), now(request))
    if isinstance(outcome, Refused):
        values = {"next": next_path, "email": given["email"][:254], "done": ""}
        return page.show(
            request,
            me,
            "sign_in.html",
            status=_status(outcome),
            headers=_after(outcome),
            wrong=_words(me, outcome),
            **values,
        )
    if me.session is not None:
        await people.studiosessions.end(db, me.session)
    answer = page.go(f"/studio/totp?next={next_path}" if outcome.waits_for_code else next_path)
    cookies.keep_session(request, answer, outcome.token)
    return answer


async def leave(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/sign-out; at a workplace the next person may come."""
    if me.session is not None:
        await people.studiosessions.end(database(request), me.session)
    at_a_workplace = me.session is not None and me.session.employee is not None
    answer = page.go("/studio/place" if at_a_workplace else "/studio/sign-in?out")
    cookies.drop_session(request, answer)
    return answer


def wait_words(language: str, seconds: int) -> str:
    """How long to wait, as a person says it."""
    minutes = -(-seconds // 60)
    return page.counted(language, minutes, "minutes") if seconds > 90 else page.counted(language, seconds, "seconds")


def _words(me: Me, outcome: Refused) -> str:
    texts = TEXTS[me.language]
    if outcome.wait:
        return page.fill(texts["sign_in_wait"], seconds=wait_words(me.language, outcome.wait))
    return texts["sign_in_wrong"]


def _status(outcome: Refused) -> int:
    return 429 if outcome.wait else 422


def _after(outcome: Refused) -> dict[str, str]:
    return {"Retry-After": str(outcome.wait)} if outcome.wait else {}
