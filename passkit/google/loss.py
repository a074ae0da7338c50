"""What one wallet cannot show of a template, and what it gets instead: in both directions, with the place of each.

A loss is no fault: a template with a dozen losses is a good template. It says before the first customer sees it what will be
different on the other phone. ``template lint`` prints it, the API answers it.

Google's side is what ``plan`` makes of the template, so that the report cannot disagree with the pass. The rows of features come
from the two vendors' references: developer.apple.com/documentation/walletpasses, developers.google.com/wallet/reference/rest/v1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from passkit.google import check, heroes, links
from passkit.google.notify import OBJECT_FIELDS
from passkit.google.plan import BARCODES, LENGTHS, MAX_LOCATIONS, OBJECT_COLORS, Field, Home, Plan
from passkit.google.types import GoogleType
from passkit.layout import Colors
from passkit.schema import Template
from passkit.schemacheck import pointer


class Direction(StrEnum):
    """Whose feature, and which wallet goes without it."""

    APPLE_TO_GOOGLE = "apple_to_google"
    GOOGLE_TO_APPLE = "google_to_apple"


@dataclass(frozen=True, slots=True)
class Loss:
    """``pointer`` into template.yaml ("" for the whole), what is lost, and what stands there instead."""

    direction: Direction
    pointer: str
    lost: str
    instead: str

    def __str__(self) -> str:
        """The loss as one line for a terminal."""
        side = "Google" if self.direction is Direction.APPLE_TO_GOOGLE else "Apple"
        return f"{side}: {self.pointer or '/'}: {self.lost} Instead: {self.instead}"

    def to_json(self) -> dict[str, str]:
        """As the API answers it."""
        return {
            "direction": str(self.direction),
            "pointer": self.pointer,
            "lost": self.lost,
            "instead": self.instead,
        }


_Found = tuple[str, str, str]
_Rule = Callable[[Template, Plan], Iterator[_Found]]
NOTHING = "nothing."


def loss(template: Template) -> list[Loss]:
    """Everything that differs, Google's losses first, in the order of the template."""
    plan = check.plan(template)
    found = [Loss(Direction.APPLE_TO_GOOGLE, *row) for rule in _TO_GOOGLE for row in rule(template, plan)]
    found += [Loss(Direction.GOOGLE_TO_APPLE, *row) for rule in _TO_APPLE for row in rule(template, plan)]
    return list(dict.fromkeys(found))


# What Google cannot show.


def _fields(template: Template, plan: Plan) -> Iterator[_Found]:
    for one in plan.fields:
        yield from _place(plan, one)
        yield from _ring(template, plan, one)
        yield from _look(one)


def _place(plan: Plan, one: Field) -> Iterator[_Found]:
    cut = {kind for field, kind in plan.cut if field.id == one.id}
    key = one.template.key
    if one.home is Home.HIDDEN:
        yield one.pointer, f"`{key}` rests on personal data, which this template keeps from Google.", NOTHING
    elif one.home is Home.MESSAGE:
        yield one.pointer, f"`{key}` is no field on Google.", "news come as messages, with their own end."
    elif "module" in cut:
        yield one.pointer, f"`{key}` is beyond the ten texts that Google shows.", NOTHING
    elif "link" in cut:
        yield one.pointer, f"`{key}` is beyond the ten links that Google shows.", NOTHING
    elif "row" in cut:
        yield one.pointer, f"`{key}` is beyond the nine items of Google's front.", "it stands in the details."
    elif one.address is not None and one.template.label and one.template.link:
        yield f"{one.pointer}/label", "a link has one text on Google.", "the link's own words; the label is left out."
    if plan.paths.get(one.id) in _PLAIN_PATHS and plan.leaves.varies(one.text):
        yield f"{one.pointer}/value", "this place has one language on Google.", "the card's language."


_PLAIN_PATHS = frozenset(
    {
        "object.accountName",
        "object.accountId",
        "object.ticketHolderName",
        "object.ticketNumber",
        "object.passengerName",
        "object.passengerNames",
        "object.cardNumber",
        "object.pin",
        "object.eventNumber",
    }
)


