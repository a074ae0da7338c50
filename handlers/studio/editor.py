"""The editor: canvas and form side by side. What is typed is saved by ``editing``; here are the pages and their parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jinja2
from aiohttp import web
from babel import Locale, UnknownLocaleError
from markupsafe import Markup

from handlers.studio import draftform, faces, page
from handlers.studio.chips import Names
from handlers.studio.draftform import DraftForm
from handlers.studio.me import Me, database
from handlers.studio.problems import loss_words
from handlers.studio.rendering import renderer, seen
from handlers.studio.templates import needed
from handlers.studio.texts import TEXTS
from passkit import edit
from passkit.edit import Insert
from passkit.google.loss import Loss
from passkit.google.types import GoogleType
from store import drafts, people
from store.people import Outlet, Role

TYPES = ("text", "integer", "money", "decimal", "date", "datetime", "boolean", "phone", "email", "url")
DATE_STYLES = ("none", "short", "medium", "long", "full")
ACTIONS = (
    "bookAppointment", "shop", "order", "call", "membershipBenefits", "viewOffersRewards", "addToBalance", "viewSchedule",
)  # fmt: skip
CURRENCIES = ("RUB", "KZT", "BYN", "UZS", "AMD", "GEL", "AZN", "KGS", "TRY", "EUR", "USD", "GBP", "AED", "CNY")
LANGUAGES = (
    "ru", "en", "kk", "be", "uk", "uz", "tt", "hy", "ka", "az", "ky", "tg",
    "de", "fr", "es", "it", "pt", "pl", "tr", "ar", "he", "zh-Hans", "ja",
)  # fmt: skip
INPUTS = {
    "integer": "number",
    "date": "date",
    "datetime": "datetime-local",
    "email": "email",
    "url": "url",
    "phone": "tel",
}
PLACES = 10
"""Apple shows a card at the first ten of its places."""


def prepare(environment: jinja2.Environment) -> None:
    """Give the templates the editor's filters."""
    environment.filters |= {
        "svg": Markup,  # passkit.preview_barcode draws it from numbers alone
        "languagename": language_name,
        "namevalue": _name_value,
        "zip": lambda one, other: zip(one, other, strict=True),
    }


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}."""
    row = await needed(request, me)
    renderer(request).warm()
    values = await _form(request, me, row.published_revision is not None)
    settings = {
        "key": row.key,
        "brand": me.brand.key,
        "zone": me.brand.time_zone,
        "edits": me.may(Role.DESIGNER),
        "published": row.published_revision is not None,
    }
    texts = TEXTS[me.language]
    words = {key.removeprefix("js_"): text for key, text in texts.items() if key.startswith(("js_", "chip_"))}
    return page.show(
        request, me, "editor.html", row=row, settings=settings, words=words, edits=me.may(Role.DESIGNER), **values
    )


async def form(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/form?language=: the form anew, after what changed its shape."""
    row = await needed(request, me)
    return page.show(request, me, "editor_form.html", **await _form(request, me, row.published_revision is not None))


