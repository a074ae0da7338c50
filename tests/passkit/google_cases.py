"""Templates of every Google type, and the pass that each becomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from passkit import data
from passkit.google.objects import Address, GooglePictures, class_body, object_body
from passkit.google.types import GoogleType, type_of
from passkit.model import Brand, Card, News
from passkit.render import Revision, compile_revision
from passkit.schema import Template, parse_template
from tests.passkit import building
from tests.passkit.judged_styles import BALANCE, DAY, EXPIRES, FRONT, RU, SHARED, STARTERS, STYLES, VISIT, template_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ISSUER = "3388000000000000001"
ADDRESS = Address(
    ISSUER, f"{ISSUER}.demo", "https://cards.example.com", "https://cards.example.com/google/callback/demo"
)
OBJECT_ID = f"{ISSUER}.S3rial"
PICTURES = GooglePictures(
    "https://cards.example.com/images/logo.png",
    "https://cards.example.com/images/wide.png",
    "https://cards.example.com/images/hero.png",
    "https://cards.example.com/images/thumbnail.png",
)
BRAND = building.BRAND
SECRET = "3132333435363738393031323334353637383930"  # RFC 6238's own, 20 bytes

FLIGHT = {
    "carrier": "LX",
    "number": "318",
    "origin": "ZRH",
    "destination": "LHR",
    "departs": "2027-03-05T06:30",
    "terminal": "1",
    "boards": "2027-03-05T06:00:00",
}
SEATS = [
    {"key": "seat", "label": "Seat", "value": "{{ points }}"},
    {"key": "row", "label": "Row", "value": "{{ points }}-1"},
    {"key": "gate", "label": "Gate", "value": "A"},
]
PERSONAL = {"name": {"type": "text", "default": "", "sample": "Анна Петрова", "personal": True}}

KINDS: dict[str, dict[str, Any]] = {
    "giftCard": {
        "style": "storeCard",
        "google": {"type": "giftCard", "points": "balance", "pin": "points"},
        "fields": FRONT,
    },
    "gift card with a card number of its own": {
        "style": "storeCard",
        "google": {"type": "giftCard", "account_id": "points", "event_number": "{{ card.external_id }}"},
        "fields": {"header": [BALANCE]},
    },
    "constant offer": {
        "style": "coupon",
        "google": {"channel": "both", "subtitle": "{{ 'A fifth less' }}", "multiple_holders": True},
        "fields": {"primary": [{"key": "off", "label": "Today", "value": "20% off everything"}], "secondary": [DAY]},
    },
    "event with everything": {
        "style": "eventTicket",
        "google": {
            "title": "{{ 'Tea and jazz' }}",
            "event": {
                "venue": "Tea room",
                "address": "1 Garden St",
                "starts": "2026-12-01T18:30:00+03:00",
                "doors_open": "2026-12-01T18:00:00+03:00",
            },
            "ticket_type": "{{ 'Adult' }}",
            "face_value": "balance",
            "confirmation_code": "card.external_id",
            "valid_from": "visit",
        },
        "fields": {"primary": [{"key": "holder", "label": "Guest", "value": "{{ name }}"}], "auxiliary": SEATS},
        "variables": {**SHARED["variables"], **PERSONAL},
    },
    "flight": {
        "style": "boardingPass",
        "transit_type": "air",
        "google": {"flight": FLIGHT, "account_name": "name", "seat_class": "{{ 'Economy' }}"},
        "fields": {"auxiliary": SEATS, "secondary": [VISIT]},
    },
    "air without a flight": {"style": "boardingPass", "transit_type": "air", "fields": FRONT},
    "train": {
        "style": "boardingPass",
        "transit_type": "train",
        "google": {"trip": {"type": "round_trip", "departs": "visit", "platform": "{{ '7a' }}", "coach": "points"}},
        "fields": {
            "primary": [
                {"key": "from", "label": "Moscow", "value": "Leningradsky"},
                {"key": "to", "label": "Tver", "value": "Tver"},
            ],
            "secondary": [{"key": "holder", "label": "Passenger", "value": "{{ name }}"}],
            "auxiliary": SEATS,
        },
        "variables": {**SHARED["variables"], **PERSONAL},
    },
    "ferry without a trip": {"style": "boardingPass", "transit_type": "boat", "fields": {"auxiliary": [VISIT]}},
    "all switches": {
        "style": "generic",
        "google": {
            "generic_type": "gym_membership",
            "expiry_notification": True,
            "upcoming_notification": False,
            "security_animation": True,
            "unlock_to_view": True,
            "multiple_holders": True,
            "pass_constraints": {"screenshots": False, "nfc": ["block_payment"]},
            "smart_tap": {"redemption_issuers": [ISSUER], "value": "card.number"},
            "app_link": {"text": "Open", "package": "com.example.app", "url": "https://example.com/{{ card.number }}"},
            "rotating_barcode": {"key": SECRET, "pattern": "{{ card.number }}-{totp_value_0}", "alt_text": "Live"},
        },
        "fields": FRONT,
        "colors": {"background": "{{ '#ffcc00' if points > 100 else '#001122' }}"},
    },
    "many fields": {
        "style": "generic",
        "fields": {
            "header": [{"key": f"h{n}", "label": "H", "value": "{{ points }}"} for n in range(3)],
            "secondary": [{"key": f"s.{n}", "label": "S", "value": "{{ points }}"} for n in range(4)],
            "auxiliary": [{"key": f"a_{n}", "label": "A", "value": f"constant {n}"} for n in range(4)],
            "back": [{"key": f"b{n}", "label": "B", "value": "{{ name }}"} for n in range(12)]
            + [{"key": f"l{n}", "label": "L", "value": f"https://example.com/{n}"} for n in range(12)],
        },
    },
    "bare": {"style": "storeCard", "fields": {}, "barcode": [], "colors": {}, "locations": []},
}


@cache
def template(name: str) -> Template:
    """The template of a starter, a style or one of ``KINDS``."""
    if name in STARTERS or name in STYLES:
        return template_of(name)
    whole = {**SHARED, **KINDS[name], "images": {"icon": "icon.png"}}
    return parse_template(building.files({**whole, "key": "case", "name": "Case"}, {"ru": RU}))


@cache
def revision(name: str) -> Revision:
    """The same compiled."""
    return compile_revision(template(name), BRAND)


ALL = (*STARTERS, *STYLES, *KINDS)


@dataclass(frozen=True)
class Made:
    """A class and an object, and what type they are."""

    type: GoogleType
    klass: dict[str, Any]
    object: dict[str, Any]


def card(of: Revision, values: Mapping[str, Any] | None = None, **more: Any) -> Card:
    """A card with the template's samples, and what the test says."""
    given = {"serial_number": "S3rial", "number": "4111111111111111", "authentication_token": "t" * 32, **more}
    return Card(data={**data.sample(of.template), **(values or {})}, **{"expires_at": EXPIRES, **given})


def made(of: Revision, one: Card | None = None, news: News | None = None, **more: Any) -> Made:
    """The class and the object of a card, else of one with samples."""
    given = {"pictures": PICTURES, "address": ADDRESS, **more}
    pictures, address = given["pictures"], given["address"]
    body = object_body(of, one or card(of), news, address, OBJECT_ID, pictures, NOW)
    return Made(type_of(of.template), class_body(of, address, pictures, NOW), body)


def google(strings: Mapping[str, Mapping[str, str]] | None = None, brand: Brand = BRAND, **document: Any) -> Made:
    """The class and the object of a small template with its samples."""
    return made(building.revision(strings, brand, **document))
