"""Signatures and certificates, judged by openssl, by asn1crypto and by cryptography's own PKCS #7 builder."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from asn1crypto import cms as asn1_cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509.oid import NameOID
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from commands import pki as authorities
from commands.pki import LookAlike, Pair
from passkit.apple import wwdr
from passkit.apple.signing import Identity, Signers, load_identity, load_p12
from passkit.errors import CertificateError
from tests.judges import need

NOW = datetime.now(UTC).replace(microsecond=0)
PASS_TYPE = authorities.DEFAULT_PASS_TYPE
ONE_LINE = b'{"pass.json":"0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"}'
MANY_LINES = b'{\n  "pass.json" : "0beec7b5ea3f0fdbc95d0dd47f3c5bc275da8a33"\n}\n'
TEAM = "ABCDE12345"


@pytest.fixture(scope="module")
def leaf(pki: LookAlike) -> Pair:
    return pki.passes[PASS_TYPE]


@pytest.fixture(scope="module")
def elliptic(pki: LookAlike) -> Identity:
    """The same with a P-256 key."""
    key = authorities.new_key(elliptic=True)
    certificate = authorities.issue(pki.wwdr, authorities.request(key, PASS_TYPE), PASS_TYPE, now=NOW)
    return load_identity(pem(certificate), authorities.key_pem(key), intermediates=[pki.wwdr.certificate_pem])


@pytest.fixture(params=["rsa", "p-256"])
def signer(request: pytest.FixtureRequest, identity: Identity, elliptic: Identity) -> Identity:
    return identity if request.param == "rsa" else elliptic


def openssl(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [need("openssl"), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def verify(
    folder: Path, root: Pair, manifest: bytes, signature: bytes, *options: str
) -> subprocess.CompletedProcess[str]:
    """What Apple's reference asks of a verifier: the exact bytes, the chain, any purpose."""
    (folder / "root.pem").write_bytes(root.certificate_pem)
    (folder / "manifest.json").write_bytes(manifest)
    (folder / "signature").write_bytes(signature)
    command = (
        "cms -verify -binary -inform DER -in signature -content manifest.json -CAfile root.pem -purpose any -out out"
    )
    return openssl(*command.split(), *options, cwd=folder)


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def signed_data(signature: bytes) -> asn1_cms.SignedData:
    return asn1_cms.ContentInfo.load(signature, strict=True)["content"]


def attributes(signature: bytes) -> dict[str, object]:
    return {
        one["type"].native: one["values"][0].native for one in signed_data(signature)["signer_infos"][0]["signed_attrs"]
    }


def named(**names: str) -> x509.Name:
    kinds = {"UID": NameOID.USER_ID, "CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}
    return x509.Name([x509.NameAttribute(kinds[kind], value) for kind, value in names.items()])


def made_for(subject: x509.Name, issuer: Pair | x509.Name, key: authorities.SigningKey) -> x509.Certificate:
    """A certificate with any subject, issued by an authority or, with a name alone, by a stranger of that name."""
    stranger = Pair(None, authorities.new_key(elliptic=True)) if isinstance(issuer, x509.Name) else issuer  # type: ignore[arg-type]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer if isinstance(issuer, x509.Name) else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
    )
    return builder.sign(stranger.key, hashes.SHA256())


# What is signed, and how


@pytest.mark.parametrize("manifest", [ONE_LINE, MANY_LINES], ids=["one line", "many lines"])
def test_openssl_verifies_the_signature_over_the_exact_bytes_and_the_chain(
    signer: Identity, pki: LookAlike, manifest: bytes, tmp_path: Path
) -> None:
    judged = verify(tmp_path, pki.root, manifest, signer.sign(manifest, NOW))
    assert judged.returncode == 0, judged.stderr
    assert (tmp_path / "out").read_bytes() == manifest


