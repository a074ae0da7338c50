"""One provider's connection to the stand-in push service: HTTP/2 frames in, Apple's answers out.

The connection reads requests, asks its ``Desk`` what becomes of each, and plays that: an answer (at once or later), a
reset, a GOAWAY, a cut, silence. It keeps HTTP/2 honestly: refusals wait for the client's flow-control window, streams
beyond the announced limit are refused, and nothing is answered twice.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, cast

import h2.events as events
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from sandbox.apns_answers import MAX_PAYLOAD, Answer, ClientIdentity, PushRequest
from sandbox.apns_rules import ERRORS, Action, Rule

MAX_HEADER_LIST = 8000
"""Bytes; what Apple announces."""

_FRAME_GOAWAY = 0x7
_NO_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Decision:
    """What the desk says of a request: play ``rule`` if there is one, else give ``answer``."""

    answer: Answer
    apns_id: str
    rule: Rule | None = None


class Desk(Protocol):
    """Who decides; the push service itself."""

    max_streams: int

    def opened(self, connection: PushConnection) -> None:
        """A provider has connected."""

    def closed(self, connection: PushConnection) -> None:
        """A provider has gone."""

    def decide(self, request: PushRequest, connection_number: int) -> Decision:
        """Record one complete request and say what becomes of it."""

    def overflowed(self) -> None:
        """A stream beyond the announced limit was refused."""


class _AnnouncedSettings(Settings):
    """Announces MAX_CONCURRENT_STREAMS but leaves enforcing to us: refusing a stream, not killing the connection."""

    @property
    def max_concurrent_streams(self) -> int:
        return _NO_LIMIT

    @max_concurrent_streams.setter
    def max_concurrent_streams(self, value: int) -> None:
        self[SettingCodes.MAX_CONCURRENT_STREAMS] = value


@dataclass(slots=True)
class _Stream:
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytearray = field(default_factory=bytearray)


class PushConnection(asyncio.Protocol):
    """The asyncio edge; ``number`` counts the service's connections from 1, ``identity`` is the client certificate."""

    def __init__(self, desk: Desk, number: int) -> None:
        self.number = number
        self.identity: ClientIdentity | None = None
        self._desk = desk
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._transport: asyncio.Transport | None = None
        self._open: dict[int, _Stream] = {}
        self._unsent: dict[int, bytes] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._last_processed = 0
        self._leaving_after: int | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say hello with our settings; hang up on a client that did not ask for HTTP/2."""
        self._transport = cast("asyncio.Transport", transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is None or tls.selected_alpn_protocol() != "h2":
            self._hang_up()
            return
        certificate = tls.getpeercert(binary_form=True)
        self.identity = identity_of(certificate) if certificate else None
        self._desk.opened(self)
        announced = {
            SettingCodes.MAX_CONCURRENT_STREAMS: self._desk.max_streams,
            SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
        }
        self._h2.local_settings = _AnnouncedSettings(client=False, initial_values=announced)
        self._h2.initiate_connection()
        self._flush()

    def data_received(self, data: bytes) -> None:
        """Take bytes; a client that breaks HTTP/2 gets the GOAWAY it deserves."""
        try:
            for event in self._h2.receive_data(data):
                self._handle(event)
                if self._transport is None:
                    return
        except H2Error:
            self._flush()
            self._hang_up()
            return
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything that was under way."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._open.clear()
        self._unsent.clear()
        self._transport = None
        self._desk.closed(self)

    # What the service asks for.

    def limit_streams(self, maximum: int) -> None:
        """Announce a new MAX_CONCURRENT_STREAMS."""
        self._h2.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: maximum})
        self._flush()

    def go_away(self) -> None:
        """Announce the end (Shutdown), finish what was taken, ignore the rest, close."""
        if self._leaving_after is not None or self._transport is None:
            return
        self._flush()
        self._leaving_after = self._last_processed
        self._transport.write(goaway_frame(self._last_processed, b'{"reason":"Shutdown"}'))
        self._leave_when_done()

    def cut(self) -> None:
        """Drop the TCP connection without a word."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()

    # Frames.

    def _handle(self, event: events.Event) -> None:
        if isinstance(event, events.RequestReceived):
            self._begin(event.stream_id, event.headers)
        elif isinstance(event, events.DataReceived):
            self._take(event.stream_id, event.data, event.flow_controlled_length)
        elif isinstance(event, events.StreamEnded):
            self._complete(event.stream_id)
        elif isinstance(event, events.StreamReset):
            self._forget(event.stream_id)
        elif isinstance(event, events.WindowUpdated | events.RemoteSettingsChanged):
            self._send_waiting()
        elif isinstance(event, events.ConnectionTerminated):
            self._hang_up()

    def _begin(self, stream_id: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        if self._ignores(stream_id):
            return
        if len(self._open) >= self._desk.max_streams:
            self._desk.overflowed()
            self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        texts = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
        pseudo = dict(pair for pair in texts if pair[0].startswith(":"))
        ordinary = tuple(pair for pair in texts if not pair[0].startswith(":"))
        self._open[stream_id] = _Stream(pseudo.get(":method", ""), pseudo.get(":path", ""), ordinary)

    def _take(self, stream_id: int, data: bytes, length: int) -> None:
        self._h2.acknowledge_received_data(length, stream_id)
        stream = self._open.get(stream_id)
        if stream is not None and len(stream.body) <= MAX_PAYLOAD:
            stream.body += data

    def _complete(self, stream_id: int) -> None:
        stream = self._open.get(stream_id)
        if stream is None or self._ignores(stream_id):
            return
        request = PushRequest(stream.method, stream.path, stream.headers, bytes(stream.body), self.identity)
        decision = self._desk.decide(request, self.number)
        self._play(stream_id, decision)

    def _play(self, stream_id: int, decision: Decision) -> None:
        rule = decision.rule
        if rule is not None and rule.action is Action.GOAWAY:
            self._open.pop(stream_id, None)
            self.go_away()
            return
        self._last_processed = max(self._last_processed, stream_id)
        if rule is None:
            self._answer(stream_id, decision)
        elif rule.action is Action.ANSWER:
            self._answer_later(stream_id, decision, rule.delay)
        elif rule.action is Action.RESET:
            self._forget(stream_id)
            self._h2.reset_stream(stream_id, ERRORS[rule.error])
        elif rule.action is Action.CUT:
            self.cut()

    def _answer_later(self, stream_id: int, decision: Decision, delay: float) -> None:
        if delay <= 0:
            self._answer(stream_id, decision)
            return

        def now() -> None:
            self._timers.pop(stream_id, None)
            self._answer(stream_id, decision)
            self._flush()

        self._timers[stream_id] = asyncio.get_running_loop().call_later(delay, now)

    def _answer(self, stream_id: int, decision: Decision) -> None:
        answer, body = decision.answer, decision.answer.body()
        headers = [(":status", str(answer.status)), ("apns-id", decision.apns_id)]
        if body:
            headers += [("content-type", "application/json"), ("content-length", str(len(body)))]
        if answer.retry_after is not None:
            headers.append(("retry-after", str(answer.retry_after)))
        self._h2.send_headers(stream_id, headers, end_stream=not body)
        if body:
            self._unsent[stream_id] = body
            self._send_waiting()
        else:
            self._done(stream_id)

    def _send_waiting(self) -> None:
        for stream_id, body in list(self._unsent.items()):
            if self._h2.local_flow_control_window(stream_id) < len(body):
                continue
            self._h2.send_data(stream_id, body, end_stream=True)
            del self._unsent[stream_id]
            self._done(stream_id)

    def _done(self, stream_id: int) -> None:
        self._open.pop(stream_id, None)
        self._leave_when_done()

    def _forget(self, stream_id: int) -> None:
        self._open.pop(stream_id, None)
        self._unsent.pop(stream_id, None)
        timer = self._timers.pop(stream_id, None)
        if timer is not None:
            timer.cancel()
        self._leave_when_done()

    def _ignores(self, stream_id: int) -> bool:
        return self._leaving_after is not None and stream_id > self._leaving_after

    def _leave_when_done(self) -> None:
        if self._leaving_after is None:
            return
        if not any(stream_id <= self._leaving_after for stream_id in self._open):
            self._flush()
            self._hang_up()

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)

    def _hang_up(self) -> None:
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()


def identity_of(certificate: bytes) -> ClientIdentity:
    """What the service needs of a provider's DER certificate; in a Pass Type ID certificate the UID is the topic."""
    parsed = x509.load_der_x509_certificate(certificate)
    return ClientIdentity(
        topic=_attribute(parsed, NameOID.USER_ID),
        common_name=_attribute(parsed, NameOID.COMMON_NAME),
        fingerprint=parsed.fingerprint(hashes.SHA256()).hex(),
    )


def _attribute(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str | None:
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else None


def goaway_frame(last_stream_id: int, debug: bytes, error: int = 0) -> bytes:
    """A GOAWAY frame (RFC 9113 section 6.8); written by hand because the library would end the connection with it."""
    payload = struct.pack(">LL", last_stream_id, error) + debug
    return struct.pack(">BHBBL", len(payload) >> 16, len(payload) & 0xFFFF, _FRAME_GOAWAY, 0, 0) + payload
