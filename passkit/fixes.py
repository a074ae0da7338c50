"""The fixes that a machine can make: a problem's place, and the edits that mend it.

One row of a table for each: by the name of the rule of ``limits``, or by what a problem of form says. Where a person has to
choose (a text is too long, a picture too small) there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from passkit.apple.values import color
from passkit.edits import AddLanguage, Edit, Remove, RemoveFile, RemovePicture, Set, Translate
from passkit.errors import Problem

Raw = Mapping[str, Any]
Fixer = Callable[[Raw, Problem], tuple[Edit, ...]]

GOOD_CONTRAST = 4.5
"""WCAG's minimum for any text: a colour that is changed anyway may as well be easy to read."""
STEPS = 20


def by_rule(name: str, raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    """What mends a problem that the rule ``name`` of ``limits`` has found in template.yaml (``raw``)."""
    fixer = _RULES.get(name)
    return fixer(raw, problem) if fixer else ()


def of_form(raw: Raw, problem: Problem) -> tuple[str, tuple[Edit, ...]]:
    """(code, edits) of a problem of form or reference: the code is ``form`` where it has no fix of its own."""
    for code, shape, fixer in _FORM:
        if shape.search(problem.detail):
            return code, fixer(raw, problem)
    return "form", ()


def _remove(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    return (Remove(problem.pointer),)


def _remove_picture(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    within, _, slot = problem.pointer.rpartition("/")
    return (RemovePicture(slot, within),)


def _remove_file(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    return (RemoveFile(problem.detail.partition(" lies beside ")[0]),)


def _missing_file(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    return _remove_picture(raw, problem) if "/images/" in problem.pointer else ()


def _icon_of_the_logo(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    logo = _at(raw, "/images/logo")
    return (Set("/images/icon", logo),) if isinstance(logo, str) else ()


def _logo_text(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    return (Set("/logo_text", "{{ brand.name }}"),)


def _alt_text(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    message = _at(raw, problem.pointer + "/message")
    return (Set(problem.pointer + "/alt_text", message),) if isinstance(message, str) else ()


def _value_in_message(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    text = _at(raw, problem.pointer)
    return (Set(problem.pointer, f"{text.rstrip()} %@".strip()),) if isinstance(text, str) else ()


def _value_in_translation(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    language, source = _table_place(problem)
    return (Translate(language, source, "%@"),) if source else ()


def _drop_translation(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    language, source = _table_place(problem)
    return (Translate(language, source, None),) if source else ()


def _add_language(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    parts = problem.pointer.split("/")
    return (AddLanguage(parts[2]),) if len(parts) > 2 else ()


def _table_place(problem: Problem) -> tuple[str, str]:
    """Language and source of ``/strings/<language>/<source>``."""
    parts = [part.replace("~1", "/").replace("~0", "~") for part in problem.pointer.split("/")]
    return (parts[2], parts[3]) if len(parts) == 4 else ("", "")


# Colours.


def _contrast(raw: Raw, problem: Problem) -> tuple[Edit, ...]:
    """The colour moved towards white or black, whichever is nearer to being readable."""
    place, _, key = problem.pointer.rpartition("/")
    own, shared = _at(raw, place) or {}, raw.get("colors") or {}
    named = {name: _rgb(own.get(name) or shared.get(name)) for name in ("background", "foreground", "label")}
    others = ("foreground", "label") if key == "background" else ("background",)
    grounds = [ground for name in others if (ground := named[name]) is not None]
    start = named.get(key)
    if start is None or not grounds:
        return ()
    found = [better for end in ((0, 0, 0), (255, 255, 255)) if (better := _towards(start, end, grounds)) is not None]
    if not found:
        return ()
    return (Set(problem.pointer, "#{:02x}{:02x}{:02x}".format(*min(found)[1])),)


def _towards(start: Color, end: Color, grounds: list[Color]) -> tuple[int, Color] | None:
    """(steps, colour): the first on the way that stands out from all grounds."""
    for step in range(STEPS + 1):
        red, green, blue = (one + (other - one) * step // STEPS for one, other in zip(start, end, strict=True))
        if all(contrast((red, green, blue), ground) >= GOOD_CONTRAST for ground in grounds):
            return step, (red, green, blue)
    return None


Color = tuple[int, int, int]


def contrast(one: Color, other: Color) -> float:
    """WCAG's contrast ratio, 1 to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(given: Color) -> float:
    red, green, blue = (
        share / 12.92 if (share := part / 255) <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for part in given
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _rgb(text: Any) -> Color | None:
    try:
        written = color(text) if isinstance(text, str) and "{" not in text else None
    except ValueError:
        return None
    if not isinstance(written, str):
        return None
    red, green, blue = (int(part) for part in written.removeprefix("rgb(").rstrip(")").split(","))
    return red, green, blue


def _at(raw: Any, place: str) -> Any:
    for part in place.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(raw, list):
            raw = raw[int(name)] if name.isdigit() and int(name) < len(raw) else None
        else:
            raw = raw.get(name) if isinstance(raw, Mapping) else None
    return raw


_RULES: Mapping[str, Fixer] = {
    "no_icon": _icon_of_the_logo,
    "not_drawn": lambda raw, problem: () if problem.pointer == "/stamps/slot" else _remove_picture(raw, problem),
    "excluded_by_strip": _remove_picture,
    "unused_files": _remove_file,
    "nothing_at_the_top": _logo_text,
    "fixed_alignment": _remove,
    "detectors_in_front": _remove,
    "row_elsewhere": _remove,
    "message_on_a_constant": _remove,
    "message_without_value": _value_in_message,
    "keys_of_other_styles": _remove,
    "barcode_without_words": _alt_text,
    "low_contrast": _contrast,
    "translations_of_nothing": _drop_translation,
}

_FORM: tuple[tuple[str, re.Pattern[str], Fixer], ...] = (
    ("missing_file", re.compile(r"^the file '.*' is missing$"), _missing_file),
    ("message_without_value", re.compile(r"^without %@ iOS shows no text of yours$"), _value_in_message),
    ("translation_without_value", re.compile(r"^the translation lost %@$"), _value_in_translation),
    ("unknown_language", re.compile(r"is not among the template's languages$"), _add_language),
    ("row_elsewhere", re.compile(r"^only auxiliary fields have a row$"), _remove),
    ("currency_twice", re.compile(r"has no currency$|^only money has a currency$"), _remove),
    ("fallback_elsewhere", re.compile(r"takes no fallback$"), _remove),
    ("empty_variant", re.compile(r"^this variant changes nothing$"), _remove),
    ("icon_of_a_variant", re.compile(r"^the icon is the same on all cards$"), _remove_picture),
    ("language_twice", re.compile(r"^`\S+` stands twice$"), _remove),
)
