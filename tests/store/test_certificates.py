"""A certificate without a shell: key and request made here, the answer tried out before it is used, judged by openssl."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from sqlalchemy import select

from commands import pki
from passkit.apple.signing import load_identity
from store import brands, certificates, tables
from store.audit import Actor
from store.brands import BrandRow
from store.dialect import Database
from store.errors import Invalid, NotFound

NOW = datetime.now(UTC)
PASS_TYPE = "pass.com.example.coffee"
BY = Actor("Anna")


@pytest.fixture(scope="module")
def apple() -> tuple[pki.Pair, pki.Pair]:
    root = pki.root_authority(NOW)
    return root, pki.wwdr_authority(root, NOW)


@pytest_asyncio.fixture
async def mine(db: Database, apple: tuple[pki.Pair, pki.Pair]) -> BrandRow:
    """A brand with one look-alike certificate, whose authority is known from then on."""
    row = await brands.add(
        db, key="shop", name="Shop", pass_type_identifier=PASS_TYPE, team_identifier="ABCDE12345", now=NOW
    )
    first = pki.pass_certificate(apple[1], PASS_TYPE, team="ABCDE12345", now=NOW)
    identity = load_identity(first.certificate_pem, pki.key_pem(first.key), intermediates=[apple[1].certificate_pem])
    await brands.add_certificate(
        db,
        row.id,
        certificate_pem=identity.certificate_pem().decode(),
        private_key_pem=identity.key_pem().decode(),
        fingerprint=identity.fingerprint,
        not_before=identity.not_before,
        not_after=identity.not_after,
        now=NOW,
    )
    return row


def signed(wwdr: pki.Pair, request: str, pass_type: str = PASS_TYPE) -> x509.Certificate:
    """What Apple does with a request: its own names over the public key in it."""
    key = x509.load_pem_x509_csr(request.encode()).public_key()
    model = pki.pass_certificate(wwdr, pass_type, team="ABCDE12345", now=NOW).certificate
    kept = [one for one in model.extensions if one.oid != x509.SubjectKeyIdentifier.oid]
    builder = x509.CertificateBuilder(
        model.issuer, model.subject, key, x509.random_serial_number(), model.not_valid_before_utc,
        model.not_valid_after_utc, kept,
    )  # fmt: skip
    return builder.sign(wwdr.key, model.signature_hash_algorithm)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


async def test_a_request_is_one_that_openssl_believes_and_is_made_once(db: Database, mine: BrandRow):
    made = await certificates.new_request(db, mine, BY, NOW)
    assert await certificates.new_request(db, mine, BY, NOW) == made
    command = ["openssl", "req", "-verify", "-noout", "-subject", "-text"]
    told = subprocess.run(command, input=made.pem.encode(), capture_output=True, check=True).stdout.decode()
    assert PASS_TYPE in told
    assert "2048 bit" in told
    again = await certificates.new_request(db, mine, BY, NOW, again=True)
    assert [one.id for one in await certificates.waiting(db, mine.id, NOW)] == [again.id, made.id]
    assert (await certificates.request_of(db, mine.id, made.id)).pem == made.pem
    with pytest.raises(NotFound):
        await certificates.request_of(db, mine.id + 1, made.id)


async def test_apples_answer_is_paired_with_its_key_and_used(
    db: Database, mine: BrandRow, apple: tuple[pki.Pair, pki.Pair]
):
    old = await certificates.new_request(db, mine, BY, NOW)
    await certificates.new_request(db, mine, BY, NOW, again=True)
    taken = await certificates.take_in(db, mine, der(signed(apple[1], old.pem)), BY, NOW)
    assert (taken.pass_type_identifier, taken.days_left >= 390) == (PASS_TYPE, True)
    stored = await brands.certificates(db)
    assert len(stored) == 2
    for one in stored:
        identity = load_identity(one.certificate_pem.encode(), one.private_key_pem.encode())
        assert identity.sign(b"{}", NOW)
    assert len(await certificates.waiting(db, mine.id, NOW)) == 1
    async with db.reading() as conn:
        keys = (await conn.execute(select(tables.certificate_requests.c.key_encrypted))).scalars().all()
    assert not any(b"PRIVATE" in key for key in keys)


async def test_a_p12_brings_its_own_key_and_asks_for_its_password(
    db: Database, mine: BrandRow, apple: tuple[pki.Pair, pki.Pair]
):
    pair = pki.pass_certificate(apple[1], PASS_TYPE, team="ABCDE12345", now=NOW)
    sealed = serialization.BestAvailableEncryption(b"sesame")
    p12 = pkcs12.serialize_key_and_certificates(b"x", pair.key, pair.certificate, None, sealed)
    with pytest.raises(Invalid) as refused:
        await certificates.take_in(db, mine, p12, BY, NOW)
    assert refused.value.code == "password_needed"
    assert (await certificates.take_in(db, mine, p12, BY, NOW, password="sesame")).team_identifier == "ABCDE12345"
    with pytest.raises(Invalid) as refused:
        await certificates.take_in(db, mine, p12, BY, NOW, password="sesame")
    assert refused.value.code == "already_known"


async def test_what_does_not_belong_here_is_refused_by_name(
    db: Database, mine: BrandRow, apple: tuple[pki.Pair, pki.Pair]
):
    made = await certificates.new_request(db, mine, BY, NOW)
    other = await brands.add(
        db, key="other", name="Other", pass_type_identifier="pass.com.example.other", team_identifier="X", now=NOW
    )
    stranger = pki.pass_certificate(apple[1], PASS_TYPE, team="ABCDE12345", now=NOW).certificate
    cases = {
        "no_waiting_key": (mine, der(stranger), NOW),
        "other_pass_type": (mine, der(signed(apple[1], made.pem, "pass.com.example.tea")), NOW),
        "certificate_over": (mine, der(signed(apple[1], made.pem)), NOW + timedelta(days=500)),
        "bad_certificate": (mine, b"not a certificate", NOW),
    }
    for code, (brand, content, now) in cases.items():
        with pytest.raises(Invalid) as refused:
            await certificates.take_in(db, brand, content, BY, now)
        assert refused.value.code == code
    for content in (der(apple[1].certificate), b"0" * 100_000, made.pem.encode()):
        with pytest.raises(Invalid) as refused:
            await certificates.take_in(db, mine, content, BY, NOW)
        assert refused.value.code == "bad_certificate"
    with pytest.raises(Invalid) as refused:  # the key waits, but with another brand
        await certificates.take_in(db, other, der(signed(apple[1], made.pem)), BY, NOW)
    assert refused.value.code == "no_waiting_key"
    assert len(await brands.certificates(db)) == 1
