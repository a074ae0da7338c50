"""``demo``: all of Passbell on one machine, with a sandbox that plays Apple's push service, Google's Wallet API and the phones.

Everything lies in one folder, so that the next start goes on where the last one ended: look-alike certificates, SECRET,
the SQLite database, the key and secret of programs (``keys.json``), a service account's key and what Google's stand-in knows
(``google-key.json``, ``google.json``), and ``demo.json``, which says all that a program needs and is written when the server
answers.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from commands import certsdev, certsdir, facts, offline, pki, serve, shell, users
from commands.settings import PREFIX, Settings, parse
from commands.signers import seed
from passkit import data, links, schema
from sandbox.apns import PushService
from sandbox.backend import Starter, Variable
from sandbox.gateway import GatewayService
from sandbox.google import GoogleService
from sandbox.google_accounts import new_key_file
from sandbox.google_memory import remembered
from sandbox.mail import MailService
from sandbox.page import Sandbox
from sandbox.pkpass import load_roots
from store import brands, cards, google, joinlinks, keys, migrations, people, sources, templates
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database
from store.errors import NotFound

HOST = "127.0.0.1"
PORT = 8080
BRAND, SOURCE, KEY = "demo", "demo", "demo"
JOIN_SLUG = "demo"
ADMIN, ADMIN_NAME = "demo@example.com", "Demo"
PASS_TYPE = pki.DEFAULT_PASS_TYPE
LANGUAGES = ("ru", "en")
ZONE = "Europe/Moscow"
DEMO_FILE, KEYS_FILE = "demo.json", "keys.json"
GOOGLE_KEY_FILE, GOOGLE_FILE = "google-key.json", "google.json"
GOOGLE_ISSUER = "3388000000000000001"
GOOGLE_ACCOUNT = "wallet@passbell-demo.iam.gserviceaccount.com"
STARTERS = Path(__file__).resolve().parent.parent / "templates" / "passes"
FIRST_CARD = cards.NewCard(
    template="coffee",
    external_id="demo-1",
    data={"name": "Anna Petrova", "points": 120, "balance": 45000},
    channel="demo",
)


@dataclass(frozen=True, slots=True)
class DemoFile:
    """``DIR/demo.json``: what a program needs to play with the demo; ``studio_*`` are its first admin's."""

    url: str
    api_key: str
    hook_source: str
    hook_secret: str
    studio_user: str
    studio_password: str
    sandbox_url: str


def add(subparsers: Any) -> None:
    """Register ``demo``."""
    parser = subparsers.add_parser("demo", help="everything on this machine, with phones to look at")
    parser.add_argument(
        "--port", type=_port_number, default=PORT, help=f"where to listen, {PORT} if not given; 0 takes a free one"
    )
    parser.add_argument("--data-dir", type=Path, default=Path("var"), metavar="DIR", help="where it keeps all it makes")
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """``demo``."""
    stopping = serve.stop_event()
    folder = args.data_dir.resolve()
    port = _port(args.port)
    look_alikes = folder / "certs"
    _begin(folder)
    await asyncio.to_thread(certsdev.dev, look_alikes, [PASS_TYPE], team=pki.DEFAULT_TEAM, now=shell.now())
    async with (
        _push_service(look_alikes) as push_service,
        _google(folder) as google_service,
        MailService() as mail,
        GatewayService() as gateway,
    ):
        settings = _settings(folder, port, push_service, google_service, mail, gateway)
        async with shell.database(settings, migrated=False) as db:
            demo, install_url = await _prepared(db, settings, folder)
        roots = load_roots((look_alikes / "dev" / "root.pem").read_bytes())
        sandbox = Sandbox(
            demo.url,
            push_service,
            roots=roots,
            api_key=demo.api_key,
            hook_source=demo.hook_source,
            hook_secret=demo.hook_secret,
            google=google_service,
            mail=mail,
            gateway=gateway,
            starters=_starters(),
            time_zone=ZONE,
        )
        async with serve.running(settings, with_worker=True, quiet=True, mount=sandbox.mount):
            await sandbox.add_card(install_url)
            _write(folder / DEMO_FILE, asdict(demo))
            _welcome(demo, folder)
            await stopping.wait()
            print("Stopping.")
    return 0


