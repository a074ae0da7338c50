"""``news``: what marketers send, from a shell, with the same review before anybody is told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from commands import newsslots, shell, triggers
from commands.newsslots import said
from commands.settings import Settings
from store import news, newsapproving, newscorrections, newsrules
from store.audit import COMMAND_LINE
from store.dialect import Database
from store.news import DryRun, NewsView
from store.newsrequests import NewsRequest
from store.newswaves import Wave
from store.requests import asked

BY = "command line"
MAX_UNDO = 600
ARMS = "ABCDE"
WARNINGS: Mapping[str, str] = {
    "nobody_reached": "Nobody would get a push.",
    "silent": "iPhones stay silent: the cards say this already, or no field for news has a change_message.",
    "language_missing": "Not every language of the template has its own text.",
    "google_silent": "Some Google holders have had their three notifications today.",
    "hour_gone": "For some holders the hour has gone by: they are not told.",
    "no_end": "It has no end: it stays until it is cancelled.",
}


def add(subparsers: Any) -> None:
    """Register ``news`` and its operations."""
    operations = subparsers.add_parser(
        "news",
        help="news: send, list, show, start, pause, resume, correct, stop, cancel, withdraw, rules, weekly slots, triggers",
    ).add_subparsers(metavar="OPERATION", required=True)
    send = operations.add_parser("send", help="write a news, show whom it reaches, and send it once that is confirmed")
    send.add_argument("template")
    send.add_argument("--text", required=True, action="append", metavar="[LANGUAGE=]TEXT", help="the words")
    send.add_argument("--title", action="append", default=[], metavar="[LANGUAGE=]TEXT")
    send.add_argument("--url", help="where it leads")
    send.add_argument(
        "--image", type=Path, metavar="FILE", help="PNG, JPEG or WebP in place of the strip while it is live"
    )
    send.add_argument("--audience", metavar="JSON", help="conditions, or a file; everyone if not given")
    send.add_argument("--holdout", type=int, default=0, metavar="PERCENT", help="who are not told, to compare with")
    send.add_argument("--marketing", action="store_true", help="only to those who agreed to marketing")
    send.add_argument("--starts-at", metavar="TIME", help="2026-11-27T14:00:00+03:00; now if not given")
    send.add_argument("--zone", choices=("brand", "holder"), default="brand", help="whose clock --starts-at goes by")
    send.add_argument("--ends-at", metavar="TIME", help="when it leaves by itself")
    send.add_argument("--not-later-than", metavar="TIME", help="nobody is rung later; else it begins within two hours")
    send.add_argument(
        "--undo", type=int, default=0, metavar="SECONDS", help="wait so long: a cancel makes it a draft again"
    )
    send.add_argument("--yes", action="store_true", help="do not ask")
    shell.add_brand_flag(send)
    send.set_defaults(run=run_send)
    listing = operations.add_parser("list", help="the brand's news, newest first")
    listing.add_argument("--template", help="of this template alone")
    shell.add_brand_flag(listing)
    listing.set_defaults(run=run_list)
    told = {
        "show": ("a news and how far it is", run_show),
        "start": ("send a draft, or one that was missed, now", run_start),
        "approve": ("the second person's yes to a news that waits for it", run_approve),
        "refuse": ("the second person's no: it is a draft again", run_refuse),
        "pause": ("push to nobody more; who has it keeps it", run_pause),
        "resume": ("go on where it was paused", run_resume),
        "stop": ("ring nobody more; who has it keeps it, the others see it when they come, silently", run_stop),
        "cancel": ("over now, silently; within the time to undo: a draft again", run_cancel),
        "withdraw": ("over now, silently, and out of the message history", run_withdraw),
    }
    for name, (help_, run) in told.items():
        one = operations.add_parser(name, help=help_)
        one.add_argument("news", help="its id: n_...")
        shell.add_brand_flag(one)
        one.set_defaults(run=run)
    rules = operations.add_parser("rules", help="what the brand asks of its news: shown, or set")
    rules.add_argument("--quiet", metavar="HOURS", help="21:00-09:00 in the brand's clock: nobody is rung; or off")
    rules.add_argument(
        "--approval-above", type=int, metavar="CARDS", help="bigger ones wait for a second person; 0: none"
    )
    rules.add_argument("--cap", metavar="NEWS/DAYS", help="3/7: at most three news in seven days ring a card; or off")
    rules.add_argument("--cap-kind", choices=("service", "marketing", "all"), default="all", help="of which kind")
    shell.add_brand_flag(rules)
    rules.set_defaults(run=run_rules)
    newsslots.add(operations)
    triggers.add(operations)
    correct = operations.add_parser("correct", help="other words, silently")
    correct.add_argument("news", help="its id: n_...")
    correct.add_argument("--text", action="append", default=[], metavar="[LANGUAGE=]TEXT")
    correct.add_argument(
        "--arm", choices=ARMS, help="whose words these are, where the news has several texts: A its own"
    )
    correct.add_argument("--title", action="append", default=[], metavar="[LANGUAGE=]TEXT")
    correct.add_argument("--url", help="where it leads")
    correct.add_argument("--image", type=Path, metavar="FILE", help="another picture")
    shell.add_brand_flag(correct)
    correct.set_defaults(run=run_correct)


async def run_send(args: argparse.Namespace, settings: Settings) -> int:
    """``news send TEMPLATE``."""
    settings.needed("PUBLIC_URL")
    given: dict[str, Any] = {"template": args.template, "text": said(args.text), "url": args.url}
    given |= {"title": said(args.title) if args.title else None, "holdout": args.holdout}
    given |= {
        "zone": args.zone,
        "starts_at": args.starts_at,
        "ends_at": args.ends_at,
        "not_later_than": args.not_later_than,
    }
    given |= _image(args)
    given["audience"] = shell.json_object(args.audience, "--audience") if args.audience else None
    undo = max(0, min(args.undo, MAX_UNDO))
    request = asked(NewsRequest, given | {"kind": "marketing" if args.marketing else "service"})
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        draft = await news.create(db, brand.id, request, by=BY, now=shell.now())
        seen = await news.dry_run(db, brand.id, draft.id, shell.now())
        print("\n".join(review(draft, seen, brand.time_zone)))
        if not args.yes and not _confirmed(seen.reach.targets):
            print(f"Nobody was told. The draft is {draft.id}.")
            return 1
        sent = await news.start(db, brand.id, draft.id, plan=seen.plan, by=BY, undo_seconds=undo, now=shell.now())
    print(f"{sent.id} is {sent.state}.")
    return 0


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``news list``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        page = await news.listing(db, brand.id, template=args.template)
    rows = [
        (one.id, one.template, one.state, one.progress.accepted, one.progress.targets, _short(one)) for one in page.news
    ]
    shell.table(("id", "template", "state", "accepted", "targets", "text"), rows)
    return 0


async def run_show(args: argparse.Namespace, settings: Settings) -> int:
    """``news show NEWS``."""
    return await _operate(args, settings, news.view)


async def run_start(args: argparse.Namespace, settings: Settings) -> int:
    """``news start NEWS``."""

    async def run(db: Database, brand_id: int, key: str) -> NewsView:
        return await news.start(db, brand_id, key, by=BY, now=shell.now())

    return await _operate(args, settings, run)


async def run_approve(args: argparse.Namespace, settings: Settings) -> int:
    """``news approve NEWS``."""

    async def run(db: Database, brand_id: int, key: str) -> NewsView:
        return await newsapproving.approve(db, brand_id, key, by=COMMAND_LINE, now=shell.now())

    return await _operate(args, settings, run)


async def run_refuse(args: argparse.Namespace, settings: Settings) -> int:
    """``news refuse NEWS``."""

    async def run(db: Database, brand_id: int, key: str) -> NewsView:
        return await newsapproving.refuse(db, brand_id, key, by=COMMAND_LINE, now=shell.now())

    return await _operate(args, settings, run)


async def run_rules(args: argparse.Namespace, settings: Settings) -> int:
    """``news rules``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        if args.quiet is not None:
            quiet = "" if args.quiet == "off" else args.quiet
            await newsrules.set_quiet(db, brand.id, quiet, by=COMMAND_LINE, now=shell.now())
        if args.approval_above is not None:
            deputies = (await newsrules.of(db, brand.id)).deputies
            above = args.approval_above
            await newsrules.set_approval(db, brand.id, above, deputies, by=COMMAND_LINE, now=shell.now())
        if args.cap is not None:
            most, days = _cap(args.cap)
            kinds = newsrules.KINDS if args.cap_kind == "all" else (args.cap_kind,)
            await newsrules.set_cap(db, brand.id, most, days, kinds, by=COMMAND_LINE, now=shell.now())
        found = await newsrules.of(db, brand.id)
    print(f"quiet hours: {found.quiet or 'off'} ({found.zone.key})")
    print(f"approval above: {found.approval_above or 'off'}")
    print(f"cap: {f'{found.cap}/{found.cap_days} ' + ' '.join(found.cap_kinds) if found.cap else 'off'}")
    return 0


