"""Somebody joins by a link: a new card at once, or the card that the phone has already, once it has proved to be theirs.

Why it is done so stands in docs/decisions/0010. In short: whoever types a phone number has proved nothing. With a message
gateway a known phone gets a code, and with the code its own card. Without one every form gives a new card, so that nobody
learns from a form who is a client here; the till finds both cards by the phone.

A form sent twice gives one card. Forms that wait for a code are encrypted, and gone after a day.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import orjson
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import joinform, letters
from passkit import phones as numbers
from passkit.joinform import Answers, Asked
from passkit.model import CardState
from store import consents, outgoing, phones, tables
from store import tokens as tokens_
from store.cardrows import CardView, load, view
from store.dialect import Database
from store.issuing import NewCard, issue
from store.joinlinks import OpenLink
from store.outgoing import Channel, Letter
from store.tables import is_storable, join_codes, joins

FORM_PURPOSE, ANSWERS_PURPOSE, CODE_PURPOSE = "join-form", "join-answers", "join-code"
GOOD_FOR = timedelta(minutes=10)
ATTEMPTS = 5
AGAIN_AFTER = timedelta(seconds=60)
SENT_AT_MOST = 3
"""Codes for one form."""
A_PHONE_AN_HOUR = 5
A_BRAND_AN_HOUR = 500
"""Codes in an hour: somebody else's phone does not ring for fun, and a bill has an end."""
HOUR = timedelta(hours=1)
CHANNEL = "join"
SAME_PHONE = "same-phone"
"""The tag of a card whose phone another card of this template has: for the till, which is shown both."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form without mistakes: ``id`` is the page's own random text, ``asked`` the consents as it worded them."""

    id: str
    answers: Answers
    asked: tuple[Asked, ...]
    language: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Here is the card."""

    card: CardView
    is_new: bool


@dataclass(frozen=True, slots=True)
class CodeSent:
    """A code is on its way to this phone; ``token`` goes into the page and nowhere else."""

    token: str
    phone: str
    left: int = ATTEMPTS
    wait: int = int(AGAIN_AFTER.total_seconds())


@dataclass(frozen=True, slots=True)
class Wrong:
    """Not this code; so many tries are left."""

    sent: CodeSent


@dataclass(frozen=True, slots=True)
class Over:
    """This form is over: too late, too many tries, or used."""


@dataclass(frozen=True, slots=True)
class TooMany:
    """Too many codes for this phone or brand: wait so many seconds."""

    wait: int


async def join(
    db: Database, opened: OpenLink, form: Form, *, has_gateway: bool, now: datetime
) -> Joined | CodeSent | TooMany:
    """A form was sent. Invalid or Conflict where the card cannot be issued, as ``cards.issue`` says."""
    if (done := await _done(db, form)) is not None:
        return Joined(done, is_new=False)
    phone, verify = form.answers.phone, opened.link.verify
    known = await _known(db, opened, phone) if phone else None
    if phone and has_gateway and (verify == "always" or (verify == "known" and known is not None)):
        return await _ask_for_code(db, opened, form, known, now)
    try:
        return await _issue(db, opened, form, now, is_double=known is not None)
    except IntegrityError:  # the same form, sent a moment before
        done = await _done(db, form)
        if done is None:
            raise
        return Joined(done, is_new=False)


async def prove(db: Database, opened: OpenLink, token: str, code: str, now: datetime) -> Joined | Wrong | Over:
    """A code was typed; it is counted before it is judged."""
    async with db.joined() as conn:
        row = await _open_row(conn, opened, token, now)
        if row is None or row.attempts >= ATTEMPTS:
            return Over()
        mine = update(join_codes).where(join_codes.c.hash == row.hash)
        await conn.execute(mine.values(attempts=row.attempts + 1))
        if row.code_hash not in db.keyring.digests(CODE_PURPOSE, token + code.strip()):
            left = ATTEMPTS - row.attempts - 1
            return Wrong(_code_sent(db, row, token, now, left)) if left else Over()
        await conn.execute(mine.values(used_at=now))
        form = _unsealed(db, row)
        if row.card_id is None:
            return await _issue(db, opened, form, now)
        return await _hand_over(db, conn, opened, form, row.card_id, now)


async def send_again(db: Database, opened: OpenLink, token: str, now: datetime) -> CodeSent | TooMany | Over:
    """Another code for the same form; the one before is good no more."""
    async with db.transaction() as conn:
        row = await _open_row(conn, opened, token, now)
        if row is None or row.attempts >= ATTEMPTS:
            return Over()
        wait = ceil((row.sent_at + AGAIN_AFTER - now).total_seconds())
        if wait > 0 or row.sent >= SENT_AT_MOST:
            return TooMany(max(wait, 1) if row.sent < SENT_AT_MOST else int(HOUR.total_seconds()))
        form, code = _unsealed(db, row), _new_code()
        values = {"code_hash": db.keyring.digest(CODE_PURPOSE, token + code), "sent": row.sent + 1, "sent_at": now}
        await conn.execute(update(join_codes).where(join_codes.c.hash == row.hash).values(**values))
        await outgoing.want(db, conn, opened.link.brand_id, [_letter(opened, form, code)], now)
        return _code_sent(db, row, token, now, ATTEMPTS - row.attempts, sent_at=now)


async def _done(db: Database, form: Form) -> CardView | None:
    """The card that this very form was given before."""
    async with db.reading() as conn:
        card_id = (await conn.execute(select(joins.c.card_id).where(joins.c.form_hash == _hash(form)))).scalar()
        found = await load(db, conn, tables.cards.c.id == card_id) if card_id is not None else []
    return view(db, found[0]) if found else None


async def _known(db: Database, opened: OpenLink, phone: str) -> CardView | None:
    """The newest card in use that this phone has of this template."""
    async with db.reading() as conn:
        found = await phones.find(db, conn, opened.link.brand_id, phone, template=opened.link.template)
    return next((view(db, card) for card in found if card.row["state"] == CardState.ACTIVE), None)


async def _ask_for_code(
    db: Database, opened: OpenLink, form: Form, known: CardView | None, now: datetime
) -> CodeSent | TooMany:
    phone, brand_id = str(form.answers.phone), opened.link.brand_id
    token, code = tokens_.new(), _new_code()
    digest = phones.digests(db, brand_id, phone)[0]
    async with db.transaction() as conn:
        if wait := await _too_many(db, conn, brand_id, phone, now):
            return TooMany(wait)
        values = {
            "hash": tokens_.hash_of(token),
            "brand_id": brand_id,
            "link_id": opened.link.id,
            "card_id": None if known is None else known.card_id,
            "phone_digest": digest,
            "form_encrypted": _sealed(db, form),
            "code_hash": db.keyring.digest(CODE_PURPOSE, token + code),
            "attempts": 0,
            "sent": 1,
            "created_at": now,
            "sent_at": now,
            "expires_at": now + GOOD_FOR,
        }
        await conn.execute(insert(join_codes).values(**values))
        await outgoing.want(db, conn, brand_id, [_letter(opened, form, code)], now)
    return CodeSent(token, numbers.masked(phone))


async def _too_many(db: Database, conn: AsyncConnection, brand_id: int, phone: str, now: datetime) -> int:
    """Seconds until another code may be sent to this phone, 0 for now."""
    recent = select(func.coalesce(func.sum(join_codes.c.sent), 0), func.min(join_codes.c.created_at))
    recent = recent.where(join_codes.c.brand_id == brand_id, join_codes.c.created_at > now - HOUR)
    own = recent.where(join_codes.c.phone_digest.in_(phones.digests(db, brand_id, phone)))
    for counted, most in ((own, A_PHONE_AN_HOUR), (recent, A_BRAND_AN_HOUR)):
        sent, first = (await conn.execute(counted)).one()
        if int(sent) >= most:
            return int(max(1, ceil((first + HOUR - now).total_seconds())))
    return 0


async def _issue(db: Database, opened: OpenLink, form: Form, now: datetime, *, is_double: bool = False) -> Joined:
    link, template = opened.link, opened.revision.template
    new = NewCard(
        template=link.template,
        language=form.language if form.language in template.languages else None,
        data=form.answers.data,
        tags=(SAME_PHONE,) if is_double else (),
        outlet=link.outlet,
        issued_by=link.issued_by,
        channel=CHANNEL,
    )
    async with db.joined() as conn:
        card = (await issue(db, link.brand_id, new, now)).card
        await _note(db, conn, opened, form, card.card_id, now, is_new=True)
        await consents.record(db, conn, link.brand_id, card.card_id, form.asked, form.answers.consents, CHANNEL, now)
    return Joined(card, is_new=True)


async def _hand_over(
    db: Database, conn: AsyncConnection, opened: OpenLink, form: Form, card_id: int, now: datetime
) -> Joined:
    """The card that the phone has: its data stays, what was newly agreed to is added."""
    card = view(db, (await load(db, conn, tables.cards.c.id == card_id))[0])
    await _note(db, conn, opened, form, card_id, now, is_new=False)
    given = [one for one in form.asked if one.kind in form.answers.consents]
    await consents.record(db, conn, opened.link.brand_id, card_id, given, form.answers.consents, CHANNEL, now)
    return Joined(card, is_new=False)


async def _note(
    db: Database, conn: AsyncConnection, opened: OpenLink, form: Form, card_id: int, now: datetime, *, is_new: bool
) -> None:
    values = {
        "brand_id": opened.link.brand_id,
        "link_id": opened.link.id,
        "card_id": card_id,
        "form_hash": _hash(form),
        "is_new": is_new,
        "answers_encrypted": db.keyring.encrypt(ANSWERS_PURPOSE, orjson.dumps(dict(form.answers.own))),
        "at": now,
    }
    await conn.execute(insert(joins).values(**values))


async def answers_of(db: Database, card_id: int) -> dict[str, str]:
    """What a card's holder answered to the questions of links, by the question's key."""
    async with db.reading() as conn:
        rows = await conn.execute(
            select(joins.c.answers_encrypted).where(joins.c.card_id == card_id).order_by(joins.c.id)
        )
        found: dict[str, str] = {}
        for sealed in rows.scalars():
            found |= orjson.loads(db.keyring.decrypt(ANSWERS_PURPOSE, sealed))
    return found


async def _open_row(conn: AsyncConnection, opened: OpenLink, token: str, now: datetime) -> Any:
    if not is_storable(token) or len(token) > tokens_.MAX_LENGTH:
        return None
    mine = (join_codes.c.hash == tokens_.hash_of(token), join_codes.c.link_id == opened.link.id)
    fresh = (join_codes.c.used_at.is_(None), join_codes.c.expires_at > now)
    return (await conn.execute(select(join_codes).where(*mine, *fresh).with_for_update())).first()


def _code_sent(
    db: Database, row: Any, token: str, now: datetime, left: int, *, sent_at: datetime | None = None
) -> CodeSent:
    wait = ceil(((sent_at or row.sent_at) + AGAIN_AFTER - now).total_seconds())
    return CodeSent(token, numbers.masked(str(_unsealed(db, row).answers.phone)), left, max(0, wait))


def _letter(opened: OpenLink, form: Form, code: str) -> Letter:
    language = (
        form.language if form.language in letters.LANGUAGES else letters.language_of(opened.revision.brand.languages)
    )
    text = letters.code(language, brand=opened.brand_name, code=code)
    return Letter("code", Channel.GATEWAY, str(form.answers.phone), text, good_for=GOOD_FOR)


def _new_code() -> str:
    return f"{secrets.randbelow(1_000_000):06d}"


def _hash(form: Form) -> str:
    return hashlib.sha256(form.id.encode("utf-8", "surrogatepass")).hexdigest()


def _sealed(db: Database, form: Form) -> bytes:
    answers = form.answers
    content = {
        "id": form.id,
        "language": form.language,
        "asked": [[one.kind, one.text, one.link, one.language] for one in form.asked],
        "data": dict(answers.data),
        "own": dict(answers.own),
        "consents": list(answers.consents),
        "phone": answers.phone,
    }
    return db.keyring.encrypt(FORM_PURPOSE, orjson.dumps(content))


def _unsealed(db: Database, row: Any) -> Form:
    given = orjson.loads(db.keyring.decrypt(FORM_PURPOSE, row.form_encrypted))
    answers = Answers(given["data"], given["own"], tuple(given["consents"]), given["phone"])
    return Form(given["id"], answers, tuple(joinform.Asked(*one) for one in given["asked"]), given["language"])
