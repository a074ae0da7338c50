"""Save links: judged by PyJWT and by Google's own library, their payloads by the discovery document's schema."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import jwt as google_jwt

from passkit.errors import CertificateError
from passkit.google.savelink import LIMIT, SAVE, Account, fat, origin, save_link, skinny, token
from sandbox import google_schema
from tests.passkit import google_cases

NOW = datetime(2026, 11, 22, 12, 0, 0, 700_000, tzinfo=UTC)
ISSUER = "3388000000000000001"
CLASS_ID = f"{ISSUER}.coffee-loyalty"
OBJECT_ID = f"{ISSUER}.q2V8wXk0cZ4n1TqTnQ3m7A"
LONG_EMAIL = "passbell-wallet-production@coffee-club-holding-1234567.iam.gserviceaccount.com"
TYPES = ("loyalty", "offer", "giftCard", "eventTicket", "generic", "flight", "transit")


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def account(key: rsa.RSAPrivateKey) -> Account:
    return Account(LONG_EMAIL, "0123456789abcdef0123456789abcdef01234567", pem(key))


@pytest.fixture(scope="module")
def public(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def parts(made: str) -> tuple[dict[str, Any], dict[str, Any]]:
    head, claims, _ = made.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims))  # type: ignore[return-value]


def loyalty(**more: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Insert bodies with the fields that a rich card has."""
    class_ = {
        "id": CLASS_ID,
        "issuerName": "Кофейня",
        "programName": "Клуб любителей кофе",
        "programLogo": {"sourceUri": {"uri": f"https://cards.example.com/images/{'a' * 64}.png"}},
        "reviewStatus": "UNDER_REVIEW",
        "hexBackgroundColor": "#3a2a1e",
        "callbackOptions": {"url": "https://cards.example.com/google/callback/coffee"},
        "heroImage": {"sourceUri": {"uri": f"https://cards.example.com/images/{'b' * 64}.png"}},
        "textModulesData": [{"id": f"t{n}", "header": "Правила", "body": "длинный текст " * 20} for n in range(5)],
    }
    object_ = {
        "id": OBJECT_ID,
        "classId": CLASS_ID,
        "state": "ACTIVE",
        "barcode": {"type": "QR_CODE", "value": "4929123456789015"},
        "accountName": "Анна Петрова",
        "loyaltyPoints": {"balance": {"int": 120}},
        "rotatingBarcode": {"totpDetails": {"parameters": [{"key": "00112233", "valueLength": 8}]}},
        **more,
    }
    return class_, object_


def test_two_other_implementations_verify_it_and_read_the_claims(account: Account, public: bytes) -> None:
    made = token(account, skinny("loyalty", CLASS_ID, OBJECT_ID), NOW, ["https://cards.example.com"])
    theirs = jwt.decode(made, public, algorithms=["RS256"], audience="google", options={"verify_iat": False})
    assert theirs == {
        "iss": LONG_EMAIL,
        "aud": "google",
        "typ": "savetowallet",
        "iat": 1795348800,
        "origins": ["https://cards.example.com"],
        "payload": {"loyaltyObjects": [{"id": OBJECT_ID, "classId": CLASS_ID}]},
    }
    googles = google_jwt.decode(made, verify=False)
    assert googles == theirs
    assert jwt.get_unverified_header(made) == {"alg": "RS256", "typ": "JWT", "kid": account.key_id}


def test_another_key_or_a_changed_claim_does_not_verify(account: Account, public: bytes) -> None:
    made = token(account, skinny("loyalty", CLASS_ID, OBJECT_ID), NOW)
    head, claims, signature = made.split(".")
    changed = base64.urlsafe_b64encode(base64.urlsafe_b64decode(claims + "==").replace(b"loyalty", b"generic"))
    for wrong in (f"{head}.{changed.rstrip(b'=').decode()}.{signature}", made[:-8] + "AAAAAAAA"):
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(wrong, public, algorithms=["RS256"], audience="google")


def test_a_link_never_expires_and_its_time_is_a_whole_number(account: Account) -> None:
    _, claims = parts(token(account, {}, NOW))
    assert "exp" not in claims
    assert type(claims["iat"]) is int


def test_same_inputs_give_the_same_link(account: Account) -> None:
    payload = skinny("offer", CLASS_ID, OBJECT_ID)
    assert save_link(account, payload, NOW) == save_link(account, payload, NOW)


