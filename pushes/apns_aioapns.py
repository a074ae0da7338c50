"""Apple's push service over aioapns: the fallback that an operator switches to with ``PASSBELL_APNS_CLIENT=aioapns``.

The same interface as ``apns.ApnsChannel``, and one verdict for every push too, but not its speed, and less is known: aioapns
4.0 does not tell a reset stream, an error answer without a body and a GOAWAY's reason, nor why it could not connect. Such a
push comes back as ``NoAnswer`` or ``ConnectionLost`` and its job tries again. Two of its faults are mended from outside:
received data is acknowledged here (it never does, and freezes after about 1,300 error answers), and connections whose
streams have leaked away are closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence

from aioapns import APNs, NotificationRequest, PushType
from aioapns.common import NotificationResult
from aioapns.connection import APNsTLSClientProtocol
from aioapns.exceptions import ConnectionClosed, ConnectionError, MaxAttemptsExceeded

from pushes import payload, verdict
from pushes.apns import address, reason_of
from pushes.channel import Push, Verdict
from pushes.h2pool import Options
from pushes.tls import client_context, pem_file

CONCURRENT = 500
"""Pushes of one caller under way at once."""
MAX_LEAKED = 500
"""Streams that never came to an end, of the 1,000 that a connection has: then the connections are closed."""


class AioapnsChannel:
    """All pushes of one pass type; see ``ApnsChannel`` for the arguments. Of ``options`` only the deadline counts."""

    def __init__(
        self,
        host_url: str,
        certificate_pem: bytes,
        key_pem: bytes,
        ca_pem: bytes | None = None,
        *,
        options: Options | None = None,
    ) -> None:
        self._host, self._port = address(host_url)
        self._pair = (certificate_pem, key_pem)
        self._context = client_context(certificate_pem, key_pem, ca_pem)
        self._deadline = (options or Options()).limits.deadline
        self._client: APNs | None = None
        self._leaked: set[asyncio.Task[NotificationResult]] = set()
        self._closed = False

    async def send_many(self, pushes: Sequence[Push]) -> AsyncIterator[tuple[Push, Verdict]]:
        """Send all and yield (push, verdict) in the order of the answers, exactly one for each push."""
        answers: asyncio.Queue[tuple[Push, Verdict]] = asyncio.Queue(maxsize=CONCURRENT)
        rest = iter(pushes)
        workers = [asyncio.create_task(self._work(rest, answers)) for _ in range(min(CONCURRENT, len(pushes)))]
        try:
            for _ in range(len(pushes)):
                yield await answers.get()
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def aclose(self) -> None:
        """What is unsent gets a verdict to retry, what is under way too."""
        self._closed = True
        if self._client:
            self._client.pool.close()
        if self._leaked:
            _, open_still = await asyncio.wait(self._leaked, timeout=2)
            for task in open_still:
                task.cancel()

    async def _work(self, rest: Iterator[Push], answers: asyncio.Queue[tuple[Push, Verdict]]) -> None:
        for push in rest:
            await answers.put((push, await self._send(push)))

    async def _send(self, push: Push) -> Verdict:
        if self._closed:
            return verdict.unknown("Closed")
        if not payload.is_apns_token(push.token):
            return verdict.NOT_A_TOKEN
        request = _request(push, int(time.time()))
        task = asyncio.create_task(self._client_for(push.topic).send_notification(request))
        await asyncio.wait([task], timeout=self._deadline)
        if not task.done():
            self._leave_behind(task)
            return verdict.unknown("NoAnswer")
        return _judge(task)

    def _client_for(self, topic: str) -> APNs:
        """Made at the first push: aioapns wants the running loop, and a topic or else it parses the certificate."""
        if self._client is None:
            with pem_file(*self._pair) as path:
                self._client = APNs(
                    client_cert=path,
                    topic=topic,
                    ssl_context=self._context,
                    max_connection_attempts=1,  # what it sends again may have been taken; the job decides
                    err_func=_silent,
                )
            self._client.pool.protocol_class = _protocol(self._host, self._port)
        return self._client

    def _leave_behind(self, task: asyncio.Task[NotificationResult]) -> None:
        """A push that never ends holds its stream; cancelling it would break aioapns' clean-up of the connection."""
        self._leaked.add(task)
        task.add_done_callback(self._on_late)
        if len(self._leaked) >= MAX_LEAKED and self._client:
            self._client.pool.close()

    def _on_late(self, task: asyncio.Task[NotificationResult]) -> None:
        self._leaked.discard(task)
        if not task.cancelled():
            task.exception()


def _protocol(host: str, port: int) -> type[APNsTLSClientProtocol]:
    class Protocol(APNsTLSClientProtocol):
        """aioapns' connection to our address, with received data acknowledged."""

        APNS_SERVER = host
        APNS_PORT = port

        def on_data_received(self, raw_data: bytes, stream_id: int) -> None:
            """Open the window again, and take an answer only if it is one of Apple's."""
            self.conn.acknowledge_received_data(len(raw_data), stream_id)
            if reason_of(raw_data)[0]:
                super().on_data_received(raw_data, stream_id)

    return Protocol


def _request(push: Push, now: int) -> NotificationRequest:
    return NotificationRequest(
        device_token=push.token,
        message={},
        time_to_live=max(0, push.expiration - now),
        priority=int(payload.APNS_PRIORITY),
        push_type=PushType(payload.APNS_PUSH_TYPE),
        apns_topic=push.topic,
    )


def _judge(task: asyncio.Task[NotificationResult]) -> Verdict:
    try:
        result = task.result()
    except MaxAttemptsExceeded:
        return verdict.unknown("ConnectionLost")
    except (ConnectionClosed, ConnectionError, OSError):
        return verdict.no_connection("NoConnection", ours=False)
    except Exception as error:  # whatever a library raises, every push has its verdict
        return verdict.unknown(type(error).__name__)
    since = result.timestamp if isinstance(result.timestamp, int) else None
    return verdict.apns(int(result.status), result.description or "", since, vendor_id=result.notification_id)


async def _silent(request: NotificationRequest, result: NotificationResult) -> None:
    """The verdict says it; aioapns would log it."""
