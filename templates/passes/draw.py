"""Draws the pictures of the starter cards: shapes, gradients and the DejaVu fonts, no stock art.

Run ``python templates/passes/draw.py`` from the repository after changing something here, look at the pictures, commit
them. Passbell itself never runs it. Everything is drawn three times as large as it is kept, then scaled down.
"""

from __future__ import annotations

import io
import math
import random
import sys
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

sys.path.insert(0, str(Path(__file__).parents[2]))
from passkit import images
from passkit.smallpng import encode

HERE = Path(__file__).parent
FONTS = Path("/usr/share/fonts/truetype/dejavu")
FINE = 3
"""Drawn this many times as large as kept: smooth edges without a vector library."""
STRIP = (1125, 432)
LOGO = (960, 300)
ICON = (228, 228)
"""What an icon's drawing is laid out in; ``keep_icon`` keeps it larger."""
KEPT_ICON = (462, 462)
"""What Google's logo is made of without blur; Apple needs 114."""
THUMBNAIL = (360, 360)

Color = tuple[int, int, int]
Point = tuple[float, float]


def rgb(value: str) -> Color:
    """``#3a2a1e`` as three numbers."""
    return int(value[1:3], 16), int(value[3:5], 16), int(value[5:7], 16)


def mix(one: Color, other: Color, share: float) -> Color:
    """From ``one`` (0) to ``other`` (1)."""
    return (
        round(one[0] + (other[0] - one[0]) * share),
        round(one[1] + (other[1] - one[1]) * share),
        round(one[2] + (other[2] - one[2]) * share),
    )


def gradient(size: tuple[int, int], stops: Sequence[tuple[float, Color]], angle: float = 0.0) -> Image.Image:
    """Colours across ``size``; 0 degrees runs left to right, 90 top to bottom."""
    width, height = size
    reach = math.ceil(math.hypot(width, height))
    ramp = Image.new("RGB", (1024, 1))
    ramp.putdata([_at(stops, place / 1023) for place in range(1024)])
    turned = ramp.resize((reach, reach), Image.Resampling.BILINEAR).rotate(-angle, Image.Resampling.BICUBIC)
    left, top = (reach - width) // 2, (reach - height) // 2
    return turned.crop((left, top, left + width, top + height))


def _at(stops: Sequence[tuple[float, Color]], place: float) -> Color:
    for (start, one), (end, other) in pairwise(stops):
        if place <= end:
            return mix(one, other, max(0.0, (place - start) / (end - start)))
    return stops[-1][1]


def canvas(size: tuple[int, int]) -> Image.Image:
    """A transparent sheet, drawn fine."""
    return Image.new("RGBA", (size[0] * FINE, size[1] * FINE), (0, 0, 0, 0))


