"""Draws the pictures of the other starter cards with the tools of ``draw``: retail, offer, gift, event, stamps, business.

Run ``python templates/passes/draw_more.py [KEY...]`` from the repository after changing something here, look at the pictures,
commit them. Passbell itself never runs it.
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
from draw import (  # noqa: E402 - a script beside it, not a package
    FINE,
    HERE,
    LOGO,
    STRIP,
    THUMBNAIL,
    Color,
    Point,
    canvas,
    disc,
    font,
    glow,
    gradient,
    keep,
    keep_icon,
    mix,
    moved,
    oval,
    petal,
    rgb,
    shadow,
    spread,
    tile,
    trimmed,
    trimmed_size,
)

EVENT_STRIP = (1125, 294)
STAMP = (300, 300)
Stops = Sequence[tuple[float, Color]]


def drawn_logo(
    path: str, mark: Callable[[Image.Image], None], *lines: tuple[Point, str, str, float, Color, float]
) -> None:
    """A mark and lines of text, each (start, text, font, height, colour, gap), as wide as what is drawn."""
    logo = canvas(LOGO)
    mark(logo)
    for (x, y), text, face, height, color, gap in lines:
        spread(logo, (x * FINE, y * FINE), text, font(face, height), color, gap * FINE)
    keep(trimmed(logo), trimmed_size(logo), path)


def ramp(stops: Stops, share: float) -> Color:
    """The colour at ``share`` of the way."""
    for (start, one), (end, other) in pairwise(stops):
        if share <= end:
            return mix(one, other, max(0.0, (share - start) / (end - start)))
    return stops[-1][1]


def masked(shape: Image.Image, ground: Image.Image) -> Image.Image:
    """``ground`` where ``shape`` is white."""
    full = ground.convert("RGBA").resize(shape.size)
    full.putalpha(shape)
    return full


def blank(sheet: Image.Image) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """A black mask of the sheet's size, and its pen."""
    shape = Image.new("L", sheet.size, 0)
    return shape, ImageDraw.Draw(shape)


def bezier(*points: Point, steps: int = 40) -> list[Point]:
    """A curve through the first and the last point, drawn towards those between."""

    def at(share: float) -> Point:
        level = list(points)
        while len(level) > 1:
            pairs = pairwise(level)
            level = [(a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share) for a, b in pairs]
        return level[0]

    return [at(step / steps) for step in range(steps + 1)]


# --- retail ----------------------------------------------------------------------------------------------------------

LEVELS: dict[str, tuple[Stops, str]] = {
    "silver": ([(0, rgb("#39424c")), (0.45, rgb("#75828e")), (0.8, rgb("#b9c4cd")), (1, rgb("#f1f5f8"))], "#3f4a55"),
    "gold": ([(0, rgb("#3f2b08")), (0.45, rgb("#8a6420")), (0.8, rgb("#d0a34c")), (1, rgb("#fbe7ae"))], "#5a4112"),
    "platinum": ([(0, rgb("#08090d")), (0.5, rgb("#23262f")), (0.85, rgb("#565c6b")), (1, rgb("#c9cfdc"))], "#14161c"),
}


def satin(size: tuple[int, int], stops: Stops, seed: float) -> Image.Image:
    """Folds of satin: waves that bend, lit from above."""
    width, height = size[0] // 2, size[1] // 2
    lights: list[Color] = []
    scale = [ramp(stops, place / 255) for place in range(256)]
    for y in range(height):
        v = y / height
        for x in range(width):
            u = x / width * 2.6
            t = u * 1.15 + v * 0.85 + 0.30 * math.sin(2.4 * v + 1.7 * u + seed) + 0.10 * math.sin(5.1 * u - 3 * v)
            wave = math.sin(2 * math.pi * t) + 0.42 * math.sin(2 * math.pi * (2.1 * t + 0.2) + 2.6 * v + seed)
            shade = ((wave / 1.42 + 1) / 2) ** 1.7
            calm = 0.42 + 0.58 * min(1.0, x / width * 1.55)
            lights.append(scale[round(max(0.0, min(1.0, shade * calm)) * 255)])
    cloth = Image.new("RGB", (width, height))
    cloth.putdata(lights)
    return cloth.resize(size, Image.Resampling.BICUBIC)


def hanger(sheet: Image.Image, center: Point, size: float, color: Color) -> None:
    """A hanger in one line."""
    x, y = center
    draw = ImageDraw.Draw(sheet)
    wide = round(size * 0.075)
    hook = [(x + size * 0.13 * math.cos(a), y - size * 0.33 + size * 0.13 * math.sin(a)) for a in _turns(-200, 80)]
    line = [*hook, (x, y - size * 0.12), (x + size * 0.5, y + size * 0.26)]
    draw.line(line, fill=(*color, 255), width=wide, joint="curve")
    draw.line([(x, y - size * 0.12), (x - size * 0.5, y + size * 0.26)], fill=(*color, 255), width=wide)
    draw.line([(x - size * 0.5, y + size * 0.26), (x + size * 0.5, y + size * 0.26)], fill=(*color, 255), width=wide)
    for end in (hook[0], (x - size * 0.5, y + size * 0.26), (x + size * 0.5, y + size * 0.26), (x, y - size * 0.12)):
        disc(draw, end, wide / 2, (*color, 255))


