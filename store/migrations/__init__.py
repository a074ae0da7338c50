"""The schema, brought up to date one step at a time.

Steps are additive first: new code on the old schema, old code on the new one. ``migrate`` takes one transaction and
one lock, so that several hosts may start at once and a step that fails leaves nothing behind.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from store.dialect import Database

LOCK = 0x70617373  # "pass": the advisory lock of PostgreSQL under which one host migrates


async def migrate(db: Database) -> None:
    """Bring the schema to ``head()``; already there, nothing happens."""
    async with db.transaction() as conn:
        if db.is_postgresql:
            await conn.execute(text("SET LOCAL lock_timeout = 0"))  # who comes second waits until the first is through
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({LOCK})"))
        await conn.run_sync(_upgrade)


async def schema_version(db: Database) -> str | None:
    """The step the database is at; None before the first."""
    async with db.reading() as conn:
        return await conn.run_sync(_current)


def head() -> str:
    """The step this code was written for."""
    found = ScriptDirectory.from_config(configuration()).get_current_head()
    if found is None:
        raise RuntimeError("store/migrations/versions is empty: the installation is broken.")
    return found


def is_known(version: str) -> bool:
    """Whether this program's steps lead to this one; a newer program's do not."""
    return version in {step.revision for step in _steps().walk_revisions()}


def newer(version: str) -> str:
    """What to say of a database that is newer than the program."""
    return f"The database has schema {version}, newer than this program ({head()}): install the program that made it, or newer."


def ahead(version: str | None) -> list[str]:
    """The steps that ``migrate`` would take from ``version``, each as ``number: what it does``."""
    found = [step for step in _steps().walk_revisions() if version is None or step.revision > version]
    return [f"{step.revision}: {step.doc}" for step in reversed(found)]


def _steps() -> ScriptDirectory:
    return ScriptDirectory.from_config(configuration())


def configuration(**attributes: Any) -> Config:
    """Alembic's configuration without a file of its own."""
    config = Config(attributes=attributes)
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection) -> None:
    command.upgrade(configuration(connection=connection), "head")


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
