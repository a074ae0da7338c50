"""Google's rows: what is due, who gets it, what becomes of it, and what the holder is told."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import pytest_asyncio

from passkit.model import CardState, Notify
from store import brands, cards, google, leases, tables, templates
from store.cards import Change, NewCard
from store.errors import Conflict, Invalid
from store.google import ClassMessage, Outcome
from tests.store.conftest import SMALL
from tests.store.google import DAY, ISSUER, Worker, classes, objects, pass_time, write

NEW_LABEL = ("label: Points, value", "label: Bonus, value")
"""Objects show it, their class does not."""
GENERIC = SMALL.replace("style: storeCard", "style: generic").replace("key: small", "key: plain")


@pytest.fixture
def worker(db) -> Worker:
    return Worker(db)


@pytest_asyncio.fixture
async def on_google(db, published):
    """The brand, live on Google."""
    await google.configure(db, "shop", issuer_id=ISSUER, mode="live")
    return published


@pytest_asyncio.fixture
async def opened(db, on_google, card, worker, now):
    """A card with 100 points whose class and object Google has."""
    await google.open_object(db, card.card_id, now)
    await worker.run()
    return card


async def change(db, card, now, **given):
    data = {name: given.pop(name) for name in tuple(given) if name in ("points", "name", "balance", "memo")}
    return await cards.change(db, card.brand_id, card.serial_number, Change(data=data, **given), now)


async def kinds(db, card) -> list[str]:
    told = await cards.timeline(db, card.brand_id, card.serial_number)
    return [entry.kind for entry in told.entries if entry.kind.startswith("google")]


async def diagnosed(db, card, now=None) -> str:
    return (await cards.timeline(db, card.brand_id, card.serial_number, now)).diagnosis.code


# --- what is due


async def test_a_brand_that_is_off_google_has_no_rows_and_no_work(db, card, worker, now) -> None:
    await google.open_object(db, card.card_id, now)
    assert await objects(db) == await classes(db) == []
    assert await google.waiting_issuers(db) == []
    assert await google.status(db, card.card_id) is None


async def test_switching_google_on_brings_a_class_for_each_published_template(db, on_google, worker) -> None:
    assert await google.waiting_issuers(db) == [ISSUER]
    work = await worker.only()
    assert (work.kind, work.type, work.known) == ("class", "loyalty", False)
    assert work.id.startswith(f"{ISSUER}.small-")
    assert work.body["id"] == work.id
    assert work.body["callbackOptions"] == {"url": "https://cards.example.com/google/callback/shop"}


async def test_publishing_makes_the_class_of_a_new_template(db, on_google, worker, small, now) -> None:
    await worker.run()
    await templates.import_files(db, on_google.id, small | {"template.yaml": GENERIC.encode()}, now)
    await templates.publish(db, on_google.id, "plain", now=now)
    assert (await worker.only()).type == "generic"


async def test_opening_the_page_makes_the_object_once(db, on_google, card, worker, now) -> None:
    for _ in range(2):
        await google.open_object(db, card.card_id, now)
    works = await worker.run()
    assert [work.kind for work in works] == ["class", "object"]
    assert works[1].id == works[1].body["id"] == f"{ISSUER}.{card.serial_number}"
    assert works[1].body["classId"] == works[0].id
    await google.open_object(db, card.card_id, now)
    assert await worker.claim() == []


async def test_an_object_waits_until_its_class_was_accepted(db, on_google, card, worker, now) -> None:
    await google.open_object(db, card.card_id, now)
    klass = await worker.only()
    assert klass.kind == "class"
    assert await worker.claim() == []
    await worker.settle([klass])
    assert (await worker.only()).kind == "object"


async def test_changes_of_an_object_are_one_patch_with_the_last_state(db, opened, worker, now) -> None:
    for points in (110, 120, 130):
        await change(db, opened, now, points=points)
    work = await worker.only()
    assert work.known
    assert work.body["loyaltyPoints"]["balance"] == {"int": 130}
    await worker.settle([work])
    assert await worker.claim() == []


async def test_a_change_that_is_taken_back_is_no_request(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    await change(db, opened, now, points=100)
    assert await worker.claim() == []
    assert (await objects(db))[0]["due_at"] is None


async def test_a_change_that_no_object_shows_is_not_due(db, opened, worker, now) -> None:
    changed = await change(db, opened, now, memo="unseen")
    assert not changed.is_visible
    assert await worker.claim() == []


async def test_a_card_without_an_object_makes_none_by_changing(db, on_google, card, worker, now) -> None:
    await worker.run()
    await change(db, card, now, points=110)
    assert await objects(db) == []
    assert await worker.claim() == []


@pytest.mark.parametrize(
    ("state", "shown"), [("voided", "INACTIVE"), ("expired", "EXPIRED"), ("completed", "COMPLETED")]
)
async def test_one_state_for_both_wallets(db, opened, worker, now, state, shown) -> None:
    await change(db, opened, now, state=CardState(state), notify=Notify.SILENT)
    assert (await worker.only()).body["state"] == shown


async def test_what_only_google_shows_is_visible_and_rings_no_phone(db, opened, worker, phone, now) -> None:
    """Voided or expired, the Apple card is crossed out alike; Google tells them apart."""
    await change(db, opened, now, state=CardState.VOIDED, notify=Notify.SILENT)
    await worker.run()
    before = (await cards.serve(db, "pass.com.example.coffee", opened.serial_number, 0, now)).edition
    changed = await change(db, opened, now, state=CardState.EXPIRED, notify=Notify.SILENT)
    assert changed.is_visible
    assert (await worker.only()).body["state"] == "EXPIRED"
    after = (await cards.serve(db, "pass.com.example.coffee", opened.serial_number, 0, now)).edition
    assert (before == after) is ("only" in (await _last_change(db, opened)).detail)


async def _last_change(db, card):
    told = await cards.timeline(db, card.brand_id, card.serial_number)
    return [entry for entry in told.entries if entry.kind == "changed"][-1]


# --- lanes


async def test_a_customers_change_goes_before_a_campaign(db, on_google, issue, worker, small, now) -> None:
    held = [await issue(external_id=f"l-{number}", data={"points": 1}) for number in range(4)]
    for one in held:
        await google.open_object(db, one.card_id, now)
    await worker.run()
    await publish(db, on_google, small, now, *NEW_LABEL)
    await change(db, held[3], now, points=2)
    first = await worker.claim(1)
    assert [work.card_id for work in first] == [held[3].card_id]
    rest = await worker.claim()
    assert [work.card_id for work in rest] == [one.card_id for one in held[:3]]
    assert {work.lane for work in rest} == {1}


async def test_room_is_not_exceeded(db, on_google, issue, worker, now) -> None:
    for number in range(5):
        await google.open_object(db, (await issue(external_id=f"r-{number}")).card_id, now)
    assert len(await worker.claim(1)) == 1
    await pass_time(db, timedelta(minutes=2))
    await worker.settle(await worker.claim(1))
    assert [len(await worker.claim(2)) for _ in range(4)] == [2, 2, 1, 0]


# --- claim and settle


async def test_two_workers_never_hold_the_same(db, on_google, issue, worker, now) -> None:
    for number in range(20):
        await google.open_object(db, (await issue(external_id=f"w-{number}")).card_id, now)
    await worker.settle(await worker.claim(1))
    others = [Worker(db, name) for name in "ABCD"]
    taken = await asyncio.gather(*(one.claim(6) for one in others))
    ids = [work.row_id for works in taken for work in works]
    assert len(ids) == len(set(ids)) == 20 - max(0, 20 - len(ids))
    left = await worker.claim()
    assert len(ids) + len(left) == 20


async def test_killed_between_claim_and_settle_it_is_claimed_again_after_the_lease(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    first = await worker.only()
    other = Worker(db, "B")
    assert await other.claim() == []
    await pass_time(db, timedelta(minutes=2))
    second = await other.only()
    assert second.digest == first.digest
    await worker.settle([first])  # too late: it is the other's
    assert (await objects(db))[0]["accepted_digest"] != first.digest
    await other.settle([second])
    assert (await objects(db))[0]["accepted_digest"] == second.digest
    assert await other.claim() == []


async def test_what_changes_while_it_is_sent_stays_due(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    work = await worker.only()
    await change(db, opened, now, points=120)
    assert await worker.claim() == []
    await worker.settle([work])
    again = await worker.only()
    assert again.body["loyaltyPoints"]["balance"] == {"int": 120}
    assert again.generation > work.generation


async def test_a_retry_waits_and_a_change_does_not_cut_it_short(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    await worker.settle([await worker.only()], Outcome.RETRY, reason="HTTP 503", delay=30)
    await change(db, opened, now, points=120)
    assert await worker.claim() == []
    await pass_time(db, timedelta(seconds=31))
    work = await worker.only()
    assert work.attempts == 1
    assert work.body["loyaltyPoints"]["balance"] == {"int": 120}


async def test_given_back_it_is_due_as_it_was(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    works = await worker.claim()
    await google.give_back(db, owner=worker.name, works=works)
    assert (await worker.only()).digest == works[0].digest


async def test_a_renewed_lease_is_nobody_elses(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    works = await worker.claim(lease=timedelta(seconds=1))
    await google.renew(db, owner=worker.name, works=works, lease=timedelta(hours=1))
    await pass_time(db, timedelta(minutes=1))
    assert await Worker(db, "B").claim() == []


async def test_a_held_issuer_lets_one_through_when_its_probe_is_due(db, on_google, issue, worker, now) -> None:
    for number in range(3):
        await google.open_object(db, (await issue(external_id=f"h-{number}")).card_id, now)
    await worker.settle(await worker.claim(1))
    name = google.lease_name(ISSUER)
    await leases.hold(db, pass_type_identifier=name, reason="permissionDenied", probe_after=timedelta(minutes=5))
    assert await google.waiting_issuers(db) == []
    assert await worker.claim() == []
    await write(db, tables.holds, probe_at=now - DAY)
    assert await google.waiting_issuers(db) == [ISSUER]
    assert len(await worker.claim()) == 1
    assert await worker.claim() == []
    await leases.unhold(db, pass_type_identifier=name)
    assert len(await worker.claim()) == 2


async def test_a_class_that_google_has_lost_goes_before_its_object(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    await worker.settle([await worker.only()], Outcome.RETRY, reason="classNotFound", delay=0)
    klass = await worker.only()
    assert (klass.kind, klass.known) == ("class", False)
    await worker.settle([klass])
    assert (await worker.only()).kind == "object"


async def test_a_card_that_cannot_be_made_does_not_stall_the_others(db, on_google, issue, worker, now) -> None:
    held = [await issue(external_id=f"p-{number}") for number in range(3)]
    for one in held:
        await google.open_object(db, one.card_id, now)
    async with db.transaction() as conn:
        spoilt = tables.cards.update().where(tables.cards.c.id == held[0].card_id)
        await conn.execute(spoilt.values(data_encrypted=b"nothing that SECRET opens"))
    done = await worker.run()
    assert [work.card_id for work in done if work.kind == "object"] == [held[1].card_id, held[2].card_id]
    assert "ValueError" in (await objects(db))[0]["reason"]


# --- what the holder is told


async def test_a_ring_on_a_listed_field_notifies_in_the_same_patch(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    work = await worker.only()
    assert work.notify_update
    assert work.message is None


async def test_a_silent_change_notifies_nobody(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110, notify=Notify.SILENT)
    assert not (await worker.only()).notify_update


async def test_a_ring_on_another_field_is_a_message(db, opened, on_google, worker, small, now) -> None:
    tier = '{key: tier, label: Tier, value: "{{ memo }}", change_message: "Welcome to %@"}'
    await publish(db, on_google, small, now, "auxiliary: [", f"auxiliary: [{tier}, ")
    await worker.run()
    await change(db, opened, now, memo="Gold")
    work = await worker.only()
    assert not work.notify_update
    assert (work.message["messageType"], work.message["body"]) == ("TEXT_AND_NOTIFY", "Welcome to Gold")
    await worker.settle([work])
    await change(db, opened, now, memo="Platinum", points=500)  # both ring: the update notice is enough
    work = await worker.only()
    assert work.notify_update
    assert work.message is None


async def test_rings_that_wait_together_are_one_notification(db, opened, on_google, worker, small, now) -> None:
    tier = '{key: tier, label: Tier, value: "{{ memo }}", change_message: "Welcome to %@"}'
    await publish(db, on_google, small, now, "auxiliary: [", f"auxiliary: [{tier}, ")
    await worker.run()
    await change(db, opened, now, memo="Gold")
    await change(db, opened, now, points=500)
    [work] = await worker.run()
    assert work.notify_update
    assert work.message is None
    assert await worker.claim() == []


async def test_a_change_that_rings_on_no_wallet_is_silent(db, opened, worker, now) -> None:
    """The holder's name has no change message, so it rings nowhere."""
    await change(db, opened, now, name="Maria")
    work = await worker.only()
    assert not work.notify_update
    assert work.message is None


