"""``card``: the API's operations on one card, from a shell."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from commands import facts, shell
from commands.settings import Settings
from passkit import links
from passkit.model import CardState, Notify
from store import cards, lost, timeline, zones
from store.cards import CardView
from store.google import Mode

CARD = "a card: its serial number, external id or number"


def add(subparsers: Any) -> None:
    """Register ``card`` and its operations."""
    operations = subparsers.add_parser("card", help="one card: issue, show, change, readopt").add_subparsers(
        metavar="OPERATION", required=True
    )
    issue = operations.add_parser("issue", help="issue a card of a published template; prints its install link")
    issue.add_argument("template")
    issue.add_argument("--external-id", help="what the backend calls this customer")
    issue.add_argument("--number", help="the card's number, made if not given")
    issue.add_argument("--outlet", help="where it was issued")
    issue.add_argument("--issued-by", help="who issued it")
    issue.add_argument("--channel", help="how it was issued")
    _add_values(issue)
    issue.set_defaults(run=run_issue)
    show = operations.add_parser("show", help="a card with its timeline and one sentence of diagnosis")
    show.add_argument("card", help=CARD)
    shell.add_brand_flag(show)
    show.set_defaults(run=run_show)
    change = operations.add_parser("change", help="change a card; says what becomes visible")
    change.add_argument("card", help=CARD)
    change.add_argument("--state", choices=[str(state) for state in CardState])
    change.add_argument("--silent", action="store_true", help="show no lock-screen text")
    _add_values(change)
    change.set_defaults(run=run_change)
    again = operations.add_parser("readopt", help="make cards anew that phones hold and a restored database lacks")
    again.add_argument("--template", help="of which template they are; left out: only list them")
    again.add_argument("--serial", help="this one alone")
    again.add_argument("--data", metavar="JSON", help="values of variables that have no default, or a file")
    shell.add_brand_flag(again)
    again.set_defaults(run=run_readopt)


def _add_values(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="JSON", help="values of the template's variables, or a file")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one value, as JSON or text")
    parser.add_argument("--language", help="the card's language")
    parser.add_argument("--expires-at", type=_moment, metavar="TIME", help="when it ends: 2027-01-31T23:59:00+03:00")
    parser.add_argument("--tags", type=_words, metavar="A,B", help="marks to find it by")
    parser.add_argument("--time-zone", type=_zone, metavar="ZONE", help="the holder's, such as Europe/Moscow")
    shell.add_brand_flag(parser)


async def run_issue(args: argparse.Namespace, settings: Settings) -> int:
    """``card issue TEMPLATE``."""
    settings.needed("PUBLIC_URL")
    new = cards.NewCard(
        template=args.template,
        data=_values(args),
        external_id=args.external_id,
        number=args.number,
        language=args.language,
        expires_at=args.expires_at,
        tags=args.tags or (),
        time_zone=args.time_zone,
        outlet=args.outlet,
        issued_by=args.issued_by,
        channel=args.channel or "shell",
    )
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        await facts.refuse_mismatch(db, settings)  # the card will carry PUBLIC_URL and depend on SECRET from now on
        issued = await cards.issue(db, brand.id, new, now=shell.now())
    shell.pretty({"created": issued.created, **described(issued.card, settings)})
    return 0


async def run_show(args: argparse.Namespace, settings: Settings) -> int:
    """``card show CARD``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        card = await cards.find(db, brand.id, args.card)
        story = await timeline.read(db, brand.id, card.serial_number, now=shell.now())
    shell.pretty(described(card, settings))
    print()
    for entry in story.entries:
        words = " ".join(f"{name}={value}" for name, value in entry.detail.items() if value not in (None, "", []))
        print(f"{entry.at:%Y-%m-%d %H:%M:%S}  {entry.kind:<12}  {words}")
    found = story.diagnosis
    print(f"\n{found.en}\n{found.ru}\nTell the client: {found.tell_client_en}\nКлиенту: {found.tell_client_ru}")
    return 0


async def run_change(args: argparse.Namespace, settings: Settings) -> int:
    """``card change CARD``."""
    given: dict[str, Any] = {
        "data": _values(args) or None,
        "state": args.state,
        "language": args.language,
        "expires_at": args.expires_at,
        "tags": args.tags,
        "time_zone": args.time_zone,
    }
    change = cards.Change(
        **{name: value for name, value in given.items() if value is not None},
        notify=Notify.SILENT if args.silent else Notify.RING,
    )
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        card = await cards.find(db, brand.id, args.card)
        changed = await cards.change(db, brand.id, card.serial_number, change, now=shell.now())
    rows = [field.to_json() for field in changed.visible]
    shell.pretty({**described(changed.card, settings), "visible": rows})
    if not changed.is_visible:
        print("Nothing that a holder could see has changed, so nothing is pushed.")
    return 0


def described(card: CardView, settings: Settings) -> dict[str, Any]:
    """A card as the API answers it, with the values as a person reads them."""
    public_url = settings.public_url or ""
    on_google = card.google_mode != Mode.OFF
    return {
        "serial_number": card.serial_number,
        "template": card.template,
        "revision": card.revision,
        "number": card.number,
        "external_id": card.external_id,
        "version": card.version,
        "state": str(card.state),
        "language": card.language,
        "data": dict(card.data),
        "formatted": dict(card.formatted),
        "expires_at": card.expires_at,
        "tags": list(card.tags),
        "time_zone": card.time_zone,
        "install_url": links.install_url(public_url, card.install_token) if public_url else None,
        "apple_url": links.apple_url(public_url, card.install_token) if public_url else None,
        "google_url": links.google_url(public_url, card.install_token) if public_url and on_google else None,
        "created_at": card.created_at,
    }


async def run_readopt(args: argparse.Namespace, settings: Settings) -> int:
    """``card readopt [--template KEY]``."""
    data = shell.json_object(args.data, "--data") if args.data else {}
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        rows = [
            one
            for one in await lost.listing(db, brand.pass_type_identifier)
            if args.serial in (None, one.serial_number)
        ]
        if args.template is None:
            shell.table(("serial number", "last seen"), [(one.serial_number, shell.day(one.seen_at)) for one in rows])
            return 0
        for one in rows:
            await lost.readopt(db, brand.id, one, args.template, data, shell.now())
    print(
        f"{len(rows)} cards are back; their phones register when they come next. Let the backend send their values again."
    )
    return 0


def _values(args: argparse.Namespace) -> Mapping[str, Any]:
    given = shell.json_object(args.data, "--data") if args.data else {}
    return given | shell.assignments(args.set)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _zone(text: str) -> str:
    return zones.checked(text)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
