"""What is wrong with a template, in words: pydantic's findings with a fix, and the rules that span several keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from passkit.errors import Problem, Severity, TemplateError
from passkit.variables import declaration_problems, text_problem

if TYPE_CHECKING:
    from passkit.schema import Template

VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
RESERVED = frozenset(
    {"card", "brand", "news", "self", "loop", "super", "caller", "varargs", "kwargs", "context", "environment"}
    | {"true", "false", "none", "and", "or", "not", "if", "else", "in", "is"}
)
"""Names that expressions use otherwise."""

MAX_TRANSLATION = 10_000  # characters
MAX_LOOKS = 64
"""Looks of one template, variants times stamps: with pictures, some hundred KB each in memory."""

_Found = tuple[str, str, str]  # pointer, detail, fix


def pointer(*parts: str | int) -> str:
    """An RFC 6901 JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def from_pydantic(error: ValidationError, raw: Any, model: type[BaseModel]) -> list[Problem]:
    """Pydantic's errors as problems: the pointer into what the author wrote, one sentence, one fix."""
    known: dict[str, Problem] = {}
    for found in error.errors(include_url=False):
        place = pointer(*_written(found["loc"], raw))
        problem = Problem(Severity.ERROR, place, _sentence(found), _fix(found, model))
        known.setdefault(place, problem)
    return list(known.values())


def _written(loc: Sequence[str | int], raw: Any) -> Iterator[str | int]:
    """The parts of pydantic's place that are in the document: not union tags, not the index of a lone entry."""
    here: Any = raw
    for position, part in enumerate(loc):
        if isinstance(here, Mapping) and part in here:
            here = here[str(part)]
        elif isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
        elif position < len(loc) - 1 or not isinstance(here, Mapping) or isinstance(part, int):
            continue
        yield part


def _sentence(found: Any) -> str:
    if found["type"] == "missing":
        return f"`{found['loc'][-1]}` is missing"
    if found["type"] == "extra_forbidden":
        return f"`{found['loc'][-1]}` is not a key of a template here"
    if found["type"] == "string_pattern_mismatch":
        return f"{str(found['input'])[:60]!r} does not have the right form"
    message = str(found["msg"])
    return message[:1].lower() + message[1:]


_FIXES = {
    "string_type": "Put the value in quotes to make it text.",
    "bool_type": "Write true or false.",
    "bool_parsing": "Write true or false.",
    "dict_type": "Write `key: value` lines.",
    "model_type": "Write `key: value` lines.",
    "tuple_type": "Write a list: [a, b].",
    "too_long": "Make it shorter.",
    "too_short": "Add at least one.",
    "text": "Shorten it, or remove control characters (a newline may stay).",
    "language": "Use a language code such as ru, en or pt-BR.",
}


def _fix(found: Any, model: type[BaseModel]) -> str:
    kind, loc, context = found["type"], found["loc"], found.get("ctx", {})
    if kind == "missing":
        return f"Add `{loc[-1]}:`."
    if kind == "extra_forbidden":
        names = _names_at(model, loc[:-1])
        close = get_close_matches(str(loc[-1]), names, n=1, cutoff=0.6)
        here = "a key of Apple's goes under `apple:`" if "apple" in names else f"known here: {', '.join(sorted(names))}"
        return f"Did you mean `{close[0]}`?" if close else f"Remove it; {here}."
    if kind == "literal_error":
        return f"Use {context['expected']}."
    if kind == "string_pattern_mismatch":
        return f"It must match {context['pattern']}."
    return _FIXES.get(kind, "Correct the value.")


