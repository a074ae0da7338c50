"""Links that are good once: an invitation into a brand, or a new password after an admin's reset.

The link's token is 256 random bits; the row has its SHA-256 alone, so it is shown once. Whoever has an account accepts an
invitation by signing in to it: an invitation gives no access to an account that exists.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, brands, secondstep, tables, tokens, users
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database
from store.errors import Conflict, NotFound
from store.passwords import Passwords
from store.studiosessions import SignedIn, begin
from store.tables import invitations as table
from store.users import Role, User

INVITES = timedelta(days=7)
RESETS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as the people page lists it."""

    id: int
    email: str
    name: str
    role: Role
    invited_by: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Opened:
    """A link that is good: ``user`` is the account it is about, if there is one."""

    id: int
    kind: str
    brand: BrandRow
    email: str
    name: str
    role: Role
    invited_by: str
    user: User | None


async def invite(db: Database, brand_id: int, *, email: str, name: str, role: Role, by: Actor, now: datetime) -> str:
    """The token of a new invitation; Conflict for one who is in the brand already. An older one for the same e-mail ends."""
    email, name = users.checked_email(email), users.checked_name(name)
    if any(one.user.email == email for one in await users.members(db, brand_id)):
        raise Conflict(f"{email} is in this brand already.", code="already_member")
    async with db.joined() as conn:
        await _end(conn, now, table.c.brand_id == brand_id, table.c.email == email, table.c.kind == "invite")
        values = {"brand_id": brand_id, "kind": "invite", "email": email, "name": name, "role": role.value}
        token = await _make(conn, values, by, now, INVITES)
        await audit.record(db, brand_id, by, "person.invited", email, now=now, role=role.value)
        return token


async def reset(db: Database, brand_id: int, user_id: int, by: Actor, now: datetime) -> str:
    """Take password, second step and sessions away from one of the brand's people; the token of a link for new ones.

    Conflict for one who works in another brand too: an admin of one brand must not come into another this way.
    """
    member = await users.member(db, brand_id, user_id)
    if member.elsewhere:
        raise Conflict(
            "This person works in other brands too: the operator resets the sign-in.", code="reset_elsewhere"
        )
    async with db.joined() as conn:
        token = await _reset(conn, brand_id, member.user, member.role, by, now)
        await audit.record(db, brand_id, by, "person.reset", member.user.email, now=now)
        return token


async def _reset(conn: AsyncConnection, brand_id: int, user: User, role: Role, by: Actor, now: datetime) -> str:
    await conn.execute(update(tables.users).where(tables.users.c.id == user.id).values(password_hash=None))
    await secondstep.forget(conn, user.id)
    await users.end_sessions(conn, user.id)
    await _end(conn, now, table.c.user_id == user.id, table.c.kind == "reset")
    values = {"brand_id": brand_id, "kind": "reset", "email": user.email, "name": user.name, "role": role.value}
    return await _make(conn, {**values, "user_id": user.id}, by, now, RESETS)


async def waiting(db: Database, brand_id: int, now: datetime) -> list[Invitation]:
    """The brand's invitations that nobody has accepted yet, newest first."""
    columns = [table.c[name] for name in Invitation.__slots__]
    some = select(*columns).where(table.c.brand_id == brand_id, table.c.kind == "invite", *_good(now))
    async with db.reading() as conn:
        rows = (await conn.execute(some.order_by(table.c.id.desc()))).mappings()
        return [Invitation(**{**row, "role": Role(row["role"])}) for row in rows]


async def withdraw(db: Database, brand_id: int, invitation_id: int, by: Actor, now: datetime) -> None:
    """The link is good no more; NotFound when this brand has no such invitation waiting."""
    mine = (table.c.id == invitation_id, table.c.brand_id == brand_id, table.c.kind == "invite")
    async with db.joined() as conn:
        ended = update(table).where(*mine, *_good(now)).values(revoked_at=now).returning(table.c.email)
        email = (await conn.execute(ended)).scalar_one_or_none()
        if email is None:
            raise NotFound("There is no such invitation in this brand.")
        await audit.record(db, brand_id, by, "invitation.withdrawn", email, now=now)


