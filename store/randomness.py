"""Everything random that is stored: stamps, serial numbers, card numbers, keys."""

from __future__ import annotations

import math
import secrets
import string

ALPHABET = string.ascii_letters + string.digits
SERIAL_LENGTH = math.ceil(128 / math.log2(len(ALPHABET)))  # 22 characters hold 128 bits
SPOKEN = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # no letter that looks like a digit
PLAN_LENGTH = 8
NUMBER_LENGTH = 16  # digits, the last by Luhn
FIRST_DIGITS = "2345678"  # no leading zero for spreadsheets to eat; 1 and 9 are left to plastic made earlier


def stamp() -> str:
    """64 random bits in hex: written with every change of what a phone would be served, never a counter."""
    return secrets.token_hex(8)


def text(length: int) -> str:
    """Letters and digits, each character alike."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def serial_number() -> str:
    """A serial number nobody can guess: 128 random bits, ``[A-Za-z0-9]``."""
    return text(SERIAL_LENGTH)


def plan_id() -> str:
    """A short name that can be read aloud: ``p_7KQ2M9XT``."""
    return "p_" + "".join(secrets.choice(SPOKEN) for _ in range(PLAN_LENGTH))


def card_number() -> str:
    """16 digits, not sequential, the last one Luhn's: a slip of a digit or a swap is noticed at the till."""
    body = secrets.choice(FIRST_DIGITS) + "".join(secrets.choice(string.digits) for _ in range(NUMBER_LENGTH - 2))
    return body + luhn_digit(body)


def luhn_digit(body: str) -> str:
    """The check digit of ISO/IEC 7812-1, annex B."""
    total = 0
    for place, character in enumerate(reversed(body)):
        digit = int(character) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return str(-total % 10)
