"""``certs``: from nothing to a signing certificate, and to the next one a year later.

``csr`` makes the key here, where it stays, and the request to upload; ``import`` takes what Apple gives back, finds the
key it belongs to and signs a trial before it is used; ``renew`` does the same while the old pair goes on signing;
``list`` says how many days are left; ``dev`` makes look-alikes for a machine without an Apple account.

The operations are functions of a folder and ``now``; the ``run_`` functions read the clock and print.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography import x509
from cryptography.x509.oid import NameOID

from commands import certsdir, pki
from commands.certsdev import dev
from commands.certsdir import Directory, Stored, Waiting, load_directory, read_directory
from passkit.apple import credentials
from passkit.apple.credentials import SigningKey
from passkit.apple.signing import PASS_TYPE, Identity, identify
from passkit.errors import CertificateError

__all__ = ["add", "create_request", "dev", "load_directory", "read_directory", "renew", "rows", "take_in"]

WARN_DAYS: Final = 60  # Apple's own reminder comes at 30; a month more leaves room for holidays

NEVER_REVOKE: Final = (
    "Never press Revoke on the old certificate: revoking kills every card that is already on a phone. "
    "Let it expire by itself."
)


class HasCertsDir(Protocol):
    """The one setting that these commands need."""

    @property
    def certs_dir(self) -> Path:
        """CERTS_DIR."""
        ...


@dataclass(frozen=True, slots=True)
class Row:
    """One line of ``certs list``; the moments are None for a key that waits for its certificate."""

    pass_type_identifier: str
    state: str
    not_before: datetime | None
    not_after: datetime | None
    days_left: int | None
    team_identifier: str | None
    issuer: str | None
    fingerprint: str | None
    file: Path

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return {
            "pass_type_identifier": self.pass_type_identifier,
            "state": self.state,
            "not_before": self.not_before and self.not_before.isoformat(),
            "not_after": self.not_after and self.not_after.isoformat(),
            "days_left": self.days_left,
            "team_identifier": self.team_identifier,
            "issuer": self.issuer,
            "fingerprint": self.fingerprint,
            "file": str(self.file),
        }


@dataclass(frozen=True, slots=True)
class Taken:
    """What ``import`` took: an identity, or else an intermediate; the file that now holds it."""

    file: Path
    identity: Identity | None


def create_request(path: Path, pass_type_identifier: str, *, email: str | None, again: bool, now: datetime) -> Waiting:
    """A key and its request for Apple's portal; the one that already waits for that pass type, unless ``again``."""
    if not PASS_TYPE.fullmatch(pass_type_identifier):
        raise CertificateError(
            f"'{pass_type_identifier}' is no Pass Type ID: write it as in Apple's portal, "
            f"for example {pki.DEFAULT_PASS_TYPE}."
        )
    for known in certsdir.waiting(path):
        if known.pass_type_identifier == pass_type_identifier and not again:
            return known
    key = pki.new_key()
    return certsdir.keep_request(
        path, pass_type_identifier, key, pki.request(key, pass_type_identifier, email=email), now
    )


def renew(path: Path, pass_type_identifier: str | None, *, email: str | None, again: bool, now: datetime) -> Waiting:
    """The next key and request beside the pair in use, which goes on signing meanwhile."""
    known = sorted({stored.identity.pass_type_identifier for stored in read_directory(path).stored})
    if pass_type_identifier is None and len(known) == 1:
        pass_type_identifier = known[0]
    if pass_type_identifier is None:
        choice = f"choose one with --pass-type: {', '.join(known)}" if known else "make the first with `certs csr`"
        raise CertificateError(f"There are {len(known)} pass types in {path}; {choice}.")
    if pass_type_identifier not in known:
        raise CertificateError(
            f"There is no certificate for {pass_type_identifier} in {path} to renew; make the first with `certs csr`."
        )
    return create_request(path, pass_type_identifier, email=email, again=again, now=now)


def take_in(path: Path, content: bytes, *, key: bytes | None, password: bytes | None, now: datetime) -> Taken:
    """A .cer, .pem or .p12 into the folder: paired with its key, chained, tried out, and only then written.

    An authority's certificate goes to the intermediates. Raises ``CertificateError`` and changes nothing otherwise.
    """
    found = credentials.read(content, password=password)
    if credentials.is_authority(found.certificate):
        return Taken(_take_authority(path, found.certificate), None)
    own_key = found.key or (credentials.read_key(key, password=password) if key else None)
    waiting_key, waiting = (own_key, None) if own_key else _waiting_key(path, found.certificate)
    identity = identify(
        found.certificate, waiting_key, (*found.others, *certsdir.read_intermediates(path, problems=[]))
    )
    pki.prove(identity, now)
    file = certsdir.keep_identity(path, identity)
    if waiting is not None:
        waiting.key_file.unlink()
        waiting.request_file.unlink(missing_ok=True)
    return Taken(file, identity)


