"""The parts of template.yaml that make up a pass: fields and their zones, barcodes, places, dates, actions.

Every text may hold expressions (``"{{ points }}"``); where a number or an instant is expected a single expression may
stand instead. ``apple:`` on a field or a barcode takes further keys of Apple's, written as they are. ``google:`` says how the
same card becomes Google's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictFloat,
    StrictInt,
    StringConstraints,
)
from pydantic_core import PydanticCustomError

from passkit.variables import text_problem

MAX_TEXT = 10_000  # characters of one text in a template
MAX_CONSENT = 2_000  # characters of a consent: more is read by nobody, and belongs behind its link

Style = Literal["storeCard", "coupon", "generic", "eventTicket", "boardingPass", "posterGeneric"]
LegacyStyle = Literal["storeCard", "coupon", "generic", "eventTicket", "boardingPass"]
TransitType = Literal["air", "boat", "bus", "generic", "train"]
Format = Literal["text", "number", "percent", "scientific", "spell_out", "money", "date", "time", "datetime"]
DateStyle = Literal["none", "short", "medium", "long", "full"]

IssuerId = Annotated[str, StringConstraints(pattern=r"^[0-9]{5,25}$")]
GenericKind = Literal[
    "season_pass", "utility_bills", "parking_pass", "voucher", "gym_membership", "library_membership", "reservations",
    "auto_insurance", "home_insurance", "entry_ticket", "receipt", "loyalty_card", "business_card", "barcode_pass",
    "membership_card", "student_card", "transit_pass", "vehicle_registration", "other",
]  # fmt: skip
"""GenericObject.genericType in small letters."""

Slot = Literal[
    "icon", "logo", "primaryLogo", "secondaryLogo", "artwork", "background", "strip", "thumbnail", "footer", "venueMap",
    "personalizationLogo",
]  # fmt: skip
Share = Annotated[float, Field(ge=0, le=1)]
Focus = tuple[Share, Share]
"""What a crop keeps in sight, from the top left corner."""

ZONES = ("header", "primary", "secondary", "auxiliary", "footer", "additional", "back")
"""The zones of a pass, most important first: the order in which a changed field rings."""

OLD_FORMATS = ("qr", "pdf417", "aztec", "code128")
NEW_FORMATS = ("code39", "codabar", "ean13", "i2of5")  # iOS 27
BarcodeFormat = Literal["qr", "pdf417", "aztec", "code128", "code39", "codabar", "ean13", "i2of5"]


def _checked_text(text: str) -> str:
    if detail := text_problem(text, MAX_TEXT):
        raise PydanticCustomError("text", "{detail}", {"detail": detail})
    return text


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _worded(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_checked_text)]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Number = Text | StrictInt | StrictFloat
"""A number, or a text with one expression that gives a number."""
Json = dict[str, Any]


class Part(BaseModel):
    """A frozen part of a template; keys it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PassFieldTemplate(Part):
    """One field; ``format`` follows the variable's type when left out.

    ``when``: the field is dropped where this is empty or false. ``link``: words that stand for the address in ``value``
    (they become attributedValue). ``data_detectors``: [] for none.
    """

    key: Key
    value: Number
    label: Text = ""
    format: Format | None = None
    when: Text | None = None
    change_message: Text | None = None
    link: Text | None = None
    attributed_value: Text | None = None
    text_alignment: Literal["left", "center", "right", "natural"] | None = None
    data_detectors: tuple[Literal["phone", "link", "address", "calendar"], ...] | None = None
    date_style: DateStyle | None = None
    time_style: DateStyle | None = None
    ignores_time_zone: bool | None = None
    relative: bool | None = None
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")] | None = None
    semantics: Json | None = None
    row: Literal[0, 1] | None = None
    apple: Json = Field(default_factory=dict)


Fields = Annotated[tuple[PassFieldTemplate, ...], Field(max_length=100)]


class Zones(Part):
    """The fields by zone; ``additional`` is additionalInfoFields, ``footer`` footerFields."""

    header: Fields = ()
    primary: Fields = ()
    secondary: Fields = ()
    auxiliary: Fields = ()
    footer: Fields = ()
    additional: Fields = ()
    back: Fields = ()

    def items(self) -> Iterator[tuple[str, Fields]]:
        """(zone, its fields), most important first."""
        return ((zone, getattr(self, zone)) for zone in ZONES)


