"""The page behind an install link: for each platform, in each language, in each state, harmless to whoever looks."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from html.parser import HTMLParser

import aiohttp
import pytest
import pytest_asyncio

from handlers.texts import TEXTS, choose
from passkit.apple.signing import Signers
from sandbox.installpage import agreement, apple_link
from sandbox.phone_web import IPHONE as ROBOT
from sandbox.phone_web import WebService
from store import cards, consents
from store.dialect import Database
from tests.handlers.conftest import Card, House, opened

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 27_0 like Mac OS X) AppleWebKit/605.1.15 Version/27.0 Mobile Safari/604.1"
ANDROID = "Mozilla/5.0 (Linux; Android 17; Pixel 11) AppleWebKit/537.36 Chrome/150.0 Mobile Safari/537.36"
DESKTOP = "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0"
BOT = "TelegramBot (like TwitterBot)"


class Page(HTMLParser):
    """The tags of a page, to look at what it asks a browser to do."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest_asyncio.fixture
async def shop(local_db: Database, signers: Signers, coffee: dict[str, bytes]) -> AsyncIterator[House]:
    """The whole coffee template with its pictures."""
    async with opened(local_db, signers, coffee) as house:
        yield house


async def seen(card: Card, user_agent: str, language: str = "en") -> Page:
    headers = {"User-Agent": user_agent, "Accept-Language": language}
    answer = await card.house.ask("GET", card.install_path, headers=headers)
    assert answer.status == 200, answer.body
    return Page(answer.body.decode())


async def test_an_iphone_gets_the_card_by_itself_and_a_button(shop: House) -> None:
    card = await shop.issue()
    page = await seen(card, IPHONE)
    assert "Add to Apple Wallet" in page.text
    assert any(link["href"] == card.install_path + "/card.pkpass" for link in page.all("a"))
    (refresh,) = (meta for meta in page.all("meta") if meta.get("http-equiv") == "refresh")
    assert refresh["content"] == f"0; url={card.install_path}/card.pkpass"


async def test_an_android_phone_gets_the_file_and_a_desktop_a_code(shop: House) -> None:
    card = await shop.issue()
    android, desktop = await seen(card, ANDROID), await seen(card, DESKTOP)
    assert any(link["href"] == card.install_path + "/card.pkpass" for link in android.all("a"))
    assert "Apple" not in android.text
    assert any(image["src"] == card.install_path + "/qr.svg" for image in desktop.all("img"))
    for page in (android, desktop):
        assert not any(meta.get("http-equiv") for meta in page.all("meta"))


@pytest.mark.parametrize(
    ("accept", "fallbacks", "language"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", (), "ru"),
        ("en-GB", ("ru",), "en"),
        ("de;q=1, ru;q=0.2, en;q=0.7", (), "en"),
        ("de, fr", ("ru", "en"), "ru"),
        ("", ("de",), "en"),
        ("ru;q=0, *", ("en",), "en"),
        ("ru;q=x", (), "en"),
        (";;;,,,q=", (), "en"),
    ],
)
def test_the_browsers_best_language_is_chosen(accept: str, fallbacks: tuple[str, ...], language: str) -> None:
    assert choose(accept, fallbacks) == language


def test_both_languages_have_the_same_sentences() -> None:
    assert TEXTS["ru"].keys() == TEXTS["en"].keys()
    assert all(text.strip() for texts in TEXTS.values() for text in texts.values())


async def test_the_page_speaks_russian_to_a_russian_browser(shop: House) -> None:
    card = await shop.issue()
    page = await seen(card, IPHONE, "ru-RU,ru;q=0.9")
    assert page.all("html") == [{"lang": "ru"}]
    assert "Добавить в Apple Wallet" in page.text


async def test_the_page_runs_nothing_and_tells_nobody(shop: House) -> None:
    card = await shop.issue()
    answer = await shop.ask("GET", card.install_path, headers={"User-Agent": DESKTOP})
    headers = answer.headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "noindex" in headers["X-Robots-Tag"]
    assert headers["Cache-Control"] == "private, no-store"
    assert "Set-Cookie" not in headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert "script-src" not in policy
    html = answer.body.decode()
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", html, re.IGNORECASE)
    page = Page(html)
    loads = [link["href"] for link in page.all("link")] + [image["src"] for image in page.all("img")]
    assert all(address is not None and address.startswith("/") for address in loads)
    assert len(page.all("link")) == 1, "one style sheet"


