"""A case for each rule of ``limits``: what passes the limit and what just keeps it, as changes of a clean template."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from PIL import Image

from passkit.schema import Template, parse_template

Change = Mapping[str, Any]
DELETE = object()


def png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), (40, 90, 160)).save(buffer, "PNG")
    return buffer.getvalue()


PICTURES = {
    "icon.png": png(462, 462),
    "apple.png": png(228, 228),
    "square.png": png(500, 480),
    "logo.png": png(480, 150),
    "strip.png": png(1125, 432),
    "tall.png": png(500, 2000),
    "tiny.png": png(60, 20),
    "artwork.png": png(1074, 1344),
    "thumbnail.png": png(270, 270),
    "text.png": b"not a picture",
}

CLEAN: Change = {
    "key": "plain",
    "style": "storeCard",
    "name": "Plain",
    "description": "Loyalty card",
    "languages": ["en"],
    "images": {"icon": "icon.png", "logo": "logo.png"},
    "colors": {"background": "#203040", "foreground": "#ffffff", "label": "#c0d0e0"},
    "variables": {"points": {"type": "integer", "default": 0, "sample": 12}},
    "fields": {
        "header": [{"key": "points", "label": "Points", "value": "{{ points }}", "change_message": "%@ points"}]
    },
    "barcode": {"format": "qr", "message": "{{ card.number }}"},
}

POINTS = CLEAN["fields"]["header"][0]


def template(change: Change, strings: Mapping[str, Mapping[str, str]] | None = None, spare: str = "") -> Template:
    """The clean template with top-level keys replaced; only the pictures that it names, and ``spare``."""
    content = {key: value for key, value in {**CLEAN, **change}.items() if value is not DELETE}
    localised = [name for slots in content.get("localized_images", {}).values() for name in slots.values()]
    varied = [name for one in content.get("variants", []) for name in one.get("images", {}).values()]
    used = {*content.get("images", {}).values(), *localised, *varied, content.get("stamps", {}).get("icon"), spare}
    files = {name: picture for name, picture in PICTURES.items() if name in used}
    files["template.yaml"] = json.dumps(content).encode()  # JSON is YAML
    for language, table in (strings or {}).items():
        files[f"strings/{language}.yaml"] = json.dumps(dict(table)).encode()
    return parse_template(files)


def many(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"key": f"field{place}", "label": "Field", "value": "{{ points }}", **more} for place in range(count)]


def image(**slots: str) -> Change:
    return {"images": {"icon": "icon.png", "logo": "logo.png", **slots}}


LINKS = [{"key": f"link{place}", "label": "Site", "value": f"https://example.com/{place}"} for place in range(11)]


def stamps(**more: Any) -> Change:
    return {"stamps": {"count": "{{ points }}", "of": 10, "icon": "icon.png", **more}}


def back(**field: Any) -> Change:
    return {
        "fields": {"header": [POINTS], "back": [{"key": "more", "label": "More", "value": "{{ points }}", **field}]}
    }


def front(zone: str, **field: Any) -> Change:
    extra = {"key": "more", "label": "More", "value": "{{ points }}", **field}
    return {"fields": {"header": [POINTS], zone: [extra]} if zone != "header" else {"header": [POINTS, extra]}}


def spki(curve: ec.EllipticCurve) -> str:
    public = ec.derive_private_key(7, curve).public_key()
    return base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


P256, P384 = spki(ec.SECP256R1()), spki(ec.SECP384R1())
POSTER: Change = {
    "style": "posterGeneric",
    "images": {"icon": "icon.png", "artwork": "artwork.png", "primaryLogo": "logo.png"},
    "fallback": {"style": "generic"},
}
EVENT: Change = {"style": "eventTicket"}
NAMES = {"eventName": "Day", "venueName": "Hall", "venueRegionName": "Town", "venueRoom": "1"}
GOOD_NFC = {"message": "hello", "encryption_public_key": P256, "requires_authentication": True}

# (rule, pointer, what passes the limit, what just keeps it)
CASES: list[tuple[str, str, Change, Change]] = [
    ("no_icon", "/images", {"images": {"logo": "logo.png"}}, image()),
    ("unreadable", "/images/strip", image(strip="text.png"), image(strip="strip.png")),
    (
        "not_drawn",
        "/images/thumbnail",
        image(thumbnail="thumbnail.png"),
        {"style": "generic", **image(thumbnail="thumbnail.png")},
    ),
    (
        "not_drawn",
        "/images/logo",
        {**POSTER, "fallback": DELETE, **image(artwork="artwork.png")},
        {**POSTER, **image()},
    ),
    (
        "excluded_by_strip",
        "/images/thumbnail",
        {**EVENT, **image(strip="strip.png", thumbnail="thumbnail.png")},
        {**EVENT, **image(thumbnail="thumbnail.png")},
    ),
    ("too_small", "/images/strip", image(strip="tiny.png"), image(strip="strip.png")),
    ("too_small", "/images/logo", {"images": {"icon": "icon.png", "logo": "tiny.png"}}, image()),
    (
        "much_cut_off",
        "/images/strip",
        image(strip="tall.png"),
        {**image(strip="tall.png"), "image_focus": {"strip": [0.5, 0.1]}},
    ),
    (
        "too_small",
        "/variants/0/images/strip",
        {**image(strip="strip.png"), "variants": [{"when": "{{ points > 9 }}", "images": {"strip": "tiny.png"}}]},
        {**image(strip="strip.png"), "variants": [{"when": "{{ points > 9 }}", "images": {"strip": "strip.png"}}]},
    ),
    ("not_drawn", "/stamps/slot", stamps(slot="thumbnail"), stamps(slot="strip")),
    ("soft_stamps", "/stamps/icon", stamps(icon="tiny.png"), stamps(icon="icon.png")),
    (
        "stamps_under_texts",
        "/fields/primary/0",
        {**stamps(), "fields": {"primary": [POINTS]}},
        {**stamps(area=[0.5, 0, 1, 1]), "fields": {"primary": [POINTS]}},
    ),
    ("unspoken_stamps", "/stamps/count", {**stamps(), "fields": {}}, stamps()),
    ("poster_without_pictures", "/images", {**POSTER, "images": {"icon": "icon.png"}}, POSTER),
    (
        "nothing_at_the_top",
        "/images",
        {"images": {"icon": "icon.png"}},
        {"images": {"icon": "icon.png"}, "logo_text": "Club"},
    ),
    (
        "too_many",
        "/fields/auxiliary",
        {"fields": {"secondary": many(3), "auxiliary": [{**one, "key": one["key"] + "b"} for one in many(2)]}},
        {"fields": {"secondary": many(4)}},
    ),
    (
        "too_many",
        "/fields/primary",
        {"fields": {"primary": many(2)}},
        {"style": "boardingPass", "transit_type": "air", "fields": {"primary": many(2)}},
    ),
    (
        "too_many",
        "/fields/auxiliary",
        {**EVENT, "fields": {"auxiliary": many(5)}},
        {**EVENT, "fields": {"auxiliary": [*many(4), {"key": "low", "value": "1", "row": 1}]}},
    ),
    (
        "perhaps_too_many",
        "/fields/auxiliary",
        {"fields": {"auxiliary": [*many(4), {"key": "e", "value": "1", "when": "{{ points }}"}]}},
        {"fields": {"auxiliary": many(4)}},
    ),
    (
        "generic_pages_disagree",
        "/fields/auxiliary",
        {
            "style": "generic",
            "fields": {"secondary": many(3), "auxiliary": [{**one, "key": one["key"] + "b"} for one in many(2)]},
        },
        {"style": "generic", "fields": {"secondary": many(4)}},
    ),
    (
        "dropped_zones",
        "/fields/secondary",
        {**POSTER, "fallback": DELETE, "fields": {"header": [POINTS], "secondary": many(1)}},
        {**POSTER, "fields": {"header": [POINTS], "footer": many(2)}},
    ),
    ("dropped_zones", "/fields/footer", front("footer"), front("auxiliary")),
    (
        "fixed_alignment",
        "/fields/back/0/text_alignment",
        back(text_alignment="left"),
        front("secondary", text_alignment="left"),
    ),
    ("fixed_alignment", "/fields/primary/0/text_alignment", front("primary", text_alignment="right"), front("primary")),
    (
        "detectors_in_front",
        "/fields/secondary/0/data_detectors",
        front("secondary", data_detectors=["phone"]),
        back(data_detectors=["phone"]),
    ),
    ("row_elsewhere", "/fields/auxiliary/0/row", front("auxiliary", row=1), {**EVENT, **front("auxiliary", row=1)}),
    (
        "currency_and_number_style",
        "/fields/back/0",
        back(format="money", currency="RUB", apple={"numberStyle": "PKNumberStyleDecimal"}),
        back(format="money", currency="RUB"),
    ),
    (
        "only_links_in_attributed_value",
        "/fields/back/0/attributed_value",
        back(attributed_value="<b>now</b>"),
        back(attributed_value="<a href='https://example.com'>now</a>"),
    ),
    (
        "message_without_value",
        "/fields/back/0/apple/changeMessage",
        back(apple={"changeMessage": "changed"}),
        back(apple={"changeMessage": "now %@"}),
    ),
    (
        "message_on_a_constant",
        "/fields/back/0/change_message",
        back(value="always", change_message="%@"),
        back(change_message="%@"),
    ),
    ("nothing_rings", "/fields", {"fields": {"header": [{"key": "points", "value": "{{ points }}"}]}}, back()),
    (
        "long_labels",
        "/fields/header/1/label",
        front("header", label="Points on the card"),
        front("secondary", label="Points on the card"),
    ),
    ("long_labels", "/fields/secondary/0/label", front("secondary", label="a" * 25), back(label="a" * 80)),
    (
        "long_messages",
        "/fields/back/0/change_message",
        back(change_message="%@" + "a" * 149),
        back(change_message="%@" + "a" * 148),
    ),
    (
        "cut_messages",
        "/fields/back/0/change_message",
        back(change_message="%@" + "a" * 59),
        back(change_message="%@" + "a" * 58),
    ),
    (
        "unreadable_dates",
        "/fields/back/0/value",
        back(value="2026-12-01 18:30", format="datetime"),
        back(value="2026-12-01T18:30:00+03:00", format="datetime"),
    ),
    (
        "too_many_entries",
        "/locations",
        {"locations": [{"latitude": 1, "longitude": 2}] * 11},
        {"locations": [{"latitude": 1, "longitude": 2}] * 10},
    ),
    (
        "too_many_entries",
        "/beacons",
        {"beacons": [{"uuid": "e2c56db5-dffb-48d2-b060-d0f5a71096e0"}] * 11},
        {"beacons": [{"uuid": "e2c56db5-dffb-48d2-b060-d0f5a71096e0"}] * 10},
    ),
    (
        "too_many_entries",
        "/featured_actions",
        {"featured_actions": [{"identifier": f"a{n}", "type": "shop", "url": "https://example.com"} for n in range(3)]},
        {"featured_actions": [{"identifier": f"a{n}", "type": "shop", "url": "https://example.com"} for n in range(2)]},
    ),
    (
        "keys_of_other_styles",
        "/grouping_identifier",
        {"grouping_identifier": "trip"},
        {**EVENT, "grouping_identifier": "trip"},
    ),
    (
        "keys_of_other_styles",
        "/transit_type",
        {"transit_type": "air"},
        {"style": "boardingPass", "transit_type": "air"},
    ),
    (
        "extra_keys_of_other_styles",
        "/apple/orderFoodURL",
        {"apple": {"orderFoodURL": "https://example.com"}},
        {**EVENT, "apple": {"orderFoodURL": "https://example.com"}},
    ),
    (
        "logo_text_on_posters",
        "/logo_text",
        {**POSTER, "fallback": DELETE, "logo_text": "Club"},
        {**POSTER, "logo_text": "Club"},
    ),
    (
        "launch_without_store",
        "/app_launch_url",
        {"app_launch_url": "club://"},
        {"app_launch_url": "club://", "associated_store_identifiers": [1]},
    ),
    (
        "schemes_of_other_styles",
        "/preferred_style_schemes/0",
        {**EVENT, "preferred_style_schemes": ["semanticBoardingPass"]},
        {**EVENT, "preferred_style_schemes": ["eventTicket"]},
    ),
    (
        "poster_event_needs",
        "/preferred_style_schemes",
        {**EVENT, "preferred_style_schemes": ["posterEventTicket"], "barcode": DELETE},
        {
            **EVENT,
            "preferred_style_schemes": ["posterEventTicket"],
            "barcode": DELETE,
            "semantics": NAMES,
            "nfc": GOOD_NFC,
            **image(artwork="artwork.png"),
        },
    ),
    (
        "semantic_boarding_needs",
        "/preferred_style_schemes",
        {"style": "boardingPass", "transit_type": "air", "preferred_style_schemes": ["semanticBoardingPass"]},
        {"style": "boardingPass", "transit_type": "air"},
    ),
    (
        "unknown_semantics",
        "/semantics/eventname",
        {"semantics": {"eventname": "Day"}},
        {"semantics": {"eventName": "Day"}},
    ),
    (
        "unknown_semantics",
        "/fields/back/0/semantics/seat",
        back(semantics={"seat": "1"}),
        back(semantics={"seats": []}),
    ),
    ("poster_without_fallback", "/fallback", {**POSTER, "fallback": DELETE}, POSTER),
    (
        "places_off_the_globe",
        "/locations/0/latitude",
        {"locations": [{"latitude": 137.61, "longitude": 55.75}]},
        {"locations": [{"latitude": 55.75, "longitude": 137.61}]},
    ),
    ("unreadable_expiry", "/expires", {"expires": "2020-02-01T08:00:00.000"}, {"expires": "2020-02-01T08:00:00+00:00"}),
    (
        "unreadable_relevance",
        "/relevant_dates/1/date",
        {"relevant_dates": ["{{ card.expires_at }}", "tomorrow"]},
        {"relevant_dates": ["{{ card.expires_at }}", "2026-12-01"]},
    ),
    (
        "long_intervals",
        "/relevant_dates/0",
        {"relevant_dates": [{"start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:01Z"}]},
        {"relevant_dates": [{"start": "2026-12-01T00:00:00Z", "end": "2026-12-02T00:00:00Z"}]},
    ),
    ("nfc_needs_its_certificate", "/nfc", {"nfc": GOOD_NFC}, {}),
    (
        "nfc_values",
        "/nfc/message",
        {"nfc": {**GOOD_NFC, "message": "я" * 33}},
        {"nfc": {**GOOD_NFC, "message": "я" * 32}},
    ),
    (
        "nfc_values",
        "/nfc/encryption_public_key",
        {"nfc": {**GOOD_NFC, "encryption_public_key": P384}},
        {"nfc": GOOD_NFC},
    ),
    (
        "new_barcodes_alone",
        "/barcode/format",
        {"barcode": {"format": "ean13", "message": "4006381333931"}},
        {"barcode": [{"format": "ean13", "message": "4006381333931"}, {"format": "qr", "message": "1"}]},
    ),
    (
        "barcode_on_posters",
        "/barcode",
        {**EVENT, "preferred_style_schemes": ["posterEventTicket"]},
        {**EVENT, "preferred_style_schemes": ["eventTicket"]},
    ),
    ("barcode_beyond_latin", "/barcode/message", {"barcode": {"message": "Анна"}}, {"barcode": {"message": "café"}}),
    (
        "barcode_alphabets",
        "/barcode/0/message",
        {"barcode": [{"format": "ean13", "message": "12"}, {"message": "12"}]},
        {"barcode": [{"format": "i2of5", "message": "12"}, {"message": "12"}]},
    ),
    (
        "low_contrast",
        "/colors/label",
        {"colors": {"background": "#ffffff", "foreground": "#000000", "label": "#bbbbbb"}},
        {"colors": {"background": "#ffffff", "foreground": "#000000", "label": "#666666"}},
    ),
    (
        "low_contrast",
        "/variants/0/colors/background",
        {"variants": [{"when": "{{ points > 9 }}", "colors": {"background": "#f0f0f0"}}]},
        {"variants": [{"when": "{{ points > 9 }}", "colors": {"background": "#302010"}}]},
    ),
    (
        "google_hints",
        "/google/points",
        {"google": {"points": "score"}},
        {"google": {"points": "points", "account_id": "card.number"}},
    ),
    (
        "google_hints",
        "/google/title",
        {"google": {"title": "coffee"}},
        {"google": {"title": "Coffee club"}},
    ),
    (
        "google_expressions",
        "/google/title",
        {"google": {"title": "{{ coffee }}"}},
        {"google": {"title": "{{ brand.name }}"}},
    ),
    (
        "google_expressions",
        "/google/secondary_points",
        {"google": {"secondary_points": "{{ points / (points - 12) }}"}},
        {"google": {"secondary_points": "{{ points / 12 }}"}},
    ),
    (
        "google_secret",
        "/google/rotating_barcode/key",
        {"google": {"rotating_barcode": {"key": "secret"}}},
        {"google": {"rotating_barcode": {"key": "3132333435363738393031323334353637383930"}}},
    ),
    (
        "google_secret",
        "/google/rotating_barcode/pattern",
        {"google": {"rotating_barcode": {"key": "3132", "pattern": "{{ card.number }}"}}},
        {"google": {"rotating_barcode": {"key": "card.number", "pattern": "{{ card.number }}-{totp_value_0}"}}},
    ),
    (
        "google_titles",
        "/google/title",
        {"google": {"title": "points"}},
        {"style": "generic", "google": {"title": "points"}},
    ),
    (
        "google_titles",
        "/colors/background",
        {"colors": {"background": "{{ '#fff' if points > 5 else '#000' }}"}},
        {"style": "generic", "colors": {"background": "{{ '#fff' if points > 5 else '#000' }}"}},
    ),
    (
        "google_crowded",
        "/fields/back/10",
        {"fields": {"header": [POINTS], "auxiliary": [{**POINTS, "key": "more"}], "back": many(11)}},
        {"fields": {"header": [POINTS], "auxiliary": [{**POINTS, "key": "more"}], "back": many(10)}},
    ),
    (
        "google_crowded",
        "/fields/back/10",
        {"fields": {"header": [POINTS], "back": LINKS}},
        {"fields": {"header": [POINTS], "back": LINKS[1:]}},
    ),
    (
        "google_departure",
        "/google",
        {"style": "boardingPass", "transit_type": "bus"},
        {"style": "boardingPass", "transit_type": "bus", "expires": "{{ card.expires_at }}"},
    ),
    ("google_logo", "/images/icon", {"images": {"icon": "apple.png", "logo": "logo.png"}}, image()),
    (
        "google_logo",
        "/images/logo",
        {"images": {"icon": "tiny.png", "logo": "apple.png"}},
        {"images": {"icon": "apple.png", "logo": "square.png"}},
    ),
    ("google_lengths", "/name", {"name": "The coffee club of all friends"}, {"name": "Coffee club"}),
    (
        "google_lengths",
        "/fields/header/0/label",
        {"fields": {"header": [{**POINTS, "label": "Your points"}]}},
        {"fields": {"header": [{**POINTS, "label": "Points"}]}},
    ),
    (
        "google_lengths",
        "/fields/back/0/link",
        back(value="https://example.com/", link="Come and read all the rules"),
        back(value="https://example.com/", link="The rules"),
    ),
    (
        "google_lengths",
        "/fields/back/0/label",
        back(value="+7 495 123-45-67", label="Call us by day and by night"),
        back(value="+7 495 123-45-67", label="Call us"),
    ),
    (
        "google_lengths",
        "/fields/back/0/value",
        back(value="word " * 101),
        back(value="word " * 100),
    ),
    (
        "google_button",
        "/google/app_link/text",
        {"google": {"app_link": {"text": "Open the application of the club", "url": "https://example.com/"}}},
        {"google": {"app_link": {"text": "Open the app", "url": "https://example.com/"}}},
    ),
    (
        "unused_variables",
        "/variables/gone",
        {"variables": {**CLEAN["variables"], "gone": {"type": "text", "default": ""}}},
        {"variables": {**CLEAN["variables"], "gone": {"type": "text", "default": ""}}, "expires": "{{ gone }}"},
    ),
    (
        "asks_without_consent",
        "/variables/name/ask",
        {"variables": {**CLEAN["variables"], "name": {"type": "text", "default": "", "personal": True, "ask": True}}},
        {
            "variables": {**CLEAN["variables"], "name": {"type": "text", "default": "", "personal": True, "ask": True}},
            "consents": {"processing": "I agree."},
        },
    ),
    (
        "no_samples",
        "/variables/points",
        {"variables": {"points": {"type": "integer"}}},
        {"variables": {"points": {"type": "integer", "sample": 1}}},
    ),
]
