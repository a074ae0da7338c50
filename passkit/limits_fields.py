"""The rules of ``limits`` about fields: how many a style draws, what a zone takes, what reaches the lock screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from passkit.layout import Fields, PassFieldTemplate
from passkit.limits_reading import Found, every_field, in_each_language, is_constant
from passkit.schema import Template
from passkit.variables import NotAccepted, instant

LABEL_LENGTH = 24
"""Characters of a label on the front before it is cut on the narrowest phones; the header has room for about half."""
HEADER_LABEL_LENGTH = 16
SEEN_LENGTH = 60
"""Characters of a lock-screen text that are seen without unfolding it."""
MESSAGE_LENGTH = 150
"""Characters of a lock-screen text in all."""
_TAG = re.compile(r"<\s*/?\s*([A-Za-z][A-Za-z0-9]*)")


@dataclass(frozen=True, slots=True)
class Room:
    """Zones that share one row of a style, and how many fields are drawn there."""

    style: str
    zones: tuple[str, ...]
    drawn: int
    row: int | None = None


ROOMS: tuple[Room, ...] = (
    Room("boardingPass", ("header",), 3),  # defining-the-metadata
    Room("boardingPass", ("primary",), 2),
    Room("boardingPass", ("auxiliary",), 5),
    Room("boardingPass", ("secondary",), 4),
    Room("coupon", ("header",), 3),  # creating-a-store-card-pass
    Room("coupon", ("primary",), 1),
    Room("coupon", ("secondary", "auxiliary"), 4),
    Room("storeCard", ("header",), 3),
    Room("storeCard", ("primary",), 1),
    Room("storeCard", ("secondary", "auxiliary"), 4),
    Room("eventTicket", ("header",), 3),  # creating-an-event-pass
    Room("eventTicket", ("primary",), 1),
    Room("eventTicket", ("secondary",), 4),
    Room("eventTicket", ("auxiliary",), 4, 0),
    Room("eventTicket", ("auxiliary",), 4, 1),
    Room("generic", ("header",), 3),  # defining-the-metadata
    Room("generic", ("primary",), 1),
    Room("generic", ("secondary",), 4),
    Room("generic", ("auxiliary",), 4),
    Room("posterGeneric", ("header",), 1),  # creating-a-poster-generic-pass
    Room("posterGeneric", ("primary",), 4),
    Room("posterGeneric", ("footer",), 2),
)

DROPPED: dict[str, tuple[str, ...]] = {
    "posterGeneric": ("secondary", "auxiliary"),  # creating-a-poster-generic-pass: dropped in silence
    "storeCard": ("footer", "additional"),  # footerFields: iOS 27, posterGeneric; additionalInfoFields: iOS 18
    "coupon": ("footer", "additional"),
    "generic": ("footer", "additional"),
    "boardingPass": ("footer", "additional"),
    "eventTicket": ("footer",),
}
FRONT = ("header", "primary", "secondary", "auxiliary", "footer")


def _by_style(template: Template) -> Iterator[tuple[str, str, dict[str, Fields]]]:
    """(pointer of the zones, style, zone -> fields) of the style and of the fallback's own fields."""
    yield "/fields", template.style, dict(template.fields.items())
    if template.fallback:
        own = template.fallback.fields
        yield (
            ("/fallback/fields" if own else "/fields"),
            template.fallback.style,
            dict((own or template.fields).items()),
        )


def _rooms(
    template: Template,
) -> Iterator[tuple[str, Room, list[tuple[int, PassFieldTemplate]], list[PassFieldTemplate]]]:
    """Each room with its fields: all as (place in the last zone, field), and those that are always there."""
    for base, style, zones in _by_style(template):
        for room in (room for room in ROOMS if room.style == style):
            inside = [
                (index, field)
                for zone in room.zones
                for index, field in enumerate(zones[zone])
                if room.row is None or (field.row or 0) == room.row
            ]
            yield f"{base}/{room.zones[-1]}", room, inside, [field for _, field in inside if field.when is None]


def too_many(template: Template) -> Iterator[Found]:
    """More fields than a style draws, all of them always there: the last ones are never seen."""
    for place, room, _, always in _rooms(template):
        if len(always) > room.drawn:
            where = " and ".join(room.zones)
            detail = f"{len(always)} fields in {where}, and a {room.style} draws {room.drawn}: the last are not seen"
            yield place, detail, "Move the less important ones to `back`."


def perhaps_too_many(template: Template) -> Iterator[Found]:
    """The same when every condition holds at once."""
    for place, room, inside, always in _rooms(template):
        if len(always) <= room.drawn < len(inside):
            where = " and ".join(room.zones)
            detail = f"when all conditions hold, {where} has {len(inside)} fields and a {room.style} draws {room.drawn}"
            yield place, detail, "Fine if they exclude each other; else move some to `back`."


def generic_pages_disagree(template: Template) -> Iterator[Found]:
    """One of Apple's pages gives a generic pass four fields in secondary and auxiliary together, another four each."""
    for base, style, zones in _by_style(template):
        together = len(zones["secondary"]) + len(zones["auxiliary"])
        if style == "generic" and together > 4 and max(len(zones["secondary"]), len(zones["auxiliary"])) <= 4:
            detail = f"{together} fields in secondary and auxiliary; one of Apple's pages says four in all, another four each"
            yield f"{base}/auxiliary", detail, "Look at it on a phone, or keep four in all."


