"""template.yaml as a JSON Schema, for editors that complete and check while one types.

Made from the same models that check a template, with the sentences of ``schema_words``; draft 7, which all editors of YAML
read. It knows form only: what an expression means, whether files are there and what the wallets' limits are is for
``template lint`` to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from passkit.layout import MAX_CONSENT
from passkit.schema import Template
from passkit.schema_words import WORDS
from passkit.schemacheck import VARIABLE_NAME
from passkit.variables import MAX_QUESTION

DIALECT = "http://json-schema.org/draft-07/schema#"
Json = dict[str, Any]

_TEXT: Json = {"type": "string"}


def _either(*forms: Json) -> Json:
    return {"anyOf": list(forms)}


def _ref(model: str) -> Json:
    return {"$ref": f"#/definitions/{model}"}


def _listed(model: str, most: int, *others: Json) -> Json:
    one = _either(_ref(model), *others) if others else _ref(model)
    return _either(_ref(model), *others, {"type": "array", "items": one, "maxItems": most})


_SHORTHANDS: Mapping[tuple[str, str], Json] = {
    ("Template", "barcode"): _listed("Barcode", 10),
    ("Template", "relevant_dates"): _listed("RelevantDate", 20, _TEXT),
    ("Consents", "processing"): _either({**_TEXT, "minLength": 1, "maxLength": MAX_CONSENT}, _ref("Consent")),
    ("Consents", "marketing"): _either({**_TEXT, "minLength": 1, "maxLength": MAX_CONSENT}, _ref("Consent")),
    ("Variable", "ask"): _either(
        {"type": "boolean"}, {**_TEXT, "minLength": 1, "maxLength": MAX_QUESTION}, _ref("Ask")
    ),
    ("Variable", "alias"): _either(_TEXT, {"type": "array", "items": _TEXT, "maxItems": 10}),
}
"""What may be written in more ways than the model keeps."""


def template_schema() -> Json:
    """The schema of template.yaml as JSON values."""
    made = Template.model_json_schema(ref_template="#/definitions/{model}")
    models = {name: _model(name, part) for name, part in sorted(made.pop("$defs").items())}
    head = {
        "$schema": DIALECT,
        "title": "Passbell card template",
        "description": "template.yaml of a card template. Texts may hold expressions: {{ points }}.",
    }
    whole = {**head, **_model("Template", made), "definitions": models}
    whole["properties"]["variables"]["propertyNames"] = {"pattern": f"^{VARIABLE_NAME.pattern}$"}
    return whole


def _model(name: str, part: Json) -> Json:
    """One model: its keys with their sentences, and no others."""
    words = WORDS.get(name, {})
    properties = {}
    for key, form in part["properties"].items():
        shown = _SHORTHANDS.get((name, key)) or _plain(form)
        properties[key] = {"description": words.get(key, ""), **shown}
    required = {"required": part["required"]} if "required" in part else {}
    return {"type": "object", "properties": properties, **required, "additionalProperties": False}


def _plain(form: Any) -> Any:
    """Without what pydantic adds for itself, and in the words of draft 7."""
    if isinstance(form, list):
        return [_plain(one) for one in form]
    if not isinstance(form, dict):
        return form
    made = {key: _plain(part) for key, part in form.items() if key not in ("title", "description")}
    if "default" in made and made["default"] in (None, [], {}):
        del made["default"]
    if items := made.pop("prefixItems", None):
        made["items"] = items[0]
    if "patternProperties" in made:
        made["additionalProperties"] = False
    if "gt" in made:
        above = made.pop("gt")
        made = {"type": "number", "exclusiveMinimum": above}
    return made
