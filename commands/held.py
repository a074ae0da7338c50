"""``hooks held``: changes that the brake keeps apart: what they are, and applying or discarding them."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
from typing import Any

from commands import shell
from commands.settings import Settings
from store import held, letting
from store.audit import COMMAND_LINE
from store.dialect import Database
from store.held import Brake, Decision

WHY = {"rings": "too many notifications", "resets": "too many zeros", "behind": "behind others"}
BREATH_SECONDS = 0.5


def add(operations: Any) -> None:
    """Register ``hooks held`` and its operations."""
    parser = operations.add_parser("held", help="changes that the brake keeps apart: list, show, apply, discard")
    steps = parser.add_subparsers(metavar="OPERATION", required=True)
    steps.add_parser("list", help="from which source, of which template, how many").set_defaults(run=run_list)
    show = steps.add_parser("show", help="some of them on their real cards, without names")
    show.add_argument("id", type=int)
    show.set_defaults(run=run_show)
    apply = steps.add_parser("apply", help="apply them in their order; what is older than its card by now drops out")
    apply.add_argument("id", type=int)
    apply.add_argument(
        "--ring", action="store_true", help="let phones ring where the change asks for it; else silently"
    )
    discard = steps.add_parser("discard", help="forget them")
    discard.add_argument("id", type=int)
    for one, run in ((apply, run_apply), (discard, run_discard)):
        one.add_argument("--yes", type=int, metavar="N", help="the number of cards, instead of typing it")
        one.set_defaults(run=run)


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``hooks held list``."""
    async with shell.database(settings) as db:
        rows = await held.listing(db)
    shell.table(
        ("id", "since", "source", "template", "why", "changes", "cards", "being applied"),
        [
            (
                row.id,
                shell.day(row.opened_at),
                row.source,
                row.template,
                WHY[row.why],
                row.waiting,
                row.cards,
                row.under_way,
            )
            for row in rows
        ],
    )
    return 0


async def run_show(args: argparse.Namespace, settings: Settings) -> int:
    """``hooks held show ID``."""
    async with shell.database(settings) as db:
        one = await held.needed(db, args.id)
        samples = await letting.samples(db, one.id, shell.now())
    print(f"{one.source}, {one.template}: {one.waiting} changes of {one.cards} cards since {shell.day(one.opened_at)}.")
    for sample in samples:
        for label, before, after in sample.rows:
            print(f"{sample.number}  {label}: {before or '-'} -> {after or '-'}")
        print(f"{sample.number}  lock screen: {sample.lock_screen or 'silent'}")
    return 0


async def run_apply(args: argparse.Namespace, settings: Settings) -> int:
    """``hooks held apply ID``: stopped anywhere, a worker goes on."""
    async with shell.database(settings) as db:
        one = await held.needed(db, args.id)
        count = await _decide(db, one, Decision.RING if args.ring else Decision.SILENT, args.yes, "apply")
        owner = f"{socket.gethostname()[:32]}-{os.getpid()}-held"
        while await _under_way(db, one.id):
            if not await letting.run(db, owner, shell.now()):
                await asyncio.sleep(BREATH_SECONDS)
    print(f"{count} changes are applied.")
    return 0


async def run_discard(args: argparse.Namespace, settings: Settings) -> int:
    """``hooks held discard ID``."""
    async with shell.database(settings) as db:
        count = await _decide(db, await held.needed(db, args.id), None, args.yes, "discard")
    print(f"{count} changes are forgotten.")
    return 0


async def _decide(db: Database, one: Brake, decision: Decision | None, yes: int | None, word: str) -> int:
    shell.confirmed(f"{word} {one.waiting} changes of {one.cards} cards from {one.source}", one.cards, yes)
    return await held.decide(
        db, one.brand_id, one.id, decision, last=one.last, cards=one.cards, by=COMMAND_LINE, now=shell.now()
    )


async def _under_way(db: Database, brake_id: int) -> bool:
    return any(one.id == brake_id and one.under_way for one in await held.listing(db))