async def test_three_updates_notify_in_24_hours_and_the_fourth_is_silent(db, opened, worker, now) -> None:
    heard = []
    for points in range(101, 106):
        await change(db, opened, now, points=points)
        heard += [work.notify_update for work in await worker.run()]
    assert heard == [True, True, True, False, False]
    await pass_time(db, DAY + timedelta(minutes=1))
    await change(db, opened, now, points=200)
    assert [work.notify_update for work in await worker.run()] == [True]


async def test_a_place_that_google_did_not_use_is_given_back(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    await worker.settle([await worker.only()], notified=False)
    assert (await objects(db))[0]["updates_at"] == []


async def test_a_worker_that_dies_makes_no_fourth_notification(db, opened, now) -> None:
    for number in range(5):
        await change(db, opened, now, points=200 + number)
        for name in "AB":  # A dies with it
            work = await Worker(db, name).only()
            await pass_time(db, timedelta(minutes=2))
        await Worker(db, "B").settle([work])
        assert work.notify_update is (number < 3)
    assert len((await objects(db))[0]["updates_at"]) == 3


async def test_quota_exceeded_is_silent_at_once_and_for_a_day(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    await worker.settle([await worker.only()], Outcome.QUOTA, reason="quotaExceeded")
    again = await worker.only()
    assert not again.notify_update
    await worker.settle([again])
    await change(db, opened, now, points=120)
    assert [work.notify_update for work in await worker.run()] == [False]
    await pass_time(db, DAY + timedelta(minutes=1))
    await change(db, opened, now, points=130)
    assert [work.notify_update for work in await worker.run()] == [True]


async def test_a_card_that_its_holder_has_removed_is_updated_silently(db, opened, worker, now) -> None:
    await write(db, tables.google_objects, present=False)
    await change(db, opened, now, points=110)
    assert not (await worker.only()).notify_update


@pytest_asyncio.fixture
async def plain(db, on_google, small, worker, now):
    """A card of a type without any field that notifies by itself, and Google has it."""
    await templates.import_files(db, on_google.id, small | {"template.yaml": GENERIC.encode()}, now)
    await templates.publish(db, on_google.id, "plain", now=now)
    issued = (await cards.issue(db, on_google.id, NewCard(template="plain", data={"points": 100}), now)).card
    await google.open_object(db, issued.card_id, now)
    await worker.run()
    return issued


async def test_where_no_field_notifies_the_lock_screen_text_is_a_message(db, plain, worker, now) -> None:
    await change(db, plain, now, points=110)
    work = await worker.only()
    assert not work.notify_update
    assert work.message["messageType"] == "TEXT_AND_NOTIFY"
    assert work.message["body"] == "You have 110 points"
    assert not work.again
    assert not work.drop_messages


async def test_the_next_message_takes_the_place_of_the_one_before(db, plain, worker, now) -> None:
    names = []
    for points in (110, 120):
        await change(db, plain, now, points=points)
        names += [(work.message["id"], work.drop_messages, work.patch.get("messages")) for work in await worker.run()]
    assert names[0][1:] == (False, None)
    assert names[1][1:] == (True, [])
    assert names[0][0] != names[1][0]
    assert (await objects(db))[0]["sent_messages"] == [names[1][0]]


async def test_three_messages_notify_in_24_hours_and_the_fourth_is_a_text(db, plain, worker, now) -> None:
    said = []
    for points in range(101, 105):
        await change(db, plain, now, points=points)
        said += [work.message["messageType"] for work in await worker.run()]
    assert said == ["TEXT_AND_NOTIFY"] * 3 + ["TEXT"]


async def test_a_message_that_was_not_taken_comes_again_without_the_body(db, plain, worker, now) -> None:
    await change(db, plain, now, points=110)
    first = await worker.only()
    await worker.settle([first], message_sent=False, reason="HTTP 503", delay=5)
    assert await worker.claim() == []
    await pass_time(db, timedelta(seconds=6))
    again = await worker.only()
    assert (again.send_body, again.again, again.message["id"]) == (False, True, first.message["id"])
    assert again.message["messageType"] == "TEXT_AND_NOTIFY"
    await worker.settle([again])
    assert await worker.claim() == []
    assert len((await objects(db))[0]["messages_at"]) == 1


async def test_a_message_over_quota_comes_as_a_text(db, plain, worker, now) -> None:
    await change(db, plain, now, points=110)
    await worker.settle([await worker.only()], Outcome.QUOTA, reason="quotaExceeded")
    again = await worker.only()
    assert (again.send_body, again.message["messageType"]) == (False, "TEXT")


async def test_after_a_death_the_message_is_looked_for(db, plain, worker, now) -> None:
    await change(db, plain, now, points=110)
    first = await worker.only()
    await pass_time(db, timedelta(minutes=2))
    again = await worker.only()
    assert again.again
    assert again.message["id"] == first.message["id"]
    assert again.message["messageType"] == "TEXT_AND_NOTIFY"


async def test_a_message_that_google_refuses_does_not_keep_the_body_back(db, plain, worker, now) -> None:
    await change(db, plain, now, points=110)
    await worker.settle([await worker.only()], Outcome.DEAD, reason="invalid", detail="message.body")
    work = await worker.only()
    assert work.message is None
    await worker.settle([work])
    assert await worker.claim() == []
    assert await google.dead(db) == []


async def test_private_templates_tell_google_no_personal_text(db, on_google, small, worker, now) -> None:
    private = GENERIC.replace("images:", "google: {private: true}\nimages:").replace(
        'value: "{{ name }}"', 'value: "{{ name }}", change_message: "Hello %@"'
    )
    await templates.import_files(db, on_google.id, small | {"template.yaml": private.encode()}, now)
    await templates.publish(db, on_google.id, "plain", now=now)
    data = {"points": 1, "name": "Anna"}
    issued = (await cards.issue(db, on_google.id, NewCard(template="plain", data=data), now)).card
    await google.open_object(db, issued.card_id, now)
    await worker.run()
    await change(db, issued, now, name="Maria")
    await change(db, issued, now, points=2)
    sent = await worker.run()
    assert [work.message and work.message["body"] for work in sent] == ["You have 2 points"]
    await change(db, issued, now, name="Olga", state=CardState.VOIDED)
    assert [work.message for work in await worker.run()] == [None]


# --- publishing


async def publish(db, brand, small, now, old: str, new: str, source: str = SMALL) -> None:
    assert old in source
    await templates.import_files(db, brand.id, small | {"template.yaml": source.replace(old, new).encode()}, now)
    await templates.publish(db, brand.id, "small", now=now)


async def test_a_publish_that_only_the_class_shows_is_one_request(db, on_google, issue, worker, small, now) -> None:
    for number in range(3):
        await google.open_object(db, (await issue(external_id=f"c-{number}")).card_id, now)
    await worker.run()
    await publish(db, on_google, small, now, "images: {icon", 'colors: {background: "#3a2a1e"}\nimages: {icon')
    assert [work.kind for work in await worker.run()] == ["class"]


async def test_a_publish_that_objects_show_pages_over_them(
    db, on_google, issue, worker, small, now, monkeypatch
) -> None:
    monkeypatch.setattr("store.googlepages.PAGE", 2)
    held = [await issue(external_id=f"q-{number}") for number in range(5)]
    for one in held:
        await google.open_object(db, one.card_id, now)
    await worker.run()
    await publish(db, on_google, small, now, *NEW_LABEL)
    assert await Worker(db, "dies").claim()
    assert (await classes(db))[0]["page_position"] is not None  # killed here, it goes on here
    await pass_time(db, timedelta(minutes=2))
    assert await google.waiting_issuers(db) == [ISSUER]
    sent = await worker.run()
    assert sorted(work.card_id for work in sent if work.kind == "object") == [one.card_id for one in held]
    assert "class" not in {work.kind for work in sent}
    assert (await classes(db))[0]["page_position"] is None
    assert await google.waiting_issuers(db) == []


async def test_an_object_that_is_being_sent_when_it_is_paged_is_sent_anew(
    db, opened, on_google, worker, small, now
) -> None:
    """It goes with the older revision: whatever Google then has, it is not what the card shows."""
    await change(db, opened, now, points=110)
    old = await worker.only()
    await publish(db, on_google, small, now, *NEW_LABEL)
    await Worker(db, "B").run()
    await worker.settle([old])
    assert (await worker.only()).digest != old.digest


async def test_a_change_of_the_brand_brings_its_classes(db, opened, worker) -> None:
    await brands.change(db, "shop", name="Tea shop")
    work = (await worker.run())[0]
    assert work.kind == "class"
    assert work.body["issuerName"] == "Tea shop"


async def test_googles_type_is_fixed_by_the_first_publish(db, on_google, small, now) -> None:
    draft = SMALL.replace("images:", "google: {type: generic}\nimages:")
    await templates.import_files(db, on_google.id, small | {"template.yaml": draft.encode()}, now)
    with pytest.raises(Invalid) as caught:
        await templates.publish(db, on_google.id, "small", now=now)
    assert [problem.pointer for problem in caught.value.problems] == ["/google/type"]


# --- messages on a class


def message(number: int, now, **given) -> ClassMessage:
    return ClassMessage(f"m{number}", {"en": "News"}, {"en": f"News {number}", "ru": f"Новость {number}"}, **given)


async def template_id(db) -> int:
    return (await classes(db))[0]["template_id"]


async def test_a_class_message_is_added_once_and_leaves_when_it_ends(db, opened, worker, now) -> None:
    mine = await template_id(db)
    now = await database_clock(db)
    await google.say(db, mine, message(1, now, notify=True, ends_at=now + timedelta(hours=1)))
    work = await worker.only()
    assert (work.kind, work.send_body, work.message["messageType"]) == ("class", False, "TEXT_AND_NOTIFY")
    assert work.message["localizedBody"]["translatedValues"] == [{"language": "ru", "value": "Новость 1"}]
    await worker.settle([work])
    assert await worker.claim() == []
    await google.say(db, mine, message(2, now))
    await worker.settle([await worker.only()])
    await google.unsay(db, mine, "m1")
    work = await worker.only()
    assert work.drop_messages
    assert [one["id"] for one in work.patch["messages"]] == ["m2"]
    await worker.settle([work])
    assert (await classes(db))[0]["sent_messages"] == ["m2"]


async def test_a_class_never_holds_more_than_nine_messages(db, opened, worker) -> None:
    now, mine = await database_clock(db), await template_id(db)
    for number in range(12):
        await google.say(db, mine, message(number, now))
    held: set[str] = set()
    for work in await worker.run():
        held |= {work.message["id"]}
        assert len(held) <= 9
    assert len(held) == 9
    assert (await classes(db))[0]["due_at"] is None
    await google.unsay(db, mine, "m0")
    work = (await worker.run())[0]
    assert work.drop_messages
    assert (len(work.patch["messages"]), work.message["id"]) == (8, "m9")


async def test_three_class_messages_notify_in_24_hours(db, opened, worker) -> None:
    now, mine = await database_clock(db), await template_id(db)
    for number in range(4):
        await google.say(db, mine, message(number, now, notify=True))
    said = [work.message["messageType"] for work in await worker.run()]
    assert said == ["TEXT_AND_NOTIFY"] * 3 + ["TEXT"]


async def test_where_only_messages_notify_news_leave_one_place_for_changes(db, plain, worker, now) -> None:
    row = next(row for row in await classes(db) if row["type"] == "generic")
    clock = await database_clock(db)
    for number in range(3):
        await google.say(db, row["template_id"], message(number, clock, notify=True))
    assert [work.message["messageType"] for work in await worker.run()] == ["TEXT_AND_NOTIFY"] * 2 + ["TEXT"]
    await change(db, plain, now, points=110)
    await change(db, plain, now, points=111)
    assert [work.message["messageType"] for work in await worker.run()] == ["TEXT_AND_NOTIFY"]


async def test_a_class_message_starts_by_itself(db, opened, worker) -> None:
    now, mine = await database_clock(db), await template_id(db)
    await google.say(db, mine, message(1, now, starts_at=now + timedelta(hours=1)))
    assert await worker.run() == []
    due_at = (await classes(db))[0]["due_at"]
    assert due_at == now + timedelta(hours=1)


async def database_clock(db):
    from store.dialect import database_now

    async with db.reading() as conn:
        return await database_now(conn)


# --- dead letters, and what people read


async def test_a_refusal_is_on_the_timeline_and_the_next_change_tries_again(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    detail = "loyaltyPoints.balance: is of the wrong type"
    await worker.settle([await worker.only()], Outcome.DEAD, reason="invalid", detail=detail)
    assert await worker.claim() == []
    [letter] = await google.dead(db, opened.brand_id)
    assert (letter.kind, letter.card_id, letter.reason, letter.detail) == ("object", opened.card_id, "invalid", detail)
    told = await cards.timeline(db, opened.brand_id, opened.serial_number)
    assert told.entries[-1].kind == "google_refused"
    assert told.entries[-1].detail == {"reason": "invalid", "detail": detail}
    assert told.diagnosis.code == "google_refused"
    assert detail in told.diagnosis.en
    assert (await google.status(db, opened.card_id)).refused == "invalid"
    await change(db, opened, now, points=120)
    await worker.settle([await worker.only()])
    assert await google.dead(db) == []


async def test_dead_letters_are_tried_again_when_an_operator_says_so(db, on_google, worker) -> None:
    await worker.settle([await worker.only()], Outcome.DEAD, reason="invalid")
    assert [one.kind for one in await google.dead(db)] == ["class"]
    assert await google.revive(db, on_google.id) == 1
    assert (await worker.only()).kind == "class"


async def test_a_hindrance_is_told_once(db, opened, worker, now) -> None:
    await change(db, opened, now, points=110)
    for _ in range(3):
        await worker.settle([await worker.only()], Outcome.OURS, reason="permissionDenied", delay=0)
    assert await kinds(db, opened) == ["google_queued", "google_accepted", "google_queued", "google_waits"]
    assert await diagnosed(db, opened) == "google_retrying"


async def test_the_sentence_follows_the_card(db, on_google, card, worker, now) -> None:
    clock = await database_clock(db)
    await google.open_object(db, card.card_id, clock)
    assert await diagnosed(db, card) == "google_on_its_way"
    assert await diagnosed(db, card, clock + timedelta(hours=1)) == "google_not_sent"
    await worker.run()
    assert await diagnosed(db, card) == "google_not_saved"
    await write(db, tables.google_objects, present=None)
    klass = (await classes(db))[0]["class_id"]
    from tests.store.google import callback

    assert await google.apply_callback(db, "shop", callback(card.serial_number, klass), clock) == "saved"
    assert await diagnosed(db, card) == "google_up_to_date_silent"
    await change(db, card, clock, points=500)
    await worker.run()
    assert await diagnosed(db, card) == "google_up_to_date"
    await google.apply_callback(db, "shop", callback(card.serial_number, klass, "del", "n2"), clock)
    assert await diagnosed(db, card) == "google_removed"


# --- off, test, live


async def test_in_test_only_named_cards_may_save(db, published, issue, worker, now) -> None:
    ours, theirs = await issue(external_id="tester"), await issue(external_id="customer")
    await google.configure(db, "shop", issuer_id=ISSUER, mode="test", testers=["tester"])
    for one in (ours, theirs):
        await google.open_object(db, one.card_id, now)
    assert [row["card_id"] for row in await objects(db)] == [ours.card_id]
    assert (await google.status(db, ours.card_id)).may_save
    assert not (await google.status(db, theirs.card_id)).may_save
    await google.configure(db, "shop", testers=["nobody", theirs.number])
    assert (await google.status(db, theirs.card_id)).may_save
    assert not (await google.status(db, ours.card_id)).may_save
    await google.configure(db, "shop", mode="live")
    assert (await google.status(db, ours.card_id)).may_save


async def test_switched_off_nothing_goes_out_and_nothing_is_lost(db, opened, worker, now) -> None:
    await google.configure(db, "shop", mode="off")
    await change(db, opened, now, points=110)
    assert await google.waiting_issuers(db) == []
    assert await worker.claim() == []
    assert await google.credentials(db) == {}
    await google.configure(db, "shop", mode="live")
    assert (await worker.only()).body["loyaltyPoints"]["balance"] == {"int": 110}


async def test_google_cannot_be_switched_on_without_an_issuer(db, published) -> None:
    with pytest.raises(Conflict):
        await google.configure(db, "shop", mode="live")


async def test_an_issuer_stays_once_google_has_classes_under_it(db, on_google, card, worker, now) -> None:
    await google.open_object(db, card.card_id, now)
    await google.configure(db, "shop", issuer_id="3388000000000000002")
    assert [row["issuer_id"] for row in await classes(db)] == ["3388000000000000002"]
    assert await objects(db) == []
    await google.configure(db, "shop", issuer_id=ISSUER)
    await google.open_object(db, card.card_id, now)
    await worker.run()
    with pytest.raises(Conflict):
        await google.configure(db, "shop", issuer_id="3388000000000000002")


async def test_the_status_says_when_a_skinny_link_works(db, on_google, card, worker, now) -> None:
    before = await google.status(db, card.card_id)
    assert (before.object_id, before.inserted, before.type) == (None, False, "loyalty")
    assert await google.bodies(db, card.card_id, now) is None
    await google.open_object(db, card.card_id, now)
    fat = await google.bodies(db, card.card_id, now)
    assert fat.object_body["classId"] == fat.class_body["id"] == (await google.status(db, card.card_id)).class_id
    assert not (await google.status(db, card.card_id)).inserted
    await worker.run()
    assert (await google.status(db, card.card_id)).inserted


# --- what a webhook costs


async def test_a_card_without_google_costs_a_change_no_statement_more(db, published, card, now) -> None:
    from sqlalchemy import event

    told: list[str] = []
    event.listen(db._writer.sync_engine, "before_cursor_execute", lambda c, k, statement, *r: told.append(statement))
    await change(db, card, now, points=110)
    assert not [statement for statement in told if "google_objects" in statement or "google_classes" in statement]
