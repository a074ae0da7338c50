"""``template publish``: the review's twin for a shell. It says who will see what, and publishes exactly that."""

from __future__ import annotations

import argparse
import sys
from typing import Any
from zoneinfo import ZoneInfo

from commands import shell
from store import reviews
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database
from store.reviews import Review

SHELL = Actor("shell")
MANY = 1_000
"""From so many cards on a person at a terminal types the number."""


def add(operations: Any, run: Any) -> None:
    """Register ``template publish``."""
    publish = operations.add_parser("publish", help="say who will see what, then freeze the draft; all cards follow")
    publish.add_argument("key")
    publish.add_argument("--note", default="", help="what has changed, for the list of revisions")
    publish.add_argument("--review", action="store_true", help="say who will see what, and publish nothing")
    publish.add_argument("--plan", metavar="ID", help="publish exactly what a review with this id has shown")
    publish.add_argument("--to", type=int, metavar="N", help="go back to revision N instead of publishing the draft")
    publish.add_argument("--ring", action="store_true", help="show a notification where a text that can ring changes")
    shell.add_brand_flag(publish)
    publish.set_defaults(run=run)


async def publish(args: argparse.Namespace, db: Database, brand: BrandRow) -> int:
    """Review and publish; exit code 1 where something stops it, or the person at the terminal does."""
    plan_id = args.plan
    if plan_id is None:
        review = await reviews.review(db, brand.id, args.key, number=args.to, by=SHELL, now=shell.now())
        print("\n".join(told(review, brand, ring=args.ring)))
        for problem in review.blocking:
            print(problem)
        if review.blocking or args.review or not _confirmed(review):
            return 1 if review.blocking else 0
        plan_id = review.plan_id
    revision = await reviews.publish(
        db, brand.id, args.key, plan_id=plan_id, note=args.note, ring=args.ring, by=SHELL, now=shell.now()
    )
    state = "is published" if revision.is_new else "was published already"
    print(f"{args.key} revision {revision.number} {state}.")
    return 0


def told(review: Review, brand: BrandRow, *, ring: bool = False) -> list[str]:
    """The review in a few lines."""
    at = review.created_at.astimezone(ZoneInfo(brand.time_zone))
    what = "draft" if review.number is None else f"revision {review.number}"
    follows = f" after revision {review.follows}" if review.follows else ""
    lines = [f"{at:%a %d %b %H:%M} {brand.time_zone} · {review.key} {what}{follows} · plan {review.plan_id}"]
    audience, effect = review.audience, review.effect
    if not audience.cards:
        return [*lines, "  Nobody has this card yet."]
    about = "about " if effect.is_estimate else ""
    wallets = {"iPhone": audience.iphones, "other phones": audience.other_phones, "Google": audience.google}
    where = " · ".join(f"{name} {number:,}" for name, number in wallets.items() if number)
    if review.nothing_to_see:
        lines.append("  Nobody will see anything: the card does not change.")
    else:
        how = f"{about}{effect.would_ring:,} with a notification" if ring else "without a sound"
        lines.append(
            f"  updated     {about}{effect.changed:,} of {audience.cards:,} cards, {how}"
            + (f"  {where}" if where else "")
        )
    if ring:
        lines += [f"              “{one.text}” to {about}{one.cards:,}" for one in effect.texts]
    if audience.on_no_phone:
        lines.append(f"  not reached {audience.on_no_phone:,} are on no phone")
    lines += [f"  gone        “{one.label}” from {about}{one.cards:,} cards; the data stays" for one in effect.gone]
    if effect.broken:
        lines.append(f"  broken      {about}{effect.broken:,} cards could not be shown; their phones keep the old one")
    return lines


def _confirmed(review: Review) -> bool:
    number = review.audience.cards
    if number < MANY or not sys.stdin.isatty():
        return True
    return input(f"Type {number} to publish; anything else keeps the draft: ").strip().replace(",", "") == str(number)
