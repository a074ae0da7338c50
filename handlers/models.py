"""The shapes of the REST interface: what is accepted, strictly, and what is answered. ``openapi`` is made from these."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from handlers.errors import Place, ProblemError
from passkit.model import CardState, Notify
from store.requests import Instant, Key, Language, Name, Short, Tag, Zone

MAX_ROWS = 1000
MAX_LIMIT = 500
DEFAULT_LIMIT = 100

Data = Annotated[dict[str, Any], Field(description="Values of the template's variables by name.")]


class _Accepted(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Answered(BaseModel):
    model_config = ConfigDict(frozen=True)


class CardRequest(_Accepted):
    """A card to issue. A known (template, external_id) gives the same card, untouched."""

    template: Key = Field(description="The template's key.")
    external_id: Name | None = Field(
        default=None, description="Your own name for the customer, unique in the template."
    )
    number: Short | None = Field(default=None, description="The number on the card; made by us when absent.")
    language: Language | None = Field(
        default=None, description="The card's language; the template's first when absent."
    )
    data: Data = Field(default_factory=dict)
    expires_at: Instant | None = None
    tags: list[Tag] = Field(default_factory=list, max_length=50)
    outlet: Short | None = Field(default=None, description="Where it was issued.")
    issued_by: Short | None = Field(default=None, description="Who issued it.")
    channel: Short | None = Field(default=None, description="How it was issued: till, site, sms.")
    time_zone: Zone | None = Field(
        default=None, description="The holder's: one of IANA's names, such as Europe/Moscow."
    )


class CardPatch(_Accepted):
    """A JSON merge patch (RFC 7396): what is absent stays, ``null`` clears."""

    data: Data | None = None
    state: CardState | None = None
    language: Language | None = None
    external_id: Name | None = None
    expires_at: Instant | None = None
    tags: list[Tag] | None = Field(default=None, max_length=50)
    time_zone: Zone | None = None
    notify: Notify = Field(default=Notify.RING, description="Whether the holder's phone rings, or updates silently.")
    version: StrictInt | None = Field(
        default=None, ge=1, description="The version you read; another one there is a 412."
    )


class RowName(_Accepted):
    """Which card a batch row changes; ``template`` narrows the last two names."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    serial_number: Key | None = None
    external_id: Name | None = None
    number: Short | None = None
    template: Key | None = None


class BatchRequest(_Accepted):
    """Cards to issue (rows with ``template``) and to change (rows that name a card), in any mixture."""

    rows: list[Any] = Field(max_length=MAX_ROWS, json_schema_extra={"items": {"type": "object"}})


class ProblemPlace(_Answered):
    """One thing wrong: an RFC 6901 pointer into the request, and what would fit."""

    pointer: str
    detail: str


class ProblemAnswer(_Answered):
    """RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str | None = None
    errors: list[ProblemPlace] | None = None


class CardAnswer(_Answered):
    """A card. ``data`` is canonical (money in minor units), ``formatted`` the same as a person reads it."""

    serial_number: str
    template: str
    revision: int
    number: str
    external_id: str | None
    version: int
    state: CardState
    language: str | None
    data: dict[str, Any]
    formatted: dict[str, str]
    expires_at: datetime | None
    tags: list[str]
    outlet: str | None
    issued_by: str | None
    channel: str | None
    time_zone: str | None
    install_url: str
    apple_url: str
    google_url: str | None = Field(
        description="The way to Google Wallet's save link; null where the brand's Google is off."
    )
    created_at: datetime
    updated_at: datetime


class VisibleChange(_Answered):
    """A change that the holder sees; ``lock_screen`` is the text on the iPhone's lock screen, if it rings."""

    field: str
    label: str
    old: str
    new: str
    lock_screen: str | None


class ChangedCardAnswer(CardAnswer):
    """The card after a change, and what of it people see. Nothing visible, nothing pushed."""

    visible: list[VisibleChange]


class CardListAnswer(_Answered):
    """A page of cards in stable order; ``next_cursor`` is null on the last."""

    cards: list[CardAnswer]
    next_cursor: str | None


class BatchResult(_Answered):
    """What became of one row: its own status, and the card or the problem."""

    status: int
    serial_number: str | None = None
    problem: ProblemAnswer | None = None


class BatchAnswer(_Answered):
    """The results in the order of the rows."""

    results: list[BatchResult]


class TimelineEntry(_Answered):
    """Something that happened to the card; ``device`` is our number of the phone, never its identifier."""

    at: datetime
    kind: str
    detail: dict[str, Any]
    device: int | None


class Phone(_Answered):
    """A phone that holds the card."""

    device: int
    platform: str
    state: str
    state_reason: str | None
    since: datetime
    accepted_at: datetime | None = Field(description="When the vendor last accepted a push for it.")
    listed_at: datetime | None = Field(description="When it last asked what is new.")


class DiagnosisAnswer(_Answered):
    """What it all comes to, and what to tell the client, in both languages."""

    code: str
    en: str
    ru: str
    tell_client_en: str
    tell_client_ru: str


class ToldNews(_Answered):
    """A news that the card shows, or has shown (`over_at`), in today's words."""

    id: str
    at: datetime
    over_at: datetime | None
    text: dict[str, str]
    title: dict[str, str]


class TimelineAnswer(_Answered):
    """Everything about one card, oldest first; `news` newest first."""

    serial_number: str
    entries: list[TimelineEntry]
    phones: list[Phone]
    news: list[ToldNews]
    diagnosis: DiagnosisAnswer


class TemplateAnswer(_Answered):
    """A template; ``published_revision`` is the number of the revision its cards follow."""

    key: str
    name: str
    style: str
    published_revision: int | None
    updated_at: datetime
    archived: bool


class TemplateListAnswer(_Answered):
    """The brand's templates by key."""

    templates: list[TemplateAnswer]


class LossAnswer(_Answered):
    """Something that one of the two wallets cannot show."""

    direction: Literal["apple_to_google", "google_to_apple"] = Field(
        description="Whose feature, and who goes without it."
    )
    pointer: str = Field(description="JSON pointer into template.yaml; empty for the whole.")
    lost: str
    instead: str


class LossListAnswer(_Answered):
    """What differs between the two wallets for one revision, Google's losses first."""

    template: str
    revision: int
    losses: list[LossAnswer]


HookResult = Literal["applied", "nothing_visible", "duplicate", "stale", "no_card", "held"]


class HookAnswer(_Answered):
    """What became of an event."""

    result: HookResult
    visible: list[VisibleChange]


class Event(_Accepted):
    """The envelope of a webhook."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$", max_length=100)]
    timestamp: Instant
    data: dict[str, Any]


Model = TypeVar("Model", bound=BaseModel)


def accept(model: type[Model], document: Any, at: str = "") -> Model:
    """The document as this model; ``ProblemError`` invalid with a JSON pointer (below ``at``) for each misfit."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ProblemError("invalid", errors=places(error, at)) from None


def places(error: ValidationError, at: str = "") -> list[Place]:
    """Pydantic's findings as places; the offending values are not repeated."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [Place(at + pointer(item["loc"]), _sentence(item["msg"], item["type"])) for item in found]


def pointer(location: tuple[int | str, ...]) -> str:
    """An RFC 6901 JSON pointer."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _sentence(message: str, kind: str) -> str:
    if kind == "extra_forbidden":
        return "There is no such member here."
    if kind == "missing":
        return "This member is needed."
    text = message.removeprefix("Value error, ")
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
