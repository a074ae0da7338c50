"""Classes and objects: every one holds against Google's own document, and says what the template says."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from passkit.data import accept, sample
from passkit.errors import RenderError, TemplateError
from passkit.google.objects import GooglePictures, class_body, object_body, patch_body
from passkit.google.types import GoogleType, type_of
from passkit.model import Card, CardState, News
from passkit.render import Revision
from passkit.variables import Variable
from sandbox.google_rules import broken
from sandbox.google_schema import deprecations, document, problems
from tests.passkit import building
from tests.passkit.building import BRAND
from tests.passkit.google_cases import (
    ADDRESS,
    ALL,
    ISSUER,
    NOW,
    OBJECT_ID,
    PICTURES,
    SECRET,
    Made,
    card,
    google,
    made,
    revision,
    template,
)
from tests.passkit.google_oracle import faults, faults_of_pair, paths
from tests.passkit.judged_styles import NEWS, STYLES

POINTS = {"type": "integer", "default": 0, "sample": 120}
NAME = {"type": "text", "default": "", "sample": "Anna Petrova", "personal": True}
BALANCE = {"type": "money", "currency": "RUB", "default": 0, "sample": 45000}


def judge(one: Made) -> None:
    """Every judge that is not ours, over insert and PATCH."""
    for schema, kind, body in (
        (one.type.class_schema, one.type.class_kind, one.klass),
        (one.type.object_schema, one.type.object_kind, one.object),
    ):
        assert problems(schema, body) == []
        assert problems(schema, patch_body(kind, body), partial=True) == []
        assert deprecations(schema, body) == []
        assert broken(schema, body) == []
        assert faults(ISSUER, body) == []
    assert faults_of_pair(one.klass, one.object) == []


@pytest.fixture(params=ALL)
def any_revision(request: pytest.FixtureRequest) -> Revision:
    return revision(request.param)


# --- every type holds ------------------------------------------------------------------------------------------------


def test_every_class_and_object_holds_against_google_s_document(any_revision: Revision) -> None:
    for state, language in zip(CardState, (None, "ru", "en", "de"), strict=True):
        judge(made(any_revision, card(any_revision, state=state, language=language), NEWS))


def test_a_card_that_says_nothing_holds_too(any_revision: Revision) -> None:
    given = accept(any_revision.template, {}, partial=True)
    bare = Card("S3rial", "4111", "t" * 32, given)
    judge(made(any_revision, bare))
    judge(made(any_revision, bare, pictures=GooglePictures()))


def test_a_pass_without_callbacks_and_pictures_has_the_logo_that_google_insists_on(any_revision: Revision) -> None:
    judge(made(any_revision, pictures=GooglePictures(hero="https://cards.example.com/images/h.png")))


def test_all_seven_types_are_among_the_cases() -> None:
    assert {type_of(template(name)) for name in ALL} == set(GoogleType)
    schemas = document()["schemas"]
    assert all(type_.class_schema in schemas and type_.object_schema in schemas for type_ in GoogleType)


@pytest.mark.parametrize(
    ("style", "wanted"),
    [
        ("storeCard", "loyalty"),
        ("coupon", "offer"),
        ("generic", "generic"),
        ("eventTicket", "eventTicket"),
        ("posterGeneric", "generic"),
    ],
)
def test_the_style_decides_the_type_unless_the_template_does(style: str, wanted: str) -> None:
    assert type_of(building.template(style=style)) == wanted
    assert type_of(building.template(style=style, google={"type": "giftCard"})) is GoogleType.GIFT_CARD


@pytest.mark.parametrize(
    ("transit", "flight", "wanted"),
    [("bus", False, "transit"), ("train", False, "transit"), ("air", False, "generic"), ("air", True, "flight")],
)
def test_a_boarding_pass_is_a_ride_or_a_flight_that_is_told(transit: str, flight: bool, wanted: str) -> None:
    told = {"carrier": "LX", "number": "3", "origin": "ZRH", "destination": "LHR", "departs": "2027-03-05T06:30"}
    hints = {"flight": told} if flight else {}
    assert type_of(building.template(style="boardingPass", transit_type=transit, google=hints)) == wanted


# --- 500 cards -------------------------------------------------------------------------------------------------------

LURES = [
    "",
    "Points",
    "{{ 7 * 7 }}",
    "a\nb",
    "‮abc",
    "</a>",
    "'] object.x",
    "😀" * 30,
    "x" * 300,
    "https://example.com/?q=1",
    "\u2060",
]


def drawn(dice: random.Random, variable: Variable) -> Any:
    """Any value that the variable takes."""
    kinds: dict[str, Any] = {
        "integer": lambda: dice.choice([0, -1, 2**31, -(2**31) - 1, 2**53 - 1, dice.randrange(10**6)]),
        "money": lambda: dice.choice([0, -5, 2**53 - 1, dice.randrange(10**8)]),
        "decimal": lambda: Decimal(dice.randrange(10**9)) / 1000,
        "boolean": lambda: dice.random() < 0.5,
        "date": lambda: date(1900, 1, 1) + timedelta(days=dice.randrange(400_000)),
        "datetime": lambda: datetime(1900, 1, 2, tzinfo=UTC) + timedelta(minutes=dice.randrange(500_000_000)),
    }
    if variable.optional and dice.random() < 0.2:
        return None
    text = dice.choice([*LURES, str(dice.random())])[: variable.max_length]
    return kinds[variable.type]() if variable.type in kinds else text


def generated() -> Iterator[tuple[Revision, Card, News | None]]:
    dice = random.Random(20261122)
    for number in range(500):
        of = revision(ALL[number % len(ALL)])
        values = {name: drawn(dice, variable) for name, variable in of.template.variables.items()}
        one = card(
            of,
            values,
            number=dice.choice(["7", "4006381333931", "Карта 7", "x" * 40]),
            language=dice.choice([None, "ru", "en", "de", "en-US"]),
            state=dice.choice(list(CardState)),
            external_id=dice.choice([None, "customer-7"]),
            expires_at=dice.choice([None, datetime(2027, 1, 1, tzinfo=UTC)]),
        )
        yield of, one, dice.choice([None, NEWS, News({"en": "Only English"})])


def test_500_generated_cards_hold() -> None:
    count = 0
    for of, one, news in generated():
        judge(made(of, one, news))
        count += 1
    assert count == 500


def test_the_same_inputs_give_the_same_bytes() -> None:
    for of, one, news in list(generated())[:30]:
        first = made(of, one, news)
        other = made(building_again(of), one, news)
        assert json.dumps([first.klass, first.object]) == json.dumps([other.klass, other.object])
        later = object_body(of, one, news, ADDRESS, OBJECT_ID, PICTURES, NOW + timedelta(days=9))
        assert later == first.object


def building_again(of: Revision) -> Revision:
    from passkit.render import compile_revision

    return compile_revision(of.template, of.brand, of.images)


# --- what stands where -----------------------------------------------------------------------------------------------

RU = {"Points": "Баллы", "Our site": "Наш сайт", "Open": "Открыть", "Rules": "Правила", "Be kind": "Будьте добры"}
CARD = {
    "languages": ["en", "ru"],
    "variables": {"name": NAME, "points": POINTS, "balance": BALANCE},
    "fields": {
        "header": [{"key": "points", "label": "Points", "value": "{{ points }}"}],
        "primary": [{"key": "holder", "label": "", "value": "{{ name }}"}],
        "back": [
            {"key": "rules", "label": "Rules", "value": "Be kind"},
            {"key": "site", "label": "Our site", "value": "https://example.com/", "link": "Open"},
            {"key": "mine", "label": "Mine", "value": "https://example.com/{{ card.number }}", "link": "Open"},
        ],
    },
    "barcode": {"message": "{{ card.number }}", "alt_text": "No. {{ card.number }}"},
    "locations": [{"latitude": 55.75, "longitude": 37.61, "text": "Near"}],
    "expires": "{{ card.expires_at }}",
}


def test_what_no_card_moves_is_on_the_class_and_what_moves_is_on_the_object() -> None:
    one = google({"ru": RU}, **CARD)
    assert [module["id"] for module in one.klass["textModulesData"]] == ["rules"]
    assert [link["id"] for link in one.klass["linksModuleData"]["uris"]] == ["site"]
    assert [link["uri"] for link in one.object["linksModuleData"]["uris"]] == ["https://example.com/4111111111111111"]
    assert "textModulesData" not in one.object
    assert one.klass["merchantLocations"] == [{"latitude": 55.75, "longitude": 37.61}]
    assert "merchantLocations" not in one.object


def test_a_class_holds_nobody_s_data(any_revision: Revision) -> None:
    first, second = card(any_revision), Card("Other", "0000", "t" * 32, {}, CardState.VOIDED, "ru")
    text = json.dumps(made(any_revision, first).klass, ensure_ascii=False)
    assert text == json.dumps(made(any_revision, second).klass, ensure_ascii=False)
    assert "4111111111111111" not in text
    assert "S3rial" not in text


def test_a_translated_text_is_a_localized_string_with_the_class_s_default_language() -> None:
    one = google({"ru": RU}, **CARD)
    assert one.klass["textModulesData"] == [
        {
            "id": "rules",
            "header": "Rules",
            "localizedHeader": {
                "defaultValue": {"language": "en", "value": "Rules"},
                "translatedValues": [{"language": "ru", "value": "Правила"}],
            },
            "body": "Be kind",
            "localizedBody": {
                "defaultValue": {"language": "en", "value": "Be kind"},
                "translatedValues": [{"language": "ru", "value": "Будьте добры"}],
            },
        }
    ]


def test_an_object_speaks_its_card_s_language_first() -> None:
    of = building.revision({"ru": RU}, **CARD)
    points = made(of, card(of, language="ru")).object["loyaltyPoints"]
    assert points == {
        "label": "Баллы",
        "localizedLabel": {
            "defaultValue": {"language": "ru", "value": "Баллы"},
            "translatedValues": [{"language": "en", "value": "Points"}],
        },
        "balance": {"int": 120},
    }


@pytest.mark.parametrize(
    ("currency", "minor", "micros"),
    [("RUB", 45000, "450000000"), ("JPY", 500, "500000000"), ("KWD", 1234, "1234000"), ("USD", -1, "-10000")],
)
def test_money_is_micros_whatever_the_currency_s_minor_unit(currency: str, minor: int, micros: str) -> None:
    variable = {"type": "money", "currency": currency, "default": 0, "sample": minor}
    field = {"key": "left", "label": "Left", "value": "{{ sum }}"}
    one = google(variables={"sum": variable}, fields={"header": [field]})
    assert one.object["loyaltyPoints"]["balance"] == {"money": {"micros": micros, "currencyCode": currency}}
    gift = google(variables={"sum": variable}, fields={"header": [field]}, google={"type": "giftCard"})
    assert gift.object["balance"] == {"micros": micros, "currencyCode": currency}


@pytest.mark.parametrize(
    ("variable", "value", "more", "balance"),
    [
        ({"type": "integer", "default": 2**31 - 1}, "{{ n }}", {}, {"int": 2147483647}),
        ({"type": "integer", "default": 2**31}, "{{ n }}", {}, {"string": "2147483648"}),
        ({"type": "decimal", "default": "12.5"}, "{{ n }}", {}, {"double": 12.5}),
        ({"type": "integer", "default": 7}, "{{ n }} stars", {}, {"string": "7 stars"}),
        ({"type": "decimal", "default": "0.15"}, "{{ n }}", {"format": "percent"}, {"string": "15%"}),
        ({"type": "integer", "default": 199}, "{{ n }}", {"currency": "RUB"},
         {"money": {"micros": "1990000", "currencyCode": "RUB"}}),
        ({"type": "money", "currency": "RUB", "default": 2**53 - 1}, "{{ n }}", {}, {"string": "RUB\u00a090,071,992,547,409.91"}),
    ],
)  # fmt: skip
def test_a_balance_is_of_exactly_one_kind(
    variable: dict[str, Any], value: str, more: dict[str, Any], balance: dict[str, Any]
) -> None:
    field = {"key": "left", "label": "Left", "value": value, **more}
    hints = {"points": "left"}
    one = google(variables={"n": variable}, fields={"header": [field]}, google=hints, languages=["en"])
    assert one.object["loyaltyPoints"]["balance"] == balance


def test_the_holder_s_name_and_the_card_s_number_are_the_account() -> None:
    one = google({"ru": RU}, **CARD)
    assert (one.object["accountName"], one.object["accountId"]) == ("Anna Petrova", "4111111111111111")


@pytest.mark.parametrize(
    ("state", "google_state"),
    [
        (CardState.ACTIVE, "ACTIVE"),
        (CardState.VOIDED, "INACTIVE"),
        (CardState.EXPIRED, "EXPIRED"),
        (CardState.COMPLETED, "COMPLETED"),
    ],
)
def test_one_state_is_over_in_both_wallets(state: CardState, google_state: str) -> None:
    of = building.revision(**CARD)
    one = card(of, state=state)
    assert made(of, one).object["state"] == google_state
    apple = building.document(building.fill(of, one, None, None, NOW))
    assert apple.get("voided", False) == (google_state != "ACTIVE")


def test_an_expiry_is_the_same_instant_in_both_wallets() -> None:
    of = building.revision(**CARD)
    one = card(of)
    apple = building.document(building.fill(of, one, None, None, NOW))
    assert made(of, one).object["validTimeInterval"] == {"end": {"date": apple["expirationDate"]}}
    assert "validTimeInterval" not in made(of, card(of, expires_at=None)).object


def test_the_fields_of_the_front_are_rows_of_at_most_three() -> None:
    klass = made(revision("many fields")).klass
    rows = klass["classTemplateInfo"]["cardTemplateOverride"]["cardRowTemplateInfos"]
    assert [list(row) for row in rows] == [["threeItems"], ["threeItems"], ["threeItems"]]
    ids = ["h0", "h1", "h2", "s_0", "s_1", "s_2", "s_3"]
    assert paths(klass)[:7] == [f"object.textModulesData['{name}']" for name in ids]
    assert paths(klass)[7:] == ["class.textModulesData['a_0']", "class.textModulesData['a_1']"]


def test_each_zone_has_a_row_where_there_is_room() -> None:
    klass = made(revision("coffee")).klass
    rows = klass["classTemplateInfo"]["cardTemplateOverride"]["cardRowTemplateInfos"]
    assert [list(row) for row in rows] == [["twoItems"], ["oneItem"], ["oneItem"]]
    assert paths(klass) == [
        "object.loyaltyPoints.balance",
        "object.accountName",
        "object.secondaryLoyaltyPoints.balance",
        "object.textModulesData['visit']",
    ]


def test_a_field_whose_condition_fails_is_not_there() -> None:
    of = revision("coffee")
    assert "textModulesData" in made(of).object
    assert "textModulesData" not in made(of, card(of, {"visit": None})).object


def test_news_are_messages_and_in_no_body() -> None:
    of = revision("coffee")
    one = made(of, card(of), NEWS)
    assert one.object == made(of, card(of), None).object
    assert "20% off" not in json.dumps([one.klass, one.object])


def test_a_text_that_mixes_news_with_the_card_s_data_is_on_the_object() -> None:
    field = {"key": "hello", "label": "For you", "value": "{{ name }}: {{ news.text }}"}
    of = building.revision(languages=["en"], variables={"name": NAME}, fields={"back": [field]})
    told = made(of, card(of), News({"en": "20% off"})).object["textModulesData"]
    assert told == [{"id": "hello", "header": "For you", "body": "Anna Petrova: 20% off"}]


@pytest.mark.parametrize(
    ("field", "uri", "description"),
    [
        ({"label": "Site", "value": "https://example.com/a?b=1&c=2"}, "https://example.com/a?b=1&c=2", "Site"),
        ({"label": "", "value": "https://example.com/"}, "https://example.com/", "https://example.com/"),
        ({"label": "Desk", "value": "+7 495 123-45-67"}, "tel:+74951234567", "Desk"),
        ({"label": "Desk", "value": "8 (495) 123", "data_detectors": ["phone"]}, "tel:8495123", "Desk"),
        ({"label": "Mail", "value": "desk@example.com"}, "mailto:desk@example.com", "Mail"),
        ({"label": "Us", "value": "1 Garden St", "data_detectors": ["address"]}, "geo:0,0?q=1%20Garden%20St", "1 Garden St"),
        ({"label": "Site", "value": "{{ site }}"}, "https://example.com/s", "Site"),
        ({"label": "Rules", "value": "Read", "attributed_value": "Read <a href='https://example.com/r'>the <b>rules</b></a>"},
         "https://example.com/r", "the rules"),
    ],
)  # fmt: skip
def test_addresses_of_the_back_are_links(field: dict[str, Any], uri: str, description: str) -> None:
    site = {"type": "url", "default": "", "sample": "https://example.com/s"}
    one = google(languages=["en"], variables={"site": site}, fields={"back": [{"key": "it", **field}]})
    links = (one.klass.get("linksModuleData") or one.object["linksModuleData"])["uris"]
    assert links == [{"id": "it", "uri": uri, "description": description}]


@pytest.mark.parametrize(
    "field",
    [
        {"value": "Call us any time"},
        {"value": "https://example.com/", "data_detectors": []},
        {"value": "coffee://open", "link": "Open the app"},
        {"value": "Order 12345678"},
        {"value": "2026-12-01"},
    ],
)
def test_what_is_no_address_stays_text(field: dict[str, Any]) -> None:
    one = google(languages=["en"], fields={"back": [{"key": "it", "label": "It", **field}]})
    assert "linksModuleData" not in one.klass
    assert one.klass["textModulesData"] == [{"id": "it", "header": "It", "body": field["value"]}]


@pytest.mark.parametrize(
    ("barcode", "wanted"),
    [
        ({"message": "7"}, {"type": "QR_CODE", "value": "7"}),
        ({"message": "Ж"}, {"type": "QR_CODE", "value": "Ж", "renderEncoding": "UTF_8"}),
        ({"message": "7", "encoding": "utf-8"}, {"type": "QR_CODE", "value": "7", "renderEncoding": "UTF_8"}),
        ({"format": "ean13", "message": "4006381333931"}, {"type": "EAN_13", "value": "4006381333931"}),
        ([{"format": "ean13", "message": "7"}, {"format": "code128", "message": "7"}], {"type": "CODE_128", "value": "7"}),
        ([{"format": "i2of5", "message": "1234"}, {"format": "aztec", "message": "7"}], {"type": "AZTEC", "value": "7"}),
        ([{"format": "pdf417", "message": ""}, {"format": "code39", "message": "A"}], {"type": "CODE_39", "value": "A"}),
        ({"format": "codabar", "message": "7", "alt_text": "Seven"}, {"type": "CODABAR", "value": "7", "alternateText": "Seven"}),
        ({"message": ""}, None),
    ],
)  # fmt: skip
def test_the_first_barcode_that_google_can_draw_is_taken(barcode: Any, wanted: dict[str, Any] | None) -> None:
    assert google(barcode=barcode).object.get("barcode") == wanted


def test_a_rotating_barcode_has_the_secret_in_base_16_and_stands_alone() -> None:
    code = {"key": SECRET.lower(), "pattern": "{{ card.number }}-{totp_value_0}", "period": 60, "digits": 6}
    body = google(barcode={"message": "7"}, google={"rotating_barcode": code}).object
    assert body["rotatingBarcode"] == {
        "type": "QR_CODE",
        "valuePattern": "4111111111111111-{totp_value_0}",
        "totpDetails": {
            "algorithm": "TOTP_SHA1",
            "periodMillis": "60000",
            "parameters": [{"key": SECRET, "valueLength": 6}],
        },
    }
    assert "barcode" not in body
    kept = google(barcode={"message": "7"}, google={"rotating_barcode": {**code, "keep_static": True}}).object
    assert kept["barcode"] == {"type": "QR_CODE", "value": "7"}


@pytest.mark.parametrize("secret", ["", "abc", "not hex at all!!"])
def test_a_card_without_a_usable_secret_has_its_plain_barcode(secret: str) -> None:
    of = building.revision(
        variables={"secret": {"default": ""}},
        barcode={"message": "7"},
        google={"rotating_barcode": {"key": "secret"}},
    )
    body = made(of, card(of, {"secret": secret})).object
    assert "rotatingBarcode" not in body
    assert body["barcode"] == {"type": "QR_CODE", "value": "7"}
    assert "rotatingBarcode" in made(of, card(of, {"secret": "00ff"})).object


def test_a_gift_card_without_its_own_number_has_the_card_s() -> None:
    variables = {"number": {"default": ""}}
    of = building.revision(variables=variables, google={"type": "giftCard", "account_id": "number"})
    assert made(of, card(of, {"number": "77"})).object["cardNumber"] == "77"
    assert made(of, card(of)).object["cardNumber"] == "4111111111111111"


@pytest.mark.parametrize(
    ("document", "title"),
    [
        ({"fields": {"primary": [{"key": "off", "value": "20% off"}]}, "logo_text": "Shop"}, "20% off"),
        ({"fields": {"primary": [{"key": "off", "value": "{{ n }}% off"}]}, "logo_text": "Shop"}, "Shop"),
        ({"fields": {"primary": [{"key": "off", "value": "{{ n }}% off"}]}}, "Demo"),
        ({"google": {"title": "A fifth off"}, "logo_text": "Shop"}, "A fifth off"),
        ({"google": {"title": "n"}}, "Demo"),
    ],
)
def test_an_offer_s_title_is_the_first_text_that_all_holders_share(document: dict[str, Any], title: str) -> None:
    one = google(style="coupon", variables={"n": POINTS}, **document)
    assert (one.klass["title"], one.klass["provider"]) == (title, "Demo & Sons")
    judge(one)


def test_switches_are_google_s_words() -> None:
    one = made(revision("all switches"))
    assert one.object["passConstraints"] == {"screenshotEligibility": "INELIGIBLE", "nfcConstraint": ["BLOCK_PAYMENT"]}
    assert one.object["notifications"] == {
        "expiryNotification": {"enableNotification": True},
        "upcomingNotification": {"enableNotification": False},
    }
    assert one.object["genericType"] == "GENERIC_GYM_MEMBERSHIP"
    assert one.object["smartTapRedemptionValue"] == "4111111111111111"
    assert (one.klass["enableSmartTap"], one.klass["redemptionIssuers"]) == (True, [ISSUER])
    assert one.klass["securityAnimation"] == {"animationType": "FOIL_SHIMMER"}
    assert one.klass["viewUnlockRequirement"] == "UNLOCK_REQUIRED_TO_VIEW"
    assert one.klass["multipleDevicesAndHoldersAllowedStatus"] == "MULTIPLE_HOLDERS"
    assert one.object["appLinkData"] == {
        "displayText": {"defaultValue": {"language": "ru", "value": "Открыть"},
                        "translatedValues": [{"language": "en", "value": "Open"}]},
        "androidAppLinkInfo": {"appTarget": {"packageName": "com.example.app"}},
        "webAppLinkInfo": {"appTarget": {"targetUri": {
            "uri": "https://example.com/4111111111111111", "description": "Открыть"}}},
    }  # fmt: skip


def test_a_personal_card_is_one_user_s_and_reviewed_unless_it_is_generic() -> None:
    for name in ALL:
        klass = made(revision(name)).klass
        generic = type_of(template(name)) is GoogleType.GENERIC
        assert klass.get("reviewStatus") == (None if generic else "UNDER_REVIEW")
        assert klass["callbackOptions"] == {"url": "https://cards.example.com/google/callback/demo"}
    assert made(revision("coffee")).klass["multipleDevicesAndHoldersAllowedStatus"] == "ONE_USER_ALL_DEVICES"


def test_an_event_has_its_venue_its_times_and_the_seat() -> None:
    one = made(revision("event with everything"))
    assert one.klass["eventName"]["defaultValue"]["value"] == "Tea and jazz"
    assert one.klass["venue"]["address"] == {"defaultValue": {"language": "ru", "value": "1 Garden St"}}
    assert one.klass["dateTime"] == {"start": "2026-12-01T18:30:00+03:00", "doorsOpen": "2026-12-01T18:00:00+03:00"}
    assert one.object["seatInfo"]["row"] == {"defaultValue": {"language": "ru", "value": "120-1"}}
    assert one.object["ticketHolderName"] == "Анна Петрова"
    assert one.object["faceValue"] == {"micros": "450000000", "currencyCode": "RUB"}
    assert one.object["validTimeInterval"]["start"] == {"date": "2026-12-01T18:30:00+03:00"}


def test_a_flight_has_its_header_and_the_passenger() -> None:
    one = made(revision("flight"))
    assert one.klass["flightHeader"] == {"carrier": {"carrierIataCode": "LX"}, "flightNumber": "318"}
    assert one.klass["origin"] == {"airportIataCode": "ZRH", "terminal": "1"}
    assert one.klass["localScheduledDepartureDateTime"] == "2027-03-05T06:30"
    assert one.object["passengerName"].startswith("Анна")
    assert one.object["reservationInfo"] == {"confirmationCode": "4111111111111111"}
    assert one.object["boardingAndSeatingInfo"] == {"seatNumber": "120", "seatClass": "Economy"}


def test_a_ride_has_its_leg() -> None:
    one = made(revision("train"))
    assert (one.klass["transitType"], one.object["tripType"]) == ("RAIL", "ROUND_TRIP")
    leg = one.object["ticketLeg"]
    assert leg["originName"]["defaultValue"]["value"] == "Leningradsky"
    assert leg["destinationName"]["defaultValue"]["value"] == "Tver"
    assert (leg["departureDateTime"], leg["platform"]) == ("2026-12-01T18:30:00+03:00", "7a")
    assert leg["ticketSeat"] == {"coach": "120", "seat": "120"}
    assert one.object["passengerNames"] == "Анна Петрова"


def test_a_colour_that_moves_is_on_objects_that_have_one() -> None:
    colors = {"background": "{{ '#fc0' if points > 100 else '#001122' }}"}
    generic = google(style="generic", variables={"points": POINTS}, colors=colors)
    assert generic.object["hexBackgroundColor"] == "#ffcc00"
    loyalty = google(variables={"points": POINTS}, colors=colors)
    assert "hexBackgroundColor" not in {**loyalty.klass, **loyalty.object}


def test_no_more_than_ten_locations_are_sent_and_none_off_the_globe() -> None:
    far = {"latitude": 95, "longitude": 1}
    many = [far, *({"latitude": n, "longitude": n} for n in range(12))]
    places = google(locations=many).klass["merchantLocations"]
    assert places == [{"latitude": float(n), "longitude": float(n)} for n in range(10)]


def test_a_place_that_a_card_moves_is_the_card_s() -> None:
    variables = {"north": {"type": "decimal", "default": "55.75"}}
    one = google(variables=variables, locations=[{"latitude": "{{ north }}", "longitude": 37}])
    assert one.object["merchantLocations"] == [{"latitude": 55.75, "longitude": 37.0}]
    assert "merchantLocations" not in one.klass


# --- personal data ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_nothing_that_rests_on_a_personal_variable_leaves_a_private_template(name: str) -> None:
    """Each personal text is marked; the marks must not come through, whatever path they take."""
    whole = dict(template(name).model_dump(exclude_unset=True))
    variables = {key: {**one, "personal": one.get("type", "text") == "text"} for key, one in whole["variables"].items()}
    hints = {**whole.get("google", {}), "private": True}
    document = {
        **whole,
        "variables": variables,
        "google": hints,
        "images": {"icon": "icon.png"},
        "variants": [],
        "stamps": None,
    }
    of = building.revision(template(name).strings, **{**document, "image_focus": {}})
    marks = {key: "Zyxwv" for key, one in variables.items() if one["personal"]}
    one = made(of, card(of, marks))
    judge(one)
    assert "Zyxwv" not in json.dumps(one.object)


def test_a_condition_on_a_personal_variable_tells_as_much_as_its_value() -> None:
    fields = {"back": [{"key": "vip", "label": "VIP", "value": "Lounge", "when": "{{ name == 'Anna Petrova' }}"}]}
    open_ = google(variables={"name": NAME}, fields=fields)
    assert open_.object["textModulesData"][0]["id"] == "vip"
    private = google(variables={"name": NAME}, fields=fields, google={"private": True})
    assert "textModulesData" not in {**private.klass, **private.object}


def test_a_private_gift_card_and_a_private_flight_still_have_what_google_requires() -> None:
    variables = {"name": NAME}
    gift = google(variables=variables, google={"type": "giftCard", "account_id": "name", "private": True})
    assert gift.object["cardNumber"] == "4111111111111111"
    flight = {"carrier": "LX", "number": "3", "origin": "ZRH", "destination": "LHR", "departs": "2027-03-05T06:30"}
    hints = {"flight": flight, "account_name": "name", "private": True}
    one = google(variables=variables, style="boardingPass", transit_type="air", google=hints)
    assert one.object["passengerName"] == "4111111111111111"


# --- PATCH -----------------------------------------------------------------------------------------------------------


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from leaves(part, f"{place}/{key}")
    else:
        yield place, value


def merged(held: Any, patch: Any) -> Any:
    """RFC 7396, which Google's PATCH follows: objects merge, null clears, everything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(held) if isinstance(held, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@pytest.mark.parametrize("name", [*STYLES, "flight", "train", "giftCard", "event with everything"])
