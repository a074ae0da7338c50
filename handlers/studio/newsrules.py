"""What a brand asks of its news: quiet hours, how many may ring a card, from how many cards on a second person approves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from handlers.studio import forms, page
from handlers.studio.me import Me, database, now
from handlers.studio.texts import TEXTS
from passkit import phones
from passkit.schedule import Hours
from store import newsapprovers, newsrules, people
from store.audit import Line
from store.errors import Conflict, Invalid
from store.newsrules import Rules
from store.people import Member, Role

HERE = "/studio/news/rules"
DAY = 24 * 60
QUIET_USUALLY = ("21:00", "09:00")
CAP_USUALLY = (3, 7)
ABOVE_USUALLY = 20_000
"""What an empty form proposes."""
Errors = Mapping[str, str]


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/news/rules."""
    return await _page(request, me, {})


async def quiet(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/rules/quiet."""
    form = await forms.read(request, me)
    hours = f"{form['from'][:5]}-{form['until'][:5]}" if form["on"] == "1" else ""
    try:
        await newsrules.set_quiet(database(request), me.brand.id, hours, by=me.actor, now=now(request))
    except Invalid:
        return await _page(request, me, {"quiet": "newsrules_quiet_wrong"}, form)
    return await _saved(request, me, "quiet")


async def cap(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/rules/cap."""
    form = await forms.read(request, me)
    most, days = (_whole(form["most"]), _whole(form["days"])) if form["on"] == "1" else (0, 0)
    kinds = ("marketing",) if form["kinds"] == "marketing" else newsrules.KINDS
    db, off = database(request), form["on"] == "1" and not most
    try:
        if off:
            return await _page(request, me, {"cap": "newsrules_cap_wrong"}, form)
        await newsrules.set_cap(db, me.brand.id, most, days, kinds, by=me.actor, now=now(request))
    except Invalid:
        return await _page(request, me, {"cap": "newsrules_cap_wrong"}, form)
    return await _saved(request, me, "cap")


async def approval(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/rules/approval: from how many cards on, who besides publishers, and where links go."""
    form, db, at = await forms.read(request, me), database(request), now(request)
    above = _whole(form["above"]) if form["on"] == "1" else 0
    members = [one for one in await people.users.members(db, me.brand.id) if _could(one)]
    chosen = {forms.checked_id(one) for one in form.all("deputy")}
    deputies = [one.user.id for one in members if one.user.id in chosen and one.role not in newsapprovers.PUBLISHERS]
    given, wrong = _phones(form, members, me)
    if wrong or (form["on"] == "1" and not above):
        name = "approval_phone_wrong" if wrong else "approval_wrong"
        return await _page(request, me, {"approval": f"newsrules_{name}"}, form)
    try:
        async with db.joined():
            await newsrules.set_approval(db, me.brand.id, above, deputies, by=me.actor, now=at)
            await newsrules.set_phones(db, me.brand.id, given, by=me.actor, now=at)
    except Invalid:
        return await _page(request, me, {"approval": "newsrules_approval_wrong"}, form)
    return await _saved(request, me, "approval")


async def undo(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/news/rules/undo: the newest change."""
    form = await forms.read(request, me)
    line = forms.checked_id(form["line"])
    try:
        await newsrules.undo(database(request), me.brand.id, line, by=me.actor, now=now(request))
    except (Conflict, Invalid):
        await page.say(request, me, "newsrules_not_undone", "wrong")
    else:
        await page.say(request, me, "newsrules_undone")
    return page.go(HERE)


async def _saved(request: web.Request, me: Me, section: str) -> web.StreamResponse:
    await page.say(request, me, "newsrules_saved")
    return page.go(f"{HERE}#{section}")


async def _page(request: web.Request, me: Me, errors: Errors, form: forms.Form | None = None) -> web.StreamResponse:
    db = database(request)
    rules = await newsrules.of(db, me.brand.id)
    members = [one for one in await people.users.members(db, me.brand.id) if _could(one)]
    async with db.reading() as conn:
        known = await newsrules.phones(db, conn, me.brand.id)
    names = {one.user.id: one.user.name for one in members}
    at = now(request).astimezone(rules.zone)
    section = next(iter(errors), "")
    return page.show(
        request,
        me,
        "news_rules.html",
        status=422 if errors else 200,
        rules=rules,
        typed=_typed(rules) | ({f"{section}_{name}": form[name] for name in form.fields} if form else {}),
        errors={name: TEXTS[me.language][key] for name, key in errors.items()},
        bars=bars(rules.quiet),
        minute=at.hour * 60 + at.minute,
        people=[(one, one.role in newsapprovers.PUBLISHERS, _is_chosen(one, rules, form, section)) for one in members],
        phones={id_: phones.shown(phone) for id_, phone in known.items()},
        approvers=await newsapprovers.of(db, me.brand.id),
        changes=[(line, _changed(me, line, names)) for line in await newsrules.changes(db, me.brand.id)],
        zone=rules.zone.key,
    )


def bars(quiet: Hours | None) -> list[tuple[int, int]]:
    """The quiet part of a day in minutes: (beginning, length), two where it goes over midnight."""
    if quiet is None:
        return []
    since, until = (one.hour * 60 + one.minute for one in (quiet.since, quiet.until))
    parts = [(since, until - since)] if since < until else [(0, until), (since, DAY - since)]
    return [part for part in parts if part[1]]


def _typed(rules: Rules) -> dict[str, str]:
    """The fields as they are kept, or as they are proposed."""
    since, until = str(rules.quiet).split("-") if rules.quiet else QUIET_USUALLY
    most, days = (rules.cap, rules.cap_days) if rules.cap else CAP_USUALLY
    is_marketing = rules.cap_kinds == ("marketing",) or not rules.cap
    return {
        "quiet_on": "1" if rules.quiet else "",
        "quiet_from": since,
        "quiet_until": until,
        "cap_on": "1" if rules.cap else "",
        "cap_most": str(most),
        "cap_days": str(days),
        "cap_kinds": "marketing" if is_marketing else "all",
        "approval_on": "1" if rules.approval_above else "",
        "approval_above": str(rules.approval_above or ABOVE_USUALLY),
    }


def _could(one: Member) -> bool:
    """Whether this person sees news at all."""
    return people.may(one.role, Role.VIEWER)


def _is_chosen(one: Member, rules: Rules, form: forms.Form | None, section: str) -> bool:
    if form is not None and section == "approval":
        return str(one.user.id) in form.all("deputy")
    return one.user.id in rules.deputies


def _phones(form: forms.Form, members: list[Member], me: Me) -> tuple[dict[int, str], bool]:
    """User id -> phone in E.164, and whether one of them is none."""
    region = phones.region_of(me.brand.time_zone, me.brand.languages)
    found, wrong = {}, False
    for one in members:
        given = form[f"phone_{one.user.id}"].strip()[:40]
        if not given:
            continue
        phone = phones.e164(given, region, strict=True)
        if phone:
            found[one.user.id] = phone
        wrong |= not phone
    return found, wrong


def _changed(me: Me, line: Line, names: Mapping[int, str]) -> str:
    """What was before, and what since."""
    texts, before = TEXTS[me.language], line.detail.get("before", {})
    said = []
    for name, words in (("quiet", _quiet_words), ("cap", _cap_words), ("approval_above", _approval_words)):
        if name in line.detail:
            pair = [words(me, one, names) for one in (before, line.detail)]
            said.append(page.fill(texts[f"newsrules_changed_{name}"], before=pair[0], after=pair[1]))
    return "; ".join(said)


def _quiet_words(me: Me, values: Mapping[str, Any], names: Mapping[int, str]) -> str:
    return str(values.get("quiet") or TEXTS[me.language]["newsrules_off"]).replace("-", "–")


def _cap_words(me: Me, values: Mapping[str, Any], names: Mapping[int, str]) -> str:
    if not values.get("cap"):
        return TEXTS[me.language]["newsrules_off"]
    return page.fill(TEXTS[me.language]["newsrules_cap_short"], n=values["cap"], days=values["cap_days"])


def _approval_words(me: Me, values: Mapping[str, Any], names: Mapping[int, str]) -> str:
    texts, above = TEXTS[me.language], values.get("approval_above")
    said = page.counted(me.language, above, "newsrules_above_short") if above else texts["newsrules_off"]
    deputies = [names[one] for one in values.get("deputies") or () if one in names]
    return f"{said} ({', '.join(deputies)})" if deputies else said


def _whole(text: str) -> int:
    plain = "".join(text.split())
    return int(plain) if plain.isascii() and plain.isdigit() and len(plain) < 10 else 0
