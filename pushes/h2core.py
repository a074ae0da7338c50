"""An HTTP/2 client that does one thing, the same small POST to many tokens. No I/O, no clock: bytes in, events out.

Promises: every ticket given to ``send`` comes back in exactly one event, whatever the peer sends; what the peer can
make us keep is bounded (one frame, one header block, ``MAX_BODY`` for each answer); the peer's limits are obeyed as
they change; received data is acknowledged.

Usage: ``start``, then ``receive`` what came and ``tick`` every second or so, ``send`` up to ``free`` tickets, and write
what ``outgoing`` gives after each. Once ``is_over`` the connection is of no more use.

RFC 9113: https://www.rfc-editor.org/rfc/rfc9113. Section numbers beside the rules are its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from pushes import h2frames as h2
from pushes.h2answer import MAX_HEADER_LIST, AnswerReader, Headers, is_plain_200
from pushes.h2events import Accepted, Answered, Broken, Event, Failed, GoingAway, Ticket, Unprocessed
from pushes.h2frames import ProtocolViolation
from pushes.h2outbox import Outbox
from pushes.h2request import RequestEncoder
from pushes.h2watch import Limits, Watch

MAX_BODY = 4_096
"""Bytes of an answer's body; Apple's JSON is below 100. What is longer is cut off and its stream reset."""
MAX_BLOCK = 2 * MAX_HEADER_LIST
"""Bytes of a header block over all its CONTINUATION frames."""
MAX_CONTINUATIONS = 32
MAX_CHATTER = 1_000
"""Frames between two ticks that make us answer and bring nothing: PING and SETTINGS; and DATA without data."""
RECEIVE_WINDOW = 1 << 20
"""Bytes of DATA that may be on their way to us, on all streams together."""
ACKNOWLEDGE_AT = 1 << 14
"""Bytes of DATA after which we open the window again."""

_WHOLE_ANSWER = h2.END_HEADERS | h2.END_STREAM
_RESET = 4 << 8 | h2.RST_STREAM
"""The head of RST_STREAM. nginx adds one to every answer; of a stream that has ended it means nothing."""


@dataclass(slots=True)
class _Answer:
    """An answer whose end has not come yet; ``received`` counts padding too."""

    status: int
    headers: Headers
    body: bytearray = field(default_factory=bytearray)
    received: int = 0


@dataclass(slots=True)
class _Block:
    """A header block that goes on in CONTINUATION frames."""

    stream_id: int
    ends_stream: bool
    content: bytearray
    frames: int = 0


class PushCore:
    """One connection; see the module. ``now`` is any steady clock in seconds, the same for all calls."""

    def __init__(self, encoder: RequestEncoder, limits: Limits | None = None, *, first_stream_id: int = 1) -> None:
        self.limits = limits or Limits()
        self.is_over = False
        self.is_leaving = False
        """Takes no new streams; those under way may finish."""
        self.has_answered = False
        """Whether any stream has come to an answer."""
        self._streams: dict[int, Ticket] = {}
        self._answers: dict[int, _Answer] = {}
        self._outbox = Outbox(encoder, self._streams, first_stream_id)
        self._reader = AnswerReader()
        self._greeted = False
        self._last_id = h2.MAX_STREAM_ID
        self._unacknowledged = 0
        self._rest = b""
        self._block: _Block | None = None
        self._events: list[Event] = []
        self._chatter = 0
        self._now = 0.0
        self._watch = Watch(self.limits)
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            h2.DATA: self._on_data,
            h2.HEADERS: self._on_headers,
            h2.RST_STREAM: self._on_rst_stream,
            h2.SETTINGS: self._on_settings,
            h2.PUSH_PROMISE: self._on_push_promise,
            h2.PING: self._on_ping,
            h2.GOAWAY: self._on_goaway,
            h2.WINDOW_UPDATE: self._on_window_update,
            h2.CONTINUATION: self._on_continuation,
        }

    @property
    def round_trip(self) -> float | None:
        """Seconds that the last PING took."""
        return self._watch.round_trip

    @property
    def open_streams(self) -> int:
        """Requests under way."""
        return len(self._streams)

    @property
    def capacity(self) -> int:
        """How many requests may be under way at once; 0 until the peer's SETTINGS are known."""
        return min(self.limits.streams, self._outbox.max_streams) if self._greeted else 0

    @property
    def free(self) -> int:
        """How many tickets ``send`` takes now."""
        if self.is_leaving or self.is_over:
            return 0
        return max(0, min(self.capacity - len(self._streams), self._outbox.room))

    def outgoing(self) -> bytes:
        """What is to be written now."""
        return self._outbox.take() if self._outbox.bytes else b""

    def start(self, now: float) -> None:
        """The connection stands: our preface (3.4)."""
        self._watch.begin(now)
        ours = {h2.HEADER_TABLE_SIZE: 0, h2.ENABLE_PUSH: 0, h2.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST}
        wider = h2.window_update(0, RECEIVE_WINDOW - h2.DEFAULT_WINDOW)
        self._outbox.bytes += (h2.PREFACE, h2.settings(ours), wider)

    def send(self, tickets: Sequence[Ticket], now: float) -> None:
        """Open a stream for each, at most ``free`` of them; all go out in one write."""
        if len(tickets) > self.free:
            raise ValueError(f"{len(tickets)} tickets for {self.free} free streams")
        if not tickets:
            return
        was_idle = not self._streams
        self._watch.opened(self._outbox.open(tickets), now, was_idle=was_idle)
        if self._outbox.next_id > h2.MAX_STREAM_ID:
            self.is_leaving = True  # the numbers are used up (5.1.1)

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take in what came."""
        if self.is_over:
            return []
        self._now = now
        self._watch.hear(now)
        if self._rest:
            data = self._rest + data
        try:
            end = self._read_frames(data)
            self._rest = data[end:]
            self._acknowledge()
        except ProtocolViolation as violation:
            self._fail("ProtocolError", str(violation), violation.code)
        return self._take_events()

    def tick(self, now: float) -> list[Event]:
        """Deadlines and signs of life."""
        if self.is_over:
            return []
        self._chatter = 0
        if not self._greeted and self._watch.has_no_settings(now):
            self._fail("NoSettings", "no SETTINGS came in time", h2.SETTINGS_TIMEOUT)
        elif self._watch.is_silent(now):
            self._fail("Silence", "a PING was not answered", h2.NO_ERROR)
        else:
            self._expire(now)
            if self._greeted and self._watch.should_ping(now, is_busy=bool(self._streams)):
                self._outbox.bytes.append(h2.frame(h2.PING, 0, 0, b"passbell"))
        return self._take_events()

    def leave(self) -> None:
        """Say goodbye: nothing new is sent."""
        if not self.is_over and not self.is_leaving:
            self._outbox.bytes.append(h2.goaway(h2.NO_ERROR))
        self.is_leaving = True

    def cut(self, word: str, detail: str) -> list[Event]:
        """The connection has gone: an event for each stream that was under way."""
        if self.is_over:
            return []
        self._end(word, detail)
        return self._take_events()

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _read_frames(self, data: bytes) -> int:
        """Handle every whole frame; returns where the rest begins."""
        position, end = 0, len(data)
        unpack, streams, answers, reader = h2.HEADER.unpack_from, self._streams, self._answers, self._reader
        next_id = self._outbox.next_id
        accepted: list[Ticket] = []
        try:
            while end - position >= h2.HEADER_SIZE:
                head, flags, stream_id = unpack(data, position)
                start = position + h2.HEADER_SIZE
                after = start + (head >> 8)
                if after > end:
                    if head >> 8 > h2.DEFAULT_MAX_FRAME:
                        raise ProtocolViolation(h2.FRAME_SIZE_ERROR, f"a frame of {head >> 8} bytes")
                    break
                position = after
                if (
                    flags == _WHOLE_ANSWER
                    and head & 0xFF == h2.HEADERS
                    and stream_id in streams
                    and stream_id not in answers
                    and self._block is None
                    and (
                        (reader.by_bytes and is_plain_200(data, start, after)) or data[start:after] in reader.known_200
                    )
                ):
                    accepted.append(streams.pop(stream_id))
                    self._outbox.ended(stream_id)
                elif not (
                    head == _RESET
                    and stream_id & 1
                    and stream_id < next_id
                    and stream_id not in streams
                    and self._block is None
                ):
                    self._on_frame(head, flags, stream_id & h2.MAX_STREAM_ID, data[start:after])
        finally:
            if accepted:
                self.has_answered = True
                self._events.append(Accepted(accepted))
        return position

    def _on_frame(self, head: int, flags: int, stream_id: int, payload: bytes) -> None:
        kind = head & 0xFF
        if len(payload) > h2.DEFAULT_MAX_FRAME:
            raise ProtocolViolation(h2.FRAME_SIZE_ERROR, f"a frame of {len(payload)} bytes")
        if not self._greeted and (kind != h2.SETTINGS or flags & h2.ACK):
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "the first frame is not SETTINGS")
        if self._block is not None and (kind != h2.CONTINUATION or stream_id != self._block.stream_id):
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "a header block was not continued")
        handler = self._handlers.get(kind)
        if handler is not None:  # PRIORITY and unknown kinds are to be ignored (4.1, 5.3.2)
            handler(flags, stream_id, payload)

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id != 0:
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "SETTINGS on a stream")
        if flags & h2.ACK:
            _check_size(payload, 0, "acknowledged SETTINGS")
            return
        if len(payload) % 6:
            raise ProtocolViolation(h2.FRAME_SIZE_ERROR, "SETTINGS is cut off")
        self._note_chatter()
        self._outbox.bytes.append(h2.settings_ack())  # before the bodies that a wider window may let through
        for start in range(0, len(payload), 6):
            key, value = payload[start : start + 2], payload[start + 2 : start + 6]
            self._outbox.take_setting(int.from_bytes(key), int.from_bytes(value))
        self._greeted = True

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_size(payload, 8, "PING")
        if stream_id != 0:
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "PING on a stream")
        if not flags & h2.ACK:
            self._note_chatter()
            self._outbox.bytes.append(h2.frame(h2.PING, h2.ACK, 0, payload))
        else:
            self._watch.pong(self._now)

    def _on_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_size(payload, 4, "WINDOW_UPDATE")
        self._check_not_idle(stream_id)
        increment = int.from_bytes(payload) & h2.MAX_WINDOW
        if increment == 0:
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "WINDOW_UPDATE by 0")
        self._outbox.widen(stream_id, increment)

    def _on_push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise ProtocolViolation(h2.PROTOCOL_ERROR, "PUSH_PROMISE, which we had refused")

    def _on_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        """Streams above the last identifier were not processed, the others may finish (6.8)."""
        if stream_id != 0 or len(payload) < 8:
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "GOAWAY is malformed")
        self._last_id = min(self._last_id, int.from_bytes(payload[:4]) & h2.MAX_STREAM_ID)
        code, text = int.from_bytes(payload[4:8]), payload[8 : 8 + MAX_BODY]
        self.is_leaving = True
        self._events.append(GoingAway(code, text))
        reason = f"GOAWAY {h2.error_name(code)}"
        for unprocessed in [number for number in self._streams if number > self._last_id]:
            self._events.append(Unprocessed(self._close(unprocessed), reason))

    def _on_rst_stream(self, flags: int, stream_id: int, payload: bytes) -> None:
        _check_size(payload, 4, "RST_STREAM")
        self._check_stream(stream_id)
        if stream_id not in self._streams:
            return
        answer = self._answers.get(stream_id)
        code = int.from_bytes(payload)
        ticket = self._close(stream_id)
        if code == h2.REFUSED_STREAM and answer is None:
            self._events.append(Unprocessed(ticket, "REFUSED_STREAM"))
        else:
            self._events.append(Broken(ticket, f"Reset {h2.error_name(code)}"))

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._check_stream(stream_id)
        content = h2.unpadded(payload, flags)
        ends_stream = bool(flags & h2.END_STREAM)
        if flags & h2.END_HEADERS:
            self._on_block(stream_id, content, ends_stream)
        else:
            self._block = _Block(stream_id, ends_stream, bytearray(content))

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        block = self._block
        if block is None:
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "CONTINUATION of nothing")
        block.content += payload
        block.frames += 1
        if len(block.content) > MAX_BLOCK or block.frames > MAX_CONTINUATIONS:
            raise ProtocolViolation(h2.ENHANCE_YOUR_CALM, "a header block without end")
        if flags & h2.END_HEADERS:
            self._block = None
            self._on_block(stream_id, bytes(block.content), block.ends_stream)

    def _on_block(self, stream_id: int, content: bytes, ends_stream: bool) -> None:
        """Every block is read, even of a stream that has ended: the peer's table goes on (4.3)."""
        headers = self._reader.read(content)
        if stream_id not in self._streams:
            return
        answer = self._answers.get(stream_id)
        if answer is not None:
            self._on_trailers(stream_id, ends_stream)
            return
        status = _status(headers)
        if status is None or (ends_stream and status < 200):
            self._reset(stream_id)
        elif status >= 200:
            self._answers[stream_id] = _Answer(status, headers)
            if ends_stream:
                self._on_answer(stream_id)

    def _on_trailers(self, stream_id: int, ends_stream: bool) -> None:
        if ends_stream:
            self._on_answer(stream_id)
        else:
            self._reset(stream_id)

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._check_stream(stream_id)
        content = h2.unpadded(payload, flags & h2.PADDED)
        self._unacknowledged += len(payload)
        if not content and not flags & h2.END_STREAM:
            self._note_chatter()
        if stream_id not in self._streams:
            return
        answer = self._answers.get(stream_id)
        if answer is None:
            self._reset(stream_id)
            return
        answer.received += len(payload)
        answer.body += content[: MAX_BODY - len(answer.body)]
        if flags & h2.END_STREAM:
            self._on_answer(stream_id)
        elif answer.received >= MAX_BODY:
            self._outbox.bytes.append(h2.rst_stream(stream_id, h2.CANCEL))
            self._on_answer(stream_id)

    def _on_answer(self, stream_id: int) -> None:
        """The stream's answer is whole (or long enough)."""
        answer = self._answers[stream_id]
        self.has_answered = True
        ticket = self._close(stream_id)
        if answer.status == 200 and not answer.body:
            self._events.append(Accepted((ticket,)))
        else:
            self._events.append(Answered(ticket, answer.status, answer.headers, bytes(answer.body)))

    def _reset(self, stream_id: int) -> None:
        """A malformed answer (no status, two of them, data first) costs its stream (8.1.1)."""
        self._outbox.bytes.append(h2.rst_stream(stream_id, h2.PROTOCOL_ERROR))
        self._events.append(Broken(self._close(stream_id), "MalformedAnswer"))

    def _close(self, stream_id: int) -> Ticket:
        self._answers.pop(stream_id, None)
        self._outbox.ended(stream_id)
        return self._streams.pop(stream_id)

    def _check_stream(self, stream_id: int) -> None:
        if stream_id == 0:
            raise ProtocolViolation(h2.PROTOCOL_ERROR, "a stream's frame on stream 0")
        self._check_not_idle(stream_id)

    def _check_not_idle(self, stream_id: int) -> None:
        if stream_id and (stream_id >= self._outbox.next_id or stream_id % 2 == 0):
            raise ProtocolViolation(h2.PROTOCOL_ERROR, f"stream {stream_id} was never opened")

    def _note_chatter(self) -> None:
        self._chatter += 1
        if self._chatter > MAX_CHATTER:
            raise ProtocolViolation(h2.ENHANCE_YOUR_CALM, "too many frames that say nothing")

    def _acknowledge(self) -> None:
        """Open the connection's window again; a stream's own (65,535) outlasts its answer, which ends at MAX_BODY."""
        if self._unacknowledged >= ACKNOWLEDGE_AT:
            self._outbox.bytes.append(h2.window_update(0, self._unacknowledged))
            self._unacknowledged = 0

    def _expire(self, now: float) -> None:
        for stream_id in self._watch.late(self._streams, now):
            self._outbox.bytes.append(h2.rst_stream(stream_id, h2.CANCEL))
            self._events.append(Broken(self._close(stream_id), "NoAnswer"))

    def _fail(self, word: str, detail: str, code: int) -> None:
        self._outbox.bytes.append(h2.goaway(code, detail))
        self._end(word, detail)

    def _end(self, word: str, detail: str) -> None:
        self.is_over = True
        self._rest = b""
        self._block = None
        for stream_id in list(self._streams):
            self._events.append(Broken(self._close(stream_id), word))
        self._events.append(Failed(word, detail))


def _status(headers: Headers) -> int | None:
    text = headers.get(":status", "")
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() and text >= "100" else None


def _check_size(payload: bytes, size: int, what: str) -> None:
    if len(payload) != size:
        raise ProtocolViolation(h2.FRAME_SIZE_ERROR, f"{what} of {len(payload)} bytes")
