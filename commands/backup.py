"""``backup``, ``restore`` and ``release``: everything in one encrypted file, back from it, and the yes before anything leaves.

The file has the database with its pictures, the keys of CERTS_DIR, the service accounts, and SECRET: whoever has it and its
passphrase has all of it.
"""

from __future__ import annotations

import argparse
import asyncio
import getpass
import importlib.metadata
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from commands import archive, shell
from commands.archive import ArchiveError, Piece
from commands.settings import Settings
from store import copying, dialect, holding, migrations, standing
from store.copying import CopyError
from store.dialect import Database
from store.errors import StoreError
from store.keyring import Keyring

DATABASE, SECRET, KEYS, ACCOUNTS = "database", "secret", "keys/", "accounts/"
ACCOUNT_FILES = ("google_key_file", "fcm_key_file")
SETTING = "BACKUP_PASSPHRASE"


def add(subparsers: Any) -> None:
    """Register the three commands."""
    backup = subparsers.add_parser("backup", help="database, pictures, keys and SECRET into one encrypted file")
    backup.add_argument("--out", type=Path, required=True, metavar="FILE")
    backup.set_defaults(run=run_backup)
    restore = subparsers.add_parser("restore", help="put a backup back; nothing leaves before `release`")
    restore.add_argument("file", type=Path)
    restore.add_argument("--force", action="store_true", help="overwrite the database and the keys that are there")
    restore.add_argument("--check", action="store_true", help="verify the file alone, and write nothing")
    restore.set_defaults(run=run_restore)
    release = subparsers.add_parser(
        "release", help="show what would go out of a restored or copied database, and let it"
    )
    release.add_argument("--yes", type=int, metavar="N", help="the number shown, instead of typing it")
    release.set_defaults(run=run_release)


async def run_backup(args: argparse.Namespace, settings: Settings) -> int:
    """``backup --out FILE``."""
    phrase = _passphrase(settings, is_new=True)
    async with shell.database(settings, migrated=False) as db:
        schema = await migrations.schema_version(db)
    try:
        size = await asyncio.to_thread(write, args.out, settings, phrase, schema)
    except (CopyError, ArchiveError) as error:
        raise shell.CommandError(f"No backup: {error}") from None
    except OSError as error:
        raise shell.CommandError(f"No backup: {error.filename or args.out}: {error.strerror}.") from None
    try:
        async with shell.database(settings, migrated=False) as db:
            await standing.note_backup(db, shell.now())
    except StoreError as error:  # the file is whole; only the metric of its age does not know
        print(f"The database could not note that it was backed up: {error.detail}", file=sys.stderr)
    print(f"{args.out}: {size:,} bytes, schema {schema}. Keep it away from this machine, and its passphrase elsewhere.")
    return 0


