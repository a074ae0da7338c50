"""A real installation for the benchmarks: certificates, a database with a published template, and server.py beside it.

The server runs as a process of its own on one core, whoever asks it on the other, as in ``push``. What it costs is the
CPU time of that process, read from the kernel to the nanosecond: on a machine that does other things too it moves less
than rates by the clock. Linux only.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
from PIL import Image, ImageDraw
from sqlalchemy import delete, text

from benchmarks.build_sign import COFFEE
from commands import certsdev
from commands.offline import read_folder
from commands.pki import DEFAULT_PASS_TYPE, DEFAULT_TEAM
from commands.signers import seed
from store import brands, cards, dialect, migrations, registrations, sources, tables, templates
from store.cards import NewCard
from store.dialect import Database
from store.keyring import Keyring
from store.registering import DEVICE_PURPOSE

ROOT = Path(__file__).parent.parent
CLIENT_CORE, SERVER_CORE = 0, 1
SECRET = "k1:a secret of the benchmarks and of nothing else"
SOURCE = "till"
NEVER_BRAKES = 1_000_000_000
"""The brake counts and lets everything pass: a benchmark is a backend gone wild."""
POSTGRESQL = "TEST_PASSBELL_POSTGRESQL"
"""The same setting as the tests': a server's URL with a database that may create others."""
START_SECONDS = 60.0


@dataclass(frozen=True)
class House:
    """An installation: its folder, database, port, and what a backend needs to send webhooks."""

    folder: Path
    database_url: str
    port: int
    brand_id: int = 0
    hook_secret: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What its processes are started with."""
        values = {
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "DATABASE_URL": self.database_url,
            "SECRET": SECRET,
            "CERTS_DIR": str(self.folder / "certs"),
            "APNS_CA": str(self.folder / "certs" / "dev" / "root.pem"),
            "APNS_URL": "https://127.0.0.1:9",  # nobody, unless a benchmark names its stand-in
            **self.settings,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PASSBELL_")}
        return kept | {f"PASSBELL_{name}": value for name, value in values.items()}

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """Its database, opened beside the server."""
        db = await dialect.open(self.database_url, Keyring.parse(SECRET))
        db.public_url = f"http://127.0.0.1:{self.port}"
        try:
            yield db
        finally:
            await db.close()

    @contextmanager
    def serving(self, *words: str) -> Iterator[int]:
        """``server.py serve`` on the server's core, answering; yields its process id."""
        with self._process(SERVER_CORE, "serve", "--bind", f"127.0.0.1:{self.port}", "--notice", "0", *words) as pid:
            yield pid

    @contextmanager
    def delivering(self) -> Iterator[int]:
        """``server.py worker`` on the client's core: it is the push service's client; yields its process id."""
        with self._process(CLIENT_CORE, "worker") as pid:
            yield pid

    @contextmanager
    def _process(self, core: int, *words: str) -> Iterator[int]:
        """A process of server.py from the moment it says that it is ready; what it says goes to a file."""
        file = self.folder / f"{words[0]}.log"
        with file.open("w", encoding="utf-8") as log:
            command = [sys.executable, str(ROOT / "server.py"), *words]
            with running(command, core, self.environment, log.fileno()) as process:
                wait(process, lambda: '"ready"' in file.read_text(encoding="utf-8"))
                yield process.pid


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """A fresh database on SQLite, and one on PostgreSQL where there is a server: name -> URL."""
    with TemporaryDirectory() as folder:
        found = {"SQLite": f"sqlite:///{folder}/passbell.db"}
        server = os.environ.get(POSTGRESQL, "postgresql://postgres@127.0.0.1:5432/postgres")
        name = f"passbell_bench_{secrets.token_hex(4)}"
        try:
            asyncio.run(_administer(server, f"CREATE DATABASE {name}"))
        except (OSError, asyncpg.PostgresError):
            print("PostgreSQL is not there: its figures are left out", file=sys.stderr)
            yield found
            return
        try:
            yield found | {"PostgreSQL": f"{server.rsplit('/', 1)[0]}/{name}"}
        finally:
            asyncio.run(_administer(server, f"DROP DATABASE {name} WITH (FORCE)"))


async def furnish(folder: Path, database_url: str, files: Mapping[str, bytes], **settings: str) -> House:
    """A migrated database with a brand, its certificate, a published template and a hook source."""
    now = datetime.now(UTC)
    if not (folder / "certs").exists():
        certsdev.dev(folder / "certs", [DEFAULT_PASS_TYPE], team=DEFAULT_TEAM, now=now)
    house = House(folder, database_url, free_port(), settings=settings)
    async with house.database() as db:
        await migrations.migrate(db)
        brand = await brands.add(
            db,
            key="coffee",
            name="Coffee club",
            pass_type_identifier=DEFAULT_PASS_TYPE,
            team_identifier=DEFAULT_TEAM,
            languages=("ru", "en"),
            time_zone="Europe/Moscow",
            now=now,
        )
        await seed(db, folder / "certs")
        await publish(db, brand.id, files)
        hook_secret = await sources.add(db, brand.id, SOURCE, now)
        await sources.set_brake(db, SOURCE, NEVER_BRAKES)
    return House(folder, database_url, house.port, brand.id, hook_secret, settings)


async def publish(db: Database, brand_id: int, files: Mapping[str, bytes]) -> None:
    """Import the coffee template and publish it."""
    now = datetime.now(UTC)
    await templates.import_files(db, brand_id, files, now)
    await templates.publish(db, brand_id, "coffee", author="benchmark", now=now)


def coffee(**changed: str) -> dict[str, bytes]:
    """The starter template with drawn pictures, so that a card has about 40 KB; ``changed`` texts replace others."""
    files = read_folder(COFFEE)
    text = files["template.yaml"].decode()
    for old, new in changed.items():
        text = text.replace(old, new)
    return files | {
        "template.yaml": text.encode(),
        "icon.png": _drawn(87, 87),
        "logo.png": _drawn(480, 150),
        "strip.jpg": _drawn(1125, 432),
    }


async def hand_out(db: Database, brand_id: int, count: int) -> list[str]:
    """Issue ``count`` cards, each registered on a phone of its own; returns the serial numbers. No push is left to do."""
    now = datetime.now(UTC)
    serials = []
    for number in range(count):
        new = NewCard("coffee", f"client-{number}", data={"name": "Anna Petrova", "points": 0})
        serial = (await cards.issue(db, brand_id, new, now)).card.serial_number
        await registrations.register(
            db,
            pass_type=DEFAULT_PASS_TYPE,
            serial=serial,
            generation=0,
            device_library_identifier=phone(number),
            push_token=push_token(number),
            platform="ApplePass",
            now=now,
        )
        serials.append(serial)
    async with db.transaction() as conn:
        await conn.execute(delete(tables.jobs))
    return serials


def phone(number: int) -> str:
    """The device library identifier of a phone."""
    return f"{number:032x}"


def push_token(number: int) -> str:
    """Its push token."""
    return f"{number:064x}"


async def grow(db: Database, before: int, after: int) -> int:
    """Copies of the first card, phone and registration by SQL, until there are ``after``; returns that."""
    source = "json_array_elements_text(CAST(:hashes AS json)) WITH ORDINALITY AS j(value, key)"
    source = source if db.is_postgresql else "json_each(:hashes) AS j"
    for first in range(before, after, CHUNK):
        numbers = range(first, min(first + CHUNK, after))
        hashes = json.dumps([db.keyring.digest(DEVICE_PURPOSE, phone(number)) for number in numbers])
        place = first if db.is_postgresql else first + 1  # one counts from 1, the other from 0
        async with db.transaction() as conn:
            for table, changed in COPIES.items():
                names = tables.metadata.tables[table].columns.keys()
                values = ", ".join(changed.get(name, f"o.{name}").format(place=place) for name in names)
                copy = f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {source}, {table} AS o WHERE o.id = 1"
                await conn.execute(text(copy), {"hashes": hashes})
    if db.is_postgresql:  # what the server does by itself in the minutes after, and then is done with
        async with db.engine.connect() as plain:
            conn = await plain.execution_options(isolation_level="AUTOCOMMIT")
            for statement in ("VACUUM ANALYZE", "CHECKPOINT"):
                await conn.execute(text(statement))
    return after


CHUNK = 50_000
COPIES = {
    "cards": {
        "id": "{place} + j.key",
        "serial_number": "substr(j.value, 1, 32)",
        "number": "substr(j.value, 1, 32)",
        "external_id": "NULL",
        "install_hash": "j.value",
    },
    "devices": {"id": "{place} + j.key", "device_hash": "j.value", "push_token_hash": "j.value"},
    "registrations": {"id": "{place} + j.key", "card_id": "{place} + j.key", "device_id": "{place} + j.key"},
}
"""What differs from the first row, in which the rest of the columns agree."""


def cpu_seconds(pid: int) -> float:
    """CPU time of another process and all of its threads: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


def memory(pid: int, name: str) -> float:
    """``VmRSS`` or ``VmHWM`` of another process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(name)


@contextmanager
def running(
    command: list[str], core: int, environment: Mapping[str, str] | None = None, out: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[bytes]]:
    """A process on one core, ended afterwards."""
    process = subprocess.Popen(command, env=environment, stdout=out, stderr=out, cwd=ROOT, preexec_fn=lambda: pin(core))
    try:
        yield process
    finally:
        process.terminate()
        process.wait(40)


def pin(core: int) -> None:
    """Keep to this core, where there is such a thing."""
    if hasattr(os, "sched_setaffinity") and core in os.sched_getaffinity(0):
        os.sched_setaffinity(0, {core})


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _drawn(width: int, height: int) -> bytes:
    """A picture of a few shapes in a few colours, as logos and strips are."""
    picture = Image.new("RGB", (width, height), "#3a2a1e")
    pencil = ImageDraw.Draw(picture)
    for number in range(SHAPES):
        side = height * (SHAPES - number) // SHAPES
        pencil.ellipse(
            [width - side - 9 * number, 4 * number, width - 9 * number, side + 4 * number], _COLORS[number % 4]
        )
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


SHAPES = 2
_COLORS = ("#e8d5b5", "#a0724a", "#6b4a32", "#c9a77c")


def listens(port: int) -> bool:
    """Whether somebody answers on this port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def wait(process: subprocess.Popen[bytes], condition: Callable[[], bool]) -> None:
    """Until the condition holds; RuntimeError when the process ends before, or it takes a minute."""
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("a process of the benchmark did not start")
        time.sleep(0.05)


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
