"""``/api/v1/news-slots`` and a second system's word on news, against the document's words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from store import keys, newsrules
from store.audit import COMMAND_LINE
from store.people import Role
from tests.handlers.conftest import House
from tests.handlers.studio import user
from tests.handlers.test_openapi import fits

SLOT = {"template": "coffee", "weekday": 4, "at": "14:00", "lasts_hours": 72}
ONE = "/api/v1/news-slots/{id}"


async def test_a_slot_is_made_filled_ordered_and_removed(house: House) -> None:
    made = await house.api("POST", "/news-slots", SLOT)
    fits(made, "POST", "/api/v1/news-slots")
    assert (made.status, made.json["at"], made.json["texts"]) == (201, "14:00", [])
    here = f"/news-slots/{made.json['id']}"
    for text in ("One", "Two"):
        put = await house.api("POST", f"{here}/texts", {"text": {"en": text}, "url": "https://x.example"})
        fits(put, "POST", f"{ONE}/texts")
        assert put.status == 201
    again = [await house.api("POST", f"{here}/texts", {"text": "Drei"}, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert again[0].json == again[1].json
    ids = [one["id"] for one in again[0].json["texts"]]
    assert len(ids) == 3
    moved = await house.api("POST", f"{here}/texts/{ids[1]}:move", {"to": 0})
    fits(moved, "POST", f"{ONE}/texts/{{text}}:move")
    assert [one["id"] for one in moved.json["texts"]] == [ids[1], ids[0], ids[2]]
    out = await house.api("POST", f"{here}/texts/{ids[2]}:remove")
    fits(out, "POST", f"{ONE}/texts/{{text}}:remove")
    assert [one["id"] for one in out.json["texts"]] == [ids[1], ids[0]]
    assert (await house.api("POST", f"{here}/texts/{ids[2]}:remove")).json["code"] == "slot_not_found"
    assert (await house.api("POST", f"{here}/texts/x:move", {"to": 0})).json["code"] == "slot_not_found"
    shown = await house.api("GET", here)
    fits(shown, "GET", ONE)
    listed = await house.api("GET", "/news-slots")
    fits(listed, "GET", "/api/v1/news-slots")
    assert listed.json["slots"] == [shown.json]
    gone = await house.api("POST", f"{here}:remove")
    fits(gone, "POST", f"{ONE}:remove")
    assert (await house.api("GET", here)).json["code"] == "slot_not_found"


async def test_misfits_of_a_slot_are_named(small_house: House) -> None:
    for given, pointer in (
        ({"weekday": 7}, "/weekday"),
        ({"at": "25:00"}, "/at"),
        ({"at": 840}, "/at"),
        ({"template": "nothing"}, "/template"),
        ({"lasts_hours": 0}, "/lasts_hours"),
        ({"audience": {"field": "x"}}, "/audience"),
        ({"colour": 1}, "/colour"),
    ):
        refused = await small_house.api("POST", "/news-slots", SLOT | given)
        assert refused.status == 422, given
        assert any(one["pointer"].startswith(pointer) for one in refused.json["errors"]), refused.json


async def key_of(house: House, name: str, *scopes: str) -> str:
    return await keys.add(house.db, house.brand_id, name, scopes, datetime.now(UTC))


async def test_a_key_with_the_scope_approves_what_another_key_has_started(house: House) -> None:
    for name in ("anna", "boris"):
        await user(house, f"{name}@example.com", Role.PUBLISHER, password=None)
    for _ in range(2):
        await house.issue()
    await newsrules.set_approval(house.db, house.brand_id, 1, by=COMMAND_LINE, now=datetime.now(UTC))
    office = await key_of(house, "office", "news:read", "news:approve")
    both = await key_of(house, "both", "news:write", "news:approve", "news:read")

    async def started(key: str | None = None) -> dict[str, Any]:
        made = await house.api("POST", "/news", {"template": "coffee", "text": "Hello"}, key=key)
        asked = await house.api("POST", f"/news/{made.json['id']}:start", key=key)
        assert asked.json["state"] == "waiting_approval"
        return dict(asked.json)

    first, second = await started(), await started(both)
    listed = await house.api("GET", "/news-approvals", key=office)
    fits(listed, "GET", "/api/v1/news-approvals")
    assert {one["id"] for one in listed.json["news"]} == {first["id"], second["id"]}
    usual = await house.api("POST", f"/news/{first['id']}:approve")
    assert (usual.status, usual.json["code"]) == (403, "forbidden")
    for decision in ("approve", "refuse"):
        own = await house.api("POST", f"/news/{second['id']}:{decision}", key=both)
        assert (own.status, own.json["code"]) == (409, "conflict")
    approved = await house.api("POST", f"/news/{first['id']}:approve", key=office)
    fits(approved, "POST", "/api/v1/news/{id}:approve")
    assert (approved.status, approved.json["state"]) == (200, "running")
    refused = await house.api("POST", f"/news/{second['id']}:refuse", {"reason": "Not on Sunday"}, key=office)
    fits(refused, "POST", "/api/v1/news/{id}:refuse")
    assert [refused.json[name] for name in ("state", "reason", "refused_by")] == [
        "draft",
        "Not on Sunday",
        "key office",
    ]
