"""A stand-in for Apple's push service, for one machine: HTTP/2 over TLS with client certificates, on a free port.

It promises what Apple documents: the status and reason table, ``apns-id`` echoed or made, the topic checked against
the certificate's UID, one stored notification per device while the phone is offline, until ``apns-expiration``. With no
rule set it answers 200 to every 64-hex token. It records what it got, and it makes trouble only when a rule says so. It
never pretends to know tokens that no phone has: whatever a provider sends is believed.
"""

from __future__ import annotations

import asyncio
import itertools
import ssl
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from sandbox.apns_answers import ACCEPTED, Answer, ClientIdentity, PushRequest, judge, refusal
from sandbox.apns_connection import Decision, PushConnection
from sandbox.apns_rules import Action, Rule
from sandbox.scripts import Script

__all__ = ["ACCEPTED", "Action", "Answer", "PushRecord", "PushService", "Rule"]

MAX_STREAMS = 1000
"""What Apple's service announces to a provider with a certificate."""

KEPT_RECORDS = 500_000
"""Older records are dropped, counts stay; enough for every test, bounded for a demo that runs for weeks."""


@dataclass(frozen=True, slots=True)
class PushRecord:
    """One push as the service saw it: ``status`` is None when it was never answered (silence, reset, cut, GOAWAY)."""

    number: int
    time: float
    token: str
    topic: str | None
    apns_id: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    connection: int
    identity: ClientIdentity | None
    status: int | None
    reason: str | None

    @property
    def accepted(self) -> bool:
        """Whether the provider was told 200."""
        return self.status == 200

    @property
    def expiration(self) -> float | None:
        """``apns-expiration`` in epoch seconds, or None when the header is absent."""
        return next((float(value) for name, value in self.headers if name == "apns-expiration"), None)


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals since the start or the last ``forget``."""

    connections: int
    open_connections: int
    requests: int
    accepted: int
    tokens: int
    repeated: int
    overflows: int


@dataclass(frozen=True, slots=True)
class _Subscription:
    topic: str | None
    deliver: Callable[[PushRecord], None]


@dataclass(slots=True)
class _Waiter:
    token: str | None
    count: int
    done: asyncio.Future[None]


class PushService:
    """The service: ``certificate`` and ``key`` are its own, ``client_ca`` what client chains end in; all PEM."""

    def __init__(
        self,
        *,
        certificate: bytes,
        key: bytes,
        client_ca: bytes,
        host: str = "127.0.0.1",
        port: int = 0,
        max_streams: int = MAX_STREAMS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.host = host
        self.port = port
        self.max_streams = max_streams
        self.script: Script[Rule] = Script()
        self.on_record: list[Callable[[PushRecord], None]] = []
        self.records: deque[PushRecord] = deque(maxlen=KEPT_RECORDS)
        self._context = _tls(certificate, key, client_ca)
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._connections: set[PushConnection] = set()
        self._connection_numbers = itertools.count(1)
        self._record_numbers = itertools.count(1)
        self._subscriptions: dict[str, _Subscription] = {}
        self._stored: dict[str, PushRecord] = {}
        self._waiters: list[_Waiter] = []
        self.forget()

    # Life.

    async def start(self) -> None:
        """Listen; ``port`` and ``url`` are known afterwards."""
        loop = asyncio.get_running_loop()

        def connection() -> PushConnection:
            return PushConnection(self, next(self._connection_numbers))

        self._server = await loop.create_server(connection, self.host, self.port, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is None:
            return
        self._server.close()
        self.cut()
        await self._server.wait_closed()
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        """What a provider is configured with."""
        return f"https://{self.host}:{self.port}"

    # Trouble.

    def add_rule(self, rule: Rule) -> int:
        """Put a rule in force; the number removes it (``script.remove``)."""
        return self.script.add(rule)

    def limit_streams(self, maximum: int) -> None:
        """Announce MAX_CONCURRENT_STREAMS to everyone connected and everyone to come; streams beyond it are refused."""
        self.max_streams = maximum
        for connection in list(self._connections):
            connection.limit_streams(maximum)

    def go_away(self) -> None:
        """Send GOAWAY on every connection."""
        for connection in list(self._connections):
            connection.go_away()

    def cut(self) -> None:
        """Drop every connection."""
        for connection in list(self._connections):
            connection.cut()

    # Memory.

    def forget(self) -> None:
        """Forget records, counts and stored pushes; rules and phones stay."""
        self.records.clear()
        self._stored.clear()
        self._accepted: Counter[str] = Counter()
        self._accepted_in_all = 0
        self._requests = 0
        self._opened = len(self._connections)
        self._overflows = 0

    def stats(self) -> Stats:
        """Totals; ``repeated`` counts accepted pushes beyond the first per token."""
        return Stats(
            connections=self._opened,
            open_connections=len(self._connections),
            requests=self._requests,
            accepted=self._accepted_in_all,
            tokens=len(self._accepted),
            repeated=self._accepted_in_all - len(self._accepted),
            overflows=self._overflows,
        )

    def accepted(self, token: str | None = None) -> int:
        """How many pushes were accepted, for one token or in all."""
        return self._accepted_in_all if token is None else self._accepted[token.lower()]

    def accepted_by_token(self) -> dict[str, int]:
        """Accepted pushes per token, a copy."""
        return dict(self._accepted)

    def pushes(self, token: str | None = None) -> list[PushRecord]:
        """The accepted pushes kept, oldest first."""
        wanted = None if token is None else token.lower()
        return [record for record in self.records if record.accepted and wanted in (None, record.token)]

    async def received(self, token: str | None = None, *, count: int = 1, timeout: float = 10.0) -> list[PushRecord]:
        """Wait until ``count`` pushes were accepted, for one token or in all, and return them.

        TimeoutError says how far it got.
        """
        wanted = None if token is None else token.lower()
        if self.accepted(wanted) < count:
            waiter = _Waiter(wanted, count, asyncio.get_running_loop().create_future())
            self._waiters.append(waiter)
            try:
                await asyncio.wait_for(waiter.done, timeout)
            except TimeoutError:
                seen = self.accepted(wanted)
                raise TimeoutError(f"{seen} of {count} pushes accepted within {timeout:g} s") from None
            finally:
                self._waiters.remove(waiter)
        return self.pushes(wanted)

    # Phones.

    def subscribe(self, token: str, deliver: Callable[[PushRecord], None], *, topic: str | None = None) -> None:
        """A phone comes online: accepted pushes reach ``deliver``, the stored one at once if it has not expired.

        With ``topic``, pushes for another topic are refused with DeviceTokenNotForTopic.
        """
        self._subscriptions[token.lower()] = _Subscription(topic, deliver)
        waiting = self._stored.pop(token.lower(), None)
        if waiting is not None and (waiting.expiration is None or waiting.expiration > self._clock()):
            deliver(waiting)

    def unsubscribe(self, token: str) -> None:
        """A phone goes offline; the newest push to it is kept until it expires."""
        self._subscriptions.pop(token.lower(), None)

    # What connections call.

    def opened(self, connection: PushConnection) -> None:
        """A provider has connected."""
        self._connections.add(connection)
        self._opened += 1

    def closed(self, connection: PushConnection) -> None:
        """A provider has gone."""
        self._connections.discard(connection)

    def overflowed(self) -> None:
        """A stream beyond the announced limit was refused."""
        self._overflows += 1

    def decide(self, request: PushRequest, connection_number: int) -> Decision:
        """Record one request and say what becomes of it."""
        self._requests += 1
        apns_id = request.header("apns-id") or str(uuid.uuid4()).upper()
        answer = judge(request)
        rule = self.script.match(lambda it: it.fits(request.token)) if answer.status == 200 else None
        if answer.status == 200 and rule is None and self._is_for_another_topic(request):
            answer = refusal("DeviceTokenNotForTopic")
        if rule is not None and rule.action is Action.ANSWER:
            answer = rule.answer()
        answered = rule is None or rule.action is Action.ANSWER
        self._remember(request, apns_id, connection_number, answer if answered else None)
        return Decision(answer, apns_id, rule)

    def _is_for_another_topic(self, request: PushRequest) -> bool:
        subscription = self._subscriptions.get(request.token)
        return subscription is not None and subscription.topic not in (None, request.topic)

    def _remember(self, request: PushRequest, apns_id: str, connection_number: int, answer: Answer | None) -> None:
        record = PushRecord(
            number=next(self._record_numbers),
            time=self._clock(),
            token=request.token,
            topic=request.topic,
            apns_id=apns_id,
            headers=request.headers,
            body=request.body,
            connection=connection_number,
            identity=request.identity,
            status=answer.status if answer else None,
            reason=answer.reason if answer else None,
        )
        self.records.append(record)
        for listener in self.on_record:
            listener(record)
        if record.accepted:
            self._accept(record)

    def _accept(self, record: PushRecord) -> None:
        self._accepted[record.token] += 1
        self._accepted_in_all += 1
        subscription = self._subscriptions.get(record.token)
        if subscription is not None:
            subscription.deliver(record)
        elif record.expiration is None or record.expiration > self._clock():
            self._stored[record.token] = record
        for waiter in self._waiters:
            if not waiter.done.done() and self.accepted(waiter.token) >= waiter.count:
                waiter.done.set_result(None)


def _tls(certificate: bytes, key: bytes, client_ca: bytes) -> ssl.SSLContext:
    """TLS 1.2 or later, HTTP/2 only; a client certificate is asked for, and checked when one comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    context.verify_mode = ssl.CERT_OPTIONAL
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=client_ca.decode())
    with TemporaryDirectory() as folder:
        chain, private = Path(folder, "chain.pem"), Path(folder, "key.pem")
        private.touch(mode=0o600)
        chain.write_bytes(certificate)
        private.write_bytes(key)
        context.load_cert_chain(chain, private)
    return context