def glow(sheet: Image.Image, center: Point, radius: float, color: Color, strength: int) -> None:
    """A soft light."""
    soft = Image.new("L", sheet.size, 0)
    x, y = center
    ImageDraw.Draw(soft).ellipse((x - radius / 2, y - radius / 2, x + radius / 2, y + radius / 2), fill=strength)
    small = soft.resize((sheet.width // 8, sheet.height // 8)).filter(ImageFilter.GaussianBlur(radius / 24))
    light = Image.new("RGBA", sheet.size, (*color, 0))
    light.putalpha(small.resize(sheet.size, Image.Resampling.BICUBIC))
    sheet.alpha_composite(light)


def shadow(sheet: Image.Image, box: tuple[float, float, float, float], blur: float, strength: int) -> None:
    """A soft round shadow."""
    soft = Image.new("L", (sheet.width // 4, sheet.height // 4), 0)
    ImageDraw.Draw(soft).ellipse([side / 4 for side in box], fill=strength)
    soft = soft.filter(ImageFilter.GaussianBlur(blur / 4)).resize(sheet.size, Image.Resampling.BICUBIC)
    dark = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    dark.putalpha(soft)
    sheet.alpha_composite(dark)


def disc(draw: ImageDraw.ImageDraw, center: Point, radius: float, fill: object) -> None:
    """A circle by its middle."""
    x, y = center
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)  # type: ignore[arg-type]


def moved(points: Iterable[Point], center: Point, scale: float = 1.0, angle: float = 0.0) -> list[Point]:
    """``points`` turned by ``angle`` degrees, scaled and put around ``center``."""
    cos, sin = math.cos(math.radians(angle)) * scale, math.sin(math.radians(angle)) * scale
    return [(center[0] + x * cos - y * sin, center[1] + x * sin + y * cos) for x, y in points]


def oval(width: float, height: float, steps: int = 90) -> list[Point]:
    """An ellipse's outline around (0, 0)."""
    turns = (2 * math.pi * step / steps for step in range(steps))
    return [(width * math.cos(turn), height * math.sin(turn)) for turn in turns]


def petal(length: float, width: float, steps: int = 40) -> list[Point]:
    """A leaf from (0, 0) upwards, pointed at both ends."""
    side = [(width * math.sin(math.pi * step / steps) ** 0.9, -length * step / steps) for step in range(steps + 1)]
    return side + [(-x, y) for x, y in reversed(side)]


def spread(sheet: Image.Image, start: Point, text: str, face: ImageFont.FreeTypeFont, color: Color, gap: float) -> None:
    """``text`` on a line that begins at ``start``, its letters ``gap`` further apart."""
    draw = ImageDraw.Draw(sheet)
    x, y = start
    for letter in text:
        draw.text((x, y), letter, font=face, fill=(*color, 255), anchor="ls")
        x += face.getlength(letter) + gap


def font(name: str, height: float) -> ImageFont.FreeTypeFont:
    """A DejaVu font at ``height`` pixels of the kept picture."""
    return ImageFont.truetype(FONTS / f"{name}.ttf", round(height * FINE))


def keep(sheet: Image.Image, size: tuple[int, int], path: str) -> None:
    """Scale down and write, in the form that a template's pictures have after an upload."""
    small = sheet.resize(size, Image.Resampling.LANCZOS)
    opaque = small.mode == "RGB" or small.getchannel("A").getextrema() == (255, 255)
    small = small.convert("RGB") if opaque else small
    content = _jpeg(small) if path.endswith(".jpg") else encode(small)
    (HERE / path).write_bytes(images.intake(path, content))


def keep_icon(sheet: Image.Image, path: str) -> None:
    """An icon, twice as large as it is laid out."""
    keep(sheet, KEPT_ICON, path)


def _jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95, subsampling=0, optimize=True)
    return buffer.getvalue()


def tile(colors: tuple[str, str], angle: float = 60) -> Image.Image:
    """The ground of an icon."""
    size = ICON[0] * FINE
    return gradient((size, size), [(0, rgb(colors[0])), (1, rgb(colors[1]))], angle).convert("RGBA")


# --- coffee ----------------------------------------------------------------------------------------------------------

CREAM, FOAM, ROAST, CRUST = rgb("#e8d5b5"), rgb("#f6e9d2"), rgb("#3a2a1e"), rgb("#8a5a33")


def cup_mark(sheet: Image.Image, center: Point, scale: float, color: Color) -> None:
    """A cup from the side with a bean for its belly and two curls of steam; 100 units high."""
    draw = ImageDraw.Draw(sheet)

    def at(x: float, y: float) -> Point:
        return center[0] + x * scale, center[1] + y * scale

    body = [(-36, -12), (30, -12), (29, 6), (22, 26), (8, 36), (-14, 36), (-28, 26), (-35, 6)]
    smooth = _rounded(body, 4)
    draw.polygon([at(*point) for point in smooth], fill=(*color, 255))
    draw.arc((*at(14, -8), *at(52, 24)), -88, 92, fill=(*color, 255), width=round(8 * scale))
    draw.rounded_rectangle((*at(-40, 42), *at(34, 49)), radius=3.5 * scale, fill=(*color, 255))
    for x in (-16, 8):
        curl = [at(x + 5 * math.sin(step / 20 * 2 * math.pi), -22 - step * 1.5) for step in range(21)]
        draw.line(curl, fill=(*color, 255), width=round(6 * scale), joint="curve")
        for end in (curl[0], curl[-1]):
            disc(draw, end, 3 * scale, (*color, 255))


def _rounded(points: Sequence[Point], times: int) -> list[Point]:
    """Chaikin's corner cutting."""
    now = list(points)
    for _ in range(times):
        cut: list[Point] = []
        for one, two in zip(now, [*now[1:], now[0]], strict=True):
            cut.append((one[0] * 0.75 + two[0] * 0.25, one[1] * 0.75 + two[1] * 0.25))
            cut.append((one[0] * 0.25 + two[0] * 0.75, one[1] * 0.25 + two[1] * 0.75))
        now = cut
    return now


def bean(sheet: Image.Image, center: Point, size: float, angle: float) -> None:
    """A roasted bean with a light edge and its furrow."""
    x, y = center
    shadow(sheet, (x - size * 0.8, y - size * 0.5, x + size * 1.1, y + size * 1.0), size * 0.35, 150)
    draw = ImageDraw.Draw(sheet)
    for step in range(24):
        share = step / 23
        color = mix(rgb("#4a2a15"), rgb("#a06a3c"), share**1.6)
        ring = moved(oval(size * (1 - share * 0.55), size * 0.66 * (1 - share * 0.6)), center, 1, angle)
        lift = [(px - size * 0.18 * share, py - size * 0.22 * share) for px, py in ring]
        draw.polygon(lift, fill=(*color, 255))
    furrow = [(size * (t / 20 - 1) * 0.92, size * 0.13 * math.sin(t / 20 * math.pi)) for t in range(41)]
    draw.line(moved(furrow, center, 1, angle), fill=(*rgb("#2c170a"), 255), width=round(size * 0.11), joint="curve")


def heart(steps: int = 120) -> list[Point]:
    """A heart, about 32 units wide, its tip downwards."""
    turns = [2 * math.pi * step / steps for step in range(steps)]
    return [
        (16 * math.sin(t) ** 3, -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)))
        for t in turns
    ]


