"""What the worker of Google's channel promises, over the real store and a wallet that answers as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest_asyncio
from sqlalchemy import select, text, update
from structlog.testing import capture_logs

from pushes import verdict
from pushes.googleworker import GoogleOptions, GoogleWorker, Wallet
from pushes.worker import ChannelClosed
from sandbox.google import GoogleService
from sandbox.google_faults import Fault
from store import google, leases, tables
from store.dialect import Database
from store.google import Outcome, Result, Work
from tests.pushes.googlecards import (
    LONG_AGO,
    ScriptedWallet,
    accepted,
    brand_on_google,
    due,
    earn,
    leased,
    make_due,
    opened_cards,
    republish,
)
from tests.pushes.wallets import EMAIL, ISSUER, PLENTY, asked, key_file, wallet_of

QUICK = GoogleOptions(rate=PLENTY, window=10, poll=0.02, gathering=0.0, look_after=3600)
OTHER = "3388000000022999999"


@pytest_asyncio.fixture
async def cafe(db: Database) -> int:
    """A brand on Google, its id."""
    return await brand_on_google(db)


@asynccontextmanager
async def working(
    db: Database, wallet: Wallet | Callable[[str], Wallet], options: GoogleOptions = QUICK, owner: str = "test"
) -> AsyncIterator[GoogleWorker]:
    async def factory(issuer_id: str) -> Wallet:
        return wallet(issuer_id) if callable(wallet) else wallet

    worker = GoogleWorker(db, factory, owner=owner, options=options)
    db.on_jobs.append(worker.wake)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        db.on_jobs.remove(worker.wake)
        worker.stop()
        await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if asyncio.iscoroutine(held):
                held = await held
            if held:
                return
            await asyncio.sleep(0.01)


async def nothing_due(db: Database) -> None:
    async def empty() -> bool:
        return await due(db) == 0

    await until(empty)


async def held(db: Database) -> dict[str, str]:
    return {hold.pass_type_identifier: hold.reason for hold in await leases.held(db)}


def answering(outcome: Outcome, reason: str, **more: float | str) -> Callable[[Work], Result]:
    return lambda work: Result(work, outcome, reason, **more)  # type: ignore[arg-type]


async def test_an_opened_page_brings_the_class_and_then_the_object(db: Database, cafe: int) -> None:
    wallet = ScriptedWallet()
    async with working(db, wallet):
        (card,) = await opened_cards(db, cafe, 1)
        await nothing_due(db)
    assert [work.kind for work in wallet.sent] == ["class", "object"]
    state = await google.status(db, card.card_id)
    assert state is not None
    assert state.inserted


async def test_many_changes_of_a_card_are_one_request_with_the_last_of_them(db: Database, cafe: int) -> None:
    (card,) = await opened_cards(db, cafe, 1)
    async with working(db, ScriptedWallet()):
        await nothing_due(db)
    for points in range(1, 6):
        await earn(db, card, points)
    wallet = ScriptedWallet()
    async with working(db, wallet):
        await nothing_due(db)
    assert [body["loyaltyPoints"]["balance"] for body in wallet.bodies()] == [{"int": 5}]


async def test_a_change_while_its_request_is_under_way_is_brought_too(db: Database, cafe: int) -> None:
    (card,) = await opened_cards(db, cafe, 1)
    wallet = ScriptedWallet(silent=lambda work: work.kind == "object" and not work.known)
    async with working(db, wallet):
        await until(lambda: len(wallet.sent) == 2)
        await earn(db, card, 7)
        wallet.speak.set()
        await nothing_due(db)
    assert wallet.bodies()[-1]["loyaltyPoints"]["balance"] == {"int": 7}


async def test_a_customers_change_overtakes_a_campaign_that_is_claimed_already(db: Database, cafe: int) -> None:
    made = await opened_cards(db, cafe, 30)
    async with working(db, ScriptedWallet()):
        await nothing_due(db)
    async with db.transaction() as conn:  # as a publish that changes every object leaves them
        campaign = {"due_at": LONG_AGO, "lane": 1, "accepted_digest": "another"}
        await conn.execute(update(tables.google_objects).values(**campaign))
    wallet = ScriptedWallet()
    async with working(db, wallet, GoogleOptions(rate=60, window=10, poll=0.02, look_after=3600)):
        await until(lambda: wallet.sent)
        await earn(db, made[-1], 9)
        await nothing_due(db)
    order = [work.row_id for work in wallet.sent]
    urgent = next(number for number, work in enumerate(wallet.sent) if work.lane == 0)
    assert urgent <= 20, order
    assert wallet.sent[urgent].body["loyaltyPoints"]["balance"] == {"int": 9}


async def test_no_more_than_the_window_is_ever_under_way(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 25)
    wallet = ScriptedWallet(silent=lambda work: work.kind == "object")
    async with working(db, wallet):
        await until(lambda: len(wallet.sent) == 1 + QUICK.window)
        await asyncio.sleep(0.2)
        assert await leased(db) == len(wallet.sent) - 1 == QUICK.window
        wallet.speak.set()
        await nothing_due(db)
    assert len(wallet.bodies()) == 25


async def test_one_that_is_refused_is_dead_and_stalls_nobody(db: Database, cafe: int) -> None:
    made = await opened_cards(db, cafe, 5)
    bad = f"{ISSUER}.{made[2].serial_number}"

    def answer(work: Work) -> Result:
        refused = Result(work, Outcome.DEAD, "badRequest", detail="object.state: No such state.")
        return refused if work.id == bad else accepted(work)

    with capture_logs() as told:
        async with working(db, ScriptedWallet(answer)):
            await nothing_due(db)
    (dead,) = await google.dead(db, cafe)
    assert (dead.id, dead.detail) == (bad, "object.state: No such state.")
    assert [line["id"] for line in told if line["event"] == "google_refused"] == [bad]


async def test_one_that_breaks_us_stalls_nobody_and_is_kept(db: Database, cafe: int) -> None:
    made = await opened_cards(db, cafe, 5)
    bad = f"{ISSUER}.{made[2].serial_number}"

    def answer(work: Work) -> Result:
        if work.id == bad:
            raise RuntimeError("no")
        return accepted(work)

    wallet = ScriptedWallet(answer)
    with capture_logs() as told:
        async with working(db, wallet):
            await until(lambda: len(wallet.sent) == 6)
            await until(lambda: _is(db, 1))
    assert [line["event"] for line in told if line["log_level"] == "error"] == ["row_failed"]


async def _is(db: Database, count: int) -> bool:
    return await due(db) == count and await leased(db) == 0


async def test_what_fails_waits_and_comes_again(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 1)
    wallet = ScriptedWallet(answering(Outcome.RETRY, "backendError", delay=600.0))
    async with working(db, wallet):
        await until(lambda: len(wallet.sent) == 1)
        await until(lambda: _is(db, 2))  # the object waits for its class
        wallet.answer = accepted
        await make_due(db)
        await nothing_due(db)
    assert [work.attempts for work in wallet.sent] == [0, 1, 0]


async def test_a_fault_of_ours_holds_the_issuer_deletes_nothing_and_a_probe_lets_it_go_on(
    db: Database, cafe: int
) -> None:
    await opened_cards(db, cafe, 30)
    async with db.transaction() as conn:  # the class is there
        await conn.execute(update(tables.google_classes).values(accepted_digest="x", due_at=None))
    wallet = ScriptedWallet(answering(Outcome.OURS, "permissionDenied", delay=60.0, detail=verdict.ADD_THE_ACCOUNT))
    with capture_logs() as told:
        async with working(db, wallet, GoogleOptions(rate=PLENTY, window=10, poll=0.02, look_after=3600)):
            await until(lambda: _is_held(db))
            sent = len(wallet.sent)
            assert sent <= QUICK.window
            await asyncio.sleep(0.1)
            assert len(wallet.sent) == sent
            assert await due(db) == 30
            (reason,) = (await held(db)).values()
            assert verdict.ADD_THE_ACCOUNT in reason
            wallet.answer = accepted
            await make_due(db)
            await nothing_due(db)
    assert await held(db) == {}
    events = [line["event"] for line in told]
    assert "issuer_held" in events
    assert "issuer_released" in events


async def _is_held(db: Database) -> bool:
    return bool(await held(db)) and await leased(db) == 0


async def test_a_probe_that_fails_holds_on(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 12)
    wallet = ScriptedWallet(answering(Outcome.OURS, "permissionDenied", delay=60.0))
    async with working(db, wallet):
        await until(lambda: _is_held(db))
        sent = len(wallet.sent)
        await make_due(db)
        await until(lambda: len(wallet.sent) == sent + 1)
        await until(lambda: _is_held(db))
        await asyncio.sleep(0.1)
        assert len(wallet.sent) == sent + 1
    assert list(await held(db)) == [google.lease_name(ISSUER)]


async def test_an_issuer_without_a_key_is_held_and_says_so(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 2)

    def closed(issuer_id: str) -> Wallet:
        raise ChannelClosed("there is no service account")

    async with working(db, closed):
        await until(lambda: _is_held(db))
    assert await held(db) == {google.lease_name(ISSUER): "there is no service account"}
    assert await due(db) == 3


async def test_one_issuers_trouble_does_not_stall_another(db: Database, cafe: int) -> None:
    bar = await brand_on_google(db, key="bar", issuer=OTHER)
    await opened_cards(db, cafe, 3)
    made = await opened_cards(db, bar, 3)
    stuck, quick = ScriptedWallet(silent=lambda work: True), ScriptedWallet()
    async with working(db, lambda issuer_id: stuck if issuer_id == ISSUER else quick):
        await until(lambda: len(quick.bodies()) == len(made))
        await until(lambda: stuck.sent)
        stuck.speak.set()
        await nothing_due(db)


async def test_an_issuer_belongs_to_one_worker_at_a_time(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 20)
    first, second = ScriptedWallet(silent=lambda work: True), ScriptedWallet()
    async with working(db, first, owner="first"):
        await until(lambda: first.sent)
        async with working(db, second, owner="second"):
            await asyncio.sleep(0.2)
            assert second.sent == []
        first.speak.set()
        await nothing_due(db)


async def test_stopping_ends_what_is_half_done_and_gives_the_rest_back(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 8)
    async with db.transaction() as conn:
        await conn.execute(update(tables.google_classes).values(accepted_digest="x", due_at=None))
    wallet = ScriptedWallet(silent=lambda work: True)
    slow = GoogleOptions(rate=9, window=10, poll=0.02, look_after=3600)  # one passes at once, the others wait
    async with working(db, wallet, slow) as worker:
        await until(lambda: len(wallet.sent) == 1)
        assert await leased(db) == 8
        worker.stop()
        wallet.speak.set()
    assert len(wallet.sent) == 1
    assert (await due(db), await leased(db)) == (7, 0)
    async with db.reading() as conn:
        assert (await conn.execute(select(tables.leases.c.name))).all() == []


async def test_what_a_dead_worker_held_is_brought_after_its_lease(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 3)
    taken = await google.claim(db, owner="dead", issuer_id=ISSUER, room=10, lease=timedelta(seconds=15))
    assert [work.kind for work in taken] == ["class"]
    wallet = ScriptedWallet()
    async with working(db, wallet):
        await asyncio.sleep(0.1)
        assert wallet.sent == []
        await make_due(db)
        await nothing_due(db)
    assert Counter(work.kind for work in wallet.sent) == {"class": 1, "object": 3}


async def test_answers_that_cannot_be_written_are_kept_and_nothing_is_sent_twice(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 4)
    wallet = ScriptedWallet(silent=lambda work: work.kind == "object")
    async with working(db, wallet):
        await until(lambda: len(wallet.bodies()) == 4)
        async with db.transaction() as conn:
            await conn.execute(text("ALTER TABLE timeline RENAME TO elsewhere"))
        with capture_logs() as told:
            wallet.speak.set()
            await until(lambda: any(line["event"] == "answer_not_written" for line in told))
        async with db.transaction() as conn:
            await conn.execute(text("ALTER TABLE elsewhere RENAME TO timeline"))
        await make_due(db)  # written or not, the leases end
        await nothing_due(db)


async def test_the_worker_outlives_what_nobody_expects_of_a_database(db: Database, cafe: int) -> None:
    wallet = ScriptedWallet()
    async with working(db, wallet):
        async with db.transaction() as conn:
            await conn.execute(text("ALTER TABLE google_objects RENAME TO elsewhere"))
        with capture_logs() as told:
            await until(lambda: any(line["event"] == "queue_not_read" for line in told))
        async with db.transaction() as conn:
            await conn.execute(text("ALTER TABLE elsewhere RENAME TO google_objects"))
        await opened_cards(db, cafe, 1)
        await nothing_due(db)
    assert len(wallet.bodies()) == 1


async def test_rows_whose_answers_are_due_stay_ours(db: Database, cafe: int) -> None:
    await opened_cards(db, cafe, 2)
    wallet = ScriptedWallet(silent=lambda work: work.kind == "object")
    options = GoogleOptions(rate=PLENTY, window=10, poll=0.02, gathering=0.0, lease=timedelta(seconds=0.6))
    async with working(db, wallet, options):
        await until(lambda: len(wallet.bodies()) == 2)
        await asyncio.sleep(1)
        assert len(wallet.bodies()) == 2
        wallet.speak.set()
        await nothing_due(db)
    assert len(wallet.bodies()) == 2


async def test_google_is_asked_now_and_then_who_has_his_card(db: Database, cafe: int) -> None:
    (card,) = await opened_cards(db, cafe, 1)
    wallet = ScriptedWallet(has_users=True)
    async with working(db, wallet):
        await nothing_due(db)
    async with db.transaction() as conn:
        await conn.execute(update(tables.google_objects).values(check_at=LONG_AGO))
    async with working(db, wallet, GoogleOptions(rate=PLENTY, poll=0.02, look_after=0.05)):
        await until(lambda: _present(db, card.card_id))
    assert {check.id for check in wallet.asked} == {f"{ISSUER}.{card.serial_number}"}


async def _present(db: Database, card_id: int) -> bool:
    state = await google.status(db, card_id)
    return state is not None and state.present is True


@asynccontextmanager
async def played(db: Database) -> AsyncIterator[GoogleService]:
    """The worker against the stand-in of Google's own discovery document."""
    async with GoogleService(rate=0) as service:
        service.enlist(key_file(), ISSUER)
        wallet = wallet_of(service)
        try:
            async with working(db, wallet):
                yield service
        finally:
            await wallet.aclose()


