"""Passwords as argon2id, in threads and few at a time: a hash costs 19 MiB and tens of milliseconds on purpose.

OWASP's first choice of parameters, https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html
"""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

AT_ONCE = 2
"""Hashes computed at the same time: the others wait, so that a flood of sign-ins takes no more memory than this."""
MINIMUM_LENGTH = 10
MAXIMUM_LENGTH = 200  # characters: past it a password is only work for us
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1, type=Type.ID)
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$UOw79mb3Rqc/P6yP+3Mjqw$gfqLuOCqxTPFbeT6lqwj/gV9mr2nOBsjN0E72d/XiEA"
"""Of a password that nobody has, with the parameters above: an account that is not there costs the same time."""


class Passwords:
    """One for each open database (``db.kept(Passwords)``)."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def hash(self, password: str) -> str:
        """What is stored of a password."""
        async with self._turn:
            return await asyncio.to_thread(_HASHER.hash, _bytes(password))

    async def is_right(self, stored: str | None, password: str) -> bool:
        """Whether this is the password; takes the same time where none is stored."""
        async with self._turn:
            return await asyncio.to_thread(_verify, stored, password) and stored is not None


def _verify(stored: str | None, password: str) -> bool:
    try:
        return _HASHER.verify(stored or _NOBODY, _bytes(password[: MAXIMUM_LENGTH + 1]))
    except (VerificationError, InvalidHashError):
        return False


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