def rows(directory: Directory, now: datetime) -> list[Row]:
    """What ``certs list`` shows: by pass type, the newest first, what is in use and what waits."""
    in_use: set[str] = set()
    newest_first = sorted(directory.stored, key=lambda stored: stored.identity.not_before, reverse=True)
    lines = [_row(stored, now, in_use) for stored in newest_first]
    for waiting in directory.waiting:
        state = f"waiting for Apple since {waiting.since}"
        lines.append(Row(waiting.pass_type_identifier, state, *(None,) * 6, waiting.request_file))
    return sorted(lines, key=lambda row: row.pass_type_identifier)


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register ``certs`` and its operations."""
    commands = subparsers.add_parser(
        "certs", help="certificates: request, import, renew, list, look-alikes"
    ).add_subparsers(metavar="OPERATION", required=True)
    look_alike = commands.add_parser("dev", help="make look-alike certificates, for trying out without Apple")
    look_alike.add_argument("dir", type=Path, help="the folder to fill")
    look_alike.add_argument("--pass-type", action="append", help="a pass type identifier; may be given several times")
    look_alike.add_argument("--team", default=pki.DEFAULT_TEAM, help="the team identifier")
    look_alike.set_defaults(run=run_dev)
    for name, run, text in (
        ("csr", run_csr, "make a key, which stays here, and the request to upload to Apple"),
        ("renew", run_renew, "make the next key and request beside the pair in use"),
    ):
        one = commands.add_parser(name, help=text)
        one.add_argument("--pass-type", required=name == "csr", help="the pass type identifier, as in Apple's portal")
        one.add_argument("--email", help="your address, if it shall stand in the request")
        one.add_argument("--again", action="store_true", help="make another key even if one is waiting")
        _add_dir(one).set_defaults(run=run)
    take = commands.add_parser("import", help="take in what Apple or Keychain gave: .cer, .pem or .p12")
    take.add_argument("file", type=Path)
    take.add_argument("--key", type=Path, help="the private key, when it was not made by `certs csr`")
    take.add_argument("--password-file", type=Path, help="a file with the password of the .p12 or key")
    _add_dir(take).set_defaults(run=run_import)
    show = commands.add_parser("list", help="every certificate with its days left")
    show.add_argument("--json", action="store_true", help="as JSON")
    _add_dir(show).set_defaults(run=run_list)


def run_dev(args: argparse.Namespace, _settings: HasCertsDir) -> int:
    """``certs dev DIR``."""
    pass_types = args.pass_type or [pki.DEFAULT_PASS_TYPE]
    for file in dev(args.dir, pass_types, team=args.team, now=datetime.now(UTC)):
        print(f"wrote {file}")
    print(f"Look-alike certificates for {', '.join(pass_types)} are in {args.dir}; no Apple device trusts them.")
    return 0


def run_csr(args: argparse.Namespace, settings: HasCertsDir) -> int:
    """``certs csr``."""
    path = args.dir or settings.certs_dir
    made = create_request(path, args.pass_type, email=args.email, again=args.again, now=datetime.now(UTC))
    print(clicks(made))
    return 0


def run_renew(args: argparse.Namespace, settings: HasCertsDir) -> int:
    """``certs renew``."""
    path = args.dir or settings.certs_dir
    made = renew(path, args.pass_type, email=args.email, again=args.again, now=datetime.now(UTC))
    print(clicks(made))
    print(f"\nThe pair in use stays and goes on signing. {NEVER_REVOKE}")
    return 0


def run_import(args: argparse.Namespace, settings: HasCertsDir) -> int:
    """``certs import FILE``."""
    path = args.dir or settings.certs_dir
    content = _given(args.file)
    key = certsdir.read_private(args.key) if args.key else None
    password = certsdir.read_private(args.password_file).rstrip(b"\r\n") if args.password_file else None
    now = datetime.now(UTC)
    try:
        taken = take_in(path, content, key=key, password=password, now=now)
    except credentials.PasswordNeeded:
        if not sys.stdin.isatty():
            raise
        asked = getpass.getpass(f"Password of {args.file.name}: ").encode()
        taken = take_in(path, content, key=key, password=asked, now=now)
    print(_welcome(taken, now))
    return 0


def run_list(args: argparse.Namespace, settings: HasCertsDir) -> int:
    """``certs list``: exit code 1 when a file is of no use or a pass type has nothing valid to sign with."""
    directory = read_directory(args.dir or settings.certs_dir)
    lines = rows(directory, datetime.now(UTC))
    if args.json:
        print(json.dumps([row.to_json() for row in lines], indent=2))
    else:
        print("\n".join(_line(row) for row in lines) or "No certificates yet: start with `certs csr --pass-type ID`.")
    for problem in directory.problems:
        print(problem, file=sys.stderr)
    expired = {row.pass_type_identifier for row in lines if row.state.startswith("expired")}
    healthy = {row.pass_type_identifier for row in lines if row.state.startswith("in use")}
    return 1 if directory.problems or expired - healthy else 0


def clicks(waiting: Waiting) -> str:
    """What to do in Apple's portal with the request, and then here."""
    pass_type = waiting.pass_type_identifier
    return f"""The key is in {waiting.key_file} and stays there. Now in Apple's developer portal:
  1. https://developer.apple.com/account/resources/identifiers/list/passTypeId
     If {pass_type} is not in the list: +, Pass Type IDs, Continue, enter it.
  2. https://developer.apple.com/account/resources/certificates/add
     Choose "Pass Type ID Certificate", Continue; choose {pass_type}.
  3. Upload {waiting.request_file}, Continue, Download.
  4. Here: certs import pass.cer"""


