"""docs/templates.md: every example on it is run, every table is compared with the program, nothing is left out."""

import itertools
import json
import re
import shlex
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from commands import limited, limited_child
from commands.settings import parse
from passkit import archive, expressions, images, limits_fields, limits_pass, plan, schemacheck, variables, yamlsafe
from passkit.apple.barcodes import BARCODE_FORMATS
from passkit.data import accept
from passkit.errors import Severity
from passkit.formats import formats
from passkit.google.pictures import LOGO_INNER
from passkit.google.types import GoogleType
from passkit.layout import (
    Barcode,
    Colors,
    FeaturedAction,
    Format,
    GoogleHints,
    PassFieldTemplate,
    Stamps,
    Style,
    TransitType,
    Variant,
    Zones,
)
from passkit.limits import check
from passkit.model import Brand, Card
from passkit.money import MAX_INTEGER, major
from passkit.render import compile_revision, fill
from passkit.schema import Template, parse_template
from passkit.variables import NotAccepted, Variable, accept_value
from store import templates
from tests.commands.conftest import (  # noqa: F401 - fixtures
    SECRET,
    Shell,
    installed,
    installed_model,
    logging_as_before,
    shell,
)

PAGE = (Path(__file__).parent.parent / "docs" / "templates.md").read_text(encoding="utf-8")
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BRAND = Brand("tea", "Tea room", "pass.com.example.tea", "A1B2C3D4E5", ("en", "ru"), "Europe/Moscow")

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Example:
    """A fenced block: its language, the words after it, its text and the line where it begins."""

    language: str
    words: tuple[str, ...]
    text: str
    line: int


def fences() -> Iterator[Example]:
    for found in _FENCE.finditer(PAGE):
        yield Example(found[1], tuple(found[2].split()), found[3], PAGE.count("\n", 0, found.start()) + 1)


EXAMPLES = list(fences())
WHOLE = [one for one in EXAMPLES if one.language == "yaml" and one.words == ("template",)]
PARTS = [one for one in EXAMPLES if one.language == "yaml" and one.words[:1] not in (("template",), ("strings",))]
STRINGS = [one for one in EXAMPLES if one.language == "yaml" and one.words[:1] == ("strings",)]


def rows(heading: str, column: str) -> list[list[str]]:
    """The table under a heading whose first column is called so, without its head."""
    rest = re.split(rf"^#+ {re.escape(heading)}$", PAGE, maxsplit=1, flags=re.MULTILINE)[1]
    here = re.split(r"^##", rest, maxsplit=1, flags=re.MULTILINE)[0]
    table = re.search(rf"^\| {re.escape(column)} \|.*\n\|[-|]+\n((?:\|.*\n)+)", here, re.MULTILINE)
    assert table is not None, f"{heading}: {column}"
    lines = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in table[1].splitlines()]
    return [[cell.strip().replace("\\|", "|") for cell in line] for line in lines]


def first_names(heading: str, column: str) -> list[str]:
    return [name for row in rows(heading, column) for name in _CODE.findall(row[0])]


def strings_after(example: Example) -> dict[str, bytes]:
    """The strings tables that stand right below an example."""
    place = EXAMPLES.index(example) + 1
    found = {}
    while place < len(EXAMPLES) and EXAMPLES[place].words[:1] == ("strings",):
        found[f"strings/{EXAMPLES[place].words[1]}.yaml"] = EXAMPLES[place].text.encode()
        place += 1
    return found


def draw(name: str, slot: str, folder: Path) -> bytes:
    """A picture of the size that the slot wants, an icon of what Google wants, under the name that the example gives it."""
    place = images.SLOTS[slot]
    file = folder / name
    size = (LOGO_INNER, LOGO_INNER) if slot == "icon" else (place.width * 3, place.height * 3)
    Image.new("RGB", size, (30, 90, 60)).save(file)
    return file.read_bytes()


def pictures(document: dict[str, Any], folder: Path) -> dict[str, bytes]:
    slots = [document.get("images", {}), *document.get("localized_images", {}).values()]
    slots += [variant.get("images", {}) for variant in document.get("variants", [])]
    stamps = [name for key in ("icon", "last") if (name := document.get("stamps", {}).get(key))]
    named = [(name, slot) for one in slots for slot, name in one.items()] + [(name, "artwork") for name in stamps]
    return {name: draw(name, slot, folder) for name, slot in named}