def latte(sheet: Image.Image, center: Point, radius: float) -> None:
    """A cup from above on its saucer, a tulip poured into the foam."""
    x, y = center
    draw = ImageDraw.Draw(sheet)
    shadow(sheet, (x - radius * 1.5, y - radius * 1.35, x + radius * 1.75, y + radius * 1.85), radius * 0.22, 190)
    for share, color in ((1.62, "#e9dcc6"), (1.58, "#fbf4e6"), (1.22, "#efe3cf"), (1.2, "#f7eedd")):
        disc(draw, center, radius * share, (*rgb(color), 255))
    shadow(sheet, (x - radius * 1.0, y - radius * 0.95, x + radius * 1.25, y + radius * 1.3), radius * 0.12, 150)
    handle = moved([(0, -0.16), (1.48, -0.13), (1.48, 0.13), (0, 0.16)], center, radius, -38)
    ImageDraw.Draw(sheet).polygon(handle, fill=(*rgb("#f3e8d4"), 255))
    end = moved([(1.48, 0)], center, radius, -38)[0]
    disc(draw, end, radius * 0.13, (*rgb("#f3e8d4"), 255))
    disc(draw, center, radius * 1.08, (*rgb("#fffaf0"), 255))
    disc(draw, center, radius * 0.98, (*rgb("#d9c6a6"), 255))
    for step in range(30):
        color = mix(rgb("#5d3417"), rgb("#b9793f"), step / 29)
        disc(draw, center, radius * (0.95 - step * 0.012), (*color, 255))
    _tulip(draw, center, radius)


def _tulip(draw: ImageDraw.ImageDraw, center: Point, radius: float) -> None:
    layers = ((0.30, 0.036), (0.06, 0.031), (-0.15, 0.026), (-0.33, 0.020))
    for down, size in layers:
        for grow, color in ((1.16, "#c98f56"), (1.0, "#fdf1dd")):
            shape = moved(heart(), (center[0], center[1] + down * radius), radius * size * grow, 0)
            draw.polygon(shape, fill=(*rgb(color), 255))
    draw.line(
        [(center[0], center[1] - radius * 0.5), (center[0], center[1] + radius * 0.78)],
        fill=(*rgb("#fdf1dd"), 255),
        width=round(radius * 0.025),
    )


