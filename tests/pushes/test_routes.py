"""Phones of several wallets: each gets its pushes its own way, and what is broken on one way holds up no other."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from passkit import change
from pushes.channel import Channel, Outcome, Push, Verdict
from pushes.worker import ChannelClosed
from store import claims, jobs, leases, parking, settling, sweeps, tables, timeline
from store.dialect import Database
from store.fates import Fate, Settled
from store.platforms import APPLE, FCM, OTHERS, PASSWALLET, WALLETPASSES, Route, route_of
from tests.pushes.fleet import (
    DELIVERED,
    LONG_AGO,
    PASS_TYPE,
    ScriptedChannel,
    add_holders,
    change_card,
    make_due,
    pending,
    publish,
    seed,
    token,
)
from tests.pushes.test_worker import QUICK, device, settled, until, working

MINUTE = timedelta(minutes=1)


class Ways(dict[str, ScriptedChannel]):
    """A channel for each platform, each answering as it is told."""

    def __init__(self) -> None:
        super().__init__({platform: ScriptedChannel() for platform in (APPLE, *OTHERS)})

    def __call__(self, route: Route) -> Channel:
        assert route.pass_type_identifier == PASS_TYPE
        return self[route.platform]

    def tokens(self) -> dict[str, list[str]]:
        return {platform: sorted(push.token for push in channel.sent) for platform, channel in self.items()}


async def mixed(db: Database, phones: int = 3) -> None:
    """``phones`` of each platform: Apple's are the first, then those of the others in their order."""
    await seed(db, phones)
    for platform in OTHERS:
        await add_holders(db, 1, phones, platform=platform)


async def hold_also(db: Database, card_id: int, device_id: int) -> None:
    async with db.transaction() as conn:
        row = {"brand_id": 1, "card_id": card_id, "device_id": device_id, "created_at": LONG_AGO, "seen_at": LONG_AGO}
        await conn.execute(tables.registrations.insert().values(row))


async def claimed(db: Database, route: Route, **changed: object) -> claims.Claim | None:
    given = {"owner": "w", "room": 10, "lease": MINUTE, "probe_after": MINUTE} | changed
    return await claims.claim(db, route=route, **given)  # type: ignore[arg-type]


def of(*numbers: int) -> list[str]:
    return sorted(token(number) for number in numbers)


async def test_a_publish_reaches_each_wallet_by_its_own_way_and_no_token_goes_astray(db: Database) -> None:
    await mixed(db)
    ways = Ways()
    async with working(db, ways):
        await publish(db)
        await settled(db)
    assert ways.tokens() == {
        APPLE: of(1, 2, 3),
        FCM: of(4, 5, 6),
        WALLETPASSES: of(7, 8, 9),
        PASSWALLET: of(10, 11, 12),
    }


async def test_a_changed_card_rings_every_wallet_that_holds_it(db: Database) -> None:
    await mixed(db, 2)
    await hold_also(db, 1, 3)
    await hold_also(db, 1, 4)
    await hold_also(db, 1, 8)
    ways = Ways()
    async with working(db, ways):
        await change_card(db, 1)
        await settled(db)
    assert ways.tokens() == {APPLE: of(1), FCM: of(3, 4), WALLETPASSES: [], PASSWALLET: of(8)}


@pytest.mark.parametrize("platform", ["Pass2U", "Passworks"])
async def test_a_wallet_that_takes_no_pushes_from_us_wants_none(db: Database, platform: str) -> None:
    await seed(db, 2, platform=platform)
    await publish(db)
    await change_card(db, 1)
    async with db.transaction() as conn:
        await jobs.want_device(conn, brand_id=1, pass_type_identifier=PASS_TYPE, device_id=2, platform=platform)
    assert [route for route in await claims.waiting_routes(db) if route.platform != APPLE] == []
    ways = Ways()
    async with working(db, ways):
        await settled(db)
    assert [push for channel in ways.values() for push in channel.sent] == []


