"""Both platforms' limits as data: ``check`` says where a template would look wrong, lose something, or not open at all.

One row of ``RULES`` per rule: how bad, the vendor's page it comes from, what finds it, and the line iOS logs where one is
known. ERROR is a pass that does not open or is not updated; WARNING is something drawn wrong or not at all; NOTE is worth
knowing. Form and references are ``schema``'s to judge and whether expressions work is ``render``'s; nothing is said twice.
``check`` never raises.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from passkit import limits_fields as fields
from passkit import limits_google as google
from passkit import limits_pass as whole
from passkit import limits_pictures as pictures
from passkit import limits_texts as texts
from passkit.errors import Problem, Severity
from passkit.limits_reading import Found
from passkit.schema import Template

APPLE = "https://developer.apple.com/documentation/walletpasses/"
ARCHIVE = "https://developer.apple.com/library/archive/documentation/UserExperience/Conceptual/PassKit_PG/"
BUILDER = "https://github.com/apple/pass-builder: "
GENERATOR = "https://github.com/alexandercerutti/passkit-generator: "
GOOGLE = "https://developers.google.com/wallet/reference/rest/v1/"
OURS = "Passbell: "
"""A rule of ours: no vendor's page says it, practice does."""

UNREADABLE_DATE = "Unable to parse {} as a date. We expect"
"""How the line begins that a phone logs for each kind of date (jpasskit#253)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit: ``find`` yields where a template passes it."""

    severity: Severity
    source: str
    find: Callable[[Template], Iterator[Found]]
    log_line: str | None = None


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