class Fallback(Part):
    """The legacy style beside posterGeneric for phones before iOS 27; without ``fields`` it shows the poster's own."""

    style: LegacyStyle
    transit_type: TransitType | None = None
    fields: Zones | None = None


class Barcode(Part):
    """``encoding`` follows the message: iso-8859-1 where it fits, else utf-8. An empty message: no barcode."""

    format: BarcodeFormat = "qr"
    message: Text
    alt_text: Text = ""
    encoding: Literal["iso-8859-1", "utf-8"] | None = None
    apple: Json = Field(default_factory=dict)


class Location(Part):
    """A place that brings the card to the lock screen; degrees and metres."""

    latitude: Number
    longitude: Number
    altitude: Number | None = None
    text: Text = ""


class Beacon(Part):
    """An iBeacon; ``text`` is shown when it is near."""

    uuid: Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
    major: Annotated[int, Field(ge=0, le=65535)] | None = None
    minor: Annotated[int, Field(ge=0, le=65535)] | None = None
    text: Text = ""


class RelevantDate(Part):
    """A moment (``date``) or an interval (``start`` and ``end``); dropped while its variable is empty."""

    date: Text | None = None
    start: Text | None = None
    end: Text | None = None


class Nfc(Part):
    """Needs Apple's certificate for NFC; ``encryption_public_key`` is a base64 SubjectPublicKeyInfo on P-256."""

    message: Text
    encryption_public_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{20,400}={0,2}$")]
    requires_authentication: bool | None = None


class FeaturedAction(Part):
    """A button of iOS 27: ``url`` for all types but ``place``, which has a MapKit ``place_identifier``."""

    identifier: Key
    type: Literal[
        "viewSchedule", "watchTrailer", "listenToMusic", "call", "place", "addToBalance", "order", "shop",
        "membershipBenefits", "bookAppointment", "bookCar", "bookFlight", "bookStay", "viewOffersRewards",
    ]  # fmt: skip
    url: Text | None = None
    place_identifier: str | None = None


class Colors(Part):
    """``#rgb``, ``#rrggbb``, ``rgb(r, g, b)``, or an expression that gives one."""

    background: Text | None = None
    foreground: Text | None = None
    label: Text | None = None
    strip: Text | None = None
    footer_background: Text | None = None


class Variant(Part):
    """What is different on the cards for which this is the first variant whose ``when`` holds; ``name`` is for people."""

    when: Text
    name: Annotated[str, Field(max_length=200)] = ""
    colors: Colors = Field(default_factory=Colors)
    images: dict[Slot, str] = Field(default_factory=dict)
    image_focus: dict[Slot, Focus] = Field(default_factory=dict)


class Stamps(Part):
    """``count`` of ``of`` places stamped, drawn into the picture of ``slot``.

    ``icon`` is a stamped place, ``empty`` one that is not (a faint icon when left out); ``last`` and ``last_empty`` the
    same for the last place, where the reward is. ``area``: left, top, right and bottom of the part that they fill.
    """

    count: Number
    of: Annotated[int, Field(ge=1, le=30)]
    icon: str
    empty: str | None = None
    last: str | None = None
    last_empty: str | None = None
    slot: Literal["strip", "thumbnail", "background", "artwork"] = "strip"
    rows: Annotated[int, Field(ge=1, le=5)] | None = None
    area: tuple[Share, Share, Share, Share] | None = None


Hint = Annotated[Text, Field(min_length=1)]
"""The key of a field, the name of a variable, ``card.number`` and the like, or a text with expressions."""
LocalTime = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?$")]


class RotatingBarcode(Part):
    """A barcode that Google computes anew every ``period`` seconds (RFC 6238, SHA-1).

    ``key`` is the secret in hexadecimal, of the card or for all; ``pattern`` what the code holds, ``{totp_value_0}`` in it.
    """

    key: Hint
    pattern: Text = "{totp_value_0}"
    period: Annotated[int, Field(ge=1, le=3600)] = 30
    digits: Annotated[int, Field(ge=6, le=10)] = 8
    format: Literal["qr", "pdf417"] = "qr"
    alt_text: Text = ""
    keep_static: bool = False


