"""The loss report: nothing is lost in silence, in neither direction, for no style."""

from __future__ import annotations

import json
from typing import Any

import pytest

from passkit.google.loss import Direction, Loss, loss
from passkit.google.notify import CLASS_FIELDS, OBJECT_FIELDS, listed_fields, notifiable
from passkit.google.types import GoogleType, type_of
from passkit.layout import GoogleHints
from passkit.schema import Template
from sandbox.google_schema import document
from tests.passkit import building
from tests.passkit.building import filled
from tests.passkit.google_cases import ALL, NOW, card, made, revision, template
from tests.passkit.judged_styles import STYLES


def places(of: Template, direction: Direction = Direction.APPLE_TO_GOOGLE) -> set[str]:
    return {one.pointer for one in loss(of) if one.direction is direction}


def small(**document: Any) -> Template:
    return building.template(**{"sharing_prohibited": True, **document})


# --- Apple's, on Google ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_field_of_the_apple_card_is_on_google_s_or_in_the_report(name: str) -> None:
    """Every text that the Apple card shows with its samples, looked for in the two bodies."""
    of = revision(name)
    one = card(of, language="en")
    pair = made(of, one)
    texts = json.dumps([pair.klass, pair.object], ensure_ascii=False)
    told = places(of.template)
    order = {field.key: f"/fields/{zone}/{index}" for zone, fields in of.template.fields.items()
             for index, field in enumerate(fields)}  # fmt: skip
    for field in building.fill(of, one, None, None, NOW).fields:
        if not field.text or field.key not in order:
            continue
        digits = "".join(filter(str.isdigit, field.text))
        is_there = json.dumps(field.text, ensure_ascii=False)[1:-1] in texts or (digits and digits in texts)
        assert is_there or order[field.key] in told, field


@pytest.mark.parametrize("name", STYLES)
def test_each_style_tells_what_google_lacks(name: str) -> None:
    told = places(template(name))
    shared = {"/colors/foreground", "/colors/label", "/barcode", "/locations/0/text", "/max_distance", "/beacons/0"}
    shared |= {
        "/relevant_dates",
        "/expires",
        "/featured_actions",
        "/associated_store_identifiers",
    }
    shared |= {"/app_launch_url", "/user_info", "/suppress_strip_shine", "/fields/header/0/change_message"}
    assert shared <= told
    own = {
        "storeCard": {"/images/strip"},
        "coupon": {"/images/strip"},
        "generic": {"/images/thumbnail"},
        "eventTicket": {"/images/background", "/images/thumbnail", "/semantics"},
        "boardingPass": {"/images/footer", "/style"},
        "posterGeneric": {"/images/artwork", "/fallback", "/barcode/0/format"},
    }
    assert own[name] <= told
    others = {place for key, places_ in own.items() if key != name for place in places_ if place not in own[name]}
    assert not others & told


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ({"nfc": {"message": "7", "encryption_public_key": "A" * 40}}, "/nfc"),
        ({"logo_symbol_name": "star"}, "/logo_symbol_name"),
        ({"apple": {"bagPolicyURL": "https://example.com"}}, "/apple"),
        ({"colors": {"strip": "#fff"}}, "/colors/strip"),
        ({"locations": [{"latitude": n, "longitude": n} for n in range(11)]}, "/locations/10"),
        ({"locations": [{"latitude": 1, "longitude": 1, "altitude": 5}]}, "/locations/0/altitude"),
        ({"barcode": [{"message": "1"}, {"message": "2"}]}, "/barcode"),
        ({"barcode": {"format": "ean13", "message": "4006381333931"}}, "/barcode/format"),
        ({"barcode": {"message": "1", "apple": {"x": 1}}}, "/barcode/apple"),
        ({"fields": {"header": [{"key": "a", "value": "1", "text_alignment": "right"}]}}, "/fields/header/0/text_alignment"),
        ({"fields": {"back": [{"key": "a", "value": "1", "relative": True}]}}, "/fields/back/0/relative"),
        ({"fields": {"back": [{"key": "a", "value": "1", "semantics": {"x": 1}}]}}, "/fields/back/0/semantics"),
        ({"fields": {"back": [{"key": "a", "value": "1", "format": "spell_out"}]}}, "/fields/back/0/format"),
        ({"fields": {"back": [{"key": "a", "value": "x", "data_detectors": ["calendar"]}]}}, "/fields/back/0/data_detectors"),
        ({"fields": {"back": [{"key": "a", "value": "x", "attributed_value": "<a href='https://e.com'>x</a>"}]}},
         "/fields/back/0/attributed_value"),
        ({"fields": {"back": [{"key": "a", "label": "A", "value": "https://e.com", "link": "x"}]}}, "/fields/back/0/label"),
        ({"fields": {"back": [{"key": "a", "value": "{{ news.text }}"}]}}, "/fields/back/0"),
        ({"fields": {"back": [{"key": f"a{n}", "value": f"text {n}"} for n in range(11)]}}, "/fields/back/10"),
        ({"fields": {"back": [{"key": f"a{n}", "value": f"https://e.com/{n}"} for n in range(11)]}}, "/fields/back/10"),
        ({"fields": {"auxiliary": [{"key": f"a{n}", "value": f"text {n}"} for n in range(10)]}}, "/fields/auxiliary/9"),
        ({"languages": ["en", "ru"], "localized_images": {"ru": {"logo": "icon.png"}}, "images": {"icon": "icon.png", "logo":
         "icon.png"}}, "/localized_images/ru"),
    ],
)  # fmt: skip
def test_a_feature_that_google_lacks_is_told_where_it_stands_and_no_other(document: dict[str, Any], place: str) -> None:
    assert place in places(small(**document))
    assert place not in places(small())


