"""template.yaml: what is accepted, and what each mistake is answered with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import yaml

from passkit.errors import TemplateError
from passkit.render import compile_revision
from passkit.schema import parse_template
from tests.passkit.building import BRAND, card, document, files, fill_as, filled, picture, problems, revision, template

EXAMPLE = """
key: coffee
style: storeCard              # storeCard coupon generic eventTicket boardingPass posterGeneric
name: Coffee club
organization_name: "{{ brand.name }}"
description: Loyalty card
languages: [ru, en]           # first is the default
colors: {background: "#3a2a1e", foreground: "#ffffff", label: "#e8d5b5"}
images: {icon: icon.png, logo: logo.png, strip: strip.jpg}
variables:
  name:    {type: text, label: Holder, default: "", sample: Anna Petrova, personal: true}
  points:  {type: integer, label: Bonus points, default: 0, sample: 120}
  balance: {type: money, currency: RUB, label: Deposit, default: 0, sample: 45000}   # minor units
  visit:   {type: datetime, label: Next visit, optional: true, sample: "2026-12-01T18:30:00+03:00"}
fields:
  header:    [{key: points, label: Points, value: "{{ points }}", change_message: "You have %@ points now"}]
  primary:   [{key: holder, label: "", value: "{{ name }}"}]
  secondary: [{key: balance, label: Deposit, value: "{{ balance }}", format: money}]
  auxiliary: [{key: visit, label: Next visit, value: "{{ visit }}", format: datetime, when: "{{ visit }}"}]
  back:
    - {key: news, label: News, value: "{{ news.text }}", change_message: "%@"}
    - {key: book, label: Book online, value: "https://example.com/book", link: Book}
barcode: {format: qr, message: "{{ card.number }}", alt_text: "{{ card.number }}"}
locations: [{latitude: 55.75, longitude: 37.61, text: Coffee is near}]
expires: "{{ card.expires_at }}"
google: {type: loyalty, points: points, account_name: holder, account_id: card.number}   # hints; sensible without
"""
"""The example of the template's contract, to the letter."""


@pytest.fixture(scope="module")
def example() -> dict[str, bytes]:
    pictures = {"icon.png": picture(), "logo.png": picture(320, 100), "strip.jpg": picture(750, 288)}
    return {"template.yaml": EXAMPLE.encode(), **pictures}


def test_the_contract_s_example_parses_and_keeps_its_other_files(example: dict[str, bytes]) -> None:
    parsed = parse_template(example)
    assert (parsed.key, parsed.style, parsed.languages, parsed.default_language) == (
        "coffee",
        "storeCard",
        ("ru", "en"),
        "ru",
    )
    assert parsed.variables["balance"].currency == "RUB"
    assert parsed.variables["name"].personal
    assert parsed.images == {"icon": "icon.png", "logo": "logo.png", "strip": "strip.jpg"}
    assert set(parsed.files) == {"icon.png", "logo.png", "strip.jpg"}
    assert [field.key for _, _, fields in parsed.zones() for field in fields] == [
        "points", "holder", "balance", "visit", "news", "book",
    ]  # fmt: skip
    assert parsed.google.points == "points"


def test_the_contract_s_example_becomes_the_pass_it_describes(example: dict[str, bytes]) -> None:
    made = compile_revision(parse_template(example), BRAND)
    data = {"name": "Anna", "points": 120, "balance": 45000, "visit": datetime(2026, 12, 1, 15, 30, tzinfo=UTC)}
    got = document(filled(made, data, ring=frozenset({"points"}), expires_at=datetime(2027, 1, 1, tzinfo=UTC)))
    assert got == {
        "formatVersion": 1,
        "passTypeIdentifier": "pass.com.example.demo",
        "teamIdentifier": "A1B2C3D4E5",
        "serialNumber": "S3rial",
        "authenticationToken": "t" * 32,
        "sharingProhibited": True,  # `name` is personal
        "webServiceURL": "https://cards.example.com/passkit",
        "organizationName": "Demo & Sons",
        "description": "Loyalty card",
        "backgroundColor": "rgb(58, 42, 30)",
        "foregroundColor": "rgb(255, 255, 255)",
        "labelColor": "rgb(232, 213, 181)",
        "expirationDate": "2027-01-01T03:00:00+03:00",
        "locations": [{"latitude": 55.75, "longitude": 37.61, "relevantText": "Coffee is near"}],
        "barcode": {
            "format": "PKBarcodeFormatQR", "message": "1234567897", "messageEncoding": "iso-8859-1", "altText": "1234567897",
        },
        "barcodes": [
            {"format": "PKBarcodeFormatQR", "message": "1234567897", "messageEncoding": "iso-8859-1", "altText": "1234567897"},
        ],
        "storeCard": {
            "headerFields": [
                {"key": "points", "label": "Points", "value": 120, "changeMessage": "You have %@ points now"},
            ],
            "primaryFields": [{"key": "holder", "value": "Anna"}],
            "secondaryFields": [{"key": "balance", "label": "Deposit", "value": 450, "currencyCode": "RUB"}],
            "auxiliaryFields": [
                {
                    "key": "visit", "label": "Next visit", "value": "2026-12-01T18:30:00+03:00",
                    "dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleShort",
                },
            ],
            "backFields": [
                {"key": "news", "label": "News", "value": ""},
                {
                    "key": "book", "label": "Book online", "value": "https://example.com/book",
                    "attributedValue": '<a href="https://example.com/book">Book</a>',
                },
            ],
        },
    }  # fmt: skip


