"""Filling, building and signing a store card of 12 files and 40 KB, on one core, beside the bare RSA-2048 signature.

The signature alone is most of the work and cannot be made faster in this process, so the ratio says how little is added
to it. The card's values change with every call, as they do in life; the images are random bytes, as good as PNG ones.
``build and sign`` begins with a filled pass, ``fill, build and sign`` with a card of the coffee template.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from benchmarks.figure import Figure, interleaved, median_ratio, settle_memory
from commands.pki import DEFAULT_PASS_TYPE, DEFAULT_TEAM, look_alike
from passkit.apple.bundle import PreparedFiles, pkpass, prepare
from passkit.apple.signing import Identity
from passkit.model import Brand, Card, Pass, Value
from passkit.render import compile_revision, fill
from passkit.schema import parse_template

TARGET = 0.85
BARE, BUILD, FILL = "bare signature", "build and sign", "fill, build and sign"
COFFEE = Path(__file__).parent.parent / "templates" / "passes" / "coffee"
BRAND = Brand(
    key="coffee",
    name="Coffee club",
    pass_type_identifier=DEFAULT_PASS_TYPE,
    team_identifier=DEFAULT_TEAM,
    languages=("ru", "en"),
    time_zone="Europe/Moscow",
    web_service_url="https://cards.example.com/passkit",
)

IMAGE_SIZES = {
    "icon.png": 1_000,
    "icon@2x.png": 2_000,
    "icon@3x.png": 3_500,
    "logo@2x.png": 4_000,
    "logo@3x.png": 6_500,
    "strip@2x.png": 8_000,
    "strip@3x.png": 11_500,
}
TEXTS = ("Points", "Holder", "Deposit", "Next visit", "News", "Book online", "You have %@ points now")
STRINGS = {language: {text: f"{text} ({language})" for text in TEXTS} for language in ("ru", "en")}
"""Two languages; with pass.json, manifest and signature the card has 12 files."""


def figures() -> list[Figure]:
    """Cards a second, and their ratio to the bare signature."""
    identity = look_alike(now=datetime.now(UTC)).identity(DEFAULT_PASS_TYPE)
    images = prepared_images()
    work = {BARE: bare_signature(identity), BUILD: build_and_sign(identity, images), FILL: fill_too(identity, images)}
    settle_memory()
    rates = interleaved(work)
    return [
        Figure(BARE, statistics.median(rates[BARE]), "signatures/s/core"),
        *(
            Figure(name, statistics.median(rates[name]), "cards/s/core", median_ratio(rates, name, BARE), BARE, TARGET)
            for name in (BUILD, FILL)
        ),
    ]


def bare_signature(identity: Identity) -> Callable[[], object]:
    """What nobody can do without: one RSA signature over 107 bytes, by the library itself."""
    key = identity.key
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("the comparison is with RSA-2048")
    scheme, digest, message = padding.PKCS1v15(), hashes.SHA256(), bytes(107)
    return lambda: key.sign(message, scheme, digest)


def build_and_sign(identity: Identity, images: PreparedFiles) -> Callable[[], object]:
    """From a filled pass to the parts of the signed archive, another card each time."""
    serials, now = count(1), datetime.now(UTC)
    return lambda: pkpass(Pass(document(next(serials)), STRINGS, images, (), "ru", now), identity)


def fill_too(identity: Identity, images: PreparedFiles) -> Callable[[], object]:
    """The same from a card's data and a compiled revision of the coffee template."""
    serials, now = count(1), datetime.now(UTC)
    revision = compile_revision(parse_template(template_files(COFFEE)), BRAND, images)
    return lambda: pkpass(fill(revision, card(next(serials), now), None, None, now), identity)


def card(number: int, now: datetime) -> Card:
    """Another customer each time."""
    data: dict[str, Value] = {"name": "Anna Petrova", "points": number, "balance": 45_000 + number, "visit": now}
    return Card(f"{number:032d}", f"{number:016d}", f"a.1.{number:043d}", data, ring=frozenset({"points"}))


def template_files(folder: Path) -> dict[str, bytes]:
    """A template's folder as the mapping that passkit takes."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def prepared_images() -> PreparedFiles:
    """Seven images of 36.5 KB together."""
    dice = random.Random(7)
    return prepare({name: dice.randbytes(size) for name, size in IMAGE_SIZES.items()})


def document(number: int) -> dict[str, object]:
    """pass.json of the coffee card as values."""
    return {
        "formatVersion": 1,
        "passTypeIdentifier": DEFAULT_PASS_TYPE,
        "teamIdentifier": DEFAULT_TEAM,
        "serialNumber": f"{number:032d}",
        "authenticationToken": f"a.1.{number:043d}",
        "webServiceURL": "https://cards.example.com/passkit",
        "organizationName": "Coffee club",
        "description": "Loyalty card",
        "backgroundColor": "rgb(58, 42, 30)",
        "foregroundColor": "rgb(255, 255, 255)",
        "labelColor": "rgb(232, 213, 181)",
        "storeCard": {
            "headerFields": [
                {"key": "points", "label": "Points", "value": number, "changeMessage": "You have %@ points now"}
            ],
            "primaryFields": [{"key": "holder", "label": "", "value": "Anna Petrova"}],
            "secondaryFields": [{"key": "balance", "label": "Deposit", "value": 450.0, "currencyCode": "RUB"}],
            "auxiliaryFields": [
                {
                    "key": "visit",
                    "label": "Next visit",
                    "value": "2026-12-01T18:30:00+03:00",
                    "dateStyle": "PKDateStyleShort",
                    "timeStyle": "PKDateStyleShort",
                }
            ],
            "backFields": [
                {"key": "news", "label": "News", "value": "A new blend is here: come and try it this week."},
                {"key": "book", "label": "Book online", "value": "https://example.com/book"},
            ],
        },
        "barcodes": [
            {
                "format": "PKBarcodeFormatQR",
                "message": f"{number:016d}",
                "messageEncoding": "iso-8859-1",
                "altText": f"{number:016d}",
            }
        ],
        "locations": [{"latitude": 55.75, "longitude": 37.61, "relevantText": "Coffee is near"}],
    }


if __name__ == "__main__":
    for figure in figures():
        print(figure)