def _names_at(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that the model at this place knows."""
    here: type[BaseModel] = model
    for part in loc:
        field = here.model_fields.get(str(part))
        here = _model_in(field.annotation) or here if field else here
    return list(here.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (*getattr(annotation, "__args__", ()), getattr(annotation, "__origin__", None))
    return next((found for part in inner if part is not annotation and part and (found := _model_in(part))), None)


def check(template: Template) -> list[Problem]:
    """The rules that span several keys."""
    rules = (
        _variables,
        _aliases,
        _keys,
        _style,
        _images,
        _variants,
        _stamps,
        _languages,
        _field_rules,
        _date_rules,
        _action_rules,
        _google,
        _consents,
    )
    return [Problem(Severity.ERROR, *found) for rule in rules for found in rule(template)]


def _variables(template: Template) -> Iterator[_Found]:
    for name, variable in template.variables.items():
        here = pointer("variables", name)
        if not VARIABLE_NAME.fullmatch(name):
            yield (
                here,
                f"`{name}` cannot be a variable's name",
                "Use small Latin letters, digits and _, a letter first.",
            )
        elif name in RESERVED:
            yield here, f"`{name}` means something else in expressions", f"Call it `{name}_value`, for example."
        for below, detail, fix in declaration_problems(variable):
            yield here + below, detail, fix


def _aliases(template: Template) -> Iterator[_Found]:
    """A former name means one variable: no other's name, present or former."""
    seen: dict[str, str] = {}
    for name, variable in template.variables.items():
        for former in variable.alias:
            here = pointer("variables", name, "alias")
            if not VARIABLE_NAME.fullmatch(former):
                yield (
                    here,
                    f"`{former[:64]}` was never a variable's name",
                    "Write the name that the variable had before.",
                )
            elif former in template.variables:
                yield here, f"`{former}` is a variable itself", "Take that variable out, or this alias."
            elif seen.setdefault(former, name) != name:
                yield here, f"`{former}` is an alias of `{seen[former]}` already", "Keep it at one of them."


def _keys(template: Template) -> Iterator[_Found]:
    """Keys are unique in a style's dictionary (PassFieldContent)."""
    seen: dict[tuple[bool, str], str] = {}
    for place, _, fields in template.zones():
        for index, field in enumerate(fields):
            here = f"{place}/{index}/key"
            first = seen.setdefault((place.startswith("/fallback"), field.key), here)
            if first != here:
                yield here, f"the key `{field.key}` stands twice (also at {first})", "Give each field its own key."


def _style(template: Template) -> Iterator[_Found]:
    if template.style == "boardingPass" and not template.transit_type:
        yield "/transit_type", "a boarding pass needs `transit_type`", "Add one of: air, boat, bus, generic, train."
    if not (fallback := template.fallback):
        return
    if template.style != "posterGeneric":
        yield "/fallback", f"{template.style} takes no fallback", "Remove it: only posterGeneric has one."
    if fallback.style == "boardingPass" and not fallback.transit_type:
        yield (
            "/fallback/transit_type",
            "a boarding pass needs `transit_type`",
            "Add one of: air, boat, bus, generic, train.",
        )


def _images(template: Template) -> Iterator[_Found]:
    named = [(pointer("images", slot), name) for slot, name in template.images.items()]
    for language, slots in template.localized_images.items():
        here = pointer("localized_images", language)
        if language not in template.languages:
            yield here, f"`{language}` is not among the template's languages", "Add it to `languages`."
        named += [(here + pointer(slot), name) for slot, name in slots.items()]
        for slot in sorted(set(slots) - set(template.images)):
            yield here + pointer(slot), f"`images` has no {slot} for the other languages", f"Add `{slot}:` to `images`."
        if "icon" in slots:
            yield here + pointer("icon"), "the icon cannot differ by language", "Remove it: many readers want one icon."
    for place, name in (*named, *_chosen_images(template)):
        if name not in template.files:
            have = ", ".join(sorted(template.files)) or "none"
            yield place, f"the file {name!r} is missing", f"Put it beside template.yaml (files there: {have})."


def _chosen_images(template: Template) -> Iterator[tuple[str, str]]:
    for index, variant in enumerate(template.variants):
        yield from ((pointer("variants", index, "images", slot), name) for slot, name in variant.images.items())
    for key in ("icon", "empty", "last", "last_empty"):
        if template.stamps and (name := getattr(template.stamps, key)) is not None:
            yield pointer("stamps", key), name


def _variants(template: Template) -> Iterator[_Found]:
    for index, variant in enumerate(template.variants):
        here = pointer("variants", index)
        if "{{" not in variant.when:
            fix = "Write an expression, for example \"{{ level == 'gold' }}\"."
            yield f"{here}/when", "a condition reads the card's data, and this text is always the same", fix
        if not variant.images and not variant.colors.model_fields_set:
            yield here, "this variant changes nothing", "Give it `colors` or `images`, or remove it."
        if "icon" in variant.images:
            fix = "Remove it here: a phone keeps the icon of the first card it has."
            yield f"{here}/images/icon", "the icon is the same on all cards", fix


def _stamps(template: Template) -> Iterator[_Found]:
    if (stamps := template.stamps) is None:
        return
    looks = (len(template.variants) + 1) * (stamps.of + 1)
    if looks > MAX_LOOKS:
        detail = f"{len(template.variants)} variants and {stamps.of} stamps make {looks} looks, more than {MAX_LOOKS}"
        yield "/stamps/of", detail, "Use fewer variants or fewer stamps."
    if stamps.area and not (stamps.area[0] < stamps.area[2] and stamps.area[1] < stamps.area[3]):
        yield "/stamps/area", "the area has no room", "Write [left, top, right, bottom], such as [0.4, 0.1, 0.95, 0.9]."
    if any(stamps.slot in slots for slots in template.localized_images.values()):
        detail = f"the picture of `{stamps.slot}` differs by language, and stamps are drawn into one"
        yield "/stamps/slot", detail, f"Take {stamps.slot} out of `localized_images`."


def _languages(template: Template) -> Iterator[_Found]:
    for place, language in enumerate(template.languages):
        if language in template.languages[:place]:
            yield pointer("languages", place), f"`{language}` stands twice", "Keep one of them."


def _field_rules(template: Template) -> Iterator[_Found]:
    for place, zone, fields in template.zones():
        for index, field in enumerate(fields):
            here = f"{place}/{index}"
            if field.change_message is not None and "%@" not in field.change_message:
                fix = "Write %@ where the new value goes."
                yield f"{here}/change_message", "without %@ iOS shows no text of yours", fix
            if field.link is not None and field.attributed_value is not None:
                yield f"{here}/link", "`link` and `attributed_value` exclude each other", "Keep one of them."
            if field.currency and field.format not in (None, "money"):
                yield f"{here}/currency", f"`format: {field.format}` has no currency", "Remove one of the two."
            if field.row is not None and zone != "auxiliary":
                yield f"{here}/row", "only auxiliary fields have a row", "Remove it."


def _date_rules(template: Template) -> Iterator[_Found]:
    for index, entry in enumerate(template.relevant_dates):
        moment, interval = entry.date is not None, (entry.start is not None, entry.end is not None)
        if (moment and any(interval)) or (not moment and not all(interval)):
            fix = "Give either `date`, or `start` and `end`."
            yield (
                template.place("relevant_dates", index),
                "a relevant date is a moment or an interval with both ends",
                fix,
            )


def _action_rules(template: Template) -> Iterator[_Found]:
    seen: set[str] = set()
    for index, action in enumerate(template.featured_actions):
        here = f"/featured_actions/{index}"
        if action.identifier in seen:
            yield f"{here}/identifier", f"`{action.identifier}` stands twice", "Give each action its own identifier."
        seen.add(action.identifier)
        if action.type == "place" and not action.place_identifier:
            yield f"{here}/place_identifier", "a place needs its MapKit identifier", "Add `place_identifier:`."
        if action.type != "place" and not action.url:
            yield f"{here}/url", f"`{action.type}` needs an address to open", "Add `url:`."


def _google(template: Template) -> Iterator[_Found]:
    hints = template.google
    if hints.type == "flight" and hints.flight is None:
        fix = 'Add `flight: {carrier: LX, number: "318", origin: ZRH, destination: LHR, departs: "2027-03-05T06:30"}`.'
        yield "/google/flight", "a flight needs its number, its airports and its departure", fix
    if (link := hints.app_link) and not (link.package or link.url):
        yield "/google/app_link", "the button leads nowhere", "Add `package:` of an Android app, or `url:`."


def _consents(template: Template) -> Iterator[_Found]:
    for kind in ("processing", "marketing"):
        consent = getattr(template.consents, kind)
        if consent and ("{{" in consent.text or "{%" in consent.text):
            fix = "Write it without expressions: what was agreed to must be the same words for everybody."
            yield pointer("consents", kind), "a consent is plain text", fix


def table(template: Template, language: str, raw: Mapping[str, Any]) -> dict[str, str]:
    """One ``strings/<language>.yaml`` checked: texts to texts, in a language of the template; raises TemplateError."""
    problems = [Problem(Severity.ERROR, *found) for found in _table_problems(template, language, raw)]
    if problems:
        raise TemplateError(problems)
    return dict(raw)


def _table_problems(template: Template, language: str, raw: Mapping[str, Any]) -> Iterator[_Found]:
    here = pointer("strings", language)
    if language not in template.languages:
        yield here, f"`{language}` is not among the template's languages", f"Add `{language}` to `languages`."
    for source, translation in raw.items():
        if not isinstance(translation, str):
            yield here + pointer(source), "the translation is not text", "Put it in quotes."
        elif detail := text_problem(translation, MAX_TRANSLATION):
            yield here + pointer(source), detail, "Shorten it, or remove control characters."
        elif "%@" in source and "%@" not in translation:
            yield here + pointer(source), "the translation lost %@", "Write %@ where the new value goes."
