"""``setup``: from nothing to an installation that lacks its certificate at most.

Asks in a terminal, takes flags in a script, and may be repeated: what exists is kept. It makes SECRET, the environment
file (mode 0600), the schema, the first brand, an API key and a hook source, and ends with doctor's list of what is
missing. The key and the hook secret are printed once.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from commands import brands as brand_commands
from commands import doctor, shell
from commands.certsdir import read_directory
from commands.settings import PREFIX, TABLE, Settings, parse
from commands.signers import seed
from store import brands, keys, migrations, sources
from store.dialect import Database
from store.errors import Conflict

Ask = Callable[[str, str], str]
"""Question and what an empty answer means -> the answer."""

ENV_FILE = "passbell.env"
SECRET_CHARACTERS = 48


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to know: its flag, what it is asked for, and what it is unless said otherwise."""

    flag: str
    text: str
    default: str = ""

    @property
    def attribute(self) -> str:
        """Where argparse keeps it."""
        return self.flag.removeprefix("--").replace("-", "_")


PUBLIC_URL = Question("--public-url", "The https address at which phones will reach this server")
BRAND = Question("--brand", "A short name of the brand, for commands", "main")
NAME = Question("--name", "The name that customers read")
PASS_TYPE = Question("--pass-type", "The pass type identifier from Apple's portal", "pass.com.example.club")
TEAM = Question("--team", "The team identifier from Apple's portal")
LANGUAGES = Question("--languages", "The brand's languages, the first is the default", "en")
ZONE = Question("--time-zone", "The brand's time zone", "UTC")
QUESTIONS = (PUBLIC_URL, BRAND, NAME, PASS_TYPE, TEAM, LANGUAGES, ZONE)


def add(subparsers: Any) -> None:
    """Register ``setup``."""
    parser = subparsers.add_parser("setup", help="make SECRET, the first brand, a key, a source, the environment file")
    for question in QUESTIONS:
        parser.add_argument(question.flag, help=question.text)
    parser.add_argument("--key", default="backend", metavar="NAME", help="the first API key's name")
    parser.add_argument("--source", default="backend", metavar="NAME", help="the first hook source's name")
    parser.add_argument(
        "--env-file", type=Path, default=Path(ENV_FILE), help=f"where to write, {ENV_FILE} if not given"
    )
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """``setup``."""
    ask = _asked if sys.stdin.isatty() else _not_asked
    written = read_env(args.env_file)
    environ = _environ(args, settings, written, ask)
    settings = _with(settings, environ)
    write_env(args.env_file, environ)
    print(f"{args.env_file}: {len(environ)} settings, readable by you alone.")
    async with shell.database(settings, migrated=False) as db:
        await migrations.migrate(db)
        brand = await _brand(db, args, settings, ask)
        await seed(db, settings.certs_dir, print)
        await _key(db, brand, args.key)
        await _source(db, brand, args.source, settings)
    print("\nWhat doctor says:")
    checks = await doctor.examine(settings, reach_out=False)
    doctor.show(checks)
    print(f"\nNext: set -a; . {_sourced(args.env_file)}; set +a; then `doctor` and `serve`.")
    return 0


def _sourced(file: Path) -> str:
    """The file as a shell's ``.`` finds it: POSIX looks for a bare name in PATH alone."""
    return shlex.quote(str(file) if "/" in str(file) else f"./{file}")


def read_env(file: Path) -> dict[str, str]:
    """The settings of an environment file as ``write_env`` left it; empty when there is none."""
    if not file.exists():
        return {}
    words = (shlex.split(line, comments=True) for line in file.read_text(encoding="utf-8").splitlines())
    pairs = (word.partition("=") for line in words for word in line)
    return {name: value for name, equals, value in pairs if equals and name.startswith(PREFIX)}


