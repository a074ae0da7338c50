"""``doctor``: checks everything an installation needs, each line with the fix where it is wrong.

It changes nothing, but for the throw-away card of ``--phone``. To Apple's push service it sends a made-up token with the
brand's certificate: the answer BadDeviceToken proves the credential, any other says what is wrong with it.
"""

from __future__ import annotations

import argparse
import secrets
import ssl
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

import httpx

from commands import (
    doctor_android,
    doctor_google,
    doctor_letters,
    doctor_nats,
    facts,
    logs,
    phone_check,
    shell,
    upgrade,
)
from commands.certs import WARN_DAYS
from commands.certsdir import read_directory
from commands.channels import open_channel
from commands.checks import Check, State
from commands.settings import Settings, SettingsError
from passkit.apple.signing import Identity, Signers, load_identity
from passkit.errors import CertificateError
from pushes.channel import Outcome, Push, Verdict
from pushes.h2pool import Options
from store import brands, dialect, google, holding, leases, lost, migrations, processes, sqlite_library, templates
from store.dialect import Database
from store.errors import StoreError
from store.google import Mode

CLOCK_WARN = timedelta(seconds=5)
CLOCK_FAIL = timedelta(seconds=60)
"""Webhooks are refused at five minutes; a minute off says that nobody sets this clock."""
REACH_SECONDS = 10.0
APNS_SECONDS = 5.0
EXPIRATION = timedelta(minutes=1)


def add(subparsers: Any) -> None:
    """Register ``doctor``."""
    parser = subparsers.add_parser("doctor", help="check everything before the first push; each line ends with the fix")
    parser.add_argument("--phone", action="store_true", help="act as an iPhone through PUBLIC_URL on a throw-away card")
    parser.add_argument(
        "--google", action="store_true", help="also let Google judge what a sample save link would hold"
    )
    parser.add_argument(
        "--before-upgrade", action="store_true", help="only whether this program can take over settings and database"
    )
    shell.add_brand_flag(parser)
    parser.add_argument("--template", help="of which template the throw-away card is; the first published if not given")
    parser.set_defaults(run=run)


async def run(args: argparse.Namespace, settings: Settings) -> int:
    """``doctor``: exit code 1 when a line says FAIL."""
    logs.silence()
    looking = (
        upgrade.examine(settings) if args.before_upgrade else examine(settings, reach_out=True, validate=args.google)
    )
    checks = await looking
    show(checks)
    failed = any(check.state is State.FAIL for check in checks)
    if args.phone:
        async with shell.database(settings) as db:
            brand = await shell.chosen_brand(db, args.brand)
            async for step in phone_check.walk(db, brand, settings, args.template):
                check = Check(State.OK if step.is_ok else State.FAIL, f"phone, {step.what}", step.detail, step.fix)
                print(check, flush=True)
                failed = failed or not step.is_ok
    return 1 if failed else 0


def show(checks: Iterable[Check]) -> None:
    """Print the lines."""
    for check in checks:
        print(check)


async def examine(settings: Settings, *, reach_out: bool, validate: bool = False) -> list[Check]:
    """Every check that can be made; ``reach_out`` also calls PUBLIC_URL, Apple and Google.

    ``validate`` has Google judge a sample of each template.
    """
    checks = list(_settings(settings))
    missing = shell.missing_file(settings.database_url)
    if missing is not None:
        return [*checks, Check(State.FAIL, "database", f"{missing} does not exist.", "Run `migrate`.")]
    try:
        keyring = shell.keyring(settings)
        db = await dialect.open(settings.database_url, keyring)
    except (SettingsError, ValueError, StoreError) as error:
        return [*checks, Check(State.FAIL, "start", str(error), "Run `setup`.")]
    db.public_url = settings.public_url or ""
    try:
        checks += [check async for check in _database(db, settings)]
        if all(check.state is not State.FAIL for check in checks if check.what in ("database", "schema")):
            checks += [check async for check in _brands(db, settings, reach_out)]
            checks += [check async for check in _processes(db)]
            checks += [check async for check in _google(db, settings, reach_out, validate)]
            checks += [check async for check in doctor_android.examine(db, settings, reach_out=reach_out)]
            checks += [check async for check in doctor_letters.examine(db, settings, reach_out=reach_out)]
    finally:
        await db.close()
    if reach_out:
        checks += await doctor_nats.examine(settings)
    if reach_out and settings.public_url:
        checks.append(await _reachable(settings.public_url))
    return checks


