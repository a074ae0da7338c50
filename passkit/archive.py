"""A template as one zip file, and back: the same files, byte for byte.

``unpack`` takes zips of strangers. Before anything is decompressed it looks at the directory alone: how many files there are, how
large each says it will be, and their names; what a file says is the most that is taken out of it. The same files give the
same zip. What is not a template's (folders, hidden files, ``__MACOSX``) is left out; a zip of the folder itself is taken
like a zip of what is in it.
"""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence

from passkit.errors import Problem, Severity, TemplateError
from passkit.images import MAX_BYTES
from passkit.schema import TEMPLATE_FILE

MAX_ARCHIVE = 64 * 1024 * 1024
"""Bytes of a zip, and of all files in it together: a template has a few MB."""
MAX_FILES = 200
MAX_DIRECTORY = 256 * 1024
"""Bytes of a zip's directory, which is read before its files are counted: room for some thousand names."""
_END = struct.Struct("<4s4H2LH")  # APPNOTE 4.3.16
_END_MARK, _ZIP64_MARK = b"PK\x05\x06", b"PK\x06\x07"
_ENCRYPTED = 0x1
_EARLIEST = (1980, 1, 1, 0, 0, 0)
_MODE = 0o100644 << 16


def pack(files: Mapping[str, bytes]) -> bytes:
    """The files as a zip: texts deflated, pictures as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, content in sorted(files.items()):
            info = zipfile.ZipInfo(name, _EARLIEST)
            info.external_attr = _MODE
            info.compress_type = zipfile.ZIP_DEFLATED if name.endswith(".yaml") else zipfile.ZIP_STORED
            made.writestr(info, content)
    return stream.getvalue()


def unpack(content: bytes) -> dict[str, bytes]:
    """The template's files in a zip; raises TemplateError with what is wrong with it."""
    _refuse_size(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as found:
            wanted = [info for info in found.infolist() if not _is_litter(info)]
            _refuse(wanted)
            folder = _folder([info.filename for info in wanted])
            return {info.filename.removeprefix(folder): found.read(info) for info in wanted}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, struct.error) as error:
        raise _wrong(f"the zip file is damaged: {str(error)[:100]}", "Make it again.") from None


def _refuse_size(content: bytes) -> None:
    if len(content) > MAX_ARCHIVE:
        raise _wrong(f"the zip file has {len(content):,} bytes", f"At most {MAX_ARCHIVE:,} are taken.")
    end = content.rfind(_END_MARK, max(0, len(content) - _END.size - 0xFFFF))
    if end < 0 or len(content) - end < _END.size:
        raise _wrong("this is no zip file", "Zip the template's folder and take that file.")
    directory = _END.unpack_from(content, end)[5]
    if directory > MAX_DIRECTORY or content[max(0, end - 20) : end].startswith(_ZIP64_MARK):
        raise _too_many()


def _refuse(wanted: Sequence[zipfile.ZipInfo]) -> None:
    if len(wanted) > MAX_FILES:
        raise _too_many()
    if sum(info.file_size for info in wanted) > MAX_ARCHIVE:
        raise _wrong("the files of the zip are too large together", f"At most {MAX_ARCHIVE:,} bytes are taken.")
    seen: set[str] = set()
    for info in wanted:
        name = info.filename
        if name.startswith("/") or "\\" in name or ".." in name.split("/") or not name.isprintable():
            raise _wrong(f"{name[:80]!r} cannot be the name of a template's file", "Rename it.")
        if name in seen:
            raise _wrong(f"{name[:80]!r} stands twice in the zip", "Zip the folder again.")
        if stat.S_ISLNK(info.external_attr >> 16):
            raise _wrong(f"{name[:80]!r} is a link", "Put the file itself into the zip.")
        if info.flag_bits & _ENCRYPTED:
            raise _wrong("the zip is locked with a password", "Zip the folder without one.")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise _wrong(f"{name[:80]!r} is compressed in a rare way", "Zip the folder with the system's own command.")
        if info.file_size > MAX_BYTES:
            raise _wrong(f"{name[:80]!r} has {info.file_size:,} bytes", f"At most {MAX_BYTES:,} are taken.")
        seen.add(name)


def _is_litter(info: zipfile.ZipInfo) -> bool:
    parts = info.filename.split("/")
    return info.is_dir() or parts[0] == "__MACOSX" or any(part.startswith(".") and part != ".." for part in parts)


def _folder(names: Sequence[str]) -> str:
    """``coffee/`` where everything lies in that folder."""
    if TEMPLATE_FILE in names:
        return ""
    tops = {name.split("/")[0] for name in names}
    folder = f"{tops.pop()}/" if len(tops) == 1 else ""
    if folder + TEMPLATE_FILE not in names:
        raise _wrong(f"the zip holds no {TEMPLATE_FILE}", "Zip the template's own folder.")
    return folder


def _too_many() -> TemplateError:
    return _wrong(f"the zip holds more than {MAX_FILES} files", "Zip the template's own folder.")


def _wrong(detail: str, fix: str) -> TemplateError:
    return TemplateError([Problem(Severity.ERROR, "", detail, fix)])
