"""The rules of ``limits`` about the pass as a whole: keys by style, dates, places, barcodes, colours, NFC."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from difflib import get_close_matches

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from passkit.apple.values import color
from passkit.layout import NEW_FORMATS
from passkit.limits_fields import is_moment
from passkit.limits_reading import Found, every_field, is_constant, names_in, shown_style
from passkit.limits_words import BOARDING_URLS, EVENT_URLS, POSTER_EVENT_NEEDS, SEMANTIC_BOARDING_NEEDS, SEMANTICS
from passkit.schema import Template
from passkit.schemacheck import pointer
from passkit.variables import instant

MOST: Mapping[str, tuple[int, str]] = {
    "locations": (10, "iOS looks at ten, and Google takes no more"),
    "beacons": (10, "iOS looks at ten"),
    "featured_actions": (2, "Wallet shows two"),
}
"""Entries of a list, and what happens with more (documentation/walletpasses/pass, .../defining-the-metadata)."""

ONLY_ON: Mapping[str, tuple[frozenset[str], str]] = {
    "grouping_identifier": (frozenset({"boardingPass", "eventTicket"}), "only boarding passes and event tickets group"),
    "transit_type": (frozenset({"boardingPass"}), "only a boarding pass has a transit type"),
    "event_logo_text": (frozenset({"eventTicket"}), "only poster event tickets show it"),
    "auxiliary_store_identifiers": (frozenset({"eventTicket"}), "only poster event tickets read it"),
    "upcoming_pass_information": (frozenset({"eventTicket"}), "only poster event tickets show it"),
    "use_automatic_colors": (frozenset({"eventTicket", "posterGeneric"}), "only posters compute their colours"),
    "suppress_header_darkening": (frozenset({"eventTicket", "posterGeneric"}), "only posters darken their header"),
    "preferred_style_schemes": (frozenset({"eventTicket", "boardingPass"}), "only these two styles have schemes"),
}
"""Top-level keys that one or two styles read (documentation/walletpasses/pass)."""

SCHEMES: Mapping[str, frozenset[str]] = {
    "eventTicket": frozenset({"posterEventTicket", "eventTicket"}),  # iOS 18
    "boardingPass": frozenset({"semanticBoardingPass", "boardingPass"}),  # iOS 26
}
ALPHABETS: Mapping[str, re.Pattern[str]] = {
    "code128": re.compile(r"[\x00-\x7f]*"),  # ISO/IEC 15417
    "code39": re.compile(r"[0-9A-Z. $/+%-]*"),  # ISO/IEC 16388
    "codabar": re.compile(r"[0-9$:/.+A-Da-d-]*"),  # EN 798
    "i2of5": re.compile(r"([0-9]{2})*"),  # ISO/IEC 16390: digits in pairs
    "ean13": re.compile(r"([0-9]{13})?"),  # ISO/IEC 15420
}
"""What a line code can write; an empty message is no barcode at all."""
MAX_INTERVAL = timedelta(hours=24)
MAX_NFC_MESSAGE = 64
"""Bytes."""
LEAST_CONTRAST = 3.0
"""WCAG's minimum for large text, which the values on a card are."""


def too_many_entries(template: Template) -> Iterator[Found]:
    """Lists of which only the first entries count."""
    for key, (most, what) in MOST.items():
        if (count := len(getattr(template, key))) > most:
            yield pointer(key), f"{count} {key.replace('_', ' ')}, and {what}", f"Keep the {most} that matter most."


def keys_of_other_styles(template: Template) -> Iterator[Found]:
    """Keys that none of the template's styles reads."""
    for key, (styles, why) in ONLY_ON.items():
        if getattr(template, key) not in (None, (), "") and not styles & shown_style(template):
            yield pointer(key), why, "Remove it."


def extra_keys_of_other_styles(template: Template) -> Iterator[Found]:
    """Apple's addresses for events and flights under ``apple:`` of another style."""
    for names, style in ((EVENT_URLS, "eventTicket"), (BOARDING_URLS, "boardingPass")):
        for key in template.apple:
            if key in names and style not in shown_style(template):
                yield pointer("apple", key), f"only an {style} shows `{key}`", "Remove it, or put a link into `back`."


def _is_poster_event(template: Template) -> bool:
    return "posterEventTicket" in template.preferred_style_schemes


def logo_text_on_posters(template: Template) -> Iterator[Found]:
    """Posters draw no logoText."""
    if template.logo_text and (_is_poster_event(template) or shown_style(template) == {"posterGeneric"}):
        fix = "Use `event_logo_text`." if _is_poster_event(template) else "Draw the words into `primaryLogo`."
        yield "/logo_text", "a poster does not show `logo_text`", fix


