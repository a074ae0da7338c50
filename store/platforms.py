"""The wallets that phones register with, and whose pushes reach them.

A push token belongs to its wallet: one of an Android wallet would come back BadDeviceToken from Apple. So everything about
delivery goes by ``Route``, a pass type and a platform: its intents, its lease, its breaker. What is broken for one route
holds up no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

APPLE = "ApplePass"
"""Apple Wallet: APNs."""
FCM = "fcm"
"""The company's own app: Firebase Cloud Messaging."""
WALLETPASSES = "AndroidPass"
"""WalletPasses, by its relay."""
PASSWALLET = "AttidoPass"
"""PassWallet, by the relay that its registration names."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a platform's pushes go: the channel's name in metrics and timelines, the vendor's in sentences."""

    channel: str
    vendor: str


WAYS: Mapping[str, Way] = MappingProxyType(
    {
        APPLE: Way("apns", "Apple"),
        FCM: Way("fcm", "Google (FCM)"),
        WALLETPASSES: Way("walletpasses", "WalletPasses"),
        PASSWALLET: Way("passwallet", "PassWallet"),
    }
)
"""The platforms that are pushed to; a phone of any other is recorded, and asks by itself."""
OTHERS = tuple(platform for platform in WAYS if platform != APPLE)
"""Those whose intents stand in ``other_jobs``."""


@dataclass(frozen=True, slots=True)
class Route:
    """One pass type's phones of one platform."""

    pass_type_identifier: str
    platform: str = APPLE

    @property
    def channel(self) -> str:
        """The channel's name."""
        return WAYS[self.platform].channel if self.platform in WAYS else self.platform

    @property
    def lease(self) -> str:
        """What a worker leases."""
        return f"apns:{self.pass_type_identifier}" if self.platform == APPLE else self.key

    @property
    def hold(self) -> str:
        """Its name among ``holds``; Apple's is the bare pass type."""
        return self.pass_type_identifier if self.platform == APPLE else self.key

    @property
    def key(self) -> str:
        """Platform and pass type in one word."""
        return f"{self.platform}:{self.pass_type_identifier}"


def route_of(hold: str) -> Route:
    """The route that a hold's name stands for; an issuer of Google Wallet is ``google:ISSUER``."""
    platform, colon, name = hold.partition(":")
    return Route(name, platform) if colon else Route(hold)
