"""SECRET: tokens nobody can forge, data nobody can read, and a rotation that locks nobody out."""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from store.keyring import Keyring

OLD = "old:" + "o" * 40
NEW = "new:" + "n" * 40
SERIAL = "AbCdEfGhIjKlMnOpQrStUv"


@pytest.mark.parametrize(
    "text",
    ["", "k1", ":" + "x" * 40, "k1:" + "x" * 31, "k 1:" + "x" * 40, f"{OLD},{OLD}", f"{OLD},", "k.1:" + "x" * 40],
)
def test_a_wrong_setting_is_refused_with_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^SECRET .*\.$"):
        Keyring.parse(text)


def test_the_first_secret_signs_and_all_of_them_check() -> None:
    old, both = Keyring.parse(OLD), Keyring.parse(f"{NEW}, {OLD}")
    issued = old.authentication_token("pass.x", SERIAL, 0)
    assert both.check_token("pass.x", SERIAL, issued.encode()) == 0
    assert both.authentication_token("pass.x", SERIAL, 0).startswith("new.0.")
    assert both.authentication_token("pass.x", SERIAL, 0, "old") == issued
    assert both.decrypt("p", old.encrypt("p", b"data")) == b"data"
    assert old.digest("p", "text") in both.digests("p", "text")
    assert both.digests("p", "text")[0] == both.digest("p", "text")


def test_the_token_is_hmac_sha256_under_a_key_of_hkdf() -> None:
    """Worked out with hashlib and cryptography alone."""
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"passbell/apple-v1").derive(b"o" * 40)
    mac = hmac.new(key, f"pass.x\0{SERIAL}\0{7}".encode(), hashlib.sha256).digest()
    secret_id, generation, text = Keyring.parse(OLD).authentication_token("pass.x", SERIAL, 7).split(".")
    assert (secret_id, generation, urlsafe_b64decode(text + "=")) == ("old", "7", mac)


def test_a_token_is_good_for_its_card_and_generation_alone() -> None:
    ring = Keyring.parse(OLD)
    token = ring.authentication_token("pass.x", SERIAL, 3).encode()
    assert ring.check_token("pass.x", SERIAL, token) == 3
    assert ring.check_token("pass.y", SERIAL, token) is None
    assert ring.check_token("pass.x", SERIAL[::-1], token) is None
    assert ring.check_token("pass.x", SERIAL, token.replace(b".3.", b".4.")) is None
    assert ring.check_token("pass.x", SERIAL, token.replace(b"old", b"new")) is None


@given(st.binary(max_size=200))
def test_no_bytes_whatever_are_a_token_or_an_exception(token: bytes) -> None:
    assert Keyring.parse(OLD).check_token("pass.x", SERIAL, token) is None


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_encrypted_comes_back_for_its_purpose_and_place_alone(content: bytes, purpose: str) -> None:
    ring = Keyring.parse(OLD)
    sealed = ring.encrypt(purpose, content, b"place")
    assert ring.decrypt(purpose, sealed, b"place") == content
    assert len(content) < 8 or content not in sealed
    for wrong in ((purpose + "x", sealed, b"place"), (purpose, sealed, b"other"), (purpose, sealed[:-1], b"place")):
        with pytest.raises(ValueError, match="does not fit"):
            ring.decrypt(*wrong)


def test_data_of_a_missing_secret_says_which() -> None:
    with pytest.raises(ValueError, match="'old'"):
        Keyring.parse(NEW).decrypt("p", Keyring.parse(OLD).encrypt("p", b"data"))


def test_fingerprints_differ_by_value_and_tell_nothing_of_it() -> None:
    first, second = Keyring.parse("k:" + "a" * 32), Keyring.parse("k:" + "b" * 32)
    assert first.fingerprints() != second.fingerprints()
    assert first.fingerprints() == Keyring.parse("k:" + "a" * 32).fingerprints()


def test_install_tokens_are_url_safe_and_differ_by_card_and_generation() -> None:
    ring = Keyring.parse(OLD)
    tokens = {ring.install_token(serial, generation) for serial in ("a", "b") for generation in (0, 1)}
    assert len(tokens) == 4
    assert all(len(token) == 28 and token.replace("-", "").replace("_", "").isalnum() for token in tokens)
