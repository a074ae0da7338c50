"""Users and their roles: who may do what in which brand.

A user is a person with an e-mail and a password, known once over all brands; a role belongs to (user, brand). What is
refused has a code with a sentence in handlers/studio/texts/problems.py. Changes of one's own password or second step
end the user's other sessions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, backoff, brands, tables
from store.audit import COMMAND_LINE, Actor
from store.brands import BrandRow
from store.dialect import Database
from store.errors import Conflict, Invalid, NotFound
from store.passwords import MAXIMUM_LENGTH, MINIMUM_LENGTH, Passwords
from store.problems import problem
from store.upserts import insert_into

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,188}")


class Role(StrEnum):
    """What a user may do in a brand; each of the first four may all that those before it may, ``desk`` stands apart."""

    VIEWER = "viewer"
    DESIGNER = "designer"
    PUBLISHER = "publisher"
    ADMIN = "admin"
    DESK = "desk"


_LADDER = (Role.VIEWER, Role.DESIGNER, Role.PUBLISHER, Role.ADMIN)
_AT_THE_DESK = (Role.DESK, Role.PUBLISHER, Role.ADMIN)
NEEDS_SECOND_STEP = (Role.PUBLISHER, Role.ADMIN)
"""Who has to set up a second step before publishing or pushing."""


def may(role: Role | None, needed: Role) -> bool:
    """Whether this role includes what ``needed`` may."""
    if role is None:
        return False
    if needed is Role.DESK:
        return role in _AT_THE_DESK
    return role in _LADDER and _LADDER.index(role) >= _LADDER.index(needed)


@dataclass(frozen=True, slots=True)
class User:
    """A person who signs in; no secrets."""

    id: int
    email: str
    name: str
    language: str | None
    has_password: bool
    has_second_step: bool
    created_at: datetime
    signed_in_at: datetime | None
    revoked_at: datetime | None

    @property
    def actor(self) -> Actor:
        """As the audit trail names the person."""
        return Actor(self.name, user_id=self.id)


@dataclass(frozen=True, slots=True)
class Membership:
    """A brand that a user may see, and as what."""

    brand: BrandRow
    role: Role


@dataclass(frozen=True, slots=True)
class Member:
    """A user of a brand, as the people page lists them."""

    user: User
    role: Role
    elsewhere: bool = field(default=False)
    """Whether the user has a role in another brand too: then only the operator resets the sign-in."""


def checked_email(text: str) -> str:
    """An e-mail as it is stored, in lower case; Invalid for what is none."""
    email = text.strip().lower()
    if not _EMAIL.fullmatch(email) or len(email) > 254 or not tables.is_storable(email):
        raise Invalid([problem("/email", "This is no e-mail address.", "Write it like anna@example.com.")])
    return email


def checked_name(text: str, pointer: str = "/name", limit: int = 200) -> str:
    """A name without control characters; Invalid when it is empty or too long."""
    name = " ".join(text.split())
    if not name or len(name) > limit or not tables.is_storable(name) or not name.isprintable():
        raise Invalid([problem(pointer, "A name is needed here.", f"At most {limit} characters.")], code="bad_name")
    return name


def checked_password(password: str, *about: str) -> str:
    """A password that is worth storing; Invalid for one that is too short, or the person's own name or e-mail."""
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        wrong = problem("/password", "This password is too short.", f"Take at least {MINIMUM_LENGTH} characters.")
        raise Invalid([wrong], code="weak_password")
    plain = password.casefold()
    known = {word.casefold() for word in about if word} | {word.casefold().split("@")[0] for word in about if word}
    if plain in known or len(set(plain)) < 4 or plain in _COMMON:
        wrong = problem(
            "/password", "This password is easy to guess.", "Take a few words that belong together to you alone."
        )
        raise Invalid([wrong], code="weak_password")
    return password


_COMMON = frozenset({
    "1234567890", "0123456789", "1234567891", "12345678910", "123456789a", "1q2w3e4r5t", "password12", "password123",
    "password1234", "passwordpassword", "parol12345", "qwerty12345", "qwerty123456", "qwertyuiop", "йцукен12345",
    "йцукенгшщз", "пароль12345",
})  # fmt: skip
"""Of the lists of leaked passwords those that are long enough to pass."""


async def add(
    db: Database, *, email: str, name: str, password: str | None, now: datetime, language: str | None = None
) -> User:
    """A new user without a role; Conflict when the e-mail is known."""
    values: dict[str, Any] = {"email": checked_email(email), "name": checked_name(name), "created_at": now}
    if password is not None:
        checked_password(password, email, name)
        values["password_hash"] = await db.kept(Passwords).hash(password)
    try:
        async with db.transaction() as conn:
            added = await conn.execute(
                insert(tables.users).values(**values, language=language).returning(*tables.users.c)
            )
            return by_row(added.mappings().one())
    except IntegrityError:
        raise Conflict(f"There is a user {values['email']} already.", code="already_exists") from None


