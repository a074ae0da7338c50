"""Google's own client library finds in the stand-in the Wallet API that it knows."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from googleapiclient.discovery import Resource

from sandbox.google import GoogleService
from sandbox.google_faults import Fault, Trouble
from sandbox.google_methods import methods
from sandbox.google_schema import document, problems
from sandbox.google_state import kinds
from tests.sandbox.google_client import (
    CLASS_ID,
    EMAIL,
    ISSUER,
    OBJECT_ID,
    client,
    in_thread,
    key_file,
    loyalty_class,
    loyalty_object,
    refused,
    words,
)

MESSAGE = {"header": "News", "body": "Free espresso", "id": "n1"}


@pytest.fixture
async def key(google: GoogleService) -> dict[str, str]:
    file = key_file(google)
    google.enlist(file, ISSUER, "Coffee")
    return file


@pytest.fixture
async def api(google: GoogleService, key: dict[str, str]) -> AsyncIterator[Resource]:
    with client(google, key) as made:
        yield made


@pytest.fixture
async def filled(api: Resource) -> Resource:
    """With one class and one object."""
    await in_thread(api.loyaltyclass().insert(body=loyalty_class()).execute)
    await in_thread(api.loyaltyobject().insert(body=loyalty_object()).execute)
    return api


def every_method() -> list[tuple[str, dict[str, Any]]]:
    found = []

    def walk(resource: dict[str, Any]) -> None:
        found.extend((method["id"], method) for method in resource.get("methods", {}).values())
        for inner in resource.get("resources", {}).values():
            walk(inner)

    walk(dict(document()))
    return found


def test_there_are_as_many_methods_as_google_has():
    assert len(every_method()) == 99
    assert len({method.id for method in methods()}) == 99
    assert len(kinds()) == 14


async def test_every_method_of_the_document_has_a_route_that_the_client_reaches(google: GoogleService, api: Resource):
    google.faults.add(Fault(Trouble.ANSWER, status=503, reason="drill"))
    seen = []
    for method_id, method in every_method():
        names = method_id.split(".")[1:]
        place = api
        for name in names[:-1]:
            place = getattr(place, name)()
        values = {name: f"{ISSUER}.x" for name, given in method.get("parameters", {}).items() if given.get("required")}
        if "request" in method:
            values["body"] = {}
        status, reason, _ = await refused(getattr(place, names[-1])(**values).execute)
        assert (status, reason) == (503, "drill"), method_id
        seen.append(f"walletobjects.{google.requests[-1].method}")
    assert sorted(seen) == sorted(method_id for method_id, _ in every_method())


async def test_what_is_inserted_is_got_and_a_second_insert_conflicts(filled: Resource):
    got = await in_thread(filled.loyaltyobject().get(resourceId=OBJECT_ID).execute)
    assert got == loyalty_object() | {"hasUsers": False}
    status, reason, body = await refused(filled.loyaltyobject().insert(body=loyalty_object()).execute)
    assert (status, reason) == (409, "existingResource")
    assert body["errors"][0]["domain"] == "walletobjects"
    assert (body["code"], body["status"]) == (409, "ALREADY_EXISTS")
    assert (await refused(filled.loyaltyclass().insert(body=loyalty_class()).execute))[0] == 409


async def test_what_is_not_there_is_404_by_the_reasons_of_googles_samples(filled: Resource):
    ghost = f"{ISSUER}.ghost"
    assert (await refused(filled.loyaltyclass().get(resourceId=ghost).execute))[:2] == (404, "classNotFound")
    assert (await refused(filled.loyaltyobject().get(resourceId=ghost).execute))[:2] == (404, "resourceNotFound")
    patch = filled.loyaltyobject().patch(resourceId=ghost, body={"state": "EXPIRED"})
    assert (await refused(patch.execute))[:2] == (404, "resourceNotFound")
    wrong_kind = filled.offerobject().get(resourceId=OBJECT_ID)
    assert (await refused(wrong_kind.execute))[0] == 404
    orphan = loyalty_object(id=f"{ISSUER}.orphan", classId=ghost)
    assert (await refused(filled.loyaltyobject().insert(body=orphan).execute))[:2] == (404, "classNotFound")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"hexBackgroundColor": "#ffffff"}, r'Unknown name "hexBackgroundColor": Cannot find field'),
        ({"loyaltyPoints": {"balance": {"micros": 1}}}, r"Unknown name \"micros\" at 'loyaltyPoints.balance'"),
        ({"state": "VOIDED"}, r"Invalid value at 'state'"),
        ({"id": "no-issuer"}, r"Invalid resource ID: no-issuer"),
        ({"id": f"{ISSUER}.a b"}, r"Invalid resource ID"),
        ({"loyaltyPoints": {"balance": {"int": 1, "string": "1"}}}, r"exactly one of"),
        ({"loyaltyPoints": {"label": "Points"}}, r"balance must be set"),
        ({"merchantLocations": [{"latitude": 1.0, "longitude": 2.0}] * 11}, r"at most 10"),
        ({"merchantLocations": [{"latitude": 91.0, "longitude": 2.0}]}, r"latitude is from -90 to 90"),
        ({"messages": [MESSAGE] * 11}, r"at most 10"),
        ({"heroImage": {"contentDescription": {}}}, r"exactly one of sourceUri, privateImageId"),
        ({"textModulesData": [{"id": "a.b", "body": "x"}]}, r"letters, digits"),
        ({"validTimeInterval": {"start": {"date": "2026-01-01"}, "end": {"date": "2026-01-01T10:00Z"}}}, r"offset"),
        ({"validTimeInterval": {"end": {"date": "tomorrow"}}}, r"ISO 8601"),
        ({"rotatingBarcode": {"type": "AZTEC", "valuePattern": "x"}}, r"PDF_417 or QR_CODE"),
        ({"valueAddedModuleData": [{"header": words("x")}]}, r"uri must be set"),
        ({"linkedOfferIds": [f"{ISSUER}.no-offer"]}, r"not found"),
    ],
)
async def test_a_bad_object_is_refused_with_a_sentence(filled: Resource, wrong: dict, said: str):
    status, _, body = await refused(
        filled.loyaltyobject().insert(body=loyalty_object(id=f"{ISSUER}.b") | wrong).execute
    )
    assert status in (400, 404)
    assert re.search(said, body["message"])


async def test_a_missing_field_is_missed_in_an_insert(api: Resource):
    body = loyalty_class()
    del body["programLogo"]
    status, _, error = await refused(api.loyaltyclass().insert(body=body).execute)
    assert status == 400
    assert "programLogo" in error["message"]


ROW = {"oneItem": {"item": {"firstValue": {"fields": [{"fieldPath": "object.accountName"}]}}}}


@pytest.mark.parametrize(
    "template",
    [
        {"cardTemplateOverride": {"cardRowTemplateInfos": [ROW] * 4}},
        {"cardTemplateOverride": {"cardRowTemplateInfos": [{}]}},
        {"cardTemplateOverride": {"cardRowTemplateInfos": [{"oneItem": {"item": {}}}]}},
    ],
)
async def test_a_class_has_three_rows_of_real_items(api: Resource, template: dict):
    good = {"cardTemplateOverride": {"cardRowTemplateInfos": [ROW] * 3}}
    body = loyalty_class(classTemplateInfo=template)
    assert (await refused(api.loyaltyclass().insert(body=body).execute))[0] == 400
    await in_thread(api.loyaltyclass().insert(body=loyalty_class(classTemplateInfo=good)).execute)


async def test_a_patch_merges_objects_replaces_arrays_and_clears_what_is_null(filled: Resource):
    objects = filled.loyaltyobject()
    first = {"textModulesData": [{"id": "a", "body": "1"}, {"id": "b", "body": "2"}], "accountId": "7"}
    await in_thread(objects.patch(resourceId=OBJECT_ID, body=first).execute)
    second = {"textModulesData": [{"id": "c", "body": "3"}], "accountId": None, "loyaltyPoints": {"label": "Beans"}}
    patched = await in_thread(objects.patch(resourceId=OBJECT_ID, body=second).execute)
    assert patched["textModulesData"] == [{"id": "c", "body": "3"}]
    assert "accountId" not in patched
    assert patched["loyaltyPoints"] == {"label": "Beans", "balance": {"int": 120}}
    assert patched["accountName"] == "Anna"
    status, _, _ = await refused(objects.patch(resourceId=OBJECT_ID, body={"state": None}).execute)
    assert status == 400


async def test_a_put_clears_what_is_not_sent(filled: Resource):
    body = {"classId": CLASS_ID, "state": "ACTIVE", "accountName": "Boris"}
    updated = await in_thread(filled.loyaltyobject().update(resourceId=OBJECT_ID, body=body).execute)
    assert updated == {"id": OBJECT_ID, "hasUsers": False} | body


async def test_a_class_under_review_is_approved_and_has_to_be_sent_so_again(filled: Resource):
    classes = filled.loyaltyclass()
    assert (await in_thread(classes.get(resourceId=CLASS_ID).execute))["reviewStatus"] == "APPROVED"
    for body in ({"programName": "Beans"}, {"reviewStatus": "APPROVED"}, {"reviewStatus": "DRAFT"}):
        status, _, error = await refused(classes.patch(resourceId=CLASS_ID, body=body).execute)
        assert status == 400
        assert "review status" in error["message"]
    good = {"programName": "Beans", "reviewStatus": "UNDER_REVIEW"}
    patched = await in_thread(classes.patch(resourceId=CLASS_ID, body=good).execute)
    assert (patched["programName"], patched["reviewStatus"]) == ("Beans", "APPROVED")


async def test_a_draft_has_no_objects(api: Resource):
    await in_thread(api.loyaltyclass().insert(body=loyalty_class(reviewStatus="DRAFT")).execute)
    status, _, error = await refused(api.loyaltyobject().insert(body=loyalty_object()).execute)
    assert status == 400
    assert "draft" in error["message"]


async def test_a_generic_class_has_no_review(api: Resource):
    await in_thread(api.genericclass().insert(body={"id": CLASS_ID}).execute)
    body = {"id": OBJECT_ID, "classId": CLASS_ID, "cardTitle": words("Gym"), "header": words("Anna")}
    await in_thread(api.genericobject().insert(body=body).execute)
    patch = api.genericclass().patch(resourceId=CLASS_ID, body={"reviewStatus": "UNDER_REVIEW"})
    assert (await refused(patch.execute))[0] == 400


async def test_lists_go_by_issuer_or_class_in_pages(filled: Resource):
    await in_thread(filled.loyaltyobject().insert(body=loyalty_object(id=f"{ISSUER}.card-2")).execute)
    first = await in_thread(filled.loyaltyobject().list(classId=CLASS_ID, maxResults=1).execute)
    token = first["pagination"]["nextPageToken"]
    second = await in_thread(filled.loyaltyobject().list(classId=CLASS_ID, maxResults=1, token=token).execute)
    assert [one["id"] for one in first["resources"] + second["resources"]] == [OBJECT_ID, f"{ISSUER}.card-2"]
    assert "nextPageToken" not in second["pagination"]
    assert problems("LoyaltyObjectListResponse", second) == []
    classes = await in_thread(filled.loyaltyclass().list(issuerId=ISSUER).execute)
    assert [one["id"] for one in classes["resources"]] == [CLASS_ID]


async def test_a_message_is_added_and_three_ring_in_a_day(google: GoogleService, filled: Resource):
    objects = filled.loyaltyobject()
    silent = {"message": MESSAGE | {"messageType": "TEXT"}}
    loud = {"message": MESSAGE | {"messageType": "TEXT_AND_NOTIFY"}}
    added = await in_thread(objects.addmessage(resourceId=OBJECT_ID, body=silent).execute)
    assert added["resource"]["messages"] == [silent["message"]]
    assert problems("LoyaltyObjectAddMessageResponse", added) == []
    for _ in range(3):
        await in_thread(objects.addmessage(resourceId=OBJECT_ID, body=loud).execute)
    status, reason, error = await refused(objects.addmessage(resourceId=OBJECT_ID, body=loud).execute)
    assert (status, reason) == (403, "quotaExceeded")
    assert ISSUER in error["message"]
    await in_thread(objects.addmessage(resourceId=OBJECT_ID, body=silent).execute)
    google.advance(24 * 3600)
    await in_thread(objects.addmessage(resourceId=OBJECT_ID, body=loud).execute)
    class_loud = filled.loyaltyclass().addmessage(resourceId=CLASS_ID, body=loud)
    assert (await in_thread(class_loud.execute))["resource"]["messages"] == [loud["message"]]


async def test_an_eleventh_message_is_refused_until_the_old_ones_are_patched_away(filled: Resource):
    objects = filled.loyaltyobject()
    for number in range(10):
        body = {"message": MESSAGE | {"id": f"n{number}"}}
        await in_thread(objects.addmessage(resourceId=OBJECT_ID, body=body).execute)
    assert (await refused(objects.addmessage(resourceId=OBJECT_ID, body={"message": MESSAGE}).execute))[0] == 400
    await in_thread(objects.patch(resourceId=OBJECT_ID, body={"messages": []}).execute)
    await in_thread(objects.addmessage(resourceId=OBJECT_ID, body={"message": MESSAGE}).execute)


def points(number: int, **more: Any) -> dict[str, Any]:
    return {"loyaltyPoints": {"balance": {"int": number}}} | more


async def test_notify_on_update_is_for_one_request_and_three_ring_in_a_day(google: GoogleService, filled: Resource):
    told = []
    google.wallet.listen(OBJECT_ID, told.append)
    objects = filled.loyaltyobject()
    loud = {"notifyPreference": "NOTIFY_ON_UPDATE"}
    patched = await in_thread(objects.patch(resourceId=OBJECT_ID, body=points(1, **loud)).execute)
    assert "notifyPreference" not in patched
    await in_thread(objects.patch(resourceId=OBJECT_ID, body=points(2)).execute)
    await in_thread(objects.patch(resourceId=OBJECT_ID, body={"accountName": "Boris", **loud}).execute)
    assert [one.notification for one in told] == ["update", "", ""]
    for number in (3, 4):
        await in_thread(objects.patch(resourceId=OBJECT_ID, body=points(number, **loud)).execute)
    status, reason, _ = await refused(objects.patch(resourceId=OBJECT_ID, body=points(5, **loud)).execute)
    assert (status, reason) == (403, "quotaExceeded")
    kept = await in_thread(objects.get(resourceId=OBJECT_ID).execute)
    assert kept["loyaltyPoints"]["balance"] == {"int": 4}
    await in_thread(objects.patch(resourceId=OBJECT_ID, body=points(5)).execute)
    google.advance(24 * 3600)
    await in_thread(objects.patch(resourceId=OBJECT_ID, body=points(6, **loud)).execute)


async def test_more_than_twenty_requests_in_a_second_are_too_many_for_an_issuer(
    google: GoogleService, filled: Resource
):
    google.rates.rate = 20
    get = filled.loyaltyobject().get(resourceId=OBJECT_ID)
    reasons = []
    for _ in range(40):
        try:
            await in_thread(get.execute)
        except Exception as error:
            reasons.append(json.loads(error.content)["error"])
            break
    assert [error["code"] for error in reasons] == [429]
    assert reasons[0]["status"] == "RESOURCE_EXHAUSTED"
    google.advance(1)
    await in_thread(get.execute)


async def test_the_echo_can_be_that_of_old_times(google: GoogleService, filled: Resource):
    google.legacy_echo = True
    got = await in_thread(filled.loyaltyobject().get(resourceId=OBJECT_ID).execute)
    assert got["state"] == "active"
    assert got["barcode"]["type"] == "qrCode"
    assert got["kind"] == "walletobjects#loyaltyObject"
    assert problems("LoyaltyObject", got) == []
    assert (await in_thread(filled.loyaltyclass().get(resourceId=CLASS_ID).execute))["reviewStatus"] == "approved"


async def test_an_account_that_the_console_does_not_list_may_do_nothing(google: GoogleService, filled: Resource):
    stranger = key_file(google, "stranger@elsewhere.iam.gserviceaccount.com")
    google.accounts.trust(stranger)
    with client(google, stranger) as other:
        status, reason, _ = await refused(other.loyaltyobject().get(resourceId=OBJECT_ID).execute)
    assert (status, reason) == (403, "permissionDenied")
    foreign = filled.loyaltyclass().insert(body=loyalty_class(id="999.coffee"))
    assert (await refused(foreign.execute))[:2] == (403, "permissionDenied")


async def test_the_other_resources_answer_too(google: GoogleService, filled: Resource):
    mine = await in_thread(filled.issuer().get(resourceId=ISSUER).execute)
    assert mine == {"issuerId": ISSUER, "name": "Coffee"}
    made = await in_thread(filled.issuer().insert(body={"name": "New"}).execute)
    changed = await in_thread(filled.issuer().patch(resourceId=made["issuerId"], body={"name": "Newer"}).execute)
    assert changed["name"] == "Newer"
    listed = await in_thread(filled.issuer().list().execute)
    assert {one["issuerId"] for one in listed["resources"]} == {ISSUER, made["issuerId"]}
    permissions = await in_thread(filled.permissions().get(resourceId=ISSUER).execute)
    assert permissions["permissions"] == [{"emailAddress": EMAIL, "role": "WRITER"}]
    assert await in_thread(filled.smarttap().insert(body={"merchantId": "1"}).execute) == {"merchantId": "1"}
    for method in ("get", "update"):
        more = {"body": permissions} if method == "update" else {}
        assert await in_thread(getattr(filled.permissions(), method)(resourceId=ISSUER, **more).execute) == permissions


async def test_linked_offers_are_added_and_removed(filled: Resource):
    offer_class = {
        "id": f"{ISSUER}.offers",
        "issuerName": "Coffee",
        "provider": "Coffee",
        "title": "Cup",
        "redemptionChannel": "INSTORE",
        "reviewStatus": "UNDER_REVIEW",
    }
    await in_thread(filled.offerclass().insert(body=offer_class).execute)
    offer = {"id": f"{ISSUER}.cup", "classId": f"{ISSUER}.offers", "state": "ACTIVE"}
    await in_thread(filled.offerobject().insert(body=offer).execute)
    modify = filled.loyaltyobject().modifylinkedofferobjects
    added = {"linkedOfferObjectIds": {"addLinkedOfferObjectIds": [offer["id"]]}}
    assert (await in_thread(modify(resourceId=OBJECT_ID, body=added).execute))["linkedOfferIds"] == [offer["id"]]
    removed = {"linkedOfferObjectIds": {"removeLinkedOfferObjectIds": [offer["id"]]}}
    assert (await in_thread(modify(resourceId=OBJECT_ID, body=removed).execute))["linkedOfferIds"] == []
