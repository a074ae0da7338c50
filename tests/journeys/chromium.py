"""Somebody at a real browser: Chromium with a window, a language and cookies of its own, and what it complains about.

The pages' own policy is on, so a script or a style that should not be there ends the test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.handlers.conftest import House
from tests.handlers.studio import Browser
from tests.judges import need

PASSWORD = "correct horse battery"
CHROMIUM = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
WATCH = """
window.__violations = [];
document.addEventListener("securitypolicyviolation", event =>
  window.__violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`));
"""
"""Runs before anything of a page: what its policy has stopped."""


@asynccontextmanager
async def launched() -> AsyncIterator[Any]:
    """Chromium, or a skip."""
    need("playwright")
    from playwright.async_api import async_playwright

    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=need("chromium"), args=CHROMIUM)
        yield browser
        await browser.close()


class Person:
    """Somebody with a browser of their own; whatever the browser complains about is kept."""

    def __init__(self, house: House, context: Any, page: Any) -> None:
        self.house, self.context, self.page = house, context, page
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(f"{page.url}: {error}"))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:  # a refusal is a page too
            self.complaints.append(f"{self.page.url}: {message.text}")

    @classmethod
    async def at(cls, house: House, chromium: Any, **options: Any) -> Person:
        """A new window, English if nothing else is asked for."""
        context = await chromium.new_context(base_url=house.url, **{"locale": "en-US", **options})
        await context.add_init_script(WATCH)
        return cls(house, context, await context.new_page())

    async def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Fill in the form on the screen."""
        await self.page.fill("#email", email)
        await self.page.fill("#password", password)
        await self.page.click("main button.primary")

    async def carry(self, browser: Browser) -> None:
        """Go on with the cookies of a browser that has signed in."""
        given = [{"name": name, "value": value, "url": self.house.url} for name, value in browser.cookies.items()]
        await self.context.add_cookies(given)

    async def says(self, *sentences: str) -> None:
        """The page says these, or will soon."""
        from playwright.async_api import expect

        for sentence in sentences:
            await expect(self.page.locator("body")).to_contain_text(sentence)

    async def fits(self) -> None:
        """Nothing is wider than the window."""
        width = await self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.page.viewport_size["width"], self.page.url

    async def note_violations(self) -> None:
        """Keep what this page's policy has stopped as a complaint."""
        self.complaints += [f"{self.page.url}: {one}" for one in await self.page.evaluate("window.__violations")]
