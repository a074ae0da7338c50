"""What differs between two templates, in the order and the words that a person thinks of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from passkit.layout import PassFieldTemplate
from passkit.schema import Template
from passkit.schemacheck import pointer

TEXTS = ("name", "organization_name", "description", "logo_text", "event_logo_text")
FIELD_TEXTS = ("label", "value", "change_message", "link", "attributed_value")
_APART = frozenset(
    {
        *TEXTS,
        "fields",
        "fallback",
        "colors",
        "images",
        "localized_images",
        "variables",
        "barcode",
        "languages",
        "variants",
    }
)
"""Keys of a template with words of their own here; ``key`` never changes."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is another now.

    ``kind`` is fields, texts, colors, pictures, variables, barcode, languages or other; ``pointer`` the place in the newer
    template (the older one's for what is gone); ``label`` its name for people; ``before`` and ``after`` what stands there,
    as text; None where it is new or gone.
    """

    kind: str
    pointer: str
    label: str
    before: str | None
    after: str | None


def differences(before: Template, after: Template) -> tuple[Difference, ...]:
    """Every difference, fields first; a field that moved is named once."""
    found = [
        *_fields(before, after),
        *_texts(before, after),
        *_translations(before, after),
        *_colors(before, after),
        *_pictures(before, after),
        *_variables(before, after),
        *_whole(before, after),
    ]
    return tuple(dict.fromkeys(found))


def _fields(before: Template, after: Template) -> Iterator[Difference]:
    old, new = _by_key(before), _by_key(after)
    for key, (place, zone, field) in new.items():
        label = field.label or key
        if key not in old:
            yield Difference("fields", place, label, None, str(field.value))
            continue
        _, was_in, was = old[key]
        if zone != was_in:
            yield Difference("fields", place, label, was_in, zone)
        yield from _field(place, label, was, field)
    for key, (place, _, field) in old.items():
        if key not in new:
            yield Difference("fields", place, field.label or key, str(field.value), None)
    yield from _order(old, new)


def _order(old: Mapping[str, _Placed], new: Mapping[str, _Placed]) -> Iterator[Difference]:
    """Fields of a zone in another order."""
    both = old.keys() & new.keys()
    for zone in dict.fromkeys(zone for _, zone, _ in new.values()):
        was = [key for key, (_, own, _) in old.items() if own == zone and key in both]
        now = [key for key, (_, own, _) in new.items() if own == zone and key in both]
        if sorted(was) == sorted(now) and was != now:
            place = new[now[0]][0].rpartition("/")[0]
            yield Difference("fields", place, zone, ", ".join(was), ", ".join(now))


_Placed = tuple[str, str, PassFieldTemplate]


def _by_key(template: Template) -> dict[str, _Placed]:
    """Key -> (pointer, zone, field); the fallback's zones have their own names."""
    found: dict[str, _Placed] = {}
    for place, zone, fields in template.zones():
        prefix = "fallback " if place.startswith("/fallback") else ""
        for index, field in enumerate(fields):
            found[prefix + field.key] = (f"{place}/{index}", prefix + zone, field)
    return found


def _field(place: str, label: str, was: PassFieldTemplate, field: PassFieldTemplate) -> Iterator[Difference]:
    for name in type(field).model_fields:
        old, new = getattr(was, name), getattr(field, name)
        if old != new:
            kind = "texts" if name in FIELD_TEXTS else "fields"
            yield Difference(kind, f"{place}/{name}", label, _shown(old), _shown(new))


def _texts(before: Template, after: Template) -> Iterator[Difference]:
    for name in TEXTS:
        yield from _one("texts", pointer(name), name, getattr(before, name), getattr(after, name))


def _translations(before: Template, after: Template) -> Iterator[Difference]:
    for language in _ordered(before.strings, after.strings):
        old, new = before.strings.get(language, {}), after.strings.get(language, {})
        for source in _ordered(old, new):
            place = pointer("strings", language, source)
            yield from _one("texts", place, f"{source} ({language})", old.get(source), new.get(source))


def _colors(before: Template, after: Template) -> Iterator[Difference]:
    for name in type(after.colors).model_fields:
        yield from _one(
            "colors", pointer("colors", name), name, getattr(before.colors, name), getattr(after.colors, name)
        )
    old = [one.model_dump(mode="json", exclude_defaults=True) for one in before.variants]
    new = [one.model_dump(mode="json", exclude_defaults=True) for one in after.variants]
    for index in range(max(len(old), len(new))):
        was, now = (side[index] if index < len(side) else None for side in (old, new))
        name = str((now or was or {}).get("name") or f"variant {index + 1}")
        yield from _one("colors", pointer("variants", index), name, was, now)


def _pictures(before: Template, after: Template) -> Iterator[Difference]:
    for label, place, was, now in _slots(before, after):
        old = before.files.get(was) if was else None
        new = after.files.get(now) if now else None
        if was != now or old != new:
            yield Difference("pictures", place, label, was, now)
    yield from _one("pictures", "/image_focus", "image_focus", dict(before.image_focus), dict(after.image_focus))


def _slots(before: Template, after: Template) -> Iterator[tuple[str, str, str | None, str | None]]:
    """(label, pointer, file before, file after)."""
    for slot in _ordered(before.images, after.images):
        yield slot, pointer("images", slot), before.images.get(slot), after.images.get(slot)  # type: ignore[call-overload]
    for language in _ordered(before.localized_images, after.localized_images):
        old, new = before.localized_images.get(language, {}), after.localized_images.get(language, {})
        for slot in _ordered(old, new):
            place = pointer("localized_images", language, slot)
            yield f"{slot} ({language})", place, old.get(slot), new.get(slot)  # type: ignore[call-overload]


def _variables(before: Template, after: Template) -> Iterator[Difference]:
    for name in _ordered(before.variables, after.variables):
        old, new = before.variables.get(name), after.variables.get(name)
        label = (new or old or after).__dict__.get("label") or name
        shown = [one and one.model_dump(mode="json", exclude_defaults=True) | {"type": one.type} for one in (old, new)]
        yield from _one("variables", pointer("variables", name), label, *shown)


def _whole(before: Template, after: Template) -> Iterator[Difference]:
    languages = [", ".join(one.languages) for one in (before, after)]
    yield from _one("languages", "/languages", "languages", *languages)
    codes = [[code.model_dump(mode="json", exclude_defaults=True) for code in one.barcode] for one in (before, after)]
    yield from _one("barcode", "/barcode", "barcode", *codes)
    old, new = (one.model_dump(mode="json", exclude=set(_APART), exclude_defaults=True) for one in (before, after))
    old.pop("image_focus", None), new.pop("image_focus", None)
    for name in _ordered(old, new):
        yield from _one("other", pointer(name), name, old.get(name), new.get(name))
    styles = [one.fallback and one.fallback.style for one in (before, after)]
    yield from _one("other", "/fallback/style", "fallback", *styles)


def _one(kind: str, place: str, label: str, old: Any, new: Any) -> Iterator[Difference]:
    if old != new:
        yield Difference(kind, place, label, _shown(old), _shown(new))


def _ordered(old: Iterable[str], new: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*new, *old]))


def _shown(value: Any) -> str | None:
    """A value as a person reads it; nothing is None."""
    if value is None or value == "" or value == [] or value == {} or value == ():
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping) and all(isinstance(one, str | int | float | bool) for one in value.values()):
        return ", ".join(f"{key}: {one}" for key, one in value.items())
    return json.dumps(value, ensure_ascii=False, default=str)
