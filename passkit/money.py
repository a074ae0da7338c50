"""Money: integers in minor units, or exact decimals in major units; never a float.

``MINOR_DIGITS`` is ISO 4217's list of minor units (six-iso.org, list one); what is not in it has two.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

MAX_INTEGER = 2**53 - 1  # what every JSON reader holds exactly (RFC 8259, section 6)

_ZERO = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV",
    "XAF", "XOF", "XPF",
)  # fmt: skip
MINOR_DIGITS = {
    **dict.fromkeys(_ZERO, 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


class Money(int):
    """An amount in minor units that knows its currency; compares and counts like the integer it is."""

    currency: str

    def __new__(cls, minor: int, currency: str) -> Money:
        """``minor`` units of the ISO 4217 ``currency``."""
        self = super().__new__(cls, minor)
        self.currency = currency
        return self

    @property
    def major(self) -> Decimal:
        """The exact amount in major units: 45000 kopecks are ``Decimal("450.00")``."""
        return major(self, self.currency)


def minor_digits(currency: str) -> int:
    """How many decimals the currency has."""
    return MINOR_DIGITS.get(currency, 2)


def major(minor: int, currency: str) -> Decimal:
    """Minor units as an exact decimal in major units."""
    return Decimal(minor).scaleb(-minor_digits(currency))


def to_minor(amount: str | Decimal, currency: str) -> int:
    """Major units (``"450.00"``) as minor units; ValueError with one sentence when that is not exact."""
    try:
        number = Decimal(amount)
    except InvalidOperation:
        raise ValueError(f"{amount!r} is not an amount") from None
    if not number.is_finite() or number.adjusted() > 16:
        raise ValueError(f"{amount!r} is not an amount")
    scaled = number.scaleb(minor_digits(currency))
    if scaled != scaled.to_integral_value():
        raise ValueError(f"{amount} has more than {minor_digits(currency)} decimals, {currency} has no such amount")
    return int(scaled)