@pytest.mark.parametrize("other", [MANY_LINES.replace(b"\n", b"\r\n"), MANY_LINES + b"\n", ONE_LINE, b""])
def test_openssl_refuses_any_other_bytes(signer: Identity, pki: LookAlike, other: bytes, tmp_path: Path) -> None:
    assert verify(tmp_path, pki.root, other, signer.sign(MANY_LINES, NOW)).returncode != 0


def test_openssl_refuses_it_under_another_root(identity: Identity, tmp_path: Path) -> None:
    another = authorities.root_authority(NOW)
    assert verify(tmp_path, another, ONE_LINE, identity.sign(ONE_LINE, NOW)).returncode != 0


@pytest.mark.parametrize("manifest", [ONE_LINE, MANY_LINES], ids=["one line", "many lines"])
def test_it_is_byte_for_byte_what_cryptographys_builder_makes_at_the_same_second(
    identity: Identity, pki: LookAlike, manifest: bytes
) -> None:
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    theirs = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(manifest)
        .add_signer(identity.certificate, identity.key, hashes.SHA256())
        .add_certificate(pki.wwdr.certificate)
        .sign(serialization.Encoding.DER, options)
    )
    when = attributes(theirs)["signing_time"]
    assert isinstance(when, datetime)
    assert identity.sign(manifest, when) == theirs


def test_an_elliptic_signature_has_the_structure_that_cryptographys_builder_gives_it(
    elliptic: Identity, pki: LookAlike
) -> None:
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    theirs = (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(ONE_LINE)
        .add_signer(elliptic.certificate, elliptic.key, hashes.SHA256())
        .add_certificate(pki.wwdr.certificate)
        .sign(serialization.Encoding.DER, options)
    )
    when = attributes(theirs)["signing_time"]
    assert isinstance(when, datetime)
    mine, other = signed_data(elliptic.sign(ONE_LINE, when)), signed_data(theirs)
    for part in ("version", "digest_algorithms", "encap_content_info", "certificates"):
        assert mine[part].dump() == other[part].dump()
    for part in ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm"):
        assert mine["signer_infos"][0][part].dump() == other["signer_infos"][0][part].dump()


def test_the_signed_attributes_are_type_digest_and_time_in_the_order_of_der(identity: Identity) -> None:
    signer = signed_data(identity.sign(MANY_LINES, NOW))["signer_infos"][0]
    encoded = [one.dump() for one in signer["signed_attrs"]]
    assert encoded == sorted(encoded)
    assert attributes(identity.sign(MANY_LINES, NOW)) == {
        "content_type": "data",
        "signing_time": NOW,
        "message_digest": hashlib.sha256(MANY_LINES).digest(),
    }


def test_the_leaf_and_its_intermediate_are_inside_and_the_root_is_not(identity: Identity, pki: LookAlike) -> None:
    inside = {one.dump() for one in signed_data(identity.sign(ONE_LINE, NOW))["certificates"]}
    assert inside == {der(identity.certificate), der(pki.wwdr.certificate)}


@pytest.mark.parametrize(
    ("when", "kind"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), "utc_time"),
        (datetime(2050, 1, 1, tzinfo=UTC), "generalized_time"),
    ],
)
def test_the_signing_time_is_a_utc_time_until_2049_and_a_generalized_time_after(
    when: datetime, kind: str, tmp_path: Path
) -> None:
    then = authorities.look_alike(now=when)
    signature = then.identity(PASS_TYPE).sign(MANY_LINES, when)
    time = signed_data(signature)["signer_infos"][0]["signed_attrs"][1]["values"][0]
    assert time.name == kind
    assert time.native == when.replace(microsecond=0)
    judged = verify(tmp_path, then.root, MANY_LINES, signature, "-attime", str(int(when.timestamp())))
    assert judged.returncode == 0, judged.stderr


def test_a_time_in_another_zone_is_signed_as_utc(identity: Identity) -> None:
    assert identity.sign(ONE_LINE, NOW.astimezone(ZoneInfo("Asia/Tokyo"))) == identity.sign(ONE_LINE, NOW)


