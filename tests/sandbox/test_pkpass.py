"""A strict phone takes a good pass and refuses each kind of bad one in iOS's words."""

from __future__ import annotations

import datetime
import json
import zipfile
from io import BytesIO
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7

from sandbox.pkpass import BadPass, load_roots, open_pkpass
from tests.sandbox.certificates import DAY, Authorities, authority, pass_type_certificate
from tests.sandbox.passes import contents, document, manifest_of, pkpass, sign, zipped


def opened(authorities: Authorities, data: bytes):
    return open_pkpass(data, load_roots(authorities.root.pem))


def signed(authorities: Authorities, files: dict[str, bytes], manifest: bytes | None = None, **options: Any) -> bytes:
    manifest = manifest_of(files) if manifest is None else manifest
    signature = sign(manifest, options.pop("signer", authorities.leaf), *options.pop("chain", (authorities.wwdr,)))
    return zipped(files | {"manifest.json": manifest, "signature": signature})


def test_a_good_pass_opens_and_says_when_it_was_signed(authorities: Authorities):
    pass_ = opened(authorities, pkpass(authorities))
    assert (pass_.serial_number, pass_.authentication_token) == ("S1", "secret-token-of-this-pass")
    assert pass_.signed_at is not None
    assert abs(datetime.datetime.now(datetime.UTC) - pass_.signed_at) < datetime.timedelta(minutes=1)


def test_without_verification_a_changed_file_passes(authorities: Authorities):
    files = contents(document())
    data = signed(authorities, files | {"icon.png": b"other"}, manifest_of(files))
    assert open_pkpass(data, (), verify=False).signed_at is None


def test_a_file_that_is_not_what_the_manifest_says_is_refused(authorities: Authorities):
    files = contents(document())
    with pytest.raises(BadPass, match=r"SHA-1 of icon\.png differs"):
        opened(authorities, signed(authorities, files | {"icon.png": b"other"}, manifest_of(files)))


@pytest.mark.parametrize("change", [{"extra.png": b""}, {"logo@2x.png": None}])
def test_files_and_manifest_must_be_the_same_set(authorities: Authorities, change: dict[str, bytes | None]):
    files = contents(document())
    manifest = manifest_of(files)
    present = {name: content for name, content in (files | change).items() if content is not None}
    with pytest.raises(BadPass, match="Manifest and files differ"):
        opened(authorities, signed(authorities, present, manifest))


def test_a_signature_of_another_manifest_is_refused(authorities: Authorities):
    files = contents(document())
    manifest = manifest_of(files)
    signature = sign(manifest + b" ", authorities.leaf, authorities.wwdr)
    data = zipped(files | {"manifest.json": manifest, "signature": signature})
    with pytest.raises(BadPass, match="Manifest signature did not verify"):
        opened(authorities, data)


def test_a_manifest_signed_with_crlf_is_refused(authorities: Authorities):
    files = contents(document())
    manifest = manifest_of(files)
    assert b"\n" in manifest
    options = (pkcs7.PKCS7Options.DetachedSignature,)
    signature = sign(manifest, authorities.leaf, authorities.wwdr, options=options)
    with pytest.raises(BadPass, match="Manifest signature did not verify"):
        opened(authorities, zipped(files | {"manifest.json": manifest, "signature": signature}))


def test_an_attached_signature_is_refused(authorities: Authorities):
    files = contents(document())
    manifest = manifest_of(files)
    signature = sign(manifest, authorities.leaf, authorities.wwdr, options=(pkcs7.PKCS7Options.Binary,))
    with pytest.raises(BadPass, match="Manifest signature did not verify"):
        opened(authorities, zipped(files | {"manifest.json": manifest, "signature": signature}))


def test_a_forged_signature_value_is_refused(authorities: Authorities):
    files = contents(document())
    manifest = manifest_of(files)
    signature = bytearray(sign(manifest, authorities.leaf, authorities.wwdr))
    signature[-1] ^= 1
    data = zipped(files | {"manifest.json": manifest, "signature": bytes(signature)})
    with pytest.raises(BadPass, match="Manifest signature did not verify"):
        opened(authorities, data)


def test_a_signature_without_the_intermediate_is_refused(authorities: Authorities):
    with pytest.raises(BadPass, match="certificate trust chain could not be verified"):
        opened(authorities, signed(authorities, contents(document()), chain=()))


