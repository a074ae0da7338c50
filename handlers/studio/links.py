"""Join links: the addresses on posters, each with its form, its place and people, what has come of it, and the poster itself."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import segno
from aiohttp import web

from handlers import cardface, pages
from handlers.join import face_of
from handlers.keys import OPTIONS, root
from handlers.studio import forms, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.texts import TEXTS
from passkit import poster
from passkit.joinform import Question
from passkit.poster import Fonts, Poster
from store import joinlinks, people, templates
from store.errors import Conflict, Invalid
from store.joinlinks import Link, NewLink

FONTS = pages.ROOT / "fonts"
UTM = ("source", "medium", "campaign")


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/links."""
    links = await joinlinks.listing(database(request), me.brand.id)
    return page.show(request, me, "links.html", links=links, address=lambda link: _address(request, link))


async def new(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/links/new."""
    return await _form(request, me, "link_new.html", forms.Form(), {})


async def add(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/links."""
    form = await forms.read(request, me)
    try:
        link = await joinlinks.add(database(request), me.brand.id, _given(form), me.actor, now(request))
    except (Invalid, Conflict) as error:
        errors = forms.problems(error, me.language)
        errors |= {"slug": errors.pop("")} if "" in errors else {}
        return await _form(request, me, "link_new.html", form, errors)
    await page.say(request, me, "link_added", name=link.name)
    return page.go(f"/studio/links/{link.id}")


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/links/{link}."""
    return await _page(request, me, await _link(request, me))


async def change(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/links/{link}."""
    form = await forms.read(request, me)
    link = await _link(request, me)
    try:
        await joinlinks.change(database(request), me.brand.id, link.id, _given(form), me.actor, now(request))
    except Invalid as error:
        return await _page(request, me, link, form=form, errors=forms.problems(error, me.language))
    await page.say(request, me, "saved")
    return page.go(f"/studio/links/{link.id}")


async def archive(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/links/{link}:archive."""
    await forms.read(request, me)
    link = await _link(request, me)
    await joinlinks.archive(database(request), me.brand.id, link.id, me.actor, now(request))
    await page.say(request, me, "link_archived", name=link.name)
    return page.go("/studio/links")


async def code(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/links/{link}/qr.svg."""
    link = await _link(request, me)
    drawn = io.BytesIO()
    segno.make(_address(request, link), error="q", micro=False).save(
        drawn, kind="svg", scale=10, border=4, light="#ffffff", dark="#000000"
    )
    headers = {**page.HEADERS, "Cache-Control": "private, max-age=300"}
    return web.Response(body=drawn.getvalue(), content_type="image/svg+xml", headers=headers)


async def printed(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/links/{link}/poster.pdf: in the reader's language, in the colours of the card."""
    link = await _link(request, me)
    opened = await joinlinks.opened(database(request), link.slug)
    if opened is None:
        raise Refusal("not_found", 404)
    seen = face_of(opened, me.language, now(request))
    drawn = Poster(
        organization=seen.organization,
        title=seen.description,
        address=_address(request, link),
        language=me.language,
        background=seen.background,
        foreground=seen.foreground,
        logo=cardface.bytes_of(seen.logo),
    )
    content = poster.pdf(drawn, _fonts(), now(request))
    name = f"{link.slug}-{me.language}.pdf"
    headers = {**page.HEADERS, "Content-Disposition": f'inline; filename="{name}"'}
    return web.Response(body=content, content_type="application/pdf", headers=headers)


@cache
def _fonts() -> Fonts:
    return Fonts(*((FONTS / f"PTSans-{name}.ttf").read_bytes() for name in ("Regular", "Bold")))


def _address(request: web.Request, link: Link) -> str:
    return f"{root(request)[OPTIONS].public_url}/j/{link.slug}"


async def _link(request: web.Request, me: Me) -> Link:
    number = forms.checked_id(request.match_info["link"])
    link = await joinlinks.get(database(request), me.brand.id, number)
    if link.archived_at is not None:
        raise Refusal("not_found", 404)
    return link


async def _page(
    request: web.Request, me: Me, link: Link, form: forms.Form | None = None, errors: Mapping[str, str] | None = None
) -> web.StreamResponse:
    given = forms.Form({name: (text,) for name, text in _stored(link).items()}) if form is None else form
    return await _form(request, me, "link.html", given, errors or {}, link=link, address=_address(request, link))


async def _form(
    request: web.Request, me: Me, name: str, form: forms.Form, errors: Mapping[str, str], **values: Any
) -> web.StreamResponse:
    db = database(request)
    published = [row for row in await templates.listing(db, me.brand.id) if row.published_revision is not None]
    outlets = await people.outlets.listing(db, me.brand.id)
    staff = await people.workplaces.staff(db, me.brand.id)
    texts = TEXTS[me.language]
    return page.show(
        request,
        me,
        name,
        status=422 if errors else 200,
        form=form,
        errors=errors,
        templates=[(row.key, row.name) for row in published],
        outlets=[("", texts["link_no_outlet"]), *((one.key, one.name) for one in outlets)],
        staff=[("", texts["link_nobody"]), *((one.key, one.name) for one in staff if one.active)],
        verify=[(one, texts[f"link_verify_{one}"], texts[f"link_verify_{one}_hint"]) for one in joinlinks.VERIFY],
        **values,
    )


def _given(form: forms.Form) -> NewLink:
    return NewLink(
        template=form["template"],
        name=form["name"],
        slug=form["slug"].strip().lower(),
        outlet=form["outlet"] or None,
        issued_by=form["issued_by"] or None,
        utm={name: form[f"utm_{name}"] for name in UTM if form[f"utm_{name}"].strip()},
        questions=_questions(form["questions"]),
        verify=form["verify"] or "known",
    )


def _questions(text: str) -> tuple[Question, ...]:
    """A question a line: ``How did you hear of us?; Friends; Advertisement``; a star at the end: it must be answered."""
    found = []
    for number, line in enumerate(filter(None, map(str.strip, text.splitlines())), 1):
        required = line.endswith("*")
        words, *choices = (part.strip() for part in line.rstrip("*").split(";"))
        texts = tuple({"": choice} for choice in choices if choice)
        found.append(Question(f"q{number}", "choice" if texts else "text", {"": words}, texts, required))
    return tuple(found)


def _stored(link: Link) -> dict[str, str]:
    """The form as it was filled in."""
    lines = []
    for one in link.questions:
        parts = [next(iter(words.values()), "") for words in (one.text, *one.choices)]
        lines.append("; ".join(parts) + (" *" if one.required else ""))
    utm = {f"utm_{name}": link.utm.get(name, "") for name in UTM}
    given = {"outlet": link.outlet or "", "issued_by": link.issued_by or "", "questions": "\n".join(lines)}
    return {"name": link.name, "template": link.template, "verify": link.verify, **given, **utm}
