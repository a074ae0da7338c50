"""The look that a card's data chooses, on Google: a hero for each, on the object, and a colour where the type has one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
import yaml
from PIL import Image

from passkit.errors import TemplateError
from passkit.google import heroes
from passkit.google.loss import Direction, loss
from passkit.google.objects import GooglePictures, object_body, patch_body
from passkit.google.pictures import Drawings, pictures
from passkit.google.types import GoogleType
from passkit.model import Look
from passkit.pictures import Pictures
from passkit.render import Revision, compile_revision
from passkit.schema import Template, parse_template
from passkit.smallpng import quick_png
from sandbox.google_schema import document, problems
from tests.passkit.building import BRAND
from tests.passkit.google_cases import ADDRESS, NOW, OBJECT_ID, Made, card, made
from tests.passkit.judged_styles import template_of
from tests.passkit.test_google_objects import judge

RED, GREEN, BLUE, GOLD = (200, 20, 20), (20, 160, 40), (20, 40, 200), (255, 204, 0)
CLEAR = (0, 0, 0, 0)
VARIABLES = {
    "points": {"type": "integer", "default": 0, "sample": 3},
    "level": {"type": "text", "default": "silver", "choices": ["silver", "gold", "black"], "sample": "gold"},
}
WHEN_GOLD, WHEN_BLACK = "{{ level == 'gold' }}", "{{ level == 'black' }}"
STAMPS = {"count": "{{ points }}", "of": 5, "icon": "icon.png", "empty": "clear.png"}


def png(color: tuple[int, ...], size: tuple[int, int] = (1125, 432)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGBA" if len(color) == 4 else "RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


FILES = {
    "icon.png": png(RED, (300, 300)),
    "red.png": png(RED),
    "green.png": png(GREEN),
    "blue.png": png(BLUE),
    "clear.png": png(CLEAR),
    "clear2.png": png(CLEAR, (375, 144)),
}


def small(files: Mapping[str, bytes] = FILES, **given: Any) -> Template:
    described = {
        "key": "looks",
        "style": "storeCard",
        "name": "Looks",
        "colors": {"background": "#14281e"},
        "variables": VARIABLES,
        "images": {"icon": "icon.png", "strip": "red.png"},
        **given,
    }
    return parse_template({**files, "template.yaml": yaml.safe_dump(described).encode()})


def variant(when: str = WHEN_GOLD, **given: Any) -> dict[str, Any]:
    return {"when": when, **given}


def of(given: Template) -> Revision:
    """Without Apple's pictures, which take longest."""
    return compile_revision(given, BRAND, Pictures({}))


@cache
def starter(name: str) -> Revision:
    return of(template_of(name))


def addresses(given: Template) -> GooglePictures:
    names = ("logo", "hero", *heroes.Heroes(given).names)
    return GooglePictures.of({slot: f"https://cards.example.com/images/{slot}.png" for slot in names})


def shown(revision: Revision, **values: Any) -> Made:
    return made(revision, card(revision, values), pictures=addresses(revision.template))


def hero(body: Mapping[str, Any]) -> str | None:
    found = body.get("heroImage")
    return found["sourceUri"]["uri"].rpartition("/")[2].removesuffix(".png") if found else None


def drawn(given: Template, name: str) -> Image.Image:
    picture = Image.open(io.BytesIO(Drawings(given, quick_png)[name])).convert("RGB")
    assert picture.size == (1032, 336)
    return picture


def extra(given: Template) -> set[str]:
    return set(heroes.Heroes(given).names)


# --- pictures --------------------------------------------------------------------------------------------------------


def test_a_variant_with_another_strip_has_a_hero_of_its_own() -> None:
    given = small(variants=[variant(images={"strip": "green.png"}), variant(WHEN_BLACK, colors={"label": "#fff"})])
    assert extra(given) == {"hero_v0"}
    assert drawn(given, "hero").getpixel((500, 160)) == RED
    assert drawn(given, "hero_v0").getpixel((500, 160)) == GREEN


@pytest.mark.parametrize(
    "variants",
    [
        [variant(colors={"background": "#ffcc00"})],
        [variant(images={"logo": "green.png"})],
        [variant(images={"strip": "red.png"})],
        [],
    ],
    ids=["an opaque strip hides the colour", "a logo", "the same strip", "none"],
)
def test_what_is_not_seen_on_the_hero_makes_none(variants: list[dict[str, Any]]) -> None:
    assert extra(small(variants=variants)) == set()