def _ring(template: Template, plan: Plan, one: Field) -> Iterator[_Found]:
    if one.template.change_message is None or one.home is Home.MESSAGE:
        return
    place, lost = f"{one.pointer}/change_message", "Google writes the lock screen's text, not you."
    path = plan.paths.get(one.id, "")
    listed = [".".join(("object", *field.path)) for field in OBJECT_FIELDS.get(plan.type, ())]
    if one.home is Home.HIDDEN:
        yield place, "a field that Google does not have rings nobody.", NOTHING
    elif any(path.startswith(known) for known in listed):
        yield place, lost, "Google's own notification of an update, at most three a day."
    else:
        yield place, lost, "a message with your text inside, announced in Google's words, at most three a day."


def _look(one: Field) -> Iterator[_Found]:
    field = one.template
    if field.text_alignment is not None:
        yield f"{one.pointer}/text_alignment", "Google aligns by the place in the row.", "start, middle or end."
    if field.relative:
        yield f"{one.pointer}/relative", "Google counts no time down.", "the date and the time."
    if field.attributed_value is not None:
        yield f"{one.pointer}/attributed_value", "Google has no links inside a text.", "the text, and a link below."
    if field.semantics is not None:
        yield f"{one.pointer}/semantics", "Google reads no semantic tags on a field.", NOTHING
    if field.apple:
        yield f"{one.pointer}/apple", "these keys are Apple's own.", NOTHING
    if field.format in ("scientific", "spell_out"):
        yield f"{one.pointer}/format", "Google spells no numbers.", "the number in digits."
    found = set(field.data_detectors or ())
    if "calendar" in found or (found and one.address is None):
        yield f"{one.pointer}/data_detectors", "Google finds no addresses inside a text.", "the text as it is."


def _colors(template: Template, plan: Plan) -> Iterator[_Found]:
    yield from _paints("/colors", template.colors)
    for place, detail in plan.unmoved:
        instead = "the colour that Google takes from the pictures." if place.startswith("/colors") else "another text."
        yield place, f"{detail}.", instead


def _paints(place: str, colors: Colors) -> Iterator[_Found]:
    for key in ("foreground", "label"):
        if getattr(colors, key) is not None:
            yield f"{place}/{key}", "Google chooses the colour of texts.", "dark or light, by the background."
    for key in ("strip", "footer_background"):
        if getattr(colors, key) is not None:
            yield f"{place}/{key}", "Google has one colour, the background.", NOTHING


_PICTURES = {
    "strip": ("texts do not stand on Google's picture.", "the hero, cut to 3 : 1, with the texts in rows."),
    "background": ("Google has no background picture.", "the hero, cut to 3 : 1, where there is no strip."),
    "artwork": ("Google has no poster.", "the hero, cut to 3 : 1, where there is no other."),
    "thumbnail": ("Google has no picture beside the fields.", "a picture in the details."),
    "footer": ("Google has no picture at the barcode.", NOTHING),
    "secondaryLogo": ("Google has one logo.", NOTHING),
    "venueMap": ("Google has no map of the venue.", NOTHING),
    "personalizationLogo": ("Google asks for no sign-up on the card.", NOTHING),
}


def _pictures(template: Template, plan: Plan) -> Iterator[_Found]:
    for slot in template.images:
        if slot in _PICTURES:
            yield pointer("images", slot), *_PICTURES[slot]
    for language in template.localized_images:
        lost = "Google has one picture for all languages."
        yield pointer("localized_images", language), lost, "the pictures of `images`."


_OWN = "the template's own, for every card."
_PRIVATE = "rests on personal data, which this template keeps from Google."


def _variants(template: Template, plan: Plan) -> Iterator[_Found]:
    """A variant's hero follows everywhere, its background where objects have a colour of their own, the rest nowhere."""
    if "/variants" in plan.withheld:
        yield "/variants", f"a condition {_PRIVATE}", "the template's own colours and pictures."
        return
    for index, variant in enumerate(template.variants):
        place = f"/variants/{index}"
        if f"{place}/when" in plan.silent:
            yield f"{place}/when", "a card on Google does not know the news.", "the look of a card without news."
        if variant.colors.background is not None and plan.type not in OBJECT_COLORS:
            yield f"{place}/colors/background", "Google has one background for all cards of this type.", _OWN
        yield from _paints(f"{place}/colors", variant.colors)
        for slot in variant.images:
            lost = _ONE_FOR_ALL.get(slot)
            if lost or slot in _PICTURES:
                yield f"{place}/images/{slot}", *((lost, _OWN) if lost else _PICTURES[slot])


