"""pass.json against the reference's tables: every key, every style of value, barcodes, dates, translations."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from passkit.apple import passjson
from passkit.model import CardState, News
from tests.passkit.building import BRAND, card, document, fill_as, filled, problems, revision

UUID = "0AC59CA4-DFA6-442C-8C65-22247851344C"
KEY = "MDkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDIgADOfzKBsT5vJ6kEuNmyMkaoIIkqvdrhfqMjdMHSm0="

DECLARED: list[tuple[str, dict[str, Any], Any]] = [
    ("organizationName", {"organization_name": "Beans"}, "Beans"),
    ("description", {"description": "Loyalty card"}, "Loyalty card"),
    ("description", {}, "Demo"),
    ("logoText", {"logo_text": "Beans"}, "Beans"),
    ("eventLogoText", {"event_logo_text": "Show"}, "Show"),
    ("logoSymbolName", {"logo_symbol_name": "cup.and.saucer"}, "cup.and.saucer"),
    ("backgroundColor", {"colors": {"background": "#fff"}}, "rgb(255, 255, 255)"),
    ("foregroundColor", {"colors": {"foreground": "rgb(1,2,3)"}}, "rgb(1, 2, 3)"),
    ("labelColor", {"colors": {"label": "#0A0b0C"}}, "rgb(10, 11, 12)"),
    ("stripColor", {"colors": {"strip": "#000000"}}, "rgb(0, 0, 0)"),
    ("footerBackgroundColor", {"colors": {"footer_background": "{{ '#111111' }}"}}, "rgb(17, 17, 17)"),
    ("useAutomaticColors", {"use_automatic_colors": True}, True),
    ("suppressHeaderDarkening", {"suppress_header_darkening": True}, True),
    ("suppressStripShine", {"suppress_strip_shine": False}, False),
    ("sharingProhibited", {"sharing_prohibited": True}, True),
    ("groupingIdentifier", {"grouping_identifier": "trip-{{ card.number }}"}, "trip-1234567897"),
    ("associatedStoreIdentifiers", {"associated_store_identifiers": [375380948]}, [375380948]),
    ("auxiliaryStoreIdentifiers", {"auxiliary_store_identifiers": [1]}, [1]),
    ("appLaunchURL", {"app_launch_url": "beans:card/{{ card.number }}"}, "beans:card/1234567897"),
    ("userInfo", {"user_info": {"n": [1, True, None, "{{ card.number }}"]}}, {"n": [1, True, None, "1234567897"]}),
    ("preferredStyleSchemes", {"preferred_style_schemes": ["posterEventTicket"]}, ["posterEventTicket"]),
    ("maxDistance", {"max_distance": 500}, 500),
    ("expirationDate", {"expires": "2027-01-01T00:00:00Z"}, "2027-01-01T03:00:00+03:00"),
    ("expirationDate", {"expires": "2027-01-01"}, "2027-01-01T23:59:59+03:00"),
    ("nfc", {"nfc": {"message": "{{ card.number }}", "encryption_public_key": KEY, "requires_authentication": True}},
        {"message": "1234567897", "encryptionPublicKey": KEY, "requiresAuthentication": True}),
    ("semantics", {"semantics": {"eventName": "Jazz", "seats": [{"seatRow": "{{ card.number }}"}], "silenceRequested": True}},
        {"eventName": "Jazz", "seats": [{"seatRow": "1234567897"}], "silenceRequested": True}),
    ("featuredActions", {"featured_actions": [
        {"identifier": "shop", "type": "shop", "url": "https://example.com/?c={{ card.number }}"},
        {"identifier": "here", "type": "place", "place_identifier": "I63802885C8189B2B"},
    ]}, [
        {"identifier": "shop", "type": "shop", "url": "https://example.com/?c=1234567897"},
        {"identifier": "here", "type": "place", "placeIdentifier": "I63802885C8189B2B"},
    ]),
    ("upcomingPassInformation", {"upcoming_pass_information": [{"identifier": "a", "name": "Next", "type": "event"}]},
        [{"identifier": "a", "name": "Next", "type": "event"}]),
    ("locations", {"locations": [{"latitude": 55.75, "longitude": 37, "altitude": 120, "text": "Near"}]},
        [{"latitude": 55.75, "longitude": 37, "altitude": 120, "relevantText": "Near"}]),
    ("locations", {"locations": [{"latitude": "55.75", "longitude": "{{ 37.61 }}"}]}, [{"latitude": 55.75, "longitude": 37.61}]),
    ("beacons", {"beacons": [{"uuid": UUID.lower(), "major": 1, "minor": 65535, "text": "Here"}]},
        [{"proximityUUID": UUID, "major": 1, "minor": 65535, "relevantText": "Here"}]),
    ("relevantDates", {"relevant_dates": ["2026-12-01T10:00:00+03:00"]},
        [{"date": "2026-12-01T10:00:00+03:00", "relevantDate": "2026-12-01T10:00:00+03:00"}]),
    ("relevantDates", {"relevant_dates": {"start": "2026-12-01T10:00:00Z", "end": "2026-12-01T12:00:00Z"}},
        [{"startDate": "2026-12-01T13:00:00+03:00", "endDate": "2026-12-01T15:00:00+03:00"}]),
    ("relevantDate", {"relevant_dates": "2026-12-01T10:00:00+03:00"}, "2026-12-01T10:00:00+03:00"),
]  # fmt: skip


@pytest.mark.parametrize(("key", "given", "wanted"), DECLARED, ids=[f"{one[0]} {n}" for n, one in enumerate(DECLARED)])
def test_a_declared_key_is_written_as_apple_names_it(key: str, given: dict[str, Any], wanted: Any) -> None:
    assert document(filled(revision(**given)))[key] == wanted


POSTER_URLS = [
    "accessibilityURL",
    "addOnURL",
    "bagPolicyURL",
    "contactVenueEmail",
    "contactVenuePhoneNumber",
    "contactVenueWebsite",
    "directionsInformationURL",
    "merchandiseURL",
    "orderFoodURL",
    "parkingInformationURL",
    "purchaseParkingURL",
    "sellURL",
    "transferURL",
    "transitInformationURL",
]
BOARDING_URLS = [
    "changeSeatURL",
    "entertainmentURL",
    "managementURL",
    "purchaseAdditionalBaggageURL",
    "purchaseLoungeAccessURL",
    "purchaseWifiURL",
    "registerServiceAnimalURL",
    "reportLostBagURL",
    "requestWheelchairURL",
    "trackBagsURL",
    "upgradeURL",
    "transitProviderEmail",
    "transitProviderPhoneNumber",
    "transitProviderWebsiteURL",
]
TOP_LEVEL = {
    *POSTER_URLS, *BOARDING_URLS, *(key for key, _, _ in DECLARED), "formatVersion", "passTypeIdentifier", "serialNumber",
    "teamIdentifier", "webServiceURL", "authenticationToken", "voided", "barcodes", "barcode",
}  # fmt: skip


def test_every_top_level_key_of_the_reference_can_be_written() -> None:
    given: dict[str, Any] = {}
    for _, declared, _ in DECLARED:
        for key, value in declared.items():
            given[key] = {**given.get(key, {}), **value} if key == "colors" else value
    passed = {key: f"https://example.com/{key}" for key in (*POSTER_URLS, *BOARDING_URLS)}
    got = document(filled(revision(**given, barcode={"message": "1"}, apple=passed), state=CardState.VOIDED))
    assert set(got) == TOP_LEVEL | {"storeCard"}


def test_further_keys_of_apple_s_pass_through_unchanged() -> None:
    given = {"someKeyOfTomorrow": {"a": [1, 2.5, None, True, "text", {}, []]}, "sellURL": "https://example.com/s"}
    got = document(filled(revision(apple=given)))
    assert {key: got[key] for key in given} == given


def test_a_pass_without_a_web_service_has_neither_address_nor_token() -> None:
    offline = document(filled(revision(brand=BRAND.__class__("k", "N", "pass.a.b", "T"))))
    assert not {"webServiceURL", "authenticationToken"} & set(offline)


@pytest.mark.parametrize("state", [CardState.VOIDED, CardState.EXPIRED, CardState.COMPLETED])
def test_a_card_that_is_over_is_voided(state: CardState) -> None:
    assert document(filled(revision(), state=state))["voided"] is True


def test_an_active_card_does_not_speak_of_being_voided() -> None:
    assert "voided" not in document(filled(revision()))


def test_what_depends_on_an_empty_variable_is_left_out() -> None:
    visit = {"visit": {"type": "datetime", "optional": True}, "shop": {"type": "decimal", "optional": True}}
    made = revision(
        variables=visit,
        relevant_dates=["{{ visit }}", {"start": "{{ visit }}", "end": "2026-12-01T12:00:00Z"}],
        expires="{{ visit }}",
        locations=[{"latitude": "{{ shop }}", "longitude": 1}],
        colors={"label": "{{ '#fff' if visit }}"},
        barcode={"message": "{{ card.external_id }}"},
        semantics={"eventStartDate": "{{ visit }}"},
    )
    got = document(filled(made))
    assert got["semantics"] == {}
    assert not {
        "relevantDates",
        "relevantDate",
        "expirationDate",
        "locations",
        "labelColor",
        "barcodes",
        "barcode",
    } & set(got)
    full = document(filled(made, {"visit": datetime(2026, 12, 1, 10, tzinfo=UTC), "shop": Decimal("55.75")}))
    assert full["semantics"] == {"eventStartDate": "2026-12-01T13:00:00+03:00"}
    assert full["locations"] == [{"latitude": 55.75, "longitude": 1}]
    assert len(full["relevantDates"]) == 2


FIELDS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"value": "x", "label": "L"}, {"value": "x", "label": "L"}),
    ({"value": 5}, {"value": 5}),
    ({"value": 4.5}, {"value": 4.5}),
    ({"value": "{{ points }}"}, {"value": 120}),
    ({"value": "{{ points }}", "format": "text"}, {"value": "120"}),
    ({"value": "{{ points }}", "format": "number"}, {"value": 120, "numberStyle": "PKNumberStyleDecimal"}),
    ({"value": "{{ rate }}", "format": "percent"}, {"value": 0.15, "numberStyle": "PKNumberStylePercent"}),
    ({"value": "{{ points }}", "format": "scientific"}, {"value": 120, "numberStyle": "PKNumberStyleScientific"}),
    ({"value": "{{ points }}", "format": "spell_out"}, {"value": 120, "numberStyle": "PKNumberStyleSpellOut"}),
    ({"value": "{{ balance }}"}, {"value": 450, "currencyCode": "RUB"}),
    ({"value": "{{ balance }}", "format": "money"}, {"value": 450, "currencyCode": "RUB"}),
    ({"value": "{{ points }}", "format": "money", "currency": "USD"}, {"value": 1.2, "currencyCode": "USD"}),
    ({"value": "{{ nothing }}", "format": "money", "currency": "USD"}, {"value": ""}),
    ({"value": "{{ nothing }}", "format": "date"}, {"value": ""}),
    ({"value": "{{ visit }}"},
        {"value": "2026-12-01T18:30:00+03:00", "dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleShort"}),
    ({"value": "{{ visit }}", "format": "date"},
        {"value": "2026-12-01T18:30:00+03:00", "dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleNone"}),
    ({"value": "{{ visit }}", "format": "time"},
        {"value": "2026-12-01T18:30:00+03:00", "dateStyle": "PKDateStyleNone", "timeStyle": "PKDateStyleShort"}),
    ({"value": "{{ visit }}", "date_style": "full", "time_style": "long", "ignores_time_zone": True, "relative": True},
        {"value": "2026-12-01T18:30:00+03:00", "dateStyle": "PKDateStyleFull", "timeStyle": "PKDateStyleLong",
         "ignoresTimeZone": True, "isRelative": True}),
    ({"value": "2026-12-01T18:30:00+03:00", "format": "datetime"},
        {"value": "2026-12-01T18:30:00+03:00", "dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleShort"}),
    ({"value": "{{ day }}", "format": "date"},
        {"value": "2026-12-01T00:00:00+03:00", "dateStyle": "PKDateStyleMedium", "timeStyle": "PKDateStyleNone",
         "ignoresTimeZone": True}),
    ({"value": "x", "text_alignment": "right"}, {"value": "x", "textAlignment": "PKTextAlignmentRight"}),
    ({"value": "x", "data_detectors": ["phone", "link", "address", "calendar"]},
        {"value": "x", "dataDetectorTypes": ["PKDataDetectorTypePhoneNumber", "PKDataDetectorTypeLink",
                                             "PKDataDetectorTypeAddress", "PKDataDetectorTypeCalendarEvent"]}),
    ({"value": "x", "data_detectors": []}, {"value": "x", "dataDetectorTypes": []}),
    ({"value": "x", "attributed_value": "<a href='https://e.com/{{ card.number }}'>Go</a>"},
        {"value": "x", "attributedValue": "<a href='https://e.com/1234567897'>Go</a>"}),
    ({"value": "https://e.com/?a=1&b={{ card.number }}", "link": "Go & see"},
        {"value": "https://e.com/?a=1&b=1234567897",
         "attributedValue": '<a href="https://e.com/?a=1&amp;b=1234567897">Go &amp; see</a>'}),
    ({"value": "x", "semantics": {"balance": {"amount": "{{ balance }}", "currencyCode": "RUB"}}},
        {"value": "x", "semantics": {"balance": {"amount": "450.00", "currencyCode": "RUB"}}}),
    ({"value": "x", "apple": {"someKey": [1, "{{ card.number }}"]}}, {"value": "x", "someKey": [1, "1234567897"]}),
    ({"value": "x", "change_message": "Now %@"}, {"value": "x", "changeMessage": "Now %@"}),
    ({"value": "", "change_message": "Now %@"}, {"value": ""}),
    ({"value": "{{ nothing }}", "change_message": "Now %@"}, {"value": ""}),
]  # fmt: skip
VARIABLES = {
    "points": {"type": "integer", "default": 120},
    "rate": {"type": "decimal", "default": "0.15"},
    "balance": {"type": "money", "currency": "RUB", "default": 45000},
    "visit": {"type": "datetime", "default": "2026-12-01T18:30:00+03:00"},
    "day": {"type": "date", "default": "2026-12-01"},
    "nothing": {"optional": True},
}


@pytest.mark.parametrize(("given", "wanted"), FIELDS)
def test_a_field_is_written_as_apple_wants_it(given: dict[str, Any], wanted: dict[str, Any]) -> None:
    made = revision(variables=VARIABLES, fields={"back": [{"key": "it", **given}]})
    assert document(filled(made, ring=None))["storeCard"]["backFields"] == [{"key": "it", **wanted}]


def test_a_second_row_of_an_event_ticket_is_kept() -> None:
    made = revision(style="eventTicket", fields={"auxiliary": [{"key": "a", "value": "x", "row": 1}]})
    assert document(filled(made))["eventTicket"]["auxiliaryFields"] == [{"key": "a", "value": "x", "row": 1}]


def test_a_field_shows_only_while_its_condition_holds() -> None:
    made = revision(variables=VARIABLES, fields={"back": [{"key": "a", "value": "x", "when": "{{ points > 100 }}"}]})
    assert "backFields" in document(filled(made))["storeCard"]
    assert "backFields" not in document(filled(made, {"points": 100}))["storeCard"]


@pytest.mark.parametrize(
    "when", ["{{ vip }}", "{{ vip and points }}", "{{ points if vip }}", "{{ 'x' if vip }}", "{{ not not vip }}"]
)
def test_a_condition_is_true_or_false_and_not_a_word(when: str) -> None:
    variables = {**VARIABLES, "vip": {"type": "boolean", "default": False}}
    made = revision(variables=variables, fields={"back": [{"key": "a", "value": "x", "when": when}]})
    assert "backFields" in document(filled(made, {"vip": True}))["storeCard"]
    assert "backFields" not in document(filled(made, {"vip": False}))["storeCard"]


def test_truth_stays_truth_in_semantics_and_is_spoken_in_a_field() -> None:
    variables = {"vip": {"type": "boolean", "default": True}}
    made = revision(
        variables=variables,
        semantics={"silenceRequested": "{{ vip }}"},
        fields={"back": [{"key": "a", "value": "{{ vip }}"}]},
    )
    got = document(filled(made))
    assert got["semantics"] == {"silenceRequested": True}
    assert got["storeCard"]["backFields"][0]["value"] == "Yes"


def test_only_the_ringing_field_carries_its_change_message() -> None:
    back = [{"key": "a", "value": "1", "change_message": "a %@"}, {"key": "b", "value": "2", "change_message": "b %@"}]
    made = revision(fields={"back": back})

    def messages(ring: frozenset[str] | None) -> list[str | None]:
        return [row.get("changeMessage") for row in document(filled(made, ring=ring))["storeCard"]["backFields"]]

    assert messages(frozenset()) == [None, None]
    assert messages(frozenset({"b"})) == [None, "b %@"]
    assert messages(None) == ["a %@", "b %@"]


def test_html_in_data_stays_text_inside_attributed_values() -> None:
    field = {"key": "a", "value": "x", "attributed_value": "<a href='https://e.com'>{{ name }}</a>"}
    made = revision(variables={"name": {"default": ""}}, fields={"back": [field]})
    got = document(filled(made, {"name": "</a><a href='https://evil.example'>"}))["storeCard"]["backFields"][0]
    assert got["attributedValue"].count("<a ") == 1


def test_a_percent_sign_in_data_makes_no_second_place_for_the_value() -> None:
    field = {"key": "a", "value": "1", "change_message": "{{ name }}: %@"}
    made = revision(variables={"name": {"default": ""}}, fields={"back": [field]})
    got = document(filled(made, {"name": "%@ 100%"}, ring=None))["storeCard"]["backFields"][0]
    assert got["changeMessage"].count("%@") == 1


OLD = {"qr": "QR", "pdf417": "PDF417", "aztec": "Aztec", "code128": "Code128"}
NEW = {"code39": "Code39", "codabar": "Codabar", "ean13": "EAN13", "i2of5": "I2of5"}


def barcodes(given: Any, **more: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    got = document(filled(revision(barcode=given), **more))
    return got["barcodes"], got["barcode"]


@pytest.mark.parametrize("name", ["qr", "pdf417", "aztec"])
def test_a_barcode_that_ios_6_knew_is_written_twice(name: str) -> None:
    entry = {"format": f"PKBarcodeFormat{OLD[name]}", "message": "1", "messageEncoding": "iso-8859-1"}
    assert barcodes({"format": name, "message": "1"}) == ([entry], entry)


def test_the_deprecated_barcode_is_never_a_code_128() -> None:
    every, first = barcodes([{"format": "code128", "message": "1"}, {"format": "aztec", "message": "2"}])
    assert [one["format"] for one in every] == ["PKBarcodeFormatCode128", "PKBarcodeFormatAztec"]
    assert first == every[1]
    assert barcodes({"format": "code128", "message": "1"})[1]["format"] == "PKBarcodeFormatQR"


@pytest.mark.parametrize("name", list(NEW))
def test_a_barcode_of_ios_27_gets_an_old_one_behind_it(name: str) -> None:
    every, first = barcodes({"format": name, "message": "{{ card.number }}", "alt_text": "No {{ card.number }}"})
    assert [one["format"] for one in every] == [f"PKBarcodeFormat{NEW[name]}", "PKBarcodeFormatCode128"]
    assert {one["message"] for one in every} == {"1234567897"}
    assert {one["altText"] for one in every} == {"No 1234567897"}
    assert first["message"] == "1234567897"


def test_a_fallback_of_one_s_own_is_left_alone() -> None:
    every, _ = barcodes([{"format": "ean13", "message": "4006381333931"}, {"format": "qr", "message": "x"}])
    assert [one["format"] for one in every] == ["PKBarcodeFormatEAN13", "PKBarcodeFormatQR"]


@pytest.mark.parametrize(
    ("message", "wanted"), [("abc", "iso-8859-1"), ("café", "iso-8859-1"), ("Анна", "utf-8"), ("€", "utf-8")]
)
def test_the_encoding_follows_the_message(message: str, wanted: str) -> None:
    assert barcodes({"message": "{{ card.number }}"}, number=message)[0][0]["messageEncoding"] == wanted
    assert (
        barcodes({"message": "{{ card.number }}", "encoding": "utf-8"}, number=message)[0][0]["messageEncoding"]
        == "utf-8"
    )


def test_a_barcode_may_carry_further_keys_but_not_ours() -> None:
    assert barcodes({"message": "1", "apple": {"later": 1}})[0][0]["later"] == 1
    assert "/barcode/apple/message" in problems(barcode={"message": "1", "apple": {"message": "2"}})


ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)")


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/Moscow", "Asia/Kolkata", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]
)
@pytest.mark.parametrize("moment", [
    datetime(1900, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC), datetime(2999, 12, 30, tzinfo=UTC),
])  # fmt: skip
def test_dates_have_a_zone_and_no_fraction_in_every_zone_and_century(zone: str, moment: datetime) -> None:
    brand = BRAND.__class__("k", "N", "pass.a.b", "T", time_zone=zone)
    made = revision(brand=brand, expires="{{ card.expires_at }}")
    got = document(filled(made, expires_at=moment))["expirationDate"]
    assert ISO.fullmatch(got)
    assert datetime.fromisoformat(got) == moment.replace(microsecond=0)


def test_a_day_of_last_century_in_a_zone_with_seconds_is_still_read() -> None:
    field = {"key": "a", "value": "{{ day }}"}
    got = document(filled(revision(variables=VARIABLES, fields={"back": [field]}), {"day": date(1905, 5, 5)}))
    assert ISO.fullmatch(got["storeCard"]["backFields"][0]["value"])


def strings_of(raw: bytes) -> dict[str, str]:
    """A reader of pass.strings after Apple's grammar: `"key" = "value";`, with backslash escapes."""
    text = raw.decode("utf-8")
    quoted = r'"((?:[^"\\]|\\.)*)"'
    rows = re.findall(rf"{quoted} = {quoted};\n", text)
    assert "".join(f'"{key}" = "{value}";\n' for key, value in rows) == text
    return {unescaped(key): unescaped(value) for key, value in rows}


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "r": "\r"}.get(found[1], found[1]), text)


