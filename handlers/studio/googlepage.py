"""A brand on Google Wallet: issuer, service accounts, off, test or live, testers, and how it stands."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from handlers.studio import forms, page
from handlers.studio.me import Me, Refusal, database, now
from handlers.studio.texts import TEXTS
from store import google, googlehealth, people
from store.errors import Conflict, Invalid, NotFound
from store.google import Mode

MAX_TESTERS = 200
PRINT = 16
"""Digits of a key's fingerprint that tell it from another."""


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/google."""
    return await _page(request, me)


async def change(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/google: issuer, mode and testers."""
    form = await forms.read(request, me)
    texts = TEXTS[me.language]
    issuer, mode = "".join(form["issuer"].split()), form["mode"]
    testers = [line.strip() for line in form["testers"].splitlines() if line.strip()]
    errors = {}
    if issuer and not (issuer.isascii() and issuer.isdigit() and len(issuer) <= 30):
        errors["issuer"] = texts["google_bad_issuer"]
    if len(testers) > MAX_TESTERS or any(len(one) > 200 for one in testers):
        errors["testers"] = page.fill(texts["google_bad_testers"], n=MAX_TESTERS)
    if mode not in set(Mode):
        raise Refusal("other", 422)
    if errors:
        return await _page(request, me, errors, form)
    db = database(request)
    try:
        async with db.joined():
            await google.configure(db, me.brand.key, issuer_id=issuer or None, mode=mode, testers=testers)
            told = {"mode": mode, "issuer": issuer or me.brand.google_issuer_id or ""}
            await people.record(db, me.brand.id, me.actor, "google.changed", now=now(request), **told)
    except Conflict:
        key = "google_no_issuer" if not (issuer or me.brand.google_issuer_id) else "google_other_issuer"
        return await _page(request, me, {"issuer": texts[key]}, form)
    await page.say(request, me, f"google_said_{mode}")
    return page.go("/studio/google")


async def add_key(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/google/keys: a service account's JSON file, pasted or read by the page's module."""
    form = await forms.read(request, me)
    db = database(request)
    try:
        async with db.joined():
            is_new = await google.add_key(db, me.brand.id, form["key"].strip().encode(), now(request))
            email, _ = google.read_key(form["key"].strip().encode())
            if is_new:
                await people.record(db, me.brand.id, me.actor, "google.key_added", email, now=now(request))
    except Invalid:
        return await _page(request, me, {"key": TEXTS[me.language]["google_bad_key"]}, form)
    await page.say(request, me, "google_key_taken" if is_new else "google_key_known", email=email)
    return page.go("/studio/google")


async def remove_key(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/google/keys/{fingerprint}:remove."""
    await forms.read(request, me)
    db, fingerprint = database(request), request.match_info["fingerprint"]
    if len(fingerprint) < PRINT:
        raise Refusal("not_found", 404)
    try:
        async with db.joined():
            await google.remove_key(db, me.brand.id, fingerprint, now(request))
            await people.record(db, me.brand.id, me.actor, "google.key_removed", fingerprint[:PRINT], now=now(request))
    except NotFound:
        raise Refusal("not_found", 404) from None
    await page.say(request, me, "google_key_gone")
    return page.go("/studio/google")


async def retry(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/google:retry: what Google has refused, once more."""
    await forms.read(request, me)
    count = await google.revive(database(request), me.brand.id)
    await page.say(request, me, "google_said_retry", words=page.counted(me.language, count, "google_retried"))
    return page.go("/studio/google")


async def _page(
    request: web.Request, me: Me, errors: Mapping[str, str] | None = None, form: forms.Form | None = None
) -> web.StreamResponse:
    brand, texts = me.brand, TEXTS[me.language]
    health = await googlehealth.health(database(request), brand, now(request))
    given = form if form is not None and "mode" in form else None
    modes = [(one.value, texts[f"google_mode_{one}"], texts[f"google_mode_{one}_hint"]) for one in Mode]
    return page.show(
        request,
        me,
        "google.html",
        status=422 if errors else 200,
        errors=errors or {},
        issuer=given["issuer"] if given else brand.google_issuer_id or "",
        mode=given["mode"] if given else brand.google_mode,
        testers=given["testers"] if given else "\n".join(brand.google_testers or ()),
        modes=modes,
        health=health,
        length=PRINT,
    )