def _turns(start: float, end: float, steps: int = 40) -> list[float]:
    return [math.radians(start + (end - start) * step / steps) for step in range(steps + 1)]


def retail() -> None:
    """Satin in silver, gold and near black."""
    for seed, (level, (stops, _)) in enumerate(LEVELS.items()):
        keep(satin(STRIP, stops, seed * 1.9 + 0.4), STRIP, f"retail/{level}.jpg")
    white, mist = rgb("#ffffff"), rgb("#e6ebf0")
    drawn_logo(
        "retail/logo.png",
        lambda sheet: hanger(sheet, (140 * FINE, 168 * FINE), 236 * FINE, white),
        ((300, 160), "ЛЁН", "DejaVuSerif", 128, white, 26),
        ((306, 238), "ОДЕЖДА И ДОМ", "DejaVuSans-ExtraLight", 42, mist, 12),
    )
    icon = tile(("#7b8894", "#2b333c"))
    hanger(icon, (114 * FINE, 122 * FINE), 168 * FINE, white)
    keep_icon(icon, "retail/icon.png")


# --- offer -----------------------------------------------------------------------------------------------------------

WINE, ROSE, BLUSH = rgb("#5b1734"), rgb("#c2547f"), rgb("#fbe9ee")


def peony(
    sheet: Image.Image, center: Point, radius: float, colors: tuple[Color, Color], seed: int, soft: bool = True
) -> None:
    """A full flower: rings of wavy petals, the outer ones darker, a bright heart."""
    dice = random.Random(seed)  # noqa: S311
    if soft:
        x, y = center
        shadow(sheet, (x - radius, y - radius * 0.85, x + radius * 1.1, y + radius * 1.2), radius * 0.3, 90)
    draw = ImageDraw.Draw(sheet)
    rings = ((1.0, 11), (0.86, 10), (0.72, 9), (0.58, 8), (0.44, 7), (0.31, 6), (0.19, 5))
    for ring, (share, many) in enumerate(rings):
        for number in range(many):
            angle = 360 / many * number + ring * 27 + dice.uniform(-7, 7)
            length, width = radius * share * dice.uniform(0.94, 1.06), radius * share * 2.9 / many
            for layer, shrink in enumerate((1.0, 0.93, 0.84, 0.72)):
                tone = mix(colors[0], colors[1], min(1.0, ring / 7 + layer * 0.13 + dice.uniform(-0.04, 0.04)))
                outline = [(px * width * shrink, -py * length * shrink) for px, py in _PETAL]
                draw.polygon(moved(outline, center, 1, angle), fill=(*tone, 255))
    for _ in range(26):
        angle, far = dice.uniform(0, 2 * math.pi), radius * 0.1 * math.sqrt(dice.random())
        disc(
            draw,
            (center[0] + far * math.cos(angle), center[1] + far * math.sin(angle)),
            radius * 0.02,
            (255, 214, 120, 255),
        )


_PETAL = [
    (
        math.sin(math.pi * share) ** 0.62 * (1 if side else -1) * (0.55 + 0.45 * share),
        share * (1 + 0.02 * math.sin(share * 15)),
    )
    for side, shares in ((1, [step / 36 for step in range(37)]), (0, [1 - step / 36 for step in range(37)]))
    for share in shares
]
"""A petal from (0, 0) to height 1, widest near its top."""


def leaves(sheet: Image.Image, center: Point, length: float, angles: Sequence[float]) -> None:
    """Leaves behind a flower."""
    draw = ImageDraw.Draw(sheet)
    for number, angle in enumerate(angles):
        color = mix(rgb("#4f7a5b"), rgb("#86ab84"), number % 3 / 2)
        draw.polygon(moved(petal(length, length * 0.2), center, 1, angle), fill=(*color, 255))
        vein = moved([(0, 0), (0, -length * 0.9)], center, 1, angle)
        draw.line(vein, fill=(*mix(color, (255, 255, 255), 0.35), 255), width=round(length * 0.014))


