"""``news triggers`` and ``news trigger-...``: messages that a card's own data set off, from a shell."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from commands import shell
from commands.newsslots import said
from commands.settings import Settings
from passkit import occasions
from store import triggerdays, triggerfigures, triggers
from store.audit import COMMAND_LINE
from store.requests import asked
from store.triggerrows import TriggerRequest, TriggerView


def add(operations: Any) -> None:
    """Register them among the operations of ``news``."""
    listing = operations.add_parser("triggers", help="the triggers and what they have done")
    shell.add_brand_flag(listing)
    listing.set_defaults(run=run_triggers)
    _add_new(operations)
    for name, told in (
        ("on", "from now on"),
        ("pause", "tell and ring nobody more until it is switched on again"),
        ("off", "tell nobody more"),
        ("remove", "throw one away that is off"),
        ("today", "whom it would tell today; nobody is told"),
        ("show", "its last days, and the last cards that it told"),
    ):
        one = operations.add_parser(f"trigger-{name}", help=told)
        one.add_argument("trigger", help="its id: t_...")
        if name == "off":
            one.add_argument("--take-off", action="store_true", help="texts leave the cards now, silently")
        shell.add_brand_flag(one)
        one.set_defaults(run=_RUN[name])


def _add_new(operations: Any) -> None:
    new = operations.add_parser("trigger-add", help="write a trigger; it is off until it is switched on")
    new.add_argument("template")
    new.add_argument("event", choices=occasions.EVENTS)
    new.add_argument("--variable", help="the card's variable with the date or the level")
    new.add_argument("--days", type=int, help="days after the visit, or before the others")
    new.add_argument("--at", metavar="HH:MM", help="in the brand's clock; 10:00 if not given")
    new.add_argument("--level", help="the text, or the least number, that is reached; any other text if not given")
    new.add_argument("--text", required=True, action="append", metavar="[LANGUAGE=]TEXT")
    new.add_argument("--marketing", action="store_true", help="only to those who agreed to marketing")
    new.add_argument("--cap-days", type=int, metavar="DAYS", help="a card is told at most once in so many days")
    new.add_argument("--holdout", type=int, metavar="PERCENT", help="so many cards are not told, to compare")
    new.add_argument("--lasts", type=int, metavar="HOURS", help="how long the text stays on a card")
    shell.add_brand_flag(new)
    new.set_defaults(run=run_add)


async def run_triggers(args: argparse.Namespace, settings: Settings) -> int:
    """``news triggers``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        for one in await triggers.listing(db, brand.id):
            _tell(one)
    return 0


async def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """``news trigger-add TEMPLATE EVENT``."""
    given = {
        name: getattr(args, name) for name in ("template", "event", "variable", "days", "at", "cap_days", "holdout")
    }
    given |= {"text": said(args.text), "lasts_hours": args.lasts, "level": _level(args.level)}
    given |= {"kind": "marketing"} if args.marketing else {}
    request = asked(TriggerRequest, {name: value for name, value in given.items() if value is not None})
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        _tell(await triggers.create(db, brand.id, request, by=COMMAND_LINE, now=shell.now()))
    return 0


async def run_on(args: argparse.Namespace, settings: Settings) -> int:
    """``news trigger-on TRIGGER``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        _tell(await triggers.switch_on(db, brand.id, args.trigger, by=COMMAND_LINE, now=shell.now()))
    return 0


async def run_pause(args: argparse.Namespace, settings: Settings) -> int:
    """``news trigger-pause TRIGGER``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        _tell(await triggers.pause(db, brand.id, args.trigger, by=COMMAND_LINE, now=shell.now()))
    return 0


async def run_off(args: argparse.Namespace, settings: Settings) -> int:
    """``news trigger-off TRIGGER``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        by: dict[str, Any] = {"by": COMMAND_LINE, "now": shell.now()}
        _tell(await triggers.switch_off(db, brand.id, args.trigger, take_off=args.take_off, **by))
    return 0


async def run_remove(args: argparse.Namespace, settings: Settings) -> int:
    """``news trigger-remove TRIGGER``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        await triggers.remove(db, brand.id, args.trigger, by=COMMAND_LINE, now=shell.now())
    print(f"{args.trigger} is gone.")
    return 0


async def run_today(args: argparse.Namespace, settings: Settings) -> int:
    """``news trigger-today TRIGGER``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        found = await triggerdays.today(db, brand.id, args.trigger, shell.now())
    for name, count in asdict(found).items():
        print(f"{count:>8,}  {name.replace('_', ' ')}")
    return 0


async def run_show(args: argparse.Namespace, settings: Settings) -> int:
    """``news trigger-show TRIGGER``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        _tell(await triggers.view(db, brand.id, args.trigger))
        for day in await triggerfigures.runs(db, brand.id, args.trigger):
            print(f"  {day.day}  {day.state}  told {day.told:,} of {day.due:,}  {day.reason}".rstrip())
        for one in await triggerfigures.firings(db, brand.id, args.trigger):
            print(f"  {one.at.isoformat(timespec='seconds')}  {one.number}  {one.outcome}")
    return 0


_RUN = {
    "on": run_on,
    "pause": run_pause,
    "off": run_off,
    "remove": run_remove,
    "today": run_today,
    "show": run_show,
}


def _level(text: str | None) -> str | int | None:
    """A whole number is one."""
    if text is not None and text.lstrip("-").isdecimal() and text.isascii():
        return int(text)
    return text


def _tell(one: TriggerView) -> None:
    days = "" if one.days is None else f" {one.days} days"
    when = f", at {one.at:%H:%M} {one.time_zone}" if one.at is not None else ""
    print(f"{one.id}  {one.template}  {one.event} {one.variable or ''}{days}{when}  {one.state}")
    print(f"  {' / '.join(one.text.values()) or 'says nothing yet'}")
    figures = one.figures
    print(f"  told {figures.today:,} today, {figures.month:,} in 30 days; accepted {figures.accepted:,}")
    if one.last is not None and one.last.state in ("missed", "failed"):
        print(f"  {one.last.day} was {one.last.state}. {one.last.reason}".rstrip())
