"""``/api/v1/triggers``: messages that a card's own data set off, against the document's words."""

from __future__ import annotations

from tests.handlers.conftest import House
from tests.handlers.test_openapi import fits

TRIGGER = {"template": "coffee", "event": "level", "variable": "points", "level": 100, "text": {"en": "A free coffee"}}
ONE = "/api/v1/triggers/{id}"


async def test_a_trigger_is_written_switched_on_paused_switched_off_and_removed(house: House) -> None:
    made = await house.api("POST", "/triggers", TRIGGER)
    fits(made, "POST", "/api/v1/triggers")
    assert (made.status, made.json["state"], made.json["next_at"]) == (201, "off", None)
    here = f"/triggers/{made.json['id']}"
    changed = await house.api("PATCH", here, {"holdout": 10, "title": "Coffee"})
    fits(changed, "PATCH", ONE)
    assert (changed.json["holdout"], changed.json["level"], changed.json["text"]) == (10, 100, {"en": "A free coffee"})
    refused = await house.api("POST", f"{here}:pause")
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    for name, state in (("on", "on"), ("pause", "paused"), ("on", "on"), ("off", "off")):
        done = await house.api("POST", f"{here}:{name}")
        fits(done, "POST", f"{ONE}:{name}")
        assert done.json["state"] == state
    listed = await house.api("GET", "/triggers")
    fits(listed, "GET", "/api/v1/triggers")
    shown = await house.api("GET", here)
    fits(shown, "GET", ONE)
    assert [one["id"] for one in listed.json["triggers"]] == [shown.json["id"]]
    assert (await house.api("GET", "/news")).json["news"] == []
    gone = await house.api("POST", f"{here}:remove")
    fits(gone, "POST", f"{ONE}:remove")
    assert (await house.api("GET", here)).json["code"] == "trigger_not_found"


async def test_whom_it_would_tell_and_what_it_has_done_are_read(house: House) -> None:
    asked = {"template": "coffee", "event": "no_visit", "variable": "visit", "days": 30, "text": "Come", "holdout": 5}
    made = await house.api("POST", "/triggers", asked)
    here = f"/triggers/{made.json['id']}"
    assert made.json["at"] == "10:00"
    today = await house.api("GET", f"{here}/today")
    fits(today, "GET", f"{ONE}/today")
    assert today.json["told"] == 0
    history = await house.api("GET", f"{here}/history")
    fits(history, "GET", f"{ONE}/history")
    assert (history.json["days"], history.json["firings"], history.json["result"]["told"]["cards"]) == ([], [], 0)
    on = await house.api("POST", f"{here}:on")
    assert on.json["next_at"] is not None
    off = await house.api("POST", f"{here}:off", {"take_off": True})
    assert off.json["next_at"] is None


async def test_misfits_of_a_trigger_are_named(small_house: House) -> None:
    for given, pointer in (
        ({"event": "flood"}, "/event"),
        ({"variable": "nothing"}, "/variable"),
        ({"variable": "name", "event": "birthday"}, "/variable"),
        ({"level": "many"}, "/level"),
        ({"at": "25:00"}, "/at"),
        ({"holdout": 51}, "/holdout"),
        ({"lasts_hours": 0}, "/lasts_hours"),
        ({"colour": 1}, "/colour"),
    ):
        refused = await small_house.api("POST", "/triggers", TRIGGER | given)
        places = [one["pointer"] for one in refused.json["errors"]]
        assert (refused.status, refused.json["code"], pointer in places) == (422, "invalid", True), (given, places)
