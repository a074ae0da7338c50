"""Weekly slots: when each comes, the queue of its texts, and the card with the one that goes out next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any

from aiohttp import web
from babel import dates
from pydantic import ValidationError

from handlers.studio import editor, faces, forms, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.newsform import URL
from handlers.studio.texts import TEXTS
from passkit.apple import passjson
from passkit.draft import sharpest
from passkit.expressions import NEWS_LENGTH
from passkit.schema import Template
from passkit.variables import text_problem
from store import gallery, newsdrafts, newsreview, newsslots, templates
from store.errors import Conflict, Invalid, NotFound
from store.newsrequests import TITLE_LENGTH
from store.newsslots import Slot, SlotText
from store.templates import TemplateRow

HERE = "/studio/news/slots"
DAYS_USUALLY = 3


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/slots."""
    return await _list(request, me, {})


async def add(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/slots."""
    form, db = await forms.read(request, me), database(request)
    errors = {}
    at, day, lasts = _clock(form["at"]), _whole(form["weekday"], 6), _whole(form["lasts"], newsslots.MOST_HOURS // 24)
    if at is None:
        errors["at"] = TEXTS[me.language]["slots_at_wrong"]
    if form["lasts"].strip() and not lasts:
        errors["lasts"] = TEXTS[me.language]["slots_lasts_wrong"]
    if not (await newsdrafts.showing(db, me.brand.id)).get(form["template"]):
        errors["template"] = TEXTS[me.language]["refused_news_no_template"]
    if errors or at is None:
        return await _list(request, me, errors, form)
    made = await newsslots.add(
        db,
        me.brand.id,
        form["template"],
        day or 0,
        at,
        kind="marketing" if form["kind"] == "marketing" else "service",
        lasts_hours=24 * lasts if lasts else None,
        zone="holder" if form["zone"] == "holder" else "brand",
        by=me.actor,
        now=now(request),
    )
    return page.go(f"{HERE}/{made.id}")


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/slots/{slot}?language=: its queue, and the card with the text that goes out next."""
    slot = await newsslots.view(database(request), me.brand.id, _key(request))
    return await _page(request, me, slot)


async def remove(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/slots/{slot}:remove."""
    await forms.read(request, me)
    await newsslots.remove(database(request), me.brand.id, _key(request), by=me.actor, now=now(request))
    await page.say(request, me, "slots_removed")
    return page.go(HERE)


async def put(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/slots/{slot}/texts: behind those that wait."""
    return await _write(request, me, None)


async def text(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/slots/{slot}/texts/{text}?language=: to change it, beside the card that says it."""
    slot = await newsslots.view(database(request), me.brand.id, _key(request))
    return await _page(request, me, slot, _waiting(slot, _text(request)))


async def rewrite(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/slots/{slot}/texts/{text}."""
    return await _write(request, me, _text(request))


async def move(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/slots/{slot}/texts/{text}:move."""
    form, number = await forms.read(request, me), _text(request)
    to = _whole(form["to"], newsslots.MOST_TEXTS) or 0
    await newsslots.move(database(request), me.brand.id, _key(request), number, to, by=me.actor, now=now(request))
    return page.go(f"{HERE}/{_key(request)}?moved={number}")


async def take_out(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/slots/{slot}/texts/{text}:remove; the next page offers to put it back."""
    await forms.read(request, me)
    number = _text(request)
    await newsslots.take_out(database(request), me.brand.id, _key(request), number, by=me.actor, now=now(request))
    return page.go(f"{HERE}/{_key(request)}?out={number}")


async def put_back(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/slots/{slot}/texts/{text}:return."""
    await forms.read(request, me)
    key = _key(request)
    await newsslots.put_back(database(request), me.brand.id, key, _text(request), by=me.actor, now=now(request))
    await page.say(request, me, "slots_returned")
    return page.go(f"{HERE}/{key}")


async def _write(request: web.Request, me: Me, number: int | None) -> web.StreamResponse:
    form, db, key = await forms.read(request, me), database(request), _key(request)
    slot = await newsslots.view(db, me.brand.id, key)
    chosen = _waiting(slot, number) if number is not None else None
    template, _ = await _template(request, me, slot)
    words, errors = _asked(form, template, me)
    if not errors:
        given: dict[str, Any] = {"title": words["title"], "url": words["url"], "by": me.actor, "now": now(request)}
        try:
            if number is None:
                await newsslots.put(db, me.brand.id, key, words["text"], **given)
            else:
                await newsslots.rewrite(db, me.brand.id, key, number, words["text"], **given)
        except (Invalid, Conflict) as error:
            errors = forms.problems(error, me.language)
    if errors:
        return await _page(request, me, slot, chosen, errors=errors, form=form)
    await page.say(request, me, "slots_put" if number is None else "saved")
    return page.go(f"{HERE}/{key}")


def _asked(form: forms.Form, template: Template, me: Me) -> tuple[dict[str, Any], dict[str, str]]:
    """The words of the form, and field -> sentence of what cannot be kept."""
    texts, errors = TEXTS[me.language], {}
    found: dict[str, Any] = {"url": form["url"].strip() or None}
    for name, limit in (("text", NEWS_LENGTH), ("title", TITLE_LENGTH)):
        said = {one: form[f"{name}_{one}"].strip() for one in template.languages}
        found[name] = {one: words for one, words in said.items() if words}
        for one, words in found[name].items():
            if text_problem(words, limit):
                long = "news_text_long" if len(words) > limit else "news_text_bad"
                errors[f"{name}_{one}"] = texts[long].format(limit=limit)
    if not found["text"]:
        errors[f"text_{template.languages[0]}"] = texts["slots_no_text"]
    try:
        URL.validate_python(found["url"] or "https://x")
    except ValidationError:
        errors["url"] = texts["news_url_bad"]
    return found, errors


async def _list(
    request: web.Request, me: Me, errors: Mapping[str, str], form: forms.Form | None = None
) -> web.StreamResponse:
    db = database(request)
    shows = await newsdrafts.showing(db, me.brand.id)
    rows = [row for row in await gallery.listing(db, me.brand.id) if shows.get(row.key)]
    rows.sort(key=lambda row: row.cards, reverse=True)
    return page.show(
        request,
        me,
        "news_slots.html",
        status=422 if errors else 200,
        slots=await newsslots.listing(db, me.brand.id),
        names={row.key: row.name for row in await templates.listing(db, me.brand.id)},
        rows=rows,
        options=[(row.key, row.name) for row in rows],
        errors=errors,
        form=form or forms.Form(),
        when=lambda slot: when(me, slot),
        days=_days(me),
        zone=me.brand.time_zone,
        first=_first,
        lasts=DAYS_USUALLY,
    )


async def _page(
    request: web.Request,
    me: Me,
    slot: Slot,
    chosen: SlotText | None = None,
    *,
    errors: Mapping[str, str] | None = None,
    form: forms.Form | None = None,
) -> web.StreamResponse:
    """The slot with its queue, or the one text of it that is being changed."""
    template, row = await _template(request, me, slot)
    language = request.query.get("language", "")
    language = language if language in template.languages else template.language(me.language)
    shown = chosen or next(iter(slot.texts), None)
    return page.show(
        request,
        me,
        "news_slot.html",
        status=422 if errors else 200,
        slot=slot,
        chosen=chosen,
        shown=shown,
        template=row,
        languages=template.languages,
        shown_language=language,
        errors=errors or {},
        form=form or _fields(chosen),
        when=when(me, slot),
        next_day=_day(me, slot),
        remind_at=slot.remind_at,
        is_soon=slot.remind_at <= now(request),
        out=request.query.get("out", "") if request.query.get("out", "").isdigit() else "",
        moved=request.query.get("moved", ""),
        first=_first,
        **await _face(request, me, slot, shown, language),
    )


async def _face(request: web.Request, me: Me, slot: Slot, shown: SlotText | None, language: str) -> dict[str, Any]:
    """The sample card with this text, beside what it says before it."""
    if shown is None:
        return {"seen": None, "drawn": None}
    place = slot.texts.index(shown)
    seen = await newsreview.preview_text(
        database(request),
        me.brand.id,
        slot.template,
        _words(shown),
        language=language,
        before=_words(slot.texts[place - 1]) if place else None,
        now=now(request),
    )
    if seen is None:
        return {"seen": None, "drawn": None}
    files = {**passjson.files(seen.after), **sharpest(seen.after.images.files)}
    drawn = faces.drawn(files, {}, {}, language=language, time_zone=me.brand.time_zone, have=set())
    return {"seen": seen, "drawn": drawn, **editor.face_values(drawn, me.language)}


async def _template(request: web.Request, me: Me, slot: Slot) -> tuple[Template, TemplateRow | None]:
    """As it is published, and its row."""
    db = database(request)
    return await newsdrafts.published(db, me.brand.id, slot.template), await templates.by_key(
        db, me.brand.id, slot.template
    )


def when(me: Me, slot: Slot) -> str:
    """Every Friday at 14:00."""
    return page.fill(TEXTS[me.language][f"slots_every_{slot.weekday}"], at=f"{slot.at:%H:%M}")


def _day(me: Me, slot: Slot) -> str:
    """Friday, 27 November, 14:00."""
    said = dates.format_datetime(slot.next_at.astimezone(page.zone(me)), "EEEE, d MMMM, HH:mm", locale=me.language)
    return str(said[:1].upper() + said[1:])


def _days(me: Me) -> list[tuple[str, str]]:
    names = dates.get_day_names("wide", context="stand-alone", locale=me.language)
    return [(str(day), names[day].capitalize()) for day in range(7)]


def _first(one: SlotText, language: str) -> str:
    return one.text.get(language) or next(iter(one.text.values()), "")


def _words(one: SlotText) -> dict[str, Any]:
    return {"text": one.text, "title": one.title, "url": one.url}


def _fields(one: SlotText | None) -> forms.Form:
    """The form's fields as they are kept."""
    if one is None:
        return forms.Form()
    found = {f"text_{language}": words for language, words in one.text.items()}
    found |= {f"title_{language}": words for language, words in one.title.items()}
    found["url"] = one.url or ""
    return forms.Form({name: (value,) for name, value in found.items()})


def _waiting(slot: Slot, number: int) -> SlotText:
    for one in slot.texts:
        if one.id == number:
            return one
    raise NotFound("No such text waits in this slot.", code="slot_not_found")


def _key(request: web.Request) -> str:
    return request.match_info["slot"]


def _text(request: web.Request) -> int:
    given = request.match_info["text"]
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise Refusal("not_found", 404)
    return int(given)


def _clock(given: str) -> time | None:
    try:
        return time.fromisoformat(given[:5])
    except ValueError:
        return None


def _whole(given: str, most: int) -> int | None:
    plain = given.strip()
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 6 and int(plain) <= most else None
