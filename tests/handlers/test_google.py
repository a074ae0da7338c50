"""Google's surface through a running web side: the way to the save link, callbacks, pictures and robots."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import time
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib import robotparser

import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from PIL import Image

from handlers.google import WAITING
from passkit.apple.signing import Signers
from passkit.google.callback import RootKey
from sandbox import google_schema
from store import cards, google, templates
from store.dialect import Database
from store.google import GoogleStatus, Outcome, Result, Work
from tests.google_callbacks import PROTOCOL, Sender, key_value
from tests.handlers.conftest import Answer, Card, House, opened
from tests.handlers.test_install import ANDROID, DESKTOP, IPHONE, Page, seen

ISSUER = "3388000000000000001"
EMAIL = "passbell@coffee-club.iam.gserviceaccount.com"
SAVE = "https://pay.google.com/gp/v/save/"
SOON = timedelta(seconds=30)


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def key_file(key: rsa.RSAPrivateKey) -> bytes:
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return json.dumps(
        {
            "type": "service_account",
            "client_email": EMAIL,
            "private_key_id": "0123456789abcdef",
            "private_key": pem,
            "token_uri": "https://oauth2.googleapis.com/token",
        }
    ).encode()


async def switch_on(house: House, key: rsa.RSAPrivateKey, mode: str = "live", testers: tuple[str, ...] = ()) -> None:
    await google.configure(house.db, "coffee", issuer_id=ISSUER, mode=mode, testers=testers)
    await google.add_key(house.db, house.brand_id, key_file(key), datetime.now(UTC))


@pytest_asyncio.fixture
async def shop(
    db: Database, signers: Signers, lean: dict[str, bytes], signing_key: rsa.RSAPrivateKey
) -> AsyncIterator[House]:
    """A web side on both databases whose brand is on Google; nobody waits longer than a moment."""
    async with opened(db, signers, lean) as house:
        await switch_on(house, signing_key)
        patience(house, 0.2)
        yield house


@pytest_asyncio.fixture
async def local_shop(
    local_db: Database, signers: Signers, lean: dict[str, bytes], signing_key: rsa.RSAPrivateKey
) -> AsyncIterator[House]:
    """The same on SQLite alone."""
    async with opened(local_db, signers, lean) as house:
        await switch_on(house, signing_key)
        patience(house, 0.2)
        yield house


def patience(house: House, seconds: float) -> None:
    app = house.listener.runner.app
    assert app is not None
    app[WAITING].seconds = seconds


async def work(house: House, outcome: Outcome = Outcome.ACCEPTED, **more: Any) -> list[Work]:
    """What a worker does, without Google: everything that is due gets this outcome."""
    done: list[Work] = []
    while True:
        works = await google.claim(house.db, owner="test", issuer_id=ISSUER, room=50, lease=SOON)
        if not works:
            return done
        await google.settle(house.db, owner="test", results=[Result(one, outcome, **more) for one in works])
        done += works


async def google_of(card: Card, agent: str = ANDROID, method: str = "GET", query: str = "") -> Answer:
    headers = {"User-Agent": agent, "Accept-Language": "en", "Accept": "text/html"}
    return await card.house.ask(method, f"{card.install_path}/google{query}", headers=headers)


def claims_of(answer: Answer, key: rsa.RSAPrivateKey) -> dict[str, Any]:
    """The claims of the link it redirects to, verified by PyJWT."""
    location = answer.headers["Location"]
    assert location.startswith(SAVE)
    claims: dict[str, Any] = jwt.decode(
        location.removeprefix(SAVE), key.public_key(), algorithms=["RS256"], audience="google"
    )
    return claims


def google_links(page: Page, card: Card) -> list[dict[str, str | None]]:
    return [link for link in page.all("a") if link["href"] == card.install_path + "/google"]


# The save link


async def test_a_card_that_google_has_gets_the_skinny_link(shop: House, signing_key: rsa.RSAPrivateKey) -> None:
    card = await shop.issue(data={"name": "Anna Petrova", "points": 120})
    await seen(card, ANDROID)
    await work(shop)
    answer = await google_of(card)
    assert answer.status == 302, answer.body
    claims = claims_of(answer, signing_key)
    (object_,) = claims["payload"]["loyaltyObjects"]
    assert object_ == {"id": f"{ISSUER}.{card.serial}", "classId": object_["classId"]}
    assert object_["classId"].startswith(f"{ISSUER}.coffee")
    assert (claims["iss"], claims["typ"], claims["origins"]) == (EMAIL, "savetowallet", ["https://cards.example.com"])
    assert "Anna" not in urlsafe_b64decode(answer.headers["Location"].split(".")[-2] + "==").decode()


async def test_opening_the_page_on_android_has_the_card_brought_to_google(shop: House) -> None:
    card = await shop.issue()
    await work(shop)
    for agent in (IPHONE, DESKTOP):
        await seen(card, agent)
    await shop.ask("HEAD", card.install_path, headers={"User-Agent": ANDROID})
    assert await work(shop) == [], "only an Android phone that opens the page"
    await seen(card, ANDROID)
    (object_,) = await work(shop)
    assert (object_.kind, object_.lane, object_.id) == ("object", 0, f"{ISSUER}.{card.serial}")
    await seen(card, ANDROID)
    assert await work(shop) == [], "once"


async def test_who_comes_while_the_worker_is_busy_waits_for_it_and_no_longer(
    local_shop: House, signing_key: rsa.RSAPrivateKey
) -> None:
    patience(local_shop, 20)
    card = await local_shop.issue()
    asked = asyncio.create_task(google_of(card, DESKTOP))
    while not await work(local_shop):
        await asyncio.sleep(0.01)
    began = time.monotonic()
    await work(local_shop)
    answer = await asked
    assert time.monotonic() - began < 5
    assert claims_of(answer, signing_key)["payload"].keys() == {"loyaltyObjects"}


async def test_without_a_worker_the_link_carries_what_google_needs(shop: House, signing_key: rsa.RSAPrivateKey) -> None:
    card = await shop.issue(data={"name": "Anna Petrova", "points": 120})
    answer = await google_of(card)
    assert answer.status == 302, answer.body
    assert len(answer.headers["Location"]) < 1800
    payload = claims_of(answer, signing_key)["payload"]
    (class_,), (object_,) = payload["loyaltyClasses"], payload["loyaltyObjects"]
    assert google_schema.problems("LoyaltyClass", class_) == []
    assert google_schema.problems("LoyaltyObject", object_) == []
    assert object_["id"] == f"{ISSUER}.{card.serial}"
    assert object_["barcode"]["value"] == card.answer["number"]
    assert "Anna" not in json.dumps(payload, ensure_ascii=False)


async def test_a_link_that_would_be_too_long_becomes_a_page_that_comes_back(local_shop: House) -> None:
    text = local_shop_template(local_shop, number="x" * 100)
    await templates.import_files(local_shop.db, local_shop.brand_id, text, datetime.now(UTC))
    await templates.publish(local_shop.db, local_shop.brand_id, "coffee", now=datetime.now(UTC))
    card = await local_shop.issue()
    answer = await google_of(card)
    assert (answer.status, answer.headers["Retry-After"]) == (202, "4")
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    page = Page(answer.body.decode())
    (refresh,) = (meta for meta in page.all("meta") if meta.get("http-equiv") == "refresh")
    assert refresh["content"] == f"4; url={card.install_path}/google?try=1"
    assert "on its way" in page.text
    late = Page((await google_of(card, query="?try=6")).body.decode())
    assert not any(meta.get("http-equiv") for meta in late.all("meta")), "a person decides from here on"
    assert any(link["href"] == f"{card.install_path}/google?try=7" for link in late.all("a"))
    for odd in ("?try=x", "?try=-1", "?try=99", "?try=%C2%B2", "?try="):
        assert (await google_of(card, query=odd)).status == 202


def local_shop_template(house: House, number: str) -> dict[str, bytes]:
    """The lean coffee card with a barcode that no link can hold."""
    drawn = io.BytesIO()
    Image.new("RGB", (87, 87), "#3a2a1e").save(drawn, "PNG")
    text = (
        "key: coffee\nstyle: storeCard\nname: Coffee\ndescription: Card\nimages: {icon: icon.png}\n"
        "variables:\n  name: {type: text, default: '', personal: true}\n  points: {type: integer, default: 0}\n"
        "  balance: {type: money, currency: RUB, default: 0}\n  visit: {type: datetime, optional: true}\n"
        f"barcode: {{format: qr, message: '{number * 9}'}}\n"
    )
    return {"template.yaml": text.encode(), "icon.png": drawn.getvalue()}


async def test_an_older_key_signs_where_the_newest_cannot_be_read(
    local_shop: House, signing_key: rsa.RSAPrivateKey
) -> None:
    card = await local_shop.issue()
    accounts = await google.keys(local_shop.db, local_shop.brand_id)
    await google.remove_key(local_shop.db, local_shop.brand_id, accounts[0].fingerprint, datetime.now(UTC))
    answer = await google_of(card)
    assert answer.status == 202, "no key: a page that comes back, and a line in the log"
    other = rsa.generate_private_key(65537, 2048)
    await google.add_key(local_shop.db, local_shop.brand_id, key_file(other), datetime.now(UTC))
    assert claims_of(await google_of(card), other)["iss"] == EMAIL


async def test_a_card_that_google_refused_for_good_is_not_waited_for(local_shop: House) -> None:
    patience(local_shop, 20)
    card = await local_shop.issue()
    await seen(card, ANDROID)
    await work(local_shop, Outcome.DEAD, reason="badRequest")
    began = time.monotonic()
    page = await seen(card, ANDROID)
    assert not google_links(page, card)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("patch", [{"state": "voided"}, {"expires_at": "2020-01-01T00:00:00Z"}])
async def test_a_card_that_is_over_leads_back_to_its_page(local_shop: House, patch: dict[str, str]) -> None:
    card = await local_shop.issue()
    await local_shop.api("PATCH", f"/cards/{card.serial}", patch)
    answer = await google_of(card)
    assert (answer.status, answer.headers["Location"]) == (303, card.install_path)
    assert not google_links(await seen(card, ANDROID), card)


async def test_head_looks_and_changes_nothing(local_shop: House) -> None:
    card = await local_shop.issue()
    await work(local_shop)
    assert (await google_of(card, method="HEAD")).status == 200
    assert await work(local_shop) == []


async def test_wrong_links_are_the_same_friendly_404(local_shop: House) -> None:
    card = await local_shop.issue()
    token = card.install_path.removeprefix("/i/")
    answers = [await local_shop.ask("GET", f"/i/{wrong}/google") for wrong in ("x", token[:-1], token + "x", "a" * 28)]
    assert {(answer.status, answer.body) for answer in answers} == {(404, answers[0].body)}
    assert "There is no card here" in answers[0].body.decode()


# Off, test and live


async def test_a_brand_that_is_off_shows_no_button_and_refuses_politely(small_house: House) -> None:
    card = await small_house.issue()
    assert card.answer["google_url"] is None
    for agent in (ANDROID, DESKTOP):
        assert not google_links(await seen(card, agent), card)
    answer = await google_of(card)
    assert answer.status == 404
    assert "not offered in Google Wallet" in answer.body.decode()


async def test_in_test_only_named_cards_see_the_button(
    db: Database, signers: Signers, lean: dict[str, bytes], signing_key: rsa.RSAPrivateKey
) -> None:
    async with opened(db, signers, lean) as house:
        await switch_on(house, signing_key, "test", ("tester-1", "4929"))
        patience(house, 0.1)
        testers = [await house.issue(external_id="tester-1"), await house.issue(number="4929")]
        other = await house.issue(external_id="customer-7")
        for card in testers:
            assert google_links(await seen(card, ANDROID), card)
            assert (await google_of(card)).status == 302
        assert not google_links(await seen(other, ANDROID), other)
        refused = await google_of(other)
        assert (refused.status, "not offered" in refused.body.decode()) == (404, True)
        assert {one.id for one in await work(house) if one.kind == "object"} == {
            f"{ISSUER}.{c.serial}" for c in testers
        }


async def test_the_api_names_the_way_to_google(shop: House) -> None:
    card = await shop.issue()
    assert card.answer["google_url"] == card.answer["install_url"] + "/google"
    listed = (await shop.api("GET", "/cards")).json["cards"]
    assert [one["google_url"] for one in listed] == [card.answer["google_url"]]


# The page


async def test_the_button_is_googles_own_on_android_and_desktop_and_not_on_an_iphone(local_shop: House) -> None:
    card = await local_shop.issue()
    for agent, language, words in (
        (ANDROID, "en", "Add to Google Wallet"),
        (DESKTOP, "ru", "Добавить в Google Кошелек"),
    ):
        page = await seen(card, agent, language)
        assert len(google_links(page, card)) == 1
        (badge,) = (image for image in page.all("img") if "google_wallet" in str(image["src"]))
        assert badge["alt"] == words
        assert int(str(badge["height"])) >= 48
        picture = await local_shop.ask("GET", str(badge["src"]))
        assert (picture.status, picture.headers["Content-Type"]) == (200, "image/svg+xml")
    assert not google_links(await seen(card, IPHONE), card)


async def test_a_card_that_a_phone_holds_says_so(shop: House) -> None:
    card = await shop.issue()
    await seen(card, ANDROID)
    await work(shop)
    sender = await listening(shop)
    await call(shop, sender.body("save", **await ids(card)))
    page = await seen(card, ANDROID)
    assert "The card is in Google Wallet." in page.text
    assert len(google_links(page, card)) == 1, "and the way to it"
    await call(shop, sender.body("del", nonce="n2", **await ids(card)))
    assert "The card is in Google Wallet." not in (await seen(card, ANDROID)).text


# Callbacks


async def status_of(card: Card) -> GoogleStatus:
    found = await cards.find(card.house.db, card.house.brand_id, card.serial)
    status = await google.status(card.house.db, found.card_id)
    assert status is not None
    return status


async def ids(card: Card) -> dict[str, str]:
    return {"classId": (await status_of(card)).class_id or "", "objectId": f"{ISSUER}.{card.serial}"}


async def listening(house: House) -> Sender:
    """A sender whose root key the worker has read."""
    now = datetime.now(UTC)
    sender = Sender(ISSUER, now)
    key = RootKey(key_value(sender.root), PROTOCOL, now + timedelta(days=30))
    await google.replace_root_keys(house.db, [key], now)
    return sender


async def call(house: House, body: bytes, brand: str = "coffee", **headers: str) -> Answer:
    return await house.ask("POST", f"/google/callback/{brand}", data=body, headers=headers)


@pytest_asyncio.fixture
async def saved(shop: House) -> tuple[House, Card, Sender, dict[str, str]]:
    """A card that Google has, and Google ready to call back."""
    card = await shop.issue()
    await seen(card, ANDROID)
    await work(shop)
    return shop, card, await listening(shop), await ids(card)


async def test_saves_and_deletes_are_written_once(saved: tuple[House, Card, Sender, dict[str, str]]) -> None:
    house, card, sender, named = saved

    assert (await status_of(card)).present is None
    body = sender.body("save", **named)
    assert (await call(house, body)).json == {"result": "saved"}
    assert (await status_of(card)).present is True
    assert (await call(house, sender.body("del", nonce="n2", **named))).json == {"result": "deleted"}
    assert (await status_of(card)).present is False
    replay = await call(house, body)
    assert (replay.status, replay.json) == (200, {"result": "duplicate"})
    assert (await status_of(card)).present is False
    told = (await house.api("GET", f"/cards/{card.serial}/timeline")).json["entries"]
    assert [one["kind"] for one in told if one["kind"] in ("google_saved", "google_deleted")] == [
        "google_saved",
        "google_deleted",
    ]
    assert (await house.api("GET", f"/cards/{card.serial}")).json["state"] == "active", "removed is not expired"


async def test_what_google_signed_is_answered_200_even_where_it_changes_nothing(
    saved: tuple[House, Card, Sender, dict[str, str]],
) -> None:
    house, _, sender, named = saved
    unknown = await call(house, sender.body(**{**named, "objectId": f"{ISSUER}.nobody"}))
    assert (unknown.status, unknown.json) == (200, {"result": "unknown_object"})
    event = await call(house, sender.body("rename", nonce="n3", **named))
    assert (event.status, event.json) == (200, {"result": "unknown_event"})


async def test_what_google_did_not_sign_for_us_is_401(saved: tuple[House, Card, Sender, dict[str, str]]) -> None:
    house, card, sender, named = saved
    good = json.loads(sender.body("save", **named))
    wrong = [
        b"",
        b"{}",
        b"\xff",
        json.dumps({**good, "signedMessage": good["signedMessage"].replace("save", "del ")}).encode(),
        sender.changed(recipient="3388000000000000002").body(**named),
        sender.changed(intermediate_days=-1).body(**named),
        sender.changed(protocol="ECv1").body(**named),
        sender.body(expTimeMillis=1, **named),
        sender.body(**{**named, "objectId": "3388000000000000002.card"}),
        Sender(ISSUER, sender.now).body(**named),
    ]
    for body in wrong:
        answer = await call(house, body)
        assert (answer.status, answer.json["code"]) == (401, "callback_refused"), body
        assert answer.headers["Content-Type"] == "application/problem+json"
    assert (await status_of(card)).present is None


async def test_without_googles_keys_google_is_asked_to_come_again(local_shop: House) -> None:
    sender = Sender(ISSUER, datetime.now(UTC))
    answer = await call(local_shop, sender.body())
    assert (answer.status, answer.json["code"]) == (503, "callback_keys_missing")
    assert int(answer.headers["Retry-After"]) > 0


async def test_brands_that_are_none_or_never_were_on_google_are_404(small_house: House) -> None:
    for brand in ("coffee", "tea", "x" * 300, "%00", "..%2f"):
        answer = await call(small_house, b"{}", brand)
        assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


async def test_callbacks_are_bounded_plain_and_counted(
    local_db: Database, signers: Signers, lean: dict[str, bytes], signing_key: rsa.RSAPrivateKey
) -> None:
    import ipaddress

    async with opened(local_db, signers, lean, trusted_proxies=(ipaddress.ip_network("127.0.0.1/32"),)) as house:
        await switch_on(house, signing_key)
        sender = await listening(house)
        assert (await call(house, b" " * 17_000)).status == 413
        assert (await call(house, b"{}", **{"Content-Encoding": "gzip"})).status == 415
        statuses = [(await call(house, b"{}", **{"X-Forwarded-For": "203.0.113.7"})).status for _ in range(105)]
        assert statuses.count(401) in range(99, 103)
        assert statuses[-1] == 429
        named = {"classId": f"{ISSUER}.c", "objectId": f"{ISSUER}.o"}
        good = await call(house, sender.body(**named), **{"X-Forwarded-For": "203.0.113.7"})
        assert good.status == 200, "who proves himself is never limited"


async def test_a_locked_database_has_google_come_again(local_shop: House) -> None:
    card, sender = await local_shop.issue(), await listening(local_shop)
    await seen(card, ANDROID)
    await work(local_shop)
    body = sender.body("save", **await ids(card))
    async with local_shop.db.transaction() as conn:
        answer = await call(local_shop, body)
        assert (answer.status, answer.json["code"]) == (503, "unavailable")
        assert (await seen(card, ANDROID)).all("h1"), "the page is shown all the same"
        await conn.rollback()
    assert (await call(local_shop, body)).json == {"result": "saved"}


# Pictures and robots


async def test_pictures_are_public_for_good_and_named_by_their_content(
    db: Database, signers: Signers, coffee: dict[str, bytes], signing_key: rsa.RSAPrivateKey
) -> None:
    async with opened(db, signers, coffee) as house:
        await switch_on(house, signing_key)
        (class_,) = await work(house)
        body = json.dumps(dict(class_.body))
        addresses = {
            part.split('"')[0] for part in body.split('"https://cards.example.com')[1:] if "/images/" in part[:10]
        }
        assert len(addresses) == 3, body
        for address in addresses:
            answer = await house.ask("GET", address)
            assert answer.status == 200
            assert answer.headers["Content-Type"] == "image/png"
            assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert "noindex" not in answer.headers.get("X-Robots-Tag", "")
            assert address == f"/images/{hashlib.sha256(answer.body).hexdigest()}.png"
            assert Image.open(io.BytesIO(answer.body)).size in ((660, 660), (1280, 400), (1032, 336))
            assert (await house.ask("HEAD", address)).headers["Content-Length"] == str(len(answer.body))


async def test_there_are_no_other_pictures(local_shop: House, lean: dict[str, bytes]) -> None:
    yaml = hashlib.sha256(lean["template.yaml"]).hexdigest()
    for name in (yaml, "0" * 64, "x", "..%2f..%2fetc%2fpasswd", "%00", "A" * 64):
        assert (await local_shop.ask("GET", f"/images/{name}.png")).status == 404
    assert (await local_shop.ask("GET", "/images/")).status == 404


async def test_robots_may_read_pictures_and_call_back_and_nothing_else(small_house: House) -> None:
    answer = await small_house.ask("GET", "/robots.txt")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    rules = robotparser.RobotFileParser()
    rules.parse(answer.body.decode().splitlines())
    for agent in ("Googlebot", "Google-Wallet", "Googlebot-Image", "AnyBot"):
        assert rules.can_fetch(agent, "/images/" + "a" * 64 + ".png")
        assert rules.can_fetch(agent, "/google/callback/coffee")
        for path in ("/i/abc", "/i/abc/google", "/api", "/", "/static/install.css"):
            assert not rules.can_fetch(agent, path)
