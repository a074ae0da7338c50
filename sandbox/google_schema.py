"""What the Wallet API takes, as strict JSON Schema 2020-12 made from Google's own discovery document.

The document (revision in ``revision()``) lies in the google-api-python-client package. It has no ``required`` and no
``additionalProperties``, so three readings make it strict: a property that no schema names is refused, a description that
begins with "Required." is a requirement, and an ``int64`` is a string of digits or an integer
(https://developers.google.com/discovery/v1/type-format). Nothing here is ours: tests judge our bodies by it.

What the descriptions say in words only (exactly one of two fields, ten at most) is in ``google_rules``.
"""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

DOCUMENT = "discovery_cache/documents/walletobjects.v1.json"

PARTIAL = "Partial"
"""What the name of a schema ends with in its reading for PATCH and PUT."""

_FORMATS: Mapping[str, dict[str, Any]] = {
    "int64": {"type": ["integer", "string"], "pattern": r"^-?[0-9]{1,19}$"},
    "uint64": {"type": ["integer", "string"], "pattern": r"^[0-9]{1,20}$", "minimum": 0},
    "int32": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "uint32": {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    "double": {"type": "number"},
    "byte": {"type": "string", "pattern": r"^[A-Za-z0-9+/_-]*={0,2}$"},
}


@lru_cache(maxsize=1)
def document() -> Mapping[str, Any]:
    """Google's discovery document of the Wallet API, as the package has it."""
    file = importlib.resources.files("googleapiclient").joinpath(DOCUMENT)
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def revision() -> str:
    """The date of the document, ``YYYYMMDD``."""
    return str(document()["revision"])


@lru_cache(maxsize=1)
def json_schema() -> Mapping[str, Any]:
    """All of it as one JSON Schema: ``$defs`` has every schema by its name, and again as ``{name}Partial``."""
    schemas = document()["schemas"]
    strict = {name: _object(schema, "") for name, schema in schemas.items()}
    partial = {name + PARTIAL: _object(schema, PARTIAL) for name, schema in schemas.items()}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {**strict, **partial}}


def problems(schema_name: str, body: object, *, partial: bool = False) -> list[str]:
    """What Google's document has against a body, each as ``/pointer: what``; none means that it holds.

    ``schema_name`` is the document's own name ("LoyaltyObject"). ``partial`` is for PATCH and PUT: nothing is required, and
    null stands for "clear this". KeyError for a name that the document does not have.
    """
    return [f"{_pointer(error)}: {error.message}" for error in errors(schema_name, body, partial=partial)]


def errors(schema_name: str, body: object, *, partial: bool = False) -> list[ValidationError]:
    """The same as ``problems``, as jsonschema gives them, in the order of their places."""
    found = [_told(error) for error in validator(schema_name, partial=partial).iter_errors(body)]
    return sorted(found, key=lambda error: [str(part) for part in error.absolute_path])


@lru_cache(maxsize=400)
def validator(schema_name: str, *, partial: bool = False) -> Draft202012Validator:
    """The validator of one schema; KeyError when there is none of that name."""
    name = schema_name + (PARTIAL if partial else "")
    definitions = json_schema()["$defs"]
    if name not in definitions:
        raise KeyError(schema_name)
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions})


def deprecations(schema_name: str, body: object) -> list[str]:
    """The places in a valid body where a field or an enum value is used that Google calls deprecated, as pointers."""
    return list(_deprecated({"$ref": schema_name}, body, ""))


def _object(schema: Mapping[str, Any], suffix: str) -> dict[str, Any]:
    properties = schema.get("properties", {})
    made: dict[str, Any] = {
        "type": "object",
        "properties": {name: _nullable(_property(it, suffix), suffix) for name, it in properties.items()},
        "additionalProperties": False,
    }
    required = [name for name, it in properties.items() if it.get("description", "").startswith("Required.")]
    if required and not suffix:
        made["required"] = required
    return made


def _property(schema: Mapping[str, Any], suffix: str) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": f"#/$defs/{schema['$ref']}{suffix}"}
    if schema["type"] == "array":
        return {"type": "array", "items": _property(schema["items"], suffix)}
    if "enum" in schema:
        return {"type": "string", "enum": list(schema["enum"])}
    return dict(_FORMATS.get(schema.get("format", ""), {"type": schema["type"]}))


def _nullable(schema: dict[str, Any], suffix: str) -> dict[str, Any]:
    return {"anyOf": [{"type": "null"}, schema]} if suffix else schema


def _told(error: ValidationError) -> ValidationError:
    """The error itself, not that of the choice between null and it."""
    while error.validator == "anyOf":
        error = next(inner for inner in error.context or () if inner.schema_path[0] == 1)
    return error


def _pointer(error: ValidationError) -> str:
    return "".join(f"/{part}" for part in error.absolute_path) or "/"


def _deprecated(schema: Mapping[str, Any], value: object, pointer: str) -> Iterator[str]:
    if isinstance(value, Mapping) and "$ref" in schema:
        properties = document()["schemas"][schema["$ref"]].get("properties", {})
        for name, inner in value.items():
            known = properties.get(name, {})
            if known.get("deprecated"):
                yield f"{pointer}/{name}"
            yield from _deprecated(known, inner, f"{pointer}/{name}")
    elif isinstance(value, list) and "items" in schema:
        for number, inner in enumerate(value):
            yield from _deprecated(schema["items"], inner, f"{pointer}/{number}")
    elif "enum" in schema and value in schema["enum"]:
        marks = schema.get("enumDeprecated", ())
        if any(mark for name, mark in zip(schema["enum"], marks, strict=False) if name == value):
            yield pointer