class Consent(Part):
    """What people are asked to agree to, in plain words, and the page that says more; may be translated."""

    text: Annotated[Text, Field(min_length=1, max_length=MAX_CONSENT)]
    link: Annotated[str, StringConstraints(pattern=r"^https://[^\s<>\"]{3,500}$")] | None = None


class Consents(Part):
    """The two that are asked for, each by itself: without ``processing`` there is no card, ``marketing`` is free."""

    processing: Annotated[Consent | None, BeforeValidator(_worded)] = None
    marketing: Annotated[Consent | None, BeforeValidator(_worded)] = None


class PassConstraints(Part):
    """What a phone must not do while the pass is open."""

    screenshots: bool = True
    nfc: tuple[Literal["block_payment", "block_closed_loop_transit"], ...] = ()


class SmartTap(Part):
    """Google's NFC: which issuers may read the pass, and what they read."""

    redemption_issuers: Annotated[tuple[IssuerId, ...], Field(min_length=1, max_length=20)]
    value: Hint = "card.number"


class AppLink(Part):
    """The one button on the front: an Android app, or a page."""

    text: Annotated[Text, Field(min_length=1)]
    package: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]\w*(\.[A-Za-z]\w*)+$")] | None = None
    url: Text | None = None


class GoogleEvent(Part):
    """What Google wants to know of an event: times are ISO 8601 with a zone; a venue needs its address."""

    venue: Text | None = None
    address: Text | None = None
    starts: Text | None = None
    ends: Text | None = None
    doors_open: Text | None = None


class GoogleFlight(Part):
    """The flight of a boarding pass: airports by their IATA codes, times as the airport's clocks show them."""

    carrier: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2}$|^[A-Z]{3}$")]
    number: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}$")]
    origin: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    destination: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    departs: LocalTime
    arrives: LocalTime | None = None
    boards: LocalTime | None = None
    terminal: str | None = None
    gate: str | None = None


class GoogleTrip(Part):
    """The ride of a ticket; ``origin`` and ``destination`` are texts or fields, times ISO 8601 or variables."""

    type: Literal["one_way", "round_trip"] = "one_way"
    origin: Hint | None = None
    destination: Hint | None = None
    departs: Hint | None = None
    arrives: Hint | None = None
    platform: Hint | None = None
    coach: Hint | None = None


class GoogleHints(Part):
    """What a template says of its Google pass; all of it may be left out (docs/templates.md, "Google").

    Hints that name something are a field's key, a variable, ``card.number`` and the like, or a text with expressions.
    """

    type: Literal["loyalty", "generic", "offer", "giftCard", "eventTicket", "flight", "transit"] | None = None
    points: Hint | None = None
    secondary_points: Hint | None = None
    account_name: Hint | None = None
    account_id: Hint | None = None
    title: Hint | None = None
    subtitle: Hint | None = None
    header: Hint | None = None
    pin: Hint | None = None
    event_number: Hint | None = None
    seat: Hint | None = None
    row: Hint | None = None
    section: Hint | None = None
    gate: Hint | None = None
    seat_class: Hint | None = None
    boarding_group: Hint | None = None
    ticket_type: Hint | None = None
    face_value: Hint | None = None
    confirmation_code: Hint | None = None
    valid_from: Hint | None = None
    channel: Literal["instore", "online", "both", "temporary_price_reduction"] = "instore"
    generic_type: GenericKind = "other"
    event: GoogleEvent | None = None
    flight: GoogleFlight | None = None
    trip: GoogleTrip | None = None
    private: bool = False
    multiple_holders: bool = False
    expiry_notification: bool | None = None
    upcoming_notification: bool | None = None
    rotating_barcode: RotatingBarcode | None = None
    pass_constraints: PassConstraints | None = None
    smart_tap: SmartTap | None = None
    app_link: AppLink | None = None
    security_animation: bool = False
    unlock_to_view: bool = False


def _dated(value: Any) -> Any:
    if not isinstance(value, list | str | dict):
        return value
    return [{"date": entry} if isinstance(entry, str) else entry for entry in _listed(value)]


Barcodes = Annotated[tuple[Barcode, ...], Field(max_length=10), BeforeValidator(_listed)]
RelevantDates = Annotated[tuple[RelevantDate, ...], Field(max_length=20), BeforeValidator(_dated)]
