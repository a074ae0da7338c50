"""``user``: people who sign in to the studio; the first admin comes from here, the others by invitation."""

from __future__ import annotations

import argparse
import secrets
import sys
from typing import Any

from commands import shell
from commands.settings import Settings
from store import people
from store.errors import NotFound
from store.people import COMMAND_LINE, Role

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
GROUPS, GROUP = 4, 5  # 20 of 31 characters: 99 bits


def add(subparsers: Any) -> None:
    """Register ``user`` and its operations."""
    operations = subparsers.add_parser("user", help="people of the studio: add, list, revoke").add_subparsers(
        metavar="OPERATION", required=True
    )
    new = operations.add_parser("add", help="a person with a role in a brand; the password is printed once")
    new.add_argument("email")
    new.add_argument("--name", help="how the studio calls this person; the e-mail's first part if not given")
    new.add_argument(
        "--role", choices=[role.value for role in Role], default=Role.ADMIN.value, help="admin if not given"
    )
    new.add_argument(
        "--reset",
        action="store_true",
        help="for one who is known: a new password, no second step, no sessions, no revocation",
    )
    new.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    shell.add_brand_flag(new)
    new.set_defaults(run=run_add)
    operations.add_parser("list", help="everybody, with roles by brand").set_defaults(run=run_list)
    end = operations.add_parser("revoke", help="a person signs in no more, in any brand; sessions end at once")
    end.add_argument("email")
    end.set_defaults(run=run_revoke)


async def run_add(args: argparse.Namespace, settings: Settings) -> int:
    """``user add EMAIL``."""
    async with shell.database(settings) as db:
        brand = await shell.chosen_brand(db, args.brand)
        known = await people.users.by_email(db, args.email)
        password = _password(args) if known is None or args.reset else None
        if known is not None and known.revoked_at is not None and not args.reset:
            raise shell.CommandError(f"{known.email} is revoked: add --reset to let this person in again.")
        role = Role(args.role)
        async with db.joined():
            if known is None:
                name = args.name or args.email.split("@")[0]
                user = await people.users.add(db, email=args.email, name=name, password=password, now=shell.now())
            else:
                user = known
            await people.users.grant(db, user.id, brand.id, role, COMMAND_LINE, shell.now())
            if known is not None and password is not None:
                await people.users.set_password(db, user, password, shell.now())
    print(f"{user.email} is {role} of {brand.key}.")
    if password is not None and not args.password_stdin:
        print(f"Password: {password}  (shown this once)")
    if settings.public_url:
        print(f"Sign in: {settings.public_url}/studio/")
    return 0


async def run_list(args: argparse.Namespace, settings: Settings) -> int:
    """``user list``."""
    async with shell.database(settings) as db:
        rows = await people.users.listing(db)
    shell.table(
        ("e-mail", "name", "roles", "second step", "signed in", "revoked"),
        [
            (
                user.email,
                user.name,
                ", ".join(f"{one.brand.key}:{one.role}" for one in roles) or "-",
                "on" if user.has_second_step else "off",
                shell.day(user.signed_in_at),
                shell.day(user.revoked_at),
            )
            for user, roles in rows
        ],
    )
    return 0


async def run_revoke(args: argparse.Namespace, settings: Settings) -> int:
    """``user revoke EMAIL``."""
    async with shell.database(settings) as db:
        try:
            await people.users.revoke(db, args.email, shell.now())
        except NotFound as error:
            raise shell.CommandError(error.detail) from None
    print(f"{args.email} signs in no more.")
    return 0


def new_password() -> str:
    """A password that can be read aloud: 99 random bits."""
    letters = (secrets.choice(ALPHABET) for _ in range(GROUPS * GROUP))
    return "-".join("".join(next(letters) for _ in range(GROUP)) for _ in range(GROUPS))


def _password(args: argparse.Namespace) -> str:
    return sys.stdin.readline().rstrip("\r\n") if args.password_stdin else new_password()
