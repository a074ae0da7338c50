"""What ``doctor`` looks at for phones outside Apple Wallet and Google Wallet: the key of Firebase, the relays, what is held.

To Firebase it sends a message for a made-up app: that it is refused as unknown proves key, project and permission.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator

import httpx

from commands.channels import open_fcm
from commands.checks import Check, State
from commands.settings import Settings
from pushes.channel import Outcome, Push
from pushes.fcm import FcmChannel
from pushes.relays import is_public_host
from pushes.worker import ChannelClosed
from store import leases, wallets
from store.dialect import Database
from store.platforms import FCM, OTHERS, PASSWALLET, WALLETPASSES

REACH_SECONDS = 10.0
_HELD_FIX = "Mend what the reason says; pushes go on by themselves within a minute."


async def examine(db: Database, settings: Settings, *, reach_out: bool) -> AsyncIterator[Check]:
    """The lines; none where no such phone has registered and nothing is set."""
    phones = await wallets.elsewhere(db)
    async for check in _fcm(settings, phones.get(FCM, 0), reach_out):
        yield check
    if phones.get(WALLETPASSES) and reach_out:
        yield await _walletpasses(settings)
    async for check in _passwallet(settings, phones.get(PASSWALLET, 0), reach_out):
        yield check
    if unrung := {platform: count for platform, count in phones.items() if platform not in OTHERS}:
        told = ", ".join(f"{count} with {platform}" for platform, count in sorted(unrung.items()))
        yield Check(State.OK, "phones that only ask by themselves", f"{told}.")
    for hold in await leases.held(db):
        if hold.route.platform in OTHERS:
            what = f"pushes of {hold.route.pass_type_identifier} by {hold.route.channel}"
            yield Check(State.FAIL, what, f"held: {hold.reason}.", _HELD_FIX)


async def _fcm(settings: Settings, phones: int, reach_out: bool) -> AsyncIterator[Check]:
    if settings.fcm_key_file is None:
        if phones:
            detail = f"FCM_KEY_FILE is not set, and {phones} phones of your own app wait."
            yield Check(State.FAIL, "Firebase", detail, "Set it to the Firebase project's key file: docs/android.md.")
        return
    try:
        channel = open_fcm(settings, settings.fcm_key_file.read_bytes())
    except (OSError, ChannelClosed) as error:
        yield Check(State.FAIL, "Firebase", f"{error}.", "Generate a private key in the Firebase console.")
        return
    try:
        yield await _judged(channel, settings.fcm_url) if reach_out else _project(channel)
    finally:
        await channel.aclose()


def _project(channel: FcmChannel) -> Check:
    return Check(State.OK, "Firebase", f"project {channel.project_id}.")


async def _judged(channel: FcmChannel, url: str) -> Check:
    push = Push(0, "pass.doctor", f"fid:{secrets.token_urlsafe(16)}", 0)
    (verdict,) = [verdict async for _, verdict in channel.send_many([push])]
    what, project = "Firebase", f"project {channel.project_id}"
    if verdict.outcome is Outcome.DELIVERED:
        return Check(State.OK, what, f"{url} took a made-up app for {project}, so it is a stand-in.")
    if verdict.outcome in (Outcome.GONE, Outcome.PARK):
        return Check(State.OK, what, f"{url} takes messages for {project}.")
    fix = _FCM_FIXES.get(verdict.reason, "See docs/android.md.")
    return Check(State.FAIL, what, f"{url} says {verdict.reason} for {project}.", fix)


_FCM_FIXES = {
    "KeyRefused": "The key was revoked, or this machine's clock is off: generate a new private key, set the clock.",
    "NoAccessToken": "Let this machine reach oauth2.googleapis.com, port 443.",
    "NoAnswer": "Let this machine reach fcm.googleapis.com, port 443, or set FCM_URL right.",
    "NoConnection": "Let this machine reach fcm.googleapis.com, port 443, or set FCM_URL right.",
    "NOT_FOUND": "FCM_URL is wrong, or the project is gone.",
    "PERMISSION_DENIED": "Enable the Firebase Cloud Messaging API, and give the account the role that may send.",
}


async def _walletpasses(settings: Settings) -> Check:
    what, url = "WalletPasses' relay", settings.relay_walletpasses_url
    try:
        async with httpx.AsyncClient(timeout=REACH_SECONDS, follow_redirects=False, trust_env=False) as client:
            answer = await client.get(url)  # a GET pushes nothing: that it answers at all is what is asked
    except httpx.HTTPError as error:
        return Check(State.FAIL, what, f"no answer ({type(error).__name__}).", f"Let this machine reach {url}.")
    if answer.status_code >= 500:
        return Check(State.WARN, what, f"{url} answers {answer.status_code}.", "Pushes wait until it is well again.")
    return Check(State.OK, what, f"{url} answers.")


async def _passwallet(settings: Settings, phones: int, reach_out: bool) -> AsyncIterator[Check]:
    what = "PassWallet's relays"
    if phones and not settings.relay_hosts:
        detail = f"RELAY_HOSTS is empty, and {phones} phones wait."
        yield Check(State.WARN, what, detail, "List the hosts that may be called: docs/android.md.")
    for host in settings.relay_hosts if reach_out else ():
        if await is_public_host(host):
            yield Check(State.OK, what, f"{host} is a public address.")
        else:
            fix = "Take it out of RELAY_HOSTS, or correct it: only public addresses are called."
            yield Check(State.FAIL, what, f"{host} is no public address, or has none.", fix)