_ONE_FOR_ALL = {
    "logo": "Google has one logo for all cards of a template.",
    "primaryLogo": "Google has one logo for all cards of a template.",
    "thumbnail": "Google has one picture in the details for all cards of a template.",
}


def _stamps(template: Template, plan: Plan) -> Iterator[_Found]:
    if (stamps := template.stamps) is None:
        return
    said = "a field that says their number."
    if "/stamps" in plan.withheld:
        yield "/stamps", f"the number of stamps {_PRIVATE}", NOTHING
    elif not any(heroes.is_stamped(template, variant) for variant in (None, *template.variants)):
        yield "/stamps/slot", f"stamps in `{stamps.slot}` are not seen on Google: its picture is another.", said
    else:
        yield "/stamps", "Google's picture has another shape.", "the hero, the stamps laid out anew in 3 : 1."


def _barcodes(template: Template, plan: Plan) -> Iterator[_Found]:
    rotating = template.google.rotating_barcode
    if len(template.barcode) > 1:
        yield "/barcode", "Google has one barcode.", "the first that Google can draw with the card's message."
    for index, code in enumerate(template.barcode):
        place = template.place("barcode", index)
        if code.format in LENGTHS:
            what = f"{BARCODES[code.format]} takes {LENGTHS[code.format]} digits on Google."
            yield f"{place}/format", what, "the next barcode where the message is another."
        if code.apple:
            yield f"{place}/apple", "these keys are Apple's own.", NOTHING
        if any(code.alt_text in table for table in template.strings.values()):
            yield f"{place}/alt_text", "the text below has one language on Google.", "the card's language."
    if rotating and template.barcode and not rotating.keep_static:
        yield "/barcode", "the plain barcode is not on Google.", "the rotating one."


def _places(template: Template, plan: Plan) -> Iterator[_Found]:
    for index, place in enumerate(template.locations):
        if index >= MAX_LOCATIONS:
            yield f"/locations/{index}", "Google takes ten places.", NOTHING
        elif place.text:
            yield f"/locations/{index}/text", "Google has no text of yours for a place.", "the card, in Google's words."
        if place.altitude is not None:
            yield f"/locations/{index}/altitude", "Google has no altitude.", "the place on the map."
    if template.max_distance is not None:
        yield "/max_distance", "Google sets how near is near.", "Google's own radius."
    for index, _ in enumerate(template.beacons):
        yield f"/beacons/{index}", "Google knows no beacons.", NOTHING


def _moments(template: Template, plan: Plan) -> Iterator[_Found]:
    if template.relevant_dates and not (plan.type is GoogleType.TRANSIT and len(template.relevant_dates) == 1):
        words = {
            GoogleType.EVENT_TICKET: "Google's own reminder three hours before `google: {event: {starts}}`.",
            GoogleType.GENERIC: "a day before `valid_from`, with `google: {upcoming_notification: true}`.",
        }
        yield "/relevant_dates", "Google does not lay the card out at a moment.", words.get(plan.type, NOTHING)
    if template.expires is not None:
        yield "/expires", "a card goes among Google's expired ones up to 24 hours late.", "the same moment is told."


_TOP: tuple[tuple[str, str, str], ...] = (
    ("nfc", "Apple's NFC is not Google's.", "`google: {smart_tap}`, for Google's partners."),
    ("semantics", "Google reads no semantic tags.", "an event's name, venue and times; else nothing."),
    ("featured_actions", "Google has no such buttons.", "links of `back`, and one button by `google: {app_link}`."),
    ("user_info", "Google keeps nothing for an app.", NOTHING),
    ("upcoming_pass_information", "Google has no events that come later.", NOTHING),
    ("logo_symbol_name", "Google has none of Apple's symbols.", "the logo."),
    ("app_launch_url", "Apple's address opens an iPhone's app.", "`google: {app_link}`."),
    ("associated_store_identifiers", "Google knows no App Store.", "`google: {app_link}`."),
    ("auxiliary_store_identifiers", "Google knows no App Store.", "`google: {app_link}`."),
    ("preferred_style_schemes", "Google has one layout.", "rows and details."),
    ("use_automatic_colors", "Google computes no colours of texts from a poster.", "its own choice."),
    ("suppress_header_darkening", "Google darkens no header.", NOTHING),
    ("suppress_strip_shine", "Google's pictures do not shine.", NOTHING),
    ("fallback", "Google shows the poster's own fields.", "the fields of `fields`."),
    ("apple", "these keys are Apple's own.", NOTHING),
)


