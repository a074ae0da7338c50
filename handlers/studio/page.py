"""Every page of the studio: one function puts in who asks, where they are and what has just happened.

In a template: ``t`` the sentences of the frame and all screens in the reader's language, ``me``, ``language``, ``path``,
``navigation``, ``flash``. Filters: ``fill`` puts values into a sentence (``{{ t.hello | fill(name=me.user.name) }}``),
``plural`` chooses one of ``one|few|many`` (Russian) or ``one|many`` (English) and fills ``{n}``, ``moment`` and ``day`` write a
time in the brand's zone, ``number`` with the language's separators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from aiohttp import web
from babel import Locale, dates, numbers
from markupsafe import Markup

from handlers.keys import PAGES, root
from handlers.studio.banner import banner
from handlers.studio.me import Me, database, is_htmx
from handlers.studio.texts import TEXTS
from store import people
from store.people import Role

HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""A page runs our own files only, and is kept, framed and indexed by nobody."""


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the side bar: ``text`` is a key of the texts, ``icon`` a name in studio_icons.svg."""

    path: str
    icon: str
    text: str
    needs: Role


NAVIGATION = (
    Place("/studio/", "house", "nav_home", Role.VIEWER),
    Place("/studio/templates", "layout-template", "nav_templates", Role.VIEWER),
    Place("/studio/news", "megaphone", "nav_news", Role.VIEWER),
    Place("/studio/cards", "credit-card", "nav_cards", Role.VIEWER),
    Place("/studio/held", "circle-alert", "nav_held", Role.VIEWER),
    Place("/studio/desk", "scan-line", "nav_desk", Role.DESK),
    Place("/studio/reports", "chart-column", "nav_reports", Role.VIEWER),
    Place("/studio/links", "qr-code", "nav_links", Role.VIEWER),
    Place("/studio/people", "users", "nav_people", Role.ADMIN),
    Place("/studio/outlets", "store", "nav_outlets", Role.VIEWER),
    Place("/studio/certificates", "shield-check", "nav_certificates", Role.VIEWER),
    Place("/studio/google", "wallet", "nav_google", Role.ADMIN),
    Place("/studio/messages", "mail", "nav_messages", Role.ADMIN),
    Place("/studio/audit", "history", "nav_audit", Role.ADMIN),
)
"""The side bar, top to bottom; each line is shown to those who may."""


class Sentences:
    """``t``: a sentence by its key, also one whose name is a method of mappings (``t.copy``)."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __getitem__(self, key: str) -> str:
        return self._texts[key]

    def __contains__(self, key: object) -> bool:
        return key in self._texts


def prepare(environment: jinja2.Environment) -> None:
    """Give the templates the studio's filters."""
    environment.filters |= {
        "svg": Markup,
        "fill": fill,
        "plural": plural,
        "moment": moment,
        "day": day,
        "plainday": plain_day,
        "number": number,
    }


def show(
    request: web.Request,
    me: Me,
    template: str,
    /,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,
) -> web.Response:
    """A page, or a part of one that htmx asks for: ``template`` is a file under pages/studio."""
    flash = me.session.flash if me.session and not is_htmx(request) else ()
    answer = _shown(request, me, template, flash, values, status)
    answer.headers.update(headers or {})
    if flash:
        request[SHOWN] = True
    return answer


def part(request: web.Request, me: Me, template: str, /, **values: Any) -> web.Response:
    """A part of a page that a module asks for: messages wait for the next page."""
    return _shown(request, me, template, (), values, 200)


def _shown(
    request: web.Request,
    me: Me,
    template: str,
    flash: Sequence[Mapping[str, Any]],
    values: Mapping[str, Any],
    status: int,
) -> web.Response:
    text = (
        root(request)[PAGES]
        .get_template(f"studio/{template}")
        .render(
            t=Sentences(TEXTS[me.language]),
            me=me,
            banner=banner(request, me),
            language=me.language,
            Role=Role,
            path=request.path,
            here=request.rel_url.path_qs,
            navigation=[place for place in NAVIGATION if me.may(place.needs)],
            flash=[(line["kind"], fill(TEXTS[me.language].get(line["key"], ""), **line["values"])) for line in flash],
            **values,
        )
    )
    answer = web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)
    answer.headers["Content-Language"] = me.language
    return answer


