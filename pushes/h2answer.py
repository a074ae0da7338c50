"""The answer side of HPACK: what a header block says, by its bytes where that is exact and by ``hpack`` otherwise.

We announce SETTINGS_HEADER_TABLE_SIZE 0, so that a peer that obeys sends blocks which stand alone, and nearly every one
of them says ":status: 200". Such a block is recognised by walking over its bytes, under two conditions: the
connection's first block began with 0x20, the peer's word that its table is empty, and no block has held a literal with
incremental indexing. A block that breaks the second shows a peer that indexes nevertheless; from then on every block
goes through the decoder, which keeps a table of up to 4,096 bytes throughout, and because the blocks passed over before could not
change that table (RFC 7541, 2.3.2 and 4.3), the decoder is where the peer's encoder is.
"""

from __future__ import annotations

from collections.abc import Mapping

from hpack import Decoder, HPACKError

from pushes.h2frames import COMPRESSION_ERROR, DEFAULT_TABLE, ProtocolViolation

MAX_HEADER_LIST = 16_384
"""Bytes of an answer's headers as RFC 7541, 4.1 counts them; Apple's are about 100."""

EMPTY_TABLE = 0x20
STATUS_200 = 0x88
"""The static table's entry 8, ":status: 200"."""

_KNOWN_BLOCKS = 16
_KNOWN_BLOCK_SIZE = 512

Headers = Mapping[str, str]


def is_plain_200(data: bytes, position: int, end: int) -> bool:
    """Whether ``data[position:end]`` is ":status: 200" and then only what neither reads nor writes a dynamic table.

    That is: fields of the static table, and literals without indexing or never indexed whose names are literal or of
    the static table (RFC 7541, section 6). Lengths of more than a byte are left to the decoder.
    """
    try:
        if data[position] != STATUS_200:
            return False
        position += 1
        while position < end:
            first = data[position]
            position += 1
            if first >= 0x80:
                if first == 0x80 or first > 0xBD:  # 0 is an error, above 61 is the dynamic table
                    return False
                continue
            if first >= 0x20:  # incremental indexing, or a change of the table's size
                return False
            name = first & 0x0F
            if name == 0:
                length = data[position] & 0x7F
                if length == 0x7F:
                    return False
                position += length + 1
            elif name == 0x0F:
                if data[position] > 61 - 15:
                    return False
                position += 1
            length = data[position] & 0x7F
            if length == 0x7F:
                return False
            position += length + 1
    except IndexError:
        return False
    return position == end


class AnswerReader:
    """One connection's answer blocks, in the order in which they came."""

    def __init__(self) -> None:
        self._decoder = Decoder(max_header_list_size=MAX_HEADER_LIST)
        self._decoder.max_allowed_table_size = DEFAULT_TABLE
        self._is_first = True
        self.by_bytes = False
        """Whether a block for which ``is_plain_200`` holds may be passed over."""
        self.known_200: set[bytes] = set()
        """Blocks that the decoder has found to say 200, and will again as long as the peer's table holds nothing.

        With a table of size 0 before and after, a block's meaning depends on nothing but its bytes, and a literal to be
        indexed is forgotten at once (RFC 7541, 4.4). nginx writes such literals, the same ones for a second.
        """

    def read(self, block: bytes) -> Headers:
        """The block's fields, the last one of a name winning; raises ProtocolViolation."""
        if self._is_first:
            self._is_first = False
            self.by_bytes = block[:1] == bytes([EMPTY_TABLE])
        was_empty = self._decoder.header_table_size == 0
        headers = self._decode(block)
        if self.by_bytes and has_incremental(block):
            self.by_bytes = False
        if was_empty and self._decoder.header_table_size == 0:
            self._remember(block, headers)
        else:
            self.known_200.clear()
        return headers

    def _decode(self, block: bytes) -> Headers:
        try:
            fields = self._decoder.decode(block, raw=True)
        except HPACKError as error:
            raise ProtocolViolation(COMPRESSION_ERROR, str(error)[:100]) from error
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in fields}

    def _remember(self, block: bytes, headers: Headers) -> None:
        if headers.get(":status") != "200" or len(block) > _KNOWN_BLOCK_SIZE:
            return
        if len(self.known_200) >= _KNOWN_BLOCKS:
            self.known_200.clear()
        self.known_200.add(block)


def has_incremental(block: bytes) -> bool:
    """Whether a valid block holds a literal with incremental indexing (RFC 7541, 6.2.1)."""
    position = 0
    while position < len(block):
        first = block[position]
        if first & 0xC0 == 0x40:
            return True
        if first & 0x80:
            position = _skip_integer(block, position, 7)
        elif first & 0xE0 == 0x20:
            position = _skip_integer(block, position, 5)
        else:
            position = _skip_integer(block, position, 4)
            if first & 0x0F == 0:
                position = _skip_string(block, position)
            position = _skip_string(block, position)
    return False


def _skip_integer(block: bytes, position: int, bits: int) -> int:
    limit = (1 << bits) - 1
    if block[position] & limit < limit:
        return position + 1
    position += 1
    while block[position] & 0x80:
        position += 1
    return position + 1


def _skip_string(block: bytes, position: int) -> int:
    limit = 0x7F
    length = block[position] & limit
    after = _skip_integer(block, position, 7)
    if length == limit:
        shift = 0
        for byte in block[position + 1 : after]:
            length += (byte & 0x7F) << shift
            shift += 7
    return after + length