def dropped_zones(template: Template) -> Iterator[Found]:
    """Zones that a style does not draw at all."""
    for base, style, zones in _by_style(template):
        own = template.fallback is None or style != template.fallback.style or base.startswith("/fallback")
        for zone in DROPPED[style] if own else ():
            if zones[zone]:
                yield f"{base}/{zone}", f"a {style} drops {zone} fields in silence", "Move them to another zone."


def fixed_alignment(template: Template) -> Iterator[Found]:
    """Apple's textAlignment is invalid on primary and back fields."""
    for place, _, zone, field in every_field(template):
        if zone in ("primary", "back") and field.text_alignment is not None:
            yield f"{place}/text_alignment", f"a {zone} field cannot be aligned", "Remove `text_alignment`."


def detectors_in_front(template: Template) -> Iterator[Found]:
    """Data detectors work on back fields only."""
    for place, _, zone, field in every_field(template):
        if zone != "back" and field.data_detectors is not None:
            yield f"{place}/data_detectors", f"a {zone} field detects nothing: only back fields do", "Remove it."


def row_elsewhere(template: Template) -> Iterator[Found]:
    """Only an event ticket has a second auxiliary row."""
    for place, style, _, field in every_field(template):
        if field.row is not None and style != "eventTicket":
            yield f"{place}/row", f"a {style} has one auxiliary row", "Remove `row`."


def currency_and_number_style(template: Template) -> Iterator[Found]:
    """A numberStyle and currencyCode exclude each other."""
    for place, _, _, field in every_field(template):
        money = field.currency is not None or field.format == "money" or "currencyCode" in field.apple
        styled = "numberStyle" in field.apple or field.format in ("number", "percent", "scientific", "spell_out")
        if money and styled:
            yield place, "a number has either a currency or a number style", "Keep one of the two."


def only_links_in_attributed_value(template: Template) -> Iterator[Found]:
    """An attributedValue knows no tag but <a href>."""
    for place, _, _, field in every_field(template):
        tags = {tag.lower() for tag in _TAG.findall(field.attributed_value or "")} - {"a"}
        if tags:
            detail = f"<{min(tags)}> is not shown: only <a href> works here"
            yield f"{place}/attributed_value", detail, "Keep text and links."


def message_without_value(template: Template) -> Iterator[Found]:
    """A change message in Apple's own words under ``apple:`` without %@."""
    for place, _, _, field in every_field(template):
        message = field.apple.get("changeMessage")
        if isinstance(message, str) and "%@" not in message:
            detail = "a change message without %@ gives a text of iOS's, not yours"
            yield f"{place}/apple/changeMessage", detail, "Write %@ where the new value goes, as `change_message`."


def message_on_a_constant(template: Template) -> Iterator[Found]:
    """A field that cannot change never rings."""
    for place, _, _, field in every_field(template):
        if field.change_message is not None and is_constant(field.value):
            detail = f"`{field.key}` never changes, so its change message is never shown"
            yield f"{place}/change_message", detail, "Remove it, or put a variable into `value`."


def nothing_rings(template: Template) -> Iterator[Found]:
    """Without any changeMessage every update is silent."""
    if not any(field.change_message for _, _, _, field in every_field(template)):
        detail = "no field has a `change_message`: every update will be silent"
        yield "/fields", detail, 'Add `change_message: "... %@ ..."` to what the holder should hear about.'


def long_labels(template: Template) -> Iterator[Found]:
    """The longer a label, the fewer fields fit."""
    for place, _, zone, field in every_field(template):
        if zone not in FRONT:
            continue
        room = HEADER_LABEL_LENGTH if zone == "header" else LABEL_LENGTH
        longest = max(in_each_language(template, field.label), key=len)
        if is_constant(longest) and len(longest) > room:
            detail = f"{longest!r} has {len(longest)} characters; about {room} fit in {zone}"
            yield f"{place}/label", detail, "Shorten it, or move the field to `back`."


def _messages(template: Template) -> Iterator[tuple[str, str]]:
    """(JSON pointer, the longest of a change message's languages, expressions and %@ left out)."""
    for place, _, _, field in every_field(template):
        if field.change_message is not None:
            yield f"{place}/change_message", max(in_each_language(template, field.change_message), key=len)


def long_messages(template: Template) -> Iterator[Found]:
    """What a lock screen does not hold at all."""
    for place, message in _messages(template):
        if len(message) > MESSAGE_LENGTH:
            detail = f"the text has {len(message)} characters and a lock screen holds about {MESSAGE_LENGTH}"
            yield place, detail, "Shorten it; the card's back has room for the rest."


def cut_messages(template: Template) -> Iterator[Found]:
    """What a lock screen shows only unfolded."""
    for place, message in _messages(template):
        if SEEN_LENGTH < len(message) <= MESSAGE_LENGTH:
            detail = f"the text has {len(message)} characters; about {SEEN_LENGTH} are seen without unfolding it"
            yield place, detail, "Put what matters first."


def unreadable_dates(template: Template) -> Iterator[Found]:
    """A date written out in the template that iOS could not read."""
    for place, _, _, field in every_field(template):
        written = field.value if field.format in ("date", "time", "datetime") else None
        if isinstance(written, str) and is_constant(written) and not is_moment(written):
            detail = f"{written[:40]!r} is no date, and iOS refuses the whole pass over one"
            yield f"{place}/value", detail, 'Write "2026-12-01T18:30:00+03:00".'


def is_moment(text: str) -> bool:
    """Whether this is a day, or an instant with its zone."""
    try:
        date.fromisoformat(text) if len(text) == 10 else instant(text)
    except (ValueError, NotAccepted):
        return False
    return True
