"""The REST interface, against the contract's words."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from store import brands, keys, templates
from tests.handlers.conftest import House

ANSWER = {
    "serial_number", "template", "revision", "number", "external_id", "version", "state", "language", "data",
    "install_url", "apple_url", "google_url", "created_at",
}  # fmt: skip


def pointers(answer: Any) -> set[str]:
    return {place["pointer"] for place in answer.json["errors"]}


async def test_a_card_is_issued_once_per_template_and_external_id(house: House) -> None:
    body = {"template": "coffee", "external_id": "customer-7", "data": {"name": "Anna", "points": 120}}
    first = await house.api("POST", "/cards", body)
    again = await house.api("POST", "/cards", {**body, "data": {"points": 999}})
    assert (first.status, again.status) == (201, 200)
    assert again.json == first.json
    made = first.json
    assert made.keys() >= ANSWER
    assert made["data"]["points"] == 120
    assert made["install_url"].startswith("https://cards.example.com/i/")
    assert made["apple_url"] == made["install_url"] + "/card.pkpass"
    assert made["google_url"] is None
    assert made["state"] == "active"
    assert made["number"]


async def test_ten_requests_at_once_issue_one_card(house: House) -> None:
    body = {"template": "coffee", "external_id": "customer-7"}
    answers = await asyncio.gather(*(house.api("POST", "/cards", body) for _ in range(10)))
    assert sorted(answer.status for answer in answers) == [200] * 9 + [201]
    assert len({answer.json["serial_number"] for answer in answers}) == 1


@pytest.mark.parametrize("money", [45000, "450.00", {"amount": "450.00", "currency": "RUB"}])
async def test_money_is_minor_units_and_is_shown_as_a_person_reads_it(small_house: House, money: Any) -> None:
    made = (await small_house.issue(data={"balance": money})).answer
    assert made["data"]["balance"] == 45000
    assert made["formatted"]["balance"].replace("\xa0", " ") == "450,00 ₽"


@pytest.mark.parametrize(
    ("body", "places"),
    [
        ({}, {"/template"}),
        ({"template": "nothing"}, {"/template"}),
        ({"template": "coffee", "colour": "red"}, {"/colour"}),
        ({"template": "coffee", "data": {"nothing": 1}}, {"/data/nothing"}),
        ({"template": "coffee", "data": {"points": "many", "a/b": 1}}, {"/data/points", "/data/a~1b"}),
        ({"template": "coffee", "data": {"balance": 450.0}}, {"/data/balance"}),
        ({"template": "coffee", "data": {"balance": {"amount": 450.5, "currency": "RUB"}}}, {"/data/balance/amount"}),
        ({"template": "coffee", "expires_at": "tomorrow"}, {"/expires_at"}),
        ({"template": "coffee", "expires_at": 1795348800}, {"/expires_at"}),
        ({"template": "coffee", "expires_at": "2026-12-01T00:00:00"}, {"/expires_at"}),
        ({"template": "coffee", "expires_at": "0001-01-01T00:00:00+14:00"}, {"/expires_at"}),
        ({"template": "coffee", "external_id": "a\u0000b"}, {"/external_id"}),
        ({"template": "coffee", "external_id": ""}, {"/external_id"}),
        ({"template": "coffee", "tags": ["a", 5]}, {"/tags/1"}),
        ({"template": ["coffee"]}, {"/template"}),
        ([], {""}),
        ("coffee", {""}),
        (None, {""}),
    ],
)
async def test_what_does_not_fit_is_422_with_a_pointer_to_each_place(
    small_house: House, body: Any, places: set[str]
) -> None:
    import json

    answer = await small_house.ask(
        "POST",
        "/api/v1/cards",
        data=json.dumps(body),
        headers={"Authorization": f"Bearer {small_house.api_key}"},
    )
    assert answer.status == 422, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["code"] == "invalid"
    assert pointers(answer) == places


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b'{"a": "\\ud800"}', b"[" * 100_000, b"1" * 9999])
async def test_what_is_not_json_is_400(small_house: House, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {small_house.api_key}"}
    answer = await small_house.ask("POST", "/api/v1/cards", data=body, headers=headers)
    assert (answer.status, answer.json["code"]) in ((400, "bad_json"), (422, "invalid"))


async def test_a_patch_changes_what_it_names_and_tells_what_people_see(house: House) -> None:
    card = await house.issue(external_id="a", data={"name": "Anna", "points": 5})
    answer = await house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": 170}})
    assert answer.status == 200
    changed = answer.json
    assert (changed["data"]["points"], changed["data"]["name"]) == (170, "Anna")
    assert changed["version"] == card.answer["version"] + 1
    (row,) = changed["visible"]
    assert row["field"] == "points"
    assert (row["old"], row["new"]) == ("5", "170")
    assert "170" in row["lock_screen"]


async def test_a_silent_patch_has_no_lock_screen_text(house: House) -> None:
    card = await house.issue(external_id="a", data={"points": 5})
    answer = await house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": 6}, "notify": "silent"})
    assert answer.json["visible"][0]["lock_screen"] is None


async def test_a_patch_that_changes_nothing_visible_says_so_and_queues_no_push(house: House) -> None:
    card = await house.issue(external_id="a", data={"points": 5})
    await card.register("device-1")
    async with house.db.transaction() as conn:
        await conn.exec_driver_sql("DELETE FROM jobs")
    for patch in ({"data": {"points": 5}}, {"tags": ["vip"]}, {}):
        answer = await house.api("PATCH", f"/cards/{card.serial}", patch)
        assert (answer.status, answer.json["visible"]) == (200, [])
    async with house.db.reading() as conn:
        assert (await conn.exec_driver_sql("SELECT count(*) FROM jobs")).scalar_one() == 0


async def test_null_clears_and_absence_keeps(house: House) -> None:
    card = await house.issue(
        external_id="a", data={"name": "Anna"}, expires_at="2030-01-01T00:00:00+03:00", tags=["vip"], language="en"
    )
    kept = (await house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": 1}})).json
    assert (kept["expires_at"], kept["tags"], kept["language"]) == ("2029-12-31T21:00:00Z", ["vip"], "en")
    patch = {"data": {"name": None}, "expires_at": None, "tags": None, "language": None, "external_id": None}
    cleared = (await house.api("PATCH", f"/cards/{card.serial}", patch)).json
    assert [cleared[name] for name in ("expires_at", "tags", "language", "external_id")] == [None, [], None, None]
    assert cleared["data"]["name"] == ""


@pytest.mark.parametrize(
    ("patch", "places"),
    [
        ({"state": "gone"}, {"/state"}),
        ({"state": None}, {"/state"}),
        ({"data": None}, {"/data"}),
        ({"notify": "loud"}, {"/notify"}),
        ({"version": "4"}, {"/version"}),
        ({"number": "1"}, {"/number"}),
        ({"data": {"points": 1.5}}, {"/data/points"}),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(small_house: House, patch: Any, places: set[str]) -> None:
    card = await small_house.issue(data={"points": 5})
    answer = await small_house.api("PATCH", f"/cards/{card.serial}", patch)
    assert (answer.status, pointers(answer)) == (422, places)
    assert (await small_house.api("GET", f"/cards/{card.serial}")).json == card.answer


async def test_the_version_guard_lets_one_of_two_writers_through(house: House) -> None:
    card = await house.issue(external_id="a")
    version = card.answer["version"]
    answers = await asyncio.gather(
        *(house.api("PATCH", f"/cards/{card.serial}", {"data": {"points": n}, "version": version}) for n in (1, 2))
    )
    assert sorted(answer.status for answer in answers) == [200, 412]
    (refused,) = (answer for answer in answers if answer.status == 412)
    assert refused.json["code"] == "version_mismatch"


@pytest.mark.parametrize("state", ["voided", "expired", "completed", "active"])
async def test_every_state_can_be_set_and_read(small_house: House, state: str) -> None:
    card = await small_house.issue()
    assert (await small_house.api("PATCH", f"/cards/{card.serial}", {"state": state})).json["state"] == state
    assert (await small_house.api("GET", f"/cards/{card.serial}")).json["state"] == state


async def test_a_listing_neither_repeats_nor_loses_a_card(house: House) -> None:
    issued = [(await house.issue(external_id=f"c{n}")).serial for n in range(7)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
        page = (await house.api("GET", "/cards" + query)).json
        seen += [card["serial_number"] for card in page["cards"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == issued


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("limit=501", 422, "invalid"),
        ("limit=0", 422, "invalid"),
        ("limit=ten", 422, "invalid"),
        ("stat=active", 422, "invalid"),
        ("state=gone", 422, "invalid"),
        ("number=%00", 422, "invalid"),
        ("cursor=nonsense", 400, "bad_cursor"),
        ("cursor=%ff%00", 400, "bad_cursor"),
        ("cursor=é", 400, "bad_cursor"),
    ],
)
async def test_a_query_that_does_not_fit_is_refused(small_house: House, query: str, status: int, code: str) -> None:
    answer = await small_house.api("GET", "/cards?" + query)
    assert (answer.status, answer.json["code"]) == (status, code)


async def test_a_listing_is_narrowed_by_names_and_state(house: House) -> None:
    one, two = await house.issue(external_id="a"), await house.issue(external_id="b")
    await house.api("PATCH", f"/cards/{two.serial}", {"state": "voided"})
    for query, wanted in (("external_id=a", one), ("state=voided", two), (f"number={one.answer['number']}", one)):
        page = (await house.api("GET", "/cards?" + query)).json
        assert [card["serial_number"] for card in page["cards"]] == [wanted.serial], query
    assert (await house.api("GET", "/cards?template=nothing")).json == {"cards": [], "next_cursor": None}


async def test_a_batch_answers_row_by_row_and_one_bad_row_spoils_nothing(house: House) -> None:
    card = await house.issue(external_id="old", data={"points": 1})
    rows = [
        {"template": "coffee", "external_id": "new", "data": {"points": 5}},
        {"template": "coffee", "data": {"points": "many"}},
        {"serial_number": card.serial, "data": {"points": 2}, "notify": "silent"},
        {"external_id": "nobody", "data": {"points": 2}},
        {"external_id": "old", "data": {"points": 3}},
        {"number": card.answer["number"], "state": "completed"},
        {"template": "coffee", "external_id": "old"},
        {"data": {}},
        "nonsense",
        {"serial_number": card.serial, "version": 1, "data": {"points": 9}},
    ]
    answer = await house.api("POST", "/cards:batch", {"rows": rows})
    assert answer.status == 200
    results = answer.json["results"]
    assert [row["status"] for row in results] == [201, 422, 200, 404, 200, 200, 200, 422, 422, 412]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/data/points"
    assert results[2]["serial_number"] == results[6]["serial_number"] == card.serial
    after = (await house.api("GET", f"/cards/{card.serial}")).json
    assert (after["data"]["points"], after["state"]) == (3, "completed")


async def test_a_batch_has_at_most_a_thousand_rows(small_house: House) -> None:
    answer = await small_house.api("POST", "/cards:batch", {"rows": [{}] * 1001})
    assert (answer.status, pointers(answer)) == (422, {"/rows"})
    assert (await small_house.api("POST", "/cards:batch", {"rows": []})).json == {"results": []}


async def test_the_timeline_ends_in_a_sentence_in_both_languages(house: House) -> None:
    card = await house.issue(external_id="a")
    await card.register("device-1")
    told = await house.api("GET", f"/cards/{card.serial}/timeline")
    assert told.status == 200
    assert [entry["kind"] for entry in told.json["entries"]][:2] == ["issued", "registered"]
    assert len(told.json["phones"]) == 1
    assert all(told.json["diagnosis"][name] for name in ("en", "ru", "tell_client_en", "tell_client_ru"))


async def test_templates_are_listed(small_house: House) -> None:
    (template,) = (await small_house.api("GET", "/templates")).json["templates"]
    assert (template["key"], template["style"], template["published_revision"]) == ("coffee", "storeCard", 1)


async def test_a_published_template_tells_what_either_wallet_cannot_show(small_house: House) -> None:
    answer = await small_house.api("GET", "/templates/coffee/loss")
    assert (answer.status, answer.json["template"], answer.json["revision"]) == (200, "coffee", 1)
    told = {(one["direction"], one["pointer"]): one for one in answer.json["losses"]}
    assert told["apple_to_google", "/colors/label"]["lost"] == "Google chooses the colour of texts."
    assert ("google_to_apple", "") not in told, "neither wallet passes on a card with personal data"


async def test_a_template_that_is_none_or_a_draft_has_no_loss_yet(small_house: House) -> None:
    missing = await small_house.api("GET", "/templates/nothing/loss")
    assert (missing.status, missing.json["code"]) == (404, "template_not_found")
    files = await templates.export_files(small_house.db, small_house.brand_id, "coffee")
    draft = files["template.yaml"].replace(b"key: coffee", b"key: tea")
    await templates.import_files(
        small_house.db, small_house.brand_id, {**files, "template.yaml": draft}, now=datetime.now(UTC)
    )
    early = await small_house.api("GET", "/templates/tea/loss")
    assert (early.status, early.json["code"]) == (409, "not_published")


async def test_the_same_idempotency_key_gives_the_same_answer_and_one_card(house: House) -> None:
    body = {"template": "coffee", "data": {"points": 1}}
    first = await house.api("POST", "/cards", body, Idempotency_Key="k-1")
    quoted = await house.api("POST", "/cards", body, Idempotency_Key='"k-1"')
    assert (first.status, quoted.status) == (201, 201)
    assert first.body == quoted.body
    assert len((await house.api("GET", "/cards")).json["cards"]) == 1


async def test_an_idempotency_key_with_another_body_is_422(house: House) -> None:
    await house.api("POST", "/cards", {"template": "coffee"}, Idempotency_Key="k-1")
    other = await house.api("POST", "/cards", {"template": "coffee", "tags": ["x"]}, Idempotency_Key="k-1")
    assert (other.status, other.json["code"]) == (422, "idempotency_reused")


async def test_requests_with_one_idempotency_key_at_once_issue_one_card(house: House) -> None:
    body = {"template": "coffee"}
    answers = await asyncio.gather(*(house.api("POST", "/cards", body, Idempotency_Key="k-1") for _ in range(5)))
    assert {answer.status for answer in answers} <= {201, 409}
    assert {answer.json["code"] for answer in answers if answer.status == 409} <= {"idempotency_running"}
    assert len((await house.api("GET", "/cards")).json["cards"]) == 1


async def test_a_refused_request_leaves_its_idempotency_key_free(small_house: House) -> None:
    wrong = await small_house.api("POST", "/cards", {"template": "nothing"}, Idempotency_Key="k-1")
    right = await small_house.api("POST", "/cards", {"template": "coffee"}, Idempotency_Key="k-1")
    assert (wrong.status, right.status) == (422, 201)


async def test_a_batch_sent_twice_with_one_key_happens_once(house: House) -> None:
    rows = {"rows": [{"template": "coffee"}, {"template": "coffee"}]}
    first = await house.api("POST", "/cards:batch", rows, Idempotency_Key="b-1")
    again = await house.api("POST", "/cards:batch", rows, Idempotency_Key="b-1")
    assert first.body == again.body
    assert len((await house.api("GET", "/cards")).json["cards"]) == 2


@pytest.mark.parametrize("key", ["", "é", "a b", "x" * 201])
async def test_an_idempotency_key_that_cannot_be_one_is_400(small_house: House, key: str) -> None:
    answer = await small_house.api("POST", "/cards", {"template": "coffee"}, Idempotency_Key=key)
    assert (answer.status, answer.json["code"]) == (400, "bad_request")


ROUTES = [
    ("POST", "/cards"), ("GET", "/cards"), ("POST", "/cards:batch"), ("GET", "/cards/x"), ("PATCH", "/cards/x"),
    ("GET", "/cards/x/timeline"), ("GET", "/templates"),
    ("GET", "/templates/coffee/loss"),
]  # fmt: skip


@pytest.mark.parametrize("credential", ["", "pb_live_nothing", "é", "Bearer", "pb_live_" + "x" * 60])
async def test_without_a_living_key_every_route_is_the_same_401(small_house: House, credential: str) -> None:
    answers = [await small_house.api(method, path, {}, key=credential) for method, path in ROUTES]
    assert {answer.status for answer in answers} == {401}
    assert len({answer.body for answer in answers}) == 1
    assert answers[0].headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_revoked_key_is_401(small_house: House) -> None:
    await keys.revoke(small_house.db, small_house.brand_id, "backend", datetime.now(UTC))
    assert (await small_house.api("GET", "/cards")).status == 401


async def test_a_key_does_only_what_its_scopes_say(small_house: House) -> None:
    card = await small_house.issue()
    reading = await keys.add(small_house.db, small_house.brand_id, "reader", ["cards:read"], datetime.now(UTC))
    for method, path in (
        ("GET", "/cards"),
        ("GET", f"/cards/{card.serial}"),
        ("GET", f"/cards/{card.serial}/timeline"),
    ):
        assert (await small_house.api(method, path, key=reading)).status == 200
    for method, path in (("POST", "/cards"), ("PATCH", f"/cards/{card.serial}"), ("GET", "/templates")):
        answer = await small_house.api(method, path, {}, key=reading)
        assert (answer.status, answer.json["code"]) == (403, "forbidden")


async def test_another_brands_key_sees_and_touches_nothing_of_ours(house: House) -> None:
    card = await house.issue(external_id="a", data={"points": 5})
    now = datetime.now(UTC)
    other = await brands.add(
        house.db,
        key="other",
        name="Other",
        pass_type_identifier="pass.example.other",
        team_identifier="TEAM000001",
        now=now,
    )
    key = await keys.add(house.db, other.id, "theirs", [], now)
    for method, path in (("GET", ""), ("PATCH", ""), ("GET", "/timeline")):
        answer = await house.api(method, f"/cards/{card.serial}{path}", {"data": {"points": 6}}, key=key)
        assert (answer.status, answer.json["code"]) == (404, "card_not_found")
    assert (await house.api("GET", "/cards", key=key)).json["cards"] == []
    assert (await house.api("GET", "/templates", key=key)).json["templates"] == []
    rows = {"rows": [{"serial_number": card.serial, "data": {"points": 6}}, {"template": "coffee"}]}
    answer = await house.api("POST", "/cards:batch", rows, key=key)
    assert [row["status"] for row in answer.json["results"]] == [404, 422]
    assert (await house.api("GET", f"/cards/{card.serial}")).json["data"]["points"] == 5


async def test_a_card_knows_its_holders_time_zone(small_house: House) -> None:
    given = {"template": "coffee", "data": {}, "time_zone": "Asia/Kathmandu"}
    made = await small_house.api("POST", "/cards", given)
    assert (made.status, made.json["time_zone"]) == (201, "Asia/Kathmandu")
    here = f"/cards/{made.json['serial_number']}"
    refused = await small_house.api("PATCH", here, {"time_zone": "Mars/Olympus"})
    assert (refused.status, refused.json["errors"][0]["pointer"]) == (422, "/time_zone")
    assert (await small_house.api("PATCH", here, {"time_zone": None})).json["time_zone"] is None
