"""``news slots`` and ``news slot-...``: weekly places for news and the texts that wait in them, from a shell."""

from __future__ import annotations

import argparse
from datetime import time
from typing import Any

from commands import shell
from commands.settings import Settings
from store import newsslots
from store.audit import COMMAND_LINE
from store.newsslots import Slot

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def add(operations: Any) -> None:
    """Register them among the operations of ``news``."""
    listing = operations.add_parser("slots", help="the weekly slots and what waits in them")
    shell.add_brand_flag(listing)
    listing.set_defaults(run=run_slots)
    new = operations.add_parser("slot-add", help="a new weekly slot")
    new.add_argument("template")
    new.add_argument("--day", choices=DAYS, required=True)
    new.add_argument("--at", required=True, metavar="HH:MM", type=_time, help="in the brand's clock")
    new.add_argument(
        "--zone", choices=("brand", "holder"), default="brand", help="holder: at that hour in each holder's own"
    )
    new.add_argument(
        "--lasts", type=int, metavar="HOURS", help="how long each stays; until it is cancelled if not given"
    )
    new.add_argument("--audience", metavar="JSON", help="conditions, or a file; everyone if not given")
    new.add_argument("--marketing", action="store_true", help="only to those who agreed to marketing")
    shell.add_brand_flag(new)
    new.set_defaults(run=run_add)
    put = operations.add_parser("slot-put", help="a text behind those that wait")
    put.add_argument("slot", help="its id: s_...")
    put.add_argument("--text", required=True, action="append", metavar="[LANGUAGE=]TEXT")
    shell.add_brand_flag(put)
    put.set_defaults(run=run_put)
    take = operations.add_parser("slot-take", help="take a text out of the queue")
    take.add_argument("slot", help="its id: s_...")
    take.add_argument("text", type=int, help="its number in `news slots`")
    shell.add_brand_flag(take)
    take.set_defaults(run=run_take)
    remove = operations.add_parser("slot-remove", help="the slot and what waits in it; its news stay")
    remove.add_argument("slot", help="its id: s_...")
    shell.add_brand_flag(remove)
    remove.set_defaults(run=run_remove)


def said(parts: list[str]) -> str | dict[str, str]:
    """One text, or one for each language."""
    split = [part.partition("=") for part in parts]
    if len(parts) == 1 and not (split[0][1] and split[0][0].isalpha() and len(split[0][0]) <= 3):
        return parts[0]
    return {language: text for language, _, text in split}


async def run_slots(args: argparse.Namespace, settings: Settings) -> int:
    """``news slots``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        for slot in await newsslots.listing(db, brand.id):
            _tell(slot)
    return 0


async def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """``news slot-add TEMPLATE``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        slot = await newsslots.add(
            db,
            brand.id,
            args.template,
            DAYS.index(args.day),
            args.at,
            kind="marketing" if args.marketing else "service",
            audience=shell.json_object(args.audience, "--audience") if args.audience else None,
            lasts_hours=args.lasts,
            zone=args.zone,
            by=COMMAND_LINE,
            now=shell.now(),
        )
    _tell(slot)
    return 0


async def run_put(args: argparse.Namespace, settings: Settings) -> int:
    """``news slot-put SLOT``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        text = said(args.text)
        _tell(await newsslots.put(db, brand.id, args.slot, text, by=COMMAND_LINE, now=shell.now()))
    return 0


async def run_take(args: argparse.Namespace, settings: Settings) -> int:
    """``news slot-take SLOT TEXT``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        _tell(await newsslots.take_out(db, brand.id, args.slot, args.text, by=COMMAND_LINE, now=shell.now()))
    return 0


async def run_remove(args: argparse.Namespace, settings: Settings) -> int:
    """``news slot-remove SLOT``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        await newsslots.remove(db, brand.id, args.slot, by=COMMAND_LINE, now=shell.now())
    print(f"{args.slot} is gone.")
    return 0


def _tell(slot: Slot) -> None:
    next_at = f"{slot.next_at.isoformat(timespec='minutes')}"
    clock = "in each holder's clock" if slot.zone == "holder" else slot.time_zone
    print(f"{slot.id}  {slot.template}  {DAYS[slot.weekday]} {slot.at:%H:%M} {clock}, next {next_at}")
    for one in slot.texts:
        same = "  (cards say this already)" if one.same_text else ""
        print(f"  {one.id}  {' / '.join(one.text.values())}{same}")
    if not slot.texts:
        print("  nothing waits: nothing will be sent")


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("a time is written as 14:00") from None
