"""The studio's join links with their posters, and its certificate page, as an admin's browser meets them."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from commands import pki
from handlers.studio.texts import TEXTS
from passkit.apple.signing import Identity, Signers, load_identity
from store import brands, certificates, joinlinks, people
from store.dialect import Database
from store.people import NewOutlet, Role
from tests.conftest import PASS_TYPE, TEAM
from tests.handlers.conftest import House, opened
from tests.handlers.studio import Browser, browser_of, text, user

NOW = datetime.now(UTC)


@pytest_asyncio.fixture
async def studio(local_db: Database, signers: Signers, lean: dict[str, bytes]) -> AsyncIterator[House]:
    async with opened(local_db, signers, lean) as house:
        yield house


@pytest_asyncio.fixture
async def admin(studio: House) -> Browser:
    who = await user(studio, "admin@example.com", Role.ADMIN, password=None)
    return await browser_of(studio, who, verified=True)


FORM = {"name": "Poster", "template": "coffee", "slug": "Nevsky-12", "verify": "always", "utm_source": "window"}


async def test_a_link_is_made_printed_changed_and_taken_out_of_use(studio: House, admin: Browser):
    outlet = await people.outlets.add(studio.db, studio.brand_id, NewOutlet(name="Nevsky"), people.COMMAND_LINE, NOW)
    assert "No links yet" in text(await admin.get("/studio/links"))
    assert "Coffee club" in text(await admin.get("/studio/links/new"))
    asked = "How did you hear of us?; Friends; Ads *\nA wish?"
    made = await admin.post("/studio/links", {**FORM, "outlet": outlet.key, "questions": asked})
    assert made.status == 303
    place = made.headers["Location"]
    (link,) = await joinlinks.listing(studio.db, studio.brand_id)
    assert (link.slug, link.outlet, link.verify, link.utm) == ("nevsky-12", outlet.key, "always", {"source": "window"})
    first, second = link.questions
    assert (first.kind, first.required, [one[""] for one in first.choices]) == ("choice", True, ["Friends", "Ads"])
    assert (second.kind, second.required) == ("text", False)
    shown = await admin.get(place)
    assert "https://cards.example.com/j/nevsky-12" in shown.body.decode()
    assert "How did you hear of us?; Friends; Ads *" in shown.body.decode()
    form = (await studio.ask("GET", "/j/nevsky-12", headers={"Accept-Language": "ru"})).body.decode()
    assert "How did you hear of us?" in form
    poster = await admin.get(f"{place}/poster.pdf")
    assert poster.headers["Content-Type"] == "application/pdf"
    assert poster.body.startswith(b"%PDF-")
    assert (await admin.get(f"{place}/qr.svg")).body.startswith(b"<?xml")
    changed = await admin.post(place, {**FORM, "name": "Window", "verify": "never"})
    assert changed.status == 303
    (link,) = await joinlinks.listing(studio.db, studio.brand_id)
    assert (link.name, link.verify, link.slug, link.questions) == ("Window", "never", "nevsky-12", ())
    assert (await admin.post(f"{place}:archive")).status == 303
    assert (await admin.get(place)).status == 404
    assert (await studio.ask("GET", "/j/nevsky-12")).status == 404
    trail = text(await admin.get("/studio/audit"))
    assert "Made the join link" in trail
    assert "out of use" in trail


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "A name is needed"),
        ({"slug": "Невский"}, "Small letters"),
        ({"template": "none"}, "Publish it first"),
    ],
)
async def test_a_wrong_link_comes_back_with_what_to_mend(
    studio: House, admin: Browser, wrong: dict[str, str], words: str
):
    answer = await admin.post("/studio/links", {**FORM, **wrong})
    assert answer.status == 422
    assert words in text(answer)
    assert await joinlinks.listing(studio.db, studio.brand_id) == []


async def test_an_address_that_is_taken_is_told_at_its_field(studio: House, admin: Browser):
    await admin.post("/studio/links", FORM)
    again = await admin.post("/studio/links", FORM)
    assert again.status == 422
    assert 'id="slug-error"' in again.body.decode()


# The certificate.


async def keep(studio: House, identity: Identity, days: int) -> None:
    await brands.add_certificate(
        studio.db,
        studio.brand_id,
        certificate_pem=identity.certificate_pem().decode(),
        private_key_pem=identity.key_pem().decode(),
        fingerprint=f"{days:064d}",
        not_before=NOW - timedelta(days=300),
        not_after=datetime.now(UTC) + timedelta(days=days, hours=1),
        now=NOW,
    )


@pytest.mark.parametrize(
    ("days", "words"),
    [(200, "All is well"), (59, "Time for the next one"), (-3, "has ended"), (None, "There is no certificate yet")],
)
async def test_the_page_says_how_many_days_are_left_and_what_to_do(
    studio: House, admin: Browser, identity: Identity, days: int | None, words: str
):
    if days is not None:
        await keep(studio, identity, days)
    said = text(await admin.get("/studio/certificates"))
    assert words in said
    assert "Never press Revoke" in said
    if days and days > 0:
        assert f"{days} days left" in said


async def test_from_a_request_to_a_certificate_in_use_without_a_shell(
    studio: House, admin: Browser, identity: Identity, pki_root: tuple[pki.Pair, pki.Pair]
):
    await keep(studio, load_identity(*pki_root_pair(pki_root)), 20)
    assert (await admin.post("/studio/certificates:request")).status == 303
    page = await admin.get("/studio/certificates")
    place = re.search(r'href="(/studio/certificates/\d+\.csr)"', page.body.decode())
    assert place is not None
    request = (await admin.get(place[1])).body
    answered = signed(pki_root[1], request)
    given = {"file": base64.b64encode(answered.public_bytes(serialization.Encoding.DER)).decode()}
    taken = await admin.post("/studio/certificates", given)
    assert taken.status == 303
    assert "The certificate is in use" in text(await admin.get("/studio/certificates"))
    assert await certificates.waiting(studio.db, studio.brand_id, NOW) == []
    again = await admin.post("/studio/certificates", given)
    assert again.status == 422
    assert "here already" in text(again)


@pytest.mark.parametrize("content", ["", "Zm9v", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----", "é" * 50])
async def test_what_is_no_certificate_is_refused_kindly(admin: Browser, content: str):
    answer = await admin.post("/studio/certificates", {"file": content})
    assert answer.status == 422
    assert "This is no certificate that can be used" in text(answer)


async def test_a_viewer_sees_the_days_and_no_buttons(studio: House, identity: Identity):
    await keep(studio, identity, 59)
    viewer = await browser_of(studio, await user(studio, "v@example.com", Role.VIEWER, password=None), verified=True)
    answer = await viewer.get("/studio/certificates")
    assert "59 days left" in text(answer)
    assert 'action="/studio/certificates' not in answer.body.decode()


def test_every_refusal_of_a_certificate_has_a_sentence():
    for code in ("no_waiting_key", "other_pass_type", "password_needed", "already_known", "certificate_over"):
        assert TEXTS["ru"][f"problem_{code}"]


@pytest.fixture(scope="module")
def pki_root() -> tuple[pki.Pair, pki.Pair]:
    root = pki.root_authority(NOW)
    return root, pki.wwdr_authority(root, NOW)


def pki_root_pair(authorities: tuple[pki.Pair, pki.Pair]) -> tuple[bytes, bytes]:
    """A certificate with its chain, and its key."""
    made = pki.pass_certificate(authorities[1], PASS_TYPE, team=TEAM, now=NOW)
    return made.certificate_pem + authorities[1].certificate_pem, pki.key_pem(made.key)


def signed(wwdr: pki.Pair, request: bytes) -> x509.Certificate:
    """What Apple does with a request."""
    key = x509.load_pem_x509_csr(request).public_key()
    model = pki.pass_certificate(wwdr, PASS_TYPE, team=TEAM, now=NOW).certificate
    kept = [one for one in model.extensions if one.oid != x509.SubjectKeyIdentifier.oid]
    builder = x509.CertificateBuilder(
        model.issuer, model.subject, key, x509.random_serial_number(), model.not_valid_before_utc,
        model.not_valid_after_utc, kept,
    )  # fmt: skip
    return builder.sign(wwdr.key, hashes.SHA256())
