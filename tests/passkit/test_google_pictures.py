"""Google's pictures of a template: sizes from Google's brand guidelines, looked at with Pillow."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageDraw

from passkit.errors import TemplateError
from passkit.google.pictures import pictures
from passkit.schema import Template, parse_template

ROOT = Path(__file__).parents[2]
STARTERS = sorted(path.name for path in (ROOT / "templates" / "passes").iterdir() if path.is_dir())
RED, BROWN, WHITE = (200, 20, 20), (58, 42, 30), (255, 255, 255)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def template(style: str = "storeCard", ground: str = "#3a2a1e", **images: bytes) -> Template:
    described = {
        "key": "coffee",
        "style": style,
        "name": "Coffee",
        "description": "Card",
        "colors": {"background": ground},
        "images": {slot: f"{slot}.png" for slot in images},
    }
    files = {"template.yaml": yaml.safe_dump(described).encode(), **{f"{s}.png": c for s, c in images.items()}}
    return parse_template(files)


def seen(made: Mapping[str, bytes], slot: str) -> Image.Image:
    assert made[slot].startswith(b"\x89PNG\r\n\x1a\n")
    return Image.open(io.BytesIO(made[slot]))


def near(pixel: object, color: tuple[int, int, int], within: int = 6) -> bool:
    return isinstance(pixel, tuple) and all(abs(a - b) <= within for a, b in zip(pixel[:3], color, strict=True))


def disc(side: int, ground: tuple[int, ...], mode: str = "RGB") -> Image.Image:
    """A red square that touches the middle of each edge, on a ground."""
    picture = Image.new(mode, (side, side), ground)
    ImageDraw.Draw(picture).rectangle((side * 0.1, side * 0.1, side * 0.9, side * 0.9), fill=RED)
    return picture


@pytest.mark.parametrize("starter", STARTERS)
def test_every_starter_has_googles_sizes(starter: str) -> None:
    folder = ROOT / "templates" / "passes" / starter
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    made = pictures(parse_template(files))
    assert {"logo", "wide_logo"} <= made.keys()
    sizes = {slot: seen(made, slot).size for slot in made}
    wanted = {"logo": (660, 660), "wide_logo": (1280, 400), "hero": (1032, 336), "thumbnail": (660, 660)}
    wanted |= {slot: wanted["hero"] for slot in made if slot.startswith("hero_")}
    assert sizes.items() <= wanted.items()
    assert all(len(content) < 300_000 for content in made.values())
    assert seen(made, "logo").convert("RGBA").getextrema()[3] == (255, 255), (
        "filled to the edges: Google cuts the circle"
    )


@pytest.mark.parametrize(
    ("icon", "ground"),
    [
        (disc(228, BROWN), BROWN),
        (disc(900, WHITE), WHITE),
        (disc(228, (0, 0, 0, 0), "RGBA"), BROWN),
    ],
    ids=["one colour", "large", "transparent"],
)
def test_what_matters_stays_within_the_circle(icon: Image.Image, ground: tuple[int, int, int]) -> None:
    logo = seen(pictures(template(icon=png(icon))), "logo").convert("RGB")
    assert near(logo.getpixel((330, 330)), RED)
    for place in ((2, 2), (330, 60), (60, 330), (657, 657), (330, 600)):
        assert near(logo.getpixel(place), ground), place
    reds = [x for x in range(660) if near(logo.getpixel((x, 330)), RED, 40)]
    assert min(reds) >= 660 * 0.15
    assert max(reds) <= 660 * 0.85


def test_a_grounds_gradient_goes_on_without_a_frame() -> None:
    gradient = Image.linear_gradient("L").resize((228, 228))
    logo = seen(pictures(template(icon=png(gradient.convert("RGB")))), "logo").convert("RGB")
    column = [logo.getpixel((330, y)) for y in range(660)]
    steps = [abs(a[0] - b[0]) for a, b in pairwise(column)]  # type: ignore[index]
    assert max(steps) <= 8
    assert near(logo.getpixel((10, 330)), logo.getpixel((330, 330)))  # type: ignore[arg-type]


def test_a_photo_fills_the_circle() -> None:
    photo = Image.effect_noise((700, 500), 90).convert("RGB")
    logo = seen(pictures(template(icon=png(photo))), "logo").convert("L")
    lows, highs = zip(*(logo.crop(box).getextrema() for box in ((0, 300, 60, 360), (600, 300, 660, 360))), strict=True)
    assert max(lows) < 80, "noise up to the left and right edge"
    assert min(highs) > 180


def test_a_square_logo_does_where_the_icon_is_too_small() -> None:
    small, large = disc(60, WHITE), disc(700, (10, 90, 200))
    logo = seen(pictures(template(icon=png(small), logo=png(large))), "logo").convert("RGB")
    assert near(logo.getpixel((10, 10)), (10, 90, 200))
    made = pictures(template(icon=png(small), logo=png(large.resize((700, 200)))))
    assert near(seen(made, "logo").convert("RGB").getpixel((10, 10)), WHITE), "a wide logo is never squeezed"


def test_a_wide_logo_is_whole_and_transparent_around_it() -> None:
    wide = seen(
        pictures(template(icon=png(disc(228, WHITE)), logo=png(Image.new("RGB", (800, 100), RED)))), "wide_logo"
    )
    wide = wide.convert("RGBA")
    assert wide.getbbox() is not None
    assert wide.getchannel("A").getbbox() == (0, 120, 1280, 280)
    small = seen(
        pictures(template(icon=png(disc(228, WHITE)), logo=png(Image.new("RGB", (160, 50), RED)))), "wide_logo"
    )
    assert small.convert("RGBA").getchannel("A").getbbox() == (0, 150, 320, 250), "twice its pixels and no more"


def test_the_hero_keeps_the_point_in_focus_and_stands_on_the_cards_colour() -> None:
    strip = Image.new("RGBA", (1125, 432), (0, 0, 0, 0))
    ImageDraw.Draw(strip).rectangle((0, 0, 1125, 60), fill=RED)
    files = {"template.yaml": b"", "icon.png": png(disc(228, WHITE)), "strip.png": png(strip)}
    for focus, color in (("[0.5, 0]", RED), ("[0.5, 1]", BROWN)):
        files["template.yaml"] = (
            "key: coffee\nstyle: storeCard\nname: C\ndescription: D\ncolors: {background: '#3a2a1e'}\n"
            f"images: {{icon: icon.png, strip: strip.png}}\nimage_focus: {{strip: {focus}}}\n"
        ).encode()
        hero = seen(pictures(parse_template(files)), "hero").convert("RGB")
        assert near(hero.getpixel((500, 2)), color)


def test_what_the_template_does_not_have_has_no_picture() -> None:
    assert pictures(template(icon=png(disc(228, WHITE)))).keys() == {"logo"}
    assert pictures(template()) == {}
    event = pictures(template("eventTicket", background=png(Image.new("RGB", (700, 1000), RED))))
    assert event.keys() == {"hero"}


def test_same_images_same_bytes() -> None:
    one = template(icon=png(disc(228, WHITE)), strip=png(Image.effect_noise((1125, 432), 50).convert("RGB")))
    assert pictures(one) == pictures(one)


def test_a_colour_that_is_an_expression_is_white_here() -> None:
    icon = png(disc(228, (0, 0, 0, 0), "RGBA"))
    logo = seen(pictures(template(ground="{{ '#000' }}", icon=icon)), "logo")
    assert near(logo.convert("RGB").getpixel((3, 3)), WHITE)


def test_an_image_that_cannot_be_read_is_named() -> None:
    with pytest.raises(TemplateError) as caught:
        pictures(template(icon=b"\x89PNG\r\n\x1a\nbroken"))
    assert caught.value.problems[0].pointer == "/images/icon"
