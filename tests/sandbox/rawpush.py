"""A bare HTTP/2 client on the ``h2`` library that shows every frame-level event, for what push libraries hide."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import h2.events
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event
from h2.frame_buffer import FrameBuffer
from hyperframe.frame import Frame

from sandbox.apns import PushService
from tests.sandbox.certificates import TOPIC

USUAL_HEADERS = (
    ("apns-topic", TOPIC),
    ("apns-push-type", "background"),
    ("apns-priority", "5"),
)


class RawPush:
    """``acknowledges`` False never opens the receive window again, as some libraries do."""

    def __init__(self, service: PushService, files: Path, *, certificate: str | None = "client.pem") -> None:
        self._service = service
        self._context = ssl.create_default_context(cafile=str(files / "ca.pem"))
        self._context.set_alpn_protocols(["h2"])
        if certificate:
            self._context.load_cert_chain(files / certificate)
        self.h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.events: list[Event] = []
        self.closed = False

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._service.port, ssl=self._context)
        self.h2.initiate_connection()
        self._flush()
        try:
            await self.until(h2.events.RemoteSettingsChanged)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:
            self.closed = True

    def post(
        self,
        token: str,
        *,
        body: bytes = b"{}",
        headers: Sequence[tuple[str, str]] = USUAL_HEADERS,
        method: str = "POST",
        path: str | None = None,
    ) -> int:
        """Send one request and return its stream."""
        stream = self.h2.get_next_available_stream_id()
        pseudo = [
            (":method", method),
            (":scheme", "https"),
            (":path", path if path is not None else f"/3/device/{token}"),
            (":authority", "api.push.apple.com"),
        ]
        self.h2.send_headers(stream, [*pseudo, *headers], end_stream=not body)
        if body:
            self.h2.send_data(stream, body, end_stream=True)
        self._flush()
        return stream

    def acknowledge(self, size: int) -> None:
        self.h2.increment_flow_control_window(size)
        self._flush()

    def cancel(self, stream: int) -> None:
        self.h2.reset_stream(stream, 0x8)
        self._flush()

    async def until(self, kind: type[Event], *, stream: int | None = None, seconds: float = 5.0) -> Event:
        """The first event of this kind (on this stream), read from the wire if it has not come yet."""

        def found() -> Event | None:
            of_kind = (event for event in self.events if isinstance(event, kind))
            return next((event for event in of_kind if stream in (None, getattr(event, "stream_id", None))), None)

        async with asyncio.timeout(seconds):
            while (event := found()) is None:
                if not await self.read():
                    raise ConnectionError("the server has closed the connection")
        return event

    async def read(self) -> bool:
        """Take what has come; False at the end."""
        try:
            data = await self._reader.read(65536)
        except ConnectionError:
            data = b""
        if not data:
            self.closed = True
            return False
        self.events += self.h2.receive_data(data)
        self._flush()
        return True

    async def last_words(self) -> list[Frame]:
        """The frames until the server hangs up, read past a GOAWAY, after which ``h2`` would take no more."""
        buffer = FrameBuffer()
        buffer.max_frame_size = 16384
        while True:
            buffer.add_data(await self._reader.read(65536) or b"")
            if self._reader.at_eof():
                return list(buffer)

    async def answer(self, stream: int) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of a stream."""
        await self.until(h2.events.StreamEnded, stream=stream)
        mine = [event for event in self.events if getattr(event, "stream_id", None) == stream]
        response = next(event for event in mine if isinstance(event, h2.events.ResponseReceived))
        headers = dict(response.headers)
        body = b"".join(event.data for event in mine if isinstance(event, h2.events.DataReceived))
        return int(headers[":status"]), headers, body

    def _flush(self) -> None:
        self._writer.write(self.h2.data_to_send())
