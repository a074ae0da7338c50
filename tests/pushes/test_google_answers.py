"""Google's answers as values: what each means, in whose words, and with nobody's data in what is told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushes import googleanswer, retry, verdict
from pushes.verdict import GoogleOutcome

# https://developers.google.com/wallet/retail/loyalty-cards/resources/error-codes and trigger-push-notifications
GOOGLES_PAGES = [
    (200, "", GoogleOutcome.ACCEPTED),
    (400, "badRequest", GoogleOutcome.REFUSED),
    (401, "authError", GoogleOutcome.TOKEN),
    (403, "permissionDenied", GoogleOutcome.OURS),
    (403, "accessNotConfigured", GoogleOutcome.OURS),
    (403, "quotaExceeded", GoogleOutcome.QUOTA),
    (403, "rateLimitExceeded", GoogleOutcome.RETRY),
    (404, "resourceNotFound", GoogleOutcome.MISSING),
    (404, "classNotFound", GoogleOutcome.NO_CLASS),
    (409, "alreadyExists", GoogleOutcome.EXISTS),
    (429, "rateLimitExceeded", GoogleOutcome.RETRY),
    (500, "backendError", GoogleOutcome.RETRY),
    (503, "", GoogleOutcome.RETRY),
]
# What was answered to people who asked about it in public: google-wallet/rest-samples #1, edutap.wallet_google #3.
DENIED = {
    "error": {
        "code": 403,
        "message": "Permission denied.",
        "errors": [{"message": "Permission denied.", "domain": "walletobjects", "reason": "permissionDenied"}],
    }
}


def body(code: int, message: str, reason: str = "", **more: Any) -> bytes:
    errors = [{"message": message, "domain": "walletobjects", "reason": reason}] if reason else []
    return json.dumps({"error": {"code": code, "message": message, "errors": errors} | more}).encode()


@pytest.mark.parametrize(("status", "reason", "outcome"), GOOGLES_PAGES)
def test_each_answer_means_what_googles_pages_say(status: int, reason: str, outcome: GoogleOutcome) -> None:
    assert googleanswer.read(status, body(status, "Because.", reason)).outcome is outcome


def test_every_row_names_googles_page_and_every_fault_of_ours_its_fix() -> None:
    for row in verdict.GOOGLE:
        assert row.link.startswith("https://developers.google.com/wallet/")
        assert bool(row.fix) == (row.outcome in (GoogleOutcome.OURS, GoogleOutcome.TOKEN))


def test_permission_denied_names_the_step_in_the_console() -> None:
    answer = googleanswer.read(403, json.dumps(DENIED).encode())
    assert (answer.outcome, answer.reason) == (GoogleOutcome.OURS, "permissionDenied")
    assert "add the service account" in answer.row.fix
    assert "Pay & Wallet Console" in answer.row.fix


def test_a_class_that_is_not_there_is_told_by_googles_sentence_too() -> None:
    missing = body(404, "Wallet Object Class 3388000000022141777.coffee not found.", "resourceNotFound")
    assert googleanswer.read(404, missing).outcome is GoogleOutcome.NO_CLASS
    missing = body(404, "Wallet Object 3388000000022141777.x6a8edf not found.", "resourceNotFound")
    assert googleanswer.read(404, missing).outcome is GoogleOutcome.MISSING


def test_the_newer_form_of_an_error_is_read_too() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "SERVICE_DISABLED"}]
    off = googleanswer.read(403, body(403, "It is disabled.", status="PERMISSION_DENIED", details=details))
    assert off.reason == "accessNotConfigured"
    denied = googleanswer.read(403, body(403, "No.", status="PERMISSION_DENIED"))
    assert denied.reason == "permissionDenied"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 301, 405])
def test_what_is_no_answer_of_google_is_a_wrong_url_and_nothing_is_given_up_for_it(status: int) -> None:
    answer = googleanswer.read(status, b"<html>Not here</html>")
    assert (answer.outcome, answer.reason) == (GoogleOutcome.OURS, verdict.NOT_GOOGLE)


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_is_too_odd_to_be_read(status: int, content: bytes) -> None:
    answer = googleanswer.read(status, content)
    assert (answer.outcome is GoogleOutcome.ACCEPTED) == (200 <= status < 300)
    assert googleanswer.sentence(answer, {"a": "b"}) == ""


@pytest.mark.parametrize(
    "odd", [b"[]", b"null", b'{"error": "no"}', b'{"error": {"errors": [7], "message": 8, "details": {"a": 1}}}']
)
def test_json_of_another_shape_is_read_as_far_as_it_goes(odd: bytes) -> None:
    assert googleanswer.read(503, odd).outcome is GoogleOutcome.RETRY


def test_the_fields_that_google_blames_come_first() -> None:
    said = (
        "Invalid JSON payload received. Unknown name \"hexBackgroundColour\" at 'loyalty_class': Cannot find field.\n"
        "Invalid value at 'loyalty_class.hero_image' (type.googleapis.com/google.Image), \"none\""
    )
    answer = googleanswer.read(400, body(400, said, "badRequest"))
    told = googleanswer.sentence(answer, {})
    assert told.startswith("loyalty_class.hexBackgroundColour, loyalty_class.hero_image: Invalid JSON payload")
    assert "\n" not in told
    violations = [
        {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"field": "object.state"}]}
    ]
    answer = googleanswer.read(400, body(400, "Request contains an invalid argument.", details=violations))
    assert googleanswer.sentence(answer, {}) == "object.state: Request contains an invalid argument."


NAMES = st.text(st.characters(categories=["L"]), min_size=2, max_size=20)


@given(st.lists(NAMES, min_size=1, max_size=4), st.integers(10, 10**9))
def test_nothing_that_we_sent_is_in_what_is_told(names: list[str], points: int) -> None:
    sent = {"accountName": names[0], "modules": [{"body": name} for name in names], "points": {"int": points}}
    said = f'Wrong: {" and ".join(names)}, {points} points, write to anna@example.com about "Anna".'
    told = googleanswer.sentence(googleanswer.read(400, body(400, said, "badRequest")), sent)
    words = set(told.replace(",", " ").replace(".", " ").split())
    assert not words & (set(names) - {"Wrong:", "and", "points", "write", "to", "about"})
    assert str(points) not in told
    assert "anna@example.com" not in told
    assert "Anna" not in told


def test_a_long_sentence_is_cut() -> None:
    answer = googleanswer.read(400, body(400, "very " * 1000 + "wrong", "badRequest"))
    assert len(googleanswer.sentence(answer, {})) == googleanswer.SENTENCE


def test_messages_are_known_by_their_ids_whatever_else_is_in_the_echo() -> None:
    echo = {"kind": "walletobjects#loyaltyObject", "state": "active", "messages": [{"id": "n1"}, {"header": "x"}, 7]}
    assert googleanswer.message_ids(echo) == {"n1"}
    assert googleanswer.message_ids({"messages": None}) == frozenset()


def test_a_quota_of_notifications_is_not_tried_again_soon() -> None:
    assert retry.delay(1, "quotaExceeded", 0.0) >= 600
    assert retry.delay(1, "backendError", 0.0) < 1
