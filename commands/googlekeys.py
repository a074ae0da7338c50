"""The way to Google for each issuer: a wallet over its service accounts' keys, which may change without a restart.

GOOGLE_ISSUER_ID and GOOGLE_KEY_FILE seed the first brand, the key again whenever the file changes; ``google set`` does
the same for any brand. The keys are rows, so that every host has them, and are read again every 30 seconds. Root keys of
Google's callbacks are read from Google here too, never by a request.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from commands.settings import Settings
from commands.shell import now
from passkit.google.callback import RootKey, root_keys
from pushes.google import GoogleWallet, fetch
from pushes.worker import ChannelClosed
from store import brands, google
from store.dialect import Database
from store.errors import Invalid, StoreError

ROWS_SECONDS = 30.0
"""How soon a key added or removed on another machine counts here."""
FILE_SECONDS = 2.0
"""How soon a new GOOGLE_KEY_FILE is used."""
ROOT_KEYS_FOR = timedelta(hours=12)
"""How old Google's root keys get before they are read again; it publishes new ones long before they sign."""
ROOT_KEYS_EARLY = timedelta(days=1)
"""So long before one expires, the list is read every hour."""
ROOT_KEYS_SOON = timedelta(hours=1)

log = structlog.get_logger("passbell.google")


@dataclass(frozen=True, slots=True)
class _Open:
    fingerprints: tuple[str, ...]
    wallet: GoogleWallet


class Wallets:
    """Issuer id -> wallet; what ``pushes.googleworker.GoogleWorker`` asks."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._open: dict[str, _Open] = {}
        self._old: list[GoogleWallet] = []
        self._read_at = float("-inf")
        self._accounts: dict[str, list[google.ServiceAccount]] = {}

    async def __call__(self, issuer_id: str) -> GoogleWallet:
        """The wallet over the keys in use; raises ChannelClosed when there is none that works."""
        clock = asyncio.get_running_loop().time()
        if issuer_id not in self._accounts or clock - self._read_at > ROWS_SECONDS:
            self._accounts, self._read_at = dict(await google.credentials(self._db)), clock
        accounts = self._accounts.get(issuer_id, [])
        fingerprints = tuple(account.fingerprint for account in accounts)
        known = self._open.get(issuer_id)
        if known is not None and known.fingerprints == fingerprints:
            return known.wallet
        try:
            wallet = await asyncio.to_thread(self._made, accounts)  # loading a key takes a while
        except ValueError as error:
            raise ChannelClosed(f"{error}. Import one with `google set --key FILE`.") from None
        if known is not None:
            self._old.append(known.wallet)  # somebody may be using it
        self._open[issuer_id] = _Open(fingerprints, wallet)
        return wallet

    async def aclose(self) -> None:
        """Close every connection."""
        wallets = [*self._old, *(known.wallet for known in self._open.values())]
        self._open.clear()
        self._old.clear()
        await asyncio.gather(*(wallet.aclose() for wallet in wallets))

    def _made(self, accounts: list[google.ServiceAccount]) -> GoogleWallet:
        return GoogleWallet(accounts, api_url=self._settings.google_url, token_url=self._settings.google_token_url)


async def seed(db: Database, settings: Settings) -> None:
    """Give the first brand the issuer and the key that the settings name, if it has no issuer yet or not this key."""
    mine = [row for row in await brands.listing(db) if row.revoked_at is None]
    if not mine:
        return
    first = min(mine, key=lambda row: row.id)
    if settings.google_issuer_id and first.google_issuer_id is None:
        await google.configure(db, first.key, issuer_id=settings.google_issuer_id)
    if settings.google_key_file is not None:
        content = await asyncio.to_thread(settings.google_key_file.read_bytes)
        if await google.add_key(db, first.id, content, now()):
            log.info("google_key_added", brand=first.key)


async def watch(db: Database, settings: Settings) -> None:
    """Seed again whenever the key file changes, until cancelled."""
    file = settings.google_key_file
    if file is None:
        return
    seen = _looks(file)
    while True:
        await asyncio.sleep(FILE_SECONDS)
        looks = _looks(file)
        if looks == seen:
            continue
        try:
            await seed(db, settings)
        except StoreError as error:
            log.warning("google_key_not_read", detail=str(error))
            seen = looks if isinstance(error, Invalid) else seen  # half written or wrong: the next change is looked at
        except OSError as error:
            log.warning("google_key_not_read", detail=error.strerror or type(error).__name__)
        else:
            seen = looks


def _looks(file: Path) -> tuple[int, int] | None:
    try:
        stat = file.stat()
    except OSError:
        return None
    return stat.st_size, stat.st_mtime_ns


async def refresh_root_keys(db: Database, settings: Settings) -> int:
    """Read Google's root keys now; returns how many. OSError or ValueError when Google's list cannot be had."""
    keys = root_keys(await fetch(settings.google_callback_keys_url))
    await google.replace_root_keys(db, keys, now())
    return len(keys)


async def look_after_root_keys(db: Database, settings: Settings) -> None:
    """Read them when they are old or about to expire, while a brand is on Google; what fails is tried again soon."""
    if not await google.credentials(db):
        return
    if not is_due(await google.root_keys(db), await google.root_keys_read_at(db), now()):
        return
    try:
        log.info("google_root_keys_read", count=await refresh_root_keys(db, settings))
    except (OSError, ValueError) as error:
        log.warning("google_root_keys_not_read", detail=str(error))


def is_due(known: list[RootKey], read_at: datetime | None, at: datetime) -> bool:
    """Whether the root keys want to be read: never read, old, or one about to expire."""
    if read_at is None or not known:
        return True
    ends_soon = any(key.expires_at is not None and key.expires_at < at + ROOT_KEYS_EARLY for key in known)
    return at - read_at >= (ROOT_KEYS_SOON if ends_soon else ROOT_KEYS_FOR)
