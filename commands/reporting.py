"""Each process tells the others, through the database, what it is and how loaded: every 15 s, each second under load."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
import socket
import time
from collections.abc import AsyncIterator

import structlog

from commands.shell import now
from handlers.overload import Load
from passkit.apple.signing import Signers
from passkit.errors import CertificateError
from store import processes
from store.dialect import Database
from store.errors import StoreError
from store.processes import Process

SAY_SECONDS = 15.0
LOAD_SECONDS = 1.0

log = structlog.get_logger("passbell.processes")


class Reporter:
    """Says how this process is; ``load`` is a web process's.

    ``delivers``: it is a worker too, so that its processor time, which pushes take, is no sign of phones that come back.
    """

    def __init__(
        self, db: Database, signers: Signers, name: str, load: Load | None = None, *, delivers: bool = False
    ) -> None:
        self._db, self._signers, self._load, self._delivers = db, signers, load, delivers
        self._name = name
        self._said: Process | None = None
        self._said_at = 0.0
        self._wall, self._cpu = time.monotonic(), time.process_time()

    async def run(self) -> None:
        """Say it until cancelled; a database that is away is no reason to stop."""
        while True:
            try:
                await self._turn()
            except StoreError as error:
                log.warning("process_not_reported", detail=error.detail)
            except Exception:
                log.exception("process_not_reported")
            await asyncio.sleep(LOAD_SECONDS)

    async def _turn(self) -> None:
        process = self._now()
        if self._is_news(process):
            await processes.say(self._db, process)
            self._said, self._said_at = process, time.monotonic()

    def _is_news(self, process: Process) -> bool:
        said = self._said
        if said is None or time.monotonic() - self._said_at >= SAY_SECONDS:
            return True
        if process.fetch_ms is not None or said.fetch_ms is not None:
            return True
        return dict(process.certificates) != dict(said.certificates)

    def _now(self) -> Process:
        fetched = self._load.fetched() if self._load is not None else None
        return Process(
            name=self._name,
            role="worker" if self._load is None else "web",
            program=program(),
            certificates=signing_with(self._signers),
            fetch_ms=None if fetched is None else round(1000 * fetched),
            cpu_percent=None if self._delivers else self._share(),
        )

    def _share(self) -> int:
        wall, cpu = time.monotonic(), time.process_time()
        share = (cpu - self._cpu) / max(wall - self._wall, 0.001)
        self._wall, self._cpu = wall, cpu
        return round(100 * share)


def program() -> str:
    """The version that is installed, or what to call one that never was."""
    try:
        return importlib.metadata.version("passbell")
    except importlib.metadata.PackageNotFoundError:
        return "checkout"


def name(role: str) -> str:
    """What this process is called among the others."""
    return f"{role}-{socket.gethostname()[:32]}-{os.getpid()}"


def signing_with(signers: Signers) -> dict[str, str]:
    """Pass type -> fingerprint of the certificate that signs now; none for one whose certificates are all over."""
    found = {}
    for pass_type in {identity.pass_type_identifier for identity in signers.all()}:
        with contextlib.suppress(CertificateError):
            found[pass_type] = signers.newest(pass_type, now()).fingerprint
    return found


@contextlib.asynccontextmanager
async def reporting(
    db: Database, signers: Signers, name: str, load: Load | None = None, *, delivers: bool = False
) -> AsyncIterator[None]:
    """Say it beside the body, and that it is over at its end."""
    task = asyncio.create_task(Reporter(db, signers, name, load, delivers=delivers).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(StoreError):
            await processes.leave(db, name)


async def compare(db: Database) -> None:
    """Say in the log where processes have not agreed for two minutes; ``/metrics`` counts them itself."""
    for each in processes.differences(*await processes.alive(db)):
        log.error("processes_differ", what=each.what or "program", one=each.one, other=each.other)
