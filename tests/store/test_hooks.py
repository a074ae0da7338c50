"""Hooks: repeated, reordered, replayed, ahead of their card; what is applied and what is answered."""

from __future__ import annotations

import asyncio
from contextvars import Context
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store import brands, cards, sources, templates
from store.cards import CardRef, NewCard
from store.errors import Conflict, Invalid
from store.sources import HookEvent
from tests.store.conftest import NOW, SMALL


@pytest_asyncio.fixture
async def send(db, till, now):
    """Deliver an event of the till; ids count up, the timestamp is now unless given."""
    count = iter(range(1_000_000))

    async def sent(data: dict[str, Any], *, kind: str = "card.changed", at: datetime = now, id: str | None = None):
        return await sources.deliver(db, till, HookEvent(id or f"evt_{next(count)}", kind, at, data), now)

    return sent


async def points(db, brand, ref: str = "c-1") -> int:
    return (await cards.find(db, brand.id, CardRef(external_id=ref))).data["points"]


async def test_a_change_is_applied_and_told(db, published, card, send) -> None:
    answer = await send({"card": "c-1", "version": 1, "set": {"points": 120}})
    assert answer.result == "applied"
    assert [row.to_json() for row in answer.visible] == [
        {"field": "points", "label": "Points", "old": "100", "new": "120", "lock_screen": "You have 120 points"}
    ]


async def test_a_repeated_event_changes_nothing(db, published, card, send) -> None:
    await send({"card": "c-1", "set": {"points": 120}}, id="evt_x")
    await send({"card": "c-1", "set": {"points": 130}})
    assert (await send({"card": "c-1", "set": {"points": 120}}, id="evt_x")).result == "duplicate"
    assert await points(db, published) == 130


async def test_the_same_event_sent_ten_times_at_once_is_applied_once(db, published, card, send) -> None:
    answers = await asyncio.gather(*(send({"card": "c-1", "set": {"points": 120}}, id="evt_x") for _ in range(10)))
    assert sorted(answer.result for answer in answers) == ["applied"] + ["duplicate"] * 9
    assert (await cards.find(db, published.id, "c-1")).version == 2


async def test_a_change_that_crosses_its_cards_issue_is_not_lost(db, published, send, now) -> None:
    async with db.joined():
        assert (await send({"card": {"external_id": "c-1"}, "set": {"points": 7}})).result == "no_card"
        issuing = asyncio.create_task(
            cards.issue(db, published.id, NewCard("small", external_id="c-1"), now), context=Context()
        )
        await asyncio.wait([issuing], timeout=0.2)
        assert not issuing.done()
    assert (await issuing).card.data["points"] == 7


async def test_an_issue_that_crosses_its_cards_change_is_changed(db, published, send, now) -> None:
    async with db.joined():
        await cards.issue(db, published.id, NewCard("small", external_id="c-1"), now)
        changing = asyncio.create_task(send({"card": {"external_id": "c-1"}, "set": {"points": 7}}), context=Context())
        await asyncio.wait([changing], timeout=0.2)
        assert not changing.done()
    assert (await changing).result == "applied"
    assert await points(db, published) == 7


async def test_an_older_version_is_stale(db, published, card, send) -> None:
    assert (await send({"card": "c-1", "version": 7, "set": {"points": 170}})).result == "applied"
    assert (await send({"card": "c-1", "version": 6, "set": {"points": 160}})).result == "stale"
    assert (await send({"card": "c-1", "version": 7, "set": {"points": 175}})).result == "stale"
    assert await points(db, published) == 170


async def test_versions_are_kept_per_variable(db, published, card, send) -> None:
    await send({"card": "c-1", "version": 5, "set": {"points": 150}})
    answer = await send({"card": "c-1", "version": 4, "set": {"points": 140, "balance": 400}})
    assert answer.result == "applied"
    found = await cards.find(db, published.id, "c-1")
    assert (found.data["points"], found.data["balance"]) == (150, 400)