def test_the_same_manifest_and_time_give_the_same_bytes(signer: Identity) -> None:
    assert signer.sign(MANY_LINES, NOW) == signer.sign(MANY_LINES, NOW)
    assert signer.sign(MANY_LINES, NOW) != signer.sign(MANY_LINES, NOW + timedelta(seconds=1))


@settings(deadline=None)
@given(manifest=st.binary(max_size=300))
def test_any_manifest_gives_canonical_der_with_its_digest(elliptic: Identity, manifest: bytes) -> None:
    signature = elliptic.sign(manifest, NOW)
    assert asn1_cms.ContentInfo.load(signature, strict=True).dump(force=True) == signature
    assert attributes(signature)["message_digest"] == hashlib.sha256(manifest).digest()


# What is loaded


def test_the_identity_tells_what_a_pass_must_repeat(identity: Identity, leaf: Pair) -> None:
    assert identity.pass_type_identifier == PASS_TYPE
    assert identity.team_identifier == authorities.DEFAULT_TEAM
    assert identity.common_name == f"Pass Type ID: {PASS_TYPE}"
    assert identity.fingerprint == leaf.certificate.fingerprint(hashes.SHA256()).hex()
    assert identity.not_after - identity.not_before == timedelta(days=395)


def test_the_key_is_in_no_repr(identity: Identity) -> None:
    assert "Key" not in repr(identity).replace("Key Usage", "")


def test_apples_g4_is_built_in_with_the_fingerprint_that_apple_publishes(tmp_path: Path) -> None:
    (tmp_path / "g4.pem").write_bytes(wwdr.G4_PEM)
    told = openssl("x509", "-in", "g4.pem", "-noout", "-fingerprint", "-sha256", "-enddate", cwd=tmp_path).stdout
    published = "EA:47:57:88:55:38:DD:8C:B5:9F:F4:55:6F:67:60:87:D8:3C:85:E7:09:02:C1:22:E4:2C:08:08:B5:BC:E1:4C"
    assert f"Fingerprint={published}" in told
    assert "notAfter=Dec 10 00:00:00 2030 GMT" in told
    assert published.replace(":", "").lower() == wwdr.G4_FINGERPRINT


@pytest.mark.parametrize("encode", [pem, der], ids=["PEM", "DER"])
def test_certificates_and_keys_are_taken_as_pem_or_der(pki: LookAlike, leaf: Pair, encode: object) -> None:
    assert callable(encode)
    key = leaf.key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    one = load_identity(encode(leaf.certificate), key, intermediates=[encode(pki.wwdr.certificate)])
    assert one.fingerprint == leaf.certificate.fingerprint(hashes.SHA256()).hex()


def test_one_pem_with_chain_in_any_order_and_key_is_enough(pki: LookAlike, leaf: Pair) -> None:
    everything = b"Bag Attributes\n" + pki.wwdr.certificate_pem + leaf.key_pem + b"\n# mine\n" + leaf.certificate_pem
    assert load_p12(everything).pass_type_identifier == PASS_TYPE


def test_the_intermediate_is_chosen_by_its_key_and_not_by_its_name(pki: LookAlike, leaf: Pair) -> None:
    namesake = authorities.wwdr_authority(pki.root, NOW)
    assert namesake.certificate.subject == pki.wwdr.certificate.subject
    candidates = [namesake.certificate_pem, pki.root.certificate_pem, pki.wwdr.certificate_pem]
    assert load_identity(leaf.certificate_pem, leaf.key_pem, intermediates=candidates).chain == (pki.wwdr.certificate,)


def test_an_identity_can_be_loaded_again_from_its_own_pems(identity: Identity) -> None:
    again = load_identity(identity.certificate_pem(), identity.key_pem())
    assert again.sign(ONE_LINE, NOW) == identity.sign(ONE_LINE, NOW)