async def test_everything_the_page_loads_is_there(shop: House) -> None:
    card = await shop.issue(data={"name": "Anna", "points": 120})
    page = await seen(card, DESKTOP)
    for address in [link["href"] for link in page.all("link")] + [image["src"] for image in page.all("img")]:
        assert address is not None
        answer = await shop.ask("GET", address)
        assert answer.status == 200, address
        if address.endswith(".svg"):
            assert answer.headers["Content-Type"].startswith("image/svg+xml")
            ET.fromstring(answer.body)  # well-formed, and made by us


async def test_the_picture_shows_the_brands_colours_the_logo_and_the_fields(shop: House) -> None:
    card = await shop.issue(data={"name": "Anna Petrova", "points": 120, "balance": 45000})
    picture = (await shop.ask("GET", card.install_path + "/card.svg")).body.decode()
    assert "rgb(58, 42, 30)" in picture
    assert picture.count("data:image/png;base64,") == 2
    assert "Anna Petrova" in picture
    assert "120" in picture


async def test_what_customers_type_is_text_and_nothing_else(shop: House) -> None:
    card = await shop.issue(data={"name": "<script>alert(1)</script>&\"'"})
    picture = (await shop.ask("GET", card.install_path + "/card.svg")).body.decode()
    assert "<script" not in picture
    ET.fromstring(picture)


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        ({"state": "voided"}, "no longer valid"),
        ({"state": "expired"}, "has expired"),
        ({"state": "completed"}, "has been used"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "has expired"),
    ],
)
async def test_a_card_that_is_over_says_so_and_offers_nothing(
    small_house: House, patch: dict[str, str], words: str
) -> None:
    card = await small_house.issue()
    await small_house.api("PATCH", f"/cards/{card.serial}", patch)
    page = await seen(card, IPHONE)
    assert words in page.text
    assert not page.all("a")
    assert not any(meta.get("http-equiv") for meta in page.all("meta"))


async def test_the_download_is_the_signed_pass_and_counts_as_served(small_house: House) -> None:
    card = await small_house.issue()
    await card.register("device-1")
    tag = (await card.listed("device-1")).json["lastUpdated"]
    answer = await small_house.ask("GET", card.install_path + "/card.pkpass")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/vnd.apple.pkpass")
    assert answer.body.startswith(b"PK")
    assert (await card.listed("device-1", tag)).status == 204


async def test_looking_consumes_nothing_whoever_looks(small_house: House) -> None:
    card = await small_house.issue()
    await card.register("device-1")
    tag = (await card.listed("device-1")).json["lastUpdated"]
    for method in ("HEAD", "GET"):
        for path in ("", "/qr.svg", "/card.svg"):
            answer = await small_house.ask(method, card.install_path + path, headers={"User-Agent": BOT})
            assert answer.status == 200
    assert (await small_house.ask("HEAD", card.install_path + "/card.pkpass")).status == 200
    assert (await card.listed("device-1", tag)).status == 200, "nothing of this was a download"
    for _ in range(3):
        assert (await small_house.ask("GET", card.install_path + "/card.pkpass")).status == 200


async def test_every_wrong_link_is_the_same_friendly_page(small_house: House) -> None:
    card = await small_house.issue()
    token = card.install_path.removeprefix("/i/")
    tampered = token[:-1] + ("A" if token[-1] != "A" else "B")
    wrong = ["x", tampered, token + "x", token[:-1], "a" * 28, "%00", "..%2f..%2fetc", "é" * 14, "x" * 4000]
    answers = [await small_house.ask("GET", f"/i/{link}", headers={"User-Agent": IPHONE}) for link in wrong]
    assert {answer.status for answer in answers} == {404}
    assert len({answer.body for answer in answers}) == 1
    assert "There is no card here" in answers[0].body.decode()


@pytest.mark.parametrize("agent", ["", "é\u2028", "x" * 7000, "iPhone" * 100])
async def test_any_user_agent_gets_a_page(small_house: House, agent: str) -> None:
    card = await small_house.issue()
    answer = await small_house.ask("GET", card.install_path, headers={"User-Agent": agent})
    assert answer.status == 200


