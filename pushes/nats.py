"""NATS JetStream as the doorbell's carrier: one stream that keeps the newest ring of each place, one queue of listeners.

The stream holds at most one message a place for at most an hour, on as many servers as the setting names (three at most);
a listener acknowledges when it has looked or handed on, else the ring comes to another. Whoever has the lease is reached
directly, by request and reply. A cluster that is away, restarted or empty is told of once, and taken up again by itself:
the stream is made anew where it is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import structlog
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import BadRequestError, NotFoundError

from pushes import metrics, natscredentials
from pushes.doorbell import CarrierAway, Ear

STREAM = "PASSBELL_JOBS"
LISTENERS = "workers"
_RINGS = "passbell.jobs."
_HANDS = "passbell.worker."
MOST_REPLICAS = 3
MAX_AGE = 3600.0  # seconds: longer than anybody looks away
ANSWER_SECONDS = 1.0
"""How long a server or another worker may take to answer."""
ACK_SECONDS = 5.0
"""How long a listener may take; then another hears the ring."""
AGAIN_SECONDS = 1.0
"""After so long a ring that could not be heard comes again."""
WATCH_SECONDS = 1.0
CONNECT_SECONDS = 10.0
LOOKS_AWAY = 15
"""After so many looks without a connection the library's own attempts are given up for a fresh client."""
LISTEN_SECONDS = 2.0
AT_ONCE = 32
"""Rings that one process hears at the same time."""

log = structlog.get_logger("passbell.nats")

