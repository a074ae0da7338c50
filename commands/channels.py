"""The channel of each route, made when it is first needed: to Apple one per certificate in use, to the others one each.

A renewed certificate or a replaced key file makes a new channel for the next pushes; the old one finishes what it has under
way and is closed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from commands.settings import Settings, SettingsError
from commands.shell import now
from passkit.apple.signing import Identity, Signers
from passkit.errors import CertificateError
from pushes.apns import ApnsChannel
from pushes.apns_aioapns import AioapnsChannel
from pushes.channel import Channel
from pushes.fcm import FcmChannel
from pushes.h2pool import Options
from pushes.relays import PassWalletChannel, WalletPassesChannel
from pushes.worker import ChannelClosed
from store import platforms
from store.platforms import Route


@dataclass(frozen=True, slots=True)
class _Open:
    fingerprint: str
    channel: Channel


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A channel: the name it is kept under, what it is made of, and how it is made."""

    name: str
    fingerprint: str
    make: Callable[[], Channel]


class Channels:
    """Route -> channel; what ``pushes.worker.Worker`` asks."""

    def __init__(self, settings: Settings, signers: Signers) -> None:
        self._settings = settings
        self._signers = signers
        self._open: dict[str, _Open] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def __call__(self, route: Route) -> Channel:
        """The route's channel; raises ChannelClosed when there is no valid certificate or key."""
        wanted = self._wanted(route)
        known = self._open.get(wanted.name)
        if known is not None and known.fingerprint == wanted.fingerprint:
            return known.channel
        channel = wanted.make()
        self._open[wanted.name] = _Open(wanted.fingerprint, channel)
        if known is not None:
            self._retire(known.channel)
        return channel

    async def aclose(self) -> None:
        """Close every channel."""
        channels = [known.channel for known in self._open.values()]
        self._open.clear()
        await asyncio.gather(*(channel.aclose() for channel in channels), *self._closing)

    def _wanted(self, route: Route) -> _Wanted:
        settings = self._settings
        match route.platform:
            case platforms.APPLE:
                return self._apple(route.pass_type_identifier)
            case platforms.FCM:
                key = _key(settings.fcm_key_file)
                return _Wanted(platforms.FCM, hashlib.sha256(key).hexdigest(), lambda: open_fcm(settings, key))
            case platforms.WALLETPASSES:
                url, api_key = settings.relay_walletpasses_url, settings.relay_walletpasses_key
                return _Wanted(platforms.WALLETPASSES, "", lambda: WalletPassesChannel(url, api_key))
            case platforms.PASSWALLET:
                return _Wanted(platforms.PASSWALLET, "", lambda: PassWalletChannel(settings.relay_hosts))
        raise ChannelClosed(f"no channel is known for {route.platform}")

    def _apple(self, pass_type: str) -> _Wanted:
        try:
            identity = self._signers.newest(pass_type, now())
        except CertificateError as error:
            raise ChannelClosed(str(error)) from error
        name = Route(pass_type).key
        return _Wanted(name, identity.fingerprint, lambda: open_channel(self._settings, identity))

    def _retire(self, channel: Channel) -> None:
        task = asyncio.ensure_future(channel.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def open_fcm(settings: Settings, key: bytes) -> FcmChannel:
    """A channel for the project of this key file; raises ChannelClosed for one that is none."""
    try:
        return FcmChannel(json.loads(key), settings.fcm_url)
    except (ValueError, TypeError, AttributeError) as error:
        raise ChannelClosed(f"FCM_KEY_FILE is no service account key: {type(error).__name__}") from None


def _key(path: Path | None) -> bytes:
    if path is None:
        raise ChannelClosed("FCM_KEY_FILE is not set, and phones of your own app have registered")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ChannelClosed(f"FCM_KEY_FILE: {path} cannot be read: {error.strerror}") from None


def open_channel(settings: Settings, identity: Identity, options: Options | None = None) -> Channel:
    """A channel over the client that APNS_CLIENT names."""
    kind = ApnsChannel if settings.apns_client == "own" else AioapnsChannel
    trusted = _trusted(settings.apns_ca)
    return kind(settings.apns_url, identity.certificate_pem(), identity.key_pem(), trusted, options=options)


def _trusted(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise SettingsError(f"PASSBELL_APNS_CA: {path} cannot be read: {error.strerror}.") from None
