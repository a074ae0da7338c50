"""What the worker promises, against both databases and a channel that answers as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import Context
from datetime import datetime, timedelta

from sqlalchemy import func, select, text, update
from structlog.testing import capture_logs

from pushes.channel import Channel, Outcome, Push, Verdict
from pushes.pace import FIRST
from pushes.worker import ChannelClosed, Worker, WorkerOptions
from store import claims, jobs, leases, processes, settling, tables
from store.dialect import Database
from store.fates import Fate, Settled
from store.platforms import Route
from store.processes import Process
from tests.pushes.fleet import (
    LONG_AGO,
    PASS_TYPE,
    ScriptedChannel,
    change_card,
    make_due,
    pending,
    publish,
    seed,
    token,
)

ROUTE = Route(PASS_TYPE)
QUICK = WorkerOptions(window=20, poll=0.02, patience=0.1, lease=timedelta(seconds=5))


@asynccontextmanager
async def working(
    db: Database, channel: Channel | Callable[[Route], Channel], options: WorkerOptions = QUICK
) -> AsyncIterator[Worker]:
    async def factory(route: Route) -> Channel:
        return channel(route) if callable(channel) else channel

    worker = Worker(db, factory, owner="test", options=options)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        worker.stop()
        await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], bool] | Callable[[], object], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if asyncio.iscoroutine(held):
                held = await held
            if held:
                return
            await asyncio.sleep(0.01)


async def settled(db: Database) -> None:
    async def empty() -> bool:
        return await pending(db) == 0

    await until(empty)


async def device(db: Database, device_id: int) -> object:
    async with db.reading() as conn:
        return (await conn.execute(select(tables.devices).where(tables.devices.c.id == device_id))).first()


async def test_a_changed_card_is_pushed_once_to_its_phone(db: Database) -> None:
    await seed(db, 3)
    channel = ScriptedChannel()
    async with working(db, channel):
        await change_card(db, 2)
        await settled(db)
    assert [(push.token, push.topic) for push in channel.sent] == [(token(2), PASS_TYPE)]


async def test_a_publish_reaches_everyone_page_by_page(db: Database) -> None:
    await seed(db, 130)
    channel = ScriptedChannel()
    async with working(db, channel):
        await publish(db)
        await settled(db)
    assert Counter(push.token for push in channel.sent) == Counter(token(n) for n in range(1, 131))


async def test_a_burst_is_one_push_now_and_one_after_the_spacing(db: Database) -> None:
    await seed(db, 1)
    channel = ScriptedChannel()
    async with working(db, channel):
        await change_card(db, 1)
        await until(lambda: len(channel.sent) == 1)
        for _ in range(50):
            await change_card(db, 1)
        await until(lambda: _only_device_intents(db))
        assert len(channel.sent) == 1
        await make_due(db)
        await settled(db)
    assert len(channel.sent) == 2


async def _only_device_intents(db: Database) -> bool:
    async with db.reading() as conn:
        kinds = list((await conn.execute(select(tables.jobs.c.kind))).scalars())
    return kinds == ["device"]


async def test_a_change_just_after_a_registration_does_not_wait_for_the_registrations_push(db: Database) -> None:
    await seed(db, 1)
    channel = ScriptedChannel()
    async with working(db, channel):
        async with db.transaction() as conn:
            await jobs.want_device(conn, brand_id=1, pass_type_identifier=PASS_TYPE, device_id=1, delay=60)
        await change_card(db, 1)
        await until(lambda: len(channel.sent) == 1)
        await make_due(db)
        await settled(db)
    assert len(channel.sent) == 2


async def test_a_change_does_not_hurry_a_token_that_backs_off(db: Database) -> None:
    await seed(db, 1)
    channel = ScriptedChannel(answer=lambda push: Verdict(Outcome.RETRY, "TooManyRequests", retry_after=600))
    async with working(db, channel):
        await change_card(db, 1)
        await until(lambda: _only_device_intents(db))
        await change_card(db, 1)
        await until(lambda: _only_device_intents(db))
    assert len(channel.sent) == 1


async def test_a_new_registration_does_not_wait_for_the_back_off_of_the_phones_old_token(db: Database) -> None:
    await seed(db, 1)
    channel = ScriptedChannel(answer=lambda push: Verdict(Outcome.RETRY, "ServiceUnavailable", retry_after=600))
    async with working(db, channel):
        await change_card(db, 1)
        await until(lambda: _only_device_intents(db))
        channel.answer = lambda push: Verdict(Outcome.DELIVERED, "")
        async with db.transaction() as conn:
            await conn.execute(tables.devices.update().values(pushed_at=LONG_AGO))
            await jobs.want_device(conn, brand_id=1, pass_type_identifier=PASS_TYPE, device_id=1, delay=0.1)
        await settled(db)
    assert len(channel.sent) == 2


async def test_what_fails_by_our_fault_is_kept_for_as_long_as_it_takes(db: Database) -> None:
    await seed(db, 1)
    await change_card(db, 1)
    async with db.transaction() as conn:
        await conn.execute(tables.jobs.update().values(wanted_at=LONG_AGO - timedelta(days=300)))
    channel = ScriptedChannel(answer=lambda push: Verdict(Outcome.OURS, "BadCertificate"))
    async with working(db, channel):
        await until(lambda: leases.held(db))
        await until(lambda: _only_device_intents(db))
    assert await pending(db) == 1


async def test_a_change_while_its_push_is_under_way_is_pushed_again(db: Database) -> None:
    await seed(db, 1)
    await change_card(db, 1)
    claim = await claims.claim(
        db, owner="w", route=ROUTE, room=10, lease=timedelta(minutes=1), probe_after=timedelta(1)
    )
    assert claim is not None
    await change_card(db, 1)
    fates = [Settled(target, Fate.ACCEPTED) for target in claim.targets]
    await settling.settle(db, owner="w", route=ROUTE, intents=claim.intents, settled=fates)
    assert await pending(db) == 1
    assert await claims.waiting_routes(db) == [ROUTE]


async def test_what_a_dead_worker_held_is_claimed_again_after_its_lease(db: Database) -> None:
    await seed(db, 2)
    await publish(db)
    take = {"route": ROUTE, "room": 10, "probe_after": timedelta(1)}
    dead = await claims.claim(db, owner="dead", lease=timedelta(seconds=-1), **take)
    again = await claims.claim(db, owner="alive", lease=timedelta(minutes=1), **take)
    assert dead is not None
    assert again is not None
    assert again.targets == dead.targets
    assert await claims.claim(db, owner="third", lease=timedelta(minutes=1), **take) is None


async def test_what_a_late_owner_settles_changes_nothing_of_the_new_owners(db: Database) -> None:
    await seed(db, 1)
    await change_card(db, 1)
    take = {"route": ROUTE, "room": 10, "probe_after": timedelta(1)}
    late = await claims.claim(db, owner="late", lease=timedelta(seconds=-1), **take)
    await claims.claim(db, owner="new", lease=timedelta(minutes=1), **take)
    assert late is not None
    fates = [Settled(target, Fate.ACCEPTED) for target in late.targets]
    await settling.settle(db, owner="late", route=ROUTE, intents=late.intents, settled=fates)
    assert await pending(db) == 1


async def test_one_silent_token_holds_up_nobody_and_is_settled_when_it_answers(db: Database) -> None:
    await seed(db, 60)
    channel = ScriptedChannel(silent=lambda push: push.device_id == 5)
    async with working(db, channel):
        await publish(db)
        await until(lambda: len(channel.sent) == 60)
        await until(lambda: _only_device_intents(db))
        channel.speak.set()
        await settled(db)
    assert len(channel.sent) == 60


async def test_total_silence_is_never_more_than_the_window(db: Database) -> None:
    await seed(db, 100)
    channel = ScriptedChannel(silent=lambda push: True)
    async with working(db, channel):
        await publish(db)
        await until(lambda: len(channel.sent) == QUICK.window)
        await asyncio.sleep(4 * QUICK.patience)
        assert len(channel.sent) == QUICK.window
        channel.speak.set()
        await settled(db)
    assert Counter(push.token for push in channel.sent) == Counter(token(n) for n in range(1, 101))


async def test_a_failed_push_waits_and_comes_again(db: Database) -> None:
    await seed(db, 1)
    answers = iter([Verdict(Outcome.RETRY, "ServiceUnavailable"), Verdict(Outcome.DELIVERED, "")])
    channel = ScriptedChannel(answer=lambda push: next(answers))
    async with working(db, channel):
        await change_card(db, 1)
        await until(lambda: _only_device_intents(db))
        await make_due(db)
        await settled(db)
    assert len(channel.sent) == 2


async def test_a_dead_token_leaves_and_its_registrations_with_it(db: Database) -> None:
    await seed(db, 2)
    gone = Verdict(Outcome.GONE, "Unregistered", gone_since=LONG_AGO + timedelta(days=1))
    channel = ScriptedChannel(answer=lambda push: gone)
    async with working(db, channel):
        await change_card(db, 1)
        await settled(db)
    assert await device(db, 1) is None
    assert await device(db, 2) is not None
    async with db.reading() as conn:
        assert list((await conn.execute(select(tables.registrations.c.card_id))).scalars()) == [2]


async def test_bad_tokens_for_everyone_delete_nobody_and_hold_the_queue(db: Database) -> None:
    await seed(db, 60)
    channel = ScriptedChannel(answer=lambda push: Verdict(Outcome.GONE, "BadDeviceToken"))
    async with working(db, channel):
        await publish(db)
        await until(lambda: leases.held(db))
        await asyncio.sleep(0.2)
        sent = len(channel.sent)
    async with db.reading() as conn:
        states = Counter((await conn.execute(select(tables.devices.c.state))).scalars())
    assert QUICK.window <= sent < 2 * QUICK.window
    assert states == {"parked": sent, "active": 60 - sent}


async def test_a_refused_credential_holds_everything_and_a_probe_lets_it_go_on(db: Database) -> None:
    await seed(db, 50)
    good = asyncio.Event()
    refused = Verdict(Outcome.OURS, "BadCertificate")
    channel = ScriptedChannel(answer=lambda push: Verdict(Outcome.DELIVERED, "") if good.is_set() else refused)
    async with working(db, channel):
        await publish(db)
        await until(lambda: leases.held(db))
        good.set()
        assert (await leases.held(db))[0].reason == "BadCertificate"
        while await pending(db):
            await make_due(db)
            await asyncio.sleep(0.05)
    assert await leases.held(db) == []
    accepted = Counter(push.token for push in channel.sent)
    assert set(accepted) == {token(n) for n in range(1, 51)}


async def test_a_missing_certificate_holds_and_drops_nothing(db: Database) -> None:
    await seed(db, 5)

    def closed(route: Route) -> Channel:
        raise ChannelClosed("The certificate for pass.example.coffee expired on 1 May 2026.")

    async with working(db, closed):
        await publish(db)
        await until(lambda: leases.held(db))
    assert await pending(db) == 1
    assert "expired" in (await leases.held(db))[0].reason


async def test_one_brands_trouble_does_not_stall_another(db: Database) -> None:
    await seed(db, 5)
    await seed(db, 5, pass_type="pass.example.tea")
    silent = ScriptedChannel(silent=lambda push: True)
    lively = ScriptedChannel()
    async with working(db, lambda route: silent if route == ROUTE else lively):
        await publish(db)
        await publish(db, 2, pass_type="pass.example.tea", brand_id=2)
        await until(lambda: len(lively.sent) == 5)
        silent.speak.set()
        await settled(db)
    assert len(silent.sent) == 5


async def test_a_customers_change_goes_before_a_campaign(db: Database) -> None:
    await seed(db, 200)
    await publish(db)
    await change_card(db, 200)
    channel = ScriptedChannel()
    async with working(db, channel):
        await until(lambda: bool(channel.sent))
    assert channel.sent[0].token == token(200)


async def test_a_pass_type_belongs_to_one_worker_at_a_time(db: Database) -> None:
    minute = timedelta(minutes=1)
    assert await leases.take(db, name="apns:x", owner="a", duration=minute)
    assert not await leases.take(db, name="apns:x", owner="b", duration=minute)
    assert await leases.take(db, name="apns:x", owner="a", duration=minute)
    await leases.release(db, owner="a")
    assert await leases.take(db, name="apns:x", owner="b", duration=minute)


async def test_a_channel_that_breaks_its_promise_loses_nothing(db: Database) -> None:
    await seed(db, 3)

    class Broken(ScriptedChannel):
        async def send_many(self, pushes: object) -> AsyncIterator[tuple[Push, Verdict]]:
            raise RuntimeError("no")
            yield

    async with working(db, Broken()):
        await publish(db)
        await until(lambda: _three_retries(db))
    assert await pending(db) == 3


async def test_intents_whose_answers_are_due_stay_leased(db: Database) -> None:
    await seed(db, 5)
    channel = ScriptedChannel(silent=lambda push: True)
    options = WorkerOptions(window=20, poll=0.02, patience=0.05, lease=timedelta(seconds=9))

    async def leased_until() -> datetime | None:
        async with db.reading() as conn:
            leased = select(func.min(tables.jobs.c.lease_until)).where(tables.jobs.c.device_id.is_not(None))
            return (await conn.execute(leased)).scalar_one()

    async with working(db, channel, options):
        await publish(db)
        await until(leased_until)
        first = await leased_until()

        async def renewed() -> bool:
            now = await leased_until()
            return now is not None and first is not None and now > first + options.lease / 4

        await until(renewed, 30)
        channel.speak.set()
        await settled(db)
    assert len(channel.sent) == 5


async def test_a_channel_that_never_answers_is_given_up(db: Database) -> None:
    await seed(db, 3)
    channel = ScriptedChannel(silent=lambda push: True)
    hasty = WorkerOptions(window=20, poll=0.02, patience=0.05, lease=timedelta(seconds=3), silence=0.1)
    async with working(db, channel, hasty):
        await publish(db)
        await until(lambda: _three_retries(db), 30)
    assert len(channel.sent) == 3


async def test_one_token_that_cannot_be_read_stalls_nobody(db: Database) -> None:
    await seed(db, 3)
    async with db.transaction() as conn:
        broken = update(tables.devices).where(tables.devices.c.id == 1)
        await conn.execute(broken.values(push_token_encrypted=b"of another secret"))
    channel = ScriptedChannel()
    async with working(db, channel):
        await publish(db)
        await settled(db)
    assert sorted(push.device_id for push in channel.sent) == [2, 3]
    row = await device(db, 1)
    assert (row.state, row.state_reason) == ("parked", "TokenUnreadable")


async def test_the_worker_outlives_what_nobody_expects_of_a_database(db: Database) -> None:
    await seed(db, 1)
    channel = ScriptedChannel()
    async with working(db, channel):
        async with db.transaction() as conn:
            await conn.execute(text("ALTER TABLE jobs RENAME TO elsewhere"))
        with capture_logs() as told:
            await until(lambda: any(line["event"] == "queue_not_read" for line in told))
        async with db.transaction() as conn:
            await conn.execute(text("ALTER TABLE elsewhere RENAME TO jobs"))
        await publish(db)
        await settled(db)
    assert len(channel.sent) == 1


async def test_a_phone_that_registers_anew_while_its_old_token_is_pruned_stays(db: Database) -> None:
    await seed(db, 1)
    await publish(db)
    claim = await claims.claim(db, owner="a", route=ROUTE, room=9, lease=timedelta(minutes=1), probe_after=timedelta(0))
    assert claim is not None
    gone = [Settled(claim.targets[0], Fate.PRUNE, "Unregistered")]
    async with db.joined() as conn:
        await conn.execute(update(tables.devices).values(push_token_at=LONG_AGO + timedelta(days=1)))
        pruning = asyncio.create_task(
            settling.settle(db, owner="a", route=ROUTE, intents=claim.intents, settled=gone),
            context=Context(),
        )
        await asyncio.wait([pruning], timeout=0.2)
        assert not pruning.done()
    await pruning
    assert await device(db, 1) is not None


async def _three_retries(db: Database) -> bool:
    async with db.reading() as conn:
        rows = (await conn.execute(select(tables.jobs.c.kind, tables.jobs.c.reason))).all()
    return [tuple(row) for row in rows] == [("device", "NoAnswer")] * 3


async def test_a_fan_out_is_claimed_at_its_pace_and_a_customer_s_change_never_waits_for_it(db: Database) -> None:
    await seed(db, 30)
    await publish(db)
    take = {"route": ROUTE, "owner": "w", "room": 20, "lease": timedelta(minutes=1), "probe_after": timedelta(1)}
    assert await claims.claim(db, **take, pages=0) is None
    await change_card(db, 7)
    urgent = await claims.claim(db, **take, pages=0)
    assert urgent is not None
    assert [target.device_id for target in urgent.targets] == [7]
    assert [intent.kind for intent in urgent.intents] == ["card"]
    some = await claims.claim(db, **take, pages=5)
    assert some is not None
    assert len(some.targets) == 5
    assert some.intents[0].page_end == 5


async def test_a_busy_web_process_slows_a_fan_out_down(db: Database) -> None:
    await seed(db, 2)
    busy = Process("web-a-1", "web", "1.0", fetch_ms=4000)
    channel = ScriptedChannel()
    async with working(db, channel) as worker:

        async def is_slower() -> bool:
            await processes.say(db, busy)
            await publish(db)
            return worker.pace.rate < FIRST

        await until(is_slower)