def test_a_transparent_strip_stands_on_the_variants_colour() -> None:
    gold = variant(colors={"background": "#ffcc00"})
    given = small(
        images={"icon": "icon.png", "strip": "clear.png"},
        variants=[gold, variant(WHEN_BLACK) | {"colors": {"label": "#fff"}}],
    )
    assert extra(given) == {"hero_v0"}
    assert drawn(given, "hero").getpixel((9, 9)) == (0x14, 0x28, 0x1E)
    assert drawn(given, "hero_v0").getpixel((9, 9)) == GOLD


def test_stamps_are_whole_in_googles_shape_with_as_many_stamped() -> None:
    """Red stamps on a blue ground, nothing where none is: each lies inside, and there are as many as counted."""
    given = small(images={"icon": "icon.png", "strip": "blue.png"}, stamps={**STAMPS, "rows": 2, "area": [0, 0, 1, 1]})
    assert extra(given) == {f"hero_s{count}" for count in range(6)}
    per_stamp = None
    for count in range(6):
        picture = drawn(given, f"hero_s{count}")
        red = sum(many for many, pixel in picture.getcolors(1 << 20) or [] if pixel[0] > 100)  # type: ignore[index]
        edge = [picture.getpixel((x, y)) for x in range(0, 1032, 3) for y in (0, 335)]
        assert all(pixel == BLUE for pixel in edge)
        per_stamp = per_stamp or red
        assert red == pytest.approx(count * (per_stamp or 0), rel=0.02)


def test_stamps_without_a_picture_stand_on_the_colour_of_the_card_that_has_them() -> None:
    gold = variant(colors={"background": "#ffcc00"})
    given = small(images={"icon": "icon.png"}, stamps=STAMPS, variants=[gold])
    assert "hero" not in Drawings(given, quick_png)
    assert extra(given) == {f"hero{v}_s{count}" for v in ("", "_v0") for count in range(6)}
    assert drawn(given, "hero_s0").getpixel((2, 2)) == (0x14, 0x28, 0x1E)
    assert drawn(given, "hero_v0_s5").getpixel((2, 2)) == GOLD


def test_stamps_that_google_does_not_see_make_none() -> None:
    assert extra(small(stamps={**STAMPS, "slot": "thumbnail"})) == set()
    both = {"icon": "icon.png", "strip": "red.png", "background": "blue.png"}
    assert extra(small(style="eventTicket", images=both, stamps={**STAMPS, "slot": "background"})) == set()


def test_a_variant_whose_strip_covers_the_stamps_shows_its_strip() -> None:
    given = small(
        style="eventTicket",
        images={"icon": "icon.png", "background": "blue.png"},
        stamps={**STAMPS, "slot": "background"},
        variants=[variant(images={"strip": "green.png"}), variant(WHEN_BLACK, colors={"label": "#fff"})],
    )
    assert extra(given) == {"hero_v0", *(f"hero_s{count}" for count in range(6))}
    names = {name: name for name in extra(given)}
    assert heroes.of(Look(0, 3), names) == "hero_v0"
    assert heroes.of(Look(1, 3), names) == heroes.of(Look(None, 3), names) == "hero_s3"
    assert heroes.of(Look(1, None), names) is heroes.of(Look(), names) is None


def test_heroes_of_looks_are_bounded_as_looks_are() -> None:
    with pytest.raises(TemplateError) as refused:
        small(stamps={**STAMPS, "of": 30}, variants=[variant(images={"strip": "green.png"}) for _ in range(3)])
    assert refused.value.problems[0].pointer == "/stamps/of"


def test_a_hero_is_drawn_when_somebody_asks_and_is_the_publishs_pixel_for_pixel() -> None:
    given = small(stamps=STAMPS)
    encoded: list[Image.Image] = []

    def encode(picture: Image.Image) -> bytes:
        encoded.append(picture)
        return quick_png(picture)

    made_ = Drawings(given, encode)
    shared = len(encoded)
    assert len(made_) == shared + 6
    assert "hero_s3" in made_
    assert "hero_s6" not in made_
    assert made_["hero_s3"] == made_["hero_s3"]
    assert len(encoded) == shared + 1
    with pytest.raises(KeyError):
        made_["hero_v0"]
    assert list(pictures(given)) == list(made_)
    assert pictures(given) == pictures(small(stamps=STAMPS))


