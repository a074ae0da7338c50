"""What an HTML form sends, as names and texts."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from handlers.errors import ProblemError

MAX_FIELDS = 400
"""Fields of a form: no page of ours has half as many."""


def parse(content: bytes) -> Mapping[str, str]:
    """A form in application/x-www-form-urlencoded; of a name that stands twice the first. ProblemError bad_request."""
    try:
        pairs = parse_qsl(content.decode("utf-8"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise ProblemError("bad_request", "This is no form in UTF-8.") from None
    found: dict[str, str] = {}
    for name, text in pairs:
        found.setdefault(name, text)
    return found
