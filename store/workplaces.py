"""Workplaces and employees: a tablet is paired once by a code, then people switch on it by PIN.

A pairing code is good once and for ten minutes; what it gives is a long-lived cookie (256 random bits, stored as SHA-256).
A PIN is four to six digits, stored as a salted HMAC under SECRET: whoever has the database alone can try none.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, backoff, outlets, tokens
from store.audit import Actor
from store.dialect import Database
from store.errors import Invalid, NotFound
from store.outlets import Outlet
from store.problems import problem
from store.tables import employees, studio_sessions, workplaces
from store.users import checked_name

PIN_PURPOSE, CODE_PURPOSE = "pin", "pairing-code"
CODE_WITHIN = timedelta(minutes=10)
CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
CODE_LENGTH = 8  # of 31 characters: 39 bits for ten minutes
SEEN_EVERY = timedelta(minutes=5)
SESSION = timedelta(hours=14)
"""The longest shift; after half an hour without a request the PIN is asked again anyway."""
_PIN = re.compile(r"[0-9]{4,6}")


@dataclass(frozen=True, slots=True)
class Employee:
    """Somebody who gives cards out."""

    id: int
    brand_id: int
    outlet_id: int
    name: str
    active: bool
    created_at: datetime

    @property
    def key(self) -> str:
        """What ``cards.issued_by`` says; the name may change, this does not."""
        return f"employee:{self.id}"


@dataclass(frozen=True, slots=True)
class Workplace:
    """A tablet or a till's browser."""

    id: int
    brand_id: int
    outlet_id: int
    name: str
    paired_at: datetime | None
    created_at: datetime
    seen_at: datetime | None
    revoked_at: datetime | None


async def hire(db: Database, brand_id: int, outlet_id: int, name: str, pin: str, by: Actor, now: datetime) -> Employee:
    """A new employee of an outlet; Invalid for a PIN that is not four to six digits."""
    name, hashed = checked_name(name), _hash(db, checked_pin(pin))
    await outlets.get(db, brand_id, outlet_id)
    values = {"brand_id": brand_id, "outlet_id": outlet_id, "name": name, "pin_hash": hashed, "created_at": now}
    async with db.joined() as conn:
        added = insert(employees).values(**values, active=True).returning(*_columns(employees, Employee))
        employee = Employee(**(await conn.execute(added)).mappings().one())
        await audit.record(db, brand_id, by, "employee.added", employee.name, now=now)
        return employee


async def change_employee(
    db: Database,
    brand_id: int,
    employee_id: int,
    by: Actor,
    now: datetime,
    *,
    name: str | None = None,
    outlet_id: int | None = None,
    pin: str | None = None,
    active: bool | None = None,
) -> Employee:
    """Change what is given; a new PIN, another outlet or the end of work ends the sessions at once."""
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = checked_name(name)
    if outlet_id is not None:
        values["outlet_id"] = (await outlets.get(db, brand_id, outlet_id)).id
    if pin is not None:
        values["pin_hash"] = _hash(db, checked_pin(pin))
    if active is not None:
        values["active"] = active
    mine = (employees.c.brand_id == brand_id, employees.c.id == employee_id)
    async with db.joined() as conn:
        changed = update(employees).where(*mine).values(**values or {"id": employee_id})
        row = (await conn.execute(changed.returning(*_columns(employees, Employee)))).mappings().first()
        if row is None:
            raise NotFound("There is no such employee in this brand.")
        await _end_sessions(conn, studio_sessions.c.employee_id == employee_id)
        action = "employee.left" if active is False else "employee.changed"
        await audit.record(db, brand_id, by, action, row["name"], now=now, new_pin=pin is not None)
        return Employee(**row)


async def staff(
    db: Database, brand_id: int, *, outlet_id: int | None = None, active: bool | None = True
) -> list[Employee]:
    """The brand's employees by name, those of one outlet if it is given."""
    some = select(*_columns(employees, Employee)).where(employees.c.brand_id == brand_id)
    if outlet_id is not None:
        some = some.where(employees.c.outlet_id == outlet_id)
    if active is not None:
        some = some.where(employees.c.active.is_(active))
    async with db.reading() as conn:
        rows = await conn.execute(some.order_by(func.lower(employees.c.name), employees.c.id))
        return [Employee(**row) for row in rows.mappings()]


