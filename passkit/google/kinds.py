"""What each of Google's types has of its own: the fields with a name, from hints or from what a template looks like.

Every field that gets a named place here (points, a holder's name, a seat) is no text module. Required fields always get a value
(reference/rest/v1/{loyaltyclass,offerclass,...}: "Required.").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from passkit.apple import values as apple
from passkit.apple.values import ABSENT
from passkit.google.datatypes import Speaker, balance, is_empty, money
from passkit.google.plan import Body, Builder, Field, Home, Part, Plan, Source
from passkit.google.types import GoogleType
from passkit.model import Brand
from passkit.money import Money
from passkit.schema import Template

_LONE_NAME = re.compile(r"\s*\{\{\s*([a-z][a-z0-9_]*)\s*\}\}\s*")
_COUNTED = frozenset({"integer", "decimal", "money"})
TRANSIT_TYPES = {"bus": "BUS", "train": "RAIL", "boat": "FERRY", "generic": "OTHER", "air": "OTHER"}


def plan_of(template: Template, brand: Brand) -> Plan:
    """The compiled plan; ``plan.leaves.problems`` tells what does not work."""
    builder = Builder(template, brand)
    if builder.plan.type is not GoogleType.GENERIC:
        _issuer(builder)
    _KINDS[builder.plan.type](builder)
    return builder.shared()


def _issuer(b: Builder) -> None:
    name = b.leaves.text("/organization_name", b.template.organization_name)
    name = name if b.home(name) is Home.CLASS else b.leaves.text("", b.brand.name)

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        body["reviewStatus"] = "UNDER_REVIEW"
        speak.twin(body, "issuerName", values[name])
        body.setdefault("issuerName", b.brand.name or b.brand.key)

    b.on_class(part)


def _loyalty(b: Builder) -> None:
    title = b.title(b.literal("/logo_text", b.template.logo_text))
    b.on_class(_twin("programName", title))
    _account(b, name="accountName", number="accountId", labels=("accountNameLabel", "accountIdLabel"))
    first = b.hint("points") or _counted(b)
    _points(b, "loyaltyPoints", first)
    second = b.hint("secondary_points") or (_counted(b) if b.hints.secondary_points is None else None)
    _points(b, "secondaryLoyaltyPoints", second)


def _points(b: Builder, key: str, source: Source | None) -> None:
    if source is None:
        return
    if source.field:
        b.take(source.field, f"object.{key}.balance")
    raw = _typed(b, source)

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        if source.when is not None and not values[source.when]:
            return
        text = speak.plain(values[source.text])
        found = balance(text if raw is None else values[raw], text, source.currency)
        if found is not None:
            made: Body = {}
            if source.label is not None:
                speak.twin(made, "label", values[source.label])
            body[key] = {**made, "balance": found}

    b.on_object(part)


def _typed(b: Builder, source: Source) -> int | None:
    """The value with its type, where the field is not shown in a way that Google's number could not be."""
    field = source.field.template if source.field else None
    if field and field.format not in (None, "number", "money"):
        return None
    return b.raw(source)


def _counted(b: Builder) -> Source | None:
    """The first field of the front that counts something, which a change may ring for."""
    for one in b.front():
        source = b.of_field(one)
        counts = b.leaves.kind(b.raw(source)).rstrip("?") in _COUNTED
        if counts and one.home is Home.OBJECT and one.template.format in (None, "number", "money"):
            return source
    return None


def _holder(b: Builder) -> Source | None:
    """``google.account_name``, else the first field that is a personal text and nothing else."""
    if b.hints.account_name is not None:
        return b.hint("account_name")
    for one in b.plan.fields:
        found = _LONE_NAME.fullmatch(str(one.template.value))
        variable = b.template.variables.get(found[1]) if found else None
        if variable and variable.personal and variable.type == "text" and one.home is Home.OBJECT:
            return b.of_field(one) if one.id not in b.taken else None
    return None


def _number(b: Builder) -> Source:
    """``google.account_id``, else the card's number."""
    found = b.hint("account_id", "card.number") or b.source("card.number", "/google/account_id")
    if found is None:
        raise AssertionError("card.number is always known")
    return found


def _account(b: Builder, *, name: str, number: str, labels: tuple[str, str] = ("", "")) -> None:
    for key, label, source in ((name, labels[0], _holder(b)), (number, labels[1], _number(b))):
        if source is None:
            continue
        if source.field:
            b.take(source.field, f"object.{key}")
        b.on_object(_worded(key, source))
        if label and source.label is not None and b.home(source.label) is Home.CLASS:
            b.on_class(_twin(label, source.label))


