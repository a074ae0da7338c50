"""The issue desk: a phone number, then the client's code on the screen, and what the client's phone does with it."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import segno
from aiohttp import web

from handlers.keys import OPTIONS, root
from handlers.studio import cookies, forms, page, values
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.sending import sending
from handlers.studio.texts import TEXTS
from handlers.texts import LANGUAGES
from passkit import links, phones, typed
from passkit.formats import formats
from passkit.money import Money
from store import desk, handouts, people, showings
from store.counting import Rules
from store.desk import Desk, DeskTemplate
from store.errors import Invalid, NotFound
from store.people import Outlet
from store.showings import Display, Kind, Showing, Step

POLL = "1500ms"
"""How often a page looks whether the client's phone has done anything."""
SMS_LENGTH = 70
"""Characters of one SMS in Cyrillic (3GPP TS 23.038)."""
STEPS = tuple(Step)


@dataclass(frozen=True, slots=True)
class Messages:
    """How the link reaches a client without a camera: texts and addresses that open a messenger."""

    sms: str
    sms_url: str
    whatsapp_url: str
    telegram_url: str


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/desk: one field, the phone."""
    return await _start(request, me, {}, forms.Form())


async def find(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/desk:find: the client's cards, or a new client."""
    form = await forms.read(request, me)
    db = database(request)
    try:
        cards = await desk.find(db, me.brand.id, form["phone"])
    except Invalid:
        return await _start(request, me, {"phone": _no_phone(me)}, form)
    return await _client(request, me, form, {}, cards=cards)