def coffee_strip() -> Image.Image:
    """Dark wood, a latte on the right, beans around it; calm on the left, where the name stands."""
    width, height = STRIP[0] * FINE, STRIP[1] * FINE
    stops = [(0, rgb("#2a1c12")), (0.45, rgb("#46301f")), (1, rgb("#6d4a2d"))]
    sheet = gradient((width, height), stops, 12).convert("RGBA")
    grain = random.Random(7)  # noqa: S311
    lines = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(lines)
    for _ in range(70):
        y, wave, phase = grain.uniform(0, height), grain.uniform(2, 14) * FINE, grain.uniform(0, 6)
        line = [(x, y + wave * math.sin(x / width * 3 + phase)) for x in range(0, width + 60, 60)]
        shade = (255, 225, 180, grain.randint(4, 12)) if grain.random() < 0.5 else (0, 0, 0, grain.randint(10, 34))
        draw.line(line, fill=shade, width=grain.randint(1, 5) * FINE)
    sheet.alpha_composite(lines)
    glow(sheet, (width * 0.8, height * 0.3), width * 0.5, rgb("#ffd79a"), 90)
    latte(sheet, (width * 0.79, height * 0.52), height * 0.335)
    for x, y, size, angle in (
        (0.515, 0.80, 33, 20), (0.562, 0.90, 30, -50), (0.475, 0.93, 27, 75),
        (0.605, 0.13, 29, -25), (0.565, 0.045, 25, 40), (0.982, 0.1, 32, 60), (0.975, 0.93, 34, -20),
    ):  # fmt: skip
        bean(sheet, (width * x, height * y), size * FINE, angle)
    return sheet


def coffee() -> None:
    """Warm roast and cream."""
    keep(coffee_strip(), STRIP, "coffee/strip.jpg")
    logo = canvas(LOGO)
    cup_mark(logo, (118 * FINE, 156 * FINE), 2.3 * FINE, CREAM)
    spread(logo, (262 * FINE, 150 * FINE), "COFFEE", font("DejaVuSerif-Bold", 104), rgb("#ffffff"), 14 * FINE)
    spread(logo, (266 * FINE, 234 * FINE), "CLUB", font("DejaVuSans", 54), CREAM, 39 * FINE)
    keep(trimmed(logo), trimmed_size(logo), "coffee/logo.png")
    icon = tile(("#54391f", "#2a1c12"))
    cup_mark(icon, (110 * FINE, 118 * FINE), 1.55 * FINE, FOAM)
    keep_icon(icon, "coffee/icon.png")


