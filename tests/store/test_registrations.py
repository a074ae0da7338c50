"""Phones come, come again, change their token, go, and are told apart from strangers."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import timedelta

from store import cards, registrations, sweeps
from store.cards import Change
from store.devicelogs import LINES_A_CARD
from store.registering import DEVICES_A_CARD


async def jobs(db) -> list[tuple]:
    rows = await db.fetch("SELECT kind, device_id, card_id, due_at - created_at FROM jobs ORDER BY id")
    return [tuple(row) for row in rows]


async def test_the_first_registration_is_new_and_the_second_known(card, phone) -> None:
    alice = phone()
    assert await alice.register(card.serial_number) is True
    assert await alice.register(card.serial_number) is False


async def test_a_new_registration_queues_one_push_three_seconds_later(db, card, phone) -> None:
    alice = phone()
    await alice.register(card.serial_number)
    (kind, device_id, card_id, wait) = (await jobs(db))[0]
    assert (kind, card_id) == ("device", None)
    assert device_id is not None
    assert abs(wait - 3_000_000) < 100_000
    await alice.register(card.serial_number)
    assert len(await jobs(db)) == 1


async def test_ten_registrations_of_one_phone_at_once_are_one(db, card, phone) -> None:
    alice = phone()
    answers = await asyncio.gather(*(alice.register(card.serial_number) for _ in range(10)))
    assert sorted(answers) == [False] * 9 + [True]
    assert await count(db, "registrations") == await count(db, "devices") == 1


async def test_ten_cards_registered_by_one_phone_at_once_are_one_device(db, issue, phone) -> None:
    alice = phone()
    issued = [await issue() for _ in range(10)]
    assert all(await asyncio.gather(*(alice.register(card.serial_number) for card in issued)))
    assert (await count(db, "registrations"), await count(db, "devices")) == (10, 1)


async def test_an_unknown_card_an_old_token_and_another_pass_type_get_the_same_answer(db, card, phone) -> None:
    alice = phone()
    assert await alice.register("nope") is None
    assert await alice.register(card.serial_number, generation=1) is None
    alice.pass_type = "pass.other"
    assert await alice.register(card.serial_number) is None
    assert await alice.unregister(card.serial_number) is False
    assert await count(db, "devices") == 0


async def test_a_new_push_token_replaces_the_old_one_for_all_cards_and_wakes_a_parked_phone(db, issue, phone) -> None:
    alice = phone()
    one, two = await issue(), await issue()
    for card in (one, two):
        await alice.register(card.serial_number)
    async with db.transaction() as conn:
        await conn.exec_driver_sql("UPDATE devices SET state = 'parked', state_reason = 'DeviceTokenNotForTopic'")
        await conn.exec_driver_sql("DELETE FROM jobs")
    assert await alice.register(one.serial_number, push_token="ab" * 32) is False
    rows = await db.fetch("SELECT state, state_reason, push_token_encrypted FROM devices")
    assert [(row[0], row[1]) for row in rows] == [("active", None)]
    assert db.keyring.decrypt("push-token", rows[0][2]) == b"ab" * 32
    assert [job[0] for job in await jobs(db)] == ["device"]


async def test_the_platform_is_recorded(db, card, phone, now) -> None:
    relay = {"pass_type": phone().pass_type, "serial": card.serial_number, "generation": 0, "now": now}
    await registrations.register(
        db, **relay, device_library_identifier="d", push_token="relay:token/with-signs", platform="AndroidPass"
    )
    assert [row[0] for row in await db.fetch("SELECT platform FROM devices")] == ["AndroidPass"]


async def test_unregistering_is_idempotent_and_the_last_card_takes_the_device_along(db, issue, phone) -> None:
    alice = phone()
    one, two = await issue(), await issue()
    for card in (one, two):
        await alice.register(card.serial_number)
    assert await alice.unregister(one.serial_number)
    assert await alice.unregister(one.serial_number)
    assert await count(db, "devices") == 1
    assert await alice.unregister(two.serial_number)
    assert await count(db, "devices") == 0
    assert await alice.list() == ()


async def test_a_card_going_and_another_coming_at_once_lose_neither(db, issue, phone) -> None:
    alice = phone()
    one, two = await issue(), await issue()
    for _ in range(5):
        await alice.register(one.serial_number)
        await asyncio.gather(alice.unregister(one.serial_number), alice.register(two.serial_number))
        assert [row[0] for row in await db.fetch("SELECT card_id FROM registrations")] == [two.card_id]
        await alice.unregister(two.serial_number)


async def test_past_twenty_phones_the_one_seen_longest_ago_goes(db, card, phone, now) -> None:
    phones = [phone(f"phone {number}") for number in range(DEVICES_A_CARD + 3)]
    for minute, one in enumerate(phones):
        one.now = now + timedelta(minutes=minute)
        await one.register(card.serial_number)
        if minute == DEVICES_A_CARD - 1:  # the first was seen again just before the room is gone
            phones[0].now = one.now
            await phones[0].register(card.serial_number)
    listed = [bool(await one.list()) for one in phones]
    assert sum(listed) == DEVICES_A_CARD
    assert [number for number, is_listed in enumerate(listed) if not is_listed] == [1, 2, 3]


async def test_a_thousand_strangers_on_one_card_still_leave_room_for_its_owner(db, card, phone, now) -> None:
    for number in range(60):
        stranger = phone(f"stranger {number}")
        stranger.now = now + timedelta(seconds=number)
        await stranger.register(card.serial_number)
    owner = phone("owner")
    owner.now = now + timedelta(hours=1)
    assert await owner.register(card.serial_number) is True
    assert await owner.list() == (card.serial_number,)
    assert await count(db, "registrations") == DEVICES_A_CARD


async def test_a_phone_whose_secret_has_been_rotated_is_still_known(db, card, phone) -> None:
    from store import dialect
    from store.keyring import Keyring
    from tests.databases import SECRET

    alice = phone()
    await alice.add(card.serial_number)
    url = str(db.engine.url.render_as_string(hide_password=False)).replace("+aiosqlite", "").replace("+asyncpg", "")
    rotated = await dialect.open(url, Keyring.parse(f"k2:{'z' * 40},{SECRET}"))
    rotated.public_url = db.public_url
    alice.db = rotated
    assert await alice.list() == (card.serial_number,)
    assert await alice.register(card.serial_number) is False
    assert await count(db, "devices") == 1
    assert (await rotated.fetch("SELECT device_hash FROM devices"))[0][0] == rotated.keyring.digest(
        "device", alice.device
    )
    assert await alice.download(card.serial_number) == "ok"
    await rotated.close()


async def test_a_phone_that_does_not_come_is_rung_again_three_times_and_no_more(db, card, phone) -> None:
    alice, bob = phone("A"), phone("B")
    for one in (alice, bob):
        await one.register(card.serial_number)
    await bob.list()
    await db.served.flush()
    async with db.transaction() as conn:
        await conn.exec_driver_sql("DELETE FROM jobs")
        await conn.exec_driver_sql("UPDATE devices SET pushed_at = created_at, listed_at = listed_at + 6000000")
    later = alice.now + timedelta(hours=2)
    rung = []
    for _ in range(4):
        rung.append(await sweeps.ring_again(db, later))
        async with db.transaction() as conn:
            await conn.exec_driver_sql("DELETE FROM jobs")
    assert rung == [1, 1, 1, 0]


async def test_a_push_that_still_waits_is_no_try(db, card, phone) -> None:
    alice = phone()
    await alice.register(card.serial_number)
    async with db.transaction() as conn:
        await conn.exec_driver_sql("UPDATE devices SET pushed_at = created_at")
    assert [job[0] for job in await jobs(db)] == ["device"]
    assert await sweeps.ring_again(db, alice.now + timedelta(hours=2)) == 0


async def test_a_phone_is_not_rung_again_within_the_hour(db, card, phone) -> None:
    alice = phone()
    await alice.register(card.serial_number)
    async with db.transaction() as conn:
        await conn.exec_driver_sql("UPDATE devices SET pushed_at = created_at")
    assert await sweeps.ring_again(db, alice.now + timedelta(minutes=59)) == 0


async def test_a_change_rings_the_holders_and_a_card_on_no_phone_rings_nobody(db, published, card, phone, now) -> None:
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 1}), now)
    assert await jobs(db) == []
    await phone().register(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 2}), now)
    assert [job[0] for job in await jobs(db)] == ["device", "card"]


async def test_who_waits_for_intents_is_woken_after_the_commit_that_wrote_one(db, published, card, phone, now) -> None:
    woken = []
    db.on_jobs.append(lambda: woken.append(1))
    await cards.change(db, published.id, card.serial_number, Change(data={"memo": "unseen"}), now)
    assert woken == []
    await phone().register(card.serial_number)
    assert woken == [1]


async def test_logs_are_kept_without_identifiers_and_told_on_the_card(db, published, card, now) -> None:
    device = hashlib.sha256(b"d").hexdigest()[:32]
    token = db.keyring.authentication_token("pass.com.example.coffee", card.serial_number, 0)
    line = (
        f"[2026-11-22 15:00:00 +0300] Get pass task (for device {device}, pass type pass.com.example.coffee, "
        f"serial number {card.serial_number}; with web service url https://x/i/{card.install_token}) "
        f"encountered error: bad token {token}"
    )
    await registrations.log(db, [line, "other"], now)
    kept = [message for _, message in await registrations.recent(db)]
    assert kept[0] == "other"
    for secret in (device, token, card.install_token):
        assert secret not in kept[1]
    told = await cards.timeline(db, published.id, card.serial_number)
    assert "encountered error" in told.entries[-1].detail["message"]


async def test_a_flood_of_logs_fills_neither_the_table_nor_a_timeline(db, published, card, now) -> None:
    for _ in range(6):
        await registrations.log(db, [f"error on {card.serial_number}"] * 20, now, kept=50)
    assert await count(db, "device_logs") == 50
    told = await cards.timeline(db, published.id, card.serial_number)
    assert sum(entry.kind == "log" for entry in told.entries) == LINES_A_CARD


async def count(db, table: str) -> int:
    return (await db.fetch(f"SELECT count(*) FROM {table}"))[0][0]
