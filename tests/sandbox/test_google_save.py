"""Save links are judged as Google judges them, and its callbacks hold for a verifier written from Google's page alone."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import crypt, jwt

from sandbox.google import GoogleService
from sandbox.google_answers import Refusal
from sandbox.google_callbacks import CallbackKeys, as_sent
from sandbox.google_memory import remembered
from sandbox.google_state import kinds
from tests.sandbox.google_client import (
    CLASS_ID,
    EMAIL,
    ISSUER,
    OBJECT_ID,
    client,
    in_thread,
    key_file,
    loyalty_class,
    loyalty_object,
    refused,
)

SKINNY = {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]}
FAT = {"loyaltyClasses": [loyalty_class()], "loyaltyObjects": [loyalty_object()]}


@pytest.fixture
async def key(google: GoogleService) -> dict[str, str]:
    file = key_file(google)
    google.enlist(file, ISSUER)
    return file


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    made = Issuer()
    app = web.Application()
    app.router.add_post("/callback", made.take)
    async with TestServer(app) as server:
        made.url = str(server.make_url("/callback"))
        yield made


class Issuer:
    """Who gets the callbacks."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.refusals = 0

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.refusals -= 1
        return web.Response(status=503 if self.refusals >= 0 else 200)


def put(google: GoogleService, **of_class: Any) -> None:
    google.wallet.insert(kinds()["loyaltyClass"], loyalty_class(**of_class))
    google.wallet.insert(kinds()["loyaltyObject"], loyalty_object())


def link(key: dict[str, str], payload: Any, **claims: Any) -> str:
    usual = {
        "iss": EMAIL,
        "aud": "google",
        "typ": "savetowallet",
        "iat": int(time.time()),
        "origins": [],
        "payload": payload,
    }
    return jwt.encode(crypt.RSASigner.from_service_account_info(key), usual | claims).decode()


async def test_a_skinny_link_saves_what_was_inserted(google: GoogleService, key: dict[str, str]):
    put(google)
    async with aiohttp.ClientSession() as session:
        page = f"{google.url}/gp/v/save/{link(key, SKINNY)}"
        async with session.get(page) as answer:
            assert await answer.json() == {"objects": [OBJECT_ID]}
        async with session.post(page, json={"account": "anna@example.com"}) as answer:
            assert answer.status == 200
    assert google.wallet.find(OBJECT_ID).holders == {"anna@example.com"}
    with client(google, key) as api:
        got = await in_thread(api.loyaltyobject().get(resourceId=OBJECT_ID).execute)
    assert got["hasUsers"] is True
    google.remove(OBJECT_ID, "anna@example.com")
    assert google.wallet.view(google.wallet.find(OBJECT_ID))["hasUsers"] is False


def test_a_fat_link_makes_what_is_missing_and_changes_nothing_that_is_there(google: GoogleService, key: dict[str, str]):
    google.save(link(key, FAT), "anna@example.com")
    assert google.wallet.find(CLASS_ID, is_class=True).body["reviewStatus"] == "APPROVED"
    later = {"loyaltyObjects": [loyalty_object(accountName="Boris")]}
    google.save(link(key, later), "anna@example.com")
    assert google.wallet.find(OBJECT_ID).body["accountName"] == "Anna"


@pytest.mark.parametrize(
    ("payload", "claims", "said"),
    [
        (SKINNY, {"aud": "google.com"}, "aud"),
        (SKINNY, {"typ": "savetoandroidpay"}, "typ"),
        (SKINNY, {"iat": time.time() + 3600}, "iat"),
        (SKINNY, {"iss": "nobody@example.com"}, "account not found"),
        (SKINNY, {"origins": "https://example.com"}, "origins"),
        ({}, {}, "no class and no object"),
        ({"loyaltyobjects": SKINNY["loyaltyObjects"]}, {}, "Unknown in the payload"),
        ({"LoyaltyObjects": SKINNY["loyaltyObjects"]}, {}, "Unknown in the payload"),
        ({"loyaltyObjects": [{"id": f"{ISSUER}.ghost", "classId": CLASS_ID}]}, {}, "not found"),
        ({"loyaltyObjects": [loyalty_object(id="999.card", classId="999.coffee")]}, {}, "Permission denied"),
        ({"loyaltyObjects": [loyalty_object(id=f"{ISSUER}.new", colour="red")]}, {}, "colour"),
        ({"loyaltyObjects": [{"classId": CLASS_ID}]}, {}, "good id"),
        ({"offerObjects": SKINNY["loyaltyObjects"]}, {}, "no offerObject"),
        (SKINNY, {"more": "x" * 1800}, "characters"),
    ],
)
def test_a_link_that_google_would_refuse(
    google: GoogleService, key: dict[str, str], payload: Any, claims: dict, said: str
):
    put(google)
    with pytest.raises(Refusal, match=said):
        google.read_link(link(key, payload, **claims))


