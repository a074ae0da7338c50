"""Zips of templates: lossless for ours, bounded for those of strangers."""

from __future__ import annotations

import io
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passkit import archive
from passkit.errors import TemplateError
from tests.passkit.judged_styles import STARTERS, files_of

SMALL = {"template.yaml": "key: x\r\n# ключ\n".encode(), "strings/ru.yaml": b"A: B", "icon.png": b"\x89PNG..."}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return stream.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(TemplateError) as refused:
        archive.unpack(content)
    (problem,) = refused.value.problems
    assert problem.fix.endswith(".")
    return problem.detail


@pytest.mark.parametrize("name", STARTERS)
def test_a_template_comes_back_byte_for_byte(name: str) -> None:
    files = files_of(name)
    packed = archive.pack(files)
    assert archive.unpack(packed) == files
    assert archive.pack(dict(reversed(files.items()))) == packed
    with zipfile.ZipFile(io.BytesIO(packed)) as read:
        assert read.testzip() is None


def test_a_zip_of_the_folder_itself_is_taken_with_what_systems_leave_in_it() -> None:
    litter = {"tea/.DS_Store": b"x", "__MACOSX/tea/._icon.png": b"x", "tea/": b"", "tea/strings/": b""}
    assert archive.unpack(zipped({f"tea/{name}": part for name, part in SMALL.items()} | litter)) == SMALL


@pytest.mark.parametrize(
    ("files", "detail"),
    [
        ({"icon.png": b"x"}, "no template.yaml"),
        ({"a/template.yaml": b"x", "b/template.yaml": b"x"}, "no template.yaml"),
        (SMALL | {"../evil.yaml": b"x"}, "cannot be the name"),
        (SMALL | {"/etc/evil.yaml": b"x"}, "cannot be the name"),
        (SMALL | {"strings/../../evil.yaml": b"x"}, "cannot be the name"),
        (SMALL | {"a\\b.yaml": b"x"}, "cannot be the name"),
        (SMALL | {f"{n}.yaml": b"" for n in range(200)}, "more than 200 files"),
        (SMALL | {f"{n}.yaml": b"" for n in range(5000)}, "more than 200 files"),
        (SMALL | {"big.png": bytes(archive.MAX_BYTES + 1)}, "has 5,242,881 bytes"),
        (SMALL | {f"{n}.png": bytes(5_000_000) for n in range(14)}, "too large together"),
    ],
)
def test_what_is_no_template_or_too_much_is_refused(files: dict[str, bytes], detail: str) -> None:
    assert detail in refusal(zipped(files))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rare_compression_is_refused(method: int) -> None:
    assert "rare way" in refusal(zipped(SMALL, method))


def test_a_name_twice_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("template.yaml", b"one")
        with pytest.warns(UserWarning, match="Duplicate name"):
            made.writestr("template.yaml", b"two")
    assert "stands twice" in refusal(stream.getvalue())


def test_a_link_and_a_locked_file_are_refused() -> None:
    link = zipfile.ZipInfo("icon.png")
    link.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("template.yaml", b"x")
        made.writestr(link, b"/etc/passwd")
    assert "is a link" in refusal(stream.getvalue())
    locked = bytearray(zipped({"template.yaml": b"x"}))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    assert "password" in refusal(bytes(locked))


def test_a_bomb_gives_no_more_than_it_says_and_what_it_says_is_bounded() -> None:
    bomb = zipped(SMALL | {"bomb.png": bytes(50_000_000)})
    assert len(bomb) < 1_000_000
    assert "has 50,000,000 bytes" in refusal(bomb)
    place = bomb.rindex(b"PK\x01\x02")
    lying = bytearray(bomb)
    lying[place + 24 : place + 28] = struct.pack("<L", 1000)  # the directory says 1,000 bytes
    assert "damaged" in refusal(bytes(lying))


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x05\x06", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_told(content: bytes) -> None:
    assert "zip" in refusal(content)


@given(st.integers(0, 600), st.binary(min_size=1, max_size=4))
def test_a_damaged_zip_is_refused_or_read_never_more(place: int, noise: bytes) -> None:
    whole = bytearray(zipped(SMALL))
    whole[place : place + len(noise)] = noise
    try:
        found = archive.unpack(bytes(whole))
    except TemplateError:
        return
    assert sum(map(len, found.values())) <= archive.MAX_ARCHIVE
