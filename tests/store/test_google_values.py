"""Ledgers and messages as values: what a moving clock makes of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sandbox import google_schema
from store import googleledger as ledger
from store import googlemessages as messages
from store.google import ClassMessage
from store.tables import to_micros

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hours: float) -> datetime:
    return NOW + hours * HOUR


@given(st.lists(st.floats(0, 200), max_size=60))
def test_no_24_hours_ever_see_a_fourth_notification(moments: list[float]) -> None:
    stamps: list[int] = []
    heard: list[datetime] = []
    for moment in sorted(moments):
        now = at(moment)
        if ledger.is_free(stamps, now):
            stamps = [*ledger.recent(stamps, now), to_micros(now)]
            heard.append(now)
    for first in heard:
        assert sum(first <= one < first + timedelta(hours=24) for one in heard) <= 3


def test_after_a_refusal_of_googles_a_day_is_silent() -> None:
    stamps = ledger.full(NOW)
    assert not ledger.is_free(stamps, at(23.9))
    assert ledger.is_free(stamps, at(24.1))


def test_a_place_is_given_back_once() -> None:
    assert ledger.without([1, 2, 2], 2) == [1, 2]
    assert ledger.without([1], None) == [1]
    assert ledger.without([1], 5) == [1]


def message(name: str, start: float | None = None, end: float | None = None, **given) -> ClassMessage:
    moments = [None if moment is None else at(moment) for moment in (start, end)]
    return ClassMessage(name, {"en": "Title"}, {"en": "Text"}, *moments, **given)


def test_a_message_comes_at_its_start_and_goes_at_its_end() -> None:
    wanted = [message("a", 1, 2)]
    assert messages.plan(wanted, [], NOW) == messages.Plan((), False, None, at(1))
    assert messages.plan(wanted, [], at(1)) == messages.Plan((), False, wanted[0], at(1))
    assert messages.plan(wanted, ["a"], at(1.5)) == messages.Plan((wanted[0],), False, None, at(2))
    assert messages.plan(wanted, ["a"], at(2)) == messages.Plan((), True, None, at(2))
    assert messages.plan(wanted, [], at(2)) == messages.Plan((), False, None, None)


def test_the_tenth_waits_for_one_of_the_nine_to_end() -> None:
    wanted = [message(str(number), end=number + 1) for number in range(11)]
    sent = [str(number) for number in range(9)]
    assert messages.plan(wanted, sent, NOW).add is None
    assert messages.plan(wanted, sent, NOW).next_at == at(1)
    later = messages.plan(wanted, sent, at(1))
    assert (later.ended, len(later.keep), later.add) == (True, 8, wanted[9])


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.floats(-5, 5), st.floats(0.1, 10)), max_size=30, unique_by=lambda one: one[0]
    )
)
def test_stepping_through_time_shows_each_message_that_fits_and_never_ten(rows) -> None:
    """A worker that does what the plan says, whenever it says to: every message is shown while it should be."""
    wanted = [message(str(name), start, start + length) for name, start, length in rows]
    sent: list[str] = []
    now: datetime | None = at(-6)
    for _ in range(200):
        plan = messages.plan(wanted, sent, now)
        sent = [one.id for one in plan.keep] + ([plan.add.id] if plan.add else [])
        assert len(sent) <= messages.MOST
        now = plan.next_at
        if now is None:
            break
    assert now is None
    assert sent == []


def test_a_message_is_googles_resource() -> None:
    one = ClassMessage("a", {"ru": "Новости"}, {"en": "Text", "ru": "Текст"}, NOW, None, True)
    assert messages.resource(one, language="ru", notify=True) == {
        "id": "a",
        "messageType": "TEXT_AND_NOTIFY",
        "header": "Новости",
        "body": "Текст",
        "localizedBody": {
            "defaultValue": {"language": "ru", "value": "Текст"},
            "translatedValues": [{"language": "en", "value": "Text"}],
        },
        "displayInterval": {"start": {"date": "2026-11-22T12:00:00+00:00"}},
    }
    assert messages.from_json(messages.to_json(one)) == one
    for shown in (one, ClassMessage("b", {}, {"en": "Text"})):
        assert google_schema.problems("Message", messages.resource(shown, language="ru", notify=False)) == []
