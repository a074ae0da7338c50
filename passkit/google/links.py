"""Which fields are links on Google's side, and where they lead.

Apple finds addresses in the text of a back field by itself; Google shows links in a list of their own, each with one address
and one description. Its list takes web pages, mail, telephone numbers and places (reference/rest/v1/Uri).
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import quote

from passkit.layout import PassFieldTemplate
from passkit.variables import Variable

SCHEMES = ("http://", "https://", "tel:", "mailto:", "geo:")
_ADDRESS = re.compile(r"(?:https?://|tel:|mailto:|geo:)[^\s<>\"]+")
_MAIL = re.compile(r"[^\s@:/]+@[^\s@]+\.[^\s@]+")
_PHONE = re.compile(r"\+?[0-9][0-9 ()./\u00a0-]{4,30}")
_ANCHOR = re.compile(r"<a\s[^>]*?href\s*=\s*(?:\"([^\"]*)\"|'([^']*)')[^>]*>(.*?)</a\s*>", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_LONE_NAME = re.compile(r"\s*\{\{\s*([a-z][a-z0-9_]*)\s*\}\}\s*")

Address = Callable[[str], str]
"""A field's text -> the address it leads to, "" when it is none."""


def address_of(field: PassFieldTemplate, variables: Mapping[str, Variable]) -> Address | None:
    """How a back field's text becomes a link; None for one that stays text."""
    if field.link is not None:
        return web
    if field.attributed_value is not None or field.data_detectors == ():
        return None
    found = field.data_detectors or ()
    value = str(field.value)
    if kind := _variable_kind(value, variables):
        return {"url": web, "email": web, "phone": phone}.get(kind)
    if "phone" in found and _PHONE.fullmatch(value):
        return phone
    if "address" in found and "link" not in found:
        return place
    return web if value.startswith(SCHEMES) or _MAIL.fullmatch(value) or _is_called(value) else None


def _variable_kind(value: str, variables: Mapping[str, Variable]) -> str | None:
    found = _LONE_NAME.fullmatch(value)
    variable = variables.get(found[1]) if found else None
    return variable.type if variable and variable.type in ("url", "email", "phone") else None


def _is_called(value: str) -> bool:
    return value.startswith("+") and bool(_PHONE.fullmatch(value))


def web(text: str) -> str:
    """The text itself where it is an address; mail and telephone numbers get their scheme."""
    text = text.strip()
    if _ADDRESS.fullmatch(text):
        return text
    if _MAIL.fullmatch(text):
        return f"mailto:{text}"
    return phone(text) if text.startswith("+") else ""


def phone(text: str) -> str:
    """``tel:+74951234567``."""
    text = text.strip()
    digits = re.sub(r"[^0-9]", "", text)
    return f"tel:{'+' if text.startswith('+') else ''}{digits}" if _PHONE.fullmatch(text) else ""


def place(text: str) -> str:
    """A place by its postal address (RFC 5870's geo, with the search of Android's maps)."""
    return f"geo:0,0?q={quote(' '.join(text.split()))}" if text.strip() else ""


def anchors(markup: str) -> Iterator[tuple[str, str]]:
    """(address, words) of every ``<a href>`` in an attributed value whose address Google takes."""
    for double, single, inner in _ANCHOR.findall(markup):
        address = web(html.unescape(double or single))
        words = html.unescape(_TAG.sub("", inner)).strip()
        if address:
            yield address, words or address


def without_tags(markup: str) -> str:
    """What a person reads of an attributed value."""
    return html.unescape(_TAG.sub("", markup))
