"""Edits of a template's files: what they say, what they leave alone, and what is refused."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from passkit import edit, yamledit, yamlsafe
from passkit.edit import (
    AddLanguage,
    EditError,
    Insert,
    Move,
    Picture,
    Remove,
    RemoveFile,
    RemoveLanguage,
    RemovePicture,
    RenameVariable,
    Set,
    Translate,
    apply,
    overlap,
    value_at,
)
from passkit.schema import parse_template

ROOT = Path(__file__).parents[2] / "templates" / "passes"

WRITTEN = """\
# A card that somebody wrote by hand.

key: hand            # never changes
style:   storeCard
name: 'Anna''s card'
languages:
- en   # the default
- ru

colors:
  background: "#3a2a1e"   # our brown
  # the text
  foreground: '#ffffff'
variables:
  name:    {type: text, label: Holder, default: "", sample: Anna}   # personal
  points:
    type: integer
    label: >-
      Bonus
      points
    default: 0
  level: {
    type: text,      # one of three
    default: basic,
    choices: [basic, silver, gold],
  }
fields:
  header:
    - key: points
      label: Points
      # the value
      value: "{{ points }}"
      change_message: "You have %@"
    - {key: level, label: Level, value: "{{ level | upper }}"}   # shouted
  primary: []
  back:
    - key: terms
      label: Terms
      value: |
        One.
        Two: three # four

    -   key: last
        value: end
