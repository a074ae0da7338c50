"""Mails and short messages: the ways out that settings and brands name, and the alarms that maintenance raises in time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from commands.settings import PREFIX, Settings, SettingsError
from commands.shell import now
from handlers.keys import MessageWays
from passkit import gateways
from passkit.gateways import Gateway
from pushes import mail
from pushes.gateway import GatewaySender
from pushes.letters import NotConfigured, Sender
from pushes.mail import MailSender
from store import alarms, messaging, newsalarms, operatorcards
from store.alarms import Ways
from store.dialect import Database
from store.messaging import Contacts
from store.outgoing import Channel, Due

NO_MAIL = "MAIL_URL is not set"
NO_GATEWAY = "GATEWAY_URL is not set, and the brand has no gateway of its own"

log = structlog.get_logger("passbell.letters")


@dataclass(frozen=True, slots=True)
class _Open:
    gateway: Gateway
    sender: GatewaySender


class Senders:
    """Letter -> sender; what ``pushes.letters.LetterWorker`` asks. A brand's own gateway comes before the settings'."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._mail = mail_sender(settings)
        self._settings_gateway = gateway_of(settings)
        self._open: dict[int, _Open] = {}
        self._old: list[GatewaySender] = []

    async def __call__(self, due: Due) -> Sender:
        """The sender of this letter; raises NotConfigured."""
        if due.channel is Channel.MAIL:
            if self._mail is None:
                raise NotConfigured(NO_MAIL)
            return self._mail
        own = await messaging.gateway(self._db, due.brand_id)
        wanted = self._settings_gateway if own is None else gateways.of_brand(own)
        if wanted is None:
            raise NotConfigured(NO_GATEWAY)
        return self._sender(0 if own is None else due.brand_id, wanted)

    async def aclose(self) -> None:
        """Close every connection."""
        senders = [*self._old, *(one.sender for one in self._open.values())]
        await asyncio.gather(*(sender.aclose() for sender in senders))

    def _sender(self, key: int, wanted: Gateway) -> GatewaySender:
        known = self._open.get(key)
        if known is not None and known.gateway == wanted:
            return known.sender
        if known is not None:
            self._old.append(known.sender)  # somebody may be using it
        self._open[key] = _Open(wanted, GatewaySender(wanted))
        return self._open[key].sender


def mail_sender(settings: Settings) -> MailSender | None:
    """Mail as the settings have it, or None; SettingsError where half of it is missing."""
    if settings.mail_url is None:
        return None
    if settings.mail_from is None:
        raise SettingsError(f"{PREFIX}MAIL_FROM is not set, and {PREFIX}MAIL_URL is: write who mails come from.")
    return MailSender(mail.server_of(settings.mail_url), settings.mail_from, now=now)


def gateway_of(settings: Settings) -> Gateway | None:
    """The settings' message gateway, or None; SettingsError where it cannot work."""
    if settings.gateway_url is None:
        return None
    given = (settings.gateway_url, settings.gateway_body, settings.gateway_headers, settings.gateway_expect)
    try:
        return gateways.checked(*given)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}GATEWAY_URL: {error}.") from None


def ways_of(settings: Settings) -> Ways:
    """What an alarm may go by, and whom the operator has named."""
    contacts = Contacts(settings.alarm_mail, settings.alarm_phones)
    return Ways(settings.mail_url is not None, settings.gateway_url is not None, contacts)


def shown(settings: Settings) -> MessageWays:
    """What a page may show of the settings' ways."""
    gateway = gateway_of(settings)
    return MessageWays(
        mail_server=mail.server_of(settings.mail_url).host if settings.mail_url else "",
        mail_from=settings.mail_from or "",
        gateway=gateway.host if gateway else "",
        mails=settings.alarm_mail,
        phones=settings.alarm_phones,
    )


async def raise_alarms(db: Database, settings: Settings) -> int:
    """Raise the alarms of certificates, on operators' own cards too, and of news; returns how many letters the former made."""
    made = 0
    await operatorcards.refresh(db, now())
    for kind, about in await newsalarms.raise_alarms(db, ways_of(settings), now()):
        log.warning("news_needs_somebody", kind=kind, news=about)
    for alarm in await alarms.due(db, now()):
        count = await alarms.raise_alarm(db, alarm, ways_of(settings), now())
        if count:
            log.warning(
                "certificate_ends",
                pass_type=alarm.certificate.pass_type_identifier,
                days=alarm.certificate.days_left,
                letters=count,
            )
        made += count
    return made
