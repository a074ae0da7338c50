"""The rules of ``limits`` about Google: hints that name nothing, texts longer than a small phone shows, what does not fit.

Lengths are Google's recommendations: longer texts are taken and cut on small screens (the descriptions of
developers.google.com/wallet/reference/rest/v1).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches

from passkit.errors import ImageError
from passkit.google import check
from passkit.google.links import place as map_of
from passkit.google.pictures import LOGO_INNER, SOURCES, SQUARISH
from passkit.google.plan import CARD_NAMES, Field, Plan
from passkit.google.types import GoogleType, type_of
from passkit.images import size
from passkit.limits_reading import Found, every_field, in_each_language, is_constant
from passkit.schema import Template
from passkit.schemacheck import pointer

NAMING = (
    "points", "secondary_points", "account_name", "account_id", "title", "subtitle", "header", "pin", "event_number", "seat",
    "row", "section", "gate", "seat_class", "boarding_group", "ticket_type", "face_value", "confirmation_code", "valid_from",
)  # fmt: skip
"""Hints that name a field, a variable or ``card.number``, or are a text with expressions."""
WORDED = frozenset({"title", "subtitle", "header", "ticket_type", "seat_class"})
"""Those that may also be plain words, which no key looks like."""
_LIKE_A_KEY = re.compile(r"[a-z][a-z0-9_.]*")
TITLE_LENGTHS = {
    GoogleType.LOYALTY: 20,  # loyaltyclass: programName
    GoogleType.GIFT_CARD: 20,  # giftcardclass: merchantName
    GoogleType.OFFER: 60,  # offerclass: title
}
POINTS_LABEL, ACCOUNT_LABEL = 9, 15
MODULE_HEADER, MODULE_BODY = 35, 500
LINK_TEXT = 20
BUTTON_TEXT = 30
"""Characters. The last is a limit, not a recommendation."""
_LABELS = {
    "object.loyaltyPoints.balance": POINTS_LABEL,
    "object.secondaryLoyaltyPoints.balance": POINTS_LABEL,
    "object.accountName": ACCOUNT_LABEL,
    "object.accountId": ACCOUNT_LABEL,
}


def google_hints(template: Template) -> Iterator[Found]:
    """Google's hints name fields or values of this template."""
    keys = {field.key for _, _, _, field in every_field(template)}
    known = keys | set(template.variables) | CARD_NAMES
    for hint in NAMING:
        named = getattr(template.google, hint)
        is_words = hint in WORDED and not _LIKE_A_KEY.fullmatch(named or "")
        if named is not None and is_constant(named) and named not in known and not is_words:
            close = get_close_matches(named, known, n=1)
            fix = f"Did you mean `{close[0]}`?" if close else f"Use one of: {', '.join(sorted(keys))}."
            yield pointer("google", hint), f"`{named[:40]}` is neither a field's key nor a variable", fix


def google_expressions(template: Template) -> Iterator[Found]:
    """An expression of a hint that cannot work; what the Apple card shares is ``render``'s to say."""
    for problem in check.problems(template):
        if problem.pointer.startswith("/google") or problem.pointer.startswith("/strings"):
            yield problem.pointer, problem.detail, problem.fix or "Correct it."


def google_secret(template: Template) -> Iterator[Found]:
    """A rotating barcode's key is written in hexadecimal."""
    code = template.google.rotating_barcode
    if code is None:
        return
    named = code.key in template.variables or code.key in CARD_NAMES or not is_constant(code.key)
    if not named and (len(code.key) % 2 or set(code.key.upper()) - set("0123456789ABCDEF")):
        detail = "the key of a rotating barcode is written in hexadecimal, two digits a byte"
        yield "/google/rotating_barcode/key", detail, "Convert it, or name the variable that holds it."
    if not any(mark in code.pattern for mark in ("{totp_value_0}", "{totp_timestamp")):
        detail = "the pattern has nothing that changes"
        yield "/google/rotating_barcode/pattern", detail, "Write {totp_value_0} where the digits go."


