"""The second step: its check after the password, its set-up with a QR code, recovery codes; one's own account."""

from __future__ import annotations

import io
import secrets
from urllib.parse import quote

import segno
from aiohttp import web

from handlers.studio import cookies, forms, page
from handlers.studio.me import Me, Refusal, database, local_path, now
from handlers.studio.sign_in import wait_words
from handlers.studio.texts import TEXTS
from store import people, totp
from store.errors import Invalid
from store.people import Refused, Session, User

ISSUER = "Passbell"


async def show(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/totp: the check when it is due, else the set-up, or what is set up already."""
    session, user = _person(me)
    next_path = local_path(request.query.get("next", ""))
    if not session.waits_for_code and user.has_second_step and session.is_verified:
        return page.go("/studio/account")
    if not _is_check(session, user) and not session.is_fresh(now(request)):
        return page.go(f"/studio/prove?next={quote(request.rel_url.path_qs, safe='/')}")
    return await _page(request, me, session, user, next_path, {})


async def ask_again(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/prove: the second step once more, or the password of whoever has none."""
    _, user = _person(me)
    next_path = local_path(request.query.get("next", ""))
    if user.has_second_step:
        return page.show(request, me, "totp.html", mode="check", next=next_path, errors={})
    return page.show(request, me, "prove.html", next=next_path, errors={})


async def prove(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/prove: the password."""
    session, _ = _person(me)
    form = await forms.read(request, me)
    next_path, texts = local_path(form["next"]), TEXTS[me.language]
    outcome = await people.studiosessions.prove_password(database(request), session, form["password"], now(request))
    if isinstance(outcome, Refused):
        wrong = texts["prove_wrong"]
        if outcome.wait:
            wrong = page.fill(texts["sign_in_wait"], seconds=wait_words(me.language, outcome.wait))
        status = 429 if outcome.wait else 422
        return page.show(request, me, "prove.html", status=status, next=next_path, errors={"password": wrong})
    answer = page.go(next_path)
    cookies.keep_session(request, answer, outcome.token)
    return answer


async def take(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/totp: a code, for the check or to end the set-up."""
    session, user = _person(me)
    form = await forms.read(request, me)
    next_path = local_path(form["next"])
    if _is_check(session, user):
        return await _check(request, me, session, user, form["code"], next_path)
    if not session.is_fresh(now(request)):
        return page.go("/studio/prove?next=/studio/totp")
    done = await people.studiosessions.confirm_second_step(database(request), session, form["code"], now(request))
    if done is None:
        return await _page(request, me, session, user, next_path, {"code": TEXTS[me.language]["totp_wrong"]}, 422)
    token, codes = done
    answer = page.show(request, me, "recovery.html", codes=codes, next=next_path)
    cookies.keep_session(request, answer, token)
    return answer


async def qr(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/totp/qr.svg: the secret that is being set up."""
    session, user = _person(me)
    if _is_check(session, user) or not session.is_fresh(now(request)):
        raise Refusal("not_found", 404)
    secret = await people.studiosessions.pending_second_step(database(request), session)
    drawn = io.BytesIO()
    code = segno.make(totp.address(secret, user.email, ISSUER), error="m", micro=False)
    code.save(drawn, kind="svg", scale=4, border=4, light="#ffffff", dark="#000000")
    return web.Response(body=drawn.getvalue(), content_type="image/svg+xml", headers=page.HEADERS)


async def account(request: web.Request, me: Me) -> web.StreamResponse:
    """GET /studio/account."""
    return await _account(request, me, {})


async def change_password(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/account/password."""
    session, user = _person(me)
    form = await forms.read(request, me)
    try:
        wait = await people.users.change_password(
            database(request), user, form["old"], form["password"], keep=session.hash, now=now(request)
        )
    except Invalid as error:
        return await _account(request, me, forms.problems(error, me.language), 422)
    if wait:
        words = page.fill(TEXTS[me.language]["sign_in_wait"], seconds=wait_words(me.language, wait))
        return await _account(request, me, {"": words}, 429)
    await page.say(request, me, "account_changed")
    return page.go("/studio/account")


async def new_recovery_codes(request: web.Request, me: Me) -> web.StreamResponse:
    """POST /studio/account/recovery-codes: the new ones, shown once."""
    session, user = _person(me)
    await forms.read(request, me)
    if not session.is_verified:
        return page.go("/studio/totp?next=/studio/account")
    codes = await people.secondstep.new_recovery_codes(
        database(request), user.id, me.actor, [one.brand.id for one in session.memberships], now(request)
    )
    return page.show(request, me, "recovery.html", codes=codes, next="/studio/account")


async def _check(
    request: web.Request, me: Me, session: Session, user: User, given: str, next_path: str
) -> web.StreamResponse:
    outcome = await people.studiosessions.take_second_step(database(request), session, given, now(request))
    if isinstance(outcome, Refused):
        texts = TEXTS[me.language]
        wrong = texts["totp_wrong"]
        if outcome.wait:
            wrong = page.fill(texts["sign_in_wait"], seconds=wait_words(me.language, outcome.wait))
        status = 429 if outcome.wait else 422
        return await _page(request, me, session, user, next_path, {"code": wrong}, status)
    answer = page.go(next_path)
    cookies.keep_session(request, answer, outcome.token)
    return answer


async def _page(
    request: web.Request,
    me: Me,
    session: Session,
    user: User,
    next_path: str,
    errors: dict[str, str],
    status: int = 200,
) -> web.StreamResponse:
    if _is_check(session, user):
        return page.show(request, me, "totp.html", status=status, mode="check", next=next_path, errors=errors)
    secret = await people.studiosessions.pending_second_step(database(request), session)
    key = totp.text_of(secret)
    spaced = " ".join(key[place : place + 4] for place in range(0, len(key), 4))
    nonce = secrets.token_hex(4)  # the picture of another set-up is not to be shown from a cache
    return page.show(
        request, me, "totp.html", status=status, mode="set up", key=spaced, nonce=nonce, next=next_path, errors=errors
    )


async def _account(request: web.Request, me: Me, errors: dict[str, str], status: int = 200) -> web.StreamResponse:
    _, user = _person(me)
    left = await people.secondstep.recovery_codes_left(database(request), user.id)
    return page.show(
        request, me, "account.html", status=status, errors=errors, codes_left=left, minimum=people.MINIMUM_LENGTH
    )


def _is_check(session: Session, user: User) -> bool:
    """Whether a code proves who is there; else it ends a set-up."""
    return session.waits_for_code or user.has_second_step


def _person(me: Me) -> tuple[Session, User]:
    if me.session is None or me.user is None:
        raise Refusal("role", 403, needed="viewer")
    return me.session, me.user