def _features(template: Template, plan: Plan) -> Iterator[_Found]:
    for key, lost, instead in _TOP:
        if getattr(template, key) not in (None, (), "", {}, False):
            yield f"/{key}", lost, instead
    if template.style == "boardingPass" and plan.type is GoogleType.GENERIC:
        yield (
            "/style",
            "Google takes a flight only with its number and airports.",
            "a generic card, or `google: {flight}`.",
        )


# What Apple cannot show.

_HINTS: tuple[tuple[str, str, str], ...] = (
    ("rotating_barcode", "Apple's barcodes do not change by themselves.", "the card's plain barcode."),
    ("pass_constraints", "Apple forbids no screenshots.", NOTHING),
    ("smart_tap", "Apple's NFC is not Google's.", "`nfc`, with Apple's certificate for it."),
    ("app_link", "Apple has no button in front.", "a link in `back`, or `app_launch_url`."),
    ("security_animation", "Apple has no foil.", NOTHING),
    ("unlock_to_view", "Apple's cards open without a lock, on the lock screen too.", NOTHING),
    ("expiry_notification", "Apple does not say that a card will end.", "a change of your own, or `relevant_dates`."),
    ("upcoming_notification", "Apple does not say that a card begins.", "`relevant_dates`."),
    ("valid_from", "an Apple card is good from the start.", "a field that says so."),
    ("generic_type", "Apple has no kinds of generic cards.", NOTHING),
    ("channel", "Apple does not ask where an offer is taken.", NOTHING),
    ("event", "Apple's card has no fields of this name.", "`semantics`, and fields of your own."),
    ("flight", "Apple's card has no fields of this name.", "`semantics`, and fields of your own."),
    ("trip", "Apple's card has no fields of this name.", "`semantics`, and fields of your own."),
)


def _switches(template: Template, plan: Plan) -> Iterator[_Found]:
    given = template.google.model_fields_set
    for hint, lost, instead in _HINTS:
        value = getattr(template.google, hint)
        if hint in given and value not in (None, False):
            yield f"/google/{hint}", lost, instead


def _sources(template: Template, plan: Plan) -> Iterator[_Found]:
    """Hints with a text that no field of the Apple card shows."""
    keys = {one.template.key for one in plan.fields}
    shown = {str(one.template.value).strip() for one in plan.fields} | {code.message for code in template.barcode}
    for hint in _NAMED:
        named: str | None = getattr(template.google, hint)
        if named and named not in keys and named not in shown and f"{{{{ {named} }}}}" not in shown:
            yield (
                f"/google/{hint}",
                "no field of the Apple card says this.",
                "a field of your own, if it matters there.",
            )


_NAMED = (
    "points", "secondary_points", "account_name", "account_id", "subtitle", "header", "pin", "event_number", "seat", "row",
    "section", "gate", "seat_class", "boarding_group", "ticket_type", "face_value", "confirmation_code",
)  # fmt: skip


def _holders(template: Template, plan: Plan) -> Iterator[_Found]:
    if not template.hides_sharing and not template.google.multiple_holders:
        lost = "one Google user holds a card, and an iPhone's can be passed on."
        yield "", lost, "`sharing_prohibited: true` takes Apple's button away."


def _private(template: Template, plan: Plan) -> Iterator[_Found]:
    if template.google.private:
        yield "/google/private", "Apple's card holds the personal data.", "the file is the holder's own."


def _messages(template: Template, plan: Plan) -> Iterator[_Found]:
    if not any(one.home is Home.MESSAGE for one in plan.fields):
        yield "/fields", "Apple has no messages: no field shows `news.text`.", "add a field for news to `back`."


def _linked(template: Template, plan: Plan) -> Iterator[_Found]:
    for one in plan.fields:
        if one.address is links.place and one.home in (Home.CLASS, Home.OBJECT):
            yield f"{one.pointer}/label", "the label is not on Google's link to a place.", "the address itself."


_TO_GOOGLE: tuple[_Rule, ...] = (
    _fields, _linked, _colors, _pictures, _variants, _stamps, _barcodes, _places, _moments, _features,
)  # fmt: skip
_TO_APPLE: tuple[_Rule, ...] = (_holders, _switches, _sources, _private, _messages)