async def add_workplace(
    db: Database, brand_id: int, outlet_id: int, name: str, by: Actor, now: datetime
) -> tuple[Workplace, str]:
    """A new workplace and the code that pairs it."""
    name = checked_name(name)
    await outlets.get(db, brand_id, outlet_id)
    code, values = _new_code(db, now)
    async with db.joined() as conn:
        values |= {"brand_id": brand_id, "outlet_id": outlet_id, "name": name, "created_at": now}
        added = insert(workplaces).values(**values).returning(*_columns(workplaces, Workplace))
        workplace = Workplace(**(await conn.execute(added)).mappings().one())
        await audit.record(db, brand_id, by, "workplace.added", name, now=now)
        return workplace, code


async def new_code(db: Database, brand_id: int, workplace_id: int, by: Actor, now: datetime) -> tuple[Workplace, str]:
    """Another code for a workplace; the device that is paired now stays so until the code is used."""
    code, values = _new_code(db, now)
    async with db.joined() as conn:
        made = update(workplaces).where(*_mine(brand_id, workplace_id), workplaces.c.revoked_at.is_(None))
        row = (await conn.execute(made.values(**values).returning(*_columns(workplaces, Workplace)))).mappings().first()
        if row is None:
            raise NotFound("There is no such workplace in this brand.")
        await audit.record(db, brand_id, by, "workplace.code", row["name"], now=now)
        return Workplace(**row), code


async def unpair(db: Database, brand_id: int, workplace_id: int, by: Actor, now: datetime) -> None:
    """The device opens nothing more, at once."""
    async with db.joined() as conn:
        ended = update(workplaces).where(*_mine(brand_id, workplace_id), workplaces.c.revoked_at.is_(None))
        values = {"revoked_at": now, "token_hash": None, "code_hash": None}
        name = (await conn.execute(ended.values(**values).returning(workplaces.c.name))).scalar_one_or_none()
        if name is None:
            raise NotFound("There is no such workplace in this brand.")
        await _end_sessions(conn, studio_sessions.c.workplace_id == workplace_id)
        await audit.record(db, brand_id, by, "workplace.removed", name, now=now)


async def listing(db: Database, brand_id: int) -> list[Workplace]:
    """The brand's workplaces by name."""
    some = select(*_columns(workplaces, Workplace))
    some = some.where(workplaces.c.brand_id == brand_id, workplaces.c.revoked_at.is_(None))
    async with db.reading() as conn:
        return [Workplace(**row) for row in (await conn.execute(some.order_by(workplaces.c.name))).mappings()]


async def pair(db: Database, code: str, address: str | None, now: datetime) -> str | int | None:
    """The cookie for the device that typed a good code; seconds to wait after too many wrong ones; None: not good."""
    plain = "".join(character for character in code.upper() if character in CODE_ALPHABET)
    counted = backoff.address(address)
    if wait := await backoff.begin(db, counted, now):
        return wait
    good = (workplaces.c.code_hash.in_(db.keyring.digests(CODE_PURPOSE, plain)), workplaces.c.code_until > now)
    token = tokens.new()
    async with db.joined() as conn:
        values = {"token_hash": tokens.hash_of(token), "code_hash": None, "code_until": None, "paired_at": now}
        paired = update(workplaces).where(*good, workplaces.c.revoked_at.is_(None)).values(**values)
        columns = (workplaces.c.id, workplaces.c.brand_id, workplaces.c.name)
        row = (await conn.execute(paired.returning(*columns))).first()
        if row is None:
            return None
        await _end_sessions(conn, studio_sessions.c.workplace_id == row.id)
        await backoff.forgive(conn, db, counted, now)
        await audit.record(db, row.brand_id, Actor(row.name), "workplace.paired", row.name, now=now)
        return token