RULES: tuple[Rule, ...] = (
    # Pictures: slots and sizes of apple/pass-builder, what each style draws of the pages on creating passes.
    Rule(_E, GENERATOR + "without an icon no Apple device opens the pass", pictures.no_icon),
    Rule(_E, BUILDER + "PassPackage.swift", pictures.unreadable),
    Rule(_W, BUILDER + "PassPackage.swift", pictures.not_drawn),
    Rule(_W, ARCHIVE + "Creating.html", pictures.excluded_by_strip),
    Rule(_W, BUILDER + "PassPackage.swift", pictures.too_small),
    Rule(_N, BUILDER + "PassPackage.swift", pictures.much_cut_off),
    Rule(_W, APPLE + "building-a-pass", pictures.unused_files),
    Rule(_N, APPLE + "creating-a-poster-generic-pass", pictures.poster_without_pictures),
    Rule(_W, OURS + "a stamp is sharp", pictures.soft_stamps),
    Rule(_W, APPLE + "creating-a-store-card-pass", pictures.stamps_under_texts),
    Rule(_W, OURS + "what a picture says, a field says too", pictures.unspoken_stamps),
    Rule(_N, APPLE + "creating-a-store-card-pass", pictures.nothing_at_the_top),
    # Fields: how many are drawn, and what a zone takes.
    Rule(_W, APPLE + "creating-a-store-card-pass", fields.too_many),
    Rule(_N, APPLE + "creating-a-store-card-pass", fields.perhaps_too_many),
    Rule(_N, APPLE + "defining-the-metadata", fields.generic_pages_disagree),
    Rule(_W, APPLE + "creating-a-poster-generic-pass", fields.dropped_zones),
    Rule(_W, APPLE + "passfieldcontent", fields.fixed_alignment),
    Rule(_W, APPLE + "passfieldcontent", fields.detectors_in_front),
    Rule(_W, APPLE + "passfieldcontent", fields.row_elsewhere),
    Rule(_E, APPLE + "passfieldcontent", fields.currency_and_number_style),
    Rule(_W, APPLE + "passfieldcontent", fields.only_links_in_attributed_value),
    Rule(_W, APPLE + "passfieldcontent", fields.message_without_value),
    Rule(_W, APPLE + "passfieldcontent", fields.message_on_a_constant),
    Rule(_N, APPLE + "adding-a-web-service-to-update-passes", fields.nothing_rings),
    Rule(_W, APPLE + "creating-a-store-card-pass", fields.long_labels),
    Rule(_W, OURS + "what a lock screen holds", fields.long_messages),
    Rule(_N, OURS + "what a lock screen holds", fields.cut_messages),
    Rule(_E, APPLE + "passfieldcontent", fields.unreadable_dates, UNREADABLE_DATE.format("value")),
    # The pass as a whole.
    Rule(_W, APPLE + "pass", whole.too_many_entries),
    Rule(_W, APPLE + "pass", whole.keys_of_other_styles),
    Rule(_W, APPLE + "pass", whole.extra_keys_of_other_styles),
    Rule(_W, APPLE + "creating-an-event-pass", whole.logo_text_on_posters),
    Rule(_W, GENERATOR + "appLaunchURL", whole.launch_without_store),
    Rule(_W, APPLE + "pass", whole.schemes_of_other_styles),
    Rule(_W, APPLE + "creating-an-event-pass", whole.poster_event_needs),
    Rule(_W, APPLE + "semantictags", whole.semantic_boarding_needs),
    Rule(_W, APPLE + "semantictags", whole.unknown_semantics),
    Rule(_W, APPLE + "creating-a-poster-generic-pass", whole.poster_without_fallback),
    Rule(_E, APPLE + "pass/locations-data.dictionary", whole.places_off_the_globe),
    Rule(_E, APPLE + "pass", whole.unreadable_expiry, UNREADABLE_DATE.format("expirationDate")),
    Rule(_E, APPLE + "pass", whole.unreadable_relevance, UNREADABLE_DATE.format("relevantDate")),
    Rule(_W, GENERATOR + "RelevantDate", whole.long_intervals),
    Rule(_W, APPLE + "pass/nfc-data.dictionary", whole.nfc_needs_its_certificate),
    Rule(_E, APPLE + "pass/nfc-data.dictionary", whole.nfc_values),
    Rule(_W, APPLE + "pass/barcodes-data.dictionary", whole.new_barcodes_alone),
    Rule(_W, APPLE + "creating-an-event-pass", whole.barcode_on_posters),
    Rule(_N, APPLE + "pass/barcodes-data.dictionary", whole.barcode_beyond_latin),
    Rule(_W, APPLE + "pass/barcodes-data.dictionary", whole.barcode_alphabets),
    Rule(_W, "https://www.w3.org/TR/WCAG22/#contrast-minimum", whole.low_contrast),
    # Google.
    Rule(_W, GOOGLE, google.google_hints),
    Rule(_E, GOOGLE, google.google_expressions),
    Rule(_E, GOOGLE + "RotatingBarcode", google.google_secret),
    Rule(_W, GOOGLE + "loyaltyclass", google.google_titles),
    Rule(_W, GOOGLE + "loyaltyobject", google.google_crowded),
    Rule(_W, GOOGLE + "transitobject", google.google_departure),
    Rule(_W, "https://developers.google.com/wallet/generic/resources/brand-guidelines", google.google_logo),
    Rule(_W, GOOGLE + "loyaltyclass", google.google_lengths),
    Rule(_W, GOOGLE + "AppLinkData", google.google_button),
    # Texts, translations and variables.
    Rule(_W, APPLE + "creating-the-source-for-a-pass", texts.no_table),
    Rule(_W, APPLE + "creating-the-source-for-a-pass", texts.untranslated),
    Rule(_W, APPLE + "creating-the-source-for-a-pass", texts.translations_of_nothing),
    Rule(_W, OURS + "a variable is declared to be seen", texts.unused_variables),
    Rule(_W, OURS + "who asks for personal data asks for consent", texts.asks_without_consent),
    Rule(_N, OURS + "a variable is declared to be seen", texts.no_samples),
)


def check(template: Template) -> list[Problem]:
    """Every limit that the template passes, the worst first; an empty list for a clean one."""
    problems = [problem for rule in RULES for problem in judged(rule, template)]
    order = list(Severity)
    return sorted(dict.fromkeys(problems), key=lambda problem: order.index(problem.severity))


def judged(rule: Rule, template: Template) -> Iterator[Problem]:
    """What one rule finds; a rule that trips becomes a note."""
    try:
        for pointer, detail, fix in rule.find(template):
            yield Problem(rule.severity, pointer, detail, fix, rule.log_line)
    except Exception as error:  # a rule that trips must not stop the others, nor hide that it did
        detail = f"the rule {rule.find.__name__} could not judge this template: {error!r:.200}"
        yield Problem(Severity.NOTE, "", detail, "Tell the authors of Passbell.")
