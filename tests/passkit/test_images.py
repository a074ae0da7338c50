"""Uploads become the exact pictures of a pass, and nothing else gets near a decoder."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageCms, ImageDraw, PngImagePlugin

from passkit import imagefile, images, smallpng
from passkit.errors import ImageError

RED, GREEN, BLUE = (200, 30, 30), (30, 180, 60), (40, 60, 210)
UPRIGHT = (60, 30)


def saved(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(content: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(content))
    picture.load()
    return picture


@cache
def photo(width: int, height: int) -> Image.Image:
    """Something with as many colours as a photo: two gradients and soft noise."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    grain = Image.effect_noise((width, height), 16)
    return ImageChops.blend(Image.merge("RGB", (across, down, grain)), grain.convert("RGB"), 0.15)


def halves(width: int = UPRIGHT[0], height: int = UPRIGHT[1]) -> Image.Image:
    """Red on the left, blue on the right, a green bar along the top: every turn and flip looks different."""
    picture = Image.new("RGB", (width, height), RED)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width // 2, 0, width, height), fill=BLUE)
    draw.rectangle((0, 0, width, height // 3), fill=GREEN)
    return picture


def near(picture: Image.Image, place: tuple[int, int], color: tuple[int, int, int], within: int = 12) -> bool:
    found = picture.convert("RGB").getpixel(place)
    return isinstance(found, tuple) and all(abs(a - b) <= within for a, b in zip(found, color, strict=True))


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int) -> bytes:
    """A valid PNG of one byte a row's worth of zeros: 9 KB that ask for ``width * height`` pixels."""
    rows = zlib.compress(bytes((width // 8 + 1) * height), 9)
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", rows) + png_chunk(b"IEND", b"")


# --- exact slots -----------------------------------------------------------------------------------------------------

EXACT = [
    ("storeCard", "strip", (375, 144)),
    ("coupon", "strip", (375, 144)),
    ("eventTicket", "strip", (375, 98)),
    ("eventTicket", "background", (345, 505)),
    ("generic", "thumbnail", (90, 90)),
    ("posterGeneric", "artwork", (358, 448)),
    ("storeCard", "icon", (38, 38)),
]


@pytest.mark.parametrize(("style", "slot", "points"), EXACT)
@pytest.mark.parametrize("source", [(1600, 900), (90, 300)])
def test_an_exact_slot_has_its_exact_size_whatever_the_upload_measures(
    style: str, slot: str, points: tuple[int, int], source: tuple[int, int]
) -> None:
    files = images.slots(style, slot, saved(photo(*source)))
    assert list(files) == [f"{slot}.png", f"{slot}@2x.png", f"{slot}@3x.png"]
    for scale, content in enumerate(files.values(), start=1):
        assert opened(content).size == (points[0] * scale, points[1] * scale)
        assert opened(content).format == "PNG"


@pytest.mark.parametrize("source", [(2000, 300), (300, 2000), (960, 300), (50, 10)])
def test_a_logo_fits_inside_its_place_and_keeps_its_shape(source: tuple[int, int]) -> None:
    for scale, content in enumerate(images.slots("storeCard", "logo", saved(photo(*source))).values(), start=1):
        width, height = opened(content).size
        assert width <= 160 * scale
        assert height <= 50 * scale
        assert abs(width - source[0] * height / source[1]) <= source[0] / source[1] + 1


def test_a_small_logo_is_never_drawn_larger_than_twice_its_own_pixels() -> None:
    files = images.slots("storeCard", "logo", saved(photo(40, 12)))
    assert [opened(content).size for content in files.values()] == [(27, 8), (53, 16), (80, 24)]


@pytest.mark.parametrize(
    ("focus", "color"), [((0.0, 0.5), RED), ((0.5, 0.5), GREEN), ((1.0, 0.5), BLUE), ((9.0, -3.0), BLUE)]
)
def test_a_crop_keeps_the_focus_point_in_sight(focus: tuple[float, float], color: tuple[int, int, int]) -> None:
    picture = Image.new("RGB", (900, 300), GREEN)
    picture.paste(RED, (0, 0, 300, 300))
    picture.paste(BLUE, (600, 0, 900, 300))
    thumbnail = opened(images.slots("generic", "thumbnail", saved(picture), focus)["thumbnail@3x.png"]).convert("RGB")
    assert thumbnail.size == (270, 270)
    assert near(thumbnail, (10, 135), color)
    assert near(thumbnail, (260, 135), color)


def test_a_transparent_logo_stays_transparent_with_clean_edges() -> None:
    logo = Image.new("RGBA", (640, 200), (0, 0, 0, 0))
    ImageDraw.Draw(logo).ellipse((20, 20, 180, 180), fill=(255, 255, 255, 255))
    for content in images.slots("storeCard", "logo", saved(logo)).values():
        drawn = opened(content).convert("RGBA")
        assert drawn.getpixel((drawn.width - 1, 0))[3] == 0
        assert drawn.getpixel((drawn.width * 100 // 640, drawn.height // 2)) == (255, 255, 255, 255)
        assert all(red > 245 for red, _, _, alpha in drawn.get_flattened_data() if alpha > 40), "no dark fringe"


def test_a_transparent_icon_of_another_shape_is_fitted_not_cut() -> None:
    wide = Image.new("RGBA", (400, 100), (0, 0, 0, 0))
    ImageDraw.Draw(wide).rectangle((10, 10, 389, 89), fill=(*RED, 255))
    icon = opened(images.slots("storeCard", "icon", saved(wide))["icon@3x.png"]).convert("RGBA")
    assert icon.size == (114, 114)
    solid = icon.getchannel("A").point(lambda alpha: 255 * (alpha > 128)).getbbox()
    assert solid == (3, 46, 111, 68), "380 x 80 of 400 x 100, in the middle of 114 x 114"


def test_an_unknown_slot_is_named_with_the_known_ones() -> None:
    with pytest.raises(ImageError, match=r"primary@logo.*primaryLogo"):
        images.slots("storeCard", "primary@logo", saved(halves()))


# --- small files that look the same ----------------------------------------------------------------------------------


def test_a_drawing_of_few_colours_becomes_a_palette_with_every_pixel_kept() -> None:
    drawing = halves(1125, 432)
    drawn = opened(images.slots("storeCard", "strip", saved(drawing))["strip@3x.png"])
    assert drawn.mode == "P"
    assert ImageChops.difference(drawn.convert("RGB"), drawing).getbbox() is None


def test_transparent_drawings_of_few_colours_keep_every_pixel_too() -> None:
    drawing = Image.new("RGBA", (480, 150), (250, 240, 230, 0))
    drawing.putalpha(Image.effect_noise((480, 150), 60))
    reduced = opened(smallpng.smallest_png(drawing))
    assert reduced.mode == "P"
    assert reduced.convert("RGBA").tobytes() == drawing.tobytes()


def test_a_photo_is_reduced_only_within_what_an_eye_resolves() -> None:
    picture = photo(1125, 432)
    reduced = opened(smallpng.smallest_png(picture)).convert("RGB")
    assert smallpng.looks_same(picture, reduced, smallpng.DITHER_ERROR)
    soft = [channel.resize((375, 144), Image.Resampling.BOX) for channel in (picture, reduced)]
    assert max(high for _, high in ImageChops.difference(*soft).getextrema()) <= 8


def test_a_picture_that_a_palette_would_spoil_stays_true_colour() -> None:
    grain = [Image.effect_noise((400, 300), 90) for _ in range(3)]
    assert opened(smallpng.smallest_png(Image.merge("RGB", grain))).mode == "RGB"


def test_a_visible_spot_is_not_drowned_by_a_good_mean() -> None:
    plain = Image.new("RGB", (1000, 1000), (60, 60, 60))
    spotted = plain.copy()
    spotted.paste((255, 255, 255), (500, 500, 503, 503))
    assert not smallpng.looks_same(plain, spotted, smallpng.DITHER_ERROR)


def test_the_palette_makes_a_photo_strip_several_times_smaller() -> None:
    picture = images.slots("storeCard", "strip", saved(photo(3000, 2000), "JPEG", quality=85))["strip@3x.png"]
    truecolour = saved(opened(picture).convert("RGB"))
    assert len(picture) <= 1125 * 432
    assert len(picture) < len(truecolour)


def test_the_same_upload_gives_the_same_bytes() -> None:
    content = saved(photo(800, 600), "JPEG")
    made = images.slots("storeCard", "strip", content)
    drawn_again = images.placed("storeCard", "strip", content)
    assert images.sizes("storeCard", "strip", drawn_again, smallpng._smallest) == made
    assert images.slots("storeCard", "strip", content) == made
    assert images.intake("a.png", content) == images.intake("a.png", content)


# --- first normalisation ---------------------------------------------------------------------------------------------


def uploads() -> dict[str, Callable[[], bytes]]:
    """How each is made: that takes a second, so it is not done to know their names."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Camera"
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "Anna")
    gray16 = Image.new("I;16", (40, 20), 40000)
    transparent = Image.new("RGBA", (40, 20), (10, 20, 30, 128))
    return {
        "photo.jpg": lambda: saved(photo(300, 200), "JPEG", exif=exif, comment=b"secret"),
        "progressive.jpg": lambda: saved(photo(300, 200), "JPEG", progressive=True),
        "gray.jpg": lambda: saved(photo(30, 20).convert("L"), "JPEG"),
        "cmyk.jpg": lambda: saved(photo(30, 20).convert("CMYK"), "JPEG"),
        "text.png": lambda: saved(photo(30, 20), pnginfo=text, exif=exif, dpi=(300, 300)),
        "interlaced-palette.png": lambda: saved(halves().convert("P", palette=Image.Palette.ADAPTIVE), transparency=0),
        "gray16.png": lambda: saved(gray16),
        "alpha.png": lambda: saved(transparent),
        "one-bit.png": lambda: saved(halves().convert("1")),
        "lossy.webp": lambda: saved(transparent, "WEBP", exif=exif),
        "lossless.webp": lambda: saved(photo(300, 200), "WEBP", lossless=True),
        "jpeg-inside.png": lambda: saved(photo(300, 200), "JPEG"),
        "png-inside.jpg": lambda: saved(photo(300, 200)),
        "png-inside.webp": lambda: saved(transparent),
        "large.jpg": lambda: saved(photo(4000, 3000), "JPEG", quality=70),
        "wide.png": lambda: saved(Image.new("RGB", (20000, 200), RED)),
        "logo": lambda: saved(transparent, "WEBP"),
    }


@pytest.fixture(scope="module", params=list(uploads()))
def upload(request: pytest.FixtureRequest) -> tuple[str, bytes]:
    name = str(request.param)
    return name, uploads()[name]()


def test_the_first_normalisation_is_the_last(upload: tuple[str, bytes]) -> None:
    name, content = upload
    once = images.intake(name, content)
    assert images.intake(name, once) == once


def test_nothing_but_pixels_is_left_after_normalisation(upload: tuple[str, bytes]) -> None:
    name, content = upload
    normal = images.intake(name, content)
    picture = opened(normal)
    assert not picture.getexif()
    assert "icc_profile" not in picture.info
    assert "comment" not in picture.info
    assert not {"Author", "dpi", "exif", "xmp"} & set(picture.info)
    assert b"secret" not in normal
    assert b"Camera" not in normal
    assert b"Anna" not in normal
    assert picture.width * picture.height <= images.MAX_PIXELS
    assert len(normal) <= images.MAX_BYTES


def test_the_format_follows_the_name_so_that_the_name_stays_true(upload: tuple[str, bytes]) -> None:
    name, content = upload
    kinds = {"jpg": "JPEG", "webp": "WEBP"}
    assert opened(images.intake(name, content)).format == kinds.get(name.rpartition(".")[2], "PNG")


def test_dropping_metadata_keeps_the_pixels_bit_for_bit() -> None:
    picture = photo(300, 200)
    plain, commented = saved(picture, "JPEG"), saved(picture, "JPEG", comment=b"secret", dpi=(300, 300))
    assert images.intake("a.jpg", commented) == plain == images.intake("a.jpg", plain)


def test_a_transparent_picture_cannot_be_a_jpg() -> None:
    with pytest.raises(ImageError, match="transparent"):
        images.intake("logo.jpg", saved(Image.new("RGBA", (20, 20), (0, 0, 0, 0))))


def test_a_logo_called_jpg_that_is_opaque_all_over_is_taken() -> None:
    assert opened(images.intake("logo.jpg", saved(Image.new("RGBA", (20, 20), (*RED, 255))))).format == "JPEG"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_way_the_camera_was_held_is_honoured_and_then_forgotten(orientation: int, kind: str) -> None:
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # the turn that stores an upright picture that way, EXIF 4.6.5
    stored = halves()
    if orientation in undo:
        stored = stored.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = saved(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {"quality": 95}))
    assert images.size(content) == UPRIGHT
    for name in ("a.png", "a.jpg"):
        upright = opened(images.intake(name, content)).convert("RGB")
        assert upright.size == UPRIGHT
        assert near(upright, (5, 25), RED)
        assert near(upright, (55, 25), BLUE)
        assert near(upright, (5, 3), GREEN)
        assert near(upright, (55, 3), GREEN)


def test_sixteen_bits_of_gray_keep_their_brightness() -> None:
    gray = opened(images.intake("a.png", saved(Image.new("I;16", (40, 20), 0x8000)))).convert("L")
    assert gray.getextrema() == (0x80, 0x80)


def test_a_press_jpeg_in_cmyk_comes_out_in_its_colours() -> None:
    content = saved(Image.new("CMYK", (40, 20), (0, 255, 255, 0)), "JPEG", quality=95)
    assert near(opened(images.intake("a.png", content)), (20, 10), (255, 0, 0))


def test_a_palette_with_a_transparent_colour_keeps_it() -> None:
    picture = Image.new("P", (40, 20), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(1, (20, 0, 40, 20))
    logo = opened(images.slots("storeCard", "logo", saved(picture, transparency=0))["logo.png"]).convert("RGBA")
    assert logo.getpixel((1, 3))[3] == 0
    assert logo.getpixel((logo.width - 2, 3)) == (0, 0, 255, 255)


def test_colours_of_another_profile_are_translated_not_just_relabelled() -> None:
    # A profile whose gamma is 1.0: the stored value 55 of 255 is linear light, 128 in sRGB (IEC 61966-2-1).
    linear = linear_profile()
    content = saved(Image.new("RGB", (40, 20), (55, 55, 55)), icc_profile=linear)
    assert near(opened(images.intake("a.png", content)), (5, 5), (128, 128, 128), within=2)


def linear_profile() -> bytes:
    """sRGB's own profile with its tone curves replaced by the identity (ICC.1:2022, curveType with no entries)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", profile, 128)
    for index in range(count):
        tag, offset, length = struct.unpack_from(">4sII", profile, 132 + 12 * index)
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            profile[offset : offset + 12] = b"curv" + bytes(4) + bytes(4)
            struct.pack_into(">II", profile, 132 + 12 * index + 4, offset, 12)
        if tag == b"desc":
            profile[offset : offset + length] = profile[offset : offset + length].replace(
                "sRGB".encode("utf-16-be"), "LINE".encode("utf-16-be")
            )
    return bytes(profile)


# --- what is refused -------------------------------------------------------------------------------------------------


@cache
def refused() -> dict[str, bytes]:
    """The corpus: everything here must be refused, whatever it is called."""
    png, jpeg, webp = saved(photo(64, 48)), saved(photo(64, 48), "JPEG"), saved(photo(64, 48), "WEBP")
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, BLUE)]
    animated = {"save_all": True, "append_images": frames[1:]}
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 3000, 3000, 8, 2, 0, 0, 0))
    scans = jpeg[jpeg.index(b"\xff\xda") : -2] * 80
    return {
        "empty": b"",
        "text": b"not a picture",
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n{} loop\n%%EOF",
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        "SVG after XML": b"<?xml version='1.0'?><!DOCTYPE svg [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><svg>&a;</svg>",
        "PDF": b"%PDF-1.7\n1 0 obj<<>>endobj",
        "GIF": saved(halves(), "GIF"),
        "TIFF": saved(halves(), "TIFF"),
        "BMP": saved(halves(), "BMP"),
        "ICO": saved(halves(), "ICO"),
        "PPM": saved(halves(), "PPM"),
        "TGA": saved(halves(), "TGA"),
        "PSD": b"8BPS\x00\x01" + bytes(6) + struct.pack(">HIIHH", 3, 4, 4, 8, 3) + bytes(64),
        "FITS": b"SIMPLE  =                    T".ljust(2880),
        "JPEG 2000": b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(64),
        "AVIF": b"\x00\x00\x00\x20ftypavif" + bytes(64),
        "HTML with a PNG signature": b"\x89PNG\r\n\x1a\n<html>",
        "PNG of 81 megapixels in 9 KB": png_bomb(9000, 9000),
        "PNG of 400 megapixels": png_bomb(20000, 20000),
        "PNG just over the limit": png_bomb(2049, 2048),
        "PNG of no width": png_chunk(b"IHDR", bytes(13)).join([b"\x89PNG\r\n\x1a\n", png_chunk(b"IEND", b"")]),
        "PNG cut in the middle": png[: len(png) // 2],
        "PNG without its end": png[:-12],
        "PNG with a flipped bit": png[:200] + bytes([png[200] ^ 4]) + png[201:],
        "PNG with two headers": png[:33] + header + png[33:],
        "PNG whose header comes late": png[:8] + png[33:-12] + png[8:33] + png[-12:],
        "PNG whose pixels are not there": png[:33] + png[-12:],
        "PNG whose pixels are no zlib": png[:33] + png_chunk(b"IDAT", b"\x00" * 50) + png[-12:],
        "animated PNG": saved(frames[0], **animated),
        "animated WebP": saved(frames[0], "WEBP", **animated),
        "WebP cut in the middle": webp[: len(webp) // 2],
        "WebP with two pictures": webp[:4] + struct.pack("<I", 4 + 2 * len(webp[12:])) + webp[8:] + webp[12:],
        "WebP of 256 megapixels": b"RIFF"
        + struct.pack("<I", 4 + 8 + 10)
        + b"WEBPVP8L\x0a\x00\x00\x00\x2f"
        + struct.pack("<I", 16383 | 16383 << 14)
        + bytes(5),
        "JPEG cut in the middle": jpeg[: len(jpeg) // 2],
        "JPEG of 4 gigapixels": jpeg[: jpeg.index(b"\xff\xc0") + 5]
        + b"\xff\xff\xff\xff"
        + jpeg[jpeg.index(b"\xff\xc0") + 9 :],
        "JPEG of 80 scans": jpeg[: jpeg.index(b"\xff\xda")] + scans + b"\xff\xd9",
        "JPEG with two frames": jpeg.replace(b"\xff\xdb", jpeg[jpeg.index(b"\xff\xc0") :][:19] + b"\xff\xdb", 1),
        "JPEG of arithmetic coding": jpeg.replace(b"\xff\xc0", b"\xff\xc9", 1),
        "6 MB": png + bytes(6 * 1024 * 1024),
    }


@pytest.mark.parametrize("name", list(refused()))
def test_hostile_and_broken_files_are_refused_in_one_sentence(name: str) -> None:
    content = refused()[name]
    for act in (lambda: images.intake("logo.png", content), lambda: images.slots("storeCard", "strip", content)):
        with pytest.raises(ImageError) as refusal:
            act()
        assert str(refusal.value).endswith(".")
        assert len(str(refusal.value)) < 160


needs_proc = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peaks are read from /proc, on Linux")


@needs_proc
def test_the_corpus_of_bombs_stays_within_a_little_memory() -> None:
    """Every bomb in a process of its own, whose peak may not pass 300 MB; the largest picture we take as well."""
    program = (
        "from tests.passkit.test_images import refused, saved, photo\n"
        "from passkit import images\n"
        "from passkit.errors import ImageError\n"
        "for content in refused().values():\n"
        "    try: images.slots('storeCard', 'strip', content)\n"
        "    except ImageError: pass\n"
    )
    assert peak_of(program) < 300


@needs_proc
@pytest.mark.parametrize("kind", ["baseline", "progressive"])
def test_the_largest_photo_we_take_stays_within_a_little_memory(kind: str, tmp_path: Path) -> None:
    size = (6000, 4166) if kind == "baseline" else (4000, 3125)
    content = saved(Image.linear_gradient("L").resize(size).convert("RGB"), "JPEG", progressive=kind == "progressive")
    (tmp_path / "photo.jpg").write_bytes(content)
    program = (
        "from pathlib import Path\nfrom passkit import images\n"
        f"content = Path({str(tmp_path / 'photo.jpg')!r}).read_bytes()\n"
        "images.intake('photo.png', content)\nimages.slots('storeCard', 'strip', content)\n"
    )
    assert peak_of(program) < 300


def peak_of(program: str) -> int:
    """Megabytes at the process's high-water mark (ru_maxrss would count its parent's)."""
    root = Path(__file__).parents[2]
    program += "for line in open('/proc/self/status'):\n    if 'VmHWM' in line: print(int(line.split()[1]) // 1024)\n"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_a_picture_with_a_second_one_behind_it_is_only_the_first() -> None:
    content = saved(photo(64, 48), "JPEG")
    polyglot = content + saved(photo(640, 480), "JPEG") + b"PK\x03\x04<script>"
    assert images.intake("a.jpg", polyglot) == images.intake("a.jpg", content)


SEEDS = [
    saved(photo(40, 30)),
    saved(photo(40, 30), "JPEG"),
    saved(photo(40, 30), "WEBP"),
    saved(halves(), "JPEG", progressive=True),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=6)), min_size=1, max_size=6))
def test_whatever_is_broken_in_a_file_the_answer_is_a_picture_or_a_refusal(
    seed: bytes, wounds: list[tuple[int, bytes]]
) -> None:
    content = bytearray(seed)
    for place, patch in wounds:
        at = place % len(content)
        content[at : at + len(patch)] = patch
    try:
        files = images.slots("storeCard", "icon", bytes(content))
    except ImageError:
        return
    assert opened(files["icon@3x.png"]).size == (114, 114)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_an_orientation_is_found_in_any_bytes_or_is_upright(exif: bytes) -> None:
    assert imagefile.orientation(b"Exif\x00\x00MM\x00*" + exif) in range(1, 9)
