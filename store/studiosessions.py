"""Sessions of the studio: who is at the other end of a cookie.

The cookie is 256 random bits; the row has its SHA-256 alone, so a stolen database opens nothing. A user's session ends
after ``IDLE`` without a request or ``LONGEST`` in all, an employee's much sooner. Roles are read with each request: what
an admin takes away is gone at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, backoff, brands, secondstep, tables, tokens, users
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database
from store.passwords import Passwords
from store.tables import studio_sessions as table
from store.users import Membership, Role, User
from store.workplaces import Employee

IDLE = timedelta(hours=12)
LONGEST = timedelta(days=7)
EMPLOYEE_IDLE = timedelta(minutes=30)
CODE_WITHIN = timedelta(minutes=10)
"""How long after the password the second step may be taken."""
FRESH = timedelta(minutes=10)
"""How long after password or second step nobody asks for them again before access itself is changed."""
SEEN_EVERY = timedelta(minutes=1)
"""``seen_at`` is kept no more exactly than this, so that a request does not cost a write."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who asks: exactly one of ``user`` and ``employee`` is there. ``brand`` is the one on the screen."""

    hash: str = field(repr=False)
    user: User | None
    employee: Employee | None
    memberships: tuple[Membership, ...]
    brand: BrandRow | None
    role: Role | None
    waits_for_code: bool
    verified_at: datetime | None
    flash: tuple[Mapping[str, Any], ...]
    created_at: datetime

    @property
    def is_verified(self) -> bool:
        """Whether the second step was taken."""
        return self.verified_at is not None

    def is_fresh(self, now: datetime) -> bool:
        """Whether it is a moment ago that this person proved who they are: by the second step, else by the password."""
        has_second_step = self.user is not None and self.user.has_second_step
        proved_at = self.verified_at if has_second_step else self.created_at
        return proved_at is not None and now - proved_at <= FRESH

    @property
    def actor(self) -> Actor:
        """As the audit trail names who asks."""
        if self.employee is not None:
            return Actor(self.employee.name, employee_id=self.employee.id)
        return self.user.actor if self.user is not None else Actor("")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: ``token`` goes into the cookie."""

    token: str = field(repr=False)
    waits_for_code: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """No session; ``wait`` is the seconds until the next try is judged, 0 while it would be at once."""

    wait: int


async def sign_in(db: Database, email: str, password: str, address: str | None, now: datetime) -> SignedIn | Refused:
    """A session for whoever knows the password; the same answer in the same time whatever is wrong."""
    email = email.strip().lower()[:300]
    counted = [backoff.account(email), *backoff.address(address)]
    if wait := await backoff.begin(db, counted, now):
        return Refused(wait)
    row = await _user_row(db, email)
    passwords = db.kept(Passwords)
    if not await passwords.is_right(row["password_hash"] if row else None, password) or row is None:
        return Refused(await backoff.wait(db, counted, now))
    async with db.joined() as conn:
        await backoff.forgive(conn, db, counted, now)
        return await begin(db, conn, users.by_row(row), now)


async def prove_password(db: Database, session: Session, password: str, now: datetime) -> SignedIn | Refused:
    """A new token for whoever knows the password of this session's user: as signed in a moment ago."""
    user = session.user
    if user is None:
        return Refused(0)
    counted = [backoff.account(user.email)]
    if wait := await backoff.begin(db, counted, now):
        return Refused(wait)
    row = await _user_row(db, user.email)
    if not await db.kept(Passwords).is_right(row["password_hash"] if row else None, password):
        return Refused(await backoff.wait(db, counted, now))
    async with db.joined() as conn:
        await backoff.forgive(conn, db, counted, now)
        token = tokens.new()
        mine = update(table).where(table.c.hash == session.hash)
        await conn.execute(mine.values(hash=tokens.hash_of(token), created_at=now, seen_at=now))
    return SignedIn(token, waits_for_code=False)