def _settings(settings: Settings) -> Iterable[Check]:
    if settings.public_url is None:
        yield Check(
            State.FAIL, "PUBLIC_URL", "not set.", "Set it to the https address at which phones reach this server."
        )
    elif settings.public_url.startswith("http://"):
        yield Check(State.WARN, "PUBLIC_URL", f"{settings.public_url} works on this machine alone.", "Use https.")
    else:
        yield Check(State.OK, "PUBLIC_URL", settings.public_url)
    if settings.secret is None:
        yield Check(State.FAIL, "SECRET", "not set.", "`setup` makes it.")


async def _database(db: Database, settings: Settings) -> AsyncIterator[Check]:
    try:
        version = await migrations.schema_version(db)
        async with db.reading() as conn:
            skew = await dialect.database_now(conn) - shell.now()
    except StoreError as error:
        yield Check(State.FAIL, "database", error.detail, "Start it, or set DATABASE_URL right.")
        return
    yield _answers(db)
    head = migrations.head()
    if version == head:
        yield Check(State.OK, "schema", version)
    else:
        yield Check(State.FAIL, "schema", f"{version or 'none'}, this program needs {head}.", "Run `migrate`.")
    yield _clock(skew)
    if version == head:
        async for check in _restored(db):
            yield check


async def _restored(db: Database) -> AsyncIterator[Check]:
    """What is special about a database that was put back."""
    why = await holding.why_held(db)
    if why is not None:
        yield Check(
            State.FAIL,
            "held",
            f"this database was {why}: nothing leaves.",
            "`release` shows what would go out, and lets it.",
        )
    known = await lost.count(db)
    if known:
        yield Check(
            State.WARN, "lost cards", f"{known} cards are on phones and not here.", "`card readopt` makes them anew."
        )


def _answers(db: Database) -> Check:
    if db.is_postgresql:
        return Check(State.OK, "database", "PostgreSQL answers.")
    safe = sqlite_library.version() >= sqlite_library.SAFE_WAL
    return Check(State.OK if safe else State.WARN, "database", f"{db.sqlite_note}.", "pip install pysqlite3")


def _clock(skew: timedelta) -> Check:
    off = abs(skew)
    seconds = f"{off.total_seconds():.1f} s away from the database's."
    if off < CLOCK_WARN:
        return Check(State.OK, "clock", seconds)
    state = State.FAIL if off > CLOCK_FAIL else State.WARN
    return Check(state, "clock", seconds, "Let both machines set their clocks by NTP.")


async def _brands(db: Database, settings: Settings, reach_out: bool) -> AsyncIterator[Check]:
    mismatches = await brands.check_facts(db, await facts.current(db, settings))
    if mismatches:
        yield Check(State.FAIL, "facts", facts.sentence(mismatches))
    else:
        yield Check(State.OK, "facts", "SECRET, PUBLIC_URL and pass types are those of the cards.")
    rows = [row for row in await brands.listing(db) if row.revoked_at is None]
    if not rows:
        yield Check(State.FAIL, "brand", "there is none.", "`setup` makes the first.")
    held = {hold.pass_type_identifier: hold.reason for hold in await leases.held(db)}
    signers = await _signers(db, settings)
    for row in rows:
        identity, check = _certificate(signers, row)
        yield check
        yield await _published(db, row)
        if row.pass_type_identifier in held:
            yield Check(State.FAIL, f"pushes of {row.key}", f"held: {held[row.pass_type_identifier]}.", _HELD_FIX)
        if identity is not None and reach_out:
            yield await apns(settings, identity)


async def _google(db: Database, settings: Settings, reach_out: bool, validate: bool) -> AsyncIterator[Check]:
    rows = [row for row in await brands.listing(db) if row.revoked_at is None]
    held = {hold.pass_type_identifier: hold.reason for hold in await leases.held(db)}
    for row in rows:
        async for check in doctor_google.examine(db, settings, row, reach_out=reach_out, validate=validate):
            yield check
        reason = held.get(google.lease_name(row.google_issuer_id or ""))
        if reason:
            yield Check(State.FAIL, f"Google pushes of {row.key}", f"held: {reason}.", _HELD_FIX)
    if any(row.google_mode != Mode.OFF for row in rows):
        yield doctor_google.root_keys(await google.root_keys(db), await google.root_keys_read_at(db))


async def _processes(db: Database) -> AsyncIterator[Check]:
    seen, now = await processes.alive(db)
    for each in processes.differences(seen, now):
        two = f"{each.one} and {each.other}"
        if each.what:
            fix = "All hosts must read the same database with the same SECRET; restart the one that is behind."
            yield Check(State.FAIL, f"processes, {each.what}", f"{two} sign with different certificates.", fix)
        else:
            yield Check(
                State.WARN, "processes", f"{two} are different programs.", "Finish the upgrade: restart the old."
            )
    if seen:
        yield Check(State.OK, "processes", f"{len(seen)} running: {', '.join(each.process.name for each in seen)}.")