def _cap(text: str) -> tuple[int, int]:
    """``3/7`` as two numbers, ``off`` as none."""
    most, _, days = text.partition("/")
    return (int(most), int(days)) if most.isdecimal() and days.isdecimal() else (0 if text == "off" else -1, 0)


async def run_pause(args: argparse.Namespace, settings: Settings) -> int:
    """``news pause NEWS``."""
    return await _operate(args, settings, news.pause)


async def run_resume(args: argparse.Namespace, settings: Settings) -> int:
    """``news resume NEWS``."""
    return await _operate(args, settings, news.resume)


async def run_stop(args: argparse.Namespace, settings: Settings) -> int:
    """``news stop NEWS``."""
    return await _operate(args, settings, news.stop)


async def run_cancel(args: argparse.Namespace, settings: Settings) -> int:
    """``news cancel NEWS``."""
    return await _operate(args, settings, news.cancel)


async def run_withdraw(args: argparse.Namespace, settings: Settings) -> int:
    """``news withdraw NEWS``."""
    return await _operate(args, settings, newscorrections.withdraw)


async def run_correct(args: argparse.Namespace, settings: Settings) -> int:
    """``news correct NEWS``."""
    given: dict[str, Any] = {"text": said(args.text)} if args.text else {}
    given |= {"title": said(args.title)} if args.title else {}
    given |= {"url": args.url} if args.url else {}
    given |= {"arm": ARMS.index(args.arm)} if args.arm else {}
    given |= _image(args)
    correction = asked(newscorrections.NewsCorrection, given)

    async def run(db: Database, brand_id: int, key: str) -> NewsView:
        return await newscorrections.correct(db, brand_id, key, correction, shell.now())

    return await _operate(args, settings, run)


