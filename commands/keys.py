"""``key``: what the backend and tools prove themselves with to the API."""

from __future__ import annotations

import argparse
from typing import Any

from commands import shell
from commands.settings import Settings
from store import keys


def add(subparsers: Any) -> None:
    """Register ``key`` and its operations."""
    operations = subparsers.add_parser("key", help="API keys: add, list, revoke").add_subparsers(
        metavar="OPERATION", required=True
    )
    new = operations.add_parser("add", help="make a key; it is printed once")
    new.add_argument("name", help="who uses it, such as backend")
    new.add_argument(
        "--scopes", default="", help=f"what it may do, all but the last if not given: {','.join(keys.SCOPES)}"
    )
    shell.add_brand_flag(new)
    new.set_defaults(run=run_add)
    show = operations.add_parser("list", help="every key with its last use")
    shell.add_brand_flag(show)
    show.set_defaults(run=run_list)
    end = operations.add_parser("revoke", help="believe a key no more")
    end.add_argument("name")
    shell.add_brand_flag(end)
    end.set_defaults(run=run_revoke)


async def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """``key add NAME``."""
    scopes = [scope.strip() for scope in args.scopes.split(",") if scope.strip()]
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        print(await keys.add(db, brand.id, args.name, scopes, shell.now()))
    return 0


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``key list``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        rows = await keys.listing(db, brand.id)
    shell.table(
        ("name", "key", "scopes", "last used", "revoked"),
        [
            (row.name, f"{row.prefix}...", ",".join(row.scopes), shell.day(row.last_used_at), shell.day(row.revoked_at))
            for row in rows
        ],
    )
    return 0


async def run_revoke(args: argparse.Namespace, settings: Settings) -> int:
    """``key revoke NAME``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        await keys.revoke(db, brand.id, args.name, shell.now())
    print(f"The key {args.name} is revoked.")
    return 0