_HELD_FIX = "Mend what the reason says; pushes go on by themselves within a minute."


async def _signers(db: Database, settings: Settings) -> Signers:
    """What the rows hold and what the folder would add at the next start."""
    identities = [stored.identity for stored in read_directory(settings.certs_dir).stored]
    for row in await brands.certificates(db):
        try:
            identities.append(load_identity(row.certificate_pem.encode(), row.private_key_pem.encode()))
        except CertificateError:
            continue  # a start logs it; here the brand is then without a certificate, which is said
    return Signers(identities)


def _certificate(signers: Signers, row: brands.BrandRow) -> tuple[Identity | None, Check]:
    what = f"certificate of {row.key}"
    now = shell.now()
    try:
        identity = signers.newest(row.pass_type_identifier, now)
    except CertificateError as error:
        return None, Check(State.FAIL, what, str(error), "`certs csr`, then `certs import`.")
    days = (identity.not_after - now).days
    detail = f"{identity.pass_type_identifier}, {days} days left, until {identity.not_after:%Y-%m-%d}."
    if days < WARN_DAYS:
        return identity, Check(State.WARN, what, detail, "`certs renew`; never press Revoke in Apple's portal.")
    return identity, Check(State.OK, what, detail)


async def _published(db: Database, row: brands.BrandRow) -> Check:
    count = sum(1 for template in await templates.listing(db, row.id) if template.published_revision is not None)
    if count:
        return Check(State.OK, f"templates of {row.key}", f"{count} published.")
    fix = "`template import DIR`, then `template publish KEY`."
    return Check(State.WARN, f"templates of {row.key}", "none is published.", fix)


async def apns(settings: Settings, identity: Identity) -> Check:
    """A made-up token to Apple: BadDeviceToken proves that certificate and topic are right."""
    what = f"push service, {identity.pass_type_identifier}"
    expiration = int((shell.now() + EXPIRATION).timestamp())
    push = Push(0, identity.pass_type_identifier, secrets.token_hex(32), expiration)
    try:
        channel = open_channel(settings, identity, Options(connect_timeout=APNS_SECONDS, patience=APNS_SECONDS))
    except (ValueError, ssl.SSLError) as error:
        return Check(State.FAIL, what, str(error), "Set APNS_URL, APNS_CA and the certificate right.")
    try:
        verdicts = [verdict async for _, verdict in channel.send_many([push])]
    finally:
        await channel.aclose()
    return _judged(what, verdicts[0], settings.apns_url)


def _judged(what: str, verdict: Verdict, url: str) -> Check:
    if verdict.reason == "BadDeviceToken":
        return Check(State.OK, what, f"{url} knows this certificate.")
    if verdict.outcome is Outcome.DELIVERED:
        return Check(State.OK, what, f"{url} took a made-up token, so it is a stand-in.")
    return Check(State.FAIL, what, f"{url} says {verdict.reason}.", _APNS_FIXES.get(verdict.reason, _APNS_FIX))


_APNS_FIX = "See docs/troubleshooting.md, pushes are held."
_APNS_FIXES = {
    "NoConnection": "Let this machine reach it: port 443, or another APNS_URL.",
    "CertificateRefused": "The certificate is revoked or not Apple's: `certs csr`, then `certs import`.",
    "NotHttp2": "APNS_URL names something else than Apple's push service.",
    "TopicDisallowed": "The certificate belongs to another pass type: `certs list`.",
    "BadCertificate": "The certificate is not for pushes: import the one that Apple made for the pass type.",
    "BadCertificateEnvironment": "APNS_URL must be Apple's production service.",
}


async def _reachable(public_url: str) -> Check:
    what = "PUBLIC_URL from here"
    try:
        async with httpx.AsyncClient(timeout=REACH_SECONDS, follow_redirects=False, trust_env=False) as client:
            answer = await client.get(f"{public_url}/readyz")
    except httpx.HTTPError as error:
        return Check(
            State.FAIL, what, f"no answer ({type(error).__name__}).", "Start `serve`, and let the proxy reach it."
        )
    if answer.status_code == 200:
        return Check(State.OK, what, "ready.")
    fix = "The address must lead to `serve` without redirects; look at its log."
    return Check(State.FAIL, what, f"/readyz answers {answer.status_code}.", fix)