async def by_token(db: Database, token: str, now: datetime) -> tuple[Workplace, Outlet] | None:
    """The paired workplace of a cookie, with its outlet."""
    if not token or len(token) > tokens.MAX_LENGTH:
        return None
    some = select(*_columns(workplaces, Workplace)).where(
        workplaces.c.token_hash == tokens.hash_of(token), workplaces.c.revoked_at.is_(None)
    )
    async with db.reading() as conn:
        row = (await conn.execute(some)).mappings().first()
    if row is None:
        return None
    workplace = Workplace(**row)
    if workplace.seen_at is None or now - workplace.seen_at >= SEEN_EVERY:
        async with db.transaction() as conn:
            await conn.execute(update(workplaces).where(workplaces.c.id == workplace.id).values(seen_at=now))
    return workplace, await outlets.get(db, workplace.brand_id, workplace.outlet_id)


async def switch(db: Database, workplace: Workplace, employee_id: int, pin: str, now: datetime) -> str | int | None:
    """The session of an employee of this outlet whose PIN is right; seconds to wait; None: wrong."""
    counted = [backoff.pin(workplace.id, employee_id)]
    if wait := await backoff.begin(db, counted, now):
        return wait
    mine = (
        employees.c.id == employee_id,
        employees.c.brand_id == workplace.brand_id,
        employees.c.outlet_id == workplace.outlet_id,
        employees.c.active,
    )
    async with db.joined() as conn:
        row = (await conn.execute(select(employees).where(*mine))).mappings().first()
        if row is None or not _is_right(db, row["pin_hash"], pin):
            return None
        employee = Employee(**{name: row[name] for name in Employee.__slots__})
        await backoff.forgive(conn, db, counted, now)
        await audit.record(
            db,
            employee.brand_id,
            Actor(employee.name, employee_id=employee.id),
            "employee.here",
            workplace.name,
            now=now,
        )
        return await _begin_session(conn, employee, workplace.id, now)


async def _begin_session(conn: AsyncConnection, employee: Employee, workplace_id: int, now: datetime) -> str:
    """A session for the employee; whoever was at this workplace before is gone."""
    token = tokens.new()
    await _end_sessions(conn, studio_sessions.c.workplace_id == workplace_id)
    values = {"employee_id": employee.id, "workplace_id": workplace_id, "brand_id": employee.brand_id}
    times = {"created_at": now, "seen_at": now, "expires_at": now + SESSION}
    await conn.execute(insert(studio_sessions).values(hash=tokens.hash_of(token), flash=[], **values, **times))
    return token


def checked_pin(pin: str) -> str:
    """Four to six digits that are not all alike or in a row; Invalid otherwise."""
    if not _PIN.fullmatch(pin):
        raise Invalid([problem("/pin", "A PIN is four to six digits.", "")], code="bad_pin")
    if len(set(pin)) == 1 or pin in "01234567890" or pin in "09876543210":
        raise Invalid([problem("/pin", "This PIN is easy to guess.", "Take other digits.")], code="weak_pin")
    return pin


def _hash(db: Database, pin: str) -> str:
    salt = secrets.token_hex(8)
    return f"{salt}${db.keyring.digest(PIN_PURPOSE, salt + pin)}"


def _is_right(db: Database, stored: str, pin: str) -> bool:
    salt, _, digest = stored.partition("$")
    return any(hmac.compare_digest(digest, made) for made in db.keyring.digests(PIN_PURPOSE, salt + pin))


def _new_code(db: Database, now: datetime) -> tuple[str, dict[str, Any]]:
    code = "".join(secrets.choice(CODE_ALPHABET) for _ in range(CODE_LENGTH))
    values = {"code_hash": db.keyring.digest(CODE_PURPOSE, code), "code_until": now + CODE_WITHIN}
    return f"{code[:4]}-{code[4:]}", values


def _columns(table: Any, kind: Any) -> list[Any]:
    return [table.c[name] for name in kind.__slots__]


def _mine(brand_id: int, workplace_id: int) -> tuple[Any, Any]:
    return workplaces.c.brand_id == brand_id, workplaces.c.id == workplace_id


async def _end_sessions(conn: AsyncConnection, which: Any) -> None:
    await conn.execute(delete(studio_sessions).where(which))
