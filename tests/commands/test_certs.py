"""``certs`` from an empty folder to the second year, with openssl as Apple's portal would see our requests."""

from __future__ import annotations

import argparse
import json
import os
import ssl
import stat
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from commands import certs, certsdir
from commands import pki as authorities
from commands.certs import create_request, dev, load_directory, read_directory, renew, rows, take_in
from commands.pki import LookAlike
from passkit.apple.signing import Signers, load_identity
from passkit.errors import CertificateError
from tests.judges import need

NOW = datetime.now(UTC)
CLUB, SPA = "pass.com.example.club", "pass.com.example.spa"
LATER = NOW + timedelta(days=350)


@dataclass(frozen=True)
class Folder:
    """The one setting that the commands read."""

    certs_dir: Path


def run(folder: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    certs.add(parser.add_subparsers(required=True))
    args = parser.parse_args(["certs", *arguments])
    return int(args.run(args, Folder(folder)))


def request_for(folder: Path, pass_type: str, now: datetime = NOW) -> certsdir.Waiting:
    return create_request(folder, pass_type, email=None, again=False, now=now)


def issued(pki: LookAlike, request: Path, pass_type: str, now: datetime = NOW) -> x509.Certificate:
    """What Apple's portal makes of an uploaded request."""
    return authorities.issue(pki.wwdr, request.read_bytes(), pass_type, now=now)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.DER)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


@pytest.fixture
def folder(tmp_path: Path, pki: LookAlike) -> Path:
    """An empty CERTS_DIR that knows the look-alike's intermediate."""
    certsdir.keep_intermediate(tmp_path / "certs", pki.wwdr.certificate)
    return tmp_path / "certs"


@pytest.fixture
def working(folder: Path, pki: LookAlike) -> Path:
    """A CERTS_DIR with one pair in use, requested and imported like Apple's."""
    waiting = request_for(folder, CLUB)
    take_in(folder, der(issued(pki, waiting.request_file, CLUB)), key=None, password=None, now=NOW)
    return folder


# csr