def _port_number(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def _begin(folder: Path) -> None:
    """Make the folder; the last start's ``demo.json`` goes: whoever waits for it shall find a server that answers."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / DEMO_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise shell.CommandError(f"--data-dir {folder} cannot be used: {error.strerror}.") from None


def _port(wanted: int) -> int:
    """The port, proved free: PUBLIC_URL must name it before anything listens."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            raise shell.CommandError(
                f"Port {wanted} is taken: choose another with --port, or 0 for a free one."
            ) from None
        return int(probe.getsockname()[1])


@contextlib.asynccontextmanager
async def _push_service(look_alikes: Path) -> AsyncIterator[PushService]:
    service = PushService(
        certificate=(look_alikes / "apns" / "server.pem").read_bytes(),
        key=(look_alikes / "apns" / "server.key").read_bytes(),
        client_ca=(look_alikes / "dev" / "root.pem").read_bytes(),
    )
    async with service:
        yield service


@contextlib.asynccontextmanager
async def _google(folder: Path) -> AsyncIterator[GoogleService]:
    """Google's stand-in as the last start left it, on a free port; it knows the demo's service account."""
    async with GoogleService() as service, remembered(service, folder / GOOGLE_FILE):
        file = folder / GOOGLE_KEY_FILE
        key = _read(file) or await asyncio.to_thread(new_key_file, GOOGLE_ACCOUNT, service.token_url)
        key["token_uri"] = service.token_url
        _write(file, key)
        service.enlist(key, GOOGLE_ISSUER, "Passbell Demo")
        yield service


def _settings(
    folder: Path,
    port: int,
    push_service: PushService,
    google_service: GoogleService,
    mail: MailService,
    gateway: GatewayService,
) -> Settings:
    """The environment of the demo: nothing of the caller's, so that it is the same everywhere."""
    return parse(
        {
            f"{PREFIX}{name}": value
            for name, value in {
                "PUBLIC_URL": f"http://{HOST}:{port}",
                "BIND": f"{HOST}:{port}",
                "DATABASE_URL": f"sqlite:///{folder / 'passbell.db'}",
                "SECRET": _secret(folder / "secret"),
                "CERTS_DIR": str(folder / "certs"),
                "APNS_URL": push_service.url,
                "APNS_CA": str(folder / "certs" / "dev" / "root.pem"),
                "GOOGLE_URL": google_service.url,
                "GOOGLE_TOKEN_URL": google_service.token_url,
                "GOOGLE_CALLBACK_KEYS_URL": google_service.keys_url,
                "GOOGLE_KEY_FILE": str(folder / GOOGLE_KEY_FILE),
                "GOOGLE_ISSUER_ID": GOOGLE_ISSUER,
                "MAIL_URL": mail.url,
                "MAIL_FROM": "Passbell Demo <demo@passbell.invalid>",
                "GATEWAY_URL": gateway.url_with_words,
                "LOG_FORMAT": "text",
            }.items()
        },
        lambda path: Path(path).read_text(encoding="utf-8"),
    )


def _secret(file: Path) -> str:
    """The demo's own SECRET, made once."""
    if not file.exists():
        certsdir.write(file, f"demo:{secrets.token_urlsafe(48)}".encode(), private=True)
    return file.read_text(encoding="utf-8")


async def _prepared(db: Database, settings: Settings, folder: Path) -> tuple[DemoFile, str]:
    """Schema, brand, templates, keys and the first card, as far as they are not there yet."""
    await migrations.migrate(db)
    await brands.remember_facts(db, await facts.current(db, settings))  # another --port is meant
    brand = await _brand(db)
    await seed(db, settings.certs_dir)
    await _publish_starters(db, brand)
    await _join_link(db, brand)
    demo = await _demo_file(db, brand, settings.needed("PUBLIC_URL"), folder / KEYS_FILE)
    issued = await cards.issue(db, brand.id, FIRST_CARD, now=shell.now())
    return demo, links.install_url(demo.url, issued.card.install_token)


async def _brand(db: Database) -> BrandRow:
    found = await brands.by_key(db, BRAND)
    if found is None:
        found = await brands.add(
            db,
            key=BRAND,
            name="Passbell Demo",
            pass_type_identifier=PASS_TYPE,
            team_identifier=pki.DEFAULT_TEAM,
            languages=LANGUAGES,
            time_zone=ZONE,
            now=shell.now(),
        )
    if found.google_issuer_id is None:  # later it is as the operator left it
        await google.configure(db, BRAND, issuer_id=GOOGLE_ISSUER, mode=google.Mode.LIVE)
    return found


