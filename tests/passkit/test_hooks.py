"""Standard Webhooks, judged by a signer written here from the specification's words."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passkit import hooks
from passkit.hooks import Reason, Refusal, Verified

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KEY = bytes(range(32))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
BODY = b'{"type":"card.changed","timestamp":"2026-11-22T12:00:00Z","data":{"card":"A","set":{"points":1}}}'
UNIX = str(int(NOW.timestamp())).encode()


def by_the_specification(key: bytes, id: bytes, timestamp: bytes, body: bytes) -> bytes:
    """HMAC-SHA256 over ``id.timestamp.body`` with the decoded key, base64, after ``v1,``."""
    return b"v1," + base64.b64encode(hmac.new(key, id + b"." + timestamp + b"." + body, hashlib.sha256).digest())


def headers(signature: bytes, id: bytes = b"msg_1", timestamp: bytes = UNIX) -> list[tuple[bytes, bytes]]:
    return [(b"webhook-id", id), (b"webhook-timestamp", timestamp), (b"webhook-signature", signature)]


GOOD = by_the_specification(KEY, b"msg_1", UNIX, BODY)


def refusal(given_: list[tuple[bytes, bytes]], body: bytes = BODY, secrets: tuple[str, ...] = (SECRET,)) -> Refusal:
    judged = hooks.verify(given_, body, secrets, NOW)
    assert isinstance(judged, Refusal)
    return judged


def test_a_delivery_signed_by_the_specification_is_verified() -> None:
    assert hooks.verify(headers(GOOD), BODY, [SECRET], NOW) == Verified("msg_1", NOW)


def test_our_signature_is_the_one_of_the_specification() -> None:
    assert hooks.sign(SECRET, "msg_1", NOW, BODY).encode() == GOOD


def test_the_published_vector_of_the_reference_libraries_verifies() -> None:
    # https://github.com/standard-webhooks/standard-webhooks, libraries/python/tests
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1614265330, UTC)
    signature = b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    given_ = headers(signature, b"msg_p5jXN8AQM9LWM0D4loKWxJek", b"1614265330")
    assert hooks.verify(given_, body, [secret], at) == Verified("msg_p5jXN8AQM9LWM0D4loKWxJek", at)


def test_while_secrets_rotate_either_verifies() -> None:
    old = "whsec_" + base64.b64encode(b"o" * 24).decode()
    assert isinstance(hooks.verify(headers(GOOD), BODY, [old, SECRET], NOW), Verified)
    both = by_the_specification(b"n" * 24, b"msg_1", UNIX, BODY) + b" " + GOOD
    assert isinstance(hooks.verify(headers(both), BODY, [SECRET], NOW), Verified)


def test_other_versions_of_signatures_are_passed_over() -> None:
    assert isinstance(hooks.verify(headers(b"v1a,%%% v2,abc " + GOOD), BODY, [SECRET], NOW), Verified)


def test_header_names_are_case_insensitive() -> None:
    assert isinstance(hooks.verify([(n.title(), v) for n, v in headers(GOOD)], BODY, [SECRET], NOW), Verified)


@pytest.mark.parametrize("offset", [-300, 300])
def test_five_minutes_either_way_are_allowed(offset: int) -> None:
    assert isinstance(hooks.verify(headers(GOOD), BODY, [SECRET], NOW + timedelta(seconds=offset)), Verified)


@pytest.mark.parametrize("offset", [-301, 301, -86400, 86400])
def test_a_replay_outside_five_minutes_is_refused_for_its_clock(offset: int) -> None:
    judged = hooks.verify(headers(GOOD), BODY, [SECRET], NOW + timedelta(seconds=offset))
    assert isinstance(judged, Refusal)
    assert judged.reason is Reason.CLOCK
    assert str(abs(offset)) in judged.detail


def test_another_secret_is_named() -> None:
    assert refusal(headers(by_the_specification(b"x" * 32, b"msg_1", UNIX, BODY))).reason is Reason.SECRET


def test_a_body_written_anew_on_the_way_is_named() -> None:
    spaced = json.dumps(json.loads(BODY)).encode()
    assert refusal(headers(GOOD), spaced).reason is Reason.BODY
    assert refusal(headers(by_the_specification(KEY, b"msg_1", UNIX, spaced))).reason is Reason.BODY
    assert refusal(headers(GOOD), BODY + b"\n").reason is Reason.BODY


def test_the_undecoded_secret_as_key_is_named() -> None:
    wrong = by_the_specification(SECRET.encode(), b"msg_1", UNIX, BODY)
    assert "base64-decoded" in refusal(headers(wrong)).detail


def test_a_hexadecimal_signature_is_named() -> None:
    digest = hmac.new(KEY, b"msg_1." + UNIX + b"." + BODY, hashlib.sha256).hexdigest().encode()
    assert "base64" in refusal(headers(b"v1," + digest)).detail


def test_a_signature_over_the_body_alone_is_named() -> None:
    alone = b"v1," + base64.b64encode(hmac.new(KEY, BODY, hashlib.sha256).digest())
    assert refusal(headers(alone)).reason is Reason.SIGNATURE


def test_a_source_without_secret_refuses_everything() -> None:
    assert refusal(headers(GOOD), secrets=()).reason is Reason.SECRET
    assert refusal(headers(GOOD), secrets=("whsec_%%%",)).reason is Reason.SECRET


@pytest.mark.parametrize(
    "given_",
    [
        [],
        headers(GOOD)[:2],
        [*headers(GOOD), (b"webhook-id", b"msg_1")],
        [*headers(GOOD), (b"Webhook-Signature", GOOD)],
        headers(GOOD, b""),
        headers(GOOD, b"a.b"),
        headers(GOOD, b"a" * 129),
        headers(GOOD, b"\xff\x00"),
        headers(GOOD, timestamp=UNIX + b".9"),
        headers(GOOD, timestamp=b"+" + UNIX[1:]),
        headers(GOOD, timestamp=UNIX + b"000"),
        headers(GOOD, timestamp="１２３４５６７８９０".encode()),
        headers(b""),
        headers(b"v1"),
        headers(b"v1,"),
        headers(b"v1,%%%"),
        headers(b"v1,\xff"),
        headers(GOOD + b" v1,%%%"),
        headers(GOOD + b"  " + GOOD),
        headers(b" ".join([GOOD] * 9)),
        headers(b"v2,abcd"),
    ],
)
def test_every_malformed_header_is_refused_and_none_raises(given_: list[tuple[bytes, bytes]]) -> None:
    assert refusal(given_).reason is Reason.HEADERS


@given(
    st.lists(
        st.tuples(st.sampled_from([b"webhook-id", b"webhook-timestamp", b"webhook-signature"]), st.binary(max_size=80)),
        max_size=5,
    ),
    st.binary(max_size=80),
)
def test_no_bytes_raise_and_none_verify(given_: list[tuple[bytes, bytes]], body: bytes) -> None:
    assert isinstance(hooks.verify(given_, body, [SECRET], NOW), Refusal)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_altered_byte_of_the_body_is_refused(place: int, change: int) -> None:
    altered = bytearray(BODY)
    altered[place] ^= change
    assert isinstance(hooks.verify(headers(GOOD), bytes(altered), [SECRET], NOW), Refusal)


def test_a_refusal_of_a_huge_body_is_not_worth_the_detective_work() -> None:
    assert refusal(headers(GOOD), b" " * 1_000_000).reason is Reason.SECRET


def test_secrets_have_the_lengths_of_the_specification() -> None:
    assert hooks.key(hooks.new_secret(KEY)) == KEY
    assert hooks.key(hooks.new_secret(KEY).rstrip("=")) == KEY
    for wrong in (23, 65):
        with pytest.raises(ValueError, match="24 to 64"):
            hooks.new_secret(b"x" * wrong)