def test_a_chain_to_another_root_is_refused(authorities: Authorities):
    other = Authorities()
    with pytest.raises(BadPass, match="no chain to a known root"):
        opened(authorities, pkpass(other))


def test_an_intermediate_that_is_no_authority_does_not_carry_a_chain(authorities: Authorities):
    imposter = pass_type_certificate(authorities.wwdr)
    leaf = pass_type_certificate(imposter)
    data = signed(authorities, contents(document()), signer=leaf, chain=(imposter, authorities.wwdr))
    with pytest.raises(BadPass, match="no chain to a known root"):
        opened(authorities, data)


def test_a_certificate_that_had_expired_when_it_signed_is_refused(authorities: Authorities):
    past = datetime.datetime.now(datetime.UTC) - 400 * DAY
    leaf = pass_type_certificate(authorities.wwdr, start=past, days=395)
    with pytest.raises(BadPass, match="not valid when it was signed"):
        opened(authorities, signed(authorities, contents(document()), signer=leaf))


@pytest.mark.parametrize(
    ("key", "value"), [("passTypeIdentifier", "pass.com.example.tea"), ("teamIdentifier", "ZZZZZZZZZZ")]
)
def test_identifiers_must_be_the_certificates(authorities: Authorities, key: str, value: str):
    with pytest.raises(BadPass, match=f"may not match your certificate.*{key}"):
        opened(authorities, pkpass(authorities, document(**{key: value})))


def test_a_longer_chain_is_followed(authorities: Authorities):
    middle = authority("Middle", authorities.wwdr)
    leaf = pass_type_certificate(middle)
    data = signed(authorities, contents(document()), signer=leaf, chain=(middle, authorities.wwdr))
    assert opened(authorities, data).serial_number == "S1"


WRONG_DOCUMENTS = {
    "no serial number": ({"serialNumber": None}, "must contain key 'serialNumber'"),
    "another version": ({"formatVersion": 2}, "Unsupported formatVersion"),
    "two styles": ({"coupon": {}}, "exactly one style"),
    "short token": ({"webServiceURL": "https://x", "authenticationToken": "short"}, "at least 16"),
    "date without colon": ({"expirationDate": "2020-02-01T08:00:00.000+0000"}, "Unable to parse expirationDate"),
    "hex colour": ({"backgroundColor": "#ffffff"}, "as a color"),
    "no transit type": ({"storeCard": None, "boardingPass": {}}, "transitType"),
    "field without value": ({"storeCard": {"backFields": [{"key": "a"}]}}, "must contain keys"),
    "key twice": (
        {"storeCard": {"backFields": [{"key": "a", "value": ""}], "headerFields": [{"key": "a", "value": ""}]}},
        "unique",
    ),
    "currency of a text": (
        {"storeCard": {"backFields": [{"key": "a", "value": "10", "currencyCode": "RUB"}]}},
        "no number",
    ),
    "date that is none": (
        {"storeCard": {"backFields": [{"key": "a", "value": "soon", "dateStyle": "PKDateStyleShort"}]}},
        "as a date",
    ),
}


@pytest.mark.parametrize(("change", "words"), WRONG_DOCUMENTS.values(), ids=WRONG_DOCUMENTS.keys())
def test_a_wrong_pass_json_is_refused_with_the_reason(authorities: Authorities, change, words):
    wrong = {key: value for key, value in (document() | change).items() if value is not None}
    with pytest.raises(BadPass, match=words):
        opened(authorities, pkpass(authorities, wrong))


def test_a_pass_without_icon_is_refused(authorities: Authorities):
    files = {name: content for name, content in contents(document()).items() if name != "icon.png"}
    with pytest.raises(BadPass, match="icon"):
        opened(authorities, signed(authorities, files))


def test_what_is_no_zip_or_has_directories_or_a_byte_order_mark_is_invalid_data(authorities: Authorities):
    memory = BytesIO()
    with zipfile.ZipFile(memory, "w") as bundle:
        bundle.writestr("ru.lproj/", b"")
    marked = contents(document()) | {"pass.json": b"\xef\xbb\xbf" + json.dumps(document()).encode()}
    for data in (b"<html>", memory.getvalue(), signed(authorities, marked)):
        with pytest.raises(BadPass, match="Received invalid pass data"):
            opened(authorities, data)
