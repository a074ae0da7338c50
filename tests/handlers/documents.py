"""A page as a browser reads it (lexbor, which follows the standard's own algorithm), and what it asks the browser to do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

DOING = ("script", "style", "iframe", "frame", "object", "embed", "applet", "base", "portal")
"""Elements that run, style, frame or redirect: the first alone has a place on our pages, as a file of our own."""
MOVING = ("animate", "animatemotion", "animatetransform", "set", "foreignobject", "handler", "listener")
"""Elements of SVG that change others or hold HTML."""
LEADING = (
    "href",
    "src",
    "action",
    "formaction",
    "data",
    "poster",
    "srcset",
    "xlink:href",
    "ping",
    "background",
    "manifest",
)
SCHEMES = ("http", "https", "mailto", "tel", "sms", "data:image/", "whatsapp", "tg")
_KEPT_PICTURE = re.compile(r"cached:[0-9a-f]{16}")
"""A preview names pictures that its page has already; a module puts them in before the browser sees them."""
_OWN_SCRIPT = re.compile(r"/static/[\w.-]+\.js(\?v=\w+)?")
_OWN_REFRESH = re.compile(r"\d+; url=/(?!/)\S*")


@dataclass(frozen=True)
class Element:
    """One start tag: its name in lower case, its attributes, the text right inside it."""

    tag: str
    attributes: Mapping[str, str]
    text: str


def elements(html: str) -> Iterator[Element]:
    """Every element of a page, a fragment of one, or a drawing; what waits in a template element too."""
    for one in LexborHTMLParser(html).root.traverse(include_text=False):
        if not one.tag.startswith("-"):  # comments and the like
            attributes = {key.lower(): value or "" for key, value in one.attributes.items()}
            yield Element(one.tag.lower(), attributes, one.text(deep=False))
        if one.tag == "template":
            yield from elements(_inside(one))


def faults(html: str) -> list[str]:
    """What a strict policy would stop, or must not stand on a page at all."""
    found = []
    for one in elements(html):
        given = one.attributes
        if (one.tag in DOING and not _is_own_script(one)) or one.tag in MOVING:
            found.append(f"<{one.tag}> {given}")
        if one.tag == "meta" and "http-equiv" in given and not _OWN_REFRESH.fullmatch(given.get("content", "")):
            found.append(f"<meta> {given}")
        found += [f"{key}={value[:80]!r}" for key, value in given.items() if is_active(key, value)]
    return found


def is_active(key: str, value: str) -> bool:
    """Whether an attribute runs, styles, or leads where it must not."""
    if key.startswith(("on", "hx-on", "data-hx-on")) or key in ("style", "srcdoc", "hx-vars", "hx-headers", "hx-vals"):
        return True
    return key in LEADING and not leads_somewhere_known(value)


def leads_somewhere_known(address: str) -> bool:
    """Whether an address is a path of ours, or has a scheme that runs nothing; browsers drop control characters and blanks."""
    plain = re.sub(r"[\x00-\x20\x7f]", "", address).lower()
    scheme = re.match(r"[a-z][a-z0-9+.-]*(?=:)", plain)
    return (
        scheme is None
        or _KEPT_PICTURE.fullmatch(plain) is not None
        or plain.startswith(tuple(f"{one}:" if "/" not in one else one for one in SCHEMES))
    )


def names(html: str) -> set[tuple[str, str]]:
    """Every element with each of its attributes: (tag, attribute), and (tag, "") for itself."""
    found = set()
    for one in elements(html):
        found |= {(one.tag, ""), *((one.tag, key) for key in one.attributes)}
    return found


def texts(html: str) -> str:
    """All that a page says, its attributes too."""
    return "\n".join(part for one in elements(html) for part in (one.text, *one.attributes.values()))


def _is_own_script(one: Element) -> bool:
    is_file = bool(_OWN_SCRIPT.fullmatch(one.attributes.get("src", ""))) and not one.text.strip()
    is_data = one.attributes.get("type") == "application/json" and "src" not in one.attributes
    return one.tag == "script" and (is_file or is_data)


def _inside(template: LexborNode) -> str:
    """What stands in a template element: the parser keeps it apart, as browsers do."""
    return re.sub(r"(?is)^<template[^>]*>|</template>$", "", template.html or "")