async def preview(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/templates/{key}/preview?number=&language=&state=&data=&have=: both wallets' faces of what was built."""
    number = request.query.get("number", "")
    draft = await drafts.get(
        database(request), me.brand.id, request.match_info["key"], int(number) if number.isdigit() else None
    )
    found = await seen(request, me, draft.files)
    language = request.query.get("language") or me.language
    drawn = faces.drawn(
        found.files,
        found.google,
        found.google_pictures,
        language=language,
        time_zone=me.brand.time_zone,
        have=frozenset(request.query.get("have", "").split(",")),
    )
    shown = draftform.of(draft.files, language, me.language)
    return page.show(
        request,
        me,
        "preview.html",
        number=draft.number,
        drawn=drawn,
        losses=_losses(found.losses, shown, me.language),
        **face_values(drawn, me.language),
    )


def face_values(drawn: faces.Drawn, language: str) -> dict[str, Any]:
    """What the drawings of both wallets need besides: addresses that a module replaces, and their words."""
    texts = TEXTS[language]
    words = {key.removeprefix("face_"): text for key, text in texts.items() if key.startswith("face_")}
    return {
        "apple_images": {slot: f"cached:{name}" for slot, name in drawn.images.items()},
        "google_images": {slot: f"cached:{name}" for slot, name in drawn.google_images.items()},
        "face_words": words,
    }


async def _form(request: web.Request, me: Me, published: bool) -> dict[str, Any]:
    db = database(request)
    draft = await drafts.get(db, me.brand.id, request.match_info["key"])
    language = request.query.get("language") or me.language
    shown = draftform.of(draft.files, language, me.language)
    texts = TEXTS[me.language]
    outlets = [one for one in await people.outlets.listing(db, me.brand.id) if one.latitude is not None]
    google_names = [("", texts["editor_google_auto"]), *((row.name, shown.names(row.name)) for row in shown.variables)]
    return {
        "form": shown,
        "number": draft.number,
        "published": published,
        "keys": [field.key for zone in shown.zones for field in zone.fields],
        "types": {row.name: {"type": row.type, "choices": row.choices} for row in shown.variables},
        "chooser": next((row for row in shown.variables if row.choices), None),
        "formats": [("", texts["editor_format_auto"]), *_named("format_", draftform.FORMATS, texts)],
        "date_styles": [("", texts["editor_format_auto"]), *_named("date_", DATE_STYLES, texts)],
        "types_list": _named("type_", TYPES, texts),
        "currencies": [(code, code) for code in CURRENCIES],
        "input_types": INPUTS,
        "barcodes": _named("barcode_", draftform.BARCODES, texts),
        "actions": _named("action_", ACTIONS, texts),
        "google_types": [
            ("", texts["editor_google_auto"]),
            *_named("google_type_", [one.value for one in GoogleType], texts),
        ],
        "google_names": [*google_names, ("card.number", shown.names("card.number"))],
        "languages": LANGUAGES,
        "outlets": len(outlets),
        "outlet_edits": edit.to_json(_outlet_edits(outlets, shown)),
    }


def _outlet_edits(outlets: Sequence[Outlet], shown: DraftForm) -> Iterator[Insert]:
    """One place for each outlet that is not among them yet, as many as a card shows."""
    there = {(place.latitude, place.longitude) for place in shown.places}
    room = PLACES - len(shown.places)
    new = [one for one in outlets if (str(one.latitude), str(one.longitude)) not in there]
    for one in new[: max(0, room)]:
        value = {"latitude": one.latitude, "longitude": one.longitude, "text": one.name}
        yield Insert("/locations", None, value)


def _losses(found: Iterable[Loss], shown: DraftForm, language: str) -> list[tuple[str, list[Mapping[str, str]]]]:
    """By direction, Google's first, each with a name for its place."""
    rows: dict[str, list[Mapping[str, str]]] = {}
    for one in found:
        lost, instead = loss_words(one, language)
        name = place_name(one.pointer, shown, language)
        row = {"pointer": one.pointer, "name": name, "lost": lost, "instead": instead}
        rows.setdefault(one.direction.value, []).append(row)
    return list(rows.items())


def place_name(pointer: str, shown: DraftForm, language: str) -> str:
    """What a place of the template is called: its field, value or part."""
    for zone in shown.zones:
        for field in zone.fields:
            if pointer == field.path or pointer.startswith(f"{field.path}/"):
                names = shown.names
                return names.plain(field.label.shown) or names.plain(field.value.shown) or field.key
    for row in shown.variables:
        if pointer == row.path or pointer.startswith(f"{row.path}/"):
            return shown.names(row.name)
    texts = TEXTS[language]
    part = pointer.split("/")[1] if "/" in pointer else ""
    if part in ("images", "image_focus") and pointer.count("/") >= 2:
        return texts.get(f"picture_{pointer.split('/')[2]}", part)
    return texts.get(f"part_{part}", texts["part_whole"])


def _named(prefix: str, values: Iterable[str], texts: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(value, texts.get(prefix + value, value)) for value in values]


def _name_value(name: str, names: Names) -> tuple[str, str]:
    return f"{{{{ {name} }}}}", names(name)


@jinja2.pass_context
def language_name(context: jinja2.runtime.Context, code: str) -> str:
    """A language in the reader's own: русский, English."""
    try:
        said = Locale.parse(code, sep="-").get_display_name(context["language"])
    except (UnknownLocaleError, ValueError):
        return code
    return said[:1].upper() + said[1:] if said else code
