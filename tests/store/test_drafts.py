"""Drafts: saved step by step, taken back byte for byte, edited by two at once."""

from __future__ import annotations

import asyncio
import io
import random
from datetime import datetime, timedelta

import pytest
import pytest_asyncio
from PIL import Image
from sqlalchemy import insert, select

from passkit.edit import Insert, Picture, Remove, RenameVariable, Set
from store import assets, brands, drafts, tables, templates
from store.audit import Actor
from store.dialect import Database
from store.drafts import Draft, Overlap
from store.errors import Invalid, NotFound

ANNA, OLGA = Actor("Anna", user_id=1), Actor("Olga", user_id=2)
LABEL, OTHER = "/fields/header/0/label", "/fields/secondary/0/label"


@pytest_asyncio.fixture
async def imported(db: Database, shop: brands.BrandRow, small: dict[str, bytes], now: datetime) -> int:
    await templates.import_files(db, shop.id, small, now)
    return shop.id


async def save(db: Database, brand: int, base: int, *edits: object, by: Actor = ANNA, now: datetime) -> Draft:
    saved = await drafts.save_edits(db, brand, "small", base=base, edits=edits, by=by, now=now)  # type: ignore[arg-type]
    assert isinstance(saved, Draft)
    return saved


def png(size: tuple[int, int] = (200, 100)) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", size, "#123456").save(content, "PNG")
    return content.getvalue()


async def test_an_imported_draft_is_the_first_state(db: Database, imported: int, small: dict[str, bytes]) -> None:
    draft = await drafts.get(db, imported, "small")
    assert (draft.number, draft.can_undo, draft.can_redo, draft.is_published) == (1, False, False, False)
    assert draft.files == small


async def test_a_save_is_the_draft_that_is_exported_and_published(db: Database, imported: int, now: datetime) -> None:
    draft = await save(db, imported, 1, Set("/name", "Big card"), Set(LABEL, "Bonuses"), now=now)
    assert (draft.number, draft.author, draft.can_undo) == (2, "Anna", True)
    assert await templates.export_files(db, imported, "small") == draft.files
    assert (await templates.listing(db, imported))[0].name == "Big card"
    await templates.publish(db, imported, "small", now=now)
    assert (await drafts.get(db, imported, "small")).is_published


async def test_edits_that_change_nothing_make_no_state(db: Database, imported: int, now: datetime) -> None:
    assert (await save(db, imported, 1, Set("/name", "Small card"), now=now)).number == 1


async def test_steps_are_taken_back_and_done_again_byte_for_byte(db: Database, imported: int, now: datetime) -> None:
    """Against a plain list of states and a place in it."""
    dice = random.Random(7)
    states, place = [dict((await drafts.get(db, imported, "small")).files)], 0
    number = 1
    for turn in range(40):
        way = dice.choice(["save", "save", "undo", "redo"])
        if way == "save":
            draft = await save(db, imported, number, Set(LABEL, f"Label {turn}"), now=now)
            states, place = [*states[: place + 1], dict(draft.files)], place + 1
        else:
            travel = drafts.undo if way == "undo" else drafts.redo
            found = await travel(db, imported, "small", base=number, by=ANNA, now=now)
            assert isinstance(found, Draft)
            draft = found
            place = max(0, place - 1) if way == "undo" else min(len(states) - 1, place + 1)
        number = draft.number
        assert draft.files == states[place]
        assert (draft.can_undo, draft.can_redo) == (place > 0, place < len(states) - 1)


async def test_a_picture_comes_back_with_undo(db: Database, imported: int, now: datetime) -> None:
    first = await drafts.get(db, imported, "small")
    await save(db, imported, 1, Picture("strip", "a.png", png()), now=now)
    second = await save(db, imported, 2, Picture("strip", "b.png", png((300, 100))), now=now)
    back = await drafts.undo(db, imported, "small", base=second.number, by=ANNA, now=now)
    assert isinstance(back, Draft)
    assert back.files["strip.png"] != second.files["strip.png"]
    again = await drafts.undo(db, imported, "small", base=back.number, by=ANNA, now=now)
    assert isinstance(again, Draft)
    assert again.files == first.files


