"""The archive, judged by Python's zipfile, by unzip and by openssl."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.pki import DEFAULT_PASS_TYPE, DEFAULT_TEAM, LookAlike
from passkit.apple import bundle
from passkit.apple.bundle import PreparedFiles, build, pkpass, pkpasses, prepare
from passkit.apple.signing import Identity
from passkit.errors import BundleError, CertificateError
from passkit.model import Pass
from tests.judges import need

NOW = datetime.now(UTC).replace(microsecond=0)
IMAGES = {
    "logo.png": b"\x89PNG logo",
    "icon.png": b"\x89PNG icon",
    "icon@2x.png": b"\x89PNG icon twice" * 500,
    "ru.lproj/logo.png": b"\x89PNG \xd0\xbb\xd0\xbe\xd0\xb3\xd0\xbe",
}
OWN = {
    "pass.json": b'{"formatVersion":1}',
    "ru.lproj/pass.strings": '"Points" = "Баллы";\n'.encode(),
    "en.lproj/pass.strings": b"",
}


def no_signature(manifest: bytes) -> bytes:
    return b"a signature over " + hashlib.sha256(manifest).digest()


def opened(parts: list[bytes]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(parts)))


def contents(parts: list[bytes]) -> dict[str, bytes]:
    with opened(parts) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def pass_() -> Pass:
    return Pass(
        document={
            "formatVersion": 1,
            "passTypeIdentifier": DEFAULT_PASS_TYPE,
            "teamIdentifier": DEFAULT_TEAM,
            "serialNumber": "A1",
            "organizationName": "Coffee",
            "description": "Card",
            "storeCard": {"headerFields": [{"key": "points", "label": "Points", "value": 120}]},
        },
        strings={"ru": {"Points": "Баллы"}, "en": {"Points": "Points"}},
        images=prepare(IMAGES),
        fields=(),
        language="ru",
        signing_time=NOW,
    )


# The zip


def test_every_file_comes_back_as_it_went_in() -> None:
    inside = contents(build(prepare(IMAGES), OWN, no_signature))
    manifest = inside["manifest.json"]
    assert inside == {**IMAGES, **OWN, "manifest.json": manifest, "signature": no_signature(manifest)}


def test_unzip_finds_nothing_wrong(tmp_path: Path, pass_: Pass, identity: Identity) -> None:
    (tmp_path / "card.pkpass").write_bytes(b"".join(pkpass(pass_, identity)))
    told = subprocess.run(
        [need("unzip"), "-t", "card.pkpass"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert "No errors detected" in told.stdout


def test_files_are_stored_at_a_fixed_time_and_without_folders() -> None:
    with opened(build(prepare(IMAGES), OWN, no_signature)) as archive:
        entries = archive.infolist()
    assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert not any(entry.is_dir() or entry.extra or entry.comment for entry in entries)
    assert {entry.external_attr >> 16 for entry in entries} == {0o100644}


def test_the_local_headers_agree_with_the_directory() -> None:
    """A streaming reader sees only the local headers; zipfile compares the name and the CRC when it opens an entry."""
    whole = b"".join(build(prepare(IMAGES), OWN, no_signature))
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        for entry in archive.infolist():
            header = whole[entry.header_offset : entry.header_offset + 30]
            assert header[:4] == b"PK\x03\x04"
            assert int.from_bytes(header[14:18], "little") == entry.CRC
            assert int.from_bytes(header[18:22], "little") == int.from_bytes(header[22:26], "little") == entry.file_size


def test_the_order_is_that_of_the_prepared_names_then_the_cards_own_files() -> None:
    with opened(build(prepare(dict(reversed(IMAGES.items()))), OWN, no_signature)) as archive:
        assert archive.namelist() == [*sorted(IMAGES), *OWN, "manifest.json", "signature"]


def test_a_name_in_russian_is_marked_as_utf_8() -> None:
    files = {"логотип.png": b"x"}
    with opened(build(prepare(files), OWN, no_signature)) as archive:
        assert archive.getinfo("логотип.png").flag_bits & 0x800
        assert not archive.getinfo("pass.json").flag_bits & 0x800
        assert "логотип.png" in json.loads(archive.read("manifest.json"))


def test_the_same_inputs_give_the_same_bytes(pass_: Pass, identity: Identity) -> None:
    again = replace(pass_, images=prepare(dict(reversed(IMAGES.items()))))
    assert pkpass(pass_, identity) == pkpass(again, identity)


def test_a_later_build_differs_in_the_signature_alone(pass_: Pass, identity: Identity) -> None:
    later = replace(pass_, signing_time=NOW + timedelta(seconds=1))
    one, other = contents(pkpass(pass_, identity)), contents(pkpass(later, identity))
    assert {name for name in one if one[name] != other[name]} == {"signature"}


def test_the_prepared_part_is_handed_over_without_a_copy() -> None:
    prepared = prepare(IMAGES)
    assert build(prepared, OWN, no_signature)[0] is prepared.segment


def test_each_card_gets_its_own_strings_and_the_bytes_do_not_depend_on_who_came_before(
    pass_: Pass, identity: Identity
) -> None:
    other = replace(pass_, strings={"ru": {"Points": "Бонусы"}, "en": {}})
    swapped = replace(pass_, strings={"en": {"Points": "Points"}, "ru": {"Points": "Баллы"}})
    alone = [pkpass(replace(one, images=prepare(IMAGES)), identity) for one in (pass_, other, swapped)]
    assert [pkpass(one, identity) for one in (pass_, other, swapped)] == alone
    assert "Бонусы" in contents(alone[1])["ru.lproj/pass.strings"].decode()
    assert "en.lproj/pass.strings" not in contents(alone[1])


def test_a_pass_without_prepared_files_is_a_whole_archive_too() -> None:
    assert set(contents(build(PreparedFiles(), OWN, no_signature))) == {*OWN, "manifest.json", "signature"}


names = st.lists(
    st.text(st.characters(categories=["L", "N"], include_characters="_-@ "), min_size=1, max_size=12),
    min_size=1,
    max_size=3,
).map("/".join)
some_files = st.dictionaries(names, st.binary(max_size=200), max_size=6)


@settings(deadline=None)
@given(images=some_files, own=some_files)
def test_any_names_and_contents_come_back(images: dict[str, bytes], own: dict[str, bytes]) -> None:
    own = {"pass.json": b"{}", **{name: content for name, content in own.items() if name not in images}}
    images.pop("pass.json", None)
    inside = contents(build(prepare(images), own, no_signature))
    assert {name: inside[name] for name in (*images, *own)} == {**images, **own}
    expected = {name: hashlib.sha1(content).hexdigest() for name, content in {**images, **own}.items()}
    assert json.loads(inside["manifest.json"]) == expected


# The manifest and its signature


def test_the_manifest_has_the_sha1_of_every_file_but_itself_and_the_signature(pass_: Pass, identity: Identity) -> None:
    inside = contents(pkpass(pass_, identity))
    assert json.loads(inside.pop("manifest.json")) == {
        name: hashlib.sha1(content).hexdigest() for name, content in inside.items() if name != "signature"
    }


def test_a_file_can_be_checked_by_hand() -> None:
    manifest = json.loads(contents(build(PreparedFiles(), {"pass.json": b"abc"}, no_signature))["manifest.json"])
    assert manifest == {"pass.json": "a9993e364706816aba3e25717850c26c9cd0d89d"}  # FIPS 180, the example "abc"


def test_the_signer_gets_the_very_bytes_of_the_manifest() -> None:
    seen: list[bytes] = []
    inside = contents(build(prepare(IMAGES), OWN, lambda manifest: seen.append(manifest) or b"signature"))
    assert seen == [inside["manifest.json"]]


def test_openssl_verifies_the_signature_inside_the_archive(
    pass_: Pass, identity: Identity, pki: LookAlike, tmp_path: Path
) -> None:
    with opened(pkpass(pass_, identity)) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "root.pem").write_bytes(pki.root.certificate_pem)
    command = (
        "cms -verify -binary -inform DER -in signature -content manifest.json -CAfile root.pem -purpose any -out out"
    )
    judged = subprocess.run([need("openssl"), *command.split()], cwd=tmp_path, capture_output=True, check=False)
    assert judged.returncode == 0, judged.stderr


def test_the_signing_time_is_the_passes_own(pass_: Pass, identity: Identity) -> None:
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)  # the certificate may be younger than NOW
    signature = contents(pkpass(replace(pass_, signing_time=then), identity))["signature"]
    attributes = asn1_cms.ContentInfo.load(signature)["content"]["signer_infos"][0]["signed_attrs"]
    assert next(one["values"][0].native for one in attributes if one["type"].native == "signing_time") == then


@pytest.mark.parametrize("key", ["passTypeIdentifier", "teamIdentifier"])
def test_a_pass_of_another_pass_type_or_team_is_not_signed(pass_: Pass, identity: Identity, key: str) -> None:
    document = {**pass_.document, key: "pass.com.example.other"}
    with pytest.raises(CertificateError, match=f"says {key} 'pass.com.example.other'"):
        pkpass(replace(pass_, document=document), identity)


def test_an_expired_certificate_signs_no_pass(pass_: Pass, identity: Identity) -> None:
    with pytest.raises(CertificateError, match="expired on"):
        pkpass(replace(pass_, signing_time=identity.not_after + timedelta(days=1)), identity)


# What is prepared


def test_prepared_files_tell_their_names_hashes_and_contents() -> None:
    prepared = prepare(IMAGES)
    assert prepared.files == IMAGES
    assert prepared.names == tuple(sorted(IMAGES))
    assert {entry.name: entry.sha1 for entry in prepared.entries.values()} == {
        name: hashlib.sha1(content).hexdigest() for name, content in IMAGES.items()
    }


def test_prepared_files_are_equal_when_they_hold_the_same() -> None:
    assert prepare(IMAGES) == prepare(dict(reversed(IMAGES.items())))
    assert prepare(IMAGES) != prepare({**IMAGES, "icon.png": b"\x89PNG ikon"})
    assert prepare({}) == PreparedFiles()


# What is refused


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json",
        "signature",
        "",
        "/icon.png",
        "ru.lproj/",
        "ru.lproj//logo.png",
        "../icon.png",
        "ru.lproj/../../icon.png",
        ".DS_Store",
        "ru.lproj/.hidden",
        "ru.lproj\\logo.png",
        "icon\n.png",
        "icon\x00.png",
        "\udcff.png",
    ],
)
def test_a_name_that_has_no_place_in_a_pass_is_refused(name: str) -> None:
    with pytest.raises(BundleError):
        prepare({name: b"x"})
    with pytest.raises(BundleError):
        build(PreparedFiles(), {"pass.json": b"{}", name: b"x"}, no_signature)


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"pass.json": b"{}", "icon.png": b"x"}, "icon.png is both"),
        ({"en.lproj/pass.strings": b""}, "needs pass.json"),
    ],
)
def test_a_double_or_a_missing_pass_json_is_refused(own: Mapping[str, bytes], sentence: str) -> None:
    with pytest.raises(BundleError, match=sentence):
        build(prepare(IMAGES), own, no_signature)


# Several passes in one


def test_a_bundle_holds_the_passes_as_they_are(pass_: Pass, identity: Identity) -> None:
    one = b"".join(pkpass(pass_, identity))
    other = b"".join(build(prepare(IMAGES), OWN, no_signature))
    with zipfile.ZipFile(io.BytesIO(pkpasses([one, other]))) as archive:
        assert archive.testzip() is None
        assert [archive.read(name) for name in archive.namelist()] == [one, other]
        assert all(name.endswith(".pkpass") for name in archive.namelist())


@pytest.mark.parametrize("count", [0, 11])
def test_a_bundle_of_none_or_of_more_than_ten_is_refused(count: int) -> None:
    with pytest.raises(BundleError, match=f"holds 1 to 10 passes, not {count}"):
        pkpasses([b"PK\x03\x04"] * count)


def test_a_bundle_over_150_megabytes_is_refused() -> None:
    large = b"PK\x03\x04".ljust(75_000_000, b"\0")
    with pytest.raises(BundleError, match=r"150\.0 MB, over Apple's 150 MB"):
        pkpasses([large, large])
    assert len(pkpasses([large])) < bundle.MAX_PASSES_BYTES


def test_something_that_is_no_pass_is_refused() -> None:
    with pytest.raises(BundleError, match=r"Pass 2 of the bundle is not a \.pkpass"):
        pkpasses([b"PK\x03\x04", b"<html>"])
