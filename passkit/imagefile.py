"""Reads the container of an uploaded picture without decoding one pixel.

``scan`` says what a PNG, JPEG or WebP file is (size, orientation, colour profile) and gives it back *bare*: the same
pixels in the same encoding, without text, thumbnails, EXIF, profiles, second pictures or trailing bytes. It refuses
what a decoder would have to pay for: a second header that contradicts the first, animation, thousands of JPEG scans.
A decoder is only ever handed the bare file, so its parsers of metadata are never reached.

Sources: PNG (Third Edition) w3.org/TR/png-3, JPEG ITU-T T.81 annex B, WebP RFC 9649, Exif 3.0 section 4.6.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from passkit.errors import ImageError

MAX_PROFILE = 1024 * 1024
"""Bytes of an ICC profile, unpacked; the largest press profiles in use are about half of it."""
MAX_SCANS = 64
"""Scans of a progressive JPEG: encoders write about 10; each costs a pass over all pixels, however few bytes it has."""

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_PNG_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
_JPEG_FRAMES = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_OTHER_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_JPEG_TABLES = frozenset({0xC4, 0xDB, 0xDD})
_JFIF = b"\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_AFTER_ENTROPY = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ORIENTATION_TAG = 0x0112


@dataclass(frozen=True, slots=True)
class ImageFile:
    """What the container says: ``size`` as stored, before ``orientation``; ``plain``: 8-bit gray, RGB or palette."""

    format: str
    size: tuple[int, int]
    orientation: int
    profile: bytes | None
    plain: bool
    progressive: bool
    bare: bytes


def scan(content: bytes) -> ImageFile:
    """Read the container; ``ImageError`` for anything but a whole, still PNG, JPEG or WebP."""
    try:
        if content.startswith(_PNG_SIGNATURE):
            return _scan_png(content)
        if content.startswith(b"\xff\xd8\xff"):
            return _scan_jpeg(content)
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _scan_webp(content)
    except (struct.error, IndexError, zlib.error):
        raise _broken() from None
    raise ImageError("This is not a PNG, JPEG or WebP picture; save it as one of these.")


def _broken() -> ImageError:
    return ImageError("The picture is damaged or cut off; save it again and upload the new file.")


def _animated() -> ImageError:
    return ImageError("The picture is animated, and a pass shows still pictures; save one frame of it.")


def orientation(exif: bytes) -> int:
    """EXIF orientation 1-8 of a TIFF block; 1 when it is absent or malformed."""
    exif = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(exif[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(f"{order}I", exif, 4)
        (entries,) = struct.unpack_from(f"{order}H", exif, start)
        for index in range(entries):
            tag, kind, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * index)
            if tag == _ORIENTATION_TAG and kind == 3 and 1 <= value <= 8:
                return int(value)
    except struct.error:
        return 1
    return 1


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(type, data, whole chunk) up to IEND; the CRC of each is checked."""
    at = len(_PNG_SIGNATURE)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, at)
        (crc,) = struct.unpack_from(">I", content, at + 8 + length)
        if crc != zlib.crc32(content[at + 4 : at + 8 + length]):
            raise _broken()
        yield kind, content[at + 8 : at + 8 + length], content[at : at + 12 + length]
        at += 12 + length


def _scan_png(content: bytes) -> ImageFile:
    kept: list[bytes] = [_PNG_SIGNATURE]
    headers: list[bytes] = []
    profile, turned = None, 1
    for kind, data, whole in _png_chunks(content):
        if kind in _PNG_ANIMATION:
            raise _animated()
        if kind == b"IHDR":
            headers.append(data)
        elif kind == b"iCCP":
            profile = _png_profile(data)
        elif kind == b"eXIf":
            turned = orientation(data)
        if kind in _PNG_KEPT:
            kept.append(whole)
    if len(headers) != 1 or kept[1][4:8] != b"IHDR":
        raise _broken()
    width, height, depth = struct.unpack_from(">IIB", headers[0])
    return ImageFile("PNG", _size(width, height), turned, profile, depth <= 8, False, b"".join(kept))


def _png_profile(data: bytes) -> bytes | None:
    packed = data.partition(b"\x00")[2][1:]
    unpacked = zlib.decompressobj().decompress(packed, MAX_PROFILE + 1)
    return unpacked if len(unpacked) <= MAX_PROFILE else None


def _size(width: int, height: int) -> tuple[int, int]:
    if not (0 < width < 2**31 and 0 < height < 2**31):
        raise _broken()
    return width, height


