"""``serve``, ``worker`` and ``migrate``: the production roles, and how they end.

SIGTERM (or Ctrl-C) drains: ``/readyz`` answers 503, after a moment for the balancer to notice the port is closed, what is
being answered or sent is finished, leases are given back, exit code 0; at most 30 seconds in all. A second signal skips
the moment.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any

import structlog
from aiohttp import web

from commands import facts, googlekeys, letters, logs, maintenance, shell
from commands.channels import Channels
from commands.keyfiles import refuse_wrong_files
from commands.limited import LimitedPool
from commands.settings import TABLE, Bind, Settings, SettingsError
from commands.signers import SignerKeeper
from handlers.keys import LIFECYCLE, HandlerOptions
from handlers.listener import Listener, listen
from handlers.routes import application, is_exempt
from pushes.googleworker import GoogleOptions, GoogleWorker
from pushes.letters import LetterWorker
from pushes.worker import Worker, WorkerOptions
from store import brands, migrations
from store.dialect import Database

NOTICE_SECONDS = 3.0
"""How long ``/readyz`` says 503 before the port is closed: balancers look every few seconds."""
FINISH_SECONDS = 10.0
"""How long answers under way may take to end."""
SETTLE_SECONDS = 8.0
"""How long pushes under way may take to be settled; with the two above and the goodbye to Apple (7 s) less than 30."""
RENDERERS = 2
"""Limited processes that draw drafts, 40 MB each; they start when the first editor is opened."""

SWITCH_SECONDS = 0.0005
"""How long a thread that is done with SQLite's COMMIT waits for its turn; Python's own 5 ms cost each write two of them."""

log = structlog.get_logger("passbell.start")


def add(subparsers: Any) -> None:
    """Register the three roles."""
    web_role = subparsers.add_parser("serve", help="answer phones, backends and webhooks, and deliver pushes")
    web_role.add_argument("--no-worker", action="store_true", help="leave the pushes to `worker` processes")
    web_role.add_argument("--bind", metavar="HOST:PORT", help="where to listen, if not BIND")
    _add_notice(web_role).set_defaults(run=run_serve)
    worker = subparsers.add_parser("worker", help="deliver pushes, in a process of its own")
    worker.set_defaults(run=run_worker)
    migrate = subparsers.add_parser("migrate", help="bring the database's schema up to date")
    migrate.add_argument(
        "--accept-changes",
        action="store_true",
        help="take another PUBLIC_URL, pass type or issuer, although installed cards know the old one",
    )
    migrate.set_defaults(run=run_migrate)


def _add_notice(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument(
        "--notice",
        type=float,
        default=NOTICE_SECONDS,
        metavar="SECONDS",
        help="how long /readyz says 503 before the port closes",
    )
    return parser


async def run_serve(args: argparse.Namespace, settings: Settings) -> int:
    """The web process."""
    if args.bind:
        settings = replace(settings, bind=_bind(args.bind))
    settings.needed("PUBLIC_URL")
    async with running(settings, with_worker=not args.no_worker) as house:
        stopping = stop_event()
        settle_memory()
        note = house.db.sqlite_note or "PostgreSQL"
        log.info("ready", url=house.url, public_url=settings.public_url, worker=not args.no_worker, database=note)
        await stopping.wait()
        await house.give_notice(args.notice, stopping)
    return 0


async def run_worker(args: argparse.Namespace, settings: Settings) -> int:
    """A delivery worker."""
    logs.configure(settings.log_format)
    settings.needed("PUBLIC_URL")
    refuse_wrong_files(settings)
    async with shell.database(settings) as db:
        await facts.refuse_mismatch(db, settings)
        keeper = SignerKeeper(db, settings.certs_dir)
        await keeper.start()
        stopping = stop_event()
        await googlekeys.seed(db, settings)
        async with (
            background(keeper.run()),
            background(googlekeys.watch(db, settings)),
            delivering(db, settings, keeper),
        ):
            settle_memory()
            log.info("ready", role="worker")
            await stopping.wait()
    return 0


async def run_migrate(args: argparse.Namespace, settings: Settings) -> int:
    """Bring the schema up to date."""
    async with shell.database(settings, migrated=False) as db:
        before = await migrations.schema_version(db)
        await migrations.migrate(db)
        if args.accept_changes:
            await facts.refuse_lost_secret(db, settings)
            await brands.remember_facts(db, await facts.current(db, settings))
    head = migrations.head()
    print(
        f"The schema is {head} already." if before == head else f"The schema is {head} now (was {before or 'empty'})."
    )
    return 0


Mount = Callable[[web.Application], None]


@dataclass(frozen=True, slots=True)
class House:
    """A running web process."""

    db: Database
    keeper: SignerKeeper
    application: web.Application
    listener: Listener

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{Bind(self.listener.host, self.listener.port)}"

    async def give_notice(self, seconds: float, again: asyncio.Event) -> None:
        """Tell balancers through ``/readyz`` and wait for them to notice; a second signal ends the wait."""
        log.info("draining", seconds=seconds)
        self.application[LIFECYCLE].draining = True
        again.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(again.wait(), seconds)


@contextlib.asynccontextmanager
async def running(
    settings: Settings, *, with_worker: bool, mount: Mount | None = None, quiet: bool = False
) -> AsyncIterator[House]:
    """The web process from the first check to the last goodbye; ``mount`` adds sub-applications (the demo's sandbox)."""
    logs.configure(settings.log_format, quiet=quiet)
    refuse_wrong_files(settings)
    async with contextlib.AsyncExitStack() as stack:
        db = await stack.enter_async_context(shell.database(settings))
        await facts.refuse_mismatch(db, settings)
        keeper = SignerKeeper(db, settings.certs_dir)
        await keeper.start()
        await stack.enter_async_context(background(keeper.run()))
        await googlekeys.seed(db, settings)
        await stack.enter_async_context(background(googlekeys.watch(db, settings)))
        await stack.enter_async_context(background(maintenance.warm(db)))
        if with_worker:
            await stack.enter_async_context(delivering(db, settings, keeper))
        options = HandlerOptions(
            public_url=settings.needed("PUBLIC_URL"),
            trusted_proxies=settings.trusted_proxies,
            messages=letters.shown(settings),
        )
        renderer = LimitedPool(RENDERERS)
        stack.push_async_callback(renderer.close)
        app = application(db, keeper.signers, options, renderer)
        if mount is not None:
            mount(app)
        listener = await _listening(app, options, settings.bind)
        stack.push_async_callback(listener.close)
        yield House(db, keeper, app, listener)


@contextlib.asynccontextmanager
async def delivering(db: Database, settings: Settings, keeper: SignerKeeper) -> AsyncIterator[None]:
    """The workers with their channels and the regular sweeps; at the end they settle what they have sent."""
    channels, wallets = Channels(settings, keeper.signers), googlekeys.Wallets(db, settings)
    owner = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
    pushes = Worker(db, channels, owner=owner, options=WorkerOptions(window=settings.push_window))
    google = GoogleWorker(db, wallets, owner=f"{owner}-google", options=_google_options(settings))
    senders = letters.Senders(db, settings)
    letter_worker = LetterWorker(db, senders, owner=f"{owner}-letters")
    workers: tuple[Worker | GoogleWorker | LetterWorker, ...] = (pushes, google, letter_worker)
    db.on_jobs.extend(worker.wake for worker in workers)
    running = asyncio.gather(*(worker.run() for worker in workers))
    try:
        async with background(maintenance.run(db, owner, settings)), background(maintenance.tell_news(db)):
            yield
    finally:
        for worker in workers:
            db.on_jobs.remove(worker.wake)
            worker.stop()
        # past the time they are cancelled: leases end by themselves, nothing is lost
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(running, SETTLE_SECONDS)
        await asyncio.gather(channels.aclose(), wallets.aclose(), senders.aclose())


def _google_options(settings: Settings) -> GoogleOptions:
    """Room for two seconds of requests, but no more than a kill may repeat."""
    window = min(settings.push_window, max(GoogleOptions().window, round(2 * settings.google_rate)))
    return GoogleOptions(rate=settings.google_rate, window=window)


@contextlib.asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run ``work`` beside the body; it is cancelled at the end."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def settle_memory() -> None:
    """Take what was loaded at the start out of the garbage collector's rounds: a full one costs tens of milliseconds."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)


def stop_event() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, event.set)
    return event


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("background_work_failed", exc_info=task.exception())


async def _listening(app: web.Application, options: HandlerOptions, bind: Bind) -> Listener:
    try:
        return await listen(app, bind.host, bind.port, is_exempt=is_exempt(options), drain_seconds=FINISH_SECONDS)
    except OSError as error:
        reason = error.strerror or str(error)
        raise shell.CommandError(f"{bind} cannot be listened on: {reason}. Choose another BIND.") from None


def _bind(text: str) -> Bind:
    try:
        bind: Bind = TABLE["BIND"].parse(text)
    except ValueError as error:
        raise SettingsError(f"--bind: {text!r} is wrong: {error}.") from None
    return bind