def launch_without_store(template: Template) -> Iterator[Found]:
    """An appLaunchURL needs an app."""
    if template.app_launch_url and not template.associated_store_identifiers:
        detail = "iOS does not know which app to open"
        yield "/app_launch_url", detail, "Add `associated_store_identifiers: [App Store id]`."


def schemes_of_other_styles(template: Template) -> Iterator[Found]:
    """Style schemes by style."""
    known = frozenset().union(*(SCHEMES.get(style, frozenset()) for style in shown_style(template)))
    for index, scheme in enumerate(template.preferred_style_schemes):
        if known and scheme not in known:
            fix = f"Use {' or '.join(sorted(known))}."
            yield f"/preferred_style_schemes/{index}", f"`{scheme}` is no scheme of this style", fix


def poster_event_needs(template: Template) -> Iterator[Found]:
    """What a poster event ticket must say, else the old layout is drawn."""
    if _is_poster_event(template):
        missing = [name for name in POSTER_EVENT_NEEDS if name not in (template.semantics or {})]
        missing += [] if "artwork" in template.images or "background" in template.images else ["the picture `artwork`"]
        missing += [] if template.nfc and template.nfc.requires_authentication else ["nfc with requires_authentication"]
        if missing:
            detail = f"without {', '.join(missing)} iOS draws the old layout"
            yield "/preferred_style_schemes", detail, "Add them, the names under `semantics`."


def semantic_boarding_needs(template: Template) -> Iterator[Found]:
    """What a semantic boarding pass must say."""
    if "semanticBoardingPass" in template.preferred_style_schemes:
        missing = [name for name in SEMANTIC_BOARDING_NEEDS if name not in (template.semantics or {})]
        if missing:
            detail = f"without {', '.join(missing)} iOS draws the old layout"
            yield "/preferred_style_schemes", detail, "Add them under `semantics`."


def unknown_semantics(template: Template) -> Iterator[Found]:
    """A tag that Apple does not list is ignored in silence."""
    places = [("/semantics", template.semantics or {})]
    places += [(f"{place}/semantics", field.semantics or {}) for place, _, _, field in every_field(template)]
    for place, tags in places:
        for tag in tags:
            if tag not in SEMANTICS:
                close = get_close_matches(tag, SEMANTICS, n=1)
                fix = f"Did you mean `{close[0]}`?" if close else "Remove it, or check Apple's list of semantic tags."
                yield place + pointer(tag), f"Apple has no semantic tag `{tag}`", fix


def poster_without_fallback(template: Template) -> Iterator[Found]:
    """Only iOS 27 knows posterGeneric."""
    if template.style == "posterGeneric" and template.fallback is None:
        detail = "phones before iOS 27 cannot open a posterGeneric alone"
        yield "/fallback", detail, "Add `fallback: {style: generic}`."


def places_off_the_globe(template: Template) -> Iterator[Found]:
    """Latitude within 90 degrees, longitude within 180; swapped ones are found this way too."""
    for index, place in enumerate(template.locations):
        for key, most in (("latitude", 90), ("longitude", 180)):
            value = getattr(place, key)
            if isinstance(value, int | float) and abs(value) > most:
                detail = f"{key} {value} is off the globe"
                yield f"/locations/{index}/{key}", detail, f"It is within {most} degrees; are the two swapped?"


def unreadable_expiry(template: Template) -> Iterator[Found]:
    """An expirationDate that iOS refuses the whole pass for."""
    if template.expires and is_constant(template.expires) and not is_moment(template.expires):
        detail = f"{template.expires[:40]!r} is no date, and iOS refuses the whole pass over one"
        yield "/expires", detail, 'Write "2026-12-01T18:30:00+03:00".'


def unreadable_relevance(template: Template) -> Iterator[Found]:
    """The same for relevant dates."""
    for index, entry in enumerate(template.relevant_dates):
        for key in ("date", "start", "end"):
            text = getattr(entry, key)
            if text and is_constant(text) and not is_moment(text):
                place = f"{template.place('relevant_dates', index)}/{key}"
                detail = f"{text[:40]!r} is no date, and iOS refuses the whole pass over one"
                yield place, detail, 'Write "2026-12-01T18:30:00+03:00".'


def long_intervals(template: Template) -> Iterator[Found]:
    """An interval of relevance runs forwards and lasts at most a day."""
    for index, entry in enumerate(template.relevant_dates):
        start, end = (_instant(text) for text in (entry.start, entry.end))
        if start and end and not timedelta(0) < end - start <= MAX_INTERVAL:
            detail = "an interval of relevance ends after it starts, within 24 hours"
            yield template.place("relevant_dates", index), detail, "Give several shorter intervals."


def _instant(text: str | None) -> datetime | None:
    if not text or not is_constant(text) or not is_moment(text) or len(text) == len(date.min.isoformat()):
        return None
    return instant(text)


