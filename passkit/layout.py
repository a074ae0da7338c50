"""The parts of template.yaml that make up a pass: fields and their zones, barcodes, places, dates, actions.

Every text may hold expressions (``"{{ points }}"``); where a number or an instant is expected a single expression may
stand instead. ``apple:`` on a field or a barcode takes further keys of Apple's, written as they are.
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

Style = Literal["storeCard", "coupon", "generic", "eventTicket", "boardingPass", "posterGeneric"]
LegacyStyle = Literal["storeCard", "coupon", "generic", "eventTicket", "boardingPass"]
TransitType = Literal["air", "boat", "bus", "generic", "train"]
Format = Literal["text", "number", "percent", "scientific", "spell_out", "money", "date", "time", "datetime"]
DateStyle = Literal["none", "short", "medium", "long", "full"]

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


def _dated(value: Any) -> Any:
    if not isinstance(value, list | str | dict):
        return value
    return [{"date": entry} if isinstance(entry, str) else entry for entry in _listed(value)]


Barcodes = Annotated[tuple[Barcode, ...], Field(max_length=10), BeforeValidator(_listed)]
RelevantDates = Annotated[tuple[RelevantDate, ...], Field(max_length=20), BeforeValidator(_dated)]