@pytest.mark.parametrize("type_", TYPES)
def test_payload_keys_are_written_as_google_writes_them(type_: str) -> None:
    payload = fat(type_, {"id": CLASS_ID}, {"id": OBJECT_ID, "classId": CLASS_ID})
    known = {
        "loyaltyClasses", "loyaltyObjects", "offerClasses", "offerObjects", "giftCardClasses", "giftCardObjects",
        "eventTicketClasses", "eventTicketObjects", "genericClasses", "genericObjects", "flightClasses", "flightObjects",
        "transitClasses", "transitObjects",
    }  # fmt: skip
    assert payload.keys() | skinny(type_, CLASS_ID, OBJECT_ID).keys() <= known
    assert payload.keys() == {f"{type_}Classes", f"{type_}Objects"}


def test_a_skinny_link_stays_far_below_the_limit(account: Account) -> None:
    link = save_link(
        account, skinny("eventTicket", CLASS_ID, OBJECT_ID), NOW, ["https://wallet.cards.coffee-club.example.com"]
    )
    assert link is not None
    assert link.startswith(SAVE)
    assert len(link) < 1200


def test_a_fat_link_fits_because_it_holds_no_more_than_google_requires(account: Account) -> None:
    link = save_link(account, fat("loyalty", *loyalty()), NOW, ["https://cards.example.com"])
    assert link is not None
    assert len(link) < LIMIT
    _, claims = parts(link.removeprefix(SAVE))
    (class_,), (object_,) = claims["payload"]["loyaltyClasses"], claims["payload"]["loyaltyObjects"]
    assert {"id", "issuerName", "programName", "programLogo", "reviewStatus"} <= class_.keys()
    assert object_.keys() == {"id", "classId", "state", "barcode"}


@pytest.mark.parametrize("name", google_cases.ALL)
def test_what_a_fat_link_holds_of_any_card_is_all_that_google_requires(account: Account, name: str) -> None:
    one = google_cases.made(google_cases.revision(name))
    payload = fat(one.type, one.klass, one.object)
    assert payload.keys() == {one.type.class_key, one.type.object_key}
    assert google_schema.problems("JwtResource", {"jwt": token(account, payload, NOW)}) == []
    for schema, key in ((one.type.class_schema, one.type.class_key), (one.type.object_schema, one.type.object_key)):
        (body,) = payload[key]
        assert google_schema.problems(schema, body) == []
    link = save_link(account, payload, NOW, ["https://cards.example.com"])
    assert link is None or len(link) < LIMIT
    slim = skinny(one.type, one.klass["id"], one.object["id"])
    assert google_schema.problems(one.type.object_schema, slim[one.type.object_key][0], partial=True) == []


def test_most_cards_fit_into_a_fat_link(account: Account) -> None:
    fitting = 0
    for name in google_cases.ALL:
        one = google_cases.made(google_cases.revision(name))
        fitting += (
            save_link(account, fat(one.type, one.klass, one.object), NOW, ["https://cards.example.com"]) is not None
        )
    assert fitting >= 0.9 * len(google_cases.ALL)


def test_nothing_personal_and_no_secret_is_in_a_link(account: Account) -> None:
    for payload in (skinny("loyalty", CLASS_ID, OBJECT_ID), fat("loyalty", *loyalty())):
        _, claims = parts(token(account, payload, NOW))
        text = json.dumps(claims, ensure_ascii=False)
        assert all(secret not in text for secret in ("Анна", "00112233", "PRIVATE KEY"))


def test_a_link_at_the_limit_is_refused(account: Account) -> None:
    class_, object_ = loyalty()
    lengths = {}
    for filled in range(0, 1200, 5):
        object_["barcode"] = {"type": "QR_CODE", "value": "x" * filled}
        payload = fat("loyalty", class_, object_)
        lengths[len(SAVE + token(account, payload, NOW))] = save_link(account, payload, NOW) is not None
    assert max(lengths) > LIMIT > min(lengths)
    assert all(given == (length < LIMIT) for length, given in lengths.items())


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://cards.example.com", "https://cards.example.com"),
        ("https://cards.example.com/club/", "https://cards.example.com"),
        ("https://cards.example.com:8443", "https://cards.example.com:8443"),
        ("http://127.0.0.1:8080", None),
    ],
)
def test_the_origin_is_that_of_our_pages(url: str, expected: str | None) -> None:
    assert origin(url) == expected


@pytest.mark.parametrize(
    "broken",
    [
        "",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP256R1())),
        pem(rsa.generate_private_key(65537, 1024)),
    ],
)
def test_a_broken_key_is_said_in_one_sentence(broken: str) -> None:
    with pytest.raises(CertificateError, match="service account"):
        token(Account(LONG_EMAIL, "1", broken), {}, NOW)


def test_an_account_does_not_show_its_key(account: Account) -> None:
    assert "PRIVATE" not in repr(account)