def nfc_needs_its_certificate(template: Template) -> Iterator[Found]:
    """A plain certificate makes a pass with nfc unloadable."""
    if template.nfc is not None:
        detail = "a pass with `nfc` opens only when signed with Apple's certificate `Pass Type ID with NFC`"
        yield "/nfc", detail, "Apply to Apple for it, or remove `nfc`."


def nfc_values(template: Template) -> Iterator[Found]:
    """The message is at most 64 bytes; the key a SubjectPublicKeyInfo on P-256."""
    if template.nfc is None:
        return
    if is_constant(template.nfc.message) and (length := len(template.nfc.message.encode())) > MAX_NFC_MESSAGE:
        yield "/nfc/message", f"the message has {length} bytes, more than {MAX_NFC_MESSAGE}", "Shorten it."
    if not _is_p256(template.nfc.encryption_public_key):
        detail = "this is not a public key on the curve P-256"
        yield "/nfc/encryption_public_key", detail, "Give the base64 of its SubjectPublicKeyInfo (DER)."


def _is_p256(text: str) -> bool:
    try:
        key = load_der_public_key(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError, UnsupportedAlgorithm):
        return False
    return isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)


def new_barcodes_alone(template: Template) -> Iterator[Found]:
    """The formats of iOS 27 need an old one after them."""
    for index, code in enumerate(template.barcode):
        if code.format in NEW_FORMATS and all(later.format in NEW_FORMATS for later in template.barcode[index + 1 :]):
            detail = f"phones before iOS 27 show no `{code.format}`"
            fix = "Add a qr, pdf417, aztec or code128 after it, which they show instead."
            yield f"{template.place('barcode', index)}/format", detail, fix


def barcode_on_posters(template: Template) -> Iterator[Found]:
    """Poster event tickets have no barcode."""
    if template.barcode and _is_poster_event(template):
        detail = "a poster event ticket shows no barcode; iOS draws the old layout when there is one"
        yield "/barcode", detail, "Remove the barcode, or the scheme posterEventTicket."


def _examples(template: Template, text: str) -> Iterator[str]:
    """What ``text`` may hold: itself, and the samples of the text variables in it."""
    yield text
    for name in names_in(text) & set(template.variables):
        variable = template.variables[name]
        if variable.is_text and isinstance(variable.sample, str):
            yield variable.sample


def barcode_beyond_latin(template: Template) -> Iterator[Found]:
    """Outside latin-1 the message is sent as utf-8, which old scanners misread; who asks for utf-8 knows."""
    for index, code in enumerate(template.barcode):
        if code.encoding != "utf-8" and any(
            not _fits(example, "iso-8859-1") for example in _examples(template, code.message)
        ):
            detail = "the message has characters outside latin-1, and is written in utf-8"
            fix = "Try it on your scanner and write `encoding: utf-8`, or put only the card number into it."
            yield f"{template.place('barcode', index)}/message", detail, fix


def barcode_alphabets(template: Template) -> Iterator[Found]:
    """A line code that cannot hold the message draws nothing."""
    for index, code in enumerate(template.barcode):
        shape = ALPHABETS.get(code.format)
        written = [example for example in _examples(template, code.message) if is_constant(example)]
        wrong = [example for example in written if shape and not shape.fullmatch(example)]
        if wrong:
            detail = f"{wrong[0][:40]!r} cannot be written as {code.format}"
            yield f"{template.place('barcode', index)}/message", detail, "Use another message, or a qr."


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def low_contrast(template: Template) -> Iterator[Found]:
    """Texts that hardly stand out from the card, in its own colours and in each variant's."""
    if template.use_automatic_colors:
        return
    looks = [("", template.colors)]
    looks += [(f"/variants/{index}", variant.colors) for index, variant in enumerate(template.variants)]
    for place, colors in looks:
        own = colors.model_fields_set
        ground = _luminance(colors.background or template.colors.background)
        for key in ("foreground", "label"):
            light = _luminance(getattr(colors, key) or getattr(template.colors, key))
            if ground is None or light is None or not own & {key, "background"}:
                continue
            ratio = (max(ground, light) + 0.05) / (min(ground, light) + 0.05)
            if ratio < LEAST_CONTRAST:
                need = f"large text needs {LEAST_CONTRAST:.0f} : 1"
                detail = f"{key} and background have a contrast of {ratio:.1f} : 1, and {need}"
                yield f"{place}/colors/{key if key in own else 'background'}", detail, "Take a lighter or darker one."


def _luminance(text: str | None) -> float | None:
    """WCAG's relative luminance, 0 to 1; None for an expression or no colour."""
    if not text or not is_constant(text):
        return None
    try:
        written = color(text)
    except ValueError:
        return None
    if not isinstance(written, str):
        return None
    shares = [int(part) / 255 for part in written.removeprefix("rgb(").rstrip(")").split(",")]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