def _offer(b: Builder) -> None:
    primary = next((one for one in b.front() if one.zone == "primary"), None)
    named = b.literal("/logo_text", b.template.logo_text)
    b.on_class(_twin("title", b.title(b.of_field(primary) if primary else None, named)))
    short = b.still(b.hint("subtitle"))
    if short:
        b.on_class(_twin("shortTitle", short.text))
        if short.field:
            b.take(short.field)
    name = b.still(b.literal("/organization_name", b.template.organization_name))
    channel = b.hints.channel.upper()

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        body["redemptionChannel"] = channel
        if name:
            speak.twin(body, "provider", values[name.text])
        body.setdefault("provider", b.brand.name or b.brand.key)

    b.on_class(part)


def _gift_card(b: Builder) -> None:
    b.on_class(_twin("merchantName", b.title(b.literal("/logo_text", b.template.logo_text))))
    number = _number(b)
    if number.field:
        b.take(number.field, "object.cardNumber")
    b.on_object(_worded("cardNumber", number, otherwise=b.source("card.number", "/google/account_id")))
    if number.label is not None and b.home(number.label) is Home.CLASS:
        b.on_class(_twin("cardNumberLabel", number.label))
    if b.template.barcode or b.hints.rotating_barcode:
        b.on_class(lambda body, values, speak: body.update(allowBarcodeRedemption=True))
    for hint, key, label in (("pin", "pin", "pinLabel"), ("event_number", "eventNumber", "eventNumberLabel")):
        if source := b.hint(hint, b.field_called(hint)):
            if source.field:
                b.take(source.field, f"object.{key}")
            b.on_object(_worded(key, source))
            if source.label is not None and b.home(source.label) is Home.CLASS:
                b.on_class(_twin(label, source.label))
    source = b.hint("points") or _monies(b)
    if source and (source.currency or b.leaves.kind(b.raw(source)).rstrip("?") == "money"):
        if source.field:
            b.take(source.field, "object.balance")
        b.on_object(_money("balance", source, b.raw(source)))


def _monies(b: Builder) -> Source | None:
    for one in b.front():
        source = b.of_field(one)
        if b.leaves.kind(b.raw(source)).rstrip("?") == "money":
            return source
    return None


def _event(b: Builder) -> None:
    semantics = b.template.semantics or {}
    primary = next((one for one in b.front() if one.zone == "primary" and one.home is Home.CLASS), None)
    title = b.title(
        b.literal("/semantics/eventName", _said(semantics, "eventName")),
        b.literal("/event_logo_text", b.template.event_logo_text),
        b.of_field(primary) if primary else None,
        b.literal("/logo_text", b.template.logo_text),
    )
    b.on_class(_localized("eventName", title))
    _venue(b, semantics)
    _event_times(b, semantics)
    _account(b, name="ticketHolderName", number="ticketNumber")
    seat = {key: found for key in ("seat", "row", "section", "gate") if (found := _named(b, key, "object.seatInfo"))}
    if seat:
        b.on_object(_group("seatInfo", {key: _localized(key, one.text) for key, one in seat.items()}, seat))
    if kind := _named(b, "ticket_type", "object", "ticketType"):
        b.on_object(_group(None, {"ticketType": _localized("ticketType", kind.text)}, {"ticketType": kind}))
    if code := _named(b, "confirmation_code", "object.reservationInfo", "confirmationCode"):
        parts = {"confirmationCode": _worded("confirmationCode", code)}
        b.on_object(_group("reservationInfo", parts, {"confirmationCode": code}))
    if face := b.hint("face_value"):
        if face.field:
            b.take(face.field, "object.faceValue")
        b.on_object(_money("faceValue", face, b.raw(face)))


def _venue(b: Builder, semantics: Mapping[str, Any]) -> None:
    hints = b.hints.event
    name = b.still(
        b.literal("/google/event/venue", hints.venue if hints else None),
        b.literal("/semantics/venueName", _said(semantics, "venueName")),
    )
    address = b.still(
        b.literal("/google/event/address", hints.address if hints else None),
        b.literal("/semantics/venueRegionName", _said(semantics, "venueRegionName")),
    )
    if name and address:
        both = {"name": _localized("name", name.text), "address": _localized("address", address.text)}
        b.on_class(_group("venue", both, {}))


def _event_times(b: Builder, semantics: Mapping[str, Any]) -> None:
    given = b.hints.event
    wanted = (
        ("start", "/google/event/starts", given and given.starts, "eventStartDate"),
        ("end", "/google/event/ends", given and given.ends, "eventEndDate"),
        ("doorsOpen", "/google/event/doors_open", given and given.doors_open, None),
    )
    leaves = {}
    for key, place, text, tag in wanted:
        source = text or (_said(semantics, tag) if tag else None)
        if source:
            leaf = b.leaves.fact(place if text else f"/semantics/{tag}", source, convert=apple.moment_in(b.leaves.zone))
            if b.home(leaf) is Home.CLASS:
                leaves[key] = leaf

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        made = {key: values[leaf] for key, leaf in leaves.items() if values[leaf] not in (ABSENT, "")}
        if made:
            body["dateTime"] = made

    if leaves:
        b.on_class(part)


