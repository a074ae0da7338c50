"""Values of cards in forms: from what was typed to what a variable accepts, with a sentence where it does not."""

from __future__ import annotations

from typing import Any

from handlers.studio.texts import TEXTS
from passkit import typed
from passkit.variables import NotAccepted, Variable, accept_value


def read(variable: Variable, text: str, zone: str, language: str) -> tuple[Any, str]:
    """The JSON value (None: nothing typed), and the sentence that says what is wrong with it, or nothing."""
    try:
        value = typed.read(variable, text, zone)
        if value is not None:
            accept_value(variable, value)
    except NotAccepted as error:
        return None, _sentence(variable, error, language)
    return value, ""


def _sentence(variable: Variable, error: NotAccepted, language: str) -> str:
    texts = TEXTS[language]
    if variable.choices:
        return texts["value_bad_choice"]
    if variable.is_text and variable.type == "text":
        return texts["value_bad_text"]
    return texts.get(f"value_bad_{variable.type}", f"{error} {error.fix}")
