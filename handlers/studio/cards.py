"""Cards: found by any of their names; a card's page says how it looks, where it is, what became of it, and what to tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.studio import desk, faces, forms, givers, page, values
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.sending import sending
from handlers.studio.texts import TEXTS
from passkit import links, typed
from passkit.model import CardState, Notify
from passkit.schema import Template
from passkit.variables import Variable
from store import cards, consents, corrections, google, handouts, templates
from store.cardfaces import Built, built
from store.cards import CardView, Timeline, TimelineEntry
from store.cardsearch import WALLETS, Wanted, outlets, search
from store.desk import phone_of
from store.dialect import Database
from store.errors import Conflict, Invalid, VersionMismatch
from store.people import Role

STATES = ("active", "voided", "expired", "completed")
LINES = 60
"""Lines of a timeline on the page; the newest."""
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Row:
    """A variable of a card on its page: ``shown`` as people read it, ``typed`` as its field takes it."""

    name: str
    label: str
    variable: Variable
    shown: str
    typed: str
    is_owned: bool


@dataclass(frozen=True, slots=True)
class Event:
    """A line of the timeline in words."""

    at: datetime
    text: str
    detail: str


async def listing(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/cards?text=&template=&state=&wallet=&outlet=&before=."""
    db, query = database(request), request.query
    before = query.get("before", "")
    wanted = Wanted(
        text=query.get("text", ""),
        template=query.get("template", ""),
        state=query.get("state", ""),
        wallet=query.get("wallet", ""),
        outlet=query.get("outlet", ""),
        before=int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None,
    )
    found = await search(db, me.brand.id, wanted)
    texts = TEXTS[me.language]
    names = await givers.names(db, me)
    offered = [row for row in await templates.listing(db, me.brand.id) if row.published_revision is not None]
    return page.show(
        request,
        me,
        "cards.html",
        wanted=wanted,
        found=found.cards,
        older=request.rel_url.update_query(before=str(found.before)) if found.before else None,
        names=names,
        templates=[("", texts["cards_any"]), *((row.key, row.name) for row in offered)],
        states=[("", texts["cards_any"]), *((one, texts[f"card_state_{one}"]) for one in STATES)],
        wallets=[("", texts["cards_any"]), *((one, texts[f"card_wallet_{one}"]) for one in WALLETS)],
        outlets=[("", texts["cards_any"]), *((one, names.outlet(one)) for one in await outlets(db, me.brand.id))],
        state_of=lambda card: state_of(card, now(request)),
        is_filtered=any(query.get(name) for name in ("text", "template", "state", "wallet", "outlet")),
    )


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/cards/{serial}."""
    return await _page(request, me)


async def change(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/cards/{serial}/values: one value; a backend's by an admin alone, with a reason."""
    form = await forms.read(request, me)
    db, serial, name = database(request), request.match_info["serial"], form["variable"]
    card = await cards.view(db, me.brand.id, serial)
    template = await _template(db, me, card)
    variable = template.variables.get(name)
    if variable is None:
        raise Refusal("not_found", 404)
    value, wrong = values.read(variable, form["value"], me.brand.time_zone, me.language)
    if wrong or (value is None and variable.required):
        return await _page(request, me, {name: wrong or TEXTS[me.language]["value_required"]}, form)
    try:
        changed = await corrections.set_values(
            db,
            me.brand.id,
            serial,
            {name: value},
            reason=form["reason"],
            may_correct=me.may(Role.ADMIN),
            notify=Notify.RING if form["ring"] else Notify.SILENT,
            version=_version(form["version"]),
            by=me.actor,
            now=now(request),
        )
    except Invalid as error:
        key = "card_reason_needed" if error.code == "reason_needed" else f"value_bad_{variable.type}"
        return await _page(request, me, {name: TEXTS[me.language].get(key, error.detail)}, form)
    except VersionMismatch:
        raise Refusal("card_moved", 409) from None
    except Conflict as error:
        raise Refusal(error.code, 403) from None
    await page.say(request, me, "card_seen" if changed.is_visible else "card_unseen", label=variable.label or name)
    return page.go(f"/studio/cards/{serial}")


