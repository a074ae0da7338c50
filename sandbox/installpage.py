"""Reading our install page as a person with an iPhone does: where does the button for the wallet lead? Pure."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

from sandbox.pkpass import BadPass


def apple_link(page_url: str, page: bytes) -> str:
    """The absolute address of the page's first link to a ``.pkpass``; BadPass with the page's title when it has none."""
    links = _Links()
    links.feed(page.decode("utf-8", "replace"))
    if not links.found:
        title = re.search(rb"<title>(.*?)</title>", page, re.DOTALL)
        words = title[1].decode("utf-8", "replace").strip() if title else "no title"
        raise BadPass(f"The page has no link to a pass: {words}")
    return urljoin(page_url, links.found[0])


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        target = dict(attrs).get("href")
        if tag == "a" and target and urlsplit(target).path.endswith(".pkpass"):
            self.found.append(target)