def test_after_a_patch_google_holds_the_new_body_whatever_it_held(name: str) -> None:
    """From a full card to an empty one and back, and between two templates of a type."""
    of = revision(name)
    empty = Card("S3rial", "4111", "t" * 32, accept(of.template, {}, partial=True), language="en")
    full = made(of, card(of, language="ru"))
    bare = made(of, empty, pictures=GooglePictures())
    others = [made(revision(other)) for other in ALL if type_of(template(other)) is full.type]
    for target in (full, bare, *others):
        for held in (full, bare, *others):
            for kind, old, new in (
                (full.type.class_kind, held.klass, target.klass),
                (full.type.object_kind, held.object, target.object),
            ):
                assert merged(old, patch_body(kind, new)) == new


def test_a_patch_clears_nothing_that_is_not_ours() -> None:
    for type_ in GoogleType:
        for kind, body in ((type_.class_kind, {"id": "1.a"}), (type_.object_kind, {"id": "1.b"})):
            nulls = {key for key, value in patch_body(kind, body).items() if value is None}
            assert nulls
            assert not nulls & {"messages", "hasUsers", "notifyPreference", "state", "id", "classId", "reviewStatus"}
            assert not nulls & {"linkedObjectIds", "linkedOfferIds", "saveRestrictions", "review"}