async def test_two_people_at_different_places_both_stand(db: Database, imported: int, now: datetime) -> None:
    await save(db, imported, 1, Set(LABEL, "Anna's"), by=ANNA, now=now)
    draft = await save(db, imported, 1, Set(OTHER, "Olga's"), by=OLGA, now=now)
    text = draft.files["template.yaml"].decode()
    assert "label: Anna" in text.replace('"', "")
    assert "Olga" in text
    assert [(step.author, step.touched) for step in draft.others] == [("Anna", (LABEL,))]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Set(LABEL, "one"), Set(LABEL, "two")),
        (Insert("/fields/header", 0, {"key": "new", "value": "x"}), Set(LABEL, "two")),
        (Set(LABEL, "one"), Remove("/fields/header/0")),
        (RenameVariable("points", "bonus"), Set("/fields/header/0/value", "{{ balance }}")),
        (Picture("icon", "i.png", png()), Picture("icon", "j.png", png((90, 90)))),
    ],
)
async def test_two_people_at_one_place_are_told_of_each_other(
    db: Database, imported: int, first: object, second: object, now: datetime
) -> None:
    saved = await save(db, imported, 1, first, by=ANNA, now=now)
    clash = await drafts.save_edits(db, imported, "small", base=1, edits=[second], by=OLGA, now=now)  # type: ignore[list-item]
    assert isinstance(clash, Overlap)
    assert (clash.who, clash.number) == ("Anna", saved.number)
    assert (await drafts.get(db, imported, "small")).number == saved.number


async def test_an_overlap_says_what_stands_there_and_can_be_overruled(
    db: Database, imported: int, now: datetime
) -> None:
    await save(db, imported, 1, Set(LABEL, "Anna's"), by=ANNA, now=now)
    mine = Set(LABEL, "Olga's")
    clash = await drafts.save_edits(db, imported, "small", base=1, edits=[mine], by=OLGA, now=now)
    assert isinstance(clash, Overlap)
    assert clash.theirs == {LABEL: "Anna's"}
    draft = await save(db, imported, clash.number, mine, by=OLGA, now=now)
    assert "Olga" in draft.files["template.yaml"].decode()


async def test_ones_own_earlier_saves_are_no_overlap(db: Database, imported: int, now: datetime) -> None:
    await save(db, imported, 1, Set(LABEL, "P"), now=now)
    assert (await save(db, imported, 1, Set(LABEL, "Po"), now=now)).number == 3


async def test_undo_asks_before_it_takes_back_what_another_has_just_done(
    db: Database, imported: int, now: datetime
) -> None:
    mine = await save(db, imported, 1, Set(LABEL, "Anna's"), by=ANNA, now=now)
    await save(db, imported, mine.number, Set(OTHER, "Olga's"), by=OLGA, now=now)
    clash = await drafts.undo(db, imported, "small", base=mine.number, by=ANNA, now=now)
    assert isinstance(clash, Overlap)
    assert (clash.who, clash.pointers) == ("Olga", (OTHER,))


async def test_undo_and_redo_say_whose_step_they_take(db: Database, imported: int, now: datetime) -> None:
    await save(db, imported, 1, Set(LABEL, "Anna's"), by=ANNA, now=now)
    hers = await save(db, imported, 2, Set(OTHER, "Olga's"), by=OLGA, now=now)
    number, told = hers.number, []
    for way in (drafts.undo, drafts.undo, drafts.redo, drafts.redo, drafts.undo):
        done = await way(db, imported, "small", base=number, by=ANNA, now=now)
        assert isinstance(done, Draft)
        number = done.number
        told.append(done.whose)
    assert told == ["Olga", "", "", "Olga", "Olga"]
    mine = await drafts.redo(db, imported, "small", base=number, by=OLGA, now=now)
    assert isinstance(mine, Draft)
    assert mine.whose == ""


async def test_an_import_meanwhile_overlaps_everything_and_can_be_undone(
    db: Database, imported: int, small: dict[str, bytes], now: datetime
) -> None:
    mine = await save(db, imported, 1, Set(LABEL, "Anna's"), now=now)
    other = {**small, "template.yaml": small["template.yaml"].replace(b"Small card", b"Other card")}
    await templates.import_files(db, imported, other, now)
    clash = await drafts.save_edits(db, imported, "small", base=mine.number, edits=[Set(LABEL, "x")], by=ANNA, now=now)
    assert isinstance(clash, Overlap)
    back = await drafts.undo(db, imported, "small", base=clash.number, by=ANNA, now=now)
    assert isinstance(back, Draft)
    assert back.files == mine.files


