"""``serve``, ``worker`` and ``migrate``: the production roles, and how they end.

With ``--workers N`` the process is the parent of N like it and of one worker (``commands.supervise``).

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
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from commands import facts, googlekeys, letters, logs, maintenance, metricsport, reporting, shell, sockets, supervise
from commands.channels import Channels
from commands.doorbell import Bell, doorbell, listening
from commands.keyfiles import refuse_wrong_files
from commands.limited import LimitedPool
from commands.settings import TABLE, Bind, Settings, SettingsError
from commands.signers import SignerKeeper
from handlers import multiprocess
from handlers.health import note_connections
from handlers.keys import LIFECYCLE, OPTIONS, HandlerOptions
from handlers.listener import Listener, listen
from handlers.overload import LOAD
from handlers.routes import application, is_exempt
from pushes.doorbell import Ear
from pushes.googleworker import GoogleOptions, GoogleWorker
from pushes.letters import LetterWorker
from pushes.worker import Worker, WorkerOptions
from store import holding, places
from store.dialect import Database
from store.errors import StoreError

NOTICE_SECONDS = 3.0
"""How long ``/readyz`` says 503 before the port is closed: balancers look every few seconds."""
LINGER_SECONDS = 5.0
"""How long kept connections may live on after the port is closed: longer than deploy/nginx.conf keeps an idle one."""
FINISH_SECONDS = 5.0
"""How long after that answers under way may take to end."""
SETTLE_SECONDS = 8.0
"""How long pushes under way may take to be settled; with the three above and the goodbye to Apple (7 s) less than 30."""
COUNT_SECONDS = 1.0
MOST_WORKERS = 64
RENDERERS = 2
"""Limited processes that draw drafts, 40 MB each; they start when the first editor is opened."""

HELD_SECONDS = 1.0
"""How often a worker of a held database looks whether it was released."""

SWITCH_SECONDS = 0.0005
"""How long a thread that is done with SQLite's COMMIT waits for its turn; Python's own 5 ms cost each write two of them."""

log = structlog.get_logger("passbell.start")


def add(subparsers: Any) -> None:
    """Register the three roles."""
    web_role = subparsers.add_parser("serve", help="answer phones, backends and webhooks, and deliver pushes")
    web_role.add_argument("--no-worker", action="store_true", help="leave the pushes to `worker` processes")
    web_role.add_argument("--bind", metavar="HOST:PORT", help="where to listen, if not BIND")
    web_role.add_argument(
        "--workers",
        type=_workers,
        default=1,
        metavar="N",
        help="web processes on one socket, with one worker beside them; SIGHUP renews them without a failed request",
    )
    _add_notice(web_role).set_defaults(run=run_serve)
    web_role.add_argument("--socket-fd", type=int, help=argparse.SUPPRESS)
    worker = subparsers.add_parser("worker", help="deliver pushes, in a process of its own")
    worker.set_defaults(run=run_worker)
    for role in (web_role, worker):
        role.add_argument("--ready-fd", type=int, help=argparse.SUPPRESS)
        role.add_argument("--alive-fd", type=int, help=argparse.SUPPRESS)


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
    with _socket(args, settings) as listening:
        if args.workers > 1:
            return await _supervised(args, settings, listening)
        return await _alone(args, settings, listening)


async def _alone(args: argparse.Namespace, settings: Settings, listening: socket.socket) -> int:
    folder = args.environ.get(multiprocess.VARIABLE)
    metrics_folder = Path(folder) if folder else None
    async with running(
        settings, with_worker=not args.no_worker, listening=listening, metrics_folder=metrics_folder
    ) as house:
        stopping = Stopping(args)
        settle_memory()
        note = house.db.sqlite_note or "PostgreSQL"
        log.info("ready", url=house.url, public_url=settings.public_url, worker=not args.no_worker, database=note)
        stopping.say_ready()
        await stopping.event.wait()
        if not stopping.is_relieved:
            await house.give_notice(args.notice, stopping.event)
        await house.leave()
    return 0


async def _supervised(args: argparse.Namespace, settings: Settings, listening: socket.socket) -> int:
    """The parent of ``args.workers`` web processes and, unless ``--no-worker``, one delivery worker."""
    logs.configure(settings.log_format)
    plan = supervise.Plan(
        program=supervise.program(),
        web=("serve", "--no-worker", "--notice", str(args.notice)),
        worker=None if args.no_worker else ("worker",),
        workers=args.workers,
    )
    log.info("starting", url=_url(listening), workers=args.workers)
    return await supervise.Supervisor(plan, listening, args.environ).run()


def _socket(args: argparse.Namespace, settings: Settings) -> socket.socket:
    """The parent's, systemd's, or one of our own."""
    if args.socket_fd is not None:
        return sockets.inherited(args.socket_fd)
    return sockets.passed(args.environ) or sockets.opened(settings.bind)


def _url(listening: socket.socket) -> str:
    where = sockets.address(listening)
    return str(where) if where.path is not None else f"http://{where}"


async def run_worker(args: argparse.Namespace, settings: Settings) -> int:
    """A delivery worker."""
    logs.configure(settings.log_format)
    settings.needed("PUBLIC_URL")
    refuse_wrong_files(settings)
    async with shell.database(settings) as db:
        await facts.refuse_mismatch(db, settings)
        keeper = SignerKeeper(db, settings.certs_dir)
        await keeper.start()
        stopping = Stopping(args)
        await googlekeys.seed(db, settings)
        async with (
            background(keeper.run()),
            background(googlekeys.watch(db, settings)),
            reporting.reporting(db, keeper.signers, reporting.name("worker")),
            metricsport.answering(db, keeper.signers, settings, args.environ) as metrics_url,
            doorbell(db, settings) as bell,
            delivering(db, settings, keeper, bell),
        ):
            settle_memory()
            log.info("ready", role="worker", **({"metrics": metrics_url} if metrics_url else {}))
            stopping.say_ready()
            await stopping.event.wait()
    return 0


Mount = Callable[[web.Application], None]


@dataclass(frozen=True, slots=True)
class House:
    """A running web process."""

    db: Database
    keeper: SignerKeeper
    application: web.Application
    listener: Listener
    url: str

    async def leave(self) -> None:
        """Take no more connections; those that are open end after their next answer, or when their client closes them."""
        self.application[LIFECYCLE].leaving = True
        await self.listener.retire(LINGER_SECONDS)

    async def give_notice(self, seconds: float, again: asyncio.Event) -> None:
        """Tell balancers through ``/readyz`` and wait for them to notice; a second signal ends the wait."""
        log.info("draining", seconds=seconds)
        self.application[LIFECYCLE].draining = True
        again.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(again.wait(), seconds)


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    *,
    with_worker: bool,
    mount: Mount | None = None,
    quiet: bool = False,
    listening: socket.socket | None = None,
    metrics_folder: Path | None = None,
) -> AsyncIterator[House]:
    """The web process from the first check to the last goodbye; ``mount`` adds sub-applications (the demo's sandbox).

    ``listening`` is a socket that is open already, ``metrics_folder`` where this host's processes count together.
    """
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
        bell = await stack.enter_async_context(doorbell(db, settings))
        if with_worker:
            await stack.enter_async_context(delivering(db, settings, keeper, bell))
        options = HandlerOptions(
            public_url=settings.needed("PUBLIC_URL"),
            trusted_proxies=settings.trusted_proxies,
            messages=letters.shown(settings),
            metrics_folder=metrics_folder,
        )
        renderer = LimitedPool(RENDERERS)
        stack.push_async_callback(renderer.close)
        app = application(db, keeper.signers, options, renderer)
        if mount is not None:
            mount(app)
        report = reporting.reporting(db, keeper.signers, reporting.name("web"), app[LOAD], delivers=with_worker)
        await stack.enter_async_context(report)
        listening = listening or sockets.opened(settings.bind)
        where = sockets.address(listening)
        listener = await listen(
            app,
            where.host,
            where.port,
            is_exempt=is_exempt(options),
            drain_seconds=FINISH_SECONDS,
            listening=listening,
        )
        stack.push_async_callback(listener.close)
        await stack.enter_async_context(background(_count_connections(app)))
        yield House(db, keeper, app, listener, _url(listening))


@contextlib.asynccontextmanager
async def delivering(
    db: Database, settings: Settings, keeper: SignerKeeper, bell: Bell | None = None
) -> AsyncIterator[None]:
    """The workers; while the database is held (``store.holding``) they wait for its release."""
    why = await holding.check(db)
    if why is None:
        async with _delivering(db, settings, keeper, bell):
            yield
        return
    log.warning("held", why=why, fix="`release` shows what would go out, and lets it")
    async with background(_once_released(db, settings, keeper, bell)):
        yield


async def _once_released(db: Database, settings: Settings, keeper: SignerKeeper, bell: Bell | None) -> None:
    while True:
        if not await _is_held(db):
            break
        await asyncio.sleep(HELD_SECONDS)
    log.info("released")
    async with _delivering(db, settings, keeper, bell):
        await asyncio.Event().wait()  # until it is cancelled


async def _is_held(db: Database) -> bool:
    try:
        return await holding.why_held(db) is not None
    except StoreError:  # away for now: still held
        return True


@contextlib.asynccontextmanager
async def _delivering(db: Database, settings: Settings, keeper: SignerKeeper, bell: Bell | None) -> AsyncIterator[None]:
    """The workers with their channels and the regular sweeps; at the end they settle what they have sent."""
    channels, wallets = Channels(settings, keeper.signers), googlekeys.Wallets(db, settings)
    owner = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
    is_rung = bell.is_heard if bell is not None else lambda: False
    options = WorkerOptions(window=settings.push_window)
    pushes = Worker(db, channels, owner=owner, options=options, is_rung=is_rung)
    google = GoogleWorker(db, wallets, owner=f"{owner}-google", options=_google_options(settings), is_rung=is_rung)
    senders = letters.Senders(db, settings)
    letter_worker = LetterWorker(db, senders, owner=f"{owner}-letters")
    workers: tuple[Worker | GoogleWorker | LetterWorker, ...] = (pushes, google, letter_worker)
    db.on_jobs.extend(worker.wake for worker in workers)
    ears = (
        Ear(owner, places.PUSH, pushes.wake),
        Ear(f"{owner}-google", places.GOOGLE, google.wake),
        Ear(f"{owner}-letters", places.LETTERS, letter_worker.wake),
    )
    running = asyncio.gather(*(worker.run() for worker in workers))
    try:
        async with (
            listening(bell, ears),
            background(maintenance.run(db, owner, settings)),
            background(maintenance.tell_news(db)),
            background(maintenance.set_off(db)),
            background(maintenance.let_go(db, owner, settings)),
            background(maintenance.look_after_google(db, settings)),
        ):
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


class Stopping:
    """When a role ends: by SIGTERM, or, below a supervisor, when it is relieved by a new generation or the parent is gone."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.event = stop_event()
        self.is_relieved = False
        self._ready = args.ready_fd
        loop = asyncio.get_running_loop()
        if args.alive_fd is not None:
            loop.add_signal_handler(signal.SIGHUP, self._relieve)
            loop.add_reader(args.alive_fd, self._orphaned, args.alive_fd)

    def say_ready(self) -> None:
        """Tell the supervisor, if there is one."""
        if self._ready is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._ready, b"1")
            os.close(self._ready)

    def _relieve(self) -> None:
        self.is_relieved = True
        self.event.set()

    def _orphaned(self, pipe: int) -> None:
        asyncio.get_running_loop().remove_reader(pipe)
        self.event.set()


async def _count_connections(app: web.Application) -> None:
    """Where several processes count together, each has to say by itself how it stands."""
    while app[OPTIONS].metrics_folder is not None:
        note_connections(app)
        await asyncio.sleep(COUNT_SECONDS)


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("background_work_failed", exc_info=task.exception())


def _workers(text: str) -> int:
    count = int(text)
    if not 1 <= count <= MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"a number from 1 to {MOST_WORKERS}")
    return count


def _bind(text: str) -> Bind:
    try:
        bind: Bind = TABLE["BIND"].parse(text)
    except ValueError as error:
        raise SettingsError(f"--bind: {text!r} is wrong: {error}.") from None
    return bind