def completed(example: Example) -> dict[str, Any]:
    """An example that shows some keys, over the least that a template of its style needs."""
    style = example.words[0] if example.words else "storeCard"
    given: dict[str, Any] = yaml.safe_load(example.text)
    base = {
        "key": "part",
        "style": style,
        "name": "Part",
        "images": {"icon": "icon.png"},
        "variables": {
            "name": {"default": "", "sample": "Anna"},
            "points": {"type": "integer", "default": 0, "sample": 21},
            "rate": {"type": "decimal", "default": "0.05"},
            "visit": {"type": "datetime", "optional": True, "sample": "2026-12-01T18:30:00+03:00"},
        },
    }
    return base | given


def judged(document: dict[str, Any], more: dict[str, bytes], folder: Path) -> tuple[Template, list[str]]:
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()
    template = parse_template({"template.yaml": text, **pictures(document, folder), **more})
    compile_revision(template, BRAND)
    return template, [str(problem) for problem in check(template) if problem.severity is not Severity.NOTE]


@pytest.mark.parametrize("example", WHOLE, ids=lambda one: f"line{one.line}")
def test_a_whole_template_is_one_that_lint_has_nothing_against(example: Example, tmp_path: Path):
    document = yaml.safe_load(example.text)
    more = strings_after(example)
    raw = {"template.yaml": example.text.encode(), **pictures(document, tmp_path), **more}
    template = parse_template(raw)
    compile_revision(template, BRAND)
    assert [str(problem) for problem in check(template) if problem.severity is not Severity.NOTE] == []


@pytest.mark.parametrize("example", PARTS, ids=lambda one: f"line{one.line}")
def test_a_part_of_a_template_fits_into_one_and_has_no_fault_of_its_own(example: Example, tmp_path: Path):
    document = completed(example)
    own = set(yaml.safe_load(example.text))
    _, found = judged(document, strings_after(example), tmp_path)
    assert [line for line in found if line.split(": ")[1].split("/")[1] in own] == []


def test_there_are_whole_templates_parts_and_strings():
    assert (len(WHOLE) >= 3, len(PARTS) >= 8, len(STRINGS) >= 2) == (True, True, True)
    assert {"text", "yaml", "sh"} == {one.language for one in EXAMPLES}


def test_the_first_template_is_linted_built_imported_and_published_as_written(
    installed: Shell,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
):
    folder = installed.folder / "tea"
    folder.mkdir()
    (folder / "strings").mkdir()
    (folder / "template.yaml").write_text(WHOLE[0].text, encoding="utf-8")
    for name, content in strings_after(WHOLE[0]).items():
        (folder / name).write_bytes(content)
    pictures(yaml.safe_load(WHOLE[0].text), folder)
    monkeypatch.chdir(installed.folder)
    for example, after in itertools.pairwise(EXAMPLES):
        if example.language == "sh" and not example.words:
            said = "".join(installed.done(*shlex.split(line)[1:]) for line in example.text.splitlines())
            if after.language == "text":
                assert [line for line in after.text.splitlines() if line not in said.splitlines()] == []
    assert (installed.folder / "anna.pkpass").read_bytes().startswith(b"PK")
    exported = archive.unpack((installed.folder / "tea.zip").read_bytes())
    assert exported["template.yaml"].decode() == WHOLE[0].text


def test_the_settings_that_lead_into_the_demo_are_settings(tmp_path: Path):
    example = next(one for one in EXAMPLES if one.words == ("demo",))
    given = dict(word.split("=", 1) for word in shlex.split(example.text.splitlines()[0])[1:])
    settings = parse(given, lambda file: {"var/secret": SECRET}[file])
    assert (settings.public_url, settings.database_url) == ("http://127.0.0.1:8080", "sqlite:///var/passbell.db")
    assert settings.secret == SECRET


SAMPLE_VARIABLES = {
    "name": Variable(default=""),
    "points": Variable(type="integer", default=0),
    "balance": Variable(type="money", currency="RUB", default=0),
    "rate": Variable(type="decimal", default="0"),
    "vip": Variable(type="boolean", default=False),
    "birthday": Variable(type="date", optional=True),
    "visit": Variable(type="datetime", optional=True),
    "note": Variable(optional=True),
}
SAMPLE_DATA = {
    "name": "anna petrova",
    "points": 21,
    "balance": 1234500,
    "rate": "1.5",
    "vip": True,
    "birthday": "1990-02-28",
    "visit": "2026-12-01T18:30:00+03:00",
}
SPACES = str.maketrans({"\u00a0": " ", "\u202f": " "})