def review(draft: NewsView, seen: DryRun, time_zone: str) -> list[str]:
    """The review's lines: when, whom it reaches, whom it does not and why, what phones say."""
    zone, reach = ZoneInfo(time_zone), seen.reach
    when = f"{draft.starts_at.astimezone(zone):%a %d %b %H:%M}" if draft.starts_at else "now"
    loud = reach.google - reach.google_silent
    lost = [
        (reach.no_consent, "no consent"),
        (reach.holdout, "holdout"),
        (reach.hour_gone, "hour gone by"),
        (reach.parked, "parked"),
        (reach.not_installed, "not installed"),
    ]
    rows = [
        ("notified", reach.iphones + reach.other_phones + loud, _parts(reach.iphones, reach.other_phones, loud)),
        ("silent", reach.google_silent, "Google 3-per-day used" if reach.google_silent else ""),
        ("not reached", sum(number for number, _ in lost), " · ".join(f"{why} {n:,}" for n, why in lost if n)),
    ]
    lines = [f"{when} {time_zone} · {draft.template} rev {seen.revision} · plan {seen.plan}"]
    lines += [f"  {name:<12}{number:>9,}  {words}".rstrip() for name, number, words in rows]
    lines += [f"  {_wave(one, zone)}" for one in seen.waves]
    lines += [f'  {one.number} ({one.language}): "{one.lock_screen or ""}"' for one in seen.samples]
    if reach.capped:
        lines.append(f"{reach.capped:,} cards were rung for as many news as they may be: they show it silently.")
    if draft.ends_at is not None:
        lines.append(f"Ends {draft.ends_at.astimezone(zone):%a %d %b %H:%M}, silently.")
    lines.append(f"Sending takes about {max(1, round(seen.seconds / 60))} min.")
    return lines + [f"Check: {WARNINGS[code]}" for code in seen.warnings]


def _wave(one: Wave, zone: ZoneInfo) -> str:
    """A wave's line: the brand's clock, whose hour it is, how many."""
    when = "missed" if one.missed else f"{one.at.astimezone(zone):%a %d %b %H:%M}"
    return f"{when:<18}{one.cards:>9,}  {', '.join(one.zones)}"


def _parts(iphones: int, others: int, google: int) -> str:
    named = (("iPhone", iphones), ("Google", google), ("other wallets", others))
    return " · ".join(f"{name} {number:,}" for name, number in named if number)


def _confirmed(targets: int) -> bool:
    print(f"Type {targets} to send; anything else keeps the draft: ", end="", flush=True)
    return sys.stdin.readline().strip() == str(targets)


async def _operate(
    args: argparse.Namespace, settings: Settings, run: Callable[[Database, int, str], Awaitable[NewsView]]
) -> int:
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        one = await run(db, brand.id, args.news)
    shell.pretty(described(one))
    return 0


def described(one: NewsView) -> dict[str, Any]:
    """What the shell shows of a news."""
    return {
        "id": one.id,
        "template": one.template,
        "state": one.state,
        "approve_by": _utc(one.approve_by),
        "is_live": one.is_live,
        "text": dict(one.text),
        "starts_at": _utc(one.starts_at),
        "zone": one.zone,
        "waves": [asdict(wave) for wave in one.waves],
        "ends_at": _utc(one.ends_at),
        "not_later_than": _utc(one.not_later_than),
        "missed": one.missed,
        "held_until": _utc(one.held_until),
        "live_at": _utc(one.live_at),
        "over_at": _utc(one.over_at),
        "undo_until": _utc(one.undo_until),
        "corrected_at": _utc(one.corrected_at),
        "withdrawn_at": _utc(one.withdrawn_at),
        "reason": one.reason,
        "result": one.result,
        "says": asdict(one.says) if one.says else None,
        "progress": asdict(one.progress),
        "reasons": [
            {"fate": why.fate, "reason": why.reason, "count": why.count, "meaning": why.en} for why in one.reasons
        ],
    }


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def _short(one: NewsView) -> str:
    text = next(iter(one.text.values()), "").replace("\n", " ")
    return text if len(text) <= 40 else text[:39] + "…"


def _image(args: argparse.Namespace) -> dict[str, bytes]:
    if args.image is None:
        return {}
    try:
        return {"image": args.image.read_bytes()}
    except OSError as error:
        raise shell.CommandError(f"{args.image}: {error.strerror}") from None