def test_a_card_without_data_shows_the_defaults_and_drops_what_is_empty(example: dict[str, bytes]) -> None:
    store = document(filled(compile_revision(parse_template(example), BRAND)))["storeCard"]
    assert store["headerFields"][0]["value"] == 0
    assert store["secondaryFields"][0]["value"] == 0
    assert "auxiliaryFields" not in store


@pytest.mark.parametrize("style", ["storeCard", "coupon", "generic", "eventTicket", "posterGeneric"])
def test_every_style_becomes_its_dictionary(style: str) -> None:
    made = revision(style=style, fields={"header": [{"key": "a", "value": "1"}]})
    assert document(filled(made))[style] == {"headerFields": [{"key": "a", "value": "1"}]}


@pytest.mark.parametrize("transit", ["air", "boat", "bus", "generic", "train"])
def test_a_boarding_pass_says_how_one_travels(transit: str) -> None:
    made = revision(style="boardingPass", transit_type=transit, fields={"primary": [{"key": "from", "value": "SVO"}]})
    wanted = {"transitType": f"PKTransitType{transit.capitalize()}", "primaryFields": [{"key": "from", "value": "SVO"}]}
    assert document(filled(made))["boardingPass"] == wanted


def test_a_poster_has_its_own_zones_and_a_legacy_style_beside_it() -> None:
    fields = {
        "header": [{"key": "points", "value": "120"}],
        "footer": [{"key": "level", "value": "Gold"}],
        "additional": [{"key": "terms", "value": "..."}],
        "back": [{"key": "about", "value": "Us"}],
    }
    legacy = {
        "style": "storeCard",
        "fields": {"header": [{"key": "points", "value": "120"}], "primary": [{"key": "p", "value": "1"}]},
    }
    got = document(filled(revision(style="posterGeneric", fields=fields, fallback=legacy)))
    assert list(got["posterGeneric"]) == ["headerFields", "footerFields", "additionalInfoFields", "backFields"]
    assert got["storeCard"] == {
        "headerFields": [{"key": "points", "value": "120"}],
        "primaryFields": [{"key": "p", "value": "1"}],
    }


def test_a_fallback_without_fields_shows_the_poster_s_own_where_it_has_such_a_zone() -> None:
    fields = {"header": [{"key": "points", "value": "120"}], "footer": [{"key": "level", "value": "Gold"}]}
    got = document(filled(revision(style="posterGeneric", fields=fields, fallback={"style": "generic"})))
    assert got["generic"] == {"headerFields": [{"key": "points", "value": "120"}]}


