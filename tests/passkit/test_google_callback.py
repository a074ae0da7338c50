"""Which callbacks are believed: each rule of ECv2SigningOnly with a vector that breaks that rule alone."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from passkit.google.callback import PROTOCOL, Callback, Event, Reason, Refusal, RootKey, root_keys, verify
from sandbox.google_callbacks import CallbackKeys, as_sent
from tests.google_callbacks import Sender, key_value, length_value, new_key, signature

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ISSUER = "3388000000000000001"
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def google() -> Sender:
    return Sender(ISSUER, NOW)


def roots(*senders: Sender, expires_at: datetime | None = NOW + DAY) -> list[RootKey]:
    return [RootKey(key_value(sender.root), PROTOCOL, expires_at) for sender in senders]


def refused(body: bytes, keys: list[RootKey], issuer: str = ISSUER) -> Reason:
    judged = verify(body, issuer, keys, NOW)
    assert isinstance(judged, Refusal), judged
    assert judged.detail.endswith(".")
    return judged.reason


@pytest.mark.parametrize("event", ["save", "del"])
def test_a_good_callback_is_believed(google: Sender, event: str) -> None:
    judged = verify(google.body(event), ISSUER, roots(google), NOW)
    assert judged == Callback(
        class_id=f"{ISSUER}.coffee",
        object_id=f"{ISSUER}.card-1",
        event=Event(event),
        nonce="1a9e3df0-0000-4000-8000-000000000001",
        expires_at=NOW + timedelta(hours=1),
    )


@pytest.mark.parametrize("event", ["save", "del"])
def test_the_stand_in_s_callbacks_are_believed_with_the_keys_it_publishes(event: str) -> None:
    keys = CallbackKeys(clock=NOW.timestamp)
    message = keys.message(event, f"{ISSUER}.кофейня", f"{ISSUER}.карта")
    known = root_keys(json.dumps(keys.published()).encode())
    assert len(known) == 1, "the key of another protocol is not taken"
    judged = verify(as_sent(keys.sign(message, ISSUER)), ISSUER, known, NOW)
    assert isinstance(judged, Callback)
    assert (judged.event, judged.object_id) == (event, f"{ISSUER}.карта")
    assert isinstance(verify(as_sent(keys.sign(message, "1")), ISSUER, known, NOW), Refusal)


def test_lengths_are_counted_in_bytes(google: Sender) -> None:
    body = google.body(objectId=f"{ISSUER}.карта-7", classId=f"{ISSUER}.кофейня☕")
    judged = verify(body, ISSUER, roots(google), NOW)
    assert isinstance(judged, Callback)
    assert judged.object_id == f"{ISSUER}.карта-7"


def test_texts_are_signed_as_they_came_with_their_escapes(google: Sender) -> None:
    escaped = google.changed(escaped=True)
    body = escaped.body()
    assert rb"\\u003d" in body
    assert isinstance(verify(body, ISSUER, roots(escaped), NOW), Callback)
    message = json.dumps(google.message(objectId=f"{ISSUER}.карта")).replace("i", "\\u0069")
    written_otherwise = json.dumps(google.document(message)).encode()
    assert isinstance(verify(written_otherwise, ISSUER, roots(google), NOW), Callback)


def test_a_signed_key_written_anew_is_another_text(google: Sender) -> None:
    document = google.changed(escaped=True).document(google.message())
    key = document["intermediateSigningKey"]
    key["signedKey"] = json.dumps(json.loads(key["signedKey"]))
    assert refused(json.dumps(document).encode(), roots(google)) is Reason.ROOT_SIGNATURE


def test_a_message_for_another_issuer_is_refused_whatever_it_says(google: Sender) -> None:
    other = google.changed(recipient="3388000000000000002")
    assert refused(other.body(), roots(google)) is Reason.SIGNATURE
    assert isinstance(verify(other.body(), "3388000000000000002", roots(google), NOW), Refusal), "its ids are ours"


@pytest.mark.parametrize(
    "foreign", ["3388000000000000002.card", "33880000000000000011.card", ISSUER, "card", "." + ISSUER]
)
@pytest.mark.parametrize("name", ["classId", "objectId"])
def test_ids_of_another_issuer_are_refused_even_signed_for_us(google: Sender, name: str, foreign: str) -> None:
    assert refused(google.body(**{name: foreign}), roots(google)) is Reason.ISSUER


def test_an_expired_root_key_vouches_for_nothing(google: Sender) -> None:
    other = google.changed(root=new_key())
    keys = roots(google, expires_at=NOW) + roots(other)
    judged = verify(google.body(), ISSUER, keys, NOW)
    assert isinstance(judged, Refusal)
    assert (judged.reason, "expired" in judged.detail) == (Reason.ROOT_SIGNATURE, True)
    assert refused(google.body(), roots(google, expires_at=NOW)) is Reason.ROOT_KEYS
    assert isinstance(verify(google.body(), ISSUER, roots(google, expires_at=None), NOW), Callback)


def test_without_any_root_key_the_refusal_says_so(google: Sender) -> None:
    assert refused(google.body(), []) is Reason.ROOT_KEYS
    other_protocol = [RootKey(key_value(google.root), "ECv1", None)]
    assert refused(google.body(), other_protocol) is Reason.ROOT_KEYS


def test_an_expired_intermediate_key_is_refused(google: Sender) -> None:
    assert refused(google.changed(intermediate_days=0).body(), roots(google)) is Reason.INTERMEDIATE_EXPIRED
    assert refused(google.changed(intermediate_days=-1).body(), roots(google)) is Reason.INTERMEDIATE_EXPIRED


@pytest.mark.parametrize("text", [True, False])
def test_an_expired_message_is_refused_in_both_spellings_of_its_time(google: Sender, text: bool) -> None:
    end = int(NOW.timestamp() * 1000)
    late, early = (str(end), str(end + 1)) if text else (end, end + 1)
    assert refused(google.body(expTimeMillis=late), roots(google)) is Reason.MESSAGE_EXPIRED
    assert isinstance(verify(google.body(expTimeMillis=early), ISSUER, roots(google), NOW), Callback)


def test_a_changed_event_breaks_the_signature(google: Sender) -> None:
    document = google.document(google.message("save"))
    document["signedMessage"] = document["signedMessage"].replace('"save"', '"del"')
    assert refused(json.dumps(document).encode(), roots(google)) is Reason.SIGNATURE


@pytest.mark.parametrize("protocol", ["ECv2", "ECv1", "ecv2signingonly", ""])
def test_another_protocol_is_refused_even_well_signed(google: Sender, protocol: str) -> None:
    assert refused(google.changed(protocol=protocol).body(), roots(google)) is Reason.PROTOCOL


@pytest.mark.parametrize("sender", ["GoogleWalletPasses", "Google"])
def test_another_sender_is_refused(google: Sender, sender: str) -> None:
    assert refused(google.changed(sender=sender).body(), roots(google)) is Reason.ROOT_SIGNATURE


def test_any_good_signature_of_several_is_enough(google: Sender) -> None:
    document = google.document(google.message())
    key = document["intermediateSigningKey"]
    stranger = signature(new_key(), length_value("GooglePayPasses", PROTOCOL, key["signedKey"]))
    key["signatures"] = [stranger, "not base64!", b64encode(b"no DER").decode(), *key["signatures"]]
    other = google.changed(root=new_key())
    assert isinstance(verify(json.dumps(document).encode(), ISSUER, roots(other, google), NOW), Callback)
    key["signatures"] = [stranger]
    assert refused(json.dumps(document).encode(), roots(other, google)) is Reason.ROOT_SIGNATURE
    key["signatures"] = []
    assert refused(json.dumps(document).encode(), roots(google)) is Reason.ROOT_SIGNATURE
    key["signatures"] = [stranger] * 100
    assert refused(json.dumps(document).encode(), roots(google)) is Reason.BODY


def test_an_intermediate_key_of_an_impostor_is_refused(google: Sender) -> None:
    assert refused(google.changed(root=new_key()).body(), roots(google)) is Reason.ROOT_SIGNATURE


def test_the_message_must_be_signed_by_the_intermediate_key_and_no_other(google: Sender) -> None:
    document = google.document(google.message())
    row = length_value("GooglePayPasses", ISSUER, PROTOCOL, document["signedMessage"])
    document["signature"] = signature(google.root, row)
    assert refused(json.dumps(document).encode(), roots(google)) is Reason.SIGNATURE


@pytest.mark.parametrize("key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)])
def test_an_intermediate_key_of_another_kind_is_refused(google: Sender, key: Any) -> None:
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = json.dumps({"keyValue": b64encode(der).decode(), "keyExpiration": "1895000000000"})
    document = google.document(google.message())
    vouched = signature(google.root, length_value("GooglePayPasses", PROTOCOL, text))
    document["intermediateSigningKey"] = {"signedKey": text, "signatures": [vouched]}
    assert refused(json.dumps(document).encode(), roots(google)) is Reason.BODY


@pytest.mark.parametrize(
    "message",
    [
        "[]",
        "no json",
        "{}",
        {"classId": 7},
        {"objectId": None},
        {"eventType": None},
        {"nonce": ""},
        {"nonce": "x" * 501},
        {"nonce": "\0"},
        {"expTimeMillis": True},
        {"expTimeMillis": -1},
        {"expTimeMillis": 10**30},
        {"expTimeMillis": "soon"},
        {"expTimeMillis": 1.5},
    ],
)
def test_a_signed_message_that_makes_no_sense_is_refused(google: Sender, message: str | dict[str, Any]) -> None:
    text = message if isinstance(message, str) else json.dumps(google.message(**message))
    assert refused(json.dumps(google.document(text)).encode(), roots(google)) is Reason.MESSAGE


def test_an_event_that_is_neither_save_nor_del_has_its_own_reason(google: Sender) -> None:
    assert refused(google.body("update"), roots(google)) is Reason.EVENT


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("signature"),
        lambda document: document.pop("signedMessage"),
        lambda document: document.pop("intermediateSigningKey"),
        lambda document: document.update(signature=7),
        lambda document: document.update(signature="¤"),
        lambda document: document.update(signedMessage={}),
        lambda document: document.update(intermediateSigningKey=[]),
        lambda document: document["intermediateSigningKey"].update(signatures="x"),
        lambda document: document["intermediateSigningKey"].update(signedKey=None),
    ],
)
def test_a_malformed_envelope_is_refused(google: Sender, spoil: Callable[[dict[str, Any]], Any]) -> None:
    document = google.document(google.message())
    spoil(document)
    assert refused(json.dumps(document).encode(), roots(google)) is Reason.BODY


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200) | st.recursive(st.none() | st.text(), lambda e: st.lists(e) | st.dictionaries(st.text(), e))
)
def test_no_body_raises(body: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert isinstance(verify(raw, ISSUER, [], NOW), Refusal)


def test_every_changed_byte_of_a_good_callback_is_noticed(google: Sender) -> None:
    """Whatever is flipped: refused, or the same facts (a byte outside of everything that is signed or read)."""
    body, keys = google.body(), roots(google)
    good = verify(body, ISSUER, keys, NOW)
    for place in range(0, len(body), 3):
        judged = verify(body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :], ISSUER, keys, NOW)
        assert isinstance(judged, Refusal) or judged == good


def test_googles_list_becomes_values_with_their_ends(google: Sender) -> None:
    published = {
        "keys": [
            {"keyValue": key_value(google.root), "protocolVersion": PROTOCOL, "keyExpiration": "2154841200000"},
            {"keyValue": key_value(google.root), "protocolVersion": PROTOCOL},
            {"keyValue": "unused", "protocolVersion": "ECv1"},
        ]
    }
    dated, endless = root_keys(json.dumps(published).encode())
    assert dated.expires_at == datetime(2038, 4, 14, 7, 0, tzinfo=UTC)
    assert endless.expires_at is None
    assert isinstance(verify(google.body(), ISSUER, [dated], NOW), Callback)


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [{"protocolVersion": "ECv2SigningOnly", "keyValue": "AAAA"}]}',
        b'{"keys": [{"protocolVersion": "ECv2SigningOnly"}]}',
    ],
)
def test_a_list_that_is_none_is_not_taken(document: bytes) -> None:
    with pytest.raises(ValueError, match="root key"):
        root_keys(document)


def test_a_root_key_with_an_unreadable_end_is_not_taken(google: Sender) -> None:
    key = {"keyValue": key_value(google.root), "protocolVersion": PROTOCOL, "keyExpiration": "never"}
    with pytest.raises(ValueError, match="expiry"):
        root_keys(json.dumps({"keys": [key]}).encode())
