"""The backup's file: whatever is altered, moved or cut off does not open, and memory stays small."""

from __future__ import annotations

import io
import struct
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from commands import archive
from commands.archive import ArchiveError, Writer

PHRASE = "a passphrase of a test"


def made(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    writer = Writer(out, PHRASE)
    for name, content in files.items():
        writer.add(name, [content[:3], content[3:]])
    writer.finish({"program": "1"})
    return out.getvalue()


def contents(content: bytes, phrase: str = PHRASE) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    name = ""
    for piece in archive.read(io.BytesIO(content), phrase):
        if piece.name is not None:
            name = piece.name
            found[name] = b""
        elif piece.data is not None:
            found[name] += piece.data
    return found


@settings(max_examples=8, deadline=None)
@given(st.dictionaries(st.text(min_size=1, max_size=20).filter(lambda one: one.isprintable()), st.binary(max_size=500)))
def test_what_goes_in_comes_out(files: dict[str, bytes]) -> None:
    assert contents(made(files)) == files
    assert archive.verified(io.BytesIO(made(files)), PHRASE)["program"] == "1"


WHOLE = made({"secret": b"k1:zanzibar", "database": b"x" * 300})


def chunks() -> list[bytes]:
    rest, found = WHOLE[len(archive.MAGIC) + archive.SALT + archive.PREFIX :], []
    while rest:
        size = 4 + struct.unpack(">I", rest[:4])[0]
        found.append(rest[:size])
        rest = rest[size:]
    return found


HEAD = WHOLE[: len(archive.MAGIC) + archive.SALT + archive.PREFIX]


def test_nothing_is_readable_without_the_passphrase() -> None:
    assert b"zanzibar" not in WHOLE
    with pytest.raises(ArchiveError, match="passphrase"):
        contents(WHOLE, "another passphrase")


@settings(max_examples=15, deadline=None)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_one_other_byte_anywhere_is_refused(place: int, change: int) -> None:
    altered = bytearray(WHOLE)
    altered[place] ^= change
    with pytest.raises(ArchiveError):
        archive.verified(io.BytesIO(bytes(altered)), PHRASE)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, len(WHOLE) - 1))
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ArchiveError):
        archive.verified(io.BytesIO(WHOLE[:length]), PHRASE)


def test_chunks_that_are_swapped_doubled_or_left_out_are_refused() -> None:
    parts = chunks()
    for other in (parts[1::-1] + parts[2:], [parts[0], *parts], parts[:1] + parts[2:], parts[:-1], [*parts, parts[-1]]):
        with pytest.raises(ArchiveError):
            archive.verified(io.BytesIO(HEAD + b"".join(other)), PHRASE)


def test_a_large_file_takes_little_memory(tmp_path) -> None:
    size, path = 48, tmp_path / "large"
    tracemalloc.start()
    with path.open("wb") as file:
        writer = Writer(file, PHRASE)
        writer.add("database", (b"x" * archive.CHUNK for _ in range(size)))
        writer.finish({})
    with path.open("rb") as file:
        manifest = archive.verified(file, PHRASE)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert manifest["files"]["database"]["size"] == size * archive.CHUNK
    assert peak < 12 * archive.CHUNK