MISTAKES = [
    ({"styl": "generic"}, "/styl", "Did you mean `style`?"),
    ({"gibberish": 1}, "/gibberish", "a key of Apple's goes under `apple:`"),
    ({"style": "storecard"}, "/style", "storeCard"),
    ({"key": "Has Spaces"}, "/key", "match"),
    ({"name": 5}, "/name", "quotes"),
    ({"name": ""}, "/name", ""),
    ({"languages": []}, "/languages", "at least one"),
    ({"languages": ["en", "en"]}, "/languages/1", "Keep one"),
    ({"languages": ["xx"]}, "/languages/0", "language code"),
    ({"style": "boardingPass"}, "/transit_type", "air, boat"),
    ({"fallback": {"style": "generic"}}, "/fallback", "only posterGeneric"),
    ({"style": "posterGeneric", "fallback": {"style": "boardingPass"}}, "/fallback/transit_type", "air, boat"),
    ({"images": {"icon": "icno.png"}}, "/images/icon", "icon.png"),
    ({"images": {"ikon": "icon.png"}}, "/images/ikon", "icon"),
    ({"localized_images": {"en": {"logo": "icon.png"}}}, "/localized_images/en/logo", "Add `logo:`"),
    ({"localized_images": {"en": {"icon": "icon.png"}}}, "/localized_images/en/icon", "one icon"),
    ({"variables": {"a": {"alias": "B c"}}}, "/variables/a/alias", "before"),
    ({"variables": {"a": {"alias": "b"}, "b": {}}}, "/variables/a/alias", "this alias"),
    ({"variables": {"a": {"alias": "c"}, "b": {"alias": "c"}}}, "/variables/b/alias", "one of them"),
    ({"variables": {"a": {"owner": "shop"}}}, "/variables/a/owner", "backend"),
    ({"variables": {"a": {"ask": "Your {{ name }}?"}}}, "/variables/a/ask", "without expressions"),
    ({"variables": {"a": {"ask": {"requires": True}}}}, "/variables/a/ask/requires", "`required`"),
    ({"variants": [{"when": "gold", "colors": {"label": "#fff"}}]}, "/variants/0/when", "level == 'gold'"),
    ({"variants": [{"when": "{{ card.state == 'voided' }}"}]}, "/variants/0", "Give it `colors` or `images`"),
    ({"variants": [{"when": "{{ nobody }}", "colors": {"label": "#fff"}}]}, "/variants/0/when", "Declared"),
    ({"variants": [{"when": "{{ 1 }}", "colors": {"label": "pink"}}]}, "/variants/0/colors/label", ""),
    ({"variants": [{"when": "{{ 1 }}", "images": {"strip": "no.png"}}]}, "/variants/0/images/strip", "icon.png"),
    ({"variants": [{"when": "{{ 1 }}", "images": {"icon": "icon.png"}}]}, "/variants/0/images/icon", "Remove it"),
    ({"stamps": {"count": 1, "of": 31, "icon": "icon.png"}}, "/stamps/of", ""),
    ({"stamps": {"count": 1, "of": 5, "icon": "no.png"}}, "/stamps/icon", "icon.png"),
    ({"stamps": {"count": "{{ nobody }}", "of": 5, "icon": "icon.png"}}, "/stamps/count", "Declared"),
    ({"stamps": {"count": "many", "of": 5, "icon": "icon.png"}}, "/stamps/count", ""),
    ({"stamps": {"count": 1, "of": 5, "icon": "icon.png", "area": [0.5, 0, 0.5, 1]}}, "/stamps/area", "left, top"),
    ({"stamps": {"count": 1, "of": 5, "icon": "icon.png", "slot": "logo"}}, "/stamps/slot", "strip"),
    (
        {
            "stamps": {"count": 1, "of": 30, "icon": "icon.png"},
            "variants": [{"when": f"{{{{ card.number == '{n}' }}}}", "colors": {"label": "#fff"}} for n in (1, 2)],
        },
        "/stamps/of",
        "fewer",
    ),
    ({"barcode": {"format": "qrcode", "message": "1"}}, "/barcode/format", "qr"),
    ({"barcode": {"format": "qr"}}, "/barcode/message", "Add `message:`"),
    ({"barcode": [{"message": "1"}, {"format": "qr"}]}, "/barcode/1/message", "Add `message:`"),
    ({"barcode": {"message": "{{ nobody }}"}}, "/barcode/message", "Declared"),
    ({"colors": {"background": "brown"}}, "/colors/background", "Correct"),
    ({"colors": {"background": "rgb(256, 0, 0)"}}, "/colors/background", ""),
    ({"locations": [{"latitude": 55.7}]}, "/locations/0/longitude", "Add `longitude:`"),
    ({"locations": [{"latitude": True, "longitude": 1}]}, "/locations/0/latitude", ""),
    ({"locations": [{"latitude": "north", "longitude": 1}]}, "/locations/0/latitude", ""),
    ({"beacons": [{"uuid": "near"}]}, "/beacons/0/uuid", "match"),
    ({"beacons": [{"uuid": "0" * 8 + "-0000-0000-0000-" + "0" * 12, "major": 70000}]}, "/beacons/0/major", ""),
    ({"relevant_dates": [{"start": "2026-12-01T10:00:00Z"}]}, "/relevant_dates/0", "`start` and `end`"),
    ({"relevant_dates": ["tomorrow"]}, "/relevant_dates/0/date", ""),
    ({"expires": "2026-12-01T10:00:00"}, "/expires", ""),
    ({"featured_actions": [{"identifier": "a", "type": "call"}]}, "/featured_actions/0/url", "Add `url:`"),
    ({"featured_actions": [{"identifier": "a", "type": "place"}]}, "/featured_actions/0/place_identifier", "Add"),
    ({"featured_actions": [{"identifier": "a", "type": "dance", "url": "x"}]}, "/featured_actions/0/type", "viewSchedule"),
    ({"nfc": {"message": "x", "encryption_public_key": "-----BEGIN"}}, "/nfc/encryption_public_key", "match"),
    ({"apple": {"serialNumber": "1"}}, "/apple/serialNumber", "Remove it"),
    ({"apple": {"description": "x"}}, "/apple/description", "Remove it"),
    ({"apple": {"coupon": {}}}, "/apple/coupon", "Remove it"),
    ({"logo_text": "Hi", "apple": {"logoText": "x"}}, "/apple/logoText", "Remove it"),
    ({"fields": {"head": []}}, "/fields/head", "header"),
    ({"fields": {"header": [{"key": "a"}]}}, "/fields/header/0/value", "Add `value:`"),
    ({"fields": {"header": [{"key": "a b", "value": ""}]}}, "/fields/header/0/key", "match"),
    ({"fields": {"header": [{"key": "a", "value": [1]}]}}, "/fields/header/0/value", ""),
    ({"fields": {"header": [{"key": "a", "value": "", "formt": "date"}]}}, "/fields/header/0/formt", "`format`"),
    ({"fields": {"header": [{"key": "a", "value": ""}], "back": [{"key": "a", "value": ""}]}}, "/fields/back/0/key", "own key"),
    ({"fields": {"back": [{"key": "a", "value": "", "change_message": "New"}]}}, "/fields/back/0/change_message", "%@"),
    ({"fields": {"back": [{"key": "a", "value": "", "row": 1}]}}, "/fields/back/0/row", "Remove"),
    ({"fields": {"back": [{"key": "a", "value": "", "apple": {"label": "x"}}]}}, "/fields/back/0/apple/label", "Remove"),
    ({"fields": {"back": [{"key": "a", "value": "{{ nme }}"}]}, "variables": {"name": {"default": ""}}},
        "/fields/back/0/value", "`name`"),
    ({"fields": {"back": [{"key": "a", "value": "{{ name"}]}}, "/fields/back/0/value", "{{ name }}"),
    ({"fields": {"back": [{"key": "a", "value": "x", "format": "money"}]}}, "/fields/back/0/value", ""),
    ({"fields": {"back": [{"key": "a", "value": "x", "format": "date"}]}}, "/fields/back/0/value", ""),
    ({"variables": {"Name": {}}}, "/variables/Name", "small Latin"),
    ({"variables": {"card": {}}}, "/variables/card", "card_value"),
    ({"variables": {"a": {"type": "float"}}}, "/variables/a/type", "decimal"),
    ({"variables": {"a": {"type": "money"}}}, "/variables/a/currency", "currency: RUB"),
    ({"variables": {"a": {"type": "money", "currency": "XQQ"}}}, "/variables/a/currency", "currency: RUB"),
    ({"variables": {"a": {"type": "text", "currency": "RUB"}}}, "/variables/a/currency", "Remove"),
    ({"variables": {"a": {"type": "integer", "default": "5"}}}, "/variables/a/default", "whole JSON number"),
    ({"variables": {"a": {"type": "money", "currency": "RUB", "sample": 4.5}}}, "/variables/a/sample", "45000"),
    ({"variables": {"a": {"choices": ["x", "y"], "default": "z"}}}, "/variables/a/default", "x, y"),
    ({"variables": {"a": {"type": "integer", "choices": [1, "two"]}}}, "/variables/a/choices/1", "whole JSON number"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "place", "fix"), MISTAKES, ids=[f"{place} {number}" for number, (_, place, _) in enumerate(MISTAKES)]
)
def test_each_mistake_is_answered_with_its_place_and_its_fix(given: dict[str, object], place: str, fix: str) -> None:
    found = problems(**given)
    assert place in found, list(found)
    assert found[place].fix
    assert fix in found[place].fix
    assert found[place].detail