@pytest.mark.parametrize("algorithm", ["rsa", "p-256"])
def test_an_encrypted_key_is_opened_with_its_password(pki: LookAlike, algorithm: str) -> None:
    key = authorities.new_key(elliptic=algorithm == "p-256")
    certificate = authorities.issue(pki.wwdr, authorities.request(key, PASS_TYPE), PASS_TYPE, now=NOW)
    one = load_identity(pem(certificate), encrypted(key), password=b"sesame", intermediates=[pki.wwdr.certificate_pem])
    assert one.key.public_key() == key.public_key()


def encrypted(key: authorities.SigningKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"sesame")
    )


def p12_by_openssl(folder: Path, pki: LookAlike, leaf: Pair, *options: str) -> bytes:
    (folder / "cert.pem").write_bytes(leaf.certificate_pem)
    (folder / "key.pem").write_bytes(leaf.key_pem)
    (folder / "wwdr.pem").write_bytes(pki.wwdr.certificate_pem)
    command = "pkcs12 -export -in cert.pem -inkey key.pem -certfile wwdr.pem -passout pass:sesame -out out.p12"
    made = openssl(*command.split(), *options, cwd=folder)
    assert made.returncode == 0, made.stderr
    return (folder / "out.p12").read_bytes()


LEGACY = ("-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1")


@pytest.mark.parametrize("options", [(), LEGACY], ids=["modern", "legacy RC2-40 and 3DES"])
def test_a_p12_brings_certificate_key_and_chain(
    pki: LookAlike, leaf: Pair, options: tuple[str, ...], tmp_path: Path
) -> None:
    one = load_p12(p12_by_openssl(tmp_path, pki, leaf, *options), password=b"sesame")
    assert one.certificate == leaf.certificate
    assert one.chain == (pki.wwdr.certificate,)


# What is refused, one sentence each


def refusal(certificate: bytes, key: bytes, **options: object) -> str:
    with pytest.raises(CertificateError) as refused:
        load_identity(certificate, key, **options)  # type: ignore[arg-type]
    return str(refused.value)


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        (named(CN="Developer ID: Somebody", OU=TEAM), "is not a Pass Type ID certificate (it has no UID"),
        (named(UID="com.example.app", CN="Apple Push Services", OU=TEAM), "its UID is 'com.example.app'"),
        (named(UID="pass.../../etc", CN="Pass Type ID", OU=TEAM), "is not a Pass Type ID certificate"),
        (named(UID=PASS_TYPE, CN="Pass Type ID"), "names no team (OU)"),
    ],
)
def test_a_certificate_that_is_none_for_passes_is_named(pki: LookAlike, subject: x509.Name, sentence: str) -> None:
    key = authorities.new_key(elliptic=True)
    certificate = made_for(subject, pki.wwdr, key)
    assert sentence in refusal(pem(certificate), authorities.key_pem(key), intermediates=[pki.wwdr.certificate_pem])


def test_an_authoritys_certificate_is_not_taken_for_ones_own(pki: LookAlike, leaf: Pair) -> None:
    assert "is an authority's certificate, not your pass certificate" in refusal(wwdr.G4_PEM, leaf.key_pem)


def test_a_key_of_another_certificate_is_named(pki: LookAlike, leaf: Pair) -> None:
    for other in (authorities.new_key(), authorities.new_key(elliptic=True)):
        assert f"The key does not match the certificate for {PASS_TYPE}" in refusal(
            leaf.certificate_pem, authorities.key_pem(other), intermediates=[pki.wwdr.certificate_pem]
        )


def apple_name(unit: str) -> x509.Name:
    return named(CN=wwdr.COMMON_NAME, OU=unit)


