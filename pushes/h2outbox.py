"""The sending half of the push connection: opens streams as the peer's SETTINGS and windows allow. No I/O.

RFC 9113: https://www.rfc-editor.org/rfc/rfc9113. Section numbers beside the rules are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pushes import h2frames as h2
from pushes.h2events import Ticket
from pushes.h2frames import ProtocolViolation
from pushes.h2request import RequestEncoder


@dataclass(slots=True)
class _Waiting:
    """A request whose body the stream's window does not let through yet."""

    window: int
    body: bytes


class Outbox:
    """Bytes to write, and what the peer allows."""

    def __init__(self, encoder: RequestEncoder, streams: dict[int, Ticket], first_stream_id: int) -> None:
        self.bytes: list[bytes] = []
        self.next_id = first_stream_id
        self.max_streams = h2.MAX_STREAM_ID
        self._encoder = encoder
        self._streams = streams
        self._initial_window = h2.DEFAULT_WINDOW
        self._max_frame = h2.DEFAULT_MAX_FRAME
        self._window = h2.DEFAULT_WINDOW
        self._waiting: dict[int, _Waiting] = {}

    def take(self) -> bytes:
        """What is to be written now."""
        content = b"".join(self.bytes)
        self.bytes.clear()
        return content

    @property
    def room(self) -> int:
        """How many more requests the connection's window (6.9) and the stream numbers (5.1.1) allow."""
        reserved = sum(len(waiting.body) for waiting in self._waiting.values()) if self._waiting else 0
        numbers = (h2.MAX_STREAM_ID - self.next_id) // 2 + 1
        return max(0, min(numbers, (self._window - reserved) // self._encoder.body_size))

    def open(self, tickets: Sequence[Ticket]) -> int:
        """Write the requests and enter their streams; returns the last stream's number."""
        if self._initial_window >= self._encoder.body_size:
            self._open_whole(tickets)
        else:
            self._open_without_bodies(tickets)
        return self.next_id - 2

    def ended(self, stream_id: int) -> None:
        """A stream has ended: if its body was still waiting, the peer learns that it will not come (8.1)."""
        if self._waiting and self._waiting.pop(stream_id, None) is not None:
            self.bytes.append(h2.rst_stream(stream_id, h2.CANCEL))

    def take_setting(self, key: int, value: int) -> None:
        """One of the peer's settings (6.5.2)."""
        if key == h2.HEADER_TABLE_SIZE:
            self._encoder.allow(value)
        elif key == h2.ENABLE_PUSH and value != 0:
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "a server does not enable push")
        elif key == h2.MAX_CONCURRENT_STREAMS:
            self.max_streams = value
        elif key == h2.INITIAL_WINDOW_SIZE:
            self._change_initial_window(value)
        elif key == h2.MAX_FRAME_SIZE:
            if not h2.DEFAULT_MAX_FRAME <= value <= h2.MAX_FRAME_LIMIT:
                raise ProtocolViolation(h2.PROTOCOL_ERROR, f"SETTINGS_MAX_FRAME_SIZE {value}")
            self._max_frame = value

    def widen(self, stream_id: int, increment: int) -> None:
        """A WINDOW_UPDATE; of a stream's window only those matter whose body waits."""
        if stream_id == 0:
            self._window += increment
            if self._window > h2.MAX_WINDOW:
                raise ProtocolViolation(h2.FLOW_CONTROL_ERROR, "the connection's window overflows")
        elif waiting := self._waiting.get(stream_id):
            waiting.window += increment
            if waiting.window > h2.MAX_WINDOW:
                raise ProtocolViolation(h2.FLOW_CONTROL_ERROR, "a stream's window overflows")
        if self._waiting:
            self._send_bodies()

    def _change_initial_window(self, size: int) -> None:
        if size > h2.MAX_WINDOW:
            raise ProtocolViolation(h2.FLOW_CONTROL_ERROR, f"SETTINGS_INITIAL_WINDOW_SIZE {size}")
        for waiting in self._waiting.values():
            waiting.window += size - self._initial_window  # may become negative (6.9.2)
        self._initial_window = size
        self._send_bodies()

    def _open_whole(self, tickets: Sequence[Ticket]) -> None:
        """The usual case: HEADERS and DATA of all streams in one go."""
        append, streams, encoder = self.bytes.append, self._streams, self._encoder
        stream_id = self.next_id
        topic, expiration, size = "", -1, -1
        encode: Callable[[int, bytes], bytes] | None = None
        for ticket in tickets:
            push = ticket[0]
            token = push.token.encode()
            if not encoder.is_open:
                append(encoder.opening(push.topic, push.expiration, len(token)).encode(stream_id, token))
            else:
                if encode is None or len(token) != size or push.expiration != expiration or push.topic != topic:
                    topic, expiration, size = push.topic, push.expiration, len(token)
                    encode = encoder.form(topic, expiration, size).encode
                append(encode(stream_id, token))
            streams[stream_id] = ticket
            stream_id += 2
        self.next_id = stream_id
        self._window -= len(tickets) * encoder.body_size

    def _open_without_bodies(self, tickets: Sequence[Ticket]) -> None:
        """A peer whose initial window is smaller than our body gets each body when it lets it through (6.9)."""
        for ticket in tickets:
            push, token = ticket[0], ticket[0].token.encode()
            block = self._encoder.form if self._encoder.is_open else self._encoder.opening
            form = block(push.topic, push.expiration, len(token))
            self.bytes.append(form.encode_headers(self.next_id, token))
            self._streams[self.next_id] = ticket
            self._waiting[self.next_id] = _Waiting(self._initial_window, form.body)
            self.next_id += 2
        self._send_bodies()

    def _send_bodies(self) -> None:
        for stream_id, waiting in list(self._waiting.items()):
            size = min(len(waiting.body), waiting.window, self._window, self._max_frame)
            if size <= 0:
                continue
            part, waiting.body = waiting.body[:size], waiting.body[size:]
            waiting.window -= size
            self._window -= size
            self.bytes.append(h2.frame(h2.DATA, 0 if waiting.body else h2.END_STREAM, stream_id, part))
            if not waiting.body:
                del self._waiting[stream_id]
