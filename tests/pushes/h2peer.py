"""The other side of a push connection in memory: python-hyper's h2 as a server, or bare frames for what no server sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import h2.config
import h2.connection
import h2.events
from h2.settings import SettingCodes
from hpack import Encoder

from pushes import payload
from pushes.channel import Push
from pushes.h2core import PushCore
from pushes.h2events import Accepted, Answered, Broken, Event, Ticket, Unprocessed
from pushes.h2request import RequestEncoder
from pushes.h2watch import Limits

TOPIC = "pass.com.example.coffee"
EXPIRATION = 1_800_000_000
AUTHORITY = "push.example.com"


def push(number: int, *, topic: str = TOPIC, expiration: int = EXPIRATION, token: str | None = None) -> Push:
    return Push(number, topic, token or f"{number:064x}", expiration)


def tickets(count: int, start: int = 0) -> list[Ticket]:
    return [(push(number), number) for number in range(start, start + count)]


def new_core(limits: Limits | None = None, *, first_stream_id: int = 1) -> PushCore:
    encoder = RequestEncoder(
        authority=AUTHORITY, path=payload.APNS_PATH, body=payload.APNS_BODY, headers_of=payload.apns_headers
    )
    core = PushCore(encoder, limits, first_stream_id=first_stream_id)
    core.start(0.0)
    return core


def settled(events: Iterable[Event]) -> Counter[int]:
    """How often each ticket (by its number) has come back."""
    counter: Counter[int] = Counter()
    for event in events:
        match event:
            case Accepted(tickets=accepted):
                counter.update(number for _, number in accepted)
            case Answered() | Unprocessed() | Broken():
                counter[event.ticket[1]] += 1
    return counter


@dataclass(frozen=True)
class Request:
    stream_id: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def token(self) -> str:
        return dict(self.headers)[":path"].removeprefix("/3/device/")


class Peer:
    """An honest server: python-hyper's h2, which checks everything that we send."""

    def __init__(self, core: PushCore, settings: Mapping[SettingCodes, int] | None = None) -> None:
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.connection = h2.connection.H2Connection(config)
        self.connection.initiate_connection()
        self.connection.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 1_000, **(settings or {})})
        self.core = core
        self.events: list[Event] = []
        self.seen: list[h2.events.Event] = []
        self.requests: list[Request] = []
        self._headers: dict[int, tuple[tuple[str, str], ...]] = {}
        self._bodies: dict[int, bytes] = {}

    def exchange(self, now: float = 0.0) -> list[Event]:
        """Carry bytes both ways until nothing moves; returns what the core told meanwhile."""
        told: list[Event] = []
        while True:
            ours, theirs = self.core.outgoing(), b""
            if ours:
                for event in self.connection.receive_data(ours):
                    self._take(event)
            theirs = self.connection.data_to_send()
            if theirs:
                told += self.core.receive(theirs, now)
            if not ours and not theirs:
                self.events += told
                return told

    def answer(
        self, stream_id: int, status: int = 200, body: bytes = b"", extra: Sequence[tuple[str, str]] = ()
    ) -> None:
        self.connection.send_headers(stream_id, [(":status", str(status)), *extra], end_stream=not body)
        if body:
            self.connection.send_data(stream_id, body, end_stream=True)

    def change(self, code: SettingCodes, value: int) -> None:
        self.connection.update_settings({code: value})

    def _take(self, event: h2.events.Event) -> None:
        self.seen.append(event)
        match event:
            case h2.events.RequestReceived():
                self._headers[event.stream_id] = tuple((str(name), str(value)) for name, value in event.headers)
            case h2.events.DataReceived():
                self._bodies[event.stream_id] = self._bodies.get(event.stream_id, b"") + event.data
                self.connection.increment_flow_control_window(event.flow_controlled_length)
            case h2.events.StreamEnded():
                body = self._bodies.pop(event.stream_id, b"")
                self.requests.append(Request(event.stream_id, self._headers.pop(event.stream_id), body))
            case _:
                pass


def stateless_block(*fields: tuple[str, str], first: bool = False) -> bytes:
    """A header block as a peer with an empty table writes it."""
    encoder = Encoder()
    encoder.header_table_size = 0
    block = bytes(encoder.encode([(name, value, True) for name, value in fields]))  # never indexed
    return block if first else block.removeprefix(b"\x20")
