"""What a header block says: python-hyper's hpack as the judge, whatever the peer's encoder does."""

from __future__ import annotations

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from pushes.h2answer import AnswerReader, has_incremental, is_plain_200
from pushes.h2frames import ProtocolViolation

names = st.sampled_from(["apns-id", "apns-unique-id", "date", "server", "content-length", "x" * 130])
values = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=150)
statuses = st.sampled_from(["200", "200", "200", "204", "400", "404", "410", "500", "503"])
answers = st.tuples(statuses, st.lists(st.tuples(names, values, st.booleans()), max_size=4))
steps = st.lists(
    st.one_of(st.tuples(st.just("table"), st.integers(0, 4096)), st.tuples(st.just("answer"), answers)), max_size=30
)


@given(start=st.sampled_from([None, 0, 0, 100]), script=steps, huffman=st.booleans())
def test_every_answer_is_read_rightly_whatever_table_the_peer_keeps(
    start: int | None, script: list[tuple[str, object]], huffman: bool
) -> None:
    """As the core does it: by bytes where that is allowed, else by the reader, which must stay in step."""
    encoder, reader = Encoder(), AnswerReader()
    if start is not None:
        encoder.header_table_size = start
    for kind, what in script:
        if kind == "table":
            if what != encoder.header_table_size:  # hpack's encoder forgets to announce a size that is set twice
                encoder.header_table_size = what
            continue
        status, fields = what
        block = bytes(encoder.encode([(":status", status, False), *fields], huffman=huffman))
        if (reader.by_bytes and is_plain_200(block, 0, len(block))) or block in reader.known_200:
            assert status == "200"
        else:
            headers = reader.read(block)
            assert headers[":status"] == status
            assert {name: value for name, value, _ in fields}.items() <= headers.items()


@given(st.binary(max_size=60))
def test_what_is_recognised_by_its_bytes_is_a_200_that_leaves_every_table_alone(block: bytes) -> None:
    block = b"\x88" + block
    if not is_plain_200(block, 0, len(block)):
        return
    decoder = Decoder()
    before = list(decoder.header_table.dynamic_entries)
    try:
        fields = decoder.decode(block, raw=True)
    except Exception as error:  # a Huffman string that is none, in a header that we do not read
        assert "huffman" in repr(error).lower() or "Huffman" in repr(error.__cause__)  # noqa: PT017
        return
    assert fields[0] == (b":status", b"200")
    assert list(decoder.header_table.dynamic_entries) == before
    assert decoder.header_table_size == 4096
    assert not has_incremental(block)


@given(st.lists(st.tuples(names, values, st.booleans()), max_size=5), st.booleans())
def test_incremental_indexing_is_seen_in_any_block(fields: list[tuple[str, str, bool]], huffman: bool) -> None:
    encoder, decoder = Encoder(), Decoder()
    block = bytes(encoder.encode(fields, huffman=huffman))
    decoder.decode(block)
    assert has_incremental(block) == bool(decoder.header_table.dynamic_entries)


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\x20\x88",  # a change of the table's size
        b"\x8d",  # 404
        b"\x88\xbe",  # the dynamic table
        b"\x88\x80",  # index 0
        b"\x88\x40\x01a\x01b",  # incremental indexing
        b"\x88\x0f\x2f\x01b",  # a name of the dynamic table
        b"\x88\x00\x05ab",  # ends in its string
        b"\x88\x00",
        b"\x88\x0f",
        b"\x88\x00\x7f\x00",  # a length of more than a byte
    ],
)
def test_what_is_not_exactly_a_plain_200_is_left_to_the_decoder(block: bytes) -> None:
    assert not is_plain_200(block, 0, len(block))


@pytest.mark.parametrize(
    "block", [b"\x88", b"\x88\x00\x07apns-id\x03abc", b"\x88\x10\x07apns-id\x83abc", b"\x88\x0f\x12\x01x", b"\x88\x91"]
)
def test_apples_usual_answers_are_recognised_by_their_bytes(block: bytes) -> None:
    assert is_plain_200(b"??" + block + b"?", 2, 2 + len(block))


def test_bytes_count_only_after_the_peers_word_that_its_table_is_empty() -> None:
    obeying, silent, late = AnswerReader(), AnswerReader(), AnswerReader()
    obeying.read(b"\x20\x88")
    silent.read(b"\x88")
    late.read(b"\x88")
    late.read(b"\x20\x88")
    assert (obeying.by_bytes, silent.by_bytes, late.by_bytes) == (True, False, False)


def test_a_peer_that_indexes_after_all_is_decoded_from_then_on() -> None:
    reader = AnswerReader()
    reader.read(b"\x20\x88")
    assert reader.read(b"\x3f\xe1\x1f\x88\x40\x01a\x01b") == {":status": "200", "a": "b"}  # table back to 4,096
    assert not reader.by_bytes
    assert reader.read(b"\x88\xbe") == {":status": "200", "a": "b"}


def test_a_peer_that_never_empties_its_table_is_decoded_throughout() -> None:
    reader = AnswerReader()
    for number in range(40):
        block = b"\x88" + (b"\x40\x01a\x01b" if number == 0 else b"\xbe")
        assert reader.read(block) == {":status": "200", "a": "b"}


NGINX = b"\x88\x76\x89\xaa\x63\x55\xe5\x80\xae\x21\x2e\x1f\x5c\x01\x30"  # status, "server" and "content-length" to be indexed


def test_with_an_empty_table_a_block_known_to_say_200_will_say_so_again() -> None:
    """nginx writes literals to be indexed although its table has no room for them."""
    reader = AnswerReader()
    reader.read(b"\x20\x88")
    assert reader.read(NGINX)[":status"] == "200"
    assert NGINX in reader.known_200
    with pytest.raises(ProtocolViolation):
        reader.read(b"\x88\xbe")  # nothing was kept


def test_only_blocks_that_say_200_with_an_empty_table_become_known() -> None:
    reader = AnswerReader()
    assert reader.read(NGINX)[":status"] == "200"  # into a table of 4,096
    assert not reader.known_200
    reader.read(b"\x20\x88")
    reader.read(b"\x8d\x5c\x01\x30")  # 404
    assert reader.known_200 == set()


def test_what_was_known_with_an_empty_table_is_forgotten_when_it_holds_something() -> None:
    reader = AnswerReader()
    reader.read(b"\x20\x88")
    reader.read(NGINX)
    reader.read(b"\x3f\xe1\x1f\x88")  # the table is back
    assert NGINX not in reader.known_200
    reader.read(NGINX)  # and now this fills it
    assert reader.read(b"\x88\xbe") == {":status": "200", "content-length": "0"}


def test_no_more_than_a_few_blocks_are_remembered() -> None:
    reader = AnswerReader()
    reader.read(b"\x20\x88")
    for number in range(100):
        reader.read(b"\x88\x5c\x03" + b"%03d" % number)
    reader.read(b"\x88\x5c\x7f\x81\x07" + b"0" * 1024)
    assert len(reader.known_200) <= 16
    assert max(map(len, reader.known_200)) < 20