async def test_a_renamed_variable_takes_its_old_name_and_keeps_its_versions(
    db, published, card, send, icon, now
) -> None:
    await send({"card": "c-1", "version": 7, "set": {"points": 170}})
    renamed = SMALL.replace("points:  {", "bonus: {alias: points, ").replace("{{ points }}", "{{ bonus }}")
    await templates.import_files(db, published.id, {"template.yaml": renamed.encode(), "icon.png": icon}, now)
    await templates.publish(db, published.id, "small", now=now)
    assert (await cards.find(db, published.id, "c-1")).data["bonus"] == 170
    assert (await send({"card": "c-1", "version": 6, "set": {"points": 160}})).result == "stale"
    assert (await send({"card": "c-1", "version": 8, "set": {"points": 180}})).result == "applied"
    assert (await send({"card": "c-1", "version": 7, "set": {"bonus": 170}})).result == "stale"
    assert (await cards.find(db, published.id, "c-1")).data["bonus"] == 180
    with pytest.raises(Invalid) as refused:
        await send({"card": "c-1", "version": 9, "set": {"bonus": 1, "points": 2}})
    assert [problem.pointer for problem in refused.value.problems] == ["/data/set/points"]


async def test_a_change_that_waits_under_an_old_name_finds_its_card(db, published, send, icon, now) -> None:
    assert (await send({"card": {"external_id": "c-9"}, "set": {"points": 7}})).result == "no_card"
    renamed = SMALL.replace("points:  {", "bonus: {alias: points, ").replace("{{ points }}", "{{ bonus }}")
    await templates.import_files(db, published.id, {"template.yaml": renamed.encode(), "icon.png": icon}, now)
    await templates.publish(db, published.id, "small", now=now)
    issued = await cards.issue(db, published.id, NewCard("small", external_id="c-9"), now)
    assert issued.card.data["bonus"] == 7


async def test_versions_are_kept_per_source(db, published, card, send, now) -> None:
    await send({"card": "c-1", "version": 900, "set": {"points": 900}})
    await sources.add(db, published.id, "site", now)
    site = await sources.by_name(db, "site", now)
    answer = await sources.deliver(
        db, site, HookEvent("e", "card.changed", now, {"card": "c-1", "version": 1, "set": {"points": 1}}), now
    )
    assert answer.result == "applied"
    assert await points(db, published) == 1


async def test_without_a_version_the_timestamp_guards_as_an_instant(db, published, card, send, now) -> None:
    await send({"card": "c-1", "set": {"points": 120}}, at=now)
    assert (await send({"card": "c-1", "set": {"points": 110}}, at=now - timedelta(seconds=1))).result == "stale"
    moscow = datetime.fromisoformat("2026-11-22T15:00:00+03:00")  # the same instant as now, later on the wall
    assert (await send({"card": "c-1", "set": {"points": 130}}, at=moscow)).result == "applied"
    assert await points(db, published) == 130


async def test_a_change_that_nobody_sees_says_so(card, send) -> None:
    assert (await send({"card": "c-1", "set": {"memo": "x"}})).result == "nothing_visible"
    assert (await send({"card": "c-1", "set": {"points": 100}})).result == "nothing_visible"


