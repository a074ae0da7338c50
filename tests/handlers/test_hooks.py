"""Webhooks over HTTP: what is believed, what is answered, and what only the operator is told."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from store import sources
from tests.handlers.conftest import Answer, House, event, signed


async def refused(house: House, headers: dict[str, str], body: bytes, source: str = "till") -> Answer:
    answer = await house.ask("POST", f"/hooks/{source}", data=body, headers=headers)
    assert (answer.status, answer.json["code"]) == (401, "webhook_refused")
    return answer


async def test_a_signed_change_is_applied_and_tells_what_people_see(house: House) -> None:
    await house.issue(external_id="c7", data={"points": 5})
    answer = await house.hook(event(card="c7", set={"points": 170}))
    assert answer.status == 200
    assert answer.json["result"] == "applied"
    (row,) = answer.json["visible"]
    assert (row["field"], row["old"], row["new"]) == ("points", "5", "170")
    assert "170" in row["lock_screen"]


async def test_a_change_that_nobody_sees_says_so(house: House) -> None:
    await house.issue(external_id="c7", data={"points": 5})
    answer = await house.hook(event(card="c7", set={"points": 5}))
    assert (answer.status, answer.json) == (200, {"result": "nothing_visible", "visible": []})


async def test_a_repeated_webhook_changes_nothing(house: House) -> None:
    card = await house.issue(external_id="c7")
    first = event(card="c7", set={"points": 1})
    assert (await house.hook(first, id="msg_1")).json["result"] == "applied"
    assert (await house.hook(event(card="c7", set={"points": 2}))).json["result"] == "applied"
    again = await house.hook(first, id="msg_1")
    assert (again.status, again.json["result"]) == (200, "duplicate")
    assert (await house.api("GET", f"/cards/{card.serial}")).json["data"]["points"] == 2


async def test_ten_deliveries_of_one_webhook_at_once_are_applied_once(house: House) -> None:
    await house.issue(external_id="c7")
    answers = await asyncio.gather(*(house.hook(event(card="c7", set={"points": 9}), id="msg_1") for _ in range(10)))
    assert sorted(answer.json["result"] for answer in answers) == ["applied"] + ["duplicate"] * 9


async def test_an_older_version_is_stale(house: House) -> None:
    card = await house.issue(external_id="c7")
    await house.hook(event(card="c7", version=5, set={"points": 50}))
    late = await house.hook(event(card="c7", version=4, set={"points": 40}))
    assert (late.status, late.json["result"]) == (200, "stale")
    assert (await house.api("GET", f"/cards/{card.serial}")).json["data"]["points"] == 50


async def test_an_unknown_card_is_202_and_its_state_waits_for_it(house: House) -> None:
    answer = await house.hook(event(card={"external_id": "later"}, set={"points": 33}))
    assert (answer.status, answer.json) == (202, {"result": "no_card", "visible": []})
    card = await house.issue(external_id="later", data={"points": 1})
    assert card.answer["data"]["points"] == 33


async def test_a_word_that_is_two_cards_names_is_409(house: House) -> None:
    one = await house.issue(external_id="a")
    await house.issue(external_id=one.answer["number"])
    answer = await house.hook(event(card=one.answer["number"], set={"points": 1}))
    assert (answer.status, answer.json["code"]) == (409, "card_ambiguous")


async def test_a_card_is_issued_and_voided_by_webhook(house: House) -> None:
    issued = await house.hook(event("card.issued", template="coffee", external_id="c8", data={"points": 3}))
    assert issued.json["result"] == "applied"
    (card,) = (await house.api("GET", "/cards?external_id=c8")).json["cards"]
    assert card["data"]["points"] == 3
    assert (await house.hook(event("card.voided", card="c8"))).json["result"] == "applied"
    assert (await house.api("GET", f"/cards/{card['serial_number']}")).json["state"] == "voided"


@pytest.mark.parametrize(
    ("document", "status", "places"),
    [
        (b"nonsense", 400, None),
        (b"", 400, None),
        ([], 422, {""}),
        ({"type": "card.changed", "data": {}}, 422, {"/timestamp"}),
        ({"type": "card.changed", "timestamp": "yesterday", "data": {}}, 422, {"/timestamp"}),
        ({"type": "card.changed", "timestamp": 5, "data": {}}, 422, {"/timestamp"}),
        ({"type": "../etc", "timestamp": "2026-11-22T12:00:00Z", "data": {}}, 422, {"/type"}),
        ({"type": "card.eaten", "timestamp": "2026-11-22T12:00:00Z", "data": {}}, 422, {"/type"}),
        ({"type": "card.changed", "timestamp": "2026-11-22T12:00:00Z", "data": []}, 422, {"/data"}),
        ({"type": "card.changed", "timestamp": "2026-11-22T12:00:00Z", "data": {"set": {}}}, 422, {"/data/card"}),
        ({"type": "card.changed", "timestamp": "2026-11-22T12:00:00Z", "data": {"card": "c7"}}, 422, {"/data/set"}),
    ],
)
async def test_a_signed_event_that_does_not_fit_says_where(
    small_house: House, document: Any, status: int, places: set[str] | None
) -> None:
    answer = await small_house.hook(document)
    assert answer.status == status, answer.body
    if places is not None:
        assert {place["pointer"] for place in answer.json["errors"]} == places


async def test_wrong_data_names_the_variable_and_the_corrected_event_works(small_house: House) -> None:
    await small_house.issue(external_id="c7")
    wrong = await small_house.hook(event(card="c7", set={"points": "many", "nothing": 1}), id="msg_1")
    assert wrong.status == 422
    assert {place["pointer"] for place in wrong.json["errors"]} == {"/data/set/points", "/data/set/nothing"}
    assert (await small_house.hook(event(card="c7", set={"points": 4}), id="msg_1")).json["result"] == "applied"


async def test_every_refusal_is_the_same_401_and_only_the_log_knows_why(small_house: House) -> None:
    await small_house.issue(external_id="c7")
    body = json.dumps(event(card="c7", set={"points": 1})).encode()
    good = signed(small_house.hook_secret, body, "msg_1")
    other = "whsec_" + secrets.token_hex(32)[:44]
    old = signed(small_house.hook_secret, body, "msg_1", int(time.time()) - 3600)
    answers = [
        await refused(small_house, {}, body),
        await refused(small_house, {**good, "webhook-timestamp": good["webhook-timestamp"] + ".9"}, body),
        await refused(small_house, signed(other, body, "msg_1"), body),
        await refused(small_house, old, body),
        await refused(small_house, good, body + b"\n"),
        await refused(small_house, good, body, source="nobody"),
    ]
    assert len({answer.body for answer in answers}) == 1
    told = [delivery.reason for delivery in await sources.deliveries(small_house.db)][::-1]
    for reason, word in zip(told, ("headers", "headers", "secret", "clock", "body", "no hook source"), strict=True):
        assert word in reason
    assert "3600 s behind" in told[3] or "3601 s behind" in told[3]


@pytest.mark.parametrize("source", ["..%2f..", "%00", "é", "a" * 300, "%ff"])
async def test_any_source_name_is_answered_401(small_house: House, source: str) -> None:
    await refused(small_house, {}, b"{}", source=source)


async def test_the_log_shows_what_became_of_each_delivery(house: House) -> None:
    await house.issue(external_id="c7")
    await house.hook(event(card="c7", set={"points": 1}), id="msg_1")
    await house.hook(event(card="nobody", set={"points": 1}), id="msg_2")
    await house.hook(event(card="c7", set={"points": "x"}), id="msg_3")
    rows = [(row.event_id, row.status, row.result) for row in await sources.deliveries(house.db)]
    assert rows == [("msg_3", 422, "invalid"), ("msg_2", 202, "no_card"), ("msg_1", 200, "applied")]


async def test_a_rotated_secret_works_beside_the_new_one_and_then_no_more(house: House) -> None:
    await house.issue(external_id="c7")
    now = datetime.now(UTC)
    new = await sources.rotate(house.db, "till", timedelta(hours=1), now)
    old_still = await house.hook(event(card="c7", set={"points": 1}))
    body = json.dumps(event(card="c7", set={"points": 2})).encode()
    with_new = await house.ask("POST", "/hooks/till", data=body, headers=signed(new, body, "msg_new"))
    assert (old_still.status, with_new.status) == (200, 200)
    await sources.rotate(house.db, "till", timedelta(0), now)
    assert (await house.hook(event(card="c7", set={"points": 3}))).status == 401


async def test_a_storm_of_changes_ends_in_the_last_value(house: House) -> None:
    card = await house.issue(external_id="c7")
    order = list(range(1, 41))
    answers = await asyncio.gather(*(house.hook(event(card="c7", version=n, set={"points": n})) for n in order))
    assert {answer.status for answer in answers} == {200}
    assert (await house.api("GET", f"/cards/{card.serial}")).json["data"]["points"] == 40


async def test_a_huge_body_is_413(small_house: House) -> None:
    body = b" " * (1024 * 1024 + 1)
    headers = signed(small_house.hook_secret, body, "msg_1")
    answer = await small_house.ask("POST", "/hooks/till", data=io.BytesIO(body), headers=headers)
    assert (answer.status, answer.json["code"]) == (413, "body_too_large")


async def test_what_the_brake_holds_is_202_and_not_applied(house: House) -> None:
    for number in (1, 2, 3):
        await house.issue(external_id=f"c{number}", data={"points": 170})
    await sources.set_brake(house.db, "till", 2)
    answers = [await house.hook(event(card=f"c{number}", set={"points": 1})) for number in (1, 2, 3)]
    assert [(one.status, one.json["result"]) for one in answers] == [(200, "applied")] * 2 + [(202, "held")]
    assert answers[2].json["visible"] == []
    again = await house.hook(event(card="c3", set={"points": 3}), id="msg_held")
    assert (again.status, again.json["result"]) == (202, "held")
    assert (await house.hook(event(card="c3", set={"points": 3}), id="msg_held")).json["result"] == "duplicate"
    (last, *_) = await sources.deliveries(house.db, 1)
    assert (last.status, last.result) == (200, "duplicate")