def _add_dir(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--dir", type=Path, help="the folder of certificates, if not CERTS_DIR")
    return parser


def _given(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificateError(f"{file} cannot be read: {error.strerror or error}.") from error


def _take_authority(path: Path, certificate: x509.Certificate) -> Path:
    if certificate.issuer == certificate.subject:
        raise CertificateError("This is a root certificate, which a pass does not carry; import your .cer instead.")
    return certsdir.keep_intermediate(path, certificate)


def _waiting_key(path: Path, certificate: x509.Certificate) -> tuple[SigningKey, Waiting]:
    public = certificate.public_key()
    for waiting in certsdir.waiting(path):
        key = credentials.read_key(certsdir.read_private(waiting.key_file))
        if key.public_key() == public:
            return key, waiting
    raise CertificateError(
        f"No key waiting in {path} belongs to this certificate, so it was made from another request (.csr): "
        "give its key with --key FILE, or export both from Keychain as a .p12, or start anew with `certs csr`."
    )


def _row(stored: Stored, now: datetime, in_use: set[str]) -> Row:
    identity = stored.identity
    pass_type = identity.pass_type_identifier
    issuer = credentials.subject(identity.chain[0], NameOID.ORGANIZATIONAL_UNIT_NAME)
    common = credentials.subject(identity.chain[0], NameOID.COMMON_NAME)
    return Row(
        pass_type,
        _state(identity, now, in_use),
        identity.not_before,
        identity.not_after,
        (identity.not_after - now) // timedelta(days=1),
        identity.team_identifier,
        ", ".join(text for text in (common, issuer) if text),
        identity.fingerprint,
        stored.file,
    )


def _state(identity: Identity, now: datetime, in_use: set[str]) -> str:
    if now < identity.not_before:
        return "not yet valid"
    if not identity.is_valid(now):
        return "expired"
    if identity.pass_type_identifier in in_use:
        return "older"
    in_use.add(identity.pass_type_identifier)
    soon = identity.not_after - now < timedelta(days=WARN_DAYS)
    return "in use, renew it now" if soon else "in use"


def _line(row: Row) -> str:
    if row.not_after is None:
        return f"{row.pass_type_identifier}  {row.state}: {row.file}"
    return (
        f"{row.pass_type_identifier}  {row.state}  {row.days_left} days left, until {row.not_after:%Y-%m-%d}"
        f"  team {row.team_identifier}  {row.file}"
    )


def _welcome(taken: Taken, now: datetime) -> str:
    identity = taken.identity
    if identity is None:
        return f"The intermediate is in {taken.file}; certificates that it issued can be imported now."
    days = (identity.not_after - now) // timedelta(days=1)
    return (
        f"The certificate for {identity.pass_type_identifier} of team {identity.team_identifier} is in {taken.file}, "
        f"valid for {days} days; a trial signature verifies. {NEVER_REVOKE}"
    )