async def test_a_person_sees_only_that_something_went_wrong(google: GoogleService, key: dict[str, str]):
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{google.url}/gp/v/save/{link(key_file(google), SKINNY)}") as answer,
    ):
        assert answer.status == 400
        assert "Something went wrong" in await answer.text()


def test_a_personal_card_is_saved_by_one_person_and_a_demo_issuer_serves_its_testers(
    google: GoogleService, key: dict[str, str]
):
    put(google, multipleDevicesAndHoldersAllowedStatus="ONE_USER_ALL_DEVICES")
    google.save(link(key, SKINNY), "anna@example.com")
    google.save(link(key, SKINNY), "anna@example.com")
    with pytest.raises(Refusal, match="someone else"):
        google.save(link(key, SKINNY), "boris@example.com")
    google.wallet.testers[ISSUER] = {"boris@example.com"}
    with pytest.raises(Refusal, match="demo mode"):
        google.save(link(key, SKINNY), "anna@example.com")


async def test_jwts_are_inserted_and_validated(google: GoogleService, key: dict[str, str]):
    with client(google, key) as api:
        validate = api.jwt().validate
        unsigned = {"jsonResource": {"json": json.dumps({"payload": FAT})}}
        assert await in_thread(validate(body=unsigned).execute) == {}
        assert google.wallet.find(OBJECT_ID) is None
        broken = {"jsonResource": {"json": json.dumps({"payload": {"loyaltyClasses": [{"id": CLASS_ID}]}})}}
        assert (await refused(validate(body=broken).execute))[0] == 404
        assert (await refused(validate(body={}).execute))[0] == 400
        made = await in_thread(api.jwt().insert(body={"jwt": link(key, FAT)}).execute)
        assert made["resources"]["loyaltyObjects"][0]["id"] == OBJECT_ID
        assert await in_thread(validate(body={"jwtResource": {"jwt": link(key, SKINNY)}}).execute) == {}
    google.save(made["saveUri"].rpartition("/")[2], "anna@example.com")


def believed(body: dict[str, Any], issuer: str, roots: dict[str, Any]) -> dict[str, Any]:
    """The message of a callback, checked step by step as Google's page says; InvalidSignature or AssertionError otherwise."""

    def of(*texts: str) -> bytes:
        data = b""
        for text in texts:
            data += struct.pack("<i", len(text.encode("utf-8"))) + text.encode("utf-8")
        return data

    def check(key: str, signature: str, data: bytes) -> None:
        public = serialization.load_der_public_key(base64.b64decode(key, validate=True))
        assert isinstance(public.curve, ec.SECP256R1)
        public.verify(base64.b64decode(signature, validate=True), data, ec.ECDSA(hashes.SHA256()))

    now = time.time() * 1000
    assert body["protocolVersion"] == "ECv2SigningOnly"
    usable = [
        it for it in roots["keys"] if it["protocolVersion"] == "ECv2SigningOnly" and int(it["keyExpiration"]) > now
    ]
    intermediate = body["intermediateSigningKey"]
    check(
        usable[0]["keyValue"],
        intermediate["signatures"][0],
        of("GooglePayPasses", "ECv2SigningOnly", intermediate["signedKey"]),
    )
    signed_key = json.loads(intermediate["signedKey"])
    assert int(signed_key["keyExpiration"]) > now
    check(
        signed_key["keyValue"],
        body["signature"],
        of("GooglePayPasses", issuer, "ECv2SigningOnly", body["signedMessage"]),
    )
    message = json.loads(body["signedMessage"])
    assert message["expTimeMillis"] > now
    return message


