"""The request side of HPACK for one shape of request: everything pre-encoded, only the token changes. Pure.

The constant headers go into the peer's dynamic table once (literals with incremental indexing in the first block) and
are one byte each from then on. The table is written by that block alone, so its indices never move. Where the peer's
SETTINGS_HEADER_TABLE_SIZE is too small for them they are literals in every block. ``:path`` is always a literal without
indexing, and nothing is Huffman-coded: for a token of 64 hex digits that costs more time than it saves bytes.

RFC 7541: https://www.rfc-editor.org/rfc/rfc7541. Section numbers beside the rules are its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct

from pushes import h2frames

_POST = b"\x83"  # static table 3, ":method: POST"
_HTTPS = b"\x87"  # static table 7, ":scheme: https"
_STATIC_NAMES = {":authority": 1, ":path": 4}
_STATIC_ENTRIES = 61
_ENTRY_OVERHEAD = 32  # section 4.1

_INDEXED = (0x80, 7)
_INCREMENTAL = (0x40, 6)
_SIZE_UPDATE = (0x20, 5)
_WITHOUT_INDEXING = (0x00, 4)
_STRING = (0x00, 7)

_MAX_FORMS = 64

Field = tuple[str, str]
HeadersOf = Callable[[str, int], tuple[Field, ...]]
"""(topic, expiration) -> the headers of such a push."""


@dataclass(frozen=True, slots=True)
class Form:
    """A request's frames, pre-encoded around the token and the stream's number."""

    headers_head: bytes
    before: bytes
    after: bytes
    data_head: bytes
    body: bytes
    pack: Callable[..., bytes]

    def encode(self, stream_id: int, token: bytes) -> bytes:
        """HEADERS and DATA of one request."""
        return self.pack(
            self.headers_head, stream_id, self.before, token, self.after, self.data_head, stream_id, self.body
        )

    def encode_headers(self, stream_id: int, token: bytes) -> bytes:
        """HEADERS alone, for a stream whose window lets no body through yet."""
        return b"".join((self.headers_head, stream_id.to_bytes(4), self.before, token, self.after))


class RequestEncoder:
    """One connection's request blocks. The first request's header values are the ones that the table keeps."""

    def __init__(self, *, authority: str, path: str, body: bytes, headers_of: HeadersOf) -> None:
        self._authority: Field = (":authority", authority)
        self._path = path.encode()
        self._body = body
        self.body_size = len(body)
        self._headers_of = headers_of
        self._size = self._said_size = self._lowest = h2frames.DEFAULT_TABLE
        self._fields: dict[Field, int] = {}
        self._names: dict[str, int] = {}
        self._forms: dict[tuple[str, int, int], Form] = {}
        self.is_open = False
        """Whether the opening block has been written, so that ``form`` may be asked."""

    def allow(self, table_size: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE has changed; of more than the initial 4,096 bytes we make no use."""
        size = min(table_size, h2frames.DEFAULT_TABLE)
        if size == self._size:
            return
        self._lowest = min(self._lowest, size)
        self._size = size
        self.is_open = False  # entries may be evicted, or there may be room for them now

    def opening(self, topic: str, expiration: int, token_size: int) -> Form:
        """The block that says the table's new size, if it has one, and fills it, if it is big enough."""
        fields = (self._authority, *self._headers_of(topic, expiration))
        start = self._size_updates()
        self._forms.clear()
        self._fields.clear()
        self._names.clear()
        fits = sum(_ENTRY_OVERHEAD + len(name) + len(value) for name, value in fields) <= self._size
        form = self._build(fields, token_size, start, _INCREMENTAL if fits else _WITHOUT_INDEXING)
        if fits:
            for position, field in enumerate(reversed(fields), start=_STATIC_ENTRIES + 1):
                self._fields[field] = self._names[field[0]] = position
        self.is_open = True
        return form

    def form(self, topic: str, expiration: int, token_size: int) -> Form:
        """The block for such a push and a token of so many bytes, after the opening one."""
        key = (topic, expiration, token_size)
        known = self._forms.get(key)
        if known is None:
            if len(self._forms) >= _MAX_FORMS:
                self._forms.clear()
            fields = (self._authority, *self._headers_of(topic, expiration))
            known = self._forms[key] = self._build(fields, token_size, b"", _WITHOUT_INDEXING)
        return known

    def _size_updates(self) -> bytes:
        """Section 4.2: the smallest size since the last block, and the size from now on when that is another."""
        updates = b""
        if self._lowest < self._said_size:
            updates = _integer(_SIZE_UPDATE, self._lowest)
            self._said_size = self._lowest
        if self._size != self._said_size:
            updates += _integer(_SIZE_UPDATE, self._size)
        self._lowest = self._said_size = self._size
        return updates

    def _build(self, fields: tuple[Field, ...], token_size: int, start: bytes, literal: tuple[int, int]) -> Form:
        """Pseudo-headers come first (RFC 9113, 8.3), so that the token stands in the middle."""
        path = _integer(_WITHOUT_INDEXING, _STATIC_NAMES[":path"])
        path += _integer(_STRING, len(self._path) + token_size) + self._path
        before = start + _POST + _HTTPS + self._field(fields[0], literal) + path
        after = b"".join(self._field(field, literal) for field in fields[1:])
        return _form(before, after, self._body, token_size)

    def _field(self, field: Field, literal: tuple[int, int]) -> bytes:
        if index := self._fields.get(field):
            return _integer(_INDEXED, index)
        name, value = field
        if index := self._names.get(name) or _STATIC_NAMES.get(name, 0):
            return _integer(literal, index) + _string(value)
        return bytes([literal[0]]) + _string(name) + _string(value)


def _form(before: bytes, after: bytes, body: bytes, token_size: int) -> Form:
    block_size = len(before) + token_size + len(after)
    headers_head = _head(block_size, h2frames.HEADERS, h2frames.END_HEADERS)
    data_head = _head(len(body), h2frames.DATA, h2frames.END_STREAM)
    layout = Struct(f">5sI{len(before)}s{token_size}s{len(after)}s5sI{len(body)}s")
    return Form(headers_head, before, after, data_head, body, layout.pack)


def _head(length: int, kind: int, flags: int) -> bytes:
    """A frame's header without its last field, the stream."""
    return (length << 8 | kind).to_bytes(4) + bytes([flags])


def _string(text: str) -> bytes:
    """Section 5.2, not Huffman-coded."""
    content = text.encode()
    return _integer(_STRING, len(content)) + content


def _integer(prefix: tuple[int, int], value: int) -> bytes:
    """Section 5.1; ``prefix`` is the representation's bits and how many bits of the first byte are the number's."""
    start, bits = prefix
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([start | value])
    encoded = bytearray([start | limit])
    value -= limit
    while value >= 0x80:
        encoded.append((value & 0x7F) | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