async def test_wrong_data_is_refused_with_its_place_and_the_corrected_event_works(db, published, card, send) -> None:
    with pytest.raises(Invalid) as refused:
        await send({"card": "c-1", "set": {"points": "many"}}, id="evt_x")
    assert [problem.pointer for problem in refused.value.problems] == ["/data/set/points"]
    assert (await send({"card": "c-1", "set": {"points": 120}}, id="evt_x")).result == "applied"


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ({"set": {"points": 1}}, "/data/card"),
        ({"card": "c-1"}, "/data/set"),
        ({"card": "c-1", "set": [1]}, "/data/set"),
        ({"card": "c-1", "set": {"nope": 1}}, "/data/set/nope"),
        ({"card": "c-1", "set": {"points": 1}, "version": "1"}, "/data/version"),
        ({"card": "c-1", "set": {"points": 1}, "version": True}, "/data/version"),
        ({"card": "c-1", "set": {"points": 1}, "version": 2**63}, "/data/version"),
        ({"card": "c-1", "set": {"points": 1}, "notify": "loud"}, "/data/notify"),
        ({"card": "c-1", "set": {"points": 1}, "extra": 1}, "/data/extra"),
        ({"card": 7, "set": {}}, "/data/card"),
        ({"card": "", "set": {}}, "/data/card"),
        ({"card": {}, "set": {}}, "/data/card"),
        ({"card": {"number": "1", "external_id": "2"}, "set": {}}, "/data/card"),
        ({"card": {"phone": "1"}, "set": {}}, "/data/card/phone"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_with_its_place(card, send, data, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        await send(data)
    assert pointer in [problem.pointer for problem in refused.value.problems]


async def test_an_unknown_event_is_refused(card, send) -> None:
    with pytest.raises(Invalid, match=r"card\.changed"):
        await send({}, kind="card.exploded")


async def test_news_on_a_template_that_shows_none_are_refused_with_their_place(card, send) -> None:
    with pytest.raises(Invalid) as refused:
        await send({"template": "small", "text": "Coffee"}, kind="news.published")
    assert [problem.pointer for problem in refused.value.problems] == ["/data/template"]


@pytest.mark.parametrize("name", ["serial_number", "external_id", "number"])
async def test_a_card_is_found_by_each_of_its_names(card, send, name: str) -> None:
    value = getattr(card, name)
    assert (await send({"card": {name: value}, "set": {"points": 1}})).result == "applied"
    assert (await send({"card": value, "set": {"points": 2}})).result == "applied"


async def test_a_word_that_is_different_cards_different_names_is_a_conflict(issue, send) -> None:
    await issue(external_id="7001")
    await issue(external_id="other", number="7001")
    with pytest.raises(Conflict) as refused:
        await send({"card": "7001", "set": {"points": 1}})
    assert refused.value.code == "card_ambiguous"


async def test_a_word_that_is_one_cards_two_names_is_that_card(issue, send) -> None:
    await issue(external_id="7001", number="7001")
    assert (await send({"card": "7001", "set": {"points": 1}})).result == "applied"


async def second_template(db, brand, small, now, text: str = SMALL) -> None:
    files = {**small, "template.yaml": text.replace("key: small", "key: second").encode()}
    await templates.import_files(db, brand.id, files, now)
    await templates.publish(db, brand.id, "second", now=now)


async def test_an_external_id_without_template_means_all_its_cards(db, published, card, small, send, now) -> None:
    await second_template(db, published, small, now)
    await cards.issue(db, published.id, NewCard(template="second", external_id="c-1"), now)
    answer = await send({"card": {"external_id": "c-1"}, "set": {"points": 5}})
    assert [row.new for row in answer.visible] == ["5", "5"]
    await send({"card": {"external_id": "c-1", "template": "second"}, "set": {"points": 6}})
    page = await cards.listing(db, published.id)
    assert [one.data["points"] for one in page.cards] == [5, 6]


async def test_a_variable_goes_to_the_cards_that_have_it(db, published, card, small, send, now) -> None:
    other = SMALL.replace("memo:", "visits:").replace("label: Memo, optional: true, sample: unseen", "optional: true")
    await second_template(db, published, small, now, other)
    await cards.issue(db, published.id, NewCard(template="second", external_id="c-1"), now)
    assert (await send({"card": "c-1", "set": {"memo": "a", "points": 9}})).result == "applied"
    page = await cards.listing(db, published.id)
    assert [one.data.get("memo") for one in page.cards] == ["a", None]


async def test_a_change_before_the_card_is_kept_and_applied_at_issue(db, published, issue, send, now) -> None:
    assert (await send({"card": "early", "version": 2, "set": {"points": 20, "gone": 1}})).result == "no_card"
    assert (await send({"card": "early", "version": 3, "set": {"points": 30}})).result == "no_card"
    assert (await send({"card": "early", "version": 1, "set": {"points": 10, "balance": 5}})).result == "no_card"
    card = await issue(external_id="early", data={"points": 0, "name": "Ева"})
    assert (card.data["points"], card.data["balance"], card.data["name"]) == (30, 5, "Ева")
    assert (await send({"card": "early", "version": 3, "set": {"points": 33}})).result == "stale"
    assert (await send({"card": "early", "version": 4, "set": {"points": 40}})).result == "applied"


async def test_a_change_that_names_a_template_waits_for_that_one(db, published, issue, small, send, now) -> None:
    await second_template(db, published, small, now)
    await send({"card": {"external_id": "early", "template": "second"}, "set": {"points": 20}})
    assert (await issue(external_id="early")).data["points"] == 0
    second = await cards.issue(db, published.id, NewCard(template="second", external_id="early"), now)
    assert second.card.data["points"] == 20


async def test_a_waiting_value_that_the_template_does_not_take_does_not_stop_the_issue(issue, send) -> None:
    await send({"card": "early", "set": {"points": "many", "balance": 5}})
    card = await issue(external_id="early")
    assert (card.data["points"], card.data["balance"]) == (0, 5)


async def test_an_unknown_serial_number_or_number_is_no_card_and_keeps_nothing(db, published, send) -> None:
    for card in ({"serial_number": "nope"}, {"number": "nope"}):
        assert (await send({"card": card, "set": {"points": 1}})).result == "no_card"
    assert await db.fetch("SELECT * FROM waiting_changes") == []


async def test_a_card_of_another_brand_is_no_card(db, card, till, now) -> None:
    other = await brands.add(
        db, key="other", name="Other", pass_type_identifier="pass.other", team_identifier="T", now=now
    )
    await sources.add(db, other.id, "stranger", now)
    stranger = await sources.by_name(db, "stranger", now)
    event = HookEvent("e", "card.changed", now, {"card": card.serial_number, "set": {"points": 1}})
    assert (await sources.deliver(db, stranger, event, now)).result == "no_card"


async def test_issued_and_voided_events(db, published, send) -> None:
    body = {"template": "small", "external_id": "c-9", "data": {"points": 9}}
    assert (await send(body, kind="card.issued")).result == "applied"
    assert (await send(body, kind="card.issued")).result == "nothing_visible"
    assert (await send({"card": "c-9"}, kind="card.voided")).result == "applied"
    assert (await send({"card": "c-9"}, kind="card.voided")).result == "nothing_visible"
    assert (await send({"card": "nobody"}, kind="card.voided")).result == "no_card"
    assert (await cards.find(db, published.id, "c-9")).state == "voided"
    with pytest.raises(Invalid) as refused:
        await send({"template": "small", "data": {"points": "x"}}, kind="card.issued")
    assert [problem.pointer for problem in refused.value.problems] == ["/data/data/points"]


class History:
    """Changes of one card as a backend makes them: versions rise, each carries absolute state."""

    steps = st.lists(
        st.tuples(st.sampled_from(["points", "balance", "both"]), st.integers(min_value=0, max_value=10**6)),
        min_size=1,
        max_size=8,
    )

    @staticmethod
    def events(steps) -> list[dict[str, Any]]:
        return [
            {"version": version, "set": dict.fromkeys(("points", "balance") if which == "both" else (which,), value)}
            for version, (which, value) in enumerate(steps, 1)
        ]

    @staticmethod
    def outcome(events) -> dict[str, int]:
        final = {"points": 0, "balance": 0}
        for event in events:
            final |= event["set"]
        return final


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_any_order_with_any_repetitions_ends_in_the_newest_state(db, published, till, data) -> None:
    """Also when the card is issued somewhere in between."""
    events = History.events(data.draw(History.steps))
    order = data.draw(st.permutations(list(range(len(events))) * 2))
    issue_after = data.draw(st.integers(min_value=0, max_value=len(order)))
    name = f"c-{await next_number(db)}"
    for place, number in enumerate(order):
        if place == issue_after:
            await cards.issue(db, published.id, NewCard(template="small", external_id=name), NOW)
        event = HookEvent(f"{name}-{number}", "card.changed", NOW, {"card": name, **events[number]})
        await sources.deliver(db, till, event, NOW)
    if issue_after == len(order):
        await cards.issue(db, published.id, NewCard(template="small", external_id=name), NOW)
    found = await cards.find(db, published.id, CardRef(external_id=name))
    assert {"points": found.data["points"], "balance": found.data["balance"]} == History.outcome(events)


async def next_number(db) -> int:
    return (await db.fetch("SELECT count(*) FROM cards"))[0][0] + (await db.fetch("SELECT count(*) FROM seen_events"))[
        0
    ][0]