async def published(google: GoogleService) -> dict[str, Any]:
    async with aiohttp.ClientSession() as session, session.get(google.keys_url) as answer:
        return await answer.json()


async def test_saving_and_deleting_are_told_to_the_issuer_and_hold_for_another_verifier(
    google: GoogleService, key: dict[str, str], issuer: Issuer
):
    put(google, callbackOptions={"url": issuer.url})
    google.save(link(key, SKINNY), "anna@example.com")
    google.remove(OBJECT_ID, "boris@example.com")
    google.remove(OBJECT_ID, "anna@example.com")
    await google.callbacks.settled()
    roots = await published(google)
    messages = [believed(json.loads(raw), ISSUER, roots) for raw in issuer.bodies]
    assert [one["eventType"] for one in messages] == ["save", "del"]
    assert {(one["classId"], one["objectId"], one["count"]) for one in messages} == {(CLASS_ID, OBJECT_ID, 1)}
    assert len({one["nonce"] for one in messages}) == 2
    assert b"=" not in issuer.bodies[0]
    assert rb"\\u003d" in issuer.bodies[0]
    with pytest.raises(InvalidSignature):
        believed(json.loads(issuer.bodies[0]), "3388000000099999999", roots)
    changed = json.loads(issuer.bodies[0])
    changed["signedMessage"] = changed["signedMessage"].replace("save", "del")
    with pytest.raises(InvalidSignature):
        believed(changed, ISSUER, roots)
    reserialised = json.loads(issuer.bodies[0])
    inner = reserialised["intermediateSigningKey"]
    inner["signedKey"] = json.dumps(json.loads(inner["signedKey"]), separators=(",", ":"))
    with pytest.raises(InvalidSignature):
        believed(reserialised, ISSUER, roots)


def test_lengths_are_counted_in_bytes():
    keys = CallbackKeys()
    body = json.loads(as_sent(keys.sign(keys.message("save", f"{ISSUER}.кофе", f"{ISSUER}.карта"), ISSUER)))
    assert believed(body, ISSUER, keys.published())["classId"] == f"{ISSUER}.кофе"


async def test_a_callback_is_sent_again_until_it_is_taken_and_may_be_doubled_or_lost(
    google: GoogleService, key: dict[str, str], issuer: Issuer
):
    google.callbacks.retry_after = (0.01, 0.01)
    put(google, callbackOptions={"url": issuer.url})
    issuer.refusals = 1
    google.save(link(key, SKINNY), "anna@example.com")
    await google.callbacks.settled()
    assert [one.status for one in google.callbacks.sent] == [503, 200]
    google.callbacks.repeats = 2
    google.remove(OBJECT_ID, "anna@example.com")
    await google.callbacks.settled()
    assert issuer.bodies[-1] == issuer.bodies[-2]
    google.callbacks.is_silent = True
    google.save(link(key, SKINNY), "anna@example.com")
    await google.callbacks.settled()
    assert len(issuer.bodies) == 4


async def test_a_restart_forgets_nothing(google: GoogleService, key: dict[str, str], tmp_path: Path):
    file = tmp_path / "google.json"
    async with remembered(google, file):
        put(google)
        google.save(link(key, SKINNY), "anna@example.com")
    assert file.stat().st_mode & 0o777 == 0o600
    async with GoogleService() as later, remembered(later, file):
        assert later.wallet.find(OBJECT_ID).holders == {"anna@example.com"}
        assert later.wallet.class_of(later.wallet.find(OBJECT_ID)).body["programName"] == "Coffee club"
        old = json.loads(as_sent(google.keys.sign(google.keys.message("del", CLASS_ID, OBJECT_ID), ISSUER)))
        assert believed(old, ISSUER, await published(later))["eventType"] == "del"
