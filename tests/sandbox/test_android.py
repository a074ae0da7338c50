"""The robot Android phone does what a person with one does, against a tiny issuer and Google's stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from sandbox.android import AndroidPhone
from sandbox.google import GoogleService
from sandbox.google_face import face, localized
from sandbox.google_state import kinds
from sandbox.phone_records import Kind
from sandbox.phone_web import WebServiceError
from sandbox.pkpass import BadPass
from tests.sandbox.google_client import CLASS_ID, OBJECT_ID, key_file, words
from tests.sandbox.google_shop import PNG, Shop, both, open_shop


@pytest.fixture
async def shop(google: GoogleService) -> AsyncIterator[Shop]:
    async with open_shop(google) as made:
        yield made


@pytest.fixture
async def slept() -> list[float]:
    return []


@pytest.fixture
async def phone(google: GoogleService, slept: list[float]) -> AsyncIterator[AndroidPhone]:
    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with aiohttp.ClientSession() as session:
        made = AndroidPhone(session, google, name="1", sleep=sleep)
        yield made
        await made.close()


def change(google: GoogleService, **changes: Any) -> None:
    google.wallet.patch(kinds()["loyaltyObject"], OBJECT_ID, changes, google.now())


def points(number: int) -> dict[str, Any]:
    return {"loyaltyPoints": {"balance": {"int": number}}}


async def test_a_link_leads_to_a_saved_pass_with_its_face_and_pictures(
    google: GoogleService, shop: Shop, phone: AndroidPhone
):
    held = await phone.install(f"{shop.url}/i/abc")
    assert "Android" in shop.agents[0]
    assert google.wallet.find(OBJECT_ID).holders == {phone.account}
    assert held.serial_number == "card-1"
    assert [[(item.label, item.text) for item in row] for row in held.face.rows] == [
        [("Points", "120"), ("Tier", "Gold")]
    ]
    assert (held.face.issuer, held.face.title) == ("Coffee", "Coffee club")
    assert (held.face.background, held.face.foreground) == ("#3a2a1e", "#ffffff")
    assert held.face.barcode.message == "1"
    assert held.face.barcode.picture.exact
    assert held.pictures == {"logo": PNG}
    assert [event.kind for event in phone.events] == [Kind.FAILED, Kind.INSTALLED]
    assert [(item.label, item.text) for item in held.face.details] == [("Name", "Anna")]
    await google.callbacks.settled()
    assert [(one.event, one.status) for one in google.callbacks.sent] == [("save", 200)]


async def test_a_page_that_asks_for_patience_is_waited_for_and_not_for_ever(
    shop: Shop, phone: AndroidPhone, slept: list[float]
):
    shop.waits = 2
    await phone.install(f"{shop.url}/i/abc")
    assert slept == [4.0, 4.0]
    shop.waits = 1000
    with pytest.raises(BadPass, match="for ever"):
        await phone.install(f"{shop.url}/i/abc")


async def test_a_page_without_a_button_and_a_link_of_somebody_else_are_no_pass(
    google: GoogleService, shop: Shop, phone: AndroidPhone
):
    shop.has_button = False
    with pytest.raises(BadPass, match="no button"):
        await phone.install(f"{shop.url}/i/abc")
    with pytest.raises(BadPass, match="404"):
        await phone.install(f"{shop.url}/i/nothing")
    shop.has_button, shop.key = True, key_file(google)
    with pytest.raises(BadPass, match="something went wrong"):
        await phone.install(f"{shop.url}/i/abc")
    assert phone.cards == {}


async def test_a_change_shows_silently_and_an_ordered_one_rings_in_googles_words(
    google: GoogleService, shop: Shop, phone: AndroidPhone
):
    held = await phone.install(f"{shop.url}/i/abc")
    change(google, **points(150))
    await phone.settled()
    assert held.text("loyaltyPoints.balance") == "150"
    assert not phone.notifications
    change(google, **points(200), notifyPreference="NOTIFY_ON_UPDATE")
    await phone.settled()
    assert held.text("loyaltyPoints.balance") == "200"
    assert [(one.organization_name, one.text, one.generic) for one in phone.notifications] == [
        ("Coffee", "Your pass was updated", True)
    ]
    assert phone.notifications[-1].fields == ("object.loyaltyPoints.balance",)
    assert [event.kind for event in phone.events][-2:] == [Kind.SILENT, Kind.SHOWN]


async def test_messages_of_the_object_and_of_the_class_reach_the_holder(
    google: GoogleService, shop: Shop, phone: AndroidPhone
):
    held = await phone.install(f"{shop.url}/i/abc")
    phone.set_language("ru")
    loud = {"id": "n", "localizedHeader": both("News", "Новости"), "body": "x", "messageType": "TEXT_AND_NOTIFY"}
    quiet = loud | {"id": "q", "messageType": "TEXT"}
    google.wallet.add_message(kinds()["loyaltyClass"], CLASS_ID, loud, google.now())
    google.wallet.add_message(kinds()["loyaltyObject"], OBJECT_ID, quiet, google.now())
    await phone.settled()
    assert [one.text for one in phone.notifications] == ["Новое сообщение о вашей карте"]
    assert [(message.id, message.header) for message in held.face.messages] == [("q", "Новости"), ("n", "Новости")]
    assert phone.notifications[0].organization_name == "Кофе"


async def test_a_deleted_pass_is_told_and_hears_no_more(google: GoogleService, shop: Shop, phone: AndroidPhone):
    held = await phone.install(f"{shop.url}/i/abc")
    await phone.remove(held.serial_number)
    change(google, **points(1), notifyPreference="NOTIFY_ON_UPDATE")
    await phone.settled()
    await google.callbacks.settled()
    assert phone.cards == {}
    assert not phone.notifications
    assert [one.event for one in google.callbacks.sent] == ["save", "del"]
    await phone.install(f"{shop.url}/i/abc")
    assert phone.cards[OBJECT_ID].text("loyaltyPoints.balance") == "1"


async def test_an_offline_phone_has_the_newest_state_when_it_is_back(
    google: GoogleService, shop: Shop, phone: AndroidPhone
):
    held = await phone.install(f"{shop.url}/i/abc")
    phone.go_offline()
    for number in (1, 2):
        change(google, **points(number), notifyPreference="NOTIFY_ON_UPDATE")
    await phone.settled()
    assert held.text("loyaltyPoints.balance") == "120"
    with pytest.raises(WebServiceError):
        await phone.remove(held.serial_number)
    await phone.go_online()
    assert held.text("loyaltyPoints.balance") == "2"
    assert len(phone.notifications) == 1


async def test_a_picture_is_fetched_again_when_its_address_changes(
    google: GoogleService, shop: Shop, phone: AndroidPhone
):
    held = await phone.install(f"{shop.url}/i/abc")
    body = {"heroImage": {"sourceUri": {"uri": f"{shop.url}/logo.png"}}, "reviewStatus": "UNDER_REVIEW"}
    google.wallet.patch(kinds()["loyaltyClass"], CLASS_ID, body, google.now())
    await phone.settled()
    assert held.pictures == {"logo": PNG, "hero": PNG}


async def test_a_card_s_own_hero_is_shown_before_the_one_that_all_share(
    google: GoogleService, shop: Shop, phone: AndroidPhone
):
    held = await phone.install(f"{shop.url}/i/abc")
    shared, own = f"{shop.url}/logo.png", f"{shop.url}/logo.png?stamps=4"
    body = {"heroImage": {"sourceUri": {"uri": shared}}, "reviewStatus": "UNDER_REVIEW"}
    google.wallet.patch(kinds()["loyaltyClass"], CLASS_ID, body, google.now())
    shown = []
    for hero in ({"sourceUri": {"uri": own}}, None):
        change(google, heroImage=hero)
        await phone.settled()
        shown.append((held.face.pictures["hero"], held.pictures["hero"]))
    assert shown == [(own, PNG), (shared, PNG)]


def event_ticket(**of_class: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    class_ = {"id": CLASS_ID, "issuerName": "Hall", "eventName": both("Concert", "Концерт")} | of_class
    object_ = {
        "id": OBJECT_ID,
        "classId": CLASS_ID,
        "state": "ACTIVE",
        "seatInfo": {"seat": words("7"), "row": words("B")},
    }
    return class_, object_


def test_without_a_template_a_type_has_its_usual_rows():
    class_, object_ = event_ticket(dateTime={"start": {"date": "2026-12-01T18:30:00"}}, venue={"name": words("Hall 1")})
    drawn = face("eventTicket", class_, object_, "ru", "Europe/Moscow")
    assert drawn.title == "Концерт"
    assert [[item.text for item in row] for row in drawn.rows] == [["Hall 1", "1 дек. 2026\u202fг., 18:30"], ["B", "7"]]
    assert [item.label for item in drawn.rows[1]] == ["Ряд", "Место"]


def test_an_offset_is_shown_in_the_phones_own_zone():
    class_, object_ = event_ticket(dateTime={"start": {"date": "2026-12-01T18:30:00Z"}})
    drawn = face("eventTicket", class_, object_, "en", "Europe/Moscow")
    assert "9:30" in drawn.rows[0][0].text


def test_two_values_of_an_item_stand_with_a_slash_and_the_first_field_that_says_something_is_taken():
    item = {
        "firstValue": {"fields": [{"fieldPath": "object.seatInfo.gate"}, {"fieldPath": "object.seatInfo.row"}]},
        "secondValue": {"fields": [{"fieldPath": "object.seatInfo.seat"}]},
    }
    rows = {"cardTemplateOverride": {"cardRowTemplateInfos": [{"oneItem": {"item": item}}]}}
    class_, object_ = event_ticket(classTemplateInfo=rows)
    drawn = face("eventTicket", class_, object_, "en", "UTC")
    assert [(found.label, found.text) for found in drawn.rows[0]] == [("Row / Seat", "B / 7")]
    assert drawn.details == ()


def test_money_is_in_millionths_whatever_the_currency():
    object_ = {"id": OBJECT_ID, "cardNumber": "1", "balance": {"micros": "34560000", "currencyCode": "USD"}}
    drawn = face("giftCard", {"id": CLASS_ID, "issuerName": "Shop"}, object_, "en", "UTC")
    assert drawn.rows[0][0].text == "$34.56"


def test_a_language_that_is_not_translated_is_the_default_one():
    assert localized(both("Tier", "Уровень"), "de") == "Tier"
    assert localized(both("Tier", "Уровень"), "ru-RU") == "Уровень"


def test_links_and_modules_that_no_row_shows_are_details():
    class_ = {"id": CLASS_ID, "textModulesData": [{"id": "hours", "header": "Open", "body": "8–22"}]}
    links = {"uris": [{"id": "book", "uri": "https://example.com/book", "description": "Book"}]}
    object_ = {"id": OBJECT_ID, "cardTitle": words("Gym"), "header": words("Anna"), "linksModuleData": links}
    drawn = face("generic", class_, object_, "en", "UTC")
    assert [(item.label, item.text) for item in drawn.details] == [("Open", "8–22"), ("", "Book")]
    assert drawn.details[1].spans[0].link == "https://example.com/book"
    assert (drawn.issuer, drawn.title) == ("Gym", "Anna")
