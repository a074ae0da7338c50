"""``brand alarms`` and ``brand gateway``: who hears of certificates that end, and a way of its own for short messages."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from commands import letters, shell
from commands.settings import Settings
from passkit import gateways, phones
from pushes.letters import LetterWorker
from store import alarms, messaging, outgoing
from store.brands import BrandRow
from store.dialect import Database
from store.messaging import Contacts
from store.outgoing import Channel, State


def add(operations: Any) -> None:
    """Register both under ``brand``."""
    told = operations.add_parser("alarms", help="who hears of certificates that end, besides the brand's admins")
    told.add_argument("key")
    told.add_argument("--mail", action="append", metavar="ADDRESS", help="an e-mail address; several times for several")
    told.add_argument("--phone", action="append", metavar="NUMBER", help="a phone, by the message gateway")
    told.add_argument("--nobody", action="store_true", help="nobody but the admins")
    told.add_argument("--test", metavar="TO", help="send a test message to this address or phone, now")
    told.set_defaults(run=run_alarms)
    way = operations.add_parser("gateway", help="a brand's own message gateway instead of GATEWAY_URL")
    way.add_argument("key")
    choice = way.add_mutually_exclusive_group(required=True)
    choice.add_argument("--file", type=Path, help="a JSON file {url, body, headers, expect}")
    choice.add_argument("--none", action="store_true", help="use the settings' again")
    way.set_defaults(run=run_gateway)


async def run_alarms(args: argparse.Namespace, settings: Settings) -> int:
    """``brand alarms KEY``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.key)
        if args.test:
            return await _test(db, settings, brand, args.test)
        if args.mail or args.phone or args.nobody:
            given = Contacts(tuple(args.mail or ()), tuple(_number(brand, text) for text in args.phone or ()))
            await messaging.set_contacts(db, brand.id, given, shell.now())
        named = await messaging.contacts(db, brand.id)
    ways = letters.ways_of(settings)
    told = [*ways.contacts.mails, *named.mails, *ways.contacts.phones, *named.phones]
    print(f"Alarms of {brand.key} go to its admins{''.join(f', {one}' for one in told)}.")
    return 0


async def run_gateway(args: argparse.Namespace, settings: Settings) -> int:
    """``brand gateway KEY``."""
    given = None if args.none else shell.json_object(f"@{args.file}", "--file")
    if given is not None:
        try:
            gateways.of_brand(given)
        except ValueError as error:
            raise shell.CommandError(f"--file: {error}.") from None
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.key)
        await messaging.set_gateway(db, brand.id, given, shell.now())
    print(f"{brand.key} sends short messages by {'GATEWAY_URL' if given is None else 'its own gateway'}.")
    return 0


async def _test(db: Database, settings: Settings, brand: BrandRow, to: str) -> int:
    """Send one and wait for what becomes of it; no server need run."""
    channel = Channel.MAIL if "@" in to else Channel.GATEWAY
    to = to if channel is Channel.MAIL else _number(brand, to)
    language = brand.languages[0].split("-")[0]
    letter = await alarms.want_test(db, brand.id, channel, to, language, shell.now())
    senders = letters.Senders(db, settings)
    try:
        await LetterWorker(db, senders, owner=f"command-{letter}").send_due()
    finally:
        await senders.aclose()
    status = await outgoing.status(db, brand.id, letter)
    if status.state is State.SENT:
        print(f"Sent to {to}; if it does not arrive, look into the junk folder.")
        return 0
    raise shell.CommandError(f"Not sent: {status.reason or 'a worker is at it'}. See docs/config.md.")


def _number(brand: BrandRow, text: str) -> str:
    number = phones.e164(text, phones.region_of(brand.time_zone, brand.languages), strict=True)
    if number is None:
        raise shell.CommandError(f"{text!r} is no phone number: write it like +7 916 123-45-67.")
    return number