def test_translations_go_into_a_table_for_each_language_with_the_same_keys() -> None:
    strings = {"ru": {"Points": "Баллы", "Hi, {{ name }}": "Привет, {{ name }}"}}
    fields = {"back": [{"key": "a", "label": "Points", "value": "Hi, {{ name }}"}, {"key": "b", "value": "same"}]}
    made = revision(strings, languages=["ru", "en"], variables={"name": {"default": ""}}, fields=fields)
    russian, english = fill_as(made, card({"name": "Анна"})), fill_as(made, card({"name": "Анна"}), "en")
    assert json.loads(russian["pass.json"])["storeCard"]["backFields"][0] == {
        "key": "a",
        "label": "Баллы",
        "value": "Привет, Анна",
    }
    assert strings_of(russian["ru.lproj/pass.strings"]) == {"Баллы": "Баллы", "Привет, Анна": "Привет, Анна"}
    assert strings_of(russian["en.lproj/pass.strings"]) == {"Баллы": "Points", "Привет, Анна": "Hi, Анна"}
    assert strings_of(english["ru.lproj/pass.strings"]) == {"Points": "Баллы", "Hi, Анна": "Привет, Анна"}


def test_the_card_s_language_chooses_the_literals() -> None:
    made = revision(
        {"ru": {"Points": "Баллы"}},
        languages=["en", "ru"],
        fields={"back": [{"key": "a", "label": "Points", "value": "1"}]},
    )
    one = filled(made, language="ru")
    assert (one.language, one.fields[0].label) == ("ru", "Баллы")
    assert filled(made, language="fr").language == "en"
    assert filled(made, language="ru-RU").language == "ru"


