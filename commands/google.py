"""``google``: a brand on Google Wallet: its issuer, its service accounts, who sees the button, what Google refused."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from commands import shell
from commands.settings import TABLE, Settings
from store import brands, google
from store.google import Mode


def add(subparsers: Any) -> None:
    """Register ``google`` and its operations."""
    operations = subparsers.add_parser("google", help="a brand on Google Wallet: set, list, revoke, refused, retry")
    operations = operations.add_subparsers(metavar="OPERATION", required=True)
    new = operations.add_parser("set", help="set the issuer, import a service account's key, switch Google on or off")
    new.add_argument("--issuer", metavar="ID", help="the issuer id that the Pay & Wallet Console shows")
    new.add_argument(
        "--key", type=Path, metavar="FILE", help="a service account's key, as Google Cloud gives it (JSON)"
    )
    new.add_argument(
        "--mode", choices=[str(mode) for mode in Mode], help="off; test: testers alone see the button; live: everybody"
    )
    new.add_argument(
        "--tester", action="append", metavar="CARD", help="a card that sees the button in test; may be repeated"
    )
    new.set_defaults(run=run_set)
    operations.add_parser("list", help="every brand's issuer, mode, testers and keys").set_defaults(run=run_list)
    end = operations.add_parser("revoke", help="use a service account's key no more")
    end.add_argument("fingerprint", help="as `google list` shows it, or its beginning")
    end.set_defaults(run=run_revoke)
    dead = operations.add_parser("refused", help="classes and objects that Google refused, and why")
    dead.set_defaults(run=run_refused)
    again = operations.add_parser("retry", help="try once more what Google refused, when the cause is mended")
    again.set_defaults(run=run_retry)
    for parser in (new, end, dead, again):
        shell.add_brand_flag(parser)


async def run_set(args: argparse.Namespace, settings: Settings) -> int:
    """``google set``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        issuer = _issuer(args.issuer)
        if args.key is not None:
            is_new = await google.add_key(db, brand.id, _content(args.key), shell.now())
            print(f"The key is {'taken' if is_new else 'known already'}.")
        await google.configure(db, brand.key, issuer_id=issuer, mode=args.mode, testers=args.tester)
        brand = await shell.chosen_brand(db, brand.key)
        keys = await google.keys(db, brand.id)
    issuer = brand.google_issuer_id or "none yet"
    print(f"Brand {brand.key} on Google: {brand.google_mode}, issuer {issuer}, service accounts {len(keys)}.")
    if keys and args.key is not None:
        print(f"Next: add {keys[0].client_email} as a user in the Pay & Wallet Console, then run `doctor`.")
    return 0


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``google list``."""
    rows = []
    async with shell.database(settings) as db:
        for brand in await brands.listing(db):
            if brand.revoked_at is not None:
                continue
            testers = ",".join(brand.google_testers or ())
            about = (brand.key, brand.google_issuer_id or "", brand.google_mode, testers)
            keys = await google.keys(db, brand.id)
            rows += [(*about, key.client_email, key.fingerprint[:16], shell.day(key.created_at)) for key in keys]
            if not keys:
                rows.append((*about, "", "", ""))
    shell.table(("brand", "issuer", "mode", "testers", "service account", "key", "since"), rows)
    return 0


async def run_revoke(args: argparse.Namespace, settings: Settings) -> int:
    """``google revoke FINGERPRINT``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        await google.remove_key(db, brand.id, args.fingerprint, shell.now())
    print(f"The key {args.fingerprint} is used no more; delete it in Google Cloud's console too.")
    return 0


async def run_refused(args: argparse.Namespace, settings: Settings) -> int:
    """``google refused``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        rows = await google.dead(db, brand.id)
    shell.table(("kind", "id", "reason", "detail"), [(row.kind, row.id, row.reason, row.detail or "") for row in rows])
    return 0


async def run_retry(args: argparse.Namespace, settings: Settings) -> int:
    """``google retry``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        count = await google.revive(db, brand.id)
    print(f"{count} {'is' if count == 1 else 'are'} tried once more.")
    return 0


def _issuer(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        issuer: str = TABLE["GOOGLE_ISSUER_ID"].parse(text)
    except ValueError as error:
        raise shell.CommandError(f"--issuer: {text!r} is wrong: {error}.") from None
    return issuer


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise shell.CommandError(f"--key: {file} cannot be read: {error.strerror}.") from None
