"""Google's channel against the stand-in whose routes and bodies are Google's own discovery document."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from pushes import googlebring, verdict
from pushes.bucket import Lane
from pushes.gate import Gate, GateShut
from pushes.google import GoogleWallet, fetch
from sandbox.google import GoogleService
from sandbox.google_accounts import new_key_file
from sandbox.google_faults import Fault, Trouble
from store.google import Check, Outcome
from tests.pushes.wallets import (
    EMAIL,
    ISSUER,
    NOW,
    OBJECT_ID,
    PLENTY,
    account,
    asked,
    brought,
    dead_port,
    key_file,
    of_class,
    of_object,
    points,
    text,
    wallet_of,
)


@pytest_asyncio.fixture
async def google() -> AsyncIterator[GoogleService]:
    async with GoogleService(rate=0) as service:
        service.enlist(key_file(), ISSUER)
        yield service


@pytest_asyncio.fixture
async def wallet(google: GoogleService) -> AsyncIterator[GoogleWallet]:
    made = wallet_of(google)
    yield made
    await made.aclose()


def kept(google: GoogleService) -> dict[str, Any]:
    """What Google holds of our object."""
    stored = google.wallet.find(OBJECT_ID)
    assert stored is not None
    return stored.body


async def test_a_class_and_then_its_object_are_inserted_once(google: GoogleService, wallet: GoogleWallet) -> None:
    results = await brought(wallet, of_class(), of_object(120))
    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert asked(google) == [("insert", 200), ("insert", 200)]
    assert kept(google)["loyaltyPoints"]["balance"] == {"int": 120}


async def test_what_google_has_had_is_patched_with_one_request(google: GoogleService, wallet: GoogleWallet) -> None:
    await brought(wallet, of_class(), of_object(1), of_object(2, known=True))
    assert asked(google)[2:] == [("patch", 200)]
    assert kept(google)["loyaltyPoints"]["balance"] == {"int": 2}


async def test_an_insert_of_what_is_there_becomes_a_patch(google: GoogleService, wallet: GoogleWallet) -> None:
    await brought(wallet, of_class(), of_object(1), of_class(), of_object(2))
    assert asked(google)[2:] == [("insert", 409), ("patch", 200), ("insert", 409), ("patch", 200)]
    assert kept(google)["loyaltyPoints"]["balance"] == {"int": 2}


async def test_a_patch_of_what_is_not_there_becomes_an_insert(google: GoogleService, wallet: GoogleWallet) -> None:
    results = await brought(wallet, of_class(known=True), of_object(3, known=True))
    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert asked(google) == [("patch", 404), ("insert", 200), ("patch", 404), ("insert", 200)]


@pytest.mark.parametrize("known", [False, True])
async def test_an_object_without_its_class_waits_for_the_class(wallet: GoogleWallet, known: bool) -> None:
    (result,) = await brought(wallet, of_object(known=known))
    assert (result.outcome, result.reason) == (Outcome.RETRY, googlebring.NO_CLASS)


async def test_a_patch_that_shall_ring_says_so_itself(google: GoogleService, wallet: GoogleWallet) -> None:
    heard: list[str] = []
    await brought(wallet, of_class(), of_object(1))
    google.wallet.listen(OBJECT_ID, lambda told: heard.append(told.notification))
    results = await brought(wallet, of_object(2, known=True, notify_update=True), of_object(3, known=True))
    assert heard == ["update", ""]
    assert [result.notified for result in results] == [True, False]


async def test_a_fourth_notification_a_day_is_refused_and_the_same_goes_silently(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    await brought(wallet, of_class(), of_object(0))
    works = [of_object(balance, known=True, notify_update=True) for balance in range(1, 5)]
    *_, last = await brought(wallet, *works)
    assert (last.outcome, last.reason, last.delay, last.notified) == (Outcome.QUOTA, "quotaExceeded", 0.0, False)
    (silent,) = await brought(wallet, replace(works[-1], notify_update=False))
    assert silent.outcome is Outcome.ACCEPTED
    assert kept(google)["loyaltyPoints"]["balance"] == {"int": 4}


async def test_a_fourth_message_a_day_is_refused_and_goes_as_a_text(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    await brought(wallet, of_class(), of_object(0))
    sent = await brought(
        wallet, *(of_object(0, known=True, send_body=False, message=text(f"m{n}")) for n in range(1, 5))
    )
    assert [result.outcome for result in sent] == [Outcome.ACCEPTED] * 3 + [Outcome.QUOTA]
    assert [result.message_sent for result in sent] == [True] * 3 + [False]
    (plain,) = await brought(wallet, of_object(0, known=True, send_body=False, message=text("m4", notify=False)))
    assert plain.message_sent
    assert [one["id"] for one in kept(google)["messages"]] == ["m1", "m2", "m3", "m4"]


async def test_a_quota_for_what_notifies_nobody_is_tried_much_later(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    await brought(wallet, of_class(), of_object(0))
    google.faults.add(Fault(status=403, reason="quotaExceeded"))
    (result,) = await brought(wallet, of_object(1, known=True))
    assert result.outcome is Outcome.RETRY
    assert result.delay >= 15 * 60


async def test_ended_messages_leave_before_a_new_one_comes(google: GoogleService, wallet: GoogleWallet) -> None:
    await brought(wallet, of_class(), of_object(0))
    await brought(
        wallet, *(of_object(0, known=True, send_body=False, message=text(f"m{n}", notify=False)) for n in range(10))
    )
    eleventh = of_object(0, known=True, send_body=False, message=text("m10", notify=False))
    (refused,) = await brought(wallet, eleventh)
    assert refused.outcome is Outcome.DEAD
    room = {"messages": [text("m9", notify=False)]}
    (result,) = await brought(wallet, replace(eleventh, drop_messages=True, patch=room))
    assert result.message_sent
    assert [one["id"] for one in kept(google)["messages"]] == ["m9", "m10"]


@pytest.mark.parametrize("trouble", [Trouble.SILENCE, Trouble.CUT])
async def test_a_message_whose_answer_was_lost_is_looked_for_and_not_added_twice(
    google: GoogleService, wallet: GoogleWallet, trouble: Trouble
) -> None:
    await brought(wallet, of_class(), of_object(0))
    google.faults.add(Fault(trouble, "loyaltyobject.addmessage", done=True))
    (result,) = await brought(wallet, of_object(0, known=True, send_body=False, message=text("m1")))
    assert (result.outcome, result.message_sent) == (Outcome.ACCEPTED, True)
    assert [one["id"] for one in kept(google)["messages"]] == ["m1"]


@pytest.mark.parametrize("trouble", [Trouble.SILENCE, Trouble.CUT, Trouble.ANSWER])
async def test_a_message_that_did_not_arrive_comes_again_though_its_body_was_taken(
    google: GoogleService, wallet: GoogleWallet, trouble: Trouble
) -> None:
    await brought(wallet, of_class(), of_object(0))
    google.faults.add(Fault(trouble, "loyaltyobject.addmessage", times=1))
    work = of_object(1, known=True, notify_update=True, message=text("m1"))
    (result,) = await brought(wallet, work)
    assert (result.outcome, result.message_sent, result.notified) == (Outcome.ACCEPTED, False, True)
    assert result.delay > 0
    (again,) = await brought(wallet, replace(work, send_body=False, notify_update=False, again=True))
    assert again.message_sent
    assert [one["id"] for one in kept(google)["messages"]] == ["m1"]


@pytest.mark.parametrize("send_body", [False, True])
async def test_after_a_workers_death_google_is_asked_for_the_message_first(
    google: GoogleService, wallet: GoogleWallet, send_body: bool
) -> None:
    await brought(wallet, of_class(), of_object(0))
    work = of_object(1, known=True, send_body=send_body, message=text("m1"), drop_messages=send_body)
    work = replace(work, patch=dict(work.patch) | {"messages": []})
    await brought(wallet, work)  # and nobody wrote down that it was sent
    (result,) = await brought(wallet, replace(work, again=True))
    assert result.message_sent
    assert [one["id"] for one in kept(google)["messages"]] == ["m1"]
    assert [method for method, _ in asked(google)].count("addmessage") == 1


async def test_an_object_that_google_has_lost_is_inserted_before_its_message(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    await brought(wallet, of_class())
    (result,) = await brought(wallet, of_object(7, known=True, send_body=False, message=text("m1")))
    assert result.message_sent
    assert kept(google)["loyaltyPoints"]["balance"] == {"int": 7}


async def test_a_body_that_google_refuses_is_dead_and_says_which_field_without_the_persons_data(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    await brought(wallet, of_class())
    body = points(5) | {"hexBackgroundColor": "#ffffff"}  # a field of the class
    (result,) = await brought(wallet, of_object(body=body))
    assert result.outcome is Outcome.DEAD
    assert "hexBackgroundColor" in result.detail
    assert "Anna" not in result.detail


async def test_a_message_that_google_refuses_does_not_spoil_its_body(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    await brought(wallet, of_class(), of_object(0))
    work = of_object(1, known=True, message=text("m1") | {"colour": "red"})
    (both,) = await brought(wallet, work)
    assert (both.outcome, both.message_sent, both.delay) == (Outcome.ACCEPTED, False, 0.0)
    (alone,) = await brought(wallet, replace(work, send_body=False))
    assert alone.outcome is Outcome.DEAD
    assert "colour" in alone.detail


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_trouble_at_google_is_tried_again_later(google: GoogleService, wallet: GoogleWallet, status: int) -> None:
    google.faults.add(Fault(status=status, method="loyaltyclass", times=1))
    (result,) = await brought(wallet, of_class())
    assert result.outcome is Outcome.RETRY
    assert result.delay > 0


async def test_retry_after_is_heard(google: GoogleService, wallet: GoogleWallet) -> None:
    google.faults.add(Fault(status=503, method="loyaltyclass", retry_after=120, times=1))
    (result,) = await brought(wallet, of_class())
    assert 120 <= result.delay <= 150


async def test_too_many_requests_let_the_whole_issuer_rest(google: GoogleService, wallet: GoogleWallet) -> None:
    google.faults.add(Fault(status=429, method="loyaltyclass", retry_after=1, times=1))
    gate, loop = Gate(PLENTY), asyncio.get_running_loop()
    await wallet.bring(of_class(), gate)
    begin = loop.time()
    await wallet.bring(of_class(), gate)
    assert loop.time() - begin >= 0.9


@pytest.mark.parametrize(("trouble", "reason"), [(Trouble.SILENCE, "NoAnswer"), (Trouble.CUT, "ConnectionLost")])
async def test_no_answer_is_tried_again_and_says_why(
    google: GoogleService, wallet: GoogleWallet, trouble: Trouble, reason: str
) -> None:
    google.faults.add(Fault(trouble, "loyaltyclass"))
    (result,) = await brought(wallet, of_class())
    assert (result.outcome, result.reason) == (Outcome.RETRY, reason)


async def test_nobody_there_is_tried_again() -> None:
    port = await dead_port()
    url = f"http://127.0.0.1:{port}"
    wallet = GoogleWallet([account()], api_url=url, token_url=f"{url}/token")
    (result,) = await brought(wallet, of_class())
    await wallet.aclose()
    assert (result.outcome, result.reason) == (Outcome.RETRY, "NoConnection")


async def test_an_account_that_the_console_does_not_list_holds_the_issuer_and_says_the_step(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    google.accounts.known[EMAIL].issuers.clear()
    (result,) = await brought(wallet, of_class())
    assert (result.outcome, result.reason) == (Outcome.OURS, "permissionDenied")
    assert result.detail == verdict.ADD_THE_ACCOUNT


async def test_a_token_is_asked_for_once_and_again_when_google_no_longer_takes_it(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    gate = Gate(PLENTY)
    await asyncio.gather(*(wallet.bring(of_class(), gate) for _ in range(5)))
    assert len(google.accounts._tokens) == 1
    google.accounts.forget_tokens()
    (result,) = await brought(wallet, of_class(known=True))
    assert result.outcome is Outcome.ACCEPTED
    assert len(google.accounts._tokens) == 1


async def test_a_key_that_was_deleted_in_the_console_holds_the_issuer(google: GoogleService) -> None:
    key = key_file()
    google.accounts.revoke(EMAIL, key["private_key_id"])
    wallet = wallet_of(google)
    first, second = await brought(wallet, of_class(), of_class())
    await wallet.aclose()
    assert (first.outcome, first.reason) == (second.outcome, second.reason) == (Outcome.OURS, "invalid_grant")
    assert first.detail == verdict.RENEW_THE_KEY
    assert asked(google) == []


async def test_of_two_keys_that_overlap_the_one_that_google_lets_in_is_used(google: GoogleService) -> None:
    newer = new_key_file("newer@demo.iam.gserviceaccount.com", "")
    google.accounts.trust(newer)  # of an account that the console does not list yet
    wallet = wallet_of(google, [account(newer), account()])
    results = await brought(wallet, of_class(), of_class(known=True))
    await wallet.aclose()
    assert [result.outcome for result in results] == [Outcome.ACCEPTED] * 2
    assert asked(google) == [("insert", 403), ("insert", 200), ("patch", 200)]  # and then it is asked first
    assert wallet.client_emails[0] == EMAIL


async def test_a_token_service_in_trouble_is_nobodys_fault(google: GoogleService, wallet: GoogleWallet) -> None:
    google.faults.add(Fault(status=503, method="token"))
    (result,) = await brought(wallet, of_class())
    assert result.outcome is Outcome.RETRY


async def test_what_answers_without_googles_words_is_a_wrong_url(google: GoogleService) -> None:
    wallet = GoogleWallet([account()], api_url=f"{google.url}/elsewhere", token_url=google.token_url)
    (result,) = await brought(wallet, of_class())
    assert (result.outcome, result.detail) == (Outcome.OURS, verdict.WRONG_URL)
    await wallet.aclose()
    wallet = GoogleWallet([account()], api_url=google.url, token_url=f"{google.url}/elsewhere")
    (result,) = await brought(wallet, of_class())
    assert (result.outcome, result.reason) == (Outcome.OURS, verdict.NOT_GOOGLE)
    assert "GOOGLE_TOKEN_URL" in result.detail
    await wallet.aclose()


async def test_the_old_words_of_an_echo_are_understood(google: GoogleService, wallet: GoogleWallet) -> None:
    google.legacy_echo = True
    await brought(wallet, of_class(), of_object(0))
    work = of_object(1, known=True, message=text("m1"))
    results = await brought(wallet, work, replace(work, again=True))
    assert [result.message_sent for result in results] == [True, True]
    assert [method for method, _ in asked(google)].count("addmessage") == 1


async def test_nothing_is_sent_through_a_shut_gate_but_what_was_begun_ends(
    google: GoogleService, wallet: GoogleWallet
) -> None:
    await brought(wallet, of_class(), of_object(0))
    gate = Gate(PLENTY)
    google.on_request.append(lambda one: gate.shut())
    result = await wallet.bring(of_object(1, known=True, message=text("m1")), gate)
    assert result.message_sent
    before = len(google.requests)
    with pytest.raises(GateShut):
        await wallet.bring(of_object(2, known=True), gate)
    assert len(google.requests) == before


async def test_a_campaign_waits_for_a_customer_at_the_gate(google: GoogleService, wallet: GoogleWallet) -> None:
    await brought(wallet, of_class(), of_object(0))
    gate = Gate(20)
    campaign = [asyncio.create_task(wallet.bring(of_object(n, known=True, lane=1), gate)) for n in range(10)]
    await asyncio.sleep(0)
    await wallet.bring(of_object(100, known=True, lane=0), gate)
    done = sum(task.done() for task in campaign)
    await asyncio.gather(*campaign)
    assert done <= 4
    assert googlebring.lane_of(of_object(lane=0)) is Lane.URGENT


async def test_google_says_who_has_his_card(google: GoogleService, wallet: GoogleWallet) -> None:
    check = Check(1, 1, 1, "loyalty", OBJECT_ID, NOW)
    gate = Gate(PLENTY)
    nowhere = await wallet.ask(check, gate)
    assert nowhere is not None
    assert nowhere.has_users is None
    await brought(wallet, of_class(), of_object(0))
    nobody = await wallet.ask(check, gate)
    assert nobody is not None
    assert nobody.has_users is False
    stored = google.wallet.find(OBJECT_ID)
    assert stored is not None
    google.wallet.save(stored, "anna@example.com")
    somebody = await wallet.ask(check, gate)
    assert somebody is not None
    assert somebody.has_users is True
    google.faults.add(Fault(status=503))
    assert await wallet.ask(check, gate) is None


def test_an_issuer_without_a_key_that_can_sign_has_no_wallet() -> None:
    broken = account(key_file() | {"private_key": "none"})
    with pytest.raises(ValueError, match=EMAIL):
        GoogleWallet([broken], api_url="https://example.com", token_url="https://example.com")
    with pytest.raises(ValueError, match="no service account"):
        GoogleWallet([], api_url="https://example.com", token_url="https://example.com")


async def test_the_root_keys_are_fetched_or_the_reason_told(google: GoogleService) -> None:
    assert b"ECv2SigningOnly" in await fetch(google.keys_url)
    with pytest.raises(OSError, match="HTTP 404"):
        await fetch(f"{google.url}/nothing")
    with pytest.raises(OSError, match="no answer"):
        await fetch(f"http://127.0.0.1:{await dead_port()}")
