"""HTTP/2's frames as bytes: the few kinds a client needs to write, and the numbers both sides use. Pure.

RFC 9113: https://www.rfc-editor.org/rfc/rfc9113. Section numbers beside the rules are its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

HEADER = Struct(">IBI")
"""A frame's nine bytes: length (24 bits) and kind (8 bits) as one number, flags, stream."""

HEADER_SIZE = 9

# Kinds, section 6.
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)

# Flags.
ACK = END_STREAM = 0x1
END_HEADERS = 0x4
PADDED = 0x8
WITH_PRIORITY = 0x20

# Settings, section 6.5.2.
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)

# Error codes, section 7.
NO_ERROR = 0x0
PROTOCOL_ERROR = 0x1
FLOW_CONTROL_ERROR = 0x3
SETTINGS_TIMEOUT = 0x4
FRAME_SIZE_ERROR = 0x6
REFUSED_STREAM = 0x7
CANCEL = 0x8
COMPRESSION_ERROR = 0x9
ENHANCE_YOUR_CALM = 0xB

ERROR_NAMES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)

DEFAULT_WINDOW = 65_535
DEFAULT_MAX_FRAME = 16_384
DEFAULT_TABLE = 4_096
MAX_WINDOW = (1 << 31) - 1
MAX_STREAM_ID = (1 << 31) - 1
MAX_FRAME_LIMIT = (1 << 24) - 1


class ProtocolViolation(Exception):
    """The peer broke a rule for which the whole connection must end; ``code`` goes into our GOAWAY (section 5.4.1)."""

    def __init__(self, code: int, detail: str) -> None:
        self.code = code
        self.detail = detail
        super().__init__(f"{error_name(code)}: {detail}")


def error_name(code: int) -> str:
    """An error code's name; unknown ones have one name in common, so that a peer cannot make up words."""
    return ERROR_NAMES[code] if code < len(ERROR_NAMES) else "UNKNOWN_ERROR"


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(len(payload) << 8 | kind, flags, stream_id) + payload


def settings(values: Mapping[int, int]) -> bytes:
    """A SETTINGS frame with these values."""
    return frame(SETTINGS, 0, 0, b"".join(key.to_bytes(2) + value.to_bytes(4) for key, value in values.items()))


def settings_ack() -> bytes:
    """We have taken the peer's SETTINGS over."""
    return frame(SETTINGS, ACK, 0)


def window_update(stream_id: int, increment: int) -> bytes:
    """So many more bytes may come."""
    return frame(WINDOW_UPDATE, 0, stream_id, increment.to_bytes(4))


def rst_stream(stream_id: int, code: int) -> bytes:
    """This stream is over."""
    return frame(RST_STREAM, 0, stream_id, code.to_bytes(4))


def goaway(code: int, detail: str = "") -> bytes:
    """We leave. The peer never opened a stream, so the last stream identifier is 0."""
    return frame(GOAWAY, 0, 0, bytes(4) + code.to_bytes(4) + detail.encode()[:256])


def unpadded(payload: bytes, flags: int) -> bytes:
    """A payload of DATA or HEADERS without its padding and without HEADERS' priority (sections 6.1 and 6.2)."""
    start, end = 0, len(payload)
    if flags & PADDED:
        if end < 1:
            raise ProtocolViolation(FRAME_SIZE_ERROR, "padding without a length")
        start, end = 1, end - payload[0]
    if flags & WITH_PRIORITY:
        start += 5
    if start > end:
        raise ProtocolViolation(PROTOCOL_ERROR, "the padding is longer than the frame")
    return payload[start:end]