Hear = Callable[[str, Sequence[Ear]], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class NatsOptions:
    """Where it is and who we are: URLs with their passwords, a file of credentials, a CA to trust."""

    servers: tuple[str, ...]
    credentials: Path | None = None
    ca: Path | None = None
    name: str = "passbell"

    @property
    def replicas(self) -> int:
        """On how many servers a ring is kept."""
        return min(MOST_REPLICAS, len(self.servers))

    @property
    def shown(self) -> str:
        """The servers without their passwords."""
        return ", ".join(urlsplit(server).netloc.rpartition("@")[2] for server in self.servers)


class Nats:
    """One process's connection; ``run`` keeps it, ``listening`` hears rings."""

    def __init__(self, options: NatsOptions) -> None:
        self._options = options
        self._client = Client()
        self._is_well = False
        self._is_told = False
        self._looks_away = 0
        self._has_begun = False

    @property
    def is_well(self) -> bool:
        """Whether rings are carried now, as far as the last look told."""
        return self._is_well and bool(self._client.is_connected)

    async def run(self) -> None:
        """Keep the connection and the stream until cancelled."""
        try:
            while True:
                try:
                    await self._keep()
                except (NatsError, CarrierAway, OSError, TimeoutError, ssl.SSLError) as error:
                    self._fell(error)
                await asyncio.sleep(WATCH_SECONDS)
        finally:
            self._is_well = False
            metrics.nats_connected.set(0)
            await self._leave()

    async def ring(self, place: str) -> bool:
        """Keep a ring in the stream, replacing the one of the same place that nobody has heard yet."""
        try:
            await self._client.jetstream(timeout=ANSWER_SECONDS).publish(_RINGS + _word(place), stream=STREAM)
        except (NatsError, OSError, TimeoutError) as error:
            self._fell(error)
            return False
        return True

    async def hand(self, owner: str, place: str) -> bool:
        """Wake the process that has the lease."""
        try:
            await self._client.request(_HANDS + _word(owner), _word(place).encode(), timeout=ANSWER_SECONDS)
        except (NatsError, OSError, TimeoutError):
            return False
        return True

    @contextlib.asynccontextmanager
    async def listening(self, hear: Hear, ears: Sequence[Ear]) -> AsyncIterator[None]:
        """Hear rings beside the body for these workers."""
        tasks = [asyncio.create_task(self._listen(hear, ears)), *(asyncio.create_task(self._obey(ear)) for ear in ears)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def examine(self) -> str:
        """A sentence on the cluster for `doctor`, which changes nothing; raises CarrierAway."""
        try:
            async with asyncio.timeout(3 * ANSWER_SECONDS):
                await self._connect(retries=False)
                info = await self._stream_info()
        except NotFoundError:
            return f"{self._options.shown} answer; the first process to start makes the stream."
        except (NatsError, OSError, TimeoutError, ssl.SSLError) as error:
            raise CarrierAway(_why(error)) from None
        finally:
            await self._leave()
        away = [peer["name"] for peer in (info.get("cluster") or {}).get("replicas") or () if peer.get("offline")]
        if away:
            raise CarrierAway(f"without {', '.join(away)}")
        return f"{self._options.shown}: rings are kept on {info['config']['num_replicas']} of them."

    async def _keep(self) -> None:
        """One look: connected, the stream there; raises when not."""
        if not self._client.is_connected:
            self._looks_away += 1
            if self._client.is_reconnecting and self._looks_away % LOOKS_AWAY:
                raise CarrierAway("no connection")
            await self._leave()
            self._client = Client()
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connect(retries=True)
        await self._prepare_if_missing()
        if not self._is_well:
            log.info("nats_ready", servers=self._options.shown)
        self._is_well, self._is_told = True, False
        metrics.nats_connected.set(1)

    async def _leave(self) -> None:
        """Close the connection; one that failed half-way through TLS never says that it is closed."""
        if not self._has_begun:
            return
        self._has_begun = False
        with contextlib.suppress(TimeoutError, NatsError, OSError):
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._client.close()

    def _fell(self, error: Exception) -> None:
        self._is_well = False
        metrics.nats_connected.set(0)
        if not self._is_told:
            self._is_told = True
            detail = "The workers look at the database by themselves until it is back."
            log.warning("nats_away", servers=self._options.shown, reason=_why(error), detail=detail)

    async def _connect(self, *, retries: bool) -> None:
        options: dict[str, Any] = {"name": self._options.name, "connect_timeout": 2, "ping_interval": 2}
        if self._options.credentials is not None:
            options |= _proof(self._options.credentials)
        if self._options.ca is not None:
            options["tls"] = ssl.create_default_context(cafile=str(self._options.ca))
        self._has_begun = True
        await self._client.connect(
            list(self._options.servers),
            error_cb=self._heard_error,
            reconnect_time_wait=1,
            max_reconnect_attempts=-1 if retries else 1,
            allow_reconnect=retries,
            **options,
        )

    async def _heard_error(self, error: Exception) -> None:
        if not self._client.is_connected:
            self._fell(error)

    async def _prepare_if_missing(self) -> None:
        try:
            info = await self._stream_info()
        except NotFoundError:
            await self._prepare()
            return
        if info["config"]["num_replicas"] < self._options.replicas:
            await self._prepare()

    async def _stream_info(self) -> dict[str, Any]:
        """The stream as its leader knows it; nobody answers while there is none."""
        answer = await self._client.request(f"$JS.API.STREAM.INFO.{STREAM}", timeout=ANSWER_SECONDS)
        found: dict[str, Any] = json.loads(answer.data)
        if "error" in found:
            raise NotFoundError() if found["error"].get("code") == 404 else CarrierAway(found["error"]["description"])
        return found

    async def _prepare(self) -> None:
        jetstream = self._client.jetstream(timeout=3 * ANSWER_SECONDS)
        stream = StreamConfig(
            name=STREAM,
            description="Where Passbell's workers are to look; the database holds the work itself.",
            subjects=[f"{_RINGS}>"],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
            num_replicas=self._options.replicas,
            max_msgs_per_subject=1,
            max_age=MAX_AGE,
            max_msg_size=1024,
        )
        try:
            await jetstream.add_stream(stream)
        except BadRequestError:  # it is there with another number of servers
            await jetstream.update_stream(stream)
        listeners = ConsumerConfig(
            durable_name=LISTENERS, ack_policy=AckPolicy.EXPLICIT, ack_wait=ACK_SECONDS, max_deliver=-1
        )
        await jetstream.add_consumer(STREAM, listeners)

    async def _listen(self, hear: Hear, ears: Sequence[Ear]) -> None:
        room, hearing = asyncio.Semaphore(AT_ONCE), set[asyncio.Task[None]]()
        try:
            while True:
                await self._until_well()
                try:
                    await self._hear_on(room, hearing, hear, ears)
                except (NatsError, OSError, TimeoutError):
                    await asyncio.sleep(WATCH_SECONDS / 2)
                    with contextlib.suppress(NatsError, OSError, TimeoutError):  # the queue may have to be made anew
                        await self._prepare()
        finally:
            for task in hearing:
                task.cancel()
            await asyncio.gather(*hearing, return_exceptions=True)

    async def _hear_on(
        self, room: asyncio.Semaphore, hearing: set[asyncio.Task[None]], hear: Hear, ears: Sequence[Ear]
    ) -> None:
        jetstream = self._client.jetstream(timeout=ANSWER_SECONDS)
        queue = await jetstream.pull_subscribe_bind(LISTENERS, STREAM)
        try:
            while self.is_well:
                await room.acquire()
                try:
                    (message,) = await queue.fetch(1, timeout=LISTEN_SECONDS)
                except TimeoutError:
                    room.release()
                    continue
                except BaseException:
                    room.release()
                    raise
                task = asyncio.create_task(self._answer(message, hear, ears))
                hearing.add(task)
                task.add_done_callback(hearing.discard)
                task.add_done_callback(lambda _: room.release())
        finally:
            with contextlib.suppress(NatsError, OSError):
                await queue.unsubscribe()

    async def _answer(self, message: Any, hear: Hear, ears: Sequence[Ear]) -> None:
        place = unquote(message.subject.removeprefix(_RINGS))
        with contextlib.suppress(NatsError, OSError, TimeoutError):  # not acknowledged, it comes again
            if await hear(place, ears):
                await message.ack()
            else:
                await message.nak(delay=AGAIN_SECONDS)

    async def _obey(self, ear: Ear) -> None:
        """Answer to the name under which this worker has taken leases."""
        while True:
            await self._until_well()
            client = self._client
            with contextlib.suppress(NatsError, OSError):
                told = await client.subscribe(_HANDS + _word(ear.owner))
                with contextlib.suppress(NatsError, OSError):
                    await self._take(client, told, ear)
                with contextlib.suppress(NatsError, OSError):
                    await told.unsubscribe()
            await asyncio.sleep(WATCH_SECONDS)

    async def _take(self, client: Any, told: Any, ear: Ear) -> None:
        while client is self._client:  # a connection that comes back by itself keeps its subscriptions
            try:
                message = await told.next_msg(timeout=LISTEN_SECONDS)
            except TimeoutError:
                continue
            ear.wake()
            await message.respond(b"")

    async def _until_well(self) -> None:
        while not self.is_well:  # noqa: ASYNC110  the connection falls without our doing
            await asyncio.sleep(WATCH_SECONDS / 4)


def _proof(file: Path) -> dict[str, Any]:
    """Who we are, for the library; ``user`` is never sent, it only makes the library answer the server's question."""
    try:
        credentials = natscredentials.parse(file.read_bytes())
    except (OSError, ValueError) as error:
        why = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else str(error)
        raise CarrierAway(f"NATS_CREDENTIALS_FILE: {file} {why}") from None
    return {"user": "by credentials", "user_jwt_cb": lambda: credentials.jwt, "signature_cb": credentials.sign}


def _word(name: str) -> str:
    """The name as one word of a subject."""
    return quote(name, safe="").replace(".", "%2E")


def _why(error: Exception) -> str:
    """What failed, without addresses that may hold a password."""
    if isinstance(error, CarrierAway):
        return str(error)
    return (
        f"{type(error).__name__}: {error}" if str(error) and not isinstance(error, ValueError) else type(error).__name__
    )
