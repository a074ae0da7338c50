"""Writes a PNG as small as it can be without anybody seeing a difference.

A picture is tried as true colour and as a palette of 256 colours, exact where it has no more, else without and with
dither; a palette is taken only when its measured error is below what an eye resolves, and of what is left the smallest
file wins. Smaller passes are the cheapest speed there is. Metadata is never written; same pixels, same bytes.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from struct import Struct

from PIL import Image, ImageChops, ImageFilter, ImageStat

from passkit.kept import KeptFiles

COLORS = 256
PLAIN_ERROR = 0.7
"""Largest root-mean-square error (0-255) without dither: what is left are bands, and an eye finds them soon."""
DITHER_ERROR = 2.5
"""The same with dither: 40 dB, measured as the eye sees it."""
WORST_ERROR = 40
"""Largest error of one pixel's channel, so that a small bright detail does not drown in a good mean."""
_EYE = ImageFilter.BoxBlur(1)
"""Three pixels at @3x are one point: about one arc-minute at reading distance."""
_DRAWING_BYTES = 0.3
"""Bytes a pixel up to which a picture counts as a drawing, worth the slow search for long matches."""
_FEW_COLORS = 4096
"""A drawing; up to here the median cut over all pixels is fast and needs no dither."""
_MADE = KeptFiles(most_bytes=16 * 1024 * 1024)
_PIXEL = Struct("=I")
"""Four channels as the one number that a memoryview shows."""
_SAMPLE_PIXELS = 30_000
"""A photo's palette is found on a copy of this size: 0.04 s instead of 7 s; the error is measured on the whole."""


def smallest_png(picture: Image.Image) -> bytes:
    """The smallest PNG of an RGB or RGBA picture that looks the same; one made lately is not made again."""
    how = picture.mode, picture.size, picture.info.get("transparency")
    return _MADE.files(picture.tobytes(), how, lambda: {"png": _smallest(picture)})["png"]


def _smallest(picture: Image.Image) -> bytes:
    candidates = [encode(picture), *(encode(reduced) for reduced in _palettes(picture))]
    return min(candidates, key=len)


def quick_png(picture: Image.Image) -> bytes:
    """The same pixels in a larger file, a few times sooner: for who looks at a picture once."""
    return _encode(picture, compress_type=zlib.Z_RLE)


def encode(picture: Image.Image) -> bytes:
    """PNG bytes without metadata: run lengths suit photos and are quick, long matches suit drawings."""
    quick = _encode(picture, compress_type=zlib.Z_RLE)
    drawing = len(quick) <= picture.width * picture.height * _DRAWING_BYTES
    if not drawing and picture.mode != "P":
        return quick
    return min(quick, _encode(picture, compress_level=9 if drawing else 6), key=len)


def _encode(picture: Image.Image, **options: int) -> bytes:
    transparency = picture.info.get("transparency")
    picture.info = {} if transparency is None else {"transparency": transparency}
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def looks_same(original: Image.Image, reduced: Image.Image, limit: float) -> bool:
    """Whether ``reduced`` stays within ``limit`` of ``original``, on black and on white where they are transparent."""
    grounds = ((0, 0, 0), (255, 255, 255)) if original.mode == "RGBA" else ((0, 0, 0),)
    return all(_error(_on(original, ground), _on(reduced, ground)) <= limit for ground in grounds)


def _error(one: Image.Image, other: Image.Image) -> float:
    difference = ImageChops.difference(one.filter(_EYE), other.filter(_EYE))
    worst = max(high for _, high in _channels(difference))
    return float("inf") if worst > WORST_ERROR else max(ImageStat.Stat(difference).rms)


def _channels(picture: Image.Image) -> list[tuple[int, int]]:
    return [channel.getextrema() for channel in picture.split()]  # type: ignore[misc]


def _on(picture: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    if picture.mode == "RGB":
        return picture
    over = picture.convert("RGBA")
    base = Image.new("RGBA", over.size, (*ground, 255))
    return Image.alpha_composite(base, over).convert("RGB")


def _palettes(picture: Image.Image) -> Iterator[Image.Image]:
    """The best acceptable palette versions, none when all would show."""
    if picture.getcolors(COLORS) is not None:
        yield _exact(picture)
    elif picture.mode == "RGBA":
        reduced = picture.quantize(COLORS, method=Image.Quantize.FASTOCTREE)
        if looks_same(picture, reduced, PLAIN_ERROR):
            yield reduced
    else:
        yield from _opaque_palettes(picture)


def _opaque_palettes(picture: Image.Image) -> Iterator[Image.Image]:
    if picture.getcolors(_FEW_COLORS) is not None:
        drawn = picture.quantize(COLORS, method=Image.Quantize.MEDIANCUT)
        if looks_same(picture, drawn, PLAIN_ERROR):
            yield drawn
            return
    factor = 1
    while picture.width * picture.height > _SAMPLE_PIXELS * factor * factor:
        factor += 1
    palette = picture.reduce(factor).quantize(COLORS, method=Image.Quantize.MAXCOVERAGE)
    dithered = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
    if looks_same(picture, dithered, DITHER_ERROR):
        yield dithered


def _exact(picture: Image.Image) -> Image.Image:
    """At most 256 colours, each kept exactly; the transparent ones first, because tRNS may then be short."""
    pixels = memoryview(picture.convert("RGBA").tobytes()).cast("I")
    colors = sorted(map(_PIXEL.pack, set(pixels)), key=lambda color: (color[3:], color))
    index = {_PIXEL.unpack(color)[0]: place for place, color in enumerate(colors)}
    exact = Image.frombytes("P", picture.size, bytes(map(index.__getitem__, pixels)))
    exact.putpalette(b"".join(color[:3] for color in colors))
    if picture.mode == "RGBA":
        exact.info["transparency"] = b"".join(color[3:] for color in colors)
    return exact
