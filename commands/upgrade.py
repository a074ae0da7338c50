"""``migrate``, and ``doctor --before-upgrade``: whether this program can take over this database and environment."""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from commands import archive, backup, facts, shell
from commands.checks import Check, State
from commands.settings import Settings
from store import brands, copying, dialect, migrations
from store.copying import CopyError
from store.dialect import Database
from store.errors import StoreError


def add(subparsers: Any) -> None:
    """Register ``migrate``."""
    migrate = subparsers.add_parser("migrate", help="bring the database's schema up to date; backs it up before")
    migrate.add_argument("--plan", action="store_true", help="show what would be done, and do nothing")
    migrate.add_argument("--no-backup", action="store_true", help="you have one")
    migrate.add_argument(
        "--accept-changes",
        action="store_true",
        help="take another PUBLIC_URL, pass type or issuer, although installed cards know the old one",
    )
    migrate.set_defaults(run=run_migrate)


async def run_migrate(args: argparse.Namespace, settings: Settings) -> int:
    """Bring the schema up to date."""
    async with shell.database(settings, migrated=False) as db:
        before = await migrations.schema_version(db)
        steps = migrations.ahead(before)
        for step in steps if before is not None else ():
            print(f"step {step}")
        if args.plan:
            print("Each is one transaction with the others; a backup is made before." if steps else "Nothing to do.")
            return 0
        if before is not None and steps and not args.no_backup:
            await _back_up(settings, before)
        began = time.monotonic()
        await migrations.migrate(db)
        if args.accept_changes:
            await facts.refuse_lost_secret(db, settings)
            await brands.remember_facts(db, await facts.current(db, settings))
    head, took = migrations.head(), time.monotonic() - began
    done = f"The schema is {head} now (was {before or 'empty'}), in {took:.1f} s."
    print(f"The schema is {head} already." if before == head else done)
    return 0


async def _back_up(settings: Settings, before: str) -> None:
    """An archive where there is a passphrase, else a copy of SQLite's file beside it; nothing is changed without."""
    file = shell.sqlite_file(settings.database_url)
    folder = file.parent if file is not None else Path.cwd()
    try:
        if settings.backup_passphrase is not None:
            out = folder / f"before-{before}.backup"
            phrase = str(settings.backup_passphrase)
            await asyncio.to_thread(backup.write, out, settings, phrase, before)
        elif file is not None:
            out = file.with_name(f"{file.name}.before-{before}")
            pieces = copying.copied(settings.database_url, folder)
            await asyncio.to_thread(copying.put_back, f"sqlite:///{out}", pieces)
        else:
            raise CopyError("set PASSBELL_BACKUP_PASSPHRASE, or add --no-backup when you have a backup.")
    except (CopyError, archive.ArchiveError) as error:
        raise shell.CommandError(f"Nothing is migrated, there is no backup: {error}") from None
    except OSError as error:
        raise shell.CommandError(
            f"Nothing is migrated, there is no backup: {error.filename}: {error.strerror}."
        ) from None
    print(f"backup {out}")


async def examine(settings: Settings) -> list[Check]:
    """What this program would meet: the settings are read by it already when this runs."""
    checks = [Check(State.OK, "settings", "this program knows every one of them.")]
    checks += [Check(State.WARN, "settings", note) for note in settings.notes]
    missing = shell.missing_file(settings.database_url)
    if missing is not None:
        return [*checks, Check(State.FAIL, "database", f"{missing} does not exist.", "Set DATABASE_URL right.")]
    db = await dialect.open(settings.database_url, shell.keyring(settings))
    try:
        return checks + [check async for check in _database(db, settings)]
    finally:
        await db.close()


async def _database(db: Database, settings: Settings) -> AsyncIterator[Check]:
    try:
        version = await migrations.schema_version(db)
    except StoreError as error:
        yield Check(State.FAIL, "database", error.detail, "Start it, or set DATABASE_URL right.")
        return
    if version is not None and not migrations.is_known(version):
        yield Check(State.FAIL, "schema", migrations.newer(version), "Keep the program that you have.")
        return
    steps = migrations.ahead(version)
    told = f"{version or 'empty'}; `migrate` would take {len(steps)} steps: {'; '.join(steps)}." if steps else version
    yield Check(State.OK, "schema", str(told))
    if version is None:
        return
    mismatches = await brands.check_facts(db, await facts.current(db, settings))
    if mismatches:
        yield Check(State.FAIL, "facts", facts.sentence(mismatches), "Put the settings back as they were.")
    else:
        yield Check(State.OK, "facts", "SECRET, PUBLIC_URL and pass types are those of the cards.")
