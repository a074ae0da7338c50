"""``hooks``: what came in and why it was refused, what is held, and a ready ``curl`` to compare with."""

from __future__ import annotations

import argparse
import json
import secrets
import shlex
from typing import Any

from commands import held, shell
from commands.settings import Settings
from passkit import hooks
from store import sources

SHOWN = 200


def add(subparsers: Any) -> None:
    """Register ``hooks`` and its operations."""
    operations = subparsers.add_parser("hooks", help="webhooks: log, sign, held").add_subparsers(
        metavar="OPERATION", required=True
    )
    log = operations.add_parser("log", help=f"the last {SHOWN} deliveries, with the true reason of a refusal")
    log.add_argument("--source", help="of this source alone")
    log.set_defaults(run=run_log)
    sign = operations.add_parser("sign", help="print a ready curl with a signed webhook, good for five minutes")
    sign.add_argument("source")
    sign.add_argument("--type", default="card.changed", help="the event's type; card.changed if not given")
    sign.add_argument("--card", help="which card: serial number, external id or number")
    sign.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a variable's new value, as JSON"
    )
    sign.add_argument("--version", type=int, help="the backend's own version of these values")
    sign.add_argument("--data", metavar="JSON", help="the whole data of the event instead")
    sign.set_defaults(run=run_sign)
    held.add(operations)


async def run_log(args: argparse.Namespace, settings: Settings) -> int:
    """``hooks log``."""
    async with shell.database(settings) as db:
        rows = await sources.deliveries(db, SHOWN)
    shell.table(
        ("at", "source", "status", "result", "event", "reason"),
        [
            (row.at.strftime("%Y-%m-%d %H:%M:%S"), row.source, row.status, row.result, row.event_id or "-", row.reason)
            for row in rows
            if args.source in (None, row.source)
        ],
    )
    return 0


async def run_sign(args: argparse.Namespace, settings: Settings) -> int:
    """``hooks sign SOURCE``."""
    url = settings.needed("PUBLIC_URL")
    async with shell.database(settings) as db:
        source = await sources.by_name(db, args.source)
    if source is None:
        raise shell.CommandError(f"There is no hook source {args.source!r}: `source list` shows them.")
    print(curl(f"{url}/hooks/{source.name}", source.secrets[0], event(args)))
    return 0


def event(args: argparse.Namespace) -> dict[str, Any]:
    """The event that the flags describe."""
    data = shell.json_object(args.data, "--data") if args.data else {}
    if args.card:
        data["card"] = args.card
    if args.version is not None:
        data["version"] = args.version
    if args.set:
        data["set"] = shell.assignments(args.set)
    if not data:
        raise shell.CommandError("Say what has changed: --card CARD --set points=130, or --data JSON.")
    return {"type": args.type, "timestamp": shell.now().isoformat(timespec="seconds"), "data": data}


def curl(url: str, secret: str, body: dict[str, Any]) -> str:
    """A command that posts ``body`` signed with ``secret`` as of now."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    moment, event_id = shell.now(), f"evt_{secrets.token_hex(8)}"
    headers = {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": hooks.sign(secret, event_id, moment, text.encode()),
    }
    lines = [f"curl -X POST {shlex.quote(url)}"]
    lines += [f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()]
    return " \\\n".join([*lines, f"  --data-binary {shlex.quote(text)}"])