async def void(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/cards/{serial}:void."""
    await forms.read(request, me)
    await corrections.void(database(request), me.brand.id, request.match_info["serial"], me.actor, now(request))
    await page.say(request, me, "card_voided_now")
    return page.go(f"/studio/cards/{request.match_info['serial']}")


async def revive(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/cards/{serial}:revive."""
    await forms.read(request, me)
    await corrections.revive(database(request), me.brand.id, request.match_info["serial"], me.actor, now(request))
    await page.say(request, me, "card_revived_now")
    return page.go(f"/studio/cards/{request.match_info['serial']}")


async def withdraw_consent(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/cards/{serial}/consents: what the holder took back, as one of the brand has heard, with how."""
    form = await forms.read(request, me)
    db, serial = database(request), request.match_info["serial"]
    card = await cards.view(db, me.brand.id, serial)
    try:
        await consents.withdraw(db, me.brand.id, card, form["kind"], form["reason"], me.actor, now(request))
    except Invalid:
        return await _page(request, me, {"consent": TEXTS[me.language]["card_reason_needed"]}, form)
    except Conflict as error:
        raise Refusal(error.code, 409) from None
    await page.say(request, me, "card_consent_gone")
    return page.go(f"/studio/cards/{serial}#consents")


async def corrected(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/corrections?week=2026-11-16: what admins changed of a backend's values in a week, from its Monday."""
    today = now(request).astimezone(page.zone(me)).date()
    monday = _monday(request.query.get("week", ""), today)
    since = datetime(monday.year, monday.month, monday.day, tzinfo=page.zone(me))
    end = monday + WEEK
    until = datetime(end.year, end.month, end.day, tzinfo=page.zone(me))
    rows = await corrections.between(database(request), me.brand.id, since, until)
    return page.show(
        request,
        me,
        "corrections.html",
        rows=rows,
        since=since,
        until=until - timedelta(seconds=1),
        earlier=(monday - WEEK).isoformat(),
        later=end.isoformat() if end <= today else "",
    )


def state_of(card: CardView, at: datetime) -> str:
    """Also over by its date."""
    is_over = card.expires_at is not None and card.expires_at <= at
    return CardState.EXPIRED.value if card.state == CardState.ACTIVE and is_over else card.state


def events(timeline: Timeline, language: str) -> list[Event]:
    """The newest lines in words, the newest first."""
    newest = timeline.entries[: -LINES - 1 : -1]
    return [_event(entry, timeline, language) for entry in newest]


async def _page(
    request: web.Request, me: Me, errors: Mapping[str, str] | None = None, form: forms.Form | None = None
) -> web.StreamResponse:
    db, at, serial = database(request), now(request), request.match_info["serial"]
    card = await cards.view(db, me.brand.id, serial)
    timeline = await cards.timeline(db, me.brand.id, serial)
    made = await built(db, me.brand.id, serial, at)
    template = await _template(db, me, card)
    address = links.install_url(root(request)[OPTIONS].public_url, card.install_token)
    told = "ru" if me.language == "ru" else "en"
    phone = await phone_of(db, me.brand.id, card.card_id)
    return page.show(
        request,
        me,
        "card.html",
        status=422 if errors else 200,
        errors=errors or {},
        form=form or forms.Form(),
        card=card,
        state=state_of(card, at),
        rows=rows_of(card, template, me),
        names=await givers.names(db, me),
        handout=await handouts.of_card(db, me.brand.id, card.card_id),
        holders=timeline.holders,
        google=await google.status(db, card.card_id),
        fault=made.fault,
        **_faces(made, me.language),
        diagnosis=getattr(timeline.diagnosis, told),
        tell=getattr(timeline.diagnosis, f"tell_client_{told}"),
        events=events(timeline, me.language),
        consents=(await consents.history(db, card.card_id))[::-1],
        corrections=await corrections.of_card(db, me.brand.id, card.card_id) if me.may(Role.ADMIN) else [],
        messages=desk.messages(me, address, phone),
        sending=await sending(request, me, phone),
        sms_length=desk.SMS_LENGTH,
        address=address,
        inputs=typed.INPUTS,
        pairs=lambda given: [(str(value), str(value)) for value in given],
    )


async def _template(db: Database, me: Me, card: CardView) -> Template:
    """The published one: every card follows it."""
    row = await templates.by_key(db, me.brand.id, card.template)
    if row is None or row.published_revision_id is None:
        raise Refusal("not_found", 404)
    return (await templates.revision(db, None, row.published_revision_id)).template


def rows_of(card: CardView, template: Template, me: Me) -> list[Row]:
    """The card's variables, people's own before a backend's."""
    words = template.strings.get(template.language(me.language), {})
    found = [
        Row(
            name,
            words.get(it.label, it.label) or name,
            it,
            card.formatted.get(name, ""),
            typed.write(it, card.data.get(name), me.brand.time_zone),
            it.owner == "backend",
        )
        for name, it in template.variables.items()
    ]
    return sorted(found, key=lambda row: row.is_owned)


def _faces(made: Built, language: str) -> dict[str, Any]:
    drawn = faces.drawn(made.files, made.google, made.google_pictures, language=made.language, time_zone=made.time_zone)
    prefix = "card_face_"
    return {
        "drawn": drawn,
        "apple_images": {slot: drawn.pictures[name] for slot, name in drawn.images.items()},
        "google_images": {slot: drawn.pictures[name] for slot, name in drawn.google_images.items()},
        "face_words": {
            key.removeprefix(prefix): text for key, text in TEXTS[language].items() if key.startswith(prefix)
        },
    }


def _event(entry: TimelineEntry, timeline: Timeline, language: str) -> Event:
    texts, detail = TEXTS[language], entry.detail
    key = f"card_event_{entry.kind}"
    if entry.kind == "pushed":
        key = f"card_event_pushed_{detail.get('result', '')}"
    if entry.kind == "changed" and not detail.get("is_visible"):
        key = "card_event_changed_unseen"
    text = texts.get(key, texts.get(f"card_event_{entry.kind}", entry.kind))
    return Event(entry.at, text, _detail(entry, timeline, texts))


def _detail(entry: TimelineEntry, timeline: Timeline, texts: Mapping[str, str]) -> str:
    """What else is known: who did it, which values, which phone, a vendor's reason."""
    detail = entry.detail
    parts = [str(detail[name]) for name in ("by", "source", "channel") if isinstance(detail.get(name), str)]
    parts += [_moved(row, texts) for row in detail.get("visible") or ()]
    parts += [str(detail.get(name) or "") for name in ("reason", "detail", "message", "platform")]
    if entry.device is not None and len(timeline.holders) > 1:
        parts.append(page.fill(texts["card_event_phone"], number=entry.device))
    return " · ".join(part for part in parts if part)


def _moved(row: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    label = row.get("label") or row.get("key") or ""
    moved = f"{label}: {row.get('old') or '—'} → {row.get('new') or '—'}"
    return f"{moved} («{row['lock_screen']}»)" if row.get("lock_screen") else moved


def _version(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _monday(text: str, today: date) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = today
    day = day if 2000 < day.year < 3000 else today
    return day - timedelta(days=day.weekday())