async def begin(db: Database, conn: AsyncConnection, user: User, now: datetime) -> SignedIn:
    """A session for a user who has proved the password (or a link); the second step may still be due."""
    memberships = await users.memberships(db, user.id)
    token = tokens.new()
    waits = user.has_second_step
    values = {"user_id": user.id, "brand_id": memberships[0].brand.id if memberships else None}
    ends = now + (CODE_WITHIN if waits else LONGEST)
    await conn.execute(
        insert(table).values(
            hash=tokens.hash_of(token),
            waits_for_code=waits,
            created_at=now,
            seen_at=now,
            expires_at=ends,
            flash=[],
            **values,
        )
    )
    if not waits:
        await _signed_in(db, conn, user, now)
    return SignedIn(token, waits)


async def take_second_step(db: Database, session: Session, given: str, now: datetime) -> SignedIn | Refused:
    """A new token for whoever has the code of the app or a recovery code; the old token is good for nothing more."""
    user = session.user
    if user is None:
        return Refused(0)
    counted = [backoff.second_step(user.id)]
    if wait := await backoff.begin(db, counted, now):
        return Refused(wait)
    async with db.joined() as conn:
        how = await secondstep.prove(db, conn, user.id, given, now)
        if how is not None:
            await backoff.forgive(conn, db, counted, now)
            token = await _renewed(conn, session.hash, now)
            await _signed_in(db, conn, user, now, how)
            return SignedIn(token, waits_for_code=False)
    return Refused(await backoff.wait(db, counted, now))


async def confirm_second_step(
    db: Database, session: Session, given: str, now: datetime
) -> tuple[str, list[str]] | None:
    """End the set-up with a first code: (new token, recovery codes, shown once); None when the code is wrong."""
    user = session.user
    if user is None:
        return None
    async with db.joined() as conn:
        row = (await conn.execute(select(table.c.pending_encrypted).where(table.c.hash == session.hash))).first()
        if row is None or row.pending_encrypted is None:
            return None
        codes = await secondstep.keep(db, conn, user.id, row.pending_encrypted, given, now)
        if codes is None:
            return None
        await users.end_sessions(conn, user.id, keep=session.hash)
        token = await _renewed(conn, session.hash, now)
        for membership in session.memberships:
            await audit.record(db, membership.brand.id, user.actor, "second_step.set", user.email, now=now)
        return token, codes


async def pending_second_step(db: Database, session: Session) -> bytes:
    """The secret that is being set up in this session, made once."""
    async with db.transaction() as conn:
        row = (await conn.execute(select(table.c.pending_encrypted).where(table.c.hash == session.hash))).first()
        if row is not None and row.pending_encrypted is not None:
            return secondstep.opened(db, row.pending_encrypted)
        secret = secondstep.new_secret()
        sealed = secondstep.sealed(db, secret)
        await conn.execute(update(table).where(table.c.hash == session.hash).values(pending_encrypted=sealed))
        return secret


async def find(db: Database, token: str, now: datetime) -> Session | None:
    """The living session of a cookie; notes that it was seen."""
    if not token or len(token) > tokens.MAX_LENGTH:
        return None
    async with db.reading() as conn:
        row = (await conn.execute(select(table).where(table.c.hash == tokens.hash_of(token)))).mappings().first()
        if row is None or row["expires_at"] <= now or now - row["seen_at"] > _idle(row):
            return None
        session = await _employees(conn, row) if row["employee_id"] is not None else await _users(conn, row)
    if session is not None and now - row["seen_at"] >= SEEN_EVERY:
        async with db.transaction() as conn:
            await conn.execute(update(table).where(table.c.hash == session.hash).values(seen_at=now))
    return session


async def switch_brand(db: Database, session: Session, brand_key: str) -> bool:
    """Put another of the user's brands on the screen; False for a brand that is none of theirs."""
    found = [one.brand.id for one in session.memberships if one.brand.key == brand_key]
    if not found or session.user is None:
        return False
    await switch_brand_to(db, session, found[0])
    return True


async def switch_brand_to(db: Database, session: Session, brand_id: int) -> None:
    """The same by id, for a brand that the user has just come into."""
    async with db.transaction() as conn:
        await conn.execute(update(table).where(table.c.hash == session.hash).values(brand_id=brand_id))


