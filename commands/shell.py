"""What the commands share: the database opened with its facts checked, the brand chosen, data read from an argument."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError

from commands.settings import Settings, SettingsError
from store import brands, dialect, migrations
from store.dialect import Database
from store.keyring import Keyring


class CommandError(Exception):
    """A command that cannot go on; the message is one line with the fix."""


def now() -> datetime:
    """The only clock of the commands: aware, UTC."""
    return datetime.now(UTC)


def keyring(settings: Settings) -> Keyring:
    """SECRET as a keyring."""
    try:
        return Keyring.parse(settings.needed("SECRET"))
    except ValueError as error:
        raise SettingsError(f"PASSBELL_SECRET is wrong: {error}") from None


@asynccontextmanager
async def database(settings: Settings, *, migrated: bool = True) -> AsyncIterator[Database]:
    """The database, open for the length of a command; an old schema stops here unless ``migrated`` is False."""
    secrets = keyring(settings)
    _make_folder(settings.database_url)
    db = await dialect.open(settings.database_url, secrets)
    db.public_url = settings.public_url or "http://127.0.0.1"
    try:
        await _refuse_wrong_database(db, migrated)
        yield db
    finally:
        await db.close()


async def _refuse_wrong_database(db: Database, migrated: bool) -> None:
    try:
        version = await migrations.schema_version(db)
    except (
        DBAPIError,
        asyncpg.PostgresError,
    ) as error:  # no database, no permission: what passes by itself is Unavailable
        reason = getattr(error, "orig", None) or error
        raise CommandError(f"DATABASE_URL: this database cannot be used: {reason}.") from None
    if version is not None and not migrations.is_known(version):
        raise CommandError(migrations.newer(version))
    head = migrations.head()
    if migrated and version != head:
        state = "is empty" if version is None else f"has schema {version}, this program needs {head}"
        raise CommandError(f"The database {state}: run `migrate` first.")


def _make_folder(database_url: str) -> None:
    file = sqlite_file(database_url)
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CommandError(f"The folder {file.parent} of DATABASE_URL cannot be made: {error.strerror}.") from None


def sqlite_file(database_url: str) -> Path | None:
    """The file of a SQLite database."""
    return Path(database_url.removeprefix("sqlite:///")) if database_url.startswith("sqlite:///") else None


def missing_file(database_url: str) -> Path | None:
    """The SQLite file when it is not there: opening it would make an empty one."""
    file = sqlite_file(database_url)
    return file if file is not None and not file.exists() else None


async def chosen_brand(db: Database, key: str | None) -> Any:
    """The brand of ``--brand``, or the only one there is."""
    rows = [row for row in await brands.listing(db) if row.revoked_at is None]
    found = [row for row in rows if key is None or row.key == key]
    if len(found) == 1:
        return found[0]
    known = ", ".join(row.key for row in rows) or "none yet: `setup` makes the first"
    if key is not None:
        raise CommandError(f"There is no brand {key!r}; there are: {known}.")
    raise CommandError(f"Say which brand with --brand; there are: {known}.")


def add_brand_flag(parser: Any) -> None:
    """The flag that ``chosen_brand`` reads."""
    parser.add_argument("--brand", metavar="KEY", help="the brand; may be left out while there is only one")


def json_object(text: str, flag: str) -> dict[str, Any]:
    """A JSON object from an argument: its text, ``@FILE``, or ``-`` for standard input."""
    try:
        value = json.loads(_text(text), parse_float=Decimal)
    except OSError as error:
        raise CommandError(f"{flag}: {error.filename} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise CommandError(f"{flag}: this is not JSON: {error}. Write it like '{{\"points\": 120}}'.") from None
    if not isinstance(value, dict):
        raise CommandError(f"{flag}: a JSON object is needed, like '{{\"points\": 120}}'.")
    return value


def _text(argument: str) -> str:
    if argument == "-":
        return sys.stdin.read()
    if argument.startswith("@"):
        return Path(argument[1:]).read_text(encoding="utf-8")
    path = Path(argument)
    if not argument.lstrip().startswith("{") and path.is_file():
        return path.read_text(encoding="utf-8")
    return argument


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows in aligned columns, or a dash when there are none."""
    lines = [[str(cell) for cell in row] for row in rows]
    if not lines:
        print("none")
        return
    widths = [max(len(cell) for cell in column) for column in zip(head, *lines, strict=True)]
    for line in ([name.upper() for name in head], *lines):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def pretty(value: Mapping[str, Any]) -> None:
    """Print one answer as JSON for people and programs."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: object) -> str:
    """What JSON has no word for: instants as the API writes them."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


def confirmed(what: str, number: int, yes: int | None) -> None:
    """Have a person type the number, or compare ``--yes N`` with it; CommandError where it is another."""
    given = str(yes) if yes is not None else None
    if given is None and sys.stdin.isatty():
        given = input(f"To {what}, type {number}: ").strip()
    if given is None:
        raise CommandError(f"To {what}, add --yes {number}.")
    if given != str(number):
        raise CommandError(f"To {what} the number is {number}, not {given}: nothing is done.")


def day(moment: datetime | None) -> str:
    """A moment as a person reads it in a table."""
    return moment.strftime("%Y-%m-%d %H:%M") if moment else "-"


def assignments(pairs: Sequence[str]) -> dict[str, Any]:
    """``NAME=VALUE`` flags: a value is JSON where it reads as JSON, else text."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise CommandError(f"--set {pair!r}: write it as name=value, such as points=130.")
        try:
            values[name] = json.loads(text, parse_float=Decimal)
        except ValueError:
            values[name] = text
    return values