def shown(expression: str, language: str, folder: Path) -> str:
    document = {
        "key": "it",
        "style": "generic",
        "name": "It",
        "languages": [language],
        "images": {"icon": "icon.png"},
        "variables": {name: one.model_dump(exclude_defaults=True) for name, one in SAMPLE_VARIABLES.items()},
        "fields": {"back": [{"key": "it", "value": expression}]},
    }
    text = yaml.safe_dump(document, allow_unicode=True).encode()
    template = parse_template({"template.yaml": text, **pictures(document, folder)})
    card = Card("S", "1234567897", "t" * 32, accept(template, SAMPLE_DATA))
    return fill(compile_revision(template, BRAND), card, None, None, NOW).fields[0].text.translate(SPACES)


@pytest.mark.parametrize("row", rows("Expressions", "expression"), ids=lambda row: row[0])
def test_an_expression_shows_what_the_page_says(row: list[str], tmp_path: Path):
    expression, english, russian = row
    expression = expression.strip("`")
    assert (shown(expression, "en", tmp_path), shown(expression, "ru", tmp_path)) == (english, russian)


def test_every_filter_and_every_operator_has_an_example():
    examples = "\n".join(row[0] for row in rows("Expressions", "expression"))
    used = set(re.findall(r"\| (\w+)", examples))
    assert used == set(expressions.FILTERS)
    told = re.search(r"Every filter: (.*?)\.", PAGE, re.DOTALL)
    assert told is not None
    assert _CODE.findall(told[1]) == sorted(expressions.FILTERS)


def test_every_name_and_every_test_of_an_expression_is_told():
    names = {f"{space}.{name}" for space, known in expressions.NAMESPACES.items() for name in known}
    assert {name for name in names if f"`{name}`" not in PAGE} == set()
    assert {name for name in expressions.TESTS if f"`is {name}`" not in PAGE} == set()


def variable_of(kind: str) -> Variable:
    return Variable.model_validate({"type": kind} | ({"currency": "RUB"} if kind == "money" else {}))


def sent(kind: str, column: int) -> list[Any]:
    row = next(row for row in rows("Variables", "type") if row[0] == f"`{kind}`")
    return [json.loads(written, parse_float=Decimal) for written in _CODE.findall(row[column])]


KINDS = typing.get_args(variables.VariableType)


@pytest.mark.parametrize("kind", KINDS)
def test_a_variable_takes_what_the_page_says_and_refuses_what_it_says(kind: str):
    taken, refused = sent(kind, 1), sent(kind, 2)
    assert taken
    assert refused
    for value in taken:
        accept_value(variable_of(kind), value)
    for value in refused:
        with pytest.raises(NotAccepted):
            accept_value(variable_of(kind), value)


@pytest.mark.parametrize("row", rows("Money", "sent"), ids=lambda row: f"{row[0]} {row[1]}")
def test_money_is_kept_and_read_as_the_page_says(row: list[str]):
    given, currency, kept, read = row
    minor = accept_value(Variable(type="money", currency=currency), json.loads(given.strip("`")))
    assert isinstance(minor, int)
    assert (str(minor), formats("ru", "Europe/Moscow").money(major(minor, currency), currency).translate(SPACES)) == (
        kept,
        read,
    )


@pytest.mark.parametrize(
    ("heading", "column", "names"),
    [
        ("template.yaml, key by key", "key", set(Template.model_fields)),
        ("Variables", "key", set(Variable.model_fields)),
        ("Variables", "type", set(KINDS)),
        ("Fields", "key", set(PassFieldTemplate.model_fields)),
        ("Barcodes", "key", set(Barcode.model_fields)),
        ("Variants", "key", set(Variant.model_fields)),
        ("Stamps", "key", set(Stamps.model_fields)),
        ("Styles", "style", set(typing.get_args(Style))),
        ("Formats", "format", set(typing.get_args(Format))),
        ("Pictures", "slot", set(images.SLOTS)),
    ],
)
def test_a_table_names_all_that_there_is_and_nothing_else(heading: str, column: str, names: set[str]):
    told = first_names(heading, column)
    assert sorted(told) == sorted(names)


@pytest.mark.parametrize(
    "names",
    [
        set(Zones.model_fields),
        set(Colors.model_fields),
        set(BARCODE_FORMATS),
        set(typing.get_args(TransitType)),
        set(typing.get_args(FeaturedAction.model_fields["type"].annotation)),
        set(GoogleType),
        set(GoogleHints.model_fields),
    ],
    ids=["zones", "colors", "barcodes", "transit", "actions", "google types", "google hints"],
)
def test_every_word_that_a_key_takes_is_told(names: set[str]):
    assert {name for name in names if not re.search(rf"`{name}`", PAGE)} == set()