async def say(db: Database, session: Session, key: str, kind: str = "done", **values: Any) -> None:
    """Keep a message for this session's next page: ``key`` is a sentence of the texts, ``values`` its blanks."""
    async with db.writing() as conn:
        row = (await conn.execute(select(table.c.flash).where(table.c.hash == session.hash).with_for_update())).first()
        kept = [*(row.flash if row else []), {"kind": kind, "key": key, "values": values}][-5:]
        await conn.execute(update(table).where(table.c.hash == session.hash).values(flash=kept))


async def said(db: Database, session: Session) -> None:
    """The messages have been shown."""
    async with db.transaction() as conn:
        await conn.execute(update(table).where(table.c.hash == session.hash).values(flash=[]))


async def end(db: Database, session: Session) -> None:
    """Sign out."""
    async with db.transaction() as conn:
        await conn.execute(delete(table).where(table.c.hash == session.hash))


def _idle(row: Any) -> timedelta:
    return EMPLOYEE_IDLE if row["employee_id"] is not None else IDLE


async def _users(conn: AsyncConnection, row: Any) -> Session | None:
    found = await conn.execute(select(tables.users).where(tables.users.c.id == row["user_id"]))
    user_row = found.mappings().first()
    if user_row is None or user_row["revoked_at"] is not None:
        return None
    memberships = tuple(await users.memberships_of(conn, row["user_id"]))
    shown = next((one for one in memberships if one.brand.id == row["brand_id"]), None)
    shown = shown or (memberships[0] if memberships else None)
    return Session(
        hash=row["hash"],
        user=users.by_row(user_row),
        employee=None,
        memberships=memberships,
        brand=shown.brand if shown else None,
        role=shown.role if shown else None,
        waits_for_code=row["waits_for_code"],
        verified_at=row["verified_at"],
        flash=tuple(row["flash"]),
        created_at=row["created_at"],
    )


async def _employees(conn: AsyncConnection, row: Any) -> Session | None:
    people, places, brand = tables.employees, tables.workplaces, tables.brands
    columns = [people.c[name] for name in Employee.__slots__]
    found = (
        select(*columns)
        .join(places, (places.c.id == row["workplace_id"]) & (places.c.outlet_id == people.c.outlet_id))
        .where(people.c.id == row["employee_id"], people.c.active, places.c.revoked_at.is_(None))
    )
    employee_row = (await conn.execute(found)).mappings().first()
    if employee_row is None:
        return None
    living = select(*(brand.c[name] for name in BrandRow.__slots__))
    living = living.where(brand.c.id == employee_row["brand_id"], brand.c.revoked_at.is_(None))
    brand_row = (await conn.execute(living)).mappings().first()
    if brand_row is None:
        return None
    return Session(
        hash=row["hash"],
        user=None,
        employee=Employee(**employee_row),
        memberships=(),
        brand=brands.by_row(brand_row),
        role=Role.DESK,
        waits_for_code=False,
        verified_at=None,
        flash=tuple(row["flash"]),
        created_at=row["created_at"],
    )


async def _user_row(db: Database, email: str) -> Any:
    users_ = tables.users
    async with db.reading() as conn:
        mine = select(users_).where(users_.c.email == email, users_.c.revoked_at.is_(None))
        return (await conn.execute(mine)).mappings().first()


async def _renewed(conn: AsyncConnection, old_hash: str, now: datetime) -> str:
    """The same session under a new token, so that a token from before the second step is worth nothing."""
    token = tokens.new()
    values = {"waits_for_code": False, "verified_at": now, "pending_encrypted": None}
    await conn.execute(
        update(table)
        .where(table.c.hash == old_hash)
        .values(hash=tokens.hash_of(token), seen_at=now, expires_at=now + LONGEST, **values)
    )
    return token


async def _signed_in(db: Database, conn: AsyncConnection, user: User, now: datetime, how: str = "password") -> None:
    await conn.execute(update(tables.users).where(tables.users.c.id == user.id).values(signed_in_at=now))
    memberships: Sequence[Membership] = await users.memberships_of(conn, user.id)
    for membership in memberships:
        await audit.record(db, membership.brand.id, user.actor, "person.signed_in", user.email, now=now, how=how)