def test_personal_fields_of_a_private_template_are_told() -> None:
    name = {"name": {"default": "", "sample": "Anna", "personal": True}}
    fields = {"primary": [{"key": "holder", "value": "{{ name }}", "change_message": "%@"}]}
    assert places(small(variables=name, fields=fields, google={"private": True})) == {
        "/fields/primary/0",
        "/fields/primary/0/change_message",
    }
    assert "/fields/primary/0" not in places(small(variables=name, fields=fields))


def test_how_a_change_is_heard_depends_on_where_the_field_stands() -> None:
    points = {"points": {"type": "integer", "default": 0}}
    field = {"key": "points", "label": "P", "value": "{{ points }}", "change_message": "%@"}
    text = {"key": "text", "label": "T", "value": "{{ points }} now", "change_message": "%@"}
    found = {
        one.pointer: one.instead for one in loss(small(variables=points, fields={"header": [field], "back": [text]}))
    }
    assert "notification of an update" in found["/fields/header/0/change_message"]
    assert "message with your text" in found["/fields/back/0/change_message"]


def test_a_text_with_translations_in_a_place_of_one_language_is_told() -> None:
    fields = {"header": [{"key": "n", "label": "", "value": "No. {{ card.number }}"}]}
    hints = {"account_id": "n"}
    spoken = building.template({"ru": {"No. {{ card.number }}": "№ {{ card.number }}"}}, languages=["en", "ru"],
                               fields=fields, google=hints)  # fmt: skip
    assert "/fields/header/0/value" in places(spoken)
    assert "/fields/header/0/value" not in places(small(fields=fields, google=hints))


# --- Google's, on Apple ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hints", "place"),
    [
        ({"rotating_barcode": {"key": "00"}}, "/google/rotating_barcode"),
        ({"pass_constraints": {"screenshots": False}}, "/google/pass_constraints"),
        ({"smart_tap": {"redemption_issuers": ["3388000000000000001"]}}, "/google/smart_tap"),
        ({"app_link": {"text": "Open", "url": "https://example.com"}}, "/google/app_link"),
        ({"security_animation": True}, "/google/security_animation"),
        ({"unlock_to_view": True}, "/google/unlock_to_view"),
        ({"expiry_notification": True}, "/google/expiry_notification"),
        ({"upcoming_notification": True}, "/google/upcoming_notification"),
        ({"valid_from": "card.created_at"}, "/google/valid_from"),
        ({"generic_type": "receipt"}, "/google/generic_type"),
        ({"channel": "both"}, "/google/channel"),
        ({"event": {"venue": "Hall", "address": "Street"}}, "/google/event"),
        ({"trip": {"type": "round_trip"}}, "/google/trip"),
        ({"points": "card.created_at"}, "/google/points"),
        ({"pin": "{{ card.number }}-1"}, "/google/pin"),
        ({"private": True}, "/google/private"),
    ],
)
@pytest.mark.parametrize("style", ["storeCard", "coupon", "generic", "eventTicket", "posterGeneric"])
def test_a_feature_that_apple_lacks_is_told_for_every_style(style: str, hints: dict[str, Any], place: str) -> None:
    assert place in places(small(style=style, google=hints), Direction.GOOGLE_TO_APPLE)
    assert place not in places(small(style=style), Direction.GOOGLE_TO_APPLE)