def google_titles(template: Template) -> Iterator[Found]:
    """What stands on the class is the same for all holders."""
    for place, detail in check.plan(template).unmoved:
        yield place, f"on Google's side {detail}", "Use a text without a card's data, or leave it to a field."


def google_crowded(template: Template) -> Iterator[Found]:
    """More than Google shows of one kind: ten texts and ten links of the class, ten and ten of a card."""
    for one, kind in check.plan(template).cut:
        if kind != "row":
            detail = f"Google shows ten {kind}s that all share and ten of a card, and `{one.template.key}` is beyond"
            yield one.pointer, detail, "Remove what matters least, or join two texts."


def google_departure(template: Template) -> Iterator[Found]:
    """A transit ticket needs a departure or an end."""
    trip = template.google.trip
    told = template.expires or template.relevant_dates or template.google.valid_from or (trip and trip.departs)
    if type_of(template) is GoogleType.TRANSIT and not told:
        detail = "Google takes no transit ticket without a departure or an expiry"
        yield "/google", detail, "Add `google: {trip: {departs: ...}}`, `relevant_dates` or `expires`."


def google_logo(template: Template) -> Iterator[Found]:
    """The square logo is 660 pixels wide, and a margin of 15 % all around is not seen."""
    sides = {}
    for slot in SOURCES["logo"]:
        try:
            sides[slot] = size(template.files[template.images[slot]])  # type: ignore[index]
        except (KeyError, ImageError):
            continue  # ``no_icon`` and ``unreadable`` say so
    fit = {slot: min(both) for slot, both in sides.items() if slot == "icon" or max(both) <= SQUARISH * min(both)}
    if fit and max(fit.values()) < LOGO_INNER:
        slot = max(fit, key=lambda one: fit[one])
        width, height = sides[slot]
        detail = (
            f"{width} x {height} pixels are too few for Google's logo, which is made of `{slot}`: it will look soft"
        )
        yield pointer("images", slot), detail, f"Use a square picture of at least {LOGO_INNER} x {LOGO_INNER} pixels."


def google_lengths(template: Template) -> Iterator[Found]:
    """Texts that a small Android phone cuts."""
    plan = check.plan(template)
    yield from _title(template)
    for one in plan.fields:
        yield from _field(template, plan, one)


def google_button(template: Template) -> Iterator[Found]:
    """The text of the button in front."""
    if (link := template.google.app_link) and (found := _too_long(template, link.text, BUTTON_TEXT)):
        yield "/google/app_link/text", found, "Shorten it."


def _title(template: Template) -> Iterator[Found]:
    room = TITLE_LENGTHS.get(type_of(template))
    given = (("/logo_text", template.logo_text), ("/name", template.name))
    place, text = next((place, text) for place, text in given if text)
    if room and template.google.title is None and (found := _too_long(template, text, room)):
        yield place, found, "Shorten it, or name a shorter text as `google: {title: ...}`."


def _field(template: Template, plan: Plan, one: Field) -> Iterator[Found]:
    field, path = one.template, plan.paths.get(one.id)
    if one.address is not None:
        words, place = (field.link, "link") if field.link else (field.label, "label")
        if one.address is not map_of and words and (found := _too_long(template, words, LINK_TEXT)):
            yield f"{one.pointer}/{place}", found, "Shorten it: it is all that Google shows of the link."
        return
    room = _LABELS.get(path, MODULE_HEADER) if path else MODULE_HEADER
    if found := _too_long(template, field.label, room):
        yield f"{one.pointer}/label", found, "Shorten it."
    if isinstance(field.value, str) and (found := _too_long(template, field.value, MODULE_BODY)):
        yield f"{one.pointer}/value", found, "Shorten it, or put the rest behind a link."


def _too_long(template: Template, text: str, room: int) -> str | None:
    longest = max(in_each_language(template, text), key=len)
    if not is_constant(longest) or len(longest) <= room:
        return None
    return (
        f"{longest[:40]!r} has {len(longest)} characters; Google recommends {room} here, and small phones cut the rest"
    )