def test_all_mistakes_are_told_at_once() -> None:
    found = problems(styl="x", name=5, fields={"header": [{"key": "a"}]}, languages=["xx"])
    assert {"/styl", "/name", "/fields/header/0/value", "/languages/0"} <= set(found)


def test_a_folder_without_template_yaml_is_told_so() -> None:
    found = problems({"icon.png": b""})
    assert "template.yaml is missing" in found[""].detail


def test_a_translation_must_keep_the_place_of_the_new_value() -> None:
    back = [{"key": "a", "value": "x", "change_message": "Now %@"}]
    found = problems(files({"languages": ["en", "ru"], "fields": {"back": back}}, {"ru": {"Now %@": "Теперь"}}))
    assert "%@" in found["/strings/ru/Now %@"].fix


def test_a_table_in_a_language_the_template_does_not_have_is_refused() -> None:
    assert "Add `ru`" in problems(files({}, {"ru": {"a": "b"}}))["/strings/ru"].fix


def test_an_expression_that_fails_in_a_translation_points_to_the_translation() -> None:
    field = {"key": "a", "value": "Hello, {{ name }}"}
    given = {"languages": ["en", "ru"], "variables": {"name": {"default": ""}}, "fields": {"back": [field]}}
    found = problems(files(given, {"ru": {"Hello, {{ name }}": "Привет, {{ nom }}"}}))
    assert list(found) == ["/strings/ru/Hello, {{ name }}"]


