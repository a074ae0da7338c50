"""Hidden templates: the twins of real ones, whose cards are for trying a draft. Their key can be no real template's."""

from __future__ import annotations

PREFIX = "tryout."


def key_of(template_id: int, style: str, google_type: str) -> str:
    """The key of a template's twin; style and Google type are fixed for its life, so each pair has its own."""
    return f"{PREFIX}{template_id}.{style}.{google_type}"


def is_hidden(key: str) -> bool:
    """Whether a card of this template is in no list, count, index or audience."""
    return key.startswith(PREFIX)
