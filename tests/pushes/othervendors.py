"""The other vendors' stand-ins behind one face, so that one suite can hold all of their channels to the same promises."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from commands.pki import LookAlike
from pushes.channel import Channel, Push
from pushes.fcm import FcmChannel
from pushes.relays import PassWalletChannel, WalletPassesChannel
from sandbox import fcm as fcm_standin
from sandbox.fcm import FcmService
from sandbox.google_accounts import new_key_file
from sandbox.relays import RelayService

TOPIC = "pass.com.example.coffee"
HOST = "localhost"
"""The name that the look-alike's certificate is for."""
RELAY = f"https://{HOST}/PassWallet"


@dataclass
class Vendor:
    """A running stand-in and how to reach it; its methods order trouble."""

    name: str
    service: FcmService | RelayService
    open: Callable[..., Channel]

    def push(self, number: int) -> Push:
        """A push to phone ``number``."""
        text = {"fcm": "fid:{}", "walletpasses": "{}", "passwallet": RELAY + " {}"}[self.name]
        return Push(number, TOPIC, text.format(self.token(number)), 0)

    def token(self, number: int) -> str:
        """What the vendor sees of it."""
        return f"phone-{number:09d}"

    def answers(self, status: int) -> None:
        """From now on every request is answered so."""
        if isinstance(self.service, RelayService):
            self.service.status = status
        else:
            words = {200: "", 429: "QUOTA_EXCEEDED", 500: "INTERNAL", 503: "UNAVAILABLE"}
            self.service.everything = words[status]

    def is_silent(self) -> None:
        if isinstance(self.service, RelayService):
            self.service.is_silent = True
        else:
            self.service.everything = fcm_standin.SILENCE

    def cuts(self) -> None:
        if isinstance(self.service, RelayService):
            self.service.is_cutting = True
        else:
            self.service.everything = fcm_standin.CUT

    @property
    def received(self) -> list[str]:
        """Tokens in the order of their coming."""
        if isinstance(self.service, RelayService):
            return self.service.tokens
        return [record.address for record in self.service.records if not record.error]


@asynccontextmanager
async def vendor(name: str, pki: LookAlike, folder: Path) -> AsyncIterator[Vendor]:
    """The stand-in of this name, running."""
    match name:
        case "fcm":
            async with FcmService(key_file=key_file()) as fcm:
                yield Vendor(name, fcm, lambda **given: FcmChannel(fcm.key_file, fcm.url, **given))
        case "walletpasses":
            async with RelayService() as relay:
                yield Vendor(name, relay, lambda **given: WalletPassesChannel(relay.walletpasses_url, **given))
        case _:
            async with RelayService(context=server_context(pki, folder)) as relay:
                yield Vendor(name, relay, lambda **given: passwallet(relay, pki, **given))


@cache
def key_file() -> dict[str, str]:
    """One service account for all tests: making its key takes a fifth of a second."""
    return new_key_file("firebase-adminsdk@passbell-demo.iam.gserviceaccount.com", "")


def passwallet(relay: RelayService, pki: LookAlike, **given: object) -> PassWalletChannel:
    """A channel that finds every host on loopback, where the stand-in is, and lets it be called."""

    async def look_up(host: str) -> list[tuple[str, int]]:
        return [("127.0.0.1", relay.port)]

    trusting = ssl.create_default_context(cadata=pki.root.certificate_pem.decode("ascii"))
    usual = {"hosts": [HOST], "look_up": look_up, "is_public": lambda address: True, "context": trusting}
    return PassWalletChannel(**(usual | given))  # type: ignore[arg-type]


def server_context(pki: LookAlike, folder: Path) -> ssl.SSLContext:
    """A TLS server with the look-alike's certificate for localhost."""
    pair = folder / "server.pem"
    pair.write_bytes(pki.apns.key_pem + pki.apns.certificate_pem + pki.wwdr.certificate_pem)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair)
    return context
