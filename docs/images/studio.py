"""Takes the pictures of docs/studio.md anew: a fresh demo, Chromium, and the pages as a marketer meets them.

Run ``python docs/images/studio.py`` from the checkout; it needs Playwright's library and a Chromium (``CHROMIUM``, or on
the path).
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402

from store import totp  # noqa: E402

COLORS = 256
"""A page is flat colours and a few photos: so many are enough, and a picture stays below 200 KB."""
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


def main() -> None:
    """Start the demo, look around, stop it."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        demo = subprocess.Popen(  # noqa: S603
            [sys.executable, "server.py", "demo", "--port", "0", "--data-dir", folder],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        try:
            known = wait_for(Path(folder) / "demo.json")
            with sync_playwright() as play:
                chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
                browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                context = browser.new_context(viewport=DESKTOP, locale="en-US", base_url=known["url"])
                sign_in(context.new_page(), known)
                issue(context, known)
                for name, window, act in SHOTS:
                    take(context, name, window, act)
                browser.close()
        finally:
            demo.terminate()
            demo.wait()


def wait_for(file: Path) -> dict[str, Any]:
    """The demo says where it is when it answers."""
    deadline = time.monotonic() + 120
    while not file.exists():
        if time.monotonic() > deadline:
            raise TimeoutError("the demo did not start")
        time.sleep(0.2)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def sign_in(page: Any, known: dict[str, Any]) -> None:
    """With the second step, which publishing needs."""
    page.goto("/studio/sign-in")
    page.fill("#email", known["studio_user"])
    page.fill("#password", known["studio_password"])
    page.click("main button.primary")
    page.wait_for_url("**/studio/")
    page.goto("/studio/totp")
    page.click("main details summary")
    secret = base64.b32decode(page.locator(".mono.big").inner_text().replace(" ", ""))
    page.fill("#code", totp.code(secret, totp.step_of(datetime.now(UTC))))
    page.click("main button.primary")
    page.wait_for_selector(".codes")
    page.close()


def issue(context: Any, known: dict[str, Any]) -> None:
    """A few holders, so that a review has somebody to speak of."""
    for number, name in enumerate(("Maria Sokolova", "Anna-Katharina Vorontsova-Dashkova", "", "Olga", "Lev")):
        data = {
            "name": name,
            "bonuses": 120 * number,
            "discount": 5 + number,
            "master": "Olga Titova",
            "deposit": 350000,
        }
        context.request.post(
            "/api/v1/cards",
            headers={"Authorization": f"Bearer {known['api_key']}"},
            data={"template": "salon", "external_id": f"shot-{number}", "language": "en", "data": data},
        )


def take(context: Any, name: str, window: dict[str, int], act: Callable[[Any], None]) -> None:
    """One picture, small enough for a document."""
    page = context.new_page()
    page.set_viewport_size(window)
    act(page)
    page.wait_for_timeout(600)
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.quantize(COLORS, dither=Image.Dither.FLOYDSTEINBERG).save(HERE / f"studio_{name}.png", optimize=True)
    print(f"studio_{name}.png", (HERE / f"studio_{name}.png").stat().st_size // 1024, "KB")
    page.close()


def starters(page: Any) -> None:
    """The gallery of starters, all drawn."""
    page.goto("/studio/starters")
    until(page, "[...document.images].slice(0, 4).every(one => one.complete && one.naturalWidth)")


def editor(page: Any) -> None:
    """Canvas and form, a field open."""
    page.goto("/studio/templates/salon#fields")
    drawn(page)
    page.click('details[data-open="field-bonuses"] > summary')
    page.locator('.item[data-key="bonuses"]').scroll_into_view_if_needed()


def telephone(page: Any) -> None:
    """The card on a telephone."""
    page.goto("/studio/templates/salon")
    page.wait_for_selector("#editor[data-ready=yes]")
    page.click("[data-view-button=canvas]")
    drawn(page)


def review(page: Any) -> None:
    """Before a publish of other colours and one field less."""
    page.goto("/studio/templates/salon")
    drawn(page)
    page.fill('[data-hex="f-colors-background"]', "#1f4a3a")
    page.click("#tab-fields")
    page.click('details[data-open="field-deposit"] > summary')
    page.click('.item[data-key="deposit"] .button.danger')
    page.wait_for_selector('.item[data-key="deposit"]', state="detached")
    until(page, "document.getElementById('save-state').textContent.includes('Saved')")
    page.goto("/studio/templates/salon/review")
    page.wait_for_selector(".wallet-card")


def compare(page: Any) -> None:
    """Two revisions side by side."""
    page.goto("/studio/templates/salon/compare?before=1&after=draft")
    until(page, "[...document.images].every(one => one.complete && one.naturalWidth)")


def tryout(page: Any) -> None:
    """The code for one's own phone."""
    page.goto("/studio/templates/salon/tryout")
    page.click("main form button.primary")
    page.wait_for_selector(".qr")


def drawn(page: Any) -> None:
    """The editor has its card."""
    page.wait_for_selector("#faces[aria-busy=false] .wallet-card", timeout=30_000)


def until(page: Any, condition: str, seconds: float = 60) -> None:
    """Ask again and again from outside: the page's own policy evaluates nothing."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(condition):
        if time.monotonic() > deadline:
            raise TimeoutError(condition)
        page.wait_for_timeout(100)


SHOTS = (
    ("starters", DESKTOP, starters),
    ("editor", DESKTOP, editor),
    ("telephone", PHONE, telephone),
    ("review", DESKTOP, review),
    ("compare", DESKTOP, compare),
    ("tryout", DESKTOP, tryout),
)

if __name__ == "__main__":
    main()