def write(out: Path, settings: Settings, phrase: str, schema: str | None) -> int:
    """Write the archive beside its place and move it there when it is whole; returns its size."""
    part = out.with_name(f"{out.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            writer = archive.Writer(file, phrase)
            writer.add(SECRET, [str(settings.needed("SECRET")).encode()])
            for name, path in _files(settings):
                writer.add(name, [path.read_bytes()])
            writer.add(DATABASE, copying.copied(settings.database_url, out.absolute().parent))
            writer.finish(
                {
                    "program": importlib.metadata.version("passbell"),
                    "schema": schema,
                    "kind": copying.kind(settings.database_url),
                    "made_at": shell.now().isoformat(),
                    "public_url": settings.public_url,
                }
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return out.stat().st_size


def _files(settings: Settings) -> Iterator[tuple[str, Path]]:
    folder = settings.certs_dir
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            yield KEYS + str(path.relative_to(folder)), path
    for name in ACCOUNT_FILES:
        path = getattr(settings, name)
        if path is not None and path.is_file():
            yield ACCOUNTS + name, path


async def run_restore(args: argparse.Namespace, settings: Settings) -> int:
    """``restore FILE``."""
    phrase = _passphrase(settings, is_new=False)
    try:
        manifest = await asyncio.to_thread(_verified, args.file, phrase)
        if args.check:
            print(f"{args.file} is whole: {_described(manifest)}.")
            return 0
        _refuse_unfit(manifest, settings)
        if not args.force and not await asyncio.to_thread(_is_free, settings):
            raise shell.CommandError("The database or CERTS_DIR is not empty: choose others, or add --force.")
        secret = await asyncio.to_thread(_put_back, args.file, phrase, settings)
    except (CopyError, ArchiveError) as error:
        raise shell.CommandError(f"Nothing is restored: {error}") from None
    except OSError as error:
        raise shell.CommandError(f"{error.filename or args.file}: {error.strerror}.") from None
    db = await dialect.open(settings.database_url, Keyring.parse(secret))
    try:
        await holding.hold(db)
    finally:
        await db.close()
    print(f"Restored: {_described(manifest)}.")
    _tell_secret(settings, secret)
    head = migrations.head()
    print("" if manifest["schema"] == head else f"Its schema is {manifest['schema']}: run `migrate` next.", end="")
    print("Nothing leaves until `release` has shown what would go out.")
    return 0


def _verified(path: Path, phrase: str) -> dict[str, Any]:
    with path.open("rb") as file:
        return archive.verified(file, phrase)


def _described(manifest: dict[str, Any]) -> str:
    return f"made {manifest['made_at'][:19]}Z by {manifest['program']}, schema {manifest['schema']}, {manifest['kind']}"


def _refuse_unfit(manifest: dict[str, Any], settings: Settings) -> None:
    kind = copying.kind(settings.database_url)
    if manifest["kind"] != kind:
        raise shell.CommandError(
            f"This backup is of {manifest['kind']}, DATABASE_URL is {kind}: it cannot be put there."
        )
    if manifest["schema"] is not None and not migrations.is_known(manifest["schema"]):
        raise shell.CommandError(migrations.newer(manifest["schema"]))


def _is_free(settings: Settings) -> bool:
    folder = settings.certs_dir
    return copying.is_empty(settings.database_url) and not (folder.is_dir() and any(folder.iterdir()))


def _put_back(path: Path, phrase: str, settings: Settings) -> str:
    """The keys, then the database; returns SECRET. The file has been verified before."""
    secret = ""
    with path.open("rb") as file:
        pieces = archive.read(file, phrase)
        for piece in pieces:
            if piece.name == DATABASE:
                copying.put_back(settings.database_url, _content(pieces))
            elif piece.name == SECRET:
                secret = b"".join(_content(pieces)).decode()
            elif piece.name is not None:
                _write_key(_destination(piece.name, settings), b"".join(_content(pieces)))
    return secret


def _content(pieces: Iterator[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        if piece.data is None:
            return
        yield piece.data


def _destination(name: str, settings: Settings) -> Path:
    """Where a key goes; a name that leads out of the folder is not ours."""
    if name.startswith(ACCOUNTS) and name.removeprefix(ACCOUNTS) in ACCOUNT_FILES:
        account = name.removeprefix(ACCOUNTS)
        return getattr(settings, account) or settings.certs_dir / f"{account}.json"
    path = settings.certs_dir / name.removeprefix(KEYS)
    if not name.startswith(KEYS) or not path.resolve().is_relative_to(settings.certs_dir.resolve()):
        raise ArchiveError(f"it holds a file {name!r} that is none of ours.")
    return path


def _write_key(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _tell_secret(settings: Settings, secret: str) -> None:
    """SECRET is the environment's: it is written into a file where the environment says another."""
    if settings.secret is not None and set(secret.split(",")) <= set(settings.secret.split(",")):
        return
    path = settings.certs_dir / "restored-secret"
    _write_key(path, secret.encode())
    print(f"SECRET is in {path}: set PASSBELL_SECRET_FILE to it, or put its ids into PASSBELL_SECRET.")


async def run_release(args: argparse.Namespace, settings: Settings) -> int:
    """``release``: ask, then let everything leave."""
    async with shell.database(settings) as db:
        why = await holding.check(db)
        if why is None:
            print("This database is not held.")
            return 0
        total = await _show(db, why)
        shell.confirmed(f"let {total} leave", total, args.yes)
        await holding.release(db)
    print("Released: workers begin within seconds. Make sure that no other server runs on a copy of this database.")
    return 0


async def _show(db: Database, why: str) -> int:
    rows = await holding.waiting(db)
    print(f"This database was {why}. What would go out:")
    shell.table(("channel", "waiting", "oldest"), [(row.channel, row.count, shell.day(row.oldest)) for row in rows])
    return sum(row.count for row in rows)


def _passphrase(settings: Settings, *, is_new: bool) -> str:
    phrase = settings.backup_passphrase
    if phrase is None and sys.stdin.isatty():
        phrase = getpass.getpass("Passphrase: ")
        if is_new and getpass.getpass("Once more: ") != phrase:
            raise shell.CommandError("The two are not the same.")
    if phrase is None:
        raise shell.CommandError(f"Set PASSBELL_{SETTING} or PASSBELL_{SETTING}_FILE: the backup is encrypted with it.")
    if is_new and len(phrase) < archive.SHORTEST:
        raise shell.CommandError(f"The passphrase is shorter than {archive.SHORTEST} characters.")
    return str(phrase)