def offer_strip() -> Image.Image:
    """Blush paper, peonies on the right; calm on the left, where the offer stands."""
    width, height = STRIP[0] * FINE, STRIP[1] * FINE
    sheet = gradient((width, height), [(0, rgb("#fdf3f1")), (0.6, rgb("#f9dfe4")), (1, rgb("#f0bccb"))], 16).convert(
        "RGBA"
    )
    glow(sheet, (width * 0.2, height * 0.1), width * 0.5, (255, 255, 255), 150)
    blooms = (
        (0.985, 0.16, 0.30, ("#8e2a52", "#e58aa8"), 3), (0.64, 1.02, 0.27, ("#b34a72", "#f3b2c5"), 5),
        (0.955, 0.88, 0.38, ("#a43a64", "#f2a9bf"), 8), (0.775, 0.50, 0.46, ("#c2547f", "#fde0e6"), 11),
    )  # fmt: skip
    for x, y, size, _, seed in blooms:
        angles = [seed * 40 + turn for turn in (10, 70, 130, 205, 265, 320)]
        leaves(sheet, (width * x, height * y), height * size * 1.42, angles)
    for x, y, size, colors, seed in blooms:
        peony(sheet, (width * x, height * y), height * size, (rgb(colors[0]), rgb(colors[1])), seed)
    dice = random.Random(2)  # noqa: S311
    for _ in range(9):
        at = width * dice.uniform(0.3, 0.62), height * dice.uniform(0.08, 0.92)
        shape = moved(petal(dice.uniform(22, 40) * FINE, dice.uniform(7, 12) * FINE), at, 1, dice.uniform(0, 360))
        ImageDraw.Draw(sheet).polygon(shape, fill=(*mix(ROSE, BLUSH, dice.uniform(0.1, 0.6)), 255))
    return sheet


def offer() -> None:
    """Peonies on blush."""
    keep(offer_strip(), STRIP, "offer/strip.jpg")
    pink = (rgb("#b34a72"), rgb("#f6bccb"))
    drawn_logo(
        "offer/logo.png",
        lambda sheet: (
            leaves(sheet, (132 * FINE, 150 * FINE), 138 * FINE, (35, 95, 155, 215, 275, 335)),
            peony(sheet, (132 * FINE, 150 * FINE), 112 * FINE, pink, 4, soft=False),
        )[0],
        ((286, 168), "Пион", "DejaVuSerif-BoldItalic", 132, WINE, 2),
        ((294, 240), "ЦВЕТОЧНАЯ ЛАВКА", "DejaVuSans", 36, ROSE, 9),
    )
    icon = tile(("#f8dde4", "#e7a3b8"))
    leaves(icon, (114 * FINE, 114 * FINE), 108 * FINE, (35, 95, 155, 215, 275, 335))
    peony(icon, (114 * FINE, 114 * FINE), 88 * FINE, (rgb("#8e2a52"), rgb("#f3a9c0")), 4, soft=False)
    keep_icon(icon, "offer/icon.png")


# --- gift ------------------------------------------------------------------------------------------------------------

PINE, GILT = (
    rgb("#12382f"),
    [(0.0, rgb("#8a6420")), (0.35, rgb("#e9c877")), (0.55, rgb("#fff2c4")), (1.0, rgb("#a87a2c"))],
)


