"""A page in the brand's colours: one style sheet, made from the colours that its address names.

The address holds colours and nothing else, so that a strict content security policy needs no exception, whoever reads it learns
nothing, and every card of these colours shares it.
"""

from __future__ import annotations

import re

from aiohttp import web

from handlers.errors import ProblemError
from handlers.keys import STATIC, root

BASE = "install.css"
READABLE = 4.5
"""The contrast that WCAG 2.2 asks of text."""
_RGB = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")
_NAME = re.compile(r"([0-9a-f]{6})-([0-9a-f]{6})\.css")
_PLAIN = ("000000", "ffffff")

Rgb = tuple[int, int, int]


async def stylesheet(request: web.Request) -> web.Response:
    """GET /look/{colors}: ``3a2a1e-ffffff.css``, background and text."""
    found = _NAME.fullmatch(request.match_info["colors"])
    if found is None:
        raise ProblemError("not_found")
    base = root(request)[STATIC][BASE][0].decode()
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if "v" in request.query else "public, max-age=300"
    }
    return web.Response(text=base + _rules(*found.groups()), content_type="text/css", headers=headers)


def address(background: str, foreground: str, version: str) -> str:
    """Where the style sheet of a card with these colours lies; colours that are none are black and white."""
    return f"/look/{_plain(background, _PLAIN[0])}-{_plain(foreground, _PLAIN[1])}.css?v={version}"


def _rules(background: str, foreground: str) -> str:
    """The brand's own part: its band, and buttons that can be read."""
    ink = foreground if contrast(_parts(background), _parts(foreground)) >= READABLE else _best(_parts(background))
    return f"\n:root {{ --brand: #{background}; --brand-ink: #{ink}; }}\n"


def contrast(one: Rgb, other: Rgb) -> float:
    """From 1 to 21, https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Rgb) -> float:
    linear = [part / 255 / 12.92 if part <= 10 else ((part / 255 + 0.055) / 1.055) ** 2.4 for part in color]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _best(background: Rgb) -> str:
    return max(_PLAIN, key=lambda ink: contrast(background, _parts(ink)))


def _parts(color: str) -> Rgb:
    return int(color[:2], 16), int(color[2:4], 16), int(color[4:], 16)


def _plain(color: str, otherwise: str) -> str:
    """``rgb(58, 42, 30)`` or ``#3a2a1e`` as six digits."""
    if (found := _RGB.fullmatch(color.strip())) and all(int(part) < 256 for part in found.groups()):
        return "".join(f"{int(part):02x}" for part in found.groups())
    plain = _HEX.fullmatch(color.strip())
    return plain[1].lower() if plain else otherwise