def _jpeg_segments(content: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(marker, payload, whole segment) from after SOI to EOI; a scan's segment carries its entropy-coded data."""
    at = 2
    while True:
        while content[at] == 0xFF and content[at + 1] == 0xFF:
            at += 1
        marker = content[at + 1]
        if content[at] != 0xFF or marker in (0x00, 0x01, 0xD8) or 0xD0 <= marker <= 0xD7:
            raise _broken()
        if marker == 0xD9:
            return
        (length,) = struct.unpack_from(">H", content, at + 2)
        end = at + 2 + length
        if length < 2 or end > len(content):
            raise _broken()
        payload = content[at + 4 : end]
        if marker == 0xDA:
            found = _AFTER_ENTROPY.search(content, end)
            if found is None:
                raise _broken()
            end = found.start()
        yield marker, payload, content[at:end]
        at = end


class _Jpeg:
    """What the segments of one JPEG add up to."""

    def __init__(self) -> None:
        self.kept: list[bytes] = [b"\xff\xd8"]
        self.frames: list[tuple[int, bytes]] = []
        self.profile_parts: dict[int, bytes] = {}
        self.orientation = 1
        self.scans = 0

    def add(self, marker: int, payload: bytes, whole: bytes) -> None:
        if marker in _JPEG_OTHER_FRAMES or marker == 0xDC:
            raise ImageError("This kind of JPEG is rare and not taken; save it again as an ordinary JPEG.")
        if marker in _JPEG_FRAMES:
            self.frames.append((marker, payload))
        if marker == 0xDA:
            self.scans += 1
        if marker in _JPEG_FRAMES or marker in _JPEG_TABLES or marker == 0xDA:
            self.kept.append(whole)
        elif marker == 0xE0 and payload.startswith(b"JFIF\x00") and len(self.kept) == 1:
            self.kept.append(_JFIF)
        elif marker == 0xE1 and payload.startswith(b"Exif\x00\x00"):
            self.orientation = orientation(payload)
        elif marker == 0xE2 and payload.startswith(b"ICC_PROFILE\x00"):
            self.profile_parts[payload[12]] = payload[14:]
        elif marker == 0xEE and payload.startswith(b"Adobe") and len(payload) >= 12:
            self.kept.append(b"\xff\xee\x00\x0e" + payload[:12])

    def profile(self) -> bytes | None:
        joined = b"".join(part for _, part in sorted(self.profile_parts.items()))
        return joined if 0 < len(joined) <= MAX_PROFILE else None


def _scan_jpeg(content: bytes) -> ImageFile:
    jpeg = _Jpeg()
    for marker, payload, whole in _jpeg_segments(content):
        jpeg.add(marker, payload, whole)
        if jpeg.scans > MAX_SCANS:
            raise ImageError(f"The JPEG has more than {MAX_SCANS} scans; save it again as an ordinary JPEG.")
    if len(jpeg.frames) != 1 or jpeg.scans == 0:
        raise _broken()
    marker, frame = jpeg.frames[0]
    depth, height, width, components = struct.unpack_from(">BHHB", frame)
    if depth != 8 or components not in (1, 3, 4):
        raise ImageError("Only JPEG with 8 bits a channel is taken; save it again as an ordinary JPEG.")
    bare = b"".join(jpeg.kept) + b"\xff\xd9"
    size = _size(width, height)
    return ImageFile("JPEG", size, jpeg.orientation, jpeg.profile(), components != 4, marker == 0xC2, bare)


def _webp_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    (size,) = struct.unpack_from("<I", content, 4)
    end = 8 + size
    if end > len(content):
        raise _broken()
    at = 12
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", content, at)
        if at + 8 + length > end:
            raise _broken()
        yield kind, content[at + 8 : at + 8 + length]
        at += 8 + length + (length & 1)


def _scan_webp(content: bytes) -> ImageFile:
    chunks = list(_webp_chunks(content))
    kinds = [kind for kind, _ in chunks]
    found = dict(reversed(chunks))
    if b"ANIM" in found or b"ANMF" in found or (found.get(b"VP8X", b"\x00")[0] & 0x02):
        raise _animated()
    if kinds.count(b"VP8 ") + kinds.count(b"VP8L") != 1 or kinds.count(b"VP8X") > 1:
        raise _broken()
    size = _vp8l_size(found[b"VP8L"]) if b"VP8L" in found else _vp8_size(found[b"VP8 "])
    if b"VP8X" in found and size != _canvas(found[b"VP8X"]):
        raise _broken()
    profile = found.get(b"ICCP")
    if profile is not None and len(profile) > MAX_PROFILE:
        profile = None
    return ImageFile("WEBP", size, orientation(found.get(b"EXIF", b"")), profile, True, False, _bare_webp(found))


def _vp8_size(data: bytes) -> tuple[int, int]:
    if data[3:6] != b"\x9d\x01\x2a" or data[0] & 1:
        raise _broken()
    width, height = struct.unpack_from("<HH", data, 6)
    return _size(width & 0x3FFF, height & 0x3FFF)


def _vp8l_size(data: bytes) -> tuple[int, int]:
    signature, bits = struct.unpack_from("<BI", data)
    if signature != 0x2F:
        raise _broken()
    return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1


def _canvas(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1


def _bare_webp(found: dict[bytes, bytes]) -> bytes:
    if b"VP8L" in found:
        kept = [(b"VP8L", found[b"VP8L"])]
    elif b"ALPH" in found and b"VP8X" in found:
        canvas = b"\x10\x00\x00\x00" + found[b"VP8X"][4:10]
        kept = [(b"VP8X", canvas), (b"ALPH", found[b"ALPH"]), (b"VP8 ", found[b"VP8 "])]
    else:
        kept = [(b"VP8 ", found[b"VP8 "])]
    body = b"WEBP" + b"".join(
        struct.pack("<4sI", kind, len(data)) + data + b"\x00" * (len(data) & 1) for kind, data in kept
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body