async def give(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/desk:give: a card for a phone, the one that it has or a new one."""
    form = await forms.read(request, me)
    db, here = database(request), await here_of(request, me, form["outlet"])
    offered = await desk.templates(db, me.brand.id, me.language)
    chosen = next((one for one in offered if one.key == form["template"]), None)
    if chosen is None:
        raise Refusal("not_found", 404)
    data, errors = _asked(chosen, form, me)
    if errors:
        cards = await desk.find(db, me.brand.id, form["phone"])
        return await _client(request, me, form, errors, cards=cards, status=422)
    try:
        showing = await desk.give(db, here, chosen.key, form["phone"], data, None, now(request))
    except Invalid as error:
        if error.code == "bad_phone":
            return await _start(request, me, {"phone": _no_phone(me)}, form)
        cards = await desk.find(db, me.brand.id, form["phone"])
        return await _client(request, me, form, forms.problems(error, me.language), cards=cards, status=422)
    return page.go(f"/studio/desk/codes/{showing}")


async def again(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/desk/cards/{serial}:show: the same card once more, or for another phone."""
    form = await forms.read(request, me)
    here = await here_of(request, me, form["outlet"])
    kind = Kind.PHONE if form["kind"] == Kind.PHONE else Kind.AGAIN
    showing = await desk.again(database(request), here, request.match_info["serial"], kind, now(request))
    return page.go(f"/studio/desk/codes/{showing}")


async def code(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/desk/codes/{showing}: the code over the whole screen, and the steps of the client's phone."""
    found = await _showing(request, me)
    address = links.install_url(root(request)[OPTIONS].public_url, found.install_token)
    number = await desk.phone_of(database(request), me.brand.id, found.card_id)
    return page.show(
        request,
        me,
        "desk_code.html",
        **_code_values(request, found),
        messages=messages(me, address, number),
        sms_length=SMS_LENGTH,
        sending=await sending(request, me, number),
    )


async def steps(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/desk/codes/{showing}/steps: the part of that page that moves; a hidden code loads the page anew."""
    found = await _showing(request, me)
    headers = {} if (found.seconds > 0) == (request.query.get("shown") == "1") else {"HX-Refresh": "true"}
    return page.show(request, me, "desk_steps.html", headers=headers, **_code_values(request, found))


async def qr(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/desk/codes/{showing}/qr.svg: while it is shown."""
    return _picture(request, await _showing(request, me))


async def hide(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/desk/codes/{showing}:hide."""
    await forms.read(request, me)
    here = await here_of(request, me)
    await showings.hide(database(request), me.brand.id, here.place, forms.checked_id(request.match_info["showing"]))
    return page.go("/studio/desk")


async def mine(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/desk/mine: what this person has given out since the beginning of the month, and what of it counts."""
    db, at = database(request), now(request)
    here = await here_of(request, me)
    await handouts.settle(db, at, brand_id=me.brand.id, issued_by=here.issued_by)
    today = at.astimezone(page.zone(me)).replace(hour=0, minute=0, second=0, microsecond=0)
    month = today.replace(day=1)
    rules = await handouts.rules(db, me.brand.id)
    return page.show(
        request,
        me,
        "desk_mine.html",
        rules=rules,
        counts=rule_words(rules, me.language),
        amount=lambda minor: money(minor, rules.currency or "RUB", me.language),
        today=await handouts.tally(db, me.brand.id, here.issued_by, today),
        month=await handouts.tally(db, me.brand.id, here.issued_by, month),
        cards=await handouts.mine(db, me.brand.id, here.issued_by, month),
    )


async def display(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/desk/display: the address of a screen that faces the client, shown once."""
    await forms.read(request, me)
    here = await here_of(request, me)
    token = await showings.add_display(database(request), me.brand.id, here.place, now(request))
    address = f"{root(request)[OPTIONS].public_url}/studio/display/{token}"
    picture = f"data:image/svg+xml;base64,{b64encode(code_svg(address).encode()).decode()}"
    return page.show(request, me, "desk_display.html", address=address, code=picture)


async def end_displays(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/desk/display:end."""
    await forms.read(request, me)
    here = await here_of(request, me)
    count = await showings.end_displays(database(request), me.brand.id, here.place, now(request))
    words = page.counted(me.language, count, "desk_display_ended")
    await page.say(request, me, "desk_said", words=words)
    return page.go("/studio/desk")


# The screen that faces the client.


async def client_screen(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/display/{token}: whoever has the address; it shows codes and nothing else."""
    screen, found = await _on_display(request)
    return page.show(request, _of_brand(me, screen), "display.html", **_display_values(request, screen, found))


async def client_now(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/display/{token}/now: the part that moves."""
    screen, found = await _on_display(request)
    return page.show(request, _of_brand(me, screen), "display_now.html", **_display_values(request, screen, found))


async def client_qr(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/display/{token}/{code}.svg: the code that is shown."""
    _, found = await _on_display(request)
    if found is None or str(found.id) != request.match_info["code"]:
        raise Refusal("not_found", 404)
    return _picture(request, found)


# What they are made of.


async def here_of(request: web.Request, me: Me, outlet: str = "") -> Desk:
    """Where this request's card is given out: the paired workplace's outlet, or the one that a user has chosen."""
    db = database(request)
    employee = me.session.employee if me.session else None
    if employee is not None:
        here = await people.workplaces.by_token(db, cookies.workplace(request), now(request))
        if here is None:
            raise Refusal("no_workplace", 403)
        return Desk(me.brand.id, f"workplace:{here[0].id}", employee.key, here[1].key, me.actor)
    name = f"user:{me.user.id}" if me.user else "user:0"
    known = {one.key for one in await people.outlets.listing(db, me.brand.id)} if outlet else set()
    return Desk(me.brand.id, name, name, outlet if outlet in known else None, me.actor)


def rule_words(rules: Rules, language: str) -> str:
    """What counts, in one line."""
    texts = TEXTS[language]
    words = [texts["desk_rule_new_client"]] if rules.new_client else []
    if rules.on_phone:
        words.append(texts["desk_rule_on_phone"])
        if rules.stays_days:
            words.append(page.counted(language, rules.stays_days, "desk_rule_stays"))
    words += [texts["desk_rule_once"]] if rules.once else []
    return ", ".join(words or [texts["desk_rule_any"]])


def money(minor: int, currency: str, language: str) -> str:
    """An amount in minor units as people read it."""
    return formats(language, "UTC").text(Money(minor, currency))


def messages(me: Me, address: str, number: str) -> Messages:
    """The link for a client, in the brand's language."""
    language = next((one for one in me.brand.languages if one in LANGUAGES), me.language)
    texts = TEXTS[language]
    short = sms(texts, me.brand.name, address)
    text = page.fill(texts["client_message"], brand=me.brand.name, link=address)
    digits = number.lstrip("+")
    said = text.removesuffix(address).rstrip()
    return Messages(
        sms=short,
        sms_url=f"sms:{number}?&body={quote(short)}",
        whatsapp_url=f"https://wa.me/{digits}?text={quote(text)}",
        telegram_url=f"https://t.me/share/url?url={quote(address, safe='')}&text={quote(said)}",
    )


def sms(texts: Any, brand: str, address: str) -> str:
    """The longest of our texts that fits one SMS with its link; the link alone where none does."""
    made = [page.fill(texts[f"client_sms_{place}"], brand=brand, link=address) for place in range(3)]
    return next((text for text in made if len(text) <= SMS_LENGTH), address)


def code_svg(address: str, scale: int = 8) -> str:
    """An address as a code, dark on white with the quiet zone that scanners need."""
    drawn = io.BytesIO()
    made = segno.make(address, error="m", micro=False)
    made.save(drawn, kind="svg", scale=scale, border=4, light="#ffffff", dark="#000000", xmldecl=False)
    return drawn.getvalue().decode()


def _picture(request: web.Request, found: Showing) -> web.Response:
    if found.seconds <= 0:
        raise Refusal("not_found", 404)
    address = links.install_url(root(request)[OPTIONS].public_url, found.install_token)
    return web.Response(text=code_svg(address), content_type="image/svg+xml", headers=page.HEADERS)


async def _showing(request: web.Request, me: Me) -> Showing:
    here = await here_of(request, me)
    number = forms.checked_id(request.match_info["showing"])
    return await showings.look(database(request), me.brand.id, here.place, number)


def _code_values(request: web.Request, found: Showing) -> dict[str, Any]:
    return {"showing": found, "steps": STEPS, "Step": Step, "Kind": Kind, "poll": POLL}


async def _start(request: web.Request, me: Me, errors: dict[str, str], form: forms.Form) -> web.StreamResponse:
    db, at = database(request), now(request)
    here = await here_of(request, me, form["outlet"])
    today = at.astimezone(page.zone(me)).replace(hour=0, minute=0, second=0, microsecond=0)
    offered = await desk.templates(db, me.brand.id, me.language)
    return page.show(
        request,
        me,
        "desk.html",
        status=422 if errors else 200,
        errors=errors,
        form=form,
        example=_example(me),
        can_give=any(not one.missing for one in offered),
        incomplete=[one for one in offered if one.missing],
        outlets=[(one.key, one.name) for one in await _outlets(request, me)],
        outlet=form["outlet"] or await _last_outlet(request, me, here),
        today=await handouts.tally(db, me.brand.id, here.issued_by, today),
        month=await handouts.tally(db, me.brand.id, here.issued_by, today.replace(day=1)),
    )


async def _client(
    request: web.Request,
    me: Me,
    form: forms.Form,
    errors: dict[str, str],
    *,
    cards: Sequence[desk.DeskCard],
    status: int = 200,
) -> web.StreamResponse:
    offered = [one for one in await desk.templates(database(request), me.brand.id, me.language) if not one.missing]
    here = await here_of(request, me, form["outlet"])
    living = {card.template for card in cards if card.is_active}
    number = phones.e164(form["phone"], _region(me)) or form["phone"]
    return page.show(
        request,
        me,
        "desk_client.html",
        status=status,
        errors=errors,
        form=form,
        number=number,
        shown=phones.shown(number),
        cards=[card for card in cards if card.is_active or card.template not in living],
        offered=[one for one in offered if one.key not in living],
        choices=[(one.key, one.name, "") for one in offered if one.key not in living],
        pairs=lambda values: [(str(value), str(value)) for value in values],
        has_card=bool(living),
        chosen=form["template"] or await handouts.last_template(database(request), me.brand.id, here.issued_by),
        inputs=typed.INPUTS,
    )


def _asked(chosen: DeskTemplate, form: forms.Form, me: Me) -> tuple[dict[str, Any], dict[str, str]]:
    """What was filled in for a new client, by variable, and what of it does not fit."""
    data: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for one in chosen.asks:
        field = f"ask_{chosen.key}_{one.name}"
        value, wrong = values.read(one.variable, form[field], str(page.zone(me)), me.language)
        if wrong or (value is None and one.is_required):
            errors[field] = wrong or TEXTS[me.language]["value_required"]
        elif value is not None:
            data[one.name] = value
    return data, errors


async def _outlets(request: web.Request, me: Me) -> list[Outlet]:
    """Those that a user may choose from; an employee is where the workplace is."""
    return [] if me.user is None else await people.outlets.listing(database(request), me.brand.id)


async def _last_outlet(request: web.Request, me: Me, here: Desk) -> str:
    """Where this person gave a card out last."""
    if me.user is None:
        return ""
    since = now(request).replace(year=2000)
    last = await handouts.mine(database(request), me.brand.id, here.issued_by, since, limit=1)
    return (last[0].outlet or "") if last else ""


async def _on_display(request: web.Request) -> tuple[Display, Showing | None]:
    db = database(request)
    screen = await showings.display(db, request.match_info["token"])
    if screen is None:
        raise NotFound("There is no such screen.")
    return screen, await showings.on_screen(db, screen.brand_id, screen.place)


def _of_brand(me: Me, screen: Display) -> Me:
    """The client reads the brand's language, whoever has set the screen up."""
    return Me(None, next((one for one in screen.languages if one in LANGUAGES), me.language), me.theme)


def _display_values(request: web.Request, screen: Display, found: Showing | None) -> dict[str, Any]:
    here = f"/studio/display/{request.match_info['token']}"
    return {"screen": screen, "showing": found, "steps": STEPS, "Step": Step, "poll": POLL, "display_path": here}


def _region(me: Me) -> str | None:
    return phones.region_of(me.brand.time_zone, me.brand.languages)


def _example(me: Me) -> str:
    return phones.example(_region(me)) or "+7 916 123-45-67"


def _no_phone(me: Me) -> str:
    return page.fill(TEXTS[me.language]["desk_bad_phone"], example=_example(me))
