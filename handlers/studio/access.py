"""Who asks, and whether they may: one declaration for each route, checked before its handler runs.

The order: an unsafe method must come from our own page (Sec-Fetch-Site, else Origin; there is no token to forget in a
form), then the session, the second step that is due, the role, the second step that is needed, and how long ago it was.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote, urlsplit

from aiohttp import web

from handlers import errors, pages
from handlers.errors import ProblemError
from handlers.keys import OPTIONS, root
from handlers.studio import cookies, page
from handlers.studio.me import Me, Refusal, database, is_htmx, now
from passkit.errors import PasskitError
from store import people
from store.errors import StoreError
from store.people import Role

SAFE_METHODS = ("GET", "HEAD")


class Open(Enum):
    """What a route needs that is no role."""

    ANYBODY = "anybody"
    HALF_WAY = "half way"
    """The password was right; the second step may still be due."""
    SIGNED_IN = "signed in"
    """Signed in, whatever the role, also without one."""


Needs = Open | Role


Handler = Callable[[web.Request, Me], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Screen:
    """One route with what it needs."""

    method: str
    path: str
    handler: Handler
    needs: Needs
    second_step: bool = False
    fresh: bool = False

    def route(self) -> web.RouteDef:
        """For ``add_routes``."""
        return web.route(self.method, self.path, guarded(self))


def screen(
    method: str, path: str, handler: Handler, needs: Needs, *, second_step: bool = False, fresh: bool = False
) -> Screen:
    """Declare a route: the least role that may (or ``Open``), and whether the second step must have been taken.

    ``fresh``: whoever asks must have proved themselves within ``store.studiosessions.FRESH``.
    """
    return Screen(method, path, handler, needs, second_step, fresh)


def guarded(declared: Screen) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The handler behind its declaration; what it refuses becomes a page."""

    async def answer(request: web.Request) -> web.StreamResponse:
        me = await who(request)
        try:
            refuse_foreign(request)
            answered = check(declared, request, me) or await declared.handler(request, me)
        except (Refusal, ProblemError, StoreError, PasskitError) as error:
            answered = refused(request, me, error)
        await page.forget_shown(request, me)
        return answered

    answer.__doc__ = declared.handler.__doc__
    return answer


async def who(request: web.Request) -> Me:
    """Whoever holds this request's cookie."""
    token = cookies.session(request)
    session = await people.studiosessions.find(database(request), token, now(request)) if token else None
    chosen = (session.user.language if session and session.user else None) or cookies.language(request)
    fallbacks = session.brand.languages if session and session.brand else ()
    return Me(session, chosen or pages.language_of(request, *fallbacks), cookies.theme(request))


def refuse_foreign(request: web.Request) -> None:
    """403 for an unsafe request that does not come from our own page.

    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html#fetch-metadata-headers
    """
    if request.method in SAFE_METHODS:
        return
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise Refusal("foreign", 403)
        return
    public = urlsplit(root(request)[OPTIONS].public_url)
    if request.headers.get("Origin") != f"{public.scheme}://{public.netloc}":
        raise Refusal("foreign", 403)


def check(declared: Screen, request: web.Request, me: Me) -> web.StreamResponse | None:
    """None when the handler may run, else where to go first; Refusal when there is no way."""
    if declared.needs is Open.ANYBODY:
        return None
    if me.session is None:
        return _first(request, _entrance(request))
    if declared.needs is Open.HALF_WAY:
        return None
    if me.session.waits_for_code:
        return _first(request, "/studio/totp")
    if declared.needs is Open.SIGNED_IN:
        return None
    if me.session.brand is None:
        raise Refusal("no_brand", 403)
    if not people.may(me.role, declared.needs):
        if me.role is Role.DESK and declared.path == "/studio/":
            return _first(request, "/studio/desk", keep=False)
        raise Refusal("role", 403, needed=declared.needs.value)
    if declared.second_step and not me.session.is_verified:
        return _first(request, "/studio/totp")
    if declared.fresh and not me.session.is_fresh(now(request)):
        return _first(request, "/studio/prove", back=request.path.partition(":")[0])
    return None


def refused(request: web.Request, me: Me, error: Exception) -> web.StreamResponse:
    """A page for a person, a toast for htmx, a problem for a module; what is our mistake goes on to be logged."""
    if isinstance(error, Refusal):
        if not wants_page(request):
            code = "forbidden" if error.status == 403 else "not_found" if error.status == 404 else "conflict"
            sentence = page.sentence(me.language, f"refused_{error.key}", error.values)
            return errors.answer(ProblemError(code, sentence), root(request)[OPTIONS].docs_url)
        return page.refusal(request, me, f"refused_{error.key}", error.status, error.values)
    problem = errors.from_exception(error)
    if problem.kind.status >= 500 or not wants_page(request):
        raise error
    code = error.code if isinstance(error, StoreError) else problem.kind.code
    return page.refusal(request, me, f"problem_{code}", problem.kind.status, {"detail": problem.detail})


def wants_page(request: web.Request) -> bool:
    """Whether the answer is looked at: a page, or a part of one that htmx puts in."""
    return is_htmx(request) or "text/html" in request.headers.get("Accept", "text/html")


def _entrance(request: web.Request) -> str:
    return "/studio/place" if cookies.workplace(request) else "/studio/sign-in"


def _first(request: web.Request, path: str, *, keep: bool = True, back: str = "") -> web.StreamResponse:
    """Lead to another page before this one; after it the way goes on to here or ``back`` (only to look, never to do)."""
    if request.method in SAFE_METHODS and not is_htmx(request):
        back = request.rel_url.path_qs
    where = f"{path}?next={quote(back, safe='/')}" if keep and back not in ("", "/studio/") else path
    if is_htmx(request):
        return web.Response(status=401, headers={"HX-Redirect": where, "Cache-Control": "no-store"})
    if not wants_page(request):
        raise ProblemError("unauthorized")
    return web.Response(status=303, headers={"Location": where, "Cache-Control": "no-store"})
