"""Phone numbers: from what a person types to one form that can be compared, and back to one that can be read.

Numbering plans come from ``phonenumbers``, Google's libphonenumber (https://github.com/google/libphonenumber); nothing is
looked up anywhere. A number is kept as E.164, ``+79161234567`` (https://www.itu.int/rec/T-REC-E.164).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import phonenumbers
from babel.core import get_global
from phonenumbers import NumberParseException, PhoneNumber, PhoneNumberFormat, PhoneNumberType, ValidationResult

from passkit.schema import Template

MAX_LENGTH = 40
"""Characters that anybody types for a number."""
_MOBILE = PhoneNumberType.MOBILE


def e164(text: str, region: str | None, *, strict: bool = False) -> str | None:
    """The number in E.164, or None for what is none; ``region`` (``RU``) is whose national way of writing is meant.

    A number of the right length will do, for numbering plans change sooner than their lists; ``strict`` also asks whether
    such a number is given out at all, which notices a lost digit.
    """
    number = _parsed(text, region)
    if number is None or phonenumbers.is_possible_number_with_reason(number) != ValidationResult.IS_POSSIBLE:
        return None
    if strict and not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def region_of(time_zone: str, languages: Sequence[str] = ()) -> str | None:
    """The country that a brand's time zone lies in (``RU``), else where its first language is mostly spoken."""
    territory = get_global("zone_territories").get(time_zone)
    if territory and territory in phonenumbers.SUPPORTED_REGIONS:
        return str(territory)
    for language in languages[:1]:
        likely = str(get_global("likely_subtags").get(language.split("-")[0], "")).rpartition("_")[2]
        if likely in phonenumbers.SUPPORTED_REGIONS:
            return likely
    return None


def country_of(number: str) -> int | None:
    """The country calling code of a number in E.164."""
    parsed = _parsed(number, None)
    return None if parsed is None else parsed.country_code


def shown(number: str) -> str:
    """A number in E.164 as people read it: ``+7 916 123-45-67``."""
    parsed = _parsed(number, None)
    return number if parsed is None else phonenumbers.format_number(parsed, PhoneNumberFormat.INTERNATIONAL)


def masked(number: str) -> str:
    """Enough for its owner to know it again, and for nobody else to call it: ``+7 ••• •••-••-67``."""
    text = shown(number)
    keep = len(text) - 2
    code = len(f"+{country_of(number) or ''}")
    return text[:code] + re.sub(r"[0-9]", "•", text[code:keep]) + text[keep:]


def example(region: str | None) -> str:
    """How a mobile number of this country is written, for the form to show; empty where no country is known."""
    sample = phonenumbers.example_number_for_type(region, _MOBILE) if region else None
    return "" if sample is None else phonenumbers.format_number(sample, PhoneNumberFormat.INTERNATIONAL)


def of_holder(template: Template) -> tuple[str, ...]:
    """The variables by which a card is found: phones that are somebody's own (``type: phone``, ``personal: true``)."""
    return tuple(name for name, it in template.variables.items() if it.type == "phone" and it.personal)


def _parsed(text: str, region: str | None) -> PhoneNumber | None:
    if len(text) > MAX_LENGTH:
        return None
    try:
        return phonenumbers.parse(re.sub(r"^\s*00\s*(?=[1-9])", "+", text), region)
    except NumberParseException:
        return None
