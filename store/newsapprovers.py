"""Who of a brand may approve its big news: publishers, admins, and the deputies whom it has named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from store import newsrules
from store.dialect import Database
from store.newsrules import Rules
from store.tables import user_roles, users
from store.users import Role

STATE = "approval"
"""Of a news that waits for them, in the database."""
PUBLISHERS = (Role.PUBLISHER, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Approver:
    """A person who may approve; ``is_deputy``: not by the role."""

    id: int
    name: str
    email: str
    language: str | None
    is_deputy: bool


async def of(db: Database, brand_id: int) -> tuple[Approver, ...]:
    """The brand's, by name."""
    async with db.reading() as conn:
        return await of_brand(conn, brand_id, await newsrules.of_brand(conn, brand_id))


async def of_brand(conn: AsyncConnection, brand_id: int, rules: Rules) -> tuple[Approver, ...]:
    """The same in a transaction."""
    mine = select(users.c.id, users.c.name, users.c.email, users.c.language, user_roles.c.role)
    mine = mine.join(user_roles, user_roles.c.user_id == users.c.id).order_by(users.c.name, users.c.id)
    rows = await conn.execute(mine.where(user_roles.c.brand_id == brand_id, users.c.revoked_at.is_(None)))
    found = (Approver(row.id, row.name, row.email, row.language, row.role not in PUBLISHERS) for row in rows)
    return tuple(one for one in found if not one.is_deputy or one.id in rules.deputies)


async def others(
    conn: AsyncConnection, brand_id: int, rules: Rules, author: int | None, name: str | None
) -> Sequence[Approver]:
    """Those who are not the author, who is known by the id or, where there is none, by the name."""
    found = await of_brand(conn, brand_id, rules)
    return [one for one in found if (one.id != author if author is not None else one.name != name)]