async def grant(db: Database, user_id: int, brand_id: int, role: Role, by: Actor, now: datetime) -> None:
    """Give the role in a brand, or change it; the brand's last admin stays one."""
    async with db.joined() as conn:
        await _lock(conn, brand_id)
        before = await _role(conn, user_id, brand_id)
        if before is Role.ADMIN and role is not Role.ADMIN:
            await _refuse_last_admin(conn, user_id, brand_id)
        await conn.execute(
            insert_into(tables.user_roles, is_postgresql=db.is_postgresql)
            .values(user_id=user_id, brand_id=brand_id, role=role.value, created_at=now)
            .on_conflict_do_update(index_elements=["user_id", "brand_id"], set_={"role": role.value})
        )
        email = await _email(conn, user_id)
        await audit.record(
            db, brand_id, by, "role.changed", email, now=now, before=before.value if before else "", after=role.value
        )


async def dismiss(db: Database, user_id: int, brand_id: int, by: Actor, now: datetime) -> None:
    """Take the user's role in this brand away; one who has none left signs in no more."""
    mine = (tables.user_roles.c.user_id == user_id, tables.user_roles.c.brand_id == brand_id)
    async with db.joined() as conn:
        await _lock(conn, brand_id)
        if await _role(conn, user_id, brand_id) is Role.ADMIN:
            await _refuse_last_admin(conn, user_id, brand_id)
        if not (await conn.execute(delete(tables.user_roles).where(*mine))).rowcount:
            raise NotFound("There is no such person in this brand.")
        sessions = tables.studio_sessions
        here = (sessions.c.user_id == user_id, sessions.c.brand_id == brand_id)
        await conn.execute(update(sessions).where(*here).values(brand_id=None))
        await audit.record(db, brand_id, by, "person.removed", await _email(conn, user_id), now=now)


async def revoke(db: Database, email: str, now: datetime) -> None:
    """The user signs in no more, in any brand; NotFound when none such is in use."""
    users = tables.users
    by = COMMAND_LINE
    async with db.joined() as conn:
        mine = (users.c.email == email.strip().lower(), users.c.revoked_at.is_(None))
        user_id = (
            await conn.execute(update(users).where(*mine).values(revoked_at=now).returning(users.c.id))
        ).scalar_one_or_none()
        if user_id is None:
            raise NotFound(f"There is no user {email} who may sign in.")
        await end_sessions(conn, user_id)
        for membership in await memberships_of(conn, user_id):
            await audit.record(db, membership.brand.id, by, "person.revoked", email, now=now)


async def listing(db: Database) -> list[tuple[User, list[Membership]]]:
    """Every user, revoked ones too, by e-mail, with all roles: for the operator's command line alone."""
    async with db.reading() as conn:
        rows = (await conn.execute(select(tables.users).order_by(tables.users.c.email))).mappings().all()
        return [(by_row(row), await memberships_of(conn, row["id"])) for row in rows]


async def members(db: Database, brand_id: int) -> list[Member]:
    """The brand's people by name."""
    users, roles = tables.users, tables.user_roles
    other = roles.alias()
    elsewhere = select(other.c.user_id).where(other.c.user_id == users.c.id, other.c.brand_id != brand_id).exists()
    rows = (
        select(users, roles.c.role, elsewhere.label("elsewhere"))
        .join(roles, roles.c.user_id == users.c.id)
        .where(roles.c.brand_id == brand_id, users.c.revoked_at.is_(None))
        .order_by(func.lower(users.c.name), users.c.id)
    )
    async with db.reading() as conn:
        return [
            Member(by_row(row), Role(row["role"]), bool(row["elsewhere"]))
            for row in (await conn.execute(rows)).mappings()
        ]


async def member(db: Database, brand_id: int, user_id: int) -> Member:
    """One of the brand's people; NotFound for anybody else."""
    found = [one for one in await members(db, brand_id) if one.user.id == user_id]
    if not found:
        raise NotFound("There is no such person in this brand.")
    return found[0]


async def by_email(db: Database, email: str) -> User | None:
    """The user with this e-mail, revoked or not."""
    async with db.reading() as conn:
        found = await conn.execute(select(tables.users).where(tables.users.c.email == email.strip().lower()))
        row = found.mappings().first()
        return by_row(row) if row else None


async def memberships(db: Database, user_id: int) -> list[Membership]:
    """The brands that this user may see, by name."""
    async with db.reading() as conn:
        return await memberships_of(conn, user_id)


async def set_language(db: Database, user_id: int, language: str) -> None:
    """The language in which the studio speaks to this user."""
    async with db.transaction() as conn:
        await conn.execute(update(tables.users).where(tables.users.c.id == user_id).values(language=language))


