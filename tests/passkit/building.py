"""Small templates, brands and cards for the tests of this room."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml
from PIL import Image

from passkit.apple import passjson
from passkit.errors import Problem, TemplateError
from passkit.model import Brand, Card, News, Pass
from passkit.render import Revision, compile_revision, fill
from passkit.schema import Template, parse_template

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
BRAND = Brand(
    key="demo",
    name="Demo & Sons",
    pass_type_identifier="pass.com.example.demo",
    team_identifier="A1B2C3D4E5",
    languages=("ru", "en"),
    time_zone="Europe/Moscow",
    web_service_url="https://cards.example.com/passkit",
)


def picture(width: int = 90, height: int = 90) -> bytes:
    """A plain PNG."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (90, 60, 40)).save(stream, "PNG")
    return stream.getvalue()


ICON = picture()


def files(document: Mapping[str, Any], strings: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, bytes]:
    """A template's folder: what the test gives, over the least that a template needs."""
    whole = {"key": "demo", "style": "storeCard", "name": "Demo", "images": {"icon": "icon.png"}, **document}
    made = {"template.yaml": yaml.safe_dump(whole, allow_unicode=True, sort_keys=False).encode(), "icon.png": ICON}
    for language, table in (strings or {}).items():
        made[f"strings/{language}.yaml"] = yaml.safe_dump(dict(table), allow_unicode=True).encode()
    return made


def template(strings: Mapping[str, Mapping[str, str]] | None = None, **document: Any) -> Template:
    """A parsed template."""
    return parse_template(files(document, strings))


def revision(strings: Mapping[str, Mapping[str, str]] | None = None, brand: Brand = BRAND, **document: Any) -> Revision:
    """A compiled template."""
    return compile_revision(template(strings, **document), brand)


def card(data: Mapping[str, Any] | None = None, **more: Any) -> Card:
    """An active card."""
    given = {"serial_number": "S3rial", "number": "1234567897", "authentication_token": "t" * 32, **more}
    return Card(data=data or {}, **given)


def filled(made: Revision, data: Mapping[str, Any] | None = None, news: News | None = None, **more: Any) -> Pass:
    """A card filled into a revision."""
    return fill(made, card(data, **more), news, None, NOW)


def document(pass_: Pass) -> dict[str, Any]:
    """pass.json as a reader parses it."""
    parsed: dict[str, Any] = json.loads(passjson.files(pass_)["pass.json"])
    return parsed


def value_of(
    expression: str, data: Mapping[str, Any] | None = None, variables: Mapping[str, Any] | None = None, **more: Any
) -> Any:
    """What one expression gives in the value of a back field."""
    field = {"key": "it", "value": expression}
    made = revision(variables=dict(variables or {}), fields={"back": [field]}, **more)
    return document(filled(made, data))["storeCard"]["backFields"][0]["value"]


def problems(found: Mapping[str, bytes] | None = None, **given: Any) -> dict[str, Problem]:
    """What is wrong with a template, by pointer; fails when nothing is."""
    try:
        compile_revision(parse_template(found if found is not None else files(given)), BRAND)
    except TemplateError as error:
        return {problem.pointer: problem for problem in error.problems}
    raise AssertionError("the template was accepted")


def fill_as(made: Revision, one: Card, language: str | None = None) -> dict[str, bytes]:
    """The files of a card filled in a language."""
    return passjson.files(fill(made, one, None, language, NOW))
