"""What ``doctor`` looks at for mails and short messages: that alarms reach somebody, that the mail server answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from commands.checks import Check, State
from commands.settings import Settings
from pushes import mail
from store import brands, messaging
from store.dialect import Database

REACH_SECONDS = 10.0
_FIX = "Set MAIL_URL and MAIL_FROM (docs/config.md), then try `brand alarms KEY --test you@example.com`."


async def examine(db: Database, settings: Settings, *, reach_out: bool) -> AsyncIterator[Check]:
    """The lines."""
    if settings.mail_url is None and settings.gateway_url is None:
        detail = "nobody is told when a certificate ends: there is neither mail nor a message gateway."
        yield Check(State.WARN, "alarms", detail, _FIX)
        return
    for row in [row for row in await brands.listing(db) if row.revoked_at is None]:
        yield await _listeners(db, settings, row)
    if settings.mail_url is not None and reach_out:
        yield await _reachable(settings.mail_url)


async def _listeners(db: Database, settings: Settings, brand: brands.BrandRow) -> Check:
    named = await messaging.contacts(db, brand.id)
    async with db.reading() as conn:
        admins = await messaging.admins(conn, brand.id)
    mails = {*settings.alarm_mail, *named.mails, *admins} if settings.mail_url else set()
    phones = {*settings.alarm_phones, *named.phones}
    if mails or phones:
        return Check(State.OK, f"alarms of {brand.key}", f"go to {len(mails)} addresses and {len(phones)} phones.")
    return Check(
        State.WARN, f"alarms of {brand.key}", "would reach nobody.", "Set ALARM_MAIL, or name somebody: `brand alarms`."
    )


async def _reachable(url: str) -> Check:
    server = mail.server_of(url)
    what = f"mail server {server.host}:{server.port}"
    try:
        async with asyncio.timeout(REACH_SECONDS):
            _, writer = await asyncio.open_connection(server.host, server.port)
            writer.close()
    except (OSError, TimeoutError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        return Check(State.FAIL, what, f"cannot be reached: {reason}.", "Check MAIL_URL and the firewall.")
    return Check(State.OK, what, "answers.")
