"""The description is honest: it is valid OpenAPI 3.1, names exactly our routes, and our answers fit it."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate

from handlers.errors import CATALOGUE
from handlers.keys import SIGNERS
from handlers.openapi import OPERATIONS, document
from handlers.routes import application
from tests.handlers.conftest import Answer, House, event

DESCRIBED = document("https://cards.example.com")


def fits(answer: Answer, method: str, path: str) -> None:
    """The answer's status is described, and its body fits the schema that is described for it."""
    responses = DESCRIBED["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in responses, (method, path, answer.status, answer.body)
    content = responses[str(answer.status)]["content"]
    media_type = answer.headers["Content-Type"].split(";")[0]
    schema = {**content[media_type]["schema"], "components": DESCRIBED["components"]}
    checker = Draft202012Validator(closed(schema), format_checker=FormatChecker(["date-time"]))
    assert [error.message for error in checker.iter_errors(answer.json)] == []


def closed(schema: Any) -> Any:
    """The schema without room for members that it does not name, so that an answer can hold nothing undescribed."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tightened = {name: closed(value) for name, value in schema.items()}
    if "properties" in schema and "additionalProperties" not in schema:
        tightened["additionalProperties"] = False
    return tightened


def test_the_description_is_valid_openapi() -> None:
    validate(DESCRIBED)


async def test_it_names_exactly_the_routes_for_programs(small_house: House) -> None:
    app = application(small_house.db, small_house.listener.runner.app[SIGNERS], small_house.options)
    routed = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    ours = {(m, p) for m, p in routed if p.startswith(("/api/v1", "/hooks")) and not p.endswith("openapi.json")}
    assert {(operation.method, operation.path) for operation in OPERATIONS} == ours


async def test_every_answer_fits_what_is_described(small_house: House) -> None:
    house = small_house
    body = {"template": "coffee", "external_id": "c7", "data": {"name": "Anna", "balance": "450.00"}, "tags": ["vip"]}
    issued = await house.api("POST", "/cards", {**body, "expires_at": "2030-01-01T00:00:00+03:00", "outlet": "Arbat"})
    again = await house.api("POST", "/cards", body)
    assert (issued.status, again.status) == (201, 200)
    serial = issued.json["serial_number"]
    one, cards = "/api/v1/cards/{serial}", "/api/v1/cards"
    told = [
        (issued, "POST", cards),
        (again, "POST", cards),
        (await house.api("POST", "/cards", {"template": "nothing", "x": 1}), "POST", cards),
        (await house.api("POST", "/cards", body, key="nonsense"), "POST", cards),
        (await house.api("GET", "/cards"), "GET", cards),
        (await house.api("GET", "/cards?limit=0"), "GET", cards),
        (await house.api("GET", "/cards?cursor=x"), "GET", cards),
        (await house.api("GET", f"/cards/{serial}"), "GET", one),
        (await house.api("GET", "/cards/nobody"), "GET", one),
        (await house.api("PATCH", f"/cards/{serial}", {"data": {"points": 5}}), "PATCH", one),
        (await house.api("PATCH", f"/cards/{serial}", {"version": 99}), "PATCH", one),
        (await house.api("POST", "/cards:batch", {"rows": [{"template": "coffee"}, {}]}), "POST", cards + ":batch"),
        (await house.api("GET", f"/cards/{serial}/timeline"), "GET", one + "/timeline"),
        (await house.api("GET", "/templates"), "GET", "/api/v1/templates"),
        (await house.api("GET", "/templates/coffee/loss"), "GET", "/api/v1/templates/{key}/loss"),
        (await house.api("GET", "/templates/nothing/loss"), "GET", "/api/v1/templates/{key}/loss"),
        (await house.hook(event(card="c7", set={"points": 8})), "POST", "/hooks/{source}"),
        (await house.hook(event(card="nobody", set={"points": 8})), "POST", "/hooks/{source}"),
        (await house.hook(event(card="c7", set={"points": "x"})), "POST", "/hooks/{source}"),
        (await house.ask("POST", "/hooks/till", data=b"{}"), "POST", "/hooks/{source}"),
    ]
    for answer, method, path in told:
        fits(answer, method, path)


async def test_the_description_is_served_with_our_address(small_house: House) -> None:
    answer = await small_house.ask("GET", "/api/v1/openapi.json")
    assert answer.status == 200
    assert answer.json["openapi"].startswith("3.1")
    assert answer.json["servers"] == [{"url": "https://cards.example.com"}]


class Anchors(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.ids.add(value)
            if name == "href" and value and value.startswith("#"):
                self.targets.add(value[1:])
            assert not (name in ("src", "href") and value and "//" in value), "nothing from elsewhere"
        assert tag != "script"


async def test_the_readable_page_links_only_to_what_it_has(small_house: House) -> None:
    answer = await small_house.ask("GET", "/api")
    assert answer.status == 200
    page = Anchors(answer.body.decode())
    assert page.targets <= page.ids
    assert {operation.name for operation in OPERATIONS} <= page.ids
    assert set(CATALOGUE) <= page.ids


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_every_code_an_operation_names_is_in_the_catalogue(operation: Any) -> None:
    assert set(operation.problems) <= set(CATALOGUE)