def test_openssl_accepts_the_request_and_the_key_stays_here_unreadable_for_others(tmp_path: Path) -> None:
    assert run(tmp_path, "csr", "--pass-type", CLUB, "--email", "ops@example.com") == 0
    (waiting,) = read_directory(tmp_path).waiting
    judged = subprocess.run(
        [need("openssl"), "req", "-in", str(waiting.request_file), "-noout", "-verify", "-text"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stderr
    assert "Public-Key: (2048 bit)" in judged.stdout
    assert "ops@example.com" in judged.stdout
    assert mode(waiting.key_file) == 0o600
    assert mode(waiting.key_file.parent) == 0o700


def test_the_command_prints_apples_clicks_and_the_file_to_upload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, "csr", "--pass-type", CLUB)
    (waiting,) = read_directory(tmp_path).waiting
    told = capsys.readouterr().out
    assert f"Upload {waiting.request_file}" in told
    assert "https://developer.apple.com/account/resources/certificates/add" in told
    assert "BEGIN" not in told


def test_asking_twice_keeps_the_first_key_unless_another_is_wanted(tmp_path: Path) -> None:
    first = request_for(tmp_path, CLUB)
    assert request_for(tmp_path, CLUB) == first
    create_request(tmp_path, CLUB, email=None, again=True, now=NOW)
    assert len(read_directory(tmp_path).waiting) == 2


@pytest.mark.parametrize("pass_type", ["com.example.club", "pass.", "pass.../../etc", "pass.a/b", "pass.a b", ""])
def test_something_that_is_no_pass_type_is_refused(tmp_path: Path, pass_type: str) -> None:
    with pytest.raises(CertificateError, match="is no Pass Type ID"):
        request_for(tmp_path, pass_type)
    assert not list(tmp_path.iterdir())


# import


def test_what_apple_gives_back_finds_its_key_and_signs(folder: Path, pki: LookAlike) -> None:
    other, mine = request_for(folder, SPA), request_for(folder, CLUB)
    certificate = issued(pki, mine.request_file, CLUB)
    taken = take_in(folder, der(certificate), key=None, password=None, now=NOW)
    assert taken.file.parent.name == CLUB
    assert mode(taken.file.with_suffix(".key")) == 0o600
    assert [identity.certificate for identity in load_directory(folder)] == [certificate]
    assert read_directory(folder).waiting == (other,)


def test_importing_the_same_file_again_changes_nothing(working: Path, pki: LookAlike) -> None:
    (stored,) = read_directory(working).stored
    before = sorted(working.rglob("*"))
    take_in(
        working,
        stored.file.read_bytes(),
        key=stored.file.with_suffix(".key").read_bytes(),
        password=None,
        now=NOW,
    )
    assert sorted(working.rglob("*")) == before


def test_the_command_says_how_long_it_lasts_and_to_never_press_revoke(
    folder: Path, pki: LookAlike, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pass.cer").write_bytes(der(issued(pki, request_for(folder, CLUB).request_file, CLUB)))
    assert run(folder, "import", str(tmp_path / "pass.cer")) == 0
    told = capsys.readouterr().out
    assert "valid for 394 days" in told
    assert "Never press Revoke" in told


LEGACY = ("-legacy", "-certpbe", "PBE-SHA1-RC2-40", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1")


@pytest.mark.parametrize("options", [(), LEGACY], ids=["modern", "legacy RC2-40 and 3DES"])
def test_a_p12_from_keychain_is_taken_with_its_chain(
    tmp_path: Path, pki: LookAlike, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    pair = authorities.pass_certificate(pki.wwdr, CLUB, now=NOW)
    for name, content in (("c", pair.certificate_pem), ("k", pair.key_pem), ("w", pki.wwdr.certificate_pem)):
        (tmp_path / name).write_bytes(content)
    command = "pkcs12 -export -in c -inkey k -certfile w -passout pass:sesame -out mine.p12"
    subprocess.run([need("openssl"), *command.split(), *options], cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "password").write_text("sesame\n")
    (tmp_path / "password").chmod(0o600)
    folder = tmp_path / "certs"
    password = ("--password-file", str(tmp_path / "password"))
    assert run(folder, "import", str(tmp_path / "mine.p12"), *password) == 0
    (identity,) = load_directory(folder)
    assert identity.certificate == pair.certificate
    assert "sesame" not in capsys.readouterr().out


def test_a_key_made_elsewhere_comes_with_its_own_flag(folder: Path, pki: LookAlike, tmp_path: Path) -> None:
    pair = authorities.pass_certificate(pki.wwdr, CLUB, now=NOW)
    (tmp_path / "mine.pem").write_bytes(pair.certificate_pem)
    (tmp_path / "mine.key").write_bytes(pair.key_pem)
    (tmp_path / "mine.key").chmod(0o600)
    assert run(folder, "import", str(tmp_path / "mine.pem"), "--key", str(tmp_path / "mine.key")) == 0
    assert [identity.pass_type_identifier for identity in load_directory(folder)] == [CLUB]


def test_an_authoritys_certificate_goes_to_the_intermediates(tmp_path: Path, pki: LookAlike) -> None:
    taken = take_in(tmp_path, der(pki.wwdr.certificate), key=None, password=None, now=NOW)
    assert taken.identity is None
    assert taken.file.parent == tmp_path / "intermediates"
    with pytest.raises(CertificateError, match="root certificate"):
        take_in(tmp_path, der(pki.root.certificate), key=None, password=None, now=NOW)


def files(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("now", "sentence"),
    [(NOW + timedelta(days=400), "expired on"), (NOW - timedelta(days=1), "is not valid before")],
)
def test_a_certificate_that_cannot_sign_now_is_not_taken(
    folder: Path, pki: LookAlike, now: datetime, sentence: str
) -> None:
    certificate = issued(pki, request_for(folder, CLUB).request_file, CLUB)
    before = files(folder)
    with pytest.raises(CertificateError, match=sentence):
        take_in(folder, der(certificate), key=None, password=None, now=now)
    assert files(folder) == before


def test_a_certificate_for_another_request_is_not_taken(folder: Path, pki: LookAlike) -> None:
    request_for(folder, CLUB)
    stranger = authorities.pass_certificate(pki.wwdr, CLUB, now=NOW)
    before = files(folder)
    with pytest.raises(CertificateError, match="made from another request"):
        take_in(folder, stranger.certificate_pem, key=None, password=None, now=NOW)
    assert files(folder) == before


def test_a_certificate_of_an_unknown_issuer_is_not_taken(tmp_path: Path, pki: LookAlike) -> None:
    certificate = issued(pki, request_for(tmp_path, CLUB).request_file, CLUB)
    with pytest.raises(CertificateError, match="that intermediate is not here"):
        take_in(tmp_path, der(certificate), key=None, password=None, now=NOW)
    assert not read_directory(tmp_path).stored


def test_a_file_that_is_not_there_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CertificateError, match=r"nothing\.cer cannot be read: No such file"):
        run(folder, "import", str(tmp_path / "nothing.cer"))


# renew


def test_the_old_pair_signs_until_the_new_one_is_there_and_stays_after(working: Path, pki: LookAlike) -> None:
    (old,) = load_directory(working)
    waiting = renew(working, None, email=None, again=False, now=LATER)
    assert Signers(load_directory(working)).newest(CLUB, LATER) == old
    new = issued(pki, waiting.request_file, CLUB, now=LATER)
    assert new.public_key() != old.certificate.public_key()
    take_in(working, der(new), key=None, password=None, now=LATER)
    signers = Signers(load_directory(working))
    assert signers.newest(CLUB, LATER).certificate == new
    assert old in signers.all()


def test_the_command_warns_of_the_revoke_button(working: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(working, "renew") == 0
    told = capsys.readouterr().out
    assert "Never press Revoke" in told
    assert "Upload" in told


def test_what_is_not_there_cannot_be_renewed(working: Path, pki: LookAlike) -> None:
    with pytest.raises(CertificateError, match=f"no certificate for {SPA}"):
        renew(working, SPA, email=None, again=False, now=NOW)
    spa = request_for(working, SPA)
    take_in(working, der(issued(pki, spa.request_file, SPA)), key=None, password=None, now=NOW)
    with pytest.raises(CertificateError, match=f"choose one with --pass-type: {CLUB}, {SPA}"):
        renew(working, None, email=None, again=False, now=NOW)


# list


def test_the_list_says_what_is_in_use_and_how_many_days_are_left(working: Path, pki: LookAlike) -> None:
    waiting = renew(working, CLUB, email=None, again=False, now=LATER)
    take_in(
        working,
        der(issued(pki, waiting.request_file, CLUB, now=LATER)),
        key=None,
        password=None,
        now=LATER,
    )
    request_for(working, SPA)
    directory = read_directory(working)

    def states(now: datetime) -> list[tuple[str, int | None]]:
        return [(row.state.split(" since")[0], row.days_left) for row in rows(directory, now)]

    waits = ("waiting for Apple", None)
    assert states(NOW) == [("not yet valid", 744), ("in use", 394), waits]
    assert states(LATER) == [("in use", 394), ("older", 44), waits]
    assert states(LATER + timedelta(days=350)) == [("in use, renew it now", 44), ("expired", -306), waits]


def test_the_list_as_json_and_its_exit_code(working: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(working, "list", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["pass_type_identifier"] == CLUB
    assert row["state"] == "in use"
    assert row["days_left"] == 394
    assert datetime.fromisoformat(row["not_after"]) > NOW


def test_the_list_fails_when_a_pass_type_has_only_expired_certificates(
    folder: Path, pki: LookAlike, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = authorities.pass_certificate(pki.wwdr, CLUB, now=NOW, days=0)
    above = [pki.wwdr.certificate_pem]
    certsdir.keep_identity(folder, load_identity(pair.certificate_pem, pair.key_pem, intermediates=above))
    assert run(folder, "list") == 1
    assert "expired" in capsys.readouterr().out


def test_an_absent_folder_holds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert load_directory(tmp_path / "nowhere") == []
    assert run(tmp_path / "nowhere", "list") == 0
    assert "certs csr" in capsys.readouterr().out


# What is of no use in a folder


@pytest.mark.parametrize("permissions", [0o640, 0o604, 0o620])
def test_a_key_that_others_can_read_is_refused_with_the_fix(working: Path, permissions: int) -> None:
    (stored,) = read_directory(working).stored
    key = stored.file.with_suffix(".key")
    key.chmod(permissions)
    with pytest.raises(CertificateError, match=f"run chmod 600 {key}"):
        load_directory(working)


def test_one_bad_file_does_not_hide_the_others(
    working: Path, pki: LookAlike, capsys: pytest.CaptureFixture[str]
) -> None:
    (good,) = read_directory(working).stored
    lonely = good.file.with_name("2026-01-01-00000000.pem")
    lonely.write_bytes(good.file.read_bytes())
    rubbish = good.file.with_name("2026-01-01-11111111.pem")
    rubbish.write_text("<html>")
    rubbish.with_suffix(".key").write_text("x")
    swapped = good.file.with_name("2026-01-01-22222222.pem")
    swapped.write_bytes(good.file.read_bytes())
    certsdir.write(swapped.with_suffix(".key"), authorities.key_pem(authorities.new_key()), private=True)
    directory = read_directory(working)
    assert directory.stored == (good,)
    assert len(directory.problems) == 3
    for problem, (file, word) in zip(
        directory.problems,
        ((lonely, "00000000.key is missing"), (rubbish, "certificate was expected"), (swapped, "does not match")),
        strict=True,
    ):
        assert str(file.with_suffix("")) in problem
        assert word in problem
    with pytest.raises(CertificateError, match="is missing"):
        load_directory(working)
    assert run(working, "list") == 1
    assert "does not match" in capsys.readouterr().err


def test_an_encrypted_key_in_the_folder_needs_its_password(working: Path) -> None:
    (stored,) = read_directory(working).stored
    lock = serialization.BestAvailableEncryption(b"sesame")
    locked = stored.identity.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
    certsdir.write(stored.file.with_suffix(".key"), locked, private=True)
    with pytest.raises(CertificateError, match="is encrypted and no password was given"):
        load_directory(working)
    assert load_directory(working, b"sesame") == [stored.identity]


def test_a_write_that_fails_leaves_the_old_file_and_no_crumbs(tmp_path: Path) -> None:
    certsdir.write(tmp_path / "a.key", b"old", private=True)
    (tmp_path / "b.key").mkdir()
    with pytest.raises(OSError, match=r"b\.key"):
        certsdir.write(tmp_path / "b.key", b"new", private=True)
    assert sorted(os.listdir(tmp_path)) == ["a.key", "b.key"]
    assert (tmp_path / "a.key").read_bytes() == b"old"


# dev


def test_look_alikes_are_there_in_one_command_and_verify_with_openssl(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    assert run(tmp_path, "dev", str(folder), "--pass-type", CLUB, "--pass-type", SPA, "--team", "ABCDE12345") == 0
    identities = load_directory(folder)
    assert [(one.pass_type_identifier, one.team_identifier) for one in identities] == [
        (CLUB, "ABCDE12345"),
        (SPA, "ABCDE12345"),
    ]
    manifest = b'{\n"pass.json": "x"\n}'
    (tmp_path / "manifest.json").write_bytes(manifest)
    for identity in identities:
        (tmp_path / "signature").write_bytes(identity.sign(manifest, datetime.now(UTC)))
        command = "cms -verify -binary -inform DER -in signature -content manifest.json -purpose any -out out"
        judged = subprocess.run(
            [need("openssl"), *command.split(), "-CAfile", str(folder / "dev" / "root.pem")],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert judged.returncode == 0, judged.stderr
    assert {mode(key) for key in folder.rglob("*.key")} == {0o600}


def test_a_look_alike_leaf_has_what_apples_has(pki: LookAlike) -> None:
    """The list was read from a real pass certificate; see the reference on certificates."""
    leaf = pki.passes[authorities.DEFAULT_PASS_TYPE].certificate
    told = subprocess.run(
        [need("openssl"), "x509", "-noout", "-text"],
        input=leaf.public_bytes(serialization.Encoding.PEM),
        capture_output=True,
        check=True,
    ).stdout.decode()
    for expected in (
        "Subject: UID = pass.com.example.passbell, CN = Pass Type ID: pass.com.example.passbell, OU = PASSBELL01",
        "Public-Key: (2048 bit)",
        "TLS Web Client Authentication, 1.2.840.113635.100.4.14",
        "1.2.840.113635.100.6.1.16",
        "1.2.840.113635.100.6.3.2",
        "CA Issuers - URI:",
        "OU = G4",
    ):
        assert expected in told


def test_making_look_alikes_again_keeps_what_lasts_and_adds_what_is_new(tmp_path: Path) -> None:
    dev(tmp_path, [CLUB], team="T", now=NOW)
    before = files(tmp_path)
    assert dev(tmp_path, [CLUB], team="T", now=NOW) == []
    (added,) = dev(tmp_path, [CLUB, SPA], team="T", now=NOW)
    assert added.parent.name == SPA
    assert before.items() <= files(tmp_path).items()


def test_look_alikes_about_to_expire_are_made_anew(tmp_path: Path) -> None:
    dev(tmp_path, [CLUB], team="T", now=NOW)
    renewed = dev(tmp_path, [CLUB], team="T", now=NOW + timedelta(days=380))
    assert sorted(file.parent.name for file in renewed) == ["apns", CLUB]
    assert len(load_directory(tmp_path)) == 2


def test_a_folder_with_certificates_of_others_gets_no_look_alikes(working: Path, pki: LookAlike) -> None:
    certsdir.write(working / "x", b"")
    apple = authorities.Pair(
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Some other authority")]))
        .issuer_name(pki.root.certificate.subject)
        .public_key(pki.wwdr.key.public_key())
        .serial_number(7)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=900))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(pki.wwdr.key.public_key()), critical=False)
        .sign(pki.root.key, x509.load_pem_x509_certificate(pki.root.certificate_pem).signature_hash_algorithm),  # type: ignore[arg-type]
        pki.wwdr.key,
    )
    real = authorities.pass_certificate(apple, SPA, now=NOW)
    above = [apple.certificate.public_bytes(serialization.Encoding.PEM)]
    certsdir.keep_identity(working, load_identity(real.certificate_pem, real.key_pem, intermediates=above))
    before = files(working)
    with pytest.raises(CertificateError, match="is no look-alike"):
        dev(working, [CLUB], team="T", now=NOW)
    assert files(working) == before


def test_a_tls_client_with_the_pass_certificate_meets_the_stand_in(tmp_path: Path) -> None:
    """The pair of Apple's push service and ours shake hands, each with the other's chain checked to the root."""
    dev(tmp_path, [CLUB], team="T", now=NOW)
    (identity,) = load_directory(tmp_path)
    (tmp_path / "client.pem").write_bytes(identity.certificate_pem() + identity.key_pem())
    root = tmp_path / "dev" / "root.pem"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "apns" / "server.pem", tmp_path / "apns" / "server.key")
    server.load_verify_locations(root)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(root))
    client.load_cert_chain(tmp_path / "client.pem")
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(down, up, server_hostname="127.0.0.1")
    theirs = server.wrap_bio(up, down, server_side=True)
    shake_hands(ours, theirs)
    peer = theirs.getpeercert(binary_form=True)
    assert peer == der(identity.certificate)


def shake_hands(ours: ssl.SSLObject, theirs: ssl.SSLObject) -> None:
    for side in (ours, theirs, ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
