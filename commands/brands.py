"""``brand``: organizations with their own pass types."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from commands import brandletters, shell
from commands.settings import Settings
from passkit.schema import locale_of
from store import brands

_KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def add(subparsers: Any) -> None:
    """Register ``brand`` and its operations."""
    operations = subparsers.add_parser(
        "brand", help="organizations: add, list, alarms, gateway, revoke"
    ).add_subparsers(metavar="OPERATION", required=True)
    new = operations.add_parser("add", help="add an organization with its own pass type")
    new.add_argument("key", help="a short name for commands and URLs, such as coffee")
    new.add_argument("--name", required=True, help="the name that customers read")
    new.add_argument("--pass-type", required=True, help="its pass type identifier, pass.com.example.club")
    new.add_argument("--team", required=True, help="its team identifier, as in Apple's portal")
    new.add_argument("--languages", default="en", help="languages, the first is the default: ru,en")
    new.add_argument("--time-zone", default="UTC", help="its time zone: Europe/Moscow")
    new.set_defaults(run=run_add)
    operations.add_parser("list", help="every brand").set_defaults(run=run_list)
    brandletters.add(operations)
    end = operations.add_parser("revoke", help="answer a brand's keys, sources and phones no more; its rows stay")
    end.add_argument("key")
    end.set_defaults(run=run_revoke)


async def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """``brand add KEY``."""
    async with shell.database(settings) as db:
        row = await brands.add(
            db,
            key=checked_key(args.key),
            name=args.name,
            pass_type_identifier=checked_pass_type(args.pass_type),
            team_identifier=args.team,
            languages=checked_languages(args.languages),
            time_zone=checked_zone(args.time_zone),
            google_issuer_id=settings.google_issuer_id,
            now=shell.now(),
        )
    print(f"Brand {row.key} ({row.name}) issues {row.pass_type_identifier}.")
    return 0


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``brand list``."""
    async with shell.database(settings) as db:
        rows = await brands.listing(db)
    head = ("key", "name", "pass type", "team", "languages", "time zone", "revoked")
    shell.table(
        head,
        [
            (
                row.key,
                row.name,
                row.pass_type_identifier,
                row.team_identifier,
                ",".join(row.languages),
                row.time_zone,
                shell.day(row.revoked_at),
            )
            for row in rows
        ],
    )
    return 0


async def run_revoke(args: argparse.Namespace, settings: Settings) -> int:
    """``brand revoke KEY``."""
    async with shell.database(settings) as db:
        await brands.revoke(db, args.key, shell.now())
    print(f"Brand {args.key} is revoked.")
    return 0


def checked_key(text: str) -> str:
    """A brand's key, or the way to write one."""
    if not _KEY.fullmatch(text):
        raise shell.CommandError(f"{text!r} is no key: use small letters, digits and hyphens, such as coffee-club.")
    return text


def checked_pass_type(text: str) -> str:
    """A pass type identifier, or the way to write one."""
    if not text.startswith("pass.") or len(text) < 6 or not text.isascii():
        raise shell.CommandError(f"{text!r} is no pass type: write it as in Apple's portal, pass.com.example.club.")
    return text


def checked_languages(text: str) -> Sequence[str]:
    """Languages separated by commas, each one known."""
    languages = [item.strip() for item in text.split(",") if item.strip()]
    try:
        for language in languages:
            locale_of(language)
    except ValueError as error:
        raise shell.CommandError(f"{error}: write languages like ru,en.") from None
    if not languages:
        raise shell.CommandError("A brand needs a language: write languages like ru,en.")
    return languages


def checked_zone(text: str) -> str:
    """The name of a time zone."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise shell.CommandError(f"{text!r} is no time zone: write it like Europe/Moscow or UTC.") from None
    return text
