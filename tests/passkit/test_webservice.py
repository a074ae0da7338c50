"""Apple's web service without HTTP, judged by the protocol's text and by RFC 9110, never by our own output."""

from __future__ import annotations

import calendar
import email.utils
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passkit.apple import webservice
from passkit.apple.webservice import Malformed, Registration, Scheme

EDITIONS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ_-0123456789", min_size=22, max_size=22)
REGISTRATIONS = st.dictionaries(st.integers(1, 2**40), EDITIONS, min_size=1, max_size=12)


def test_a_phone_that_listed_everything_is_told_nothing_more() -> None:
    digests = webservice.vector([(1, "a" * 22), (2, "b" * 22)])
    assert webservice.stale(webservice.update_tag(digests), digests) == [False, False]


@given(REGISTRATIONS, st.data())
def test_exactly_the_cards_that_changed_since_the_tag_are_stale(
    registrations: dict[int, str], data: st.DataObject
) -> None:
    before = sorted(registrations.items())
    changed = data.draw(st.sets(st.sampled_from([number for number, _ in before])))
    after = [(number, edition[::-1] + "x" if number in changed else edition) for number, edition in before]
    tag = webservice.update_tag(webservice.vector(before))
    told = webservice.stale(tag, webservice.vector(after))
    assert {number for (number, _), is_stale in zip(after, told, strict=True) if is_stale} == changed


@given(REGISTRATIONS)
def test_the_order_of_registrations_and_a_removed_card_change_nothing(registrations: dict[int, str]) -> None:
    rows = list(registrations.items())
    tag = webservice.update_tag(webservice.vector(rows))
    left = rows[::-1][:-1]
    assert webservice.stale(tag, webservice.vector(left)) == [False] * len(left)


def test_a_card_registered_again_is_told_again() -> None:
    tag = webservice.update_tag(webservice.vector([(1, "same edition")]))
    assert webservice.stale(tag, webservice.vector([(2, "same edition")])) == [True]


@pytest.mark.parametrize("count", [0, 1, 40, 255, 256, 5000])
def test_a_tag_is_opaque_text_of_at_most_2_kib_that_survives_a_url(count: int) -> None:
    tag = webservice.update_tag(webservice.vector([(number, "edition") for number in range(count)]))
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,2048}", tag)


def test_past_2_kib_a_change_lists_every_card_and_no_change_lists_none() -> None:
    rows = [(number, "edition") for number in range(1000)]
    tag = webservice.update_tag(webservice.vector(rows))
    assert not any(webservice.stale(tag, webservice.vector(rows)))
    assert not any(webservice.stale(tag, webservice.vector(rows[::-1])))
    assert all(webservice.stale(tag, webservice.vector([(0, "another edition"), *rows[1:]])))


@pytest.mark.parametrize(
    "tag", [None, "", "0", "1", "1.abc", "2.abcdefgh", "1.abcdefgh\n", "1w.", "1732270000", "é", "1." + "a" * 2047]
)
def test_a_tag_that_is_not_ours_lists_everything(tag: str | None) -> None:
    assert webservice.stale(tag, webservice.vector([(1, "x"), (2, "y")])) == [True, True]


@given(st.text(max_size=3000))
def test_any_text_as_tag_is_answered(tag: str) -> None:
    assert len(webservice.stale(tag, webservice.vector([(1, "x")]))) == 1


@pytest.mark.parametrize("scheme", ["ApplePass", "AndroidPass", "AttidoPass"])
def test_the_schemes_of_three_wallets_are_known(scheme: str) -> None:
    assert webservice.credentials([f"{scheme} token".encode()]) == (Scheme(scheme), b"token")


def test_the_scheme_is_case_insensitive_as_rfc_9110_says() -> None:
    assert webservice.credentials([b"applepass  token "]) == (Scheme.APPLE, b"token")


@pytest.mark.parametrize(
    "values",
    [
        [],
        [b""],
        [b"ApplePass"],
        [b"ApplePass "],
        [b"Bearer token"],
        [b"ApplePass a", b"ApplePass a"],
        [b"ApplePass " + b"a" * 600],
    ],
)
def test_anything_but_one_readable_header_is_no_credential(values: list[bytes]) -> None:
    assert webservice.credentials(values) is None


@given(st.lists(st.binary(max_size=600), max_size=3))
def test_no_header_bytes_raise(values: list[bytes]) -> None:
    found = webservice.credentials(values)
    assert found is None or found[1] in values[0]


def test_a_push_token_of_apple_is_hex_and_stored_in_one_spelling() -> None:
    body = b'{"pushToken": "' + b"AB" * 32 + b'"}'
    assert webservice.registration(body) == Registration("ApplePass", "ab" * 32)


def test_a_relay_token_is_kept_as_it_came() -> None:
    body = b'{"pushToken":"APA91b:Xy_z-9"}'
    assert webservice.registration(body, Scheme.ANDROID) == Registration("AndroidPass", "APA91b:Xy_z-9")


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"kind":"fcm","pushToken":"dGhlIGZpZA:APA91b-x_9"}', "token:dGhlIGZpZA:APA91b-x_9"),
        (b'{"kind":"fcm","fid":"fJ0pYyQRS8mTn2GxWq0xYz"}', "fid:fJ0pYyQRS8mTn2GxWq0xYz"),
        (b'{"kind":"fcm","fid":null,"pushToken":"dGhlIGZpZA:APA91b"}', "token:dGhlIGZpZA:APA91b"),
    ],
)
def test_the_companys_own_app_registers_a_token_or_an_installation(body: bytes, kept: str) -> None:
    assert webservice.registration(body) == Registration("fcm", kept)