def test_every_hint_that_only_google_knows_is_in_the_report() -> None:
    shared = {"type", "title", "multiple_holders"}  # decide what both show, or say what Apple always does
    flight = {"carrier": "LX", "number": "3", "origin": "ZRH", "destination": "LHR", "departs": "2027-03-05T06:30"}
    given: dict[str, Any] = {
        "rotating_barcode": {"key": "00"}, "pass_constraints": {"screenshots": False}, "app_link": {"text": "A", "url": "b"},
        "smart_tap": {"redemption_issuers": ["33880"]}, "event": {}, "flight": flight, "trip": {}, "channel": "both",
        "generic_type": "receipt", "private": True, "security_animation": True, "unlock_to_view": True,
        "expiry_notification": True, "upcoming_notification": True,
    }  # fmt: skip
    for hint in set(GoogleHints.model_fields) - shared:
        value = given.get(hint, "{{ card.created_at }}")
        assert f"/google/{hint}" in places(small(google={hint: value}), Direction.GOOGLE_TO_APPLE), hint


def test_a_hint_that_names_a_field_is_no_loss_for_apple() -> None:
    fields = {"header": [{"key": "points", "label": "P", "value": "{{ n }}"}]}
    hinted = small(variables={"n": {"type": "integer", "default": 0}}, fields=fields, google={"points": "points"})
    assert "/google/points" not in places(hinted, Direction.GOOGLE_TO_APPLE)


@pytest.mark.parametrize("name", STYLES)
def test_sharing_and_news_are_told_for_every_style(name: str) -> None:
    style = {"style": name, "transit_type": "bus"} if name == "boardingPass" else {"style": name}
    assert places(building.template(**style), Direction.GOOGLE_TO_APPLE) == {"", "/fields"}
    fields = {"back": [{"key": "news", "value": "{{ news.text }}"}]}
    quiet = building.template(**style, sharing_prohibited=True, fields=fields)
    assert places(quiet, Direction.GOOGLE_TO_APPLE) == set()


# --- form ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_report_is_plain_sentences_with_places_that_exist(name: str) -> None:
    of = template(name)
    written = of.model_dump(mode="json", exclude_unset=True)
    for one in loss(of):
        assert one.lost.endswith("."), one
        assert one.instead.endswith("."), one
        assert str(one).startswith(("Google: /", "Apple: /"))
        assert one.to_json() == {
            "direction": one.direction,
            "pointer": one.pointer,
            "lost": one.lost,
            "instead": one.instead,
        }
        here: Any = written
        for part in one.pointer.split("/")[1:]:
            here = here[int(part)] if isinstance(here, list) else here.get(part)
            if here is None:
                break  # a key that the template leaves to its default


def test_a_template_that_cannot_be_filled_has_a_report_all_the_same() -> None:
    assert isinstance(loss(small(google={"title": "{{ nobody }}"})), list)
    assert Loss(Direction.APPLE_TO_GOOGLE, "", "a.", "b.").pointer == ""


# --- what Google announces -------------------------------------------------------------------------------------------


def test_the_allow_list_names_fields_that_exist() -> None:
    schemas = document()["schemas"]
    for table, suffix in ((OBJECT_FIELDS, "object_schema"), (CLASS_FIELDS, "class_schema")):
        for type_, rows in table.items():
            assert "notifyPreference" in schemas[getattr(type_, suffix)]["properties"]
            for row in rows:
                here = schemas[getattr(type_, suffix)]
                for name in row.path:
                    known = here["properties"][name]
                    here = schemas[known["$ref"]] if "$ref" in known else known
    assert not GoogleType.GENERIC.has_notify_preference
    assert "notifyPreference" not in schemas["GenericObject"]["properties"]


def test_a_changed_balance_may_be_announced_and_a_changed_name_may_not() -> None:
    of = revision("coffee")
    before = made(of, card(of)).object
    more = made(of, card(of, {"points": 121})).object
    other = made(of, card(of, {"name": "Boris"})).object
    assert notifiable(type_of(of.template), before, more)
    assert not notifiable(type_of(of.template), before, other)
    assert not notifiable(type_of(of.template), None, more)
    assert [row.path for row in listed_fields(GoogleType.LOYALTY, more)] == [
        ("loyaltyPoints", "balance"),
        ("secondaryLoyaltyPoints", "balance"),
    ]


def test_a_class_has_fields_of_its_own_and_a_generic_pass_none() -> None:
    klass = made(revision("coffee")).klass
    assert notifiable(GoogleType.LOYALTY, klass, {**klass, "programName": "Tea club"})
    assert not notifiable(GoogleType.LOYALTY, klass, {**klass, "hexBackgroundColor": "#000000"})
    generic = made(revision("clinic"))
    assert listed_fields(GoogleType.GENERIC, generic.object) == ()
    assert not notifiable(GoogleType.GENERIC, generic.object, {**generic.object, "header": {}})


def test_the_same_change_rings_on_apple() -> None:
    of = revision("coffee")
    texts = [field.text for field in filled(of, {**card(of).data, "points": 121}).fields if field.key == "points"]
    assert texts == ["121"]
