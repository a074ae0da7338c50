"""Turns uploads into the exact pictures of a pass.

``intake`` is the first normalisation: what is stored and exported. ``slots`` makes the files of a pass from it.
Promises: only PNG, JPEG and WebP are opened; bytes and pixels are counted before a decoder starts; nothing but pixels
comes out (orientation and colour profile are applied, then dropped); same input, same bytes; ``intake`` of its own
answer is that answer. It never reads files and never fetches a URL.

Sizes are points at @1x; @2x and @3x are two and three times as many pixels (apple/pass-builder ``PassPackage.swift``;
the eventTicket strip from the Wallet Developer Guide, "Pass Images").
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

from PIL import Image, ImageCms

from passkit.errors import ImageError
from passkit.imagefile import ImageFile, scan
from passkit.kept import KeptFiles
from passkit.smallpng import encode, smallest_png

Focus = tuple[float, float]
"""The point that a crop keeps in sight, as shares of width and height: (0, 0) is the top left."""
CENTER: Focus = (0.5, 0.5)
Encode = Callable[[Image.Image], bytes]
"""What makes a PNG of a picture."""
Box = tuple[float, float, float, float]
"""A part of a picture in its pixels: left, top, right, bottom."""

MAX_BYTES = 5 * 1024 * 1024
"""Bytes of one upload: a 12-megapixel photo of a phone fits."""
MAX_PIXELS = 2048 * 2048
"""Pixels of a PNG or WebP, and of every stored picture: 16 MB decoded, three times the largest slot."""
MAX_JPEG_PIXELS = 25_000_000
"""Pixels of a baseline JPEG: it is decoded at a half, a quarter or an eighth (measured: 80 MB at worst)."""
MAX_PROGRESSIVE_PIXELS = 12_500_000
"""Pixels of a progressive JPEG: all its coefficients are held at once, 6 bytes a pixel (measured: 150 MB at worst)."""
SCALES = (1, 2, 3)
MAX_UPSCALE = 2.0
"""A logo is never drawn larger than twice its own pixels: rather a small crisp one."""
JPEG_QUALITY = 92
_MADE = KeptFiles(most_bytes=32 * 1024 * 1024)
"""The files of slots: a template's pictures come to about one MB."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A picture's place: width and height in points; ``exact`` is filled and cropped, else the picture fits inside."""

    width: int
    height: int
    exact: bool
    styles: frozenset[str]


LEGACY_STYLES = frozenset({"storeCard", "coupon", "generic", "eventTicket", "boardingPass"})
STYLES = LEGACY_STYLES | {"posterGeneric"}

SLOTS: dict[str, Slot] = {
    "icon": Slot(38, 38, True, STYLES),
    "logo": Slot(160, 50, False, LEGACY_STYLES),
    "primaryLogo": Slot(126, 30, False, frozenset({"posterGeneric", "eventTicket"})),
    "secondaryLogo": Slot(135, 12, False, frozenset({"eventTicket"})),
    "artwork": Slot(358, 448, True, frozenset({"posterGeneric", "eventTicket"})),
    "background": Slot(345, 505, True, frozenset({"eventTicket"})),
    "strip": Slot(375, 144, True, frozenset({"storeCard", "coupon", "eventTicket"})),
    "thumbnail": Slot(90, 90, True, frozenset({"generic", "eventTicket"})),
    "footer": Slot(286, 15, False, frozenset({"boardingPass"})),
    "venueMap": Slot(358, 448, False, frozenset({"eventTicket"})),  # Apple names no size: the artwork's bounds
    "personalizationLogo": Slot(150, 40, False, STYLES),
}
_EVENT_STRIP = Slot(375, 98, True, frozenset({"eventTicket"}))


def slot_of(style: str, slot: str) -> Slot | None:
    """The place ``slot`` has in ``style``; None for a name that Apple does not know."""
    return _EVENT_STRIP if (style, slot) == ("eventTicket", "strip") else SLOTS.get(slot)


def size(content: bytes) -> tuple[int, int]:
    """Width and height as a person sees the picture, without decoding it; ``ImageError`` when it is not one we take."""
    width, height = (found := scan(content)).size
    return (height, width) if found.orientation >= 5 else (width, height)


def intake(name: str, content: bytes) -> bytes:
    """The first normalisation of an upload: no metadata, upright, sRGB, at most ``MAX_PIXELS`` and ``MAX_BYTES``.

    Its format follows the extension of ``name`` (.jpg stays JPEG, .webp WebP; anything else becomes PNG), so that the
    name in template.yaml stays true. Where dropping metadata is enough, the pixels' encoding is kept bit for bit.
    """
    found = _checked(content)
    kind = _kind(name)
    within = found.size[0] * found.size[1] <= MAX_PIXELS
    picture = _decoded(found, _bounded(found.size, MAX_PIXELS))
    untouched = found.plain and found.orientation == 1 and not _foreign_profile(found)
    if found.format == kind and within and untouched:
        return found.bare
    return _stored(_upright(found, _shrunk(picture, MAX_PIXELS)), kind)


def slots(style: str, slot: str, content: bytes, focus: Focus = CENTER) -> dict[str, bytes]:
    """The files of one slot: ``{"logo.png": ..., "logo@2x.png": ..., "logo@3x.png": ...}``.

    A template is published again for a word far more often than for a picture: what was made lately is not made again.
    """
    place = _place(style, slot)

    def make() -> dict[str, bytes]:
        picture = opened(content, (place.width * SCALES[-1], place.height * SCALES[-1]))
        return _files(slot, place, _placed(picture, place, SCALES[-1], focus), picture.size)

    return _MADE.files(content, (place, slot, focus), make)


def placed(style: str, slot: str, content: bytes, focus: Focus = CENTER) -> Image.Image:
    """A stored picture in its slot at @3x, to draw on before ``sizes`` makes the files."""
    place = _place(style, slot)
    return _placed(opened(content, (place.width * SCALES[-1], place.height * SCALES[-1])), place, SCALES[-1], focus)


def sizes(style: str, slot: str, drawn: Image.Image, encode: Encode = smallest_png) -> dict[str, bytes]:
    """The files of an exact slot from its picture at @3x, named as ``slots`` names them."""
    return _files(slot, _place(style, slot), drawn, drawn.size, encode)


def exact_box(style: str, slot: str) -> tuple[int, int]:
    """The pixels of a slot at @3x."""
    place = _place(style, slot)
    return place.width * SCALES[-1], place.height * SCALES[-1]


def _place(style: str, slot: str) -> Slot:
    if (place := slot_of(style, slot)) is None:
        raise ImageError(f"A pass has no picture called {slot!r}; it may have {', '.join(SLOTS)}.")
    return place


def _files(
    slot: str, place: Slot, drawn: Image.Image, original: tuple[int, int], encode: Encode = smallest_png
) -> dict[str, bytes]:
    """From the largest down."""
    files: dict[str, bytes] = {}
    for scale in reversed(SCALES):
        drawn = drawn if scale == SCALES[-1] else _scaled(drawn, original, place, scale)
        files[f"{slot}.png" if scale == 1 else f"{slot}@{scale}x.png"] = encode(drawn)
    return dict(reversed(files.items()))


def opened(content: bytes, cover: tuple[int, int]) -> Image.Image:
    """A stored picture upright in sRGB; a JPEG as small as its decoder can make it while it still covers ``cover``."""
    found = _checked(content)
    return _upright(found, _decoded(found, _cover(found.size, cover, found.orientation >= 5)))


def cropped(picture: Image.Image, box: tuple[int, int], focus: Focus = CENTER) -> Image.Image:
    """``box`` filled with the part of the picture around ``focus``."""
    return _resized(picture, box, _crop(picture.size, box, focus))


def resized(picture: Image.Image, to: tuple[int, int]) -> Image.Image:
    """The whole picture in exactly this size."""
    return _resized(picture, to)


def fitted_in(picture: Image.Image, box: tuple[int, int]) -> Image.Image:
    """The whole picture as large as the box takes it."""
    ratio = min(box[0] / picture.width, box[1] / picture.height)
    return _resized(picture, (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))))


def _checked(content: bytes) -> ImageFile:
    if len(content) > MAX_BYTES:
        raise ImageError(f"The picture has {len(content):,} bytes; at most {MAX_BYTES:,} are taken. Save it smaller.")
    found = scan(content)
    pixels = found.size[0] * found.size[1]
    limit = MAX_PIXELS
    if found.format == "JPEG":
        limit = MAX_PROGRESSIVE_PIXELS if found.progressive else MAX_JPEG_PIXELS
    if pixels > limit:
        width, height = found.size
        raise ImageError(
            f"The picture is {width} x {height} pixels; at most {limit:,} in all are taken. Scale it down."
        )
    return found


def _decoded(found: ImageFile, want: tuple[int, int]) -> Image.Image:
    """The pixels as RGB, RGBA or CMYK, not smaller than ``want`` where a JPEG is decoded at a fraction."""
    try:
        with Image.open(io.BytesIO(found.bare), formats=["PNG", "JPEG", "WEBP"]) as opened:
            if opened.size != found.size:
                raise ImageError("The picture contradicts itself about its size; save it again.")
            opened.draft(None, want)
            opened.load()
            return _eight_bit(opened)
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError, struct.error, zlib.error):
        raise ImageError("The picture is damaged or cut off; save it again and upload the new file.") from None


def _eight_bit(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGB", "RGBA", "CMYK"):
        plain = picture.copy()
        return plain.convert("RGBA") if "transparency" in picture.info else plain
    if picture.mode.startswith("I"):
        return picture.convert("I").point(lambda value: value / 256).convert("L").convert("RGB")
    transparent = "transparency" in picture.info or picture.mode in ("LA", "La", "PA", "RGBa")
    return picture.convert("RGBA" if transparent else "RGB")


def _foreign_profile(found: ImageFile) -> bool:
    """Whether the file carries a readable profile that is not sRGB."""
    if found.profile is None:
        return False
    try:
        profile = ImageCms.getOpenProfile(io.BytesIO(found.profile))
        return "sRGB" not in ImageCms.getProfileDescription(profile)
    except (ImageCms.PyCMSError, OSError):
        return False


def _upright(found: ImageFile, picture: Image.Image) -> Image.Image:
    """sRGB, turned as the camera was held, and opaque pictures without an alpha channel."""
    picture = _srgb(found, picture)
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 4, 7: 6, 8: 2}  # EXIF orientation -> PIL.Image.Transpose
    if found.orientation in turns:
        picture = picture.transpose(Image.Transpose(turns[found.orientation]))
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    return picture


def _srgb(found: ImageFile, picture: Image.Image) -> Image.Image:
    """Through the file's own profile if it is one for these channels; else by the plain formula."""
    color = picture.convert("RGB") if picture.mode == "RGBA" else picture
    if found.profile is not None and _foreign_profile(found):
        try:
            source = ImageCms.getOpenProfile(io.BytesIO(found.profile))
            converted = ImageCms.profileToProfile(color, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            converted = None
        color = converted or color
    color = color.convert("RGB")
    if picture.mode == "RGBA":
        color.putalpha(picture.getchannel("A"))
    return color


def _bounded(original: tuple[int, int], pixels: int) -> tuple[int, int]:
    """``original`` scaled down, if it must be, to at most ``pixels``."""
    width, height = original
    ratio = min(1.0, sqrt(pixels / (width * height)))
    return max(1, int(width * ratio)), max(1, int(height * ratio))


def _shrunk(picture: Image.Image, pixels: int) -> Image.Image:
    bounded = _bounded(picture.size, pixels)
    return picture if bounded == picture.size else _resized(picture, bounded)


def _resized(picture: Image.Image, to: tuple[int, int], box: Box | None = None) -> Image.Image:
    return picture.resize(to, Image.Resampling.LANCZOS, box=box, reducing_gap=2.0)


def _cover(original: tuple[int, int], box: tuple[int, int], turned: bool) -> tuple[int, int]:
    """The size at which a picture still covers ``box``, for decoding a JPEG at a fraction."""
    width, height = (box[1], box[0]) if turned else box
    ratio = min(1.0, max(width / original[0], height / original[1]))
    return max(1, round(original[0] * ratio)), max(1, round(original[1] * ratio))


def _placed(picture: Image.Image, place: Slot, scale: int, focus: Focus) -> Image.Image:
    """The picture at ``scale`` in its place: cropped around ``focus`` or fitted; see ``Slot.exact``."""
    box = place.width * scale, place.height * scale
    if not place.exact:
        return _resized(picture, _fitted(picture.size, place, scale))
    differs = abs(picture.width * box[1] / (picture.height * box[0]) - 1) > 0.02
    if picture.mode == "RGBA" and differs:
        return _centered(picture, box)
    return _resized(picture, box, _crop(picture.size, box, focus))


def _fitted(original: tuple[int, int], place: Slot, scale: int) -> tuple[int, int]:
    width, height = original
    ratio = min(place.width / width, place.height / height, MAX_UPSCALE / SCALES[-1])
    return max(1, round(width * ratio * scale)), max(1, round(height * ratio * scale))


def _centered(picture: Image.Image, box: tuple[int, int]) -> Image.Image:
    """A transparent picture of another shape is never cropped: it stands in the middle of a transparent box."""
    ratio = min(box[0] / picture.width, box[1] / picture.height)
    inner = _resized(picture, (max(1, round(picture.width * ratio)), max(1, round(picture.height * ratio))))
    canvas = Image.new("RGBA", box, (0, 0, 0, 0))
    canvas.paste(inner, ((box[0] - inner.width) // 2, (box[1] - inner.height) // 2))
    return canvas


def _crop(original: tuple[int, int], box: tuple[int, int], focus: Focus) -> Box:
    """The largest part of the picture with the box's shape that has ``focus`` as near its middle as it can be."""
    width, height = original
    ratio = min(width / box[0], height / box[1])
    part_width, part_height = box[0] * ratio, box[1] * ratio
    left = min(max(focus[0] * width - part_width / 2, 0.0), width - part_width)
    top = min(max(focus[1] * height - part_height / 2, 0.0), height - part_height)
    return left, top, min(left + part_width, width), min(top + part_height, height)


def _scaled(larger: Image.Image, original: tuple[int, int], place: Slot, scale: int) -> Image.Image:
    """The next smaller file from the larger one, not from the source: the same look at a fifth of the time."""
    if place.exact:
        return _resized(larger, (place.width * scale, place.height * scale))
    return _resized(larger, _fitted(original, place, scale))


def _kind(name: str) -> str:
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    return {"jpg": "JPEG", "jpeg": "JPEG", "webp": "WEBP"}.get(extension, "PNG")


def _stored(picture: Image.Image, kind: str) -> bytes:
    """The picture as a file of ``kind``, shrunk until its bytes would be taken again."""
    if kind == "JPEG" and picture.mode == "RGBA":
        raise ImageError("The picture is transparent, which a .jpg file cannot be; give it a name that ends in .png.")
    content = _encoded(picture, kind)
    while len(content) > MAX_BYTES:
        picture = _shrunk(picture, picture.width * picture.height * 3 // 4)
        content = _encoded(picture, kind)
    return scan(content).bare


def _encoded(picture: Image.Image, kind: str) -> bytes:
    if kind == "JPEG":
        return _saved(picture, "JPEG", quality=JPEG_QUALITY, subsampling=0, optimize=True)
    if kind == "WEBP":
        return _saved(picture, "WEBP", lossless=True, quality=50, exact=True)
    return encode(picture)


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    picture.info = {}
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()
