"""Approval by a link: one for each person who may, good until the news is decided or lapses, for one decision.

Nothing is kept of a link: it is an HMAC over the news, the plan it was asked for by, and the person. A decision, a lapse and
another request each end it, because the plan or the state is another then; so does taking the person's right away.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from passkit import letters
from store import backoff, brands, newsapprovers, newsrules, secondstep, tables, users
from store.brands import BrandRow
from store.dialect import Database
from store.newsapprovers import Approver
from store.outgoing import Channel, Letter
from store.tables import news
from store.users import User

PURPOSE = "approval-link"
MAC_BYTES = 16
_TOKEN = re.compile(r"(n_[A-Za-z0-9]{1,18})\.([1-9][0-9]{0,17})\.([A-Za-z0-9_-]{22})")


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is good: the news, by which plan it was asked for, and who may decide."""

    key: str
    plan: str = field(repr=False)
    brand: BrandRow
    user: User


def path(db: Database, key: str, plan: str, user_id: int) -> str:
    """Where the link leads, behind PUBLIC_URL."""
    return f"/studio/approve/{key}.{user_id}.{_mac(db.keyring.digest(PURPOSE, _said(key, plan, user_id)))}"


async def mine(db: Database, brand_id: int, key: str, user_id: int) -> str | None:
    """The path of this person's own link to a news that waits; None for who may not decide."""
    async with db.reading() as conn:
        row = (await conn.execute(select(news).where(news.c.brand_id == brand_id, news.c.key == key))).first()
        found = await _askable(conn, row)
        may = row is not None and user_id in {one.id for one in found}
        return path(db, key, row.plan["id"], user_id) if may and row is not None else None


async def open_link(db: Database, token: str, now: datetime) -> Opened | None:
    """What a link is about; None for one that is decided, lapsed, or made up."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        return None
    key, user_id = parts[1], int(parts[2])
    async with db.reading() as conn:
        row = (await conn.execute(select(news).where(news.c.key == key))).first()
        if row is None or row.state != newsapprovers.STATE or row.next_at <= now:
            return None
        told = [_mac(one) for one in db.keyring.digests(PURPOSE, _said(key, row.plan["id"], user_id))]
        is_ours = any(hmac.compare_digest(one, parts[3]) for one in told)
        if not is_ours or user_id not in {one.id for one in await _askable(conn, row)}:
            return None
        found = (await conn.execute(select(tables.users).where(tables.users.c.id == user_id))).mappings().one()
    brand = await brands.by_id(db, row.brand_id)
    if brand is None or brand.revoked_at is not None:
        return None
    return Opened(key, row.plan["id"], brand, users.by_row(found))


async def prove(db: Database, user: User, code: str, now: datetime) -> int | None:
    """Take the second step of whoever holds a link: None when it is right, else the seconds until the next try."""
    counted = [backoff.second_step(user.id)]
    if wait := await backoff.begin(db, counted, now):
        return wait
    async with db.joined() as conn:
        if await secondstep.prove(db, conn, user.id, code, now) is not None:
            await backoff.forgive(conn, db, counted, now)
            return None
    return await backoff.wait(db, counted, now)


async def ask_by_letter(
    db: Database, conn: AsyncConnection, brand: Any, key: str, *, has_mail: bool, has_gateway: bool, now: datetime
) -> list[Letter]:
    """A letter with a link of their own to each who may decide: by mail, and to the phone that the rules name."""
    row = (await conn.execute(select(news).where(news.c.brand_id == brand.brand_id, news.c.key == key))).first()
    wanted = []
    phones = await newsrules.phones(db, conn, brand.brand_id)
    for one in await _askable(conn, row):
        if row is None or row.next_at <= now:
            break
        language = letters.language_of(
            (one.language or "", *brand.languages) if one.language else tuple(brand.languages)
        )
        link = (db.public_url or "") + path(db, key, row.plan["id"], one.id)
        words = letters.approval(language, brand=brand.name, name=one.name, link=link, author=row.started_by or "")
        good_for = row.next_at - now
        if has_mail:
            wanted.append(Letter("news", Channel.MAIL, one.email, words.text, words.subject, good_for))
        if has_gateway and one.id in phones:
            wanted.append(Letter("news", Channel.GATEWAY, phones[one.id], words.short, good_for=good_for))
    return wanted


async def _askable(conn: AsyncConnection, row: Any) -> list[Approver]:
    if row is None or row.state != newsapprovers.STATE or not row.plan:
        return []
    rules = await newsrules.of_brand(conn, row.brand_id)
    return list(await newsapprovers.others(conn, row.brand_id, rules, row.asked_by, row.started_by))


def _said(key: str, plan: str, user_id: int) -> str:
    return f"{key}\0{plan}\0{user_id}"


def _mac(digest: str) -> str:
    return urlsafe_b64encode(bytes.fromhex(digest)[:MAC_BYTES]).decode().rstrip("=")
