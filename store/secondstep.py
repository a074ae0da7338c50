"""The second step of a sign-in: a code of an authenticator app, or one of ten recovery codes, each good once.

The secret is encrypted under SECRET; a code is taken once (its period must be later than the last one's).
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from store import audit, tables, totp
from store.audit import Actor
from store.dialect import Database

PURPOSE, RECOVERY = "totp", "recovery-code"
CODES = 10
ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without 0 and o, 1, i and l."""
CODE_LENGTH = 10  # of 31 characters: 49 bits, and only a few tries a minute


def new_secret() -> bytes:
    """160 random bits."""
    return secrets.token_bytes(totp.SECRET_BYTES)


def sealed(db: Database, secret: bytes) -> bytes:
    """The secret as it is stored."""
    return db.keyring.encrypt(PURPOSE, secret)


def opened(db: Database, encrypted: bytes) -> bytes:
    """The secret; ValueError when no SECRET opens it."""
    return db.keyring.decrypt(PURPOSE, encrypted)


async def prove(db: Database, conn: AsyncConnection, user_id: int, given: str, now: datetime) -> str | None:
    """How ``given`` proves the second step: ``code``, ``recovery``, or None."""
    row = (await conn.execute(select(tables.users).where(tables.users.c.id == user_id).with_for_update())).first()
    if row is None or row.totp_encrypted is None:
        return None
    step = _step(db, row, given, now)
    if step is not None:
        await conn.execute(update(tables.users).where(tables.users.c.id == user_id).values(totp_step=step))
        return "code"
    return "recovery" if await _use_recovery(db, conn, user_id, given, now) else None


async def keep(
    db: Database, conn: AsyncConnection, user_id: int, encrypted: bytes, given: str, now: datetime
) -> list[str] | None:
    """Make this secret the user's, once its first code is right; returns the new recovery codes in the clear."""
    step = totp.check(opened(db, encrypted), given, now)
    if step is None:
        return None
    mine = update(tables.users).where(tables.users.c.id == user_id)
    await conn.execute(mine.values(totp_encrypted=encrypted, totp_step=step))
    return await _new_codes(db, conn, user_id)


async def new_recovery_codes(db: Database, user_id: int, by: Actor, brands: Sequence[int], now: datetime) -> list[str]:
    """Ten new codes in the clear; the old ones are good no more."""
    async with db.joined() as conn:
        codes = await _new_codes(db, conn, user_id)
        for brand_id in brands:
            await audit.record(db, brand_id, by, "recovery_codes.made", by.name, now=now)
        return codes


async def recovery_codes_left(db: Database, user_id: int) -> int:
    """How many recovery codes are unused."""
    table = tables.recovery_codes
    left = select(func.count()).where(table.c.user_id == user_id, table.c.used_at.is_(None))
    async with db.reading() as conn:
        return int((await conn.execute(left)).scalar_one())


async def forget(conn: AsyncConnection, user_id: int) -> None:
    """Take the second step away, with its recovery codes."""
    await conn.execute(delete(tables.recovery_codes).where(tables.recovery_codes.c.user_id == user_id))
    mine = update(tables.users).where(tables.users.c.id == user_id)
    await conn.execute(mine.values(totp_encrypted=None, totp_step=0))


def _step(db: Database, row: Any, given: str, now: datetime) -> int | None:
    try:
        secret = opened(db, row.totp_encrypted)
    except ValueError:  # SECRET has lost the id: recovery codes or a reset remain
        return None
    return totp.check(secret, given, now, row.totp_step)


async def _use_recovery(db: Database, conn: AsyncConnection, user_id: int, given: str, now: datetime) -> bool:
    table = tables.recovery_codes
    plain = "".join(character for character in given.lower() if character in ALPHABET)
    if len(plain) != CODE_LENGTH:
        return False
    mine = (table.c.user_id == user_id, table.c.hash.in_(db.keyring.digests(RECOVERY, f"{user_id}:{plain}")))
    used = update(table).where(*mine, table.c.used_at.is_(None)).values(used_at=now)
    return bool((await conn.execute(used)).rowcount)


async def _new_codes(db: Database, conn: AsyncConnection, user_id: int) -> list[str]:
    table = tables.recovery_codes
    await conn.execute(delete(table).where(table.c.user_id == user_id))
    plain = ["".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for _ in range(CODES)]
    rows = [{"user_id": user_id, "hash": db.keyring.digest(RECOVERY, f"{user_id}:{code}")} for code in plain]
    await conn.execute(insert(table), rows)
    return [f"{code[:5]}-{code[5:]}" for code in plain]
