"""The phones page does what its buttons say, and keeps to its security policy, judged over HTTP and in a browser."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable

import pytest
from aiohttp import ClientTimeout, web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.apns import PushService
from sandbox.backend import Starter, Variable
from sandbox.page import Sandbox
from sandbox.page_texts import LANGUAGES, TEXTS, choose
from sandbox.pkpass import load_roots
from sandbox.world import MAX_PHONES
from tests.judges import need
from tests.sandbox.certificates import Authorities
from tests.sandbox.demo_server import API_KEY, SECRET, DemoServer
from tests.sandbox.wallet_server import WalletServer

COFFEE = Starter(
    "coffee",
    "Coffee club",
    {"points": 120, "note": "", "gold": False},
    (Variable("points", "Bonus points", "integer"), Variable("note", "Note"), Variable("gold", "Gold", "boolean")),
)


@pytest.fixture
async def demo(authorities: Authorities, push_service: PushService) -> AsyncIterator[DemoServer]:
    server = DemoServer(WalletServer(authorities), push_service)
    async with TestServer(server.application()) as listening:
        server.wallet.url = str(listening.make_url("")).rstrip("/")
        yield server


@pytest.fixture
async def sandbox(demo: DemoServer, push_service: PushService, authorities: Authorities) -> Sandbox:
    return Sandbox(
        demo.wallet.url,
        push_service,
        roots=load_roots(authorities.root.pem),
        api_key=API_KEY,
        hook_source="shop",
        hook_secret=SECRET,
        starters=[COFFEE],
    )


@pytest.fixture
async def page(sandbox: Sandbox) -> AsyncIterator[TestClient]:
    app = web.Application()
    sandbox.mount(app)
    async with TestClient(TestServer(app)) as client:
        yield client


@pytest.fixture
def add(page: TestClient) -> Callable:
    async def issue(language: str = "en") -> int:
        answer = await page.post("/sandbox/phones", json={"template": "coffee", "language": language})
        assert answer.status == 201, await answer.text()
        return (await answer.json())["number"]

    return issue


async def text_of(page: TestClient, path: str) -> str:
    answer = await page.get(path)
    assert answer.status == 200
    return await answer.text()


async def change(page: TestClient, number: int, value: object, **more) -> dict:
    order = {"variable": "points", "type": "integer", "value": str(value), **more}
    answer = await page.post(f"/sandbox/phones/{number}/change", json=order)
    return {"http": answer.status, **(await answer.json())}


async def test_an_empty_page_says_the_next_step(page: TestClient):
    html = await text_of(page, "/sandbox/?lang=en")
    assert "No phones yet" in html
    assert '<option value="coffee">Coffee club</option>' in html
    assert "draft" not in html
    assert '"old"' not in html


async def test_the_browsers_language_chooses_the_page(page: TestClient):
    russian = await page.get("/sandbox/", headers={"Accept-Language": "ru-RU,ru;q=0.9,en;q=0.8"})
    assert "Телефонов пока нет" in await russian.text()
    english = await page.get("/sandbox/?lang=en", headers={"Accept-Language": "ru"})
    assert "No phones yet" in await english.text()


def test_both_languages_have_every_sentence():
    assert set(TEXTS) == set(LANGUAGES)
    assert TEXTS["en"].keys() == TEXTS["ru"].keys()
    placeholders = {
        language: {key: "{detail}" in text for key, text in TEXTS[language].items()} for language in LANGUAGES
    }
    assert placeholders["en"] == placeholders["ru"]


@pytest.mark.parametrize(("wishes", "language"), [("de,ru;q=0.5", "ru"), ("", "en"), ("*", "en"), ("EN-gb", "en")])
def test_a_wish_we_cannot_fulfil_is_skipped(wishes: str, language: str):
    assert choose(wishes) == language


async def test_adding_a_card_brings_a_phone_with_its_face(page: TestClient, add: Callable, demo: DemoServer):
    number = await add("ru")
    html = await text_of(page, f"/sandbox/phones/{number}?lang=en")
    assert "Баллы" in html
    assert "120" in html
    assert demo.wallet.registrations
    address = re.search(r'src="(phones/[^"]+)"', html)
    assert address is not None
    image = await page.get(f"/sandbox/{address[1]}")
    assert (image.status, image.content_type) == (200, "image/png")
    assert (await page.get(f"/sandbox/phones/{number}/images/strip")).status == 404


async def test_a_change_goes_through_the_signed_hook_and_rings(page, add, demo: DemoServer, sandbox: Sandbox):
    number = await add()
    told = await change(page, number, 150)
    assert (told["http"], told["status"]) == (200, 200)
    assert '"result": "applied"' in told["answer"]
    assert "webhook-signature: v1," in told["request"]
    assert demo.hooks[0]["type"] == "card.changed"
    assert demo.hooks[0]["data"] == {"card": "S1", "set": {"points": 150}}
    await sandbox.world.resident(number).phone.settled()
    html = await text_of(page, f"/sandbox/phones/{number}?lang=en")
    assert "You have 150 points now" in html
    kinds = {row.kind for row in sandbox.world.rows}
    assert kinds >= {"webhook", "accepted", "pushed", "answered", "listed", "fetched", "shown"}
    assert next(row.after for row in sandbox.world.rows if row.kind == "fetched") is not None


async def test_a_silent_change_says_so_to_the_hook(page, add, demo: DemoServer):
    number = await add()
    await change(page, number, 5, silent=True)
    assert demo.hooks[0]["data"]["notify"] == "silent"


async def test_a_value_that_does_not_fit_is_said_on_the_page(page, add, demo: DemoServer):
    number = await add()
    told = await change(page, number, "many")
    assert told == {"http": 502, "detail": "'many' is no integer."}
    assert not demo.hooks


async def test_the_form_offers_the_cards_variables(page, add):
    number = await add()
    html = await text_of(page, f"/sandbox/phones/{number}/form?lang=en")
    assert 'value="points" selected data-type="integer" data-suggestion="150" data-text="120">Bonus points' in html
    assert 'value="gold" data-type="boolean" data-suggestion="true"' in html


async def test_an_offline_phone_gets_its_push_when_it_is_back(page, add, sandbox: Sandbox):
    number = await add()
    assert (await page.post(f"/sandbox/phones/{number}/network", json={"offline": True})).status == 200
    await change(page, number, 7)
    assert sandbox.world.rows[-2].kind == "kept"
    assert "is-offline" in await text_of(page, f"/sandbox/phones/{number}")
    assert (await page.post(f"/sandbox/phones/{number}/network", json={"offline": False})).status == 200
    await sandbox.world.resident(number).phone.settled()
    assert "You have 7 points now" in await text_of(page, f"/sandbox/phones/{number}")


async def test_a_card_is_removed_and_comes_back_by_its_link(page, add, demo: DemoServer):
    number = await add()
    assert (await page.post(f"/sandbox/phones/{number}/remove-card", json={})).status == 200
    assert not demo.wallet.registrations
    assert "No card" in await text_of(page, f"/sandbox/phones/{number}?lang=en")
    again = await page.post(f"/sandbox/phones/{number}/remove-card", json={})
    assert again.status == 409
    assert (await page.post(f"/sandbox/phones/{number}/install-again", json={})).status == 200
    assert demo.wallet.registrations


async def test_a_phone_changes_its_language(page, add):
    number = await add("en")
    assert "Points" in await text_of(page, f"/sandbox/phones/{number}")
    await page.post(f"/sandbox/phones/{number}/language", json={})
    assert "Баллы" in await text_of(page, f"/sandbox/phones/{number}")


async def test_a_phone_put_away_gives_its_card_back(page, add, demo: DemoServer):
    number = await add()
    assert (await page.post(f"/sandbox/phones/{number}/put-away", json={})).status == 200
    assert not demo.wallet.registrations
    gone = await page.get(f"/sandbox/phones/{number}?lang=en")
    assert gone.status == 409
    assert (await gone.json())["detail"] == TEXTS["en"]["no_phone"]


async def test_there_is_an_end_of_phones(page, add):
    for _ in range(MAX_PHONES):
        await add()
    answer = await page.post("/sandbox/phones?lang=ru", json={"template": "coffee", "language": "en"})
    assert (answer.status, (await answer.json())["detail"]) == (409, TEXTS["ru"]["too_many_phones"])


async def test_what_the_server_refuses_is_shown(page: TestClient, sandbox: Sandbox):
    answer = await page.post("/sandbox/phones", json={"template": "tea"})
    assert answer.status == 502
    assert "No such template" in (await answer.json())["detail"]
    assert not sandbox.world.residents


async def test_the_page_opens_while_the_server_is_down(page: TestClient, demo: DemoServer):
    demo.is_down = True
    assert "server.py template import" in await text_of(page, "/sandbox/?lang=en")


FOREIGN = {
    "another site": {"headers": {"Sec-Fetch-Site": "cross-site"}, "json": {}},
    "a form": {"data": {"template": "coffee"}},
    "no object": {"json": []},
    "no JSON": {"data": "{", "headers": {"Content-Type": "application/json"}},
}


@pytest.mark.parametrize("order", FOREIGN.values(), ids=FOREIGN.keys())
async def test_orders_come_from_our_page_alone(page, demo: DemoServer, order):
    answer = await page.post("/sandbox/phones?lang=en", **order)
    assert (answer.status, (await answer.json())["detail"]) == (409, TEXTS["en"]["bad_request"])
    assert not demo.data


async def test_nothing_on_the_page_is_inline(page: TestClient, add):
    await add()
    answer = await page.get("/sandbox/")
    html = await answer.text()
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<[^>]+\sstyle=|<style|<[^>]+\son\w+=|javascript:", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


async def test_static_files_are_ours_alone(page: TestClient):
    html = await text_of(page, "/sandbox/")
    for path in re.findall(r'(?:href|src)="(static/[^"]+)"', html):
        assert (await page.get(f"/sandbox/{path}")).status == 200
    for path in ("install.css", "..%2fpages%2fsandbox.html", "nothing.js"):
        assert (await page.get(f"/sandbox/static/{path}")).status == 404


async def test_the_push_service_can_be_scripted_through_the_page(page, add, push_service: PushService):
    number = await add()
    await page.post("/sandbox/apns/rules", json={"status": 503})
    await change(page, number, 3)
    html = await text_of(page, "/sandbox/?lang=en")
    assert "Apple refused the push: 503 ServiceUnavailable" in html


async def test_an_open_page_is_told_what_to_draw(page: TestClient, add, sandbox: Sandbox):
    first = await add()
    events: list[tuple[str, dict]] = []
    async with page.get("/sandbox/events?lang=en", timeout=ClientTimeout(total=20)) as stream:
        assert stream.content_type == "text/event-stream"

        async def read_until(wanted: Callable[[str, dict], bool]) -> None:
            while not (events and wanted(*events[-1])):
                block = (await stream.content.readuntil(b"\n\n")).decode()
                name, _, data = block.removeprefix("event: ").partition("\ndata: ")
                events.append((name, json.loads(data)))

        await read_until(lambda name, data: name == "phones" and data == {"numbers": [first]})
        await change(page, first, 150)
        await read_until(lambda name, data: name == "phone" and "You have 150 points now" in data["html"])
        assert any(name == "row" and "Apple accepted the push" in data["html"] for name, data in events)
        await page.post(f"/sandbox/phones/{first}/put-away", json={})
        await read_until(lambda name, data: name == "gone" and data == {"number": first})


async def test_open_streams_end_when_the_server_stops(sandbox: Sandbox):
    app = web.Application()
    sandbox.mount(app)
    async with TestClient(TestServer(app)) as client:
        stream = await client.get("/sandbox/events")
        await stream.content.readuntil(b"\n\n")
        await asyncio.wait_for(app.shutdown(), 5)
        assert await asyncio.wait_for(stream.content.read(), 5) == b""


async def test_one_card_on_two_phones_speaks_two_languages(page, demo: DemoServer, sandbox: Sandbox):
    demo.data["S9"] = {"points": 1}
    await sandbox.add_card(demo.wallet.issue("S9"))
    html = await text_of(page, "/sandbox/")
    assert "Points" in html
    assert "Баллы" in html
    assert len({device for device, _ in demo.wallet.registrations}) == 2


async def test_the_first_phones_are_the_same_after_a_restart(demo: DemoServer, sandbox: Sandbox):
    demo.data["S9"] = {"points": 1}
    link = demo.wallet.issue("S9")
    for _ in range(2):
        app = web.Application()
        sandbox.mount(app)
        async with TestClient(TestServer(app)):
            await sandbox.add_card(link)
    assert len(demo.wallet.registrations) == 2
    assert len(set(demo.wallet.registrations.values())) == 2


async def test_the_address_without_slash_leads_to_the_page(page: TestClient):
    answer = await page.get("/sandbox", allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (302, "/sandbox/")


async def test_a_browser_shows_the_ring_without_breaking_the_policy(page, add, demo: DemoServer):
    need("playwright")
    from playwright.async_api import async_playwright, expect

    number = await add("ru")
    complaints: list[str] = []
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=need("chromium"), args=CHROMIUM)
        tab = await browser.new_page(viewport={"width": 390, "height": 844}, locale="en-US")
        tab.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        await tab.goto(str(page.make_url("/sandbox/")))
        phone = tab.locator(f'.phone[data-number="{number}"]')
        await expect(phone.locator("[data-key=points] .f-value")).to_have_text("120")
        colour = await phone.locator(".c-front").evaluate("face => getComputedStyle(face).backgroundColor")
        assert colour == "rgb(58, 42, 30)"
        await expect(tab.locator("#value")).to_have_value("150")
        await tab.click("button.primary")
        await expect(phone.locator(".notification p")).to_have_text("Теперь у вас 150 баллов")
        await expect(phone.locator("[data-key=points] .f-value")).to_have_text("150")
        await expect(tab.locator("#answer")).to_contain_text("applied")
        await expect(tab.locator("tr.row-shown")).to_have_count(1)
        await phone.locator(".card").click(position={"x": 40, "y": 30})
        await expect(phone.locator(".card")).to_have_class(re.compile("is-turned"))
        await expect(phone.locator(".c-front")).to_have_attribute("aria-hidden", "true")
        await phone.locator("[data-action=remove-card]").click()
        await expect(phone.locator(".no-card")).to_be_visible()
        width = await tab.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        await browser.close()
    assert not complaints


CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