def write_env(file: Path, environ: Mapping[str, str]) -> None:
    """Write the settings for systemd and the shell, whole or not at all, readable by the owner alone."""
    lines = ["# Passbell's settings. SECRET is in here: keep a copy apart from the database's backups."]
    lines += [f"{name}={shlex.quote(value)}" for name, value in environ.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.new")
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")
    temporary.replace(file)


def _environ(args: argparse.Namespace, settings: Settings, written: dict[str, str], ask: Ask) -> dict[str, str]:
    """The environment file's content: a flag counts first, then the environment, then what was written before."""
    url = args.public_url or settings.public_url or written.get(f"{PREFIX}PUBLIC_URL") or _answer(args, PUBLIC_URL, ask)
    secret = settings.secret or written.get(f"{PREFIX}SECRET") or f"k1:{secrets.token_urlsafe(SECRET_CHARACTERS)}"
    given = {
        "PUBLIC_URL": url,
        "SECRET": secret,
        "DATABASE_URL": _kept(written, "DATABASE_URL", _absolute(settings.database_url), settings.database_url),
        "CERTS_DIR": _kept(written, "CERTS_DIR", str(settings.certs_dir.resolve()), str(settings.certs_dir)),
        "BIND": _kept(written, "BIND", str(settings.bind), str(settings.bind)),
    }
    return written | {PREFIX + name: value for name, value in given.items()}


def _kept(written: Mapping[str, str], name: str, value: str, as_set: str) -> str:
    """What was written before, unless the environment now says something else than the default."""
    return written.get(PREFIX + name, value) if as_set == TABLE[name].default else value


def _absolute(database_url: str) -> str:
    """A SQLite file by its whole path, so that the environment file works from any folder."""
    if not database_url.startswith("sqlite:///"):
        return database_url
    return f"sqlite:///{Path(database_url.removeprefix('sqlite:///')).resolve()}"


def _with(settings: Settings, environ: Mapping[str, str]) -> Settings:
    """The settings of this process with those of the file laid over them."""
    parsed = parse(environ, lambda path: Path(path).read_text(encoding="utf-8"))
    names = [name.removeprefix(PREFIX).removesuffix("_FILE") for name in environ]
    return replace(settings, **{name.lower(): getattr(parsed, name.lower()) for name in names if name in TABLE})


async def _brand(db: Database, args: argparse.Namespace, settings: Settings, ask: Ask) -> brands.BrandRow:
    existing = [row for row in await brands.listing(db) if row.revoked_at is None]
    if existing and args.brand in (None, *(row.key for row in existing)):
        kept = next((row for row in existing if row.key == args.brand), existing[0])
        print(f"Brand {kept.key} ({kept.name}) is there already.")
        return kept
    pass_type, team = _from_certificate(settings, args)
    key = brand_commands.checked_key(_answer(args, BRAND, ask))
    row = await brands.add(
        db,
        key=key,
        name=_answer(args, NAME, ask),
        pass_type_identifier=brand_commands.checked_pass_type(pass_type or _answer(args, PASS_TYPE, ask)),
        team_identifier=team or _answer(args, TEAM, ask),
        languages=brand_commands.checked_languages(_answer(args, LANGUAGES, ask)),
        time_zone=brand_commands.checked_zone(_answer(args, ZONE, ask)),
        google_issuer_id=settings.google_issuer_id,
        now=shell.now(),
    )
    print(f"Brand {row.key} ({row.name}) issues {row.pass_type_identifier}.")
    return row


def _from_certificate(settings: Settings, args: argparse.Namespace) -> tuple[str | None, str | None]:
    """Pass type and team as the flags say, else as the only certificate in CERTS_DIR says."""
    held = {
        (stored.identity.pass_type_identifier, stored.identity.team_identifier)
        for stored in read_directory(settings.certs_dir).stored
        if args.pass_type in (None, stored.identity.pass_type_identifier)
    }
    known = held.pop() if len(held) == 1 else (None, None)
    return args.pass_type or known[0], args.team or known[1]


async def _key(db: Database, brand: brands.BrandRow, name: str) -> None:
    try:
        secret = await keys.add(db, brand.id, name, (), shell.now())
    except Conflict:
        print(f"The API key {name} is there already; `key add` makes another.")
        return
    print(f"API key {name}: {secret}  (shown this once)")


async def _source(db: Database, brand: brands.BrandRow, name: str, settings: Settings) -> None:
    try:
        secret = await sources.add(db, brand.id, name, shell.now())
    except Conflict:
        print(f"The hook source {name} is there already; `source rotate {name}` makes another secret.")
        return
    print(f"Hook source {name}: {secret}  (shown this once), posts to {settings.public_url}/hooks/{name}")


def _answer(args: argparse.Namespace, question: Question, ask: Ask) -> str:
    given: str | None = getattr(args, question.attribute)
    return given or ask(f"{question.text} ({question.flag})", question.default)


def _asked(text: str, default: str) -> str:
    while True:
        answer = input(f"{text}{f' [{default}]' if default else ''}: ").strip() or default
        if answer:
            return answer


def _not_asked(text: str, default: str) -> str:
    if not default or default == PASS_TYPE.default:
        raise shell.CommandError(f"This is missing: {text}.")
    return default
