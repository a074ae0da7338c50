"""Classes and objects: the bodies that Google's Wallet API takes, from a revision and a card.

A class is shared by all cards of a template, an object is one card's. Both come from the template's own expressions, so that they
say what the Apple card says. The same inputs give the same bytes: nothing here reads a clock, and ``now`` reaches no body.

Bodies are whole. ``patch_body`` makes of one what a PATCH needs: PATCH merges, so what we no longer set is cleared by null
(developers.google.com/wallet/reference/rest/v1/loyaltyobject/patch). Fields that are not ours (``messages``, ``hasUsers``,
``notifyPreference``...) are never in either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

from passkit.errors import TemplateError
from passkit.google import heroes
from passkit.google.datatypes import image
from passkit.google.kinds import plan_of
from passkit.google.owned import OWNED, Tree
from passkit.google.plan import Body, Plan
from passkit.google.types import GoogleType
from passkit.model import Card, CardState, News
from passkit.render import Revision

STATES = {
    CardState.ACTIVE: "ACTIVE",
    CardState.VOIDED: "INACTIVE",
    CardState.EXPIRED: "EXPIRED",
    CardState.COMPLETED: "COMPLETED",
}
"""Any but ACTIVE lies among Google's expired passes."""

LOGOS: Mapping[GoogleType, tuple[str, str]] = {
    GoogleType.LOYALTY: ("programLogo", "wideProgramLogo"),
    GoogleType.GIFT_CARD: ("programLogo", "wideProgramLogo"),
    GoogleType.OFFER: ("titleImage", "wideTitleImage"),
    GoogleType.EVENT_TICKET: ("logo", "wideLogo"),
    GoogleType.GENERIC: ("logo", "wideLogo"),
    GoogleType.TRANSIT: ("logo", "wideLogo"),
}
"""What each type calls its square and its wide logo; a flight has the airline's."""
NEEDS_LOGO = frozenset({GoogleType.LOYALTY, GoogleType.TRANSIT})
MISSING_LOGO = "/images/logo.png"
"""Below PUBLIC_URL: where a required logo would be. It is not there, so that Google's answer names what is missing."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where things live: Google's ids (whole, ``issuer.suffix``), PUBLIC_URL, and where saves and deletions are told."""

    issuer_id: str
    class_id: str
    public_url: str
    callback_url: str | None = None


@dataclass(frozen=True, slots=True)
class GooglePictures:
    """A revision's pictures as public https URLs, by what Google calls their places; None: there is none."""

    logo: str | None = None
    wide_logo: str | None = None
    hero: str | None = None
    thumbnail: str | None = None
    heroes: Mapping[str, str] = field(default_factory=dict)
    """By ``heroes.name``: of the looks that a card's data chooses."""

    @classmethod
    def of(cls, addresses: Mapping[str, str]) -> GooglePictures:
        """From what ``pictures`` calls them."""
        shared = {slot: addresses.get(slot) for slot in ("logo", "wide_logo", "hero", "thumbnail")}
        return cls(**shared, heroes={name: url for name, url in addresses.items() if name not in shared})


_PLANS: WeakKeyDictionary[Revision, Plan] = WeakKeyDictionary()


def compiled(revision: Revision) -> Plan:
    """The revision's plan, made at first use; raises TemplateError where a hint does not work."""
    plan = _PLANS.get(revision)
    if plan is None:
        plan = plan_of(revision.template, revision.brand)
        if plan.leaves.problems:
            raise TemplateError(plan.leaves.problems)
        _PLANS[revision] = plan
    return plan


def class_body(revision: Revision, address: Address, pictures: GooglePictures, now: datetime) -> dict[str, Any]:
    """The class of all the template's cards, to insert."""
    plan = compiled(revision)
    body: Body = {"id": address.class_id, **plan.class_part()}
    if plan.type is not GoogleType.GENERIC:
        body |= _pictures(plan.type, pictures, address)
    if pictures.thumbnail and pictures.logo:
        body["imageModulesData"] = [{"id": "thumbnail", "mainImage": image(pictures.thumbnail)}]
    if address.callback_url:
        body["callbackOptions"] = {"url": address.callback_url}
    return body


def object_body(
    revision: Revision,
    card: Card,
    news: News | None,
    address: Address,
    object_id: str,
    pictures: GooglePictures,
    now: datetime,
) -> dict[str, Any]:
    """The card's object, to insert; raises RenderError with the place in template.yaml that failed on this card's data.

    ``news`` reaches only texts that mix it with the card's own data; news alone go out as messages.
    """
    plan = compiled(revision)
    language = revision.template.language(card.language)
    speak = plan.speakers[language]
    body: Body = {"id": object_id, "classId": address.class_id, "state": STATES[card.state]}
    names = revision.names(card)
    spoken = [revision.speak(names, None, language)] * len(revision.languages)
    if news is not None:
        spoken = [revision.speak(dict(names), news, one) for one in revision.languages]
    values = plan.leaves.evaluate(spoken, speak.main)
    for part in plan.object_parts:
        part(body, values, speak)
    if plan.type is GoogleType.GENERIC:
        body |= _pictures(plan.type, pictures, address)
    if plan.choice is not None and (hero := heroes.of(plan.choice.look(values), pictures.heroes)):
        body["heroImage"] = image(hero)
    return body


def patch_body(kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The body for a PATCH of a ``kind`` such as ``loyaltyObject``: null for all that is ours and not in it."""
    return _cleared(OWNED[kind], body)


def _cleared(tree: Tree, body: Mapping[str, Any]) -> dict[str, Any]:
    made = dict(body)
    for key, below in tree.items():
        value = body.get(key)
        if value is None:
            made[key] = None
        elif below and isinstance(value, Mapping):
            made[key] = _cleared(below, value)
    return made


def _pictures(kind: GoogleType, pictures: GooglePictures, address: Address) -> Body:
    """Each picture at its place; a logo that Google insists on is made of whatever there is."""
    made: Body = {}
    if kind in LOGOS:
        square, wide = LOGOS[kind]
        logo = pictures.logo or pictures.thumbnail
        if logo is None and kind in NEEDS_LOGO:
            logo = pictures.wide_logo or pictures.hero or f"{address.public_url}{MISSING_LOGO}"
        if logo:
            made[square] = image(logo)
        if pictures.wide_logo:
            made[wide] = image(pictures.wide_logo)
    if pictures.hero:
        made["heroImage"] = image(pictures.hero)
    return made