SHOWN = web.RequestKey("studio_flash_shown", bool)
"""The messages are on this page: they are forgotten when the answer is sent."""


async def forget_shown(request: web.Request, me: Me) -> None:
    """Forget the messages that the answer has."""
    if request.get(SHOWN) and me.session is not None:
        await people.studiosessions.said(database(request), me.session)


async def say(request: web.Request, me: Me, key: str, kind: str = "done", **values: Any) -> None:
    """A message for the next page: ``kind`` is done, note or wrong."""
    if me.session is not None:
        await people.say(database(request), me.session, key, kind, **values)


def go(path: str) -> web.Response:
    """Lead on to another page after a form."""
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})


def sentence(language: str, key: str, values: Mapping[str, Any]) -> str:
    """A sentence by its key, or the one that fits anything."""
    texts = TEXTS[language]
    return fill(texts.get(key, texts["refused_other"]), **values)


def refusal(request: web.Request, me: Me, key: str, status: int, values: Mapping[str, Any]) -> web.Response:
    """What cannot be, as a page with a way on; for htmx as a toast that says the same."""
    words = dict(values)
    if "needed" in words:
        words["needed"] = TEXTS[me.language][f"role_{words['needed']}"]
    text = sentence(me.language, key, words)
    if is_htmx(request):
        headers = {"HX-Retarget": "#toasts", "HX-Reswap": "beforeend"}
        return show(request, me, "toast.html", status=status, headers=headers, kind="wrong", text=text)
    return show(request, me, "refused.html", status=status, text=text)


def fill(text: str, **values: Any) -> str:
    """Put values into the blanks ``{name}`` of one of our own sentences."""
    return text.format_map(values) if values else text


def counted(language: str, n: int, key: str) -> str:
    """The form of a sentence ``key`` that fits the number, filled."""
    return _counted(language, n, TEXTS[language][key])


@jinja2.pass_context
def plural(context: jinja2.runtime.Context, n: int, forms: str, **values: Any) -> str:
    """The form of a count that fits, filled: the sentence comes as an argument, such as ``"{n} card|{n} cards"``."""
    return _counted(context["language"], n, forms, **values)


@jinja2.pass_context
def moment(context: jinja2.runtime.Context, at: datetime | None) -> str:
    """Day and time in the brand's zone."""
    return (
        "" if at is None else dates.format_datetime(_local(context, at), "d MMM y, HH:mm", locale=context["language"])
    )


@jinja2.pass_context
def day(context: jinja2.runtime.Context, at: datetime | None) -> str:
    """The day in the brand's zone."""
    return "" if at is None else dates.format_date(_local(context, at), "d MMM y", locale=context["language"])


@jinja2.pass_context
def plain_day(context: jinja2.runtime.Context, on: date) -> str:
    """A day of the calendar."""
    return dates.format_date(on, "d MMM y", locale=context["language"])


@jinja2.pass_context
def number(context: jinja2.runtime.Context, value: int) -> str:
    """A number with the language's separators."""
    return str(numbers.format_decimal(value, locale=context["language"]))


def zone(me: Me) -> ZoneInfo:
    """The time zone of the brand on the screen."""
    return ZoneInfo(me.session.brand.time_zone if me.session and me.session.brand else "UTC")


def _counted(language: str, n: int, forms: str, **values: Any) -> str:
    names = ("one", "few", "many") if language == "ru" else ("one", "other")
    parts = dict(zip(names, forms.split("|"), strict=True))
    form = parts.get(str(Locale.parse(language).plural_form(n)), forms.split("|")[-1])
    return fill(form, n=numbers.format_decimal(n, locale=language), **values)


def _local(context: jinja2.runtime.Context, at: datetime) -> datetime:
    return at.astimezone(zone(context["me"]))