async def test_in_an_apps_own_browser_the_page_says_to_open_safari(small_house: House) -> None:
    card = await small_house.issue()
    page = await seen(card, IPHONE + " Instagram 300.0")
    assert "Safari" in page.text
    assert not any(meta.get("http-equiv") for meta in page.all("meta"))


# What people agree to, where they look from, and what they have already.

AGREE = b"consents:\n  processing: {text: I agree., link: 'https://example.com/p'}\n  marketing: News please.\n"


@pytest_asyncio.fixture
async def asking(db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    """A template that has people agree, on both databases."""
    files = {**lean, "template.yaml": lean["template.yaml"] + AGREE}
    async with opened(db, signers, files) as house:
        yield house


async def agreed(card: Card, **boxes: str) -> tuple[int, str]:
    form = {f"consent.{kind}": value for kind, value in boxes.items()}
    headers = {"User-Agent": IPHONE, "Accept-Language": "en"}
    answer = await card.house.ask("POST", card.install_path + "/consents", data=form, headers=headers)
    return answer.status, answer.headers.get("Location", answer.body.decode())


async def test_two_boxes_come_before_the_card_and_nothing_is_ticked(asking: House) -> None:
    card = await asking.issue()
    page = await seen(card, IPHONE)
    boxes = page.all("input")
    assert [box["name"] for box in boxes] == ["consent.processing", "consent.marketing"]
    assert not any("checked" in box for box in boxes)
    assert ["required" in box for box in boxes] == [True, False]
    assert "Add to Apple Wallet" not in page.text
    assert not any(meta.get("http-equiv") for meta in page.all("meta"))
    assert [link["href"] for link in page.all("a")] == ["https://example.com/p"]


async def test_who_agrees_gets_the_card_and_what_was_said_is_kept_with_version_and_time(asking: House) -> None:
    card = await asking.issue()
    before = datetime.now(UTC)
    assert await agreed(card, processing="yes") == (303, card.install_path)
    assert "Add to Apple Wallet" in (await seen(card, IPHONE)).text
    found = await cards.view(asking.db, asking.brand_id, card.serial)
    known = await consents.of_card(asking.db, found.card_id)
    assert {kind: (one.given, one.version, one.text, one.place) for kind, one in known.items()} == {
        "processing": (True, 1, "I agree.", "install"),
        "marketing": (False, 1, "News please.", "install"),
    }
    assert all(before <= one.at <= datetime.now(UTC) for one in known.values())


async def test_who_does_not_agree_is_told_what_it_needs_and_keeps_the_other_box(asking: House) -> None:
    card = await asking.issue()
    status, html = await agreed(card, marketing="yes")
    page = Page(html)
    assert status == 422
    assert "without it there is no card" in page.text
    assert ["checked" in box for box in page.all("input")] == [False, True]
    found = await cards.view(asking.db, asking.brand_id, card.serial)
    assert await consents.of_card(asking.db, found.card_id) == {}
    wrong = await asking.ask("POST", "/i/" + "a" * 28 + "/consents", data={"consent.processing": "yes"})
    assert wrong.status == 404


async def test_a_template_that_asks_nothing_has_no_form(small_house: House) -> None:
    card = await small_house.issue()
    answer = await small_house.ask("GET", card.install_path, headers={"User-Agent": IPHONE})
    assert b"<form" not in answer.body
    assert "form-action 'none'" in answer.headers["Content-Security-Policy"]


IN_APP = [
    (IPHONE + " Instagram 300.0", "Safari", "x-safari-https://"),
    (IPHONE.replace(" Safari/604.1", ""), "Safari", "x-safari-https://"),
    (IPHONE.replace(" Safari/604.1", " [FBAN/FBIOS;FBAV/500]"), "Safari", "x-safari-https://"),
    (IPHONE + " Telegram/11", "Safari", "x-safari-https://"),
    (ANDROID.replace("Pixel 11)", "Pixel 11; wv)"), "Chrome", "intent://"),
    (ANDROID + " VKAndroidApp/8.9-1", "Chrome", "intent://"),
    (ANDROID + " Telegram-Android/11.4", "Chrome", "intent://"),
    (ANDROID + " Instagram 300.0", "Chrome", "intent://"),
    (ANDROID + " OKApp", "Chrome", "intent://"),
]


@pytest.mark.parametrize(("agent", "browser", "scheme"), IN_APP)
async def test_an_app_s_own_browser_is_shown_the_way_out_without_any_script(
    small_house: House, agent: str, browser: str, scheme: str
) -> None:
    card = await small_house.issue()
    page = await seen(card, agent)
    address = "https://cards.example.com" + card.install_path
    assert f"Open this page in {browser}" in page.text
    assert address in page.text, "to be copied by hand"
    assert any(str(link["href"]).startswith(scheme) for link in page.all("a"))
    (button,) = page.all("button")
    assert "hidden" in button, "it appears only where a script runs"
    assert not any(meta.get("http-equiv") for meta in page.all("meta"))


@pytest.mark.parametrize("agent", [IPHONE, ANDROID, DESKTOP, IPHONE.replace("Version/27.0", "CriOS/140.0"), BOT])
async def test_a_real_browser_is_not_sent_away(small_house: House, agent: str) -> None:
    card = await small_house.issue()
    answer = await small_house.ask("GET", card.install_path, headers={"User-Agent": agent, "Accept-Language": "en"})
    assert b"Open this page in" not in answer.body
    assert b"install.js" not in answer.body


async def test_a_phone_tells_its_time_zone_once(small_house: House) -> None:
    card = await small_house.issue()

    async def asks(agent: str) -> bool:
        answer = await small_house.ask("GET", card.install_path, headers={"User-Agent": agent})
        scripts = Page(answer.body.decode()).all("script")
        assert all(str(one["src"]).startswith("/static/") for one in scripts)
        assert ("script-src" in answer.headers["Content-Security-Policy"]) == bool(scripts)
        return [one["data-zone"] for one in scripts] == [f"{card.install_path}/zone"]

    async def tell(name: str) -> str | None:
        told = await small_house.ask("POST", f"{card.install_path}/zone", data=name.encode())
        assert (told.status, told.body) == (204, b"")
        return str((await small_house.api("GET", f"/cards/{card.serial}")).json["time_zone"])

    assert [await asks(agent) for agent in (IPHONE, ANDROID, DESKTOP)] == [True, True, False]
    for nonsense in ("", "Mars/Olympus", "\0", "<script>"):
        assert await tell(nonsense) == "None"
    assert await tell("Asia/Kathmandu") == "Asia/Kathmandu"
    assert not await asks(IPHONE)
    assert await tell("Europe/Moscow") == "Asia/Kathmandu"
    assert (await small_house.ask("POST", f"{card.install_path}/zone", data=b"x" * 300)).status == 413
    assert (await small_house.ask("POST", "/i/aaaaaaaaaaaaaaaaaaaaaaaaaaaa/zone", data=b"UTC")).status == 404


async def test_a_card_that_is_on_a_phone_says_so_and_does_not_open_by_itself(small_house: House) -> None:
    card = await small_house.issue()
    await card.register("device-1")
    page = await seen(card, IPHONE)
    assert "on a phone already" in page.text
    assert not any(meta.get("http-equiv") for meta in page.all("meta"))
    assert any(link["href"] == card.install_path + "/card.pkpass" for link in page.all("a"))


@pytest.mark.parametrize("agent", [IPHONE, ANDROID, DESKTOP, IPHONE + " Instagram 300.0"])
async def test_the_page_loads_in_one_round_of_few_requests(shop: House, agent: str) -> None:
    card = await shop.issue()
    page = await seen(card, agent)
    loads = [link["href"] for link in page.all("link")] + [image["src"] for image in page.all("img")]
    loads += [script["src"] for script in page.all("script")]
    assert len(loads) <= 4, loads
    for address in loads:  # what is loaded loads nothing itself
        answer = await shop.ask("GET", str(address))
        text = answer.body.decode("utf-8", "replace")
        assert answer.status == 200
        assert not re.search(r"@import|url\((?!['\"]?[#d])|import\s*[({'\"]|fetch\(", text), address


async def test_a_robot_phone_agrees_and_has_the_card(asking: House) -> None:
    card = await asking.issue()
    async with aiohttp.ClientSession() as session:
        web = WebService(session, "device-1", ROBOT)
        status, _, page = await web.download(asking.url + card.install_path)
        form = agreement(asking.url + card.install_path, page)
        assert status == 200
        assert form is not None
        status, media_type, page = await web.submit(*form)
        assert (status, media_type) == (200, "text/html")
        status, media_type, _ = await web.download(apple_link(asking.url + card.install_path, page))
        assert (status, media_type) == (200, "application/vnd.apple.pkpass")