@pytest.mark.parametrize(
    ("issuer", "sentences"),
    [
        (apple_name(wwdr.G1_UNIT), ["(G1)", "expired on 2023-02-07", "certs renew"]),
        (apple_name("G3"), ["'Apple Worldwide Developer Relations Certification Authority, G3'", "AppleWWDRCAG3.cer"]),
        (named(CN="Nobody CA"), ["issued by 'Nobody CA'", "certs import"]),
        (x509.load_pem_x509_certificate(wwdr.G4_PEM).subject, ["of that name did not sign it"]),
        (named(UID=PASS_TYPE, OU=TEAM), ["self-signed"]),
    ],
    ids=["G1", "G3", "unknown", "not really G4", "self-signed"],
)
def test_an_unknown_issuer_is_named_with_the_file_to_get(issuer: x509.Name, sentences: list[str]) -> None:
    key = authorities.new_key(elliptic=True)
    certificate = made_for(named(UID=PASS_TYPE, OU=TEAM), issuer, key)
    refused = refusal(pem(certificate), authorities.key_pem(key))
    assert all(sentence in refused for sentence in sentences), refused


def test_the_link_in_the_certificate_says_where_its_issuer_is(leaf: Pair) -> None:
    assert "http://certs.passbell.invalid/wwdrg4.der" in refusal(leaf.certificate_pem, leaf.key_pem)


def test_an_encrypted_key_without_or_with_a_wrong_password_is_told_apart(pki: LookAlike, leaf: Pair) -> None:
    locked = encrypted(leaf.key)
    assert "is encrypted and no password was given" in refusal(leaf.certificate_pem, locked)
    assert "password of the private key is wrong" in refusal(leaf.certificate_pem, locked, password=b"guess")


def test_a_p12_without_or_with_a_wrong_password_is_told_apart(pki: LookAlike, leaf: Pair, tmp_path: Path) -> None:
    for options in ((), LEGACY):
        p12 = p12_by_openssl(tmp_path, pki, leaf, *options)
        with pytest.raises(CertificateError, match="needs a password and none was given"):
            load_p12(p12)
        with pytest.raises(CertificateError, match=r"password of the \.p12 file is wrong"):
            load_p12(p12, password=b"guess")


def test_a_p12_without_a_key_is_told(pki: LookAlike, leaf: Pair) -> None:
    lock = serialization.BestAvailableEncryption(b"sesame")
    p12 = pkcs12.serialize_key_and_certificates(b"x", None, leaf.certificate, None, lock)
    with pytest.raises(CertificateError, match=r"holds no (certificate|private key)"):
        load_p12(p12, password=b"sesame")


def test_mixed_up_files_are_named_for_what_they_are(leaf: Pair) -> None:
    key, certificate = leaf.key_pem, leaf.certificate_pem
    csr = authorities.request(leaf.key, PASS_TYPE)
    der_csr = x509.load_pem_x509_csr(csr).public_bytes(serialization.Encoding.DER)
    public = leaf.key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    assert "this is a private key" in refusal(key, key)
    assert "this is a certificate request (.csr)" in refusal(csr, key)
    assert "this is a certificate request (.csr)" in refusal(der_csr, key)
    assert "this is a public key" in refusal(public, key)
    assert "this is a certificate" in refusal(certificate, certificate)
    assert "this is a certificate" in refusal(certificate, der(leaf.certificate))


@pytest.mark.parametrize(
    "rubbish",
    [b"", b"\x00", b"\x30", b"\x30\x82\x10\x00" + b"\x02\x01\x03" * 3, b"<html>404</html>", bytes(range(256)) * 8],
)
def test_rubbish_is_refused_as_such(leaf: Pair, rubbish: bytes) -> None:
    assert refusal(rubbish, leaf.key_pem)
    assert refusal(leaf.certificate_pem, rubbish)


@pytest.mark.filterwarnings("ignore:Parsed a serial number", "ignore:Attribute's length")  # the library's own
@settings(deadline=None)
@given(cut=st.integers(0, 2_000), flip=st.integers(0, 7))
def test_a_damaged_certificate_never_ends_in_anything_but_one_sentence(
    elliptic: Identity, pki: LookAlike, cut: int, flip: int
) -> None:
    content = bytearray(der(elliptic.certificate))
    place = cut % len(content)
    assume(place != len(content) - 257)  # how many bits of the signature are unused: may be 1 when its last bit is 0
    content[place] ^= 1 << flip
    with pytest.raises(CertificateError):
        load_identity(bytes(content), elliptic.key_pem(), intermediates=[pki.wwdr.certificate_pem])


