"""Apple's web service over HTTP: the protocol's statuses, headers and bodies, to the letter."""

from __future__ import annotations

import asyncio
import email.utils
import io
import json
import zipfile

import pytest

from tests.conftest import PASS_TYPE
from tests.handlers.conftest import PUSH_TOKEN, House, reset


def pass_json(pkpass: bytes) -> dict[str, object]:
    with zipfile.ZipFile(io.BytesIO(pkpass)) as bundle:
        document: dict[str, object] = json.loads(bundle.read("pass.json"))
    return document


async def test_a_new_registration_is_201_and_a_known_one_200_both_without_body(house: House) -> None:
    card = await house.issue(external_id="a")
    first, again = await card.register("device-1"), await card.register("device-1")
    assert (first.status, first.body) == (201, b"")
    assert (again.status, again.body) == (200, b"")


async def test_ten_registrations_at_once_are_one(house: House) -> None:
    card = await house.issue(external_id="a")
    answers = await asyncio.gather(*(card.register("device-1") for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]


async def test_a_phone_lists_fetches_and_is_then_told_nothing_more(house: House) -> None:
    card = await house.issue(external_id="a", data={"points": 5})
    await card.register("device-1")
    listed = await card.listed("device-1")
    assert listed.status == 200
    assert listed.json["serialNumbers"] == [card.serial]
    assert isinstance(listed.json["lastUpdated"], str)
    assert listed.headers["Cache-Control"] == "no-store"
    assert (await card.fetch()).status == 200
    after = await card.listed("device-1", listed.json["lastUpdated"])
    assert (after.status, after.body) == (204, b"")
    assert "Content-Type" not in after.headers
    assert "Content-Length" not in after.headers


async def test_a_change_is_listed_again_until_it_is_fetched(house: House) -> None:
    card = await house.issue(external_id="a")
    await card.register("device-1")
    tag = (await card.listed("device-1")).json["lastUpdated"]
    await card.fetch()
    await house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": 77}})
    changed = await card.listed("device-1", tag)
    assert changed.json["serialNumbers"] == [card.serial]
    unfetched = await card.listed("device-1", changed.json["lastUpdated"])
    assert unfetched.json["serialNumbers"] == [card.serial], "a fetch that failed after a list must not be forgotten"
    await card.fetch()
    assert (await card.listed("device-1", changed.json["lastUpdated"])).status == 204


@pytest.mark.parametrize("tag", ["", "0", "1732270000", "%ff", "é", "x" * 3000])
async def test_an_unknown_tag_lists_everything(small_house: House, tag: str) -> None:
    card = await small_house.issue(external_id="a")
    await card.register("device-1")
    await card.fetch()
    assert (await card.listed("device-1", tag)).json["serialNumbers"] == [card.serial]


async def test_an_unknown_device_is_an_empty_204(house: House) -> None:
    card = await house.issue(external_id="a")
    answer = await card.listed("nobody")
    assert (answer.status, answer.body) == (204, b"")


async def test_the_pass_is_what_the_phone_needs_with_the_right_headers(house: House) -> None:
    card = await house.issue(external_id="a", data={"points": 5})
    answer = await card.fetch()
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/vnd.apple.pkpass"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert "Content-Encoding" not in answer.headers
    assert "Accept-Ranges" not in answer.headers
    assert email.utils.parsedate_to_datetime(answer.headers["Last-Modified"]).tzinfo is not None
    document = pass_json(answer.body)
    assert document["serialNumber"] == card.serial
    assert document["authenticationToken"] == card.token
    assert document["webServiceURL"] == "https://cards.example.com/passkit"


async def test_compression_is_not_applied_even_when_offered(small_house: House) -> None:
    card = await small_house.issue(external_id="a")
    answer = await card.fetch(Accept_Encoding="gzip, br, zstd", Range="bytes=0-10")
    assert answer.status == 200
    assert answer.body.startswith(b"PK")


async def test_the_same_edition_is_304_and_a_changed_one_200(house: House) -> None:
    card = await house.issue(external_id="a")
    first = await card.fetch()
    same = await card.fetch(If_Modified_Since=first.headers["Last-Modified"])
    assert (same.status, same.body) == (304, b"")
    assert same.headers["Last-Modified"] == first.headers["Last-Modified"]
    await house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": 1}})
    changed = await card.fetch(If_Modified_Since=first.headers["Last-Modified"])
    assert changed.status == 200
    before, after = (email.utils.parsedate_to_datetime(a.headers["Last-Modified"]) for a in (first, changed))
    assert (after - before).total_seconds() >= 1


@pytest.mark.parametrize("date", ["Sun, 06 Nov 2050 08:49:37 GMT", "yesterday", "0", ""])
async def test_another_date_than_ours_is_200(small_house: House, date: str) -> None:
    card = await small_house.issue(external_id="a")
    assert (await card.fetch(If_Modified_Since=date)).status == 200


async def test_an_entity_tag_overrides_the_date_as_rfc_9110_says(small_house: House) -> None:
    card = await small_house.issue(external_id="a")
    date = (await card.fetch()).headers["Last-Modified"]
    assert (await card.fetch(If_Modified_Since=date, If_None_Match='"x"')).status == 200


async def test_head_has_the_headers_of_get_and_does_not_count_as_served(house: House) -> None:
    card = await house.issue(external_id="a")
    await card.register("device-1")
    tag = (await card.listed("device-1")).json["lastUpdated"]
    head = await card.fetch("HEAD")
    assert (head.status, head.body) == (200, b"")
    assert (await card.listed("device-1", tag)).status == 200
    got = await card.fetch()
    for name in ("Content-Type", "Content-Length", "Last-Modified", "Cache-Control"):
        assert head.headers[name] == got.headers[name]
    assert (await card.listed("device-1", tag)).status == 204


async def test_an_unregistered_poller_gets_the_pass_too(house: House) -> None:
    card = await house.issue(external_id="a")
    assert [(await card.fetch()).status for _ in range(3)] == [200, 200, 200]


@pytest.mark.parametrize("scheme", ["ApplePass", "AndroidPass", "AttidoPass", "applepass"])
async def test_every_wallets_scheme_is_accepted(small_house: House, scheme: str) -> None:
    card = await small_house.issue(external_id="a")
    headers = {"Authorization": f"{scheme} {card.token}"}
    assert (await small_house.ask("GET", card.path, headers=headers)).status == 200


async def test_an_android_wallets_token_need_not_be_hex(house: House) -> None:
    card = await house.issue(external_id="a")
    path = card.registration("device-1")
    body = {"pushToken": "APA91bExample:x_-9"}
    answer = await house.ask("POST", path, json=body, headers={"Authorization": f"AndroidPass {card.token}"})
    assert answer.status == 201
    assert (await house.ask("POST", path, json=body, headers=card.authorization)).status == 400


async def test_passwallet_registers_on_a_path_of_its_own(house: House) -> None:
    card = await house.issue(external_id="a")
    path = card.registration("device-1").replace("/registrations/", "/registrations_attido/")
    body = {"pushToken": "cbc8f59160b94919", "pushServiceUrl": "https://relay.example.com/PassWallet"}
    headers = {"Authorization": f"AttidoPass {card.token}"}
    answers = [(await house.ask("POST", path, json=body, headers=headers)).status for _ in range(2)]
    assert answers == [201, 200]
    assert (await house.ask("POST", path, json=body, headers={"Authorization": "AttidoPass wrong"})).status == 401
    assert await kept(house) == [("AttidoPass", "https://relay.example.com/PassWallet cbc8f59160b94919")]
    assert (await house.ask("DELETE", path, headers=headers)).status == 200
    assert await kept(house) == []


@pytest.mark.parametrize(
    ("address", "token"),
    [
        ({"fid": "fJ0pYyQRS8mTn2GxWq0xYz"}, "fid:fJ0pYyQRS8mTn2GxWq0xYz"),
        ({"pushToken": "fJ0p:APA91bExample"}, "token:fJ0p:APA91bExample"),
    ],
)
async def test_the_companys_own_app_registers_with_its_kind(house: House, address: dict[str, str], token: str) -> None:
    card = await house.issue(external_id="a")
    body = {"kind": "fcm"} | address
    answer = await house.ask("POST", card.registration("device-1"), json=body, headers=card.authorization)
    assert answer.status == 201
    assert await kept(house) == [("fcm", token)]


async def kept(house: House) -> list[tuple[str, str]]:
    """Platform and push token of every device."""
    rows = await house.db.fetch("SELECT platform, push_token_encrypted FROM devices")
    return [(row[0], house.db.keyring.decrypt("push-token", row[1]).decode()) for row in rows]


@pytest.mark.parametrize("prefix", ["/passkit//v1", "//passkit/v1", "/passkit/v1/"])
async def test_doubled_slashes_are_tolerated(small_house: House, prefix: str) -> None:
    card = await small_house.issue(external_id="a")
    path = f"{prefix}/passes/{PASS_TYPE}/{card.serial}"
    reader, writer = await asyncio.open_connection("127.0.0.1", small_house.listener.port)
    head = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: ApplePass {card.token}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_unregistering_is_200_again_and_again(house: House) -> None:
    card = await house.issue(external_id="a")
    await card.register("device-1")
    for _ in range(2):
        answer = await house.ask("DELETE", card.registration("device-1"), headers=card.authorization)
        assert (answer.status, answer.body) == (200, b"")
    assert (await card.listed("device-1")).status == 204


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_without_a_valid_token_it_is_401(small_house: House, method: str) -> None:
    card = await small_house.issue(external_id="a")
    path = card.path if method in ("GET", "HEAD") else card.registration("d")
    for headers in ({}, {"Authorization": "ApplePass nonsense"}, {"Authorization": f"Bearer {card.token}"}):
        assert (await small_house.ask(method, path, headers=headers)).status == 401


async def test_two_authorization_headers_are_401(small_house: House) -> None:
    card = await small_house.issue(external_id="a")
    headers = [("Authorization", f"ApplePass {card.token}")] * 2
    assert (await small_house.ask("GET", card.path, headers=headers)).status == 401


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"pushToken": 1}', b"\xff", b'{"pushToken":"zz"}'])
async def test_a_registration_without_usable_push_token_is_400_with_a_reason(small_house: House, body: bytes) -> None:
    card = await small_house.issue(external_id="a")
    answer = await small_house.ask("POST", card.registration("d"), data=body, headers=card.authorization)
    assert answer.status == 400
    assert answer.json["code"] == "bad_request"