async def test_three_changes_ring_and_the_fourth_is_silent_because_we_count_ourselves(db: Database, cafe: int) -> None:
    async with played(db) as service:
        (card,) = await opened_cards(db, cafe, 1)
        await nothing_due(db)
        heard: list[str] = []
        service.wallet.listen(f"{ISSUER}.{card.serial_number}", lambda told: heard.append(told.notification))
        for points in range(1, 6):
            await earn(db, card, points)
            await nothing_due(db)
        assert heard == ["update"] * 3 + [""] * 2
        assert 403 not in {status for _, status in asked(service)}


async def test_where_google_counts_more_than_we_the_change_goes_silently(db: Database, cafe: int) -> None:
    async with played(db) as service:
        (card,) = await opened_cards(db, cafe, 1)
        await nothing_due(db)
        service.faults.add(Fault(status=403, reason="quotaExceeded", method="loyaltyobject.patch", times=1))
        await earn(db, card, 8)
        await nothing_due(db)
        assert asked(service)[-2:] == [("patch", 403), ("patch", 200)]
        stored = service.wallet.find(f"{ISSUER}.{card.serial_number}")
        assert stored is not None
        assert stored.body["loyaltyPoints"]["balance"] == {"int": 8}


async def test_a_class_that_google_has_lost_is_brought_again_before_its_object(db: Database, cafe: int) -> None:
    async with db.transaction() as conn:
        await conn.execute(update(tables.google_classes).values(accepted_digest="x", due_at=None))
    async with played(db) as service:
        await opened_cards(db, cafe, 1)
        await nothing_due(db)
        ok = [one.method for one in service.requests if one.status == 200]
        assert ok == ["loyaltyclass.insert", "loyaltyobject.insert"]