def test_an_expression_that_only_some_cards_break_is_found_before_publishing() -> None:
    optional = {"visits": {"type": "integer", "optional": True, "sample": 3}}
    field = {"key": "a", "value": "{{ 'often' if visits > 5 else 'seldom' }}"}
    found = problems(variables=optional, fields={"back": [field]})
    assert "optional variable may be empty" in found["/fields/back/0/value"].detail


def test_a_broken_picture_is_a_problem_of_its_slot() -> None:
    broken = {**files({"images": {"icon": "icon.png", "logo": "logo.png"}}), "logo.png": b"GIF89a"}
    assert list(problems(broken)) == ["/images/logo"]


def test_localised_pictures_leave_the_top_of_the_bundle() -> None:
    given = files(
        {
            "languages": ["en", "ru"],
            "images": {"icon": "icon.png", "logo": "en.png"},
            "localized_images": {"ru": {"logo": "ru.png"}},
        }
    )
    made = compile_revision(parse_template({**given, "en.png": picture(160, 50), "ru.png": picture(160, 50)}), BRAND)
    names = set(made.images.plain.names)
    assert {
        "icon.png",
        "en.lproj/logo.png",
        "ru.lproj/logo.png",
        "en.lproj/logo@2x.png",
        "ru.lproj/logo@2x.png",
    } <= names
    assert not {"logo.png", "logo@2x.png", "logo@3x.png"} & names


def test_the_closest_language_is_found_for_a_card() -> None:
    made = template(languages=["ru", "pt-BR", "en"])
    assert [made.language(wanted) for wanted in ("en", "en-GB", "pt", "de", None)] == ["en", "en", "pt-BR", "ru", "ru"]


def test_a_problem_reads_as_one_line() -> None:
    with pytest.raises(TemplateError) as caught:
        parse_template({"template.yaml": yaml.safe_dump({"key": "a", "style": "coupon"}).encode()})
    assert str(caught.value) == "error: /name: `name` is missing Fix: Add `name:`."


def test_decimals_keep_their_digits_in_pass_json() -> None:
    made = revision(
        variables={"rate": {"type": "decimal", "default": "0"}}, fields={"back": [{"key": "a", "value": "{{ rate }}"}]}
    )
    raw = fill_as(made, card({"rate": Decimal("0.10")}))["pass.json"]
    assert b'"value":0.10' in raw
    assert json.loads(raw)["storeCard"]["backFields"][0]["value"] == 0.1


def test_who_fills_in_a_variable_is_declared() -> None:
    variables = template(
        variables={
            "points": {"type": "integer", "default": 0, "owner": "backend"},
            "name": {"default": "", "ask": True},
            "phone": {"type": "phone", "default": "", "ask": "Your phone"},
            "born": {"type": "date", "optional": True, "ask": {"question": "Your birthday", "required": True}},
            "level": {"default": "", "ask": False},
        }
    ).variables
    assert variables["points"].owner == "backend"
    asked = {name: one.ask and (one.ask.question, one.ask.required) for name, one in variables.items()}
    assert asked == {
        "points": None,
        "name": (None, False),
        "phone": ("Your phone", False),
        "born": ("Your birthday", True),
        "level": None,
    }