async def test_only_the_last_hundred_states_are_kept(db: Database, imported: int, now: datetime) -> None:
    await save(db, imported, 1, Set("/name", "Second"), now=now)
    async with db.transaction() as conn:  # as if it had been saved so often
        newest = select(tables.draft_history).where(tables.draft_history.c.number == 2)
        row = dict((await conn.execute(newest)).mappings().one())
        del row["id"]
        states = [{**row, "number": number, "back": number - 1} for number in range(3, drafts.KEPT + 4)]
        await conn.execute(insert(tables.draft_history), states)
    number = (await save(db, imported, drafts.KEPT + 3, Set("/name", "Last"), now=now)).number
    steps = await drafts.history(db, imported, "small")
    assert [step.number for step in steps] == list(range(number, number - drafts.KEPT, -1))
    clash = await drafts.save_edits(db, imported, "small", base=2, edits=[Set(LABEL, "x")], by=OLGA, now=now)
    assert isinstance(clash, Overlap)
    with pytest.raises(NotFound):
        await drafts.get(db, imported, "small", 2)


async def test_what_does_not_fit_is_refused_and_nothing_is_saved(db: Database, imported: int, now: datetime) -> None:
    bomb = png((1, 1)).replace(b"\x00\x00\x00\x01\x00\x00\x00\x01", b"\x00\x01\x00\x00\x00\x01\x00\x00")
    for edits, place in (
        ([Set(LABEL, "kept?"), Set("/style", "poster")], "/style"),
        ([Picture("strip", "a.png", b"<svg/>")], "/files/strip.png"),
        ([Picture("strip", "a.png", bomb)], "/files/strip.png"),
        ([Set("/key", "other")], "/key"),
    ):
        with pytest.raises(Invalid) as refused:
            await drafts.save_edits(db, imported, "small", base=1, edits=edits, by=ANNA, now=now)  # type: ignore[arg-type]
        assert place in [problem.pointer for problem in refused.value.problems]
    assert (await drafts.get(db, imported, "small")).number == 1


async def test_another_brand_has_no_such_draft(db: Database, imported: int, now: datetime) -> None:
    other = await brands.add(
        db, key="b", name="B", pass_type_identifier="pass.b", team_identifier="ABCDE12345", now=now
    )
    with pytest.raises(NotFound):
        await drafts.get(db, other.id, "small")
    with pytest.raises(NotFound):
        await drafts.save_edits(db, other.id, "small", base=1, edits=[], by=ANNA, now=now)


async def test_saves_at_once_are_all_kept(db: Database, imported: int, now: datetime) -> None:
    places = [LABEL, OTHER, "/name", "/fields/auxiliary/0/label", "/variables/memo/label"]
    people = [Actor(f"P{number}", user_id=number) for number in range(len(places))]
    await asyncio.gather(
        *(
            drafts.save_edits(db, imported, "small", base=1, edits=[Set(place, f"by {by.name}")], by=by, now=now)
            for place, by in zip(places, people, strict=True)
        )
    )
    draft = await drafts.get(db, imported, "small")
    text = draft.files["template.yaml"].decode()
    assert [f"by {by.name}" in text for by in people] == [True] * len(people)
    assert draft.number == len(people) + 1


async def test_contents_that_nothing_names_any_more_are_swept_and_those_in_use_stay(
    db: Database, imported: int, now: datetime
) -> None:
    later = now + timedelta(days=2)
    await templates.publish(db, imported, "small", now=now)
    first = await drafts.get(db, imported, "small")
    await save(db, imported, 1, Picture("strip", "a.png", png()), now=now)
    async with db.transaction() as conn:
        await assets.keep(conn, {"lost.yaml": b"nobody: names it"}, now)
        await assets.keep(conn, {"new.yaml": b"nobody: names it yet"}, later)
    assert await assets.sweep(db, now) == 0
    assert await assets.sweep(db, later) == 1
    back = await drafts.undo(db, imported, "small", base=2, by=ANNA, now=later)
    assert isinstance(back, Draft)
    assert back.files == first.files
    again = await drafts.redo(db, imported, "small", base=back.number, by=ANNA, now=later)
    assert isinstance(again, Draft)
    assert "strip.png" in again.files


async def test_a_content_that_is_kept_again_is_young_again(db: Database, imported: int, now: datetime) -> None:
    async with db.transaction() as conn:
        await assets.keep(conn, {"a.yaml": b"twice: kept"}, now)
    async with db.transaction() as conn:
        await assets.keep(conn, {"a.yaml": b"twice: kept"}, now + timedelta(days=2))
    assert await assets.sweep(db, now + timedelta(days=2)) == 0