barcode: {message: "{{ card.number }}"}
images: {icon: icon.png}
"""


def files(text: str = WRITTEN) -> dict[str, bytes]:
    return {
        "template.yaml": text.encode(),
        "strings/ru.yaml": 'Points: Баллы   # by Olga\n"Level": Уровень\n'.encode(),
        "icon.png": b"icon",
    }


def starter(key: str) -> dict[str, bytes]:
    folder = ROOT / key
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def text_of(edited: edit.Edited) -> str:
    return edited.files["template.yaml"].decode()


def said(edited: edit.Edited) -> Any:
    return yaml.safe_load(edited.files["template.yaml"])


def changed_lines(after: str, before: str = WRITTEN) -> list[str]:
    """The lines that are new, and after a minus those that are gone, counted."""
    old, new = before.split("\n"), after.split("\n")
    fresh = [line for line in new if new.count(line) > old.count(line)]
    return fresh + ["-" + line for line in old if old.count(line) > new.count(line)]


def one(change: edit.Edit) -> edit.Edited:
    return apply(files(), [change])


def test_a_text_is_replaced_in_the_quotes_it_had_and_nothing_else_moves() -> None:
    after = one(Set("/colors/foreground", "#eeeeee"))
    assert changed_lines(text_of(after)) == ["  foreground: '#eeeeee'", "-  foreground: '#ffffff'"]
    assert after.touched == ("/colors/foreground",)


def test_a_text_with_a_quote_keeps_its_single_quotes() -> None:
    assert "name: 'Olga''s card'" in text_of(one(Set("/name", "Olga's card")))


def test_a_comment_behind_a_value_stays() -> None:
    after = text_of(one(Set("/fields/header/1/label", "Your level")))
    assert '- {key: level, label: Your level, value: "{{ level | upper }}"}   # shouted' in after


def test_a_new_key_goes_below_the_last_one_with_its_indentation() -> None:
    after = text_of(one(Set("/fields/header/0/format", "number")))
    assert changed_lines(after) == ["      format: number"]
    assert '      change_message: "You have %@"\n      format: number\n    - {key: level' in after


def test_a_new_key_in_brackets_goes_behind_the_last_one() -> None:
    after = text_of(one(Set("/barcode/alt_text", "{{ card.number }}")))
    assert 'barcode: {message: "{{ card.number }}", alt_text: "{{ card.number }}"}' in after


def test_what_is_missing_on_the_way_is_made() -> None:
    after = one(Set("/google/event/venue", "Hall"))
    assert said(after)["google"] == {"event": {"venue": "Hall"}}
    assert text_of(after).startswith(WRITTEN)


def test_a_block_text_becomes_another_text() -> None:
    after = one(Set("/fields/back/0/value", "Three."))
    assert said(after)["fields"]["back"][0]["value"] == "Three."
    assert "    -   key: last\n        value: end\n" in text_of(after)


def test_an_entry_is_put_between_two_others() -> None:
    after = text_of(one(Insert("/fields/header", 1, {"key": "x", "value": "1: 2"})))
    assert '      change_message: "You have %@"\n    - {key: x, value: "1: 2"}\n    - {key: level' in after
    assert len(changed_lines(after)) == 1


def test_an_entry_for_an_empty_or_a_missing_list_makes_one() -> None:
    for zone in ("primary", "secondary"):
        after = one(Insert(f"/fields/{zone}", None, {"key": "x", "value": "y"}))
        assert said(after)["fields"][zone] == [{"key": "x", "value": "y"}]


def test_an_only_entry_becomes_a_list_when_another_is_added() -> None:
    after = one(Insert("/barcode", None, {"format": "code128", "message": "1"}))
    assert [entry["message"] for entry in said(after)["barcode"]] == ["{{ card.number }}", "1"]


def test_entries_change_places_with_their_own_comments() -> None:
    after = one(Move("/fields/header", 0, 1))
    assert [field["key"] for field in said(after)["fields"]["header"]] == ["level", "points"]
    assert "# the value" in text_of(after)
    assert after.touched == ("/fields/header",)


def test_an_entry_moves_to_another_zone() -> None:
    after = one(Move("/fields/header", 1, 0, "/fields/primary"))
    zones = said(after)["fields"]
    assert [field["key"] for field in zones["header"]] == ["points"]
    assert zones["primary"] == [{"key": "level", "label": "Level", "value": "{{ level | upper }}"}]
    assert after.touched == ("/fields/header", "/fields/primary")


def test_an_entry_is_taken_out_and_an_empty_list_is_left() -> None:
    after = apply(files(), [Remove("/fields/back/0"), Remove("/fields/back/0")])
    assert said(after)["fields"]["back"] == []


def test_what_is_not_there_is_removed_without_an_error() -> None:
    after = one(Remove("/colors/label"))
    assert (after.files, after.touched) == (files(), ())


def test_the_same_value_again_changes_nothing() -> None:
    assert one(Set("/name", "Anna's card")).touched == ()


def test_a_reworded_text_takes_its_translation_along() -> None:
    after = one(Set("/fields/header/0/label", "Bonuses"))
    assert after.files["strings/ru.yaml"].decode() == 'Bonuses: Баллы   # by Olga\n"Level": Уровень\n'
    assert after.touched == ("/fields/header/0/label", "/strings/ru/Bonuses", "/strings/ru/Points")


def test_a_text_that_stands_elsewhere_too_keeps_its_translation() -> None:
    twice = apply(files(), [Set("/fields/header/1/label", "Points"), Set("/fields/header/0/label", "Bonuses")])
    table = yaml.safe_load(twice.files["strings/ru.yaml"])
    assert table["Points"] == "Баллы"
    assert "Bonuses" not in table


def test_a_translation_is_written_changed_and_taken_away() -> None:
    assert value_at(one(Translate("ru", "Terms", "Условия")).files, "/strings/ru/Terms") == "Условия"
    assert value_at(one(Translate("ru", "Points", "Бонусы")).files, "/strings/ru/Points") == "Бонусы"
    gone = apply(files(), [Translate("ru", "Points", None), Translate("ru", "Level", None)])
    assert yaml.safe_load(gone.files["strings/ru.yaml"]) == {}
    again = apply(gone.files, [Translate("ru", "Level", "Ступень")])
    assert again.files["strings/ru.yaml"].startswith("Level: Ступень".encode())


def test_a_language_comes_and_goes_with_all_it_has() -> None:
    more = apply(files(), [AddLanguage("kk"), Translate("kk", "Points", "Ұпай")])
    assert said(more)["languages"] == ["en", "ru", "kk"]
    less = apply(more.files, [RemoveLanguage("kk"), RemoveLanguage("ru")])
    assert said(less)["languages"] == ["en"]
    assert not [name for name in less.files if name.startswith("strings/")]
    with pytest.raises(EditError, match="needs one language"):
        apply(less.files, [RemoveLanguage("en")])


def test_a_picture_takes_its_slots_name_and_drops_the_one_before() -> None:
    after = apply(files(), [Picture("strip", "../../IMG 1.JPG", b"one", (0.5, 0.2))])
    assert said(after)["images"] == {"icon": "icon.png", "strip": "strip.jpg"}
    assert said(after)["image_focus"] == {"strip": [0.5, 0.2]}
    png = apply(after.files, [Picture("strip", "two.png", b"two")])
    assert set(png.files) == {"template.yaml", "strings/ru.yaml", "icon.png", "strip.png"}
    assert not said(png)["image_focus"]
    same = apply(png.files, [Picture("strip", "three.png", b"three")])
    assert (same.files["strip.png"], same.touched) == (b"three", ("/files/strip.png",))


def test_a_picture_that_another_slot_shows_stays() -> None:
    both = apply(files(), [Set("/images/logo", "icon.png"), Picture("logo", "x.png", b"new"), RemovePicture("logo")])
    assert (both.files["icon.png"], set(both.files)) == (b"icon", set(files()))


def test_a_file_is_removed_only_when_nothing_names_it() -> None:
    assert "old.png" not in apply({**files(), "old.png": b""}, [RemoveFile("old.png")]).files
    with pytest.raises(EditError, match="in use"):
        apply(files(), [RemoveFile("icon.png")])


def test_a_variable_is_renamed_wherever_it_is_read() -> None:
    before = files(WRITTEN.replace("label: Points", 'label: "Points of {{ name }}"') + "google: {points: points}\n")
    before["strings/ru.yaml"] = '"Points of {{ name }}": "Баллы: {{ name | upper }}"\n'.encode()
    after = apply(before, [RenameVariable("name", "holder"), RenameVariable("points", "bonus")])
    raw = said(after)
    assert list(raw["variables"]) == ["holder", "bonus", "level"]
    assert raw["variables"]["holder"]["alias"] == ["name"]
    assert raw["fields"]["header"][0]["value"] == "{{ bonus }}"
    assert raw["fields"]["header"][0]["label"] == "Points of {{ holder }}"
    assert raw["google"] == {"points": "points"}  # the field's key goes before a variable's name
    assert yaml.safe_load(after.files["strings/ru.yaml"]) == {"Points of {{ holder }}": "Баллы: {{ holder | upper }}"}
    assert parse_template(after.files).aliases == {"name": "holder", "points": "bonus"}
    back = apply(after.files, [RenameVariable("holder", "name")])
    assert said(back)["variables"]["name"]["alias"] == ["holder"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{{ name }}", "{{ who }}"),
        ("name {{ name | default('name') }} name", "name {{ who | default('name') }} name"),
        ("{{ card.name }} {{ names }} {{ x | name }}", "{{ card.name }} {{ names }} {{ x | name }}"),
        ("{{ f | truncate(length=name) }}", "{{ f | truncate(length=who) }}"),
        ("{{ name", "{{ who"),
        ("{{ name + 'x", "{{ name + 'x"),
        ("{{ 'Anna' if name == '' else name }}", "{{ 'Anna' if who == '' else who }}"),
    ],
)
def test_only_the_name_itself_is_renamed(text: str, expected: str) -> None:
    from passkit.editnames import renamed

    assert renamed(text, "name", "who") == expected


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (Set("/style", "poster"), "/style"),
        (Set("/nonsense", 1), "/nonsense"),
        (Set("/fields/header/0/key", "two words"), "/fields/header/0/key"),
        (Set("/fields/header/x/key", "k"), "/fields/header/x/key"),
        (Set("/variables/points/max_length", 0), "/variables/points/max_length"),
        (Set("/name/first", "x"), "/name/first"),
        (Set("", {}), ""),
        (Remove("/name"), "/name"),
        (Insert("/name", 0, "x"), "/name"),
        (Move("/fields/header", 7, 0), "/fields/header"),
        (Set("/colors", [1]), "/colors"),
        (Translate("../x", "a", "b"), "/strings/..~1x/a"),
        (RenameVariable("points", "Points!"), "/variables/points"),
        (RenameVariable("points", "level"), "/variables/points"),
        (AddLanguage("klingon"), "/languages/2"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(change: edit.Edit, pointer: str) -> None:
    with pytest.raises(EditError) as refused:
        one(change)
    assert pointer in [problem.pointer for problem in refused.value.problems]


def test_a_draft_may_be_half_way_wrong() -> None:
    after = apply(files(), [Set("/fields/header/0/value", "{{ poi"), Set("/images/logo", "later.png")])
    assert said(after)["fields"]["header"][0]["value"] == "{{ poi"


def test_a_draft_that_was_wrong_before_can_be_mended_step_by_step() -> None:
    wrong = files(WRITTEN + "nonsense: 1\n")
    assert said(apply(wrong, [Set("/name", "New")]))["name"] == "New"
    assert "nonsense" not in said(apply(wrong, [Remove("/nonsense")]))


def test_windows_line_ends_and_a_byte_order_mark_stay() -> None:
    before = {**files(), "template.yaml": b"\xef\xbb\xbf" + WRITTEN.replace("\n", "\r\n").encode()}
    after = apply(before, [Set("/colors/label", "#fff"), Insert("/fields/header", 0, {"key": "x", "value": "y"})])
    content = after.files["template.yaml"]
    assert content.startswith(b"\xef\xbb\xbf# A card")
    assert content.count(b"\n") == content.count(b"\r\n") == WRITTEN.count("\n") + 2


def test_places_overlap_with_those_above_and_below_them() -> None:
    mine = ("/fields/header/0/label", "/name", "/colors")
    assert overlap(mine, ["/fields/header"]) == ("/fields/header/0/label",)
    assert overlap(mine, ["/colors/label", "/names"]) == ("/colors",)
    assert overlap(mine, [""]) == mine
    assert overlap(mine, ["/fields/header/0", "/name"]) == mine[:2]


def test_edits_travel_as_json() -> None:
    edits = (
        Set("/name", {"a": [1, 2.5, None, True]}),
        Move("/fields/header", 0, 1, "/fields/back"),
        Insert("/x", None, "y"),
        Translate("ru", "a", None),
        Picture("strip", "a.png", b"\x00\xff", (0.0, 1.0)),
        RenameVariable("a", "b"),
    )
    assert edit.from_json(edit.to_json(edits)) == edits


@pytest.mark.parametrize(
    ("rows", "pointer"),
    [
        ({}, "/edits"),
        ([{"op": "drop"}], "/edits/0/op"),
        ([{"op": []}], "/edits/0/op"),
        ([{"op": "set", "path": "/a"}], "/edits/0/value"),
        ([{"op": "set", "path": 1, "value": 1}], "/edits/0/path"),
        ([{"op": "set", "path": "/a", "value": "\ud800"}], "/edits/0/value"),
        ([{"op": "set", "path": "/a", "value": float("nan")}], "/edits/0/value"),
        ([{"op": "set", "path": "/a", "value": 1, "x": 1}], "/edits/0/x"),
        ([{"op": "insert", "path": "/a", "index": -1, "value": 1}], "/edits/0/index"),
        ([{"op": "picture", "slot": "a", "file": "b", "content": "???"}], "/edits/0/content"),
        ([{"op": "picture", "slot": "a", "file": "b", "content": "", "focus": [0, 2]}], "/edits/0/focus"),
        ([{"op": "remove", "path": "/a"}] * 501, "/edits"),
    ],
)
def test_json_that_is_no_edit_is_refused_with_its_place(rows: Any, pointer: str) -> None:
    with pytest.raises(EditError) as refused:
        edit.from_json(rows)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


# Any sequence of edits.

_TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["yes", "null", "12", "1e3", "a: b", "# c", "- d", "{{ x }}", "'", '"', "\\", "  ", "\n", "é\u2028", "🙂"]
    ),
)
_VALUES = st.recursive(
    st.one_of(_TEXTS, st.integers(-(10**15), 10**15), st.booleans(), st.none(), st.floats(-1e6, 1e6).map(lambda f: round(f, 3))),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        return found + [place for key, below in value.items() for place in places(below, (*path, key))]
    if isinstance(value, list):
        return found + [place for index, below in enumerate(value) for place in places(below, (*path, index))]
    return found


def held(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


def step(data: st.DataObject, document: yamledit.Document, oracle: Any) -> tuple[yamledit.Document, str]:
    """One operation on the text and on plain values; the answer is the top key that it touched."""
    path = data.draw(st.sampled_from(places(oracle)), label="path")
    value = data.draw(_VALUES, label="value")
    holder, last = held(oracle, path[:-1]), path[-1]
    here = holder[last]
    ways = (
        ["put", "remove"] + (["key"] if isinstance(here, dict) else []) + (["rename"] if isinstance(last, str) else [])
    )
    ways += ["insert"] if isinstance(here, list) else []
    ways += ["move"] if isinstance(here, list) and len(here) > 1 else []
    way = data.draw(st.sampled_from(ways), label="way")
    if way == "put":
        holder[last] = value
        return yamledit.put(document, path, value), path[0]
    if way == "remove":
        del holder[last]
        return yamledit.remove(document, path), path[0]
    if way == "key":
        key = data.draw(_TEXTS, label="key")
        here[key] = value
        return yamledit.put(document, (*path, key), value), path[0]
    if way == "rename":
        key = data.draw(_TEXTS.filter(lambda key: key not in holder), label="new key")
        moved = {key if name == last else name: below for name, below in holder.items()}
        holder.clear()
        holder.update(moved)
        return yamledit.rename(document, path, key), path[0]
    if way == "insert":
        index = data.draw(st.integers(0, len(here)), label="index")
        here.insert(index, value)
        return yamledit.insert(document, path, index, value), path[0]
    source, target = data.draw(st.integers(0, len(here) - 1)), data.draw(st.integers(0, len(here) - 1))
    here.insert(target, here.pop(source))
    return yamledit.move(document, path, source, target), path[0]


def sections(text: str) -> dict[str, str]:
    """Top key -> its lines, without the comments and the empty lines that stand before the next one."""
    parts = re.split(r"(?m)^(?=[A-Za-z_]+:)", text)
    return {
        part.split(":")[0]: re.sub(r"(\n(#[^\n]*)?)+\Z", "", part) for part in parts if re.match(r"[A-Za-z_]+:", part)
    }


WRITTEN_BY = {
    "hand": WRITTEN,
    **{key: starter(key)["template.yaml"].decode() for key in ("coffee", "salon", "fitness")},
}


@settings(max_examples=60, deadline=None)
@given(data=st.data(), which=st.sampled_from(sorted(WRITTEN_BY)))
def test_any_edits_say_what_they_should_and_leave_every_other_byte(data: st.DataObject, which: str) -> None:
    before = WRITTEN_BY[which]
    document = yamledit.parse("template.yaml", before.encode())
    oracle = copy.deepcopy(dict(document.value))
    touched = set()
    for _ in range(data.draw(st.integers(1, 5), label="steps")):
        if not oracle:
            break
        document, key = step(data, document, oracle)
        touched.add(key)
    assert document.value == oracle
    assert yamlsafe.load("template.yaml", document.content) == oracle
    after = document.text
    for key, lines in sections(before).items():
        if key not in touched:
            assert lines in after, key