async def test_an_account_that_is_listed_in_the_console_at_last_goes_on_by_itself(db: Database, cafe: int) -> None:
    async with played(db) as service:
        service.accounts.known[EMAIL].issuers.clear()
        await opened_cards(db, cafe, 2)
        await until(lambda: _is_held(db))
        service.enlist(key_file(), ISSUER)
        await make_due(db)
        await nothing_due(db)
        assert await held(db) == {}


async def test_a_publish_is_one_request_for_all_holders(db: Database, cafe: int) -> None:
    async with played(db) as service:
        await opened_cards(db, cafe, 5)
        await nothing_due(db)
        service.requests.clear()
        await republish(db, cafe, "#123456")
        await nothing_due(db)
        assert [one.method for one in service.requests] == ["loyaltyclass.patch"]


async def test_whoever_waits_at_a_desk_has_google_asked_at_once_and_for_that_card_alone(
    db: Database, cafe: int
) -> None:
    waited_for, other = await opened_cards(db, cafe, 2)
    wallet = ScriptedWallet(has_users=True)
    async with working(db, wallet, replace(QUICK, hurry=0.02)):
        await nothing_due(db)
        async with db.transaction() as conn:
            await conn.execute(update(tables.google_objects).values(check_at=None))
        await google.want_check(db, waited_for.card_id)
        await until(lambda: wallet.asked)
        await until(lambda: _present(db, waited_for.card_id))
        await google.want_check(db, waited_for.card_id)  # known by now
        await asyncio.sleep(0.1)
    assert [check.id for check in wallet.asked] == [f"{ISSUER}.{waited_for.serial_number}"]
    assert not await _present(db, other.card_id)