async def test_a_relay_that_refuses_us_holds_its_own_pushes_alone(db: Database) -> None:
    await mixed(db, 30)
    ways = Ways()
    ways[WALLETPASSES].answer = lambda push: Verdict(Outcome.OURS, "HTTP 404")
    async with working(db, ways):
        await publish(db)
        await until(lambda: leases.held(db))
        await until(lambda: len(ways[FCM].sent) == 30 and len(ways[APPLE].sent) == 30)
        ways[WALLETPASSES].answer = lambda push: DELIVERED
        held = await leases.held(db)
        assert [hold.route for hold in held] == [Route(PASS_TYPE, WALLETPASSES)]
        while await pending(db):
            await make_due(db)
            await asyncio.sleep(0.05)
    assert set(ways.tokens()[WALLETPASSES]) == set(of(*range(61, 91)))
    assert await leases.held(db) == []


async def test_apples_missing_certificate_does_not_hold_the_others(db: Database) -> None:
    await mixed(db, 2)
    ways = Ways()

    def channels(route: Route) -> Channel:
        if route.platform == APPLE:
            raise ChannelClosed("The certificate has expired.")
        return ways(route)

    async with working(db, channels):
        await publish(db)
        await until(lambda: all(len(ways[platform].sent) == 2 for platform in OTHERS))
        await until(lambda: leases.held(db))
        assert [hold.route for hold in await leases.held(db)] == [Route(PASS_TYPE)]
    assert await pending(db) == 1


async def test_a_silent_relay_stalls_nobody(db: Database) -> None:
    await mixed(db, 60)
    ways = Ways()
    ways[PASSWALLET].silent = lambda push: True
    async with working(db, ways):
        await publish(db)
        await until(lambda: len(ways[PASSWALLET].sent) == QUICK.window)
        await until(lambda: len(ways[APPLE].sent) == 60)
        assert len(ways[PASSWALLET].sent) == QUICK.window
        ways[PASSWALLET].speak.set()
        await settled(db)
    assert Counter(ways.tokens()[PASSWALLET]) == Counter(of(*range(181, 241)))


@pytest.mark.parametrize("platform", OTHERS)
async def test_a_failed_push_waits_and_comes_again_on_every_way(db: Database, platform: str) -> None:
    await seed(db, 1, platform=platform)
    answers = iter([Verdict(Outcome.RETRY, "HTTP 503"), DELIVERED])
    channel = ScriptedChannel(answer=lambda push: next(answers))
    async with working(db, channel):
        await change_card(db, 1)
        await until(lambda: _retries(db))
        await make_due(db)
        await settled(db)
    assert len(channel.sent) == 2


async def _retries(db: Database) -> bool:
    async with db.reading() as conn:
        rows = (await conn.execute(select(tables.other_jobs.c.attempts))).scalars().all()
    return list(rows) == [1]


@pytest.mark.parametrize("platform", OTHERS)
async def test_what_a_dead_worker_held_is_claimed_again_on_every_way(db: Database, platform: str) -> None:
    await seed(db, 25, platform=platform)
    await publish(db)
    route = Route(PASS_TYPE, platform)
    dead = await claimed(db, route, owner="dead", lease=timedelta(seconds=-1))
    again = await claimed(db, route, owner="alive")
    assert dead is not None
    assert again is not None
    assert again.targets == dead.targets
    assert await claimed(db, route, owner="third") is None
    fates = [Settled(target, Fate.ACCEPTED) for target in again.targets]
    await settling.settle(db, owner="dead", route=route, intents=dead.intents, settled=[])
    await settling.settle(db, owner="alive", route=route, intents=again.intents, settled=fates)
    page = await claimed(db, route, owner="alive")
    assert page is not None
    assert [target.device_id for target in page.targets] == list(range(11, 21))


