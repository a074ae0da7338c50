"""Time zones that people and programs name, by IANA's names."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from sqlalchemy import update

from store.dialect import Database
from store.tables import cards

MAX_LENGTH = 64
_NONE = ("Factory", "localtime", "posixrules")
"""In the database, and nobody's zone."""


@cache
def known() -> frozenset[str]:
    """The names that this machine's database has."""
    return frozenset(name for name in available_timezones() if len(name) <= MAX_LENGTH and name not in _NONE)


def named(text: str) -> ZoneInfo | None:
    """The zone by this name, None: there is none such."""
    return ZoneInfo(text) if text in known() else None


def checked(text: str) -> str:
    """The name of a zone; ValueError for any other text."""
    if named(text) is None:
        raise ValueError("a time zone is one of IANA's names, such as Europe/Moscow")
    return text


async def note(db: Database, card_id: int, name: str) -> bool:
    """A phone has said its holder's zone: kept where nobody has said one. What is none is not kept; False."""
    if named(name) is None:
        return False
    mine = update(cards).where(cards.c.id == card_id, cards.c.time_zone.is_(None)).values(time_zone=name)
    async with db.transaction() as conn:
        return bool((await conn.execute(mine)).rowcount)
