"""The way to Apple for each pass type: one channel per certificate in use, made when it is first needed.

A renewed certificate makes a new channel for the next pushes; the old one finishes what it has under way and is closed.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from commands.settings import Settings, SettingsError
from commands.shell import now
from passkit.apple.signing import Identity, Signers
from passkit.errors import CertificateError
from pushes.apns import ApnsChannel
from pushes.apns_aioapns import AioapnsChannel
from pushes.channel import Channel
from pushes.h2pool import Options
from pushes.worker import ChannelClosed


@dataclass(frozen=True, slots=True)
class _Open:
    fingerprint: str
    channel: Channel


class Channels:
    """Pass type identifier -> channel; what ``pushes.worker.Worker`` asks."""

    def __init__(self, settings: Settings, signers: Signers) -> None:
        self._settings = settings
        self._signers = signers
        self._open: dict[str, _Open] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def __call__(self, pass_type: str) -> Channel:
        """The channel of the newest valid certificate; raises ChannelClosed when there is none."""
        try:
            identity = self._signers.newest(pass_type, now())
        except CertificateError as error:
            raise ChannelClosed(str(error)) from error
        known = self._open.get(pass_type)
        if known is not None and known.fingerprint == identity.fingerprint:
            return known.channel
        channel = open_channel(self._settings, identity)
        self._open[pass_type] = _Open(identity.fingerprint, channel)
        if known is not None:
            self._retire(known.channel)
        return channel

    async def aclose(self) -> None:
        """Close every channel."""
        channels = [known.channel for known in self._open.values()]
        self._open.clear()
        await asyncio.gather(*(channel.aclose() for channel in channels), *self._closing)

    def _retire(self, channel: Channel) -> None:
        task = asyncio.ensure_future(channel.aclose())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


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