async def test_a_route_belongs_to_one_worker_at_a_time_and_apples_keeps_its_old_name(db: Database) -> None:
    for route in (Route(PASS_TYPE), Route(PASS_TYPE, FCM)):
        assert await leases.take(db, name=route.lease, owner="a", duration=MINUTE)
        assert not await leases.take(db, name=route.lease, owner="b", duration=MINUTE)
    assert Route(PASS_TYPE).lease == f"apns:{PASS_TYPE}"


@pytest.mark.parametrize("platform", [APPLE, *OTHERS])
def test_a_holds_name_says_whose_it_is(platform: str) -> None:
    route = Route(PASS_TYPE, platform)
    assert route_of(route.hold) == route


def test_apples_hold_is_the_bare_pass_type_and_an_issuers_names_google() -> None:
    assert Route(PASS_TYPE).hold == PASS_TYPE
    assert route_of("google:3388000000000000001").channel == "google"


async def test_a_phone_that_moves_to_another_wallet_is_rung_there_alone(db: Database) -> None:
    await seed(db, 1)
    await change_card(db, 1)
    async with db.transaction() as conn:
        await conn.execute(update(tables.devices).values(platform=FCM))
        await jobs.want_device(conn, brand_id=1, pass_type_identifier=PASS_TYPE, device_id=1, platform=FCM)
    ways = Ways()
    async with working(db, ways):
        await settled(db)
    assert ways.tokens() == {APPLE: [], FCM: of(1), WALLETPASSES: [], PASSWALLET: []}


async def test_a_phone_that_has_not_listed_is_rung_again_its_own_way(db: Database) -> None:
    await mixed(db, 1)
    async with db.transaction() as conn:
        await conn.execute(update(tables.devices).values(pushed_at=LONG_AGO))
    assert await sweeps.ring_again(db) == 4
    assert await sweeps.ring_again(db) == 0
    ways = Ways()
    async with working(db, ways):
        await settled(db)
    assert ways.tokens() == {APPLE: of(1), FCM: of(2), WALLETPASSES: of(3), PASSWALLET: of(4)}


async def test_what_is_held_is_kept_for_as_long_as_it_takes_and_no_longer_otherwise(db: Database) -> None:
    await mixed(db, 1)
    await publish(db)
    async with db.transaction() as conn:
        for queue in (tables.jobs, tables.other_jobs):
            await conn.execute(update(queue).values(wanted_at=LONG_AGO - timedelta(days=300)))
    held = Route(PASS_TYPE, PASSWALLET)
    await leases.hold(db, pass_type_identifier=held.hold, reason="HTTP 403", probe_after=timedelta(0))
    await sweeps.daily(db, LONG_AGO)
    assert await claims.waiting_routes(db) == [held]


async def test_parked_phones_are_released_their_own_way(db: Database) -> None:
    await mixed(db, 1)
    async with db.transaction() as conn:
        await conn.execute(update(tables.devices).values(state="parked", state_reason="Odd"))
    assert await parking.release(db, pass_type_identifier=PASS_TYPE, reason="Odd") == 4
    assert set(await claims.waiting_routes(db)) == {Route(PASS_TYPE, platform) for platform in (APPLE, *OTHERS)}


# What a push names.


async def with_revision(db: Database) -> None:
    """The template published, so that its cards have an edition."""
    revision = {"id": 1, "brand_id": 1, "template_id": 1, "number": 1, "files": {}, "stamp": "a" * 16}
    async with db.transaction() as conn:
        await conn.execute(tables.revisions.insert().values(revision | {"created_at": LONG_AGO}))
        await conn.execute(update(tables.templates).values(published_revision_id=1))


EDITION = change.edition("a" * 16, "0" * 16, (), "0" * 16)


async def pushed(db: Database) -> list[Push]:
    channel = ScriptedChannel()
    async with working(db, channel):
        await settled(db)
    return channel.sent