def test_keys_that_wallet_would_not_take_are_refused(leaf: Pair) -> None:
    weak = [
        rsa.generate_private_key(65537, 1024),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
    ]
    for key in weak:
        content = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        assert "key" in refusal(leaf.certificate_pem, content)


def test_an_expired_certificate_says_when_and_what_still_works(identity: Identity) -> None:
    after = identity.not_after + timedelta(seconds=1)
    with pytest.raises(CertificateError) as refused:
        identity.sign(ONE_LINE, after)
    assert f"expired on {identity.not_after:%Y-%m-%d}" in str(refused.value)
    assert "installed passes and files already signed go on working" in str(refused.value)
    assert "certs renew" in str(refused.value)
    assert identity.sign(ONE_LINE, identity.not_after)


def test_a_certificate_of_tomorrow_says_from_when_it_is_valid(identity: Identity) -> None:
    with pytest.raises(CertificateError, match=f"not valid before {identity.not_before:%Y-%m-%d %H:%M} UTC"):
        identity.sign(ONE_LINE, identity.not_before - timedelta(seconds=1))
    assert identity.sign(ONE_LINE, identity.not_before)


def test_an_intermediate_that_expires_first_stops_the_signing_too() -> None:
    decade_ago = NOW - timedelta(days=3600)
    old = authorities.wwdr_authority(authorities.root_authority(decade_ago), decade_ago)
    leaf = authorities.pass_certificate(old, PASS_TYPE, now=NOW)
    one = load_identity(leaf.certificate_pem, leaf.key_pem, intermediates=[old.certificate_pem])
    assert one.sign(ONE_LINE, NOW)
    with pytest.raises(CertificateError, match=f"to {old.certificate.not_valid_after_utc:%Y-%m-%d} only"):
        one.sign(ONE_LINE, NOW + timedelta(days=100))


# Which of several signs


@pytest.fixture(scope="module")
def generations() -> list[Identity]:
    """Three certificates of one pass type: of last year, this year's, and one that begins in a month."""
    long_ago = NOW - timedelta(days=1000)
    wwdr_then = authorities.wwdr_authority(authorities.root_authority(long_ago), long_ago)
    starts = [NOW - timedelta(days=380), NOW - timedelta(days=20), NOW + timedelta(days=30)]
    pairs = [authorities.pass_certificate(wwdr_then, PASS_TYPE, now=start) for start in starts]
    above = [wwdr_then.certificate_pem]
    return [load_identity(pair.certificate_pem, pair.key_pem, intermediates=above) for pair in pairs]


def test_the_newest_valid_certificate_signs(generations: list[Identity]) -> None:
    last, current, coming = generations
    signers = Signers([current, coming, last])
    assert signers.newest(PASS_TYPE, NOW) is current
    assert signers.newest(PASS_TYPE, NOW - timedelta(days=100)) is last
    assert signers.newest(PASS_TYPE, NOW + timedelta(days=40)) is coming
    assert signers.newest(PASS_TYPE, NOW + timedelta(days=400)) is coming
    assert signers.all() == (coming, current, last)


def test_signers_say_why_nobody_can_sign(generations: list[Identity]) -> None:
    signers = Signers(generations)
    with pytest.raises(CertificateError, match=f"expired on {generations[2].not_after:%Y-%m-%d}"):
        signers.newest(PASS_TYPE, NOW + timedelta(days=500))
    with pytest.raises(CertificateError, match=r"no certificate for pass\.com\.example\.other"):
        signers.newest("pass.com.example.other", NOW)


def test_signers_are_replaced_as_a_whole(generations: list[Identity]) -> None:
    last, current, _ = generations
    signers = Signers([last])
    assert signers.newest(PASS_TYPE, NOW) is last
    signers.replace([last, current, current])
    assert signers.newest(PASS_TYPE, NOW) is current
    assert signers.all() == (current, last)
    signers.replace([])
    assert signers.all() == ()