def test_a_picture_of_a_variant_that_cannot_be_read_is_named() -> None:
    given = small({**FILES, "green.png": b"\x89PNG\r\n\x1a\n"}, variants=[variant(images={"strip": "green.png"})])
    with pytest.raises(TemplateError) as refused:
        pictures(given)
    assert [one.pointer for one in refused.value.problems] == ["/variants/0/images/strip"]


# --- objects ---------------------------------------------------------------------------------------------------------


def test_every_object_of_googles_may_have_a_hero_and_four_a_colour() -> None:
    """What the module takes for granted, from Google's discovery document."""
    schemas = document()["schemas"]
    known = {kind: schemas[kind.object_schema]["properties"] for kind in GoogleType}
    assert all("heroImage" in one for one in known.values())
    assert {kind for kind, one in known.items() if "hexBackgroundColor" in one} == {
        GoogleType.EVENT_TICKET,
        GoogleType.GENERIC,
        GoogleType.FLIGHT,
        GoogleType.TRANSIT,
    }


@pytest.mark.parametrize("count", range(11))
def test_the_starter_with_stamps_shows_them_on_the_object(count: int) -> None:
    one = shown(starter("stamps"), stamps=count)
    judge(one)
    assert (hero(one.object), hero(one.klass)) == (f"hero_s{count}", "hero")


@pytest.mark.parametrize(("level", "wanted"), [("silver", None), ("gold", "hero_v1"), ("platinum", "hero_v0")])
def test_the_starter_with_levels_shows_them_and_takes_them_back(level: str, wanted: str | None) -> None:
    one = shown(starter("retail"), level=level)
    judge(one)
    assert (hero(one.object), hero(one.klass)) == (wanted, "hero")
    patch = patch_body("loyaltyObject", one.object)
    assert problems("LoyaltyObject", patch, partial=True) == []
    if wanted is None:
        assert patch["heroImage"] is None, "the class's is seen again"
    assert "hexBackgroundColor" not in patch


TYPES: dict[str, dict[str, Any]] = {
    "loyalty": {},
    "offer": {"style": "coupon"},
    "giftCard": {"google": {"type": "giftCard"}},
    "eventTicket": {"style": "eventTicket"},
    "generic": {"style": "generic"},
    "flight": {"style": "boardingPass", "transit_type": "air", "google": {"flight": {
        "carrier": "LX", "number": "318", "origin": "ZRH", "destination": "LHR", "departs": "2027-03-05T06:30"}}},
    "transit": {"style": "boardingPass", "transit_type": "train", "google": {"trip": {"departs": "2027-03-05T06:30:00Z"}}},
}  # fmt: skip


@pytest.mark.parametrize("kind", TYPES)
def test_each_type_follows_with_its_hero_and_its_colour_where_it_has_one(kind: str) -> None:
    gold = variant(colors={"background": "#ffcc00"}, images={"strip": "green.png"})
    revision = of(small(**TYPES[kind], variants=[gold]))
    plain, golden = shown(revision, level="silver"), shown(revision, level="gold")
    assert plain.type == kind
    judge(plain)
    judge(golden)
    assert hero(golden.object) == "hero_v0"
    assert hero(plain.object) == ("hero" if kind == "generic" else None)
    follows = kind in ("eventTicket", "generic", "flight", "transit")
    assert golden.object.get("hexBackgroundColor") == ("#ffcc00" if follows else None)
    back = patch_body(plain.type.object_kind, plain.object)
    if kind != "generic":
        assert back["heroImage"] is None
        assert plain.klass["hexBackgroundColor"] == golden.klass["hexBackgroundColor"] == "#14281e"
        assert back.get("hexBackgroundColor", 0) == (None if follows else 0)
    else:
        assert plain.object["hexBackgroundColor"] == "#14281e"


def test_the_first_variant_that_holds_is_taken_and_a_colour_may_be_computed() -> None:
    first = variant("{{ points > 5 }}", colors={"background": "{{ '#ff0000' if points > 7 else '#00ff00' }}"})
    second = variant("{{ points > 1 }}", colors={"background": "#0000ff"})
    revision = of(small(style="generic", variants=[first, second]))
    found = [shown(revision, points=points).object["hexBackgroundColor"] for points in (0, 2, 6, 8)]
    assert found == ["#14281e", "#0000ff", "#00ff00", "#ff0000"]


def test_pictures_that_were_not_drawn_leave_the_object_without_one() -> None:
    revision = starter("stamps")
    body = object_body(revision, card(revision), None, ADDRESS, OBJECT_ID, GooglePictures(), NOW)
    assert "heroImage" not in body


