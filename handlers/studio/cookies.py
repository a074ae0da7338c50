"""The studio's cookies: the session, the paired workplace, and two that only say how the page should look.

``__Host-`` ties a cookie to this host, path ``/`` and https; a plain name is for http on this machine alone.
https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
"""

from __future__ import annotations

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.texts import LANGUAGES

SESSION, WORKPLACE = "passbell", "passbell-place"
LANGUAGE, THEME = "passbell-language", "passbell-theme"
THEMES = ("light", "dark")
YEAR = 365 * 24 * 3600


def session(request: web.Request) -> str:
    """The session's token, or nothing."""
    return request.cookies.get(_name(request, SESSION), "")


def workplace(request: web.Request) -> str:
    """The paired workplace's token, or nothing."""
    return request.cookies.get(_name(request, WORKPLACE), "")


def language(request: web.Request) -> str:
    """The language that was chosen in this browser, or nothing."""
    chosen = request.cookies.get(LANGUAGE, "")
    return chosen if chosen in LANGUAGES else ""


def theme(request: web.Request) -> str:
    """The light that was chosen in this browser; nothing means the system's."""
    chosen = request.cookies.get(THEME, "")
    return chosen if chosen in THEMES else ""


def keep_session(request: web.Request, answer: web.StreamResponse, token: str) -> None:
    """Give the browser its session; it ends with the browser, or with the row."""
    answer.set_cookie(
        _name(request, SESSION), token, path="/", httponly=True, samesite="Lax", secure=_is_secure(request)
    )


def drop_session(request: web.Request, answer: web.StreamResponse) -> None:
    """Take the session's cookie away."""
    answer.del_cookie(_name(request, SESSION), path="/", secure=_is_secure(request), httponly=True, samesite="Lax")


def keep_workplace(request: web.Request, answer: web.StreamResponse, token: str) -> None:
    """Make this browser a workplace for a year from now; each PIN renews it."""
    answer.set_cookie(
        _name(request, WORKPLACE),
        token,
        path="/",
        max_age=YEAR,
        httponly=True,
        samesite="Lax",
        secure=_is_secure(request),
    )


def keep_look(request: web.Request, answer: web.StreamResponse, name: str, value: str) -> None:
    """Remember language or light in this browser; an empty value forgets."""
    age = YEAR if value else 0
    answer.set_cookie(name, value, path="/", max_age=age, httponly=True, samesite="Lax", secure=_is_secure(request))


def _is_secure(request: web.Request) -> bool:
    return root(request)[OPTIONS].public_url.startswith("https://")


def _name(request: web.Request, name: str) -> str:
    return f"__Host-{name}" if _is_secure(request) else name