def _generic(b: Builder) -> None:
    template = b.template
    titles = [
        b.hint("title"),
        b.literal("/logo_text", template.logo_text),
        b.literal("/organization_name", template.organization_name),
    ]
    primary = next((one for one in b.front() if one.zone == "primary"), None)
    header = b.hint("header") or (b.of_field(primary) if primary else None)
    subtitle = b.hint("subtitle")
    for source in (titles[0], header, subtitle):
        if source and source.field:
            b.take(source.field)
    below = subtitle.text if subtitle else header.label if header else None
    names = [b.literal("/description", template.description), b.literal("/name", template.name)]
    _required(b, "cardTitle", titles)
    _required(b, "header", [header, *names], sub=below)
    kind = f"GENERIC_{b.hints.generic_type.upper()}"
    switches = {
        "expiryNotification": b.hints.expiry_notification,
        "upcomingNotification": b.hints.upcoming_notification,
    }
    notifications = {key: {"enableNotification": on} for key, on in switches.items() if on is not None}

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        body["genericType"] = kind
        if notifications:
            body["notifications"] = notifications

    b.on_object(part)


def _required(b: Builder, key: str, sources: Sequence[Source | None], sub: int | None = None) -> None:
    """The first source that says something on this card, and ``subheader`` with it where it is the first of them."""
    rows = [(one.text, one.when) for one in sources if one and one.home in (Home.CLASS, Home.OBJECT)]
    below = sub if sub is not None and b.home(sub) in (Home.CLASS, Home.OBJECT) else None

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        for place, (text, when) in enumerate(rows):
            if (when is None or values[when]) and not is_empty(values[text]):
                body[key] = speak.localized(values[text])
                if place == 0 and below is not None and not is_empty(values[below]):
                    body["subheader"] = speak.localized(values[below])
                return
        body[key] = speak.localized(b.brand.name or b.brand.key)

    b.on_object(part)


def _flight(b: Builder) -> None:
    flight = b.hints.flight
    if flight is None:
        raise AssertionError("the schema lets no flight pass without its number")
    code = "carrierIataCode" if len(flight.carrier) == 2 else "carrierIcaoCode"
    origin = {"airportIataCode": flight.origin, "terminal": flight.terminal, "gate": flight.gate}
    made: Body = {
        "flightHeader": {"carrier": {code: flight.carrier}, "flightNumber": flight.number},
        "origin": {key: value for key, value in origin.items() if value},
        "destination": {"airportIataCode": flight.destination},
        "localScheduledDepartureDateTime": flight.departs,
    }
    times = {"localScheduledArrivalDateTime": flight.arrives, "localBoardingDateTime": flight.boards}
    made |= {key: value for key, value in times.items() if value}
    b.on_class(lambda body, values, speak: body.update(made))
    holder = _holder(b)
    if holder and holder.field:
        b.take(holder.field, "object.passengerName")
    number = _number(b)
    b.on_object(_worded("passengerName", holder, otherwise=number) if holder else _worded("passengerName", number))
    booking = _named(b, "confirmation_code", "object.reservationInfo", "confirmationCode") or number
    b.on_object(_group("reservationInfo", {"confirmationCode": _worded("confirmationCode", booking)}, {}, keep=True))
    named = {"seat": "seatNumber", "seat_class": "seatClass", "boarding_group": "boardingGroup"}
    path = "object.boardingAndSeatingInfo"
    found = {key: one for hint, key in named.items() if (one := _named(b, hint, path, key))}
    if found:
        parts = {key: _worded(key, one) for key, one in found.items()}
        b.on_object(_group("boardingAndSeatingInfo", parts, found))


def _transit(b: Builder) -> None:
    kind = TRANSIT_TYPES[b.template.transit_type or "generic"]
    b.on_class(lambda body, values, speak: body.update(transitType=kind))
    trip = b.hints.trip
    way = (trip.type if trip else "one_way").upper()
    b.on_object(lambda body, values, speak: body.update(tripType=way, passengerType="SINGLE_PASSENGER"))
    _account(b, name="passengerNames", number="ticketNumber")
    _leg(b)


