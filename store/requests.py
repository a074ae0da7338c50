"""What a hook's ``data`` asks for, from JSON: strictly, with a JSON pointer for each misfit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    ValidationError,
)

from passkit.errors import Problem, Severity
from passkit.model import Notify
from passkit.schemacheck import pointer
from store import zones
from store.errors import Invalid
from store.finding import CardRef
from store.issuing import NewCard

MAX_VARIABLES = 200
_PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_PRINTABLE)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_PRINTABLE)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE)]
Language = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$", max_length=20)]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=_PRINTABLE)]
Version = Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1)]


def _text_with_zone(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("an instant is ISO 8601 text with a time zone, such as 2026-12-31T23:59:59+03:00")
    return value


def _in_utc(value: datetime) -> datetime:
    """In UTC; near the ends of the calendar there is no such moment."""
    if not EARLIEST <= value <= LATEST:
        raise ValueError("the year must be between 1970 and 9999")
    return value.astimezone(UTC)


EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)
Zone = Annotated[str, Field(max_length=zones.MAX_LENGTH), AfterValidator(zones.checked)]
Instant = Annotated[AwareDatetime, BeforeValidator(_text_with_zone), AfterValidator(_in_utc)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Named(_Asked):
    serial_number: Key | None = None
    external_id: Name | None = None
    number: Short | None = None
    template: Key | None = None


class _New(_Asked):
    template: Key
    external_id: Name | None = None
    number: Short | None = None
    language: Language | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    expires_at: Instant | None = None
    tags: tuple[Tag, ...] = Field(default=(), max_length=50)
    outlet: Short | None = None
    issued_by: Short | None = None
    channel: Short | None = None
    time_zone: Zone | None = None


class CardChanged(_Asked):
    """``card.changed``: absolute state per variable, and the backend's own version of it."""

    card: Any
    set: Annotated[dict[Variable, Any], Field(max_length=MAX_VARIABLES)]
    version: Version | None = None
    notify: Notify = Notify.RING


class CardVoided(_Asked):
    """``card.voided``."""

    card: Any
    notify: Notify = Notify.SILENT


Asked = TypeVar("Asked", bound=BaseModel)


def asked(model: type[Asked], document: Any, at: str = "") -> Asked:
    """The document as this model; Invalid with a pointer below ``at`` for each misfit."""
    try:
        return model.model_validate(document)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise Invalid([_problem(at + pointer(*item["loc"]), item["msg"], item["type"]) for item in found]) from None


def new_card(document: Mapping[str, Any], at: str = "") -> NewCard:
    """The body of an issue."""
    return NewCard(**dict(asked(_New, document, at)))


def card_ref(document: Any, at: str = "") -> CardRef:
    """A card as a hook names it: a string, or an object with exactly one name."""
    if isinstance(document, str):
        if not document or len(document) > MAX_VARIABLES or not document.isprintable():
            raise Invalid([_problem(at, "a card's name has 1 to 200 printable characters", "")])
        return CardRef(word=document)
    if not isinstance(document, dict):
        raise Invalid([_problem(at, "name the card by a string, or {serial_number}, {external_id}, {number}", "")])
    named = asked(_Named, document, at)
    names = [name for name in ("serial_number", "external_id", "number") if getattr(named, name) is not None]
    if len(names) != 1:
        raise Invalid([_problem(at, "give exactly one of serial_number, external_id and number", "")])
    return CardRef(template=named.template, **{names[0]: getattr(named, names[0])})


def moved(error: Invalid, before: str, after: str) -> Invalid:
    """The same problems, their pointers below ``before`` put below ``after``."""
    problems = [
        Problem(
            problem.severity,
            after + problem.pointer.removeprefix(before) if problem.pointer.startswith(before) else problem.pointer,
            problem.detail,
            problem.fix,
        )
        for problem in error.problems
    ]
    return Invalid(problems)


def _problem(place: str, message: str, kind: str) -> Problem:
    sentences = {"extra_forbidden": "there is no such member here", "missing": "this member is needed"}
    return Problem(Severity.ERROR, place, sentences.get(kind, message.removeprefix("Value error, ")))