async def open_link(db: Database, token: str, now: datetime) -> Opened | None:
    """What a link is about; None for one that is used, over, withdrawn or made up."""
    brand = tables.brands
    columns = [brand.c[name].label(f"its_{name}") for name in BrandRow.__slots__]
    some = select(table, *columns).join(brand, brand.c.id == table.c.brand_id)
    some = some.where(table.c.token_hash == tokens.hash_of(token), brand.c.revoked_at.is_(None), *_good(now))
    async with db.reading() as conn:
        row = (await conn.execute(some)).mappings().first()
    if row is None:
        return None
    user = await users.by_email(db, row["email"])
    if user is not None and (user.revoked_at is not None or await _is_elsewhere(db, row, user)):
        return None
    return Opened(
        id=row["id"],
        kind=row["kind"],
        brand=brands.by_row({name: row[f"its_{name}"] for name in BrandRow.__slots__}),
        email=row["email"],
        name=row["name"],
        role=Role(row["role"]),
        invited_by=row["invited_by"],
        user=user,
    )


async def accept_new(db: Database, link: Opened, *, name: str, password: str, language: str, now: datetime) -> SignedIn:
    """A new user for an invitation whose e-mail has no account yet, signed in at once."""
    users.checked_password(password, link.email, name)
    async with db.joined() as conn:
        user = await users.add(db, email=link.email, name=name, password=password, language=language, now=now)
        await _use(conn, link, user.id, now)
        await users.grant(db, user.id, link.brand.id, link.role, user.actor, now)
        await audit.record(db, link.brand.id, user.actor, "invitation.accepted", link.email, now=now)
        return await begin(db, conn, user, now)


async def accept_known(db: Database, link: Opened, user: User, now: datetime) -> None:
    """The invited role for the account that is signed in; it must be the one that was invited."""
    if link.user is None or link.user.id != user.id or link.kind != "invite":
        raise NotFound("This invitation is for somebody else.")
    async with db.joined() as conn:
        await _use(conn, link, user.id, now)
        await users.grant(db, user.id, link.brand.id, link.role, user.actor, now)
        await audit.record(db, link.brand.id, user.actor, "invitation.accepted", link.email, now=now)


async def accept_reset(db: Database, link: Opened, *, password: str, now: datetime) -> SignedIn:
    """A new password for the account that was reset, signed in at once."""
    if link.user is None or link.kind != "reset":
        raise NotFound("This link is for something else.")
    hashed = await db.kept(Passwords).hash(users.checked_password(password, link.email, link.user.name))
    async with db.joined() as conn:
        await _use(conn, link, link.user.id, now)
        mine = update(tables.users).where(tables.users.c.id == link.user.id)
        await conn.execute(mine.values(password_hash=hashed))
        await audit.record(db, link.brand.id, link.user.actor, "password.changed", link.email, now=now)
        return await begin(db, conn, link.user, now)


async def _is_elsewhere(db: Database, row: Any, user: User) -> bool:
    """Whether a reset would open another brand too: the user has come into one since the link was made."""
    memberships = await users.memberships(db, user.id) if row["kind"] == "reset" else []
    return any(one.brand.id != row["brand_id"] for one in memberships)


def _good(now: datetime) -> tuple[Any, ...]:
    return (table.c.used_at.is_(None), table.c.revoked_at.is_(None), table.c.expires_at > now)


async def _make(conn: AsyncConnection, values: dict[str, Any], by: Actor, now: datetime, lasts: timedelta) -> str:
    token = tokens.new()
    whole = {"token_hash": tokens.hash_of(token), "invited_by": by.name, "created_at": now, "expires_at": now + lasts}
    await conn.execute(insert(table).values(**values, **whole))
    return token


async def _use(conn: AsyncConnection, link: Opened, user_id: int, now: datetime) -> None:
    """Of two who press at once, one."""
    used = update(table).where(table.c.id == link.id, *_good(now)).values(used_at=now, user_id=user_id)
    if not (await conn.execute(used)).rowcount:
        raise NotFound("This link has been used.")


async def _end(conn: AsyncConnection, now: datetime, *which: Any) -> None:
    await conn.execute(update(table).where(*which, *_good(now)).values(revoked_at=now))
