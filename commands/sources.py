"""``source``: backends that may post webhooks, each with its own secret."""

from __future__ import annotations

import argparse
import re
from datetime import timedelta
from typing import Any

from commands import shell
from commands.settings import Settings
from store import sources

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def add(subparsers: Any) -> None:
    """Register ``source`` and its operations."""
    operations = subparsers.add_parser("source", help="senders of webhooks: add, list, rotate, revoke").add_subparsers(
        metavar="OPERATION", required=True
    )
    new = operations.add_parser("add", help="make a source; its secret is printed once")
    new.add_argument("name", help="it becomes part of the URL: /hooks/NAME")
    shell.add_brand_flag(new)
    new.set_defaults(run=run_add)
    show = operations.add_parser("list", help="every source")
    shell.add_brand_flag(show)
    show.set_defaults(run=run_list)
    turn = operations.add_parser("rotate", help="make a new secret; the old one works for a while")
    turn.add_argument("name")
    turn.add_argument("--overlap", type=float, default=24.0, metavar="HOURS", help="how long the old secret works")
    turn.set_defaults(run=run_rotate)
    brake = operations.add_parser("brake", help="how many rings or resets in ten minutes pass before changes are held")
    brake.add_argument("name")
    which = brake.add_mutually_exclusive_group(required=True)
    which.add_argument("--at", type=_count, metavar="N", help="so many of each, for each template")
    which.add_argument("--off", dest="at", action="store_const", const=0, help="any number")
    which.add_argument(
        "--usual", dest="is_usual", action="store_true", help="200, or 5 %% of the template's cards if that is more"
    )
    brake.set_defaults(run=run_brake)
    end = operations.add_parser("revoke", help="believe a source no more")
    end.add_argument("name")
    end.set_defaults(run=run_revoke)


async def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """``source add NAME``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        print(await sources.add(db, brand.id, checked_name(args.name), shell.now()))
    return 0


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``source list``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        rows = await sources.listing(db, brand.id)
    base = (settings.public_url or "").rstrip("/")
    shell.table(
        ("name", "url", "since", "revoked", "brake"),
        [
            (
                row.name,
                f"{base}/hooks/{row.name}",
                shell.day(row.created_at),
                shell.day(row.revoked_at),
                _brake(row.brake_at),
            )
            for row in rows
        ],
    )
    return 0


async def run_rotate(args: argparse.Namespace, settings: Settings) -> int:
    """``source rotate NAME``."""
    async with shell.database(settings) as db:
        print(await sources.rotate(db, args.name, timedelta(hours=args.overlap), shell.now()))
    return 0


async def run_brake(args: argparse.Namespace, settings: Settings) -> int:
    """``source brake NAME --at N | --off | --usual``."""
    at = None if args.is_usual else args.at
    async with shell.database(settings) as db:
        await sources.set_brake(db, args.name, at)
    print(f"The brake of {args.name}: {_brake(at)}.")
    return 0


def _brake(at: int | None) -> str:
    return "200 or 5 %" if at is None else "off" if at == 0 else str(at)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000_000:
        raise argparse.ArgumentTypeError("write a number from 1 on, or --off")
    return int(text)


async def run_revoke(args: argparse.Namespace, settings: Settings) -> int:
    """``source revoke NAME``."""
    async with shell.database(settings) as db:
        await sources.revoke(db, args.name, shell.now())
    print(f"The source {args.name} is revoked.")
    return 0


def checked_name(text: str) -> str:
    """A source's name, or the way to write one."""
    if not _NAME.fullmatch(text):
        raise shell.CommandError(f"{text!r} is no name for a source: use letters, digits, - and _, such as till.")
    return text
