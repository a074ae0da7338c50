"""``/api/v1/news``, against the contract's words."""

from __future__ import annotations

from typing import Any

from store import news, newstimer
from tests.handlers.conftest import House, event

BODY = {"template": "coffee", "text": {"ru": "Кофе даром", "en": "Free coffee"}}


async def written(house: House, **more: Any) -> str:
    made = await house.api("POST", "/news", BODY | more)
    assert made.status == 201, made.body
    assert made.json["state"] == "draft"
    return str(made.json["id"])


async def test_a_news_goes_its_way(house: House) -> None:
    card = await house.issue()
    assert await card.register("d" * 32)
    id_ = await written(house)
    seen = await house.api("POST", f"/news/{id_}:dry-run")
    assert seen.status == 200
    assert seen.json["reach"]["iphones"] == 1
    assert seen.json["samples"][0]["lock_screen"] in ("Кофе даром", "Free coffee")
    started = await house.api("POST", f"/news/{id_}:start", {"plan": seen.json["plan"]})
    assert (started.status, started.json["state"]) == (200, "running")
    while await newstimer.turn(house.db):
        pass
    shown = (await house.api("GET", f"/news/{id_}")).json
    assert shown["is_live"]
    assert shown["progress"] == {
        "targets": 1,
        "accepted": 0,
        "gone": 0,
        "waiting": 1,
        "failed": 0,
        "fetched": 0,
        "capped": 0,
    }
    operations = (("pause", "paused"), ("resume", "running"), ("stop", "done"), ("cancel", "cancelled"))
    for operation, state in operations:
        done = await house.api("POST", f"/news/{id_}:{operation}")
        assert (done.status, done.json["state"]) == (200, state)
    again = await house.api("POST", f"/news/{id_}:resume")
    assert (again.status, again.json["code"]) == (409, "conflict")
    assert [one["id"] for one in (await house.api("GET", "/news")).json["news"]] == [id_]


async def test_a_news_is_undone_corrected_and_withdrawn(house: House) -> None:
    id_ = await written(house)
    waits = await house.api("POST", f"/news/{id_}:start", {"undo_seconds": 60})
    assert (waits.json["state"], waits.json["undo_until"] is not None) == ("scheduled", True)
    undone = await house.api("POST", f"/news/{id_}:cancel")
    assert (undone.json["state"], undone.json["says"]["code"]) == ("draft", "nothing_sent")
    await house.api("POST", f"/news/{id_}:start")
    while await newstimer.turn(house.db):
        pass
    right = await house.api("POST", f"/news/{id_}:correct", {"text": {"ru": "Чай даром", "en": "Free tea"}})
    assert (right.status, right.json["text"]["en"], right.json["says"]["code"]) == (200, "Free tea", "corrected")
    wrong = await house.api("POST", f"/news/{id_}:correct", {"text": {"fr": "thé"}})
    assert (wrong.status, wrong.json["errors"][0]["pointer"]) == (422, "/text/fr")
    gone = await house.api("POST", f"/news/{id_}:withdraw")
    assert (gone.json["state"], gone.json["says"]) == (
        "cancelled",
        {"code": "withdrawn", "fetched": 0, "coming": 0, "google": 0},
    )
    assert (await house.api("POST", f"/news/{id_}:start", {"undo_seconds": 601})).status == 422


async def test_a_plan_that_is_not_the_last_one_is_refused(house: House) -> None:
    id_ = await written(house)
    refused = await house.api("POST", f"/news/{id_}:start", {"plan": "p_OLD"})
    assert (refused.status, refused.json["code"]) == (409, "plan_changed")


async def test_misfits_are_named(house: House) -> None:
    for body, pointer in (
        ({"template": "coffee"}, "/text"),
        (BODY | {"template": "none"}, "/template"),
        (BODY | {"text": {"fr": "x"}}, "/text/fr"),
        (BODY | {"colour": 1}, "/colour"),
        (BODY | {"audience": {"field": "tags", "op": "eq", "value": "x"}}, "/audience/op"),
    ):
        refused = await house.api("POST", "/news", body)
        assert refused.status == 422
        assert pointer in {place["pointer"] for place in refused.json["errors"]}
    unknown = await house.api("GET", "/news/n_none")
    assert (unknown.status, unknown.json["code"]) == (404, "news_not_found")
    assert (await house.api("GET", "/news?cursor=n_none")).json["code"] == "bad_cursor"


async def test_the_same_key_writes_one_news(house: House) -> None:
    header = {"Idempotency-Key": "friday"}
    first = await house.api("POST", "/news", BODY, **header)
    again = await house.api("POST", "/news", BODY, **header)
    assert first.json == again.json
    assert len((await house.api("GET", "/news")).json["news"]) == 1


async def test_a_hook_publishes_news_at_once(house: House) -> None:
    document = event("news.published", **BODY)
    answer = await house.hook(document, id="evt-1")
    again = await house.hook(document, id="evt-1")
    assert (answer.status, answer.json["result"], again.json["result"]) == (200, "applied", "duplicate")
    brand_id = (await house.api("GET", "/news")).json["news"]
    assert [one["state"] for one in brand_id] == ["running"]
    assert len(brand_id[0]["id"]) - 2 == news.KEY_LENGTH
