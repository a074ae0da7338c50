"""``device``: phones that are parked because their token was refused in a way that may be our mistake."""

from __future__ import annotations

import argparse
from typing import Any

from commands import shell
from commands.settings import Settings
from store import parking
from store.dialect import Database


def add(subparsers: Any) -> None:
    """Register ``device`` and its operations."""
    operations = subparsers.add_parser("device", help="parked phones: list, release, prune").add_subparsers(
        metavar="OPERATION", required=True
    )
    operations.add_parser("parked", help="how many phones get no pushes, and why").set_defaults(run=run_parked)
    for name, run, text in (
        ("release", run_release, "push to them again: the cause was ours, and is mended"),
        ("prune", run_prune, "delete them: their tokens are really dead"),
    ):
        operation = operations.add_parser(name, help=text)
        operation.add_argument("reason", help="the reason as `device parked` shows it")
        operation.add_argument("--pass-type", metavar="ID", help="may be left out while only one has parked phones")
        operation.set_defaults(run=run)


async def run_parked(args: argparse.Namespace, settings: Settings) -> int:
    """``device parked``."""
    async with shell.database(settings) as db:
        rows = await parking.parked(db)
    shell.table(
        ("pass type", "reason", "phones"), [(row.pass_type_identifier, row.reason, row.devices) for row in rows]
    )
    return 0


async def run_release(args: argparse.Namespace, settings: Settings) -> int:
    """``device release REASON``."""
    async with shell.database(settings) as db:
        pass_type = await _pass_type(db, args)
        released = await parking.release(db, pass_type_identifier=pass_type, reason=args.reason)
    print(f"{released} phones are rung again.")
    return 0


async def run_prune(args: argparse.Namespace, settings: Settings) -> int:
    """``device prune REASON``."""
    async with shell.database(settings) as db:
        pass_type = await _pass_type(db, args)
        pruned = await parking.prune(db, pass_type_identifier=pass_type, reason=args.reason)
    print(f"{pruned} phones are deleted; one that still holds the card registers again by itself.")
    return 0


async def _pass_type(db: Database, args: argparse.Namespace) -> str:
    rows = [row for row in await parking.parked(db) if row.reason == args.reason]
    found = {row.pass_type_identifier for row in rows if args.pass_type in (None, row.pass_type_identifier)}
    if len(found) == 1:
        return found.pop()
    if not found:
        raise shell.CommandError(f"No phones are parked for {args.reason!r}: `device parked` shows who is, and why.")
    raise shell.CommandError(f"Say which with --pass-type: {', '.join(sorted(found))}.")
