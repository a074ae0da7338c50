"""Reading our install page as a person does: where does the button for the wallet lead? Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from sandbox.pkpass import BadPass


def apple_link(page_url: str, page: bytes) -> str:
    """The absolute address of the page's first link to a ``.pkpass``; BadPass with the page's title when it has none."""
    links = _Links(lambda path: path.endswith(".pkpass"))
    links.feed(page.decode("utf-8", "replace"))
    if not links.found:
        raise BadPass(f"The page has no link to a pass: {_title(page)}")
    return urljoin(page_url, links.found[0])


def google_link(page: bytes) -> str:
    """The target of the page's first link to ``.../google``; BadPass with the page's title when it has none."""
    links = _Links(lambda path: path.endswith("/google"))
    links.feed(page.decode("utf-8", "replace"))
    if not links.found:
        raise BadPass(f"The page has no button for Google Wallet: {_title(page)}")
    return links.found[0]


def agreement(page_url: str, page: bytes) -> tuple[str, dict[str, str]] | None:
    """Where a form of consents goes to, and what it says with every box ticked; None where the page asks for none."""
    form = _Form()
    form.feed(page.decode("utf-8", "replace"))
    return (urljoin(page_url, form.action), form.boxes) if form.action.endswith("/consents") else None


def _title(page: bytes) -> str:
    title = re.search(rb"<title>(.*?)</title>", page, re.DOTALL)
    return title[1].decode("utf-8", "replace").strip() if title else "no title"


class _Links(HTMLParser):
    def __init__(self, wanted: Callable[[str], bool]) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._wanted = wanted

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target and self._wanted(urlsplit(target).path):
            self.found.append(target)


class _Form(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.action = ""
        self.boxes: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.action = given.get("action") or ""
        elif tag == "input" and given.get("type") == "checkbox" and given.get("name"):
            self.boxes[str(given["name"])] = given.get("value") or "on"