def trimmed(sheet: Image.Image) -> Image.Image:
    """Without the empty right part: a logo is as wide as what is drawn."""
    box = sheet.getbbox() or (0, 0, 1, 1)
    right = min(sheet.width, -(-(box[2] + 6 * FINE) // (2 * FINE)) * 2 * FINE)
    return sheet.crop((0, 0, right, sheet.height))


def trimmed_size(sheet: Image.Image) -> tuple[int, int]:
    """The kept size of ``trimmed``."""
    small = trimmed(sheet)
    return small.width // FINE, small.height // FINE


# --- salon -----------------------------------------------------------------------------------------------------------

PLUM, LILAC, BLUSH = rgb("#4b2a4f"), rgb("#c9a7dc"), rgb("#f3dfe6")


def sprig(
    sheet: Image.Image, foot: Point, height: float, lean: float, colors: tuple[Color, Color], stem: Color
) -> None:
    """A sprig of lavender: a bent stem, pairs of blossoms that grow smaller towards the top."""
    draw = ImageDraw.Draw(sheet)

    def at(share: float) -> Point:
        return foot[0] + lean * share**2 * height, foot[1] - share * height

    line = [at(step / 40) for step in range(39)]
    draw.line(line, fill=(*stem, 255), width=max(1, round(height * 0.016)), joint="curve")
    for side in (-1, 1):
        draw.polygon(moved(petal(height * 0.3, height * 0.028), at(0.12), 1, side * 24), fill=(*stem, 255))
    for row in range(9):
        share = 0.46 + row * 0.064
        size = height * (0.085 - row * 0.0058)
        color = mix(colors[0], colors[1], row / 8)
        for angle in (-62, 62, -28, 28, 0):
            shape = moved(petal(size, size * 0.36), at(share), 1, angle + lean * 60 * share)
            draw.polygon(shape, fill=(*mix(color, (255, 255, 255), 0.12 if angle == 0 else 0.0), 255))


def salon_strip() -> Image.Image:
    """Dusk over lavender: soft circles of light, sprigs on the right."""
    width, height = STRIP[0] * FINE, STRIP[1] * FINE
    stops = [(0, rgb("#3b2041")), (0.5, rgb("#7a4a7c")), (0.85, rgb("#d69bb0")), (1, rgb("#f0c3b4"))]
    sheet = gradient((width, height), stops, 14).convert("RGBA")
    glow(sheet, (width * 0.86, height * 0.16), width * 0.34, rgb("#ffe9d2"), 170)
    lights = random.Random(11)  # noqa: S311
    for _ in range(26):
        sheet.alpha_composite(_bokeh(sheet.size, lights, width, height))
    for x, tall, lean, dark in (
        (0.60, 0.66, 0.10, 0.45), (0.97, 0.72, -0.12, 0.45), (0.66, 0.78, -0.08, 0.3), (0.91, 0.86, 0.06, 0.3),
        (0.72, 0.96, 0.10, 0.1), (0.85, 1.02, -0.10, 0.1), (0.785, 1.1, 0.03, 0.0),
    ):  # fmt: skip
        colors = mix(rgb("#8e5fb8"), PLUM, dark), mix(rgb("#e3c6f2"), rgb("#8e5f95"), dark)
        stem = mix(rgb("#6f8f6a"), PLUM, dark + 0.2)
        sprig(sheet, (width * x, height * 1.22), height * tall * 1.05, lean, colors, stem)
    return sheet


def _bokeh(size: tuple[int, int], dice: random.Random, width: int, height: int) -> Image.Image:
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    center = dice.uniform(0.35, 1.0) * width, dice.uniform(-0.05, 0.9) * height
    disc(ImageDraw.Draw(sheet), center, dice.uniform(10, 52) * FINE, (255, 238, 228, dice.randint(10, 34)))
    return sheet


def salon() -> None:
    """Plum, lilac and a light hand."""
    keep(salon_strip(), STRIP, "salon/strip.png")
    logo = canvas(LOGO)
    sprig(logo, (92 * FINE, 290 * FINE), 282 * FINE, 0.10, (LILAC, rgb("#f2e3fa")), rgb("#b7c9a8"))
    spread(logo, (190 * FINE, 158 * FINE), "Лаванда", font("DejaVuSerif-Italic", 128), rgb("#ffffff"), 2 * FINE)
    spread(logo, (198 * FINE, 236 * FINE), "САЛОН КРАСОТЫ", font("DejaVuSans-ExtraLight", 44), BLUSH, 12 * FINE)
    keep(trimmed(logo), trimmed_size(logo), "salon/logo.png")
    icon = tile(("#8a558c", "#43234a"))
    for x, tall, lean in ((66, 200, -0.06), (162, 200, 0.06), (114, 232, 0.0)):
        sprig(icon, (x * FINE, 250 * FINE), tall * FINE, lean, (LILAC, rgb("#f7ecfc")), rgb("#b7c9a8"))
    keep_icon(icon, "salon/icon.png")


# --- clinic ----------------------------------------------------------------------------------------------------------

TEAL, SEA, MINT = rgb("#0b5563"), rgb("#1797a6"), rgb("#7fd6c8")


def cross_mark(sheet: Image.Image, center: Point, size: float, colors: tuple[Color, Color]) -> None:
    """A cross of two rounded bars, a heart left free in the middle."""
    shape = Image.new("L", sheet.size, 0)
    draw = ImageDraw.Draw(shape)
    x, y = center
    arm, half = size * 0.5, size * 0.185
    for box in ((x - half, y - arm, x + half, y + arm), (x - arm, y - half, x + arm, y + half)):
        draw.rounded_rectangle(box, radius=half * 0.92, fill=255)
    draw.polygon(moved(heart(), (x, y + size * 0.012), size * 0.0082), fill=0)
    ground = gradient((round(size), round(size)), [(0, colors[0]), (1, colors[1])], 50)
    full = Image.new("RGB", sheet.size, colors[0])
    full.paste(ground, (round(x - size / 2), round(y - size / 2)))
    drawn = full.convert("RGBA")
    drawn.putalpha(shape)
    sheet.alpha_composite(drawn)


def clinic_thumbnail() -> Image.Image:
    """A calm heart with its line, on sea green."""
    side = THUMBNAIL[0] * FINE
    sheet = gradient((side, side), [(0, rgb("#0e6a79")), (0.6, rgb("#1fa3a8")), (1, rgb("#8ee0cf"))], 55).convert(
        "RGBA"
    )
    glow(sheet, (side * 0.72, side * 0.2), side * 0.6, (255, 255, 255), 110)
    for radius, alpha in ((0.47, 26), (0.39, 30)):
        ring = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
        disc(ImageDraw.Draw(ring), (side / 2, side / 2), side * radius, (255, 255, 255, alpha))
        sheet.alpha_composite(ring)
    middle = side / 2, side * 0.515
    shadow(sheet, (side * 0.24, side * 0.3, side * 0.8, side * 0.86), side * 0.05, 70)
    draw = ImageDraw.Draw(sheet)
    draw.polygon(moved(heart(240), middle, side * 0.0162), fill=(255, 255, 255, 255))
    beat = [
        (-0.36, 0), (-0.14, 0), (-0.095, -0.05), (-0.05, 0), (-0.02, 0.075), (0.03, -0.16), (0.085, 0.11), (0.12, 0),
        (0.36, 0),
    ]  # fmt: skip
    line = [(middle[0] + x * side * 0.62, middle[1] + y * side * 0.95 - side * 0.015) for x, y in beat]
    draw.line(line, fill=(*rgb("#13808c"), 255), width=round(side * 0.021), joint="curve")
    for end in (line[0], line[-1]):
        disc(draw, end, side * 0.0105, (*rgb("#13808c"), 255))
    return sheet


def clinic() -> None:
    """Sea green on near white."""
    keep(clinic_thumbnail(), THUMBNAIL, "clinic/thumbnail.png")
    logo = canvas(LOGO)
    cross_mark(logo, (128 * FINE, 150 * FINE), 236 * FINE, (SEA, MINT))
    spread(logo, (284 * FINE, 146 * FINE), "Клиника", font("DejaVuSans", 68), SEA, 3 * FINE)
    spread(logo, (282 * FINE, 238 * FINE), "Белова", font("DejaVuSans-Bold", 92), TEAL, 1 * FINE)
    keep(trimmed(logo), trimmed_size(logo), "clinic/logo.png")
    icon = tile(("#1fa3a8", "#0b5563"))
    cross_mark(icon, (114 * FINE, 114 * FINE), 156 * FINE, (rgb("#ffffff"), rgb("#d7f5ef")))
    keep_icon(icon, "clinic/icon.png")


# --- fitness ---------------------------------------------------------------------------------------------------------

NIGHT, FLAME, SUN = rgb("#12151c"), rgb("#ff6a2b"), rgb("#ffc24a")


def peak_mark(sheet: Image.Image, center: Point, size: float, colors: tuple[Color, Color]) -> None:
    """Two peaks, the higher one with a cut that climbs."""
    shape = Image.new("L", sheet.size, 0)
    draw = ImageDraw.Draw(shape)
    draw.polygon(moved([(-0.5, 0.4), (-0.06, -0.42), (0.2, 0.06), (0.29, -0.09), (0.56, 0.4)], center, size), fill=255)
    cut = [
        (-0.27, 0.4), (-0.02, -0.08), (0.055, 0.05), (-0.06, 0.18), (0.07, 0.4), (-0.04, 0.4), (-0.13, 0.22), (-0.19, 0.4),
    ]  # fmt: skip
    draw.polygon(moved(cut, center, size), fill=0)
    side = round(size * 1.2)
    full = Image.new("RGB", sheet.size, colors[0])
    ground = gradient((side, side), [(0.1, colors[1]), (0.9, colors[0])], 90)
    full.paste(ground, (round(center[0] - side / 2), round(center[1] - side / 2)))
    drawn = full.convert("RGBA")
    drawn.putalpha(shape)
    sheet.alpha_composite(drawn)


def ridge(dice: random.Random, width: int, base: float, tall: float, parts: int) -> list[Point]:
    """A mountain's outline by midpoint displacement."""
    heights = [0.2, 1.0, 0.35, 0.75, 0.25] if parts == 1 else [0.35, 0.6, 0.3, 0.9, 0.55, 1.0, 0.4]
    rough = 0.22
    while len(heights) < 300:
        finer: list[float] = []
        for one, two in pairwise(heights):
            finer += [one, (one + two) / 2 + dice.uniform(-rough, rough)]
        heights = [*finer, heights[-1]]
        rough *= 0.52
    step = width / (len(heights) - 1)
    return [(index * step, base - tall * value) for index, value in enumerate(heights)]


def fitness_strip() -> Image.Image:
    """Sunrise behind a range, and a course of light that climbs to the summit."""
    width, height = STRIP[0] * FINE, STRIP[1] * FINE
    stops = [(0, rgb("#171c2b")), (0.42, rgb("#3b2b4d")), (0.72, rgb("#c4503c")), (1, rgb("#ffb347"))]
    sheet = gradient((width, height), stops, 28).convert("RGBA")
    sun = width * 0.80, height * 0.50
    glow(sheet, sun, width * 0.5, rgb("#ffd27a"), 200)
    disc(ImageDraw.Draw(sheet), sun, height * 0.24, (255, 236, 190, 255))
    sheet.alpha_composite(_slashes(sheet.size))
    dice = random.Random(5)  # noqa: S311
    for base, tall, parts, color in (
        (0.98, 0.42, 2, "#7a3a4a"), (1.05, 0.52, 1, "#4a2a44"), (1.14, 0.42, 2, "#251c33"), (1.2, 0.3, 1, "#12151c"),
    ):  # fmt: skip
        outline = ridge(dice, width, height * base, height * tall, parts)
        ImageDraw.Draw(sheet).polygon([*outline, (width, height), (0, height)], fill=(*rgb(color), 255))
    return sheet


def _slashes(size: tuple[int, int]) -> Image.Image:
    """Slanted bands that fade towards the ground: speed."""
    sheet = Image.new("RGBA", size, (0, 0, 0, 0))
    width, height = size
    bands = ((0.50, 0.020, 60, SUN), (0.545, 0.010, 90, FLAME), (0.575, 0.034, 36, SUN), (0.63, 0.008, 120, FLAME))
    for x, wide, alpha, color in bands:
        band = Image.new("RGBA", size, (0, 0, 0, 0))
        up, down = 0.5 * height, -0.1 * height
        left, right = width * x, width * (x + wide)
        corners = [(left + up, 0), (right + up, 0), (right + down, height), (left + down, height)]
        ImageDraw.Draw(band).polygon(corners, fill=(*color, alpha))
        sheet.alpha_composite(band)
    fade = Image.linear_gradient("L").rotate(180).resize(size)
    sheet.putalpha(ImageChops.multiply(sheet.getchannel("A"), fade))
    return sheet


def fitness() -> None:
    """Night, flame and a summit."""
    keep(fitness_strip(), STRIP, "fitness/strip.png")
    logo = canvas(LOGO)
    peak_mark(logo, (140 * FINE, 156 * FINE), 256 * FINE, (FLAME, SUN))
    spread(logo, (316 * FINE, 178 * FINE), "ВЫСОТА", font("DejaVuSans-Bold", 106), rgb("#ffffff"), 9 * FINE)
    spread(logo, (320 * FINE, 240 * FINE), "ФИТНЕС-КЛУБ", font("DejaVuSans", 39), SUN, 23 * FINE)
    keep(trimmed(logo), trimmed_size(logo), "fitness/logo.png")
    icon = tile(("#2b3142", "#0d0f15"))
    peak_mark(icon, (111 * FINE, 116 * FINE), 178 * FINE, (FLAME, SUN))
    keep_icon(icon, "fitness/icon.png")


def main() -> None:
    """Draw all."""
    for draw in (coffee, salon, clinic, fitness):
        (HERE / draw.__name__).mkdir(exist_ok=True)
        draw()


if __name__ == "__main__":
    main()