def test_a_template_in_one_language_has_no_tables() -> None:
    assert list(passjson.files(filled(revision(fields={"back": [{"key": "a", "value": "x"}]})))) == ["pass.json"]


def test_tables_are_utf_8_without_a_mark_start_with_a_quote_and_escape() -> None:
    label = 'He said "hi" \\ and\nleft'
    made = revision(
        {"ru": {label: 'Он сказал "привет" \\ и\nушёл'}},
        languages=["en", "ru"],
        fields={"back": [{"key": "a", "label": label, "value": "1"}]},
    )
    raw = fill_as(made, card())["ru.lproj/pass.strings"]
    assert raw.startswith(b'"')
    assert strings_of(raw) == {label: 'Он сказал "привет" \\ и\nушёл'}


def test_a_customer_named_like_a_label_is_not_translated() -> None:
    fields = {"back": [{"key": "a", "label": "Points", "value": "{{ name }}"}]}
    made = revision(
        {"ru": {"Points": "Баллы"}}, languages=["en", "ru"], variables={"name": {"default": ""}}, fields=fields
    )
    got = fill_as(made, card({"name": "Points"}))
    row = json.loads(got["pass.json"])["storeCard"]["backFields"][0]
    table = strings_of(got["ru.lproj/pass.strings"])
    assert row["value"] == "Points"
    assert "Points" not in table
    assert table[row["label"]] == "Баллы"
    assert strings_of(got["en.lproj/pass.strings"])[row["label"]] == "Points"
    assert filled(made, {"name": "Points"}).fields[0].label == "Points"


