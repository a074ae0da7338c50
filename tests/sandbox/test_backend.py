"""The demo's backend signs as the specification says and turns what a person types into a variable's value."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import aiohttp
import pytest

from sandbox.backend import Backend, BackendError, suggestion
from sandbox.webhook import signed_headers

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=ZoneInfo("Europe/Moscow"))


def test_the_published_vector_of_the_reference_libraries_is_signed():
    # The vector that the libraries of standard-webhooks and svix test themselves with.
    headers = signed_headers(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
    )
    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@pytest.fixture
async def backend():
    async with aiohttp.ClientSession() as session:
        yield Backend(session, "http://127.0.0.1:1", api_key="", hook_source="s", hook_secret="whsec_AAAA")


TYPED = {
    "integer": ("integer", "150", 150),
    "money": ("money", "1 234,5", "1234.50"),
    "decimal": ("decimal", "0,5", "0.5"),
    "true": ("boolean", "true", True),
    "false": ("boolean", "false", False),
    "local time": ("datetime", "2026-12-01T18:30", "2026-12-01T18:30:00+03:00"),
    "time with zone": ("datetime", "2026-12-01T18:30:00+05:00", "2026-12-01T18:30:00+05:00"),
    "text": ("text", "Anna", "Anna"),
    "cleared": ("text", "  ", None),
}


@pytest.mark.parametrize(("type_", "typed", "value"), TYPED.values(), ids=TYPED.keys())
async def test_what_is_typed_becomes_the_variables_value(backend: Backend, type_: str, typed: str, value: object):
    assert backend.value(type_, typed) == value


@pytest.mark.parametrize(("type_", "typed"), [("integer", "many"), ("money", "free"), ("datetime", "soon")])
async def test_what_does_not_fit_is_said(backend: Backend, type_: str, typed: str):
    with pytest.raises(BackendError, match=typed):
        backend.value(type_, typed)


async def test_a_server_that_is_away_is_said(backend: Backend):
    with pytest.raises(BackendError, match="does not answer"):
        await backend.templates()


SUGGESTED = {
    "points grow": ("integer", 120, "150"),
    "no points yet": ("integer", None, "30"),
    "money grows by a hundred": ("money", 45000, "550.00"),
    "the same time tomorrow": ("datetime", "2026-12-01T15:30:00Z", "2026-12-02T18:30"),
    "no time yet": ("datetime", None, "2026-11-23T18:30"),
    "the next day": ("date", "2027-03-31", "2027-04-01"),
    "the other truth": ("boolean", True, "false"),
    "the same text": ("text", "Anna", "Anna"),
}


@pytest.mark.parametrize(("type_", "value", "text"), SUGGESTED.values(), ids=SUGGESTED.keys())
def test_the_form_offers_a_next_value(type_: str, value: object, text: str):
    assert suggestion(type_, value, NOW) == text