async def change_password(db: Database, user: User, old: str, new: str, *, keep: str, now: datetime) -> int:
    """A new password for one who knows the old one; ends all sessions but ``keep`` (a token's hash).

    Returns the seconds to wait when too many wrong ones came before, else 0; a wrong old password is Invalid.
    """
    counted = [backoff.account(user.email)]
    if wait := await backoff.begin(db, counted, now):
        return wait
    passwords = db.kept(Passwords)
    async with db.reading() as conn:
        stored = (await conn.execute(select(tables.users.c.password_hash).where(tables.users.c.id == user.id))).scalar()
    if not await passwords.is_right(stored, old):
        raise Invalid([problem("/old", "This is not your password.", "")], code="wrong_password")
    hashed = await passwords.hash(checked_password(new, user.email, user.name))
    async with db.joined() as conn:
        await backoff.forgive(conn, db, counted, now)
        await conn.execute(update(tables.users).where(tables.users.c.id == user.id).values(password_hash=hashed))
        await end_sessions(conn, user.id, keep=keep)
        for membership in await memberships_of(conn, user.id):
            await audit.record(db, membership.brand.id, user.actor, "password.changed", user.email, now=now)
    return 0


async def set_password(db: Database, user: User, password: str, now: datetime) -> None:
    """The operator's reset: a new password, no second step, no sessions, and no revocation."""
    hashed = await db.kept(Passwords).hash(checked_password(password, user.email, user.name))
    users = tables.users
    async with db.joined() as conn:
        values = {"password_hash": hashed, "totp_encrypted": None, "totp_step": 0, "revoked_at": None}
        await conn.execute(update(users).where(users.c.id == user.id).values(**values))
        await conn.execute(delete(tables.recovery_codes).where(tables.recovery_codes.c.user_id == user.id))
        await end_sessions(conn, user.id)
        for membership in await memberships_of(conn, user.id):
            await audit.record(db, membership.brand.id, COMMAND_LINE, "person.reset", user.email, now=now)


async def knows(db: Database, user: User, password: str) -> bool:
    """Whether this is the user's password; for the demo, which tells it. It counts no failures."""
    async with db.reading() as conn:
        stored = (await conn.execute(select(tables.users.c.password_hash).where(tables.users.c.id == user.id))).scalar()
    return await db.kept(Passwords).is_right(stored, password)


async def end_sessions(conn: AsyncConnection, user_id: int, *, keep: str = "") -> None:
    """End the user's sessions, but the one whose hash is ``keep``."""
    table = tables.studio_sessions
    await conn.execute(delete(table).where(table.c.user_id == user_id, table.c.hash != keep))


def by_row(row: Any) -> User:
    """The user in a mapping that holds its columns."""
    return User(
        id=row["id"],
        email=row["email"],
        name=row["name"],
        language=row["language"],
        has_password=row["password_hash"] is not None,
        has_second_step=row["totp_encrypted"] is not None,
        created_at=row["created_at"],
        signed_in_at=row["signed_in_at"],
        revoked_at=row["revoked_at"],
    )


async def memberships_of(conn: AsyncConnection, user_id: int) -> list[Membership]:
    """The same, on a connection."""
    roles, brand = tables.user_roles, tables.brands
    columns = [brand.c[name] for name in BrandRow.__slots__]
    rows = (
        select(*columns, roles.c.role)
        .join(roles, roles.c.brand_id == brand.c.id)
        .where(roles.c.user_id == user_id, brand.c.revoked_at.is_(None))
        .order_by(brand.c.name, brand.c.id)
    )
    return [Membership(brands.by_row(row), Role(row["role"])) for row in (await conn.execute(rows)).mappings()]


async def _role(conn: AsyncConnection, user_id: int, brand_id: int) -> Role | None:
    table = tables.user_roles
    found = await conn.execute(select(table.c.role).where(table.c.user_id == user_id, table.c.brand_id == brand_id))
    role = found.scalar_one_or_none()
    return Role(role) if role else None


async def _email(conn: AsyncConnection, user_id: int) -> str:
    return str((await conn.execute(select(tables.users.c.email).where(tables.users.c.id == user_id))).scalar_one())


async def _lock(conn: AsyncConnection, brand_id: int) -> None:
    """Changes of a brand's people in turn, so that two admins cannot dismiss each other at once."""
    await conn.execute(select(tables.brands.c.id).where(tables.brands.c.id == brand_id).with_for_update())


async def _refuse_last_admin(conn: AsyncConnection, user_id: int, brand_id: int) -> None:
    roles, users = tables.user_roles, tables.users
    others = (
        select(func.count())
        .select_from(roles.join(users, users.c.id == roles.c.user_id))
        .where(roles.c.brand_id == brand_id, roles.c.role == Role.ADMIN.value, roles.c.user_id != user_id)
        .where(users.c.revoked_at.is_(None))
    )
    if not (await conn.execute(others)).scalar_one():
        raise Conflict("The last admin of a brand stays: make another person admin first.", code="last_admin")