@pytest.mark.parametrize(
    "body",
    [
        b'{"kind":"fcm"}', b'{"kind":"fcm","fid":""}', b'{"kind":"fcm","fid":7}', b'{"kind":"fcm","fid":"a b c d e f g"}',
        b'{"kind":"fcm","fid":"fJ0pYyQRS8mTn2GxWq0xYz","pushToken":"dGhlIGZpZA:APA91b"}',
        b'{"kind":"fcm","pushToken":"with space in it"}',
    ],
)  # fmt: skip
def test_an_address_that_is_none_of_firebases_is_refused(body: bytes) -> None:
    assert isinstance(webservice.registration(body), Malformed)


def test_a_kind_that_nobody_knows_changes_nothing() -> None:
    body = b'{"kind":"watch","pushToken":"' + b"ab" * 32 + b'"}'
    assert webservice.registration(body) == Registration("ApplePass", "ab" * 32)


@pytest.mark.parametrize("url", ["https://push.example.com/PassWallet", "http://10.0.0.1", "ftp://x", ""])
def test_passwallets_relay_is_kept_whatever_it_is_and_found_again(url: str) -> None:
    body = b'{"pushToken":"cbc8f591","pushServiceUrl":"' + url.encode() + b'"}'
    kept = webservice.registration(body, Scheme.ATTIDO)
    assert isinstance(kept, Registration)
    assert kept.platform == "AttidoPass"
    assert webservice.relay_of(kept.push_token) == (url, "cbc8f591")


@pytest.mark.parametrize(
    "url", [b'"two words"', b'"' + b"a" * 501 + b'"', b"7", b"null", '"https://xn\u00e9"'.encode()]
)
def test_a_relay_that_can_be_no_url_is_refused(url: bytes) -> None:
    body = b'{"pushToken":"cbc8f591","pushServiceUrl":' + url + b"}"
    assert isinstance(webservice.registration(body, Scheme.ATTIDO), Malformed)


@given(st.binary(max_size=300), st.sampled_from(["ApplePass", "AndroidPass", "AttidoPass", "Pass2U"]))
def test_no_body_raises(body: bytes, platform: str) -> None:
    assert isinstance(webservice.registration(body, platform), Malformed | Registration)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"{}", b'{"pushToken":null}', b'{"pushToken":5}', b'{"pushToken":""}',
        b'{"pushToken":"zz"}',
        b'{"pushToken":"' + b"a" * 63 + b'"}', b'{"pushToken":"' + b"a" * 201 + b'"}',
        b'{"pushToken":"' + b"a" * 64 + b'\\n"}',
        b"\xff\xfe", b"[" * 5000,
    ],
)  # fmt: skip
def test_a_body_without_a_usable_push_token_says_why(body: bytes) -> None:
    answer = webservice.registration(body)
    assert isinstance(answer, Malformed)
    assert answer.reason.endswith(".")


@pytest.mark.parametrize(
    ("scheme", "client", "platform"),
    [
        (Scheme.APPLE, None, "ApplePass"),
        (Scheme.ANDROID, None, "AndroidPass"),
        (Scheme.ATTIDO, None, "AttidoPass"),
        (Scheme.APPLE, "Passes", "Pass2U"),
        (Scheme.APPLE, "Passworks", "Passworks"),
    ],
)
def test_an_android_token_is_never_taken_for_one_of_apples(scheme: Scheme, client: str | None, platform: str) -> None:
    assert webservice.platform(scheme, client) == platform


def test_logs_are_bounded_in_number_and_length() -> None:
    body = b'{"logs":[' + b",".join([b'"' + b"x" * 900 + b'"'] * 100) + b"]}"
    lines = webservice.logs(body)
    assert (len(lines), {len(line) for line in lines}) == (20, {500})


def test_log_lines_lose_what_could_forge_lines_or_colours() -> None:
    (line,) = webservice.logs(b'{"logs":["a\\r\\nb\\u001b[31mc\\u202ed\\u0000"]}')
    assert not re.search(r"[\x00-\x1f\x7f\u202e]", line)


@given(st.binary(max_size=400))
def test_any_log_body_is_taken(body: bytes) -> None:
    assert all(0 < len(line) <= 500 for line in webservice.logs(body))


def test_the_old_form_of_a_log_is_read() -> None:
    assert webservice.logs(b'{"description": "it failed"}') == ["it failed"]


@given(st.integers(0, 253402300799))
def test_http_dates_are_those_of_the_standard_library(seconds: int) -> None:
    assert webservice.http_date(seconds) == email.utils.formatdate(seconds, usegmt=True)


def test_the_three_forms_of_rfc_9110_mean_the_same_moment() -> None:
    moment = calendar.timegm((1994, 11, 6, 8, 49, 37))
    forms = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994")
    assert all(webservice.not_modified(form, moment) for form in forms)


@pytest.mark.parametrize(
    "given_",
    [
        None,
        "",
        "now",
        "Sun, 06 Nov 1994 08:49:36 GMT",
        "Sun, 06 Nov 1994 08:49:38 GMT",
        "Sun, 06 Nov 2994 08:49:37 GMT",
    ],
)
def test_a_date_that_is_not_exactly_ours_is_never_unmodified(given_: str | None) -> None:
    assert not webservice.not_modified(given_, calendar.timegm((1994, 11, 6, 8, 49, 37)))
