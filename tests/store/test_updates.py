"""Why no phone is ever stale: the update tag, the list rule and Last-Modified (design, section 7)."""

from __future__ import annotations

import json
from datetime import timedelta

from passkit.model import Notify
from store import brands, cards, registrations, templates
from store.cards import Change


def shown(phone, serial: str, field: str) -> str:
    """What a field says on a phone."""
    document = json.loads(phone.held[serial].content["pass.json"])
    fields = [one for zone in document["storeCard"].values() if isinstance(zone, list) for one in zone]
    return next(one["value"] for one in fields if one["key"] == field)


def rings(phone, serial: str) -> list[str]:
    """The fields of a phone's pass that carry a changeMessage."""
    document = json.loads(phone.held[serial].content["pass.json"])
    fields = [one for zone in document["storeCard"].values() if isinstance(zone, list) for one in zone]
    return [one["key"] for one in fields if "changeMessage" in one]


async def test_an_unknown_device_is_told_nothing(db, published, phone) -> None:
    assert await registrations.changed(db, phone().pass_type, "nobody", None) is None


async def test_a_card_just_installed_is_listed_once_and_then_no_more(card, phone) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    assert await alice.list() == (card.serial_number,)
    assert await alice.list() == ()


async def test_a_change_is_listed_until_it_is_fetched(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    assert await alice.update(cut=True) == (card.serial_number,)
    assert await alice.update() == (card.serial_number,)
    assert shown(alice, card.serial_number, "points") == 120
    assert await alice.update() == ()


async def test_a_fetch_that_broke_on_one_of_two_phones_is_not_forgotten(db, published, card, phone, now) -> None:
    alice, bob = phone("A"), phone("B")
    for one in (alice, bob):
        await one.add(card.serial_number)
        await one.update()
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await bob.update(cut=True)
    await alice.update()
    assert await bob.list() == (card.serial_number,)


async def test_a_phone_that_leaves_takes_its_download_along(db, published, card, phone, now) -> None:
    """Else the other's broken fetch would be taken for served: one download, one phone left."""
    alice, bob = phone("A"), phone("B")
    for one in (alice, bob):
        await one.add(card.serial_number)
        await one.update()
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await bob.update(cut=True)
    await alice.update()
    await alice.unregister(card.serial_number)
    assert await bob.update() == (card.serial_number,)
    assert shown(bob, card.serial_number, "points") == 120


async def test_a_phone_whose_token_is_dead_takes_its_download_along_too(db, published, card, phone, now) -> None:
    alice, bob = phone("A"), phone("B")
    for one in (alice, bob):
        await one.add(card.serial_number)
        await one.update()
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await bob.update(cut=True)
    await alice.update()
    await db.served.flush()
    hers = db.keyring.digest("device", alice.device)
    device_id = (await db.fetch("SELECT id FROM devices WHERE device_hash = ?1", hers))[0][0]
    async with db.transaction() as conn:
        await registrations.drop_devices(conn, [device_id])
    assert await bob.update() == (card.serial_number,)
    assert shown(bob, card.serial_number, "points") == 120


async def test_a_tag_that_is_not_ours_lists_everything(card, phone) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    for tag in ("", "1.", "2026-11-22T12:00:00+00:00", "1." + "A" * 3000, "ü", "1w.x"):
        assert await alice.list(tag=tag) == (card.serial_number,), tag


async def test_the_tag_stays_short_for_a_phone_with_very_many_cards(db, published, issue, phone, now) -> None:
    alice = phone()
    issued = [await issue(data={"points": number}) for number in range(260)]
    for card in issued:
        await alice.register(card.serial_number)
    listing = await registrations.changed(db, alice.pass_type, alice.device, None)
    assert listing is not None
    assert len(listing.serial_numbers) == 260
    assert len(listing.last_updated) <= 2048
    for card in issued:
        await alice.download(card.serial_number)
    alice.tag = listing.last_updated
    assert await alice.list() == ()
    await cards.change(db, published.id, issued[7].serial_number, Change(data={"points": 1}), now)
    assert issued[7].serial_number in await alice.list()


async def test_a_change_between_download_and_registration_reaches_the_phone(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.download(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await alice.register(card.serial_number)
    await alice.update()
    assert shown(alice, card.serial_number, "points") == 120


async def test_a_card_added_again_from_an_old_mail_is_brought_up_to_date(db, published, card, phone, now) -> None:
    """The new registration has an id never used before, so the phone's old tag says nothing of it."""
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    old = alice.held[card.serial_number]
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await alice.update()
    await alice.unregister(card.serial_number)
    alice.held[card.serial_number] = old
    await alice.register(card.serial_number)
    await alice.update()
    assert shown(alice, card.serial_number, "points") == 120


async def test_last_modified_is_strictly_later_with_each_edition_whatever_the_clock_says(
    db, published, card, phone, now
) -> None:
    alice = phone()
    dates = []
    for step, moment in enumerate((now, now, now - timedelta(days=400), now + timedelta(seconds=10))):
        await cards.change(db, published.id, card.serial_number, Change(data={"points": step}), moment)
        alice.now = moment
        await alice.download(card.serial_number)
        dates.append(alice.held[card.serial_number].last_modified)
    assert dates == sorted(set(dates))


async def test_a_publish_stamps_last_modified_when_the_card_is_first_fetched(
    db, published, card, phone, small, now
) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    before = alice.held[card.serial_number].last_modified
    await publish(db, published, small, "label: Points", "label: Bonus", now)
    assert await alice.update() == (card.serial_number,)
    after = alice.held[card.serial_number].last_modified
    assert after > before
    again = await cards.serve(db, alice.pass_type, card.serial_number, 0, now + timedelta(days=1))
    assert again is not None
    assert again.last_modified == after


async def test_a_change_of_the_brands_name_reaches_every_card(db, published, card, phone) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    await brands.change(db, "shop", name="Tea shop")
    await alice.update()
    document = json.loads(alice.held[card.serial_number].content["pass.json"])
    assert document["organizationName"] == "Tea shop"


async def test_a_change_that_nobody_sees_moves_the_version_and_nothing_else(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await alice.update()
    changed = await cards.change(db, published.id, card.serial_number, Change(data={"memo": "x"}), now)
    assert (changed.card.version, changed.is_visible, changed.visible) == (2, False, ())
    assert await alice.list() == ()
    assert await waiting(db) == {"device": 1}


async def test_a_change_that_changes_nothing_does_not_even_move_the_version(db, published, card, now) -> None:
    changed = await cards.change(db, published.id, card.serial_number, Change(data={"points": 100}), now)
    assert (changed.card.version, changed.is_visible) == (1, False)


async def test_a_silent_change_is_pushed_and_rings_nothing(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    patch = Change(data={"points": 120}, notify=Notify.SILENT)
    changed = await cards.change(db, published.id, card.serial_number, patch, now)
    assert changed.is_visible
    assert [row.lock_screen for row in changed.visible] == [None]
    assert (await waiting(db))["card"] == 1
    await alice.update()
    assert rings(alice, card.serial_number) == []


async def test_only_the_most_important_field_rings(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    changed = await cards.change(
        db, published.id, card.serial_number, Change(data={"balance": 500, "points": 120}), now
    )
    assert {row.field: row.lock_screen for row in changed.visible} == {
        "points": "You have 120 points",
        "balance": None,
    }
    await alice.update()
    assert rings(alice, card.serial_number) == ["points"]


async def test_a_field_that_has_rung_does_not_keep_the_next_one_quiet(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await alice.update()
    await cards.change(db, published.id, card.serial_number, Change(data={"balance": 500}), now)
    await alice.update()
    assert rings(alice, card.serial_number) == ["balance"]


async def test_a_field_that_nobody_heard_yet_rings_before_a_less_important_one(db, published, card, phone, now) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await cards.change(db, published.id, card.serial_number, Change(data={"balance": 500}), now)
    await alice.update()
    assert rings(alice, card.serial_number) == ["points"]


async def publish(db, brand, files, old: str, new: str, now, **how) -> None:
    """Publish the template with one text replaced."""
    text = files["template.yaml"].decode()
    assert old in text
    files = {**files, "template.yaml": text.replace(old, new).encode()}
    await templates.import_files(db, brand.id, files, now)
    await templates.publish(db, brand.id, "small", now=now, **how)


async def test_a_publish_rings_nothing_even_where_it_rewords_the_field_that_rang_last(
    db, published, card, phone, small, now
) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await alice.update()
    await publish(db, published, small, 'value: "{{ points }}"', 'value: "{{ points }} pts"', now)
    await alice.update()
    assert shown(alice, card.serial_number, "points") == "120 pts"
    assert rings(alice, card.serial_number) == []


async def test_a_publish_keeps_the_ring_for_the_phone_that_has_not_fetched_it(
    db, published, card, phone, small, now
) -> None:
    """On the phone that has, the field says the same, and iOS shows no text for it."""
    alice, bob = phone("A"), phone("B")
    for one in (alice, bob):
        await one.add(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await alice.update()
    await publish(db, published, small, "label: Deposit, value", "label: Purse, value", now)
    await bob.update()
    assert rings(bob, card.serial_number) == ["points"]


async def test_a_change_that_nobody_fetched_before_a_publish_still_rings_after_it(
    db, published, card, phone, small, now
) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await publish(db, published, small, 'value: "{{ points }}"', 'value: "{{ points }} pts"', now)
    await alice.update()
    assert rings(alice, card.serial_number) == ["points"]


async def test_a_change_after_a_publish_rings_though_an_older_ring_was_more_important(
    db, published, card, phone, small, now
) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await alice.update()
    await publish(db, published, small, "label: Holder, value", "label: Name, value", now)
    await cards.change(db, published.id, card.serial_number, Change(data={"balance": 500}), now)
    await alice.update()
    assert rings(alice, card.serial_number) == ["balance"]


async def test_a_publish_that_is_asked_to_ring_rings_through_what_it_rewords(
    db, published, card, phone, small, now
) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await publish(db, published, small, 'value: "{{ points }}"', 'value: "{{ points }} pts"', now, ring=True)
    await alice.update()
    assert rings(alice, card.serial_number) == ["points"]


async def test_publishing_queues_one_silent_fan_out_and_only_if_cards_exist(db, published, issue, small, now) -> None:
    assert await waiting(db) == {}
    await issue()
    await publish(db, published, small, "name: Small card", "name: Other card", now)
    assert await waiting(db) == {"fanout": 1}


async def waiting(db) -> dict[str, int]:
    """Push intents by kind."""
    rows = await db.fetch("SELECT kind, count(*) FROM jobs GROUP BY kind ORDER BY kind")
    return {row[0]: row[1] for row in rows}


async def test_two_phones_of_one_edition_get_the_same_bytes(db, published, card, phone, small, now) -> None:
    alice, bob = phone("A"), phone("B")
    await cards.change(db, published.id, card.serial_number, Change(data={"points": 120}), now)
    await publish(db, published, small, "label: Holder, value", "label: Name, value", now)
    await alice.add(card.serial_number)
    await bob.add(card.serial_number)
    assert alice.held[card.serial_number].content == bob.held[card.serial_number].content


async def test_the_counts_of_downloads_reach_the_database(db, card, phone) -> None:
    alice = phone()
    await alice.add(card.serial_number)
    await db.served.flush()
    rows = await db.fetch(
        "SELECT served_count, served_edition = modified_edition FROM cards WHERE id = ?1", card.card_id
    )
    assert tuple(rows[0]) == (1, True)
