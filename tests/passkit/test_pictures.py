"""Pictures and colours chosen by a card's data: variants by condition, and stamps drawn into a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import pytest
from PIL import Image, ImageChops

from passkit import stamps
from passkit.change import compare
from passkit.errors import RenderError, TemplateError
from passkit.layout import Stamps
from passkit.model import News, Pass
from passkit.pictures import Pictures
from passkit.render import Revision, compile_revision
from passkit.schema import parse_template
from tests.passkit.building import BRAND, document, files, filled, picture

RED, GREEN, BLUE = (200, 30, 30), (30, 160, 60), (40, 60, 200)
LEVEL = {"default": "basic", "choices": ["basic", "silver", "gold"]}
SILVER = {"when": "{{ level == 'silver' }}", "colors": {"background": "#c0c0c0"}, "images": {"strip": "green.png"}}
GOLD = {
    "when": "{{ level == 'gold' or points > 1000 }}",
    "name": "Gold",
    "colors": {"label": "#ffee00"},
    "images": {"strip": "blue.png"},
}
CLUB: dict[str, Any] = {
    "variables": {"level": LEVEL, "points": {"type": "integer", "default": 0}},
    "colors": {"background": "#203040"},
    "images": {"icon": "icon.png", "logo": "icon.png", "strip": "red.png"},
    "variants": [SILVER, GOLD],
}
SIZES = {"strip.png": (375, 144), "strip@2x.png": (750, 288), "strip@3x.png": (1125, 432)}


def plain(color: tuple[int, int, int], size: tuple[int, int] = (1125, 432)) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", size, color).save(stream, "PNG")
    return stream.getvalue()


def dot(color: tuple[int, int, int]) -> bytes:
    """A stamp: a square of one colour."""
    return plain(color, (300, 300))


FILES = {"red.png": plain(RED), "green.png": plain(GREEN), "blue.png": plain(BLUE), "stamp.png": dot(GREEN)}


def club(**more: Any) -> Revision:
    whole = {**CLUB, **more}
    named = str(whole)
    return compile_revision(
        parse_template({**files(whole), **{name: part for name, part in FILES.items() if name in named}}), BRAND
    )


def opened(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as found:
        return found.convert("RGBA")


def color_of(pass_: Pass, name: str = "strip@3x.png") -> tuple[int, ...]:
    found = opened(pass_.images.files[name]).getpixel((5, 5))
    assert isinstance(found, tuple)
    return found[:3]


@pytest.mark.parametrize(
    ("data", "strip", "background", "label"),
    [
        ({}, RED, "rgb(32, 48, 64)", None),
        ({"level": "silver"}, GREEN, "rgb(192, 192, 192)", None),
        ({"level": "gold"}, BLUE, "rgb(32, 48, 64)", "rgb(255, 238, 0)"),
        ({"points": 1001}, BLUE, "rgb(32, 48, 64)", "rgb(255, 238, 0)"),
        ({"level": "silver", "points": 1001}, GREEN, "rgb(192, 192, 192)", None),  # the first that holds
    ],
)
def test_the_first_variant_that_holds_gives_colours_and_pictures(
    data: Mapping[str, Any], strip: tuple[int, int, int], background: str, label: str | None
) -> None:
    made = filled(club(), data)
    assert color_of(made) == strip
    got = document(made)
    assert got["backgroundColor"] == background
    assert got.get("labelColor") == label


def test_what_a_variant_does_not_name_stays_as_it_is() -> None:
    revision = club()
    basic, gold = (filled(revision, {"level": level}).images.files for level in ("basic", "gold"))
    assert set(basic) == set(gold)
    assert {name for name in basic if basic[name] != gold[name]} == set(SIZES)


def test_cards_of_one_look_share_their_prepared_files() -> None:
    revision = club()
    gold = filled(revision, {"level": "gold"})
    assert filled(revision, {"points": 5000}).images is gold.images
    assert filled(revision, {"level": "silver"}).images is not gold.images
    without = club(variants=[])
    assert filled(without, {"level": "gold"}).images is filled(without).images


def test_another_variant_is_seen_and_rings_nothing() -> None:
    fields = {"back": [{"key": "points", "value": "{{ points }}", "change_message": "%@"}]}
    for variant in ({**SILVER, "colors": {}}, {**SILVER, "images": {}}):
        revision = club(variants=[variant], fields=fields)
        difference = compare(filled(revision, ring=None), filled(revision, {"level": "silver"}, ring=None))
        assert difference.visible
        assert (difference.fields, difference.ring_candidates) == ((), ())


def test_a_variant_may_add_a_picture_that_other_cards_do_not_have() -> None:
    revision = club(images={"icon": "icon.png"})
    assert set(SIZES).isdisjoint(filled(revision).images.files)
    assert set(SIZES) <= set(filled(revision, {"level": "gold"}).images.files)


def test_a_variant_s_picture_stands_for_all_languages() -> None:
    revision = club(languages=["en", "ru"], localized_images={"ru": {"strip": "green.png"}}, variants=[GOLD])
    basic, gold = filled(revision).images.files, filled(revision, {"level": "gold"}).images.files
    assert {"en.lproj/strip.png", "ru.lproj/strip.png"} <= set(basic)
    assert [name for name in gold if "strip" in name] == list(SIZES)


def test_a_variant_keeps_its_own_part_of_its_picture_in_sight() -> None:
    halves = Image.new("RGB", (1125, 864), RED)
    halves.paste(BLUE, (0, 432, 1125, 864))
    stream = io.BytesIO()
    halves.save(stream, "PNG")
    variant = {**GOLD, "images": {"strip": "halves.png"}}
    for focus, seen in (({}, RED), ({"strip": [0.5, 1.0]}, BLUE)):
        whole = {**CLUB, "image_focus": {"strip": [0.5, 0.0]}, "variants": [{**variant, "image_focus": focus}]}
        given = {**files(whole), "red.png": FILES["red.png"], "halves.png": stream.getvalue()}
        assert color_of(filled(compile_revision(parse_template(given), BRAND), {"level": "gold"})) == seen


def test_a_variant_may_follow_the_news_and_the_card_s_state() -> None:
    variants = [{**SILVER, "when": "{{ card.state == 'voided' }}"}, {**GOLD, "when": "{{ news.text }}"}]
    revision = club(variants=variants)
    assert color_of(filled(revision)) == RED
    assert color_of(filled(revision, news=News({"en": "Sale"}))) == BLUE
    assert color_of(filled(revision, news=News({"en": "Sale"}), state="voided")) == GREEN


def test_a_condition_that_fails_on_a_card_is_named() -> None:
    variables = {"points": {"type": "integer", "optional": True, "sample": 5}}
    with pytest.raises(TemplateError) as refused:
        club(variables=variables, variants=[{**GOLD, "when": "{{ points > 5 }}"}])
    assert [problem.pointer for problem in refused.value.problems] == ["/variants/0/when"]
    revision = club(
        variants=[{**GOLD, "when": "{{ 10 // points > 5 }}"}], variables={"points": {"type": "integer", "sample": 1}}
    )
    with pytest.raises(RenderError) as failed:
        filled(revision, {"points": 0})
    assert failed.value.pointer == "/variants/0/when"


def test_what_a_publish_keeps_makes_the_same_passes_again() -> None:
    stamped = {"stamps": {"count": "{{ points }}", "of": 3, "icon": "stamp.png"}}
    first = club(**stamped)
    kept = dict(first.images.files)
    names = {"variants/0/strip.png", "variants/1/stamps/3/strip@2x.png", "stamps/0/strip@3x.png"}
    assert names & set(kept) == names - {"variants/0/strip.png"}
    again = compile_revision(first.template, BRAND, Pictures(kept))
    for data in ({}, {"points": 2}, {"level": "gold", "points": 3}, {"level": "silver"}):
        assert filled(again, data).images == filled(first, data).images
    assert again.images.files == kept


# --- stamps ----------------------------------------------------------------------------------------------------------


def stamped(of: int = 5, ground: bool = True, **more: Any) -> Revision:
    pictures = {"icon": "icon.png", **({"strip": "red.png"} if ground else {})}
    return club(
        variables={"points": {"type": "integer", "default": 0}, "level": LEVEL},
        images=pictures,
        variants=[],
        stamps={"count": "{{ points }}", "of": of, "icon": "stamp.png", **more},
    )


def greens(pass_: Pass, name: str = "strip@3x.png") -> int:
    """How many stamped places a reader of the picture counts: runs of green along the middle of the row."""
    strip = opened(pass_.images.files[name])
    row = [strip.getpixel((x, strip.height // 2)) for x in range(strip.width)]
    full = [all(abs(a - b) < 24 for a, b in zip(color[:3], GREEN, strict=True)) and color[3] > 230 for color in row]  # type: ignore[index]
    return sum(now and not before for before, now in zip([False, *full], full, strict=False))


@pytest.mark.parametrize("ground", [True, False])
@pytest.mark.parametrize("count", range(6))
def test_as_many_places_are_stamped_as_the_card_has(count: int, ground: bool) -> None:
    made = filled(stamped(ground=ground, rows=1), {"points": count})
    for name, size in SIZES.items():
        assert opened(made.images.files[name]).size == size
        assert greens(made, name) == count


@pytest.mark.parametrize(("given", "drawn"), [(-3, 0), (6, 5), (900, 5)])
def test_more_or_fewer_than_there_are_places_fill_them_or_none(given: int, drawn: int) -> None:
    assert greens(filled(stamped(rows=1), {"points": given})) == drawn


def test_stamps_without_a_picture_below_stand_on_the_card_s_colour() -> None:
    strip = opened(filled(stamped(ground=False), {"points": 1}).images.files["strip.png"])
    assert strip.getpixel((2, 2))[3] == 0  # type: ignore[index]


def test_a_new_stamp_is_seen_and_rings_nothing_by_itself() -> None:
    revision = stamped()
    difference = compare(*(filled(revision, {"points": count}, ring=None) for count in (3, 4)))
    assert difference.visible
    assert difference.ring_candidates == ()
    assert not compare(*(filled(revision, {"points": count}, ring=None) for count in (7, 8))).visible


def test_places_may_have_pictures_of_their_own() -> None:
    own = club(
        variants=[],
        stamps={
            "count": "{{ points }}",
            "of": 2,
            "icon": "stamp.png",
            "empty": "blue.png",
            "last": "red.png",
            "rows": 1,
        },
    )
    first, last = stamps.places(Stamps(count=1, of=2, icon="x", rows=1), (1125, 432))

    def seen(count: int) -> list[tuple[int, ...]]:
        strip = opened(filled(own, {"points": count}).images.files["strip@3x.png"])
        middles = [((box[0] + box[2]) // 2, (box[1] + box[3]) // 2) for box in (first, last)]
        return [strip.getpixel(middle)[:3] for middle in middles]  # type: ignore[index]

    assert seen(1)[0] == GREEN
    assert seen(0)[0] == BLUE
    assert seen(2)[1] == RED


@pytest.mark.parametrize("of", [1, 2, 5, 7, 10, 12, 30])
@pytest.mark.parametrize("rows", [None, 1, 2, 3, 5])
@pytest.mark.parametrize("area", [None, (0.5, 0.0, 1.0, 1.0), (0.0, 0.4, 0.3, 0.6)])
def test_places_lie_in_their_area_side_by_side(of: int, rows: int | None, area: tuple[float, ...] | None) -> None:
    wanted = Stamps(count=1, of=of, icon="x", rows=rows, area=area)
    boxes = stamps.places(wanted, (1125, 432))
    left, top, right, bottom = area or stamps.AREA
    assert len(set(boxes)) == of
    for box in boxes:
        assert left * 1125 - 1 <= box[0] < box[2] <= right * 1125 + 1
        assert top * 432 - 1 <= box[1] < box[3] <= bottom * 432 + 1
    lines = sorted({box[1] for box in boxes})
    assert len(lines) == min(rows or len(lines), of)
    for one, other in pairwise(boxes):
        assert other[0] >= one[2] or other[1] > one[1]


def test_a_preview_draws_only_what_it_shows() -> None:
    images = stamped(of=9, ground=False).images
    assert len({name.split("/")[1] for name in images._files if name.startswith("stamps/")}) <= 1
    images.draw()
    assert len({name.split("/")[1] for name in images._files if name.startswith("stamps/")}) == 10


def test_the_same_template_draws_the_same_bytes() -> None:
    assert stamped().images.files == stamped().images.files


def test_a_stamp_that_is_no_picture_is_named() -> None:
    given = {**files({**CLUB, "stamps": {"count": 1, "of": 3, "icon": "bad.png"}}), **FILES, "bad.png": b"no"}
    with pytest.raises(TemplateError) as refused:
        compile_revision(parse_template(given), BRAND)
    assert [problem.pointer for problem in refused.value.problems] == ["/stamps/icon"]


def test_a_money_or_decimal_counts_whole() -> None:
    variables = {"spent": {"type": "money", "currency": "RUB", "default": 0}}
    revision = club(
        variables=variables, variants=[], stamps={"count": "{{ spent }}", "of": 5, "icon": "stamp.png", "rows": 1}
    )
    assert greens(filled(revision, {"spent": 399})) == 3


def test_a_faint_icon_is_the_icon_seen_less() -> None:
    found = stamps.opened(Stamps(count=1, of=3, icon="a.png"), {"a.png": picture()})
    assert ImageChops.difference(found.icons.full.convert("RGB"), found.icons.empty.convert("RGB")).getbbox() is None
    assert found.icons.empty.getchannel("A").getextrema() == (round(255 * stamps.FAINT),) * 2