@pytest.mark.parametrize("row", rows("Pictures", "slot"), ids=lambda row: row[0])
def test_a_slot_has_the_size_the_way_and_the_styles_of_the_page(row: list[str]):
    slot = images.SLOTS[row[0].strip("`")]
    named = set(_CODE.findall(row[4]))
    styles = images.STYLES - named if row[4].startswith("all") else named
    best = f"{slot.width * 3} x {slot.height * 3}"
    assert row[1:4] == [f"{slot.width} x {slot.height}", best, "filled" if slot.exact else "fitted"]
    assert styles == slot.styles


@pytest.mark.parametrize("row", rows("Styles", "style"), ids=lambda row: row[0])
def test_a_style_draws_as_many_fields_as_the_page_says(row: list[str]):
    style = row[0].strip("`")
    drawn: dict[str, int] = {}
    for room in (room for room in limits_fields.ROOMS if room.style == style):
        drawn |= dict.fromkeys(room.zones, room.drawn)
    for zone, cell in zip(("header", "primary", "secondary", "auxiliary", "footer"), row[2:], strict=True):
        dropped = zone in limits_fields.DROPPED[style]
        assert cell.split()[0] == ("–" if dropped else str(drawn[zone])), zone


NUMBERS = {
    "template.yaml and each strings file": (yamlsafe.MAX_BYTES // 1024,),
    "files of a template": (templates.MAX_FILES,),
    "a zip, and all that is in it": (archive.MAX_ARCHIVE // 1024**2,),
    "levels, values in a YAML file": (yamlsafe.MAX_DEPTH, yamlsafe.MAX_VALUES),
    "languages": (40,),
    "variants": (20,),
    "stamps": (30,),
    "looks: variants and the template's own, times stamps and none": (schemacheck.MAX_LOOKS,),
    "variables": (200,),
    "`choices` of a variable": (200,),
    "former names of a variable": (variables.MAX_ALIASES,),
    "a question of `ask`": (variables.MAX_QUESTION,),
    "fields in a zone": (100,),
    "one text, one translation": (schemacheck.MAX_TRANSLATION,),
    "a text variable": (variables.TEXT_LENGTH, variables.MAX_TEXT_LENGTH),
    "expressions in a text": (expressions.MAX_EXPRESSIONS,),
    "operations in an expression": (expressions.MAX_NODES,),
    "what a text may grow to with the longest data": (expressions.MAX_RESULT,),
    "what all texts may grow to": (plan.MAX_TOTAL,),
    "barcodes": (10,),
    "locations, beacons": (100, limits_pass.MOST["locations"][0]),
    "relevant dates": (20,),
    "featured actions": (20, limits_pass.MOST["featured_actions"][0]),
    "integers and amounts in minor units": (MAX_INTEGER,),
    "digits of a decimal": (variables.MAX_DECIMAL_DIGITS,),
    "years": (variables.MIN_YEAR, variables.MAX_YEAR),
    "an NFC message": (limits_pass.MAX_NFC_MESSAGE,),
    "a picture": (images.MAX_BYTES // 1024**2,),
    "pixels of a PNG or WebP": (images.MAX_PIXELS,),
    "pixels of a JPEG": (images.MAX_JPEG_PIXELS, images.MAX_PROGRESSIVE_PIXELS),
    "a label before lint warns": (limits_fields.LABEL_LENGTH, limits_fields.HEADER_LABEL_LENGTH),
    "a lock-screen text before lint speaks": (limits_fields.SEEN_LENGTH, limits_fields.MESSAGE_LENGTH),
}


def test_the_table_of_numbers_holds_the_program_s_own():
    told = {row[0]: tuple(int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", row[1].split("`")[0])) for row in
            rows("Numbers and limits", "what")}  # fmt: skip
    assert told == NUMBERS


@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("languages", ["en"] * 41),
        ("variables", {f"v{n}": {} for n in range(201)}),
        ("variants", [{"when": "{{ 1 }}"}] * 21),
        ("barcode", [{"message": "1"}] * 11),
        ("locations", [{"latitude": 1, "longitude": 1}] * 101),
        ("beacons", [{"uuid": "E2C56DB5-DFFB-48D2-B060-D0F5A71096E0"}] * 101),
        ("relevant_dates", ["2026-12-31T18:00:00+03:00"] * 21),
        ("featured_actions", [{"identifier": f"a{n}", "type": "call", "url": "tel:1"} for n in range(21)]),
    ],
)
def test_one_more_than_a_number_of_the_table_is_refused(key: str, entry: Any):
    with pytest.raises(ValueError, match="at most"):
        Template.model_validate({"key": "many", "style": "storeCard", "name": "Many", key: entry})


def test_the_limited_process_has_what_the_page_says():
    assert (limited.TASK_SECONDS, limited_child.MEMORY) == (1.0, 512 * 1024**2)
    assert "512 MB" in PAGE