def test_what_rests_on_personal_data_is_not_told_by_a_picture_either() -> None:
    level = {**VARIABLES["level"], "personal": True}
    given = {
        "variables": {**VARIABLES, "level": level},
        "style": "generic",
        "stamps": STAMPS,
        "variants": [variant(colors={"background": "#ffcc00"}, images={"strip": "green.png"})],
    }
    told, kept = of(small(**given)), of(small(**given, google={"private": True}))
    assert hero(shown(told, level="gold", points=2).object) == "hero_v0_s2"
    one = shown(kept, level="gold", points=2)
    assert hero(one.object) == "hero_s2"
    assert one.object == shown(kept, level="silver", points=2).object
    points = {**VARIABLES["points"], "personal": True}
    counted = of(small(variables={**VARIABLES, "points": points}, stamps=STAMPS, google={"private": True}))
    assert shown(counted, points=1).object == shown(counted, points=4).object
    assert "heroImage" not in shown(counted, points=1).object


def test_a_look_by_the_card_s_own_state_follows() -> None:
    revision = of(small(variants=[variant("{{ card.expires_at }}", images={"strip": "green.png"})]))
    given = addresses(revision.template)
    ends, never = (card(revision, expires_at=at) for at in (NOW + timedelta(days=1), None))
    assert hero(made(revision, ends, pictures=given).object) == "hero_v0"
    assert hero(made(revision, never, pictures=given).object) is None


# --- what is lost ----------------------------------------------------------------------------------------------------


def places(given: Template) -> set[str]:
    return {one.pointer for one in loss(given) if one.pointer.startswith(("/variants", "/stamps"))}


@pytest.mark.parametrize("kind", TYPES)
def test_a_colour_that_cannot_follow_is_told_and_one_that_can_is_not(kind: str) -> None:
    given = small(**TYPES[kind], variants=[variant(colors={"background": "#ffcc00"})])
    follows = kind in ("eventTicket", "generic", "flight", "transit")
    assert places(given) == (set() if follows else {"/variants/0/colors/background"})


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"variants": [variant(images={"logo": "green.png"})]}, {"/variants/0/images/logo"}),
        ({"variants": [variant(images={"thumbnail": "green.png"})], "style": "generic"}, {"/variants/0/images/thumbnail"}),
        ({"variants": [variant(colors={"foreground": "#fff", "label": "#fff"})]},
         {"/variants/0/colors/foreground", "/variants/0/colors/label"}),
        ({"variants": [variant(images={"strip": "green.png"})]}, {"/variants/0/images/strip"}),
        ({"variants": [variant("{{ news.text }}", images={"logo": "green.png"})]},
         {"/variants/0/when", "/variants/0/images/logo"}),
        ({"variants": [variant("{{ points > 2 }}", colors={"label": "#fff"})], "google": {"private": True},
          "variables": {"points": {"type": "integer", "default": 0, "personal": True}}}, {"/variants"}),
        ({"stamps": STAMPS}, {"/stamps"}),
        ({"stamps": {**STAMPS, "slot": "thumbnail"}, "style": "generic"}, {"/stamps/slot"}),
        ({"stamps": STAMPS, "google": {"private": True},
          "variables": {"points": {"type": "integer", "default": 0, "personal": True}}}, {"/stamps"}),
        ({}, set()),
    ],
)  # fmt: skip
def test_what_google_cannot_show_of_a_look_is_told_where_it_stands(given: dict[str, Any], wanted: set[str]) -> None:
    of_template = small(**given)
    assert places(of_template) == wanted
    assert all(one.lost.endswith(".") and one.instead.endswith(".") for one in loss(of_template))
    assert {one.direction for one in loss(of_template) if one.pointer in wanted} <= {Direction.APPLE_TO_GOOGLE}


def test_a_hero_that_the_report_promises_is_there() -> None:
    """The other way round: nothing is told as lost that the object shows."""
    followed = small(stamps=STAMPS, variants=[variant(images={"strip": "green.png"})])
    (line,) = [one for one in loss(followed) if one.pointer == "/stamps"]
    assert "hero" in line.instead
    assert hero(shown(of(followed), level="gold", points=4).object) == "hero_v0_s4"
    unseen = small(stamps={**STAMPS, "slot": "thumbnail"}, style="generic")
    assert hero(shown(of(unseen), points=4).object) == "hero"