def _folders() -> list[Path]:
    return sorted(path.parent for path in STARTERS.glob("*/template.yaml"))


async def _publish_starters(db: Database, brand: BrandRow) -> None:
    """Every starter template that the demo has not published; what was edited since stays."""
    known = {row.key for row in await templates.listing(db, brand.id) if row.published_revision is not None}
    missing = [folder for folder in _folders() if folder.name not in known]
    if missing:
        print(f"Drawing and publishing {len(missing)} starter templates: the first start takes some seconds longer.")
    for folder in missing:
        row = await templates.import_files(db, brand.id, offline.read_folder(folder), now=shell.now())
        await templates.publish(db, brand.id, row.key, author="demo", note="A starter", now=shell.now())


async def _join_link(db: Database, brand: BrandRow) -> None:
    """A poster's link, made at the first start and then left as it is."""
    if not await joinlinks.listing(db, brand.id, archived=True):
        poster = joinlinks.NewLink(template="retail", name="Poster", slug=JOIN_SLUG)
        await joinlinks.add(db, brand.id, poster, Actor("demo"), shell.now())


def _starters() -> list[Starter]:
    """What the phones page offers to issue, with each template's samples."""
    found = []
    for folder in _folders():
        template = schema.parse_template(offline.read_folder(folder))
        variables = tuple(Variable(name, it.label or name, it.type) for name, it in template.variables.items())
        sample = data.to_json(template, data.sample(template))
        found.append(Starter(template.key, template.name, sample, variables))
    return found


async def _demo_file(db: Database, brand: BrandRow, url: str, file: Path) -> DemoFile:
    """What a program needs: the last start's key and secret, kept in ``file``, or new ones."""
    known = _read(file)
    key, secret = known.get("api_key"), known.get("hook_secret")
    if not isinstance(key, str) or await keys.authenticate(db, key) is None:
        key = await _new_key(db, brand)
    source = await sources.by_name(db, SOURCE, shell.now())
    if not isinstance(secret, str) or source is None or secret not in source.secrets:
        secret = await _new_secret(db, brand, is_known=source is not None)
    password = await _admin(db, brand, known.get("studio_password"))
    _write(file, {"api_key": key, "hook_secret": secret, "studio_password": password})
    return DemoFile(url, key, SOURCE, secret, ADMIN, password, f"{url}/sandbox/")


async def _admin(db: Database, brand: BrandRow, known: object) -> str:
    """The first admin's password: the last start's while it works, else a new one."""
    user = await people.users.by_email(db, ADMIN)
    is_living = user is not None and user.revoked_at is None
    if user is not None and is_living and isinstance(known, str) and await people.users.knows(db, user, known):
        return known
    password = users.new_password()
    if user is None:
        user = await people.users.add(db, email=ADMIN, name=ADMIN_NAME, password=password, now=shell.now())
    else:
        await people.users.set_password(db, user, password, shell.now())
    await people.users.grant(db, user.id, brand.id, people.Role.ADMIN, people.COMMAND_LINE, shell.now())
    return password


async def _new_key(db: Database, brand: BrandRow) -> str:
    with contextlib.suppress(NotFound):
        await keys.revoke(db, brand.id, KEY, shell.now())
    names = {row.name for row in await keys.listing(db, brand.id)}
    name = KEY if KEY not in names else f"{KEY}-{secrets.token_hex(4)}"
    return await keys.add(db, brand.id, name, (), shell.now())


async def _new_secret(db: Database, brand: BrandRow, *, is_known: bool) -> str:
    if is_known:
        return await sources.rotate(db, SOURCE, sources.OVERLAP, shell.now())
    return await sources.add(db, brand.id, SOURCE, shell.now())


def _write(file: Path, content: dict[str, Any]) -> None:
    certsdir.write(file, json.dumps(content, indent=2).encode() + b"\n", private=True)


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _welcome(demo: DemoFile, folder: Path) -> None:
    print(
        f"""
  Passbell is running.

    Phones    {demo.sandbox_url}   open this one first
    Studio    {demo.url}/studio/   {demo.studio_user}, password {demo.studio_password}
    Join      {demo.url}/j/{JOIN_SLUG}   a poster's form; codes arrive at {demo.sandbox_url}messages/
    Server    {demo.url}
    API       {demo.url}/api
    Keys      {folder / DEMO_FILE}

  Ctrl-C stops it; the next start goes on where this one ends.
""",
        flush=True,
    )