def ribbon(sheet: Image.Image, outline: Sequence[Point], angle: float) -> None:
    """A piece of golden ribbon with a soft shadow."""
    shape, pen = blank(sheet)
    pen.polygon(list(outline), fill=255)
    left, top, right, bottom = shape.getbbox() or (0, 0, 1, 1)
    dark = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    dark.putalpha(shape.filter(ImageFilter.GaussianBlur(6 * FINE)).point([value // 3 for value in range(256)]))
    sheet.alpha_composite(dark, (0, 0))
    ground = Image.new("RGB", sheet.size)
    ground.paste(gradient((240, 240), GILT, angle).resize((right - left, bottom - top)), (left, top))
    sheet.alpha_composite(masked(shape, ground))


def bow(sheet: Image.Image, center: Point, size: float) -> None:
    """Two loops, two tails and a knot."""
    for side, angle in ((1, 60), (-1, 120)):
        near = bezier((0, 0), (side * 0.10, 0.40), (side * 0.42, 0.86))
        far = bezier((side * 0.30, 0.72), (side * 0.24, 0.40), (0, 0))
        ribbon(sheet, moved([*near, (side * 0.62, 0.70), (side * 0.66, 0.94), *far], center, size), angle)
    for side in (-1, 1):
        loop = bezier(
            (0, 0), (side * 0.30, -0.62), (side * 0.98, -0.66), (side * 1.02, -0.10), (side * 0.80, 0.22), (0, 0)
        )
        ribbon(sheet, moved(loop, center, size), 70 if side < 0 else 20)
        inner = bezier(
            (side * 0.12, -0.05), (side * 0.42, -0.42), (side * 0.80, -0.44), (side * 0.82, -0.06), (side * 0.12, -0.02)
        )
        shape, pen = blank(sheet)
        pen.polygon(moved(inner, center, size), fill=150)
        sheet.alpha_composite(
            masked(shape.filter(ImageFilter.GaussianBlur(2 * FINE)), Image.new("RGB", (8, 8), rgb("#6d4d17")))
        )
    knot = bezier((-0.15, -0.13), (0, -0.20), (0.15, -0.13)) + bezier((0.13, 0.13), (0, 0.18), (-0.13, 0.13))
    ribbon(sheet, moved(knot, center, size), 30)


def gift_strip() -> Image.Image:
    """Green paper with a fine weave, tied with a golden ribbon."""
    width, height = STRIP[0] * FINE, STRIP[1] * FINE
    sheet = gradient((width, height), [(0, rgb("#0c2a23")), (0.55, rgb("#174a3d")), (1, rgb("#2b6b58"))], 20).convert(
        "RGBA"
    )
    lines = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(lines)
    for x in range(-height, width, 26 * FINE):
        pen.line([(x, height), (x + height, 0)], fill=(255, 255, 255, 9), width=2 * FINE)
        pen.line([(x, 0), (x + height, height)], fill=(0, 0, 0, 16), width=2 * FINE)
    sheet.alpha_composite(lines)
    glow(sheet, (width * 0.80, height * 0.3), width * 0.36, rgb("#8fd0b2"), 80)
    middle = width * 0.795, height * 0.47
    half = height * 0.062
    ribbon(
        sheet,
        [
            (0, middle[1] + half * 4.1),
            (width, middle[1] + half * 4.1),
            (width, middle[1] + half * 5.1),
            (0, middle[1] + half * 5.1),
        ],
        90,
    )
    ribbon(
        sheet, [(middle[0] - half, 0), (middle[0] + half, 0), (middle[0] + half, height), (middle[0] - half, height)], 0
    )
    bow(sheet, (middle[0], middle[1] + half * 4.4), height * 0.50)
    return sheet


def book_mark(sheet: Image.Image, center: Point, size: float, color: Color) -> None:
    """An open book with a ribbon."""
    x, y = center
    draw = ImageDraw.Draw(sheet)
    for side in (-1, 1):
        page = [
            *bezier((0, -0.26), (side * 0.2, -0.42), (side * 0.52, -0.34)),
            *bezier((side * 0.52, 0.26), (side * 0.2, 0.2), (0, 0.36)),
        ]
        draw.polygon(moved(page, center, size), fill=(*mix(color, PINE, 0.0 if side < 0 else 0.16), 255))
    draw.line([(x, y - size * 0.26), (x, y + size * 0.36)], fill=(*PINE, 255), width=round(size * 0.022))
    tail = [(0.24, -0.385), (0.34, -0.38), (0.34, 0.08), (0.29, 0.01), (0.24, 0.08)]
    draw.polygon(moved(tail, center, size), fill=(*rgb("#b6503a"), 255))


def gift() -> None:
    """Green and gold."""
    keep(gift_strip(), STRIP, "gift/strip.jpg")
    gold, cream = rgb("#ecd08a"), rgb("#fbf4e2")
    drawn_logo(
        "gift/logo.png",
        lambda sheet: book_mark(sheet, (132 * FINE, 150 * FINE), 230 * FINE, cream),
        ((286, 158), "Страница", "DejaVuSerif", 106, rgb("#ffffff"), 1),
        ((292, 234), "КНИЖНЫЙ МАГАЗИН", "DejaVuSans", 35, gold, 9),
    )
    icon = tile(("#2b6b58", "#0c2a23"))
    book_mark(icon, (114 * FINE, 116 * FINE), 186 * FINE, cream)
    keep_icon(icon, "gift/icon.png")


# --- event -----------------------------------------------------------------------------------------------------------


def star_trails(size: tuple[int, int], pole: Point, seed: int) -> Image.Image:
    """A night photographed for an hour: every star an arc around the pole."""
    width, height = size
    sheet = gradient(
        size, [(0, rgb("#070a1f")), (0.5, rgb("#1a1f4d")), (0.82, rgb("#4b3a7c")), (1, rgb("#b0608c"))], 78
    ).convert("RGBA")
    glow(sheet, (width * 0.72, height * 1.1), width * 0.5, rgb("#ff9e7a"), 110)
    dice = random.Random(seed)  # noqa: S311
    trails = Image.new("RGBA", size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(trails)
    for _ in range(430):
        radius = dice.uniform(0.02, 1.0) ** 0.75 * width * 0.78
        start, turn = dice.uniform(0, 360), dice.uniform(9, 24)
        tone = mix(rgb("#bcd0ff"), rgb("#ffe3b8"), dice.random())
        box = (pole[0] - radius, pole[1] - radius, pole[0] + radius, pole[1] + radius)
        pen.arc(box, start, start + turn, fill=(*tone, dice.randint(60, 235)), width=dice.choice((1, 1, 2)) * FINE)
    sheet.alpha_composite(trails)
    disc(ImageDraw.Draw(sheet), pole, 3 * FINE, (255, 255, 255, 255))
    return sheet


def planetarium(sheet: Image.Image, foot: Point, size: float, color: Color) -> None:
    """The dome, its slit open, on its drum between trees."""
    x, y = foot
    draw = ImageDraw.Draw(sheet)
    draw.pieslice((x - size, y - size * 1.36, x + size, y + size * 0.64), 180, 360, fill=(*color, 255))
    draw.rectangle((x - size * 1.06, y - size * 0.38, x + size * 1.06, y), fill=(*color, 255))
    light = rgb("#ffd58a")
    slit = [(0.10, -1.335), (0.26, -1.30), (0.30, -0.44), (0.14, -0.44)]
    draw.polygon(moved(slit, foot, size), fill=(*light, 255))
    for column in range(-4, 5):
        left = x + column * size * 0.22
        draw.rounded_rectangle(
            (left - size * 0.05, y - size * 0.26, left + size * 0.05, y - size * 0.04), size * 0.04, fill=(*light, 255)
        )


def event_strip() -> Image.Image:
    """Star trails over the planetarium."""
    width, height = EVENT_STRIP[0] * FINE, EVENT_STRIP[1] * FINE
    sheet = star_trails((width, height), (width * 0.80, height * 0.26), 9)
    night = rgb("#0b0c20")
    hills = [
        (0, height),
        *bezier(
            (0, height * 0.99), (width * 0.35, height * 0.86), (width * 0.7, height * 0.94), (width, height * 0.84)
        ),
        (width, height),
    ]
    ImageDraw.Draw(sheet).polygon(hills, fill=(*night, 255))
    planetarium(sheet, (width * 0.80, height * 0.95), height * 0.44, night)
    dice = random.Random(4)  # noqa: S311
    for place in range(30):
        x = width * (0.56 + place * 0.0155)
        if abs(x - width * 0.80) < height * 0.5:
            continue
        tall = height * dice.uniform(0.10, 0.24)
        tree = moved([(-0.34, 0), (0, -1), (0.34, 0)], (x, height * 0.97), tall)
        ImageDraw.Draw(sheet).polygon(tree, fill=(*night, 255))
    return sheet


def orbit_star(sheet: Image.Image, center: Point, size: float, colors: tuple[Color, Color]) -> None:
    """A note whose head is a planet."""
    draw = ImageDraw.Draw(sheet)
    stem = [
        (0.10, -0.46),
        (0.17, -0.46),
        *bezier((0.17, -0.44), (0.24, -0.24), (0.46, -0.16), (0.38, 0.10)),
        *bezier((0.38, 0.06), (0.36, -0.10), (0.17, -0.14)),
        (0.17, 0.30),
        (0.10, 0.30),
    ]
    draw.polygon(moved(stem, center, size), fill=(*colors[0], 255))
    head = moved([(-0.06, 0.28)], center, size)[0]
    disc(draw, head, size * 0.2, (*colors[0], 255))
    ring = moved(oval(size * 0.36, size * 0.10), head, 1, -18)
    draw.line([*ring, ring[0]], fill=(*colors[1], 255), width=round(size * 0.045), joint="curve")
    upper = moved([(math.cos(a) * size * 0.2, math.sin(a) * size * 0.2) for a in _turns(170, 330)], head, 1)
    draw.polygon(upper, fill=(*colors[0], 255))


def event() -> None:
    """Jazz under the stars."""
    keep(event_strip(), EVENT_STRIP, "event/strip.jpg")
    white, sand = rgb("#ffffff"), rgb("#ffd58a")
    drawn_logo(
        "event/logo.png",
        lambda sheet: orbit_star(sheet, (132 * FINE, 146 * FINE), 244 * FINE, (white, sand)),
        ((284, 146), "Планетарий", "DejaVuSans-Bold", 88, white, 1),
        ((288, 226), "КОНЦЕРТЫ ПОД КУПОЛОМ", "DejaVuSans", 36, sand, 6),
    )
    icon = tile(("#3a3478", "#0b0c20"))
    orbit_star(icon, (112 * FINE, 108 * FINE), 176 * FINE, (white, sand))
    keep_icon(icon, "event/icon.png")


# --- stamps ----------------------------------------------------------------------------------------------------------

CRUST, HONEY, FLOUR, BERRY = rgb("#6b3a17"), rgb("#e2a24a"), rgb("#fff6e6"), rgb("#b3364f")


def croissant(sheet: Image.Image, center: Point, size: float, colors: tuple[Color, Color], line: Color) -> None:
    """A crescent of seven rolls, thick in the middle, its ends turned in."""
    shape, pen = blank(sheet)
    seams, body = [-92, -62, -34, -11, 11, 34, 62, 92], []
    for angle in range(-124, 125, 2):
        share = angle / 124
        thick = 0.33 * math.cos(share * 1.32) ** 0.75 + 0.045
        roll = max((start, end) for start, end in zip([-124, *seams], [*seams, 124], strict=True) if start <= angle)
        swell = 1 + 0.10 * math.sin(math.pi * (angle - roll[0]) / (roll[1] - roll[0]))
        body.append((angle, 0.31 + thick / 2 * swell, 0.31 - thick / 2))

    def at(angle: float, radius: float) -> Point:
        return math.sin(math.radians(angle)) * radius * 1.12, 0.13 - math.cos(math.radians(angle)) * radius

    outline = [at(angle, outer) for angle, outer, _ in body] + [at(angle, inner) for angle, _, inner in reversed(body)]
    pen.polygon(moved(outline, center, size), fill=255)
    left, top, right, bottom = shape.getbbox() or (0, 0, 1, 1)
    ground = Image.new("RGB", sheet.size)
    ground.paste(
        gradient((right - left, bottom - top), [(0, colors[1]), (0.45, mix(*colors, 0.55)), (1, colors[0])], 90),
        (left, top),
    )
    draw = ImageDraw.Draw(sheet)
    draw.line(
        [*moved(outline, center, size), moved(outline[:1], center, size)[0]],
        fill=(*line, 255),
        width=round(size * 0.045),
        joint="curve",
    )
    sheet.alpha_composite(masked(shape, ground))
    by_angle = {angle: (outer, inner) for angle, outer, inner in body}
    for seam in seams:
        outer, inner = by_angle[seam + seam % 2]
        lean = math.copysign(9, seam)
        curve = bezier(at(seam, outer), at(seam + lean, (outer + inner) / 2), at(seam, inner))
        draw.line(moved(curve, center, size), fill=(*line, 255), width=round(size * 0.021), joint="curve")
    for start, end in zip([-92, -62, -34, -11, 11, 34, 62], [-62, -34, -11, 11, 34, 62, 92], strict=True):
        middle = (start + end) / 2
        outer, inner = by_angle[round(middle / 2) * 2]
        shine = [at(middle + step, inner + (outer - inner) * 0.78) for step in (-5, -2, 2, 5)]
        draw.line(
            moved(shine, center, size),
            fill=(*mix(colors[1], (255, 255, 255), 0.45), 255),
            width=round(size * 0.024),
            joint="curve",
        )


def present(sheet: Image.Image, center: Point, size: float, box: Color, band: Color) -> None:
    """A box with a bow."""
    draw = ImageDraw.Draw(sheet)

    def bar(left: float, top: float, right: float, bottom: float, color: Color) -> None:
        corners = moved([(left, top), (right, bottom)], center, size)
        draw.rounded_rectangle((*corners[0], *corners[1]), size * 0.025, fill=(*color, 255))

    bar(-0.30, -0.04, 0.30, 0.36, box)
    bar(-0.35, -0.17, 0.35, 0.0, mix(box, (255, 255, 255), 0.14))
    bar(-0.06, -0.17, 0.06, 0.36, band)
    for side in (-1, 1):
        loop = bezier((0, -0.16), (side * 0.08, -0.46), (side * 0.40, -0.44), (side * 0.30, -0.16), (0, -0.16))
        draw.line(moved(loop, center, size), fill=(*band, 255), width=round(size * 0.062), joint="curve")


def badge(inner: Color | None, edge: Color, what: Callable[[Image.Image, Point, float], None]) -> Image.Image:
    """A round stamp: full, or only its dashed edge."""
    sheet = canvas(STAMP)
    side = sheet.width
    middle, radius = (side / 2, side / 2), side * 0.47
    draw = ImageDraw.Draw(sheet)
    if inner is not None:
        disc(draw, middle, radius, (*edge, 255))
        disc(draw, middle, radius * 0.93, (*inner, 255))
        disc(draw, middle, radius * 0.86, (*mix(inner, (255, 255, 255), 0.16), 255))
        disc(draw, middle, radius * 0.835, (*inner, 255))
    else:
        disc(draw, middle, radius, (255, 255, 255, 120))
        for dash in range(30):
            box = (middle[0] - radius, middle[1] - radius, middle[0] + radius, middle[1] + radius)
            draw.arc(box, dash * 12, dash * 12 + 7, fill=(*edge, 170), width=round(side * 0.018))
    what(sheet, middle, side)
    return sheet


def faded(sheet: Image.Image, share: float) -> Image.Image:
    """Seen less."""
    sheet.putalpha(sheet.getchannel("A").point([round(value * share) for value in range(256)]))
    return sheet


def stamps_strip() -> Image.Image:
    """Warm paper with a few fine waves."""
    width, height = STRIP[0] * FINE, STRIP[1] * FINE
    sheet = gradient((width, height), [(0, rgb("#fdeccb")), (0.5, rgb("#fbe0b1")), (1, rgb("#f3c985"))], 24).convert(
        "RGBA"
    )
    glow(sheet, (width * 0.18, height * 0.15), width * 0.5, (255, 255, 255), 130)
    table = Image.new("RGBA", sheet.size, (0, 0, 0, 0))
    pen = ImageDraw.Draw(table)
    for step in range(7):
        outline = bezier(
            (0, height * (0.2 + step * 0.16)),
            (width * 0.4, height * (0.05 + step * 0.2)),
            (width, height * step * 0.17),
        )
        pen.line(outline, fill=(255, 255, 255, 70), width=3 * FINE, joint="curve")
    sheet.alpha_composite(table)
    return sheet


def stamps() -> None:
    """A bakery: croissants on warm paper, a present at the end."""
    keep(stamps_strip(), STRIP, "stamps/strip.png")

    def roll(sheet: Image.Image, middle: Point, side: float) -> None:
        croissant(sheet, (middle[0], middle[1] + side * 0.02), side * 0.70, (rgb("#c97f2c"), rgb("#f7cf85")), CRUST)

    def gift_box(sheet: Image.Image, middle: Point, side: float) -> None:
        present(sheet, (middle[0], middle[1] + side * 0.02), side * 0.62, BERRY, FLOUR)

    def box_alone(sheet: Image.Image, middle: Point, side: float) -> None:
        present(sheet, (middle[0], middle[1] + side * 0.02), side * 0.62, rgb("#d98a98"), FLOUR)

    keep(badge(CRUST, rgb("#4d2810"), roll), STAMP, "stamps/stamp.png")
    empty = badge(None, CRUST, lambda sheet, middle, side: None)
    ghost = canvas(STAMP)
    croissant(
        ghost,
        (ghost.width / 2, ghost.width * 0.53),
        ghost.width * 0.66,
        (rgb("#c79a66"), rgb("#dcb98a")),
        rgb("#b98a58"),
    )
    empty.alpha_composite(faded(ghost, 0.45))
    keep(empty, STAMP, "stamps/stamp_empty.png")
    keep(badge(rgb("#f6c7cf"), BERRY, gift_box), STAMP, "stamps/reward.png")
    keep(badge(None, BERRY, box_alone), STAMP, "stamps/reward_empty.png")
    baked = (rgb("#c97f2c"), rgb("#f7cf85"))
    drawn_logo(
        "stamps/logo.png",
        lambda sheet: croissant(sheet, (128 * FINE, 156 * FINE), 250 * FINE, baked, CRUST),
        ((280, 160), "Румяный", "DejaVuSerif-Bold", 104, CRUST, 1),
        ((286, 234), "ПЕКАРНЯ НА УГЛУ", "DejaVuSans", 37, rgb("#9a5a22"), 9),
    )
    icon = tile(("#f6cf8d", "#cf8a35"))
    croissant(icon, (114 * FINE, 122 * FINE), 190 * FINE, (rgb("#bd6f22"), rgb("#fbdf9f")), CRUST)
    keep_icon(icon, "stamps/icon.png")


# --- business --------------------------------------------------------------------------------------------------------

INK, COPPER, PAPER = rgb("#1d2330"), rgb("#b0713c"), rgb("#f5f1ea")


def orbit_mark(sheet: Image.Image, center: Point, size: float, colors: tuple[Color, Color]) -> None:
    """A house of two walls inside an open ring."""
    x, y = center
    draw = ImageDraw.Draw(sheet)
    radius = size * 0.46
    draw.arc(
        (x - radius, y - radius, x + radius, y + radius), 128, 52, fill=(*colors[1], 255), width=round(size * 0.055)
    )
    for angle in (128, 52):
        end = (
            x + (radius - size * 0.0275) * math.cos(math.radians(angle)),
            y + (radius - size * 0.0275) * math.sin(math.radians(angle)),
        )
        disc(draw, end, size * 0.0275, (*colors[1], 255))
    draw.polygon(
        moved([(-0.24, 0.40), (-0.24, -0.02), (-0.03, -0.22), (-0.03, 0.40)], center, size), fill=(*colors[0], 255)
    )
    draw.polygon(moved([(0.03, 0.40), (0.03, -0.06), (0.24, 0.14), (0.24, 0.40)], center, size), fill=(*colors[1], 255))


def portrait() -> Image.Image:
    """A person in a jacket before a calm wall: put a photograph in its place."""
    side = THUMBNAIL[0] * FINE
    sheet = gradient((side, side), [(0, rgb("#c9d3d6")), (1, rgb("#8fa3ab"))], 70).convert("RGBA")
    glow(sheet, (side * 0.3, side * 0.2), side * 0.7, (255, 255, 255), 130)
    draw = ImageDraw.Draw(sheet)

    def shape(points: Sequence[Point], color: str) -> None:
        draw.polygon(moved(points, (side / 2, side / 2), side), fill=(*rgb(color), 255))

    hair = "#4a2d22"
    shape(
        [
            *bezier((-0.215, 0.26), (-0.30, -0.10), (-0.23, -0.40), (0.02, -0.405)),
            *bezier((0.02, -0.405), (0.26, -0.40), (0.28, -0.06), (0.20, 0.26)),
        ],
        hair,
    )
    shape([(-0.085, 0.05), (0.085, 0.05), (0.085, 0.29), (0, 0.40), (-0.085, 0.29)], "#d79f80")
    shape(
        [
            *bezier((-0.46, 0.55), (-0.44, 0.26), (-0.13, 0.225)),
            (0, 0.47),
            *bezier((0.13, 0.225), (0.44, 0.26), (0.46, 0.55)),
        ],
        "#22304a",
    )
    shape([(-0.12, 0.22), (0, 0.33), (0.12, 0.22), (0.075, 0.55), (-0.075, 0.55)], "#f7f4ee")
    shape([(-0.135, 0.215), (-0.20, 0.33), (-0.13, 0.36), (-0.03, 0.56), (-0.01, 0.46)], "#2d3d5c")
    shape([(0.135, 0.215), (0.20, 0.33), (0.13, 0.36), (0.03, 0.56), (0.01, 0.46)], "#2d3d5c")
    shape([(-0.085, 0.20), (0.085, 0.20), (0, 0.33)], "#d79f80")
    face = [
        *bezier((-0.15, -0.17), (-0.165, 0.05), (-0.07, 0.19), (0, 0.19)),
        *bezier((0, 0.19), (0.07, 0.19), (0.165, 0.05), (0.15, -0.17)),
    ]
    shape([*face, *bezier((0.15, -0.17), (0.10, -0.33), (-0.10, -0.33), (-0.15, -0.17))], "#eab797")
    shape(
        [
            *bezier((-0.175, 0.02), (-0.20, -0.22), (-0.10, -0.36), (0.04, -0.345)),
            *bezier((0.04, -0.345), (-0.02, -0.22), (-0.10, -0.17), (-0.145, -0.12)),
        ],
        hair,
    )
    shape(
        [
            *bezier((0.04, -0.345), (0.19, -0.34), (0.21, -0.12), (0.178, 0.02)),
            *bezier((0.150, -0.10), (0.13, -0.18), (0.06, -0.22), (0.0, -0.25)),
        ],
        hair,
    )
    for x in (-0.062, 0.062):
        disc(draw, (side * (0.5 + x), side * 0.465), side * 0.0125, (*rgb("#33231d"), 255))
        brow = moved(bezier((x - 0.033, -0.073), (x, -0.092), (x + 0.033, -0.073)), (side / 2, side / 2), side)
        draw.line(brow, fill=(*rgb(hair), 255), width=round(side * 0.0095), joint="curve")
    smile = moved(bezier((-0.045, 0.095), (0, 0.132), (0.045, 0.095)), (side / 2, side / 2), side)
    draw.line(smile, fill=(*rgb("#a8554a"), 255), width=round(side * 0.011), joint="curve")
    nose = moved(bezier((0.004, -0.02), (0.022, 0.035), (-0.006, 0.042)), (side / 2, side / 2), side)
    draw.line(nose, fill=(*rgb("#cf9373"), 255), width=round(side * 0.009), joint="curve")
    return sheet


def business() -> None:
    """Ink and copper on paper."""
    keep(portrait(), THUMBNAIL, "business/thumbnail.png")
    drawn_logo(
        "business/logo.png",
        lambda sheet: orbit_mark(sheet, (132 * FINE, 146 * FINE), 250 * FINE, (INK, COPPER)),
        ((292, 158), "ОРБИТА", "DejaVuSans-Bold", 102, INK, 8),
        ((296, 230), "АРХИТЕКТУРНОЕ БЮРО", "DejaVuSans", 36, COPPER, 5),
    )
    icon = tile(("#2f394d", "#141924"))
    orbit_mark(icon, (114 * FINE, 108 * FINE), 172 * FINE, (rgb("#ffffff"), rgb("#dfa36b")))
    keep_icon(icon, "business/icon.png")


def main() -> None:
    """Draw all, or those that are named."""
    for one in (retail, offer, gift, event, stamps, business):
        if not sys.argv[1:] or one.__name__ in sys.argv[1:]:
            (HERE / one.__name__).mkdir(exist_ok=True)
            one()


if __name__ == "__main__":
    main()
