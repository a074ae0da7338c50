"""Backups and upgrades from the command line: what is refused, in one sentence, and what is there afterwards."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from commands import backup, settings, shell, upgrade
from commands.settings import Settings, SettingsError, parse
from commands.shell import CommandError
from store import dialect, holding, migrations
from store.keyring import Keyring
from tests.databases import SECRET

PHRASE = "a passphrase of a test"


def settings_of(url: str, folder: Path, **more: str) -> Settings:
    values = {"DATABASE_URL": url, "SECRET": SECRET, "CERTS_DIR": str(folder / "certs"), **more}
    return parse({f"PASSBELL_{name}": value for name, value in values.items()}, lambda path: Path(path).read_text())


def migrating(**given: bool) -> argparse.Namespace:
    return argparse.Namespace(**{"plan": False, "no_backup": False, "accept_changes": False} | given)


def sql(url: str, statement: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(statement)


def test_a_database_that_is_newer_is_refused_by_every_command(sqlite_url: str, tmp_path: Path) -> None:
    sql(sqlite_url, "UPDATE alembic_version SET version_num = '9999'")
    given = settings_of(sqlite_url, tmp_path)

    async def opened() -> None:
        async with shell.database(given):
            pass

    for work in (opened(), upgrade.run_migrate(migrating(), given)):
        with pytest.raises(CommandError, match="newer than this program"):
            asyncio.run(work)
    checks = asyncio.run(upgrade.examine(given))
    assert [check.what for check in checks if check.state == "FAIL"] == ["schema"]


def test_a_migration_backs_up_first(sqlite_url: str, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(migrations, "ahead", lambda version: ["9998: Something new."])
    for more, name in (({}, "passbell.db.before-"), ({"BACKUP_PASSPHRASE": PHRASE}, "before-")):
        assert asyncio.run(upgrade.run_migrate(migrating(), settings_of(sqlite_url, tmp_path, **more))) == 0
        assert list(tmp_path.glob(f"{name}{migrations.head()}*"))
    assert "step 9998: Something new." in capsys.readouterr().out


def test_a_plan_changes_nothing(sqlite_url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(migrations, "ahead", lambda version: ["9998: Something new."])
    before = sorted(path.name for path in tmp_path.iterdir())
    assert asyncio.run(upgrade.run_migrate(migrating(plan=True), settings_of(sqlite_url, tmp_path))) == 0
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(("-wal", "-shm"))) == before


def test_postgresql_is_not_migrated_without_a_backup(postgresql_url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(migrations, "ahead", lambda version: ["9998: Something new."])
    with pytest.raises(CommandError, match="--no-backup"):
        asyncio.run(upgrade.run_migrate(migrating(), settings_of(postgresql_url, tmp_path)))


def test_a_backup_that_was_altered_restores_nothing(sqlite_url: str, tmp_path: Path) -> None:
    given, out = settings_of(sqlite_url, tmp_path, BACKUP_PASSPHRASE=PHRASE), tmp_path / "b"
    asyncio.run(backup.run_backup(argparse.Namespace(out=out), given))
    content = bytearray(out.read_bytes())
    content[-1] ^= 1
    out.write_bytes(content)
    target = settings_of(f"sqlite:///{tmp_path / 'new.db'}", tmp_path, BACKUP_PASSPHRASE=PHRASE)
    with pytest.raises(CommandError, match="Nothing is restored"):
        asyncio.run(backup.run_restore(argparse.Namespace(file=out, force=False, check=False), target))
    assert not (tmp_path / "new.db").exists()
    other = settings_of(sqlite_url, tmp_path, BACKUP_PASSPHRASE="another passphrase")
    with pytest.raises(CommandError, match="passphrase"):
        asyncio.run(backup.run_restore(argparse.Namespace(file=out, force=True, check=True), other))


def test_a_backup_is_for_its_owner_alone_and_holds_no_secret_in_the_clear(sqlite_url: str, tmp_path: Path) -> None:
    out = tmp_path / "b"
    given = settings_of(sqlite_url, tmp_path, BACKUP_PASSPHRASE=PHRASE)
    asyncio.run(backup.run_backup(argparse.Namespace(out=out), given))
    assert out.stat().st_mode & 0o077 == 0
    assert SECRET.encode() not in out.read_bytes()
    short = settings_of(sqlite_url, tmp_path, BACKUP_PASSPHRASE="short")
    with pytest.raises(CommandError, match="shorter"):
        asyncio.run(backup.run_backup(argparse.Namespace(out=out), short))


def test_a_copied_file_is_held_and_a_moved_one_is_not(sqlite_url: str, tmp_path: Path) -> None:
    async def why(url: str) -> str | None:
        db = await dialect.open(url, Keyring.parse(SECRET))
        try:
            return await holding.check(db)
        finally:
            await db.close()

    assert [asyncio.run(why(sqlite_url)) for _ in range(2)] == [None, None]
    copy, moved = tmp_path / "copy.db", tmp_path / "moved.db"
    shutil.copy(sqlite_url.removeprefix("sqlite:///"), copy)
    assert asyncio.run(why(f"sqlite:///{copy}")) == "copied"
    shutil.move(sqlite_url.removeprefix("sqlite:///"), moved)
    assert asyncio.run(why(f"sqlite:///{moved}")) is None


def test_a_renamed_setting_works_and_is_told_of(monkeypatch) -> None:
    monkeypatch.setattr(settings, "RENAMED", MappingProxyType({"OLD_BIND": "BIND", "OLD_SECRET": "SECRET"}))

    def read(environ: Mapping[str, str]) -> Settings:
        return parse(environ, lambda path: "k1:" + "x" * 40)

    found = read({"PASSBELL_OLD_BIND": "127.0.0.1:9", "PASSBELL_OLD_SECRET_FILE": "/x"})
    assert (found.bind.port, found.secret) == (9, "k1:" + "x" * 40)
    assert "PASSBELL_BIND" in found.notes[0]
    assert len(found.notes) == 2
    with pytest.raises(SettingsError, match="keep PASSBELL_BIND"):
        read({"PASSBELL_OLD_BIND": "127.0.0.1:9", "PASSBELL_BIND": "127.0.0.1:9"})
