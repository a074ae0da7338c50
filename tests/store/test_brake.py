"""The brake: a backend gone wild is held, in order, and let go or discarded by a person, once and whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from store import brake, cards, dialect, held, heldalarms, letting, outgoing, sources, tables, timeline
from store.alarms import Ways
from store.audit import COMMAND_LINE
from store.brake import Noted
from store.braking import is_reset
from store.cards import CardRef
from store.errors import Conflict
from store.held import Decision
from store.messaging import Contacts
from store.sources import HookEvent
from tests.databases import PUBLIC_URL

AT = 3


@pytest_asyncio.fixture
async def send(db, till, now):
    """Deliver an event of the till as a webhook does: the source is looked up anew each time."""
    count = iter(range(1_000_000))

    async def sent(card: str, _at=None, _id: str | None = None, _kind: str = "card.changed", **values: Any):
        moment = _at or now
        number = next(count)
        said = moment + timedelta(microseconds=number)
        data = {"card": card, "set": values} if _kind == "card.changed" else {"card": card, **values}
        event = HookEvent(_id or f"evt_{number}", _kind, said, data)
        return (await sources.deliver(db, await sources.by_name(db, "till", moment), event, moment)).result

    return sent


async def points(db, brand, ref: str) -> int:
    return (await cards.find(db, brand.id, CardRef(external_id=ref))).data["points"]


async def _shut(db, issue, send, count: int = AT + 2) -> None:
    """So many cards, the brake at three, and a ring for each."""
    await sources.set_brake(db, "till", AT)
    for number in range(count):
        await issue(external_id=f"c-{number}", data={"points": 100, "name": "Anna Petrova"})


async def test_what_is_more_than_the_limit_is_held_and_the_rest_applied(db, published, issue, send, now) -> None:
    await _shut(db, issue, send)
    assert [await send(f"c-{number}", points=7) for number in range(AT + 2)] == ["applied"] * AT + ["held"] * 2
    assert [await points(db, published, f"c-{number}") for number in range(AT + 2)] == [7] * AT + [100] * 2
    (one,) = await held.listing(db, published.id)
    assert (one.source, one.template, one.why, one.waiting, one.cards) == ("till", "small", "rings", 2, 2)


async def test_the_limit_is_two_hundred_or_five_per_cent_of_the_cards(db, published, issue, till, now) -> None:
    await issue(external_id="c-1")
    template_id = till.id and (await _template(db))
    async with db.reading() as conn:
        assert await db.brake.limit(conn, template_id, None, Noted(rings=500), now) == 200
        assert await db.brake.limit(conn, template_id, 7, Noted(rings=500), now) == 7
        db.brake._sizes[template_id] = (now, 10_000)
        assert await db.brake.limit(conn, template_id, None, Noted(rings=500), now) == 500


async def _template(db) -> int:
    async with db.reading() as conn:
        return int((await conn.execute(select(tables.templates.c.id))).scalar_one())


async def test_silent_changes_are_not_counted_and_resets_are(db, published, issue, send, now) -> None:
    await _shut(db, issue, send, 6)
    for number in range(6):
        assert await send(f"c-{number}", name="Other") == "applied"
    assert [await send(f"c-{number}", points=0) for number in range(4)] == ["applied"] * 3 + ["held"]
    (one,) = await held.listing(db, published.id)
    assert one.why == "resets"


async def test_a_card_that_changes_again_and_again_counts_once(db, published, issue, send, now) -> None:
    await _shut(db, issue, send)
    assert {await send("c-0", points=number) for number in range(1, 5 * AT)} == {"applied"}
    assert [await send(f"c-{number}", points=7) for number in range(1, AT + 1)] == ["applied"] * (AT - 1) + ["held"]
    (one,) = await held.listing(db, published.id)
    await held.decide(db, published.id, one.id, None, last=one.last, cards=one.cards, by=COMMAND_LINE, now=now)
    assert await send(f"c-{AT}", points=7) == "held"  # what was stopped once is no card that passed


async def test_the_window_slides(db, published, issue, send, now) -> None:
    await _shut(db, issue, send)
    assert [await send(f"c-{number}", points=7) for number in range(AT + 1)][-1] == "held"
    later = now + timedelta(minutes=11)
    assert await send("c-4", later, points=7) == "applied"


async def test_what_comes_later_for_a_held_card_waits_behind_and_other_cards_do_not(
    db, published, issue, send, now
) -> None:
    await _shut(db, issue, send)
    for number in range(AT):
        await send(f"c-{number}", points=7)
    assert await send("c-3", points=7) == "held"
    later = now + timedelta(minutes=30)
    assert await send("c-3", later, name="Silent") == "held"
    assert await send("c-4", later, name="Silent") == "applied"
    assert (await held.listing(db))[0].waiting == 2


async def test_a_repeated_event_is_a_duplicate_and_not_held_twice(db, published, issue, send, now) -> None:
    await _shut(db, issue, send)
    for number in range(AT):
        await send(f"c-{number}", points=7)
    assert await send("c-3", _id="same", points=7) == "held"
    assert await send("c-3", _id="same", points=7) == "duplicate"
    assert (await held.listing(db))[0].waiting == 1


async def test_voids_that_ring_are_counted(db, published, issue, send, now) -> None:
    await _shut(db, issue, send)
    assert {await send(f"c-{number}", _kind="card.voided") for number in range(AT + 2)} == {"applied"}


async def test_the_brake_may_be_switched_off(db, published, issue, send, now) -> None:
    await _shut(db, issue, send)
    await sources.set_brake(db, "till", 0)
    assert {await send(f"c-{number}", points=7) for number in range(AT + 2)} == {"applied"}


async def test_another_process_knows_what_this_one_counted(
    db, database_url, keyring, published, issue, send, now
) -> None:
    await _shut(db, issue, send)
    for number in range(AT):
        await send(f"c-{number}", points=7)
    await db.brake.flush()
    other = await dialect.open(database_url, keyring)
    other.public_url = PUBLIC_URL
    event = HookEvent("evt_other", "card.changed", now, {"card": "c-4", "set": {"points": 7}})
    answer = await sources.deliver(other, await sources.by_name(other, "till", now), event, now)
    await other.close()
    assert answer.result == "held"


async def _held_two(db, published, issue, send):
    await _shut(db, issue, send)
    for number in range(AT):
        await send(f"c-{number}", points=7)
    assert await send("c-3", points=7) == "held"
    assert await send("c-3", points=8) == "held"
    assert await send("c-4", points=9) == "held"
    (one,) = await held.listing(db, published.id)
    return one


@pytest.mark.parametrize("decision", [Decision.SILENT, Decision.RING])
async def test_what_is_let_go_is_applied_in_order_and_the_brake_is_gone(
    db, published, issue, send, now, decision
) -> None:
    one = await _held_two(db, published, issue, send)
    done = await held.decide(
        db, published.id, one.id, decision, last=one.last, cards=one.cards, by=COMMAND_LINE, now=now
    )
    assert done == 3
    assert await letting.run(db, "w", now) == 3
    assert [await points(db, published, f"c-{number}") for number in (3, 4)] == [8, 9]
    assert await held.listing(db) == []
    assert not (await sources.by_name(db, "till", now)).has_held
    found = await cards.find(db, published.id, CardRef(external_id="c-4"))
    told = (await timeline.read(db, published.id, found.serial_number)).entries
    assert [line.detail["notify"] for line in told if line.kind == "changed"] == [decision.value]


async def test_a_held_change_that_is_older_than_the_card_by_now_drops_out(
    db, published, issue, send, now, till
) -> None:
    one = await _held_two(db, published, issue, send)
    newer = HookEvent("evt_new", "card.changed", now + timedelta(hours=1), {"card": "c-4", "set": {"points": 50}})
    blind = sources.Source(
        till.id, till.brand_id, till.name, till.secrets, brake_at=0
    )  # a process that was a moment late
    assert (await sources.deliver(db, blind, newer, now)).result == "applied"
    await held.decide(
        db, published.id, one.id, Decision.SILENT, last=one.last, cards=one.cards, by=COMMAND_LINE, now=now
    )
    await letting.run(db, "w", now)
    assert await points(db, published, "c-4") == 50


async def test_what_is_discarded_is_gone_and_the_next_change_passes(db, published, issue, send, now) -> None:
    one = await _held_two(db, published, issue, send)
    assert (
        await held.decide(db, published.id, one.id, None, last=one.last, cards=one.cards, by=COMMAND_LINE, now=now) == 3
    )
    assert await held.listing(db) == []
    assert await points(db, published, "c-3") == 100
    assert await send("c-3", now + timedelta(minutes=20), points=11) == "applied"


async def test_a_decision_on_another_number_of_cards_than_was_shown_is_refused(db, published, issue, send, now) -> None:
    one = await _held_two(db, published, issue, send)
    with pytest.raises(Conflict):
        await held.decide(db, published.id, one.id, None, last=one.last, cards=5, by=COMMAND_LINE, now=now)
    assert (await held.listing(db))[0].waiting == 3


async def test_what_comes_while_the_decided_ones_are_applied_follows_them(db, published, issue, send, now) -> None:
    one = await _held_two(db, published, issue, send)
    await held.decide(
        db, published.id, one.id, Decision.SILENT, last=one.last, cards=one.cards, by=COMMAND_LINE, now=now
    )
    assert await send("c-4", points=12) == "held"
    assert await letting.run(db, "w", now) == 4
    assert await points(db, published, "c-4") == 12


async def test_each_brake_is_told_of_once(db, published, issue, send, now) -> None:
    ways = Ways(mail=True, contacts=Contacts(("ops@example.com",), ()))
    assert await heldalarms.raise_alarms(db, ways, now) == []
    one = await _held_two(db, published, issue, send)
    assert [await heldalarms.raise_alarms(db, ways, now) for _ in range(2)] == [["till"], []]
    (letter,) = await outgoing.claim(db, owner="test", room=100, lease=timedelta(minutes=1))
    assert (letter.to, letter.kind) == ("ops@example.com", "held")
    assert "till" in letter.subject
    assert "3" in letter.text
    await held.decide(db, published.id, one.id, None, last=one.last, cards=one.cards, by=COMMAND_LINE, now=now)
    assert await send("c-4", points=12) == "held"
    assert await heldalarms.raise_alarms(db, ways, now) == ["till"]


async def test_samples_show_no_names(db, published, issue, send, now) -> None:
    one = await _held_two(db, published, issue, send)
    found = await letting.samples(db, one.id, now)
    assert [sample.rows for sample in found] == [(("Points", "100", str(number)),) for number in (7, 8, 9)]
    assert found[0].lock_screen == "You have 7 points"
    assert "Anna" not in repr(found)


async def test_bodies_are_encrypted(db, published, issue, send, now) -> None:
    await _shut(db, issue, send)
    for number in range(AT):
        await send(f"c-{number}", points=7)
    await send("c-3", points=7, name="Secretname")
    async with db.reading() as conn:
        body = (await conn.execute(select(tables.held_changes.c.body_encrypted))).scalar_one()
    assert b"Secretname" not in body


@given(
    st.dictionaries(
        st.sampled_from("abc"), st.one_of(st.none(), st.integers(-2, 2), st.booleans(), st.text(max_size=2))
    ),
    st.dictionaries(
        st.sampled_from("abc"), st.one_of(st.none(), st.integers(-2, 2), st.booleans(), st.text(max_size=2))
    ),
)
def test_a_reset_takes_something_to_nothing(before, after) -> None:
    def nothing(value: object) -> bool:
        return value is None or value == "" or (type(value) is int and value == 0)

    assert is_reset(before, after) == any(not nothing(before[key]) and nothing(after.get(key)) for key in before)


@given(st.integers(0, 400), st.integers(0, 3), st.integers(1, 300))
def test_one_more_than_the_limit_breaks_and_what_breaks_was_near(rings: int, made: int, limit: int) -> None:
    sums = Noted(rings=rings)
    broken = sums.breaks(Noted(rings=made), limit)
    assert bool(broken) == (made > 0 and rings + made > limit)
    assert not broken or sums.is_near(limit, made)
    assert timedelta(0) == brake.WINDOW % brake.SLOT
