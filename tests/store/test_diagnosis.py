"""The sentence at the end of a timeline, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from store.diagnosis import Holder, diagnosis
from store.timeline import TimelineEntry

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SEEN = {"is_visible": True, "visible": [{"field": "points", "lock_screen": "You have 120 points"}]}
QUIET = {"is_visible": True, "visible": [{"field": "points", "lock_screen": None}]}
UNSEEN = {"is_visible": False, "visible": []}


def entry(kind: str, minutes_ago: float = 1, device: int | None = 1, **detail) -> TimelineEntry:
    return TimelineEntry(NOW - timedelta(minutes=minutes_ago), kind, detail, device)


def holder(number: int = 1, state: str = "active", reason: str | None = None, platform: str = "ApplePass") -> Holder:
    return Holder(number, platform, state, reason, None, None, NOW - timedelta(days=1))


ISSUED = entry("issued", 100)
REGISTERED = entry("registered", 90)

TABLE = [
    ("not_installed", [ISSUED], []),
    ("downloaded_not_added", [ISSUED, entry("fetched", 90)], []),
    ("removed", [ISSUED, entry("fetched", 90), REGISTERED, entry("unregistered", 5)], []),
    ("nothing_changed", [ISSUED, REGISTERED, entry("changed", 5, **UNSEEN)], [holder()]),
    ("on_its_way", [REGISTERED, entry("changed", 1, **SEEN)], [holder()]),
    ("not_pushed", [REGISTERED, entry("changed", 10, **SEEN), entry("queued", 10)], [holder()]),
    (
        "push_retrying",
        [REGISTERED, entry("changed", 10, **SEEN), entry("pushed", 9, result="retry", reason="InternalServerError")],
        [holder()],
    ),
    (
        "token_refused",
        [REGISTERED, entry("changed", 10, **SEEN)],
        [holder(state="parked", reason="DeviceTokenNotForTopic")],
    ),
    (
        "waiting_for_phone",
        [REGISTERED, entry("changed", 10, **SEEN), entry("pushed", 9, result="accepted")],
        [holder()],
    ),
    ("phone_silent", [REGISTERED, entry("changed", 60, **SEEN), entry("pushed", 59, result="accepted")], [holder()]),
    (
        "listed_not_fetched",
        [REGISTERED, entry("changed", 60, **SEEN), entry("pushed", 59, result="accepted"), entry("listed", 58)],
        [holder()],
    ),
    (
        "phone_complains",
        [REGISTERED, entry("changed", 9, **SEEN), entry("listed", 8), entry("log", 7, message="Get pass task failed")],
        [holder()],
    ),
    (
        "download_cut",
        [REGISTERED, entry("changed", 9, **SEEN), entry("listed", 8), entry("fetched", 7), entry("cut", 7)],
        [holder()],
    ),
    ("some_phones", [REGISTERED, entry("changed", 9, **SEEN), entry("fetched", 7)], [holder(1), holder(2)]),
    ("up_to_date", [REGISTERED, entry("changed", 9, **SEEN), entry("listed", 8), entry("fetched", 7)], [holder()]),
    ("up_to_date_silent", [REGISTERED, entry("changed", 9, **QUIET), entry("fetched", 7)], [holder()]),
    (
        "up_to_date",
        [REGISTERED, entry("changed", 9, **SEEN), entry("fetched", 7), entry("changed", 1, **UNSEEN)],
        [holder()],
    ),
    (
        "on_its_way",
        [REGISTERED, entry("changed", 9, **SEEN), entry("fetched", 7), entry("changed", 1, **SEEN)],
        [holder()],
    ),
]


TABLE += [
    (
        "relay_not_allowed",
        [REGISTERED, entry("changed", 10, **SEEN), entry("pushed", 9, result="park", reason="RelayNotAllowed")],
        [holder(state="parked", reason="RelayNotAllowed", platform="AttidoPass")],
    ),
    (
        "token_refused",
        [REGISTERED, entry("changed", 10, **SEEN)],
        [holder(state="parked", reason="SENDER_ID_MISMATCH", platform="fcm")],
    ),
    ("not_rung", [REGISTERED, entry("changed", 10, **SEEN)], [holder(platform="Pass2U")]),
    ("not_pushed", [REGISTERED, entry("changed", 10, **SEEN)], [holder(platform="fcm")]),
    (
        "phone_silent",
        [REGISTERED, entry("changed", 60, **SEEN), entry("pushed", 59, result="accepted", channel="fcm")],
        [holder(platform="fcm")],
    ),
]


@pytest.mark.parametrize(("code", "entries", "holders"), TABLE, ids=[f"{row[0]}-{n}" for n, row in enumerate(TABLE)])
def test_the_timeline_ends_in_the_sentence_of_its_case(code: str, entries, holders) -> None:
    found = diagnosis(entries, holders, NOW)
    assert found.code == code
    for sentence in (found.en, found.ru, found.tell_client_en, found.tell_client_ru):
        assert sentence
    assert not found.tell_client_en.isascii() or found.tell_client_ru != found.tell_client_en


def test_the_sentence_quotes_the_lock_screen_text_and_the_vendors_reason() -> None:
    rung = diagnosis([REGISTERED, entry("changed", 9, **SEEN), entry("fetched", 7)], [holder()], NOW)
    assert "You have 120 points" in rung.en
    assert "You have 120 points" in rung.ru
    refused = diagnosis([entry("changed", 9, **SEEN)], [holder(state="parked", reason="DeviceTokenNotForTopic")], NOW)
    assert "DeviceTokenNotForTopic" in refused.en


@pytest.mark.parametrize(
    ("channel", "platform", "vendor"),
    [
        ("apns", "ApplePass", "Apple"),
        ("fcm", "fcm", "Google (FCM)"),
        ("walletpasses", "AndroidPass", "WalletPasses"),
        ("passwallet", "AttidoPass", "PassWallet"),
    ],
)
@pytest.mark.parametrize(("result", "minutes"), [("retry", 10), ("accepted", 10), ("accepted", 60)])
def test_the_sentence_names_who_was_asked(channel: str, platform: str, vendor: str, result: str, minutes: int) -> None:
    pushed = entry("pushed", minutes - 1, result=result, reason="Busy", channel=channel)
    found = diagnosis([REGISTERED, entry("changed", minutes, **SEEN), pushed], [holder(platform=platform)], NOW)
    assert found.en.startswith(vendor)
    assert vendor in found.ru


def test_a_line_from_before_channels_were_named_is_apples() -> None:
    pushed = entry("pushed", 9, result="retry", reason="InternalServerError")
    found = diagnosis([REGISTERED, entry("changed", 10, **SEEN), pushed], [holder()], NOW)
    assert found.en.startswith("Apple ")
