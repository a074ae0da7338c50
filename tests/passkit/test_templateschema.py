"""The JSON Schema of template.yaml: judged by jsonschema, with our starters and the page's examples as cases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from passkit import yamlsafe
from passkit.schema_words import WORDS
from passkit.templateschema import template_schema
from tests.passkit.judged_styles import STARTERS, STYLES, files_of
from tests.passkit.test_template import MISTAKES

SHIPPED = Path(__file__).parents[2] / "docs" / "template.schema.json"
SCHEMA = template_schema()
JUDGE = Draft7Validator(SCHEMA)
LEAST: dict[str, Any] = {"key": "demo", "style": "storeCard", "name": "Demo"}


def errors(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in JUDGE.iter_errors(document)]


def test_it_is_a_schema_and_the_one_that_is_shipped() -> None:
    Draft7Validator.check_schema(SCHEMA)
    assert json.loads(SHIPPED.read_text(encoding="utf-8")) == SCHEMA, "write it anew: passbell template schema"


@pytest.mark.parametrize("name", [*STARTERS, *STYLES])
def test_every_starter_and_style_fits(name: str) -> None:
    assert errors(yamlsafe.load("template.yaml", files_of(name)["template.yaml"])) == []


def objects(schema: Any, place: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of the schema that has keys of its own."""
    if isinstance(schema, dict):
        if "properties" in schema and isinstance(schema["properties"], dict):
            yield place, schema
        for key, part in schema.items():
            yield from objects(part, f"{place}/{key}")
    elif isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from objects(part, f"{place}/{index}")


def test_no_object_takes_an_unknown_key_and_every_key_is_told_of() -> None:
    found = dict(objects(SCHEMA))
    assert len(found) == len(WORDS)
    for place, schema in found.items():
        assert schema["additionalProperties"] is False, place
        assert all(part["description"].endswith((".", '"')) for part in schema["properties"].values()), place


def test_there_are_no_words_for_keys_that_are_not_there() -> None:
    models = {"Template": SCHEMA, **SCHEMA["definitions"]}
    assert {name: set(words) for name, words in WORDS.items()} == {
        name: set(model["properties"]) for name, model in models.items()
    }


@pytest.mark.parametrize(
    "document",
    [
        {"styl": "generic"},
        {"fields": {"header": [{"key": "a", "value": "1", "lable": "A"}]}},
        {"fields": {"top": []}},
        {"variables": {"a": {"typ": "text"}}},
        {"variables": {"Not a name": {}}},
        {"barcode": {"message": "1", "kind": "qr"}},
        {"colors": {"border": "#fff"}},
        {"images": {"picture": "a.png"}},
        {"localized_images": {"not a language": {"strip": "a.png"}}},
        {"variants": [{"when": "{{ 1 }}", "color": {}}]},
        {"stamps": {"count": 1, "of": 3, "icon": "a.png", "full": "b.png"}},
        {"stamps": {"count": 1, "of": 31, "icon": "a.png"}},
        {"google": {"kind": "loyalty"}},
        {"google": {"event": {"place": "x"}}},
        {"style": "card"},
        {"image_focus": {"strip": [0.5]}},
        {"image_focus": {"strip": [0.5, 2]}},
        {"max_distance": 0},
    ],
)
def test_a_slip_is_refused(document: dict[str, Any]) -> None:
    assert errors({**LEAST, **document})


@pytest.mark.parametrize(
    "document",
    [
        {"barcode": {"message": "1"}},
        {"barcode": [{"message": "1"}, {"format": "code128", "message": "1"}]},
        {"relevant_dates": "{{ visit }}"},
        {"relevant_dates": ["{{ visit }}", {"start": "a", "end": "b"}]},
        {
            "variables": {
                "a": {"ask": True},
                "b": {"ask": "Who?"},
                "c": {"ask": {"required": True}},
                "d": {"alias": "e"},
            }
        },
        {"fields": {"back": [{"key": "a", "value": 5}, {"key": "b", "value": 1.5}]}},
        {"user_info": {"any": ["thing", 1, None]}, "apple": {"key": True}},
        {"max_distance": 300.5, "expires": None},
    ],
)
def test_every_way_of_writing_is_taken(document: dict[str, Any]) -> None:
    assert errors({**LEAST, **document}) == []


def test_what_is_missing_is_refused() -> None:
    assert errors({}) != []
    assert {message.split("'")[1] for message in errors({})} == {"key", "style", "name"}


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_the_schema_refuses_nothing_else_than_the_program(number: int) -> None:
    """Each of the mistakes that the program tells of is told by the schema too, or is beyond form."""
    given, place, _ = MISTAKES[number]
    found = errors({**LEAST, **yaml.safe_load(json.dumps(given))})
    tops = {place.split("/")[1]} if place else set()
    assert all(
        message.split(":")[0].removeprefix("$").lstrip(".").split(".")[0].split("[")[0] in {*tops, ""}
        for message in found
    )