def _leg(b: Builder) -> None:
    trip = b.hints.trip
    ends = [one for one in b.front() if one.zone == "primary"]
    both = (ends[0], ends[1]) if len(ends) >= 2 else (None, None)
    origin = _trip(b, "origin", trip.origin if trip else None, both[0])
    destination = _trip(b, "destination", trip.destination if trip else None, both[1])
    parts: dict[str, Part] = {}
    sources: dict[str, Source] = {}
    for key, source in (("originName", origin), ("destinationName", destination)):
        if origin and source:
            parts[key], sources[key] = _localized(key, source.text), source
            if source.field:
                b.take(source.field, f"object.ticketLeg.{key}")
    times = {"departs": "departureDateTime", "arrives": "arrivalDateTime"}
    for hint, key in times.items():
        source = b.source(getattr(trip, hint) if trip else None, f"/google/trip/{hint}")
        if source and source.home in (Home.CLASS, Home.OBJECT):
            parts[key] = _moment(key, b.leaves.fact(source.place, source.value, convert=apple.moment_in(b.leaves.zone)))
    if "departureDateTime" not in parts and (departs := _first_date(b)) is not None:
        parts["departureDateTime"] = _moment("departureDateTime", departs)
    if platform := _trip(b, "platform", trip.platform if trip else None, None):
        parts["platform"], sources["platform"] = _worded("platform", platform), platform
    coach = _trip(b, "coach", trip.coach if trip else None, None)
    if seat := _seat(b, coach):
        parts["ticketSeat"] = seat
    if parts:
        b.on_object(_group("ticketLeg", parts, sources))


def _seat(b: Builder, coach: Source | None) -> Part | None:
    seat = _named(b, "seat", "object.ticketLeg.ticketSeat")
    found = {key: one for key, one in (("coach", coach), ("seat", seat)) if one}
    return _group("ticketSeat", {key: _worded(key, one) for key, one in found.items()}, found) if found else None


def _trip(b: Builder, key: str, hint: str | None, field: Field | None) -> Source | None:
    source = b.source(hint, f"/google/trip/{key}") if hint else b.of_field(field) if field else None
    return source if source and source.home in (Home.CLASS, Home.OBJECT) else None


def _first_date(b: Builder) -> int | None:
    """The first relevant date: a ticket without an expiry needs its departure."""
    for index, entry in enumerate(b.template.relevant_dates[:1]):
        text, key = (entry.date, "date") if entry.date is not None else (entry.start, "start")
        place = f"{b.template.place('relevant_dates', index)}/{key}"
        leaf = b.leaves.fact(place, text or "", convert=apple.moment_in(b.leaves.zone))
        return leaf if b.home(leaf) in (Home.CLASS, Home.OBJECT) else None
    return None


def _named(b: Builder, hint: str, path: str, key: str | None = None) -> Source | None:
    """A hint of one of Google's named fields, or the template's field of that name."""
    source = b.hint(hint, b.field_called(hint))
    if source and source.field:
        if source.field.id in b.taken:
            return None
        b.take(source.field, f"{path}.{key or hint}")
    return source


def _said(semantics: Mapping[str, Any], tag: str) -> str | None:
    text = semantics.get(tag)
    return text if isinstance(text, str) and text else None


def _twin(key: str, leaf: int) -> Part:
    return lambda body, values, speak: speak.twin(body, key, values[leaf])


def _localized(key: str, leaf: int) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        if not is_empty(values[leaf]):
            body[key] = speak.localized(values[leaf])

    return part


def _worded(key: str, source: Source, otherwise: Source | None = None) -> Part:
    """A plain text in the card's language; ``otherwise`` says what stands there when it is empty and required."""

    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        there = source.when is None or values[source.when]
        text = speak.plain(values[source.text]) if there else ""
        if not text and otherwise is not None:
            text = speak.plain(values[otherwise.text])
        if text:
            body[key] = text

    return part


def _moment(key: str, leaf: int) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        if values[leaf] is not ABSENT:
            body[key] = values[leaf]

    return part


def _money(key: str, source: Source, raw: int) -> Part:
    def part(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        value = values[raw]
        code = value.currency if isinstance(value, Money) else source.currency
        if code and isinstance(value, int) and (source.when is None or values[source.when]):
            amount = money(value, code)
            if amount is not None:
                body[key] = amount

    return part


def _group(key: str | None, parts: Mapping[str, Part], sources: Mapping[str, Source], *, keep: bool = False) -> Part:
    """An object of several parts below ``key``; a part whose source's ``when`` says no is left out."""
    rows = [(part, sources[name].when if name in sources else None) for name, part in parts.items()]

    def group(body: Body, values: Sequence[Any], speak: Speaker) -> None:
        made: Body = body if key is None else {}
        for part, when in rows:
            if when is None or values[when]:
                part(made, values, speak)
        if key is not None and (made or keep):
            body[key] = made

    return group


_KINDS: Mapping[GoogleType, Callable[[Builder], None]] = {
    GoogleType.LOYALTY: _loyalty,
    GoogleType.OFFER: _offer,
    GoogleType.GIFT_CARD: _gift_card,
    GoogleType.EVENT_TICKET: _event,
    GoogleType.GENERIC: _generic,
    GoogleType.FLIGHT: _flight,
    GoogleType.TRANSIT: _transit,
}