def test_a_patch_says_what_the_body_says() -> None:
    one = made(revision("coffee"))
    patch = patch_body("loyaltyObject", one.object)
    assert [pair for pair in leaves(patch) if pair[1] is not None] == list(leaves(one.object))


# --- errors ----------------------------------------------------------------------------------------------------------


def test_an_expression_that_fails_on_a_card_names_its_place_and_not_the_data() -> None:
    of = building.revision(
        variables={"points": {"type": "integer", "default": 1}, "name": NAME},
        google={"subtitle": "{{ 100 / points }}"},
        style="generic",
    )
    with pytest.raises(RenderError) as caught:
        made(of, card(of, {"points": 0, "name": "Secret"}))
    assert caught.value.pointer == "/google/subtitle"
    assert "Secret" not in caught.value.detail


def test_a_hint_that_cannot_work_is_a_template_error() -> None:
    of = building.revision(google={"title": "{{ nobody }}"})
    with pytest.raises(TemplateError) as caught:
        class_body(of, ADDRESS, PICTURES, NOW)
    assert [problem.pointer for problem in caught.value.problems] == ["/google/title"]


@pytest.mark.parametrize(
    ("hints", "pointer"),
    [
        ({"type": "loyality"}, "/google/type"),
        ({"point": "points"}, "/google/point"),
        ({"rotating_barcode": {"key": "00", "period": 0}}, "/google/rotating_barcode/period"),
        ({"flight": {"carrier": "LX"}}, "/google/flight/number"),
        ({"type": "flight"}, "/google/flight"),
        ({"app_link": {"text": "Open"}}, "/google/app_link"),
        ({"smart_tap": {"redemption_issuers": ["our shop"]}}, "/google/smart_tap/redemption_issuers/0"),
    ],
)
def test_a_hint_of_the_wrong_form_is_told_where_and_how_to_mend_it(hints: dict[str, Any], pointer: str) -> None:
    found = building.problems(google=hints)
    assert pointer in found or f"{pointer.rsplit('/', 1)[0]}/number" in found
    assert all(problem.fix for problem in found.values())


def test_a_sample_card_reads_the_same_in_both_wallets(any_revision: Revision) -> None:
    """What a person reads of a field on Apple's card is on Google's too, where a field is text."""
    one = card(any_revision, language="en")
    fields = {field.key: field for field in building.fill(any_revision, one, None, None, NOW).fields}
    body = made(any_revision, one).object
    for module in body.get("textModulesData", []):
        field = fields[module["id"].replace("s_", "s.")]
        assert (module.get("header", ""), module["body"]) == (field.label, field.text)


def test_samples_of_all_templates_are_known(any_revision: Revision) -> None:
    assert set(sample(any_revision.template)) == set(any_revision.template.variables)
    assert any_revision.brand == BRAND