async def test_a_new_push_token_replaces_the_old_one_of_all_the_devices_cards(house: House) -> None:
    one, two = await house.issue(external_id="a"), await house.issue(external_id="b")
    await one.register("device-1")
    await two.register("device-1")
    assert (await one.register("device-1", "cd" * 32)).status == 200
    async with house.db.reading() as conn:
        rows = (await conn.exec_driver_sql("SELECT push_token_encrypted FROM devices")).all()
    assert len(rows) == 1
    assert house.db.keyring.decrypt("push-token", bytes(rows[0][0])) == b"cd" * 32
    assert PUSH_TOKEN != "cd" * 32


async def test_log_is_200_whatever_it_says(small_house: House) -> None:
    for body in (b'{"logs":["one","two"]}', b"", b"nonsense", b'{"logs":[1,null]}', b'{"logs":{"a":1}}'):
        answer = await small_house.ask("POST", "/passkit/v1/log", data=body)
        assert (answer.status, answer.body) == (200, b"")


async def test_what_is_not_an_endpoint_is_a_problem_and_a_wrong_method_names_the_right_ones(small_house: House) -> None:
    nowhere = await small_house.ask("GET", "/passkit/v1/nothing")
    assert (nowhere.status, nowhere.headers["Content-Type"]) == (404, "application/problem+json")
    wrong = await small_house.ask("PUT", "/passkit/v1/log")
    assert (wrong.status, wrong.headers["Allow"]) == (405, "POST")


async def test_a_download_thrown_away_in_the_middle_is_listed_again(house: House) -> None:
    card = await house.issue(external_id="a")
    await card.register("device-1")
    tag = (await card.listed("device-1")).json["lastUpdated"]
    reader, writer = await asyncio.open_connection("127.0.0.1", house.listener.port)
    writer.write(f"GET {card.path} HTTP/1.1\r\nHost: x\r\nAuthorization: ApplePass {card.token}\r\n\r\n".encode())
    await reader.readexactly(500)
    reset(writer)
    async with asyncio.timeout(5):
        while (await card.listed("device-1", tag)).status == 204:
            await asyncio.sleep(0.01)
    await card.fetch()
    assert (await card.listed("device-1", tag)).status == 204
