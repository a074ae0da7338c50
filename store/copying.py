"""A copy of the whole database while it is in use, and back: SQLite by its online backup, PostgreSQL by ``pg_dump``.

PostgreSQL's password goes by the environment, never on a command line that others on the machine can read.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.engine import URL

from store import sqlite_library

PIECE = 1 << 20
SQLITE, POSTGRESQL = "sqlite", "postgresql"
WORDS = 500
"""Characters of a program's complaint that are told."""


class CopyError(Exception):
    """A copy that could not be made or put back; the message is one sentence."""


def kind(url: str) -> str:
    """Which database it is."""
    return SQLITE if make_url(url).get_backend_name() == SQLITE else POSTGRESQL


def copied(url: str, folder: Path) -> Iterator[bytes]:
    """The copy, in pieces; SQLite's is made in ``folder`` first."""
    if kind(url) == SQLITE:
        yield from _sqlite_copy(_file(url), folder)
    else:
        yield from _dumped(url)


def is_empty(url: str) -> bool:
    """Whether a restore would overwrite nothing."""
    if kind(url) == SQLITE:
        return not _file(url).exists() or _file(url).stat().st_size == 0
    tables = "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()"
    arguments, environ = _arguments("psql", url)
    done = _run([*arguments, "--no-psqlrc", "-At", "-c", tables], environ)
    return done.stdout.strip() == b"0"


def put_back(url: str, pieces: Iterable[bytes]) -> None:
    """The copy in the place of what is there, in one step: it is all the old one or all the new one."""
    if kind(url) == SQLITE:
        _replace(_file(url), pieces)
    else:
        _restored(url, pieces)


def _sqlite_copy(path: Path, folder: Path) -> Iterator[bytes]:
    sqlite = sqlite_library.library()
    if not path.exists():
        raise CopyError(f"{path} does not exist.")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".passbell-") as place:
        copy = Path(place) / "copy.db"
        source, target = sqlite.connect(str(path)), sqlite.connect(str(copy))
        try:
            source.backup(target)  # all pages in one go: a snapshot, however busy the writers are
            found = target.execute("PRAGMA quick_check").fetchone()[0]
        finally:
            source.close()
            target.close()
        if found != "ok":
            raise CopyError(f"the database is damaged: {found}.")
        with copy.open("rb") as file:
            while piece := file.read(PIECE):
                yield piece


def _replace(path: Path, pieces: Iterable[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.restoring")
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.writelines(pieces)
        file.flush()
        os.fsync(file.fileno())
    for left in ("-wal", "-shm", "-journal"):  # of the old file: on the new one they would be damage
        path.with_name(path.name + left).unlink(missing_ok=True)
    os.replace(new, path)


def _dumped(url: str) -> Iterator[bytes]:
    arguments, environ = _arguments("pg_dump", url)
    arguments += ["--format=custom", "--no-owner", "--no-privileges"]
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=complaints, env=environ)  # noqa: S603
        except OSError:
            raise CopyError("pg_dump is not on this machine: install PostgreSQL's client programs.") from None
        with process:
            while process.stdout is not None and (piece := process.stdout.read(PIECE)):
                yield piece
        complaints.seek(0)
        if process.returncode:
            raise CopyError(f"pg_dump failed: {_told(complaints.read())}")


def _restored(url: str, pieces: Iterable[bytes]) -> None:
    arguments, environ = _arguments("pg_restore", url)
    arguments += ["--no-owner", "--no-privileges", "--single-transaction", "--clean", "--if-exists"]
    with tempfile.TemporaryFile() as complaints:
        try:
            process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stderr=complaints, env=environ)  # noqa: S603
        except OSError:
            raise CopyError("pg_restore is not on this machine: install PostgreSQL's client programs.") from None
        with process:
            try:
                for piece in pieces:
                    if process.stdin is not None:
                        process.stdin.write(piece)
            except BrokenPipeError:  # it has complained and gone; why is told below
                pieces = ()
        complaints.seek(0)
        if process.returncode:
            raise CopyError(f"pg_restore failed, the database is as it was: {_told(complaints.read())}")


def _arguments(program: str, url: str) -> tuple[list[str], dict[str, str]]:
    parsed: URL = make_url(url)
    environ = {"PATH": os.defpath} | ({"PGPASSWORD": str(parsed.password)} if parsed.password else {})
    bare = URL.create(
        "postgresql", parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
    ).render_as_string()
    return [shutil.which(program) or program, f"--dbname={bare}"], environ


def _run(arguments: list[str], environ: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    try:
        done = subprocess.run(arguments, env=environ, capture_output=True, check=False)  # noqa: S603
    except OSError:
        raise CopyError(f"{arguments[0]} is not on this machine: install PostgreSQL's client programs.") from None
    if done.returncode:
        raise CopyError(f"{arguments[0]} failed: {_told(done.stderr)}")
    return done


def _told(complaint: bytes) -> str:
    return " ".join(complaint.decode(errors="replace").split())[:WORDS]


def _file(url: str) -> Path:
    return Path(make_url(url).database or "")