def test_two_texts_that_look_alike_here_keep_their_own_translations_there() -> None:
    fields = {"back": [{"key": "a", "label": "Balance", "value": "1"}, {"key": "b", "label": "Deposit", "value": "2"}]}
    made = revision({"ru": {"Balance": "Счёт", "Deposit": "Счёт"}}, languages=["ru", "en"], fields=fields)
    got = fill_as(made, card())
    rows = json.loads(got["pass.json"])["storeCard"]["backFields"]
    english, russian = strings_of(got["en.lproj/pass.strings"]), strings_of(got["ru.lproj/pass.strings"])
    assert [english[row["label"]] for row in rows] == ["Balance", "Deposit"]
    assert [russian[row["label"]] for row in rows] == ["Счёт", "Счёт"]


def test_news_in_two_languages_are_translated_for_each_phone() -> None:
    made = revision(languages=["ru", "en"], fields={"back": [{"key": "news", "value": "{{ news.text }}"}]})
    live = News({"ru": "Новый сорт", "en": "New beans"})
    for _ in range(2):
        got = passjson.files(filled(made, news=live))
        assert strings_of(got["en.lproj/pass.strings"]) == {"Новый сорт": "New beans"}
    assert list(passjson.files(filled(made))) == ["pass.json"]


def test_the_same_inputs_give_the_same_bytes() -> None:
    given = {
        "languages": ["ru", "en"],
        "fields": {"back": [{"key": "a", "label": "Points", "value": "{{ card.number }}"}]},
    }
    one, two = (passjson.files(filled(revision({"ru": {"Points": "Баллы"}}, **given))) for _ in range(2))
    assert one == two


def test_now_reaches_the_signing_time_only() -> None:
    one = filled(revision())
    assert one.signing_time == datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    assert b"2026-11-22" not in passjson.files(one)["pass.json"]