async def test_a_push_to_the_companys_own_app_names_the_card_and_its_edition(db: Database) -> None:
    await seed(db, 2, platform=FCM)
    await with_revision(db)
    await hold_also(db, 2, 1)
    await change_card(db, 2)
    cards = {push.device_id: push.card for push in await pushed(db)}
    assert {device_id: (card.serial_number, card.edition) for device_id, card in cards.items() if card} == {
        1: ("card2", EDITION),
        2: ("card2", EDITION),
    }


async def test_of_several_cards_that_may_have_changed_none_is_named(db: Database) -> None:
    await seed(db, 2, platform=FCM)
    await with_revision(db)
    await hold_also(db, 2, 1)
    await publish(db)
    named = {push.device_id: push.card for push in await pushed(db)}
    assert named[1] is None
    assert named[2] is not None


async def test_a_push_to_apple_names_nothing(db: Database) -> None:
    await seed(db, 1)
    await with_revision(db)
    await change_card(db, 1)
    assert [push.card for push in await pushed(db)] == [None]


# What becomes of dead tokens.


async def test_a_dead_token_without_a_date_leaves_when_the_key_was_good_within_a_day(db: Database) -> None:
    await seed(db, 3, platform=FCM)
    gone = Verdict(Outcome.GONE, "UNREGISTERED")
    channel = ScriptedChannel(answer=lambda push: gone if push.device_id == 3 else DELIVERED)
    async with working(db, channel):
        await change_card(db, 1)
        await until(lambda: _accepted(db))
        await change_card(db, 3)
        await settled(db)
    assert await device(db, 3) is None


async def _accepted(db: Database) -> bool:
    async with db.reading() as conn:
        found = select(tables.devices.c.id).where(tables.devices.c.accepted_at.is_not(None))
        return (await conn.execute(found)).first() is not None


async def test_apples_good_answers_vouch_for_no_other_key(db: Database) -> None:
    await seed(db, 1)
    await add_holders(db, 1, 1, platform=FCM)
    ways = Ways()
    ways[FCM].answer = lambda push: Verdict(Outcome.GONE, "UNREGISTERED")
    async with working(db, ways):
        await change_card(db, 1)
        await settled(db)
        await change_card(db, 2)
        await settled(db)
    row = await device(db, 2)
    assert (row.state, row.state_reason) == ("parked", "UNREGISTERED")  # type: ignore[attr-defined]


async def test_the_fleet_is_counted_by_route(db: Database) -> None:
    await seed(db, 5)
    await add_holders(db, 1, 3, platform=FCM)
    await add_holders(db, 1, 1, platform="Pass2U")
    counted = {platform: await settling.fleet(db, route=Route(PASS_TYPE, platform)) for platform in (APPLE, FCM)}
    assert {platform: fleet.devices for platform, fleet in counted.items()} == {APPLE: 5, FCM: 3}


async def test_everyone_of_another_project_is_held_before_many_are_parked(db: Database) -> None:
    await seed(db, 60, platform=FCM)
    channel = ScriptedChannel(answer=lambda push: Verdict(Outcome.PARK, "SENDER_ID_MISMATCH", is_suspect=True))
    async with working(db, channel, replace(QUICK, window=20)):
        await publish(db)
        await until(lambda: leases.held(db))
        await asyncio.sleep(0.2)
        sent = len(channel.sent)
    assert 20 <= sent < 40


async def test_the_timeline_names_the_channel(db: Database) -> None:
    await mixed(db, 1)
    async with working(db, ScriptedChannel()):
        await publish(db)
        await settled(db)
    told = {}
    for number in range(1, 5):
        entries = (await timeline.read(db, 1, f"card{number}")).entries
        told[number] = [entry.detail["channel"] for entry in entries if entry.kind == "pushed"]
    assert told == {1: ["apns"], 2: ["fcm"], 3: ["walletpasses"], 4: ["passwallet"]}
